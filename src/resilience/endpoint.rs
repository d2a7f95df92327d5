//! One model at one provider: whether it is in use, how fast and how busy it is.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::breaker::{Breaker, Change, Condition, Probing, Sign, Ticket};
use super::keys::{Pool, ProviderState};
use super::latency::{DecayingMean, Histogram};
use super::standing::{HealthPolicy, Signals, Standing, TargetHealth, WhenNoneHealthy};
use crate::error::{Bench, Error, ErrorKind, Health};
use crate::types::{RateLimits, Target};

/// What is known of one target, shared by all calls. What policies read is read without a lock.
#[derive(Debug)]
pub(crate) struct Endpoint {
    target: Target,
    provider: Arc<ProviderState>,
    policy: HealthPolicy,
    epoch: Instant,
    vitals: Mutex<Vitals>,
    /// One for each key; shared with the other models of its quota pool.
    pools: Arc<[Pool]>,
    /// The breaker is closed and all calls are let through; what it says otherwise is known under the lock only.
    in_use: AtomicU32,
    generation: AtomicU32,
    model_until: AtomicU64,
    /// Until when the service tier of a route is not asked for.
    tier_until: AtomicU64,
    in_flight: AtomicU32,
    first_token: AtomicU64,
    answer: AtomicU64,
    per_token: AtomicU64,
    measured: AtomicU64,
    /// The same of a first token alone, and of a whole answer.
    begun: AtomicU64,
    answered: AtomicU64,
}

#[derive(Debug)]
struct Vitals {
    breaker: Breaker,
    because: Option<ErrorKind>,
    first_token: Option<DecayingMean>,
    answer: Option<DecayingMean>,
    per_token: Option<DecayingMean>,
    first_tokens: Histogram,
    answers: Histogram,
    /// Of the time that a thousand tokens took once the answer had begun: single ones are too short to tell apart.
    thousands: Histogram,
}

/// Why a target may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) standing: Standing,
    pub(crate) because: Option<ErrorKind>,
    /// Since when, where the longest out of use is the likeliest to have recovered.
    since: Option<Instant>,
    pub(crate) until: Instant,
}

impl Refusal {
    /// Smaller is better: the one to turn to when all are refused.
    pub(crate) fn rank(&self, when_none: WhenNoneHealthy) -> (u8, Standing, Instant) {
        let group = match self.standing {
            Standing::Healthy | Standing::Recovering => 0,
            // Whoever waits does so for the probe that is running; whoever asks at once leaves it alone.
            Standing::Probing if when_none == WhenNoneHealthy::LeastBad => 2,
            Standing::Probing | Standing::Open => 1,
            Standing::Throttled | Standing::UnknownModel | Standing::NoKey => 3,
        };
        (group, self.standing, self.since.unwrap_or(self.until))
    }
}

/// How an attempt ended, for the endpoint's records.
#[derive(Debug)]
pub(crate) enum Ended<'a> {
    Answered,
    Failed(&'a Error),
    Cancelled,
    /// This had not come when it came to another attempt that ran beside it.
    Overtaken(Clocked),
}

/// What was measured of an attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Measured {
    /// Streams only.
    pub(crate) first_token: Option<Duration>,
    /// From the first content of a stream to its end, and the tokens of that time.
    pub(crate) generation: Option<(Duration, u64)>,
    /// An answer that was not streamed.
    pub(crate) answer: Option<Duration>,
    /// What would have been measured had not come after so long.
    pub(crate) at_least: Option<(Clocked, Duration)>,
}

/// What the end of an attempt changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Effects {
    pub(crate) change: Change,
    /// Who is left alone from now on, and for how long.
    pub(crate) benched: Option<(Bench, Duration)>,
}

impl Effects {
    const NONE: Self = Self { change: Change::Nothing, benched: None };
}

impl Endpoint {
    pub(super) fn new(
        target: Target,
        provider: Arc<ProviderState>,
        pools: Arc<[Pool]>,
        policy: HealthPolicy,
        epoch: Instant,
        now: Instant,
    ) -> Self {
        let vitals = Vitals {
            breaker: Breaker::new(policy.breaker, now),
            because: None,
            first_token: None,
            answer: None,
            per_token: None,
            first_tokens: Histogram::new(),
            answers: Histogram::new(),
            thousands: Histogram::new(),
        };
        Self {
            target,
            pools,
            provider,
            policy,
            epoch,
            vitals: Mutex::new(vitals),
            in_use: AtomicU32::new(1),
            generation: AtomicU32::new(0),
            model_until: AtomicU64::new(0),
            tier_until: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
            first_token: AtomicU64::new(0),
            answer: AtomicU64::new(0),
            per_token: AtomicU64::new(0),
            measured: AtomicU64::new(0),
            begun: AtomicU64::new(0),
            answered: AtomicU64::new(0),
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    pub(crate) fn provider(&self) -> &ProviderState {
        &self.provider
    }

    /// Leave to make one attempt, with the key to use. `chance` is uniform in the range of a `u64`.
    pub(crate) fn admit(self: &Arc<Self>, now: Instant, chance: u64) -> Result<Permit, Refusal> {
        let at = self.at(now);
        self.check_model(at)?;
        let key = self
            .provider
            .pick(&self.pools, at)
            .map_err(|none| self.refuse(none.standing, Some(ErrorKind::RateLimited), none.until))?;
        let ticket = if self.in_use.load(Ordering::Acquire) == 1 {
            Ticket::ordinary(self.generation.load(Ordering::Relaxed))
        } else {
            let mut vitals = self.vitals();
            let admitted = vitals.breaker.admit(now, chance);
            self.publish(&vitals.breaker, now);
            admitted.map_err(|condition| self.condemn(condition, vitals.because, now))?
        };
        Ok(self.permit(ticket, key, now))
    }

    /// May an attempt be made at `now`, which may lie ahead? Takes nothing.
    pub(crate) fn check(&self, now: Instant) -> Result<(), Refusal> {
        let at = self.at(now);
        self.check_model(at)?;
        self.provider
            .check(&self.pools, at)
            .map_err(|none| self.refuse(none.standing, Some(ErrorKind::RateLimited), none.until))?;
        if self.in_use.load(Ordering::Acquire) == 1 {
            return Ok(());
        }
        let vitals = self.vitals();
        match vitals.breaker.condition(now) {
            Condition::Closed
            | Condition::SlowStart { .. }
            | Condition::HalfOpen { probing: Probing::NotYet, .. } => Ok(()),
            condition => Err(self.condemn(condition, vitals.because, now)),
        }
    }

    /// The service tier that a route asks for was refused: the usual one is asked for a while.
    pub(crate) fn bench_tier(&self, now: Instant) {
        let wait = u64::try_from(TIER_BENCH.as_nanos()).unwrap_or(u64::MAX);
        self.tier_until.store(self.at(now).saturating_add(wait), Ordering::Relaxed);
    }

    /// Was the service tier that a route asks for refused a moment ago?
    pub(crate) fn is_tier_benched(&self, now: Instant) -> bool {
        self.tier_until.load(Ordering::Relaxed) > self.at(now)
    }

    /// May any key be used but this one?
    pub(crate) fn has_other_key(&self, key: usize, now: Instant) -> bool {
        self.provider.has_other(&self.pools, key, self.at(now))
    }

    /// The key that is least out of use, without leave to use it: for those whose attempts are not to count.
    pub(crate) fn key(&self, now: Instant) -> usize {
        self.provider.least_bad(&self.pools, self.at(now)).0
    }

    /// Leave to make one attempt although the target is out of use.
    pub(crate) fn force(self: &Arc<Self>, now: Instant) -> Permit {
        let key = self.provider.least_bad(&self.pools, self.at(now)).0;
        let ticket = self.vitals().breaker.force();
        self.permit(ticket, key, now)
    }

    /// Failures without a success in between.
    pub(crate) fn is_in_good_standing(&self) -> bool {
        self.in_use.load(Ordering::Acquire) == 1 && self.vitals().breaker.consecutive() == 0
    }

    /// Did its provider refuse a request as one too many, and has not answered since?
    pub(crate) fn is_under_pressure(&self) -> bool {
        self.pools.iter().any(Pool::is_under_pressure)
    }

    /// The time that 95 of 100 first tokens, or whole answers, took at most; `None` while too few were seen.
    pub(crate) fn p95(&self, of: Clocked) -> Option<Duration> {
        let vitals = self.vitals();
        match of {
            Clocked::FirstToken => vitals.first_tokens.percentile(95),
            Clocked::Answer => vitals.answers.percentile(95),
        }
    }

    /// The time that `percent` of 100 first tokens took at most; `None` while too few were seen.
    pub(crate) fn first_token_percentile(&self, percent: u32) -> Option<Duration> {
        self.vitals().first_tokens.percentile(percent)
    }

    /// The time between two tokens that `percent` of 100 streams took at most; `None` while too few were seen.
    pub(crate) fn per_token_percentile(&self, percent: u32) -> Option<Duration> {
        let thousand = self.vitals().thousands.percentile(percent)?;
        Some(thousand / 1_000)
    }

    pub(crate) fn signals(&self, now: Instant) -> Signals {
        let at = self.at(now);
        let duration = |of: &AtomicU64| match of.load(Ordering::Relaxed) {
            0 => None,
            nanos => Some(Duration::from_nanos(nanos)),
        };
        let ago = |of: &AtomicU64| duration(of).map(|then| Duration::from_nanos(at).saturating_sub(then));
        Signals {
            in_flight: self.in_flight.load(Ordering::Relaxed),
            first_token: duration(&self.first_token),
            answer: duration(&self.answer),
            per_token: duration(&self.per_token),
            measured_ago: ago(&self.measured),
            first_token_ago: ago(&self.begun),
            answer_ago: ago(&self.answered),
            headroom_permille: self.pools.iter().filter_map(|pool| pool.headroom(at)).max(),
        }
    }

    /// Is it in use, without asking for anything? Cheap: a few loads where it is.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        match self.refusal(now) {
            Some(refusal) => refusal.standing,
            None => Standing::Healthy,
        }
    }

    fn refusal(&self, now: Instant) -> Option<Refusal> {
        if let Err(refusal) = self.check(now) {
            return Some(refusal);
        }
        if self.in_use.load(Ordering::Acquire) == 1 {
            return None;
        }
        let vitals = self.vitals();
        match vitals.breaker.condition(now) {
            Condition::Closed => None,
            condition => Some(self.condemn(condition, vitals.because, now)),
        }
    }

    pub(super) fn report(&self, now: Instant) -> TargetHealth {
        let refusal = self.refusal(now);
        let vitals = self.vitals();
        let (successes, failures) = vitals.breaker.counts(now);
        let keys = self.provider.report(&self.pools, self.at(now));
        let because = match refusal.map(|refusal| refusal.standing) {
            // The keys know why.
            Some(Standing::NoKey) => keys.iter().find_map(|key| key.because),
            _ => refusal.and_then(|refusal| refusal.because),
        };
        TargetHealth {
            target: self.target.clone(),
            standing: refusal.map_or(Standing::Healthy, |refusal| refusal.standing),
            retry_in: refusal
                .filter(|refusal| refusal.standing != Standing::Recovering)
                .map(|refusal| refusal.until.saturating_duration_since(now)),
            because,
            consecutive_failures: vitals.breaker.consecutive(),
            successes,
            failures,
            signals: self.signals(now),
            keys,
        }
    }

    /// Nothing would be lost with it.
    pub(super) fn is_idle(&self, now: Instant) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0 && self.refusal(now).is_none()
    }

    /// Attempts that are running.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// When anything was measured here last; `None` when nothing was.
    pub(crate) fn last_measured(&self) -> Option<Instant> {
        match self.measured.load(Ordering::Relaxed) {
            0 => None,
            nanos => self.epoch.checked_add(Duration::from_nanos(nanos)),
        }
    }

    fn permit(self: &Arc<Self>, ticket: Ticket, key: usize, now: Instant) -> Permit {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        Permit { endpoint: Arc::clone(self), ticket, key, admitted: now, begun: false, told: Told::NotYet }
    }

    fn check_model(&self, at: u64) -> Result<(), Refusal> {
        let until = self.model_until.load(Ordering::Relaxed);
        if until > at {
            return Err(self.refuse(Standing::UnknownModel, Some(ErrorKind::ModelNotFound), until));
        }
        Ok(())
    }

    fn refuse(&self, standing: Standing, because: Option<ErrorKind>, until: u64) -> Refusal {
        let because = if standing == Standing::NoKey { Some(ErrorKind::Authentication) } else { because };
        Refusal { standing, because, since: None, until: self.epoch + Duration::from_nanos(until) }
    }

    fn condemn(&self, condition: Condition, because: Option<ErrorKind>, now: Instant) -> Refusal {
        let (standing, since, until) = match condition {
            Condition::Closed => (Standing::Healthy, now, now),
            Condition::SlowStart { since } => (Standing::Recovering, since, now),
            Condition::HalfOpen { since, .. } => (Standing::Probing, since, now),
            Condition::Open { since, until } => (Standing::Open, since, until),
        };
        Refusal { standing, because, since: Some(since), until }
    }

    fn publish(&self, breaker: &Breaker, now: Instant) {
        self.generation.store(breaker.generation(), Ordering::Relaxed);
        let in_use = u32::from(breaker.condition(now) == Condition::Closed);
        self.in_use.store(in_use, Ordering::Release);
    }

    fn finish(
        &self,
        permit: &Permit,
        ended: &Ended<'_>,
        measured: Measured,
        now: Instant,
        chance: u64,
    ) -> Effects {
        let at = self.at(now);
        let (ticket, key) = (permit.ticket, permit.key);
        let (sign, mut effects) = match ended {
            Ended::Answered => {
                self.provider.accept(key, self.at(permit.admitted));
                if let Some(pool) = self.pools.get(key) {
                    pool.answer();
                }
                if self.model_until.load(Ordering::Relaxed) != 0 {
                    self.model_until.store(0, Ordering::Relaxed);
                }
                (Sign::Good, Effects::NONE)
            }
            Ended::Cancelled | Ended::Overtaken(_) => (Sign::Neutral, Effects::NONE),
            Ended::Failed(error) => {
                let advice = error.advice();
                let sign = if advice.health == Health::Counts { Sign::Bad } else { Sign::Neutral };
                (sign, Effects { change: Change::Nothing, benched: self.bench(error, key, at) })
            }
        };
        let mut vitals = self.vitals();
        if let Ended::Failed(error) = ended
            && sign == Sign::Bad
        {
            vitals.because = Some(error.kind());
        }
        effects.change = vitals.breaker.record(ticket, sign, now, chance);
        if let Some((Bench::Endpoint, wait)) = &mut effects.benched {
            if effects.change == Change::Nothing {
                effects.change = vitals.breaker.trip(ticket, now, chance);
            }
            if let Change::Opened { until } = effects.change {
                *wait = until.saturating_duration_since(now);
            }
        }
        self.publish(&vitals.breaker, now);
        self.measure(&mut vitals, measured, now, at);
        effects
    }

    fn bench(&self, error: &Error, key: usize, at: u64) -> Option<(Bench, Duration)> {
        let until = |wait: Duration| at.saturating_add(u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX));
        let bench = error.advice().bench;
        let wait = match bench {
            Bench::Nothing => return None,
            Bench::Endpoint => Duration::ZERO,
            Bench::Credential => {
                self.provider.bench(key, at, until(self.policy.key_bench), error.kind());
                self.policy.key_bench
            }
            Bench::QuotaPool => {
                self.pools.get(key)?.cool(error.retry_after(), self.policy.longest_cooldown, at)
            }
            Bench::Model => {
                self.model_until.store(until(self.policy.model_bench), Ordering::Relaxed);
                self.policy.model_bench
            }
        };
        Some((bench, wait))
    }

    #[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "an average of latencies")]
    fn measure(&self, vitals: &mut Vitals, mut measured: Measured, now: Instant, at: u64) {
        let mut any = false;
        // A wait longer than usual says that the target has become slow, and would be missing where only those count who were
        // quick enough. A shorter one says nothing.
        let is_slow = |usual: Option<DecayingMean>, wait: Duration| {
            usual.is_none_or(|usual| wait.as_secs_f64() > usual.value())
        };
        match measured.at_least {
            Some((Clocked::FirstToken, wait)) if is_slow(vitals.first_token, wait) => {
                measured.first_token = Some(wait);
            }
            Some((Clocked::Answer, wait)) if is_slow(vitals.answer, wait) => measured.answer = Some(wait),
            _ => {}
        }
        if let Some(first) = measured.first_token {
            self.begun.store(at.max(1), Ordering::Relaxed);
            vitals.first_tokens.add(first);
            add_peak(&mut vitals.first_token, first.as_secs_f64(), now, &self.first_token);
            any = true;
        }
        if let Some(answer) = measured.answer {
            self.answered.store(at.max(1), Ordering::Relaxed);
            vitals.answers.add(answer);
            add_peak(&mut vitals.answer, answer.as_secs_f64(), now, &self.answer);
            any = true;
        }
        if let Some((time, tokens @ 1..)) = measured.generation {
            let each = time.as_secs_f64() / tokens as f64;
            match &mut vitals.per_token {
                Some(mean) => mean.add(each, now),
                none => *none = Some(DecayingMean::of(each, now)),
            }
            store(&self.per_token, vitals.per_token);
            vitals.thousands.add(Duration::try_from_secs_f64(each * 1_000.0).unwrap_or(Duration::MAX));
            any = true;
        }
        if any {
            self.measured.store(at.max(1), Ordering::Relaxed);
        }
    }

    fn at(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.epoch).as_nanos()).unwrap_or(u64::MAX)
    }

    fn vitals(&self) -> MutexGuard<'_, Vitals> {
        self.vitals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn add_peak(mean: &mut Option<DecayingMean>, sample: f64, now: Instant, shown: &AtomicU64) {
    match mean.as_mut() {
        Some(mean) => mean.add_peak(sample, now),
        None => *mean = Some(DecayingMean::of(sample, now)),
    }
    store(shown, *mean);
}

fn store(shown: &AtomicU64, mean: Option<DecayingMean>) {
    let nanos = mean.and_then(|mean| Duration::try_from_secs_f64(mean.value()).ok()).unwrap_or_default();
    // Nought says that nothing is known.
    shown.store(u64::try_from(nanos.as_nanos()).unwrap_or(u64::MAX).max(1), Ordering::Relaxed);
}

/// A cheap tier is full for minutes rather than seconds, and being asked at the usual price is no failure.
const TIER_BENCH: Duration = Duration::from_secs(30);

/// Which of its times an attempt is measured by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clocked {
    FirstToken,
    Answer,
}

/// Leave to make one attempt at an endpoint. Dropping it without a word releases it and says nothing.
#[derive(Debug)]
pub(crate) struct Permit {
    endpoint: Arc<Endpoint>,
    ticket: Ticket,
    key: usize,
    admitted: Instant,
    /// The first content has come and been measured.
    begun: bool,
    told: Told,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    NotYet,
    Yes,
}

impl Permit {
    pub(crate) fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// Which of the provider's keys to use.
    pub(crate) fn key(&self) -> usize {
        self.key
    }

    /// The provider said what is left of its limits.
    pub(crate) fn note_limits(&self, limits: &RateLimits, now: Instant) {
        if let Some(pool) = self.endpoint.pools.get(self.key) {
            pool.note_limits(limits, self.endpoint.at(now));
        }
    }

    /// The first content of a stream has come after so long. That is what was asked of a probe: the stream may go on for as
    /// long as its reader likes. Whether it ends well is told as of any other attempt.
    pub(crate) fn began(&mut self, first_token: Duration, now: Instant, chance: u64) -> Effects {
        if std::mem::replace(&mut self.begun, true) {
            return Effects::NONE;
        }
        let measured = Measured { first_token: Some(first_token), ..Measured::default() };
        let endpoint = Arc::clone(&self.endpoint);
        if !self.ticket.brings_back() {
            endpoint.measure(&mut endpoint.vitals(), measured, now, endpoint.at(now));
            return Effects::NONE;
        }
        let effects = endpoint.finish(self, &Ended::Answered, measured, now, chance);
        self.ticket = Ticket::ordinary(endpoint.generation.load(Ordering::Relaxed));
        effects
    }

    /// The attempt is over.
    pub(crate) fn finish(
        mut self,
        ended: &Ended<'_>,
        mut measured: Measured,
        now: Instant,
        chance: u64,
    ) -> Effects {
        self.told = Told::Yes;
        if self.begun {
            measured.first_token = None;
        }
        self.endpoint.finish(&self, ended, measured, now, chance)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.endpoint.in_flight.fetch_sub(1, Ordering::Relaxed);
        if self.told == Told::NotYet {
            let mut vitals = self.endpoint.vitals();
            vitals.breaker.record(self.ticket, Sign::Neutral, self.admitted, 0);
            self.endpoint.publish(&vitals.breaker, self.admitted);
        }
    }
}
