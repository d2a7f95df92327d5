//! Where shared state can live: small values under string keys, with a time to live and atomic changes.
//!
//! The client keeps no shared state yet; this is the contract for what will, such as budgets and caches.

mod memory;

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use memory::MemoryStore;

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
}

const _: fn(Box<dyn Store>) = |_object_safe| ();
