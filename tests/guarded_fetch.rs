//! Fetching documents from addresses that came from outside.

#![expect(clippy::unwrap_used, reason = "a test target may panic")]

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use polyroute::ErrorKind;
use polyroute::testing::VirtualClock;
use polyroute::transport::GuardedFetcher;

/// A server that gives every connection the same bytes; `None` never answers.
fn serve(answer: Option<&'static str>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut silent = Vec::new();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4_096];
            let _ = stream.read(&mut head);
            match answer {
                Some(answer) => drop(stream.write_all(answer.as_bytes())),
                None => silent.push(stream),
            }
        }
    });
    port
}

fn local() -> GuardedFetcher {
    GuardedFetcher::new().unwrap().allow_loopback().unwrap()
}

#[tokio::test]
async fn a_document_of_this_machine_comes_only_when_that_is_allowed() {
    let port = serve(Some("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"));

    for host in ["127.0.0.1", "localhost", "0x7f.1"] {
        let url = format!("http://{host}:{port}/prices.json");
        assert_eq!(local().fetch(&url).await.unwrap(), "hello", "{host}");
        for url in [url.clone(), url.replace("http:", "https:")] {
            let error = GuardedFetcher::new().unwrap().fetch(&url).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
            assert!(!error.may_be_billed());
        }
    }
}

#[tokio::test]
async fn addresses_that_lead_inside_are_refused_before_anything_is_dialled() {
    for url in [
        "https://169.254.169.254/latest/meta-data",
        "https://[fd00:ec2::254]/",
        "https://[::ffff:10.0.0.1]/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://192.168.0.1./",
        "https://localhost/",
        "https://LOCALHOST./",
        "http://example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "https://user:CANARY@example.org/",
        "https://",
        "prices.json",
    ] {
        let error = GuardedFetcher::new().unwrap().fetch(url).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration, "{url}: {error}");
        assert!(!format!("{error:?} {error}").contains("CANARY"));
    }
    // Loopback is not the rest of the inside, and plain http only goes there.
    for url in ["http://10.0.0.1/", "https://169.254.169.254/", "http://example.org/"] {
        assert_eq!(local().fetch(url).await.unwrap_err().kind(), ErrorKind::Configuration, "{url}");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_the_next_time_is_refused_the_next_time() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://rebinding.example:{}/", listener.local_addr().unwrap().port());
    let dialled = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&dialled);
    std::thread::spawn(move || {
        // Closed at once: whoever dials sees a connection that breaks.
        for _ in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let asked = Arc::new(AtomicUsize::new(0));
    // Loopback stands for the address that may be dialled, the others for the inside.
    let fetcher = |answers: [&'static [[u8; 4]]; 2]| {
        let asked = Arc::clone(&asked);
        let names = move |name: &str| {
            assert_eq!(name, "rebinding.example");
            let time = asked.fetch_add(1, Ordering::SeqCst);
            Ok(answers[time % 2].iter().map(|address| IpAddr::from(*address)).collect())
        };
        GuardedFetcher::new().unwrap().names(names).unwrap()
    };
    let inside: &[[u8; 4]] = &[[169, 254, 169, 254], [10, 0, 0, 1], [0, 0, 0, 0]];

    let allowed = fetcher([&[[127, 0, 0, 1]], inside]).allow_loopback().unwrap();
    let first = allowed.fetch(&url).await.unwrap_err();
    let second = allowed.fetch(&url).await.unwrap_err();

    assert_ne!(first.kind(), ErrorKind::Configuration, "{first}");
    assert_eq!((second.kind(), second.may_be_billed()), (ErrorKind::Configuration, false), "{second}");
    // Looked up once for each connection: what was checked is what is dialled.
    assert_eq!((dialled.load(Ordering::SeqCst), asked.load(Ordering::SeqCst)), (1, 2));

    // Of several addresses only those that may be are dialled.
    let mixed = fetcher([&[[10, 0, 0, 1], [127, 0, 0, 1]], &[]]).allow_loopback().unwrap();
    assert_ne!(mixed.fetch(&url).await.unwrap_err().kind(), ErrorKind::Configuration);
    assert_eq!(dialled.load(Ordering::SeqCst), 2);

    // Without leave, this machine is inside as well.
    let public = fetcher([inside, &[[127, 0, 0, 1]]]);
    asked.store(0, Ordering::SeqCst);
    for _ in 0..2 {
        assert_eq!(public.fetch(&url).await.unwrap_err().kind(), ErrorKind::Configuration);
    }
    assert_eq!(dialled.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn redirects_errors_and_endless_documents_are_refused() {
    let redirect = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
    let missing = "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n";
    let large = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n12345678901";
    for (answer, reason) in [(redirect, "302"), (missing, "404"), (large, "larger than 10 bytes")] {
        let url = format!("http://127.0.0.1:{}/", serve(Some(answer)));

        let error = local().most_bytes(10).fetch(&url).await.unwrap_err();

        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        assert!(error.message().contains(reason), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left_when_the_time_is_up() {
    let url = format!("http://127.0.0.1:{}/", serve(None));
    let clock = Arc::new(VirtualClock::manual(UNIX_EPOCH));
    let fetcher = local().within(Duration::from_secs(30)).clock(Arc::<VirtualClock>::clone(&clock));

    let (outcome, ()) = tokio::join!(fetcher.fetch(&url), async { clock.advance(Duration::from_secs(31)) });

    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Timeout);
}
