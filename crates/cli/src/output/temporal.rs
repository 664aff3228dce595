//! Dates, times and timestamps as PostgreSQL writes them, over the whole range of the integers.
//!
//! A fraction of a second is written only if there is one, without zeros at its end. Years before 1
//! are counted backwards and marked BC. A timestamp with a time zone is written at the offset that
//! its type has, or else in UTC.

use std::fmt::Write;

const DAY_SECONDS: i64 = 86_400;

/// Appends a date, given as days from 1970-01-01.
pub fn write_date(days: i64, text: &mut String) {
    let (year, month, day) = civil(days);
    write_civil(year, month, day, text);
    write_era(year, text);
}

/// Appends a time of day, given in units of which a second has `per_second`.
pub fn write_time(value: i64, per_second: i64, text: &mut String) {
    let (second, fraction) = (value.div_euclid(per_second), value.rem_euclid(per_second));
    write_clock(second, fraction, per_second, text);
}

/// Appends a timestamp, given in units since 1970 of which a second has `per_second`.
pub fn write_timestamp(value: i64, per_second: i64, zone: Option<&str>, text: &mut String) {
    let offset = zone.map(|zone| offset_seconds(zone).unwrap_or(0));
    let second = value.div_euclid(per_second) + offset.unwrap_or(0);
    let fraction = value.rem_euclid(per_second);
    let (year, month, day) = civil(second.div_euclid(DAY_SECONDS));
    write_civil(year, month, day, text);
    text.push(' ');
    write_clock(second.rem_euclid(DAY_SECONDS), fraction, per_second, text);
    if let Some(offset) = offset {
        write_offset(offset, text);
    }
    write_era(year, text);
}

/// Appends `.5` for 500 of 1000; nothing for 0.
pub fn write_fraction(fraction: i64, per_second: i64, text: &mut String) {
    if fraction != 0 {
        let width = per_second.ilog10() as usize;
        let digits = format!("{fraction:0width$}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
}

/// Year, month and day of the Gregorian calendar, by Howard Hinnant's `civil_from_days`: years
/// begin in March, so that the leap day is the last of a year, and 400 years are one cycle.
fn civil(days: i64) -> (i64, i64, i64) {
    const CYCLE_DAYS: i64 = 146_097;
    let shifted = days + 719_468;
    let cycle = shifted.div_euclid(CYCLE_DAYS);
    let day_of_cycle = shifted.rem_euclid(CYCLE_DAYS);
    let year_of_cycle = (day_of_cycle - day_of_cycle / 1_460 + day_of_cycle / 36_524
        - day_of_cycle / 146_096)
        / 365;
    let day_of_year =
        day_of_cycle - (365 * year_of_cycle + year_of_cycle / 4 - year_of_cycle / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_cycle + cycle * 400 + i64::from(month <= 2);
    (year, month, day)
}

fn write_civil(year: i64, month: i64, day: i64, text: &mut String) {
    let year = if year > 0 { year } else { 1 - year };
    let _ = write!(text, "{year:04}-{month:02}-{day:02}");
}

fn write_era(year: i64, text: &mut String) {
    if year <= 0 {
        text.push_str(" BC");
    }
}

fn write_clock(second: i64, fraction: i64, per_second: i64, text: &mut String) {
    let (hour, minute) = (second / 3_600, second / 60 % 60);
    let _ = write!(text, "{hour:02}:{minute:02}:{:02}", second % 60);
    write_fraction(fraction, per_second, text);
}

/// `+00`, `-03:30`.
fn write_offset(seconds: i64, text: &mut String) {
    let sign = if seconds < 0 { '-' } else { '+' };
    let (hours, minutes) = (seconds.abs() / 3_600, seconds.abs() / 60 % 60);
    let _ = write!(text, "{sign}{hours:02}");
    if minutes != 0 {
        let _ = write!(text, ":{minutes:02}");
    }
}

/// The seconds of `+02:00`, `-0330` or `+02`; None is a zone with a name.
fn offset_seconds(zone: &str) -> Option<i64> {
    let (sign, digits) = match zone.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    let number: i64 = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()))?;
    let (hours, minutes) = match digits.len() {
        2 => (number, 0),
        4 => (number / 100, number % 100),
        _ => return None,
    };
    Some(sign * (hours * 3_600 + minutes * 60))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(days: i64) -> String {
        let mut text = String::new();
        write_date(days, &mut text);
        text
    }

    fn timestamp(value: i64, per_second: i64, zone: Option<&str>) -> String {
        let mut text = String::new();
        write_timestamp(value, per_second, zone, &mut text);
        text
    }

    #[test]
    fn dates_of_every_age() {
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(-1), "1969-12-31");
        assert_eq!(date(11_016), "2000-02-29");
        assert_eq!(date(19_723), "2024-01-01");
        assert_eq!(date(2_932_896), "9999-12-31");
        assert_eq!(date(2_932_897), "10000-01-01");
        assert_eq!(date(-719_162), "0001-01-01");
        assert_eq!(date(-719_163), "0001-12-31 BC");
        assert_eq!(date(i64::from(i32::MAX)), "5881580-07-11");
        assert_eq!(date(i64::from(i32::MIN)), "5877642-06-23 BC");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let month_days = |year: i64, month| match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let mut expected = (1599, 12, 31);
        for days in -135_141..160_000 {
            let (year, month, day) = expected;
            assert_eq!(civil(days), expected);
            expected = if day < month_days(year, month) {
                (year, month, day + 1)
            } else if month < 12 {
                (year, month + 1, 1)
            } else {
                (year + 1, 1, 1)
            };
        }
    }

    #[test]
    fn fractions_only_if_there_are_any() {
        assert_eq!(timestamp(1_704_103_200_000_000, 1_000_000, None), "2024-01-01 10:00:00");
        assert_eq!(timestamp(1_704_103_200_500_000, 1_000_000, None), "2024-01-01 10:00:00.5");
        assert_eq!(timestamp(1_704_103_200_000_001, 1_000_000, None), "2024-01-01 10:00:00.000001");
        assert_eq!(timestamp(-1, 1_000_000_000, None), "1969-12-31 23:59:59.999999999");
        assert_eq!(timestamp(7, 1, None), "1970-01-01 00:00:07");
        let mut text = String::new();
        write_time(45_296_789, 1_000, &mut text);
        assert_eq!(text, "12:34:56.789");
    }

    #[test]
    fn zones_are_offsets_or_utc() {
        let noon = 1_704_110_400;
        for (zone, expected) in [
            ("UTC", "2024-01-01 12:00:00+00"),
            ("+00:00", "2024-01-01 12:00:00+00"),
            ("+02:00", "2024-01-01 14:00:00+02"),
            ("-0330", "2024-01-01 08:30:00-03:30"),
            ("+13", "2024-01-02 01:00:00+13"),
            ("Europe/Berlin", "2024-01-01 12:00:00+00"),
            ("+-1:00", "2024-01-01 12:00:00+00"),
            ("", "2024-01-01 12:00:00+00"),
        ] {
            assert_eq!(timestamp(noon, 1, Some(zone)), expected, "{zone}");
        }
    }

    #[test]
    fn the_ends_of_the_integers_have_a_date_too() {
        assert_eq!(timestamp(i64::MAX, 1_000_000, None), "294247-01-10 04:00:54.775807");
        assert_eq!(timestamp(i64::MIN, 1_000_000, None), "290309-12-21 19:59:05.224192 BC");
        assert_eq!(timestamp(i64::MAX, 1_000_000_000, None), "2262-04-11 23:47:16.854775807");
    }
}
