//! What a policy may know of a request.

use std::time::SystemTime;

use crate::catalog::Capability;

/// Facts about one request. Never the text itself.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct RequestFacts {
    /// About how many tokens the prompt has: its bytes divided by four.
    pub input_tokens: u64,
    /// Fewer tokens than this the prompt cannot have; for ruling context windows out.
    pub least_input_tokens: u64,
    /// How many tokens the answer is expected to have: the request's own limit, or a guess.
    pub output_tokens: u64,
    /// What the target must be able to do.
    pub needs: Vec<Capability>,
    /// How many targets can be tried at most.
    pub max_targets: usize,
    /// Calendar time of the request, for prices that depend on it.
    pub at: SystemTime,
    /// Uniform in the range of a `u64`: the only chance a policy may use.
    pub chance: u64,
}

impl RequestFacts {
    /// Facts about a request with a prompt of about `input_tokens`, made at `at`; everything else as usual.
    pub fn new(input_tokens: u64, at: SystemTime) -> Self {
        Self {
            input_tokens,
            least_input_tokens: 0,
            output_tokens: USUAL_OUTPUT,
            needs: Vec::new(),
            max_targets: 5,
            at,
            chance: 0,
        }
    }
}

/// What an answer without a limit is taken to have; it only weighs input against output prices.
pub(crate) const USUAL_OUTPUT: u64 = 500;
