//! Pictures, files, sound and film by their addresses: left to the vendor, refused, or fetched here where that is allowed.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use polyroute::provider::Environment;
use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Raw, Sandbox, SandboxVendor};
use polyroute::transport::GuardedFetcher;
use polyroute::types::{Audio, Document, MediaSource, Reply, ToolCall, ToolResult, Video, Wire};
use polyroute::{ChatRequest, Client, ClientBuilder, ErrorKind, Message, Part, Role, Route, Settings};

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n and so on";

/// A web server whose every answer is `bytes`, which it calls a web page.
fn web(sandbox: &Sandbox, name: &str, bytes: &'static [u8]) -> SandboxVendor {
    sandbox.vendor(name).always(Raw::new(200, bytes).header("content-type", "text/html"))
}

fn fetcher() -> GuardedFetcher {
    GuardedFetcher::new().and_then(GuardedFetcher::allow_loopback).expect("a fetcher")
}

fn builder(settings: impl IntoIterator<Item = Settings>) -> ClientBuilder {
    let builder = Client::builder()
        .environment(Environment::of([("NOTHING", "set")]))
        .retry(RetryPolicy::default().max_attempts(2));
    settings.into_iter().fold(builder, ClientBuilder::vendor)
}

fn client(settings: impl IntoIterator<Item = Settings>) -> Client {
    builder(settings).build().expect("the settings are right")
}

/// Takes pictures in the request only.
fn ollama(sandbox: &Sandbox) -> Settings {
    let vendor = sandbox.vendor("ollama").always(Reply::text("a cat"));
    Settings::vendor("ollama").base_url(vendor.url().replace("/v1", "/api")).speak(Wire::OllamaChat)
}

fn openai(sandbox: &Sandbox) -> Settings {
    let vendor = sandbox.vendor("openai").always(Reply::text("a dog"));
    Settings::vendor("openai").base_url(vendor.url()).api_key("sk-test")
}

fn look(model: &str, url: &str) -> ChatRequest {
    ChatRequest::new(model).user_parts([Part::text("What is it?"), Part::image_url(url)])
}

#[tokio::test]
async fn a_picture_that_the_vendor_does_not_fetch_is_refused_unless_it_may_be_fetched_here() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let pictures = web(&sandbox, "pictures", PNG);
    let url = format!("{}/cat.gif", pictures.url());

    let error = client([ollama(&sandbox)]).chat(look("ollama/m", &url)).await.expect_err("it is refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.message().contains("messages[0].parts[1]") && error.message().contains("fetch_media"),
        "{error}"
    );
    assert!(!error.to_string().contains("cat.gif"));
    assert_eq!((pictures.requests(), sandbox.vendor("ollama").requests()), (0, 0));

    let allowed = client([ollama(&sandbox).fetch_media(fetcher())]);
    let check = allowed.check(look("ollama/m", &url)).expect("a check");
    let foretold =
        check.first().and_then(|first| first.outcome.as_ref().ok()).expect("it would be served").clone();
    assert_eq!(pictures.requests(), 0, "asking fetches nothing");
    let response = allowed.chat(look("ollama/m", &url)).await.expect("an answer");
    assert_eq!(response.text(), "a cat");
    assert_eq!(response.adaptations(), foretold);
    assert_eq!(response.adaptations()[0].field, "messages.parts");
    let sent = sandbox.vendor("ollama").received().pop().expect("a request").json;
    assert_eq!(sent["messages"][0]["images"][0], "iVBORw0KGgogYW5kIHNvIG9u");
    let stream = allowed.chat_stream(look("ollama/m", &url)).await.expect("a stream begins");
    assert_eq!(stream.into_response().await.expect("it ends").text(), "a cat");
    assert!(pictures.received().iter().all(|request| request.header("authorization").is_none()));
}

#[tokio::test]
async fn a_vendor_that_fetches_itself_gets_the_address_and_another_may_take_its_place() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let pictures = web(&sandbox, "pictures", PNG);
    let url = format!("{}/cat.png", pictures.url());
    let both = builder([ollama(&sandbox), openai(&sandbox).fetch_media(fetcher())]);
    let both = both.route("either", Route::ordered(["ollama/m", "openai/m"]));
    let client = both.build().expect("the settings are right");

    let response = client.chat(look("either", &url)).await.expect("an answer");

    assert_eq!((response.text(), response.target().provider()), ("a dog".to_owned(), "openai"));
    assert_eq!(pictures.requests(), 0);
    let sent = sandbox.vendor("openai").received().pop().expect("a request").json;
    assert_eq!(sent["messages"][0]["content"][1]["image_url"]["url"], url);
}

#[tokio::test]
async fn what_cannot_be_fetched_or_is_something_else_is_said_without_the_address() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let page = web(&sandbox, "page", b"<!doctype html><title>not here</title>");
    let large = web(&sandbox, "large", &[b'x'; 5_000]);
    let moved = sandbox.vendor("moved").always(Raw::new(302, "").header("location", "https://example.com/"));
    let public = GuardedFetcher::new().expect("a fetcher");
    for (url, fetcher, hint) in [
        (page.url(), fetcher(), "no kind that is known"),
        (large.url(), fetcher().most_bytes(4_096), "larger than 4096 bytes"),
        (moved.url(), fetcher(), "redirects are not followed"),
        (page.url(), public.clone(), "where nothing is fetched from"),
        ("http://user:CANARY@example.com/x.png", public.clone(), "password"),
        ("http://example.com/CANARY.png", public.clone(), "not https"),
        ("https://169.254.169.254/CANARY", public.clone(), "metadata"),
    ] {
        let client = client([ollama(&sandbox).fetch_media(fetcher)]);
        let error = client.chat(look("ollama/m", url)).await.expect_err("it is refused");

        assert_eq!(error.kind(), ErrorKind::Unsupported, "{url}: {error}");
        assert!(error.message().contains(hint) && error.message().contains("parts[1]"), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("CANARY") && !error.may_be_billed());
    }
    assert_eq!(sandbox.vendor("ollama").requests(), 0);
}

#[tokio::test]
async fn files_and_sound_are_fetched_where_only_their_bytes_are_taken_and_film_where_it_is_watched() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let url = |name: &str, bytes| MediaSource::Url(web(&sandbox, name, bytes).url().to_owned());
    let document = Document::new(url("document", b"%PDF-1.7 and so on"));
    let sound = Audio::new(url("sound", b"RIFF\0\0\0\0WAVEfmt "));
    let film = Video::new(url("film", b"\0\0\0\x18ftypmp42"));
    let qwen = sandbox.vendor("qwen").always(Reply::text("a film"));
    let moonshot = sandbox.vendor("moonshot").always(Reply::text("a film"));
    let client = client([
        openai(&sandbox).fetch_media(fetcher()),
        Settings::vendor("qwen").base_url(qwen.url()).api_key("k"),
        Settings::vendor("moonshot").base_url(moonshot.url()).api_key("k").fetch_media(fetcher()),
    ]);

    let parts: [Part; 2] = [document.into(), sound.into()];
    client.chat(ChatRequest::new("openai/m").user_parts(parts)).await.expect("an answer");
    let sent = sandbox.vendor("openai").received().pop().expect("a request").json;
    let content = &sent["messages"][0]["content"];
    assert_eq!(content[0]["file"]["file_data"], "data:application/pdf;base64,JVBERi0xLjcgYW5kIHNvIG9u");
    assert_eq!(
        (&content[1]["input_audio"]["format"], content[1]["type"].as_str()),
        (&"wav".into(), Some("input_audio"))
    );

    let watch = |model: &str| ChatRequest::new(model).user_parts([Part::from(film.clone())]);
    let error = client.chat(watch("openai/m")).await.expect_err("it watches none");
    assert!(error.kind() == ErrorKind::Unsupported && error.message().contains("film"), "{error}");
    assert_eq!(sandbox.vendor("film").requests(), 0);
    client.chat(watch("qwen/m")).await.expect("an answer");
    let sent = qwen.received().pop().expect("a request").json;
    assert_eq!(sent["messages"][0]["content"][0]["video_url"]["url"], sandbox.vendor("film").url());
    client.chat(watch("moonshot/m")).await.expect("an answer");
    let sent = moonshot.received().pop().expect("a request").json;
    assert_eq!(
        sent["messages"][0]["content"][0]["video_url"]["url"],
        "data:video/mp4;base64,AAAAGGZ0eXBtcDQy"
    );
}

#[tokio::test]
async fn pictures_in_a_tools_result_are_fetched_too() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let pictures = web(&sandbox, "pictures", PNG);
    let mut result = ToolResult::new("c1", "here it is");
    result.content.push(Part::image_url(pictures.url()));
    let request = ChatRequest::from(("ollama/m", "Show me."))
        .message(Message::new(Role::Assistant, [ToolCall::new("c1", "show", "{}")]))
        .tool_results([result]);

    client([ollama(&sandbox).fetch_media(fetcher())]).chat(request).await.expect("an answer");

    let sent = sandbox.vendor("ollama").received().pop().expect("a request").json;
    assert_eq!(sent["messages"][2]["images"][0], "iVBORw0KGgogYW5kIHNvIG9u");
}

#[tokio::test]
async fn film_is_for_who_watches_it_and_refused_elsewhere() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let settings = |name: &'static str| {
        let settings = Settings::vendor(name).base_url(sandbox.vendor(name).url()).api_key("key");
        settings.name(name)
    };
    let names = ["google", "bedrock", "openrouter", "anthropic", "cohere", "openai", "mistral", "groq"];
    let client = client(names.map(settings));
    let film = Video::new(MediaSource::bytes("video/mp4", &b"\0\0\0\x18ftypmp42"[..]));
    let mut watching = Vec::new();
    for name in names {
        let request = ChatRequest::new(format!("{name}/m")).user_parts([Part::from(film.clone())]);
        let check = client.check(&request).expect("a check");
        match &check.first().expect("one target").outcome {
            Ok(adaptations) => {
                assert!(adaptations.is_empty(), "{name}: {adaptations:?}");
                watching.push(name);
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::Unsupported, "{name}");
                assert!(error.message().contains("film"), "{name}: {error}");
                assert_eq!(
                    client.chat(&request).await.expect_err("it is refused").kind(),
                    ErrorKind::Unsupported
                );
            }
        }
    }

    assert_eq!(watching, ["google", "bedrock", "openrouter"]);
    assert_eq!(sandbox.connections(), 0);
}
