//! Answers and requests broken at random, from a seed: nothing panics, nothing grows, and the same bytes mean the same
//! wherever they are cut.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test target may panic")]

mod support;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use fastrand::Rng;
use futures::{FutureExt as _, StreamExt as _};
use http::{HeaderMap, HeaderValue};
use polyroute::clock::SystemClock;
use polyroute::protocol::chat_completions::parse_request;
use polyroute::protocol::{EncodeFor, Mode as Encoding};
use polyroute::provider::{Call, Environment, HttpProvider, Provider as _, vendor};
use polyroute::transport::{Body, HttpRequest, HttpResponse, Transport};
use polyroute::types::{Accumulator, Part, Reply};
use polyroute::{ChatRequest, ErrorKind, Settings};
use serde_json::value::RawValue;
use support::formats::{FORMATS, Format, MODES, Mode};

/// Answers every request with the pieces it was given.
#[derive(Clone, Debug, Default)]
struct Pieces(Arc<Mutex<(&'static str, Vec<Bytes>)>>);

#[async_trait]
impl Transport for Pieces {
    async fn send(&self, _: HttpRequest) -> polyroute::Result<HttpResponse> {
        let (kind, pieces) = self.0.lock().unwrap().clone();
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static(kind));
        // An unfolded stream panics when it is asked again after its end.
        let body = futures::stream::unfold(pieces.into_iter(), |mut pieces| async move {
            pieces.next().map(|piece| (Ok(piece), pieces))
        });
        Ok(HttpResponse::new(200, headers, Body::new(body)))
    }
}

/// A provider of one format over bytes in memory.
struct Reader {
    provider: HttpProvider,
    pieces: Pieces,
    request: ChatRequest,
}

impl Reader {
    fn new(format: Format) -> Self {
        let pieces = Pieces::default();
        let provider = HttpProvider::new(
            vendor::find(format.vendor()).unwrap(),
            &Settings::vendor(format.vendor()).api_key("sk-key"),
            &Environment::of([("X", "y")]),
            Arc::new(pieces.clone()),
            Arc::new(SystemClock::new()),
        );
        Self { provider: provider.unwrap(), pieces, request: ChatRequest::from(("x/m", "hi")) }
    }

    /// What these bytes mean, cut at these places.
    fn read(&self, mode: Mode, bytes: &[u8], cuts: &[usize]) -> Meaning {
        let mut pieces = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().copied().chain([bytes.len()]) {
            pieces.push(Bytes::copy_from_slice(&bytes[from..cut]));
            from = cut;
        }
        let kind = if mode == Mode::Whole { "application/json" } else { "text/event-stream" };
        *self.pieces.0.lock().unwrap() = (kind, pieces);
        let call = Call::new("m", &self.request);
        let reading = async {
            match mode {
                Mode::Whole => match self.provider.chat(call).await {
                    Ok(reply) => Meaning { reply: Some(reply), error: None },
                    Err(error) => Meaning { reply: None, error: Some(short(&error)) },
                },
                Mode::Stream => {
                    let mut stream = self.provider.chat_stream(call).await.unwrap();
                    let mut answer = Accumulator::new();
                    let mut error = None;
                    while let Some(event) = stream.next().await {
                        if let Err(failed) = event.and_then(|event| answer.push(event)) {
                            error = Some(short(&failed));
                            break;
                        }
                    }
                    Meaning { reply: Some(answer.into_reply()), error }
                }
            }
        };
        // All bytes are here: whoever waits, waits for nothing.
        reading.now_or_never().unwrap()
    }
}

#[derive(Debug, PartialEq)]
struct Meaning {
    reply: Option<Reply>,
    error: Option<(ErrorKind, String)>,
}

fn short(error: &polyroute::Error) -> (ErrorKind, String) {
    (error.kind(), error.to_string())
}

/// What a reader may meet where it expects something else.
const SPLINTERS: [&[u8]; 34] = [
    b"-1",
    b"1e999",
    b"-1e999",
    b"4294967295",
    b"18446744073709551615",
    b"9223372036854775808",
    b"0.5",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"[[",
    b"{\"",
    b"\"",
    b"\\",
    b"\\ud800",
    b"\\u0000",
    b"\xff",
    b"\xf0\x9f",
    b"\0",
    b"\n",
    b"\r",
    b"\n\n",
    b"\r\n\r\n",
    b"data: ",
    b"event: error\n",
    b": x\n",
    b"data: [DONE]\n\n",
    b"\xef\xbb\xbf",
    b",\"index\":129",
    b",\"type\":\"tool_use\"",
    b",\"thought\":true",
    b",\"error\":{\"message\":\"x\"}",
    b",\"delta\":{\"tool_calls\":[{\"index\":3}]}",
];

/// One change or a few.
fn mutate(random: &mut Rng, seed: &[u8], most: usize) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..random.usize(1..=most) {
        let at = random.usize(0..=bytes.len());
        let to = (at + random.usize(0..=40)).min(bytes.len());
        match random.u8(0..7) {
            0 if at < bytes.len() => bytes[at] = random.u8(..),
            1 => drop(bytes.drain(at..to)),
            2 => {
                let again = bytes[at..to].to_vec();
                bytes.splice(at..at, again);
            }
            3 => bytes.truncate(at),
            4 => {
                let splinter = SPLINTERS[random.usize(..SPLINTERS.len())];
                bytes.splice(at..at, splinter.iter().copied());
            }
            // Where a value begins, so that it stays JSON more often.
            _ => {
                let colons: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b':').collect();
                if let Some(colon) = random.choice(colons) {
                    let end = (colon + 1..bytes.len())
                        .find(|at| b",}]".contains(&bytes[*at]))
                        .unwrap_or(bytes.len());
                    let splinter = SPLINTERS[random.usize(..SPLINTERS.len())];
                    bytes.splice(colon + 1..end, splinter.iter().copied());
                }
            }
        }
    }
    bytes
}

fn cuts(random: &mut Rng, length: usize) -> Vec<usize> {
    let mut cuts: Vec<usize> = (0..random.usize(0..8)).map(|_| random.usize(0..=length)).collect();
    cuts.sort_unstable();
    cuts
}

/// Answers of every kind of content, in one format.
fn seeds(format: Format, mode: Mode) -> Vec<Vec<u8>> {
    let rich = match (format, mode) {
        (Format::OpenAi, Mode::Whole) => {
            r#"{"id":"c","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"a","reasoning_content":"r","refusal":null,"annotations":[{"x":1}],"tool_calls":[{"id":"t","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}}]},"logprobs":{"content":[{"token":"a","logprob":-0.1}]},"finish_reason":"tool_calls"},{"index":1,"message":{"content":"b"},"finish_reason":"length"}],"usage":{"prompt_tokens":5,"completion_tokens":7,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":2},"cost":0.25},"service_tier":"flex"}"#.to_owned()
        }
        (Format::OpenAi, Mode::Stream) => concat!(
            "data: {\"id\":\"c\",\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"r\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\u{e9}\u{1f600}\"}},{\"index\":1,\"delta\":{\"content\":\"b\"}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"t\",\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}\n\n",
            ": comment\r\n\r\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\":1}\"}}],\"citations\":[1]}}]}\n\n",
            "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"tool_calls\"}],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":7}}\n\n",
            "data: [DONE]\n\n",
        )
        .to_owned(),
        (Format::Anthropic, Mode::Whole) => {
            r#"{"id":"m","type":"message","model":"m","content":[{"type":"thinking","thinking":"r","signature":"s"},{"type":"text","text":"a","citations":[{"x":1}]},{"type":"tool_use","id":"t","name":"f","input":{"a":1}},{"type":"server_tool_use","id":"s","name":"web","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":5,"cache_read_input_tokens":3,"cache_creation":{"ephemeral_1h_input_tokens":1},"output_tokens":7,"service_tier":"standard"}}"#.to_owned()
        }
        (Format::Anthropic, Mode::Stream) => concat!(
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"model\":\"m\",\"content\":[],\"usage\":{\"input_tokens\":5,\"output_tokens\":1}}}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"thinking_delta\",\"thinking\":\"r\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"signature_delta\",\"signature\":\"s\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
            "event: ping\ndata: {\"type\":\"ping\"}\n\n",
            "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\",\"input\":{}}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"a\\\":\"}}\n\n",
            "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"1}\"}}\n\n",
            "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":1}\n\n",
            "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"},\"usage\":{\"output_tokens\":7}}\n\n",
            "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
        )
        .to_owned(),
        (Format::Google, Mode::Whole) => {
            r#"{"responseId":"g","candidates":[{"index":0,"content":{"role":"model","parts":[{"text":"r","thought":true,"thoughtSignature":"s"},{"text":"a"},{"functionCall":{"name":"f","args":{"a":1}}},{"inlineData":{"mimeType":"image/png","data":"AAAA"}},{"executableCode":{"code":"1"}}]},"finishReason":"STOP","safetyRatings":[]},{"index":1,"content":{"parts":[{"text":"b"}]},"finishReason":"MAX_TOKENS"}],"promptFeedback":{},"usageMetadata":{"promptTokenCount":5,"candidatesTokenCount":7,"thoughtsTokenCount":1,"promptTokensDetails":[{"modality":"AUDIO","tokenCount":2}]}}"#.to_owned()
        }
        (Format::Google, Mode::Stream) => concat!(
            "data: {\"responseId\":\"g\",\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"r\",\"thought\":true}]}}]}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"},{\"functionCall\":{\"name\":\"f\",\"args\":{\"a\":1}},\"thoughtSignature\":\"s\"}]}}]}\r\n\r\n",
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":5,\"candidatesTokenCount\":7}}\r\n\r\n",
        )
        .to_owned(),
    };
    let small = match mode {
        Mode::Whole => format.whole(None),
        Mode::Stream => format.events(None).concat(),
    };
    vec![small.into_bytes(), rich.into_bytes()]
}

/// Text, reasoning and arguments; each byte of them came from a byte of the answer.
fn said(reply: &Reply) -> usize {
    let of = |parts: &[Part]| -> usize {
        parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text.text.len(),
                Part::Reasoning(reasoning) => reasoning.text.len(),
                Part::ToolCall(call) => call.arguments.len(),
                _ => 0,
            })
            .sum()
    };
    of(&reply.message.parts) + reply.alternatives.iter().map(|other| of(&other.message.parts)).sum::<usize>()
}

#[test]
fn every_answer_means_the_same_at_every_single_cut() {
    for format in FORMATS {
        let reader = Reader::new(format);
        for mode in MODES {
            for seed in seeds(format, mode) {
                let whole = reader.read(mode, &seed, &[]);
                assert_eq!(whole.error, None, "{format:?} {mode:?}");
                for cut in 0..=seed.len() {
                    assert_eq!(reader.read(mode, &seed, &[cut]), whole, "{format:?} {mode:?} cut at {cut}");
                }
                let each: Vec<usize> = (0..seed.len()).collect();
                assert_eq!(reader.read(mode, &seed, &each), whole, "{format:?} {mode:?} byte by byte");
            }
        }
    }
}

#[test]
fn broken_answers_never_panic_and_mean_the_same_at_every_cut() {
    let mut random = Rng::with_seed(0x5eed);
    for format in FORMATS {
        let reader = Reader::new(format);
        for mode in MODES {
            let seeds = seeds(format, mode);
            let mut broken = 0;
            for round in 0..2_000 {
                let bytes = mutate(&mut random, &seeds[round % seeds.len()], 4);
                let whole = reader.read(mode, &bytes, &[]);
                let cuts = cuts(&mut random, bytes.len());

                assert_eq!(
                    reader.read(mode, &bytes, &cuts),
                    whole,
                    "{format:?} {mode:?} cut at {cuts:?}: {}",
                    String::from_utf8_lossy(&bytes)
                );
                broken += usize::from(whole.error.is_some());
                // Each delta is told at most once for the main answer and once for another.
                let said = whole.reply.as_ref().map_or(0, said);
                assert!(
                    said <= bytes.len() * 2,
                    "{said} of {}: {}",
                    bytes.len(),
                    String::from_utf8_lossy(&bytes)
                );
            }
            assert!((100..1_990).contains(&broken), "{format:?} {mode:?}: {broken} of 2000 were errors");
        }
    }
}

#[test]
fn broken_requests_never_panic_and_never_send_what_was_not_asked() {
    let seed = br#"{"model":"openai/m","stream":true,"temperature":0.5,"n":1,"max_tokens":100,"seed":7,"stop":["x"],
        "messages":[{"role":"system","content":"s"},{"role":"user","content":[{"type":"text","text":"u"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"low"}}]},
        {"role":"assistant","content":null,"reasoning_content":"r","tool_calls":[{"id":"t","type":"function",
        "function":{"name":"f","arguments":"{\"a\":1}"}}]},{"role":"tool","tool_call_id":"t","content":"42"}],
        "tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object","properties":{}}}}],
        "tool_choice":{"type":"function","function":{"name":"f"}},"response_format":{"type":"json_schema",
        "json_schema":{"name":"x","schema":{"type":"object"},"strict":true}},"logprobs":true,"top_logprobs":2,
        "reasoning_effort":"low","metadata":{"a":"b"},"user":"me","parallel_tool_calls":false,"x_unknown":{"y":[1]}}"#;
    let mut random = Rng::with_seed(0x5eed);
    let mut read = 0;
    for _ in 0..10_000 {
        let bytes = mutate(&mut random, seed, 2);
        let request = match parse_request(&bytes) {
            Ok((request, _)) => request,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidRequest);
                continue;
            }
        };
        if request.validate().is_err() {
            continue;
        }
        read += 1;
        for format in FORMATS {
            let chat = vendor::find(format.vendor()).unwrap().chat.unwrap();
            if let Ok(encoded) =
                chat.encode_chat(&request, EncodeFor::new(format.vendor(), "m", Encoding::Whole))
            {
                // Read raw: a number such as 1e999 is passed on as it came.
                let json = serde_json::from_slice::<&RawValue>(&encoded.body);
                assert!(
                    json.is_ok_and(|json| json.get().starts_with('{')),
                    "{}",
                    String::from_utf8_lossy(&encoded.body)
                );
            }
        }
    }
    assert!(read > 500, "{read} of 10000 could be read");
    assert!(parse_request("[".repeat(100_000).as_bytes()).is_err());
}
