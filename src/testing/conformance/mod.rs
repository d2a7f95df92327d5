//! One suite for every provider: what each must do, or refuse, whoever it is.
//!
//! A case asks for something and accepts two outcomes: it is done right, or it is refused with
//! [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) before a byte is sent. Nothing is skipped. What a
//! [`Subject`] says it can do may not be refused, and what it says it cannot may not be done.

mod ask;
mod cases;
mod vendor;

use std::fmt;

pub use vendor::VendorSubject;

use crate::catalog::{Capability, Support};
use crate::client::Client;
use crate::error::Result;
use crate::types::Reply;

/// A provider that is held to the suite, and the vendor behind it.
///
/// ```
/// use polyroute::resilience::RetryPolicy;
/// use polyroute::testing::{Play, ScriptedProvider, Subject, conformance};
/// use polyroute::types::Reply;
/// use polyroute::{Client, Error, ErrorKind, Result};
///
/// struct Mine;
///
/// impl Subject for Mine {
///     fn model(&self) -> String {
///         "mine/any".into()
///     }
///
///     fn client(&self, plays: Vec<Play>) -> Result<Client> {
///         let provider = ScriptedProvider::new("mine");
///         for play in plays {
///             match play {
///                 Play::Answer { reply, .. } => provider.then(*reply),
///                 Play::Json(text) => provider.then(Reply::text(text)),
///                 Play::Status(status) => {
///                     provider.then(Error::new(ErrorKind::from_status(status), "so it is").with_status(status))
///                 }
///                 Play::Cut | Play::Endless => provider.then(ErrorKind::Truncated),
///                 // Nothing is scripted: it fails rather than wait for ever.
///                 _ => provider.clone(),
///             };
///         }
///         Client::builder().provider(provider).retry(RetryPolicy::default().max_attempts(1)).build()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let report = conformance(&Mine).await;
/// assert!(report.failures().count() == 0, "{report}");
/// # }
/// ```
pub trait Subject: Send + Sync {
    /// A model of it: `provider/model`.
    fn model(&self) -> String;

    /// A client that asks it, and that makes one attempt for each call. The vendor behind it answers the requests that
    /// come in this order; what it answers after them does not matter.
    ///
    /// # Errors
    /// Any; the case then fails.
    fn client(&self, plays: Vec<Play>) -> Result<Client>;

    /// A key that must never be shown. By default there is none.
    fn secret(&self) -> Option<&str> {
        None
    }

    /// How many requests have reached the vendor since [`client`](Self::client) was last called; `None` when that cannot
    /// be told.
    fn requests(&self) -> Option<usize> {
        None
    }

    /// The body of the last request that reached the vendor; `None` when that cannot be told. With it the suite sees whether an
    /// option that was not refused was sent at all.
    fn received(&self) -> Option<Vec<u8>> {
        None
    }

    /// How many requests of that client were abandoned before their answer was complete; `None` when that cannot be told.
    fn abandoned(&self) -> Option<usize> {
        None
    }

    /// What it says it can do. By default nobody knows.
    fn supports(&self, capability: Capability) -> Support {
        let _ = capability;
        Support::Unknown
    }
}

/// What the vendor behind a [`Subject`] does with one request.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub enum Play {
    /// It answers.
    Answer {
        /// What.
        reply: Box<Reply>,
        /// A stream arrives in pieces of so many bytes; as the vendor would send it otherwise.
        piece: Option<usize>,
    },
    /// It answers with this JSON text, as it was asked for a schema.
    Json(String),
    /// It fails with this HTTP status, and repeats the key in its words.
    Status(u16),
    /// It begins an answer; then the body ends without the format's end mark.
    Cut,
    /// It says nothing and keeps the connection.
    Hang,
    /// It sends what means nothing, and does not stop.
    Endless,
}

/// What came of one case.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does what was asked.
    Behaves,
    /// It refuses, before a byte is sent.
    Refuses,
    /// Neither, and why.
    Fails(String),
}

/// What came of every case.
#[derive(Clone, Debug)]
pub struct Report {
    model: String,
    verdicts: Vec<(&'static str, Verdict)>,
}

impl Report {
    /// The name of each case and what came of it.
    pub fn verdicts(&self) -> impl Iterator<Item = (&'static str, &Verdict)> {
        self.verdicts.iter().map(|(name, verdict)| (*name, verdict))
    }

    /// The cases that failed, and why.
    pub fn failures(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.verdicts().filter_map(|(name, verdict)| match verdict {
            Verdict::Fails(why) => Some((name, why.as_str())),
            Verdict::Behaves | Verdict::Refuses => None,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.model)?;
        for (name, verdict) in self.verdicts() {
            match verdict {
                Verdict::Behaves => writeln!(f, "  {name}: behaves")?,
                Verdict::Refuses => writeln!(f, "  {name}: refuses")?,
                Verdict::Fails(why) => writeln!(f, "  {name}: FAILS: {why}")?,
            }
        }
        Ok(())
    }
}

/// Runs every case against `subject`, one after the other.
pub async fn conformance(subject: &dyn Subject) -> Report {
    Report { model: subject.model(), verdicts: cases::all(subject).await }
}
