//! Perplexity: prices only. Its chat completions ended on 2026-09-27: <https://docs.perplexity.ai> (collected 2026-11-22).

use super::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "perplexity",
    aliases: &[],
    title: "Perplexity",
    base_url: "https://api.perplexity.ai/v1",
    base_url_env: None,
    key_env: &["PERPLEXITY_API_KEY"],
    key: KeyStyle::Bearer,
    headers: &[],
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
