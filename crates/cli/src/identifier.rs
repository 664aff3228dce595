//! Names and texts as they are written in SQL.

/// A name in double quotes.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text in single quotes.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A name as the user gave it where SQL expects one: as it is if it is one in SQL, or else in
/// quotes.
pub fn named(name: &str) -> String {
    let is_quoted = name.len() > 1 && name.starts_with('"') && name.ends_with('"');
    if is_quoted || name.split('.').all(is_plain) { name.to_owned() } else { quoted(name) }
}

/// Whether a name needs no quotes, in whatever case it is written.
pub fn is_plain(name: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && characters.all(|c| c.is_alphanumeric() || matches!(c, '_' | '$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_are_doubled() {
        assert_eq!(quoted("a\"b"), "\"a\"\"b\"");
        assert_eq!(literal("it's"), "'it''s'");
    }

    #[test]
    fn names_stay_as_they_are_where_that_is_sql() {
        assert_eq!(named("orders"), "orders");
        assert_eq!(named("main.orders"), "main.orders");
        assert_eq!(named("\"Order Lines\""), "\"Order Lines\"");
        assert_eq!(named("order lines"), "\"order lines\"");
        assert_eq!(named("t; DROP TABLE u"), "\"t; DROP TABLE u\"");
        assert_eq!(named("2024"), "\"2024\"");
        assert_eq!(named(""), "\"\"");
    }
}
