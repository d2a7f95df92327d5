//! What providers really sent, held against what a correct client must make of it.
//!
//! The environment variable `POLYROUTE_FIXTURES` names the folder of recordings.

#![expect(clippy::expect_used, reason = "a test may panic")]
#![expect(clippy::float_arithmetic, reason = "vectors are compared to six decimals")]
#![expect(clippy::indexing_slicing, reason = "indexing JSON gives null, not a panic")]

mod case;
mod compare;

use std::collections::VecDeque;
use std::io::Write as _;

use case::Case;
use compare::{compare_embedding, compare_error, compare_reply};
use polyroute::Error;
use polyroute::protocol::{EmbedProtocol, Protocol};
use polyroute::types::{Accumulator, Reply};

/// The format that reads `api`; one line each.
fn protocol_for(api: &str, _provider: &str) -> Option<&'static dyn Protocol> {
    let known: &[(&str, &'static dyn Protocol)] = &[
        // ("chat_completions", &polyroute::protocol::chat_completions::ChatCompletions),
        // ("messages", &polyroute::protocol::messages::Messages),
        // ("generateContent", &polyroute::protocol::generate_content::GenerateContent),
    ];
    known.iter().find(|(name, _)| *name == api).map(|(_, protocol)| *protocol)
}

/// The format that reads embeddings sent from `path`; one line each.
fn embed_protocol_for(path: &str) -> Option<&'static dyn EmbedProtocol> {
    let known: &[(&str, &'static dyn EmbedProtocol)] = &[
        // ("/embeddings", &polyroute::protocol::embeddings::Embeddings),
    ];
    known.iter().find(|(end, _)| path.ends_with(end)).map(|(_, protocol)| *protocol)
}

#[test]
fn every_recorded_answer_is_understood() {
    let Some(folder) = std::env::var_os("POLYROUTE_FIXTURES") else { return };
    let cases = Case::read_all(folder.as_ref()).expect("the recordings can be read");
    let (mut passed, mut unsupported, mut failures) = (0, 0, Vec::new());
    for case in &cases {
        match run(case) {
            None => unsupported += 1,
            Some(Ok(())) => passed += 1,
            Some(Err(reason)) => failures.push(format!("{}: {reason}", case.id)),
        }
    }
    let mut out = std::io::stdout();
    for failure in &failures {
        writeln!(out, "{failure}").unwrap();
    }
    let supported = cases.len() - unsupported;
    writeln!(out, "recorded: {passed} of {supported} cases pass ({unsupported} of unsupported apis)")
        .unwrap();
    assert!(!cases.is_empty(), "the folder holds no recordings");
    assert!(failures.is_empty(), "{} recordings are misunderstood", failures.len());
}

/// `None` when no format here reads the case.
fn run(case: &Case) -> Option<Result<(), String>> {
    if case.api == "embeddings" {
        let protocol = embed_protocol_for(&case.path)?;
        let inputs = case.expect["embeddings"]["count"].as_u64().unwrap_or(1) as usize;
        let answer = match case.status {
            200 => protocol.decode_embed(&case.body, inputs),
            status => Err(protocol.decode_failure(&case.body).into_error(status)),
        };
        return Some(match answer {
            Ok(reply) => compare_embedding(&reply, &case.expect),
            Err(error) => compare_error(&error, &case.expect),
        });
    }
    let protocol = protocol_for(&case.api, &case.provider)?;
    let answer = match (case.status, case.stream) {
        (200, true) => fold(protocol, &case.body),
        (200, false) => protocol.decode_chat(&case.body),
        (status, _) => Err(protocol.decode_failure(&case.body).into_error(status)),
    };
    Some(match answer {
        Ok(reply) => compare_reply(&reply, &case.expect),
        Err(error) => compare_error(&error, &case.expect),
    })
}

fn fold(protocol: &dyn Protocol, body: &[u8]) -> Result<Reply, Error> {
    let mut decoder = protocol.chat_decoder();
    let mut accumulator = Accumulator::new();
    let mut decode = || {
        for (name, data) in server_sent_events(std::str::from_utf8(body).expect("a stream is text")) {
            let mut events = VecDeque::new();
            let outcome = decoder.event(&name, data.as_bytes(), &mut events);
            events.into_iter().try_for_each(|event| accumulator.push(event))?;
            outcome?;
            if decoder.is_done() {
                break;
            }
        }
        let mut events = VecDeque::new();
        let outcome = decoder.end(&mut events);
        events.into_iter().try_for_each(|event| accumulator.push(event))?;
        outcome
    };
    let outcome = decode();
    let reply = accumulator.into_reply();
    match outcome {
        Ok(()) => Ok(reply),
        Err(error) => Err(error.with_partial(reply)),
    }
}

/// Names and data of the events in `text`: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
fn server_sent_events(text: &str) -> Vec<(String, String)> {
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let mut events = Vec::new();
    for block in text.split("\n\n") {
        let (mut name, mut data) = (String::new(), Vec::new());
        for line in block.lines() {
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => name = value.to_owned(),
                "data" => data.push(value),
                _ => {}
            }
        }
        if !data.is_empty() {
            events.push((name, data.join("\n")));
        }
    }
    events
}

#[test]
fn events_are_split_whatever_their_line_ends() {
    let text = ": hello\r\n\r\nevent: a\r\ndata: {\r\ndata:}\r\n\r\ndata: [DONE]\n\n";

    assert_eq!(server_sent_events(text), [("a".into(), "{\n}".into()), (String::new(), "[DONE]".into())]);
}
