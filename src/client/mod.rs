//! The facade: one client, many providers.

mod arms;
mod ask;
mod attempt;
mod audit;
mod batch;
mod booking;
mod builder;
mod call;
mod candidates;
mod check;
mod embed;
mod flights;
mod guard;
mod hindsight;
mod hosting;
mod memory;
mod mend;
mod operation;
mod overlap;
mod pipeline;
mod prices;
mod probe;
mod pulse;
mod quota_pools;
mod ratings;
mod received;
mod recovery;
mod registry;
mod review;
#[cfg(feature = "schema")]
pub mod schema;
mod shadow;
mod shutdown;
mod spend;
mod stream;
mod tasks;
mod tools;
mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

pub use arms::Arm;
pub use batch::{Batch, BatchAnswer, BatchItem, BatchOutcome, BatchProgress, BatchReport, Origin, Stopped};
pub use builder::ClientBuilder;
pub use candidates::CallableModel;
pub use check::{Check, TargetCheck};
pub use hindsight::{Elsewhere, Hindsight};
pub use prices::PriceFeed;
pub use shutdown::Shutdown;
pub use tools::{ToolLimits, ToolRun, ToolStep, ToolStop, Toolbox};

use crate::account::Books;
use crate::catalog::{Capability, Catalogue, Support};
use crate::clock::Clock;
use crate::error::Result;
use crate::quota::Gate;
use crate::resilience::{Endpoints, HedgeBudget, RetryPolicy, TargetHealth, Timeouts};
use crate::routing::{Candidates, RequestFacts};
use crate::telemetry::Observer;
use crate::types::{
    Answered, CallId, ChatRequest, ChatResponse, ChatStream, Cost, EmbedRequest, EmbedResponse, ImageReply,
    ImageRequest, ModerationReply, ModerationRequest, RerankRequest, RerankResponse, SpeechReply,
    SpeechRequest, Target, TimeLimits, TranscriptReply, TranscriptRequest, Usage,
};
use flights::Flights;
use prices::Prices;
use probe::Probes;
use ratings::Ratings;
use registry::Registry;
use tasks::{Life, Tasks};

/// Asks any model of any registered provider. Cloning copies pointers; clones share connections and state. What runs in
/// the background for them stops when the last is dropped.
///
/// ```no_run
/// # async fn example() -> polyroute::Result<()> {
/// use polyroute::{Client, Route};
///
/// let client = Client::builder()
///     .vendors_from_env()
///     .route("smart", Route::ordered(["anthropic/claude-sonnet-4-5", "openai/gpt-5"]))
///     .build()?;
/// let answer = client.chat(("smart", "Why is the sky blue?")).await?;
/// println!("{} (from {}, {:?})", answer.text(), answer.target(), answer.cost().map(|cost| cost.total));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// Held by handles only; calls and tasks hold `inner`.
    _life: Arc<Life>,
}

/// What all clones share. Of what the builder made only the prices change.
struct Inner {
    registry: Registry,
    prices: Prices,
    clock: Arc<dyn Clock>,
    observers: Vec<Arc<dyn Observer>>,
    retry: RetryPolicy,
    timeouts: Timeouts,
    /// By the name of a route, a provider or a target.
    time_limits: BTreeMap<String, TimeLimits>,
    endpoints: Endpoints,
    hedges: Option<HedgeBudget>,
    probes: Option<Probes>,
    seed: AtomicU64,
    books: Option<Books>,
    gate: Option<Arc<Gate>>,
    tasks: Arc<Tasks>,
    flights: Arc<Flights>,
    ratings: Ratings,
}

impl Client {
    /// Registers every vendor whose key variable is set (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, …). No network.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when no variable is set, or a key or address is
    /// malformed.
    pub fn from_env() -> Result<Self> {
        Self::builder().vendors_from_env().build()
    }

    /// Begins a client piece by piece.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new()
    }

    /// Asks and waits for the whole answer. `request` is a [`ChatRequest`] or a pair of model and prompt.
    ///
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// The last attempt's error, with [`Error::attempts`](crate::Error::attempts) listing all of them.
    pub async fn chat(&self, request: impl Into<ChatRequest>) -> Result<ChatResponse> {
        mend::chat(&self.inner, &request.into()).await
    }

    /// Answers the model's tool calls with the functions of `tools` and asks again, until the model is done or a limit is
    /// reached. Nothing happens before [`ToolRun::next`] or [`ToolRun::finish`] is awaited.
    ///
    /// ```
    /// use polyroute::{Tool, Toolbox};
    /// use serde::Deserialize;
    /// use serde_json::json;
    ///
    /// #[derive(Deserialize)]
    /// struct Place { city: String }
    ///
    /// # use polyroute::{Client, Settings, testing::Sandbox};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> polyroute::Result<()> {
    /// # let sandbox = Sandbox::start().await?;
    /// # let client = Client::builder()
    /// #     .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url())).build()?;
    /// let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
    /// let weather = Tool::function("weather", "Temperature in a city", schema);
    /// let tools = Toolbox::new().add(weather, |place: Place| async move {
    ///     Ok::<_, String>(format!("18 degrees in {}", place.city))
    /// });
    ///
    /// let mut run = client.tool_run(("openai/gpt-6-luna", "How warm is it in Paris?"), &tools);
    /// let text = run.finish().await?.text();
    /// assert!(text.contains("18 degrees"));
    /// assert_eq!(run.steps().len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    pub fn tool_run<'a>(&self, request: impl Into<ChatRequest>, tools: &'a Toolbox) -> ToolRun<'a> {
        ToolRun::new(self, request.into(), tools)
    }

    /// Asks and returns the answer as it arrives. Resolves with the first piece of content: until then failures move to
    /// another target unseen.
    ///
    /// Dropping the future or the stream cancels the call.
    ///
    /// # Errors
    /// As [`chat`](Self::chat). Once content has come, errors are items of the stream.
    pub async fn chat_stream(&self, request: impl Into<ChatRequest>) -> Result<ChatStream> {
        let request = request.into();
        let stream = pipeline::chat_stream(&self.inner, &request).await?;
        Ok(mend::checked(stream, &request))
    }

    /// Says what would become of `request` at each target of its route, without sending anything: the order they would be
    /// tried in, what would be left out or changed for each, and which would refuse it. It is the same code that sends.
    ///
    /// ```
    /// use polyroute::{ChatRequest, Client, Route, Settings};
    ///
    /// # fn main() -> polyroute::Result<()> {
    /// let client = Client::builder()
    ///     .vendor(Settings::vendor("openai").api_key("no-key"))
    ///     .vendor(Settings::vendor("anthropic").api_key("no-key"))
    ///     .route("both", Route::ordered(["openai/gpt-4.1", "anthropic/claude-haiku-4-5"]))
    ///     .build()?;
    /// let check = client.check(ChatRequest::from(("both", "Hi")).seed(7))?;
    ///
    /// let fields = |place: usize| -> Vec<&str> {
    ///     let outcome = check.targets[place].outcome.as_ref();
    ///     outcome.map(|list| list.iter().map(|one| &*one.field).collect()).unwrap_or_default()
    /// };
    /// assert_eq!((fields(0), fields(1)), (vec![], vec!["seed"]));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// What [`chat`](Self::chat) would refuse before choosing a target: a malformed request, a model string that means
    /// nothing, no target that can serve it.
    pub fn check(&self, request: impl Into<ChatRequest>) -> Result<Check> {
        check::check(&self.inner, &request.into())
    }

    /// Can `model`, which is `provider/model` or a route's name, do this, as far as the catalogue knows? Of a route:
    /// [`Support::Yes`] when one of its targets can, because the others are then left out of requests that need it;
    /// [`Support::No`] when none can.
    ///
    /// ```
    /// use polyroute::catalog::{Capability, Support};
    /// use polyroute::{Client, Settings};
    ///
    /// # fn main() -> polyroute::Result<()> {
    /// let client = Client::builder().vendor(Settings::vendor("openai").api_key("no-key")).build()?;
    /// assert_eq!(client.supports("openai/gpt-4.1", Capability::Vision)?, Support::Yes);
    /// assert_eq!(client.supports("openai/made-up", Capability::Vision)?, Support::Unknown);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::NoRoute`](crate::ErrorKind::NoRoute) when the string means nothing.
    pub fn supports(&self, model: &str, capability: Capability) -> Result<Support> {
        check::supports(&self.inner, model, capability)
    }

    /// What a policy would know of `request` now; nothing is sent. For [`replay`](crate::routing::replay): taken when a call
    /// is made and kept beside its outcome, it tells later what another policy would have done.
    ///
    /// # Errors
    /// Those of a request that is malformed.
    pub fn facts(&self, request: impl Into<ChatRequest>) -> Result<RequestFacts> {
        let request = request.into();
        request.validate()?;
        Ok(candidates::chat_facts(&self.inner, &request))
    }

    /// The targets that `model` means, a route or a single one, with what is known of them. For
    /// [`replay`](crate::routing::replay).
    ///
    /// # Errors
    /// [`ErrorKind::NoRoute`](crate::ErrorKind::NoRoute) when the string means nothing.
    pub fn candidates(&self, model: &str) -> Result<Arc<Candidates>> {
        candidates::meant(&self.inner, model)
    }

    /// Says how good the answer of a call was, from 0 (useless) to 1 (nothing to improve), so that the policy of its route
    /// can learn: [`Cascade`](crate::routing::policy::Cascade) when to trust its weak model, others whom to prefer.
    ///
    /// The last 4,096 answered calls of this client are remembered, and each can be rated once.
    ///
    /// ```
    /// # use polyroute::testing::ScriptedProvider;
    /// # use polyroute::types::Reply;
    /// # use polyroute::{Client, Result};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let client = Client::builder().provider(ScriptedProvider::new("lab").then(Reply::text("Paris."))).build()?;
    /// let answer = client.chat(("lab/m", "Which city is the capital of France?")).await?;
    /// client.feedback(answer.call_id(), 1.0)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) for a score out of range, and for a call that is not
    /// remembered or was rated already.
    pub fn feedback(&self, call: CallId, score: f64) -> Result<()> {
        self.inner.ratings.rate(call, score)
    }

    /// Turns texts into vectors.
    ///
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// As [`chat`](Self::chat).
    pub async fn embed(&self, request: EmbedRequest) -> Result<EmbedResponse> {
        pipeline::embed(&self.inner, &request).await
    }

    /// Makes pictures from a description.
    ///
    /// Dropping the future cancels the call.
    ///
    /// ```
    /// use polyroute::types::ImageRequest;
    ///
    /// # use polyroute::{Client, Settings, testing::{Raw, Sandbox}};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> polyroute::Result<()> {
    /// # let sandbox = Sandbox::start().await?;
    /// # sandbox.openai().then(Raw::new(200, r#"{"data": [{"b64_json": "iVBORw0KGgo="}]}"#)
    /// #     .header("content-type", "application/json"));
    /// # let client = Client::builder()
    /// #     .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url())).build()?;
    /// let request = ImageRequest::new("openai/gpt-image-2", "A lighthouse in fog").size("1024x1024");
    /// let answer = client.generate_image(request).await?;
    /// let picture = answer.reply.images[0].bytes().ok_or("it came as an address").unwrap();
    /// assert!(picture.starts_with(b"\x89PNG"));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`chat`](Self::chat); [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) when the provider makes none.
    pub async fn generate_image(&self, request: ImageRequest) -> Result<Answered<ImageReply>> {
        pipeline::ask(&self.inner, &request).await
    }

    /// Speaks a text.
    ///
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// As [`generate_image`](Self::generate_image).
    pub async fn speak(&self, request: SpeechRequest) -> Result<Answered<SpeechReply>> {
        pipeline::ask(&self.inner, &request).await
    }

    /// Writes a recording down.
    ///
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// As [`generate_image`](Self::generate_image).
    pub async fn transcribe(&self, request: TranscriptRequest) -> Result<Answered<TranscriptReply>> {
        pipeline::ask(&self.inner, &request).await
    }

    /// Lets a vendor judge texts by its content policy.
    ///
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// As [`generate_image`](Self::generate_image).
    pub async fn moderate(&self, request: ModerationRequest) -> Result<Answered<ModerationReply>> {
        pipeline::ask(&self.inner, &request).await
    }

    /// Puts texts in the order of their relevance to a query.
    ///
    /// Dropping the future cancels the call.
    ///
    /// # Errors
    /// As [`chat`](Self::chat).
    pub async fn rerank(&self, request: RerankRequest) -> Result<RerankResponse> {
        pipeline::rerank(&self.inner, &request).await
    }

    /// Ends the client in order: refuses new calls of every clone with [`ErrorKind::ShutDown`](crate::ErrorKind::ShutDown),
    /// waits up to `deadline` for those that run and for what is read in the background, cancels the rest, and waits until
    /// the ledger has written everything. Every call is settled exactly once, cancelled ones by estimate.
    ///
    /// Dropping the future leaves the client closed and lets what runs go on.
    ///
    /// ```
    /// # use polyroute::{Client, ErrorKind, testing::ScriptedProvider};
    /// use std::time::Duration;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> polyroute::Result<()> {
    /// # let client = Client::builder().provider(ScriptedProvider::new("a")).build()?;
    /// let shutdown = client.shutdown(Duration::from_secs(10)).await?;
    /// assert_eq!((shutdown.cancelled, shutdown.held), (0, 0));
    /// assert_eq!(client.chat(("a/m", "hello")).await.unwrap_err().kind(), ErrorKind::ShutDown);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Those of [`Books::flush`](crate::account::Books::flush), when a ledger could not be written, and
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it was not done in time: it has a second beyond the deadline. The calls have ended all
    /// the same; the message says how many.
    pub async fn shutdown(&self, deadline: Duration) -> Result<Shutdown> {
        shutdown::shut_down(&self.inner, deadline).await
    }

    /// Every model of the catalogue that can be called with the registered providers, with its price. Models that are
    /// not listed can be called too; their price is unknown.
    pub fn models(&self) -> Vec<CallableModel> {
        candidates::callable(&self.inner)
    }

    /// The names of the routes, sorted.
    pub fn routes(&self) -> Vec<&str> {
        self.inner.registry.route_names()
    }

    /// The names of the registered providers, sorted.
    pub fn providers(&self) -> Vec<&str> {
        self.inner.registry.provider_names()
    }

    /// What `usage` would cost at `target` now; `None` when the price is unknown.
    pub fn cost_of(&self, target: &Target, usage: &Usage) -> Option<Cost> {
        let model = candidates::describe(&self.inner, target)?;
        candidates::price(&model, usage, self.inner.clock.wall(), None)
    }

    /// What this client has recorded; `None` unless [`ClientBuilder::ledger`] was called.
    pub fn books(&self) -> Option<&Books> {
        self.inner.books.as_ref()
    }

    /// The state of every target that was asked so far or is in a route, by name, and why it is so.
    ///
    /// ```
    /// use polyroute::resilience::Standing;
    /// use polyroute::{Client, Route, Settings};
    ///
    /// # fn main() -> polyroute::Result<()> {
    /// let client = Client::builder()
    ///     .vendor(Settings::vendor("openai").api_key("no-key"))
    ///     .route("smart", Route::ordered(["openai/gpt-5"]))
    ///     .build()?;
    /// for target in client.health() {
    ///     println!("{} {} {:?}", target.target, target.standing.as_str(), target.because);
    ///     assert_eq!(target.standing, Standing::Healthy);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn health(&self) -> Vec<TargetHealth> {
        self.inner.endpoints.report(self.inner.clock.now())
    }

    /// The prices and limits this client goes by.
    pub fn catalogue(&self) -> Arc<Catalogue> {
        Arc::clone(&self.inner.prices.get().catalogue)
    }
}

impl Inner {
    /// For jitter and policies that draw: follows from the seed, so that tests repeat. Not a secret.
    fn chance(&self) -> u64 {
        let step = self.seed.fetch_add(1, Ordering::Relaxed);
        // Neighbouring seeds have neighbouring first draws; these are as far apart as the generator's own states.
        fastrand::Rng::with_seed(step.wrapping_mul(GENERATOR_STEP)).u64(..)
    }

    /// The name of the next call.
    fn call_id(&self) -> CallId {
        CallId::new((u128::from(self.chance()) << 64) | u128::from(self.chance()))
    }
}

/// What fastrand's generator adds to its state for each draw.
const GENERATOR_STEP: u64 = 0x2d35_8dcc_aa6c_78a5;

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("providers", &self.providers())
            .field("routes", &self.routes())
            .finish_non_exhaustive()
    }
}

const _: fn(Client) = assert_send_sync;

fn assert_send_sync(_: impl Send + Sync + Clone + 'static) {}
