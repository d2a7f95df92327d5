//! What a route remembers of its calls: how long answers are, where conversations were served, how its targets compare.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::arms::Arms;
use crate::routing::{RequestFacts, Warm};
use crate::types::{Attempt, Outcome, Target};

/// Bounded, and without anything of a prompt: conversations are known by a number that follows from their beginning.
#[derive(Debug, Default)]
pub(super) struct RouteMemory {
    /// Sixteen times the tokens of an answer, as an average that forgets; 0 before the first.
    usual_output: AtomicU64,
    homes: Mutex<Homes>,
    arms: Arms,
}

#[derive(Debug, Default)]
struct Homes {
    /// By conversation, with the number of its last use.
    known: HashMap<u64, (u64, Vec<Home>)>,
    /// Conversations by the numbers of their uses, longest ago first. Where a conversation was used again, the earlier
    /// number means nothing any more.
    uses: VecDeque<(u64, u64)>,
    /// Of the last use.
    last: u64,
}

/// Where a conversation was served.
#[derive(Debug)]
struct Home {
    target: Target,
    /// How many of its tokens lie in the provider's prompt cache.
    tokens: u64,
    until: Instant,
}

impl RouteMemory {
    /// Adds to `facts` what is remembered.
    pub(super) fn recall(&self, facts: &mut RequestFacts, now: impl FnOnce() -> Instant) {
        let usual = self.usual_output.load(Ordering::Relaxed);
        if usual > 0 {
            let usual = (usual / 16).max(1);
            facts.output_tokens = facts.output_limit.map_or(usual, |limit| limit.min(usual));
        }
        let Some(conversation) = facts.session.or(facts.beginning) else { return };
        let homes = self.homes();
        let Some((_, known)) = homes.known.get(&conversation) else { return };
        let now = now();
        let warm = known.iter().filter(|home| home.until > now);
        facts.warm.extend(warm.map(|home| Warm::new(home.target.clone(), home.tokens, LIKELY)));
    }

    /// Learns from an attempt of `conversation` at this vendor, whatever the provider is called, and with so many answers. Only where it was answered is it at home, and without a session only where
    /// the provider has cached something.
    pub(super) fn note(
        &self,
        conversation: Option<u64>,
        session: Option<u64>,
        attempt: &Attempt,
        (vendor, answers): (&str, u64),
        now: Instant,
    ) {
        self.arms.note(attempt);
        let Some(usage) = attempt.usage.as_ref().filter(|_| attempt.outcome == Outcome::Answered) else {
            return;
        };
        if let Some(output) = usage.output_tokens {
            let next = |known: u64| {
                let sample = (output / answers.max(1)).saturating_mul(16);
                Some(if known == 0 { sample } else { known - known / 16 + sample / 16 })
            };
            let _ = self.usual_output.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        }
        let Some(conversation) = conversation else { return };
        let cached =
            usage.cache_read_tokens.unwrap_or(0).saturating_add(usage.cache_write_tokens.unwrap_or(0));
        if cached == 0 && session.is_none() {
            return;
        }
        let hour = usage.cache_write_1h_tokens.is_some_and(|tokens| tokens > 0);
        let stays = match cached {
            0 => SESSION_STAYS,
            _ if hour => HOUR,
            _ => cache_stays(vendor),
        };
        let Some(until) = now.checked_add(stays) else { return };
        let home = Home { target: attempt.target.clone(), tokens: cached, until };
        self.homes().settle(conversation, home, now);
    }

    /// The sums of the route's targets.
    pub(super) fn arms(&self) -> &Arms {
        &self.arms
    }

    fn homes(&self) -> MutexGuard<'_, Homes> {
        self.homes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Homes {
    fn settle(&mut self, conversation: u64, home: Home, now: Instant) {
        self.last += 1;
        self.uses.push_back((self.last, conversation));
        let (used, known) = self.known.entry(conversation).or_default();
        *used = self.last;
        // What is read again stays at least as long as was known before.
        let longer = known.iter().filter(|other| other.target == home.target).map(|other| other.until).max();
        let home = Home { until: longer.map_or(home.until, |longer| longer.max(home.until)), ..home };
        known.retain(|other| other.target != home.target && other.until > now);
        known.push(home);
        if known.len() > MOST_HOMES {
            known.remove(0);
        }
        self.forget();
    }

    /// Forgets the conversation that was used longest ago, while there are too many.
    fn forget(&mut self) {
        let is_last = |known: &HashMap<u64, (u64, Vec<Home>)>, (number, conversation): (u64, u64)| {
            known.get(&conversation).is_some_and(|(used, _)| *used == number)
        };
        while self.known.len() > MOST_CONVERSATIONS
            && let Some(longest_ago) = self.uses.pop_front()
        {
            if is_last(&self.known, longest_ago) {
                self.known.remove(&longest_ago.1);
            }
        }
        if self.uses.len() > 2 * MOST_CONVERSATIONS {
            let Self { known, uses, .. } = self;
            uses.retain(|used| is_last(known, *used));
        }
    }
}

/// How long a provider keeps a prompt that is not asked for again.
fn cache_stays(vendor: &str) -> Duration {
    // Anthropic keeps five minutes, renewed by each use; OpenAI five to ten; DeepSeek hours to days:
    // https://platform.claude.com/docs/en/build-with-claude/prompt-caching
    // https://platform.openai.com/docs/guides/prompt-caching
    // https://api-docs.deepseek.com/guides/kv_cache
    match vendor {
        "deepseek" => HOUR,
        _ => Duration::from_secs(300),
    }
}

/// For which Anthropic keeps what was written at the higher rate.
const HOUR: Duration = Duration::from_secs(3_600);

/// Providers promise nothing.
const LIKELY: f64 = 0.9;

const SESSION_STAYS: Duration = Duration::from_secs(600);

const MOST_CONVERSATIONS: usize = 10_000;

const MOST_HOMES: usize = 4;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::types::{AttemptReason, Usage};

    fn answered(target: &str, output: u64, cached: u64) -> Attempt {
        let mut attempt = Attempt::new(target.parse().unwrap(), AttemptReason::First, Duration::ZERO);
        attempt.outcome = Outcome::Answered;
        let mut usage = Usage::of(100, output);
        usage.cache_read_tokens = Some(cached);
        attempt.usage = Some(usage);
        attempt
    }

    fn recalled(
        memory: &RouteMemory,
        session: Option<u64>,
        beginning: Option<u64>,
        now: Instant,
    ) -> RequestFacts {
        let mut facts = RequestFacts::new(1, UNIX_EPOCH);
        facts.session = session;
        facts.beginning = beginning;
        memory.recall(&mut facts, || now);
        facts
    }

    #[test]
    fn a_conversation_is_at_home_where_its_prompt_is_cached_until_the_cache_forgets() {
        let (memory, start) =
            (RouteMemory::default(), crate::clock::Clock::now(&crate::clock::SystemClock::new()));
        memory.note(Some(7), None, &answered("a/m", 10, 0), ("a", 1), start);
        assert!(recalled(&memory, None, Some(7), start).warm.is_empty(), "nothing was cached");

        memory.note(Some(7), None, &answered("a/m", 10, 90), ("a", 1), start);
        memory.note(Some(8), None, &answered("ours/m", 10, 90), ("deepseek", 1), start);

        let later = start + Duration::from_secs(299);
        let facts = recalled(&memory, None, Some(7), later);
        assert_eq!(facts.warm, [Warm::new("a/m".parse().unwrap(), 90, LIKELY)]);
        let later = start + Duration::from_secs(301);
        assert!(recalled(&memory, None, Some(7), later).warm.is_empty());
        assert_eq!(recalled(&memory, None, Some(8), later).warm.len(), 1);
        assert!(recalled(&memory, None, Some(9), start).warm.is_empty());
    }

    #[test]
    fn a_cache_of_an_hour_is_not_forgotten_after_five_minutes_because_it_was_read() {
        let (memory, start) =
            (RouteMemory::default(), crate::clock::Clock::now(&crate::clock::SystemClock::new()));
        let mut written = answered("a/m", 10, 90);
        if let Some(usage) = &mut written.usage {
            usage.cache_write_1h_tokens = Some(90);
        }
        memory.note(Some(7), None, &written, ("a", 1), start);
        memory.note(Some(7), None, &answered("a/m", 10, 90), ("a", 1), start);

        let later = start + Duration::from_secs(3_000);
        assert_eq!(recalled(&memory, None, Some(7), later).warm.len(), 1);
    }

    #[test]
    fn a_session_is_at_home_where_it_was_served_and_memory_is_bounded() {
        let (memory, start) =
            (RouteMemory::default(), crate::clock::Clock::now(&crate::clock::SystemClock::new()));
        for session in 0..20_000 {
            for used in [3, session] {
                memory.note(Some(used), Some(used), &answered("a/m", 10, 0), ("a", 1), start);
            }
        }
        assert_eq!(recalled(&memory, Some(19_999), None, start).warm.len(), 1);
        assert_eq!(recalled(&memory, Some(3), None, start).warm.len(), 1, "it was used all along");
        assert!(memory.homes().uses.len() <= 2 * MOST_CONVERSATIONS);
        assert!(recalled(&memory, Some(5), None, start).warm.is_empty());
        assert_eq!(memory.homes().known.len(), MOST_CONVERSATIONS);
        let mut failed = answered("b/m", 10, 0);
        failed.outcome = Outcome::Cancelled;
        memory.note(Some(19_999), Some(19_999), &failed, ("a", 1), start);
        assert_eq!(recalled(&memory, Some(19_999), None, start).warm.len(), 1);
    }

    #[test]
    fn of_several_answers_each_counts_on_its_own() {
        let (memory, start) =
            (RouteMemory::default(), crate::clock::Clock::now(&crate::clock::SystemClock::new()));
        memory.note(None, None, &answered("a/m", 40, 0), ("a", 8), start);
        assert_eq!(recalled(&memory, None, None, start).output_tokens, 5);
    }

    #[test]
    fn answers_of_late_say_how_long_the_next_is_expected_to_be() {
        let (memory, start) =
            (RouteMemory::default(), crate::clock::Clock::now(&crate::clock::SystemClock::new()));
        for _ in 0..200 {
            memory.note(None, None, &answered("a/m", 40, 0), ("a", 1), start);
        }
        assert_eq!(recalled(&memory, None, None, start).output_tokens, 40);
        let mut facts = RequestFacts::new(1, UNIX_EPOCH);
        facts.output_limit = Some(5);
        memory.recall(&mut facts, || start);
        assert_eq!(facts.output_tokens, 5);
    }
}
