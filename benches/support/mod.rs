//! A loopback vendor that costs almost nothing, and the CPU time of one thread.

#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::indexing_slicing,
    clippy::expect_used,
    reason = "each bench uses its part"
)]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// The request both sides send: about 1 KB of JSON.
pub(crate) fn prompt() -> String {
    "Summarise the following notes in one sentence. ".repeat(17)
}

/// A chat completion of about 1 KB, as OpenAI's reference shows it.
pub(crate) fn completion() -> String {
    let text = "The notes describe a plan. ".repeat(20);
    let body = format!(
        concat!(
            r#"{{"id":"chatcmpl-123","object":"chat.completion","created":1741569952,"model":"gpt-4.1-2025-04-14","#,
            r#""choices":[{{"index":0,"message":{{"role":"assistant","content":"{}","refusal":null,"annotations":[]}},"#,
            r#""logprobs":null,"finish_reason":"stop"}}],"usage":{{"prompt_tokens":190,"completion_tokens":110,"#,
            r#""total_tokens":300,"prompt_tokens_details":{{"cached_tokens":0,"audio_tokens":0}},"#,
            r#""completion_tokens_details":{{"reasoning_tokens":0,"audio_tokens":0,"accepted_prediction_tokens":0,"#,
            r#""rejected_prediction_tokens":0}}}},"service_tier":"default","system_fingerprint":"fp_1"}}"#
        ),
        text
    );
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\ncontent-length: {}\r\n\r\n{}",
        body.len(),
        body
    )
}

/// The events of a streamed completion: a role, `chunks` pieces of text, a finish, usage, the end.
pub(crate) fn events(chunks: usize) -> Vec<String> {
    let head = r#"{"id":"chatcmpl-123","object":"chat.completion.chunk","created":1694268190,"model":"gpt-4.1-2025-04-14","service_tier":"default","system_fingerprint":"fp_44709d6fcb""#;
    let mut events = vec![format!(
        r#"{head},"choices":[{{"index":0,"delta":{{"role":"assistant","content":"","refusal":null}},"logprobs":null,"finish_reason":null}}],"usage":null,"obfuscation":"a1"}}"#
    )];
    for number in 0..chunks {
        events.push(format!(
            r#"{head},"choices":[{{"index":0,"delta":{{"content":" word{number}"}},"logprobs":null,"finish_reason":null}}],"usage":null,"obfuscation":"xYz{number}"}}"#
        ));
    }
    events.push(format!(
        r#"{head},"choices":[{{"index":0,"delta":{{}},"logprobs":null,"finish_reason":"stop"}}],"usage":null}}"#
    ));
    events.push(format!(
        r#"{head},"choices":[],"usage":{{"prompt_tokens":19,"completion_tokens":{chunks},"total_tokens":83}}}}"#
    ));
    events.push("[DONE]".to_owned());
    events.into_iter().map(|event| format!("data: {event}\n\n")).collect()
}

/// A streamed response, one HTTP chunk for each event.
pub(crate) fn stream(chunks: usize) -> Vec<Vec<u8>> {
    let mut pieces = vec![
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec(),
    ];
    pieces.extend(
        events(chunks).into_iter().map(|event| format!("{:x}\r\n{event}\r\n", event.len()).into_bytes()),
    );
    pieces.push(b"0\r\n\r\n".to_vec());
    pieces
}

/// A server that answers every request with the same pieces, one write for each. One thread per connection, so that
/// its CPU time never counts as the client's.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Server {
    pub(crate) fn start(pieces: Vec<Vec<u8>>) -> Self {
        Self::paced(pieces, None)
    }

    /// As `start`; a stream stays open for `hold` after its first `before` pieces.
    pub(crate) fn paced(pieces: Vec<Vec<u8>>, hold: Option<(usize, Duration)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let pieces = Arc::new(pieces);
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::Relaxed) {
                    return;
                }
                let Ok(connection) = connection else { return };
                let pieces = Arc::clone(&pieces);
                let _ = thread::Builder::new()
                    .stack_size(64 << 10)
                    .spawn(move || serve(connection, &pieces, hold));
            }
        });
        Self { address, stop }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(mut connection: TcpStream, pieces: &[Vec<u8>], hold: Option<(usize, Duration)>) {
    let _ = connection.set_nodelay(true);
    let mut buffer = Vec::new();
    let mut piece = [0; 8192];
    loop {
        let whole = loop {
            if let Some(length) = request_length(&buffer)
                && buffer.len() >= length
            {
                break length;
            }
            match connection.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(read) => buffer.extend_from_slice(&piece[..read]),
            }
        };
        buffer.drain(..whole);
        for (number, piece) in pieces.iter().enumerate() {
            if let Some((before, pause)) = hold
                && number == before
            {
                thread::sleep(pause);
            }
            if connection.write_all(piece).is_err() {
                return;
            }
        }
    }
}

fn request_length(buffer: &[u8]) -> Option<usize> {
    let head = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&buffer[..head]).ok()?.to_ascii_lowercase();
    let length = text.split("content-length:").nth(1)?.split("\r\n").next()?.trim().parse::<usize>().ok()?;
    Some(head + length)
}

/// CPU time of the calling thread in nanoseconds, from Linux's scheduler statistics.
pub(crate) fn thread_cpu_ns() -> u64 {
    // The statistics are brought up to date when the thread is scheduled, otherwise only a few hundred times a second.
    thread::yield_now();
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("these benches run on Linux");
    text.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

/// The median.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
