//! The cells of a row as text, and text that is safe to show in a table.

use super::value;
use arrow::array::RecordBatch;
use std::borrow::Cow;
use std::fmt::Write;

/// A row as text; None is NULL.
pub type Row = Vec<Option<String>>;

/// The cells of one row of a batch.
pub fn row_of(batch: &RecordBatch, row: usize) -> Row {
    let cell = |column| {
        let mut text = String::new();
        (!value::is_null(column, row)).then(|| {
            value::write(column, row, &mut text);
            text
        })
    };
    batch.columns().iter().map(cell).collect()
}

/// `text` on one line, with characters that would move the cursor spelled out.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(moves_cursor) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(safe, "\\x{:02x}", u32::from(c));
            }
            c if moves_cursor(c) => {
                let _ = write!(safe, "\\u{:04x}", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    safe.into()
}

/// Control characters, line separators, and marks that turn the direction of writing around.
fn moves_cursor(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn what_moves_the_cursor_is_spelled_out() {
        assert_eq!(printable("héllo"), "héllo");
        assert_eq!(printable("a\nb\r\tc"), "a\\nb\\r\\tc");
        assert_eq!(printable("\u{1b}[31m\u{7f}\u{9b}"), "\\x1b[31m\\x7f\\x9b");
        assert_eq!(printable("\u{202e}x"), "\\u202ex");
    }
}
