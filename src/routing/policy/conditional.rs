//! By rules over what is known of a call.

use std::sync::Arc;

use super::Ordered;
use crate::error::{Error, ErrorKind, Result};
use crate::routing::{Escalation, Plan, RequestFacts, RoutingPolicy, Rule, Shortlist};
use crate::types::{Attempt, Target};

/// Sends a call where the first rule that holds says, or where the default says. The semantics, and the JSON, are those of
/// Portkey's conditional strategy.
///
/// ```
/// use polyroute::Route;
/// use polyroute::routing::policy::Conditional;
///
/// let policy = Conditional::from_json(r#"{
///     "conditions": [
///         {"query": {"metadata.plan": {"$eq": "paid"}}, "then": "openai/gpt-6.1-terra"},
///         {"query": {"params.input_tokens": {"$gt": 100000}}, "then": "google"}
///     ],
///     "default": "groq"
/// }"#)?;
/// let route = Route::with_policy(
///     policy,
///     ["openai/gpt-6.1-terra", "google/gemini-3.8-flash", "groq/openai/gpt-oss-20b"],
/// );
/// # let _ = route;
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Conditional {
    conditions: Vec<(Rule, String)>,
    default: Option<String>,
    within: Arc<dyn RoutingPolicy>,
}

impl Conditional {
    /// Sends every call to `default`: a target, a provider, or a tag of targets.
    pub fn or(default: impl Into<String>) -> Self {
        Self { conditions: Vec::new(), default: Some(default.into()), within: Arc::new(Ordered::new()) }
    }

    /// Lets `policy` rank the targets that a rule means, where it means several; as written unless set. It learns from how
    /// attempts end and from feedback, and reads answers, as it would by itself.
    #[must_use]
    pub fn within(mut self, policy: impl RoutingPolicy + 'static) -> Self {
        self.within = Arc::new(policy);
        self
    }

    /// Sends calls for which `rule` holds to `then`: a target, a provider, or a tag of targets. Rules are asked in the order
    /// they were given.
    #[must_use]
    pub fn when(mut self, rule: Rule, then: impl Into<String>) -> Self {
        self.conditions.push((rule, then.into()));
        self
    }

    /// Reads `{"conditions": [{"query": …, "then": "…"}], "default": "…"}`; a query is read as in [`Rule::from_json`], and
    /// `"mode": "conditional"` may stand beside.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when it is malformed or holds a key that is not known; the message lists the known ones.
    pub fn from_json(json: &str) -> Result<Self> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            mode: Option<String>,
            conditions: Vec<Condition>,
            default: Option<String>,
        }
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Condition {
            query: serde_json::Value,
            then: String,
        }
        let bad =
            |message: String| Error::new(ErrorKind::Configuration, format!("conditional routing: {message}"));
        let written: Written = serde_json::from_str(json).map_err(|error| bad(error.to_string()))?;
        if let Some(mode) = written.mode.filter(|mode| mode != "conditional") {
            return Err(bad(format!("the mode is {mode:?}, not \"conditional\"")));
        }
        let conditions = written
            .conditions
            .into_iter()
            .map(|condition| Ok((Rule::from_value(&condition.query)?, condition.then)))
            .collect::<Result<_>>()?;
        Ok(Self { conditions, default: written.default, within: Arc::new(Ordered::new()) })
    }
}

impl RoutingPolicy for Conditional {
    fn name(&self) -> &'static str {
        "conditional"
    }

    fn plan(&self, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Plan {
        let held = self.conditions.iter().position(|(rule, _)| rule.holds(facts));
        let then = held.and_then(|place| self.conditions.get(place)).map(|(_, then)| then);
        let Some(then) = then.or(self.default.as_ref()) else {
            return Plan::refused("no rule holds and there is no default");
        };
        let meant = shortlist.narrowed(|position| {
            shortlist.candidate(position).is_some_and(|candidate| {
                candidate.is_named(then) || candidate.traits.tags.iter().any(|tag| **tag == **then)
            })
        });
        if meant.is_empty() && !shortlist.is_empty() {
            return Plan::refused(format!(
                "the rules send it to {then:?}, and no target that is left is that"
            ));
        }
        let mut plan = self.within.plan(facts, &meant);
        for choice in &mut plan.choices {
            choice.reason = match held {
                Some(place) => format!("rule {} holds: {}", place + 1, choice.reason).into(),
                None => format!("no rule holds: {}", choice.reason).into(),
            };
        }
        plan
    }

    fn observe(&self, attempt: &Attempt) {
        self.within.observe(attempt);
    }

    fn feedback(&self, target: &Target, score: f64) {
        self.within.feedback(target, score);
    }

    fn escalation(&self) -> Option<&dyn Escalation> {
        self.within.escalation()
    }
}
