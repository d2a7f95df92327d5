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
    /// What such a probe says of its provider.
    ProbeOver {
        provider: u8,
        verdict: Verdict,
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
    /// It asked for a pause, or turns a key down: it may be left alone for a while without being unwell.
    Refused,
    /// Somebody let go, or the request was at fault.
    Nothing,
}

/// When a target that is out of use is asked by one probe at a time and by nobody else.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OneProbe {
    #[default]
    Always,
    /// Not while no other can be asked: the least bad one is then asked by everybody.
    WhileAnotherIsInUse,
}

/// The record of one schedule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    pub events: Vec<(Duration, Happened)>,
    /// How many providers there are.
    pub providers: u8,
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

/// What is known of a provider at a moment of the record.
#[derive(Default)]
struct Standing {
    open: bool,
    /// It may be left alone for a while although it is not out of use.
    refused: bool,
    /// Failures in a row while it is in use.
    failures: u32,
    /// Probes that run.
    probes: Vec<u32>,
    /// How often it was taken out of use or brought back, and how often it refused.
    changes: u32,
    refusals: u32,
    /// After how many of both the attempts were sent that run, and that one was that was over last. What was sent before
    /// the last of them says nothing of the time after it.
    sent: BTreeMap<u32, (u32, u32)>,
    last: (u32, u32),
}

impl Standing {
    /// An attempt of `call` is sent to it.
    fn send(&mut self, call: u32) {
        self.sent.insert(call, (self.changes, self.refusals));
    }

    /// And while it is out of use. Is it the only one?
    fn probe(&mut self, call: u32) -> bool {
        self.probes.push(call);
        self.probes.len() == 1
    }

    fn leave(&mut self, call: u32) {
        self.probes.retain(|probe| *probe != call);
        self.last = self.sent.remove(&call).unwrap_or_default();
    }

    fn open(&mut self) {
        (self.open, self.failures) = (true, 0);
        self.changes += 1;
    }

    fn close(&mut self) {
        (self.open, self.failures) = (false, 0);
        self.changes += 1;
        self.probes.clear();
    }

    /// Is it still to be in use after that?
    fn hear(&mut self, verdict: Verdict) -> bool {
        let (changes, refusals) = self.last;
        let answers = matches!(verdict, Verdict::Good | Verdict::Bad);
        if answers && refusals == self.refusals {
            self.refused = false;
        }
        match verdict {
            Verdict::Good => self.failures = 0,
            Verdict::Bad => self.failures += u32::from(!self.open && changes == self.changes),
            Verdict::Refused => {
                self.refused = true;
                self.refusals += 1;
            }
            Verdict::Nothing => {}
        }
        self.failures <= MOST_FAILURES
    }
}

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
    let mut providers: Vec<Standing> = (0..trace.providers).map(|_| Standing::default()).collect();
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
                let another = providers.iter().any(|other| !other.open && !other.refused);
                let alone = trace.one_probe == OneProbe::Always || another;
                let place = &mut providers[usize::from(provider)];
                place.send(call);
                if place.open && alone && !place.probe(call) {
                    return broken(format!("two probes of provider {provider} at once, at {at:?}"));
                }
            }
            Happened::Probed { provider } => {
                let place = &mut providers[usize::from(provider)];
                place.send(OWN_PROBE);
                if place.open && !place.probe(OWN_PROBE) {
                    return broken(format!("two probes of provider {provider} at once, at {at:?}"));
                }
            }
            Happened::ProbeLeft { provider } => providers[usize::from(provider)].leave(OWN_PROBE),
            Happened::Left { call, provider } => providers[usize::from(provider)].leave(call),
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
            Happened::AttemptOver { provider, verdict } | Happened::ProbeOver { provider, verdict } => {
                over += u32::from(matches!(event, Happened::AttemptOver { .. }));
                if !providers[usize::from(provider)].hear(verdict) {
                    return broken(format!(
                        "provider {provider} is in use after its sixth failure, at {at:?}"
                    ));
                }
            }
            Happened::CallOver { attempts } => {
                closed += 1;
                closed_attempts += attempts;
            }
            Happened::Opened { provider } => providers[usize::from(provider)].open(),
            Happened::Closed { provider } => providers[usize::from(provider)].close(),
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
