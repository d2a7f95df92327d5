//! Which targets want a call with these tags, and which targets the call wants.

use std::borrow::Cow;

use super::Candidates;

/// The rule of LiteLLM's tag routing. Once any target of a route is tagged:
/// * a call with tags goes to targets that share one; if there is none, to targets tagged `default`;
/// * a call without tags goes to targets tagged `default`; if there is none, to all;
/// * `!tag` leaves targets with the tag out, `&tag` demands it; both hold beside the rest.
#[derive(Debug)]
pub(super) struct Wanted {
    shared: Vec<String>,
    required: Vec<String>,
    excluded: Vec<String>,
    fallback: Fallback,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fallback {
    /// No target is tagged, or none asks for anything.
    Anything,
    /// Only targets tagged `default`.
    Default,
    /// Only targets that share a tag.
    Shared,
}

impl Wanted {
    /// What a call with `tags` means for these candidates.
    pub(super) fn new(tags: &[String], candidates: &Candidates) -> Self {
        let mut wanted = Self {
            shared: Vec::new(),
            required: Vec::new(),
            excluded: Vec::new(),
            fallback: Fallback::Anything,
        };
        if !candidates.plain.tagged {
            return wanted;
        }
        for tag in tags {
            if let Some(tag) = tag.strip_prefix('!') {
                wanted.excluded.push(tag.to_owned());
            } else if let Some(tag) = tag.strip_prefix('&') {
                wanted.required.push(tag.to_owned());
            } else {
                wanted.shared.push(tag.clone());
            }
        }
        let rows = candidates.as_slice();
        let any = |tag: &str| rows.iter().any(|row| row.traits.tags.iter().any(|own| **own == *tag));
        wanted.fallback = if wanted.shared.iter().any(|tag| any(tag)) {
            Fallback::Shared
        } else if any(DEFAULT) && wanted.required.is_empty() {
            Fallback::Default
        } else if wanted.shared.is_empty() {
            Fallback::Anything
        } else {
            Fallback::Shared
        };
        wanted
    }

    /// Why a target with these tags is not wanted.
    pub(super) fn refuses(&self, own: &[Box<str>]) -> Option<Cow<'static, str>> {
        let has = |tag: &String| own.iter().any(|own| **own == **tag);
        if let Some(tag) = self.excluded.iter().find(|tag| has(tag)) {
            return Some(Cow::Owned(format!("it is tagged {tag}, which the call excludes")));
        }
        if let Some(tag) = self.required.iter().find(|tag| !has(tag)) {
            return Some(Cow::Owned(format!("it is not tagged {tag}, which the call requires")));
        }
        match self.fallback {
            Fallback::Anything => None,
            Fallback::Shared if self.shared.iter().any(has) => None,
            Fallback::Shared => Some(Cow::Borrowed("it shares no tag with the call")),
            Fallback::Default if own.iter().any(|own| **own == *DEFAULT) => None,
            Fallback::Default => Some(Cow::Borrowed("it is not tagged default, and no target shares a tag")),
        }
    }
}

const DEFAULT: &str = "default";
