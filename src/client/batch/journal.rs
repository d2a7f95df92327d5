//! The file that remembers which requests of a batch have an answer.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{BatchAnswer, Origin};
use crate::account::alone;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{BatchJob, CallId, FinishReason, Message, Reply, Target, Usage, Usd};

/// A file of lines of JSON: a title, then one line for each request that was answered or failed.
pub(super) struct Journal {
    file: File,
    whole: u64,
    unsynced: usize,
}

/// What earlier runs left.
#[derive(Default)]
pub(super) struct Earlier {
    /// Answers by the print of their request. The same request may stand in a batch several times.
    answers: HashMap<String, VecDeque<BatchAnswer>>,
    /// What answers and failures came to.
    pub(super) spent: Usd,
    /// Which calls the answers are from.
    calls: HashSet<CallId>,
    /// Batches that may be with a vendor still.
    pub(super) handed: Vec<Handed>,
    /// How many batches were ever handed over.
    pub(super) batches: u64,
}

/// Requests that were handed over to a vendor.
pub(super) struct Handed {
    /// Its number in the journal.
    pub(super) number: u64,
    /// The line that says so.
    pub(super) line: usize,
    pub(super) target: String,
    /// Of the requests, in the order of the batch.
    pub(super) prints: Vec<String>,
    /// What the vendor calls it; without, nobody knows whether it was taken.
    pub(super) job: Option<BatchJob>,
}

impl Earlier {
    /// The answer to a request with this print, given out once.
    pub(super) fn take(&mut self, print: &str) -> Option<BatchAnswer> {
        self.answers.get_mut(print)?.pop_front()
    }

    /// Is the answer of this call written down?
    pub(super) fn knows(&self, call: CallId) -> bool {
        self.calls.contains(&call)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    /// The first line: the version of the format.
    PolyrouteBatch(u32),
    Answered(Box<Answered>),
    Failed(Failed),
    /// About to be handed over to a vendor.
    HandingOver {
        batch: u64,
        target: String,
        prints: Vec<String>,
    },
    /// The vendor has taken it.
    HandedOver {
        batch: u64,
        job: BatchJob,
    },
    /// The vendor has not taken it, or what came of it is written down: it is no longer waited for.
    LetGo {
        batch: u64,
    },
}

#[derive(Serialize, Deserialize)]
struct Answered {
    print: String,
    target: String,
    call: CallId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cost: Option<Usd>,
    message: Message,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    finish: Option<FinishReason>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    service_tier: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Failed {
    print: String,
    error: String,
    cost: Usd,
}

impl Journal {
    /// Opens the file or makes it, and reads what earlier runs left. A torn last line is cut off: its request is asked
    /// again.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be opened for writing, another batch has it open, it is no journal, or a line in its middle is damaged.
    pub(super) fn open(path: &Path) -> Result<(Self, Earlier)> {
        let mut file = alone::open(
            path,
            "the journal cannot be opened for writing",
            "another batch has the journal open; two runs of one batch would pay twice",
        )?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(|error| storage("the journal cannot be read", error))?;
        let end = memchr::memrchr(b'\n', &bytes).map_or(0, |place| place + 1);
        let (whole, torn) = bytes.split_at(end);
        if whole.is_empty() && !TITLE.starts_with(torn) {
            return Err(foreign());
        }
        let mut earlier = Earlier::default();
        for (place, line) in whole.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
            read_line(place, line, &mut earlier)?;
        }
        let whole = u64::try_from(end).unwrap_or(u64::MAX);
        file.set_len(whole)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|error| storage("a torn line cannot be removed from the journal", error))?;
        let mut journal = Self { file, whole, unsynced: 0 };
        if whole == 0 {
            journal.append(&Line::PolyrouteBatch(VERSION))?;
        }
        Ok((journal, earlier))
    }

    /// A request was answered.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`]; the file is as it was before.
    pub(super) fn answered(&mut self, print: &str, answer: &BatchAnswer) -> Result<()> {
        let reply = &answer.reply;
        self.append(&Line::Answered(Box::new(Answered {
            print: print.to_owned(),
            target: answer.target.to_string(),
            call: answer.call,
            cost: answer.cost,
            message: reply.message.clone(),
            finish: reply.finish_reason.clone(),
            usage: reply.usage.clone(),
            id: reply.id.clone(),
            model: reply.model.clone(),
            service_tier: reply.service_tier.clone(),
        })))
    }

    /// A request failed after its attempts cost this much.
    ///
    /// # Errors
    /// As [`answered`](Self::answered).
    pub(super) fn failed(&mut self, print: &str, error: &Error, cost: Usd) -> Result<()> {
        let (print, error) = (print.to_owned(), error.kind().as_str().to_owned());
        self.append(&Line::Failed(Failed { print, error, cost }))
    }

    /// Requests are about to be handed over. The disk has it when this returns, before anybody can be charged.
    ///
    /// # Errors
    /// As [`answered`](Self::answered).
    pub(super) fn handing_over(&mut self, batch: u64, target: String, prints: Vec<String>) -> Result<()> {
        self.append(&Line::HandingOver { batch, target, prints })?;
        self.sync()
    }

    /// The vendor has taken them.
    ///
    /// # Errors
    /// As [`answered`](Self::answered).
    pub(super) fn handed_over(&mut self, batch: u64, job: &BatchJob) -> Result<()> {
        self.append(&Line::HandedOver { batch, job: job.clone() })?;
        self.sync()
    }

    /// A batch is no longer waited for: what of it has no answer may be asked directly.
    ///
    /// # Errors
    /// As [`answered`](Self::answered).
    pub(super) fn let_go(&mut self, batch: u64) -> Result<()> {
        self.append(&Line::LetGo { batch })?;
        self.sync()
    }

    /// Waits until the disk has everything.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`].
    pub(super) fn sync(&mut self) -> Result<()> {
        self.unsynced = 0;
        self.file
            .sync_data()
            .map_err(|error| storage("the journal cannot be written; is the disk full?", error))
    }

    /// Appends one line. The operating system has it when this returns, so that a kill cannot undo it; the disk has it a
    /// few lines later.
    fn append(&mut self, line: &Line) -> Result<()> {
        let mut bytes = serde_json::to_vec(line)
            .map_err(|_| Error::new(ErrorKind::Internal, "an answer cannot be written as JSON"))?;
        bytes.push(b'\n');
        if let Err(error) = self.file.write_all(&bytes) {
            let _ = self.file.set_len(self.whole);
            return Err(storage("the journal cannot be written; is the disk full?", error));
        }
        self.whole += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.unsynced += 1;
        if self.unsynced >= SYNC_EVERY { self.sync() } else { Ok(()) }
    }
}

fn read_line(place: usize, line: &[u8], earlier: &mut Earlier) -> Result<()> {
    // The parser's own message would quote the line.
    let damaged = || {
        Error::new(
            ErrorKind::Storage,
            format!("line {} of the journal is damaged; remove it to ask again for its request", place + 1),
        )
    };
    let line = match serde_json::from_slice(line) {
        Ok(line) => line,
        Err(_) if place == 0 => return Err(foreign()),
        Err(_) => return Err(damaged()),
    };
    match (place, line) {
        (0, Line::PolyrouteBatch(VERSION)) => {}
        (0, _) => return Err(foreign()),
        (_, Line::PolyrouteBatch(_)) => return Err(damaged()),
        (_, Line::Failed(failed)) => earlier.spent = earlier.spent.saturating_add(failed.cost.max(Usd::ZERO)),
        (_, Line::Answered(line)) => {
            let target: Target = line.target.parse().map_err(|_| damaged())?;
            let mut reply = Reply::empty();
            reply.message = line.message;
            reply.finish_reason = line.finish;
            reply.usage = line.usage;
            reply.id = line.id;
            reply.model = line.model;
            reply.service_tier = line.service_tier;
            let cost = line.cost.filter(|cost| *cost >= Usd::ZERO);
            earlier.calls.insert(line.call);
            earlier.spent = earlier.spent.saturating_add(cost.unwrap_or_default());
            let answer = BatchAnswer { reply, target, call: line.call, cost, origin: Origin::Journal };
            earlier.answers.entry(line.print).or_default().push_back(answer);
        }
        (_, Line::HandingOver { batch, target, prints }) => {
            earlier.batches = earlier.batches.max(batch.saturating_add(1));
            earlier.handed.push(Handed { number: batch, line: place + 1, target, prints, job: None });
        }
        (_, Line::HandedOver { batch, job }) => {
            let handed = earlier.handed.iter_mut().find(|handed| handed.number == batch);
            handed.ok_or_else(damaged)?.job = Some(job);
        }
        (_, Line::LetGo { batch }) => earlier.handed.retain(|handed| handed.number != batch),
    }
    Ok(())
}

fn foreign() -> Error {
    Error::new(
        ErrorKind::Storage,
        "the file is no journal of a batch, or of another version; give the batch a file of its own",
    )
}

fn storage(what: &'static str, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, what).with_source(error)
}

const VERSION: u32 = 1;

/// Of every journal.
const TITLE: &[u8] = b"{\"polyroute_batch\":1}";

/// A power cut, unlike a kill, may cost this many answers.
const SYNC_EVERY: usize = 64;
