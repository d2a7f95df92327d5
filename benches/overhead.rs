//! CPU time of the whole pipeline against a loopback vendor, beside plain reqwest and `serde_json::Value` doing the same
//! call, both in the same run on one thread with 64 calls in flight. Only ratios mean something.

#![expect(
    clippy::expect_used,
    clippy::float_arithmetic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement"
)]

mod support;

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use futures::stream::{FuturesUnordered, StreamExt as _};
use polyroute::provider::Call;
use polyroute::resilience::{HedgePolicy, ProbePolicy};
use polyroute::types::{Reply, TimeLimits};
use polyroute::{ChatRequest, Client, Provider, Route, Settings, StreamEvent, Usage, async_trait};
use serde_json::{Value, json};
use support::{Server, completion, median, prompt, stream, thread_cpu_ns};
use tokio::runtime::Runtime;
use tracing::span;

const IN_FLIGHT: usize = 64;
const CHUNKS: usize = 64;
const BUILDS: u32 = 20;

/// Takes every span, as a real exporter would, and does nothing with it.
struct EverySpan(AtomicU64);

impl tracing::Subscriber for EverySpan {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target().starts_with("polyroute")
    }
    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn event(&self, _: &tracing::Event<'_>) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

fn client(url: &str) -> Client {
    let vendor = |name: &str| Settings::vendor("openai").name(name).api_key("sk-bench").base_url(url);
    Client::builder()
        .vendor(vendor("a"))
        .vendor(vendor("b"))
        .vendor(vendor("c"))
        .route("smart", Route::ordered(["a/gpt-4.1", "b/gpt-4.1", "c/gpt-4.1"]))
        .build()
        .expect("a client")
}

fn plain() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().tls_certs_only([]).build().expect("a client")
}

async fn ours(client: &Client, prompt: &str) {
    let answer = client.chat(ChatRequest::from(("smart", prompt)).temperature(0.5)).await.expect("an answer");
    assert!(answer.cost().is_some() && answer.attempts().len() == 1);
    black_box(answer.text());
}

async fn theirs(client: &reqwest::Client, url: &str, prompt: &str) {
    let body =
        json!({"model": "gpt-4.1", "temperature": 0.5, "messages": [{"role": "user", "content": prompt}]});
    let bytes = client
        .post(format!("{url}/chat/completions"))
        .bearer_auth("sk-bench")
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&body).expect("JSON"))
        .send()
        .await
        .expect("an answer")
        .bytes()
        .await
        .expect("a body");
    let value: Value = serde_json::from_slice(&bytes).expect("JSON");
    black_box(value["choices"][0]["message"]["content"].as_str().expect("text").to_owned());
}

async fn our_stream(client: &Client, prompt: &str) {
    let mut events = client.chat_stream(("smart", prompt)).await.expect("a stream");
    let mut texts = 0;
    while let Some(event) = events.next().await {
        if let StreamEvent::Text(text) = event.expect("an event") {
            texts += usize::from(!black_box(text).is_empty());
        }
    }
    assert_eq!(texts, CHUNKS);
}

async fn their_stream(client: &reqwest::Client, url: &str, prompt: &str) {
    let body = json!({"model": "gpt-4.1", "stream": true, "stream_options": {"include_usage": true},
                      "messages": [{"role": "user", "content": prompt}]});
    let mut response = client
        .post(format!("{url}/chat/completions"))
        .bearer_auth("sk-bench")
        .header("content-type", "application/json")
        .body(serde_json::to_vec(&body).expect("JSON"))
        .send()
        .await
        .expect("an answer");
    let (mut buffer, mut texts) = (Vec::new(), 0);
    while let Some(bytes) = response.chunk().await.expect("bytes") {
        buffer.extend_from_slice(&bytes);
        while let Some(end) = buffer.windows(2).position(|window| window == b"\n\n") {
            if let Some(data) = buffer[..end].strip_prefix(b"data: ")
                && data != b"[DONE]"
            {
                let value: Value = serde_json::from_slice(data).expect("JSON");
                if let Some(text) = value["choices"][0]["delta"]["content"].as_str() {
                    texts += usize::from(!black_box(text.to_owned()).is_empty());
                }
            }
            buffer.drain(..end + 2);
        }
    }
    assert_eq!(texts, CHUNKS);
}

/// CPU nanoseconds of this thread for `calls` calls with 64 in flight.
fn cpu<F: Future<Output = ()>>(runtime: &Runtime, calls: usize, mut call: impl FnMut() -> F) -> f64 {
    runtime.block_on(async {
        let before = thread_cpu_ns();
        let mut running = FuturesUnordered::new();
        for _ in 0..calls {
            if running.len() == IN_FLIGHT {
                running.next().await;
            }
            running.push(call());
        }
        while running.next().await.is_some() {}
        (thread_cpu_ns() - before) as f64 / calls as f64
    })
}

/// The median ratio of interleaved rounds, so that what disturbs one side disturbs the other.
fn compare(
    name: &str,
    per: usize,
    limit: f64,
    mut ours: impl FnMut() -> f64,
    mut theirs: impl FnMut() -> f64,
) {
    let rounds: Vec<(f64, f64)> = (0..15).map(|_| (ours(), theirs())).skip(2).collect();
    let ratio = median(rounds.iter().map(|(ours, theirs)| ours / theirs).collect());
    let of = |side: fn(&(f64, f64)) -> f64| median(rounds.iter().map(side).collect()) / per as f64 / 1000.0;
    println!(
        "{name}: polyroute {:.2} us CPU, plain reqwest + Value {:.2} us CPU, ratio {ratio:.2}x (limit {limit:.2}x)",
        of(|round| round.0),
        of(|round| round.1),
    );
}

/// What a client costs before its first call: the system's TLS roots must not be part of it.
fn build_cost() {
    let rounds = |work: fn()| {
        let each = || {
            let before = thread_cpu_ns();
            for _ in 0..BUILDS {
                work();
            }
            (thread_cpu_ns() - before) as f64 / 1_000_000.0 / f64::from(BUILDS)
        };
        median((0..7).map(|_| each()).collect())
    };
    let ours = rounds(|| drop(black_box(client("https://api.openai.com/v1"))));
    let roots = rounds(|| drop(black_box(reqwest::Client::builder().no_proxy().build())));
    println!("building a client: {ours:.3} ms CPU; reqwest with the system's TLS roots: {roots:.3} ms CPU");
}

/// Answers at once, in process: what is left is the pipeline itself.
#[derive(Debug)]
struct AtOnce(&'static str, usize);

#[async_trait]
impl Provider for AtOnce {
    fn name(&self) -> &str {
        self.0
    }

    fn keys(&self) -> usize {
        self.1
    }

    async fn chat(&self, _: Call<'_>) -> polyroute::Result<Reply> {
        Ok(Reply::text("Yes.").with_usage(Usage::of(10, 5)))
    }
}

/// The whole pipeline over providers that do nothing, beside the bare providers: planning, health, permits, budgets, records
/// and cost. Breakers and permits cannot be switched off, so what resilience adds is somewhere between what the features
/// that can be add, and everything.
fn resilience_cost(runtime: &Runtime) {
    let base = |keys| {
        Client::builder()
            .provider(AtOnce("a", keys))
            .provider(AtOnce("b", keys))
            .provider(AtOnce("c", keys))
            .route("smart", Route::ordered(["a/m", "b/m", "c/m"]))
    };
    let plain = base(1).build().expect("a client");
    let second = Duration::from_secs(1);
    let full = base(3)
        .hedging(HedgePolicy::default())
        .probes(ProbePolicy::default())
        .time_limits("smart", TimeLimits::new().first_token(20 * second))
        .time_limits("a/m", TimeLimits::new().answer(60 * second))
        .build()
        .expect("a client");
    let request = ChatRequest::from(("smart", "Is this quick?"));
    let ask = |client: &Client| {
        let (client, request) = (client.clone(), request.clone());
        async move {
            black_box(client.chat(request).await.expect("an answer"));
        }
    };
    let bare = || {
        let request = request.clone();
        async move {
            black_box(AtOnce("a", 1).chat(Call::new("m", &request)).await.expect("an answer"));
        }
    };
    let round = |_| {
        let full = cpu(runtime, 5000, || ask(&full));
        (full, full - cpu(runtime, 5000, || ask(&plain)), full - cpu(runtime, 5000, bare))
    };
    let rounds: Vec<(f64, f64, f64)> = (0..25).map(round).skip(5).collect();
    let of = |side: fn(&(f64, f64, f64)) -> f64| median(rounds.iter().map(side).collect()) / 1000.0;
    println!(
        "pipeline, in process, everything on: {:.2} us CPU per call, {:.2} us more than the bare provider, of which hedging, \
         probes, several keys and time limits {:.2} us (limit of all that resilience adds: 3.00 us)",
        of(|round| round.0),
        of(|round| round.2),
        of(|round| round.1),
    );
    assert!(of(|round| round.1) <= 3.0, "resilience adds more than 3 us");
}

fn overhead(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let prompt = prompt();

    build_cost();
    resilience_cost(&runtime);
    let whole = Server::start(vec![completion().into_bytes()]);
    let (url, client, plain) = (whole.url(), client(&whole.url()), plain());
    compare(
        "chat, 64 in flight, spans off, CPU per call",
        1,
        1.0,
        || cpu(&runtime, 2000, || ours(&client, &prompt)),
        || cpu(&runtime, 2000, || theirs(&plain, &url, &prompt)),
    );
    let spans = tracing::Dispatch::new(EverySpan(AtomicU64::new(0)));
    compare(
        "chat, 64 in flight, spans on, CPU per call",
        1,
        1.0,
        || tracing::dispatcher::with_default(&spans, || cpu(&runtime, 2000, || ours(&client, &prompt))),
        || cpu(&runtime, 2000, || theirs(&plain, &url, &prompt)),
    );
    criterion
        .bench_function("chat/polyroute", |bench| bench.iter(|| runtime.block_on(ours(&client, &prompt))));
    criterion.bench_function("chat/reqwest", |bench| {
        bench.iter(|| runtime.block_on(theirs(&plain, &url, &prompt)))
    });

    let streamed = Server::start(stream(CHUNKS));
    let (url, client) = (streamed.url(), self::client(&streamed.url()));
    compare(
        "stream of 64 chunks, spans on, CPU per chunk",
        CHUNKS,
        0.75,
        || tracing::dispatcher::with_default(&spans, || cpu(&runtime, 300, || our_stream(&client, &prompt))),
        || cpu(&runtime, 300, || their_stream(&plain, &url, &prompt)),
    );
    criterion.bench_function("stream/polyroute", |bench| {
        bench.iter(|| runtime.block_on(our_stream(&client, &prompt)))
    });
    criterion.bench_function("stream/reqwest", |bench| {
        bench.iter(|| runtime.block_on(their_stream(&plain, &url, &prompt)));
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = overhead
}
criterion_main!(benches);
