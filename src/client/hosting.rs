//! Who runs a vendor's machines, as far as its name and address say.

use std::net::IpAddr;

use url::{Host, Url};

use crate::provider::{KeyStyle, Vendor};
use crate::routing::{DataPolicy, Family, Hosting, Traits, Weights};
use crate::types::Target;

/// What follows from the vendor and the `address` that requests really go to, whether code, the environment or the vendor
/// gave it: aggregators pass requests on to others, and a local server on this machine or in its own network is the
/// application's own.
pub(super) fn traits_of(vendor: &Vendor, address: &Url) -> Traits {
    let traits = Traits::new();
    if AGGREGATORS.contains(&vendor.name) {
        return traits.aggregator();
    }
    let is_local = vendor.key == KeyStyle::OptionalBearer && vendor.base_url.starts_with("http://localhost");
    if is_local && is_own_network(address) { traits.self_hosted() } else { traits }
}

/// What is known of a provider's targets, as far as it is true of `target` too. Ollama's server passes the models whose tag
/// ends in `cloud` on to its vendor: <https://docs.ollama.com/cloud> (read 2026-11-26). A vendor that sells its own models, or
/// open ones, passes on what only its maker's and the great clouds' machines run: Perplexity and DeepInfra sell
/// `anthropic/claude-…`.
pub(super) fn of_target(provider: &Traits, vendor: Option<&str>, target: &Target) -> Traits {
    let mut traits = provider.clone();
    let model = target.model().to_ascii_lowercase();
    let is_passed_on = vendor == Some("ollama") && model.ends_with("cloud");
    if is_passed_on && provider.hosting == Hosting::SelfHosted {
        // What holds of the machines at home holds of no others.
        traits.hosting = Hosting::default();
        traits.regions.clear();
        if provider.data == DataPolicy::ZeroRetention {
            traits.data = DataPolicy::default();
        }
    }
    if vendor.is_some() && provider.hosting == Hosting::default() && is_closed_and_somebodys(&model) {
        traits.hosting = Hosting::Aggregator;
    }
    traits
}

/// Is it `maker/model`, of a family whose weights nobody else has?
fn is_closed_and_somebodys(model: &str) -> bool {
    let name = model.rsplit_once('/').map(|(_, name)| name);
    name.and_then(Family::of).is_some_and(|family| family.weights == Weights::Closed)
}

/// Names are not looked up: one that leads to a private address now may lead elsewhere when it is used.
fn is_own_network(address: &Url) -> bool {
    match address.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => is_own_address(ip.into()),
        Some(Host::Ipv6(ip)) => is_own_address(ip.into()),
        None => false,
    }
}

fn is_own_address(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    }
}

const AGGREGATORS: [&str; 6] =
    ["huggingface", "litellm_proxy", "openrouter", "portkey", "tokenmix", "vercel_ai_gateway"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::vendor;

    fn hosting(vendor: &str, address: &str) -> Hosting {
        traits_of(vendor::find(vendor).unwrap(), &Url::parse(address).unwrap()).hosting
    }

    #[test]
    fn a_local_server_is_ones_own_where_its_address_is() {
        for own in [
            "http://localhost:11434/v1",
            "http://gpu.localhost/v1",
            "http://127.0.0.1/v1",
            "http://10.1.2.3/v1",
            "http://172.31.0.1/v1",
            "https://192.168.0.9/v1",
            "http://[::1]/v1",
            "http://[fd00::1]/v1",
            "http://[::ffff:10.0.0.1]/v1",
        ] {
            assert_eq!(hosting("ollama", own), Hosting::SelfHosted, "{own}");
            assert_eq!(hosting("vllm", own), Hosting::SelfHosted, "{own}");
            assert_ne!(hosting("openai", own), Hosting::SelfHosted, "a mirror may lead anywhere");
        }
        for elsewhere in [
            "https://ollama.com/v1",
            "https://localhost.example.com/v1",
            "https://notlocalhost/v1",
            "https://8.8.8.8/v1",
            "https://172.32.0.1/v1",
            "http://169.254.169.254/v1",
            "http://[2606:4700::1111]/v1",
            "http://[::ffff:8.8.8.8]/v1",
        ] {
            assert_ne!(hosting("ollama", elsewhere), Hosting::SelfHosted, "{elsewhere}");
            assert_ne!(hosting("lmstudio", elsewhere), Hosting::SelfHosted, "{elsewhere}");
        }
    }

    #[test]
    fn closed_models_of_others_are_passed_on_and_open_ones_are_not() {
        let of = |vendor: &str, model: &str| {
            of_target(&Traits::new(), Some(vendor), &Target::new(vendor, model).unwrap()).hosting
        };

        for (vendor, model) in [
            ("perplexity", "anthropic/claude-fable-5"),
            ("deepinfra", "google/gemini-2.5-flash"),
            ("deepinfra", "anthropic/claude-4-opus"),
        ] {
            assert_eq!(of(vendor, model), Hosting::Aggregator, "{vendor}/{model}");
        }
        for (vendor, model) in [
            ("groq", "openai/gpt-oss-20b"),
            ("deepinfra", "google/gemma-3-27b-it"),
            ("openai", "gpt-6-luna"),
            ("anthropic", "claude-haiku-4-5"),
            ("together", "meta-llama/llama-4"),
        ] {
            assert_eq!(of(vendor, model), Hosting::default(), "{vendor}/{model}");
        }
    }

    #[test]
    fn models_that_a_local_server_passes_on_are_not_ones_own() {
        let own = Traits::new().self_hosted().region("eu");
        let of = |model: &str| of_target(&own, Some("ollama"), &Target::new("ollama", model).unwrap());

        assert_eq!(of("gpt-oss:120b"), own);
        for cloud in ["gpt-oss:120b-cloud", "glm-4.6:cloud"] {
            assert_eq!(of(cloud), Traits::new(), "{cloud}");
        }
        let said = own.clone().data(DataPolicy::Retains);
        let target = Target::new("ollama", "glm-4.6:cloud").unwrap();
        assert_eq!(of_target(&said, Some("ollama"), &target).data, DataPolicy::Retains);
    }
}
