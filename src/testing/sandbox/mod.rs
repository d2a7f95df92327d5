//! Loopback servers that speak the vendors' formats.

mod answer;
mod batches;
mod chat_completions;
mod check;
mod embeddings;
mod format;
mod generate_content;
mod http;
mod loose;
mod messages;
mod plan;
mod question;
mod request;
mod responses;
mod schema;
mod script;
mod server;
mod vendor;
mod watsonx;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::error::{Error, ErrorKind, Result};

pub use request::Received;
pub use script::{Fault, Garbage, Raw, Step};
pub use vendor::SandboxVendor;

use server::Shared;

/// A loopback HTTP server with any number of fake vendors on it.
///
/// Each vendor is a path prefix with its own script, record and counters, and speaks OpenAI's chat completions and
/// embeddings, Anthropic's messages and Google's `generateContent`, whole and streamed. Unless a script says otherwise
/// it judges requests as strictly as the real vendor, calls the first tool it is offered, fills in the schema it is
/// given, and otherwise answers the last user message. It takes batches as OpenAI and Anthropic do, and has answered one
/// when it is asked for the third time.
///
/// Dropping the sandbox closes every connection and stops its thread.
///
/// ```
/// use polyroute::testing::{Fault, Sandbox, Step};
/// use polyroute::{Client, Settings};
///
/// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
/// let sandbox = Sandbox::start().await?;
/// let vendor = sandbox.openai().require_key("sk-test");
/// vendor.then(Step::from(Fault::Status(429)).header("retry-after", "0"));
///
/// let settings = Settings::vendor("openai").base_url(vendor.url()).api_key("sk-test");
/// let client = Client::builder().vendor(settings).build()?;
/// let answer = client.chat(("openai/gpt-x", "What is the capital of France?")).await?;
///
/// assert_eq!(answer.text(), "Paris is the capital of France.");
/// assert_eq!(answer.attempts().len(), 2);
/// assert_eq!(vendor.received()[1].json["model"], "gpt-x");
/// # Ok::<(), polyroute::Error>(())
/// # }).unwrap();
/// ```
pub struct Sandbox {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Opens a free port on the loopback interface and serves it.
    ///
    /// The server runs on a thread and a runtime of its own: it works whether or not the caller has a runtime, does not
    /// care whether that runtime's clock is paused or its threads are blocked, and can be stopped for good from `Drop`.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`] when the operating system gives no port or thread.
    #[expect(clippy::unused_async, reason = "room to wait without breaking callers")]
    pub async fn start() -> Result<Self> {
        Self::open()
    }

    /// As [`start`](Self::start), for code that is not async.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn open() -> Result<Self> {
        let failed = |error: std::io::Error| {
            Error::new(ErrorKind::Connection, "the sandbox cannot open a loopback port").with_source(error)
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let shared = Arc::new(Shared::default());
        let (stop, stopped) = oneshot::channel();
        let work = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("polyroute-sandbox".into())
            .spawn(move || runtime.block_on(server::run(listener, work, stopped)))
            .map_err(failed)?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address as a URL, without a slash at the end. A vendor's URL is this plus `/name/v1`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The fake vendor called `name`, which is made on first use. Letters, digits, `-` and `_` make a good name.
    pub fn vendor(&self, name: &str) -> SandboxVendor {
        SandboxVendor::new(format!("{}/{name}/v1", self.url()), self.shared.vendor(name))
    }

    /// The vendor that is as strict as OpenAI; others take fields they do not know in chat completions.
    pub fn openai(&self) -> SandboxVendor {
        self.vendor("openai")
    }

    /// The vendor to use for Anthropic's format.
    pub fn anthropic(&self) -> SandboxVendor {
        self.vendor("anthropic")
    }

    /// The vendor to use for Google's format.
    pub fn google(&self) -> SandboxVendor {
        self.vendor("google")
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        self.shared.connections.open()
    }

    /// The most connections that were ever open at once.
    pub fn most_connections(&self) -> usize {
        self.shared.connections.most()
    }

    /// How many connections were ever made.
    pub fn connections(&self) -> usize {
        self.shared.connections.total()
    }

    /// How many requests were abandoned by the client before their answer was complete, over all vendors.
    pub fn disconnects(&self) -> usize {
        self.shared.disconnects()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself; then nobody listens and there is nothing to stop.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sandbox({})", self.address)
    }
}
