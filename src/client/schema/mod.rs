//! Answers as values of the application's own types. Behind the feature `schema`.

mod shape;

use serde::de::DeserializeOwned;

pub use schemars::JsonSchema;
pub(super) use shape::Shape;

use crate::client::mend::{correction, following};
use crate::client::{Client, pipeline};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{ChatRequest, ChatResponse, FinishReason, Part, ResponseFormat, Usd};

/// A value read from an answer, and the answer.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Typed<T> {
    /// What the model answered.
    pub value: T,
    /// The answer it was read from.
    pub response: ChatResponse,
    /// The answer before it, when that did not fit the type and the model was asked to mend it.
    pub rejected: Option<Box<ChatResponse>>,
}

impl<T> Typed<T> {
    /// What the answer cost, with the rejected one and failed attempts; `None` when a cost is unknown.
    pub fn total_cost(&self) -> Option<Usd> {
        let own = self.response.summary.total_cost()?;
        match &self.rejected {
            None => Some(own),
            Some(rejected) => Some(own.saturating_add(rejected.summary.total_cost()?)),
        }
    }
}

impl Client {
    /// Asks for a value of type `T`: its JSON Schema goes out as the format of the answer, and the answer is read into it.
    /// The doc comments of its fields are told to the model.
    ///
    /// The fields are told in alphabetical order, unless the feature `preserve_order` of `serde_json` is on in the program:
    /// then in that of the type, which matters where a model should reason before it concludes.
    ///
    /// The answer is held against both the schema, with its ranges, lengths and patterns, and the type. One that does not fit
    /// is shown to the model once, with what is wrong, within the time of the whole call. Targets that know no schemas are asked
    /// in another way; see [`adaptations`](ChatResponse::adaptations).
    ///
    /// ```
    /// use polyroute::Client;
    /// use schemars::JsonSchema;
    /// use serde::Deserialize;
    ///
    /// #[derive(Deserialize, JsonSchema)]
    /// struct City {
    ///     name: String,
    ///     /// In thousands.
    ///     inhabitants: u32,
    /// }
    ///
    /// # use polyroute::{Settings, testing::Sandbox, types::Reply};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> polyroute::Result<()> {
    /// # let sandbox = Sandbox::start().await?;
    /// # sandbox.openai().then(Reply::text(r#"{"name": "Oslo", "inhabitants": 700}"#));
    /// # let client = Client::builder()
    /// #     .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url())).build()?;
    /// let city = client.chat_as::<City>(("openai/gpt-6-luna", "Name a city in Norway.")).await?.value;
    /// assert_eq!((city.name.as_str(), city.inhabitants), ("Oslo", 700));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// Those of [`chat`](Self::chat); [`ErrorKind::InvalidResponse`] when the mended answer does not fit either, the token
    /// limit cut it or the model declined. The raw text of the last answer is in [`Error::partial`], also where the call that
    /// was to mend it failed, never in `Display` or `Debug`; the attempts of both calls are in [`Error::attempts`].
    pub async fn chat_as<T: DeserializeOwned + JsonSchema>(
        &self,
        request: impl Into<ChatRequest>,
    ) -> Result<Typed<T>> {
        let mut request: ChatRequest = request.into();
        let shape = Shape::of::<T>();
        request.response_format = Some(ResponseFormat::json_schema(&*shape.name, shape.wrapped.clone()));
        let response = pipeline::chat(&self.inner, &request).await?;
        let fault = match shape.read(&response.text()) {
            Ok(value) => return Ok(Typed { value, response, rejected: None }),
            Err(fault) => fault,
        };
        if let Some(reason) = hopeless(&response) {
            return Err(unfit(reason, response, None));
        }
        let wrong = format!(
            "That answer is not what was asked for: {fault}. Answer again, with nothing but the corrected JSON."
        );
        let Some(again) = correction(&self.inner, &request, &response, wrong) else {
            let reason = "the answer does not fit the type, and no time is left to have it corrected";
            return Err(unfit(reason, response, None));
        };
        let mended = match pipeline::chat(&self.inner, &again).await {
            Ok(mended) => mended,
            Err(error) => return Err(following(response, error)),
        };
        match shape.read(&mended.text()) {
            Ok(value) => Ok(Typed { value, response: mended, rejected: Some(Box::new(response)) }),
            Err(_) => {
                let reason = hopeless(&mended)
                    .unwrap_or("the answer does not fit the type, and its correction neither");
                Err(unfit(reason, mended, Some(response)))
            }
        }
    }
}

/// Why asking again would not help.
fn hopeless(response: &ChatResponse) -> Option<&'static str> {
    let declined = response.message().parts.iter().any(|part| matches!(part, Part::Refusal(_)));
    match response.finish_reason() {
        Some(FinishReason::Length) => Some("the token limit cut the JSON; raise max_output_tokens"),
        Some(FinishReason::ContentFilter) => Some("the provider's content policy cut the JSON"),
        Some(FinishReason::ToolCalls) => Some("the model asked for a tool; see Client::tool_run"),
        _ if declined => Some("the model declined to answer"),
        _ => None,
    }
}

fn unfit(reason: &'static str, response: ChatResponse, before: Option<ChatResponse>) -> Error {
    let mut attempts = before.map(|before| before.summary.attempts).unwrap_or_default();
    attempts.extend(response.summary.attempts);
    Error::new(ErrorKind::InvalidResponse, reason)
        .with_target(response.summary.target)
        .with_attempts(attempts)
        .with_partial(response.reply)
}
