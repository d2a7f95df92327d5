//! What services that give out tokens answer.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::Token;
use super::http::read_whole;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::HttpResponse;

/// Reads what a token service answers: <https://datatracker.ietf.org/doc/html/rfc6749#section-5> (read 2026-11-25).
/// `service` is its name, and `refused` says what to do when it says no.
pub(super) async fn read_token(
    response: HttpResponse,
    now: SystemTime,
    service: &str,
    refused: Refused,
) -> Result<Token> {
    #[derive(Deserialize)]
    struct Answer {
        access_token: String,
        expires_in: u64,
    }
    /// IBM's names stand beside those of the standard.
    #[derive(Default, Deserialize)]
    struct Denial {
        #[serde(alias = "errorCode")]
        error: Option<String>,
        #[serde(alias = "errorMessage")]
        error_description: Option<String>,
    }
    let status = response.status;
    let body = read_whole(response.body, LARGEST_ANSWER).await?;
    if status != 200 {
        let denial: Denial = serde_json::from_slice(&body).unwrap_or_default();
        let code = denial.error.unwrap_or_default();
        let sentence = denial.error_description.unwrap_or_default();
        let (kind, what) = match status {
            429 | 500.. => (ErrorKind::from_status(status), format!("{service} failed")),
            _ => (ErrorKind::Authentication, refused(&sentence).to_owned()),
        };
        let error = Error::new(kind, what).with_status(status).with_provider_code(&code);
        return Err(error.with_provider_message(sentence));
    }
    let answer: Answer = serde_json::from_slice(&body)
        .map_err(|_| Error::new(ErrorKind::InvalidResponse, format!("{service} answered without a token")))?;
    // A day at most: a token that is said to be good for years is not believed.
    let life = Duration::from_secs(answer.expires_in.min(86_400));
    Ok(Token::new(answer.access_token).expires(now + life))
}

/// What to do about a refusal with this sentence.
pub(super) type Refused = fn(&str) -> &'static str;

const LARGEST_ANSWER: usize = 1 << 16;
