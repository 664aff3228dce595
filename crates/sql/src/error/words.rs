//! The query engine's messages in our words: without its categories, its names of types and its
//! Debug prints. This is about looks only; what a message does not say is not guessed.

/// Categories that the engine puts before a message, in any depth.
const CATEGORIES: &[&str] = &[
    "Arrow error: ",
    "Cast error: ",
    "Compute error: ",
    "DataFusion error: ",
    "Error during planning: ",
    "Execution error: ",
    "External error: ",
    "External: ",
    "Internal error: ",
    "Invalid argument error: ",
    "Invalid or Unsupported Configuration: ",
    "Not yet implemented: ",
    "Optimizer rule 'simplify_expressions' failed",
    "Parser error: ",
    "Resources exhausted: ",
    "SQL error: ",
    "Schema error: ",
    "This feature is not implemented: ",
    "caused by",
    "type_coercion",
];

/// Arrow's names of types and ours. The first column is followed by no letter or digit.
const TYPES: &[(&str, &str)] = &[
    ("Binary", "BLOB"),
    ("BinaryView", "BLOB"),
    ("Boolean", "BOOLEAN"),
    ("Date32", "DATE"),
    ("Date64", "DATE"),
    ("Decimal128", "DECIMAL"),
    ("Decimal256", "DECIMAL"),
    ("Float16", "REAL"),
    ("Float32", "REAL"),
    ("Float64", "DOUBLE"),
    ("Int16", "SMALLINT"),
    ("Int32", "INTEGER"),
    ("Int64", "BIGINT"),
    ("Int8", "TINYINT"),
    ("Interval", "INTERVAL"),
    ("LargeBinary", "BLOB"),
    ("LargeUtf8", "VARCHAR"),
    ("UInt16", "USMALLINT"),
    ("UInt32", "UINTEGER"),
    ("UInt64", "UBIGINT"),
    ("UInt8", "UTINYINT"),
    ("Utf8", "VARCHAR"),
    ("Utf8View", "VARCHAR"),
];

/// Temporal types, whose unit stands in parentheses.
const TEMPORAL: &[(&str, &str, &str)] = &[
    ("Timestamp", "TIMESTAMP", "TIMESTAMPTZ"),
    ("Time64", "TIME", "TIME"),
    ("Time32", "TIME", "TIME"),
];

/// Puts a message of the engine into our words.
pub(super) fn translate(text: &str) -> String {
    let text = without_categories(text);
    let text = text.split("\n\tCandidate functions").next().unwrap_or_default();
    if let Some(message) = known(text) {
        return message;
    }
    let text = without_debug(text);
    lower_first(translate_types(text).trim())
}

/// Messages that are put differently as a whole.
fn known(text: &str) -> Option<String> {
    // The text shows the pattern with a mark below it, over several lines.
    if text.contains("regex parse error:")
        && let Some((_, reason)) = text.rsplit_once("error: ")
    {
        return Some(format!("invalid regular expression: {}", reason.trim()));
    }
    if let Some((_, reason)) = text.split_once("user-defined coercion failed with: ") {
        let reason = reason.split(" No function matches").next().unwrap_or(reason);
        return Some(translate(reason));
    }
    if let Some((_, call)) = text.split_once("given name and argument types '") {
        let call = translate_types(call.split('\'').next()?);
        return Some(format!("no function takes these arguments: {call}"));
    }
    if let Some((_, rest)) = text.split_once("While expanding wildcard, column \"") {
        let column = rest.split("\" must appear").next()?;
        return Some(format!(
            "column \"{column}\" must be in GROUP BY or in an aggregate function"
        ));
    }
    if let Some((value, target)) = cast_of_text(text) {
        return Some(format!("cannot cast {value} to {}", translate_types(target)));
    }
    if let Some(rest) = text.strip_prefix("Can't cast value ") {
        let (value, target) = rest.split_once(" to type ")?;
        return Some(format!("{} out of range: {value}", translate_types(target)));
    }
    if let Some(rest) = text.strip_prefix("value of ") {
        let (value, target) = rest.split_once(" is out of range ")?;
        return Some(format!("{} out of range: {value}", translate_types(target)));
    }
    if let Some((value, rest)) = text.split_once(" is too large to store in a Decimal") {
        return decimal_out_of_range(value, rest);
    }
    if let Some((value, rest)) = text.split_once(" is too small to store in a Decimal") {
        return decimal_out_of_range(value, rest);
    }
    let (array, call) = text.split_once("Array overflow on ")?;
    Some(format!("{} out of range: {call}", translate_types(array)))
}

/// `Cannot cast string 'abc' to value of Int32 type`
fn cast_of_text(text: &str) -> Option<(&str, &str)> {
    let rest = text
        .strip_prefix("Cannot cast string ")
        .or_else(|| text.strip_prefix("Cannot cast value "))?;
    let (value, target) = rest.rsplit_once(" to value of ")?;
    let target = target.strip_suffix(" type")?;
    // The digits of a decimal in this message are not those that were asked for.
    Some((value, if target.starts_with("Decimal") { "Decimal128" } else { target }))
}

fn decimal_out_of_range(value: &str, rest: &str) -> Option<String> {
    let digits = rest.split("of precision ").nth(1)?;
    let digits = digits.split(|ch: char| !ch.is_ascii_digit()).next()?;
    Some(format!("DECIMAL out of range: {value} does not fit {digits} digits"))
}

fn without_categories(text: &str) -> &str {
    let mut text = text.trim_start();
    while let Some(rest) = CATEGORIES.iter().find_map(|category| text.strip_prefix(category)) {
        text = rest.trim_start();
    }
    text
}

/// Cuts a message off where a Debug print begins: ` Name { field: …`.
fn without_debug(text: &str) -> &str {
    let Some((head, tail)) = text.split_once(" { ") else { return text };
    let is_field = tail.split_once(": ").is_some_and(|(field, _)| {
        !field.is_empty() && field.chars().all(|ch| ch.is_ascii_lowercase() || ch == '_')
    });
    let name = head.rsplit(' ').next().unwrap_or_default();
    let is_name = name.starts_with(|ch: char| ch.is_ascii_uppercase());
    if is_field && is_name { head[..head.len() - name.len()].trim_end() } else { text }
}

/// Replaces the names of types outside of quotes, and literals that carry their type's name.
pub(super) fn translate_types(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quote: Option<char> = None;
    while let Some(ch) = rest.chars().next() {
        match quote {
            Some(open) if open == ch => quote = None,
            None if ch == '\'' || ch == '"' => quote = Some(ch),
            None if ch.is_alphanumeric() || ch == '_' => {
                let end = rest.find(|ch: char| !(ch.is_alphanumeric() || ch == '_'));
                let (word, tail) = rest.split_at(end.unwrap_or(rest.len()));
                let (shown, tail) = translate_word(word, tail);
                out.push_str(&shown);
                rest = tail;
                continue;
            }
            _ => {}
        }
        out.push(ch);
        rest = &rest[ch.len_utf8()..];
    }
    out
}

/// One word, with what follows in parentheses if that belongs to it.
fn translate_word<'a>(word: &str, tail: &'a str) -> (String, &'a str) {
    let arguments = tail.strip_prefix('(').and_then(|inner| inner.split_once(')'));
    if let Some((_, plain, zoned)) = TEMPORAL.iter().find(|(name, ..)| *name == word) {
        return match arguments {
            Some((unit, tail)) if unit.contains(',') => ((*zoned).to_owned(), tail),
            Some((_, tail)) => ((*plain).to_owned(), tail),
            None => ((*plain).to_owned(), tail),
        };
    }
    let Some((_, name)) = TYPES.iter().find(|(arrow, _)| *arrow == word) else {
        return (word.to_owned(), tail);
    };
    match arguments {
        Some((digits, tail)) if *name == "DECIMAL" => match digits.split(',').count() {
            2 => (format!("DECIMAL({})", digits.replace(", ", ",")), tail),
            _ => (digits.split(',').next().unwrap_or_default().to_owned(), tail),
        },
        Some((literal, tail)) => (literal.replace('"', "'"), tail),
        None => ((*name).to_owned(), tail),
    }
}

/// The engine starts messages with a capital letter; ours follow "error: ".
pub(super) fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(first), Some(second)) if first.is_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(text.chars().skip(1)).collect()
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acronyms_keep_their_capitals() {
        assert_eq!(lower_first("Invalid value"), "invalid value");
        assert_eq!(lower_first("SQL is fine"), "SQL is fine");
    }

    #[test]
    fn messages_are_in_our_words() {
        for (engine, ours) in [
            ("Cannot cast string 'a b' to value of Int32 type", "cannot cast 'a b' to INTEGER"),
            (
                "Cannot cast string 'x' to value of Decimal128(38, 10) type",
                "cannot cast 'x' to DECIMAL",
            ),
            ("Can't cast value 3000000000 to type Int32", "INTEGER out of range: 3000000000"),
            ("value of 1e10 is out of range Int32", "INTEGER out of range: 1e10"),
            (
                "12345.0 is too large to store in a Decimal128 of precision 4. Max is 999.9",
                "DECIMAL out of range: 12345.0 does not fit 4 digits",
            ),
            ("Int64Array overflow on abs(-9)", "BIGINT out of range: abs(-9)"),
            (
                "Execution error: Function 'sum' user-defined coercion failed with: \
                 External error: sum takes numbers No function matches the given name",
                "sum takes numbers",
            ),
            ("Substring is not valid Substring { expr: Value(1) }", "substring is not valid"),
            (
                "Cannot coerce arithmetic expression Int64 + Utf8 to valid types",
                "cannot coerce arithmetic expression BIGINT + VARCHAR to valid types",
            ),
            ("a 'Int32' of Timestamp(µs, \"UTC\")", "a 'Int32' of TIMESTAMPTZ"),
            ("Int64(1) + Decimal128(2.5,2,1)", "1 + 2.5"),
            (
                "regex parse error:\n    (\n    ^\nerror: unclosed group",
                "invalid regular expression: unclosed group",
            ),
        ] {
            assert_eq!(translate(engine), ours);
        }
    }
}
