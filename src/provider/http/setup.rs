//! What a vendor's constant and the application's settings come to.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use crate::error::{Error, ErrorKind, Result};
use crate::protocol::Protocol;
use crate::provider::settings::Settings;
use crate::provider::vendor::{KeyStyle, Vendor};
use crate::provider::{Credential, Habits, Prefill};
use crate::types::{Secret, Wire};

/// What the application said of the address, if it said part of it.
pub(super) fn placed(vendor: &Vendor, settings: &Settings) -> Option<&'static str> {
    let has_region = vendor.base_url.contains("{region}");
    match (settings.base_url.is_some(), vendor.base_url.contains("{resource}"), has_region) {
        (true, ..) | (false, false, false) => None,
        (false, true, true) => Some("are the project in .resource(..) and the .region(..) right?"),
        (false, true, false) => Some("is the .resource(..) right?"),
        (false, false, true) => Some("is the .region(..) right?"),
    }
}

/// A format as the vendor speaks it.
pub(super) struct Spoken {
    pub(super) chat: Option<&'static dyn Protocol>,
    /// Its address, if it has one of its own.
    pub(super) base_url: Option<&'static str>,
    pub(super) key: KeyStyle,
    pub(super) headers: &'static [(&'static str, &'static str)],
}

/// The formats of some models: those of the application before the vendor's. Who chose a format for all chose it for these.
pub(super) fn families(
    vendor: &'static Vendor,
    settings: &Settings,
) -> Result<Vec<(String, &'static dyn Protocol)>> {
    let own = settings.model_wires.iter().map(|(model, wire)| {
        let spoken = spoken(vendor, Some(*wire))?;
        let usual = spoken.base_url.is_none() && spoken.key == vendor.key && spoken.headers == vendor.headers;
        match spoken.chat.filter(|_| usual) {
            Some(chat) => Ok((model.clone(), chat)),
            None => Err(Error::new(
                ErrorKind::Configuration,
                format!("{wire} has another address or key there; register it once more with .name(..) and .speak(..)"),
            )),
        }
    });
    let vendors = vendor.families.iter().filter(|_| settings.wire.is_none());
    own.chain(vendors.map(|(model, chat)| Ok(((*model).to_owned(), *chat)))).collect()
}

/// The format asked for, or the vendor's usual one.
pub(super) fn spoken(vendor: &'static Vendor, wire: Option<Wire>) -> Result<Spoken> {
    let usual = Spoken { chat: vendor.chat, base_url: None, key: vendor.key, headers: vendor.headers };
    let Some(wire) = wire else { return Ok(usual) };
    let families = vendor.families.iter().map(|(_, chat)| *chat);
    let mut here = vendor.chat.into_iter().chain(families).chain(vendor.also.iter().copied());
    if let Some(chat) = here.find(|chat| chat.wire() == wire) {
        return Ok(Spoken { chat: Some(chat), ..usual });
    }
    let elsewhere = vendor.elsewhere.iter().find(|elsewhere| elsewhere.chat.wire() == wire);
    elsewhere
        .map(|elsewhere| Spoken {
            chat: Some(elsewhere.chat),
            base_url: elsewhere.base_url,
            key: elsewhere.key,
            headers: elsewhere.headers,
        })
        .ok_or_else(|| {
            let names: Vec<&str> = vendor.formats().map(|chat| chat.wire().as_str()).collect();
            Error::new(
                ErrorKind::Configuration,
                format!("{} does not speak {wire}; it speaks {}", vendor.name, names.join(", ")),
            )
        })
}

/// What is known of the vendor, as far as it holds for the format that is spoken.
pub(super) fn habits(vendor: &Vendor, chat: Option<&'static dyn Protocol>) -> Habits {
    let wire = chat.map(Protocol::wire);
    let usual = wire == vendor.chat.map(Protocol::wire);
    match wire {
        // <https://platform.claude.com/docs/en/api/messages> (read 2026-11-23); Converse passes messages on as they are.
        Some(Wire::Messages | Wire::Converse) if usual => vendor.habits.prefill(Prefill::LastMessage),
        _ if usual => vendor.habits,
        _ => vendor.habits.prefill(Prefill::Unknown),
    }
}

pub(super) fn fixed_headers(
    vendor: &str,
    fixed: &'static [(&'static str, &'static str)],
    settings: &Settings,
    credential: Option<&Credential>,
) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in fixed {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    for (name, value) in &settings.headers {
        let bad =
            |_| Error::new(ErrorKind::Configuration, format!("a header given to {vendor} cannot be sent"));
        let name = HeaderName::try_from(name.as_str()).map_err(|_| bad(()))?;
        let mut value = HeaderValue::try_from(value.as_str()).map_err(|_| bad(()))?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    if let Some(credential) = credential {
        headers.insert(credential.header().clone(), credential.value().clone());
    }
    Ok(headers)
}

pub(super) fn secrets<'a>(settings: &Settings, keys: impl Iterator<Item = &'a Credential>) -> Arc<[Secret]> {
    let own =
        settings.headers.iter().map(|(_, value)| value.split_once(' ').map_or(&**value, |(_, key)| key));
    // Shorter values are words like a region's name, and would only make holes in sentences.
    let own = own.filter(|value| value.len() >= 8).map(Secret::from);
    keys.map(|credential| credential.secret().clone()).chain(own).collect()
}
