//! ALTER TABLE: what rows read as afterwards, and what is refused.

mod types;

use super::{answer, check, check_failures, failure, run, session, warehouse};
use crate::{OpenOptions, Outcome, Warehouse};

const PARTS: &[&str] = &[
    "CREATE TABLE part (id INTEGER PRIMARY KEY, n SMALLINT, name VARCHAR, made DATE, w REAL)",
    "INSERT INTO part VALUES (1, 5, 'bolt', '2024-02-29', 0.5), (2, NULL, 'nut', NULL, NULL), \
     (3, -7, NULL, '1999-12-31', 2.25)",
];

#[test]
fn rows_have_the_default_of_a_column_that_is_added() {
    let session = session(PARTS);
    let outcome = session.execute("ALTER TABLE part ADD COLUMN price DECIMAL(8,2) DEFAULT 1 + 0.5");
    assert!(matches!(outcome.unwrap(), Outcome::Done { tag } if tag == "ALTER TABLE"));
    run(
        &session,
        &[
            "ALTER TABLE part ADD note VARCHAR",
            "ALTER TABLE part ADD COLUMN IF NOT EXISTS kind TEXT NOT NULL DEFAULT 'metal'",
            "ALTER TABLE part ADD COLUMN IF NOT EXISTS KIND INTEGER",
            "ALTER TABLE part ADD COLUMN stock BIGINT DEFAULT NULL BITMAP",
            "INSERT INTO part (id, n) VALUES (4, 4)",
            "INSERT INTO part (id, price, note, kind) VALUES (5, 9.99, 'x', 'wood')",
        ],
    );
    check(
        &session,
        &[
            (
                "SELECT id, price, note, kind, stock FROM part",
                "1|1.50|NULL|metal|NULL; 2|1.50|NULL|metal|NULL; 3|1.50|NULL|metal|NULL; \
                 4|1.50|NULL|metal|NULL; 5|9.99|x|wood|NULL",
            ),
            ("SELECT id FROM part WHERE price = 1.5 AND id < 3", "1; 2"),
            ("SELECT id FROM part WHERE price > 1.5", "5"),
            ("SELECT id FROM part WHERE kind LIKE '%oo%' OR note IS NOT NULL", "5"),
            ("SELECT count(*) FROM part WHERE kind LIKE 'met%'", "4"),
            ("SELECT count(*) FROM part WHERE note IS NULL", "4"),
            (
                "SELECT sum(price), min(price), max(kind), count(note), count(stock) FROM part",
                "15.99|1.50|wood|1|0",
            ),
            ("SELECT sum(price) FROM part WHERE id <= 3", "4.50"),
            ("SELECT kind, count(*) FROM part GROUP BY kind ORDER BY 1", "metal|4; wood|1"),
            ("SELECT a.id FROM part a JOIN part b ON a.note = b.note", "5"),
            (
                "SELECT column_name, is_nullable, data_type, column_default \
              FROM information_schema.columns WHERE ordinal_position > 5 ORDER BY ordinal_position",
                "price|YES|DECIMAL(8,2)|1 + 0.5; note|YES|VARCHAR|NULL; kind|NO|VARCHAR|'metal'; \
              stock|YES|BIGINT|NULL",
            ),
            (
                "SELECT column_name, rows, nulls FROM sys.columns WHERE column_name IN \
              ('price', 'note', 'kind') ORDER BY 1",
                "kind|5|0; note|5|4; price|5|0",
            ),
            ("CHECK TABLE part", &answer(&session, "CHECK TABLE part")),
        ],
    );
}

#[test]
fn a_default_is_evaluated_once_for_the_rows_that_there_are() {
    let session = session(PARTS);
    run(&session, &["ALTER TABLE part ADD COLUMN at TIMESTAMP DEFAULT now()"]);
    let first = answer(&session, "SELECT DISTINCT at FROM part");
    assert!(!first.contains(';') && first != "NULL", "{first}");
    std::thread::sleep(std::time::Duration::from_millis(3));
    assert_eq!(answer(&session, "SELECT DISTINCT at FROM part"), first);
    run(&session, &["INSERT INTO part (id) VALUES (9)"]);
    check(&session, &[("SELECT count(*) FROM part WHERE at > (SELECT min(at) FROM part)", "1")]);
    // Another DEFAULT later is for new rows.
    run(&session, &["ALTER TABLE part ADD COLUMN v INTEGER DEFAULT 1"]);
    run(&session, &["ALTER TABLE part ALTER v SET DEFAULT 2", "INSERT INTO part (id) VALUES (10)"]);
    run(&session, &["ALTER TABLE part ALTER v DROP DEFAULT", "INSERT INTO part (id) VALUES (11)"]);
    check(&session, &[("SELECT v, count(*) FROM part GROUP BY v ORDER BY v", "1|4; 2|1; NULL|1")]);
}

#[test]
fn columns_are_dropped_unless_something_needs_them() {
    let session = session(&[
        "CREATE TABLE d (id INTEGER PRIMARY KEY)",
        "CREATE TABLE t (a INTEGER, b INTEGER REFERENCES d, c INTEGER, e INTEGER, f VARCHAR, \
         UNIQUE (a), CONSTRAINT few CHECK (C < 10), CHECK (c <> 5 OR e > 0)) SORTED BY (f)",
        "INSERT INTO d VALUES (1)",
        "INSERT INTO t VALUES (1, 1, 2, 3, 'x'), (2, NULL, 4, 5, 'y')",
    ]);
    for (sql, message) in [
        ("ALTER TABLE t DROP COLUMN a", "it is in UNIQUE (a)"),
        ("ALTER TABLE t DROP b", "it is in FOREIGN KEY (b)"),
        ("ALTER TABLE t DROP c", "it is in CHECK \"few\" (C < 10)"),
        ("ALTER TABLE t DROP e", "it is in CHECK (c <> 5 OR e > 0)"),
        ("ALTER TABLE t DROP f", "the table is SORTED BY (f)"),
        ("ALTER TABLE d DROP COLUMN id", "it is the only one"),
    ] {
        let error = failure(&session, sql).message;
        assert!(error.starts_with("cannot drop column \"") && error.ends_with(message), "{error}");
    }
    assert_eq!(
        failure(&session, "ALTER TABLE t DROP e").hint.unwrap(),
        "drop that first: DROP CONSTRAINT t_check2"
    );
    check_failures(
        &session,
        &[
            ("ALTER TABLE t DROP COLUMN g", "table \"t\" has no column \"g\""),
            ("ALTER TABLE t DROP COLUMN e CASCADE", "DROP COLUMN … CASCADE is not supported"),
        ],
    );
    run(
        &session,
        &[
            "ALTER TABLE t DROP COLUMN IF EXISTS g",
            "ALTER TABLE t DROP CONSTRAINT t_check2, DROP COLUMN E RESTRICT",
            "ALTER TABLE t ADD COLUMN e VARCHAR DEFAULT 'new'",
        ],
    );
    check(
        &session,
        &[
            ("SELECT * FROM t", "1|1|2|x|new; 2|NULL|4|y|new"),
            ("SELECT d.id, e FROM t JOIN d ON b = d.id", "1|new"),
        ],
    );
}

#[test]
fn names_change_where_they_are_written_too() {
    let session = session(&[
        "CREATE TABLE t (a INTEGER DEFAULT 7, \"B c\" INTEGER, a2 VARCHAR DEFAULT 'a', \
         CONSTRAINT pos CHECK (A > 0 AND a2 <> 'a > 0'), CHECK (\"B c\" BETWEEN a AND a * 2))",
        "CREATE TABLE other (id INTEGER PRIMARY KEY)",
        "INSERT INTO t VALUES (1, 2, 'x')",
        "ALTER TABLE t RENAME COLUMN a TO \"select\"",
        "ALTER TABLE t RENAME \"B c\" TO B",
        "ALTER TABLE IF EXISTS t RENAME TO u",
        "ALTER TABLE IF EXISTS t RENAME TO v",
    ]);
    check(
        &session,
        &[
            ("SELECT \"select\", b, a2 FROM u", "1|2|x"),
            ("SELECT sql FROM (SELECT 1), (SELECT 1 AS sql)", "1"),
            ("SELECT count(*) FROM sys.columns WHERE table_name = 'u'", "3"),
            (
                "SELECT constraint_name FROM information_schema.table_constraints \
                 WHERE table_name = 'u' ORDER BY 1",
                "pos; u_check2",
            ),
        ],
    );
    let sql = answer(&session, "SHOW CREATE TABLE u");
    for part in [
        "CREATE TABLE u (",
        "\"select\" INTEGER DEFAULT 7",
        "CONSTRAINT pos CHECK (\"select\" > 0 AND a2 <> 'a > 0')",
        "CHECK (b BETWEEN \"select\" AND \"select\" * 2)",
    ] {
        assert!(sql.contains(part), "{sql}");
    }
    let error = failure(&session, "INSERT INTO u VALUES (0, 0, 'x')").message;
    assert!(
        error.contains("(\"select\" > 0 AND a2 <> 'a > 0') fails in row 1: select = 0"),
        "{error}"
    );
    check_failures(
        &session,
        &[
            ("SELECT * FROM t", "there is no table \"t\""),
            ("ALTER TABLE t RENAME TO v", "there is no table \"t\""),
            ("ALTER TABLE u RENAME b TO A2", "table \"u\" has a column \"a2\" already"),
            ("ALTER TABLE u RENAME nope TO x", "has no column \"nope\""),
            ("ALTER TABLE u RENAME TO OTHER", "table \"other\" exists already"),
            ("ALTER TABLE u RENAME TO away.x", "no schema \"away\""),
            ("ALTER TABLE sys.blocks RENAME TO x", "sys.blocks is a view"),
        ],
    );
    // In the same statement under the new name, and only the case of a name.
    run(&session, &["ALTER TABLE u RENAME b TO \"B\", RENAME TO \"U\", ALTER \"B\" SET DEFAULT 3"]);
    run(&session, &["INSERT INTO u (\"select\", a2) VALUES (2, 'y')"]);
    check(&session, &[("SELECT \"B\" FROM \"U\" WHERE \"select\" = 2", "3")]);
}

#[test]
fn null_is_allowed_or_not() {
    let session = session(PARTS);
    let error = failure(&session, "ALTER TABLE part ALTER COLUMN n SET NOT NULL").message;
    assert_eq!(error, "table \"part\": column \"n\" is NULL in row 2, and it is declared NOT NULL");
    run(
        &session,
        &[
            "ALTER TABLE part ADD COLUMN g INTEGER DEFAULT 1, ALTER g SET NOT NULL",
            "ALTER TABLE part ALTER COLUMN id SET NOT NULL",
        ],
    );
    check_failures(
        &session,
        &[
            ("INSERT INTO part (id, g) VALUES (9, NULL)", "\"g\" is NULL in row 1"),
            ("ALTER TABLE part ALTER id DROP NOT NULL", "PRIMARY KEY (id), which allows no NULL"),
            ("ALTER TABLE part ADD x INTEGER NOT NULL", "would be NULL in the rows"),
            ("ALTER TABLE part ADD x INTEGER NOT NULL DEFAULT NULL", "would be NULL in the rows"),
        ],
    );
    run(&session, &["ALTER TABLE part ALTER g DROP NOT NULL"]);
    run(&session, &["INSERT INTO part (id, g) VALUES (9, NULL)"]);
    check(&session, &[("SELECT count(*), count(g) FROM part", "4|3")]);
    // Without rows there is nothing to be NULL.
    run(&session, &["CREATE TABLE e (a INTEGER)", "ALTER TABLE e ADD x INTEGER NOT NULL"]);
}

#[test]
fn a_check_is_added_if_all_rows_satisfy_it() {
    let session = session(PARTS);
    let error = failure(&session, "ALTER TABLE part ADD CONSTRAINT pos CHECK (n > 0)").message;
    assert_eq!(error, "table \"part\": CHECK \"pos\" (n > 0) fails in row 3: n = -7");
    let error = failure(&session, "ALTER TABLE part ADD CHECK (name <> 'nut' OR id > 2)").message;
    assert_eq!(
        error,
        "table \"part\": CHECK (name <> 'nut' OR id > 2) fails in row 2: id = 2, name = nut"
    );
    run(
        &session,
        &[
            "ALTER TABLE part ADD CONSTRAINT small CHECK (n < 10), ADD CHECK (id > 0)",
            "ALTER TABLE part ADD COLUMN k INTEGER DEFAULT 3 CONSTRAINT odd CHECK (k % 2 = 1)",
        ],
    );
    check_failures(
        &session,
        &[
            ("INSERT INTO part (id, n) VALUES (4, 10)", "CHECK \"small\""),
            ("INSERT INTO part (id, k) VALUES (4, 2)", "CHECK \"odd\""),
            ("ALTER TABLE part ADD j INTEGER DEFAULT 2 CHECK (j > 2)", "fails in row 1: j = 2"),
            ("ALTER TABLE part ADD CONSTRAINT SMALL CHECK (true)", "\"small\" occurs twice"),
            ("ALTER TABLE part ADD CHECK (nope > 0)", "there is no column \"nope\""),
            ("ALTER TABLE part ADD CHECK (1 > 2)", "CHECK (1 > 2) fails in row 1"),
            ("ALTER TABLE part ADD CHECK (n + 1)", "must be BOOLEAN"),
            ("ALTER TABLE part ADD CHECK (n > 0) NOT VALID", "NOT VALID is not supported"),
            ("ALTER TABLE part ADD CHECK (1 / (n + 7) > 5)", "division by zero"),
            ("ALTER TABLE part DROP CONSTRAINT nope", "has no constraint \"nope\""),
            ("ALTER TABLE part DROP CONSTRAINT small CASCADE", "CASCADE is not supported"),
        ],
    );
    run(
        &session,
        &[
            "ALTER TABLE part DROP CONSTRAINT IF EXISTS nope, DROP CONSTRAINT Small",
            "INSERT INTO part (id, n) VALUES (4, 10)",
        ],
    );
    let error = failure(&session, "ALTER TABLE part ADD CONSTRAINT small CHECK (n < 10)").message;
    assert!(error.contains("fails in row 4: n = 10"), "{error}");
}

#[test]
fn several_actions_are_one_or_none() {
    let session = session(PARTS);
    let before = answer(&session, "SHOW CREATE TABLE part");
    check_failures(
        &session,
        &[
            ("ALTER TABLE part ADD x INTEGER, DROP y", "no column \"y\""),
            ("ALTER TABLE part ADD x INTEGER, ADD X DATE", "has a column \"x\" already"),
            ("ALTER TABLE part DROP w, RENAME TO other, ADD CHECK (n > 0)", "fails in row 3"),
            ("ALTER TABLE part DROP w, ALTER n TYPE BIGINT, ADD CHECK (w > 0)", "\"w\""),
            ("ALTER TABLE part ADD x INTEGER DEFAULT 'no'", "DEFAULT of column \"x\""),
            ("ALTER TABLE part ALTER n SET DEFAULT 40000", "SMALLINT out of range"),
            ("ALTER TABLE part ALTER n SET DEFAULT id", "there is no column \"id\""),
        ],
    );
    assert_eq!(answer(&session, "SHOW CREATE TABLE part"), before);
    run(
        &session,
        &["ALTER TABLE part ADD x INTEGER DEFAULT 4, RENAME x TO y, ALTER y TYPE BIGINT, \
           ADD CHECK (y = 4 OR y > 9), DROP w, RENAME TO piece"],
    );
    check(&session, &[("SELECT id, y FROM piece WHERE y = 4", "1|4; 2|4; 3|4")]);
}

#[test]
fn what_alter_table_does_not_do_says_so() {
    let session = session(PARTS);
    for (sql, message) in [
        ("ALTER TABLE part ADD PRIMARY KEY (n)", "ADD PRIMARY KEY is not supported"),
        ("ALTER TABLE part ADD CONSTRAINT u UNIQUE (n)", "ADD UNIQUE is not supported"),
        (
            "ALTER TABLE part ADD FOREIGN KEY (n) REFERENCES part",
            "ADD FOREIGN KEY is not supported",
        ),
        ("ALTER TABLE part ADD x INTEGER UNIQUE", "ADD COLUMN … UNIQUE is not supported"),
        ("ALTER TABLE part ADD x INTEGER PRIMARY KEY", "ADD COLUMN … PRIMARY KEY is not supported"),
        ("ALTER TABLE part ADD x INTEGER REFERENCES part", "ADD COLUMN … REFERENCES is not"),
        ("ALTER TABLE part ADD x INTEGER FIRST", "ADD COLUMN … FIRST is not supported"),
        ("ALTER TABLE part ADD x", "syntax error: expected a data type name"),
        ("ALTER TABLE part DROP PRIMARY KEY", "DROP PRIMARY KEY is not supported"),
        ("ALTER TABLE part OWNER TO me", "ALTER TABLE … OWNER TO is not supported"),
        ("ALTER TABLE ONLY part ADD x INTEGER", "this form of ALTER TABLE is not supported"),
        ("ALTER TABLE part ALTER n ADD GENERATED ALWAYS AS IDENTITY", "generated columns are not"),
        ("ALTER TABLE nope ADD x INTEGER", "there is no table \"nope\""),
        ("ALTER VIEW v AS SELECT 1", "ALTER VIEW is not supported"),
        ("EXPLAIN ALTER TABLE part DROP n", "EXPLAIN takes a query"),
    ] {
        let error = failure(&session, sql);
        assert!(error.message.contains(message), "{sql}\n{}", error.message);
        assert!(error.hint.is_some(), "{sql}");
    }
    let named = super::session(&["CREATE TABLE k (a INTEGER, CONSTRAINT pk PRIMARY KEY (a))"]);
    let error = failure(&named, "ALTER TABLE k DROP CONSTRAINT pk").message;
    assert_eq!(error, "DROP CONSTRAINT pk, a PRIMARY KEY, is not supported");
}

#[test]
fn changes_are_there_for_other_sessions_and_after_reopening() {
    let folder = std::env::temp_dir().join(format!("starfact-sql-alter-{}", std::process::id()));
    let open = |read_only| {
        let path = Some(folder.clone());
        Warehouse::open(OpenOptions { path, read_only, ..OpenOptions::default() })
    };
    let writer = open(false).unwrap();
    let (one, other) = (writer.session(), writer.session());
    run(&one, PARTS);
    let Outcome::Rows(rows) = other.execute("SELECT * FROM part").unwrap() else { panic!("rows") };
    let change = "ALTER TABLE part DROP w, ADD x DOUBLE DEFAULT 'NaN'::DOUBLE, ALTER n TYPE BIGINT";
    run(&one, &[change]);
    let columns: Vec<usize> = rows.map(|batch| batch.unwrap().num_columns()).collect();
    assert_eq!(columns, [5], "a query sees the table as it was when it began");
    check(&other, &[("SELECT id, n, x FROM part WHERE id = 1", "1|5|NaN")]);
    let reader = open(true).unwrap();
    check(&reader.session(), &[("SELECT id, n, x FROM part WHERE id = 3", "3|-7|NaN")]);
    let refused = failure(&reader.session(), "ALTER TABLE part DROP x");
    assert!(refused.message.contains("read"), "{}", refused.message);
    drop((one, other, writer, reader));
    let copy = folder.with_extension("copy");
    let reopened = open(false).unwrap();
    check(&reopened.session(), &[("SELECT sum(n), count(x) FROM part", "-2|3")]);
    reopened.session().backup(&copy, Default::default()).unwrap();
    drop(reopened);
    let options = OpenOptions { path: Some(copy.clone()), ..OpenOptions::default() };
    let copied = Warehouse::open(options).unwrap();
    check(&copied.session(), &[("SELECT id, n, x FROM part WHERE n < 0", "3|-7|NaN")]);
    drop(copied);
    std::fs::remove_dir_all(&folder).unwrap();
    std::fs::remove_dir_all(&copy).unwrap();
}

#[test]
fn a_table_of_many_small_segments_keeps_its_columns_when_they_become_one() {
    let warehouse = warehouse();
    let session = warehouse.session();
    run(&session, &["CREATE TABLE t (a SMALLINT, gone INTEGER)"]);
    for number in 0..40 {
        run(&session, &[&format!("INSERT INTO t VALUES ({number}, 1)")]);
    }
    run(
        &session,
        &["ALTER TABLE t DROP gone, ADD b VARCHAR DEFAULT 'old', ALTER a TYPE DECIMAL(7,1)"],
    );
    for number in 40..76 {
        run(&session, &[&format!("INSERT INTO t VALUES ({number}.5, 'new')")]);
    }
    check(
        &session,
        &[
            (
                "SELECT b, count(*), sum(a), min(a), max(a) FROM t GROUP BY b ORDER BY b DESC",
                "old|40|780.0|0.0|39.0; new|36|2088.0|40.5|75.5",
            ),
            ("SELECT count(*) < 10 FROM sys.segments", "true"),
            ("SELECT a FROM t WHERE a = 7", "7.0"),
            ("CHECK TABLE t", &answer(&session, "CHECK TABLE t")),
        ],
    );
}
