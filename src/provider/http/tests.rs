use std::sync::Mutex;

use super::*;
use crate::clock::SystemClock;
use crate::provider::vendor;
use crate::transport::Body;
use crate::types::ChatRequest;

/// Answers every request with the same bytes and remembers where they went.
#[derive(Debug)]
struct Canned {
    answer: Vec<u8>,
    seen: Mutex<Vec<(String, String)>>,
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let accept = request.headers[header::ACCEPT].to_str().unwrap().to_owned();
        self.seen.lock().unwrap().push((request.url.to_string(), accept));
        Ok(HttpResponse::new(200, HeaderMap::new(), Body::full(self.answer.clone())))
    }
}

fn bedrock(answer: Vec<u8>) -> (HttpProvider, Arc<Canned>) {
    let transport = Arc::new(Canned { answer, seen: Mutex::default() });
    let settings = Settings::vendor("bedrock").api_key("k").resource("eu-central-1");
    let environment = Environment::of(Vec::<(String, String)>::new());
    let clock = Arc::new(SystemClock::default());
    let bedrock = vendor::find("bedrock").unwrap();
    let sends: Arc<dyn Transport> = Arc::<Canned>::clone(&transport);
    (HttpProvider::new(bedrock, &settings, &environment, sends, clock).unwrap(), transport)
}

fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut head = Vec::new();
    for (name, value) in headers {
        head.push(u8::try_from(name.len()).unwrap());
        head.extend_from_slice(name.as_bytes());
        head.push(7);
        head.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        head.extend_from_slice(value.as_bytes());
    }
    let total = u32::try_from(16 + head.len() + payload.len()).unwrap();
    let mut frame = total.to_be_bytes().to_vec();
    frame.extend(u32::try_from(head.len()).unwrap().to_be_bytes());
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame.extend(head);
    frame.extend_from_slice(payload);
    frame.extend(crc32fast::hash(&frame).to_be_bytes());
    frame
}

fn event(name: &str, payload: &str) -> Vec<u8> {
    frame(&[(":event-type", name), (":message-type", "event")], payload.as_bytes())
}

async fn stream_error(frames: Vec<Vec<u8>>) -> Error {
    let (provider, _) = bedrock(frames.concat());
    let request = ChatRequest::from(("bedrock/m", "Hi"));
    let mut stream = provider.chat_stream(Call::new("m", &request)).await.unwrap();
    loop {
        match stream.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => return error,
            None => panic!("no error came"),
        }
    }
}

#[tokio::test]
async fn a_model_in_the_path_is_one_segment_whatever_it_holds() {
    let whole = br#"{"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}}"#;
    let (provider, transport) = bedrock(whole.to_vec());
    let request = ChatRequest::from(("bedrock/m", "Hi"));
    let host = "https://bedrock-runtime.eu-central-1.amazonaws.com/model";
    for (model, segment) in [
        ("eu.anthropic.claude-x-v1:0", "eu.anthropic.claude-x-v1:0"),
        ("arn:aws:bedrock:eu-1:1:inference-profile/a", "arn:aws:bedrock:eu-1:1:inference-profile%2Fa"),
        ("../../x?y#z%2f", "..%2F..%2Fx%3Fy%23z%252f"),
    ] {
        provider.chat(Call::new(model, &request)).await.unwrap();
        let _ = provider.chat_stream(Call::new(model, &request)).await.unwrap();

        let seen = std::mem::take(&mut *transport.seen.lock().unwrap());
        assert_eq!(
            seen,
            [
                (format!("{host}/{segment}/converse"), "application/json".to_owned()),
                (
                    format!("{host}/{segment}/converse-stream"),
                    "application/vnd.amazon.eventstream".to_owned()
                ),
            ]
        );
    }
}

#[tokio::test]
async fn frames_that_report_an_error_are_that_error() {
    let exception = |name: &str| {
        let headers = [(":message-type", "exception"), (":exception-type", name)];
        frame(&headers, br#"{"message": "So it is."}"#)
    };
    for (name, kind) in [
        ("throttlingException", ErrorKind::RateLimited),
        ("serviceUnavailableException", ErrorKind::Overloaded),
        ("validationException", ErrorKind::InvalidRequest),
        ("modelTimeoutException", ErrorKind::Timeout),
        ("modelStreamErrorException", ErrorKind::Server),
        ("internalServerException", ErrorKind::Server),
        ("brandNewException", ErrorKind::Server),
    ] {
        let error = stream_error(vec![event("messageStart", "{}"), exception(name)]).await;

        assert_eq!((error.kind(), error.provider_code()), (kind, Some(name)));
        assert_eq!((error.status(), error.provider_message()), (Some(200), Some("So it is.")));
    }
    let unmodelled =
        [(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "Oh.")];
    let error = stream_error(vec![frame(&unmodelled, b"")]).await;
    assert_eq!((error.kind(), error.provider_code()), (ErrorKind::Server, Some("InternalFailure")));
    assert_eq!(error.provider_message(), Some("Oh."));
}

#[tokio::test]
async fn a_stream_that_stops_inside_a_frame_is_truncated() {
    let delta = event("contentBlockDelta", r#"{"contentBlockIndex": 0, "delta": {"text": "a"}}"#);
    let half = event("messageStop", r#"{"stopReason": "end_turn"}"#)[..40].to_vec();

    assert_eq!(stream_error(vec![delta, half]).await.kind(), ErrorKind::Truncated);
}
