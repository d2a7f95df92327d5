//! What can be seen of an answer without understanding it.

use super::arithmetic::{arithmetic, numbers};
use crate::routing::difficulty::number::{ONE, log2_fixed, share_fixed};

/// How an answer came about and what it looks like; pure, made from prompt and answer.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnswerSigns {
    /// There is nothing in it.
    pub empty: bool,
    /// It declines: a policy's refusal, or a phrase such as "I cannot help with".
    pub refusal: bool,
    /// It stops in the middle: cut by a limit, or no end of a sentence, list, number or block of code.
    pub truncated: bool,
    /// It was to follow a schema or to be JSON, and does not. `None` when nothing was asked for.
    pub invalid: Option<bool>,
    /// Words of doubt: "probably", "I think", "not sure", "however", …
    pub hedges: usize,
    /// It begins by saying that it does not know, or states sums and doubts them: of the weak answers to GSM8K that hedge, one
    /// in five is right, of the others two in three.
    pub doubtful: bool,
    /// Equations between numbers that it states.
    pub equations: usize,
    /// Those that do not hold.
    pub wrong_equations: usize,
    /// Numbers of the prompt.
    pub prompt_numbers: usize,
    /// Numbers of the prompt that the answer never uses.
    pub unused_numbers: usize,
    /// Lines with something on them.
    pub steps: usize,
    /// Bytes.
    pub length: usize,
    /// The last number is no whole number.
    pub ends_in_fraction: bool,
    /// The last number stands in the prompt already.
    pub ends_in_given: bool,
    /// The last number is what the last equation comes to.
    pub ends_in_result: bool,
    prompt_length: usize,
    digits: usize,
    questions: usize,
    numbers: usize,
}

/// What the caller knows about how an answer ended.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    /// It ended by itself, or nothing is known.
    #[default]
    Natural,
    /// A limit of tokens cut it.
    Cut,
    /// A filter or the model itself declined.
    Declined,
}

impl AnswerSigns {
    /// Reads `answer` to `prompt`. `invalid` says whether an asked-for format was missed.
    pub fn of(prompt: &str, answer: &str, ending: Ending, invalid: Option<bool>) -> Self {
        let prompt = start_of(prompt);
        let text = start_of(answer).trim();
        let sums = arithmetic(text);
        let given = numbers(prompt);
        let used = numbers(text);
        let last = used.last().copied();
        let equal = |one: f64, other: f64| one.to_bits() == other.to_bits();
        let lower = text.to_ascii_lowercase();
        let hedges: usize = HEDGES.iter().map(|phrase| lower.matches(phrase).take(20).count()).sum();
        let is_ignorant = IGNORANCE.iter().any(|phrase| head(&lower).contains(phrase));
        let result = text.rfind('=').and_then(|place| numbers(text.get(place..)?).first().copied());
        Self {
            empty: text.is_empty(),
            refusal: ending == Ending::Declined
                || REFUSALS.iter().any(|phrase| head(&lower).contains(phrase)),
            truncated: ending == Ending::Cut || breaks_off(text),
            invalid,
            hedges,
            doubtful: is_ignorant || (hedges > 0 && sums.checked > 0 && given.len() >= 2),
            equations: sums.checked,
            wrong_equations: sums.wrong,
            prompt_numbers: given.len(),
            unused_numbers: given
                .iter()
                .filter(|given| !used.iter().any(|used| equal(**given, *used)))
                .count(),
            steps: text.lines().filter(|line| !line.trim().is_empty()).count(),
            length: answer.len(),
            ends_in_fraction: last.is_some_and(|last| !equal(last.trunc(), last)),
            ends_in_given: last.is_some_and(|last| given.iter().any(|given| equal(*given, last))),
            ends_in_result: last.zip(result).is_some_and(|(last, result)| equal(last, result)),
            prompt_length: prompt.len(),
            digits: text.bytes().filter(u8::is_ascii_digit).count(),
            questions: text.matches('?').count(),
            numbers: used.len(),
        }
    }

    /// Why this answer must not be shown, whatever a scorer thinks; `None` when nothing is plainly wrong with it.
    pub fn plain_fault(&self) -> Option<&'static str> {
        if self.empty {
            Some("the answer is empty")
        } else if self.invalid == Some(true) {
            Some("the answer is not in the form that was asked for")
        } else if self.refusal {
            Some("the answer declines")
        } else if self.truncated {
            Some("the answer breaks off")
        } else {
            None
        }
    }

    /// For a scorer, in fixed point and in a fixed order.
    pub(crate) fn features(&self) -> [i32; SIGNS] {
        let flag = |fact: bool| if fact { ONE } else { 0 };
        [
            flag(self.empty),
            flag(self.refusal),
            flag(self.truncated),
            flag(self.invalid == Some(true)),
            log2_fixed(self.hedges) / 3,
            log2_fixed(self.equations) / 3,
            flag(self.wrong_equations > 0),
            share_fixed(self.wrong_equations, self.equations, 1),
            log2_fixed(self.unused_numbers) / 3,
            share_fixed(self.unused_numbers, self.prompt_numbers, 1),
            log2_fixed(self.steps) / 4,
            log2_fixed(self.length) / 9,
            flag(self.ends_in_fraction),
            flag(self.ends_in_given),
            flag(self.ends_in_result),
            share_fixed(self.digits, self.length, 4),
            flag(self.questions > 0),
            log2_fixed(self.numbers) / 5,
            flag(self.equations == 0),
            (log2_fixed(self.length) - log2_fixed(self.prompt_length)) / 3,
            (log2_fixed(self.equations) - log2_fixed(self.prompt_numbers)) / 3,
            flag(self.equations > 0 && self.equations + 1 < self.prompt_numbers),
        ]
    }
}

/// How many features an answer has.
pub(crate) const SIGNS: usize = 22;

/// Does the text stop where no text ends?
fn breaks_off(text: &str) -> bool {
    if text.matches("```").count() % 2 == 1 {
        return true;
    }
    // A short answer, a name or a letter, needs no full stop.
    let long = text.len() >= 80;
    let last_line = text.lines().next_back().unwrap_or_default().trim_end();
    let ended = last_line.ends_with(|last: char| {
        last.is_ascii_digit() || !last.is_ascii() || ".!?:;)]}>\"'`*|%$-_".contains(last)
    });
    long && !ended && last_line.len() >= 30
}

fn head(text: &str) -> &str {
    let mut end = text.len().min(200);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// So much of a text is read; an answer can be megabytes long.
fn start_of(text: &str) -> &str {
    let mut end = text.len().min(64 * 1024);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.get(..end).unwrap_or_default()
}

/// At the beginning of an answer, in lower case.
const REFUSALS: [&str; 12] = [
    "i cannot help",
    "i can't help",
    "i cannot assist",
    "i can't assist",
    "i'm unable to",
    "i am unable to",
    "i'm not able to",
    "i'm sorry, but i",
    "i am sorry, but i",
    "as an ai language model, i cannot",
    "i won't be able to",
    "i must decline",
];

/// At the beginning of an answer, in lower case.
const IGNORANCE: [&str; 9] = [
    "i don't know",
    "i do not know",
    "i'm not sure",
    "i am not sure",
    "i'm not certain",
    "i am not certain",
    "not enough information",
    "cannot be determined",
    "can't be determined",
];

const HEDGES: [&str; 14] = [
    "probably",
    "perhaps",
    "maybe",
    "i think",
    "i believe",
    "not sure",
    "unclear",
    "however",
    "assum",
    "it seems",
    "might be",
    "not enough information",
    "it is not possible",
    "approximately",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn signs(prompt: &str, answer: &str) -> AnswerSigns {
        AnswerSigns::of(prompt, answer, Ending::Natural, None)
    }

    #[test]
    fn plain_faults_are_named() {
        let long = "This sentence goes on and on about nothing in particular until somebody decides to cut it off in the";
        for (answer, ending, invalid, fault) in [
            ("", Ending::Natural, None, Some("the answer is empty")),
            (
                "{\"a\": 1",
                Ending::Natural,
                Some(true),
                Some("the answer is not in the form that was asked for"),
            ),
            ("I'm sorry, but I can't do that.", Ending::Natural, None, Some("the answer declines")),
            ("Paris.", Ending::Declined, None, Some("the answer declines")),
            ("Paris is", Ending::Cut, None, Some("the answer breaks off")),
            (long, Ending::Natural, None, Some("the answer breaks off")),
            ("```rust\nfn main() {", Ending::Natural, None, Some("the answer breaks off")),
            ("Paris", Ending::Natural, None, None),
            ("{\"a\": 1}", Ending::Natural, Some(false), None),
        ] {
            assert_eq!(AnswerSigns::of("?", answer, ending, invalid).plain_fault(), fault, "{answer}");
        }
    }

    #[test]
    fn numbers_that_are_never_used_are_counted() {
        let seen = signs("He has 3 apples, 5 pears and 2 baskets.", "3 + 5 = 8");

        assert_eq!((seen.prompt_numbers, seen.unused_numbers), (3, 1));
        assert!(seen.ends_in_result && !seen.ends_in_given);
    }

    #[test]
    fn doubt_wrong_sums_and_fractions_show() {
        let seen = signs("How many of 7 and 2?", "Perhaps it is 7 / 2 = 4, however I think 3.5");

        assert_eq!((seen.hedges, seen.equations, seen.wrong_equations), (3, 1, 1));
        assert!(seen.ends_in_fraction);
    }

    #[test]
    fn doubt_counts_where_it_is_said_at_once_or_over_sums() {
        for (prompt, answer, doubtful) in [
            ("Who painted it?", "I'm not sure, but it may be Vermeer.", true),
            ("Who painted it?", "It was probably Vermeer. However, some say otherwise.", false),
            ("3 pens at 4 dollars each?", "Assuming tax is included, 3 * 4 = 12.", true),
            ("3 pens at 4 dollars each?", "3 * 4 = 12.", false),
            ("", "", false),
        ] {
            assert_eq!(signs(prompt, answer).doubtful, doubtful, "{answer}");
        }
    }

    #[test]
    fn megabytes_and_odd_bytes_are_read_in_bounds() {
        let seen = signs(&"7 ".repeat(1_000_000), &"é=1".repeat(1_000_000));

        assert_eq!(seen.length, 4_000_000);
        assert!(seen.features().iter().all(|value| value.abs() <= 64 * ONE));
    }
}
