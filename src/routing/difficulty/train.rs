//! Learning a difficulty model from prompts whose outcomes are known.

#![expect(clippy::float_arithmetic, reason = "statistics, never money")]

use std::collections::BTreeMap;

use super::logistic::{Fit, Rows, narrow, small};
use super::model::{Difficulty, Linear, whole};
use super::number::{ONE, log2_fixed};
use super::shape::SHAPES;
use super::sketch::{LETTER_BUCKETS, Sketch, WORD_BUCKETS};
use crate::routing::answer::{AnswerSigns, Judge, SIGNS};

/// A prompt that both models have answered, and how well: between zero and one.
#[non_exhaustive]
#[derive(Clone, PartialEq)]
pub struct Lesson {
    sketch: Sketch,
    strong: f32,
    weak: f32,
    group: Option<Box<str>>,
    signs: AnswerSigns,
}

impl Lesson {
    /// Both outcomes of `prompt`, between zero and one; what is out of range counts as its end, what is no number as one
    /// half. The text is not kept, only hashes of its pieces.
    pub fn new(prompt: &str, strong: f64, weak: f64) -> Self {
        let sane = |share: f64| if share.is_nan() { 0.5 } else { narrow(share.clamp(0.0, 1.0)) };
        Self {
            sketch: Sketch::of(prompt),
            strong: sane(strong),
            weak: sane(weak),
            group: None,
            signs: AnswerSigns::default(),
        }
    }

    /// Says which kind of question it is, where that is known in training: kinds lend strength to their members.
    #[must_use]
    pub fn of_kind(mut self, kind: impl Into<Box<str>>) -> Self {
        self.group = Some(kind.into());
        self
    }

    /// Adds what the weak model's answer looks like, for [`Trainer::train_judge`].
    #[must_use]
    pub fn with_signs(mut self, signs: AnswerSigns) -> Self {
        self.signs = signs;
        self
    }

    fn targets(&self) -> [f32; 2] {
        [self.strong, self.weak]
    }
}

/// The text is not kept, and the hashes of its pieces are nobody's business either.
impl std::fmt::Debug for Lesson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lesson")
            .field("strong", &self.strong)
            .field("weak", &self.weak)
            .finish_non_exhaustive()
    }
}

/// Makes a [`Difficulty`] from lessons.
///
/// ```
/// use polyroute::routing::difficulty::{Lesson, Trainer};
///
/// // The weak model gets the sums wrong and the capitals right.
/// let lessons: Vec<Lesson> = (0..40)
///     .flat_map(|n| {
///         [
///             Lesson::new(&format!("What is {n} times {n} plus {n}?"), 1.0, 0.0),
///             Lesson::new(&format!("What is the capital of country {n}?"), 1.0, 1.0),
///         ]
///     })
///     .collect();
/// let model = Trainer::new().train(&lessons);
///
/// let sum = model.forecast("What is 17 times 17 plus 4?").gain();
/// let capital = model.forecast("What is the capital of France?").gain();
/// assert!(sum > capital + 0.3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trainer {
    penalty: f32,
    sharing: f32,
    steps: u32,
}

impl Default for Trainer {
    fn default() -> Self {
        Self { penalty: 3e-4, sharing: 0.0, steps: 60 }
    }
}

impl Trainer {
    /// The settings that served best in cross-validation on public questions.
    pub fn new() -> Self {
        Self::default()
    }

    /// How strongly weights are pulled to zero: more for few lessons. 0.0003 by default; nothing below a millionth.
    #[must_use]
    pub fn penalty(mut self, penalty: f64) -> Self {
        self.penalty = if penalty.is_finite() { narrow(penalty.max(1e-6)) } else { self.penalty };
        self
    }

    /// How much of a lesson's outcome is replaced by the mean of its kind, between zero and one. Single outcomes are
    /// noisy and means are not, so with many kinds of question a half teaches more than none; none by default.
    #[must_use]
    pub fn sharing(mut self, sharing: f64) -> Self {
        self.sharing = if sharing.is_nan() { 0.0 } else { narrow(sharing.clamp(0.0, 1.0)) };
        self
    }

    /// Learns from `lessons`. The same lessons in the same order give the same model.
    ///
    /// Takes about a second for some thousand lessons, optimised. Without lessons the forecast is even odds.
    pub fn train(&self, lessons: &[Lesson]) -> Difficulty {
        let rarity = Rarity::of(lessons);
        let mut rows = Rows::default();
        for lesson in lessons {
            rows.push(rarity.row(&lesson.sketch));
        }
        self.difficulty(&rarity, &self.fit(COLUMNS, &rows, lessons))
    }

    /// Learns from `lessons` [with signs](Lesson::with_signs) what the weak model's answers give away.
    pub fn train_judge(&self, lessons: &[Lesson]) -> Judge {
        let rarity = Rarity::of(lessons);
        let mut rows = Rows::default();
        for lesson in lessons {
            let signs = lesson.signs.features().into_iter().zip(COLUMNS..).filter(|(value, _)| *value != 0);
            let signs = signs.map(|(value, column)| (index(column), value as f32 / one() * SIGN_WEIGHT));
            rows.push(rarity.row(&lesson.sketch).into_iter().chain(signs));
        }
        let weights = self.fit(COLUMNS + SIGNS, &rows, lessons);
        let mut signs = [[0; SIGNS]; 2];
        for (outcome, signs) in signs.iter_mut().enumerate() {
            for (sign, weights) in signs.iter_mut().zip(weights.iter().skip(COLUMNS)) {
                let weight = weights.get(outcome).copied().unwrap_or(0.0) * SIGN_WEIGHT;
                *sign = whole(f64::from(weight) * f64::from(1 << 16));
            }
        }
        Judge::new(self.difficulty(&rarity, &weights), signs)
    }

    fn fit(&self, columns: usize, rows: &Rows, lessons: &[Lesson]) -> Vec<[f32; 2]> {
        Fit { columns, penalty: self.penalty, steps: self.steps }.run(rows, &self.shared_targets(lessons))
    }

    fn difficulty(&self, rarity: &Rarity, weights: &[[f32; 2]]) -> Difficulty {
        let column = |outcome: usize| {
            let weights: Vec<f32> = weights
                .iter()
                .zip(&rarity.weights)
                .map(|(weights, rarity)| weights.get(outcome).copied().unwrap_or(0.0) * rarity)
                .collect();
            Linear::round(&weights)
        };
        Difficulty::new(column(0), column(1))
    }

    fn shared_targets(&self, lessons: &[Lesson]) -> Vec<[f32; 2]> {
        let mut all = Mean::default();
        let mut kinds: BTreeMap<&str, Mean> = BTreeMap::new();
        for lesson in lessons {
            all.add(lesson.targets());
            if let Some(kind) = &lesson.group {
                kinds.entry(kind).or_default().add(lesson.targets());
            }
        }
        let general = all.towards([0.5; 2], 1.0);
        lessons
            .iter()
            .map(|lesson| {
                let kind = lesson.group.as_deref().and_then(|kind| kinds.get(kind));
                let Some(mean) = kind.map(|kind| kind.towards(general, 10.0)) else {
                    return lesson.targets();
                };
                let [strong, weak] = lesson.targets();
                let [strong_mean, weak_mean] = mean;
                let mix = |own: f32, mean: f32| own + self.sharing * (mean - own);
                [mix(strong, strong_mean), mix(weak, weak_mean)]
            })
            .collect()
    }
}

#[derive(Default)]
struct Mean {
    sums: [f32; 2],
    count: f32,
}

impl Mean {
    fn add(&mut self, [strong, weak]: [f32; 2]) {
        let [strongs, weaks] = &mut self.sums;
        *strongs += strong;
        *weaks += weak;
        self.count += 1.0;
    }

    /// The mean, as if `weight` more had been seen with the outcomes `prior`.
    fn towards(&self, [strong, weak]: [f32; 2], weight: f32) -> [f32; 2] {
        let [strongs, weaks] = self.sums;
        let count = self.count + weight;
        [(strongs + strong * weight) / count, (weaks + weak * weight) / count]
    }
}

/// How much each column counts: rare pieces of text say more than common ones.
struct Rarity {
    weights: Vec<f32>,
}

impl Rarity {
    fn of(lessons: &[Lesson]) -> Self {
        let mut seen = vec![0_usize; COLUMNS];
        for lesson in lessons {
            for column in columns(&lesson.sketch) {
                if let Some(seen) = seen.get_mut(column) {
                    *seen += 1;
                }
            }
        }
        let all = log2_fixed(lessons.len());
        let rarity = |(column, seen): (usize, usize)| {
            if column < SHAPES {
                return 0.5;
            }
            // Words are few and their weights free: halved, they do not drown the runs of letters.
            let family = if column < SHAPES + LETTER_BUCKETS { 1.0 } else { 0.5 };
            family * small(usize::try_from(all - log2_fixed(seen)).unwrap_or(0)) / one() / 4.5
        };
        Self { weights: seen.into_iter().enumerate().map(rarity).collect() }
    }

    fn row(&self, sketch: &Sketch) -> Vec<(u32, f32)> {
        let shape = sketch.shape.iter().map(|value| *value as f32 / one());
        let letters = sketch.letters.iter().map(|_| 1.0 / small(sketch.letters.len()).sqrt());
        let words = sketch.words.iter().map(|_| 1.0 / small(sketch.words.len()).sqrt());
        columns_of_shape()
            .chain(columns(sketch))
            .zip(shape.chain(letters).chain(words))
            .filter_map(|(column, value)| {
                let rarity = self.weights.get(column).copied().unwrap_or(0.0);
                let weighted = value * rarity;
                (weighted != 0.0).then(|| (index(column), weighted))
            })
            .collect()
    }
}

fn one() -> f32 {
    ONE as f32
}

fn index(column: usize) -> u32 {
    u32::try_from(column).unwrap_or(u32::MAX)
}

fn columns_of_shape() -> impl Iterator<Item = usize> {
    0..SHAPES
}

/// The columns of the letters and words that occur.
fn columns(sketch: &Sketch) -> impl Iterator<Item = usize> {
    let letters = sketch.letters.iter().map(|bucket| SHAPES + usize::from(*bucket));
    let words = sketch.words.iter().map(|bucket| SHAPES + LETTER_BUCKETS + usize::from(*bucket));
    letters.chain(words)
}

/// Signs are few and tell much: they are hardly held back.
const SIGN_WEIGHT: f32 = 0.5;

const COLUMNS: usize = SHAPES + LETTER_BUCKETS + WORD_BUCKETS;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::answer::Ending;

    fn lessons() -> Vec<Lesson> {
        let hard = (0..30)
            .map(|n| Lesson::new(&format!("Integrate the function number {n}"), 1.0, 0.0).of_kind("h"));
        let easy = (0..30).map(|n| Lesson::new(&format!("Say hello to person {n}"), 1.0, 1.0).of_kind("e"));
        hard.chain(easy).collect()
    }

    #[test]
    fn the_same_lessons_give_the_same_bytes() {
        assert_eq!(Trainer::new().train(&lessons()).to_bytes(), Trainer::new().train(&lessons()).to_bytes());
    }

    #[test]
    fn without_lessons_the_odds_are_even() {
        let forecast = Trainer::new().train(&[]).forecast("anything");

        assert!(forecast.gain().abs() < 1e-6 && (forecast.strong - 0.5).abs() < 0.01, "{forecast:?}");
    }

    #[test]
    fn sharing_gives_lessons_the_mean_of_their_kind() {
        let mut mixed = lessons();
        mixed.push(Lesson::new("Integrate by luck", 1.0, 1.0).of_kind("h"));

        let targets = Trainer::new().sharing(0.5).shared_targets(&mixed);

        let [_, lucky] = targets[60];
        assert!((0.5..0.7).contains(&lucky), "{lucky}");
        assert_eq!(Trainer::new().shared_targets(&mixed)[60], [1.0, 1.0]);
    }

    #[test]
    fn a_judge_learns_what_answers_give_away() {
        let signs = |answer: &str| AnswerSigns::of("How many?", answer, Ending::Natural, None);
        let lessons: Vec<Lesson> = (0..60)
            .map(|n| {
                let wrong = n % 2 == 0;
                let answer =
                    if wrong { format!("{n} + 1 = {}", n + 9) } else { format!("{n} + 1 = {}", n + 1) };
                Lesson::new(&format!("How many in case {n}?"), 1.0, if wrong { 0.0 } else { 1.0 })
                    .with_signs(signs(&answer))
            })
            .collect();

        let judge = Trainer::new().train_judge(&lessons);

        let gain = |answer: &str| judge.forecast("How many in case 99?", &signs(answer)).gain();
        assert!(gain("99 + 1 = 108") > gain("99 + 1 = 100") + 0.5);
    }

    #[test]
    fn settings_that_are_no_numbers_change_nothing() {
        assert_eq!(Trainer::new().penalty(f64::NAN).sharing(f64::NAN), Trainer::new());
        let lesson = format!("{:?}", Lesson::new("a secret", 2.0, f64::NAN));
        assert_eq!(lesson, "Lesson { strong: 1.0, weak: 0.5, .. }");
    }
}
