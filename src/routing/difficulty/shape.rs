//! Counts and yes-or-no facts about a prompt: length, numbers, symbols, choices, code, kind of work.

use super::number::{ONE, log2_fixed, share_fixed};
use super::task::{TaskClass, TaskVotes};

/// How many hand-made features there are, the constant one included.
pub(crate) const SHAPES: usize = COUNTS + TaskClass::ALL.len();
/// Those before the kinds of work.
pub(crate) const COUNTS: usize = 24;

/// Counts while the words of a prompt go by.
pub(crate) struct Counter {
    length: usize,
    words: usize,
    votes: TaskVotes,
    bytes: ByteCounts,
    choices: Choices,
}

impl Counter {
    /// Begins with `excerpt`, of a prompt of `length` bytes.
    pub(crate) fn new(length: usize, excerpt: &[u8]) -> Self {
        Self {
            length,
            words: 0,
            votes: TaskVotes::default(),
            bytes: ByteCounts::of(excerpt),
            choices: Choices::of(excerpt),
        }
    }

    /// The next word, by its hash.
    pub(crate) fn word(&mut self, word: u32) {
        self.words += 1;
        self.votes.word(word);
    }

    /// All features, in their fixed order; the constant one is the first.
    pub(crate) fn finish(mut self) -> [i32; SHAPES] {
        let flag = |fact: bool| if fact { ONE } else { 0 };
        let bytes = &self.bytes;
        let read = bytes.all.max(1);
        self.votes.symbols(bytes.fences, bytes.operators, bytes.dollars);
        let choices = &self.choices;
        let counts: [i32; COUNTS] = [
            ONE,
            log2_fixed(self.length) / 12,
            log2_fixed(self.words) / 9,
            log2_fixed(self.length.saturating_sub(choices.bytes)) / 12,
            log2_fixed(choices.bytes) / 10,
            log2_fixed(choices.longest.saturating_sub(choices.shortest)) / 8,
            log2_fixed(bytes.numbers) / 6,
            log2_fixed(bytes.lines) / 6,
            share_fixed(choices.with_digits, choices.count, 1),
            flag(choices.count >= 2),
            share_fixed(bytes.digits, read, 5),
            share_fixed(bytes.operators, read, 10),
            share_fixed(bytes.capitals, read, 5),
            share_fixed(bytes.beyond_ascii, read, 10),
            share_fixed(bytes.commas, read, 10),
            share_fixed(bytes.stops, read, 10),
            share_fixed(read, self.words, 1) / 10,
            flag(bytes.dollars > 0),
            flag(bytes.fences > 0),
            flag(bytes.questions > 0),
            flag(bytes.quotes > 0),
            flag(bytes.blanks > 0),
            flag(bytes.percents > 0),
            flag(bytes.numbers >= 5),
        ];
        let task = self.votes.class();
        let tasks = TaskClass::ALL.map(|class| flag(class == task));
        let mut shape = [0; SHAPES];
        for (place, value) in shape.iter_mut().zip(counts.into_iter().chain(tasks)) {
            *place = value;
        }
        shape
    }
}

#[derive(Default)]
struct ByteCounts {
    all: usize,
    lines: usize,
    digits: usize,
    /// Runs of digits.
    numbers: usize,
    operators: usize,
    capitals: usize,
    beyond_ascii: usize,
    commas: usize,
    stops: usize,
    dollars: usize,
    questions: usize,
    quotes: usize,
    percents: usize,
    /// Gaps to fill in: two underscores.
    blanks: usize,
    /// Three backticks.
    fences: usize,
}

impl ByteCounts {
    fn of(text: &[u8]) -> Self {
        let mut counts = Self { all: text.len(), lines: 1, ..Self::default() };
        let mut last = b' ';
        let mut ticks = 0;
        for byte in text {
            if byte.is_ascii_digit() {
                counts.digits += 1;
                counts.numbers += usize::from(!last.is_ascii_digit());
            } else if byte.is_ascii_uppercase() {
                counts.capitals += 1;
            } else if *byte >= 0x80 {
                counts.beyond_ascii += 1;
            }
            match byte {
                b'\n' => counts.lines += 1,
                b'+' | b'-' | b'*' | b'/' | b'=' | b'^' | b'<' | b'>' => counts.operators += 1,
                b',' => counts.commas += 1,
                b'.' => counts.stops += 1,
                b'$' => counts.dollars += 1,
                b'?' => counts.questions += 1,
                b'"' => counts.quotes += 1,
                b'%' => counts.percents += 1,
                b'_' if last == b'_' => counts.blanks += 1,
                _ => {}
            }
            ticks = if *byte == b'`' { ticks + 1 } else { 0 };
            counts.fences += usize::from(ticks == 3);
            last = *byte;
        }
        counts
    }
}

/// Lines such as `B. the second`, of which one is to be chosen.
struct Choices {
    count: usize,
    bytes: usize,
    longest: usize,
    shortest: usize,
    with_digits: usize,
}

impl Choices {
    fn of(text: &[u8]) -> Self {
        let mut choices = Self { count: 0, bytes: 0, longest: 0, shortest: usize::MAX, with_digits: 0 };
        for line in text.split(|byte| *byte == b'\n') {
            let [b'A'..=b'J', b'.' | b')' | b':', rest @ ..] = line else { continue };
            if rest.is_empty() {
                continue;
            }
            choices.count += 1;
            choices.bytes += line.len();
            choices.longest = choices.longest.max(line.len());
            choices.shortest = choices.shortest.min(line.len());
            choices.with_digits += usize::from(rest.iter().any(u8::is_ascii_digit));
        }
        choices
    }
}
