//! The policies of this crate. A policy of your own has the same standing.

mod cheapest;
mod ordered;
mod sorted;

pub use cheapest::Cheapest;
pub use ordered::Ordered;
pub use sorted::Sorted;
