//! Numbers and truth values.

use super::Unfit;

/// Reads `true`, `f`, `1` and the like.
pub(crate) fn boolean(text: &str) -> Result<bool, Unfit> {
    const TRUE: [&str; 6] = ["true", "t", "1", "yes", "y", "on"];
    const FALSE: [&str; 6] = ["false", "f", "0", "no", "n", "off"];
    let text = text.trim_ascii();
    let is_any = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    match (is_any(&TRUE), is_any(&FALSE)) {
        (true, _) => Ok(true),
        (_, true) => Ok(false),
        _ => Err(Unfit::Syntax),
    }
}

/// Reads an integer of a type that 64 bits hold.
pub(crate) fn integer<T: TryFrom<i64>>(text: &str) -> Result<T, Unfit> {
    let text = text.trim_ascii().as_bytes();
    let value = match short_integer(text) {
        Some(value) => value,
        None => long_integer(text)?,
    };
    T::try_from(value).map_err(|_| Unfit::Range)
}

/// An integer of at most 18 digits, the common case.
fn short_integer(text: &[u8]) -> Option<i64> {
    let (is_negative, digits) = split_sign(text);
    if digits.is_empty() || digits.len() > 18 {
        return None;
    }
    let mut value = 0_i64;
    for byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value = value * 10 + i64::from(digit);
    }
    Some(if is_negative { -value } else { value })
}

/// Any other integer: long, or with a fraction of zeros.
fn long_integer(text: &[u8]) -> Result<i64, Unfit> {
    let number = Number::split(text)?;
    if number.exponent != 0 {
        return Err(Unfit::Syntax);
    }
    if number.fraction.iter().any(|digit| *digit != b'0') {
        return Err(Unfit::Fraction);
    }
    i64::try_from(number.scaled(0)?).map_err(|_| Unfit::Range)
}

/// Reads an exact number as its unscaled integer.
pub(crate) fn decimal(text: &str, precision: u8, scale: u8) -> Result<i128, Unfit> {
    let text = text.trim_ascii().as_bytes();
    let value = match short_decimal(text, scale) {
        Some(value) => value,
        None => Number::split(text)?.scaled(scale)?,
    };
    let limit = 10_u128.checked_pow(precision.into());
    match limit {
        Some(limit) if value.unsigned_abs() < limit => Ok(value),
        _ => Err(Unfit::Range),
    }
}

/// A decimal of at most 18 digits and no more of them behind the point than the type has.
fn short_decimal(text: &[u8], scale: u8) -> Option<i128> {
    let (is_negative, digits) = split_sign(text);
    let mut value = 0_i64;
    let mut point = None;
    if digits.len() > 18 {
        return None;
    }
    for (idx, byte) in digits.iter().enumerate() {
        let digit = byte.wrapping_sub(b'0');
        if digit <= 9 {
            value = value * 10 + i64::from(digit);
        } else if *byte == b'.' && point.is_none() {
            point = Some(idx);
        } else {
            return None;
        }
    }
    let digit_count = digits.len() - usize::from(point.is_some());
    let fraction = point.map_or(0, |point| digits.len() - point - 1);
    let missing = usize::from(scale).checked_sub(fraction)?;
    if digit_count == 0 || digit_count + missing > 18 {
        return None;
    }
    let value = value * 10_i64.pow(missing as u32);
    Some(i128::from(if is_negative { -value } else { value }))
}

/// Reads a DOUBLE.
pub(crate) fn double(text: &str) -> Result<f64, Unfit> {
    let text = text.trim_ascii();
    let value: f64 = text.parse().map_err(|_| Unfit::Syntax)?;
    if value.is_infinite() && has_digit(text) { Err(Unfit::Range) } else { Ok(value) }
}

/// Reads a REAL.
pub(crate) fn real(text: &str) -> Result<f32, Unfit> {
    let text = text.trim_ascii();
    let value: f32 = text.parse().map_err(|_| Unfit::Syntax)?;
    if value.is_infinite() && has_digit(text) { Err(Unfit::Range) } else { Ok(value) }
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

fn split_sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        _ => (false, text),
    }
}

/// A number of any length: ± whole . fraction e exponent.
struct Number<'a> {
    is_negative: bool,
    whole: &'a [u8],
    fraction: &'a [u8],
    exponent: i64,
}

impl<'a> Number<'a> {
    fn split(text: &'a [u8]) -> Result<Self, Unfit> {
        let (is_negative, rest) = split_sign(text);
        let (whole, rest) = split_digits(rest);
        let (fraction, rest) = match rest {
            [b'.', rest @ ..] => split_digits(rest),
            _ => (&rest[..0], rest),
        };
        if whole.is_empty() && fraction.is_empty() {
            return Err(Unfit::Syntax);
        }
        let exponent = match rest {
            [] => 0,
            [b'e' | b'E', exponent @ ..] => parse_exponent(exponent)?,
            _ => return Err(Unfit::Syntax),
        };
        Ok(Self { is_negative, whole, fraction, exponent })
    }

    /// The number times 10^scale, rounded half away from zero.
    fn scaled(&self, scale: u8) -> Result<i128, Unfit> {
        let mut digits = self.whole.iter().chain(self.fraction).map(|byte| byte - b'0');
        // Digits before the point once it has moved; the next one decides on rounding.
        let kept = self.whole.len() as i64 + self.exponent + i64::from(scale);
        let mut value = 0_u128;
        for _ in 0..kept.min((self.whole.len() + self.fraction.len()) as i64) {
            let digit = digits.next().unwrap_or(0);
            value = times_ten_plus(value, digit)?;
        }
        let missing = kept - (self.whole.len() + self.fraction.len()) as i64;
        for _ in 0..missing {
            if value == 0 {
                break;
            }
            value = times_ten_plus(value, 0)?;
        }
        if kept >= 0 && digits.next().is_some_and(|digit| digit >= 5) {
            value += 1;
        }
        let value = i128::try_from(value).map_err(|_| Unfit::Range)?;
        Ok(if self.is_negative { -value } else { value })
    }
}

fn times_ten_plus(value: u128, digit: u8) -> Result<u128, Unfit> {
    let shifted = value.checked_mul(10).ok_or(Unfit::Range)?;
    shifted.checked_add(digit.into()).filter(|value| *value < 1 << 127).ok_or(Unfit::Range)
}

fn split_digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

/// Reads an exponent; beyond a million it makes no difference any more.
fn parse_exponent(text: &[u8]) -> Result<i64, Unfit> {
    let (is_negative, digits) = split_sign(text);
    if digits.is_empty() {
        return Err(Unfit::Syntax);
    }
    let mut value = 0_i64;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return Err(Unfit::Syntax);
        }
        value = (value * 10 + i64::from(byte - b'0')).min(1_000_000_000);
    }
    Ok(if is_negative { -value } else { value })
}
