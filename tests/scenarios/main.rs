//! What must hold when providers, callers and the client's own parts fail: one scenario after the other, each with its
//! number. Most run in virtual time; those about sockets run over loopback.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unreachable,
    reason = "a test target may panic"
)]

mod cancelling;
mod chaos;
mod client_parts;
#[path = "../support/folder.rs"]
mod folder;
mod hedging;
mod http2;
#[path = "../../examples/support/chaos/invariants.rs"]
mod invariants;
mod outages;
mod shares;
mod sockets;
mod streams;
mod town;
mod wire;
#[expect(dead_code, reason = "an example of the same files needs it")]
#[path = "../../examples/support/chaos/world.rs"]
mod world;
