//! Named routes.

use std::sync::Arc;

use super::RoutingPolicy;
use super::policy::{Cheapest, Ordered};

/// A set of targets under one name, and the policy that ranks them.
///
/// ```
/// use polyroute::Route;
/// let smart = Route::ordered(["anthropic/claude-sonnet-4-5", "openai/gpt-5", "google/gemini-2.5-pro"]);
/// let batch = Route::cheapest(["groq/llama-3.1-8b-instant", "deepseek/deepseek-chat"]);
/// ```
#[derive(Clone, Debug)]
pub struct Route {
    targets: Vec<String>,
    policy: Arc<dyn RoutingPolicy>,
}

impl Route {
    /// Tries `targets` in this order.
    pub fn ordered(targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::with_policy(Ordered::new(), targets)
    }

    /// Tries the target first where the request is expected to cost least.
    pub fn cheapest(targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self::with_policy(Cheapest::new(), targets)
    }

    /// Lets `policy` rank `targets`.
    pub fn with_policy(
        policy: impl RoutingPolicy + 'static,
        targets: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        Self { targets: targets.into_iter().map(Into::into).collect(), policy: Arc::new(policy) }
    }

    /// The targets as they were written.
    pub fn targets(&self) -> &[String] {
        &self.targets
    }

    /// The policy.
    pub fn policy(&self) -> &Arc<dyn RoutingPolicy> {
        &self.policy
    }
}
