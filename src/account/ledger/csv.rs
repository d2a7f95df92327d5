//! Entries as comma-separated values.

use std::io::Write;

use super::entry::millis;
use super::{Entry, Flag, storage};
use crate::catalog::Date;
use crate::error::{Error, ErrorKind, Result};
use crate::types::{Completeness, Usage};

/// Writes a line of titles and one line for each entry, as RFC 4180 says.
///
/// Money is in dollars with every digit. Unknown numbers are empty, never 0. A text that a spreadsheet would take for a
/// formula (it begins with `=`, `+`, `-`, `@`, a tab or a carriage return) gets a `'` in front.
///
/// # Errors
/// [`ErrorKind::Storage`] when `out` fails.
pub fn write_csv<'e>(entries: impl IntoIterator<Item = &'e Entry>, out: &mut dyn Write) -> Result<()> {
    let mut table = Table::new(out);
    entries.into_iter().try_for_each(|entry| table.put(entry))?;
    table.finish().map(drop)
}

/// A table that is being written.
pub(super) struct Table<W> {
    out: W,
    line: String,
    titled: bool,
}

impl<W: Write> Table<W> {
    /// Nothing is written before the first entry or the end.
    pub(super) fn new(out: W) -> Self {
        Self { out, line: String::new(), titled: false }
    }

    pub(super) fn put(&mut self, entry: &Entry) -> Result<()> {
        self.title()?;
        self.line.clear();
        row(entry, &mut self.line)?;
        self.send()
    }

    /// Everything is on its way; gives `out` back.
    pub(super) fn finish(mut self) -> Result<W> {
        self.title()?;
        self.out.flush().map_err(|error| storage("the table cannot be written; is the disk full?", error))?;
        Ok(self.out)
    }

    /// Gives `out` back as it is.
    pub(super) fn into_out(self) -> W {
        self.out
    }

    fn title(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.titled, true) {
            return Ok(());
        }
        self.line = TITLES.join(",");
        self.line.push_str("\r\n");
        self.send()
    }

    fn send(&mut self) -> Result<()> {
        self.out
            .write_all(self.line.as_bytes())
            .map_err(|error| storage("the table cannot be written; is the disk full?", error))
    }
}

const TITLES: [&str; 26] = [
    "time",
    "kind",
    "call",
    "operation",
    "route",
    "target",
    "vendor",
    "family",
    "scopes",
    "tags",
    "reason",
    "outcome",
    "input_tokens",
    "output_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cost_usd",
    "completeness",
    "price_source",
    "price_version",
    "elapsed_ms",
    "first_token_ms",
    "attempts",
    "flags",
    "id",
];

fn row(entry: &Entry, line: &mut String) -> Result<()> {
    let usage = entry.usage.as_deref();
    let count = |pick: fn(&Usage) -> Option<u64>| {
        usage.and_then(pick).map(|count| count.to_string()).unwrap_or_default()
    };
    let scopes = serde_json::to_string(&entry.scopes)
        .map_err(|_| Error::new(ErrorKind::Internal, "scopes cannot be written as JSON"))?;
    let flags: Vec<&str> = entry.flags.iter().copied().map(Flag::as_str).collect();
    let cells: [String; 26] = [
        time(entry),
        entry.kind.as_str().to_owned(),
        entry.call.to_string(),
        text(&entry.operation),
        text(entry.route.as_deref().unwrap_or_default()),
        text(entry.target.as_ref().map_or("", |target| target.as_str())),
        text(entry.provider()),
        text(&entry.family),
        if entry.scopes.is_empty() { String::new() } else { text(&scopes) },
        text(&entry.tags.join(" ")),
        text(&entry.reason),
        text(&entry.outcome),
        count(|usage| usage.input_tokens),
        count(|usage| usage.output_tokens),
        count(|usage| usage.cache_read_tokens),
        count(|usage| usage.cache_write_tokens),
        count(|usage| usage.reasoning_tokens),
        entry.cost.map(|cost| cost.to_string().replacen('$', "", 1)).unwrap_or_default(),
        match entry.completeness {
            Completeness::Exact => "exact",
            Completeness::Estimated => "estimated",
            Completeness::Unknown => "unknown",
        }
        .to_owned(),
        text(&entry.price_source.as_ref().map(ToString::to_string).unwrap_or_default()),
        text(&entry.price_version),
        entry.elapsed.as_millis().to_string(),
        entry.first_token.map(|first| first.as_millis().to_string()).unwrap_or_default(),
        if entry.attempts == 0 { String::new() } else { entry.attempts.to_string() },
        flags.join(" "),
        format!("{:016x}-{}", entry.id.run, entry.id.number),
    ];
    for (place, cell) in cells.iter().enumerate() {
        if place > 0 {
            line.push(',');
        }
        quote(cell, line);
    }
    line.push_str("\r\n");
    Ok(())
}

/// `2026-11-26T00:40:00.000Z`.
fn time(entry: &Entry) -> String {
    let millis = millis(entry.at);
    let (seconds, rest) = (millis / 1_000 % 86_400, millis % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{}T{hours:02}:{minutes:02}:{:02}.{rest:03}Z", Date::of(entry.at), seconds % 60)
}

/// A text that no spreadsheet takes for a formula.
fn text(text: &str) -> String {
    // The wide ones too: spreadsheets in East Asian locales read them like the narrow ones (OWASP, "CSV Injection").
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if formula { format!("'{text}") } else { text.to_owned() }
}

fn quote(cell: &str, line: &mut String) {
    if cell.contains([',', '"', '\r', '\n']) {
        line.push('"');
        line.push_str(&cell.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(cell);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;
    use crate::account::{EntryId, EntryKind};
    use crate::types::CallId;

    #[test]
    fn whatever_a_spreadsheet_may_begin_a_formula_with_is_text() {
        for formula in ["=1", "+1", "-1", "@A1", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠A1"] {
            assert_eq!(text(formula), format!("'{formula}"));
        }
        assert_eq!(text("1=1"), "1=1");
    }

    #[test]
    fn cells_are_quoted_money_is_whole_and_nothing_is_a_formula() {
        let at = UNIX_EPOCH + Duration::from_millis(1_764_113_999_007);
        let mut entry = Entry::new(EntryId::new(1, 2), EntryKind::Attempt, CallId::new(3), at);
        entry.scopes.insert("user".into(), "a,\"b\"\nc".into());
        entry.tags = vec!["=cmd|' /C calc'!A0".into()];
        entry.route = Some("-1+2".into());
        entry.cost = Some("0.000000000001".parse().unwrap());
        entry.usage = Some(Box::new(Usage::of(7, 0)));
        let mut out = Vec::new();

        write_csv([&entry], &mut out).unwrap();

        let written = String::from_utf8(out).unwrap();
        let line = written.split_once("\r\n").unwrap().1;
        assert!(
            line.starts_with(
                "2025-11-25T23:39:59.007Z,attempt,00000000000000000000000000000003,chat,'-1+2,,"
            )
        );
        assert!(line.contains(r#","{""user"":""a,\""b\""\nc""}","#), "{line}");
        assert!(line.contains(",'=cmd|' /C calc'!A0,"), "{line}");
        assert!(line.contains(",7,0,,,,0.000000000001,unknown,"), "{line}");
        assert!(line.ends_with(",0000000000000001-2\r\n"));
    }
}
