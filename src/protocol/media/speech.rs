//! OpenAI's speech.

use std::borrow::Cow;

use serde::{Serialize, Serializer};

use super::{OpenAiSpeech, unwritable};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::object::{Extras, Object};
use crate::protocol::{EncodeFor, Encoded, Path, Procedure, RawAnswer, WireFailure};
use crate::types::{SpeechReply, SpeechRequest, Usage, Wire};

impl Procedure<SpeechRequest, SpeechReply> for OpenAiSpeech {
    fn encode(&self, request: &SpeechRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let body = serde_json::to_vec(&Body { request, target }).map_err(|_| unwritable())?;
        let mut encoded = Encoded::new(Path::Fixed("audio/speech"), body);
        encoded.headers.push(("accept", Cow::Borrowed("*/*")));
        Ok(encoded)
    }

    fn decode(&self, answer: RawAnswer<'_>, request: &SpeechRequest) -> Result<SpeechReply> {
        if answer.media_type.is_some_and(|kind| kind.contains("json")) {
            let failure = WireFailure::parse(&answer.body);
            return Err(match failure.message {
                Some(_) => failure.into_error(200),
                None => Error::new(ErrorKind::InvalidResponse, "the answer is JSON, not sound"),
            });
        }
        let mut reply = SpeechReply::new(answer.body);
        reply.media_type = answer.media_type.map(str::to_owned);
        // No count comes with the sound; models that are billed by the character need none.
        let characters = u64::try_from(request.text.chars().count()).ok();
        reply.facts.usage = Some(Usage { input_characters: characters, ..Usage::default() });
        Ok(reply)
    }
}

struct Body<'a> {
    request: &'a SpeechRequest,
    target: EncodeFor<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let extra = Extras::of(&self.request.extra, Wire::ChatCompletions, self.target.provider);
        let mut object = Object::begin(serializer, &extra)?;
        object.put("model", self.target.model)?;
        object.put("input", &self.request.text)?;
        object.put("voice", &self.request.voice)?;
        object.put_some("instructions", self.request.instructions.as_ref())?;
        object.put_some("response_format", self.request.format.as_ref())?;
        object.end()
    }
}
