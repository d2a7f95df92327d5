//! The events of one streamed answer, from bytes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::stream::{Stream, StreamExt as _};
use serde::de::IgnoredAny;

use super::credential::scrub;
use super::settings::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{ChatDecoder, Framing, Protocol, WireFailure};
use crate::transport::{Body, EventFrame, EventStreamDecoder, JsonLinesDecoder, SseDecoder};
use crate::types::{Secret, StreamEvent};

/// The events of one streamed answer. No task: bytes are decoded when polled.
pub(super) struct Events {
    body: Body,
    frames: Frames,
    chat: Box<dyn ChatDecoder>,
    ready: VecDeque<StreamEvent>,
    failed: Option<Error>,
    ended: bool,
    left: usize,
    head: Head,
}

/// What the head of a streamed answer said, for errors that come later.
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) request_id: Option<Box<str>>,
    /// What must not come back in an error.
    pub(super) secrets: Arc<[Secret]>,
}

impl Events {
    /// The events of `body`, as `chat` has them.
    pub(super) fn new(chat: &dyn Protocol, body: Body, limits: Limits, head: Head) -> Self {
        Self {
            body,
            frames: Frames::new(chat.framing(), limits.event),
            chat: chat.chat_decoder(),
            ready: VecDeque::new(),
            failed: None,
            ended: false,
            left: limits.stream,
            head,
        }
    }

    fn take(&mut self, bytes: &[u8]) -> Result<()> {
        let (chat, ready) = (&mut self.chat, &mut self.ready);
        self.left = self.left.checked_sub(bytes.len()).ok_or_else(|| {
            Error::new(
                ErrorKind::InvalidResponse,
                "the stream is larger than the limit; see Settings::limits",
            )
        })?;
        match &mut self.frames {
            Frames::Sse(sse) => sse.push(bytes, |event| {
                if chat.is_done() {
                    return Ok(());
                }
                chat.event(event.name, event.data, ready)
            }),
            Frames::EventStream(frames) => frames.push(bytes, |frame| {
                if chat.is_done() {
                    return Ok(());
                }
                chat.event(event_type(&frame)?, frame.payload, ready)
            }),
            Frames::JsonLines(lines) => lines.push(bytes, |line| {
                if chat.is_done() {
                    return Ok(());
                }
                chat.event("", line, ready)
            }),
        }
    }

    fn end(&mut self) -> Result<()> {
        let (chat, ready) = (&mut self.chat, &mut self.ready);
        match &mut self.frames {
            Frames::Sse(sse) => sse.finish(|event| {
                if chat.is_done() {
                    return Ok(());
                }
                chat.event(event.name, event.data, ready)
            })?,
            Frames::EventStream(_) => {}
            // What is left of a line that was cut is no JSON; that the stream was cut is what matters.
            Frames::JsonLines(lines) => lines.finish(|line| {
                if chat.is_done() || serde_json::from_slice::<IgnoredAny>(line).is_err() {
                    return Ok(());
                }
                chat.event("", line, ready)
            })?,
        }
        self.chat.end(&mut self.ready)
    }

    fn fail(&mut self, error: Error) {
        let mut error = scrub(&self.head.secrets, error).with_status(self.head.status);
        if let Some(id) = &self.head.request_id {
            error = error.with_request_id(id);
        }
        self.failed = Some(error);
        self.ended = true;
    }
}

impl Stream for Events {
    type Item = Result<StreamEvent>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if let Some(event) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(event)));
            }
            if this.ended {
                // The end of the body is usually here already; reading it lets the connection be used again.
                let _ = this.body.poll_next_unpin(context);
                return Poll::Ready(this.failed.take().map(Err));
            }
            let taken = match ready!(this.body.poll_next_unpin(context)) {
                Some(Ok(bytes)) => this.take(&bytes),
                Some(Err(error)) => Err(error),
                None => {
                    this.ended = true;
                    this.end()
                }
            };
            match taken {
                Ok(()) if this.chat.is_done() && !this.ended => {
                    this.ended = true;
                    if let Err(error) = this.chat.end(&mut this.ready) {
                        this.fail(error);
                    }
                }
                Ok(()) => {}
                Err(error) => this.fail(error),
            }
        }
    }
}

/// Cuts bytes into events.
enum Frames {
    Sse(SseDecoder),
    EventStream(EventStreamDecoder),
    JsonLines(JsonLinesDecoder),
}

impl Frames {
    fn new(framing: Framing, limit: usize) -> Self {
        match framing {
            Framing::Sse => Self::Sse(SseDecoder::new(limit)),
            Framing::EventStream => Self::EventStream(EventStreamDecoder::new(limit)),
            Framing::JsonLines => Self::JsonLines(JsonLinesDecoder::new(limit)),
        }
    }
}

/// The name of an event; the error when the frame reports one:
/// <https://smithy.io/2.0/aws/amazon-eventstream.html> (read 2026-11-23).
fn event_type<'a>(frame: &EventFrame<'a>) -> Result<&'a str> {
    let (mut failure, code) = match frame.text(":message-type") {
        Some("exception") => (WireFailure::parse(frame.payload), frame.text(":exception-type")),
        Some("error") => (WireFailure::default(), frame.text(":error-code")),
        _ => return Ok(frame.text(":event-type").unwrap_or_default()),
    };
    failure.code = code.map(str::to_owned).or(failure.code);
    failure.message = failure.message.or_else(|| frame.text(":error-message").map(str::to_owned));
    Err(failure.into_error(200))
}
