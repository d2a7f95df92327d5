//! What calls saved and could have saved, and what flexible tiers and public benchmarks change about where they go.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test target may panic")]

mod support;

use std::time::Duration;

use polyroute::account::{EntryKind, MemoryLedger, Query};
use polyroute::routing::policy::{Cascade, Composed, Score};
use polyroute::routing::{QualityFloor, RouteTarget, SensitiveData, Threshold, Traits};
use polyroute::testing::{ScriptedProvider, ScriptedQuestion, ScriptedStep};
use polyroute::types::{CallOptions, Preferences, Reply};
use polyroute::{ChatRequest, Client, EmbedRequest, ErrorKind, Price, Route, Usage};
use support::{builder, run, trace, virtual_clock};

fn of_a_million() -> Reply {
    Reply::text("Yes.").with_usage(Usage::of(1_000_000, 0))
}

fn ready(name: &str) -> ScriptedProvider {
    ScriptedProvider::new(name).always(of_a_million)
}

fn price(dollars: &str) -> Price {
    Price::per_million(dollars, dollars).unwrap()
}

/// `dear/m` at $9, `fair/m` at $4, `cheap/m` at $1, of qualities .9, .6 and .3.
fn three(route: Route) -> (Client, ScriptedProvider) {
    let cheap = ready("cheap");
    let client = builder(&virtual_clock())
        .provider(ready("dear"))
        .provider(ready("fair"))
        .provider(cheap.clone())
        .price("dear/m", price("9"))
        .price("fair/m", price("4"))
        .price("cheap/m", price("1"))
        .describe("dear", Traits::new().quality(0.9).region("us"))
        .describe("fair", Traits::new().quality(0.6).region("eu"))
        .describe("cheap", Traits::new().quality(0.3).region("eu"))
        .route("r", route)
        .build()
        .unwrap();
    (client, cheap)
}

const ALL: [&str; 3] = ["fair/m", "dear/m", "cheap/m"];

fn dollars(amount: Option<polyroute::Usd>) -> String {
    amount.map_or_else(|| "unknown".to_owned(), |amount| amount.to_string())
}

#[test]
fn savings_are_against_the_best_and_regret_against_the_cheapest_as_good() {
    let (client, cheap) = three(Route::ordered(ALL));

    let answer = run(client.chat(("r", "hello"))).unwrap();
    let hindsight = client.hindsight(&answer.summary);

    let elsewhere: Vec<_> =
        hindsight.elsewhere.iter().map(|one| format!("{} {}", one.target, dollars(one.cost))).collect();
    assert_eq!(elsewhere, ["cheap/m $1", "fair/m $4", "dear/m $9"]);
    assert_eq!(hindsight.reference.unwrap().as_str(), "dear/m");
    assert_eq!((dollars(hindsight.paid), dollars(hindsight.saved)), ("$4".into(), "$5".into()));
    // The cheap one is not known to be as good.
    assert_eq!((hindsight.best.unwrap().as_str(), dollars(hindsight.regret)), ("fair/m", "$0".into()));
    assert!(hindsight.quality_regret.is_some_and(|more| (0.29..0.31).contains(&more)));
    assert!(cheap.calls().is_empty());
}

#[test]
fn whom_nobody_described_is_judged_by_cost_alone() {
    let client = builder(&virtual_clock())
        .provider(ready("a"))
        .provider(ready("b"))
        .price("a/m", price("3"))
        .price("b/m", price("2"))
        .route("r", Route::ordered(["a/m", "b/m", "b/unpriced"]))
        .build()
        .unwrap();

    let answer = run(client.chat(("r", "hello"))).unwrap();
    let hindsight = client.hindsight(&answer.summary);

    assert_eq!((hindsight.best.unwrap().as_str(), dollars(hindsight.regret)), ("b/m", "$1".into()));
    assert_eq!((hindsight.reference.unwrap().as_str(), dollars(hindsight.saved)), ("a/m", "$0".into()));
    assert_eq!(hindsight.quality_regret, None);
    let last = hindsight.elsewhere.last().unwrap();
    assert_eq!((last.target.as_str(), last.cost), ("b/unpriced", None));
}

#[test]
fn a_reference_of_ones_own_may_stand_outside_the_route_and_be_cheaper() {
    let (client, _) = three(Route::ordered(["dear/m"]).reference("cheap/m"));

    let answer = run(client.chat(("r", "hello"))).unwrap();
    let hindsight = client.hindsight(&answer.summary);

    assert_eq!(hindsight.reference.unwrap().as_str(), "cheap/m");
    assert_eq!(dollars(hindsight.saved), "-$8");
    assert_eq!(hindsight.elsewhere.len(), 1);
}

#[test]
fn those_that_failed_or_were_not_allowed_are_no_better_choice_in_hindsight() {
    let (client, cheap) = three(Route::ordered(["cheap/m", "fair/m", "dear/m"]));
    cheap.then(ErrorKind::Server);
    let europe = CallOptions::new().preferences(Preferences::new().residency(["eu"]));

    let answer = run(client.chat(ChatRequest::new("r").user("hello").options(europe))).unwrap();
    let hindsight = client.hindsight(&answer.summary);

    assert_eq!(answer.target().as_str(), "fair/m");
    assert_eq!((hindsight.best.unwrap().as_str(), dollars(hindsight.regret)), ("fair/m", "$0".into()));
    assert_eq!(hindsight.reference.unwrap().as_str(), "fair/m", "nobody could have asked a better one");
    let elsewhere: Vec<_> = hindsight.elsewhere.iter().map(|one| one.target.as_str()).collect();
    assert_eq!(elsewhere, ["cheap/m", "fair/m"], "not the one outside Europe");
}

#[test]
fn both_legs_of_a_cascade_are_paid_and_its_weak_answer_was_not_good_enough() {
    let cascade =
        Cascade::new(QualityFloor::new(0.9).unwrap()).fixed(Threshold::new(f64::INFINITY)).audit_share(0.0);
    let (client, cheap) = three(Route::with_policy(cascade, ["cheap/m", "dear/m"]));
    cheap.then(Reply::text("2 + 2 = 5").with_usage(Usage::of(1_000_000, 0)));

    let answer = run(client.chat(("r", "hello"))).unwrap();
    let hindsight = client.hindsight(&answer.summary);

    assert_eq!((dollars(hindsight.paid), dollars(hindsight.saved)), ("$10".into(), "-$1".into()));
    assert_eq!((hindsight.best.unwrap().as_str(), dollars(hindsight.regret)), ("dear/m", "$1".into()));
}

#[test]
fn a_call_without_a_route_or_without_usage_says_what_is_known() {
    let silent = ScriptedProvider::new("silent").always(|| Reply::text("Yes."));
    let client = builder(&virtual_clock()).provider(silent).price("silent/m", price("1")).build().unwrap();

    let answer = run(client.chat(("silent/m", "hello"))).unwrap();
    let hindsight = client.hindsight(&answer.summary);

    assert_eq!((hindsight.paid, hindsight.saved, hindsight.regret), (None, None, None));
    assert_eq!(hindsight.elsewhere.len(), 1);
}

#[test]
fn what_a_warm_cache_is_expected_to_save_is_in_the_decision() {
    let cached = || {
        let mut usage = Usage::of(2_000, 10);
        usage.cache_read_tokens = Some(2_000);
        Reply::text("Yes.").with_usage(usage)
    };
    let client = builder(&virtual_clock())
        .provider(ScriptedProvider::new("lab").always(cached))
        .price("lab/m", price("10").cached_input("1").unwrap())
        .route("r", Route::cheapest(["lab/m"]))
        .build()
        .unwrap();
    let ask = || {
        let options = CallOptions::new().session("a conversation");
        let request = ChatRequest::from(("r", "word ".repeat(2_000))).max_output_tokens(10);
        run(client.chat(request.options(options))).unwrap().decision().ranked[0].expected_cost.unwrap()
    };

    let (cold, warm) = (ask(), ask());

    assert!(warm < cold, "{warm} is expected after {cold}");
}

/// `openai/gpt-5-mini` with the catalogue's own price, and `steady/m` at a price between its usual and its flexible one.
fn flexible(openai: &ScriptedProvider, route: fn(f64, [RouteTarget; 2]) -> Route) -> Client {
    let targets = [
        RouteTarget::new("steady/m", Traits::new().quality(0.8)),
        RouteTarget::new("openai/gpt-5-mini", Traits::new().quality(0.8)),
    ];
    builder(&virtual_clock())
        .provider(openai.clone())
        .provider(ready("steady"))
        .price("steady/m", Price::per_million("0.2", "1.5").unwrap())
        .ledger(MemoryLedger::new(100))
        .route("batch", route(0.5, targets))
        .build()
        .unwrap()
}

fn tiers(provider: &ScriptedProvider) -> Vec<Option<String>> {
    provider
        .calls()
        .into_iter()
        .map(|call| match call.question {
            ScriptedQuestion::Chat(request) | ScriptedQuestion::ChatStream(request) => request.service_tier,
            _ => panic!("a chat"),
        })
        .collect()
}

#[tokio::test]
async fn a_batch_route_asks_for_the_flexible_tier_and_goes_by_its_price() {
    let openai = ready("openai");
    let client = flexible(&openai, Route::batch);

    let answer = client.chat(("batch", "hello")).await.unwrap();

    assert_eq!(answer.target().provider(), "openai");
    assert_eq!(tiers(&openai), [Some("flex".to_owned())]);
    // A million tokens at half of $0.25.
    assert_eq!(dollars(answer.summary.total_cost()), "$0.125");
    let ranked = &answer.decision().ranked;
    assert!(ranked[0].expected_cost < ranked[1].expected_cost);
    let entries = client.books().unwrap().entries(&Query::all().kind(EntryKind::Attempt)).await.unwrap();
    assert_eq!(dollars(entries[0].cost), "$0.125");
    // Whoever names a tier gets it, and pays for it.
    let mut usual = ChatRequest::from(("batch", "hello"));
    usual.service_tier = Some("default".to_owned());
    let answer = client.chat(&usual).await.unwrap();
    assert_eq!(answer.target().provider(), "steady", "on the usual tier it is the cheaper one");
    let hindsight = client.hindsight(&answer.summary);
    let costs: Vec<String> = hindsight.elsewhere.iter().map(|one| dollars(one.cost)).collect();
    assert_eq!(costs, ["$0.2", "$0.25"], "nobody would have had the flexible price");
    let only = CallOptions::new().preferences(Preferences::new().only(["openai"]));
    let answer = client.chat(usual.options(only)).await.unwrap();
    assert_eq!(tiers(&openai).last().unwrap().as_deref(), Some("default"));
    assert_eq!(dollars(answer.summary.total_cost()), "$0.25");
    // Streams too.
    let stream = client.chat_stream(("batch", "hello")).await.unwrap().into_response().await.unwrap();
    assert_eq!(tiers(&openai).last().unwrap().as_deref(), Some("flex"));
    assert_eq!(dollars(stream.summary.total_cost()), "$0.125");
}

#[tokio::test]
async fn other_routes_and_vendors_keep_the_usual_tier() {
    let openai = ready("openai");
    let client = flexible(&openai, |_, targets| Route::cheapest(targets));

    let answer = client.chat(("batch", "hello")).await.unwrap();

    assert_eq!(answer.target().provider(), "steady");
    client.chat(("openai/gpt-5-mini", "hello")).await.unwrap();
    assert_eq!(tiers(&openai), [None]);
}

#[tokio::test]
async fn a_flexible_tier_without_room_is_left_for_the_usual_one_and_harms_nobody() {
    for kind in [ErrorKind::RateLimited, ErrorKind::InvalidRequest, ErrorKind::Overloaded] {
        let openai = ScriptedProvider::new("openai").then(kind).then(of_a_million());
        let provider = openai.clone();
        let client = flexible(&openai, Route::batch);

        let answer = client.chat(("batch", "hello")).await.unwrap();

        let reason = kind.as_str();
        assert_eq!(
            trace(answer.attempts()),
            [format!("openai/gpt-5-mini first {reason}"), "openai/gpt-5-mini retry answered".to_owned()]
        );
        assert_eq!(tiers(&openai), [Some("flex".to_owned()), None]);
        assert_eq!(dollars(answer.summary.total_cost()), "$0.25");
        let health = client.health();
        let openai = health.iter().find(|one| one.target.provider() == "openai").unwrap();
        assert_eq!((openai.standing.as_str(), openai.failures), ("healthy", 0), "{kind:?}");
        // The next call does not ask in vain, unless it may have been the request's own fault.
        provider.then(of_a_million());
        client.chat(("batch", "hello")).await.unwrap();
        let third = (kind == ErrorKind::InvalidRequest).then(|| "flex".to_owned());
        assert_eq!(tiers(&provider), [Some("flex".to_owned()), None, third]);
    }
}

#[tokio::test]
async fn an_outage_on_the_flexible_tier_is_an_outage() {
    let openai = ScriptedProvider::new("openai").then(ErrorKind::Server);
    let client = flexible(&openai, Route::batch);

    let answer = client.chat(("batch", "hello")).await.unwrap();

    assert_eq!(answer.target().provider(), "steady");
    let health = client.health();
    assert_eq!(health.iter().find(|one| one.target.provider() == "openai").unwrap().failures, 1);
}

#[test]
fn a_floor_of_quality_needs_no_description_of_models_that_benchmarks_measured() {
    let policy = Composed::by(Score::Cost).quality_at_least(0.6);
    let targets =
        ["openai/gpt-4o-mini", "anthropic/claude-sonnet-4-5", "anthropic/claude-opus-4-5", "lab/made-up"];
    let client = builder(&virtual_clock())
        .provider(ready("openai"))
        .provider(ready("anthropic"))
        .provider(ready("lab"))
        .route("good", Route::with_policy(policy, targets))
        .describe("anthropic/claude-opus-4-5", Traits::new().quality(0.1))
        .build()
        .unwrap();

    let answer = run(client.chat(("good", "hello"))).unwrap();

    // Of those that are good enough; what the application says goes before what benchmarks do.
    let ranked: Vec<_> = answer.decision().ranked.iter().map(|ranked| ranked.target.as_str()).collect();
    assert_eq!(ranked, ["anthropic/claude-sonnet-4-5"]);
}

#[test]
fn sensitive_texts_are_found_in_every_kind_of_request() {
    use polyroute::types::{
        ImageRequest, ModerationRequest, RerankRequest, SpeechRequest, TranscriptRequest,
    };

    let client = builder(&virtual_clock())
        .provider(ready("away"))
        .route("app", Route::ordered(["away/m"]).sensitive(SensitiveData::new().tag("medical").detect()))
        .build()
        .unwrap();
    let card = "4111 1111 1111 1111";
    let tagged = || CallOptions::new().tag("medical");
    let embed = |text: &str| EmbedRequest::new("app", [text]);
    let refused = |error: polyroute::Error| {
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains("[sensitive]"), "{}", error.message());
    };

    refused(run(client.embed(embed(card))).unwrap_err());
    refused(run(client.embed(embed("hello").options(tagged()))).unwrap_err());
    refused(run(client.rerank(RerankRequest::new("app", "query", ["a", card]))).unwrap_err());
    refused(run(client.rerank(RerankRequest::new("app", card, ["a", "b"]))).unwrap_err());
    refused(run(client.generate_image(ImageRequest::new("app", card))).unwrap_err());
    refused(run(client.speak(SpeechRequest::new("app", "voice", card))).unwrap_err());
    refused(run(client.moderate(ModerationRequest::new("app", [card]))).unwrap_err());
    let mut transcript = TranscriptRequest::new("app", "a.wav", vec![0_u8; 4]);
    transcript.prompt = Some(card.to_owned());
    refused(run(client.transcribe(transcript)).unwrap_err());
    refused(run(client.chat(("app", card))).unwrap_err());
    assert!(
        run(client.embed(embed("hello"))).map_err(|error| error.message().contains("[sensitive]")).err()
            != Some(true)
    );
}

#[test]
fn headroom_and_speed_at_every_percentile_move_targets_to_the_back() {
    let clock = virtual_clock();
    // Streams of fifty tokens: one provider is usually quick and now and then slow, the other always between.
    let stream = |millis: u64| {
        let mut step = ScriptedStep::new().event(polyroute::StreamEvent::Text("a".to_owned()));
        step = step.pause(Duration::from_millis(millis));
        step.event(polyroute::StreamEvent::Usage(Box::new(Usage::of(10, 50))))
            .event(polyroute::StreamEvent::finish(None, None))
    };
    let moody = ScriptedProvider::new("moody").on_clock(clock.clone());
    let even = ScriptedProvider::new("even").on_clock(clock.clone()).always(move || stream(1_000));
    for number in 0..40 {
        moody.then(stream(if number % 5 == 0 { 10_000 } else { 500 }));
    }
    let client = builder(&clock)
        .provider(moody)
        .provider(even)
        .route("r", Route::ordered(["moody/m", "even/m"]))
        .build()
        .unwrap();
    for target in ["moody/m", "even/m"] {
        for _ in 0..40 {
            run(async { client.chat_stream((target, "hello")).await.unwrap().into_response().await })
                .unwrap();
        }
    }
    let first = |json: &str| {
        let preferences = Preferences::from_json(json).unwrap();
        let options = CallOptions::new().preferences(preferences);
        let check = client.check(ChatRequest::new("r").user("hello").options(options)).unwrap();
        check.targets[0].target.provider().to_owned()
    };

    // Fifty tokens in half a second are a hundred a second; in ten seconds they are five.
    assert_eq!(first(r#"{"preferred_min_throughput": {"p50": 30}}"#), "moody");
    assert_eq!(first(r#"{"preferred_min_throughput": {"p75": 30}}"#), "moody");
    assert_eq!(first(r#"{"preferred_min_throughput": {"p90": 30}}"#), "even");
    assert_eq!(first(r#"{"preferred_min_throughput": {"p99": 30}}"#), "even");
    assert_eq!(first(r#"{"preferred_min_throughput": {"p99": 4}}"#), "moody");
}

#[test]
fn nobody_regrets_a_target_that_was_out_of_use() {
    let cheap = ScriptedProvider::new("cheap").always(|| ErrorKind::Server);
    let client = builder(&virtual_clock())
        .provider(cheap.clone())
        .provider(ready("dear"))
        .price("cheap/m", price("1"))
        .price("dear/m", price("9"))
        .route("r", Route::ordered(["cheap/m", "dear/m"]))
        .build()
        .unwrap();
    for _ in 0..5 {
        run(client.chat(("r", "hello"))).unwrap();
    }
    let tried = cheap.calls().len();

    let answer = run(client.chat(("r", "hello"))).unwrap();
    let hindsight = client.hindsight(&answer.summary);

    assert_eq!(cheap.calls().len(), tried, "it is left alone");
    assert_eq!(answer.decision().unavailable, ["cheap/m".parse().unwrap()]);
    assert_eq!((hindsight.best.unwrap().as_str(), dollars(hindsight.regret)), ("dear/m", "$0".into()));
    assert_eq!(hindsight.elsewhere.len(), 1);
}

#[test]
fn elsewhere_the_prompt_would_have_lain_in_no_cache() {
    let warm = || {
        let mut usage = Usage::of(1_000_000, 0);
        usage.cache_read_tokens = Some(1_000_000);
        Reply::text("Yes.").with_usage(usage)
    };
    let client = builder(&virtual_clock())
        .provider(ScriptedProvider::new("a").always(warm))
        .provider(ready("b"))
        .price("a/m", price("2").cached_input("0.2").unwrap())
        .price("b/m", price("1.5").cached_input("0.15").unwrap())
        .route("r", Route::ordered(["a/m", "b/m"]))
        .build()
        .unwrap();

    let answer = run(client.chat(("r", "hello"))).unwrap();
    let hindsight = client.hindsight(&answer.summary);

    assert_eq!((dollars(hindsight.paid), dollars(hindsight.regret)), ("$0.2".into(), "$0".into()));
    assert_eq!(dollars(hindsight.saved), "$1.3");
}
