//! Data that must stay on the application's own machines, recognised by its form.

use std::collections::VecDeque;

/// Which calls of a route hold sensitive data. Such calls go to self-hosted targets only, whatever the policy.
///
/// A call can also say so itself: [`CallOptions::sensitive`](crate::types::CallOptions::sensitive).
#[non_exhaustive]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SensitiveData {
    /// Calls with any of these tags.
    pub tags: Vec<String>,
    /// Are texts looked through?
    pub detection: Detection,
}

/// Are texts looked through for sensitive data?
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detection {
    /// They are not.
    #[default]
    Off,
    /// Card numbers (with a valid check digit), IBANs (with valid check digits) and e-mail addresses are found.
    On,
}

impl SensitiveData {
    /// No call, unless it says so itself.
    pub fn new() -> Self {
        Self::default()
    }

    /// Calls with this tag, too.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Calls whose text holds a card number, an IBAN or an e-mail address, too. A form is no proof: other data may be as
    /// sensitive and is not found.
    #[must_use]
    pub fn detect(mut self) -> Self {
        self.detection = Detection::On;
        self
    }
}

/// Does `text` hold a card number, an IBAN or an e-mail address?
pub(crate) fn is_sensitive(text: &str) -> bool {
    has_card(text) || has_iban(text) || has_email(text)
}

/// 13 to 19 digits, perhaps in groups, with the check digit of Luhn (ISO/IEC 7812-1). Other numbers may stand beside it, so
/// that every run of whole groups is looked at.
fn has_card(text: &str) -> bool {
    let mut run = Run::default();
    let mut apart = 0;
    for letter in text.chars() {
        if let Some(digit) = letter.to_digit(10) {
            if apart > 0 {
                run.begin();
            }
            run.push(u8::try_from(digit).unwrap_or(0));
            apart = 0;
        } else if separates(letter) && apart < MOST_APART {
            apart += 1;
        } else {
            if run.has_card() {
                return true;
            }
            run = Run::default();
            apart = 0;
        }
        // A long list of numbers is looked at piece by piece, of which each begins with what may belong to the next.
        if run.is_full() && run.has_card_and_forgets() {
            return true;
        }
    }
    run.has_card()
}

/// Digits with nothing but separators between them.
#[derive(Default)]
struct Run {
    digits: Vec<u8>,
    /// Where groups begin.
    begins: Vec<usize>,
}

impl Run {
    /// The next digit begins a group.
    fn begin(&mut self) {
        if !self.digits.is_empty() {
            self.begins.push(self.digits.len());
        }
    }

    fn push(&mut self, digit: u8) {
        if self.digits.is_empty() {
            self.begins.push(0);
        }
        self.digits.push(digit);
    }

    fn is_full(&self) -> bool {
        self.begins.len() > MOST_GROUPS
    }

    /// All of it, or some of its groups where none of them is as short as parts of dates and amounts are.
    fn has_card(&self) -> bool {
        let ends = || self.begins.iter().copied().skip(1).chain([self.digits.len()]);
        let groups = || self.begins.iter().copied().zip(ends());
        is_card(&self.digits)
            || groups().enumerate().any(|(place, (begin, _))| {
                groups()
                    .skip(place)
                    .take_while(|(own, end)| end - own >= LEAST_OF_GROUP && end - begin <= LONGEST_CARD)
                    .any(|(_, end)| self.digits.get(begin..end).is_some_and(is_card))
            })
    }

    /// Looks, and keeps only the last groups that a card may begin in.
    fn has_card_and_forgets(&mut self) -> bool {
        let found = self.has_card();
        let kept = self.begins.len().saturating_sub(LONGEST_CARD);
        let start = self.begins.get(kept).copied().unwrap_or(0);
        self.digits.drain(..start);
        self.begins.drain(..kept);
        self.begins.iter_mut().for_each(|begin| *begin -= start);
        found
    }
}

/// What people write between the groups of a number; the numbers of two lines are two numbers.
fn separates(letter: char) -> bool {
    match letter {
        '\n' | '\r' => false,
        '-' | '.' | '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{2212}' | '\u{feff}' => true,
        '\u{2010}'..='\u{2015}' => true,
        _ => letter.is_whitespace(),
    }
}

/// More separators than this lie between two numbers, not inside one.
const MOST_APART: usize = 3;

const LONGEST_CARD: usize = 19;

/// Digits that each group of a card number has, other numbers beside it.
const LEAST_OF_GROUP: usize = 3;

/// So many groups are looked at together.
const MOST_GROUPS: usize = 256;

fn is_card(digits: &[u8]) -> bool {
    if !(13..=19).contains(&digits.len()) || digits.iter().all(|digit| *digit == 0) {
        return false;
    }
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let doubled = u32::from(*digit) * if place % 2 == 1 { 2 } else { 1 };
            if doubled > 9 { doubled - 9 } else { doubled }
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Two letters, two check digits and up to thirty letters and digits whose number leaves 1 when divided by 97 (ISO 13616);
/// perhaps in groups, and in small letters.
fn has_iban(text: &str) -> bool {
    let mut words: VecDeque<String> = VecDeque::new();
    let mut word = String::new();
    let mut apart = 0;
    for letter in text.chars().chain(std::iter::once('\u{0}')) {
        if letter.is_ascii_alphanumeric() {
            if apart > MOST_APART {
                words.clear();
            }
            apart = 0;
            // One letter more than the longest tells that it is too long.
            if word.len() <= LONGEST_IBAN {
                word.push(letter.to_ascii_uppercase());
            }
            continue;
        }
        apart += 1;
        if !word.is_empty() {
            words.push_back(std::mem::take(&mut word));
            if words.len() > MOST_WORDS {
                words.pop_front();
            }
            // Every run of words that ends here.
            let mut number = String::new();
            let ends_here = |word: &String| {
                number.insert_str(0, word);
                number.len() <= LONGEST_IBAN && is_iban(&number)
            };
            if words.iter().rev().any(ends_here) {
                return true;
            }
        }
        if !separates(letter) {
            words.clear();
        }
    }
    false
}

const LONGEST_IBAN: usize = 34;

/// The groups of four that the longest has.
const MOST_WORDS: usize = 9;

fn is_iban(number: &str) -> bool {
    let (Some(country), Some(check), Some(rest)) = (number.get(..2), number.get(2..4), number.get(4..))
    else {
        return false;
    };
    let is_formed = country.bytes().all(|byte| byte.is_ascii_uppercase())
        && check.bytes().all(|byte| byte.is_ascii_digit())
        && (11..=30).contains(&rest.len())
        && rest.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    is_formed
        && rest.bytes().chain(country.bytes()).chain(check.bytes()).fold(0_u32, |left, byte| match byte {
            b'0'..=b'9' => (left * 10 + u32::from(byte - b'0')) % 97,
            _ => (left * 100 + u32::from(byte - b'A') + 10) % 97,
        }) == 1
}

fn has_email(text: &str) -> bool {
    text.match_indices('@').any(|(at, _)| {
        let is_name = |letter: char| letter.is_alphanumeric() || "._%+-\"'".contains(letter);
        let before = text.get(..at).and_then(|head| head.chars().next_back()).is_some_and(is_name);
        let domain = text.get(at + 1..).unwrap_or_default();
        let end = domain.find(|letter: char| !letter.is_alphanumeric() && letter != '.' && letter != '-');
        let domain = domain.get(..end.unwrap_or(domain.len())).unwrap_or_default().trim_end_matches('.');
        let ends_in_letters = domain.rsplit_once('.').is_some_and(|(name, last)| {
            // Top-level domains of other scripts may be written with `xn--`, digits and all.
            let is_name = last.chars().all(char::is_alphabetic) || last.starts_with("xn--");
            !name.is_empty() && last.chars().count() >= 2 && is_name
        });
        before && ends_in_letters
    })
}

#[cfg(test)]
mod tests {
    use super::is_sensitive;

    #[test]
    fn numbers_with_valid_check_digits_and_addresses_are_found_and_others_are_not() {
        for text in [
            "my card is 4111 1111 1111 1111, thanks",
            "4111-1111-1111-1111",
            "pay to DE89 3704 0044 0532 0130 00 today",
            "GB82WEST12345698765432",
            "write to jane.doe@example.org.",
            "4111 1111 1111 1111 12/27",
            "order 12 4111 1111 1111 1111",
            "4111111111111111 123",
            "4111  1111  1111  1111",
            "4111\u{a0}1111\u{a0}1111\u{a0}1111",
            "4111.1111.1111.1111",
            "4111\u{2013}1111\u{2013}1111\u{2013}1111",
            "3782 822463 10005, exp 01 29",
            "de89 3704 0044 0532 0130 00",
            "DE89-3704-0044-0532-0130-00",
            "IBAN DE89\u{a0}3704 0044  0532 0130 00 BIC",
            "é@ü.com",
            "jörg@müller.de",
            "a@example.xn--p1ai",
        ] {
            assert!(is_sensitive(text), "{text}");
        }
        for text in [
            "",
            "4111 1111 1111 1112",
            "0000 0000 0000 0000",
            "the year 2026 and 12345",
            "DE89 3704 0044 0532 0130 01",
            "@example.org and a@b and x @ y.com",
            "user@host",
            "411111111111111112",
            "1 4111 1111 1111 111",
            "4111     1111     1111     1111",
            "x86 AB12 of the list",
        ] {
            assert!(!is_sensitive(text), "{text}");
        }
    }

    #[test]
    fn a_number_is_found_at_the_end_of_a_long_list_of_others() {
        let list = "7 ".repeat(5_000);
        assert!(!is_sensitive(&list.replace("7 ", "0 ")));
        assert!(is_sensitive(&format!("{}4111 1111 1111 1111", list.replace("7 ", "123456789012 "))));
        assert!(is_sensitive(&format!("{}DE89 3704 0044 0532 0130 00", "word ".repeat(5_000))));
    }
}
