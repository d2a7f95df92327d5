//! The signature, version 4: <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
//! (read 2026-11-25).

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::{digest, hmac};
use http::{HeaderValue, header};
use url::Url;

use super::Keys;
use crate::catalog::Date;
use crate::error::{Error, ErrorKind, Result};
use crate::transport::HttpRequest;

/// Adds the date, the session token and the signature to `request`. Its path is written the strict way first, so that what
/// is signed does not depend on who decodes it.
pub(super) fn sign(
    request: &mut HttpRequest,
    keys: &Keys,
    region: &str,
    service: &str,
    at: SystemTime,
) -> Result<()> {
    let path = strict_path(&request.url);
    request.url.set_path(&path);
    let time = timestamp(at);
    request.headers.insert("x-amz-date", value(&time)?);
    if let Some(session) = &keys.session {
        let mut token = value(session.expose())?;
        token.set_sensitive(true);
        request.headers.insert("x-amz-security-token", token);
    }
    let (canonical, signed) = canonical(request, &encode(&path, Slash::Kept))?;
    let day = time.get(..8).unwrap_or_default();
    let scope = format!("{day}/{region}/{service}/aws4_request");
    let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hash(canonical.as_bytes()));
    let secret = format!("AWS4{}", keys.secret.expose()).into_bytes();
    let steps = [day, region, service, "aws4_request"];
    let key = steps.iter().fold(secret, |key, step| mac(&key, step.as_bytes()));
    let signature = hex(&mac(&key, text.as_bytes()));
    let id = &keys.id;
    let proof =
        format!("AWS4-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={signed}, Signature={signature}");
    let mut proof = value(&proof)?;
    proof.set_sensitive(true);
    request.headers.insert(header::AUTHORIZATION, proof);
    Ok(())
}

/// What is signed, and the names of the headers in it. Only those are signed that say what is asked of whom; whatever a
/// proxy may add or change on the way is left out.
fn canonical(request: &HttpRequest, path: &str) -> Result<(String, String)> {
    let host = request.url.host_str().unwrap_or_default();
    let host = match request.url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    let mut headers = vec![("host", host)];
    for name in SIGNED {
        if let Some(value) = request.headers.get(name) {
            let text = value.to_str().map_err(|_| unsendable())?;
            headers.push((name, text.split_ascii_whitespace().collect::<Vec<_>>().join(" ")));
        }
    }
    headers.sort();
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let mut text = format!("{}\n{path}\n{}\n", request.method, query(&request.url));
    for (name, value) in &headers {
        let _ = writeln!(text, "{name}:{value}");
    }
    let _ = write!(text, "\n{names}\n{}", hash(&request.body));
    Ok((text, names))
}

const SIGNED: [&str; 3] = ["content-type", "x-amz-date", "x-amz-security-token"];

/// Sorted, every name and value encoded.
fn query(url: &Url) -> String {
    let mut pairs: Vec<(String, String)> = url
        .query_pairs()
        .map(|(name, value)| (encode(&name, Slash::Encoded), encode(&value, Slash::Encoded)))
        .collect();
    pairs.sort();
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The path with everything encoded that may be.
fn strict_path(url: &Url) -> String {
    let segments = url.path().trim_start_matches('/').split('/');
    let segments: Vec<String> =
        segments.map(|segment| encode_bytes(&decode(segment), Slash::Encoded)).collect();
    format!("/{}", segments.join("/"))
}

/// Takes percent-encoding off. What is no such encoding stays.
fn decode(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().iter();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(&byte) = bytes.next() {
        let pair = bytes.as_slice().first_chunk::<2>().filter(|_| byte == b'%');
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match pair.and_then(|[high, low]| Some(digit(*high)? * 16 + digit(*low)?)) {
            Some(whole) => {
                decoded.push(whole);
                bytes.nth(1);
            }
            None => decoded.push(byte),
        }
    }
    decoded
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slash {
    Encoded,
    Kept,
}

fn encode(text: &str, slash: Slash) -> String {
    encode_bytes(text.as_bytes(), slash)
}

fn encode_bytes(bytes: &[u8], slash: Slash) -> String {
    let mut encoded = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(*byte));
            }
            b'/' if slash == Slash::Kept => encoded.push('/'),
            other => {
                let _ = write!(encoded, "%{other:02X}");
            }
        }
    }
    encoded
}

/// `20150830T123600Z`.
fn timestamp(at: SystemTime) -> String {
    let day = Date::of(at).to_string().replace('-', "");
    let seconds = at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() % 86_400;
    format!("{day}T{:02}{:02}{:02}Z", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

fn hash(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| unsendable())
}

fn unsendable() -> Error {
    Error::new(
        ErrorKind::Authentication,
        "an access key or session token holds a character no header can carry; copy it again",
    )
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;
    use http::{HeaderMap, Method};

    use super::*;

    /// 2015-08-30T12:36:00Z.
    fn then() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_440_938_160)
    }

    fn signed(
        method: Method,
        url: &str,
        headers: &[(&'static str, &str)],
        body: &'static str,
    ) -> HttpRequest {
        let mut map = HeaderMap::new();
        for (name, text) in headers {
            map.insert(*name, HeaderValue::from_str(text).unwrap());
        }
        let mut request =
            HttpRequest::new(method, url.parse().unwrap(), map, Bytes::from_static(body.as_bytes()));
        let keys = Keys::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY");
        sign(&mut request, &keys, "us-east-1", "service", then()).unwrap();
        request
    }

    fn authorization(request: &HttpRequest) -> &str {
        request.headers[header::AUTHORIZATION].to_str().unwrap()
    }

    /// The examples of AWS's test suite for signature version 4, as AWS keeps it at
    /// <https://github.com/awslabs/aws-c-auth/tree/main/tests/aws-signing-test-suite/v4> (read 2026-11-26; there, the form has
    /// more headers signed than here, and its signature here is that of the suite's older edition).
    #[test]
    #[expect(clippy::type_complexity, reason = "a table of examples")]
    fn published_examples_are_signed_as_published() {
        let form = [("content-type", "application/x-www-form-urlencoded")];
        let cases: [(&str, Method, &str, &[(&'static str, &str)], &'static str, &str, &str); 7] = [
            (
                "get-vanilla",
                Method::GET,
                "",
                &[],
                "",
                "host;x-amz-date",
                "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
            ),
            (
                "get-vanilla-query-order-key-case",
                Method::GET,
                "?Param2=value2&Param1=value1",
                &[],
                "",
                "host;x-amz-date",
                "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
            ),
            (
                "get-unreserved",
                Method::GET,
                "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                &[],
                "",
                "host;x-amz-date",
                "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
            ),
            (
                "get-vanilla-query-unreserved",
                Method::GET,
                "?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=\
                  -._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
                &[],
                "",
                "host;x-amz-date",
                "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197",
            ),
            (
                "get-vanilla-utf8-query",
                Method::GET,
                "?\u{1234}=bar",
                &[],
                "",
                "host;x-amz-date",
                "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04",
            ),
            (
                "post-vanilla",
                Method::POST,
                "",
                &[],
                "",
                "host;x-amz-date",
                "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
            ),
            (
                "post-x-www-form-urlencoded",
                Method::POST,
                "",
                &form,
                "Param1=value1",
                "content-type;host;x-amz-date",
                "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
            ),
        ];
        for (name, method, rest, headers, body, names, signature) in cases {
            let request = signed(method, &format!("https://example.amazonaws.com/{rest}"), headers, body);

            assert_eq!(
                authorization(&request),
                format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
                     SignedHeaders={names}, Signature={signature}"
                ),
                "{name}"
            );
            assert_eq!(request.headers["x-amz-date"], "20150830T123600Z");
            assert!(request.headers[header::AUTHORIZATION].is_sensitive());
        }
    }

    /// `get-vanilla-with-session-token` of the same suite.
    #[test]
    fn a_session_token_is_signed_as_published() {
        let url = "https://example.amazonaws.com/".parse().unwrap();
        let mut request = HttpRequest::new(Method::GET, url, HeaderMap::new(), Bytes::new());
        let keys = Keys::new("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
            .session_token("6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267");
        sign(&mut request, &keys, "us-east-1", "service", then()).unwrap();

        let signature = "Signature=07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8";
        assert!(authorization(&request).ends_with(signature), "{}", authorization(&request));
    }

    #[test]
    fn a_models_name_is_written_the_strict_way_before_it_is_signed() {
        let host = "https://bedrock-runtime.eu-central-1.amazonaws.com";
        for (given, sent) in [
            ("/model/eu.anthropic.claude-x-v1:0/converse", "/model/eu.anthropic.claude-x-v1%3A0/converse"),
            ("/model/arn:aws:x%2Fa/converse", "/model/arn%3Aaws%3Ax%2Fa/converse"),
            ("/model/a%25b/converse", "/model/a%25b/converse"),
        ] {
            let request = signed(Method::POST, &format!("{host}{given}"), &[], "{}");
            assert_eq!(request.url.path(), sent);
        }
    }

    #[test]
    fn method_path_body_and_date_are_all_signed() {
        let url = "https://example.amazonaws.com/a";
        let first = signed(Method::POST, url, &[], "{}");
        for other in [
            signed(Method::GET, url, &[], "{}"),
            signed(Method::POST, "https://example.amazonaws.com/b", &[], "{}"),
            signed(Method::POST, "https://example.amazonaws.com:8443/a", &[], "{}"),
            signed(Method::POST, url, &[], "{ }"),
            signed(Method::POST, url, &[("content-type", "application/json")], "{}"),
        ] {
            assert_ne!(authorization(&first), authorization(&other));
        }
        assert_eq!(
            authorization(&first),
            authorization(&signed(Method::POST, url, &[("accept", "*/*")], "{}"))
        );
    }

    #[test]
    fn a_session_token_is_sent_and_signed() {
        let url = "https://example.amazonaws.com/".parse().unwrap();
        let mut request = HttpRequest::new(Method::POST, url, HeaderMap::new(), Bytes::new());
        let keys = Keys::new("id", "secret-CANARY").session_token("session-CANARY");
        sign(&mut request, &keys, "us-east-1", "bedrock", then()).unwrap();

        assert!(authorization(&request).contains("SignedHeaders=host;x-amz-date;x-amz-security-token, "));
        assert_eq!(request.headers["x-amz-security-token"], "session-CANARY");
        assert!(!format!("{:?} {keys:?}", request.headers).contains("CANARY"));
    }
}
