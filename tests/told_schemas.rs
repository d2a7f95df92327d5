//! Schemas that a vendor does not take: told in words and checked, or refused by the vendor in words that help.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use std::sync::{Arc, Mutex};

use polyroute::provider::Environment;
use polyroute::resilience::RetryPolicy;
use polyroute::routing::policy::Ordered;
use polyroute::routing::{
    Audit, Escalation, Plan, Rated, RequestFacts, Review, Reviewed, RoutingPolicy, Shortlist,
};
use polyroute::testing::{Fault, Raw, Sandbox, Step};
use polyroute::types::{Reply, Usage};
use polyroute::{ChatRequest, Client, ErrorKind, ResponseFormat, Route, Settings};
use serde_json::json;

/// xAI documents that it takes no `allOf`.
fn ask() -> ChatRequest {
    let schema = json!({
        "type": "object", "properties": {"city": {"type": "string"}},
        "allOf": [{"required": ["city"]}], "additionalProperties": false,
    });
    ChatRequest::from(("xai/grok-x", "Which city?"))
        .response_format(ResponseFormat::json_schema("city", schema))
}

fn client(sandbox: &Sandbox) -> Client {
    let settings = Settings::vendor("xai").base_url(sandbox.vendor("xai").url()).api_key("key");
    let builder = Client::builder().environment(Environment::of([("NOTHING", "set")]));
    builder
        .retry(RetryPolicy::default().max_attempts(1))
        .vendor(settings)
        .build()
        .expect("the settings are right")
}

#[tokio::test]
async fn an_answer_to_a_told_schema_is_mended_once_and_a_stream_says_at_its_end_whether_it_fits() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let vendor = sandbox.vendor("xai");
    let client = client(&sandbox);

    vendor.then(Reply::text("{\"town\": 1}")).then(Reply::text("```json\n{\"city\": \"Oslo\"}\n```"));
    let mended = client.chat(ask()).await.expect("the second answer fits");
    assert_eq!((mended.text(), mended.attempts().len()), ("{\"city\": \"Oslo\"}".to_owned(), 2));
    let told = &vendor.received()[0].json;
    assert_eq!(told["response_format"]["type"], "json_object");
    assert!(told["messages"][0]["content"].to_string().contains("allOf"));

    vendor.then(Reply::text("{\"city\": \"Oslo\"}"));
    let stream = client.chat_stream(ask()).await.expect("a stream begins");
    assert_eq!(stream.into_response().await.expect("it fits").text(), "{\"city\": \"Oslo\"}");

    vendor.then(Reply::text("{\"town\": \"CANARY\"}"));
    let stream = client.chat_stream(ask()).await.expect("a stream begins");
    let error = stream.into_response().await.expect_err("it does not fit");
    assert_eq!((error.kind(), error.provider()), (ErrorKind::InvalidResponse, Some("xai")));
    assert!(error.message().contains("does not fit the schema") && error.may_be_billed(), "{error}");
    assert!(!format!("{error} {error:?}").contains("CANARY"));
    assert!(error.partial().expect("what came").message.text().contains("CANARY"));
}

#[tokio::test]
async fn a_fence_is_taken_off_a_stream_as_off_a_whole_answer() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let vendor = sandbox.vendor("xai");
    let client = client(&sandbox);
    for text in
        ["```json\n{\"city\": \"Oslo\"}\n```", "{\"city\": \"Oslo\"}", " ```{\"city\": \"Oslo\"}``` \n"]
    {
        vendor.then(Reply::text(text));
        let whole = client.chat(ask()).await.expect("it fits").text();
        assert_eq!(whole, "{\"city\": \"Oslo\"}");
        for piece in [1, 3, 50] {
            vendor.then(Step::from(Reply::text(text)).pieces_of(piece));
            let stream = client.chat_stream(ask()).await.expect("a stream begins");
            assert_eq!(stream.into_response().await.expect("it fits").text(), whole);
        }
    }
}

#[tokio::test]
async fn what_came_is_not_lost_when_its_correction_fails() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let vendor = sandbox.vendor("xai");
    let client = client(&sandbox);
    let first = || Reply::text("{\"town\": 1}").with_usage(Usage::of(10, 5));

    vendor.then(first()).then(Fault::Status(503));
    let error = client.chat(ask()).await.expect_err("the correction fails");
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Overloaded, 2));
    assert_eq!(error.partial().expect("the first answer").message.text(), "{\"town\": 1}");
    assert!(error.attempts()[0].usage.is_some());
}

#[tokio::test]
async fn an_answer_that_cannot_be_held_against_its_schema_is_given_with_a_word_about_it() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let vendor = sandbox.vendor("xai");
    let client = client(&sandbox);
    let schema = json!({"allOf": [{"$ref": "https://example.com/city.json"}]});
    let request = ChatRequest::from(("xai/grok-x", "Which city?"))
        .response_format(ResponseFormat::json_schema("city", schema));

    vendor.then(Reply::text("{}")).then(Reply::text("{}"));
    let whole = client.chat(&request).await.expect("an answer");
    let streamed = client.chat_stream(&request).await.expect("a stream").into_response().await;

    for answer in [whole, streamed.expect("an answer")] {
        let notes = answer.adaptations();
        assert!(notes.iter().any(|note| note.detail.contains("was not held against it")), "{notes:?}");
    }
    assert_eq!(vendor.requests(), 2);
}

#[tokio::test]
async fn a_schema_that_the_vendor_refuses_is_an_error_that_names_vendor_field_and_way_out() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let sentence = "Invalid schema for response_format 'city': 'format' is not permitted.";
    let body = json!({"error": {"message": sentence, "type": "invalid_request_error", "param": "response_format",
                                "code": "invalid_json_schema"}});
    let raw = Raw::new(400, body.to_string()).header("content-type", "application/json");
    sandbox.vendor("xai").then(raw.clone()).then(raw);
    let request = ChatRequest::from(("xai/grok-x", "Which city?"))
        .response_format(ResponseFormat::json_schema("city", json!({"type": "string", "format": "novel"})));

    let client = client(&sandbox);
    let whole = client.chat(&request).await.expect_err("it is refused");
    let streamed = client.chat_stream(&request).await.map(drop).expect_err("it is refused");

    for error in [whole, streamed] {
        assert_eq!((error.kind(), error.status()), (ErrorKind::InvalidRequest, Some(400)));
        assert!(error.to_string().starts_with("xai/grok-x"), "{error}");
        assert!(error.message().contains("JSON schema") && error.message().contains("strict"), "{error}");
        assert!(error.message().ends_with("the field is response_format"), "{error}");
        assert_eq!(error.provider_message(), Some(sentence));
    }
}

/// The first target, and what is said of its answers.
#[derive(Clone, Debug, Default)]
struct Learner(Arc<Mutex<Vec<f64>>>);

impl RoutingPolicy for Learner {
    fn name(&self) -> &'static str {
        "learner"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        Ordered::new().plan(facts, shortlist)
    }

    fn escalation(&self) -> Option<&dyn Escalation> {
        Some(self)
    }
}

impl Escalation for Learner {
    fn gain(&self, _: &str) -> f64 {
        0.0
    }

    fn review(&self, answer: &Reviewed<'_>) -> Review {
        Review::good(answer.gain)
    }

    fn audits(&self, _: &RequestFacts) -> Audit {
        Audit::No
    }

    fn rated(&self, rated: &Rated) {
        self.0.lock().expect("nobody panics").push(rated.score);
    }
}

#[tokio::test]
async fn what_is_said_of_a_mended_answer_teaches_the_policy_that_chose_who_gave_it() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let learner = Learner::default();
    let settings = Settings::vendor("xai").base_url(sandbox.vendor("xai").url()).api_key("key");
    let client = Client::builder()
        .environment(Environment::of([("NOTHING", "set")]))
        .vendor(settings)
        .route("app", Route::with_policy(learner.clone(), ["xai/grok-x"]))
        .build()
        .expect("the settings are right");
    sandbox.vendor("xai").then(Reply::text("{\"town\": 1}")).then(Reply::text("{\"city\": \"Oslo\"}"));
    let mut request = ask();
    request.model = "app".into();

    let mended = client.chat(request).await.expect("the second answer fits");
    client.feedback(mended.call_id(), 0.25).expect("it is known");

    assert_eq!((mended.attempts().len(), mended.decision().route.as_deref()), (2, Some("app")));
    assert_eq!(*learner.0.lock().expect("nobody panics"), [0.25]);
}
