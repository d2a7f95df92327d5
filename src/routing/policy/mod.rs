//! The policies of this crate. A policy of your own has the same standing.

mod cheapest;
mod ordered;

pub use cheapest::Cheapest;
pub use ordered::Ordered;
