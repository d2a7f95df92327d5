//! Answers of a store that are there at once, or come later.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;

use crate::error::{Error, ErrorKind, Result};

/// What a store answers: at once where it need not wait, as in memory, else as a future. Awaited, it is the same.
#[must_use = "what is to come is not done before it is awaited"]
pub struct Answer<'a, T>(State<'a, T>);

enum State<'a, T> {
    Now(Option<Result<T>>),
    Later(BoxFuture<'a, Result<T>>),
}

impl<'a, T> Answer<'a, T> {
    /// It is there.
    pub const fn now(answer: Result<T>) -> Self {
        Self(State::Now(Some(answer)))
    }

    /// It comes. Nothing may be done before `work` is polled: it may be dropped and asked for again.
    pub fn later(work: impl Future<Output = Result<T>> + Send + 'a) -> Self {
        Self(State::Later(Box::pin(work)))
    }

    /// The answer, if it is there.
    ///
    /// # Errors
    /// Itself, if it has yet to come.
    pub fn at_once(self) -> std::result::Result<Result<T>, Self> {
        match self.0 {
            State::Now(answer) => Ok(answer.unwrap_or_else(|| Err(asked_again()))),
            State::Later(_) => Err(self),
        }
    }
}

impl<T> Future for Answer<'_, T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        match &mut self.0 {
            State::Now(answer) => Poll::Ready(answer.take().unwrap_or_else(|| Err(asked_again()))),
            State::Later(work) => work.as_mut().poll(context),
        }
    }
}

/// Nothing in it is pinned in place.
impl<T> Unpin for Answer<'_, T> {}

impl<T> fmt::Debug for Answer<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Now(_) => "Answer(now)",
            State::Later(_) => "Answer(later)",
        })
    }
}

fn asked_again() -> Error {
    Error::new(ErrorKind::Internal, "a store's answer was taken twice")
}
