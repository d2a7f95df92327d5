//! Any protocol over any transport.

mod answer;
mod send;
mod setup;
#[cfg(test)]
mod tests;
mod write;

pub(super) use answer::read_whole;

use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::StreamExt as _;
use http::{HeaderMap, HeaderValue, Method, header};
use url::Url;

use super::address;
use super::credential::scrub;
use super::events::{Events, Head};
use super::media;
use super::settings::{Environment, Limits, Settings, parse_base_url};
use super::signer::Signer;
use super::vendor::{KeyStyle, Vendor};
use answer::{MediaType, media_type};
use send::below;
use setup::{families, fixed_headers, habits, placed, secrets, spoken};
use write::{Written, name_largest};

use super::{Ask, BatchCall, BatchResult, Call, Credential, EmbedCall, Habits, Provider, RerankCall};
use crate::clock::Clock;
use crate::error::{Error, ErrorKind, Result};
use crate::protocol::{
    BatchWire, EmbedLimit, EmbedProtocol, EncodeFor, Framing, Mode, Path, Procedure, Protocol, RawAnswer,
    RerankProtocol,
};
use crate::transport::{GuardedFetcher, HttpRequest, HttpResponse, Transport};
use crate::types::{
    Adaptation, BatchState, EmbedReply, ImageReply, ImageRequest, ModerationReply, ModerationRequest, Reply,
    ReplyFacts, ReplyStream, RerankReply, Secret, SpeechReply, SpeechRequest, StreamEvent, TranscriptReply,
    TranscriptRequest, Usage,
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
        let chat = self.chat_format()?;
        let response = self.send_signed(HttpRequest::new(method, url, headers, body)).await?;
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
        let response = self.check_status(response, |body| chat.decode_failure(body)).await;
        let response = response.map_err(|error| name_largest(error, call.request))?;
        let mut reply = self.read_reply(response, chat).await?;
        restore.reply(&mut reply);
        reply.adaptations = adaptations;
        Ok(reply)
    }

    async fn chat_stream(&self, call: Call<'_>) -> Result<ReplyStream> {
        let Written { encoded, chat, adaptations, mut restore } = self.prepare(call, Mode::Stream).await?;
        let response = self.send(encoded, Mode::Stream, call.key).await?;
        let response = self.check_status(response, |body| chat.decode_failure(body)).await;
        let response = response.map_err(|error| name_largest(error, call.request))?;
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
                let restored: Vec<Result<StreamEvent>> = match event {
                    Ok(event) => restore.event(event).into_iter().map(Ok).collect(),
                    Err(error) => restore.rest().map(Ok).into_iter().chain([Err(error)]).collect(),
                };
                futures::stream::iter(restored)
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

/// Results of a whole batch: vendors take up to 256 MB of requests.
const MOST_RESULTS: usize = 1 << 30;
