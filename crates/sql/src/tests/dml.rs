//! DELETE, UPDATE and TRUNCATE: which rows they change, and what they refuse.

use super::{answer, check, check_failures, run, session};
use crate::{Outcome, Session};

mod inserts;
mod references;
mod returning;

const TABLES: &[&str] = &[
    "CREATE TABLE t (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, a INTEGER,
        d DATE DEFAULT '2024-01-01', CHECK (a < 1000))",
    "CREATE TABLE u (id INTEGER, b INTEGER)",
    "INSERT INTO t VALUES (1, 'one', 10, '2020-01-01'), (2, 'two', 20, NULL),
        (3, 'three', NULL, '2020-03-03'), (4, 'four', 40, '2020-04-04'), (5, 'five', 50, NULL)",
    "INSERT INTO u VALUES (1, 100), (2, 200), (2, 201), (9, 900), (NULL, 0)",
];

/// How many rows a statement says it has changed.
pub(super) fn count(session: &Session, sql: &str) -> String {
    match session.execute(sql) {
        Ok(Outcome::Count { verb, rows }) => format!("{verb} {rows}"),
        Ok(other) => panic!("{sql}\n{other:?}"),
        Err(error) => panic!("{sql}\n{error}"),
    }
}

fn ids(session: &Session) -> String {
    answer(session, "SELECT string_agg(id, ' ' ORDER BY id) FROM t")
}

#[test]
fn delete_takes_the_rows_of_its_condition_and_no_others() {
    for (sql, rows, left) in [
        ("DELETE FROM t WHERE id = 2", 1, "1 3 4 5"),
        ("DELETE FROM t WHERE t.id = 2", 1, "1 3 4 5"),
        ("DELETE FROM t WHERE main.t.id = 2", 1, "1 3 4 5"),
        ("DELETE FROM main.t WHERE T.ID = 2", 1, "1 3 4 5"),
        ("DELETE FROM t AS x WHERE x.id = 2 OR a = 10", 2, "3 4 5"),
        ("DELETE FROM t x WHERE x.a > 15 AND x.name LIKE 'f%'", 2, "1 2 3"),
        ("DELETE FROM t WHERE a IS NULL", 1, "1 2 4 5"),
        ("DELETE FROM t WHERE a <> 10", 3, "1 3"),
        ("DELETE FROM t WHERE d < '2020-02-01'", 1, "2 3 4 5"),
        ("DELETE FROM t WHERE upper(name) = 'FIVE'", 1, "1 2 3 4"),
        ("DELETE FROM t WHERE true", 5, "NULL"),
        ("DELETE FROM t", 5, "NULL"),
        // What must never mean all rows.
        ("DELETE FROM t WHERE false", 0, "1 2 3 4 5"),
        ("DELETE FROM t WHERE NULL", 0, "1 2 3 4 5"),
        ("DELETE FROM t WHERE a = NULL", 0, "1 2 3 4 5"),
        ("DELETE FROM t WHERE 1 = 2 AND id > 0", 0, "1 2 3 4 5"),
        ("DELETE FROM t WHERE id > 5", 0, "1 2 3 4 5"),
        ("DELETE FROM t WHERE id IN (SELECT id FROM u)", 2, "3 4 5"),
        ("DELETE FROM t WHERE id IN (SELECT id FROM u WHERE false)", 0, "1 2 3 4 5"),
        ("DELETE FROM t WHERE id NOT IN (SELECT id FROM u)", 0, "1 2 3 4 5"),
        ("DELETE FROM t WHERE id NOT IN (SELECT id FROM u WHERE id > 0)", 3, "1 2"),
        ("DELETE FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.id = t.id)", 2, "3 4 5"),
        ("DELETE FROM t WHERE NOT EXISTS (SELECT 1 FROM u WHERE u.id = t.id)", 3, "1 2"),
        ("DELETE FROM t WHERE EXISTS (SELECT 1 FROM u WHERE b > 1000)", 0, "1 2 3 4 5"),
        ("DELETE FROM t WHERE a = (SELECT min(a) FROM t)", 1, "2 3 4 5"),
        ("DELETE FROM t WHERE a > (SELECT avg(a) FROM t)", 2, "1 2 3"),
        ("DELETE FROM t WHERE id = (SELECT max(id) FROM u WHERE u.id = t.id)", 2, "3 4 5"),
        ("DELETE FROM t WHERE (SELECT count(*) FROM u WHERE u.id = t.id) > 1", 1, "1 3 4 5"),
        ("DELETE FROM t WHERE a < ALL (SELECT b FROM u WHERE b > 40)", 4, "3"),
        ("DELETE FROM t WHERE (id, a) IN (SELECT id, b / 10 FROM u)", 2, "3 4 5"),
        ("DELETE FROM t WHERE id IN (SELECT id FROM t ORDER BY a DESC LIMIT 2)", 2, "1 2 3"),
        ("DELETE FROM t o WHERE EXISTS (SELECT 1 FROM t i WHERE i.a > o.a)", 3, "3 5"),
        ("WITH x AS (SELECT 4 AS k) DELETE FROM t WHERE id IN (SELECT k FROM x)", 1, "1 2 3 5"),
        ("WITH x AS (SELECT 4 AS k) DELETE FROM t USING x WHERE id = k", 1, "1 2 3 5"),
    ] {
        let session = session(TABLES);
        assert_eq!(count(&session, sql), format!("DELETE {rows}"), "{sql}");
        assert_eq!(ids(&session), left, "{sql}");
        run(&session, &["CHECK TABLE t"]);
    }
}

#[test]
fn a_condition_that_cannot_be_pushed_down_does_not_delete_every_row() {
    // The query engine's own DELETE takes such a condition for none.
    for (condition, rows) in [
        ("id IN (SELECT id FROM u)", 2),
        ("id IN (SELECT id FROM u WHERE b > 1000)", 0),
        ("EXISTS (SELECT 1 FROM u WHERE u.id = t.id)", 2),
        ("a > (SELECT max(a) FROM t)", 0),
        ("false", 0),
        ("NULL", 0),
    ] {
        let session = session(TABLES);
        for (sql, verb) in [("UPDATE t SET a = 7", "UPDATE"), ("DELETE FROM t", "DELETE")] {
            let sql = format!("{sql} WHERE {condition}");
            assert_eq!(count(&session, &sql), format!("{verb} {rows}"), "{sql}");
        }
        check(&session, &[("SELECT count(*) FROM t", &(5 - rows).to_string())]);
    }
}

#[test]
fn sort_columns_and_defaults_are_updated() {
    let session = session(&[
        "CREATE TABLE s (a INTEGER, b VARCHAR DEFAULT 'none', c DECIMAL(6,2) DEFAULT 1.5 + 1)
            SORTED BY (a, b)",
        "INSERT INTO s SELECT value, 'b' || value % 3, value FROM range(2000)",
        "UPDATE s SET a = 1999 - a",
        "UPDATE s SET b = DEFAULT, c = DEFAULT WHERE a < 10",
        "UPDATE s SET a = NULL WHERE a = 20",
        "CHECK TABLE s",
    ]);
    check(
        &session,
        &[
            ("SELECT count(*), sum(a), min(a), max(a) FROM s", "2000|1998980|0|1999"),
            ("SELECT a, b, c FROM s WHERE a IN (9, 10) ORDER BY a", "9|none|2.50; 10|b0|1989.00"),
            ("SELECT a, b, c FROM s WHERE a IS NULL", "NULL|b2|1979.00"),
            ("SELECT count(*) FROM s WHERE a BETWEEN 15 AND 25", "10"),
        ],
    );
}

#[test]
fn delete_using_joins_other_tables() {
    for (sql, rows, left) in [
        ("DELETE FROM t USING u WHERE t.id = u.id", 2, "3 4 5"),
        ("DELETE FROM t AS x USING u AS y WHERE x.id = y.id AND y.b > 150", 1, "1 3 4 5"),
        ("DELETE FROM t USING u WHERE u.b = 900", 5, "NULL"),
        ("DELETE FROM t USING u WHERE u.b = 901", 0, "1 2 3 4 5"),
        ("DELETE FROM t USING u, u AS v WHERE t.id = u.id AND u.id + 1 = v.id", 1, "2 3 4 5"),
        ("DELETE FROM t USING u JOIN u AS v USING (id) WHERE t.id = v.id", 2, "3 4 5"),
        ("DELETE FROM t USING (SELECT id FROM u WHERE b = 100) x WHERE x.id = t.id", 1, "2 3 4 5"),
        ("DELETE FROM t USING (VALUES (3), (5)) AS v(k) WHERE t.id = v.k", 2, "1 2 4"),
        ("DELETE FROM t USING t AS other WHERE t.a < other.a", 3, "3 5"),
        ("DELETE FROM t USING u", 5, "NULL"),
        ("DELETE FROM t USING (SELECT * FROM u WHERE false) x", 0, "1 2 3 4 5"),
    ] {
        let session = session(TABLES);
        assert_eq!(count(&session, sql), format!("DELETE {rows}"), "{sql}");
        assert_eq!(ids(&session), left, "{sql}");
    }
}

#[test]
fn update_sets_columns_of_the_rows_of_its_condition() {
    let before = "1|10; 2|20; 3|NULL; 4|40; 5|50";
    for (sql, rows, after) in [
        ("UPDATE t SET a = 7 WHERE id = 2", 1, "1|10; 2|7; 3|NULL; 4|40; 5|50"),
        ("UPDATE t SET a = a + 1", 5, "1|11; 2|21; 3|NULL; 4|41; 5|51"),
        ("UPDATE t SET a = id, id = id + 10", 5, "11|1; 12|2; 13|3; 14|4; 15|5"),
        ("UPDATE t SET id = id + 1", 5, "2|10; 3|20; 4|NULL; 5|40; 6|50"),
        ("UPDATE t SET id = 6 - id", 5, "1|50; 2|40; 3|NULL; 4|20; 5|10"),
        ("UPDATE t SET a = DEFAULT WHERE id = 1", 1, "1|NULL; 2|20; 3|NULL; 4|40; 5|50"),
        ("UPDATE t AS x SET a = x.a * 2 WHERE x.id > 3", 2, "1|10; 2|20; 3|NULL; 4|80; 5|100"),
        ("UPDATE t SET t.a = 1 WHERE main.t.id = 1", 1, "1|1; 2|20; 3|NULL; 4|40; 5|50"),
        ("UPDATE t SET (a, name) = (5, 'x') WHERE id = 3", 1, "1|10; 2|20; 3|5; 4|40; 5|50"),
        ("UPDATE t SET (a) = (5) WHERE id = 3", 1, "1|10; 2|20; 3|5; 4|40; 5|50"),
        ("UPDATE t SET (a, d) = ROW(5, NULL) WHERE id = 3", 1, "1|10; 2|20; 3|5; 4|40; 5|50"),
        (
            "UPDATE t SET (a, name) = (SELECT max(b), 'x' FROM u WHERE u.id = t.id) WHERE id < 3",
            2,
            "1|100; 2|201; 3|NULL; 4|40; 5|50",
        ),
        ("UPDATE t SET a = '12' WHERE id = 1", 1, "1|12; 2|20; 3|NULL; 4|40; 5|50"),
        ("UPDATE t SET a = 1.5 WHERE id = 1", 1, "1|2; 2|20; 3|NULL; 4|40; 5|50"),
        (
            "UPDATE t SET a = (SELECT sum(b) FROM u WHERE u.id = t.id) WHERE id < 4",
            3,
            "1|100; 2|401; 3|NULL; 4|40; 5|50",
        ),
        (
            "UPDATE t SET a = (SELECT max(a) FROM t) WHERE id = 1",
            1,
            "1|50; 2|20; 3|NULL; 4|40; 5|50",
        ),
        ("UPDATE t SET a = CASE WHEN a > 20 THEN 0 ELSE a END", 5, "1|10; 2|20; 3|NULL; 4|0; 5|0"),
        (
            "UPDATE t SET a = u.b FROM u WHERE u.id = t.id AND u.b <> 201",
            2,
            "1|100; 2|200; 3|NULL; 4|40; 5|50",
        ),
        (
            "UPDATE t SET a = y.b FROM u AS y JOIN u AS z USING (id) WHERE y.id = t.id AND y.id = 1",
            1,
            "1|100; 2|20; 3|NULL; 4|40; 5|50",
        ),
        (
            "UPDATE t SET a = s FROM (SELECT id, sum(b) AS s FROM u GROUP BY id) x WHERE x.id = t.id",
            2,
            "1|100; 2|401; 3|NULL; 4|40; 5|50",
        ),
        (
            "WITH x AS (SELECT 3 AS k) UPDATE t SET a = k FROM x WHERE id = k",
            1,
            "1|10; 2|20; 3|3; 4|40; 5|50",
        ),
        (
            "UPDATE t SET a = 0 WHERE a > 20 AND id IN (SELECT id FROM t WHERE name LIKE 'f%')",
            2,
            "1|10; 2|20; 3|NULL; 4|0; 5|0",
        ),
        // What must never mean all rows.
        ("UPDATE t SET a = 0 WHERE false", 0, before),
        ("UPDATE t SET a = 0 WHERE NULL", 0, before),
        ("UPDATE t SET a = 0 WHERE id IN (SELECT id FROM u WHERE b < 0)", 0, before),
        ("UPDATE t SET a = 0 WHERE EXISTS (SELECT 1 FROM u WHERE b < 0)", 0, before),
        ("UPDATE t SET a = 0 FROM u WHERE u.id = t.id AND u.b < 0", 0, before),
        ("UPDATE t SET a = 1 / 0 WHERE id = 99", 0, before),
    ] {
        let session = session(TABLES);
        assert_eq!(count(&session, sql), format!("UPDATE {rows}"), "{sql}");
        assert_eq!(answer(&session, "SELECT id, a FROM t ORDER BY id"), after, "{sql}");
        run(&session, &["CHECK TABLE t"]);
    }
}

#[test]
fn an_update_that_finds_a_row_several_times_takes_one_of_its_values() {
    let session = session(TABLES);
    assert_eq!(count(&session, "UPDATE t SET a = b FROM u WHERE u.id = t.id"), "UPDATE 2");
    let found = answer(&session, "SELECT a FROM t WHERE id = 2");
    assert!(["200", "201"].contains(&found.as_str()), "{found}");
    check(&session, &[("SELECT count(*), count(DISTINCT id) FROM t", "5|5")]);
}

#[test]
fn a_change_that_fails_changes_nothing() {
    let session = session(TABLES);
    let before = answer(&session, "SELECT * FROM t ORDER BY id");
    check_failures(
        &session,
        &[
            ("UPDATE t SET id = 1", "key (id) = (1)"),
            ("UPDATE t SET id = 2 WHERE id = 1", "key (id) = (2)"),
            ("UPDATE t SET id = NULL WHERE id = 1", "\"id\" is NULL"),
            ("UPDATE t SET name = NULL", "\"name\" is NULL"),
            (
                "UPDATE t SET a = 1000 WHERE id = 4",
                "CHECK (a < 1000) fails for a changed row: a = 1000",
            ),
            ("UPDATE t SET a = 3000000000", "column \"a\": INTEGER out of range"),
            ("UPDATE t SET d = '2020-13-01'", "column \"d\": cannot cast '2020-13-01' to DATE"),
            ("UPDATE t SET d = 5", "column \"d\" is DATE, and the value is BIGINT"),
            ("UPDATE t SET a = 1 / (id - 3)", "division by zero"),
            ("UPDATE t SET b = 1", "table \"t\" has no column \"b\""),
            ("UPDATE t SET x.a = 1", "x.a is no column of table \"t\""),
            ("UPDATE t SET a = 1, A = 2", "\"a\" is given twice"),
            ("UPDATE t SET (a, d) = (1, NULL, 3)", "SET gives 2 columns 3 values"),
            ("UPDATE t SET (a, d) = 1", "is not a row of 2 values"),
            ("UPDATE t SET a = (SELECT b FROM u)", "returned more than one row"),
            ("UPDATE t SET a = sum(a)", "aggregate"),
            ("UPDATE t SET a = 1 WHERE nme = 'x'", "there is no column \"nme\""),
            ("UPDATE t SET a = 1 WHERE u.id = 1", "there is no column \"u.id\""),
            ("UPDATE t AS x SET a = 1 WHERE t.id = 1", "there is no column \"t.id\""),
            ("UPDATE tt SET a = 1", "there is no table \"tt\""),
            ("UPDATE t, u SET a = 1", "syntax error"),
            ("UPDATE t JOIN u ON true SET a = 1", "UPDATE changes one table"),
            ("UPDATE t SET a = 1 LIMIT 1", "UPDATE with LIMIT is not supported"),
            ("UPDATE sys.columns SET a = 1", "sys.columns is a view"),
            ("UPDATE (SELECT * FROM t) x SET a = 1", "UPDATE takes the name of a table"),
            ("UPDATE t AS x(i, j) SET a = 1", "cannot give the columns other names"),
            ("DELETE FROM t WHERE nme = 'x'", "there is no column \"nme\""),
            ("DELETE FROM tt", "there is no table \"tt\""),
            ("DELETE FROM t WHERE id", "WHERE takes a condition"),
            ("DELETE FROM t WHERE id = 1 LIMIT 1", "DELETE with LIMIT is not supported"),
            ("DELETE FROM t ORDER BY id", "DELETE with ORDER BY is not supported"),
            ("DELETE FROM t USING t WHERE true", "two tables of FROM are called \"t\""),
            ("DELETE FROM t WHERE 1 / (id - 3) = 0", "division by zero"),
            ("DELETE FROM information_schema.tables", "is a view"),
            ("WITH x AS (DELETE FROM t RETURNING *) SELECT * FROM x", "not"),
            ("EXPLAIN DELETE FROM t", "EXPLAIN takes a query"),
        ],
    );
    check(&session, &[("SELECT * FROM t ORDER BY id", &before)]);
    let hint = super::failure(&session, "DELETE FROM t WHERE nme = 'x'").hint.unwrap();
    assert_eq!(hint, "did you mean \"name\"?");
    let hint = super::failure(&session, "DELETE FROM t WHERE zzz = 'x'").hint.unwrap();
    assert_eq!(hint, "columns: id, name, a, d");
}

#[test]
fn the_row_id_is_seen_by_nobody() {
    let session = session(&["CREATE TABLE r (\"row id\" INTEGER, a INTEGER)"]);
    run(&session, &["INSERT INTO r VALUES (7, 1), (8, 2)"]);
    run(&session, &["UPDATE r SET \"row id\" = 9 WHERE \"row id\" = 7"]);
    check(&session, &[("SELECT * FROM r ORDER BY a", "9|1; 8|2")]);
    check(&session, &[("DELETE FROM r WHERE \"row id\" = 8 RETURNING *", "8|2")]);
    check(&session, &[("UPDATE r SET a = 5 RETURNING r.*, a + 1", "9|5|6")]);
    run(&session, &["CREATE TABLE s (a INTEGER)", "INSERT INTO s VALUES (1)"]);
    check(&session, &[("DELETE FROM s USING r RETURNING *", "1|9|5")]);
}

#[test]
fn names_are_found_whatever_their_case() {
    let session = session(&[
        "CREATE TABLE \"Mixed\" (\"Id\" INTEGER PRIMARY KEY, \"someName\" VARCHAR)",
        "INSERT INTO mixed VALUES (1, 'a'), (2, 'b')",
        "CREATE TABLE city (city VARCHAR, id INTEGER)",
        "INSERT INTO city VALUES ('Oslo', 1), ('Rome', 2)",
    ]);
    assert_eq!(count(&session, "UPDATE mixed SET somename = 'c' WHERE mixed.id = 1"), "UPDATE 1");
    assert_eq!(count(&session, "DELETE FROM \"Mixed\" WHERE SomeName = 'b'"), "DELETE 1");
    check(&session, &[("SELECT * FROM mixed", "1|c")]);
    // A table and its column of one name.
    assert_eq!(
        count(&session, "DELETE FROM city WHERE city.id = 1 AND city.city = 'Oslo'"),
        "DELETE 1"
    );
    let sql = "DELETE FROM city WHERE EXISTS (SELECT 1 FROM mixed WHERE length(mixed.somename) + 1 = city.id)";
    assert_eq!(count(&session, sql), "DELETE 1");
}

#[test]
fn rows_that_are_found_by_every_kind_of_filter_are_changed() {
    // Several blocks and segments; filters on encoded columns, on decoded rows, and both.
    let session = session(&[
        "CREATE TABLE big AS SELECT value AS id, value % 100 AS k, 'text ' || value % 7 AS s
            FROM range(150000)",
        "INSERT INTO big SELECT value, value % 100, 'more' FROM range(150000, 150010)",
    ]);
    assert_eq!(count(&session, "DELETE FROM big WHERE k = 5"), "DELETE 1501");
    assert_eq!(count(&session, "DELETE FROM big WHERE id % 100 = 6"), "DELETE 1501");
    assert_eq!(count(&session, "DELETE FROM big WHERE s = 'text 3' AND id < 700"), "DELETE 98");
    assert_eq!(count(&session, "UPDATE big SET s = 'new' WHERE id >= 149990"), "UPDATE 18");
    check(
        &session,
        &[
            ("SELECT count(*) FROM big", "146910"),
            ("SELECT count(*) FROM big WHERE k IN (5, 6)", "0"),
            ("SELECT count(*), min(id), max(id) FROM big WHERE s = 'new'", "18|149990|150009"),
            ("SELECT count(*) FROM big WHERE s = 'text 3' AND id < 700", "0"),
        ],
    );
    // More rows than are handed over at a time.
    assert_eq!(count(&session, "UPDATE big SET k = k + 1 WHERE id < 140000"), "UPDATE 137102");
    check(&session, &[("SELECT sum(k - id % 100) FROM big", "137102")]);
    run(&session, &["CHECK TABLE big"]);
    assert_eq!(count(&session, "DELETE FROM big WHERE id >= 0"), "DELETE 146910");
    check(&session, &[("SELECT count(*) FROM big", "0")]);
}

#[test]
fn shortcuts_of_the_scan_make_no_difference_to_what_is_changed() {
    for setting in ["zone_maps", "encoded_filters", "bitmaps"] {
        let session = session(TABLES);
        run(&session, &[&format!("SET {setting} = off")]);
        assert_eq!(count(&session, "DELETE FROM t WHERE a > 15 AND id < 5"), "DELETE 2");
        assert_eq!(count(&session, "UPDATE t SET a = 1 WHERE a + id > 50"), "UPDATE 1");
        check(&session, &[("SELECT id, a FROM t ORDER BY id", "1|10; 3|NULL; 5|1")]);
    }
}

#[test]
fn truncate_takes_all_rows_and_leaves_the_table() {
    let session = session(TABLES);
    assert_eq!(count(&session, "TRUNCATE TABLE t"), "TRUNCATE 5");
    assert_eq!(count(&session, "TRUNCATE t, u"), "TRUNCATE 5");
    assert_eq!(count(&session, "TRUNCATE IF EXISTS nothing, u"), "TRUNCATE 0");
    run(&session, &["INSERT INTO t VALUES (1, 'one', 10, NULL)"]);
    check(&session, &[("SELECT id, name FROM t", "1|one"), ("SELECT count(*) FROM u", "0")]);
    check_failures(
        &session,
        &[
            ("TRUNCATE nothing", "there is no table \"nothing\""),
            ("TRUNCATE t CASCADE", "TRUNCATE … CASCADE is not supported"),
            ("TRUNCATE sys.columns", "is a view"),
        ],
    );
}

#[test]
fn references_hold_after_every_change() {
    let session = session(&[
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, code VARCHAR UNIQUE)",
        "CREATE TABLE child (id INTEGER PRIMARY KEY, p INTEGER REFERENCES parent,
            c VARCHAR REFERENCES parent (code))",
        "INSERT INTO parent VALUES (1, 'a'), (2, 'b'), (3, NULL)",
        "INSERT INTO child VALUES (1, 1, 'b'), (2, NULL, NULL)",
    ]);
    check_failures(
        &session,
        &[
            ("DELETE FROM parent WHERE id = 1", "(p)"),
            ("DELETE FROM parent WHERE id = 2", "(c)"),
            ("TRUNCATE parent", "child"),
            ("UPDATE parent SET id = 7 WHERE id = 1", "(p)"),
            ("UPDATE parent SET code = 'z' WHERE code = 'b'", "(c)"),
            ("UPDATE child SET p = 9 WHERE id = 1", "(p) = (9)"),
        ],
    );
    run(
        &session,
        &[
            "DELETE FROM parent WHERE id = 3",
            "UPDATE parent SET code = 'y' WHERE id = 1",
            "UPDATE child SET p = 2 WHERE id = 1",
            "DELETE FROM parent WHERE id = 1",
            "UPDATE child SET p = 2, c = NULL WHERE id = 2",
        ],
    );
    check(
        &session,
        &[
            ("SELECT * FROM child ORDER BY id", "1|2|b; 2|2|NULL"),
            (
                "SELECT child.id, code FROM child JOIN parent ON p = parent.id ORDER BY 1",
                "1|b; 2|b",
            ),
        ],
    );
    run(&session, &["CHECK TABLE parent, child"]);
}
