//! Data that must stay on the application's own machines, recognised by its form.

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
    has_card(text.as_bytes())
        || text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != ' ').any(has_iban)
        || has_email(text)
}

/// 13 to 19 digits, perhaps in groups, with the check digit of Luhn (ISO/IEC 7812-1).
fn has_card(text: &[u8]) -> bool {
    let mut digits: Vec<u8> = Vec::new();
    let mut before = b' ';
    for byte in text.iter().copied().chain(std::iter::once(b'.')) {
        match byte {
            b'0'..=b'9' => digits.push(byte - b'0'),
            b' ' | b'-' if before.is_ascii_digit() => {}
            _ => {
                if is_card(&digits) {
                    return true;
                }
                digits.clear();
            }
        }
        before = byte;
    }
    false
}

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

/// Two letters, two check digits and up to thirty letters and digits whose number leaves 1 when divided by 97 (ISO 13616).
fn has_iban(text: &str) -> bool {
    let words: Vec<&str> = text.split(' ').filter(|word| !word.is_empty()).collect();
    (0..words.len()).any(|start| {
        let mut number = String::new();
        words.iter().skip(start).take(9).any(|word| {
            number.push_str(word);
            is_iban(&number)
        })
    })
}

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
        let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._%+-".contains(letter);
        let before = text.get(..at).and_then(|head| head.chars().next_back()).is_some_and(is_name);
        let domain = text.get(at + 1..).unwrap_or_default();
        let end =
            domain.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '.' && letter != '-');
        let domain = domain.get(..end.unwrap_or(domain.len())).unwrap_or_default().trim_end_matches('.');
        let ends_in_letters = domain.rsplit_once('.').is_some_and(|(name, last)| {
            !name.is_empty() && last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic())
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
            "é@ü.com",
        ] {
            assert!(!is_sensitive(text), "{text}");
        }
    }
}
