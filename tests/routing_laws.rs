//! The laws every policy keeps, and what the ones of this crate promise.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::float_arithmetic,
    reason = "a test target may panic"
)]

#[path = "support/routing.rs"]
mod support;

use std::collections::HashSet;

use polyroute::catalog::{Capability, Model, Support};
use polyroute::routing::policy::{
    Bandit, Cascade, Cheapest, Composed, Fastest, InverseSquare, LeastBusy, Ordered, Score, Sorted, Sticky,
    Tiered, UsageAware, Weighted,
};
use polyroute::routing::{
    Candidate, Candidates, Choice, Health, Hosting, Live, Plan, QualityFloor, Question, Reading,
    RequestFacts, Shortlist, Threshold, Tier, Turn, Warm, decide,
};
use polyroute::types::{Sensitivity, Sort, SortBy, Stakes};
use polyroute::{ErrorKind, RoutingPolicy};
use support::{candidate, facts, random_candidates, random_facts, random_live};

/// Every policy of the crate.
fn policies() -> Vec<Box<dyn RoutingPolicy>> {
    vec![
        Box::new(Ordered::new()),
        Box::new(Cheapest::new()),
        Box::new(InverseSquare::new()),
        Box::new(Weighted::new()),
        Box::new(Weighted::sticky()),
        Box::new(Fastest::new()),
        Box::new(LeastBusy::new()),
        Box::new(UsageAware::new()),
        Box::new(Sticky::or(Fastest::new())),
        Box::new(Bandit::new()),
        Box::new(Tiered::new(Weighted::new())),
        Box::new(Cascade::new(QualityFloor::new(0.95).unwrap())),
        Box::new(Cascade::new(QualityFloor::new(0.95).unwrap()).fixed(Threshold::new(0.0))),
        Box::new(Composed::by(Score::Cost).then_by(Score::FirstToken).alike_within(0.1).any_of_best(3)),
        Box::new(Composed::by(Score::Throughput).then_by(Score::Headroom).then_by(Score::Load)),
        Box::new(Sorted::new(Sort::by(SortBy::Price))),
        Box::new(Sorted::new(Sort::by(SortBy::Latency))),
        Box::new(Sorted::new(Sort::by(SortBy::Throughput))),
    ]
}

fn order(policy: &dyn RoutingPolicy, candidates: &[Candidate]) -> Vec<String> {
    let candidates: Candidates = candidates.iter().cloned().collect();
    let plan = policy.plan(&facts(), &candidates.all());
    plan.choices
        .iter()
        .map(|choice| candidates.as_slice()[choice.candidate].target.provider().to_owned())
        .collect()
}

#[test]
fn plans_are_subsets_without_repetition_and_repeatable() {
    let mut random = fastrand::Rng::with_seed(1);
    for round in 0..500 {
        let candidates = random_candidates(&mut random);
        let facts = random_facts(&mut random, &candidates);
        let live = random_live(&mut random, candidates.len());
        let keep = random.u64(..);
        let shortlist = Shortlist::of(&candidates, &live, |position| keep >> (position % 64) & 1 == 1);
        for policy in policies() {
            let plan = policy.plan(&facts, &shortlist);
            let chosen: HashSet<usize> = plan.choices.iter().map(|choice| choice.candidate).collect();

            assert_eq!(chosen.len(), plan.choices.len(), "{} repeats, round {round}", policy.name());
            assert!(chosen.iter().all(|place| shortlist.contains(*place)), "{} invents", policy.name());
            assert_eq!(plan.choices.len(), shortlist.len().min(facts.max_targets), "{}", policy.name());
            assert_eq!(plan, policy.plan(&facts, &shortlist), "{} is not repeatable", policy.name());
            if round % 50 == 0 {
                let text = serde_json::to_string(&plan).unwrap();
                assert_eq!(rounded(serde_json::from_str(&text).unwrap()), rounded(plan), "{}", policy.name());
            }
        }
    }
}

/// JSON keeps all but the last digit of a score.
fn rounded(mut plan: Plan) -> Plan {
    for choice in &mut plan.choices {
        choice.score = choice.score.map(|score| (score * 1e9).round());
    }
    plan
}

#[test]
fn no_candidates_give_an_empty_plan() {
    for policy in policies() {
        assert!(policy.plan(&facts(), &Candidates::default().all()).choices.is_empty(), "{}", policy.name());
    }
}

#[test]
fn cheapest_weighs_input_and_output_and_puts_unknown_prices_last() {
    let candidates = [
        candidate("unknown", None),
        candidate("dear", Some(("10", "10"))),
        candidate("cheap-input", Some(("0.1", "9"))),
        candidate("cheap-output", Some(("2", "0.5"))),
        candidate("same-as-cheap-output", Some(("2", "0.5"))),
    ];

    // 1000 tokens in, 500 out: $0.0046, $0.00225 and $0.015.
    assert_eq!(
        order(&Cheapest::new(), &candidates),
        ["cheap-output", "same-as-cheap-output", "cheap-input", "dear", "unknown"]
    );
}

#[test]
fn cheapest_finds_in_long_lists_what_looking_at_all_finds() {
    let mut random = fastrand::Rng::with_seed(2);
    for round in 0..300 {
        let rows: Vec<Candidate> =
            (0..random.usize(30..200)).map(|number| support::random_candidate(&mut random, number)).collect();
        let candidates: Candidates = rows.iter().cloned().collect();
        let facts = random_facts(&mut random, &candidates);
        let keep = random.u64(..) | random.u64(..);
        let shortlist = candidates.all().narrowed(|position| keep >> (position % 64) & 1 == 1);

        let found = shortlist.cheapest(&facts, facts.max_targets);

        let mut all: Vec<_> = shortlist
            .positions()
            .map(|position| (position, shortlist.expected_cost(position, &facts)))
            .collect();
        all.sort_by_key(|(position, cost)| (cost.is_none(), *cost, *position));
        let costs = |list: &[(usize, Option<polyroute::Usd>)]| -> Vec<_> {
            list.iter().map(|(_, cost)| *cost).collect()
        };
        all.truncate(facts.max_targets);
        // Costs are compared, because the list ranks before it rounds.
        assert_eq!(costs(&found), costs(&all), "round {round}");
    }
}

#[test]
fn what_bits_leave_is_what_looking_at_each_target_leaves() {
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..400 {
        let candidates: Candidates = (0..random.usize(1..200))
            .map(|number| {
                let row = support::random_candidate(&mut random, number);
                let own = random.bool();
                let traits = polyroute::routing::Traits::clone(&row.traits);
                row.with_traits(if own { traits.self_hosted() } else { traits })
            })
            .collect();
        let mut facts = random_facts(&mut random, &candidates);
        facts.max_targets = 1_000;
        facts.least_input_tokens = random.u64(0..2_000);
        for capability in [Capability::Tools, Capability::Vision] {
            if random.bool() {
                facts.needs = facts.needs.with(capability);
            }
        }
        if random.u8(..4) == 0 {
            facts.sensitivity = Sensitivity::Sensitive;
        }
        let may = |row: &Candidate| {
            let fits = |model: &Model| {
                facts.needs.iter().all(|need| model.supports(need) != Support::No)
                    && model.context_window.is_none_or(|window| facts.least_input_tokens <= window)
            };
            row.model.as_deref().is_none_or(fits)
                && (facts.sensitivity == Sensitivity::Ordinary || row.traits.hosting == Hosting::SelfHosted)
        };
        let expected: Vec<usize> =
            (0..candidates.len()).filter(|position| may(&candidates.as_slice()[*position])).collect();

        match decide(&Ordered::new(), &Question::new(&facts, &candidates)) {
            Ok(decided) => {
                let left: Vec<usize> = decided.plan.choices.iter().map(|choice| choice.candidate).collect();
                assert_eq!(left, expected, "round {round}");
                assert_eq!(decided.removed, candidates.len() - expected.len());
                assert_eq!(decided.rejected.len(), decided.removed.min(32), "each is named, up to a bound");
            }
            Err(error) => assert!(expected.is_empty(), "round {round}: {error}"),
        }
    }
}

#[test]
fn whoever_is_well_is_planned_before_whoever_is_not() {
    let mut random = fastrand::Rng::with_seed(4);
    for round in 0..200 {
        let candidates: Candidates = (0..random.usize(1..150))
            .map(|number| candidate(&format!("p{number}"), Some(("1", "1"))))
            .collect();
        let facts = random_facts(&mut random, &candidates);
        let live = random_live(&mut random, candidates.len());
        for policy in policies() {
            let decided = decide(&*policy, &Question::new(&facts, &candidates).live(&live)).unwrap();

            let in_order = decided.plan.choices.iter().filter(|choice| choice.turn == Turn::InOrder);
            let healths: Vec<_> = in_order.map(|choice| live[choice.candidate].health).collect();
            assert!(healths.is_sorted(), "{} in round {round}: {healths:?}", policy.name());
            if healths.len() == decided.plan.choices.len() {
                let best = live.iter().map(|live| live.health).min();
                assert_eq!(healths.first().copied(), best, "{} in round {round}", policy.name());
            }
        }
    }
}

/// Policies that leave targets out, or will not have them first.
fn choosy(floor: QualityFloor) -> [Box<dyn RoutingPolicy>; 4] {
    [
        Box::new(Composed::by(Score::Cost).quality_at_least(0.6)),
        Box::new(Tiered::new(Cheapest::new()).high_stakes_at_least(Tier::Best)),
        Box::new(Cascade::new(floor)),
        Box::new(Cascade::new(floor).fixed(Threshold::new(0.0))),
    ]
}

/// The same ones, with conversations that stay.
fn choosy_and_sticky(floor: QualityFloor) -> [Box<dyn RoutingPolicy>; 4] {
    [
        Box::new(Sticky::or(Composed::by(Score::Cost).quality_at_least(0.6)).at_most(9.0)),
        Box::new(Sticky::or(Tiered::new(Cheapest::new()).high_stakes_at_least(Tier::Best)).at_most(9.0)),
        Box::new(Sticky::or(Cascade::new(floor)).at_most(9.0)),
        Box::new(Sticky::or(Cascade::new(floor).fixed(Threshold::new(0.0))).at_most(9.0)),
    ]
}

#[test]
fn a_conversation_stays_only_where_the_other_policy_would_have_it() {
    let floor = QualityFloor::new(0.95).unwrap();
    let mut random = fastrand::Rng::with_seed(6);
    let mut moved = [0; 4];
    for round in 0..1_000 {
        let tiers = [Tier::Best, Tier::Cheaper, Tier::Light];
        let candidates: Candidates = (0..random.usize(1..30))
            .map(|number| {
                let row = support::random_candidate(&mut random, number);
                let traits = polyroute::routing::Traits::clone(&row.traits).tier(tiers[random.usize(..3)]);
                row.with_traits(traits)
            })
            .collect();
        let mut facts = random_facts(&mut random, &candidates);
        let home = random.usize(..candidates.len());
        facts.warm = vec![Warm::new(candidates.as_slice()[home].target.clone(), 500, 1.0)];
        let mut unbounded = facts.clone();
        unbounded.max_targets = 1_000;
        for (number, (policy, sticky)) in choosy(floor).into_iter().zip(choosy_and_sticky(floor)).enumerate()
        {
            let all = policy.plan(&unbounded, &candidates.all());
            let first = policy.plan(&facts, &candidates.all());
            let plan = sticky.plan(&facts, &candidates.all());

            assert_eq!(plan.refusal, first.refusal, "round {round}");
            for choice in &plan.choices {
                let own = all.choices.iter().find(|own| own.candidate == choice.candidate);
                let own = own.map(|own| (own.reading, own.turn));
                assert_eq!(own, Some((choice.reading, choice.turn)), "{} in round {round}", policy.name());
            }
            if plan.choices.first().map(|choice| choice.candidate)
                != first.choices.first().map(|choice| choice.candidate)
            {
                moved[number] += 1;
                assert_eq!((plan.choices[0].candidate, plan.choices[0].turn), (home, Turn::InOrder));
                assert_eq!(plan.choices[0].reading, Reading::Unread);
            }
        }
    }
    assert!(moved.iter().all(|moved| *moved > 20), "{moved:?}");
}

#[test]
fn the_weak_model_is_the_last_resort_whatever_group_it_is_in() {
    let cascade = Cascade::new(QualityFloor::new(0.95).unwrap()).fixed(Threshold::new(f64::INFINITY));
    let row =
        |name: &str, order| candidate(name, None).with_traits(polyroute::routing::Traits::new().order(order));
    let candidates: Candidates = [row("weak", 0), row("strong", 1), row("other", 1)].into_iter().collect();
    let mut facts = facts();
    facts.stakes = Stakes::High;
    facts.gain = Some(0.1);
    let mut live = vec![Live::default(); 3];
    let order = |facts: &RequestFacts, live: &Vec<Live>| -> Vec<usize> {
        let decided = decide(&cascade, &Question::new(facts, &candidates).live(live)).unwrap();
        decided.plan.choices.iter().map(|choice| choice.candidate).collect()
    };

    assert_eq!(order(&facts, &live), [1, 2, 0]);
    live[1].health = Health::Unavailable;
    assert_eq!(order(&facts, &live), [2, 1, 0]);
    live[2].health = Health::Unavailable;
    assert_eq!(order(&facts, &live), [1, 2, 0]);
    for (most, expected) in [(1, vec![1]), (2, vec![1, 0])] {
        facts.max_targets = most;
        assert_eq!(order(&facts, &live), expected);
    }
    facts.max_targets = 3;
    facts.stakes = Stakes::Normal;
    assert_eq!(order(&facts, &live), [0, 1, 2], "where it is to be first, it is");
}

/// Plans these, whatever it is asked.
#[derive(Debug)]
struct Planned(Vec<usize>);

impl RoutingPolicy for Planned {
    fn name(&self) -> &'static str {
        "planned"
    }

    fn plan(&self, _: &RequestFacts, _: &Shortlist<'_>) -> Plan {
        Plan::new(self.0.iter().map(|position| Choice::new(*position, "told")))
    }
}

#[test]
fn a_policy_that_invents_or_repeats_is_found_out_also_beyond_what_is_tried() {
    let candidates: Candidates = ["a", "b"].map(|name| candidate(name, None)).into_iter().collect();
    let mut facts = facts();
    facts.max_targets = 1;

    for broken in [vec![0, 99], vec![0, 1, 0]] {
        let error = decide(&Planned(broken), &Question::new(&facts, &candidates)).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
    }
    let lawful = decide(&Planned(vec![1, 0]), &Question::new(&facts, &candidates)).unwrap();
    assert_eq!(lawful.plan.choices.len(), 1);
}

#[test]
fn a_target_that_is_there_twice_is_found_where_it_is_left() {
    let twice: Candidates = ["a", "b", "a"].map(|name| candidate(name, None)).into_iter().collect();
    let target = "a/m".parse().unwrap();
    let position = |keep: fn(usize) -> bool| twice.all().narrowed(keep).position(&target);

    assert_eq!(position(|_| true), Some(0));
    assert_eq!(position(|position| position > 0), Some(2));
    assert_eq!(position(|position| position == 1), None);
}

#[test]
fn a_composed_policy_finds_in_long_lists_what_looking_at_all_finds() {
    let mut random = fastrand::Rng::with_seed(5);
    for round in 0..200 {
        let candidates: Candidates =
            (0..random.usize(1..300)).map(|number| support::random_candidate(&mut random, number)).collect();
        let facts = random_facts(&mut random, &candidates);
        let live = random_live(&mut random, candidates.len());
        let shortlist = Shortlist::all(&candidates, &live);
        let least = [0.0, 0.5, 0.8][random.usize(..3)];
        let policy = Composed::by(Score::Cost).quality_at_least(least).then_by(Score::Load);

        let plan = policy.plan(&facts, &shortlist);

        let mut all: Vec<_> = shortlist
            .iter()
            .filter(|(_, row)| row.traits.quality.is_some_and(|quality| quality >= least))
            .map(|(position, _)| {
                let cost = shortlist.expected_cost(position, &facts);
                (cost.is_none(), cost, live[position].in_flight, position)
            })
            .collect();
        all.sort_unstable();
        let expected: Vec<usize> =
            all.iter().take(facts.max_targets).map(|(_, _, _, position)| *position).collect();
        let found: Vec<usize> = plan.choices.iter().map(|choice| choice.candidate).collect();
        assert_eq!(found, expected, "round {round}");
        assert_eq!(plan.refusal.is_some(), expected.is_empty() && !shortlist.is_empty());
    }
}
