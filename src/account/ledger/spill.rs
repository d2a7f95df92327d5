//! Entries that wait in files because their ledger is slow or fails.
//!
//! A file is written under a passing name and renamed when it is complete and synced; from then on it never changes.
//! Reading one twice does no harm, because a ledger knows the entries it has by their ids. So a file left by a process
//! that died is simply read by the next one, and two processes that find the same file cannot hurt each other.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{BufReader, Write as _};
use std::path::{Path, PathBuf};

use super::jsonl::{from_lines, owner_only, to_lines};
use super::{Entry, storage};
use crate::error::{Error, ErrorKind, Result};

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
            name.to_str().is_some_and(|name| name.starts_with(&self.prefix) && !name.ends_with(PASSING))
        };
        let mut files: Vec<PathBuf> = listed
            .filter_map(|file| file.ok().filter(|file| ours(&file.file_name())).map(|file| file.path()))
            .collect();
        files.sort();
        files
    }

    /// Writes `entries` to a file of their own.
    ///
    /// # Errors
    /// [`ErrorKind::Storage`]; nothing is left behind then.
    pub(super) fn write(&self, entries: &[Entry]) -> Result<()> {
        let lines = to_lines(entries)?;
        let name = format!("{}{:016x}", self.prefix, RandomState::new().hash_one(0));
        let passing = self.folder.join(format!("{name}{PASSING}"));
        let write = || {
            let mut options = OpenOptions::new();
            options.write(true).create_new(true);
            owner_only(&mut options);
            let mut file = options.open(&passing)?;
            file.write_all(&lines)?;
            file.sync_all()?;
            fs::rename(&passing, self.folder.join(&name))
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&passing);
            storage("entries cannot be spilled; is the disk full?", error)
        })
    }
}

/// The entries of a complete file. One that another process has read and removed meanwhile is empty.
///
/// # Errors
/// [`ErrorKind::Storage`] when it cannot be read or is damaged.
pub(super) fn read(path: &Path) -> Result<Vec<Entry>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(storage("a spill file cannot be read", error)),
    };
    let mut entries = Vec::new();
    from_lines(BufReader::new(file), &mut |entry| entries.push(entry))
        .map_err(|_| Error::new(ErrorKind::Storage, "a spill file is damaged; move it away to go on"))?;
    Ok(entries)
}

/// Removes a file whose entries are in the ledger.
///
/// # Errors
/// [`ErrorKind::Storage`].
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(storage("a spill file cannot be removed", error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

const PASSING: &str = ".passing";
