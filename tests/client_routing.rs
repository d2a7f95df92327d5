//! Routes as applications write them: shares in virtual time, tiers, sensitive data, splits, and what is refused.

#![expect(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::async_yields_async,
    reason = "a test target may panic"
)]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use polyroute::catalog::Price;
use polyroute::clock::Clock as _;
use polyroute::provider::Environment;
use polyroute::routing::policy::{Composed, Fastest, Score};
use polyroute::routing::{RouteTarget, SensitiveData, Traits};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::types::{
    CallOptions, Document, Json, MediaSource, Message, Opaque, Part, Preferences, Reply, Role, Sensitivity,
    Stakes, Tool, Wire,
};
use polyroute::{ChatRequest, Client, ErrorKind, Route, Settings, Usage};
use support::{builder, run, virtual_clock};

/// More than are ever running.
const MOST_AT_ONCE: usize = 64;

fn answer() -> Reply {
    Reply::text("ok").with_usage(Usage::of(10, 5))
}

/// A provider whose answers take so long.
fn taking(name: &str, clock: &VirtualClock, time: Duration) -> ScriptedProvider {
    let provider = ScriptedProvider::new(name).on_clock(clock.clone());
    provider.always(move || ScriptedStep::new().pause(time).reply(answer()))
}

fn ready(name: &str) -> ScriptedProvider {
    ScriptedProvider::new(name).always(answer)
}

/// Who answers one request.
fn served_by(client: &Client, request: impl Into<ChatRequest>) -> String {
    run(client.chat(request)).unwrap().target().provider().to_owned()
}

/// Asks the route `fast` four times each second for so long; how often each provider answered.
fn shares(client: &Client, clock: &VirtualClock, seconds: u64) -> BTreeMap<String, f64> {
    let arrivals = stream::iter(0..seconds * 4).then(|_| async move {
        clock.sleep(Duration::from_millis(250)).await;
        async move { client.chat(("fast", "hello")).await.unwrap().target().provider().to_owned() }
    });
    let answers = run(arrivals.buffer_unordered(MOST_AT_ONCE).collect::<Vec<String>>());
    let mut counts: BTreeMap<String, f64> = BTreeMap::new();
    for name in answers {
        *counts.entry(name).or_default() += 1.0;
    }
    let all: f64 = counts.values().sum();
    counts.values_mut().for_each(|count| *count /= all);
    counts
}

#[test]
fn equal_providers_share_the_traffic_evenly() {
    let clock = virtual_clock();
    let time = Duration::from_millis(400);
    let client = builder(&clock)
        .provider(taking("a", &clock, time))
        .provider(taking("b", &clock, time))
        .route("fast", Route::with_policy(Fastest::new(), ["a/m", "b/m"]))
        .build()
        .unwrap();

    let shares = shares(&client, &clock, 300);

    assert!((0.45..=0.55).contains(&shares["a"]), "{shares:?}");
}

#[test]
fn a_provider_ten_times_slower_gets_less_than_a_tenth_within_three_decay_times() {
    let clock = virtual_clock();
    let client = builder(&clock)
        .provider(taking("a", &clock, Duration::from_millis(400)))
        .provider(taking("b", &clock, Duration::from_millis(400)))
        .provider(taking("slow", &clock, Duration::from_secs(4)))
        .route("fast", Route::with_policy(Fastest::new(), ["a/m", "slow/m", "b/m"]))
        .build()
        .unwrap();

    // A decay time is a minute.
    let shares = shares(&client, &clock, 180);

    assert!(shares.get("slow").copied().unwrap_or_default() < 0.1, "{shares:?}");
    assert!(shares["a"] > 0.4 && shares["b"] > 0.4, "{shares:?}");
}

#[test]
fn a_chain_answers_with_the_best_that_is_up_and_stakes_choose_where_it_begins() {
    let clock = virtual_clock();
    let (best, cheaper) = (ready("best"), ready("cheaper"));
    let client = builder(&clock)
        .provider(best.clone())
        .provider(cheaper.clone())
        .provider(ready("light"))
        .route("app", Route::chain(["best/m"], ["cheaper/m"], ["light/m"]))
        .build()
        .unwrap();
    let with = |stakes| ChatRequest::new("app").user("hello").options(CallOptions::new().stakes(stakes));

    assert_eq!(served_by(&client, ("app", "hello")), "best");
    assert_eq!(served_by(&client, with(Stakes::High)), "best");
    assert_eq!(served_by(&client, with(Stakes::Low)), "cheaper");
    best.then(polyroute::Error::new(ErrorKind::Overloaded, "full"));
    assert_eq!(served_by(&client, ("app", "hello")), "cheaper");
    // A light answer is better than none, unless much depends on it.
    best.then(ErrorKind::Overloaded);
    cheaper.then(ErrorKind::Overloaded);
    assert_eq!(served_by(&client, ("app", "hello")), "light");
    for _ in 0..3 {
        best.then(ErrorKind::Overloaded);
        cheaper.then(ErrorKind::Overloaded);
    }
    assert_eq!(run(client.chat(with(Stakes::High))).unwrap_err().kind(), ErrorKind::Overloaded);
}

#[test]
fn a_batch_route_takes_the_cheapest_good_enough_at_that_hour() {
    let clock = virtual_clock();
    let off_peak = Price::per_million("2", "2")
        .unwrap()
        .scheduled(&[], "00:00-08:00", polyroute::catalog::Rates::per_million("0.5", "0.5").unwrap())
        .unwrap();
    let client = builder(&clock)
        .provider(ready("nightly"))
        .provider(ready("steady"))
        .provider(ready("poor"))
        .price("nightly/m", off_peak)
        .price("steady/m", Price::per_million("1", "1").unwrap())
        .price("poor/m", Price::per_million("0.1", "0.1").unwrap())
        .describe("nightly", Traits::new().quality(0.7))
        .describe("poor/m", Traits::new().quality(0.3))
        .route(
            "batch",
            Route::batch(
                0.6,
                [
                    RouteTarget::from("nightly/m"),
                    RouteTarget::new("steady/m", Traits::new().quality(0.6)),
                    RouteTarget::from("poor/m"),
                ],
            ),
        )
        .build()
        .unwrap();
    let day = std::time::UNIX_EPOCH + Duration::from_secs(1_795_000_000 / 86_400 * 86_400);

    clock.set_wall(day + Duration::from_secs(3 * 3_600));
    assert_eq!(served_by(&client, ("batch", "hello")), "nightly");
    clock.set_wall(day + Duration::from_secs(12 * 3_600));
    assert_eq!(served_by(&client, ("batch", "hello")), "steady");
}

#[test]
fn sensitive_data_stays_at_home_whether_said_tagged_or_found() {
    let clock = virtual_clock();
    let client = builder(&clock)
        .provider(ready("away"))
        .provider(ready("home"))
        .describe("home", Traits::new().self_hosted())
        .route(
            "app",
            Route::ordered(["away/m", "home/m"]).sensitive(SensitiveData::new().tag("medical").detect()),
        )
        .route("away", Route::ordered(["away/m"]))
        .build()
        .unwrap();
    let tagged = ChatRequest::new("app").user("hello").options(CallOptions::new().tag("medical"));
    let said = ChatRequest::new("app").user("hello").options(CallOptions::new().sensitive());

    assert_eq!(served_by(&client, ("app", "hello")), "away");
    assert_eq!(served_by(&client, tagged), "home");
    assert_eq!(served_by(&client, said.clone()), "home");
    assert_eq!(served_by(&client, ("app", "card 4111 1111 1111 1111")), "home");

    for tag in ["&medical", "Medical", "&MEDICAL"] {
        let tagged = ChatRequest::new("app").user("hello").options(CallOptions::new().tag(tag));
        assert_eq!(client.check(tagged).unwrap().decision.ranked[0].target.provider(), "home", "{tag}");
    }
    let holding = |part: Part| ChatRequest::new("app").message(Message::new(Role::User, [part]));
    let file = |media_type: &str, data: &'static str| MediaSource::bytes(media_type, data.as_bytes());
    let mut named = Document::new(file("application/pdf", "%PDF"));
    named.name = Some("DE89 3704 0044 0532 0130 00.pdf".into());
    let json = Json::from_text(r#"{"type": "note", "of": "jane@example.org"}"#).unwrap();
    let schema = Json::from_text(r#"{"type": "object"}"#).unwrap();
    let described = Tool::function("find", "Finds what jane@example.org wrote", schema);
    for request in [
        holding(Part::Document(Document::new(file("text/plain; charset=utf-8", "card 4111111111111111")))),
        holding(Part::Document(named)),
        holding(Part::Opaque(Opaque::new(Wire::Messages, json))),
        ChatRequest::new("app").user("hello").tool(described),
    ] {
        let facts = client.facts(request).unwrap();
        assert_eq!(facts.sensitivity, Sensitivity::Sensitive);
    }
    let plain = holding(Part::Document(Document::new(file("text/plain", "nothing"))));
    assert_eq!(client.facts(plain).unwrap().sensitivity, Sensitivity::Ordinary);

    let mut nowhere = said.clone();
    nowhere.model = "away".into();
    let error = run(client.chat(nowhere)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("[sensitive]"), "{}", error.message());
    let mut direct = said;
    direct.model = "away/m".into();
    assert_eq!(run(client.chat(direct)).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_local_server_that_the_environment_or_the_settings_move_away_gets_nothing_sensitive() {
    let clock = virtual_clock();
    let refused = |settings: Settings, environment: Environment| {
        let client = builder(&clock).vendor(settings).environment(environment).build().unwrap();
        let request = ChatRequest::new("ollama/m").user("hello").options(CallOptions::new().sensitive());
        client.check(request).err().map(|error| error.kind()) == Some(ErrorKind::Unsupported)
    };
    let ollama = || Settings::vendor("ollama");
    let nothing = || Environment::of(Vec::<(String, String)>::new());
    let at = |url: &'static str| Environment::of([("OLLAMA_BASE_URL", url)]);

    let described = builder(&clock).vendor(ollama()).environment(nothing());
    let described = described.describe("ollama", Traits::new().self_hosted()).build().unwrap();
    let passed_on = |model: &str| {
        let request = ChatRequest::new(model).user("hello").options(CallOptions::new().sensitive());
        described.check(request).is_err()
    };
    assert!(!passed_on("ollama/m") && passed_on("ollama/m:cloud"));
    assert!(!refused(ollama(), nothing()));
    assert!(!refused(ollama(), at("http://127.0.0.1:11434/v1")));
    assert!(!refused(ollama().base_url("https://10.0.0.7/v1"), at("https://ollama.com/v1")));
    assert!(refused(ollama(), at("https://ollama.com/v1")));
    assert!(refused(ollama().base_url("https://gpu.example.com/v1"), nothing()));
}

#[test]
fn a_split_keeps_sessions_together() {
    let clock = virtual_clock();
    let client = builder(&clock)
        .provider(ready("a"))
        .provider(ready("b"))
        .route("split", Route::weighted([("a/m", 3.0), ("b/m", 1.0)]))
        .build()
        .unwrap();
    let mut of_a = 0;
    for number in 0..400 {
        let session = CallOptions::new().session(format!("conversation {number}"));
        let ask = || ChatRequest::new("split").user("hello").options(session.clone());
        let first = served_by(&client, ask());
        assert_eq!(first, served_by(&client, ask()));
        of_a += i32::from(first == "a");
    }
    assert!((270..=330).contains(&of_a), "{of_a} of 400 instead of 300");
}

#[test]
fn preferences_of_a_call_apply_on_top_of_its_routes_and_are_explained() {
    let clock = virtual_clock();
    let client = builder(&clock)
        .provider(ready("a"))
        .provider(ready("b"))
        .describe("a", Traits::new().region("us"))
        .describe("b", Traits::new().region("eu"))
        .route("app", Route::ordered(["a/m", "b/m"]))
        .route("europe", Route::ordered(["a/m", "b/m"]).prefer(Preferences::new().residency(["eu"])))
        .build()
        .unwrap();
    let only = |route: &str, name: &str| {
        let options = CallOptions::new().preferences(Preferences::new().only([name]));
        run(client.chat(ChatRequest::new(route).user("hello").options(options)))
    };

    assert_eq!(only("app", "b").unwrap().target().provider(), "b");
    let answer = run(client.chat(("europe", "hello"))).unwrap();
    let out = answer.decision().rejected.first().unwrap();
    assert_eq!((answer.target().provider(), &*out.constraint), ("b", "residency"));
    let error = only("europe", "a").unwrap_err();
    assert!(error.message().contains("[residency]") && error.message().contains("[only]"), "{error}");
}

#[test]
fn what_is_said_of_targets_is_checked_when_the_client_is_built() {
    let clock = virtual_clock();
    let build = |name: &str, traits: Traits| {
        builder(&clock).provider(ready("a")).describe(name, traits).build().unwrap_err()
    };
    assert!(build("b", Traits::new()).message().contains("no such provider"));
    assert!(build("a/m", Traits::new().weight(f64::NAN)).message().contains("a weight is a number"));
    assert!(build("a", Traits::new().quality(1.5)).message().contains("from 0 to 1"));
    let route = Route::weighted([("a/m", -1.0)]);
    let error = builder(&clock).provider(ready("a")).route("r", route).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.message().starts_with("route \"r\": a weight"), "{}", error.message());

    let floor = Composed::by(Score::Cost).quality_at_least(0.5);
    let client =
        builder(&clock).provider(ready("a")).route("r", Route::with_policy(floor, ["a/m"])).build().unwrap();
    let error = run(client.chat(("r", "hello"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
}
