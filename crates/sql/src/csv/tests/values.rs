//! Text to values.

use crate::csv::value::{
    Unfit, boolean, date, decimal, double, integer, real, time, timestamp, timestamp_tz,
};
use proptest::prelude::*;

#[test]
fn integers() {
    assert_eq!(integer::<i64>("-9223372036854775808"), Ok(i64::MIN));
    assert_eq!(integer::<i64>("9223372036854775808"), Err(Unfit::Range));
    assert_eq!(integer::<i16>(" +32767 "), Ok(i16::MAX));
    assert_eq!(integer::<i16>("32768"), Err(Unfit::Range));
    assert_eq!(integer::<i32>("000000000000000000000012.000"), Ok(12));
    assert_eq!(integer::<i32>("12.5"), Err(Unfit::Fraction));
    for wrong in ["", "-", "1e3", "0x10", "1_000", "1 2", "--1", ".", "٣"] {
        assert_eq!(integer::<i32>(wrong), Err(Unfit::Syntax), "{wrong}");
    }
}

#[test]
fn decimals_round_half_away_from_zero() {
    for (text, expected) in [
        ("1.005", 101),
        ("-1.005", -101),
        ("1.0049999999999999999999999999999", 100),
        ("0.005", 1),
        ("0.0049", 0),
        ("-.5", -50),
        ("5.", 500),
        ("1e2", 10_000),
        ("12345e-3", 1_235),
        ("1e-1000000000000", 0),
        ("0e999999999999", 0),
        ("5e-3", 1),
        ("5e-4", 0),
        ("999999.99", 99_999_999),
    ] {
        assert_eq!(decimal(text, 8, 2), Ok(expected), "{text}");
    }
    for range in ["1000000", "999999.995", "1e6", "1e99999999999", "1000000.00"] {
        assert_eq!(decimal(range, 8, 2), Err(Unfit::Range), "{range}");
    }
    for wrong in ["", ".", "-", "1.2.3", "1e", "e5", "nan", "1,5"] {
        assert_eq!(decimal(wrong, 8, 2), Err(Unfit::Syntax), "{wrong}");
    }
    let widest = "9".repeat(38);
    assert_eq!(decimal(&widest, 38, 0), Ok(10_i128.pow(38) - 1));
    assert_eq!(decimal(&format!("{widest}.5"), 38, 0), Err(Unfit::Range));
    assert_eq!(decimal(&"9".repeat(60), 38, 0), Err(Unfit::Range));
}

#[test]
fn floats() {
    assert_eq!(double("1e400"), Err(Unfit::Range));
    assert_eq!(real("1e39"), Err(Unfit::Range));
    assert_eq!(double("-Infinity"), Ok(f64::NEG_INFINITY));
    assert!(double("NaN").unwrap().is_nan());
    assert_eq!(double(" -0 ").map(f64::to_bits), Ok((-0.0_f64).to_bits()));
    assert_eq!(double("0x1p3"), Err(Unfit::Syntax));
}

#[test]
fn truth_values() {
    for (text, expected) in [("TRUE", true), ("t", true), ("1", true), ("No", false), (" 0", false)]
    {
        assert_eq!(boolean(text), Ok(expected), "{text}");
    }
    assert_eq!(boolean("2"), Err(Unfit::Syntax));
}

#[test]
fn dates_of_years_1_to_9999() {
    assert_eq!(date("1970-01-01"), Ok(0));
    assert_eq!(date("2000/2/29"), Ok(11_016));
    assert_eq!(date("0001-01-01"), Ok(-719_162));
    assert_eq!(date("9999-12-31"), Ok(2_932_896));
    for range in
        ["0000-01-01", "2023-02-29", "1900-02-29", "2024-13-01", "2024-04-31", "2024-01-00"]
    {
        assert_eq!(date(range), Err(Unfit::Range), "{range}");
    }
    for wrong in ["", "10000-01-01", "24-01-01", "2024-1/1", "20240101", "2024-01-01 00:00", "x"] {
        assert_eq!(date(wrong), Err(Unfit::Syntax), "{wrong}");
    }
}

#[test]
fn times_and_timestamps_have_microseconds() {
    assert_eq!(time("23:59:59.999999"), Ok(86_399_999_999));
    assert_eq!(time("7:05"), Ok(25_500_000_000));
    assert_eq!(time("00:00:00.100000000"), Ok(100_000));
    assert_eq!(time("00:00:00.1234567"), Err(Unfit::Precision));
    assert_eq!(time("24:00:00"), Err(Unfit::Range));
    assert_eq!(time("12:3"), Err(Unfit::Syntax));
    for text in ["1970-01-02 00:00:01", "1970-01-02T00:00:01Z", "1970-01-02 00:00:01+00"] {
        assert_eq!(timestamp(text), Ok(86_401_000_000), "{text}");
    }
    assert_eq!(timestamp("1970-01-02"), Ok(86_400_000_000));
    assert_eq!(timestamp("1969-12-31 23:59:59.5"), Ok(-500_000));
    assert_eq!(timestamp("1970-01-01 00:00:00+01"), Err(Unfit::Zone));
    assert_eq!(timestamp("1970-01-01 "), Ok(0), "white space around a value is skipped");
    assert_eq!(timestamp("1970-01-01T"), Err(Unfit::Syntax));
}

#[test]
fn offsets_lead_to_utc() {
    for text in ["1970-01-01 01:30:00+01:30", "1970-01-01 00:00:00", "1969-12-31T19:00:00 -0500"] {
        assert_eq!(timestamp_tz(text), Ok(0), "{text}");
    }
    assert_eq!(timestamp_tz("1970-01-01 12:00 UTC"), Ok(43_200_000_000));
    assert_eq!(timestamp_tz("9999-12-31 23:59:59-01"), Err(Unfit::Range));
    assert_eq!(timestamp_tz("1970-01-01 00:00:00+16"), Err(Unfit::Range));
    assert_eq!(timestamp_tz("1970-01-01 00:00:00+1"), Err(Unfit::Syntax));
}

proptest! {
    #[test]
    fn decimals_are_those_of_exact_arithmetic(
        unscaled in -10_i128.pow(17)..10_i128.pow(17),
        digits in 0_u32..12,
        scale in 0_u8..12,
        zeros in 0_usize..30,
    ) {
        // The text has the value unscaled × 10^-digits.
        let power = 10_i128.pow(digits);
        let sign = if unscaled < 0 { "-" } else { "" };
        let whole = unscaled.abs() / power;
        let fraction = unscaled.abs() % power;
        let zeros = "0".repeat(zeros);
        let text = if digits == 0 {
            format!("{sign}{zeros}{whole}")
        } else {
            format!("{sign}{zeros}{whole}.{fraction:0width$}{zeros}", width = digits as usize)
        };
        let shifted = unscaled.abs() * 10_i128.pow(scale.into());
        let rounded = (shifted + power / 2) / power * unscaled.signum();
        prop_assert_eq!(decimal(&text, 38, scale), Ok(rounded), "{}", text);
        let moved = format!("{unscaled}e-{digits}");
        prop_assert_eq!(decimal(&moved, 38, scale), Ok(rounded), "{}", moved);
    }

    #[test]
    fn nothing_panics(text in "[-+0-9.:eETZ /naif]{0,20}") {
        let _ = (boolean(&text), integer::<i64>(&text), decimal(&text, 10, 3), double(&text));
        let _ = (date(&text), time(&text), timestamp(&text), timestamp_tz(&text), real(&text));
    }
}
