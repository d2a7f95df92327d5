//! Text that a model repeats when it is asked to write on.

/// Leaves out of a continuation what had been written already: some vendors return the beginning they were given, and
/// models like to repeat the last sentence.
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

    /// The length of the longest beginning of `held` that what was written ends with. Short ones are chance.
    fn longest_repeat(&self, held: &str) -> usize {
        let ends = starts(&self.written).filter(|end| held.starts_with(end));
        let whole = self.written.len();
        ends.map(str::len).find(|length| *length >= SHORTEST_REPEAT || *length == whole).unwrap_or(0)
    }
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

/// "the " comes again by chance; a clause does not.
const SHORTEST_REPEAT: usize = 12;

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
        for cut in 1..whole.len() {
            let (written, rest) = whole.split_at(cut);
            let shown = written.trim_end();
            // Goes on, starts over, repeats its last half sentence.
            let half = &shown[shown.len().saturating_sub(20)..];
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
    fn short_words_that_come_again_are_no_repetition() {
        assert_eq!(joined("ha ha", &[" ha", " ha!"]), "ha ha ha ha!");
        assert_eq!(joined("He saw the", &["the", " end"]), "He saw thethe end");
    }

    #[test]
    fn what_is_held_back_comes_when_nothing_follows() {
        assert_eq!(joined("one two three", &["thr"]), "one two threethr");
        assert_eq!(joined("äöü äöü äöü", &["äöü äöü äöü", "ß"]), "äöü äöü äöüß");
    }
}
