//! Google Cloud Vertex AI: prices only. Register a provider of your own under this name to call it.
//!
//! The address depends on the account: `https://{location}-aiplatform.googleapis.com/v1/projects/{project}/locations/{location}`.
//! It wants short-lived OAuth tokens, so no variable holds a key.

use super::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

pub(crate) const BUILTIN: Vendor = Vendor {
    name: "vertex",
    aliases: &["vertex_ai"],
    title: "Google Cloud Vertex AI",
    base_url: "",
    base_url_env: None,
    key_env: &[],
    key: KeyStyle::Bearer,
    headers: &[],
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
