//! Answers that are read before the caller gets them, and what is learned from how good they were.

use std::borrow::Cow;
use std::fmt;

use super::RequestFacts;
use super::answer::Ending;

/// What a policy that cascades does beyond ranking: foretells how much a stronger model would gain, reads the weaker one's
/// answer, and learns from ratings. [`Cascade`](super::policy::Cascade) is one; yours has the same standing.
///
/// None of these may block.
pub trait Escalation: fmt::Debug + Send + Sync {
    /// What the strong model is expected to gain for this prompt; becomes [`RequestFacts::gain`].
    fn gain(&self, prompt: &str) -> f64;

    /// Reads an answer of a target whose choice was marked [`reviewed`](super::Choice::reviewed), before the caller gets it.
    fn review(&self, answer: &Reviewed<'_>) -> Review;

    /// Is this call one of those that are audited: the strong model grades what the weak one answers, in the background?
    /// Chance arrives in the facts.
    fn audits(&self, facts: &RequestFacts) -> Audit;

    /// An answer was rated.
    fn rated(&self, rated: &Rated);
}

/// An answer that is about to be given to the caller.
#[non_exhaustive]
#[derive(Clone, Copy)]
pub struct Reviewed<'a> {
    /// The last message of the user.
    pub prompt: &'a str,
    /// The answer's text.
    pub answer: &'a str,
    /// How it ended.
    pub ending: Ending,
    /// Does it miss the form that was asked for? `None` when none was.
    pub invalid: Option<bool>,
    /// What was foreseen from the prompt alone.
    pub gain: Option<f64>,
}

impl<'a> Reviewed<'a> {
    /// `answer` to `prompt`, of which nothing else is known.
    pub fn new(prompt: &'a str, answer: &'a str) -> Self {
        Self { prompt, answer, ending: Ending::Natural, invalid: None, gain: None }
    }
}

/// Neither prompt nor answer.
impl fmt::Debug for Reviewed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reviewed")
            .field("ending", &self.ending)
            .field("gain", &self.gain)
            .finish_non_exhaustive()
    }
}

/// What a review came to.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Review {
    /// Why a stronger model is to be asked, in a few words without anything of the answer; `None` when it is good enough.
    pub escalate: Option<Cow<'static, str>>,
    /// What the strong model is expected to gain, now that the answer is known.
    pub gain: Option<f64>,
}

impl Review {
    /// The caller gets the answer.
    pub const fn good(gain: Option<f64>) -> Self {
        Self { escalate: None, gain }
    }

    /// A stronger model is asked, because of `reason`.
    pub fn escalate(reason: impl Into<Cow<'static, str>>, gain: Option<f64>) -> Self {
        Self { escalate: Some(reason.into()), gain }
    }
}

/// Is a call audited?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audit {
    /// It is not.
    No,
    /// It is: one more call, and two where the weak model was not asked anyway.
    Yes,
}

/// How good an answer was.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rated {
    /// What asking the strong model was expected to gain; `None` when nobody foretold it.
    pub gain: Option<f64>,
    /// Whose answer it was.
    pub by: Strength,
    /// From 0 to 1.
    pub score: f64,
    /// Who says so.
    pub rater: Rater,
}

impl Rated {
    /// An answer of a model of this strength was worth `score`, says who got it.
    pub const fn new(gain: Option<f64>, by: Strength, score: f64) -> Self {
        Self { gain, by, score, rater: Rater::Caller }
    }

    /// Says that it comes from an audit.
    #[must_use]
    pub const fn audited(mut self) -> Self {
        self.rater = Rater::Audit;
        self
    }
}

/// Who rates an answer. Their scales cannot be compared.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rater {
    /// Whoever got it. Rated are only answers that were given.
    Caller,
    /// The strong model, which graded a sample of all calls, whoever answered them, against what it would say itself.
    Audit,
}

/// Which side of a cascade.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strength {
    /// The one whose answers are reviewed.
    Weak,
    /// The one that is asked when they are not good enough.
    Strong,
}

const _: fn(Box<dyn Escalation>) = |_object_safe| ();
