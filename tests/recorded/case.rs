//! One recorded exchange and what must be made of it.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// A recorded exchange.
pub(crate) struct Case {
    /// Unique; names the provider and the format.
    pub(crate) id: String,
    /// Who answered.
    pub(crate) provider: String,
    /// The format, as the recordings name it: `chat_completions`, `messages`, …
    pub(crate) api: String,
    /// Was a stream asked for?
    pub(crate) stream: bool,
    /// Where it was sent, without the query.
    pub(crate) path: String,
    /// What was sent, where the recording has it.
    pub(crate) request: Option<Value>,
    /// The answer's status.
    pub(crate) status: u16,
    /// The answer's headers.
    pub(crate) headers: Vec<(String, String)>,
    /// The answer's body, byte for byte.
    pub(crate) body: Vec<u8>,
    /// What a correct client makes of it.
    pub(crate) expect: Value,
}

impl Case {
    /// Reads a case.
    pub(crate) fn from_json(case: &Value) -> Result<Self, String> {
        let text = |pointer: &str| {
            case.pointer(pointer).and_then(Value::as_str).ok_or_else(|| format!("{pointer} is missing"))
        };
        let response = &case["response"];
        let body = match (response["body_text"].as_str(), response["body_base64"].as_str()) {
            (Some(text), _) => text.as_bytes().to_vec(),
            (None, Some(encoded)) => STANDARD.decode(encoded).map_err(|error| error.to_string())?,
            (None, None) => return Err("the response has no body".into()),
        };
        let status = response["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let headers = response["headers"].as_object().into_iter().flatten();
        let path = text("/request/path_and_query")?;
        Ok(Self {
            id: text("/id")?.to_owned(),
            provider: text("/provider")?.to_owned(),
            api: text("/api")?.to_owned(),
            stream: case["stream"].as_bool().ok_or("stream is missing")?,
            path: path.split_once('?').map_or(path, |(path, _)| path).to_owned(),
            request: Some(case["request"]["body"].clone()).filter(Value::is_object),
            status: status.ok_or("the status is missing")?,
            headers: headers
                .filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())))
                .collect(),
            body,
            expect: case["expect"].clone(),
        })
    }

    /// Reads every case below `folder`, sorted by id.
    pub(crate) fn read_all(folder: &Path) -> Result<Vec<Self>, String> {
        let mut cases = Vec::new();
        for provider in list(folder)?.iter().filter(|path| path.is_dir()) {
            for file in
                list(provider)?.iter().filter(|path| path.extension().is_some_and(|end| end == "json"))
            {
                let read = || {
                    let bytes = fs::read(file).map_err(|error| error.to_string())?;
                    let json = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
                    Self::from_json(&json)
                };
                cases.push(read().map_err(|error| format!("{}: {error}", file.display()))?);
            }
        }
        cases.sort_by(|left, right| left.id.cmp(&right.id));
        Ok(cases)
    }
}

fn list(folder: &Path) -> Result<Vec<std::path::PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(|error| error.to_string())).collect()
}
