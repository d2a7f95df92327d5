//! Anthropic. What surprises about it is in `docs.md` beside this file.

use crate::protocol::BatchWire;
use crate::protocol::messages::Messages;
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Anthropic's own API: <https://platform.claude.com/docs/en/api/overview> (read 2026-11-23).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "anthropic",
    aliases: &[],
    title: "Anthropic",
    base_url: "https://api.anthropic.com/v1",
    base_url_env: Some("ANTHROPIC_BASE_URL"),
    key_env: &["ANTHROPIC_API_KEY"],
    key: KeyStyle::Header("x-api-key"),
    headers: &[("anthropic-version", "2023-06-01")],
    chat: Some(&Messages),
    // Its limits are for all models of these families together: https://platform.claude.com/docs/en/api/rate-limits (seen in
    // copies, 2026-11-26).
    habits: Habits::UNKNOWN
        .cancelling(Cancelling::StopsBilling)
        .quota_families(&["claude-opus-4", "claude-sonnet-4"]),
    // https://platform.claude.com/docs/en/api/errors (read 2026-11-26)
    request_limit: Some(32 << 20),
    batch: Some(BatchWire::MessageBatches),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
