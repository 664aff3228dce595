//! MERGE.

use super::dml::count;
use super::{answer, check, check_failures, run, session};

const TABLES: &[&str] = &[
    "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER, s VARCHAR DEFAULT 'new', CHECK (n < 1000))",
    "CREATE TABLE u (id INTEGER, n INTEGER)",
    "INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, NULL, 'c')",
    "INSERT INTO u VALUES (2, 200), (3, 300), (4, 400), (NULL, 0)",
];

const BEFORE: &str = "1|10|a; 2|20|b; 3|NULL|c";

fn rows(session: &crate::Session) -> String {
    answer(session, "SELECT * FROM t ORDER BY id")
}

#[test]
fn each_row_goes_to_the_first_clause_that_is_for_it() {
    for (clauses, changed, after) in [
        ("WHEN MATCHED THEN UPDATE SET n = u.n", 2, "1|10|a; 2|200|b; 3|300|c"),
        ("WHEN MATCHED THEN DELETE", 2, "1|10|a"),
        ("WHEN MATCHED THEN DO NOTHING", 0, BEFORE),
        (
            "WHEN MATCHED AND t.n IS NULL THEN DELETE WHEN MATCHED THEN UPDATE SET n = t.n + u.n",
            2,
            "1|10|a; 2|220|b",
        ),
        (
            "WHEN MATCHED AND u.n = 200 THEN DO NOTHING WHEN MATCHED THEN DELETE",
            1,
            "1|10|a; 2|20|b",
        ),
        ("WHEN MATCHED AND t.n > 5 THEN DELETE", 1, "1|10|a; 3|NULL|c"),
        ("WHEN MATCHED AND NULL THEN DELETE", 0, BEFORE),
        ("WHEN MATCHED AND false THEN DELETE", 0, BEFORE),
        (
            "WHEN NOT MATCHED AND u.id IS NOT NULL THEN INSERT VALUES (u.id, u.n, 'x')",
            1,
            "1|10|a; 2|20|b; 3|NULL|c; 4|400|x",
        ),
        (
            "WHEN NOT MATCHED BY TARGET AND u.n > 0 THEN INSERT (n, id) VALUES (u.n + 1, u.id)",
            1,
            "1|10|a; 2|20|b; 3|NULL|c; 4|401|new",
        ),
        (
            "WHEN NOT MATCHED AND u.n > 0 THEN INSERT (id, n, s) VALUES (u.id, NULL, DEFAULT)",
            1,
            "1|10|a; 2|20|b; 3|NULL|c; 4|NULL|new",
        ),
        ("WHEN NOT MATCHED BY SOURCE THEN DELETE", 1, "2|20|b; 3|NULL|c"),
        (
            "WHEN NOT MATCHED BY SOURCE THEN UPDATE SET s = t.s || '!', n = DEFAULT",
            1,
            "1|NULL|a!; 2|20|b; 3|NULL|c",
        ),
        ("WHEN NOT MATCHED BY SOURCE AND n > 10 THEN DELETE", 0, BEFORE),
        (
            "WHEN MATCHED THEN UPDATE SET n = u.n, s = 'm'
          WHEN NOT MATCHED AND u.id > 0 THEN INSERT VALUES (u.id, u.n, 'i')
          WHEN NOT MATCHED BY SOURCE THEN DELETE",
            4,
            "2|200|m; 3|300|m; 4|400|i",
        ),
        // What is set is computed only for the rows that it is set in.
        (
            "WHEN MATCHED AND t.n IS NOT NULL THEN UPDATE SET n = u.n / (t.n - 10)
          WHEN NOT MATCHED BY SOURCE THEN UPDATE SET n = 0",
            2,
            "1|0|a; 2|20|b; 3|NULL|c",
        ),
        (
            "WHEN MATCHED AND u.n IN (SELECT max(n) FROM u WHERE n < 400) THEN DELETE",
            1,
            "1|10|a; 2|20|b",
        ),
    ] {
        let session = session(TABLES);
        let sql = format!("MERGE INTO t USING u ON t.id = u.id {clauses}");
        assert_eq!(count(&session, &sql), format!("MERGE {changed}"), "{sql}");
        assert_eq!(rows(&session), after, "{sql}");
        run(&session, &["CHECK TABLE t"]);
    }
}

#[test]
fn the_source_may_be_anything_that_stands_in_from() {
    let update = "WHEN MATCHED THEN UPDATE SET n = s.n";
    for (head, after) in [
        ("MERGE INTO t USING u AS s ON t.id = s.id", "1|10|a; 2|200|b; 3|300|c"),
        ("MERGE INTO t AS x USING u s ON x.id = s.id AND x.s = 'b'", "1|10|a; 2|200|b; 3|NULL|c"),
        (
            "MERGE INTO main.t USING (SELECT id, max(n) AS n FROM u GROUP BY id) s ON t.id = s.id",
            "1|10|a; 2|200|b; 3|300|c",
        ),
        (
            "MERGE INTO t USING (VALUES (1, 5), (2, 6)) AS s(id, n) ON t.id = s.id",
            "1|5|a; 2|6|b; 3|NULL|c",
        ),
        ("MERGE INTO t USING t AS s ON t.id + 1 = s.id", "1|20|a; 2|NULL|b; 3|NULL|c"),
        (
            "WITH s AS (SELECT 1 AS id, 7 AS n) MERGE INTO t USING s ON t.id = s.id",
            "1|7|a; 2|20|b; 3|NULL|c",
        ),
        ("MERGE INTO t USING u AS s ON false", BEFORE),
        ("MERGE INTO t USING (SELECT * FROM u WHERE false) AS s ON true", BEFORE),
        (
            "MERGE INTO t USING (SELECT 2 AS id, 1 AS n) AS s ON s.id > t.id",
            "1|1|a; 2|20|b; 3|NULL|c",
        ),
    ] {
        let session = session(TABLES);
        run(&session, &[&format!("{head} {update}")]);
        assert_eq!(rows(&session), after, "{head}");
    }
}

#[test]
fn a_row_is_changed_once() {
    let session = session(TABLES);
    run(&session, &["INSERT INTO u VALUES (2, 999)"]);
    let twice = "MERGE changes a row a second time";
    check_failures(
        &session,
        &[
            ("MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET n = 1", twice),
            ("MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE", twice),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED AND u.n = 200 THEN DELETE
              WHEN MATCHED THEN UPDATE SET n = 1",
                twice,
            ),
        ],
    );
    assert_eq!(rows(&session), BEFORE);
    let sql = "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED AND u.n = 999 THEN UPDATE SET n = 1
        WHEN MATCHED THEN DO NOTHING";
    assert_eq!(count(&session, sql), "MERGE 1");
    assert_eq!(rows(&session), "1|10|a; 2|1|b; 3|NULL|c");
}

#[test]
fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let session = session(TABLES);
    check_failures(
        &session,
        &[
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT VALUES (u.id, u.n, 'x')",
                "\"id\" is NULL",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT VALUES (1, 1, 'x')",
                "key (id) = (1)",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET id = 1",
                "key (id) = (1)",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET n = 1000",
                "CHECK (n < 1000) fails for a changed row",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET n = 'x'",
                "column \"n\": cannot cast 'x'",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT VALUES (1, 2)",
                "VALUES has 2 values for 3 columns",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN INSERT (id, x) VALUES (1, 2)",
                "no column \"x\"",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET x = 1",
                "no column \"x\"",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN UPDATE SET n = u.x",
                "there is no column \"u.x\"",
            ),
            ("MERGE INTO t USING u ON t.id = u.id WHEN NOT MATCHED THEN DELETE", "does not take"),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN INSERT VALUES (1)",
                "does not take",
            ),
            ("MERGE INTO t USING u ON t.id = u.id", "syntax error"),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED THEN DELETE
                    WHEN NOT MATCHED THEN DO NOTHING WHEN MATCHED AND n = 1 THEN DO NOTHING",
                "WHEN MATCHED stands behind a WHEN MATCHED without condition",
            ),
            (
                "MERGE INTO t USING u ON t.id = u.id WHEN MATCHED AND random() < 2 THEN DELETE",
                "the condition of WHEN cannot be random",
            ),
            ("MERGE INTO t USING (SELECT 1) ON true WHEN MATCHED THEN DELETE", "has no name"),
            (
                "MERGE INTO t USING nothing ON true WHEN MATCHED THEN DELETE",
                "there is no table \"nothing\"",
            ),
            (
                "MERGE INTO nothing USING t ON true WHEN MATCHED THEN DELETE",
                "there is no table \"nothing\"",
            ),
            (
                "MERGE INTO t USING t ON true WHEN MATCHED THEN DELETE",
                "two tables of FROM are called \"t\"",
            ),
            ("MERGE INTO sys.columns USING t ON true WHEN MATCHED THEN DELETE", "is a view"),
        ],
    );
    assert_eq!(rows(&session), BEFORE);
}

#[test]
fn returning_tells_what_was_done_with_each_row() {
    let session = session(TABLES);
    let sql = "MERGE INTO t USING u ON t.id = u.id
        WHEN MATCHED AND t.n IS NULL THEN DELETE
        WHEN MATCHED THEN UPDATE SET n = u.n
        WHEN NOT MATCHED AND u.id IS NOT NULL THEN INSERT (id, n) VALUES (u.id, u.n)
        WHEN NOT MATCHED BY SOURCE THEN UPDATE SET s = 'z'
        RETURNING merge_action() AS done, t.id, t.n, s, u.n AS source";
    let mut found: Vec<String> = answer(&session, sql).split("; ").map(str::to_owned).collect();
    found.sort();
    assert_eq!(
        found,
        ["DELETE|3|NULL|c|300", "INSERT|4|400|new|400", "UPDATE|1|10|z|NULL", "UPDATE|2|200|b|200"]
    );
    check(&session, &[("SELECT * FROM t ORDER BY id", "1|10|z; 2|200|b; 4|400|new")]);
    let sql =
        "MERGE INTO t USING u ON t.id = u.id AND u.id = 2 WHEN MATCHED THEN DELETE RETURNING *";
    check(&session, &[(sql, "2|200|b|2|200")]);
}

#[test]
fn many_rows_are_merged_into_many() {
    let session = session(&[
        "CREATE TABLE big (id BIGINT PRIMARY KEY, n BIGINT)",
        "INSERT INTO big SELECT value, 0 FROM range(100000)",
    ]);
    let sql = "MERGE INTO big USING (SELECT value AS id FROM range(50000, 200000)) s
        ON big.id = s.id
        WHEN MATCHED AND s.id % 2 = 0 THEN DELETE
        WHEN MATCHED THEN UPDATE SET n = 1
        WHEN NOT MATCHED THEN INSERT VALUES (s.id, 2)
        WHEN NOT MATCHED BY SOURCE AND big.id < 10 THEN DELETE";
    assert_eq!(count(&session, sql), "MERGE 150010");
    check(
        &session,
        &[("SELECT n, count(*) FROM big GROUP BY n ORDER BY n", "0|49990; 1|25000; 2|100000")],
    );
    run(&session, &["CHECK TABLE big"]);
}
