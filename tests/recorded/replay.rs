//! Serves a recorded answer over loopback HTTP and asks for it through the real client.

use polyroute::provider::vendor::find;
use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Raw, Sandbox};
use polyroute::types::{ChatRequest, EmbedRequest, RerankRequest, Wire};
use polyroute::{Client, Settings};

use crate::case::Case;
use crate::compare::{compare_embedding, compare_error, compare_ranking, compare_reply};

/// A sandbox with a fake vendor for each name that is asked for.
pub(crate) struct Replay {
    sandbox: Sandbox,
}

impl Replay {
    pub(crate) fn new() -> polyroute::Result<Self> {
        Ok(Self { sandbox: Sandbox::open()? })
    }

    /// A client that knows nothing yet: the pause that one recorded answer asks for must not touch the next.
    fn client(&self, name: &str) -> polyroute::Result<Client> {
        let other = OTHER_FORMATS.iter().find_map(|(ending, wire)| Some((name.strip_suffix(ending)?, *wire)));
        let settings = match other {
            Some((vendor, wire)) => Settings::vendor(vendor).speak(wire),
            None => Settings::vendor(name),
        };
        let settings = settings.name(name).base_url(self.sandbox.vendor(name).url()).api_key("key-of-a-test");
        Client::builder().retry(RetryPolicy::default().max_attempts(1)).vendor(settings).build()
    }

    /// Plays `case` whole and in pieces of several sizes. `None` when no vendor here speaks its format.
    pub(crate) async fn run(&self, case: &Case) -> Option<Result<(), String>> {
        let vendor = vendor_of(case)?;
        for size in [None, Some(1), Some(7), Some(13), Some(4_096)] {
            let raw = Raw::new(case.status, case.body.clone());
            let raw = case.headers.iter().fold(raw, |raw, (name, value)| raw.header(name, value));
            self.sandbox.vendor(vendor).then(size.into_iter().fold(raw, Raw::pieces_of));
            if let Err(reason) = self.ask(vendor, case).await {
                let size = size.map_or("whole".to_owned(), |size| format!("in pieces of {size}"));
                return Some(Err(format!("{reason} ({size})")));
            }
        }
        Some(Ok(()))
    }

    async fn ask(&self, vendor: &str, case: &Case) -> Result<(), String> {
        let client = self.client(vendor).map_err(|error| error.to_string())?;
        // Behind `invoke` the model decides on the format.
        let invoked = case.path.strip_prefix("/model/").and_then(|path| path.strip_suffix("/invoke"));
        let model = format!("{vendor}/{}", invoked.unwrap_or("recorded-model"));
        if case.api == "embeddings" || case.api == "invoke" {
            let count = case.expect["embeddings"]["count"].as_u64().unwrap_or(1);
            let request = EmbedRequest::new(model, (0..count).map(|number| format!("text {number}")));
            return match client.embed(request).await {
                Ok(response) => compare_embedding(&response.reply, &case.expect),
                Err(error) => compare_error(&error, &case.expect),
            };
        }
        if case.api == "rerank" {
            let given =
                case.request.as_ref().map_or(0, |body| body["documents"].as_array().map_or(0, Vec::len));
            let documents = (0..given.max(1)).map(|number| format!("text {number}"));
            return match client.rerank(RerankRequest::new(model, "query", documents)).await {
                Ok(response) => compare_ranking(&response.reply, &case.expect),
                Err(error) => compare_error(&error, &case.expect),
            };
        }
        let request = ChatRequest::new(model).user("What was asked is part of the recording.");
        let answer = if case.stream {
            match client.chat_stream(request).await {
                Ok(stream) => stream.into_response().await,
                Err(error) => Err(error),
            }
        } else {
            client.chat(request).await
        };
        match answer {
            Ok(response) => compare_reply(&response.reply, &case.expect),
            Err(error) => compare_error(&error, &case.expect),
        }
    }
}

/// The vendor of the table that reads the case: the recorded one if it speaks the format, or one that does.
fn vendor_of(case: &Case) -> Option<&'static str> {
    let recorded = find(&case.provider);
    let (speaks, otherwise) = match case.api.as_str() {
        "chat_completions" => (chats(recorded, Wire::ChatCompletions), "compatible"),
        "messages" => (chats(recorded, Wire::Messages), "anthropic"),
        "converse" => (chats(recorded, Wire::Converse), "bedrock"),
        "generateContent" => (chats(recorded, Wire::GenerateContent), "google"),
        "chat_v2" => (chats(recorded, Wire::CohereChat), "cohere"),
        "ollama_chat" => return Some("ollama-own"),
        "invoke" => return Some("bedrock"),
        "embeddings" if case.path.ends_with("/embeddings") => {
            (recorded.filter(|own| own.embed.is_some()), "compatible")
        }
        "responses" => return Some("openai-responses"),
        "rerank" => (recorded.filter(|own| own.rerank.is_some()), "llamacpp"),
        "embeddings" if case.path.ends_with("/embed") => (None, "cohere"),
        "embeddings" if case.path.ends_with(":batchEmbedContents") => (None, "google"),
        "embeddings" if case.path.ends_with(":predict") || case.path.ends_with(":embedContent") => {
            (None, "vertex")
        }
        _ => return None,
    };
    Some(speaks.map_or(otherwise, |vendor| vendor.name))
}

/// Ends the names of providers that speak this format instead of their vendor's usual one.
const OTHER_FORMATS: [(&str, Wire); 2] = [("-responses", Wire::Responses), ("-own", Wire::OllamaChat)];

type Vendor = &'static polyroute::provider::Vendor;

fn chats(vendor: Option<Vendor>, wire: Wire) -> Option<Vendor> {
    vendor.filter(|own| own.chat.is_some_and(|chat| chat.wire() == wire))
}
