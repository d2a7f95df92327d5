//! Rankings through the client: what is sent, what comes back, what it costs.

#![expect(clippy::expect_used, reason = "a test may panic")]

use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Raw, Sandbox};
use polyroute::types::{RerankRequest, RerankResponse};
use polyroute::{Client, EmbedRequest, ErrorKind, Settings};

async fn rank(vendor: &'static str, model: &str, body: &str) -> polyroute::Result<RerankResponse> {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    sandbox.vendor(vendor).then(Raw::new(200, body.as_bytes().to_vec()));
    let settings = Settings::vendor(vendor).base_url(sandbox.vendor(vendor).url()).api_key("key-of-a-test");
    let client = Client::builder().retry(RetryPolicy::default().max_attempts(1)).vendor(settings);
    let client = client.build().expect("the settings are right");
    client.rerank(RerankRequest::new(format!("{vendor}/{model}"), "capital?", ["Ulm", "Paris"])).await
}

#[tokio::test]
async fn searches_and_tokens_are_charged_at_their_own_rates() {
    let results = r#"[{"index": 1, "relevance_score": 0.75}, {"index": 0, "relevance_score": 0.25}]"#;
    for (vendor, model, list, usage, cost) in [
        (
            "cohere",
            "rerank-v3.5",
            "results",
            r#""meta": {"billed_units": {"search_units": 1}}"#,
            Some("$0.002"),
        ),
        (
            "cohere",
            "rerank-of-next-year",
            "results",
            r#""meta": {"billed_units": {"search_units": 1}}"#,
            None,
        ),
        ("voyage", "rerank-2.5", "data", r#""usage": {"total_tokens": 1000000}"#, Some("$0.05")),
        (
            "jina",
            "jina-reranker-v2-base-multilingual",
            "results",
            r#""usage": {"total_tokens": 20}"#,
            Some("$0.000001"),
        ),
        ("llamacpp", "bge", "results", r#""usage": {"prompt_tokens": 20}"#, None),
    ] {
        let body = format!("{{\"{list}\": {results}, {usage}}}");

        let response = rank(vendor, model, &body).await.expect("the answer is right");

        let order: Vec<usize> = response.results().iter().map(|result| result.index).collect();
        assert_eq!(order, [1, 0], "{vendor}");
        let total = response.cost().map(|cost| cost.total.to_string());
        assert_eq!(total.as_deref(), cost, "{vendor}/{model}");
        assert_eq!(response.target().to_string(), format!("{vendor}/{model}"));
        assert_eq!(response.usage(), response.attempts()[0].usage.as_ref());
        assert!(response.usage().is_some(), "{vendor}");
    }
}

#[tokio::test]
async fn an_embedding_says_who_made_it_and_what_it_cost() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let settings =
        Settings::vendor("openai").base_url(sandbox.vendor("openai").url()).api_key("key-of-a-test");
    let client = Client::builder().vendor(settings).build().expect("the settings are right");
    let request = EmbedRequest::new("openai/text-embedding-3-small", ["a city"]);

    let response = client.embed(request).await.expect("the sandbox embeds");

    assert_eq!(response.target().to_string(), "openai/text-embedding-3-small");
    assert!(response.usage().is_some_and(|usage| usage.input_tokens > Some(0)));
    assert_eq!(response.cost().map(|cost| cost.total), response.attempts()[0].cost);
    assert!(response.cost().is_some());
}

#[tokio::test]
async fn who_cannot_rank_says_so_and_nothing_is_sent() {
    for vendor in ["openai", "anthropic"] {
        let error = rank(vendor, "m", "{}").await.expect_err("it has no reranking");

        assert_eq!(error.kind(), ErrorKind::Unsupported, "{vendor}");
    }
    let client = Client::builder().vendor(Settings::vendor("cohere").api_key("k")).build();
    let client = client.expect("the settings are right");
    let nothing = RerankRequest::new("cohere/rerank-v3.5", "q", Vec::<String>::new());
    let error = client.rerank(nothing).await.expect_err("there is nothing to rank");
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}
