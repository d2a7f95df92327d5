//! Where shared state lives: small values under string keys, with a time to live and atomic changes, and meters from
//! which amounts are reserved, such as budgets.
//!
//! [`MemoryStore`] is lost with the process. With the feature `sqlite` there is one in a file, with `redis` one that
//! several processes share.

mod answer;
mod books;
#[cfg(feature = "sqlite")]
pub(crate) mod database;
mod memory;
mod meter;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;
mod state;
#[cfg(feature = "sqlite")]
mod tables;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

#[cfg(feature = "redis")]
pub use self::redis::{OnFailure, RedisOptions, RedisStore};
pub use answer::Answer;
pub use memory::MemoryStore;
pub use meter::{Claim, Cure, Level, Meter, Refusal, Rule, Verdict};
#[cfg(feature = "sqlite")]
pub use sqlite::{Durability, SqliteOptions, SqliteStore};

use crate::error::Result;

/// Shared state. Every operation is atomic by itself; keys are at most 512 bytes, values at most 1 MiB.
///
/// Dropping a future either leaves the store unchanged or completes the operation.
#[async_trait]
pub trait Store: std::fmt::Debug + Send + Sync {
    /// The value under `key`, unless its time has run out.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`](crate::ErrorKind::Connection) when the store cannot be reached.
    async fn get(&self, key: &str) -> Result<Option<Bytes>>;

    /// Sets the value under `key` for `ttl`, or for good.
    ///
    /// # Errors
    /// As [`get`](Self::get); [`ErrorKind::InvalidRequest`](crate::ErrorKind::InvalidRequest) when key or value is too
    /// large.
    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()>;

    /// Adds `amount` to the number under `key` and returns the sum; a missing number is 0. `ttl` is set when the number is
    /// made and not renewed.
    ///
    /// # Errors
    /// As [`put`](Self::put); also when the value there is no number or the sum leaves the range of an `i64`; the number
    /// is then unchanged.
    async fn add(&self, key: &str, amount: i64, ttl: Option<Duration>) -> Result<i64>;

    /// Sets the value under `key` if it is `expected` now (`None`: absent), and says whether it did.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool>;

    /// Removes what is under `key`, if anything.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    async fn remove(&self, key: &str) -> Result<()>;

    /// Holds every one of `claims` under the name `id`, or nothing: in one step for everybody who shares the store, and in
    /// one round trip. Each meter stands among them once, and each name is given to one reservation.
    ///
    /// What is not [settled](Self::settle) within `lease`, to a microsecond, lapses: what was held of totals is free again,
    /// what was held of buckets stays used. A store that can answer at once does, without a future.
    ///
    /// # Errors
    /// [`ErrorKind::StoreUnavailable`](crate::ErrorKind::StoreUnavailable) when the store cannot be reached or is busy,
    /// [`ErrorKind::Storage`](crate::ErrorKind::Storage) when it is full, damaged or refuses us.
    fn reserve<'a>(&'a self, id: u128, lease: Duration, claims: &'a [Claim]) -> Answer<'a, Verdict>;

    /// Ends the reservation `id`: books what was really used, which may be more than was held, and releases the rest, in
    /// one step and one round trip. `used` says what was used of which meter: mostly those of the reservation. Of one that is
    /// not among them, what was held is free at the latest when the lease ends.
    ///
    /// Counts once, however often it is repeated within the hour. A reservation that has lapsed, or that the store does
    /// not know, is booked all the same: it was used. Returns the levels after that.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve); it may be repeated then.
    fn settle<'a>(&'a self, id: u128, used: &'a [Claim]) -> Answer<'a, Vec<Level>>;
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: Store + ?Sized> Store for Arc<S> {
    async fn get(&self, key: &str) -> Result<Option<Bytes>> {
        (**self).get(key).await
    }

    async fn put(&self, key: &str, value: Bytes, ttl: Option<Duration>) -> Result<()> {
        (**self).put(key, value, ttl).await
    }

    async fn add(&self, key: &str, amount: i64, ttl: Option<Duration>) -> Result<i64> {
        (**self).add(key, amount, ttl).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<bool> {
        (**self).compare_and_set(key, expected, value, ttl).await
    }

    async fn remove(&self, key: &str) -> Result<()> {
        (**self).remove(key).await
    }

    fn reserve<'a>(&'a self, id: u128, lease: Duration, claims: &'a [Claim]) -> Answer<'a, Verdict> {
        (**self).reserve(id, lease, claims)
    }

    fn settle<'a>(&'a self, id: u128, used: &'a [Claim]) -> Answer<'a, Vec<Level>> {
        (**self).settle(id, used)
    }
}

const _: fn(Box<dyn Store>) = |_object_safe| ();
