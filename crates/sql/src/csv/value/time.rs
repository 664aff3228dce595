//! Dates, times and timestamps of the proleptic Gregorian calendar.

use super::Unfit;

const MICROS_PER_SECOND: i64 = 1_000_000;
const MICROS_PER_DAY: i64 = 86_400 * MICROS_PER_SECOND;
/// Days from 1970-01-01 to 0001-01-01 and to 9999-12-31.
const DAY_MIN: i64 = -719_162;
const DAY_MAX: i64 = 2_932_896;

/// Reads a date as days since 1970-01-01.
pub(crate) fn date(text: &str) -> Result<i32, Unfit> {
    match split_date(text.trim_ascii().as_bytes())? {
        (days, []) => Ok(days),
        _ => Err(Unfit::Syntax),
    }
}

/// Reads a time as microseconds since midnight.
pub(crate) fn time(text: &str) -> Result<i64, Unfit> {
    match split_time(text.trim_ascii().as_bytes())? {
        (micros, []) => Ok(micros),
        _ => Err(Unfit::Syntax),
    }
}

/// Reads a timestamp without time zone as microseconds since 1970-01-01.
pub(crate) fn timestamp(text: &str) -> Result<i64, Unfit> {
    let (micros, zone) = split_timestamp(text.trim_ascii().as_bytes())?;
    match offset(zone)? {
        None | Some(0) => Ok(micros),
        Some(_) => Err(Unfit::Zone),
    }
}

/// Reads a timestamp with or without an offset as microseconds since 1970-01-01 UTC.
pub(crate) fn timestamp_tz(text: &str) -> Result<i64, Unfit> {
    let (micros, zone) = split_timestamp(text.trim_ascii().as_bytes())?;
    let micros = micros - offset(zone)?.unwrap_or(0) * 60 * MICROS_PER_SECOND;
    let days = micros.div_euclid(MICROS_PER_DAY);
    if (DAY_MIN..=DAY_MAX).contains(&days) { Ok(micros) } else { Err(Unfit::Range) }
}

/// The microseconds of a date or of a date and a time, and what follows.
fn split_timestamp(text: &[u8]) -> Result<(i64, &[u8]), Unfit> {
    let (days, rest) = split_date(text)?;
    let midnight = i64::from(days) * MICROS_PER_DAY;
    match rest {
        [b' ' | b'T' | b't', time @ ..] if time.first().is_some_and(u8::is_ascii_digit) => {
            let (micros, rest) = split_time(time)?;
            Ok((midnight + micros, rest))
        }
        [] => Ok((midnight, rest)),
        _ => Err(Unfit::Syntax),
    }
}

fn split_date(text: &[u8]) -> Result<(i32, &[u8]), Unfit> {
    let (year, rest) = split_number(text, 4, 4)?;
    let separator = rest.first().copied().filter(|byte| matches!(byte, b'-' | b'/'));
    let separator = separator.ok_or(Unfit::Syntax)?;
    let (month, rest) = split_number(&rest[1..], 1, 2)?;
    let rest = rest.strip_prefix(&[separator]).ok_or(Unfit::Syntax)?;
    let (day, rest) = split_number(rest, 1, 2)?;
    if year == 0 || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month) {
        return Err(Unfit::Range);
    }
    Ok((days_since_epoch(year, month, day), rest))
}

fn split_time(text: &[u8]) -> Result<(i64, &[u8]), Unfit> {
    let (hour, rest) = split_number(text, 1, 2)?;
    let rest = rest.strip_prefix(b":").ok_or(Unfit::Syntax)?;
    let (minute, rest) = split_number(rest, 2, 2)?;
    let (second, rest) = match rest.strip_prefix(b":") {
        Some(rest) => split_number(rest, 2, 2)?,
        None => (0, rest),
    };
    let (fraction, rest) = match rest.strip_prefix(b".") {
        Some(rest) => split_fraction(rest)?,
        None => (0, rest),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return Err(Unfit::Range);
    }
    let seconds = i64::from(hour * 3600 + minute * 60 + second);
    Ok((seconds * MICROS_PER_SECOND + fraction, rest))
}

/// Digits behind the point of the seconds, as microseconds. Further ones must be zeros.
fn split_fraction(text: &[u8]) -> Result<(i64, &[u8]), Unfit> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    if digits.is_empty() {
        return Err(Unfit::Syntax);
    }
    if digits.iter().skip(6).any(|digit| *digit != b'0') {
        return Err(Unfit::Precision);
    }
    let digit = |idx| digits.get(idx).map_or(0, |byte| i64::from(byte - b'0'));
    Ok(((0..6).fold(0, |value, idx| value * 10 + digit(idx)), rest))
}

/// The minutes that local time is ahead of UTC; `None` if nothing is said.
fn offset(text: &[u8]) -> Result<Option<i64>, Unfit> {
    let text = text.trim_ascii();
    if text.is_empty() {
        return Ok(None);
    }
    if text.eq_ignore_ascii_case(b"z") || text.eq_ignore_ascii_case(b"utc") {
        return Ok(Some(0));
    }
    let (sign, rest) = match text {
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return Err(Unfit::Syntax),
    };
    let (hours, rest) = split_number(rest, 2, 2)?;
    let (minutes, rest) = match rest {
        [] => (0, rest),
        [b':', rest @ ..] => split_number(rest, 2, 2)?,
        _ => split_number(rest, 2, 2)?,
    };
    match rest {
        [] if hours <= 15 && minutes <= 59 => Ok(Some(sign * i64::from(hours * 60 + minutes))),
        [] => Err(Unfit::Range),
        _ => Err(Unfit::Syntax),
    }
}

/// A number of `least` to `most` digits, and what follows.
fn split_number(text: &[u8], least: usize, most: usize) -> Result<(u32, &[u8]), Unfit> {
    let count = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    if count < least {
        return Err(Unfit::Syntax);
    }
    let (digits, rest) = text.split_at(count);
    Ok((digits.iter().fold(0, |value, byte| value * 10 + u32::from(byte - b'0')), rest))
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01, counted in years that begin in March so that the leap day comes last
/// (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days_since_epoch(year: u32, month: u32, day: u32) -> i32 {
    let year = year as i32 - i32::from(month <= 2);
    let day_of_year = (153 * ((month as i32 + 9) % 12) + 2) / 5 + day as i32 - 1;
    year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719_468
}
