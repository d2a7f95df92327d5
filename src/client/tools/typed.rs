//! Tools whose schema comes from the type of their arguments.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Toolbox;
use crate::client::schema::Shape;
use crate::types::Tool;

impl Toolbox {
    /// As [`add`](Self::add), with the JSON Schema of `A`. The doc comments of its fields are told to the model.
    ///
    /// ```
    /// use polyroute::Toolbox;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct Place {
    ///     /// A city's name, in English.
    ///     city: String,
    /// }
    ///
    /// let tools = Toolbox::new().function("weather", "Temperature in a city", |place: Place| async move {
    ///     if place.city == "Paris" { Ok("18 degrees") } else { Err("no station there") }
    /// });
    /// let schema = tools.tools().next().unwrap().parameters.as_ref().unwrap();
    /// assert!(schema.as_str().contains("A city's name, in English."));
    /// ```
    #[must_use]
    pub fn function<A, R, E, F, W>(self, name: &str, description: &str, function: F) -> Self
    where
        A: DeserializeOwned + JsonSchema + 'static,
        R: Serialize,
        E: fmt::Display,
        F: Fn(A) -> W + Send + Sync + 'static,
        W: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.add(Tool::function(name, description, Shape::of::<A>().bare), function)
    }
}
