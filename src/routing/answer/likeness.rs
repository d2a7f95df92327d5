//! How much two answers have in common.

use std::collections::HashMap;

/// The share of words that two texts have in common, from 0 to 1, whatever their order: twice the common ones over all of
/// both (Dice, *Measures of the amount of ecologic association between species*, 1945). Capitals and punctuation do not
/// count; two texts without words are alike. Of each text the first 4,096 words are looked at.
///
/// ```
/// use polyroute::routing::answer::likeness;
/// assert_eq!(likeness("It is Paris.", "it is paris"), 1.0);
/// assert_eq!(likeness("yes", "no"), 0.0);
/// ```
#[expect(clippy::float_arithmetic, clippy::cast_precision_loss, reason = "a share of words, not money")]
pub fn likeness(one: &str, other: &str) -> f64 {
    let words = |text: &str| -> Vec<String> {
        let words = text.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
        words.take(MOST_WORDS).map(str::to_lowercase).collect()
    };
    let (one, other) = (words(one), words(other));
    if one.is_empty() && other.is_empty() {
        return 1.0;
    }
    let mut left: HashMap<&str, usize> = HashMap::new();
    for word in &one {
        *left.entry(word).or_default() += 1;
    }
    let mut common = 0_usize;
    for word in &other {
        if let Some(count) = left.get_mut(word.as_str()).filter(|count| **count > 0) {
            *count -= 1;
            common += 1;
        }
    }
    (2 * common) as f64 / (one.len() + other.len()) as f64
}

const MOST_WORDS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::likeness;

    #[test]
    fn words_are_counted_as_often_as_they_occur() {
        for (one, other, share) in [
            ("", "", 1.0),
            ("", "word", 0.0),
            ("a b c d", "d c b a", 1.0),
            ("a a a a", "a", 0.4),
            ("4 + 4 = 8", "8", 0.5),
            ("Größe", "GRÖSSE", 0.0),
        ] {
            assert_eq!(likeness(one, other), share, "{one:?} {other:?}");
            assert_eq!(likeness(other, one), share, "{other:?} {one:?}");
        }
        let long = "w ".repeat(100_000);
        assert_eq!(likeness(&long, &long), 1.0);
    }
}
