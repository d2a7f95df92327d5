//! Copies of calls for another target, and how the targets of a route compare.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use polyroute::account::{EntryKind, MemoryLedger, Query};
use polyroute::routing::Traits;
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::{CallOptions, Completeness, Preferences, Reply, StreamEvent};
use polyroute::{ChatRequest, Client, ClientBuilder, ErrorKind, Price, Result, Route, Usage, Usd};
use support::{builder, virtual_clock};

/// What was told of shadows: where, how it ended, how alike.
#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<Line>>>);

type Line = (String, &'static str, Option<f64>);

impl Told {
    fn all(&self) -> Vec<Line> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        if let Event::Shadowed(shadowed) = event {
            assert_eq!(shadowed.attempt.reason.as_str(), "shadow");
            assert_eq!(shadowed.answered.outcome.as_str(), "answered");
            let line =
                (shadowed.attempt.target.to_string(), shadowed.attempt.outcome.as_str(), shadowed.agreement);
            self.0.lock().unwrap().push(line);
        }
    }
}

fn answer(text: &str) -> Reply {
    Reply::text(text).with_usage(Usage::of(1_000_000, 0))
}

fn saying(name: &str, text: &'static str) -> ScriptedProvider {
    ScriptedProvider::new(name).always(move || answer(text))
}

/// `main/m` answers, `other/m` costs three times as much.
fn house(other: &ScriptedProvider, route: Route) -> (ClientBuilder, ScriptedProvider, Told) {
    let (main, told) = (saying("main", "It is Paris."), Told::default());
    // Time stands still, so that nothing takes too long.
    let clock = VirtualClock::manual(UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let builder = builder(&clock)
        .provider(main.clone())
        .provider(other.clone())
        .price("main/m", Price::per_million("1", "1").unwrap())
        .price("other/m", Price::per_million("3", "3").unwrap())
        .observer(told.clone())
        .ledger(MemoryLedger::new(1_000))
        .route("app", route);
    (builder, main, told)
}

fn shadowed() -> Route {
    Route::ordered(["main/m"]).shadow("other/m", 1.0)
}

async fn until(done: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_copy_is_compared_billed_and_thrown_away() {
    let other = saying("other", "paris it is, I think");
    let (builder, _, told) = house(&other, shadowed());
    let client = builder.build().unwrap();
    let options = CallOptions::new().scope("team", "red");

    let response = client.chat(ChatRequest::new("app").user("CANARY").options(options)).await.unwrap();
    until(|| !told.all().is_empty()).await;

    assert_eq!((response.text().as_str(), response.attempts().len()), ("It is Paris.", 1));
    // Three words of three and of five.
    assert_eq!(told.all(), [("other/m".to_owned(), "answered", Some(0.75))]);
    let books = client.books().unwrap();
    let query = Query::all().kind(EntryKind::Attempt).scope("team", "red").route("app");
    let entries = books.entries(&query).await.unwrap();
    let seen: Vec<_> = entries.iter().map(|entry| (&*entry.reason, entry.cost, entry.call)).collect();
    let dollars = |amount: &str| Some(amount.parse::<Usd>().unwrap());
    let call = response.call_id();
    assert_eq!(seen, [("first", dollars("1"), call), ("shadow", dollars("3"), call)]);
    assert_eq!(entries[1].completeness, Completeness::Exact);
    // Who answers is what the caller sees, and pays for.
    assert_eq!(response.summary.total_cost(), dollars("1"));
    assert_eq!(other.calls().len(), 1);
}

#[tokio::test]
async fn a_stream_is_copied_once_it_is_complete() {
    let other = saying("other", "It is Paris.");
    let (builder, _, told) = house(&other, shadowed());
    let client = builder.build().unwrap();

    let mut stream = client.chat_stream(("app", "hello")).await.unwrap();
    while let Some(event) = stream.next().await {
        if let StreamEvent::Text(_) = event.unwrap() {
            assert!(other.calls().is_empty());
        }
    }
    until(|| !told.all().is_empty()).await;
    drop(client.chat_stream(("app", "hello")).await.unwrap());
    until(|| false).await;

    assert_eq!(told.all(), [("other/m".to_owned(), "answered", Some(1.0))]);
}

#[tokio::test]
async fn no_more_than_sixteen_run_for_a_route_and_a_shutdown_ends_and_books_them() {
    let other = ScriptedProvider::new("other").always(|| ScriptedStep::new().hang());
    let (builder, main, told) = house(&other, shadowed());
    let client = builder.build().unwrap();

    for _ in 0..20 {
        client.chat(("app", "hello")).await.unwrap();
    }
    until(|| other.calls().len() >= 16).await;
    until(|| false).await;
    assert_eq!((main.calls().len(), other.calls().len(), told.all().len()), (20, 16, 0));
    let report = client.shutdown(Duration::from_secs(60)).await.unwrap();

    assert_eq!((report.cancelled, report.held), (0, 0));
    assert_eq!(other.cancelled(), 16);
    assert!(told.all().iter().all(|(_, outcome, alike)| *outcome == "cancelled" && alike.is_none()));
    assert_eq!(told.all().len(), 16);
    let entries = client.books().unwrap().entries(&Query::all().vendor("other")).await.unwrap();
    assert_eq!(entries.len(), 16);
    for entry in entries {
        assert_eq!((&*entry.outcome, entry.completeness), ("cancelled", Completeness::Estimated));
        assert!(entry.cost.is_some_and(|cost| cost > Usd::ZERO));
    }
}

#[tokio::test]
async fn places_become_free_again() {
    let other = saying("other", "Rome");
    let (builder, _, told) = house(&other, shadowed());
    let client = builder.build().unwrap();

    for number in 1..=40 {
        client.chat(("app", "hello")).await.unwrap();
        until(|| told.all().len() == number).await;
    }

    assert_eq!(told.all().len(), 40);
}

#[tokio::test]
async fn a_shadow_that_fails_changes_nothing_for_others() {
    for kind in
        [ErrorKind::Authentication, ErrorKind::RateLimited, ErrorKind::Server, ErrorKind::ModelNotFound]
    {
        let other = ScriptedProvider::new("other").always(move || kind);
        let (builder, _, told) = house(&other, shadowed());
        let client = builder.build().unwrap();
        let before = client.health();

        for _ in 0..12 {
            client.chat(("app", "hello")).await.unwrap();
            until(|| false).await;
        }

        assert_eq!(told.all().len(), 12, "{kind:?}");
        assert_eq!(other.calls().len(), 12, "one attempt for each");
        let of = |health: &[polyroute::resilience::TargetHealth]| {
            let other = health.iter().find(|one| one.target.provider() == "other");
            other.map(|one| (one.standing, one.failures, one.signals.in_flight))
        };
        assert_eq!(of(&client.health()).map(|(_, failures, in_flight)| (failures, in_flight)), Some((0, 0)));
        assert!(of(&before).is_none_or(|before| Some(before) == of(&client.health())));
    }
}

#[tokio::test]
async fn a_shadow_takes_nothing_from_limits() {
    use polyroute::quota::{Limit, Limits, Window};

    let other = saying("other", "Rome");
    let (builder, _, told) = house(&other, shadowed());
    let limits = Limits::new().limit(Limit::requests(2, Window::lifetime()));
    let client = builder.limits(limits).build().unwrap();

    for number in 1..=2 {
        client.chat(("app", "hello")).await.unwrap();
        until(|| told.all().len() == number).await;
    }

    assert_eq!(told.all().len(), 2);
    let error = client.chat(("app", "hello")).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    until(|| false).await;
    assert_eq!(told.all().len(), 2, "what is refused is not copied");
}

#[tokio::test]
async fn what_may_not_go_to_a_target_is_not_copied_to_it() {
    let run = async |describe: Traits, options: CallOptions, route: Route| {
        let other = saying("other", "Rome");
        let (builder, _, told) = house(&other, route);
        let main = Traits::new().self_hosted().region("eu");
        let client = builder.describe("main", main).describe("other", describe).build().unwrap();
        client.chat(ChatRequest::new("app").user("hello").options(options)).await.unwrap();
        until(|| !told.all().is_empty()).await;
        other.calls().len()
    };
    let own = || Traits::new().self_hosted().region("eu");
    let sensitive = || CallOptions::new().sensitive();
    let only = CallOptions::new().preferences(Preferences::new().only(["main"]));
    let europe = || shadowed().prefer(Preferences::new().residency(["eu"]));

    assert_eq!(run(Traits::new(), CallOptions::new(), shadowed()).await, 1);
    assert_eq!(run(Traits::new(), sensitive(), shadowed()).await, 0);
    assert_eq!(run(own(), sensitive(), shadowed()).await, 1);
    assert_eq!(run(Traits::new().region("us"), CallOptions::new(), europe()).await, 0);
    assert_eq!(run(own(), CallOptions::new(), europe()).await, 1);
    assert_eq!(run(own(), only, shadowed()).await, 0);
}

#[tokio::test]
async fn about_as_many_are_copied_as_was_said_and_never_to_who_answered() {
    let other = saying("other", "Rome");
    let route = Route::ordered(["main/m"]).shadow("other/m", 0.1).shadow("main/m", 1.0);
    let (builder, main, _) = house(&other, route);
    let client = builder.build().unwrap();

    for _ in 0..1_000 {
        client.chat(("app", "hello")).await.unwrap();
        tokio::task::yield_now().await;
    }
    until(|| false).await;

    assert!((60..140).contains(&other.calls().len()), "{}", other.calls().len());
    assert_eq!(main.calls().len(), 1_000);
}

#[test]
fn shadows_and_references_are_checked_when_the_client_is_built() {
    let build = |route: Route| -> Result<Client> {
        builder(&virtual_clock()).provider(saying("main", "x")).route("app", route).build()
    };
    let plain = || Route::ordered(["main/m"]);
    for (route, expected) in [
        (plain().shadow("main/n", 1.5), "the share of a shadow lies between 0 and 1"),
        (plain().shadow("main/n", f64::NAN), "the share of a shadow lies between 0 and 1"),
        (plain().shadow("nobody/m", 0.5), "its shadow"),
        (plain().reference("nobody/m"), "its reference"),
        (plain().shadow("app", 0.5), "its shadow"),
    ] {
        let error = build(route).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(expected), "{}", error.message());
    }
    assert!(build(plain().shadow("main/n", 0.0).shadow("main/o", 1.0)).is_ok());
}

#[tokio::test]
async fn the_arms_of_a_split_are_counted_with_cost_time_and_ratings() {
    let clock = virtual_clock();
    let slow = |name: &str, seconds: u64, text: &'static str| {
        ScriptedProvider::new(name)
            .on_clock(clock.clone())
            .always(move || ScriptedStep::new().pause(Duration::from_secs(seconds)).reply(answer(text)))
    };
    let (old, new) = (slow("old", 2, "old"), slow("new", 1, "new"));
    let client = builder(&clock)
        .provider(old.clone())
        .provider(new)
        .price("old/m", Price::per_million("3", "3").unwrap())
        .price("new/m", Price::per_million("1", "1").unwrap())
        .route("split", Route::weighted([("old/m", 3.0), ("new/m", 1.0)]))
        .build()
        .unwrap();

    for number in 0..200 {
        let answer = client.chat(("split", "hello")).await.unwrap();
        let good = answer.text() == "new" || number % 2 == 0;
        client.feedback(answer.call_id(), if good { 1.0 } else { 0.0 }).unwrap();
    }

    let arms = client.arms("split").unwrap();
    let (old, new) = (&arms[0], &arms[1]);
    assert_eq!((old.target.provider(), new.target.provider()), ("old", "new"));
    assert_eq!((old.weight, new.weight), (Some(3.0), Some(1.0)));
    assert_eq!(old.assigned + new.assigned, 200);
    assert!((130..170).contains(&old.assigned), "{}", old.assigned);
    assert_eq!((old.answered, old.ratings, old.costs), (old.assigned, old.assigned, old.assigned));
    assert_eq!(old.cost, Usd::from_pico(3_000_000_000_000 * i128::from(old.assigned)));
    assert_eq!((old.latency, new.latency), (Some(Duration::from_secs(2)), Some(Duration::from_secs(1))));
    assert_eq!((new.rating, new.rating_error), (Some(1.0), Some(0.0)));
    assert!(old.rating.is_some_and(|mean| (0.3..0.7).contains(&mean)));
    assert!(old.rating_error.is_some_and(|error| (0.03..0.05).contains(&error)), "{old:?}");
    assert_eq!(client.arms("nothing").unwrap_err().kind(), ErrorKind::NoRoute);
    assert_eq!(client.arms("old/m").unwrap_err().kind(), ErrorKind::NoRoute);
}

#[tokio::test]
async fn the_arms_say_how_shadows_did_and_who_a_failover_burdened() {
    let other = saying("other", "It is Paris.");
    let (builder, main, told) = house(&other, Route::ordered(["main/m", "other/n"]).shadow("other/m", 1.0));
    let client = builder.build().unwrap();

    client.chat(("app", "hello")).await.unwrap();
    until(|| !told.all().is_empty()).await;
    main.then(ErrorKind::Overloaded);
    client.chat(("app", "hello")).await.unwrap();

    let arms = client.arms("app").unwrap();
    let numbers: Vec<_> =
        arms.iter().map(|arm| (arm.target.as_str(), arm.assigned, arm.answered, arm.failed)).collect();
    assert_eq!(numbers, [("main/m", 2, 1, 1), ("other/n", 0, 1, 0), ("other/m", 0, 0, 0)]);
    assert!(arms[2].shadows >= 1 && arms[2].agreement == Some(1.0) && arms[2].ratings == 0);
}
