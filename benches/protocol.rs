//! Writing a request and reading an answer in each format.

#![expect(clippy::expect_used, reason = "a measurement")]

mod support;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use polyroute::ChatRequest;
use polyroute::protocol::{EncodeFor, Mode};
use polyroute::provider::vendor;

const ANSWERS: [(&str, &str); 3] = [
    (
        "openai",
        r#"{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"Hello there, how can I help?"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":12,"total_tokens":21}}"#,
    ),
    (
        "anthropic",
        r#"{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text","text":"Hello there, how can I help?"}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":12}}"#,
    ),
    (
        "google",
        r#"{"candidates":[{"content":{"parts":[{"text":"Hello there, how can I help?"}],"role":"model"},"finishReason":"STOP","index":0}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":12,"totalTokenCount":21},"modelVersion":"m"}"#,
    ),
];

fn protocol(criterion: &mut Criterion) {
    let prompt = support::prompt();
    let request = ChatRequest::from(("x/m", prompt.as_str()))
        .system("Be brief.")
        .temperature(0.5)
        .max_output_tokens(100);
    for (name, answer) in ANSWERS {
        let chat = vendor::find(name).and_then(|vendor| vendor.chat).expect("it speaks chat");
        criterion.bench_function(&format!("{name}/encode 1 KB"), |bench| {
            bench.iter(|| chat.encode_chat(black_box(&request), EncodeFor::new(name, "m", Mode::Whole)));
        });
        criterion.bench_function(&format!("{name}/decode"), |bench| {
            bench.iter(|| chat.decode_chat(black_box(answer.as_bytes())).expect("an answer"));
        });
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).without_plots();
    targets = protocol
}
criterion_main!(benches);
