//! Who waits for a limit, in which order. Bounded; priorities are head starts, so that nobody waits for ever.

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use futures::future::{Either, select};

use crate::clock::Sleep;
use crate::store::Claim;
use crate::types::Priority;

/// One line of waiting calls for each meter that was too full.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: Mutex<HashMap<Box<str>, BTreeMap<Rank, Waiting>>>,
    waiting: AtomicUsize,
    most: usize,
}

/// A place in a line: when the call came, less its head start; then the order of coming.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(Instant, u64);

#[derive(Debug, Default)]
struct Waiting {
    waker: Option<Waker>,
    /// Something has changed since it was last looked at.
    signalled: bool,
}

/// There is no room for another.
#[derive(Debug)]
pub(super) struct Full;

impl Queue {
    pub(super) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// The rank of a call that came at `now` as the `number`th.
    pub(super) fn rank(now: Instant, number: u64, priority: Priority) -> Rank {
        let behind = match priority {
            Priority::High => Duration::ZERO,
            Priority::Normal => HEAD_START,
            Priority::Low => HEAD_START * 2,
        };
        Rank(now.checked_add(behind).unwrap_or(now), number)
    }

    /// Does nobody wait?
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// The first of these meters for which somebody waits who goes before `rank`.
    pub(super) fn ahead(&self, claims: &[Claim], rank: Rank) -> Option<Box<str>> {
        if self.is_empty() {
            return None;
        }
        let lines = self.lock();
        let goes_before = |key: &str| {
            let first = lines.get(key).and_then(|line| line.keys().next());
            first.is_some_and(|first| *first < rank)
        };
        claims.iter().map(|claim| claim.meter.key()).find(|key| goes_before(key)).map(Into::into)
    }

    /// Joins the line for `key`.
    pub(super) fn join(self: &Arc<Self>, key: &str, rank: Rank) -> Result<Turn, Full> {
        let mut lines = self.lock();
        if self.waiting.load(Ordering::Relaxed) >= self.most {
            return Err(Full);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let line = lines.entry(key.into()).or_default();
        // Who was first may be first no longer, and sleep on.
        if let Some((first, waiting)) = line.iter_mut().next()
            && rank < *first
        {
            waiting.signal();
        }
        line.insert(rank, Waiting::default());
        Ok(Turn { queue: Arc::clone(self), key: key.into(), rank })
    }

    /// Something of these meters was given back.
    pub(super) fn released(&self, claims: &[Claim]) {
        if self.is_empty() {
            return;
        }
        let mut lines = self.lock();
        for claim in claims {
            if let Some(first) = lines.get_mut(claim.meter.key()).and_then(|line| line.values_mut().next()) {
                first.signal();
            }
        }
    }

    /// How many wait.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, BTreeMap<Rank, Waiting>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn signal(&mut self) {
        self.signalled = true;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A place in a line; left when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    queue: Arc<Queue>,
    key: Box<str>,
    rank: Rank,
}

impl Turn {
    pub(super) fn is_for(&self, key: &str) -> bool {
        *self.key == *key
    }

    /// Resolves when this is the first of its line; says whether that came before `limit`.
    pub(super) async fn first(&self, limit: Sleep) -> bool {
        let first = poll_fn(|context| self.poll(context.waker(), |_, first| first));
        matches!(select(first, limit).await, Either::Left(_))
    }

    /// Resolves after `pause`, or when something has changed.
    pub(super) async fn pause(&self, pause: Sleep) {
        let changed = poll_fn(|context| self.poll(context.waker(), |signalled, _| signalled));
        select(changed, pause).await;
    }

    fn poll(&self, waker: &Waker, ready: impl Fn(bool, bool) -> bool) -> Poll<()> {
        let mut lines = self.queue.lock();
        let Some(line) = lines.get_mut(&self.key) else { return Poll::Ready(()) };
        let first = line.keys().next() == Some(&self.rank);
        let Some(waiting) = line.get_mut(&self.rank) else { return Poll::Ready(()) };
        let signalled = std::mem::replace(&mut waiting.signalled, false);
        if ready(signalled, first) {
            return Poll::Ready(());
        }
        waiting.waker = Some(waker.clone());
        Poll::Pending
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut lines = self.queue.lock();
        if let Some(line) = lines.get_mut(&self.key) {
            line.remove(&self.rank);
            match line.values_mut().next() {
                Some(next) => next.signal(),
                None => {
                    lines.remove(&self.key);
                }
            }
        }
        self.queue.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// How much earlier a call of one priority may have come than one of the next higher and still go after it.
const HEAD_START: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;
    use crate::clock::{Clock as _, SystemClock};

    fn is_first(turn: &Turn) -> bool {
        turn.first(Box::pin(std::future::ready(()))).now_or_never().unwrap()
    }

    fn never() -> Sleep {
        Box::pin(std::future::pending())
    }

    #[test]
    fn lines_are_kept_in_the_order_of_coming_and_priorities_are_head_starts() {
        let (queue, start) = (Arc::new(Queue::new(10)), SystemClock::new().now());
        let second = |seconds| start + Duration::from_secs(seconds);
        // Came at, priority.
        let came = [
            (0, Priority::Low),
            (1, Priority::Normal),
            (2, Priority::Normal),
            (3, Priority::High),
            (15, Priority::Normal),
            (19, Priority::High),
            (21, Priority::High),
        ];
        let mut turns: Vec<_> = (0_u64..)
            .zip(came)
            .map(|(number, (at, priority))| {
                Some(queue.join("k", Queue::rank(second(at), number, priority)).unwrap())
            })
            .collect();

        let mut order = Vec::new();
        while let Some(place) = turns.iter().position(|turn| turn.as_ref().is_some_and(is_first)) {
            turns[place] = None;
            order.push(place);
        }

        // The low one came first of all; it waits for what comes within 20 seconds, and for nobody after that.
        assert_eq!(order, [3, 1, 2, 5, 0, 6, 4]);
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn the_first_is_woken_by_a_release_and_the_next_when_the_first_leaves() {
        let (queue, start) = (Arc::new(Queue::new(10)), SystemClock::new().now());
        let first = queue.join("k", Queue::rank(start, 0, Priority::Normal)).unwrap();
        let second = queue.join("k", Queue::rank(start, 1, Priority::Normal)).unwrap();
        let meter = crate::store::Meter::new("k", crate::store::Rule::Total { limit: None }, None).unwrap();
        let claims = [Claim::new(Arc::new(meter), 1)];
        {
            let mut pause = Box::pin(first.pause(never()));
            assert!(pause.as_mut().now_or_never().is_none());
            queue.released(&claims);
            assert!(pause.now_or_never().is_some());
        }
        let mut turn = Box::pin(second.first(never()));
        assert!(turn.as_mut().now_or_never().is_none());

        drop(first);

        assert_eq!(turn.now_or_never(), Some(true));
    }

    #[test]
    fn nobody_overtakes_those_who_wait_and_the_line_is_bounded() {
        let (queue, start) = (Arc::new(Queue::new(2)), SystemClock::new().now());
        let meter = crate::store::Meter::new("k", crate::store::Rule::Total { limit: None }, None).unwrap();
        let claims = [Claim::new(Arc::new(meter), 1)];
        let rank = |number, priority| Queue::rank(start, number, priority);
        assert_eq!(queue.ahead(&claims, rank(9, Priority::Normal)), None);
        let _one = queue.join("k", rank(1, Priority::Normal)).unwrap();
        let two = queue.join("k", rank(2, Priority::Normal)).unwrap();

        assert_eq!(queue.ahead(&claims, rank(9, Priority::Normal)).as_deref(), Some("k"));
        assert_eq!(queue.ahead(&claims, rank(9, Priority::High)), None);
        assert!(queue.join("k", rank(3, Priority::High)).is_err());
        drop(two);
        assert!(queue.join("k", rank(3, Priority::High)).is_ok());
    }
}
