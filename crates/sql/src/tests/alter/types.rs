//! ALTER TABLE … ALTER COLUMN … TYPE: what is wider, and how older files read then.

use super::super::{answer, check, check_failures, failure, run, session};
use super::PARTS;

#[test]
fn types_become_wider_without_a_change_of_values() {
    let session = session(PARTS);
    run(
        &session,
        &[
            "ALTER TABLE part ALTER COLUMN n TYPE INTEGER",
            "ALTER TABLE part ALTER n SET DATA TYPE DECIMAL(12, 2), ALTER made TYPE TIMESTAMP",
            "ALTER TABLE part ALTER w TYPE DOUBLE, ALTER COLUMN name TYPE CHAR(9)",
            "INSERT INTO part VALUES (4, 5.25, 'cog', '2024-02-29 12:00:00', 1e300)",
        ],
    );
    check(
        &session,
        &[
            (
                "SELECT id, n, made, w FROM part",
                "1|5.00|2024-02-29T00:00:00|0.5; 2|NULL|NULL|NULL; \
                 3|-7.00|1999-12-31T00:00:00|2.25; 4|5.25|2024-02-29T12:00:00|1e300",
            ),
            ("SELECT id FROM part WHERE n = 5", "1"),
            ("SELECT id FROM part WHERE n = 5.25", "4"),
            ("SELECT id FROM part WHERE n < 5.01", "1; 3"),
            ("SELECT id FROM part WHERE n <> 5", "3; 4"),
            ("SELECT id FROM part WHERE n IN (-7, 5.25, 0.5)", "3; 4"),
            ("SELECT id FROM part WHERE n BETWEEN 4.5 AND 5.1", "1"),
            ("SELECT id FROM part WHERE n IS NULL", "2"),
            ("SELECT id FROM part WHERE n + 0.25 = 5.25", "1"),
            ("SELECT id FROM part WHERE made = '2024-02-29'", "1"),
            ("SELECT id FROM part WHERE made > '2024-02-29 00:00:01'", "4"),
            ("SELECT id FROM part WHERE made >= DATE '2024-02-29'", "1; 4"),
            ("SELECT id FROM part WHERE w = 0.5", "1"),
            ("SELECT sum(n), min(n), max(n), avg(n) FROM part", "3.25|-7.00|5.25|1.083333"),
            (
                "SELECT min(made), max(made), count(made) FROM part",
                "1999-12-31T00:00:00|2024-02-29T12:00:00|3",
            ),
            (
                "SELECT n, count(*) FROM part GROUP BY n ORDER BY n",
                "-7.00|1; 5.00|1; 5.25|1; NULL|1",
            ),
            (
                "SELECT min, max, sum FROM sys.blocks WHERE column_name = 'n' ORDER BY segment_id",
                "-7|5|-2; 5.25|5.25|5.25",
            ),
            (
                "SELECT data_type FROM information_schema.columns WHERE column_name = 'made'",
                "TIMESTAMP",
            ),
            ("CHECK TABLE part", &answer(&session, "CHECK TABLE part")),
        ],
    );
    let plan = answer(&session, "EXPLAIN SELECT id FROM part WHERE n = 9.99");
    assert!(plan.contains("blocks=0/2"), "{plan}");
    let storage = answer(&session, "EXPLAIN STORAGE part");
    assert!(storage.contains("n|DECIMAL(12,2)"), "{storage}");
}

#[test]
fn what_is_no_wider_type_is_refused_with_a_way_out() {
    let session = session(PARTS);
    run(
        &session,
        &["CREATE TABLE line (part INTEGER REFERENCES part, d DECIMAL(6,2), u BIGINT UNIQUE)"],
    );
    for (sql, message) in [
        (
            "ALTER TABLE part ALTER n TYPE DECIMAL(6, 2)",
            "cannot make column \"n\" of table \"part\" DECIMAL(6,2): it is SMALLINT, which has \
             values that DECIMAL(6,2) does not hold",
        ),
        (
            "ALTER TABLE part ALTER name TYPE INTEGER",
            "cannot make column \"name\" of table \"part\" INTEGER: it is VARCHAR, which has \
             values that INTEGER does not hold",
        ),
        (
            "ALTER TABLE part ALTER id TYPE DECIMAL(12,2)",
            "cannot make column \"id\" of table \"part\" DECIMAL(12,2): a FOREIGN KEY compares it \
             with column \"part\" of table \"line\", which is INTEGER: the two must be integers, \
             decimals of one scale, or of one type",
        ),
        (
            "ALTER TABLE line ALTER part TYPE DECIMAL(10)",
            "cannot make column \"part\" of table \"line\" DECIMAL(10,0): a FOREIGN KEY compares it \
             with column \"id\" of table \"part\", which is INTEGER: the two must be integers, \
             decimals of one scale, or of one type",
        ),
    ] {
        let error = failure(&session, sql);
        assert_eq!(error.message, message);
        let hint = error.hint.unwrap();
        assert!(hint.contains("INTEGER to BIGINT") && hint.contains("INSERT INTO new"), "{hint}");
        assert!(error.position.is_some());
    }
    check_failures(
        &session,
        &[
            ("ALTER TABLE line ALTER d TYPE DECIMAL(6,3)", "which has values that"),
            ("ALTER TABLE line ALTER d TYPE DOUBLE", "which has values that"),
            ("ALTER TABLE part ALTER made TYPE TIMESTAMPTZ", "which has values that"),
            ("ALTER TABLE part ALTER w TYPE DECIMAL(38,2)", "which has values that"),
            ("ALTER TABLE part ALTER n TYPE BLOB", "columns cannot have the type BLOB"),
            ("ALTER TABLE part ALTER n TYPE INTEGER USING n + 1", "USING is not supported"),
            ("ALTER TABLE part ALTER nope TYPE INTEGER", "has no column \"nope\""),
        ],
    );
}

#[test]
fn columns_of_keys_and_references_become_wider() {
    let session = session(&[
        "CREATE TABLE shop (id SMALLINT PRIMARY KEY, city VARCHAR, UNIQUE (city, id))",
        "CREATE TABLE sale (day SMALLINT, shop SMALLINT REFERENCES shop, n INTEGER, \
         FOREIGN KEY (shop) REFERENCES shop) SORTED BY (day)",
        "INSERT INTO shop VALUES (9, 'Bern'), (2, 'Zug'), (5, 'Genf')",
        "INSERT INTO sale VALUES (3, 2, 10), (1, 9, 20), (2, NULL, 30)",
        "ALTER TABLE shop ALTER id TYPE BIGINT",
        "INSERT INTO shop VALUES (40000000000, 'Chur')",
        "INSERT INTO sale VALUES (4, 5, 40)",
        "ALTER TABLE sale ALTER shop TYPE INTEGER, ALTER day TYPE BIGINT",
        "INSERT INTO sale VALUES (5000000000, 5, 50)",
        "ALTER TABLE sale ALTER shop TYPE BIGINT",
        "INSERT INTO sale VALUES (6, 40000000000, 60)",
    ]);
    check(
        &session,
        &[
            (
                "SELECT day, city, n FROM sale JOIN shop ON shop = id ORDER BY n",
                "3|Zug|10; 1|Bern|20; 4|Genf|40; 5000000000|Genf|50; 6|Chur|60",
            ),
            (
                "SELECT city, sum(n) FROM sale JOIN shop ON shop.id = sale.shop \
                 WHERE id < 6 GROUP BY city ORDER BY city",
                "Genf|90; Zug|10",
            ),
            ("SELECT city FROM shop WHERE id = 40000000000", "Chur"),
            ("SELECT n FROM sale WHERE day BETWEEN 2 AND 4 ORDER BY day", "30; 10; 40"),
            ("SELECT count(*) FROM sale WHERE shop IN (2, 9, 40000000000)", "3"),
            ("CHECK TABLE shop", &answer(&session, "CHECK TABLE shop")),
        ],
    );
    for table in ["shop", "sale"] {
        let report = answer(&session, &format!("CHECK TABLE {table}"));
        assert!(report.contains("ok"), "{report}");
    }
    check_failures(
        &session,
        &[
            ("INSERT INTO shop VALUES (5, 'x')", "key (id) = (5) of row 1 is in the table already"),
            ("INSERT INTO sale VALUES (1, 6, 1)", "references no row of table \"shop\" (id)"),
            ("INSERT INTO sale VALUES (1, 70000, 1)", "references no row of table \"shop\" (id)"),
        ],
    );
}

#[test]
fn a_check_that_means_something_else_with_a_wider_type_is_proved_again() {
    let session =
        session(&["CREATE TABLE t (a INTEGER CHECK (a / 2 = 1))", "INSERT INTO t VALUES (2), (3)"]);
    let error = failure(&session, "ALTER TABLE t ALTER a TYPE DECIMAL(12,2)").message;
    assert!(error.contains("CHECK (a / 2 = 1) fails in row 2: a = 3.00"), "{error}");
    run(&session, &["ALTER TABLE t ALTER a TYPE BIGINT", "INSERT INTO t VALUES (3)"]);
    check(&session, &[("SELECT count(*) FROM t", "3")]);
}

#[test]
fn large_tables_change_at_once_and_read_the_same_by_every_way() {
    let session = session(&[
        "CREATE TABLE big AS SELECT CAST(value AS INTEGER) AS a, CAST(value % 100 AS SMALLINT) AS b, \
         'text ' || value % 7 AS c FROM range(150000)",
        "ALTER TABLE big ADD late INTEGER DEFAULT 5, ALTER b TYPE DECIMAL(20,4), ALTER a TYPE BIGINT",
        "INSERT INTO big SELECT value + 150000, value % 100 + 0.5, 'more', 6 FROM range(70000)",
    ]);
    let queries = [
        "SELECT count(*), sum(a), sum(b), min(b), max(b), sum(late) FROM big",
        "SELECT count(*), sum(a) FROM big WHERE b = 17",
        "SELECT count(*), sum(a) FROM big WHERE b = 17.5",
        "SELECT count(*), sum(a) FROM big WHERE b < 0.5 AND late = 5",
        "SELECT count(*), sum(a) FROM big WHERE late <> 5",
        "SELECT count(*), sum(late) FROM big WHERE a BETWEEN 149990 AND 150009",
        "SELECT late, c, count(*) FROM big GROUP BY late, c ORDER BY late, c",
        "SELECT x.a FROM big x JOIN big y ON x.a = y.a AND y.late = 6 WHERE x.b = 99.5 ORDER BY 1 LIMIT 3",
    ];
    let expected: Vec<String> = queries.iter().map(|sql| answer(&session, sql)).collect();
    assert!(
        expected[0].starts_with("220000|24199890000|10925000.0000|0.0000|99.5000|1170000"),
        "{}",
        expected[0]
    );
    assert!(expected[1].starts_with("1500|") && expected[2].starts_with("700|"), "{expected:?}");
    for setting in ["zone_maps", "bitmaps", "encoded_filters", "encoded_aggregates"] {
        run(&session, &[&format!("SET starfact.{setting} = off")]);
        let found: Vec<String> = queries.iter().map(|sql| answer(&session, sql)).collect();
        assert_eq!(found, expected, "{setting}");
    }
}
