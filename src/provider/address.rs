//! Where a vendor is: addresses with a part that is the application's own.

use std::borrow::Cow;

use super::settings::{Environment, Settings};
use super::vendor::Vendor;
use crate::error::{Error, ErrorKind, Result};

/// What stands in a vendor's address for the application's own part.
const RESOURCE: &str = "{resource}";

/// What stands in it for the region.
const REGION: &str = "{region}";

/// Can the address be told without the application?
pub(crate) fn is_known(vendor: &Vendor, environment: &Environment) -> bool {
    if vendor.resource_field.is_some() && environment.first(vendor.resource_env).is_none() {
        return false;
    }
    environment.first(vendor.base_url_env.as_slice()).is_some()
        || !(vendor.base_url.is_empty()
            || vendor.base_url.contains(RESOURCE) && environment.first(vendor.resource_env).is_none()
            || vendor.base_url.contains(REGION) && environment.first(vendor.region_env).is_none())
}

/// What requests name as the application's own part of the vendor, where the address does not.
///
/// # Errors
/// [`ErrorKind::Configuration`] when it is not known, or is no name.
pub(super) fn resource(
    vendor: &Vendor,
    settings: &Settings,
    environment: &Environment,
) -> Result<Option<String>> {
    let Some(field) = vendor.resource_field else { return Ok(None) };
    let known = environment.first(vendor.resource_env).map(|resource| resource.expose().to_owned());
    let Some(resource) = settings.resource.clone().or(known) else {
        let variables = vendor.resource_env.join(" or ");
        return Err(Error::new(
            ErrorKind::Configuration,
            format!("requests need a {field}: give .resource(..), or set {variables}"),
        ));
    };
    fill(RESOURCE, RESOURCE, &resource).map(Some)
}

/// The address that paths are below. `elsewhere` is the address of the format spoken, if it is not the usual one.
///
/// # Errors
/// [`ErrorKind::Configuration`] when it is not known, or the resource would change more than its place in it.
pub(super) fn base_url(
    vendor: &Vendor,
    elsewhere: Option<&str>,
    settings: &Settings,
    environment: &Environment,
) -> Result<String> {
    let refuse = |message: String| Err(Error::new(ErrorKind::Configuration, message));
    let template = match elsewhere {
        Some(elsewhere) => Cow::Borrowed(elsewhere),
        None => in_region(vendor, settings, environment)?,
    };
    let template = &*template;
    let has_resource = template.contains(RESOURCE);
    // A resource that requests name is none of the address's.
    let resource = settings.resource.as_ref().filter(|_| vendor.resource_field.is_none());
    match (&settings.base_url, resource) {
        (Some(_), _) if settings.region.is_some() => {
            return refuse("give .base_url(..) or .region(..), not both".to_owned());
        }
        (Some(_), Some(_)) => return refuse("give .base_url(..) or .resource(..), not both".to_owned()),
        (Some(url), None) if url.is_empty() => return refuse("it needs .base_url(..)".to_owned()),
        (Some(url), None) => return Ok(url.clone()),
        (None, Some(_)) if !has_resource => {
            return refuse("its address has no resource in it; leave .resource(..) out".to_owned());
        }
        (None, Some(resource)) => return with_region(vendor, fill(template, RESOURCE, resource)?),
        (None, None) => {}
    }
    if let Some(url) = environment.first(vendor.base_url_env.as_slice()) {
        let url = url.expose().trim_end_matches('/');
        if (has_resource || vendor.base_url.contains(REGION)) && !has_path(url) {
            let scheme = if url.contains("://") { "" } else { "https://" };
            return Ok(format!("{scheme}{url}{}", path_of(template)));
        }
        if elsewhere.is_some() {
            return refuse(format!(
                "{} is the address of another format; give .base_url(..) for this one",
                vendor.base_url_env.unwrap_or_default()
            ));
        }
        return Ok(url.to_owned());
    }
    if let Some(resource) = environment.first(vendor.resource_env).filter(|_| has_resource) {
        return with_region(vendor, fill(template, RESOURCE, resource.expose())?);
    }
    if has_resource {
        let variables: Vec<&str> = vendor.resource_env.iter().copied().chain(vendor.base_url_env).collect();
        return refuse(format!("give .resource(..) or .base_url(..), or set {}", variables.join(" or ")));
    }
    if template.is_empty() {
        let variable = vendor.base_url_env.map(|name| format!(" or {name}")).unwrap_or_default();
        return refuse(format!("it needs .base_url(..){variable}"));
    }
    with_region(vendor, template.to_owned())
}

/// The vendor's address in the region that is named, if it is named already.
fn in_region(vendor: &Vendor, settings: &Settings, environment: &Environment) -> Result<Cow<'static, str>> {
    let has_region = vendor.base_url.contains(REGION);
    let named = match &settings.region {
        Some(_) if !has_region => {
            return Err(Error::new(
                ErrorKind::Configuration,
                "its address has no region in it; leave .region(..) out",
            ));
        }
        Some(region) => Some(region.clone()),
        None => environment.first(vendor.region_env).map(|region| region.expose().to_owned()),
    };
    let Some(region) = named.filter(|_| has_region && settings.base_url.is_none()) else {
        return Ok(Cow::Borrowed(vendor.base_url));
    };
    let own = vendor.regions.iter().find(|(name, _)| *name == region);
    fill(own.map_or(vendor.base_url, |(_, address)| address), REGION, &region).map(Cow::Owned)
}

/// An address in which a region is still missing is none.
fn with_region(vendor: &Vendor, address: String) -> Result<String> {
    if !address.contains(REGION) {
        return Ok(address);
    }
    Err(Error::new(
        ErrorKind::Configuration,
        format!("give .region(..), or set {}", vendor.region_env.join(" or ")),
    ))
}

/// Only what cannot end a host name or a path segment goes in.
fn fill(template: &str, place: &str, name: &str) -> Result<String> {
    let is_plain = (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if is_plain {
        return Ok(template.replace(place, name));
    }
    let what = if place == REGION { "region" } else { "resource" };
    Err(Error::new(
        ErrorKind::Configuration,
        format!("the {what} is not 1 to 63 letters, digits and hyphens; it is a name, not an address"),
    ))
}

fn after_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

fn has_path(url: &str) -> bool {
    after_scheme(url).contains('/')
}

fn path_of(url: &str) -> &str {
    let rest = after_scheme(url);
    rest.find('/').and_then(|start| rest.get(start..)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AZURE: Vendor = Vendor {
        name: "azure",
        base_url: "https://{resource}.example.com/openai/v1",
        base_url_env: Some("ENDPOINT"),
        resource_env: &["RESOURCE"],
        ..Vendor::PLAIN
    };

    fn of(settings: &Settings, pairs: &[(&str, &str)]) -> Result<String> {
        base_url(&AZURE, None, settings, &Environment::of(pairs.iter().copied()))
    }

    #[test]
    fn a_resource_that_would_leave_its_place_is_refused_and_not_shown() {
        let long = "a".repeat(64);
        for bad in
            ["", "x#", "x/../", "x@evil", "x.evil.com/", "x:80", "x?y", "x\\y", "ü", "x y", "%2e", &long]
        {
            for error in [
                of(&Settings::vendor("azure").resource(bad), &[]).unwrap_err(),
                of(&Settings::vendor("azure"), &[("RESOURCE", bad)]).unwrap_err(),
            ] {
                assert_eq!(error.kind(), ErrorKind::Configuration, "{bad}");
                assert!(bad.len() < 3 || !error.to_string().contains(bad), "{bad}: {error}");
            }
        }
        let good = of(&Settings::vendor("azure").resource("My-Resource-1"), &[]).unwrap();

        assert_eq!(good, "https://My-Resource-1.example.com/openai/v1");
    }

    #[test]
    fn an_address_from_the_environment_gets_the_usual_path_unless_it_has_one() {
        let settings = Settings::vendor("azure");
        for (given, expected) in [
            ("https://a.example.com", "https://a.example.com/openai/v1"),
            ("https://a.example.com/", "https://a.example.com/openai/v1"),
            ("a.example.com", "https://a.example.com/openai/v1"),
            ("https://proxy.example.com/azure/v1", "https://proxy.example.com/azure/v1"),
        ] {
            assert_eq!(of(&settings, &[("ENDPOINT", given)]).unwrap(), expected);
        }
        assert_eq!(of(&settings, &[("RESOURCE", "a")]).unwrap(), "https://a.example.com/openai/v1");
    }

    #[test]
    fn nothing_is_guessed() {
        let both = Settings::vendor("azure").resource("a").base_url("https://b.example.com/v1");

        assert!(of(&both, &[]).unwrap_err().message().contains("not both"));
        assert!(of(&Settings::vendor("azure"), &[]).unwrap_err().message().contains("RESOURCE or ENDPOINT"));
        let plain = Vendor { base_url: "https://api.example.com/v1", ..Vendor::PLAIN };
        let resource = Settings::vendor("plain").resource("a");
        assert!(base_url(&plain, None, &resource, &Environment::default()).is_err());
    }

    #[test]
    fn another_formats_address_is_not_taken_from_the_variable_of_the_usual_one() {
        let vendor = Vendor {
            base_url: "https://api.example.com/v1",
            base_url_env: Some("ENDPOINT"),
            ..Vendor::PLAIN
        };
        let settings = Settings::vendor("plain");
        let elsewhere = Some("https://api.example.com/anthropic/v1");
        let set = Environment::of([("ENDPOINT", "https://eu.example.com/v1")]);

        assert!(base_url(&vendor, elsewhere, &settings, &set).unwrap_err().message().contains("ENDPOINT"));
        let unset = Environment::of([("OTHER", "x")]);
        assert_eq!(Some(&*base_url(&vendor, elsewhere, &settings, &unset).unwrap()), elsewhere);
    }
}
