//! Named routes.

use std::sync::Arc;

use super::policy::{Cheapest, Composed, Ordered, Score, Tiered, Weighted};
use super::{RoutingPolicy, SensitiveData, Tier, Traits};
use crate::types::Preferences;

/// A set of targets under one name, and the policy that ranks them.
///
/// ```
/// use polyroute::Route;
/// use polyroute::types::Preferences;
///
/// let smart = Route::ordered(["anthropic/claude-sonnet-4-5", "openai/gpt-5", "google/gemini-2.5-pro"]);
/// let batch = Route::cheapest(["groq/llama-3.1-8b-instant", "deepseek/deepseek-chat"]);
/// let canary = Route::weighted([("openai/gpt-5", 95.0), ("openai/gpt-6-luna", 5.0)]);
/// let europe = Route::cheapest(["mistral/mistral-large", "azure/gpt-5"])
///     .prefer(Preferences::new().residency(["eu"]).deny_data_collection());
/// ```
#[derive(Clone, Debug)]
pub struct Route {
    targets: Vec<RouteTarget>,
    policy: Arc<dyn RoutingPolicy>,
    preferences: Option<Preferences>,
    sensitive: SensitiveData,
}

/// One target of a route, and what the application says of it there.
///
/// ```
/// use polyroute::routing::{RouteTarget, Traits};
///
/// let plain = RouteTarget::from("openai/gpt-5");
/// let tagged = RouteTarget::new("openai/gpt-5", Traits::new().tag("paid").quality(0.9));
/// # assert_eq!(plain.name(), tagged.name());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RouteTarget {
    name: String,
    traits: Traits,
}

impl RouteTarget {
    /// `provider/model`, with these traits in this route.
    pub fn new(name: impl Into<String>, traits: Traits) -> Self {
        Self { name: name.into(), traits }
    }

    /// The target as it was written.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What was said of it.
    pub fn traits(&self) -> &Traits {
        &self.traits
    }
}

impl From<&str> for RouteTarget {
    fn from(name: &str) -> Self {
        Self::new(name, Traits::new())
    }
}

impl From<String> for RouteTarget {
    fn from(name: String) -> Self {
        Self::new(name, Traits::new())
    }
}

impl From<&String> for RouteTarget {
    fn from(name: &String) -> Self {
        Self::new(name, Traits::new())
    }
}

impl Route {
    /// Tries `targets` in this order.
    pub fn ordered(targets: impl IntoIterator<Item = impl Into<RouteTarget>>) -> Self {
        Self::with_policy(Ordered::new(), targets)
    }

    /// Tries the target first where the request is expected to cost least.
    pub fn cheapest(targets: impl IntoIterator<Item = impl Into<RouteTarget>>) -> Self {
        Self::with_policy(Cheapest::new(), targets)
    }

    /// Gives each target its share of the traffic; the calls of one session stay together. Shares need not add up to
    /// anything.
    pub fn weighted(targets: impl IntoIterator<Item = (impl Into<String>, f64)>) -> Self {
        let weigh = |(name, weight): (_, f64)| RouteTarget::new(name, Traits::new().weight(weight));
        Self::with_policy(Weighted::sticky(), targets.into_iter().map(weigh))
    }

    /// For people who wait: the best answers; failing those cheaper ones; and fast and light ones when nothing else is up. A
    /// call with low stakes begins with the cheaper ones. Each tier is tried in the order given.
    pub fn chain(
        best: impl IntoIterator<Item = impl Into<String>>,
        cheaper: impl IntoIterator<Item = impl Into<String>>,
        light: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        fn tier(names: impl IntoIterator<Item = impl Into<String>>, tier: Tier) -> Vec<RouteTarget> {
            names.into_iter().map(|name| RouteTarget::new(name, Traits::new().tier(tier))).collect()
        }
        let targets = [tier(best, Tier::Best), tier(cheaper, Tier::Cheaper), tier(light, Tier::Light)];
        Self::with_policy(Tiered::new(Ordered::new()), targets.into_iter().flatten())
    }

    /// For work that nobody waits for: the cheapest at the hour of the call, off-peak prices included, among targets whose
    /// [`quality`](Traits::quality) is at least `quality`; of equals the quickest. Unknown quality is not enough.
    pub fn batch(quality: f64, targets: impl IntoIterator<Item = impl Into<RouteTarget>>) -> Self {
        let policy = Composed::by(Score::Cost).quality_at_least(quality).then_by(Score::FirstToken);
        Self::with_policy(policy, targets)
    }

    /// Lets `policy` rank `targets`.
    pub fn with_policy(
        policy: impl RoutingPolicy + 'static,
        targets: impl IntoIterator<Item = impl Into<RouteTarget>>,
    ) -> Self {
        Self {
            targets: targets.into_iter().map(Into::into).collect(),
            policy: Arc::new(policy),
            preferences: None,
            sensitive: SensitiveData::new(),
        }
    }

    /// Sets what the route demands of its targets. A call's own preferences can only tighten it.
    #[must_use]
    pub fn prefer(mut self, preferences: Preferences) -> Self {
        self.preferences = Some(preferences);
        self
    }

    /// Sets which calls hold sensitive data, and go to self-hosted targets only.
    #[must_use]
    pub fn sensitive(mut self, sensitive: SensitiveData) -> Self {
        self.sensitive = sensitive;
        self
    }

    /// The targets as they were written.
    pub fn targets(&self) -> &[RouteTarget] {
        &self.targets
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<dyn RoutingPolicy> {
        &self.policy
    }

    pub(crate) fn preferences(&self) -> Option<&Preferences> {
        self.preferences.as_ref()
    }

    pub(crate) fn sensitive_data(&self) -> &SensitiveData {
        &self.sensitive
    }
}
