//! Access keys and where they come from.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;

use crate::error::Result;
use crate::provider::Exchange;
use crate::types::Secret;

/// The keys of an account, or temporary ones of a role.
#[derive(Clone)]
pub struct Keys {
    pub(super) id: String,
    pub(super) secret: Secret,
    pub(super) session: Option<Secret>,
    pub(super) expires: Option<SystemTime>,
}

impl Keys {
    /// An access key's id and the secret that belongs to it.
    pub fn new(id: impl Into<String>, secret: impl Into<Secret>) -> Self {
        Self { id: id.into(), secret: secret.into(), session: None, expires: None }
    }

    /// Sets the session token of temporary keys.
    #[must_use]
    pub fn session_token(mut self, token: impl Into<Secret>) -> Self {
        self.session = Some(token.into());
        self
    }

    /// Sets until when temporary keys are good.
    #[must_use]
    pub fn expires(mut self, expires: SystemTime) -> Self {
        self.expires = Some(expires);
        self
    }

    pub(super) fn are_good(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| now + MARGIN < expires)
    }

    /// What must not be seen. The id is no secret.
    pub(super) fn secrets(&self) -> Vec<Secret> {
        [Some(self.secret.clone()), self.session.clone()].into_iter().flatten().collect()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(***)")
    }
}

/// Where access keys come from: [`Keys`] themselves, a [`Profile`](super::Profile), a role by
/// [`AssumeRole`](super::AssumeRole), or a library of Amazon's.
#[async_trait]
pub trait KeySource: fmt::Debug + Send + Sync {
    /// Keys that are good now. Called when none are known, the last are about to expire, or were refused.
    ///
    /// # Errors
    /// [`ErrorKind::Authentication`](crate::ErrorKind::Authentication) when there are none to be had, saying what to do; any
    /// other when they could not be asked for.
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Keys>;
}

const _: fn(Box<dyn KeySource>) = |_object_safe| ();

#[async_trait]
impl KeySource for Keys {
    async fn fetch(&self, _exchange: Exchange<'_>) -> Result<Self> {
        Ok(self.clone())
    }
}

#[async_trait]
impl KeySource for Box<dyn KeySource> {
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Keys> {
        (**self).fetch(exchange).await
    }
}

/// Temporary keys are not used so shortly before their end, because the request has a way to go.
const MARGIN: Duration = Duration::from_secs(60);
