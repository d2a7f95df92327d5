//! What a prompt looks like from outside: hashed pieces of its text, and a handful of counts.

use super::shape::{self, SHAPES};

/// Buckets for runs of three to five letters within a word.
pub(crate) const LETTER_BUCKETS: usize = 24 * 1024;
/// Buckets for words and pairs of words.
pub(crate) const WORD_BUCKETS: usize = 6 * 1024;
/// So much of the beginning and as much of the end of a prompt is read; the rest only counts for its length.
const READ: usize = 4_096;

/// The features of one prompt. Holds hashes, not text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sketch {
    /// Which letter buckets occur, each once.
    pub(crate) letters: Vec<u16>,
    /// Which word buckets occur, each once.
    pub(crate) words: Vec<u16>,
    /// Counts and yes-or-no facts, in fixed point.
    pub(crate) shape: [i32; SHAPES],
}

impl Sketch {
    /// Reads `prompt`, in time that does not grow beyond eight kilobytes of it.
    pub(crate) fn of(prompt: &str) -> Self {
        let bytes = prompt.as_bytes();
        let whole;
        let excerpt: &[u8] = match (bytes.get(..READ), bytes.get(bytes.len().saturating_sub(READ)..)) {
            (Some(head), Some(tail)) if bytes.len() > 2 * READ => {
                whole = [head, b"\n", tail].concat();
                &whole
            }
            _ => bytes,
        };
        let text = folded(excerpt);
        let mut words = Buckets::<{ WORD_BUCKETS / 64 }>::new();
        let mut shape = shape::Counter::new(bytes.len(), excerpt);
        let mut previous = None;
        for word in text.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty()) {
            let hash = hash(WORD_SEED, word);
            shape.word(hash);
            words.add(finish(hash));
            if let Some(previous) = previous {
                words.add(finish(self::hash(previous, word)));
            }
            previous = Some(hash ^ PAIR_SEED);
        }
        Self { letters: letters(&text), words: words.found, shape: shape.finish() }
    }
}

/// Lower case, and one blank for every white space, with one around the text.
fn folded(excerpt: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(excerpt.len() + 2);
    text.push(b' ');
    text.extend(
        excerpt.iter().map(|byte| if byte.is_ascii_whitespace() { b' ' } else { byte.to_ascii_lowercase() }),
    );
    text.push(b' ');
    text
}

/// Letters beyond ASCII count as parts of words: their tables change with the version of Unicode, this does not.
const fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte >= 0x80
}

/// Runs stay within a word, the blanks around it included: runs across words are many, and say little about new text.
fn letters(text: &[u8]) -> Vec<u16> {
    let mut buckets = Buckets::<{ LETTER_BUCKETS / 64 }>::new();
    let mut start = 0;
    while let Some(length) = text.get(start + 1..).and_then(|rest| rest.iter().position(|byte| *byte == b' '))
    {
        let padded = text.get(start..start + length + 2).unwrap_or_default();
        if length > 0 {
            for from in 0..padded.len() {
                let run = padded.get(from..).unwrap_or_default();
                let mut state = RUN_SEED;
                for (place, byte) in run.iter().take(5).enumerate() {
                    state = step(state, *byte);
                    if place >= 2 {
                        buckets.add(finish(state));
                    }
                }
            }
        }
        start += length + 1;
    }
    buckets.found
}

/// A set of buckets that remembers its members. `W` words of 64 buckets each.
struct Buckets<const W: usize> {
    seen: [u64; W],
    found: Vec<u16>,
}

impl<const W: usize> Buckets<W> {
    fn new() -> Self {
        Self { seen: [0; W], found: Vec::with_capacity(256) }
    }

    fn add(&mut self, hash: u32) {
        let buckets = u64::try_from(W * 64).unwrap_or(u64::MAX);
        let bucket = usize::try_from((u64::from(hash) * buckets) >> 32).unwrap_or(0);
        let Some(word) = self.seen.get_mut(bucket / 64) else { return };
        let bit = 1 << (bucket % 64);
        if *word & bit == 0 {
            *word |= bit;
            self.found.push(u16::try_from(bucket).unwrap_or(u16::MAX));
        }
    }
}

/// FNV-1a, carried on from `state`.
pub(crate) const fn hash(state: u32, bytes: &[u8]) -> u32 {
    let mut hash = state;
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        hash = step(hash, *first);
        rest = tail;
    }
    hash
}

const fn step(state: u32, byte: u8) -> u32 {
    (state ^ byte as u32).wrapping_mul(0x0100_0193)
}

/// Spreads every bit over all of them; the upper ones choose the bucket.
const fn finish(hash: u32) -> u32 {
    let hash = (hash ^ (hash >> 15)).wrapping_mul(0x2c1b_3c6d);
    (hash ^ (hash >> 12)).wrapping_mul(0x297a_2d39)
}

pub(crate) const WORD_SEED: u32 = 0x811c_9dc5;
const PAIR_SEED: u32 = 0x5bd1_e995;
const RUN_SEED: u32 = 0x1b87_3593;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_and_kinds_of_white_space_do_not_matter_to_the_buckets() {
        let one = Sketch::of("What is\tthe capital?");
        let other = Sketch::of("WHAT IS\nTHE CAPITAL?");

        assert_eq!((one.letters, one.words), (other.letters, other.words));
    }

    #[test]
    fn every_bucket_is_named_once_and_is_in_range() {
        let sketch = Sketch::of(&"the cat and the cat and the dog ".repeat(40));

        for (buckets, most) in [(&sketch.letters, LETTER_BUCKETS), (&sketch.words, WORD_BUCKETS)] {
            let mut sorted = buckets.clone();
            sorted.sort_unstable();
            sorted.dedup();
            assert_eq!(sorted.len(), buckets.len());
            assert!(buckets.iter().all(|bucket| usize::from(*bucket) < most));
        }
    }

    #[test]
    fn text_that_is_empty_binary_or_huge_is_read_too() {
        for text in ["", "\0\u{1}\u{7f}", "日本語のテキスト", "é", &"ab ".repeat(1_000_000)] {
            let sketch = Sketch::of(text);
            assert!(sketch.letters.len() <= 3 * (2 * READ + 3));
        }
    }

    #[test]
    fn beginning_and_end_of_a_long_prompt_are_read_and_its_middle_is_not() {
        let filler = "x".repeat(20_000);
        let at = |head: &str, middle: &str, tail: &str| {
            Sketch::of(&format!("{head}{filler}{middle}{filler}{tail}")).words
        };

        assert_eq!(at("head ", " one ", " tail"), at("head ", " two ", " tail"));
        assert_ne!(at("head ", " one ", " tail"), at("foot ", " one ", " tail"));
        assert_ne!(at("head ", " one ", " tail"), at("head ", " one ", " nail"));
    }
}
