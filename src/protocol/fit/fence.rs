//! The fence that models like to put around JSON, taken off whole answers and streams alike.

/// Takes a Markdown fence off a text that comes in pieces. What comes out does not depend on where the pieces end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fence {
    place: Place,
    /// What may still be a part of the fence.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Nothing but what may become a fence has come.
    #[default]
    Before,
    Within,
    /// There is none.
    Outside,
}

/// Does a text begin with a fence?
enum Opening {
    /// More of it has to be seen.
    Perhaps,
    No,
    /// What is within begins here.
    Until(usize),
}

impl Fence {
    /// More of the text; returns what is surely not the fence's.
    pub(crate) fn push(&mut self, text: String) -> String {
        match self.place {
            Place::Outside => text,
            Place::Within => self.within(&text),
            Place::Before => {
                self.held.push_str(&text);
                match opening(&self.held) {
                    Opening::Perhaps => String::new(),
                    Opening::No => {
                        self.place = Place::Outside;
                        std::mem::take(&mut self.held)
                    }
                    Opening::Until(place) => {
                        self.place = Place::Within;
                        let held = std::mem::take(&mut self.held);
                        self.within(held.get(place..).unwrap_or_default())
                    }
                }
            }
        }
    }

    /// The text is over; returns the rest of it.
    pub(crate) fn finish(&mut self) -> String {
        let held = std::mem::take(&mut self.held);
        match (self.place, held.trim_end().strip_suffix("```")) {
            (Place::Within, Some(rest)) => rest.trim_end().to_owned(),
            _ => held,
        }
    }

    fn within(&mut self, text: &str) -> String {
        self.held.push_str(text);
        let open = self.held.trim_end();
        let ticks = open.len() - open.trim_end_matches('`').len();
        let before = open.get(..open.len() - ticks.min(3)).unwrap_or_default();
        // So much white space is no fence's.
        let kept = if self.held.len() > LONGEST { self.held.len() } else { before.trim_end().len() };
        let rest = self.held.split_off(kept);
        std::mem::replace(&mut self.held, rest)
    }
}

fn opening(text: &str) -> Opening {
    let begun = text.trim_start();
    let lead = text.len() - begun.len();
    if lead > LONGEST {
        return Opening::No;
    }
    let Some(rest) = begun.strip_prefix("```") else {
        return if "```".starts_with(begun) { Opening::Perhaps } else { Opening::No };
    };
    // The first line names the language, if anything.
    let names = |letter: char| letter.is_ascii_alphanumeric() || "_-+. \t\r".contains(letter);
    match rest.find(|letter| !names(letter)) {
        Some(end) if rest.as_bytes().get(end) == Some(&b'\n') => Opening::Until(lead + 3 + end + 1),
        None if rest.len() <= LONGEST => Opening::Perhaps,
        Some(_) | None => Opening::Until(lead + 3),
    }
}

/// `text` without a fence and white space around it.
#[cfg(feature = "schema")]
pub(crate) fn unfenced(text: &str) -> String {
    let mut fence = Fence::default();
    let mut bare = fence.push(text.to_owned());
    bare.push_str(&fence.finish());
    bare.trim().to_owned()
}

/// So many bytes are held back at most.
const LONGEST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn in_pieces(text: &str, size: usize) -> String {
        let mut fence = Fence::default();
        let mut letters = text.chars();
        let mut bare = String::new();
        loop {
            let piece: String = letters.by_ref().take(size).collect();
            if piece.is_empty() {
                break;
            }
            bare.push_str(&fence.push(piece));
        }
        bare + &fence.finish()
    }

    #[test]
    fn a_fence_is_taken_off_wherever_the_pieces_end() {
        for (text, bare) in [
            ("{\"a\": 1}", "{\"a\": 1}"),
            ("```json\n{\"a\": 1}\n```", "{\"a\": 1}"),
            ("\n ```JSON \r\n{\"a\": 1}```\n\n", "{\"a\": 1}"),
            ("```{\"a\": 1}```", "{\"a\": 1}"),
            ("```\ntrue\n```", "true"),
            ("```json\n{\"a\": \"```\\n\"}\n```", "{\"a\": \"```\\n\"}"),
            ("```json\n{\"a\": 1}", "{\"a\": 1}"),
            ("Sure: ```json\n{}\n```", "Sure: ```json\n{}\n```"),
            ("``no fence``", "``no fence``"),
            ("{\"a\": 1}\n```", "{\"a\": 1}\n```"),
            ("```", "```"),
            ("```json", "```json"),
            ("", ""),
            ("  \n", "  \n"),
        ] {
            for size in [1, 2, 3, 5, 100] {
                assert_eq!(in_pieces(text, size), bare, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn little_is_held_back_and_nothing_is_lost() {
        let mut fence = Fence::default();
        let mut out = fence.push("```json\n[".to_owned());
        for _ in 0..100_000 {
            out += &fence.push(" ".to_owned());
            assert!(fence.held.len() <= LONGEST + 1);
        }
        out += &fence.push("`]".to_owned());
        out += &fence.finish();
        assert_eq!(out.len(), 1 + 100_000 + 2);

        let endless = "a".repeat(100_000);
        assert_eq!(in_pieces(&format!("```{endless}"), 7), endless);
    }
}
