//! How well do routers choose between a strong and a weak model? One JSON line for each set and router.
//!
//! ```sh
//! cargo run --release --example evaluate_routing -- --train DIR --score DIR
//! ```
//!
//! A folder holds `*.jsonl`, one question a line: `id`, `domain`, `prompt`, outcomes (`strong_correct` and `weak_correct`, or
//! `strong_score` and `weak_score` from 1 to 10), token counts (`prompt_tokens_approx`, …), optionally `weak_response`.
//! Is it the same folder twice, each fifth is scored by what was learned from the other four. A set too small to learn
//! from, or unknown, is scored by what was learned from all others.
//!
//! Without arguments a small set made up here is evaluated; its figures mean nothing.

#![expect(clippy::print_stdout, reason = "an example shows its output")]
#![expect(clippy::float_arithmetic, clippy::indexing_slicing, reason = "statistics of an example")]

mod evaluation;

use std::path::PathBuf;
use std::process::ExitCode;

use evaluation::metrics::{Graded, figures};
use evaluation::records::{self, Record, Set, seal};
use evaluation::routers::{Decision, FLOOR, Router, fold_of, learn};
use serde_json::json;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments = Arguments::read(std::env::args().skip(1))?;
    let (training, scored) = match &arguments.folders {
        Some((train, score)) if same(train, score) => (None, records::read(score)?),
        Some((train, score)) => (Some(records::read(train)?), records::read(score)?),
        None => {
            println!(
                "No --train and --score: evaluating a small set made up here. Its figures mean nothing."
            );
            (None, vec![made_up()])
        }
    };
    for set in &scored {
        for router in Router::ALL {
            println!("{}", evaluate(router, set, training.as_deref(), &scored, &arguments));
        }
    }
    Ok(())
}

/// Decides every question of `set`, then breaks the seal of the outcomes and grades.
fn evaluate(
    router: Router,
    set: &Set,
    training: Option<&[Set]>,
    all: &[Set],
    arguments: &Arguments,
) -> serde_json::Value {
    let (questions, mut answers, sealed) = seal(&set.records);
    if router == Router::Cascade && !answers.complete() {
        let why = "the set has no cheap answers to read";
        return json!({"set": set.name, "router": router.as_str(), "n": questions.len(), "not_evaluated": why});
    }
    let folds = if training.is_some() { 1 } else { arguments.folds };
    let mut decisions: Vec<Option<Decision>> = vec![None; questions.len()];
    let mut learned_from = String::new();
    for fold in 0..folds {
        let is_scored = |record: &Record| folds == 1 || fold_of(record, folds, arguments.seed) == fold;
        let others: Vec<Set> = match training {
            Some(training) => training.to_vec(),
            None => all.iter().map(|other| without(other, set, is_scored)).collect(),
        };
        let learned = learn(router, &set.name, &questions, &others, arguments.seed);
        let places: Vec<usize> =
            (0..questions.len()).filter(|place| is_scored(&set.records[*place])).collect();
        let asked: Vec<_> = places.iter().map(|place| questions[*place].clone()).collect();
        for (place, decision) in places.iter().zip(learned.decide(&asked, &mut answers, &places)) {
            decisions[*place] = Some(decision);
        }
        learned_from = learned.from;
    }

    let (decisions, outcomes) = sealed.open(decisions);
    let mut graded: Vec<(f64, Graded)> = Vec::new();
    for (place, (decision, outcome)) in decisions.iter().zip(outcomes).enumerate() {
        if let Some(decision) = decision {
            let paid_cheap = answers.bought(place);
            graded.push((
                decision.gain,
                Graded { outcome, paid_cheap, strong_at_floor: decision.strong_at_floor },
            ));
        }
    }
    graded.sort_by(|one, other| other.0.total_cmp(&one.0));
    let ranked: Vec<Graded> = graded.into_iter().map(|(_, graded)| graded).collect();
    let mut line = json!({
        "set": set.name,
        "router": router.as_str(),
        "learned_from": learned_from,
        "folds": folds,
        "floor": FLOOR,
        "prices": "strong $24.7 and weak $0.24 per million tokens",
    });
    if let Some(line) = line.as_object_mut() {
        line.extend(figures(&ranked, arguments.seed));
    }
    line
}

/// `other`, without the questions of `set` that are about to be scored.
fn without(other: &Set, set: &Set, is_scored: impl Fn(&Record) -> bool) -> Set {
    if other.name != set.name {
        return other.clone();
    }
    Set {
        name: other.name.clone(),
        records: other.records.iter().filter(|record| !is_scored(record)).cloned().collect(),
    }
}

fn same(one: &PathBuf, other: &PathBuf) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

struct Arguments {
    folders: Option<(PathBuf, PathBuf)>,
    folds: u64,
    seed: u64,
}

impl Arguments {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut train, mut score, mut folds, mut seed) = (None, None, None, 1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value; {USAGE}"))?;
            let number = || value.parse::<u64>().map_err(|_| format!("{name} is a number; {USAGE}"));
            match name.as_str() {
                "--train" => train = Some(PathBuf::from(value)),
                "--score" => score = Some(PathBuf::from(value)),
                "--folds" => folds = Some(number()?.clamp(2, 50)),
                "--seed" => seed = number()?,
                _ => return Err(format!("{name} is unknown; {USAGE}")),
            }
        }
        match (train, score) {
            (None, None) => Ok(Self { folders: None, folds: folds.unwrap_or(2), seed }),
            (Some(train), Some(score)) => {
                Ok(Self { folders: Some((train, score)), folds: folds.unwrap_or(5), seed })
            }
            _ => Err(format!("--train and --score come together; {USAGE}")),
        }
    }
}

const USAGE: &str = "evaluate_routing --train DIR --score DIR [--folds 5] [--seed 1]";

/// Sums, some of them long, and capitals. The weak model fails at long sums, mostly visibly, and sometimes by chance.
fn made_up() -> Set {
    let records = (0..120_u32).map(|number| {
        let (long, lucky) = (number % 3 == 0, number % 10 != 0);
        let (one, other, third) = (number * 7 + 3, number * 5 + 2, number % 9 + 1);
        let product = one * other;
        let (prompt, right, answer) = if long {
            let claimed = if number % 2 == 0 { product } else { product + 10 };
            let prompt = format!(
                "A shop sells {one} boxes of {other} pens each and {third} loose ones. How many pens?"
            );
            (prompt, !lucky, format!("{one} * {other} = {claimed}, so {claimed}"))
        } else {
            (format!("Which country has the area code {one}?"), lucky, format!("It is country {one}."))
        };
        let grade = |right: bool| if right { 1.0 } else { 0.0 };
        Record {
            question: records::Question { id: format!("made_up-{number}"), prompt },
            domain: if long { "sums" } else { "places" }.to_owned(),
            cheap_answer: Some(answer),
            outcome: records::Outcome {
                strong: grade(number % 25 != 0),
                weak: grade(right),
                prompt_tokens: 20.0,
                strong_tokens: 60.0,
                weak_tokens: 40.0,
            },
        }
    });
    Set { name: "made_up".to_owned(), records: records.collect() }
}
