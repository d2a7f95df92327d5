//! What the documents say of the code is made from the code. To rewrite the tables:
//!
//! ```sh
//! POLYROUTE_UPDATE_DOCS=1 cargo test --test docs_in_sync
//! ```

#![expect(clippy::expect_used, clippy::panic, reason = "a test target may panic")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use polyroute::provider::{KeyStyle, Limits, Vendor, vendor};
use polyroute::resilience::{RetryPolicy, Timeouts};
use polyroute::transport::TransportOptions;

#[test]
fn the_readmes_tables_are_what_the_code_says() {
    in_sync(
        "README.md",
        "",
        &[("providers", providers()), ("features", features()), ("defaults", defaults())],
    );
}

#[test]
fn the_manuals_table_of_features_is_what_cargo_toml_says() {
    in_sync("src/lib.rs", "//! ", &[("features", features())]);
}

#[test]
fn files_that_the_documents_name_exist() {
    for document in ["README.md", "src/lib.rs"] {
        let text = read(document);
        let named: Vec<&str> = text
            .split(['`', '(', ')', ' ', '\n'])
            .filter(|word| {
                ["src/", "examples/", "tests/", "benches/"].iter().any(|room| word.starts_with(room))
            })
            .filter(|word| !word.contains(['<', '*']))
            .collect();

        assert!(named.len() >= 5, "{document} names hardly any file; has its form changed?");
        for name in named {
            assert!(root().join(name).exists(), "{document} names {name}, which does not exist");
        }
    }
}

#[test]
fn every_example_is_in_the_readme() {
    let readme = read("README.md");
    let folder = fs::read_dir(root().join("examples")).expect("the folder can be read");
    let files = folder.map(|entry| entry.expect("the entry can be read").path());
    let names: Vec<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();

    assert!(names.len() >= 8, "the examples are elsewhere now: {names:?}");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "README.md does not name the example {name}");
    }
}

#[test]
fn every_line_of_the_changelog_begins_with_a_room() {
    let source = fs::read_dir(root().join("src")).expect("the folder can be read");
    let mut rooms: Vec<String> = source
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .filter(|room| room != "lib")
        .collect();
    rooms.extend(["crate", "examples"].map(str::to_owned));
    rooms.sort_unstable();
    let text = read("CHANGELOG.md");
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("- ")).collect();

    assert!(!lines.is_empty(), "CHANGELOG.md has no entries");
    for line in lines {
        let room = line.strip_prefix("- **").and_then(|rest| rest.split_once(":** ")).map(|(room, _)| room);
        let known = room.is_some_and(|room| rooms.iter().any(|known| known == room));
        assert!(known, "CHANGELOG.md: write `- **room:** …` with one of {rooms:?}, not {line:?}");
    }
}

/// One row for each vendor of the table.
fn providers() -> String {
    let catalogue = vendor::catalogue();
    let mut table =
        "| provider | name | key variable | chat | embeddings | rerank | priced models |\n".to_owned();
    table.push_str("|---|---|---|---|---|---|---:|\n");
    let mut all = 0;
    for vendor in vendor::ALL {
        let models = catalogue.models_of(vendor.name);
        let priced = models.iter().filter(|model| model.price.is_some()).count();
        all += priced;
        let callable = vendor.chat.is_some() || vendor.embed.is_some() || vendor.rerank.is_some();
        row(
            &mut table,
            &[
                vendor.title.to_owned(),
                names(vendor),
                if callable { keys(vendor) } else { "".to_owned() },
                match vendor.chat {
                    Some(protocol) => protocol.wire().to_string(),
                    None if callable => "no".to_owned(),
                    None => "prices only".to_owned(),
                },
                if vendor.embed.is_some() { "yes" } else { "" }.to_owned(),
                if vendor.rerank.is_some() { "yes" } else { "" }.to_owned(),
                if priced > 0 { priced.to_string() } else { "".to_owned() },
            ],
        );
    }
    let callable = vendor::ALL.iter().filter(|vendor| vendor.chat.is_some()).count();
    writeln!(table, "\n{callable} of these can be asked to chat; {all} prices.")
        .expect("a string takes everything");
    table
}

fn names(vendor: &Vendor) -> String {
    let aliases: String = vendor.aliases.iter().map(|alias| format!(", `{alias}`")).collect();
    format!("`{}`{aliases}", vendor.name)
}

fn keys(vendor: &Vendor) -> String {
    let variables: Vec<String> = vendor.key_env.iter().map(|variable| format!("`{variable}`")).collect();
    match (vendor.key, variables.join(" or ")) {
        (KeyStyle::OptionalBearer, variables) if variables.is_empty() => "none needed".to_owned(),
        (KeyStyle::OptionalBearer, variables) => format!("none needed; {variables}"),
        (_, variables) => variables,
    }
}

/// One row for each feature, described by the comment above it.
fn features() -> String {
    let manifest = read("Cargo.toml");
    let section = manifest.split_once("\n[features]\n").expect("Cargo.toml has features").1;
    let mut table = "| feature | what it brings |\n|---|---|\n".to_owned();
    let mut comment = Vec::new();
    for line in section.lines().take_while(|line| !line.starts_with('[')) {
        if let Some(text) = line.strip_prefix("# ") {
            comment.push(text);
        } else if let Some((name, _)) = line.split_once(" = ") {
            let text = if name == "default" {
                "nothing: everything else is opt-in".into()
            } else {
                comment.join(" ")
            };
            assert!(!text.is_empty(), "Cargo.toml: write a comment above the feature {name}");
            row(&mut table, &[format!("`{name}`"), text]);
            comment.clear();
        }
    }
    table
}

/// One row for each limit, with its reason.
fn defaults() -> String {
    let retry = RetryPolicy::default();
    let timeouts = Timeouts::default();
    let transport = TransportOptions::default();
    let limits = Limits::default();
    let rows = [
        (
            "attempts of one call, over all targets",
            format!("{}, at most 5", retry.max_attempts),
            "one budget for retry and failover together: an outage must not multiply the load",
        ),
        (
            "pause before the same target again",
            format!("random below {}, doubling, at most {}", short(retry.base), short(retry.cap)),
            "most faults pass at once; chance keeps clients apart",
        ),
        (
            "the same after \"too many requests\"",
            format!("random below {}, doubling", short(retry.throttled_base)),
            "quotas refill by the second",
        ),
        (
            "longest `Retry-After` waited for",
            short(retry.max_retry_after),
            "beyond it somebody is waiting in vain; the error carries the time asked for",
        ),
        ("connecting", short(transport.connect_timeout), "a healthy handshake takes well under a second"),
        (
            "first content of a stream",
            short(timeouts.first_token),
            "reasoning models are silent for a while; beyond it another target is faster",
        ),
        (
            "between two events of a stream",
            short(timeouts.idle),
            "silence this long is nearly always a dead connection",
        ),
        (
            "an answer that is not streamed",
            short(timeouts.answer),
            "it shows nothing until it is complete, so a dead vendor is found out only by this",
        ),
        ("the whole call", short(timeouts.total), "attempts, pauses and the stream together"),
        (
            "an idle connection is kept",
            short(transport.pool_idle_timeout),
            "below the idle limits of the vendors' load balancers",
        ),
        ("bytes of an answer", mebibytes(limits.body), "room for several generated pictures"),
        ("bytes of one streamed event", mebibytes(limits.event), "some vendors send a whole picture in one"),
        ("bytes of one stream", mebibytes(limits.stream), "a vendor gone wild must not fill the memory"),
    ];
    let mut table = "| what | default | why |\n|---|---|---|\n".to_owned();
    for (what, value, why) in rows {
        row(&mut table, &[what.to_owned(), value, why.to_owned()]);
    }
    table
}

fn short(duration: Duration) -> String {
    if duration.subsec_millis() > 0 {
        format!("{} ms", duration.as_millis())
    } else {
        format!("{} s", duration.as_secs())
    }
}

fn mebibytes(bytes: usize) -> String {
    format!("{} MiB", bytes >> 20)
}

fn row(table: &mut String, cells: &[String]) {
    writeln!(table, "| {} |", cells.join(" | ")).expect("a string takes everything");
}

/// Compares what stands between `<!-- generated: name -->` and `<!-- end -->`, or rewrites it.
fn in_sync(document: &str, line_start: &str, sections: &[(&str, String)]) {
    let before = read(document);
    let mut after = before.clone();
    for (name, table) in sections {
        let begin = format!("{line_start}<!-- generated: {name} -->\n");
        let end = format!("{line_start}<!-- end -->");
        let missing = || panic!("{document} has no lines {begin:?} and {end:?}");
        let Some((head, rest)) = after.split_once(&begin) else { missing() };
        let Some((_, tail)) = rest.split_once(&end) else { missing() };
        let table: String =
            table.lines().map(|line| format!("{}\n", format!("{line_start}{line}").trim_end())).collect();
        after = format!("{head}{begin}{table}{end}{tail}");
    }
    if before == after {
        return;
    }
    #[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the test")]
    if std::env::var("POLYROUTE_UPDATE_DOCS").is_ok_and(|value| value == "1") {
        fs::write(root().join(document), after).expect("the file can be written");
        return;
    }
    let wrong = after.lines().find(|line| !before.lines().any(|known| known == *line)).unwrap_or_default();
    panic!(
        "{document} is behind the code, for example this line is missing:\n{wrong}\n\
         Run: POLYROUTE_UPDATE_DOCS=1 cargo test --test docs_in_sync"
    );
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path} cannot be read: {error}"))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}
