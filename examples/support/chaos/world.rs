//! One schedule: providers that break at random moments, callers that ask, wait and let go, all in virtual time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant, SystemTime};

use futures::future::{Either, join_all, select};
use polyroute::account::{EntryKind, MemoryLedger, Query};
use polyroute::clock::Clock as _;
use polyroute::error::Health;
use polyroute::provider::{Call, Cancelling, Habits, Prefill};
use polyroute::quota::{Limit, Limits, Window};
use polyroute::resilience::{HealthPolicy, HedgePolicy, ProbePolicy, RetryPolicy, Timeouts, WhenNoneHealthy};
use polyroute::routing::policy::{Cascade, Fastest};
use polyroute::routing::{QualityFloor, Threshold, Traits};
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::VirtualClock;
use polyroute::types::{CallOptions, Outcome, Pace, Recovery, Reply, ReplyStream, TimeLimits};
use polyroute::{
    ChatRequest, Client, Error, ErrorKind, Provider, Result, Route, StreamEvent, Usage, Usd, async_trait,
};

use super::invariants::{Happened, OneProbe, Trace, Verdict};

pub(crate) const PROVIDERS: u8 = 3;
const NAMES: [&str; PROVIDERS as usize] = ["a", "b", "c"];

/// How a provider behaves for a while.
#[derive(Clone, Copy, Debug)]
enum Behaviour {
    Well {
        first: Duration,
        gap: Duration,
        pieces: u8,
    },
    Fails(ErrorKind),
    Throttles(Option<Duration>),
    Hangs,
    /// Breaks after so many pieces.
    Cuts {
        after: u8,
        silently: bool,
    },
    /// Fails one call in two.
    Flaps,
    /// The first of its keys has been revoked.
    Revoked,
    /// Falls silent after so many pieces.
    Stalls {
        after: u8,
    },
}

/// A provider with a fate.
#[derive(Debug)]
struct Fated {
    place: u8,
    clock: VirtualClock,
    start: Instant,
    /// Until when, and how.
    phases: Vec<(Duration, Behaviour)>,
    habits: Habits,
    keys: usize,
    record: Record,
    chance: Mutex<fastrand::Rng>,
}

/// What happened, shared by everybody who sees something.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    shared: Arc<Mutex<Written>>,
    clock: VirtualClock,
}

#[derive(Debug, Default)]
struct Written {
    events: Vec<(Duration, Happened)>,
    spent: i128,
    wasted: u64,
    booked: u64,
    in_flight: usize,
}

impl Record {
    fn note(&self, happened: Happened) {
        let at = self.clock.elapsed();
        self.with(|written| written.events.push((at, happened)));
    }

    fn with<T>(&self, act: impl FnOnce(&mut Written) -> T) -> T {
        act(&mut self.shared.lock().expect("nobody panics while writing"))
    }
}

impl Observer for Record {
    fn observe(&self, event: &Event<'_>) {
        let place = |name: &str| NAMES.iter().position(|known| *known == name).unwrap_or_default() as u8;
        match event {
            Event::AttemptStarted { .. } => self.note(Happened::AttemptBegan),
            Event::AttemptFinished(attempt) => {
                let verdict = verdict(attempt.outcome);
                self.note(Happened::AttemptOver { provider: place(attempt.target.provider()), verdict });
                let tokens = attempt.usage.as_ref().and_then(Usage::total_tokens).unwrap_or(0);
                self.with(|written| {
                    written.booked += tokens;
                    if attempt.outcome != Outcome::Answered {
                        written.wasted += tokens;
                    }
                    written.spent += attempt.cost.map_or(0, Usd::pico);
                });
            }
            Event::CallFinished(call) => {
                self.note(Happened::CallOver {
                    attempts: u32::try_from(call.attempts.len()).unwrap_or(u32::MAX),
                });
            }
            Event::Probed { target, outcome, .. } => self
                .note(Happened::ProbeOver { provider: place(target.provider()), verdict: verdict(*outcome) }),
            Event::TargetOpened { target, .. } => {
                self.note(Happened::Opened { provider: place(target.provider()) })
            }
            Event::TargetClosed { target } => {
                self.note(Happened::Closed { provider: place(target.provider()) })
            }
            _ => {}
        }
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    match outcome {
        Outcome::Answered => Verdict::Good,
        Outcome::Failed(ErrorKind::RateLimited | ErrorKind::Authentication) => Verdict::Refused,
        Outcome::Failed(kind) if Error::new(kind, "").advice().health == Health::Counts => Verdict::Bad,
        _ => Verdict::Nothing,
    }
}

/// One upstream call; its end is noted however it comes.
#[derive(Debug)]
struct Upstream {
    record: Record,
    /// None is a probe of the client's own.
    call: Option<u32>,
    provider: u8,
}

impl Drop for Upstream {
    fn drop(&mut self) {
        let provider = self.provider;
        self.record.note(match self.call {
            Some(call) => Happened::Left { call, provider },
            None => Happened::ProbeLeft { provider },
        });
        self.record.with(|written| written.in_flight -= 1);
    }
}

enum Beat {
    Pause(Duration),
    Hang,
    Event(StreamEvent),
    Fail(Error),
}

impl Fated {
    fn begin(&self, call: &Call<'_>) -> (Upstream, VecDeque<Beat>) {
        let number = call.request.seed.and_then(|seed| u32::try_from(seed).ok());
        self.record.note(match number {
            Some(call) => Happened::Sent { call, provider: self.place },
            None => Happened::Probed { provider: self.place },
        });
        self.record.with(|written| written.in_flight += 1);
        let upstream = Upstream { record: self.record.clone(), call: number, provider: self.place };
        (upstream, self.beats(call.key))
    }

    fn behaviour(&self) -> Behaviour {
        let at = self.clock.now().saturating_duration_since(self.start);
        let place = self.phases.partition_point(|(until, _)| *until <= at);
        let phase = self.phases.get(place).or(self.phases.last());
        phase.map_or(WELL, |(_, behaviour)| *behaviour)
    }

    fn beats(&self, key: usize) -> VecDeque<Beat> {
        let piece = || Beat::Event(StreamEvent::Text("four".to_owned()));
        let pieces = |count: u8, gap: Duration| {
            (0..count).flat_map(move |_| [Beat::Pause(gap), piece()]).collect::<Vec<_>>()
        };
        let mut chance = self.chance.lock().expect("nobody panics while drawing");
        let mut behaviour = self.behaviour();
        if let Behaviour::Flaps = behaviour {
            behaviour = if chance.bool() { Behaviour::Fails(ErrorKind::Server) } else { WELL };
        }
        if let Behaviour::Revoked = behaviour {
            behaviour = if key == 0 { Behaviour::Fails(ErrorKind::Authentication) } else { WELL };
        }
        let mut beats = vec![Beat::Pause(Duration::from_millis(chance.u64(1..20)))];
        match behaviour {
            Behaviour::Well { first, gap, pieces: count } => {
                beats.push(Beat::Pause(first));
                beats.extend(pieces(count, gap));
                let usage = Usage::of(10, u64::from(count));
                beats.push(Beat::Event(StreamEvent::Usage(Box::new(usage))));
                beats.push(Beat::Event(StreamEvent::finish(None, None)));
            }
            Behaviour::Fails(kind) => beats.push(Beat::Fail(Error::new(kind, "a fault of the schedule"))),
            Behaviour::Throttles(wait) => {
                let error = Error::new(ErrorKind::RateLimited, "a fault of the schedule");
                beats.push(Beat::Fail(match wait {
                    Some(wait) => error.with_retry_after(wait),
                    None => error,
                }));
            }
            Behaviour::Hangs => beats.push(Beat::Hang),
            Behaviour::Cuts { after, silently } => {
                beats.extend(pieces(after, Duration::from_millis(30)));
                if !silently {
                    beats.push(Beat::Fail(Error::new(ErrorKind::Connection, "a fault of the schedule")));
                }
            }
            Behaviour::Stalls { after } => {
                beats.extend(pieces(after, Duration::from_millis(30)));
                beats.push(Beat::Hang);
            }
            Behaviour::Flaps | Behaviour::Revoked => {}
        }
        beats.into()
    }
}

const WELL: Behaviour =
    Behaviour::Well { first: Duration::from_millis(200), gap: Duration::from_millis(20), pieces: 4 };

#[async_trait]
impl Provider for Fated {
    fn name(&self) -> &str {
        NAMES[usize::from(self.place)]
    }

    fn keys(&self) -> usize {
        self.keys
    }

    async fn chat(&self, call: Call<'_>) -> Result<Reply> {
        let (_upstream, beats) = self.begin(&call);
        let mut usage = None;
        for beat in beats {
            match beat {
                Beat::Pause(pause) => self.clock.sleep(pause).await,
                Beat::Hang => std::future::pending().await,
                Beat::Event(StreamEvent::Usage(known)) => usage = Some(*known),
                Beat::Event(_) => {}
                Beat::Fail(error) => return Err(error),
            }
        }
        let cut = || Error::new(ErrorKind::Truncated, "a fault of the schedule");
        Ok(Reply::text("four").with_usage(usage.ok_or_else(cut)?))
    }

    async fn chat_stream(&self, call: Call<'_>) -> Result<ReplyStream> {
        let (upstream, mut beats) = self.begin(&call);
        if let Some(Beat::Pause(pause)) = beats.pop_front() {
            self.clock.sleep(pause).await;
        }
        if let Some(Beat::Fail(_)) = beats.front()
            && let Some(Beat::Fail(error)) = beats.pop_front()
        {
            return Err(error);
        }
        let playing = (beats, upstream, self.clock.clone());
        Ok(ReplyStream::new(futures::stream::unfold(playing, |(mut beats, upstream, clock)| async move {
            loop {
                let item = match beats.pop_front()? {
                    Beat::Pause(pause) => {
                        clock.sleep(pause).await;
                        continue;
                    }
                    Beat::Hang => std::future::pending().await,
                    Beat::Event(event) => Ok(event),
                    Beat::Fail(error) => Err(error),
                };
                return Some((item, (beats, upstream, clock)));
            }
        })))
    }

    fn habits(&self) -> Habits {
        self.habits
    }
}

/// What came of one schedule.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    pub trace: Trace,
    pub calls: u64,
    pub answered: u64,
    /// Failed although a provider was well all the time.
    pub lost: u64,
    pub cancelled: u64,
    pub sent: u64,
    pub wasted_tokens: u64,
    pub tokens: u64,
    /// Virtual time answered calls lost to failures, in microseconds.
    pub lost_time: Vec<u64>,
    /// Real time the library took for a call, in nanoseconds.
    pub library_time: Vec<u64>,
    /// From the first failure of a target to its being left alone, and how many failures that took.
    pub detection: Vec<(u64, u32)>,
    /// From a target's recovery to its being in use again, in milliseconds.
    pub recovery: Vec<u64>,
}

/// Runs the schedule that `seed` names.
pub(crate) fn run(seed: u64, runtime: &tokio::runtime::Runtime) -> Outcomes {
    let mut chance = fastrand::Rng::with_seed(seed);
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let record = Record { shared: Arc::default(), clock: clock.clone() };
    let start = clock.now();
    let mut builder = Client::builder();
    // In half of the schedules one provider is always well, so that no call that waits long enough may fail.
    let steady = chance.bool().then(|| chance.u8(0..PROVIDERS));
    let background = chance.u8(0..8) == 0;
    let probes = chance.u8(0..8) == 0;
    let keys = chance.usize(1..=2);
    let mut fates = Vec::new();
    for place in 0..PROVIDERS {
        let phases = if steady == Some(place) { vec![(Duration::MAX, WELL)] } else { fate(&mut chance) };
        fates.push(phases.clone());
        let cancelling = if background { Cancelling::BilledToTheEnd } else { Cancelling::StopsBilling };
        builder = builder.provider(Fated {
            place,
            clock: clock.clone(),
            start,
            phases,
            habits: Habits::UNKNOWN.cancelling(cancelling).prefill(Prefill::LastMessage),
            keys,
            record: record.clone(),
            chance: Mutex::new(fastrand::Rng::with_seed(chance.u64(..))),
        });
    }
    let attempts = chance.u32(1..=6);
    let budget = (chance.u8(0..4) == 0).then(|| i128::from(chance.u32(1..200)) * 100);
    // Bookings of what was let go of, and probes, need somebody to make them.
    let background = background || budget.is_some() || probes;
    if let Some(budget) = budget {
        let lifetime = Limit::cost(Usd::from_pico(budget), Window::lifetime());
        builder = builder.limits(Limits::new().limit(lifetime));
    }
    let when_none = *chance
        .choice(&[WhenNoneHealthy::LeastBad, WhenNoneHealthy::Fail, WhenNoneHealthy::Wait])
        .expect("there are three");
    if probes {
        builder = builder.probes(ProbePolicy::default().every(Duration::from_secs(5)));
    }
    // Hedges need calls enough to know what is slow.
    let busy = chance.u8(0..32) == 0;
    let hedging = busy || chance.u8(0..4) == 0;
    if hedging {
        builder = builder.hedging(HedgePolicy::default().percent(20));
    }
    let ledger = chance.u8(0..16) == 0;
    if ledger {
        builder = builder.ledger(MemoryLedger::new(10_000));
    }
    if chance.u8(0..4) == 0 {
        let pace = Pace::new(chance.u32(1..40), Duration::from_secs(1));
        builder = builder.time_limits("all", TimeLimits::new().pace(pace));
    }
    let targets = ["a/m", "b/m", "c/m"];
    let route = match chance.u8(0..8) {
        0 => Route::with_policy(Fastest::new(), targets),
        1 => {
            let floor = QualityFloor::new(0.9).expect("a floor");
            // An audit would be one more call, which nobody made.
            let cascade = Cascade::new(floor)
                .audit_share(0.0)
                .fixed(Threshold::new(*chance.choice(&[-0.4, -0.1, 0.1, 0.4]).unwrap_or(&0.0)));
            Route::with_policy(cascade, targets)
        }
        _ => Route::ordered(targets),
    };
    for (name, quality) in [("a", 0.5), ("b", 0.9), ("c", 0.5)] {
        builder = builder.describe(name, Traits::new().quality(quality));
    }
    let client = builder
        .clock(clock.clone())
        .seed(chance.u64(..))
        .observer(record.clone())
        .health(HealthPolicy::default().when_none(when_none))
        .prices_json(PRICES)
        .retry(RetryPolicy::default().max_attempts(attempts))
        .timeouts(Timeouts::default().first_token(Duration::from_secs(5)).idle(Duration::from_secs(5)))
        .route("all", route)
        .build()
        .expect("the client can be built");

    let calls = if busy { chance.u32(60..=150) } else { chance.u32(4..=12) };
    let plans: Vec<Caller> = (0..calls).map(|call| Caller::draw(call, &mut chance)).collect();
    let one_probe = match when_none {
        WhenNoneHealthy::LeastBad => OneProbe::WhileAnotherIsInUse,
        _ => OneProbe::Always,
    };
    let mut trace = Trace { providers: PROVIDERS, one_probe, ..Trace::default() };
    trace.recoverable =
        plans.iter().filter(|plan| plan.recovery != Recovery::Fail).map(|plan| plan.call).collect();
    let calls = plans.iter().map(|plan| plan.run(&client, &clock, &record));
    let finished = drive(join_all(calls), &clock, background.then_some(runtime));
    let _entered = runtime.enter();
    // What a ledger's thread does takes no virtual time: its moment stands still before the deadline.
    let moment = clock.elapsed() + Duration::from_secs(110);
    let shutdown = async {
        let reached = pin!(clock.sleep(Duration::from_secs(110)));
        let shutdown = pin!(client.shutdown(Duration::from_secs(120)));
        match select(shutdown, reached).await {
            Either::Left((report, _)) => report,
            Either::Right(((), shutdown)) => shutdown.await,
        }
    };
    let shutdown = drive_until(moment, shutdown, &clock, Some(runtime));
    let books = client.books().cloned();
    let entries = books.map(|books| {
        let query = Query::all().kind(EntryKind::Attempt);
        let entries = async { books.flush().await.and(books.entries(&query).await) };
        drive_until(clock.elapsed(), entries, &clock, Some(runtime)).and_then(Result::ok)
    });
    let held = shutdown.map_or(1, |report| report.map_or(1, |report| report.held + report.cancelled));
    drop(client);
    // What was ended is dropped when the runtime comes to it.
    runtime.block_on(async {
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
    });

    let mut outcomes = Outcomes { calls: plans.len() as u64, ..Outcomes::default() };
    let ends = finished.unwrap_or_default();
    for (plan, end) in plans.iter().zip(ends) {
        outcomes.library_time.extend(end.library_time);
        match end.how {
            How::Answered { lost } => {
                outcomes.answered += 1;
                outcomes.lost_time.push(u64::try_from(lost.as_micros()).unwrap_or(u64::MAX));
            }
            How::LetGo => outcomes.cancelled += 1,
            How::Failed { excused } => {
                // Another key, and a hedge, are attempts as well.
                let enough = usize::from(PROVIDERS) * keys + usize::from(hedging);
                let patient = plan.timeout > Duration::from_secs(40) && attempts as usize >= enough;
                let asked = when_none == WhenNoneHealthy::LeastBad && plan.kind == Kind::Whole;
                if steady.is_some() && patient && !excused && asked {
                    outcomes.lost += 1;
                }
            }
        }
    }
    record.with(|written| {
        trace.events = std::mem::take(&mut written.events);
        trace.budget = budget.map(|budget| (budget, written.spent));
        trace.ledger = entries.map(|entries| {
            let own = entries.unwrap_or_default().into_iter().filter(|entry| entry.reason != "probe");
            (own.map(|entry| entry.cost.map_or(0, Usd::pico)).sum(), written.spent)
        });
        trace.left_over = written.in_flight + held + clock.pending();
        outcomes.wasted_tokens = written.wasted;
        outcomes.tokens = written.booked;
    });
    outcomes.sent =
        trace.events.iter().filter(|(_, what)| matches!(what, Happened::Sent { .. })).count() as u64;
    measure(&trace, &fates, &mut outcomes);
    outcomes.trace = trace;
    outcomes
}

/// `calls` calls, a hundred a second, while two of three providers are never well: how many were made, answered, and sent
/// upstream.
pub(crate) fn endure(seed: u64, calls: u64) -> (u64, u64, u64) {
    long_run(seed, calls, |place| place == 2)
}

/// The same while no provider is ever well.
pub(crate) fn outage(seed: u64, calls: u64) -> (u64, u64, u64) {
    long_run(seed, calls, |_| false)
}

fn long_run(seed: u64, calls: u64, well: impl Fn(u8) -> bool) -> (u64, u64, u64) {
    const EVERY: Duration = Duration::from_millis(10);
    let mut chance = fastrand::Rng::with_seed(seed);
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let record = Record { shared: Arc::default(), clock: clock.clone() };
    let mut builder = Client::builder();
    let span = EVERY * u32::try_from(calls).unwrap_or(u32::MAX) + Duration::from_secs(600);
    for place in 0..PROVIDERS {
        let phases = if well(place) { vec![(Duration::MAX, WELL)] } else { downs(&mut chance, span) };
        builder = builder.provider(Fated {
            place,
            clock: clock.clone(),
            start: clock.now(),
            phases,
            habits: Habits::UNKNOWN,
            keys: 1,
            record: record.clone(),
            chance: Mutex::new(fastrand::Rng::with_seed(chance.u64(..))),
        });
    }
    let client = builder
        .clock(clock.clone())
        .seed(chance.u64(..))
        .route("all", Route::ordered(["a/m", "b/m", "c/m"]))
        .build()
        .expect("the client can be built");
    let (mut made, mut answered, mut sent) = (0, 0, 0);
    while made < calls {
        let block = (calls - made).min(1_000);
        let base = clock.elapsed();
        let asking = (0..block).map(|place| {
            let (client, clock) = (&client, &clock);
            async move {
                let arrives = EVERY * u32::try_from(place).unwrap_or(u32::MAX);
                clock.sleep((base + arrives).saturating_sub(clock.elapsed())).await;
                client.chat(ChatRequest::from(("all", "Say four.")).seed(1)).await.is_ok()
            }
        });
        let ended = drive(join_all(asking), &clock, None).unwrap_or_default();
        answered += ended.iter().filter(|ok| **ok).count() as u64;
        made += block;
        sent += record.with(|written| {
            let events = std::mem::take(&mut written.events);
            events.iter().filter(|(_, what)| matches!(what, Happened::Sent { .. })).count() as u64
        });
    }
    (made, answered, sent)
}

/// Nothing but faults.
fn downs(chance: &mut fastrand::Rng, span: Duration) -> Vec<(Duration, Behaviour)> {
    let mut until = Duration::ZERO;
    let mut phases = Vec::new();
    while until < span {
        until += Duration::from_secs(chance.u64(5..120));
        let behaviour = match chance.u8(0..6) {
            0 => Behaviour::Fails(ErrorKind::Server),
            1 => Behaviour::Fails(ErrorKind::Overloaded),
            2 => Behaviour::Fails(ErrorKind::Connection),
            3 => Behaviour::Throttles(Some(Duration::from_secs(chance.u64(1..60)))),
            4 => Behaviour::Cuts { after: 2, silently: true },
            _ => Behaviour::Fails(ErrorKind::InvalidResponse),
        };
        phases.push((until, behaviour));
    }
    phases
}

/// Since when a provider with this fate has been well at `at`; `None` when it is not.
fn well_since(fate: &[(Duration, Behaviour)], at: Duration) -> Option<Duration> {
    let is_well = |(_, behaviour): &(Duration, Behaviour)| matches!(behaviour, Behaviour::Well { .. });
    let last = fate.len().saturating_sub(1);
    let now = fate.partition_point(|(until, _)| *until <= at).min(last);
    let well = fate.get(..=now)?.iter().rev().take_while(|phase| is_well(phase)).count();
    let before = (now + 1).checked_sub(well).filter(|_| well > 0)?;
    Some(before.checked_sub(1).map_or(Duration::ZERO, |before| fate[before].0))
}

/// How soon a target that fails is left alone, and how soon one that is well again is in use again.
fn measure(trace: &Trace, fates: &[Vec<(Duration, Behaviour)>], outcomes: &mut Outcomes) {
    let mut first_sent = [None; PROVIDERS as usize];
    let mut failures = [0_u32; PROVIDERS as usize];
    let mut opened = [None; PROVIDERS as usize];
    for (at, what) in &trace.events {
        match *what {
            Happened::Sent { provider, .. } => {
                first_sent[usize::from(provider)].get_or_insert(*at);
            }
            Happened::AttemptOver { provider, verdict } | Happened::ProbeOver { provider, verdict } => {
                match verdict {
                    Verdict::Good => {
                        failures[usize::from(provider)] = 0;
                        first_sent[usize::from(provider)] = None;
                    }
                    Verdict::Bad => failures[usize::from(provider)] += 1,
                    Verdict::Refused | Verdict::Nothing => {}
                }
            }
            Happened::Opened { provider } => {
                let place = usize::from(provider);
                let since = first_sent[place].take().unwrap_or(*at);
                let took = u64::try_from(at.saturating_sub(since).as_millis()).unwrap_or(u64::MAX);
                outcomes.detection.push((took, std::mem::take(&mut failures[place])));
                opened[place] = Some(*at);
            }
            Happened::Closed { provider } => {
                let place = usize::from(provider);
                // One that answered by chance between failures has not recovered.
                let well = fates.get(place).and_then(|fate| well_since(fate, *at));
                if let (Some(opened), Some(well)) = (opened[place].take(), well) {
                    let since = well.max(opened);
                    let took = u64::try_from(at.saturating_sub(since).as_millis()).unwrap_or(u64::MAX);
                    outcomes.recovery.push(took);
                }
                first_sent[usize::from(provider)] = None;
                failures[usize::from(provider)] = 0;
            }
            _ => {}
        }
    }
}

const PRICES: &str = r#"{"models":[
    {"provider":"a","id":"m","input":"1","output":"4","max_output_tokens":64,"capabilities":{"assistant_prefill":true}},
    {"provider":"b","id":"m","input":"2","output":"8","max_output_tokens":64,"capabilities":{"assistant_prefill":true}},
    {"provider":"c","id":"m","input":"1","output":"2","max_output_tokens":64,"capabilities":{"assistant_prefill":true}}]}"#;

/// Phases of a few seconds each, over about two minutes.
fn fate(chance: &mut fastrand::Rng) -> Vec<(Duration, Behaviour)> {
    let mut until = Duration::ZERO;
    let mut phases = Vec::new();
    for _ in 0..chance.u8(1..6) {
        until += Duration::from_millis(chance.u64(500..30_000));
        let behaviour = match chance.u8(0..17) {
            0..=4 => WELL,
            5 => Behaviour::Well { first: Duration::from_secs(4), gap: Duration::from_secs(1), pieces: 8 },
            6 => Behaviour::Fails(ErrorKind::Server),
            7 => Behaviour::Fails(ErrorKind::Overloaded),
            8 => Behaviour::Fails(ErrorKind::Connection),
            9 => Behaviour::Fails(ErrorKind::InvalidResponse),
            10 => Behaviour::Fails(ErrorKind::Authentication),
            11 => {
                let waits =
                    [None, Some(Duration::from_secs(1)), Some(Duration::from_secs(60)), Some(Duration::MAX)];
                Behaviour::Throttles(*chance.choice(&waits).unwrap_or(&None))
            }
            12 => Behaviour::Hangs,
            13 => Behaviour::Cuts { after: chance.u8(0..6), silently: chance.bool() },
            14 => Behaviour::Flaps,
            15 => Behaviour::Revoked,
            _ => Behaviour::Stalls { after: chance.u8(0..4) },
        };
        phases.push((until, behaviour));
    }
    phases
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Whole,
    Streamed,
}

/// Somebody who asks.
#[derive(Debug)]
struct Caller {
    call: u32,
    arrives: Duration,
    kind: Kind,
    timeout: Duration,
    /// Lets go after so long.
    patience: Option<Duration>,
    recovery: Recovery,
}

struct End {
    how: How,
    library_time: Option<u64>,
}

enum How {
    Answered {
        lost: Duration,
    },
    LetGo,
    /// Excused by the caller's own limits.
    Failed {
        excused: bool,
    },
}

impl Caller {
    fn draw(call: u32, chance: &mut fastrand::Rng) -> Self {
        let kind = if chance.bool() { Kind::Whole } else { Kind::Streamed };
        let recovers = kind == Kind::Streamed && chance.u8(0..5) == 0;
        Self {
            call,
            arrives: Duration::from_millis(chance.u64(0..60_000)),
            kind,
            timeout: Duration::from_millis(chance.u64(1_000..90_000)),
            patience: (chance.u8(0..5) == 0).then(|| Duration::from_millis(chance.u64(0..8_000))),
            recovery: match recovers {
                true if chance.bool() => Recovery::Continue,
                true => Recovery::Restart,
                false => Recovery::Fail,
            },
        }
    }

    #[expect(clippy::future_not_send, reason = "a schedule runs on one thread")]
    async fn run(&self, client: &Client, clock: &VirtualClock, record: &Record) -> End {
        clock.sleep(self.arrives).await;
        record.note(Happened::Asked { call: self.call });
        let spent = self.call.is_multiple_of(4).then_some(Duration::ZERO);
        let mut asking = Timed { work: Box::pin(self.ask(client, record)), spent };
        let how = match self.patience {
            None => (&mut asking).await,
            Some(patience) => match select(&mut asking, clock.sleep(patience)).await {
                Either::Left((how, _)) => how,
                Either::Right(((), _)) => How::LetGo,
            },
        };
        let library_time = asking.spent.map(|spent| u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX));
        // Letting go is a part of the call.
        drop(asking);
        record.note(Happened::Ended { call: self.call });
        End { how, library_time }
    }

    async fn ask(&self, client: &Client, record: &Record) -> How {
        let request = ChatRequest::new("all")
            .user("Say four.")
            .seed(i64::from(self.call))
            .max_output_tokens(16)
            .timeout(self.timeout)
            .options(CallOptions::new().recovery(self.recovery));
        let answered = match self.kind {
            Kind::Whole => client.chat(request).await,
            Kind::Streamed => match client.chat_stream(request).await {
                Ok(stream) => self.read(stream, record).await,
                Err(error) => Err(error),
            },
        };
        match answered {
            Ok(answer) => {
                let last = answer.attempts().last();
                let lost = last.map_or(Duration::ZERO, |attempt| attempt.started_after);
                How::Answered { lost }
            }
            Err(error) => How::Failed {
                excused: matches!(error.kind(), ErrorKind::DeadlineExceeded | ErrorKind::BudgetExceeded),
            },
        }
    }

    async fn read(
        &self,
        mut stream: polyroute::ChatStream,
        record: &Record,
    ) -> Result<polyroute::ChatResponse> {
        record.note(Happened::Committed { call: self.call });
        let mut whole = polyroute::types::Accumulator::new();
        while let Some(event) = stream.next().await {
            let event = event?;
            if let StreamEvent::Resumed(_) = event {
                record.note(Happened::Resumed { call: self.call });
            }
            whole.push(event)?;
        }
        whole.into_response()
    }
}

/// Sums up how long a future is polled, where that is asked for.
struct Timed<'a> {
    work: Pin<Box<dyn Future<Output = How> + 'a>>,
    spent: Option<Duration>,
}

impl Future for Timed<'_> {
    type Output = How;

    #[expect(clippy::disallowed_methods, reason = "measures the library, in real time")]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<How> {
        let Some(spent) = self.spent else { return self.work.as_mut().poll(context) };
        let began = Instant::now();
        let polled = self.work.as_mut().poll(context);
        self.spent = Some(spent + began.elapsed());
        polled
    }
}

/// Polls `work` on this thread and lets time jump to the next timer whenever nothing else can go on. `None` when nothing
/// will ever go on.
pub(crate) fn drive<F: Future>(
    work: F,
    clock: &VirtualClock,
    runtime: Option<&tokio::runtime::Runtime>,
) -> Option<F::Output> {
    drive_until(Duration::MAX, work, clock, runtime)
}

/// The same, but time goes no further once `until` is reached, which must be the moment of a timer.
fn drive_until<F: Future>(
    until: Duration,
    work: F,
    clock: &VirtualClock,
    runtime: Option<&tokio::runtime::Runtime>,
) -> Option<F::Output> {
    let woken = Arc::new(Woken(AtomicBool::new(true)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut context = Context::from_waker(&waker);
    let mut work = pin!(work);
    let _entered = runtime.map(tokio::runtime::Runtime::enter);
    loop {
        while woken.0.swap(false, Ordering::Relaxed) {
            if let Poll::Ready(done) = work.as_mut().poll(&mut context) {
                return Some(done);
            }
        }
        if let Some(runtime) = runtime {
            // Background tasks of the client.
            runtime.block_on(tokio::task::yield_now());
        }
        let jumped = || clock.elapsed() < until && clock.advance_to_next().is_some();
        if !woken.0.load(Ordering::Relaxed) && !jumped() && !waited(&woken.0) {
            return None;
        }
    }
}

/// Somebody on another thread, such as a ledger's, may be about to wake it: are they within ten seconds?
#[expect(clippy::disallowed_methods, reason = "waits for a real thread")]
fn waited(woken: &AtomicBool) -> bool {
    let began = Instant::now();
    while !woken.load(Ordering::Relaxed) && began.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    woken.load(Ordering::Relaxed)
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}
