//! Answers that are not what they should be, byte for byte, in virtual time.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use polyroute::testing::VirtualClock;
use polyroute::transport::{Body, HttpRequest, HttpResponse, Transport};
use polyroute::{Client, ErrorKind, Result, Route, Settings, async_trait};

use crate::world;

const GOOD: &str = r#"{"id":"1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},
    "finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}"#;

/// Answers host `first` with what is set and every other with a good answer.
#[derive(Clone, Debug)]
struct Canned(Arc<Mutex<Vec<Answer>>>);

#[derive(Clone, Debug)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: &'static str,
}

#[async_trait]
impl Transport for Canned {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
        let good = Answer { status: 200, headers: json(), body: GOOD };
        let first = request.url.host_str() == Some("first.example");
        let mut answers = self.0.lock().unwrap();
        let answer = if first && !answers.is_empty() { answers.remove(0) } else { good };
        let mut response = HttpResponse::new(answer.status, Default::default(), Body::full(answer.body));
        for (name, value) in answer.headers {
            response.headers.insert(name, value.parse().unwrap());
        }
        Ok(response)
    }
}

fn json() -> Vec<(&'static str, String)> {
    vec![("content-type", "application/json".to_owned())]
}

fn clients(answer: Answer) -> (VirtualClock, Client) {
    let clock = VirtualClock::manual(SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000));
    let client = Client::builder()
        .clock(clock.clone())
        .seed(7)
        .transport(Canned(Arc::new(Mutex::new(vec![answer]))))
        .vendor(Settings::compatible("first", "https://first.example/v1"))
        .vendor(Settings::compatible("second", "https://second.example/v1"))
        .route("both", Route::ordered(["first/m", "second/m"]))
        .build()
        .unwrap();
    (clock, client)
}

#[test]
fn s08_only_a_short_retry_after_is_waited_for_and_no_value_of_it_does_harm() {
    let second = Duration::from_secs(1);
    for (value, waits) in [
        ("1", Some((second, second * 2))),
        ("60", None),
        ("Wed, 21 Oct 2099 07:28:00 GMT", None),
        ("1000000000", None),
        // No hint at all: the usual pause for "too many requests".
        ("-5", Some((Duration::ZERO, second * 2))),
        ("Wed, 21 Oct 2099", Some((Duration::ZERO, second * 2))),
        ("abc", Some((Duration::ZERO, second * 2))),
    ] {
        let throttled = || {
            let mut headers = json();
            headers.push(("retry-after", value.to_owned()));
            Answer { status: 429, headers, body: r#"{"error":{"message":"slow down","type":"rate_limit"}}"# }
        };

        // Alone, it is waited for or given up.
        let (clock, client) = clients(throttled());
        let alone = world::drive(client.chat(("first/m", "hi")), &clock, None).unwrap();
        match waits {
            Some((least, most)) => {
                assert_eq!(alone.unwrap().text(), "fine", "{value}");
                assert!(
                    clock.elapsed() >= least && clock.elapsed() <= most,
                    "{value}: {:?}",
                    clock.elapsed()
                );
            }
            None => {
                assert_eq!(alone.unwrap_err().kind(), ErrorKind::RateLimited, "{value}");
                assert_eq!(clock.elapsed(), Duration::ZERO, "{value}");
            }
        }
        // Where there is another target, nobody waits.
        let (clock, client) = clients(throttled());
        let answer = world::drive(client.chat(("both", "hi")), &clock, None).unwrap().unwrap();
        assert_eq!((answer.provider(), clock.elapsed()), ("second", Duration::ZERO), "{value}");
    }
}

#[test]
fn s19_a_success_that_is_none_moves_on_and_another_models_name_does_not() {
    let html = vec![("content-type", "text/html".to_owned())];
    for (name, headers, body, by) in [
        ("an error", json(), r#"{"error":{"message":"oops","type":"server_error"}}"#, "second"),
        ("a web page", html, "<html><body>Welcome</body></html>", "second"),
        ("nothing", json(), "", "second"),
        (
            "another model",
            json(),
            r#"{"id":"1","model":"something-else","choices":[{"index":0,"message":{"role":"assistant",
                "content":"fine"},"finish_reason":"stop"}]}"#,
            "first",
        ),
    ] {
        let (clock, client) = clients(Answer { status: 200, headers, body });

        let answer = world::drive(client.chat(("both", "hi")), &clock, None).unwrap().unwrap();

        assert_eq!(answer.provider(), by, "{name}");
        assert_eq!(answer.text(), "fine");
        if name == "another model" {
            assert_eq!(answer.model(), "something-else");
        }
    }
}
