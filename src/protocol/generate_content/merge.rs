//! Lays a caller's extra fields over generated ones.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::wire::{Rest, fields};
use crate::error::{Error, ErrorKind, Result};
use crate::types::Json;

/// `own` with the fields of `theirs`; objects one level down are merged as well. Order and spelling are kept.
pub(super) fn merge(own: &Json, theirs: &Json) -> Result<Json> {
    let refused =
        || Error::new(ErrorKind::InvalidRequest, "an extra generationConfig or toolConfig is no JSON object");
    let mut merged: Vec<(Cow<'_, str>, Level<'_>)> = fields(own.as_str())
        .unwrap_or_default()
        .into_iter()
        .map(|(name, raw)| (name, Level::Raw(raw)))
        .collect();
    for (name, theirs) in fields(theirs.as_str()).ok_or_else(refused)? {
        let Some((_, known)) = merged.iter_mut().find(|(known, _)| *known == name) else {
            merged.push((name, Level::Raw(theirs)));
            continue;
        };
        *known = match (&*known, fields(theirs.get())) {
            // A schema is one thing; two halves of two schemas are none.
            (Level::Raw(own), Some(inner)) if name != "responseJsonSchema" => match fields(own.get()) {
                Some(own) => Level::Object(overlaid(own, inner)),
                None => Level::Raw(theirs),
            },
            _ => Level::Raw(theirs),
        };
    }
    Json::from_value(&Level::Top(merged))
}

fn overlaid<'a>(mut own: Rest<'a>, theirs: Rest<'a>) -> Rest<'a> {
    for (name, value) in theirs {
        match own.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => own.push((name, value)),
        }
    }
    own
}

enum Level<'a> {
    Raw(&'a RawValue),
    Object(Rest<'a>),
    Top(Vec<(Cow<'a, str>, Self)>),
}

impl Serialize for Level<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        match self {
            Self::Raw(raw) => raw.serialize(serializer),
            Self::Object(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
            Self::Top(fields) => serializer.collect_map(fields.iter().map(|(name, value)| (name, value))),
        }
    }
}
