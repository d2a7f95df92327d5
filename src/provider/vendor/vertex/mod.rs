//! Google Cloud Vertex AI. What surprises about it is in `docs.md` beside this file.

use crate::protocol::generate_content::{VertexEmbeddings, VertexGenerateContent};
use crate::protocol::media::GoogleMedia;
use crate::protocol::messages::VertexMessages;
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Cancelling, Habits};

/// Vertex AI in one project and region, with a short-lived token:
/// <https://cloud.google.com/vertex-ai/generative-ai/docs/learn/locations> (read 2026-11-25).
pub(crate) const BUILTIN: Vendor = Vendor {
    name: "vertex",
    aliases: &["vertex_ai"],
    title: "Google Cloud Vertex AI",
    base_url: "https://{region}-aiplatform.googleapis.com/v1/projects/{resource}/locations/{region}",
    base_url_env: None,
    resource_env: &["GOOGLE_CLOUD_PROJECT"],
    region_env: &["GOOGLE_CLOUD_LOCATION"],
    regions: &[
        ("global", "https://aiplatform.googleapis.com/v1/projects/{resource}/locations/global"),
        ("eu", "https://aiplatform.eu.rep.googleapis.com/v1/projects/{resource}/locations/eu"),
        ("us", "https://aiplatform.us.rep.googleapis.com/v1/projects/{resource}/locations/us"),
    ],
    key_env: &[],
    key: KeyStyle::Bearer,
    headers: &[],
    chat: Some(&VertexGenerateContent),
    families: &[("claude-", &VertexMessages)],
    embed: Some(&VertexEmbeddings),
    habits: Habits::UNKNOWN.cancelling(Cancelling::BilledToTheEnd),
    images: Some(&GoogleMedia::VERTEX),
    speech: Some(&GoogleMedia::VERTEX),
    models: include_str!("models.json"),
    ..Vendor::PLAIN
};
