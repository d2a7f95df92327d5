//! Answers that break off and go on, where the caller asked for it.

#![expect(clippy::unwrap_used, clippy::unreachable, reason = "a test target may panic")]

mod support;

use futures::StreamExt as _;
use polyroute::provider::{Habits, Prefill};
use polyroute::testing::{ScriptedProvider, ScriptedQuestion, ScriptedStep};
use polyroute::types::{CallOptions, Message, Opaque, Recovery, Reply, Resumption, Wire};
use polyroute::{
    ChatRequest, ChatResponse, Client, Effort, ErrorKind, FinishReason, ResponseFormat, Result, Route,
    StreamEvent, Tool, Usage,
};
use serde_json::json;
use support::{builder, run, trace, virtual_clock};

struct House {
    a: ScriptedProvider,
    b: ScriptedProvider,
    client: Client,
}

/// Two providers; the models called `c` continue an answer that is begun for them.
fn house() -> House {
    let clock = virtual_clock();
    let habits = Habits::UNKNOWN.prefill(Prefill::LastMessage);
    let provider = |name| ScriptedProvider::new(name).on_clock(clock.clone()).with_habits(habits);
    let (a, b) = (provider("a"), provider("b"));
    let prices = r#"{"models":[
        {"provider":"a","id":"m","input":"1000000","output":"1000000"},
        {"provider":"b","id":"m","input":"1000000","output":"1000000"},
        {"provider":"b","id":"c","input":"1000000","output":"1000000","capabilities":{"assistant_prefill":true}}]}"#;
    let client = builder(&clock)
        .provider(a.clone())
        .provider(b.clone())
        .prices_json(prices)
        .route("plain", Route::ordered(["a/m", "b/m"]))
        .route("continuing", Route::ordered(["a/m", "b/c"]))
        .build()
        .unwrap();
    House { a, b, client }
}

fn text(text: &str) -> StreamEvent {
    StreamEvent::Text(text.to_owned())
}

fn used(input: u64, output: u64) -> StreamEvent {
    StreamEvent::Usage(Box::new(Usage::of(input, output)))
}

fn finish() -> StreamEvent {
    StreamEvent::finish(Some(FinishReason::Stop), None)
}

fn asking(model: &str, recovery: Recovery) -> ChatRequest {
    ChatRequest::new(model).user("Tell me a story.").options(CallOptions::new().recovery(recovery))
}

async fn read(client: &Client, request: ChatRequest) -> Vec<Result<StreamEvent>> {
    client.chat_stream(request).await.unwrap().collect().await
}

async fn fold(client: &Client, request: ChatRequest) -> Result<ChatResponse> {
    client.chat_stream(request).await?.into_response().await
}

#[test]
fn a_restart_voids_what_came_says_so_and_both_answers_are_paid_for() {
    for break_off in [
        ScriptedStep::new().events([text("Once"), used(1, 1)]).fail(ErrorKind::Connection),
        ScriptedStep::new().events([text("Once"), used(1, 1)]),
        ScriptedStep::new().events([text("Once"), used(1, 1)]).hang(),
    ] {
        let house = house();
        house.a.then(break_off);
        house.b.then(ScriptedStep::new().events([text("Long "), text("ago"), used(10, 10), finish()]));

        let events: Vec<StreamEvent> = run(read(&house.client, asking("plain", Recovery::Restart)))
            .into_iter()
            .map(Result::unwrap)
            .collect();

        let StreamEvent::Resumed(resumption) = &events[2] else { unreachable!("{events:?}") };
        assert_eq!(resumption.target.to_string(), "b/m");
        assert_eq!(resumption.recovery, Recovery::Restart);
        assert_eq!(events[3..7], [text("Long "), text("ago"), used(10, 10), finish()]);
        let StreamEvent::Done(summary) = &events[7] else { unreachable!("{events:?}") };
        assert_eq!(summary.attempts[1].reason.as_str(), "recovery");
        assert_eq!(summary.cost.as_ref().unwrap().total.to_string(), "$20");
        assert_eq!(summary.total_cost().unwrap().to_string(), "$22");
    }
}

#[test]
fn a_restarted_answer_folds_to_the_second_one_alone() {
    let house = house();
    house.a.then(ScriptedStep::new().events([text("Once")]).fail(ErrorKind::Server));
    house.b.then(ScriptedStep::new().events([text("Long ago")]).fail(ErrorKind::Server));
    house.a.then(Reply::text("Yesterday"));

    let answer = run(fold(&house.client, asking("plain", Recovery::Restart))).unwrap();

    assert_eq!(answer.text(), "Yesterday");
    assert_eq!(
        trace(answer.attempts()),
        ["a/m first server", "b/m recovery server", "a/m recovery answered"],
        "one budget of attempts for all of it"
    );
}

#[test]
fn a_continuation_goes_on_where_it_broke_without_repeating() {
    for (continuation, whole) in [
        (vec!["was a king."], "Once upon a time there was a king."),
        (vec![" was a", " king."], "Once upon a time there was a king."),
        (vec!["Once upon", " a time there was a king."], "Once upon a time there was a king."),
        (vec!["upon a time", " there was a king."], "Once upon a time there was a king."),
    ] {
        let house = house();
        house.a.then(
            ScriptedStep::new()
                .events([text("Once upon a time "), text("there ")])
                .fail(ErrorKind::Connection),
        );
        let pieces = continuation.iter().map(|piece| text(piece));
        house.b.then(ScriptedStep::new().events(pieces).events([used(9, 9), finish()]));

        let request = asking("continuing", Recovery::Continue).max_output_tokens(100);
        let answer = run(fold(&house.client, request)).unwrap();

        assert_eq!(answer.text(), whole);
        assert_eq!(trace(answer.attempts()), ["a/m first connection", "b/c recovery answered"]);
        assert!(answer.summary.total_cost().unwrap() > answer.cost().unwrap().total);
        let ScriptedQuestion::ChatStream(asked) = house.b.calls()[0].question.clone() else { unreachable!() };
        assert_eq!(asked.messages.last().unwrap(), &Message::assistant("Once upon a time there"));
        assert_eq!(asked.max_output_tokens, Some(95));
    }
}

#[test]
fn a_continuation_is_told_before_its_text() {
    let house = house();
    house.a.then(ScriptedStep::new().event(text("Once")).fail(ErrorKind::Connection));
    house.b.then(ScriptedStep::new().events([text(" upon"), finish()]));

    let events = run(read(&house.client, asking("continuing", Recovery::Continue)));

    let told = Resumption::new(Recovery::Continue, "b/c".parse().unwrap(), ErrorKind::Connection);
    let events: Vec<StreamEvent> = events.into_iter().map(Result::unwrap).collect();
    assert_eq!(events[..4], [text("Once"), StreamEvent::Resumed(Box::new(told)), text(" upon"), finish()]);
}

#[test]
fn nothing_is_continued_that_half_of_would_break() {
    let schema = json!({"type": "object"});
    let ask = || asking("continuing", Recovery::Continue);
    let call = || StreamEvent::ToolCallStart { index: 0, id: "1".into(), name: "f".into() };
    let signed = StreamEvent::ReasoningState(Opaque::new(Wire::Messages, json!({"signature": "s"})));
    for (name, request, began) in [
        ("no target is known to continue", asking("plain", Recovery::Continue), vec![text("x")]),
        ("a tool call", ask(), vec![text("x"), call()]),
        ("tools", ask().tool(Tool::function("f", "", schema.clone())), vec![text("x")]),
        ("a schema", ask().response_format(ResponseFormat::json_schema("s", schema)), vec![text("{")]),
        ("reasoning asked for", ask().reasoning(Effort::Low), vec![text("x")]),
        ("signed reasoning", ask(), vec![StreamEvent::Reasoning("y".into()), signed, text("x")]),
        ("several answers", ask().n(2), vec![text("x")]),
        ("nothing but blanks", ask(), vec![text("  ")]),
    ] {
        let house = house();
        house.a.then(ScriptedStep::new().events(began).fail(ErrorKind::Connection));

        let error = run(fold(&house.client, request)).unwrap_err();

        assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Connection, 1), "{name}");
        assert!(house.b.calls().is_empty(), "{name}");
    }
}

#[test]
fn after_a_tool_call_began_nothing_is_restarted() {
    let house = house();
    let call = StreamEvent::ToolCallStart { index: 0, id: "1".into(), name: "f".into() };
    house.a.then(ScriptedStep::new().event(call).fail(ErrorKind::Connection));

    let error = run(fold(&house.client, asking("plain", Recovery::Restart))).unwrap_err();

    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Connection, 1));
}

#[test]
fn where_the_recovery_fails_the_error_is_the_one_that_broke_the_stream() {
    let house = house();
    house.a.then(ScriptedStep::new().events([text("Once"), used(3, 1)]).fail(ErrorKind::Truncated));
    house.b.then(ErrorKind::Authentication);
    house.a.always(|| ErrorKind::Overloaded);

    let items = run(read(&house.client, asking("plain", Recovery::Restart)));

    let error = items.last().unwrap().as_ref().unwrap_err();
    assert_eq!((error.kind(), error.target().unwrap().provider()), (ErrorKind::Truncated, "a"));
    assert_eq!(error.partial().unwrap().message.text(), "Once");
    assert_eq!(error.partial().unwrap().usage, Some(Usage::of(3, 1)));
    assert_eq!(
        trace(error.attempts()),
        ["a/m first truncated", "b/m recovery authentication", "a/m retry overloaded"]
    );
    assert_eq!(items.len(), 3, "nothing was resumed, so nothing is said of it");
}

#[test]
fn by_default_and_after_the_callers_time_nothing_is_recovered() {
    let house = house();
    house.a.then(ScriptedStep::new().event(text("x")).fail(ErrorKind::Connection));
    let error = run(fold(&house.client, asking("plain", Recovery::Fail))).unwrap_err();
    assert_eq!(error.attempts().len(), 1);

    let request = asking("plain", Recovery::Restart).timeout(std::time::Duration::from_secs(5));
    house.a.then(ScriptedStep::new().event(text("x")).hang());
    let error = run(fold(&house.client, request)).unwrap_err();
    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::DeadlineExceeded, 1));
    assert!(house.b.calls().is_empty());
}

#[test]
fn dropping_a_stream_that_is_being_recovered_cancels_the_new_attempt() {
    let house = house();
    house.a.then(ScriptedStep::new().event(text("x")).fail(ErrorKind::Connection));
    house.b.then(ScriptedStep::new().hang());

    run(async {
        let mut stream = house.client.chat_stream(asking("plain", Recovery::Restart)).await.unwrap();
        stream.next().await.unwrap().unwrap();
        assert!(futures::FutureExt::now_or_never(stream.next()).is_none());
        assert_eq!(house.b.in_flight(), 1);
        drop(stream);
    });

    assert_eq!((house.b.in_flight(), house.b.cancelled()), (0, 1));
}

#[test]
fn the_beginning_reaches_the_vendors_that_continue_it_in_their_own_way() {
    use polyroute::Settings;
    use polyroute::testing::{Fault, Sandbox};

    for (vendor, model, marked) in
        [("anthropic", "claude-haiku-4-5", false), ("mistral", "mistral-large-latest", true)]
    {
        let sandbox = Sandbox::open().unwrap();
        let server = sandbox.vendor(vendor);
        server.then(Fault::CutAfter(4));
        let client = Client::builder()
            .seed(7)
            .vendor(Settings::vendor(vendor).api_key("no-key-at-all").base_url(server.url()))
            .build()
            .unwrap();
        let question = ChatRequest::new(format!("{vendor}/{model}"))
            .user("What is the capital of France?")
            .options(CallOptions::new().recovery(Recovery::Continue));

        let answer = run(fold(&client, question)).unwrap();

        assert_eq!(answer.attempts().len(), 2, "{vendor}");
        let sent = server.received()[1].json.clone();
        let last = sent["messages"].as_array().unwrap().last().unwrap();
        assert_eq!(last["role"], "assistant", "{vendor}");
        assert_eq!(last["prefix"].as_bool(), marked.then_some(true), "{vendor}");
    }
}

#[test]
fn thoughts_before_a_continuation_do_not_hide_that_it_repeats() {
    let house = house();
    house.a.then(ScriptedStep::new().events([text("Once upon a time there ")]).fail(ErrorKind::Connection));
    let thought = StreamEvent::Reasoning("Where was I?".into());
    let events =
        [thought.clone(), text("upon a time"), thought, text(" there was a king."), used(9, 9), finish()];
    house.b.then(ScriptedStep::new().events(events));

    let answer = run(fold(&house.client, asking("continuing", Recovery::Continue))).unwrap();

    assert_eq!(answer.text(), "Once upon a time there was a king.");
}

#[test]
fn what_was_held_back_is_given_before_the_continuation_fails_too() {
    let house = house();
    house.a.then(ScriptedStep::new().events([text("Once upon a time there ")]).fail(ErrorKind::Connection));
    // It may be the beginning of a repetition, and nothing follows that would tell.
    house.b.always(|| ScriptedStep::new().events([text("time there")]).fail(ErrorKind::Connection));

    let mut events = run(read(&house.client, asking("continuing", Recovery::Continue)));

    let error = events.pop().unwrap().unwrap_err();
    let given: String = events
        .into_iter()
        .filter_map(|event| match event.unwrap() {
            StreamEvent::Text(text) => Some(text),
            _ => None,
        })
        .collect();
    assert!(given.starts_with("Once upon a time there time there"), "{given}");
    assert_eq!(error.partial().unwrap().message.text(), given);
}
