//! The forecast: will the strong model be right, will the weak one?

#![expect(clippy::float_arithmetic, reason = "probabilities, never money")]

use std::sync::OnceLock;

use super::number::{ONE, logistic};
use super::shape::SHAPES;
use super::sketch::{LETTER_BUCKETS, Sketch, WORD_BUCKETS};
use crate::error::{Error, ErrorKind, Result};

/// Foretells from a prompt alone how likely a strong and a weak model are to answer it well.
///
/// Two logistic models with integer weights over hashed runs of letters, hashed words and some counts: the same numbers on
/// every machine, in microseconds, without a download. A forecast is only as good as its training is near to your traffic:
/// [`shipped`](Self::shipped) is a prior from public questions, [`Trainer`](super::Trainer) makes one from your own.
///
/// ```
/// use polyroute::routing::difficulty::Difficulty;
///
/// let forecast = Difficulty::shipped().forecast("Prove that there are infinitely many primes of the form 4k + 3.");
/// assert!((0.0..=1.0).contains(&forecast.strong) && (-1.0..=1.0).contains(&forecast.gain()));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Difficulty {
    strong: Linear,
    weak: Linear,
}

/// How likely each model is to answer well, between zero and one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// The strong model.
    pub strong: f64,
    /// The weak model.
    pub weak: f64,
}

impl Forecast {
    /// These probabilities; what is no number counts as even odds, what is out of range as its end.
    pub fn new(strong: f64, weak: f64) -> Self {
        let sane = |share: f64| if share.is_nan() { 0.5 } else { share.clamp(0.0, 1.0) };
        Self { strong: sane(strong), weak: sane(weak) }
    }

    /// What is gained by asking the strong model: the larger, the more. Between minus one and one.
    pub fn gain(self) -> f64 {
        self.strong - self.weak
    }
}

impl Difficulty {
    /// The prior of this crate, trained on MMLU, GSM8K and MT-Bench outcomes of one pair of models by the program
    /// `examples/train_difficulty.rs`. On other traffic it may be little better than chance; calibrate.
    pub fn shipped() -> &'static Self {
        static SHIPPED: OnceLock<Difficulty> = OnceLock::new();
        SHIPPED.get_or_init(|| Self::from_bytes(include_bytes!("prior.bin")).unwrap_or_else(|_| Self::even()))
    }

    /// Knows nothing: even odds for every prompt.
    fn even() -> Self {
        Self { strong: Linear::zero(), weak: Linear::zero() }
    }

    pub(super) fn new(strong: Linear, weak: Linear) -> Self {
        Self { strong, weak }
    }

    /// The forecast for `prompt`. Reads at most its first and last four kilobytes.
    pub fn forecast(&self, prompt: &str) -> Forecast {
        self.judge(&Sketch::of(prompt))
    }

    pub(crate) fn judge(&self, sketch: &Sketch) -> Forecast {
        let [strong, weak] = self.log_odds(sketch).map(logistic);
        Forecast { strong, weak }
    }

    /// Of the strong and the weak model.
    pub(crate) fn log_odds(&self, sketch: &Sketch) -> [f64; 2] {
        [self.strong.log_odds(sketch), self.weak.log_odds(sketch)]
    }

    /// The weights as bytes, at most 64 KB, for [`from_bytes`](Self::from_bytes).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        self.strong.write(&mut bytes);
        self.weak.write(&mut bytes);
        bytes
    }

    /// Reads weights that [`to_bytes`](Self::to_bytes) wrote.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when they are not such weights, or of another version of the features.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let wrong = |what| {
            let message =
                format!("these are not the weights of a difficulty model: {what}; train them again");
            Error::new(ErrorKind::Configuration, message)
        };
        let mut rest = bytes.strip_prefix(MAGIC).ok_or_else(|| wrong("the heading is another one"))?;
        let strong = Linear::read(&mut rest).ok_or_else(|| wrong("they are too short"))?;
        let weak = Linear::read(&mut rest).ok_or_else(|| wrong("they are too short"))?;
        if rest.is_empty() { Ok(Self { strong, weak }) } else { Err(wrong("they are too long")) }
    }
}

impl std::fmt::Debug for Difficulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Difficulty").field("bytes", &self.to_bytes().len()).finish_non_exhaustive()
    }
}

/// Changes when the features do: weights for other features mean nothing.
const MAGIC: &[u8] = b"polyroute difficulty 1\n";

/// One logistic model in integers.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Linear {
    /// 16 binary places.
    shape: Vec<i32>,
    /// Times `letter_unit`.
    letters: Vec<i8>,
    /// 24 binary places.
    letter_unit: u32,
    words: Vec<i8>,
    word_unit: u32,
}

impl Linear {
    fn zero() -> Self {
        Self {
            shape: vec![0; SHAPES],
            letters: vec![0; LETTER_BUCKETS],
            letter_unit: 0,
            words: vec![0; WORD_BUCKETS],
            word_unit: 0,
        }
    }

    /// Rounds trained weights, in the order shape, letters, words.
    pub(super) fn round(weights: &[f32]) -> Self {
        let (shape, rest) = weights.split_at_checked(SHAPES).unwrap_or_default();
        let (letters, words) = rest.split_at_checked(LETTER_BUCKETS).unwrap_or_default();
        let (letters, letter_unit) = bytes_of(letters, LETTER_BUCKETS);
        let (words, word_unit) = bytes_of(words, WORD_BUCKETS);
        let mut shape: Vec<i32> =
            shape.iter().map(|weight| whole(f64::from(*weight) * f64::from(1 << 16))).collect();
        shape.resize(SHAPES, 0);
        Self { shape, letters, letter_unit, words, word_unit }
    }

    fn log_odds(&self, sketch: &Sketch) -> f64 {
        let shape: i64 = self
            .shape
            .iter()
            .zip(sketch.shape)
            .map(|(weight, value)| i64::from(*weight) * i64::from(value))
            .sum();
        shape as f64 / f64::from(ONE << 16)
            + mean(&self.letters, self.letter_unit, &sketch.letters)
            + mean(&self.words, self.word_unit, &sketch.words)
    }

    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend(self.shape.iter().flat_map(|weight| weight.to_le_bytes()));
        bytes.extend(self.letter_unit.to_le_bytes());
        bytes.extend(self.letters.iter().flat_map(|weight| weight.to_le_bytes()));
        bytes.extend(self.word_unit.to_le_bytes());
        bytes.extend(self.words.iter().flat_map(|weight| weight.to_le_bytes()));
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        let shape = (0..SHAPES).map(|_| take(rest).map(i32::from_le_bytes)).collect::<Option<_>>()?;
        let letter_unit = u32::from_le_bytes(take(rest)?);
        let letters = signed(rest.split_off(..LETTER_BUCKETS)?);
        let word_unit = u32::from_le_bytes(take(rest)?);
        let words = signed(rest.split_off(..WORD_BUCKETS)?);
        Some(Self { shape, letters, letter_unit, words, word_unit })
    }
}

/// The sum of the weights of `buckets`, over the root of their number: long and short prompts weigh the same.
fn mean(weights: &[i8], unit: u32, buckets: &[u16]) -> f64 {
    let sum: i32 = buckets
        .iter()
        .filter_map(|bucket| weights.get(usize::from(*bucket)))
        .map(|weight| i32::from(*weight))
        .sum();
    let count = u32::try_from(buckets.len().max(1)).unwrap_or(u32::MAX);
    f64::from(sum) * f64::from(unit) / f64::from(1 << 24) / f64::from(count).sqrt()
}

/// The weights as multiples of a unit, the largest being 127 of it.
fn bytes_of(weights: &[f32], count: usize) -> (Vec<i8>, u32) {
    let largest = weights.iter().fold(0.0_f64, |largest, weight| largest.max(f64::from(weight.abs())));
    let unit = u32::try_from(whole(largest / 127.0 * f64::from(1 << 24)).max(1)).unwrap_or(1);
    let one = f64::from(unit) / f64::from(1 << 24);
    let mut bytes: Vec<i8> = weights
        .iter()
        .map(|weight| i8::try_from(whole(f64::from(*weight) / one).clamp(-127, 127)).unwrap_or(0))
        .collect();
    bytes.resize(count, 0);
    (bytes, unit)
}

/// The nearest whole number; the ends of the range for what is beyond it.
pub(super) fn whole(value: f64) -> i32 {
    value.round() as i32
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

fn signed(bytes: &[u8]) -> Vec<i8> {
    bytes.iter().map(|byte| i8::from_le_bytes([*byte])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_prior_is_there_and_small_enough() {
        let bytes = include_bytes!("prior.bin");

        assert!(bytes.len() <= 64 * 1024, "{} bytes", bytes.len());
        assert_eq!(Difficulty::from_bytes(bytes).unwrap(), *Difficulty::shipped());
        assert_ne!(*Difficulty::shipped(), Difficulty::even());
    }

    /// One prompt may be misjudged; six of each kind are not.
    #[test]
    fn the_shipped_prior_tells_problems_from_small_talk() {
        let gain = |prompts: [&str; 6]| -> f64 {
            prompts.iter().map(|prompt| Difficulty::shipped().forecast(prompt).gain()).sum()
        };
        let problems = gain([
            "Prove that the square root of two is irrational.",
            "A train leaves at 3 pm at 60 miles an hour, another an hour later at 90. When does it catch up?",
            "Find all integers x for which x^2 - 5x + 6 is divided by 7 without remainder.",
            "What is the probability that two of thirty people share a birthday?",
            "A store sells 24 boxes of pens for $3.50 each and gives a discount of 15%. How much is the total?",
            "If all premises are true and the conclusion is false, what follows about the argument?",
        ]);
        let small_talk = gain([
            "Hello!",
            "Good morning, how are you?",
            "Thank you very much.",
            "What is the capital of France?",
            "Which color is the sky?",
            "See you tomorrow.",
        ]);

        assert!(problems > small_talk, "{problems} {small_talk}");
    }

    #[test]
    fn weights_are_read_as_they_were_written_and_nothing_else_is() {
        let bytes = Difficulty::shipped().to_bytes();

        assert_eq!(Difficulty::from_bytes(&bytes).unwrap(), *Difficulty::shipped());
        for wrong in [&bytes[1..], &bytes[..bytes.len() - 1], &[bytes.as_slice(), b"x"].concat(), b""] {
            let error = Difficulty::from_bytes(wrong).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
        }
    }

    #[test]
    fn any_weights_and_any_text_give_a_probability() {
        let mut bytes = Difficulty::even().to_bytes();
        bytes.iter_mut().skip(MAGIC.len()).for_each(|byte| *byte = 0xff);
        let wild = Difficulty::from_bytes(&bytes).unwrap();

        for prompt in ["", "\0", "plain", &"数".repeat(100_000)] {
            let forecast = wild.forecast(prompt);
            assert!(
                (0.0..=1.0).contains(&forecast.strong) && (0.0..=1.0).contains(&forecast.weak),
                "{forecast:?}"
            );
        }
        assert!(Forecast::new(f64::NAN, f64::INFINITY).gain().is_finite());
    }
}
