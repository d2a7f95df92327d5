//! The records of all endpoints a client has asked.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use super::budget::ExtraLoad;
use super::endpoint::Endpoint;
use super::keys::{Pool, ProviderState};
use super::standing::{HealthPolicy, TargetHealth};
use crate::types::Target;

/// One record for each model at each provider, made when it is first asked for.
#[derive(Debug)]
pub(crate) struct Endpoints {
    policy: HealthPolicy,
    epoch: Instant,
    providers: HashMap<String, Arc<ProviderState>>,
    /// By the names of targets, or of providers for all their models.
    shared: HashMap<String, Arc<[Pool]>>,
    /// By the names of providers.
    families: HashMap<String, Vec<Family>>,
    known: RwLock<HashMap<Target, Arc<Endpoint>>>,
    /// In which second those were forgotten last that nobody needs; nought when none were.
    purged: AtomicU64,
    load: ExtraLoad,
}

/// Models whose names begin alike and that share what their keys are allowed.
#[derive(Debug)]
struct Family {
    beginning: &'static str,
    pools: Arc<[Pool]>,
}

impl Endpoints {
    /// No records; `providers` are names, how many keys each has, and what it fails together with.
    pub(crate) fn new<'a>(
        policy: HealthPolicy,
        epoch: Instant,
        providers: impl IntoIterator<Item = (&'a str, usize, &'a str)>,
    ) -> Self {
        let state = |(name, keys, domain): (&str, usize, &str)| {
            (name.to_owned(), Arc::new(ProviderState::new(keys, domain)))
        };
        Self {
            policy,
            epoch,
            providers: providers.into_iter().map(state).collect(),
            shared: HashMap::new(),
            families: HashMap::new(),
            known: RwLock::default(),
            purged: AtomicU64::new(0),
            load: ExtraLoad::default(),
        }
    }

    /// Models of `provider` whose names have one of these beginnings share what their keys are allowed, unless they are named
    /// elsewhere.
    pub(crate) fn share_in_families(&mut self, provider: &str, beginnings: &[&'static str]) {
        let Some(state) = self.providers.get(provider) else { return };
        let families =
            beginnings.iter().map(|beginning| Family { beginning, pools: state.pools() }).collect();
        self.families.insert(provider.to_owned(), families);
    }

    /// The targets that `names` stand for share what their keys are allowed. A name without a slash is a provider's and
    /// stands for all its models that are not named elsewhere.
    pub(crate) fn share_quota(&mut self, names: &[String]) {
        let provider = |name: &String| self.providers.get(name.split('/').next().unwrap_or(name));
        let Some(pools) = names.iter().find_map(provider).map(|provider| provider.pools()) else { return };
        self.shared.extend(names.iter().map(|name| (name.clone(), Arc::clone(&pools))));
    }

    pub(crate) fn policy(&self) -> &HealthPolicy {
        &self.policy
    }

    /// The record of `target`. Holding on to it is cheaper than asking again.
    pub(crate) fn of(&self, target: &Target, now: Instant) -> Arc<Endpoint> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(target) {
            return Arc::clone(known);
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        // Everybody waits while all are looked at, so that is done once a second at most.
        let second = self.since(now).as_secs() + 1;
        if known.len() >= MOST_KNOWN && self.purged.swap(second, Ordering::Relaxed) != second {
            // Names of models may come from strangers. What somebody holds is somebody's route.
            known.retain(|_, endpoint| Arc::strong_count(endpoint) > 1 || !endpoint.is_idle(now));
        }
        let fresh = || {
            let provider = self.providers.get(target.provider()).map(Arc::clone);
            let provider = provider.unwrap_or_else(|| Arc::new(ProviderState::new(1, target.provider())));
            let shared =
                [target.as_str(), target.provider()].map(|name| self.shared.get(name).map(Arc::clone));
            let family = || {
                let mut families = self.families.get(target.provider())?.iter();
                let own = families.find(|family| target.model().starts_with(family.beginning));
                own.map(|family| Arc::clone(&family.pools))
            };
            let pools = shared.into_iter().flatten().next().or_else(family);
            let pools = pools.unwrap_or_else(|| provider.pools());
            Arc::new(Endpoint::new(target.clone(), provider, pools, self.policy, self.epoch, now))
        };
        if known.len() >= MOST_KNOWN {
            return fresh();
        }
        Arc::clone(known.entry(target.clone()).or_insert_with(fresh))
    }

    /// A call begins.
    pub(crate) fn note_call(&self, now: Instant) {
        self.load.call(self.since(now));
    }

    /// May one more attempt be made than one for each call? If so it is counted.
    pub(crate) fn take_extra(&self, now: Instant) -> bool {
        self.load.take(self.since(now))
    }

    /// One more attempt is made because a target that is well can answer what another could not.
    pub(crate) fn note_extra(&self, now: Instant) {
        self.load.note(self.since(now));
    }

    /// Every record, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Endpoint>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<Arc<Endpoint>> = known.values().map(Arc::clone).collect();
        drop(known);
        all.sort_by(|one, other| one.target().cmp(other.target()));
        all
    }

    /// The state of every target that was asked or is in a route, by name.
    pub(crate) fn report(&self, now: Instant) -> Vec<TargetHealth> {
        self.all().iter().map(|endpoint| endpoint.report(now)).collect()
    }

    fn since(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.epoch)
    }
}

/// Far more models than anybody routes between; a record is about two kilobytes.
const MOST_KNOWN: usize = 16_384;
