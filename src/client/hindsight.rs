//! What a call saved and what it could have saved, now that it is known what was used.

use std::time::SystemTime;

use super::Client;
use super::candidates;
use super::registry::Meaning;
use crate::account;
use crate::routing::Candidate;
use crate::types::{CallSummary, Outcome, Target, Usage, Usd};

/// A call, looked back at: the tokens that were really used, at the prices of all who could have answered.
///
/// Tokens are those of the target that answered; another one's tokenizer and thoughts would have come to others.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Hindsight {
    /// What all attempts of the call cost together; `None` when the answering attempt's cost is unknown.
    pub paid: Option<Usd>,
    /// What the same tokens cost at each target of the route that could have served the call, cheapest first, unknown last.
    /// The one that answered is among them.
    pub elsewhere: Vec<Elsewhere>,
    /// What savings are measured against: the route's [reference](crate::routing::Route::reference), else of its targets
    /// that could have served the call the best where the quality of all is known, else the dearest.
    pub reference: Option<Target>,
    /// What the reference would have cost, less what was paid: below zero where the reference would have been cheaper.
    pub saved: Option<Usd>,
    /// The cheapest target that is known to be at least as good as the one that answered, and did not fail in this call; of
    /// those whose quality nobody knows, the cheapest where nobody knows the answering one's either.
    pub best: Option<Target>,
    /// What was paid, less what the best would have cost; never below zero.
    pub regret: Option<Usd>,
    /// By how much the best known quality of the route lies above that of the target that answered, where both are known.
    pub quality_regret: Option<f64>,
}

/// One target in hindsight.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Elsewhere {
    /// The target.
    pub target: Target,
    /// What the call would have cost there; `None` when the price is unknown.
    pub cost: Option<Usd>,
    /// How good its answers are known to be, from 0 to 1.
    pub quality: Option<f64>,
}

impl Client {
    /// Looks back at a call: what it saved against the reference of its route, and what the best target would have saved.
    /// Nothing is computed before this is called. The target that answered cost what it cost; the others go by the prices
    /// that this client has now, for the time of the call and the service tier that it asked for. Of an answer that broke off
    /// and was continued, the tokens are those of its last part.
    ///
    /// Targets that the constraints removed do not count. Where more were removed than a decision records, only those that
    /// were ranked do.
    ///
    /// ```
    /// # use polyroute::testing::ScriptedProvider;
    /// # use polyroute::types::Reply;
    /// # use polyroute::{Client, Result, Route, Usage};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<()> {
    /// # let lab = ScriptedProvider::new("lab").always(|| Reply::text("Yes.").with_usage(Usage::of(1_000_000, 0)));
    /// let client = Client::builder()
    /// #   .provider(lab)
    /// #   .prices_json(r#"{"models":[{"provider":"lab","id":"small","input":"1","output":"1"},
    /// #       {"provider":"lab","id":"large","input":"9","output":"9"}]}"#)
    ///     .route("cheap", Route::cheapest(["lab/large", "lab/small"]).reference("lab/large"))
    ///     .build()?;
    /// let answer = client.chat(("cheap", "Is the sky blue?")).await?;
    /// let hindsight = client.hindsight(&answer.summary);
    /// assert_eq!(hindsight.saved.map(|saved| saved.to_string()).as_deref(), Some("$8"));
    /// assert_eq!(hindsight.regret.map(|regret| regret.to_string()).as_deref(), Some("$0"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn hindsight(&self, call: &CallSummary) -> Hindsight {
        let decision = &call.decision;
        let at = decision.at.unwrap_or_else(|| self.inner.clock.wall());
        let prices = self.inner.prices.get();
        let route =
            decision.route.as_deref().and_then(|name| match self.inner.registry.resolve(name).ok()? {
                Meaning::Route(route) => Some((route, prices.candidates(name, &route.candidates))),
                Meaning::Target(_) => None,
            });
        let single =
            |target: &Target| candidates::candidate(&self.inner.registry, &prices.catalogue, target.clone());
        let rows: Vec<Candidate> = match &route {
            Some((_, candidates)) => candidates.as_slice().to_vec(),
            None => vec![single(&call.target)],
        };
        let named = route.as_ref().and_then(|(route, _)| route.reference.as_ref());
        let usage = call.attempts.iter().rev().find(|attempt| attempt.target == call.target);
        let usage = usage.and_then(|attempt| attempt.usage.clone());
        let cost = |row: &Candidate| {
            let own = call.cost.as_ref().filter(|_| row.target == call.target);
            let tier = decision.service_tier.as_deref().or(row.service_tier);
            own.map(|cost| cost.total).or_else(|| cost(row, &cold(usage.as_ref()?), at, tier))
        };
        let known: Vec<Elsewhere> = rows
            .iter()
            .filter(|row| could_serve(call, &row.target))
            .map(|row| Elsewhere {
                target: row.target.clone(),
                cost: cost(row),
                quality: row.traits.quality.filter(|quality| quality.is_finite()),
            })
            .collect();

        let reference = match named {
            Some(named) => {
                Some(Elsewhere { target: named.clone(), cost: cost(&single(named)), quality: None })
            }
            None => reference(&known).cloned(),
        };
        let paid = call.total_cost();
        let saved = reference.as_ref().and_then(|reference| Some(reference.cost?.saturating_sub(paid?)));

        let mut elsewhere = known;
        elsewhere.sort_by(|one, other| {
            let keys = |one: &Elsewhere| (one.cost.is_none(), one.cost);
            keys(one).cmp(&keys(other))
        });
        let mut seen: Vec<Target> = Vec::new();
        elsewhere.retain(|one| {
            let is_new = !seen.contains(&one.target);
            seen.push(one.target.clone());
            is_new
        });
        let own = elsewhere.iter().find(|one| one.target == call.target).and_then(|one| one.quality);
        let is_as_good = |one: &Elsewhere| match (one.quality, own) {
            (Some(good), Some(own)) => good >= own,
            (None, None) => true,
            _ => one.target == call.target,
        };
        let best = elsewhere
            .iter()
            .find(|one| one.cost.is_some() && !did_not_do(call, &one.target) && is_as_good(one));
        let regret = best.and_then(|best| Some(paid?.saturating_sub(best.cost?).max(Usd::ZERO)));
        let finest = elsewhere.iter().filter_map(|one| one.quality).max_by(f64::total_cmp);
        #[expect(clippy::float_arithmetic, reason = "quality is no money")]
        let quality_regret = own.zip(finest).map(|(own, finest)| (finest - own).max(0.0));
        Hindsight {
            paid,
            reference: reference.map(|reference| reference.target),
            saved,
            best: best.map(|best| best.target.clone()),
            regret,
            quality_regret,
            elsewhere,
        }
    }
}

/// What another target would have counted: the prompt lay in no cache there.
fn cold(usage: &Usage) -> Usage {
    Usage {
        cache_read_tokens: None,
        cache_write_tokens: None,
        cache_write_1h_tokens: None,
        audio_cache_read_tokens: None,
        ..usage.clone()
    }
}

fn cost(row: &Candidate, usage: &Usage, at: SystemTime, tier: Option<&str>) -> Option<Usd> {
    let price = row.model.as_ref()?.price.as_ref()?;
    account::cost(usage, price, at, tier).map(|cost| cost.total)
}

/// The best target where the quality of all is known; of equals, and else, the dearest.
fn reference(all: &[Elsewhere]) -> Option<&Elsewhere> {
    let is_known = all.iter().all(|one| one.quality.is_some());
    all.iter().max_by(|one, other| {
        let quality = |one: &Elsewhere| one.quality.filter(|_| is_known).unwrap_or(0.0);
        quality(one).total_cmp(&quality(other)).then(one.cost.cmp(&other.cost))
    })
}

/// Did no constraint remove it, and was it in use, as far as the decision says?
fn could_serve(call: &CallSummary, target: &Target) -> bool {
    let decision = &call.decision;
    let is_ranked = decision.ranked.iter().any(|ranked| ranked.target == *target);
    let is_rejected = || decision.rejected.iter().any(|rejected| rejected.target == *target);
    let knows_all = decision.rejected.len() >= decision.removed;
    let is_out = decision.unavailable.contains(target);
    *target == call.target || (!is_out && (is_ranked || (knows_all && !is_rejected())))
}

/// Was it tried, and somebody else answered?
fn did_not_do(call: &CallSummary, target: &Target) -> bool {
    let tried = |wanted: fn(Outcome) -> bool| {
        call.attempts.iter().any(|attempt| attempt.target == *target && wanted(attempt.outcome))
    };
    *target != call.target && tried(|outcome| outcome != Outcome::Cancelled)
}
