//! Over which time a limit counts.

use std::time::Duration;

use super::calendar::{Unit, Zone};

/// Over which time a [`Limit`](super::Limit) counts.
///
/// ```
/// use std::time::Duration;
/// use polyroute::quota::{Limit, Unit, Window};
/// let per_second = Limit::requests(10, Window::refill(Duration::from_secs(1)));
/// let monthly = Limit::cost("500".parse()?, Window::calendar(Unit::Month));
/// let any_day = Limit::cost("20".parse()?, Window::rolling(Duration::from_secs(86_400)));
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Window(pub(super) Kind);

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Calendar(Unit, Zone),
    Lifetime,
    Refill(Duration),
    Request,
    Rolling(Duration),
}

impl Window {
    /// Starts again with every second, day, month and so on of the calendar, in UTC unless put
    /// [in a zone](Self::in_zone).
    pub fn calendar(unit: Unit) -> Self {
        Self(Kind::Calendar(unit, Zone::utc()))
    }

    /// Puts a calendar window into a zone; others have none and stay as they are.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        match self.0 {
            Kind::Calendar(unit, _) => Self(Kind::Calendar(unit, zone)),
            other => Self(other),
        }
    }

    /// Never starts again.
    pub fn lifetime() -> Self {
        Self(Kind::Lifetime)
    }

    /// A bucket that is refilled evenly, with the limit's amount every `period`: what is used is allowed again little by
    /// little, and nothing happens at a border. The right one for rates. Exact to a microsecond.
    ///
    /// A full bucket holds the limit's amount, or its [`burst`](super::Limit::burst). After a pause as much as that may
    /// be used at once, beside what flows in.
    pub fn refill(period: Duration) -> Self {
        Self(Kind::Refill(period))
    }

    /// Each call by itself.
    pub fn request() -> Self {
        Self(Kind::Request)
    }

    /// The last `length`, at every moment. What is used counts for up to a sixtieth of `length` longer, never shorter.
    pub fn rolling(length: Duration) -> Self {
        Self(Kind::Rolling(length))
    }

    /// A name that is the same in every process.
    pub(super) fn name(&self) -> String {
        match &self.0 {
            Kind::Calendar(unit, zone) => format!("{} {}", unit.as_str(), zone.name().replace('/', "-")),
            Kind::Lifetime => "lifetime".to_owned(),
            Kind::Refill(period) => format!("every {period:?}"),
            Kind::Request => "request".to_owned(),
            Kind::Rolling(length) => format!("rolling {length:?}"),
        }
    }
}
