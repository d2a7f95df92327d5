//! Reads the built-in tables, `src/provider/vendor/*/models.json`.
//!
//! A table is a JSON object with `schema` (1), `as_of` (the day its facts were checked), `provider`, `fields` (the names
//! of a row's places) and `models`: one row per line, each an array whose trailing empty places are left out.
//!
//! | place | field | meaning |
//! |---|---|---|
//! | 0 | `id` | what goes into the request |
//! | 1 | `price` | see below; empty: unknown |
//! | 2 | `capabilities` | letters of [`Capability`](super::Capability): small for yes, capital for no, absent for unknown |
//! | 3 | `context_window` | tokens; 0: unknown |
//! | 4 | `max_output_tokens` | tokens; 0: unknown |
//! | 5 | `mode` | empty: chat |
//! | 6 | `max_input_tokens` | tokens; 0: unknown |
//! | 7 | `deprecated` | the day it is switched off; empty: unknown |
//! | 8 | `aliases` | other names with the same price and limits |
//!
//! A price is sections separated by ` | `. The first holds the standard rates: a letter of [`Charge`](super::Charge)
//! and a decimal, in dollars unless a currency such as `EUR` stands in front. Every other section begins with what it
//! is for:
//!
//! | section | for |
//! |---|---|
//! | `>272001 i5 o22.5` | prompts of at least 272,001 tokens |
//! | `@batch i1.25 o7.5` | the service tier `batch` |
//! | `@batch>272001 i2.5` | long prompts on the service tier `batch` |
//! | `12345/01:00-04:00 i0.3` | these hours (UTC) on these weekdays, Monday first |
//! | `from:2027-01-01 i1.5` | every day from this one on; `from:2027-01-01>272001` for long prompts |
//! | `in:us-data-zone i2.75` | requests pinned to this region |
//! | `in:eu *1.1` | requests pinned to this region: a factor on all token rates |
//!
//! Capability letters: s streaming, t tools, p parallel tools, c tool choice, v vision, d PDF, a sound in, o sound out,
//! m film in, j JSON schema, r reasoning, k prompt caching, y system messages, w web search, x sampling parameters,
//! f assistant prefill, b batch, u computer use, z reasoning always on.
//!
//! Charge letters: i input, o output, c cached input, w x y z cache writes of 5 minutes, 30 minutes, 1 hour, 12 hours,
//! r reasoning, a A sound in and out, b cached sound, g G pictures in and out, h cached pictures, v V film in and out,
//! q citations (all per million tokens); R request, s thousand web searches, k thousand rerank searches, p thousand
//! pages, H hour of sound, C million characters, u thousand prompts answered from web searches, m thousand answered from
//! maps, F thousand pages fetched, f thousand searches of files, e thousand programs run.

use std::borrow::Cow;

use serde::Deserialize;

use super::{Capabilities, Mode, Model, notation};
use crate::error::{Error, ErrorKind, Result};
use crate::types::PriceSource;

/// Reads a whole table.
pub(super) fn models(json: &'static str) -> Result<Vec<Model>> {
    let table: TableFile<'static> = serde_json::from_str(json).map_err(|error| unreadable(&error))?;
    if table.schema != 1 {
        return Err(Error::new(
            ErrorKind::Configuration,
            "the table has a schema this version does not know",
        ));
    }
    table.models.into_iter().map(|row| model(row, table.as_of)).collect()
}

/// A file that is not the JSON it should be. `serde_json::Error` quotes the text; only its place is printed.
pub(super) fn unreadable(error: &serde_json::Error) -> Error {
    Error::new(
        ErrorKind::Configuration,
        format!("the table cannot be read, line {} column {}", error.line(), error.column()),
    )
}

#[derive(Deserialize)]
struct TableFile<'a> {
    schema: u32,
    #[serde(borrow)]
    as_of: &'a str,
    #[serde(borrow)]
    models: Vec<Row<'a>>,
}

/// Read from an array; places left out at the end have their default.
#[derive(Deserialize)]
struct Row<'a> {
    #[serde(borrow)]
    id: &'a str,
    #[serde(borrow, default)]
    price: &'a str,
    #[serde(borrow, default)]
    capabilities: &'a str,
    #[serde(default)]
    context_window: u64,
    #[serde(default)]
    max_output_tokens: u64,
    #[serde(borrow, default)]
    mode: &'a str,
    #[serde(default)]
    max_input_tokens: u64,
    #[serde(borrow, default)]
    deprecated: &'a str,
    #[serde(borrow, default)]
    aliases: Vec<&'a str>,
}

fn model(row: Row<'static>, as_of: &'static str) -> Result<Model> {
    let known = |tokens: u64| (tokens > 0).then_some(tokens);
    let mut model = Model::new(row.id);
    model.aliases = row.aliases.into_iter().map(Cow::Borrowed).collect();
    model.mode = Mode::from_key(row.mode);
    model.context_window = known(row.context_window);
    model.max_input_tokens = known(row.max_input_tokens);
    model.max_output_tokens = known(row.max_output_tokens);
    model.capabilities = Capabilities::from_letters(row.capabilities);
    model.deprecation = if row.deprecated.is_empty() { None } else { Some(row.deprecated.parse()?) };
    model.price = if row.price.is_empty() { None } else { Some(notation::price(row.price)?) };
    model.source = PriceSource::Catalogue(Cow::Borrowed(as_of));
    Ok(model)
}
