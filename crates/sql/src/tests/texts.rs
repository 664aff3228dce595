//! Conditions on texts that are evaluated on many at once, and one by one: the answers are the same.

use super::{answer, run, session};

const TABLE: &[&str] = &[
    "SET starfact.background_merges = off",
    "CREATE TABLE note (id INTEGER PRIMARY KEY, long VARCHAR, short VARCHAR, few VARCHAR)",
    "INSERT INTO note SELECT value,
         CASE WHEN value % 17 <> 3 THEN 'the ' || CASE value % 5 WHEN 0 THEN 'special ' WHEN 1 THEN
             'spécial ' WHEN 2 THEN '' ELSE 'SPECIAL requests ' END || 'note ' || value * 7919 % 10007
             || CASE WHEN value % 3 = 0 THEN ' of many requests' ELSE ' of none' END END,
         CASE WHEN value % 7 = 0 THEN 'é' || value WHEN value % 7 = 1 THEN NULL ELSE '' || value END,
         'kind ' || value % 4
     FROM range(20000)",
];

const CONDITIONS: &[&str] = &[
    "long LIKE '%special%requests%'",
    "long NOT LIKE '%special%requests%'",
    "long LIKE 'the %note 1%none'",
    "long LIKE '%requests%requests%'",
    "long LIKE '%%note%%'",
    "long NOT LIKE '%é%'",
    "short LIKE '%1%' AND long LIKE '%9% of %'",
    "few LIKE '%nd%' AND short NOT LIKE '%0%0%'",
    "id % 3 = 1 AND long LIKE '%note 99%'",
    "substr(short, 1, 2) IN ('10', '3', 'é7', 'é14', '')",
    "substr(short, 1, 1) = 'é'",
    "'12345' = substring(short FROM 1 FOR 5)",
    "substr(long, 1, 5) NOT IN ('the s', 'the n')",
    "substr(long, 1, 5) <> 'the s' AND left(short, 3) IN ('100', 'é21', 'x')",
    "left(few, 6) = 'kind 2' OR left(short, 0) = 'x'",
    "left(short, -1) = '1'",
    "substr(short, 2, 2) = '00' AND substr(short, 0, 3) <> '10'",
    "substr(short, 1, 2) IN ('10', NULL)",
];

#[test]
fn many_texts_at_once_are_like_one_by_one() {
    let session = session(TABLE);
    for step in ["SELECT 1", "DELETE FROM note WHERE id % 11 = 4", "OPTIMIZE TABLE note"] {
        answer(&session, step);
        for condition in CONDITIONS {
            let sql = format!(
                "SELECT count(*), sum(id), min(long), max(short) FROM note WHERE {condition}"
            );
            let found = answer(&session, &sql);
            run(&session, &["SET starfact.encoded_filters = off"]);
            assert_eq!(answer(&session, &sql), found, "{condition}");
            run(&session, &["SET starfact.encoded_filters = on"]);
        }
    }
    assert_eq!(
        answer(&session, "SELECT count(*) FROM note WHERE short LIKE '%é%' AND id < 70"),
        "10"
    );
    assert_eq!(
        answer(&session, "SELECT count(*) FROM note WHERE left(short, 2) = 'é7' AND id < 70"),
        "1"
    );
    let sql = "EXPLAIN ANALYZE SELECT id FROM note WHERE left(short, 1) = 'x'";
    let plan = answer(&session, sql);
    assert!(plan.contains("removed_1_by_short"), "{plan}");
}
