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

use super::{Exchange, Refusal, Signer};
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

    /// AWS would refuse what is signed for one region and sent to another.
    fn check_place(&self, request: &HttpRequest) -> Result<()> {
        let host = request.url.host_str().unwrap_or_default();
        let Some(host) = host.strip_suffix(".amazonaws.com") else { return Ok(()) };
        // Private endpoints: https://docs.aws.amazon.com/bedrock/latest/userguide/vpc-interface-endpoints.html (read 2026-11-26)
        let host = host.strip_suffix(".vpce").unwrap_or(host);
        let Some((_, region)) = host.rsplit_once('.') else { return Ok(()) };
        if region == self.region {
            return Ok(());
        }
        let message = format!(
            "requests are signed for {}, but the address of the provider is in {region}; give both the same region",
            self.region
        );
        Err(Error::new(ErrorKind::Configuration, message))
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
        self.check_place(request)?;
        let keys = self.keys(exchange).await?;
        sign::sign(request, &keys, &self.region, self.service, exchange.clock.wall())?;
        Ok(keys.secrets())
    }

    async fn refused(&self, refusal: Refusal<'_>) {
        // Keys that are known and may not do this would be told the same again.
        if refusal.error_type != Some("AccessDeniedException") {
            let mut known = self.known.lock().await;
            let is_refused = |keys: &Keys| keys.secrets().iter().any(|secret| refusal.names(secret));
            *known = known.take().filter(|keys| !is_refused(keys));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method};

    use super::*;

    fn to(host: &str) -> HttpRequest {
        HttpRequest::new(Method::POST, host.parse().unwrap(), HeaderMap::new(), Bytes::new())
    }

    #[test]
    fn what_is_signed_for_one_region_is_not_sent_to_another() {
        let signer = SigV4::bedrock("eu-central-1", Keys::new("AKIDEXAMPLE", "secret")).unwrap();

        for host in [
            "https://bedrock-runtime.eu-central-1.amazonaws.com/model/m/converse",
            "https://bedrock-runtime-fips.eu-central-1.amazonaws.com/",
            "https://vpce-0a-1b.bedrock-runtime.eu-central-1.vpce.amazonaws.com/",
            "https://gateway.example.com/",
            "http://127.0.0.1:8080/",
        ] {
            signer.check_place(&to(host)).unwrap();
        }
        for host in [
            "https://bedrock-runtime.us-east-1.amazonaws.com/",
            "https://vpce-0a-1b.bedrock-runtime.us-east-1.vpce.amazonaws.com/",
        ] {
            let error = signer.check_place(&to(host)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(
                error.message().contains("us-east-1") && error.message().contains("eu-central-1"),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn keys_are_made_anew_when_they_are_refused_and_not_when_they_may_not_or_are_new_already() {
        let keys = |id: &str| Keys::new(id, format!("secret of {id}"));
        let signer = SigV4::bedrock("eu-central-1", keys("first")).unwrap();
        let refuse = async |id: &str, error_type| {
            *signer.known.lock().await = Some(keys("second"));
            let issued = keys(id).secrets();
            signer.refused(Refusal { status: 403, issued: &issued, error_type }).await;
            signer.known.lock().await.is_none()
        };

        assert!(refuse("second", Some("ExpiredTokenException")).await);
        assert!(refuse("second", None).await);
        assert!(!refuse("second", Some("AccessDeniedException")).await);
        assert!(!refuse("first", Some("ExpiredTokenException")).await);
    }
}
