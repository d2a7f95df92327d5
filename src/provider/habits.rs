//! What a provider does that no request asks for.

/// How a provider behaves when a call does not go its usual way. The default is that nobody knows.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Habits {
    /// What closing a stream does to its bill.
    pub cancelling: Cancelling,
    /// How an answer that the request begins is written.
    pub prefill: Prefill,
    /// Beginnings of models' names: all that begin alike draw on one allowance for each key. Others have one of their own.
    pub quota_families: &'static [&'static str],
}

impl Habits {
    /// Nobody knows.
    pub const UNKNOWN: Self =
        Self { cancelling: Cancelling::Unknown, prefill: Prefill::Unknown, quota_families: &[] };

    /// As these, with another effect of closing a stream.
    #[must_use]
    pub const fn cancelling(self, cancelling: Cancelling) -> Self {
        Self { cancelling, ..self }
    }

    /// As these, with other families of models that share an allowance.
    #[must_use]
    pub const fn quota_families(self, beginnings: &'static [&'static str]) -> Self {
        Self { quota_families: beginnings, ..self }
    }

    /// As these, with another way to begin an answer.
    #[must_use]
    pub const fn prefill(self, prefill: Prefill) -> Self {
        Self { prefill, ..self }
    }
}

/// What closing a stream before its end does to its bill. The vendors' rows are from
/// <https://openrouter.ai/docs/api-reference/streaming> (stream cancellation, collected 2026-11-22); hardly any vendor
/// documents it itself.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cancelling {
    /// Nobody knows. The stream is closed at once and its cost estimated.
    #[default]
    Unknown,
    /// The model stops and no more is billed. The stream is closed at once.
    StopsBilling,
    /// The model goes on and all of it is billed. Closing saves nothing, so the client reads a stream on in the background,
    /// within bounds, to learn what is billed. What it cannot read on, such as an answer in one piece, is booked with the
    /// output that was expected.
    BilledToTheEnd,
}

/// How a provider wants an answer that the request begins, for models that continue one.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefill {
    /// Nobody knows, or not at all.
    #[default]
    Unknown,
    /// As a last message of the assistant.
    LastMessage,
    /// As a last message of the assistant in which this field is true.
    Marked(&'static str),
}
