//! Connections that a server of HTTP/2 closes in good order, or not, under calls that run.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::future::join_all;
use polyroute::resilience::Standing;
use polyroute::testing::Sandbox;
use polyroute::types::Outcome;
use polyroute::{Client, ErrorKind, Route, Settings};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::sockets::{GOOD, acceptor, issuer, run, with_own_roots};

const AT_ONCE: usize = 8;

/// How the server ends the first connection, while [`AT_ONCE`] calls run on it and one of them is answered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It will not look at those that came after the answered one.
    GoodOrder,
    /// As the other, but because of an error: whether it had begun them is not known.
    Error,
    /// It does not say anything.
    Silence,
    /// It refuses every stream but the answered one and goes on.
    Refusal,
}

#[test]
fn s22_streams_that_a_closing_connection_did_not_process_are_sent_again_and_no_attempt_is_used() {
    let test = concat!(
        "http2::",
        "s22_streams_that_a_closing_connection_did_not_process_are_sent_again_and_no_attempt_is_used"
    );
    with_own_roots(test, |folder| {
        for ending in [Ending::GoodOrder, Ending::Refusal, Ending::Error, Ending::Silence] {
            run(close_under_calls(folder, ending));
        }
    });
}

#[expect(clippy::disallowed_methods, reason = "the server ends with the runtime of the test")]
async fn close_under_calls(folder: &Path, ending: Ending) {
    let issuer = issuer(folder);
    let acceptor = acceptor(&issuer, "localhost", 2100, &["h2"]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    let server = tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(socket).await else { continue };
            let first = counted.fetch_add(1, Ordering::SeqCst) == 0;
            tokio::spawn(async move {
                if first { answer_some(stream, ending).await } else { answer_all(stream).await }
            });
        }
    });
    let sandbox = Sandbox::open().unwrap();
    let client = Client::builder()
        .seed(7)
        .vendor(Settings::compatible("a", format!("https://localhost:{port}/v1")))
        .vendor(Settings::compatible("spare", sandbox.vendor("spare").url()))
        .route("both", Route::ordered(["a/m", "spare/m"]))
        .build()
        .unwrap();
    client.chat(("both", "hi")).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1);

    let answers = join_all((0..AT_ONCE).map(|_| client.chat(("both", "hi")))).await;

    let answers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
    let health = client.health().into_iter().find(|target| target.target.provider() == "a").unwrap();
    if matches!(ending, Ending::GoodOrder | Ending::Refusal) {
        assert!(answers.iter().all(|answer| answer.provider() == "a" && answer.attempts().len() == 1));
        assert_eq!((health.standing, health.failures), (Standing::Healthy, 0));
        assert_eq!(sandbox.vendor("spare").requests(), 0);
    } else {
        let moved: Vec<_> = answers.iter().filter(|answer| answer.provider() == "spare").collect();
        assert_eq!(moved.len(), AT_ONCE - 1);
        for answer in moved {
            assert_eq!(answer.attempts()[0].outcome, Outcome::Failed(ErrorKind::Connection));
        }
    }
    server.abort();
}

/// A server as it should be.
async fn answer_all(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let head = http::Response::builder().header("content-type", "application/json").body(()).unwrap();
        let mut body = respond.send_response(head, false).unwrap();
        body.send_data(Bytes::from_static(GOOD.as_bytes()), true).unwrap();
    }
}

/// A server that answers the first request at once, and when as many as are made at once have come the first of those; the
/// rest meets the `ending`. Frame by frame, because a server that is one never says that it has not processed what it read.
async fn answer_some(mut stream: impl AsyncRead + AsyncWrite + Unpin, ending: Ending) {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.unwrap();
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await.unwrap();
    let mut whole = Vec::new();
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.unwrap();
        if kind == SETTINGS && flags & ACK == 0 {
            stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await.unwrap();
        }
        if kind == PING && flags & ACK == 0 {
            stream.write_all(&frame(PING, ACK, 0, &payload)).await.unwrap();
        }
        if matches!(kind, HEADERS | DATA) && flags & END_STREAM != 0 {
            whole.push(id);
            if whole.len() == 1 {
                stream.write_all(&good(id)).await.unwrap();
            }
        }
        if whole.len() == 1 + AT_ONCE {
            break;
        }
    }
    let (served, others) = (whole[1], &whole[2..]);
    match ending {
        Ending::GoodOrder => stream.write_all(&goaway(served, 0)).await.unwrap(),
        // "Enhance your calm".
        Ending::Error => stream.write_all(&goaway(served, 11)).await.unwrap(),
        Ending::Silence => {}
        Ending::Refusal => {
            for id in others {
                stream.write_all(&frame(RESET, 0, *id, &7_u32.to_be_bytes())).await.unwrap();
            }
        }
    }
    stream.write_all(&good(served)).await.unwrap();
    stream.flush().await.unwrap();
    if ending == Ending::Refusal {
        // Those that were refused come again, on this connection.
        let mut rest = stream;
        answer_frames(&mut rest).await;
        return;
    }
    let _ = stream.shutdown().await;
}

/// Answers whatever comes.
async fn answer_frames(stream: &mut (impl AsyncRead + AsyncWrite + Unpin)) {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await.unwrap();
        if matches!(head[3], HEADERS | DATA) && head[4] & END_STREAM != 0 {
            stream.write_all(&good(id)).await.unwrap();
        }
    }
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = vec![length[1], length[2], length[3], kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A good answer: `:status: 200` by its place in the static table, and a content type by the place of its name.
fn good(stream: u32) -> Vec<u8> {
    let json = b"application/json";
    let mut head = vec![0x88, 0x0f, 0x10, u8::try_from(json.len()).unwrap()];
    head.extend(json);
    let mut frames = frame(HEADERS, END_HEADERS, stream, &head);
    frames.extend(frame(DATA, END_STREAM, stream, GOOD.as_bytes()));
    frames
}

fn goaway(last: u32, code: u32) -> Vec<u8> {
    frame(GOAWAY, 0, 0, &[last.to_be_bytes(), code.to_be_bytes()].concat())
}
