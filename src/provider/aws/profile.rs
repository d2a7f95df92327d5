//! Keys in the files of Amazon's command line.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{AssumeRole, KeySource, Keys};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::Exchange;
use crate::types::Secret;

/// A profile of the files `credentials` and `config`: access keys, or a role to be assumed with the keys of another
/// profile: <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-files.html> (read 2026-11-25).
///
/// The files are read whenever keys are needed anew, so that a tool that renews them is heard. Profiles that sign in
/// (`sso_session`, `credential_process`, `web_identity_token_file`) are not read here: pass their keys by a [`KeySource`]
/// of your own.
#[derive(Clone)]
pub struct Profile {
    name: String,
    credentials: PathBuf,
    config: PathBuf,
}

impl Profile {
    /// The profile `name` in the files at these paths. A file that is missing is empty.
    pub fn new(name: impl Into<String>, credentials: impl Into<PathBuf>, config: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), credentials: credentials.into(), config: config.into() }
    }

    fn read(&self) -> Result<Sections> {
        let mut sections = Sections::default();
        sections.add(&text(&self.config)?);
        sections.add(&text(&self.credentials)?);
        Ok(sections)
    }
}

impl fmt::Debug for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Profile({})", self.name)
    }
}

#[async_trait]
impl KeySource for Profile {
    async fn fetch(&self, exchange: Exchange<'_>) -> Result<Keys> {
        match self.read()?.resolve(&self.name, 0)? {
            Means::Keys(keys) => Ok(keys),
            Means::Role(role) => role.fetch(exchange).await,
        }
    }
}

fn text(path: &Path) -> Result<String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Error::new(
            ErrorKind::Authentication,
            format!("the file of AWS profiles cannot be read: {}", error.kind()),
        )),
    }
}

/// What a profile comes to.
enum Means {
    Keys(Keys),
    Role(AssumeRole),
}

/// Profiles by name, each with its settings; later files win.
#[derive(Default)]
struct Sections(BTreeMap<String, BTreeMap<String, String>>);

impl Sections {
    fn add(&mut self, text: &str) {
        let mut current: Option<String> = None;
        for line in text.lines() {
            let line = line.trim();
            if line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(head) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
                let name = head.trim();
                current = Some(name.strip_prefix("profile ").unwrap_or(name).trim().to_owned());
            } else if let (Some(name), Some((key, value))) = (&current, line.split_once('=')) {
                let section = self.0.entry(name.clone()).or_default();
                section.insert(key.trim().to_ascii_lowercase(), value.trim().to_owned());
            }
        }
    }

    fn resolve(&self, name: &str, depth: u8) -> Result<Means> {
        let missing = |what: &str| {
            Err(Error::new(ErrorKind::Authentication, format!("the AWS profile {name:?} {what}")))
        };
        let Some(section) = self.0.get(name) else { return missing("is in neither of its files") };
        let get = |key: &str| section.get(key).filter(|value| !value.is_empty());
        if let Some(role) = get("role_arn") {
            let Some(source) = get("source_profile") else {
                return missing(
                    "names a role but no source_profile; pass its keys by a KeySource of your own",
                );
            };
            // A profile may name itself: its own keys assume its role.
            let base = if source == name {
                keys(section).map(Means::Keys).map_or_else(|| missing("names itself but has no keys"), Ok)?
            } else if depth < MOST_ROLES {
                self.resolve(source, depth + 1)?
            } else {
                return missing("leads from role to role without end");
            };
            let base: Box<dyn KeySource> = match base {
                Means::Keys(keys) => Box::new(keys),
                Means::Role(role) => Box::new(role),
            };
            let mut assumed = AssumeRole::new(role.as_str(), base);
            if let Some(region) = get("region") {
                assumed = assumed.region(region.as_str());
            }
            if let Some(session) = get("role_session_name") {
                assumed = assumed.session_name(session.as_str());
            }
            if let Some(external) = get("external_id") {
                assumed = assumed.external_id(external.as_str());
            }
            return Ok(Means::Role(assumed));
        }
        match keys(section) {
            Some(keys) => Ok(Means::Keys(keys)),
            None => missing("has no access keys; sign-ins and processes are not read, pass their keys"),
        }
    }
}

fn keys(section: &BTreeMap<String, String>) -> Option<Keys> {
    let get = |key: &str| section.get(key).filter(|value| !value.is_empty());
    let keys = Keys::new(get("aws_access_key_id")?.as_str(), get("aws_secret_access_key")?.as_str());
    Some(match get("aws_session_token") {
        Some(token) => keys.session_token(Secret::new(token.as_str())),
        None => keys,
    })
}

/// A role that assumes a role that assumes … is one mistake away from a circle.
const MOST_ROLES: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str, name: &str) -> Result<Means> {
        let mut sections = Sections::default();
        sections.add(text);
        sections.resolve(name, 0)
    }

    #[test]
    fn a_profile_has_keys() {
        let text = "# c\n[default]\naws_access_key_id = A\naws_secret_access_key=s=1\n\n[profile dev]\nregion = eu-west-1\n\
                    aws_access_key_id = B\naws_secret_access_key = t\naws_session_token = u\n";

        let Ok(Means::Keys(default)) = resolve(text, "default") else { panic!("no keys") };
        let Ok(Means::Keys(dev)) = resolve(text, "dev") else { panic!("no keys") };

        assert_eq!((&*default.id, default.secret.expose(), default.session.is_none()), ("A", "s=1", true));
        assert_eq!((&*dev.id, dev.session.as_ref().map(Secret::expose)), ("B", Some("u")));
    }

    #[test]
    fn a_profile_may_be_a_role_of_another() {
        let text = "[base]\naws_access_key_id=A\naws_secret_access_key=s\n[profile app]\nrole_arn=arn:aws:iam::1:role/x\n\
                    source_profile=base\n[profile self]\nrole_arn=r\nsource_profile=self\naws_access_key_id=A\n\
                    aws_secret_access_key=s\n";

        assert!(matches!(resolve(text, "app"), Ok(Means::Role(_))));
        assert!(matches!(resolve(text, "self"), Ok(Means::Role(_))));
    }

    #[test]
    fn what_is_missing_is_said_without_showing_keys() {
        let text = "[half]\naws_access_key_id=A\n[loop]\nrole_arn=r\nsource_profile=loop2\n[loop2]\nrole_arn=r\n\
                    source_profile=loop\n[alone]\nrole_arn=r\n[sso]\nsso_session=x\n";
        for name in ["nobody", "half", "loop", "alone", "sso"] {
            let Err(error) = resolve(text, name) else { panic!("{name} means something") };
            assert_eq!(error.kind(), ErrorKind::Authentication);
            assert!(error.message().contains(&format!("{name:?}")) || name == "loop", "{error}");
        }
    }
}
