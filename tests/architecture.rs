//! The floors of the house: which room may use which, and that every vendor folder is in the table.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Room → rooms it may use. `error` and `types` share a floor: an error carries the attempts and the partial answer it
/// was made of, and every type's constructor may fail.
const ROOMS: &[(&str, &[&str])] = &[
    ("error", &["types"]),
    ("clock", &[]),
    ("types", &["error"]),
    ("store", &["error", "clock"]),
    ("transport", &["error", "types", "clock"]),
    ("catalog", &["error", "types"]),
    ("protocol", &["error", "types"]),
    ("telemetry", &["error", "types"]),
    ("provider", &["error", "types", "clock", "transport", "catalog", "protocol"]),
    ("routing", &["error", "types", "catalog"]),
    ("resilience", &["error", "types", "clock"]),
    ("quota", &["error", "types", "clock", "store"]),
    ("account", &["error", "types", "catalog", "clock", "store"]),
    (
        "client",
        &[
            "error",
            "types",
            "clock",
            "store",
            "transport",
            "catalog",
            "protocol",
            "provider",
            "routing",
            "resilience",
            "quota",
            "account",
            "telemetry",
        ],
    ),
    (
        "testing",
        &[
            "error",
            "types",
            "clock",
            "store",
            "transport",
            "catalog",
            "protocol",
            "provider",
            "resilience",
            "client",
        ],
    ),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn source_files() -> Vec<(String, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    sources(&root, &mut found);
    found
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|name| name != "lib.rs"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("the file can be read");
            let inside = path.strip_prefix(&root).expect("below src").to_string_lossy().into_owned();
            let room = inside.split('/').next().expect("a name").trim_end_matches(".rs").to_owned();
            (room, inside, text)
        })
        .collect()
}

/// The part of a file that is compiled into the library: unit tests stand at the end and may use anything.
fn library_part(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

#[test]
fn rooms_use_only_the_rooms_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut violations = Vec::new();
    let mut seen = BTreeSet::new();

    for (room, file, text) in source_files() {
        seen.insert(room.clone());
        let may = allowed.get(room.as_str()).unwrap_or_else(|| panic!("room {room} is not in the table"));
        for line in library_part(&text).lines().filter(|line| !line.trim_start().starts_with("//")) {
            for (position, _) in line.match_indices("crate::") {
                let used: String =
                    line[position + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if used.is_empty() {
                    violations.push(format!("{file}: grouped or empty use of crate:: in {line:?}"));
                } else if used.starts_with(char::is_lowercase)
                    && used != room
                    && !may.contains(&used.as_str())
                {
                    violations.push(format!("{file}: {room} may not use {used}"));
                } else if used.starts_with(char::is_uppercase) {
                    violations.push(format!("{file}: {used} is used through the crate root"));
                }
            }
        }
    }

    assert!(violations.is_empty(), "{}", violations.join("\n"));
    let rooms: BTreeSet<String> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    assert_eq!(seen, rooms, "the table lists the rooms that exist");
}

#[test]
fn foreign_names_stay_in_their_one_file() {
    let homes = [
        ("reqwest::", "transport/reqwest.rs"),
        ("backoff::Exp", "resilience/backoff.rs"),
        ("env::var(", "provider/settings.rs"),
        ("Instant::now()", "clock.rs"),
        ("SystemTime::now()", "clock.rs"),
        ("JoinSet", "client/tasks.rs"),
    ];
    let mut strays = Vec::new();

    for (_, file, text) in source_files() {
        for (name, home) in homes {
            let used = library_part(&text).lines().any(|line| {
                !line.trim_start().starts_with("//") && line.replace("self::reqwest::", "").contains(name)
            });
            // The one public re-export of the transport names the file, not the library.
            let reexport = file == "transport/mod.rs" && name == "reqwest::";
            // The sandbox has a runtime of its own.
            let sandbox = file.starts_with("testing/sandbox/") && name == "JoinSet";
            if used && file != home && !reexport && !sandbox {
                strays.push(format!("{file} names {name}, which belongs in {home}"));
            }
        }
    }

    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn every_vendor_folder_is_in_the_table() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/provider/vendor");
    let table = fs::read_to_string(folder.join("mod.rs")).expect("the table can be read");
    let mut folders = 0;

    for entry in fs::read_dir(&folder).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if !path.is_dir() {
            continue;
        }
        folders += 1;
        let name = path.file_name().expect("a name").to_string_lossy().into_owned();
        assert!(table.contains(&format!("mod {name};")), "vendor/mod.rs does not declare {name}");
        assert!(table.contains(&format!("&{name}::BUILTIN,")), "ALL does not list {name}");
    }

    assert!(folders >= 14, "only {folders} vendor folders were found");
}
