//! Functions that other systems have, with the answers that they give.

use super::{check, check_failures, session};

#[test]
fn spellings_of_other_systems() {
    check(
        &session(&[]),
        &[
            (
                "SELECT year(d), month(d), day(d), quarter(d), week(d), isoyear(d) FROM (VALUES (DATE '2024-12-30')) t(d)",
                "2024|12|30|4|1|2025",
            ),
            (
                "SELECT dayofweek(d), isodow(d), dayofyear(d) FROM (VALUES (DATE '2024-02-25')) t(d)",
                "0|7|56",
            ),
            (
                "SELECT hour(t), minute(t), second(t) FROM (VALUES (TIMESTAMP '2024-02-29 13:14:15.678')) t(t)",
                "13|14|15",
            ),
            (
                "SELECT mod(-7, 3), mod(7.5, 2), add(1, 2) * 2, subtract(1, 2 - 3), 7 // 2, -7 // 2",
                "-1|1.5|6|2|3|-3",
            ),
            (
                "SELECT if(1 > 2, 'a', 'b'), iff(NULL, 1, 2), date_add(DATE '2024-01-31', INTERVAL '1' MONTH)",
                "b|2|2024-02-29",
            ),
            (
                "SELECT isinf('-inf'::DOUBLE), isfinite('NaN'::DOUBLE), isfinite(1), isinf(NULL::DOUBLE)",
                "true|false|true|NULL",
            ),
            (
                "SELECT regexp_matches('abc', 'b.'), regexp_full_match('abc', 'b|abc'), regexp_full_match('abc', 'b.')",
                "true|true|false",
            ),
            (
                "SELECT ucase('ä'), lcase('Ä'), ord('ä'), prefix('abc', 'ab'), suffix('abc', 'bc'), strlen('ä')",
                "Ä|ä|228|true|true|2",
            ),
            (
                "SELECT string_split('a,b', ','), list_value(1, 2), list_min([3, 2]), list_max([3, 2])",
                "[a, b]|[1, 2]|2|3",
            ),
            ("SELECT today() = current_date, current_schema()", "true|main"),
        ],
    );
}

#[test]
fn spellings_of_aggregates_keep_their_clauses() {
    let setup = [
        "CREATE TABLE t (g INTEGER, x INTEGER, y INTEGER, s VARCHAR)",
        "INSERT INTO t VALUES (1, 10, 3, 'a'), (1, 20, 5, 'b'), (1, NULL, 9, 'c'), (2, 30, NULL, 'd'), (2, 40, 1, 'e')",
    ];
    check(
        &session(&setup),
        &[
            (
                "SELECT g, arg_max(x, y), min_by(s, y), arg_max(y, x) FROM t GROUP BY g ORDER BY g",
                "1|20|a|5; 2|40|e|1",
            ),
            ("SELECT arg_max(s, y) FILTER (WHERE g = 1 OR g = 3) FROM t", "c"),
            ("SELECT arg_min(x, y) FROM t WHERE g > 5", "NULL"),
            ("SELECT count_if(x > 15), count_if(x > 15) FILTER (WHERE g = 1) FROM t", "3|1"),
            (
                "SELECT x, count_if(x > 15) OVER (PARTITION BY g) FROM t WHERE g = 2 ORDER BY x",
                "30|2; 40|2",
            ),
            (
                "SELECT group_concat(s ORDER BY s DESC), listagg(s, '-') FILTER (WHERE y = 1) FROM t",
                "e,d,c,b,a|e",
            ),
            ("SELECT string_agg(DISTINCT s ORDER BY s) FROM t", "a,b,c,d,e"),
            (
                "SELECT any_value(x ORDER BY y), any_value(x ORDER BY y) FILTER (WHERE g = 1) FROM t",
                "40|10",
            ),
            (
                "SELECT first(s ORDER BY s), last(s ORDER BY s), list(s ORDER BY s DESC) FROM t",
                "a|e|[e, d, c, b, a]",
            ),
            (
                "SELECT approx_count_distinct(x), variance(x), every(x > 0) FROM t",
                "4|166.66666666666666|true",
            ),
        ],
    );
    check_failures(
        &session(&setup),
        &[("SELECT arg_max(x, y) OVER () FROM t", "arg_max in this form has no OVER")],
    );
}

#[test]
fn spellings_in_constraints() {
    let setup = ["CREATE TABLE t (d DATE CHECK (year(d) > 2000), x INTEGER DEFAULT mod(17, 10))"];
    let session = session(&setup);
    super::run(&session, &["INSERT INTO t (d) VALUES ('2024-01-01')"]);
    check(&session, &[("SELECT x FROM t", "7")]);
    check_failures(&session, &[("INSERT INTO t (d) VALUES ('1999-01-01')", "CHECK")]);
}
