//! Bitmap indexes: asked for in SQL, shown by it, and the same answers with them and without.

use super::{answer, check, check_failures, run, session};

const TABLES: &[&str] = &[
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR BITMAP)",
    "INSERT INTO city SELECT value, 'Zürich ' || value FROM range(700)",
    "CREATE TABLE sale (id BIGINT, city INTEGER BITMAP, note VARCHAR BITMAP,
        amount DECIMAL(9,2) NO BITMAP NOT NULL)",
    "INSERT INTO sale SELECT value,
        CASE WHEN value % 11 = 3 THEN NULL ELSE value * value % 701 * 3 END,
        'größe ' || (value * 31 % 877), value % 1000 FROM range(150000)",
];

/// The sum of a metric over all scans of a query.
fn metric(session: &crate::session::Session, name: &str, query: &str) -> u64 {
    let report = answer(session, &format!("EXPLAIN ANALYZE {query}"));
    let name = format!("{name}=");
    let values = report.split(&name).skip(1);
    let digits = values.map(|rest| {
        rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse::<u64>()
    });
    digits.map(|number| number.expect("a number")).sum()
}

#[test]
fn answers_are_the_same_with_bitmaps_and_without() {
    let session = session(TABLES);
    let conditions = [
        "city = 3 * 42",
        "city = 5",
        "city <> 126",
        "city IN (0, 126, 129, 7)",
        "city NOT IN (126, 129)",
        "city BETWEEN 126 AND 140",
        "city < 3",
        "city IS NULL",
        "city IS NULL OR city = 126",
        "note = 'größe 17'",
        "note <> 'größe 17'",
        "note LIKE 'größe 86%'",
        "note LIKE '%99'",
        "note IN ('größe 1', 'nothing', 'größe 876')",
        "note = 'größe 17' AND city = 126",
        "note = 'größe 17' AND city <> 126 AND id > 70000",
        "note = 'grö'",
        "amount = 5 AND city = 126",
        "city IN (SELECT id FROM city WHERE name = 'Zürich 126')",
        "NOT city = 126 AND note > 'größe 870'",
    ];
    for condition in conditions {
        let query = format!("SELECT count(*), sum(id), sum(amount) FROM sale WHERE {condition}");
        run(&session, &["SET starfact.bitmaps = on"]);
        let with = answer(&session, &query);
        run(&session, &["SET starfact.bitmaps = off"]);
        assert_eq!(answer(&session, &query), with, "{condition}");
        assert_eq!(metric(&session, "bitmap_blocks", &query), 0, "{condition}");
    }
}

#[test]
fn the_ledger_says_what_bitmaps_answered() {
    let session = session(TABLES);
    let count = |condition: &str| {
        let query = format!("SELECT sum(amount) FROM sale WHERE {condition}");
        (metric(&session, "bitmap_blocks", &query), metric(&session, "bitmap_pruned", &query))
    };
    // Both the totals of encoded blocks and the scan, which gives out rows.
    for totals in ["on", "off"] {
        run(&session, &[&format!("SET encoded_aggregates = {totals}")]);
        let plan = answer(&session, "EXPLAIN SELECT sum(amount) FROM sale WHERE city = 125");
        assert_eq!(plan.contains("StarfactTotals"), totals == "on", "{plan}");
        // The last block is so short that it is filtered sooner than its 877 values are asked.
        assert_eq!(count("note = 'größe 17'"), (2, 0));
        // Between the bounds of every block, but in none.
        assert_eq!(count("city = 125"), (3, 3));
        assert_eq!(count("city < 1000"), (0, 0));
        assert_eq!(count("amount = 5"), (0, 0));
    }
    run(&session, &["SET bitmaps = off"]);
    assert_eq!(count("city = 125"), (0, 0));
    run(&session, &["RESET bitmaps"]);
    let joined = "SELECT sum(amount) FROM sale JOIN city ON sale.city = city.id
        WHERE name = 'Zürich 126'";
    assert!(metric(&session, "bitmap_blocks", joined) >= 2, "what a join finds is looked up, too");
}

#[test]
fn indexes_are_declared_and_shown() {
    let session = session(TABLES);
    let sql = answer(&session, "SHOW CREATE TABLE sale");
    assert!(sql.contains("city INTEGER BITMAP,") && sql.contains("NOT NULL NO BITMAP\n"), "{sql}");
    check(
        &session,
        &[
            (
                "SELECT column_name, bitmap_bytes > 0 FROM sys.columns WHERE table_name = 'sale'",
                "id|false; city|true; note|true; amount|false",
            ),
            (
                "SELECT sum(s.bitmap_bytes) = (SELECT sum(bitmap_bytes) FROM sys.blocks)
                 AND sum(s.bitmap_bytes) < sum(s.bytes) FROM sys.segments s",
                "true",
            ),
            ("SHOW starfact.bitmaps", "on"),
        ],
    );
    let storage = answer(&session, "EXPLAIN STORAGE sale");
    let bitmaps: Vec<bool> = storage.split("; ").map(|row| !row.ends_with("|0")).collect();
    assert_eq!(bitmaps, [false, true, true, false], "{storage}");
    check_failures(&session, &[("SET starfact.bitmaps = sometimes", "expected on or off")]);
    // A column may have the name of an option.
    run(&session, &["CREATE TABLE v (bitmap INTEGER BITMAP, no INTEGER)", "SELECT bitmap FROM v"]);
}

#[test]
fn text_in_shared_dictionaries_is_looked_up_in_bitmaps() {
    let statements: Vec<&str> =
        ["SET starfact.shared_dictionaries = always"].iter().chain(TABLES).copied().collect();
    let (shared, own) = (session(&statements), session(TABLES));
    run(&own, &["SET starfact.bitmaps = off"]);
    let stored = "SELECT dictionary_bytes > 0, bitmap_bytes > 0 FROM sys.columns
        WHERE table_name = 'sale' AND column_name = 'note'";
    assert_eq!(answer(&shared, stored), "true|true");
    for condition in [
        "note = 'größe 17'",
        "note <> 'größe 17'",
        "note IN ('größe 1', 'nothing', 'größe 876')",
        "note LIKE 'größe 86%'",
        "note = 'größe 17' AND city = 126",
        "note IS NULL",
    ] {
        let query = format!("SELECT count(*), sum(id), max(note) FROM sale WHERE {condition}");
        assert_eq!(answer(&shared, &query), answer(&own, &query), "{condition}");
    }
    let rare = "SELECT sum(id) FROM sale WHERE note = 'größe 17'";
    assert_eq!(metric(&shared, "bitmap_blocks", rare), 2);
}

#[test]
fn indexes_that_nobody_asked_for_can_be_forbidden() {
    // A long address each, and the one of 300 campaigns that led there.
    let address: Vec<String> = (0..20)
        .map(|salt| format!("to_hex((value * 32 + {salt} + 9973) * 1000003 % 2147483647 * 48271)"))
        .collect();
    let rows = format!(
        "INSERT INTO visit SELECT value * 7919 % 10007 * 31 % 300, {} FROM range(70000)",
        address.join(" || '/' || ")
    );
    let create = "CREATE TABLE visit (campaign INTEGER, address VARCHAR)";
    let bytes = "SELECT bitmap_bytes > 0 FROM sys.columns WHERE column_name = 'campaign'";
    assert_eq!(answer(&session(&[create, &rows]), bytes), "true");
    let off = session(&["SET starfact.index_columns = off", create, &rows]);
    assert_eq!(answer(&off, bytes), "false");
}
