//! CREATE TABLE, DROP TABLE, INSERT, SHOW, SET: what they do and what they leave behind.

use super::{answer, check, check_failures, execute, failure, run, session, warehouse};
use crate::{ErrorKind, OpenOptions, Outcome, Warehouse};

const CITIES: &[&str] = &[
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL,
        region VARCHAR DEFAULT 'E' || 'U', born DATE)",
    "INSERT INTO city VALUES (1, 'Oslo', 'NO', '1048-01-01'), (2, 'Turin', DEFAULT, NULL)",
];

#[test]
fn insert_matches_columns_and_fills_in_defaults() {
    let session = session(CITIES);
    run(
        &session,
        &[
            "INSERT INTO city (name, id) VALUES ('Rome', 3)",
            "INSERT INTO city (ID, Name, BORN) SELECT id + 10, name || '!', born FROM city",
            "INSERT INTO city (id, name, born) VALUES (4, 'Bath', DATE '0900-01-01'),
                (5, 'York', '0071-01-01'), (6, 'Ely', NULL)",
        ],
    );
    check(
        &session,
        &[
            (
                "SELECT id, name, region, born FROM city WHERE id < 10 ORDER BY id",
                "1|Oslo|NO|1048-01-01; 2|Turin|EU|NULL; 3|Rome|EU|NULL; 4|Bath|EU|0900-01-01; \
                 5|York|EU|0071-01-01; 6|Ely|EU|NULL",
            ),
            (
                "SELECT id, name, region FROM city WHERE id > 10 ORDER BY 1",
                "11|Oslo!|EU; 12|Turin!|EU; 13|Rome!|EU",
            ),
        ],
    );
    run(
        &session,
        &["CREATE TABLE d (a INTEGER DEFAULT 7, b VARCHAR)", "INSERT INTO d DEFAULT VALUES"],
    );
    check(&session, &[("SELECT * FROM d", "7|NULL")]);
}

#[test]
fn a_failed_insert_leaves_nothing() {
    let session = session(CITIES);
    check_failures(
        &session,
        &[
            (
                "INSERT INTO city VALUES (7, 'a', 'x', NULL), (1, 'b', 'x', NULL)",
                "key (id) = (1) of row 2 is in the table already",
            ),
            (
                "INSERT INTO city VALUES (7, 'a', 'x', NULL), (8, NULL, 'x', NULL)",
                "\"name\" is NULL in row 2",
            ),
            (
                "INSERT INTO city VALUES (7, 'a', 'x', '2020-13-01')",
                "column \"born\": cannot cast '2020-13-01' to DATE",
            ),
            (
                "INSERT INTO city VALUES (3000000000, 'a', 'x', NULL)",
                "column \"id\": INTEGER out of range",
            ),
            (
                "INSERT INTO city VALUES (7, 'a', 'x', 5)",
                "column \"born\" is DATE, and the value is BIGINT",
            ),
            ("INSERT INTO city VALUES (7, 'a')", "row 1 has 2 values for 4 columns"),
            ("INSERT INTO city (id, name) SELECT 7", "the query has 1 values for 2 columns"),
            ("INSERT INTO city (id, nme) VALUES (7, 'a')", "no column \"nme\""),
            ("INSERT INTO city (id, id) VALUES (7, 8)", "\"id\" is given twice"),
            ("INSERT INTO ctiy VALUES (1)", "there is no table \"ctiy\""),
            ("INSERT INTO city SELECT id / 0, name, region, born FROM city", "division by zero"),
        ],
    );
    check(&session, &[("SELECT count(*), max(id) FROM city", "2|2")]);
}

#[test]
fn values_are_rounded_or_refused_but_never_lost() {
    let session = session(&["CREATE TABLE v (a DECIMAL(4,1), b REAL, c SMALLINT, d BOOLEAN)"]);
    run(&session, &["INSERT INTO v VALUES (1.25, 1.5, 2.5, 'yes'), (-1.25, 1, -2, true)"]);
    check(&session, &[("SELECT * FROM v ORDER BY a", "-1.3|1.0|-2|true; 1.3|1.5|3|true")]);
    check_failures(
        &session,
        &[
            ("INSERT INTO v VALUES (999.95, 1, 1, true)", "column \"a\": DECIMAL out of range"),
            ("INSERT INTO v VALUES (1, 1e300, 1, true)", "column \"b\": REAL out of range"),
            ("INSERT INTO v VALUES (1, 1, 32768, true)", "column \"c\": SMALLINT out of range"),
            ("INSERT INTO v VALUES (1, 1, 1, 'maybe')", "column \"d\": cannot cast 'maybe'"),
        ],
    );
}

#[test]
fn create_table_as_takes_names_types_and_order_from_the_query() {
    let session = session(CITIES);
    run(
        &session,
        &[
            "CREATE TABLE a AS SELECT id, name AS \"Name\", id * 1.5 AS x, count(*) OVER () AS n FROM city",
            "CREATE TABLE b (k, v) SORTED BY (v) AS SELECT id, -id FROM city",
            "CREATE TABLE c (k INTEGER PRIMARY KEY, v VARCHAR) AS SELECT id, born FROM city",
            "CREATE TABLE e AS SELECT id FROM city WHERE false",
        ],
    );
    check(
        &session,
        &[
            (
                "DESCRIBE a",
                "id|INTEGER|YES|NULL|NULL; Name|VARCHAR|YES|NULL|NULL; x|DECIMAL(13,1)|YES|NULL|NULL; n|BIGINT|YES|NULL|NULL",
            ),
            ("SELECT * FROM b", "2|-2; 1|-1"),
            ("SELECT * FROM c ORDER BY k", "1|1048-01-01; 2|NULL"),
            ("SELECT count(*) FROM e", "0"),
        ],
    );
    check_failures(
        &session,
        &[
            (
                "CREATE TABLE f AS SELECT 1 AS x, 2 AS \"X\"",
                "two columns of the query are called \"X\"",
            ),
            ("CREATE TABLE f (a, b) AS SELECT 1", "2 columns are named, and the query has 1"),
            ("CREATE TABLE f AS SELECT [1, 2] AS x", "\"x\" has the type BIGINT[]"),
            ("CREATE TABLE f AS SELECT 1 / 0 AS x", "division by zero"),
            ("CREATE TABLE f (k PRIMARY KEY) AS SELECT 1 FROM city", "syntax error"),
            ("CREATE TABLE f (k INTEGER PRIMARY KEY) AS SELECT 1 FROM city", "occurs twice"),
            ("SELECT * FROM f", "there is no table \"f\""),
        ],
    );
}

#[test]
fn tables_are_replaced_and_dropped_whole() {
    let session = session(CITIES);
    run(&session, &["CREATE TABLE IF NOT EXISTS city (x INTEGER)"]);
    check(&session, &[("SELECT count(*) FROM city", "2")]);
    check_failures(&session, &[("CREATE TABLE City (x INTEGER)", "exists already")]);
    run(&session, &["CREATE OR REPLACE TABLE city (x INTEGER)"]);
    check(&session, &[("SELECT count(*) FROM city", "0")]);
    run(&session, &["CREATE OR REPLACE TABLE city AS SELECT 5 AS x"]);
    check(&session, &[("SELECT x FROM city", "5")]);
    check_failures(
        &session,
        &[
            ("CREATE OR REPLACE TABLE city AS SELECT 1 / (x - 5) FROM city", "division by zero"),
            ("DROP TABLE city, nope", "there is no table \"nope\""),
        ],
    );
    check(&session, &[("SELECT x FROM city", "5")]);
    run(&session, &["DROP TABLE IF EXISTS nope, city"]);
    check(&session, &[("SHOW TABLES", "")]);
    run(
        &session,
        &["CREATE TABLE p (id INTEGER PRIMARY KEY)", "CREATE TABLE q (id INTEGER REFERENCES p)"],
    );
    check_failures(&session, &[("DROP TABLE p", "table \"q\" references it")]);
    run(&session, &["DROP TABLE p, q"]);
    check(&session, &[("SHOW TABLES", "")]);
}

#[test]
fn databases_schemas_and_functions_are_shown() {
    let session = session(&[]);
    check(
        &session,
        &[
            ("SHOW DATABASES", "warehouse"),
            ("show schemas", "main; information_schema; sys"),
            ("SHOW SCHEMAS;", "main; information_schema; sys"),
        ],
    );
    let functions = format!("; {}; ", answer(&session, "SHOW FUNCTIONS"));
    for line in ["abs|scalar", "sum|aggregate", "row_number|window"] {
        assert!(functions.contains(&format!("; {line}; ")), "{functions}");
    }
    check_failures(&session, &[("SHOW FUNCTIONS x", "syntax error at or near \"x\"")]);
}

#[test]
fn show_create_table_can_be_executed_again() {
    let session = session(&[
        "CREATE TABLE p (id INTEGER, \"Part No\" VARCHAR UNIQUE, PRIMARY KEY (id))",
        "CREATE TABLE q (id INTEGER NOT NULL, p INTEGER DEFAULT 1 + 1, \"order\" DECIMAL(8,2),
            at TIMESTAMPTZ DEFAULT now(), CONSTRAINT fk FOREIGN KEY (p) REFERENCES p,
            CONSTRAINT positive CHECK (\"order\" > 0)) SORTED BY (at, p)",
    ]);
    for table in ["p", "q"] {
        let show = format!("SHOW CREATE TABLE {table}");
        let shown = answer(&session, &show);
        let sql = shown.split_once('|').unwrap().1;
        let copied = super::session(&["CREATE TABLE p (id INTEGER PRIMARY KEY)"]);
        let sql = sql.replacen("CREATE TABLE", "CREATE OR REPLACE TABLE", 1);
        run(&copied, &[&sql]);
        assert_eq!(answer(&copied, &show), shown);
    }
    check(
        &session,
        &[
            ("DESCRIBE p", "id|INTEGER|NO|PRI|NULL; Part No|VARCHAR|YES|UNI|NULL"),
            (
                "DESCRIBE q",
                "id|INTEGER|NO|NULL|NULL; p|INTEGER|YES|REF|1 + 1; order|DECIMAL(8,2)|YES|NULL|NULL; \
                 at|TIMESTAMPTZ|YES|NULL|now()",
            ),
        ],
    );
}

#[test]
fn the_catalog_can_be_queried() {
    let session = session(CITIES);
    run(&session, &["CREATE TABLE sale (id BIGINT, city INTEGER REFERENCES city, CHECK (id > 0))"]);
    check(
        &session,
        &[
            (
                "SELECT table_schema, table_name, table_type FROM information_schema.tables
                 WHERE table_schema = 'main' ORDER BY 2",
                "main|city|BASE TABLE; main|sale|BASE TABLE",
            ),
            (
                "SELECT column_name, ordinal_position, data_type, is_nullable, column_default
                 FROM information_schema.columns WHERE table_name = 'city' ORDER BY 2",
                "id|1|INTEGER|NO|NULL; name|2|VARCHAR|NO|NULL; region|3|VARCHAR|YES|'E' || 'U'; \
                 born|4|DATE|YES|NULL",
            ),
            (
                "SELECT constraint_name, constraint_type FROM information_schema.table_constraints
                 ORDER BY 1",
                "city_pkey|PRIMARY KEY; sale_check1|CHECK; sale_city_fkey|FOREIGN KEY",
            ),
            (
                "SELECT constraint_name, column_name FROM information_schema.key_column_usage
                 ORDER BY 1",
                "city_pkey|id; sale_city_fkey|city",
            ),
            ("SELECT count(*) FROM warehouse.main.city", "2"),
            ("SELECT count(*) FROM Main.CITY", "2"),
        ],
    );
    check_failures(&session, &[("SELECT * FROM other.city", "there is no schema \"other\"")]);
}

#[test]
fn summarize_shows_every_column() {
    let session = session(CITIES);
    check(
        &session,
        &[(
            "SUMMARIZE city",
            "id|INTEGER|1|2|2|2|1.5|0.7071067811865476|0.0; name|VARCHAR|Oslo|Turin|2|2|NULL|NULL|0.0; \
             region|VARCHAR|EU|NO|2|2|NULL|NULL|0.0; born|DATE|1048-01-01|1048-01-01|1|1|NULL|NULL|50.0",
        )],
    );
    let rows = answer(&session, "SUMMARIZE SELECT * FROM city WHERE false");
    assert_eq!(rows.split("; ").count(), 4, "{rows}");
}

#[test]
fn settings_are_set_shown_and_reset() {
    let session = session(&[]);
    run(
        &session,
        &["SET threads = 1", "SET starfact.zone_maps TO off", "SET memory_limit = '1GB'"],
    );
    check(
        &session,
        &[
            ("SHOW threads", "1"),
            ("SHOW starfact.zone_maps", "off"),
            ("SHOW memory_limit", "1.0GB"),
        ],
    );
    run(
        &session,
        &["RESET threads", "RESET zone_maps", "SET datafusion.execution.batch_size = 100"],
    );
    check(
        &session,
        &[
            ("SHOW threads", "2"),
            ("SHOW zone_maps", "on"),
            ("SHOW datafusion.execution.batch_size", "100"),
        ],
    );
    run(&session, &["RESET datafusion.execution.batch_size"]);
    check(&session, &[("SHOW datafusion.execution.batch_size", "8192")]);
    check_failures(
        &session,
        &[
            ("SET thraeds = 1", "there is no setting \"thraeds\""),
            ("SET threads = 0", "starfact.threads: expected a number from 1 to 1024"),
            ("SET zone_maps = maybe", "expected on or off"),
            ("SET merge_fan_in = 1", "starfact.merge_fan_in: expected a number from 2 to 64"),
            ("SET flush_size = 'much'", "starfact.flush_size: expected a size"),
            ("SHOW nonsense", "there is no setting \"nonsense\""),
            ("SET datafusion.execution.batch_siz = 1", "there is no setting"),
        ],
    );
    assert_eq!(failure(&session, "SET thraeds = 1").hint.unwrap(), "did you mean \"threads\"?");
}

#[test]
fn a_deleted_row_changes_no_plan() {
    let session = session(&[
        "CREATE TABLE day (id INTEGER PRIMARY KEY, year INTEGER)",
        "CREATE TABLE shop (id INTEGER PRIMARY KEY, region VARCHAR)",
        "INSERT INTO day SELECT value, 1990 + value / 365 FROM generate_series(1, 2000) AS s (value)",
        "INSERT INTO shop SELECT value, 'r' || (value % 5) FROM generate_series(1, 300) AS s (value)",
        "CREATE TABLE sale (day INTEGER REFERENCES day, shop INTEGER REFERENCES shop, sum BIGINT)",
        "INSERT INTO sale SELECT 1 + value % 2000, 1 + value % 300, value \
         FROM generate_series(1, 90000) AS s (value)",
    ]);
    let plan = || {
        let text = answer(
            &session,
            "EXPLAIN SELECT year, sum(sum) FROM sale JOIN day ON sale.day = day.id \
             JOIN shop ON shop = shop.id WHERE region = 'r1' GROUP BY year",
        );
        text.replace("blocks=2/2", "").replace("blocks=3/3", "")
    };
    let before = plan();
    run(&session, &["DELETE FROM sale WHERE sum = 500"]);
    assert_eq!(plan(), before);
    // What is known of the rest is still right.
    run(&session, &["DELETE FROM sale WHERE sum = 90000 OR sum = 1"]);
    check(&session, &[("SELECT min(sum), max(sum), count(*) FROM sale", "2|89999|89997")]);
}

#[test]
fn merges_in_the_background_are_set() {
    let session = session(&["CREATE TABLE t (id BIGINT)"]);
    run(&session, &["SET background_merges = off", "SET flush_rows = 1"]);
    run(&session, &["INSERT INTO t VALUES (1), (2)"]);
    std::thread::sleep(std::time::Duration::from_millis(200));
    check(&session, &[("SELECT rows FROM sys.delta", "2"), ("SHOW flush_rows", "1")]);
    run(&session, &["RESET background_merges"]);
    while answer(&session, "SELECT rows FROM sys.delta") != "0" {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    check(&session, &[("SELECT reason, rows_after, status FROM sys.merges", "background|2|done")]);
    run(&session, &["RESET flush_rows", "SET merge_fan_in = 3", "SET merge_rows_max = 1000"]);
    check(&session, &[("SHOW flush_rows", "1048576"), ("SHOW merge_fan_in", "3")]);
    run(&session, &["INSERT INTO t VALUES (3)", "OPTIMIZE TABLE t"]);
    let last = "SELECT reason FROM sys.merges ORDER BY started DESC LIMIT 1";
    check(&session, &[(last, "statement")]);
}

#[test]
fn what_cannot_be_done_yet_says_so() {
    let session = session(CITIES);
    check_failures(
        &session,
        &[
            ("CREATE VIEW v AS SELECT 1", "CREATE VIEW is not supported"),
            ("CREATE TEMP TABLE t (a INTEGER)", "temporary tables are not supported"),
            ("WITH x AS (DELETE FROM city RETURNING *) SELECT * FROM x", "not"),
            ("SELECT * INTO other FROM city", "SELECT INTO is not supported"),
            ("EXPLAIN INSERT INTO city VALUES (1)", "EXPLAIN takes a query"),
        ],
    );
    check(&session, &[("SELECT count(*) FROM city", "2")]);
}

#[test]
fn counts_and_tags_tell_what_was_done() {
    let session = session(&[]);
    let outcome = |sql: &str| match session.execute(sql).unwrap() {
        Outcome::Count { verb, rows } => format!("{verb} {rows}"),
        Outcome::Done { tag } => tag,
        other => format!("{other:?}"),
    };
    assert_eq!(outcome("CREATE TABLE t (a INTEGER)"), "CREATE TABLE");
    assert_eq!(outcome("INSERT INTO t VALUES (1), (2)"), "INSERT 2");
    assert_eq!(outcome("INSERT INTO t SELECT 1 WHERE false"), "INSERT 0");
    assert_eq!(outcome("CREATE TABLE u AS SELECT * FROM t"), "CREATE TABLE 2");
    assert_eq!(outcome("UPDATE t SET a = 3"), "UPDATE 2");
    assert_eq!(outcome("DELETE FROM t WHERE a = 4"), "DELETE 0");
    assert_eq!(outcome("TRUNCATE t"), "TRUNCATE 2");
    assert_eq!(outcome("BEGIN"), "BEGIN");
    assert_eq!(outcome("COMMIT"), "COMMIT");
    assert_eq!(outcome("BEGIN READ ONLY"), "BEGIN");
    assert_eq!(outcome("ROLLBACK"), "ROLLBACK");
    assert_eq!(outcome("SET threads = 2"), "SET");
    assert_eq!(outcome("DROP TABLE t"), "DROP TABLE");
}

#[test]
fn appended_batches_are_matched_by_name() {
    let session = session(CITIES);
    let batches = execute(&session, "SELECT 'Nice' AS name, 9 AS id").unwrap();
    let rows = session.append("city", &mut batches.into_iter().map(Ok)).unwrap();
    assert_eq!(rows, 1);
    check(&session, &[("SELECT * FROM city WHERE id = 9", "9|Nice|EU|NULL")]);
    let batches = execute(&session, "SELECT 'Nice' AS name, 9 AS id").unwrap();
    let error = session.append("city", &mut batches.into_iter().map(Ok)).unwrap_err();
    assert!(error.message.contains("is in the table already"), "{}", error.message);
    let error = session.append("cities", &mut std::iter::empty()).unwrap_err();
    assert!(error.message.contains("no table \"cities\""), "{}", error.message);
}

#[test]
fn data_is_there_for_other_sessions_and_after_reopening() {
    let folder = std::env::temp_dir().join(format!("starfact-sql-reopen-{}", std::process::id()));
    let open = |read_only| {
        let path = Some(folder.clone());
        Warehouse::open(OpenOptions { path, read_only, ..OpenOptions::default() })
    };
    let error = open(true).err().expect("nothing is created by a reader");
    assert_eq!(error.kind, ErrorKind::CannotOpen);
    let writer = open(false).unwrap();
    run(&writer.session(), CITIES);
    check(&writer.session(), &[("SELECT count(*) FROM city", "2")]);
    let reader = open(true).unwrap();
    check(&reader.session(), &[("SELECT count(*) FROM city", "2")]);
    run(&writer.session(), &["INSERT INTO city (id, name) VALUES (5, 'x')"]);
    check(&reader.session(), &[("SELECT count(*) FROM city", "3")]);
    let refused = failure(&reader.session(), "DROP TABLE city");
    assert!(refused.message.contains("read"), "{}", refused.message);
    drop((writer, reader));
    check(&open(false).unwrap().session(), &[("SELECT count(*) FROM city", "3")]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_result_outlives_the_table_that_it_reads() {
    let warehouse = warehouse();
    let (one, other) = (warehouse.session(), warehouse.session());
    run(&one, &["CREATE TABLE t AS SELECT value AS a FROM range(200000)"]);
    let Outcome::Rows(mut rows) = one.execute("SELECT a FROM t").unwrap() else { panic!("rows") };
    let first = rows.next().unwrap().unwrap().num_rows();
    run(&other, &["DROP TABLE t", "CREATE TABLE t AS SELECT 1 AS a"]);
    let rest: usize = rows.map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(first + rest, 200_000);
    check(&one, &[("SELECT count(*) FROM t", "1")]);
}
