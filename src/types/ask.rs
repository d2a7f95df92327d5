//! What the requests of every kind but chat have in common, and their answers.

/// Gives a request the setters of how the call is made and of fields without a name.
macro_rules! how_to_ask {
    ($($request:ty),+) => {$(
        impl $request {
            /// Sets how to route, limit and account the call.
            #[must_use]
            pub fn options(mut self, options: $crate::types::CallOptions) -> Self {
                self.options = Some(Box::new(options));
                self
            }

            /// Sets the total time for the call over all attempts.
            #[must_use]
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.timeout = Some(timeout);
                self
            }

            /// Adds a field this crate has no name for.
            #[must_use]
            pub fn extra(
                mut self,
                scope: impl Into<$crate::types::Scope>,
                name: &str,
                value: impl Into<$crate::types::Json>,
            ) -> Self {
                self.extra.insert(scope, name, value);
                self
            }
        }
    )+};
}

/// Says where the facts of an answer stand.
macro_rules! has_facts {
    ($($reply:ty),+) => {$(
        impl AsRef<$crate::types::ReplyFacts> for $reply {
            fn as_ref(&self) -> &$crate::types::ReplyFacts {
                &self.facts
            }
        }

        impl AsMut<$crate::types::ReplyFacts> for $reply {
            fn as_mut(&mut self) -> &mut $crate::types::ReplyFacts {
                &mut self.facts
            }
        }
    )+};
}

how_to_ask!(
    super::EmbedRequest,
    super::ImageRequest,
    super::ModerationRequest,
    super::RerankRequest,
    super::SpeechRequest,
    super::TranscriptRequest
);
has_facts!(super::ImageReply, super::ModerationReply, super::SpeechReply, super::TranscriptReply);
