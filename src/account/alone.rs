//! Files that one owner at a time may append to.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};

/// Opens the file at `path` for reading and appending, or makes it, readable by its owner only, and holds it until it is
/// closed or the process ends, however it ends.
///
/// # Errors
/// [`ErrorKind::Storage`] with `failed` when it cannot be opened, with `held` when somebody else has it open.
pub(crate) fn open(path: &Path, failed: &'static str, held: &'static str) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    // Others may read only: a lock would keep even the owner from reading through another handle.
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::share_mode(&mut options, FILE_SHARE_READ);
    let storage = |error: std::io::Error| Error::new(ErrorKind::Storage, failed).with_source(error);
    let file = options.open(path).map_err(storage)?;
    #[cfg(not(windows))]
    match file.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Err(Error::new(ErrorKind::Storage, held)),
        // Some file systems know no locks.
        Err(std::fs::TryLockError::Error(error)) if error.kind() == std::io::ErrorKind::Unsupported => {}
        Err(std::fs::TryLockError::Error(error)) => return Err(storage(error)),
    }
    #[cfg(windows)]
    let _ = held;
    Ok(file)
}

#[cfg(windows)]
const FILE_SHARE_READ: u32 = 1;
