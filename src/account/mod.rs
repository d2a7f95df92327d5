//! What was spent.

mod cost;

pub use cost::{cost, reported};
