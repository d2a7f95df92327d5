//! What providers really sent, served over loopback HTTP and held against what a correct client must make of it.
//!
//! The environment variable `POLYROUTE_FIXTURES` names the folder of recordings; without it only a few exchanges of our
//! own are played.

#![expect(clippy::expect_used, reason = "a test may panic")]
#![expect(clippy::float_arithmetic, reason = "vectors are compared to six decimals")]
#![expect(clippy::indexing_slicing, reason = "indexing JSON gives null, not a panic")]

mod case;
mod compare;
mod estimate;
mod own;
mod replay;
mod roundtrip;

use std::io::Write as _;

use case::Case;
use replay::Replay;

#[test]
fn exchanges_written_after_the_documentation_are_understood() {
    let (supported, failures) = play(&own::cases());

    assert_eq!((supported, failures), (own::cases().len(), Vec::new()));
}

#[test]
fn every_recorded_answer_is_understood() {
    let Some(folder) = std::env::var_os("POLYROUTE_FIXTURES") else {
        assert!(!own::cases().is_empty());
        return;
    };
    let cases = Case::read_all(folder.as_ref()).expect("the recordings can be read");
    let (supported, failures) = play(&cases);

    let mut out = std::io::stdout();
    for failure in &failures {
        writeln!(out, "{failure}").expect("standard output is open");
    }
    let (passed, unsupported) = (supported - failures.len(), cases.len() - supported);
    writeln!(out, "recorded: {passed} of {supported} cases pass ({unsupported} of unsupported apis)")
        .expect("standard output is open");
    assert!(supported > 0, "the folder holds no recordings that are supported");
    assert!(failures.is_empty(), "{} recordings are misunderstood", failures.len());
}

#[test]
fn every_recorded_request_comes_back_the_same() {
    let cases = match std::env::var_os("POLYROUTE_FIXTURES") {
        Some(folder) => Case::read_all(folder.as_ref()).expect("the recordings can be read"),
        None => own::cases(),
    };
    let (compared, failures) = roundtrip::check(&cases);

    let mut out = std::io::stdout();
    for failure in &failures {
        writeln!(out, "{failure}").expect("standard output is open");
    }
    writeln!(out, "recorded requests: {compared} read and written back").expect("standard output is open");
    assert!(compared > 0, "no case has a request in OpenAI's format");
    assert!(failures.is_empty(), "{} requests came back changed", failures.len());
}

/// The table in the documentation is what the recordings give; `POLYROUTE_UPDATE_DOCS` writes it.
#[test]
fn the_error_of_the_token_estimate_is_the_measured_one() {
    let Some(folder) = std::env::var_os("POLYROUTE_FIXTURES") else {
        // Of the few exchanges of our own there is nothing to measure but that measuring works.
        assert!(estimate::table(&own::cases()).starts_with("| vendor |"));
        return;
    };
    let cases = Case::read_all(folder.as_ref()).expect("the recordings can be read");
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/catalog/estimate.rs");
    let source = std::fs::read_to_string(&path).expect("the source is there");
    let rows: String = estimate::table(&cases).lines().map(|row| format!("//! {row}\n")).collect();
    let (begin, end) = ("//! <!-- measured -->\n", "//! <!-- end -->");
    let (before, rest) = source.split_once(begin).expect("the table has a beginning");
    let (written, after) = rest.split_once(end).expect("the table has an end");

    if std::env::var_os("POLYROUTE_UPDATE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{begin}{rows}{end}{after}"))
            .expect("the source can be written");
    } else {
        assert_eq!(written, rows, "set POLYROUTE_UPDATE_DOCS to write it");
    }
}

/// How many of `cases` are supported, and what is wrong with which.
fn play(cases: &[Case]) -> (usize, Vec<String>) {
    let replay = Replay::new().expect("every vendor of the cases can be set up");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime starts");
    runtime.block_on(async {
        let (mut supported, mut failures) = (0, Vec::new());
        for case in cases {
            let Some(outcome) = replay.run(case).await else { continue };
            supported += 1;
            failures.extend(outcome.err().map(|reason| format!("{}: {reason}", case.id)));
        }
        (supported, failures)
    })
}
