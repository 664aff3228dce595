//! Aggregations of a query that read the same rows: with common groups and without, the answers are
//! the same.

use super::{answer, execute, run, session, sorted, sorted_rows};
use crate::Session;

const TABLES: &[&str] = &[
    "SET starfact.background_merges = off",
    "CREATE TABLE land (land_key INTEGER PRIMARY KEY, land VARCHAR NOT NULL)",
    "INSERT INTO land SELECT value, 'land ' || value FROM range(5)",
    "CREATE TABLE maker (maker_key INTEGER PRIMARY KEY, name VARCHAR, land_key INTEGER NOT NULL REFERENCES land)",
    "INSERT INTO maker SELECT value, CASE WHEN value % 7 = 0 THEN NULL ELSE 'maker ' || value % 30 END,
         value % 5 FROM range(60)",
    "CREATE TABLE part (part_key INTEGER PRIMARY KEY, kind VARCHAR, size INTEGER NOT NULL)",
    "INSERT INTO part SELECT value, 'kind ' || value % 9, value % 50 FROM range(2000)",
    "CREATE TABLE stock (part_key INTEGER REFERENCES part, maker_key INTEGER NOT NULL REFERENCES maker,
         amount INTEGER NOT NULL, cost DECIMAL(12, 2), ratio DOUBLE NOT NULL, note VARCHAR NOT NULL)",
    "INSERT INTO stock SELECT CASE WHEN value % 23 = 0 THEN NULL ELSE value % 1700 END, value * 31 % 60,
         value % 100, CASE WHEN value % 11 = 0 THEN NULL ELSE value * 0.01 END, value / 8.0, 'note ' || value % 40
     FROM range(70000)",
];

/// With how many aggregations are made of the groups of others.
const QUERIES: &[(&str, usize)] = &[
    (
        "SELECT part_key, sum(cost * amount) AS v FROM stock JOIN maker USING (maker_key) JOIN land USING (land_key) \
      WHERE land = 'land 3' GROUP BY part_key HAVING sum(cost * amount) > (SELECT sum(cost * amount) * 0.002 \
      FROM stock JOIN maker USING (maker_key) JOIN land USING (land_key) WHERE land = 'land 3')",
        1,
    ),
    (
        "SELECT kind, land, count(*), max(note), avg(ratio), (SELECT avg(ratio) FROM stock JOIN part USING (part_key) \
      JOIN maker USING (maker_key) JOIN land USING (land_key)) FROM stock JOIN part USING (part_key) \
      JOIN maker USING (maker_key) JOIN land USING (land_key) GROUP BY kind, land",
        1,
    ),
    (
        "SELECT kind, size, sum(cost), min(note) FROM stock JOIN part USING (part_key) GROUP BY kind, size \
      UNION ALL SELECT NULL, NULL, sum(cost), min(note) FROM stock JOIN part USING (part_key) \
      UNION ALL SELECT kind, size, sum(cost), min(note) FROM stock JOIN part USING (part_key) GROUP BY kind, size",
        2,
    ),
    (
        "SELECT kind, NULL, count(cost), stddev(ratio) > 0 FROM stock JOIN part USING (part_key) GROUP BY kind \
      UNION ALL SELECT kind, note, count(cost), stddev(ratio) > 0 FROM stock JOIN part USING (part_key) GROUP BY kind, note",
        1,
    ),
    (
        "SELECT sum(cost), max(kind) FROM stock JOIN part USING (part_key) \
      UNION ALL SELECT sum(cost), max(kind) FROM stock JOIN part USING (part_key)",
        1,
    ),
    // A condition that is written out twice has its subquery twice.
    (
        "SELECT kind, count(*) FROM stock JOIN part USING (part_key) \
      WHERE ratio > (SELECT avg(ratio) FROM stock JOIN part USING (part_key)) OR kind = 'kind 3' AND amount < 7 GROUP BY kind",
        1,
    ),
    (
        "SELECT count(*), sum(amount) FROM stock JOIN part USING (part_key) WHERE amount > (SELECT avg(amount) FROM stock \
      JOIN part USING (part_key)) OR kind > (SELECT CASE WHEN avg(amount) > 10 THEN 'kind 7' END FROM stock JOIN part USING (part_key))",
        1,
    ),
    // What waits for the value of a subquery is not what that is made of.
    (
        "SELECT kind, avg(amount), count(*) FILTER (WHERE amount > (SELECT avg(amount) FROM stock JOIN part USING (part_key))) \
      FROM stock JOIN part USING (part_key) GROUP BY kind",
        0,
    ),
    (
        "SELECT amount > (SELECT avg(amount) FROM stock JOIN part USING (part_key)) AS k, avg(amount) \
      FROM stock JOIN part USING (part_key) GROUP BY 1",
        0,
    ),
    // Other rows, other functions, other arguments, or a dimension's keys in part.
    (
        "SELECT part_key, sum(cost) AS v FROM stock JOIN maker USING (maker_key) WHERE name > 'maker 2' GROUP BY part_key \
      HAVING sum(cost) > (SELECT sum(cost) * 0.001 FROM stock JOIN maker USING (maker_key) WHERE name > 'maker 3')",
        0,
    ),
    (
        "SELECT kind, sum(cost) FROM stock JOIN part USING (part_key) GROUP BY kind \
      HAVING sum(cost) > (SELECT avg(cost) FROM stock JOIN part USING (part_key))",
        0,
    ),
    (
        "SELECT kind, sum(cost) FROM stock JOIN part USING (part_key) GROUP BY kind \
      HAVING sum(cost) > (SELECT sum(amount) FROM stock JOIN part USING (part_key))",
        0,
    ),
    (
        "SELECT kind, sum(cost) FILTER (WHERE amount > 5) FROM stock JOIN part USING (part_key) GROUP BY kind \
      HAVING sum(cost) FILTER (WHERE amount > 5) > (SELECT sum(cost) FROM stock JOIN part USING (part_key))",
        0,
    ),
    (
        "SELECT kind, sum(amount) FROM stock JOIN part USING (part_key) WHERE size > 3 GROUP BY kind \
      UNION ALL SELECT kind, sum(amount) FROM stock JOIN part USING (part_key) WHERE size > 3 GROUP BY kind, size",
        0,
    ),
    (
        "SELECT kind, sum(amount) FROM stock LEFT JOIN part USING (part_key) GROUP BY kind \
      UNION ALL SELECT '', sum(amount) FROM stock JOIN part USING (part_key)",
        0,
    ),
    (
        "SELECT note, sum(amount) FROM stock WHERE cost > 1 GROUP BY note \
      HAVING sum(amount) > (SELECT sum(amount) * 0.01 FROM stock WHERE cost > 1)",
        0,
    ),
    (
        "SELECT note, sum(amount) FROM stock WHERE cost > 1 GROUP BY note \
      UNION ALL SELECT note, sum(amount) FROM stock WHERE cost > 1 GROUP BY note",
        1,
    ),
    (
        "SELECT note, sum(amount) FROM stock WHERE cost > 1 GROUP BY note \
      HAVING sum(amount) > (SELECT sum(amount) * 0.01 FROM stock WHERE cost > 2)",
        0,
    ),
];

#[test]
fn common_groups_give_what_each_aggregation_would_find() {
    let session = session(TABLES);
    for (sql, count) in QUERIES {
        let shown = answer(&session, &format!("EXPLAIN {sql}"));
        assert_eq!(shown.matches(", of the groups by [").count(), *count, "{sql}\n{shown}");
    }
    for change in [
        "SELECT 1",
        "INSERT INTO stock VALUES (5, 3, -7, 999999.99, 0.5, 'new note'), (NULL, 8, 1, NULL, 0, '')",
        "UPDATE maker SET land_key = 3 WHERE maker_key % 4 = 1",
        "DELETE FROM stock WHERE amount > 20",
        "TRUNCATE stock",
    ] {
        run(&session, &[change]);
        for (sql, _) in QUERIES {
            let common = sorted_rows(&session, sql);
            assert_eq!(common, sorted_rows(&session, sql), "again after {change}: {sql}");
            for switch in ["common_blocks", "star_executor"] {
                run(&session, &[&format!("SET starfact.{switch} = off")]);
                assert_eq!(
                    common,
                    sorted_rows(&session, sql),
                    "{switch} off after {change}: {sql}"
                );
                run(&session, &[&format!("SET starfact.{switch} = on")]);
            }
        }
    }
}

#[test]
fn groups_that_are_not_kept_are_found_by_each() {
    let session = session(TABLES);
    let sql = "SELECT note, kind, count(*) AS c FROM stock JOIN part USING (part_key) GROUP BY note, kind \
         UNION ALL SELECT NULL, NULL, count(*) FROM stock JOIN part USING (part_key)";
    let more = "INSERT INTO stock SELECT 7, 1, 1, 1, 1, 'more notes ' || value FROM range(3000)";
    run(&session, &["OPTIMIZE stock", more]);
    let expected = sorted_rows(&session, sql);
    run(&session, &["SET starfact.common_blocks = off"]);
    assert_eq!(sorted_rows(&session, sql), expected);
    run(&session, &["SET starfact.common_blocks = on"]);
    assert_same_with_little_memory(&session, sql, &expected);
}

#[test]
fn groups_that_are_too_many_to_keep_are_found_twice() {
    let session = session(TABLES);
    let (sql, _) = QUERIES[2];
    let expected = sorted_rows(&session, sql);
    assert_same_with_little_memory(&session, sql, &expected);
}

/// What has memory enough gives these rows.
fn assert_same_with_little_memory(session: &Session, sql: &str, expected: &[String]) {
    for limit in (10..80).step_by(3) {
        run(session, &[&format!("SET memory_limit = '{}KB'", limit * 100)]);
        if let Ok(batches) = execute(session, sql) {
            assert_eq!(sorted(&batches), expected, "{limit}");
        }
    }
}
