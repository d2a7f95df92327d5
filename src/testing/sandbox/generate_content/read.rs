//! Reads a request for content as strictly as Google does.

use serde_json::{Map, Value, json};

use super::super::check::{Checked, Denial, count, items, name, number, only, strings, text};
use super::super::question::{Choice, Delivery, OfferedTool, Question, Thinking};
use super::super::request::Received;

pub(super) fn question(request: &Received) -> Checked<Question> {
    let body = &camel(&request.json);
    let unknown =
        |name: &str| format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.");
    only(body, KNOWN, unknown)?;
    let contents = items(body, "contents");
    check_contents(contents)?;
    let nothing = Value::Null;
    let config = body.get("generationConfig").unwrap_or(&nothing);
    only(config, KNOWN_CONFIG, unknown)?;
    number(config, "temperature", 0.0..=2.0)?;
    number(config, "topP", 0.0..=1.0)?;
    let stop = strings(config.get("stopSequences"));
    if stop.len() > 5 {
        return Err(Denial::invalid("* GenerateContentRequest.generation_config.stop_sequences: at most 5"));
    }
    if body.get("systemInstruction").is_some_and(|system| items(system, "parts").is_empty()) {
        return Err(Denial::invalid("* GenerateContentRequest.system_instruction.parts: is not specified"));
    }
    let tools = tools(body)?;
    Ok(Question {
        model: model(&request.path)?,
        delivery: match (request.is_for(":streamGenerateContent"), request.parameter("alt")) {
            (false, _) => Delivery::Whole,
            (true, Some("sse")) => Delivery::Events,
            (true, _) => Delivery::Array,
        },
        last_user: last_user(contents),
        tool_results: tool_results(contents),
        choice: choice(body, &tools)?,
        tools,
        schema: schema(config)?,
        characters: request.body.len(),
        limit: count(config, "maxOutputTokens")?,
        stop,
        thinking: thinking(config),
        answers: count(config, "candidateCount")?.unwrap_or(1).min(8),
        reports_usage: true,
    })
}

fn check_contents(contents: &[Value]) -> Checked {
    if contents.is_empty() {
        return Err(Denial::invalid("* GenerateContentRequest.contents: contents is not specified"));
    }
    let mut asked = 0;
    for (position, content) in contents.iter().enumerate() {
        let wrong =
            |what: &str| Denial::invalid(format!("* GenerateContentRequest.contents[{position}]: {what}"));
        let role = text(content, "role");
        let alone = role.is_empty() && contents.len() == 1;
        if !alone && !matches!(role, "user" | "model" | "function") {
            return Err(wrong("Please use a valid role: user, model."));
        }
        let parts = items(content, "parts");
        if parts.is_empty() {
            return Err(wrong("parts must not be empty"));
        }
        for part in parts {
            check_part(part).map_err(|what| wrong(&what))?;
        }
        let count = |name: &str| parts.iter().filter(|part| part.get(name).is_some()).count();
        if count("functionResponse") != asked {
            return Err(wrong(
                "Please ensure that the number of function response parts is equal to the number of function call parts \
                 of the function call turn.",
            ));
        }
        asked = count("functionCall");
        if asked > 0 && role != "model" {
            return Err(wrong("function calls belong to the role model"));
        }
    }
    Ok(())
}

fn check_part(part: &Value) -> Result<(), String> {
    const DATA: [&str; 7] = [
        "text",
        "inlineData",
        "fileData",
        "functionCall",
        "functionResponse",
        "executableCode",
        "codeExecutionResult",
    ];
    let set: Vec<_> = DATA.iter().filter(|name| part.get(**name).is_some()).copied().collect();
    let [kind] = set.as_slice() else {
        return Err("required oneof field 'data' must have one initialized field".into());
    };
    let own = part.get(*kind).unwrap_or(&Value::Null);
    let fits = match *kind {
        "text" => own.is_string(),
        "inlineData" => !text(own, "mimeType").is_empty() && !text(own, "data").is_empty(),
        "fileData" => !text(own, "fileUri").is_empty(),
        "functionCall" => !text(own, "name").is_empty() && own.get("args").is_none_or(Value::is_object),
        "functionResponse" => {
            !text(own, "name").is_empty() && own.get("response").is_some_and(Value::is_object)
        }
        _ => true,
    };
    if fits { Ok(()) } else { Err(format!("the {kind} of a part is malformed")) }
}

fn tools(body: &Value) -> Checked<Vec<OfferedTool>> {
    let mut offered = Vec::new();
    for declaration in items(body, "tools").iter().flat_map(|tool| items(tool, "functionDeclarations")) {
        let name = name(declaration.get("name"), "function_declarations.name")?;
        let schema = declaration.get("parametersJsonSchema").or_else(|| declaration.get("parameters"));
        offered
            .push(OfferedTool { name, schema: schema.cloned().unwrap_or_else(|| json!({"type": "object"})) });
    }
    Ok(offered)
}

fn choice(body: &Value, tools: &[OfferedTool]) -> Checked<Choice> {
    let Some(config) = body.pointer("/toolConfig/functionCallingConfig") else { return Ok(Choice::Auto) };
    let allowed = strings(config.get("allowedFunctionNames"));
    match (text(config, "mode"), allowed.as_slice()) {
        ("AUTO" | "VALIDATED" | "", []) => Ok(Choice::Auto),
        ("NONE", _) => Ok(Choice::Never),
        ("ANY", []) => Ok(Choice::Required),
        ("ANY" | "VALIDATED", [name, ..]) if tools.iter().any(|tool| tool.name == *name) => {
            Ok(Choice::Named(name.clone()))
        }
        ("ANY" | "VALIDATED", _) => {
            Err(Denial::invalid("allowed_function_names must name declared functions"))
        }
        ("AUTO", _) => Err(Denial::invalid("allowed_function_names only goes with the mode ANY")),
        (other, _) => Err(Denial::invalid(format!(
            "Invalid value at 'tool_config.function_calling_config.mode': {other}"
        ))),
    }
}

fn schema(config: &Value) -> Checked<Option<Value>> {
    let schema = ["responseJsonSchema", "ResponseJsonSchema", "responseSchema"]
        .iter()
        .find_map(|name| config.get(*name));
    match (text(config, "responseMimeType"), schema) {
        ("application/json", Some(schema)) => Ok(Some(schema.clone())),
        ("application/json", None) => {
            Ok(Some(json!({"type": "object", "properties": {"answer": {"type": "string"}}})))
        }
        ("" | "text/plain", None) => Ok(None),
        ("text/x.enum", Some(schema)) => Ok(Some(schema.clone())),
        _ => Err(Denial::invalid("response_schema needs the response_mime_type application/json")),
    }
}

fn thinking(config: &Value) -> Thinking {
    let Some(thinking) = config.get("thinkingConfig") else { return Thinking::Off };
    if thinking.get("thinkingBudget") == Some(&json!(0)) {
        Thinking::Off
    } else if thinking.get("includeThoughts") == Some(&json!(true)) {
        Thinking::Shown
    } else {
        Thinking::Hidden
    }
}

fn last_user(contents: &[Value]) -> String {
    let texts =
        |content: &Value| items(content, "parts").iter().map(|part| text(part, "text")).collect::<String>();
    let users = contents.iter().rev().filter(|content| text(content, "role") != "model");
    users.map(texts).find(|text| !text.is_empty()).unwrap_or_default()
}

fn tool_results(contents: &[Value]) -> Vec<String> {
    let last = contents.last().map(|content| items(content, "parts")).unwrap_or_default();
    let results = last.iter().filter_map(|part| part.pointer("/functionResponse/response"));
    results
        .map(|response| {
            match response.as_object().map(|fields| fields.values().collect::<Vec<_>>()).as_deref() {
                Some([Value::String(only)]) => only.clone(),
                _ => response.to_string(),
            }
        })
        .collect()
}

/// The model of `…/models/{model}:method`.
fn model(path: &str) -> Checked<String> {
    let model =
        path.rsplit_once("/models/").and_then(|(_, rest)| rest.rsplit_once(':')).map(|(model, _)| model);
    let escaped = model.map(|model| format!("model={}", model.replace('+', "%2B"))).unwrap_or_default();
    let model = url::form_urlencoded::parse(escaped.as_bytes()).next().map(|(_, model)| model.into_owned());
    model.filter(|model| !model.is_empty()).ok_or_else(|| Denial::new(404, "Not Found"))
}

/// Snake case to camel case, in the fields that belong to the format and not to schemas, arguments or results.
fn camel(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let own = |(name, value): (&String, &Value)| {
                let name = camel_name(name);
                let value = if FREE.contains(&name.as_str()) { value.clone() } else { camel(value) };
                (name, value)
            };
            Value::Object(fields.iter().map(own).collect::<Map<_, _>>())
        }
        Value::Array(items) => items.iter().map(camel).collect(),
        other => other.clone(),
    }
}

fn camel_name(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |mut name, word| {
        let mut letters = word.chars();
        name.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        name.extend(letters);
        name
    })
}

/// Fields whose content is the caller's.
const FREE: &[&str] = &[
    "ResponseJsonSchema",
    "args",
    "labels",
    "parameters",
    "parametersJsonSchema",
    "response",
    "responseJsonSchema",
    "responseSchema",
];

const KNOWN: &[&str] = &[
    "cachedContent",
    "contents",
    "generationConfig",
    "labels",
    "model",
    "safetySettings",
    "serviceTier",
    "store",
    "systemInstruction",
    "toolConfig",
    "tools",
];

const KNOWN_CONFIG: &[&str] = &[
    "ResponseJsonSchema",
    "audioTimestamp",
    "candidateCount",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "imageConfig",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "modelSelectionConfig",
    "presencePenalty",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "routingConfig",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];
