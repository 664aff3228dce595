//! Quotes, escapes, line ends and the borders of chunks.

use super::{opened, read, read_all, show, texts};
use crate::csv::Dialect;
use crate::csv::row::RowReader;
use proptest::prelude::*;

#[test]
fn null_and_the_empty_text_are_told_apart() {
    let batch = read("a,b\n,\"\"\n\"\",\n", None, &texts(&["a", "b"])).unwrap();
    assert_eq!(show(&batch), "[∅|][|∅]");
}

#[test]
fn the_null_text_is_null_only_without_quotes() {
    let dialect = Dialect { null: "NA".into(), ..Dialect::new(b',') };
    let opened = opened(b"NA,\"NA\"\n,x\n", &dialect, None, &texts(&["a", "b"])).unwrap();
    assert_eq!(show(&read_all(opened, 1 << 20).unwrap()), "[∅|NA][|x]");
}

#[test]
fn quoted_fields_hold_anything() {
    let batch = read("\"a,\"\"b\"\"\r\n\nc\",d\"e\r\n", None, &texts(&["a", "b"])).unwrap();
    assert_eq!(show(&batch), "[a,\"b\"\r\n\nc|d\"e]");
}

#[test]
fn an_escape_of_its_own_hides_quotes_and_itself() {
    let dialect = Dialect { escape: b'\\', ..Dialect::new(b',') };
    let text = br#""a\"b\\","c\d","\\""#;
    let opened = opened(text, &dialect, None, &texts(&["a", "b", "c"])).unwrap();
    assert_eq!(show(&read_all(opened, 1 << 20).unwrap()), "[a\"b\\|c\\d|\\]");
}

#[test]
fn without_quoting_quotes_are_text() {
    let dialect = Dialect { quote: None, ..Dialect::new(b'|') };
    let opened = opened(b"\"a|b\"|\n", &dialect, None, &texts(&["a", "b"])).unwrap();
    assert_eq!(show(&read_all(opened, 1 << 20).unwrap()), "[\"a|b\"]");
}

#[test]
fn lines_end_in_any_of_the_usual_ways() {
    for text in ["1,2\n3,4\n", "1,2\r\n3,4\r\n", "1,2\n3,4", "1,2\r\n3,4", "1,2\r\n3,4\r"] {
        let batch = read(text, None, &texts(&["a", "b"])).unwrap();
        assert_eq!(show(&batch), "[1|2][3|4]", "{text:?}");
    }
    assert_eq!(show(&read("\u{feff}1,2\n", None, &texts(&["a", "b"])).unwrap()), "[1|2]");
}

#[test]
fn an_empty_line_is_a_row_only_if_rows_have_one_field() {
    assert_eq!(show(&read("\n1\n\n", None, &texts(&["a"])).unwrap()), "[∅][1][∅]");
    assert_eq!(show(&read("\n1,2\n\n", None, &texts(&["a", "b"])).unwrap()), "[1|2]");
    assert_eq!(read("", None, &texts(&["a"])).unwrap().num_rows(), 0);
}

#[test]
fn a_trailing_delimiter_is_no_field() {
    let batch = read("1,2,\n,,\n", None, &texts(&["a", "b"])).unwrap();
    assert_eq!(show(&batch), "[1|2][∅|∅]");
    assert!(read("1,2,\"\"\n", None, &texts(&["a", "b"])).is_err());
    assert!(read("1,2,,\n", None, &texts(&["a", "b"])).is_err());
}

/// Rows by a state machine over characters, written without regard to speed.
fn reference(text: &str) -> Option<Vec<Vec<(String, bool)>>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut chars = text.chars().peekable();
    while chars.peek().is_some() {
        let mut field = String::new();
        let is_quoted = chars.next_if_eq(&'"').is_some();
        if is_quoted {
            loop {
                match chars.next()? {
                    '"' if chars.next_if_eq(&'"').is_some() => field.push('"'),
                    '"' => break,
                    other => field.push(other),
                }
            }
        } else {
            while let Some(ch) = chars.next_if(|ch| !matches!(ch, ',' | '\n' | '\r')) {
                field.push(ch);
            }
        }
        row.push((field, is_quoted));
        match chars.next() {
            Some(',') if chars.peek().is_none() => row.push((String::new(), false)),
            Some(',') => continue,
            None | Some('\n') => {}
            Some('\r') if matches!(chars.next(), None | Some('\n')) => {}
            Some(_) => return None,
        }
        rows.push(std::mem::take(&mut row));
    }
    Some(rows)
}

fn rows(text: &str) -> Option<Vec<Vec<(String, bool)>>> {
    let dialect = Dialect::new(b',');
    let mut reader = RowReader::new(text.as_bytes(), 0, &dialect);
    let mut rows = Vec::new();
    loop {
        let mut fields = Vec::new();
        if !reader.next_row(&mut fields).ok()? {
            return Some(rows);
        }
        let fields = fields.iter().map(|field| {
            let value = field.value(text, &dialect).into_owned();
            let is_quoted = field.start() > 0 && text.as_bytes()[field.start() - 1] == b'"';
            (value, is_quoted)
        });
        rows.push(fields.collect());
    }
}

/// Texts in which almost every character matters.
fn tricky() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec!["a", "é", ",", ",", "\"", "\"", "\n", "\r\n", "\r"]);
    prop::collection::vec(pieces, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn rows_are_those_of_the_reference(text in tricky()) {
        prop_assert_eq!(rows(&text), reference(&text));
    }

    #[test]
    fn the_size_of_chunks_makes_no_difference(text in tricky(), chunk_bytes in 1_usize..12) {
        let target = texts(&["a"]);
        let read = |chunk_bytes| {
            let opened = opened(text.as_bytes(), &Dialect::new(b','), Some(false), &target)?;
            read_all(opened, chunk_bytes)
        };
        match (read(1 << 20), read(chunk_bytes)) {
            (Ok(whole), Ok(parts)) => prop_assert_eq!(show(&whole), show(&parts)),
            (whole, parts) => prop_assert_eq!(whole.err(), parts.err()),
        }
    }
}
