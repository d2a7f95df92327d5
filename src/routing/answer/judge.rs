//! The forecast once the weak model has answered.

#![expect(clippy::float_arithmetic, reason = "probabilities, never money")]

use super::AnswerSigns;
use super::signs::SIGNS;
use crate::routing::difficulty::number::{ONE, logistic};
use crate::routing::difficulty::sketch::Sketch;
use crate::routing::difficulty::{Difficulty, Forecast};

/// Foretells from a prompt and the weak model's answer how likely that answer is good, and the strong model's would be.
/// Made from your own outcomes by [`Trainer::train_judge`](crate::routing::difficulty::Trainer::train_judge).
///
/// What signs say depends on the traffic: in word problems a failed sum is telling, elsewhere there are none. So none is
/// shipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judge {
    prompt: Difficulty,
    /// For the strong and the weak model, 16 binary places.
    signs: [[i32; SIGNS]; 2],
}

impl Judge {
    pub(crate) fn new(prompt: Difficulty, signs: [[i32; SIGNS]; 2]) -> Self {
        Self { prompt, signs }
    }

    /// The forecast for `prompt`, to which the weak model gave an answer with these `signs`.
    pub fn forecast(&self, prompt: &str, signs: &AnswerSigns) -> Forecast {
        let [strong, weak] = self.prompt.log_odds(&Sketch::of(prompt));
        let features = signs.features();
        let [strong_signs, weak_signs] = self.signs.map(|weights| {
            let sum: i64 = weights
                .iter()
                .zip(features)
                .map(|(weight, value)| i64::from(*weight) * i64::from(value))
                .sum();
            sum as f64 / f64::from(ONE << 16)
        });
        Forecast::new(logistic(strong + strong_signs), logistic(weak + weak_signs))
    }
}
