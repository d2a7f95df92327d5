//! How much to think, as each generation of models wants to be told.

use serde::Serialize;

use crate::types::{Adaptation, Effort, ReasoningOptions};

/// `generationConfig.thinkingConfig`.
#[derive(Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ThinkingConfig {
    include_thoughts: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_budget: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking_level: Option<&'static str>,
}

/// How a model is told how much to think.
///
/// Gemini 2.5 takes a number of tokens and refuses levels; 3 and later take a level, and both at once are refused:
/// <https://ai.google.dev/gemini-api/docs/thinking> (read 2026-11-23).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dial {
    Budget { least: u64, off: u64, most: u64 },
    Level { minimal: &'static str, medium: &'static str },
    None,
}

impl ThinkingConfig {
    /// What to send to `model` for `options`, and what had to be changed.
    pub(super) fn for_model(model: &str, options: ReasoningOptions) -> (Option<Self>, Option<Adaptation>) {
        let wanted = match (options.effort, options.budget_tokens) {
            (None, None) => Wanted::Default,
            (Some(Effort::None), _) | (_, Some(0)) => Wanted::Off,
            (_, Some(tokens)) => Wanted::Tokens(tokens),
            (Some(effort), None) => Wanted::Effort(effort),
        };
        match dial(model) {
            Dial::None if wanted == Wanted::Off => (None, None),
            Dial::None => (
                None,
                Some(Adaptation::dropped("reasoning", "the model is not known to have a thinking option")),
            ),
            Dial::Budget { least, off, most } => budget(wanted, least, off, most),
            Dial::Level { minimal, medium } => level(wanted, options.effort, minimal, medium),
        }
    }
}

/// Does the model belong to generation 3 or later? Those check signatures and take pictures inside tool results.
pub(super) fn is_third_generation(model: &str) -> bool {
    version(model).is_some_and(|(major, _)| major >= 3) || is_current(model)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Default,
    Off,
    Effort(Effort),
    Tokens(u64),
}

fn budget(wanted: Wanted, least: u64, off: u64, most: u64) -> (Option<ThinkingConfig>, Option<Adaptation>) {
    // 1,024, 8,192 and 24,576 are what the vendor's own OpenAI endpoint makes of low, medium and high:
    // https://ai.google.dev/gemini-api/docs/openai (read 2026-11-23).
    let tokens = match wanted {
        Wanted::Default => None,
        Wanted::Off => Some(off),
        Wanted::Tokens(tokens) => Some(tokens.clamp(least, most)),
        Wanted::Effort(Effort::None | Effort::Minimal) => Some(least),
        Wanted::Effort(Effort::Low) => Some(1_024),
        Wanted::Effort(Effort::Medium) => Some(8_192),
        Wanted::Effort(Effort::High) => Some(24_576),
        Wanted::Effort(Effort::XHigh | Effort::Max) => Some(most),
    };
    let changed = match wanted {
        Wanted::Off if off > 0 => {
            Some("the model cannot answer without thinking; it was asked for its least")
        }
        Wanted::Tokens(asked) if Some(asked) != tokens => Some("the budget was moved into the model's range"),
        Wanted::Default | Wanted::Off | Wanted::Effort(_) | Wanted::Tokens(_) => None,
    };
    let config = ThinkingConfig {
        include_thoughts: tokens != Some(0) && wanted != Wanted::Off,
        thinking_budget: tokens,
        thinking_level: None,
    };
    (Some(config), changed.map(|detail| Adaptation::changed("reasoning", detail)))
}

fn level(
    wanted: Wanted,
    effort: Option<Effort>,
    minimal: &'static str,
    medium: &'static str,
) -> (Option<ThinkingConfig>, Option<Adaptation>) {
    let wanted_level = match (wanted, effort) {
        (Wanted::Default, _) => None,
        (Wanted::Off, _) => Some(("minimal", minimal)),
        (Wanted::Effort(effort), _) | (Wanted::Tokens(_), Some(effort)) => Some(match effort {
            Effort::None | Effort::Minimal => ("minimal", minimal),
            Effort::Low => ("low", "low"),
            Effort::Medium => ("medium", medium),
            Effort::High => ("high", "high"),
            Effort::XHigh | Effort::Max => (effort.as_str(), "high"),
        }),
        (Wanted::Tokens(tokens), None) => Some(match tokens {
            0..=512 => ("", minimal),
            513..=4_096 => ("", "low"),
            4_097..=16_384 => ("", medium),
            _ => ("", "high"),
        }),
    };
    let detail = match (wanted, wanted_level) {
        (Wanted::Off, _) => Some("the model cannot answer without thinking; it was asked for its least"),
        (Wanted::Tokens(_), _) => Some("the model takes a thinking level instead of a budget"),
        (_, Some((asked, sent))) if asked != sent => {
            Some("the nearest thinking level the model has was sent")
        }
        _ => None,
    };
    let config = ThinkingConfig {
        include_thoughts: wanted != Wanted::Off,
        thinking_budget: None,
        thinking_level: wanted_level.map(|(_, sent)| sent),
    };
    (Some(config), detail.map(|detail| Adaptation::changed("reasoning", detail)))
}

/// Decided by name, and only for names whose documentation is known.
///
/// Ranges and levels: <https://ai.google.dev/gemini-api/docs/thinking> and
/// <https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/thinking> (read 2026-11-23). `low` and `high` are the
/// only levels every model of generation 3 has: 3 Pro lacks `medium`, no Pro and no Flash after 3.6 has `minimal`.
fn dial(model: &str) -> Dial {
    let has = |word: &str| model.contains(word);
    // Picture and speech models share the names of those that think, and refuse the option.
    if ["image", "tts", "audio", "live", "embedding"].into_iter().any(has) {
        return Dial::None;
    }
    match version(model) {
        Some((2, 5)) if has("flash-lite") => Dial::Budget { least: 512, off: 0, most: 24_576 },
        Some((2, 5)) if has("flash") => Dial::Budget { least: 1, off: 0, most: 24_576 },
        Some((2, 5)) => Dial::Budget { least: 128, off: 128, most: 32_768 },
        Some((3, minor)) if has("flash") && (minor <= 6 || has("lite")) => {
            Dial::Level { minimal: "minimal", medium: "medium" }
        }
        Some((3, 0)) => Dial::Level { minimal: "low", medium: "high" },
        Some((major, _)) if major >= 3 => Dial::Level { minimal: "low", medium: "medium" },
        None if is_current(model) => Dial::Level { minimal: "low", medium: "medium" },
        _ => Dial::None,
    }
}

/// `gemini-flash-latest` and the like always mean the current generation.
fn is_current(model: &str) -> bool {
    let name = bare(model);
    name.starts_with("gemini-") && name.ends_with("-latest") && version(model).is_none()
}

/// `(2, 5)` of `gemini-2.5-flash`; `(3, 0)` of `gemini-3-pro-preview`.
fn version(model: &str) -> Option<(u32, u32)> {
    let number = bare(model).strip_prefix("gemini-")?.split('-').next()?;
    let (major, minor) = number.split_once('.').unwrap_or((number, "0"));
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn bare(model: &str) -> &str {
    model.rsplit('/').next().unwrap_or(model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(model: &str, options: impl Into<ReasoningOptions>) -> (Option<u64>, Option<&'static str>, bool) {
        let (config, adaptation) = ThinkingConfig::for_model(model, options.into());
        let config = config.unwrap();
        (config.thinking_budget, config.thinking_level, adaptation.is_some())
    }

    #[test]
    fn each_generation_gets_its_own_dial() {
        use Effort as E;
        for (model, effort, expected) in [
            ("gemini-2.5-flash", E::None, (Some(0), None, false)),
            ("gemini-2.5-flash", E::Low, (Some(1_024), None, false)),
            ("gemini-2.5-flash-lite", E::Minimal, (Some(512), None, false)),
            ("gemini-2.5-pro", E::None, (Some(128), None, true)),
            ("gemini-2.5-pro", E::Max, (Some(32_768), None, false)),
            ("models/gemini-3-flash-preview", E::Minimal, (None, Some("minimal"), false)),
            ("gemini-3-flash-preview", E::None, (None, Some("minimal"), true)),
            ("gemini-3.7-flash", E::Minimal, (None, Some("low"), true)),
            ("gemini-3-pro-preview", E::Medium, (None, Some("high"), true)),
            ("gemini-3.1-pro-preview", E::Medium, (None, Some("medium"), false)),
            ("gemini-4-argon", E::XHigh, (None, Some("high"), true)),
            ("gemini-flash-latest", E::High, (None, Some("high"), false)),
        ] {
            assert_eq!(sent(model, effort), expected, "{model} {effort:?}");
        }
    }

    #[test]
    fn budgets_are_kept_in_range_or_become_levels() {
        assert_eq!(sent("gemini-2.5-pro", ReasoningOptions::budget(512)), (Some(512), None, false));
        assert_eq!(sent("gemini-2.5-pro", ReasoningOptions::budget(u64::MAX)), (Some(32_768), None, true));
        assert_eq!(sent("gemini-3.1-pro", ReasoningOptions::budget(2_000)), (None, Some("low"), true));
    }

    #[test]
    fn models_not_known_to_think_are_not_told_to() {
        for model in ["gemini-2.0-flash", "gemma-3-27b-it", "tunedModels/mine", "gemini-2.5-flash-image"] {
            let (config, adaptation) = ThinkingConfig::for_model(model, Effort::High.into());
            assert_eq!(config, None, "{model}");
            assert_eq!(adaptation.unwrap().field, "reasoning", "{model}");
            assert_eq!(ThinkingConfig::for_model(model, Effort::None.into()), (None, None), "{model}");
        }
    }

    #[test]
    fn generation_three_is_known_by_name() {
        for (model, expected) in [
            ("gemini-3-flash-preview", true),
            ("models/gemini-3.1-pro", true),
            ("gemini-pro-latest", true),
            ("gemini-2.5-pro", false),
            ("gemma-3-27b-it", false),
            ("gemini-2.5-flash-preview-latest", false),
        ] {
            assert_eq!(is_third_generation(model), expected, "{model}");
        }
    }
}
