//! Kept plans: the answers with them are those without, whatever happens between two queries.

use super::{answer, check, execute, lines, run, session, warehouse};
use crate::{OpenOptions, Session, Warehouse};

const TABLES: &[&str] = &[
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR, \"Region\" VARCHAR)",
    "CREATE TABLE sale (id INTEGER PRIMARY KEY, city INTEGER REFERENCES city, amount INTEGER)
        SORTED BY (id)",
    "CREATE TABLE t (a INTEGER NOT NULL, b VARCHAR)",
    "INSERT INTO city VALUES (1, 'Oslo', 'north'), (2, 'Rome', 'south'), (3, 'Bari', 'south')",
    "INSERT INTO sale VALUES (1, 1, 10), (2, 2, 20), (3, 2, 30), (4, NULL, 5)",
    "INSERT INTO t VALUES (1, 'x'), (2, NULL)",
];

const QUERIES: &[&str] = &[
    "SELECT name, sum(amount) FROM sale JOIN city ON city = city.id GROUP BY name ORDER BY 1",
    "SELECT region, count(*) AS n FROM sale s LEFT JOIN city c ON s.city = c.id GROUP BY region ORDER BY 1",
    "SELECT count(*), min(amount), max(amount), sum(amount) FROM sale",
    "SELECT count(*) FROM sale WHERE amount > 15",
    "SELECT name FROM city c WHERE EXISTS (SELECT 1 FROM sale s WHERE s.city = c.id) ORDER BY 1",
    "SELECT name FROM city WHERE id NOT IN (SELECT city FROM sale) ORDER BY 1",
    "SELECT name, (SELECT max(amount) FROM sale WHERE sale.city = city.id) FROM city ORDER BY 1",
    "SELECT id FROM sale WHERE amount = (SELECT max(amount) FROM sale) ORDER BY 1",
    "SELECT id FROM sale WHERE amount > ALL (SELECT a FROM t) ORDER BY 1",
    "SELECT a, a, b FROM t ORDER BY 1",
    "SELECT * FROM t ORDER BY 1",
    "SELECT max(a) FROM t WHERE a IS NOT NULL",
    "FROM t SELECT b WHERE a IN (1, 3) ORDER BY a",
    "(SELECT a FROM t UNION SELECT id FROM sale) ORDER BY 1",
    "WITH x AS (SELECT a + 1 AS a FROM t) SELECT sum(a) FROM x",
    "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 4) SELECT sum(n) FROM r, t",
    "SELECT a, row_number() OVER (ORDER BY a) FROM t ORDER BY 1",
    "SELECT a FROM t INTERSECT ALL SELECT id FROM sale ORDER BY 1",
    "SELECT \"Region\" FROM city GROUP BY ROLLUP (\"Region\") ORDER BY 1",
    "SELECT date_trunc('hour', TIMESTAMP '2024-01-01 12:34:56+02:00') FROM t",
    "VALUES (1, 'a'), (2, 'b')",
    "SELECT count(*) FROM sys.delta",
    "SELECT count(*) FROM information_schema.tables",
    "SELECT count(*) FROM T, range(3)",
    "SELECT amount FROM sale ORDER BY amount LIMIT 2",
];

/// Queries that fail now and then, which would abort a transaction.
const FALLIBLE: &[&str] =
    &["SELECT a / (a - 1) FROM t ORDER BY a", "SELECT CAST(b AS INTEGER) FROM t"];

/// What happens between the queries.
const STEPS: &[&str] = &[
    "INSERT INTO sale VALUES (5, 3, 40)",
    "INSERT INTO t VALUES (3, '7')",
    "DELETE FROM sale WHERE amount < 10",
    "UPDATE t SET b = 'y' WHERE a = 2",
    "SET starfact.zone_maps = off",
    "SET starfact.encoded_filters = off",
    "SET datafusion.execution.time_zone = '+05:00'",
    "RESET datafusion.execution.time_zone",
    "SET starfact.threads = 1",
    "ALTER TABLE t ADD COLUMN c INTEGER DEFAULT 9",
    "ALTER TABLE t RENAME COLUMN b TO d",
    "ALTER TABLE t RENAME COLUMN d TO b",
    "ALTER TABLE t ALTER COLUMN a TYPE BIGINT",
    "ALTER TABLE t ALTER COLUMN a DROP NOT NULL",
    "INSERT INTO t VALUES (NULL, 'z', 1)",
    "TRUNCATE t",
    "INSERT INTO t VALUES (2, '5', 2), (4, '6', 3)",
    "OPTIMIZE TABLE sale",
    "DROP TABLE t",
    "CREATE TABLE t (b VARCHAR, a INTEGER)",
    "INSERT INTO t VALUES ('1', 20), ('2', 30)",
    "CREATE OR REPLACE TABLE t (a INTEGER NOT NULL, b VARCHAR)",
    "CREATE TABLE x (\"A\" INTEGER)",
    "CREATE TABLE r AS SELECT 1 AS one",
    "DROP TABLE x",
    "BEGIN",
    "INSERT INTO t VALUES (7, '7')",
    "ALTER TABLE t ADD COLUMN e INTEGER",
    "ALTER TABLE t RENAME TO u; CREATE TABLE t AS SELECT id AS a, 'n' AS b FROM sale",
    "ROLLBACK",
    "BEGIN",
    "INSERT INTO t VALUES (8, '8')",
    "COMMIT",
    "BEGIN",
    "DROP TABLE t; CREATE TABLE t (a DOUBLE, b VARCHAR)",
    "INSERT INTO t VALUES (1.5, NULL)",
    "COMMIT",
    "ALTER TABLE sale RENAME TO sold",
    "CREATE TABLE sale AS SELECT * FROM sold WHERE id < 3",
    "BEGIN READ ONLY",
    "ROLLBACK",
];

/// The columns and rows of a query, or why there are none.
fn result(session: &Session, sql: &str) -> String {
    match session.execute(sql).and_then(|outcome| match outcome {
        crate::Outcome::Rows(rows) => {
            let schema = rows.schema();
            let batches = rows.collect::<crate::Result<Vec<_>>>()?;
            Ok((schema, batches))
        }
        _ => panic!("{sql} is no query"),
    }) {
        Ok((schema, batches)) => {
            let rows = batches.iter().flat_map(lines).collect::<Vec<_>>().join("; ");
            format!("{:?}: {rows}", schema.fields())
        }
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn answers_are_the_same_with_and_without_kept_plans() {
    let (on, off) = (session(TABLES), session(TABLES));
    run(&off, &["SET starfact.plan_cache = off"]);
    for step in ["SELECT 1"].iter().chain(STEPS) {
        for part in step.split(';') {
            let (done, undone) = (execute(&on, part), execute(&off, part));
            assert_eq!(done.is_ok(), undone.is_ok(), "{part}");
        }
        let more = if on.is_in_transaction() { &[] } else { FALLIBLE };
        for sql in QUERIES.iter().chain(more) {
            let expected = result(&off, sql);
            for round in 1..=3 {
                assert_eq!(result(&on, sql), expected, "{step}\n{sql}, round {round}");
            }
        }
    }
    assert!(!result(&on, "SELECT 1").contains("aborted"));
    let (repeated, (kept, found)) = (on.plans.repeated(), on.plans.counts());
    assert!(repeated > STEPS.len() * 4, "physical plans were found {repeated} times");
    assert!(kept > QUERIES.len() / 2, "{kept} plans are kept");
    assert!(found > STEPS.len() * QUERIES.len(), "plans were found {found} times");
    assert_eq!(off.plans.counts(), (0, 0));
}

/// How often a plan is found when these queries run one after the other.
fn found(session: &Session, queries: &[&str]) -> usize {
    let before = session.plans.counts().1;
    for sql in queries {
        let _ = result(session, sql);
    }
    session.plans.counts().1 - before
}

#[test]
fn plans_are_found_whatever_rows_and_white_space_do() {
    let session = session(TABLES);
    assert_eq!(found(&session, &["SELECT a FROM t", "select a from t", "SELECT b FROM t"]), 0);
    assert_eq!(found(&session, &["SELECT a FROM t", "SELECT a\n-- of t\nFROM t;"]), 2);
    run(&session, &["INSERT INTO t VALUES (5, NULL)", "DELETE FROM sale", "OPTIMIZE TABLE t"]);
    assert_eq!(found(&session, &["SELECT a FROM t"]), 1);
    for change in ["SET zone_maps = off", "CREATE TABLE v (a INTEGER)", "ALTER TABLE v DROP a"] {
        let _ = execute(&session, change);
        let is_change = !change.starts_with("ALTER");
        assert_eq!(found(&session, &["SELECT a FROM t"]), usize::from(!is_change), "{change}");
    }
}

#[test]
fn what_may_mean_something_else_the_next_time_is_not_kept() {
    let session = session(TABLES);
    let directory = tempfile::tempdir().expect("a folder for files");
    let file = directory.path().join("f.csv");
    std::fs::write(&file, "a\n1\n").expect("a file can be written");
    let file = file.to_str().expect("a path is text");
    let epoch = answer(&session, "SELECT max(last_epoch) FROM sys.snapshots");
    for sql in [
        "SELECT now()".to_owned(),
        "SELECT a FROM t WHERE random() >= 0".to_owned(),
        "SELECT current_date, a FROM t".to_owned(),
        "SELECT count(*) FROM t WHERE current_timestamp > TIMESTAMP '2020-01-01'".to_owned(),
        "SELECT today()".to_owned(),
        "SELECT uuid()".to_owned(),
        "SELECT (SELECT max(now()) FROM t)".to_owned(),
        "SELECT count(*) FROM sys.segments".to_owned(),
        "SELECT 1 FROM information_schema.tables WHERE false".to_owned(),
        format!("SELECT * FROM '{file}'"),
        format!("WITH x AS (FROM read_csv('{file}')) SELECT 1"),
        format!("SELECT a FROM t AS OF EPOCH {epoch}"),
        "SELECT * FROM range(3)".to_owned(),
        "SELECT 'a'\n'b'".to_owned(),
    ] {
        run(&session, &[&sql]);
        assert_eq!(session.plans.counts(), (0, 0), "{sql}");
    }
}

#[test]
fn the_plan_that_was_not_used_for_longest_goes_first() {
    let session = session(&[]);
    for number in 0..300 {
        check(&session, &[("SELECT 0", "0"), (&format!("SELECT {number}"), &number.to_string())]);
    }
    assert_eq!(session.plans.counts().0, 128);
    assert_eq!(found(&session, &["SELECT 0", "SELECT 299", "SELECT 173", "SELECT 172"]), 3);
}

/// Bytes of all files of a folder.
fn bytes(folder: &std::path::Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let of = |entry: std::fs::DirEntry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => bytes(&entry.path()),
        _ => entry.metadata().map_or(0, |file| file.len()),
    };
    entries.map(of).sum()
}

#[test]
fn kept_plans_keep_no_files() {
    let directory = tempfile::tempdir().expect("a folder for a warehouse");
    let path = Some(directory.path().to_owned());
    let session = Warehouse::open(OpenOptions { path, ..OpenOptions::default() });
    let session = session.expect("a warehouse opens").session();
    run(
        &session,
        &[
            "SET starfact.retain_epochs = 0",
            "SET starfact.retain_seconds = 0",
            "CREATE TABLE t AS SELECT value * 7919 % 1000003 AS a FROM range(1000000)",
            "CREATE TABLE u (b INTEGER)",
        ],
    );
    let before = bytes(directory.path());
    let query = "SELECT count(a) FROM t WHERE a IN (SELECT max(b) FROM u)";
    check(&session, &[(query, "0"), (query, "0")]);
    let repeatable = "SELECT count(*) FROM t WHERE a % 7 = 8";
    check(&session, &[(repeatable, "0"), (repeatable, "0")]);
    assert_eq!(session.plans.repeated(), 1);
    run(&session, &["TRUNCATE t", "OPTIMIZE TABLE t", "VACUUM"]);
    let after = bytes(directory.path());
    assert!(after < before / 2, "{before} bytes became {after}");
    check(&session, &[(query, "0")]);
    assert_eq!(session.plans.counts(), (2, 3));
}

#[test]
fn readers_see_what_was_committed_since() {
    let directory = tempfile::tempdir().expect("a folder for a warehouse");
    let path = Some(directory.path().to_owned());
    let writer = Warehouse::open(OpenOptions { path: path.clone(), ..OpenOptions::default() });
    let writer = writer.expect("a warehouse opens").session();
    run(
        &writer,
        &[
            // They would come between two queries.
            "SET starfact.background_merges = off",
            "CREATE TABLE t AS SELECT value AS a FROM range(100000)",
        ],
    );
    let read_only = OpenOptions { path, read_only: true, ..OpenOptions::default() };
    let reader = Warehouse::open(read_only).expect("it opens for reading, too").session();
    let query = "SELECT count(*), sum(a) FROM t WHERE a >= 0";
    for sql in ["SELECT 1", "DELETE FROM t WHERE a < 50000", "INSERT INTO t VALUES (1)"] {
        run(&writer, &[sql]);
        let expected = answer(&writer, query);
        check(&reader, &[(query, &expected), (query, &expected)]);
    }
    assert!(reader.plans.counts().1 >= 5);
    assert!(reader.plans.repeated() >= 3);
}

#[test]
fn sessions_have_plans_of_their_own() {
    let warehouse = warehouse();
    let (one, other) = (warehouse.session(), warehouse.session());
    run(&one, TABLES);
    check(&one, &[("SELECT a FROM t ORDER BY 1", "1; 2")]);
    assert_eq!(found(&other, &["SELECT a FROM t ORDER BY 1"]), 0);
    run(&other, &["ALTER TABLE t RENAME COLUMN a TO c", "ALTER TABLE t RENAME COLUMN b TO a"]);
    check(&one, &[("SELECT a FROM t ORDER BY 1", "x; NULL")]);
}

#[test]
fn kept_plans_hold_no_memory() {
    let session = session(&[
        "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR)",
        "CREATE TABLE sale (city INTEGER REFERENCES city, amount INTEGER)",
        "INSERT INTO city SELECT value, 'city ' || value FROM range(5000)",
        "INSERT INTO sale SELECT value % 5000, value FROM range(20000)",
    ]);
    let star = "SELECT count(DISTINCT name), sum(amount) FROM sale JOIN city ON city = id
        WHERE id % 2 = 0";
    let groups = "SELECT name, sum(amount) FROM sale JOIN city ON city = id GROUP BY name
        ORDER BY 2 DESC LIMIT 1";
    let common = "SELECT sum(s) FROM (SELECT name, sum(amount) AS s FROM sale JOIN city ON city = id
        GROUP BY name UNION ALL SELECT name, sum(amount) FROM sale JOIN city ON city = id GROUP BY name)";
    let shown = answer(&session, &format!("EXPLAIN {common}"));
    assert!(shown.contains("of the groups by [name]"), "{shown}");
    for round in 1..=3 {
        let expected =
            [(star, "2500|99990000"), (groups, "city 4999|49996"), (common, "399980000")];
        for case in expected {
            check(&session, &[case]);
            assert_eq!(session.reserved_bytes(), 0, "round {round}: {}", case.0);
        }
    }
    assert!(session.plans.repeated() >= 4);
}
