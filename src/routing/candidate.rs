//! What a policy may know of a target before any request.

use std::sync::Arc;

use super::{RequestFacts, Traits};
use crate::catalog::{Model, Vocabulary, rounded};
use crate::types::{Target, Usd};

/// One target a request may go to.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct Candidate {
    /// The target.
    pub target: Target,
    /// What the catalogue says of it; `None` for a model nobody has described.
    pub model: Option<Arc<Model>>,
    /// What the application and this crate know of it otherwise.
    pub traits: Arc<Traits>,
    /// The service tier that requests ask for there which name none; `None` for the usual one.
    pub service_tier: Option<&'static str>,
}

impl Candidate {
    /// `target`, described by `model`.
    pub fn new(target: Target, model: Option<Arc<Model>>) -> Self {
        Self { target, model, traits: Arc::default(), service_tier: None }
    }

    /// As this, with these traits.
    #[must_use]
    pub fn with_traits(self, traits: impl Into<Arc<Traits>>) -> Self {
        Self { traits: traits.into(), ..self }
    }

    /// As this, for requests on this service tier.
    #[must_use]
    pub fn on_tier(self, service_tier: &'static str) -> Self {
        Self { service_tier: Some(service_tier), ..self }
    }

    /// What the request is expected to cost here; `None` when the price is unknown, which is not zero.
    pub fn expected_cost(&self, facts: &RequestFacts) -> Option<Usd> {
        self.expected_atto(facts).map(rounded)
    }

    /// The service tier that a request with these facts asks for here.
    pub(super) fn tier_of<'a>(&self, facts: &'a RequestFacts) -> Option<&'a str> {
        facts.service_tier.as_deref().or(self.service_tier)
    }

    /// The same in attodollars.
    pub(super) fn expected_atto(&self, facts: &RequestFacts) -> Option<u128> {
        let price = self.model.as_ref()?.price.as_ref()?;
        price.estimate_atto(facts.input_tokens, facts.all_output_tokens(), facts.at, self.tier_of(facts))
    }

    /// Is this the name of the target, of its provider, or of the vendor behind the provider?
    pub fn is_named(&self, name: &str) -> bool {
        let vendor = self.traits.vendor.as_deref();
        name.eq_ignore_ascii_case(self.target.provider())
            || name.eq_ignore_ascii_case(self.target.as_str())
            || vendor.is_some_and(|vendor| name.eq_ignore_ascii_case(vendor))
    }

    /// The vocabulary its model reads with, where it is known: by the catalogue's name of the model, which may be another
    /// than the provider's, and else by the provider's.
    pub fn vocabulary(&self) -> Option<Vocabulary> {
        let known = self.model.as_ref().and_then(|model| Vocabulary::of_model(&model.id));
        known.or_else(|| Vocabulary::of_model(self.target.model()))
    }

    /// The context window in tokens, where it is known.
    pub fn context_window(&self) -> Option<u64> {
        self.model.as_ref()?.context_window
    }
}
