//! Which models there are, what they can do and what they cost.
//!
//! [`Catalogue`] holds the built-in tables (facts as of the day in each), a file of your own and prices set in code;
//! the higher of these layers wins. [`Catalogue::find`] never guesses: a model nobody listed has no price, and that is
//! `None`, not zero. Money is decimal text parsed into integers; there is no float between a table and a cost.

mod capability;
mod card;
mod catalogue;
mod charge;
mod date;
mod decimal;
pub mod estimate;
mod hours;
mod litellm;
mod load;
mod lookup;
mod model;
mod notation;
mod price;
mod quality;
mod rate;
mod row;
#[cfg(feature = "tokenizer")]
mod tokenizer;
#[cfg(not(feature = "tokenizer"))]
#[path = "no_tokenizer.rs"]
mod tokenizer;
mod update;
mod vocabulary;

pub use capability::{Capabilities, Capability, CapabilitySet, Support};
pub use card::RateCard;
pub use catalogue::{Catalogue, Found, Table};
pub use charge::{Charge, Rates};
pub use date::Date;
pub use estimate::{Counted, TokenEstimate};
pub use lookup::{MatchedBy, family};
pub use model::{Mode, Model};
pub use price::Price;
pub use quality::{Figure, Quality, quality};
pub use rate::Rate;
pub use update::{Revision, UpdateKey};
pub use vocabulary::Vocabulary;

pub(crate) use price::rounded;
