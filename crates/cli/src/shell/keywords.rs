//! The words of SQL that are completed.

pub use starfact::STATEMENTS;

/// Words behind which the name of a table stands.
const BEFORE_TABLE: &[&str] =
    &["COPY", "DESCRIBE", "EXISTS", "FROM", "INTO", "JOIN", "REFERENCES", "SUMMARIZE", "TABLE"];

/// All other words, in order.
const OTHERS: &[&str] = &[
    "ADD",
    "ALL",
    "ANALYZE",
    "AND",
    "ANY",
    "AS",
    "ASC",
    "BETWEEN",
    "BIGINT",
    "BOOLEAN",
    "BY",
    "CASE",
    "CAST",
    "CHAR",
    "COLUMN",
    "COLUMNS",
    "CONSTRAINT",
    "CROSS",
    "CUBE",
    "CURRENT",
    "DATE",
    "DECIMAL",
    "DEFAULT",
    "DESC",
    "DISTINCT",
    "DOUBLE",
    "ELSE",
    "END",
    "EXCEPT",
    "EXCLUDE",
    "EXISTS",
    "EXTRACT",
    "FALSE",
    "FETCH",
    "FILTER",
    "FIRST",
    "FOLLOWING",
    "FOREIGN",
    "FULL",
    "GROUP",
    "GROUPING",
    "HAVING",
    "HEADER",
    "IF",
    "ILIKE",
    "IN",
    "INNER",
    "INTEGER",
    "INTERSECT",
    "INTERVAL",
    "INTO",
    "IS",
    "JOIN",
    "KEY",
    "LAST",
    "LEFT",
    "LIKE",
    "LIMIT",
    "NATURAL",
    "NOT",
    "NULL",
    "NULLS",
    "OFFSET",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "OVER",
    "PARTITION",
    "PRECEDING",
    "PRIMARY",
    "QUALIFY",
    "RANGE",
    "REAL",
    "RECURSIVE",
    "REFERENCES",
    "RENAME",
    "RIGHT",
    "ROLLUP",
    "ROW",
    "ROWS",
    "SETS",
    "SMALLINT",
    "SORTED",
    "TABLE",
    "TABLES",
    "TEXT",
    "THEN",
    "TIME",
    "TIMESTAMP",
    "TIMESTAMPTZ",
    "TO",
    "TRUE",
    "UNBOUNDED",
    "UNION",
    "UNIQUE",
    "USING",
    "VARCHAR",
    "WHEN",
    "WHERE",
    "WINDOW",
];

/// All words.
pub fn all() -> impl Iterator<Item = &'static str> {
    STATEMENTS.iter().chain(OTHERS).copied()
}

/// Whether this is one of them, in any case.
pub fn is_keyword(word: &str) -> bool {
    all().any(|keyword| keyword.eq_ignore_ascii_case(word))
}

/// Whether the name of a table stands behind this word.
pub fn is_before_table(word: &str) -> bool {
    BEFORE_TABLE.iter().any(|keyword| keyword.eq_ignore_ascii_case(word))
}
