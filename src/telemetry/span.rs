//! One span per call, one child per attempt.

use tracing::Span;
use tracing::field::Empty;

use super::convention::provider_name;
use crate::types::{Attempt, AttemptReason, Target, Usage};

/// The span of a whole call. `operation` is `chat`, `embeddings` or `rerank`; `model` is what the caller asked for.
pub(crate) fn call_span(operation: &'static str, model: &str) -> Span {
    tracing::info_span!(
        "polyroute.call",
        otel.kind = "internal",
        gen_ai.operation.name = operation,
        gen_ai.request.model = model,
        polyroute.route = Empty,
        polyroute.attempts = Empty,
        polyroute.cost.micro_usd = Empty,
        error.type = Empty,
    )
}

/// The span of one attempt; [`record_attempt`] fills in how it ended.
pub(crate) fn attempt_span(operation: &'static str, target: &Target, reason: AttemptReason) -> Span {
    tracing::info_span!(
        "polyroute.attempt",
        otel.kind = "client",
        gen_ai.operation.name = operation,
        gen_ai.provider.name = provider_name(target.provider()),
        gen_ai.request.model = target.model(),
        gen_ai.usage.input_tokens = Empty,
        gen_ai.usage.output_tokens = Empty,
        gen_ai.usage.cache_read.input_tokens = Empty,
        gen_ai.usage.reasoning.output_tokens = Empty,
        gen_ai.response.time_to_first_chunk = Empty,
        polyroute.attempt.reason = reason.as_str(),
        polyroute.cost.micro_usd = Empty,
        http.response.status_code = Empty,
        error.type = Empty,
    )
}

/// Writes how an attempt ended into its span.
pub(crate) fn record_attempt(span: &Span, attempt: &Attempt) {
    if span.is_disabled() {
        return;
    }
    if let Some(status) = attempt.status {
        span.record("http.response.status_code", status);
    }
    if let Some(first) = attempt.time_to_first_token {
        span.record("gen_ai.response.time_to_first_chunk", first.as_secs_f64());
    }
    if let Some(Usage { input_tokens, output_tokens, cache_read_tokens, reasoning_tokens, .. }) =
        &attempt.usage
    {
        for (name, tokens) in [
            ("gen_ai.usage.input_tokens", input_tokens),
            ("gen_ai.usage.output_tokens", output_tokens),
            ("gen_ai.usage.cache_read.input_tokens", cache_read_tokens),
            ("gen_ai.usage.reasoning.output_tokens", reasoning_tokens),
        ] {
            if let Some(tokens) = tokens {
                span.record(name, *tokens);
            }
        }
    }
    if let Some(cost) = attempt.cost {
        span.record("polyroute.cost.micro_usd", i64::try_from(cost.pico() / 1_000_000).unwrap_or(i64::MAX));
    }
    if let crate::types::Outcome::Failed(kind) = attempt.outcome {
        span.record("error.type", kind.as_str());
    }
}
