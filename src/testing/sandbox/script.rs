//! What a fake vendor is told to do.

use std::time::Duration;

use bytes::Bytes;

use crate::types::{Reply, Usage};

/// What a fake vendor does with one request. A [`Reply`], a [`Fault`] and a [`Raw`] are steps too.
#[derive(Clone, Debug, Default)]
pub struct Step {
    pub(super) action: Action,
    pub(super) delay: Duration,
    pub(super) pace: Duration,
    pub(super) model: Option<String>,
    pub(super) usage: Option<Usage>,
    /// Does a stream report it whether it was asked to or not?
    pub(super) unasked: bool,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<Bytes>,
    pub(super) piece: Option<usize>,
}

#[derive(Clone, Debug, Default)]
pub(super) enum Action {
    #[default]
    Usual,
    Reply(Box<Reply>),
    Fault(Fault),
    Raw(Raw),
}

impl Step {
    /// What the vendor does without a script.
    pub fn usual() -> Self {
        Self::default()
    }

    /// First waits.
    #[must_use]
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Waits before each event of a stream, or each piece of a [`Raw`] body.
    #[must_use]
    pub fn pace(mut self, pace: Duration) -> Self {
        self.pace = pace;
        self
    }

    /// Says that this model answered, not the one that was asked for.
    #[must_use]
    pub fn model(mut self, model: impl Into<String>) -> Self {
        self.model = Some(model.into());
        self
    }

    /// Reports this usage, not an estimate.
    #[must_use]
    pub fn usage(mut self, usage: Usage) -> Self {
        self.usage = Some(usage);
        self
    }

    /// Reports the usage of a stream although nobody asked for it, as some imitators of OpenAI do.
    #[must_use]
    pub fn usage_unasked(mut self) -> Self {
        self.unasked = true;
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends this body with a [`Fault::Status`], not an error in the vendor's words.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sends a stream in chunks of this many bytes, so that characters, lines and events are cut anywhere.
    #[must_use]
    pub fn pieces_of(mut self, bytes: usize) -> Self {
        self.piece = Some(bytes.max(1));
        self
    }

    fn of(action: Action) -> Self {
        Self { action, ..Self::default() }
    }
}

impl From<Reply> for Step {
    fn from(reply: Reply) -> Self {
        Self::of(Action::Reply(Box::new(reply)))
    }
}

impl From<Fault> for Step {
    fn from(fault: Fault) -> Self {
        Self::of(Action::Fault(fault))
    }
}

impl From<Raw> for Step {
    fn from(raw: Raw) -> Self {
        Self::of(Action::Raw(raw))
    }
}

/// Something that goes wrong.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// An HTTP error with an error body in the vendor's words; see [`Step::header`] and [`Step::body`].
    Status(u16),
    /// A pause, then the usual answer.
    Delay(Duration),
    /// The connection is reset before a byte of the answer.
    Reset,
    /// The head of an answer, then the connection is reset.
    ResetAfterHead,
    /// The connection is closed after this many events of a stream, or in the middle of a whole answer.
    CutAfter(usize),
    /// The connection is reset after this many events of a stream, or in the middle of a whole answer.
    ResetAfter(usize),
    /// The body ends properly after this many events of a stream, without the format's terminal marker.
    EndAfter(usize),
    /// Nothing more comes after this many events of a stream, or after half of a whole answer; the connection stays.
    StallAfter(usize),
    /// An error event in the vendor's words after this many events of a stream; a whole answer is a 500.
    ErrorAfter(usize),
    /// An answer that is not what it says.
    Garbage(Garbage),
    /// The request is read and never answered.
    Hang,
}

/// Answers that are not what they say, all with status 200.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Garbage {
    /// A web page, said to be one.
    Html,
    /// Nothing, said to be JSON or events.
    Empty,
    /// Half a JSON text.
    BrokenJson,
    /// A right answer that is said to be plain text.
    WrongContentType,
    /// JSON nested 100,000 deep.
    DeepJson,
    /// One line that never ends.
    EndlessLine,
    /// Events without meaning, or JSON white space, without end.
    EndlessBody,
}

/// An answer, byte for byte: recordings, in pieces of any size.
#[derive(Clone, Debug)]
pub struct Raw {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
    pub(super) piece: Option<usize>,
}

impl Raw {
    /// An answer without headers beyond those that frame it.
    pub fn new(status: u16, body: impl Into<Bytes>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), piece: None }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sends the body in chunks of this many bytes, so that characters, lines and events are cut anywhere.
    #[must_use]
    pub fn pieces_of(mut self, bytes: usize) -> Self {
        self.piece = Some(bytes.max(1));
        self
    }
}
