//! INSERT … ON CONFLICT.

use super::dml::count;
use super::{answer, check, check_failures, failure, run, session};

const TABLES: &[&str] = &[
    "CREATE TABLE t (id INTEGER PRIMARY KEY, code VARCHAR UNIQUE, n INTEGER DEFAULT 1,
        CHECK (n < 100))",
    "INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20), (3, NULL, 30)",
];

const BEFORE: &str = "1|a|10; 2|b|20; 3|NULL|30";

fn rows(session: &crate::Session) -> String {
    answer(session, "SELECT * FROM t ORDER BY id")
}

#[test]
fn do_nothing_leaves_out_rows_whose_key_is_there() {
    for (sql, rows_inserted, after) in [
        (
            "VALUES (1, 'x', 5), (4, 'd', 5) ON CONFLICT DO NOTHING",
            1,
            "1|a|10; 2|b|20; 3|NULL|30; 4|d|5",
        ),
        ("VALUES (1, 'x', 5) ON CONFLICT (id) DO NOTHING", 0, BEFORE),
        ("VALUES (4, 'a', 5) ON CONFLICT (code) DO NOTHING", 0, BEFORE),
        ("VALUES (4, 'a', 5) ON CONFLICT DO NOTHING", 0, BEFORE),
        ("VALUES (4, NULL, 5) ON CONFLICT DO NOTHING", 1, "1|a|10; 2|b|20; 3|NULL|30; 4|NULL|5"),
        ("VALUES (1, 'x', 5) ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING", 0, BEFORE),
        ("VALUES (4, 'a', 5) ON CONFLICT ON CONSTRAINT t_code_key DO NOTHING", 0, BEFORE),
        // The first of several rows with a key is kept.
        (
            "VALUES (4, 'd', 5), (4, 'e', 6), (5, 'd', 7) ON CONFLICT DO NOTHING",
            1,
            "1|a|10; 2|b|20; 3|NULL|30; 4|d|5",
        ),
        // A row that is left out takes no key from others.
        (
            "VALUES (1, 'd', 5), (4, 'd', 6) ON CONFLICT DO NOTHING",
            1,
            "1|a|10; 2|b|20; 3|NULL|30; 4|d|6",
        ),
        (
            "SELECT id + 2, NULL, n FROM t ON CONFLICT DO NOTHING",
            2,
            "1|a|10; 2|b|20; 3|NULL|30; 4|NULL|20; 5|NULL|30",
        ),
        ("SELECT 1, 'x', 1 WHERE false ON CONFLICT DO NOTHING", 0, BEFORE),
    ] {
        let session = session(TABLES);
        let sql = format!("INSERT INTO t {sql}");
        assert_eq!(count(&session, &sql), format!("INSERT {rows_inserted}"), "{sql}");
        assert_eq!(rows(&session), after, "{sql}");
        run(&session, &["CHECK TABLE t"]);
    }
}

#[test]
fn do_update_sets_columns_of_the_row_that_is_there() {
    for (sql, changed, after) in [
        (
            "VALUES (1, 'x', 5), (4, 'd', 6) ON CONFLICT (id) DO UPDATE SET n = excluded.n",
            2,
            "1|a|5; 2|b|20; 3|NULL|30; 4|d|6",
        ),
        (
            "VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = t.n + EXCLUDED.n, code = 'z'",
            1,
            "1|z|15; 2|b|20; 3|NULL|30",
        ),
        (
            "VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = n + 1",
            1,
            "1|a|11; 2|b|20; 3|NULL|30",
        ),
        (
            "VALUES (9, 'b', 5) ON CONFLICT (code) DO UPDATE SET id = excluded.id",
            1,
            "1|a|10; 3|NULL|30; 9|b|20",
        ),
        (
            "VALUES (1, 'x', 5), (2, 'y', 6) ON CONFLICT (id)
            DO UPDATE SET n = excluded.n WHERE t.n < 15",
            1,
            "1|a|5; 2|b|20; 3|NULL|30",
        ),
        ("VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = 0 WHERE NULL", 0, BEFORE),
        (
            "VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = 0 WHERE excluded.code IS NULL",
            0,
            BEFORE,
        ),
        (
            "VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = DEFAULT, code = NULL",
            1,
            "1|NULL|1; 2|b|20; 3|NULL|30",
        ),
        (
            "VALUES (1, 'x', 5) ON CONFLICT (id)
            DO UPDATE SET (code, n) = (upper(excluded.code) || t.code, 7)",
            1,
            "1|Xa|7; 2|b|20; 3|NULL|30",
        ),
        (
            "VALUES (1, 'x', 5) ON CONFLICT ON CONSTRAINT T_PKEY DO UPDATE SET n = '8'",
            1,
            "1|a|8; 2|b|20; 3|NULL|30",
        ),
        (
            "SELECT id, 'q' || id, n + 1 FROM t ON CONFLICT (id)
            DO UPDATE SET n = excluded.n, code = excluded.code",
            3,
            "1|q1|11; 2|q2|21; 3|q3|31",
        ),
        (
            "(n, id) VALUES (7, 2) ON CONFLICT (id) DO UPDATE SET n = excluded.n, code = excluded.code",
            1,
            "1|a|10; 2|NULL|7; 3|NULL|30",
        ),
        // WHERE lets a row be met twice as long as it is changed once.
        (
            "VALUES (1, 'x', 5), (1, 'y', 50) ON CONFLICT (id)
            DO UPDATE SET n = excluded.n WHERE excluded.n > 9",
            1,
            "1|a|50; 2|b|20; 3|NULL|30",
        ),
    ] {
        let session = session(TABLES);
        let sql = format!("INSERT INTO t {sql}");
        assert_eq!(count(&session, &sql), format!("INSERT {changed}"), "{sql}");
        assert_eq!(rows(&session), after, "{sql}");
        run(&session, &["CHECK TABLE t"]);
    }
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let session = session(TABLES);
    run(
        &session,
        &["CREATE TABLE keyless (a INTEGER)", "CREATE TABLE one (a INTEGER UNIQUE, b INTEGER)"],
    );
    let twice = "changes a row a second time";
    check_failures(
        &session,
        &[
            (
                "INSERT INTO t VALUES (1, 'x', 5), (1, 'y', 6) ON CONFLICT (id) DO UPDATE SET n = 0",
                twice,
            ),
            (
                "INSERT INTO t VALUES (4, 'x', 5), (4, 'y', 6) ON CONFLICT (id) DO UPDATE SET n = 0",
                twice,
            ),
            (
                "INSERT INTO t VALUES (1, 'b', 5) ON CONFLICT (id) DO UPDATE SET code = excluded.code",
                "key (code) = ('b')",
            ),
            ("INSERT INTO t VALUES (4, 'a', 5) ON CONFLICT (id) DO NOTHING", "key (code) = ('a')"),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = 100",
                "CHECK (n < 100) fails for a changed row",
            ),
            (
                "INSERT INTO t VALUES (1, 'x', 500) ON CONFLICT (id) DO NOTHING",
                "CHECK (n < 100) fails in row 1",
            ),
            ("INSERT INTO t VALUES (NULL, 'x', 5) ON CONFLICT DO NOTHING", "\"id\" is NULL"),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (n) DO NOTHING",
                "table \"t\" has no key (n)",
            ),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id, code) DO NOTHING",
                "table \"t\" has no key (id, code)",
            ),
            ("INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (x) DO NOTHING", "no column \"x\""),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT ON CONSTRAINT zzz DO NOTHING",
                "no key called \"zzz\"",
            ),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT DO UPDATE SET n = 1",
                "has to name the key",
            ),
            ("INSERT INTO keyless VALUES (1) ON CONFLICT (a) DO NOTHING", "has no key (a)"),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET m = 1",
                "no column \"m\"",
            ),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = m",
                "there is no column \"m\"",
            ),
            ("INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = u.n", "u"),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = 1 WHERE n",
                "WHERE takes a condition",
            ),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = (SELECT 1)",
                "ON CONFLICT DO UPDATE cannot contain queries",
            ),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = sum(t.n)",
                "ON CONFLICT DO UPDATE cannot contain aggregate",
            ),
            (
                "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = 1 / 0",
                "division by zero",
            ),
            (
                "INSERT INTO t AS excluded VALUES (1, 'x', 5) ON CONFLICT (id) DO UPDATE SET n = 1",
                "cannot be called excluded",
            ),
            ("INSERT INTO t VALUES (1, 'x', 5) ON DUPLICATE KEY UPDATE n = 1", "not supported"),
            ("INSERT OR REPLACE INTO t VALUES (1, 'x', 5)", "INSERT OR … is not supported"),
        ],
    );
    assert_eq!(rows(&session), BEFORE);
    let hint =
        failure(&session, "INSERT INTO t VALUES (1, 'x', 5) ON CONFLICT (n) DO NOTHING").hint;
    assert_eq!(hint.as_deref(), Some("keys: (id) called t_pkey; (code) called t_code_key"));
    run(
        &session,
        &[
            "INSERT INTO keyless VALUES (1), (1) ON CONFLICT DO NOTHING",
            "INSERT INTO one VALUES (1, 1), (NULL, 2), (NULL, 3) ON CONFLICT DO NOTHING",
            "INSERT INTO one VALUES (1, 5), (NULL, 4) ON CONFLICT DO UPDATE SET b = excluded.b",
        ],
    );
    check(
        &session,
        &[
            ("SELECT count(*) FROM keyless", "2"),
            ("SELECT * FROM one ORDER BY b", "NULL|2; NULL|3; NULL|4; 1|5"),
        ],
    );
}

#[test]
fn returning_gives_the_rows_that_were_inserted_or_updated() {
    for (sql, returned) in [
        (
            "VALUES (4, 'd', 6), (1, 'x', 5), (5, 'e', 7) ON CONFLICT (id)
            DO UPDATE SET n = excluded.n RETURNING id, code, n",
            "4|d|6; 1|a|5; 5|e|7",
        ),
        ("VALUES (1, 'x', 5), (4, 'd', 6) ON CONFLICT DO NOTHING RETURNING *", "4|d|6"),
        (
            "VALUES (1, 'x', 5), (2, 'x', 6) ON CONFLICT (id)
            DO UPDATE SET n = excluded.n WHERE t.id = 2 RETURNING t.n",
            "6",
        ),
    ] {
        let session = session(TABLES);
        let sql = format!("INSERT INTO t {sql}");
        assert_eq!(answer(&session, &sql), returned, "{sql}");
    }
}

#[test]
fn names_and_aliases_are_found_whatever_their_case() {
    let session = session(&[
        "CREATE TABLE \"M\" (\"Key\" INTEGER PRIMARY KEY, \"theValue\" INTEGER)",
        "INSERT INTO m VALUES (1, 10)",
        "INSERT INTO m AS x VALUES (1, 5) ON CONFLICT (key)
            DO UPDATE SET thevalue = X.theValue + Excluded.THEVALUE",
        "INSERT INTO m VALUES (1, 5), (2, 7) ON CONFLICT (\"Key\")
            DO UPDATE SET \"theValue\" = m.thevalue * 2 WHERE m.key = 1",
    ]);
    check(&session, &[("SELECT * FROM m ORDER BY 1", "1|30; 2|7")]);
}

#[test]
fn keys_of_several_columns_and_of_every_type_are_looked_up() {
    let session = session(&[
        "CREATE TABLE k (a INTEGER, b DATE, c DECIMAL(9,2), d VARCHAR, e DOUBLE, n INTEGER,
            UNIQUE (a, b), UNIQUE (c), UNIQUE (d, e))",
        "INSERT INTO k VALUES (1, '2024-01-01', 1.50, 'x', 0.0, 0)",
    ]);
    for (columns, values) in [
        ("a, b", "(1, '2024-01-01', 9, 'y', 1, 0)"),
        ("b, a", "(1, '2024-01-01', 9, 'y', 1, 0)"),
        ("c", "(2, '2024-01-01', '1.5', 'y', 1, 0)"),
        ("d, e", "(2, NULL, 9, 'x', -0.0, 0)"),
    ] {
        let sql = format!(
            "INSERT INTO k VALUES {values} ON CONFLICT ({columns}) DO UPDATE SET n = k.n + 1"
        );
        assert_eq!(count(&session, &sql), "INSERT 1", "{sql}");
    }
    check(&session, &[("SELECT count(*), max(n) FROM k", "1|4")]);
    // Floats that are equal in SQL are one key among the rows of a statement too.
    let sql = "INSERT INTO k (d, e) VALUES ('n', 0.0), ('n', -0.0), ('n', 'nan'), ('n', 'nan')
        ON CONFLICT DO NOTHING";
    assert_eq!(count(&session, sql), "INSERT 2");
}

#[test]
fn many_rows_are_merged_into_many() {
    let session = session(&[
        "CREATE TABLE big (id BIGINT PRIMARY KEY, n BIGINT)",
        "INSERT INTO big SELECT value, 0 FROM range(100000)",
    ]);
    let sql = "INSERT INTO big SELECT value, 1 FROM range(50000, 200000)
        ON CONFLICT (id) DO UPDATE SET n = big.n + excluded.n + 1";
    assert_eq!(count(&session, sql), "INSERT 150000");
    check(
        &session,
        &[("SELECT n, count(*) FROM big GROUP BY n ORDER BY n", "0|50000; 1|100000; 2|50000")],
    );
    let sql = "INSERT INTO big SELECT value, 9 FROM range(199990, 200010) ON CONFLICT DO NOTHING";
    assert_eq!(count(&session, sql), "INSERT 10");
    run(&session, &["CHECK TABLE big"]);
}
