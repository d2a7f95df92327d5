//! OpenAI's pictures.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use super::{OpenAiImages, count, unwritable};
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::object::{Extras, Object};
use crate::protocol::{EncodeFor, Encoded, Path, Procedure, RawAnswer, WireFailure, unreadable};
use crate::types::{GeneratedImage, ImageContent, ImageReply, ImageRequest, Usage, Wire};

impl Procedure<ImageRequest, ImageReply> for OpenAiImages {
    fn encode(&self, request: &ImageRequest, target: EncodeFor<'_>) -> Result<Encoded> {
        let body = serde_json::to_vec(&Body { request, target }).map_err(|_| unwritable())?;
        Ok(Encoded::new(Path::Fixed("images/generations"), body))
    }

    fn decode(&self, answer: RawAnswer<'_>, _request: &ImageRequest) -> Result<ImageReply> {
        let own: Answer<'_> =
            serde_json::from_slice(&answer.body).map_err(|error| unreadable("the pictures", &error))?;
        if own.data.is_empty() {
            let failure = WireFailure::parse(&answer.body);
            return Err(match failure.message {
                Some(_) => failure.into_error(200),
                None => Error::new(ErrorKind::InvalidResponse, "the answer has no pictures"),
            });
        }
        let media_type = own.output_format.map(|format| format!("image/{format}"));
        let images = own.data.into_iter().map(|item| item.picture(media_type.clone()));
        let mut reply = ImageReply::new(images.collect::<Result<_>>()?);
        reply.facts.model = own.model;
        reply.facts.usage = own.usage.map(|counts| counts.usage());
        Ok(reply)
    }
}

struct Body<'a> {
    request: &'a ImageRequest,
    target: EncodeFor<'a>,
}

impl Serialize for Body<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let extra = Extras::of(&self.request.extra, Wire::ChatCompletions, self.target.provider);
        let mut object = Object::begin(serializer, &extra)?;
        object.put("model", self.target.model)?;
        object.put("prompt", &self.request.prompt)?;
        object.put_some("n", self.request.n.as_ref())?;
        object.put_some("size", self.request.size.as_ref())?;
        object.put_some("quality", self.request.quality.as_ref())?;
        object.end()
    }
}

#[derive(Deserialize)]
struct Answer<'a> {
    #[serde(default)]
    data: Vec<Item>,
    model: Option<String>,
    output_format: Option<String>,
    #[serde(borrow)]
    usage: Option<Counts<'a>>,
}

#[derive(Deserialize)]
struct Item {
    b64_json: Option<String>,
    url: Option<String>,
    revised_prompt: Option<String>,
}

impl Item {
    fn picture(self, media_type: Option<String>) -> Result<GeneratedImage> {
        let content = match (self.b64_json, self.url) {
            (Some(text), _) => {
                let data = STANDARD
                    .decode(text)
                    .map_err(|_| Error::new(ErrorKind::InvalidResponse, "a picture is not base64"))?;
                ImageContent::Bytes { media_type, data: data.into() }
            }
            (None, Some(url)) => ImageContent::Url(url),
            (None, None) => return Err(Error::new(ErrorKind::InvalidResponse, "a picture is missing")),
        };
        let mut image = GeneratedImage::new(content);
        image.revised_prompt = self.revised_prompt;
        Ok(image)
    }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts<'a> {
    #[serde(borrow)]
    input_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    output_tokens: Option<&'a RawValue>,
    #[serde(borrow)]
    input_tokens_details: Option<Details<'a>>,
    #[serde(borrow)]
    output_tokens_details: Option<Details<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Details<'a> {
    #[serde(borrow)]
    image_tokens: Option<&'a RawValue>,
}

impl Counts<'_> {
    fn usage(&self) -> Usage {
        let output = count(self.output_tokens);
        let image = |details: Option<&Details<'_>>| details.and_then(|details| count(details.image_tokens));
        Usage {
            input_tokens: count(self.input_tokens),
            output_tokens: output,
            image_input_tokens: image(self.input_tokens_details.as_ref()),
            // Without details all of the answer is picture.
            image_output_tokens: image(self.output_tokens_details.as_ref()).or(output),
            ..Usage::default()
        }
    }
}
