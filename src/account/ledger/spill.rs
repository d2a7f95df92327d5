//! Entries that wait in files because their ledger is slow or fails.
//!
//! A file is written under a passing name and renamed when it is complete and synced; from then on it never changes.
//! Reading one twice does no harm, because a ledger knows the entries it has by their ids. So a file left by a process
//! that died is simply read by the next one, and two processes that find the same file cannot hurt each other.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::jsonl::{owner_only, to_lines};
use super::{Entry, storage};
use crate::error::Result;

/// Files that begin with one path.
#[derive(Clone, Debug)]
pub(super) struct Spill {
    folder: PathBuf,
    prefix: String,
}

impl Spill {
    /// Files beside `base` whose names begin with its name; `None` when it has no printable name.
    pub(super) fn beside(base: &Path) -> Option<Self> {
        let name = base.file_name()?.to_str()?;
        let folder = base.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(Self { folder: folder.to_path_buf(), prefix: format!("{name}.spill-") })
    }

    /// The complete files there are, of this process or one that died.
    pub(super) fn files(&self) -> Vec<PathBuf> {
        let Ok(listed) = fs::read_dir(&self.folder) else { return Vec::new() };
        let ours = |name: &OsString| {
            name.to_str().is_some_and(|name| {
                name.starts_with(&self.prefix) && !name.ends_with(PASSING) && !name.ends_with(DAMAGED)
            })
        };
        let mut files: Vec<PathBuf> = listed
            .filter_map(|file| file.ok().filter(|file| ours(&file.file_name())).map(|file| file.path()))
            .collect();
        files.sort();
        files
    }

    /// Removes what processes left that died while they wrote a file, which is of no use.
    pub(super) fn remove_unfinished(&self) {
        let Ok(listed) = fs::read_dir(&self.folder) else { return };
        for file in listed.filter_map(std::result::Result::ok) {
            let name = file.file_name();
            let ours =
                name.to_str().is_some_and(|name| name.starts_with(&self.prefix) && name.ends_with(PASSING));
            // Another process may write one at this moment.
            let old =
                || file.metadata().ok()?.modified().ok()?.elapsed().ok().filter(|age| *age > UNFINISHED);
            if ours && old().is_some() {
                let _ = fs::remove_file(file.path());
            }
        }
    }

    /// Writes `entries` to a file of their own.
    ///
    /// # Errors
    /// [`Storage`](crate::error::ErrorKind::Storage); nothing is left behind then.
    pub(super) fn write(&self, entries: &[Entry]) -> Result<()> {
        let lines = to_lines(entries)?;
        let name = format!("{}{:016x}", self.prefix, RandomState::new().hash_one(0));
        let passing = self.folder.join(format!("{name}{PASSING}"));
        let write = || -> std::io::Result<()> {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            owner_only(&mut options);
            let mut file = options.open(&passing)?;
            file.write_all(&lines)?;
            file.sync_all()?;
            fs::rename(&passing, self.folder.join(&name))?;
            // The new name, too, has to survive a power cut.
            #[cfg(unix)]
            File::open(&self.folder)?.sync_all()?;
            Ok(())
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&passing);
            storage("entries cannot be spilled; is the disk full?", error)
        })
    }
}

/// What a complete file held.
#[derive(Default)]
pub(super) struct Spilled {
    pub(super) entries: Vec<Entry>,
    /// How many lines are no entries.
    pub(super) damaged: u64,
}

/// Reads a complete file. One that another process has read and removed meanwhile is empty.
///
/// # Errors
/// [`Storage`](crate::error::ErrorKind::Storage) when it cannot be read.
pub(super) fn read(path: &Path) -> Result<Spilled> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Spilled::default()),
        Err(error) => return Err(storage("a spill file cannot be read", error)),
    };
    let mut spilled = Spilled::default();
    for line in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        match serde_json::from_slice(line) {
            Ok(entry) => spilled.entries.push(entry),
            Err(_) => spilled.damaged += 1,
        }
    }
    Ok(spilled)
}

/// Keeps a damaged file for people to look at, where nothing reads it again.
///
/// # Errors
/// [`Storage`](crate::error::ErrorKind::Storage).
pub(super) fn set_aside(path: &Path) -> Result<()> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(DAMAGED);
    match fs::rename(path, aside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(storage("a damaged spill file cannot be set aside", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes a file whose entries are in the ledger.
///
/// # Errors
/// [`Storage`](crate::error::ErrorKind::Storage).
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(storage("a spill file cannot be removed", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

const PASSING: &str = ".passing";
const DAMAGED: &str = ".damaged";

/// No file takes that long to write.
const UNFINISHED: Duration = Duration::from_secs(3_600);
