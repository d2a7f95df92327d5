//! A vendor of the table, with the sandbox behind it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Play, Subject};
use crate::client::Client;
use crate::error::Result;
use crate::protocol::{EncodeFor, JsonStyle, Mode};
use crate::provider::{Environment, Limits, Settings, Vendor};
use crate::resilience::RetryPolicy;
use crate::testing::{Fault, Garbage, Sandbox, SandboxVendor, Step};
use crate::types::{ChatRequest, Reply, Wire};

/// A vendor of the table in one of its formats, with a fake of it behind it.
#[derive(Debug)]
pub struct VendorSubject {
    vendor: &'static Vendor,
    wire: Wire,
    sandbox: Sandbox,
    key: String,
    /// How many clients were made; each has a fake vendor of its own.
    clients: Mutex<usize>,
}

impl VendorSubject {
    /// `vendor`, speaking `wire`.
    ///
    /// # Errors
    /// [`ErrorKind::Connection`](crate::ErrorKind::Connection) when no loopback port is free.
    pub fn new(vendor: &'static Vendor, wire: Wire) -> Result<Self> {
        let key = format!("key-of-{}-and-nobody-else", vendor.name);
        Ok(Self { vendor, wire, sandbox: Sandbox::open()?, key, clients: Mutex::default() })
    }

    fn clients(&self) -> MutexGuard<'_, usize> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fake(&self) -> SandboxVendor {
        let number = *self.clients();
        self.sandbox.vendor(&format!("{}-{number}", self.vendor.name))
    }

    fn is_told_in_words(&self) -> bool {
        let mut formats = self.vendor.formats().filter(|chat| chat.wire() == self.wire);
        formats.any(|chat| chat.needs().json == JsonStyle::Object)
    }

    /// Is the vendor told to report a stream's usage? Those that are not report it unasked.
    fn asks_for_usage(&self) -> bool {
        let request = ChatRequest::from(("any/model", "Well?"));
        let target = EncodeFor::new(self.vendor.name, "model", Mode::Stream);
        let mut formats = self.vendor.formats().filter(|chat| chat.wire() == self.wire);
        formats.any(|chat| {
            chat.encode_chat(&request, target)
                .is_ok_and(|encoded| encoded.body.windows(13).any(|some| some == b"include_usage"))
        })
    }

    fn step(&self, play: Play) -> Step {
        match play {
            Play::Answer { reply, piece } => {
                let step: Step = (*reply).into();
                let step = if self.asks_for_usage() { step } else { step.usage_unasked() };
                match piece.filter(|piece| *piece > 0) {
                    Some(piece) => step.pieces_of(piece),
                    None => step,
                }
            }
            // It makes an instance of the schema, as text or as arguments; it does not read schemas told in words.
            Play::Json(text) if self.is_told_in_words() => Reply::text(text).into(),
            Play::Json(_) => Step::usual(),
            Play::Status(status) => {
                let words =
                    serde_json::json!({"error": {"message": self.key}, "message": self.key}).to_string();
                Step::from(Fault::Status(status)).body(words)
            }
            Play::Cut => Fault::EndAfter(2).into(),
            Play::Hang => Fault::Hang.into(),
            Play::Endless => Fault::Garbage(Garbage::EndlessBody).into(),
        }
    }
}

impl Subject for VendorSubject {
    fn model(&self) -> String {
        format!("{}/model-nobody-has-heard-of", self.vendor.name)
    }

    fn client(&self, plays: Vec<Play>) -> Result<Client> {
        *self.clients() += 1;
        let fake = self.fake();
        for play in plays {
            fake.then(self.step(play));
        }
        fake.always(Reply::text("There is nothing more."));
        // Ollama's own format is told from Cohere's by the rest of its address.
        let base = match self.wire {
            Wire::OllamaChat => fake.url().replace("/v1", "/api"),
            _ => fake.url().to_owned(),
        };
        let settings = Settings::vendor(self.vendor.name)
            .base_url(base)
            .api_key(self.key.as_str())
            .speak(self.wire)
            .limits(Limits::new(1 << 16, 1 << 16, 1 << 16));
        let settings = match self.vendor.resource_field {
            Some(_) => settings.resource("4947c695"),
            None => settings,
        };
        Client::builder()
            .environment(Environment::of([("NOTHING", "set")]))
            .retry(RetryPolicy::default().max_attempts(1))
            .vendor(settings)
            .build()
    }

    fn secret(&self) -> Option<&str> {
        Some(&self.key)
    }

    fn requests(&self) -> Option<usize> {
        Some(self.fake().requests())
    }

    fn received(&self) -> Option<Vec<u8>> {
        self.fake().received().last().map(|request| request.body.to_vec())
    }

    fn abandoned(&self) -> Option<usize> {
        Some(self.fake().disconnects())
    }
}
