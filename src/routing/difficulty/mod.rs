//! How hard is a prompt, and how much better would the strong model answer it?
//!
//! Everything here is pure, deterministic and quick: it runs before a request is sent, for every request.

mod logistic;
mod model;
pub(crate) mod number;
mod shape;
pub(crate) mod sketch;
mod task;
mod train;

pub use model::{Difficulty, Forecast};
pub use task::TaskClass;
pub use train::{Lesson, Trainer};
