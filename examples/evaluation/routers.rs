//! The routers that are compared. Each learns from records, then scores questions whose outcomes it cannot see.

use polyroute::routing::answer::{AnswerSigns, Ending, Judge};
use polyroute::routing::difficulty::{Difficulty, Lesson, Trainer};
use polyroute::routing::{Observation, QualityFloor, Threshold};

use super::metrics::Chance;
use super::records::{CheapAnswers, Question, Record, Set};

/// Who decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Router {
    Random,
    Length,
    Prompt,
    Cascade,
}

impl Router {
    pub(crate) const ALL: [Self; 4] = [Self::Random, Self::Length, Self::Prompt, Self::Cascade];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Length => "prompt length",
            Self::Prompt => "prompt classifier",
            Self::Cascade => "cascade",
        }
    }
}

/// What a router makes of one question: what the strong model is expected to gain, and whom it asks under the floor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decision {
    pub(crate) gain: f64,
    pub(crate) strong_at_floor: bool,
}

/// What was learned for a router from the training half.
pub(crate) struct Learned {
    scorer: Scorer,
    threshold: Threshold,
    /// Where the knowledge comes from, for the report.
    pub(crate) from: String,
}

enum Scorer {
    Random(u64),
    Length,
    Prompt(Box<Difficulty>),
    Cascade(Box<Judge>),
}

impl Learned {
    /// Decides `questions`. Their outcomes are not among the arguments; cheap answers are bought one by one.
    pub(crate) fn decide(
        &self,
        questions: &[Question],
        answers: &mut CheapAnswers,
        places: &[usize],
    ) -> Vec<Decision> {
        questions
            .iter()
            .zip(places)
            .map(|(question, place)| {
                let gain = self.scorer.gain(question, || answers.buy(*place).unwrap_or_default().to_owned());
                Decision { gain, strong_at_floor: self.threshold.asks_strong(gain) }
            })
            .collect()
    }
}

impl Scorer {
    fn gain(&self, question: &Question, cheap_answer: impl FnOnce() -> String) -> f64 {
        match self {
            Self::Random(seed) => {
                let salt = question
                    .id
                    .bytes()
                    .fold(*seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
                Chance::new(salt).next() as f64 / u64::MAX as f64
            }
            Self::Length => question.prompt.len() as f64,
            Self::Prompt(difficulty) => difficulty.forecast(&question.prompt).gain(),
            Self::Cascade(judge) => {
                let signs = AnswerSigns::of(&question.prompt, &cheap_answer(), Ending::Natural, None);
                judge.forecast(&question.prompt, &signs).gain()
            }
        }
    }
}

/// Learns for the set called `name` from `training`, which holds no question that will be scored.
pub(crate) fn learn(
    router: Router,
    name: &str,
    questions: &[Question],
    training: &[Set],
    seed: u64,
) -> Learned {
    let own = own_set(name, questions, training);
    let plan = match own {
        Some(own) if own.records.len() >= ENOUGH => Plan::own(own, router, seed),
        // Too little of its own kind: everything there is, held back more strongly because it is from elsewhere.
        _ => Plan {
            records: training.iter().flat_map(|set| &set.records).collect(),
            trainer: TRANSFER,
            from: "all sets".into(),
        },
    };
    let scorer = plan.scorer(router, &plan.records, seed);
    // How far the scores may be trusted is learned from records of this set that the scorer did not see. Without such
    // records nothing is trusted, and the strong model is asked for everything.
    let calibration: Vec<&Record> = own.into_iter().flat_map(|own| &own.records).collect();
    let folds = CALIBRATION_FOLDS;
    let mut observations = Vec::new();
    for fold in 0..folds {
        let held: Vec<&Record> =
            calibration.iter().copied().filter(|record| fold_of(record, folds, seed ^ 1) == fold).collect();
        let rest: Vec<&Record> =
            plan.records.iter().copied().filter(|record| fold_of(record, folds, seed ^ 1) != fold).collect();
        let scorer = plan.scorer(router, &rest, seed);
        observations.extend(held.into_iter().map(|record| {
            let answer = || record.cheap_answer.clone().unwrap_or_default();
            Observation::new(
                scorer.gain(&record.question, answer),
                record.outcome.strong,
                record.outcome.weak,
            )
        }));
    }
    let threshold =
        QualityFloor::new(FLOOR).map_or(Threshold::STRONG, |floor| floor.threshold(&observations));
    Learned { scorer, threshold, from: plan.from }
}

/// From whom to learn, and how.
struct Plan<'a> {
    records: Vec<&'a Record>,
    trainer: Settings,
    from: String,
}

#[derive(Clone, Copy, Debug)]
struct Settings {
    penalty: f64,
    sharing: f64,
}

impl<'a> Plan<'a> {
    /// From `own` alone; how, is tried out within it.
    fn own(own: &'a Set, router: Router, seed: u64) -> Self {
        let records: Vec<&Record> = own.records.iter().collect();
        let plan =
            |trainer| Self { records: records.clone(), trainer, from: format!("own set {}", own.name) };
        if matches!(router, Router::Random | Router::Length) {
            return plan(USUAL);
        }
        let kinds = records.iter().zip(records.iter().skip(1)).any(|(one, next)| one.domain != next.domain);
        let choices = OWN.iter().filter(|settings| kinds || settings.sharing == 0.0);
        let scored = choices.map(|settings| {
            let plan = plan(*settings);
            let (held, rest): (Vec<&Record>, Vec<&Record>) =
                records.iter().partition(|record| fold_of(record, 4, seed ^ 2) == 0);
            let scorer = plan.scorer(router, &rest, seed);
            let mut ranked: Vec<(f64, f64)> = held
                .iter()
                .map(|record| {
                    let answer = || record.cheap_answer.clone().unwrap_or_default();
                    (scorer.gain(&record.question, answer), record.outcome.strong - record.outcome.weak)
                })
                .collect();
            ranked.sort_by(|one, other| other.0.total_cmp(&one.0));
            let mut recovered = 0.0;
            let area: f64 = ranked
                .iter()
                .map(|(_, gap)| {
                    recovered += gap;
                    recovered - gap / 2.0
                })
                .sum();
            (area, plan)
        });
        scored.max_by(|one, other| one.0.total_cmp(&other.0)).map_or_else(|| plan(USUAL), |(_, best)| best)
    }

    fn scorer(&self, router: Router, records: &[&Record], seed: u64) -> Scorer {
        let trainer = Trainer::new().penalty(self.trainer.penalty).sharing(self.trainer.sharing);
        match router {
            Router::Random => Scorer::Random(seed),
            Router::Length => Scorer::Length,
            Router::Prompt => {
                let lessons: Vec<Lesson> = records.iter().map(|record| lesson(record)).collect();
                Scorer::Prompt(Box::new(trainer.train(&lessons)))
            }
            Router::Cascade => {
                let answered = records.iter().filter_map(|record| {
                    let answer = record.cheap_answer.as_deref()?;
                    let signs = AnswerSigns::of(&record.question.prompt, answer, Ending::Natural, None);
                    Some(lesson(record).with_signs(signs))
                });
                Scorer::Cascade(Box::new(trainer.train_judge(&answered.collect::<Vec<_>>())))
            }
        }
    }
}

pub(crate) fn lesson(record: &Record) -> Lesson {
    Lesson::new(&record.question.prompt, record.outcome.strong, record.outcome.weak)
        .of_kind(record.domain.clone())
}

/// The training set of the same name, or else with the same kind of ids: `mmlu-anatomy-0001` is one of `mmlu`.
fn own_set<'a>(name: &str, questions: &[Question], training: &'a [Set]) -> Option<&'a Set> {
    let kind = |question: &Question| Some(question.id.split_once('-')?.0.to_owned());
    let asked = questions.first().and_then(kind);
    training.iter().find(|set| set.name == name).or_else(|| {
        training.iter().find(|set| {
            asked.is_some() && set.records.first().and_then(|record| kind(&record.question)) == asked
        })
    })
}

/// In which part of a division into `folds` a record lies; the same prompt always lies in the same.
pub(crate) fn fold_of(record: &Record, folds: u64, seed: u64) -> u64 {
    let hash = record.question.prompt.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    Chance::new(hash).next() % folds
}

pub(crate) const FLOOR: f64 = 0.95;
/// Fewer records of its own than this teach less than many from elsewhere.
const ENOUGH: usize = 150;
const CALIBRATION_FOLDS: u64 = 3;
/// What is tried within a set of its own.
const OWN: [Settings; 3] = [
    Settings { penalty: 3e-4, sharing: 0.0 },
    Settings { penalty: 3e-4, sharing: 0.6 },
    Settings { penalty: 2e-3, sharing: 0.6 },
];
const USUAL: Settings = Settings { penalty: 3e-4, sharing: 0.0 };
const TRANSFER: Settings = Settings { penalty: 2e-3, sharing: 0.5 };
