//! Reading an answer without understanding it: is it good enough, or should a stronger model be asked?

mod arithmetic;
pub(crate) mod form;
pub(crate) mod grading;
mod judge;
mod likeness;
mod signs;

pub use arithmetic::{Arithmetic, arithmetic};
pub use judge::Judge;
pub use likeness::likeness;
pub use signs::{AnswerSigns, Ending};

pub(crate) use signs::SIGNS;
