//! What a policy may know of a request.

use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use crate::catalog::{CapabilitySet, Counted, Vocabulary};
use crate::types::{Preferences, Sensitivity, Stakes, Target, Usd};

/// Facts about one request. Never the text itself.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestFacts {
    /// About how many tokens the prompt has: its bytes divided by four.
    pub input_tokens: u64,
    /// Fewer tokens than this the prompt cannot have; for ruling context windows out.
    pub least_input_tokens: u64,
    /// The prompt in the vocabularies of the candidates that have one; empty without the feature `tokenizer`.
    #[serde(default)]
    pub counted: Counted,
    /// How many tokens each answer is expected to have: what answers of this route had of late, at most the request's own
    /// limit.
    pub output_tokens: u64,
    /// The request's own limit on the answer.
    pub output_limit: Option<u64>,
    /// How many answers are asked for.
    #[serde(default = "one")]
    pub answers: u64,
    /// The service tier the request names; it goes before a target's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_tier: Option<Box<str>>,
    /// What the target must be able to do.
    pub needs: CapabilitySet,
    /// What the request also uses, and a target may do without: it is left out or imitated there.
    pub wants: CapabilitySet,
    /// How many targets can be tried at most: at least one.
    pub max_targets: usize,
    /// Calendar time of the request, for prices that depend on it.
    pub at: SystemTime,
    /// Uniform in the range of a `u64`: the only chance a policy may use.
    pub chance: u64,
    /// How much depends on a good answer.
    pub stakes: Stakes,
    /// May it leave the application's own machines?
    pub sensitivity: Sensitivity,
    /// What the call demands of its targets on top of its route.
    pub preferences: Option<Box<Preferences>>,
    /// What is left of the tightest budget that applies.
    pub budget_left: Option<Usd>,
    /// Equal for the calls of one conversation.
    pub session: Option<u64>,
    /// Equal for prompts that begin alike, where they are long enough for a provider to cache.
    pub beginning: Option<u64>,
    /// Where the beginning of this prompt may still lie in a prompt cache.
    pub warm: Vec<Warm>,
    /// What a strong model is expected to gain, where the route's policy [foretells](super::Escalation::gain) it.
    pub gain: Option<f64>,
    /// What the application says of the call.
    pub labels: Labels,
}

impl RequestFacts {
    /// Facts about a request with a prompt of about `input_tokens`, made at `at`; everything else as usual.
    pub fn new(input_tokens: u64, at: SystemTime) -> Self {
        Self {
            input_tokens,
            least_input_tokens: 0,
            counted: Counted::NOT,
            output_tokens: USUAL_OUTPUT,
            output_limit: None,
            answers: 1,
            service_tier: None,
            needs: CapabilitySet::default(),
            wants: CapabilitySet::default(),
            max_targets: 5,
            at,
            chance: 0,
            stakes: Stakes::default(),
            sensitivity: Sensitivity::default(),
            preferences: None,
            budget_left: None,
            session: None,
            beginning: None,
            warm: Vec::new(),
            gain: None,
            labels: Labels::default(),
        }
    }

    /// Fewer tokens than this the prompt cannot have for a model that reads with `vocabulary`.
    pub fn least_tokens(&self, vocabulary: Option<Vocabulary>) -> u64 {
        self.counted.of(vocabulary).map_or(self.least_input_tokens, |counted| counted.least)
    }

    /// Tokens of all answers together.
    pub(crate) fn all_output_tokens(&self) -> u64 {
        self.output_tokens.saturating_mul(self.answers)
    }

    /// The same for every candidate.
    pub(super) fn least_tokens_anywhere(&self) -> u64 {
        let counted = [self.counted.cl100k, self.counted.o200k].into_iter().flatten();
        counted.map(|counted| counted.least).fold(self.least_input_tokens, u64::max)
    }

    /// A source of chance that follows from [`chance`](Self::chance), for policies that draw more than once.
    pub fn random(&self) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.chance)
    }
}

/// A target whose provider may still hold the beginning of a prompt in its cache.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Warm {
    /// The target.
    pub target: Target,
    /// How many tokens of the prompt lie there.
    pub tokens: u64,
    /// How likely they are still there, from 0 to 1.
    pub probability: f64,
}

impl Warm {
    /// `tokens` of the prompt lie at `target` with this probability.
    pub fn new(target: Target, tokens: u64, probability: f64) -> Self {
        Self { target, tokens, probability }
    }
}

/// What the application says of a call. Copied from its [`CallOptions`](crate::types::CallOptions).
#[non_exhaustive]
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Labels {
    /// Labels that targets can ask for.
    pub tags: Vec<String>,
    /// Facts of the application's own.
    pub attributes: BTreeMap<String, String>,
}

/// Names only: values may be names of people.
impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Labels")
            .field("tags", &self.tags.len())
            .field("attributes", &self.attributes.keys())
            .finish()
    }
}

const fn one() -> u64 {
    1
}

/// What an answer without a limit is taken to have; it only weighs input against output prices.
const USUAL_OUTPUT: u64 = 500;
