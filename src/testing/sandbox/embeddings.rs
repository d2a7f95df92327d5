//! OpenAI's embeddings.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::check::{Checked, Denial, count, only, strings, text};

/// The model that was asked for, and vectors that depend on the texts: equal texts have equal vectors of length 1.
pub(super) fn answer(body: &Value) -> Checked<(String, Value)> {
    only(body, KNOWN, |name| format!("Unrecognized request argument supplied: {name}"))?;
    let model = text(body, "model");
    if model.is_empty() {
        return Err(Denial::invalid("you must provide a model parameter"));
    }
    let inputs = strings(body.get("input"));
    if inputs.is_empty() || inputs.iter().any(String::is_empty) {
        return Err(Denial::invalid("'$.input' is invalid. Please check the API reference."));
    }
    let dimensions = count(body, "dimensions")?.unwrap_or(8).min(MOST_DIMENSIONS);
    let base64 = match text(body, "encoding_format") {
        "" | "float" => false,
        "base64" => true,
        other => {
            return Err(Denial::invalid(format!(
                "Invalid value: '{other}'. Supported: 'float' and 'base64'."
            )));
        }
    };
    let vectors: Vec<_> = inputs
        .iter()
        .enumerate()
        .map(|(index, input)| {
            let vector = vector(input, dimensions);
            let embedding = if base64 {
                json!(
                    STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
                )
            } else {
                json!(vector)
            };
            json!({"object": "embedding", "index": index, "embedding": embedding})
        })
        .collect();
    let tokens = inputs.iter().map(|input| input.len() / 4 + 1).sum::<usize>();
    let usage = json!({"prompt_tokens": tokens, "total_tokens": tokens});
    Ok((model.to_owned(), json!({"object": "list", "model": model, "data": vectors, "usage": usage})))
}

#[expect(clippy::float_arithmetic, reason = "vectors are made of floats")]
fn vector(input: &str, dimensions: u64) -> Vec<f32> {
    let seed = input.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut numbers = fastrand::Rng::with_seed(seed);
    let raw: Vec<f32> = (0..dimensions).map(|_| numbers.f32() - 0.5).collect();
    let length = raw.iter().map(|value| value * value).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
    raw.into_iter().map(|value| value / length).collect()
}

const KNOWN: &[&str] = &["model", "input", "dimensions", "encoding_format", "user"];
const MOST_DIMENSIONS: u64 = 4_096;
