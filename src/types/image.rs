//! Pictures made from a description.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use super::{CallOptions, Extra, ReplyFacts};
use crate::error::{Error, ErrorKind, Result};

/// A description of a picture to make.
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct ImageRequest {
    /// `provider/model`, or the name of a route.
    pub model: String,
    /// What to show.
    pub prompt: String,
    /// How many pictures; the vendor's default is one.
    pub n: Option<u32>,
    /// Width and height in the vendor's words: `1024x1024` at OpenAI, `16:9` at Google.
    pub size: Option<String>,
    /// How much effort, in the vendor's words: `low`, `high`.
    pub quality: Option<String>,
    /// Fields without a name here.
    pub extra: Extra,
    /// Total time for the call over all attempts; the client's default otherwise.
    pub timeout: Option<Duration>,
    /// How to route, limit and account the call; never sent.
    pub options: Option<Box<CallOptions>>,
}

impl ImageRequest {
    /// `prompt` for `model`, which is `provider/model` or a route's name.
    pub fn new(model: impl Into<String>, prompt: impl Into<String>) -> Self {
        Self { model: model.into(), prompt: prompt.into(), ..Self::default() }
    }

    /// Sets how many pictures to make.
    #[must_use]
    pub fn n(mut self, pictures: u32) -> Self {
        self.n = Some(pictures);
        self
    }

    /// Sets width and height, in the vendor's words.
    #[must_use]
    pub fn size(mut self, size: impl Into<String>) -> Self {
        self.size = Some(size.into());
        self
    }

    /// Sets how much effort to make, in the vendor's words.
    #[must_use]
    pub fn quality(mut self, quality: impl Into<String>) -> Self {
        self.quality = Some(quality.into());
        self
    }

    /// Checks everything that can be known without a target.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`] when there is no prompt or `n` is 0.
    pub fn validate(&self) -> Result<()> {
        if self.prompt.trim().is_empty() {
            return Err(Error::new(ErrorKind::InvalidRequest, "there is no description of a picture"));
        }
        if self.n == Some(0) {
            return Err(Error::new(ErrorKind::InvalidRequest, "n is 0"));
        }
        Ok(())
    }
}

impl fmt::Debug for ImageRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageRequest")
            .field("model", &self.model)
            .field("prompt_bytes", &self.prompt.len())
            .field("n", &self.n)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// A picture that was made.
#[non_exhaustive]
#[derive(Clone, PartialEq)]
pub struct GeneratedImage {
    /// Where it is.
    pub content: ImageContent,
    /// The description as the vendor rewrote it, where it did.
    pub revised_prompt: Option<String>,
}

impl GeneratedImage {
    /// A picture that the vendor did not describe anew.
    pub fn new(content: ImageContent) -> Self {
        Self { content, revised_prompt: None }
    }

    /// The picture, where it came along.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            ImageContent::Bytes { data, .. } => Some(data),
            ImageContent::Url(_) => None,
        }
    }
}

impl fmt::Debug for GeneratedImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.content {
            ImageContent::Bytes { media_type, data } => {
                write!(f, "GeneratedImage({media_type:?}, {} bytes)", data.len())
            }
            ImageContent::Url(_) => f.write_str("GeneratedImage(Url)"),
        }
    }
}

/// Where a picture that was made is.
#[non_exhaustive]
#[derive(Clone, PartialEq)]
pub enum ImageContent {
    /// Here.
    Bytes {
        /// For example `image/png`, where the vendor says so.
        media_type: Option<String>,
        /// The picture.
        data: Bytes,
    },
    /// At an address of the vendor's, usually for an hour. It is not fetched here.
    Url(String),
}

impl fmt::Debug for ImageContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes { media_type, data } => write!(f, "Bytes({media_type:?}, {} bytes)", data.len()),
            Self::Url(_) => f.write_str("Url"),
        }
    }
}

/// What a provider answered to an [`ImageRequest`].
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImageReply {
    /// The pictures.
    pub images: Vec<GeneratedImage>,
    /// What else it said.
    pub facts: ReplyFacts,
}

impl ImageReply {
    /// Pictures without further facts.
    pub fn new(images: Vec<GeneratedImage>) -> Self {
        Self { images, facts: ReplyFacts::default() }
    }
}
