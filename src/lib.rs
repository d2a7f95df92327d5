//! One API for every LLM provider, inside your program: translation, routes, failover and exact cost.
//!
//! A [`Client`] holds providers, routes between their models, and prices. It sends each request to the vendor itself,
//! with your key: there is no gateway and no global state, nothing is read or sent before you ask, and nothing runs in the
//! background but what you ask for, such as the thread that writes a ledger.
//!
//! # First call
//!
//! A model is `provider/model`. [`Client::from_env`] registers every vendor whose key variable is set; the README lists
//! them.
//!
//! ```
//! use polyroute::{ChatRequest, Client};
//!
//! # use polyroute::{Settings, testing::Sandbox};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder()
//! #     .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url())).build()?;
//! # if false {
//! let client = Client::from_env()?;
//! # let _ = client;
//! # }
//! let request = ChatRequest::new("openai/gpt-6-luna")
//!     .system("Answer in one sentence.")
//!     .user("What is the capital of France?")
//!     .max_output_tokens(200);
//! let answer = client.chat(request).await?;
//! assert_eq!(answer.text(), "Paris is the capital of France.");
//!
//! // A pair of model and prompt is a request too.
//! let answer = client.chat(("openai/gpt-6-luna", "What is 2 + 2?")).await?;
//! # assert_eq!(answer.text(), "2 + 2 is 4.");
//! # Ok(())
//! # }
//! ```
//!
//! # Routes and failover
//!
//! A [`Route`] is a name for several models. When one fails, the next is asked at once; when there is none left, the
//! client waits and asks again: at most three attempts and ten minutes in all, unless told otherwise with
//! [`ClientBuilder::retry`] and [`ClientBuilder::timeouts`]. A request that is itself at fault goes nowhere else.
//!
//! ```
//! use polyroute::{Client, Route};
//!
//! # use polyroute::{Settings, testing::{Fault, Sandbox}};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! # let sandbox = Sandbox::start().await?;
//! # let fake = |name| Settings::vendor(name).api_key("no-key").base_url(sandbox.vendor(name).url());
//! # sandbox.anthropic().then(Fault::Status(529));
//! let client = Client::builder()
//! #   .vendor(fake("anthropic")).vendor(fake("openai")).vendor(fake("groq"))
//!     .vendors_from_env()
//!     .route("smart", Route::ordered(["anthropic/claude-sonnet-5-5", "openai/gpt-6.1-terra"]))
//!     .route("cheap", Route::cheapest(["openai/gpt-6-luna", "groq/openai/gpt-oss-20b"]))
//!     .build()?;
//!
//! // Anthropic is overloaded today.
//! let answer = client.chat(("smart", "hello")).await?;
//! assert_eq!(answer.target().to_string(), "openai/gpt-6.1-terra");
//! for attempt in answer.attempts() {
//!     println!("{} {} after {:?}", attempt.target, attempt.outcome.as_str(), attempt.elapsed);
//! }
//! // Why this order: the policy, what each target was expected to cost, and who was left out.
//! let decision = answer.decision();
//! assert_eq!((&*decision.policy, decision.ranked.len()), ("ordered", 2));
//! # Ok(())
//! # }
//! ```
//!
//! A target that fails five times in a row, or more than one time in five, is left alone; one call at a time finds out
//! whether it has recovered, and it comes back bit by bit. A key that is refused, and one that asked for a pause, is left alone
//! by itself while others go on. [`Client::health`] says who is out of use and why, [`ClientBuilder::health`] how that is
//! decided; [`ClientBuilder::hedging`] and [`ClientBuilder::probes`] are off unless asked for.
//!
//! # Streaming
//!
//! [`Client::chat_stream`] resolves with the first piece of content. Until then a failure moves to the next model unseen;
//! after that it is an error of the stream, because half an answer has been shown. A stream that ends without its
//! vendor's end mark is such an error, never a short answer. Dropping the stream closes the connection.
//!
//! ```
//! use polyroute::StreamEvent;
//!
//! # use polyroute::{Client, Settings, testing::Sandbox};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder()
//! #     .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url())).build()?;
//! let mut stream = client.chat_stream(("openai/gpt-6-luna", "Tell me a joke.")).await?;
//! while let Some(event) = stream.next().await {
//!     match event? {
//!         StreamEvent::Text(text) => print!("{text}"),
//!         StreamEvent::Done(summary) => println!("\n{}", summary.target),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! [`CallOptions::recovery`](types::CallOptions::recovery) lets a broken answer start over, or go on where the model can,
//! and says so with an event of its own.
//!
//! [`ChatStream::into_response`] reads to the end and returns what [`Client::chat`] would have.
//!
//! # Tools
//!
//! Append the answer's message and the results, and ask again, on any route: the conversation may move to another
//! vendor halfway.
//!
//! ```
//! use polyroute::{ChatRequest, Tool, ToolResult};
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize)]
//! struct Arguments { city: String }
//!
//! # use polyroute::{Client, Settings, testing::Sandbox};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder()
//! #     .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url())).build()?;
//! let schema = json!({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]});
//! let request = ChatRequest::new("openai/gpt-6-luna")
//!     .user("How warm is it in Paris?")
//!     .tool(Tool::function("weather", "Current temperature in a city", schema));
//!
//! let answer = client.chat(&request).await?;
//! let mut results = Vec::new();
//! for call in answer.tool_calls() {
//!     results.push(match call.parse::<Arguments>() {
//!         Ok(arguments) => ToolResult::new(&call.id, format!("18 degrees in {}", arguments.city)),
//!         // The model reads this and usually mends its arguments.
//!         Err(error) => ToolResult::failure(&call.id, error.message()),
//!     });
//! }
//! let answer = client.chat(request.message(answer.into_message()).tool_results(results)).await?;
//! assert!(answer.text().contains("18 degrees"));
//! # Ok(())
//! # }
//! ```
//!
//! # Structured output
//!
//! ```
//! use polyroute::{ChatRequest, ResponseFormat};
//! use serde::Deserialize;
//! use serde_json::json;
//!
//! #[derive(Deserialize)]
//! struct City { name: String, inhabitants: u64 }
//!
//! # use polyroute::{Client, Settings, testing::Sandbox};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! # let sandbox = Sandbox::start().await?;
//! # let client = Client::builder()
//! #     .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url())).build()?;
//! let schema = json!({
//!     "type": "object",
//!     "properties": {"name": {"type": "string"}, "inhabitants": {"type": "integer"}},
//!     "required": ["name", "inhabitants"],
//!     "additionalProperties": false
//! });
//! let request = ChatRequest::new("openai/gpt-6-luna")
//!     .user("Name a city.")
//!     .response_format(ResponseFormat::json_schema("city", schema));
//! let city: City = client.chat(request).await?.parse()?;
//! # assert!(!city.name.is_empty() && city.inhabitants < u64::MAX);
//! # Ok(())
//! # }
//! ```
//!
//! # Cost
//!
//! Money is [`Usd`], an integer of picodollars. A cost is `None` when the usage or the price is unknown, never zero and
//! never a guess from a similar name. Prices of the vendors' models are built in, with the day they were read; set
//! your own with [`ClientBuilder::price`], [`prices_json`](ClientBuilder::prices_json) or
//! [`prices_litellm`](ClientBuilder::prices_litellm).
//!
//! ```
//! use polyroute::{Client, Price, Settings, Usage};
//!
//! # fn main() -> polyroute::Result<()> {
//! let client = Client::builder()
//!     .vendor(Settings::compatible("lab", "http://localhost:8000/v1"))
//!     .price("lab/llama", Price::per_million("0.10", "0.40")?.cached_input("0.025")?)
//!     .build()?;
//!
//! let mut usage = Usage::of(10_000, 500);
//! usage.cache_read_tokens = Some(8_000);
//! let cost = client.cost_of(&"lab/llama".parse()?, &usage).ok_or("no price").unwrap();
//! assert_eq!(cost.total.to_string(), "$0.0006");
//! assert_eq!((cost.input.to_string(), cost.cache_read.to_string()), ("$0.0002".into(), "$0.0002".into()));
//! assert!(client.cost_of(&"lab/other".parse()?, &usage).is_none());
//! # Ok(())
//! # }
//! ```
//!
//! Every answer has [`cost`](ChatResponse::cost) and its parts; every attempt, failed ones too, has its own.
//! [`Client::hindsight`] says what a call saved against the reference of its route, and what the best target would have.
//!
//! # Budgets, rates and the books
//!
//! A request says on whose account it goes; budgets and rates hold for each name, and what a call may cost at most is
//! reserved before it is sent. A [`Ledger`](account::Ledger) records every attempt and every call.
//!
//! ```
//! use polyroute::account::{MemoryLedger, Query};
//! use polyroute::quota::{Limit, Limits, Unit, Window};
//! use polyroute::types::CallOptions;
//! use polyroute::{ChatRequest, Client};
//!
//! # use polyroute::{Settings, testing::Sandbox};
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! # let sandbox = Sandbox::start().await?;
//! let client = Client::builder()
//! #   .vendor(Settings::vendor("openai").api_key("no-key").base_url(sandbox.openai().url()))
//!     .vendors_from_env()
//!     .limits(
//!         Limits::new()
//!             .limit(Limit::cost("50".parse()?, Window::calendar(Unit::Month)).each("team").required())
//!             .limit(Limit::requests(100, Window::rolling(std::time::Duration::from_secs(60))).each("user")),
//!     )
//!     .ledger(MemoryLedger::new(100_000))
//!     .build()?;
//!
//! let account = CallOptions::new().scope("team", "search").scope("user", "anna");
//! let request = ChatRequest::from(("openai/gpt-6-luna", "What is 2 + 2?")).options(account);
//! let answer = client.chat(request).await?;
//!
//! let books = client.books().expect("there is a ledger");
//! let search = books.totals(&Query::all().scope("team", "search")).await?;
//! assert_eq!(Some(search.cost), answer.summary.total_cost());
//! # Ok(())
//! # }
//! ```
//!
//! What several processes share, or what must survive a restart, is kept by `SqliteStore` or `RedisStore`
//! ([`ClientBuilder::store`]) and written by [`JsonLinesLedger`](account::JsonLinesLedger) or `SqliteLedger`.
//!
//! # A provider of your own
//!
//! ```
//! use polyroute::provider::Call;
//! use polyroute::types::Reply;
//! use polyroute::{Client, Provider, Result, async_trait};
//!
//! #[derive(Debug)]
//! struct Echo;
//!
//! #[async_trait]
//! impl Provider for Echo {
//!     fn name(&self) -> &str {
//!         "echo"
//!     }
//!
//!     async fn chat(&self, call: Call<'_>) -> Result<Reply> {
//!         let last = call.request.messages.last().map(|message| message.text());
//!         Ok(Reply::text(last.unwrap_or_default()))
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! let client = Client::builder().provider(Echo).build()?;
//! assert_eq!(client.chat(("echo/any", "hello")).await?.text(), "hello");
//! # Ok(())
//! # }
//! ```
//!
//! It streams (in one burst, unless it implements [`chat_stream`](Provider::chat_stream)), fails over and is priced like
//! any other. A server that speaks OpenAI's chat completions needs no code: [`Settings::compatible`].
//!
//! # A policy of your own
//!
//! A policy ranks facts about targets. It is a pure function: time and chance are among the facts.
//!
//! ```
//! use polyroute::routing::{Choice, Plan, RequestFacts, Shortlist};
//! use polyroute::{Route, RoutingPolicy};
//!
//! /// The largest context window first.
//! #[derive(Debug)]
//! struct Roomiest;
//!
//! impl RoutingPolicy for Roomiest {
//!     fn name(&self) -> &'static str {
//!         "roomiest"
//!     }
//!
//!     fn plan(&self, _: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
//!         let mut able: Vec<_> = shortlist.iter().collect();
//!         able.sort_by_key(|(_, candidate)| std::cmp::Reverse(candidate.context_window()));
//!         Plan::new(able.into_iter().map(|(position, _)| Choice::new(position, "next largest window")))
//!     }
//! }
//!
//! let route = Route::with_policy(Roomiest, ["openai/gpt-6-luna", "google/gemini-3.8-flash"]);
//! # assert_eq!(route.policy().name(), "roomiest");
//! ```
//!
//! # And also
//!
//! | to | see |
//! |---|---|
//! | read an answer into a type of your own | `Client::chat_as`, with the feature `schema` |
//! | let tools run by themselves, bounded in rounds, time and money | [`Client::tool_run`], [`Toolbox`] |
//! | ask thousands of things, resume after a kill, pay once | [`Client::batch`] |
//! | hand a vendor a job for the night at its batch price | [`Client::submit_batch`] |
//! | turn text into vectors, rank documents | [`Client::embed`], [`Client::rerank`] |
//! | make pictures and speech, transcribe, moderate | [`Client::generate_image`], [`Client::speak`], [`Client::transcribe`], [`Client::moderate`] |
//! | know what a model cannot do before asking it | [`Client::check`], [`Client::supports`] |
//! | take the cheapest answer that is good enough | [`routing::policy::Cascade`], [`Client::feedback`] |
//! | know what last week would have cost otherwise | [`routing::replay`] |
//! | follow prices without a new version | [`Client::update_prices`] |
//! | measure and alert | [`ClientBuilder::observer`] |
//! | stop without losing anything | [`Client::shutdown`] |
//!
//! # Errors
//!
//! There is one [`Error`]. [`kind`](Error::kind) says what went wrong; [`is_retryable`](Error::is_retryable),
//! [`should_failover`](Error::should_failover) and [`may_be_billed`](Error::may_be_billed) say what may be done about it;
//! [`attempts`](Error::attempts) lists what was tried. `Display` and `Debug` never hold a prompt, an answer or a key; the
//! vendor's own sentence, which may quote the prompt, is only in [`provider_message`](Error::provider_message).
//!
//! ```
//! use polyroute::{Client, ErrorKind, Settings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! # let client = Client::builder().vendor(Settings::vendor("openai").api_key("no-key")).build()?;
//! let error = client.chat(("opnai/gpt-6-luna", "hello")).await.unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::NoRoute);
//! assert!(error.message().ends_with("did you mean openai/gpt-6-luna?"));
//!
//! match error.kind() {
//!     ErrorKind::Authentication | ErrorKind::QuotaExhausted => { /* tell the operator */ }
//!     ErrorKind::ContextTooLong => { /* shorten the conversation */ }
//!     ErrorKind::InvalidRequest => { /* a bug of the caller */ }
//!     _ if error.is_retryable() => { /* later, perhaps */ }
//!     _ => {}
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Testing your application
//!
//! With the feature `testing` there are two stand-ins. [`testing::ScriptedProvider`] plays a script in process, on a
//! [`testing::VirtualClock`] if you like; [`testing::Sandbox`] is an HTTP server on loopback that speaks the vendors'
//! formats, judges requests as strictly as they do, and breaks in the ways they do.
//!
//! ```toml
//! [dev-dependencies]
//! polyroute = { version = "0.1", features = ["testing"] }
//! ```
//!
//! ```
//! use polyroute::testing::ScriptedProvider;
//! use polyroute::types::Reply;
//! use polyroute::{Client, ErrorKind, Route};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> polyroute::Result<()> {
//! let first = ScriptedProvider::new("first").then(ErrorKind::Overloaded);
//! let second = ScriptedProvider::new("second").then(Reply::text("I am here."));
//! let client = Client::builder()
//!     .provider(first.clone())
//!     .provider(second)
//!     .route("app", Route::ordered(["first/m", "second/m"]))
//!     .build()?;
//!
//! assert_eq!(client.chat(("app", "Anybody?")).await?.text(), "I am here.");
//! assert_eq!(first.calls().len(), 1);
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! <!-- generated: features -->
//! | feature | what it brings |
//! |---|---|
//! | `default` | nothing: everything else is opt-in |
//! | `bedrock` | Requests to Amazon Bedrock signed with access keys (SigV4), of the environment, a profile or a role. |
//! | `vertex` | Tokens of a Google Cloud service account for Vertex AI. |
//! | `schema` | `Client::chat_as`, which reads an answer into a type of your own, and tools with typed arguments. |
//! | `testing` | A loopback sandbox that speaks the vendors' formats, a virtual clock and a scripted provider, for your own tests. |
//! | `redis` | A store in a Redis server that several processes share. |
//! | `sqlite` | A store and a ledger in files that survive the process. |
//! | `timezone` | Limits whose days and months are those of a named time zone, with the table of zones built in; UTC without it. |
//! | `tokenizer` | Exact counts of the tokens of texts for OpenAI's models, instead of an estimate from their bytes; the vocabularies are built in, 47 MB. |
//! <!-- end -->
//!
//! # Where things are
//!
//! | room | what is there |
//! |---|---|
//! | [`types`] | requests, answers, streams, usage, money |
//! | [`error`] | the one error and what it advises |
//! | [`client`] | the facade and the engine that makes the attempts |
//! | [`provider`] | the trait, the vendors, keys and addresses |
//! | [`protocol`] | wire formats, without I/O |
//! | [`routing`] | routes, policies, hard constraints |
//! | [`resilience`] | retries and their budgets, health of targets and keys, hedging, probes, timeouts |
//! | [`catalog`] | models, abilities, prices |
//! | [`account`] | usage × price, and the ledger |
//! | [`telemetry`] | observers and tracing spans |
//! | [`transport`] | HTTP and server-sent events |
//! | [`quota`] | budgets and rate limits of the application's own |
//! | [`store`] | shared state: in memory, in a file, in Redis |
//! | [`clock`] | time, to be replaced in tests |
//! | `testing` | the feature of that name |
//!
//! To know the code, read seven files, about an hour: `src/lib.rs`, `src/types/request.rs`, `src/provider/mod.rs`,
//! `src/routing/mod.rs`, `src/client/pipeline.rs`, `src/client/attempt.rs` and one vendor, such as
//! `src/provider/vendor/openai/mod.rs`.

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod account;
pub mod catalog;
pub mod client;
pub mod clock;
pub mod error;
pub mod protocol;
pub mod provider;
pub mod quota;
pub mod resilience;
pub mod routing;
pub mod store;
pub mod telemetry;
#[cfg(feature = "testing")]
pub mod testing;
pub mod transport;
pub mod types;

pub use async_trait::async_trait;
pub use catalog::Price;
pub use client::{CallableModel, Client, ClientBuilder, Toolbox};
pub use error::{Error, ErrorKind, Result};
pub use provider::{Provider, Settings};
pub use routing::{Route, RoutingPolicy};
pub use types::{
    ChatRequest, ChatResponse, ChatStream, Effort, EmbedRequest, EmbedResponse, FinishReason, Json, Message,
    Part, RerankRequest, RerankResponse, ResponseFormat, Role, StreamEvent, Target, Tool, ToolCall,
    ToolChoice, ToolResult, Usage, Usd,
};

/// The README's code, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
