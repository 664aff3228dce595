//! Cubes: kept exact, used without being named, and EXPLAIN says why.

mod dimensions;
mod ledgers;
mod random;

use super::{answer, execute, lines, run, session, sorted_rows};
use crate::Session;
use std::time::{Duration, Instant};

const TABLES: &[&str] = &[
    "CREATE TABLE day (id INTEGER PRIMARY KEY, month INTEGER NOT NULL, year INTEGER NOT NULL)",
    "INSERT INTO day SELECT value, 199201 + value / 30 % 12 + value / 360 * 100, 1992 + value / 360
         FROM range(1440)",
    "CREATE TABLE maker (id INTEGER PRIMARY KEY, land VARCHAR)",
    "INSERT INTO maker SELECT value, 'land ' || value % 4 FROM range(20)",
    "CREATE TABLE item (id INTEGER PRIMARY KEY, brand VARCHAR, category VARCHAR, maker INTEGER
         REFERENCES maker)",
    "INSERT INTO item SELECT value, 'brand ' || value % 25, 'category ' || value % 5,
         CASE WHEN value % 13 = 0 THEN NULL ELSE value % 20 END FROM range(300)",
    "CREATE TABLE sale (id BIGINT PRIMARY KEY, day INTEGER NOT NULL REFERENCES day, sent INTEGER
         REFERENCES day, item INTEGER NOT NULL REFERENCES item, buyer INTEGER, tax DECIMAL(9, 3) NOT NULL
         DEFAULT 1.5, price DECIMAL(12, 2) NOT NULL, cost DECIMAL(12, 2), amount INTEGER)",
    "INSERT INTO sale SELECT value, value * 7 % 1440, CASE WHEN value % 11 = 0 THEN NULL ELSE
         value * 13 % 1440 END, value * 31 % 300, value * 17 % 500, value % 90 * 0.125,
         value * 0.37 - 100,
         CASE WHEN value % 5 = 0 THEN NULL ELSE value * 0.11 END, value % 50 FROM range(5000)",
];

const CUBES: &[&str] = &[
    "CREATE CUBE by_brand AS SELECT year, brand, sum(price), avg(cost), count(*), sum(amount), sum(tax)
         FROM sale JOIN day ON sale.day = day.id JOIN item ON sale.item = item.id GROUP BY year, brand",
    "CREATE CUBE by_month AS SELECT month, amount, count(DISTINCT buyer), sum(price * amount)
         FROM sale JOIN day ON sale.day = day.id GROUP BY month, amount",
    "CREATE CUBE extremes AS SELECT category, land, min(price), max(cost), count(cost)
         FROM sale JOIN item ON item = item.id JOIN maker ON maker = maker.id GROUP BY 1, 2",
];

/// With the cube that answers each, if one does.
const QUERIES: &[(&str, &str)] = &[
    (
        "SELECT year, brand, sum(price), avg(cost) FROM sale JOIN day ON day = day.id
         JOIN item ON item = item.id GROUP BY year, brand",
        "by_brand",
    ),
    (
        "SELECT category, sum(price), count(*), avg(price) FROM sale JOIN item ON item = item.id
         GROUP BY category",
        "by_brand",
    ),
    ("SELECT year, sum(amount) FROM sale JOIN day ON day = day.id WHERE year > 1993 GROUP BY 1", "by_brand"),
    ("SELECT sum(price), count(*), count(cost) FROM sale", "by_brand"),
    (
        "SELECT brand, count(*) FILTER (WHERE year = 1992), sum(cost) FROM sale JOIN day d ON day = d.id
         JOIN item i ON i.id = item WHERE category IN ('category 1', 'category 3') GROUP BY brand",
        "by_brand",
    ),
    (
        "SELECT month, count(DISTINCT buyer) FROM sale JOIN day ON day = day.id GROUP BY month",
        "by_month",
    ),
    (
        "SELECT year, count(DISTINCT buyer), count(*), min(amount) FROM sale JOIN day ON day = day.id
         WHERE amount BETWEEN 3 AND 40 GROUP BY year",
        "by_month",
    ),
    (
        "SELECT sum(price * amount) FROM sale JOIN day ON day = day.id WHERE month = 199304 AND amount < 25",
        "by_month",
    ),
    ("SELECT DISTINCT year, month FROM sale JOIN day ON day = day.id", ""),
    ("SELECT DISTINCT brand FROM sale JOIN item ON item = item.id WHERE price <> 0 OR brand <> ''", ""),
    (
        "SELECT category, min(price), max(cost) FROM sale JOIN item ON item = item.id
         JOIN maker ON maker = maker.id GROUP BY category",
        "extremes",
    ),
    (
        "SELECT land, category, max(cost), count(*) FROM sale JOIN item ON item = item.id
         JOIN maker ON maker = maker.id WHERE land <> 'land 2' GROUP BY ALL",
        "extremes",
    ),
    (
        "SELECT year, sum(price) AS s FROM sale JOIN day ON day = day.id GROUP BY year HAVING count(*) > 5
         ORDER BY s DESC LIMIT 3",
        "by_brand",
    ),
    (
        "SELECT year, sum(price - tax), sum(tax + price) FILTER (WHERE brand > 'brand 2') FROM sale
         JOIN day ON day = day.id JOIN item ON item = item.id GROUP BY year",
        "by_brand",
    ),
    (
        "SELECT brand, avg(price - tax), avg(tax + price) FILTER (WHERE year < 1994) FROM sale
         JOIN day ON day = day.id JOIN item ON item = item.id GROUP BY brand",
        "by_brand",
    ),
    (
        "SELECT year, brand, grouping(brand), sum(price), count(*) FROM sale JOIN day ON day = day.id
         JOIN item ON item = item.id WHERE year < 1995 GROUP BY CUBE (year, brand)",
        "by_brand",
    ),
    (
        "SELECT category, brand, avg(cost), count(cost) FROM sale JOIN item ON item = item.id
         GROUP BY ROLLUP (category, brand) HAVING count(*) > 10",
        "by_brand",
    ),
    ("SELECT year, sum(price - cost) FROM sale JOIN day ON day = day.id GROUP BY year", ""),
    ("SELECT buyer, sum(price) FROM sale GROUP BY buyer", ""),
    ("SELECT brand, min(price) FROM sale JOIN item ON item = item.id GROUP BY brand", ""),
    ("SELECT month, sum(price) FROM sale JOIN day ON sent = day.id GROUP BY month", ""),
    ("SELECT median(price) FROM sale", ""),
];

fn with_cubes() -> Session {
    let session = session(TABLES);
    run(&session, CUBES);
    session
}

fn explained(session: &Session, sql: &str) -> String {
    answer(session, &format!("EXPLAIN {sql}"))
}

/// Whether the cubes that are given with queries, and no others, are said to answer these.
fn assert_answered_by(session: &Session, queries: &[(&str, &str)]) {
    for (sql, cube) in queries {
        let shown = explained(session, sql);
        match cube.is_empty() {
            true => assert!(!shown.contains(": used"), "{sql}\n{shown}"),
            false => assert!(shown.contains(&format!("cube {cube}: used")), "{sql}\n{shown}"),
        }
    }
}

fn assert_exact(session: &Session, after: &str) {
    assert_exact_for(session, QUERIES, "by_brand, by_month, extremes", after);
}

/// Compares answers of cubes with those of tables, and cells with those of a new build.
fn assert_exact_for(session: &Session, queries: &[(&str, &str)], cubes: &str, after: &str) {
    for (sql, _) in queries {
        let found = sorted_rows(session, sql);
        run(session, &["SET starfact.use_cubes = off"]);
        assert_eq!(found, sorted_rows(session, sql), "after {after}: {sql}");
        run(session, &["SET starfact.use_cubes = on"]);
    }
    run(session, &[&format!("CHECK CUBE {cubes}")]);
}

#[test]
fn cubes_answer_what_follows_from_their_cells() {
    let session = with_cubes();
    assert_answered_by(&session, QUERIES);
    assert_exact(&session, "nothing");
}

#[test]
fn cells_follow_every_change() {
    let session = with_cubes();
    run(&session, &["SET starfact.background_merges = off"]);
    for change in [
        "INSERT INTO sale VALUES (10000, 3, NULL, 7, 1, 0.125, 5.25, NULL, 4),
         (10001, 3, 5, 8, NULL, 0, -7, 1, NULL)",
        "DELETE FROM sale WHERE id % 10 = 3",
        "UPDATE sale SET price = price + 1, amount = NULL WHERE id % 7 = 1",
        "UPDATE sale SET buyer = 3",
        "UPDATE item SET brand = 'changed' WHERE id = 31",
        "UPDATE item SET category = 'category 9', maker = 3 WHERE id % 50 = 2",
        "UPDATE item SET maker = NULL WHERE id < 20",
        "UPDATE maker SET land = 'land 7' WHERE id IN (3, 5)",
        "UPDATE maker SET land = NULL WHERE id = 6",
        "UPDATE day SET month = 199913 WHERE id BETWEEN 50 AND 60",
        "UPDATE day SET year = year",
        "OPTIMIZE sale",
        "DELETE FROM sale WHERE price > (SELECT avg(price) FROM sale)",
        "MERGE INTO sale USING (SELECT 4 AS id, 8 AS day UNION ALL SELECT 20000, 9) AS s ON sale.id = s.id
         WHEN MATCHED THEN UPDATE SET day = s.day WHEN NOT MATCHED THEN
         INSERT (id, day, item, price) VALUES (s.id, s.day, 1, 2)",
        "INSERT INTO item VALUES (900, 'new', 'newest', 2)",
        "UPDATE sale SET item = 900 WHERE id % 20 = 0",
        "OPTIMIZE item",
        "TRUNCATE sale",
        "INSERT INTO sale SELECT value, 5, 6, 7, 8, 9, 10, 11, 12 FROM range(300)",
    ] {
        run(&session, &[change]);
        assert_exact(&session, change);
    }
}

#[test]
fn a_transaction_changes_cells_when_it_commits() {
    let session = with_cubes();
    let sql =
        "SELECT brand, sum(price), count(*) FROM sale JOIN item ON item = item.id GROUP BY brand";
    let before = sorted_rows(&session, sql);
    run(
        &session,
        &[
            "BEGIN",
            "UPDATE item SET brand = 'first' WHERE id < 10",
            "INSERT INTO sale VALUES (10000, 3, NULL, 7, 1, 2, 5.25, NULL, 4)",
            "UPDATE item SET brand = 'second' WHERE id BETWEEN 5 AND 15",
            "DELETE FROM sale WHERE item = 12",
            "UPDATE day SET year = 1901 WHERE id % 100 = 7",
        ],
    );
    let own = sorted_rows(&session, sql);
    assert_ne!(own, before);
    assert!(!explained(&session, sql).contains(": used"));
    run(&session, &["COMMIT"]);
    assert!(explained(&session, sql).contains("cube by_brand: used"));
    assert_eq!(sorted_rows(&session, sql), own);
    assert_exact(&session, "a transaction");
    run(&session, &["BEGIN", "DELETE FROM sale", "ROLLBACK"]);
    assert_eq!(sorted_rows(&session, sql), own);
}

#[test]
fn what_a_cube_cannot_be_is_refused_with_words() {
    let session = with_cubes();
    for (sql, expected) in [
        ("CREATE CUBE by_brand AS SELECT count(*) FROM sale", "exists already"),
        ("CREATE CUBE sale AS SELECT count(*) FROM sale", "there is a table called"),
        (
            "CREATE CUBE c AS SELECT buyer, median(price) FROM sale GROUP BY buyer",
            "can be no column",
        ),
        ("CREATE CUBE c AS SELECT sum(price::DOUBLE) FROM sale", "sums of floats"),
        ("CREATE CUBE c AS SELECT count(*) FROM sale, day", "foreign keys"),
        (
            "CREATE CUBE c AS SELECT buyer, count(*) FROM sale WHERE item IS NULL GROUP BY buyer",
            "never true",
        ),
        ("DROP CUBE nothing", "there is no cube"),
        ("CHECK CUBE nothing", "there is no cube"),
        ("DROP TABLE item", "cube"),
        ("ALTER TABLE item RENAME TO thing", "cube \"by_brand\" is made of table"),
        ("ALTER TABLE item RENAME COLUMN brand TO make", "cube \"by_brand\" is made of column"),
        ("ALTER TABLE sale DROP COLUMN cost", "cube \"by_brand\" is made of column"),
        ("SELECT * FROM \"cube by_brand 0\"", "cube by_brand 0"),
    ] {
        let error = execute(&session, sql).map(|_| ()).unwrap_err();
        assert!(error.message.contains(expected), "{sql}: {}", error.message);
    }
    for sql in [
        "ALTER TABLE item RENAME TO thing",
        "ALTER TABLE item RENAME COLUMN brand TO make",
        "ALTER TABLE sale DROP COLUMN cost",
        "ALTER TABLE sale ALTER COLUMN price TYPE DECIMAL(20, 2)",
    ] {
        let hint = execute(&session, sql).map(|_| ()).unwrap_err().hint.unwrap();
        assert!(hint.starts_with("DROP CUBE by_brand first"), "{sql}: {hint}");
    }
    run(&session, &["DROP CUBE by_brand, extremes", "DROP CUBE IF EXISTS by_brand"]);
    assert_eq!(answer(&session, "SELECT name FROM sys.cubes"), "by_month");
}

#[test]
fn keys_are_added_only_where_rows_show_that_they_follow() {
    let session = session(&[
        "CREATE TABLE shop (id INTEGER PRIMARY KEY, town VARCHAR, land VARCHAR)",
        "CREATE TABLE sale (shop INTEGER NOT NULL REFERENCES shop, price INTEGER NOT NULL)",
        "CREATE CUBE empty AS SELECT town, sum(price) FROM sale JOIN shop ON shop = id GROUP BY town",
        "INSERT INTO shop VALUES (1, 'a', 'x'), (2, 'b', 'x'), (3, 'c', 'y')",
        "CREATE CUBE few AS SELECT town, sum(price) FROM sale JOIN shop ON shop = id GROUP BY town",
        "INSERT INTO shop SELECT value, 'town ' || value % 9, 'land ' || value % 3 FROM range(10, 100)",
        "CREATE CUBE many AS SELECT town, sum(price) FROM sale JOIN shop ON shop = id GROUP BY town",
        "INSERT INTO sale SELECT 10 + value % 90, value FROM range(1000)",
        // The land of a town is not one any more.
        "UPDATE shop SET land = 'another' WHERE id = 33",
    ]);
    let keys = |cube: &str| {
        let described = answer(&session, &format!("DESCRIBE CUBE {cube}"));
        described.split("; ").filter(|row| row.contains("|key|")).count()
    };
    assert_eq!(["empty", "few", "many"].map(keys), [1, 1, 2]);
    let sql = "SELECT land, sum(price) FROM sale JOIN shop ON shop = id GROUP BY land";
    assert!(explained(&session, sql).contains("cube many: used"));
    let found = sorted_rows(&session, sql);
    run(&session, &["SET starfact.use_cubes = off", "CHECK CUBE empty, few, many"]);
    assert_eq!(sorted_rows(&session, sql), found);
}

/// A cube answers a query, or does not, and the answer is that of tables.
fn assert_used(session: &Session, cube: &str, sql: &str, is_used: bool) {
    let shown = explained(session, sql);
    assert_eq!(shown.contains(&format!("cube {cube}: used")), is_used, "{sql}\n{shown}");
    assert_same(session, &[sql]);
}

/// Answers are those of tables, whether a cube gives them or not.
fn assert_same(session: &Session, queries: &[&str]) {
    for sql in queries {
        let found = sorted_rows(session, sql);
        run(session, &["SET starfact.use_cubes = off"]);
        assert_eq!(found, sorted_rows(session, sql), "{sql}");
        run(session, &["SET starfact.use_cubes = on"]);
    }
}

#[test]
fn conditions_of_outer_joins_are_none_of_rows() {
    let session = session(&[
        "CREATE TABLE d (id INTEGER PRIMARY KEY, y INTEGER)",
        "CREATE TABLE f (id INTEGER PRIMARY KEY, d INTEGER NOT NULL REFERENCES d)",
        "INSERT INTO d VALUES (1, 2020), (2, 2021)",
        "INSERT INTO f VALUES (1, 1), (2, 2), (3, 2)",
        "CREATE CUBE c AS SELECT y, count(*) FROM f JOIN d ON f.d = d.id GROUP BY y",
    ]);
    let queries = [
        "SELECT count(*) FROM f LEFT JOIN d ON f.d = d.id AND d.y = 2020",
        "SELECT count(*) FROM f LEFT JOIN (SELECT * FROM d WHERE y = 2020) e ON f.d = e.id WHERE e.id IS NULL",
        "SELECT count(*) FROM f JOIN d ON f.d = d.id WHERE d.y = 2020",
        "SELECT count(*) FROM f WHERE d IN (SELECT id FROM d WHERE y = 2021)",
        "SELECT y, count(*) FROM f LEFT JOIN d ON f.d = d.id GROUP BY y",
    ];
    assert_same(&session, &queries);
    run(&session, &["DROP CUBE c"]);
    let outer = "CREATE CUBE c AS SELECT y, count(*) FROM f LEFT JOIN d ON f.d = d.id AND d.y = 2020 GROUP BY y";
    assert!(execute(&session, outer).unwrap_err().message.contains("outer"));
    run(
        &session,
        &["CREATE CUBE c AS SELECT y, count(*) FROM f LEFT JOIN d ON f.d = d.id GROUP BY y"],
    );
    assert_same(&session, &queries);
}

#[test]
fn cells_of_rows_that_are_gone_do_no_harm() {
    let session = session(&[
        "CREATE TABLE f (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, t VARCHAR, q INTEGER NOT NULL)",
        "INSERT INTO f SELECT value, value % 2 + 1, '' || value % 3, 2147483000 FROM range(9)",
        "CREATE CUBE c AS SELECT n, t, count(*), sum(q) FROM f GROUP BY n, t",
        "INSERT INTO f VALUES (10, 0, 'no number', 1)",
        "DELETE FROM f WHERE n = 0",
    ]);
    assert_same(
        &session,
        &[
            "SELECT 100 / n, count(*) FROM f GROUP BY 1",
            "SELECT n, count(*) FROM f WHERE 100 / n > 30 GROUP BY n",
            "SELECT n, count(*) FILTER (WHERE 100 / n > 30) FROM f GROUP BY n",
            "SELECT max(CAST(t AS INTEGER)), count(DISTINCT 100 / n) FROM f",
            "SELECT n, count(*), min(t), count(DISTINCT t) FROM f GROUP BY n",
        ],
    );
    // Tables refuse it, too.
    assert!(execute(&session, "SELECT sum(q + q) FROM f").is_err());
}

#[test]
fn what_may_change_by_itself_is_no_cube() {
    let session = session(&[
        "CREATE TABLE f (id INTEGER PRIMARY KEY, n INTEGER NOT NULL, x DOUBLE, ts TIMESTAMP)",
        "CREATE TABLE g (a INTEGER)",
        "INSERT INTO f VALUES (1, 1, -0.0, NULL)",
    ]);
    for sql in [
        "CREATE CUBE c AS SELECT n, count(*) FROM f WHERE n < (SELECT max(a) FROM g) GROUP BY n",
        "CREATE CUBE c AS SELECT n, count(*) FROM f AS OF EPOCH 3 GROUP BY n",
        "CREATE CUBE c AS SELECT n, count(*) FROM f WHERE current_date > DATE '2020-01-01' GROUP BY n",
        "CREATE CUBE c AS SELECT ts < now(), count(*) FROM f GROUP BY ts < now()",
        "CREATE CUBE c AS SELECT random() < 0.5, count(*) FROM f GROUP BY 1",
        "CREATE CUBE c AS SELECT x, count(*) FROM f GROUP BY x",
    ] {
        let error = execute(&session, sql).map(|_| ()).unwrap_err();
        assert!(!error.message.contains("internal"), "{sql}: {}", error.message);
    }
    assert_eq!(answer(&session, "SELECT count(*) FROM sys.cubes"), "0");
    run(&session, &["CREATE CUBE c AS SELECT n, count(*) FROM f GROUP BY n"]);
    assert!(execute(&session, "CREATE TABLE c (a INTEGER)").is_err());
    // A plan that was made where cells could not count is not kept.
    let sql = "SELECT n, count(*) FROM f GROUP BY n";
    run(&session, &["BEGIN", "INSERT INTO f VALUES (2, 2, 0, NULL)"]);
    answer(&session, sql);
    run(&session, &["COMMIT"]);
    answer(&session, sql);
    assert_eq!(answer(&session, "SELECT hits FROM sys.cubes"), "1");
}

/// Cells that do not follow from the rows are found by all that looks for them.
#[test]
fn wrong_cells_are_found() {
    let warehouse = super::warehouse();
    let session = warehouse.session();
    run(&session, TABLES);
    run(&session, CUBES);
    let sql = "SELECT year, count(*) FROM sale JOIN day ON day = day.id GROUP BY year";
    let right = sorted_rows(&session, sql);
    let mut transaction = warehouse.store().begin().unwrap();
    let snapshot = transaction.snapshot().unwrap();
    let (cells, _) = snapshot.cube_parts().find(|(_, part)| part.cube == "by_brand").unwrap();
    let first = cells.segments()[0].first_row();
    let one = transaction.delete(cells.id(), &[first]).unwrap();
    transaction.commit().unwrap();
    assert_eq!(one, 1);
    assert_ne!(sorted_rows(&session, sql), right);
    let error = execute(&session, "CHECK CUBE by_brand").unwrap_err();
    assert!(error.message.contains("cube \"by_brand\": cell ("), "{}", error.message);
    assert_eq!(session.check().unwrap().faults.len(), 1);
    run(&session, &["CHECK CUBE by_month, extremes", "SET starfact.verify_answers = 1"]);
    assert_eq!(sorted_rows(&session, sql), right);
    let audit = "SELECT cubes, verdict FROM sys.audit";
    assert_eq!(answer(&session, audit), "by_brand|different");
    // The cube is not used any more.
    assert!(!explained(&session, sql).contains("by_brand: used"));
    assert!(
        explained(&session, sql).contains("cube by_brand: quarantined: it gave a wrong answer")
    );
    assert_eq!(sorted_rows(&session, sql), right);
    answer(
        &session,
        "SELECT month, sum(price * amount) FROM sale JOIN day ON day = day.id GROUP BY 1",
    );
    // Another one has the year of each month.
    assert_eq!(answer(&session, audit), "by_brand|different; by_month|same; by_month|same");
    run(&session, &["DROP CUBE by_brand", CUBES[0]]);
    assert!(explained(&session, sql).contains("by_brand: used"));
    assert_eq!(sorted_rows(&session, sql), right);
}

/// Cells that commits have added become one each in the background, where there are many of them,
/// or when the table is optimized.
#[test]
fn loose_cells_become_one_each() {
    let warehouse = super::warehouse();
    let session = warehouse.session();
    run(
        &session,
        &[
            "CREATE TABLE f (k INTEGER NOT NULL, x INTEGER NOT NULL)",
            "INSERT INTO f SELECT value % 4000, value FROM range(8000)",
            "CREATE CUBE c AS SELECT k, sum(x), max(x), count(*) FROM f GROUP BY k",
        ],
    );
    let cells = || answer(&session, "SELECT cells FROM sys.cubes").parse::<u64>().unwrap();
    for _ in 0..8 {
        run(&session, &["INSERT INTO f SELECT value % 4000, value FROM range(4000)"]);
    }
    let begun = Instant::now();
    while cells() > 4_000 + 20_000 {
        assert!(begun.elapsed() < Duration::from_secs(100), "{} cells", cells());
        std::thread::sleep(Duration::from_millis(20));
    }
    let query = "SELECT k, sum(x), max(x), count(*) FROM f GROUP BY k";
    assert_same(&session, &[query]);
    run(&session, &["DELETE FROM f WHERE k % 3 = 1", "OPTIMIZE f"]);
    assert_eq!(cells(), 4_000 - 1_333);
    assert_same(&session, &[query]);
    let saved = "SELECT hits > 0 AND time_saved_ms >= 0 FROM sys.cubes";
    assert_eq!(answer(&session, saved), "true");
    run(&session, &["CHECK CUBE c"]);
}

/// The greatest of floats is NaN, if there is one, in whatever order commits have come.
#[test]
fn bounds_of_floats_know_nan() {
    let session = session(&[
        "CREATE TABLE f (a INTEGER, x DOUBLE)",
        "CREATE CUBE c AS SELECT a, min(x), max(x) FROM f GROUP BY a",
        "INSERT INTO f VALUES (1, 'NaN'), (2, 5)",
        "INSERT INTO f VALUES (1, 5), (2, 'NaN'), (3, -0.0)",
        "INSERT INTO f VALUES (1, -5), (2, 1), (3, 0.0)",
    ]);
    for change in ["SELECT 1", "OPTIMIZE f"] {
        run(&session, &[change, "CHECK CUBE c"]);
        let greatest = "SELECT string_agg(m, '; ' ORDER BY a) FROM
             (SELECT a, concat(min(x), ' ', max(x)) AS m FROM f GROUP BY a)";
        assert!(answer(&session, greatest).starts_with("-5.0 NaN; 1.0 NaN; "), "{change}");
        assert_same(
            &session,
            &["SELECT a, min(x), max(x) FROM f GROUP BY a", "SELECT max(x) FROM f"],
        );
    }
}

/// Dimensions of few rows are looked up, unless that is switched off, and what a change of a
/// dimension far away concerns is found through those between.
#[test]
fn commits_look_up_the_dimensions_of_few_rows() {
    let warehouse = super::warehouse();
    let session = warehouse.session();
    run(&session, TABLES);
    run(&session, CUBES);
    let asked = "SELECT land, min(price), count(cost) FROM sale JOIN item ON item = item.id
         JOIN maker ON maker = maker.id GROUP BY land";
    let names = "SELECT string_agg(name, ', ' ORDER BY name) FROM sys.cubes";
    let check = format!("CHECK CUBE {}", answer(&session, names));
    for switch in ["on", "off"] {
        run(&session, &[&format!("SET starfact.cube_lookups = {switch}")]);
        for change in [
            "INSERT INTO sale SELECT id + 100000, day, sent, item, buyer, tax, price, cost, amount FROM sale
                 WHERE id % 50 = 1",
            "DELETE FROM sale WHERE id > 90000 OR id % 40 = 3",
            "UPDATE maker SET land = 'elsewhere' WHERE id = 7",
            "UPDATE maker SET land = 'land 3' WHERE id = 7",
            "UPDATE item SET brand = 'brand 1', maker = 3 WHERE id < 4",
        ] {
            let before = warehouse.cubes().lookup_count();
            run(&session, &[change]);
            let looked_up = warehouse.cubes().lookup_count() > before;
            assert_eq!(looked_up, switch == "on", "{change}");
            assert_same(&session, &[asked]);
            run(&session, &[&check]);
        }
    }
}

/// What other systems got wrong, by their own trackers and manuals: aggregates that did not hear of
/// changes of dimensions, of deleted rows, or of dropped partitions.
#[test]
fn published_failures_of_others_are_none_here() {
    let session = with_cubes();
    let query = "SELECT brand, category, sum(price), count(*) FROM sale JOIN item ON item = item.id
         GROUP BY brand, category";
    let by_year =
        "SELECT year, count(*), sum(tax) FROM sale JOIN day ON day = day.id GROUP BY year";
    for (failure, change) in [
        (
            "stale after a dimension update",
            "UPDATE item SET category = 'moved' WHERE brand = 'brand 3'",
        ),
        ("wrong after DELETE", "DELETE FROM sale WHERE id % 4 = 0"),
        (
            "wrong after dropping a partition",
            "DELETE FROM sale WHERE day IN (SELECT id FROM day WHERE year = 1993)",
        ),
        ("wrong after TRUNCATE", "TRUNCATE TABLE sale"),
        (
            "wrong after a load into an empty table",
            "INSERT INTO sale SELECT value, value, NULL, value, 1, 1, 2, 3, 4 FROM range(200)",
        ),
    ] {
        run(&session, &[change]);
        for sql in [query, by_year] {
            assert!(explained(&session, sql).contains("by_brand: used"), "{failure}");
        }
        assert_same(&session, &[query, by_year]);
        assert_exact(&session, failure);
    }
}

/// A change of few rows of a dimension changes few cells, however the dimension is referenced.
#[test]
fn dimensions_behind_outer_joins_and_of_two_keys_change_few_cells() {
    let session = session(&[
        "CREATE TABLE land (id INTEGER PRIMARY KEY, part VARCHAR)",
        "INSERT INTO land SELECT value, 'part ' || value % 3 FROM range(8)",
        "CREATE TABLE shop (firm INTEGER, n SMALLINT, kind VARCHAR, land INTEGER REFERENCES land,
             PRIMARY KEY (firm, n))",
        "INSERT INTO shop SELECT value / 4, value % 4, 'kind ' || value % 5, CASE WHEN value % 7 = 0 THEN NULL
             ELSE value % 8 END FROM range(40)",
        "CREATE TABLE person (id INTEGER PRIMARY KEY, town VARCHAR, land INTEGER REFERENCES land)",
        "INSERT INTO person SELECT value, 'town ' || value % 9, value % 8 FROM range(60)",
        "CREATE TABLE sale (firm INTEGER NOT NULL, n SMALLINT NOT NULL, person INTEGER REFERENCES person,
             price INTEGER NOT NULL, FOREIGN KEY (firm, n) REFERENCES shop)",
        "INSERT INTO sale SELECT value % 10, value / 10 % 4, CASE WHEN value % 6 = 0 THEN NULL ELSE value % 60 END,
             value FROM range(3000)",
        "CREATE CUBE kinds AS SELECT s.kind, l.part, sum(price), count(*) FROM sale f JOIN shop s
             ON f.firm = s.firm AND f.n = s.n LEFT JOIN land l ON s.land = l.id GROUP BY s.kind, l.part",
        "CREATE CUBE towns AS SELECT p.town, sum(price), count(*) FROM sale f LEFT JOIN person p
             ON f.person = p.id GROUP BY p.town",
    ]);
    let queries = [
        "SELECT s.kind, l.part, sum(price), count(*) FROM sale f JOIN shop s ON f.firm = s.firm AND f.n = s.n
             LEFT JOIN land l ON s.land = l.id GROUP BY s.kind, l.part",
        "SELECT p.town, sum(price), count(*) FROM sale f LEFT JOIN person p ON f.person = p.id GROUP BY p.town",
    ];
    let cells = || answer(&session, "SELECT sum(cells) FROM sys.cubes").parse::<u64>().unwrap();
    for change in [
        "UPDATE shop SET kind = 'kind 9' WHERE firm = 3 AND n = 2",
        "UPDATE shop SET land = NULL WHERE firm = 4 AND n < 2",
        "UPDATE shop SET land = 5 WHERE firm = 0 AND n = 0",
        "UPDATE land SET part = 'part 9' WHERE id = 3",
        "UPDATE person SET town = NULL WHERE id = 17",
        "UPDATE person SET town = 'town 1' WHERE id BETWEEN 20 AND 23",
    ] {
        let before = cells();
        run(&session, &[change]);
        // Cells of a new build would be one for each combination of keys.
        assert!(cells() > before, "{change}");
        assert_same(&session, &queries);
        run(&session, &["CHECK CUBE kinds, towns"]);
    }
    run(
        &session,
        &[
            "BEGIN",
            "UPDATE shop SET kind = 'kind 1', land = 1 WHERE n = 3",
            "UPDATE land SET part = 'part 1' WHERE id IN (1, 3, 5)",
            "UPDATE person SET town = 'town 9' WHERE id < 30",
            "UPDATE sale SET person = 31 WHERE price % 5 = 0",
            "DELETE FROM sale WHERE price % 11 = 0",
            "COMMIT",
        ],
    );
    assert_same(&session, &queries);
    run(&session, &["CHECK CUBE kinds, towns"]);
}

#[test]
fn every_reason_has_a_query() {
    let session = with_cubes();
    run(
        &session,
        &[
            "CREATE CUBE early AS SELECT year, sum(price) FROM sale JOIN day ON day = day.id
                 WHERE month < 199300 GROUP BY year",
            "CREATE CUBE sent AS SELECT month, sum(price) FROM sale JOIN day ON sent = day.id GROUP BY month",
            "CREATE CUBE makers AS SELECT land, count(*) FROM maker GROUP BY land",
            "CREATE CUBE ids AS SELECT sale.id, sum(tax) FROM sale GROUP BY sale.id",
        ],
    );
    for (sql, expected) in [
        ("SELECT buyer, sum(price) FROM sale GROUP BY 1", "cube by_brand: missing-key: buyer"),
        (
            "SELECT sum(price) FROM sale WHERE buyer = 3",
            "cube by_brand: filter-not-derivable: buyer",
        ),
        (
            "SELECT year, max(buyer) FROM sale JOIN day ON day = day.id GROUP BY 1",
            "cube by_brand: aggregate-not-derivable: max(buyer)",
        ),
        ("SELECT count(*) FROM item", "cube by_brand: other-fact"),
        ("SELECT sum(tax) FROM sale", "cube sent: join-not-lossless"),
        ("SELECT sum(tax) FROM sale JOIN day ON sent = day.id", "cube by_brand: join-not-lossless"),
        (
            "SELECT year, sum(price) FROM sale JOIN day ON day = day.id GROUP BY 1",
            "cube early: cube-filter",
        ),
        ("SELECT sum(tax) FROM sale", "cube makers: other-fact"),
        (
            "SELECT count(*) FROM sale GROUP BY GROUPING SETS ((day), ())",
            "cube by_brand: missing-key",
        ),
        (
            "SELECT year, count(DISTINCT amount) FROM sale JOIN day ON day = day.id GROUP BY ROLLUP (year)",
            "cube by_month: aggregate-not-derivable: count(",
        ),
        ("SELECT count(*) FROM sale, maker", "cube by_brand: no-key"),
    ] {
        let shown = explained(&session, sql);
        assert!(shown.contains(expected), "{sql}\n{shown}");
    }
    let epoch = answer(&session, "SELECT max(last_epoch) FROM sys.snapshots");
    run(
        &session,
        &[
            "INSERT INTO sale VALUES (-1, 3, NULL, 7, 1, 2, 5.25, NULL, 4)",
            "DELETE FROM sale WHERE id < 4900 AND id >= 0",
        ],
    );
    let older = format!("SELECT count(*) FROM sale AS OF EPOCH {epoch}");
    assert!(explained(&session, &older).contains("cube by_brand: as-of"));
    // Cells of rows that are gone are still there beside those that took them off.
    assert!(
        explained(&session, "SELECT id, sum(tax) FROM sale GROUP BY id").contains("cube ids: cost")
    );
    run(&session, &["CHECK CUBE early, sent, makers, ids"]);
}

#[test]
fn conditions_of_cubes_may_follow_from_others() {
    let session = with_cubes();
    run(
        &session,
        &[
            "CREATE CUBE late AS SELECT month, buyer, sum(price), count(*) FROM sale JOIN day ON day = day.id
                 WHERE year > 1992 AND amount <> 7 AND buyer IS NOT NULL GROUP BY month, buyer, amount",
        ],
    );
    let query = |conditions: &str| {
        format!(
            "SELECT year, sum(price), count(*) FROM sale JOIN day ON day = day.id WHERE {conditions}
             GROUP BY year"
        )
    };
    for (conditions, is_used) in [
        ("year = 1994 AND amount <> 7 AND buyer < 100", true),
        ("year IN (1993, 1995) AND amount = 8 AND buyer = 3", true),
        ("year > 1993 AND amount > 7 AND buyer IS NOT NULL", true),
        ("year BETWEEN 1993 AND 1994 AND amount NOT IN (7, 8) AND buyer <> 4", true),
        ("year >= 1992 AND amount <> 7 AND buyer < 100", false),
        ("year = 1994 AND amount >= 7 AND buyer < 100", false),
        ("year = 1994 AND amount <> 7", false),
    ] {
        assert_used(&session, "late", &query(conditions), is_used);
    }
}

#[test]
fn sums_of_integers_follow_where_no_row_can_be_out_of_range() {
    let session = session(&[
        "CREATE TABLE f (k INTEGER, a SMALLINT NOT NULL, b INTEGER NOT NULL, c BIGINT NOT NULL, d SMALLINT NOT NULL)",
        "INSERT INTO f SELECT value % 9, value, value * 1000, value, -value FROM range(2000)",
        "CREATE CUBE sums AS SELECT k, sum(a), sum(b), sum(c), sum(d), count(*) FROM f GROUP BY k",
    ]);
    for (expr, is_used) in [
        ("CAST(a AS INTEGER) + d", true),
        ("CAST(a AS BIGINT) - b", true),
        ("b + CAST(b AS BIGINT)", true),
        ("a - d", false),
        ("b + b", false),
        ("c + b", false),
        ("c + CAST(c AS DECIMAL(20, 0))", true),
    ] {
        let sql = format!("SELECT k, sum({expr}), avg({expr}) FROM f GROUP BY k");
        assert_used(&session, "sums", &sql, is_used);
    }
}

#[test]
fn cubes_may_be_required() {
    let session = with_cubes();
    run(&session, &["SET starfact.use_cubes = require"]);
    answer(&session, "SELECT year, sum(price) FROM sale JOIN day ON day = day.id GROUP BY year");
    let error = execute(&session, "SELECT buyer, sum(price) FROM sale GROUP BY buyer");
    let error = error.map(|_| ()).unwrap_err();
    assert!(error.message.contains("cube by_brand: missing-key: buyer"), "{}", error.message);
    assert_eq!(answer(&session, "SELECT 1"), "1");
}
