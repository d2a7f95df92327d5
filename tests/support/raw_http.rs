//! The smallest HTTP client that shows what a server really sent.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// An answer as it arrived.
#[derive(Debug, Default)]
pub(crate) struct RawAnswer {
    /// 0 when the connection ended before a status line.
    pub(crate) status: u16,
    /// The head, in lower case.
    pub(crate) head: String,
    /// The body, chunk framing removed.
    pub(crate) body: Vec<u8>,
    /// Lengths of the chunks.
    pub(crate) chunks: Vec<usize>,
    /// Did the body come to the end that its framing promised?
    pub(crate) complete: bool,
    /// How the connection ended, where it ended badly.
    pub(crate) error: Option<io::ErrorKind>,
}

impl RawAnswer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }

    /// Names and data of the server-sent events.
    pub(crate) fn events(&self) -> Vec<(String, String)> {
        let text = self.text().replace("\r\n", "\n");
        let field = |block: &str, name: &str| {
            let lines = block.lines().filter_map(|line| line.strip_prefix(name));
            lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
        };
        let blocks = text.split("\n\n").filter(|block| !block.is_empty());
        blocks.map(|block| (field(block, "event:"), field(block, "data:"))).collect()
    }
}

/// One connection; answers must end before the next request.
pub(crate) struct RawClient {
    socket: TcpStream,
}

impl RawClient {
    pub(crate) fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).expect("the server listens");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        Self { socket }
    }

    pub(crate) fn read_timeout(self, timeout: Duration) -> Self {
        self.socket.set_read_timeout(Some(timeout)).expect("a timeout can be set");
        self
    }

    /// Sends a POST of JSON without waiting for the answer.
    pub(crate) fn send(&mut self, path: &str, headers: &[(&str, &str)], body: &str) {
        let own: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n{own}Content-Length: {}\r\n\r\n",
            body.len()
        );
        self.write(&format!("{head}{body}"));
    }

    pub(crate) fn write(&mut self, bytes: &str) {
        self.socket.write_all(bytes.as_bytes()).expect("the server reads");
    }

    pub(crate) fn post(&mut self, path: &str, headers: &[(&str, &str)], body: &str) -> RawAnswer {
        self.send(path, headers, body);
        self.read()
    }

    pub(crate) fn read(&mut self) -> RawAnswer {
        let mut answer = RawAnswer::default();
        if let Err(error) = self.read_into(&mut answer) {
            answer.error = Some(error.kind());
        }
        answer
    }

    fn read_into(&mut self, answer: &mut RawAnswer) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.byte()?);
        }
        answer.head = String::from_utf8_lossy(&head).to_lowercase();
        let status = answer.head.split(' ').nth(1).and_then(|status| status.parse().ok());
        answer.status = status.ok_or(io::ErrorKind::InvalidData)?;
        let field =
            |name: &str| answer.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if let Some(length) = field("content-length") {
            let length: usize = length.parse().map_err(io::Error::other)?;
            while answer.body.len() < length {
                let byte = self.byte()?;
                answer.body.push(byte);
            }
        } else {
            loop {
                let length = usize::from_str_radix(self.line()?.trim(), 16).map_err(io::Error::other)?;
                for _ in 0..length {
                    let byte = self.byte()?;
                    answer.body.push(byte);
                }
                self.line()?;
                if length == 0 {
                    break;
                }
                answer.chunks.push(length);
            }
        }
        answer.complete = true;
        Ok(())
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.byte()?);
        }
        Ok(String::from_utf8_lossy(&line).into_owned())
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.socket.read_exact(&mut byte)?;
        Ok(byte[0])
    }
}
