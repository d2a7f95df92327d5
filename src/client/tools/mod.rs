//! Tools that run by themselves: the model asks, functions of the application answer, until the model is done.

mod run;
#[cfg(feature = "schema")]
mod typed;

use std::fmt;
use std::sync::Arc;

use futures::future::BoxFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use run::{ToolLimits, ToolRun, ToolStep, ToolStop};

use crate::types::{Part, Tool, ToolCall, ToolResult};

/// Functions of the application that a model may call, each with its description for the model.
///
/// ```
/// use polyroute::{Tool, Toolbox};
/// use serde::Deserialize;
/// use serde_json::json;
///
/// #[derive(Deserialize)]
/// struct Place { city: String }
///
/// let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
/// let weather = Tool::function("weather", "Temperature in a city", schema);
/// let tools = Toolbox::new().add(weather, |place: Place| async move {
///     match place.city.as_str() {
///         "Paris" => Ok("18 degrees"),
///         other => Err(format!("no station in {other}")),
///     }
/// });
/// # assert_eq!(tools.tools().count(), 1);
/// ```
///
/// With the feature `schema` the schema comes from the type of the arguments: `Toolbox::function`.
#[derive(Clone, Default)]
pub struct Toolbox {
    entries: Vec<Entry>,
}

#[derive(Clone)]
struct Entry {
    tool: Tool,
    run: Arc<dyn Run>,
}

/// A function whose types have been erased.
trait Run: Send + Sync {
    /// What the model is to read; `Err` when it is a failure.
    fn run(&self, arguments: &str) -> BoxFuture<'static, Result<Vec<Part>, String>>;
}

impl Toolbox {
    /// Without tools yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `function`, which the model knows as `tool`.
    ///
    /// Its argument is read from the model's JSON; what does not fit is told to the model, which usually mends it. What it
    /// returns goes to the model as it is when it is text, and as JSON otherwise; so does the text of an error. Calls of
    /// one turn run at the same time. A tool of the same name is replaced.
    #[must_use]
    pub fn add<A, R, E, F, W>(mut self, tool: Tool, function: F) -> Self
    where
        A: DeserializeOwned + 'static,
        R: Serialize,
        E: fmt::Display,
        F: Fn(A) -> W + Send + Sync + 'static,
        W: Future<Output = Result<R, E>> + Send + 'static,
    {
        self.entries.retain(|known| known.tool.name != tool.name);
        self.entries.push(Entry { tool, run: Arc::new(Typed(function, std::marker::PhantomData)) });
        self
    }

    /// What the model is told of each.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.entries.iter().map(|entry| &entry.tool)
    }

    /// Is there a tool of this name?
    pub fn has(&self, name: &str) -> bool {
        self.entries.iter().any(|entry| entry.tool.name == name)
    }

    /// Runs the function that `call` names. Whatever goes wrong is a failure for the model to read.
    ///
    /// Dropping the future drops the function's.
    pub async fn run(&self, call: &ToolCall) -> ToolResult {
        let Some(entry) = self.entries.iter().find(|entry| entry.tool.name == call.name) else {
            let names: Vec<&str> = self.tools().map(|tool| tool.name.as_str()).collect();
            let text = format!("there is no tool {:?}; the tools are: {}", call.name, names.join(", "));
            return ToolResult::failure(&call.id, text);
        };
        match entry.run.run(&call.arguments).await {
            Ok(content) => {
                let mut result = ToolResult::new(&call.id, "");
                result.content = content;
                result
            }
            Err(text) => ToolResult::failure(&call.id, text),
        }
    }
}

impl fmt::Debug for Toolbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.tools().map(|tool| &tool.name)).finish()
    }
}

struct Typed<F, A>(F, std::marker::PhantomData<fn(A)>);

impl<A, R, E, F, W> Run for Typed<F, A>
where
    A: DeserializeOwned + 'static,
    R: Serialize,
    E: fmt::Display,
    F: Fn(A) -> W + Send + Sync,
    W: Future<Output = Result<R, E>> + Send + 'static,
{
    fn run(&self, arguments: &str) -> BoxFuture<'static, Result<Vec<Part>, String>> {
        let text = if arguments.trim().is_empty() { "{}" } else { arguments };
        // The model wrote the arguments and may read what is wrong with them; nobody else does.
        let work = match serde_json::from_str(text) {
            Ok(arguments) => (self.0)(arguments),
            Err(error) => {
                return Box::pin(std::future::ready(Err(format!("the arguments do not fit: {error}"))));
            }
        };
        Box::pin(
            async move { work.await.map_err(|error| error.to_string()).and_then(|value| content(&value)) },
        )
    }
}

fn content(value: &impl Serialize) -> Result<Vec<Part>, String> {
    let text = match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        // Written from the value itself, so that the order of its fields is kept.
        Ok(_) => serde_json::to_string(value).map_err(|error| error.to_string())?,
        Err(error) => return Err(format!("the result has no JSON form: {error}")),
    };
    Ok(vec![Part::text(text)])
}
