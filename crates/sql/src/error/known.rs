//! The engine's messages that are put differently as a whole.
//!
//! Each takes the text apart at words that the engine always writes; a text that does not fit is
//! left to the general translation.

use super::type_names::translate;

/// Our words for a message of the engine, if it is one of those that are known.
pub(super) fn message(text: &str) -> Option<String> {
    operators(text)
        .or_else(|| clauses(text))
        .or_else(|| shapes(text))
        .or_else(|| names(text))
        .or_else(|| values(text))
        .or_else(|| functions(text))
}

/// What stands between two words of a text.
fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(if after.is_empty() { rest } else { rest.split_once(after)?.0 })
}

fn plural(count: &str, what: &str) -> String {
    if count == "1" { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// Types that operators do not take.
fn operators(text: &str) -> Option<String> {
    let operation = between(text, "annot coerce arithmetic expression ", " to valid types")
        .or_else(|| between(text, "result type for temporal operation ", ": "))
        .or_else(|| between(text, "common argument type for logical boolean operation ", ""))
        .or_else(|| between(text, "common string type for string concat operation ", ""));
    if let Some(operation) = operation {
        let shown = translate(operation.trim_end_matches('.'));
        let symbols = [" + ", " - ", " * ", " / ", " % ", " || ", " AND ", " OR ", " & ", " | "];
        let (left, symbol, right) = symbols.iter().find_map(|symbol| {
            let (left, right) = shown.split_once(symbol)?;
            Some((left.to_owned(), symbol.trim(), right.to_owned()))
        })?;
        return Some(format!("operator {symbol} does not take {left} and {right}"));
    }
    if let Some(operation) = between(text, "common argument type for comparison operation ", "") {
        let shown = translate(operation);
        let mut words = shown.split(' ');
        let (left, symbol) = (words.next()?, words.next()?);
        return Some(format!(
            "{left} {symbol} {} cannot be compared",
            words.collect::<Vec<_>>().join(" ")
        ));
    }
    if let Some(types) = between(text, "common type to coerce ", " in ") {
        let operator = if text.contains("ILIKE") { "ILIKE" } else { "LIKE" };
        return Some(format!("{operator} takes text, not {}", translate(types)));
    }
    if let Some(operator) = between(text, "Unary operator '", "' only supports") {
        return Some(format!("operator {operator} takes a number or an interval"));
    }
    if let Some(found) =
        between(text, "Unary operator 'NOT' requires a boolean expression, got ", "")
    {
        return Some(format!("NOT takes a BOOLEAN, not {}", translate(found)));
    }
    let pair = between(text, "annot automatically convert ", "")
        .or_else(|| between(text, "nsupported CAST from ", ""));
    if let Some((from, to)) = pair.and_then(|pair| pair.split_once(" to ")) {
        return Some(format!(
            "a value of type {} cannot become {}",
            translate(from),
            translate(to)
        ));
    }
    None
}

/// What clauses do not allow.
fn clauses(text: &str) -> Option<String> {
    if let Some(rest) = text.strip_prefix("Cannot create filter with non-boolean predicate '") {
        let (predicate, found) = rest.rsplit_once("' returning ")?;
        let (predicate, found) = (translate(predicate), translate(found));
        return Some(format!("WHERE takes a condition, and {predicate} is {found}"));
    }
    for (said, ours) in [
        ("ggregate function calls cannot be nested: '", "aggregate functions cannot be nested"),
        (
            "ggregate function calls cannot contain window function calls: '",
            "aggregate functions cannot contain window functions",
        ),
        ("indow function calls cannot be nested: '", "window functions cannot be nested"),
    ] {
        if let Some(inner) = between(text, said, "(") {
            return Some(format!("{ours}: {inner} stands in another one"));
        }
    }
    if text.starts_with("Aggregate functions are not allowed in the WHERE clause") {
        return Some("aggregate functions cannot stand in WHERE".into());
    }
    if let Some(found) = between(text, "HAVING clause references: ", " must appear") {
        let found = translate(found);
        return Some(format!("HAVING: {found} must be in GROUP BY or in an aggregate function"));
    }
    if let Some(place) = between(text, "annot find column with position ", " in SELECT") {
        let count = text.rsplit_once(" to ").map(|(_, count)| count.trim())?;
        let shown = plural(count, "column");
        return Some(format!("GROUP BY {place}: the select list has {shown}"));
    }
    if let Some(place) = between(text, "column out of bounds, specified: ", ", max") {
        let count = text.rsplit_once("max: ").map(|(_, count)| count.trim())?;
        return Some(format!("ORDER BY {place}: the select list has {}", plural(count, "column")));
    }
    if text.contains("index starts at 1 for column indexes") {
        return Some("ORDER BY 0: columns are counted from 1".into());
    }
    if let Some(found) = between(text, "For SELECT DISTINCT, ORDER BY expressions ", " must appear")
    {
        let found = translate(found);
        return Some(format!("ORDER BY of SELECT DISTINCT: {found} is not in the select list"));
    }
    if let Some(name) = between(text, "he window ", " is not defined") {
        return Some(format!("there is no window \"{name}\""));
    }
    if text.contains("calar subquery returned more than one row") {
        return Some("a subquery that stands for a value returned more than one row".into());
    }
    if let Some(columns) = between(text, "subquery should only return one column: ", "") {
        let count = columns.split(", ").count();
        return Some(format!(
            "a subquery that stands for a value has {count} columns, not one: {columns}"
        ));
    }
    None
}

/// Queries and lists whose shapes do not fit.
fn shapes(text: &str) -> Option<String> {
    if let Some((operator, _)) = text.split_once(" queries have different number of columns") {
        return Some(format!("the queries of {operator} have different numbers of columns"));
    }
    if let Some((clause, value)) =
        text.split_once(" must be >= 0, '").or_else(|| text.split_once(" must be >=0, '"))
    {
        let value = value.split('\'').next().unwrap_or_default();
        return Some(format!("{clause} {value} is negative"));
    }
    if let Some((clause, found)) = between(text, "Expected ", "")
        .and_then(|rest| rest.split_once(" to be an integer or null, but got "))
    {
        return Some(format!("{clause} takes an integer, not {}", translate(found)));
    }
    if let Some(rest) = text.strip_prefix("Source table contains ") {
        let (columns, rest) = rest.split_once(" columns but only ")?;
        let (names, _) = rest.split_once(" names")?;
        let (names, columns) = (plural(names, "column name"), plural(columns, "column"));
        return Some(format!("{names} for a table of {columns}"));
    }
    if let Some(rest) = text.strip_prefix("Inconsistent data length across values list: got ") {
        let (found, rest) = rest.split_once(" values in row ")?;
        let (row, expected) = rest.split_once(" but expected ")?;
        let row: usize = row.parse().ok()?;
        let found = plural(found, "value");
        return Some(format!("VALUES: row {} has {found}, and row 1 has {expected}", row + 1));
    }
    if text.starts_with("Non-recursive term and recursive term must have the same number") {
        return Some(
            "the two queries of a recursive WITH have different numbers of columns".into(),
        );
    }
    if let Some(kind) = text.split("does not support logical expression ").nth(1) {
        return Some(match kind.split(['(', ' ']).next().unwrap_or_default() {
            "WindowFunction" => "window functions cannot stand in WHERE".into(),
            "Exists" => "EXISTS can only stand in WHERE and HAVING".into(),
            "InSubquery" => "IN with a query can only stand in WHERE and HAVING".into(),
            _ => "this expression cannot stand here".into(),
        });
    }
    let fixed = match text {
        "SELECT * with no tables specified is not valid" => "SELECT * has no FROM",
        "TOP" => "TOP is not supported",
        _ => return None,
    };
    Some(fixed.into())
}

/// Names that are not known.
fn names(text: &str) -> Option<String> {
    if let Some(name) = between(text, "nsupported SQL type ", "") {
        return Some(format!("there is no type \"{name}\""));
    }
    if let Some(name) = text.strip_prefix("Invalid qualifier ") {
        return Some(format!("there is no table \"{name}\" in FROM"));
    }
    if let Some(name) = between(text, "able function '", "' not found") {
        return Some(format!("there is no table function \"{name}\""));
    }
    if let Some(name) = between(text, "WITH query name \"", "\" specified more than once") {
        return Some(format!("WITH gives the name \"{name}\" twice"));
    }
    if let Some(name) = between(text, "nsupported compound identifier '", "'") {
        return Some(format!("\"{name}\" has too many parts for the name of a table"));
    }
    if let Some(name) = between(text, "Placeholder '", "' was not provided") {
        return Some(format!("the parameter {name} has no value"));
    }
    if let Some(column) = between(text, "Argument ", " to grouping function") {
        return Some(format!("GROUPING: {column} is not in GROUP BY"));
    }
    if let Some(part) = between(text, "ate part '", "' not supported") {
        return Some(format!("dates have no part '{part}'"));
    }
    if let Some(unit) = between(text, "nsupported date_trunc granularity: '", "'") {
        return Some(format!("date_trunc has no unit '{unit}'"));
    }
    if let Some(zone) = between(text, "nvalid timezone \"", "\"") {
        return Some(format!("there is no time zone '{zone}'"));
    }
    None
}

/// Values that are not what they should be.
fn values(text: &str) -> Option<String> {
    if let Some(value) = between(text, "rror parsing timestamp from '", "': ") {
        return Some(format!("cannot cast '{value}' to TIMESTAMP"));
    }
    if let Some(value) = between(text, "nvalid input syntax for type interval: \"", "\"") {
        return Some(format!("cannot cast '{value}' to INTERVAL"));
    }
    if text.starts_with("Unable to cast to Date32 for converting") {
        return Some("to_date cannot read this text as a date".into());
    }
    if text.starts_with("Date arithmetic overflow") {
        return Some("DATE out of range: the sum is no date from year 1 to 9999".into());
    }
    if text.starts_with("Unable to represent ") && text.contains(" in a signed ") {
        let value = between(text, "Unable to represent ", " as ")?;
        return Some(format!("INTERVAL out of range: {value}"));
    }
    if text.to_lowercase().contains("square root of a negative number") {
        return Some("sqrt of a negative number".into());
    }
    if let Some(digits) = between(text, "nvalid HexStringLiteral '", "'") {
        return Some(format!("x'{digits}' has other signs than hexadecimal digits"));
    }
    if let Some(call) = between(text, "verflow happened on ", "") {
        return Some(format!("BIGINT out of range: {}", call.to_lowercase()));
    }
    if text.contains("yped literal requires a string payload") {
        return Some("a type before a value, as in DATE '2024-12-31', needs text in quotes".into());
    }
    if text.to_lowercase().starts_with("expr type ") && text.contains(" in InSubquery") {
        return Some("IN compares a row of columns with a query of another shape".into());
    }
    if text.contains("ot access not supported for non-string expr") {
        return Some("a field is taken from a column only with a point".into());
    }
    None
}

/// Calls that functions do not take.
fn functions(text: &str) -> Option<String> {
    if let Some((_, rest)) = text.split_once("min/max was called with ") {
        let count = rest.split(' ').next()?;
        return Some(format!("min and max take 1 argument, not {count}"));
    }
    if let Some(types) = between(text, "unify argument types of make_array: [", "].") {
        return Some(format!("the elements of a list have no common type: {}", translate(types)));
    }
    if let Some(found) = between(text, "annot access field at argument 1: type ", " is not Struct")
    {
        return Some(format!("a value of type {} has no fields", translate(found)));
    }
    if text.contains("Fail to find the coerced type") {
        return Some("the arguments have no common type".into());
    }
    if text.contains("can only be applied to array, struct and null") {
        return Some("unnest takes a list".into());
    }
    if text.starts_with("Substring without for/from is not valid") {
        return Some("substr takes a text, a start and perhaps a length".into());
    }
    if let Some(node) = between(text, "nsupported ast node in sqltorel: ", "") {
        let name = node.split([' ', '(', '{']).next().unwrap_or_default().to_uppercase();
        return Some(format!("{name} is not supported as an expression"));
    }
    let lower = text.to_lowercase();
    if lower.starts_with("field position must not be zero") {
        return Some("split_part: there is no field 0".into());
    }
    if lower.starts_with("step cannot be zero") {
        return Some("generate_series: the step is 0".into());
    }
    if lower.starts_with("argument #") && lower.contains("must be an integer, timestamp") {
        let found = text.rsplit_once("got ").map(|(_, found)| translate(found))?;
        return Some(format!("generate_series takes numbers or dates, not {found}"));
    }
    None
}
