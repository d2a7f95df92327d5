//! Whom the examples talk to: real vendors where a key is set, fake ones on this machine otherwise.

use std::collections::BTreeMap;

use polyroute::catalog::{Capability, Mode, Support};
use polyroute::provider::vendor;
use polyroute::testing::Sandbox;
use polyroute::{Client, ClientBuilder, Result, Settings, Usage, Usd};

pub(crate) struct Stage {
    /// A builder that knows the vendors.
    pub(crate) builder: ClientBuilder,
    /// `provider/model`, in the order to try them.
    pub(crate) models: Vec<String>,
    /// The fake vendors, to script; `None` when the real ones are asked.
    pub(crate) sandbox: Option<Sandbox>,
}

/// Real vendors if one of their key variables is set, otherwise fake ones that answer for `models`.
pub(crate) async fn stage(models: &[&str]) -> Result<Stage> {
    if a_key_is_set() {
        let builder = Client::builder().vendors_from_env();
        let models = affordable(&Client::from_env()?);
        println!("A key is set: asking the real vendors, which costs a fraction of a cent.");
        println!("Models: {}\n", models.join(", "));
        return Ok(Stage { builder, models, sandbox: None });
    }
    println!("No vendor's key is set: asking fake vendors on this machine (polyroute::testing::Sandbox).");
    println!("Model names and prices are real; answers and token counts are made up. To ask the real");
    println!("ones, set OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY or another key of the README.\n");
    let sandbox = Sandbox::start().await?;
    let mut vendors: Vec<&str> = models.iter().filter_map(|model| model.split('/').next()).collect();
    vendors.sort_unstable();
    vendors.dedup();
    let builder = vendors.into_iter().fold(Client::builder(), |builder, name| {
        let settings = Settings::vendor(name).api_key("no-key").base_url(sandbox.vendor(name).url());
        builder.vendor(settings)
    });
    let models = models.iter().map(ToString::to_string).collect();
    Ok(Stage { builder, models, sandbox: Some(sandbox) })
}

fn a_key_is_set() -> bool {
    vendor::ALL
        .iter()
        .filter(|vendor| vendor.chat.is_some() && !vendor.base_url.is_empty())
        .flat_map(|vendor| vendor.key_env)
        .any(|variable| std::env::var_os(variable).is_some_and(|key| !key.is_empty()))
}

/// The cheapest current model of each vendor with tools, JSON schemas and reasoning, cheapest first.
fn affordable(client: &Client) -> Vec<String> {
    let mut best: BTreeMap<String, (Usd, String)> = BTreeMap::new();
    for callable in client.models() {
        let (target, model) = (callable.target, callable.model);
        let needs = [Capability::Tools, Capability::JsonSchema, Capability::Reasoning];
        let Some(cost) = client.cost_of(&target, &Usage::of(1_000, 500)) else { continue };
        if model.mode != Mode::Chat
            || model.deprecation.is_some()
            || needs.iter().any(|need| model.supports(*need) != Support::Yes)
            || cost.total == Usd::ZERO
        {
            continue;
        }
        let entry = (cost.total, target.to_string());
        let known = best.entry(target.provider().to_owned()).or_insert_with(|| entry.clone());
        *known = entry.min(known.clone());
    }
    let mut models: Vec<_> = best.into_values().collect();
    models.sort();
    models.into_iter().map(|(_, model)| model).collect()
}
