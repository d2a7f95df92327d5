//! Opens a database file that several connections and processes write, here and in the ledger.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

/// Why a database cannot be opened.
#[derive(Debug)]
pub(crate) enum Unopened {
    /// There is none, and none can be made.
    File(io::Error),
    /// It is there and cannot be used.
    Database(rusqlite::Error),
}

/// Opens the database at `path`, or makes it, readable by its owner only; then runs `prepare`, which may be run again, in
/// write-ahead mode. Waits while another process keeps it locked, for some seconds.
pub(crate) fn open(
    path: &Path,
    prepare: impl Fn(&Connection) -> rusqlite::Result<()>,
) -> Result<Connection, Unopened> {
    let mut file = OpenOptions::new();
    // A file that is there is not opened here: closing it would end every lock that another connection of this process
    // has on it. https://www.sqlite.org/howtocorrupt.html section 2.2 (read 2026-11-26).
    file.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
    match file.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(Unopened::File(error)),
        _ => {}
    }
    let connection = Connection::open(path).map_err(Unopened::Database)?;
    let ready = || {
        connection.busy_timeout(LOCKED)?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        prepare(&connection)
    };
    // Two that turn one new file to write-ahead mode get in each other's way, and SQLite refuses one of them at once,
    // because waiting would be a deadlock. https://www.sqlite.org/c3ref/busy_handler.html (read 2026-11-26).
    let mut tries = 0;
    loop {
        match ready() {
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) && tries < TRIES => {
                tries += 1;
                std::thread::sleep(PAUSE);
            }
            Err(error) => return Err(Unopened::Database(error)),
            Ok(()) => return Ok(connection),
        }
    }
}

/// How long another process may keep the database to itself.
const LOCKED: Duration = Duration::from_secs(5);

/// How often a database that is being prepared elsewhere is asked again.
const TRIES: u32 = 500;

/// How long after each.
const PAUSE: Duration = Duration::from_millis(10);
