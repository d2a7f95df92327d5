//! What kind of work a prompt asks for, by its words and symbols.

use super::shape::COUNTS;
use super::sketch::{Sketch, WORD_SEED, hash};

/// A kind of work, told from a prompt by rules. A guess: where the application knows better, it says so.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TaskClass {
    /// Calculating, proving, word problems.
    Maths,
    /// Writing or reading programs.
    Code,
    /// Puzzles and deductions.
    Reasoning,
    /// Finding or arranging what the prompt itself says.
    Extraction,
    /// Essays, letters, stories, parts to play.
    Writing,
    /// None of these.
    #[default]
    Other,
}

impl TaskClass {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Maths, Self::Code, Self::Reasoning, Self::Extraction, Self::Writing, Self::Other];

    /// What `prompt` seems to ask for. Reads at most its first and last four kilobytes.
    pub fn of(prompt: &str) -> Self {
        let sketch = Sketch::of(prompt);
        Self::ALL
            .into_iter()
            .zip(sketch.shape.iter().skip(COUNTS))
            .find(|(_, flag)| **flag > 0)
            .map_or(Self::Other, |(class, _)| class)
    }

    /// A short stable name for telemetry.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Maths => "maths",
            Self::Code => "code",
            Self::Reasoning => "reasoning",
            Self::Extraction => "extraction",
            Self::Writing => "writing",
            Self::Other => "other",
        }
    }

    /// Do stronger models usually do this visibly better than weaker ones?
    pub const fn rewards_strength(self) -> bool {
        matches!(self, Self::Maths | Self::Code | Self::Reasoning)
    }
}

/// Words speak for classes; the loudest wins.
#[derive(Default)]
pub(crate) struct TaskVotes {
    votes: [u32; WORDS.len()],
}

impl TaskVotes {
    pub(crate) fn word(&mut self, word: u32) {
        // Most words say nothing, and this runs for each of them.
        if !may_vote(word) {
            return;
        }
        for (votes, (_, words)) in self.votes.iter_mut().zip(WORDS) {
            *votes += u32::from(words.contains(&word)) * 2;
        }
    }

    pub(crate) fn symbols(&mut self, fences: usize, operators: usize, dollars: usize) {
        let [maths, code, ..] = &mut self.votes;
        *code += if fences > 0 { 6 } else { 0 };
        *maths += u32::from(operators >= 3) + u32::from(dollars >= 2);
    }

    pub(crate) fn class(&self) -> TaskClass {
        let loudest = self.votes.iter().copied().max().unwrap_or(0);
        if loudest < 2 {
            return TaskClass::Other;
        }
        self.votes
            .iter()
            .zip(WORDS)
            .find(|(votes, _)| **votes == loudest)
            .map_or(TaskClass::Other, |(_, (class, _))| *class)
    }
}

/// One bit for some of a word's hash: clear for nearly every word that is not in the lists.
#[expect(
    clippy::indexing_slicing,
    reason = "computed by the compiler; a place out of range would not compile"
)]
const VOTERS: [u64; 64] = {
    let mut bits = [0; 64];
    let mut classes: &[(TaskClass, &[u32])] = WORDS;
    while let [(_, words), others @ ..] = classes {
        let mut rest = *words;
        while let [word, tail @ ..] = rest {
            bits[(*word >> 26) as usize] |= 1 << ((*word >> 20) & 63);
            rest = tail;
        }
        classes = others;
    }
    bits
};

fn may_vote(word: u32) -> bool {
    let bits = usize::try_from(word >> 26).ok().and_then(|place| VOTERS.get(place));
    bits.is_some_and(|bits| bits & (1 << ((word >> 20) & 63)) != 0)
}

const fn w(word: &str) -> u32 {
    hash(WORD_SEED, word.as_bytes())
}

/// Words that name the work, not what any one question is about. Where two classes are equally loud, the first one wins.
const WORDS: &[(TaskClass, &[u32]); 5] = &[
    (
        TaskClass::Maths,
        &[
            w("calculate"),
            w("solve"),
            w("equation"),
            w("sum"),
            w("integer"),
            w("integers"),
            w("probability"),
            w("triangle"),
            w("polynomial"),
            w("derivative"),
            w("remainder"),
            w("inequality"),
            w("prove"),
            w("area"),
            w("vertices"),
            w("divided"),
            w("percent"),
            w("total"),
            w("twice"),
            w("average"),
            w("cost"),
            w("costs"),
            w("simplify"),
            w("evaluate"),
            w("matrix"),
            w("theorem"),
        ],
    ),
    (
        TaskClass::Code,
        &[
            w("python"),
            w("javascript"),
            w("rust"),
            w("java"),
            w("html"),
            w("sql"),
            w("function"),
            w("program"),
            w("code"),
            w("algorithm"),
            w("implement"),
            w("compile"),
            w("array"),
            w("arrays"),
            w("string"),
            w("recursive"),
            w("class"),
            w("regex"),
            w("script"),
            w("debug"),
            w("api"),
        ],
    ),
    (
        TaskClass::Reasoning,
        &[
            w("suppose"),
            w("assume"),
            w("deduce"),
            w("infer"),
            w("conclude"),
            w("conclusion"),
            w("logic"),
            w("logical"),
            w("riddle"),
            w("puzzle"),
            w("premise"),
            w("premises"),
            w("argument"),
            w("fallacy"),
            w("why"),
        ],
    ),
    (
        TaskClass::Extraction,
        &[
            w("extract"),
            w("identify"),
            w("classify"),
            w("list"),
            w("table"),
            w("csv"),
            w("json"),
            w("format"),
            w("summarize"),
            w("summarise"),
            w("translate"),
            w("reviews"),
            w("records"),
            w("named"),
            w("count"),
        ],
    ),
    (
        TaskClass::Writing,
        &[
            w("write"),
            w("compose"),
            w("essay"),
            w("story"),
            w("poem"),
            w("email"),
            w("blog"),
            w("letter"),
            w("draft"),
            w("describe"),
            w("pretend"),
            w("act"),
            w("role"),
            w("roleplay"),
            w("character"),
            w("persuasive"),
            w("edit"),
            w("rewrite"),
            w("headline"),
            w("speech"),
            w("persona"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_of_work_are_told_by_words_and_symbols() {
        for (prompt, class) in [
            ("Calculate the area of a triangle with sides 3, 4 and 5.", TaskClass::Maths),
            ("Implement binary search in Python.", TaskClass::Code),
            ("```\nlet x = 1;\n```\nWhat is wrong?", TaskClass::Code),
            ("Extract the names from this table as JSON.", TaskClass::Extraction),
            ("Write a short poem about the sea.", TaskClass::Writing),
            ("Which conclusion follows from these premises?", TaskClass::Reasoning),
            ("What is the capital of France?", TaskClass::Other),
            ("", TaskClass::Other),
        ] {
            assert_eq!(TaskClass::of(prompt), class, "{prompt}");
        }
    }
}
