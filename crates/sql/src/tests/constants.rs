//! Plain constants are inserted as the query engine would insert them.

use super::*;

const TYPES: [&str; 12] = [
    "BOOLEAN",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "DECIMAL(9, 2)",
    "DECIMAL(38, 10)",
    "REAL",
    "DOUBLE",
    "DATE",
    "TIME",
    "TIMESTAMP",
    "VARCHAR",
];

const CONSTANTS: [&str; 33] = [
    "NULL",
    "0",
    "1",
    "-1",
    "007",
    "32767",
    "32768",
    "2147483648",
    "-2147483648",
    "9223372036854775807",
    "-9223372036854775807",
    "9223372036854775808",
    "1.5",
    "-1.5",
    "0.005",
    "00.50",
    "12345678.995",
    "99999999.99",
    "1234567890123456789012345678.0123456789",
    "0.12345678901234567890123456789012345678",
    "123456789012345678901234567890.123456789",
    "5.",
    ".5",
    "1e3",
    "''",
    "'a''b'",
    "'12'",
    "' 1.25 '",
    "'2024-02-29'",
    "'12:34:56.789'",
    "'2024-02-29 12:34:56'",
    "'true'",
    "'Zürich 🚲'",
];

/// What is in the table after an INSERT, or why there is nothing.
fn outcome(session: &Session, sql: &str) -> String {
    run(session, &["TRUNCATE t"]);
    match session.execute(sql) {
        Ok(_) => answer(session, "SELECT * FROM t"),
        Err(error) => error.message,
    }
}

#[test]
fn constants_become_what_the_query_engine_makes_of_them() {
    for data_type in TYPES {
        let session = session(&[&format!("CREATE TABLE t (v {data_type})")]);
        for constant in CONSTANTS {
            let direct = outcome(&session, &format!("INSERT INTO t VALUES ({constant})"));
            let planned = outcome(&session, &format!("INSERT INTO t SELECT {constant}"));
            assert_eq!(direct, planned, "{constant} as {data_type}");
        }
    }
}

#[test]
fn several_rows_of_constants_become_the_same_as_each_alone() {
    let session = session(&["CREATE TABLE t (a DECIMAL(9, 3), b VARCHAR, c BIGINT, d DOUBLE)"]);
    run(
        &session,
        &[
            "INSERT INTO t VALUES (1.5, 'x', 1, 0.25), (-22.125, NULL, NULL, 3.5), \
             (NULL, '', -7, NULL), (333.1, 'y', 2, 100.0)",
            "INSERT INTO t (c, a) VALUES (5, 1), (6, 2.5)",
            "INSERT INTO t (b) VALUES (NULL), (DEFAULT)",
        ],
    );
    check(
        &session,
        &[(
            "SELECT * FROM t",
            "1.500|x|1|0.25; -22.125|NULL|NULL|3.5; NULL||-7|NULL; 333.100|y|2|100.0; \
             1.000|NULL|5|NULL; 2.500|NULL|6|NULL; NULL|NULL|NULL|NULL; NULL|NULL|NULL|NULL",
        )],
    );
}
