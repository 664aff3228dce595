//! The query engine's messages in our words: without its categories, its names of types and its
//! Debug prints. This is about looks only; what a message does not say is not guessed.

use super::type_names::translate as translate_types;
use super::{Error, known};

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

/// Classes of types in the signatures of functions.
const CLASSES: &[(&str, &str)] = &[
    ("Any", "any"),
    ("Array", "list"),
    ("Comparable", "any"),
    ("Date", "DATE"),
    ("Decimal", "DECIMAL"),
    ("Float", "DOUBLE"),
    ("Integer", "integer"),
    ("Null", "NULL"),
    ("Numeric", "number"),
    ("String", "VARCHAR"),
    ("Timestamp", "TIMESTAMP"),
    ("Time", "TIME"),
];

/// Ways to call a function that a hint lists.
const CALLS_MAX: usize = 3;

/// The error that a message of the engine is.
pub(super) fn error(text: &str) -> Error {
    let error = Error::sql(translate(text));
    match calls(text) {
        Some(calls) => error.with_hint(calls),
        None => error,
    }
}

/// The error of something that the engine does not do.
pub(super) fn unsupported(text: &str) -> Error {
    match known(without_categories(text)) {
        Some(message) => Error::sql(message),
        None => Error::sql(format!("not supported: {}", translate(text))),
    }
}

/// Puts a message of the engine into our words.
pub(super) fn translate(text: &str) -> String {
    let text = without_categories(text);
    let text = text.split_once("Candidate functions:").map_or(text, |(text, _)| text.trim_end());
    let text = text.split("\n\tCandidate functions").next().unwrap_or_default();
    if let Some(message) = known(text) {
        return message;
    }
    let text = without_debug(text);
    lower_first(translate_types(text).trim().trim_end_matches(['.', '!']))
}

/// How a function can be called, if a message of the engine lists it.
fn calls(text: &str) -> Option<String> {
    let (_, list) = text.split_once("Candidate functions:\n")?;
    let mut calls: Vec<String> = Vec::new();
    for line in list.lines() {
        let call = plain_call(line.trim());
        let is_plain = call.ends_with(')') && !call.contains("UserDefined") && call.len() < 80;
        if is_plain && !calls.contains(&call) {
            calls.push(call);
        }
    }
    calls.truncate(CALLS_MAX);
    (!calls.is_empty()).then(|| format!("call it as {}", calls.join(" or ")))
}

/// `substr(str: String, start: Int64)` in our types.
fn plain_call(line: &str) -> String {
    let mut call = translate_types(line).replace("NullAry()", "");
    for (class, shown) in CLASSES {
        for count in 1..=3 {
            let shown = vec![*shown; count].join(", ");
            call = call.replace(&format!("{class}({count})"), &shown);
        }
        for (before, after) in
            [("(", ")"), ("(", ","), (" ", ")"), (" ", ","), ("(", "/"), ("/", ")")]
        {
            call = call
                .replace(&format!("{before}{class}{after}"), &format!("{before}{shown}{after}"));
        }
    }
    call
}

/// Messages that are put differently as a whole.
fn known(text: &str) -> Option<String> {
    if let Some(message) = known::message(text) {
        return Some(message);
    }
    // The text shows the pattern with a mark below it, over several lines.
    if text.contains("regex parse error:")
        && let Some((shown, reason)) = text.rsplit_once("error: ")
    {
        let pattern = shown.lines().nth(1).unwrap_or_default().trim();
        return Some(format!("invalid regular expression '{pattern}': {}", reason.trim()));
    }
    if let Some((_, reason)) = text.split_once("user-defined coercion failed with: ") {
        let reason = reason.split(" No function matches").next().unwrap_or(reason);
        let reason = reason.split(" (cast the argument").next().unwrap_or(reason);
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
        let is_integer = target.starts_with("Int") || target.starts_with("UInt");
        let digits = value.trim_matches('\'');
        if is_integer && digits.parse::<i128>().is_ok() {
            return Some(format!("{} out of range: {digits}", translate_types(target)));
        }
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
                "operator + does not take BIGINT and VARCHAR",
            ),
            ("a 'Int32' of Timestamp(µs, \"UTC\")", "a 'Int32' of TIMESTAMPTZ"),
            ("Int64(1) + Decimal128(2.5,2,1)", "1 + 2.5"),
            (
                "regex parse error:\n    (\n    ^\nerror: unclosed group",
                "invalid regular expression '(': unclosed group",
            ),
        ] {
            assert_eq!(translate(engine), ours);
        }
    }
}
