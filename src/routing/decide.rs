//! From facts to a plan: constraints, then preferences, then the policy, whose plan is checked against the laws.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::constraint::{self, Constraints};
use super::policy::Sorted;
use super::{
    AllHealthy, Candidates, Choice, Escalation, Health, Live, LiveFacts, Observed, Plan, Reading,
    RequestFacts, Turn,
};
use super::{RoutingPolicy, Shortlist};
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Attempt, Fallbacks, Partition, Percentiles, Preferences, Rejected, Sort};

/// One request to decide about.
#[non_exhaustive]
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What is known of the request.
    pub facts: &'a RequestFacts,
    /// Where it may go.
    pub candidates: &'a Candidates,
    /// How they are doing.
    pub live: &'a dyn LiveFacts,
    /// What the route demands; the call's own demands are among the facts.
    pub route: Option<&'a Preferences>,
    /// What the routes demand that sent the call to this one.
    pub(crate) before: &'a [Arc<Preferences>],
}

impl<'a> Question<'a> {
    /// Where `facts` may go among `candidates`, with nothing known of their state and no preferences.
    pub fn new(facts: &'a RequestFacts, candidates: &'a Candidates) -> Self {
        Self { facts, candidates, live: &super::live::NothingKnown, route: None, before: &[] }
    }

    /// With what is known of the candidates' state.
    #[must_use]
    pub fn live(self, live: &'a dyn LiveFacts) -> Self {
        Self { live, ..self }
    }

    /// With what the route demands.
    #[must_use]
    pub fn route(self, preferences: &'a Preferences) -> Self {
        Self { route: Some(preferences), ..self }
    }

    /// The call's preferences, then its route's.
    fn preferences(&self) -> [Option<&'a Preferences>; 2] {
        [self.facts.preferences.as_deref(), self.route]
    }
}

/// A plan, and what the constraints removed.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// Where to go, best first. Never empty; every target at most once.
    pub plan: Plan,
    /// What was removed: of many the first 32, and all of them where nothing was left.
    pub rejected: Vec<Rejected>,
    /// How many were removed, listed or not.
    pub removed: usize,
    /// Positions of targets that would stand before others in the plan but for being out of use.
    pub unavailable: Vec<usize>,
    /// The policy that ranked: the route's, or where the preferences ask for an order of their own, that order among what
    /// the route's policy would have.
    pub policy: &'static str,
}

/// Decides where a request goes.
///
/// 1. Hard constraints remove targets: abilities, context window, preferences, sensitivity, tags, budget.
/// 2. What is left falls into groups: the `order` of the preferences, models where they ask to be sorted one by one, the
///    targets' own [`order`](super::Traits::order), and behind their equals those that are degraded or miss a
///    percentile. Those that are out of service are behind everything: tried only when all others failed.
/// 3. The policy ranks each group, until as many targets are planned as can be tried. Where the preferences ask for an order
///    of their own, that order ranks what the policy would have at all.
///
/// # Errors
/// [`ErrorKind::InvalidRequest`] when no target may be tried; [`ErrorKind::Unsupported`] when nothing is left, naming the
/// constraint that removed each target, of more than forty how many each removed;
/// [`ErrorKind::Internal`] when the policy panics, plans nothing, or plans a target that is not left or is there already.
pub fn decide(policy: &dyn RoutingPolicy, question: &Question<'_>) -> Result<Decided> {
    // Nothing that constrains changes with health.
    let Question { facts, candidates, live, before, .. } = *question;
    if facts.max_targets == 0 {
        return Err(Error::new(ErrorKind::InvalidRequest, "max_targets is 0: no target may be tried"));
    }
    let preferences = question.preferences();
    let (shortlist, rejected) = Constraints { facts, candidates, live, preferences, before }.apply();
    if shortlist.is_empty() {
        let error = Error::new(ErrorKind::Unsupported, constraint::explanation(&rejected));
        return Err(match rejected.as_slice() {
            [only] => error.with_target(only.target.clone()),
            _ => error,
        });
    }
    let removed = candidates.len() - shortlist.len();
    let decided = |(plan, policy), unwell: &[(usize, Health)]| {
        let unavailable = unwell.iter().filter(|(_, health)| *health == Health::Unavailable);
        let unavailable = unavailable.map(|(position, _)| *position).collect();
        Decided { plan, removed, unavailable, rejected, policy }
    };
    if live.all_healthy() == AllHealthy::Certain {
        return attempt(policy, question, &shortlist, Looked::At(&[])).map(|plan| decided(plan, &[]));
    }
    // Health is looked at where it matters: as long as what is planned is healthy, whether the rest is changes nothing.
    let mut unwell: Vec<(usize, Health)> = Vec::new();
    for _ in 0..MOST_LOOKS {
        let (plan, by) = attempt(policy, question, &shortlist, Looked::At(&unwell))?;
        let known = unwell.len();
        for choice in &plan.choices {
            let is_new = unwell.iter().all(|(position, _)| *position != choice.candidate);
            let health = question.live.health(choice.candidate);
            if is_new && health != Health::Healthy {
                unwell.push((choice.candidate, health));
            }
        }
        if unwell.len() == known {
            return Ok(decided((plan, by), &unwell));
        }
    }
    attempt(policy, question, &shortlist, Looked::Everywhere).map(|plan| decided(plan, &unwell))
}

/// Whose health has been looked at.
#[derive(Clone, Copy, Debug)]
enum Looked<'a> {
    /// These are not healthy; all others are taken to be.
    At(&'a [(usize, Health)]),
    /// Everybody's is to be.
    Everywhere,
}

/// Live facts of targets that are taken to be healthy, but for those that are known not to be.
#[derive(Debug)]
struct Assumed<'a> {
    live: &'a dyn LiveFacts,
    unwell: &'a [(usize, Health)],
}

impl LiveFacts for Assumed<'_> {
    fn live(&self, position: usize) -> Live {
        Live { health: self.health(position), ..self.live.live(position) }
    }

    fn health(&self, position: usize) -> Health {
        let known = self.unwell.iter().find(|(unwell, _)| *unwell == position);
        known.map_or(Health::Healthy, |(_, health)| *health)
    }

    fn percentiles(&self, position: usize) -> Observed {
        self.live.percentiles(position)
    }

    fn all_healthy(&self) -> AllHealthy {
        if self.unwell.is_empty() { AllHealthy::Certain } else { AllHealthy::Unknown }
    }
}

/// A plan among those that the constraints have left, and the policy that made it.
fn attempt(
    policy: &dyn RoutingPolicy,
    question: &Question<'_>,
    left: &Shortlist<'_>,
    looked: Looked<'_>,
) -> Result<(Plan, &'static str)> {
    let facts = question.facts;
    let preferences = question.preferences();
    let assumed;
    let shortlist = match looked {
        Looked::Everywhere => left.watched(question.live),
        Looked::At(unwell) => {
            assumed = Assumed { live: question.live, unwell };
            left.watched(&assumed)
        }
    };
    let sorted = preferences.iter().flatten().find_map(|wish| wish.sort).map(Sorted::new);
    let ask = |shortlist: &Shortlist<'_>| match &sorted {
        None => ask(policy, facts, shortlist),
        Some(sorted) => ask_sorted(policy, sorted, facts, shortlist),
    };
    let mut choices = match groups(question, &shortlist, looked) {
        None => ask(&shortlist)?,
        Some(groups) => {
            let mut choices = Vec::new();
            let mut refusal = None;
            for group in groups {
                match ask(&group) {
                    Ok(own) => choices.extend(own),
                    // Another group may have what the policy wants.
                    Err(error) if error.kind() == ErrorKind::Unsupported => refusal = refusal.or(Some(error)),
                    Err(error) => return Err(error),
                }
                let in_order = choices.iter().filter(|choice: &&Choice| choice.turn == Turn::InOrder).count();
                if in_order >= facts.max_targets {
                    break;
                }
            }
            if let Some(refusal) = refusal.filter(|_| choices.is_empty()) {
                return Err(refusal);
            }
            choices
        }
    };
    let only_first =
        |wish: &&Preferences| wish.allow_fallbacks == Fallbacks::Forbidden && wish.order.is_empty();
    // What was demanded before a limit sent the call elsewhere still holds.
    let is_one = preferences.iter().flatten().any(only_first)
        || question.before.iter().any(|wish| only_first(&&**wish));
    let most = if is_one { 1 } else { facts.max_targets.max(1) };
    lawful(&choices, &shortlist, name_of(policy))?;
    choices.sort_by_key(|choice| choice.turn);
    match choices.last() {
        // A place is kept for the last resort.
        Some(last) if last.turn == Turn::Last && choices.len() > most && most > 1 => {
            choices.drain(most - 1..choices.len() - 1);
        }
        _ => choices.truncate(most),
    }
    for choice in &mut choices {
        // What is not a number neither compares nor survives JSON.
        choice.score = choice.score.filter(|score| score.is_finite());
    }
    Ok((Plan::new(choices), name_of(sorted.as_ref().map_or(policy, |sorted| sorted))))
}

/// Tells the policy how an attempt ended. A policy that panics over it does no harm to the call.
pub fn observe(policy: &dyn RoutingPolicy, attempt: &Attempt) {
    let told = catch_unwind(AssertUnwindSafe(|| policy.observe(attempt)));
    if told.is_err() {
        tracing::warn!(policy = name_of(policy), "the policy panicked while it was told of an attempt");
    }
}

/// What the policy does beyond ranking; one that panics over the question does nothing.
pub(crate) fn escalation(policy: &dyn RoutingPolicy) -> Option<&dyn Escalation> {
    catch_unwind(AssertUnwindSafe(|| policy.escalation())).ok().flatten()
}

fn name_of(policy: &dyn RoutingPolicy) -> &'static str {
    catch_unwind(AssertUnwindSafe(|| policy.name())).unwrap_or("that does not know its name")
}

/// The policy's choices, or an error when it panics or is silent.
fn ask(policy: &dyn RoutingPolicy, facts: &RequestFacts, shortlist: &Shortlist<'_>) -> Result<Vec<Choice>> {
    // The policy is only read; whatever state of its own it leaves behind is its own affair.
    let planned = catch_unwind(AssertUnwindSafe(|| policy.plan(facts, shortlist)));
    let Ok(plan) = planned else {
        return Err(broken(name_of(policy), "panicked"));
    };
    if let Some(reason) = plan.refusal.filter(|_| plan.choices.is_empty()) {
        let message = format!("the routing policy {} refuses: {reason}", name_of(policy));
        return Err(Error::new(ErrorKind::Unsupported, message));
    }
    if plan.choices.is_empty() && !shortlist.is_empty() {
        return Err(broken(name_of(policy), &format!("chose none of {} targets", shortlist.len())));
    }
    Ok(plan.choices)
}

/// What the policy would have at all, in the order of `sorted`: whoever asks for an order does not lower the route's
/// standards. What the policy reads first, or keeps for last, stays where it is.
fn ask_sorted(
    policy: &dyn RoutingPolicy,
    sorted: &Sorted,
    facts: &RequestFacts,
    shortlist: &Shortlist<'_>,
) -> Result<Vec<Choice>> {
    let everywhere = RequestFacts { max_targets: shortlist.len(), ..facts.clone() };
    let mut choices = ask(policy, &everywhere, shortlist)?;
    lawful(&choices, shortlist, name_of(policy))?;
    let is_free = |choice: &Choice| choice.reading == Reading::Unread && choice.turn == Turn::InOrder;
    let mut free: Vec<usize> =
        choices.iter().filter(|choice| is_free(choice)).map(|choice| choice.candidate).collect();
    free.sort_unstable();
    let left = shortlist.narrowed(|position| free.binary_search(&position).is_ok());
    let place = choices.iter().position(is_free).unwrap_or(choices.len());
    choices.retain(|choice| !is_free(choice));
    choices.splice(place..place, sorted.plan(facts, &left).choices);
    Ok(choices)
}

fn lawful(choices: &[Choice], shortlist: &Shortlist<'_>, policy: &str) -> Result<()> {
    if let Some(stranger) = choices.iter().find(|choice| !shortlist.contains(choice.candidate)) {
        let message = format!("chose number {}, which is not among its targets", stranger.candidate);
        return Err(broken(policy, &message));
    }
    // A policy of the application may plan thousands.
    let mut chosen: Vec<usize> = choices.iter().map(|choice| choice.candidate).collect();
    chosen.sort_unstable();
    let twice = chosen.iter().zip(chosen.iter().skip(1)).find(|(one, next)| one == next);
    match twice.and_then(|(position, _)| shortlist.candidate(*position)) {
        Some(candidate) => Err(broken(policy, &format!("chose {} twice", candidate.target))),
        None => Ok(()),
    }
}

fn broken(policy: &str, what: &str) -> Error {
    Error::new(ErrorKind::Internal, format!("the routing policy {policy} {what}"))
}

/// The shortlist in groups, best first; `None` when there is but one.
fn groups<'s, 'a: 's>(
    question: &Question<'_>,
    shortlist: &'s Shortlist<'a>,
    looked: Looked<'_>,
) -> Option<Box<dyn Iterator<Item = Shortlist<'a>> + 's>> {
    let preferences = question.preferences();
    let wishes = || preferences.iter().flatten();
    let has_order = wishes().any(|wish| !wish.order.is_empty());
    let has_floor = wishes().any(|wish| {
        !wish.preferred_min_throughput.is_unlimited() || !wish.preferred_max_latency.is_unlimited()
    });
    let by_model =
        wishes().find_map(|wish| wish.sort).is_some_and(|sort: Sort| sort.partition == Partition::Model);
    let has_other_reasons = has_order || has_floor || by_model || question.candidates.plain.ordered;
    match looked {
        Looked::At([]) if !has_other_reasons => return None,
        Looked::At(unwell) if !has_other_reasons => {
            return Some(Box::new(by_health(shortlist, unwell).into_iter()));
        }
        Looked::At(_) | Looked::Everywhere => {}
    }
    let may_be_degraded = !matches!(looked, Looked::At([]));
    let mut models: Vec<&str> = Vec::new();
    let mut keys: Vec<(Rank, usize)> = Vec::with_capacity(shortlist.len());
    for (position, candidate) in shortlist.iter() {
        let place =
            |wish: &Preferences| constraint::place(&wish.order, candidate).unwrap_or(wish.order.len());
        let [call, route] = preferences.map(|wish| wish.map_or(0, place));
        let model = if by_model { model_number(candidate.target.model(), &mut models) } else { 0 };
        let health = if may_be_degraded { shortlist.health(position) } else { Health::Healthy };
        let behind = health != Health::Healthy || has_floor && misses(wishes().copied(), position, shortlist);
        let order = candidate.traits.order.unwrap_or(u32::MAX);
        let is_out = health == Health::Unavailable;
        keys.push((Rank { is_out, call, route, model, order, behind }, position));
    }
    let mut ranks: Vec<Rank> = keys.iter().map(|(rank, _)| *rank).collect();
    ranks.sort_unstable();
    ranks.dedup();
    if ranks.len() < 2 {
        return None;
    }
    // Keys are in the order of positions, as is every walk over a shortlist. A group is made when it is asked for.
    Some(Box::new(ranks.into_iter().map(move |rank| {
        let mut keys = keys.iter();
        shortlist.narrowed(|position| {
            keys.by_ref().find(|(_, known)| *known == position).is_some_and(|(own, _)| *own == rank)
        })
    })))
}

/// Those that are well, those that are degraded, those that are out of service.
fn by_health<'a>(shortlist: &Shortlist<'a>, unwell: &[(usize, Health)]) -> Vec<Shortlist<'a>> {
    let of = |wanted: Health| {
        unwell.iter().filter(move |(_, health)| *health == wanted).map(|(position, _)| *position)
    };
    let [well_or_out, degraded] = shortlist.parted(of(Health::Degraded));
    let [well, out] = well_or_out.parted(of(Health::Unavailable));
    let groups = [well, degraded, out];
    groups.into_iter().filter(|group| !group.is_empty()).collect()
}

/// So often a plan is made anew around those that turned out not to be well, before everybody's health is looked at.
const MOST_LOOKS: usize = 6;

/// Where a group stands; smaller is earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    is_out: bool,
    call: usize,
    route: usize,
    model: usize,
    order: u32,
    behind: bool,
}

/// The number of a model in the order in which models appear. Its name is what follows the last slash: aggregators put
/// the maker before it.
fn model_number<'a>(model: &'a str, known: &mut Vec<&'a str>) -> usize {
    let name = model.rsplit('/').next().unwrap_or(model);
    known.iter().position(|known| *known == name).unwrap_or_else(|| {
        known.push(name);
        known.len() - 1
    })
}

/// Is it slower than one of the wishes allows? What was not measured is not slower.
fn misses<'w>(
    mut wishes: impl Iterator<Item = &'w Preferences>,
    position: usize,
    shortlist: &Shortlist<'_>,
) -> bool {
    let observed = shortlist.percentiles(position);
    let fails = |limits: &Percentiles, seen: &Percentiles, too: fn(f64, f64) -> bool| {
        limits
            .values()
            .into_iter()
            .zip(seen.values())
            .any(|(limit, seen)| limit.zip(seen).is_some_and(|(limit, seen)| too(seen, limit)))
    };
    wishes.any(|wish| {
        fails(&wish.preferred_max_latency, &observed.first_token, |seen, most| seen > most)
            || fails(&wish.preferred_min_throughput, &observed.tokens_per_second, |seen, least| seen < least)
    })
}
