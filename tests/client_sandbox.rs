//! The client against vendors that judge what it sends, and that break in every way they can.

#![expect(clippy::expect_used, reason = "a test may panic")]

use std::time::{Duration, Instant};

use polyroute::error::TimeoutPhase;
use polyroute::provider::Limits;
use polyroute::resilience::{RetryPolicy, Timeouts};
use polyroute::routing::policy::UsageAware;
use polyroute::testing::{Fault, Garbage, Sandbox, SandboxVendor, Step};
use polyroute::transport::TransportOptions;
use polyroute::types::{EmbedRequest, Reply, StreamEvent};
use polyroute::{
    ChatRequest, Client, Effort, ErrorKind, Message, Part, ResponseFormat, Route, Settings, Tool, ToolChoice,
    ToolResult,
};
use serde_json::json;

const VENDORS: [&str; 3] = ["openai", "anthropic", "google"];

struct House {
    sandbox: Sandbox,
    client: Client,
}

impl House {
    /// Every vendor with a key that it checks; one attempt for each call.
    fn new(timeouts: Timeouts) -> Self {
        let sandbox = Sandbox::open().expect("a loopback port is free");
        let settings = VENDORS.map(|name| {
            let vendor = sandbox.vendor(name).require_key(format!("key-of-{name}"));
            Settings::vendor(name)
                .base_url(vendor.url())
                .api_key(format!("key-of-{name}"))
                .limits(Limits::new(1 << 20, 1 << 18, 1 << 20))
        });
        let builder = Client::builder().retry(RetryPolicy::default().max_attempts(1)).timeouts(timeouts);
        let client = settings.into_iter().fold(builder, polyroute::ClientBuilder::vendor).build();
        Self { sandbox, client: client.expect("the settings are right") }
    }

    fn vendor(&self, name: &str) -> SandboxVendor {
        self.sandbox.vendor(name)
    }
}

fn request(vendor: &str, question: &str) -> ChatRequest {
    ChatRequest::new(format!("{vendor}/model-x")).system("Be brief.").user(question)
}

fn weather() -> Tool {
    let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    Tool::function("weather", "Current weather in a city", schema)
}

#[tokio::test]
async fn every_vendor_accepts_what_the_client_sends_and_streams_the_same_answer() {
    let house = House::new(Timeouts::default());
    for vendor in VENDORS {
        let plain =
            request(vendor, "What is the capital of France?").max_output_tokens(2_000).temperature(0.5);
        let long =
            request(vendor, "Why is the sky blue?").message(Message::assistant("It scatters.")).user_parts([
                Part::text("Tell me a joke about"),
                Part::image_bytes("image/png", vec![1_u8, 2, 3]),
            ]);
        let thinking = request(vendor, "hello").reasoning(Effort::Low).max_output_tokens(9_000);
        for (request, begins) in [(plain, "Paris"), (long, "A byte"), (thinking, "Hello!")] {
            let whole = house
                .client
                .chat(request.clone())
                .await
                .unwrap_or_else(|error| panic!("{vendor}: {error}: {:?}", error.provider_message()));
            let stream = house.client.chat_stream(request).await.expect("a stream begins");
            let streamed = stream.into_response().await.expect("a stream ends");

            assert!(whole.text().starts_with(begins), "{vendor}: {}", whole.text());
            assert_eq!(whole.message(), streamed.message(), "{vendor}");
            assert_eq!(whole.finish_reason(), streamed.finish_reason(), "{vendor}");
            assert!(whole.usage().and_then(polyroute::Usage::total_tokens) > Some(2), "{vendor}");
        }
    }
}

#[tokio::test]
async fn a_tool_loop_runs_to_its_end_with_every_vendor() {
    let house = House::new(Timeouts::default());
    for vendor in VENDORS {
        for choice in [
            None,
            Some(ToolChoice::Auto),
            Some(ToolChoice::Required),
            Some(ToolChoice::Function("weather".into())),
        ] {
            let mut first = request(vendor, "What is the weather in Paris?").tool(weather());
            first.tool_choice = choice;
            let asked = house.client.chat_stream(first.clone()).await.expect("a stream begins");
            let asked = asked.into_response().await.expect("a stream ends");
            let calls: Vec<_> = asked.tool_calls().cloned().collect();
            assert_eq!((calls.len(), calls[0].arguments.as_str()), (1, "{\"city\":\"Paris\"}"), "{vendor}");

            let mut second = first.message(asked.message().clone());
            second = second.tool_results([ToolResult::new(calls[0].id.as_str(), "18 degrees")]);
            second.tool_choice = None;
            let answer = house
                .client
                .chat(second)
                .await
                .unwrap_or_else(|error| panic!("{vendor}: {error}: {:?}", error.provider_message()));

            assert_eq!(answer.text(), "According to the tool: 18 degrees", "{vendor}");
        }
    }
}

#[tokio::test]
async fn a_schema_reaches_every_vendor() {
    let house = House::new(Timeouts::default());
    let schema = json!({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
                        "additionalProperties": false});
    for vendor in VENDORS {
        let format = ResponseFormat::json_schema("count", schema.clone());
        let answer = house.client.chat(request(vendor, "Count.").response_format(format)).await;

        assert_eq!(answer.expect("an answer").text(), "{\"n\":1}", "{vendor}");
    }
}

#[tokio::test]
async fn embeddings_come_in_the_order_of_the_texts() {
    let house = House::new(Timeouts::default());

    let embed =
        |texts: [&'static str; 2]| house.client.embed(EmbedRequest::new("openai/e", texts).dimensions(4));
    let there = embed(["a", "b"]).await.expect("vectors");
    let back = embed(["b", "a"]).await.expect("vectors");

    assert_eq!(there.vectors()[0], back.vectors()[1]);
    assert_eq!((there.vectors()[0].len(), there.vectors()[0] == there.vectors()[1]), (4, false));
}

#[tokio::test]
async fn every_fault_has_its_kind() {
    let quick = Duration::from_millis(250);
    let house = House::new(Timeouts::default().answer(quick).first_token(quick).idle(quick));
    let garbage = |garbage| Step::from(Fault::Garbage(garbage));
    for (step, whole, streamed) in [
        (Fault::Status(401).into(), ErrorKind::Authentication, ErrorKind::Authentication),
        (Fault::Status(402).into(), ErrorKind::QuotaExhausted, ErrorKind::QuotaExhausted),
        (Fault::Status(404).into(), ErrorKind::ModelNotFound, ErrorKind::ModelNotFound),
        (Fault::Status(429).into(), ErrorKind::RateLimited, ErrorKind::RateLimited),
        (Fault::Status(500).into(), ErrorKind::Server, ErrorKind::Server),
        (Fault::Status(529).into(), ErrorKind::Overloaded, ErrorKind::Overloaded),
        (Step::from(Fault::Status(502)).body("<html>"), ErrorKind::Server, ErrorKind::Server),
        (Fault::Reset.into(), ErrorKind::Connection, ErrorKind::Connection),
        (Fault::ResetAfterHead.into(), ErrorKind::Connection, ErrorKind::Connection),
        (Fault::CutAfter(3).into(), ErrorKind::Connection, ErrorKind::Connection),
        (Fault::ResetAfter(3).into(), ErrorKind::Connection, ErrorKind::Connection),
        (Fault::EndAfter(3).into(), ErrorKind::InvalidResponse, ErrorKind::Truncated),
        (Fault::StallAfter(3).into(), ErrorKind::Timeout, ErrorKind::Timeout),
        (Fault::Hang.into(), ErrorKind::Timeout, ErrorKind::Timeout),
        (Fault::Delay(quick * 4).into(), ErrorKind::Timeout, ErrorKind::Timeout),
        (Fault::ErrorAfter(3).into(), ErrorKind::Server, ErrorKind::Server),
        (garbage(Garbage::Html), ErrorKind::InvalidResponse, ErrorKind::InvalidResponse),
        (garbage(Garbage::BrokenJson), ErrorKind::InvalidResponse, ErrorKind::InvalidResponse),
        (garbage(Garbage::Empty), ErrorKind::InvalidResponse, ErrorKind::Truncated),
        (garbage(Garbage::EndlessLine), ErrorKind::InvalidResponse, ErrorKind::InvalidResponse),
    ] {
        for vendor in VENDORS {
            let own = house.vendor(vendor).then(step.clone()).then(step.clone());
            let question = request(vendor, "What is the capital of France?");

            let error = house.client.chat(question.clone()).await.err();
            let error = error.unwrap_or_else(|| panic!("{vendor} {step:?}: answered"));
            assert_eq!(error.kind(), whole, "{vendor} {step:?}: {error}");
            let error = match house.client.chat_stream(question).await {
                Ok(stream) => stream.into_response().await.err(),
                Err(error) => Some(error),
            };
            let error = error.unwrap_or_else(|| panic!("{vendor} {step:?}: streamed"));
            assert_eq!(error.kind(), streamed, "{vendor} {step:?}: {error}");
            own.reset_script();
        }
    }
}

#[tokio::test]
async fn what_never_ends_or_nests_too_deep_is_given_up() {
    let house = House::new(Timeouts::default());
    for vendor in VENDORS {
        for garbage in [Garbage::DeepJson, Garbage::EndlessLine, Garbage::EndlessBody] {
            house.vendor(vendor).always(Fault::Garbage(garbage));
            let question = request(vendor, "hello");

            let whole = house.client.chat(question.clone()).await.map(drop);
            let streamed = match house.client.chat_stream(question).await {
                Ok(stream) => stream.into_response().await.map(drop),
                Err(error) => Err(error),
            };

            for outcome in [whole, streamed] {
                let kind = outcome.map_err(|error| error.kind());
                // Events that mean nothing may be passed over; then the end is missing.
                let given_up = matches!(kind, Err(ErrorKind::InvalidResponse | ErrorKind::Truncated));
                assert!(given_up, "{vendor} {garbage:?}: {kind:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_headers_say_is_left_of_a_limit_decides_who_is_asked() {
    for (left, expected) in [(None, 5..16), (Some("0"), 0..1)] {
        let sandbox = Sandbox::open().expect("a loopback port is free");
        let mut answer = Step::usual();
        if let Some(left) = left {
            answer = answer
                .header("x-ratelimit-limit-requests", "100")
                .header("x-ratelimit-remaining-requests", left)
                .header("x-ratelimit-reset-requests", "300s");
        }
        sandbox.openai().always(answer);
        let settings = ["openai", "anthropic"]
            .map(|name| Settings::vendor(name).base_url(sandbox.vendor(name).url()).api_key("k"));
        let builder = Client::builder()
            .seed(3)
            .route("spread", Route::with_policy(UsageAware::new(), ["openai/model-x", "anthropic/model-x"]));
        let client = settings.into_iter().fold(builder, polyroute::ClientBuilder::vendor).build();
        let client = client.expect("the settings are right");
        client.chat(request("openai", "hello")).await.expect("it answers");

        let mut to_openai = 0;
        for _ in 0..20 {
            let answer = client.chat(("spread", "hello")).await.expect("one of them answers");
            to_openai += i32::from(answer.target().provider() == "openai");
        }

        assert!(expected.contains(&to_openai), "{left:?}: {to_openai}");
    }
}

#[tokio::test]
async fn a_key_is_where_the_vendor_looks_for_it_and_nowhere_else() {
    let house = House::new(Timeouts::default());
    for (vendor, header) in VENDORS.into_iter().zip(["authorization", "x-api-key", "x-goog-api-key"]) {
        house.client.chat(request(vendor, "hello")).await.expect("the key is right");
        let received = &house.vendor(vendor).received()[0];
        let places: Vec<_> = received
            .headers
            .iter()
            .filter(|(_, value)| value.contains("key-of-"))
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(places, [header]);
        assert!(!received.query.contains("key"));

        house.vendor(vendor).require_key("another");
        let error = house.client.chat(request(vendor, "hello")).await.expect_err("the key is wrong");
        assert_eq!(error.kind(), ErrorKind::Authentication, "{vendor}");
    }
}

#[tokio::test]
async fn dropping_a_call_or_a_stream_closes_the_connection() {
    let house = House::new(Timeouts::default());
    let gone = async |vendor: &SandboxVendor, count: usize| {
        #[expect(clippy::disallowed_methods, reason = "waits for a real thread")]
        let start = Instant::now();
        while vendor.disconnects() < count {
            assert!(start.elapsed() < Duration::from_secs(10), "the server was not told");
            tokio::task::yield_now().await;
        }
    };
    for name in VENDORS {
        let vendor = house.vendor(name).then(Fault::Hang);
        let call = house.client.chat(request(name, "hello"));
        let waited = tokio::time::timeout(Duration::from_millis(100), call).await;
        assert!(waited.is_err());
        gone(&vendor, 1).await;

        vendor.then(Step::from(Reply::text("one two three four five six")).pace(Duration::from_millis(50)));
        let mut stream = house.client.chat_stream(request(name, "hello")).await.expect("a stream begins");
        while !matches!(stream.next().await, Some(Ok(StreamEvent::Text(_)))) {}
        drop(stream);
        if name == "google" {
            // Google bills a closed stream all the same, so that one is read to its bill.
            while vendor.answered() < 1 {
                tokio::task::yield_now().await;
            }
            assert_eq!(vendor.disconnects(), 1);
        } else {
            gone(&vendor, 2).await;
        }
        assert_eq!(vendor.in_flight(), 0);
    }
}

#[tokio::test]
async fn what_never_left_this_machine_is_not_billed() {
    let house = House::new(Timeouts::default());
    house.vendor("openai").then(Fault::Reset);
    let broken = house.client.chat(("openai/m", "hello")).await.expect_err("the connection breaks");
    assert_eq!((broken.kind(), broken.may_be_billed()), (ErrorKind::Connection, true));

    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a loopback port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let ask = |scheme: &str| {
        let mut options = TransportOptions::default();
        options.connect_timeout = Duration::from_millis(200);
        let builder = Client::builder().retry(RetryPolicy::default().max_attempts(1));
        let settings = Settings::compatible("lab", format!("{scheme}://127.0.0.1:{port}/v1"));
        let client = builder.transport_options(options).vendor(settings).build();
        let client = client.expect("the settings are right");
        async move { client.chat(("lab/m", "hello")).await.expect_err("nobody answers") }
    };
    let silent = ask("https").await;
    assert_eq!(silent.timeout_phase(), Some(TimeoutPhase::Connect), "{silent:?}");
    drop(listener);
    let refused = ask("http").await;
    assert_eq!(refused.kind(), ErrorKind::Connection);
    for error in [silent, refused] {
        assert!(!error.may_be_billed() && error.is_retryable() && error.should_failover(), "{error:?}");
    }
}
