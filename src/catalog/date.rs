//! Days and minutes of the UTC calendar.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, ErrorKind, Result};

/// A day of the Gregorian calendar, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date {
    /// Days since 1970-01-01.
    days: i32,
}

impl Date {
    /// The day `at` falls on; 1970-01-01 for anything earlier.
    pub fn of(at: SystemTime) -> Self {
        Moment::of(at).date
    }

    /// Midnight, the first moment of this day; 1970-01-01 for anything earlier.
    pub fn start(self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(u64::try_from(self.days).unwrap_or(0) * 86_400)
    }
}

impl FromStr for Date {
    type Err = Error;

    /// Reads `YYYY-MM-DD`.
    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| Error::new(ErrorKind::Configuration, "a day is written YYYY-MM-DD"))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Counting years from March puts the leap day last; 719468 days lie between 0000-03-01 and 1970-01-01.
        let days = i64::from(self.days) + 719_468;
        let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
        let year = year + era * 400 + i64::from(month <= 2);
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// A minute of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The day.
    pub(super) date: Date,
    /// 1 is Monday, 7 is Sunday.
    pub(super) weekday: u8,
    /// Since midnight.
    pub(super) minute: u16,
}

impl Moment {
    pub(super) fn of(at: SystemTime) -> Self {
        let seconds = at.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let days = seconds / 86_400;
        Self {
            date: Date { days: i32::try_from(days).unwrap_or(i32::MAX) },
            // 1970-01-01 was a Thursday.
            weekday: u8::try_from((days % 7 + 3) % 7 + 1).unwrap_or(1),
            minute: u16::try_from(seconds % 86_400 / 60).unwrap_or(0),
        }
    }
}

/// Reads `HH:MM`, up to and including `24:00`, as minutes since midnight.
pub(super) fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    if hours.len() != 2 || minutes.len() != 2 {
        return None;
    }
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let total = hours * 60 + minutes;
    (minutes < 60 && total <= 1_440).then(|| u16::try_from(total).ok()).flatten()
}

/// Reads digits and nothing else, at most four of them.
pub(super) fn number(text: &str) -> Option<i32> {
    let plausible = !text.is_empty() && text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    plausible.then(|| text.parse().ok()).flatten()
}

fn parse(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if (year.len(), month.len(), day.len()) != (4, 2, 2) || parts.next().is_some() {
        return None;
    }
    let (year, month, day) = (number(year)?, number(month)?, number(day)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * month + 2) / 5 + day - 1;
    Some(Date { days: era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_survive_a_round_trip() {
        for (text, days) in [
            ("1970-01-01", 0),
            ("2000-02-29", 11_016),
            ("2026-11-18", 20_775),
            ("2027-01-01", 20_819),
            ("1969-12-31", -1),
        ] {
            let date: Date = text.parse().unwrap();
            assert_eq!((date.days, date.to_string().as_str()), (days, text));
            assert_eq!(Date::of(date.start()).days, days.max(0));
        }
    }

    #[test]
    fn what_is_not_a_day_is_refused() {
        for bad in [
            "",
            "2026-2-1",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "20260101",
            "2026-01-01T",
            "+026-01-01",
        ] {
            assert!(bad.parse::<Date>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn weekdays_and_minutes_are_utc() {
        // 2026-11-18 is a Wednesday.
        let at = UNIX_EPOCH + Duration::from_secs(20_775 * 86_400 + 3_599);

        let moment = Moment::of(at);

        assert_eq!((moment.weekday, moment.minute), (3, 59));
        assert_eq!(Moment::of(UNIX_EPOCH).weekday, 4);
        assert_eq!(Moment::of(UNIX_EPOCH - Duration::from_secs(5)).minute, 0);
    }

    #[test]
    fn clock_times_end_at_midnight() {
        assert_eq!((minute("00:00"), minute("24:00"), minute("09:30")), (Some(0), Some(1_440), Some(570)));
        for bad in ["24:01", "9:30", "09:60", "0930", "-1:00", "99:99"] {
            assert_eq!(minute(bad), None, "{bad}");
        }
    }
}
