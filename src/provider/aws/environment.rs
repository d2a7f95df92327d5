//! Keys in the usual variables: <https://docs.aws.amazon.com/cli/latest/userguide/cli-configure-envvars.html>
//! (read 2026-11-25).

use std::path::PathBuf;

use super::{KeySource, Keys, Profile, SigV4};
use crate::error::{Error, ErrorKind, Result};
use crate::provider::Environment;

impl SigV4 {
    /// For Bedrock, as Amazon's command line would: the region of `AWS_REGION` or `AWS_DEFAULT_REGION`; the keys of
    /// `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`, else of the profile `AWS_PROFILE` or
    /// `default`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when there is no region, only half a key, or no place where the profiles could be.
    pub fn from_environment(environment: &Environment) -> Result<Self> {
        let refuse = |message: &'static str| Error::new(ErrorKind::Configuration, message);
        let region = environment.first(&["AWS_REGION", "AWS_DEFAULT_REGION"]);
        let region =
            region.ok_or_else(|| refuse("set AWS_REGION, or name the region with SigV4::bedrock(..)"))?;
        Self::bedrock(region.expose(), source(environment)?)
    }
}

fn source(environment: &Environment) -> Result<Box<dyn KeySource>> {
    let refuse = |message: &'static str| Error::new(ErrorKind::Configuration, message);
    let id = environment.first(&["AWS_ACCESS_KEY_ID"]);
    let secret = environment.first(&["AWS_SECRET_ACCESS_KEY"]);
    match (id, secret) {
        (Some(id), Some(secret)) => {
            let keys = Keys::new(id.expose(), secret);
            return Ok(Box::new(match environment.first(&["AWS_SESSION_TOKEN"]) {
                Some(token) => keys.session_token(token),
                None => keys,
            }));
        }
        (None, None) => {}
        _ => {
            return Err(refuse(
                "one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set without the other",
            ));
        }
    }
    let path = |variable: &str, file: &str| {
        let named = environment.first(&[variable]).map(|path| PathBuf::from(path.expose()));
        let home = || environment.first(&["HOME", "USERPROFILE"]);
        named.or_else(|| Some(PathBuf::from(home()?.expose()).join(".aws").join(file)))
    };
    let files = path("AWS_SHARED_CREDENTIALS_FILE", "credentials").zip(path("AWS_CONFIG_FILE", "config"));
    let (credentials, config) = files.ok_or_else(|| {
        refuse("there are no AWS keys in the environment, and no home directory where profiles could be")
    })?;
    let name = environment.first(&["AWS_PROFILE"]);
    let name = name.as_ref().map_or("default", |name| name.expose());
    Ok(Box::new(Profile::new(name, credentials, config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_variables_are_read_and_half_a_key_is_refused() {
        let build = |pairs: &[(&str, &str)]| SigV4::from_environment(&Environment::of(pairs.iter().copied()));
        let (region, id, secret) =
            (("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "CANARY"));

        assert!(build(&[region, id, secret]).is_ok());
        assert!(build(&[region, ("HOME", "/nowhere"), ("AWS_PROFILE", "dev")]).is_ok());
        for (pairs, word) in [
            (&[id, secret][..], "AWS_REGION"),
            (&[region, id], "AWS_SECRET_ACCESS_KEY"),
            (&[region], "home"),
            (&[("AWS_REGION", "x@evil"), id, secret], "region"),
        ] {
            let error = build(pairs).unwrap_err();
            assert!(error.kind() == ErrorKind::Configuration && error.message().contains(word), "{error}");
            assert!(!format!("{error:?}").contains("CANARY"));
        }
    }
}
