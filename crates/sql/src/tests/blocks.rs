//! Groups by a foreign key, and rows that refer to others or do not, in joins: with look-ups by
//! ordinals and without, the answers are the same.

use super::stars::{TABLES, both, is_star};
use super::{answer, run, session};

/// Queries that blocks of groups answer.
const BLOCKS: &[&str] = &[
    // Rows that others refer to.
    "SELECT year, count(*) FROM day WHERE EXISTS (SELECT 1 FROM sale WHERE sold = day.id) \
     GROUP BY year",
    "SELECT id FROM day WHERE NOT EXISTS (SELECT 1 FROM sale WHERE sold = day.id AND count > 20)",
    "SELECT count(*) FROM day WHERE id IN (SELECT sold FROM sale WHERE amount > 4000)",
    "SELECT id, name FROM city WHERE month(DATE '2024-12-01') = 12 AND NOT EXISTS \
     (SELECT 1 FROM sale JOIN day ON sent = day.id WHERE origin = city.id AND year = 2025)",
    "SELECT name, count(*) FROM city WHERE size > 300 AND EXISTS \
     (SELECT 1 FROM sale WHERE target = city.id AND rate > 400 AND note IS NULL) GROUP BY name",
    "SELECT kind, count(*) FROM shelf WHERE EXISTS (SELECT 1 FROM sale \
     WHERE sale.room = shelf.room AND sale.place = shelf.place AND count = 7) GROUP BY kind",
    "SELECT count(*) FROM sale p WHERE EXISTS (SELECT 1 FROM sale c WHERE c.parent = p.id)",
    "SELECT count(*) FROM sale p WHERE NOT EXISTS \
     (SELECT 1 FROM sale c WHERE c.parent = p.id AND c.amount > 100)",
    "SELECT name FROM nation WHERE EXISTS (SELECT 1 FROM city WHERE nation = nation.id AND EXISTS \
     (SELECT 1 FROM sale WHERE origin = city.id AND count = 3))",
    "SELECT count(*) FROM sale JOIN day ON sold = day.id WHERE year = 2024 AND origin IN \
     (SELECT origin FROM sale WHERE amount < 20)",
    // Another row of the same key with another value.
    "SELECT count(*) FROM sale a JOIN city ON a.target = city.id WHERE EXISTS \
     (SELECT 1 FROM sale b WHERE b.target = a.target AND b.count <> a.count AND b.amount > 4900)",
    "SELECT a.id FROM sale a JOIN city ON a.target = city.id WHERE NOT EXISTS \
     (SELECT 1 FROM sale b WHERE b.sold = a.sold AND b.origin <> a.origin AND b.amount > 4000)",
    "SELECT name, count(*) FROM city WHERE EXISTS \
     (SELECT 1 FROM sale WHERE target = city.id AND note <> name AND count > 40) GROUP BY name",
    "SELECT count(*) FROM sale a WHERE EXISTS (SELECT 1 FROM sale b WHERE b.sent = a.sent \
     AND b.sold <> a.sold) AND NOT EXISTS (SELECT 1 FROM sale c WHERE c.sent = a.sent \
     AND c.sold <> a.sold AND c.count > a.id * 0 + 30)",
    // Groups by a key, and what they are compared with.
    "SELECT name, total FROM city JOIN (SELECT target, sum(amount) AS total FROM sale \
     GROUP BY target) q ON q.target = city.id WHERE size > 500",
    "SELECT day.id, n, least FROM day LEFT JOIN (SELECT sold, count(*) AS n, min(note) AS least \
     FROM sale WHERE count > 0 GROUP BY sold) q ON q.sold = day.id",
    "SELECT count(*), sum(amount) FROM sale WHERE amount > \
     (SELECT 1.5 * avg(amount) FROM sale i WHERE i.origin = sale.origin)",
    "SELECT sum(s.amount) FROM sale s, city c WHERE s.origin = c.id AND c.name = 'city 3' \
     AND s.count < (SELECT avg(i.count) FROM sale i WHERE i.origin = c.id)",
    "SELECT c.name, s.id, s.amount FROM sale s JOIN city c ON s.target = c.id WHERE s.target IN \
     (SELECT target FROM sale GROUP BY target HAVING sum(count) > 300)",
    "SELECT kind, n FROM shelf JOIN (SELECT room, place, count(note) AS n, max(rate) \
     FROM sale GROUP BY room, place) q USING (room, place) WHERE n > 2",
    "SELECT name, s, d FROM city JOIN (SELECT target, sum(size) AS s, stddev(count) AS d FROM sale \
     JOIN city o ON origin = o.id WHERE o.name <> 'city 7' GROUP BY target) q ON q.target = city.id",
    "SELECT name, n FROM city JOIN (SELECT c.id, count(*) AS n FROM sale JOIN city c \
     ON origin = c.id WHERE c.size > 200 GROUP BY c.id) q ON q.id = city.id",
    "SELECT r.name, x.n FROM region r JOIN nation n ON n.region = r.id JOIN (SELECT nation, \
     count(*) AS n, sum(size) AS s FROM city GROUP BY nation) x ON x.nation = n.id WHERE s > 100",
    "SELECT p.id, q.n FROM sale p JOIN (SELECT parent, count(*) FILTER (WHERE count > 0) AS n \
     FROM sale GROUP BY parent) q ON q.parent = p.id WHERE q.n > 0",
    "SELECT id, (SELECT max(count) FROM sale WHERE origin = city.id AND (amount IS NULL OR id < 900)) \
     FROM city",
    "SELECT id FROM city WHERE size > 0 AND EXISTS (SELECT 1 FROM sale WHERE origin = city.id AND count = 3) \
     AND EXISTS (SELECT 1 FROM sale WHERE target = city.id AND count = 4) AND NOT EXISTS \
     (SELECT 1 FROM sale WHERE target = city.id AND count = 5)",
    "SELECT id, (SELECT min(count) FROM sale WHERE origin = city.id AND count < id - 10) FROM city \
     WHERE id < 5",
    "SELECT id, (SELECT count(*) FROM sale WHERE origin = city.id AND count > 30) FROM city",
    "SELECT id, least, big FROM day LEFT JOIN (SELECT sold, coalesce(min(note), 'none') AS least, \
     sum(count) > 100 AS big FROM sale GROUP BY sold) q ON q.sold = day.id",
    // Groups of an outer join.
    "SELECT n, count(*) FROM (SELECT city.id, count(sale.id) AS n FROM city LEFT JOIN sale \
     ON origin = city.id AND note IS NOT NULL GROUP BY city.id) q GROUP BY n",
    "SELECT day.id, sum(amount), count(note), max(count), avg(count) FROM sale RIGHT JOIN day \
     ON sold = day.id AND count % 7 = 0 GROUP BY day.id",
];

#[test]
fn answers_are_the_same_without() {
    let session = session(TABLES);
    for sql in BLOCKS {
        let plan = answer(&session, &format!("EXPLAIN {sql}"));
        assert!(plan.contains("groups of "), "{sql}\n{plan}");
        both(&session, sql);
    }
}

#[test]
fn rows_that_change_are_seen() {
    let session = session(TABLES);
    let steps = [
        "INSERT INTO sale (id, sold, target, amount) VALUES (9000, DATE '2024-12-24', 3, 7.5)",
        "UPDATE city SET name = 'city 3' WHERE id IN (9, 44)",
        "UPDATE sale SET target = 3, origin = NULL WHERE id % 50 = 7",
        "DELETE FROM sale WHERE count = 4 AND id > 1500 OR id = 3998",
        "OPTIMIZE TABLE sale",
        "DELETE FROM day WHERE id NOT IN (SELECT sold FROM sale WHERE sold IS NOT NULL) \
         AND id NOT IN (SELECT sent FROM sale WHERE sent IS NOT NULL)",
        "INSERT INTO day VALUES (DATE '2030-01-01', 2030, 1), (DATE '2020-01-01', 2020, 1)",
        "INSERT INTO sale (id, sold, target, count) VALUES (9001, DATE '2030-01-01', 50, 41)",
        "UPDATE city SET size = -1 WHERE size IS NULL",
        "OPTIMIZE TABLE city",
        "DELETE FROM sale",
    ];
    for step in steps {
        run(&session, &[step]);
        for sql in BLOCKS {
            both(&session, sql);
        }
    }
}

#[test]
fn tables_without_rows_have_answers() {
    let (tables, _) = TABLES.split_at(6);
    let session = session(tables);
    for sql in BLOCKS {
        both(&session, sql);
    }
}

#[test]
fn keys_with_nulls_make_one_group() {
    let session = session(&[
        "CREATE TABLE d (id INTEGER PRIMARY KEY, code INTEGER UNIQUE, name VARCHAR)",
        "CREATE TABLE f (d INTEGER REFERENCES d, n INTEGER)",
        "INSERT INTO d VALUES (1, NULL, 'a'), (2, NULL, 'b'), (3, 7, 'c')",
        "INSERT INTO f VALUES (1, 10), (2, 20), (2, 30), (NULL, 40)",
    ]);
    let of = |key: &str| {
        format!("SELECT {key}, count(n), sum(n) FROM d LEFT JOIN f ON f.d = d.id GROUP BY {key}")
    };
    assert_eq!(both(&session, &of("code")), "7|0|NULL; NULL|3|60");
    assert_eq!(both(&session, &of("id")), "1|1|10; 2|2|50; 3|0|NULL");
}

/// Dimensions that are large enough to be looked at only where the fact refers to them.
#[test]
fn large_dimensions_are_read_as_far_as_they_are_wanted() {
    let session = session(&[
        "CREATE TABLE maker (id INTEGER PRIMARY KEY, label VARCHAR)",
        "CREATE TABLE item (id INTEGER PRIMARY KEY, name VARCHAR, maker INTEGER REFERENCES maker)",
        "CREATE TABLE sold (id INTEGER PRIMARY KEY, item INTEGER REFERENCES item, n INTEGER)",
        "INSERT INTO maker SELECT value, 'maker ' || value % 40 FROM range(50)",
        "INSERT INTO item SELECT value, CASE WHEN value % 5 <> 1 THEN 'item ' || value % 1000 END, \
         CASE WHEN value % 3 = 0 THEN value % 50 END FROM range(70000)",
        "INSERT INTO sold SELECT value, CASE WHEN value % 11 <> 3 THEN value * 7 % 70000 END, \
         value % 200 FROM range(40000)",
    ]);
    let queries = [
        "SELECT name, count(*), sum(n) FROM sold JOIN item ON item = item.id WHERE n < 4 GROUP BY name",
        "SELECT sold.id, name FROM sold LEFT JOIN item ON item = item.id WHERE n BETWEEN 7 AND 9",
        "SELECT label, min(name), count(*) FROM sold JOIN item ON item = item.id \
         LEFT JOIN maker ON maker = maker.id WHERE n = 77 GROUP BY label",
        "SELECT name, count(*) FROM sold JOIN item ON item = item.id WHERE n < 0 GROUP BY name",
    ];
    for step in
        ["SELECT 1", "DELETE FROM sold WHERE id % 3 = 1", "UPDATE item SET name = 'x' || id"]
    {
        answer(&session, step);
        for sql in queries {
            let plan = answer(&session, &format!("EXPLAIN ANALYZE {sql}"));
            assert!(plan.contains("wanted_by_sold"), "{sql}\n{plan}");
            let late = both(&session, sql);
            run(&session, &["SET composed_blocks = off"]);
            let plan = answer(&session, &format!("EXPLAIN ANALYZE {sql}"));
            assert!(!plan.contains("wanted_by_sold"), "{sql}\n{plan}");
            assert_eq!(both(&session, sql), late, "{sql}");
            run(&session, &["SET composed_blocks = on"]);
        }
    }
}

#[test]
fn explain_names_what_groups_are_of() {
    let session = session(TABLES);
    let plan = answer(
        &session,
        "EXPLAIN SELECT name FROM city WHERE id IN \
         (SELECT target FROM sale GROUP BY target HAVING sum(count) > 300)",
    );
    let shown = "groups of sale by target aggr [sum(count)] having sum(count) > 300";
    assert!(plan.contains(shown), "{plan}");
}

#[test]
fn what_blocks_do_not_answer_stays_as_it_is() {
    let session = session(TABLES);
    for sql in [
        // Groups of other columns than those of a key, and more of them.
        "SELECT name, n FROM city JOIN (SELECT count, count(*) AS n FROM sale GROUP BY count) q \
         ON q.count = city.id",
        "SELECT name, n FROM city JOIN (SELECT target, note, count(*) AS n FROM sale \
         GROUP BY target, note) q ON q.target = city.id",
        // Half of a key.
        "SELECT count(*) FROM shelf WHERE EXISTS (SELECT 1 FROM sale WHERE sale.room = shelf.room)",
        // Compared otherwise than for being another.
        "SELECT count(*) FROM sale a WHERE EXISTS (SELECT 1 FROM sale b WHERE b.target = a.target \
         AND b.count < a.count)",
        "SELECT count(*) FROM sale a WHERE EXISTS (SELECT 1 FROM sale b WHERE b.target = a.target \
         AND b.rate <> a.rate)",
        // A row that nobody refers to is one row of an outer join.
        "SELECT city.id, count(*) FROM city LEFT JOIN sale ON origin = city.id GROUP BY city.id",
        "SELECT name, count(sale.id) FROM city LEFT JOIN sale ON origin = city.id GROUP BY name",
    ] {
        assert!(!answer(&session, &format!("EXPLAIN {sql}")).contains("groups of "), "{sql}");
        both(&session, sql);
    }
    assert!(!is_star(&session, "SELECT count(*) FROM sale"));
}
