//! Calendars of named time zones.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

use super::calendar::{Calendar, Span, Unit, Zone};
use crate::error::{Error, ErrorKind, Result};

impl Zone {
    /// The zone with this name of the IANA database, such as `Europe/Berlin`. The database is built in.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`] when there is no zone of that name.
    pub fn named(name: &str) -> Result<Self> {
        let zone = TimeZone::get(name).map_err(|_| {
            Error::new(
                ErrorKind::Configuration,
                format!("there is no time zone {name:?}; write one such as Europe/Berlin"),
            )
        })?;
        let name = zone.iana_name().unwrap_or(name).into();
        Ok(Self::of(Named { name, zone }))
    }
}

struct Named {
    name: Box<str>,
    zone: TimeZone,
}

impl Calendar for Named {
    fn name(&self) -> &str {
        &self.name
    }

    fn span(&self, unit: Unit, second: i64) -> Option<Span> {
        let at = Timestamp::from_second(second).ok()?;
        let local = at.to_zoned_datetime(self.zone.clone());
        let (first, next) = match unit {
            // Hours are those on the wall: in some zones they begin at half past in UTC.
            Unit::Second | Unit::Minute | Unit::Hour => {
                let length = match unit {
                    Unit::Hour => 3_600,
                    Unit::Minute => 60,
                    _ => 1,
                };
                let shift = i64::from(local.offset().seconds());
                let start = (second + shift).div_euclid(length) * length - shift;
                return Some(Span { start, end: start + length });
            }
            Unit::Day => (local.date(), local.date().tomorrow().ok()?),
            Unit::Week => {
                let monday = local
                    .date()
                    .checked_sub(i64::from(local.weekday().to_monday_zero_offset()).days())
                    .ok()?;
                (monday, monday.checked_add(7.days()).ok()?)
            }
            Unit::Month => {
                let first = local.date().first_of_month();
                (first, first.checked_add(1.month()).ok()?)
            }
        };
        Some(Span { start: self.midnight(first)?, end: self.midnight(next)? })
    }
}

impl Named {
    /// When `day` begins: not at midnight where clocks are changed then.
    fn midnight(&self, day: Date) -> Option<i64> {
        Some(day.to_zoned_datetime(self.zone.clone()).ok()?.start_of_day().ok()?.timestamp().as_second())
    }
}
