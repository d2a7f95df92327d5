//! What providers charge for, and what they charge for it.

use super::Rate;
use crate::error::Result;

/// Something a provider charges for. The unit is in the variant's description; tokens are quoted by the million.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Charge {
    /// A million prompt tokens.
    Input,
    /// A million generated tokens.
    Output,
    /// A million prompt tokens read from a cache.
    CachedInput,
    /// A million prompt tokens written to a cache for five minutes.
    CacheWrite5m,
    /// A million prompt tokens written to a cache for half an hour.
    CacheWrite30m,
    /// A million prompt tokens written to a cache for an hour.
    CacheWrite1h,
    /// A million prompt tokens written to a cache for twelve hours.
    CacheWrite12h,
    /// A million reasoning tokens.
    Reasoning,
    /// A million tokens of sound in the prompt.
    AudioIn,
    /// A million tokens of sound in the answer.
    AudioOut,
    /// A million tokens of sound read from a cache.
    CachedAudioIn,
    /// A million tokens of pictures in the prompt.
    ImageIn,
    /// A million tokens of pictures in the answer.
    ImageOut,
    /// A million tokens of pictures read from a cache.
    CachedImageIn,
    /// A million tokens of film in the prompt.
    VideoIn,
    /// A million tokens of film in the answer.
    VideoOut,
    /// A million tokens quoted from sources.
    Citation,
    /// One request.
    PerRequest,
    /// A thousand web searches.
    WebSearchPer1k,
    /// A thousand searches of a reranker.
    Per1kSearches,
    /// A thousand pages read.
    Per1kPages,
    /// An hour of sound in the prompt.
    AudioInPerHour,
    /// A million characters in the prompt.
    CharsInPerM,
    /// A thousand prompts whose answers rest on web searches, however many; then searches cost nothing.
    GroundedPer1k,
    /// A thousand prompts whose answers rest on the vendor's maps.
    MapPer1k,
    /// A thousand pages fetched from the web.
    WebFetchPer1k,
    /// A thousand searches of files that lie with the vendor.
    FileSearchPer1k,
    /// A thousand programs the vendor runs.
    CodeExecutionPer1k,
}

impl Charge {
    /// The key in a file of your own.
    pub fn as_str(self) -> &'static str {
        NAMES.get(self as usize).map_or("", |(_, _, key)| key)
    }

    /// The charge with this key in a file.
    pub fn from_key(key: &str) -> Option<Self> {
        NAMES.iter().find(|(_, _, known)| *known == key).map(|(charge, _, _)| *charge)
    }

    /// The charge with this letter in the built-in tables.
    pub(super) fn from_letter(letter: u8) -> Option<Self> {
        NAMES.iter().find(|(_, known, _)| *known == letter).map(|(charge, _, _)| *charge)
    }

    /// Every charge.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(charge, _, _)| *charge)
    }

    /// Is it counted in tokens?
    pub const fn is_per_token(self) -> bool {
        (self as u8) < Self::PerRequest as u8
    }

    /// How many charges there are.
    pub(super) const COUNT: usize = NAMES.len();
}

/// A list of rates: what each charge costs, where known.
///
/// ```
/// use polyroute::catalog::{Charge, Rates};
/// let rates = Rates::per_million("2.50", "10")?.with(Charge::CachedInput, "1.25")?;
/// assert_eq!(rates.get(Charge::Output).map(|rate| rate.to_string()).as_deref(), Some("10"));
/// assert_eq!(rates.get(Charge::Reasoning), None);
/// # Ok::<(), polyroute::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    entries: Box<[(Charge, Rate)]>,
}

impl Rates {
    /// Prompt and generated tokens, in dollars per million.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when either is not a decimal or negative.
    pub fn per_million(input: &str, output: &str) -> Result<Self> {
        Self::default().with(Charge::Input, input)?.with(Charge::Output, output)
    }

    /// Sets what `charge` costs, in dollars per its unit.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`](crate::ErrorKind::Configuration) when `rate` is not a decimal or negative.
    pub fn with(self, charge: Charge, rate: &str) -> Result<Self> {
        let rate = rate.parse()?;
        Ok(self.with_rate(charge, rate))
    }

    /// Sets what `charge` costs.
    #[must_use]
    pub fn with_rate(self, charge: Charge, rate: Rate) -> Self {
        let mut entries: Vec<_> = self.entries.into_iter().filter(|(known, _)| *known != charge).collect();
        entries.push((charge, rate));
        Self::from_entries(entries)
    }

    /// What `charge` costs, where known.
    pub fn get(&self, charge: Charge) -> Option<Rate> {
        self.entries.iter().find(|(known, _)| *known == charge).map(|(_, rate)| *rate)
    }

    /// The known rates.
    pub fn iter(&self) -> impl Iterator<Item = (Charge, Rate)> + '_ {
        self.entries.iter().copied()
    }

    /// Is nothing known?
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where a charge is named twice, the later rate counts.
    pub(super) fn from_entries(mut entries: Vec<(Charge, Rate)>) -> Self {
        entries.reverse();
        entries.sort_by_key(|(charge, _)| *charge);
        entries.dedup_by_key(|(charge, _)| *charge);
        Self { entries: entries.into() }
    }

    /// Each rate changed by `change`.
    pub(super) fn map(&self, change: impl Fn(Charge, Rate) -> Rate) -> Self {
        Self { entries: self.iter().map(|(charge, rate)| (charge, change(charge, rate))).collect() }
    }
}

/// In the order of the variants.
const NAMES: [(Charge, u8, &str); 28] = [
    (Charge::Input, b'i', "input"),
    (Charge::Output, b'o', "output"),
    (Charge::CachedInput, b'c', "cached_input"),
    (Charge::CacheWrite5m, b'w', "cache_write_5m"),
    (Charge::CacheWrite30m, b'x', "cache_write_30m"),
    (Charge::CacheWrite1h, b'y', "cache_write_1h"),
    (Charge::CacheWrite12h, b'z', "cache_write_12h"),
    (Charge::Reasoning, b'r', "reasoning"),
    (Charge::AudioIn, b'a', "audio_in"),
    (Charge::AudioOut, b'A', "audio_out"),
    (Charge::CachedAudioIn, b'b', "cached_audio_in"),
    (Charge::ImageIn, b'g', "image_in"),
    (Charge::ImageOut, b'G', "image_out"),
    (Charge::CachedImageIn, b'h', "cached_image_in"),
    (Charge::VideoIn, b'v', "video_in"),
    (Charge::VideoOut, b'V', "video_out"),
    (Charge::Citation, b'q', "citation"),
    (Charge::PerRequest, b'R', "per_request"),
    (Charge::WebSearchPer1k, b's', "web_search_per_1k"),
    (Charge::Per1kSearches, b'k', "per_1k_searches"),
    (Charge::Per1kPages, b'p', "per_1k_pages"),
    (Charge::AudioInPerHour, b'H', "audio_in_per_hour"),
    (Charge::CharsInPerM, b'C', "chars_in_per_m"),
    (Charge::GroundedPer1k, b'u', "grounded_per_1k"),
    (Charge::MapPer1k, b'm', "map_per_1k"),
    (Charge::WebFetchPer1k, b'F', "web_fetch_per_1k"),
    (Charge::FileSearchPer1k, b'f', "file_search_per_1k"),
    (Charge::CodeExecutionPer1k, b'e', "code_execution_per_1k"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_charge_has_its_own_letter_and_key() {
        for (position, (charge, letter, key)) in NAMES.into_iter().enumerate() {
            assert_eq!(charge as usize, position);
            assert_eq!((Charge::from_letter(letter), Charge::from_key(key)), (Some(charge), Some(charge)));
            assert_eq!(charge.as_str(), key);
        }
    }

    #[test]
    fn the_later_of_two_rates_counts() {
        let rates = Rates::from_entries(vec![
            (Charge::Input, Rate::from_pico(1)),
            (Charge::Input, Rate::from_pico(2)),
        ]);

        assert_eq!(rates.get(Charge::Input), Some(Rate::from_pico(2)));
    }
}
