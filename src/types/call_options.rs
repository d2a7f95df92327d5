//! What the application says about a call to this crate, not to the model.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Preferences, Recovery, TimeLimits};

/// How one call is to be treated: routed, limited, accounted. Never sent to a vendor.
///
/// ```
/// use polyroute::ChatRequest;
/// use polyroute::types::CallOptions;
///
/// let options = CallOptions::new().scope("team", "search").tag("nightly").session("conversation-17");
/// let request = ChatRequest::new("smart").user("hello").options(options);
/// # assert_eq!(request.options.unwrap().scopes["team"], "search");
/// ```
#[non_exhaustive]
#[derive(Clone, Default, PartialEq)]
pub struct CallOptions {
    /// Who pays and whose limits apply: a value for each dimension, such as `team` or `user`.
    pub scopes: BTreeMap<String, String>,
    /// Labels that targets, rules and reports can ask for.
    pub tags: Vec<String>,
    /// The application's own facts about the call, for rules and reports.
    pub attributes: BTreeMap<String, String>,
    /// Calls of one conversation share this; policies may keep them at one target.
    pub session: Option<String>,
    /// What to do when the answer breaks off after it began; streams only.
    pub recovery: Recovery,
    /// How long the parts of the call may take, where that differs from what the client allows.
    pub time_limits: TimeLimits,
    /// May the call be sent to a second target as well when the first is slow to begin?
    pub hedging: Hedging,
    /// Which of several waiting calls goes first.
    pub priority: Priority,
    /// What to do when a limit asks for patience; what the limits say otherwise.
    pub on_limit: Option<OnLimit>,
    /// Which targets this call may go to, on top of what its route demands.
    pub preferences: Option<Box<Preferences>>,
    /// How much depends on a good answer.
    pub stakes: Stakes,
    /// Does it hold data that may only be processed on the application's own machines?
    pub sensitivity: Sensitivity,
}

/// May a call be sent to a second target as well when the first is slow to begin?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hedging {
    /// As the client says; by default it does not.
    #[default]
    AsConfigured,
    /// Never, whatever the client says.
    Never,
}

/// Which of several calls that wait for the same limit goes first.
///
/// A priority is a head start, not a right of way: `High` goes ahead of `Normal` calls that came up to 10 seconds earlier,
/// and of `Low` ones that came up to 20 seconds earlier, so that nobody waits for ever.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Can wait, such as a nightly job.
    Low,
    /// As most calls.
    #[default]
    Normal,
    /// Somebody is watching.
    High,
}

/// What a call does when a limit of the application's own does not allow it now.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// It fails at once, with the time to wait in [`Error::retry_after`](crate::Error::retry_after).
    #[default]
    Refuse,
    /// It waits for its turn, at most this long and never beyond its own total time.
    Wait(Duration),
}

/// How much depends on a good answer. Tiered routes begin with another tier, and policies may ask for better models.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stakes {
    /// Nobody waits and a poor answer does little harm; the cheapest acceptable model will do.
    Low,
    /// As usual.
    #[default]
    Normal,
    /// A poor answer is dear; the best model first, whatever it costs.
    High,
}

/// Where the data of a call may be processed.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// Wherever the route's preferences allow.
    #[default]
    Ordinary,
    /// On self-hosted targets only.
    Sensitive,
}

impl CallOptions {
    /// No wishes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the value of one dimension of who pays, for example `team`.
    #[must_use]
    pub fn scope(mut self, dimension: impl Into<String>, value: impl Into<String>) -> Self {
        self.scopes.insert(dimension.into(), value.into());
        self
    }

    /// Adds a label.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets a fact of the application's own.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// Sets how long the parts of the call may take.
    #[must_use]
    pub fn time_limits(mut self, limits: TimeLimits) -> Self {
        self.time_limits = limits;
        self
    }

    /// Says whether the call may be sent to a second target as well when the first is slow to begin.
    #[must_use]
    pub fn hedging(mut self, hedging: Hedging) -> Self {
        self.hedging = hedging;
        self
    }

    /// Says which conversation the call belongs to.
    #[must_use]
    pub fn session(mut self, session: impl Into<String>) -> Self {
        self.session = Some(session.into());
        self
    }

    /// Says what to do when the answer breaks off after it began.
    #[must_use]
    pub fn recovery(mut self, recovery: Recovery) -> Self {
        self.recovery = recovery;
        self
    }

    /// Says which of several waiting calls goes first.
    #[must_use]
    pub fn priority(mut self, priority: Priority) -> Self {
        self.priority = priority;
        self
    }

    /// Says what to do when a limit asks for patience.
    #[must_use]
    pub fn on_limit(mut self, choice: OnLimit) -> Self {
        self.on_limit = Some(choice);
        self
    }

    /// Says which targets this call may go to, on top of what its route demands.
    #[must_use]
    pub fn preferences(mut self, preferences: Preferences) -> Self {
        self.preferences = Some(Box::new(preferences));
        self
    }

    /// Says how much depends on a good answer.
    #[must_use]
    pub fn stakes(mut self, stakes: Stakes) -> Self {
        self.stakes = stakes;
        self
    }

    /// Says that the data may only be processed on self-hosted targets.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitivity = Sensitivity::Sensitive;
        self
    }
}

/// Names only: values may be names of people.
impl fmt::Debug for CallOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallOptions")
            .field("scopes", &self.scopes.keys())
            .field("tags", &self.tags.len())
            .field("attributes", &self.attributes.keys())
            .finish_non_exhaustive()
    }
}
