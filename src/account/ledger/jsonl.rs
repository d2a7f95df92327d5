//! Entries as lines of JSON in a file.

use std::collections::HashSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Entry, EntryId, Ledger, Query, storage};
use crate::account::alone;
use crate::error::{Error, ErrorKind, Result};

/// A file with one entry on each line, for one process at a time. Readable by its owner only where the system knows
/// owners.
///
/// Whole batches are appended and synced to the disk. A line that was torn by a crash was never acknowledged; it is
/// recognised and cut off when the file is opened. Asking it for sums reads all of it: for more than some hundred
/// thousand entries use the `sqlite` feature.
#[derive(Debug)]
pub struct JsonLinesLedger {
    path: PathBuf,
    tail: Mutex<Tail>,
}

#[derive(Debug)]
struct Tail {
    file: File,
    /// Up to here every line is whole.
    whole: u64,
    /// Something may stand behind the last whole line.
    torn: bool,
}

impl JsonLinesLedger {
    /// Opens the file or makes it.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`] when it cannot be opened for writing, somebody else has it open as a ledger, or it holds something else than entries.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_path_buf();
        let mut file = alone::open(
            &path,
            "the ledger's file cannot be opened for writing",
            "another process, or another ledger of this one, has the ledger's file open",
        )?;
        let (whole, length) =
            whole_lines(&mut file).map_err(|error| storage("the ledger's file cannot be read", error))?;
        if !is_ledger(&mut file, whole).map_err(|error| storage("the ledger's file cannot be read", error))? {
            return Err(Error::new(
                ErrorKind::Storage,
                "the file holds something else than ledger entries; give the ledger a file of its own",
            ));
        }
        let mut tail = Tail { file, whole, torn: whole < length };
        tail.mend()?;
        Ok(Self { path, tail: Mutex::new(tail) })
    }

    fn lock(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tail {
    /// Cuts off what stands behind the last whole line.
    fn mend(&mut self) -> Result<()> {
        if self.torn {
            self.file
                .set_len(self.whole)
                .map_err(|error| storage("a torn line cannot be removed from the ledger's file", error))?;
            self.torn = false;
        }
        Ok(())
    }
}

impl Ledger for JsonLinesLedger {
    fn write(&self, entries: &[Entry]) -> Result<()> {
        let lines = to_lines(entries)?;
        let mut tail = self.lock();
        tail.mend()?;
        tail.torn = true;
        let written = tail.file.write_all(&lines).and_then(|()| tail.file.sync_data());
        if let Err(error) = written {
            // All or nothing: what was written of the batch is taken back, now or before the next one.
            let _ = tail.mend();
            return Err(storage("the ledger's file cannot be written; is the disk full?", error));
        }
        tail.torn = false;
        tail.whole += u64::try_from(lines.len()).unwrap_or(u64::MAX);
        Ok(())
    }

    fn read(&self, query: &Query, each: &mut dyn FnMut(Entry)) -> Result<()> {
        let whole = self.lock().whole;
        let file =
            File::open(&self.path).map_err(|error| storage("the ledger's file cannot be read", error))?;
        let mut seen = HashSet::new();
        from_lines(BufReader::new(file.take(whole)), &mut |entry| {
            if seen.insert(entry.id) && query.matches(&entry) {
                each(entry);
            }
        })
    }

    fn spill(&self) -> Option<PathBuf> {
        Some(self.path.clone())
    }
}

/// Entries as lines.
pub(super) fn to_lines(entries: &[Entry]) -> Result<Vec<u8>> {
    let mut lines = Vec::with_capacity(entries.len() * 512);
    for entry in entries {
        serde_json::to_writer(&mut lines, entry)
            .map_err(|_| Error::new(ErrorKind::Internal, "an entry cannot be written as JSON"))?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// Shows the entry of every line to `each`.
///
/// # Errors
/// [`ErrorKind::Storage`] naming the line that is no entry. A last line without its end is torn and left out.
pub(super) fn from_lines(mut lines: impl std::io::BufRead, each: &mut dyn FnMut(Entry)) -> Result<()> {
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        lines.read_until(b'\n', &mut line).map_err(|error| storage("the ledger cannot be read", error))?;
        if line.pop() != Some(b'\n') {
            return Ok(());
        }
        // The parser's own message would quote the line.
        let entry = serde_json::from_slice(&line).map_err(|_| {
            Error::new(
                ErrorKind::Storage,
                format!("line {number} of the ledger is damaged; restore or remove it"),
            )
        })?;
        each(entry);
    }
    Ok(())
}

/// For a file that holds who spent what.
pub(super) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}

/// The length up to the last end of a line, and the whole length.
fn whole_lines(file: &mut File) -> std::io::Result<(u64, u64)> {
    let length = file.seek(SeekFrom::End(0))?;
    let mut end = length;
    let mut piece = Vec::new();
    while end > 0 {
        let from = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(from))?;
        piece.clear();
        (&mut *file).take(end - from).read_to_end(&mut piece)?;
        if let Some(place) = memchr::memrchr(b'\n', &piece) {
            return Ok((from + u64::try_from(place).unwrap_or(0) + 1, length));
        }
        end = from;
    }
    Ok((0, length))
}

/// Is the first line an entry or, where no line is whole, its beginning?
fn is_ledger(file: &mut File, whole: u64) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(0))?;
    let mut first = Vec::new();
    BufReader::new((&mut *file).take(PIECE)).read_until(b'\n', &mut first)?;
    if whole == 0 {
        let common = first.len().min(BEGINNING.len());
        return Ok(first.get(..common) == BEGINNING.get(..common));
    }
    Ok(serde_json::from_slice::<EntryHead>(&first).is_ok())
}

/// What every entry has.
#[derive(serde::Deserialize)]
struct EntryHead {
    #[serde(rename = "id")]
    _id: EntryId,
    #[serde(rename = "call")]
    _call: crate::types::CallId,
}

/// Every line begins with the entry's id.
const BEGINNING: &[u8] = br#"{"id":{"run":"#;

const PIECE: u64 = 1 << 16;
