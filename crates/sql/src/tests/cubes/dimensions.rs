//! Cells joined with dimensions whose references are keys of theirs.

use super::super::{run, session, sorted_rows};
use super::{TABLES, assert_answered_by, assert_exact_for, explained};
use crate::Session;

const CUBES: &[&str] = &[
    "CREATE CUBE by_item AS SELECT item, count(*), sum(price), sum(amount), min(cost) FROM sale GROUP BY item",
    "CREATE CUBE by_sent AS SELECT sent, sum(price), count(cost), sum(cost), count(*) FROM sale
         WHERE amount > 3 GROUP BY sent",
];

/// With the cube that answers each, if one does.
const QUERIES: &[(&str, &str)] = &[
    (
        "SELECT brand, sum(price), count(*), avg(amount), min(cost) FROM sale JOIN item ON item = item.id
         GROUP BY brand",
        "by_item",
    ),
    // Sales of items without a maker are lost by the join, and stay where it is an outer one.
    (
        "SELECT land, sum(price), count(*) FROM sale JOIN item ON item = item.id
         JOIN maker ON maker = maker.id GROUP BY land",
        "by_item",
    ),
    (
        "SELECT land, sum(price), count(*), count(land) FROM sale JOIN item ON item = item.id
         LEFT JOIN maker ON maker = maker.id GROUP BY land",
        "by_item",
    ),
    ("SELECT sum(price) FROM sale JOIN item i ON item = i.id JOIN maker m ON i.maker = m.id", "by_item"),
    (
        "SELECT category, count(DISTINCT land), max(land), min(brand) FILTER (WHERE land <> 'land 1')
         FROM sale JOIN item ON item = item.id LEFT JOIN maker ON maker = maker.id
         WHERE brand <> 'brand 3' GROUP BY category",
        "by_item",
    ),
    (
        "SELECT category, land, grouping(land), sum(price) FROM sale JOIN item ON item = item.id
         JOIN maker ON maker = maker.id WHERE land > 'land 0' OR category = 'category 2'
         GROUP BY ROLLUP (category, land) HAVING count(*) > 3",
        "by_item",
    ),
    (
        "SELECT land, sum(price) FROM sale JOIN item ON item = item.id LEFT JOIN maker ON maker = maker.id
         WHERE land IS NULL GROUP BY land",
        "by_item",
    ),
    ("SELECT count(*) FROM sale WHERE item IN (SELECT id FROM item WHERE category = 'category 4')", "by_item"),
    (
        "SELECT year, sum(price), avg(cost) FROM sale JOIN day ON sent = day.id WHERE amount > 3 GROUP BY year",
        "by_sent",
    ),
    (
        "SELECT d.year, count(cost), count(d.id) FROM sale LEFT JOIN day d ON sent = d.id WHERE amount > 3
         GROUP BY 1",
        "by_sent",
    ),
    ("SELECT sum(price) FROM sale JOIN day ON sent = day.id WHERE month = 199304 AND amount > 3", "by_sent"),
    // No key leads there.
    ("SELECT year, sum(price) FROM sale JOIN day ON day = day.id GROUP BY year", ""),
    ("SELECT brand, sum(cost) FROM sale JOIN item ON item = item.id GROUP BY brand", ""),
];

fn assert_exact(session: &Session, after: &str) {
    assert_exact_for(session, QUERIES, "by_item, by_sent", after);
}

#[test]
fn cells_are_joined_with_dimensions_that_their_keys_lead_to() {
    let session = session(TABLES);
    run(&session, CUBES);
    assert_answered_by(&session, QUERIES);
    let shown = explained(&session, QUERIES[0].0);
    assert!(shown.contains("no star block of cube by_item 0, item: no-key"), "{shown}");
    assert_exact(&session, "nothing");
    // Dimensions are those of the snapshot, of which cells need not know.
    for change in [
        "UPDATE item SET maker = NULL, brand = 'brand 3' WHERE id % 7 = 1",
        "UPDATE maker SET land = CASE WHEN id % 3 = 0 THEN NULL ELSE 'land ' || id END",
        "DELETE FROM sale WHERE item % 5 = 2",
        "DELETE FROM item WHERE id % 5 = 2",
        "UPDATE day SET year = year + 1 WHERE id % 4 = 0",
        "UPDATE sale SET sent = NULL WHERE id % 3 = 0",
        "INSERT INTO sale SELECT 9000 + value, 3, value, 6, NULL, 2, 5.5, 1.25, value FROM range(40)",
        "TRUNCATE sale",
    ] {
        run(&session, &[change]);
        assert_exact(&session, change);
    }
}

#[test]
fn cells_without_rows_make_no_query_fail() {
    let session = session(TABLES);
    run(&session, CUBES);
    run(
        &session,
        &[
            "CREATE CUBE by_amount AS SELECT amount, item, sum(tax), count(*) FROM sale GROUP BY 1, 2",
        ],
    );
    let queries = [
        "SELECT 100 / amount, sum(tax), count(*) FROM sale GROUP BY 1",
        "SELECT sum(tax), count(*) FROM sale WHERE 100 / amount > 7",
        "SELECT count(DISTINCT 100 / amount), min(7 % amount), count(*) FILTER (WHERE 5 / amount = 1) FROM sale",
        "SELECT category, 90 / (maker - 3), sum(tax) FROM sale JOIN item ON item = item.id GROUP BY 1, 2",
    ];
    let answers = |settings: &str| -> Vec<_> {
        run(&session, &[settings]);
        let answer = |sql: &&str| super::execute(&session, sql).map(|_| sorted_rows(&session, sql));
        queries.iter().map(|sql| answer(sql).map_err(|error| error.message)).collect()
    };
    let with = answers("SET starfact.use_cubes = require");
    assert!(
        with.iter().all(|answer| answer.as_ref().is_err_and(|it| it.contains("zero"))),
        "{with:?}"
    );
    assert_eq!(with, answers("SET starfact.use_cubes = off"));
    // Cells of what has gone are still there, or the rows that they refer to.
    run(&session, &["SET starfact.background_merges = off", "SET starfact.use_cubes = on"]);
    run(
        &session,
        &["DELETE FROM sale WHERE amount = 0 OR item IN (SELECT id FROM item WHERE maker = 3)"],
    );
    let with = answers("SET starfact.use_cubes = require");
    assert!(with.iter().all(Result::is_ok), "{with:?}");
    assert_eq!(with, answers("SET starfact.use_cubes = off"));
}

#[test]
fn dimensions_beside_cells_are_no_tables_that_are_read_in_their_place() {
    let session = session(TABLES);
    run(&session, CUBES);
    run(&session, &["SET starfact.use_cubes = require"]);
    for (sql, cube) in QUERIES {
        let result = super::execute(&session, sql);
        assert_eq!(result.is_ok(), !cube.is_empty(), "{sql}");
    }
    let of_dimension = super::execute(&session, "SELECT count(*) FROM item");
    assert!(of_dimension.unwrap_err().message.contains("item"));
}
