//! When to leave an endpoint alone, and how to find out that it has recovered. Time and chance are arguments.

use std::time::{Duration, Instant};

/// When an endpoint is taken out of use and how it comes back.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerPolicy {
    /// It is taken out after this many failures without a success in between. Default 5.
    pub consecutive: u32,
    /// It is taken out when less than this share of its answers succeeded, in percent. Default 80.
    pub least_success_percent: u32,
    /// The share is that of so much time. Default 30 s.
    pub window: Duration,
    /// The share says nothing while there are fewer answers than this. Default 20.
    pub least_requests: u32,
    /// About how long it is left alone the first time; half of it is drawn by chance. Doubles each time. Default 5 s.
    pub open_base: Duration,
    /// It is never left alone for longer. Default 300 s.
    pub open_cap: Duration,
    /// How long its share of the calls takes to grow from a tenth to all of them after it came back. Default 30 s.
    pub slow_start: Duration,
}

impl Default for BreakerPolicy {
    fn default() -> Self {
        Self {
            consecutive: 5,
            least_success_percent: 80,
            window: Duration::from_secs(30),
            least_requests: 20,
            open_base: Duration::from_secs(5),
            open_cap: Duration::from_secs(300),
            slow_start: Duration::from_secs(30),
        }
    }
}

/// One endpoint's breaker: closed (in use), open (left alone) or half open (one probe decides).
#[derive(Debug)]
pub(crate) struct Breaker {
    policy: BreakerPolicy,
    state: State,
    /// Failures without a success in between.
    consecutive: u32,
    window: Window,
    /// How often it opened without a whole slow start in between.
    openings: u32,
    /// Counts the changes of state, so that what began before one says nothing after it.
    generation: u32,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Closed { back_since: Option<Instant> },
    Open { since: Instant, until: Instant },
    HalfOpen { since: Instant, probed: Instant },
}

/// Leave to make one attempt. What becomes of the attempt is told with it, exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ticket {
    kind: TicketKind,
    generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TicketKind {
    Ordinary,
    Probe,
    /// Nobody better was left.
    Forced,
}

impl Ticket {
    /// An ordinary ticket of this generation.
    pub(crate) fn ordinary(generation: u32) -> Self {
        Self { kind: TicketKind::Ordinary, generation }
    }

    /// Does its success put an endpoint back into use that was out of it?
    pub(crate) fn brings_back(self) -> bool {
        self.kind != TicketKind::Ordinary
    }

    #[cfg(test)]
    pub(crate) fn is_probe(self) -> bool {
        self.kind == TicketKind::Probe
    }
}

/// How an attempt went, as far as the endpoint's health is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Good,
    Bad,
    /// It says nothing: the caller's fault, too many requests, cancelled.
    Neutral,
}

/// What a breaker says of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Closed,
    /// Back, with part of the calls.
    SlowStart {
        since: Instant,
    },
    Open {
        since: Instant,
        until: Instant,
    },
    /// The next one to ask makes the probe, or one is running already.
    HalfOpen {
        since: Instant,
        probing: Probing,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Probing {
    Yes,
    NotYet,
}

/// What a sign changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Nothing,
    Opened { until: Instant },
    Closed,
}

impl Breaker {
    /// A closed breaker.
    pub(crate) fn new(policy: BreakerPolicy, now: Instant) -> Self {
        Self {
            policy,
            state: State::Closed { back_since: None },
            consecutive: 0,
            window: Window::new(policy.window, now),
            openings: 0,
            generation: 0,
        }
    }

    pub(crate) fn generation(&self) -> u32 {
        self.generation
    }

    pub(crate) fn consecutive(&self) -> u32 {
        self.consecutive
    }

    /// Successes and failures of the window.
    pub(crate) fn counts(&self, now: Instant) -> (u32, u32) {
        self.window.counts(now)
    }

    pub(crate) fn condition(&self, now: Instant) -> Condition {
        match self.state {
            State::Closed { back_since: Some(since) }
                if now.saturating_duration_since(since) < self.policy.slow_start =>
            {
                Condition::SlowStart { since }
            }
            State::Closed { .. } => Condition::Closed,
            State::Open { since, until } if now < until => Condition::Open { since, until },
            State::Open { since, .. } => Condition::HalfOpen { since, probing: Probing::NotYet },
            State::HalfOpen { since, probed } if now.saturating_duration_since(probed) < PROBE_LEASE => {
                Condition::HalfOpen { since, probing: Probing::Yes }
            }
            State::HalfOpen { since, .. } => Condition::HalfOpen { since, probing: Probing::NotYet },
        }
    }

    /// Leave to make an attempt, or the condition that forbids it. `chance` is uniform in the range of a `u64`.
    pub(crate) fn admit(&mut self, now: Instant, chance: u64) -> Result<Ticket, Condition> {
        let condition = self.condition(now);
        let kind = match condition {
            Condition::Closed => TicketKind::Ordinary,
            Condition::SlowStart { since } => {
                if !self.is_in_share(now.saturating_duration_since(since), chance) {
                    return Err(condition);
                }
                TicketKind::Ordinary
            }
            Condition::HalfOpen { since, probing: Probing::NotYet } => {
                self.state = State::HalfOpen { since, probed: now };
                self.generation = self.generation.wrapping_add(1);
                TicketKind::Probe
            }
            Condition::HalfOpen { probing: Probing::Yes, .. } | Condition::Open { .. } => {
                return Err(condition);
            }
        };
        Ok(Ticket { kind, generation: self.generation })
    }

    /// Leave without asking, when there is nobody better. Where it is not out of use, such as in its slow start, that is an
    /// attempt like any other.
    pub(crate) fn force(&self) -> Ticket {
        let kind = match self.state {
            State::Closed { .. } => TicketKind::Ordinary,
            State::Open { .. } | State::HalfOpen { .. } => TicketKind::Forced,
        };
        Ticket { kind, generation: self.generation }
    }

    /// An attempt with `ticket` is over.
    pub(crate) fn record(&mut self, ticket: Ticket, sign: Sign, now: Instant, chance: u64) -> Change {
        match (ticket.kind, self.state, sign) {
            // Whatever the others say, the probe decides; its place is free again when it decides nothing.
            (TicketKind::Probe, State::HalfOpen { since, .. }, _) if ticket.generation == self.generation => {
                match sign {
                    Sign::Good => self.close(now),
                    Sign::Bad => self.open(now, since, chance),
                    Sign::Neutral => {
                        self.state = State::Open { since, until: now };
                        Change::Nothing
                    }
                }
            }
            (TicketKind::Forced, State::Open { .. } | State::HalfOpen { .. }, Sign::Good) => self.close(now),
            (_, State::Closed { back_since }, Sign::Good) if ticket.generation == self.generation => {
                self.consecutive = 0;
                self.window.add(now, sign);
                if back_since
                    .is_some_and(|since| now.saturating_duration_since(since) >= self.policy.slow_start)
                {
                    self.state = State::Closed { back_since: None };
                    self.openings = 0;
                }
                Change::Nothing
            }
            (_, State::Closed { .. }, Sign::Bad) if ticket.generation == self.generation => {
                self.consecutive = self.consecutive.saturating_add(1);
                self.window.add(now, sign);
                if self.is_failing(now) { self.open(now, now, chance) } else { Change::Nothing }
            }
            _ => Change::Nothing,
        }
    }

    /// Opens at once, whatever the counts say; what began before the last change of state says nothing.
    pub(crate) fn trip(&mut self, ticket: Ticket, now: Instant, chance: u64) -> Change {
        match self.state {
            _ if ticket.generation != self.generation => Change::Nothing,
            State::Closed { .. } => self.open(now, now, chance),
            State::HalfOpen { since, .. } => self.open(now, since, chance),
            State::Open { .. } => Change::Nothing,
        }
    }

    fn is_failing(&self, now: Instant) -> bool {
        if self.consecutive >= self.policy.consecutive {
            return true;
        }
        let (good, bad) = self.window.counts(now);
        let all = u64::from(good) + u64::from(bad);
        all >= u64::from(self.policy.least_requests)
            && u64::from(good) * 100 < all * u64::from(self.policy.least_success_percent)
    }

    fn open(&mut self, now: Instant, since: Instant, chance: u64) -> Change {
        let factor = 1_u32.checked_shl(self.openings).unwrap_or(u32::MAX);
        let longest = self.policy.open_base.saturating_mul(factor).min(self.policy.open_cap);
        let half = longest / 2;
        let length = half.saturating_add(draw(longest.saturating_sub(half), chance));
        let until = now.checked_add(length).unwrap_or_else(|| now + FOREVER);
        self.openings = self.openings.saturating_add(1).min(31);
        self.state = State::Open { since, until };
        self.reset(now);
        Change::Opened { until }
    }

    fn close(&mut self, now: Instant) -> Change {
        self.state = State::Closed { back_since: Some(now) };
        self.reset(now);
        Change::Closed
    }

    fn reset(&mut self, now: Instant) {
        self.consecutive = 0;
        self.window = Window::new(self.policy.window, now);
        self.generation = self.generation.wrapping_add(1);
    }

    /// Is a call with this `chance` among those that an endpoint gets so long after it came back?
    fn is_in_share(&self, back_for: Duration, chance: u64) -> bool {
        let whole = self.policy.slow_start.as_nanos().max(1);
        let done = back_for.as_nanos().min(whole);
        // From a tenth to all, in thousandths.
        let share = 100 + 900 * done / whole;
        ((u128::from(chance) * 1000) >> 64) < share
    }
}

/// Uniform in `[0, ceiling)`.
fn draw(ceiling: Duration, chance: u64) -> Duration {
    let nanos = (u128::from(chance) * ceiling.as_nanos()) >> 64;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// Successes and failures of the latest time, in slots of a tenth of it.
#[derive(Debug)]
struct Window {
    slot: Duration,
    start: Instant,
    slots: [Slot; SLOTS],
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    number: u128,
    good: u32,
    bad: u32,
}

impl Window {
    fn new(length: Duration, start: Instant) -> Self {
        let tenth = length / u32::try_from(SLOTS).unwrap_or(1);
        Self { slot: tenth.max(Duration::from_nanos(1)), start, slots: [Slot::default(); SLOTS] }
    }

    fn number(&self, now: Instant) -> u128 {
        now.saturating_duration_since(self.start).as_nanos() / self.slot.as_nanos()
    }

    fn add(&mut self, now: Instant, sign: Sign) {
        let number = self.number(now);
        let place = usize::try_from(number % SLOTS as u128).unwrap_or(0);
        let Some(slot) = self.slots.get_mut(place) else { return };
        if slot.number != number {
            *slot = Slot { number, ..Slot::default() };
        }
        match sign {
            Sign::Good => slot.good = slot.good.saturating_add(1),
            Sign::Bad => slot.bad = slot.bad.saturating_add(1),
            Sign::Neutral => {}
        }
    }

    fn counts(&self, now: Instant) -> (u32, u32) {
        let oldest = (self.number(now) + 1).saturating_sub(SLOTS as u128);
        let recent = self.slots.iter().filter(|slot| slot.number >= oldest);
        recent.fold((0, 0), |(good, bad), slot| (good + slot.good, bad + slot.bad))
    }
}

const SLOTS: usize = 10;

/// A probe that nobody polls never ends; the place is another one's after the longest time that an attempt is given by
/// default, and what becomes of the first says nothing any more.
const PROBE_LEASE: Duration = Duration::from_secs(600);

/// A century; what a policy says may be more than a clock can tell.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 86_400);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    const SECOND: Duration = Duration::from_secs(1);

    /// A breaker and what time it is.
    struct Bench {
        breaker: Breaker,
        now: Instant,
    }

    impl Bench {
        fn new() -> Self {
            let now = SystemClock::new().now();
            Self { breaker: Breaker::new(BreakerPolicy::default(), now), now }
        }

        fn attempt(&mut self, sign: Sign) -> Option<Change> {
            let ticket = self.breaker.admit(self.now, 0).ok()?;
            Some(self.breaker.record(ticket, sign, self.now, 0))
        }

        fn fail_until_open(&mut self) -> u32 {
            let mut failures = 1;
            while self.attempt(Sign::Bad) == Some(Change::Nothing) {
                failures += 1;
            }
            failures
        }
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_a_success_between_them_begins_the_count_anew() {
        let mut bench = Bench::new();

        for _ in 0..10 {
            for sign in [Sign::Bad, Sign::Bad, Sign::Bad, Sign::Bad, Sign::Neutral] {
                assert_eq!(bench.attempt(sign), Some(Change::Nothing));
            }
            for _ in 0..20 {
                assert_eq!(bench.attempt(Sign::Good), Some(Change::Nothing));
            }
            bench.now += 40 * SECOND;
        }
        assert_eq!(bench.fail_until_open(), 5);
        assert_eq!(bench.attempt(Sign::Good), None);
    }

    #[test]
    fn less_than_four_of_five_open_it_once_there_are_twenty_within_the_window() {
        for (good, bad, opens) in [(14, 5, false), (15, 5, true), (16, 4, false), (80, 20, false)] {
            let mut bench = Bench::new();
            for _ in 0..good {
                bench.attempt(Sign::Good);
            }
            // Four in a row are never five.
            let mut changes = Vec::new();
            for number in 0..bad {
                changes.push(bench.attempt(Sign::Bad));
                if number % 4 == 3 {
                    bench.breaker.consecutive = 0;
                }
            }
            assert_eq!(
                changes.iter().any(|change| matches!(change, Some(Change::Opened { .. }))),
                opens,
                "{good} good, {bad} bad"
            );
        }
        let mut old = Bench::new();
        for _ in 0..4 {
            old.attempt(Sign::Bad);
        }
        old.now += 31 * SECOND;
        for _ in 0..16 {
            old.attempt(Sign::Good);
        }
        for _ in 0..3 {
            assert_eq!(old.attempt(Sign::Bad), Some(Change::Nothing), "the old ones are forgotten");
        }
        assert_eq!(old.breaker.counts(old.now), (16, 3));
    }

    #[test]
    fn it_is_left_alone_twice_as_long_each_time_up_to_the_cap() {
        let mut bench = Bench::new();
        bench.fail_until_open();
        let mut lengths = Vec::new();
        for _ in 0..9 {
            let Condition::Open { until, .. } = bench.breaker.condition(bench.now) else { panic!("open") };
            lengths.push((until - bench.now).as_millis());
            bench.now = until;
            bench.attempt(Sign::Bad);
        }
        // Chance is nought: the half that is certain.
        assert_eq!(lengths, [2_500, 5_000, 10_000, 20_000, 40_000, 80_000, 150_000, 150_000, 150_000]);

        let mut other = Bench::new();
        for _ in 0..5 {
            let ticket = other.breaker.admit(other.now, 0).unwrap();
            other.breaker.record(ticket, Sign::Bad, other.now, u64::MAX);
        }
        let Condition::Open { until, .. } = other.breaker.condition(other.now) else { panic!("open") };
        assert!(until - other.now > SECOND * 49 / 10 && until - other.now <= SECOND * 5);
    }

    #[test]
    fn it_comes_back_slowly_and_a_whole_slow_start_forgets_the_past() {
        let mut bench = Bench::new();
        bench.fail_until_open();
        bench.now += 6 * SECOND;
        assert_eq!(bench.attempt(Sign::Good), Some(Change::Closed));

        let share = |bench: &mut Bench| {
            let chances = (0..1000_u64).map(|step| step * (u64::MAX / 1000));
            chances.filter(|chance| bench.breaker.admit(bench.now, *chance).is_ok()).count()
        };
        assert_eq!(share(&mut bench) / 10, 10);
        bench.now += 15 * SECOND;
        assert_eq!(share(&mut bench) / 10, 55);
        bench.now += 15 * SECOND;
        assert_eq!(share(&mut bench), 1000);
        bench.attempt(Sign::Good);
        bench.fail_until_open();
        let Condition::Open { until, .. } = bench.breaker.condition(bench.now) else { panic!("open") };
        assert_eq!(until - bench.now, SECOND * 5 / 2, "as the first time");
    }

    #[test]
    fn what_began_before_it_opened_says_nothing_afterwards() {
        let mut bench = Bench::new();
        let early: Vec<Ticket> = (0..100).map(|_| bench.breaker.admit(bench.now, 0).unwrap()).collect();
        bench.fail_until_open();
        let open = bench.breaker.condition(bench.now);

        for (number, ticket) in early.iter().enumerate() {
            let sign = if number % 2 == 0 { Sign::Good } else { Sign::Bad };
            assert_eq!(bench.breaker.record(*ticket, sign, bench.now, 0), Change::Nothing);
        }

        assert_eq!(bench.breaker.condition(bench.now), open);
    }

    #[test]
    fn what_began_before_a_probe_does_not_take_its_place_from_it() {
        let mut bench = Bench::new();
        let early = bench.breaker.admit(bench.now, 0).unwrap();
        bench.fail_until_open();
        bench.now += 6 * SECOND;
        let probe = bench.breaker.admit(bench.now, 0).unwrap();
        assert!(probe.is_probe());

        assert_eq!(bench.breaker.trip(early, bench.now, 0), Change::Nothing);

        bench.now += 20 * SECOND;
        assert!(bench.breaker.admit(bench.now, 0).is_err(), "the probe is still running");
        assert!(matches!(bench.breaker.trip(probe, bench.now, 0), Change::Opened { .. }));
    }

    #[test]
    fn a_probe_that_never_ends_gives_its_place_to_one_other_after_a_while() {
        for late in [Sign::Good, Sign::Bad, Sign::Neutral] {
            let mut bench = Bench::new();
            bench.fail_until_open();
            bench.now += 300 * SECOND;
            let forgotten = bench.breaker.admit(bench.now, 0).unwrap();
            bench.now += PROBE_LEASE - SECOND;
            assert!(bench.breaker.admit(bench.now, 0).is_err(), "it may still be running");

            bench.now += SECOND;
            let second = bench.breaker.admit(bench.now, 0).unwrap();

            assert!(forgotten.is_probe() && second.is_probe());
            assert!(bench.breaker.admit(bench.now, 0).is_err(), "one at a time");
            assert_eq!(bench.breaker.record(forgotten, late, bench.now, 0), Change::Nothing, "{late:?}");
            assert!(bench.breaker.admit(bench.now, 0).is_err(), "the second one runs: {late:?}");
            assert_eq!(bench.breaker.record(second, Sign::Good, bench.now, 0), Change::Closed);
        }
    }

    #[test]
    fn a_breaker_that_is_to_stay_open_for_ever_does() {
        let now = SystemClock::new().now();
        let longest = Duration::MAX;
        let policy = BreakerPolicy { open_base: longest, open_cap: longest, ..BreakerPolicy::default() };
        let mut bench = Bench { breaker: Breaker::new(policy, now), now };
        bench.fail_until_open();
        bench.now += 365 * 86_400 * SECOND;
        assert_eq!(bench.attempt(Sign::Good), None);
    }

    #[test]
    fn a_forced_attempt_that_succeeds_closes_it_and_one_that_fails_changes_nothing() {
        let mut bench = Bench::new();
        bench.fail_until_open();
        let open = bench.breaker.condition(bench.now);

        let ticket = bench.breaker.force();
        assert_eq!(bench.breaker.record(ticket, Sign::Bad, bench.now, 0), Change::Nothing);
        assert_eq!(bench.breaker.condition(bench.now), open);
        let ticket = bench.breaker.force();
        assert_eq!(bench.breaker.record(ticket, Sign::Good, bench.now, 0), Change::Closed);
    }

    #[test]
    fn what_is_forced_while_it_comes_back_counts_like_anything_else() {
        let mut bench = Bench::new();
        bench.fail_until_open();
        let ticket = bench.breaker.force();
        assert_eq!(bench.breaker.record(ticket, Sign::Good, bench.now, 0), Change::Closed);
        assert!(matches!(bench.breaker.condition(bench.now), Condition::SlowStart { .. }));

        let ticket = bench.breaker.force();
        assert!(!ticket.brings_back());
        for _ in 0..4 {
            let ticket = bench.breaker.force();
            assert_eq!(bench.breaker.record(ticket, Sign::Bad, bench.now, 0), Change::Nothing);
        }
        assert!(matches!(bench.breaker.record(ticket, Sign::Bad, bench.now, 0), Change::Opened { .. }));
    }

    /// Every order in which three callers can ask, and tell what became of it, while it is half open: whoever asks first
    /// probes, nobody else does until the probe is over, and a probe that says nothing frees its place.
    #[test]
    fn there_is_one_probe_in_every_order_of_three_callers() {
        let mut orders = 0;
        for signs in signs() {
            explore(&mut Vec::new(), &mut |order: &[usize]| {
                orders += 1;
                play(order, signs);
            });
        }
        assert_eq!(orders, 27 * 90);
    }

    fn signs() -> Vec<[Sign; 3]> {
        let all = [Sign::Good, Sign::Bad, Sign::Neutral];
        let mut found = Vec::new();
        for one in all {
            for two in all {
                found.extend(all.map(|three| [one, two, three]));
            }
        }
        found
    }

    /// Every interleaving of three callers with two steps each.
    fn explore(order: &mut Vec<usize>, visit: &mut impl FnMut(&[usize])) {
        if order.len() == 6 {
            return visit(order);
        }
        for caller in 0..3 {
            if order.iter().filter(|earlier| **earlier == caller).count() < 2 {
                order.push(caller);
                explore(order, visit);
                order.pop();
            }
        }
    }

    fn play(order: &[usize], signs: [Sign; 3]) {
        let mut bench = Bench::new();
        bench.fail_until_open();
        bench.now += 6 * SECOND;
        let mut tickets: [Option<Option<Ticket>>; 3] = [None; 3];
        for caller in order {
            match tickets[*caller] {
                None => {
                    tickets[*caller] = Some(bench.breaker.admit(bench.now, 0).ok());
                    let running = tickets.iter().flatten().flatten().filter(|ticket| ticket.is_probe());
                    assert!(running.count() <= 1, "{order:?} {signs:?}: two probes at once");
                }
                Some(ticket) => {
                    let before = bench.breaker.condition(bench.now);
                    if let Some(ticket) = ticket {
                        bench.breaker.record(ticket, signs[*caller], bench.now, 0);
                        if ticket.is_probe() {
                            let after = bench.breaker.condition(bench.now);
                            assert!(!matches!(after, Condition::HalfOpen { probing: Probing::Yes, .. }));
                            assert_ne!(before, after, "{order:?}: the probe decides");
                        }
                    }
                    // Told; it holds nothing any more.
                    tickets[*caller] = Some(None);
                }
            }
        }
    }
}
