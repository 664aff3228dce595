//! How tables are stored, as `sys` and EXPLAIN STORAGE show it.

use super::{answer, check, check_failures, session};

const FACTS: &[&str] = &[
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL)",
    "CREATE TABLE sale (day DATE, city INTEGER REFERENCES city, note VARCHAR ENCODING zstd,
        amount DECIMAL(9,2) ENCODING 'bit-packed') SORTED BY (day)",
    "INSERT INTO city SELECT value, 'city ' || value FROM range(10)",
    "INSERT INTO sale SELECT DATE '2020-01-01' + CAST(value / 1000 AS INTEGER), value % 10,
        CASE WHEN value % 7 = 0 THEN NULL ELSE 'note ' || value END, value FROM range(100000)",
];

#[test]
fn columns_segments_and_blocks_are_views() {
    check(
        &session(FACTS),
        &[
            (
                "SELECT table_name, sum(rows), sum(blocks) FROM sys.segments GROUP BY 1 ORDER BY 1",
                "city|10|1; sale|100000|2",
            ),
            (
                "SELECT column_name, data_type, is_hidden, rows, nulls FROM sys.columns WHERE table_name = 'sale'",
                "day|DATE|NO|100000|0; city|INTEGER|NO|100000|0; note|VARCHAR|NO|100000|14286; \
                 amount|DECIMAL(9,2)|NO|100000|0; ordinal(city)|BIGINT|YES|100000|0",
            ),
            (
                "SELECT count(*), min(min), max(max), sum(CAST(sum AS DECIMAL(20,2))) FROM sys.blocks WHERE column_name = 'amount'",
                "2|0.00|99999.00|4999950000.00",
            ),
            (
                "SELECT min, max, nulls, sum FROM sys.blocks WHERE column_name = 'day' ORDER BY block LIMIT 1",
                "2020-01-01|2020-03-06|0|NULL",
            ),
            (
                "SELECT b.bytes < c.bytes FROM sys.columns c JOIN (SELECT table_name, column_name, sum(bytes) bytes
                 FROM sys.blocks GROUP BY 1, 2) b ON b.table_name = c.table_name AND b.column_name = c.column_name
                 GROUP BY 1",
                "true",
            ),
            ("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'sys'", "10"),
        ],
    );
}

#[test]
fn an_encoding_may_be_asked_for() {
    let session = session(FACTS);
    let encodings = "SELECT encodings FROM sys.columns WHERE column_name = ";
    assert!(answer(&session, &format!("{encodings}'note'")).starts_with("zstd("));
    assert_eq!(answer(&session, &format!("{encodings}'amount'")), "bit-packed");
    let sql = answer(&session, "SHOW CREATE TABLE sale");
    assert!(sql.contains("ENCODING 'zstd'") && sql.contains("ENCODING 'bit-packed'"), "{sql}");
    check_failures(
        &session,
        &[
            ("CREATE TABLE u (a INTEGER ENCODING tape)", "cannot be encoded as tape"),
            ("CREATE TABLE u (a INTEGER ENCODING 5)", "the name of an encoding"),
        ],
    );
}

#[test]
fn storage_is_explained() {
    let session = session(FACTS);
    let report = answer(&session, "EXPLAIN STORAGE sale");
    let columns: Vec<&str> = report.split("; ").filter_map(|row| row.split('|').next()).collect();
    assert_eq!(columns, ["day", "city", "note", "amount", "ordinal(city)"]);
    let amount: Vec<&str> = report.split("; ").nth(3).unwrap().split('|').collect();
    let [
        _,
        data_type,
        bytes,
        dictionary_bytes,
        bits,
        ratio,
        encoding,
        runner_up,
        runner_up_bytes,
        speed,
        bitmaps,
    ] = amount.as_slice()
    else {
        panic!("{amount:?}")
    };
    assert_eq!((*data_type, *encoding), ("DECIMAL(9,2)", "bit-packed 23"));
    let number = |text: &str| text.parse::<f64>().unwrap();
    assert_eq!(*dictionary_bytes, "0");
    assert!(number(bits) > 20.0 && number(bits) < 30.0 && number(ratio) > 2.0, "{amount:?}");
    assert!(!runner_up.is_empty() && *runner_up != "bit-packed", "{amount:?}");
    assert_eq!(*bitmaps, "0");
    assert!(number(runner_up_bytes) > 0.0 && number(speed) > 0.0 && number(bytes) > 0.0);
    check_failures(&session, &[("EXPLAIN STORAGE nowhere", "there is no table")]);
    assert_eq!(answer(&session, "EXPLAIN STORAGE city").split("; ").count(), 2);
}

#[test]
fn shared_dictionaries_are_shown_and_can_be_switched_off() {
    const MODES: &str = "INSERT INTO line SELECT value, CASE WHEN value % 11 = 0 THEN NULL
        ELSE 'by mode of transport ' || (value * 7 % 400) END FROM range(140000)";
    let shared = session(&["CREATE TABLE line (id INTEGER, mode VARCHAR)", MODES]);
    let own = session(&[
        "SET starfact.shared_dictionaries = off",
        "CREATE TABLE line (id INTEGER, mode VARCHAR)",
        MODES,
    ]);
    let encodings = "SELECT encodings FROM sys.columns WHERE column_name = 'mode'";
    assert!(answer(&shared, encodings).starts_with("shared-dictionary("));
    assert!(answer(&own, encodings).starts_with("dictionary("));
    let bytes = "SELECT dictionary_bytes > 0 FROM sys.columns WHERE column_name = 'mode'";
    let of_segments = "SELECT sum(dictionary_bytes) = (SELECT sum(dictionary_bytes) FROM sys.columns) FROM sys.segments";
    let of_blocks = "SELECT count(dictionary_bytes), count(*) FROM sys.blocks";
    for (session, is_shared, blocks) in [(&shared, "true", "3|6"), (&own, "false", "0|6")] {
        check(session, &[(bytes, is_shared), (of_segments, "true"), (of_blocks, blocks)]);
        let report = answer(session, "EXPLAIN STORAGE line");
        let mode: Vec<&str> = report.split("; ").nth(1).unwrap().split('|').collect();
        assert_eq!((mode[3] != "0").to_string(), is_shared, "{mode:?}");
        let prefix = if is_shared == "true" { "shared-dictionary(" } else { "dictionary(" };
        assert!(mode[6].starts_with(prefix), "{mode:?}");
    }
    for query in [
        "SELECT mode, count(*) FROM line GROUP BY mode ORDER BY mode NULLS FIRST LIMIT 5",
        "SELECT count(*) FROM line WHERE mode = 'by mode of transport 7'",
        "SELECT count(*) FROM line WHERE mode LIKE 'by mode of transport 3%'",
        "SELECT count(*) FROM line WHERE mode LIKE '%port 1_'",
        "SELECT count(*) FROM line WHERE mode NOT LIKE '%9%' OR mode IS NULL",
        "SELECT count(*) FROM line WHERE mode BETWEEN 'by mode of transport 2' AND 'c'",
        "SELECT min(mode), max(mode), count(mode), count(DISTINCT mode) FROM line",
        "SELECT count(*) FROM line a JOIN line b ON a.mode = b.mode WHERE b.id < 20",
    ] {
        assert_eq!(answer(&shared, query), answer(&own, query), "{query}");
    }
}

#[test]
fn columns_that_follow_from_others_can_be_stored_as_they_are() {
    // A bulk load, which the setting is for; small commits are encoded when they are merged.
    let create = "CREATE TABLE line AS SELECT value * 7919 % 10007 AS price,
        value * 7919 % 10007 + 5 AS with_freight FROM range(3000)";
    let trees = "SELECT count(*) FROM sys.columns WHERE encodings LIKE 'derived(%'";
    assert_eq!(answer(&session(&[create]), trees), "1");
    let off = session(&["SET starfact.derive_columns = off", create]);
    assert_eq!(answer(&off, trees), "0");
    check(&off, &[("SHOW starfact.derive_columns", "off")]);
    check_failures(&off, &[("SET starfact.derive_columns = 7", "expected on or off")]);
}
