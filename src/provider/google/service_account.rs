//! Tokens for a service account's key file.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::{Deserialize, Serialize};
use url::Url;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, Result};
use crate::provider::oauth::read_token;
use crate::provider::{Environment, Exchange, Token, TokenSource};
use crate::transport::HttpRequest;

/// A service account, by the key file that Google Cloud makes for it:
/// <https://developers.google.com/identity/protocols/oauth2/service-account> (read 2026-11-25). Its tokens are good for an
/// hour and are renewed here.
///
/// ```no_run
/// use polyroute::provider::Environment;
/// use polyroute::provider::google::service_account::ServiceAccount;
/// use polyroute::{Client, Settings};
///
/// # fn main() -> polyroute::Result<()> {
/// // The file named by GOOGLE_APPLICATION_CREDENTIALS.
/// let account = ServiceAccount::from_environment(&Environment::process())?;
/// let vertex = Settings::vendor("vertex").resource("my-project").region("global").token_source(account);
/// let client = Client::builder().vendor(vertex).build()?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
pub struct ServiceAccount {
    email: String,
    key_id: Option<String>,
    key: RsaKeyPair,
    token_url: Url,
}

impl ServiceAccount {
    /// Reads the JSON of a key file.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when it is not such a file or its key cannot be read. Nothing of it is repeated.
    pub fn from_json(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct File {
            #[serde(rename = "type")]
            kind: String,
            client_email: Option<String>,
            private_key_id: Option<String>,
            private_key: Option<String>,
            token_uri: Option<String>,
        }
        let refuse = |message: &'static str| Error::new(ErrorKind::Configuration, message);
        let file: File = serde_json::from_str(json).map_err(|_| {
            refuse("the key file is not JSON with a type; make a new one for the service account")
        })?;
        if file.kind != "service_account" {
            return Err(refuse(
                "the key file is not a service account's; for other credentials write a TokenSource",
            ));
        }
        let (Some(email), Some(pem)) = (file.client_email, file.private_key.map(Zeroizing::new)) else {
            return Err(refuse("the key file has no client_email or no private_key"));
        };
        let key = der(&pem).and_then(|der| RsaKeyPair::from_pkcs8(&der).ok());
        let key =
            key.ok_or_else(|| refuse("the private_key of the key file is not an RSA key in PKCS #8"))?;
        let token_url = Url::parse(file.token_uri.as_deref().unwrap_or(TOKEN_URL)).ok();
        let token_url = token_url
            .filter(|url| url.scheme() == "https" || is_this_machine(url))
            .ok_or_else(|| refuse("the token_uri of the key file is not an https address"))?;
        Ok(Self { email, key_id: file.private_key_id, key, token_url })
    }

    /// Reads the key file that `GOOGLE_APPLICATION_CREDENTIALS` names.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the variable is not set, the file cannot be read, or as
    /// [`from_json`](Self::from_json).
    pub fn from_environment(environment: &Environment) -> Result<Self> {
        let path = environment.first(&["GOOGLE_APPLICATION_CREDENTIALS"]);
        let path = path.ok_or_else(|| {
            Error::new(
                ErrorKind::Configuration,
                "set GOOGLE_APPLICATION_CREDENTIALS to the path of a key file",
            )
        })?;
        let json = std::fs::read_to_string(path.expose()).map(Zeroizing::new).map_err(|error| {
            Error::new(
                ErrorKind::Configuration,
                format!("the file of GOOGLE_APPLICATION_CREDENTIALS cannot be read: {}", error.kind()),
            )
        })?;
        Self::from_json(&json)
    }

    /// A signed claim to be the account: <https://datatracker.ietf.org/doc/html/rfc7523> (read 2026-11-25).
    fn assertion(&self, now: SystemTime) -> Result<String> {
        #[derive(Serialize)]
        struct Head<'a> {
            alg: &'static str,
            typ: &'static str,
            #[serde(skip_serializing_if = "Option::is_none")]
            kid: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct Claim<'a> {
            iss: &'a str,
            scope: &'static str,
            aud: &'a str,
            iat: u64,
            exp: u64,
        }
        let internal = || Error::new(ErrorKind::Internal, "the claim for a token cannot be made");
        let part = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let iat = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let head = Head { alg: "RS256", typ: "JWT", kid: self.key_id.as_deref() };
        let claim = Claim {
            iss: &self.email,
            scope: "https://www.googleapis.com/auth/cloud-platform",
            aud: self.token_url.as_str(),
            iat,
            exp: iat + LIFE.as_secs(),
        };
        let head = serde_json::to_vec(&head).map_err(|_| internal())?;
        let claim = serde_json::to_vec(&claim).map_err(|_| internal())?;
        let text = format!("{}.{}", part(&head), part(&claim));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature)
            .map_err(|_| internal())?;
        Ok(format!("{text}.{}", part(&signature)))
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServiceAccount({}, ***)", self.email)
    }
}

#[async_trait]
impl TokenSource for ServiceAccount {
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Token> {
        let now = exchange.clock.wall();
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(header::CONTENT_TYPE, form);
        // The grant's colons are the only characters of either that a form escapes.
        let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
        let body = Bytes::from(format!("grant_type={grant}&assertion={}", self.assertion(now)?));
        let request = HttpRequest::new(Method::POST, self.token_url.clone(), headers, body);
        let response = exchange.transport.send(request).await?;
        read_token(response, now, "Google's token service", advice).await
    }
}

/// Google's sentences for `invalid_grant`: <https://developers.google.com/identity/protocols/oauth2/service-account#error-codes>
/// (the one about time seen in users' reports, the others from general knowledge).
fn advice(sentence: &str) -> &'static str {
    let sentence = sentence.to_ascii_lowercase();
    if sentence.contains("reasonable timeframe") {
        "Google does not accept the service account's claim because of its time: set this machine's clock"
    } else if sentence.contains("signature") || sentence.contains("expired") {
        "the service account's key has expired, was deleted or disabled; make a new key file"
    } else if sentence.contains("not found") || sentence.contains("disabled") {
        "the service account was deleted or disabled; enable it or take another"
    } else {
        "Google does not accept the service account's key; make a new key file"
    }
}

/// Takes the armour off a key.
fn der(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = pem.split("-----BEGIN PRIVATE KEY-----").nth(1)?.split("-----END PRIVATE KEY-----").next()?;
    let body: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(body.as_bytes()).ok().map(Zeroizing::new)
}

fn is_this_machine(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";

/// The longest that Google grants.
const LIFE: Duration = Duration::from_secs(3_600);

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
    use serde_json::{Value, json};

    use super::*;

    fn key_file() -> (String, RsaKeyPair) {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let der = key.as_der().unwrap();
        let pem = format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            STANDARD.encode(der.as_ref())
        );
        let file = json!({"type": "service_account", "client_email": "a@p.iam.gserviceaccount.com",
            "private_key_id": "k1", "private_key": pem, "token_uri": TOKEN_URL});
        (file.to_string(), key)
    }

    #[test]
    fn a_claim_is_signed_with_the_accounts_key() {
        let (file, key) = key_file();
        let account = ServiceAccount::from_json(&file).unwrap();

        let claim = account.assertion(UNIX_EPOCH + Duration::from_secs(1_000)).unwrap();

        let parts: Vec<&str> = claim.split('.').collect();
        let json =
            |part: &str| -> Value { serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap() };
        assert_eq!(json(parts[0]), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        assert_eq!(
            json(parts[1]),
            json!({"iss": "a@p.iam.gserviceaccount.com", "aud": TOKEN_URL, "iat": 1000, "exp": 4600,
                   "scope": "https://www.googleapis.com/auth/cloud-platform"})
        );
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        public.verify(format!("{}.{}", parts[0], parts[1]).as_bytes(), &signature).unwrap();
    }

    #[test]
    fn what_is_no_key_file_is_refused_without_being_shown() {
        for bad in [
            "CANARY".to_owned(),
            json!({"type": "authorized_user", "client_secret": "CANARY"}).to_string(),
            json!({"type": "service_account", "client_email": "a"}).to_string(),
            json!({"type": "service_account", "client_email": "a", "private_key": "CANARY"}).to_string(),
            key_file().0.replace("https://oauth2", "http://evil-CANARY"),
        ] {
            let error = ServiceAccount::from_json(&bad).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
            assert!(!format!("{error} {error:?}").contains("CANARY"));
        }
        let account = ServiceAccount::from_json(&key_file().0).unwrap();
        assert_eq!(format!("{account:?}"), "ServiceAccount(a@p.iam.gserviceaccount.com, ***)");
    }
}
