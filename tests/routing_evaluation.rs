//! What the evaluation of routers decides follows from prompts and cheap answers, never from the grades it is scored by.

#[allow(
    dead_code,
    clippy::allow_attributes,
    clippy::float_arithmetic,
    reason = "figures are of no interest here"
)]
#[path = "../examples/evaluation/mod.rs"]
mod evaluation;

use evaluation::records::{Outcome, Question, Record, Set, seal};
use evaluation::routers::{Router, learn};

/// Sums of which every third is long; the weak model fails at the long ones.
fn records(from: u32, to: u32) -> Vec<Record> {
    let record = |number: u32| {
        let (one, other, long) = (number * 7 + 3, number * 5 + 2, number.is_multiple_of(3));
        let prompt = match long {
            true => format!("A shop sells {one} boxes of {other} pens each. How many pens, digit by digit?"),
            false => format!("Which country has the area code {one}?"),
        };
        let grade = |right: bool| f64::from(u8::from(right));
        Record {
            question: Question { id: number.to_string(), prompt },
            domain: "made up".to_owned(),
            cheap_answer: Some(format!("{one} * {other} = {}", one * other + u32::from(long) * 10)),
            outcome: Outcome {
                strong: grade(!number.is_multiple_of(25)),
                weak: grade(!long),
                prompt_tokens: 20.0,
                strong_tokens: 60.0,
                weak_tokens: 40.0,
            },
        }
    };
    (from..to).map(record).collect()
}

fn decided(router: Router, scored: &[Record]) -> Vec<(f64, bool)> {
    let training = [Set { name: "sums".to_owned(), records: records(0, 60) }];
    let (questions, mut answers, sealed) = seal(scored);
    let places: Vec<usize> = (0..questions.len()).collect();
    let learned = learn(router, "sums", &questions, &training, 1);
    let decisions = learned.decide(&questions, &mut answers, &places);
    let (decisions, outcomes) = sealed.open(decisions);
    assert_eq!(decisions.len(), outcomes.len());
    decisions.iter().map(|decision| (decision.gain, decision.strong_at_floor)).collect()
}

#[test]
fn decisions_are_the_same_whatever_the_grades_of_the_scored_questions_are() {
    let scored = records(60, 100);
    let mut permuted = scored.clone();
    for (place, record) in permuted.iter_mut().enumerate() {
        record.outcome = scored[(place + 17) % scored.len()].outcome;
        std::mem::swap(&mut record.outcome.strong, &mut record.outcome.weak);
    }
    let mut unlike = scored.clone();
    unlike.rotate_left(1);

    for router in Router::ALL {
        assert_eq!(decided(router, &scored), decided(router, &permuted), "{}", router.as_str());
        assert_ne!(
            decided(router, &scored),
            decided(router, &unlike),
            "{} sees its prompts",
            router.as_str()
        );
    }
}
