//! Audits: the strong model of a cascade grades a sample of what the weak one answers, in the background.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;

use super::Inner;
use super::candidates::{Planned, PlannedTarget};
use super::pipeline;
use super::review;
use crate::routing;
use crate::routing::answer::grading::{GRADER, grade, graded};
use crate::routing::{Audit, Rated, Reading, RequestFacts, RoutingPolicy, Strength};
use crate::types::{CallOptions, ChatRequest, Part, Priority, Reply, Role};

/// A call that will be audited once it is answered.
pub(super) struct Planning {
    policy: Arc<dyn RoutingPolicy>,
    weak: PlannedTarget,
    strong: PlannedTarget,
    gain: Option<f64>,
}

/// Is this call one of the sample? Only text can be graded, and only where both models may see it.
pub(super) fn sampled(planned: &Planned, request: &ChatRequest, facts: &RequestFacts) -> Option<Planning> {
    let escalation = routing::escalation(&*planned.policy)?;
    let wanted = catch_unwind(AssertUnwindSafe(|| escalation.audits(facts))).unwrap_or(Audit::No);
    if wanted == Audit::No || !is_plain(request) {
        return None;
    }
    let reading = |wanted: Reading| {
        let found = planned.targets.iter().find(|target| target.reading == wanted);
        found.cloned()
    };
    Some(Planning {
        policy: Arc::clone(&planned.policy),
        weak: reading(Reading::Reviewed)?,
        strong: reading(Reading::Unread)?,
        gain: facts.gain,
    })
}

impl Planning {
    /// Starts the audit in the background; without a runtime, or when the client is closing, there is none.
    /// `weak_reply` is what the weak model answered, where it was asked.
    pub(super) fn start(self, inner: &Arc<Inner>, request: &ChatRequest, weak_reply: Option<Reply>) {
        let work = self.work(Arc::clone(inner), request.clone(), weak_reply);
        if inner.tasks.spawn(work).is_err() {
            tracing::debug!("no audit: nothing can run in the background");
        }
    }

    /// Boxed, because the calls it makes are of the kind that starts audits; these do not, their targets being named.
    fn work(
        self,
        inner: Arc<Inner>,
        request: ChatRequest,
        weak_reply: Option<Reply>,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            if let Err(error) = self.audit(&inner, &request, weak_reply).await {
                tracing::debug!(kind = error.kind().as_str(), "an audit failed");
            }
        })
    }

    async fn audit(
        self,
        inner: &Arc<Inner>,
        request: &ChatRequest,
        weak_reply: Option<Reply>,
    ) -> crate::error::Result<()> {
        let Some(escalation) = routing::escalation(&*self.policy) else { return Ok(()) };
        let options = options(request);
        let weak_reply = match weak_reply {
            Some(reply) => reply,
            None => {
                let mut again = request.clone().options(options.clone());
                again.model = self.weak.target.to_string();
                pipeline::chat_with(inner, &again, &self.weak).await?.reply
            }
        };
        let gain = review::review(escalation, request, &weak_reply, self.gain).gain;
        let question = question(request);
        let text = graded(&question, &weak_reply.message.text(), inner.chance());
        let grading = ChatRequest::new(self.strong.target.to_string())
            .system(GRADER)
            .user(text)
            .max_output_tokens(GRADE_TOKENS)
            .options(options);
        let verdict = pipeline::chat_with(inner, &grading, &self.strong).await?.text();
        match grade(&verdict) {
            Some(score) => escalation.rated(&Rated::new(gain, Strength::Weak, score).audited()),
            None => tracing::debug!("the grade of an audit could not be read"),
        }
        Ok(())
    }
}

/// A grade is one number, but some models think before it. A bound on both lets limits of cost hold room for an audit where
/// nobody knows how much the model may write.
const GRADE_TOKENS: u64 = 4_096;

/// Paid by the same, last in every queue, and to be found in the ledger.
fn options(request: &ChatRequest) -> CallOptions {
    let own = request.options.as_deref().cloned().unwrap_or_default();
    own.tag("audit").priority(Priority::Low)
}

fn is_plain(request: &ChatRequest) -> bool {
    let mut parts = request.messages.iter().flat_map(|message| &message.parts);
    request.tools.is_empty() && parts.all(|part| matches!(part, Part::Text(_)))
}

/// The conversation, as text.
fn question(request: &ChatRequest) -> String {
    let said =
        request.messages.iter().map(|message| format!("[{}] {}", speaker(&message.role), message.text()));
    said.collect::<Vec<_>>().join("\n")
}

fn speaker(role: &Role) -> &'static str {
    match role {
        Role::System | Role::Developer => "instructions",
        Role::User => "user",
        Role::Assistant => "assistant",
        Role::Tool | Role::Other(_) => "other",
    }
}
