//! The cases.

use std::pin::pin;
use std::time::Duration;

use futures::future::{Either, select};
use serde_json::{Value, json};

use super::ask::{BOTH, Checked, Way, answer, ask, client, equal, request, settled, verdict};
use super::{Play, Subject, Verdict};
use crate::catalog::Capability;
use crate::clock::{Clock as _, SystemClock};
use crate::error::ErrorKind;
use crate::types::{
    ChatRequest, FinishReason, Message, OnUnsupported, Reply, ResponseFormat, Role, Tool, ToolCall,
    ToolResult, Usage,
};

pub(super) async fn all(subject: &dyn Subject) -> Vec<(&'static str, Verdict)> {
    vec![
        ("answers", verdict(chat(subject).await)),
        ("streams what it answers, in pieces of any size", verdict(stream(subject).await)),
        ("calls a tool and takes its result", verdict(tools(subject).await)),
        ("calls several tools and takes their results in any order", verdict(parallel(subject).await)),
        ("calls tools in a stream, in pieces of any size", verdict(stream_of_calls(subject).await)),
        ("answers in JSON that fits a schema", verdict(schema(subject).await)),
        ("reports what was consumed", verdict(usage(subject).await)),
        ("tells an answer that was cut by its limit", verdict(limit(subject).await)),
        ("gives up on an answer without end", verdict(endless(subject).await)),
        ("tells every class of error", verdict(errors(subject).await)),
        ("tells a stream that broke off", verdict(broken(subject).await)),
        ("stops when nobody waits", verdict(cancel(subject).await)),
        ("never shows a key or what was said", verdict(secrets(subject).await)),
        ("refuses what it cannot do, as its check foretells", verdict(unsupported(subject).await)),
    ]
}

async fn chat(subject: &dyn Subject) -> Checked<Verdict> {
    let reply = Reply::text("Paris is the capital of France.");
    for way in BOTH {
        let client = client(subject, vec![answer(&reply)])?;
        let asked =
            ask(&client, &request(subject, "What is the capital of France?").system("Be brief."), way).await;
        let Some(response) = settled(subject, None, asked)? else {
            return Err("it refuses a plain question".into());
        };
        equal("the text", response.text(), reply.message.text())?;
        equal("the reason to stop", response.finish_reason().cloned(), Some(FinishReason::Stop))?;
        equal("the target", response.target().to_string(), subject.model())?;
    }
    Ok(Verdict::Behaves)
}

async fn stream(subject: &dyn Subject) -> Checked<Verdict> {
    let reply = Reply::text("Grüße aus Zürich: ein Text mit \"Anführung\", Zeilen\nund 漢字.");
    let pieces = [None, Some(1), Some(2), Some(7), Some(61)];
    let play = |piece| Play::Answer { reply: Box::new(reply.clone()), piece };
    let client = client(subject, [None].into_iter().chain(pieces).map(play).collect())?;
    let asked = request(subject, "A greeting, please.");
    let whole = ask(&client, &asked, Way::Whole).await.map_err(|error| error.to_string())?;
    equal("the text", whole.text(), reply.message.text())?;
    for piece in pieces {
        let streamed = ask(&client, &asked, Way::Stream).await;
        let streamed = streamed.map_err(|error| format!("in pieces of {piece:?} bytes: {error}"))?;
        // Ids in the message may count the requests; everything else is the same.
        equal("the text", streamed.text(), whole.text())?;
        equal("the number of parts", streamed.message().parts.len(), whole.message().parts.len())?;
        equal("the reason to stop", streamed.finish_reason(), whole.finish_reason())?;
    }
    Ok(Verdict::Behaves)
}

/// Arguments arrive in pieces of their own.
async fn stream_of_calls(subject: &dyn Subject) -> Checked<Verdict> {
    let cities = ["Zürich \"Nord\"", "東京"];
    let reply = calls(&cities).with_usage(Usage::of(31, 17));
    let pieces = [None, Some(1), Some(3), Some(64)];
    let play = |piece| Play::Answer { reply: Box::new(reply.clone()), piece };
    let client = client(subject, pieces.map(play).to_vec())?;
    let asked = request(subject, "What is the weather?").tool(weather());
    for _ in pieces {
        let streamed = ask(&client, &asked, Way::Stream).await;
        let Some(streamed) = settled(subject, Some(Capability::ParallelTools), streamed)? else {
            return Ok(Verdict::Refuses);
        };
        let called: Vec<Value> = streamed
            .tool_calls()
            .map(|call| serde_json::from_str(&call.arguments).unwrap_or_default())
            .collect();
        equal("the calls", called, cities.map(|city| json!({"city": city})).to_vec())?;
        equal("the reason to stop", streamed.finish_reason().cloned(), Some(FinishReason::ToolCalls))?;
        let tokens = streamed.usage().and_then(Usage::total_tokens);
        equal("the usage", tokens, Some(48))?;
    }
    Ok(Verdict::Behaves)
}

fn weather() -> Tool {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    Tool::function("weather", "Current weather in a city", schema)
}

fn calls(cities: &[&str]) -> Reply {
    let mut reply = Reply::empty();
    let calls = cities.iter().enumerate();
    let calls = calls.map(|(place, city)| {
        ToolCall::new(format!("call_{place}_abcdefgh"), "weather", json!({"city": city}).to_string())
    });
    reply.message = Message::new(Role::Assistant, calls);
    reply.finish_reason = Some(FinishReason::ToolCalls);
    reply
}

async fn tools(subject: &dyn Subject) -> Checked<Verdict> {
    round(subject, &["Paris"], Capability::Tools).await
}

async fn parallel(subject: &dyn Subject) -> Checked<Verdict> {
    round(subject, &["Paris", "Oslo", "Rome"], Capability::ParallelTools).await
}

/// A turn with calls, and the turn that reads their results.
async fn round(subject: &dyn Subject, cities: &[&str], capability: Capability) -> Checked<Verdict> {
    for way in BOTH {
        let closing = Reply::text("It is warm.");
        let client = client(subject, vec![answer(&calls(cities)), answer(&closing)])?;
        let first = request(subject, "What is the weather?").tool(weather());
        let Some(response) = settled(subject, Some(capability), ask(&client, &first, way).await)? else {
            return Ok(Verdict::Refuses);
        };
        let called: Vec<&ToolCall> = response.tool_calls().collect();
        equal("the number of calls", called.len(), cities.len())?;
        for (call, city) in called.iter().zip(cities) {
            let arguments: Value =
                serde_json::from_str(&call.arguments).map_err(|error| error.to_string())?;
            equal("the call", (call.name.as_str(), arguments), ("weather", json!({"city": city})))?;
        }
        let mut ids: Vec<&str> = called.iter().map(|call| call.id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        equal("the number of ids", ids.len(), cities.len())?;
        equal("the reason to stop", response.finish_reason().cloned(), Some(FinishReason::ToolCalls))?;
        // Whoever runs them at the same time has the last one's result first.
        let results: Vec<ToolResult> =
            called.iter().rev().map(|call| ToolResult::new(&call.id, "18 degrees")).collect();
        let second = first.message(response.message().clone()).tool_results(results);
        let closed = ask(&client, &second, way).await.map_err(|error| format!("the results: {error}"))?;
        equal("the closing text", closed.text(), closing.message.text())?;
    }
    Ok(Verdict::Behaves)
}

async fn schema(subject: &dyn Subject) -> Checked<Verdict> {
    let schema = json!({
        "type": "object", "properties": {"city": {"type": "string"}, "sure": {"type": "boolean"}},
        "required": ["city", "sure"], "additionalProperties": false,
    });
    for way in BOTH {
        let text = r#"{"city":"Paris","sure":true}"#;
        let client = client(subject, vec![Play::Json(text.into()), Play::Json(text.into())])?;
        let asked = request(subject, "Which city is Paris?")
            .response_format(ResponseFormat::json_schema("city", schema.clone()));
        let capability = Some(Capability::JsonSchema);
        let Some(response) = settled(subject, capability, ask(&client, &asked, way).await)? else {
            return Ok(Verdict::Refuses);
        };
        let value: Value = response.parse().map_err(|error| format!("{error}: {}", response.text()))?;
        equal("the value", value, json!({"city": "Paris", "sure": true}))?;
        equal("the reason to stop", response.finish_reason().cloned(), Some(FinishReason::Stop))?;
    }
    Ok(Verdict::Behaves)
}

async fn usage(subject: &dyn Subject) -> Checked<Verdict> {
    let reply = Reply::text("Yes.").with_usage(Usage::of(1_234, 56));
    for way in BOTH {
        let client = client(subject, vec![answer(&reply)])?;
        let asked = ask(&client, &request(subject, "Well?"), way).await;
        let response = asked.map_err(|error| error.to_string())?;
        let tokens = response.usage().map(|usage| (usage.input_tokens, usage.output_tokens));
        let what = if way == Way::Whole { "the usage" } else { "the usage of a stream" };
        equal(what, tokens, Some((Some(1_234), Some(56))))?;
    }
    Ok(Verdict::Behaves)
}

async fn limit(subject: &dyn Subject) -> Checked<Verdict> {
    let mut reply = Reply::text("Once upon a");
    reply.finish_reason = Some(FinishReason::Length);
    for way in BOTH {
        let client = client(subject, vec![answer(&reply)])?;
        let asked =
            ask(&client, &request(subject, "A story."), way).await.map_err(|error| error.to_string())?;
        equal("the reason to stop", asked.finish_reason().cloned(), Some(FinishReason::Length))?;
    }
    Ok(Verdict::Behaves)
}

async fn endless(subject: &dyn Subject) -> Checked<Verdict> {
    for way in BOTH {
        let client = client(subject, vec![Play::Endless])?;
        match ask(&client, &request(subject, "A story."), way).await {
            Ok(_) => return Err("an answer without end is taken for one".to_owned()),
            // By its size, by its time, or because it says nothing.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::InvalidResponse | ErrorKind::Truncated | ErrorKind::Timeout
                ) => {}
            Err(error) => {
                return Err(format!("an answer without end is taken for {:?}: {error}", error.kind()));
            }
        }
    }
    Ok(Verdict::Behaves)
}

async fn errors(subject: &dyn Subject) -> Checked<Verdict> {
    use ErrorKind as K;
    for (status, kinds) in [
        (400, &[K::InvalidRequest][..]),
        (401, &[K::Authentication]),
        (403, &[K::Permission, K::Authentication]),
        (404, &[K::ModelNotFound]),
        (429, &[K::RateLimited, K::QuotaExhausted]),
        (500, &[K::Server]),
        (503, &[K::Overloaded]),
        (504, &[K::Timeout]),
    ] {
        for way in BOTH {
            let client = client(subject, vec![Play::Status(status)])?;
            let Err(error) = ask(&client, &request(subject, "Well?"), way).await else {
                return Err(format!("status {status} is taken for an answer"));
            };
            if !kinds.contains(&error.kind()) {
                return Err(format!("status {status} is taken for {:?}: {error}", error.kind()));
            }
            equal("the status", error.status(), Some(status))?;
            equal("the target", error.target().map(ToString::to_string), Some(subject.model()))?;
            equal("the attempts", error.attempts().len(), 1)?;
        }
    }
    Ok(Verdict::Behaves)
}

async fn broken(subject: &dyn Subject) -> Checked<Verdict> {
    let client = client(subject, vec![Play::Cut])?;
    match ask(&client, &request(subject, "Count."), Way::Stream).await {
        Ok(_) => Err("half an answer is taken for a whole one".to_owned()),
        Err(error) if matches!(error.kind(), ErrorKind::Truncated | ErrorKind::Connection) => {
            Ok(Verdict::Behaves)
        }
        Err(error) => Err(format!("half an answer is taken for {:?}: {error}", error.kind())),
    }
}

async fn cancel(subject: &dyn Subject) -> Checked<Verdict> {
    let clock = SystemClock::new();
    for way in BOTH {
        let client = client(subject, vec![Play::Hang])?;
        let asked = request(subject, "Well?");
        {
            let work = pin!(ask(&client, &asked, way));
            // Long enough for the request to be on its way; nothing is lost when it is not.
            let arrived = pin!(arrival(subject, &clock));
            if let Either::Left((outcome, _)) = select(work, arrived).await {
                // Who cannot hang must at least fail.
                return match outcome {
                    Ok(_) => Err("an answer came from nowhere".to_owned()),
                    Err(_) => Ok(Verdict::Behaves),
                };
            }
        }
        drop(client);
        let mut left = PATIENCE;
        while subject.abandoned() == Some(0) && left > 0 {
            clock.sleep(TICK).await;
            left -= 1;
        }
        if subject.abandoned() == Some(0) {
            return Err("the vendor goes on although nobody waits".to_owned());
        }
    }
    Ok(Verdict::Behaves)
}

async fn arrival(subject: &dyn Subject, clock: &SystemClock) {
    let mut left = PATIENCE;
    while left > 0 && subject.requests().is_some_and(|requests| requests == 0) {
        clock.sleep(TICK).await;
        left -= 1;
    }
    clock.sleep(TICK).await;
}

async fn secrets(subject: &dyn Subject) -> Checked<Verdict> {
    // Who has no key has the caller's words to keep to itself all the same.
    let words = "the-words-of-the-caller-and-of-nobody-else";
    let secrets = subject.secret().into_iter().chain([words, ANSWER]);
    for way in BOTH {
        let client = client(subject, vec![Play::Status(401), answer(&Reply::text(ANSWER))])?;
        let asked = request(subject, words);
        let mut shown = format!("{client:?} {asked:?}");
        match ask(&client, &asked, way).await {
            Ok(_) => return Err("a refused key is taken for an answer".to_owned()),
            Err(error) => {
                shown += &format!("{error} {error:?} {:?} {:?}", error.provider_message(), error.request_id())
            }
        }
        let response = ask(&client, &asked, way).await.map_err(|error| error.to_string())?;
        shown += &format!("{response:?}");
        if let Some(secret) = secrets.clone().find(|secret| shown.contains(secret)) {
            let what = if Some(secret) == subject.secret() { "the key" } else { "what was said" };
            return Err(format!("{what} is shown"));
        }
    }
    Ok(Verdict::Behaves)
}

async fn unsupported(subject: &dyn Subject) -> Checked<Verdict> {
    let plain = || request(subject, "Well?").on_unsupported(OnUnsupported::Error);
    let with = |change: fn(&mut ChatRequest)| {
        let mut request = plain();
        change(&mut request);
        request
    };
    let mut refused = 0;
    let client = client(subject, vec![answer(&Reply::text("Yes.")); 12])?;
    let mut bare = Vec::new();
    for _ in 0..2 {
        let whole = client.chat(&plain()).await.map_err(|error| error.to_string())?;
        equal("what was changed of a plain question", whole.adaptations(), &[])?;
        bare.push(subject.received());
    }
    if let [one, other] = bare.as_slice()
        && one != other
    {
        return Err("the same question is sent in two ways".to_owned());
    }
    let bare = bare.pop().flatten();
    for asked in [
        with(|request| request.seed = Some(7)),
        with(|request| request.top_k = Some(5)),
        with(|request| request.n = Some(2)),
        with(|request| request.presence_penalty = Some(0.5)),
        with(|request| request.user = Some("u".into())),
        with(|request| request.stop = vec!["END".into()]),
        with(|request| request.service_tier = Some("flex".into())),
        with(|request| request.reasoning = Some(crate::types::Effort::Low.into())),
        with(|request| request.tools = vec![Tool::web_search()]),
        plain().logprobs(2),
    ] {
        let before = subject.requests();
        let foretold = client.check(&asked).map_err(|error| error.to_string());
        let foretold = foretold.map(|check| check.first().is_some_and(|first| first.outcome.is_ok()));
        match client.chat(&asked).await {
            Ok(response) => {
                equal("what the check foretold", foretold, Ok(true))?;
                equal("what was changed", response.adaptations(), &[])?;
                let sent = subject.received();
                if sent.is_some() && sent == bare {
                    return Err(format!("it neither refuses nor sends all of {asked:?}"));
                }
            }
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                if foretold == Ok(true) {
                    return Err(format!("the check did not foretell: {error}"));
                }
                if subject.requests() != before {
                    return Err(format!("refused after it was sent: {error}"));
                }
                refused += 1;
            }
            Err(error) => {
                return Err(format!("{error} ({})", error.provider_message().unwrap_or_default()));
            }
        }
    }
    Ok(if refused > 0 { Verdict::Refuses } else { Verdict::Behaves })
}

const ANSWER: &str = "the-words-of-the-vendor-and-of-nobody-else";
const TICK: Duration = Duration::from_millis(5);
/// Ten seconds in all, for a machine with much else to do.
const PATIENCE: u32 = 2_000;
