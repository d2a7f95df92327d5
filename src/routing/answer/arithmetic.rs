//! Checks the sums that an answer does on its way: `12 * 4 = 48` is right or it is not.

#![expect(clippy::float_arithmetic, reason = "numbers of an answer, never money")]

/// How many equations an answer states, and how many of them do not hold.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Arithmetic {
    /// Equations between numbers that could be read.
    pub checked: usize,
    /// Those whose sides differ, by more than rounding.
    pub wrong: usize,
}

/// Reads every equation between numbers in `text`. What cannot be read is not counted.
pub fn arithmetic(text: &str) -> Arithmetic {
    let bytes = text.as_bytes();
    let mut found = Arithmetic::default();
    for (place, _) in text.match_indices('=') {
        let left = side(bytes.get(..place).unwrap_or_default(), Reads::Backwards);
        let right = side(bytes.get(place + 1..).unwrap_or_default(), Reads::Forwards);
        let (Some(left), Some(right)) = (Expression::evaluate(left), Expression::evaluate(right)) else {
            continue;
        };
        // `x = 5` alone says nothing; one side must be a calculation.
        if left.operations + right.operations == 0 {
            continue;
        }
        found.checked += 1;
        let tolerance = 0.006_f64.max(0.005 * left.value.abs().max(right.value.abs()));
        if (left.value - right.value).abs() > tolerance {
            found.wrong += 1;
        }
        if found.checked >= MOST {
            break;
        }
    }
    found
}

/// The numbers of `text`, in order: digits with commas between thousands and a decimal point.
pub(crate) fn numbers(text: &str) -> Vec<f64> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut place = 0;
    while let Some(byte) = bytes.get(place) {
        if byte.is_ascii_digit() {
            let (value, length) = number(bytes.get(place..).unwrap_or_default());
            found.push(value);
            place += length.max(1);
            if found.len() >= MOST {
                break;
            }
        } else {
            place += 1;
        }
    }
    found
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Backwards,
    Forwards,
}

/// The longest stretch next to an equals sign that may belong to a calculation.
fn side(bytes: &[u8], reads: Reads) -> &[u8] {
    let belongs = |byte: &u8| byte.is_ascii_digit() || b" .,+-*/x()$%\\\xc3\x97\xb7".contains(byte);
    let limit = LONGEST.min(bytes.len());
    match reads {
        Reads::Forwards => {
            let near = bytes.get(..limit).unwrap_or_default();
            let end = near.iter().position(|byte| !belongs(byte)).unwrap_or(near.len());
            near.get(..end).unwrap_or_default()
        }
        Reads::Backwards => {
            let near = bytes.get(bytes.len() - limit..).unwrap_or_default();
            let start = near.iter().rposition(|byte| !belongs(byte)).map_or(0, |place| place + 1);
            near.get(start..).unwrap_or_default()
        }
    }
}

/// What an expression is worth, and how many operations it took.
#[derive(Clone, Copy)]
struct Worth {
    value: f64,
    operations: usize,
}

/// Recursive descent over sums, products and brackets.
struct Expression<'a> {
    rest: &'a [u8],
    operations: usize,
    depth: usize,
}

impl<'a> Expression<'a> {
    fn evaluate(bytes: &'a [u8]) -> Option<Worth> {
        let trimmed = bytes.trim_ascii();
        // A sentence may end behind the number, and begin before it.
        let trimmed = trimmed.strip_suffix(b".").or(trimmed.strip_suffix(b",")).unwrap_or(trimmed);
        let start = trimmed.iter().position(|byte| byte.is_ascii_digit() || b"($-".contains(byte))?;
        let mut expression = Self { rest: trimmed.get(start..)?, operations: 0, depth: 0 };
        let value = expression.sum()?;
        expression.blanks();
        (expression.rest.is_empty() && value.is_finite())
            .then_some(Worth { value, operations: expression.operations })
    }

    fn sum(&mut self) -> Option<f64> {
        let mut value = self.product()?;
        loop {
            self.blanks();
            match self.rest {
                [b'+', rest @ ..] => {
                    self.rest = rest;
                    value += self.product()?;
                }
                [b'-', rest @ ..] => {
                    self.rest = rest;
                    value -= self.product()?;
                }
                _ => return Some(value),
            }
            self.operations += 1;
        }
    }

    fn product(&mut self) -> Option<f64> {
        let mut value = self.factor()?;
        loop {
            self.blanks();
            match self.rest {
                [b'*' | b'x', rest @ ..] | [b'\\', b'*', rest @ ..] | [0xc3, 0x97, rest @ ..] => {
                    self.rest = rest;
                    value *= self.factor()?;
                }
                [b'/', rest @ ..] | [0xc3, 0xb7, rest @ ..] => {
                    self.rest = rest;
                    value /= self.factor()?;
                }
                _ => return Some(value),
            }
            self.operations += 1;
        }
    }

    fn factor(&mut self) -> Option<f64> {
        self.blanks();
        match self.rest {
            [b'$', rest @ ..] => {
                self.rest = rest;
                self.factor()
            }
            [b'-', rest @ ..] if self.depth < DEEPEST => {
                self.rest = rest;
                self.depth += 1;
                let value = self.factor().map(|value| -value);
                self.depth -= 1;
                value
            }
            [b'(', rest @ ..] if self.depth < DEEPEST => {
                self.rest = rest;
                self.depth += 1;
                let value = self.sum()?;
                self.depth -= 1;
                self.blanks();
                self.rest = self.rest.strip_prefix(b")")?;
                Some(value)
            }
            [first, ..] if first.is_ascii_digit() || *first == b'.' => {
                let (value, length) = number(self.rest);
                self.rest = self.rest.get(length..).filter(|_| length > 0)?;
                match self.rest {
                    [b'%', rest @ ..] => {
                        self.rest = rest;
                        Some(value / 100.0)
                    }
                    _ => Some(value),
                }
            }
            _ => None,
        }
    }

    fn blanks(&mut self) {
        self.rest = self.rest.trim_ascii_start();
    }
}

/// The number at the beginning of `bytes` and its length; zero of length zero when there is none.
fn number(bytes: &[u8]) -> (f64, usize) {
    let mut value = 0.0;
    let mut scale: Option<f64> = None;
    let mut length = 0;
    while let Some(byte) = bytes.get(length) {
        let next_is_digit = bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        match byte {
            b'0'..=b'9' => {
                let digit = f64::from(byte - b'0');
                match &mut scale {
                    None => value = value * 10.0 + digit,
                    Some(scale) => {
                        *scale /= 10.0;
                        value += digit * *scale;
                    }
                }
            }
            b',' if scale.is_none() && length > 0 && next_is_digit => {}
            b'.' if scale.is_none() && next_is_digit => scale = Some(1.0),
            _ => break,
        }
        length += 1;
    }
    (value, length)
}

/// Equations and numbers beyond these are not read.
const MOST: usize = 256;
/// Bytes of one side.
const LONGEST: usize = 120;
const DEEPEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equations_hold_or_they_do_not() {
        for (text, checked, wrong) in [
            ("so 12 * 4 = 48 blocks", 1, 0),
            ("<<34-23+1=12>>12", 1, 0),
            ("2 + 2 = 5", 1, 1),
            ("8 + 6 + (5 * 5) = 8 + 6 + 25 = 39.", 2, 0),
            ("$600 \\* 0.10 = $60", 1, 0),
            ("1,200 / 4 = 300", 1, 0),
            ("2 x 3 × 2 ÷ 4 = 3", 1, 0),
            ("20% * 50 = 10", 1, 0),
            ("10 / 3 = 3.33", 1, 0),
            ("x = 5 and y = 7", 0, 0),
            ("5 / 0 = 3", 0, 0),
            ("= = =", 0, 0),
            ("((((((((((((1 + 1 = 2", 0, 0),
        ] {
            let found = arithmetic(text);
            assert_eq!((found.checked, found.wrong), (checked, wrong), "{text}");
        }
    }

    #[test]
    fn numbers_are_read_with_commas_and_points() {
        assert_eq!(numbers("1,200 apples at $2.50, and 3."), [1200.0, 2.5, 3.0]);
        assert!(numbers("none").is_empty());
    }

    #[test]
    fn hostile_text_is_read_in_bounds() {
        for text in
            ["(".repeat(100_000) + "= 1", "1=".repeat(100_000), "-".repeat(50_000) + "=2", "é=ü".into()]
        {
            let found = arithmetic(&text);
            assert!(found.checked <= MOST);
        }
    }
}
