//! Dates, times and timestamps: microseconds, and the years 1 to 9999 everywhere.

use super::{check, check_failures, session};

#[test]
fn the_years_1_to_9999_fit() {
    let session = session(&[
        "CREATE TABLE t (id INTEGER, d DATE, t TIME, ts TIMESTAMP, tz TIMESTAMPTZ)",
        "INSERT INTO t VALUES
            (1, '0001-01-01', '00:00:00', '0001-01-01 00:00:00', '0001-01-01 00:00:00Z'),
            (2, '9999-12-31', '23:59:59.999999', '9999-12-31 23:59:59.999999',
                '9999-12-31T23:59:59.999999+00:00'),
            (3, DATE '2020-02-29', TIME '12:00:00.5', TIMESTAMP '2020-02-29 12:00:00.000001',
                TIMESTAMPTZ '2020-02-29 12:00:00+02'),
            (4, NULL, NULL, NULL, NULL)",
    ]);
    check(
        &session,
        &[
            (
                "SELECT d, t FROM t ORDER BY id LIMIT 3",
                "0001-01-01|00:00:00; 9999-12-31|23:59:59.999999; 2020-02-29|12:00:00.500",
            ),
            (
                "SELECT ts FROM t ORDER BY id LIMIT 3",
                "0001-01-01T00:00:00; 9999-12-31T23:59:59.999999; 2020-02-29T12:00:00.000001",
            ),
            (
                "SELECT tz FROM t ORDER BY id LIMIT 3",
                "0001-01-01T00:00:00Z; 9999-12-31T23:59:59.999999Z; 2020-02-29T10:00:00Z",
            ),
            ("SELECT min(ts), max(d) FROM t", "0001-01-01T00:00:00|9999-12-31"),
            ("SELECT id FROM t WHERE ts > '2020-01-01' ORDER BY 1", "2; 3"),
            ("SELECT id FROM t WHERE ts > DATE '2020-01-01' ORDER BY 1", "2; 3"),
            ("SELECT id FROM t WHERE d < TIMESTAMP '2020-02-29 00:00:01' ORDER BY 1", "1; 3"),
            ("SELECT id FROM t WHERE ts BETWEEN DATE '2020-02-29' AND DATE '2020-03-01'", "3"),
            (
                "SELECT id FROM t WHERE ts IN (DATE '0001-01-01', TIMESTAMP '2020-02-29 12:00:00.000001') ORDER BY 1",
                "1; 3",
            ),
            ("SELECT id FROM t WHERE ts < now() ORDER BY 1", "1; 3"),
            ("SELECT id FROM t WHERE tz > ts ORDER BY 1", ""),
            ("SELECT id FROM t WHERE tz < TIMESTAMP '2020-02-29 12:00:00' ORDER BY 1", "1; 3"),
            (
                "SELECT CAST(d AS TIMESTAMP) = ts, d::timestamp::date = d FROM t WHERE id = 1",
                "true|true",
            ),
            ("SELECT extract(year FROM ts), extract(month FROM d) FROM t WHERE id = 2", "9999|12"),
            (
                "SELECT date_trunc('month', ts), date_trunc('week', tz), date_trunc('hour', ts) \
                 FROM t WHERE id < 4 ORDER BY id",
                "0001-01-01T00:00:00|0001-01-01T00:00:00Z|0001-01-01T00:00:00; \
                 9999-12-01T00:00:00|9999-12-27T00:00:00Z|9999-12-31T23:00:00; \
                 2020-02-01T00:00:00|2020-02-24T00:00:00Z|2020-02-29T12:00:00",
            ),
            ("SELECT date_trunc('year', TIMESTAMP '9999-12-31 01:00:00')", "9999-01-01T00:00:00"),
            ("SELECT ts + INTERVAL '1 day' FROM t WHERE id = 3", "2020-03-01T12:00:00.000001"),
            (
                "SELECT d - DATE '2020-02-01', d + 1, d - INTERVAL '1 month' FROM t WHERE id = 3",
                "28|2020-03-01|2020-01-29",
            ),
            ("SELECT count(*) FROM t WHERE d = '2020-02-29' AND t = '12:00:00.5'", "1"),
            (
                "SELECT '2020-02-29T01:02:03'::timestamp, CAST('0001-01-01' AS TIMESTAMP)",
                "2020-02-29T01:02:03|0001-01-01T00:00:00",
            ),
            (
                "SELECT CAST('2020-02-29 23:59:59' AS DATE), TIMESTAMP '2020-02-29 23:59:59'::time",
                "2020-02-29|23:59:59",
            ),
        ],
    );
}

#[test]
fn impossible_dates_are_refused() {
    let session = session(&["CREATE TABLE t (d DATE, ts TIMESTAMP)"]);
    check_failures(
        &session,
        &[
            ("SELECT DATE '2021-02-29'", "cannot cast '2021-02-29' to DATE"),
            ("SELECT TIMESTAMP '2020-01-01 24:00:01'", "2020-01-01 24:00:01"),
            ("SELECT TIME '25:00:00'", "cannot cast '25:00:00' to TIME"),
            ("INSERT INTO t VALUES ('2021-02-29', NULL)", "column \"d\": cannot cast"),
            ("INSERT INTO t VALUES (NULL, 'yesterday')", "column \"ts\": "),
        ],
    );
}

#[test]
fn now_is_one_moment_a_statement() {
    let session = session(&["CREATE TABLE t (a TIMESTAMPTZ DEFAULT now(), b INTEGER)"]);
    super::run(&session, &["INSERT INTO t (b) SELECT value FROM range(10)"]);
    check(
        &session,
        &[
            ("SELECT count(DISTINCT a), min(a) <= now() FROM t", "1|true"),
            ("SELECT now() = current_timestamp", "true"),
        ],
    );
}
