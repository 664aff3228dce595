//! What is guessed of a file without a table.

use super::{read_all, show};
use crate::csv::Dialect;
use crate::csv::sniff::{Known, open, sniff};
use crate::error::Result;
use std::io::Cursor;

fn guessing() -> Known {
    Known { guess_delimiter: true, ..Known::default() }
}

/// Names and types, then the rows.
fn guess(text: &str, known: &Known) -> Result<String> {
    let layout = sniff("f.csv", &mut Cursor::new(text), known)?;
    let columns: Vec<String> =
        layout.columns.iter().map(|(name, data_type)| format!("{name} {data_type}")).collect();
    let wanted: Vec<usize> = (0..columns.len()).collect();
    let opened = open("f.csv".into(), Box::new(Cursor::new(text.to_owned())), &layout, &wanted)?;
    Ok(format!("{} {}", columns.join(", "), show(&read_all(opened, 1 << 20)?)))
}

#[test]
fn types_are_the_narrowest_that_hold_all_values() {
    for (text, expected) in [
        ("a,b\n1,x\n2,\n", "a BIGINT, b VARCHAR [1|x][2|∅]"),
        ("a\n1\n2.5\n", "a DOUBLE [1.0][2.5]"),
        ("a\n1\nx\n", "a VARCHAR [1][x]"),
        ("a\n12345678901234567890\n", "a DECIMAL(38,0) [12345678901234567890]"),
        ("a\ntrue\nFALSE\n", "a BOOLEAN [true][false]"),
        ("a\n2024-01-31\n", "a DATE [2024-01-31]"),
        (
            "a\n2024-01-31\n2024-01-31 10:00\n",
            "a TIMESTAMP [2024-01-31T00:00:00][2024-01-31T10:00:00]",
        ),
        ("a\n2024-01-31T10:00:00Z\n", "a TIMESTAMPTZ [2024-01-31T10:00:00Z]"),
        ("a\n10:30\n", "a TIME [10:30:00]"),
        ("a\n007\n", "a VARCHAR [007]"),
        ("a\n+49\n", "a VARCHAR [+49]"),
        ("a\n0\n-0.5\n", "a DOUBLE [0.0][-0.5]"),
        ("a,b\n,1\n", "a VARCHAR, b BIGINT [∅|1]"),
    ] {
        assert_eq!(guess(text, &guessing()).unwrap(), expected, "{text:?}");
    }
}

#[test]
fn a_header_is_what_does_not_fit_the_rows_below() {
    for (text, expected) in [
        ("1,x\n2,y\n", "column0 BIGINT, column1 VARCHAR [1|x][2|y]"),
        ("a,b\nc,d\n", "a VARCHAR, b VARCHAR [c|d]"),
        ("a,b\n", "a VARCHAR, b VARCHAR "),
        ("1,b\n", "column0 BIGINT, column1 VARCHAR [1|b]"),
        ("a,a,\n1,2,3\n", "a BIGINT, a_1 BIGINT, column2 BIGINT [1|2|3]"),
    ] {
        assert_eq!(guess(text, &guessing()).unwrap(), expected, "{text:?}");
    }
    let without = Known { has_header: Some(false), ..guessing() };
    assert_eq!(
        guess("a,b\nc,d\n", &without).unwrap(),
        "column0 VARCHAR, column1 VARCHAR [a|b][c|d]"
    );
}

#[test]
fn the_delimiter_gives_all_rows_the_same_width() {
    for (text, expected) in [
        ("a;b\n1,5;2\n", "a VARCHAR, b BIGINT [1,5|2]"),
        ("a\tb\n1\t2\n", "a BIGINT, b BIGINT [1|2]"),
        ("1|2|\n3|4|\n", "column0 BIGINT, column1 BIGINT [1|2][3|4]"),
    ] {
        assert_eq!(guess(text, &guessing()).unwrap(), expected, "{text:?}");
    }
    let error = guess("a,b\nc\n", &guessing()).unwrap_err();
    assert!(error.message.contains("line 2: expected 2 fields, found 1"), "{}", error.message);
    let known = Known { dialect: Some(Dialect::new(b'|')), ..Known::default() };
    assert_eq!(guess("a,b\n1,2\n", &known).unwrap(), "a,b VARCHAR [1,2]");
}

#[test]
fn a_later_row_that_does_not_fit_says_what_to_do() {
    let mut text = "a\n".to_owned() + &"1\n".repeat(super::super::sniff::SAMPLE_ROWS);
    text.push_str("x\n");
    let error = guess(&text, &guessing()).unwrap_err();
    assert!(error.message.contains("line 20482, column \"a\": 'x'"), "{}", error.message);
    assert!(error.hint.unwrap().contains("all_varchar"));
    let known = Known { all_varchar: true, ..guessing() };
    assert!(guess(&text, &known).unwrap().ends_with("[1][x]"));
}

#[test]
fn an_empty_file_has_no_columns() {
    assert!(guess("", &guessing()).unwrap_err().message.contains("empty"));
}
