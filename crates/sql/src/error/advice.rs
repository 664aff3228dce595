//! What to do about an error, where the place that made it does not say.

use super::{Error, ErrorKind, nearest};

/// Names of types that may have been meant.
pub(crate) const TYPE_NAMES: &[&str] = &[
    "BIGINT",
    "BOOLEAN",
    "CHAR",
    "DATE",
    "DECIMAL",
    "DOUBLE",
    "FLOAT",
    "INT",
    "INTEGER",
    "INTERVAL",
    "NUMERIC",
    "REAL",
    "SMALLINT",
    "STRING",
    "TEXT",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TINYINT",
    "VARCHAR",
];

/// Functions that stand in FROM.
const TABLE_FUNCTIONS: &[&str] = &[
    "generate_series",
    "parquet_scan",
    "range",
    "read_csv",
    "read_csv_auto",
    "read_parquet",
    "unnest",
];

/// Adds a hint, if the error has none.
pub(crate) fn advise(error: Error) -> Error {
    if error.kind != ErrorKind::Sql || error.hint.is_some() {
        return error;
    }
    let message = error.message.as_str();
    for (start, candidates) in
        [("there is no type \"", TYPE_NAMES), ("there is no table function \"", TABLE_FUNCTIONS)]
    {
        let Some(name) = message.strip_prefix(start) else { continue };
        if let Some(near) = nearest(name.trim_end_matches('"'), candidates.iter().copied()) {
            return error.with_hint(format!("did you mean {near}?"));
        }
    }
    let hint = ADVICE.iter().find(|(parts, _)| parts.iter().all(|part| message.contains(part)));
    match hint.map(|(_, hint)| *hint) {
        Some(hint) => error.with_hint(hint),
        None => error,
    }
}

/// Parts of a message that must all occur, and the hint; the first that fits counts.
const ADVICE: &[(&[&str], &str)] = &[
    (
        &["strftime does not know the specifier"],
        "use those of strftime in C, for example '%Y-%m-%d %H:%M:%S'",
    ),
    (
        &["date_diff takes dates"],
        "write for example date_diff('day', DATE '2024-01-01', DATE '2024-02-01')",
    ),
    (&["sqrt of"], "square roots are those of numbers from 0"),
    (&["split_part:"], "fields are counted from 1, and from the end with -1"),
    (&["intervals cannot be compared"], "write timestamp + a > timestamp + b, with one timestamp"),
    (&["takes numbers, and the argument is BOOLEAN"], "count with count(*) FILTER (WHERE a)"),
    (&["takes numbers, and the argument is"], "cast it to a number, as in CAST(a AS DOUBLE)"),
    (&["concat does not support"], "give the values to put together: concat(a, b)"),
    (&["coalesce must have"], "give values of which the first that is not NULL is taken"),
    (
        &["to_date cannot read"],
        "a date is written '2024-12-31'; to_date(text, '%d.%m.%Y') reads others",
    ),
    (&["there is no folder"], "create the folder first, or correct its name"),
    (&["SELECT INTO"], "write CREATE TABLE t AS SELECT …"),
    (&["as an expression"], "write CAST(a AS type), or another function"),
    (&["hexadecimal"], "hexadecimal digits are 0 to 9 and a to f, two for each byte"),
    (&["generate_series"], "as in generate_series(1, 10) or generate_series(1, 10, 2)"),
    (&["datafusion.", "cannot be"], "SHOW ALL lists the settings and their values"),
    (&["there is no function"], "check the spelling; the shell completes the names of functions"),
    (&["there is no column"], "a text is written in single quotes, and columns need a FROM"),
    (
        &["there is no table function"],
        "the functions in FROM are read_csv, read_parquet, generate_series, range and unnest",
    ),
    (&["there is no table", "in FROM"], "name a table of FROM, or its alias"),
    (&["there is no table"], "CREATE TABLE makes one, and FROM 'file.csv' reads a file"),
    (&["there is no type"], TYPES),
    (&["there is no window"], "define it: WINDOW name AS (PARTITION BY … ORDER BY …)"),
    (
        &["there is no time zone"],
        "give a name such as 'Europe/Berlin' or an offset such as '+02:00'",
    ),
    (
        &["cannot cast", "to DATE"],
        "a date is written '2024-12-31'; TRY_CAST gives NULL for what is none",
    ),
    (
        &["cannot cast", "to TIMESTAMP"],
        "a timestamp is written '2024-12-31 23:59:59'; TRY_CAST gives NULL for what is none",
    ),
    (
        &["cannot cast", "to TIME"],
        "a time is written '23:59:59'; TRY_CAST gives NULL for what is none",
    ),
    (
        &["cannot cast", "to BOOLEAN"],
        "write true or false; TRY_CAST gives NULL for what is neither",
    ),
    (
        &["cannot cast", "to INTERVAL"],
        "an interval is written '3 days', '1 year 2 months' or '04:30:00'",
    ),
    (&["DEFAULT of"], "DEFAULT takes a constant of the column's type"),
    (
        &["cannot cast"],
        "correct the value, or use TRY_CAST, which gives NULL for what is no number",
    ),
    (&["is not of type"], "correct the value in the file, or give the column another type"),
    (&["SMALLINT out of range"], "the largest SMALLINT is 32767: use INTEGER or BIGINT"),
    (&["TINYINT out of range"], "use SMALLINT, INTEGER or BIGINT"),
    (&["USMALLINT out of range"], "use INTEGER or BIGINT"),
    (&["INTEGER out of range"], "the largest INTEGER is 2147483647: use BIGINT"),
    (&["BIGINT out of range"], "cast to DECIMAL(38,0), which has 38 digits, or to DOUBLE"),
    (&["DECIMAL out of range"], "declare more digits before the point: DECIMAL(precision, scale)"),
    (&["DECIMAL", "out of range"], "round the operands to fewer places, or cast to DOUBLE"),
    (&["DATE out of range"], "dates are those of the years 1 to 9999"),
    (&["out of range"], "use a wider type, or smaller values"),
    (&["division by zero"], "a / NULLIF(b, 0) is NULL where b is 0"),
    (&["operator ||", "does not take"], "cast both sides to VARCHAR"),
    (&["operator +", "VARCHAR and VARCHAR"], "texts are put together with ||"),
    (&["operator AND"], "write a comparison on both sides, as in a > 0 AND b > 0"),
    (&["operator OR"], "write a comparison on both sides, as in a > 0 OR b > 0"),
    (
        &["operator + does not take DATE"],
        "add days or an interval: date + 1, date + INTERVAL '1 month'",
    ),
    (
        &["operator - does not take DATE"],
        "subtract a date, days or an interval: date - INTERVAL '1 month'",
    ),
    (
        &["operator", "does not take"],
        "cast one side to a type that fits the other, as in CAST(a AS INTEGER)",
    ),
    (&["operator", "takes a number"], "cast the value to a number first, as in CAST(a AS INTEGER)"),
    (&["cannot be compared"], "cast one side to the type of the other"),
    (&["LIKE takes text"], "cast the value first, as in CAST(a AS VARCHAR) LIKE '20%'"),
    (&["NOT takes"], "write a comparison, as in NOT a > 0"),
    (&["cannot become"], "cast in two steps, for example by way of VARCHAR"),
    (&["WHERE takes a condition"], "write a comparison, as in WHERE a > 0"),
    (
        &["aggregate functions cannot be nested"],
        "aggregate in a subquery first: SELECT sum(x) FROM (SELECT count(*) AS x …)",
    ),
    (
        &["aggregate functions cannot"],
        "filter groups with HAVING, and rows by aggregates with a subquery",
    ),
    (&["window functions cannot"], "compute them in a subquery, or filter with QUALIFY"),
    (
        &["must be in GROUP BY"],
        "add it to GROUP BY, or aggregate it, as in min(a) or first_value(a)",
    ),
    (&["GROUPING:"], "GROUPING takes columns of GROUP BY ROLLUP, CUBE or GROUPING SETS"),
    (&["the select list has"], "give the place of a column in the select list, or its name"),
    (&["ORDER BY 0"], "1 is the first column"),
    (
        &["is not in the select list"],
        "add it to the select list, or order by a column that is there",
    ),
    (
        &["returned more than one row"],
        "reduce it to one row with LIMIT 1, max(…) or a stricter WHERE; use IN for a list",
    ),
    (&["a subquery that stands for a value has"], "select the one column that is meant"),
    (
        &["different numbers of columns"],
        "select equally many columns on both sides; NULL stands for one that is missing",
    ),
    (&["is negative"], "give 0 or more"),
    (&["takes an integer, not"], "write a whole number, as in LIMIT 10"),
    (&["for a table of"], "give one name for each column"),
    (&["VALUES: row"], "give every row equally many values"),
    (&["WITH gives the name"], "give one of them another name"),
    (&["EXISTS can only"], "count in a subquery: (SELECT count(*) FROM …) > 0"),
    (&["IN with a query can only"], "count in a subquery: (SELECT count(*) FROM … WHERE …) > 0"),
    (&["SELECT * has no FROM"], "name a table: SELECT * FROM t"),
    (&["TOP is not"], "write LIMIT 5 at the end"),
    (&["too many parts"], "write table or main.table"),
    (&["parameter"], "write the value itself, or prepare the statement: PREPARE name AS …"),
    (
        &["dates have no part"],
        "parts are year, quarter, month, week, day, dow, doy, hour, minute, second, epoch",
    ),
    (
        &["date_trunc has no unit"],
        "units are year, quarter, month, week, day, hour, minute, second, millisecond, microsecond",
    ),
    (&["regular expression"], "a backslash before ( ) [ ] * + ? . takes them as they are"),
    (&["in quotes, and"], "write DATE '2024-12-31'"),
    (&["a type before a value"], "use CAST for other values, as in CAST(a AS DATE)"),
    (&["IN compares"], "compare one column, or join on several"),
    (&["a field is taken"], "write value['field'] for other values"),
    (&["has no fields"], "only a STRUCT or MAP has fields"),
    (&["min and max take"], "greatest(a, b) and least(a, b) compare the values of one row"),
    (&["the elements of a list"], "cast the elements to one type"),
    (&["no common type"], "cast the arguments to one type"),
    (&["unnest takes"], "write unnest([1, 2]) or the name of a list column"),
    (&["substr takes"], "as in substr(text, 1, 3)"),
    (
        &["no function takes these arguments"],
        "check the number of arguments, and cast them to the types that fit",
    ),
    (&["percentile value"], "give a number from 0 to 1, as in 0.5 for the median"),
    (
        &["window frame", "larger than"],
        "the first bound comes first, as in ROWS BETWEEN 1 PRECEDING AND CURRENT ROW",
    ),
    (
        &["window frame"],
        "bounds are UNBOUNDED PRECEDING, n PRECEDING, CURRENT ROW, n \
         FOLLOWING, UNBOUNDED FOLLOWING",
    ),
    (&["RANGE requires"], "add ORDER BY to the window, or write ROWS in place of RANGE"),
    (&["square root"], "square roots are those of numbers from 0"),
    (&["takes one argument"], "as in sum(a)"),
    (
        &["intervals cannot be compared"],
        "for example TIMESTAMP '2024-01-01' + a > TIMESTAMP '2024-01-01' + b",
    ),
    (
        &["key (", "is in the table already"],
        "give the row another key, or write ON CONFLICT DO NOTHING or DO UPDATE",
    ),
    (&["key (", "occurs twice"], "give one of the rows another key, or load DISTINCT rows"),
    (
        &["it is declared NOT NULL"],
        "give a value, or declare the column without NOT NULL or with a DEFAULT",
    ),
    (
        &["references no row"],
        "load the row that is referenced first, or use NULL where it is unknown",
    ),
    (
        &["is referenced by table"],
        "or do both in one transaction: what it leaves is checked at COMMIT",
    ),
    (&["CHECK ", " fails "], "correct the value, or change the CHECK with ALTER TABLE"),
    (&["CHECK (", "must be BOOLEAN"], "write a condition, as in CHECK (a > 0)"),
    (
        &["DEFAULT and CHECK cannot"],
        "use constants, columns of the row (in CHECK) and functions of them",
    ),
    (&["is given twice"], "name each column once"),
    (&["occurs twice in table"], "give one of them another name"),
    (&["needs at least one column"], "as in CREATE TABLE t (a INTEGER, b VARCHAR)"),
    (
        &["which is no PRIMARY KEY"],
        "declare that column PRIMARY KEY or UNIQUE, or reference the key",
    ),
    (&["FOREIGN KEY of table", "is", "and column"], "give both columns the same type"),
    (&["FOREIGN KEY"], "reference the PRIMARY KEY or a UNIQUE key of a table that exists"),
    (&["cannot be encoded"], "leave ENCODING out, and the smallest encoding is chosen"),
    (
        &["is not supported", "GENERATED"],
        "number the rows when they are loaded, with row_number() OVER ()",
    ),
    (&["fractional digits"], "write TIMESTAMP, which has microseconds"),
    (&["columns are named, and the query has"], "give one name for each column of the query"),
    (&["cannot drop table"], "drop that table first"),
    (&["ON DUPLICATE KEY"], "write INSERT INTO t … ON CONFLICT (key) DO UPDATE SET a = excluded.a"),
    (
        &["ON CONFLICT DO UPDATE cannot contain"],
        "compute it in the source: INSERT INTO t SELECT …, and set it by excluded.column",
    ),
    (&["INSERT OR"], "write INSERT INTO t … ON CONFLICT DO NOTHING, or DO UPDATE SET …"),
    (&["INSERT …", "is not supported"], "write INSERT INTO t (a, b) VALUES (1, 2), or SELECT …"),
    (&["INSERT OVERWRITE"], "write TRUNCATE t, and INSERT INTO t"),
    (
        &["damaged or no Parquet file"],
        "copy the file again, or read it with read_csv if it is text",
    ),
    (&["must be true or false"], "write HEADER true or HEADER false"),
    (&["must be one ASCII character"], "as in DELIMITER ';'"),
    (&["cannot be the same character"], "give another one of the two"),
    (&["must be a number above 0"], "leave it out for the default"),
    (&["expected a number from"], "as in SET threads = 4"),
    (&["expected on or off"], "write on or off"),
    (&["expected sync or async"], "write sync or async"),
    (&["aggregates are not allowed", "ORDER BY"], "name the aggregate in the select list"),
    (&["step cannot be zero"], "give a step above or below 0"),
    (&["generate_series"], "as in generate_series(1, 10) or generate_series(1, 10, 2)"),
    (&["argument #", "must be"], "as in generate_series(1, 10)"),
    (&["NTILE"], "give the number of buckets, as in ntile(4)"),
    (&["field position"], "fields are counted from 1, and from the end with -1"),
    (&["expected an integer value"], "give the number of rows as a whole number, as in lag(a, 1)"),
    (&["month value"], "months are 1 to 12"),
    (&["day value"], "give a day that the month has"),
    (&["scalar value"], "give the number of a Unicode character, as in chr(65)"),
    (&["out of bounds"], "give a smaller value"),
];

const TYPES: &str = "types are BOOLEAN, SMALLINT, INTEGER, BIGINT, REAL, DOUBLE, DECIMAL(p,s), \
     VARCHAR, DATE, TIME, \
     TIMESTAMP and TIMESTAMPTZ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_added_only_where_there_is_none() {
        let advised = advise(Error::sql("division by zero"));
        assert_eq!(advised.hint.as_deref(), Some("a / NULLIF(b, 0) is NULL where b is 0"));
        assert_eq!(advise(advised.clone().with_hint("ours")).hint.as_deref(), Some("ours"));
        assert_eq!(advise(Error::internal("division by zero")).hint, None);
    }
}
