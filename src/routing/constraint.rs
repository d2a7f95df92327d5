//! Hard constraints, applied before any policy. Each knows its name and says why it removes a target.

use std::borrow::Cow;
use std::sync::Arc;

use super::candidates::{has, without};
use super::family::Family;
use super::tags::Wanted;
use super::{Candidate, Candidates, DataPolicy, Distillable, Hosting, LiveFacts};
use super::{RequestFacts, Shortlist};
use crate::catalog::{Capability, Charge, Rate};
use crate::types::{
    DataCollection, Fallbacks, MaxPrice, Preferences, Rejected, Sensitivity, Strictness, Usd, ZeroRetention,
};

/// What a request demands of every target, whatever the policy.
#[derive(Debug)]
pub(super) struct Constraints<'a> {
    pub(super) facts: &'a RequestFacts,
    pub(super) candidates: &'a Candidates,
    pub(super) live: &'a dyn LiveFacts,
    /// The call's own before its route's. Both hold.
    pub(super) preferences: [Option<&'a Preferences>; 2],
    /// Those of the routes that sent the call here. They hold as well.
    pub(super) before: &'a [Arc<Preferences>],
}

/// Why a target is removed.
#[derive(Clone, Debug)]
struct Violation {
    constraint: &'static str,
    reason: Cow<'static, str>,
}

impl Violation {
    fn new(constraint: &'static str, reason: impl Into<Cow<'static, str>>) -> Self {
        Self { constraint, reason: reason.into() }
    }
}

impl<'a> Constraints<'a> {
    /// What is left, and what was removed by which constraint.
    pub(super) fn apply(&self) -> (Shortlist<'a>, Vec<Rejected>) {
        let left = self.able();
        let rejected = self.rejected(&left);
        (left, rejected)
    }

    fn wishes(&self) -> impl Iterator<Item = &Preferences> {
        self.preferences.iter().flatten().copied().chain(self.before.iter().map(|before| &**before))
    }

    /// Is it enough to look at what the models can do, and where they run?
    fn are_plain(&self) -> bool {
        self.wishes().next().is_none() && self.facts.budget_left.is_none() && !self.candidates.plain.tagged
    }

    /// Those that can serve the request and may, by bits as far as that goes, and then one by one.
    fn able(&self) -> Shortlist<'a> {
        let all = || Shortlist::all(self.candidates, self.live);
        let is_sensitive = self.facts.sensitivity == Sensitivity::Sensitive;
        let able = if self.candidates.all_can(self.facts) && !is_sensitive {
            all()
        } else {
            let mut bits = self.candidates.able(self.facts);
            if is_sensitive {
                without(&mut bits, &self.candidates.away);
            }
            Shortlist::of_bits(self.candidates, self.live, bits)
        };
        if self.are_plain() {
            return able;
        }
        let wanted = self.wanted_tags();
        able.narrowed(|position| {
            self.candidates
                .get(position)
                .is_some_and(|candidate| self.violation(candidate, &wanted).is_none())
        })
    }

    fn wanted_tags(&self) -> Wanted {
        Wanted::new(&self.facts.labels.tags, self.candidates)
    }

    /// Those that are not in `kept`, with the reason.
    fn rejected(&self, kept: &Shortlist<'_>) -> Vec<Rejected> {
        let removed = self.candidates.len() - kept.len();
        if removed == 0 {
            return Vec::new();
        }
        let wanted = self.wanted_tags();
        // A decision is recorded for every call; when everything was removed, all of it is needed to say why.
        let most = if kept.is_empty() { removed } else { MOST_RECORDED };
        let positions = kept.removed(most);
        let unable: Vec<_> = self.candidates.unable(self.facts.needs).collect();
        let mut rejected = Vec::with_capacity(positions.len());
        rejected.extend(positions.into_iter().filter_map(|position| {
            let candidate = self.candidates.get(position)?;
            let missing = unable.iter().find(|(_, bits)| has(bits, position));
            let violation = match missing {
                Some((missing, _)) => Violation::new("capability", lacks(*missing)),
                None => self.violation(candidate, &wanted)?,
            };
            Some(Rejected::new(candidate.target.clone(), violation.constraint, violation.reason))
        }));
        rejected
    }

    /// The first constraint that `candidate` fails.
    fn violation(&self, candidate: &Candidate, wanted: &Wanted) -> Option<Violation> {
        self.inability(candidate)
            .or_else(|| self.wishes().find_map(|wish| self.unwanted(candidate, wish)))
            .or_else(|| self.leak(candidate))
            .or_else(|| {
                let reason = wanted.refuses(&candidate.traits.tags)?;
                Some(Violation::new("tags", reason))
            })
            .or_else(|| self.overdraft(candidate))
    }

    fn inability(&self, candidate: &Candidate) -> Option<Violation> {
        let model = candidate.model.as_ref()?;
        if let Some(missing) = model.capabilities.lacking(self.facts.needs).first() {
            return Some(Violation::new("capability", lacks(missing)));
        }
        match model.context_window {
            Some(window) if self.facts.least_tokens(candidate.vocabulary()) > window => Some(Violation::new(
                "context_window",
                format!("the prompt does not fit its window of {window} tokens"),
            )),
            _ => None,
        }
    }

    /// Sensitive data stays at home.
    fn leak(&self, candidate: &Candidate) -> Option<Violation> {
        let away = candidate.traits.hosting != Hosting::SelfHosted;
        (self.facts.sensitivity == Sensitivity::Sensitive && away)
            .then(|| Violation::new("sensitive", "the data is sensitive and the target is not self-hosted"))
    }

    fn overdraft(&self, candidate: &Candidate) -> Option<Violation> {
        let left = self.facts.budget_left?;
        // A target without a known price is left to whoever reserves.
        let cost = candidate.expected_cost(self.facts)?;
        (cost > left).then(|| Violation::new("budget", format!("it would cost {cost} and {left} is left")))
    }

    fn unwanted(&self, candidate: &Candidate, wish: &Preferences) -> Option<Violation> {
        let traits = &candidate.traits;
        let forbidden = || Violation::new("only", "it is not among those allowed");
        if !wish.only.is_empty() && !names(&wish.only, candidate) {
            return Some(forbidden());
        }
        if names(&wish.ignore, candidate) {
            return Some(Violation::new("ignore", "it is to be ignored"));
        }
        if wish.allow_fallbacks == Fallbacks::Forbidden
            && !wish.order.is_empty()
            && !names(&wish.order, candidate)
        {
            return Some(Violation::new("allow_fallbacks", "only the targets in `order` may be tried"));
        }
        if wish.require_parameters == Strictness::Strict
            && let Some(violation) = self.unproven(candidate)
        {
            return Some(violation);
        }
        if wish.data_collection == DataCollection::Deny {
            match traits.data {
                DataPolicy::Retains | DataPolicy::ZeroRetention => {}
                DataPolicy::Collects => {
                    return Some(Violation::new("data_collection", "it collects prompts"));
                }
                DataPolicy::Unknown => {
                    return Some(Violation::new(
                        "data_collection",
                        "nobody said that it does not collect prompts",
                    ));
                }
            }
        }
        if wish.zdr == ZeroRetention::Required && traits.data != DataPolicy::ZeroRetention {
            return Some(Violation::new("zdr", "nobody said that it keeps nothing"));
        }
        if wish.enforce_distillable_text == Strictness::Strict && traits.distillable != Some(Distillable::Yes)
        {
            return Some(Violation::new(
                "enforce_distillable_text",
                "nobody said that its answers may train other models",
            ));
        }
        if !wish.quantizations.is_empty() && !wish.quantizations.contains(&traits.quantization) {
            return Some(Violation::new(
                "quantizations",
                "its weights are not stored in a way that is allowed",
            ));
        }
        if !wish.residency.is_empty() && !traits.is_within(&wish.residency) {
            let reason = if traits.regions.is_empty() {
                Cow::Borrowed("nobody said where it processes prompts")
            } else {
                Cow::Owned(format!("it processes prompts in {}", traits.regions.join(" and ")))
            };
            return Some(Violation::new("residency", reason));
        }
        if traits.hosting == Hosting::Aggregator && !wish.direct_only.is_empty() {
            let makers = makers(candidate);
            match makers.iter().any(|maker| any_is(&wish.direct_only, maker)) {
                false if !makers.is_empty() => {}
                true => {
                    return Some(Violation::new(
                        "direct_only",
                        "models of this maker do not go through an aggregator",
                    ));
                }
                false => {
                    return Some(Violation::new(
                        "direct_only",
                        "it goes through an aggregator, and nobody said who made the model",
                    ));
                }
            }
        }
        self.too_dear(candidate, wish)
    }

    /// Something the request uses, or may answer with, that nobody says the target supports.
    fn unproven(&self, candidate: &Candidate) -> Option<Violation> {
        let used = self.facts.needs.union(self.facts.wants);
        let model = candidate.model.as_ref();
        let unproven = model.map_or(used, |model| model.capabilities.unproven(used));
        if let Some(missing) = unproven.iter().next() {
            let reason = format!("it is not known to support {}", missing.as_str());
            return Some(Violation::new("require_parameters", reason));
        }
        let longest = model.and_then(|model| model.max_output_tokens);
        match (self.facts.output_limit, longest) {
            (Some(asked), Some(longest)) if asked > longest => Some(Violation::new(
                "require_parameters",
                format!("its answers have at most {longest} tokens and {asked} are asked for"),
            )),
            _ => None,
        }
    }

    fn too_dear(&self, candidate: &Candidate, wish: &Preferences) -> Option<Violation> {
        if let Some(most) = wish.max_cost {
            match candidate.expected_cost(self.facts) {
                Some(cost) if cost <= most => {}
                Some(cost) => {
                    let reason = format!("it would cost {cost}, more than {most}");
                    return Some(Violation::new("max_cost", reason));
                }
                None => return Some(Violation::new("max_cost", "its price is unknown")),
            }
        }
        if wish.max_price.is_unlimited() {
            return None;
        }
        let price = candidate.model.as_ref().and_then(|model| model.price.as_ref());
        let card = price.and_then(|price| {
            price.card(self.facts.input_tokens, self.facts.at, candidate.tier_of(self.facts))
        });
        let Some(card) = card else {
            return Some(Violation::new("max_price", "its price is unknown"));
        };
        let MaxPrice { prompt, completion, request, image, audio } = &wish.max_price;
        let input = card.rate(Charge::Input);
        // What has no rate of its own is charged as text, whose ceiling is checked apart.
        let checks = [
            ("prompt", prompt, input, Unlisted::Unknown),
            ("completion", completion, card.rate(Charge::Output), Unlisted::Unknown),
            ("request", request, card.rate(Charge::PerRequest), Unlisted::Free),
            ("image", image, card.rate(Charge::ImageIn), Unlisted::Free),
            ("audio", audio, card.rate(Charge::AudioIn), Unlisted::Free),
        ];
        checks.into_iter().find_map(|(kind, most, rate, unlisted)| {
            let most = (*most)?;
            let dear = match (rate, unlisted) {
                (Some(rate), _) => above(rate, most),
                (None, Unlisted::Unknown) => true,
                (None, Unlisted::Free) => false,
            };
            let shown = rate.map_or_else(|| "an unknown price".to_owned(), |rate| format!("${rate}"));
            dear.then(|| {
                Violation::new("max_price", format!("it charges {shown} per {kind}, more than {most}"))
            })
        })
    }
}

/// What a rate means that a price does not list.
#[derive(Clone, Copy)]
enum Unlisted {
    Unknown,
    Free,
}

fn above(rate: Rate, most: Usd) -> bool {
    i128::from(rate.pico()) > most.pico()
}

/// Written out once, because a decision that leaves many models out is made for every call.
fn lacks(missing: Capability) -> Cow<'static, str> {
    Cow::Borrowed(match missing {
        Capability::Tools => "the model has no tools",
        Capability::Vision => "the model has no vision",
        Capability::Pdf => "the model has no pdf",
        Capability::AudioIn => "the model has no audio_in",
        Capability::JsonSchema => "the model has no json_schema",
        other => return Cow::Owned(format!("the model has no {}", other.as_str())),
    })
}

/// Does the list name this target, its provider, or the vendor behind the provider?
pub(super) fn names(list: &[String], candidate: &Candidate) -> bool {
    place(list, candidate).is_some()
}

/// Where the list names this target, its provider, or the vendor behind the provider.
pub(super) fn place(list: &[String], candidate: &Candidate) -> Option<usize> {
    list.iter().position(|name| candidate.is_named(name))
}

/// Who may have made the model: what was said, or every part of an aggregator's name for it, which may name another
/// reseller first, and what the name of its family says. An aggregator's own names, such as `openrouter/auto`, stand for
/// models of anybody.
fn makers(candidate: &Candidate) -> Vec<String> {
    if let Some(said) = candidate.traits.maker.as_deref() {
        return vec![said.to_owned()];
    }
    let provider = candidate.traits.vendor.as_deref().unwrap_or(candidate.target.provider());
    let model = candidate.target.model().to_ascii_lowercase();
    let (heads, name) = model.rsplit_once('/').unwrap_or(("", &model));
    // Bedrock puts regions and makers before a dot.
    let names = std::iter::once(name).chain(name.split('.'));
    let families: Vec<String> = names.filter_map(|name| Some(Family::of(name)?.maker.to_owned())).collect();
    let heads =
        heads.split('/').filter(|head| !head.is_empty() && *head != provider && *head != "openrouter");
    heads.map(str::to_owned).chain(families).collect()
}

fn any_is(list: &[String], name: &str) -> bool {
    list.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// One sentence that names the constraint that removed each target; of very many the first, and the sum of the rest.
pub(super) fn explanation(rejected: &[Rejected]) -> String {
    let mut text = String::from("no target can serve the request (");
    for (place, rejected) in rejected.iter().take(MOST_EXPLAINED).enumerate() {
        if place > 0 {
            text.push_str("; ");
        }
        text.push_str(&format!("{}: {} [{}]", rejected.target, rejected.reason, rejected.constraint));
    }
    let rest = rejected.get(MOST_EXPLAINED..).unwrap_or_default();
    if !rest.is_empty() {
        let mut counts = std::collections::BTreeMap::new();
        for rejected in rest {
            *counts.entry(&*rejected.constraint).or_insert(0_usize) += 1;
        }
        let counts: Vec<String> = counts.iter().map(|(name, count)| format!("{count} by {name}")).collect();
        text.push_str(&format!("; and {} more: {}", rest.len(), counts.join(", ")));
    }
    text.push(')');
    text
}

/// So many removed targets are written into the decision of a call that had others.
const MOST_RECORDED: usize = 32;

/// So many removed targets are written out in an error; the others are counted.
const MOST_EXPLAINED: usize = 40;
