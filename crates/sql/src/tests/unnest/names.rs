//! Subqueries whose conditions refer to columns of one name, and equalities beside keys that match
//! where both are NULL.

use super::check_rows_of;

const TABLES: &[&str] = &[
    "CREATE TABLE q (a INTEGER, b INTEGER, c INTEGER)",
    "INSERT INTO q VALUES (1, 1, 1), (0, 4, NULL), (4, 4, 1), (1, NULL, 2), (1, 2, 2)",
    "CREATE TABLE r (a INTEGER, b INTEGER, c INTEGER)",
    "INSERT INTO r VALUES (4, 2, 1), (0, 1, 2), (1, 2, 0), (4, 3, 0), (1, NULL, 4), (2, 3, 2),
       (1, 4, 4), (1, 0, 2), (1, NULL, 2), (0, NULL, 3), (NULL, NULL, 1), (NULL, 2, 0)",
];

#[test]
fn columns_of_one_name_in_the_conditions_of_a_subquery_stay_apart() {
    check_rows_of(
        TABLES,
        &[
            (
                "SELECT t1.a, t1.b FROM q t1 WHERE t1.a IN (SELECT t3.a FROM q t2 FULL JOIN r t3
                   ON t2.a = t3.b WHERE t2.a <= t1.b)",
                "0|4; 1|1; 1|2",
            ),
            (
                "SELECT t1.a, t1.b FROM q t1 WHERE EXISTS (SELECT 1 FROM q t2 JOIN r t3
                   ON t2.c = t3.c WHERE t2.a = t1.b AND t3.a = t1.a)",
                "1|1; 4|4",
            ),
            (
                "SELECT t1.a, t1.b FROM q t1 WHERE NOT EXISTS (SELECT 1 FROM q t2 JOIN r t3
                   ON t2.c = t3.c WHERE t2.a = t1.b AND t3.a = t1.a)",
                "0|4; 1|2; 1|NULL",
            ),
            (
                "SELECT t1.a, t1.b, (SELECT sum(t3.b) FROM q t2 JOIN r t3 ON t2.c = t3.c
                   WHERE t2.a = t1.b AND t3.a = t1.a) FROM q t1",
                "0|4|NULL; 1|1|0; 1|2|NULL; 1|NULL|NULL; 4|4|2",
            ),
            (
                "SELECT t1.a, t1.b, d.s FROM q t1, LATERAL (SELECT sum(t3.b) s FROM q t2 JOIN r t3
                   ON t2.c = t3.c WHERE t2.a = t1.b AND t3.a = t1.a) d",
                "0|4|NULL; 1|1|0; 1|2|NULL; 1|NULL|NULL; 4|4|2",
            ),
            (
                "SELECT t1.a, t1.b FROM q t1 WHERE t1.c IN
                   (SELECT d.a FROM (SELECT t2.c AS a FROM q t2 WHERE t2.a = t1.b) d)",
                "1|1; 4|4",
            ),
            (
                "SELECT t1.a, t1.b FROM q t1 WHERE t1.c IN (SELECT e.a FROM
                   (SELECT t2.c AS a FROM q t2 WHERE t2.a = t1.b) d JOIN
                   (SELECT t3.c AS a FROM r t3 WHERE t3.a = t1.a) e ON true)",
                "4|4",
            ),
        ],
    );
}

#[test]
fn an_equality_beside_keys_that_match_as_nulls_does_not() {
    check_rows_of(
        TABLES,
        &[
            (
                "SELECT t1.a, t1.b FROM q t1 LEFT JOIN r t2 ON t1.a IS NOT DISTINCT FROM t2.b
                   WHERE t1.b = t2.c",
                "1|2; 4|4",
            ),
            // The keys are t1.c, the equality is t1.b = sum(t2.c).
            (
                "SELECT t1.a, t3.a FROM q t1 FULL JOIN r t3 ON t1.a = t3.b WHERE t1.b =
                   (SELECT sum(t2.c) FROM q t2 WHERE t2.a IS NOT DISTINCT FROM t1.c)",
                "",
            ),
            (
                "SELECT count(*), count(t1.b) FROM q t1 FULL JOIN r t3 ON t1.a = t3.b WHERE t1.b =
                   (SELECT max(t2.b) FROM q t2 WHERE t2.c IS NOT DISTINCT FROM t1.c)",
                "3|3",
            ),
        ],
    );
}
