//! Batches that the vendor answers later, in OpenAI's and Anthropic's own formats over loopback.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test target may panic")]

use polyroute::account::{MemoryLedger, Query};
use polyroute::client::{BatchItem, BatchOutcome};
use polyroute::testing::{Fault, Sandbox, SandboxVendor, ScriptedProvider};
use polyroute::types::{BatchJob, BatchPhase, CallOptions, ResponseFormat, Scope};
use polyroute::{ChatRequest, Client, ErrorKind, Route, Settings, Tool, Usd};

const KEY: &str = "sk-CANARY-batch";

struct House {
    sandbox: Sandbox,
    client: Client,
}

impl House {
    async fn new() -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let vendor = |name| {
            let url = sandbox.vendor(name).require_key(KEY).url().to_owned();
            Settings::vendor(name).api_key(KEY).base_url(url)
        };
        let client = Client::builder()
            .vendor(vendor("openai"))
            .vendor(vendor("anthropic"))
            .vendor(vendor("groq"))
            .provider(ScriptedProvider::new("own"))
            .route("route", Route::ordered(["openai/gpt-6-luna"]))
            .ledger(MemoryLedger::new(1_000))
            .build()
            .unwrap();
        Self { sandbox, client }
    }

    fn vendor(&self, model: &str) -> SandboxVendor {
        self.sandbox.vendor(model.split_once('/').unwrap().0)
    }

    /// Waits as an application would, without the pauses.
    async fn until_ended(&self, job: &BatchJob) -> u64 {
        for _ in 0..10 {
            let state = self.client.batch_state(job).await.unwrap();
            if state.phase == BatchPhase::Ended {
                return state.answered;
            }
        }
        panic!("the batch never ends")
    }
}

const MODELS: [&str; 2] = ["openai/gpt-6-luna", "anthropic/claude-haiku-4-5"];

fn questions(model: &str, count: usize) -> Vec<ChatRequest> {
    (0..count)
        .map(|number| {
            ChatRequest::new(model)
                .user(format!("Question {number}"))
                .max_output_tokens(50)
                .options(CallOptions::new().scope("team", "night"))
        })
        .collect()
}

fn cost(item: &BatchItem) -> Usd {
    item.answer().unwrap().cost.unwrap()
}

#[tokio::test]
async fn a_batch_is_handed_over_waited_for_and_paid_at_the_batch_price() {
    let house = House::new().await;
    for model in MODELS {
        let job = house.client.submit_batch(questions(model, 20)).await.unwrap();
        assert_eq!((job.requests, &*job.target), (20, model));
        let first = house.client.batch_state(&job).await.unwrap();
        assert_eq!((first.phase, first.answered), (BatchPhase::Running, 0));
        let early = house.client.batch_results(&job).await.unwrap_err();
        assert_eq!(early.kind(), ErrorKind::InvalidRequest);
        // Kept as JSON and taken up by somebody else.
        let kept = serde_json::to_string(&job).unwrap();
        let job: BatchJob = serde_json::from_str(&kept).unwrap();
        assert_eq!(house.until_ended(&job).await, 20);

        let items = house.client.batch_results(&job).await.unwrap();

        for (index, item) in items.iter().enumerate() {
            assert_eq!(item.index, index);
            let expected =
                format!("You wrote {} characters: Question {index}", format!("Question {index}").len());
            assert_eq!(item.text().unwrap(), expected);
            let usage = item.answer().unwrap().reply.usage.clone().unwrap();
            let standard = house.client.cost_of(&model.parse().unwrap(), &usage).unwrap().total;
            assert_eq!(cost(item).pico() * 2, standard.pico(), "half price");
        }
        let total: Usd = items.iter().map(cost).sum();
        // However often they are fetched, they are booked once.
        for _ in 0..3 {
            house.client.batch_results(&job).await.unwrap();
        }
        let night = Query::all().vendor(model.split_once('/').unwrap().0).scope("team", "night");
        let booked = house.client.books().unwrap().totals(&night).await.unwrap();
        assert_eq!((booked.calls, booked.attempts, booked.cost), (20, 20, total));
    }
}

#[tokio::test]
async fn a_request_that_fails_inside_a_batch_is_an_item_not_the_end() {
    let house = House::new().await;
    for model in MODELS {
        let mut requests = questions(model, 3);
        requests[1] = requests[1].clone().extra(Scope::Any, "surprise", serde_json::json!(1));

        let job = house.client.submit_batch(requests).await.unwrap();
        assert_eq!(house.until_ended(&job).await, 2);
        let items = house.client.batch_results(&job).await.unwrap();

        assert!(items[0].answer().is_some() && items[2].answer().is_some());
        let BatchOutcome::Failed(error) = &items[1].outcome else { panic!("{items:?}") };
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{model}: {error}");
        assert_eq!(error.target().unwrap().to_string(), model);
    }
}

#[tokio::test]
async fn a_cancelled_batch_ends_with_what_was_answered() {
    let house = House::new().await;
    for model in MODELS {
        let job = house.client.submit_batch(questions(model, 3)).await.unwrap();

        house.client.cancel_batch(&job).await.unwrap();
        assert_eq!(house.until_ended(&job).await, 1);
        let items = house.client.batch_results(&job).await.unwrap();

        assert!(items[0].answer().is_some());
        for item in &items[1..] {
            let BatchOutcome::Failed(error) = &item.outcome else { panic!("{item:?}") };
            assert!(error.is_retryable() && error.message().contains("cancelled"), "{error}");
        }
    }
}

#[tokio::test]
async fn the_key_goes_to_the_vendor_only_and_never_into_an_error() {
    let house = House::new().await;
    for model in MODELS {
        let job = house.client.submit_batch(questions(model, 1)).await.unwrap();
        house.until_ended(&job).await;
        house.client.batch_results(&job).await.unwrap();
        // The results' address in the vendor's answer leads elsewhere and is not followed; names stay one segment.
        for id in ["../../admin", "a/b?c#d", "", ".", ".."] {
            let mut other = job.clone();
            other.id = id.to_owned();
            let error = house.client.batch_state(&other).await.unwrap_err();
            assert!(!format!("{error:?} {error}").contains("CANARY"), "{error:?}");
        }
        let paths: Vec<_> = house.vendor(model).received().into_iter().map(|request| request.path).collect();
        assert!(paths.iter().all(|path| path.starts_with("/v1/") && !path.contains("/admin")), "{paths:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_a_batch_is_refused_before_anything_is_sent() {
    let house = House::new().await;
    let mut payers = questions(MODELS[0], 2);
    payers[1].options = None;
    let mixed = vec![questions(MODELS[0], 1).remove(0), questions(MODELS[1], 1).remove(0)];
    let renamed = questions(MODELS[0], 1).remove(0).tool(Tool::function(
        "look.up",
        "It does",
        serde_json::json!({"type": "object", "properties": {}}),
    ));
    for (requests, kind) in [
        (Vec::new(), ErrorKind::InvalidRequest),
        (payers, ErrorKind::InvalidRequest),
        (mixed, ErrorKind::InvalidRequest),
        (questions("route", 1), ErrorKind::InvalidRequest),
        (questions("groq/openai/gpt-oss-20b", 1), ErrorKind::Unsupported),
        (questions("own/m", 1), ErrorKind::Unsupported),
        (questions("nobody/m", 1), ErrorKind::NoRoute),
        (vec![renamed], ErrorKind::Unsupported),
    ] {
        let error = house.client.submit_batch(requests).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert_eq!(MODELS.map(|model| house.vendor(model).requests()), [0, 0]);
}

#[tokio::test]
async fn a_vendor_that_fails_is_an_error_of_its_kind_and_nothing_is_sent_twice() {
    let house = House::new().await;
    for model in MODELS {
        for (fault, kind) in [
            (Fault::Status(401), ErrorKind::Authentication),
            (Fault::Status(429), ErrorKind::RateLimited),
            (Fault::Status(500), ErrorKind::Server),
            (Fault::Reset, ErrorKind::Connection),
        ] {
            let before = house.vendor(model).requests();
            house.vendor(model).then(fault);

            let error = house.client.submit_batch(questions(model, 1)).await.unwrap_err();

            assert_eq!(error.kind(), kind, "{model}: {error}");
            assert_eq!(house.vendor(model).requests(), before + 1);
        }
    }
}

#[tokio::test]
async fn answers_in_a_schema_come_back_in_it() {
    let house = House::new().await;
    let schema = serde_json::json!({"type": "object", "properties": {"name": {"type": "string"}},
        "required": ["name"], "additionalProperties": false});
    let request =
        questions(MODELS[0], 1).remove(0).response_format(ResponseFormat::json_schema("city", schema));

    let job = house.client.submit_batch([request]).await.unwrap();
    house.until_ended(&job).await;
    let items = house.client.batch_results(&job).await.unwrap();

    let city: serde_json::Value = serde_json::from_str(&items[0].text().unwrap()).unwrap();
    assert!(city["name"].is_string());
}
