//! Questions other than a chat with one answer: pictures, speech, transcripts, judgements.

use std::time::Duration;

use super::call::Consumed;
use super::candidates::PlannedTarget;
use super::operation::{Answer, Attempting, Meter, Operation};
use crate::error::{Result, TimeoutPhase};
use crate::provider::Ask;
use crate::resilience::Timeouts;
use crate::types::{
    CallOptions, ImageReply, ImageRequest, ModerationReply, ModerationRequest, ReplyFacts, SpeechReply,
    SpeechRequest, TranscriptReply, TranscriptRequest,
};

/// A question.
pub(super) trait Question: Sync + Sized {
    type Reply: AsRef<ReplyFacts> + AsMut<ReplyFacts> + Send;

    /// What the call is named in telemetry and the ledger.
    const NAME: &'static str;

    fn validate(&self) -> Result<()>;

    fn model(&self) -> &str;

    fn timeout(&self) -> Option<Duration>;

    fn options(&self) -> Option<&CallOptions>;

    /// The texts that the model reads.
    fn texts(&self) -> Vec<&str>;

    fn ask<'a>(&'a self, target: &'a PlannedTarget, key: usize) -> Attempting<'a, Self::Reply>;
}

macro_rules! question {
    ($request:ty, $reply:ty, $name:literal, $method:ident, $texts:expr) => {
        impl Question for $request {
            type Reply = $reply;

            const NAME: &'static str = $name;

            fn validate(&self) -> Result<()> {
                self.validate()
            }

            fn model(&self) -> &str {
                &self.model
            }

            fn timeout(&self) -> Option<Duration> {
                self.timeout
            }

            fn options(&self) -> Option<&CallOptions> {
                self.options.as_deref()
            }

            fn texts(&self) -> Vec<&str> {
                let texts: fn(&Self) -> Vec<&str> = $texts;
                texts(self)
            }

            fn ask<'a>(&'a self, target: &'a PlannedTarget, key: usize) -> Attempting<'a, $reply> {
                let mut ask = Ask::new(target.target.model(), self);
                ask.key = key;
                target.provider.$method(ask)
            }
        }
    };
}

question!(ImageRequest, ImageReply, "image_generation", image, |request| vec![&request.prompt]);
question!(SpeechRequest, SpeechReply, "speech", speech, |request| {
    std::iter::once(&request.text).chain(&request.instructions).map(String::as_str).collect()
});
question!(TranscriptRequest, TranscriptReply, "transcription", transcript, |request| {
    request.prompt.iter().map(String::as_str).collect()
});
question!(ModerationRequest, ModerationReply, "moderation", moderation, |request| {
    request.inputs.iter().map(String::as_str).collect()
});

/// One question as an operation.
pub(super) struct Asking<'r, Q>(pub(super) &'r Q);

/// The answer to one.
pub(super) struct Replied<R>(pub(super) R);

impl<Q: Question> Operation for Asking<'_, Q> {
    type Output = Replied<Q::Reply>;

    fn start<'a>(
        &'a self,
        target: &'a PlannedTarget,
        key: usize,
        _: &'a Meter,
    ) -> Attempting<'a, Self::Output> {
        Box::pin(async move {
            let reply = self.0.ask(target, key).await?;
            Ok(Replied(reply))
        })
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        (timeouts.answer, TimeoutPhase::Answer)
    }
}

impl<R: AsRef<ReplyFacts> + Send> Answer for Replied<R> {
    fn consumed(&self) -> Consumed<'_> {
        Consumed { usage: self.0.as_ref().usage.as_ref(), service_tier: None }
    }

    fn response(&self) -> (Option<u16>, Option<&str>) {
        let facts = self.0.as_ref();
        (facts.status, facts.request_id.as_deref())
    }
}
