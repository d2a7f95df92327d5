//! How good models are, as far as public benchmarks of coding and science say.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use serde::Deserialize;

use super::{Date, family};

/// How good a model's answers are, and what that is concluded from.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Quality {
    /// The share of the other models that were measured which it is better than, from 0 to 1.
    pub value: f64,
    /// The figures of this model; at least one.
    pub figures: Vec<Figure>,
}

/// One published result.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The benchmark, such as `swe_bench_verified`.
    pub benchmark: &'static str,
    /// Who published it.
    pub source: &'static str,
    /// How many percent of its tasks were solved; of several settings of the model, at the best.
    pub percent: f64,
    /// When it was measured; where nobody says, when it was read.
    pub date: Date,
}

/// What public benchmarks say of the model that bears this name at any vendor; `None` when none of them is known to have
/// measured it, which is not the same as bad.
///
/// Percentages of different benchmarks cannot be compared, so models are: how hard each benchmark is, and how able each
/// model, is what explains all figures best together (least squares of their log-odds), and models are ranked by that.
/// Nearly all figures are of programming, some were published by the models' own makers, and the newest models are missing.
/// What the application says of a target, in [`Traits::quality`](crate::routing::Traits::quality), goes before it.
///
/// ```
/// use polyroute::catalog::quality;
///
/// let (large, small) = (quality("claude-sonnet-4-5-20250929"), quality("openai/gpt-4o-mini"));
/// assert!(large.unwrap().value > 0.8 && small.unwrap().value < 0.1);
/// assert_eq!(quality("made-up"), None);
/// ```
pub fn quality(model: &str) -> Option<Quality> {
    board().get(&bare(model)).cloned()
}

fn board() -> &'static HashMap<String, Quality> {
    static BOARD: OnceLock<HashMap<String, Quality>> = OnceLock::new();
    // The file is part of the program, and a test reads it.
    BOARD.get_or_init(|| read(EMBEDDED).unwrap_or_default())
}

/// The figures of one file, by bare names.
#[derive(Deserialize)]
struct File<'a> {
    /// The day of the figures that bear none.
    read: String,
    /// Benchmark and source by letter.
    #[serde(borrow)]
    boards: BTreeMap<&'a str, [&'a str; 2]>,
    /// For each model a letter, the percentage and perhaps `@` and a day, as often as there are figures.
    models: BTreeMap<&'a str, &'a str>,
}

fn read(json: &'static str) -> Option<HashMap<String, Quality>> {
    let file: File<'static> = serde_json::from_str(json).ok()?;
    let read: Date = file.read.parse().ok()?;
    let boards: Vec<(&str, [&'static str; 2])> = file.boards.into_iter().collect();
    let mut models = Vec::new();
    let mut results = Vec::new();
    for (name, written) in &file.models {
        let mut figures = Vec::new();
        for figure in written.split(' ') {
            let (board, rest) = figure.split_at_checked(1)?;
            let board = boards.iter().position(|(letter, _)| *letter == board)?;
            let (percent, day) =
                rest.split_once('@').map_or((rest, None), |(percent, day)| (percent, Some(day)));
            let percent: f64 = percent.parse().ok()?;
            let date = day.map_or(Some(read), compact_date)?;
            let [benchmark, source] = boards.get(board)?.1;
            results.push(Outcome { model: models.len(), board, log_odds: log_odds(percent) });
            figures.push(Figure { benchmark, source, percent, date });
        }
        models.push(((*name).to_owned(), figures));
    }
    let abilities = abilities(models.len(), boards.len(), &results);
    Some(ranked(models, &abilities))
}

/// `YYYYMMDD`.
fn compact_date(day: &str) -> Option<Date> {
    format!("{}-{}-{}", day.get(..4)?, day.get(4..6)?, day.get(6..8)?).parse().ok()
}

/// How one model did on one benchmark.
struct Outcome {
    model: usize,
    board: usize,
    log_odds: f64,
}

#[expect(clippy::float_arithmetic, reason = "a share, not money")]
fn log_odds(percent: f64) -> f64 {
    let share = percent.clamp(1.0, 99.0) / 100.0;
    (share / (1.0 - share)).ln()
}

/// How able each model is, where every result is its model's ability plus its benchmark's ease: by least squares, with
/// abilities drawn a little towards nought, so that there is one solution. Without the abilities, which follow from the eases,
/// it is one equation for each benchmark.
#[expect(clippy::float_arithmetic, reason = "abilities are not money")]
fn abilities(models: usize, boards: usize, results: &[Outcome]) -> Vec<f64> {
    let mut sums = vec![(0.0, PULL); models];
    for result in results {
        if let Some((sum, weight)) = sums.get_mut(result.model) {
            *sum += result.log_odds;
            *weight += 1.0;
        }
    }
    let of = |model: usize| sums.get(model).copied().unwrap_or((0.0, 1.0));
    // The last column is the right-hand side.
    let mut rows = vec![vec![0.0; boards + 1]; boards];
    for result in results {
        let Some(row) = rows.get_mut(result.board) else { continue };
        let (sum, weight) = of(result.model);
        if let Some(own) = row.get_mut(result.board) {
            *own += 1.0;
        }
        for other in results.iter().filter(|other| other.model == result.model) {
            if let Some(cell) = row.get_mut(other.board) {
                *cell -= 1.0 / weight;
            }
        }
        if let Some(right) = row.get_mut(boards) {
            *right += result.log_odds - sum / weight;
        }
    }
    let eases = solved(rows);
    let mut left: Vec<f64> = sums.iter().map(|(sum, _)| *sum).collect();
    for result in results {
        if let (Some(left), Some(ease)) = (left.get_mut(result.model), eases.get(result.board)) {
            *left -= ease;
        }
    }
    left.iter().zip(&sums).map(|(left, (_, weight))| left / weight).collect()
}

/// Gauss and Jordan's elimination, with the largest pivot of each column. A column without one is nought.
#[expect(clippy::float_arithmetic, reason = "abilities are not money")]
fn solved(mut rows: Vec<Vec<f64>>) -> Vec<f64> {
    let size = rows.len();
    let at = |rows: &[Vec<f64>], row: usize, column: usize| {
        rows.get(row).and_then(|row| row.get(column)).copied().unwrap_or(0.0)
    };
    for column in 0..size {
        let largest = (column..size)
            .max_by(|one, other| at(&rows, *one, column).abs().total_cmp(&at(&rows, *other, column).abs()));
        let Some(largest) = largest.filter(|row| at(&rows, *row, column).abs() > 1e-12) else { continue };
        rows.swap(column, largest);
        let Some(pivot) = rows.get(column).cloned() else { continue };
        let head = at(&rows, column, column);
        for row in (0..size).filter(|row| *row != column) {
            let factor = at(&rows, row, column) / head;
            if let Some(cells) = rows.get_mut(row) {
                cells.iter_mut().zip(&pivot).for_each(|(cell, above)| *cell -= factor * above);
            }
        }
    }
    (0..size)
        .map(|row| {
            let head = at(&rows, row, row);
            if head.abs() > 1e-12 { at(&rows, row, size) / head } else { 0.0 }
        })
        .collect()
}

#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a share of models, not money")]
fn ranked(models: Vec<(String, Vec<Figure>)>, abilities: &[f64]) -> HashMap<String, Quality> {
    let others = models.len().saturating_sub(1).max(1) as f64;
    models
        .into_iter()
        .zip(abilities)
        .map(|((name, figures), own)| {
            let beaten = abilities.iter().filter(|ability| *ability < own).count();
            (name, Quality { value: beaten as f64 / others, figures })
        })
        .collect()
}

/// A model's name without vendor, region, date and preview, and with nothing but `-` between its parts.
fn bare(name: &str) -> String {
    let family = family(name);
    let mut bare = family.split(':').next().unwrap_or_default();
    // `us.anthropic.claude-…`: what is before the name has neither digits nor dashes.
    while let Some((before, rest)) = bare.split_once('.')
        && before.bytes().all(|letter| letter.is_ascii_alphabetic())
    {
        bare = rest;
    }
    if let Some((before, _)) = bare.split_once("-preview") {
        bare = before;
    }
    bare.replace(['.', '_'], "-")
}

const EMBEDDED: &str = include_str!("quality.json");

/// Little enough to change no order that the figures tell.
const PULL: f64 = 0.02;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_of_the_file_is_read_and_every_model_can_be_found_by_its_name() {
        let board = read(EMBEDDED).unwrap();

        assert!(board.len() > 80, "{}", board.len());
        for (name, quality) in &board {
            assert_eq!(bare(name), *name);
            assert!((0.0..=1.0).contains(&quality.value), "{name}");
            for figure in &quality.figures {
                assert!((0.0..=100.0).contains(&figure.percent), "{name}");
                assert!(figure.date > "2024-01-01".parse().unwrap(), "{name}");
                assert!(!figure.benchmark.is_empty() && !figure.source.is_empty());
            }
        }
    }

    #[test]
    fn models_are_ranked_across_benchmarks_that_they_do_not_share() {
        // Both are compared with `m` only: `a` is better than it on one benchmark, `b` worse on the other, much easier one.
        let file = r#"{"read": "2026-01-02", "boards": {"h": ["hard", "x"], "e": ["easy", "y"]},
            "models": {"a": "h20", "b": "e80@20260203", "m": "h10 e90"}}"#;

        let board = read(file).unwrap();

        let value = |name: &str| board.get(name).unwrap().value;
        assert_eq!((value("a"), value("m"), value("b")), (1.0, 0.5, 0.0));
        assert_eq!(board["b"].figures[0].date.to_string(), "2026-02-03");
        assert_eq!(board["a"].figures[0].date.to_string(), "2026-01-02");
    }

    #[test]
    fn copies_of_a_model_elsewhere_have_its_quality() {
        let original = quality("claude-sonnet-4-5");
        assert!(original.is_some());
        for name in [
            "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            "anthropic/claude-sonnet-4.5",
            "claude-sonnet-4-5@20250929",
        ] {
            assert_eq!(quality(name), original, "{name}");
        }
        assert_eq!(quality("claude-sonnet-4-50"), None);
        assert_eq!(quality(""), None);
        assert_eq!(read("{}").map(|board| board.len()), None);
    }

    #[test]
    fn better_models_are_better() {
        let value = |name: &str| quality(name).map(|quality| quality.value).unwrap();
        let order = ["gpt-4o-mini", "gpt-4o", "o3-mini", "o3", "gpt-5.4"];
        assert!(order.windows(2).all(|pair| value(pair[0]) < value(pair[1])));
    }
}
