//! Questions whose outcomes are known, from JSONL files. What a router may see and what grades it are different types.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

/// What a router may see: the prompt.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) id: String,
    pub(crate) prompt: String,
}

/// The cheap answers of a set, for sale. Buying one is remembered, and billed.
#[derive(Debug)]
pub(crate) struct CheapAnswers {
    answers: Vec<Option<String>>,
    bought: Vec<bool>,
}

impl CheapAnswers {
    /// Is there an answer to every question?
    pub(crate) fn complete(&self) -> bool {
        self.answers.iter().all(Option::is_some)
    }

    /// The cheap model's answer to the question at `place`; from now on its call is on the bill.
    pub(crate) fn buy(&mut self, place: usize) -> Option<&str> {
        *self.bought.get_mut(place)? = true;
        self.answers.get(place)?.as_deref()
    }

    pub(crate) fn bought(&self, place: usize) -> bool {
        self.bought.get(place).copied().unwrap_or(false)
    }
}

/// What came of one question at both models; nothing a router may see.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outcome {
    /// Quality between zero and one.
    pub(crate) strong: f64,
    pub(crate) weak: f64,
    /// Tokens of the prompt and of both answers.
    pub(crate) prompt_tokens: f64,
    pub(crate) strong_tokens: f64,
    pub(crate) weak_tokens: f64,
}

/// One question with everything known of it. Only for training.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) question: Question,
    pub(crate) domain: String,
    pub(crate) cheap_answer: Option<String>,
    pub(crate) outcome: Outcome,
}

/// One file of records.
#[derive(Clone, Debug)]
pub(crate) struct Set {
    pub(crate) name: String,
    pub(crate) records: Vec<Record>,
}

/// Outcomes under seal until every decision has been made.
#[derive(Debug)]
pub(crate) struct Sealed(Vec<Outcome>);

impl Sealed {
    /// Shows the outcomes in exchange for the decisions, which can then no longer change.
    pub(crate) fn open<D>(self, decisions: D) -> (D, Vec<Outcome>) {
        (decisions, self.0)
    }
}

/// Divides what a router may see from what grades it.
pub(crate) fn seal(records: &[Record]) -> (Vec<Question>, CheapAnswers, Sealed) {
    let questions = records.iter().map(|record| record.question.clone()).collect();
    let answers = records.iter().map(|record| record.cheap_answer.clone()).collect();
    let outcomes = records.iter().map(|record| record.outcome).collect();
    (questions, CheapAnswers { answers, bought: vec![false; records.len()] }, Sealed(outcomes))
}

/// Reads every `*.jsonl` of `folder`, sorted by name. Records marked `excluded_upstream` are dropped.
pub(crate) fn read(folder: &Path) -> Result<Vec<Set>, String> {
    let listing = std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let mut sets = BTreeMap::new();
    for entry in listing {
        let path = entry.map_err(|error| error.to_string())?.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut records = Vec::new();
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let place = || format!("{} line {}", path.display(), number + 1);
            let value: Value = serde_json::from_str(line).map_err(|error| format!("{}: {error}", place()))?;
            if value.get("excluded_upstream").and_then(Value::as_bool) != Some(true) {
                records.push(record(&value).ok_or_else(|| format!("{}: a field is missing", place()))?);
            }
        }
        if !records.is_empty() {
            sets.insert(name.clone(), Set { name, records });
        }
    }
    if sets.is_empty() {
        Err(format!("{}: no *.jsonl with records", folder.display()))
    } else {
        Ok(sets.into_values().collect())
    }
}

#[expect(clippy::float_arithmetic, reason = "grades become shares")]
fn record(value: &Value) -> Option<Record> {
    let text = |name: &str| value.get(name)?.as_str().map(str::to_owned);
    let number = |name: &str| value.get(name).and_then(Value::as_f64);
    let quality = |model: &str| match value.get(format!("{model}_correct")).and_then(Value::as_bool) {
        Some(right) => Some(f64::from(u8::from(right))),
        // Judges score from one to ten.
        None => Some(number(&format!("{model}_score"))? / 10.0),
    };
    let cheap_answer = text("weak_response").or_else(|| {
        let turns = value.get("weak_responses")?.as_array()?;
        // The first turn answers what the router saw.
        turns.first()?.as_str().map(str::to_owned)
    });
    Some(Record {
        question: Question { id: text("id")?, prompt: text("prompt")? },
        domain: text("domain").unwrap_or_default(),
        cheap_answer,
        outcome: Outcome {
            strong: quality("strong")?,
            weak: quality("weak")?,
            prompt_tokens: number("prompt_tokens_approx")?,
            strong_tokens: number("strong_output_tokens_approx")?,
            weak_tokens: number("weak_output_tokens_approx")?,
        },
    })
}
