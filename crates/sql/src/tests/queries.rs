//! What a SELECT can say.

use super::{check, session};

const SALES: &[&str] = &[
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR, region VARCHAR)",
    "CREATE TABLE sale (id BIGINT PRIMARY KEY, city INTEGER REFERENCES city, amount DECIMAL(8,2),
        day DATE) SORTED BY (day)",
    "INSERT INTO city VALUES (1, 'Oslo', 'north'), (2, 'Rome', 'south'), (3, 'Bari', 'south'), (4, 'Ely', NULL)",
    "INSERT INTO sale VALUES (1, 1, 10.00, '2020-03-01'), (2, 2, 20.50, '2020-01-01'),
        (3, 2, 0.50, '2020-02-01'), (4, 3, 5.00, NULL), (5, NULL, 7.77, '2020-02-01')",
];

#[test]
fn joins_groups_and_subqueries() {
    check(
        &session(SALES),
        &[
            (
                "SELECT name, sum(amount) FROM sale JOIN city ON city = city.id GROUP BY name ORDER BY 2 DESC",
                "Rome|21.00; Oslo|10.00; Bari|5.00",
            ),
            (
                "SELECT region, count(*) FROM sale s LEFT JOIN city c ON s.city = c.id GROUP BY region ORDER BY region NULLS FIRST",
                "NULL|1; north|1; south|3",
            ),
            (
                "SELECT name FROM city c WHERE EXISTS (SELECT 1 FROM sale s WHERE s.city = c.id AND amount < 6) ORDER BY 1",
                "Bari; Rome",
            ),
            (
                "SELECT name FROM city WHERE id NOT IN (SELECT city FROM sale WHERE city IS NOT NULL)",
                "Ely",
            ),
            ("SELECT name FROM city WHERE id NOT IN (SELECT city FROM sale)", ""),
            (
                "SELECT c.name, (SELECT max(amount) FROM sale s WHERE s.city = c.id) m FROM city c ORDER BY name",
                "Bari|5.00; Ely|NULL; Oslo|10.00; Rome|20.50",
            ),
            (
                "SELECT name FROM city FULL JOIN sale ON city.id = city AND amount > 15 WHERE sale.id IS NULL OR name IS NULL ORDER BY name",
                "Bari; Ely; Oslo; NULL; NULL; NULL; NULL",
            ),
            (
                "SELECT name, (SELECT max(amount) FROM sale WHERE sale.city = city.id) FROM city ORDER BY name",
                "Bari|5.00; Ely|NULL; Oslo|10.00; Rome|20.50",
            ),
            (
                "SELECT City.name FROM city WHERE EXISTS (SELECT 1 FROM sale s WHERE city = City.id AND city.region = 'south') ORDER BY 1",
                "Bari; Rome",
            ),
            ("SELECT count(*) FROM city a, city b WHERE a.id < b.id", "6"),
            ("SELECT region FROM city UNION SELECT 'x' ORDER BY 1", "north; south; x; NULL"),
            ("SELECT id FROM city EXCEPT SELECT city FROM sale ORDER BY 1", "4"),
            ("SELECT city FROM sale INTERSECT SELECT id FROM city ORDER BY 1", "1; 2; 3"),
        ],
    );
}

#[test]
fn windows_and_grouping_sets() {
    check(
        &session(SALES),
        &[
            (
                "SELECT id, sum(amount) OVER (PARTITION BY city ORDER BY id) FROM sale ORDER BY id",
                "1|10.00; 2|20.50; 3|21.00; 4|5.00; 5|7.77",
            ),
            (
                "SELECT id, row_number() OVER (ORDER BY amount DESC) r FROM sale QUALIFY r <= 2 ORDER BY r",
                "2|1; 1|2",
            ),
            (
                "SELECT id, lag(amount) OVER w, rank() OVER w FROM sale WINDOW w AS (ORDER BY day) ORDER BY id",
                "1|7.77|4; 2|NULL|1; 3|20.50|2; 4|10.00|5; 5|0.50|2",
            ),
            (
                "SELECT region, city.id, count(*) FROM sale JOIN city ON city = city.id GROUP BY ROLLUP (region, city.id) ORDER BY ALL",
                "north|1|1; north|NULL|1; south|2|2; south|3|1; south|NULL|3; NULL|NULL|4",
            ),
            (
                "SELECT region, grouping(region), count(*) FROM city GROUP BY GROUPING SETS ((region), ()) ORDER BY 2, 1",
                "north|0|1; south|0|2; NULL|0|1; NULL|1|4",
            ),
            (
                "SELECT region, grouping(region), rank() OVER (PARTITION BY grouping(region) ORDER BY count(*)) AS r \
                 FROM city GROUP BY ROLLUP (region) ORDER BY 2, 3, 1",
                "north|0|1; NULL|0|1; south|0|3; NULL|1|1",
            ),
            (
                "SELECT region, row_number() OVER (ORDER BY grouping(region), region) FROM city GROUP BY ROLLUP (region) ORDER BY 2",
                "north|1; south|2; NULL|3; NULL|4",
            ),
            (
                "SELECT region, id % 2, count(*) FROM city GROUP BY CUBE (region, id % 2) ORDER BY ALL LIMIT 3",
                "north|1|1; north|NULL|1; south|0|1",
            ),
            ("SELECT region, count(*) FROM city GROUP BY ALL HAVING count(*) > 1", "south|2"),
        ],
    );
}

#[test]
fn shorthands_of_other_systems() {
    check(
        &session(SALES),
        &[
            ("FROM city ORDER BY id LIMIT 1", "1|Oslo|north"),
            ("FROM city SELECT name WHERE id = 2", "Rome"),
            ("SELECT count(*) FROM (FROM city)", "4"),
            ("SELECT * EXCLUDE (region) FROM city WHERE id = 1", "1|Oslo"),
            ("SELECT * REPLACE (upper(name) AS name) FROM city WHERE id = 1", "1|OSLO|north"),
            (
                "SELECT DISTINCT ON (city) city, id FROM sale ORDER BY city, id DESC",
                "1|1; 2|3; 3|4; NULL|5",
            ),
            ("SELECT id, id, id + 1, id + 1 FROM city WHERE id = 1", "1|1|2|2"),
            (
                "SELECT * FROM (SELECT id, id, sum(id), sum(id) FROM city WHERE id = 1 GROUP BY id)",
                "1|1|1|1",
            ),
            ("VALUES (1, 'a'), (2, NULL)", "1|a; 2|NULL"),
            ("SELECT x, y FROM (VALUES (1, 'a')) v(x, y)", "1|a"),
            (
                "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r",
                "15",
            ),
            (
                "WITH RECURSIVE r(n) AS (SELECT min(id) FROM sale UNION ALL SELECT s.id FROM r JOIN sale s ON s.id = r.n + 1) SELECT count(*) FROM r",
                "5",
            ),
            (
                "WITH a AS (SELECT id FROM city), b AS (SELECT id + 1 AS id FROM a) SELECT sum(id) FROM b",
                "14",
            ),
            ("SELECT sum(value) FROM generate_series(1, 10)", "55"),
            (
                "SELECT 'a' || 1 || NULL, concat('a', NULL, 1), 'it''s', E'a\\nb' = 'a\nb'",
                "NULL|a1|it's|true",
            ),
            (
                "SELECT count(*) FILTER (WHERE amount > 6), string_agg(id::varchar, ',' ORDER BY id) FROM sale",
                "3|1,2,3,4,5",
            ),
            ("SELECT 1e3, 1.5E-2, 0.1", "1000.0|0.015|0.1"),
        ],
    );
}

#[test]
fn columns_are_called_as_they_were_written() {
    let session = session(SALES);
    let names = |sql: &str| match session.execute(sql).unwrap() {
        crate::Outcome::Rows(rows) => {
            let schema = rows.schema();
            schema.fields().iter().map(|field| field.name().clone()).collect::<Vec<_>>().join(", ")
        }
        other => panic!("{other:?}"),
    };
    for (sql, expected) in [
        ("SELECT id, ID, city.id, COUNT(*) FROM city GROUP BY id", "id, id, id, count(*)"),
        ("SELECT sum(id + 1), 1e3, 'x' FROM city", "sum(id + 1), 1e3, 'x'"),
        ("SELECT *, id FROM city", "id, name, region, id"),
        ("SELECT * FROM (SELECT sum(id) FROM city)", "sum(id)"),
        ("SELECT a.id, b.id FROM city a JOIN city b USING (id)", "id, id"),
    ] {
        assert_eq!(names(sql), expected, "{sql}");
    }
}

#[test]
fn floats_compare_as_numbers_do() {
    let session = session(&[
        "CREATE TABLE f (id INTEGER, x DOUBLE, y REAL)",
        "INSERT INTO f VALUES (1, 0e0, 0e0), (2, '-0.0', '-0.0'), (3, 'NaN', 'NaN'), (4, 'Infinity', 1.5e0), (5, NULL, NULL), (6, -1.5e0, '-Infinity')",
    ]);
    for switch in ["on", "off"] {
        super::run(&session, &[&format!("SET encoded_filters = {switch}")]);
        check(
            &session,
            &[
                ("SELECT id FROM f WHERE x = 0 ORDER BY id", "1; 2"),
                ("SELECT id FROM f WHERE x = '-0.0' ORDER BY id", "1; 2"),
                ("SELECT id FROM f WHERE x <> 0 ORDER BY id", "3; 4; 6"),
                ("SELECT id FROM f WHERE x < 0 ORDER BY id", "6"),
                ("SELECT id FROM f WHERE x <= 0 ORDER BY id", "1; 2; 6"),
                ("SELECT id FROM f WHERE x > 0 ORDER BY id", "3; 4"),
                ("SELECT id FROM f WHERE x >= '-0.0' ORDER BY id", "1; 2; 3; 4"),
                ("SELECT id FROM f WHERE x = 'NaN'", "3"),
                ("SELECT id FROM f WHERE y BETWEEN 0 AND 2 ORDER BY id", "1; 2; 4"),
                ("SELECT id FROM f WHERE y > 1e30 ORDER BY id", "3"),
                (
                    "SELECT x, count(*) FROM f GROUP BY x ORDER BY x",
                    "-1.5|1; 0.0|2; inf|1; NaN|1; NULL|1",
                ),
            ],
        );
    }
}
