//! Is a call sensitive, by the tags that its route names or by what it says?

use std::borrow::Cow;

use base64::Engine as _;

use super::Inner;
use crate::routing::{Detection, RequestFacts, is_sensitive};
use crate::types::{ChatRequest, MediaSource, Part, Sensitivity, Tool};

/// Marks `facts` as sensitive where the route `model` says that a call with such tags, or such texts, is.
pub(super) fn guard(
    inner: &Inner,
    model: &str,
    facts: &mut RequestFacts,
    mut texts: impl Iterator<Item = impl AsRef<str>>,
) {
    let Some(route) = inner.registry.routes.get(model) else { return };
    // A tag that is demanded of the target is a tag of the call; how it is written does not make data public.
    let is = |tag: &str, known: &str| tag.strip_prefix('&').unwrap_or(tag).eq_ignore_ascii_case(known);
    let is_tagged =
        facts.labels.tags.iter().any(|tag| route.sensitive.tags.iter().any(|known| is(tag, known)));
    let mut is_found =
        || route.sensitive.detection == Detection::On && texts.any(|text| is_sensitive(text.as_ref()));
    if is_tagged || is_found() {
        facts.sensitivity = Sensitivity::Sensitive;
    }
}

/// Everything in `request` that is text, one piece after the other. Pictures and sound are not looked at.
pub(super) fn texts_of(request: &ChatRequest) -> impl Iterator<Item = Cow<'_, str>> {
    let parts = request.messages.iter().flat_map(|message| &message.parts);
    parts.flat_map(texts_of_part).chain(request.tools.iter().flat_map(texts_of_tool))
}

fn one(text: &str) -> Vec<Cow<'_, str>> {
    vec![Cow::Borrowed(text)]
}

fn texts_of_part(part: &Part) -> Vec<Cow<'_, str>> {
    match part {
        Part::Text(text) => one(&text.text),
        Part::ToolCall(call) => one(call.arguments.as_str()),
        Part::ToolResult(result) => result.content.iter().flat_map(texts_of_part).collect(),
        Part::Reasoning(reasoning) => one(&reasoning.text),
        Part::Refusal(refusal) => one(&refusal.text),
        Part::Opaque(opaque) => one(opaque.json.as_str()),
        Part::Document(document) => {
            let name = document.name.as_deref().map(Cow::Borrowed);
            name.into_iter().chain(texts_of_source(&document.source)).collect()
        }
        Part::Audio(audio) => {
            let said = audio.transcript.as_deref().map(Cow::Borrowed);
            said.into_iter().chain(texts_of_source(&audio.source)).collect()
        }
        Part::Image(image) => texts_of_source(&image.source).collect(),
        Part::Video(video) => texts_of_source(&video.source).collect(),
    }
}

/// An address may hold what it asks for; a file of text is read.
fn texts_of_source(source: &MediaSource) -> impl Iterator<Item = Cow<'_, str>> {
    let text = match source {
        MediaSource::Url(url) => Some(Cow::Borrowed(url.as_str())),
        MediaSource::Base64 { media_type, data } if is_text(media_type) => {
            let bytes = base64::engine::general_purpose::STANDARD.decode(data).ok();
            bytes.map(|bytes| Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()))
        }
        MediaSource::Base64 { .. } | MediaSource::FileId(_) => None,
    };
    text.into_iter()
}

fn is_text(media_type: &str) -> bool {
    let media_type = media_type.to_ascii_lowercase();
    let bare = media_type.split(';').next().unwrap_or_default().trim();
    bare.starts_with("text/")
        || bare == "application/json"
        || bare == "application/xml"
        || bare.ends_with("+json")
        || bare.ends_with("+xml")
}

fn texts_of_tool(tool: &Tool) -> impl Iterator<Item = Cow<'_, str>> {
    let builtin = tool.builtin.as_ref().map(|builtin| builtin.json.as_str());
    let parameters = tool.parameters.as_ref().map(|parameters| parameters.as_str());
    [tool.description.as_deref(), parameters, builtin].into_iter().flatten().map(Cow::Borrowed)
}
