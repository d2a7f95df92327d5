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
    /// An attempt was booked as begun, or as over.
    AttemptBegan,
    AttemptOver,
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

/// The record of one schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub events: Vec<(Duration, Happened)>,
    /// How many providers there are.
    pub providers: u8,
    /// A target out of use is asked by one probe at a time, and by nobody else.
    pub one_probe: bool,
    /// Calls whose caller allowed a broken answer to go on elsewhere.
    pub recoverable: Vec<u32>,
    /// The budget and what was booked against it, in picodollars.
    pub budget: Option<(i128, i128)>,
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
                if open[place] && trace.one_probe {
                    probes[place].push(call);
                    if probes[place].len() > 1 {
                        return broken(format!("two probes of provider {provider} at once, at {at:?}"));
                    }
                }
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
            Happened::AttemptOver => over += 1,
            Happened::CallOver { attempts } => {
                closed += 1;
                closed_attempts += attempts;
            }
            Happened::Opened { provider } => open[usize::from(provider)] = true,
            Happened::Closed { provider } => {
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
    if trace.left_over > 0 {
        return broken(format!("{} timers, tasks or upstream calls were left over", trace.left_over));
    }
    Ok(())
}
