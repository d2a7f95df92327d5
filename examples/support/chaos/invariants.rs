//! What must hold in every schedule, checked on the record of what happened.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// One thing that happened, in the order it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Happened {
    /// The application asked.
    Asked {
        call: u32,
    },
    /// A provider was sent the request of a call.
    Sent {
        call: u32,
        provider: u8,
    },
    /// The provider's part in it is over, however it ended.
    Left {
        call: u32,
        provider: u8,
    },
    /// The caller was given the first content of a stream.
    Committed {
        call: u32,
    },
    /// The caller was told that a broken answer goes on elsewhere, as it had asked for.
    Resumed {
        call: u32,
    },
    /// The caller got an answer, an error, or let go.
    Ended {
        call: u32,
    },
    /// The client looked on its own how a provider does.
    Probed {
        provider: u8,
    },
    /// A probe of the client's own is over.
    ProbeLeft {
        provider: u8,
    },
    /// An attempt was booked as begun, or as over.
    AttemptBegan,
    AttemptOver {
        provider: u8,
        verdict: Verdict,
    },
    /// A call was booked as over, with that many attempts.
    CallOver {
        attempts: u32,
    },
    /// A target was taken out of use after failures, or is in use again.
    Opened {
        provider: u8,
    },
    Closed {
        provider: u8,
    },
}

/// What the end of an attempt says of its provider.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Bad,
    /// A refusal, a pause that was asked for, somebody who let go.
    Nothing,
}

/// When a target that is out of use may be asked by more than one probe at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OneProbe {
    #[default]
    Always,
    /// Not while all are out of use: the least bad one is then asked by everybody.
    WhileAnotherIsInUse,
}

/// The record of one schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub events: Vec<(Duration, Happened)>,
    /// How many providers there are.
    pub providers: u8,
    /// A target out of use is asked by one probe at a time, and by nobody else.
    pub one_probe: OneProbe,
    /// Calls whose caller allowed a broken answer to go on elsewhere.
    pub recoverable: Vec<u32>,
    /// The budget and what was booked against it, in picodollars.
    pub budget: Option<(i128, i128)>,
    /// What the ledger has, and what the attempts came to, in picodollars.
    pub ledger: Option<(i128, i128)>,
    /// Timers, tasks and upstream calls that were left over when everything had ended.
    pub left_over: usize,
}

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation(pub String);

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The most attempts any configuration may ask for.
const MOST_ATTEMPTS: u32 = 5;

/// So many failures after one another take a target out of use.
const MOST_FAILURES: u32 = 5;

/// No call has this number.
const OWN_PROBE: u32 = u32::MAX;

#[derive(Default)]
struct Call {
    sent: u32,
    committed: bool,
    ended: u32,
}

/// Holds the record against the rules.
pub(crate) fn check(trace: &Trace) -> Result<(), Violation> {
    let broken = |rule: String| Err(Violation(rule));
    let mut calls: BTreeMap<u32, Call> = BTreeMap::new();
    let mut open = vec![false; usize::from(trace.providers)];
    let mut probes: Vec<Vec<u32>> = vec![Vec::new(); usize::from(trace.providers)];
    let mut failures = vec![0_u32; usize::from(trace.providers)];
    let (mut began, mut over, mut closed, mut closed_attempts, mut asked) = (0, 0, 0, 0, 0);
    for (at, event) in &trace.events {
        match *event {
            Happened::Asked { call } => {
                asked += 1;
                if calls.insert(call, Call::default()).is_some() {
                    return broken(format!("call {call} was asked twice"));
                }
            }
            Happened::Sent { call, provider } => {
                let state = calls.entry(call).or_default();
                state.sent += 1;
                if state.sent > MOST_ATTEMPTS {
                    return broken(format!("call {call} made attempt {} at {at:?}", state.sent));
                }
                if state.ended > 0 {
                    return broken(format!("call {call} was sent after it had ended, at {at:?}"));
                }
                if state.committed && !trace.recoverable.contains(&call) {
                    return broken(format!("call {call} was sent again after its first content, at {at:?}"));
                }
                let place = usize::from(provider);
                let is_one = trace.one_probe == OneProbe::Always || !open.iter().all(|open| *open);
                if open[place] && is_one {
                    probes[place].push(call);
                    if probes[place].len() > 1 {
                        return broken(format!("two probes of provider {provider} at once, at {at:?}"));
                    }
                }
            }
            Happened::Probed { provider } => {
                let place = usize::from(provider);
                if open[place] {
                    probes[place].push(OWN_PROBE);
                    if probes[place].len() > 1 {
                        return broken(format!("two probes of provider {provider} at once, at {at:?}"));
                    }
                }
            }
            Happened::ProbeLeft { provider } => {
                probes[usize::from(provider)].retain(|probe| *probe != OWN_PROBE)
            }
            Happened::Left { call, provider } => probes[usize::from(provider)].retain(|probe| *probe != call),
            Happened::Committed { call } => calls.entry(call).or_default().committed = true,
            Happened::Resumed { call } => {
                if !trace.recoverable.contains(&call) {
                    return broken(format!("call {call} was resumed without being asked to"));
                }
            }
            Happened::Ended { call } => {
                let state = calls.entry(call).or_default();
                state.ended += 1;
                if state.ended > 1 {
                    return broken(format!("call {call} ended {} times", state.ended));
                }
            }
            Happened::AttemptBegan => began += 1,
            Happened::AttemptOver { provider, verdict } => {
                over += 1;
                let place = usize::from(provider);
                match verdict {
                    Verdict::Good => failures[place] = 0,
                    Verdict::Bad if !open[place] => failures[place] += 1,
                    Verdict::Bad | Verdict::Nothing => {}
                }
                if failures[place] > MOST_FAILURES {
                    return broken(format!(
                        "provider {provider} is in use after its sixth failure, at {at:?}"
                    ));
                }
            }
            Happened::CallOver { attempts } => {
                closed += 1;
                closed_attempts += attempts;
            }
            Happened::Opened { provider } => {
                open[usize::from(provider)] = true;
                failures[usize::from(provider)] = 0;
            }
            Happened::Closed { provider } => {
                failures[usize::from(provider)] = 0;
                open[usize::from(provider)] = false;
                probes[usize::from(provider)].clear();
            }
        }
    }
    if let Some((call, _)) = calls.iter().find(|(_, call)| call.ended != 1) {
        return broken(format!("call {call} never ended"));
    }
    if began != over || over != closed_attempts {
        return broken(format!("{began} attempts began, {over} were booked, {closed_attempts} in calls"));
    }
    if closed != asked {
        return broken(format!("{asked} calls were made, {closed} settled"));
    }
    if let Some((budget, spent)) = trace.budget
        && spent > budget
    {
        return broken(format!("{spent} was spent of a budget of {budget} picodollars"));
    }
    if let Some((ledger, spent)) = trace.ledger
        && ledger != spent
    {
        return broken(format!("the ledger has {ledger} picodollars, and the attempts came to {spent}"));
    }
    if trace.left_over > 0 {
        return broken(format!("{} timers, tasks or upstream calls were left over", trace.left_over));
    }
    Ok(())
}
