//! Turns a step and a request into bytes to send. Pure.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::answer::Answer;
use super::batches::Served;
use super::check::Denial;
use super::format::{Event, Format, format_of};
use super::http::{Body, Ending, Outgoing};
use super::question::Delivery;
use super::request::Received;
use super::script::{Action, Fault, Garbage, Raw, Step};
use super::vendor::Rules;
use super::{chat_completions, embeddings};

/// What `step` does with `request`.
/// `batches` answers what is about batches, and is asked only where nothing goes wrong first.
pub(super) fn plan(
    step: Step,
    request: &Received,
    rules: &Rules,
    batches: impl FnOnce() -> Option<Result<Served, Denial>>,
) -> Outgoing {
    let Step { action, delay, pace, model, usage, unasked, headers, body, piece } = step;
    let format = format_of(request);
    let voice = format.unwrap_or(&chat_completions::ChatCompletions);
    let (reply, fault) = match action {
        Action::Usual => (None, None),
        Action::Reply(reply) => (Some(*reply), None),
        Action::Raw(raw) => return Outgoing { delay, pace, ..send_raw(raw) },
        Action::Fault(fault) => (None, Some(fault)),
    };
    let mut outgoing = match fault {
        Some(Fault::Hang) => silent(Ending::Stall),
        Some(Fault::Reset) => silent(Ending::Reset),
        Some(Fault::Status(status)) => match body {
            Some(body) => whole(status, "application/json", body),
            None => deny(voice, &Denial::of_status(status)),
        },
        Some(Fault::Garbage(garbage)) => send_garbage(garbage, request, format, rules),
        _ => match batches()
            .map_or_else(|| respond(format, request, rules), |served| served.map(Response::Served))
        {
            Ok(Response::Served((status, media_type, body))) => whole(status, media_type, body),
            Ok(Response::Json(json)) => whole(200, "application/json", json.to_string()),
            Ok(Response::Answer(format, question)) => {
                let mut question = *question;
                question.reports_usage |= unasked;
                let mut answer = Answer::new(question, reply, rules.number);
                answer.model = model.unwrap_or(answer.model);
                answer.usage = usage.unwrap_or(answer.usage);
                deliver(format, &answer)
            }
            Err(denial) => deny(voice, &denial),
        },
    };
    if let Some(fault) = fault {
        spoil(&mut outgoing, fault, voice);
    }
    if let (Some(size), Body::Pieces(events)) = (piece, &outgoing.body) {
        outgoing.body = Body::Pieces(cut(&events.concat().into(), size));
    }
    if let Some((_, own)) = &mut outgoing.head {
        own.push((voice.id_header().to_owned(), format!("req_sandbox_{}", rules.number)));
        own.extend(headers);
    }
    Outgoing { delay: outgoing.delay + delay, pace, ..outgoing }
}

/// The status and body of the usual reply to `request`, whole.
pub(super) fn answer_alone(request: &Received, rules: &Rules) -> (u16, Value) {
    let format = format_of(request);
    match respond(format, request, rules) {
        Ok(Response::Json(json)) => (200, json),
        Ok(Response::Answer(format, question)) => {
            (200, format.whole(&Answer::new(*question, None, rules.number)))
        }
        Ok(Response::Served(_)) => (404, Value::Null),
        Err(denial) => {
            let voice = format.unwrap_or(&chat_completions::ChatCompletions);
            (denial.status, voice.failure(&denial))
        }
    }
}

enum Response {
    Served(Served),
    Json(Value),
    Answer(&'static dyn Format, Box<super::question::Question>),
}

fn respond(
    format: Option<&'static dyn Format>,
    request: &Received,
    rules: &Rules,
) -> Result<Response, Denial> {
    if request.method == "GET" && request.is_for("/models") {
        return list_models(request, rules).map(Response::Json);
    }
    let format = format.filter(|_| request.method == "POST");
    let format = format
        .ok_or_else(|| Denial::new(404, format!("Invalid URL ({} {})", request.method, request.path)))?;
    if rules.key.is_some() && format.key(request) != rules.key.as_deref() {
        return Err(format.wrong_key());
    }
    if !request.header("content-type").is_some_and(|own| own.starts_with("application/json"))
        && !request.body.is_empty()
    {
        return Err(Denial::new(415, "Unsupported content type; use application/json."));
    }
    if !request.json.is_object() {
        return Err(Denial::invalid("We could not parse the JSON body of your request."));
    }
    let known = |model: &str| rules.models.is_empty() || rules.models.iter().any(|own| own == model);
    if request.is_for("/embeddings") {
        let (model, answer) = embeddings::answer(&request.json)?;
        return if known(&model) { Ok(Response::Json(answer)) } else { Err(format.unknown_model(&model)) };
    }
    let question = format.read(request, rules)?;
    if !known(&question.model) {
        return Err(format.unknown_model(&question.model));
    }
    Ok(Response::Answer(format, Box::new(question)))
}

fn list_models(request: &Received, rules: &Rules) -> Result<Value, Denial> {
    let google = request.header("x-goog-api-key").is_some() || request.parameter("key").is_some();
    let format: &dyn Format = match (google, request.header("anthropic-version")) {
        (true, _) => &super::generate_content::GenerateContent,
        (false, Some(_)) => &super::messages::Messages,
        (false, None) => &chat_completions::ChatCompletions,
    };
    if rules.key.is_some() && format.key(request) != rules.key.as_deref() {
        return Err(format.wrong_key());
    }
    let usual = ["sandbox-model".to_owned()];
    let models = if rules.models.is_empty() { usual.as_slice() } else { rules.models.as_slice() };
    Ok(if google {
        let list: Vec<_> = models.iter().map(|model| json!({"name": format!("models/{model}")})).collect();
        json!({"models": list})
    } else {
        let list: Vec<_> = models
            .iter()
            .map(|model| json!({"id": model, "object": "model", "type": "model", "display_name": model}))
            .collect();
        json!({"object": "list", "data": list, "has_more": false})
    })
}

fn deliver(format: &dyn Format, answer: &Answer) -> Outgoing {
    match answer.question.delivery {
        Delivery::Whole => whole(200, "application/json", format.whole(answer).to_string()),
        Delivery::Events => {
            let pieces = format.events(answer).iter().map(Event::frame).collect();
            outgoing(200, format.media_type(), Body::Pieces(pieces))
        }
        Delivery::Array => {
            let items: Vec<_> = format.events(answer).into_iter().map(|event| event.data).collect();
            whole(200, "application/json", format!("[{}]", items.join(",\r\n")))
        }
    }
}

fn deny(format: &dyn Format, denial: &Denial) -> Outgoing {
    whole(denial.status, "application/json", format.failure(denial).to_string())
}

/// Breaks an answer that was right so far.
fn spoil(outgoing: &mut Outgoing, fault: Fault, format: &dyn Format) {
    let (after, ending) = match fault {
        Fault::Delay(delay) => {
            outgoing.delay = delay;
            return;
        }
        Fault::ResetAfterHead => {
            outgoing.ending = Ending::Reset;
            (0, Ending::Reset)
        }
        Fault::CutAfter(after) => (after, Ending::Cut),
        Fault::ResetAfter(after) => (after, Ending::Reset),
        Fault::EndAfter(after) => (after, Ending::Complete),
        Fault::StallAfter(after) => (after, Ending::Stall),
        Fault::ErrorAfter(after) => (after, Ending::Complete),
        Fault::Status(_) | Fault::Reset | Fault::Garbage(_) | Fault::Hang => return,
    };
    outgoing.ending = ending;
    let body = std::mem::replace(&mut outgoing.body, Body::Whole(Bytes::new()));
    outgoing.body = match body {
        Body::Pieces(mut pieces) => {
            pieces.truncate(after);
            if matches!(fault, Fault::ErrorAfter(_)) {
                pieces.push(format.failure_event(&Denial::of_status(500)).frame());
            }
            Body::Pieces(pieces)
        }
        Body::Whole(_) if matches!(fault, Fault::ErrorAfter(_)) => {
            let failure = format.failure(&Denial::of_status(500)).to_string();
            if let Some((status, _)) = &mut outgoing.head {
                *status = 500;
            }
            Body::Whole(failure.into())
        }
        Body::Whole(whole) if ending == Ending::Complete => Body::Whole(whole.slice(..whole.len() / 2)),
        Body::Whole(whole) => {
            let sent = if matches!(fault, Fault::ResetAfterHead) { 0 } else { whole.len() / 2 };
            Body::Part(whole, sent)
        }
        other => other,
    };
}

fn send_garbage(
    garbage: Garbage,
    request: &Received,
    format: Option<&'static dyn Format>,
    rules: &Rules,
) -> Outgoing {
    let usual = || match respond(format, request, rules) {
        Ok(Response::Answer(format, question)) => {
            deliver(format, &Answer::new(*question, None, rules.number))
        }
        Ok(Response::Json(json)) => whole(200, "application/json", json.to_string()),
        Ok(Response::Served((status, media_type, body))) => whole(status, media_type, body),
        Err(_) => whole(200, "application/json", "{}"),
    };
    let stream = request.is_for(":streamGenerateContent") || request.json.get("stream") == Some(&json!(true));
    let kind = if stream { "text/event-stream" } else { "application/json" };
    match garbage {
        Garbage::Html => whole(200, "text/html", "<!doctype html><html><body><h1>Welcome</h1></body></html>"),
        Garbage::Empty => whole(200, kind, ""),
        Garbage::BrokenJson if stream => {
            outgoing(200, kind, Body::Pieces(vec!["data: {\"id\": \"1\", \"choices\": [{\n\n".into()]))
        }
        Garbage::BrokenJson => whole(200, kind, "{\"id\": \"1\", \"choices\": [{"),
        Garbage::WrongContentType => {
            let mut outgoing = usual();
            for (name, value) in outgoing.head.iter_mut().flat_map(|(_, headers)| headers) {
                if name == "content-type" {
                    "text/plain".clone_into(value);
                }
            }
            outgoing
        }
        Garbage::DeepJson => {
            let body = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
            if stream {
                outgoing(200, kind, Body::Pieces(vec![format!("data: {body}\n\n").into()]))
            } else {
                whole(200, kind, body)
            }
        }
        Garbage::EndlessLine => {
            outgoing(200, kind, Body::Endless("data: \"".into(), vec![b'x'; 1 << 16].into()))
        }
        Garbage::EndlessBody if stream => {
            outgoing(200, kind, Body::Endless(": hello\n\n".into(), "data: {}\n\n".repeat(1 << 12).into()))
        }
        Garbage::EndlessBody => outgoing(200, kind, Body::Endless(" ".into(), vec![b' '; 1 << 16].into())),
    }
}

fn send_raw(raw: Raw) -> Outgoing {
    let framing = ["content-length", "transfer-encoding", "connection"];
    let headers =
        raw.headers.into_iter().filter(|(name, _)| !framing.iter().any(|own| name.eq_ignore_ascii_case(own)));
    let body = match raw.piece {
        None => Body::Whole(raw.body),
        Some(size) => Body::Pieces(cut(&raw.body, size)),
    };
    Outgoing { head: Some((raw.status, headers.collect())), body, ..silent(Ending::Complete) }
}

/// Pieces of `size` bytes.
fn cut(bytes: &Bytes, size: usize) -> Vec<Bytes> {
    (0..bytes.len()).step_by(size).map(|at| bytes.slice(at..bytes.len().min(at + size))).collect()
}

fn silent(ending: Ending) -> Outgoing {
    Outgoing {
        delay: Duration::ZERO,
        head: None,
        body: Body::Whole(Bytes::new()),
        pace: Duration::ZERO,
        ending,
    }
}

fn outgoing(status: u16, content_type: &str, body: Body) -> Outgoing {
    let headers = vec![("content-type".to_owned(), content_type.to_owned())];
    Outgoing { head: Some((status, headers)), body, ..silent(Ending::Complete) }
}

fn whole(status: u16, content_type: &str, body: impl Into<Bytes>) -> Outgoing {
    outgoing(status, content_type, Body::Whole(body.into()))
}
