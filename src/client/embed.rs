//! Vectors, in as many requests as the vendor's limit needs.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::call::Consumed;
use super::candidates::PlannedTarget;
use super::operation::{Answer, Attempting, Meter, Operation};
use crate::error::{Error, ErrorKind, Result, TimeoutPhase};
use crate::provider::EmbedCall;
use crate::resilience::Timeouts;
use crate::types::{EmbedReply, EmbedRequest, Target, Usage};

/// Vectors of one model: those of two do not compare, so all come from one target. What a target has answered is kept for
/// the next attempt at it.
pub(super) struct Embed<'r> {
    request: &'r EmbedRequest,
    kept: Mutex<Vec<Kept>>,
}

/// The vectors of the first texts, by who made them.
struct Kept {
    target: Target,
    vectors: Vec<Vec<f32>>,
}

impl<'r> Embed<'r> {
    /// Those of `request`.
    pub(super) fn new(request: &'r EmbedRequest) -> Self {
        Self { request, kept: Mutex::default() }
    }

    /// Takes out what `target` has answered already.
    fn take(&self, target: &Target) -> Vec<Vec<f32>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.iter().position(|kept| kept.target == *target) {
            Some(place) => kept.swap_remove(place).vectors,
            None => Vec::new(),
        }
    }

    fn keep(&self, target: &Target, vectors: Vec<Vec<f32>>) {
        if !vectors.is_empty() {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.push(Kept { target: target.clone(), vectors });
        }
    }

    async fn ask(&self, target: &PlannedTarget, key: usize, meter: &Meter) -> Result<EmbedReply> {
        let model = target.target.model();
        let limit = target.provider.embed_limit(model);
        let inputs = &self.request.inputs;
        if limit.fitting(inputs) == inputs.len() {
            let mut call = EmbedCall::new(model, self.request);
            call.key = key;
            return target.provider.embed(call).await;
        }
        // Kept on drop, too: an attempt may run out of time between two requests.
        let mut done = Done { embed: self, target: &target.target, vectors: self.take(&target.target) };
        let mut whole = EmbedReply::default();
        let mut usage: Option<Option<Usage>> = None;
        while let Some(rest) = inputs.get(done.vectors.len()..).filter(|rest| !rest.is_empty()) {
            let some = rest.get(..limit.fitting(rest)).unwrap_or(rest);
            let mut part = self.request.clone();
            part.inputs = some.to_vec();
            let mut call = EmbedCall::new(model, &part);
            call.key = key;
            let mut reply = target.provider.embed(call).await?;
            if reply.vectors.len() != some.len() {
                let message = format!("{} vectors came for {} texts", reply.vectors.len(), some.len());
                return Err(Error::new(ErrorKind::InvalidResponse, message));
            }
            let more = reply.usage.take();
            usage = Some(match usage {
                None => more,
                // What one part consumed nobody said, so nobody can say what all did.
                Some(sum) => sum.zip(more).map(|(sum, more)| sum.plus(&more)),
            });
            if let Some(Some(usage)) = &usage {
                meter.read(Box::new(usage.clone()));
            }
            done.vectors.append(&mut reply.vectors);
            whole = reply;
        }
        whole.vectors = std::mem::take(&mut done.vectors);
        whole.usage = usage.flatten();
        Ok(whole)
    }
}

/// Puts what has been answered back unless the answer is complete.
struct Done<'a, 'r> {
    embed: &'a Embed<'r>,
    target: &'a Target,
    vectors: Vec<Vec<f32>>,
}

impl Drop for Done<'_, '_> {
    fn drop(&mut self) {
        self.embed.keep(self.target, std::mem::take(&mut self.vectors));
    }
}

impl Operation for Embed<'_> {
    type Output = EmbedReply;

    fn start<'a>(
        &'a self,
        target: &'a PlannedTarget,
        key: usize,
        meter: &'a Meter,
    ) -> Attempting<'a, EmbedReply> {
        Box::pin(async move {
            let mut reply = self.ask(target, key, meter).await?;
            if let Some(usage) = &mut reply.usage {
                // An embedding generates nothing, and no vendor says so.
                usage.output_tokens.get_or_insert(0);
            }
            Ok(reply)
        })
    }

    fn limit(timeouts: &Timeouts) -> (Duration, TimeoutPhase) {
        (timeouts.answer, TimeoutPhase::Answer)
    }
}

impl Answer for EmbedReply {
    fn consumed(&self) -> Consumed<'_> {
        Consumed { usage: self.usage.as_ref(), service_tier: None }
    }

    fn response(&self) -> (Option<u16>, Option<&str>) {
        (self.status, self.request_id.as_deref())
    }
}
