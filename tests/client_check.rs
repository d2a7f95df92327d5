//! What a request would become is what it becomes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use polyroute::catalog::{Capability, Support};
use polyroute::testing::Sandbox;
use polyroute::types::{OnUnsupported, Wire};
use polyroute::{ChatRequest, Client, ErrorKind, Route, Settings};

const FORMATS: [(&str, &str, Wire); 4] = [
    ("openai", "chat", Wire::ChatCompletions),
    ("openai", "responses", Wire::Responses),
    ("anthropic", "anthropic", Wire::Messages),
    ("google", "google", Wire::GenerateContent),
];

fn client(sandbox: &Sandbox) -> Client {
    let builder = FORMATS.iter().fold(Client::builder(), |builder, (vendor, name, wire)| {
        let settings = Settings::vendor(*vendor).name(*name).speak(*wire);
        builder.vendor(settings.api_key("no-key").base_url(sandbox.vendor(name).url()))
    });
    let route = Route::ordered(FORMATS.map(|(_, name, _)| format!("{name}/any")));
    builder.route("all", route).build().unwrap()
}

fn request(model: &str) -> ChatRequest {
    let mut request = ChatRequest::from((model, "Hi")).seed(-7).temperature(1.7).top_p(0.5);
    request.top_k = Some(3);
    request.frequency_penalty = Some(0.5);
    request.metadata.insert("team".into(), "a".into());
    request
}

#[tokio::test]
async fn a_check_says_for_every_target_what_its_answer_says() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let check = client.check(request("all")).unwrap();
    assert_eq!(check.targets.len(), FORMATS.len());

    for target in &check.targets {
        let answer = client.chat(request(&target.target.to_string())).await.unwrap();
        let foreseen = target.outcome.as_ref().unwrap();

        assert!(!foreseen.is_empty(), "{}", target.target);
        assert_eq!(answer.adaptations(), foreseen, "{}", target.target);
    }
}

#[tokio::test]
async fn what_a_check_refuses_is_refused_in_the_same_words_before_a_byte_is_sent() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);
    let strict = |model: &str| request(model).on_unsupported(OnUnsupported::Error);

    for target in client.check(strict("all")).unwrap().targets {
        let foreseen = target.outcome.unwrap_err();
        let error = client.chat(strict(&target.target.to_string())).await.unwrap_err();

        assert_eq!((error.kind(), error.message()), (ErrorKind::Unsupported, foreseen.message()));
        assert_eq!(error.target(), foreseen.target());
        assert!(error.message().contains("OnUnsupported::Warn"), "{error}");
        assert_eq!(sandbox.vendor(target.target.provider()).requests(), 0);
    }
}

#[tokio::test]
async fn a_check_of_what_means_nothing_fails_as_the_call_would() {
    let sandbox = Sandbox::start().await.unwrap();
    let client = client(&sandbox);

    assert_eq!(client.check(("nowhere", "Hi")).unwrap_err().kind(), ErrorKind::NoRoute);
    assert_eq!(client.check(ChatRequest::new("all")).unwrap_err().kind(), ErrorKind::InvalidRequest);
    assert_eq!(client.supports("nowhere", Capability::Tools).unwrap_err().kind(), ErrorKind::NoRoute);
}

#[tokio::test]
async fn a_route_can_do_what_one_of_its_targets_can() {
    let sandbox = Sandbox::start().await.unwrap();
    let settings = Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url());
    let client = Client::builder()
        .vendor(settings)
        .route("mixed", Route::ordered(["openai/gpt-3.5-turbo", "openai/gpt-4.1"]))
        .build()
        .unwrap();

    let answers = ["openai/gpt-3.5-turbo", "openai/gpt-4.1", "mixed", "openai/made-up"]
        .map(|model| client.supports(model, Capability::Vision).unwrap());

    assert_eq!(answers[1..], [Support::Yes, Support::Yes, Support::Unknown]);
}
