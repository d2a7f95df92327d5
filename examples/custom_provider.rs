//! A provider of your own: a list of known answers, in front of a model that is asked for the rest.

#![expect(clippy::print_stdout, reason = "an example shows its output")]

use polyroute::provider::Call;
use polyroute::testing::Sandbox;
use polyroute::types::Reply;
use polyroute::{
    Client, Error, ErrorKind, Price, Provider, Result, Role, Route, Settings, Usage, async_trait,
};

/// Answers word for word what support has answered before.
#[derive(Debug)]
struct KnownAnswers(Vec<(&'static str, &'static str)>);

#[async_trait]
impl Provider for KnownAnswers {
    fn name(&self) -> &str {
        "known"
    }

    async fn chat(&self, call: Call<'_>) -> Result<Reply> {
        let last = call.request.messages.iter().rev().find(|message| message.role == Role::User);
        let question = last.map(|message| message.text()).unwrap_or_default();
        let known = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(question.trim()));
        match known {
            Some((_, answer)) => Ok(Reply::text(*answer).with_usage(Usage::of(0, 0))),
            // The kind decides what happens next: this one moves on to the next target and is not an attempt.
            None => Err(Error::new(ErrorKind::Unsupported, "support has not answered this before")),
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    println!("A fake vendor on this machine (polyroute::testing::Sandbox); no key, no network.\n");
    let sandbox = Sandbox::start().await?;
    let openai = Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url());
    let client = Client::builder()
        .provider(KnownAnswers(vec![("Where is my order?", "Orders arrive within two working days.")]))
        .price("known/list", Price::per_million("0", "0")?)
        .vendor(openai)
        .route("support", Route::ordered(["known/list", "openai/gpt-6-luna"]))
        .build()?;

    for question in ["where is my order?", "What is the capital of France?"] {
        let answer = client.chat(("support", question)).await?;
        let cost = answer.cost().map(|cost| cost.total.to_string()).unwrap_or_default();
        println!("{question}\n  {} ({}, {cost})", answer.text(), answer.target());
    }
    Ok(())
}
