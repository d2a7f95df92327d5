//! How well routers decide between a strong and a weak model, on questions whose outcomes are known.

pub(crate) mod metrics;
pub(crate) mod records;
pub(crate) mod routers;
