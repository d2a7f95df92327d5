//! Budgets and rate limits as a caller sees them.

#![expect(clippy::unreachable, clippy::unwrap_used, reason = "a test target may panic")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use futures::FutureExt as _;
use futures::future::join_all;
use polyroute::catalog::Charge;
use polyroute::quota::{InDoubt, Limit, Limits, Unit, UnknownPrice, Window, Zone};
use polyroute::resilience::RetryPolicy;
use polyroute::store::SqliteStore;
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::{CallOptions, OnLimit, Priority, Reply};
use polyroute::{
    ChatRequest, Client, ClientBuilder, EmbedRequest, Error, ErrorKind, Price, RerankRequest, Route,
    StreamEvent, Usage, Usd,
};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

fn run<F: Future>(future: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// One dollar for each call, whatever its length.
fn dollar() -> Price {
    Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "1").unwrap()
}

/// Answers every call with ten tokens for a prompt of ten.
fn provider(name: &str) -> ScriptedProvider {
    ScriptedProvider::new(name).always(|| Reply::text("ok").with_usage(Usage::of(10, 10)))
}

fn client(clock: &VirtualClock, limits: Limits) -> ClientBuilder {
    Client::builder().clock(clock.clone()).provider(provider("a")).price("a/m", dollar()).limits(limits)
}

fn manual() -> VirtualClock {
    VirtualClock::manual(SystemTime::UNIX_EPOCH)
}

fn hi() -> ChatRequest {
    ChatRequest::from(("a/m", "hi")).max_output_tokens(10)
}

fn by(dimension: &str, value: &str) -> ChatRequest {
    hi().options(CallOptions::new().scope(dimension, value))
}

fn lifetime(amount: &str) -> Limit {
    Limit::cost(usd(amount), Window::lifetime())
}

/// Makes so many calls at once; how many were answered, and what was said to the others.
async fn at_once(client: &Client, count: usize) -> (usize, Vec<Error>) {
    let calls = (0..count).map(|_| client.chat(hi()));
    let (answered, refused): (Vec<_>, Vec<_>) = join_all(calls).await.into_iter().partition(Result::is_ok);
    (answered.len(), refused.into_iter().map(Result::unwrap_err).collect())
}

/// How many calls pass one after the other, up to ten.
fn passes(client: &Client, request: &ChatRequest) -> usize {
    (0..10).take_while(|_| run(client.chat(request.clone())).is_ok()).count()
}

/// Remembers what is said about limits.
#[derive(Clone, Debug, Default)]
struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Heard {
    fn observe(&self, event: &Event<'_>) {
        let line = match event {
            Event::LimitReached(reached) => {
                format!("{}:{} {} %", reached.limit, reached.value, reached.percent)
            }
            Event::LimitDiverted { limit, route } => format!("{limit} to {route}"),
            Event::ImpossibleUsage { target } => format!("impossible {target}"),
            Event::ClockJumped => "jumped".to_owned(),
            Event::SpendUnsettled { kind, waiting } => format!("unsettled {kind} {waiting}"),
            _ => return,
        };
        self.0.lock().unwrap().push(line);
    }
}

#[test]
fn of_a_thousand_calls_of_one_unit_a_budget_of_ten_lets_ten_pass() {
    let limits = Limits::new().limit(Limit::cost(usd("10"), Window::lifetime()));
    let client = client(&manual(), limits).build().unwrap();

    let (answered, refused) = run(at_once(&client, 1_000));

    assert_eq!((answered, refused.len()), (10, 990));
    assert!(refused.iter().all(|error| error.kind() == ErrorKind::BudgetExceeded && !error.may_be_billed()));
    assert_eq!(
        refused[989].message(),
        "limit \"cost, lifetime\": $10 used and $0 held of $10, $1 more asked for"
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "calls on several threads are tasks")]
fn of_a_thousand_calls_at_the_same_time_on_several_threads_a_budget_of_ten_lets_ten_pass() {
    let clock = manual();
    let slow = ScriptedProvider::new("a").on_clock(clock.clone());
    let slow = slow
        .always(|| ScriptedStep::new().pause(SECOND).reply(Reply::text("ok").with_usage(Usage::of(10, 10))));
    let limits = Limits::new().limit(lifetime("10")).limit(Limit::requests(1_000, Window::rolling(HOUR)));
    let builder = Client::builder().clock(clock.clone()).provider(slow.clone()).price("a/m", dollar());
    let client = builder.limits(limits).build().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let refused = Arc::new(AtomicUsize::new(0));

    let outcomes = runtime.block_on(async {
        let calls: Vec<_> = (0..1_000)
            .map(|_| {
                let (client, refused) = (client.clone(), Arc::clone(&refused));
                tokio::spawn(async move {
                    let outcome = client.chat(hi()).await;
                    refused.fetch_add(usize::from(outcome.is_err()), Ordering::SeqCst);
                    outcome.map_err(|error| error.kind())
                })
            })
            .collect();
        // None is answered before every one is either on its way or refused.
        while refused.load(Ordering::SeqCst) + slow.in_flight() < 1_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!((slow.in_flight(), refused.load(Ordering::SeqCst)), (10, 990));
        clock.advance(SECOND);
        join_all(calls).await
    });

    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 10);
    let over = outcomes.iter().filter(|outcome| outcome.as_ref().err() == Some(&ErrorKind::BudgetExceeded));
    assert_eq!(over.count(), 990);
}

#[test]
fn of_a_thousand_calls_in_one_tick_a_rate_of_ten_lets_ten_pass_and_says_when_the_next_may() {
    let limits = Limits::new().limit(Limit::requests(10, Window::refill(SECOND)));
    let clock = manual();
    let client = client(&clock, limits).build().unwrap();

    let (answered, refused) = run(at_once(&client, 1_000));

    assert_eq!((answered, refused.len()), (10, 990));
    for error in &refused {
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert_eq!(error.retry_after(), Some(SECOND / 10));
        assert!(error.is_retryable());
    }
    clock.advance(SECOND / 10 - Duration::from_micros(1));
    assert_eq!(run(at_once(&client, 10)).0, 0);
    clock.advance(Duration::from_micros(1));
    assert_eq!(run(at_once(&client, 10)).0, 1);
}

#[test]
fn before_a_call_the_most_it_can_cost_is_held_and_after_it_what_it_cost_is_booked() {
    // A dollar for each million tokens: at most 1,000 tokens of answer, of which ten come.
    let limits = Limits::new().limit(lifetime("0.0015"));
    let client = Client::builder()
        .clock(manual())
        .provider(provider("a"))
        .price("a/m", Price::per_million("1", "1").unwrap())
        .limits(limits)
        .build()
        .unwrap();
    let request = || ChatRequest::from(("a/m", "hi")).max_output_tokens(1_000);

    let both = run(async { join_all([client.chat(request()), client.chat(request())]).await });
    assert_eq!(
        both.iter().filter(|outcome| outcome.is_ok()).count(),
        2,
        "the first was over before the second"
    );
    let error = run(client.chat(request().max_output_tokens(1_490))).unwrap_err();
    assert!(error.message().contains("$0.00004 used and $0 held of $0.0015"), "{error}");
    let error = run(client.chat(ChatRequest::from(("a/m", "hi")))).unwrap_err();
    assert!(error.message().contains("set max_output_tokens"), "{error}");
}

#[test]
fn a_call_that_is_dropped_gives_back_what_it_held_and_books_its_prompt() {
    let hung = ScriptedProvider::new("a").then(ScriptedStep::new().hang());
    let hung = hung.always(|| Reply::text("ok").with_usage(Usage::of(10, 10)));
    let price = Price::per_million("1", "1").unwrap();
    let limits = Limits::new().limit(lifetime("0.002")).limit(Limit::parallel(1));
    let client =
        Client::builder().clock(manual()).provider(hung).price("a/m", price).limits(limits).build().unwrap();
    let request = || ChatRequest::from(("a/m", "hi")).max_output_tokens(1_000);
    run(async {
        {
            let mut call = Box::pin(client.chat(request()));
            assert!(call.as_mut().now_or_never().is_none());
            let error = client.chat(request()).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::BudgetExceeded);
        }
        client.chat(request()).await.unwrap();
    });
}

#[test]
fn a_stream_is_booked_before_its_summary_and_when_it_is_dropped() {
    let limits = || Limits::new().limit(lifetime("2")).limit(Limit::parallel(1));
    let client = client(&manual(), limits()).build().unwrap();
    run(async {
        let mut stream = client.chat_stream(hi()).await.unwrap();
        assert_eq!(client.chat(hi()).await.unwrap_err().kind(), ErrorKind::LimitExceeded);
        while let Some(event) = stream.next().await {
            if let StreamEvent::Done(summary) = event.unwrap() {
                assert_eq!(summary.total_cost(), Some(usd("1")));
                // The stream is still there, and what it held is not.
                drop(client.chat_stream(hi()).await.unwrap());
            }
        }
    });
    assert_eq!(run(client.chat(hi())).unwrap_err().kind(), ErrorKind::BudgetExceeded);
}

#[test]
fn who_waits_is_served_in_order_as_fast_as_the_limit_allows() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
    let limits =
        Limits::new().limit(Limit::requests(10, Window::refill(SECOND))).on_limit(OnLimit::Wait(SECOND * 60));
    let client = client(&clock, limits).build().unwrap();

    let served = Mutex::new(Vec::new());
    run(join_all((0..40).map(|number| {
        let (client, served, clock) = (&client, &served, &clock);
        async move {
            client.chat(hi()).await.unwrap();
            served.lock().unwrap().push((number, clock.elapsed()));
        }
    })));

    let served = served.into_inner().unwrap();
    let expected: Vec<_> =
        (0..40).map(|number: u32| (number, SECOND / 10 * number.saturating_sub(9))).collect();
    assert_eq!(served, expected);
}

#[test]
fn who_waits_for_a_window_of_the_calendar_passes_when_the_next_one_begins() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH + SECOND * 30);
    let limits =
        Limits::new().limit(Limit::requests(10, Window::calendar(Unit::Minute))).limit(lifetime("1000"));
    let client = client(&clock, limits.on_limit(OnLimit::Wait(SECOND * 90))).build().unwrap();

    let served = Mutex::new(Vec::new());
    let answered = run(join_all((0..35).map(|number| {
        let (client, served, clock) = (&client, &served, &clock);
        async move {
            let outcome = client.chat(hi()).await;
            served.lock().unwrap().push((number, clock.elapsed()));
            outcome.map_err(|error| error.kind())
        }
    })));

    // Ten at once, ten after half a minute, ten a minute later; the rest is told at once that it would be too late.
    let passed = answered.iter().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(passed, 30, "{served:?}");
    let refused: Vec<_> = answered.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(refused, [&ErrorKind::LimitExceeded; 5]);
    let mut times: Vec<_> =
        served.into_inner().unwrap().into_iter().filter(|(number, _)| *number < 30).collect();
    times.sort_unstable();
    let expected: Vec<_> = (0..30_u32)
        .map(|number| (number, [Duration::ZERO, SECOND * 30, SECOND * 90][number as usize / 10]))
        .collect();
    assert_eq!(times, expected);
}

#[test]
fn who_waits_past_midnight_pays_from_the_budget_of_the_new_day() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH + HOUR * 24 - SECOND * 5);
    let limits = Limits::new()
        .limit(Limit::cost(usd("2"), Window::calendar(Unit::Day)))
        .limit(Limit::requests(1, Window::refill(SECOND * 10)));
    let client = client(&clock, limits).build().unwrap();
    let patient = || hi().options(CallOptions::new().on_limit(OnLimit::Wait(SECOND * 60)));

    // At once, after ten seconds, after twenty, after thirty: three of them on the new day, which has room for two.
    let outcomes = run(join_all((0..4).map(|_| client.chat(patient()))));

    let said: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().err().map(Error::kind)).collect();
    assert_eq!(said, [None, None, None, Some(ErrorKind::BudgetExceeded)]);
}

#[test]
fn who_does_not_wait_does_not_go_past_those_who_do() {
    let clock = manual();
    let limits = Limits::new().limit(Limit::output_tokens(100, Window::rolling(HOUR)));
    let client = client(&clock, limits).build().unwrap();
    run(async {
        client.chat(hi().max_output_tokens(100)).await.unwrap();
        // Ten are used; this one needs all hundred.
        let options = CallOptions::new().on_limit(OnLimit::Wait(HOUR * 2));
        let mut large = Box::pin(client.chat(hi().max_output_tokens(100).timeout(HOUR * 3).options(options)));
        assert!(large.as_mut().now_or_never().is_none());

        let error = client.chat(hi()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        assert!(error.message().contains("others wait for it and go first"), "{error}");
        // What matters more still goes first.
        let urgent = CallOptions::new().priority(Priority::High);
        client.chat(hi().options(urgent)).await.unwrap();
        drop(large);
        client.chat(hi()).await.unwrap();
    });
}

#[test]
fn who_cannot_wait_long_enough_is_told_so_and_the_queue_is_bounded() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
    let limits = Limits::new().limit(Limit::requests(1, Window::refill(SECOND * 10))).queue(2);
    let client = client(&clock, limits).build().unwrap();
    let waiting = |seconds: u32| {
        let options = CallOptions::new().on_limit(OnLimit::Wait(SECOND * seconds));
        client.chat(hi().options(options))
    };

    let outcomes = run(join_all([waiting(60), waiting(5), waiting(60), waiting(60), waiting(60)]));

    let said: Vec<_> = outcomes.iter().map(|outcome| outcome.as_ref().err().map(Error::kind)).collect();
    let refused = Some(ErrorKind::LimitExceeded);
    assert_eq!(said, [None, refused, None, None, refused]);
    assert_eq!(outcomes[1].as_ref().unwrap_err().retry_after(), Some(SECOND * 10));
    assert!(outcomes[4].as_ref().unwrap_err().message().contains("raise Limits::queue"));
    // A deadline is respected as well.
    let short =
        run(client.chat(hi().timeout(SECOND).options(CallOptions::new().on_limit(OnLimit::Wait(HOUR)))));
    assert_eq!(short.unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn what_matters_more_goes_first_and_what_matters_less_still_goes() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
    let limits = Limits::new().limit(Limit::parallel(1));
    let slow = ScriptedProvider::new("a").on_clock(clock.clone());
    let slow = slow
        .always(|| ScriptedStep::new().pause(SECOND).reply(Reply::text("ok").with_usage(Usage::of(1, 1))));
    let client = Client::builder().clock(clock.clone()).provider(slow).limits(limits).build().unwrap();
    let served = Mutex::new(Vec::new());
    // One high call comes each second, and each takes one: without an end to its head start, the low one never goes.
    let call = |name: &'static str, after: u32, priority: Priority| {
        let (client, served, clock) = (&client, &served, &clock);
        async move {
            polyroute::clock::Clock::sleep(clock, SECOND / 4 * after).await;
            let options = CallOptions::new().priority(priority).on_limit(OnLimit::Wait(HOUR));
            client.chat(hi().options(options)).await.unwrap();
            served.lock().unwrap().push(name);
        }
    };
    let mut calls =
        vec![call("first", 0, Priority::High).boxed_local(), call("low", 2, Priority::Low).boxed_local()];
    calls.extend((1..40).map(|number| call("high", 4 * number - 1, Priority::High).boxed_local()));

    run(join_all(calls));

    let served = served.into_inner().unwrap();
    let place = served.iter().position(|name| *name == "low").unwrap();
    assert_eq!((place, served.len()), (21, 41));
}

#[test]
fn each_value_counts_on_its_own_and_every_limit_must_agree() {
    let limits = Limits::new()
        .limit(lifetime("3").each("team").required())
        .limit(lifetime("2").only("user", "anna"))
        .limit(lifetime("1").each("tag"))
        .limit(lifetime("7").named("all"));
    let client = client(&manual(), limits).build().unwrap();
    let of = |team: &str| CallOptions::new().scope("team", team);

    assert_eq!(passes(&client, &hi().options(of("red"))), 3);
    assert_eq!(passes(&client, &hi().options(of("blue").scope("user", "anna"))), 2);
    assert_eq!(passes(&client, &hi().options(of("green").tag("x").tag("y").tag("x"))), 1);
    assert_eq!(passes(&client, &hi().options(of("green").tag("y"))), 0);
    assert_eq!(passes(&client, &hi().options(of("green").tag("z"))), 1);
    assert_eq!(passes(&client, &hi().options(of("green"))), 0, "seven calls in all");

    let error = run(client.chat(hi())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.message().contains("requires a team"), "{error}");
    for unknown in ["taem", "vendor", "model"] {
        let error = run(client.chat(hi().options(of("red").scope(unknown, "x")))).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{unknown}");
    }
    let long = run(client.chat(by("team", &"x".repeat(500)))).unwrap_err();
    assert_eq!(long.kind(), ErrorKind::InvalidRequest);
}

#[test]
fn windows_begin_anew_with_the_calendar_of_their_zone() {
    // 2026-03-28 22:30 in UTC, half an hour before midnight in Berlin, whose clocks go forward the night after.
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_774_737_000));
    let day =
        |name: &str, zone| Limit::requests(1, Window::calendar(Unit::Day).in_zone(zone)).only("user", name);
    let limits = Limits::new()
        .limit(day("utc", Zone::utc()))
        .limit(day("berlin", Zone::named("Europe/Berlin").unwrap()));
    let client = client(&clock, limits).build().unwrap();
    let passed = |name| passes(&client, &by("user", name));

    assert_eq!((passed("utc"), passed("berlin")), (1, 1));
    let error = run(client.chat(by("user", "berlin"))).unwrap_err();
    assert_eq!(error.retry_after(), Some(HOUR / 2));
    clock.advance(HOUR / 2);
    assert_eq!((passed("utc"), passed("berlin")), (0, 1));
    clock.advance(HOUR);
    assert_eq!((passed("utc"), passed("berlin")), (1, 0));
    // That day has 23 hours in Berlin.
    clock.advance(HOUR * 22 - SECOND);
    assert_eq!((passed("utc"), passed("berlin")), (0, 0));
    clock.advance(SECOND);
    assert_eq!((passed("utc"), passed("berlin")), (0, 1));
    assert!(Zone::named("Europe/Atlantis").is_err());
}

#[test]
fn a_calendar_that_jumps_is_reported_and_nothing_that_was_used_is_forgotten() {
    let day = HOUR * 24;
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + day * 20_000);
    let heard = Heard::default();
    let limits = Limits::new().limit(Limit::requests(2, Window::calendar(Unit::Day)));
    let client = client(&clock, limits).observer(heard.clone()).build().unwrap();
    assert_eq!(passes(&client, &hi()), 2);

    clock.set_wall(SystemTime::UNIX_EPOCH + day * 20_001);
    assert_eq!((passes(&client, &hi()), heard.all().len()), (2, 1));
    clock.set_wall(SystemTime::UNIX_EPOCH + day * 20_000);
    assert_eq!((passes(&client, &hi()), heard.all()), (0, vec!["jumped".to_owned(); 2]));
    clock.set_wall(SystemTime::UNIX_EPOCH - day);
    assert_eq!(run(client.chat(hi())).unwrap_err().kind(), ErrorKind::Configuration);
}

#[test]
fn warnings_and_soft_limits_are_said_once_and_refuse_nothing() {
    let heard = Heard::default();
    let limits = Limits::new()
        .limit(lifetime("2").each("team").soft().named("soft"))
        .limit(lifetime("5").warn_at(50).warn_at(80).named("hard"));
    let client = client(&manual(), limits).observer(heard.clone()).build().unwrap();

    assert_eq!(passes(&client, &by("team", "red")), 5);

    assert_eq!(heard.all(), ["soft:red 100 %", "hard: 50 %", "hard: 80 %"]);
    assert!(!format!("{:?}", polyroute::telemetry::LimitReached::new("soft", "red", 100)).contains("red"));
}

#[test]
fn above_a_percentage_calls_take_the_cheap_route() {
    let heard = Heard::default();
    let limits = Limits::new().limit(lifetime("10").each("team").above(80, "cheap").named("team"));
    let cents = Price::per_million("0", "0").unwrap().with(Charge::PerRequest, "0.1").unwrap();
    let build = |heard: &Heard| {
        client(&manual(), limits.clone())
            .provider(provider("b"))
            .price("b/m", cents.clone())
            .route("good", Route::ordered(["a/m"]))
            .route("cheap", Route::ordered(["b/m"]))
            .observer(heard.clone())
    };
    let client = build(&heard).build().unwrap();
    let ask = |client: &Client, team: &str| {
        let request = ChatRequest::from(("good", "hi")).max_output_tokens(10);
        run(client.chat(request.options(CallOptions::new().scope("team", team)))).unwrap()
    };

    let providers: Vec<String> =
        (0..10).map(|_| ask(&client, "red").target().provider().to_owned()).collect();
    assert_eq!(providers.concat(), "aaaaaaaabb");
    assert_eq!(heard.all(), ["team to cheap"; 2]);
    assert_eq!(ask(&client, "blue").target().provider(), "a");
    assert_eq!(ask(&client, "red").decision().route.as_deref(), Some("cheap"));

    // Another process has used it up: that is seen when it is reserved.
    let folder = std::path::PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("diverted.db");
    let _ = std::fs::remove_file(&folder);
    let store = Arc::new(SqliteStore::open(&folder, Arc::new(manual())).unwrap());
    let (one, other) = (
        build(&heard).store(Arc::clone(&store)).build().unwrap(),
        build(&heard).store(store).build().unwrap(),
    );
    for _ in 0..8 {
        assert_eq!(ask(&one, "red").target().provider(), "a");
    }
    assert_eq!(ask(&other, "red").target().provider(), "b");
}

#[test]
fn when_little_is_left_a_route_takes_what_it_still_pays_for() {
    let per_call = |dollars: &str| Price::per_million("0", dollars).unwrap();
    let limits = Limits::new()
        .limit(lifetime("2.25").each("team"))
        .limit(Limit::cost(usd("100"), Window::request()))
        .limit(lifetime("0.01").soft().named("soft"));
    let client = client(&manual(), limits)
        .price("a/m", per_call("100000"))
        .provider(provider("b"))
        .price("b/m", per_call("10000"))
        .route("both", Route::ordered(["a/m", "b/m"]))
        .build()
        .unwrap();
    let of = |team: &str| {
        let request = ChatRequest::from(("both", "hi")).max_output_tokens(10);
        request.options(CallOptions::new().scope("team", team))
    };
    let left = |team: &str| client.facts(of(team)).unwrap().budget_left.map(|left| left.to_string());
    assert_eq!(left("red").as_deref(), Some("$2.25"));
    let ask = || run(client.chat(of("red")));

    let answers: Vec<_> = (0..4).map(|_| ask().unwrap()).collect();
    let providers: String = answers.iter().map(|answer| answer.target().provider().to_owned()).collect();
    assert_eq!(providers, "aabb");
    let rejected = &answers[3].decision().rejected;
    assert_eq!((rejected.len(), &*rejected[0].constraint), (1, "budget"));
    assert_eq!((left("red").as_deref(), left("blue").as_deref()), (Some("$0.05"), Some("$2.25")));
    // Nothing fits any more: the limit itself says so.
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::BudgetExceeded);
    // Where there is nothing to choose, nothing is looked up.
    assert_eq!(client.facts(hi()).unwrap().budget_left, None);
}

#[test]
fn a_target_without_room_is_left_out_and_counted_on_its_own() {
    let limits = Limits::new()
        .limit(Limit::requests(2, Window::lifetime()).each("vendor"))
        .limit(Limit::cost(usd("0.5"), Window::request()).only("model", "b/m"));
    let client = client(&manual(), limits)
        .provider(provider("b"))
        .provider(provider("c"))
        .price("b/m", dollar())
        .price("c/m", dollar())
        .route("all", Route::ordered(["a/m", "b/m", "c/m"]))
        .build()
        .unwrap();
    let ask = || run(client.chat(ChatRequest::from(("all", "hi")).max_output_tokens(10)));

    let answers: Vec<_> = (0..4).map(|_| ask().unwrap()).collect();
    let providers: String = answers.iter().map(|answer| answer.target().provider().to_owned()).collect();
    assert_eq!(providers, "aacc");
    let rejected = &answers[3].decision().rejected;
    assert_eq!(rejected.len(), 2);
    assert!(rejected[0].reason.contains("2 used and 0 held of 2"), "{rejected:?}");
    assert!(rejected[1].reason.contains("$0.5 is the most for one"), "{rejected:?}");
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn after_a_failure_the_next_target_is_counted_too() {
    let failing = ScriptedProvider::new("a").always(|| ErrorKind::Overloaded);
    let limits = Limits::new().limit(Limit::requests(1, Window::lifetime()).each("vendor"));
    let client = Client::builder()
        .clock(VirtualClock::automatic(SystemTime::UNIX_EPOCH))
        .provider(failing)
        .provider(provider("b"))
        .limits(limits)
        .route("r", Route::ordered(["a/m", "b/m"]))
        .build()
        .unwrap();
    let ask = || run(client.chat(("r", "hi")));

    let answer = ask().unwrap();
    assert_eq!((answer.target().provider(), answer.attempts().len()), ("b", 2));
    assert_eq!(ask().unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn an_unknown_price_is_refused_or_assumed() {
    let limits = || Limits::new().limit(lifetime("0.005"));
    let build = |limits| {
        let long = ScriptedProvider::new("a");
        let long = long.always(|| Reply::text("ok").with_usage(Usage::of(2_400, 0)));
        Client::builder().clock(manual()).provider(long).limits(limits).build().unwrap()
    };
    let error = run(build(limits()).chat(hi())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BudgetExceeded);
    assert!(error.message().contains("ClientBuilder::price"), "{error}");

    // 2,400 tokens at a dollar for a million: 0.0024 each.
    let assumed = UnknownPrice::Assume { input: usd("1"), output: usd("1") };
    assert_eq!(passes(&build(limits().unknown_price(assumed)), &hi()), 2);
    // Where no budget applies nobody needs to know.
    assert_eq!(passes(&build(Limits::new().limit(Limit::parallel(1))), &hi()), 10);
}

#[test]
fn tokens_are_limited_by_what_was_really_used() {
    let limits = Limits::new()
        .limit(Limit::output_tokens(100, Window::refill(SECOND * 10)))
        .limit(Limit::input_tokens(1_000, Window::calendar(Unit::Minute)))
        .limit(Limit::tokens(10_000, Window::rolling(HOUR)));
    let clock = manual();
    let client = client(&clock, limits).build().unwrap();
    // Ninety are held and ten used: the second call fits exactly, the third has ten too few. A second later they are there.
    let request = hi().max_output_tokens(90);

    assert_eq!(passes(&client, &request), 2);
    clock.advance(SECOND);
    assert_eq!(passes(&client, &request), 1);
}

#[test]
fn more_tokens_than_there_can_be_are_flagged_and_counted_as_the_most_there_can_be() {
    let heard = Heard::default();
    let absurd = ScriptedProvider::new("a");
    let absurd = absurd.always(|| Reply::text("ok").with_usage(Usage::of(u64::MAX, u64::MAX)));
    let client = Client::builder()
        .clock(manual())
        .provider(absurd)
        .price("a/m", Price::per_million("1", "1").unwrap())
        .limits(Limits::new().limit(lifetime("0.01")))
        .observer(heard.clone())
        .build()
        .unwrap();

    assert_eq!(passes(&client, &hi()), 10);
    assert_eq!(heard.all(), ["impossible a/m"; 10]);
}

#[test]
fn limits_that_make_no_sense_are_refused_when_the_client_is_built() {
    let rate = || Limit::requests(10, Window::refill(SECOND));
    let cases = [
        (lifetime("-1"), "negative"),
        (Limit::cost(Usd::from_pico(i128::MAX), Window::lifetime()), "too large"),
        (Limit::requests(u64::MAX, Window::refill(SECOND)), "too large"),
        (Limit::requests(0, Window::refill(SECOND)), "for good"),
        (rate().burst(0), "for good"),
        (Limit::requests(1, Window::refill(Duration::ZERO)), "at least a microsecond"),
        (Limit::requests(1, Window::rolling(Duration::MAX)), "at most a year"),
        (Limit::requests(1, Window::refill(HOUR * 8_000)).burst(1_000), "ten years"),
        (lifetime("1").burst(2), "a burst belongs to Window::refill"),
        (Limit::cost(usd("1"), Window::refill(SECOND)), "use Window::rolling"),
        (rate().soft(), "a bucket that refuses nothing"),
        (Limit::requests(1, Window::request()), "one call is always one call"),
        (Limit::cost(usd("1"), Window::request()).warn_at(50), "has no percentage"),
        (lifetime("1").warn_at(0), "1 to 100"),
        (lifetime("1").warn_at(120), "1 to 100"),
        (lifetime("1").required(), "required() asks for a value"),
        (lifetime("1").each(""), "has no name"),
        (lifetime("1").named("a/b"), "no slash"),
        (lifetime("1").above(80, "nowhere"), "does not exist"),
        (lifetime("1").each("vendor").above(80, "r"), "cannot depend"),
    ];
    for (limit, expected) in cases {
        let built = client(&manual(), Limits::new().limit(limit)).route("r", Route::ordered(["a/m"])).build();
        let error = built.err().unwrap_or_else(|| panic!("{expected} was accepted"));
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(expected), "{error} should say {expected:?}");
    }
    let twice = Limits::new().limit(lifetime("1")).limit(lifetime("2"));
    let error = client(&manual(), twice).build().unwrap_err();
    assert!(error.message().contains("count together"), "{error}");
    // A budget of nothing is no contradiction: it lets through what costs nothing.
    assert_eq!(passes(&client(&manual(), Limits::new().limit(lifetime("0"))).build().unwrap(), &hi()), 0);
}

#[test]
fn what_nobody_will_ever_know_is_booked_as_the_limits_say() {
    for (doubt, passes_again) in
        [(InDoubt::Prompt, true), (InDoubt::Nothing, true), (InDoubt::Everything, false)]
    {
        let failing = ScriptedProvider::new("a").then(ErrorKind::Server);
        let failing = failing.always(|| Reply::text("ok").with_usage(Usage::of(10, 10)));
        let client = Client::builder()
            .clock(manual())
            .provider(failing)
            .price("a/m", Price::per_million("1", "1").unwrap())
            .limits(Limits::new().limit(lifetime("0.0015")).in_doubt(doubt))
            .retry(RetryPolicy::default().max_attempts(1))
            .build()
            .unwrap();
        let ask = || run(client.chat(ChatRequest::from(("a/m", "hi")).max_output_tokens(1_000)));

        assert_eq!(ask().unwrap_err().kind(), ErrorKind::Server);
        assert_eq!(ask().is_ok(), passes_again, "{doubt:?}");
    }
}

#[test]
fn a_call_that_waited_has_that_much_less_time_left() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
    let hung = ScriptedProvider::new("a").then(Reply::text("ok")).always(|| ScriptedStep::new().hang());
    let limits = Limits::new().limit(Limit::requests(1, Window::refill(SECOND * 10)));
    let client = Client::builder().clock(clock.clone()).provider(hung).limits(limits).build().unwrap();
    run(client.chat(hi())).unwrap();

    let options = CallOptions::new().on_limit(OnLimit::Wait(HOUR));
    let error = run(client.chat(hi().timeout(SECOND * 15).options(options))).unwrap_err();

    assert_eq!((error.kind(), clock.elapsed()), (ErrorKind::DeadlineExceeded, SECOND * 15));
    assert_eq!(error.attempts()[0].started_after, SECOND * 10);
}

#[test]
fn embeddings_and_rankings_are_limited_too() {
    let limits = Limits::new().limit(Limit::requests(0, Window::lifetime()).each("team"));
    let client = client(&manual(), limits).build().unwrap();
    let options = || CallOptions::new().scope("team", "red");
    let embed = EmbedRequest::new("a/m", ["text"]).options(options());
    let rerank = RerankRequest::new("a/m", "query", ["text"]).options(options());

    assert_eq!(run(client.embed(embed)).unwrap_err().kind(), ErrorKind::LimitExceeded);
    assert_eq!(run(client.rerank(rerank)).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_call_that_its_own_limits_refuse_again_and_again_gives_up() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
    let slow = ScriptedProvider::new("a").on_clock(clock.clone());
    slow.always(|| ScriptedStep::new().pause(SECOND).fail(ErrorKind::Authentication));
    let busy = ScriptedProvider::new("b").on_clock(clock.clone()).always(|| ScriptedStep::new().hang());
    let limits = Limits::new().limit(Limit::requests(1, Window::lifetime()).only("vendor", "b"));
    let client = Client::builder()
        .clock(clock.clone())
        .provider(slow)
        .provider(busy.clone())
        .limits(limits)
        .route("r", Route::ordered(["a/m", "b/m"]))
        .build()
        .unwrap();

    // The room at the second target is taken while the first is still being asked.
    let error = run(async {
        let call = std::pin::pin!(client.chat(("r", "hi")));
        let other = std::pin::pin!(client.chat(("b/m", "hi")));
        match futures::future::select(call, other).await {
            futures::future::Either::Left((outcome, _)) => outcome.unwrap_err(),
            futures::future::Either::Right(_) => unreachable!("it hangs"),
        }
    });

    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::LimitExceeded, 1));
    assert!(clock.elapsed() < SECOND * 2, "{:?}", clock.elapsed());
    assert_eq!(busy.calls().len(), 1);
}
