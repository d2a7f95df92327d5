//! What the caller gets wrong is refused in words that help, before a byte is sent.

#![expect(clippy::unwrap_used, clippy::unreachable, reason = "a test target may panic")]

mod support;

use async_trait::async_trait;
use http::HeaderMap;
use polyroute::provider::Environment;
use polyroute::testing::{Sandbox, ScriptedProvider};
use polyroute::transport::{Body, HttpRequest, HttpResponse, Transport, TransportOptions};
use polyroute::types::{Message, Reply, Role, ToolResult};
use polyroute::{
    ChatRequest, Client, ClientBuilder, EmbedRequest, ErrorKind, Part, ResponseFormat, Route, Settings, Tool,
    ToolChoice,
};
use serde_json::json;
use support::formats::{FORMATS, Format, MODES, ask, quick, settings, two_targets};
use support::run;

/// The message of a client that cannot be built.
fn refused(builder: ClientBuilder) -> String {
    let error = builder.build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    assert!(error.attempts().is_empty());
    error.message().to_owned()
}

/// A builder that sees these variables and no others.
fn with(pairs: &[(&'static str, &'static str)]) -> ClientBuilder {
    quick().environment(Environment::of(pairs.iter().copied()))
}

fn scripted(name: &str) -> ScriptedProvider {
    ScriptedProvider::new(name).always(|| Reply::text("yes"))
}

#[test]
fn a_model_nobody_has_is_refused_with_the_names_that_are_close() {
    let sandbox = Sandbox::open().unwrap();
    let client =
        two_targets(Format::OpenAi, &sandbox).route("smart", Route::ordered(["good/gpt-x"])).build().unwrap();
    for (model, hint) in [
        ("goof/gpt-x", "good/gpt-x"),
        ("smrt", "smart"),
        ("gpt-x", "good/gpt-x"),
        ("mistral/mistral-large", "MISTRAL_API_KEY"),
        ("ollama/llama", "Settings::vendor"),
        ("vertex/gemini-x", "is not registered"),
        ("something else entirely", "the providers are [bad, good]"),
        ("", "names no route"),
        ("/", "names no route"),
    ] {
        for mode in MODES {
            let error = run(ask(&client, mode, (model, "hi"))).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::NoRoute, "{model}");
            assert!(error.message().contains(hint), "{model}: {error}");
        }
    }
    for model in ["good/", "good/a b", "good/\n"] {
        assert_eq!(
            run(client.chat((model, "hi"))).unwrap_err().kind(),
            ErrorKind::InvalidRequest,
            "{model:?}"
        );
    }
    let error = run(client.chat(("foo/a-model-with-quite-a-long-name-indeed", "hi"))).unwrap_err();
    assert!(!error.message().contains("did you mean"), "{error}");
    let long = "prompt ".repeat(10_000);
    assert!(run(client.chat((long, "hi"))).unwrap_err().to_string().len() < 1_000);
    assert_eq!(sandbox.connections(), 0);
}

#[test]
fn a_request_that_cannot_be_right_is_refused_before_a_byte_is_sent() {
    let hi = || ChatRequest::from(("route", "hi"));
    let schema = |json: serde_json::Value| hi().tool(Tool::function("f", "", json));
    let format = |json: serde_json::Value| hi().response_format(ResponseFormat::json_schema("x", json));
    let mut penalty = hi();
    penalty.presence_penalty = Some(f64::INFINITY);
    let cases = [
        ("no message", ChatRequest::new("route")),
        ("is empty", ChatRequest::new("route").message(Message::new(Role::User, Vec::<Part>::new()))),
        ("tool result", hi().tool_results([ToolResult::new("c1", "42")])),
        ("1000001 messages", hi().messages((0..1_000_000).map(|_| Message::user("x")))),
        ("temperature", hi().temperature(-0.1)),
        ("temperature", hi().temperature(f64::NAN)),
        ("temperature", hi().temperature(f64::NEG_INFINITY)),
        ("top_p", hi().top_p(1.5)),
        ("top_p", hi().top_p(f64::NAN)),
        ("presence_penalty", penalty),
        ("n is 0", hi().n(0)),
        ("max_output_tokens", hi().max_output_tokens(0)),
        ("not a JSON object", schema(json!("string"))),
        ("not a JSON object", schema(json!([1]))),
        ("not a JSON object", format(json!(7))),
        ("no name", hi().tool(Tool::function("", "", json!({})))),
        ("nowhere", hi().tool_choice(ToolChoice::Function("nowhere".into()))),
    ];
    for wire in FORMATS {
        let sandbox = Sandbox::open().unwrap();
        let client = two_targets(wire, &sandbox).build().unwrap();
        for (hint, request) in &cases {
            for mode in MODES {
                let error = run(ask(&client, mode, request)).unwrap_err();

                assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{hint}: {error}");
                assert!(error.message().contains(hint), "{hint}: {error}");
                assert!(error.attempts().is_empty());
            }
        }
        let embeds = [EmbedRequest::new("good/m", Vec::<String>::new())];
        for request in embeds {
            assert_eq!(run(client.embed(request)).unwrap_err().kind(), ErrorKind::InvalidRequest);
        }
        assert_eq!(sandbox.connections(), 0, "{wire:?}");
    }
}

#[test]
fn a_missing_key_is_named_by_its_variable() {
    for (vendor, variable) in [
        ("openai", "OPENAI_API_KEY"),
        ("anthropic", "ANTHROPIC_API_KEY"),
        ("google", "GEMINI_API_KEY or GOOGLE_API_KEY"),
    ] {
        let message = refused(with(&[]).vendor(Settings::vendor(vendor)));
        assert!(message.contains(variable) && message.contains(vendor), "{message}");
        let blank = Environment::of([(variable.split(' ').next().unwrap(), " \n")]);
        assert!(refused(quick().environment(blank).vendor(Settings::vendor(vendor))).contains(variable));
    }
}

#[test]
fn a_key_that_could_not_be_a_header_is_refused() {
    for key in ["", "sk\r\nX-Evil: 1", "sk\n", "s k", "sk\0", "sk\u{e9}", "sk\u{202e}"] {
        for format in FORMATS {
            let message = refused(with(&[]).vendor(Settings::vendor(format.vendor()).api_key(key)));
            assert!(message.contains("the key") && !message.contains("Evil"), "{message}");
        }
    }
    let pasted = with(&[("OPENAI_API_KEY", " sk-1\n")]).vendor(Settings::vendor("openai"));
    assert!(pasted.build().is_ok(), "white space around a variable is not the user's intention");
}

#[test]
fn an_address_that_would_leak_is_refused() {
    for (url, hint) in [
        ("https://user:secret@example.com/v1", "user name or password"),
        ("https://secret@example.com/v1", "user name or password"),
        ("http://example.com/v1", "plain http"),
        ("http://10.0.0.1/v1", "plain http"),
        ("http://169.254.169.254/v1", "plain http"),
        ("http://localhost.example.com/v1", "plain http"),
        ("http://127.0.0.1.example.com/v1", "plain http"),
        ("http://0.0.0.0/v1", "plain http"),
        ("http://[::ffff:10.0.0.1]/v1", "plain http"),
        ("https://example.com/v1?key=secret", "query or fragment"),
        ("https://example.com/v1#secret", "query or fragment"),
        ("file:///etc/passwd", "neither http:// nor https://"),
        ("secret", "not an address"),
        ("https://", "not an address"),
        ("", "needs .base_url"),
    ] {
        let message = refused(with(&[]).vendor(Settings::compatible("lab", url)));
        assert!(message.contains(hint) && !message.contains("secret"), "{url}: {message}");
        let message = refused(with(&[]).vendor(Settings::vendor("openai").api_key("k").base_url(url)));
        assert!(message.contains(hint) && !message.contains("secret"), "{url}: {message}");
    }
    let evil = [("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "http://evil.example/v1")];
    assert!(refused(with(&evil).vendors_from_env()).contains("plain http"));
    for fine in ["http://127.1:8000/v1", "http://[::1]/v1", "http://LOCALHOST/v1/", "https://example.com"] {
        assert!(with(&[]).vendor(Settings::compatible("lab", fine)).build().is_ok(), "{fine}");
    }
    assert!(
        with(&[])
            .vendor(Settings::compatible("lab", "http://10.0.0.1/v1").allow_plain_http())
            .build()
            .is_ok()
    );
}

#[test]
fn names_that_make_no_sense_are_refused_by_the_builder() {
    let lab = |name: &str| Settings::compatible(name, "http://localhost:1/v1");
    let base = || with(&[]).vendor(lab("lab"));

    assert!(refused(with(&[])).contains("there is no provider"));
    assert!(refused(base().vendor(lab("lab"))).contains("two providers are named \"lab\""));
    assert!(refused(base().provider(scripted("lab"))).contains("two providers"));
    assert!(refused(base().vendor(Settings::vendor("opnai"))).contains("there is no vendor \"opnai\""));
    assert!(refused(base().vendor(Settings::vendor("vertex").api_key("k"))).contains("GOOGLE_CLOUD_PROJECT"));
    for name in ["", "a/b", "a b", "a\n", "a\u{202e}"] {
        refused(with(&[]).vendor(lab(name)));
        refused(with(&[]).provider(scripted(name)));
    }
    for (route, targets, hint) in [
        ("r", vec![], "no targets"),
        ("r", vec!["nowhere/m"], "nowhere"),
        ("r", vec!["lab"], "lab"),
        ("r", vec!["lab/"], "r"),
        ("", vec!["lab/m"], "name"),
        ("a/b", vec!["lab/m"], "slash"),
    ] {
        let message = refused(base().route(route, Route::ordered(targets.clone())));
        assert!(message.contains("route") && message.contains(hint), "{targets:?}: {message}");
    }
    let nested = base().route("one", Route::ordered(["lab/m"])).route("two", Route::ordered(["one"]));
    refused(nested);
    let mut options = TransportOptions::default();
    options.proxy = Some("::".into());
    assert!(refused(base().transport_options(options)).contains("proxy"));
    assert!(refused(base().vendor(lab("x").header("a b", "c"))).contains("header"));
    assert!(refused(base().vendor(lab("x").header("a", "b\r\nc"))).contains("header"));
}

#[test]
fn a_price_file_with_a_mistake_is_refused_as_a_whole() {
    let base = || with(&[]).vendor(Settings::compatible("lab", "http://localhost:1/v1"));
    for json in [
        "",
        "{",
        "[]",
        "{\"models\": 1}",
        "{\"modles\": []}",
        r#"{"models":[{"provider":"lab"}]}"#,
        r#"{"models":[{"provider":"lab","id":"m","input":"-1","output":"1"}]}"#,
        r#"{"models":[{"provider":"lab","id":"m","input":"1","otput":"1"}]}"#,
        r#"{"models":[{"provider":"lab","id":"m","input":"NaN","output":"1"}]}"#,
        r#"{"models":[{"provider":"lab","id":"m","input":1e999,"output":"1"}]}"#,
        r#"{"models":[{"provider":"openai","id":"gpt-5","input":"0.00000125","output":"0.00001"}]}"#,
    ] {
        assert!(base().prices_json(json).build().is_err(), "{json}");
        refused(base().prices_json(json));
    }
    refused(base().prices_litellm("{"));
    let deep = "[".repeat(100_000);
    refused(base().prices_json(&deep));
    refused(base().prices_litellm(&deep));
}

#[test]
fn without_a_key_in_the_environment_the_variables_are_named() {
    for environment in [Environment::of([] as [(&str, &str); 0]), Environment::of([("OPENAI_API_KEY", "")])] {
        let message = refused(quick().environment(environment).vendors_from_env());
        assert!(message.contains("OPENAI_API_KEY") && message.contains("ANTHROPIC_API_KEY"), "{message}");
    }
}

#[test]
fn every_key_in_the_environment_registers_its_vendor_once() {
    let keys = [("OPENAI_API_KEY", "a"), ("ANTHROPIC_API_KEY", "b"), ("GOOGLE_API_KEY", "c")];

    let client = with(&keys).vendors_from_env().build().unwrap();
    assert_eq!(client.providers(), ["anthropic", "google", "openai"]);
    for (what, builder) in [
        ("by name", with(&keys).vendor(Settings::vendor("google").api_key("x"))),
        ("by alias", with(&keys).vendor(Settings::vendor("gemini").api_key("x"))),
        ("own provider", with(&keys).provider(scripted("google"))),
        ("own name", with(&keys).vendor(Settings::vendor("openai").name("google").api_key("x"))),
    ] {
        let client =
            builder.vendors_from_env().build().unwrap_or_else(|error| unreachable!("{what}: {error}"));
        assert_eq!(client.providers(), ["anthropic", "google", "openai"], "{what}");
    }
    let both = with(&keys).vendor(Settings::vendor("openai").name("team").api_key("x")).vendors_from_env();
    assert_eq!(both.build().unwrap().providers(), ["anthropic", "google", "openai", "team"]);
}

#[test]
fn a_vendor_answers_to_its_other_names() {
    let sandbox = Sandbox::open().unwrap();
    let google = || settings(Format::Google, "google", &sandbox);
    let client = quick().vendor(google()).route("r", Route::ordered(["gemini/m"])).build().unwrap();
    run(async {
        for model in ["gemini/m", "google/m", "r"] {
            for mode in MODES {
                let answer = ask(&client, mode, (model, "What is the capital of France?")).await.unwrap();
                assert_eq!(answer.target().to_string(), "google/m");
            }
        }
        // A provider of that name is meant before the alias is.
        let own = quick().vendor(google()).provider(scripted("gemini")).build().unwrap();
        assert_eq!(own.chat(("gemini/m", "hi")).await.unwrap().text(), "yes");
    });
}

#[test]
fn addresses_and_keys_from_the_environment_are_used() {
    let sandbox = Sandbox::open().unwrap();
    let vendor = sandbox.vendor("env").require_key("sk-env");
    let environment = Environment::of([
        ("OPENAI_API_KEY", "sk-env".to_owned()),
        ("OPENAI_BASE_URL", vendor.url().to_owned()),
    ]);
    let client = quick().environment(environment).vendors_from_env().build().unwrap();

    assert!(run(client.chat(("openai/m", "hello"))).unwrap().text().contains("Hello"));
    assert_eq!(vendor.received()[0].header("authorization"), Some("Bearer sk-env"));
}

#[test]
fn a_key_of_the_environment_does_not_follow_to_another_vendors_address() {
    let sandbox = Sandbox::open().unwrap();
    let client = with(&[("OPENAI_API_KEY", "sk-env"), ("COMPATIBLE_API_KEY", "sk-env")])
        .vendor(Settings::compatible("lab", sandbox.vendor("lab").url()))
        .build()
        .unwrap();
    run(client.chat(("lab/m", "hello"))).unwrap();

    assert_eq!(sandbox.vendor("lab").received()[0].header("authorization"), None);
}

#[test]
fn looking_for_local_servers_adds_none_that_is_there_already_and_never_fails() {
    // Whatever listens on this machine: a name that is taken stays taken.
    let names = ["ollama", "lmstudio", "vllm", "llamacpp"];
    let builder = names.iter().fold(with(&[]), |builder, name| builder.provider(scripted(name)));
    let client: Client = run(async { builder.discover_local().await.build().unwrap() });

    let mut expected = names.to_vec();
    expected.sort_unstable();
    assert_eq!(client.providers(), expected);
}

/// A machine on which Ollama's port lists models; others answer with something else, or not at all.
#[derive(Debug)]
struct OllamaOnly;

#[async_trait]
impl Transport for OllamaOnly {
    async fn send(&self, request: HttpRequest) -> polyroute::Result<HttpResponse> {
        assert_eq!(request.url.host_str(), Some("localhost"));
        assert!(request.headers.is_empty() && request.body.is_empty(), "a probe carries nothing");
        match request.url.port() {
            Some(11_434) => {
                let list = r#"{"object":"list","data":[{"id":"llama"}]}"#;
                Ok(HttpResponse::new(200, HeaderMap::new(), Body::full(list)))
            }
            Some(8_080) => Ok(HttpResponse::new(200, HeaderMap::new(), Body::full("<html></html>"))),
            Some(8_000) => Ok(HttpResponse::new(404, HeaderMap::new(), Body::full("{}"))),
            _ => Err(polyroute::Error::new(ErrorKind::Connection, "nobody listens")),
        }
    }
}

#[test]
fn local_servers_that_answer_are_registered_and_no_others() {
    let client = run(async { with(&[]).transport(OllamaOnly).discover_local().await.build().unwrap() });

    assert_eq!(client.providers(), ["ollama"]);
}

#[test]
fn options_given_after_looking_for_local_servers_still_count() {
    let mut options = TransportOptions::default();
    options.proxy = Some("no address".to_owned());

    let built = run(async { with(&[]).discover_local().await.transport_options(options).build() });

    assert!(built.unwrap_err().message().contains("proxy"));
}
