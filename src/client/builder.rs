//! The only place where settings are checked.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{Either, join_all, select};
use http::{HeaderMap, Method};
use serde::Deserialize;
use serde::de::IgnoredAny;
use url::Url;

use super::candidates;
use super::hosting;
use super::prices::Prices;
use super::probe::Probes;
use super::quota_pools;
use super::ratings::Ratings;
use super::registry::{Meaning, PreparedRoute, Registered, Registry};
use super::shadow::Shadows;
use super::spend::Hall;
use super::tasks::{Life, Tasks};
use super::{Client, Inner};
use crate::account::{Books, Incident, Ledger, Tell};
use crate::catalog::{Catalogue, Price};
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::{Environment, HttpProvider, KeyStyle, Provider, Settings, Vendor, is_known, vendor};
use crate::quota::{Gate, Limits};
use crate::resilience::{
    Endpoints, HealthPolicy, HedgeBudget, HedgePolicy, ProbePolicy, RetryPolicy, Timeouts,
};
use crate::routing::{Route, Traits};
use crate::store::{MemoryStore, Store};
use crate::telemetry::{Event, Observer};
use crate::transport::{HttpRequest, ReqwestTransport, Transport, TransportOptions};
use crate::types::{Target, TimeLimits};

/// Collects what a [`Client`] is made of. Nothing is checked, opened or read before [`build`](Self::build), except by
/// [`discover_local`](Self::discover_local).
#[must_use]
pub struct ClientBuilder {
    providers: Vec<Arc<dyn Provider>>,
    vendors: Vec<Settings>,
    from_env: FromEnv,
    routes: Vec<(String, Route)>,
    traits: BTreeMap<String, Traits>,
    catalogue: Result<Catalogue>,
    environment: Environment,
    transport: Option<Arc<dyn Transport>>,
    transport_options: TransportOptions,
    clock: Arc<dyn Clock>,
    observers: Vec<Arc<dyn Observer>>,
    retry: RetryPolicy,
    timeouts: Timeouts,
    health: HealthPolicy,
    time_limits: BTreeMap<String, TimeLimits>,
    hedging: Option<HedgePolicy>,
    probes: Option<ProbePolicy>,
    quota_pools: Vec<Vec<String>>,
    seed: Option<u64>,
    limits: Limits,
    store: Option<Arc<dyn Store>>,
    ledgers: Vec<Box<dyn Ledger>>,
    ledger_queue: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FromEnv {
    No,
    Yes,
}

impl ClientBuilder {
    pub(super) fn new() -> Self {
        Self {
            providers: Vec::new(),
            vendors: Vec::new(),
            from_env: FromEnv::No,
            routes: Vec::new(),
            traits: BTreeMap::new(),
            catalogue: Ok(vendor::catalogue()),
            environment: Environment::process(),
            transport: None,
            transport_options: TransportOptions::default(),
            clock: Arc::new(SystemClock::new()),
            observers: Vec::new(),
            retry: RetryPolicy::default(),
            timeouts: Timeouts::default(),
            health: HealthPolicy::default(),
            time_limits: BTreeMap::new(),
            hedging: None,
            probes: None,
            quota_pools: Vec::new(),
            seed: None,
            limits: Limits::new(),
            store: None,
            ledgers: Vec::new(),
            ledger_queue: LEDGER_QUEUE,
        }
    }

    /// Registers a provider of your own under its [`name`](Provider::name).
    pub fn provider(mut self, provider: impl Provider + 'static) -> Self {
        self.providers.push(Arc::new(provider));
        self
    }

    /// Registers a vendor of the table, or any OpenAI-compatible server.
    pub fn vendor(mut self, settings: Settings) -> Self {
        self.vendors.push(settings);
        self
    }

    /// Registers every vendor whose key variable is set and that was not registered already.
    pub fn vendors_from_env(mut self) -> Self {
        self.from_env = FromEnv::Yes;
        self
    }

    /// Asks the usual loopback ports for Ollama, LM Studio, vLLM and llama.cpp servers and registers those that answer
    /// within half a second. Talks to this machine only.
    pub async fn discover_local(mut self) -> Self {
        let Ok(transport) = self.chosen_transport() else { return self };
        let clock = Arc::clone(&self.clock);
        let probes = vendor::ALL.iter().filter(|vendor| is_local(vendor)).map(|vendor| {
            let (transport, clock) = (Arc::clone(&transport), Arc::clone(&clock));
            async move { answers(&*transport, &*clock, vendor.base_url).await.then_some(vendor.name) }
        });
        let found = join_all(probes).await;
        let taken = self.taken_names();
        let found = found.into_iter().flatten().filter(|name| !taken.iter().any(|own| own == name));
        self.vendors.extend(found.map(Settings::vendor));
        self
    }

    /// Gives a set of targets a name to ask for. A later route of the same name replaces an earlier one.
    pub fn route(mut self, name: impl Into<String>, route: Route) -> Self {
        let name = name.into();
        self.routes.retain(|(known, _)| *known != name);
        self.routes.push((name, route));
        self
    }

    /// Says what is known of a provider, or of one target `provider/model`: where it runs, what becomes of prompts, how good
    /// it is. What is said of a target goes before what is said of its provider. Said twice, the later counts.
    pub fn describe(mut self, name: impl Into<String>, traits: Traits) -> Self {
        self.traits.insert(name.into(), traits);
        self
    }

    /// Sets or replaces a price; `target` is `provider/model`.
    pub fn price(mut self, target: &str, price: Price) -> Self {
        self.catalogue = self.catalogue.and_then(|catalogue| {
            let named = |error: Error| {
                Error::new(ErrorKind::Configuration, format!("price of {target:?}: {}", error.message()))
            };
            let target: Target = target.parse().map_err(named)?;
            Ok(catalogue.with_price(target.provider(), target.model(), price))
        });
        self
    }

    /// Adds or replaces models and prices from JSON; the schema is in [`Catalogue::merge_json`].
    pub fn prices_json(mut self, json: &str) -> Self {
        self.catalogue = self.catalogue.and_then(|mut catalogue| {
            catalogue.merge_json(json)?;
            Ok(catalogue)
        });
        self
    }

    /// Adds or replaces models and prices from a price map in LiteLLM's format.
    pub fn prices_litellm(mut self, json: &str) -> Self {
        self.catalogue = self.catalogue.and_then(|mut catalogue| {
            catalogue.merge_litellm(json)?;
            Ok(catalogue)
        });
        self
    }

    /// Sets where keys and addresses are looked up; the variables of this process by default.
    pub fn environment(mut self, environment: Environment) -> Self {
        self.environment = environment;
        self
    }

    /// Sets how bytes travel. [`transport_options`](Self::transport_options) is then not used.
    pub fn transport(self, transport: impl Transport + 'static) -> Self {
        Self { transport: Some(Arc::new(transport)), ..self }
    }

    /// Sets up the default transport.
    pub fn transport_options(mut self, options: TransportOptions) -> Self {
        self.transport_options = options;
        self
    }

    /// Sets what time it is.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Adds somebody who is told of everything that happens.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
        self.observers.push(Arc::new(observer));
        self
    }

    /// Adds a place where every attempt and every call is recorded with its cost. It gets a thread of its own, and a second
    /// one where it [spills](Ledger::spill); ask with [`Client::books`].
    ///
    /// ```
    /// # use polyroute::testing::ScriptedProvider;
    /// # use polyroute::types::{CallOptions, Reply, Usage};
    /// # use polyroute::{ChatRequest, Price};
    /// use polyroute::account::{MemoryLedger, Query};
    /// use polyroute::Client;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> polyroute::Result<()> {
    /// # let provider = ScriptedProvider::new("lab").then(Reply::text("Hi").with_usage(Usage::of(1_000, 100)));
    /// let client = Client::builder()
    /// #   .provider(provider).price("lab/m", Price::per_million("1", "4")?)
    ///     .ledger(MemoryLedger::new(10_000))
    ///     .build()?;
    /// # let options = CallOptions::new().scope("team", "search");
    /// # client.chat(ChatRequest::new("lab/m").user("Hello").options(options)).await?;
    ///
    /// let books = client.books().expect("there is a ledger");
    /// let search = books.totals(&Query::all().scope("team", "search")).await?;
    /// println!("{} calls for {}", search.calls, search.cost);
    /// # assert_eq!((search.calls, search.cost.to_string()), (1, "$0.0014".into()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn ledger(mut self, ledger: impl Ledger + 'static) -> Self {
        self.ledgers.push(Box::new(ledger));
        self
    }

    /// Sets how many entries may wait for a ledger that is slow; 65,536 by default, about half a kilobyte each. Beyond
    /// three quarters of them entries are spilled to files, where the ledger has a place for them; while that works, a burst
    /// may fill the queue to four times as many. When it is full, entries are counted as
    /// [lost](crate::account::LedgerStatus::lost).
    pub fn ledger_queue(mut self, entries: usize) -> Self {
        self.ledger_queue = entries;
        self
    }

    /// Sets budgets and rate limits of the application's own. Every call must be allowed by all that apply to it, before
    /// anything is sent; see [`Limits`] for how far a budget can be overrun.
    ///
    /// ```
    /// use polyroute::quota::{Limit, Limits, Unit, Window};
    /// use polyroute::types::CallOptions;
    /// use polyroute::{ChatRequest, Client, ErrorKind};
    ///
    /// # use polyroute::{Price, testing::ScriptedProvider, types::Reply, Usage};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> polyroute::Result<()> {
    /// # let script = ScriptedProvider::new("lab").then(Reply::text("Hi.").with_usage(Usage::of(10, 10)));
    /// let client = Client::builder()
    /// #   .provider(script).price("lab/m", Price::per_million("1", "1")?)
    ///     .limits(
    ///         Limits::new()
    ///             .limit(Limit::cost("0.01".parse()?, Window::calendar(Unit::Day)).each("user").required())
    ///             .limit(Limit::parallel(100)),
    ///     )
    ///     .build()?;
    ///
    /// let by = |user: &str| CallOptions::new().scope("user", user);
    /// let short = ChatRequest::from(("lab/m", "Hello")).max_output_tokens(100);
    /// client.chat(short.clone().options(by("anna"))).await?;
    /// // What it may cost at most is more than what anybody may spend in a day.
    /// let long = short.max_output_tokens(20_000).options(by("anna"));
    /// assert_eq!(client.chat(long).await.unwrap_err().kind(), ErrorKind::BudgetExceeded);
    /// # Ok(())
    /// # }
    /// ```
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets where limits count; in memory, for 100,000 meters, by default. An `Arc` of a store is a store as well.
    pub fn store(mut self, store: impl Store + 'static) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets how often and how patiently to try.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets how long the parts of a call may take.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// Sets how long the parts of a call may take at one target, one provider or on one route, by its name: what is said of a
    /// target goes before its provider, and that before the route. The total time is a matter of routes only.
    ///
    /// ```
    /// use std::time::Duration;
    /// use polyroute::types::TimeLimits;
    /// use polyroute::{Client, Settings};
    ///
    /// # fn main() -> polyroute::Result<()> {
    /// let slow = TimeLimits::new().first_token(Duration::from_secs(300));
    /// let client = Client::builder()
    ///     .vendor(Settings::compatible("lab", "http://localhost:8000/v1"))
    ///     .time_limits("lab/huge", slow)
    ///     .build()?;
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    pub fn time_limits(mut self, name: impl Into<String>, limits: TimeLimits) -> Self {
        self.time_limits.insert(name.into(), limits);
        self
    }

    /// Says that these targets draw on one allowance at their vendor, so that a pause one of them is asked for is a pause for
    /// all of them. A name without a slash is a provider's and stands for all its models that are in no other pool.
    ///
    /// Without this each model has an allowance of its own for each key, which is what most vendors document, but for the
    /// families that a vendor counts together: see
    /// [`Habits::quota_families`](crate::provider::Habits::quota_families). OpenAI lists those of an organisation in its
    /// table of limits only (<https://developers.openai.com/api/docs/guides/rate-limits>, read 2026-11-26). Keys take part by
    /// their place: the pool is one for each key.
    ///
    /// ```
    /// # fn main() -> polyroute::Result<()> {
    /// use polyroute::{Client, Settings};
    /// let client = Client::builder()
    ///     .vendor(Settings::vendor("openai").api_key("sk-..."))
    ///     .quota_pool(["openai/gpt-4.1", "openai/gpt-4.1-2025-04-14"])
    ///     .build()?;
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    pub fn quota_pool(mut self, targets: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.quota_pools.push(targets.into_iter().map(Into::into).collect());
        self
    }

    /// Probes targets of the routes that nobody has asked for a while, from the first call on until the client is shut down or
    /// its last handle dropped. Off unless this is called.
    pub fn probes(mut self, policy: ProbePolicy) -> Self {
        self.probes = Some(policy);
        self
    }

    /// Sends calls that are slow to begin to a second target as well. Off unless this is called.
    pub fn hedging(mut self, policy: HedgePolicy) -> Self {
        self.hedging = Some(policy);
        self
    }

    /// Sets how failures of targets, models and keys are remembered between calls.
    pub fn health(mut self, policy: HealthPolicy) -> Self {
        self.health = policy;
        self
    }

    /// Makes jitter and every other choice by chance repeatable.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Checks everything and makes the client. No network.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when there is no provider, a key is missing (the message names its variable) or
    /// malformed, an address is unsafe, two providers share a name, a route is empty or names an unknown provider, or a
    /// price file is malformed.
    pub fn build(self) -> Result<Client> {
        let transport = self.chosen_transport()?;
        let taken = self.taken_names();
        let catalogue = Arc::new(self.catalogue.map_err(into_configuration)?);
        let mut registry = Registry::default();
        for provider in self.providers {
            let name = provider.name().to_owned();
            add(
                &mut registry,
                &name,
                Registered {
                    provider,
                    priced_as: name.clone(),
                    model_aliases: BTreeMap::new(),
                    traits: Traits::new(),
                },
            )?;
        }
        let from_env = match self.from_env {
            FromEnv::Yes => with_keys(&self.environment, &taken),
            FromEnv::No => Vec::new(),
        };
        for settings in self.vendors.iter().chain(&from_env) {
            let vendor = vendor::find(&settings.vendor).ok_or_else(|| unknown_vendor(&settings.vendor))?;
            let provider = HttpProvider::new(
                vendor,
                settings,
                &self.environment,
                Arc::clone(&transport),
                Arc::clone(&self.clock),
            )?;
            let name = provider.name().to_owned();
            let priced_as = if vendor.models.is_empty() { name.clone() } else { vendor.name.to_owned() };
            let model_aliases = known_models(&catalogue, &priced_as, settings)?;
            let hosted = hosting::traits_of(vendor, provider.address());
            let traits = Traits { vendor: Some(vendor.name.into()), ..hosted };
            let provider = Arc::new(provider);
            add(&mut registry, &name, Registered { provider, priced_as, model_aliases, traits })?;
            if name == vendor.name {
                let aliases = vendor.aliases.iter().map(|alias| ((*alias).to_owned(), name.clone()));
                registry.aliases.extend(aliases);
            }
        }
        if registry.providers.is_empty() {
            return Err(no_provider(self.from_env));
        }
        registry.traits = known_traits(&registry, self.traits)?;
        registry.routes = prepare_routes(&registry, &catalogue, &self.routes)?;
        let books = open_books(self.ledgers, self.ledger_queue, &self.observers)?;
        let now = self.clock.now();
        let hedges = self.hedging.map(|policy| HedgeBudget::new(policy, self.clock.now()));
        for name in self.time_limits.keys() {
            let known = registry.routes.contains_key(name)
                || registry.providers.contains_key(name.split('/').next().unwrap_or(name));
            if !known {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!(
                        "time_limits({name:?}, ..) names no route, provider or target of a registered provider"
                    ),
                ));
            }
        }
        let pools = quota_pools::check(&registry, self.quota_pools)?;
        let endpoints = prepare_endpoints(&mut registry, self.health, &pools, now);
        let mut retry = self.retry;
        retry.max_attempts = retry.max_attempts(retry.max_attempts).max_attempts;
        let tasks = Arc::new(Tasks::default());
        let hall = Hall { observers: self.observers.clone(), tasks: Arc::clone(&tasks) };
        let gate = open_gate(&self.limits, self.store, &self.clock, hall, &registry)?;
        Ok(Client {
            _life: Life::of(&tasks),
            inner: Arc::new(Inner {
                tasks,
                flights: Arc::default(),
                ratings: Ratings::default(),
                registry,
                prices: Prices::new(catalogue),
                clock: self.clock,
                observers: self.observers,
                retry,
                timeouts: self.timeouts,
                time_limits: self.time_limits,
                endpoints,
                hedges,
                probes: self.probes.map(|policy| Probes::new(policy, now)),
                books,
                gate,
                seed: AtomicU64::new(self.seed.unwrap_or_else(|| RandomState::new().hash_one(0))),
            }),
        })
    }
}

impl ClientBuilder {
    /// The names that providers registered so far will have.
    fn taken_names(&self) -> Vec<String> {
        let vendors =
            self.vendors.iter().map(|settings| match (&settings.name, vendor::find(&settings.vendor)) {
                (Some(name), _) => name.clone(),
                (None, Some(vendor)) => vendor.name.to_owned(),
                (None, None) => settings.vendor.clone(),
            });
        self.providers.iter().map(|provider| provider.name().to_owned()).chain(vendors).collect()
    }

    fn chosen_transport(&self) -> Result<Arc<dyn Transport>> {
        match &self.transport {
            Some(transport) => Ok(Arc::clone(transport)),
            None => Ok(Arc::new(ReqwestTransport::new(self.transport_options.clone())?)),
        }
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("providers", &self.providers)
            .field("vendors", &self.vendors)
            .field("routes", &self.routes)
            .finish_non_exhaustive()
    }
}

fn add(registry: &mut Registry, name: &str, registered: Registered) -> Result<()> {
    Target::new(name, "model").map_err(into_configuration)?;
    if registry.providers.insert(name.to_owned(), registered).is_some() {
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("two providers are named {name:?}; give one another name with Settings::name(..)"),
        ));
    }
    Ok(())
}

/// The application's own names of models, each checked to mean something.
fn known_models(
    catalogue: &Catalogue,
    priced_as: &str,
    settings: &Settings,
) -> Result<BTreeMap<String, String>> {
    for (alias, known) in &settings.model_aliases {
        if catalogue.find(priced_as, known).is_none() {
            return Err(Error::new(
                ErrorKind::Configuration,
                format!("model_alias({alias:?}, {known:?}): the catalogue has no {known:?} of {priced_as}"),
            ));
        }
    }
    Ok(settings.model_aliases.iter().cloned().collect())
}

fn prepare_routes(
    registry: &Registry,
    catalogue: &Catalogue,
    routes: &[(String, Route)],
) -> Result<BTreeMap<String, PreparedRoute>> {
    routes
        .iter()
        .map(|(name, route)| {
            if name.is_empty() || name.contains('/') {
                return Err(Error::new(
                    ErrorKind::Configuration,
                    format!("route {name:?}: a route's name may not be empty or hold a slash"),
                ));
            }
            let candidates =
                candidates::prepare(registry, catalogue, name, route.targets(), route.service_tiers())?;
            if let Some(preferences) = route.preferences() {
                preferences.validate()?;
            }
            let single = |what: &str, written: &str| {
                let wrong = |message: &str| {
                    Error::new(ErrorKind::Configuration, format!("route {name:?}, its {what}: {message}"))
                };
                match registry.resolve(written).map_err(|error| wrong(error.message()))? {
                    Meaning::Target(target) => Ok(target),
                    Meaning::Route(_) => Err(wrong("it is provider/model, not another route")),
                }
            };
            let shadows = route.shadows().iter().map(|(written, share)| {
                let target = single("shadow", written)?;
                if !(0.0..=1.0).contains(share) {
                    let message =
                        format!("route {name:?}: the share of a shadow lies between 0 and 1, not at {share}");
                    return Err(Error::new(ErrorKind::Configuration, message));
                }
                Ok((target, *share))
            });
            let shadows = shadows.collect::<Result<Vec<_>>>()?;
            let prepared = PreparedRoute {
                policy: Arc::clone(route.policy()),
                candidates,
                endpoints: Arc::default(),
                preferences: route.preferences().cloned().map(Arc::new),
                sensitive: route.sensitive_data().clone(),
                tiers: route.service_tiers(),
                memory: Arc::default(),
                reference: route
                    .reference_target()
                    .map(|written| single("reference", written))
                    .transpose()?,
                shadows: Arc::new(Shadows::new(shadows)),
            };
            Ok((name.clone(), prepared))
        })
        .collect()
}

/// The records of every target that is in a route; others are made when they are asked for.
fn prepare_endpoints(
    registry: &mut Registry,
    policy: HealthPolicy,
    pools: &[Vec<String>],
    now: Instant,
) -> Endpoints {
    let providers = registry.providers.iter().map(|(name, registered)| {
        (name.as_str(), registered.provider.keys(), registered.provider.failure_domain())
    });
    let mut endpoints = Endpoints::new(policy, now, providers);
    for (name, registered) in &registry.providers {
        let beginnings = registered.provider.habits().quota_families;
        if !beginnings.is_empty() {
            endpoints.share_in_families(name, beginnings);
        }
    }
    for pool in pools {
        endpoints.share_quota(pool);
    }
    for route in registry.routes.values_mut() {
        let rows = route.candidates.as_slice().iter();
        route.endpoints = rows.map(|candidate| endpoints.of(&candidate.target, now)).collect();
    }
    endpoints
}

/// What the application says of providers and targets, each checked to be one.
fn known_traits(registry: &Registry, said: BTreeMap<String, Traits>) -> Result<BTreeMap<String, Traits>> {
    said.into_iter()
        .map(|(name, traits)| {
            let what = |message: &str| {
                Error::new(ErrorKind::Configuration, format!("describe({name:?}, ..): {message}"))
            };
            let (provider, model) = match name.split_once('/') {
                Some((provider, model)) => (provider, Some(model)),
                None => (&*name, None),
            };
            let Some((own, _)) = registry.provider(provider) else {
                return Err(what("there is no such provider"));
            };
            candidates::check_traits(&traits).map_err(|error| what(error.message()))?;
            let own = model.map_or_else(|| own.to_owned(), |model| format!("{own}/{model}"));
            Ok((own, traits))
        })
        .collect()
}

/// The vendors whose key is in the environment and whose name is not taken.
fn with_keys(environment: &Environment, taken: &[String]) -> Vec<Settings> {
    vendor::ALL
        .iter()
        .filter(|vendor| vendor.chat.is_some() || vendor.embed.is_some() || vendor.rerank.is_some())
        .filter(|vendor| !taken.iter().any(|name| name == vendor.name))
        .filter(|vendor| environment.first(vendor.key_env).is_some() && is_known(vendor, environment))
        .map(|vendor| Settings::vendor(vendor.name))
        .collect()
}

fn no_provider(from_env: FromEnv) -> Error {
    let message = match from_env {
        FromEnv::Yes => {
            let variables: Vec<&str> = vendor::ALL
                .iter()
                .filter(|vendor| vendor.chat.is_some())
                .filter_map(|vendor| vendor.key_env.first().copied())
                .collect();
            format!("no vendor's key is set; set one of {}", variables.join(", "))
        }
        FromEnv::No => {
            "there is no provider; add .vendor(..), .provider(..) or .vendors_from_env()".to_owned()
        }
    };
    Error::new(ErrorKind::Configuration, message)
}

fn unknown_vendor(name: &str) -> Error {
    if let Some(reason) = vendor::absent(name) {
        return Error::new(ErrorKind::Configuration, format!("there is no vendor {name:?}: {reason}"));
    }
    let known: Vec<&str> = vendor::ALL.iter().map(|vendor| vendor.name).collect();
    let nearest = known.iter().min_by_key(|known| strsim::damerau_levenshtein(name, known));
    let near = nearest.filter(|known| strsim::damerau_levenshtein(name, known) <= 2);
    let advice = near.map(|near| format!(", did you mean {near:?}?")).unwrap_or_default();
    Error::new(
        ErrorKind::Configuration,
        format!(
            "there is no vendor {name:?}{advice}; the vendors are {}. For others use Settings::compatible",
            known.join(", ")
        ),
    )
}

fn into_configuration(error: Error) -> Error {
    Error::new(ErrorKind::Configuration, error.message().to_owned())
}

fn is_local(vendor: &Vendor) -> bool {
    vendor.key == KeyStyle::OptionalBearer && vendor.base_url.starts_with("http://localhost")
}

/// Puts the limits to work, where there are any.
fn open_gate(
    limits: &Limits,
    store: Option<Arc<dyn Store>>,
    clock: &Arc<dyn Clock>,
    hall: Hall,
    registry: &Registry,
) -> Result<Option<Arc<Gate>>> {
    if limits.is_empty() {
        return Ok(None);
    }
    if let Some(unknown) = limits.routes().find(|route| !registry.routes.contains_key(*route)) {
        let known = registry.route_names().join(", ");
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("a limit sends calls to the route {unknown:?}, which does not exist; there are: {known}"),
        ));
    }
    let store = store.unwrap_or_else(|| Arc::new(MemoryStore::new(METERS_IN_MEMORY, Arc::clone(clock))));
    Gate::new(limits, store, Arc::clone(clock), Arc::new(hall)).map(Some)
}

/// Meters of the store that is used when none is given: about 300 bytes each.
const METERS_IN_MEMORY: usize = 100_000;

/// Opens the ledgers; observers hear of their failures.
fn open_books(
    ledgers: Vec<Box<dyn Ledger>>,
    queue: usize,
    observers: &[Arc<dyn Observer>],
) -> Result<Option<Books>> {
    if ledgers.is_empty() {
        return Ok(None);
    }
    let observers = observers.to_vec();
    let tell: Tell = Arc::new(move |incident| {
        let event = match &incident {
            Incident::Failed(error) => Event::LedgerFailed(error),
            Incident::Lost => Event::LedgerOverflowed,
        };
        for observer in &observers {
            observer.observe(&event);
        }
    });
    Books::open(ledgers, queue, &tell).map(Some)
}

/// Does a server at `base_url` list its models? A web server on the same port answers anything with a page.
async fn answers(transport: &dyn Transport, clock: &dyn Clock, base_url: &str) -> bool {
    let Ok(url) = Url::parse(&format!("{base_url}/models")) else { return false };
    let listed = async {
        let request = HttpRequest::new(Method::GET, url, HeaderMap::new(), Bytes::new());
        let mut response = transport.send(request).await.ok().filter(|response| response.status == 200)?;
        let mut body = Vec::new();
        while let Some(piece) = response.body.next().await {
            body.extend_from_slice(&piece.ok()?);
            if body.len() > PROBE_BYTES {
                return None;
            }
        }
        let list: ModelList = serde_json::from_slice(&body).ok()?;
        list.data.or(list.models)
    };
    matches!(select(pin!(listed), clock.sleep(PROBE_LIMIT)).await, Either::Left((Some(_), _)))
}

/// What local servers list their models as: OpenAI's `data`, or `models`.
#[derive(Deserialize)]
struct ModelList {
    data: Option<Vec<IgnoredAny>>,
    models: Option<Vec<IgnoredAny>>,
}

/// A list of every model a machine can hold is far smaller.
const PROBE_BYTES: usize = 1 << 20;

const PROBE_LIMIT: Duration = Duration::from_millis(500);

/// Seconds of a busy service, while a disk is slow.
const LEDGER_QUEUE: usize = 1 << 16;
