//! Server-sent events, decoded without I/O: bounded, linear, the same under any split of the bytes.

use crate::error::{Error, ErrorKind, Result};

/// One event. `data` lines are joined with `\n`.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SseEvent<'a> {
    /// The `event:` field, or empty.
    pub name: &'a str,
    /// The `data:` field.
    pub data: &'a [u8],
}

/// Decodes server-sent events.
///
/// Follows the WHATWG living standard, with two deliberate differences: `id` and `retry` are ignored, because nothing here
/// reconnects, and [`finish`](Self::finish) delivers an event whose closing blank line is missing, because several
/// vendors forget it. An event whose `data` line lies whole in the bytes given is handed on without a copy.
#[derive(Debug)]
pub struct SseDecoder {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    /// Earlier `data` lines of the current event.
    data: Vec<u8>,
    has_data: bool,
    name: String,
    /// The last byte was a CR, so that a LF now belongs to it.
    after_cr: bool,
    at_start: bool,
    limit: usize,
}

impl SseDecoder {
    /// A decoder that refuses events larger than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self {
            line: Vec::new(),
            data: Vec::new(),
            has_data: false,
            name: String::new(),
            after_cr: false,
            at_start: true,
            limit,
        }
    }

    /// Reads `bytes` and hands each complete event to `on_event`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when an event is larger than the limit; otherwise whatever `on_event` returns.
    pub fn push(&mut self, bytes: &[u8], mut on_event: impl FnMut(SseEvent<'_>) -> Result<()>) -> Result<()> {
        let mut rest = bytes;
        // The only data line of the current event, when it lies in `bytes`.
        let mut borrowed: Option<&[u8]> = None;
        if self.after_cr && !rest.is_empty() {
            self.after_cr = false;
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
            let (line, tail) = rest.split_at(end);
            rest = match tail {
                [b'\r', b'\n', after @ ..] => after,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, after @ ..] => after,
                [] => &[],
            };
            if self.line.is_empty() {
                self.take_line(line, &mut borrowed, &mut on_event)?;
            } else {
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                self.take_split_line(&whole, &mut borrowed, &mut on_event)?;
                whole.clear();
                self.line = whole;
            }
        }
        if let Some(data) = borrowed {
            self.keep(data);
        }
        self.line.extend_from_slice(rest);
        self.check_size()
    }

    /// The bytes ended: hands on what is left.
    ///
    /// # Errors
    /// Whatever `on_event` returns.
    pub fn finish(&mut self, mut on_event: impl FnMut(SseEvent<'_>) -> Result<()>) -> Result<()> {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.take_split_line(&line, &mut None, &mut on_event)?;
        }
        self.dispatch(None, &mut on_event)
    }

    /// A line that lies in the bytes just given, so that its data may be borrowed.
    fn take_line<'a>(
        &mut self,
        line: &'a [u8],
        borrowed: &mut Option<&'a [u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>) -> Result<()>,
    ) -> Result<()> {
        match self.read_field(line) {
            Field::End => self.dispatch(borrowed.take(), on_event),
            Field::Data(data) => {
                if self.has_data || borrowed.is_some() {
                    if let Some(first) = borrowed.take() {
                        self.keep(first);
                    }
                    self.keep(data);
                    self.check_size()
                } else {
                    *borrowed = Some(data);
                    self.check_data(data)
                }
            }
            Field::Ignored => Ok(()),
        }
    }

    /// A line that came in pieces: its data must be kept.
    fn take_split_line(
        &mut self,
        line: &[u8],
        borrowed: &mut Option<&[u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>) -> Result<()>,
    ) -> Result<()> {
        match self.read_field(line) {
            Field::End => self.dispatch(borrowed.take(), on_event),
            Field::Data(data) => {
                self.keep(data);
                self.check_size()
            }
            Field::Ignored => Ok(()),
        }
    }

    fn read_field<'a>(&mut self, line: &'a [u8]) -> Field<'a> {
        let line = if std::mem::take(&mut self.at_start) {
            line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line)
        } else {
            line
        };
        if line.is_empty() {
            return Field::End;
        }
        if let Some(value) = line.strip_prefix(b"data:") {
            return Field::Data(value.strip_prefix(b" ").unwrap_or(value));
        }
        if line == b"data" {
            return Field::Data(b"");
        }
        if let Some(value) = line.strip_prefix(b"event:") {
            let value = value.strip_prefix(b" ").unwrap_or(value);
            self.name.clear();
            // A name is an identifier; one that is not text cannot be any event we know.
            self.name.push_str(std::str::from_utf8(value).unwrap_or_default());
        }
        Field::Ignored
    }

    fn keep(&mut self, data: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(data);
        self.has_data = true;
    }

    fn dispatch(
        &mut self,
        borrowed: Option<&[u8]>,
        on_event: &mut impl FnMut(SseEvent<'_>) -> Result<()>,
    ) -> Result<()> {
        let outcome = match borrowed {
            Some(data) => on_event(SseEvent { name: &self.name, data }),
            None if self.has_data => on_event(SseEvent { name: &self.name, data: &self.data }),
            None => Ok(()),
        };
        self.name.clear();
        self.data.clear();
        self.has_data = false;
        outcome
    }

    fn check_size(&self) -> Result<()> {
        self.check(self.line.len() + self.data.len())
    }

    fn check_data(&self, data: &[u8]) -> Result<()> {
        self.check(data.len())
    }

    fn check(&self, size: usize) -> Result<()> {
        if size > self.limit || self.name.len() > self.limit {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("an event of the stream is larger than {} bytes", self.limit),
            ));
        }
        Ok(())
    }
}

enum Field<'a> {
    End,
    Data(&'a [u8]),
    Ignored,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything the standard's examples and the vendors' habits mix: three line ends, comments, fields without a
    /// colon, several data lines, names, ids, a byte order mark, characters of up to four bytes, no last blank line.
    const STREAM: &str = "\u{feff}: hello\r\n\r\ndata: one\n\nevent: ping\r\ndata: {\"a\":\"ü€😀\"}\r\n\r\n\
        data\ndata\n\ndata:first\rdata: second\r\rid: 7\nretry: 99999999999\n\nevent:x\n\n:\n\ndata: [DONE]";

    fn decode(pieces: &[&[u8]]) -> Vec<(String, String)> {
        let mut events = Vec::new();
        let mut decoder = SseDecoder::new(1 << 20);
        let mut keep = |event: SseEvent<'_>| {
            events.push((event.name.to_owned(), String::from_utf8(event.data.to_vec()).unwrap()));
            Ok(())
        };
        for piece in pieces {
            decoder.push(piece, &mut keep).unwrap();
        }
        decoder.finish(&mut keep).unwrap();
        events
    }

    #[test]
    fn events_are_the_same_under_every_split_of_the_bytes() {
        let bytes = STREAM.as_bytes();
        let expected =
            [("", "one"), ("ping", "{\"a\":\"ü€😀\"}"), ("", "\n"), ("", "first\nsecond"), ("", "[DONE]")]
                .map(|(name, data)| (name.to_owned(), data.to_owned()));

        assert_eq!(decode(&[bytes]), expected);
        assert_eq!(decode(&bytes.iter().map(std::slice::from_ref).collect::<Vec<_>>()), expected);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(decode(&pieces), expected, "split at {first} and {second}");
            }
        }
    }

    #[test]
    fn an_endless_line_or_event_stops_at_the_limit() {
        for piece in ["x".repeat(100), "data: x\n".repeat(12), "event: x".repeat(12)] {
            let mut decoder = SseDecoder::new(1000);
            let mut taken = 0;
            let error = loop {
                match decoder.push(piece.as_bytes(), |_| Ok(())) {
                    Ok(()) => taken += piece.len(),
                    Err(error) => break error,
                }
                assert!(taken < 10_000, "no limit for {piece:?}");
            };

            assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        }
    }

    #[test]
    fn an_event_whole_in_one_piece_larger_than_the_limit_is_refused() {
        let event = format!("data: {}\n\n", "x".repeat(1001));

        assert!(SseDecoder::new(1000).push(event.as_bytes(), |_| Ok(())).is_err());
    }
}
