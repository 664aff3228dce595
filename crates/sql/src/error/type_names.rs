//! The engine's texts of types and literals, in SQL: `List(Int64)` is `BIGINT[]`, and
//! `Decimal128(Some(25),2,1)` is `2.5`. What is no such text is left alone.

/// Arrow's names of types and ours.
const TYPES: &[(&str, &str)] = &[
    ("Binary", "BLOB"),
    ("BinaryView", "BLOB"),
    ("Boolean", "BOOLEAN"),
    ("Date32", "DATE"),
    ("Date64", "DATE"),
    ("Decimal128", "DECIMAL"),
    ("Decimal256", "DECIMAL"),
    ("Decimal32", "DECIMAL"),
    ("Decimal64", "DECIMAL"),
    ("DurationMicrosecond", "INTERVAL"),
    ("FixedSizeBinary", "BLOB"),
    ("Float16", "REAL"),
    ("Float32", "REAL"),
    ("Float64", "DOUBLE"),
    ("Int16", "SMALLINT"),
    ("Int32", "INTEGER"),
    ("Int64", "BIGINT"),
    ("Int8", "TINYINT"),
    ("IntervalDayTime", "INTERVAL"),
    ("IntervalMonthDayNano", "INTERVAL"),
    ("IntervalYearMonth", "INTERVAL"),
    ("LargeBinary", "BLOB"),
    ("LargeUtf8", "VARCHAR"),
    ("MonthDayNano", "INTERVAL"),
    ("Time64Microsecond", "TIME"),
    ("TimestampMicrosecond", "TIMESTAMP"),
    ("TimestampNanosecond", "TIMESTAMP"),
    ("UInt16", "USMALLINT"),
    ("UInt32", "UINTEGER"),
    ("UInt64", "UBIGINT"),
    ("UInt8", "UTINYINT"),
    ("Utf8", "VARCHAR"),
    ("Utf8View", "VARCHAR"),
];

/// Types with one unit or size in parentheses that SQL does not show.
const WITH_UNIT: &[(&str, &str)] = &[
    ("Duration", "INTERVAL"),
    ("FixedSizeBinary", "BLOB"),
    ("Interval", "INTERVAL"),
    ("Time32", "TIME"),
    ("Time64", "TIME"),
];

/// Types of lists; their element stands in parentheses.
const LISTS: &[&str] = &["List", "LargeList", "ListView", "LargeListView", "FixedSizeList"];

/// Replaces the names of types outside of quotes, and literals that carry their type's name.
pub(in crate::error) fn translate(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut quote: Option<char> = None;
    while let Some(ch) = rest.chars().next() {
        match quote {
            Some(open) if open == ch => quote = None,
            None if ch == '\'' || ch == '"' => quote = Some(ch),
            None if is_word(ch) => {
                let end = rest.find(|ch| !is_word(ch)).unwrap_or(rest.len());
                let (shown, tail) = match read(rest) {
                    Some(read) => read,
                    None => (rest[..end].to_owned(), &rest[end..]),
                };
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

fn is_word(ch: char) -> bool {
    ch.is_alphanumeric() || ch == '_'
}

/// The SQL of the type or literal that a text begins with, and what follows it.
fn read(text: &str) -> Option<(String, &str)> {
    let end = text.find(|ch| !is_word(ch)).unwrap_or(text.len());
    let (word, tail) = text.split_at(end);
    let inner = tail.strip_prefix('(');
    if let Some(inner) = inner {
        if LISTS.contains(&word) {
            return list(inner);
        }
        match word {
            "Struct" => {
                return fields(inner).map(|(fields, tail)| (format!("STRUCT({fields})"), tail));
            }
            "Map" => return map(inner),
            "Dictionary" => {
                let (_, rest) = read(inner)?;
                let (values, rest) = read(rest.strip_prefix(", ")?)?;
                return Some((values, rest.strip_prefix(')')?));
            }
            "Timestamp" => {
                let (unit, tail) = inner.split_once(')')?;
                let is_zoned = unit.contains(',');
                return Some((if is_zoned { "TIMESTAMPTZ" } else { "TIMESTAMP" }.into(), tail));
            }
            _ => {}
        }
        if let Some((_, name)) = WITH_UNIT.iter().find(|(arrow, _)| *arrow == word) {
            return Some(((*name).to_owned(), inner.split_once(')')?.1));
        }
    }
    let (_, name) = TYPES.iter().find(|(arrow, _)| *arrow == word)?;
    match inner {
        Some(inner) => parameters(name, inner),
        None => Some(((*name).to_owned(), tail)),
    }
}

/// What stands in the parentheses behind a type: the digits of a decimal, or a literal's value.
fn parameters<'a>(name: &str, inner: &'a str) -> Option<(String, &'a str)> {
    let (value, tail) = match inner.strip_prefix('"') {
        Some(text) => {
            let (value, rest) = text.split_once('"')?;
            (format!("'{value}'"), rest.split_once(')')?.1)
        }
        None => {
            let (value, tail) = inner.split_once(')')?;
            match value.strip_prefix("Some(") {
                Some(value) => (value.to_owned(), tail),
                None => (value.to_owned(), tail),
            }
        }
    };
    if name == "DECIMAL" {
        // `Some(25),2,1)` has lost its first parenthesis to the split above.
        if inner.starts_with("Some(") {
            let (digits, tail) = tail.strip_prefix(',')?.split_once(')')?;
            let scale: usize = digits.split(',').nth(1)?.trim().parse().ok()?;
            return Some((scaled(&value, scale), tail));
        }
        return match value.split(',').count() {
            2 => Some((format!("DECIMAL({})", value.replace(", ", ",")), tail)),
            _ => Some((value.split(',').next().unwrap_or_default().to_owned(), tail)),
        };
    }
    let is_text = name == "VARCHAR" || value.starts_with("NULL");
    let is_temporal = ["DATE", "TIME", "TIMESTAMP", "INTERVAL"].contains(&name);
    let shown = match value.starts_with('\'') {
        true if is_temporal && !is_text && !value.contains('{') => format!("{name} {value}"),
        true if is_temporal && !is_text => format!("an {name}"),
        _ => value.split(", None").next().unwrap_or_default().to_owned(),
    };
    Some((shown, tail))
}

/// Puts the point of a decimal: 25 with one place is 2.5.
fn scaled(digits: &str, scale: usize) -> String {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    if scale == 0 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{sign}{digits}");
    }
    let padded = format!("{digits:0>width$}", width = scale + 1);
    let (whole, fraction) = padded.split_at(padded.len() - scale);
    format!("{sign}{whole}.{fraction}")
}

fn list(inner: &str) -> Option<(String, &str)> {
    // `3 x Int64` is a list of fixed size.
    let element = match inner.split_once(" x ") {
        Some((size, rest)) if size.bytes().all(|byte| byte.is_ascii_digit()) => rest,
        _ => inner,
    };
    let (element, rest) = read(element.strip_prefix("non-null ").unwrap_or(element))?;
    Some((format!("{element}[]"), behind(rest)?))
}

/// `"a": Int64, "b": Utf8)`: the fields of a struct.
fn fields(inner: &str) -> Option<(String, &str)> {
    let mut shown: Vec<String> = Vec::new();
    let mut rest = inner;
    loop {
        if let Some(tail) = rest.strip_prefix(')') {
            return Some((shown.join(", "), tail));
        }
        rest = rest.strip_prefix(", ").unwrap_or(rest);
        let (name, tail) = rest.strip_prefix('"')?.split_once("\": ")?;
        let (data_type, tail) = read(tail.strip_prefix("non-null ").unwrap_or(tail))?;
        shown.push(format!("{name} {data_type}"));
        rest = tail;
    }
}

/// `"entries": non-null Struct("key": …, "value": …), unsorted)`.
fn map(inner: &str) -> Option<(String, &str)> {
    let (_, entries) = inner.split_once("Struct(\"")?;
    let (_, key) = entries.split_once("\": ")?;
    let (key, rest) = read(key.strip_prefix("non-null ").unwrap_or(key))?;
    let (_, value) = rest.split_once("\": ")?;
    let (value, rest) = read(value.strip_prefix("non-null ").unwrap_or(value))?;
    Some((format!("MAP({key}, {value})"), behind(rest.strip_prefix(')')?)?))
}

/// What follows the parenthesis that ends a type.
fn behind(rest: &str) -> Option<&str> {
    rest.split_once(')').map(|(_, tail)| tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_and_literals_are_sql() {
        for (engine, ours) in [
            ("List(Int64)", "BIGINT[]"),
            ("List(non-null List(Utf8View, field: 'x')) is", "VARCHAR[][] is"),
            ("FixedSizeList(3 x Int32)", "INTEGER[]"),
            ("Struct(\"a\": Int64, \"b\": non-null Utf8)", "STRUCT(a BIGINT, b VARCHAR)"),
            (
                "Map(\"entries\": non-null Struct(\"key\": non-null Utf8, \"value\": Int64), unsorted)",
                "MAP(VARCHAR, BIGINT)",
            ),
            ("Timestamp(µs, \"UTC\"), Time64(µs)", "TIMESTAMPTZ, TIME"),
            ("Interval(MonthDayNano) * Utf8", "INTERVAL * VARCHAR"),
            ("MonthDayNano", "INTERVAL"),
            ("Dictionary(Int32, Utf8)", "VARCHAR"),
            ("Decimal128(38, 10)", "DECIMAL(38,10)"),
            ("Decimal128(Some(-25),2,1) + Int64(1)", "-2.5 + 1"),
            ("Utf8(\"a)b\") = Utf8View(\"x\")", "'a)b' = 'x'"),
            ("Date32(\"2020-01-01\"), Boolean(true), Int64(NULL)", "DATE '2020-01-01', true, NULL"),
            ("a 'Int32' stays, and Int32s", "a 'Int32' stays, and Int32s"),
        ] {
            assert_eq!(translate(engine), ours);
        }
    }
}
