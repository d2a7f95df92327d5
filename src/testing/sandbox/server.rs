//! Accepts connections and answers the requests on them, one after the other.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::http::{self, Sent};
use super::plan::plan;
use super::vendor::{AnswerEnd, VendorState};

#[derive(Default)]
pub(super) struct Shared {
    vendors: Mutex<BTreeMap<String, Arc<VendorState>>>,
    pub(super) connections: Connections,
}

impl Shared {
    pub(super) fn vendor(&self, name: &str) -> Arc<VendorState> {
        let mut vendors = self.vendors.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(vendors.entry(name.to_owned()).or_insert_with(|| Arc::new(VendorState::new(name))))
    }

    pub(super) fn disconnects(&self) -> usize {
        let vendors = self.vendors.lock().unwrap_or_else(PoisonError::into_inner);
        vendors.values().map(|vendor| vendor.disconnects()).sum()
    }
}

#[derive(Default)]
pub(super) struct Connections {
    open: AtomicUsize,
    most: AtomicUsize,
    total: AtomicUsize,
}

impl Connections {
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    pub(super) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }

    pub(super) fn total(&self) -> usize {
        self.total.load(Ordering::SeqCst)
    }
}

struct Open(Arc<Shared>);

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        let open = shared.connections.open.fetch_add(1, Ordering::SeqCst) + 1;
        shared.connections.most.fetch_max(open, Ordering::SeqCst);
        shared.connections.total.fetch_add(1, Ordering::SeqCst);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Serves until `stopped` resolves; connections end with it, because their tasks belong to the set.
pub(super) async fn run(listener: TcpListener, shared: Arc<Shared>, mut stopped: oneshot::Receiver<()>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = &mut stopped => return,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => {
                if let Ok((stream, _)) = accepted {
                    connections.spawn(serve(stream, Open::new(Arc::clone(&shared))));
                }
            }
        }
    }
}

async fn serve(mut stream: TcpStream, open: Open) {
    // Without this, every small chunk waits for the acknowledgement of the one before.
    if stream.set_nodelay(true).is_err() {
        return;
    }
    let mut buffer = Vec::new();
    while let Ok(Some(head)) = http::read_request(&mut stream, &mut buffer).await {
        let (name, request) = head.into_received();
        let vendor = open.0.vendor(&name);
        let (step, rules, mut flight) = vendor.begin(&request);
        let outgoing = plan(step, &request, &rules, || vendor.serve_batch(&request, &rules));
        let sent = {
            let (mut read, mut write) = stream.split();
            tokio::select! {
                biased;
                sent = http::send(&mut write, outgoing) => sent.unwrap_or(Sent::Gone),
                () = gone(&mut read, &mut buffer) => Sent::Gone,
            }
        };
        flight.end = if sent == Sent::Gone { AnswerEnd::Disconnected } else { AnswerEnd::Sent };
        drop(flight);
        match sent {
            Sent::Complete if request.header("connection") != Some("close") => {}
            Sent::Complete | Sent::Cut => {
                // The client may already be gone; there is nobody left to tell.
                let _ = stream.shutdown().await;
                return;
            }
            Sent::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
            Sent::Gone => return,
        }
    }
}

/// Resolves when the client closes; what it sends meanwhile is kept for the next request.
async fn gone(read: &mut tokio::net::tcp::ReadHalf<'_>, buffer: &mut Vec<u8>) {
    loop {
        match read.read_buf(buffer).await {
            Ok(0) | Err(_) => return,
            Ok(_) if buffer.len() > http::MOST_HEAD => return,
            Ok(_) => {}
        }
    }
}
