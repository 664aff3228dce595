//! Statements of every kind that writes, in chapters: each begins with what those before it left,
//! in a process of its own.

use std::fs;
use std::path::Path;

pub(super) const ALL: [&[&str]; 8] =
    [TABLES, ROWS, LOADS, TRANSACTIONS, ALTERED, UPKEEP, ASYNC, CUBES];

const TABLES: &[&str] = &[
    "CREATE TABLE place (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL, UNIQUE (name))",
    "CREATE TABLE sale (id BIGINT PRIMARY KEY, place INTEGER REFERENCES place, day DATE,
        amount DECIMAL(9,2) DEFAULT 1.50 CHECK (amount >= 0), note VARCHAR BITMAP)
        SORTED BY (day, id)",
    "INSERT INTO place VALUES (1, 'Bern'), (2, 'Zug'), (3, 'Chur'), (4, 'Brig')",
    "INSERT INTO sale SELECT value, value % 4 + 1, DATE '2024-01-01' + CAST(value * 7 % 31 AS INT),
        value * 1.25, CASE WHEN value % 5 = 0 THEN NULL ELSE 'note ' || value % 3 END
        FROM range(60)",
    "CREATE TABLE summary SORTED BY (day) AS
        SELECT day, count(*) AS sales, sum(amount) AS amount FROM sale GROUP BY day",
    "CREATE TABLE IF NOT EXISTS number (n INTEGER)",
    "CREATE OR REPLACE TABLE number AS SELECT CAST(value AS INTEGER) AS n FROM range(50)",
    "CREATE TABLE visit (sale BIGINT, at TIMESTAMP, FOREIGN KEY (sale) REFERENCES sale (id))",
    "INSERT INTO visit SELECT id, TIMESTAMP '2024-05-01 12:00:00' FROM sale WHERE id < 5",
];

const ROWS: &[&str] = &[
    "INSERT INTO sale (id, place, day) VALUES (100, 1, '2024-02-01'), (101, NULL, '2024-02-02')",
    "INSERT INTO place VALUES (4, 'Visp'), (5, 'Olten') ON CONFLICT DO NOTHING",
    "INSERT INTO place VALUES (2, 'Zug ZG'), (6, 'Thun')
        ON CONFLICT (id) DO UPDATE SET name = excluded.name",
    "UPDATE sale SET amount = amount + 1, day = DATE '2024-03-01' WHERE id % 10 = 3",
    "UPDATE sale SET note = p.name FROM place p WHERE p.id = sale.place AND sale.id < 8",
    "UPDATE place SET id = id + 10 WHERE id > 4",
    "DELETE FROM sale WHERE id BETWEEN 20 AND 24",
    "DELETE FROM sale USING place p WHERE p.id = sale.place AND p.name = 'Chur' AND sale.id > 50",
    "MERGE INTO sale USING (VALUES (7, 9.75), (8, NULL), (300, 3.00)) AS s(id, amount)
        ON sale.id = s.id
        WHEN MATCHED AND s.amount IS NULL THEN DELETE
        WHEN MATCHED THEN UPDATE SET amount = s.amount
        WHEN NOT MATCHED THEN INSERT (id, amount) VALUES (s.id, s.amount)",
    "TRUNCATE TABLE number",
    "INSERT INTO number VALUES (1), (2) RETURNING n",
];

const LOADS: &[&str] = &[
    "INSERT INTO number VALUES (3)",
    "COPY place FROM '{folder}/places.csv'",
    "CREATE TABLE big (n INTEGER)",
    // More than the log takes.
    "INSERT INTO big SELECT CAST(value AS INTEGER) FROM range(66000)",
    "INSERT INTO big VALUES (-1)",
    "COPY sale (id, place, amount) FROM '{folder}/sales.csv'",
    "CREATE TABLE copied AS SELECT * FROM '{folder}/sales.csv'",
    "DROP TABLE big",
];

const TRANSACTIONS: &[&str] = &[
    "BEGIN",
    "INSERT INTO place VALUES (50, 'Biel')",
    "INSERT INTO sale (id, place) VALUES (500, 50)",
    "UPDATE number SET n = n * 10",
    "COMMIT",
    "BEGIN",
    "DELETE FROM visit WHERE sale > 1",
    "INSERT INTO place VALUES (51, 'Sion')",
    "CREATE TABLE tour (id INTEGER PRIMARY KEY, place INTEGER REFERENCES place)",
    "INSERT INTO tour VALUES (1, 51), (2, 50)",
    "ALTER TABLE number ADD COLUMN square INTEGER DEFAULT 0",
    "UPDATE number SET square = n * n",
    "CREATE TABLE listed AS SELECT id, name FROM place",
    "DROP TABLE copied",
    "COMMIT",
    "BEGIN",
    "INSERT INTO tour VALUES (3, 50)",
    "DELETE FROM sale WHERE id > 30",
    "ROLLBACK",
    "BEGIN",
    "CREATE TABLE never AS SELECT id FROM sale",
    "DROP TABLE listed",
    "ROLLBACK",
    "INSERT INTO tour VALUES (4, 1)",
];

const ALTERED: &[&str] = &[
    "ALTER TABLE sale ADD COLUMN kind VARCHAR NOT NULL DEFAULT 'retail'",
    "INSERT INTO sale (id, kind) VALUES (600, 'export')",
    "ALTER TABLE sale DROP COLUMN note",
    "ALTER TABLE sale RENAME COLUMN amount TO total",
    "UPDATE sale SET total = total * 2, kind = 'wholesale' WHERE id < 4",
    "ALTER TABLE number RENAME TO numbers",
    "ALTER TABLE numbers ALTER COLUMN n TYPE BIGINT",
    "INSERT INTO numbers VALUES (5000000000, 1)",
    "ALTER TABLE numbers ALTER n SET NOT NULL, ALTER square SET DEFAULT 7",
    "ALTER TABLE numbers ADD CONSTRAINT positive CHECK (n > 0)",
    "INSERT INTO numbers (n) VALUES (12)",
    "ALTER TABLE numbers ALTER n DROP NOT NULL, ALTER square DROP DEFAULT",
    "ALTER TABLE numbers DROP CONSTRAINT positive",
    "ALTER TABLE place ADD COLUMN height SMALLINT, ADD COLUMN land CHAR(2) DEFAULT 'CH'",
];

const UPKEEP: &[&str] = &[
    "INSERT INTO sale (id, place, day) SELECT value, 1, DATE '2024-06-01' FROM range(700, 760)",
    "DELETE FROM sale WHERE id % 3 = 1 AND id > 4",
    "OPTIMIZE TABLE sale, place",
    "UPDATE place SET height = 400 WHERE id = 1",
    "VACUUM",
    "UPDATE sale SET kind = 'other' WHERE id % 7 = 0",
    "OPTIMIZE TABLE sale",
    "DROP TABLE IF EXISTS listed, summary",
    "TRUNCATE visit",
    "VACUUM",
    "INSERT INTO visit VALUES (0, NULL)",
];

const ASYNC: &[&str] = &[
    "INSERT INTO tour VALUES (10, 1)",
    "SET starfact.durability = 'async'",
    "INSERT INTO tour VALUES (11, 1)",
    "UPDATE tour SET place = NULL WHERE id = 10",
    "DELETE FROM tour WHERE id = 4",
    "CREATE TABLE late (n INTEGER)",
    "INSERT INTO late VALUES (1)",
    "INSERT INTO late VALUES (2)",
    "OPTIMIZE TABLE late",
    "INSERT INTO late VALUES (3)",
    "BEGIN",
    "INSERT INTO late VALUES (4)",
    "INSERT INTO tour VALUES (12, NULL)",
    "COMMIT",
    "SET starfact.durability = 'sync'",
    "INSERT INTO late VALUES (5)",
    "SET starfact.durability = 'async'",
    "INSERT INTO late VALUES (6)",
];

const CUBES: &[&str] = &[
    "CREATE CUBE by_place AS SELECT p.land, s.kind, count(*), sum(s.total), count(DISTINCT s.day)
        FROM sale s JOIN place p ON s.place = p.id GROUP BY p.land, s.kind",
    "CREATE CUBE extremes AS SELECT kind, min(total), max(day) FROM sale GROUP BY ROLLUP (kind)",
    "INSERT INTO sale (id, place, day, kind, total) VALUES (900, 1, '2025-01-01', 'gift', 1),
        (901, 2, NULL, 'retail', NULL)",
    "UPDATE sale SET total = total + 1, kind = 'other' WHERE id < 3",
    "UPDATE place SET land = 'FL' WHERE id IN (1, 2)",
    "DELETE FROM visit",
    "DELETE FROM sale WHERE id IN (0, 900)",
    "SET starfact.durability = 'sync'",
    "COPY sale (id, place, total) FROM '{folder}/more.csv'",
    "BEGIN",
    "UPDATE place SET land = NULL WHERE id = 1",
    "INSERT INTO sale (id, place, kind, total) VALUES (950, 1, 'late', 3.25)",
    "CREATE CUBE small AS SELECT place, count(*) FROM sale GROUP BY place",
    "COMMIT",
    "OPTIMIZE TABLE sale",
    "DROP CUBE extremes",
    "MERGE INTO sale USING (VALUES (950), (951)) AS s(id) ON sale.id = s.id
        WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT (id, kind) VALUES (s.id, 'new')",
    "VACUUM",
    "TRUNCATE TABLE sale",
    "INSERT INTO sale (id, place, kind) VALUES (1, 1, 'first')",
];

/// The files that statements name.
pub(super) fn write_files(folder: &Path) {
    let places = "id,name\n30,Basel\n31,Genf\n32,Wil\n";
    let sales: String =
        (0..40).map(|row| format!("{},{},{}.5\n", 200 + row, 30 + row % 3, row)).collect();
    let more: String =
        (0..30).map(|row| format!("{},{},{row}.25\n", 1_000 + row, row % 3 + 1)).collect();
    fs::write(folder.join("more.csv"), format!("id,place,total\n{more}")).unwrap();
    fs::write(folder.join("places.csv"), places).unwrap();
    fs::write(folder.join("sales.csv"), format!("id,place,amount\n{sales}")).unwrap();
}

/// The statements with the name of the folder.
pub(super) fn in_folder(statements: &[&str], folder: &Path) -> Vec<String> {
    let folder = folder.display().to_string();
    statements.iter().map(|sql| sql.replace("{folder}", &folder)).collect()
}
