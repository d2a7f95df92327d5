//! Proof of who asks that is made anew: tokens of Google and of the application's own, and signatures for Amazon, over
//! loopback HTTP and through the real client.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use polyroute::provider::aws::{AssumeRole, Keys, SigV4};
use polyroute::provider::google::MetadataServer;
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
    Url::parse(&vendor.url()).expect("the sandbox has an address")
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
