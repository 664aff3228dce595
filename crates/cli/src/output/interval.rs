//! Intervals as PostgreSQL writes them: `1 year 2 mons -3 days 04:05:06.5`.

use super::temporal::write_fraction;
use std::fmt::Write;

const SECOND_NANOSECONDS: i128 = 1_000_000_000;

/// Appends an interval; its three parts have signs of their own.
pub fn write(months: i32, days: i32, nanoseconds: i128, text: &mut String) {
    let start = text.len();
    write_part(months / 12, "year", text, start);
    write_part(months % 12, "mon", text, start);
    write_part(days, "day", text, start);
    if nanoseconds == 0 && text.len() > start {
        return;
    }
    separate(text, start);
    if nanoseconds < 0 {
        text.push('-');
    }
    let seconds = nanoseconds.abs() / SECOND_NANOSECONDS;
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let _ = write!(text, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
    let fraction = nanoseconds.abs() % SECOND_NANOSECONDS;
    write_fraction(fraction as i64, SECOND_NANOSECONDS as i64, text);
}

fn write_part(number: i32, unit: &str, text: &mut String, start: usize) {
    if number != 0 {
        separate(text, start);
        let plural = if number == 1 { "" } else { "s" };
        let _ = write!(text, "{number} {unit}{plural}");
    }
}

fn separate(text: &mut String, start: usize) {
    if text.len() > start {
        text.push(' ');
    }
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn parts_that_are_zero_are_left_out() {
        for (months, days, nanoseconds, expected) in [
            (0, 0, 0, "00:00:00"),
            (1, 0, 0, "1 mon"),
            (14, 3, 14_706_500_000_000, "1 year 2 mons 3 days 04:05:06.5"),
            (-25, 1, -1, "-2 years -1 mons 1 day -00:00:00.000000001"),
            (0, 0, 360_000_000_000_000_000, "100000:00:00"),
        ] {
            let mut text = String::new();
            write(months, days, nanoseconds, &mut text);
            assert_eq!(text, expected);
        }
    }
}
