//! Nothing that a caller, a model or a key wrote appears in anything this crate prints.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

mod support;

use std::fmt::{Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyroute::provider::{Environment, HttpProvider, vendor};
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{Fault, Garbage, Raw, Sandbox, Step};
use polyroute::transport::{ReqwestTransport, TransportOptions};
use polyroute::types::{Message, Reply, Role, ToolResult, Wire};
use polyroute::{ChatRequest, Client, EmbedRequest, Error, Json, Settings, Tool, ToolCall, Usage};
use serde_json::json;
use support::formats::{FORMATS, Format, MODES, Mode, ask, key, settings, two_targets};
use support::run;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

const CANARIES: [&str; 9] = [
    "sk-canary-of",
    "CANARY-system",
    "CANARY-user",
    "CANARY-argument",
    "CANARY-result",
    "CANARY-answer",
    "CANARY-header",
    "CANARY-schema",
    "CANARY-extra",
];

/// Everything that was printed, by whom.
#[derive(Clone, Debug, Default)]
struct Printed(Arc<Mutex<Vec<(String, String)>>>);

impl Printed {
    fn note(&self, by: &str, text: String) {
        self.0.lock().unwrap().push((by.to_owned(), text));
    }

    /// Both ways of `Debug`.
    fn debug(&self, by: &str, value: &impl Debug) {
        self.note(by, format!("{value:?}\n{value:#?}"));
    }

    /// Everything an error shows of itself and of its causes.
    fn error(&self, by: &str, error: &Error) {
        self.debug(by, error);
        let mut text = format!("{error} {error:#} {}", error.message());
        for part in [error.provider_code(), error.request_id(), error.provider(), error.model()] {
            let _ = write!(text, " {part:?}");
        }
        let mut cause = std::error::Error::source(error);
        while let Some(error) = cause {
            let _ = write!(text, "\n{error} {error:?}");
            cause = error.source();
        }
        let _ = write!(text, "\n{:?}\n{:?}", error.attempts(), error.partial());
        self.note(by, text);
        // The provider's sentence may quote the prompt, but never the key.
        let sentence = error.provider_message().unwrap_or_default();
        assert!(!sentence.contains(CANARIES[0]) && !sentence.contains("CANARY-header"), "{by}: {sentence}");
    }

    fn check(&self) {
        let lines = self.0.lock().unwrap();
        assert!(!lines.is_empty());
        for (by, text) in lines.iter() {
            for canary in CANARIES {
                assert!(!text.contains(canary), "{by} shows {canary}: {text}");
            }
        }
    }

    fn count(&self, by: &str) -> usize {
        self.0.lock().unwrap().iter().filter(|(own, _)| own == by).count()
    }
}

impl Observer for Printed {
    fn observe(&self, event: &Event<'_>) {
        self.debug("observer", event);
    }
}

/// Takes every span field and event of this crate, at every level.
struct Listener {
    printed: Printed,
    next: AtomicU64,
}

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{}={value:?} ", field.name());
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("polyroute")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut text = attributes.metadata().name().to_owned();
        attributes.record(&mut Fields(&mut text));
        self.printed.note("span", text);
        Id::from_u64(self.next.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut text = String::new();
        values.record(&mut Fields(&mut text));
        self.printed.note("record", text);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = String::new();
        event.record(&mut Fields(&mut text));
        self.printed.note("event", text);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Every test of this file listens: what runs without a subscriber may switch a span off for all threads.
fn listening(printed: &Printed, work: impl FnOnce()) {
    let listener = Listener { printed: printed.clone(), next: AtomicU64::new(0) };
    tracing::subscriber::with_default(listener, work);
}

fn request() -> ChatRequest {
    let schema =
        json!({"type": "object", "properties": {"city": {"type": "string", "description": "CANARY-schema"}}});
    ChatRequest::new("route")
        .system("CANARY-system")
        .user("CANARY-user")
        .message(Message::new(Role::Assistant, [ToolCall::new("c1", "f", r#"{"city":"CANARY-argument"}"#)]))
        .tool_results([ToolResult::new("c1", "CANARY-result")])
        .user("CANARY-user again")
        .tool(Tool::function("f", "CANARY-schema", schema))
        .extra(Wire::ChatCompletions, "extra_field", json!("CANARY-extra"))
        .max_output_tokens(500)
}

/// Text, reasoning and a tool call.
fn reply() -> Reply {
    let mut reply = Reply::text("CANARY-answer in several words").with_usage(Usage::of(10, 5));
    reply.message.parts.push(ToolCall::new("t1", "f", r#"{"city":"CANARY-argument"}"#).into());
    reply
}

fn client(format: Format, sandbox: &Sandbox, printed: &Printed) -> Client {
    let bad = settings(format, "bad", sandbox).header("x-own", "Bearer CANARY-header-value");
    let good = settings(format, "good", sandbox);
    let transport = TransportOptions::default();
    let builder = support::formats::quick()
        .vendor(bad.clone())
        .vendor(good)
        .route("route", polyroute::Route::ordered(["bad/m", "good/m"]))
        .transport_options(transport)
        .environment(Environment::of([("OPENAI_API_KEY", key("environment"))]))
        .observer(printed.clone());
    printed.debug("settings", &bad);
    printed.debug("builder", &builder);
    printed.debug("environment", &Environment::of([("OPENAI_API_KEY", key("environment"))]));
    let client = builder.build().unwrap();
    printed.debug("client", &client);
    client
}

#[test]
fn answers_show_nothing_in_any_format() {
    for format in FORMATS {
        for mode in MODES {
            let printed = Printed::default();
            listening(&printed, || {
                let sandbox = Sandbox::open().unwrap();
                sandbox.vendor("bad").always(reply());
                let client = client(format, &sandbox, &printed);
                run(async {
                    printed.debug("request", &request());
                    printed.debug("messages", &request().messages);
                    printed.debug("tools", &request().tools);
                    match mode {
                        Mode::Whole => {
                            let answer = client.chat(request()).await.unwrap();
                            assert!(answer.text().contains("CANARY-answer"));
                            printed.debug("response", &answer);
                            printed.debug("reply", &answer.reply);
                            printed.debug("message", answer.message());
                            printed.debug("attempts", &answer.attempts());
                        }
                        Mode::Stream => {
                            let mut stream = client.chat_stream(request()).await.unwrap();
                            printed.debug("stream", &stream);
                            while let Some(event) = stream.next().await {
                                printed.debug("stream event", &event.unwrap());
                            }
                        }
                    }
                });
                assert!(
                    String::from_utf8_lossy(&sandbox.vendor("bad").received()[0].body)
                        .contains("CANARY-user")
                );
            });
            assert!(printed.count("span") >= 2 && printed.count("observer") >= 3, "{printed:?}");
            printed.check();
        }
    }
}

#[test]
fn every_class_of_error_shows_nothing() {
    let leak = format!("You wrote CANARY-user. {} and CANARY-header-value are no good.", key("bad"));
    for format in FORMATS {
        for mode in MODES {
            let printed = Printed::default();
            listening(&printed, || {
                let mut steps: Vec<Step> = vec![
                    Fault::Reset.into(),
                    Fault::ResetAfterHead.into(),
                    Fault::CutAfter(4).into(),
                    Fault::EndAfter(4).into(),
                    Fault::ErrorAfter(4).into(),
                    Fault::Garbage(Garbage::Html).into(),
                    Fault::Garbage(Garbage::BrokenJson).into(),
                    Fault::Garbage(Garbage::Empty).into(),
                    Raw::new(200, format!("{{\"{leak}\": CANARY-answer")).into(),
                    Raw::new(200, format!("data: {{\"x\": \"CANARY-answer {leak}\", CANARY-answer}}\n\n"))
                        .header("content-type", "text/event-stream")
                        .into(),
                    Raw::new(302, "CANARY-answer")
                        .header("location", "http://127.0.0.1:1/CANARY-answer")
                        .into(),
                ];
                for status in [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 502, 503, 504, 529, 418]
                {
                    let echo = json!({
                        "type": "error",
                        "error": {"message": leak, "type": key("bad"), "code": key("bad"), "status": key("bad")},
                    });
                    let step = Step::from(Fault::Status(status)).body(echo.to_string());
                    steps.push(step.header("x-request-id", key("bad")).header("retry-after", "90"));
                    let own = json!({"error": {"message": leak, "code": "CANARY-header-value"}});
                    steps.push(Step::from(Fault::Status(status)).body(own.to_string()));
                    steps.push(Step::from(Fault::Status(status)).body(leak.clone()));
                }
                for step in steps {
                    let sandbox = Sandbox::open().unwrap();
                    sandbox.vendor("bad").always(step);
                    let client = client(format, &sandbox, &printed);
                    let mut request = request();
                    request.model = "bad/m".into();
                    let error = run(ask(&client, mode, request)).err();
                    if let Some(error) = error {
                        printed.error("error", &error);
                    }
                }
            });
            assert!(printed.count("error") > 50, "{}", printed.count("error"));
            printed.check();
        }
    }
}

#[test]
fn calls_that_are_dropped_show_nothing() {
    for format in FORMATS {
        let printed = Printed::default();
        listening(&printed, || {
            let sandbox = Sandbox::open().unwrap();
            let vendor = sandbox.vendor("bad");
            vendor.then(Fault::Hang).then(Step::from(reply()).pace(Duration::from_millis(1)));
            let client = client(format, &sandbox, &printed);
            run(async {
                tokio::select! {
                    _ = client.chat(request()) => panic!("nobody answers"),
                    () = support::eventually("the request arrives", || vendor.requests() == 1) => {}
                }
                let mut stream = client.chat_stream(request()).await.unwrap();
                printed.debug("stream event", &stream.next().await.unwrap().unwrap());
                drop(stream);
            });
        });
        assert!(printed.count("observer") >= 6);
        printed.check();
    }
}

#[test]
fn what_the_builder_refuses_it_does_not_repeat() {
    let printed = Printed::default();
    listening(&printed, || {
        let ask_for = |settings: Settings| {
            let builder = Client::builder().environment(Environment::of([("X", "y")])).vendor(settings);
            printed.debug("builder", &builder);
            printed.error("error", &builder.build().unwrap_err());
        };
        for key in ["sk-canary-of\r\nX-Evil: 1", "sk-canary-of \u{e9}", "sk-canary-of\0"] {
            ask_for(Settings::vendor("openai").api_key(key));
        }
        for url in [
            "https://u:sk-canary-of@h/v1",
            "http://example.com/sk-canary-of",
            "sk-canary-of",
            "https://h/?k=sk-canary-of",
        ] {
            ask_for(Settings::vendor("openai").api_key("k").base_url(url));
        }
        ask_for(Settings::vendor("openai").api_key("k").header("x-own", "CANARY-header\r\n"));
        ask_for(Settings::vendor("openai").api_key("k").header("x own", "CANARY-header"));
        let proxied = |proxy: &str| {
            let mut options = TransportOptions::default();
            options.proxy = Some(proxy.to_owned());
            options
        };
        for proxy in ["http://user:sk-canary-of@127.0.0.1:1", "sk-canary-of"] {
            printed.debug("options", &proxied(proxy));
            match ReqwestTransport::new(proxied(proxy)) {
                Ok(transport) => printed.debug("transport", &transport),
                Err(error) => printed.error("error", &error),
            }
        }
        let transport =
            Arc::new(ReqwestTransport::new(proxied("http://user:sk-canary-of@127.0.0.1:1")).unwrap());
        let clock = Arc::new(polyroute::clock::SystemClock::new());
        let settings = Settings::vendor("openai").api_key("sk-canary-of").header("x-own", "CANARY-header");
        let provider = HttpProvider::new(
            vendor::find("openai").unwrap(),
            &settings,
            &Environment::of([("X", "y")]),
            transport,
            clock,
        );
        printed.debug("provider", &provider.unwrap());
        printed.error(
            "error",
            &Client::builder().prices_json("{\"models\": [sk-canary-of]}").build().unwrap_err(),
        );
    });
    printed.check();
}

#[test]
fn a_proxy_that_cannot_be_reached_does_not_show_its_password() {
    let printed = Printed::default();
    listening(&printed, || {
        let mut options = TransportOptions::default();
        options.proxy = Some("http://user:sk-canary-of@127.0.0.1:1".to_owned());
        let sandbox = Sandbox::open().unwrap();
        let client = support::formats::quick()
            .vendor(settings(Format::OpenAi, "bad", &sandbox))
            .transport_options(options)
            .build()
            .unwrap();

        printed.error("error", &run(client.chat(("bad/m", "CANARY-user"))).unwrap_err());
        assert_eq!(sandbox.connections(), 0);
    });
    printed.check();
}

#[test]
fn requests_that_are_refused_show_nothing() {
    let printed = Printed::default();
    listening(&printed, || {
        let sandbox = Sandbox::open().unwrap();
        let client = client(Format::OpenAi, &sandbox, &printed);
        let ask = |model: &str| ChatRequest::from((model, "CANARY-user"));
        let broken: Json = json!(["CANARY-schema"]).into();
        for request in [
            ask("nowhere/m"),
            ask("bad/m").temperature(-1.0),
            ask("bad/m").tool(Tool::function("f", "CANARY-schema", broken)),
            ask("bad/m").tool_results([ToolResult::new("CANARY-result", "CANARY-result")]),
        ] {
            printed.error("error", &run(client.chat(request)).unwrap_err());
        }
        let embed = EmbedRequest::new("bad/m", ["CANARY-user", ""]);
        printed.debug("embed", &embed);
        if let Err(error) = run(client.embed(embed)) {
            printed.error("error", &error);
        }
    });
    printed.check();
}

#[test]
fn failover_never_carries_a_key_along() {
    let printed = Printed::default();
    listening(&printed, || {
        for format in FORMATS {
            let sandbox = Sandbox::open().unwrap();
            sandbox.vendor("bad").always(Fault::Status(401));
            let client = two_targets(format, &sandbox).build().unwrap();
            run(async {
                for mode in MODES {
                    assert_eq!(
                        ask(&client, mode, ("route", "hi")).await.unwrap().target().to_string(),
                        "good/m"
                    );
                }
            });
            // A key that was refused once is left alone.
            for (name, other, count) in [("bad", "good", 1), ("good", "bad", 2)] {
                let received = sandbox.vendor(name).received();
                assert_eq!(received.len(), count);
                for request in received {
                    let text = format!(
                        "{:?} {} {} {:?}",
                        request.headers, request.path, request.query, request.body
                    );
                    assert!(text.contains(&key(name)) && !text.contains(&key(other)), "{format:?}");
                }
            }
        }
    });
    printed.check();
}

#[test]
fn a_prompt_in_the_place_of_the_model_is_not_repeated() {
    let printed = Printed::default();
    listening(&printed, || {
        let sandbox = Sandbox::open().unwrap();
        let client = client(Format::OpenAi, &sandbox, &printed);
        let tail = "and so on ".repeat(30);
        for prompt in [
            "CANARY-user is asking".to_owned(),
            "bat/CANARY-user is asking".to_owned(),
            "Is it and/or CANARY-user?".to_owned(),
            "goof/\u{4f60}\u{597d}CANARY-user".to_owned(),
            format!("bat/CANARY-user{tail}"),
            format!("goof/{}CANARY-user", "x".repeat(80)),
            format!("CANARY-user {tail}/{tail}"),
            format!("routes {tail} CANARY-user"),
        ] {
            for mode in MODES {
                let error = run(ask(&client, mode, (prompt.as_str(), "route"))).unwrap_err();
                printed.error("error", &error);
            }
            let embed = EmbedRequest::new(prompt.as_str(), ["route"]);
            printed.error("error", &run(client.embed(embed)).unwrap_err());
        }
    });
    printed.check();
}
