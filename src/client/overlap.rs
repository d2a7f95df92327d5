//! Text that a model repeats when it is asked to write on.

/// Leaves out of a continuation what had been written already: some vendors return the beginning they were given, and
/// models like to repeat the last sentence.
///
/// What is short may come again because it is meant to, and so may what repeats itself: laughter, a row of zeros, the lines
/// of a table. In doubt nothing is left out, because a word too many does less harm than a word too few.
#[derive(Debug)]
pub(super) struct Overlap {
    /// The end of what was written, white space at its end removed.
    written: String,
    /// The white space, which the model was not shown: it may write it again, or not.
    space: String,
    /// What may yet turn out to be repeated.
    held: String,
    decided: bool,
}

impl Overlap {
    /// Compares a continuation with `written`.
    pub(super) fn with(written: &str) -> Self {
        let shown = written.trim_end();
        let space = written.get(shown.len()..).unwrap_or_default().to_owned();
        Self { written: tail(shown, WINDOW).to_owned(), space, held: String::new(), decided: false }
    }

    /// The part of `delta`, and of what was held back before, that is new.
    pub(super) fn push(&mut self, delta: &str) -> String {
        if self.decided {
            return delta.to_owned();
        }
        self.held.push_str(delta);
        if self.may_grow() { String::new() } else { self.finish() }
    }

    /// Decides, because nothing follows: what was held back and is new.
    pub(super) fn finish(&mut self) -> String {
        if std::mem::replace(&mut self.decided, true) {
            return String::new();
        }
        let held = std::mem::take(&mut self.held);
        let repeated = self.longest_repeat(&held);
        let new = held.get(repeated..).unwrap_or_default();
        new.strip_prefix(self.space.as_str()).unwrap_or(new).to_owned()
    }

    /// Is all that is held back a part of what was written, so that more may be?
    fn may_grow(&self) -> bool {
        let unsure = |written: &str| starts(written).any(|start| start.starts_with(&*self.held));
        self.held.len() < WINDOW && (unsure(&self.written) || self.space.starts_with(&*self.held))
    }

    /// The length of the longest beginning of `held` that what was written ends with, if that can be no chance.
    fn longest_repeat(&self, held: &str) -> usize {
        let longest = starts(&self.written).find(|end| held.starts_with(end)).unwrap_or_default();
        let least = if longest.len() == self.written.len() { SHORTEST_WHOLE } else { SHORTEST_REPEAT };
        let is_long = longest.chars().nth(least - 1).is_some();
        if is_long && !is_periodic(longest.as_bytes()) { longest.len() } else { 0 }
    }
}

/// Is it one thing, twice or more?
fn is_periodic(text: &[u8]) -> bool {
    // The length of the longest proper beginning that each beginning ends with (Knuth, Morris and Pratt, 1977).
    let mut borders: Vec<usize> = Vec::with_capacity(text.len());
    let mut border = 0;
    for (place, byte) in text.iter().enumerate() {
        while place > 0 && border > 0 && text.get(border) != Some(byte) {
            border = borders.get(border - 1).copied().unwrap_or(0);
        }
        if place > 0 && text.get(border) == Some(byte) {
            border += 1;
        }
        borders.push(border);
    }
    let period = text.len() - border;
    period <= text.len() / 2
}

/// `text` from each of its characters on, longest first.
fn starts(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices().filter_map(|(position, _)| text.get(position..))
}

/// The last `most` bytes of `text`, in whole characters.
fn tail(text: &str, most: usize) -> &str {
    let mut from = text.len().saturating_sub(most);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text.get(from..).unwrap_or_default()
}

/// Longer answers are compared by their end. A vendor that returns the beginning it was given returns all of it, so that
/// a longer one would be seen twice; the request holds it back instead (see [`MOST_CONTINUED`]).
const WINDOW: usize = 16 << 10;

/// Longer texts are not continued.
pub(super) const MOST_CONTINUED: usize = WINDOW;

/// In characters. "the " comes again by chance, "never again, " on purpose; most of a sentence does not.
const SHORTEST_REPEAT: usize = 16;

/// In characters, where it is all that was written.
const SHORTEST_WHOLE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(written: &str, deltas: &[&str]) -> String {
        let mut overlap = Overlap::with(written);
        let mut text = written.to_owned();
        for delta in deltas {
            text.push_str(&overlap.push(delta));
        }
        text.push_str(&overlap.finish());
        text
    }

    #[test]
    fn what_is_repeated_is_left_out_however_it_is_cut() {
        let whole = "Once upon a time there was a king who had three daughters.";
        for cut in 4..whole.len() {
            let (written, rest) = whole.split_at(cut);
            let shown = written.trim_end();
            // Goes on, starts over, repeats its last half sentence.
            let half = &shown[shown.len().saturating_sub(24)..];
            let between = &whole[shown.len()..];
            for continuation in [between.to_owned(), format!("{shown}{between}"), format!("{half}{between}")]
            {
                for size in [1, 3, 100] {
                    let deltas: Vec<&str> = continuation
                        .as_bytes()
                        .chunks(size)
                        .map(|piece| std::str::from_utf8(piece).unwrap())
                        .collect();
                    assert_eq!(joined(written, &deltas), whole, "{cut} {continuation:?}");
                }
            }
            assert_eq!(joined(written, &[rest]), whole, "without the space the model was not shown");
        }
    }

    #[test]
    fn what_comes_again_on_purpose_stays() {
        let cases = [
            ("ha ha", " ha ha!"),
            ("ha", "ha"),
            ("He saw the", "the end"),
            ("No, no, no, no, no, no, no, no,", " no, no, no, no, no, no, no, no."),
            ("never again, ", "never again."),
            ("0,0,0,0,0,0,0,0,0,0,0,0,0,0,", "0,0,0,0,0,0,0,0,0,0,0,0,0,0,1"),
            ("|---|---|---|---|---|---|", "---|---|---|---|---|---|"),
            ("| a | b | c |\n| a | b | c |\n", "\n| a | b | c |\n| a | b | c |\n"),
            ("的的的的的的的的的的的的的的的的的的的的的", "的的的的的的的的的的的的的的的的的的的的的"),
            ("那是真的", "真的很好"),
        ];
        for (written, continuation) in cases {
            // The model was not shown the white space at the end, and may have written it again.
            let new = continuation.strip_prefix(&written[written.trim_end().len()..]).unwrap_or(continuation);
            assert_eq!(joined(written, &[continuation]), format!("{written}{new}"));
        }
    }

    #[test]
    fn a_sentence_in_any_script_that_comes_again_is_left_out() {
        let chinese = "从前有一位国王，他有三个女儿，她们都住在一座很高的山上的城堡里。";
        assert_eq!(joined(chinese, &[chinese, "有一天"]), format!("{chinese}有一天"));
        let end = "她们都住在一座很高的山上的城堡里，从来没有离开过。";
        assert_eq!(joined(&format!("从前。{end}"), &[end, "有一天"]), format!("从前。{end}有一天"));
    }

    #[test]
    fn what_is_held_back_comes_when_nothing_follows() {
        assert_eq!(joined("one two three", &["thr"]), "one two threethr");
        assert_eq!(joined("äöü äßü", &["äöü äßü", "ß"]), "äöü äßüß");
    }
}
