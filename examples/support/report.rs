//! A table of attempts.

use std::time::Duration;

use polyroute::types::Attempt;

pub(crate) fn print_attempts(attempts: &[Attempt]) {
    println!(
        "  {:<26} {:<8} {:<16} {:>6} {:>9} {:>11} {:>8} {:>10}  cost",
        "target", "reason", "outcome", "status", "start", "first token", "elapsed", "tokens"
    );
    for attempt in attempts {
        let tokens = attempt.usage.as_ref().and_then(|usage| usage.input_tokens.zip(usage.output_tokens));
        let cost = match attempt.cost {
            Some(cost) => cost.to_string(),
            None if attempt.usage.is_some() => "unknown".to_owned(),
            None => "-".to_owned(),
        };
        println!(
            "  {:<26} {:<8} {:<16} {:>6} {:>9} {:>11} {:>8} {:>10}  {cost}",
            attempt.target.to_string(),
            attempt.reason.as_str(),
            attempt.outcome.as_str(),
            attempt.status.map_or("-".to_owned(), |status| status.to_string()),
            milliseconds(attempt.started_after),
            attempt.time_to_first_token.map_or("-".to_owned(), milliseconds),
            milliseconds(attempt.elapsed),
            tokens.map_or("-".to_owned(), |(input, output)| format!("{input} + {output}")),
        );
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{}.{} ms", duration.as_millis(), duration.as_micros() / 100 % 10)
}
