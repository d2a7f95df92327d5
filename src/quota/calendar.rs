//! When a second, a day or a month begins and ends.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorKind, Result};

/// A stretch of the calendar.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    /// From one full second to the next.
    Second,
    /// From one full minute to the next.
    Minute,
    /// From one full hour to the next.
    Hour,
    /// From midnight to midnight; 23 or 25 hours when clocks are changed.
    Day,
    /// From Monday to Sunday.
    Week,
    /// From the first day of a month to its last.
    Month,
}

impl Unit {
    /// Its name in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }
}

/// Whose calendar. UTC unless told otherwise; the feature `timezone` brings `Zone::named`.
#[derive(Clone)]
pub struct Zone(Arc<dyn Calendar>);

impl Zone {
    /// Coordinated universal time.
    pub fn utc() -> Self {
        Self(Arc::new(Utc))
    }

    #[cfg(feature = "timezone")]
    pub(super) fn of(calendar: impl Calendar + 'static) -> Self {
        Self(Arc::new(calendar))
    }

    /// Its name, such as `UTC` or `Europe/Berlin`.
    pub fn name(&self) -> &str {
        self.0.name()
    }

    /// The `unit` that `at` falls into.
    pub(super) fn span(&self, unit: Unit, at: SystemTime) -> Result<Span> {
        let since = at.duration_since(UNIX_EPOCH).map_err(|_| clock_is_wrong())?;
        let second = i64::try_from(since.as_secs()).map_err(|_| clock_is_wrong())?;
        self.0.span(unit, second).ok_or_else(clock_is_wrong)
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self::utc()
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.name())
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

/// From its first second to the one after its last, since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Span {
    pub(super) fn contains(self, at: SystemTime) -> bool {
        at >= moment(self.start) && at < moment(self.end)
    }

    /// What is left of it at `at`.
    pub(super) fn left(self, at: SystemTime) -> Duration {
        moment(self.end).duration_since(at).unwrap_or_default()
    }

    pub(super) fn length(self) -> Duration {
        Duration::from_secs(u64::try_from(self.end - self.start).unwrap_or(0))
    }
}

fn moment(second: i64) -> SystemTime {
    let since = Duration::from_secs(u64::try_from(second).unwrap_or(0));
    UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
}

/// Where the borders between units lie.
pub(super) trait Calendar: Send + Sync {
    fn name(&self) -> &str;

    /// The `unit` that `second` falls into; `None` beyond the calendar's range.
    fn span(&self, unit: Unit, second: i64) -> Option<Span>;
}

struct Utc;

impl Calendar for Utc {
    fn name(&self) -> &'static str {
        "UTC"
    }

    fn span(&self, unit: Unit, second: i64) -> Option<Span> {
        // 1970 began on a Thursday: its week three days earlier.
        let (length, shift) = match unit {
            Unit::Second => (1, 0),
            Unit::Minute => (60, 0),
            Unit::Hour => (3_600, 0),
            Unit::Day => (DAY, 0),
            Unit::Week => (7 * DAY, -3 * DAY),
            Unit::Month => return month(second),
        };
        let start = second.checked_sub(shift)?.div_euclid(length).checked_mul(length)?.checked_add(shift)?;
        Some(Span { start, end: start.checked_add(length)? })
    }
}

/// After Howard Hinnant's `civil_from_days`: years begin in March, so that the odd day comes last.
fn month(second: i64) -> Option<Span> {
    let day = second.div_euclid(DAY).checked_add(719_468)?;
    let era = day.div_euclid(146_097);
    let day_of_era = day.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let first = |month: i64| {
        // The thirteenth month is the first of the next year.
        let (year, month) =
            if month == 12 { (era * 400 + year_of_era + 1, 0) } else { (era * 400 + year_of_era, month) };
        let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + (153 * month + 2) / 5;
        (days - 719_468).checked_mul(DAY)
    };
    Some(Span { start: first(month)?, end: first(month + 1)? })
}

const DAY: i64 = 86_400;

fn clock_is_wrong() -> Error {
    Error::new(
        ErrorKind::Configuration,
        "the clock shows a time that no calendar knows; set it right, for limits by day and month need it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_begin_and_end_where_the_calendar_says() {
        let zone = Zone::utc();
        // 2024-02-29 12:34:56, a Thursday in a leap year.
        let at = moment(1_709_210_096);
        for (unit, start, end) in [
            (Unit::Second, 1_709_210_096, 1_709_210_097),
            (Unit::Minute, 1_709_210_040, 1_709_210_100),
            (Unit::Hour, 1_709_208_000, 1_709_211_600),
            (Unit::Day, 1_709_164_800, 1_709_251_200),
            (Unit::Week, 1_708_905_600, 1_709_510_400),
            (Unit::Month, 1_706_745_600, 1_709_251_200),
        ] {
            assert_eq!(zone.span(unit, at).unwrap(), Span { start, end }, "{unit:?}");
        }
    }

    #[test]
    fn every_month_ends_where_the_next_begins() {
        let zone = Zone::utc();
        let (mut second, mut lengths) = (0, Vec::new());
        for _ in 0..4_800 {
            let span = zone.span(Unit::Month, moment(second)).unwrap();
            assert_eq!(span.start, second);
            assert_eq!(zone.span(Unit::Month, moment(span.end - 1)).unwrap(), span);
            lengths.push((span.end - span.start) / DAY);
            second = span.end;
        }

        assert_eq!(lengths[..12], [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]);
        assert_eq!((lengths[25], lengths[30 * 12 + 1], lengths[130 * 12 + 1]), (29, 29, 28));
        assert_eq!(lengths.iter().sum::<i64>(), 146_097);
    }

    #[test]
    fn a_time_before_the_calendar_is_an_error() {
        let error = Zone::utc().span(Unit::Day, UNIX_EPOCH - Duration::from_secs(1)).unwrap_err();

        assert_eq!(error.kind(), ErrorKind::Configuration);
    }
}
