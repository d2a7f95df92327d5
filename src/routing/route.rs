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
    tiers: ServiceTiers,
    reference: Option<String>,
    shadows: Vec<(String, f64)>,
}

/// Which service tiers requests of a route ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum ServiceTiers {
    /// What each request says.
    #[default]
    Usual,
    /// The flexible one where it is sold and the request says nothing.
    Flex,
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
    /// call with low stakes begins with the cheaper ones; one with high stakes rather fails than goes to a light one. Each
    /// tier is tried in the order given.
    pub fn chain(
        best: impl IntoIterator<Item = impl Into<String>>,
        cheaper: impl IntoIterator<Item = impl Into<String>>,
        light: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        fn tier(names: impl IntoIterator<Item = impl Into<String>>, tier: Tier) -> Vec<RouteTarget> {
            names.into_iter().map(|name| RouteTarget::new(name, Traits::new().tier(tier))).collect()
        }
        let targets = [tier(best, Tier::Best), tier(cheaper, Tier::Cheaper), tier(light, Tier::Light)];
        let policy = Tiered::new(Ordered::new()).high_stakes_at_least(Tier::Cheaper);
        Self::with_policy(policy, targets.into_iter().flatten())
    }

    /// For work that nobody waits for: the cheapest at the hour of the call, off-peak prices included, among targets whose
    /// [`quality`](Traits::quality) is at least `quality`; of equals the quickest. Unknown quality is not enough. It goes on
    /// the [flexible tier](Self::flex) where that is sold.
    pub fn batch(quality: f64, targets: impl IntoIterator<Item = impl Into<RouteTarget>>) -> Self {
        let policy = Composed::by(Score::Cost).quality_at_least(quality).then_by(Score::FirstToken);
        Self::with_policy(policy, targets).flex()
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
            tiers: ServiceTiers::Usual,
            reference: None,
            shadows: Vec::new(),
        }
    }

    /// Lets chats of this route go on the vendor's flexible service tier, which costs about half and may be slow or refuse for
    /// want of room: where the catalogue has a price for it, at OpenAI, Azure and Google, and only for requests that name no
    /// tier themselves. It counts in every comparison of prices. What is refused there is asked once more on the usual tier,
    /// and time limits are those of models that think.
    #[must_use]
    pub fn flex(mut self) -> Self {
        self.tiers = ServiceTiers::Flex;
        self
    }

    /// Measures what the route saves against `target`, which need not be one of its own: see
    /// [`Client::hindsight`](crate::Client::hindsight).
    #[must_use]
    pub fn reference(mut self, target: impl Into<String>) -> Self {
        self.reference = Some(target.into());
        self
    }

    /// Sends a copy of this share of the answered chats to `target` as well, from 0 to 1, compares its answer with the one
    /// that was given, and throws it away. May be called for several targets.
    ///
    /// * It runs in the background: no call waits for it, and a shutdown breaks it off. At most 16 run at a time for each
    ///   route; what would be more is not sent.
    /// * It is one attempt, with the time of an answer that is not streamed. It takes nothing from limits and budgets, and
    ///   changes nothing in the state of targets and keys. A target that is out of use is not asked.
    /// * It costs money, and is in the ledger as an attempt of its call with
    ///   [`AttemptReason::Shadow`](crate::types::AttemptReason::Shadow); observers hear of it with
    ///   [`Event::Shadowed`](crate::telemetry::Event::Shadowed), and [`Client::arms`](crate::Client::arms) sums it up.
    /// * What a call and its route demand of a target holds for this one too: sensitive data only goes to targets that are
    ///   self-hosted, and what may only be processed in one region stays there.
    ///
    /// ```
    /// use polyroute::Route;
    ///
    /// let route = Route::ordered(["openai/gpt-6.1-terra"]).shadow("mistral/mistral-large-4", 0.02);
    /// # let _ = route;
    /// ```
    #[must_use]
    pub fn shadow(mut self, target: impl Into<String>, share: f64) -> Self {
        self.shadows.push((target.into(), share));
        self
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

    pub(crate) fn service_tiers(&self) -> ServiceTiers {
        self.tiers
    }

    pub(crate) fn reference_target(&self) -> Option<&str> {
        self.reference.as_deref()
    }

    pub(crate) fn shadows(&self) -> &[(String, f64)] {
        &self.shadows
    }

    pub(crate) fn sensitive_data(&self) -> &SensitiveData {
        &self.sensitive
    }
}
