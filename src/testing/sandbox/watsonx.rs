//! IBM's side of its variety of chat completions.

use serde_json::{Value, json};

use super::answer::Answer;
use super::chat_completions::ChatCompletions;
use super::check::Denial;
use super::format::{Event, Format};
use super::question::Question;
use super::request::Received;
use super::vendor::Rules;

/// Chat completions with IBM's names; a stream ends without a mark.
pub(super) struct Watsonx;

impl Format for Watsonx {
    fn key<'a>(&self, request: &'a Received) -> Option<&'a str> {
        ChatCompletions.key(request)
    }

    fn wrong_key(&self) -> Denial {
        ChatCompletions.wrong_key()
    }

    fn unknown_model(&self, model: &str) -> Denial {
        ChatCompletions.unknown_model(model)
    }

    fn read(&self, request: &Received, rules: &Rules) -> Result<Question, Denial> {
        let mut request = request.clone();
        if request.parameter("version").is_none() {
            return Err(Denial::invalid("The version is missing."));
        }
        let is_streamed = request.is_for("/text/chat_stream");
        let Some(fields) = request.json.as_object_mut() else { return Err(Denial::invalid("no object")) };
        for (foreign, own) in [("model", "model_id"), ("stream", "the path"), ("stream_options", "nothing")] {
            if fields.contains_key(foreign) {
                return Err(Denial::invalid(format!("There is no field {foreign}; it is {own}.")));
            }
        }
        if fields.remove("project_id").is_none_or(|project| !project.is_string()) {
            return Err(Denial::invalid("The project_id is missing."));
        }
        let model = fields.remove("model_id").ok_or_else(|| Denial::invalid("The model_id is missing."))?;
        fields.insert("model".to_owned(), model);
        if let Some(choice) = fields.remove("tool_choice_option") {
            fields.insert("tool_choice".to_owned(), choice);
        }
        if is_streamed {
            fields.insert("stream".to_owned(), json!(true));
            fields.insert("stream_options".to_owned(), json!({"include_usage": true}));
        }
        ChatCompletions.read(&request, rules)
    }

    fn whole(&self, answer: &Answer) -> Value {
        ChatCompletions.whole(answer)
    }

    fn events(&self, answer: &Answer) -> Vec<Event> {
        let mut events = ChatCompletions.events(answer);
        events.retain(|event| event.data != "[DONE]");
        events.into_iter().map(|event| event.named("message")).collect()
    }

    fn failure(&self, denial: &Denial) -> Value {
        let own = ChatCompletions.failure(denial);
        let message = own.pointer("/error/message").cloned().unwrap_or_default();
        json!({"errors": [{"code": "invalid_request", "message": message}], "status_code": denial.status})
    }

    fn id_header(&self) -> &'static str {
        "x-request-id"
    }
}
