//! Requests as they are written.

use super::*;

#[test]
fn plain_text_is_a_string_and_everything_else_a_list_of_parts() {
    let mut marked = Text::new("b");
    marked.extra.insert(Wire::ChatCompletions, "cache_control", json!({"type": "ephemeral"}));
    let mut image = Image::new(MediaSource::bytes("image/png", vec![1, 2, 3]));
    image.detail = Some("low".into());
    let mut file = Document::new(MediaSource::bytes("application/pdf", vec![1, 2, 3]));
    file.name = Some("a.pdf".into());
    let request = ChatRequest::new("p/m").system("s").user("a").user_parts([
        Part::from(marked),
        image.into(),
        Part::image_url("https://example.com/a.png"),
        file.into(),
        Document::new(MediaSource::FileId("file-1".into())).into(),
        Audio::new(MediaSource::bytes("audio/mpeg", vec![1, 2, 3])).into(),
        Opaque::new(Wire::ChatCompletions, json!({"type": "video_url", "video_url": {"url": "u"}})).into(),
        Opaque::new(Wire::Messages, json!({"type": "server_tool_use"})).into(),
    ]);

    assert_eq!(
        written(&request)["messages"],
        json!([
            {"role": "system", "content": "s"},
            {"role": "user", "content": "a"},
            {"role": "user", "content": [
                {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AQID", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}},
                {"type": "file", "file": {"file_data": "data:application/pdf;base64,AQID", "filename": "a.pdf"}},
                {"type": "file", "file": {"file_id": "file-1"}},
                {"type": "input_audio", "input_audio": {"data": "AQID", "format": "mp3"}},
                {"type": "video_url", "video_url": {"url": "u"}},
            ]},
        ])
    );
}

#[test]
fn each_tool_result_is_a_message_of_its_own() {
    let request = ChatRequest::new("p/m")
        .user("?")
        .message(Message::new(
            Role::Assistant,
            [ToolCall::new("a", "f", r#"{"x":1}"#), ToolCall::new("b", "g", "")],
        ))
        .tool_results([ToolResult::new("a", "1"), ToolResult::failure("b", "no such city")]);

    assert_eq!(
        written(&request)["messages"].as_array().unwrap()[1..],
        [
            json!({"role": "assistant", "content": null, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": r#"{"x":1}"#}},
                {"id": "b", "type": "function", "function": {"name": "g", "arguments": "{}"}},
            ]}),
            json!({"role": "tool", "tool_call_id": "a", "content": "1"}),
            json!({"role": "tool", "tool_call_id": "b", "content": "no such city"}),
        ]
    );
}

#[test]
fn nine_letter_ids_tie_calls_and_results_together() {
    let request = ChatRequest::new("p/m")
        .user("?")
        .message(Message::new(
            Role::Assistant,
            [ToolCall::new("toolu_01A", "f", "{}"), ToolCall::new("abcDEF123", "f", "{}")],
        ))
        .tool_results([ToolResult::new("toolu_01A", "1"), ToolResult::new("abcDEF123", "2")]);
    let strict = dialect(|dialect| dialect.tool_call_ids = ToolCallIds::NineAlphanumeric);

    let body = written_by(strict, &request).unwrap().0;

    let mapped = body["messages"][1]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(mapped.len() == 9 && mapped.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{mapped}");
    assert_eq!(body["messages"][2]["tool_call_id"], mapped);
    assert_eq!(body["messages"][1]["tool_calls"][1]["id"], "abcDEF123");
    assert_eq!(body["messages"][3]["tool_call_id"], "abcDEF123");
}

#[test]
fn options_are_spelled_as_the_dialect_says() {
    let request = ChatRequest::from(("p/m", "hi"))
        .max_output_tokens(5)
        .temperature(0.5)
        .seed(7)
        .stop(["x"])
        .logprobs(2)
        .n(2)
        .tool(Tool::function("f", "d", json!({"type": "object"})))
        .tool_choice(ToolChoice::Required)
        .response_format(ResponseFormat::json_schema("s", json!({"type": "object"})));
    let other = dialect(|dialect| {
        dialect.token_limit = TokenLimit::MaxCompletionTokens;
        dialect.seed = SeedField::RandomSeed;
        dialect.required_tool = Some("any");
    });

    assert_eq!(
        written(&request),
        json!({
            "model": "m-1", "messages": [{"role": "user", "content": "hi"}],
            "max_tokens": 5, "temperature": 0.5, "seed": 7, "stop": ["x"], "logprobs": true, "top_logprobs": 2, "n": 2,
            "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object"}}}],
            "tool_choice": "required",
            "response_format": {"type": "json_schema",
                                "json_schema": {"name": "s", "schema": {"type": "object"}, "strict": true}},
        })
    );
    let body = written_by(other, &request).unwrap().0;
    assert_eq!(
        (&body["max_completion_tokens"], &body["random_seed"], &body["tool_choice"]),
        (&json!(5), &json!(7), &json!("any"))
    );
}

#[test]
fn what_changes_the_meaning_is_refused_and_names_field_and_provider() {
    let ask = || ChatRequest::from(("p/m", "hi"));
    let tool = || Tool::function("f", "d", json!({}));
    let schema = || ResponseFormat::json_schema("s", json!({}));
    let foreign = Tool::builtin(Opaque::new(Wire::Messages, json!({"type": "web_search"})));
    let lacking = |lacks| dialect(|dialect| dialect.lacks = lacks);
    for (dialect, request, field) in [
        (lacking(&[Lacking::Choices]), ask().n(2), "n above 1"),
        (lacking(&[Lacking::Logprobs]), ask().logprobs(0), "logprobs"),
        (lacking(&[Lacking::JsonSchema]), ask().response_format(schema()), "JSON schema"),
        (
            lacking(&[Lacking::ToolsWithFormat]),
            ask().tool(tool()).response_format(schema()),
            "response_format",
        ),
        (
            dialect(|dialect| dialect.required_tool = None),
            ask().tool_choice(ToolChoice::Required),
            "tool_choice",
        ),
        (Dialect::PLAIN, ask().tool(foreign), "built-in tool"),
        (
            Dialect::PLAIN,
            ask().user_parts([Document::new(MediaSource::Url("https://example.com".into()))]),
            "files by address",
        ),
        (
            Dialect::PLAIN,
            ask().user_parts([Image::new(MediaSource::FileId("f".into()))]),
            "pictures by file id",
        ),
    ] {
        let error = written_by(dialect, &request).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{field}");
        assert!(error.message().contains(field) && error.message().contains("acme"), "{}", error.message());
    }
}

#[test]
fn what_does_not_change_the_meaning_is_left_out_and_reported() {
    let mut request = ChatRequest::from(("p/m", "hi")).seed(1);
    request.top_k = Some(3);
    request.user = Some("u".into());
    request.messages[0].name = Some("Ada".into());
    let poor = dialect(|dialect| {
        dialect.lacks =
            &[Lacking::Seed, Lacking::TopK, Lacking::User, Lacking::MessageName, Lacking::Choices];
    });

    let (body, adaptations) = written_by(poor, &request.clone().n(1)).unwrap();

    assert_eq!(body, json!({"model": "m-1", "messages": [{"role": "user", "content": "hi"}]}));
    let fields: Vec<&str> = adaptations.iter().map(|adaptation| &*adaptation.field).collect();
    assert_eq!(fields, ["top_k", "seed", "user", "messages[].name"]);
    let strict = request.on_unsupported(OnUnsupported::Error);
    assert_eq!(written_by(poor, &strict).unwrap_err().kind(), ErrorKind::Unsupported);
}

#[test]
fn a_model_that_refuses_sampling_gets_none() {
    let request = ChatRequest::from(("p/m", "hi")).temperature(0.1).top_p(0.2);
    let mut target = EncodeFor::new("acme", "m-1", Mode::Whole);
    target.hints = ModelHints { sampling: Sampling::Refused, ..ModelHints::default() };

    let encoded = ChatCompletions::new(Dialect::PLAIN).encode_chat(&request, target).unwrap();

    assert_eq!(encoded.adaptations.len(), 2);
    assert!(!String::from_utf8(encoded.body).unwrap().contains("0.1"));
}

#[test]
fn reasoning_is_asked_for_in_the_words_of_the_dialect() {
    use Reasoning as R;
    let budget = ReasoningOptions::budget;
    let words: &[Effort] = &[Effort::None, Effort::High];
    for (style, asked, expected) in [
        (R::Effort, Effort::XHigh.into(), json!({"reasoning_effort": "xhigh"})),
        (R::Effort, budget(1_024), json!({"reasoning_effort": "minimal"})),
        (R::Effort, budget(5_000), json!({"reasoning_effort": "medium"})),
        (R::Effort, budget(100_000), json!({"reasoning_effort": "xhigh"})),
        (R::Words(words), Effort::Low.into(), json!({"reasoning_effort": "high"})),
        (R::Words(words), Effort::None.into(), json!({"reasoning_effort": "none"})),
        (R::Object, Effort::High.into(), json!({"reasoning": {"effort": "high"}})),
        (R::Object, budget(9), json!({"reasoning": {"max_tokens": 9}})),
        (R::Switch, Effort::None.into(), json!({"enable_thinking": false})),
        (R::Switch, budget(9), json!({"enable_thinking": true, "thinking_budget": 9})),
        (R::Switch, Effort::Low.into(), json!({"enable_thinking": true, "thinking_budget": 4_096})),
        (R::ThinkingType, Effort::None.into(), json!({"thinking": {"type": "disabled"}})),
        (R::ThinkingType, Effort::Max.into(), json!({"reasoning_effort": "max"})),
        (R::Enabled, Effort::None.into(), json!({"reasoning": {"enabled": false}})),
        (R::EffortOrBudget, budget(9), json!({"thinking": {"type": "enabled", "budget_tokens": 9}})),
        (
            R::Template,
            Effort::Low.into(),
            json!({"chat_template_kwargs": {"enable_thinking": true, "reasoning_effort": "low"}}),
        ),
    ] {
        let request = ChatRequest::from(("p/m", "hi")).reasoning(asked);
        let mut body = written_by(dialect(|dialect| dialect.reasoning = style), &request).unwrap().0;
        let fields = body.as_object_mut().unwrap();
        fields.retain(|name, _| !matches!(&**name, "model" | "messages"));
        assert_eq!(body, expected, "{style:?} {asked:?}");
    }
}

#[test]
fn extra_fields_win_but_cannot_redirect_the_request() {
    let request = ChatRequest::from(("p/m", "hi"))
        .temperature(0.5)
        .extra("acme", "temperature", json!(0.7))
        .extra(Scope::Any, "model", json!("other"))
        .extra(Wire::ChatCompletions, "logit_bias", json!({"1": 2}))
        .extra("groq", "reasoning_format", json!("parsed"));

    assert_eq!(
        written(&request),
        json!({"model": "m-1", "messages": [{"role": "user", "content": "hi"}], "temperature": 0.7,
               "logit_bias": {"1": 2}})
    );
    let text = written_by(Dialect::PLAIN, &request).unwrap().0.to_string();
    assert_eq!(text.matches("temperature").count(), 1);
}

#[test]
fn a_stream_asks_for_its_usage_where_that_is_needed() {
    let ask = |request: &ChatRequest, usage| {
        let dialect = dialect(|dialect| dialect.stream_usage = usage);
        let target = EncodeFor::new("acme", "m", Mode::Stream);
        let body = ChatCompletions::new(dialect).encode_chat(request, target).unwrap().body;
        serde_json::from_slice::<Value>(&body).unwrap()
    };
    let plain = ChatRequest::from(("p/m", "hi"));
    let with = plain.clone().extra("acme", "stream_options", json!({"include_obfuscation": false}));

    assert_eq!(ask(&plain, StreamUsage::OptIn)["stream_options"], json!({"include_usage": true}));
    assert_eq!(ask(&plain, StreamUsage::Always)["stream_options"], Value::Null);
    assert_eq!(
        ask(&with, StreamUsage::OptIn)["stream_options"],
        json!({"include_obfuscation": false, "include_usage": true})
    );
    assert_eq!(written(&with)["stream_options"], Value::Null);
}

#[test]
fn reasoning_goes_back_only_where_it_came_from() {
    let with_state = |wire, state: Value| {
        let mut reasoning = crate::types::Reasoning::new("why");
        reasoning.state = Some(Opaque::new(wire, state));
        Message::new(Role::Assistant, [Part::from(reasoning), Part::text("x")])
    };
    let details = json!({"reasoning_details": [{"type": "reasoning.text", "text": "why", "signature": "s"}]});
    let plain =
        Message::new(Role::Assistant, [Part::from(crate::types::Reasoning::new("why")), Part::text("x")]);
    let content: Echo = Echo::Fields(&["reasoning_content"]);
    let openrouter: Echo = Echo::Fields(&["reasoning", "reasoning_details"]);
    for (echo, message, expected) in [
        (Echo::Never, plain.clone(), json!({"content": "x"})),
        (content, plain.clone(), json!({"content": "x", "reasoning_content": "why"})),
        (
            Echo::Blocks,
            plain,
            json!({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "why"}]},
                               {"type": "text", "text": "x"}]}),
        ),
        (
            openrouter,
            with_state(Wire::ChatCompletions, details.clone()),
            json!({"content": "x", "reasoning_details": details["reasoning_details"]}),
        ),
        (
            content,
            with_state(Wire::ChatCompletions, details),
            json!({"content": "x", "reasoning_content": "why"}),
        ),
        (content, with_state(Wire::Messages, json!({"signature": "s"})), json!({"content": "x"})),
    ] {
        let request = ChatRequest::new("p/m").user("?").message(message);
        let mut body = written_by(dialect(|dialect| dialect.echo = echo), &request).unwrap().0;
        let mut message = body["messages"][1].take();
        message.as_object_mut().unwrap().remove("role");
        assert_eq!(message, expected, "{echo:?}");
    }
}

#[test]
fn a_choice_of_tools_that_cannot_be_said_is_refused() {
    let lacking = dialect(|dialect| dialect.lacks = &[Lacking::NamedTool, Lacking::NoTool]);
    for (choice, is_taken) in [
        (ToolChoice::Auto, true),
        (ToolChoice::Required, true),
        (ToolChoice::None, false),
        (ToolChoice::Function("f".into()), false),
    ] {
        let mut request = ChatRequest::new("p/m").user("?").tool(Tool::function("f", "", json!({})));
        request.tool_choice = Some(choice.clone());
        let written = written_by(lacking, &request);

        assert_eq!(written.is_ok(), is_taken, "{choice:?}");
        if let Err(error) = written {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.message().contains("tool_choice"), "{error}");
        }
    }
}

#[test]
fn parts_of_text_are_joined_where_only_a_string_is_taken_and_pictures_stay_parts() {
    let joining = dialect(|dialect| dialect.lacks = &[Lacking::TextParts]);
    let texts = ChatRequest::new("p/m").user_parts([Part::text("a"), Part::text("b")]);
    let picture =
        ChatRequest::new("p/m").user_parts([Part::text("a"), Part::image_url("https://example.com/a.png")]);

    assert_eq!(written_by(joining, &texts).unwrap().0["messages"][0]["content"], "ab");
    assert!(written(&texts)["messages"][0]["content"].is_array());
    assert!(written_by(joining, &picture).unwrap().0["messages"][0]["content"].is_array());
}

#[test]
fn a_switch_of_reasoning_is_on_or_off_and_says_what_it_leaves_out() {
    let switch = dialect(|dialect| dialect.reasoning = Reasoning::ThinkingSwitch);
    for (effort, word, adaptations) in [(Effort::None, "disabled", 0), (Effort::High, "enabled", 1)] {
        let request = ChatRequest::new("p/m").user("?").reasoning(effort);
        let (body, adapted) = written_by(switch, &request).unwrap();

        assert_eq!(body["thinking"], json!({"type": word}));
        assert_eq!((adapted.len(), body.get("reasoning_effort")), (adaptations, None));
    }
}

#[test]
fn reasoning_is_kept_apart_where_that_must_be_asked_for() {
    let request = ChatRequest::new("p/m").user("?");

    assert_eq!(
        written_by(dialect(|dialect| dialect.apart = Apart::Split), &request).unwrap().0["reasoning_split"],
        true
    );
    assert_eq!(written(&request).get("reasoning_split"), None);
}

#[test]
fn nothing_is_said_about_tools_where_there_are_none() {
    let request = ChatRequest::from(("p/m", "hi"))
        .tool_choice(ToolChoice::Auto)
        .parallel_tool_calls(crate::types::ParallelToolCalls::Forbidden);

    let body = written(&request);
    assert_eq!([&body["tool_choice"], &body["parallel_tool_calls"]], [&Value::Null, &Value::Null]);

    let body = written(&request.tool(Tool::function("f", "d", json!({"type": "object"}))));
    assert_eq!([&body["tool_choice"], &body["parallel_tool_calls"]], [&json!("auto"), &json!(false)]);
}

#[test]
fn a_turn_of_another_formats_reasoning_alone_has_empty_content() {
    let mut foreign = crate::types::Reasoning::new("");
    foreign.state = Some(Opaque::new(Wire::Messages, json!({"type": "redacted_thinking", "data": "x"})));
    let request = ChatRequest::from(("p/m", "hi"))
        .message(Message::new(Role::Assistant, [Part::Reasoning(foreign)]))
        .user("on");

    assert_eq!(written(&request)["messages"][1], json!({"role": "assistant", "content": ""}));
}
