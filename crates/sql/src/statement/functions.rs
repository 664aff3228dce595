//! What to say about a function that does not exist.

use super::Context;
use crate::error::{Error, nearest};

/// Functions of other systems, and what does the same here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("any_value", "write min(a) or first_value(a)"),
    ("charindex", "write strpos(text, part)"),
    ("columns", "list the columns, or use * EXCLUDE (…)"),
    ("convert", "write CAST(a AS type)"),
    ("date_add", "write date + INTERVAL '1 day'"),
    ("date_diff", "subtract the dates, or write date_part('year', a) - date_part('year', b)"),
    ("date_sub", "write date - INTERVAL '1 day'"),
    ("dateadd", "write date + INTERVAL '1 day'"),
    ("datediff", "subtract the dates, or write date_part('year', a) - date_part('year', b)"),
    ("dayofmonth", "write date_part('day', date)"),
    ("getdate", "write now() or current_date"),
    ("group_concat", "write string_agg(a, ',')"),
    ("hour", "write date_part('hour', timestamp)"),
    ("if", "write CASE WHEN condition THEN a ELSE b END"),
    ("iif", "write CASE WHEN condition THEN a ELSE b END"),
    ("isnull", "write a IS NULL, or coalesce(a, b) for a value in place of NULL"),
    ("len", "write length(text)"),
    ("list", "write array_agg(a)"),
    ("list_value", "write [1, 2] or make_array(1, 2)"),
    ("listagg", "write string_agg(a, ',')"),
    ("minute", "write date_part('minute', timestamp)"),
    ("mod", "write a % b"),
    ("mode", "group, order by count(*) DESC, and LIMIT 1"),
    ("month", "write date_part('month', date)"),
    ("quantile", "write approx_percentile_cont(0.5) WITHIN GROUP (ORDER BY a)"),
    ("quantile_cont", "write percentile_cont(0.5) WITHIN GROUP (ORDER BY a)"),
    ("quarter", "write date_part('quarter', date)"),
    ("regexp_extract", "write regexp_match(text, pattern)[1]"),
    ("regexp_matches", "write regexp_like(text, pattern)"),
    ("second", "write date_part('second', timestamp)"),
    ("strftime", "write to_char(date, '%Y-%m-%d')"),
    ("strptime", "write to_timestamp(text, '%Y-%m-%d')"),
    ("substring_index", "write split_part(text, ',', 1)"),
    ("sysdate", "write now() or current_date"),
    ("to_number", "write CAST(text AS DECIMAL(18, 3))"),
    ("year", "write date_part('year', date)"),
];

/// Adds what may have been meant.
pub(super) fn suggest(context: &Context, name: &str, error: Error) -> Error {
    let state = &context.state;
    let lower = name.to_lowercase();
    if state.window_functions().contains_key(&lower) {
        let message = format!("{lower} is a window function, and has no OVER");
        return Error { message, ..error }
            .with_hint(format!("write {lower}() OVER (PARTITION BY … ORDER BY …)"));
    }
    if let Some((_, hint)) = ELSEWHERE.iter().find(|(known, _)| *known == lower) {
        return error.with_hint(*hint);
    }
    let known = state.scalar_functions().keys().chain(state.aggregate_functions().keys());
    let known = known.chain(state.window_functions().keys()).map(String::as_str);
    // A function with a schema before it.
    let bare = lower.rsplit('.').next().unwrap_or(&lower);
    match nearest(bare, known) {
        Some(known) if known == bare => error.with_hint(format!("write {known} without a schema")),
        Some(known) => error.with_hint(format!("did you mean {known}?")),
        None => error,
    }
}
