//! Hours of the week.

use super::date::{Moment, minute};
use crate::error::{Error, ErrorKind, Result};

/// Hours of the day on some days of the week, UTC. The first minute is in, the last is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hours {
    /// Bit 1 is Monday, bit 7 is Sunday.
    days: u8,
    start: u16,
    end: u16,
}

impl Hours {
    pub(super) fn new(days: &[u8], utc: &str) -> Result<Self> {
        let bad = || {
            Error::new(ErrorKind::Configuration, "hours are written HH:MM-HH:MM, days are 1 (Monday) to 7")
        };
        let (start, end) = utc.split_once('-').ok_or_else(bad)?;
        let (start, end) = minute(start).zip(minute(end)).ok_or_else(bad)?;
        let mut bits = if days.is_empty() { EVERY_DAY } else { 0 };
        for day in days {
            if !(1..=7).contains(day) {
                return Err(bad());
            }
            bits |= 1 << day;
        }
        if start == end || start == 1_440 {
            return Err(bad());
        }
        Ok(Self { days: bits, start, end })
    }

    pub(super) fn hold(self, now: Moment) -> bool {
        let on = |day: u8| self.days & (1 << day) != 0;
        let yesterday = if now.weekday == 1 { 7 } else { now.weekday - 1 };
        if self.start < self.end {
            on(now.weekday) && (self.start..self.end).contains(&now.minute)
        } else {
            (on(now.weekday) && now.minute >= self.start) || (on(yesterday) && now.minute < self.end)
        }
    }
}

const EVERY_DAY: u8 = 0b1111_1110;
