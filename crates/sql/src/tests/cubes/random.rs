//! Random cubes, queries and changes: the answers of cubes are those of tables, and those that the
//! stock operators of the query engine give of the same tables.
//!
//! A run of all tests takes some rounds; with the variable STARFACT_CUBE_ROUNDS it takes so many.

use super::super::differential::random::Random;
use super::super::{execute, run, sorted_rows};
use crate::{OpenOptions, Session, Warehouse};
use starfact_store::{OpenMode, Store};
use starfact_vfs::MemDir;
use std::sync::Arc;
use std::time::Duration;

/// Rounds: a warehouse of its own in each.
const ROUNDS: u64 = 2;
const CHANGES: usize = 7;
const QUERIES: usize = 12;

const TABLES: &[&str] = &[
    "CREATE TABLE day (id INTEGER PRIMARY KEY, month INTEGER NOT NULL, year INTEGER NOT NULL, week INTEGER)",
    "INSERT INTO day SELECT value, value / 10, value / 40, CASE WHEN value % 9 = 4 THEN NULL ELSE value / 7 END
         FROM range(120)",
    "CREATE TABLE maker (id INTEGER PRIMARY KEY, land VARCHAR, size SMALLINT NOT NULL)",
    "INSERT INTO maker SELECT value, CASE WHEN value % 6 = 5 THEN NULL ELSE 'länd ' || value % 4 END, value % 3
         FROM range(14)",
    "CREATE TABLE item (id INTEGER PRIMARY KEY, brand VARCHAR NOT NULL, kind VARCHAR, maker INTEGER
         REFERENCES maker)",
    "INSERT INTO item SELECT value, 'brand ' || value % 12, CASE WHEN value % 12 = 7 THEN NULL ELSE
         'kind ' || value % 12 % 3 END, CASE WHEN value % 8 = 0 THEN NULL ELSE value % 14 END FROM range(50)",
    "CREATE TABLE sale (id BIGINT PRIMARY KEY, day INTEGER NOT NULL REFERENCES day, sent INTEGER REFERENCES day,
         item INTEGER NOT NULL REFERENCES item, buyer INTEGER, count SMALLINT NOT NULL,
         price DECIMAL(12, 2) NOT NULL, cost DECIMAL(10, 3), big DECIMAL(30, 0))",
    "INSERT INTO sale SELECT value, value * 7 % 120, CASE WHEN value % 5 = 0 THEN NULL ELSE value * 11 % 120 END,
         value * 3 % 50, CASE WHEN value % 13 = 0 THEN NULL ELSE value % 30 END, value % 7 - 2,
         value % 90 * 1.25 - 20, CASE WHEN value % 4 = 1 THEN NULL ELSE value % 50 * 0.125 END,
         CASE WHEN value % 6 = 0 THEN NULL ELSE 123456789012345678901234567 - value END FROM range(900)",
];

/// A table that is joined, the keys that it has, and the one before.
struct Joined {
    clause: &'static str,
    keys: &'static [&'static str],
    needs: Option<usize>,
}

const JOINS: &[Joined] = &[
    Joined {
        clause: "JOIN day d ON f.day = d.id",
        keys: &["d.month", "d.year", "d.week", "d.year + 1", "d.month * 3 - d.year"],
        needs: None,
    },
    Joined {
        clause: "JOIN item i ON f.item = i.id",
        keys: &["i.brand", "i.kind", "i.maker", "upper(i.kind)", "coalesce(i.kind, i.brand)"],
        needs: None,
    },
    Joined {
        clause: "LEFT JOIN maker m ON i.maker = m.id",
        keys: &["m.land", "m.size"],
        needs: Some(1),
    },
    Joined {
        clause: "JOIN maker m ON i.maker = m.id",
        keys: &["m.land", "m.size"],
        needs: Some(1),
    },
    Joined {
        clause: "LEFT JOIN day s ON f.sent = s.id",
        keys: &["s.year", "s.month"],
        needs: None,
    },
    Joined { clause: "JOIN day s ON f.sent = s.id", keys: &["s.year"], needs: None },
];

const FACT_KEYS: &[&str] = &["f.count", "f.buyer", "f.day", "f.count % 3", "f.item", "f.sent"];

/// Keys that lead to the table of a join.
const REFERENCES: &[(&str, usize)] =
    &[("f.day", 0), ("f.item", 1), ("f.sent", 4), ("f.sent", 5), ("i.maker", 3)];

const VALUES: &[&str] = &[
    "count(*)",
    "count(f.cost)",
    "count(f.buyer)",
    "sum(f.price)",
    "sum(f.cost)",
    "sum(f.count)",
    "sum(f.big)",
    "avg(f.price)",
    "avg(f.cost)",
    "avg(f.count)",
    "min(f.price)",
    "max(f.cost)",
    "max(f.day)",
    "count(DISTINCT f.buyer)",
    "approx_distinct(f.count)",
    "sum(f.price * f.count)",
    "sum(f.price - f.count)",
    "avg(f.count + f.price)",
];

/// Conditions; `@` stands for a number.
const CONDITIONS: &[(&str, Option<usize>)] = &[
    ("f.count > @", None),
    ("f.count IN (1, 2, @)", None),
    ("f.buyer < @ * 4", None),
    ("f.buyer IS NOT NULL", None),
    ("d.year = @", Some(0)),
    ("d.year >= @", Some(0)),
    ("d.month BETWEEN @ AND 9", Some(0)),
    ("d.week IS NULL", Some(0)),
    ("i.brand <> 'brand @'", Some(1)),
    ("i.kind = 'kind @'", Some(1)),
    ("i.kind IN ('kind 1', 'kind @')", Some(1)),
    ("i.brand LIKE 'brand 1%'", Some(1)),
    ("d.year = @ OR f.count = 1", Some(0)),
    ("d.month - d.year > @", Some(0)),
    ("12 / (d.year + @ + 1) > 2", Some(0)),
    ("f.count * 2 <> @", None),
    ("f.price > @", None),
];

const FORMS: &[&str] = &["", "", "ROLLUP", "CUBE"];

/// An aggregation: its joins, its keys and all of its text.
struct Written {
    keys: Vec<&'static str>,
    from: String,
    values: Vec<&'static str>,
}

impl Written {
    fn random(random: &mut Random, is_cube: bool) -> Self {
        let mut joined: Vec<usize> = Vec::new();
        for (place, join) in JOINS.iter().enumerate() {
            let is_repeated = joined.iter().any(|other| alias(*other) == alias(place));
            let is_possible = join.needs.is_none_or(|needed| joined.contains(&needed));
            if is_possible && !is_repeated && !random.once_in(if place < 2 { 3 } else { 2 }) {
                joined.push(place);
            }
        }
        let mut possible: Vec<&str> = FACT_KEYS.to_vec();
        possible.extend(joined.iter().flat_map(|place| JOINS[*place].keys));
        let mut keys: Vec<&str> = Vec::new();
        for _ in 0..random.below(if is_cube { 4 } else { 3 }) {
            let key = random.pick(&possible);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let mut conditions = Vec::new();
        let most = if is_cube { usize::from(random.once_in(3)) + 1 } else { 3 };
        for _ in 0..random.below(most) {
            let (text, needs) = random.pick(CONDITIONS);
            if needs.is_none_or(|needed| joined.contains(&needed)) {
                conditions.push(text.replace('@', &random.below(5).to_string()));
            }
        }
        let mut values: Vec<&str> = Vec::new();
        for _ in 0..1 + random.below(if is_cube { 6 } else { 3 }) {
            let value = random.pick(VALUES);
            if !values.contains(&value) {
                values.push(value);
            }
        }
        let joins = joined.iter().map(|place| format!(" {}", JOINS[*place].clause));
        let mut from = format!("FROM sale f{}", joins.collect::<String>());
        if !conditions.is_empty() {
            from += &format!(" WHERE {}", conditions.join(" AND "));
        }
        Self { keys, from, values }
    }

    fn cube(&self, random: &mut Random, name: &str) -> String {
        let form = if self.keys.len() > 1 { random.pick(FORMS) } else { "" };
        let keys = self.keys.join(", ");
        let columns = self.keys.iter().chain(&self.values).copied().collect::<Vec<_>>().join(", ");
        let by = match (keys.as_str(), form) {
            ("", _) => String::new(),
            (keys, "") => format!("GROUP BY {keys}"),
            (keys, form) => format!("GROUP BY {form} ({keys})"),
        };
        format!("CREATE CUBE {name} AS SELECT {columns} {} {by}", self.from)
    }

    fn query(&self, random: &mut Random) -> String {
        let mut columns: Vec<String> = self.keys.iter().map(|key| (*key).to_owned()).collect();
        for value in &self.values {
            columns.push(match random.below(12) {
                0 => format!("{value} FILTER (WHERE f.count > {})", random.below(4)),
                _ => (*value).to_owned(),
            });
        }
        let keys = self.keys.join(", ");
        let by = match (keys.as_str(), random.below(5)) {
            ("", _) => String::new(),
            (keys, 0) => format!(" GROUP BY ROLLUP ({keys})"),
            (keys, 1) => format!(" GROUP BY CUBE ({keys})"),
            (keys, _) => format!(" GROUP BY {keys}"),
        };
        let having = match random.below(12) {
            0 => " HAVING count(*) > 3",
            1 => " HAVING sum(f.price) > 10",
            _ => "",
        };
        format!("SELECT {} {}{by}{having}", columns.join(", "), self.from)
    }
}

/// Joins one more table, if keys lead to one.
fn join_one_more(of: &mut Written, random: &mut Random) {
    let possible = REFERENCES.iter().filter(|(key, join)| {
        of.keys.contains(key) && !of.from.contains(&format!(" {} ON ", alias(*join)))
    });
    let possible: Vec<usize> = possible.map(|(_, join)| *join).collect();
    if possible.is_empty() {
        return;
    }
    let join = &JOINS[random.pick(&possible)];
    let at = of.from.find(" WHERE ").unwrap_or(of.from.len());
    of.from.insert_str(at, &format!(" {}", join.clause));
    let reference = REFERENCES.iter().map(|(key, _)| *key).find(|key| of.keys.contains(key));
    of.keys.retain(|key| random.once_in(4) || Some(*key) != reference);
    of.keys.push(random.pick(join.keys));
}

/// The name of the table that is joined.
fn alias(join: usize) -> &'static str {
    JOINS[join].clause.split("JOIN ").nth(1).and_then(|it| it.split(' ').nth(1)).unwrap_or_default()
}

/// A change; those that the tables refuse change nothing.
fn change(random: &mut Random, next: &mut usize) -> String {
    let mut number = |below: usize| random.below(below);
    let (a, b, c) = (number(9), number(50), number(120));
    match number(17) {
        0 | 1 => {
            *next += 5;
            format!(
                "INSERT INTO sale SELECT value, value % 120, NULL, value * 7 % 50, value % 40, 3, {b}.25, 1.5, -5
                 FROM range({}, {})",
                *next - 5,
                *next
            )
        }
        2 => format!("DELETE FROM sale WHERE id % 9 = {a}"),
        3 => format!("DELETE FROM sale WHERE item = {b}"),
        4 => format!("UPDATE sale SET price = price - {b}, count = {a} WHERE id % 11 = {a}"),
        5 => format!("UPDATE sale SET buyer = NULL, day = {c} WHERE buyer = {a}"),
        6 => format!("UPDATE sale SET cost = NULL, big = NULL WHERE item = {b}"),
        7 => format!("UPDATE item SET brand = 'brand {a}' WHERE id = {b}"),
        8 => format!("UPDATE item SET kind = NULL, maker = {a} WHERE id % 9 = {a}"),
        9 => format!("UPDATE item SET maker = NULL WHERE id = {b}"),
        10 => format!("UPDATE maker SET land = 'länd {b}', size = {a} WHERE id = {a}"),
        11 => format!("UPDATE day SET year = {a} WHERE id BETWEEN {c} AND {c} + 3"),
        12 => format!("UPDATE day SET week = NULL, month = {b} WHERE month = {a}"),
        13 => format!(
            "MERGE INTO sale USING (SELECT value AS id FROM range({b}, 950, 37)) AS s ON sale.id = s.id
             WHEN MATCHED AND sale.count > 2 THEN DELETE WHEN MATCHED THEN UPDATE SET sent = {c}
             WHEN NOT MATCHED THEN INSERT (id, day, item, count, price) VALUES (s.id, {c}, {b}, 1, 2)"
        ),
        14 => "OPTIMIZE sale".to_owned(),
        15 => format!(
            "BEGIN; UPDATE item SET kind = 'kind {a}' WHERE id < {b}; DELETE FROM sale WHERE id % 17 = {a};
             UPDATE day SET year = year + 1 WHERE id = {c}; COMMIT"
        ),
        _ => format!("INSERT INTO item VALUES (100 + {}, 'new', NULL, {a})", *next),
    }
}

fn open(dir: &MemDir) -> Warehouse {
    let store = Store::open(Arc::new(dir.clone()), OpenMode::ReadWrite { wait: Duration::ZERO });
    let options = OpenOptions { threads: Some(2), ..OpenOptions::default() };
    Warehouse::of_store(store.unwrap(), &options).unwrap()
}

fn answers(session: &Session, settings: &[&str], sql: &str) -> Vec<String> {
    run(session, settings);
    sorted_rows(session, sql)
}

fn check_round(seed: u64) -> (usize, usize) {
    let mut random = Random::new(seed);
    let dir = MemDir::new();
    let mut warehouse = open(&dir);
    let mut session = warehouse.session();
    run(&session, TABLES);
    let mut cubes = Vec::new();
    let (mut next, mut used, mut asked) = (1_000, 0, 0);
    for step in 0..CHANGES {
        while cubes.len() < 4 {
            let cube = format!("c{seed}_{step}_{}", random.below(1_000_000));
            let written = Written::random(&mut random, true);
            let sql = written.cube(&mut random, &cube);
            // What can be no cube says so; what is one is exact.
            match execute(&session, &sql) {
                Ok(_) => cubes.push((cube, written)),
                Err(error) => assert!(!error.message.contains("internal"), "{sql}\n{error}"),
            }
        }
        let lookups = if random.once_in(4) { "off" } else { "on" };
        run(&session, &[&format!("SET starfact.cube_lookups = {lookups}")]);
        let change = change(&mut random, &mut next);
        for statement in change.split(';') {
            if let Err(error) = execute(&session, statement) {
                let is_expected = ["already", "referenced", "no row"];
                let is_expected = is_expected.iter().any(|it| error.message.contains(it));
                assert!(is_expected, "seed {seed}: {statement}\n{error}");
            }
        }
        if random.once_in(4) {
            drop((session, warehouse));
            warehouse = open(&dir);
            session = warehouse.session();
        }
        for _ in 0..QUERIES {
            let query = match random.below(3) {
                // Of the keys of a cube, and of its tables.
                0 | 1 => {
                    let (_, of) = &cubes[random.below(cubes.len())];
                    let keys = of.keys.iter().copied().filter(|_| random.below(3) > 0).collect();
                    let mut values = of.values.clone();
                    values.retain(|_| random.below(4) > 0);
                    values.push("count(*)");
                    let mut written = Written { keys, from: of.from.clone(), values };
                    if random.once_in(3) {
                        written.keys.clone_from(&of.keys);
                        join_one_more(&mut written, &mut random);
                    }
                    written.query(&mut random)
                }
                _ => Written::random(&mut random, false).query(&mut random),
            };
            let label = format!("seed {seed}, step {step}, after {change}\n{query}");
            let with = answers(&session, &["SET starfact.use_cubes = on"], &query);
            let explained = sorted_rows(&session, &format!("EXPLAIN {query}")).join("\n");
            used += usize::from(explained.contains(": used"));
            asked += 1;
            let without = answers(&session, &["SET starfact.use_cubes = off"], &query);
            assert_eq!(with, without, "{label}\n{explained}");
            let stock = answers(&session, &["SET starfact.star_executor = off"], &query);
            assert_eq!(without, stock, "{label}");
            run(&session, &["SET starfact.star_executor = on"]);
        }
        let names: Vec<&str> = cubes.iter().map(|(cube, _)| cube.as_str()).collect();
        run(&session, &[&format!("CHECK CUBE {}", names.join(", "))]);
        if random.once_in(3) {
            let (cube, _) = cubes.swap_remove(random.below(cubes.len()));
            run(&session, &[&format!("DROP CUBE {cube}")]);
        }
    }
    (used, asked)
}

#[test]
fn random_cubes_answer_as_tables_do() {
    let rounds = std::env::var("STARFACT_CUBE_ROUNDS").ok().and_then(|it| it.parse().ok());
    let (mut used, mut asked) = (0, 0);
    for seed in 0..rounds.unwrap_or(ROUNDS) {
        let (of_round, of_all) = check_round(seed + 1);
        used += of_round;
        asked += of_all;
    }
    eprintln!("cubes gave {used} of {asked} answers");
    assert!(used * 5 > asked, "cubes gave {used} of {asked} answers");
}
