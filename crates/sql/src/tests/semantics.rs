//! What the query engine alone would answer wrongly, or refuse.

use super::{answer, check, check_failures, run, session};

const NUMBERS: &[&str] = &[
    "CREATE TABLE n (i INTEGER)",
    "INSERT INTO n VALUES (1), (2)",
    "INSERT INTO n VALUES (3), (NULL)",
];

#[test]
fn bounds_of_several_expressions_do_not_filter_each_other() {
    let setup = [
        "CREATE TABLE t (a INTEGER, b INTEGER)",
        "INSERT INTO t VALUES (97, 99)",
        "INSERT INTO t VALUES (15, 47)",
        "INSERT INTO t VALUES (NULL, 1000)",
    ];
    check(
        &session(&setup),
        &[
            ("SELECT max(-a), max(b) FROM t", "-15|1000"),
            ("SELECT max(b), min(a) FILTER (WHERE a < 50) FROM t", "1000|15"),
            ("SELECT min(a), min(b) FROM t WHERE a > 0 OR b > 0", "15|47"),
        ],
    );
}

#[test]
fn concatenation_binds_less_than_arithmetic() {
    check(
        &session(&[]),
        &[
            ("SELECT 'a' || 3 * 7 || 'b'", "a21b"),
            ("SELECT 'a' || 2 + 4, 1 + 2 || 'x' = '3x'", "a6|true"),
            ("SELECT 'a' || 'b' LIKE 'ab', 'a' || NULL IS NULL", "true|true"),
        ],
    );
}

#[test]
fn conditions_written_the_other_way_round_do_not_contradict() {
    let setup = [
        "CREATE TABLE t (x REAL, y DOUBLE, d DECIMAL(9, 2), k DATE)",
        "INSERT INTO t VALUES (1.5, 2.5, 3.5, DATE '2020-01-31'), (0, 0, 0, NULL)",
    ];
    check(
        &session(&setup),
        &[
            (
                "SELECT count(*) FROM t WHERE x = CAST('1.5' AS REAL) AND CAST('1.5' AS REAL) = x",
                "1",
            ),
            ("SELECT count(*) FROM t WHERE y = 2.5 AND 2.5 = y", "1"),
            ("SELECT count(*) FROM t WHERE d = 3.5 AND 3.50 = d", "1"),
            (
                "SELECT count(*) FROM t WHERE k = DATE '2020-01-31' AND CAST('2020-01-31' AS DATE) = k",
                "1",
            ),
            ("SELECT count(*) FROM t WHERE y = 0e0 AND y = '-0.0' AND '-0.0' >= x", "1"),
            ("SELECT count(*) FROM t WHERE 1e0 < y AND y > 1e0 AND CAST('2' AS DOUBLE) < y", "1"),
            ("SELECT count(*) FROM t WHERE y = 2.5 AND 3.5 = y", "0"),
        ],
    );
}

#[test]
fn keys_of_grouping_sets_may_be_rewritten() {
    let setup = [
        "CREATE TABLE t (k TIME NOT NULL, i INTEGER, d DECIMAL(9, 2))",
        "INSERT INTO t VALUES (TIME '08:00:00', 1, 1.5), (TIME '09:00:00', 2, 2.5)",
    ];
    check(
        &session(&setup),
        &[
            (
                "SELECT coalesce(k, TIME '08:26:20') AS c, count(*) FROM t \
                 GROUP BY ROLLUP (coalesce(k, TIME '08:26:20')) ORDER BY c",
                "08:00:00|1; 09:00:00|1; NULL|2",
            ),
            (
                "SELECT i * 2 + 1 AS a, d * 2 AS b, sum(i) FROM t GROUP BY CUBE (i * 2 + 1, d * 2) \
                 ORDER BY a, b",
                "3|3.00|1; 3|NULL|1; 5|5.00|2; 5|NULL|2; NULL|3.00|1; NULL|5.00|2; NULL|NULL|3",
            ),
            (
                "SELECT -i, count(*) FROM t GROUP BY GROUPING SETS ((-i), (), (-i, k)) ORDER BY 1, 2",
                "-2|1; -2|1; -1|1; -1|1; NULL|2",
            ),
        ],
    );
}

#[test]
fn conditions_on_an_aggregate_of_all_rows_stay_above_it() {
    check(
        &session(NUMBERS),
        &[
            ("SELECT max(i) FROM n HAVING max(i) = 4 AND max(i) = 2", ""),
            ("SELECT count(*) FROM n HAVING count(*) = 4 AND count(*) = 2", ""),
            (
                "SELECT m FROM (SELECT max(i) AS m, max(i) AS k FROM n) AS t WHERE m = 3 AND k = 4",
                "",
            ),
            ("SELECT max(i) FROM n HAVING (SELECT 1) = 2", ""),
            ("SELECT max(i) FROM n HAVING (SELECT 1) = 1", "3"),
            ("SELECT count(*) FROM (SELECT max(i) FROM n) AS t WHERE random() > 2", "0"),
            (
                "SELECT * FROM (SELECT i, max(i) AS m FROM n GROUP BY ROLLUP (i)) AS t \
                 WHERE m = 4 AND m = 2",
                "",
            ),
            ("SELECT i, sum(i) FROM n GROUP BY CUBE (i) HAVING (SELECT 1) = 2", ""),
            ("SELECT (4, 2) IN (SELECT max(i), max(i) FROM n)", "false"),
            ("SELECT i, max(i) FROM n GROUP BY i HAVING i = 2 AND max(i) = 2", "2|2"),
            ("SELECT m FROM (SELECT max(i) AS m FROM n HAVING max(i) = 3) AS t WHERE m = 4", ""),
            (
                "SELECT m FROM (SELECT max(i) AS m FROM n HAVING max(i) > 0) AS t \
                 WHERE random() > 2",
                "",
            ),
            (
                "SELECT i FROM (SELECT i FROM n WHERE i = 2) AS t WHERE CAST('2' AS INTEGER) = i",
                "2",
            ),
        ],
    );
}

#[test]
fn any_and_all_over_the_table_itself() {
    check(
        &session(NUMBERS),
        &[
            ("SELECT i FROM n WHERE i >= ALL (SELECT i FROM n WHERE i IS NOT NULL)", "3"),
            ("SELECT i FROM n WHERE i > ANY (SELECT i FROM n) ORDER BY 1", "2; 3"),
            ("SELECT i FROM n WHERE i = ANY (SELECT i FROM n WHERE i = 1)", "1"),
            ("SELECT i FROM n WHERE i <> ALL (SELECT i FROM n WHERE i < 3)", "3"),
        ],
    );
}

#[test]
fn in_has_three_truth_values() {
    check(
        &session(NUMBERS),
        &[
            ("SELECT count(*) FROM n WHERE NOT (4 IN (SELECT i FROM n))", "0"),
            ("SELECT count(*) FROM n WHERE i = 1 OR 4 NOT IN (SELECT i FROM n)", "1"),
            (
                "SELECT i FROM n WHERE i = 1 OR i NOT IN (SELECT i FROM n m WHERE m.i < 3) ORDER BY 1",
                "1; 3",
            ),
            (
                "SELECT i FROM n WHERE i NOT IN (SELECT m.i FROM n m WHERE m.i > n.i) ORDER BY 1",
                "1; 2; 3; NULL",
            ),
            (
                "SELECT i FROM n WHERE i NOT IN (SELECT m.i FROM n m WHERE m.i = n.i OR m.i IS NULL)",
                "",
            ),
            ("SELECT i FROM n WHERE (4 IN (SELECT i FROM n)) IS NULL ORDER BY i", "1; 2; 3; NULL"),
        ],
    );
}

#[test]
fn common_columns_of_outer_joins() {
    let setup = [
        "CREATE TABLE a (i INTEGER, j INTEGER)",
        "CREATE TABLE b (i INTEGER, k INTEGER)",
        "CREATE TABLE c (i INTEGER, l INTEGER)",
        "INSERT INTO a VALUES (42, 80), (1, 2)",
        "INSERT INTO b VALUES (43, 84), (1, 3)",
        "INSERT INTO c VALUES (43, 9), (44, 10)",
    ];
    check(
        &session(&setup),
        &[
            ("SELECT * FROM a FULL JOIN b USING (i) ORDER BY i", "1|2|3; 42|80|NULL; 43|NULL|84"),
            ("SELECT * FROM a NATURAL FULL JOIN b ORDER BY 1", "1|2|3; 42|80|NULL; 43|NULL|84"),
            ("SELECT i, j, k FROM a RIGHT JOIN b USING (i) ORDER BY i", "1|2|3; 43|NULL|84"),
            ("SELECT i FROM a FULL JOIN b USING (i) WHERE i > 41 ORDER BY i", "42; 43"),
            (
                "SELECT i, count(*) FROM a FULL JOIN b USING (i) GROUP BY i HAVING i > 1 ORDER BY i DESC",
                "43|1; 42|1",
            ),
            (
                "SELECT * FROM a FULL JOIN b USING (i) FULL JOIN c USING (i) ORDER BY i",
                "1|2|3|NULL; 42|80|NULL|NULL; 43|NULL|84|9; 44|NULL|NULL|10",
            ),
            ("SELECT * FROM a JOIN b USING (i) WHERE i = 1", "1|2|3"),
            ("SELECT i FROM a x JOIN b y USING (i) WHERE i IN (SELECT i FROM b)", "1"),
            ("SELECT x.j, i + 1 FROM a x NATURAL JOIN b y WHERE i = 1", "2|2"),
            (
                "SELECT k FROM a FULL JOIN (SELECT i, k FROM b) s USING (i) ORDER BY i",
                "3; NULL; 84",
            ),
        ],
    );
}

#[test]
fn null_stays_equal_to_null_beside_other_joins() {
    let setup = [
        "CREATE TABLE p (k INTEGER, x INTEGER)",
        "CREATE TABLE q (k INTEGER)",
        "CREATE TABLE r (x INTEGER)",
        "INSERT INTO p VALUES (1, NULL), (2, 5)",
        "INSERT INTO q VALUES (1), (2)",
        "INSERT INTO r VALUES (NULL), (5)",
    ];
    check(
        &session(&setup),
        &[
            (
                "SELECT count(*) FROM p JOIN r ON p.x IS NOT DISTINCT FROM r.x JOIN q ON p.k = q.k",
                "2",
            ),
            ("SELECT FALSE IS NOT DISTINCT FROM FALSE AND FALSE", "false"),
            ("SELECT k FROM p WHERE x IS DISTINCT FROM 5 AND k < 2 OR k = 7", "1"),
        ],
    );
}

#[test]
fn columns_of_one_name_are_not_mixed_up() {
    let setup = [
        "CREATE TABLE o (k INTEGER PRIMARY KEY, name VARCHAR)",
        "CREATE TABLE d (id INTEGER PRIMARY KEY, r INTEGER)",
        "CREATE TABLE f (id INTEGER, k INTEGER, r INTEGER)",
        "INSERT INTO o VALUES (1, 'one'), (2, 'two')",
        "INSERT INTO d VALUES (10, 1), (20, 2), (30, 99)",
        "INSERT INTO f SELECT value, (value % 3 + 1) * 10, 1000 + value FROM range(1000)",
        "SET threads = 2",
    ];
    check(
        &session(&setup),
        &[
            (
                "SELECT count(*), sum(f.r) FROM f JOIN d ON f.k = d.id JOIN o ON d.r = o.k",
                "667|1000000",
            ),
            (
                "SELECT f.r, d.r FROM f JOIN d ON f.k = d.id ORDER BY d.r DESC, f.r LIMIT 2",
                "1002|99; 1005|99",
            ),
        ],
    );
}

#[test]
fn keys_of_a_dimension_are_no_keys_of_a_join() {
    let setup = [
        "CREATE TABLE d (id INTEGER PRIMARY KEY, name VARCHAR)",
        "CREATE TABLE f (k INTEGER, x INTEGER)",
        "INSERT INTO d VALUES (1, 'a'), (2, 'b')",
        "INSERT INTO f VALUES (1, 30), (1, 10), (1, 20), (2, 5), (2, 4)",
    ];
    check(
        &session(&setup),
        &[
            (
                "SELECT d.id, f.x, count(*) FROM f JOIN d ON f.k = d.id GROUP BY d.id, f.x ORDER BY d.id, f.x",
                "1|10|1; 1|20|1; 1|30|1; 2|4|1; 2|5|1",
            ),
            (
                "SELECT id, count(*) FROM (SELECT DISTINCT d.id, f.x FROM f JOIN d ON f.k = d.id) s GROUP BY id ORDER BY id",
                "1|3; 2|2",
            ),
        ],
    );
}

#[test]
fn a_subquery_without_rows_is_null() {
    let setup = ["CREATE TABLE d (id INTEGER PRIMARY KEY)", "INSERT INTO d VALUES (1), (2)"];
    check(
        &session(&setup),
        &[
            ("SELECT (SELECT id FROM d WHERE id = 99) IS NULL", "true"),
            ("SELECT (SELECT id FROM d WHERE id = 99)", "NULL"),
            ("SELECT id FROM d WHERE coalesce((SELECT id FROM d WHERE id = 99), 1) = id", "1"),
            ("SELECT (SELECT 1 FROM d WHERE id = 99) IS NULL", "true"),
            ("SELECT (SELECT count(*) FROM d WHERE id = 99)", "0"),
            (
                "SELECT id, (SELECT max(e.id) FROM d e WHERE e.id = d.id + 1) FROM d ORDER BY 1",
                "1|2; 2|NULL",
            ),
        ],
    );
}

#[test]
fn powers_patterns_and_escapes() {
    check(
        &session(&[]),
        &[
            ("SELECT 2 ^ 3, 2 ^ 2 + 1, 2 * 3 ^ 2", "8.0|5.0|18.0"),
            (
                "SELECT 'abc' SIMILAR TO 'b', 'abc' SIMILAR TO 'a%', 'abc' SIMILAR TO '(a|b)_c'",
                "false|true|true",
            ),
            ("SELECT 'a%b' LIKE 'a!%b' ESCAPE '!', 'axb' LIKE 'a!%b' ESCAPE '!'", "true|false"),
            (
                "SELECT count(*) FROM range(3) GROUP BY (value, value + 1) HAVING count(*) > 0",
                "1; 1; 1",
            ),
            ("WITH t AS MATERIALIZED (SELECT 1 AS a) SELECT a FROM t", "1"),
            (
                "SELECT r.value FROM range(5) r SEMI JOIN range(2) s ON r.value = s.value ORDER BY 1",
                "0; 1",
            ),
            ("SELECT r.value FROM range(3) r ANTI JOIN range(2) s ON r.value = s.value", "2"),
        ],
    );
    check_failures(
        &session(&["CREATE TABLE t (a INTEGER)"]),
        &[
            ("SELECT * FROM t TABLESAMPLE (10 PERCENT)", "TABLESAMPLE is not supported"),
            ("SELECT * FROM t x JOIN t y", "a JOIN needs a condition"),
            ("SELECT INTERVAL '25 hours' > INTERVAL '1 day'", "intervals cannot be compared"),
        ],
    );
}

#[test]
fn types_meet_where_nothing_is_lost() {
    let setup = [
        "CREATE TABLE t (x DOUBLE, r REAL, at TIMESTAMP)",
        "INSERT INTO t VALUES ('NaN', 0.1, '9000-01-01'), (0.0, 'NaN', '2000-01-01'), (-0.0, 5, NULL), (2.5, 1, NULL)",
    ];
    check(
        &session(&setup),
        &[
            ("SELECT count(*) FROM t WHERE x > 1.5", "2"),
            ("SELECT count(*) FROM t WHERE x = 0.0", "2"),
            ("SELECT count(*) FROM t WHERE x IN (0.0, 7)", "2"),
            ("SELECT count(*) FROM t WHERE x BETWEEN -0.5 AND 2.5", "3"),
            ("SELECT count(*) FROM t WHERE r = 0.1", "1"),
            ("SELECT count(*) FROM t WHERE at > '2300-01-01'", "1"),
            ("SELECT count(*) FROM t WHERE at BETWEEN '1000-01-01' AND '9999-12-31 23:00:00'", "2"),
            ("SELECT DATE '1993-03-01' - INTERVAL '1' SECOND", "1993-02-28T23:59:59"),
            ("SELECT DATE '1998-12-01' - INTERVAL '90' DAY", "1998-09-02"),
            (
                "SELECT count(*) OVER (ORDER BY t) FROM (VALUES (TIME '10:00:00'), (TIME '09:00:00'), (TIME '10:00:00')) s(t) ORDER BY 1",
                "1; 3; 3",
            ),
        ],
    );
}

#[test]
fn sparse_keys_are_joined_in_little_memory() {
    let setup = [
        "CREATE TABLE d (x BIGINT NOT NULL)",
        "INSERT INTO d VALUES (1), (4567890123456789)",
        "SET memory_limit = '64MB'",
    ];
    check(&session(&setup), &[("SELECT count(*) FROM d a JOIN d b ON a.x = b.x", "2")]);
}

#[test]
fn years_beyond_the_calendar_are_not_stored() {
    check_failures(
        &session(&["CREATE TABLE t (d DATE, at TIMESTAMP)"]),
        &[
            (
                "INSERT INTO t SELECT DATE '9999-12-31' + INTERVAL '1' DAY, NULL",
                "DATE out of range",
            ),
            ("INSERT INTO t VALUES ('0000-12-31', NULL)", "out of range"),
        ],
    );
}

#[test]
fn timestamps_are_one_text_everywhere() {
    let setup = [
        "CREATE TABLE t (at TIMESTAMP, zoned TIMESTAMPTZ, note VARCHAR)",
        "INSERT INTO t SELECT TIMESTAMP '2024-01-02 03:04:05.500', TIMESTAMP '2024-01-02 03:04:05', TIMESTAMP '2024-01-02 03:04:00'",
    ];
    check(
        &session(&setup),
        &[
            (
                "SELECT CAST(at AS VARCHAR), note FROM t",
                "2024-01-02 03:04:05.5|2024-01-02 03:04:00",
            ),
            ("SELECT 'at ' || at || '!' FROM t", "at 2024-01-02 03:04:05.5!"),
            ("SELECT CAST(zoned AS VARCHAR) FROM t", "2024-01-02 03:04:05+00"),
            ("SELECT CAST(NULL AS TIMESTAMP) || 'x'", "NULL"),
            ("SELECT version()", concat!("Starfact ", env!("CARGO_PKG_VERSION"))),
        ],
    );
}

#[test]
fn totals_are_sorted_among_their_groups() {
    let setup = [
        "CREATE TABLE t (id INTEGER NOT NULL, g INTEGER)",
        "INSERT INTO t SELECT value, value % 5 FROM range(100)",
    ];
    check(
        &session(&setup),
        &[
            (
                "SELECT id IS NULL AS z, g, count(*) FROM t GROUP BY ROLLUP (id IS NULL, g) ORDER BY z NULLS FIRST, g LIMIT 3",
                "NULL|NULL|100; false|0|20; false|1|20",
            ),
            (
                "SELECT -g AS x, count(*) FROM t WHERE g = 2 GROUP BY CUBE (-g) ORDER BY x NULLS FIRST",
                "NULL|20; -2|20",
            ),
        ],
    );
}

#[test]
fn bags_count_equal_rows() {
    check(
        &session(NUMBERS),
        &[
            ("(VALUES (1), (1)) EXCEPT ALL (VALUES (1))", "1"),
            (
                "SELECT x FROM (VALUES (1), (1), (1)) s(x) INTERSECT ALL VALUES (1), (1), (2)",
                "1; 1",
            ),
            (
                "SELECT i AS a, 7 FROM n EXCEPT ALL SELECT i, 7 FROM n WHERE i < 3 ORDER BY a",
                "3|7; NULL|7",
            ),
            (
                "WITH t AS (SELECT i FROM n UNION ALL SELECT i FROM n) SELECT * FROM t EXCEPT ALL SELECT i FROM n ORDER BY 1",
                "1; 2; 3; NULL",
            ),
            (
                "SELECT count(*) FROM (SELECT i FROM n EXCEPT ALL (SELECT i FROM n INTERSECT ALL SELECT 1)) s",
                "3",
            ),
        ],
    );
}

#[test]
fn filters_keep_to_their_table() {
    let setup = [
        "CREATE TABLE d (k INTEGER, u INTEGER)",
        "CREATE TABLE f (k INTEGER, r INTEGER)",
        "INSERT INTO d VALUES (1, 5), (2, 6)",
        "INSERT INTO f VALUES (1, 1), (2, 1)",
    ];
    let session = session(&setup);
    let sql = "SELECT e.k, d.k FROM f JOIN d ON d.k = f.k AND d.u > 100 RIGHT JOIN d e ON f.r = e.k
        WHERE e.u IS NOT DISTINCT FROM 7 OR e.k >= d.k";
    check(&session, &[(sql, "")]);
    session.execute("SET starfact.encoded_filters = off").unwrap();
    check(&session, &[(sql, "")]);
    let plan = answer(&session, "EXPLAIN SELECT k FROM d WHERE u = 5 LIMIT 1");
    assert!(plan.contains("FilterExec"), "{plan}");
    session.execute("SET starfact.encoded_filters = on").unwrap();
    let plan = answer(&session, "EXPLAIN SELECT a.k FROM d a JOIN d b ON a.k = b.u WHERE a.u = 5");
    assert!(!plan.contains("FilterExec") && plan.contains("filters=[u@1 = 5]"), "{plan}");
    check(
        &session,
        &[
            ("SELECT k FROM d WHERE u = 6 LIMIT 1", "2"),
            ("SELECT k FROM d WHERE u > 5 AND 10 / (k - 1) = 10 LIMIT 5", "2"),
            (
                "SELECT date_trunc('year', DATE '9999-12-31'), date_trunc('month', DATE '0001-02-03')",
                "9999-01-01T00:00:00|0001-02-01T00:00:00",
            ),
        ],
    );
}

#[test]
fn moments_of_all_years_meet() {
    check(
        &session(&[]),
        &[
            (
                "SELECT DATE '9999-12-31' = TIMESTAMP '9999-12-31 00:00:00', coalesce(DATE '0001-01-01', TIMESTAMP '2000-01-01 00:00:00')",
                "true|0001-01-01T00:00:00",
            ),
            (
                "SELECT greatest(DATE '9999-12-31', TIMESTAMP '2000-01-01 00:00:00'), CASE WHEN 1 > 2 THEN now() ELSE DATE '9999-12-31' END",
                "9999-12-31T00:00:00|9999-12-31T00:00:00Z",
            ),
            ("SELECT '11:30'::TIME, CAST(NULL::VARCHAR AS TIME)", "11:30:00|NULL"),
            (
                "SELECT date_bin(INTERVAL '1 hour', TIMESTAMP '2024-01-01 10:30:00'), date_bin(INTERVAL '1 hour', NULL::TIMESTAMP)",
                "2024-01-01T10:00:00|NULL",
            ),
        ],
    );
    check_failures(
        &session(&[]),
        &[
            ("SELECT '11'::TIME", "\"11\" is no TIME"),
            (
                "SELECT date_bin(INTERVAL '1 day', TIMESTAMP '9999-12-31 10:00:00')",
                "date_bin takes moments of the years from 1678 to 2261",
            ),
        ],
    );
}

#[test]
fn windows_are_ordered_by_a_column_and_a_case_with_it() {
    let tables = [
        "CREATE TABLE w (x INTEGER, a INTEGER, b INTEGER, d DATE)",
        "INSERT INTO w VALUES (1, 2, 3, DATE '2024-05-01'), (1, 2, NULL, DATE '2024-07-01'),
            (1, 2, 3, DATE '2024-08-01'), (2, 2, 3, NULL)",
    ];
    let case = "CASE WHEN extract(month FROM d) < 6 THEN 'yes' WHEN b IS NULL THEN NULL
        ELSE 'no' END";
    let window = format!("PARTITION BY x ORDER BY a DESC, b ASC NULLS FIRST, {case} ASC");
    check(
        &session(&tables),
        &[
            (
                &format!("SELECT x, b, count(*) OVER ({window}) AS c FROM w ORDER BY x, c"),
                "1|NULL|1; 1|3|2; 1|3|3; 2|3|1",
            ),
            (
                &format!(
                    "SELECT x, {case} AS e, rank() OVER ({window}), sum(a) OVER (PARTITION BY x)
                        FROM w ORDER BY 1, 3"
                ),
                "1|NULL|1|6; 1|no|2|6; 1|yes|3|6; 2|no|1|2",
            ),
        ],
    );
}

#[test]
fn null_in_a_list_leaves_nothing_certain() {
    let tables = [
        "CREATE TABLE k (kind VARCHAR, n INTEGER)",
        "INSERT INTO k VALUES ('a', 1), ('b', 2), (NULL, 3)",
    ];
    check(
        &session(&tables),
        &[
            ("SELECT n FROM k WHERE kind IN ('a', 'b') AND kind NOT IN (NULL, 'b')", ""),
            ("SELECT n FROM k WHERE n IN (1, 2) AND n NOT IN (2, CAST(NULL AS INTEGER))", ""),
            ("SELECT n FROM k WHERE NOT (n NOT IN (NULL, 2) AND n IN (1, 2)) ORDER BY n", "2; 3"),
            ("SELECT n FROM k WHERE n IN (NULL, 2, 3) AND n IN (1, 2)", "2"),
            (
                "SELECT n, n IN (NULL, 2, 3) AND n IN (1, 2), n NOT IN (NULL, 2) OR n IN (1, 2)
                    FROM k ORDER BY n",
                "1|NULL|true; 2|true|true; 3|false|NULL",
            ),
            (
                "SELECT n, kind IN (NULL), kind NOT IN (NULL), n IN (1, NULL), n NOT IN (1, NULL)
                    FROM k ORDER BY n",
                "1|NULL|NULL|true|false; 2|NULL|NULL|NULL|NULL; 3|NULL|NULL|NULL|NULL",
            ),
            (
                "SELECT kind IN ('a', NULL), count(*) FROM k GROUP BY kind IN ('a', NULL)
                    ORDER BY 2",
                "true|1; NULL|2",
            ),
        ],
    );
}

#[test]
fn aggregates_that_differ_in_a_cast_alone_are_two() {
    check(
        &session(NUMBERS),
        &[
            (
                "SELECT sum(i) a, sum(CAST(i AS DOUBLE)) b, avg(i::DECIMAL(9, 2)) FROM n",
                "6|6.0|2.000000",
            ),
            (
                "SELECT CAST(i AS VARCHAR) x, count(i) a, count(CAST(i AS VARCHAR)) b FROM n
                    WHERE i < 3 GROUP BY CAST(i AS VARCHAR) ORDER BY 1",
                "1|1|1; 2|1|1",
            ),
        ],
    );
}

#[test]
fn columns_of_rows_that_are_filtered_one_by_one_keep_their_places() {
    let session = session(&[
        r#"CREATE TABLE t (day DATE, n INTEGER, "Group" SMALLINT, price DECIMAL(18, 3), k INTEGER, "Group_" DOUBLE)"#,
        "INSERT INTO t VALUES ('2001-02-03', 5, 1, 0.126, 7, 1.5), (NULL, 6, 2, 3.5, 8, NULL), (NULL, 0, 3, 1, 9, 2)",
    ]);
    let query = r#"SELECT day, n, CASE WHEN price = 0.126 THEN 'yes' WHEN "Group_" IS NULL THEN NULL ELSE 'no' END AS c
                   FROM t WHERE n > 1.5 ORDER BY c, n, day LIMIT 3"#;
    let expected = answer(&session, query);
    run(&session, &["SET starfact.encoded_filters = off", "SET threads = 1"]);
    assert_eq!(answer(&session, query), expected);
}
