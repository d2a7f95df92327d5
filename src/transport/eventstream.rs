//! Amazon's binary event streams, decoded without I/O: checked, bounded, linear, the same under any split of the bytes.
//!
//! <https://smithy.io/2.0/aws/amazon-eventstream.html> (read 2026-11-23).

use crate::error::{Error, ErrorKind, Result};

/// One message of a stream.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct EventFrame<'a> {
    /// What the frame says about itself.
    pub headers: FrameHeaders<'a>,
    /// What it carries.
    pub payload: &'a [u8],
}

impl<'a> EventFrame<'a> {
    /// The text of the header of this name; `None` when there is none or it is not text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.headers.clone().find(|(own, _)| *own == name) {
            Some((_, HeaderValue::Text(text))) => Some(text),
            _ => None,
        }
    }
}

/// The headers of one frame, in the order they came. They were checked when the frame was.
#[derive(Clone, Copy)]
pub struct FrameHeaders<'a>(&'a [u8]);

impl<'a> Iterator for FrameHeaders<'a> {
    type Item = (&'a str, HeaderValue<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = read_header(self.0)?;
        self.0 = rest;
        Some((name, value))
    }
}

impl std::fmt::Debug for FrameHeaders<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.map(|(name, _)| name)).finish()
    }
}

/// The value of a header.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum HeaderValue<'a> {
    /// Yes or no.
    Bool(bool),
    /// Eight bits.
    Byte(i8),
    /// Sixteen bits.
    Short(i16),
    /// Thirty-two bits.
    Int(i32),
    /// Sixty-four bits.
    Long(i64),
    /// Anything.
    Bytes(&'a [u8]),
    /// UTF-8.
    Text(&'a str),
    /// Milliseconds since 1970.
    Timestamp(i64),
    /// A UUID.
    Uuid(&'a [u8; 16]),
}

impl std::fmt::Debug for HeaderValue<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Bool(_) => "Bool",
            Self::Byte(_) => "Byte",
            Self::Short(_) => "Short",
            Self::Int(_) => "Int",
            Self::Long(_) => "Long",
            Self::Bytes(_) => "Bytes",
            Self::Text(_) => "Text",
            Self::Timestamp(_) => "Timestamp",
            Self::Uuid(_) => "Uuid",
        })
    }
}

/// Decodes frames. A frame that lies whole in the bytes given is handed on without a copy.
#[derive(Debug)]
pub struct EventStreamDecoder {
    /// The beginning of a frame whose end has not come.
    begun: Vec<u8>,
    /// How long that frame will be, once its first twelve bytes are here.
    length: Option<usize>,
    limit: usize,
}

impl EventStreamDecoder {
    /// A decoder that refuses frames larger than `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self { begun: Vec::new(), length: None, limit }
    }

    /// Reads `bytes` and hands each complete frame to `on_frame`. Nothing can be read after an error.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidResponse`] when a frame is damaged, malformed or larger than the limit; otherwise whatever
    /// `on_frame` returns.
    pub fn push(
        &mut self,
        bytes: &[u8],
        mut on_frame: impl FnMut(EventFrame<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.begun.is_empty() {
                let length = self.frame_length(rest)?;
                match length.and_then(|length| rest.split_at_checked(length)) {
                    Some((frame, after)) => {
                        on_frame(read_frame(frame)?)?;
                        rest = after;
                    }
                    None => {
                        self.begun.extend_from_slice(rest);
                        self.length = length;
                        return Ok(());
                    }
                }
                continue;
            }
            let wanted = self.length.unwrap_or(PRELUDE);
            let missing = wanted.saturating_sub(self.begun.len());
            let (now, after) = rest.split_at_checked(missing).unwrap_or((rest, &[]));
            self.begun.extend_from_slice(now);
            rest = after;
            if self.begun.len() < wanted {
                return Ok(());
            }
            match self.length.take() {
                None => self.length = self.frame_length(&self.begun)?,
                Some(_) => {
                    on_frame(read_frame(&self.begun)?)?;
                    self.begun.clear();
                }
            }
        }
        Ok(())
    }

    /// How long the frame is that begins here; `None` when too little of it is here to know.
    fn frame_length(&self, bytes: &[u8]) -> Result<Option<usize>> {
        let Some((prelude, rest)) = bytes.split_first_chunk::<8>() else { return Ok(None) };
        let Some((checksum, _)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        if crc32fast::hash(prelude) != u32::from_be_bytes(*checksum) {
            return Err(damaged());
        }
        let [a, b, c, d, headers @ ..] = *prelude;
        let total = u32::from_be_bytes([a, b, c, d]);
        let headers = u32::from_be_bytes(headers);
        if headers > MAX_HEADER_BYTES || total < OVERHEAD.saturating_add(headers) {
            return Err(malformed("its lengths are impossible"));
        }
        match usize::try_from(total) {
            Ok(total) if total <= self.limit => Ok(Some(total)),
            _ => Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("an event of the stream is larger than {} bytes", self.limit),
            )),
        }
    }
}

/// Reads a frame whose prelude was checked.
fn read_frame(frame: &[u8]) -> Result<EventFrame<'_>> {
    let short = || malformed("it is too short");
    let (checked, checksum) = frame.split_last_chunk::<4>().ok_or_else(short)?;
    if crc32fast::hash(checked) != u32::from_be_bytes(*checksum) {
        return Err(damaged());
    }
    let (_, lengths) = checked.split_first_chunk::<4>().ok_or_else(short)?;
    let (headers, body) = lengths.split_first_chunk::<4>().ok_or_else(short)?;
    let (_, body) = body.split_first_chunk::<4>().ok_or_else(short)?;
    let length = usize::try_from(u32::from_be_bytes(*headers)).map_err(|_| short())?;
    let (headers, payload) = body.split_at_checked(length).ok_or_else(short)?;

    let mut rest = headers;
    let mut count = 0;
    while !rest.is_empty() {
        let (_, _, after) = read_header(rest).ok_or_else(|| malformed("a header cannot be read"))?;
        rest = after;
        count += 1;
        if count > MAX_HEADERS {
            return Err(malformed("it has too many headers"));
        }
    }
    Ok(EventFrame { headers: FrameHeaders(headers), payload })
}

/// The first header and what follows it; `None` when there is none or it is malformed.
fn read_header(bytes: &[u8]) -> Option<(&str, HeaderValue<'_>, &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(length)).filter(|(name, _)| !name.is_empty())?;
    let name = std::str::from_utf8(name).ok()?;
    let (&kind, rest) = rest.split_first()?;
    let (value, rest) = match kind {
        0 => (HeaderValue::Bool(true), rest),
        1 => (HeaderValue::Bool(false), rest),
        2 => fixed(rest, |bytes| HeaderValue::Byte(i8::from_be_bytes(*bytes)))?,
        3 => fixed(rest, |bytes| HeaderValue::Short(i16::from_be_bytes(*bytes)))?,
        4 => fixed(rest, |bytes| HeaderValue::Int(i32::from_be_bytes(*bytes)))?,
        5 => fixed(rest, |bytes| HeaderValue::Long(i64::from_be_bytes(*bytes)))?,
        6 => sized(rest).map(|(bytes, rest)| (HeaderValue::Bytes(bytes), rest))?,
        7 => {
            let (bytes, rest) = sized(rest)?;
            (HeaderValue::Text(std::str::from_utf8(bytes).ok()?), rest)
        }
        8 => fixed(rest, |bytes| HeaderValue::Timestamp(i64::from_be_bytes(*bytes)))?,
        9 => fixed(rest, HeaderValue::Uuid)?,
        // The length of an unknown type is unknown, so that nothing after it could be found.
        _ => return None,
    };
    Some((name, value, rest))
}

fn fixed<'a, const N: usize>(
    bytes: &'a [u8],
    read: impl FnOnce(&'a [u8; N]) -> HeaderValue<'a>,
) -> Option<(HeaderValue<'a>, &'a [u8])> {
    let (value, rest) = bytes.split_first_chunk::<N>()?;
    Some((read(value), rest))
}

fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn damaged() -> Error {
    Error::new(
        ErrorKind::InvalidResponse,
        "an event of the stream was damaged on its way: a checksum differs",
    )
}

fn malformed(what: &'static str) -> Error {
    Error::new(ErrorKind::InvalidResponse, format!("an event of the stream is malformed: {what}"))
}

/// Two lengths and their checksum.
const PRELUDE: usize = 12;

/// The prelude and the last checksum: a frame without headers and payload.
const OVERHEAD: u32 = 16;

/// The specification's own limit.
const MAX_HEADER_BYTES: u32 = 128 * 1024;

/// Frames have three.
const MAX_HEADERS: usize = 128;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(headers: &[u8], payload: &[u8]) -> Vec<u8> {
        let total = u32::try_from(16 + headers.len() + payload.len()).unwrap();
        let mut frame = total.to_be_bytes().to_vec();
        frame.extend(u32::try_from(headers.len()).unwrap().to_be_bytes());
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame.extend_from_slice(headers);
        frame.extend_from_slice(payload);
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame
    }

    fn header(name: &str, kind: u8, value: &[u8]) -> Vec<u8> {
        let mut header = vec![u8::try_from(name.len()).unwrap()];
        header.extend_from_slice(name.as_bytes());
        header.push(kind);
        header.extend_from_slice(value);
        header
    }

    fn text(name: &str, value: &str) -> Vec<u8> {
        let mut sized = u16::try_from(value.len()).unwrap().to_be_bytes().to_vec();
        sized.extend_from_slice(value.as_bytes());
        header(name, 7, &sized)
    }

    fn stream() -> Vec<u8> {
        let event = [text(":event-type", "one"), text(":message-type", "event")].concat();
        [frame(&event, b"{\"text\":\"\xc3\xbc\"}"), frame(&[], b""), frame(&text("x", ""), b"three")].concat()
    }

    type Told = Vec<(Vec<String>, Vec<u8>)>;

    fn decode(pieces: &[&[u8]], limit: usize) -> Result<Told> {
        let mut told = Vec::new();
        let mut decoder = EventStreamDecoder::new(limit);
        for piece in pieces {
            decoder.push(piece, |frame| {
                let names = frame.headers.map(|(name, _)| name.to_owned()).collect();
                told.push((names, frame.payload.to_vec()));
                Ok(())
            })?;
        }
        Ok(told)
    }

    fn kind(bytes: &[u8]) -> Option<ErrorKind> {
        let whole = decode(&[bytes], 1 << 20).err().map(|error| error.kind());
        let singly: Vec<&[u8]> = bytes.chunks(1).collect();
        assert_eq!(decode(&singly, 1 << 20).err().map(|error| error.kind()), whole);
        whole
    }

    #[test]
    fn a_frame_of_the_specifications_kind_is_read() {
        // The smallest message there can be, with the checksums a zip tool gives.
        let empty = [0, 0, 0, 16, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];

        assert_eq!(frame(&[], b""), empty);
        assert_eq!(decode(&[&empty], 16).unwrap(), [(vec![], vec![])]);
    }

    #[test]
    fn frames_are_the_same_under_every_split_of_the_bytes() {
        let bytes = stream();
        let expected = decode(&[&bytes], 1 << 20).unwrap();

        assert_eq!(expected.len(), 3);
        assert_eq!(
            expected[0],
            (vec![":event-type".into(), ":message-type".into()], "{\"text\":\"ü\"}".into())
        );
        assert_eq!(decode(&bytes.chunks(1).collect::<Vec<_>>(), 1 << 20).unwrap(), expected);
        for first in 0..=bytes.len() {
            for second in first..=bytes.len() {
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(decode(&pieces, 1 << 20).unwrap(), expected, "split at {first} and {second}");
            }
        }
    }

    #[test]
    fn every_type_of_header_is_read() {
        let uuid = [7; 16];
        let headers = [
            header("a", 0, &[]),
            header("b", 1, &[]),
            header("c", 2, &[0xff]),
            header("d", 3, &[0xff, 0xfe]),
            header("e", 4, &[0, 0, 1, 0]),
            header("f", 5, &[0x80, 0, 0, 0, 0, 0, 0, 0]),
            header("g", 6, &[0, 2, 0xff, 0x00]),
            text("h", "ü"),
            header("i", 8, &[0, 0, 0, 0, 0, 0, 0, 9]),
            header("j", 9, &uuid),
        ]
        .concat();
        let mut values = 0;

        EventStreamDecoder::new(1 << 10)
            .push(&frame(&headers, b""), |frame| {
                let all: Vec<_> = frame.headers.map(|(_, value)| value).collect();
                assert_eq!(
                    all,
                    [
                        HeaderValue::Bool(true),
                        HeaderValue::Bool(false),
                        HeaderValue::Byte(-1),
                        HeaderValue::Short(-2),
                        HeaderValue::Int(256),
                        HeaderValue::Long(i64::MIN),
                        HeaderValue::Bytes(&[0xff, 0]),
                        HeaderValue::Text("ü"),
                        HeaderValue::Timestamp(9),
                        HeaderValue::Uuid(&uuid),
                    ]
                );
                assert_eq!((frame.text("h"), frame.text("a"), frame.text("z")), (Some("ü"), None, None));
                values = all.len();
                Ok(())
            })
            .unwrap();

        assert_eq!(values, 10);
    }

    #[test]
    fn a_change_of_any_bit_is_found() {
        let whole = frame(&text(":event-type", "one"), b"payload");
        for position in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[position] ^= 1 << bit;

                assert_eq!(kind(&damaged), Some(ErrorKind::InvalidResponse), "bit {bit} of byte {position}");
            }
        }
    }

    #[test]
    fn lengths_that_lie_are_refused_before_anything_is_kept() {
        for (total, headers) in
            [(u32::MAX, 0), (u32::MAX, u32::MAX), (16, u32::MAX), (0, 0), (15, 0), (20, 5), (1 << 21, 0)]
        {
            let mut prelude = [total.to_be_bytes(), headers.to_be_bytes()].concat();
            prelude.extend(crc32fast::hash(&prelude).to_be_bytes());
            let mut decoder = EventStreamDecoder::new(1 << 20);

            let error = decoder.push(&prelude, |_| Ok(())).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{total} {headers}");
            assert!(decoder.begun.capacity() < 64);
        }
    }

    #[test]
    fn headers_that_are_garbage_are_refused() {
        for headers in [
            header("a", 10, &[]),
            header("a", 255, &[1, 2, 3]),
            header("", 0, &[]),
            header("a", 7, &[0, 1, 0xff]),
            header("a", 7, &[0, 9, b'x']),
            header("a", 6, &[0]),
            header("a", 9, &[0; 15]),
            header("a", 5, &[0; 7]),
            vec![200, b'a'],
            vec![1, 0xff, 0],
            header("a", 0, &[]).repeat(129),
        ] {
            assert_eq!(kind(&frame(&headers, b"x")), Some(ErrorKind::InvalidResponse), "{headers:?}");
        }
        assert_eq!(kind(&frame(&header("a", 0, &[]).repeat(128), b"x")), None);
    }

    #[test]
    fn a_frame_larger_than_the_limit_is_refused() {
        let whole = frame(&[], &[0; 100]);

        assert!(decode(&[&whole], 116).is_ok());
        assert!(decode(&[&whole], 115).is_err());
    }

    #[test]
    fn mutated_streams_never_panic_and_never_make_up_a_frame() {
        let stream = stream();
        let known = decode(&[&stream], 1 << 20).unwrap();
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let mut bytes = stream.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..bytes.len().max(1)).min(bytes.len().saturating_sub(1));
                if bytes.is_empty() {
                    break;
                }
                match random.u8(..4) {
                    0 => bytes[at] = random.u8(..),
                    1 if bytes.len() > 1 => drop(bytes.remove(at)),
                    1 => {}
                    2 => bytes.insert(at, random.u8(..)),
                    _ => bytes.truncate(at.max(1)),
                }
            }
            let cut = random.usize(..=bytes.len());
            let mut decoder = EventStreamDecoder::new(1 << 12);
            let mut seen = Vec::new();
            for piece in [&bytes[..cut], &bytes[cut..]] {
                let pushed = decoder.push(piece, |frame| {
                    seen.push(frame.payload.to_vec());
                    Ok(())
                });
                if pushed.is_err() {
                    break;
                }
            }

            assert!(seen.iter().all(|payload| known.iter().any(|(_, own)| own == payload)));
            assert!(decoder.begun.len() <= 1 << 12);
        }
    }
}
