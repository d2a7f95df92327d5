//! Connections: made late, used again, closed when nobody waits any more.

#![expect(clippy::disallowed_methods, reason = "joins its tasks")]

mod support;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use futures::future::join_all;
use polyroute::testing::{Fault, Raw, Sandbox, Step};
use polyroute::transport::TransportOptions;
use polyroute::{Client, Settings};
use support::formats::{FORMATS, Format, MODES, Mode, SAID, ask, quick, settings, two_targets};
use support::{eventually, run};

const QUESTION: &str = "What is the capital of France?";

#[test]
fn one_connection_serves_one_call_after_the_other() {
    for format in FORMATS {
        let sandbox = Sandbox::open().unwrap();
        let client = two_targets(format, &sandbox).build().unwrap();
        // A stream with a length: its end is known with its last byte, not by a chunk that may still be on its way.
        let stream = Raw::new(200, format.events(None).concat()).header("content-type", "text/event-stream");
        run(async {
            for _ in 0..20 {
                sandbox.vendor("good").then(Step::usual()).then(stream.clone());
                for mode in MODES {
                    assert!(ask(&client, mode, ("good/m", QUESTION)).await.unwrap().text().contains("Paris"));
                    // The connection is free when its task has seen the end of the answer.
                    tokio::task::yield_now().await;
                }
            }
        });

        assert_eq!(sandbox.vendor("good").requests(), 40);
        assert!(sandbox.connections() <= 2, "{format:?}: {} connections", sandbox.connections());
    }
}

#[test]
fn clones_share_connections_and_providers_do_not_mix_answers() {
    let sandbox = Sandbox::open().unwrap();
    let client = two_targets(Format::OpenAi, &sandbox).build().unwrap();
    run(async {
        for _ in 0..10 {
            let copy = client.clone();
            ask(&copy, Mode::Whole, ("good/m", QUESTION)).await.unwrap();
            ask(&client, Mode::Whole, ("bad/m", QUESTION)).await.unwrap();
        }
    });

    assert!(sandbox.connections() <= 2, "{}", sandbox.connections());
}

#[test]
fn an_error_answer_does_not_cost_the_connection() {
    let sandbox = Sandbox::open().unwrap();
    sandbox.vendor("bad").always(Fault::Status(400));
    let client = two_targets(Format::OpenAi, &sandbox).build().unwrap();
    run(async {
        for _ in 0..10 {
            ask(&client, Mode::Whole, ("bad/m", QUESTION)).await.unwrap_err();
        }
    });

    assert!(sandbox.connections() <= 2, "{}", sandbox.connections());
}

#[test]
fn dropping_a_call_closes_its_connection_upstream() {
    for format in FORMATS {
        let sandbox = Sandbox::open().unwrap();
        let vendor = sandbox.vendor("bad");
        vendor.always(Fault::Hang);
        let client = two_targets(format, &sandbox).build().unwrap();
        run(async {
            for (calls, mode) in (1..).zip(MODES) {
                tokio::select! {
                    _ = ask(&client, mode, ("route", QUESTION)) => panic!("nobody answers"),
                    () = eventually("the request arrives", || vendor.requests() == calls) => {}
                }
                eventually("the request is let go", || vendor.disconnects() == calls).await;
            }
            eventually("the connections are closed", || sandbox.open_connections() == 0).await;
        });

        assert_eq!(sandbox.vendor("good").requests(), 0, "{format:?}: a dropped call goes nowhere else");
    }
}

#[test]
fn dropping_a_stream_after_its_first_words_closes_its_connection() {
    for format in FORMATS {
        let sandbox = Sandbox::open().unwrap();
        let vendor = sandbox.vendor("bad");
        vendor.always(Fault::StallAfter(5));
        let client = two_targets(format, &sandbox).build().unwrap();
        run(async {
            let mut stream = client.chat_stream(("route", QUESTION)).await.unwrap();
            assert!(stream.next().await.unwrap().is_ok());
            assert_eq!(vendor.disconnects(), 0);
            drop(stream);
            // Where closing saves nothing the bill is read in the background, while there is a client.
            let client = if format == Format::Google {
                assert_eq!(vendor.disconnects(), 0);
                drop(client);
                two_targets(format, &sandbox).build().unwrap()
            } else {
                client
            };

            eventually("the stream is let go", || vendor.disconnects() == 1).await;
            eventually("the connection is closed", || sandbox.open_connections() == 0).await;
            vendor.reset_script();
            assert!(ask(&client, Mode::Stream, ("route", QUESTION)).await.is_ok());
        });
    }
}

#[test]
fn a_thousand_calls_at_once_all_succeed() {
    // Both ends of each connection are files of this process; a system with fewer gets fewer calls.
    let limit = Command::new("sh").args(["-c", "ulimit -n"]).output().unwrap().stdout;
    let limit: usize = String::from_utf8(limit).unwrap().trim().parse().unwrap_or(usize::MAX);
    let calls = 1_000.min(limit.saturating_sub(64) / 2);
    let sandbox = Sandbox::open().unwrap();
    sandbox.vendor("good").always(Step::usual().delay(Duration::from_millis(20)));
    let client = quick()
        .vendor(settings(Format::OpenAi, "good", &sandbox))
        .transport_options({
            let mut options = TransportOptions::default();
            options.connect_timeout = Duration::from_secs(60);
            options
        })
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let answers = runtime.block_on(async {
        join_all((0..calls).map(|number| {
            let client = client.clone();
            tokio::spawn(async move { ask(&client, MODES[number % 2], ("good/m", QUESTION)).await })
        }))
        .await
    });

    for answer in answers {
        let answer = answer.unwrap().unwrap();
        assert!(answer.text().contains("Paris"));
        assert_eq!(answer.attempts().len(), 1);
    }
    assert_eq!(sandbox.vendor("good").requests(), calls);
}

#[test]
fn a_connection_that_died_while_idle_costs_no_failed_call() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // Promises to keep the connection, and closes it after each answer.
    let server = std::thread::spawn(move || {
        for _ in 0..5 {
            let (mut socket, _) = listener.accept().unwrap();
            let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
            while !seen.ends_with(b"}") {
                let read = socket.read(&mut buffer).unwrap();
                assert_ne!(read, 0);
                seen.extend(buffer.iter().take(read));
            }
            let body = Format::OpenAi.whole(None);
            write!(socket, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    let client = quick().vendor(Settings::compatible("lab", format!("http://{address}"))).build().unwrap();
    run(async {
        for _ in 0..5 {
            assert_eq!(ask(&client, Mode::Whole, ("lab/m", QUESTION)).await.unwrap().text(), SAID);
        }
    });
    server.join().unwrap();
}

#[test]
fn building_a_client_opens_no_connection() {
    let sandbox = Sandbox::open().unwrap();
    for format in FORMATS {
        let client = two_targets(format, &sandbox).build().unwrap();
        assert_eq!(client.providers(), ["bad", "good"]);
    }

    assert_eq!(sandbox.connections(), 0);
}

/// The roots of this process are a file that is not there: whoever reads them fails. Runs itself again for that.
#[test]
fn the_trusted_roots_are_read_at_the_first_https_call_and_not_before() {
    const NAME: &str = "the_trusted_roots_are_read_at_the_first_https_call_and_not_before";
    const CHILD: &str = "POLYROUTE_TEST_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", NAME])
            .env(CHILD, "1")
            .env("SSL_CERT_FILE", "/nonexistent/roots.pem")
            .env_remove("SSL_CERT_DIR")
            .output()
            .unwrap();
        assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stdout));
        return;
    }
    let sandbox = Sandbox::open().unwrap();
    let secure = sandbox.vendor("good").url().replace("http://", "https://");
    let client: Client = quick()
        .vendor(settings(Format::OpenAi, "good", &sandbox))
        .vendor(Settings::vendor("openai").name("secure").api_key("k").base_url(secure))
        .build()
        .unwrap();
    run(async {
        assert!(ask(&client, Mode::Whole, ("good/m", QUESTION)).await.unwrap().text().contains("Paris"));
        let connections = sandbox.connections();
        let error = ask(&client, Mode::Whole, ("secure/m", QUESTION)).await.unwrap_err();

        // Only where roots come from files does their absence show before a connection is made.
        if cfg!(target_os = "linux") {
            assert_eq!(error.kind(), polyroute::ErrorKind::Configuration, "{error:?}");
            assert_eq!(sandbox.connections(), connections);
        }
    });
}

#[test]
fn a_server_that_speaks_no_tls_is_an_error_of_tls_or_connection() {
    let sandbox = Sandbox::open().unwrap();
    let secure = sandbox.vendor("good").url().replace("http://", "https://");
    let client = quick()
        .vendor(Settings::vendor("openai").name("secure").api_key("k").base_url(secure))
        .build()
        .unwrap();
    let error = run(ask(&client, Mode::Whole, ("secure/m", QUESTION))).unwrap_err();

    assert!(
        matches!(
            error.kind(),
            polyroute::ErrorKind::Tls
                | polyroute::ErrorKind::Connection
                | polyroute::ErrorKind::Configuration
        ),
        "{error:?}"
    );
    assert_eq!(sandbox.vendor("good").requests(), 0);
}
