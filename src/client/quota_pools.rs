//! Which targets share what a key is allowed, as the application says.

use super::registry::Registry;
use crate::error::{Error, ErrorKind, Result};
use crate::types::Target;

/// The pools with every provider by its own name.
///
/// # Errors
/// [`ErrorKind::Configuration`] when a name is none of a provider or of a target of one, is in two pools, or stands for a
/// provider with another number of keys than the rest of its pool.
pub(super) fn check(registry: &Registry, pools: Vec<Vec<String>>) -> Result<Vec<Vec<String>>> {
    let refuse = |name: &str, why: &str| {
        Err(Error::new(ErrorKind::Configuration, format!("quota_pool([.., {name:?}, ..]): {why}")))
    };
    let mut taken: Vec<String> = Vec::new();
    let mut checked = Vec::with_capacity(pools.len());
    for pool in pools {
        let mut keys = None;
        let mut own_names = Vec::with_capacity(pool.len());
        for name in pool {
            let (provider, model) = match name.split_once('/') {
                Some((provider, model)) => (provider, Some(model)),
                None => (&*name, None),
            };
            let Some((own, registered)) = registry.provider(provider) else {
                return refuse(&name, "there is no such provider");
            };
            let own = match model.map(|model| Target::new(own, model)) {
                None => own.to_owned(),
                Some(Ok(target)) => target.to_string(),
                Some(Err(error)) => return refuse(&name, error.message()),
            };
            if taken.contains(&own) {
                return refuse(&name, "it is in a pool already");
            }
            if *keys.get_or_insert(registered.provider.keys()) != registered.provider.keys() {
                return refuse(&name, "its provider has another number of keys than the others");
            }
            taken.push(own.clone());
            own_names.push(own);
        }
        checked.push(own_names);
    }
    Ok(checked)
}
