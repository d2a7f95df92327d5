//! OpenAI's judgements.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};

use super::{OpenAiModerations, unwritable};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::object::{Extras, Object};
use crate::protocol::{EncodeFor, Encoded, Path, Procedure, RawAnswer, WireFailure, unreadable};
use crate::types::{Moderation, ModerationReply, ModerationRequest, Wire};

impl Procedure<ModerationRequest, ModerationReply> for OpenAiModerations {
    fn encode(&self, request: &ModerationRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let body = serde_json::to_vec(&Body { request, target }).map_err(|_| unwritable())?;
        Ok(Encoded::new(Path::Fixed("moderations"), body))
    }

    fn decode(&self, answer: RawAnswer<'_>, request: &ModerationRequest) -> Result<ModerationReply> {
        let own: Answer =
            serde_json::from_slice(&answer.body).map_err(|error| unreadable("the judgements", &error))?;
        if own.results.is_empty() && WireFailure::parse(&answer.body).message.is_some() {
            return Err(WireFailure::parse(&answer.body).into_error(200));
        }
        if own.results.len() != request.inputs.len() {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                format!("{} judgements came back for {} texts", own.results.len(), request.inputs.len()),
            ));
        }
        let results = own.results.into_iter().map(Item::judgement).collect();
        let mut reply = ModerationReply::new(results);
        reply.facts.model = own.model;
        Ok(reply)
    }
}

struct Body<'a> {
    request: &'a ModerationRequest,
    target: EncodeFor<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let extra = Extras::of(&self.request.extra, Wire::ChatCompletions, self.target.provider);
        let mut object = Object::begin(serializer, &extra)?;
        object.put("model", self.target.model)?;
        object.put("input", &self.request.inputs)?;
        object.end()
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    results: Vec<Item>,
    model: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    flagged: Option<bool>,
    /// A category that does not apply to the kind of input is null.
    #[serde(default)]
    categories: BTreeMap<String, Option<bool>>,
    #[serde(default)]
    category_scores: BTreeMap<String, Option<f64>>,
}

impl Item {
    fn judgement(self) -> Moderation {
        let known = |(name, value): (String, Option<bool>)| Some((name, value?));
        let scored = |(name, value): (String, Option<f64>)| Some((name, value?));
        Moderation {
            flagged: self.flagged,
            categories: self.categories.into_iter().filter_map(known).collect(),
            scores: self.category_scores.into_iter().filter_map(scored).collect(),
        }
    }
}
