//! Every mistake is named with file, line and column.

use super::{opened, read, read_all, table, texts};
use crate::csv::chunk::Chunks;
use crate::csv::{Dialect, Target};
use starfact_base::DataType;
use std::io::{Cursor, Read};

fn numbers() -> Target {
    table(&[("id", DataType::Integer), ("price", DataType::Decimal { precision: 4, scale: 2 })])
}

/// The message and the hint, on one line.
fn error(text: &str, header: Option<bool>, target: &Target) -> String {
    let error = read(text, header, target).unwrap_err();
    format!("{} ({})", error.message, error.hint.unwrap_or_default())
}

#[test]
fn a_value_of_the_wrong_type_is_named_with_line_and_column() {
    for (text, expected) in [
        ("id,price\n1,2\n\nx,3\n", "f.csv, line 4, column \"id\": 'x' is not of type INTEGER"),
        (
            "1,100.00\n",
            "f.csv, line 1, column \"price\": '100.00' is out of range for DECIMAL(4,2)",
        ),
        ("2147483648,1\n", "'2147483648' is out of range for INTEGER"),
        ("1.5,1\n", "'1.5' has a fraction, which INTEGER cannot hold"),
        (
            "\"\",1\n",
            "'' is not of type INTEGER (an empty field within quotes is text and not NULL)",
        ),
        ("1,\"a\nb\"\n", "'a\\nb' is not of type"),
        ("idd,prise\n", "if line 1 holds names"),
    ] {
        let message = error(text, None, &numbers());
        assert!(message.contains(expected), "{text:?}: {message}");
    }
    assert!(!error("x,1\n", Some(false), &numbers()).contains("line 1 holds"));
}

#[test]
fn the_first_mistake_of_several_is_reported() {
    let text = "1,1\n2,x\ny,2\n3\n";
    assert!(error(text, None, &numbers()).contains("line 2, column \"price\""));
    assert!(
        error("1,1\n2\nx,1\n", None, &numbers()).contains("line 2: expected 2 fields, found 1")
    );
}

#[test]
fn too_few_and_too_many_fields_are_counted() {
    for (text, expected) in [
        ("1;2\n", "f.csv, line 1: expected 2 fields, found 1: 1;2 (the delimiter is ','"),
        ("1,2\n3,4,5\n", "f.csv, line 2: expected 2 fields, found 3: 3,4,5"),
    ] {
        let message = error(text, None, &numbers());
        assert!(message.contains(expected), "{text:?}: {message}");
    }
    assert!(error("id,price,x,y\n", None, &numbers()).contains("if line 1 holds names"));
    let message = error("a,b\n", Some(false), &texts(&["a", "b", "c"]));
    assert!(message.contains("ends before column \"c\""), "{message}");
}

#[test]
fn mistakes_of_quoting_are_named_where_they_begin() {
    for (text, expected) in [
        ("a,b\n1,\"x\ny\n", "f.csv, line 2: a quoted field begins here and never ends"),
        ("a,b\n1,\"x\"y\n", "f.csv, line 2: there is text between a closing quote"),
        ("a,b\n1,x\ry\n", "f.csv, line 2: a carriage return stands without a line feed"),
    ] {
        let message = error(text, None, &texts(&["a", "b"]));
        assert!(message.starts_with(expected), "{text:?}: {message}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_found() {
    let text = b"a,b\n1,caf\xe9\n";
    let error = opened(text, &Dialect::new(b','), None, &texts(&["a", "b"]))
        .and_then(|opened| read_all(opened, 1 << 20))
        .unwrap_err();
    assert_eq!(error.message, "f.csv, line 2: there are bytes that are not UTF-8");
    let error = opened(b"\xff\xfea\0", &Dialect::new(b','), None, &texts(&["a"])).err().unwrap();
    assert!(error.message.contains("UTF-16"), "{}", error.message);
}

#[test]
fn headers_are_matched_by_name() {
    let target = texts(&["id", "price", "Name"]);
    let batch = read("PRICE,name\n1,2\n", None, &target).unwrap();
    let names: Vec<&str> =
        batch.schema_ref().fields().iter().map(|field| field.name().as_str()).collect();
    assert_eq!((names, batch.num_rows()), (vec!["price", "Name"], 1));
    let message = error("id,prise\n1,2\n", Some(true), &target);
    assert!(
        message.contains("\"prise\"") && message.contains("did you mean \"price\""),
        "{message}"
    );
    assert!(error("id,id\n", Some(true), &target).contains("\"id\" twice"));
}

#[test]
fn listed_columns_are_filled_in_their_order() {
    let target = Target { is_listed: true, ..texts(&["b", "a"]) };
    for text in ["b,a\n1,2\n", "1,2\n"] {
        let batch = read(text, None, &target).unwrap();
        assert_eq!(batch.schema_ref().field(0).name(), "b");
        assert_eq!(super::show(&batch), "[1|2]", "{text:?}");
    }
}

#[test]
fn a_row_that_never_ends_is_given_up() {
    let message = error(&",".repeat(1 << 20), Some(false), &numbers());
    assert!(message.starts_with("f.csv, line 1: a row begins here"), "{message}");
    let quoted = std::io::repeat(b'x').take(64 << 20);
    let file = Cursor::new(b"a,b\n1,\"".to_vec()).chain(quoted);
    let mut chunks = Chunks::new("f.csv".into(), Box::new(file), Dialect::new(b','));
    chunks.next().unwrap().unwrap();
    let error = chunks.next().unwrap_err();
    assert!(error.message.starts_with("f.csv, line 2: a quoted field begins"), "{}", error.message);
    let mut chunks =
        Chunks::new("f.csv".into(), Box::new(std::io::repeat(b'x')), Dialect::new(b','));
    let error = chunks.next().unwrap_err();
    assert!(error.message.starts_with("f.csv, line 1: a row begins"), "{}", error.message);
}
