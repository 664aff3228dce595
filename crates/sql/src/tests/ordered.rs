//! Groups of rows that are in the order of the groups: those that begin and end within a batch are
//! finished with it, and the answers are those of all other ways.

use super::{answer, run, session, sorted_rows};
use crate::Session;

/// Some parents have many rows, most have few, some have none; rows of no parent are there, too.
const TABLES: &[&str] = &[
    "SET starfact.background_merges = off",
    "CREATE TABLE trip (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, name VARCHAR) SORTED BY (day)",
    "INSERT INTO trip SELECT value, value * 7919 % 365, 'trip ' || value % 100 FROM range(9000)",
    "CREATE TABLE stage (trip INTEGER REFERENCES trip, place INTEGER NOT NULL, n INTEGER,
         price DECIMAL(12, 2) NOT NULL, note VARCHAR) SORTED BY (trip)",
    "INSERT INTO stage SELECT
         CASE WHEN value % 97 = 5 THEN NULL WHEN value % 3 = 0 THEN value % 11 * 700
              ELSE value * 31 % 8000 END,
         value % 5 * (value % 7), CASE WHEN value % 13 <> 1 THEN value % 100 END,
         value * 0.01 - 500, CASE WHEN value % 4 <> 0 THEN 'note ' || value % 1000 END
     FROM range(34000)",
    "OPTIMIZE TABLE stage",
];

const QUERIES: &[&str] = &[
    "SELECT id, name FROM trip WHERE id IN (SELECT trip FROM stage GROUP BY trip HAVING sum(n) > 350)",
    "SELECT count(*), sum(id) FROM trip WHERE id IN \
     (SELECT trip FROM stage WHERE place <> 4 GROUP BY trip HAVING count(n) = 2 OR max(note) IS NULL)",
    "SELECT count(*) FROM trip WHERE EXISTS (SELECT 1 FROM stage WHERE trip = trip.id AND n < 2)",
    "SELECT count(*), sum(price) FROM stage a WHERE EXISTS \
     (SELECT 1 FROM stage b WHERE b.trip = a.trip AND b.place <> a.place)",
    "SELECT count(*), sum(price) FROM stage a JOIN trip ON a.trip = trip.id WHERE day < 20 AND \
     NOT EXISTS (SELECT 1 FROM stage b WHERE b.trip = a.trip AND b.place <> a.place AND b.n > 50)",
    "SELECT count(*), sum(price) FROM stage WHERE price > \
     (SELECT avg(price) + 900 FROM stage i WHERE i.trip = stage.trip)",
    "SELECT trip.id, total, least, k FROM trip JOIN (SELECT trip, sum(price) AS total, \
     min(note) AS least, count(n) AS k FROM stage GROUP BY trip) q ON q.trip = trip.id \
     WHERE k > 3 AND day > 100",
    "SELECT k, count(*) FROM (SELECT trip.id, count(price) AS k FROM trip \
     LEFT JOIN stage ON stage.trip = trip.id AND n > 10 GROUP BY trip.id) q GROUP BY k",
    "SELECT name, round(q.s, 6) FROM trip JOIN (SELECT trip, stddev(n) FILTER (WHERE place < 9) AS s, \
     count(*) AS c FROM stage GROUP BY trip HAVING count(*) BETWEEN 5 AND 6) q ON q.trip = trip.id",
];

const SWITCHES: &[&str] = &["ordered_groups", "star_executor"];

fn assert_same(session: &Session, shown: &str) {
    for sql in QUERIES {
        let expected = sorted_rows(session, sql);
        let plan = answer(session, &format!("EXPLAIN {sql}"));
        // Of rows that only have to be there nothing is computed.
        let shown =
            if sql.contains("WHERE EXISTS (SELECT 1 FROM stage WHERE") { "groups" } else { shown };
        assert!(plan.contains(&format!("{shown} of stage")), "{sql}\n{plan}");
        assert_eq!(
            plan.contains("ordered groups of"),
            shown.starts_with("ordered"),
            "{sql}\n{plan}"
        );
        for switch in SWITCHES {
            run(session, &[&format!("SET starfact.{switch} = off")]);
            assert_eq!(sorted_rows(session, sql), expected, "{switch}: {sql}");
            run(session, &[&format!("SET starfact.{switch} = on")]);
        }
    }
}

#[test]
fn groups_in_their_order_are_the_same_while_rows_change() {
    let session = session(TABLES);
    assert_same(&session, "ordered groups");
    for (step, shown) in [
        ("INSERT INTO stage SELECT value * 9, 3, 1, 0.5, 'new' FROM range(900)", "groups"),
        ("OPTIMIZE TABLE stage", "ordered groups"),
        ("DELETE FROM stage WHERE n % 7 = 3 OR trip = 2100", "ordered groups"),
        (
            "DELETE FROM trip WHERE id NOT IN (SELECT trip FROM stage WHERE trip IS NOT NULL)",
            "ordered groups",
        ),
        ("UPDATE stage SET trip = 9, place = 50 WHERE trip = 18", "groups"),
        ("OPTIMIZE TABLE stage", "ordered groups"),
        ("OPTIMIZE TABLE trip", "ordered groups"),
    ] {
        run(&session, &[step]);
        assert_same(&session, shown);
    }
}

#[test]
fn groups_of_few_rows_or_none() {
    let tables = [&TABLES[..2], &TABLES[3..4]].concat();
    let session = session(&tables);
    let each = |session: &Session| {
        for sql in QUERIES {
            let expected = sorted_rows(session, sql);
            run(session, &["SET starfact.ordered_groups = off"]);
            assert_eq!(sorted_rows(session, sql), expected, "{sql}");
            run(session, &["SET starfact.ordered_groups = on"]);
        }
    };
    each(&session);
    run(&session, &["INSERT INTO trip VALUES (1, 1, 'a'), (2, 0, 'b')"]);
    run(&session, &["INSERT INTO stage VALUES (NULL, 1, 1, 1, 'x')", "OPTIMIZE TABLE stage"]);
    each(&session);
    run(&session, &["INSERT INTO stage VALUES (2, 1, 400, 1, 'y')", "OPTIMIZE TABLE stage"]);
    each(&session);
    run(&session, &["INSERT INTO stage VALUES (1, 9, NULL, 7, NULL)", "OPTIMIZE TABLE stage"]);
    each(&session);
}
