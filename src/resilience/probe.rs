//! Which targets are worth a probe of their own. Decides; nothing here sends.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::endpoint::Endpoint;
use super::standing::Standing;
use crate::types::{Target, Usd};

/// Small requests of the client's own to targets of its routes that nobody has asked for a while, so that their recovery and
/// their speed are known before a call depends on them. Off unless it is set.
///
/// They are made with the keys the provider was registered with, and count towards nobody's limits or budget but this one.
/// A client with a ledger books each as a call of its own, of the operation `probe` and without scopes.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProbePolicy {
    /// How often to look; no target is probed more often. Default 60 s, at least 1 s.
    pub every: Duration,
    /// A target that is in use is probed when nothing was measured there for so long. Default 60 s.
    pub idle_for: Duration,
    /// The most probes of one hour. Default 600.
    pub per_hour: u32,
    /// What probes may be expected to cost in one hour; a target whose price is unknown is then never probed. Default no
    /// limit.
    pub hourly_budget: Option<Usd>,
}

impl Default for ProbePolicy {
    fn default() -> Self {
        Self {
            every: Duration::from_secs(60),
            idle_for: Duration::from_secs(60),
            per_hour: 600,
            hourly_budget: None,
        }
    }
}

impl ProbePolicy {
    /// Sets how often to look; at least every second.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval.max(Duration::from_secs(1));
        self
    }

    /// Sets how long nothing must have been measured before a target that is in use is probed.
    #[must_use]
    pub fn idle_for(mut self, time: Duration) -> Self {
        self.idle_for = time;
        self
    }

    /// Sets what probes may be expected to cost in one hour.
    #[must_use]
    pub fn hourly_budget(mut self, most: Usd) -> Self {
        self.hourly_budget = Some(most);
        self
    }
}

/// When each target was probed last, and what probes have cost.
#[derive(Debug)]
pub(crate) struct ProbePlan {
    policy: ProbePolicy,
    probed: HashMap<Target, Instant>,
    hour_began: Instant,
    made: u32,
    spent: Usd,
}

impl ProbePlan {
    pub(crate) fn new(policy: ProbePolicy, now: Instant) -> Self {
        Self { policy, probed: HashMap::new(), hour_began: now, made: 0, spent: Usd::ZERO }
    }

    /// Is it time to probe this target? Of those that are out of use only the ones whose next request is a probe anyway.
    pub(crate) fn is_due(&self, endpoint: &Arc<Endpoint>, now: Instant) -> bool {
        let long_ago = |since: Instant, time| now.saturating_duration_since(since) >= time;
        if self.probed.get(endpoint.target()).is_some_and(|last| !long_ago(*last, self.policy.every)) {
            return false;
        }
        match endpoint.standing(now) {
            Standing::Probing => endpoint.check(now).is_ok(),
            Standing::Healthy | Standing::Recovering => {
                endpoint.in_flight() == 0
                    && endpoint.last_measured().is_none_or(|last| long_ago(last, self.policy.idle_for))
            }
            Standing::Open | Standing::Throttled | Standing::UnknownModel | Standing::NoKey => false,
        }
    }

    /// May a probe be made that is expected to cost so much? If so it is paid for.
    pub(crate) fn take(&mut self, target: &Target, cost: Option<Usd>, now: Instant) -> bool {
        if now.saturating_duration_since(self.hour_began) >= HOUR {
            (self.hour_began, self.made, self.spent) = (now, 0, Usd::ZERO);
        }
        let spent = match (self.policy.hourly_budget, cost) {
            (None, _) => self.spent,
            (Some(_), None) => return false,
            (Some(most), Some(cost)) => match self.spent.checked_add(cost) {
                Some(spent) if spent <= most => spent,
                _ => return false,
            },
        };
        if self.made >= self.policy.per_hour {
            return false;
        }
        self.made += 1;
        self.spent = spent;
        self.probed.insert(target.clone(), now);
        true
    }
}

const HOUR: Duration = Duration::from_secs(3_600);
