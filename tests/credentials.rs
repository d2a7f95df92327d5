//! Proof of who asks that is made anew: tokens of Google and of the application's own, and signatures for Amazon, over
//! loopback HTTP and through the real client.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polyroute::provider::aws::{AssumeRole, Keys, SigV4};
use polyroute::provider::google::MetadataServer;
use polyroute::provider::google::service_account::ServiceAccount;
use polyroute::provider::{Environment, Exchange, Token, TokenSource};
use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Raw, Sandbox, SandboxVendor};
use polyroute::{Client, ErrorKind, Result, Settings, async_trait};
use serde_json::json;
use url::Url;

fn client(settings: Settings) -> Client {
    Client::builder()
        .environment(Environment::of([("AWS_BEARER_TOKEN_BEDROCK", "the-key-nobody-asked-for")]))
        .vendor(settings)
        .retry(RetryPolicy::default().max_attempts(1))
        .build()
        .expect("the settings are right")
}

fn url(vendor: &SandboxVendor) -> Url {
    Url::parse(vendor.url()).expect("the sandbox has an address")
}

/// Stands for a library of Entra ID.
#[derive(Clone, Debug, Default)]
struct Entra(Arc<AtomicU64>);

#[async_trait]
impl TokenSource for Entra {
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Token> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        let token = Token::new(format!("entra-token-CANARY-{number}"));
        Ok(token.expires(exchange.clock.wall() + Duration::from_secs(3_600)))
    }
}

#[tokio::test]
async fn azure_takes_a_token_of_the_applications_own() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let entra = Entra::default();
    let azure = Settings::vendor("azure").base_url(sandbox.vendor("azure").url()).token_source(entra.clone());
    let client = client(azure);

    for _ in 0..3 {
        client.chat(("azure/my-deployment", "hello")).await.expect("an answer");
    }

    let received = sandbox.vendor("azure").received();
    assert_eq!((received.len(), entra.0.load(Ordering::Relaxed)), (3, 1));
    assert_eq!(received[2].header("authorization"), Some("Bearer entra-token-CANARY-0"));
    assert_eq!(received[2].header("api-key"), None);
}

#[tokio::test]
async fn a_refused_token_is_made_anew_and_never_shown() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let azure = sandbox.vendor("azure");
    let client = client(Settings::vendor("azure").base_url(azure.url()).token_source(Entra::default()));
    let echo = json!({"error": {"code": "401", "message": "bad token entra-token-CANARY-0"}}).to_string();
    azure.then(Raw::new(401, echo).header("content-type", "application/json"));

    let error = client.chat(("azure/m", "hello")).await.expect_err("the token is refused");
    client.chat(("azure/m", "hello")).await.expect("an answer");

    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(!format!("{error} {error:?} {:?}", error.provider_message()).contains("CANARY"));
    assert_eq!(azure.received()[1].header("authorization"), Some("Bearer entra-token-CANARY-1"));
}

#[tokio::test]
async fn a_thousand_calls_ask_for_one_token() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let entra = Entra::default();
    let client =
        client(Settings::vendor("azure").base_url(sandbox.vendor("azure").url()).token_source(entra.clone()));
    let calls = (0..1_000).map(|_| client.chat(("azure/m", "hello")));
    let answers = futures::future::join_all(calls).await;

    assert!(answers.iter().all(std::result::Result::is_ok));
    assert_eq!(entra.0.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn vertex_gets_its_token_from_the_metadata_server() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let (metadata, vertex) = (sandbox.vendor("metadata"), sandbox.vendor("vertex"));
    let token = json!({"access_token": "ya29.token", "expires_in": 3599, "token_type": "Bearer"});
    metadata.then(Raw::new(200, token.to_string()).header("content-type", "application/json"));
    let answer = json!({"candidates": [{"content": {"role": "model", "parts": [{"text": "Hi"}]},
        "finishReason": "STOP"}]});
    let reply = Raw::new(200, answer.to_string()).header("content-type", "application/json");
    vertex.then(reply);
    let source = MetadataServer::at(url(&metadata));
    let client = client(Settings::vendor("vertex").base_url(vertex.url()).token_source(source));

    let answer = client.chat(("vertex/gemini-2.5-flash", "hello")).await.expect("an answer");

    assert_eq!(answer.text(), "Hi");
    assert_eq!(metadata.received()[0].header("metadata-flavor"), Some("Google"));
    let received = &vertex.received()[0];
    assert_eq!(received.header("authorization"), Some("Bearer ya29.token"));
    assert!(received.path.ends_with("/publishers/google/models/gemini-2.5-flash:generateContent"));
}

#[tokio::test]
async fn vertex_speaks_to_claude_in_anthropics_format() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let vertex = sandbox.vendor("vertex");
    let message = json!({"id": "m", "type": "message", "role": "assistant", "model": "claude-x",
        "content": [{"type": "text", "text": "Hi"}], "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1}});
    vertex.then(Raw::new(200, message.to_string()).header("content-type", "application/json"));
    let client = client(Settings::vendor("vertex").base_url(vertex.url()).api_key("ya29.mine"));

    let answer = client.chat(("vertex/claude-x@20260101", "hello")).await.expect("an answer");

    assert_eq!(answer.text(), "Hi");
    let received = &vertex.received()[0];
    assert!(received.path.ends_with("/publishers/anthropic/models/claude-x@20260101:rawPredict"));
    assert_eq!(received.json["anthropic_version"], "vertex-2023-10-16");
    assert_eq!(received.json.get("model"), None);
}

#[tokio::test]
async fn a_service_that_gives_no_token_is_an_error_that_says_what_to_do() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let (metadata, vertex) = (sandbox.vendor("metadata"), sandbox.vendor("vertex"));
    for (status, body, kind, word) in [
        (404, "{}", ErrorKind::Authentication, "service account"),
        (503, "{}", ErrorKind::Overloaded, "failed"),
        (200, "<html>", ErrorKind::InvalidResponse, "without a token"),
    ] {
        metadata.then(Raw::new(status, body));
        let source = MetadataServer::at(url(&metadata));
        let client = client(Settings::vendor("vertex").base_url(vertex.url()).token_source(source));
        let error = client.chat(("vertex/gemini-x", "hello")).await.expect_err("there is no token");

        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(word), "{error}");
    }
    assert!(vertex.received().is_empty(), "nothing is sent without a token");
}

fn converse() -> Raw {
    let answer = json!({"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
        "stopReason": "end_turn", "usage": {"inputTokens": 1, "outputTokens": 1, "totalTokens": 2}});
    Raw::new(200, answer.to_string()).header("content-type", "application/json")
}

#[tokio::test]
async fn bedrock_is_asked_with_a_signature_instead_of_a_key() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let bedrock = sandbox.vendor("bedrock");
    bedrock.then(converse());
    let keys = Keys::new("AKIDEXAMPLE", "secret-CANARY").session_token("session-of-a-test");
    let signer = SigV4::bedrock("eu-central-1", keys).expect("the region is right");
    let client = client(Settings::vendor("bedrock").base_url(bedrock.url()).signer(signer));

    let answer = client.chat(("bedrock/eu.anthropic.claude-x-v1:0", "hello")).await.expect("an answer");

    assert_eq!(answer.text(), "Hi");
    let received = &bedrock.received()[0];
    assert!(received.path.ends_with("/model/eu.anthropic.claude-x-v1%3A0/converse"), "{}", received.path);
    let proof = received.header("authorization").expect("a signature");
    assert!(proof.starts_with("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/"), "{proof}");
    assert!(
        proof.contains("/eu-central-1/bedrock/aws4_request, SignedHeaders=content-type;host;x-amz-date;")
    );
    assert_eq!(received.header("x-amz-security-token"), Some("session-of-a-test"));
    assert!(received.headers.iter().all(|(_, value)| !value.contains("CANARY")));
}

#[tokio::test]
async fn a_role_is_taken_once_and_its_keys_sign() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let (sts, bedrock) = (sandbox.vendor("sts"), sandbox.vendor("bedrock"));
    sts.then(Raw::new(
        200,
        "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIAROLE</AccessKeyId>\
         <SecretAccessKey>s</SecretAccessKey><SessionToken>of-the-role</SessionToken>\
         <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>",
    ));
    bedrock.then(converse()).then(converse());
    let role = AssumeRole::new("arn:aws:iam::1:role/app", Keys::new("AKIDBASE", "b")).endpoint(url(&sts));
    let signer = SigV4::bedrock("eu-central-1", role).expect("the region is right");
    let client = client(Settings::vendor("bedrock").base_url(bedrock.url()).signer(signer));

    for _ in 0..2 {
        client.chat(("bedrock/m", "hello")).await.expect("an answer");
    }

    let asked = sts.received();
    assert_eq!(asked.len(), 1);
    let form = String::from_utf8_lossy(&asked[0].body).into_owned();
    assert!(
        form.contains("Action=AssumeRole") && form.contains("RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fapp")
    );
    assert!(asked[0].header("authorization").expect("a signature").contains("/us-east-1/sts/aws4_request"));
    let received = bedrock.received();
    assert!(received[1].header("authorization").expect("a signature").contains("Credential=ASIAROLE/"));
    assert_eq!(received[1].header("x-amz-security-token"), Some("of-the-role"));
}

#[tokio::test]
async fn a_clock_that_is_off_and_a_key_that_is_old_are_told_apart() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let bedrock = sandbox.vendor("bedrock");
    let signer = || SigV4::bedrock("eu-central-1", Keys::new("A", "b")).expect("the region is right");
    let client = client(Settings::vendor("bedrock").base_url(bedrock.url()).signer(signer()));
    for (kind, sentence, word) in [
        (
            "InvalidSignatureException",
            "Signature expired: 20260101T000000Z is now earlier than 20260101T001000Z (20260101T001500Z - 5 min.)",
            "clock",
        ),
        (
            "InvalidSignatureException",
            "Signature not yet current: 20260101T001500Z is still later than ..",
            "clock",
        ),
        ("InvalidSignatureException", "The request signature we calculated does not match ..", "secret key"),
        ("ExpiredTokenException", "The security token included in the request is expired", "expired"),
        ("UnrecognizedClientException", "The security token included in the request is invalid.", "key"),
    ] {
        let body = json!({"message": sentence}).to_string();
        let raw = Raw::new(403, body).header("content-type", "application/json");
        bedrock.then(raw.header("x-amzn-errortype", kind));
        let error = client.chat(("bedrock/m", "hello")).await.expect_err("the proof is refused");

        assert_eq!(error.kind(), ErrorKind::Authentication, "{sentence}: {error}");
        assert!(error.message().contains(word), "{sentence}: {error}");
    }
}

#[test]
fn a_key_and_a_source_of_tokens_are_not_both_taken() {
    let both = Settings::vendor("azure").resource("r").api_key("k").token_source(Entra::default());
    let error = Client::builder().vendor(both).build().expect_err("one of the two is meant");

    assert!(error.kind() == ErrorKind::Configuration && error.message().contains("not both"), "{error}");
}

#[test]
fn settings_show_no_source_of_tokens() {
    let settings = Settings::vendor("bedrock").signer(
        SigV4::bedrock("eu-central-1", Keys::new("AKID-CANARY", "secret-CANARY"))
            .expect("the region is right"),
    );

    assert!(!format!("{settings:?}").contains("CANARY"));
}

/// A key file whose tokens are fetched at `url`.
fn key_file(url: &str) -> String {
    use aws_lc_rs::encoding::AsDer as _;
    use base64::Engine as _;
    let key = aws_lc_rs::rsa::KeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key is made");
    let der = key.as_der().expect("a key has a form");
    let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    json!({"type": "service_account", "client_email": "app@p.iam.gserviceaccount.com", "private_key_id": "k1",
        "private_key": pem, "token_uri": url})
    .to_string()
}

#[tokio::test]
async fn a_service_account_gets_a_token_and_says_when_it_has_expired() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let (google, vertex) = (sandbox.vendor("oauth"), sandbox.vendor("vertex"));
    let account = ServiceAccount::from_json(&key_file(google.url())).expect("the key file is right");
    let client = client(Settings::vendor("vertex").base_url(vertex.url()).token_source(account));
    let denied = |sentence: &str| {
        let body = json!({"error": "invalid_grant", "error_description": sentence}).to_string();
        Raw::new(400, body).header("content-type", "application/json")
    };
    for (sentence, word) in [
        ("Invalid JWT Signature.", "make a new key file"),
        (
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.",
            "clock",
        ),
        ("Invalid grant: account not found", "deleted"),
    ] {
        google.then(denied(sentence));
        let error = client.chat(("vertex/gemini-x", "hello")).await.expect_err("there is no token");

        assert_eq!((error.kind(), error.provider_code()), (ErrorKind::Authentication, Some("invalid_grant")));
        assert!(error.message().contains(word), "{sentence}: {error}");
        assert_eq!(error.target().map(|target| target.provider().to_owned()).as_deref(), Some("vertex"));
    }
    assert!(vertex.received().is_empty(), "nothing is sent without a token");

    let token = json!({"access_token": "ya29.of-the-account", "expires_in": 3_599}).to_string();
    google.then(Raw::new(200, token).header("content-type", "application/json"));
    let answer = json!({"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]});
    vertex.then(Raw::new(200, answer.to_string()).header("content-type", "application/json"));
    let answer = client.chat(("vertex/gemini-x", "hello")).await.expect("an answer");

    assert_eq!(answer.text(), "Hi");
    assert_eq!(vertex.received()[0].header("authorization"), Some("Bearer ya29.of-the-account"));
    let form = google.received().pop().map(|request| String::from_utf8_lossy(&request.body).into_owned());
    let form = form.expect("a request for a token");
    assert!(
        form.starts_with("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=eyJ")
    );
}

/// Answers every request as a service that does not know the project, or not at all.
#[derive(Debug)]
struct Nowhere(Option<u16>);

#[async_trait]
impl polyroute::transport::Transport for Nowhere {
    async fn send(&self, _: polyroute::transport::HttpRequest) -> Result<polyroute::transport::HttpResponse> {
        let Some(status) = self.0 else {
            return Err(polyroute::Error::new(ErrorKind::Connection, "the host was not found"));
        };
        let body = json!({"error": {"code": status, "message": "no such project"}}).to_string();
        Ok(polyroute::transport::HttpResponse::new(
            status,
            http::HeaderMap::new(),
            polyroute::transport::Body::full(body),
        ))
    }
}

#[tokio::test]
async fn a_wrong_region_or_project_is_an_error_that_names_the_setting() {
    let vertex = || Settings::vendor("vertex").resource("my-project").region("mars-1").api_key("token");
    let bedrock = || Settings::vendor("bedrock").resource("mars-1").api_key("key");
    for (settings, status, kind, word) in [
        (vertex(), None, ErrorKind::Connection, ".region(..)"),
        (vertex(), Some(403), ErrorKind::Permission, ".resource(..)"),
        (vertex(), Some(404), ErrorKind::ModelNotFound, ".region(..)"),
        (bedrock(), None, ErrorKind::Connection, ".resource(..)"),
    ] {
        let client = Client::builder()
            .environment(Environment::of([("NOTHING", "set")]))
            .transport(Nowhere(status))
            .vendor(settings)
            .retry(RetryPolicy::default().max_attempts(1))
            .build()
            .expect("the settings are plausible");
        let name = client.providers()[0].to_owned();
        let error = client.chat((format!("{name}/gemini-x"), "hello")).await.expect_err("it is nowhere");

        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.message().contains(word), "{error}");
        assert!(error.to_string().starts_with(&name), "{error}");
    }
}

#[tokio::test]
async fn a_picture_of_thirty_megabytes_is_refused_with_its_place_or_as_the_vendor_refuses_it() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let of = |name: &'static str| {
        let url = sandbox.vendor(name).url().to_owned();
        client(Settings::vendor(name).base_url(url).api_key("key"))
    };
    let picture = polyroute::Part::image_bytes("image/png", vec![0; 30 << 20]);
    let ask = |model: &str| {
        polyroute::ChatRequest::new(model)
            .system("Be brief.")
            .user_parts([polyroute::Part::text("What is this?"), picture.clone()])
    };

    let before = of("anthropic").chat(ask("anthropic/claude-x")).await.expect_err("it is too large");
    let raw = json!({"error": {"message": "Request too large"}}).to_string();
    sandbox.vendor("openai").then(Raw::new(413, raw).header("content-type", "application/json"));
    let after = of("openai").chat(ask("openai/gpt-x")).await.expect_err("it is too large");

    assert_eq!(before.kind(), ErrorKind::Unsupported);
    assert!(before.message().contains("anthropic takes 33554432"), "{before}");
    assert!(before.message().contains("messages[1].parts[1]"), "{before}");
    assert!(sandbox.vendor("anthropic").received().is_empty());
    assert_eq!((after.kind(), after.status()), (ErrorKind::ContextTooLong, Some(413)));
    assert!(after.message().contains("larger than the provider takes"), "{after}");
    assert!(after.message().contains("messages[1].parts[1] is the largest"), "{after}");
}

#[tokio::test]
async fn sound_and_film_where_there_is_none_are_refused_before_anything_is_sent() {
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let source = polyroute::types::MediaSource::bytes("audio/wav", vec![1, 2, 3]);
    for (vendor, model) in
        [("anthropic", "anthropic/claude-x"), ("bedrock", "bedrock/m"), ("cohere", "cohere/command-x")]
    {
        let url = sandbox.vendor(vendor).url().to_owned();
        let client = client(Settings::vendor(vendor).base_url(url).api_key("key"));
        let sound = polyroute::Part::from(polyroute::types::Audio::new(source.clone()));
        let error = client.chat(polyroute::ChatRequest::new(model).user_parts([sound])).await;
        let error = error.expect_err("it takes no sound");

        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.to_string().starts_with(model), "{error}");
        assert!(error.message().contains("sound") || error.message().contains("audio"), "{error}");
        assert!(sandbox.vendor(vendor).received().is_empty(), "{vendor}");
    }
}

#[tokio::test]
async fn an_ibm_key_is_exchanged_for_a_token_and_goes_nowhere_else() {
    use polyroute::provider::ibm::ApiKey;
    let sandbox = Sandbox::open().expect("a loopback port is free");
    let tokens = json!({"access_token": "ibm-token-CANARY", "token_type": "Bearer", "expires_in": 3600});
    let service = sandbox.vendor("iam");
    let answer = |status, body: String| Raw::new(status, body).header("content-type", "application/json");
    service.then(answer(200, tokens.to_string()));
    let watsonx = sandbox.vendor("watsonx");
    watsonx.always(polyroute::types::Reply::text("Hello."));
    let settings = || {
        let settings = Settings::vendor("watsonx").base_url(watsonx.url()).resource("4947c695-a374");
        settings.token_source(ApiKey::new("ibm-key-CANARY").at(url(&service)))
    };

    let own = client(settings());
    let tool = polyroute::Tool::function("clock", "the time", json!({"type": "object"}));
    let request = polyroute::ChatRequest::from(("watsonx/ibm/granite-4-h-small", "hello")).tool(tool);
    let request = request.tool_choice(polyroute::ToolChoice::Required);
    assert_eq!(own.chat(&request).await.expect("an answer").text(), "Hello.");
    let streamed = own.chat_stream(&request).await.expect("a stream begins");
    assert_eq!(streamed.into_response().await.expect("it ends").text(), "Hello.");
    let asked = service.received();
    assert_eq!(asked.len(), 1, "one token serves both");
    let form = String::from_utf8_lossy(&asked[0].body).into_owned();
    assert_eq!(form, "grant_type=urn%3Aibm%3Aparams%3Aoauth%3Agrant-type%3Aapikey&apikey=ibm-key-CANARY");
    let received = watsonx.received();
    let paths: Vec<_> = received.iter().map(|one| (one.path.as_str(), one.query.as_str())).collect();
    let version = "version=2025-02-11";
    assert_eq!(paths, [("/v1/text/chat", version), ("/v1/text/chat_stream", version)]);
    assert_eq!(received[0].header("authorization"), Some("Bearer ibm-token-CANARY"));
    let json = &received[0].json;
    assert_eq!(
        (&json["model_id"], &json["project_id"]),
        (&json!("ibm/granite-4-h-small"), &json!("4947c695-a374"))
    );
    assert_eq!(
        (&json["tool_choice_option"], json.get("model"), json.get("stream")),
        (&json!("required"), None, None)
    );

    let denial =
        json!({"errorCode": "BXNIM0415E", "errorMessage": "Provided API key ibm-key-CANARY is unknown."});
    service.then(answer(400, denial.to_string()));
    let error = client(settings()).chat(&request).await.expect_err("there is no token");
    assert_eq!(error.kind(), ErrorKind::Authentication);
    assert!(error.message().contains("IBM's token service refuses the key"), "{error}");
    assert!(!format!("{error} {error:?} {:?}", error.provider_message()).contains("CANARY"));

    for (settings, words) in [
        (
            Settings::vendor("watsonx").region("us-south").api_key("t"),
            "give .resource(..), or set WATSONX_PROJECT_ID",
        ),
        (Settings::vendor("watsonx").resource("p").api_key("t"), "give .region(..), or set WATSONX_REGION"),
        (
            Settings::vendor("watsonx").region("us-south").resource("x/../").api_key("t"),
            "letters, digits and hyphens",
        ),
        (
            Settings::vendor("watsonx").region("x@evil").resource("p").api_key("t"),
            "letters, digits and hyphens",
        ),
    ] {
        let builder = Client::builder().environment(Environment::of([("NOTHING", "set")]));
        let error = builder.vendor(settings).build().expect_err("it is not complete");
        assert!(error.kind() == ErrorKind::Configuration && error.message().contains(words), "{error}");
    }
}
