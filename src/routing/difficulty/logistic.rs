//! Logistic regression with a squared penalty, for several outcomes at once over the same rows.

#![expect(clippy::float_arithmetic, reason = "statistics, never money")]

use super::number::logistic;

/// Rows of numbers of which most are zero.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rows {
    entries: Vec<(u32, f32)>,
    ends: Vec<usize>,
}

impl Rows {
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = (u32, f32)>) {
        self.entries.extend(row);
        self.ends.push(self.entries.len());
    }

    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The same rows with only the columns that occur, and which those are; the constant one is always among them.
    fn packed(&self, columns: usize) -> (Self, Vec<u32>) {
        let mut used: Vec<u32> = self.entries.iter().map(|(column, _)| *column).chain([0]).collect();
        used.sort_unstable();
        used.dedup();
        let mut places = vec![0; columns];
        for (place, column) in (0..).zip(&used) {
            if let Some(known) = places.get_mut(index(*column)) {
                *known = place;
            }
        }
        let place = |column: u32| places.get(index(column)).copied().unwrap_or(0);
        let entries = self.entries.iter().map(|(column, value)| (place(*column), *value)).collect();
        (Self { entries, ends: self.ends.clone() }, used)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[(u32, f32)]> {
        let starts = std::iter::once(&0).chain(&self.ends);
        starts.zip(&self.ends).map(|(start, end)| self.entries.get(*start..*end).unwrap_or_default())
    }
}

/// How strongly and how long to fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fit {
    /// Number of columns; column zero is the constant one and is not penalised.
    pub(crate) columns: usize,
    /// The squared penalty.
    pub(crate) penalty: f32,
    /// Steps of accelerated gradient descent.
    pub(crate) steps: u32,
}

impl Fit {
    /// The weights that best explain `targets`, shares between zero and one, by `rows`.
    ///
    /// Nesterov's accelerated gradient descent with the step that the steepest curvature allows; no chance is involved.
    pub(crate) fn run<const K: usize>(&self, rows: &Rows, targets: &[[f32; K]]) -> Vec<[f32; K]> {
        // Columns in which nothing stands keep no weight, and most of them are such where there are few rows.
        let (packed, used) = rows.packed(self.columns);
        let weights = Self { columns: used.len(), ..*self }.descend(&packed, targets);
        let mut all = vec![[0.0; K]; self.columns];
        for (column, weights) in used.iter().zip(weights) {
            if let Some(place) = all.get_mut(index(*column)) {
                *place = weights;
            }
        }
        all
    }

    fn descend<const K: usize>(&self, rows: &Rows, targets: &[[f32; K]]) -> Vec<[f32; K]> {
        let count = small(rows.len().max(1));
        let step = 1.0 / (0.25 * 1.1 * self.steepest(rows) / count + self.penalty);
        let mut weights = vec![[0.0_f32; K]; self.columns];
        if let Some(constant) = weights.first_mut() {
            for (outcome, weight) in constant.iter_mut().enumerate() {
                let sum: f32 = targets.iter().filter_map(|target| target.get(outcome)).sum();
                let share = ((sum + 0.5) / (small(rows.len()) + 1.0)).clamp(0.001, 0.999);
                *weight = (share / (1.0 - share)).ln();
            }
        }
        let mut ahead = weights.clone();
        let mut momentum = 1.0_f32;
        for _ in 0..self.steps {
            let slope = slope(rows, targets, &ahead, count);
            let next = (1.0 + (1.0 + 4.0 * momentum * momentum).sqrt()) / 2.0;
            let carry = (momentum - 1.0) / next;
            momentum = next;
            let places = weights.iter_mut().zip(&mut ahead).zip(&slope).enumerate();
            for (column, ((weights, ahead), slope)) in places {
                let penalty = if column == 0 { 0.0 } else { self.penalty };
                for ((weight, ahead), slope) in weights.iter_mut().zip(ahead).zip(slope) {
                    let moved = *ahead - step * (slope + penalty * *ahead);
                    *ahead = moved + carry * (moved - *weight);
                    *weight = moved;
                }
            }
        }
        weights
    }

    /// The largest eigenvalue of the rows' products, by power iteration; never less than one.
    fn steepest(&self, rows: &Rows) -> f32 {
        let mut direction = vec![1.0_f32; self.columns];
        let mut steepest = 1.0;
        for _ in 0..8 {
            let length = direction.iter().map(|part| part * part).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
            direction.iter_mut().for_each(|part| *part /= length);
            let mut image = vec![0.0_f32; self.columns];
            for row in rows.iter() {
                let along: f32 = row.iter().map(|(column, value)| at(&direction, *column) * value).sum();
                for (column, value) in row {
                    if let Some(part) = image.get_mut(index(*column)) {
                        *part += along * value;
                    }
                }
            }
            steepest = image.iter().map(|part| part * part).sum::<f32>().sqrt();
            direction = image;
        }
        steepest.max(1.0)
    }
}

fn slope<const K: usize>(
    rows: &Rows,
    targets: &[[f32; K]],
    weights: &[[f32; K]],
    count: f32,
) -> Vec<[f32; K]> {
    let mut slope = vec![[0.0_f32; K]; weights.len()];
    for (row, target) in rows.iter().zip(targets) {
        let mut errors = log_odds(weights, row);
        for (error, target) in errors.iter_mut().zip(target) {
            *error = (narrow(logistic(f64::from(*error))) - target) / count;
        }
        for (column, value) in row {
            if let Some(slope) = slope.get_mut(index(*column)) {
                for (slope, error) in slope.iter_mut().zip(errors) {
                    *slope += error * value;
                }
            }
        }
    }
    slope
}

/// What `weights` make of `row`.
pub(crate) fn log_odds<const K: usize>(weights: &[[f32; K]], row: &[(u32, f32)]) -> [f32; K] {
    let mut sums = [0.0; K];
    for (column, value) in row {
        if let Some(weights) = weights.get(index(*column)) {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += weight * value;
            }
        }
    }
    sums
}

fn at(values: &[f32], column: u32) -> f32 {
    values.get(index(column)).copied().unwrap_or(0.0)
}

fn index(column: u32) -> usize {
    usize::try_from(column).unwrap_or(usize::MAX)
}

pub(crate) fn small(count: usize) -> f32 {
    count as f32
}

pub(crate) fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_decides_the_outcome_gets_the_weight() {
        let mut rows = Rows::default();
        let mut targets = Vec::new();
        for number in 0..400_u16 {
            let telling = f32::from(number % 2);
            let noise = f32::from(number % 7) / 7.0;
            rows.push([(0, 1.0), (1, telling), (2, noise)]);
            targets.push([telling, if number % 10 < 7 { 1.0 } else { 0.0 }]);
        }

        let weights = Fit { columns: 3, penalty: 0.001, steps: 200 }.run(&rows, &targets);

        let [telling, _] = weights[1];
        assert!(telling > 3.0 && weights[2][0].abs() < 1.0, "{weights:?}");
        let [_, share] = log_odds(&weights, &[(0, 1.0), (1, 0.5), (2, 0.43)]);
        assert!((logistic(f64::from(share)) - 0.7).abs() < 0.03, "{share}");
    }

    #[test]
    fn nothing_to_learn_from_gives_the_share_that_is_known() {
        let weights = Fit { columns: 2, penalty: 0.1, steps: 10 }.run::<1>(&Rows::default(), &[]);

        assert_eq!(weights.len(), 2);
        assert!(weights.iter().flatten().all(|weight| weight.is_finite()));
    }
}
