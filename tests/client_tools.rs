//! Tools that run by themselves and answers that are values, through the real client.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use polyroute::client::{ToolLimits, ToolStop};
use polyroute::testing::{Fault, Sandbox, ScriptedProvider, ScriptedQuestion, ScriptedStep, VirtualClock};
use polyroute::types::{FinishReason, Reply, ToolOutcome, Usage};
use polyroute::{
    ChatRequest, Client, ErrorKind, Message, Price, Role, Route, Settings, Tool, ToolCall, ToolChoice,
    Toolbox, Usd,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize, JsonSchema)]
struct Place {
    city: String,
}

fn weather() -> Toolbox {
    Toolbox::new().function("weather", "Temperature in a city", |place: Place| async move {
        match place.city.as_str() {
            "Paris" => Ok(json!({"celsius": 18})),
            other => Err(format!("no station in {other}")),
        }
    })
}

fn calls<const N: usize>(arguments: [&str; N]) -> Reply {
    let mut reply = Reply::empty();
    let calls = arguments.iter().enumerate();
    let calls = calls.map(|(place, text)| ToolCall::new(format!("c{place}"), "weather", *text));
    reply.message = Message::new(Role::Assistant, calls);
    reply.finish_reason = Some(FinishReason::ToolCalls);
    reply.with_usage(Usage::of(1_000_000, 0))
}

fn scripted(provider: &ScriptedProvider) -> Client {
    Client::builder()
        .provider(provider.clone())
        .price("s/m", Price::per_million("1", "1").unwrap())
        .build()
        .unwrap()
}

#[tokio::test]
async fn results_come_back_in_the_order_of_the_calls_and_failures_are_told_to_the_model() {
    let provider = ScriptedProvider::new("s")
        .then(calls([r#"{"city":"Paris"}"#, r#"{"city":"Rome"}"#, r#"{"city":3}"#]))
        .then(Reply::text("Warm."));
    let client = scripted(&provider);
    let tools = weather();

    let mut run = client.tool_run(("s/m", "How warm?"), &tools);
    let text = run.finish().await.unwrap().text();

    assert_eq!((text.as_str(), run.stop()), ("Warm.", Some(ToolStop::Answered)));
    let results = &run.steps()[0].results;
    let told: Vec<_> =
        results.iter().map(|result| (&*result.call_id, result.outcome, result.text())).collect();
    assert_eq!(told[0], ("c0", ToolOutcome::Success, r#"{"celsius":18}"#.into()));
    assert_eq!(told[1], ("c1", ToolOutcome::Failure, "no station in Rome".into()));
    assert!(told[2].2.contains("invalid type: integer"), "{}", told[2].2);
    assert_eq!(run.request().messages.len(), 3);
}

#[tokio::test]
async fn calls_of_one_turn_run_at_the_same_time() {
    let provider = ScriptedProvider::new("s").then(calls(["{}", "{}", "{}"])).then(Reply::text("done"));
    let client = Client::builder().provider(provider).build().unwrap();
    let waiting = Arc::new(tokio::sync::Barrier::new(3));
    let tool = Tool::function("weather", "", json!({"type": "object"}));
    let tools = Toolbox::new().add(tool, move |_: serde_json::Value| {
        let waiting = Arc::clone(&waiting);
        // Nobody gets past it before all three are there.
        async move {
            waiting.wait().await;
            Ok::<_, String>("18")
        }
    });

    let mut run = client.tool_run(("s/m", "?"), &tools);

    assert_eq!(run.finish().await.unwrap().text(), "done");
    assert_eq!(run.steps()[0].results.len(), 3);
}

#[tokio::test]
async fn a_model_that_never_stops_is_stopped_by_each_limit_and_its_last_calls_are_not_run() {
    let ran = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&ran);
    let tool = Tool::function("weather", "", json!({"type": "object"}));
    let tools = Toolbox::new().add(tool, move |_: serde_json::Value| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, String>("again") }
    });
    let dollars = |text: &str| text.parse::<Usd>().unwrap();
    for (limits, stop, rounds) in [
        (ToolLimits::new().rounds(3), ToolStop::Rounds, 3),
        // Each answer costs a dollar.
        (ToolLimits::new().cost(dollars("2")), ToolStop::Cost, 2),
        (ToolLimits::new().time(Duration::ZERO), ToolStop::Time, 0),
    ] {
        ran.store(0, Ordering::SeqCst);
        let provider = ScriptedProvider::new("s").always(|| calls(["{}"]));
        let client = scripted(&provider);
        let request = ChatRequest::from(("s/m", "?")).tool_choice(ToolChoice::Required);
        let mut run = client.tool_run(request, &tools).limits(limits);

        while run.next().await.unwrap().is_some() {}

        assert_eq!((run.stop(), run.steps().len()), (Some(stop), rounds), "{limits:?}");
        assert_eq!(ran.load(Ordering::SeqCst), rounds.saturating_sub(1));
        assert_eq!(run.cost(), Some(Usd::from_pico(1_000_000_000_000 * rounds as i128)));
    }
}

#[tokio::test]
async fn calls_of_an_answer_that_was_cut_off_are_not_run() {
    for reason in [FinishReason::Length, FinishReason::ContentFilter] {
        let mut cut = calls([r#"{"city":"Paris"}"#]);
        cut.finish_reason = Some(reason);
        let provider = ScriptedProvider::new("s").then(cut);
        let client = scripted(&provider);
        let tools = weather();

        let mut run = client.tool_run(("s/m", "How warm?"), &tools);
        run.finish().await.unwrap();

        assert_eq!((run.stop(), run.steps().len()), (Some(ToolStop::CutOff), 1));
        assert!(run.steps()[0].results.is_empty());
    }
}

#[tokio::test]
async fn what_failed_calls_cost_counts_against_the_limit() {
    let mut half = Reply::text("half");
    half.usage = Some(Usage::of(1_000_000, 0));
    let provider = ScriptedProvider::new("s")
        .always(move || polyroute::Error::new(ErrorKind::Truncated, "cut").with_partial(half.clone()));
    let client = scripted(&provider);
    let tools = weather();
    let dollar = Usd::from_pico(1_000_000_000_000);

    let mut run = client.tool_run(("s/m", "?"), &tools).limits(ToolLimits::new().cost(dollar));
    let error = run.finish().await.unwrap_err();
    assert_eq!((error.kind(), run.stop()), (ErrorKind::Truncated, None));
    assert!(run.cost() >= Some(dollar), "{:?}", run.cost());

    let asked = provider.calls().len();
    assert_eq!(run.finish().await.unwrap_err().kind(), ErrorKind::BudgetExceeded);
    assert_eq!((run.stop(), provider.calls().len()), (Some(ToolStop::Cost), asked));
}

#[tokio::test]
async fn where_a_cost_is_unknown_a_limit_to_it_ends_the_run() {
    let provider = ScriptedProvider::new("s").always(|| calls([r#"{"city":"Paris"}"#]));
    let client = Client::builder().provider(provider).build().unwrap();
    let tools = weather();

    let mut run = client.tool_run(("s/m", "?"), &tools).limits(ToolLimits::new().cost(Usd::from_pico(1)));
    run.finish().await.unwrap();

    assert_eq!((run.stop(), run.cost(), run.steps().len()), (Some(ToolStop::CostUnknown), None, 1));
}

#[tokio::test]
async fn a_function_that_takes_too_long_ends_the_run_when_the_time_is_over() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
    let provider = ScriptedProvider::new("s").always(|| calls(["{}"]));
    let client = Client::builder().provider(provider).clock(clock.clone()).build().unwrap();
    let tool = Tool::function("weather", "", json!({"type": "object"}));
    let tools =
        Toolbox::new().add(tool, |_: serde_json::Value| std::future::pending::<Result<String, String>>());
    let mut run =
        client.tool_run(("s/m", "?"), &tools).limits(ToolLimits::new().time(Duration::from_secs(60)));

    run.finish().await.unwrap();

    assert_eq!((run.stop(), run.steps().len()), (Some(ToolStop::Time), 1));
    assert_eq!(run.steps()[0].results, []);
}

#[tokio::test]
async fn a_tool_that_is_not_in_the_box_is_the_applications_to_run() {
    let provider = ScriptedProvider::new("s").always(|| calls(["{}"]));
    let client = scripted(&provider);
    let own = Tool::function("weather", "", json!({"type": "object"}));
    let tools = Toolbox::new();

    let mut run = client.tool_run(ChatRequest::from(("s/m", "?")).tool(own), &tools);

    assert_eq!(run.finish().await.unwrap().tool_calls().count(), 1);
    assert_eq!(run.stop(), Some(ToolStop::NotInBox));
}

#[tokio::test]
async fn a_run_goes_on_at_another_vendor_when_one_fails_halfway() {
    let sandbox = Sandbox::start().await.unwrap();
    let fake = |name: &str| Settings::vendor(name).api_key("no-key").base_url(sandbox.vendor(name).url());
    sandbox.anthropic().then(calls([r#"{"city":"Paris"}"#])).always(Fault::Status(503));
    let client = Client::builder()
        .vendor(fake("anthropic"))
        .vendor(fake("openai"))
        .route("agent", Route::ordered(["anthropic/claude-haiku-4-5", "openai/gpt-4.1"]))
        .build()
        .unwrap();
    let tools = weather();

    let mut run = client.tool_run(("agent", "How warm is it in Paris?"), &tools);
    let answer = run.finish().await.unwrap();

    assert_eq!(answer.target().to_string(), "openai/gpt-4.1");
    assert!(answer.text().contains("18"), "{}", answer.text());
}

#[derive(Debug, PartialEq, Deserialize, JsonSchema)]
struct City {
    name: String,
    inhabitants: u32,
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_mended_once() {
    let provider = ScriptedProvider::new("s")
        .then(Reply::text(r#"{"name": "Oslo", "inhabitants": "many"}"#).with_usage(Usage::of(1_000_000, 0)))
        .then(
            Reply::text("```json\n{\"name\": \"Oslo\", \"inhabitants\": 7}\n```")
                .with_usage(Usage::of(1_000_000, 0)),
        );
    let client = scripted(&provider);

    let typed = client.chat_as::<City>(("s/m", "Name a city.")).await.unwrap();

    assert_eq!(typed.value, City { name: "Oslo".into(), inhabitants: 7 });
    assert_eq!(typed.total_cost(), Some("2".parse().unwrap()));
    let asked = &provider.calls()[1];
    let ScriptedQuestion::Chat(asked) = &asked.question else { panic!("{asked:?}") };
    let last = asked.messages.last().unwrap().text();
    assert!(last.contains("invalid type: string \"many\", expected u32"), "{last}");
}

#[tokio::test]
async fn an_answer_that_never_fits_is_an_error_with_the_text_in_it_but_not_in_its_words() {
    let provider = ScriptedProvider::new("s").always(|| Reply::text("CANARY"));
    let client = scripted(&provider);

    let error = client.chat_as::<City>(("s/m", "Name a city.")).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    assert_eq!(error.partial().unwrap().message.text(), "CANARY");
    assert_eq!((error.attempts().len(), provider.calls().len()), (2, 2));
    assert!(!format!("{error} {error:?}").contains("CANARY"));
}

#[tokio::test]
async fn what_came_first_is_in_the_error_when_the_call_that_was_to_mend_it_fails() {
    let provider = ScriptedProvider::new("s").then(Reply::text("CANARY")).always(|| ErrorKind::Permission);
    let client = scripted(&provider);

    let error = client.chat_as::<City>(("s/m", "Name a city.")).await.unwrap_err();

    assert_eq!(error.kind(), ErrorKind::Permission);
    assert_eq!(error.partial().unwrap().message.text(), "CANARY");
    assert_eq!(error.attempts().len(), provider.calls().len());
}

#[tokio::test]
async fn a_correction_has_what_is_left_of_the_time_of_the_call() {
    let clock = VirtualClock::automatic(SystemTime::UNIX_EPOCH);
    let second = Duration::from_secs(1);
    let provider = ScriptedProvider::new("s")
        .on_clock(clock.clone())
        .then(ScriptedStep::new().pause(7 * second).reply(Reply::text("no JSON")))
        .then(ScriptedStep::new().hang());
    let client = Client::builder().provider(provider.clone()).clock(clock.clone()).build().unwrap();

    let request = ChatRequest::from(("s/m", "Name a city.")).timeout(10 * second);
    let error = client.chat_as::<City>(request).await.unwrap_err();

    assert_eq!((error.kind(), provider.calls().len()), (ErrorKind::DeadlineExceeded, 2));
    assert_eq!((clock.elapsed(), error.partial().unwrap().message.text()), (10 * second, "no JSON".into()));
}

#[tokio::test]
async fn what_asking_again_cannot_mend_is_not_asked_again() {
    let mut cut = Reply::text("{\"name\": \"Os");
    cut.finish_reason = Some(FinishReason::Length);
    let provider = ScriptedProvider::new("s").always(move || cut.clone());
    let client = scripted(&provider);

    let error = client.chat_as::<City>(("s/m", "Name a city.")).await.unwrap_err();

    assert!(error.message().contains("max_output_tokens"), "{error}");
    assert_eq!(provider.calls().len(), 1);
}
