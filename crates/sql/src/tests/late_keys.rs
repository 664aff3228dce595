//! Columns that the key of a group determines are read for the first groups only, and the answers
//! are those of groups by all columns.

use super::{answer, run, session};
use crate::Session;

const TABLES: &[&str] = &[
    "SET starfact.background_merges = off",
    "CREATE TABLE land (id INTEGER PRIMARY KEY, name VARCHAR)",
    "CREATE TABLE town (id INTEGER PRIMARY KEY, name VARCHAR, land INTEGER REFERENCES land,
         mayor VARCHAR UNIQUE)",
    "CREATE TABLE person (id INTEGER PRIMARY KEY, code BIGINT UNIQUE, name VARCHAR, note VARCHAR,
         town INTEGER NOT NULL REFERENCES town)",
    "CREATE TABLE visit (person INTEGER NOT NULL REFERENCES person, host INTEGER REFERENCES person,
         n INTEGER, kind VARCHAR)",
    "INSERT INTO land VALUES (1, 'north'), (2, NULL), (3, 'south')",
    "INSERT INTO town SELECT value, 'town ' || value % 30, CASE WHEN value % 7 > 0 THEN value % 3 + 1 END,
         CASE WHEN value % 5 > 0 THEN 'mayor ' || value END FROM range(40)",
    "INSERT INTO person SELECT value * 2, CASE WHEN value % 9 > 0 THEN value END,
         CASE WHEN value % 10 > 0 THEN 'name ' || value % 1000 END, 'note ' || value, value % 40
     FROM range(66000)",
    "INSERT INTO visit SELECT value * 37 % 500 * 2, CASE WHEN value % 3 > 0 THEN value % 4000 * 2 END,
         value % 1000, 'kind ' || value % 4 FROM range(9000)",
];

/// Each has one order of rows.
const LATE: &[&str] = &[
    "SELECT p.id, p.name, p.note, sum(n) AS s FROM visit JOIN person p ON person = p.id \
     GROUP BY p.id, p.name, p.note ORDER BY s DESC, p.id LIMIT 7",
    "SELECT sum(n) - 1 AS s, upper(name), id FROM visit JOIN person ON person = person.id \
     WHERE n < 900 GROUP BY id, name HAVING count(*) > 3 ORDER BY 1, id DESC LIMIT 12",
    "SELECT person.id, person.name, town.name, land.name, max(n) AS m, count(host) FROM visit \
     JOIN person ON person = person.id JOIN town ON town = town.id JOIN land ON land = land.id \
     GROUP BY person.id, person.name, town.name, land.name ORDER BY m DESC, person.id LIMIT 9",
    "SELECT a.id, a.note, b.id, b.name, kind, sum(n) AS s FROM visit JOIN person a ON person = a.id \
     JOIN person b ON host = b.id GROUP BY a.id, a.note, b.id, b.name, kind \
     ORDER BY s DESC, a.id, b.id, kind LIMIT 20",
    "SELECT person.id, note, town.name, avg(n) AS a FROM person JOIN town ON town = town.id \
     LEFT JOIN visit ON person = person.id AND n > 100 GROUP BY person.id, note, town.name \
     ORDER BY a DESC NULLS LAST, person.id LIMIT 5 OFFSET 2",
    "SELECT id, name, min(n) FROM person JOIN visit ON host = id WHERE EXISTS \
     (SELECT 1 FROM visit v WHERE v.person = id) GROUP BY id, name ORDER BY min(n) DESC, id LIMIT 4",
    "SELECT p.id, p.name, count(*) AS c FROM (SELECT id, name FROM person WHERE town < 9) p \
     JOIN visit ON person = p.id GROUP BY p.id, p.name ORDER BY c DESC, p.id LIMIT 6",
    "SELECT id, name, note, count(*) FILTER (WHERE town > 3) AS c FROM person \
     GROUP BY id, name, note ORDER BY c DESC, id LIMIT 3",
    "SELECT p.id, t.name, t.mayor, p.note, sum(n) AS s FROM visit JOIN person p ON person = p.id \
     JOIN town t ON t.mayor = 'mayor ' || p.town GROUP BY p.id, t.name, t.mayor, p.note \
     ORDER BY s DESC, p.id LIMIT 3",
    "SELECT p.id, p.note, t.name, sum(t.id) AS s FROM person p JOIN town t \
     ON t.mayor IS NOT DISTINCT FROM p.name GROUP BY p.id, p.note, t.name ORDER BY s DESC, p.id LIMIT 9",
];

const AT_ONCE: &[&str] = &[
    // The order or a condition names what the key determines.
    "SELECT id, name, sum(n) AS s FROM visit JOIN person ON person = id GROUP BY id, name \
     ORDER BY s DESC, name, id LIMIT 7",
    "SELECT id, name, sum(n) AS s FROM visit JOIN person ON person = id GROUP BY id, name \
     HAVING length(name) < sum(n) ORDER BY s DESC, id LIMIT 7",
    // All groups, and more than a few.
    "SELECT id, name, sum(n) AS s FROM visit JOIN person ON person = id GROUP BY id, name \
     ORDER BY s DESC, id",
    "SELECT id, name, sum(n) AS s FROM visit JOIN person ON person = id GROUP BY id, name \
     ORDER BY s DESC, id LIMIT 2000",
    // No key, one with NULLs, one of rows that may not be there, numbers, a small table.
    "SELECT name, note, sum(n) AS s FROM visit JOIN person ON person = id GROUP BY name, note \
     ORDER BY s DESC, note LIMIT 7",
    "SELECT code, name, sum(n) AS s FROM visit JOIN person ON person = id GROUP BY code, name \
     ORDER BY s DESC, code LIMIT 7",
    "SELECT id, name, sum(n) AS s FROM visit LEFT JOIN person ON host = id GROUP BY id, name \
     ORDER BY s DESC, id LIMIT 7",
    "SELECT id, town, sum(n) AS s FROM visit JOIN person ON person = id GROUP BY id, town \
     ORDER BY s DESC, id LIMIT 7",
    "SELECT town.id, town.name, count(*) AS c FROM person JOIN town ON town = town.id \
     GROUP BY town.id, town.name ORDER BY c DESC, town.id LIMIT 3",
    // Others than those of the table of that name.
    "SELECT person.id, person.name, count(*) AS c FROM (SELECT id, note AS name FROM person) person \
     JOIN visit ON person = person.id GROUP BY person.id, person.name ORDER BY c DESC, 1 LIMIT 6",
    "SELECT id, name, sum(n) AS s FROM visit JOIN person ON person = id \
     GROUP BY GROUPING SETS ((id, name), (id)) ORDER BY s DESC, id, name LIMIT 7",
];

fn assert_same(session: &Session, is_late: bool) {
    for (queries, is_meant) in [(LATE, is_late), (AT_ONCE, false)] {
        for sql in queries {
            let plan = answer(session, &format!("EXPLAIN {sql}"));
            assert_eq!(plan.contains("group key 0"), is_meant, "{sql}\n{plan}");
            let found = answer(session, sql);
            for switch in ["late_keys", "star_executor"] {
                run(session, &[&format!("SET starfact.{switch} = off")]);
                let plan = answer(session, &format!("EXPLAIN {sql}"));
                assert!(!plan.contains("group key 0"), "{sql}\n{plan}");
                assert_eq!(answer(session, sql), found, "{sql}");
                run(session, &[&format!("SET starfact.{switch} = on")]);
            }
        }
    }
}

#[test]
fn columns_of_the_first_groups_are_the_same_read_late() {
    let session = session(TABLES);
    assert_same(&session, true);
    run(&session, &["UPDATE person SET name = 'new ' || id, town = 3 WHERE id % 100 = 8"]);
    run(&session, &["DELETE FROM visit WHERE n % 13 = 5", "UPDATE town SET land = 2 WHERE id = 8"]);
    assert_same(&session, true);
    // Keys of rows that are not committed may still be given twice.
    run(&session, &["BEGIN", "UPDATE person SET note = 'mine' WHERE id < 40"]);
    for sql in LATE {
        let found = answer(&session, sql);
        run(&session, &["SET starfact.late_keys = off"]);
        assert_eq!(answer(&session, sql), found, "{sql}");
        run(&session, &["SET starfact.late_keys = on"]);
    }
    run(&session, &["ROLLBACK"]);
}
