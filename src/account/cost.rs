//! Usage times price.

use std::time::SystemTime;

use crate::catalog::{Charge, Price, Rate, RateCard};
use crate::types::{Cost, PriceSource, Usage, Usd};

/// What `usage` costs at `price`, exact; each part is rounded half up to a picodollar and the total is their sum.
///
/// * `at`: when the request ran, for prices that change with the hour or the day.
/// * `service_tier`: the provider's word for the service it ran on; `None` and its words for the standard service mean
///   the standard price.
///
/// `None`, not zero, when it is unknown: the input or the output is not known, the price is not in dollars, has no rates
/// for the service tier or for something that was used. Pages fetched and programs run cost nothing where they have no
/// rate. Where the usage says what is billed, that counts. Counts that contradict each other are cut down to the whole they
/// are part of. The [`source`](Cost::source) is
/// [`PriceSource::Application`] until the caller says otherwise.
///
/// ```
/// use polyroute::catalog::Price;
/// use polyroute::types::Usage;
/// let price = Price::per_million("3", "15")?.cached_input("0.30")?;
/// let mut usage = Usage::of(10_000, 1_000);
/// usage.cache_read_tokens = Some(8_000);
/// let cost = polyroute::account::cost(&usage, &price, std::time::UNIX_EPOCH, None);
/// assert_eq!(cost.map(|cost| cost.total.to_string()).as_deref(), Some("$0.0234"));
/// # Ok::<(), polyroute::Error>(())
/// ```
pub fn cost(usage: &Usage, price: &Price, at: SystemTime, service_tier: Option<&str>) -> Option<Cost> {
    if usage.input_characters.is_some() || usage.input_milliseconds.is_some() {
        // Where both are known the vendor's price says which of the two it bills.
        if let Some(cost) = measured(usage, &price.card(0, at, service_tier)?) {
            return Some(cost);
        }
    }
    let tokens = Tokens::of(usage)?;
    let card = price.card(tokens.all_input, at, service_tier)?;
    // Priced by the page, the hour or the search only: tokens say nothing about the cost.
    match usage.searches {
        None => card.first(&[Charge::Input, Charge::Output, Charge::PerRequest])?,
        Some(_) => card.first(&[Charge::Per1kSearches, Charge::Input, Charge::Output, Charge::PerRequest])?,
    };

    let input = Sum::default()
        .add(tokens.input, &card, &[Charge::Input])?
        .add(tokens.audio_input, &card, &[Charge::AudioIn, Charge::Input])?
        .add(tokens.image_input, &card, &[Charge::ImageIn, Charge::Input])?;
    let cache_read = Sum::default()
        .add(tokens.cache_read, &card, &[Charge::CachedInput, Charge::Input])?
        .add(tokens.audio_cache_read, &card, &[Charge::CachedAudioIn, Charge::CachedInput, Charge::Input])?;
    let default_write = [Charge::CacheWrite5m, Charge::CacheWrite30m, Charge::Input];
    let cache_write = Sum::default().add(tokens.cache_write, &card, &default_write)?.add(
        tokens.cache_write_1h,
        &card,
        &[Charge::CacheWrite1h, Charge::CacheWrite5m, Charge::CacheWrite30m, Charge::Input],
    )?;
    let output = Sum::default()
        .add(tokens.output, &card, &[Charge::Output])?
        .add(tokens.audio_output, &card, &[Charge::AudioOut, Charge::Output])?
        .add(tokens.image_output, &card, &[Charge::ImageOut, Charge::Output])?;
    let reasoning = Sum::default().add(tokens.reasoning, &card, &[Charge::Reasoning, Charge::Output])?;
    let other = Sum::default()
        .add_each(1, card.rate(Charge::PerRequest).unwrap_or_default(), ATTO_PER_PICO)
        .add_thousands(usage.searches.unwrap_or(0), card.rate(Charge::Per1kSearches))?
        .add_hosted(usage, &card)?;

    let mut cost = Cost {
        input: input.rounded(),
        cache_read: cache_read.rounded(),
        cache_write: cache_write.rounded(),
        output: output.rounded(),
        reasoning: reasoning.rounded(),
        other: other.rounded(),
        ..Cost::default()
    };
    cost.total = [cost.input, cost.cache_read, cost.cache_write, cost.output, cost.reasoning, cost.other]
        .into_iter()
        .sum();
    Some(cost)
}

/// What the provider itself says the call cost, for models whose price is unknown; `None` when it does not say. All of
/// it counts as [`other`](Cost::other).
pub fn reported(usage: &Usage) -> Option<Cost> {
    let total = usage.reported_cost.filter(|total| *total >= Usd::ZERO)?;
    Some(Cost { total, other: total, source: PriceSource::Provider, ..Cost::default() })
}

/// What characters to be spoken or the length of a recording cost, where the price is by these.
fn measured(usage: &Usage, card: &RateCard) -> Option<Cost> {
    let characters = usage.input_characters.zip(card.rate(Charge::CharsInPerM));
    let length = usage.input_milliseconds.zip(card.rate(Charge::AudioInPerHour));
    let sum = match (characters, length) {
        (None, None) => return None,
        (Some((count, rate)), _) => Sum::default().add_each(count, rate, 1),
        (None, Some((count, rate))) => Sum::default().add_length(count, rate),
    };
    let input = sum.rounded();
    Some(Cost { input, total: input, ..Cost::default() })
}

/// Every token in exactly one class.
struct Tokens {
    all_input: u64,
    input: u64,
    cache_read: u64,
    audio_cache_read: u64,
    cache_write: u64,
    cache_write_1h: u64,
    audio_input: u64,
    image_input: u64,
    output: u64,
    reasoning: u64,
    audio_output: u64,
    image_output: u64,
}

impl Tokens {
    fn of(usage: &Usage) -> Option<Self> {
        let all_input = usage.billed_input_tokens.or(usage.input_tokens)?;
        let all_output = usage.billed_output_tokens.or(usage.output_tokens)?;
        let count = Option::unwrap_or_default;
        let audio_input = count(usage.audio_input_tokens);
        // What is billed has no cached part: that was left out already.
        let cached = usage.billed_input_tokens.map_or_else(|| count(usage.cache_read_tokens), |_| 0);
        let audio_cached = count(usage.audio_cache_read_tokens).min(cached);
        let hour = count(usage.cache_write_1h_tokens);

        let mut rest = Whole(all_input);
        let audio_cache_read = rest.take(audio_cached);
        let cache_read = rest.take(cached - audio_cached);
        let cache_write_1h = rest.take(hour);
        let cache_write = rest.take(count(usage.cache_write_tokens).saturating_sub(hour));
        let audio_input = rest.take(audio_input.saturating_sub(audio_cached));
        let image_input = rest.take(count(usage.image_input_tokens));
        let Whole(input) = rest;

        let mut rest = Whole(all_output);
        let reasoning = rest.take(count(usage.reasoning_tokens));
        let audio_output = rest.take(count(usage.audio_output_tokens));
        let image_output = rest.take(count(usage.image_output_tokens));
        let Whole(output) = rest;

        Some(Self {
            all_input,
            input,
            cache_read,
            audio_cache_read,
            cache_write,
            cache_write_1h,
            audio_input,
            image_input,
            output,
            reasoning,
            audio_output,
            image_output,
        })
    }
}

/// Tokens not yet in a class.
struct Whole(u64);

impl Whole {
    fn take(&mut self, wanted: u64) -> u64 {
        let taken = wanted.min(self.0);
        self.0 -= taken;
        taken
    }
}

/// Attodollars, saturating.
#[derive(Clone, Copy, Default)]
struct Sum(u128);

impl Sum {
    /// Adds `tokens` at the first known rate among `charges`; `None` when there are some and none is known.
    fn add(self, tokens: u64, card: &RateCard, charges: &[Charge]) -> Option<Self> {
        if tokens == 0 {
            return Some(self);
        }
        // Picodollars per million tokens are attodollars per token.
        card.first(charges).map(|rate| self.add_each(tokens, rate, 1))
    }

    /// Adds the uses of tools the vendor runs; `None` when one that it bills has no rate or no measure.
    fn add_hosted(self, usage: &Usage, card: &RateCard) -> Option<Self> {
        let count = Option::unwrap_or_default;
        if count(usage.unmeasured_uses) > 0 {
            return None;
        }
        let searched = match card.rate(Charge::GroundedPer1k) {
            Some(rate) => self.add_thousands(count(usage.grounded_prompts), Some(rate))?,
            None => self.add_thousands(count(usage.web_searches), card.rate(Charge::WebSearchPer1k))?,
        };
        let free = Some(Rate::ZERO);
        searched
            .add_thousands(count(usage.map_prompts), card.rate(Charge::MapPer1k))?
            .add_thousands(count(usage.file_searches), card.rate(Charge::FileSearchPer1k))?
            .add_thousands(count(usage.web_fetches), card.rate(Charge::WebFetchPer1k).or(free))?
            .add_thousands(count(usage.code_executions), card.rate(Charge::CodeExecutionPer1k).or(free))
    }

    fn add_thousands(self, count: u64, rate: Option<Rate>) -> Option<Self> {
        if count == 0 {
            return Some(self);
        }
        rate.map(|rate| self.add_each(count, rate, ATTO_PER_PICO / 1_000))
    }

    fn add_each(self, count: u64, rate: Rate, atto: u128) -> Self {
        let amount = u128::from(count).saturating_mul(u128::from(rate.pico())).saturating_mul(atto);
        Self(self.0.saturating_add(amount))
    }

    fn add_length(self, milliseconds: u64, per_hour: Rate) -> Self {
        let hours = u128::from(milliseconds).saturating_mul(u128::from(per_hour.pico()));
        Self(self.0.saturating_add(hours.saturating_mul(ATTO_PER_PICO) / MILLISECONDS_PER_HOUR))
    }

    fn rounded(self) -> Usd {
        let pico = self.0.saturating_add(ATTO_PER_PICO / 2) / ATTO_PER_PICO;
        Usd::from_pico(i128::try_from(pico).unwrap_or(i128::MAX))
    }
}

const ATTO_PER_PICO: u128 = 1_000_000;

const MILLISECONDS_PER_HOUR: u128 = 3_600_000;

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::catalog::Rates;

    fn price(rates: &[(Charge, &str)]) -> Price {
        Price::new(
            rates.iter().fold(Rates::default(), |known, (charge, rate)| known.with(*charge, rate).unwrap()),
        )
    }

    /// Millionths of a dollar, so that a rate per million is the cost of one token.
    fn micro(usd: Usd) -> i128 {
        usd.pico() / 1_000_000
    }

    fn of(usage: &Usage, price: &Price) -> Option<Cost> {
        cost(usage, price, UNIX_EPOCH, None)
    }

    #[test]
    fn every_class_falls_back_as_far_as_its_own_rule_says() {
        let mut usage = Usage::of(1_111_111, 111);
        usage.cache_read_tokens = Some(11);
        usage.audio_cache_read_tokens = Some(1);
        usage.cache_write_tokens = Some(1_100);
        usage.cache_write_1h_tokens = Some(1_000);
        usage.audio_input_tokens = Some(10_001);
        usage.image_input_tokens = Some(100_000);
        usage.reasoning_tokens = Some(1);
        usage.audio_output_tokens = Some(10);
        let base = [(Charge::Input, "2"), (Charge::Output, "3")];
        for (extra, [input, read, write, output, reasoning]) in [
            (&[][..], [2 * 1_110_000, 22, 2_200, 330, 3]),
            (&[(Charge::CachedInput, "1")], [2 * 1_110_000, 11, 2_200, 330, 3]),
            (&[(Charge::CachedAudioIn, "5")], [2 * 1_110_000, 25, 2_200, 330, 3]),
            (&[(Charge::CacheWrite5m, "4")], [2 * 1_110_000, 22, 4_400, 330, 3]),
            (&[(Charge::CacheWrite30m, "4")], [2 * 1_110_000, 22, 4_400, 330, 3]),
            (&[(Charge::CacheWrite1h, "6")], [2 * 1_110_000, 22, 6_200, 330, 3]),
            (&[(Charge::AudioIn, "7")], [2 * 1_100_000 + 70_000, 22, 2_200, 330, 3]),
            (&[(Charge::ImageIn, "7")], [2 * 1_010_000 + 700_000, 22, 2_200, 330, 3]),
            (&[(Charge::AudioOut, "9")], [2 * 1_110_000, 22, 2_200, 390, 3]),
            (&[(Charge::Reasoning, "9")], [2 * 1_110_000, 22, 2_200, 330, 9]),
        ] {
            let price = price(&[&base[..], extra].concat());

            let cost = of(&usage, &price).unwrap();

            let parts = [cost.input, cost.cache_read, cost.cache_write, cost.output, cost.reasoning];
            assert_eq!(parts.map(micro), [input, read, write, output, reasoning], "{extra:?}");
            assert_eq!(cost.total, parts.into_iter().sum());
        }
    }

    #[test]
    fn what_has_no_price_is_unknown_not_free() {
        let both = price(&[(Charge::Input, "1"), (Charge::Output, "1")]);
        let input_only = price(&[(Charge::Input, "1")]);
        let mut searched = Usage::of(1, 1);
        searched.web_searches = Some(1);
        let mut half = Usage::of(1, 1);
        half.output_tokens = None;

        assert_eq!(of(&half, &both), None);
        assert_eq!(of(&Usage::default(), &both), None);
        assert_eq!(of(&searched, &both), None);
        assert_eq!(of(&Usage::of(1, 1), &input_only), None);
        assert_eq!(of(&Usage::of(0, 0), &price(&[(Charge::Per1kPages, "1")])), None);
        assert_eq!(of(&Usage::of(1, 1), &both.clone().in_currency("EUR")), None);
        assert_eq!(cost(&Usage::of(1, 1), &both, UNIX_EPOCH, Some("batch")), None);
        assert_eq!(of(&Usage::of(1, 0), &input_only).map(|cost| micro(cost.total)), Some(1));
        assert_eq!(of(&Usage::of(0, 0), &both).map(|cost| micro(cost.total)), Some(0));
    }

    #[test]
    fn requests_and_searches_are_charged_besides_tokens() {
        let price = price(&[
            (Charge::Input, "1"),
            (Charge::Output, "1"),
            (Charge::PerRequest, "0.005"),
            (Charge::WebSearchPer1k, "10"),
        ]);
        let mut usage = Usage::of(1, 1);
        usage.web_searches = Some(3);

        let cost = of(&usage, &price).unwrap();

        assert_eq!((micro(cost.other), micro(cost.total)), (35_000, 35_002));
    }

    #[test]
    fn each_use_of_a_vendors_tool_has_its_price_or_none() {
        let tokens = [(Charge::Input, "1"), (Charge::Output, "1")];
        let rates = [
            (Charge::WebSearchPer1k, "14"),
            (Charge::MapPer1k, "25"),
            (Charge::WebFetchPer1k, "0.5"),
            (Charge::FileSearchPer1k, "2.5"),
            (Charge::CodeExecutionPer1k, "5"),
        ];
        let plain = Usage::of(0, 0);
        let some = Some(2);
        for (usage, priced, bare) in [
            (Usage { web_searches: some, ..plain.clone() }, Some(28_000), None),
            (Usage { map_prompts: some, ..plain.clone() }, Some(50_000), None),
            (Usage { web_fetches: some, ..plain.clone() }, Some(1_000), Some(0)),
            (Usage { file_searches: some, ..plain.clone() }, Some(5_000), None),
            (Usage { code_executions: some, ..plain.clone() }, Some(10_000), Some(0)),
            (Usage { unmeasured_uses: some, ..plain.clone() }, None, None),
        ] {
            let total = |price: &Price| of(&usage, price).map(|cost| micro(cost.total));

            assert!(usage.has_hosted_uses());
            assert_eq!(total(&price(&[&tokens[..], &rates].concat())), priced, "{usage:?}");
            assert_eq!(total(&price(&tokens)), bare, "{usage:?}");
        }
        assert!(!plain.has_hosted_uses());
    }

    #[test]
    fn where_a_grounded_prompt_is_billed_its_searches_are_not() {
        let price = price(&[(Charge::Input, "1"), (Charge::Output, "1"), (Charge::GroundedPer1k, "35")]);
        let mut usage = Usage::of(0, 0);
        usage.web_searches = Some(4);
        assert_eq!(of(&usage, &price).map(|cost| micro(cost.total)), Some(0));
        usage.grounded_prompts = Some(1);

        assert_eq!(of(&usage, &price).map(|cost| micro(cost.total)), Some(35_000));
    }

    #[test]
    fn searches_of_a_reranker_need_no_tokens() {
        let by_search = price(&[(Charge::Per1kSearches, "2")]);
        let mut usage = Usage::of(0, 0);
        usage.searches = Some(3);

        assert_eq!(of(&usage, &by_search).map(|cost| micro(cost.total)), Some(6_000));
        assert_eq!(of(&usage, &price(&[(Charge::Input, "1")])), None);
        assert_eq!(of(&Usage::of(0, 0), &by_search), None);
    }

    #[test]
    fn characters_and_the_length_of_a_recording_have_prices_of_their_own() {
        let by_length = price(&[(Charge::AudioInPerHour, "0.36")]);
        let by_character = price(&[(Charge::CharsInPerM, "15")]);
        let recording = Usage { input_milliseconds: Some(10_000), ..Usage::default() };
        let text = Usage { input_characters: Some(200), ..Usage::default() };

        assert_eq!(of(&recording, &by_length).map(|cost| micro(cost.total)), Some(1_000));
        assert_eq!(of(&text, &by_character).map(|cost| micro(cost.total)), Some(3_000));
        assert_eq!(of(&recording, &by_character), None);
        assert_eq!(of(&text, &price(&[(Charge::Input, "1"), (Charge::Output, "1")])), None);
    }

    #[test]
    fn what_is_billed_counts_instead_of_what_was_processed() {
        let price = price(&[(Charge::Input, "2"), (Charge::Output, "3"), (Charge::CachedInput, "1")]);
        let mut usage = Usage::of(1_000, 100);
        usage.cache_read_tokens = Some(900);
        usage.billed_input_tokens = Some(10);
        usage.billed_output_tokens = Some(50);

        let cost = of(&usage, &price).unwrap();

        assert_eq!([cost.input, cost.cache_read, cost.output, cost.total].map(micro), [20, 0, 150, 170]);
    }

    #[test]
    fn the_tier_is_chosen_by_the_whole_prompt() {
        let price = price(&[(Charge::Input, "2"), (Charge::Output, "2"), (Charge::CachedInput, "1")])
            .tier(100, Rates::per_million("4", "4").unwrap());
        let mut usage = Usage::of(100, 1);
        usage.cache_read_tokens = Some(99);

        let cost = of(&usage, &price).unwrap();

        assert_eq!([cost.input, cost.cache_read, cost.output].map(micro), [4, 99, 4]);
        usage.input_tokens = Some(99);
        assert_eq!(of(&usage, &price).map(|cost| micro(cost.total)), Some(101));
    }

    #[test]
    fn counts_that_cannot_be_are_cut_down_to_the_whole() {
        let price = price(&[
            (Charge::Input, "2"),
            (Charge::Output, "3"),
            (Charge::CachedInput, "1"),
            (Charge::CacheWrite5m, "4"),
        ]);
        let mut usage = Usage::of(10, 10);
        usage.cache_read_tokens = Some(7);
        usage.cache_write_tokens = Some(u64::MAX);
        usage.cache_write_1h_tokens = Some(1);
        usage.audio_input_tokens = Some(u64::MAX);
        usage.audio_cache_read_tokens = Some(u64::MAX);
        usage.reasoning_tokens = Some(u64::MAX);
        usage.audio_output_tokens = Some(u64::MAX);

        let cost = of(&usage, &price).unwrap();

        let parts = [cost.input, cost.cache_read, cost.cache_write, cost.output, cost.reasoning];
        assert_eq!(parts.map(micro), [0, 7, 12, 0, 30]);
    }

    #[test]
    fn the_largest_numbers_do_not_overflow() {
        let dearest = "18446744.073709551615";
        let price = price(&[
            (Charge::Input, dearest),
            (Charge::Output, dearest),
            (Charge::PerRequest, dearest),
            (Charge::WebSearchPer1k, dearest),
        ]);
        let mut usage = Usage::of(u64::MAX, u64::MAX);
        usage.audio_input_tokens = Some(u64::MAX);
        usage.web_searches = Some(u64::MAX);
        usage.reasoning_tokens = Some(u64::MAX / 2);

        let cost = of(&usage, &price).unwrap();

        assert!(cost.total > Usd::ZERO && cost.total >= cost.input && cost.other > Usd::ZERO);
    }

    #[test]
    fn parts_are_rounded_half_up_to_a_picodollar() {
        let price = price(&[(Charge::Input, "0.0000005"), (Charge::Output, "0.00000049")]);

        let cost = of(&Usage::of(1, 1), &price).unwrap();

        assert_eq!((cost.input.pico(), cost.output.pico(), cost.total.pico()), (1, 0, 1));
    }

    #[test]
    fn what_the_provider_charged_is_marked_as_its_word() {
        let mut usage = Usage::of(1, 1);
        assert_eq!(reported(&usage), None);
        usage.reported_cost = Some(Usd::from_pico(-1));
        assert_eq!(reported(&usage), None);
        usage.reported_cost = Some(Usd::from_pico(5));

        let cost = reported(&usage).unwrap();

        assert_eq!(
            (cost.total, cost.other, cost.source),
            (Usd::from_pico(5), Usd::from_pico(5), PriceSource::Provider)
        );
    }
}
