//! Each hard constraint removes what it should, says so, and only what is preferred moves to the back.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test target may panic")]

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use polyroute::catalog::{Capability, Model, Price, Rates, Support};
use polyroute::routing::policy::{Cheapest, Composed, Conditional, Ordered, Score};
use polyroute::routing::{
    Candidate, Candidates, Choice, DataPolicy, Decided, Distillable, Escalation, Health, Live, LiveFacts,
    Observed, Plan, Question, RequestFacts, RoutingPolicy, Shortlist, Traits, decide,
};
use polyroute::testing::ScriptedProvider;
use polyroute::types::{Percentiles, Preferences, Quantization, Reply, Sensitivity};
use polyroute::{ChatRequest, Client, ErrorKind, Result, Route};

fn facts() -> RequestFacts {
    RequestFacts::new(1_000, SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000))
}

/// A target of `provider` that costs `price` per million tokens either way.
fn row(target: &str, price: &str, traits: Traits) -> Candidate {
    let mut model = Model::new("m");
    model.price = Some(Price::per_million(price, price).unwrap());
    Candidate::new(target.parse().unwrap(), Some(Arc::new(model))).with_traits(traits)
}

fn with(target: &str, change: impl FnOnce(&mut Model)) -> Candidate {
    let mut model = Model::new("m");
    change(&mut model);
    Candidate::new(target.parse().unwrap(), Some(Arc::new(model)))
}

fn names(decided: &Decided, candidates: &Candidates) -> Vec<String> {
    let choices = decided.plan.choices.iter();
    choices.map(|choice| candidates.as_slice()[choice.candidate].target.provider().to_owned()).collect()
}

/// What an ordered route leaves of `rows` under `preferences`, and which constraint removed which.
fn left(rows: &[Candidate], facts: &RequestFacts, preferences: &str) -> (Vec<String>, Vec<(String, String)>) {
    let candidates: Candidates = rows.iter().cloned().collect();
    let preferences = Preferences::from_json(preferences).unwrap();
    let decided = decide(&Ordered::new(), &Question::new(facts, &candidates).route(&preferences)).unwrap();
    let rejected = decided.rejected.iter();
    let rejected =
        rejected.map(|out| (out.target.provider().to_owned(), out.constraint.to_string())).collect();
    (names(&decided, &candidates), rejected)
}

#[test]
fn each_preference_removes_what_it_forbids_and_names_itself() {
    let rows = [
        row("bare/m", "1", Traits::new()),
        row("strict/m", "1", {
            let traits = Traits::new().region("eu-central-1").data(DataPolicy::ZeroRetention);
            traits.quantization(Quantization::Fp8).distillable(Distillable::Yes)
        }),
        row("keeps/m", "9", Traits::new().region("us").data(DataPolicy::Retains)),
        row("trains/maker/m", "1", Traits::new().aggregator().data(DataPolicy::Collects)),
    ];
    for (preferences, kept, constraint) in [
        (r#"{"only": ["strict", "keeps/m"]}"#, &["strict", "keeps"][..], "only"),
        (r#"{"ignore": ["Strict", "keeps/m"]}"#, &["bare", "trains"], "ignore"),
        (r#"{"order": ["keeps"], "allow_fallbacks": false}"#, &["keeps"], "allow_fallbacks"),
        (r#"{"data_collection": "deny"}"#, &["strict", "keeps"], "data_collection"),
        (r#"{"zdr": true}"#, &["strict"], "zdr"),
        (r#"{"enforce_distillable_text": true}"#, &["strict"], "enforce_distillable_text"),
        (r#"{"quantizations": ["fp8"]}"#, &["strict"], "quantizations"),
        (r#"{"quantizations": ["unknown"]}"#, &["bare", "keeps", "trains"], "quantizations"),
        (r#"{"residency": ["eu"]}"#, &["strict"], "residency"),
        (r#"{"residency": ["EU", "us"]}"#, &["strict", "keeps"], "residency"),
        (r#"{"direct_only": ["maker"]}"#, &["bare", "strict", "keeps"], "direct_only"),
        (r#"{"max_price": {"completion": 8.99}}"#, &["bare", "strict", "trains"], "max_price"),
        (r#"{"max_cost": "0.002"}"#, &["bare", "strict", "trains"], "max_cost"),
    ] {
        let (names, rejected) = left(&rows, &facts(), preferences);

        assert_eq!(names, kept, "{preferences}");
        assert_eq!(rejected.len(), rows.len() - kept.len(), "{preferences}");
        assert!(rejected.iter().all(|(_, by)| by == constraint), "{preferences}: {rejected:?}");
    }
    // Whose model an aggregator serves is said, or follows from its name; where it does not, it may be anybody's.
    let through = |target: &str| row(target, "1", Traits::new().aggregator());
    let rows = [
        through("named/claude-x"),
        through("other/gpt-5"),
        through("openrouter/openrouter/auto"),
        through("unknown/house-model"),
        row("said/claude-x", "1", Traits::new().aggregator().maker("somebody")),
        row("direct/house-model", "1", Traits::new()),
    ];
    assert_eq!(left(&rows, &facts(), r#"{"direct_only": ["Anthropic"]}"#).0, ["other", "said", "direct"]);
    // A region inside another is inside it; one that only begins like it is not.
    let rows = [row("a/m", "1", Traits::new().region("europa")), row("b/m", "1", Traits::new().region("eu"))];
    assert_eq!(left(&rows, &facts(), r#"{"residency": ["eu"]}"#).0, ["b"]);
    let rows = [
        row("both/m", "1", Traits::new().region("eu").region("us")),
        row("b/m", "1", Traits::new().region("eu")),
    ];
    assert_eq!(
        left(&rows, &facts(), r#"{"residency": ["eu"]}"#).0,
        ["b"],
        "all of its regions must be allowed"
    );
}

#[test]
fn abilities_and_windows_are_hard_and_unknown_ones_pass_unless_required() {
    let rows = [
        with("no-tools/m", |model| {
            model.capabilities = model.capabilities.with(Capability::Tools, Support::No);
        }),
        with("small/m", |model| model.context_window = Some(100)),
        with("unknown/m", |_| {}),
        with("proven/m", |model| {
            model.capabilities = model.capabilities.with(Capability::Tools, Support::Yes);
            model.max_output_tokens = Some(50);
        }),
    ];
    let mut facts = facts();
    facts.needs = facts.needs.with(Capability::Tools);
    facts.least_input_tokens = 200;

    let (names, rejected) = left(&rows, &facts, "{}");
    assert_eq!(names, ["unknown", "proven"]);
    let expected = [("no-tools", "capability"), ("small", "context_window")];
    assert_eq!(rejected, expected.map(|(one, other)| (one.to_owned(), other.to_owned())));

    let (names, _) = left(&rows, &facts, r#"{"require_parameters": true}"#);
    assert_eq!(names, ["proven"]);

    facts.output_limit = Some(51);
    let candidates: Candidates = rows.into_iter().collect();
    let preferences = Preferences::new().require_parameters();
    let error = decide(&Ordered::new(), &Question::new(&facts, &candidates).route(&preferences)).unwrap_err();
    assert!(error.message().contains("at most 50 tokens and 51 are asked for"), "{}", error.message());
}

#[test]
fn sensitive_data_goes_to_self_hosted_targets_only() {
    let candidates: Candidates =
        [row("away/m", "1", Traits::new()), row("home/m", "9", Traits::new().self_hosted())]
            .into_iter()
            .collect();
    let mut facts = facts();
    facts.sensitivity = Sensitivity::Sensitive;

    let decided = decide(&Cheapest::new(), &Question::new(&facts, &candidates)).unwrap();

    assert_eq!(names(&decided, &candidates), ["home"]);
    assert_eq!(decided.rejected[0].constraint, "sensitive");
}

#[test]
fn what_is_left_of_a_budget_removes_what_it_does_not_pay_for() {
    let candidates: Candidates =
        [row("dear/m", "10", Traits::new()), row("cheap/m", "1", Traits::new()), with("unpriced/m", |_| {})]
            .into_iter()
            .collect();
    let mut facts = facts();
    facts.budget_left = Some("0.002".parse().unwrap());

    let decided = decide(&Ordered::new(), &Question::new(&facts, &candidates)).unwrap();

    assert_eq!(names(&decided, &candidates), ["cheap", "unpriced"]);
    assert_eq!(decided.rejected[0].reason, "it would cost $0.015 and $0.002 is left");
}

#[test]
fn tags_mean_what_they_mean_to_litellm() {
    let rows = [
        row("free/m", "1", Traits::new().tag("free")),
        row("paid/m", "1", Traits::new().tag("paid").tag("eu")),
        row("rest/m", "1", Traits::new().tag("default")),
        row("untagged/m", "1", Traits::new()),
    ];
    for (tags, kept) in [
        (&["free"][..], &["free"][..]),
        (&["free", "paid"], &["free", "paid"]),
        (&["nobody"], &["rest"]),
        (&[], &["rest"]),
        (&["!paid", "eu", "free"], &["free"]),
        (&["&eu"], &["paid"]),
    ] {
        let mut facts = facts();
        facts.labels.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        assert_eq!(left(&rows, &facts, "{}").0, kept, "{tags:?}");
    }
    let mut facts = facts();
    facts.labels.tags = vec!["nightly".into()];
    let untagged = [row("a/m", "1", Traits::new()), row("b/m", "1", Traits::new())];
    assert_eq!(left(&untagged, &facts, "{}").0, ["a", "b"], "tags that no target asks about are only labels");
    let tagged = [row("a/m", "1", Traits::new().tag("x")), row("b/m", "1", Traits::new())];
    assert_eq!(left(&tagged, &RequestFacts::new(1, SystemTime::UNIX_EPOCH), "{}").0, ["a", "b"]);
}

#[test]
fn a_call_only_tightens_what_its_route_demands() {
    let candidates: Candidates = [
        row("a/m", "1", Traits::new().region("eu").data(DataPolicy::Retains)),
        row("b/m", "1", Traits::new().region("eu").data(DataPolicy::ZeroRetention)),
        row("c/m", "1", Traits::new().region("us").data(DataPolicy::ZeroRetention)),
    ]
    .into_iter()
    .collect();
    let route = Preferences::new().residency(["eu"]);
    let mut facts = facts();
    facts.preferences = Some(Box::new(Preferences::new().zero_retention()));

    let decided = decide(&Ordered::new(), &Question::new(&facts, &candidates).route(&route)).unwrap();

    assert_eq!(names(&decided, &candidates), ["b"]);
}

#[test]
fn when_nothing_is_left_the_error_names_the_constraint_that_removed_each() {
    let candidates: Candidates = [
        row("a/m", "1", Traits::new()),
        row("b/m", "9", Traits::new().region("eu")),
        with("c/m", |model| model.context_window = Some(10)),
    ]
    .into_iter()
    .collect();
    let mut facts = facts();
    facts.least_input_tokens = 11;
    let preferences = Preferences::from_json(r#"{"residency": ["eu"], "max_price": {"prompt": 2}}"#).unwrap();

    let error =
        decide(&Cheapest::new(), &Question::new(&facts, &candidates).route(&preferences)).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert_eq!(
        error.message(),
        "no target can serve the request (a/m: nobody said where it processes prompts [residency]; \
         b/m: it charges $9 per prompt, more than $2 [max_price]; \
         c/m: the prompt does not fit its window of 10 tokens [context_window])"
    );
    // Of very many the first are written out and the rest is counted.
    let many: Candidates = (0..100).map(|number| row(&format!("p{number}/m"), "9", Traits::new())).collect();
    let error = decide(&Cheapest::new(), &Question::new(&facts, &many).route(&preferences)).unwrap_err();
    assert!(error.message().ends_with("; and 60 more: 60 by residency)"), "{}", error.message());
}

/// Live facts by provider.
#[derive(Debug)]
struct Known(Vec<(Live, Observed)>);

impl LiveFacts for Known {
    fn live(&self, position: usize) -> Live {
        self.0[position].0
    }

    fn percentiles(&self, position: usize) -> Observed {
        self.0[position].1
    }
}

fn seen(health: Health, p50: f64, p99: f64, speed: f64) -> (Live, Observed) {
    let mut live = Live::default();
    live.health = health;
    let mut observed = Observed::default();
    observed.first_token = Percentiles::median(p50);
    observed.first_token.p99 = Some(p99);
    observed.tokens_per_second = Percentiles::median(speed);
    (live, observed)
}

fn three() -> Candidates {
    ["a/x", "b/x", "c/y"]
        .into_iter()
        .zip(["1", "2", "3"])
        .map(|(name, price)| row(name, price, Traits::new()))
        .collect()
}

#[test]
fn percentiles_move_to_the_back_and_never_remove() {
    let live = Known(vec![
        seen(Health::Healthy, 1.0, 9.0, 10.0),
        seen(Health::Healthy, 2.0, 3.0, 90.0),
        seen(Health::Healthy, 0.5, 2.0, 200.0),
    ]);
    for (preferences, expected) in [
        (r#"{"preferred_max_latency": 1.5}"#, ["a", "c", "b"]),
        (r#"{"preferred_max_latency": {"p50": 5, "p99": 2.5}}"#, ["c", "a", "b"]),
        (r#"{"preferred_min_throughput": 50}"#, ["b", "c", "a"]),
        (r#"{"preferred_min_throughput": 50, "preferred_max_latency": {"p99": 2.5}}"#, ["c", "a", "b"]),
        (r#"{"preferred_max_latency": 0.1}"#, ["a", "b", "c"]),
    ] {
        let candidates = three();
        let preferences = Preferences::from_json(preferences).unwrap();
        let facts = facts();
        let question = Question::new(&facts, &candidates).live(&live).route(&preferences);
        let decided = decide(&Cheapest::new(), &question).unwrap();
        assert_eq!(names(&decided, &candidates), expected, "{preferences:?}");
    }
}

#[test]
fn order_comes_first_and_sort_replaces_the_policy_model_by_model() {
    let mut fast_last = vec![
        seen(Health::Healthy, 1.0, 1.0, 1.0),
        seen(Health::Healthy, 1.0, 1.0, 1.0),
        seen(Health::Healthy, 1.0, 1.0, 1.0),
    ];
    for (place, (live, _)) in fast_last.iter_mut().enumerate() {
        live.first_token = Some(Duration::from_millis([300, 200, 100][place]));
        live.tokens_per_second = Some([30.0, 20.0, 40.0][place]);
    }
    let live = Known(fast_last);
    for (preferences, expected) in [
        (r#"{"order": ["c", "b"]}"#, &["c", "b", "a"][..]),
        (r#"{"sort": "latency"}"#, &["b", "a", "c"]),
        (r#"{"sort": {"by": "latency", "partition": "none"}}"#, &["c", "b", "a"]),
        (r#"{"sort": "throughput"}"#, &["a", "b", "c"]),
        (r#"{"sort": {"by": "price", "partition": "none"}}"#, &["a", "b", "c"]),
        (r#"{"sort": {"by": "latency", "partition": "none"}, "order": ["a"]}"#, &["a", "c", "b"]),
        (r#"{"allow_fallbacks": false}"#, &["a"]),
        (r#"{"order": ["c", "b"], "allow_fallbacks": false}"#, &["c", "b"]),
    ] {
        let candidates = three();
        let preferences = Preferences::from_json(preferences).unwrap();
        let facts = facts();
        let question = Question::new(&facts, &candidates).live(&live).route(&preferences);
        let decided = decide(&Ordered::new(), &question).unwrap();
        assert_eq!(names(&decided, &candidates), expected, "{preferences:?}");
    }
}

#[test]
fn the_targets_own_order_is_exhausted_from_the_lowest() {
    let candidates: Candidates = [
        row("late/m", "1", Traits::new().order(2)),
        row("unordered/m", "1", Traits::new()),
        row("dear/m", "3", Traits::new().order(1)),
        row("cheap/m", "2", Traits::new().order(1)),
    ]
    .into_iter()
    .collect();

    let decided = decide(&Cheapest::new(), &Question::new(&facts(), &candidates)).unwrap();

    assert_eq!(names(&decided, &candidates), ["cheap", "dear", "late", "unordered"]);
}

#[test]
fn the_degraded_come_last_and_those_out_of_service_after_everything() {
    use Health::{Degraded, Healthy, Unavailable};
    for (healths, expected) in [
        ([Healthy, Healthy, Healthy], &["a", "b", "c"][..]),
        ([Degraded, Healthy, Healthy], &["b", "c", "a"]),
        ([Unavailable, Healthy, Degraded], &["b", "c", "a"]),
        ([Unavailable, Unavailable, Degraded], &["c", "a", "b"]),
        ([Unavailable, Unavailable, Unavailable], &["a", "b", "c"]),
    ] {
        let live: Vec<Live> = healths
            .iter()
            .map(|health| {
                let mut live = Live::default();
                live.health = *health;
                live
            })
            .collect();
        let candidates = three();
        let facts = facts();
        let decided = decide(&Cheapest::new(), &Question::new(&facts, &candidates).live(&live)).unwrap();
        assert_eq!(names(&decided, &candidates), expected, "{healths:?}");
    }
}

/// A policy that does as it is told, however wrong.
#[derive(Debug)]
enum Rogue {
    Panics,
    Nothing,
    Unknown,
    Removed,
    Twice,
    NotANumber,
}

impl RoutingPolicy for Rogue {
    fn name(&self) -> &'static str {
        "rogue"
    }

    fn plan(&self, _: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let first = shortlist.nth(0).unwrap();
        let choice = |candidate| Choice::new(candidate, "because");
        match self {
            Self::Panics => panic!("on purpose"),
            Self::Nothing => Plan::default(),
            Self::Unknown => Plan::new([choice(first), choice(99)]),
            Self::Removed => Plan::new([choice(0)]),
            Self::Twice => Plan::new([choice(first), choice(first)]),
            Self::NotANumber => Plan::new([choice(first).scored(f64::NAN)]),
        }
    }
}

#[test]
fn a_policy_that_breaks_the_laws_is_an_error_that_says_how() {
    let candidates = three();
    let facts = facts();
    let preferences = Preferences::new().ignore(["a"]);
    let ask = |policy: &Rogue| -> Result<Decided> {
        decide(policy, &Question::new(&facts, &candidates).route(&preferences))
    };
    for (policy, expected) in [
        (Rogue::Panics, "the routing policy rogue panicked"),
        (Rogue::Nothing, "the routing policy rogue chose none of 2 targets"),
        (Rogue::Unknown, "the routing policy rogue chose number 99, which is not among its targets"),
        (Rogue::Removed, "the routing policy rogue chose number 0, which is not among its targets"),
        (Rogue::Twice, "the routing policy rogue chose b/x twice"),
    ] {
        let error = ask(&policy).unwrap_err();
        assert_eq!((error.kind(), error.message()), (ErrorKind::Internal, expected));
    }
    assert_eq!(ask(&Rogue::NotANumber).unwrap().plan.choices[0].score, None);
}

/// Cannot even say its name, nor what else it does.
#[derive(Debug)]
struct Mute;

impl RoutingPolicy for Mute {
    fn name(&self) -> &'static str {
        panic!("on purpose")
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        Ordered::new().plan(facts, shortlist)
    }

    fn escalation(&self) -> Option<&dyn Escalation> {
        panic!("on purpose")
    }
}

#[test]
fn a_policy_that_panics_over_anything_else_decides_all_the_same() {
    let candidates = three();
    let decided = decide(&Mute, &Question::new(&facts(), &candidates)).unwrap();
    assert_eq!(decided.plan.choices.len(), 3);

    let lab = ScriptedProvider::new("lab").then(Reply::text("Yes."));
    let client = Client::builder().provider(lab).route("r", Route::with_policy(Mute, ["lab/m"])).build();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(client.unwrap().chat(("r", "hello"))).unwrap();
    assert_eq!(answer.text(), "Yes.");
}

#[test]
fn a_floor_that_nobody_reaches_and_a_rule_without_a_target_are_refusals() {
    let candidates: Candidates = [
        row("good/m", "9", Traits::new().quality(0.9)),
        row("fair/m", "2", Traits::new().quality(0.6)),
        row("poor/m", "1", Traits::new().quality(0.3)),
        row("unknown/m", "0", Traits::new()),
    ]
    .into_iter()
    .collect();
    let facts = facts();
    let ask = |policy: &dyn RoutingPolicy| decide(policy, &Question::new(&facts, &candidates));

    let decided = ask(&Composed::by(Score::Cost).quality_at_least(0.6)).unwrap();
    assert_eq!(names(&decided, &candidates), ["fair", "good"]);
    let error = ask(&Composed::by(Score::Cost).quality_at_least(0.95)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.message().contains("no target is known to have quality 0.95"), "{}", error.message());

    let json = r#"{"conditions": [{"query": {"params.input_tokens": {"$gt": 500}}, "then": "poor"}]}"#;
    let decided = ask(&Conditional::from_json(json).unwrap()).unwrap();
    assert_eq!(names(&decided, &candidates), ["poor"]);
    assert_eq!(decided.plan.choices[0].reason, "rule 1 holds: first in order");
    let error = ask(&Conditional::or("elsewhere")).unwrap_err();
    assert!(error.message().contains("\"elsewhere\""), "{}", error.message());
    let unknown = Conditional::from_json(r#"{"conditions": [], "defualt": "x"}"#).unwrap_err();
    assert!(unknown.message().contains("expected one of `mode`, `conditions`, `default`"), "{unknown}");
}

#[test]
fn a_request_that_may_try_no_target_is_refused_as_such() {
    let candidates: Candidates = [row("a/m", "1", Traits::new())].into_iter().collect();
    let mut facts = facts();
    facts.max_targets = 0;

    let error = decide(&Ordered::new(), &Question::new(&facts, &candidates)).unwrap_err();

    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    assert!(error.message().contains("max_targets"), "{error}");
}

#[test]
fn ceilings_and_comparisons_go_by_the_tier_that_is_asked_for_and_by_all_answers() {
    let rates = |price: &str| Rates::per_million(price, price).unwrap();
    let dear_first = with("a/m", |model| {
        model.price = Some(Price::per_million("1", "1").unwrap().service_tier("priority", rates("9")));
    });
    let rows = [dear_first, row("b/m", "2", Traits::new())];
    let mut plain = facts();
    plain.output_tokens = 1_000;
    let (mut many, mut tier) = (plain.clone(), plain.clone());
    many.answers = 8;
    tier.service_tier = Some("priority".into());

    let max_price = r#"{"max_price": {"completion": 8}}"#;
    assert_eq!(left(&rows, &plain, max_price).0, ["a", "b"]);
    let candidates: Candidates = rows.iter().cloned().collect();
    let dear = Preferences::from_json(max_price).unwrap();
    let error = decide(&Ordered::new(), &Question::new(&tier, &candidates).route(&dear)).unwrap_err();
    assert!(error.message().contains("a/m: it charges $9 per completion"), "{error}");

    // One answer costs $0.002 at the first, eight cost $0.009.
    let max_cost = r#"{"max_cost": "0.004"}"#;
    assert_eq!(left(&rows, &plain, max_cost).0, ["a", "b"]);
    let bound = Preferences::from_json(max_cost).unwrap();
    for beyond in [&many, &tier] {
        assert!(decide(&Ordered::new(), &Question::new(beyond, &candidates).route(&bound)).is_err());
    }

    let shown = |facts: &RequestFacts| candidates.all().expected_cost(0, facts).unwrap().to_string();
    assert_eq!([shown(&plain), shown(&many), shown(&tier)], ["$0.002", "$0.009", "$0.018"]);

    let lab = ScriptedProvider::new("lab").always(|| Reply::text("ok"));
    let client = Client::builder().provider(lab).build().unwrap();
    let mut request = ChatRequest::from(("lab/m", "hi")).n(8);
    request.service_tier = Some("priority".into());
    let facts = client.facts(request).unwrap();
    assert_eq!((facts.answers, facts.service_tier.as_deref()), (8, Some("priority")));
}
