//! Drawing candidates by chance, without repetition.

use crate::routing::Shortlist;

/// At most `most` different positions of `shortlist`, each as likely as any other, in the order drawn. Does not walk over
/// a long list.
pub(super) fn some(random: &mut fastrand::Rng, shortlist: &Shortlist<'_>, most: usize) -> Vec<usize> {
    let count = shortlist.len();
    if count <= most.saturating_mul(2) {
        let mut all: Vec<usize> = shortlist.positions().collect();
        random.shuffle(&mut all);
        all.truncate(most);
        return all;
    }
    let mut drawn: Vec<usize> = Vec::with_capacity(most);
    // At least every second draw is new, because less than half of the list has been drawn.
    while drawn.len() < most {
        match shortlist.nth(random.usize(..count)) {
            Some(position) if drawn.contains(&position) => {}
            Some(position) => drawn.push(position),
            None => break,
        }
    }
    drawn
}

/// At most `most` of the weighted positions, drawn one after the other in proportion to their weights. What weighs
/// nothing, or something that is no weight, comes last in the order given; if nothing weighs anything, all weigh the same.
#[expect(clippy::float_arithmetic, reason = "weights are shares, not money")]
pub(super) fn weighted(random: &mut fastrand::Rng, weighted: &[(usize, f64)], most: usize) -> Vec<usize> {
    let is_weight = |weight: f64| weight.is_finite() && weight > 0.0;
    let mut left: Vec<(usize, f64)> =
        weighted.iter().filter(|(_, weight)| is_weight(*weight)).copied().collect();
    let mut weightless =
        weighted.iter().filter(|(_, weight)| !is_weight(*weight)).map(|(position, _)| *position);
    if left.is_empty() {
        let mut all: Vec<usize> = weightless.collect();
        random.shuffle(&mut all);
        all.truncate(most);
        return all;
    }
    // Shares of the heaviest, so that no sum of finite weights is infinite.
    let heaviest = left.iter().map(|(_, weight)| *weight).fold(f64::MIN_POSITIVE, f64::max);
    for (_, weight) in &mut left {
        *weight /= heaviest;
    }
    let mut drawn = Vec::with_capacity(most.min(weighted.len()));
    while drawn.len() < most && !left.is_empty() {
        let total: f64 = left.iter().map(|(_, weight)| weight).sum();
        let mut point = random.f64() * total;
        let place = left.iter().position(|(_, weight)| {
            point -= weight;
            point < 0.0
        });
        let (position, _) = left.remove(place.unwrap_or(left.len() - 1));
        drawn.push(position);
    }
    while drawn.len() < most {
        match weightless.next() {
            Some(position) => drawn.push(position),
            None => break,
        }
    }
    drawn
}

/// A number between 0 and 1 that follows from a session and a target: equal for equal pairs, on every machine.
#[expect(clippy::float_arithmetic, reason = "a fraction of the range of a number")]
pub(super) fn fraction(session: u64, target: &str) -> f64 {
    let mut hash = target.bytes().fold(0xcbf2_9ce4_8422_2325_u64 ^ session, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    // The finish of MurmurHash3 spreads what neighbouring names have in common.
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^= hash >> 33;
    #[expect(clippy::cast_precision_loss, reason = "53 bits are kept")]
    let fraction = (hash >> 11) as f64 / (1_u64 << 53) as f64;
    fraction
}
