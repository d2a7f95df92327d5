//! What each policy promises, with chance and state made up.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    reason = "a test target may panic"
)]

#[path = "support/routing.rs"]
#[expect(dead_code, reason = "shared with the laws")]
mod support;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use polyroute::routing::policy::{
    Bandit, Cascade, Cheapest, Composed, Conditional, Fastest, InverseSquare, LeastBusy, Ordered, Score,
    Sticky, Tiered, UsageAware, Weighted,
};
use polyroute::routing::{
    Candidate, Candidates, Escalation, Health, Live, Plan, QualityFloor, Question, Reading, RequestFacts,
    Shortlist, Threshold, Tier, Traits, Warm, decide,
};
use polyroute::types::{Attempt, AttemptReason, Outcome, Preferences, Sort, SortBy, Stakes};
use polyroute::{ErrorKind, RoutingPolicy, Target};
use support::{candidate, facts};

fn list(rows: impl IntoIterator<Item = Candidate>) -> Candidates {
    rows.into_iter().collect()
}

/// How often each candidate stands first in `rounds` plans.
fn shares(policy: &dyn RoutingPolicy, shortlist: &Shortlist<'_>, rounds: u64) -> Vec<f64> {
    let mut counts = vec![0_u32; shortlist.candidates().len()];
    for round in 0..rounds {
        let mut facts = facts();
        facts.chance = round;
        counts[policy.plan(&facts, shortlist).choices[0].candidate] += 1;
    }
    counts.into_iter().map(|count| f64::from(count) / rounds as f64).collect()
}

fn first(policy: &dyn RoutingPolicy, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> usize {
    policy.plan(facts, shortlist).choices[0].candidate
}

fn live(millis: Option<u64>, in_flight: u32, headroom: Option<f64>) -> Live {
    let mut live = Live::default();
    live.first_token = millis.map(Duration::from_millis);
    live.in_flight = in_flight;
    live.headroom = headroom;
    live
}

fn close(share: f64, expected: f64) -> bool {
    (share - expected).abs() < 0.02
}

#[test]
fn weights_are_shares_and_nothing_weighs_nothing() {
    let weighted = |weights: &[f64]| {
        list(weights.iter().enumerate().map(|(number, weight)| {
            candidate(&format!("p{number}"), None).with_traits(Traits::new().weight(*weight))
        }))
    };
    let candidates = weighted(&[3.0, 1.0, 0.0, f64::NAN]);
    let shares_of = shares(&Weighted::new(), &candidates.all(), 10_000);
    assert!(close(shares_of[0], 0.75) && close(shares_of[1], 0.25), "{shares_of:?}");
    assert_eq!(&shares_of[2..], [0.0, 0.0]);

    let zeros = weighted(&[0.0, 0.0]);
    let shares_of = shares(&Weighted::new(), &zeros.all(), 10_000);
    assert!(close(shares_of[0], 0.5), "{shares_of:?}");
}

#[test]
fn sessions_stay_where_they_are_when_another_target_goes() {
    let candidates = list((0..4).map(|number| {
        candidate(&format!("p{number}"), None).with_traits(Traits::new().weight(f64::from(number + 1)))
    }));
    let all = candidates.all();
    let without_last = all.narrowed(|position| position != 3);
    let mut counts = [0_u32; 4];
    for session in 0..10_000 {
        let mut facts = facts();
        facts.session = Some(session);
        facts.chance = session.wrapping_mul(77);
        let home = first(&Weighted::sticky(), &facts, &all);
        counts[home] += 1;
        facts.chance += 1;
        assert_eq!(home, first(&Weighted::sticky(), &facts, &all), "chance moves no session");
        if home != 3 {
            assert_eq!(home, first(&Weighted::sticky(), &facts, &without_last), "nobody else moves");
        }
    }
    for (place, count) in counts.into_iter().enumerate() {
        let expected = (place as f64 + 1.0) / 10.0;
        assert!(close(f64::from(count) / 10_000.0, expected), "{counts:?}");
    }
}

#[test]
fn three_times_the_price_gets_a_tenth_of_the_traffic() {
    let candidates = list([
        candidate("dear", Some(("3", "3"))),
        candidate("cheap", Some(("1", "1"))),
        candidate("unknown", None),
    ]);

    let shares_of = shares(&InverseSquare::new(), &candidates.all(), 10_000);

    assert!(close(shares_of[0], 0.1) && close(shares_of[1], 0.9), "{shares_of:?}");
    assert_eq!(shares_of[2], 0.0);
    let free = list([candidate("dear", Some(("3", "3"))), candidate("free", Some(("0", "0")))]);
    assert_eq!(shares(&InverseSquare::new(), &free.all(), 100), [0.0, 1.0]);
}

#[test]
fn equals_share_and_the_slow_and_the_busy_lose() {
    let candidates = list((0..2).map(|number| candidate(&format!("p{number}"), None)));
    for (lives, expected) in [
        ([live(Some(500), 0, None), live(Some(500), 0, None)], 0.5),
        ([live(Some(500), 0, None), live(Some(590), 0, None)], 0.5),
        ([live(Some(500), 0, None), live(Some(5_000), 0, None)], 1.0),
        ([live(Some(500), 3, None), live(Some(500), 0, None)], 0.0),
        ([live(None, 0, None), live(Some(500), 0, None)], 0.5),
        ([live(None, 0, None), live(Some(500), 1, None)], 1.0),
    ] {
        let state = lives.to_vec();
        let share = shares(&Fastest::new(), &Shortlist::all(&candidates, &state), 10_000)[0];
        assert!(close(share, expected), "{share} for {lives:?}");
    }
    let busy = vec![live(None, 5, None), live(None, 4, None)];
    assert_eq!(shares(&LeastBusy::new(), &Shortlist::all(&candidates, &busy), 100), [0.0, 1.0]);
}

#[test]
fn traffic_follows_what_rate_limits_leave() {
    let candidates = list((0..3).map(|number| candidate(&format!("p{number}"), None)));
    let state = vec![live(None, 0, Some(0.75)), live(None, 0, Some(0.25)), live(None, 0, Some(0.0))];

    let shares_of = shares(&UsageAware::new(), &Shortlist::all(&candidates, &state), 10_000);

    assert!(close(shares_of[0], 0.75) && close(shares_of[1], 0.25), "{shares_of:?}");
    assert_eq!(shares_of[2], 0.0);
}

#[test]
fn cheapest_counts_what_a_warm_cache_saves_as_likely_as_it_is_warm() {
    let priced = |name: &str, rate: &str| {
        let mut candidate = candidate(name, None);
        let mut model = polyroute::catalog::Model::new("m");
        let price = polyroute::catalog::Price::per_million(rate, "1").unwrap();
        model.price = Some(price.cached_input("0.1").unwrap());
        candidate.model = Some(Arc::new(model));
        candidate
    };
    let candidates = list([priced("warm", "2"), priced("cold", "1.5")]);
    let cheapest = |probability| {
        let mut facts = facts();
        facts.warm.push(Warm::new(candidates.as_slice()[0].target.clone(), 1_000, probability));
        first(&Cheapest::new(), &facts, &candidates.all())
    };

    // A prompt of 1000 tokens: $0.002, less $0.0019 if it is still there, against $0.0015.
    assert_eq!((cheapest(1.0), cheapest(0.5), cheapest(0.1), cheapest(f64::NAN)), (0, 0, 1, 1));
}

#[test]
fn a_conversation_stays_until_staying_is_dear_crowded_or_unlikely_to_help() {
    let candidates = list([candidate("cheap", Some(("1", "1"))), candidate("home", Some(("1.2", "1.2")))]);
    let policy = Sticky::or(Cheapest::new());
    let goes_to = |probability: f64, state: Live, policy: &Sticky<Cheapest>| {
        let mut facts = facts();
        facts.warm.push(Warm::new(candidates.as_slice()[1].target.clone(), 0, probability));
        first(policy, &facts, &Shortlist::all(&candidates, &vec![Live::default(), state]))
    };
    let mut degraded = Live::default();
    degraded.health = Health::Degraded;

    assert_eq!(goes_to(1.0, Live::default(), &policy), 1, "a fifth dearer is worth it");
    assert_eq!(goes_to(1.0, Live::default(), &policy.at_most(1.1)), 0);
    assert_eq!(goes_to(0.4, Live::default(), &policy), 0);
    assert_eq!(goes_to(1.0, live(None, 33, None), &policy), 0);
    assert_eq!(goes_to(1.0, live(None, 0, Some(0.01)), &policy), 0);
    assert_eq!(goes_to(1.0, degraded, &policy), 0);
}

#[test]
fn a_bandit_learns_from_feedback_and_weighs_cost() {
    let candidates = list([candidate("good", Some(("1", "1"))), candidate("bad", Some(("1", "1")))]);
    let [good, bad] = [0, 1].map(|place: usize| candidates.as_slice()[place].target.clone());
    let policy = Bandit::new();
    let before = shares(&policy, &candidates.all(), 4_000)[0];
    assert!(close(before, 0.5), "{before}");

    for _ in 0..50 {
        policy.feedback(&good, 0.9);
        policy.feedback(&bad, 0.2);
        policy.feedback(&bad, f64::NAN);
    }

    let after = shares(&policy, &candidates.all(), 4_000)[0];
    assert!(after > 0.99, "{after}");
    // Ten times the price is not worth a little quality.
    let priced = list([candidate("good", Some(("10", "10"))), candidate("bad", Some(("1", "1")))]);
    let thrifty = Bandit::weighing_cost(0.8);
    (0..50).for_each(|_| {
        thrifty.feedback(&good, 0.9);
        thrifty.feedback(&bad, 0.7);
    });
    assert_eq!(shares(&thrifty, &priced.all(), 200), [0.0, 1.0]);
}

#[test]
fn that_a_target_answers_does_not_drown_what_callers_say_of_its_answers() {
    let priced = list([candidate("good", Some(("10", "10"))), candidate("bad", Some(("1", "1")))]);
    let (good, bad): (Target, Target) = ("good/m".parse().unwrap(), "bad/m".parse().unwrap());
    let ended = |target: &Target, outcome| {
        let mut attempt = Attempt::new(target.clone(), AttemptReason::First, Duration::ZERO);
        attempt.outcome = outcome;
        attempt
    };
    let policy = Bandit::new();
    // One answer in fifty is rated.
    for _ in 0..40 {
        for _ in 0..50 {
            policy.observe(&ended(&good, Outcome::Answered));
            policy.observe(&ended(&bad, Outcome::Answered));
        }
        policy.feedback(&good, 0.9);
        policy.feedback(&bad, 0.0);
    }
    assert!(shares(&policy, &priced.all(), 1_000)[0] > 0.95);

    // What callers ask wrongly says nothing of the target, and what fails does.
    let even = list([candidate("good", None), candidate("bad", None)]);
    let policy = Bandit::new();
    (0..500).for_each(|_| policy.observe(&ended(&good, Outcome::Failed(ErrorKind::InvalidRequest))));
    let share = shares(&policy, &even.all(), 4_000)[0];
    assert!((0.45..0.55).contains(&share), "{share}");
    (0..500).for_each(|_| policy.observe(&ended(&good, Outcome::Failed(ErrorKind::Server))));
    assert!(shares(&policy, &even.all(), 1_000)[0] < 0.2);
}

#[test]
fn stakes_choose_the_tier_to_begin_with() {
    let tier = |name: &str, tier: Tier| candidate(name, None).with_traits(Traits::new().tier(tier));
    let candidates =
        list([tier("light", Tier::Light), tier("best", Tier::Best), tier("cheaper", Tier::Cheaper)]);
    let order = |stakes| {
        let mut facts = facts();
        facts.stakes = stakes;
        let plan = Tiered::new(Ordered::new()).plan(&facts, &candidates.all());
        plan.choices.iter().map(|choice| choice.candidate).collect::<Vec<_>>()
    };

    assert_eq!(order(Stakes::High), [1, 2, 0]);
    assert_eq!(order(Stakes::Normal), [1, 2, 0]);
    assert_eq!(order(Stakes::Low), [2, 0, 1]);
}

#[test]
fn high_stakes_go_no_lower_than_the_route_says_and_are_refused_before() {
    let tier = |name: &str, tier: Tier| candidate(name, None).with_traits(Traits::new().tier(tier));
    let all = [tier("light", Tier::Light), tier("best", Tier::Best), tier("cheaper", Tier::Cheaper)];
    let plan = |least, stakes, rows: &[Candidate]| {
        let mut facts = facts();
        facts.stakes = stakes;
        let policy = Tiered::new(Ordered::new()).high_stakes_at_least(least);
        policy.plan(&facts, &list(rows.iter().cloned()).all())
    };
    let order = |least, stakes| {
        let choices = plan(least, stakes, &all).choices;
        choices.iter().map(|choice| choice.candidate).collect::<Vec<_>>()
    };

    assert_eq!(order(Tier::Light, Stakes::High), [1, 2, 0]);
    assert_eq!(order(Tier::Cheaper, Stakes::High), [1, 2]);
    assert_eq!(order(Tier::Best, Stakes::High), [1]);
    assert_eq!(order(Tier::Best, Stakes::Normal), [1, 2, 0]);
    assert_eq!(order(Tier::Best, Stakes::Low), [2, 0, 1]);
    let refused = plan(Tier::Cheaper, Stakes::High, &all[..1]);
    assert!(refused.choices.is_empty());
    assert!(refused.refusal.is_some_and(|reason| reason.contains("the stakes are high")));
    assert_eq!(plan(Tier::Cheaper, Stakes::High, &[]).refusal, None, "nothing was asked of nothing");
}

#[test]
fn a_composed_policy_may_want_more_quality_where_the_stakes_are_high() {
    let of = |name: &str, price: &'static str, quality: f64| {
        candidate(name, Some((price, price))).with_traits(Traits::new().quality(quality))
    };
    let candidates = list([of("poor", "1", 0.3), of("fair", "2", 0.6), of("good", "3", 0.9)]);
    let policy = Composed::by(Score::Cost).quality_at_least(0.5).quality_for_high_stakes(0.8);
    let first = |stakes| {
        let mut facts = facts();
        facts.stakes = stakes;
        first(&policy, &facts, &candidates.all())
    };

    assert_eq!((first(Stakes::Low), first(Stakes::Normal), first(Stakes::High)), (1, 1, 2));
}

/// Counts what it is told.
#[derive(Clone, Debug, Default)]
struct Listener(Arc<[AtomicUsize; 2]>);

impl RoutingPolicy for Listener {
    fn name(&self) -> &'static str {
        "listener"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        Ordered::new().plan(facts, shortlist)
    }

    fn observe(&self, _: &Attempt) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
    }

    fn feedback(&self, _: &Target, _: f64) {
        self.0[1].fetch_add(1, Ordering::Relaxed);
    }

    fn escalation(&self) -> Option<&dyn Escalation> {
        static SHARED: LazyLock<Cascade> = LazyLock::new(|| Cascade::new(QualityFloor::new(0.9).unwrap()));
        Some(&*SHARED)
    }
}

#[test]
fn policies_around_others_pass_on_what_those_learn_from() {
    let target: Target = "a/m".parse().unwrap();
    let attempt = Attempt::new(target.clone(), AttemptReason::First, Duration::ZERO);
    let listener = Listener::default();
    let around: [Box<dyn RoutingPolicy>; 3] = [
        Box::new(Tiered::new(listener.clone())),
        Box::new(Sticky::or(listener.clone())),
        Box::new(Conditional::or("a").within(listener.clone())),
    ];

    for policy in &around {
        policy.observe(&attempt);
        policy.feedback(&target, 1.0);
        assert!(policy.escalation().is_some(), "{}", policy.name());
    }

    let told = listener.0.each_ref().map(|count| count.load(Ordering::Relaxed));
    assert_eq!(told, [3, 3]);
}

#[test]
fn a_rule_may_leave_the_choice_among_those_it_means_to_another_policy() {
    let candidates = list([
        candidate("a", Some(("9", "9"))).with_traits(Traits::new().tag("here")),
        candidate("b", Some(("1", "1"))),
        candidate("c", Some(("2", "2"))).with_traits(Traits::new().tag("here")),
    ]);
    let plan = Conditional::or("here").within(Cheapest::new()).plan(&facts(), &candidates.all());

    let order: Vec<usize> = plan.choices.iter().map(|choice| choice.candidate).collect();
    assert_eq!(order, [2, 0]);
    assert!(plan.choices[0].reason.starts_with("no rule holds: "), "{}", plan.choices[0].reason);
}

/// Means it when it says no.
#[derive(Clone, Debug)]
struct Refusing;

impl RoutingPolicy for Refusing {
    fn name(&self) -> &'static str {
        "refusing"
    }

    fn plan(&self, _: &RequestFacts, _: &Shortlist<'_>) -> Plan {
        Plan::refused("it is Sunday")
    }
}

#[test]
fn a_refusal_within_tiers_is_a_refusal() {
    let plan = Tiered::new(Refusing).plan(&facts(), &list([candidate("a", None)]).all());

    assert_eq!(plan.refusal.as_deref(), Some("it is Sunday"));
}

#[test]
fn an_order_of_the_callers_own_lowers_no_standard_of_the_route() {
    let of = |name: &str, price: &'static str, quality: f64, tier: Tier| {
        candidate(name, Some((price, price))).with_traits(Traits::new().quality(quality).tier(tier))
    };
    let candidates = list([
        of("poor", "1", 0.3, Tier::Light),
        of("dear", "9", 0.9, Tier::Best),
        of("good", "3", 0.8, Tier::Cheaper),
    ]);
    let mut facts = facts();
    facts.preferences = Some(Box::new(Preferences::new().sort(Sort::by(SortBy::Price))));
    facts.stakes = Stakes::High;
    let planned = |policy: &dyn RoutingPolicy, facts: &RequestFacts| {
        let decided = decide(policy, &Question::new(facts, &candidates))?;
        let chosen = decided.plan.choices.iter().map(|choice| choice.candidate).collect::<Vec<_>>();
        polyroute::Result::Ok((chosen, decided.policy))
    };

    let above = Composed::by(Score::Quality).quality_at_least(0.6);
    assert_eq!(planned(&above, &facts).unwrap(), (vec![2, 1], "sort by price"));
    let careful = Tiered::new(Ordered::new()).high_stakes_at_least(Tier::Cheaper);
    assert_eq!(planned(&careful, &facts).unwrap(), (vec![2, 1], "sort by price"));
    assert_eq!(planned(&Ordered::new(), &facts).unwrap(), (vec![0, 2, 1], "sort by price"));
    let refused = planned(&Composed::by(Score::Cost).quality_at_least(0.95), &facts).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    // Only one can be tried, and the route's policy would not have put it first.
    facts.max_targets = 1;
    assert_eq!(planned(&above, &facts).unwrap().0, [2]);
    // A model whose answers are read stays in front of the one that it may go on to.
    facts.max_targets = 3;
    let cascade = Cascade::new(QualityFloor::new(0.9).unwrap()).fixed(Threshold::new(0.0));
    let mut unsorted = facts.clone();
    unsorted.preferences = None;
    let own = decide(&cascade, &Question::new(&unsorted, &candidates));
    let sorted = decide(&cascade, &Question::new(&facts, &candidates)).unwrap();
    let reviewed = |decided: &polyroute::routing::Decided| {
        let read = decided.plan.choices.iter().filter(|choice| choice.reading == Reading::Reviewed);
        read.map(|choice| (choice.candidate, choice.turn)).collect::<Vec<_>>()
    };
    assert_eq!(reviewed(&sorted), reviewed(&own.unwrap()));
}

#[test]
fn what_was_ranked_by_is_in_the_plan() {
    let candidates = list([
        candidate("a", Some(("2", "2"))).with_traits(Traits::new().weight(3.0)),
        candidate("b", Some(("1", "1"))),
        candidate("c", None),
    ]);
    let scores = |policy: &dyn RoutingPolicy| {
        let plan = policy.plan(&facts(), &candidates.all());
        let mut scores: Vec<_> = plan.choices.iter().map(|choice| (choice.candidate, choice.score)).collect();
        scores.sort_by_key(|(position, _)| *position);
        scores.into_iter().map(|(_, score)| score).collect::<Vec<_>>()
    };

    let cost = |position| candidates.all().expected_cost(position, &facts()).map(|cost| cost.pico() as f64);
    assert_eq!(scores(&Cheapest::new()), [cost(0), cost(1), None]);
    assert_eq!(scores(&InverseSquare::new()), [Some(0.25), Some(1.0), None]);
    assert_eq!(scores(&Weighted::new()), [Some(3.0), Some(1.0), Some(1.0)]);
}
