//! The prices in force, replaced as a whole while calls run.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use bytes::Bytes;
use url::Url;

use super::registry::Registry;
use super::{Client, candidates};
use crate::catalog::{Catalogue, Revision, UpdateKey};
use crate::error::{Error, ErrorKind, Result};
use crate::routing::Candidates;
use crate::telemetry::Event;
use crate::transport::GuardedFetcher;

/// Prices and what was prepared from them. Calls keep what they began with.
#[derive(Debug)]
pub(super) struct Prices {
    in_force: RwLock<Arc<InForce>>,
    /// Held while an update is worked in, so that none works on what another replaces.
    updating: Mutex<()>,
}

/// One state of the prices.
#[derive(Debug)]
pub(super) struct InForce {
    pub(super) catalogue: Arc<Catalogue>,
    /// Of the routes whose candidates are no longer those the builder prepared.
    routes: BTreeMap<String, Arc<Candidates>>,
}

impl InForce {
    /// The candidates of the route `name`, which were `prepared` by the builder.
    pub(super) fn candidates(&self, name: &str, prepared: &Arc<Candidates>) -> Arc<Candidates> {
        Arc::clone(self.routes.get(name).unwrap_or(prepared))
    }
}

impl Prices {
    pub(super) fn new(catalogue: Arc<Catalogue>) -> Self {
        let in_force = InForce { catalogue, routes: BTreeMap::new() };
        Self { in_force: RwLock::new(Arc::new(in_force)), updating: Mutex::new(()) }
    }

    /// The state in force.
    pub(super) fn get(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the state by what `change` makes of the catalogue.
    fn update(
        &self,
        registry: &Registry,
        change: impl FnOnce(&Catalogue) -> Result<Catalogue>,
    ) -> Result<Arc<Catalogue>> {
        let _only_one = self.updating.lock().unwrap_or_else(PoisonError::into_inner);
        let catalogue = Arc::new(change(&self.get().catalogue)?);
        let routes = registry
            .routes
            .iter()
            .map(|(name, route)| {
                let prepared =
                    candidates::prepare_again(registry, &catalogue, &route.candidates, route.tiers);
                (name.clone(), Arc::new(prepared))
            })
            .collect();
        let next = Arc::new(InForce { catalogue: Arc::clone(&catalogue), routes });
        *self.in_force.write().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(catalogue)
    }
}

/// Where updates of the prices come from.
///
/// ```no_run
/// # async fn example(client: polyroute::Client) -> polyroute::Result<()> {
/// use polyroute::client::PriceFeed;
/// let feed = PriceFeed::url("https://example.org/prices.json")?.signed_by("3eDx…base64…=".parse()?);
/// let revision = client.update_prices(&feed).await?;
/// println!("prices of {revision} are in force");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PriceFeed {
    place: Place,
    key: Option<UpdateKey>,
}

#[derive(Clone)]
enum Place {
    File(PathBuf),
    Url { url: String, fetcher: GuardedFetcher },
}

impl PriceFeed {
    /// A file of at most 8 MiB.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self { place: Place::File(path.into()), key: None }
    }

    /// A public `https` address, asked through a [`GuardedFetcher`].
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the HTTP client cannot be set up. The address is checked when it is asked.
    pub fn url(url: impl Into<String>) -> Result<Self> {
        Ok(Self::fetched(url, GuardedFetcher::new()?))
    }

    /// An address that is asked through `fetcher`, which says what may be reached and how large the file may be.
    pub fn fetched(url: impl Into<String>, fetcher: GuardedFetcher) -> Self {
        Self { place: Place::Url { url: url.into(), fetcher }, key: None }
    }

    /// Believes only what the owner of `key` has signed. The signature lies beside the file; see [`UpdateKey`].
    #[must_use]
    pub fn signed_by(mut self, key: UpdateKey) -> Self {
        self.key = Some(key);
        self
    }

    async fn load(&self) -> Result<String> {
        let document = self.place.read("").await?;
        if let Some(key) = &self.key {
            key.verify(&document, &self.place.read(SIGNATURE).await?)?;
        }
        String::from_utf8(document.into())
            .map_err(|_| Error::new(ErrorKind::Configuration, "the update is not UTF-8"))
    }
}

impl Place {
    async fn read(&self, suffix: &str) -> Result<Bytes> {
        match self {
            Self::File(path) => {
                let mut path = path.clone().into_os_string();
                path.push(suffix);
                read_file(path.into())
            }
            Self::Url { url, fetcher } => match Url::parse(url) {
                // Behind the path: what follows it, such as a token, is needed for the signature, too.
                Ok(mut beside) => {
                    beside.set_path(&format!("{}{suffix}", beside.path()));
                    fetcher.fetch(beside.as_str()).await
                }
                Err(_) => fetcher.fetch(url).await,
            },
        }
    }
}

/// An address may hold a token.
impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Url { .. } => f.write_str("Url"),
        }
    }
}

fn read_file(path: PathBuf) -> Result<Bytes> {
    // Before it is opened: a pipe would wait for somebody to write.
    if !std::fs::metadata(&path).map_err(unreadable)?.is_file() {
        return Err(Error::new(ErrorKind::Storage, "the update or its signature is no regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > MOST_BYTES {
        return Err(Error::new(ErrorKind::Configuration, "the update is larger than 8 MiB"));
    }
    Ok(bytes.into())
}

fn unreadable(error: std::io::Error) -> Error {
    Error::new(ErrorKind::Storage, "the update or its signature cannot be read").with_source(error)
}

impl Client {
    /// Loads new prices and puts them in force for every call that begins from then on, of all clones. Running calls are
    /// priced as they began. What the application set itself stays above them. The rules an update must meet are at
    /// [`Catalogue::updated`]; observers hear of it either way.
    ///
    /// Nothing is loaded unless this is called. Dropping the future changes nothing.
    ///
    /// # Errors
    /// What loading said, and [`ErrorKind::Configuration`] when the update is refused; the prices are then what they
    /// were.
    pub async fn update_prices(&self, feed: &PriceFeed) -> Result<Revision> {
        let inner = &self.inner;
        let updated = match feed.load().await {
            Ok(json) => inner.prices.update(&inner.registry, |held| held.updated(&json, inner.clock.wall())),
            Err(error) => Err(error),
        };
        let outcome = updated.and_then(|catalogue| {
            catalogue.revision().ok_or_else(|| Error::new(ErrorKind::Internal, "an update has a revision"))
        });
        for observer in &inner.observers {
            observer.observe(&match &outcome {
                Ok(_) => Event::PricesUpdated,
                Err(error) => Event::PriceUpdateRefused(error),
            });
        }
        outcome
    }
}

const SIGNATURE: &str = ".sig";

/// As much as is fetched.
const MOST_BYTES: u64 = 8 << 20;
