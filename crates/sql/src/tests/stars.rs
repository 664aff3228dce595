//! Joins along foreign keys, with look-ups by ordinals and without: the answers are the same, and
//! EXPLAIN tells which it was.

use super::{answer, failure, run, session};
use crate::Session;

/// A fact with a dimension in two roles, a chain of dimensions, a key of two columns and a
/// reference to itself; of all there are NULLs and rows that nothing refers to.
pub(super) const TABLES: &[&str] = &[
    "CREATE TABLE region (id INTEGER PRIMARY KEY, name VARCHAR)",
    "CREATE TABLE nation (id INTEGER PRIMARY KEY, name VARCHAR, region INTEGER REFERENCES region)",
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR, size INTEGER,
        nation INTEGER NOT NULL REFERENCES nation)",
    "CREATE TABLE day (id DATE PRIMARY KEY, year INTEGER NOT NULL, month INTEGER NOT NULL)",
    "CREATE TABLE shelf (room INTEGER, place INTEGER, kind VARCHAR, PRIMARY KEY (room, place))",
    "CREATE TABLE sale (id BIGINT PRIMARY KEY, parent BIGINT REFERENCES sale,
        sold DATE REFERENCES day, sent DATE REFERENCES day, origin INTEGER REFERENCES city,
        target INTEGER NOT NULL REFERENCES city, room INTEGER, place INTEGER,
        amount DECIMAL(10,2), count INTEGER, rate DOUBLE, note VARCHAR,
        FOREIGN KEY (room, place) REFERENCES shelf) SORTED BY (sold, id)",
    "INSERT INTO region SELECT value, 'region ' || value FROM range(3)",
    "INSERT INTO nation SELECT value, 'nation ' || value,
        CASE WHEN value % 4 = 3 THEN NULL ELSE value % 3 END FROM range(9)",
    "INSERT INTO city SELECT value, CASE WHEN value % 7 = 1 THEN NULL ELSE 'city ' || value % 20 END,
        CASE WHEN value % 5 = 0 THEN NULL ELSE value * 100 END, value % 9 FROM range(55)",
    "INSERT INTO day SELECT DATE '2024-11-20' + CAST(value AS INTEGER),
        extract(year FROM DATE '2024-11-20' + CAST(value AS INTEGER)),
        extract(month FROM DATE '2024-11-20' + CAST(value AS INTEGER)) FROM range(100)",
    "INSERT INTO shelf SELECT value / 5, value % 5, chr(CAST(65 + value % 3 AS INTEGER))
        FROM range(20)",
    "INSERT INTO sale SELECT value, CASE WHEN value % 3 = 0 AND value > 0 THEN value / 3 END,
        CASE WHEN value % 11 <> 5 THEN DATE '2024-11-20' + CAST(value * 7 % 90 AS INTEGER) END,
        DATE '2024-11-20' + CAST(value * 13 % 100 AS INTEGER),
        CASE WHEN value % 13 <> 4 THEN value * 31 % 50 END, value * 17 % 45,
        CASE WHEN value % 6 <> 2 THEN value % 4 END, value % 5,
        CASE WHEN value % 9 <> 7 THEN value * 1.25 END, value % 100 - 50, value / 8,
        CASE WHEN value % 2 = 0 THEN 'note ' || value % 10 END FROM range(4000)",
];

/// The answer with look-ups by ordinals and without, in any order, which are one.
pub(super) fn both(session: &Session, sql: &str) -> String {
    let sorted = |session: &Session| {
        let answer = answer(session, sql);
        let mut rows: Vec<&str> = answer.split("; ").collect();
        rows.sort_unstable();
        rows.join("; ")
    };
    let with = sorted(session);
    run(session, &["SET star_executor = off"]);
    let without = sorted(session);
    run(session, &["SET star_executor = on"]);
    assert_eq!(with, without, "{sql}");
    with
}

/// A dimension that several threads read.
#[test]
fn parts_of_a_dimension_are_put_together() {
    let session = session(&[
        "SET starfact.background_merges = off",
        "CREATE TABLE place (id INTEGER PRIMARY KEY, name VARCHAR, kind INTEGER)",
        "INSERT INTO place SELECT value * 3, CASE WHEN value % 9 <> 4 THEN 'name ' || value END, \
         value % 70 FROM range(300000)",
        "CREATE TABLE visit (place INTEGER REFERENCES place, n INTEGER)",
        "INSERT INTO visit SELECT CASE WHEN value % 13 <> 5 THEN value * 7919 % 300000 * 3 END, \
         value FROM range(200000)",
    ]);
    let queries = [
        "SELECT kind, count(*), sum(n), min(name), max(name) FROM visit JOIN place ON place = id \
         GROUP BY kind",
        "SELECT kind, count(name), sum(n) FROM visit LEFT JOIN place ON place = id GROUP BY kind",
        "SELECT count(*), sum(n) FROM visit JOIN place ON place = id WHERE kind < 30 AND id > 900",
        "SELECT n, name FROM visit JOIN place ON place = id WHERE n % 997 = 3",
    ];
    for change in [
        "SELECT 1",
        "DELETE FROM visit WHERE n % 5 = 1",
        "UPDATE place SET kind = 71, name = 'another' WHERE id % 11 = 6",
        "INSERT INTO place VALUES (-3, 'less', 72)",
        "INSERT INTO visit VALUES (-3, -1)",
    ] {
        run(&session, &[change]);
        for sql in queries {
            assert!(is_star(&session, sql), "{sql}");
            both(&session, sql);
        }
    }
}

pub(super) fn is_star(session: &Session, sql: &str) -> bool {
    answer(session, &format!("EXPLAIN {sql}")).contains("StarfactStar")
}

/// Queries that stars answer.
const STARS: &[&str] = &[
    "SELECT year, sum(amount), count(*), count(amount), avg(count), min(rate), max(note) \
     FROM sale JOIN day ON sold = day.id GROUP BY year",
    "SELECT sum(amount * count) FROM sale, day WHERE sold = day.id AND year = 2025 AND month < 3",
    "SELECT s.year, t.month, count(*) FROM sale JOIN day s ON sold = s.id JOIN day t ON sent = t.id \
     WHERE s.month = 12 OR t.year = 2024 GROUP BY s.year, t.month",
    "SELECT r.name, n.name, sum(count) FROM sale JOIN city c ON origin = c.id \
     JOIN nation n ON c.nation = n.id JOIN region r ON n.region = r.id GROUP BY r.name, n.name",
    "SELECT o.name, t.name, r.name, sum(amount) FROM sale JOIN city o ON origin = o.id \
     JOIN city t ON target = t.id JOIN nation n ON t.nation = n.id JOIN region r ON n.region = r.id \
     WHERE o.size > 1000 AND r.name <> 'region 1' GROUP BY o.name, t.name, r.name",
    "SELECT kind, count(*), sum(amount) FROM sale JOIN shelf USING (room, place) GROUP BY kind",
    "SELECT c.id, c.note, p.note FROM sale c JOIN sale p ON c.parent = p.id WHERE p.count > 30",
    "SELECT count(*) FROM sale WHERE origin IN (SELECT id FROM city WHERE name = 'city 3')",
    "SELECT note, count(*) FROM sale s WHERE EXISTS (SELECT 1 FROM city c JOIN nation n \
     ON n.id = c.nation WHERE c.id = s.target AND n.name < 'nation 4') GROUP BY note",
    "SELECT sale.id, day.year, city.name FROM sale JOIN day ON sold = day.id \
     JOIN city ON origin = city.id WHERE amount > 4000 AND size IS NOT NULL",
    "SELECT year, count % 10, count(*) FILTER (WHERE amount > 100), sum(DISTINCT count), \
     count(DISTINCT note) FROM sale JOIN day ON sold = day.id GROUP BY year, count % 10",
    "SELECT year * 100 + month AS ym, round(stddev(count), 6), round(var_pop(count), 6), median(count) FROM sale \
     JOIN day ON sold = day.id GROUP BY ym HAVING count(*) > 100",
    "SELECT DISTINCT month, name FROM sale JOIN day ON sent = day.id JOIN city ON target = city.id",
    "SELECT count(*), sum(amount), min(name) FROM sale JOIN city ON origin = city.id \
     WHERE name = 'nowhere'",
    "SELECT name, count(*) FROM sale JOIN city ON origin = city.id WHERE name = 'nowhere' \
     GROUP BY name",
    "SELECT min(amount), max(count), sum(rate), avg(amount), count(note) FROM sale \
     JOIN city ON origin = city.id WHERE size < 0",
    "SELECT min(amount), max(count), sum(size), avg(amount), count(note), min(sold) FROM sale \
     JOIN city ON origin = city.id WHERE amount IS NULL AND size IS NULL AND count < -100 + 60",
    "SELECT min(CASE WHEN size < 0 THEN amount END), sum(NULLIF(count, count)), count(size) \
     FROM sale JOIN city ON origin = city.id",
    "SELECT name, min(CASE WHEN size < 1000 THEN amount END), sum(amount) FILTER (WHERE size < 500) \
     FROM sale JOIN city ON origin = city.id GROUP BY name",
    "SELECT count(*) FROM sale JOIN city ON origin = city.id",
    "SELECT count(*) FROM sale JOIN day ON sent = day.id WHERE extract(dow FROM day.id) = 1",
    "SELECT o.nation, count(*) FROM sale JOIN city o ON origin = o.id JOIN city t ON target = t.id \
     WHERE o.nation = t.nation AND o.name < t.name GROUP BY o.nation",
    "SELECT day.id, name, rank() OVER (PARTITION BY name ORDER BY day.id, sale.id) FROM sale \
     JOIN day ON sold = day.id JOIN city ON target = city.id WHERE size < 800",
    "SELECT year, sum(x) FROM (SELECT year, amount + size AS x, name FROM sale \
     JOIN day ON sold = day.id JOIN city ON origin = city.id WHERE amount IS NOT NULL) q \
     WHERE name <> 'city 5' GROUP BY year",
    "SELECT origin, q.n, city.name FROM (SELECT origin, count(*) AS n FROM sale JOIN day \
     ON sold = day.id WHERE year = 2024 GROUP BY origin) q JOIN city ON city.id = q.origin",
    "SELECT sale.id, c.size, c.full FROM sale LEFT JOIN (SELECT id, coalesce(size, -1) AS size, \
     name IS NULL AS full FROM city WHERE id < 30) c ON origin = c.id",
    "SELECT c.kind, count(*), sum(c.one) FROM (SELECT id, 1 AS one, 'known' AS kind FROM city \
     WHERE size > 900) c RIGHT JOIN sale ON target = c.id GROUP BY c.kind",
    "SELECT CASE WHEN year = 2024 THEN name ELSE kind END AS k, count(*) FROM sale \
     JOIN day ON sold = day.id JOIN city ON target = city.id JOIN shelf USING (room, place) \
     GROUP BY k",
];

#[test]
fn answers_are_the_same_without() {
    let session = session(TABLES);
    for sql in STARS {
        assert!(is_star(&session, sql), "{sql}\n{}", answer(&session, &format!("EXPLAIN {sql}")));
        both(&session, sql);
    }
    let checks = [
        ("SELECT count(*) FROM sale JOIN city ON origin = city.id", "3692"),
        ("SELECT count(*) FROM sale JOIN shelf USING (room, place)", "3333"),
    ];
    for (sql, expected) in checks {
        assert_eq!(both(&session, sql), expected, "{sql}");
    }
}

#[test]
fn rows_that_change_are_seen() {
    let session = session(TABLES);
    let steps = [
        "INSERT INTO sale (id, sold, target, amount) VALUES (9000, DATE '2024-12-24', 3, 7.5)",
        "UPDATE city SET name = 'city 3' WHERE id IN (9, 44)",
        "UPDATE sale SET target = 3, origin = NULL WHERE id % 50 = 7",
        "UPDATE city SET id = id + 1000 WHERE id > 50",
        "DELETE FROM sale WHERE count = 4 AND id > 1500 OR id = 3998",
        "OPTIMIZE TABLE sale",
        "DELETE FROM city WHERE id > 1000",
        "INSERT INTO city VALUES (1053, 'city 3', 1, 1)",
        "INSERT INTO sale (id, sold, target) VALUES (9001, DATE '2024-12-24', 1053)",
        "ALTER TABLE city ADD COLUMN mayor VARCHAR DEFAULT 'nobody'",
        "UPDATE city SET mayor = name, size = -1 WHERE size IS NULL",
        "OPTIMIZE TABLE city",
    ];
    for (place, step) in steps.iter().enumerate() {
        run(&session, &[step]);
        // Each query after every third of the steps.
        for sql in STARS.iter().skip(place % 3).step_by(3) {
            both(&session, sql);
        }
    }
    let sql = "SELECT mayor, count(*) FROM sale JOIN city ON target = city.id GROUP BY mayor";
    assert!(is_star(&session, sql));
    both(&session, sql);
}

#[test]
fn tables_without_rows_have_answers() {
    let (tables, _) = TABLES.split_at(6);
    let session = session(tables);
    for sql in STARS {
        assert!(is_star(&session, sql), "{sql}");
        both(&session, sql);
    }
}

#[test]
fn what_is_no_star_stays_as_it_is() {
    let session = session(TABLES);
    for sql in [
        "SELECT year, count(sale.id) FROM day LEFT JOIN sale ON sold = day.id GROUP BY year",
        "SELECT count(*) FROM day WHERE id NOT IN (SELECT sold FROM sale WHERE sold IS NOT NULL)",
        "SELECT count(*) FROM sale JOIN city ON count = city.id",
        "SELECT count(*) FROM sale JOIN shelf ON sale.room = shelf.room",
        "SELECT count(*) FROM sale, day",
        "SELECT count(*) FROM (SELECT * FROM sale LIMIT 10) s JOIN day ON sold = day.id",
        "SELECT count(*) FROM sale JOIN city AS OF EPOCH 9 ON origin = city.id",
    ] {
        assert!(!is_star(&session, sql), "{sql}");
        both(&session, sql);
    }
}

#[test]
fn changes_that_are_not_committed_are_joined() {
    let session = session(TABLES);
    run(
        &session,
        &[
            "BEGIN",
            "INSERT INTO city VALUES (70, 'new', 5, 3)",
            "INSERT INTO sale (id, sold, target) VALUES (9000, DATE '2024-12-24', 70)",
        ],
    );
    let sql = "SELECT count(*) FROM sale JOIN city ON target = city.id WHERE name = 'new'";
    assert_eq!(both(&session, sql), "1");
    assert!(!is_star(&session, sql));
    run(&session, &["COMMIT"]);
    assert_eq!(both(&session, sql), "1");
    assert!(is_star(&session, sql));
}

#[test]
fn tables_of_one_older_epoch_are_a_star() {
    let session = session(TABLES);
    run(&session, &["DELETE FROM sale WHERE target = 3 AND id > 1500", "UPDATE city SET size = 0"]);
    let epoch = answer(&session, "SELECT max(last_epoch) - 2 FROM sys.snapshots");
    let sql = format!(
        "SELECT size, count(*) FROM sale AS OF EPOCH {epoch} JOIN city AS OF EPOCH {epoch} \
         ON target = city.id GROUP BY size"
    );
    assert!(is_star(&session, &sql));
    assert_ne!(
        both(&session, &sql),
        both(&session, &sql.replace(&format!(" AS OF EPOCH {epoch}"), ""))
    );
}

#[test]
fn a_condition_that_fails_is_an_error() {
    let session = session(TABLES);
    let sql = "SELECT year, sum(100 / (size - 100)) FROM sale JOIN day ON sold = day.id \
               JOIN city ON target = city.id GROUP BY year";
    assert!(is_star(&session, sql));
    assert!(failure(&session, sql).message.contains("ivi"), "{}", failure(&session, sql).message);
    // It is no error where no row comes so far.
    both(&session, &sql.replace("GROUP BY", "WHERE size > 100 GROUP BY"));
}

#[test]
fn few_rows_do_not_read_a_large_dimension() {
    let session = session(&[
        "CREATE TABLE part (id INTEGER PRIMARY KEY, name VARCHAR)",
        "CREATE TABLE line (id INTEGER PRIMARY KEY, part INTEGER REFERENCES part) SORTED BY (id)",
        "INSERT INTO part SELECT value, 'part ' || value % 100 FROM range(400000)",
        "INSERT INTO line SELECT value, value * 7 % 400000 FROM range(100000)",
        "INSERT INTO line SELECT value, 5 FROM range(100000, 100010)",
    ]);
    let of = |id: &str| {
        format!(
            "SELECT name, count(*) FROM line JOIN part ON part = part.id WHERE line.id {id} GROUP BY name"
        )
    };
    assert!(is_star(&session, &of("> 7")));
    let few = of("= 100005");
    assert!(!is_star(&session, &few));
    assert_eq!(both(&session, &few), "part 5|1");
    // A filter of the dimension may leave little of it to read.
    assert!(is_star(&session, &few.replace("WHERE", "WHERE part.id < 1000 AND")));
}

#[test]
fn explain_says_why_joins_are_no_star() {
    let session = session(TABLES);
    let pair = "sale JOIN city ON sale.target = city.id";
    let plain = "sale JOIN city ON sale.count = city.size";
    for (query, code) in [
        (format!("SELECT count(*) FROM {plain}"), "no-key"),
        ("SELECT count(*) FROM sale FULL JOIN city ON sale.target = city.id".into(), "join-type"),
        (
            "SELECT count(*) FROM sale LEFT JOIN city ON sale.target = city.id AND sale.count > 3"
                .into(),
            "outer-condition",
        ),
        (
            "SELECT count(*) FROM sale WHERE NOT EXISTS
                (SELECT 1 FROM city WHERE city.id = sale.origin AND size > 300)"
                .into(),
            "nullable-anti",
        ),
        ("SELECT count(*) FROM sale WHERE origin NOT IN (SELECT id FROM city)".into(), "null"),
        (format!("SELECT count(*) FROM {pair} AND random() < 2"), "expression"),
        (
            "SELECT count(*) FROM sale JOIN (SELECT id, count(*) AS n FROM city GROUP BY id) AS c
                ON sale.target = c.id"
                .into(),
            "groups",
        ),
        (
            "SELECT count(*) FROM sale JOIN (SELECT id FROM city LIMIT 3) c ON target = c.id"
                .into(),
            "operator",
        ),
        ("SELECT count(*) FROM range(3) AS r JOIN city ON r.value = city.id".into(), "table"),
    ] {
        let plan = answer(&session, &format!("EXPLAIN {query}"));
        assert!(plan.contains("no star block of ") && plan.contains(code), "{query}: {plan}");
    }
    let star = format!("SELECT count(*) FROM {pair} WHERE city.size > 300");
    assert!(!answer(&session, &format!("EXPLAIN {star}")).contains("no star block"));
    run(&session, &["SET star_executor = off"]);
    let plan = answer(&session, &format!("EXPLAIN {star}"));
    let note = "no star block of sale, city: off: starfact.star_executor is off";
    assert!(plan.contains(note) || plan.contains("no star block of city, sale: off"), "{plan}");
}

#[test]
fn the_log_tells_what_filters_took_out_and_how_statements_ended() {
    let session = session(TABLES);
    let star = "SELECT city.name, sum(amount) FROM sale JOIN city ON sale.target = city.id
        WHERE city.size > 300 AND sale.count > 0 GROUP BY city.name";
    answer(&session, star);
    failure(&session, "SELECT 1 / 0");
    run(&session, &["INSERT INTO region VALUES (77, 'x'), (78, 'y')"]);
    let log = |what: &str, like: &str| {
        let of = format!("FROM sys.query_log WHERE statement LIKE '{like}%'");
        answer(&session, &format!("SELECT {what} {of} ORDER BY id DESC LIMIT 1"))
    };
    let ledger = log("ledger", "SELECT city.name");
    for part in ["StarfactStarAggregate: ", "removed_2_by_", "_by_target=", "_by_count="] {
        assert!(ledger.contains(part), "{part}: {ledger}");
    }
    for part in ["dimensions_time=", "filter_time=", "group_time=", "city.rows_read=55"] {
        assert!(ledger.contains(part), "{part}: {ledger}");
    }
    assert_eq!(log("status, milliseconds > 0", "SELECT city.name"), "done|true");
    assert_eq!(log("status, rows, error LIKE '%zero%'", "SELECT 1 / 0"), "failed|0|true");
    assert_eq!(log("status, rows, ledger", "INSERT INTO region VALUES (77"), "done|2|NULL");
    assert_eq!(log("status", "SELECT status"), "running");
    run(&session, &["SET query_log = off", "SELECT 4711", "SET query_log = on"]);
    let count = "SELECT count(*) FROM sys.query_log WHERE statement = 'SELECT 4711'";
    assert_eq!(answer(&session, count), "0");
}

/// Queries with rows for which a dimension has none.
const ASIDES: &[&str] = &[
    "SELECT city.name, count(*), sum(amount), count(city.id) FROM sale LEFT JOIN city
        ON origin = city.id GROUP BY city.name",
    "SELECT city.name, nation.name, count(*) FROM sale LEFT JOIN city ON origin = city.id
        AND city.size > 1000 LEFT JOIN nation ON city.nation = nation.id GROUP BY ALL",
    "SELECT c.name, n, count(*), min(sale.id) FROM sale LEFT JOIN
        (SELECT city.id, city.name, nation.name AS n FROM city JOIN nation ON city.nation = nation.id
            JOIN region ON nation.region = region.id WHERE region.name <> 'region 1') AS c
        ON origin = c.id GROUP BY ALL",
    "SELECT count(*), sum(count) FROM sale LEFT JOIN city ON origin = city.id
        WHERE city.size IS NULL",
    "SELECT count(*), sum(count) FROM sale LEFT JOIN city ON origin = city.id AND city.size > 2000
        WHERE coalesce(city.size, 7) < 2500 AND sale.count > 0",
    "SELECT year, kind, count(*), avg(rate) FROM sale JOIN day ON sold = day.id
        LEFT JOIN shelf ON sale.room = shelf.room AND sale.place = shelf.place
        WHERE month <> 12 GROUP BY ALL",
    "SELECT a.name, b.name, count(*) FROM sale LEFT JOIN city AS a ON origin = a.id AND a.size < 900
        LEFT JOIN city AS b ON target = b.id AND b.size > 1700 GROUP BY ALL",
    "SELECT sale.id, city.name, nation.name FROM city JOIN nation ON city.nation = nation.id
        RIGHT JOIN sale ON origin = city.id WHERE sale.id % 50 = 3",
    "SELECT count(*), sum(amount) FROM sale WHERE NOT EXISTS
        (SELECT 1 FROM city WHERE city.id = target AND size > 1000)",
    "SELECT year, count(*) FROM sale JOIN day ON sold = day.id WHERE NOT EXISTS
        (SELECT 1 FROM city JOIN nation ON city.nation = nation.id
            WHERE city.id = sale.target AND nation.name LIKE '%3') GROUP BY year",
    "SELECT count(*) FROM sale WHERE NOT EXISTS (SELECT 1 FROM city WHERE city.id = target)",
    "SELECT count(*), count(city.name) FROM sale LEFT JOIN city ON target = city.id AND size < 0",
    "SELECT city.name, nation.name, count(*) FROM sale LEFT JOIN city ON target = city.id
        AND size < 0 LEFT JOIN nation ON city.nation = nation.id GROUP BY ALL",
    "SELECT city.name, max(c) FROM (SELECT origin, count AS c FROM sale) AS s LEFT JOIN city
        ON s.origin = city.id AND city.name LIKE 'city 1%' GROUP BY city.name HAVING max(c) > 48",
];

#[test]
fn rows_without_a_dimension_row_stay_in_outer_and_anti_joins() {
    let session = session(TABLES);
    for sql in ASIDES {
        assert!(is_star(&session, sql), "{sql}: {}", answer(&session, &format!("EXPLAIN {sql}")));
        both(&session, sql);
    }
    run(
        &session,
        &[
            "UPDATE sale SET parent = NULL",
            "DELETE FROM sale WHERE id % 7 = 3",
            "UPDATE city SET size = NULL, nation = 2 WHERE id % 4 = 1",
            "INSERT INTO city VALUES (90, 'city 1', 950, 1)",
            "INSERT INTO sale (id, origin, target, count) VALUES (9000, 90, 90, 49)",
            "OPTIMIZE TABLE sale",
            "INSERT INTO sale (id, origin, target, count) VALUES (9001, NULL, 90, 50)",
        ],
    );
    ASIDES.iter().for_each(|sql| drop(both(&session, sql)));
    run(&session, &["DELETE FROM sale"]);
    ASIDES.iter().for_each(|sql| drop(both(&session, sql)));
}

#[test]
fn groups_leave_early_where_memory_is_short() {
    let session = session(TABLES);
    let many = "INSERT INTO sale (id, target, count) SELECT value + 10000, value % 55, value / 3
        FROM range(300000)";
    run(&session, &["SET threads = 2", many]);
    let groups = "SELECT sale.id, sale.count, city.name, sum(city.size) AS s FROM sale
        JOIN city ON target = city.id GROUP BY sale.id, sale.count, city.name";
    let sql = format!("SELECT count(*), sum(id), sum(count), sum(s), count(name) FROM ({groups})");
    let expected = both(&session, &sql);
    for limit in ["50MB", "25MB", "12MB"] {
        run(&session, &[&format!("SET memory_limit = '{limit}'")]);
        match session.execute(&sql).and_then(|outcome| match outcome {
            crate::Outcome::Rows(rows) => rows.collect::<Result<Vec<_>, _>>(),
            _ => Ok(Vec::new()),
        }) {
            Ok(_) => assert_eq!(answer(&session, &sql), expected, "{limit}"),
            // Too little, which is said.
            Err(error) => assert!(error.to_string().contains("memory"), "{limit}: {error}"),
        }
    }
}
