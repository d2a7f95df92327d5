//! Pictures, speech, transcripts and judgements, over loopback HTTP in the vendors' own formats, through the real client.

#![expect(clippy::expect_used, reason = "a test target may panic")]

use std::time::Duration;

use polyroute::provider::Environment;
use polyroute::resilience::RetryPolicy;
use polyroute::testing::{Raw, Sandbox, SandboxVendor};
use polyroute::types::{
    ImageContent, ImageRequest, ModerationRequest, SpeechRequest, TranscriptRequest, Usage, Wire,
};
use polyroute::{Client, ErrorKind, Route, Settings};
use serde_json::{Value, json};

struct House {
    sandbox: Sandbox,
    client: Client,
}

impl House {
    fn new(vendors: &[&'static str]) -> Self {
        let sandbox = Sandbox::open().expect("a loopback port is free");
        let builder = Client::builder()
            .environment(Environment::of([("NOTHING", "set")]))
            .retry(RetryPolicy::default().max_attempts(2).pauses(Duration::ZERO, Duration::ZERO))
            .route("pictures", Route::ordered(vendors.iter().map(|vendor| format!("{vendor}/any-model"))));
        let client = vendors.iter().fold(builder, |builder, vendor| {
            let url = sandbox.vendor(vendor).url().to_owned();
            builder.vendor(Settings::vendor(*vendor).api_key("key-of-a-test").base_url(url))
        });
        Self { client: client.build().expect("the settings are right"), sandbox }
    }

    fn answers(&self, vendor: &str, body: &Value) -> SandboxVendor {
        let raw = Raw::new(200, body.to_string()).header("content-type", "application/json");
        self.sandbox.vendor(vendor).then(raw)
    }
}

#[tokio::test]
async fn openai_makes_pictures_that_are_priced_by_their_tokens() {
    let house = House::new(&["openai"]);
    let usage = json!({"input_tokens": 50, "output_tokens": 4160, "total_tokens": 4210,
        "input_tokens_details": {"text_tokens": 10, "image_tokens": 40}});
    let openai = house.answers(
        "openai",
        &json!({"created": 1, "output_format": "png", "data": [{"b64_json": "iVBORw0KGgo="}], "usage": usage}),
    );
    let request =
        ImageRequest::new("openai/gpt-image-2", "A lighthouse").n(1).size("1024x1024").quality("high");

    let answer = house.client.generate_image(request).await.expect("a picture");

    assert_eq!(answer.reply.images[0].bytes().map(|data| &data[..4]), Some(&b"\x89PNG"[..]));
    let ImageContent::Bytes { media_type, .. } = &answer.reply.images[0].content else {
        panic!("an address")
    };
    assert_eq!(media_type.as_deref(), Some("image/png"));
    let used = answer.usage().expect("a usage");
    assert_eq!((used.input_tokens, used.image_output_tokens), (Some(50), Some(4_160)));
    assert_eq!(
        answer.cost().map(|cost| cost.total),
        house.client.cost_of(answer.target(), used).map(|cost| cost.total)
    );
    // 10 tokens of text at $5, 40 of pictures at $8, 4,160 of the new picture at $30 for a million.
    assert_eq!(answer.cost().map(|cost| cost.total.to_string()).as_deref(), Some("$0.12517"));
    let received = &openai.received()[0];
    assert!(received.path.ends_with("/images/generations"));
    assert_eq!(
        received.json,
        json!({"model": "gpt-image-2", "prompt": "A lighthouse", "n": 1, "size": "1024x1024", "quality": "high"})
    );
}

#[tokio::test]
async fn a_picture_at_an_address_is_an_address() {
    let house = House::new(&["xai"]);
    house.answers(
        "xai",
        &json!({"data": [{"url": "https://example.com/a.png", "revised_prompt": "A red lighthouse"}]}),
    );

    let answer = house.client.generate_image(ImageRequest::new("xai/grok-image", "A lighthouse")).await;

    let image = &answer.expect("a picture").reply.images[0];
    assert_eq!(image.content, ImageContent::Url("https://example.com/a.png".into()));
    assert_eq!(image.revised_prompt.as_deref(), Some("A red lighthouse"));
    assert!(!format!("{image:?}").contains("example.com"));
}

#[tokio::test]
async fn google_makes_pictures_in_two_formats() {
    for vendor in ["google", "vertex"] {
        let house = House::new(&[vendor]);
        let part = json!({"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}});
        let gemini = json!({"candidates": [{"content": {"parts": [{"text": "Here."}, part]}, "finishReason": "STOP"}],
            "usageMetadata": {"promptTokenCount": 7, "candidatesTokenCount": 1290,
                "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}]}});
        let imagen =
            json!({"predictions": [{"mimeType": "image/png", "bytesBase64Encoded": "iVBORw0KGgo="}]});
        let server = house.answers(vendor, &gemini);
        house.answers(vendor, &imagen);
        let ask = |model: &str| ImageRequest::new(format!("{vendor}/{model}"), "A lighthouse").size("16:9");

        let first = house.client.generate_image(ask("gemini-2.5-flash-image")).await.expect("a picture");
        let second = house.client.generate_image(ask("imagen-4").n(1)).await.expect("a picture");

        assert_eq!(first.reply.images[0].bytes(), second.reply.images[0].bytes());
        assert_eq!(first.usage().and_then(|usage| usage.image_output_tokens), Some(1_290), "{vendor}");
        let received = server.received();
        assert!(
            received[0].path.ends_with("models/gemini-2.5-flash-image:generateContent"),
            "{}",
            received[0].path
        );
        assert_eq!(
            received[0].json["generationConfig"],
            json!({"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "16:9"}})
        );
        assert!(received[1].path.ends_with("models/imagen-4:predict"), "{}", received[1].path);
        assert_eq!(
            received[1].json,
            json!({"instances": [{"prompt": "A lighthouse"}], "parameters": {"sampleCount": 1, "aspectRatio": "16:9"}})
        );
    }
}

#[tokio::test]
async fn speech_is_bytes_and_priced_by_the_character() {
    let house = House::new(&["openai"]);
    let openai =
        house.sandbox.openai().then(Raw::new(200, &b"ID3\0\0sound"[..]).header("content-type", "audio/mpeg"));
    let request = SpeechRequest::new("openai/tts-1", "alloy", "Grüß Gott").format("mp3");

    let answer = house.client.speak(request).await.expect("sound");

    assert_eq!(
        (&answer.reply.audio[..3], answer.reply.media_type.as_deref()),
        (&b"ID3"[..], Some("audio/mpeg"))
    );
    assert_eq!(answer.usage().and_then(|usage| usage.input_characters), Some(9));
    assert_eq!(answer.cost().map(|cost| cost.total.to_string()).as_deref(), Some("$0.000135"));
    let received = &openai.received()[0];
    assert!(received.path.ends_with("/audio/speech"));
    assert_eq!(
        received.json,
        json!({"model": "tts-1", "input": "Grüß Gott", "voice": "alloy", "response_format": "mp3"})
    );
}

#[tokio::test]
async fn google_speaks_in_samples() {
    let house = House::new(&["google"]);
    let part = json!({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AAEC"}});
    let google = house.answers(
        "google",
        &json!({"candidates": [{"content": {"parts": [part]}}],
        "usageMetadata": {"promptTokenCount": 4, "candidatesTokenCount": 30}}),
    );
    let request =
        SpeechRequest::new("google/gemini-2.5-flash-preview-tts", "Kore", "Hello").instructions("Calmly");

    let answer = house.client.speak(request.clone()).await.expect("sound");

    assert_eq!(&answer.reply.audio[..], &[0, 1, 2]);
    assert_eq!(answer.usage().and_then(|usage| usage.audio_output_tokens), Some(30));
    let sent = &google.received()[0].json;
    assert_eq!(sent["contents"][0]["parts"][0]["text"], "Calmly: Hello");
    let voice = sent.pointer("/generationConfig/speechConfig/voiceConfig/prebuiltVoiceConfig/voiceName");
    assert_eq!(voice, Some(&json!("Kore")));
    let refused = house.client.speak(request.format("mp3")).await.expect_err("there are samples only");
    assert!(refused.kind() == ErrorKind::Unsupported && refused.message().starts_with("format"), "{refused}");
}

#[tokio::test]
async fn a_recording_travels_as_a_form_and_is_priced_by_its_length() {
    let house = House::new(&["openai", "groq"]);
    let openai =
        house.answers("openai", &json!({"text": "Grüß Gott.", "usage": {"type": "duration", "seconds": 90}}));
    let sound: Vec<u8> = (0..=255).cycle().take(5_000).collect();
    let request = TranscriptRequest::new("openai/whisper-1", "greeting.mp3", sound.clone())
        .language("de")
        .extra(Wire::ChatCompletions, "temperature", json!(0.5));

    let answer = house.client.transcribe(request).await.expect("a text");

    assert_eq!(answer.reply.text, "Grüß Gott.");
    assert_eq!(answer.usage().and_then(|usage| usage.input_milliseconds), Some(90_000));
    assert_eq!(answer.cost().map(|cost| cost.total.to_string()).as_deref(), Some("$0.009"));
    let received = &openai.received()[0];
    assert!(received.path.ends_with("/audio/transcriptions"));
    let kind = received.header("content-type").expect("a type");
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a form");
    let body = &received.body;
    let text = String::from_utf8_lossy(body);
    for field in [
        "name=\"model\"\r\n\r\nwhisper-1\r\n",
        "name=\"language\"\r\n\r\nde\r\n",
        "name=\"temperature\"\r\n\r\n0.5\r\n",
        "name=\"response_format\"\r\n\r\njson\r\n",
        "name=\"file\"; filename=\"greeting.mp3\"\r\nContent-Type: audio/mpeg\r\n\r\n",
    ] {
        assert!(text.contains(field), "{field}");
    }
    assert!(body.windows(sound.len()).any(|window| window == sound), "the recording arrives byte for byte");
    assert!(text.ends_with(&format!("--{boundary}--\r\n")));
}

#[tokio::test]
async fn a_transcript_may_be_counted_in_tokens_or_come_as_subtitles() {
    let house = House::new(&["openai"]);
    house.answers(
        "openai",
        &json!({"text": "Hi", "usage": {"type": "tokens", "input_tokens": 14, "output_tokens": 3,
        "input_token_details": {"audio_tokens": 14, "text_tokens": 0}}}),
    );
    house
        .sandbox
        .openai()
        .then(Raw::new(200, "1\n00:00:00,000 --> 00:00:01,000\nHi\n").header("content-type", "text/plain"));
    let ask = || TranscriptRequest::new("openai/gpt-4o-transcribe", "a.wav", &b"RIFF"[..]);

    let counted = house.client.transcribe(ask()).await.expect("a text");
    let srt = ask().extra(Wire::ChatCompletions, "response_format", json!("srt"));
    let subtitles = house.client.transcribe(srt).await.expect("a text");

    let used = counted.usage().expect("a usage");
    assert_eq!(
        (used.input_tokens, used.audio_input_tokens, used.output_tokens),
        (Some(14), Some(14), Some(3))
    );
    assert!(counted.cost().is_some());
    assert!(subtitles.reply.text.starts_with("1\n00:00:00") && subtitles.cost().is_none());
    let sent = house.sandbox.openai().received();
    assert!(String::from_utf8_lossy(&sent[1].body).contains("name=\"response_format\"\r\n\r\nsrt\r\n"));
}

#[tokio::test]
async fn texts_are_judged_in_order() {
    let house = House::new(&["openai", "mistral"]);
    let result = |flagged: bool| {
        json!({"flagged": flagged, "categories": {"violence": flagged, "illicit": null},
            "category_scores": {"violence": 0.9}})
    };
    let openai = house.answers(
        "openai",
        &json!({"id": "m", "model": "omni-moderation-x", "results": [result(false), result(true)]}),
    );
    house.answers(
        "mistral",
        &json!({"results": [{"categories": {"pii": true}, "category_scores": {"pii": 0.99}}]}),
    );

    let answer =
        house.client.moderate(ModerationRequest::new("openai/omni-moderation-latest", ["a", "b"])).await;
    let other =
        house.client.moderate(ModerationRequest::new("mistral/mistral-moderation-latest", ["a"])).await;

    let answer = answer.expect("judgements");
    assert_eq!(
        answer.reply.results.iter().map(|one| one.flagged).collect::<Vec<_>>(),
        [Some(false), Some(true)]
    );
    assert!(answer.reply.is_flagged() && answer.reply.results[1].categories["violence"]);
    assert_eq!(openai.received()[0].json["input"], json!(["a", "b"]));
    let other = other.expect("judgements");
    assert_eq!((other.reply.results[0].flagged, other.reply.results[0].categories["pii"]), (None, true));
    house.answers("openai", &json!({"results": [result(true)]}));
    let short = house
        .client
        .moderate(ModerationRequest::new("openai/m", ["a", "b"]))
        .await
        .expect_err("one is missing");
    assert_eq!(short.kind(), ErrorKind::InvalidResponse);
}

#[tokio::test]
async fn questions_fail_over_and_are_accounted_like_chats() {
    let house = House::new(&["openai", "xai"]);
    house.sandbox.openai().then(Raw::new(503, "{}"));
    house.answers("xai", &json!({"data": [{"b64_json": "AAAA"}]}));

    let answer =
        house.client.generate_image(ImageRequest::new("pictures", "A lighthouse")).await.expect("a picture");

    assert_eq!((answer.target().to_string().as_str(), answer.attempts().len()), ("xai/any-model", 2));
    assert_eq!(answer.usage(), None::<&Usage>);
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_what_to_do() {
    let house = House::new(&["anthropic", "openai", "google"]);
    let client = &house.client;
    let nobody =
        client.generate_image(ImageRequest::new("anthropic/claude", "x")).await.expect_err("it has none");
    assert!(
        nobody.kind() == ErrorKind::Unsupported && nobody.message().contains("anthropic has no pictures"),
        "{nobody}"
    );
    for (error, word) in [
        (
            client.generate_image(ImageRequest::new("openai/m", " ")).await.expect_err("no prompt"),
            "description",
        ),
        (
            client.generate_image(ImageRequest::new("openai/m", "x").n(0)).await.expect_err("no picture"),
            "n is 0",
        ),
        (client.speak(SpeechRequest::new("openai/m", "", "x")).await.expect_err("no voice"), "voice"),
        (
            client
                .transcribe(TranscriptRequest::new("openai/m", "a\"\r\n.wav", &b"x"[..]))
                .await
                .expect_err("a bad name"),
            "file_name",
        ),
        (
            client
                .transcribe(TranscriptRequest::new("openai/m", "a.wav", &b""[..]))
                .await
                .expect_err("no sound"),
            "recording",
        ),
        (
            client
                .moderate(ModerationRequest::new("openai/m", Vec::<String>::new()))
                .await
                .expect_err("no text"),
            "judge",
        ),
    ] {
        assert!(error.kind() == ErrorKind::InvalidRequest && error.message().contains(word), "{error}");
    }
    let many = client
        .generate_image(ImageRequest::new("google/gemini-x-image", "x").n(2))
        .await
        .expect_err("one at once");
    assert!(many.kind() == ErrorKind::Unsupported && many.message().starts_with('n'), "{many}");
    assert!(
        house.sandbox.openai().received().is_empty() && house.sandbox.vendor("google").received().is_empty()
    );
}

#[tokio::test]
async fn an_answer_that_is_no_picture_or_sound_is_an_error_of_its_kind() {
    let house = House::new(&["openai", "google"]);
    let client = &house.client;
    for (vendor, body, kind) in [
        ("openai", json!({"data": []}), ErrorKind::InvalidResponse),
        ("openai", json!({"data": [{"b64_json": "***"}]}), ErrorKind::InvalidResponse),
        (
            "openai",
            json!({"error": {"message": "no", "code": "content_policy_violation", "type": "x", "status": 400}}),
            ErrorKind::ContentFiltered,
        ),
        ("google", json!({"candidates": [{"finishReason": "IMAGE_SAFETY"}]}), ErrorKind::ContentFiltered),
        ("google", json!({"promptFeedback": {"blockReason": "SAFETY"}}), ErrorKind::ContentFiltered),
        ("google", json!({"candidates": []}), ErrorKind::InvalidResponse),
    ] {
        house.sandbox.vendor(vendor).reset_script();
        for _ in 0..2 {
            house.answers(vendor, &body);
        }
        let error = client
            .generate_image(ImageRequest::new(format!("{vendor}/m"), "x"))
            .await
            .expect_err("no picture");
        assert_eq!(error.kind(), kind, "{body}: {error}");
    }
    let refusal = json!({"error": {"message": "slow down", "code": 429}});
    house.sandbox.openai().reset_script();
    for _ in 0..2 {
        house.answers("openai", &refusal);
    }
    let error = client.speak(SpeechRequest::new("openai/tts-1", "alloy", "x")).await.expect_err("no sound");
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}
