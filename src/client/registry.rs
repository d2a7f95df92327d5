//! Which names mean what.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::memory::RouteMemory;
use super::shadow::Shadows;
use crate::error::{Error, ErrorKind, Result};
use crate::provider::{KeyStyle, Provider, Vendor, vendor};
use crate::resilience::Endpoint;
use crate::routing::{Candidates, RoutingPolicy, SensitiveData, ServiceTiers, Traits};
use crate::types::{Preferences, Target};

/// Providers and routes by name.
#[derive(Debug, Default)]
pub(super) struct Registry {
    pub(super) providers: BTreeMap<String, Registered>,
    /// Other names of providers.
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) routes: BTreeMap<String, PreparedRoute>,
    /// What the application says of providers and of single targets.
    pub(super) traits: BTreeMap<String, Traits>,
}

/// A provider and the name its models are priced under.
#[derive(Clone, Debug)]
pub(super) struct Registered {
    pub(super) provider: Arc<dyn Provider>,
    pub(super) priced_as: String,
    /// The application's own names of models, and what the catalogue calls them.
    pub(super) model_aliases: BTreeMap<String, String>,
    /// What is known of all its targets.
    pub(super) traits: Traits,
}

impl Registered {
    /// The name that the catalogue has for `model`.
    pub(super) fn priced_model<'a>(&'a self, model: &'a str) -> &'a str {
        self.model_aliases.get(model).map_or(model, String::as_str)
    }
}

/// A route whose targets have been looked up.
#[derive(Clone, Debug)]
pub(super) struct PreparedRoute {
    pub(super) policy: Arc<dyn RoutingPolicy>,
    pub(super) candidates: Arc<Candidates>,
    /// The records of the candidates, in their order.
    pub(super) endpoints: Arc<[Arc<Endpoint>]>,
    pub(super) preferences: Option<Arc<Preferences>>,
    pub(super) sensitive: SensitiveData,
    pub(super) tiers: ServiceTiers,
    pub(super) memory: Arc<RouteMemory>,
    /// What savings are measured against.
    pub(super) reference: Option<Target>,
    pub(super) shadows: Arc<Shadows>,
}

/// What a model string means.
pub(super) enum Meaning<'a> {
    Route(&'a PreparedRoute),
    Target(Target),
}

impl Registry {
    /// The provider of this name or alias, with its own name.
    pub(super) fn provider(&self, name: &str) -> Option<(&str, &Registered)> {
        let known = self.providers.get_key_value(name);
        known
            .or_else(|| self.providers.get_key_value(self.aliases.get(name)?))
            .map(|(name, registered)| (name.as_str(), registered))
    }

    /// What `model` means: a route's name, or `provider/model` of a registered provider.
    ///
    /// # Errors
    /// [`ErrorKind::NoRoute`] with near matches.
    pub(super) fn resolve(&self, model: &str) -> Result<Meaning<'_>> {
        if let Some(route) = self.routes.get(model) {
            return Ok(Meaning::Route(route));
        }
        let Some((provider, rest)) = model.split_once('/') else {
            return Err(self.unknown(model, ""));
        };
        match self.provider(provider) {
            Some((own, _)) => Target::new(own, rest)
                .map(Meaning::Target)
                .map_err(|error| Error::new(ErrorKind::InvalidRequest, error.message().to_owned())),
            None => Err(self.unknown_provider(provider, model)),
        }
    }

    /// Is `name` that of a route?
    pub(super) fn is_route(&self, name: &str) -> bool {
        self.routes.contains_key(name)
    }

    pub(super) fn route_names(&self) -> Vec<&str> {
        self.routes.keys().map(String::as_str).collect()
    }

    pub(super) fn provider_names(&self) -> Vec<&str> {
        self.providers.keys().map(String::as_str).collect()
    }

    fn unknown_provider(&self, provider: &str, model: &str) -> Error {
        match vendor::find(provider) {
            Some(vendor) if vendor.base_url.is_empty() || vendor.chat.is_none() => self.unknown(
                model,
                &format!(
                    "; {} is not registered, add .vendor(Settings::compatible({:?}, \"https://...\")) if it speaks \
                     chat completions, or a provider of your own",
                    vendor.title, vendor.name
                ),
            ),
            Some(vendor) if vendor.key == KeyStyle::OptionalBearer => self.unknown(
                model,
                &format!(
                    "; {} is not registered, add .vendor(Settings::vendor({:?})), which needs no key, or \
                     .discover_local().await",
                    vendor.title, vendor.name
                ),
            ),
            Some(vendor) => self.unknown(
                model,
                &format!(
                    "; {} is not registered, set {} or add .vendor(Settings::vendor({:?}){}.api_key(..))",
                    vendor.title,
                    variables(vendor),
                    vendor.name,
                    if vendor.resource_env.is_empty() { "" } else { ".resource(..)" },
                ),
            ),
            None => {
                let reason = vendor::absent(provider).map(|reason| format!("; {reason}"));
                self.unknown(model, &reason.unwrap_or_default())
            }
        }
    }

    fn unknown(&self, model: &str, advice: &str) -> Error {
        let near = self.near(model);
        let mut message = format!("{} names no route and no provider/model", shown(model));
        message.push_str(advice);
        if !near.is_empty() {
            message.push_str("; did you mean ");
            message.push_str(&near.join(" or "));
            message.push('?');
        } else if advice.is_empty() {
            if !model.contains('/') {
                message.push_str("; a model is written with its provider, such as openai/gpt-5");
            }
            message.push_str(&format!(
                "; the providers are [{}], the routes are [{}]",
                self.provider_names().join(", "),
                self.route_names().join(", ")
            ));
        }
        Error::new(ErrorKind::NoRoute, message)
    }

    /// At most three names close to `model`, closest first. Nothing is close to what may not be printed: a suggestion
    /// repeats half of it.
    fn near(&self, model: &str) -> Vec<String> {
        if !is_printable(model) {
            return Vec::new();
        }
        let (provider, rest) = model.split_once('/').unwrap_or(("", model));
        let mut scored: Vec<(usize, String)> = Vec::new();
        let mut compare = |wanted: &str, known: &str, name: &dyn Fn() -> String| {
            let distance = strsim::damerau_levenshtein(wanted, known);
            if distance <= 1 + wanted.len() / 5 {
                scored.push((distance, name()));
            }
        };
        for route in self.routes.keys() {
            compare(model, route, &|| route.clone());
        }
        for name in self.providers.keys() {
            if !provider.is_empty() {
                compare(provider, name, &|| format!("{name}/{rest}"));
            }
        }
        for route in self.routes.values() {
            for candidate in route.candidates.as_slice() {
                compare(rest, candidate.target.model(), &|| candidate.target.to_string());
            }
        }
        scored.sort();
        scored.dedup_by(|left, right| left.1 == right.1);
        scored.into_iter().take(3).map(|(_, name)| name).collect()
    }
}

/// What to set in the environment for `vendor`.
fn variables(vendor: &Vendor) -> String {
    let key = vendor.key_env.join(" or ");
    let resource = vendor.resource_env.first().copied().unwrap_or_default();
    [key.as_str(), resource].into_iter().filter(|name| !name.is_empty()).collect::<Vec<_>>().join(" and ")
}

/// The string as it may be printed.
fn shown(model: &str) -> String {
    if is_printable(model) { format!("{model:?}") } else { "the model string".to_owned() }
}

/// Somebody who swaps the arguments passes a prompt for a model, and a prompt is never printed. Scripts without spaces
/// between words have no characters that a name needs.
fn is_printable(model: &str) -> bool {
    model.len() <= LONGEST_NAME && model.bytes().all(|byte| byte.is_ascii_graphic())
}

const LONGEST_NAME: usize = 80;
