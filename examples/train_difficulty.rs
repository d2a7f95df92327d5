//! Makes the prior that the crate ships: the weights in `src/routing/difficulty/prior.bin`.
//!
//! ```sh
//! cargo run --release --example train_difficulty -- --train DIR --out src/routing/difficulty/prior.bin
//! ```
//!
//! The folder is one that `evaluate_routing` reads. The same folder gives the same bytes. With folders of your own the
//! same program calibrates for your own traffic; read the file with `Difficulty::from_bytes`.
//!
//! Without arguments a dozen lessons made up here are learned, and the forecasts compared with the shipped prior's.

#![expect(clippy::print_stdout, reason = "an example shows its output")]
#![expect(dead_code, reason = "shares its reader of files with evaluate_routing, and needs only that")]

#[path = "evaluation/records.rs"]
mod records;

use std::path::Path;
use std::process::ExitCode;

use polyroute::routing::difficulty::{Difficulty, Lesson, Trainer};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [] => {
            made_up();
            Ok(())
        }
        ["--train", folder, "--out", out] => train(Path::new(folder), Path::new(out)),
        _ => Err("train_difficulty --train DIR --out FILE".to_owned()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            println!("{message}");
            ExitCode::FAILURE
        }
    }
}

/// Held back strongly and with outcomes half replaced by the mean of their kind: the prior is for traffic that is unlike
/// what it learned from.
fn train(folder: &Path, out: &Path) -> Result<(), String> {
    let lessons: Vec<Lesson> = records::read(folder)?
        .iter()
        .flat_map(|set| &set.records)
        .map(|record| {
            Lesson::new(&record.question.prompt, record.outcome.strong, record.outcome.weak)
                .of_kind(record.domain.clone())
        })
        .collect();
    let bytes = Trainer::new().penalty(2e-3).sharing(0.5).train(&lessons).to_bytes();
    std::fs::write(out, &bytes).map_err(|error| format!("{}: {error}", out.display()))?;
    println!("{} bytes from {} lessons", bytes.len(), lessons.len());
    Ok(())
}

fn made_up() {
    println!("No --train and --out: learning from lessons made up here.\n");
    let mut lessons = Vec::new();
    for number in 1..=40 {
        lessons.push(Lesson::new(&format!("Multiply {number} by {}, then add 7.", number * 31), 1.0, 0.2));
        lessons.push(Lesson::new(&format!("Greet customer number {number} in one sentence."), 1.0, 1.0));
    }
    let own = Trainer::new().train(&lessons);
    println!("{:<66} {:>12} {:>12}", "expected gain of the strong model", "learned here", "shipped");
    for prompt in [
        "Multiply 77 by 912, then add 7.",
        "Greet customer number 99 in one sentence.",
        "Prove that the square root of two is irrational.",
        "Write a short poem about the sea.",
    ] {
        let shipped = Difficulty::shipped().forecast(prompt).gain();
        println!("{prompt:<66} {:>12.3} {:>12.3}", own.forecast(prompt).gain(), shipped);
    }
}
