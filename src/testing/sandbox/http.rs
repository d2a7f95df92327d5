//! As much of HTTP/1.1 as a vendor's front door needs, and a way to break it.

use std::io;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::request::Received;
use crate::clock::{Clock as _, SystemClock};

/// An answer ready to be sent.
pub(super) struct Outgoing {
    pub(super) delay: Duration,
    /// Status and headers; `None` sends nothing at all.
    pub(super) head: Option<(u16, Vec<(String, String)>)>,
    pub(super) body: Body,
    pub(super) pace: Duration,
    pub(super) ending: Ending,
}

pub(super) enum Body {
    /// With a content length.
    Whole(Bytes),
    /// With a content length, of which only so many bytes are sent.
    Part(Bytes, usize),
    /// Chunk by chunk.
    Pieces(Vec<Bytes>),
    /// The first piece once, the second until the client has had enough.
    Endless(Bytes, Bytes),
}

/// What happens when the body is out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    Complete,
    /// The connection is closed, properly as far as TCP is concerned.
    Cut,
    Reset,
    Stall,
}

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Complete,
    Cut,
    Reset,
    Gone,
}

pub(super) async fn send(to: &mut (impl AsyncWrite + Unpin), outgoing: Outgoing) -> io::Result<Sent> {
    let clock = SystemClock::new();
    if !outgoing.delay.is_zero() {
        clock.sleep(outgoing.delay).await;
    }
    if let Some((status, headers)) = outgoing.head {
        let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match &outgoing.body {
            Body::Whole(body) | Body::Part(body, _) => {
                head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
            }
            Body::Pieces(_) | Body::Endless(..) => head.push_str("transfer-encoding: chunked\r\n\r\n"),
        }
        to.write_all(head.as_bytes()).await?;
        match outgoing.body {
            Body::Whole(body) => to.write_all(&body).await?,
            Body::Part(body, length) => to.write_all(body.get(..length).unwrap_or(&body)).await?,
            Body::Pieces(pieces) => {
                send_pieces(to, pieces, outgoing.pace, &clock).await?;
                if outgoing.ending == Ending::Complete {
                    to.write_all(b"0\r\n\r\n").await?;
                }
            }
            Body::Endless(first, again) => {
                to.write_all(&chunk(&first)).await?;
                let again = chunk(&again);
                loop {
                    to.write_all(&again).await?;
                }
            }
        }
        to.flush().await?;
    }
    match outgoing.ending {
        Ending::Complete => Ok(Sent::Complete),
        Ending::Cut => Ok(Sent::Cut),
        Ending::Reset => {
            // A reset overtakes bytes that the client has not read yet, which would hide them from it.
            clock.sleep(Duration::from_millis(20)).await;
            Ok(Sent::Reset)
        }
        Ending::Stall => std::future::pending().await,
    }
}

/// Chunks keep their borders; where nothing waits between them, many travel in one write.
async fn send_pieces(
    to: &mut (impl AsyncWrite + Unpin),
    pieces: Vec<Bytes>,
    pace: Duration,
    clock: &SystemClock,
) -> io::Result<()> {
    let mut batch = Vec::new();
    for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
        if !pace.is_zero() {
            clock.sleep(pace).await;
        }
        batch.extend_from_slice(&chunk(&piece));
        if !pace.is_zero() || batch.len() >= MOST_BATCH {
            to.write_all(&batch).await?;
            batch.clear();
        }
    }
    to.write_all(&batch).await
}

fn chunk(piece: &[u8]) -> Vec<u8> {
    let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
    chunk.extend_from_slice(piece);
    chunk.extend_from_slice(b"\r\n");
    chunk
}

/// A request with its body.
pub(super) struct Incoming {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: Bytes,
}

impl Incoming {
    /// The vendor's name and the rest.
    pub(super) fn into_received(self) -> (String, Received) {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        let path = path.trim_start_matches('/');
        let (vendor, rest) = path.split_once('/').unwrap_or((path, ""));
        let received = Received {
            method: self.method,
            path: format!("/{rest}"),
            query: query.to_owned(),
            headers: self.headers,
            json: serde_json::from_slice(&self.body).unwrap_or(Value::Null),
            body: self.body,
        };
        (vendor.to_owned(), received)
    }
}

/// Reads one request; `buffer` holds what is already here of it, and afterwards what is already here of the next.
/// `None` when the client closed in between.
pub(super) async fn read_request(
    from: &mut (impl AsyncRead + AsyncWrite + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Incoming>> {
    let (length, method, target, headers) = loop {
        let mut space = [httparse::EMPTY_HEADER; 128];
        let mut request = httparse::Request::new(&mut space);
        match request.parse(buffer).map_err(io::Error::other)? {
            httparse::Status::Complete(length) => {
                let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
                let headers: Vec<_> = request
                    .headers
                    .iter()
                    .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
                    .collect();
                let method = request.method.unwrap_or_default().to_owned();
                break (length, method, request.path.unwrap_or_default().to_owned(), headers);
            }
            httparse::Status::Partial if buffer.len() > MOST_HEAD => {
                return Err(io::Error::other("the head is too long"));
            }
            httparse::Status::Partial => {
                if from.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
        }
    };
    buffer.drain(..length);
    let header = |name: &str| headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str());
    if header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        from.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = if header("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        read_chunks(from, buffer).await?
    } else {
        let length = header("content-length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
        take(from, buffer, length).await?
    };
    Ok(Some(Incoming { method, target, headers, body }))
}

async fn read_chunks(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> io::Result<Bytes> {
    let mut body = BytesMut::new();
    loop {
        let (digits, length) = loop {
            match httparse::parse_chunk_size(buffer) {
                Ok(httparse::Status::Complete(found)) => break found,
                Ok(httparse::Status::Partial) => {
                    if from.read_buf(buffer).await? == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        };
        buffer.drain(..digits);
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let data = take(from, buffer, length).await?;
        take(from, buffer, 2).await?;
        if length == 0 {
            return Ok(body.freeze());
        }
        body.extend_from_slice(&data);
        if body.len() > MOST_BODY {
            return Err(io::ErrorKind::InvalidData.into());
        }
    }
}

async fn take(from: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>, length: usize) -> io::Result<Bytes> {
    if length > MOST_BODY {
        return Err(io::ErrorKind::InvalidData.into());
    }
    while buffer.len() < length {
        if from.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(buffer.drain(..length).collect())
}

fn reason(status: u16) -> &'static str {
    ::http::StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Unknown")
}

/// Most bytes of a request's head.
pub(super) const MOST_HEAD: usize = 1 << 18;

const MOST_BODY: usize = 1 << 27;
const MOST_BATCH: usize = 1 << 14;
