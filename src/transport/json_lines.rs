//! One JSON value a line, decoded without I/O: bounded, linear, the same under any split of the bytes.

use crate::error::{Error, ErrorKind, Result};

/// Cuts newline-delimited JSON into its lines: <https://github.com/ndjson/ndjson-spec> (read 2026-11-25). Blank lines are
/// left out; a line that lies whole in the bytes given is handed on without a copy.
#[derive(Debug)]
pub struct JsonLinesDecoder {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    limit: usize,
}

impl JsonLinesDecoder {
    /// A decoder that refuses lines larger than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { line: Vec::new(), limit }
    }

    /// Reads `bytes` and hands each complete line to `on_line`.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when a line is larger than the limit; otherwise whatever `on_line` returns.
    pub fn push(&mut self, bytes: &[u8], mut on_line: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, tail) = rest.split_at(end);
            rest = tail.get(1..).unwrap_or_default();
            if self.line.is_empty() {
                self.check(line.len())?;
                give(line, &mut on_line)?;
            } else {
                self.check(self.line.len().saturating_add(line.len()))?;
                let mut whole = std::mem::take(&mut self.line);
                whole.extend_from_slice(line);
                give(&whole, &mut on_line)?;
                whole.clear();
                self.line = whole;
            }
        }
        self.check(self.line.len().saturating_add(rest.len()))?;
        self.line.extend_from_slice(rest);
        Ok(())
    }

    /// The bytes ended: hands on a last line whose end is missing.
    ///
    /// # Errors
    /// Whatever `on_line` returns.
    pub fn finish(&mut self, mut on_line: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        give(&std::mem::take(&mut self.line), &mut on_line)
    }

    fn check(&self, length: usize) -> Result<()> {
        if length <= self.limit {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::InvalidResponse,
            format!("a line of the stream is larger than {} bytes; see Settings::limits", self.limit),
        ))
    }
}

fn give(line: &[u8], on_line: &mut impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
    let line = line.trim_ascii();
    if line.is_empty() { Ok(()) } else { on_line(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]], limit: usize) -> Result<Vec<String>> {
        let mut decoder = JsonLinesDecoder::new(limit);
        let mut found = Vec::new();
        let mut keep = |line: &[u8]| {
            found.push(String::from_utf8_lossy(line).into_owned());
            Ok(())
        };
        for piece in pieces {
            decoder.push(piece, &mut keep)?;
        }
        decoder.finish(&mut keep)?;
        Ok(found)
    }

    #[test]
    fn lines_are_the_same_under_any_split() {
        let text = "{\"a\":\"é\"}\r\n\n  \n{\"b\":1}\n{\"last\":true}".as_bytes();
        let whole = lines(&[text], 64).unwrap();

        assert_eq!(whole, ["{\"a\":\"é\"}", "{\"b\":1}", "{\"last\":true}"]);
        for size in 1..text.len() {
            let pieces: Vec<&[u8]> = text.chunks(size).collect();
            assert_eq!(lines(&pieces, 64).unwrap(), whole, "{size}");
        }
    }

    #[test]
    fn a_line_without_end_is_stopped_at_the_limit() {
        for pieces in
            [vec![&[b'x'; 65][..]], vec![&[b'x'; 40][..], &[b'x'; 40][..]], vec![b"xxx", &[b'x'; 62], b"\n"]]
        {
            assert_eq!(lines(&pieces, 64).unwrap_err().kind(), ErrorKind::InvalidResponse);
        }
        assert!(lines(&[&[b'x'; 64]], 64).is_ok());
    }
}
