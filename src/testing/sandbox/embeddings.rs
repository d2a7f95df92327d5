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
    if inputs.len() > MOST_INPUTS {
        return Err(Denial::invalid(format!(
            "'$.input' is invalid. Expected an array with maximum length {MOST_INPUTS}."
        )));
    }
    let dimensions =
        count(body, "dimensions")?.or(count(body, "output_dimension")?).unwrap_or(8).min(MOST_DIMENSIONS);
    let pack: fn(Vec<f32>) -> Value = match text(body, "encoding_format") {
        "" | "float" => |vector| json!(vector),
        "base64" => |vector| {
            json!(STANDARD.encode(vector.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>()))
        },
        // Perplexity's.
        "base64_int8" => |vector| {
            json!(STANDARD.encode(vector.iter().map(|value| signed_byte(*value)).collect::<Vec<_>>()))
        },
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
            json!({"object": "embedding", "index": index, "embedding": pack(vector(input, dimensions))})
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

#[expect(clippy::float_arithmetic, reason = "vectors are made of floats")]
#[expect(clippy::cast_possible_truncation, reason = "a number between -1 and 1 times 127 fits")]
fn signed_byte(value: f32) -> u8 {
    ((value * 127.0).round() as i8).cast_unsigned()
}

const KNOWN: &[&str] = &["model", "input", "dimensions", "output_dimension", "encoding_format", "user"];
const MOST_DIMENSIONS: u64 = 4_096;

/// <https://developers.openai.com/api/reference/resources/embeddings> (read 2026-11-26)
const MOST_INPUTS: usize = 2_048;
