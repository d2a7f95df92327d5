//! What providers really sent, served over loopback HTTP and held against what a correct client must make of it.
//!
//! The environment variable `POLYROUTE_FIXTURES` names the folder of recordings; without it only a few exchanges of our
//! own are played.

#![expect(clippy::expect_used, reason = "a test may panic")]
#![expect(clippy::float_arithmetic, reason = "vectors are compared to six decimals")]
#![expect(clippy::indexing_slicing, reason = "indexing JSON gives null, not a panic")]

mod case;
mod compare;
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

/// How many of `cases` are supported, and what is wrong with which.
fn play(cases: &[Case]) -> (usize, Vec<String>) {
    let replay = Replay::new(cases).expect("every vendor of the cases can be set up");
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
