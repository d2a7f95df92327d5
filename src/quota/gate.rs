//! May a call pass? Reserves on every limit that applies, waits where that is wanted, books afterwards.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::held::Held;
use super::limit::Measure;
use super::limits::{InDoubt, Limits, UnknownPrice};
use super::notice::{Host, Notice};
use super::queue::{Full, Queue, Rank, Turn};
use super::row::{Line, Lines, Row, Stage};
use super::settlement::Unsettled;
use super::subject::{Demand, Subject};
use super::window::Kind;
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::store::{Claim, Cure, Level, Refusal, Store, Verdict};
use crate::types::{OnLimit, Priority, Target, Usd};

/// The limits of one client at work.
pub struct Gate {
    pub(super) rows: Vec<Row>,
    traits: Traits,
    dimensions: BTreeSet<String>,
    unknown_price: UnknownPrice,
    in_doubt: InDoubt,
    on_limit: OnLimit,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) host: Arc<dyn Host>,
    pub(super) queue: Arc<Queue>,
    arrivals: AtomicU64,
    /// Drawn by chance, not from a seed: no two processes may name their reservations alike.
    name: u64,
    reservations: AtomicU64,
    /// Settlements the store did not take yet.
    pub(super) unsettled: Mutex<VecDeque<Unsettled>>,
    /// How many; read without the lock.
    pub(super) waiting: AtomicUsize,
    /// Somebody is at them.
    pub(super) settling: AtomicBool,
    /// Somebody looks at them from time to time.
    pub(super) watching: AtomicBool,
    /// One reading of both clocks.
    together: Mutex<(Instant, SystemTime)>,
    /// The second of the calendar in which they were compared last.
    compared: AtomicU64,
}

/// What the rows have in common, so that nobody looks through them for it with every call.
#[derive(Clone, Copy, Debug)]
struct Traits {
    /// Some concern the target a call goes to.
    at_target: bool,
    /// Some send calls elsewhere.
    divert: bool,
    /// Some begin again with the calendar.
    calendar: bool,
    /// Some are budgets of whole calls.
    budgets: bool,
}

/// How a call behaves where it has to wait.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// How long it waits at most; zero refuses at once.
    pub most: Duration,
    /// Who goes first.
    pub priority: Priority,
}

impl Patience {
    /// Waits for at most `most`.
    pub const fn new(most: Duration, priority: Priority) -> Self {
        Self { most, priority }
    }
}

/// What to do when only the target has no room.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtTarget {
    /// Another is at hand.
    Move,
    /// Wait as for everything else.
    Wait,
}

/// A call that may not pass.
#[non_exhaustive]
#[derive(Debug)]
pub enum Refused {
    /// The target it would go to has no room; another may have.
    AtTarget(Error),
    /// Wherever it would go.
    Everywhere(Error),
    /// As it is; but the limit sends calls to another route when it gets tight.
    Diverted {
        /// The limit's name.
        limit: Box<str>,
        /// The route.
        route: Box<str>,
    },
}

impl Refused {
    /// Why.
    pub fn into_error(self) -> Error {
        match self {
            Self::AtTarget(error) | Self::Everywhere(error) => error,
            Self::Diverted { limit, route } => Error::new(
                ErrorKind::BudgetExceeded,
                format!("limit {limit:?} has room on the route {route:?} only"),
            )
            .not_sent(),
        }
    }
}

impl Gate {
    /// Puts `limits` to work on `store`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when a limit is negative, too large, contradicts itself or has the name of another.
    pub fn new(
        limits: &Limits,
        store: Arc<dyn Store>,
        clock: Arc<dyn Clock>,
        host: Arc<dyn Host>,
    ) -> Result<Arc<Self>> {
        limits.check()?;
        let rows = limits.limits.iter().map(Row::new).collect::<Result<Vec<_>>>()?;
        let mut dimensions = limits.dimensions.clone();
        dimensions.extend(KNOWN_DIMENSIONS.map(str::to_owned));
        dimensions.extend(rows.iter().filter_map(|row| row.limit.dimension()).map(str::to_owned));
        let together = Mutex::new((clock.now(), clock.wall()));
        let traits = Traits {
            at_target: rows.iter().any(|row| row.stage == Stage::Target),
            divert: rows.iter().any(|row| row.limit.diversion.is_some()),
            calendar: rows.iter().any(|row| matches!(row.limit.window.0, Kind::Calendar(..))),
            budgets: rows.iter().any(Row::is_budget),
        };
        Ok(Arc::new(Self {
            rows,
            traits,
            dimensions,
            unknown_price: limits.unknown_price,
            in_doubt: limits.in_doubt,
            on_limit: limits.on_limit,
            store,
            clock,
            host,
            queue: Arc::new(Queue::new(limits.queue)),
            arrivals: AtomicU64::new(0),
            name: RandomState::new().hash_one(0),
            reservations: AtomicU64::new(0),
            unsettled: Mutex::default(),
            waiting: AtomicUsize::new(0),
            settling: AtomicBool::new(false),
            watching: AtomicBool::new(false),
            together,
            compared: AtomicU64::new(u64::MAX),
        }))
    }

    /// What to do where a price is unknown.
    pub fn unknown_price(&self) -> UnknownPrice {
        self.unknown_price
    }

    /// What to book where the cost will never be known.
    pub fn in_doubt(&self) -> InDoubt {
        self.in_doubt
    }

    /// What a call does that does not say so itself.
    pub fn on_limit(&self) -> OnLimit {
        self.on_limit
    }

    /// Refuses a call that carries a scope nobody knows: it may be one of a limit, misspelt.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`].
    pub fn check_scopes(&self, subject: Subject<'_>) -> Result<()> {
        let Some(unknown) =
            subject.scopes().and_then(|scopes| scopes.keys().find(|name| !self.dimensions.contains(*name)))
        else {
            return Ok(());
        };
        if ["tag", "route", "vendor", "model"].contains(&unknown.as_str()) {
            return Err(Error::new(
                ErrorKind::InvalidRequest,
                "tag, route, vendor and model are no scopes a call can set; the client fills them in",
            ));
        }
        let known: Vec<&str> = self.dimensions.iter().map(String::as_str).collect();
        Err(Error::new(
            ErrorKind::InvalidRequest,
            format!(
                "a scope of the call is unknown; the known ones are {}. Add others with Limits::dimension",
                known.join(", ")
            ),
        ))
    }

    /// Refuses a call at `target` that is too much by itself, or whose cost cannot be bounded though a budget applies.
    ///
    /// # Errors
    /// [`ErrorKind::BudgetExceeded`] or [`ErrorKind::LimitExceeded`].
    pub fn check_request(&self, subject: Subject<'_>, target: &Target, demand: &Demand) -> Result<()> {
        self.rows.iter().try_for_each(|row| row.check_request(subject, target, demand))
    }

    /// What applies to a call of `subject`, wherever it goes.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when a required scope is missing or too long; [`ErrorKind::BudgetExceeded`] or
    /// [`ErrorKind::LimitExceeded`] when `demand` is unknown where it must be known; [`ErrorKind::Configuration`] when the
    /// clock shows no time of a calendar.
    pub fn lines(&self, subject: Subject<'_>, demand: &Demand) -> Result<Lines> {
        self.collect(Stage::Call, subject, None, demand)
    }

    /// What applies to an attempt at `target`, beside that.
    ///
    /// # Errors
    /// As [`lines`](Self::lines).
    pub fn lines_at(&self, subject: Subject<'_>, target: &Target, demand: &Demand) -> Result<Lines> {
        self.collect(Stage::Target, subject, Some(target), demand)
    }

    fn collect(
        &self,
        stage: Stage,
        subject: Subject<'_>,
        target: Option<&Target>,
        demand: &Demand,
    ) -> Result<Lines> {
        if stage == Stage::Target && !self.traits.at_target {
            return Ok(Lines::default());
        }
        let at = self.calendar();
        let mut lines = Lines::with_room(self.rows.len());
        if stage == Stage::Call && self.traits.divert {
            lines.route = subject.route().map(Into::into);
        }
        for (place, row) in self.rows.iter().enumerate().filter(|(_, row)| row.stage == stage) {
            row.add(place, subject, target, demand, at, &mut lines)?;
        }
        Ok(lines)
    }

    /// The limit that is so full that calls of `subject` take another route, and that route; as far as was last seen.
    pub fn diversion(&self, subject: Subject<'_>) -> Option<(&str, &str)> {
        if !self.traits.divert {
            return None;
        }
        let at = self.calendar();
        self.rows.iter().find_map(|row| {
            let (percent, route) = row.limit.diversion.as_ref()?;
            let reached = row.fullest(subject, at).is_some_and(|seen| row.is_reached(seen, *percent));
            (reached && subject.route() != Some(route)).then_some((&*row.name, route.as_str()))
        })
    }

    /// What is neither used nor held of the tightest budget that applies to calls of `subject` wherever they go; as far as
    /// was last seen, which is all there is where nobody else shares the store. `None` when there is no such budget.
    pub fn left(&self, subject: Subject<'_>) -> Option<Usd> {
        if !self.traits.budgets {
            return None;
        }
        let at = self.calendar();
        let budgets = self.rows.iter().filter(|row| row.is_budget());
        let left = budgets.filter_map(|row| Some(row.amount.saturating_sub(row.fullest(subject, at)?))).min();
        left.map(|left| Usd::from_pico(i128::try_from(left).unwrap_or(i128::MAX)))
    }

    /// Holds everything in `lines` for at most `lease`; waits for its turn as long as `patience` allows. Dropping the future
    /// leaves nothing held.
    ///
    /// # Errors
    /// [`Refused`] says whether another target may do; the error is [`ErrorKind::BudgetExceeded`],
    /// [`ErrorKind::LimitExceeded`] (with the time to wait, where it is known), or what is wrong with the store.
    pub async fn take(
        self: &Arc<Self>,
        lease: Duration,
        lines: Lines,
        patience: Patience,
        at_target: AtTarget,
    ) -> std::result::Result<Held, Refused> {
        // Who does not wait has no place in any line.
        let began = (!patience.most.is_zero()).then(|| self.clock.now());
        let rank = began.map(|began| {
            Queue::rank(began, self.arrivals.fetch_add(1, Ordering::Relaxed), patience.priority)
        });
        let left = || {
            let began = began?;
            Some(patience.most.saturating_sub(self.clock.now().saturating_duration_since(began)))
        };
        let mut turn: Option<Turn> = None;
        if let Some(rank) = rank
            && let Some(key) = self.queue.ahead(&lines.claims, rank)
        {
            turn = Some(self.join(&key, rank)?);
        }
        if rank.is_none()
            && let Some(refused) = self.behind(&lines, patience.priority)
        {
            return Err(refused);
        }
        let mut lines = lines;
        loop {
            if let Some(turn) = &turn {
                if !turn.first(self.clock.sleep(left().unwrap_or_default())).await {
                    return Err(Refused::Everywhere(too_long()));
                }
                self.renew(&mut lines).map_err(Refused::Everywhere)?;
            }
            // From here on it may be held, whatever becomes of this future; the drop gives it back.
            let id = self.id();
            let mut held = Held::new(self, id, lines);
            let refusals = match self.store.reserve(id, lease, held.claims()).await {
                Ok(Verdict::Held(levels)) => {
                    held.diversion = self.see_held(held.all(), &levels);
                    self.settle_the_rest();
                    return Ok(held);
                }
                Ok(Verdict::Refused(refusals)) => refusals,
                Err(error) => return Err(Refused::Everywhere(error.not_sent())),
            };
            lines = held.forget();
            if let Some(diverted) = self.divert(&lines, &refusals) {
                return Err(diverted);
            }
            let Refusing { refused, key, wait } = self.refuse(&lines, &refusals);
            let (Some(rank), Some(left), Some(wait)) = (rank, left(), wait) else { return Err(refused) };
            let moves = at_target == AtTarget::Move && matches!(refused, Refused::AtTarget(_));
            if moves || left.is_zero() || wait > left {
                return Err(refused);
            }
            if turn.as_ref().is_none_or(|turn| !turn.is_for(&key)) {
                turn = Some(self.join(&key, rank)?);
            }
            if let Some(turn) = &turn {
                turn.pause(self.clock.sleep(wait)).await;
            }
        }
    }

    /// Another window of the calendar may have begun while a call waited: it is the one that counts.
    fn renew(&self, lines: &mut Lines) -> Result<()> {
        if !self.traits.calendar {
            return Ok(());
        }
        let at = self.calendar();
        for (line, claim) in lines.lines.iter_mut().zip(&mut lines.claims) {
            if let Some(row) = self.rows.get(line.row)
                && line.span.is_some_and(|span| !span.contains(at))
            {
                (line.counter, line.span) = row.counter(&line.counter.value, at)?;
                *claim = Claim::new(Arc::clone(&line.counter.meter), claim.amount);
            }
        }
        Ok(())
    }

    /// Who does not wait does not go past those who do either: they might wait for ever.
    fn behind(&self, lines: &Lines, priority: Priority) -> Option<Refused> {
        if self.queue.is_empty() {
            return None;
        }
        let rank = Queue::rank(self.clock.now(), self.arrivals.fetch_add(1, Ordering::Relaxed), priority);
        let key = self.queue.ahead(&lines.claims, rank)?;
        let line = lines.lines.iter().find(|line| line.counter.meter.key() == &*key)?;
        let row = self.rows.get(line.row)?;
        if let Some((_, route)) = row.elsewhere(lines) {
            return Some(Refused::Diverted { limit: row.name.clone(), route: route.into() });
        }
        let error = row.error("others wait for it and go first".to_owned());
        Some(match line.of {
            Stage::Call => Refused::Everywhere(error),
            Stage::Target => Refused::AtTarget(error),
        })
    }

    fn id(&self) -> u128 {
        (u128::from(self.name) << 64) | u128::from(self.reservations.fetch_add(1, Ordering::Relaxed))
    }

    fn join(&self, key: &str, rank: Rank) -> std::result::Result<Turn, Refused> {
        self.queue.join(key, rank).map_err(|_: Full| {
            let message = "too many calls wait for their turn already; raise Limits::queue, or ask less";
            Refused::Everywhere(Error::new(ErrorKind::LimitExceeded, message).not_sent())
        })
    }

    /// A limit that is too full for the call as it is may have room for it on another route.
    fn divert(&self, lines: &Lines, refusals: &[Refusal]) -> Option<Refused> {
        refusals.iter().find_map(|refusal| {
            let row = self.rows.get(lines.lines.get(refusal.claim)?.row)?;
            let (_, route) = row.elsewhere(lines)?;
            Some(Refused::Diverted { limit: row.name.clone(), route: route.into() })
        })
    }

    /// Why, and what would help.
    fn refuse(&self, lines: &Lines, refusals: &[Refusal]) -> Refusing {
        let at = self.clock.wall();
        let mut worst: Option<(Need, &Refusal, &Line)> = None;
        let mut everywhere = false;
        for refusal in refusals {
            let Some(line) = lines.lines.get(refusal.claim) else { continue };
            everywhere |= line.of == Stage::Call;
            let need = match (refusal.cure, line.span) {
                (Cure::After(wait), _) => Need::Time(wait),
                (Cure::Settlement, _) => Need::Settlement,
                (Cure::Never, Some(span)) if self.fits_alone(line, lines, refusal) => {
                    Need::Time(span.left(at))
                }
                (Cure::Never, _) => Need::Nothing,
            };
            if worst.is_none_or(|(known, ..)| need > known) {
                worst = Some((need, refusal, line));
            }
        }
        let Some((need, refusal, line)) = worst else {
            let error = Error::new(ErrorKind::Internal, "a store refused without a reason");
            return Refusing { refused: Refused::Everywhere(error), key: "".into(), wait: None };
        };
        let asked = lines.claims.get(refusal.claim).map_or(0, |claim| claim.amount);
        let error = match self.rows.get(line.row) {
            Some(row) => row.reached(refusal.level, asked),
            None => Error::new(ErrorKind::Internal, "a limit vanished"),
        };
        let (error, wait) = match need {
            Need::Settlement => (error, Some(LOOK_AGAIN)),
            Need::Time(wait) => (error.with_retry_after(wait), Some(wait)),
            Need::Nothing => (error, None),
        };
        let refused = if everywhere { Refused::Everywhere(error) } else { Refused::AtTarget(error) };
        Refusing { refused, key: line.counter.meter.key().into(), wait }
    }

    /// Would it fit if nothing else were used?
    fn fits_alone(&self, line: &Line, lines: &Lines, refusal: &Refusal) -> bool {
        let asked = lines.claims.get(refusal.claim).map_or(0, |claim| claim.amount);
        self.rows.get(line.row).is_some_and(|row| asked <= row.amount)
    }

    /// Notes how full the meters are; returns the place of a limit that sends calls elsewhere.
    fn see_held(&self, lines: &Lines, levels: &[Level]) -> Option<usize> {
        let mut diversion = None;
        for ((line, claim), level) in lines.lines.iter().zip(&lines.claims).zip(levels) {
            let Some(row) = self.rows.get(line.row) else { continue };
            let (after, before) = (level.total(), level.total().saturating_sub(claim.amount));
            row.see(&line.counter, after);
            // What runs at the same time, and what is missing from a bucket, is never settled upwards.
            if row.limit.measure == Measure::Parallel || matches!(row.limit.window.0, Kind::Refill(_)) {
                self.warn(row, line, before, after);
            }
            if row.elsewhere(lines).is_some_and(|(percent, _)| row.is_reached(before, percent)) {
                diversion.get_or_insert(line.row);
            }
        }
        diversion
    }

    /// Says which percentages were passed just now. The store counts one call after the other, so only one passes each.
    pub(super) fn warn(&self, row: &Row, line: &Line, before: u128, after: u128) {
        for percent in &row.warnings {
            let reached = |amount: u128| row.is_reached(amount, *percent) && amount > 0;
            if reached(after) && !reached(before) {
                self.host.notice(Notice::Reached {
                    limit: &row.name,
                    value: &line.counter.value,
                    percent: *percent,
                });
            }
        }
    }

    /// The name of the limit in this place, and the route it sends calls to.
    pub(super) fn diverts(&self, row: usize) -> Option<(&str, &str)> {
        let row = self.rows.get(row)?;
        Some((&row.name, &row.limit.diversion.as_ref()?.1))
    }

    /// Whom it tells.
    pub fn host(&self) -> &dyn Host {
        &*self.host
    }

    /// The calendar, which is watched for jumps; any time where no limit cares for it.
    fn calendar(&self) -> SystemTime {
        if !self.traits.calendar {
            return SystemTime::UNIX_EPOCH;
        }
        let wall = self.clock.wall();
        let second = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        // Within a second it has not jumped.
        if self.compared.load(Ordering::Relaxed) == second {
            return wall;
        }
        self.compared.store(second, Ordering::Relaxed);
        let now = self.clock.now();
        let jumped = {
            let mut together = self.together.lock().unwrap_or_else(PoisonError::into_inner);
            let passed = now.saturating_duration_since(together.0);
            let expected = together.1.checked_add(passed).unwrap_or(together.1);
            let off = wall.duration_since(expected).unwrap_or_else(|earlier| earlier.duration());
            // Clocks that are set right little by little drift apart; that is no jump.
            if off > JUMP || passed > JUMP {
                *together = (now, wall);
            }
            off > JUMP
        };
        if jumped {
            self.host.notice(Notice::ClockJumped);
        }
        wall
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.rows.iter().map(|row| &*row.name).collect();
        f.debug_struct("Gate").field("limits", &names).field("store", &self.store).finish_non_exhaustive()
    }
}

struct Refusing {
    refused: Refused,
    /// The meter to wait for.
    key: Box<str>,
    /// How long; `None` when nothing helps.
    wait: Option<Duration>,
}

/// What a refused claim needs, the easiest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    Settlement,
    Time(Duration),
    Nothing,
}

fn too_long() -> Error {
    let message = "others wait for the same limit and the call's turn did not come in time";
    Error::new(ErrorKind::LimitExceeded, message).not_sent()
}

/// Scopes that calls may carry without a limit that looks at them.
const KNOWN_DIMENSIONS: [&str; 4] = ["key", "user", "team", "project"];

/// Other processes do not say when they give something back.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// By how much the calendar may be set before it counts as a jump.
const JUMP: Duration = Duration::from_secs(60);
