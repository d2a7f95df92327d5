//! A short name for the content of a request.

use aws_lc_rs::digest;
use serde::Serialize;

use crate::error::{Error, ErrorKind, Result};
use crate::types::{ChatRequest, SafetySetting};

/// Names what `request` asks, by 32 hexadecimal digits: the same for the same question, also in another process or
/// version. How the call is treated (its timeout and options) is no part of it.
pub(super) fn print(request: &ChatRequest) -> Result<String> {
    let ChatRequest {
        model,
        messages,
        tools,
        tool_choice,
        parallel_tool_calls,
        response_format,
        reasoning,
        max_output_tokens,
        temperature,
        top_p,
        top_k,
        presence_penalty,
        frequency_penalty,
        seed,
        stop,
        logprobs,
        n,
        user,
        metadata,
        service_tier,
        safety,
        extra,
        cache: _,
        timeout: _,
        on_unsupported: _,
        options: _,
    } = request;
    // In groups, because serde knows no longer tuples than sixteen. A field that is added later must not be written where
    // it is absent, or journals would no longer be recognised.
    let question = Question {
        model,
        messages,
        settings: (
            tools,
            tool_choice,
            parallel_tool_calls,
            response_format,
            reasoning,
            max_output_tokens,
            seed,
            stop,
        ),
        sampling: (temperature, top_p, top_k, presence_penalty, frequency_penalty),
        rest: (logprobs, n, user, metadata, service_tier, extra),
        safety,
    };
    let bytes = serde_json::to_vec(&question)
        .map_err(|_| Error::new(ErrorKind::InvalidRequest, "the request holds a number that is none"))?;
    let whole = digest::digest(&digest::SHA256, &bytes);
    Ok(whole.as_ref().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
}

#[derive(Serialize)]
struct Question<'a, M, P, S, A, R> {
    model: M,
    messages: P,
    settings: S,
    sampling: A,
    rest: R,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    safety: &'a [SafetySetting],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::CallOptions;

    #[test]
    fn a_print_depends_on_what_is_asked_and_on_nothing_else() {
        let request = || ChatRequest::new("a/m").user("Hi");
        let same = print(&request()).unwrap();

        assert_eq!(print(&request().options(CallOptions::new().tag("x"))).unwrap(), same);
        assert_eq!(same.len(), 32);
        for other in [
            ChatRequest::new("a/n").user("Hi"),
            ChatRequest::new("a/m").user("Ho"),
            ChatRequest::new("a/m").system("Hi"),
            request().max_output_tokens(5),
            request().user("Hi"),
        ] {
            assert_ne!(print(&other).unwrap(), same);
        }
        // Written down in journals: it may never change.
        assert_eq!(same, "fd38d1c410ef10d8717f9ce0bfaca549");
    }
}
