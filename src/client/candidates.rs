//! The only place where providers and the catalogue meet: what a policy may know.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use super::Inner;
use super::guard::{guard, texts_of};
use super::hosting;
use super::memory::RouteMemory;
use super::prices::InForce;
use super::pulse::Pulse;
use super::ratings::Answered;
use super::registry::{Meaning, Registry};
use super::review;
use crate::account;
use crate::catalog::{
    Capability, CapabilitySet, Catalogue, Counted, Mode, Model, Support, TokenEstimate, Vocabulary, quality,
};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::Provider;
use crate::quota::Subject;
use crate::resilience::Endpoint;
use crate::routing;
use crate::routing::policy::Ordered;
use crate::routing::{
    Candidate, Candidates, Question, Reading, RequestFacts, RouteTarget, RoutingPolicy, ServiceTiers,
    Strength, Traits, decide,
};
use crate::types::{
    Attempt, CallOptions, ChatRequest, Cost, Decision, EmbedRequest, Hosted, MediaSource, ModelHints,
    OnUnsupported, Part, Preferences, PriceSource, Ranked, Rejected, RerankRequest, ResponseFormat, Role,
    Sensitivity, Target, Tool, Usage, Usd,
};

/// A model that can be called, with what the catalogue knows of it.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct CallableModel {
    /// What to write into [`ChatRequest::model`].
    pub target: Target,
    /// Limits, abilities and price.
    pub model: Arc<Model>,
}

/// The targets of one call, in the order they are to be tried.
pub(super) struct Planned {
    pub(super) decision: Decision,
    /// The best of `targets`, which are never empty.
    pub(super) first: Target,
    /// Shared with the attempts that run, several of which may at once.
    pub(super) targets: Arc<[PlannedTarget]>,
    pub(super) policy: Arc<dyn RoutingPolicy>,
    /// What the route remembers, and the conversation the call belongs to.
    pub(super) memory: Option<Remembering>,
    /// The prices the call goes by, whatever is in force when it ends.
    pub(super) prices: Arc<InForce>,
    /// What a strong model is expected to gain, by the prompt.
    foretold: Option<f64>,
    /// What routes demand, the one that was asked for and those that limits sent the call to.
    pub(super) demanded: Vec<Arc<Preferences>>,
    /// May nobody else be asked, whatever limits say?
    pub(super) is_bound: bool,
    /// The same, once an answer was read.
    judged: OnceLock<f64>,
}

/// Where an attempt is remembered.
pub(super) struct Remembering {
    memory: Arc<RouteMemory>,
    session: Option<u64>,
    beginning: Option<u64>,
    answers: u64,
}

impl Remembering {
    pub(super) fn note(&self, attempt: &Attempt, vendor: &str, now: Instant) {
        let conversation = self.session.or(self.beginning);
        self.memory.note(conversation, self.session, attempt, (vendor, self.answers), now);
    }
}

/// One target of a call.
#[derive(Clone)]
pub(super) struct PlannedTarget {
    pub(super) target: Target,
    pub(super) provider: Arc<dyn Provider>,
    /// What is known of its health.
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) model: Option<Arc<Model>>,
    /// Is its answer read by the policy before the caller gets it?
    pub(super) reading: Reading,
    /// The service tier that requests ask for which name none.
    pub(super) service_tier: Option<&'static str>,
}

impl Planned {
    /// Only `target`, which the plan of another call about the same data names: it was found fit for that, by all that its
    /// route demands.
    pub(super) fn only(inner: &Inner, target: &PlannedTarget) -> Self {
        let mut decision = Decision::new(None, Ordered::new().name());
        decision.candidates = 1;
        decision.ranked.push(Ranked::new(
            target.target.clone(),
            "it was planned for the call this follows from",
            None,
        ));
        Self {
            decision,
            first: target.target.clone(),
            targets: Arc::new([PlannedTarget { reading: Reading::Unread, ..target.clone() }]),
            policy: Arc::new(Ordered::new()),
            memory: None,
            prices: inner.prices.get(),
            foretold: None,
            demanded: Vec::new(),
            is_bound: true,
            judged: OnceLock::new(),
        }
    }

    /// Those of the targets that are `wanted` are asked on the usual tier, whatever their route says.
    pub(super) fn leave_tiers(&mut self, wanted: impl Fn(usize, &PlannedTarget) -> bool) {
        let mut all = self.targets.iter().enumerate();
        if !all.any(|(place, target)| target.service_tier.is_some() && wanted(place, target)) {
            return;
        }
        let mut targets = self.targets.to_vec();
        for (place, target) in targets.iter_mut().enumerate() {
            if wanted(place, target) {
                target.service_tier = None;
            }
        }
        self.targets = targets.into();
    }

    /// What a strong model is expected to gain, by what is known now.
    pub(super) fn gain(&self) -> Option<f64> {
        self.judged.get().copied().or(self.foretold)
    }

    /// What a strong model is expected to gain over the answer that came. The first answer counts: it is the weak one's.
    pub(super) fn learn_gain(&self, gain: f64) {
        let _ = self.judged.set(gain);
    }

    /// What is needed to pass on how good the answer of `target` was.
    pub(super) fn answered_by(&self, target: &Target) -> Answered {
        let planned = self.targets.iter().find(|planned| planned.target == *target);
        let is_weak = planned.is_some_and(|planned| planned.reading == Reading::Reviewed);
        Answered {
            policy: Arc::clone(&self.policy),
            target: target.clone(),
            gain: self.gain(),
            by: if is_weak { Strength::Weak } else { Strength::Strong },
            memory: self.memory.as_ref().map(|remembering| Arc::clone(&remembering.memory)),
        }
    }

    /// Is the first answer read before the caller gets it?
    pub(super) fn is_reviewed(&self) -> bool {
        self.targets.first().is_some_and(|target| target.reading == Reading::Reviewed)
    }

    /// Takes the targets in these places out of the plan; at least one is left.
    pub(super) fn leave_out(&mut self, places: &[(usize, Error)]) {
        let is_out = |place: usize| places.iter().any(|(out, _)| *out == place);
        for (place, error) in places {
            if let Some(planned) = self.targets.get(*place) {
                let reason = error.message().to_owned();
                self.decision.rejected.push(Rejected::new(planned.target.clone(), "budget", reason));
                self.decision.removed += 1;
                self.decision.ranked.retain(|ranked| ranked.target != planned.target);
            }
        }
        let targets = self.targets.iter().enumerate().filter(|(place, _)| !is_out(*place));
        self.targets = targets.map(|(_, planned)| planned.clone()).collect();
        if let Some(first) = self.targets.first() {
            self.first = first.target.clone();
        }
    }
}

impl PlannedTarget {
    pub(super) fn hints(&self) -> ModelHints {
        self.model.as_ref().map(|model| model.hints()).unwrap_or_default()
    }

    pub(super) fn context_window(&self) -> Option<u64> {
        self.model.as_ref()?.context_window
    }
}

/// Finds the targets for `model` and lets the policy rank them.
///
/// # Errors
/// [`ErrorKind::NoRoute`](crate::ErrorKind::NoRoute) when the string means nothing, and those of [`decide`].
pub(super) fn plan(inner: &Inner, model: &str, facts: &RequestFacts) -> Result<Planned> {
    plan_under(inner, model, facts, Vec::new())
}

/// As [`plan`], where everything that was `demanded` holds as well.
///
/// # Errors
/// Those of [`plan`].
pub(super) fn plan_under(
    inner: &Inner,
    model: &str,
    facts: &RequestFacts,
    mut demanded: Vec<Arc<Preferences>>,
) -> Result<Planned> {
    let prices = inner.prices.get();
    let (route, policy, candidates): (_, Arc<dyn RoutingPolicy>, Arc<Candidates>) =
        match inner.registry.resolve(model)? {
            Meaning::Route(route) => {
                let candidates = prices.candidates(model, &route.candidates);
                (Some(route), Arc::clone(&route.policy), candidates)
            }
            Meaning::Target(target) => {
                let candidate = candidate(&inner.registry, &prices.catalogue, target);
                (None, Arc::new(Ordered::new()), Arc::new(Candidates::new([candidate])))
            }
        };
    let now = inner.clock.now();
    let pulse = route.map(|route| Pulse { endpoints: &route.endpoints, now });
    let mut question = Question::new(facts, &candidates);
    if let Some(pulse) = &pulse {
        question.live = pulse;
    }
    question.route = route.and_then(|route| route.preferences.as_deref());
    question.before = &demanded;
    let decided = match decide(&*policy, &question) {
        // Nothing fits what is left: whoever reserves says so, or waits until more is.
        Err(error) if error.kind() == ErrorKind::Unsupported && facts.budget_left.is_some() => {
            let unbounded = RequestFacts { budget_left: None, ..facts.clone() };
            decide(&*policy, &Question { facts: &unbounded, ..question })?
        }
        decided => decided?,
    };
    let memory = route.map(|route| Remembering {
        memory: Arc::clone(&route.memory),
        session: facts.session,
        beginning: facts.beginning,
        answers: facts.answers,
    });
    demanded.extend(route.and_then(|route| route.preferences.clone()));
    let known_endpoints = route.map(|route| &*route.endpoints);
    let route = route.map(|_| model.to_owned());
    let mut decision = Decision::new(route, decided.policy);
    decision.rejected = decided.rejected;
    decision.candidates = candidates.len();
    decision.removed = decided.removed;
    let out_of_use = decided.unavailable.iter().filter_map(|position| candidates.get(*position));
    decision.unavailable.extend(out_of_use.map(|candidate| candidate.target.clone()));
    decision.chance = facts.chance;
    decision.gain = facts.gain;
    decision.at = Some(facts.at);
    decision.service_tier.clone_from(&facts.service_tier);
    decision.ranked.reserve_exact(decided.plan.choices.len());
    let mut targets: Vec<PlannedTarget> = Vec::with_capacity(decided.plan.choices.len());
    let all = candidates.all();
    for choice in decided.plan.choices {
        let Some(candidate) = candidates.get(choice.candidate) else { continue };
        // A route may name a target twice.
        if targets.iter().any(|known| known.target == candidate.target) {
            continue;
        }
        let Some((_, registered)) = inner.registry.provider(candidate.target.provider()) else { continue };
        let expected_cost = all.expected_cost(choice.candidate, facts);
        let mut ranked = Ranked::new(candidate.target.clone(), choice.reason, expected_cost);
        ranked.score = choice.score;
        ranked.reading = choice.reading;
        decision.ranked.push(ranked);
        targets.push(PlannedTarget {
            target: candidate.target.clone(),
            provider: Arc::clone(&registered.provider),
            endpoint: known_endpoints
                .and_then(|known| known.get(choice.candidate))
                .map_or_else(|| inner.endpoints.of(&candidate.target, now), Arc::clone),
            model: candidate.model.clone(),
            reading: choice.reading,
            service_tier: candidate.service_tier,
        });
    }
    match targets.first().map(|planned| planned.target.clone()) {
        Some(first) => {
            let (targets, foretold) = (targets.into(), facts.gain);
            Ok(Planned {
                decision,
                first,
                targets,
                policy,
                memory,
                prices,
                foretold,
                demanded,
                is_bound: false,
                judged: OnceLock::new(),
            })
        }
        None => Err(Error::new(ErrorKind::Internal, "the plan names no registered provider")),
    }
}

/// The targets that `model` means.
///
/// # Errors
/// [`ErrorKind::NoRoute`](crate::ErrorKind::NoRoute) when the string means nothing.
pub(super) fn meant(inner: &Inner, model: &str) -> Result<Arc<Candidates>> {
    Ok(match inner.registry.resolve(model)? {
        Meaning::Route(route) => inner.prices.get().candidates(model, &route.candidates),
        Meaning::Target(target) => {
            let prices = inner.prices.get();
            Arc::new(Candidates::new([candidate(&inner.registry, &prices.catalogue, target)]))
        }
    })
}

/// Everything that is known of `target` before a request.
pub(super) fn candidate(registry: &Registry, catalogue: &Catalogue, target: Target) -> Candidate {
    let model = known(registry, catalogue, target.provider(), target.model());
    let traits = traits(registry, &target, Traits::new());
    Candidate::new(target, model).with_traits(traits)
}

/// What is known of `target`: what was `said` of it in its route before what was said of it anywhere, before what was said
/// of its provider, before what its vendor's name says.
fn traits(registry: &Registry, target: &Target, said: Traits) -> Traits {
    let said = registry.traits.get(target.as_str()).into_iter().fold(said, Traits::or);
    let registered = registry.provider(target.provider()).map(|(_, registered)| &registered.traits);
    let vendor = registered.and_then(|traits| traits.vendor.as_deref());
    let of_provider = [registry.traits.get(target.provider()), registered];
    of_provider
        .into_iter()
        .flatten()
        .fold(said, |said, of_provider| said.or(&hosting::of_target(of_provider, vendor, target)))
}

/// # Errors
/// [`ErrorKind::Configuration`] when a weight or a quality is no number of its range.
pub(super) fn check_traits(traits: &Traits) -> Result<()> {
    if traits.weight.is_some_and(|weight| !weight.is_finite() || weight < 0.0) {
        return Err(Error::new(ErrorKind::Configuration, "a weight is a number that is not negative"));
    }
    if traits.quality.is_some_and(|quality| !(0.0..=1.0).contains(&quality)) {
        return Err(Error::new(ErrorKind::Configuration, "a quality is a number from 0 to 1"));
    }
    Ok(())
}

/// What the catalogue knows of `target`.
pub(super) fn describe(inner: &Inner, target: &Target) -> Option<Arc<Model>> {
    known(&inner.registry, &inner.prices.get().catalogue, target.provider(), target.model())
}

/// What the catalogue knows of each target that `model` means.
///
/// # Errors
/// [`ErrorKind::NoRoute`] when the string means nothing.
pub(super) fn descriptions(inner: &Inner, model: &str) -> Result<Vec<Option<Arc<Model>>>> {
    Ok(match inner.registry.resolve(model)? {
        Meaning::Route(route) => {
            let candidates = inner.prices.get().candidates(model, &route.candidates);
            candidates.as_slice().iter().map(|candidate| candidate.model.clone()).collect()
        }
        Meaning::Target(target) => vec![describe(inner, &target)],
    })
}

/// What the catalogue knows of `model` at the provider registered as `name`: what the application said of this provider,
/// completed by what is known of the vendor behind it.
fn known(registry: &Registry, catalogue: &Catalogue, name: &str, model: &str) -> Option<Arc<Model>> {
    let (name, registered) = registry.provider(name)?;
    let priced = registered.priced_model(model);
    let vendors = catalogue.find(&registered.priced_as, priced);
    if name == registered.priced_as && priced == model {
        return vendors;
    }
    match (catalogue.find(name, model).filter(|own| is_own(own)), vendors) {
        (Some(own), Some(vendors)) => Some(Arc::new(completed(&own, &vendors))),
        (own, vendors) => own.or(vendors),
    }
}

/// Did the application say it? A provider may bear the name of another vendor, whose table says nothing about it.
fn is_own(model: &Model) -> bool {
    model.source == PriceSource::Application
}

fn completed(own: &Model, vendors: &Model) -> Model {
    let mut model = own.clone();
    model.mode = if own.mode == Mode::default() { vendors.mode } else { own.mode };
    model.context_window = own.context_window.or(vendors.context_window);
    model.max_input_tokens = own.max_input_tokens.or(vendors.max_input_tokens);
    model.max_output_tokens = own.max_output_tokens.or(vendors.max_output_tokens);
    model.deprecation = own.deprecation.or(vendors.deprecation);
    model.capabilities = Capability::all()
        .filter(|capability| own.supports(*capability) != Support::Unknown)
        .fold(vendors.capabilities, |known, capability| known.with(capability, own.supports(capability)));
    if own.price.is_none() {
        model.price.clone_from(&vendors.price);
        model.source = vendors.source.clone();
    }
    model
}

/// What `usage` costs: by the catalogue, but where the vendor ran tools of its own and says what it charged, by its word,
/// because lists know its tools less well. `None` when the price or the service tier is unknown.
pub(super) fn price(
    model: &Model,
    usage: &Usage,
    at: SystemTime,
    service_tier: Option<&str>,
) -> Option<Cost> {
    if usage.has_hosted_uses()
        && let Some(charged) = account::reported(usage).filter(|charged| charged.total > Usd::ZERO)
    {
        return Some(charged);
    }
    let mut cost = account::cost(usage, model.price.as_ref()?, at, service_tier)?;
    cost.source = model.source.clone();
    Some(cost)
}

/// The candidates of a route, looked up once.
///
/// # Errors
/// [`ErrorKind::Configuration`] when a target is malformed or its provider is not registered.
pub(super) fn prepare(
    registry: &Registry,
    catalogue: &Catalogue,
    route: &str,
    targets: &[RouteTarget],
    tiers: ServiceTiers,
) -> Result<Arc<Candidates>> {
    let in_route =
        |message: &str| Error::new(ErrorKind::Configuration, format!("route {route:?}: {message}"));
    if targets.is_empty() {
        return Err(in_route("it has no targets"));
    }
    let rows: Vec<Candidate> = targets
        .iter()
        .map(|written| match registry.resolve(written.name()).map_err(|error| in_route(error.message()))? {
            Meaning::Target(target) => {
                let said = written.traits().clone();
                check_traits(&said).map_err(|error| in_route(error.message()))?;
                let model = known(registry, catalogue, target.provider(), target.model());
                let mut traits = traits(registry, &target, said);
                traits.quality = traits.quality.or_else(|| measured(registry, &target));
                Ok(on_tier(registry, tiers, Candidate::new(target, model).with_traits(traits)))
            }
            Meaning::Route(_) => Err(in_route("a target is provider/model, not another route")),
        })
        .collect::<Result<_>>()?;
    Ok(Arc::new(Candidates::new(rows)))
}

/// How good benchmarks say that the model is; names that the application gave it are not looked up.
fn measured(registry: &Registry, target: &Target) -> Option<f64> {
    let (_, registered) = registry.provider(target.provider())?;
    Some(quality(registered.priced_model(target.model()))?.value)
}

/// `before`, with what another catalogue knows of the models.
pub(super) fn prepare_again(
    registry: &Registry,
    catalogue: &Catalogue,
    before: &Candidates,
    tiers: ServiceTiers,
) -> Candidates {
    Candidates::new(before.as_slice().iter().map(|before| {
        let mut row = before.clone();
        row.model = known(registry, catalogue, row.target.provider(), row.target.model());
        on_tier(registry, tiers, row)
    }))
}

/// `row`, on the flexible tier where the route allows it, the vendor takes it and its price is known.
fn on_tier(registry: &Registry, tiers: ServiceTiers, row: Candidate) -> Candidate {
    let row = Candidate { service_tier: None, ..row };
    if tiers == ServiceTiers::Usual {
        return row;
    }
    let Some((_, registered)) = registry.provider(row.target.provider()) else { return row };
    let vendor = registered.traits.vendor.as_deref().unwrap_or(&registered.priced_as);
    let price = row.model.as_ref().and_then(|model| model.price.as_ref());
    let is_sold = price.is_some_and(|price| price.service_tiers().any(|tier| tier == FLEX));
    if is_sold && TAKE_FLEX.contains(&vendor) { row.on_tier(FLEX) } else { row }
}

/// Read 2026-11-26: <https://developers.openai.com/api/docs/guides/flex-processing>,
/// <https://learn.microsoft.com/azure/foundry/openai/how-to/flex-processing> and
/// <https://ai.google.dev/gemini-api/docs/flex-inference>. Groq takes it too, at the usual price.
const TAKE_FLEX: [&str; 3] = ["openai", "azure", "google"];

const FLEX: &str = "flex";

/// Every model of the catalogue whose provider is registered.
pub(super) fn callable(inner: &Inner) -> Vec<CallableModel> {
    let mut models = Vec::new();
    let catalogue = &inner.prices.get().catalogue;
    for (name, registered) in &inner.registry.providers {
        let mut rows = catalogue.models_of(&registered.priced_as);
        if *name != registered.priced_as {
            rows.extend(catalogue.models_of(name).into_iter().filter(|own| is_own(own)));
            rows.sort_by(|one, other| one.id.cmp(&other.id));
            rows.dedup_by(|one, other| one.id == other.id);
        }
        let aliases = registered.model_aliases.keys().map(String::as_str);
        models.extend(rows.iter().map(|row| &*row.id).chain(aliases).filter_map(|id| {
            let target = Target::new(name, id).ok()?;
            let model = known(&inner.registry, catalogue, name, id)?;
            Some(CallableModel { target, model })
        }));
    }
    models
}

/// What a policy may know of a chat.
pub(super) fn chat_facts(inner: &Inner, request: &ChatRequest) -> RequestFacts {
    chat_facts_for(inner, request, &request.model)
}

/// The same, where it goes to `model` instead.
pub(super) fn chat_facts_for(inner: &Inner, request: &ChatRequest, model: &str) -> RequestFacts {
    let mut facts = RequestFacts::new(0, inner.clock.wall());
    let need = |capability, facts: &mut RequestFacts| facts.needs = facts.needs.with(capability);
    for part in request.messages.iter().flat_map(|message| &message.parts) {
        match part {
            Part::Image(_) => need(Capability::Vision, &mut facts),
            Part::Audio(_) => need(Capability::AudioIn, &mut facts),
            Part::Video(_) => need(Capability::VideoIn, &mut facts),
            Part::Document(document) => {
                if is_pdf(&document.source) {
                    need(Capability::Pdf, &mut facts);
                }
            }
            Part::Text(_)
            | Part::ToolCall(_)
            | Part::ToolResult(_)
            | Part::Reasoning(_)
            | Part::Refusal(_)
            | Part::Opaque(_) => {}
        }
    }
    if request.tools.iter().any(Tool::is_function) {
        need(Capability::Tools, &mut facts);
    }
    // A model that takes no schema can be asked in another way; of several, those that do come first.
    let may_emulate = request.on_unsupported == OnUnsupported::Warn && !inner.registry.is_route(model);
    if matches!(request.response_format, Some(ResponseFormat::JsonSchema { .. })) && !may_emulate {
        need(Capability::JsonSchema, &mut facts);
    }
    if request.tools.iter().any(|tool| matches!(tool.hosted, Some(Hosted::WebSearch(_)))) {
        need(Capability::WebSearch, &mut facts);
    }
    // An answer that the request begins is continued; a model that cannot would answer it.
    if request.messages.last().is_some_and(|last| last.role == Role::Assistant && !last.text().is_empty()) {
        need(Capability::AssistantPrefill, &mut facts);
    }
    let estimate = TokenEstimate::of_chat(request);
    facts.input_tokens = estimate.expected;
    facts.least_input_tokens = estimate.least;
    count(inner, &mut facts, model, estimate.most, |vocabularies| Counted::chat(request, vocabularies));
    if let Some(limit) = request.max_output_tokens {
        facts.output_tokens = limit.min(facts.output_tokens);
        facts.output_limit = Some(limit);
    }
    facts.answers = request.n.unwrap_or(1).max(1).into();
    facts.service_tier = request.service_tier.as_deref().map(Into::into);
    facts.wants = wanted(request);
    facts.gain = gain(inner, request, model);
    let mut facts = finish_facts(inner, facts, model, request.options.as_deref());
    guard(inner, model, &mut facts, texts_of(request));
    if let Some(route) = inner.registry.routes.get(model) {
        facts.beginning = beginning(request);
        route.memory.recall(&mut facts, || inner.clock.now());
    }
    facts
}

/// The first kilobyte, or a little less: no letter is cut.
fn first_kilobyte(text: &str) -> &str {
    (0..4).find_map(|less| text.get(..1_024 - less)).unwrap_or(text)
}

/// A number for how a long prompt begins: its first two messages, and of each text the first kilobyte and its length.
fn beginning(request: &ChatRequest) -> Option<u64> {
    let texts = || {
        let parts = request.messages.iter().take(2).flat_map(|message| &message.parts);
        parts.filter_map(Part::as_text)
    };
    // No provider caches prompts of less than about a thousand tokens.
    if texts().map(str::len).sum::<usize>() < LEAST_CACHED_BYTES {
        return None;
    }
    Some(texts().fold(0, |known: u64, text| {
        let head = first_kilobyte(text);
        known.rotate_left(5) ^ hash(head) ^ u64::try_from(text.len()).unwrap_or(u64::MAX)
    }))
}

/// What a strong model is expected to gain. Told from the prompt only where the route's policy wants to know.
fn gain(inner: &Inner, request: &ChatRequest, model: &str) -> Option<f64> {
    let Ok(Meaning::Route(route)) = inner.registry.resolve(model) else { return None };
    let escalation = routing::escalation(&*route.policy)?;
    let prompt = review::prompt(request);
    let gain = catch_unwind(AssertUnwindSafe(|| escalation.gain(&prompt)));
    gain.ok().filter(|gain| gain.is_finite())
}

/// What a policy may know of an embedding.
pub(super) fn embed_facts(inner: &Inner, request: &EmbedRequest, model: &str) -> RequestFacts {
    let texts: Vec<&str> = request.inputs.iter().map(String::as_str).collect();
    text_facts(inner, model, &texts, request.options.as_deref())
}

/// What a policy may know of a question about `texts`, each of which must fit the window. What is made of them is not
/// counted in tokens beforehand.
pub(super) fn text_facts(
    inner: &Inner,
    model: &str,
    texts: &[&str],
    options: Option<&CallOptions>,
) -> RequestFacts {
    let estimate = TokenEstimate::of_texts(texts.iter().copied());
    let mut facts = RequestFacts::new(estimate.expected, inner.clock.wall());
    let longest = TokenEstimate::of_texts(texts.iter().copied().max_by_key(|text| text.len()));
    facts.least_input_tokens = longest.least;
    count(inner, &mut facts, model, longest.most, |vocabularies| Counted::texts(texts, vocabularies));
    facts.output_tokens = 0;
    let mut facts = finish_facts(inner, facts, model, options);
    guard(inner, model, &mut facts, texts.iter().copied());
    facts
}

/// What a policy may know of a ranking: the query is read with every document. What is too long for
/// the model is cut by vendors, so that no window is too small.
pub(super) fn rerank_facts(inner: &Inner, request: &RerankRequest, model: &str) -> RequestFacts {
    let texts = request.documents.iter().flat_map(|text| [text.as_str(), request.query.as_str()]);
    let estimate = TokenEstimate::of_texts(texts);
    let mut facts = RequestFacts::new(estimate.expected, inner.clock.wall());
    facts.output_tokens = 0;
    let mut facts = finish_facts(inner, facts, model, request.options.as_deref());
    let texts = request.documents.iter().chain(std::iter::once(&request.query));
    guard(inner, model, &mut facts, texts.map(String::as_str));
    facts
}

/// Counts the prompt in the vocabularies of the targets that `model` means, where that can decide anything: limits are
/// kept, or the prompt, which hardly has more than `most` tokens, may not fit a window. Where they all read with the same
/// one, nothing needs to be guessed.
fn count(
    inner: &Inner,
    facts: &mut RequestFacts,
    model: &str,
    most: u64,
    counted: impl FnOnce(Vec<Vocabulary>) -> Counted,
) {
    // Who cannot count need not look.
    let Some(candidates) = Vocabulary::is_built_in().then(|| meant(inner, model).ok()).flatten() else {
        return;
    };
    let is_tight = || candidates.smallest_window().is_some_and(|window| most > window);
    if inner.gate.is_none() && !is_tight() {
        return;
    }
    let known: Vec<Option<Vocabulary>> = candidates.as_slice().iter().map(Candidate::vocabulary).collect();
    facts.counted = counted(known.iter().flatten().copied().collect());
    let first = known.first().copied().flatten();
    if let Some(estimate) = facts.counted.of(first).filter(|_| known.iter().all(|other| *other == first)) {
        facts.input_tokens = estimate.expected;
    }
}

/// What the request uses and a target may do without.
fn wanted(request: &ChatRequest) -> CapabilitySet {
    let sampling = request.temperature.is_some() || request.top_p.is_some() || request.top_k.is_some();
    [
        (Capability::SamplingParams, sampling),
        (Capability::ToolChoice, request.tool_choice.is_some()),
        (Capability::ParallelTools, request.parallel_tool_calls.is_some()),
        (Capability::Reasoning, request.reasoning.is_some()),
    ]
    .into_iter()
    .filter_map(|(capability, used)| used.then_some(capability))
    .collect()
}

fn finish_facts(
    inner: &Inner,
    mut facts: RequestFacts,
    model: &str,
    options: Option<&CallOptions>,
) -> RequestFacts {
    facts.max_targets = MAX_PLANNED;
    facts.chance = inner.chance();
    if let Some(options) = options {
        facts.stakes = options.stakes;
        if options.sensitivity == Sensitivity::Sensitive {
            facts.sensitivity = Sensitivity::Sensitive;
        }
        facts.preferences.clone_from(&options.preferences);
        facts.session = options.session.as_deref().map(hash);
        facts.labels.tags.clone_from(&options.tags);
        facts.labels.attributes.clone_from(&options.attributes);
    }
    // Where there is nothing to choose, whoever reserves looks.
    if let Some(gate) = &inner.gate
        && inner.registry.routes.get(model).is_some_and(|route| route.candidates.len() > 1)
    {
        facts.budget_left = gate.left(Subject::new(options, Some(model)));
    }
    facts
}

/// Equal for equal texts, on every machine (FNV-1a). It only spreads, and guards nothing.
fn hash(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn is_pdf(source: &MediaSource) -> bool {
    matches!(source, MediaSource::Base64 { media_type, .. } if media_type == "application/pdf")
}

/// More than can be tried, because a target that refuses before sending does not count as tried.
const MAX_PLANNED: usize = 8;

const LEAST_CACHED_BYTES: usize = 4_096;
