//! The rates that remain once time, service tier and prompt length are known.

use super::{Charge, Rate, Rates};

/// The rates that apply to one request.
#[derive(Clone, Debug)]
pub struct RateCard {
    rates: [Option<Rate>; Charge::COUNT],
}

impl RateCard {
    /// Nothing is known.
    pub(super) fn empty() -> Self {
        Self { rates: [None; Charge::COUNT] }
    }

    /// What `charge` costs, where known.
    pub fn rate(&self, charge: Charge) -> Option<Rate> {
        self.rates.get(charge as usize).copied().flatten()
    }

    /// The first known rate among `charges`.
    pub fn first(&self, charges: &[Charge]) -> Option<Rate> {
        charges.iter().find_map(|charge| self.rate(*charge))
    }

    /// Puts these rates over the ones known so far.
    pub(super) fn overlay(&mut self, rates: &Rates) {
        for (charge, rate) in rates.iter() {
            if let Some(place) = self.rates.get_mut(charge as usize) {
                *place = Some(rate);
            }
        }
    }
}

/// The tier that a provider's word names, or `None` for its standard service.
pub(super) fn named_service_tier(word: &str) -> Option<&str> {
    // OpenAI says `default`, Anthropic `standard`, Groq `on_demand`, Vertex `ON_DEMAND` and `ON_DEMAND_FLEX`; `auto` is
    // what one asks for, and means the standard price unless the answer names a tier (read 2026-11-23):
    // https://platform.claude.com/docs/en/api/service-tiers
    // https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ServiceTier.html
    if STANDARD.iter().any(|standard| word.eq_ignore_ascii_case(standard)) {
        return None;
    }
    match word.get(..10).zip(word.get(10..)) {
        Some((head, tier)) if head.eq_ignore_ascii_case("on_demand_") => Some(tier),
        _ => Some(word),
    }
}

const STANDARD: [&str; 8] =
    ["", "auto", "default", "on-demand", "on_demand", "standard", "standard_only", "unspecified"];
