//! Random fault schedules, and the rules that must hold in every one.

use std::time::Duration;

use crate::invariants::{Happened, Trace, check};
use crate::world;

#[test]
fn s30_no_schedule_breaks_a_rule() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (mut calls, mut answered, mut opened) = (0, 0, 0);
    for seed in 0..600 {
        let outcomes = world::run(seed, &runtime);

        if let Err(violation) = check(&outcomes.trace) {
            panic!("seed {seed}: {violation}");
        }
        assert_eq!(outcomes.lost, 0, "seed {seed}: a call failed although a target was well");
        calls += outcomes.calls;
        answered += outcomes.answered;
        opened += outcomes.detection.len();
    }
    // The schedules are worth something: calls, answers, failures, and targets taken out of use.
    assert!(
        calls > 3_600 && answered > calls / 4 && answered < calls && opened > 40,
        "{calls} {answered} {opened}"
    );
}

#[test]
fn a_seed_names_one_schedule() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for seed in [3, 39, 155] {
        let (one, other) = (world::run(seed, &runtime), world::run(seed, &runtime));

        assert_eq!(one.trace.events, other.trace.events, "seed {seed}");
    }
}

/// One call of two attempts as it should be, and what a fault adds to it.
fn with(fault: &[Happened]) -> Trace {
    use Happened as H;
    let mut events = vec![
        H::Asked { call: 1 },
        H::AttemptBegan,
        H::Sent { call: 1, provider: 0 },
        H::Left { call: 1, provider: 0 },
        H::AttemptOver,
        H::AttemptBegan,
        H::Sent { call: 1, provider: 1 },
        H::Committed { call: 1 },
        H::Left { call: 1, provider: 1 },
        H::AttemptOver,
    ];
    events.extend_from_slice(fault);
    events.extend([H::CallOver { attempts: 2 }, H::Ended { call: 1 }]);
    Trace {
        events: events.into_iter().map(|event| (Duration::ZERO, event)).collect(),
        providers: 3,
        one_probe: true,
        ..Trace::default()
    }
}

#[test]
fn every_rule_catches_what_breaks_it() {
    use Happened as H;
    check(&with(&[])).unwrap();
    let sent = |call, provider| H::Sent { call, provider };
    let asked = |call| [H::Asked { call }, H::CallOver { attempts: 0 }, H::Ended { call }];

    let probes =
        [H::Opened { provider: 2 }, H::Asked { call: 2 }, H::Asked { call: 3 }, sent(2, 2), sent(3, 2)];
    let six = [[H::Asked { call: 2 }].as_slice(), &[sent(2, 0); 6]].concat();
    let twice = [asked(2).as_slice(), &[H::Ended { call: 2 }]].concat();
    let settled_twice = [asked(2).as_slice(), &[H::CallOver { attempts: 0 }]].concat();
    for (fault, rule) in [
        (vec![sent(1, 2)], "after its first content"),
        (six, "attempt 6"),
        (probes.to_vec(), "two probes"),
        (vec![H::Ended { call: 1 }], "ended 2 times"),
        (twice, "ended 2 times"),
        (vec![H::Asked { call: 2 }, H::CallOver { attempts: 0 }], "never ended"),
        (settled_twice, "3 settled"),
        (vec![H::Asked { call: 2 }, H::Ended { call: 2 }], "1 settled"),
        (vec![H::AttemptBegan], "attempts began"),
        (vec![H::AttemptOver], "were booked"),
        (vec![H::Resumed { call: 1 }], "without being asked to"),
    ] {
        let violation = check(&with(&fault)).unwrap_err();
        assert!(violation.0.contains(rule), "{violation} is not {rule:?}");
    }
    let violation = check(&Trace { budget: Some((5, 6)), ..with(&[]) }).unwrap_err();
    assert!(violation.0.contains("budget of 5"), "{violation}");
    let violation = check(&Trace { left_over: 1, ..with(&[]) }).unwrap_err();
    assert!(violation.0.contains("left over"), "{violation}");
    let mut late = with(&[]);
    late.events.push((Duration::ZERO, sent(1, 2)));
    assert!(check(&late).unwrap_err().0.contains("after it had ended"));
    check(&Trace { recoverable: vec![1], ..with(&[sent(1, 2)]) }).unwrap();
}
