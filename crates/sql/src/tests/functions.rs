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

#[test]
fn signs_are_found_without_floats() {
    check(
        &session(&[]),
        &[
            (
                "SELECT sign(-3), sign(0), sign(NULL::INTEGER), sign(-12345678901234567890.12)",
                "-1|0|NULL|-1",
            ),
            (
                "SELECT sign(-2.5::DOUBLE), sign(-0.0::DOUBLE), sign('NaN'::DOUBLE), sign(0.1::REAL)",
                "-1|0|0|1",
            ),
        ],
    );
    check_failures(&session(&[]), &[("SELECT sign('a')", "sign takes a number")]);
}

#[test]
fn parts_and_names_of_dates() {
    check(
        &session(&[]),
        &[
            (
                "SELECT century(d), decade(d), millennium(d), era(d), yearweek(d) FROM (VALUES (DATE '2000-12-31')) t(d)",
                "20|200|2|1|200052",
            ),
            (
                "SELECT century(DATE '0001-01-01'), EXTRACT(century FROM TIMESTAMP '9999-12-31 23:59:59'), century(NULL::DATE)",
                "1|100|NULL",
            ),
            (
                "SELECT dayname(DATE '2024-02-29'), monthname(TIMESTAMP '0001-01-01 00:00:00'), dayname(NULL::DATE)",
                "Thursday|January|NULL",
            ),
            (
                "SELECT last_day(DATE '2023-02-10'), last_day(TIMESTAMP '9999-12-01 10:00:00'), last_day(NULL::DATE)",
                "2023-02-28|9999-12-31|NULL",
            ),
            (
                "SELECT strftime(TIMESTAMP '2024-02-05 03:04:05.006007', '%a|%A|%w|%u|%d|%-d|%b|%B|%h|%m|%-m|%y|%-y|%Y|%H|%-H|%I|%-I|%p|%M|%-M|%S|%-S|%g|%f|%n|%z|%Z|%j|%-j|%U|%W|%V|%G|%c|%x|%X|%%')",
                "Mon|Monday|1|1|05|5|Feb|February|Feb|02|2|24|24|2024|03|3|03|3|AM|04|4|05|5|006|006007|006007000|+00||036|36|05|06|06|2024|2024-02-05 03:04:05|2024-02-05|03:04:05|%",
            ),
            (
                "SELECT strftime(DATE '2024-12-30', '%G-%V %U %W'), strftime(DATE '2023-01-01', '%G-%V %U %W %I'), strftime(TIMESTAMP '0024-02-05 13:04:05', '%Y %y %I%p')",
                "2025-01 52 53|2022-52 01 00 12|0024 24 01PM",
            ),
            (
                "SELECT typeof(1.5), typeof(DATE '2024-01-01'), typeof('a'), typeof(year(now()))",
                "DECIMAL(2,1)|DATE|VARCHAR|INTEGER",
            ),
        ],
    );
    check_failures(
        &session(&[]),
        &[("SELECT strftime(now(), '%Q')", "does not know the specifier \"%Q\"")],
    );
}

#[test]
fn differences_of_moments() {
    check(
        &session(&[]),
        &[
            (
                "SELECT date_diff('day', DATE '2024-01-01', DATE '2024-03-01'), datediff('month', DATE '2024-01-31', DATE '2024-03-01'), datediff('year', DATE '2024-12-31', DATE '2025-01-01')",
                "60|2|1",
            ),
            (
                "SELECT datediff('hour', TIMESTAMP '1969-12-31 23:30:00', TIMESTAMP '1970-01-01 00:30:00'), datediff('week', DATE '2024-12-24', DATE '2024-12-30'), datediff('isoyear', DATE '2024-12-29', DATE '2024-12-30')",
                "1|0|1",
            ),
            (
                "SELECT datediff('microseconds', DATE '0001-01-01', DATE '9999-01-01'), datediff('decade', DATE '2019-12-29', DATE '2020-10-30'), datediff('hour', TIME '10:00:00', TIME '12:30:00')",
                "315506361600000000|1|2",
            ),
            (
                "SELECT date_sub('month', DATE '2024-01-31', DATE '2024-02-29'), datesub('month', DATE '2024-03-31', DATE '2024-02-29'), datesub('month', TIMESTAMP '2024-01-15 12:00:00', TIMESTAMP '2024-02-15 11:00:00')",
                "1|-1|0",
            ),
            (
                "SELECT datesub('year', DATE '2024-02-29', DATE '2025-02-28'), datesub('hour', TIME '10:31:00', TIME '12:30:00'), datesub('day', NULL, DATE '2024-01-01')",
                "1|1|NULL",
            ),
        ],
    );
    check_failures(
        &session(&[]),
        &[("SELECT datediff('fortnight', now(), now())", "does not know the unit \"fortnight\"")],
    );
}

#[test]
fn positions_in_text_count_from_the_end() {
    check(
        &session(&[
            "CREATE TABLE t (s VARCHAR, i INTEGER)",
            "INSERT INTO t VALUES ('hällo', -2), (NULL, 1)",
        ]),
        &[
            (
                "SELECT substr(s, -2), substring(s, -3, 2), substr(s, i), substring(s, 0, 2), substr(s, 2) FROM t ORDER BY i",
                "lo|ll|lo|h|ällo; NULL|NULL|NULL|NULL|NULL",
            ),
            ("SELECT to_hex(255), hex(-1)", "FF|FFFFFFFFFFFFFFFF"),
        ],
    );
}
