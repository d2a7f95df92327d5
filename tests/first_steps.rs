//! What goes wrong first, and that the message says what to do about it.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use polyroute::provider::Environment;
use polyroute::testing::Sandbox;
use polyroute::{Client, ClientBuilder, Error, ErrorKind, Price, Route, Settings};

fn nowhere() -> ClientBuilder {
    Client::builder().environment(Environment::of(Vec::<(String, String)>::new()))
}

fn openai() -> Settings {
    Settings::vendor("openai").api_key("no-key").base_url("http://127.0.0.1:9/v1")
}

fn refused(builder: ClientBuilder) -> Error {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    error
}

#[test]
fn a_client_that_cannot_work_is_not_built_and_the_error_says_what_to_change() {
    let price = || Price::per_million("1", "2").unwrap();
    for (builder, advice) in [
        (nowhere(), "add .vendor(..), .provider(..) or .vendors_from_env()"),
        (nowhere().vendors_from_env(), "OPENAI_API_KEY"),
        (nowhere().vendor(Settings::vendor("openai")), "set OPENAI_API_KEY or pass it with .api_key(..)"),
        (nowhere().vendor(Settings::vendor("opnai")), "did you mean \"openai\"?; the vendors are "),
        (nowhere().vendor(Settings::vendor("vertex")), "GOOGLE_CLOUD_PROJECT"),
        (nowhere().vendor(Settings::vendor("bedrock").api_key("k")), "AWS_REGION or AWS_DEFAULT_REGION"),
        (nowhere().vendor(Settings::vendor("compatible")), ".base_url(..)"),
        (nowhere().vendor(Settings::compatible("lab", "localhost:8000")), "http://"),
        (nowhere().vendor(Settings::compatible("lab", "http://10.0.0.1/v1")), ".allow_plain_http()"),
        (nowhere().vendor(openai()).vendor(openai()), "Settings::name(..)"),
        (nowhere().vendor(openai()).route("r", Route::ordered(["anthropic/x"])), "set ANTHROPIC_API_KEY"),
        (nowhere().vendor(openai()).route("r", Route::ordered(["gpt-5"])), "such as openai/gpt-5"),
        (
            nowhere().vendor(openai()).price("lab", price()),
            "price of \"lab\": a target is written provider/model",
        ),
    ] {
        let error = refused(builder);

        assert!(error.message().contains(advice), "{error}");
    }
}

#[tokio::test]
async fn a_model_nobody_has_is_refused_with_what_was_meant_or_what_is_missing() {
    let client = nowhere().vendor(openai()).route("smart", Route::ordered(["openai/gpt-5"])).build().unwrap();

    for (model, advice) in [
        ("smrt", "did you mean smart?"),
        ("gpt-5", "did you mean openai/gpt-5?"),
        ("opnai/gpt-4o", "did you mean openai/gpt-4o"),
        ("claude-sonnet-5-5", "such as openai/gpt-5; the providers are [openai], the routes are [smart]"),
        ("anthropic/claude-sonnet-5-5", "set ANTHROPIC_API_KEY"),
        ("ollama/llama", ".vendor(Settings::vendor(\"ollama\")), which needs no key"),
        ("compatible/x", ".vendor(Settings::compatible("),
        ("vertex/x", "set GOOGLE_CLOUD_PROJECT or add"),
    ] {
        let error = client.chat((model, "hello")).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::NoRoute, "{error}");
        assert!(error.message().contains(advice), "{error}");
    }
}

#[tokio::test]
async fn a_compatible_server_under_the_name_of_the_table_has_the_prices_of_the_table() {
    let sandbox = Sandbox::start().await.unwrap();
    let settings = Settings::compatible("deepinfra", sandbox.vendor("deepinfra").url());
    let client = nowhere().vendor(settings).build().unwrap();
    let models = client.models();
    let priced =
        models.iter().find(|model| client.cost_of(&model.target, &polyroute::Usage::of(1, 1)).is_some());

    let answer = client.chat((priced.unwrap().target.to_string(), "hello")).await.unwrap();

    assert!(answer.cost().is_some());
}
