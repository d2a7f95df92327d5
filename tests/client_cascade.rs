//! A cascade end to end: who is asked, what is read, what is billed, what is learned.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use std::sync::Arc;

use polyroute::quota::{Limit, Limits, Window};
use polyroute::routing::policy::Cascade;
use polyroute::routing::replay::{Basis, Logged, replay};
use polyroute::routing::{
    Choice, Observation, Plan, QualityFloor, RequestFacts, RoutingPolicy, Shortlist, Threshold,
};
use polyroute::testing::ScriptedProvider;
use polyroute::types::{AttemptReason, CallId, CallOptions, Decision, Reading, Reply, Stakes, Usage};
use polyroute::{ChatRequest, Client, ErrorKind, Price, ResponseFormat, Route};
use serde_json::json;

fn never_strong() -> Cascade {
    Cascade::new(QualityFloor::new(0.95).unwrap()).fixed(Threshold::new(f64::INFINITY)).audit_share(0.0)
}

/// One policy in the client and in the test's hands.
#[derive(Debug, Clone)]
struct Shared(Arc<Cascade>);

impl RoutingPolicy for Shared {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        self.0.plan(facts, shortlist)
    }

    fn escalation(&self) -> Option<&dyn polyroute::routing::Escalation> {
        self.0.escalation()
    }
}

struct Stage {
    client: Client,
    weak: ScriptedProvider,
    strong: ScriptedProvider,
    policy: Arc<Cascade>,
}

fn stage(policy: Cascade, weak: &'static str, strong: &'static str) -> Stage {
    let answer = |text: &'static str| move || Reply::text(text).with_usage(Usage::of(100, 10));
    let weak = ScriptedProvider::new("weak").always(answer(weak));
    let strong = ScriptedProvider::new("strong").always(answer(strong));
    let policy = Arc::new(policy);
    let client = Client::builder()
        .provider(weak.clone())
        .provider(strong.clone())
        .price("weak/m", Price::per_million("1", "1").unwrap())
        .price("strong/m", Price::per_million("100", "100").unwrap())
        .route("cascade", Route::with_policy(Shared(Arc::clone(&policy)), ["weak/m", "strong/m"]))
        .seed(1)
        .build()
        .unwrap();
    Stage { client, weak, strong, policy }
}

#[tokio::test]
async fn a_good_answer_of_the_weak_model_is_given_and_only_it_is_billed() {
    let Stage { client, strong, .. } = stage(never_strong(), "Paris.", "Paris, of course.");

    let answer = client.chat(("cascade", "What is the capital of France?")).await.unwrap();

    assert_eq!(answer.text(), "Paris.");
    assert_eq!(answer.summary.total_cost().unwrap().to_string(), "$0.00011");
    assert!(strong.calls().is_empty());
    let decision = answer.decision();
    assert_eq!(
        (&*decision.policy, &*decision.ranked[0].reason),
        ("cascade", "the strong model gains little")
    );
    assert!(decision.gain.is_some() && decision.ranked[0].score == decision.gain);
    assert_eq!(decision.ranked[0].reading, Reading::Reviewed);
    let text = serde_json::to_string(decision).unwrap();
    assert_eq!(serde_json::from_str::<Decision>(&text).unwrap(), *decision);
}

#[tokio::test]
async fn a_faulty_answer_escalates_and_both_legs_are_on_the_bill() {
    for faulty in ["", "I'm sorry, but I can't help.", "It is 7 * 8 = 54."] {
        let Stage { client, .. } = stage(never_strong(), faulty, "7 * 8 = 56");

        let answer = client.chat(("cascade", "What is 7 times 8?")).await.unwrap();

        assert_eq!((answer.text().as_str(), answer.attempts().len()), ("7 * 8 = 56", 2), "{faulty:?}");
        assert_eq!(answer.attempts()[1].reason, AttemptReason::Escalation);
        assert_eq!(answer.summary.total_cost().unwrap().to_string(), "$0.01111");
    }
}

#[tokio::test]
async fn an_answer_that_misses_its_schema_escalates() {
    let Stage { client, .. } = stage(never_strong(), r#"{"town": "Paris"}"#, r#"{"city": "Paris"}"#);
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});

    let request = ChatRequest::from(("cascade", "Name a city."))
        .response_format(ResponseFormat::json_schema("city", schema));
    let answer = client.chat(request).await.unwrap();

    assert_eq!(answer.target().to_string(), "strong/m");
}

#[tokio::test]
async fn when_the_strong_model_fails_the_weak_answer_is_better_than_none() {
    let Stage { client, strong, .. } = stage(never_strong(), "7 * 8 = 54", "unused");
    strong.clone().then(ErrorKind::Authentication);

    let answer = client.chat(("cascade", "What is 7 times 8?")).await.unwrap();

    assert_eq!((answer.text().as_str(), answer.target().to_string().as_str()), ("7 * 8 = 54", "weak/m"));
}

#[tokio::test]
async fn a_cascade_that_is_replayed_over_its_own_log_comes_to_the_same() {
    let Stage { client, weak, strong, .. } = stage(never_strong(), "It is 56.", "7 * 8 = 56");
    let sum = |text: &str| Reply::text(text).with_usage(Usage::of(100, 10));
    let mut log = Vec::new();
    for number in 0..5 {
        let mut request = ChatRequest::from(("cascade", "What is 7 times 8?"));
        match number {
            1 => drop(weak.clone().then(sum("7 * 8 = 54"))),
            4 => {
                weak.clone().then(sum("7 * 8 = 54"));
                strong.clone().then(ErrorKind::Authentication);
            }
            3 => request = request.options(CallOptions::new().stakes(Stakes::High)),
            2 => drop(weak.clone().then(ErrorKind::InvalidResponse)),
            _ => {}
        }
        let facts = client.facts(request.clone()).unwrap();
        let answer = client.chat(request).await.unwrap();
        log.push(Logged::new(facts, &answer.summary).rated(0.5));
        let by = ["weak/m", "strong/m", "strong/m", "strong/m", "weak/m"][number];
        assert_eq!(answer.target().to_string(), by);
    }

    let replayed = replay(&log, &client.candidates("cascade").unwrap(), &never_strong(), None);

    assert_eq!((replayed.changed, replayed.count(Basis::Observed)), (0, 5));
    assert_eq!(replayed.actual, replayed.replayed);
    // What the answer cost that nobody could read is not known.
    assert_eq!((replayed.replayed.costs, replayed.replayed.qualities), (4, 5));
}

#[tokio::test]
async fn a_stream_is_read_before_its_first_piece_and_billed_for_both_legs() {
    for (weak, attempts, text) in [("7 * 8 = 54", 2, "7 * 8 = 56"), ("7 * 8 = 56", 1, "7 * 8 = 56")] {
        let Stage { client, .. } = stage(never_strong(), weak, "7 * 8 = 56");

        let stream = client.chat_stream(("cascade", "What is 7 times 8?")).await.unwrap();
        let answer = stream.into_response().await.unwrap();

        assert_eq!((answer.text().as_str(), answer.attempts().len()), (text, attempts));
        assert_eq!(answer.usage().unwrap().output_tokens, Some(10));
        assert!(answer.summary.total_cost().is_some());
    }
}

/// A cascade in which the weak model, the first of the route, comes between two strong ones.
#[derive(Debug)]
struct Between(Cascade);

impl RoutingPolicy for Between {
    fn name(&self) -> &'static str {
        "between"
    }

    fn plan(&self, _: &RequestFacts, _: &Shortlist<'_>) -> Plan {
        let [weak, strong, last] = [0, 1, 2].map(|place| Choice::new(place, "as written"));
        Plan::new([strong, weak.reviewed(), last])
    }

    fn escalation(&self) -> Option<&dyn polyroute::routing::Escalation> {
        self.0.escalation()
    }
}

#[tokio::test]
async fn a_stream_that_fails_over_to_the_weak_model_is_read_before_its_first_piece() {
    for (weak, text, attempts) in
        [("7 * 8 = 54", "7 * 8 = 56", 3), ("It is 7 * 8 = 56.", "It is 7 * 8 = 56.", 2)]
    {
        let answer = |text: &'static str| move || Reply::text(text).with_usage(Usage::of(100, 10));
        let client = Client::builder()
            .provider(ScriptedProvider::new("weak").always(answer(weak)))
            .provider(ScriptedProvider::new("strong").then(ErrorKind::Authentication))
            .provider(ScriptedProvider::new("last").always(answer("7 * 8 = 56")))
            .price("weak/m", Price::per_million("1", "1").unwrap())
            .price("last/m", Price::per_million("100", "100").unwrap())
            .route("between", Route::with_policy(Between(never_strong()), ["weak/m", "strong/m", "last/m"]))
            .seed(1)
            .build()
            .unwrap();

        let stream = client.chat_stream(("between", "What is 7 times 8?")).await.unwrap();
        let answer = stream.into_response().await.unwrap();

        assert_eq!((answer.text().as_str(), answer.attempts().len()), (text, attempts));
        assert_eq!(answer.usage().unwrap().output_tokens, Some(10));
        let cost = if attempts == 3 { "$0.01111" } else { "$0.00011" };
        assert_eq!(answer.summary.total_cost().unwrap().to_string(), cost);
    }
}

#[tokio::test]
async fn without_ratings_and_with_high_stakes_the_strong_model_answers() {
    let beginner = Cascade::new(QualityFloor::new(0.95).unwrap()).audit_share(0.0);
    let Stage { client, .. } = stage(beginner, "weak", "strong");
    assert_eq!(client.chat(("cascade", "Hello")).await.unwrap().text(), "strong");

    let Stage { client, .. } = stage(never_strong(), "weak", "strong");
    let request = ChatRequest::from(("cascade", "Hello")).options(CallOptions::new().stakes(Stakes::High));
    assert_eq!(client.chat(request).await.unwrap().text(), "strong");
}

#[tokio::test]
async fn feedback_teaches_when_to_trust_the_weak_model_no_longer() {
    let trusting = (0..100).map(|_| Observation::new(-1.0, 1.0, 1.0));
    let policy = Cascade::new(QualityFloor::new(0.95).unwrap()).audit_share(0.0).calibrated(trusting);
    let Stage { client, .. } = stage(policy, "weak", "strong");

    let mut asked_weak = 0;
    for _ in 0..100 {
        let answer = client.chat(("cascade", "Hello")).await.unwrap();
        if answer.text() == "strong" {
            break;
        }
        asked_weak += 1;
        client.feedback(answer.call_id(), 0.0).unwrap();
    }

    assert!((1..50).contains(&asked_weak), "{asked_weak}");
}

#[tokio::test]
async fn feedback_for_an_unknown_call_or_out_of_range_is_refused() {
    let Stage { client, .. } = stage(never_strong(), "weak", "strong");
    let answer = client.chat(("cascade", "Hello")).await.unwrap();

    for (id, score) in [(CallId::new(1), 0.5), (answer.call_id(), f64::NAN), (answer.call_id(), 1.5)] {
        assert_eq!(client.feedback(id, score).unwrap_err().kind(), ErrorKind::InvalidRequest);
    }
    client.feedback(answer.call_id(), 0.5).unwrap();
    assert_eq!(client.feedback(answer.call_id(), 0.5).unwrap_err().kind(), ErrorKind::InvalidRequest);
}

/// Lets what runs in the background go on until `done`, or for as long as scripted answers could ever take.
async fn until(done: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_audit_has_the_strong_model_grade_the_weak_one_in_the_background() {
    let beginner = Cascade::new(QualityFloor::new(0.95).unwrap()).audit_share(1.0);
    let Stage { client, weak, strong, policy } = stage(beginner, "weak answer", "8");

    let answer = client.chat(("cascade", "Hello")).await.unwrap();
    until(|| !policy.observations().is_empty()).await;

    // The strong model answered and graded; the weak one was only asked for the audit.
    assert_eq!((answer.text().as_str(), strong.calls().len(), weak.calls().len()), ("8", 2, 1));
    let observations = policy.observations();
    assert_eq!((observations.len(), observations[0].weak), (1, 0.8));
}

#[tokio::test]
async fn an_answer_the_weak_model_gave_is_graded_without_asking_it_again() {
    let Stage { client, weak, strong, policy } = stage(never_strong().audit_share(1.0), "weak answer", "8");

    client.chat(("cascade", "Hello")).await.unwrap();
    until(|| !policy.observations().is_empty()).await;

    assert_eq!((weak.calls().len(), strong.calls().len(), policy.observations().len()), (1, 1, 1));
}

#[tokio::test]
async fn an_audit_finds_room_in_a_limit_of_cost_although_nobody_knows_how_much_its_model_may_write() {
    let answer = |text: &'static str| move || Reply::text(text).with_usage(Usage::of(100, 10));
    let policy = Arc::new(never_strong().audit_share(1.0));
    let client = Client::builder()
        .provider(ScriptedProvider::new("weak").always(answer("weak answer")))
        .provider(ScriptedProvider::new("strong").always(answer("8")))
        .price("weak/m", Price::per_million("1", "1").unwrap())
        .price("strong/m", Price::per_million("100", "100").unwrap())
        .limits(Limits::new().limit(Limit::cost("1".parse().unwrap(), Window::lifetime())))
        .route("cascade", Route::with_policy(Shared(Arc::clone(&policy)), ["weak/m", "strong/m"]))
        .seed(1)
        .build()
        .unwrap();

    client.chat(ChatRequest::from(("cascade", "Hello")).max_output_tokens(50)).await.unwrap();
    until(|| !policy.observations().is_empty()).await;

    assert_eq!(policy.observations().len(), 1);
}

#[tokio::test]
async fn a_grade_that_is_no_number_teaches_nothing() {
    let beginner = Cascade::new(QualityFloor::new(0.95).unwrap()).audit_share(1.0);
    let Stage { client, strong, policy, .. } = stage(beginner, "weak answer", "Ten out of ten!");

    client.chat(("cascade", "Hello")).await.unwrap();
    until(|| strong.calls().len() == 2).await;
    until(|| false).await;

    assert!(strong.calls().len() == 2 && policy.observations().is_empty());
}
