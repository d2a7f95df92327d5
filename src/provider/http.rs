//! Any protocol over any transport.

use std::borrow::Cow;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::future::{Either, select};
use futures::stream::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use url::Url;

use super::address;
use super::credential::scrub;
use super::events::{Events, Head};
use super::media;
use super::settings::{Environment, Limits, Settings, parse_base_url};
use super::signer::{Exchange, Signer};
use super::vendor::{KeyStyle, Vendor};
use super::{
    Ask, BatchCall, BatchResult, Call, Credential, EmbedCall, Habits, Prefill, Provider, RerankCall,
};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Phase, Result};
use crate::protocol::fit::{Restore, fit};
use crate::protocol::{
    BatchWire, EmbedLimit, EmbedProtocol, EncodeFor, Encoded, Framing, Mode, Path, Procedure, Protocol,
    RawAnswer, RerankProtocol, WireFailure,
};
use crate::transport::{self, Body, GuardedFetcher, HttpRequest, HttpResponse, Transport};
use crate::types::{
    Adaptation, BatchState, ChatRequest, EmbedReply, ImageReply, ImageRequest, ModerationReply,
    ModerationRequest, RateLimits, Reply, ReplyFacts, ReplyStream, RerankReply, Secret, SpeechReply,
    SpeechRequest, StreamEvent, TranscriptReply, TranscriptRequest, Usage, Wire,
};

/// A vendor over HTTP: its constant, an address, a key and a transport.
pub struct HttpProvider {
    chat: Option<&'static dyn Protocol>,
    /// The formats of some models, by the beginning of their names.
    families: Vec<(String, &'static dyn Protocol)>,
    embed: Option<&'static dyn EmbedProtocol>,
    rerank: Option<&'static dyn RerankProtocol>,
    /// The vendor, for what it does at its usual address beside these; `None` at the address of another format.
    usual: Option<&'static Vendor>,
    name: String,
    base: Url,
    /// Of the address, with its port.
    host: String,
    /// The address of the path that never changes; most vendors have one.
    fixed: OnceLock<(&'static str, Url)>,
    /// Everything a request's head says, for each way of answering.
    headers: HeaderMap,
    stream_headers: HeaderMap,
    /// Keys that take turns with the one among the headers.
    further_keys: Vec<Credential>,
    /// What must not come back in an error: the keys, and the values of the application's own headers.
    secrets: Arc<[Secret]>,
    /// Proves who asks, where that is no constant.
    signer: Option<Arc<dyn Signer>>,
    /// The last few secrets it used, which must not come back either.
    issued: Mutex<Vec<Secret>>,
    limits: Limits,
    /// What requests name as the application's own.
    resource: Option<String>,
    /// Fetches what the vendor does not, where that is allowed.
    fetcher: Option<GuardedFetcher>,
    request_limit: Option<usize>,
    /// What to look at when the address or the account is wrong.
    placed: Option<&'static str>,
    habits: Habits,
    transport: Arc<dyn Transport>,
    clock: Arc<dyn Clock>,
}

impl HttpProvider {
    /// Sets `vendor` up. What `settings` leaves open comes from `environment`.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when the key is missing (the message names its variable) or malformed, the address is
    /// missing or unsafe, a header cannot be sent, or the vendor speaks no format this crate has.
    pub fn new(
        vendor: &'static Vendor,
        settings: &Settings,
        environment: &Environment,
        transport: Arc<dyn Transport>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let configuration = |message: String| Error::new(ErrorKind::Configuration, message);
        let name = settings.name.clone().unwrap_or_else(|| vendor.name.to_owned());
        if name.is_empty() || name.contains('/') {
            return Err(configuration("a provider's name may not be empty or hold a slash".to_owned()));
        }
        if vendor.chat.is_none() && vendor.embed.is_none() && vendor.rerank.is_none() {
            return Err(configuration(format!(
                "{} is known by its prices only; use Settings::compatible if it speaks chat completions, or a \
                 provider of your own under this name",
                vendor.name
            )));
        }
        let spoken = spoken(vendor, settings.wire)?;
        let families = families(vendor, settings)
            .map_err(|error| configuration(format!("{name}: {}", error.message())))?;
        let resource = address::resource(vendor, settings, environment)
            .map_err(|error| configuration(format!("{name}: {}", error.message())))?;
        let base = address::base_url(vendor, spoken.base_url, settings, environment)
            .map_err(|error| configuration(format!("{name}: {}", error.message())))?;
        if settings.signer.is_some() && settings.api_key.is_some() {
            return Err(configuration(format!("{name}: give .api_key(..) or a source of tokens, not both")));
        }
        let secret = match &settings.signer {
            Some(_) => None,
            None => settings.api_key.clone().or_else(|| environment.first(vendor.key_env)),
        };
        let credential = match (secret, spoken.key) {
            (None, _) if settings.signer.is_some() => None,
            (Some(secret), style) => Some(
                Credential::new(secret, style)
                    .map_err(|error| configuration(format!("{name}: {}", error.message())))?,
            ),
            (None, KeyStyle::OptionalBearer) => None,
            (None, KeyStyle::Bearer | KeyStyle::Header(_)) => {
                let set = vendor.key_env.join(" or ");
                let set = if set.is_empty() { set } else { format!("set {set} or ") };
                return Err(configuration(format!(
                    "there is no key for {name}: {set}pass it with .api_key(..)"
                )));
            }
        };
        let further_keys = settings
            .further_keys
            .iter()
            .map(|secret| Credential::new(secret.clone(), spoken.key))
            .collect::<Result<Vec<_>>>()
            .map_err(|error| configuration(format!("{name}: {}", error.message())))?;
        let headers = fixed_headers(vendor.name, spoken.headers, settings, credential.as_ref())?;
        let accepting = |media_type| {
            let mut headers = headers.clone();
            headers.insert(header::ACCEPT, HeaderValue::from_static(media_type));
            headers
        };
        let base = parse_base_url(&base, settings.plain_http)
            .map_err(|error| configuration(format!("{name}: {}", error.message())))?;
        let streamed = match spoken.chat.map(Protocol::framing) {
            Some(Framing::EventStream) => "application/vnd.amazon.eventstream",
            Some(Framing::JsonLines) => "application/x-ndjson",
            Some(Framing::Sse) | None => "text/event-stream",
        };
        Ok(Self {
            chat: spoken.chat,
            families,
            // Vectors and rankings are made at the usual address, which is not the one of another format.
            embed: vendor.embed.filter(|_| spoken.base_url.is_none()),
            rerank: vendor.rerank.filter(|_| spoken.base_url.is_none()),
            usual: spoken.base_url.is_none().then_some(vendor),
            headers: accepting("application/json"),
            stream_headers: accepting(streamed),
            host: base.authority().to_owned(),
            base,
            fixed: OnceLock::new(),
            secrets: secrets(settings, credential.iter().chain(&further_keys)),
            further_keys,
            signer: settings.signer.clone(),
            issued: Mutex::default(),
            limits: settings.limits,
            resource,
            fetcher: settings.fetcher.clone(),
            request_limit: vendor.request_limit,
            placed: placed(vendor, settings),
            habits: habits(vendor, spoken.chat),
            name,
            transport,
            clock,
        })
    }

    /// The address it really uses, whoever gave it.
    pub(crate) fn address(&self) -> &Url {
        &self.base
    }

    pub(super) fn provider_name(&self) -> &str {
        &self.name
    }

    pub(super) fn batch_wire(&self) -> Result<BatchWire> {
        self.usual
            .and_then(|vendor| vendor.batch)
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("{} takes no batches", self.name)))
    }

    pub(super) fn chat_format(&self) -> Result<&'static dyn Protocol> {
        self.chat.ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("{} has no chat", self.name)))
    }

    /// The requests as they would be sent one by one, and the path they would be sent to.
    pub(super) fn encode_batch(&self, batch: BatchCall<'_>) -> Result<(&'static str, Vec<Vec<u8>>)> {
        let mut bodies = Vec::with_capacity(batch.requests.len());
        let mut path = "";
        for request in batch.requests {
            let mut call = Call::new(batch.model, request);
            call.hints = batch.hints;
            let written = self.encode(call, Mode::Whole)?;
            let Path::Fixed(fixed) = written.encoded.path else {
                return Err(Error::new(ErrorKind::Unsupported, "this format has no batches"));
            };
            // Whoever fetches the answers may not have the requests, so that nothing could be put back as it was.
            if !written.restore.is_empty() || !written.encoded.headers.is_empty() {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "a tool name or answer format that this vendor needs changed cannot go into a batch",
                ));
            }
            path = fixed;
            bodies.push(written.encoded.body);
        }
        Ok((path, bodies))
    }

    /// One exchange below the base address, and the body of its answer. What is in `path` after its first part is one
    /// segment each, whatever it holds.
    pub(super) async fn exchange(
        &self,
        method: Method,
        path: &[&str],
        content_type: &str,
        body: Bytes,
    ) -> Result<Bytes> {
        let (root, names) = path.split_first().map_or(("", path), |(root, names)| (*root, names));
        let mut url = below(&self.base, root);
        if names.iter().any(|name| matches!(*name, "" | "." | "..")) {
            return Err(Error::new(ErrorKind::InvalidRequest, "a batch cannot have such a name").not_sent());
        }
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(names);
        }
        let mut headers = self.headers.clone();
        match HeaderValue::from_str(content_type) {
            Ok(value) if !content_type.is_empty() => headers.insert(header::CONTENT_TYPE, value),
            _ => headers.remove(header::CONTENT_TYPE),
        };
        let mut request = HttpRequest::new(method, url, headers, body);
        if let Some(signer) = &self.signer {
            let issued = signer.sign(&mut request, Exchange::new(&*self.transport, &*self.clock)).await?;
            self.remember(issued);
        }
        let chat = self.chat_format()?;
        let response = self.transport.send(request).await?;
        let response = self.check_status(response, |body| chat.decode_failure(body)).await?;
        let HttpResponse { status, headers, body, .. } = response;
        read_whole(body, self.limits.body.max(MOST_RESULTS))
            .await
            .map_err(|error| self.annotate(error, status, &headers))
    }

    /// `error` without this provider's keys.
    pub(super) fn scrubbed(&self, error: Error) -> Error {
        scrub(&self.secrets(), error)
    }

    fn url(&self, path: &Path) -> Result<Url> {
        match path {
            Path::Fixed(path) => {
                let (known, url) = self.fixed.get_or_init(|| (path, below(&self.base, path)));
                Ok(if known == path { url.clone() } else { below(&self.base, path) })
            }
            Path::Queried { path, query } => {
                let mut url = below(&self.base, path);
                url.set_query(Some(query));
                Ok(url)
            }
            Path::Model { prefix, model, suffix, query } => {
                let mut url = below(&self.base, prefix);
                let (ending, further) = match suffix.split_once('/') {
                    Some((ending, further)) => (ending, Some(further)),
                    None => (*suffix, None),
                };
                if let Ok(mut segments) = url.path_segments_mut() {
                    // One segment: `/`, `?`, `#` and `%` in a model's name are escaped and stay in their place.
                    segments.push(&format!("{model}{ending}"));
                    segments.extend(further.into_iter().flat_map(|further| further.split('/')));
                }
                url.set_query(*query);
                Ok(url)
            }
        }
    }

    async fn send(&self, encoded: Encoded, mode: Mode, key: usize) -> Result<HttpResponse> {
        let Encoded { path, body, headers, .. } = encoded;
        let body = Bytes::from(body);
        let sent = match self.send_once(self.url(&path)?, &headers, body.clone(), mode, key).await {
            // Nobody looked at it, so it costs nothing to ask again; what is refused twice is a failure.
            Err(error) if error.phase() == Phase::Unprocessed => {
                tracing::debug!("sending again what the server did not look at");
                self.send_once(self.url(&path)?, &headers, body, mode, key).await
            }
            sent => sent,
        };
        sent.map_err(|error| match self.placed.filter(|_| error.kind() == ErrorKind::Connection) {
            Some(hint) => error.with_hint(hint),
            None => error,
        })
    }

    async fn send_once(
        &self,
        url: Url,
        own_headers: &[(&'static str, Cow<'static, str>)],
        body: Bytes,
        mode: Mode,
        key: usize,
    ) -> Result<HttpResponse> {
        let mut headers = match mode {
            Mode::Whole => self.headers.clone(),
            Mode::Stream => self.stream_headers.clone(),
        };
        if let Some(credential) = key.checked_sub(1).and_then(|further| self.further_keys.get(further)) {
            headers.insert(credential.header().clone(), credential.value().clone());
        }
        for (name, value) in own_headers {
            let value = HeaderValue::from_str(value).map_err(|_| {
                Error::new(ErrorKind::InvalidRequest, "a header of the request cannot be sent")
            })?;
            if matches!(*name, "content-type" | "accept") {
                headers.insert(HeaderName::from_static(name), value);
            } else {
                headers.append(HeaderName::from_static(name), value);
            }
        }
        let mut request = HttpRequest::new(Method::POST, url, headers, body);
        if let Some(signer) = &self.signer {
            let issued = signer.sign(&mut request, Exchange::new(&*self.transport, &*self.clock)).await?;
            self.remember(issued);
        }
        self.transport.send(request).await
    }

    fn remember(&self, issued: Vec<Secret>) {
        let mut known = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        for secret in issued {
            if known.iter().all(|old| old.expose() != secret.expose()) {
                known.push(secret);
            }
        }
        let surplus = known.len().saturating_sub(MOST_ISSUED);
        known.drain(..surplus);
    }

    /// What must not come back.
    fn secrets(&self) -> Arc<[Secret]> {
        let issued = self.issued.lock().unwrap_or_else(PoisonError::into_inner);
        if issued.is_empty() {
            return Arc::clone(&self.secrets);
        }
        self.secrets.iter().chain(issued.iter()).cloned().collect()
    }

    /// Turns anything but a 2xx into an error.
    async fn check_status(
        &self,
        response: HttpResponse,
        read: impl Fn(&[u8]) -> WireFailure,
    ) -> Result<HttpResponse> {
        let status = response.status;
        if (200..300).contains(&status) {
            return match response.headers.get(header::CONTENT_ENCODING).map(HeaderValue::as_bytes) {
                None | Some(b"identity" | b"") => Ok(response),
                // None was asked for, and a decompressor is a way to make a small body large.
                Some(_) => Err(self.annotate(
                    Error::new(
                        ErrorKind::InvalidResponse,
                        "the answer is compressed, which was not asked for",
                    ),
                    status,
                    &response.headers,
                )),
            };
        }
        let headers = response.headers;
        if (300..400).contains(&status) {
            let error = Error::new(
                ErrorKind::InvalidResponse,
                "the provider redirects, which is refused so that keys stay here; correct the base URL",
            );
            return Err(self.annotate(error, status, &headers));
        }
        // An error that cannot be read, or not soon, is still the error its status names.
        let body = match select(
            pin!(read_whole(response.body, ERROR_BODY_LIMIT)),
            self.clock.sleep(ERROR_BODY_TIME),
        )
        .await
        {
            Either::Left((body, _)) => body.unwrap_or_default(),
            Either::Right(((), _)) => Bytes::new(),
        };
        if matches!(status, 401 | 403)
            && let Some(signer) = &self.signer
        {
            signer.refused().await;
        }
        let mut failure = read(&body);
        if failure.code.is_none() && failure.error_type.is_none() {
            failure.error_type = transport::error_type(&headers).map(str::to_owned);
        }
        let mut error = failure.into_error(status);
        if let Some(hint) = self.placed.filter(|_| matches!(status, 403 | 404)) {
            error = error.with_hint(hint);
        }
        Err(self.annotate(error, status, &headers))
    }

    /// Adds what the headers say, and removes the key if the provider echoed it.
    fn annotate(&self, error: Error, status: u16, headers: &HeaderMap) -> Error {
        let mut error = error.with_status(status);
        if let Some(id) = transport::request_id(headers) {
            error = error.with_request_id(id);
        }
        error = scrub(&self.secrets(), error);
        let now = self.clock.wall();
        let exhausted = || {
            let said = error.retry_after().is_some() || error.kind() != ErrorKind::RateLimited;
            if said { None } else { transport::rate_limits(headers, now)?.exhausted_until() }
        };
        match transport::retry_after(headers, now).or_else(exhausted) {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    fn rate_limits(&self, headers: &HeaderMap) -> Option<Box<RateLimits>> {
        transport::rate_limits(headers, self.clock.wall()).map(Box::new)
    }

    fn request_id(&self, headers: &HeaderMap) -> Option<Box<str>> {
        let id = transport::request_id(headers)?;
        (!self.secrets().iter().any(|secret| id.contains(secret.expose()))).then(|| id.into())
    }

    async fn read_json(&self, response: HttpResponse) -> Result<(u16, HeaderMap, Bytes)> {
        let HttpResponse { status, headers, body, .. } = response;
        if media_type(&headers) == MediaType::Html {
            let error = Error::new(
                ErrorKind::InvalidResponse,
                "the answer is a web page, not JSON; is the base URL right, is a proxy in between?",
            );
            return Err(self.annotate(error, status, &headers));
        }
        match read_whole(body, self.limits.body).await {
            Ok(bytes) if bytes.iter().all(u8::is_ascii_whitespace) => {
                let error = Error::new(ErrorKind::InvalidResponse, "the answer is empty");
                Err(self.annotate(error, status, &headers))
            }
            Ok(bytes) => Ok((status, headers, bytes)),
            Err(error) => Err(self.annotate(error, status, &headers)),
        }
    }

    /// Asks anything that is not a chat and has one answer.
    async fn ask<Q: Sync, R: AsMut<ReplyFacts>>(
        &self,
        procedure: Option<&'static dyn Procedure<Q, R>>,
        what: &'static str,
        ask: Ask<'_, Q>,
    ) -> Result<R> {
        let procedure = procedure
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("{} has no {what} here", self.name)))?;
        let encoded = procedure.encode(ask.request, EncodeFor::new(&self.name, ask.model, Mode::Whole))?;
        let response = self.send(encoded, Mode::Whole, ask.key).await?;
        let response = self.check_status(response, |body| procedure.decode_failure(body)).await?;
        let (status, headers, body) = self.read_json(response).await?;
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media_type = media_type.and_then(|value| value.split(';').next()).map(str::trim);
        let mut reply = procedure
            .decode(RawAnswer::new(body, media_type), ask.request)
            .map_err(|error| self.annotate(error, status, &headers))?;
        let facts = reply.as_mut();
        facts.request_id = self.request_id(&headers);
        facts.status = Some(status);
        Ok(reply)
    }

    async fn read_reply(&self, response: HttpResponse, chat: &dyn Protocol) -> Result<Reply> {
        let (status, headers, bytes) = self.read_json(response).await?;
        let mut reply = chat.decode_chat(&bytes).map_err(|error| self.annotate(error, status, &headers))?;
        reply.request_id = self.request_id(&headers);
        reply.rate_limits = self.rate_limits(&headers);
        reply.status = Some(status);
        Ok(reply)
    }

    /// The format that `model` speaks.
    fn format_of(&self, model: &str) -> Result<&'static dyn Protocol> {
        let family = self.families.iter().find(|(name, _)| model.starts_with(&**name));
        family.map_or_else(|| self.chat_format(), |(_, chat)| Ok(*chat))
    }

    /// Writes a request, with the bytes of what the vendor does not fetch itself. Whether it can be written is known before
    /// anything is fetched.
    async fn prepare(&self, call: Call<'_>, mode: Mode) -> Result<Written> {
        let addresses = media::addresses(call.request, self.format_of(call.model)?.needs().fetches);
        let (Some(fetcher), false) = (&self.fetcher, addresses.is_empty()) else {
            return self.encode(call, mode);
        };
        self.encode(Call { request: &media::foreseen(call.request, &addresses), ..call }, mode)?;
        let request = media::fetched(call.request, &addresses, fetcher).await?;
        let mut written = self.encode(Call { request: &request, ..call }, mode)?;
        written.adaptations.push(media::note());
        Ok(written)
    }

    fn encode(&self, call: Call<'_>, mode: Mode) -> Result<Written> {
        let chat = self.format_of(call.model)?;
        if let Some(address) = media::addresses(call.request, chat.needs().fetches).first() {
            return Err(media::refusal(&self.name, *address));
        }
        let mut target = EncodeFor::new(&self.name, call.model, mode);
        target.hints = call.hints;
        target.resource = self.resource.as_deref();
        let fitted = fit(call.request, chat, target)?;
        let mut encoded = chat.encode_chat(&fitted.request, target)?;
        if let Some(limit) = self.request_limit.filter(|limit| encoded.body.len() > *limit) {
            return Err(too_large(&self.name, encoded.body.len(), limit, call.request));
        }
        encoded.adaptations.splice(0..0, fitted.adaptations);
        // A format of this crate has asked already; one of the application's may not have.
        encoded
            .adaptations
            .iter()
            .try_for_each(|adaptation| call.request.on_unsupported.permit(adaptation))?;
        let adaptations = std::mem::take(&mut encoded.adaptations);
        Ok(Written { encoded, chat, adaptations, restore: fitted.restore })
    }
}

/// A request as it is sent, and how to read its answer.
struct Written {
    encoded: Encoded,
    chat: &'static dyn Protocol,
    adaptations: Vec<Adaptation>,
    restore: Restore,
}

impl fmt::Debug for HttpProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpProvider")
            .field("name", &self.name)
            .field("host", &self.base.host_str())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Provider for HttpProvider {
    fn name(&self) -> &str {
        &self.name
    }

    fn keys(&self) -> usize {
        1 + self.further_keys.len()
    }

    fn failure_domain(&self) -> &str {
        &self.host
    }

    async fn chat(&self, call: Call<'_>) -> Result<Reply> {
        let Written { encoded, chat, adaptations, restore } = self.prepare(call, Mode::Whole).await?;
        let response = self.send(encoded, Mode::Whole, call.key).await?;
        let response = self.check_status(response, |body| chat.decode_failure(body)).await?;
        let mut reply = self.read_reply(response, chat).await?;
        restore.reply(&mut reply);
        reply.adaptations = adaptations;
        Ok(reply)
    }

    async fn chat_stream(&self, call: Call<'_>) -> Result<ReplyStream> {
        let Written { encoded, chat, adaptations, mut restore } = self.prepare(call, Mode::Stream).await?;
        let response = self.send(encoded, Mode::Stream, call.key).await?;
        let response = self.check_status(response, |body| chat.decode_failure(body)).await?;
        let mut stream = match media_type(&response.headers) {
            // Some servers answer a request for a stream in one piece.
            MediaType::Json => self.read_reply(response, chat).await?.into(),
            MediaType::Html => {
                let error = Error::new(
                    ErrorKind::InvalidResponse,
                    "the answer is a web page, not a stream; is the base URL right, is a proxy in between?",
                );
                return Err(self.annotate(error, response.status, &response.headers));
            }
            MediaType::EventStream | MediaType::Other => {
                let request_id = self.request_id(&response.headers);
                let rate_limits = self.rate_limits(&response.headers);
                let head =
                    Head { status: response.status, request_id: request_id.clone(), secrets: self.secrets() };
                let mut stream = ReplyStream::new(Events::new(chat, response.body, self.limits, head));
                stream.status = Some(response.status);
                stream.request_id = request_id;
                stream.rate_limits = rate_limits;
                stream
            }
        };
        if !restore.is_empty() {
            let restored = move |event: Result<StreamEvent>| {
                futures::stream::iter(match event {
                    Ok(event) => restore.event(event).into_iter().map(Ok).collect(),
                    Err(error) => vec![Err(error)],
                })
            };
            stream.events = Box::pin(stream.events.flat_map(restored));
        }
        stream.adaptations = adaptations;
        Ok(stream)
    }

    fn habits(&self) -> Habits {
        self.habits
    }

    fn check(&self, call: Call<'_>) -> Result<Vec<Adaptation>> {
        let addresses = media::addresses(call.request, self.format_of(call.model)?.needs().fetches);
        if self.fetcher.is_none() || addresses.is_empty() {
            return self.encode(call, Mode::Whole).map(|written| written.adaptations);
        }
        let foreseen = media::foreseen(call.request, &addresses);
        let mut adaptations = self.encode(Call { request: &foreseen, ..call }, Mode::Whole)?.adaptations;
        adaptations.push(media::note());
        Ok(adaptations)
    }

    fn embed_limit(&self, model: &str) -> EmbedLimit {
        self.embed.map_or(EmbedLimit::NONE, |embed| embed.limit(model))
    }

    async fn embed(&self, call: EmbedCall<'_>) -> Result<EmbedReply> {
        let embed = self
            .embed
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("{} has no embeddings", self.name)))?;
        let target = EncodeFor::new(&self.name, call.model, Mode::Whole);
        let encoded = embed.encode_embed(call.request, target)?;
        let response = self.send(encoded, Mode::Whole, call.key).await?;
        let response = self.check_status(response, |body| embed.decode_failure(body)).await?;
        let (status, headers, bytes) = self.read_json(response).await?;
        let mut reply = embed
            .decode_embed(&bytes, call.request.inputs.len())
            .map_err(|error| self.annotate(error, status, &headers))?;
        if reply.usage.is_none() {
            let counted =
                embed.usage_header().and_then(|name| headers.get(name)?.to_str().ok()?.parse().ok());
            reply.usage = counted.map(|tokens| Usage { input_tokens: Some(tokens), ..Usage::default() });
        }
        reply.request_id = self.request_id(&headers);
        reply.status = Some(status);
        Ok(reply)
    }

    async fn image(&self, call: Ask<'_, ImageRequest>) -> Result<ImageReply> {
        self.ask(self.usual.and_then(|vendor| vendor.images), "pictures", call).await
    }

    async fn speech(&self, call: Ask<'_, SpeechRequest>) -> Result<SpeechReply> {
        self.ask(self.usual.and_then(|vendor| vendor.speech), "speech", call).await
    }

    async fn transcript(&self, call: Ask<'_, TranscriptRequest>) -> Result<TranscriptReply> {
        self.ask(self.usual.and_then(|vendor| vendor.transcripts), "transcripts", call).await
    }

    async fn moderation(&self, call: Ask<'_, ModerationRequest>) -> Result<ModerationReply> {
        self.ask(self.usual.and_then(|vendor| vendor.moderations), "judgements", call).await
    }

    async fn submit_batch(&self, call: BatchCall<'_>) -> Result<String> {
        self.hand_over(call).await
    }

    async fn batch_state(&self, id: &str) -> Result<BatchState> {
        self.look_at(id).await
    }

    async fn batch_results(&self, id: &str) -> Result<Vec<BatchResult>> {
        self.fetch(id).await
    }

    async fn cancel_batch(&self, id: &str) -> Result<()> {
        self.cancel(id).await
    }

    async fn rerank(&self, call: RerankCall<'_>) -> Result<RerankReply> {
        let rerank = self
            .rerank
            .ok_or_else(|| Error::new(ErrorKind::Unsupported, format!("{} has no reranking", self.name)))?;
        let target = EncodeFor::new(&self.name, call.model, Mode::Whole);
        let encoded = rerank.encode_rerank(call.request, target)?;
        let response = self.send(encoded, Mode::Whole, call.key).await?;
        let response = self.check_status(response, |body| rerank.decode_failure(body)).await?;
        let (status, headers, bytes) = self.read_json(response).await?;
        let mut reply = rerank
            .decode_rerank(&bytes, call.request.documents.len())
            .map_err(|error| self.annotate(error, status, &headers))?;
        reply.request_id = self.request_id(&headers);
        reply.status = Some(status);
        Ok(reply)
    }
}

pub(super) async fn read_whole(mut body: Body, limit: usize) -> Result<Bytes> {
    let too_large = || {
        Error::new(
            ErrorKind::InvalidResponse,
            format!("the answer is larger than {limit} bytes; see Settings::limits"),
        )
    };
    let Some(first) = body.next().await.transpose()? else { return Ok(Bytes::new()) };
    if first.len() > limit {
        return Err(too_large());
    }
    // Most answers arrive in one piece, which then need not be copied.
    let Some(second) = body.next().await.transpose()? else { return Ok(first) };
    let mut whole = BytesMut::with_capacity((first.len() + second.len()) * 2);
    whole.extend_from_slice(&first);
    whole.extend_from_slice(&second);
    while whole.len() <= limit {
        match body.next().await.transpose()? {
            Some(piece) => whole.extend_from_slice(&piece),
            None => return Ok(whole.freeze()),
        }
    }
    Err(too_large())
}

/// Names the part that a request could do without.
fn too_large(name: &str, bytes: usize, limit: usize, request: &ChatRequest) -> Error {
    let parts = request.messages.iter().enumerate().flat_map(|(place, message)| {
        message.parts.iter().enumerate().map(move |(part, content)| (content.size_hint(), place, part))
    });
    let (_, message, part) = parts.max().unwrap_or_default();
    Error::new(
        ErrorKind::Unsupported,
        format!(
            "the request has {bytes} bytes and {name} takes {limit}; messages[{message}].parts[{part}] is the largest, \
             send it by its address or make it smaller"
        ),
    )
}

/// What the application said of the address, if it said part of it.
fn placed(vendor: &Vendor, settings: &Settings) -> Option<&'static str> {
    let has_region = vendor.base_url.contains("{region}");
    match (settings.base_url.is_some(), vendor.base_url.contains("{resource}"), has_region) {
        (true, ..) | (false, false, false) => None,
        (false, true, true) => Some("are the project in .resource(..) and the .region(..) right?"),
        (false, true, false) => Some("is the .resource(..) right?"),
        (false, false, true) => Some("is the .region(..) right?"),
    }
}

/// A format as the vendor speaks it.
struct Spoken {
    chat: Option<&'static dyn Protocol>,
    /// Its address, if it has one of its own.
    base_url: Option<&'static str>,
    key: KeyStyle,
    headers: &'static [(&'static str, &'static str)],
}

/// The formats of some models: those of the application before the vendor's. Who chose a format for all chose it for these.
fn families(vendor: &'static Vendor, settings: &Settings) -> Result<Vec<(String, &'static dyn Protocol)>> {
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
fn spoken(vendor: &'static Vendor, wire: Option<Wire>) -> Result<Spoken> {
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
fn habits(vendor: &Vendor, chat: Option<&'static dyn Protocol>) -> Habits {
    let wire = chat.map(Protocol::wire);
    let usual = wire == vendor.chat.map(Protocol::wire);
    match wire {
        // <https://platform.claude.com/docs/en/api/messages> (read 2026-11-23); Converse passes messages on as they are.
        Some(Wire::Messages | Wire::Converse) if usual => vendor.habits.prefill(Prefill::LastMessage),
        _ if usual => vendor.habits,
        _ => vendor.habits.prefill(Prefill::Unknown),
    }
}

fn below(base: &Url, path: &str) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.extend(path.split('/'));
    }
    url
}

fn fixed_headers(
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

fn secrets<'a>(settings: &Settings, keys: impl Iterator<Item = &'a Credential>) -> Arc<[Secret]> {
    let own =
        settings.headers.iter().map(|(_, value)| value.split_once(' ').map_or(&**value, |(_, key)| key));
    // Shorter values are words like a region's name, and would only make holes in sentences.
    let own = own.filter(|value| value.len() >= 8).map(Secret::from);
    keys.map(|credential| credential.secret().clone()).chain(own).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum MediaType {
    EventStream,
    Html,
    Json,
    Other,
}

/// A missing or strange type is not held against anybody: several servers that work send one.
fn media_type(headers: &HeaderMap) -> MediaType {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("text/event-stream") {
        MediaType::EventStream
    } else if essence.eq_ignore_ascii_case("text/html") {
        MediaType::Html
    } else if essence.eq_ignore_ascii_case("application/json") {
        MediaType::Json
    } else {
        MediaType::Other
    }
}

/// The sentence of an error comes with its head; nobody should wait for it while another target could be asked.
const ERROR_BODY_TIME: Duration = Duration::from_secs(5);

/// Calls that run side by side use the same token, or the one before.
const MOST_ISSUED: usize = 4;

/// Errors are sentences.
const ERROR_BODY_LIMIT: usize = 1 << 20;

/// Results of a whole batch: vendors take up to 256 MB of requests.
const MOST_RESULTS: usize = 1 << 30;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::clock::SystemClock;
    use crate::provider::vendor;
    use crate::types::ChatRequest;

    /// Answers every request with the same bytes and remembers where they went.
    #[derive(Debug)]
    struct Canned {
        answer: Vec<u8>,
        seen: Mutex<Vec<(String, String)>>,
    }

    #[async_trait]
    impl Transport for Canned {
        async fn send(&self, request: HttpRequest) -> Result<HttpResponse> {
            let accept = request.headers[header::ACCEPT].to_str().unwrap().to_owned();
            self.seen.lock().unwrap().push((request.url.to_string(), accept));
            Ok(HttpResponse::new(200, HeaderMap::new(), Body::full(self.answer.clone())))
        }
    }

    fn bedrock(answer: Vec<u8>) -> (HttpProvider, Arc<Canned>) {
        let transport = Arc::new(Canned { answer, seen: Mutex::default() });
        let settings = Settings::vendor("bedrock").api_key("k").resource("eu-central-1");
        let environment = Environment::of(Vec::<(String, String)>::new());
        let clock = Arc::new(SystemClock::default());
        let bedrock = vendor::find("bedrock").unwrap();
        let sends: Arc<dyn Transport> = Arc::<Canned>::clone(&transport);
        (HttpProvider::new(bedrock, &settings, &environment, sends, clock).unwrap(), transport)
    }

    fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut head = Vec::new();
        for (name, value) in headers {
            head.push(u8::try_from(name.len()).unwrap());
            head.extend_from_slice(name.as_bytes());
            head.push(7);
            head.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
            head.extend_from_slice(value.as_bytes());
        }
        let total = u32::try_from(16 + head.len() + payload.len()).unwrap();
        let mut frame = total.to_be_bytes().to_vec();
        frame.extend(u32::try_from(head.len()).unwrap().to_be_bytes());
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame.extend(head);
        frame.extend_from_slice(payload);
        frame.extend(crc32fast::hash(&frame).to_be_bytes());
        frame
    }

    fn event(name: &str, payload: &str) -> Vec<u8> {
        frame(&[(":event-type", name), (":message-type", "event")], payload.as_bytes())
    }

    async fn stream_error(frames: Vec<Vec<u8>>) -> Error {
        let (provider, _) = bedrock(frames.concat());
        let request = ChatRequest::from(("bedrock/m", "Hi"));
        let mut stream = provider.chat_stream(Call::new("m", &request)).await.unwrap();
        loop {
            match stream.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => return error,
                None => panic!("no error came"),
            }
        }
    }

    #[tokio::test]
    async fn a_model_in_the_path_is_one_segment_whatever_it_holds() {
        let whole = br#"{"output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}}}"#;
        let (provider, transport) = bedrock(whole.to_vec());
        let request = ChatRequest::from(("bedrock/m", "Hi"));
        let host = "https://bedrock-runtime.eu-central-1.amazonaws.com/model";
        for (model, segment) in [
            ("eu.anthropic.claude-x-v1:0", "eu.anthropic.claude-x-v1:0"),
            ("arn:aws:bedrock:eu-1:1:inference-profile/a", "arn:aws:bedrock:eu-1:1:inference-profile%2Fa"),
            ("../../x?y#z%2f", "..%2F..%2Fx%3Fy%23z%252f"),
        ] {
            provider.chat(Call::new(model, &request)).await.unwrap();
            let _ = provider.chat_stream(Call::new(model, &request)).await.unwrap();

            let seen = std::mem::take(&mut *transport.seen.lock().unwrap());
            assert_eq!(
                seen,
                [
                    (format!("{host}/{segment}/converse"), "application/json".to_owned()),
                    (
                        format!("{host}/{segment}/converse-stream"),
                        "application/vnd.amazon.eventstream".to_owned()
                    ),
                ]
            );
        }
    }

    #[tokio::test]
    async fn frames_that_report_an_error_are_that_error() {
        let exception = |name: &str| {
            let headers = [(":message-type", "exception"), (":exception-type", name)];
            frame(&headers, br#"{"message": "So it is."}"#)
        };
        for (name, kind) in [
            ("throttlingException", ErrorKind::RateLimited),
            ("serviceUnavailableException", ErrorKind::Overloaded),
            ("validationException", ErrorKind::InvalidRequest),
            ("modelTimeoutException", ErrorKind::Timeout),
            ("modelStreamErrorException", ErrorKind::Server),
            ("internalServerException", ErrorKind::Server),
            ("brandNewException", ErrorKind::Server),
        ] {
            let error = stream_error(vec![event("messageStart", "{}"), exception(name)]).await;

            assert_eq!((error.kind(), error.provider_code()), (kind, Some(name)));
            assert_eq!((error.status(), error.provider_message()), (Some(200), Some("So it is.")));
        }
        let unmodelled =
            [(":message-type", "error"), (":error-code", "InternalFailure"), (":error-message", "Oh.")];
        let error = stream_error(vec![frame(&unmodelled, b"")]).await;
        assert_eq!((error.kind(), error.provider_code()), (ErrorKind::Server, Some("InternalFailure")));
        assert_eq!(error.provider_message(), Some("Oh."));
    }

    #[tokio::test]
    async fn a_stream_that_stops_inside_a_frame_is_truncated() {
        let delta = event("contentBlockDelta", r#"{"contentBlockIndex": 0, "delta": {"text": "a"}}"#);
        let half = event("messageStop", r#"{"stopReason": "end_turn"}"#)[..40].to_vec();

        assert_eq!(stream_error(vec![delta, half]).await.kind(), ErrorKind::Truncated);
    }
}
