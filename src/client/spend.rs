//! What a call may use by the application's own limits: reserved before anything is sent, booked afterwards.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Inner;
use super::call::RunningCall;
use super::candidates::{self, Planned};
use super::tasks::Tasks;
use crate::account::{Answered, Flag, suspicions};
use crate::catalog::{Counted, Model, TokenEstimate, Vocabulary};
use crate::error::{Error, ErrorKind, Result};
use crate::quota::{
    AtTarget, CostBound, Demand, Gate, Held, Host, InDoubt, Notice, Patience, Refused, Settling, Subject,
    UnknownPrice, Used,
};
use crate::routing::RequestFacts;
use crate::telemetry::{Event, LimitReached, Observer};
use crate::types::{
    Attempt, CallOptions, ChatRequest, Completeness, EmbedRequest, OnLimit, Outcome, Preferences,
    RerankRequest, Sensitivity, Usage, Usd,
};

/// What somebody asks for, as far as limits care.
pub(super) struct Asked<'r> {
    options: Option<&'r CallOptions>,
    prompt: TokenEstimate,
    /// The prompt in the vocabularies of its targets.
    counted: Counted,
    /// The prompt itself, where it was counted for nobody yet.
    uncounted: Option<&'r ChatRequest>,
    /// Most tokens of each answer, as far as the caller says.
    output: Option<u64>,
    answers: u64,
    tier: Option<&'r str>,
}

impl<'r> Asked<'r> {
    pub(super) fn of_chat(request: &'r ChatRequest, facts: &RequestFacts) -> Self {
        Self {
            options: request.options.as_deref(),
            prompt: TokenEstimate::of_chat(request),
            counted: facts.counted,
            uncounted: None,
            output: request.max_output_tokens,
            answers: request.n.unwrap_or(1).max(1).into(),
            tier: request.service_tier.as_deref(),
        }
    }

    pub(super) fn of_embed(request: &'r EmbedRequest, facts: &RequestFacts) -> Self {
        let texts: Vec<&str> = request.inputs.iter().map(String::as_str).collect();
        Self { output: Some(0), ..Self::of_texts(request.options.as_deref(), &texts, facts) }
    }

    /// As part of a batch, at the price of batches.
    pub(super) fn in_batch(request: &'r ChatRequest) -> Self {
        Self {
            options: request.options.as_deref(),
            prompt: TokenEstimate::of_chat(request),
            counted: Counted::NOT,
            uncounted: Some(request),
            output: request.max_output_tokens,
            answers: request.n.unwrap_or(1).max(1).into(),
            tier: Some(BATCH),
        }
    }

    /// What is made of the texts is unknown beforehand.
    pub(super) fn of_texts(options: Option<&'r CallOptions>, texts: &[&str], facts: &RequestFacts) -> Self {
        let prompt = TokenEstimate::of_texts(texts.iter().copied());
        Self {
            options,
            prompt,
            counted: facts.counted,
            uncounted: None,
            output: None,
            answers: 1,
            tier: None,
        }
    }

    /// The query is read with every document.
    pub(super) fn of_rerank(request: &'r RerankRequest, facts: &RequestFacts) -> Self {
        let texts: Vec<&str> =
            (request.documents.iter()).flat_map(|text| [text.as_str(), request.query.as_str()]).collect();
        Self { output: Some(0), ..Self::of_texts(request.options.as_deref(), &texts, facts) }
    }

    /// The prompt as `model` reads it.
    fn prompt_for(&self, model: Option<&Model>) -> TokenEstimate {
        let Some(model) = model else { return self.prompt };
        match self.uncounted {
            Some(request) => TokenEstimate::of_chat_with(request, &model.id),
            None => self.counted.of(Vocabulary::of_model(&model.id)).unwrap_or(self.prompt),
        }
    }
}

/// What a running call has reserved.
pub(super) struct Spend {
    gate: Arc<Gate>,
    prompt: TokenEstimate,
    /// The most an attempt can use at each place of the plan.
    demands: Vec<Demand>,
    /// For the whole call, and for the target at its first place.
    call: Held,
    /// For the targets at other places that were tried.
    further: Vec<(usize, Held)>,
    /// For attempts beyond the first that may be billed as well.
    again: Vec<Held>,
    /// Of the attempts that are over, so many have been seen to.
    seen: usize,
    options: Option<Box<CallOptions>>,
}

/// What a policy may know of a call that goes to this route or target.
pub(super) type FactsOf<'a> = &'a (dyn Fn(&str) -> RequestFacts + Sync);

/// The plan for what was `asked` for, or for the route that calls go to instead because a limit is so full; and the facts
/// it goes by.
///
/// # Errors
/// Those of [`candidates::plan`].
pub(super) fn plan(
    inner: &Inner,
    options: Option<&CallOptions>,
    asked: &str,
    facts_of: FactsOf<'_>,
) -> Result<(Planned, RequestFacts)> {
    let facts = facts_of(asked);
    let route = model(inner, options, asked);
    if route == asked {
        return Ok((candidates::plan(inner, asked, &facts)?, facts));
    }
    let demanded = inner.registry.routes.get(asked).and_then(|route| route.preferences.clone());
    plan_elsewhere(inner, route, demanded.into_iter().collect(), &facts, facts_of)
}

/// The plan for `route` and its facts, where the call was for another. What was `demanded` there still holds, and what was
/// sensitive still is.
fn plan_elsewhere(
    inner: &Inner,
    route: &str,
    demanded: Vec<Arc<Preferences>>,
    before: &RequestFacts,
    facts_of: FactsOf<'_>,
) -> Result<(Planned, RequestFacts)> {
    let mut facts = facts_of(route);
    if before.sensitivity == Sensitivity::Sensitive {
        facts.sensitivity = Sensitivity::Sensitive;
    }
    Ok((candidates::plan_under(inner, route, &facts, demanded)?, facts))
}

/// The route or target to plan for: what was asked for, unless a limit is so full that calls go elsewhere.
fn model<'a>(inner: &'a Inner, options: Option<&CallOptions>, asked: &'a str) -> &'a str {
    let Some(gate) = &inner.gate else { return asked };
    let Some((limit, route)) = gate.diversion(Subject::new(options, Some(asked))) else { return asked };
    gate.host().notice(Notice::Diverted { limit, route });
    route
}

/// Reserves the most that `call` can use, and leaves out the targets that have no room for it. Waits for its turn where
/// that is wanted.
///
/// # Errors
/// What a limit says, or the store.
pub(super) async fn reserve(
    call: &mut RunningCall,
    asked: &Asked<'_>,
    facts: &mut RequestFacts,
    facts_of: FactsOf<'_>,
) -> Result<()> {
    let Some(gate) = call.inner.gate.clone() else { return Ok(()) };
    let mut diverted = call.planned.is_bound;
    loop {
        let route = call.planned.decision.route.clone();
        let subject = Subject::new(asked.options, route.as_deref());
        gate.check_scopes(subject)?;
        let (held, demands) = match reserve_for_plan(&gate, call, asked, subject).await {
            Ok(taken) => taken,
            Err(Refused::Diverted { limit, route }) if !diverted => {
                divert(&gate, call, (&limit, &route), facts, facts_of)?;
                diverted = true;
                continue;
            }
            Err(refused) => return Err(refused.into_error()),
        };
        if let Some((limit, route)) = held.diversion().filter(|_| !diverted) {
            // Somebody else, perhaps in another process, has used it up since it was last looked at.
            divert(&gate, call, (limit, route), facts, facts_of)?;
            diverted = true;
            held.settle(&Used::default()).await;
            continue;
        }
        let options = asked.options.cloned().map(Box::new);
        let spend = Spend {
            gate,
            prompt: asked.prompt,
            demands,
            call: held,
            further: Vec::new(),
            again: Vec::new(),
            seen: 0,
            options,
        };
        call.spend = Some(Box::new(spend));
        // It may have waited for its turn.
        call.look_at_the_clock();
        return Ok(());
    }
}

/// Plans again, for the route a limit sends calls to.
fn divert(
    gate: &Gate,
    call: &mut RunningCall,
    (limit, route): (&str, &str),
    facts: &mut RequestFacts,
    facts_of: FactsOf<'_>,
) -> Result<()> {
    gate.host().notice(Notice::Diverted { limit, route });
    let demanded = call.planned.demanded.clone();
    (call.planned, *facts) = plan_elsewhere(&call.inner, route, demanded, facts, facts_of)?;
    Ok(())
}

async fn reserve_for_plan(
    gate: &Arc<Gate>,
    call: &mut RunningCall,
    asked: &Asked<'_>,
    subject: Subject<'_>,
) -> std::result::Result<(Held, Vec<Demand>), Refused> {
    let at = call.inner.clock.wall();
    let mut left_out = Vec::new();
    let mut possible = Vec::new();
    for (place, target) in call.planned.targets.iter().enumerate() {
        let demand = demand(target.model.as_deref(), asked, gate.unknown_price(), at);
        match gate.check_request(subject, &target.target, &demand) {
            Ok(()) => possible.push((place, demand)),
            Err(error) => left_out.push((place, error.with_target(target.target.clone()))),
        }
    }
    let mut first = 0;
    let held = loop {
        let Some(((place, demand), others)) = possible.get(first..).and_then(<[_]>::split_first) else {
            let refused = left_out.pop().map(|(_, error)| error);
            let none = || Error::new(ErrorKind::Internal, "a plan has no targets");
            return Err(Refused::Everywhere(refused.unwrap_or_else(none)));
        };
        let Some(target) = call.planned.targets.get(*place).map(|planned| planned.target.clone()) else {
            let error = Error::new(ErrorKind::Internal, "the plan has no such target");
            return Err(Refused::Everywhere(error));
        };
        let dearest = others.iter().fold(*demand, |most, (_, other)| most.max(*other));
        let lines = gate.lines(subject, &dearest).map_err(Refused::Everywhere)?;
        let lines = lines.and(gate.lines_at(subject, &target, demand).map_err(Refused::Everywhere)?);
        // With another target at hand nobody waits for this one, unless that one is out of use and this one is not.
        let alone = !others.iter().any(|(place, _)| call.is_in_use(*place)) && call.is_in_use(*place);
        let at_target = if others.is_empty() || alone { AtTarget::Wait } else { AtTarget::Move };
        match gate.take(lease(call), lines, patience(gate, call, asked.options), at_target).await {
            Ok(held) => break held,
            Err(Refused::AtTarget(error)) => left_out.push((*place, error.with_target(target))),
            Err(refused) => return Err(refused),
        }
        first += 1;
    };
    if !left_out.is_empty() {
        left_out.sort_by_key(|(place, _)| *place);
        call.planned.leave_out(&left_out);
    }
    Ok((held, possible.into_iter().skip(first).map(|(_, demand)| demand).collect()))
}

impl RunningCall {
    /// Reserves for an attempt at `place` what is not held yet: what only its target is limited in, which the first target
    /// has already, and room for another attempt where an earlier one is or may be billed as well.
    ///
    /// # Errors
    /// What a limit says, or the store.
    pub(super) async fn enter(&mut self, place: usize) -> Result<()> {
        self.make_room(place).await?;
        let (lease, alone) = (lease(self), self.spend.is_some() && !self.has_untried_beside(place));
        let most = match self.spend.as_deref() {
            Some(spend) if alone => patience(&spend.gate, self, spend.options.as_deref()),
            _ => Patience::new(Duration::ZERO, Default::default()),
        };
        let (Some(spend), Some(target)) = (&mut self.spend, self.planned.targets.get(place)) else {
            return Ok(());
        };
        let Some(demand) = spend.demands.get(place) else { return Ok(()) };
        if place == 0 || spend.further.iter().any(|(entered, _)| *entered == place) {
            return Ok(());
        }
        let subject = Subject::new(spend.options.as_deref(), self.planned.decision.route.as_deref());
        let lines = spend.gate.lines_at(subject, &target.target, demand)?;
        if lines.is_empty() {
            return Ok(());
        }
        // Nobody else is left to be asked: its turn is waited for, where that is wanted.
        let at_target = if alone { AtTarget::Wait } else { AtTarget::Move };
        let taken = spend.gate.take(lease, lines, most, at_target).await;
        let held = taken.map_err(|refused| refused.into_error().with_target(target.target.clone()))?;
        spend.further.push((place, held));
        if alone {
            // It may have waited for its turn.
            self.look_at_the_clock();
        }
        Ok(())
    }

    /// Holds what the attempts so far have used or may use, because what the call holds is for one attempt: the one that is
    /// to begin at `place`.
    async fn make_room(&mut self, place: usize) -> Result<()> {
        let Some(spend) = self.spend.as_deref() else { return Ok(()) };
        let nothing = Demand::new(CostBound::Known(Usd::ZERO), 0, Some(0));
        let over = self.attempts.get(spend.seen..).unwrap_or_default().iter();
        let used = over.filter_map(|attempt| self.used_by(attempt, spend)).map(|(_, used, _)| {
            Demand::new(CostBound::Known(used.cost), used.input_tokens, Some(used.output_tokens))
        });
        let running = self.open_places().filter_map(|place| spend.demands.get(place).copied());
        let needed = used.chain(running).fold(nothing, Demand::and).again();
        let seen = self.attempts.len();
        let lease = lease(self);
        let (Some(spend), Some(target)) = (self.spend.as_deref_mut(), self.planned.targets.get(place)) else {
            return Ok(());
        };
        if needed.is_nothing() {
            return Ok(());
        }
        let subject = Subject::new(spend.options.as_deref(), self.planned.decision.route.as_deref());
        let lines = spend.gate.lines(subject, &needed)?;
        if lines.is_empty() {
            return Ok(());
        }
        let at_once = Patience::new(Duration::ZERO, Default::default());
        let taken = spend.gate.take(lease, lines, at_once, AtTarget::Move).await;
        spend.again.push(taken.map_err(|refused| refused.into_error().with_target(target.target.clone()))?);
        spend.seen = seen;
        Ok(())
    }

    /// Books what the attempts used and gives the rest back. Dropped, it goes on in the background.
    pub(super) async fn settle_spend(&mut self) {
        // Seldom more than one.
        for settlement in self.settlements() {
            settlement.await;
        }
    }

    /// As [`settle_spend`](Self::settle_spend), for those who cannot wait.
    pub(super) fn settlements(&mut self) -> Vec<Settling> {
        let Some(spend) = self.spend.take() else { return Vec::new() };
        let mut each: Vec<(usize, Used)> = Vec::with_capacity(self.attempts.len());
        for attempt in &self.attempts {
            let Some((place, used, belief)) = self.used_by(attempt, &spend) else { continue };
            if belief == Belief::Impossible {
                for observer in &self.inner.observers {
                    observer.observe(&Event::ImpossibleUsage { target: &attempt.target });
                }
            }
            each.push((place, used));
        }
        let sum = |at: Option<usize>| {
            let wanted = each.iter().filter(|(place, _)| at.is_none_or(|at| at == *place));
            wanted.fold(Used::default(), |sum, (_, one)| sum.and(one))
        };
        let mut whole = sum(None);
        whole.requests = whole.requests.min(1);
        let Spend { call, further, again, .. } = *spend;
        let mut settlements = vec![call.settle_with(&whole, &sum(Some(0)))];
        settlements.extend(further.into_iter().map(|(place, held)| held.settle(&sum(Some(place)))));
        // What they were held for is booked with the call.
        settlements.extend(again.into_iter().map(|held| held.settle(&Used::default())));
        settlements
    }

    /// What an attempt used and at which place of the plan; where nobody says, what the limits say to take it for.
    fn used_by(&self, attempt: &Attempt, spend: &Spend) -> Option<(usize, Used, Belief)> {
        let place = self.planned.targets.iter().position(|target| target.target == attempt.target)?;
        let (target, demand) = (self.planned.targets.get(place)?, spend.demands.get(place)?);
        if !was_sent(attempt) {
            return None;
        }
        let mut used = Used { requests: 1, ..Used::default() };
        let most = || (demand.input_tokens, demand.output_tokens.unwrap_or(0));
        let flags = suspicions(attempt.usage.as_ref(), target.model.as_deref(), Answered::No);
        if flags.contains(&Flag::ImpossibleUsage) {
            // What cannot be is taken for the most that can.
            (used.input_tokens, used.output_tokens) = most();
            used.cost = known(demand.cost);
            return Some((place, used, Belief::Impossible));
        }
        let unknown = attempt.completeness == Completeness::Unknown;
        let doubted = match spend.gate.in_doubt() {
            InDoubt::Prompt => (spend.prompt.expected, 0),
            InDoubt::Everything => most(),
            InDoubt::Nothing => (0, 0),
        };
        (used.input_tokens, used.output_tokens) = match &attempt.usage {
            Some(usage) => (usage.input_tokens.unwrap_or(0), usage.output_tokens.unwrap_or(0)),
            None if unknown => doubted,
            None => (0, 0),
        };
        used.cost = match (attempt.cost, spend.gate.unknown_price()) {
            (Some(cost), _) => cost,
            (None, _) if !unknown => Usd::ZERO,
            (None, _) if attempt.usage.is_none() && spend.gate.in_doubt() == InDoubt::Everything => {
                known(demand.cost)
            }
            (None, UnknownPrice::Assume { input, output }) => {
                assumed(used.input_tokens, used.output_tokens, input, output)
            }
            (None, UnknownPrice::Refuse) => {
                let usage = Usage::of(used.input_tokens, used.output_tokens);
                let model = target.model.as_deref();
                let at = self.inner.clock.wall();
                let cost = model.and_then(|model| candidates::price(model, &usage, at, None));
                // A price that is there but does not say what this costs: everything, rather than nothing.
                cost.map_or_else(|| known(demand.cost), |cost| cost.total)
            }
        };
        Some((place, used, Belief::Possible))
    }
}

/// Can what a vendor said be true?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Belief {
    Possible,
    Impossible,
}

/// Did anything leave this machine?
fn was_sent(attempt: &Attempt) -> bool {
    !matches!(
        attempt.outcome,
        Outcome::Failed(
            ErrorKind::Unsupported
                | ErrorKind::BudgetExceeded
                | ErrorKind::LimitExceeded
                | ErrorKind::StoreUnavailable
                | ErrorKind::Storage
        )
    )
}

fn known(cost: CostBound) -> Usd {
    match cost {
        CostBound::Known(cost) => cost,
        CostBound::Unbounded | CostBound::UnknownPrice => Usd::ZERO,
    }
}

/// The most an attempt at `model` can use.
pub(super) fn demand(
    model: Option<&Model>,
    asked: &Asked<'_>,
    unknown: UnknownPrice,
    at: SystemTime,
) -> Demand {
    let window = model.and_then(|model| model.context_window);
    let able = model.and_then(|model| model.max_output_tokens).or(window);
    let each = match (asked.output, able) {
        (Some(asked), Some(able)) => Some(asked.min(able)),
        (asked, able) => asked.or(able),
    };
    let output = each.map(|each| each.saturating_mul(asked.answers));
    let input = asked.prompt_for(model).most;
    let cost = match (output, unknown) {
        (None, _) => CostBound::Unbounded,
        (Some(output), unknown) => match (dearest(model, input, output, at, asked.tier), unknown) {
            (Some(cost), _) => CostBound::Known(cost),
            (None, UnknownPrice::Assume { input: per_input, output: per_output }) => {
                CostBound::Known(assumed(input, output, per_input, per_output))
            }
            (None, UnknownPrice::Refuse) => CostBound::UnknownPrice,
        },
    };
    Demand::new(cost, input, output)
}

/// Of tokens that a vendor counts, those that one answer of `model` can have.
pub(super) fn possible(model: Option<&Model>, input: u64, output: u64) -> (u64, u64) {
    let window = model.and_then(|model| model.context_window.max(model.max_input_tokens));
    let window = window.unwrap_or(LARGEST_WINDOW);
    let longest = model.and_then(|model| model.max_output_tokens).unwrap_or(window);
    (input.min(window), output.min(longest))
}

/// The most that so many tokens can cost: read plainly or written to a cache, spoken or thought.
pub(super) fn dearest(
    model: Option<&Model>,
    input: u64,
    output: u64,
    at: SystemTime,
    tier: Option<&str>,
) -> Option<Usd> {
    let model = model?;
    let plain = Usage::of(input, output);
    let cached = Usage { cache_write_tokens: Some(input), ..plain.clone() };
    let cached_long = Usage { cache_write_1h_tokens: Some(input), ..cached.clone() };
    let thought = |usage: &Usage| Usage { reasoning_tokens: Some(output), ..usage.clone() };
    let cost = |usage: &Usage| candidates::price(model, usage, at, tier).map(|cost| cost.total);
    let known = cost(&plain)?;
    let others = [&cached, &cached_long].into_iter().flat_map(|usage| [cost(usage), cost(&thought(usage))]);
    Some(others.chain([cost(&thought(&plain))]).flatten().fold(known, Usd::max))
}

pub(super) fn assumed(input: u64, output: u64, per_input: Usd, per_output: Usd) -> Usd {
    let part = |tokens: u64, per_million: Usd| {
        i128::from(tokens).saturating_mul(per_million.pico()).saturating_add(999_999) / 1_000_000
    };
    Usd::from_pico(part(input, per_input).saturating_add(part(output, per_output)))
}

/// The service tier whose rates a batch is charged at.
pub(super) const BATCH: &str = "batch";

/// As long as the call may run, and a minute to be booked.
fn lease(call: &RunningCall) -> Duration {
    call.remaining().saturating_add(Duration::from_secs(60))
}

fn patience(gate: &Gate, call: &RunningCall, options: Option<&CallOptions>) -> Patience {
    let choice = options.and_then(|options| options.on_limit).unwrap_or_else(|| gate.on_limit());
    let most = match choice {
        OnLimit::Wait(most) => most.min(call.remaining()),
        _ => Duration::ZERO,
    };
    Patience::new(most, options.map(|options| options.priority).unwrap_or_default())
}

/// Where the limits of a client live.
pub(super) struct Hall {
    pub(super) observers: Vec<Arc<dyn Observer>>,
    pub(super) tasks: Arc<Tasks>,
}

impl Host for Hall {
    fn notice(&self, notice: Notice<'_>) {
        let event = match notice {
            Notice::Reached { limit, value, percent } => {
                Event::LimitReached(LimitReached::new(limit, value, percent))
            }
            Notice::Diverted { limit, route } => Event::LimitDiverted { limit, route },
            Notice::Unsettled { kind, waiting } => Event::SpendUnsettled { kind, waiting },
            Notice::Lost => Event::SpendLost,
            Notice::ClockJumped => Event::ClockJumped,
        };
        for observer in &self.observers {
            observer.observe(&event);
        }
    }

    fn finish(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        // Without a runtime the work is dropped, and what is reserved lapses.
        drop(self.tasks.spawn_settlement(work));
    }

    fn watch(&self, work: Pin<Box<dyn Future<Output = ()> + Send>>) {
        drop(self.tasks.spawn_service(work));
    }
}

/// Of any model there is.
const LARGEST_WINDOW: u64 = 10_000_000;
