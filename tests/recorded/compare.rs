//! Holds what we made of an exchange against what its recording says must be made of it.

use std::time::Duration;

use polyroute::types::{EmbedReply, FinishReason, Part, Reply, RerankReply, ToolCall, Usage};
use polyroute::{Error, ErrorKind};
use serde_json::Value;

/// Is `reply` the completion that `expect` describes?
pub(crate) fn compare_reply(reply: &Reply, expect: &Value) -> Result<(), String> {
    require_kind(expect, "completion")?;
    if expect["kind"] != "completion" {
        return Ok(());
    }
    same_name("id", reply.id.as_deref(), &expect["id"])?;
    same_name("model", reply.model.as_deref(), &expect["model"])?;
    same_text(reply, expect)?;
    same_calls(&reply.message.tool_calls().collect::<Vec<_>>(), &expect["tool_calls"])?;
    same_finish(reply, expect)?;
    same_usage(reply.usage.as_ref(), expect)?;
    let choices = expect["choices"].as_u64().unwrap_or(1);
    let got = reply.alternatives.len() as u64 + 1;
    if got != choices { differs("choices", got, choices) } else { Ok(()) }
}

/// Is `error` the failure that `expect` describes?
pub(crate) fn compare_error(error: &Error, expect: &Value) -> Result<(), String> {
    require_kind(expect, "error").map_err(|reason| format!("{reason}; {}", describe(error)))?;
    let fault = &expect["error"];
    if fault.is_null() {
        return compare_truncated(error, expect);
    }
    let status = fault["http_status"].as_u64();
    let in_band = fault["in_band"] == true;
    if error.status().map(u64::from) != status && !(in_band && error.status().is_none()) {
        return differs("http_status", error.status(), status);
    }
    let classes = [&fault["class"]].into_iter().chain(list(&fault["class_also"]));
    let kinds = classes.map(kind_of_class).collect::<Result<Vec<_>, _>>()?;
    if !kinds.contains(&error.kind()) {
        return differs("class", error.kind(), kinds);
    }
    let says = |message: &str| error.provider_message().is_some_and(|own| own.contains(message));
    if let Some(message) = fault["message"].as_str().filter(|message| !says(message)) {
        return differs("message", error.provider_message(), message);
    }
    same_code(error, fault)?;
    if let Some(seconds) = fault["retry_after_s"].as_f64() {
        let wait = Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())?;
        if error.retry_after() != Some(wait) {
            return differs("retry_after_s", error.retry_after(), wait);
        }
    }
    match fault.pointer("/partial/text").and_then(Value::as_str) {
        Some(text) => {
            let own = error.partial().map(|partial| partial.message.text()).unwrap_or_default();
            if own != text { differs("partial.text", own, text) } else { Ok(()) }
        }
        None => Ok(()),
    }
}

/// Is `reply` the vectors that `expect` describes?
pub(crate) fn compare_embedding(reply: &EmbedReply, expect: &Value) -> Result<(), String> {
    require_kind(expect, "embedding")?;
    same_name("model", reply.model.as_deref(), &expect["model"])?;
    same_usage(reply.usage.as_ref(), expect)?;
    let vectors = &expect["embeddings"];
    if Some(reply.vectors.len() as u64) != vectors["count"].as_u64() {
        return differs("count", reply.vectors.len(), &vectors["count"]);
    }
    if let Some(odd) = reply.vectors.iter().find(|own| Some(own.len() as u64) != vectors["dims"].as_u64()) {
        return differs("dims", odd.len(), &vectors["dims"]);
    }
    let first = reply.vectors.first().map(Vec::as_slice).unwrap_or_default();
    for (position, expected) in list(&vectors["head"]).enumerate() {
        let expected = expected.as_f64().ok_or("head holds something that is no number")?;
        let own = first.get(position).map(|value| f64::from(*value));
        // `head` is rounded to six decimals; a vector is made of f32, which may round the other way at a tie.
        if !own.is_some_and(|own| (own - expected).abs() <= 6e-7_f64.max(expected.abs() * 1e-7)) {
            return differs("head", own, expected);
        }
    }
    Ok(())
}

/// Is `reply` the order that `expect` describes?
pub(crate) fn compare_ranking(reply: &RerankReply, expect: &Value) -> Result<(), String> {
    require_kind(expect, "rerank")?;
    same_name("model", reply.model.as_deref(), &expect["model"])?;
    let own: Vec<_> =
        reply.results.iter().map(|result| (Some(result.index as u64), Some(result.score))).collect();
    let expected: Vec<_> = list(&expect["rerank"]["results"])
        .map(|result| (result["index"].as_u64(), result["score"].as_f64()))
        .collect();
    if own.is_empty() || own != expected { differs("results", own, expected) } else { Ok(()) }
}

/// A recording that stops before its end may be reported as an error; then as this one.
fn compare_truncated(error: &Error, expect: &Value) -> Result<(), String> {
    if expect["truncated"] == true && error.kind() != ErrorKind::Truncated {
        return differs("kind of a truncated answer", error.kind(), ErrorKind::Truncated);
    }
    match (error.partial(), expect["text"].as_str()) {
        (Some(partial), Some(text)) if partial.message.text() != text => {
            differs("partial text", partial.message.text(), text)
        }
        _ => Ok(()),
    }
}

fn require_kind(expect: &Value, kind: &str) -> Result<(), String> {
    let allowed = [&expect["kind"]].into_iter().chain(list(&expect["kind_also"]));
    let fits = allowed.into_iter().any(|allowed| allowed == kind);
    if fits { Ok(()) } else { differs("kind", kind, &expect["kind"]) }
}

/// `null` and an empty string both mean that the answer does not say.
fn same_name(what: &str, own: Option<&str>, expected: &Value) -> Result<(), String> {
    let expected = expected.as_str().filter(|name| !name.is_empty());
    let own = own.filter(|name| !name.is_empty());
    if own != expected { differs(what, own, expected) } else { Ok(()) }
}

/// Text, reasoning and refusal, in any of the arrangements that count as right.
fn same_text(reply: &Reply, expect: &Value) -> Result<(), String> {
    let parts = &reply.message.parts;
    let text = reply.message.text();
    let refusal: String = parts
        .iter()
        .filter_map(|part| match part {
            Part::Refusal(refusal) => Some(refusal.text.as_str()),
            _ => None,
        })
        .collect();
    let reasoning: String = parts
        .iter()
        .filter_map(|part| match part {
            Part::Reasoning(reasoning) => Some(reasoning.text.as_str()),
            _ => None,
        })
        .collect();

    let string = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut texts = vec![(string(&expect["text"]), string(&expect["reasoning_text"]))];
    if let Some(split) = expect.get("inline_think") {
        texts.push((string(&split["text"]), string(&split["reasoning_text"])));
    }
    if let Some(plan) = expect["tool_plan"].as_str() {
        let (plain, thought) = texts[0].clone();
        texts.push((format!("{plan}{plain}"), thought.clone()));
        texts.push((plain, format!("{plan}{thought}")));
    }
    let refused = string(&expect["refusal"]);
    let fits = |(expected, thought): &(String, String)| {
        reasoning == *thought
            && ((text == *expected && refusal == refused)
                || (text == format!("{expected}{refused}") && refusal.is_empty()))
    };
    if texts.iter().any(fits) {
        return Ok(());
    }
    let (expected, thought) = &texts[0];
    if reasoning != *thought {
        return differs("reasoning_text", reasoning, thought);
    }
    if text != *expected { differs("text", text, expected) } else { differs("refusal", refusal, refused) }
}

fn same_calls(own: &[&ToolCall], expected: &Value) -> Result<(), String> {
    let expected: Vec<_> = list(expected).collect();
    if own.len() != expected.len() {
        return differs("number of tool calls", own.len(), expected.len());
    }
    for (own, expected) in own.iter().zip(expected) {
        if expected["name"] != own.name.as_str() {
            return differs("tool name", &own.name, &expected["name"]);
        }
        match expected["id"].as_str() {
            Some(id) if id != own.id => return differs("tool call id", &own.id, id),
            None if own.id.is_empty() => return Err("a tool call without an id got none made up".into()),
            _ => {}
        }
        if let Some(raw) = expected["arguments_raw"].as_str() {
            if own.arguments != raw {
                return differs("arguments_raw", &own.arguments, raw);
            }
            continue;
        }
        let arguments: Value = own.parse().map_err(|error| error.to_string())?;
        if !same_json(&arguments, &expected["arguments"]) {
            return differs("arguments", arguments, &expected["arguments"]);
        }
    }
    Ok(())
}

/// As JSON means it: `1` and `1.0` are one number.
fn same_json(own: &Value, expected: &Value) -> bool {
    match (own, expected) {
        (Value::Number(own), Value::Number(expected)) => own == expected || own.as_f64() == expected.as_f64(),
        (Value::Array(own), Value::Array(expected)) => {
            own.len() == expected.len()
                && own.iter().zip(expected).all(|(own, expected)| same_json(own, expected))
        }
        (Value::Object(own), Value::Object(expected)) => {
            own.len() == expected.len()
                && own.iter().all(|(name, own)| expected.get(name).is_some_and(|value| same_json(own, value)))
        }
        _ => own == expected,
    }
}

fn same_finish(reply: &Reply, expect: &Value) -> Result<(), String> {
    let own = match &reply.finish_reason {
        Some(FinishReason::Stop) => Some("stop"),
        Some(FinishReason::Length) => Some("length"),
        Some(FinishReason::ToolCalls) => Some("tool_calls"),
        Some(FinishReason::ContentFilter) => Some("content_filter"),
        _ => None,
    };
    let also = list(&expect["finish_reason_also"]).filter_map(Value::as_str).map(Some);
    let accepted: Vec<_> = [expect["finish_reason"].as_str()].into_iter().chain(also).collect();
    if !accepted.contains(&own) {
        return differs("finish_reason", &reply.finish_reason, accepted);
    }
    same_name("finish_reason_raw", reply.finish_reason_raw.as_deref(), &expect["finish_reason_raw"])
}

fn same_usage(own: Option<&Usage>, expect: &Value) -> Result<(), String> {
    let nothing = Usage::default();
    let own = own.unwrap_or(&nothing);
    for (field, own) in [
        ("input_tokens", own.input_tokens),
        ("output_tokens", own.output_tokens),
        ("cached_input_tokens", own.cache_read_tokens),
        ("cache_write_tokens", own.cache_write_tokens),
        ("reasoning_tokens", own.reasoning_tokens),
    ] {
        let also = list(&expect["usage_also"][field]);
        let mut accepted = [&expect["usage"][field]].into_iter().chain(also);
        let fits = |expected: &Value| match expected.as_u64() {
            Some(expected) => own == Some(expected),
            None => own.unwrap_or(0) == 0,
        };
        // An embedding's answer counts its input only; whatever else a vendor adds there is not in the recording's terms.
        let counted = expect["kind"] != "embedding" || field == "input_tokens";
        if counted && !accepted.any(fits) {
            return differs(field, own, &expect["usage"][field]);
        }
    }
    Ok(())
}

/// An [`Error`] has room for one machine-readable word; any that the provider sent will do.
fn same_code(error: &Error, fault: &Value) -> Result<(), String> {
    let words: Vec<_> = ["code", "type", "detail"].iter().filter_map(|name| fault[name].as_str()).collect();
    let is_word = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !words[..].iter().any(|word| is_word(word)) {
        return Ok(());
    }
    let own = error.provider_code();
    if own.is_some_and(|own| words.contains(&own)) { Ok(()) } else { differs("code", own, words) }
}

fn kind_of_class(class: &Value) -> Result<ErrorKind, String> {
    Ok(match class.as_str().unwrap_or_default() {
        "authentication" => ErrorKind::Authentication,
        "permission" => ErrorKind::Permission,
        "not_found" => ErrorKind::ModelNotFound,
        "invalid_request" => ErrorKind::InvalidRequest,
        "context_length" => ErrorKind::ContextTooLong,
        "content_filter" => ErrorKind::ContentFiltered,
        "rate_limit" => ErrorKind::RateLimited,
        "quota" => ErrorKind::QuotaExhausted,
        "overloaded" => ErrorKind::Overloaded,
        "server" => ErrorKind::Server,
        "timeout" => ErrorKind::Timeout,
        unknown => return Err(format!("the recording names an unknown class {unknown:?}")),
    })
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn describe(error: &Error) -> String {
    format!("{error}; the provider says {:?}", error.provider_message())
}

fn differs<T>(what: &str, own: impl std::fmt::Debug, expected: impl std::fmt::Debug) -> Result<T, String> {
    let short = |text: String| match text.char_indices().nth(240) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    };
    Err(format!("{what}: got {}, expected {}", short(format!("{own:?}")), short(format!("{expected:?}"))))
}

#[cfg(test)]
mod tests {
    use polyroute::types::{Message, Reasoning, Refusal, Role};
    use serde_json::json;

    use super::*;

    fn expect() -> Value {
        json!({
            "kind": "completion", "id": "a", "model": "m", "text": "Hello", "reasoning_text": null,
            "tool_calls": [{"id": null, "name": "f", "arguments": {"x": 1}}],
            "finish_reason": "stop", "finish_reason_raw": "stop", "finish_reason_also": ["tool_calls"],
            "usage": {"input_tokens": 3, "output_tokens": 2, "cached_input_tokens": null,
                      "cache_write_tokens": null, "reasoning_tokens": 0},
            "usage_also": {"output_tokens": [4]},
        })
    }

    fn reply() -> Reply {
        let mut reply = Reply::text("");
        reply.id = Some("a".into());
        reply.model = Some("m".into());
        reply.message = Message::new(
            Role::Assistant,
            [Part::text("Hel"), Part::text("lo"), ToolCall::new("made up", "f", "{\"x\":1.0}").into()],
        );
        reply.finish_reason_raw = Some("stop".into());
        let mut usage = Usage::of(3, 2);
        usage.reasoning_tokens = Some(0);
        reply.with_usage(usage)
    }

    fn complaint(change: impl FnOnce(&mut Reply, &mut Value)) -> Option<String> {
        let (mut reply, mut expect) = (reply(), expect());
        change(&mut reply, &mut expect);
        compare_reply(&reply, &expect).err().map(|reason| reason.split(':').next().unwrap_or("").to_owned())
    }

    #[test]
    fn a_right_reply_passes_and_the_accepted_alternatives_too() {
        assert_eq!(complaint(|_, _| ()), None);
        assert_eq!(complaint(|reply, _| reply.finish_reason = Some(FinishReason::ToolCalls)), None);
        assert_eq!(complaint(|reply, _| reply.usage.as_mut().unwrap().output_tokens = Some(4)), None);
        assert_eq!(complaint(|reply, _| reply.usage.as_mut().unwrap().cache_read_tokens = Some(0)), None);
        assert_eq!(
            complaint(|reply, expect| {
                expect["text"] = json!("<think>a</think>Hello");
                expect["inline_think"] = json!({"text": "Hello", "reasoning_text": "a"});
                reply.message.parts.insert(0, Reasoning::new("a").into());
            }),
            None
        );
        assert_eq!(
            complaint(|reply, expect| {
                expect["refusal"] = json!("No.");
                reply.message.parts.push(Refusal::new("No.").into());
            }),
            None
        );
    }

    #[test]
    fn each_difference_is_found() {
        let name = |text: &str| Some(text.to_owned());
        assert_eq!(complaint(|reply, _| reply.id = None), name("id"));
        assert_eq!(complaint(|reply, _| reply.model = Some("n".into())), name("model"));
        assert_eq!(complaint(|reply, _| reply.message.parts.push("!".into())), name("text"));
        assert_eq!(
            complaint(|reply, _| reply.message.parts.push(Reasoning::new("hm").into())),
            name("reasoning_text")
        );
        assert_eq!(
            complaint(|reply, _| reply.message.parts.push(Refusal::new("No.").into())),
            name("refusal")
        );
        assert_eq!(complaint(|reply, _| reply.finish_reason = None), name("finish_reason"));
        assert_eq!(complaint(|reply, _| reply.finish_reason_raw = None), name("finish_reason_raw"));
        assert_eq!(complaint(|reply, _| reply.usage = None), name("input_tokens"));
        assert_eq!(
            complaint(|reply, _| reply.usage.as_mut().unwrap().reasoning_tokens = None),
            name("reasoning_tokens")
        );
        assert_eq!(complaint(|reply, _| drop(reply.message.parts.pop())), name("number of tool calls"));
        assert_eq!(complaint(|_, expect| expect["tool_calls"][0]["id"] = json!("b")), name("tool call id"));
        assert_eq!(
            complaint(|_, expect| expect["tool_calls"][0]["arguments"] = json!({})),
            name("arguments")
        );
        assert_eq!(complaint(|_, expect| expect["choices"] = json!(2)), name("choices"));
        assert_eq!(complaint(|_, expect| expect["kind"] = json!("error")), name("kind"));
    }

    #[test]
    fn an_error_must_have_the_class_the_status_and_the_sentence() {
        let expect = json!({"kind": "error", "error": {
            "http_status": 400, "class": "invalid_request", "class_also": ["not_found"],
            "message": "Invalid model: x", "code": "1500", "retry_after_s": 1.5}});
        let right = |kind| {
            Error::new(kind, "m")
                .with_status(400)
                .with_provider_code("1500")
                .with_provider_message("Invalid model: x.")
        };
        let wait = Duration::from_millis(1_500);
        assert_eq!(compare_error(&right(ErrorKind::InvalidRequest).with_retry_after(wait), &expect), Ok(()));
        assert_eq!(compare_error(&right(ErrorKind::ModelNotFound).with_retry_after(wait), &expect), Ok(()));
        assert!(
            compare_error(&right(ErrorKind::InvalidRequest), &expect)
                .unwrap_err()
                .starts_with("retry_after_s")
        );
        assert!(compare_error(&right(ErrorKind::Server), &expect).unwrap_err().starts_with("class"));
        let silent = Error::new(ErrorKind::InvalidRequest, "m").with_status(400).with_provider_code("1500");
        assert!(compare_error(&silent, &expect).unwrap_err().starts_with("message"));
        assert!(
            compare_error(&right(ErrorKind::Server).with_status(500), &expect)
                .unwrap_err()
                .starts_with("http_status")
        );
    }

    #[test]
    fn vectors_are_compared_to_six_decimals() {
        let expect = json!({"kind": "embedding", "model": null, "usage": {"input_tokens": 3},
            "embeddings": {"count": 1, "dims": 2, "head": [0.123457, -1.0]}});
        let mut reply = EmbedReply::new(vec![vec![0.123_456_7, -1.0]]);
        reply.usage = Some(Usage::of(3, 0));
        assert_eq!(compare_embedding(&reply, &expect), Ok(()));

        reply.vectors[0][0] = 0.123_459;
        assert!(compare_embedding(&reply, &expect).unwrap_err().starts_with("head"));
    }
}
