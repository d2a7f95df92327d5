//! New prices while the client runs.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use polyroute::account::{EntryKind, GroupBy, MemoryLedger, Query};
use polyroute::catalog::Date;
use polyroute::client::PriceFeed;
use polyroute::telemetry::{Event, Observer};
use polyroute::testing::{ScriptedProvider, ScriptedStep, VirtualClock};
use polyroute::transport::GuardedFetcher;
use polyroute::types::{PriceSource, Reply, Usage};
use polyroute::{Client, ErrorKind, Price, Route};

#[path = "support/folder.rs"]
mod folder;
use folder::Folder;

#[derive(Clone, Debug, Default)]
struct Told(Arc<Mutex<Vec<String>>>);

impl Observer for Told {
    fn observe(&self, event: &Event<'_>) {
        match event {
            Event::PricesUpdated => self.0.lock().unwrap().push("updated".into()),
            Event::PriceUpdateRefused(error) => self.0.lock().unwrap().push(error.kind().to_string()),
            _ => {}
        }
    }
}

struct House {
    client: Client,
    told: Told,
    folder: Folder,
}

/// `lab/m` and `den/m`, of which nothing is known before an update, and `own/m`, priced by the application.
fn house(name: &str) -> House {
    house_on(name, None)
}

/// As [`house`], with answers that come when `clock` says so.
fn house_on(name: &str, slow: Option<&VirtualClock>) -> House {
    let clock = VirtualClock::automatic("2026-12-01".parse::<Date>().unwrap().start());
    let told = Told::default();
    let answer = || Reply::text("Yes.").with_usage(Usage::of(1_000_000, 0));
    let step = move || ScriptedStep::new().pause(Duration::from_secs(10)).reply(answer());
    let pace = slow.unwrap_or(&clock);
    let provider = |name| ScriptedProvider::new(name).on_clock(pace.clone()).always(step);
    let client = Client::builder()
        .provider(provider("lab"))
        .provider(provider("den"))
        .provider(provider("own"))
        .price("own/m", Price::per_million("9", "9").unwrap())
        .route("cheap", Route::cheapest(["lab/m", "den/m"]))
        .clock(clock.clone())
        .observer(told.clone())
        .ledger(MemoryLedger::new(10_000))
        .seed(1)
        .build()
        .unwrap();
    House { client, told, folder: Folder::new(name) }
}

fn update(day: &str, lab: &str, den: &str) -> String {
    format!(
        r#"{{"as_of": "{day}", "models": [
            {{"provider": "lab", "id": "m", "input": "{lab}", "output": "1"}},
            {{"provider": "den", "id": "m", "input": "{den}", "output": "1"}},
            {{"provider": "own", "id": "m", "input": "1", "output": "1"}}]}}"#
    )
}

impl House {
    async fn load(&self, json: &str) -> polyroute::Result<polyroute::catalog::Revision> {
        let path = self.folder.path("prices.json");
        fs::write(&path, json).unwrap();
        self.client.update_prices(&PriceFeed::file(path)).await
    }

    async fn price_of(&self, model: &str) -> Option<String> {
        let answer = self.client.chat((model, "?")).await.unwrap();
        answer.cost().map(|cost| cost.total.to_string())
    }
}

#[tokio::test]
async fn an_update_prices_every_call_that_begins_after_it() {
    let house = house("begins");
    assert_eq!(house.price_of("lab/m").await, None);

    let revision = house.load(&update("2026-11-30", "3", "2")).await.unwrap();

    assert_eq!(revision.to_string(), "2026-11-30.0");
    assert_eq!(house.price_of("lab/m").await.as_deref(), Some("$3"));
    assert_eq!(house.price_of("own/m").await.as_deref(), Some("$9"));
    // Routes go by the new prices, too.
    assert_eq!(house.client.chat(("cheap", "?")).await.unwrap().target().to_string(), "den/m");
    house.load(&update("2026-12-01", "3", "4")).await.unwrap();
    let answer = house.client.chat(("cheap", "?")).await.unwrap();
    assert_eq!(answer.target().to_string(), "lab/m");
    assert_eq!(answer.cost().unwrap().source, PriceSource::Update("2026-12-01.0".into()));
    assert_eq!(*house.told.0.lock().unwrap(), ["updated", "updated"]);
}

#[tokio::test]
async fn a_thousand_running_calls_keep_their_prices_and_none_fails() {
    let pace = VirtualClock::manual(UNIX_EPOCH);
    let house = house_on("running", Some(&pace));
    house.load(&update("2026-11-30", "3", "5")).await.unwrap();
    let running = join_all((0..1_000).map(|_| house.client.chat(("cheap", "?"))));
    let change = async {
        while pace.pending() < 1_000 {
            tokio::task::yield_now().await;
        }
        house.load(&update("2026-12-01", "7", "6")).await.unwrap();
        pace.advance(Duration::from_secs(10));
    };

    let (answers, ()) = tokio::join!(running, change);

    assert!(answers.into_iter().all(|answer| answer.unwrap().cost().unwrap().total.to_string() == "$3"));
    let (price, ()) = tokio::join!(house.price_of("cheap"), async {
        pace.advance_to_next();
    });
    assert_eq!(price.as_deref(), Some("$6"));
    let books = house.client.books().unwrap();
    let attempts = Query::all().kind(EntryKind::Attempt);
    let versions = books.totals_by(GroupBy::PriceVersion, &attempts).await.unwrap();
    let versions: Vec<_> = versions
        .iter()
        .map(|(version, totals)| (&**version, totals.attempts, totals.cost.to_string()))
        .collect();
    assert_eq!(versions, [("2026-11-30.0+own", 1_000, "$3000".into()), ("2026-12-01.0+own", 1, "$6".into())]);
}

#[tokio::test]
async fn an_update_that_is_refused_leaves_everything_as_it_was_and_says_so() {
    let house = house("refused");
    house.load(&update("2026-11-30", "3", "2")).await.unwrap();

    for json in ["", "{", "PRICES", &update("2026-11-29", "3", "2"), &update("2026-12-01", "0.03", "2")] {
        let error = house.load(json).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{json}");
    }
    let missing = PriceFeed::file(house.folder.path("missing.json"));
    assert_eq!(house.client.update_prices(&missing).await.unwrap_err().kind(), ErrorKind::Storage);

    assert_eq!(house.price_of("lab/m").await.as_deref(), Some("$3"));
    assert_eq!(house.client.catalogue().version(), "2026-11-30.0+own");
    let told = house.told.0.lock().unwrap();
    assert_eq!(told[0], "updated");
    assert_eq!(
        told[1..],
        ["configuration", "configuration", "configuration", "configuration", "configuration", "storage"]
    );
}

#[tokio::test]
async fn only_what_the_owner_of_the_key_signed_is_believed() {
    let house = house("signed");
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = STANDARD.encode(pair.public_key().as_ref()).parse().unwrap();
    let json = update("2026-11-30", "3", "2");
    let path = house.folder.path("prices.json");
    let feed = PriceFeed::file(&path).signed_by(key);
    fs::write(&path, &json).unwrap();

    assert_eq!(house.client.update_prices(&feed).await.unwrap_err().kind(), ErrorKind::Storage);
    let signature = house.folder.path("prices.json.sig");
    for forged in
        [String::new(), "AAAA".into(), STANDARD.encode([0; 64]), STANDARD.encode(pair.sign(b"other"))]
    {
        fs::write(&signature, forged).unwrap();
        assert_eq!(house.client.update_prices(&feed).await.unwrap_err().kind(), ErrorKind::Configuration);
    }
    assert_eq!(house.price_of("lab/m").await, None);
    fs::write(&signature, STANDARD.encode(pair.sign(json.as_bytes()))).unwrap();
    house.client.update_prices(&feed).await.unwrap();

    assert_eq!(house.price_of("lab/m").await.as_deref(), Some("$3"));
}

#[tokio::test]
async fn an_update_is_fetched_and_never_from_inside_unless_that_is_allowed() {
    let house = house("fetched");
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let key = STANDARD.encode(pair.public_key().as_ref()).parse().unwrap();
    let signed = move |json: &str| STANDARD.encode(pair.sign(json.as_bytes()));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/prices.json?token=1", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut asked = [0; 4_096];
            let length = stream.read(&mut asked).unwrap_or(0);
            let json = update("2026-11-30", "3", "2");
            let answer = match &asked[..length] {
                sig if sig.starts_with(b"GET /prices.json.sig?token=1 ") => signed(&json),
                _ => json,
            };
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            let _ = stream.write_all(format!("{head}{answer}").as_bytes());
        }
    });

    let refused = house.client.update_prices(&PriceFeed::url(&url).unwrap()).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Configuration);
    assert_eq!(house.price_of("lab/m").await, None);
    let fetcher = GuardedFetcher::new().unwrap().allow_loopback().unwrap();
    let feed = PriceFeed::fetched(url, fetcher).signed_by(key);
    house.client.update_prices(&feed).await.unwrap();

    assert_eq!(house.price_of("lab/m").await.as_deref(), Some("$3"));
    assert!(!format!("{feed:?}").contains("127.0.0.1"));
}

#[cfg(unix)]
#[tokio::test]
async fn what_is_no_regular_file_is_refused_instead_of_waited_for() {
    let house = house("socket");
    let path = house.folder.path("prices.json");
    let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();

    let error = house.client.update_prices(&PriceFeed::file(&path)).await.unwrap_err();

    assert!(error.message().contains("no regular file"), "{error}");
}
