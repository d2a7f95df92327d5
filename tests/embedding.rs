//! More texts than a vendor takes in one request: split, asked for, put together again in order.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use std::time::Duration;

use polyroute::provider::Environment;
use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Fault, Sandbox, Step};
use polyroute::types::{EmbedRequest, Wire};
use polyroute::{Client, ErrorKind, Settings};
use serde_json::json;

fn client(sandbox: &Sandbox, vendor: &'static str, attempts: u32) -> Client {
    Client::builder()
        .environment(Environment::of([("NOTHING", "set")]))
        .vendor(Settings::vendor(vendor).api_key("no-key").base_url(sandbox.vendor(vendor).url()))
        .retry(RetryPolicy::default().max_attempts(attempts).pauses(Duration::ZERO, Duration::ZERO))
        .build()
        .expect("the settings are right")
}

fn texts(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("text number {number}")).collect()
}

#[tokio::test]
async fn two_thousand_and_forty_eight_texts_come_back_in_order() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    for (vendor, model, requests) in [
        ("openai", "text-embedding-3-small", 1),
        ("perplexity", "pplx-embed-v1-0.6b", 4),
        ("voyage", "voyage-4", 3),
    ] {
        let inputs = texts(2_048);
        let client = client(&sandbox, vendor, 1);
        let request = EmbedRequest::new(format!("{vendor}/{model}"), inputs.clone()).dimensions(16);
        let response = client.embed(request).await;
        let response =
            response.unwrap_or_else(|error| panic!("{vendor}: {error}: {:?}", error.provider_message()));

        let vectors = response.vectors();
        assert_eq!((vectors.len(), vectors[0].len()), (2_048, 16), "{vendor}");
        assert_eq!(sandbox.vendor(vendor).received().len(), requests, "{vendor}");
        // Equal texts have equal vectors, so each can be asked for on its own.
        for place in [0, 1, 511, 512, 999, 1_000, 2_047] {
            let one = EmbedRequest::new(format!("{vendor}/{model}"), [inputs[place].clone()]).dimensions(16);
            let alone = client.embed(one).await.expect("a vector");
            assert_eq!(vectors[place], alone.vectors()[0], "{vendor}: text {place}");
        }
        let tokens: usize = inputs.iter().map(|text| text.len() / 4 + 1).sum();
        assert_eq!(
            response.usage().and_then(|usage| usage.input_tokens),
            u64::try_from(tokens).ok(),
            "{vendor}"
        );
        assert_eq!(response.attempts().len(), 1, "{vendor}: one call, one attempt");
    }
}

#[tokio::test]
async fn texts_that_are_too_long_together_are_split_by_their_length() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let client = client(&sandbox, "openai", 1);
    let inputs: Vec<String> = (0..100).map(|number| format!("{number} {}", "word ".repeat(2_000))).collect();

    let response =
        client.embed(EmbedRequest::new("openai/text-embedding-3-small", inputs)).await.expect("vectors");

    assert_eq!(response.vectors().len(), 100);
    let received = sandbox.openai().received();
    assert_eq!(received.len(), 4);
    assert!(received.iter().all(|request| request.body.len() < 310_000));
    assert!(response.cost().is_some(), "the whole is priced");
}

#[tokio::test]
async fn base64_travels_where_it_is_asked_for() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let client = client(&sandbox, "openai", 1);
    let plain = EmbedRequest::new("openai/text-embedding-3-small", texts(3_000)).dimensions(8);
    let packed = plain.clone().extra(Wire::ChatCompletions, "encoding_format", json!("base64"));

    let plain = client.embed(plain).await.expect("vectors");
    let packed = client.embed(packed).await.expect("vectors");

    assert_eq!(plain.vectors(), packed.vectors());
    assert_eq!(sandbox.openai().received().len(), 4);
    assert_eq!(sandbox.openai().received()[3].json["encoding_format"], "base64");
}

#[tokio::test]
async fn a_request_that_fails_in_the_middle_is_repeated_and_the_others_are_not() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let voyage = sandbox.vendor("voyage");
    voyage.then(Step::usual()).then(Fault::Status(503));
    let client = client(&sandbox, "voyage", 3);

    let response = client.embed(EmbedRequest::new("voyage/voyage-4", texts(2_500))).await.expect("vectors");

    assert_eq!(response.vectors().len(), 2_500);
    assert_eq!(voyage.received().len(), 4);
    let tokens =
        |attempt: usize| response.attempts()[attempt].usage.as_ref().and_then(|usage| usage.input_tokens);
    let expected = |from: usize, to: usize| {
        let sum: usize = texts(2_500)[from..to].iter().map(|text| text.len() / 4 + 1).sum();
        u64::try_from(sum).ok()
    };
    assert_eq!((tokens(0), tokens(1)), (expected(0, 1_000), expected(1_000, 2_500)));
}

#[tokio::test]
async fn an_answer_with_too_few_vectors_is_an_error() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let short = json!({"data": [{"index": 0, "embedding": [1.0]}], "model": "m"}).to_string();
    sandbox
        .openai()
        .then(polyroute::testing::Raw::new(200, short).header("content-type", "application/json"));
    let client = client(&sandbox, "openai", 1);

    let error = client.embed(EmbedRequest::new("openai/m", texts(2))).await.expect_err("one is missing");

    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
}
