//! What is known of a target beside its model and price.

use crate::types::Quantization;

/// What the application says of a target, or of all targets of a provider. Nothing is known by default.
///
/// ```
/// use polyroute::routing::Traits;
///
/// let ours = Traits::new().self_hosted().region("eu").tag("internal").weight(3.0);
/// # assert_eq!(ours.weight, Some(3.0));
/// ```
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traits {
    /// Who runs the machines.
    pub hosting: Hosting,
    /// The vendor behind the provider, where its name is another.
    pub vendor: Option<Box<str>>,
    /// Who made the model, such as `anthropic`.
    pub maker: Option<Box<str>>,
    /// Where prompts are processed, such as `eu` or `us-east-1`; all of them may apply.
    pub regions: Vec<Box<str>>,
    /// What becomes of prompts.
    pub data: DataPolicy,
    /// May answers be used to train other models?
    pub distillable: Option<Distillable>,
    /// How the weights are stored.
    pub quantization: Quantization,
    /// Which calls want this target, and which it wants.
    pub tags: Vec<Box<str>>,
    /// Targets with a lower number are tried before those with a higher one.
    pub order: Option<u32>,
    /// Its share of the traffic in weighted policies; 1 when nobody said.
    pub weight: Option<f64>,
    /// How good its answers are, from 0 to 1. Where the application says nothing, a route takes it from
    /// [public benchmarks](crate::catalog::quality), if they have measured the model.
    pub quality: Option<f64>,
    /// Its place in a tiered route.
    pub tier: Option<Tier>,
    /// Was it said to answer itself, rather than nothing?
    pub(crate) says_direct: bool,
}

/// Places in a tiered route.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tier {
    /// The best answers.
    Best,
    /// Good answers for less.
    Cheaper,
    /// Fast and small: better than no answer.
    Light,
}

impl Tier {
    /// A short stable name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Best => "best",
            Self::Cheaper => "cheaper",
            Self::Light => "light",
        }
    }
}

/// Who runs the machines that answer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hosting {
    /// A provider that answers itself.
    #[default]
    Direct,
    /// A provider that passes requests on to others.
    Aggregator,
    /// The application's own machines.
    SelfHosted,
}

/// What a provider does with prompts.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DataPolicy {
    /// Nobody said.
    #[default]
    Unknown,
    /// Keeps them for its own use or trains on them.
    Collects,
    /// Does not use them, but may keep them for some days against abuse.
    Retains,
    /// Keeps nothing.
    ZeroRetention,
}

/// May answers be used to train other models?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Distillable {
    /// The licence allows it.
    Yes,
    /// The licence forbids it.
    No,
}

impl Traits {
    /// Nothing is known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Answers itself. Nothing else is assumed of a provider; this is for the one target that is hosted otherwise than the rest
    /// of its provider.
    #[must_use]
    pub fn direct(mut self) -> Self {
        self.hosting = Hosting::Direct;
        self.says_direct = true;
        self
    }

    /// Runs on the application's own machines, where nothing is kept that the application does not keep.
    #[must_use]
    pub fn self_hosted(mut self) -> Self {
        self.hosting = Hosting::SelfHosted;
        self.data = DataPolicy::ZeroRetention;
        self
    }

    /// Passes requests on to others.
    #[must_use]
    pub fn aggregator(mut self) -> Self {
        self.hosting = Hosting::Aggregator;
        self
    }

    /// Who made the model.
    #[must_use]
    pub fn maker(mut self, maker: &str) -> Self {
        self.maker = Some(maker.into());
        self
    }

    /// Adds a region that prompts may be processed in.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        self.regions.push(region.to_ascii_lowercase().into());
        self
    }

    /// What becomes of prompts.
    #[must_use]
    pub fn data(mut self, data: DataPolicy) -> Self {
        self.data = data;
        self
    }

    /// May answers be used to train other models?
    #[must_use]
    pub fn distillable(mut self, distillable: Distillable) -> Self {
        self.distillable = Some(distillable);
        self
    }

    /// How the weights are stored.
    #[must_use]
    pub fn quantization(mut self, quantization: Quantization) -> Self {
        self.quantization = quantization;
        self
    }

    /// Adds a tag. A target tagged `default` takes calls that no tagged target wants.
    #[must_use]
    pub fn tag(mut self, tag: &str) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Targets with a lower number are tried before those with a higher one.
    #[must_use]
    pub fn order(mut self, order: u32) -> Self {
        self.order = Some(order);
        self
    }

    /// Its share of the traffic in weighted policies: a number that is not negative.
    #[must_use]
    pub fn weight(mut self, weight: f64) -> Self {
        self.weight = Some(weight);
        self
    }

    /// How good its answers are, from 0 to 1.
    #[must_use]
    pub fn quality(mut self, quality: f64) -> Self {
        self.quality = Some(quality);
        self
    }

    /// Its place in a tiered route.
    #[must_use]
    pub fn tier(mut self, tier: Tier) -> Self {
        self.tier = Some(tier);
        self
    }

    /// As this, where nothing is known completed by `general`.
    #[must_use]
    pub(crate) fn or(mut self, general: &Self) -> Self {
        // That nothing is kept on the application's own machines says nothing of others'.
        let is_elsewhere = self.says_direct && general.hosting == Hosting::SelfHosted;
        if self.data == DataPolicy::default() && !is_elsewhere {
            self.data = general.data;
        }
        if self.hosting == Hosting::default() && !self.says_direct {
            self.hosting = general.hosting;
            self.says_direct = general.says_direct;
        }
        if self.quantization == Quantization::default() {
            self.quantization = general.quantization;
        }
        if self.regions.is_empty() {
            self.regions.clone_from(&general.regions);
        }
        for tag in general.tags.iter().filter(|tag| !self.tags.contains(tag)).cloned().collect::<Vec<_>>() {
            self.tags.push(tag);
        }
        self.maker = self.maker.or_else(|| general.maker.clone());
        self.distillable = self.distillable.or(general.distillable);
        self.order = self.order.or(general.order);
        self.weight = self.weight.or(general.weight);
        self.quality = self.quality.or(general.quality);
        self.vendor = self.vendor.or_else(|| general.vendor.clone());
        self.tier = self.tier.or(general.tier);
        self
    }

    /// Is one of its regions `wanted`, or inside it? Everything must lie inside one that is wanted.
    pub(super) fn is_within(&self, wanted: &[String]) -> bool {
        let inside = |region: &str| {
            wanted.iter().any(|wanted| {
                region.get(..wanted.len()).is_some_and(|head| head.eq_ignore_ascii_case(wanted))
                    && region.get(wanted.len()..).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            })
        };
        !self.regions.is_empty() && self.regions.iter().all(|region| inside(region))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_target_may_be_hosted_elsewhere_than_its_provider() {
        let ours = Traits::new().self_hosted();
        let hosting = |traits: Traits| (traits.hosting, traits.data);

        let rented = Traits::new().direct();
        assert_eq!(hosting(rented.clone().or(&ours)), (Hosting::Direct, DataPolicy::Unknown));
        assert_eq!(hosting(Traits::new().or(&rented).or(&ours)), (Hosting::Direct, DataPolicy::Unknown));
        assert_eq!(hosting(Traits::new().or(&ours)), (Hosting::SelfHosted, DataPolicy::ZeroRetention));
        let kept = rented.data(DataPolicy::Retains);
        assert_eq!(hosting(kept.or(&ours)), (Hosting::Direct, DataPolicy::Retains));
    }
}
