//! Groups of threads that are merged by codes, and groups of these: the answers are those that the
//! query engine gives from the states of the threads.

use super::{answer, execute, lines, run, session, sorted, sorted_rows};
use crate::Session;

const TABLES: &[&str] = &[
    "SET starfact.background_merges = off",
    "CREATE TABLE maker (maker_key INTEGER PRIMARY KEY, maker_name VARCHAR, land VARCHAR)",
    "INSERT INTO maker SELECT value, CASE WHEN value % 7 = 0 THEN NULL ELSE 'maker ' || value % 30 END,
         'land ' || value % 4 FROM range(60)",
    "CREATE TABLE item (item_key INTEGER PRIMARY KEY, brand VARCHAR NOT NULL, kind VARCHAR,
         size INTEGER, maker_key INTEGER REFERENCES maker)",
    "INSERT INTO item SELECT value, 'brand ' || value % 25,
         CASE value % 3 WHEN 0 THEN NULL ELSE 'kind ' || value % 11 END, value % 50,
         CASE WHEN value % 13 = 0 THEN NULL ELSE value % 60 END FROM range(3000)",
    "CREATE TABLE sale (id INTEGER NOT NULL, item_key INTEGER REFERENCES item, buyer INTEGER,
         far BIGINT NOT NULL, flag VARCHAR, note VARCHAR, price DECIMAL(12, 2) NOT NULL, ratio DOUBLE NOT NULL)
         SORTED BY (id)",
    "INSERT INTO sale SELECT value, CASE WHEN value % 17 = 0 THEN NULL ELSE value * 7 % 3000 END,
         CASE WHEN value % 19 = 0 THEN NULL ELSE value * 31 % 900 END, value * 1000003 % 100000000007,
         CASE value % 4 WHEN 0 THEN NULL ELSE 'flag ' || value % 6 END, 'note ' || value * value % 10007 % 500,
         value * 0.01 - 700, value / 8.0
     FROM range(80000)",
];

const MORE_NOTES: &str = "INSERT INTO sale SELECT 400000 + value, 1, value, value, 'flag 1',
    'unknown note ' || value, 0.5, -1 FROM range(300)";

/// With what the plan shows if groups are grouped again.
const QUERIES: &[(&str, bool)] = &[
    (
        "SELECT brand, kind, size, count(DISTINCT buyer) FROM sale JOIN item USING (item_key) \
      GROUP BY brand, kind, size",
        true,
    ),
    (
        "SELECT kind, count(DISTINCT buyer), sum(price), min(note) \
      FROM sale JOIN item USING (item_key) GROUP BY kind",
        true,
    ),
    (
        "SELECT land, count(DISTINCT flag), max(price) FROM sale JOIN item USING (item_key) \
      JOIN maker USING (maker_key) GROUP BY land",
        true,
    ),
    ("SELECT count(DISTINCT kind), sum(price) FROM sale JOIN item USING (item_key)", true),
    (
        "SELECT count(DISTINCT kind) FROM sale JOIN item USING (item_key) WHERE price > 1000000",
        true,
    ),
    (
        "SELECT count(DISTINCT buyer), max(buyer), min(buyer), sum(price) FROM sale JOIN item USING (item_key) \
      WHERE price > 1000000",
        true,
    ),
    (
        "SELECT max(id), bool_and(id > 0), sum(id), count(*) FROM (SELECT id FROM sale JOIN item USING (item_key) \
      WHERE id < 0 GROUP BY id)",
        true,
    ),
    (
        "SELECT max(s), count(*), sum(s) FROM (SELECT sum(id) AS s FROM sale JOIN item USING (item_key))",
        true,
    ),
    ("SELECT flag, count(DISTINCT buyer) FROM sale GROUP BY flag", true),
    (
        "SELECT brand, count(DISTINCT note) FROM sale JOIN item USING (item_key) GROUP BY brand",
        true,
    ),
    (
        "SELECT buyer % 5, count(DISTINCT brand) FROM sale JOIN item USING (item_key) GROUP BY 1",
        true,
    ),
    (
        "SELECT note, count(DISTINCT size), count(*) FROM sale JOIN item USING (item_key) GROUP BY note",
        false,
    ),
    ("SELECT DISTINCT brand, size, note FROM sale JOIN item USING (item_key)", false),
    (
        "SELECT brand, kind, size, count(DISTINCT note) FROM sale JOIN item USING (item_key) \
      GROUP BY brand, kind, size",
        true,
    ),
    (
        "SELECT brand, count(DISTINCT kind) FROM sale JOIN item USING (item_key) GROUP BY brand",
        false,
    ),
    ("SELECT note, count(DISTINCT far) FROM sale JOIN item USING (item_key) GROUP BY note", true),
    (
        "SELECT kind, sum(s), count(*), avg(c) FROM (SELECT kind, flag, sum(price) AS s, count(*) AS c \
      FROM sale JOIN item USING (item_key) GROUP BY kind, flag) GROUP BY kind",
        true,
    ),
    (
        "SELECT c, count(*) FROM (SELECT brand, count(*) AS c FROM sale JOIN item USING (item_key) \
      GROUP BY brand) GROUP BY c",
        false,
    ),
    (
        "SELECT brand, size, sum(price), avg(price), count(note) FROM sale JOIN item USING (item_key) \
      GROUP BY brand, size",
        false,
    ),
    (
        "SELECT flag, maker_name, land, sum(price * 2), min(ratio), max(flag) FROM sale \
      LEFT JOIN item USING (item_key) LEFT JOIN maker USING (maker_key) GROUP BY flag, maker_name, land",
        false,
    ),
    (
        "SELECT note, brand, id % 3, count(*) FROM sale JOIN item USING (item_key) \
      WHERE id < 60000 GROUP BY 1, 2, 3",
        false,
    ),
    ("SELECT far, sum(price) FROM sale JOIN item USING (item_key) GROUP BY far", false),
    (
        "SELECT sum(price), count(*), avg(ratio), count(DISTINCT brand) FROM sale \
      JOIN item USING (item_key) WHERE size < 0",
        false,
    ),
    ("SELECT sum(price), max(brand) FROM sale JOIN item USING (item_key)", false),
    ("SELECT DISTINCT brand, flag FROM sale JOIN item USING (item_key)", false),
    (
        "SELECT brand, x.c, y.c FROM (SELECT brand, count(*) AS c FROM sale JOIN item USING (item_key) GROUP BY brand) AS x \
      JOIN (SELECT brand, count(DISTINCT flag) AS c FROM sale JOIN item USING (item_key) GROUP BY brand) AS y USING (brand)",
        true,
    ),
    (
        "SELECT brand, count(*) FROM sale JOIN item USING (item_key) GROUP BY brand \
      UNION ALL SELECT kind, count(*) FROM sale JOIN item USING (item_key) GROUP BY kind",
        false,
    ),
    (
        "SELECT brand, s, sum(s) OVER (PARTITION BY brand) FROM (SELECT brand, flag, round(sum(price), 1) AS s \
      FROM sale JOIN item USING (item_key) GROUP BY brand, flag)",
        false,
    ),
];

/// Compares the answers with those without the switches.
fn assert_same(session: &Session, switches: &[&str]) {
    for (sql, _) in QUERIES {
        let merged = sorted_rows(session, sql);
        for switch in switches {
            run(session, &[&format!("SET starfact.{switch} = off")]);
            assert_eq!(merged, sorted_rows(session, sql), "{switch} off: {sql}");
            assert!(!answer(session, &format!("EXPLAIN {sql}")).contains(", then gby="));
            run(session, &[&format!("SET starfact.{switch} = on")]);
        }
    }
}

#[test]
fn merged_groups_are_those_of_the_states_while_rows_change() {
    let session = session(TABLES);
    for (sql, is_grouped_again) in QUERIES {
        let shown = answer(&session, &format!("EXPLAIN {sql}"));
        assert_eq!(shown.contains(", then gby="), *is_grouped_again, "{sql}\n{shown}");
    }
    assert_same(&session, &["merged_groups", "star_executor"]);
    for sql in [
        // More texts than there is room for beside those of the files.
        "INSERT INTO sale SELECT 200000 + value, value % 40, value % 7, value, 'new flag ' || value,
             'new note ' || value % 90, 0.5, -1 FROM range(300)",
        "UPDATE item SET brand = 'changed', kind = NULL WHERE item_key % 100 = 7",
        "DELETE FROM sale WHERE flag = 'flag 3'",
        "OPTIMIZE sale",
        MORE_NOTES,
        "TRUNCATE sale",
    ] {
        run(&session, &[sql]);
        assert_same(&session, &["merged_groups"]);
    }
}

#[test]
fn functions_of_all_rows_are_those_of_one_thread() {
    let session = session(TABLES);
    for (function, digits) in [
        ("approx_distinct(brand)", 0),
        ("approx_distinct(buyer)", 0),
        ("count(DISTINCT note)", 0),
        ("median(buyer)", 3),
        ("stddev(buyer)", 3),
        ("var_pop(size)", 3),
        ("corr(buyer, ratio)", 6),
        ("covar_pop(buyer, size)", 3),
        ("regr_slope(buyer, size)", 6),
        ("bit_xor(id)", 0),
        ("quantile_cont(buyer, 0.25)", 3),
    ] {
        let sql = format!(
            "SELECT round({function}, {digits}) FROM sale JOIN item USING (item_key) WHERE size > 3"
        );
        run(&session, &["SET starfact.star_executor = off", "SET threads = 1"]);
        let expected = answer(&session, &sql);
        run(&session, &["SET starfact.star_executor = on", "SET threads = 2"]);
        for merged in ["on", "off"] {
            run(&session, &[&format!("SET starfact.merged_groups = {merged}")]);
            assert_eq!(answer(&session, &sql), expected, "{merged}: {sql}");
        }
    }
}

/// What the plan of a query says when it has been executed.
fn analyzed(session: &Session, sql: &str) -> String {
    answer(session, &format!("EXPLAIN ANALYZE {sql}"))
}

#[test]
fn what_cannot_be_merged_is_handed_over() {
    let session = session(TABLES);
    let sql = "SELECT kind, note, count(*), sum(price) FROM sale JOIN item USING (item_key) GROUP BY kind, note";
    run(&session, &["OPTIMIZE sale"]);
    assert!(!analyzed(&session, sql).contains("handed_over"));
    // More texts than there is room for beside those of the dictionary.
    run(&session, &[MORE_NOTES]);
    let handed_over = analyzed(&session, sql);
    assert!(handed_over.contains("handed_over=1"), "{handed_over}");
    let expected = sorted_rows(&session, sql);
    run(&session, &["SET starfact.star_executor = off"]);
    assert_eq!(sorted_rows(&session, sql), expected);
    run(&session, &["SET starfact.star_executor = on"]);

    // Without memory for all groups they leave for operators that spill.
    let many =
        "SELECT far, note || id AS n, sum(price), count(*) FROM sale JOIN item USING (item_key)
         GROUP BY 1, 2";
    let expected = sorted_rows(&session, many);
    let is_handed_over = (12..40).any(|half| {
        run(&session, &[&format!("SET memory_limit = '{}KB'", half * 512)]);
        // What just fits once may not fit again: threads do not always find the same groups.
        let Ok(batches) = execute(&session, many) else { return false };
        assert_eq!(expected, sorted(&batches), "{half}");
        let analyzed = execute(&session, &format!("EXPLAIN ANALYZE {many}"));
        analyzed.is_ok_and(|shown| {
            shown.iter().flat_map(lines).any(|line| line.contains("handed_over=1"))
        })
    });
    assert!(is_handed_over);
    run(&session, &["RESET memory_limit"]);
    assert!(!analyzed(&session, many).contains("handed_over"));
}

#[test]
fn first_groups_are_those_of_all() {
    let session = session(TABLES);
    for (sql, is_first) in [
        (
            "SELECT brand, size, sum(price) AS s FROM sale JOIN item USING (item_key) \
          GROUP BY brand, size ORDER BY s DESC, brand, size LIMIT 7",
            true,
        ),
        (
            "SELECT buyer, brand, count(*) AS c, max(note) FROM sale JOIN item USING (item_key) \
          GROUP BY buyer, brand ORDER BY c, buyer DESC, brand LIMIT 30 OFFSET 4",
            true,
        ),
        (
            "SELECT kind, avg(price) FROM sale LEFT JOIN item USING (item_key) WHERE id < 5000 \
          GROUP BY kind ORDER BY 2 NULLS FIRST, 1 LIMIT 3",
            true,
        ),
        (
            "SELECT id, note, max(buyer) AS b FROM sale JOIN item USING (item_key) \
          GROUP BY id, note ORDER BY b DESC NULLS FIRST, id LIMIT 20",
            true,
        ),
        (
            "SELECT brand, sum(price) AS s FROM sale JOIN item USING (item_key) GROUP BY brand \
          HAVING sum(price) < 0 ORDER BY s LIMIT 3",
            false,
        ),
        (
            "SELECT brand, sum(price) AS s FROM sale JOIN item USING (item_key) GROUP BY brand \
          ORDER BY brand, s LIMIT 3",
            false,
        ),
        (
            "SELECT brand, sum(price) * 2 AS s FROM sale JOIN item USING (item_key) GROUP BY brand \
          ORDER BY s LIMIT 3",
            false,
        ),
    ] {
        let shown = answer(&session, &format!("EXPLAIN {sql}"));
        assert_eq!(shown.contains(", first "), is_first, "{sql}\n{shown}");
        let found = answer(&session, sql);
        run(&session, &["SET starfact.merged_groups = off"]);
        assert_eq!(found, answer(&session, sql), "{sql}");
        run(&session, &["SET starfact.merged_groups = on"]);
    }
}

#[test]
fn plans_tell_how_many_groups_were_hashed() {
    let session = session(TABLES);
    for (sql, is_hashed) in [
        ("SELECT brand, sum(price) FROM sale JOIN item USING (item_key) GROUP BY brand", false),
        // Rows are in the order of the groups.
        ("SELECT id, brand, sum(price) FROM sale JOIN item USING (item_key) GROUP BY 1, 2", false),
        ("SELECT far, brand, sum(price) FROM sale JOIN item USING (item_key) GROUP BY 1, 2", true),
        ("SELECT ratio, sum(price) FROM sale JOIN item USING (item_key) GROUP BY ratio", true),
        ("SELECT DISTINCT brand, id FROM sale JOIN item USING (item_key)", false),
    ] {
        let shown = analyzed(&session, sql);
        assert_eq!(shown.contains("hashed_groups="), is_hashed, "{sql}\n{shown}");
    }
}

#[test]
fn few_rows_are_grouped_by_keys_of_a_large_dimension_one_by_one() {
    let session = session(&[
        "CREATE TABLE big (id INTEGER PRIMARY KEY, kind VARCHAR, other INTEGER)",
        "INSERT INTO big SELECT value, 'kind ' || value % 70, value % 1000 FROM range(120000)",
        "CREATE TABLE few (big_id INTEGER REFERENCES big, amount INTEGER NOT NULL)",
        "INSERT INTO few SELECT CASE WHEN value % 7 = 0 THEN NULL ELSE value * 41 % 120000 END, value
             FROM range(20000)",
    ]);
    for sql in [
        "SELECT other, sum(amount), count(*) FROM few JOIN big ON big_id = id GROUP BY other",
        "SELECT kind, count(DISTINCT other) FROM few JOIN big ON big_id = id GROUP BY kind",
        "SELECT kind, other, max(amount) FROM few LEFT JOIN big ON big_id = id GROUP BY kind, other",
    ] {
        let found = sorted_rows(&session, sql);
        assert!(answer(&session, &format!("EXPLAIN {sql}")).contains("StarfactStarAggregate"));
        for switch in ["merged_groups", "star_executor"] {
            run(&session, &[&format!("SET starfact.{switch} = off")]);
            assert_eq!(found, sorted_rows(&session, sql), "{switch} off: {sql}");
            run(&session, &[&format!("SET starfact.{switch} = on")]);
        }
    }
}

#[test]
fn joins_above_a_star_have_the_smaller_side_in_memory() {
    let session = session(TABLES);
    run(
        &session,
        &["CREATE TABLE tiny (v INTEGER)", "INSERT INTO tiny SELECT value FROM range(50)"],
    );
    let sql = "SELECT count(*) FROM (SELECT buyer AS b FROM sale JOIN item USING (item_key) WHERE size > 3) AS s
         JOIN tiny ON b = v";
    let shown = answer(&session, &format!("EXPLAIN {sql}"));
    let (join, star) = (shown.find("HashJoin").unwrap(), shown.find("StarfactStar").unwrap());
    let tiny = shown.find("table=tiny").unwrap();
    assert!(join < tiny && tiny < star, "{shown}");
}
