//! State in a Redis server that several processes share; the only file of this room that names `redis`.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, ErrorKind as Kind, FromRedisValue, RedisError, Script, ScriptInvocation,
    ServerErrorKind, Value,
};

use super::Store;
use super::answer::Answer;
use super::memory::{MemoryStore, check_size};
use super::meter::{Claim, Cure, Level, Refusal, Rule, Verdict};
use super::state::{MOST_OWED, part_length};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};

/// A [`Store`] in a Redis server: processes that share it hold one budget.
///
/// Every operation is one command, and atomic. All keys begin with `{polyroute:`*namespace*`}`, so that a cluster keeps them
/// on one node. The time is the server's. There is one connection, made when it is first needed and again when it breaks;
/// it lives in the tokio runtime that was current then.
///
/// A server that does not answer costs at most [`RedisOptions::patience`], and then nothing for
/// [`RedisOptions::pause`]: meanwhile reservations fail with [`ErrorKind::StoreUnavailable`], or are made
/// [in this process](OnFailure::Local). What is settled in the meantime is booked when the server is back.
pub struct RedisStore {
    client: Client,
    prefix: String,
    options: RedisOptions,
    clock: Arc<dyn Clock>,
    time: Time,
    connection: tokio::sync::Mutex<Option<MultiplexedConnection>>,
    /// Until when the server is left alone.
    paused: Mutex<Option<Instant>>,
    local: Option<Local>,
    scripts: Scripts,
}

/// What is reserved in this process while the server is away.
struct Local {
    store: MemoryStore,
    /// The reservations that were made here.
    held: Mutex<HashSet<u128>>,
}

impl Local {
    fn held(&self) -> MutexGuard<'_, HashSet<u128>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn reserve(&self, id: u128, lease: Duration, claims: &[Claim]) -> Result<Verdict> {
        let verdict = self.store.reserve(id, lease, claims).await?;
        if matches!(verdict, Verdict::Held(_)) {
            let mut held = self.held();
            if held.len() >= LOCAL_CAPACITY {
                // Left behind by callers that are gone; what is held of the others lapses.
                held.clear();
            }
            held.insert(id);
        }
        Ok(verdict)
    }

    /// What these meters say is a stopgap: it is no reason to keep anything from the server.
    async fn settle(&self, id: u128, used: &[Claim]) {
        drop(self.store.settle(id, used).await);
    }
}

/// Whose time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Time {
    Servers,
    Clocks,
}

struct Scripts {
    reserve: Script,
    settle: Script,
    value: Script,
}

/// How a [`RedisStore`] behaves.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct RedisOptions {
    /// What the keys begin with, for applications that share a server.
    pub namespace: String,
    /// How long one operation may take, connecting included.
    pub patience: Duration,
    /// How long a server that failed is left alone.
    pub pause: Duration,
    /// What becomes of reservations meanwhile.
    pub on_failure: OnFailure,
}

/// What becomes of reservations while a store cannot be reached.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// They fail with [`ErrorKind::StoreUnavailable`].
    #[default]
    Refuse,
    /// They are made in this process, on meters that begin empty: every process then has the whole limit to itself.
    Local,
}

impl RedisOptions {
    /// As usual: 50 milliseconds of patience, a second of pause, refusing.
    pub fn new() -> Self {
        Self {
            namespace: "default".to_owned(),
            patience: Duration::from_millis(50),
            pause: Duration::from_secs(1),
            on_failure: OnFailure::Refuse,
        }
    }

    /// Sets what the keys begin with.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets how long one operation may take.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Sets how long a server that failed is left alone.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sets what becomes of reservations while the server cannot be reached.
    pub fn on_failure(mut self, choice: OnFailure) -> Self {
        self.on_failure = choice;
        self
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl RedisStore {
    /// A store at `url`, such as `redis://:password@localhost:6379/0`. No network before the first use. `clock` times
    /// patience and pauses.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the address is malformed or asks for TLS, which is not compiled in, or the
    /// namespace is empty, longer than 64 bytes or holds a brace.
    pub fn open(url: &str, options: RedisOptions, clock: Arc<dyn Clock>) -> Result<Self> {
        let bad = |message: &'static str| Error::new(ErrorKind::Configuration, message);
        // What the crate says of a malformed address may quote the password.
        let client = Client::open(url).map_err(|_| {
            bad("the address of the Redis server is malformed; write redis://user:password@host:port/database")
        })?;
        let namespace = &options.namespace;
        if namespace.is_empty() || namespace.len() > 64 || namespace.contains(['{', '}']) {
            return Err(bad("the namespace of a Redis store has 1 to 64 bytes and no brace"));
        }
        let local = (options.on_failure == OnFailure::Local)
            .then(|| MemoryStore::new(LOCAL_CAPACITY, Arc::clone(&clock)))
            .map(|store| Local { store, held: Mutex::default() });
        Ok(Self {
            client,
            prefix: format!("{{polyroute:{namespace}}}"),
            local,
            options,
            clock,
            time: Time::Servers,
            connection: tokio::sync::Mutex::new(None),
            paused: Mutex::new(None),
            scripts: Scripts {
                reserve: Script::new(concat!(
                    include_str!("redis/common.lua"),
                    include_str!("redis/reserve.lua")
                )),
                settle: Script::new(concat!(
                    include_str!("redis/common.lua"),
                    include_str!("redis/settle.lua")
                )),
                value: Script::new(concat!(
                    include_str!("redis/common.lua"),
                    include_str!("redis/value.lua")
                )),
            },
        })
    }

    /// Lets the calendar of its clock count instead of the server's. For tests: the calendars of several machines are
    /// never quite the same.
    #[must_use]
    pub fn on_clock(mut self) -> Self {
        self.time = Time::Clocks;
        self
    }

    /// Now, as the scripts want it.
    fn now(&self) -> String {
        match self.time {
            Time::Servers => String::new(),
            Time::Clocks => {
                let since = self.clock.wall().duration_since(UNIX_EPOCH).unwrap_or_default();
                since.as_micros().to_string()
            }
        }
    }

    async fn value(&self, key: &str, what: &str, args: &[&[u8]], again: Again) -> Result<Value> {
        let mut call = self.scripts.value.prepare_invoke();
        call.key(format!("{}v:{key}", self.prefix)).key(format!("{}e:{key}", self.prefix));
        call.arg(self.now()).arg(what);
        for arg in args {
            call.arg(*arg);
        }
        self.ask(again, &call).await
    }

    async fn take(&self, id: u128, lease: Duration, claims: &[Claim]) -> Result<Verdict> {
        let mut call = self.scripts.reserve.prepare_invoke();
        call.key(format!("{}s:{id:032x}", self.prefix));
        call.arg(self.now()).arg(format!("{id:032x}")).arg(lease.as_micros().min(LONGEST_LEASE).to_string());
        self.claims(&mut call, claims);
        let asked = self.ask(Again::Yes, &call).await;
        match (asked, &self.local) {
            (Ok(answer), _) => verdict(answer, claims).ok_or_else(strange),
            (Err(error), Some(local)) if error.kind() == ErrorKind::StoreUnavailable => {
                local.reserve(id, lease, claims).await
            }
            (Err(error), _) => Err(error),
        }
    }

    async fn book(&self, id: u128, used: &[Claim]) -> Result<Vec<Level>> {
        let was_here = self.local.as_ref().filter(|local| local.held().remove(&id));
        if let Some(local) = was_here {
            local.settle(id, used).await;
        }
        let mut call = self.scripts.settle.prepare_invoke();
        call.key(format!("{}s:{id:032x}", self.prefix));
        call.arg(self.now()).arg(format!("{id:032x}")).arg(SETTLED_FOR.as_millis().to_string());
        self.claims(&mut call, used);
        let asked: Result<Vec<String>> = self.ask(Again::Yes, &call).await;
        if let (Err(error), None, Some(local)) = (&asked, was_here, &self.local)
            && error.kind() == ErrorKind::StoreUnavailable
        {
            // Reserved at the server, which went away meanwhile: until it is back it counts here.
            local.settle(id, used).await;
        }
        let answer = asked?;
        let (_, words) = answer.split_first().ok_or_else(strange)?;
        levels(words, used).ok_or_else(strange)
    }

    /// Asks the server within the patience there is; once more on a new connection, where the old one turns out to be
    /// broken and asking twice does no harm.
    async fn ask<T: FromRedisValue + Send>(&self, again: Again, call: &ScriptInvocation<'_>) -> Result<T> {
        if self.is_paused() {
            return Err(unavailable("the Redis server failed a moment ago and is left alone").not_sent());
        }
        let work = async {
            let mut connection = self.connect().await?;
            match call.invoke_async(&mut connection).await {
                Err(error) if is_broken(&error) => {
                    self.connection.lock().await.take();
                    if again == Again::No {
                        return Err(error);
                    }
                    call.invoke_async(&mut self.connect().await?).await
                }
                outcome => outcome,
            }
        };
        let limit = self.clock.sleep(self.options.patience);
        let error = match select(std::pin::pin!(work), limit).await {
            Either::Left((Ok(value), _)) => {
                *self.paused() = None;
                return Ok(value);
            }
            Either::Left((Err(error), _)) => explain(&error),
            Either::Right(((), _)) => {
                // Whatever still comes on this connection is for nobody.
                if let Ok(mut connection) = self.connection.try_lock() {
                    connection.take();
                }
                unavailable("the Redis server did not answer in time")
            }
        };
        if error.kind() == ErrorKind::StoreUnavailable {
            *self.paused() = self.clock.now().checked_add(self.options.pause);
        }
        Err(error)
    }

    /// The connection there is, or a new one. Those who come meanwhile wait for the same.
    async fn connect(&self) -> std::result::Result<MultiplexedConnection, RedisError> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let fresh = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        *connection = Some(fresh.clone());
        Ok(fresh)
    }

    /// After the pause one goes ahead to see whether the server is back; the others go on as before.
    fn is_paused(&self) -> bool {
        let now = self.clock.now();
        let mut paused = self.paused();
        match *paused {
            Some(until) if now < until => true,
            Some(_) => {
                *paused = now.checked_add(self.options.pause);
                false
            }
            None => false,
        }
    }

    fn paused(&self) -> MutexGuard<'_, Option<Instant>> {
        self.paused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn claims(&self, call: &mut ScriptInvocation<'_>, claims: &[Claim]) {
        for claim in claims {
            let key = claim.meter.key();
            call.key(format!("{}m:{key}", self.prefix)).key(format!("{}h:{key}", self.prefix));
        }
        for claim in claims {
            for arg in arguments(claim) {
                call.arg(arg);
            }
        }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        Ok(bytes(self.value(key, "get", &[], Again::Yes).await?))
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        check_size(key, &value)?;
        self.value(key, "put", &[life(ttl).as_bytes(), &value], Again::Yes).await.map(drop)
    }

    async fn add(&self, key: &str, amount: i64, ttl: Option<Duration>) -> Result<i64> {
        check_size(key, &[])?;
        let amount = amount.to_string();
        let sum = self.value(key, "add", &[life(ttl).as_bytes(), amount.as_bytes()], Again::No).await?;
        let text = bytes(sum).unwrap_or_default();
        std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()).ok_or_else(strange)
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        check_size(key, &value)?;
        let (is, expected) = expected.map_or((&b"absent"[..], &b""[..]), |expected| (b"is", expected));
        let args = [life(ttl).into_bytes(), value.to_vec(), is.to_vec(), expected.to_vec()];
        let args: Vec<&[u8]> = args.iter().map(Vec::as_slice).collect();
        let done = self.value(key, "set", &args, Again::No).await?;
        Ok(bytes(done).as_deref() == Some(b"1"))
    }

    async fn remove(&self, key: &str) -> Result<()> {
        self.value(key, "remove", &[], Again::Yes).await.map(drop)
    }

    fn reserve<'a>(&'a self, id: u128, lease: Duration, claims: &'a [Claim]) -> Answer<'a, Verdict> {
        Answer::later(self.take(id, lease, claims))
    }

    fn settle<'a>(&'a self, id: u128, used: &'a [Claim]) -> Answer<'a, Vec<Level>> {
        Answer::later(self.book(id, used))
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("options", &self.options).finish_non_exhaustive()
    }
}

/// May the same be asked twice?
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    No,
    Yes,
}

/// Nine words on a claim: its kind; the amount, two words; the limit, two; how long to keep it; the unit that rests are
/// fractions of, or the length of a part; the most that may be owed, two.
fn arguments(claim: &Claim) -> [String; 9] {
    let keep = claim.meter.keep().map_or(0, |keep| keep.as_millis().max(1)).to_string();
    let pair = |amount: u128, base: u128| ((amount / base).to_string(), (amount % base).to_string());
    let none = String::new;
    match claim.meter.rule() {
        Rule::Total { limit } => {
            let ((a, b), (c, d)) =
                (pair(claim.amount, UNIT), limit.map_or((none(), none()), |limit| pair(limit, UNIT)));
            ["total".to_owned(), a, b, c, d, keep, none(), none(), none()]
        }
        Rule::Rolling { limit, window } => {
            let ((a, b), (c, d)) =
                (pair(claim.amount, UNIT), limit.map_or((none(), none()), |limit| pair(limit, UNIT)));
            ["rolling".to_owned(), a, b, c, d, keep, part_length(window).to_string(), none(), none()]
        }
        Rule::Bucket { amount, period, burst } => {
            // More than a bucket can owe, beside what it holds, is as much as that.
            let most = u128::from(burst).saturating_mul(MOST_OWED + 2);
            let base = u128::from(amount.max(1));
            let in_time = |what: u128| pair(what.min(most).saturating_mul(period.as_micros()), base);
            let ((a, b), (c, d), (e, f)) = (
                in_time(claim.amount),
                in_time(burst.into()),
                in_time(u128::from(burst).saturating_mul(MOST_OWED)),
            );
            ["bucket".to_owned(), a, b, c, d, keep, base.to_string(), e, f]
        }
    }
}

fn verdict(answer: Vec<String>, claims: &[Claim]) -> Option<Verdict> {
    let (first, words) = answer.split_first()?;
    match first.as_str() {
        "held" => levels(words, claims).map(Verdict::Held),
        "refused" => words
            .chunks(7)
            .map(|words| {
                let [place, cure, wait, level @ ..] = words else { return None };
                let place: usize = place.parse().ok()?;
                let cure = match cure.as_str() {
                    "after" => Cure::After(Duration::from_micros(wait.parse().ok()?)),
                    "settlement" => Cure::Settlement,
                    _ => Cure::Never,
                };
                Some(Refusal::new(place, level_of(level, claims.get(place)?)?, cure))
            })
            .collect::<Option<_>>()
            .map(Verdict::Refused),
        _ => None,
    }
}

fn levels(words: &[String], claims: &[Claim]) -> Option<Vec<Level>> {
    let levels = words.chunks(4).zip(claims).map(|(words, claim)| level_of(words, claim));
    levels.collect::<Option<Vec<_>>>().filter(|levels| levels.len() == claims.len())
}

/// Four numbers: what is used and what is held; or what is missing from a bucket, in time, and nothing.
fn level_of(words: &[String], claim: &Claim) -> Option<Level> {
    let numbers: Vec<u128> = words.iter().map(|word| word.parse().ok()).collect::<Option<_>>()?;
    let [a, b, c, d] = numbers.as_slice() else { return None };
    Some(match claim.meter.rule() {
        Rule::Bucket { amount, period, .. } => {
            let missing = a.checked_mul(amount.into())?.checked_add(*b)?;
            Level::new(missing.div_ceil(period.as_micros().max(1)), 0)
        }
        Rule::Total { .. } | Rule::Rolling { .. } => {
            Level::new(a.checked_mul(UNIT)?.checked_add(*b)?, c.checked_mul(UNIT)?.checked_add(*d)?)
        }
    })
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        Value::SimpleString(text) => Some(text.into()),
        _ => None,
    }
}

fn life(ttl: Option<Duration>) -> String {
    // A time to live beyond the range of the clock is for good.
    ttl.filter(|ttl| ttl.as_micros() < LONGEST_LEASE)
        .map_or_else(String::new, |ttl| ttl.as_micros().to_string())
}

/// Is this connection of no use any more?
fn is_broken(error: &RedisError) -> bool {
    error.is_connection_dropped() || error.is_unrecoverable_error()
}

/// What Redis says, as what to do about it. Its own words may quote an address with its password, and go nowhere.
fn explain(error: &RedisError) -> Error {
    let storage = |message: &'static str| Error::new(ErrorKind::Storage, message);
    let code = error.code().unwrap_or_default();
    match (error.kind(), code) {
        (_, "REFUSED") => {
            let overflow = error.detail().is_some_and(|detail| detail.contains("overflow"));
            let message =
                if overflow { "the counter would overflow" } else { "the value under this key is no number" };
            Error::new(ErrorKind::InvalidRequest, message)
        }
        (Kind::AuthenticationFailed, _) | (_, "WRONGPASS" | "NOAUTH") => {
            storage("the Redis server refuses the user or password; set them in the address")
        }
        (_, "NOPERM") => storage("the Redis user may not run scripts on these keys"),
        (_, "OOM") => storage("the Redis server's memory is full"),
        (_, "MISCONF") => storage("the Redis server cannot write to its disk and takes no writes"),
        (_, "READONLY") => {
            storage("the Redis server is a replica that takes no writes; use its master's address")
        }
        (_, "MOVED" | "ASK" | "CROSSSLOT") => {
            storage("the keys belong to another node of the Redis cluster; use that node's address")
        }
        (Kind::Server(ServerErrorKind::BusyLoading | ServerErrorKind::TryAgain), _)
        | (_, "LOADING" | "BUSY" | "CLUSTERDOWN" | "MASTERDOWN" | "TRYAGAIN") => {
            unavailable("the Redis server is not ready")
        }
        (Kind::Io | Kind::ClusterConnectionNotFound, _) => unavailable("the Redis server cannot be reached"),
        _ if is_broken(error) => unavailable("the connection to the Redis server broke"),
        _ => storage("the Redis server does not do what is asked of it; it must be version 6 or later"),
    }
}

fn unavailable(message: &'static str) -> Error {
    Error::new(ErrorKind::StoreUnavailable, message)
}

fn strange() -> Error {
    Error::new(
        ErrorKind::Storage,
        "the Redis server's answer makes no sense; do others write under the same prefix?",
    )
}

/// Where amounts are cut in two, so that each part is exact in the numbers of Lua.
const UNIT: u128 = 1_000_000_000_000;

/// Microseconds that, added to the time of day, are exact in the numbers of Lua: about two hundred years.
const LONGEST_LEASE: u128 = 6_000_000_000_000_000;

/// How long a settlement is remembered, so that it counts once.
const SETTLED_FOR: Duration = Duration::from_secs(2 * 3_600);

/// Meters that are kept in this process while the server is away.
const LOCAL_CAPACITY: usize = 100_000;
