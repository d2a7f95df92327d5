//! Random fault schedules, and the rules that must hold in every one.

use std::time::Duration;

use crate::invariants::{Happened, OneProbe, Trace, Verdict, check};
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

fn over(provider: u8, verdict: Verdict) -> Happened {
    Happened::AttemptOver { provider, verdict }
}

/// One call of two attempts as it should be, and what a fault adds to it.
fn with(fault: &[Happened]) -> Trace {
    use Happened as H;
    let mut events = vec![
        H::Asked { call: 1 },
        H::AttemptBegan,
        H::Sent { call: 1, provider: 0 },
        H::Left { call: 1, provider: 0 },
        over(0, Verdict::Bad),
        H::AttemptBegan,
        H::Sent { call: 1, provider: 1 },
        H::Committed { call: 1 },
        H::Left { call: 1, provider: 1 },
        over(1, Verdict::Good),
    ];
    events.extend_from_slice(fault);
    events.extend([H::CallOver { attempts: 2 }, H::Ended { call: 1 }]);
    Trace {
        events: events.into_iter().map(|event| (Duration::ZERO, event)).collect(),
        providers: 3,
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
    let own_probes = [H::Opened { provider: 2 }, H::Probed { provider: 2 }, H::Asked { call: 2 }, sent(2, 2)];
    let unnoticed = [over(2, Verdict::Bad); 6];
    let six = [[H::Asked { call: 2 }].as_slice(), &[sent(2, 0); 6]].concat();
    let twice = [asked(2).as_slice(), &[H::Ended { call: 2 }]].concat();
    let settled_twice = [asked(2).as_slice(), &[H::CallOver { attempts: 0 }]].concat();
    for (fault, rule) in [
        (vec![sent(1, 2)], "after its first content"),
        (six, "attempt 6"),
        (probes.to_vec(), "two probes"),
        (own_probes.to_vec(), "two probes"),
        (unnoticed.to_vec(), "sixth failure"),
        (vec![H::Ended { call: 1 }], "ended 2 times"),
        (twice, "ended 2 times"),
        (vec![H::Asked { call: 2 }, H::CallOver { attempts: 0 }], "never ended"),
        (settled_twice, "3 settled"),
        (vec![H::Asked { call: 2 }, H::Ended { call: 2 }], "1 settled"),
        (vec![H::AttemptBegan], "attempts began"),
        (vec![over(0, Verdict::Nothing)], "were booked"),
        (vec![H::Resumed { call: 1 }], "without being asked to"),
    ] {
        let violation = check(&with(&fault)).unwrap_err();
        assert!(violation.0.contains(rule), "{violation} is not {rule:?}");
    }
    let violation = check(&Trace { budget: Some((5, 6)), ..with(&[]) }).unwrap_err();
    assert!(violation.0.contains("budget of 5"), "{violation}");
    let violation = check(&Trace { ledger: Some((5, 6)), ..with(&[]) }).unwrap_err();
    assert!(violation.0.contains("the ledger has 5"), "{violation}");
    let violation = check(&Trace { left_over: 1, ..with(&[]) }).unwrap_err();
    assert!(violation.0.contains("left over"), "{violation}");
    let mut late = with(&[]);
    late.events.push((Duration::ZERO, sent(1, 2)));
    assert!(check(&late).unwrap_err().0.contains("after it had ended"));
    check(&Trace { recoverable: vec![1], ..with(&[sent(1, 2)]) }).unwrap();
}

/// What looks like a broken rule and is none.
#[test]
fn no_rule_forbids_what_is_right() {
    use Happened as H;
    let begin = |call| [H::Asked { call }, H::AttemptBegan, H::Sent { call, provider: 2 }];
    let end = |call, verdict| {
        let left = H::Left { call, provider: 2 };
        [left, over(2, verdict), H::CallOver { attempts: 1 }, H::Ended { call }]
    };
    let (opened, closed) = (H::Opened { provider: 2 }, H::Closed { provider: 2 });

    // Two that ask the least bad target at once, while each of the others is out of use or asked for a pause.
    let mut fault = vec![opened, H::Opened { provider: 1 }, over(0, Verdict::Refused)];
    fault.extend([H::AttemptBegan, H::CallOver { attempts: 1 }, H::Asked { call: 9 }, H::Ended { call: 9 }]);
    for call in 2..4 {
        fault.extend(begin(call));
    }
    for call in 2..4 {
        fault.extend(end(call, Verdict::Bad));
    }
    check(&Trace { one_probe: OneProbe::WhileAnotherIsInUse, ..with(&fault) }).unwrap();
    assert!(check(&with(&fault)).unwrap_err().0.contains("two probes"));

    // Nine that were under way when it was taken out of use fail after it is back.
    let mut fault: Vec<Happened> = (2..11).flat_map(begin).collect();
    fault.extend([opened, closed]);
    (2..11).for_each(|call| fault.extend(end(call, Verdict::Bad)));
    check(&with(&fault)).unwrap();

    // Four failures, a success and four failures.
    let mut fault = Vec::new();
    for (call, verdict) in
        (2..11).zip([[Verdict::Bad; 4].as_slice(), &[Verdict::Good], &[Verdict::Bad; 4]].concat())
    {
        fault.extend(begin(call));
        fault.extend(end(call, verdict));
    }
    check(&with(&fault)).unwrap();
}
