//! Overflow is an error, and nothing exact becomes a float on the way.

use super::{answer, check, check_failures, session};

const INTEGERS: &[&str] = &[
    "CREATE TABLE i (s SMALLINT, i INTEGER, b BIGINT, d DECIMAL(38,2), n INTEGER)",
    "INSERT INTO i VALUES
        (32767, 2147483647, 9223372036854775807, 999999999999999999999999999999999999.99, 1),
        (-32768, -2147483648, -9223372036854775808, -999999999999999999999999999999999999.99, 2),
        (1, 1, 1, 0.01, 3)",
];

#[test]
fn operators_refuse_results_that_do_not_fit() {
    let session = session(INTEGERS);
    check_failures(
        &session,
        &[
            ("SELECT 9223372036854775807 + 1", "BIGINT out of range: 9223372036854775807 + 1"),
            ("SELECT 1 WHERE 9223372036854775807 + 1 > 0", "BIGINT out of range"),
            ("SELECT b + 1 FROM i", "BIGINT out of range"),
            ("SELECT b - 1 FROM i", "BIGINT out of range"),
            ("SELECT b * 2 FROM i", "BIGINT out of range"),
            ("SELECT -b FROM i", "BIGINT out of range"),
            ("SELECT abs(b) FROM i", "BIGINT out of range"),
            ("SELECT b / -1 FROM i WHERE n = 2", "BIGINT out of range"),
            ("SELECT i + i FROM i", "INTEGER out of range"),
            ("SELECT s * s FROM i", "SMALLINT out of range"),
            ("SELECT d + 1 FROM i", "out of range"),
            ("SELECT d * 10 FROM i", "out of range"),
            ("SELECT d * d FROM i", "out of range"),
            ("SELECT count(*) FROM i WHERE b + 1 > 0", "BIGINT out of range"),
            ("SELECT i.n FROM i JOIN i j ON i.b + 1 = j.n", "BIGINT out of range"),
            ("SELECT n FROM i ORDER BY b + 1", "BIGINT out of range"),
            ("SELECT count(*) FROM i GROUP BY b * 2", "BIGINT out of range"),
            ("SELECT max(b + n) FROM i", "BIGINT out of range"),
            ("SELECT n FROM i WHERE b + 1 = (SELECT min(n) FROM i)", "BIGINT out of range"),
            ("SELECT sum(b + 1) OVER () FROM i", "BIGINT out of range"),
            ("SELECT 1 / 0", "division by zero"),
            ("SELECT 1 % 0", "division by zero"),
            ("SELECT 1.5 / 0", "division by zero"),
            ("SELECT n / (n - 3) FROM i", "division by zero"),
        ],
    );
}

#[test]
fn operators_are_exact_up_to_the_limit() {
    let session = session(INTEGERS);
    check(
        &session,
        &[
            ("SELECT b - 1 + 1 FROM i WHERE n = 1", "9223372036854775807"),
            ("SELECT b % -1 FROM i WHERE n = 2", "0"),
            ("SELECT -(-9223372036854775808 + 1)", "9223372036854775807"),
            ("SELECT d + 0.00, d - 0.01 FROM i WHERE n = 3", "0.01|0.00"),
            ("SELECT d * 1 FROM i WHERE n = 1", "999999999999999999999999999999999999.99"),
            ("SELECT 0.1 + 0.2, 0.1 * 3 = 0.3, 1.10 - 0.1", "0.3|true|1.00"),
            ("SELECT 2.0 / 3, -2.0 / 3, 1.00 / 8", "0.66667|-0.66667|0.125000"),
            ("SELECT 7.5 % 2, -7.5 % 2, 7 / 2, -7 / 2, -7 % 3", "1.5|-1.5|3|-3|-1"),
            ("SELECT 99999999999999999999.5 * 99999999999999.25", NINES_PRODUCT),
            ("SELECT CASE WHEN n = 3 THEN 0 ELSE 6 / (3 - n) END FROM i ORDER BY n", "3; 6; 0"),
            ("SELECT n FROM i WHERE n <> 3 AND 6 / (n - 3) < -5", "2"),
        ],
    );
}

const NINES_PRODUCT: &str = "9999999999999924999950000000000000.375";

#[test]
fn casts_round_and_refuse_as_postgresql_does() {
    let session = session(&[]);
    check(
        &session,
        &[
            ("SELECT CAST(2.5 AS INTEGER), CAST(-2.5 AS INTEGER), 2.4::int", "3|-3|2"),
            ("SELECT 2.5::double::int, 3.5::double::int, -0.5::double::int", "2|4|0"),
            ("SELECT 1.005::decimal(10,2), -1.005::decimal(10,2)", "1.01|-1.01"),
            ("SELECT '12'::int, ' 12 '::bigint, '1.25'::decimal(4,1)", "12|12|1.3"),
            ("SELECT TRY_CAST('x' AS INTEGER), TRY_CAST(1e10 AS INTEGER)", "NULL|NULL"),
            ("SELECT true::int, 0::boolean, 't'::boolean", "1|false|true"),
        ],
    );
    check_failures(
        &session,
        &[
            ("SELECT 3000000000::int", "INTEGER out of range: 3000000000"),
            ("SELECT 99.95::decimal(3,1)", "DECIMAL out of range"),
            ("SELECT 1e10::int", "INTEGER out of range"),
            ("SELECT 'NaN'::double::int", "INTEGER out of range: NaN"),
            ("SELECT 'x'::int", "cannot cast 'x' to INTEGER"),
            ("SELECT '2021-02-29'::date", "cannot cast '2021-02-29' to DATE"),
        ],
    );
}

#[test]
fn sums_are_exact_whatever_the_order_of_rows() {
    let session = session(INTEGERS);
    check(
        &session,
        &[
            ("SELECT sum(b), sum(i), sum(s) FROM i", "0|0|0"),
            ("SELECT sum(b) FROM i WHERE n IN (1, 3)", "9223372036854775808"),
            ("SELECT sum(d) FROM i", "0.01"),
            ("SELECT avg(b), avg(i) FROM i", "0.0|0.0"),
            ("SELECT avg(d), avg(n * 1.0) FROM i", "0.003333|2.00000"),
            ("SELECT sum(b), count(*) FROM i WHERE n > 9", "NULL|0"),
            ("SELECT sum(n) FILTER (WHERE n > 1), avg(n) FILTER (WHERE n > 9) FROM i", "5|NULL"),
            ("SELECT n % 2, sum(b) FROM i GROUP BY 1 ORDER BY 1", ODD_AND_EVEN),
            ("SELECT sum(DISTINCT n % 2), avg(DISTINCT n % 2) FROM i", "1|0.5"),
            ("SELECT count(DISTINCT n), sum(i) FROM i", "3|0"),
            ("SELECT sum(1.5e0), avg(2::real) FROM i", "4.5|2.0"),
            (
                "SELECT sum(b) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM i",
                "9223372036854775807; -1; -9223372036854775807",
            ),
            (
                "SELECT sum(DISTINCT n % 2) OVER (ORDER BY n ROWS BETWEEN 1 PRECEDING AND CURRENT \
                 ROW) FROM i",
                "1; 1; 1",
            ),
            (
                "SELECT avg(n) OVER (ORDER BY n ROWS BETWEEN 5 PRECEDING AND 4 PRECEDING) FROM i",
                "NULL; NULL; NULL",
            ),
            ("SELECT sum(x) FROM (SELECT sum(n) x FROM i GROUP BY n)", "6"),
            ("SELECT sum(NULL), avg(NULL) FROM i", "NULL|NULL"),
        ],
    );
    check_failures(
        &session,
        &[
            ("SELECT sum(d) FROM i WHERE n <> 2", "out of range: the result of sum"),
            ("SELECT s, sum(d) FROM i WHERE n <> 2 GROUP BY ROLLUP (s)", "out of range"),
            ("SELECT sum(DISTINCT d) FROM i WHERE n <> 2", "out of range"),
            ("SELECT sum(d) OVER (ORDER BY n) FROM i WHERE n <> 2", "out of range"),
            ("SELECT sum('a') FROM i", "sum takes numbers"),
            ("SELECT avg(true) FROM i", "avg takes numbers"),
        ],
    );
}

const ODD_AND_EVEN: &str = "0|-9223372036854775808; 1|9223372036854775808";

#[test]
fn types_of_results_are_what_the_documentation_says() {
    let session = session(INTEGERS);
    let types = |sql: &str| {
        let described = answer(&session, &format!("DESCRIBE {sql}"));
        let types = described.split("; ").map(|row| row.split('|').nth(1).unwrap().to_owned());
        types.collect::<Vec<_>>().join(" ")
    };
    for (sql, expected) in [
        (
            "SELECT sum(s), sum(i), sum(b), sum(d) FROM i",
            "BIGINT BIGINT DECIMAL(38,0) DECIMAL(38,2)",
        ),
        ("SELECT avg(s), avg(b), avg(n * 1.0) FROM i", "DOUBLE DOUBLE DECIMAL(17,5)"),
        ("SELECT sum(1e0), avg(1e0) FROM i", "DOUBLE DOUBLE"),
        ("SELECT count(*), row_number() OVER (), rank() OVER () FROM i", "BIGINT BIGINT BIGINT"),
        (
            "SELECT 1, 1.5, 1.50, 1e3, 'x', true",
            "BIGINT DECIMAL(2,1) DECIMAL(3,2) DOUBLE VARCHAR BOOLEAN",
        ),
        (
            "SELECT i + i, i + 1, 1.50 * 2, 1.5 / 2 FROM i",
            "INTEGER BIGINT DECIMAL(5,2) DECIMAL(6,5)",
        ),
    ] {
        assert_eq!(types(sql), expected, "{sql}");
    }
}

#[test]
fn partial_sums_may_overflow_across_segments_and_threads() {
    let session = session(&["CREATE TABLE p (k INTEGER, v BIGINT)"]);
    for sign in ["", "-"] {
        let sql =
            format!("INSERT INTO p SELECT value % 10, {sign}9223372036854775807 FROM range(70000)");
        super::run(&session, &[&sql]);
    }
    check(
        &session,
        &[
            ("SELECT sum(v), count(*) FROM p", "0|140000"),
            ("SELECT count(*), min(s), max(s) FROM (SELECT sum(v) s FROM p GROUP BY k)", "10|0|0"),
            ("SELECT sum(v) FROM p WHERE v > 0", "645636042579834306490000"),
        ],
    );
}
