//! What each mode prints, to the letter.

use super::*;
use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Float64Array, Int64Array, NullArray, StringArray,
};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

fn format(mode: Mode) -> Format {
    Format {
        mode,
        header: true,
        null: None,
        rows_max: 0,
        width: None,
        separator: None,
        colour: false,
    }
}

fn printed(columns: Vec<(&str, ArrayRef)>, format: &Format) -> String {
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let schema = Arc::new(Schema::new(fields));
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    let batch = RecordBatch::try_new(schema.clone(), arrays).unwrap();
    let mut out = Vec::new();
    print(&schema, &mut std::iter::once(Ok(batch)), format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

fn numbers(values: &[Option<i64>]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

fn sample() -> Vec<(&'static str, ArrayRef)> {
    let price = Decimal128Array::from(vec![Some(1_50), None]);
    vec![
        ("id", numbers(&[Some(1), Some(20)])),
        ("name", texts(&[Some("a,\"b\""), None])),
        ("price", Arc::new(price.with_precision_and_scale(9, 2).unwrap())),
    ]
}

#[test]
fn csv_quotes_where_it_must() {
    assert_eq!(
        printed(sample(), &format(Mode::Csv)),
        "id,name,price\n1,\"a,\"\"b\"\"\",1.50\n20,,\n"
    );
    let awkward = texts(&[Some(""), None, Some("a\nb"), Some("a\r"), Some(" a "), Some("it's")]);
    assert_eq!(
        printed(vec![("t", awkward)], &format(Mode::Csv)),
        "t\n\"\"\n\n\"a\nb\"\n\"a\r\"\n a \nit's\n"
    );
}

#[test]
fn csv_with_a_text_for_null_quotes_what_reads_like_it() {
    let format = Format { null: Some("NULL".into()), header: false, ..format(Mode::Csv) };
    let values = texts(&[None, Some("NULL"), Some(""), Some("null")]);
    assert_eq!(printed(vec![("t", values)], &format), "NULL\n\"NULL\"\n\"\"\nnull\n");
}

#[test]
fn tsv_has_tabs() {
    let columns = vec![("a", texts(&[Some("x\ty")])), ("b,c", texts(&[Some("1,2")]))];
    assert_eq!(printed(columns, &format(Mode::Tsv)), "a\tb,c\n\"x\ty\"\t1,2\n");
}

#[test]
fn json_is_one_array_of_objects() {
    assert_eq!(
        printed(sample(), &format(Mode::Json)),
        "[{\"id\":1,\"name\":\"a,\\\"b\\\"\",\"price\":1.50},\n\
         {\"id\":20,\"name\":null,\"price\":null}]\n"
    );
    assert_eq!(printed(vec![("a", numbers(&[]))], &format(Mode::Json)), "[]\n");
}

#[test]
fn json_has_no_nan_and_keeps_every_digit() {
    let doubles = Float64Array::from(vec![f64::NAN, f64::INFINITY, 1e21, 0.1]);
    let wide = Decimal128Array::from(vec![10_i128.pow(37) + 1; 4]);
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("d", Arc::new(doubles)),
        ("w", Arc::new(wide.with_precision_and_scale(38, 1).unwrap())),
        ("b", Arc::new(BooleanArray::from(vec![true; 4]))),
    ];
    let printed = printed(columns, &format(Mode::JsonLines));
    let wide = format!("1{}.1", "0".repeat(36));
    let line = |d: &str| format!("{{\"d\":{d},\"w\":{wide},\"b\":true}}\n");
    assert_eq!(printed, ["null", "null", "1e21", "0.1"].map(line).concat());
}

#[test]
fn json_gives_columns_of_one_name_names_of_their_own() {
    let columns = vec![("a", numbers(&[Some(1)])), ("a", numbers(&[Some(2)]))];
    assert_eq!(printed(columns, &format(Mode::JsonLines)), "{\"a\":1,\"a_1\":2}\n");
}

#[test]
fn box_has_types_alignment_and_a_count() {
    assert_eq!(
        printed(sample(), &format(Mode::Box)),
        "\
┌────────┬─────────┬──────────────┐
│   id   │  name   │    price     │
│ bigint │ varchar │ decimal(9,2) │
├────────┼─────────┼──────────────┤
│      1 │ a,\"b\"   │         1.50 │
│     20 │ NULL    │         NULL │
└────────┴─────────┴──────────────┘
(2 rows)
"
    );
}

#[test]
fn box_shows_the_first_and_the_last_rows() {
    let values: Vec<Option<i64>> = (0..100).map(Some).collect();
    let format = Format { rows_max: 4, width: Some(80), header: false, ..format(Mode::Box) };
    assert_eq!(
        printed(vec![("n", numbers(&values))], &format),
        "┌────┐\n│  0 │\n│  1 │\n│  · │\n│ 98 │\n│ 99 │\n└────┘\n(100 rows, 4 shown)\n"
    );
    assert!(!printed(vec![("n", numbers(&values[..4]))], &format).contains("shown"));
    let all = printed(vec![("n", numbers(&values))], &self::format(Mode::Box));
    assert_eq!(all.lines().count(), 4 + 100 + 1 + 1);
}

#[test]
fn box_fits_the_terminal() {
    let columns: Vec<(&str, ArrayRef)> = (0..30).map(|_| ("column", numbers(&[Some(1)]))).collect();
    let format = Format { width: Some(60), ..format(Mode::Box) };
    let narrow = printed(columns, &format);
    assert!(narrow.lines().all(|line| display_width(line) <= 60), "{narrow}");
    assert!(narrow.contains("…") && narrow.contains("(1 row; 30 columns, 6 shown)"), "{narrow}");
    let long = printed(vec![("t", texts(&[Some(&"x".repeat(500))]))], &format);
    assert!(long.lines().all(|line| display_width(line) <= 60), "{long}");
}

#[test]
fn box_stays_straight_with_wide_and_control_characters() {
    let values = texts(&[Some("日本"), Some("a\nb"), Some("é"), Some("🦀"), Some("\u{1b}[1m")]);
    let boxed = printed(vec![("t", values)], &format(Mode::Box));
    let width = display_width(boxed.lines().next().unwrap());
    let lines = boxed.lines().take_while(|line| !line.starts_with('('));
    assert!(lines.clone().all(|line| display_width(line) == width), "{boxed}");
    assert_eq!(lines.count(), 4 + 5 + 1);
    assert!(boxed.contains("a\\nb") && boxed.contains("\\x1b[1m"), "{boxed}");
}

#[test]
fn box_with_colour_marks_names_and_null() {
    let format = Format { colour: true, width: Some(80), ..format(Mode::Box) };
    let boxed = printed(sample(), &format);
    assert!(
        boxed.contains("\x1b[1mname\x1b[0m") && boxed.contains("\x1b[2mNULL\x1b[0m"),
        "{boxed}"
    );
}

#[test]
fn table_is_plain() {
    assert_eq!(
        printed(sample(), &format(Mode::Table)),
        "\
+----+-------+-------+
| id | name  | price |
+----+-------+-------+
|  1 | a,\"b\" |  1.50 |
| 20 | NULL  |  NULL |
+----+-------+-------+
"
    );
}

#[test]
fn markdown_escapes_bars() {
    let columns = vec![("id", numbers(&[Some(1)])), ("a|b", texts(&[Some("x|\ny")]))];
    assert_eq!(
        printed(columns, &format(Mode::Markdown)),
        "\
| id | a\\|b     |
|---:|----------|
|  1 | x\\|<br>y |
"
    );
}

#[test]
fn line_has_one_value_a_line() {
    assert_eq!(
        printed(sample(), &format(Mode::Line)),
        "   id = 1\n name = a,\"b\"\nprice = 1.50\n\n   id = 20\n name = NULL\nprice = NULL\n"
    );
}

#[test]
fn of_a_large_result_only_the_first_rows_decide_how_wide_columns_are() {
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, true)]));
    let long = "x".repeat(100 << 10);
    let longer = "y".repeat(300 << 10);
    for mode in [Mode::Box, Mode::Table, Mode::Markdown] {
        let mut batches = (0..60).map(|number| {
            let value = if number < 59 { &long } else { &longer };
            Ok(RecordBatch::try_new(schema.clone(), vec![texts(&[Some(value)])]).unwrap())
        });
        let mut out = Vec::new();
        assert_eq!(print(&schema, &mut batches, &format(mode), &mut out).unwrap(), 60);
        let text = String::from_utf8(out).unwrap();
        let width = |start: &str| text.lines().find(|line| line.contains(start)).unwrap().len();
        assert!(width("xxx") < 200 << 10 && width("yyy") > 300 << 10, "{mode:?}");
    }
}

#[test]
fn a_query_that_fails_at_once_prints_nothing() {
    let schema = Arc::new(Schema::new(vec![Field::new("t", DataType::Utf8, true)]));
    for mode in Mode::value_variants() {
        let mut out = Vec::new();
        let mut batches = std::iter::once(Err(Error::sql("no")));
        assert!(print(&schema, &mut batches, &format(*mode), &mut out).is_err());
        assert!(out.is_empty(), "{mode:?}");
    }
}

#[test]
fn null_columns_are_null() {
    let nulls: ArrayRef = Arc::new(NullArray::new(1));
    assert_eq!(printed(vec![("n", nulls.clone())], &format(Mode::Csv)), "n\n\n");
    assert_eq!(printed(vec![("n", nulls)], &format(Mode::JsonLines)), "{\"n\":null}\n");
}
