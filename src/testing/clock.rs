//! Time that passes only when it is told to.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant, SystemTime};

use crate::clock::{Clock, Sleep, SystemClock};

/// A [`Clock`] for tests. Clones share one time.
///
/// A [manual](Self::manual) clock stands still until [`advance`](Self::advance) is called. An
/// [automatic](Self::automatic) one jumps to the earliest pending timer as soon as somebody waits for it, so a schedule
/// of retries that would take minutes runs in microseconds; use it only where nothing but timers is waited for, because
/// it does not know of bytes that are still on their way.
///
/// Timers fire in the order of their deadlines, and in the order of their creation where deadlines are equal; on a
/// runtime with one thread always, on others as far as its threads keep step.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use polyroute::clock::Clock as _;
/// use polyroute::testing::VirtualClock;
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
/// clock.sleep(Duration::from_secs(3_600)).await;
/// assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + Duration::from_secs(3_600));
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct VirtualClock {
    state: Arc<Mutex<State>>,
}

struct State {
    start: Instant,
    wall: SystemTime,
    elapsed: Duration,
    pace: Pace,
    timers: BTreeMap<TimerId, Option<Waker>>,
    created: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Pace {
    Manual,
    Automatic,
}

/// Deadline, then order of creation.
type TimerId = (Duration, u64);

impl VirtualClock {
    /// A clock that reads `wall` and stands still.
    pub fn manual(wall: SystemTime) -> Self {
        Self::new(wall, Pace::Manual)
    }

    /// A clock that reads `wall` and jumps to the earliest timer somebody waits for.
    pub fn automatic(wall: SystemTime) -> Self {
        Self::new(wall, Pace::Automatic)
    }

    fn new(wall: SystemTime, pace: Pace) -> Self {
        let start = SystemClock::new().now();
        let timers = BTreeMap::new();
        let state = State { start, wall, elapsed: Duration::ZERO, pace, timers, created: 0 };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// Moves time forward and wakes the timers that are then due, earliest first.
    pub fn advance(&self, duration: Duration) {
        let due = {
            let mut state = self.lock();
            state.elapsed = state.elapsed.saturating_add(duration);
            state.wake_due()
        };
        due.into_iter().for_each(Waker::wake);
    }

    /// Moves time to the earliest pending timer and wakes it. Returns how far that was; `None` without timers.
    pub fn advance_to_next(&self) -> Option<Duration> {
        let step = {
            let state = self.lock();
            // One that has woken its task and was not looked at since is no longer waited for.
            let (deadline, _) = state.timers.iter().find(|(_, waker)| waker.is_some())?.0;
            deadline.saturating_sub(state.elapsed)
        };
        self.advance(step);
        Some(step)
    }

    /// Sets the calendar without touching timers; it runs on from there.
    pub fn set_wall(&self, wall: SystemTime) {
        let mut state = self.lock();
        state.wall = wall.checked_sub(state.elapsed).unwrap_or(wall);
    }

    /// How much time has passed since the clock was made.
    pub fn elapsed(&self) -> Duration {
        self.lock().elapsed
    }

    /// How many sleeps somebody waits for.
    pub fn pending(&self) -> usize {
        self.lock().timers.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for VirtualClock {
    fn now(&self) -> Instant {
        let state = self.lock();
        state.start.checked_add(state.elapsed).unwrap_or(state.start)
    }

    fn wall(&self) -> SystemTime {
        let state = self.lock();
        state.wall.checked_add(state.elapsed).unwrap_or(state.wall)
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let mut state = self.lock();
        let id = (state.elapsed.saturating_add(duration), state.created);
        state.created += 1;
        drop(state);
        Box::pin(Timer { clock: self.clone(), id, earliest: None, polls: 0 })
    }
}

impl fmt::Debug for VirtualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        write!(f, "VirtualClock(at {:?}, {} timers)", state.elapsed, state.timers.len())
    }
}

impl State {
    fn wake_due(&mut self) -> Vec<Waker> {
        let elapsed = self.elapsed;
        self.timers
            .iter_mut()
            .take_while(|((due, _), _)| *due <= elapsed)
            .filter_map(|(_, own)| own.take())
            .collect()
    }
}

struct Timer {
    clock: VirtualClock,
    id: TimerId,
    /// The earliest timer when this one was last polled, and how often it has been the same.
    earliest: Option<TimerId>,
    polls: u8,
}

impl Future for Timer {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut state = this.clock.lock();
        if state.elapsed >= this.id.0 {
            state.timers.remove(&this.id);
            return Poll::Ready(());
        }
        state.timers.insert(this.id, Some(context.waker().clone()));
        if state.pace == Pace::Manual {
            return Poll::Pending;
        }
        let earliest = state.timers.keys().next().copied();
        this.polls = if this.earliest == earliest { this.polls.saturating_add(1) } else { 0 };
        this.earliest = earliest;
        if earliest == Some(this.id) && this.polls >= SETTLING_POLLS {
            state.elapsed = this.id.0;
            state.timers.remove(&this.id);
            return Poll::Ready(());
        }
        if this.polls >= FORGOTTEN_POLLS {
            // Still alive, but nobody polls it: a deadline that is looked at again later must not stop time.
            state.timers.pop_first();
            this.polls = 0;
        }
        drop(state);
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.clock.lock().timers.remove(&self.id);
    }
}

/// An automatic timer first lets everything else that is being polled create its own timers: in a race between an answer
/// after one second and a timeout after thirty, whichever is polled first must not win.
const SETTLING_POLLS: u8 = 3;

/// After this many polls of the others, an earliest timer that has not fired is not being polled. Tokio's single thread
/// polls spawned tasks up to 61 times before it looks at its main future again, which needs four looks to fire a timer.
const FORGOTTEN_POLLS: u8 = 250;

#[cfg(test)]
mod tests {
    use futures::future::{Either, join3, select};
    use futures::task::noop_waker;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn block_on<F: Future>(future: F) -> F::Output {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_manual_clock_fires_only_when_advanced() {
        let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH);
        let mut sleep = clock.sleep(SECOND);
        let waker = noop_waker();
        let mut context = Context::from_waker(&waker);

        assert!(sleep.as_mut().poll(&mut context).is_pending());
        clock.advance(SECOND / 2);
        assert!(sleep.as_mut().poll(&mut context).is_pending());
        assert_eq!(clock.advance_to_next(), Some(SECOND / 2));
        assert!(sleep.as_mut().poll(&mut context).is_ready());
        drop(sleep);
        assert_eq!((clock.pending(), clock.elapsed()), (0, SECOND));
    }

    #[test]
    fn automatic_timers_fire_in_order_of_deadline_not_of_polling() {
        let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
        let order = Mutex::new(Vec::new());
        let wait = |seconds: u32| {
            let (clock, order) = (clock.clone(), &order);
            async move {
                clock.sleep(SECOND * seconds).await;
                order.lock().unwrap().push((seconds, clock.elapsed()));
            }
        };

        block_on(join3(wait(30), wait(1), wait(5)));

        assert_eq!(*order.lock().unwrap(), [(1, SECOND), (5, SECOND * 5), (30, SECOND * 30)]);
    }

    #[test]
    fn a_dropped_timer_does_not_hold_up_the_next() {
        let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
        let abandoned = clock.sleep(SECOND);
        let work = async {
            drop(abandoned);
            clock.sleep(SECOND * 2).await;
        };

        let won = block_on(select(Box::pin(work), clock.sleep(SECOND * 30)));

        assert!(matches!(won, Either::Left(_)));
        assert_eq!(clock.elapsed(), SECOND * 2);
    }

    #[test]
    fn a_timer_that_nobody_polls_any_more_does_not_stop_time() {
        let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
        let mut neglected = clock.sleep(SECOND);
        let waker = noop_waker();
        assert!(neglected.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());

        block_on(clock.sleep(SECOND * 2));

        assert_eq!(clock.elapsed(), SECOND * 2);
        assert!(neglected.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    }

    #[test]
    fn the_calendar_can_be_set_and_runs_on() {
        let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH);
        clock.advance(SECOND);
        clock.set_wall(SystemTime::UNIX_EPOCH + SECOND * 100);
        clock.advance(SECOND);

        assert_eq!(clock.wall(), SystemTime::UNIX_EPOCH + SECOND * 101);
    }
}
