//! How one provider instance is set up; the only file that reads the environment.

use std::fmt;
use std::sync::Arc;

use url::{Host, Url};

use super::signer::{Signer, TokenSource, Tokens};
use crate::error::{Error, ErrorKind, Result};
use crate::transport::GuardedFetcher;
use crate::types::{Secret, Wire};

/// Which vendor, under which name, where, and with which key.
///
/// ```
/// use polyroute::Settings;
/// // A vendor of the table, with a key of its own and under a name of its own.
/// let team = Settings::vendor("openai").name("openai-team-b").api_key("sk-...");
/// // Any server that imitates OpenAI's chat completions.
/// let own = Settings::compatible("lab", "http://localhost:8000/v1");
/// ```
#[non_exhaustive]
#[derive(Clone)]
pub struct Settings {
    pub(crate) vendor: String,
    pub(crate) name: Option<String>,
    pub(crate) api_key: Option<Secret>,
    /// Keys that take turns with `api_key`.
    pub(crate) further_keys: Vec<Secret>,
    pub(crate) signer: Option<Arc<dyn Signer>>,
    pub(crate) base_url: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) model_aliases: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) wire: Option<Wire>,
    /// Formats of some models, by the beginning of their names.
    pub(crate) model_wires: Vec<(String, Wire)>,
    pub(crate) plain_http: PlainHttp,
    pub(crate) limits: Limits,
    pub(crate) fetcher: Option<GuardedFetcher>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlainHttp {
    LoopbackOnly,
    Anywhere,
}

impl Settings {
    /// A vendor of the table by its name or alias; the key and address come from the environment unless given.
    pub fn vendor(vendor: impl Into<String>) -> Self {
        Self {
            vendor: vendor.into(),
            name: None,
            api_key: None,
            further_keys: Vec::new(),
            signer: None,
            base_url: None,
            resource: None,
            region: None,
            model_aliases: Vec::new(),
            headers: Vec::new(),
            wire: None,
            model_wires: Vec::new(),
            plain_http: PlainHttp::LoopbackOnly,
            limits: Limits::default(),
            fetcher: None,
        }
    }

    /// Any server that imitates OpenAI's chat completions, under `name`. `base_url` ends before `/chat/completions`.
    pub fn compatible(name: impl Into<String>, base_url: impl Into<String>) -> Self {
        Self::vendor("compatible").name(name).base_url(base_url)
    }

    /// Sets the part of `provider/model` before the slash, so that one vendor can be registered more than once.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Sets the key.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<Secret>) -> Self {
        self.api_key = Some(key.into());
        self
    }

    /// Sets several keys that take turns. One that is refused or whose account is used up is left alone for a while, and
    /// one that asked for a pause until it is over; the others go on.
    ///
    /// ```
    /// use polyroute::Settings;
    /// let openai = Settings::vendor("openai").api_keys(["sk-one", "sk-two"]);
    /// ```
    #[must_use]
    pub fn api_keys(mut self, keys: impl IntoIterator<Item = impl Into<Secret>>) -> Self {
        let mut keys = keys.into_iter().map(Into::into);
        self.api_key = keys.next();
        self.further_keys = keys.collect();
        self
    }

    /// Takes short-lived tokens from `source` instead of a key, for example of Azure's Entra ID or of Google Cloud. They
    /// travel as bearer tokens; a key in the environment is then not used.
    #[must_use]
    pub fn token_source(self, source: impl TokenSource + 'static) -> Self {
        self.signer(Tokens::of(Arc::new(source)))
    }

    /// Lets `signer` prove who asks, instead of a key.
    #[must_use]
    pub fn signer(mut self, signer: impl Signer + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Sets the address that paths are below, for example a regional host or a proxy of your own.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets the part of the address that is the application's own: the resource of Azure, the account of Cloudflare, the
    /// workspace of Databricks, the region of Bedrock. Up to 63 letters, digits and hyphens.
    #[must_use]
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.resource = Some(resource.into());
        self
    }

    /// Sets the region, where the address names one beside the resource: `europe-west1`, `eu` or `global` of Vertex AI. Up
    /// to 63 letters, digits and hyphens.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Says that `model` is the catalogue's `known`, so that its price, limits and abilities are known: for the
    /// deployments of Azure and other names of the application's own. The provider is still asked for `model`.
    ///
    /// ```
    /// use polyroute::Settings;
    /// let azure = Settings::vendor("azure").resource("my-resource").model_alias("my-deployment", "gpt-4.1");
    /// ```
    #[must_use]
    pub fn model_alias(mut self, model: impl Into<String>, known: impl Into<String>) -> Self {
        self.model_aliases.push((model.into(), known.into()));
        self
    }

    /// Adds a header to every request, for example `OpenAI-Organization`. It is treated as a secret.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Speaks this format instead of the vendor's usual one, where the vendor has several.
    #[must_use]
    pub fn speak(mut self, wire: Wire) -> Self {
        self.wire = Some(wire);
        self
    }

    /// Speaks this format with every model whose name begins with `model`, where the vendor speaks it at its usual address.
    /// Of several beginnings the first that fits counts.
    ///
    /// ```
    /// use polyroute::Settings;
    /// use polyroute::types::Wire;
    /// let openai = Settings::vendor("openai").speak_with("gpt-5", Wire::Responses);
    /// ```
    #[must_use]
    pub fn speak_with(mut self, model: impl Into<String>, wire: Wire) -> Self {
        self.model_wires.push((model.into(), wire));
        self
    }

    /// Allows `http://` to a host that is not this machine. Keys and prompts then travel unencrypted.
    #[must_use]
    pub fn allow_plain_http(mut self) -> Self {
        self.plain_http = PlainHttp::Anywhere;
        self
    }

    /// Fetches pictures, files, sound and film of which a request has the address, where the vendor takes bytes only, and
    /// sends those along. Without it such a request is refused. `fetcher` says how large each may be and how long it may
    /// take; what is there is judged by its bytes. Whoever writes the request says which public address this program asks,
    /// so leave it out where that is not you.
    ///
    /// ```
    /// use polyroute::Settings;
    /// use polyroute::transport::GuardedFetcher;
    /// # fn main() -> polyroute::Result<()> {
    /// let bedrock = Settings::vendor("bedrock").fetch_media(GuardedFetcher::new()?.most_bytes(4 << 20));
    /// # let _ = bedrock;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn fetch_media(mut self, fetcher: GuardedFetcher) -> Self {
        self.fetcher = Some(fetcher);
        self
    }

    /// Sets how much a provider may send.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("vendor", &self.vendor)
            .field("name", &self.name)
            .field("api_key", &self.api_key)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// How much a provider may send before it is cut off.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of an answer that is not streamed. Default 32 MiB: room for several generated pictures.
    pub body: usize,
    /// Bytes of one streamed event. Default 16 MiB: Gemini sends a whole picture in one.
    pub event: usize,
    /// Bytes of one whole stream. Default 256 MiB.
    pub stream: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body: 32 << 20, event: 16 << 20, stream: 256 << 20 }
    }
}

impl Limits {
    /// Limits of these many bytes.
    pub fn new(body: usize, event: usize, stream: usize) -> Self {
        Self { body, event, stream }
    }
}

/// Where keys and addresses are looked up.
#[derive(Clone, Default)]
pub struct Environment {
    pairs: Option<Vec<(String, Secret)>>,
}

impl Environment {
    /// The variables of this process, read when asked for.
    pub fn process() -> Self {
        Self { pairs: None }
    }

    /// These variables and no others.
    pub fn of(pairs: impl IntoIterator<Item = (impl Into<String>, impl Into<Secret>)>) -> Self {
        Self { pairs: Some(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect()) }
    }

    /// The first of `names` that is set to something, with surrounding white space removed.
    pub(crate) fn first(&self, names: &[&str]) -> Option<Secret> {
        names.iter().find_map(|name| {
            let value = self.read(name)?;
            let trimmed = value.expose().trim();
            (!trimmed.is_empty()).then(|| Secret::new(trimmed))
        })
    }

    fn read(&self, name: &str) -> Option<Secret> {
        match &self.pairs {
            Some(pairs) => pairs.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone()),
            #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the environment")]
            None => std::env::var(name).ok().map(Secret::new),
        }
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.pairs {
            Some(pairs) => f.debug_set().entries(pairs.iter().map(|(name, _)| name)).finish(),
            None => f.write_str("Environment(process)"),
        }
    }
}

/// Reads a base URL. Nothing of it is repeated in an error: it may hold a password.
///
/// # Errors
/// [`ErrorKind::Configuration`] when it is no address, is not `http` or `https`, holds credentials, a query or a
/// fragment, or is plain `http` to another machine without leave.
pub(crate) fn parse_base_url(text: &str, plain_http: PlainHttp) -> Result<Url> {
    let refuse = |message: &'static str| Err(Error::new(ErrorKind::Configuration, message));
    let Ok(mut url) = Url::parse(text) else {
        return refuse("the base URL is not an address such as https://host/v1");
    };
    if !url.username().is_empty() || url.password().is_some() {
        return refuse("the base URL holds a user name or password; pass the key with .api_key(..)");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refuse("the base URL holds a query or fragment");
    }
    match url.scheme() {
        "https" => {}
        "http" if plain_http == PlainHttp::Anywhere || is_loopback(&url) => {}
        "http" => {
            return refuse("the base URL is plain http to another machine; use https or .allow_plain_http()");
        }
        _ => return refuse("the base URL begins with neither http:// nor https://"),
    }
    if url.host().is_none() {
        return refuse("the base URL has no host");
    }
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty();
    }
    Ok(url)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_leak_a_key_are_refused_without_being_shown() {
        for bad in [
            "https://user:CANARY@api.example.com/v1",
            "https://CANARY@api.example.com/v1",
            "http://api.example.com/CANARY",
            "http://10.0.0.1/CANARY",
            "http://localhost.example.com/CANARY",
            "https://api.example.com/v1?key=CANARY",
            "https://api.example.com/v1#CANARY",
            "ftp://api.example.com/CANARY",
            "CANARY",
            "",
        ] {
            let error = parse_base_url(bad, PlainHttp::LoopbackOnly).unwrap_err();

            assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
            assert!(!format!("{error} {error:?}").contains("CANARY"), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_allowed_to_this_machine_in_every_spelling() {
        for good in [
            "http://localhost:1/v1",
            "http://127.0.0.1/v1",
            "http://2130706433/v1",
            "http://[::1]:8/v1",
            "http://127.1/",
        ] {
            assert!(parse_base_url(good, PlainHttp::LoopbackOnly).is_ok(), "{good}");
        }
        assert!(parse_base_url("http://10.0.0.1/v1", PlainHttp::Anywhere).is_ok());
    }
}
