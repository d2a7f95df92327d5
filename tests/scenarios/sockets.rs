//! What only real sockets show: resets, certificates, names, and connections that died while nobody looked.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use polyroute::testing::{Fault, Sandbox};
use polyroute::transport::TransportOptions;
use polyroute::{Client, ErrorKind, Route, Settings, StreamEvent};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub(crate) fn run<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[test]
fn s05_a_reset_after_the_head_moves_on_and_the_caller_sees_one_clean_stream() {
    let sandbox = Sandbox::open().unwrap();
    let vendor = |name| Settings::compatible(name, sandbox.vendor(name).url());
    sandbox.vendor("a").then(Fault::ResetAfterHead);
    let client = Client::builder()
        .seed(7)
        .vendor(vendor("a"))
        .vendor(vendor("b"))
        .route("both", Route::ordered(["a/m", "b/m"]))
        .build()
        .unwrap();

    let (starts, text, summary) = run(async {
        let mut stream = client.chat_stream(("both", "What is the capital of France?")).await.unwrap();
        let (mut starts, mut text) = (0, String::new());
        loop {
            match stream.next().await.unwrap().unwrap() {
                StreamEvent::Start { .. } => starts += 1,
                StreamEvent::Text(delta) => text.push_str(&delta),
                StreamEvent::Done(summary) => break (starts, text, summary),
                _ => {}
            }
        }
    });

    assert!(starts <= 1 && text.contains("Paris"), "{starts} {text}");
    assert_eq!((summary.target.provider(), summary.attempts.len()), ("b", 2));
    assert_eq!((sandbox.vendor("a").requests(), sandbox.vendor("b").requests()), (1, 1));
}

pub(crate) const GOOD: &str = r#"{"id":"1","model":"m","choices":[{"index":0,"message":{"role":"assistant","content":"fine"},"finish_reason":"stop"}]}"#;

fn good() -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{GOOD}",
        GOOD.len()
    )
}

/// Speaks TLS as `name`, with a certificate of `issuer` that is good until `last_year`, and offers these protocols.
pub(crate) fn acceptor(
    issuer: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    last_year: i32,
    protocols: &[&str],
) -> TlsAcceptor {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new([name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(last_year, 1, 1);
    let certificate = params.signed_by(&key, issuer).unwrap();
    let chain = vec![CertificateDer::from_pem_slice(certificate.pem().as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

/// Who issues certificates that are trusted in this process, which was started with the roots in `folder`.
pub(crate) fn issuer(folder: &Path) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    std::fs::write(folder.join("roots.pem"), issuer.pem()).unwrap();
    issuer
}

/// The roots a process trusts are read once, from where its environment says; so `test` starts itself again, and `body` runs
/// there with the folder of its roots.
pub(crate) fn with_own_roots(test: &str, body: impl FnOnce(&Path)) {
    if let Some(roots) = std::env::var_os(CHILD) {
        return body(Path::new(&roots));
    }
    let number = CHILDREN.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("polyroute-roots-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", test])
        .env(CHILD, &folder)
        .env("SSL_CERT_FILE", folder.join("roots.pem"))
        .env_remove("SSL_CERT_DIR")
        .output()
        .unwrap();
    let _ = std::fs::remove_dir_all(&folder);
    let said = String::from_utf8_lossy(&child.stdout);
    assert!(
        child.status.success() && said.contains("1 passed"),
        "{said}{}",
        String::from_utf8_lossy(&child.stderr)
    );
}

const CHILD: &str = "POLYROUTE_TEST_ROOTS";
static CHILDREN: AtomicUsize = AtomicUsize::new(0);

/// A server over TLS that answers every request well; returns its port.
fn serve_tls(
    issuer: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    last_year: i32,
    plain: Arc<AtomicUsize>,
) -> u16 {
    let acceptor = acceptor(issuer, name, last_year, &[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    std::thread::spawn(move || {
        run(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            while let Ok((socket, _)) = listener.accept().await {
                let mut first = [0];
                // A TLS record of a handshake begins with 22; anything else were a request in the clear.
                if socket.peek(&mut first).await.is_ok() && first[0] != 22 {
                    plain.fetch_add(1, Ordering::SeqCst);
                }
                let Ok(mut stream) = acceptor.accept(socket).await else { continue };
                let mut request = vec![0; 16 << 10];
                if stream.read(&mut request).await.is_ok() {
                    let _ = stream.write_all(good().as_bytes()).await;
                    let _ = stream.shutdown().await;
                }
            }
        });
    });
    port
}

#[test]
fn s20_names_and_certificates_that_are_wrong_move_on_as_what_they_are_and_nothing_goes_in_the_clear() {
    let test = concat!(
        "sockets::",
        "s20_names_and_certificates_that_are_wrong_move_on_as_what_they_are_and_nothing_goes_in_the_clear"
    );
    with_own_roots(test, with_roots);
}

fn with_roots(folder: &Path) {
    let issuer = issuer(folder);
    let plain = Arc::new(AtomicUsize::new(0));
    let right = serve_tls(&issuer, "localhost", 2100, Arc::clone(&plain));
    let expired = serve_tls(&issuer, "localhost", 2021, Arc::clone(&plain));
    let wrong = serve_tls(&issuer, "elsewhere.example", 2100, Arc::clone(&plain));
    let sandbox = Sandbox::open().unwrap();
    let mut builder = Client::builder().seed(7);
    for (name, address) in [
        ("right", format!("https://localhost:{right}/v1")),
        ("expired", format!("https://localhost:{expired}/v1")),
        ("wrong", format!("https://localhost:{wrong}/v1")),
        ("nowhere", "https://nowhere.invalid/v1".to_owned()),
        ("spare", sandbox.vendor("spare").url().to_owned()),
    ] {
        builder = builder.vendor(Settings::compatible(name, address));
        builder = builder.route(name, Route::ordered([format!("{name}/m"), "spare/m".to_owned()]));
    }
    let client = builder.build().unwrap();

    run(async {
        let answer = client.chat(("right", "hi")).await.unwrap();
        assert_eq!((answer.provider(), &*answer.text()), ("right", "fine"), "the issuer is trusted");
        for (name, kind) in
            [("expired", ErrorKind::Tls), ("wrong", ErrorKind::Tls), ("nowhere", ErrorKind::Connection)]
        {
            let answer = client.chat((name, "hi")).await.unwrap();
            assert_eq!(answer.provider(), "spare", "{name}");
            assert_eq!(answer.attempts()[0].outcome, polyroute::types::Outcome::Failed(kind), "{name}");
        }
    });
    assert_eq!(plain.load(Ordering::SeqCst), 0, "nothing went in the clear");
}

#[test]
fn s21_connections_that_died_while_idle_cost_no_attempt() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (served, connections) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, made) = (Arc::clone(&served), Arc::clone(&connections));
    // Keeps every connection open until the eight of a round are answered, then closes them all, and says so.
    let (closed, all_closed) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            made.fetch_add(1, Ordering::SeqCst);
            answer(&mut socket);
            kept.push(socket);
            counted.fetch_add(1, Ordering::SeqCst);
            if kept.len() == POOL {
                kept.clear();
                if closed.send(()).is_err() {
                    return;
                }
            }
        }
    });
    let client = Client::builder()
        .seed(7)
        .vendor(Settings::compatible("a", format!("http://{address}/v1")))
        .build()
        .unwrap();

    run(async {
        for round in 1..=5 {
            // At once, so that each has a connection of its own, all of which are idle afterwards and then dead.
            let answers = futures::future::join_all((0..POOL).map(|_| client.chat(("a/m", "hi")))).await;
            for answer in answers {
                let answer = answer.unwrap();
                assert_eq!((answer.attempts().len(), &*answer.text()), (1, "fine"), "round {round}");
            }
            all_closed.recv().unwrap();
            assert_eq!(served.load(Ordering::SeqCst), round * POOL);
            assert_eq!(connections.load(Ordering::SeqCst), round * POOL, "no dead one was of any use");
        }
    });
    assert_eq!(client.health()[0].failures, 0);
    // Real ones that nobody used for so long are not even tried.
    assert!(TransportOptions::default().pool_idle_timeout < Duration::from_secs(600));
}

/// As many connections.
const POOL: usize = 8;

fn answer(socket: &mut TcpStream) {
    let mut request = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = socket.read(&mut piece).unwrap();
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request).to_lowercase();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
        if body.len() >= length.unwrap_or(0) {
            break;
        }
    }
    socket.write_all(good().as_bytes()).unwrap();
}
