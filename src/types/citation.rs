//! Where an answer says it has something from.

use serde_json::Value;

use super::{Extra, Json, Part, Reply};

/// A source that an answer names. Every vendor has its own JSON for it, which is in the fields without a name of the text,
/// the message or the reply; this is what they have in common.
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Citation {
    /// Its address, where it has one.
    pub url: Option<String>,
    /// Its title.
    pub title: Option<String>,
    /// What is quoted from it, or the part of the answer that rests on it.
    pub text: Option<String>,
}

impl Reply {
    /// The sources the answer names, in the order of the answer, each once. Empty where there are none or the vendor tells
    /// them in a way that is not known here: citations of Anthropic and Cohere, annotations of OpenAI and OpenRouter,
    /// grounding of Gemini, search results of Perplexity.
    pub fn citations(&self) -> Vec<Citation> {
        let mut found = Vec::new();
        for part in &self.message.parts {
            if let Part::Text(text) = part {
                from_extra(&text.extra, &mut found);
            }
        }
        from_extra(&self.message.extra, &mut found);
        from_extra(&self.extra, &mut found);
        found
    }
}

fn from_extra(extra: &Extra, found: &mut Vec<Citation>) {
    // Perplexity tells the same sources twice; these have titles.
    let has_results = extra.get("search_results").is_some();
    for name in ["citations", "annotations", "search_results", "groundingMetadata"] {
        if name == "citations" && has_results {
            continue;
        }
        let Some(value) = extra.get(name).and_then(|json: &Json| json.parse::<Value>().ok()) else {
            continue;
        };
        let items = match name {
            "groundingMetadata" => value.get("groundingChunks").cloned().unwrap_or_default(),
            _ => value,
        };
        for item in items.as_array().into_iter().flatten() {
            for citation in read(item) {
                if !found.contains(&citation) {
                    found.push(citation);
                }
            }
        }
    }
}

fn read(item: &Value) -> Vec<Citation> {
    if let Some(url) = item.as_str() {
        return vec![Citation { url: Some(url.to_owned()), ..Citation::default() }];
    }
    let of = |value: &Value, names: &[&str]| {
        names.iter().find_map(|name| value.get(name).and_then(Value::as_str)).map(str::to_owned)
    };
    let text = of(item, &["cited_text", "text"]);
    let source = |value: &Value| Citation {
        url: of(value, &["url", "uri"]),
        title: of(value, &["title", "document_title", "filename"]),
        text: text.clone(),
    };
    let sources = match item.get("sources").and_then(Value::as_array) {
        // Cohere: one passage, several documents.
        Some(sources) => sources.iter().map(|own| source(own.get("document").unwrap_or(own))).collect(),
        None => {
            let inner = ["url_citation", "web", "retrievedContext"].iter().find_map(|name| item.get(name));
            vec![source(inner.unwrap_or(item))]
        }
    };
    sources.into_iter().filter(|citation| *citation != Citation::default()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::types::{Text, Wire};

    fn of(name: &str, value: Value) -> Vec<[Option<String>; 3]> {
        let mut reply = Reply::text("x");
        let mut text = Text::new("x");
        text.extra.insert(Wire::Messages, name, value);
        reply.message.parts = vec![text.into()];
        reply.citations().into_iter().map(|own| [own.url, own.title, own.text]).collect()
    }

    #[test]
    fn every_vendors_way_to_name_a_source_is_read() {
        let some = |text: &str| Some(text.to_owned());
        let page = [some("https://a.example/"), some("A"), None];
        let quoted = [some("https://a.example/"), some("A"), some("words")];

        let anthropic = json!([{"type": "web_search_result_location", "url": "https://a.example/", "title": "A", "cited_text": "words"}]);
        assert_eq!(of("citations", anthropic), [quoted]);
        let pages = json!([{"type": "char_location", "document_title": "Report", "cited_text": "words"}]);
        assert_eq!(of("citations", pages), [[None, some("Report"), some("words")]]);
        let responses =
            json!([{"type": "url_citation", "url": "https://a.example/", "title": "A", "start_index": 0}]);
        assert_eq!(of("annotations", responses), std::slice::from_ref(&page));
        let chat =
            json!([{"type": "url_citation", "url_citation": {"url": "https://a.example/", "title": "A"}}]);
        assert_eq!(of("annotations", chat), std::slice::from_ref(&page));
        let gemini = json!({"groundingChunks": [{"web": {"uri": "https://a.example/", "title": "A"}}]});
        assert_eq!(of("groundingMetadata", gemini), [page]);
        let cohere = json!([{"start": 0, "text": "words", "sources": [{"type": "document", "document": {"title": "Report"}}]}]);
        assert_eq!(of("citations", cohere), [[None, some("Report"), some("words")]]);
        let perplexity = json!(["https://a.example/", "https://a.example/"]);
        assert_eq!(of("citations", perplexity), [[some("https://a.example/"), None, None]]);
        assert_eq!(
            of("citations", json!("strange")).len() + of("annotations", json!([{}, 3, null])).len(),
            0
        );
    }
}
