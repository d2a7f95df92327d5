//! Ids of tool calls, for vendors that take only some.
//!
//! An id that fits goes as it came. Another is replaced by a hash of it: always the same for the same id, so that a
//! result still finds its call and a cached conversation stays cached as it grows.

use std::borrow::Cow;

/// At most `most` letters, digits, `_` and `-`.
pub(super) fn plain(id: &str, most: usize) -> Cow<'_, str> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    if (1..=most).contains(&id.len()) && id.bytes().all(is_plain) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(format!("call_{}", digits(id, 13)))
}

/// Nine letters or digits.
pub(super) fn nine_alphanumeric(id: &str) -> Cow<'_, str> {
    if id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Cow::Borrowed(id);
    }
    Cow::Owned(digits(id, 9))
}

/// Digits to the base 36 of the id's FNV-1a hash of 64 bits.
fn digits(id: &str, count: usize) -> String {
    let mut hash = id.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    let mut text = String::with_capacity(count);
    for _ in 0..count {
        let digit = u8::try_from(hash % 36).unwrap_or_default();
        text.push(char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 }));
        hash /= 36;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_that_do_not_fit_are_replaced() {
        for good in ["toolu_01A", "call-1", &"x".repeat(64)] {
            assert_eq!(plain(good, 64), good);
        }
        for bad in ["functions.f:0", "", "é", &"x".repeat(65)] {
            let mapped = plain(bad, 64);
            assert_ne!(mapped, bad);
            assert_eq!(plain(&mapped, 64), mapped);
            assert_eq!(plain(bad, 64), mapped);
            assert_eq!(nine_alphanumeric(bad).len(), 9);
        }
        assert_ne!(plain("functions.f:0", 64), plain("functions.f:1", 64));
    }
}
