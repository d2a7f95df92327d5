use serde_json::{Value, json};

use super::*;
use crate::error::{Error, ErrorKind};
use crate::protocol::chat_completions::{ChatCompletions, Dialect, Lacking};
use crate::protocol::cohere_chat::CohereChat;
use crate::protocol::converse::Converse;
use crate::protocol::generate_content::{GenerateContent, VertexGenerateContent};
use crate::protocol::messages::{Messages, VertexMessages};
use crate::protocol::responses::Responses;
use crate::protocol::{Mode, Protocol};
use crate::types::{
    Accumulator, AdaptationKind, CacheOptions, CacheTtl, FinishReason, Hosted, Message, ModelHints,
    OnUnsupported, Part, Reply, ResponseFormat, Role, SafetySetting, SchemaSupport, StreamEvent,
    StreamFinish, Tool, ToolCall, ToolChoice, ToolResult, WebSearch, Wire,
};

static OPENAI: ChatCompletions =
    ChatCompletions::new(Dialect { schema: SchemaRules::OpenAi, cache: CacheStyle::Key, ..Dialect::PLAIN });
static POOR: ChatCompletions =
    ChatCompletions::new(Dialect { lacks: &[Lacking::JsonSchema], ..Dialect::PLAIN });
static POORER: ChatCompletions =
    ChatCompletions::new(Dialect { lacks: &[Lacking::JsonSchema, Lacking::NamedTool], ..Dialect::PLAIN });

fn ask() -> ChatRequest {
    ChatRequest::from(("p/m", "Hi"))
}

fn fitted<'a>(request: &'a ChatRequest, protocol: &dyn Protocol) -> Result<Fitted<'a>> {
    fit(request, protocol, EncodeFor::new("p", "m", Mode::Whole))
}

fn written(request: &ChatRequest, protocol: &dyn Protocol) -> (Value, Vec<String>) {
    let target = EncodeFor::new("p", "m", Mode::Whole);
    let fitted = fit(request, protocol, target).unwrap();
    let encoded = protocol.encode_chat(&fitted.request, target).unwrap();
    let fields = fitted.adaptations.iter().map(|adaptation| adaptation.field.to_string()).collect();
    (serde_json::from_slice(&encoded.body).unwrap(), fields)
}

fn refused(request: &ChatRequest, protocol: &dyn Protocol) -> Error {
    fitted(request, protocol).map(|_| ()).unwrap_err()
}

fn schema(value: Value) -> ChatRequest {
    ask().response_format(ResponseFormat::json_schema("s", value))
}

#[test]
fn a_request_that_fits_is_not_copied() {
    let request = schema(
        json!({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": false}),
    )
    .tool(Tool::function("weather", "d", json!({"type": "object"})));

    for protocol in [&OPENAI as &dyn Protocol, &Messages, &GenerateContent, &Converse, &Responses::PLAIN] {
        let fitted = fitted(&request, protocol).unwrap();

        assert!(matches!(fitted.request, Cow::Borrowed(_)), "{protocol:?}");
        assert!(fitted.restore.is_empty() && fitted.adaptations.is_empty(), "{protocol:?}");
    }
}

#[test]
fn names_a_vendor_refuses_are_sent_otherwise_and_come_back_as_they_were() {
    let long = "x".repeat(100);
    let names = ["fs.read", "fs_read", "fs:read", &long, "9th", "get weather/é"];
    let mut request =
        names.iter().fold(ask(), |request, name| request.tool(Tool::function(*name, "d", json!({}))));
    request.tool_choice = Some(ToolChoice::Function("fs.read".into()));
    let call = Message::new(Role::Assistant, [ToolCall::new("c", "fs:read", "{}")]);
    let request = request.message(call).tool_results([ToolResult::new("c", "1")]);

    let (body, adapted) = written(&request, &OPENAI);
    let sent: Vec<&str> = body["tools"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tool| tool["function"]["name"].as_str().unwrap())
        .collect();
    assert_eq!(sent[..3], ["fs_read_2", "fs_read", "fs_read_3"]);
    assert_eq!((sent[3].len(), sent[4], sent[5]), (64, "9th", "get_weather___"));
    assert_eq!(body["tool_choice"]["function"]["name"], "fs_read_2");
    assert_eq!(body["messages"][1]["tool_calls"][0]["function"]["name"], "fs_read_3");
    assert_eq!(adapted, ["tools.name"]);

    let (body, _) = written(&request, &GenerateContent);
    let google = |place: usize| body["tools"][0]["functionDeclarations"][place]["name"].clone();
    assert_eq!((google(0), google(4)), (json!("fs.read"), json!("_9th")));

    let mut restore = fitted(&request, &OPENAI).unwrap().restore;
    let mut reply = Reply::empty();
    reply.message = Message::new(
        Role::Assistant,
        [ToolCall::new("1", "fs_read_2", "{}"), ToolCall::new("2", "fs_read", "{}")],
    );
    restore.reply(&mut reply);
    let back: Vec<&str> = reply.message.tool_calls().map(|call| call.name.as_str()).collect();
    assert_eq!(back, ["fs.read", "fs_read"]);
    let start = StreamEvent::ToolCallStart { index: 0, id: "1".into(), name: "fs_read_3".into() };
    assert!(
        matches!(&restore.event(start)[..], [StreamEvent::ToolCallStart { name, .. }] if name == "fs:read")
    );
    assert_eq!(
        refused(&request.on_unsupported(OnUnsupported::Error), &OPENAI).kind(),
        ErrorKind::Unsupported
    );
}

#[test]
fn a_function_never_has_the_name_of_a_tool_of_the_vendors() {
    let function = |name: &str| Tool::function(name, "d", json!({"type": "object"}));
    let request = ask()
        .tool(function("web_search"))
        .tool(function("web.search"))
        .tool(Tool::web_search())
        .message(Message::new(Role::Assistant, [ToolCall::new("c", "web_search", "{}")]))
        .tool_results([ToolResult::new("c", "1")]);

    let (body, adapted) = written(&request, &Messages);

    let names: Vec<&str> =
        body["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["web_search_2", "web_search_3", "web_search"]);
    assert_eq!(body["messages"][1]["content"][0]["name"], "web_search_2");
    assert_eq!(adapted, ["tools.name", "tools.name"]);
    let mut restore = fitted(&request, &Messages).unwrap().restore;
    let start = |name: &str| StreamEvent::ToolCallStart { index: 0, id: "1".into(), name: name.into() };
    for (sent, own) in [("web_search_2", "web_search"), ("web_search_3", "web.search")] {
        let back = restore.event(start(sent));
        assert!(matches!(&back[..], [StreamEvent::ToolCallStart { name, .. }] if name == own), "{back:?}");
    }
    let alone = ask().tool(function("web_search"));
    assert_eq!(written(&alone, &Messages).0["tools"][0]["name"], "web_search");
}

#[test]
fn schemas_are_closed_for_openai_and_let_no_more_through_than_before() {
    let request = schema(json!({
        "type": "object",
        "properties": {
            "kind": {"oneOf": [{"const": "a"}, {"const": "b"}], "default": "a"},
            "list": {"type": "array", "minItems": 2, "items": {"type": "object", "properties": {"x": {"type": "integer", "minimum": 1}}}},
        },
        "required": ["kind"],
    }));

    let (body, adapted) = written(&request, &OPENAI);

    let sent = &body["response_format"]["json_schema"];
    assert_eq!(
        (&sent["strict"], adapted.as_slice()),
        (&json!(true), ["response_format.schema".to_owned()].as_slice())
    );
    assert_eq!(
        sent["schema"],
        json!({
            "type": "object",
            "properties": {
                "kind": {"anyOf": [{"const": "a"}, {"const": "b"}], "description": "(default: \"a\")"},
                "list": {"type": "array", "minItems": 2, "items": {
                    "type": "object", "properties": {"x": {"type": "integer", "minimum": 1}},
                    "additionalProperties": false, "required": ["x"]}},
            },
            "required": ["kind", "list"],
            "additionalProperties": false,
        })
    );
    // The order of the properties is the order in which the model answers.
    let text = sent["schema"].to_string();
    assert!(text.find("kind") < text.find("list"));
}

#[test]
fn what_openai_cannot_hold_a_model_to_is_only_asked_for() {
    for loose in [
        json!({"type": "object", "additionalProperties": {"type": "integer"}}),
        json!({"type": "object", "properties": {"a": {"type": "object"}}}),
        json!({"type": "object", "properties": {"a": {"not": {}}}}),
        json!({"type": "object", "properties": {"a": {"allOf": [{}]}}}),
    ] {
        let (body, adapted) = written(&schema(loose.clone()), &OPENAI);

        assert_eq!(body["response_format"]["json_schema"]["strict"], false, "{loose}");
        assert_eq!(body["response_format"]["json_schema"]["schema"], loose);
        assert_eq!(adapted, ["response_format.strict"]);
    }
}

#[test]
fn bounds_that_anthropic_refuses_are_told_in_words() {
    let request = schema(json!({
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "maximum": 150, "description": "In years."},
            "tags": {"type": "array", "minItems": 3, "items": {"type": "string", "maxLength": 5}},
            "left": {"type": "array", "minItems": 1},
        },
        "required": ["age"],
        "additionalProperties": false,
    }));

    for (protocol, pointer) in [
        (&Messages as &dyn Protocol, "/output_config/format/schema"),
        (&Converse, "/outputConfig/textFormat/structure/jsonSchema/schema"),
    ] {
        let (body, adapted) = written(&request, protocol);
        let sent = body.pointer(pointer).unwrap_or_else(|| panic!("{body}"));
        let sent: Value =
            sent.as_str().map_or_else(|| sent.clone(), |text| serde_json::from_str(text).unwrap());

        assert_eq!(
            sent["properties"]["age"],
            json!({"type": "integer", "description": "In years. (maximum: 150, minimum: 0)"})
        );
        assert_eq!(sent["properties"]["tags"]["description"], "(minItems: 3)");
        assert_eq!(sent["properties"]["left"]["minItems"], 1);
        assert_eq!(sent["required"], json!(["age"]));
        assert_eq!(adapted, ["response_format.schema"]);
    }
}

#[test]
fn a_schema_that_cannot_be_said_becomes_the_only_tool_and_its_call_the_answer() {
    let tree =
        json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": false});
    for (request, protocol) in [(schema(tree.clone()), &Messages as &dyn Protocol), (schema(tree), &POOR)] {
        let (body, adapted) = written(&request, protocol);
        assert_eq!(body["tools"].as_array().unwrap().len(), 1);
        assert!(body.get("response_format").is_none() && body.get("output_config").is_none(), "{body}");
        assert!(body["tool_choice"].to_string().contains("\"s\""), "{body}");
        assert_eq!(adapted, ["response_format"]);

        let mut restore = fitted(&request, protocol).unwrap().restore;
        let mut reply = Reply::text("Here it is:");
        reply.message.parts.push(ToolCall::new("1", "s", r#"{"next":{}}"#).into());
        reply.finish_reason = Some(FinishReason::ToolCalls);
        restore.reply(&mut reply);
        assert_eq!(reply.message.parts, [Part::text(r#"{"next":{}}"#)]);
        assert_eq!(reply.finish_reason, Some(FinishReason::Stop));

        let events = [
            StreamEvent::Text("Here".into()),
            StreamEvent::ToolCallStart { index: 0, id: "1".into(), name: "s".into() },
            StreamEvent::ToolCallArguments { index: 0, delta: "{}".into() },
            StreamEvent::Finish(Box::new(StreamFinish::new(Some(FinishReason::ToolCalls), None))),
        ];
        let seen: Vec<StreamEvent> = events.into_iter().flat_map(|event| restore.event(event)).collect();
        assert_eq!(seen[0], StreamEvent::Text("{}".into()));
        assert!(matches!(&seen[1], StreamEvent::Finish(finish) if finish.reason == Some(FinishReason::Stop)));
    }
}

#[test]
fn the_answer_is_known_by_the_name_the_vendor_was_told() {
    let tree =
        json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": false});
    let format = ResponseFormat::json_schema("city v.1", tree);
    let request = ChatRequest::new("m").user("Grow.").response_format(format);
    let (body, _) = written(&request, &Messages);
    let told = body["tools"][0]["name"].as_str().unwrap().to_owned();
    assert_ne!(told, "city v.1");

    let mut reply = Reply::text("");
    reply.message.parts = vec![ToolCall::new("1", told, r#"{"next":{}}"#).into()];
    fitted(&request, &Messages).unwrap().restore.reply(&mut reply);

    assert_eq!(reply.message.parts, [Part::text(r#"{"next":{}}"#)]);
}

/// One of several answers arrives in pieces between those of the others.
#[test]
fn each_of_several_answers_is_undone_by_itself() {
    let tree =
        json!({"type": "object", "properties": {"next": {"$ref": "#"}}, "additionalProperties": false});
    let mut restore = fitted(&schema(tree), &Messages).unwrap().restore;
    let of = |choice, event| match choice {
        0 => event,
        choice => StreamEvent::Alternative { choice, event: Box::new(event) },
    };
    let begin = |index, name: &str| StreamEvent::ToolCallStart { index, id: "c".into(), name: name.into() };
    let more = |index, delta: &str| StreamEvent::ToolCallArguments { index, delta: delta.into() };
    let name = "s";
    let mut seen = Vec::new();
    for event in [
        of(1, begin(0, name)),
        of(0, StreamEvent::Text("no call ".into())),
        of(1, more(0, "{\"a\"")),
        of(2, StreamEvent::Text("none here".into())),
        of(1, more(0, ":1}")),
        of(1, StreamEvent::finish(Some(FinishReason::ToolCalls), None)),
        of(2, StreamEvent::finish(Some(FinishReason::Stop), None)),
        of(0, StreamEvent::finish(Some(FinishReason::Stop), None)),
    ] {
        seen.extend(restore.event(event));
    }

    let mut whole = Accumulator::new();
    seen.into_iter().for_each(|event| whole.push(event).unwrap());
    let reply = whole.into_reply();
    assert_eq!(reply.message.text(), "no call ");
    let others: Vec<_> =
        reply.alternatives.iter().map(|other| (other.message.text(), other.finish_reason.clone())).collect();
    assert_eq!(
        others,
        [("{\"a\":1}".into(), Some(FinishReason::Stop)), ("none here".into(), Some(FinishReason::Stop))]
    );
}

#[test]
fn a_schema_that_branches_at_every_reference_is_read_in_time() {
    let links = (0..60).map(|number| {
        let next = format!("#/$defs/d{}", number + 1);
        (format!("d{number}"), json!({"anyOf": [{"$ref": next}, {"$ref": next}]}))
    });
    let mut defs: serde_json::Map<String, Value> = links.collect();
    defs.insert("d60".into(), json!({"type": "null"}));
    let root = json!({"type": "object", "properties": {"a": {"$ref": "#/$defs/d0"}}, "required": ["a"],
                      "additionalProperties": false, "$defs": defs});

    assert!(fitted(&schema(root), &Messages).unwrap().adaptations.is_empty());
}

#[test]
fn that_optional_properties_are_required_is_said() {
    let mut request = schema(json!({"type": "object", "properties": {"a": {"type": "string"}}}));
    if let Some(ResponseFormat::JsonSchema { strict, .. }) = &mut request.response_format {
        *strict = Some(true);
    }
    for protocol in [&OPENAI as &dyn Protocol, &CohereChat] {
        let notes = fitted(&request, protocol).unwrap().adaptations;
        assert!(notes.iter().any(|note| note.detail.contains("were optional are required")), "{notes:?}");
    }
}

#[test]
fn where_no_tool_can_be_forced_the_schema_is_told_in_words() {
    let request = schema(json!({"type": "object"})).message(Message::system("Be brief."));

    let (body, adapted) = written(&request, &POORER);

    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert!(body["messages"][0]["content"].as_str().unwrap().contains("{\"type\":\"object\"}"), "{body}");
    assert_eq!(adapted, ["response_format"]);
    let busy = schema(json!({"type": "object"})).tool(Tool::function("f", "d", json!({})));
    let fitted = fitted(&busy, &POOR).unwrap();
    assert!(fitted.adaptations.iter().any(is_told_in_words));
}

#[test]
fn a_model_that_takes_no_schema_is_asked_as_a_vendor_that_has_none() {
    let mut target = EncodeFor::new("p", "m", Mode::Whole);
    target.hints = ModelHints { schema: SchemaSupport::Refused, ..ModelHints::default() };
    let request = schema(json!({"type": "object"}));

    let fitted = fit(&request, &OPENAI, target).unwrap();

    assert_eq!(fitted.request.tool_choice, Some(ToolChoice::Function("s".into())));
}

#[test]
fn caching_is_said_in_the_words_of_each_vendor() {
    let request = ChatRequest::new("p/m")
        .message(Message::system("Rules.").cached(CacheTtl::OneHour))
        .user("Question")
        .tool(Tool::function("f", "d", json!({})))
        .cache(CacheOptions::automatic());

    let (body, adapted) = written(&request, &Messages);
    assert_eq!(body["system"][0]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(adapted, [""; 0]);

    let (body, _) = written(&request, &Converse);
    assert_eq!(body["system"][1], json!({"cachePoint": {"type": "default", "ttl": "1h"}}));
    assert_eq!(body["messages"][0]["content"][1], json!({"cachePoint": {"type": "default"}}));

    let (body, adapted) = written(&request.clone().cache(CacheOptions::automatic().key("k")), &OPENAI);
    assert_eq!(
        (&body["prompt_cache_key"], adapted.as_slice()),
        (&json!("k"), ["cache".to_owned()].as_slice())
    );

    let (body, adapted) = written(&request, &GenerateContent);
    assert!(!body.to_string().contains("ache"), "{body}");
    assert_eq!(adapted, ["cache"]);
}

#[test]
fn an_hour_never_stands_behind_five_minutes() {
    let minutes = Message::system("Rules").cached(CacheTtl::FiveMinutes);
    let hour = Message::user("Long").cached(CacheTtl::OneHour);
    let tool = Tool::function("f", "d", json!({})).cached(CacheTtl::FiveMinutes);
    let request = ChatRequest::new("p/m")
        .message(hour)
        .message(Message::assistant("Yes"))
        .message(minutes)
        .message(Message::user("Hi").cached(CacheTtl::FiveMinutes))
        .tool(tool);

    let (body, adapted) = written(&request, &Messages);

    let long = json!({"type": "ephemeral", "ttl": "1h"});
    assert_eq!(body["tools"][0]["cache_control"], long);
    assert_eq!(body["system"][0]["cache_control"], long);
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], long);
    assert_eq!(body["messages"][2]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert_eq!(adapted, ["cache.ttl"]);
    let request = request.on_unsupported(OnUnsupported::Error);
    assert!(refused(&request, &Converse).message().starts_with("cache.ttl: "));
}

#[test]
fn lifetimes_that_fall_are_left_alone() {
    let request = ChatRequest::new("p/m")
        .message(Message::system("Rules").cached(CacheTtl::OneHour))
        .message(Message::user("Hi").cached(CacheTtl::FiveMinutes));

    let (body, adapted) = written(&request, &Messages);

    assert_eq!(body["system"][0]["cache_control"]["ttl"], "1h");
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert!(adapted.is_empty());
}

#[test]
fn of_too_many_breakpoints_the_last_are_kept() {
    let many = (0..6).map(|turn| Message::user(turn.to_string()).cached(CacheTtl::FiveMinutes));
    let request = ChatRequest::new("p/m").messages(many);

    let (body, adapted) = written(&request, &Messages);

    assert_eq!(body.to_string().matches("cache_control").count(), 4);
    assert_eq!(adapted, ["cache"]);
}

#[test]
fn safety_settings_go_where_there_are_some() {
    let request = ask().safety(SafetySetting::new("HARM_CATEGORY_HARASSMENT", "BLOCK_NONE"));

    let (body, _) = written(&request, &GenerateContent);
    assert_eq!(
        body["safetySettings"],
        json!([{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}])
    );
    assert_eq!(written(&request, &OPENAI).1, ["safety"]);
}

#[test]
fn tools_the_vendor_runs_are_named_as_it_names_them_or_refused() {
    static PLAN: Responses =
        Responses::PLAIN.needing(SchemaRules::Any, CacheStyle::Unsaid, HostedStyle::OpenAi);
    let search = ask().tool(Tool::web_search());
    let code = ask().tool(Tool::hosted(Hosted::CodeExecution));

    assert_eq!(
        written(&search, &Messages).0["tools"],
        json!([{"type": "web_search_20250305", "name": "web_search"}])
    );
    assert_eq!(written(&search, &PLAN).0["tools"], json!([{"type": "web_search"}]));
    assert_eq!(written(&search, &GenerateContent).0["tools"], json!([{"googleSearch": {}}]));
    assert_eq!(written(&code, &GenerateContent).0["tools"], json!([{"codeExecution": {}}]));
    let limited = WebSearch { max_uses: Some(2), allowed_domains: vec!["example.com".into()] };
    let limited = ask().tool(Tool::hosted(Hosted::WebSearch(limited)));
    assert_eq!(written(&limited, &Messages).0["tools"][0]["allowed_domains"], json!(["example.com"]));
    for (request, protocol) in
        [(&search, &OPENAI as &dyn Protocol), (&code, &Messages), (&limited, &GenerateContent)]
    {
        let error = refused(request, protocol);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().starts_with("tools: p runs no "), "{error}");
    }
}

#[test]
fn limits_of_a_search_are_translated_or_named() {
    static ROUTER: ChatCompletions =
        ChatCompletions::new(Dialect { hosted: HostedStyle::OpenRouter, ..Dialect::PLAIN });
    const STYLED: fn(HostedStyle) -> Responses =
        |hosted| Responses::PLAIN.needing(SchemaRules::Any, CacheStyle::Unsaid, hosted);
    let (openai, xai, perplexity) =
        (STYLED(HostedStyle::OpenAi), STYLED(HostedStyle::Xai), STYLED(HostedStyle::Perplexity));
    let search = |max_uses, domains: usize| {
        let allowed_domains = (0..domains).map(|number| format!("{number}.org")).collect();
        ask().tool(Tool::hosted(Hosted::WebSearch(WebSearch { max_uses, allowed_domains })))
    };
    let domain = json!(["0.org"]);
    for (protocol, tool, note) in [
        (
            &Messages as &dyn Protocol,
            json!({"type": "web_search_20250305", "name": "web_search", "max_uses": 2, "allowed_domains": domain}),
            None,
        ),
        (
            &openai,
            json!({"type": "web_search", "filters": {"allowed_domains": domain}}),
            Some(AdaptationKind::Changed),
        ),
        (
            &xai,
            json!({"type": "web_search", "filters": {"allowed_domains": domain}}),
            Some(AdaptationKind::Dropped),
        ),
        (
            &perplexity,
            json!({"type": "web_search", "filters": {"search_domain_filter": domain}}),
            Some(AdaptationKind::Dropped),
        ),
        (
            &ROUTER,
            json!({"type": "openrouter:web_search", "parameters": {"allowed_domains": domain}}),
            Some(AdaptationKind::Dropped),
        ),
    ] {
        let request = search(Some(2), 1);
        let (body, _) = written(&request, protocol);
        let noted = fitted(&request, protocol).unwrap().adaptations;

        assert_eq!(body["tools"], json!([tool]), "{protocol:?}");
        assert_eq!(noted.first().map(|adaptation| adaptation.kind), note, "{protocol:?}");
        assert!(noted.iter().all(|adaptation| adaptation.field == "tools.web_search.max_uses"));
        let strict = request.on_unsupported(OnUnsupported::Error);
        assert_eq!(fitted(&strict, protocol).is_err(), note.is_some(), "{protocol:?}");
        assert!(fitted(&search(None, 1).on_unsupported(OnUnsupported::Error), protocol).is_ok());
    }
    assert_eq!(written(&search(Some(2), 0), &openai).0["max_tool_calls"], 2);
    let own = search(Some(2), 0).extra(Wire::Responses, "max_tool_calls", json!(9));
    assert_eq!(written(&own, &openai).0["max_tool_calls"], 9);
    assert_eq!(written(&search(Some(2), 0), &GenerateContent).1, ["tools.web_search.max_uses"]);
    for (protocol, most) in [(&openai, 100), (&xai, 5), (&perplexity, 20)] {
        assert!(fitted(&search(None, most), protocol).is_ok());
        assert!(refused(&search(None, most + 1), protocol).message().contains("these domains"));
    }
    let target = EncodeFor::new("p", "perplexity/sonar", Mode::Whole);
    assert!(fit(&search(None, 1), &ROUTER, target).is_err());
    assert!(fit(&search(None, 0), &ROUTER, target).is_ok());
}

#[test]
fn every_vendors_subset_of_json_schema_is_kept_to() {
    static XAI: ChatCompletions =
        ChatCompletions::new(Dialect { schema: SchemaRules::Xai, ..Dialect::PLAIN });
    static FIREWORKS: ChatCompletions =
        ChatCompletions::new(Dialect { schema: SchemaRules::Fireworks, ..Dialect::PLAIN });
    let request = schema(json!({
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 2, "pattern": "^[A-Z]"},
            "kind": {"oneOf": [{"const": "a"}, {"const": "b"}]},
            "part": {"$ref": "#/$defs/part", "description": "One."},
            "size": {"type": "integer", "minimum": 1},
        },
        "$defs": {"part": {"type": "array", "items": {"type": "string"}, "maxItems": 3}},
    }));
    let openai = ["response_format", "json_schema", "schema"];
    let of = |protocol: &dyn Protocol, path: &[&str]| {
        let (body, fields) = written(&request, protocol);
        assert_eq!(fields, ["response_format.schema"], "{protocol:?}");
        path.iter().fold(body, |value, name| value[*name].clone())
    };

    let google = of(&GenerateContent, &["generationConfig", "responseJsonSchema"]);
    assert_eq!(google["properties"]["name"]["description"], "(minLength: 2, pattern: \"^[A-Z]\")");
    assert_eq!(google["properties"]["kind"], json!({"anyOf": [{"enum": ["a"]}, {"enum": ["b"]}]}));
    assert_eq!(google["properties"]["part"], json!({"$ref": "#/$defs/part"}));
    assert_eq!(google["properties"]["size"], json!({"type": "integer", "minimum": 1}));

    let xai = of(&XAI, &openai);
    assert!(xai["properties"]["name"].get("minLength").is_none());
    assert_eq!(xai["properties"]["name"]["pattern"], "^[A-Z]");
    assert!(xai["properties"]["kind"].get("oneOf").is_some() && xai.get("additionalProperties").is_none());
    assert_eq!(xai["$defs"]["part"]["description"], "(maxItems: 3)");

    let fireworks = of(&FIREWORKS, &openai);
    assert!(fireworks["properties"]["name"].get("pattern").is_none());
    assert!(fireworks["properties"]["kind"].get("anyOf").is_some());

    let cohere = of(&CohereChat, &["response_format", "json_schema"]);
    assert_eq!(cohere["properties"]["name"]["description"], "(minLength: 2, pattern: \"^[A-Z]\")");
    assert_eq!(cohere["properties"]["size"], json!({"type": "integer", "description": "(minimum: 1)"}));
    assert_eq!(cohere["required"], json!(["kind", "name", "part", "size"]));
}

#[test]
fn what_a_subset_cannot_say_is_told_in_words_and_checked() {
    static XAI: ChatCompletions =
        ChatCompletions::new(Dialect { schema: SchemaRules::Xai, ..Dialect::PLAIN });
    let both = schema(json!({"type": "object", "allOf": [{"required": ["a"]}], "properties": {"a": {}}}));
    let list = schema(json!({"type": "array", "items": {"type": "string"}}));
    for (request, protocol) in [
        (&both, &GenerateContent as &dyn Protocol),
        (&both, &XAI),
        (&both, &CohereChat),
        (&list, &CohereChat),
    ] {
        let fitted = fitted(request, protocol).unwrap();

        assert!(fitted.adaptations.iter().any(is_told_in_words), "{protocol:?}");
        assert_eq!(fitted.request.response_format, Some(ResponseFormat::JsonObject), "{protocol:?}");
        assert!(fitted.request.messages.len() > request.messages.len());
        let strict = request.clone().on_unsupported(OnUnsupported::Error);
        let error = refused(&strict, protocol);
        assert!(
            error.kind() == ErrorKind::Unsupported && error.message().contains("response_format"),
            "{error}"
        );
    }
}

#[test]
fn formats_on_vertex_need_what_the_same_formats_need_elsewhere() {
    for (vertex, usual) in [
        (&VertexGenerateContent as &dyn Protocol, &GenerateContent as &dyn Protocol),
        (&VertexMessages, &Messages),
    ] {
        assert_eq!(vertex.needs(), usual.needs());
        assert_eq!(vertex.framing(), usual.framing());
    }
}
