//! Who runs a vendor's machines, as far as its name says.

use url::{Host, Url};

use crate::provider::{KeyStyle, Settings, Vendor};
use crate::routing::Traits;

/// What follows from the vendor: aggregators pass requests on to others, and a local server on this machine is the
/// application's own.
pub(super) fn traits_of(vendor: &Vendor, settings: &Settings) -> Traits {
    let traits = Traits::new();
    if AGGREGATORS.contains(&vendor.name) {
        return traits.aggregator();
    }
    let address = settings.base_url.as_deref().unwrap_or(vendor.base_url);
    let is_local = vendor.key == KeyStyle::OptionalBearer && vendor.base_url.starts_with("http://localhost");
    if is_local && is_loopback(address) { traits.self_hosted() } else { traits }
}

/// An address that the environment gives is not looked at: it may lead anywhere, and then the application has to say so.
fn is_loopback(address: &str) -> bool {
    match Url::parse(address).ok().as_ref().and_then(Url::host) {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

const AGGREGATORS: [&str; 6] =
    ["huggingface", "litellm_proxy", "openrouter", "portkey", "tokenmix", "vercel_ai_gateway"];
