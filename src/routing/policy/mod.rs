//! The policies of this crate. A policy of your own has the same standing.
//!
//! | policy | tries first |
//! |---|---|
//! | [`Ordered`] | what was written first |
//! | [`Cheapest`] | the least expected cost, prompt caches included |
//! | [`InverseSquare`] | one drawn by the inverse square of its price |
//! | [`Weighted`] | one drawn by its weight; by session where asked |
//! | [`Fastest`] | the lesser wait of two drawn |
//! | [`LeastBusy`] | the fewest running attempts |
//! | [`UsageAware`] | one drawn by what its rate limits leave |
//! | [`Sticky`] | where the conversation is known, while that is worth it |
//! | [`Bandit`] | what has done well for its money |
//! | [`Tiered`] | the tier that the stakes ask for |
//! | [`Composed`] | the best by scores of your choice |
//! | [`Conditional`] | what the first rule that holds says |
//! | [`Cascade`] | the weak model where it is good enough, whose answer is then read |
//! | [`Sorted`] | strictly the best by one number |

mod bandit;
mod cascade;
mod cheapest;
mod composed;
mod conditional;
mod draw;
mod fastest;
mod inverse_square;
mod least_busy;
mod ordered;
mod sorted;
mod sticky;
mod tiered;
mod usage_aware;
mod weighted;

pub use bandit::Bandit;
pub use cascade::Cascade;
pub use cheapest::Cheapest;
pub use composed::{Composed, Score};
pub use conditional::Conditional;
pub use fastest::Fastest;
pub use inverse_square::InverseSquare;
pub use least_busy::LeastBusy;
pub use ordered::Ordered;
pub use sorted::Sorted;
pub use sticky::Sticky;
pub use tiered::Tiered;
pub use usage_aware::UsageAware;
pub use weighted::Weighted;
