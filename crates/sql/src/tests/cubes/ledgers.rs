//! What EXPLAIN says of every cube for queries of all kinds, beside a golden text.
//!
//! With `LEDGERS_OUT=file`, what is said now is written there: read it before it becomes the golden
//! text.

use super::{QUERIES, execute, lines, with_cubes};
use std::fmt::Write as _;

const GOLDEN: &str = include_str!("ledgers.txt");

#[test]
fn ledgers_are_those_of_the_golden_text() {
    let session = with_cubes();
    let mut text = String::new();
    for (sql, _) in QUERIES {
        let one_line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
        writeln!(text, "{one_line}").unwrap();
        let explained = execute(&session, &format!("EXPLAIN {sql}")).unwrap();
        for line in explained.iter().flat_map(lines).filter(|line| line.starts_with("cube ")) {
            writeln!(text, "  {line}").unwrap();
        }
    }
    if let Ok(path) = std::env::var("LEDGERS_OUT") {
        std::fs::write(path, &text).unwrap();
        return;
    }
    for (found, expected) in text.lines().zip(GOLDEN.lines()) {
        assert_eq!(found, expected);
    }
    assert_eq!(text.lines().count(), GOLDEN.lines().count());
}
