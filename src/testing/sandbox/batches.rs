//! Batches as OpenAI and Anthropic take them. Each is answered between the second and the third time somebody asks for it.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Value, json};

use super::check::Denial;
use super::plan::answer_alone;
use super::request::Received;
use super::vendor::Rules;

/// What one vendor holds.
#[derive(Default)]
pub(super) struct Batches {
    files: BTreeMap<String, Bytes>,
    jobs: BTreeMap<String, Job>,
}

struct Job {
    wire: Wire,
    /// Custom ids and requests.
    requests: Vec<(String, Received)>,
    asked: u32,
    cancelled: bool,
    input: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    OpenAi,
    Anthropic,
}

/// A reply: its status, content type and body.
pub(super) type Served = (u16, &'static str, String);

impl Batches {
    /// The reply to a request about batches; `None` when it is about something else.
    pub(super) fn serve(&mut self, request: &Received, rules: &Rules) -> Option<Result<Served, Denial>> {
        let path = request.path.strip_prefix("/v1")?;
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let post = request.method == "POST";
        Some(match segments.as_slice() {
            ["files"] if post => self.take_file(request),
            ["files", id, "content"] if !post => self.file(id),
            ["batches"] if post => self.create(request),
            ["batches", id] if !post => self.state(id, rules),
            ["batches", id, "cancel"] if post => self.cancel(id, rules),
            ["messages", "batches"] if post => self.create_messages(request),
            ["messages", "batches", id] if !post => self.state(id, rules),
            ["messages", "batches", id, "cancel"] if post => self.cancel(id, rules),
            ["messages", "batches", id, "results"] if !post => self.results(id, rules),
            _ => return None,
        })
    }

    fn take_file(&mut self, request: &Received) -> Result<Served, Denial> {
        let kind = request.header("content-type").unwrap_or_default();
        let boundary = kind.strip_prefix("multipart/form-data; boundary=");
        let boundary =
            boundary.ok_or_else(|| Denial::invalid("A file is uploaded as multipart/form-data."))?;
        let text = String::from_utf8_lossy(&request.body).into_owned();
        if !text.ends_with(&format!("\r\n--{boundary}--\r\n")) {
            return Err(Denial::invalid("The form has no end."));
        }
        let part = |name: &str| {
            text.split(&format!("--{boundary}\r\n")).find_map(|part| {
                let (head, body) = part.split_once("\r\n\r\n")?;
                let body = body.split(&format!("\r\n--{boundary}")).next()?.trim_end_matches("\r\n");
                head.contains(&format!("name=\"{name}\"")).then(|| body.to_owned())
            })
        };
        if part("purpose").as_deref() != Some("batch") {
            return Err(Denial::invalid("purpose must be batch."));
        }
        let file = part("file").ok_or_else(|| Denial::invalid("There is no file."))?;
        let id = format!("file-{}", self.files.len() + 1);
        let bytes = file.len();
        self.files.insert(id.clone(), file.into());
        json_served(
            &json!({"id": id, "object": "file", "bytes": bytes, "purpose": "batch", "filename": "batch.jsonl"}),
        )
    }

    fn file(&self, id: &str) -> Result<Served, Denial> {
        let file = self.files.get(id).ok_or_else(|| Denial::new(404, "There is no such file."))?;
        Ok((200, "application/octet-stream", String::from_utf8_lossy(file).into_owned()))
    }

    fn create(&mut self, request: &Received) -> Result<Served, Denial> {
        let field = |name: &str| request.json.get(name).and_then(Value::as_str).unwrap_or_default();
        let (input, endpoint) = (field("input_file_id"), field("endpoint"));
        if field("completion_window") != "24h" {
            return Err(Denial::invalid("completion_window must be 24h."));
        }
        let file = self.files.get(input).ok_or_else(|| Denial::invalid("There is no such file."))?;
        let mut requests = Vec::new();
        for line in file.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let line: Value =
                serde_json::from_slice(line).map_err(|_| Denial::invalid("A line is no JSON."))?;
            let id = line.get("custom_id").and_then(Value::as_str).unwrap_or_default();
            if line.get("url").and_then(Value::as_str) != Some(endpoint)
                || line.get("method") != Some(&json!("POST"))
            {
                return Err(Denial::invalid("A line is for another endpoint."));
            }
            requests.push((id.to_owned(), alone(request, endpoint, line.get("body"))));
        }
        self.take(Wire::OpenAi, input.to_owned(), requests)
    }

    fn create_messages(&mut self, request: &Received) -> Result<Served, Denial> {
        let list = request.json.get("requests").and_then(Value::as_array);
        let list = list.ok_or_else(|| Denial::invalid("requests: Field required"))?;
        let requests = list
            .iter()
            .map(|line| {
                let id = line.get("custom_id").and_then(Value::as_str).unwrap_or_default();
                (id.to_owned(), alone(request, "/v1/messages", line.get("params")))
            })
            .collect();
        self.take(Wire::Anthropic, String::new(), requests)
    }

    fn take(
        &mut self,
        wire: Wire,
        input: String,
        requests: Vec<(String, Received)>,
    ) -> Result<Served, Denial> {
        let mut ids: Vec<&str> = requests.iter().map(|(id, _)| id.as_str()).collect();
        ids.sort_unstable();
        ids.dedup();
        if requests.is_empty() || ids.len() != requests.len() || ids.contains(&"") {
            return Err(Denial::invalid("Every request has a custom_id of its own."));
        }
        let id = format!("batch_{}", self.jobs.len() + 1);
        let job = Job { wire, requests, asked: 0, cancelled: false, input };
        let described = job.describe(&id, None);
        self.jobs.insert(id, job);
        json_served(&described)
    }

    fn state(&mut self, id: &str, rules: &Rules) -> Result<Served, Denial> {
        let job = self.jobs.get_mut(id).ok_or_else(|| Denial::new(404, "There is no such batch."))?;
        job.asked += 1;
        let outcomes = job.is_over().then(|| job.outcomes(rules));
        let described = job.describe(id, outcomes.as_deref());
        if let (Some(outcomes), Wire::OpenAi) = (outcomes, job.wire) {
            let file = |fine: bool| {
                let lines = outcomes.iter().filter(|outcome| outcome.fine == fine);
                lines.map(|outcome| format!("{}\n", outcome.line)).collect::<String>()
            };
            self.files.insert(format!("file-{id}-output"), file(true).into());
            self.files.insert(format!("file-{id}-errors"), file(false).into());
        }
        json_served(&described)
    }

    fn cancel(&mut self, id: &str, rules: &Rules) -> Result<Served, Denial> {
        let job = self.jobs.get_mut(id).ok_or_else(|| Denial::new(404, "There is no such batch."))?;
        job.cancelled = true;
        self.state(id, rules)
    }

    fn results(&mut self, id: &str, rules: &Rules) -> Result<Served, Denial> {
        let job = self.jobs.get(id).filter(|job| job.is_over());
        let job = job.ok_or_else(|| Denial::new(404, "The batch has no results yet."))?;
        // In any order, as the documentation warns.
        let lines = job.outcomes(rules).into_iter().rev().map(|outcome| format!("{}\n", outcome.line));
        Ok((200, "application/x-jsonl", lines.collect()))
    }
}

struct Outcome {
    fine: bool,
    line: Value,
}

impl Job {
    fn is_over(&self) -> bool {
        self.asked >= 3 || self.cancelled
    }

    fn outcomes(&self, rules: &Rules) -> Vec<Outcome> {
        let one = |(place, (id, request)): (usize, &(String, Received))| {
            // Of a cancelled batch only the first request was reached.
            if self.cancelled && place > 0 {
                let line = match self.wire {
                    Wire::OpenAi => json!({"custom_id": id, "response": null,
                        "error": {"code": "batch_cancelled", "message": "This request was not executed."}}),
                    Wire::Anthropic => json!({"custom_id": id, "result": {"type": "canceled"}}),
                };
                return Outcome { fine: false, line };
            }
            let (status, body) = answer_alone(request, rules);
            let fine = status == 200;
            let line = match (self.wire, fine) {
                (Wire::OpenAi, _) => {
                    json!({"id": format!("batch_req_{place}"), "custom_id": id, "error": null,
                    "response": {"status_code": status, "request_id": format!("req_batch_{place}"), "body": body}})
                }
                (Wire::Anthropic, true) => {
                    json!({"custom_id": id, "result": {"type": "succeeded", "message": body}})
                }
                (Wire::Anthropic, false) => {
                    json!({"custom_id": id, "result": {"type": "errored", "error": body}})
                }
            };
            Outcome { fine, line }
        };
        self.requests.iter().enumerate().map(one).collect()
    }

    fn describe(&self, id: &str, outcomes: Option<&[Outcome]>) -> Value {
        let fine = outcomes.map_or(0, |outcomes| outcomes.iter().filter(|outcome| outcome.fine).count());
        let failed = outcomes.map_or(0, |outcomes| outcomes.len() - fine);
        let total = self.requests.len();
        match self.wire {
            Wire::OpenAi => {
                let status = match (outcomes, self.cancelled) {
                    (Some(_), true) => "cancelled",
                    (Some(_), false) => "completed",
                    (None, _) if self.asked < 2 => "validating",
                    (None, _) => "in_progress",
                };
                let file = |count: usize, name: &str| (count > 0).then(|| format!("file-{id}-{name}"));
                json!({"id": id, "object": "batch", "endpoint": "/v1/chat/completions", "errors": null,
                    "input_file_id": self.input, "completion_window": "24h", "status": status,
                    "output_file_id": file(fine, "output"), "error_file_id": file(failed, "errors"),
                    "created_at": 1_764_000_000,
                    "request_counts": {"total": total, "completed": fine, "failed": failed}})
            }
            Wire::Anthropic => {
                let (errored, canceled) = if self.cancelled { (0, failed) } else { (failed, 0) };
                let processing = if outcomes.is_some() { 0 } else { total };
                let ended = outcomes.is_some();
                json!({"id": id, "type": "message_batch",
                    "processing_status": if ended { "ended" } else { "in_progress" },
                    "request_counts": {"processing": processing, "succeeded": fine, "errored": errored,
                        "canceled": canceled, "expired": 0},
                    // Somewhere else, so that whoever follows it is found out.
                    "results_url": ended.then(|| format!("http://127.0.0.1:9/v1/messages/batches/{id}/results"))})
            }
        }
    }
}

/// A request of a batch, as if it had come alone.
fn alone(batch: &Received, path: &str, body: Option<&Value>) -> Received {
    let json = body.cloned().unwrap_or_default();
    let mut request = batch.clone();
    request.path = path.to_owned();
    request.body = json.to_string().into();
    request.json = json;
    for (name, value) in &mut request.headers {
        if name == "content-type" {
            "application/json".clone_into(value);
        }
    }
    request
}

fn json_served(json: &Value) -> Result<Served, Denial> {
    Ok((200, "application/json", json.to_string()))
}
