//! Batches of which a part is answered by vendors in their own time, over loopback.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use futures::FutureExt as _;
use polyroute::client::{BatchOutcome, BatchProgress, BatchReport, Origin};
use polyroute::clock::{Clock, Sleep};
use polyroute::quota::{Limit, Limits, Unit, Window};
use polyroute::store::MemoryStore;
use polyroute::testing::{Fault, Sandbox, VirtualClock};
use polyroute::types::{BatchPhase, CallOptions, Usage};
use polyroute::{ChatRequest, Client, ErrorKind, Route, Settings, Usd};

#[path = "support/folder.rs"]
mod folder;
use folder::Folder;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Pauses of up to a minute pass at once; limits on answers that are on their way over loopback never do.
#[derive(Clone, Debug)]
struct Impatient(VirtualClock);

impl Clock for Impatient {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn wall(&self) -> SystemTime {
        self.0.wall()
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let clock = self.0.clone();
        Box::pin(async move {
            if duration > MINUTE {
                std::future::pending::<()>().await;
            }
            clock.advance(duration);
        })
    }
}

struct House {
    clock: VirtualClock,
    sandbox: Sandbox,
    folder: Folder,
    client: Client,
}

const OPENAI: &str = "openai/gpt-6-luna";
const ANTHROPIC: &str = "anthropic/claude-haiku-4-5";
const GROQ: &str = "groq/openai/gpt-oss-20b";

impl House {
    async fn new(name: &str) -> Self {
        Self::with(name, Limits::new()).await
    }

    async fn with(name: &str, limits: Limits) -> Self {
        let sandbox = Sandbox::start().await.unwrap();
        let vendor =
            |name| Settings::vendor(name).api_key("sk-test").base_url(sandbox.vendor(name).url().to_owned());
        let time = VirtualClock::manual(UNIX_EPOCH + Duration::from_secs(1_764_000_000));
        let clock = Impatient(time.clone());
        let client = Client::builder()
            .vendor(vendor("openai"))
            .vendor(vendor("anthropic"))
            .vendor(vendor("groq"))
            .route("night", Route::ordered([OPENAI, ANTHROPIC]))
            .limits(limits)
            .store(MemoryStore::new(1_000, Arc::new(clock.clone())))
            .clock(clock)
            .seed(1)
            .build()
            .unwrap();
        Self { clock: time, sandbox, folder: Folder::new(name), client }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path("journal.jsonl")
    }

    async fn run(&self, requests: Vec<ChatRequest>) -> BatchReport {
        self.client.batch(requests).journal(self.journal()).vendor_batches(DAY).run().await.unwrap()
    }

    /// How often a vendor was asked so.
    fn asked(&self, vendor: &str, method: &str, path: &str) -> usize {
        let received = self.sandbox.vendor(vendor).received();
        received.iter().filter(|request| request.method == method && request.path == path).count()
    }

    fn batches(&self) -> [usize; 2] {
        [self.asked("openai", "POST", "/v1/batches"), self.asked("anthropic", "POST", "/v1/messages/batches")]
    }

    fn direct(&self) -> [usize; 2] {
        [
            self.asked("openai", "POST", "/v1/chat/completions"),
            self.asked("anthropic", "POST", "/v1/messages"),
        ]
    }
}

fn question(model: &str, number: usize) -> ChatRequest {
    ChatRequest::new(model).user(format!("Question {number}")).max_output_tokens(50)
}

fn questions(model: &str, count: usize) -> Vec<ChatRequest> {
    (0..count).map(|number| question(model, number)).collect()
}

fn expected(number: usize) -> String {
    format!("You wrote {} characters: Question {number}", format!("Question {number}").len())
}

#[tokio::test]
async fn what_a_vendor_sells_cheaper_is_answered_in_its_own_time_and_the_rest_directly() {
    let house = House::new("mixed").await;
    let seen: Arc<Mutex<Vec<BatchProgress>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let mut requests: Vec<ChatRequest> =
        [OPENAI, ANTHROPIC, GROQ, "night"].iter().flat_map(|model| questions(model, 5)).collect();
    let mut hurried = question(OPENAI, 0);
    hurried.service_tier = Some("flex".into());
    requests.push(hurried);
    requests.push(question(OPENAI, 1).options(CallOptions::new().tag("other payer")));

    let report = house
        .client
        .batch(requests)
        .journal(house.journal())
        .vendor_batches(DAY)
        .on_progress(move |progress| keep.lock().unwrap().push(progress.clone()))
        .run()
        .await
        .unwrap();

    assert_eq!((report.answered(), report.failed(), report.not_run()), (22, 0, 0), "{report:?}");
    for item in &report.items[..20] {
        assert_eq!(item.text().unwrap(), expected(item.index % 5));
        let answer = item.answer().unwrap();
        let usage = answer.reply.usage.clone().unwrap();
        let standard = house.client.cost_of(&answer.target, &usage).unwrap().total.pico();
        let share = if answer.target.provider() == "groq" { 1 } else { 2 };
        assert_eq!(answer.cost.unwrap().pico() * share, standard, "{}", answer.target);
    }
    // Those on the route went to the vendor of its first target, together with the others for it.
    assert_eq!((house.batches(), house.direct()), ([2, 1], [1, 0]));
    let total: Usd = report.items.iter().filter_map(|item| item.answer()?.cost).sum();
    assert_eq!((report.spent, report.unknown), (total, 0));
    let seen = seen.lock().unwrap();
    assert!(seen.iter().any(|progress| progress.at_vendors == 16), "{seen:?}");
    let mut at_vendors: Vec<usize> = seen.iter().map(|progress| progress.at_vendors).collect();
    at_vendors.dedup();
    assert_eq!(at_vendors.len(), 6, "three batches, each handed over once and fetched once: {at_vendors:?}");
    assert_eq!((seen.last().unwrap().at_vendors, seen.last().unwrap().done), (0, 22));
}

#[tokio::test]
async fn without_leave_no_vendor_is_handed_anything() {
    let house = House::new("off").await;

    let report = house.client.batch(questions(OPENAI, 3)).run().await.unwrap();

    assert_eq!((report.answered(), house.batches(), house.direct()), (3, [0, 0], [3, 0]));
}

#[tokio::test]
async fn a_run_that_is_killed_finds_its_batches_again_and_pays_nothing_twice() {
    for model in [OPENAI, ANTHROPIC] {
        let house = House::new(&format!("killed {}", &model[..4])).await;
        let lines = || fs::read_to_string(house.journal()).map_or(0, |text| text.lines().count());
        // Killed once the vendor has taken it: title, handing over, handed over.
        {
            let batch = house.client.batch(questions(model, 6)).journal(house.journal());
            let mut run = Box::pin(batch.vendor_batches(DAY).run());
            while lines() < 3 {
                assert!(run.as_mut().now_or_never().is_none(), "it ended before it was killed");
                tokio::task::yield_now().await;
            }
        }

        // Another number of the same questions, in another order; one of them was not asked before, one no longer is.
        let mut again = questions(model, 7);
        again.remove(0);
        again.reverse();
        let report = house.run(again).await;

        assert_eq!((report.answered(), report.failed()), (6, 0), "{report:?}");
        for item in &report.items {
            assert_eq!(item.text().unwrap(), expected(6 - item.index));
        }
        // The new one went into a batch of its own.
        assert_eq!((house.batches().iter().sum::<usize>(), house.direct()), (2, [0, 0]));
        let paid: Usd = report.items.iter().filter_map(|item| item.answer()?.cost).sum();
        assert!(report.spent > paid, "what was paid for the question that is no longer asked counts");

        // All of it is in the journal now, also that one.
        let (before, spent) = (house.batches(), report.spent);
        let report = house.run(questions(model, 7)).await;
        assert_eq!((report.resumed, report.spent, house.batches()), (7, spent, before));
        assert!(report.items.iter().all(|item| item.answer().unwrap().origin == Origin::Journal));
    }
}

#[tokio::test]
async fn killed_while_its_results_were_written_down_a_run_writes_the_rest() {
    let house = House::new("half written").await;
    let same = || vec![question(OPENAI, 1); 4];
    house.run(same()).await;
    let text = fs::read_to_string(house.journal()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 8, "a title, three lines on the batch, four answers: {text}");
    // Only two answers and not the last line were written.
    fs::write(house.journal(), format!("{}\n", lines[..5].join("\n"))).unwrap();

    let report = house.run(same()).await;

    assert_eq!((report.answered(), report.resumed), (4, 2));
    assert_eq!((house.batches(), house.direct()), ([1, 0], [0, 0]));
    let costs: Usd = report.items.iter().filter_map(|item| item.answer()?.cost).sum();
    assert_eq!(report.spent, costs);
}

#[tokio::test]
async fn killed_in_the_moment_of_handing_over_a_run_asks_nobody_until_it_is_told_to() {
    let house = House::new("in doubt").await;
    house.run(questions(OPENAI, 2)).await;
    let text = fs::read_to_string(house.journal()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    fs::write(house.journal(), format!("{}\n", lines[..2].join("\n"))).unwrap();
    let before = house.sandbox.vendor("openai").requests();

    let report = house.run(questions(OPENAI, 3)).await;

    // The third is none of them.
    assert_eq!((report.answered(), report.failed()), (1, 2));
    let BatchOutcome::Failed(error) = &report.items[0].outcome else { panic!("{report:?}") };
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.message().contains("line 2 of the journal"), "{error}");
    assert!(house.sandbox.vendor("openai").requests() > before);
    assert_eq!(house.batches(), [2, 0]);

    let text = fs::read_to_string(house.journal()).unwrap();
    let kept: Vec<&str> = text.lines().enumerate().filter(|(place, _)| *place != 1).map(|(_, l)| l).collect();
    fs::write(house.journal(), format!("{}\n", kept.join("\n"))).unwrap();
    let report = house.run(questions(OPENAI, 3)).await;
    assert_eq!((report.answered(), report.resumed, house.batches()), (3, 1, [3, 0]));
}

#[tokio::test]
async fn what_a_vendor_refuses_is_asked_directly_and_what_it_may_have_taken_is_not() {
    let house = House::new("refused").await;
    house.sandbox.vendor("openai").then(Fault::Status(429));
    house.sandbox.vendor("anthropic").then(Fault::Reset);
    let requests = [questions(OPENAI, 2), questions(ANTHROPIC, 2)].concat();

    let report = house.run(requests.clone()).await;

    assert_eq!((report.answered(), report.failed(), report.unknown), (2, 2, 2));
    assert!(report.items[..2].iter().all(|item| item.answer().is_some()));
    let BatchOutcome::Failed(error) = &report.items[3].outcome else { panic!("{report:?}") };
    assert!(error.message().contains("may have taken it"), "{error}");
    assert_eq!((house.batches(), house.direct()), ([0, 1], [2, 0]));

    // Nor is it by the next run.
    let report = house.run(requests).await;
    assert_eq!((report.answered(), report.failed()), (2, 2));
    assert_eq!((house.batches(), house.direct()), ([0, 1], [2, 0]));
}

#[tokio::test]
async fn when_patience_is_over_the_batch_is_cancelled_and_the_rest_asked_directly() {
    for model in [OPENAI, ANTHROPIC] {
        let house = House::new(&format!("patience {}", &model[..4])).await;
        let batch = house.client.batch(questions(model, 4)).journal(house.journal());

        let report = batch.vendor_batches(Duration::from_secs(30)).run().await.unwrap();

        assert_eq!((report.answered(), report.failed()), (4, 0), "{report:?}");
        // Of a cancelled batch the sandbox answers the first request.
        let halves = report.items.iter().filter(|item| {
            let answer = item.answer().unwrap();
            let usage = answer.reply.usage.clone().unwrap();
            answer.cost.unwrap() < house.client.cost_of(&answer.target, &usage).unwrap().total
        });
        assert_eq!(halves.map(|item| item.index).collect::<Vec<_>>(), [0]);
        assert_eq!(house.direct().iter().sum::<usize>(), 3);
    }
}

#[tokio::test]
async fn a_request_that_fails_at_the_vendor_fails_and_is_not_asked_again() {
    let house = House::new("failing").await;
    let mut requests = questions(OPENAI, 3);
    requests[1] = requests[1].clone().extra(polyroute::types::Scope::Any, "surprise", serde_json::json!(1));

    let report = house.run(requests).await;

    assert_eq!((report.answered(), report.failed(), house.direct()), (2, 1, [0, 0]));
    let BatchOutcome::Failed(error) = &report.items[1].outcome else { panic!("{report:?}") };
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn the_budget_of_a_batch_counts_vendors_at_their_batch_price() {
    // What ten may cost at the batch price is what a limit holds for them.
    let budget: Usd = "1".parse().unwrap();
    let house = House::with("own budget", Limits::new().limit(Limit::cost(budget, Window::lifetime()))).await;
    house.client.submit_batch(questions(OPENAI, 10)).await.unwrap();
    let left = house.client.facts(question("night", 0)).unwrap().budget_left.unwrap();
    let most = budget.pico() - left.pico();

    // Where not everything fits, as much as fits is handed over.
    for (budget, batches, direct) in [(most, 1, 0), (most - 1, 1, 1)] {
        let fresh = House::new(&format!("own budget {direct}")).await;
        let batch = fresh.client.batch(questions(OPENAI, 10)).budget(Usd::from_pico(budget));

        let report = batch.vendor_batches(DAY).run().await.unwrap();

        assert_eq!(report.answered(), 10, "{report:?}");
        assert_eq!((fresh.batches(), fresh.direct()), ([batches, 0], [direct, 0]));
    }
    let none = house
        .client
        .batch(questions(OPENAI, 10))
        .budget(Usd::from_pico(1))
        .vendor_batches(DAY)
        .run()
        .await
        .unwrap();
    assert_eq!((none.not_run(), house.batches()), (10, [1, 0]));
}

#[tokio::test]
async fn as_much_is_handed_over_as_the_limits_have_room_for() {
    let limits = Limits::new().limit(Limit::requests(7, Window::lifetime()).named("requests"));
    let house = House::with("room for seven", limits).await;

    let report = house.client.batch(questions(OPENAI, 10)).vendor_batches(DAY).run().await.unwrap();

    assert_eq!((report.answered(), report.failed()), (7, 3), "{report:?}");
    assert_eq!((house.batches(), house.direct()), ([2, 0], [0, 0]));
}

#[tokio::test]
async fn a_batch_in_doubt_stays_in_the_budget_of_this_run_and_the_next() {
    let house = House::new("doubtful budget").await;
    house.sandbox.vendor("anthropic").then(Fault::Reset);
    let mut requests = questions(ANTHROPIC, 4);
    requests.extend(questions(GROQ, 1));
    let haiku = house.client.cost_of(&ANTHROPIC.parse().unwrap(), &Usage::of(1, 50)).unwrap().total;
    // Enough for the four at the batch price, and not for anything beside.
    let limited =
        House::with("measure", Limits::new().limit(Limit::cost("1".parse().unwrap(), Window::lifetime())))
            .await;
    limited.client.submit_batch(questions(ANTHROPIC, 4)).await.unwrap();
    let left = limited.client.facts(question("night", 0)).unwrap().budget_left.unwrap();
    let budget = Usd::from_pico("1".parse::<Usd>().unwrap().pico() - left.pico());
    assert!(budget > haiku);

    for _ in 0..2 {
        let batch = house.client.batch(requests.clone()).journal(house.journal()).budget(budget);
        let report = batch.vendor_batches(DAY).run().await.unwrap();

        assert_eq!((report.failed(), report.not_run(), report.answered()), (4, 1, 0), "{report:?}");
    }
    assert_eq!(house.batches(), [0, 1]);
}

#[tokio::test]
async fn a_vendor_that_will_never_answer_is_not_asked_for_hours() {
    let house = House::new("revoked").await;
    let batch = house.client.batch(questions(OPENAI, 2)).journal(house.journal());
    let seen = Arc::new(Mutex::new(false));
    let once = Arc::clone(&seen);
    let vendor = house.sandbox.vendor("openai");
    let batch = batch.vendor_batches(DAY).on_progress(move |progress| {
        if progress.at_vendors == 2 && !std::mem::replace(&mut *once.lock().unwrap(), true) {
            vendor.then(Fault::Status(401));
        }
    });

    let report = batch.run().await.unwrap();

    assert_eq!(report.failed(), 2, "{report:?}");
    let BatchOutcome::Failed(error) = &report.items[0].outcome else { panic!("{report:?}") };
    assert_eq!(error.kind(), ErrorKind::Authentication);
    // What it has is found by the next run.
    assert_eq!((house.run(questions(OPENAI, 2)).await.answered(), house.batches()), (2, [1, 0]));
}

#[tokio::test]
async fn a_batch_holds_its_price_of_every_budget_until_its_results_are_fetched_and_counts_once() {
    let team = || CallOptions::new().scope("team", "night");
    let asked =
        |count| questions(OPENAI, count).into_iter().map(|one| one.options(team())).collect::<Vec<_>>();
    let limits = |dollars: Usd| {
        Limits::new()
            .limit(Limit::cost(dollars, Window::lifetime()).each("team").named("budget"))
            .limit(Limit::requests(25, Window::rolling(MINUTE)).each("vendor").named("requests"))
            .limit(Limit::requests(1, Window::refill(MINUTE)).named("rate"))
            .limit(Limit::parallel(1))
    };
    let poor = House::with("poor", limits(Usd::from_pico(1_000))).await;
    let error = poor.client.submit_batch(asked(10)).await.unwrap_err();
    assert_eq!((error.kind(), error.may_be_billed()), (ErrorKind::BudgetExceeded, false), "{error}");
    assert_eq!(poor.sandbox.vendor("openai").requests(), 0);
    // A batch falls back to direct calls, which pass no budget either.
    let report = poor.client.batch(asked(2)).vendor_batches(DAY).run().await.unwrap();
    assert_eq!((report.failed(), poor.sandbox.vendor("openai").requests()), (2, 0));

    let house = House::with("rich", limits("0.005".parse().unwrap())).await;
    let left = || house.client.facts(question("night", 0).options(team())).unwrap().budget_left.unwrap();
    let whole = left();
    let job = house.client.submit_batch(asked(20)).await.unwrap();
    let held = whole.pico() - left().pico();
    // Ten more requests are too many for this vendor's minute, and nothing is left held of what was refused.
    let error = house.client.submit_batch(asked(10)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded, "{error}");
    assert_eq!(whole.pico() - left().pico(), held);
    // A vendor that refuses gives back what was held for it.
    house.sandbox.vendor("openai").then(Fault::Status(401));
    house.client.submit_batch(asked(1)).await.unwrap_err();
    assert_eq!(whole.pico() - left().pico(), held);

    while house.client.batch_state(&job).await.unwrap().phase != BatchPhase::Ended {}
    let kept: polyroute::types::BatchJob =
        serde_json::from_str(&serde_json::to_string(&job).unwrap()).unwrap();
    let mut paid = Usd::ZERO;
    for _ in 0..3 {
        let items = house.client.batch_results(&kept).await.unwrap();
        paid = items.iter().filter_map(|item| item.answer()?.cost).sum();
    }
    assert!(paid > Usd::ZERO && paid.pico() < held);
    assert_eq!(whole.pico() - left().pico(), paid.pico());
}

#[tokio::test]
async fn a_batch_counts_in_the_window_that_runs_when_its_results_are_fetched() {
    let limits = Limits::new().limit(Limit::cost("1".parse().unwrap(), Window::calendar(Unit::Day)));
    let house = House::with("another day", limits).await;
    let left = || house.client.facts(question("night", 0)).unwrap().budget_left.unwrap().pico();
    let whole = left();
    let job = house.client.submit_batch(questions(OPENAI, 20)).await.unwrap();
    assert!(left() < whole);

    house.clock.advance(DAY);
    assert_eq!(left(), whole);
    while house.client.batch_state(&job).await.unwrap().phase != BatchPhase::Ended {}
    let items = house.client.batch_results(&job).await.unwrap();
    // Long after the store itself has forgotten that it was settled.
    house.clock.advance(Duration::from_secs(3 * 3_600));
    house.client.batch_results(&job).await.unwrap();

    let paid: Usd = items.iter().filter_map(|item| item.answer()?.cost).sum();
    assert_eq!(whole - left(), paid.pico());
}
