//! Hostile and broken providers, over real sockets: each ends in a typed error within its bounds, and the second target
//! of the route answers wherever another target helps.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may panic")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::{Duration, SystemTime};

use polyroute::error::TimeoutPhase;
use polyroute::provider::Limits;
use polyroute::testing::{Fault, Garbage, Raw, Sandbox, Step, VirtualClock};
use polyroute::types::{Outcome, Part};
use polyroute::{ChatRequest, ChatResponse, Client, ErrorKind, Result, Route, StreamEvent, Usd};
use support::formats::{
    FORMATS, Format, MODES, Mode, SAID, ask, key, quick, settings, small_limits, two_targets,
};
use support::{eventually, run};

const QUESTION: &str = "What is the capital of France?";
const JSON: (&str, &str) = ("content-type", "application/json");
const EVENTS: (&str, &str) = ("content-type", "text/event-stream");

/// An answer of exactly these bytes, as the mode has it.
fn body(mode: Mode, bytes: impl Into<Vec<u8>>) -> Raw {
    let (name, value) = if mode == Mode::Whole { JSON } else { EVENTS };
    Raw::new(200, bytes.into()).header(name, value)
}

/// A right answer as bytes.
fn fine(format: Format, mode: Mode, usage: Option<&str>) -> String {
    match mode {
        Mode::Whole => format.whole(usage),
        Mode::Stream => format.events(usage).concat(),
    }
}

/// One call of the route whose first target does `step`.
fn call(format: Format, mode: Mode, step: impl Into<Step>) -> (Result<ChatResponse>, Sandbox) {
    let sandbox = Sandbox::open().unwrap();
    sandbox.vendor("bad").always(step);
    let client = two_targets(format, &sandbox).build().unwrap();
    (run(ask(&client, mode, ("route", QUESTION))), sandbox)
}

/// The first target fails with one of `kinds`, and the second answers.
fn moves_on(format: Format, mode: Mode, what: &str, step: impl Into<Step>, kinds: &[ErrorKind]) {
    let (answer, sandbox) = call(format, mode, step);
    let answer = answer.unwrap_or_else(|error| panic!("{format:?} {mode:?} {what}: {error:?}"));
    let first = &answer.attempts()[0];

    assert!(
        matches!(first.outcome, Outcome::Failed(kind) if kinds.contains(&kind)),
        "{format:?} {mode:?} {what}: {:?}",
        first.outcome
    );
    assert_eq!(answer.target().to_string(), "good/m", "{what}");
    assert!(answer.text().contains("Paris"), "{what}");
    assert_eq!((sandbox.vendor("bad").requests(), sandbox.vendor("good").requests()), (1, 1), "{what}");
}

/// The first target answers after all.
fn is_taken(format: Format, mode: Mode, what: &str, step: impl Into<Step>) -> ChatResponse {
    let (answer, sandbox) = call(format, mode, step);
    let answer = answer.unwrap_or_else(|error| panic!("{format:?} {mode:?} {what}: {error:?}"));
    assert_eq!(answer.target().to_string(), "bad/m", "{format:?} {mode:?} {what}");
    assert_eq!(sandbox.vendor("good").requests(), 0, "{what}");
    answer
}

fn everywhere(check: impl Fn(Format, Mode)) {
    for format in FORMATS {
        for mode in MODES {
            check(format, mode);
        }
    }
}

const INVALID: &[ErrorKind] = &[ErrorKind::InvalidResponse];
const BROKEN: &[ErrorKind] = &[ErrorKind::Connection];
const CUT: &[ErrorKind] = &[ErrorKind::Truncated, ErrorKind::InvalidResponse];
const DOWN: &[ErrorKind] = &[ErrorKind::Overloaded, ErrorKind::Server];

#[test]
fn answers_that_are_none_move_on() {
    everywhere(|format, mode| {
        for garbage in [Garbage::Html, Garbage::BrokenJson, Garbage::EndlessLine] {
            moves_on(format, mode, &format!("{garbage:?}"), Fault::Garbage(garbage), INVALID);
        }
        moves_on(format, mode, "endless", Fault::Garbage(Garbage::EndlessBody), INVALID);
        moves_on(format, mode, "empty", Fault::Garbage(Garbage::Empty), CUT);
        for (what, bytes) in [
            ("a number", "1"),
            ("a list", "[]"),
            ("null", "null"),
            ("a string", "\"Paris\""),
            ("an empty object", "{}"),
            ("text", "Service temporarily unavailable"),
            ("a byte order mark", "\u{feff}"),
        ] {
            moves_on(format, mode, what, body(mode, bytes), CUT);
            if mode == Mode::Stream {
                moves_on(format, mode, what, body(mode, format!("data: {bytes}\n\n")), CUT);
            }
        }
    });
}

#[test]
fn a_login_page_moves_on_whatever_it_says_it_is() {
    let page = "<!doctype html><html><body>Sign in</body></html>";
    everywhere(|format, mode| {
        for kind in ["text/html; charset=utf-8", "TEXT/HTML", "application/json", "application/xhtml+xml", ""]
        {
            moves_on(format, mode, kind, Raw::new(200, page).header("content-type", kind), CUT);
        }
    });
}

#[test]
fn a_wrong_content_type_is_not_held_against_a_right_answer() {
    everywhere(|format, mode| {
        let answer = is_taken(format, mode, "text/plain", Fault::Garbage(Garbage::WrongContentType));
        assert!(answer.text().contains("Paris"));
    });
}

#[test]
fn json_of_any_depth_neither_overflows_the_stack_nor_fails_the_call() {
    everywhere(|format, mode| {
        // A field nobody reads may be as deep as it likes; one that is read may not.
        let (answer, _) = call(format, mode, Fault::Garbage(Garbage::DeepJson));
        let answer = answer.unwrap_or_else(|error| panic!("{format:?} {mode:?}: {error:?}"));
        assert!(format!("{answer:?}").len() < 100_000);

        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        let text = fine(format, mode, None);
        let spiked = text.replacen("{", &format!("{{\"unknown\":{deep},"), 1);
        let (answer, _) = call(format, mode, body(mode, spiked));
        assert!(answer.unwrap().text().contains("Paris"));
    });
}

#[test]
fn a_body_without_end_stops_at_the_limit() {
    everywhere(|format, mode| {
        let sandbox = Sandbox::open().unwrap();
        sandbox.vendor("bad").always(Fault::Garbage(Garbage::EndlessBody));
        let limits = Limits::new(1 << 16, 1 << 16, 1 << 17);
        let client = quick().vendor(settings(format, "bad", &sandbox).limits(limits)).build().unwrap();
        run(async {
            let error = ask(&client, mode, ("bad/m", QUESTION)).await.unwrap_err();

            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{format:?} {mode:?}");
            assert!(error.message().contains("limit"), "{error}");
            assert_eq!(error.attempts().len(), 1);
            eventually("the connection is closed", || sandbox.open_connections() == 0).await;
        });
    });
}

#[test]
fn comments_and_empty_events_are_no_answer_and_not_without_end() {
    for format in FORMATS {
        for line in [": still here\n\n", "\n", "event: ping\n\n", "data:\n\n", "retry: 999999999\nid: \0\n\n"]
        {
            let few = body(Mode::Stream, line.repeat(2_000));
            moves_on(format, Mode::Stream, line, few, CUT);
            let many = body(Mode::Stream, line.repeat(small_limits().stream / line.len() + 1));
            moves_on(format, Mode::Stream, line, many, INVALID);
        }
    }
}

#[test]
fn unknown_events_and_fields_are_passed_over() {
    for format in FORMATS {
        let strange = "event: wonderful_new\ndata: {\"type\":\"wonderful_new\",\"x\":[1,{\"y\":null}]}\n\n";
        let events: Vec<String> =
            format.events(None).into_iter().flat_map(|event| [strange.to_owned(), event]).collect();

        let answer = is_taken(format, Mode::Stream, "unknown events", body(Mode::Stream, events.concat()));
        assert_eq!(answer.text(), SAID, "{format:?}");
    }
}

#[test]
fn a_million_fields_take_no_longer_than_their_bytes() {
    everywhere(|format, mode| {
        let many: String = (0..80_000).map(|number| format!("\"f{number}\":0,")).collect();
        let text = fine(format, mode, None).replacen("{", &format!("{{{many}"), 1);

        let answer = is_taken(format, mode, "many fields", body(mode, text));
        assert_eq!(answer.text(), SAID);
        assert!(answer.reply.extra.iter().count() <= 512);
    });
}

#[test]
fn small_events_do_not_multiply_a_large_one() {
    let large = "x".repeat(200_000);
    let start = format!(
        "data: {{\"type\":\"message_start\",\"message\":{{\"id\":\"m\",\"usage\":{{\"input_tokens\":1,\"x\":\"{large}\"}}}}}}\n\n"
    );
    let again = "data: {\"type\":\"message_delta\",\"usage\":{\"output_tokens\":1}}\n\n".repeat(200);
    let sandbox = Sandbox::open().unwrap();
    let events = [start, again, Format::Anthropic.events(None).concat()].concat();
    sandbox.vendor("bad").always(body(Mode::Stream, events));
    let client = two_targets(Format::Anthropic, &sandbox).build().unwrap();
    run(async {
        let mut stream = client.chat_stream(("bad/m", QUESTION)).await.unwrap();
        let mut bytes = 0;
        while let Some(event) = stream.next().await {
            if let StreamEvent::Usage(usage) = event.unwrap() {
                bytes += usage.extra.iter().map(|(_, _, value)| value.as_str().len()).sum::<usize>();
            }
        }
        assert!(bytes < 100_000, "{bytes} bytes of counts");
    });
}

#[test]
fn fields_that_grow_are_counted_as_well() {
    let names = 0..2_000;
    let openai: String = names
        .clone()
        .map(|name| {
            format!("data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"reasoning_details\":[{{\"type\":\"reasoning.text\",\"index\":0,\"f{name}\":\"x\"}}]}}}}]}}\n\n")
        })
        .collect();
    let anthropic: String = names
        .map(|name| {
            format!("data: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"x\",\"f{name}\":\"x\"}}}}\n\n")
        })
        .collect();
    let block = "data: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n";
    let end = "data: {\"type\":\"message_stop\"}\n\n";
    let finish = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Paris\"},\"finish_reason\":\"stop\"}]}\n\n";
    for (format, events) in [
        (Format::OpenAi, format!("{openai}{finish}")),
        (Format::Anthropic, format!("{block}{anthropic}{end}")),
    ] {
        let answer = is_taken(format, Mode::Stream, "many fields", body(Mode::Stream, events));
        let state = answer.reply.message.parts.iter().find_map(|part| match part {
            Part::Reasoning(reasoning) => reasoning.state.as_ref(),
            _ => None,
        });
        let fields = state.map_or(0, |state| state.json.as_str().matches("\"f").count());
        assert!((1..=64).contains(&fields), "{format:?}: {fields} fields");
    }
}

#[test]
fn a_head_without_measure_moves_on() {
    everywhere(|format, mode| {
        let many = (0..10_000)
            .fold(body(mode, fine(format, mode, None)), |raw, number| raw.header(format!("x-{number}"), "1"));
        moves_on(format, mode, "10,000 headers", many, BROKEN);
        let large = body(mode, fine(format, mode, None)).header("x-large", "a".repeat(2 << 20));
        moves_on(format, mode, "a header of 2 MB", large, BROKEN);
    });
}

#[test]
fn a_header_that_could_fill_logs_is_not_taken_for_a_request_id() {
    everywhere(|format, mode| {
        let raw = body(mode, fine(format, mode, None)).header("x-request-id", "a".repeat(10_000));
        let answer = is_taken(format, mode, "long id", raw);

        assert_eq!(answer.attempts()[0].request_id, None);
    });
}

#[test]
fn compression_nobody_asked_for_is_refused() {
    everywhere(|format, mode| {
        for encoding in ["gzip", "br", "zstd", "gzip, gzip, gzip"] {
            let raw = body(mode, fine(format, mode, None)).header("content-encoding", encoding);
            moves_on(format, mode, encoding, raw, INVALID);
        }
        let raw = body(mode, fine(format, mode, None)).header("content-encoding", "identity");
        is_taken(format, mode, "identity", raw);
    });
}

#[test]
fn a_redirect_is_refused_and_neither_key_nor_prompt_reaches_its_target() {
    let elsewhere = Sandbox::open().unwrap();
    everywhere(|format, mode| {
        for status in [301, 302, 303, 307, 308] {
            for to in [elsewhere.url(), "/good/v1/elsewhere".to_owned(), "//127.0.0.1:1/x".to_owned()] {
                let raw = Raw::new(status, "").header("location", to);
                moves_on(format, mode, "redirect", raw, INVALID);
            }
        }
    });
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn a_key_stays_with_its_provider_through_failover() {
    everywhere(|format, mode| {
        let (_, sandbox) = call(format, mode, Fault::Status(401));
        for name in ["bad", "good"] {
            for request in sandbox.vendor(name).received() {
                let seen = format!("{} {:?} {:?}", request.query, request.headers, request.body);
                assert!(request.headers.iter().any(|(_, value)| value.contains(&key(name))), "{format:?}");
                assert!(!seen.contains(&key(if name == "bad" { "good" } else { "bad" })), "{format:?}");
            }
        }
    });
}

#[test]
fn a_connection_that_breaks_before_content_moves_on() {
    everywhere(|format, mode| {
        for fault in [Fault::Reset, Fault::ResetAfterHead, Fault::CutAfter(0), Fault::ResetAfter(0)] {
            moves_on(format, mode, &format!("{fault:?}"), fault, BROKEN);
        }
        moves_on(format, mode, "ends early", Fault::EndAfter(0), CUT);
        moves_on(format, mode, "an error first", Fault::ErrorAfter(0), DOWN);
    });
}

#[test]
fn a_stream_that_breaks_after_content_says_so_and_goes_nowhere_else() {
    for format in FORMATS {
        for (fault, kinds) in [
            (Fault::CutAfter(5), BROKEN),
            (Fault::ResetAfter(5), BROKEN),
            (Fault::EndAfter(5), &[ErrorKind::Truncated][..]),
            (Fault::ErrorAfter(5), DOWN),
        ] {
            let (answer, sandbox) = call(format, Mode::Stream, fault);
            let error = answer.unwrap_err();

            assert!(kinds.contains(&error.kind()), "{format:?} {fault:?}: {error:?}");
            let partial = error.partial().unwrap().message.text();
            assert!(partial.starts_with("Paris") && partial.len() < 30, "{format:?} {fault:?}: {partial:?}");
            assert_eq!(error.attempts().len(), 1);
            assert_eq!(error.target().unwrap().to_string(), "bad/m");
            assert_eq!(sandbox.vendor("good").requests(), 0, "{format:?} {fault:?}");
        }
    }
}

#[test]
fn nothing_after_the_terminal_marker_is_read() {
    for format in [Format::OpenAi, Format::Anthropic] {
        let text = format!("{0}{0}data: garbage\n\n", fine(format, Mode::Stream, None));
        assert_eq!(is_taken(format, Mode::Stream, "twice", body(Mode::Stream, text)).text(), SAID);
    }
}

#[test]
fn an_error_inside_an_answer_is_an_error() {
    let in_band = |format| match format {
        Format::OpenAi => r#"{"error":{"message":"down","type":"server_error","code":null}}"#,
        Format::Anthropic => r#"{"type":"error","error":{"type":"overloaded_error","message":"down"}}"#,
        Format::Google => r#"{"error":{"code":503,"message":"down","status":"UNAVAILABLE"}}"#,
    };
    everywhere(|format, mode| {
        let text = in_band(format);
        moves_on(format, mode, "an error with 200", Raw::new(200, text).header(JSON.0, JSON.1), DOWN);
        if mode == Mode::Stream {
            moves_on(format, mode, "an event", body(mode, format!("data: {text}\n\n")), DOWN);
            moves_on(format, mode, "named", body(mode, format!("event: error\ndata: {text}\n\n")), DOWN);
        }
    });
}

#[test]
fn a_wait_that_makes_no_sense_is_clamped_or_ignored() {
    let day = Duration::from_secs(86_400);
    for format in FORMATS {
        for value in [
            "-1",
            "1e18",
            "99999999999999999999",
            "abc",
            "",
            "NaN",
            "inf",
            "Wed, 21 Oct 2099 07:28:00 GMT",
            "1;2",
            "0x10",
            "\u{1}",
        ] {
            for status in [429, 503] {
                let step = Step::from(Fault::Status(status)).header("retry-after", value);
                let (answer, sandbox) = call(format, Mode::Whole, step);

                assert_eq!(answer.unwrap().target().to_string(), "good/m", "{value:?}");
                let client = quick().vendor(settings(format, "bad", &sandbox)).build().unwrap();
                let request = ChatRequest::from(("bad/m", QUESTION));
                if matches!(value, "1e18" | "99999999999999999999" | "inf") || value.starts_with("Wed") {
                    let error = run(ask(&client, Mode::Whole, request)).unwrap_err();
                    assert_eq!(error.retry_after(), Some(day), "{value:?}");
                    assert_eq!(error.attempts().len(), 1, "{value:?}");
                }
            }
        }
    }
}

#[test]
fn no_count_of_tokens_fails_an_answer_or_makes_it_pay_back() {
    let names = |format| match format {
        Format::OpenAi => ["prompt_tokens", "completion_tokens", "total_tokens"],
        Format::Anthropic => ["input_tokens", "output_tokens", "cache_read_input_tokens"],
        Format::Google => ["promptTokenCount", "candidatesTokenCount", "totalTokenCount"],
    };
    everywhere(|format, mode| {
        for value in [
            "-1",
            "-9223372036854775808",
            "1e999",
            "-1e999",
            "9223372036854775808",
            "18446744073709551615",
            "18446744073709551616",
            "0.5",
            "\"NaN\"",
            "null",
            "[]",
            "{}",
            "true",
            "1e18",
        ] {
            let [one, two, three] = names(format);
            let counts = format!(r#"{{"{one}":{value},"{two}":{value},"{three}":{value},"cost":{value}}}"#);
            let what = format!("usage {value}");

            let answer = is_taken(format, mode, &what, body(mode, fine(format, mode, Some(&counts))));
            assert_eq!(answer.text(), SAID);
            assert!(answer.cost().is_none_or(|cost| cost.total >= Usd::ZERO), "{format:?} {what}");
            assert!(answer.summary.total_cost().is_none_or(|cost| cost >= Usd::ZERO), "{format:?} {what}");
        }
        for counts in ["null", "[]", "1", "\"x\"", "{\"cost\":1e30}", "{\"cost\":170141183460469231731}"] {
            let answer = is_taken(format, mode, counts, body(mode, fine(format, mode, Some(counts))));
            assert_eq!(answer.text(), SAID);
        }
    });
}

#[test]
fn an_index_beyond_reason_is_an_error_and_no_allocation() {
    for format in FORMATS {
        for index in ["4294967295", "4294967296", "18446744073709551615"] {
            let step = body(Mode::Stream, format.tool_events(index).concat());
            moves_on(format, Mode::Stream, index, step, INVALID);
        }
        for index in ["-1", "1e999", "null", "\"0\"", "[]"] {
            let (answer, _) =
                call(format, Mode::Stream, body(Mode::Stream, format.tool_events(index).concat()));
            let answer = answer.unwrap_or_else(|error| panic!("{format:?} {index}: {error:?}"));
            assert!(answer.tool_calls().count() <= 1);
        }
    }
    let calls: String =
        (0..2_000).map(|index| Format::OpenAi.tool_events(&index.to_string())[0].clone()).collect();
    let (answer, _) = call(Format::OpenAi, Mode::Stream, body(Mode::Stream, calls));
    assert_eq!(answer.unwrap_err().kind(), ErrorKind::InvalidResponse);
}

#[test]
fn text_that_is_no_text_moves_on() {
    everywhere(|format, mode| {
        let text = fine(format, mode, None);
        for (what, bad) in [("invalid UTF-8", &b"\xff\xfe"[..]), ("a lone surrogate", b"\\ud800")] {
            let at = text.find("Par").unwrap();
            let bytes = [&text.as_bytes()[..at], bad, &text.as_bytes()[at..]].concat();
            moves_on(format, mode, what, body(mode, bytes), INVALID);
        }
        let twice = text.replacen("{", "{\"choices\":[],\"content\":[],\"candidates\":[],", 1);
        let (answer, _) = call(format, mode, body(mode, twice));
        assert!(answer.unwrap().text().contains("Paris"), "{format:?} {mode:?}: duplicate keys");
    });
}

#[test]
fn a_length_that_is_a_lie_moves_on() {
    let lie = |length: &'static str| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let mut seen = Vec::new();
            let mut buffer = [0; 4096];
            while !seen.windows(4).any(|end| end == b"\r\n\r\n") || !seen.ends_with(b"}") {
                let read = socket.read(&mut buffer).unwrap();
                seen.extend_from_slice(&buffer[..read]);
            }
            write!(socket, "HTTP/1.1 200 OK\r\n{length}\r\n\r\n{{\"choices\":[").unwrap();
        });
        (address, server)
    };
    everywhere(|format, mode| {
        for length in [
            "content-length: 1000000000000",
            "content-length: 18446744073709551614",
            "content-length: 18446744073709551615",
            "content-length: 99999999999999999999999",
            "content-length: -1",
            "content-length: 5\r\ncontent-length: 500",
            "transfer-encoding: chunked\r\n\r\nffffffffffffffff",
            "transfer-encoding: chunked\r\n\r\nfffffffffffffffffffff",
            "transfer-encoding: identity, x",
        ] {
            let (address, server) = lie(length);
            let sandbox = Sandbox::open().unwrap();
            let bad = settings(format, "bad", &sandbox).base_url(format!("http://{address}"));
            let client = quick()
                .vendor(bad)
                .vendor(settings(format, "good", &sandbox))
                .route("route", Route::ordered(["bad/m", "good/m"]))
                .build()
                .unwrap();

            let answer = run(ask(&client, mode, ("route", QUESTION))).unwrap();
            assert_eq!(answer.target().to_string(), "good/m", "{format:?} {mode:?} {length}");
            assert!(
                matches!(
                    answer.attempts()[0].outcome,
                    Outcome::Failed(
                        ErrorKind::Connection | ErrorKind::InvalidResponse | ErrorKind::Truncated
                    )
                ),
                "{length}"
            );
            server.join().unwrap();
        }
    });
}

#[test]
fn silence_is_found_out_by_the_clock_and_moves_on() {
    everywhere(|format, mode| {
        for fault in [Fault::Hang, Fault::StallAfter(0)] {
            let sandbox = Sandbox::open().unwrap();
            sandbox.vendor("bad").always(fault);
            let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH);
            let client = two_targets(format, &sandbox).clock(clock.clone()).build().unwrap();
            run(async {
                let (answer, ()) = tokio::join!(ask(&client, mode, ("route", QUESTION)), async {
                    eventually("the request arrives", || sandbox.vendor("bad").in_flight() == 1).await;
                    clock.advance(Duration::from_secs(121));
                });

                let answer = answer.unwrap();
                assert_eq!(answer.target().to_string(), "good/m", "{format:?} {mode:?} {fault:?}");
                assert_eq!(answer.attempts()[0].outcome, Outcome::Failed(ErrorKind::Timeout));
                eventually("the silent request is let go", || sandbox.vendor("bad").disconnects() == 1).await;
            });
        }
    });
}

#[test]
fn a_stream_that_falls_silent_after_content_ends_at_the_idle_limit() {
    for format in FORMATS {
        let sandbox = Sandbox::open().unwrap();
        sandbox.vendor("bad").always(Fault::StallAfter(5));
        let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH);
        let client = two_targets(format, &sandbox).clock(clock.clone()).build().unwrap();
        run(async {
            let mut stream = client.chat_stream(("route", QUESTION)).await.unwrap();
            let error = loop {
                let waits = async {
                    // A timer set for an earlier event may still stand, so once may not be enough.
                    for _ in 0..2 {
                        tokio::task::yield_now().await;
                        eventually("somebody waits", || clock.pending() > 0).await;
                        clock.advance(Duration::from_secs(31));
                    }
                    std::future::pending::<()>().await;
                };
                let next = tokio::select! {
                    next = stream.next() => next,
                    () = waits => unreachable!("waits for ever"),
                };
                match next {
                    Some(Ok(StreamEvent::Done(_))) | None => panic!("{format:?}: a whole answer"),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => break error,
                }
            };

            assert_eq!(error.timeout_phase(), Some(TimeoutPhase::Idle), "{format:?}: {error:?}");
            assert!(stream.next().await.is_none());
            eventually("the silent stream is let go", || sandbox.vendor("bad").disconnects() == 1).await;
        });
        assert_eq!(sandbox.vendor("good").requests(), 0);
    }
}

#[test]
fn a_models_name_never_leaves_its_place() {
    let long = "m".repeat(10_240);
    let names = [
        "../../admin",
        "..",
        "a/../b",
        "a?b=c",
        "a#b",
        "a\r\nX-Evil: 1",
        "a%0d%0aX-Evil:1",
        "a\0b",
        &long,
        "a\u{202e}b",
        "a:streamGenerateContent?key=x",
        "%2e%2e/%2e%2e/admin",
        "a;b",
        "a\\..\\b",
        "//evil.example/x",
        "a&alt=json",
        "@evil.example",
        "models/a",
        "a\u{e9}b",
        "a\"b",
        " ",
    ];
    everywhere(|format, mode| {
        for name in names {
            let sandbox = Sandbox::open().unwrap();
            let client = two_targets(format, &sandbox).build().unwrap();
            let answer = run(ask(&client, mode, (format!("bad/{name}"), QUESTION)));

            let received = sandbox.vendor("bad").received();
            assert_eq!(sandbox.vendor("good").requests(), 0);
            match answer {
                Ok(_) => {
                    let request = &received[0];
                    let suffix =
                        if mode == Mode::Whole { ":generateContent" } else { ":streamGenerateContent" };
                    match format {
                        Format::OpenAi => assert_eq!(request.path, "/v1/chat/completions"),
                        Format::Anthropic => assert_eq!(request.path, "/v1/messages"),
                        Format::Google => {
                            let path = request.path.strip_prefix("/v1/models/").unwrap();
                            assert!(path.ends_with(suffix) && !path.contains('/'), "{name:?}: {path}");
                        }
                    }
                    let google_stream = format == Format::Google && mode == Mode::Stream;
                    assert_eq!(request.query, if google_stream { "alt=sse" } else { "" }, "{name:?}");
                    assert_eq!(request.header("x-evil"), None);
                    assert!(!name.contains("..") || name.contains('\\'), "{name:?} was sent");
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{name:?}: {error:?}");
                    assert!(received.is_empty(), "{name:?}");
                    assert!(error.to_string().len() < 1_000);
                }
            }
        }
    });
}

#[test]
fn both_targets_hostile_is_one_error_that_lists_both() {
    everywhere(|format, mode| {
        let sandbox = Sandbox::open().unwrap();
        sandbox.vendor("bad").always(Fault::Garbage(Garbage::Html));
        sandbox.vendor("good").always(Fault::Garbage(Garbage::BrokenJson));
        let client: Client = two_targets(format, &sandbox).build().unwrap();
        let error = run(ask(&client, mode, ("route", QUESTION))).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        assert_eq!(
            support::trace(error.attempts()),
            ["bad/m first invalid_response", "good/m failover invalid_response",]
        );
    });
}
