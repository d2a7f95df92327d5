//! Several keys of one provider, over HTTP: they take turns, and only the one that is refused is left alone.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test target may panic")]

mod support;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use polyroute::async_trait;
use polyroute::clock::Clock as _;
use polyroute::provider::Habits;
use polyroute::resilience::Standing;
use polyroute::testing::{ScriptedProvider, VirtualClock};
use polyroute::transport::{Body, HttpRequest, HttpResponse, Transport};
use polyroute::types::Reply;
use polyroute::{Client, Error, ErrorKind, Route, Settings};
use support::{builder, run, trace, virtual_clock};

/// By key: a status and how long to stay away.
type Refusals = HashMap<String, (u16, Option<&'static str>)>;

/// Answers by key: a status for each, 200 for others.
#[derive(Clone, Debug, Default)]
struct Vendor {
    refuses: Arc<Mutex<Refusals>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Vendor {
    fn refuse(&self, key: &str, status: u16, retry_after: Option<&'static str>) {
        self.refuses.lock().unwrap().insert(key.to_owned(), (status, retry_after));
    }

    fn accept(&self, key: &str) {
        self.refuses.lock().unwrap().remove(key);
    }

    /// The keys that were used since the last look.
    fn seen(&self) -> Vec<String> {
        std::mem::take(&mut *self.seen.lock().unwrap())
    }
}

#[async_trait]
impl Transport for Vendor {
    async fn send(&self, request: HttpRequest) -> polyroute::Result<HttpResponse> {
        let header = request.headers["authorization"].to_str().unwrap();
        let key = header.strip_prefix("Bearer ").unwrap().to_owned();
        self.seen.lock().unwrap().push(key.clone());
        let refusal = self.refuses.lock().unwrap().get(&key).copied();
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        let Some((status, retry_after)) = refusal else {
            let body = r#"{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"message":
                {"role":"assistant","content":"Hi."},"finish_reason":"stop"}]}"#;
            return Ok(HttpResponse::new(200, headers, Body::full(body)));
        };
        if let Some(wait) = retry_after {
            headers.insert("retry-after", wait.parse().unwrap());
        }
        Ok(HttpResponse::new(status, headers, Body::full(format!(r#"{{"error":{{"message":"{key} no"}}}}"#))))
    }
}

fn client(clock: &VirtualClock, vendor: &Vendor) -> Client {
    let settings = Settings::vendor("openai").api_keys(["key-one", "key-two", "key-three"]);
    builder(clock).vendor(settings).transport(vendor.clone()).build().unwrap()
}

fn ask(client: &Client) -> Vec<String> {
    trace(run(client.chat(("openai/gpt-4.1", "Hi"))).unwrap().attempts())
}

#[test]
fn keys_take_turns() {
    let (clock, vendor) = (virtual_clock(), Vendor::default());
    let client = client(&clock, &vendor);

    for _ in 0..6 {
        ask(&client);
    }

    assert_eq!(vendor.seen(), ["key-one", "key-two", "key-three", "key-one", "key-two", "key-three"]);
}

#[test]
fn a_key_that_is_refused_is_left_alone_and_the_next_one_answers_at_once() {
    for (status, outcome) in [(401, "authentication"), (403, "permission"), (402, "quota_exhausted")] {
        let (clock, vendor) = (virtual_clock(), Vendor::default());
        let client = client(&clock, &vendor);
        vendor.refuse("key-one", status, None);

        let attempts = ask(&client);

        assert_eq!(
            attempts,
            [format!("openai/gpt-4.1 first {outcome}"), "openai/gpt-4.1 retry answered".to_owned()]
        );
        assert_eq!(clock.elapsed(), Duration::ZERO);
        vendor.seen();
        for _ in 0..10 {
            assert_eq!(ask(&client).len(), 1, "{status}");
        }
        assert!(!vendor.seen().contains(&"key-one".to_owned()), "{status}");
        let health = client.health();
        assert_eq!((health[0].standing, health[0].consecutive_failures), (Standing::Healthy, 0));
        assert_eq!(health[0].keys[0].standing, Standing::NoKey);
        assert!(!format!("{health:?}").contains("key-one"));

        // Five minutes later somebody has mended it.
        vendor.accept("key-one");
        run(clock.sleep(Duration::from_secs(301)));
        for _ in 0..3 {
            ask(&client);
        }
        assert!(vendor.seen().contains(&"key-one".to_owned()), "{status}");
    }
}

#[test]
fn a_key_that_is_used_too_fast_rests_as_long_as_the_provider_asked() {
    let (clock, vendor) = (virtual_clock(), Vendor::default());
    let client = client(&clock, &vendor);
    vendor.refuse("key-one", 429, Some("30"));

    assert_eq!(ask(&client), ["openai/gpt-4.1 first rate_limited", "openai/gpt-4.1 retry answered"]);
    vendor.accept("key-one");
    vendor.seen();
    run(clock.sleep(Duration::from_secs(29)));
    for _ in 0..6 {
        ask(&client);
    }
    assert!(!vendor.seen().contains(&"key-one".to_owned()));
    run(clock.sleep(Duration::from_secs(2)));
    for _ in 0..3 {
        ask(&client);
    }
    assert!(vendor.seen().contains(&"key-one".to_owned()));
}

#[test]
fn when_every_key_is_refused_the_error_says_so_and_no_key_is_in_it() {
    let (clock, vendor) = (virtual_clock(), Vendor::default());
    let client = client(&clock, &vendor);
    for key in ["key-one", "key-two", "key-three"] {
        vendor.refuse(key, 401, None);
    }

    let error = run(client.chat(("openai/gpt-4.1", "Hi"))).unwrap_err();

    assert_eq!((error.kind(), error.attempts().len()), (ErrorKind::Authentication, 3));
    let said = format!("{error} {error:?} {:?}", error.provider_message());
    for key in ["key-one", "key-two", "key-three"] {
        assert!(!said.contains(key), "{said}");
    }
    assert_eq!(client.health()[0].standing, Standing::NoKey);
    assert_eq!(client.health()[0].because, Some(ErrorKind::Authentication));
    // Once more, because nobody asked for a pause, and the key may have been mended; but once only.
    vendor.seen();
    let again = run(client.chat(("openai/gpt-4.1", "Hi"))).unwrap_err();
    assert_eq!((again.attempts().len(), vendor.seen().len()), (1, 1));
}

#[test]
fn a_pause_that_one_model_is_asked_for_is_one_for_all_that_share_its_quota_and_for_no_other() {
    let models = ["gpt-4.1", "gpt-4.1-mini", "gpt-4o"];
    let pooled = ["openai/gpt-4.1", "openai/gpt-4.1-mini"];
    let whole = ["openai"];
    for (pool, resting) in [(None, 1), (Some(&pooled[..]), 2), (Some(&whole[..]), 3)] {
        let (clock, vendor) = (virtual_clock(), Vendor::default());
        let settings = Settings::vendor("openai").api_keys(["key-one", "key-two"]);
        let mut builder = builder(&clock).vendor(settings).transport(vendor.clone());
        if let Some(pool) = pool {
            builder = builder.quota_pool(pool.iter().copied());
        }
        let client = builder.build().unwrap();
        for model in models {
            run(client.chat((format!("openai/{model}"), "Hi"))).unwrap();
        }
        vendor.refuse("key-one", 429, Some("30"));
        vendor.refuse("key-two", 429, Some("30"));
        assert!(run(client.chat(("openai/gpt-4.1", "Hi"))).is_err());

        let standings: Vec<_> = client.health().iter().map(|target| target.standing).collect();
        assert_eq!(standings.iter().filter(|standing| **standing == Standing::Throttled).count(), resting);
        // The other key of the pool is another allowance.
        vendor.accept("key-two");
        run(clock.sleep(Duration::from_secs(31)));
        run(client.chat(("openai/gpt-4.1", "Hi"))).unwrap();
        vendor.seen();
        for _ in 0..4 {
            run(client.chat(("openai/gpt-4.1-mini", "Hi"))).unwrap();
        }
        let asked = vendor.seen().iter().filter(|key| *key == "key-one").count();
        assert!(asked <= 1, "{asked}: each target finds out once, and a pool once for all");
    }
}

#[test]
fn a_call_goes_past_every_target_of_a_pool_that_rests() {
    let clock = virtual_clock();
    let (a, b) = (ScriptedProvider::new("a"), ScriptedProvider::new("b"));
    b.always(|| Reply::text("hi"));
    a.then(Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(Duration::from_secs(60)));
    let client = builder(&clock)
        .provider(a.clone())
        .provider(b)
        .quota_pool(["a/one", "a/two"])
        .route("all", Route::ordered(["a/one", "a/two", "b/m"]))
        .build()
        .unwrap();

    let attempts = run(client.chat(("all", "Hi"))).unwrap();

    assert_eq!(trace(attempts.attempts()), ["a/one first rate_limited", "b/m failover answered"]);
    assert_eq!(a.calls().len(), 1);
}

#[test]
fn a_vendor_that_counts_families_together_has_a_pool_for_each_of_them() {
    let clock = virtual_clock();
    let habits = Habits::UNKNOWN.quota_families(&["big-", "small-"]);
    let a = ScriptedProvider::new("a").with_habits(habits).always(|| Reply::text("hi"));
    let client = builder(&clock).provider(a.clone()).quota_pool(["a/big-own"]).build().unwrap();
    for model in ["big-1", "big-2", "big-own", "other", "small-1"] {
        run(client.chat((format!("a/{model}"), "Hi"))).unwrap();
    }
    a.then(Error::new(ErrorKind::RateLimited, "slow down").with_retry_after(Duration::from_secs(60)));
    assert!(run(client.chat(("a/big-1", "Hi"))).is_err());

    let health = client.health();
    let resting = health.iter().filter(|target| target.standing == Standing::Throttled);
    let resting: Vec<_> = resting.map(|target| target.target.model()).collect();

    assert_eq!(resting, ["big-1", "big-2"]);
    let anthropic = polyroute::provider::vendor::find("anthropic").unwrap().habits;
    assert_eq!(anthropic.quota_families, ["claude-opus-4", "claude-sonnet-4"]);
}

#[test]
fn a_pool_of_strangers_is_refused_by_name() {
    let clock = virtual_clock();
    for (pools, why) in [
        (vec![vec!["nobody/m"]], "no such provider"),
        (vec![vec!["openai/gpt-4.1"], vec!["openai/gpt-4.1"]], "already"),
        (vec![vec!["openai/gpt-4.1", "a/m"]], "number of keys"),
        (vec![vec!["openai/"]], "openai/"),
    ] {
        let settings = Settings::vendor("openai").api_keys(["key-one", "key-two"]);
        let mut builder = builder(&clock).vendor(settings).provider(ScriptedProvider::new("a"));
        for pool in pools {
            builder = builder.quota_pool(pool);
        }

        let error = builder.build().unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.message().contains(why), "{error}");
    }
}

#[test]
fn a_provider_that_asks_to_be_left_alone_for_no_time_is_not_asked_again_at_once() {
    for hint in ["0", "0.0", "Wed, 21 Oct 2015 07:28:00 GMT"] {
        let (clock, vendor) = (virtual_clock(), Vendor::default());
        let settings = Settings::vendor("openai").api_keys(["key-one"]);
        let client = builder(&clock).vendor(settings).transport(vendor.clone()).build().unwrap();
        vendor.refuse("key-one", 429, Some(hint));

        let error = run(client.chat(("openai/gpt-4.1", "Hi"))).unwrap_err();

        let began: Vec<_> = error.attempts().iter().map(|attempt| attempt.started_after).collect();
        assert_eq!((error.kind(), began.len()), (ErrorKind::RateLimited, 3));
        assert!(began[1] >= Duration::from_secs(1) && began[2] >= Duration::from_secs(3), "{began:?}");
    }
}
