//! The stream decoders alone: nanoseconds and allocations for each event.

#![expect(clippy::expect_used, clippy::float_arithmetic, clippy::print_stdout, reason = "a measurement")]

mod support;

use std::alloc::System;
use std::collections::VecDeque;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures::stream::{FuturesUnordered, StreamExt as _};
use polyroute::protocol::Protocol;
use polyroute::provider::vendor;
use polyroute::transport::SseDecoder;
use polyroute::{Client, Settings};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Server, events};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CHUNKS: usize = 1000;

fn decode(protocol: &dyn Protocol, bytes: &[u8], piece: usize) -> usize {
    let (mut sse, mut chat) = (SseDecoder::new(1 << 20), protocol.chat_decoder());
    let (mut ready, mut count) = (VecDeque::new(), 0);
    for piece in bytes.chunks(piece) {
        sse.push(piece, |event| chat.event(event.name, event.data, &mut ready)).expect("an event");
        while let Some(event) = ready.pop_front() {
            black_box(event);
            count += 1;
        }
    }
    chat.end(&mut ready).expect("the end");
    count + ready.len()
}

/// Opens `count` streams, each on a connection of its own, and counts the memory they hold once their first text has come.
fn held(count: usize) {
    let server = Server::paced(support::stream(64), Some((40, Duration::from_secs(5))));
    let client = Client::builder()
        .vendor(Settings::vendor("openai").api_key("sk-bench").base_url(server.url()))
        .build()
        .expect("a client");
    let prompt = support::prompt();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        // The first connection sets up what all of them share.
        drop(client.chat_stream(("openai/gpt-4.1", prompt.as_str())).await.expect("a stream"));
        let region = Region::new(ALLOCATOR);
        let opened: FuturesUnordered<_> =
            (0..count).map(|_| client.chat_stream(("openai/gpt-4.1", prompt.as_str()))).collect();
        let streams: Vec<_> = opened.collect().await;
        assert!(streams.iter().all(Result::is_ok));
        let change = region.change();
        let bytes = change.bytes_allocated as f64 + change.bytes_reallocated as f64 - change.bytes_deallocated as f64;
        println!(
            "{count} open streams hold {:.1} KB per stream, the loopback server's buffers included (limit 37 KB)",
            bytes / count as f64 / 1000.0
        );
    });
}

fn stream(criterion: &mut Criterion) {
    held(1000);
    let bytes = events(CHUNKS).concat().into_bytes();
    let chat = vendor::find("openai").and_then(|vendor| vendor.chat).expect("OpenAI speaks chat");
    let mut group = criterion.benchmark_group("stream");
    group.throughput(Throughput::Elements(CHUNKS as u64));
    for piece in [1, 64, 1400, 16384] {
        let region = Region::new(ALLOCATOR);
        let count = decode(chat, &bytes, piece);
        let stats = region.change();
        println!(
            "stream in pieces of {piece} bytes: {:.2} allocations per event, {:.0} bytes per event",
            stats.allocations as f64 / count as f64,
            stats.bytes_allocated as f64 / count as f64
        );
        group
            .bench_function(format!("pieces of {piece}"), |bench| bench.iter(|| decode(chat, &bytes, piece)));
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = stream
}
criterion_main!(benches);
