//! Prompts counted in OpenAI's vocabularies: where windows are checked and where limits are reserved.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use polyroute::catalog::{TokenEstimate, Vocabulary};
use polyroute::quota::{Limit, Limits, UnknownPrice, Window};
use polyroute::testing::ScriptedProvider;
use polyroute::types::ModerationRequest;
use polyroute::types::Reply;
use polyroute::{ChatRequest, Client, ClientBuilder, EmbedRequest, ErrorKind, Usd};

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// A prompt of 600 bytes, which has 300 tokens for OpenAI's models; by its bytes it could have 60.
fn dense() -> String {
    "? ".repeat(300)
}

fn client() -> ClientBuilder {
    let windows = r#"{"models":[
        {"provider":"a","id":"gpt-4o","context_window":100},
        {"provider":"a","id":"text-embedding-3-small","context_window":100},
        {"provider":"a","id":"other","context_window":100}]}"#;
    let provider = ScriptedProvider::new("a").always(|| Reply::text("ok"));
    Client::builder().provider(provider).prices_json(windows)
}

#[test]
fn what_a_counted_prompt_does_not_fit_is_left_out() {
    let client = client().build().unwrap();
    let tokens = Vocabulary::of_model("gpt-4o").and_then(|vocabulary| vocabulary.count(&dense())).unwrap();
    assert!((200..=600).contains(&tokens), "{tokens}");

    let error = run(client.chat(("a/gpt-4o", dense()))).unwrap_err();
    assert!(error.to_string().contains("window of 100 tokens"), "{error}");
    let ours = EmbedRequest::new("a/text-embedding-3-small", [dense()]);
    assert!(run(client.embed(ours)).unwrap_err().to_string().contains("window of 100 tokens"));
    let judged = ModerationRequest::new("a/gpt-4o", [dense()]);
    assert!(run(client.moderate(judged)).unwrap_err().to_string().contains("window of 100 tokens"));

    // Many short texts are read one by one.
    let short =
        EmbedRequest::new("a/text-embedding-3-small", ["? ".repeat(20), "? ".repeat(20), "? ".repeat(20)]);
    assert!(!run(client.embed(short)).unwrap_err().to_string().contains("window"));
    // Nobody knows how other models count, so that they get the benefit of the doubt.
    assert_eq!(run(client.chat(("a/other", dense()))).unwrap().text(), "ok");
}

#[test]
fn what_is_reserved_for_a_counted_prompt_is_what_it_has() {
    // By its bytes it might have 572 tokens.
    let limits = Limits::new()
        .limit(Limit::input_tokens(560, Window::lifetime()))
        .unknown_price(UnknownPrice::Assume { input: Usd::ZERO, output: Usd::ZERO });
    let provider = ScriptedProvider::new("a").always(|| Reply::text("ok"));
    let models = r#"{"models":[{"provider":"a","id":"gpt-4o"},{"provider":"a","id":"other"}]}"#;
    let client = Client::builder().provider(provider).prices_json(models).limits(limits).build().unwrap();
    let ask = |model: &str| ChatRequest::from((model, dense())).max_output_tokens(1);

    assert_eq!(run(client.chat(ask("a/other"))).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(run(client.chat(ask("a/gpt-4o"))).unwrap().text(), "ok");
}

#[test]
fn an_estimate_for_a_counted_model_is_narrow() {
    let request = ChatRequest::new("x/m").system("You are terse.").user("What is the capital of France?");

    let counted = TokenEstimate::of_chat_with(&request, "gpt-4o-mini");
    assert!(counted.least <= counted.expected && counted.most - counted.least < 160, "{counted:?}");
    assert_eq!(TokenEstimate::of_chat_with(&request, "claude-haiku-4-5"), TokenEstimate::of_chat(&request));
}
