//! Requests signed for Amazon's services (SigV4), for Bedrock without an API key.
//!
//! The signature is ours: the official crate brings thirty others for what are two hash functions that are in the tree
//! already. It is held against the examples that AWS publishes.

mod assume;
mod environment;
mod keys;
mod profile;
mod sign;

use async_trait::async_trait;
use futures::lock::Mutex;

use super::{Exchange, Signer};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::HttpRequest;
use crate::types::Secret;

pub use assume::AssumeRole;
pub use keys::{KeySource, Keys};
pub use profile::Profile;

/// Signs every request of a provider with the access keys of an account.
///
/// ```
/// use polyroute::provider::aws::{Keys, SigV4};
/// use polyroute::{Client, Settings};
///
/// # fn main() -> polyroute::Result<()> {
/// let keys = Keys::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
/// let bedrock = Settings::vendor("bedrock").resource("eu-central-1").signer(SigV4::bedrock("eu-central-1", keys)?);
/// let client = Client::builder().vendor(bedrock).build()?;
/// # assert_eq!(client.providers(), ["bedrock"]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct SigV4 {
    region: String,
    service: &'static str,
    source: Box<dyn KeySource>,
    /// Held while new keys are fetched, so that a thousand calls fetch them once.
    known: Mutex<Option<Keys>>,
}

impl SigV4 {
    /// For Bedrock in `region`, which must be the one in the provider's address.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the region is not 1 to 63 letters, digits and hyphens.
    pub fn bedrock(region: impl Into<String>, source: impl KeySource + 'static) -> Result<Self> {
        let region = region.into();
        let is_plain = (1..=63).contains(&region.len())
            && region.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if !is_plain {
            return Err(Error::new(
                ErrorKind::Configuration,
                "the region is not 1 to 63 letters, digits and hyphens, such as eu-central-1",
            ));
        }
        Ok(Self { region, service: "bedrock", source: Box::new(source), known: Mutex::new(None) })
    }

    async fn keys(&self, exchange: Exchange<'_>) -> Result<Keys> {
        let mut known = self.known.lock().await;
        if let Some(keys) = known.as_ref().filter(|keys| keys.are_good(exchange.clock.wall())) {
            return Ok(keys.clone());
        }
        *known = None;
        let keys = self.source.fetch(exchange).await?;
        *known = Some(keys.clone());
        Ok(keys)
    }
}

#[async_trait]
impl Signer for SigV4 {
    async fn sign(&self, request: &mut HttpRequest, exchange: Exchange<'_>) -> Result<Vec<Secret>> {
        let keys = self.keys(exchange).await?;
        sign::sign(request, &keys, &self.region, self.service, exchange.clock.wall())?;
        Ok(keys.secrets())
    }

    async fn refused(&self) {
        *self.known.lock().await = None;
    }
}
