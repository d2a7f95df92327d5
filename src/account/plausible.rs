//! Is what a vendor says it used possible?

use super::ledger::Flag;
use crate::catalog::Model;
use crate::types::{Usage, Usd};

/// What is suspicious about the usage of an attempt that answered, or of one whose usage is known all the same.
///
/// Providers that search or run tools of their own count every round, so several windows' worth of tokens are possible;
/// [`MOST_WINDOWS`] are not.
pub(crate) fn suspicions(usage: Option<&Usage>, model: Option<&Model>, answered: Answered) -> Vec<Flag> {
    let mut flags = Vec::new();
    let Some(usage) = usage else {
        if answered == Answered::Yes {
            flags.push(Flag::UnknownUsage);
        }
        return flags;
    };
    let part_exceeds = |whole: Option<u64>, parts: [Option<u64>; 3]| {
        whole.is_some_and(|whole| parts.into_iter().flatten().any(|part| part > whole))
    };
    let input = [usage.cache_read_tokens, usage.cache_write_tokens, usage.audio_input_tokens];
    let output = [usage.reasoning_tokens, usage.audio_output_tokens, usage.image_output_tokens];
    if part_exceeds(usage.input_tokens, input) || part_exceeds(usage.output_tokens, output) {
        flags.push(Flag::ContradictoryUsage);
    }
    let window = model.and_then(|model| model.context_window.max(model.max_input_tokens));
    let most = window.map_or(MOST_TOKENS, |window| window.saturating_mul(MOST_WINDOWS));
    let counts =
        [usage.input_tokens, usage.output_tokens, usage.billed_input_tokens, usage.billed_output_tokens];
    if counts.into_iter().flatten().any(|count| count > most) {
        flags.push(Flag::ImpossibleUsage);
    }
    if usage.reported_cost.is_some_and(|cost| cost < Usd::ZERO) {
        flags.push(Flag::NegativeCost);
    }
    if answered == Answered::Yes
        && usage.input_tokens.is_none()
        && usage.output_tokens.is_none()
        && usage.searches.is_none()
    {
        flags.push(Flag::UnknownUsage);
    }
    flags
}

/// Did the attempt come to an answer?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    No,
    Yes,
}

/// Rounds of a provider's own tools that one answer may count.
const MOST_WINDOWS: u64 = 20;

/// Where the window is not known: twenty times the largest there is.
const MOST_TOKENS: u64 = 200_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_is_flagged_and_what_can_is_not() {
        let mut model = Model::new("m");
        model.context_window = Some(1_000);
        let usage = |input, output, change: fn(&mut Usage)| {
            let mut usage = Usage::of(input, output);
            change(&mut usage);
            usage
        };
        for (usage, expected) in [
            (usage(900, 100, |_| {}), vec![]),
            (usage(5_000, 100, |_| {}), vec![]),
            (usage(0, 0, |_| {}), vec![]),
            (usage(1_000_000, 1, |_| {}), vec![Flag::ImpossibleUsage]),
            (usage(1, u64::MAX, |_| {}), vec![Flag::ImpossibleUsage]),
            (usage(10, 1, |usage| usage.cache_read_tokens = Some(11)), vec![Flag::ContradictoryUsage]),
            (usage(10, 1, |usage| usage.reasoning_tokens = Some(2)), vec![Flag::ContradictoryUsage]),
            (usage(10, 1, |usage| usage.reported_cost = Some(Usd::from_pico(-1))), vec![Flag::NegativeCost]),
            (Usage::default(), vec![Flag::UnknownUsage]),
        ] {
            assert_eq!(suspicions(Some(&usage), Some(&model), Answered::Yes), expected, "{usage:?}");
        }
        assert_eq!(suspicions(None, None, Answered::Yes), [Flag::UnknownUsage]);
        assert_eq!(suspicions(None, None, Answered::No), []);
        assert_eq!(
            suspicions(Some(&Usage::of(1_000_000_000, 1)), None, Answered::Yes),
            [Flag::ImpossibleUsage]
        );
    }
}
