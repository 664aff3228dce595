//! Subqueries wherever an expression may stand. The answers are DuckDB's, rows in order of text.

mod names;
mod within;

use super::{answer, check, check_failures, execute, session};
use crate::Session;

const TABLES: &[&str] = &[
    "CREATE TABLE n (i INTEGER, s VARCHAR)",
    "INSERT INTO n VALUES (1, 'a'), (2, 'b'), (2, 'c'), (NULL, 'd'), (5, NULL)",
    "CREATE TABLE m (id INTEGER, x INTEGER)",
    "INSERT INTO m VALUES (1, 10), (2, 20), (2, NULL), (3, 30), (NULL, 40)",
    "CREATE TABLE e (k INTEGER, v INTEGER)",
    "CREATE TABLE u (id INTEGER, w DOUBLE)",
    "INSERT INTO u VALUES (1, 1.5), (2, 2.5), (5, NULL)",
];

/// Checks queries against their rows, whatever the order of these.
fn check_rows(cases: &[(&str, &str)]) {
    check_rows_of(TABLES, cases);
}

fn check_rows_of(tables: &[&str], cases: &[(&str, &str)]) {
    let session = session(tables);
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|(sql, expected)| {
            let found = sorted_answer(&session, sql);
            (found != *expected)
                .then(|| format!("{sql}\n  expected {expected}\n  found    {found}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn sorted_answer(session: &Session, sql: &str) -> String {
    let found = match execute(session, sql) {
        Ok(_) => answer(session, sql),
        Err(error) => return format!("error: {error}"),
    };
    let mut rows: Vec<&str> = found.split("; ").collect();
    rows.sort_unstable();
    rows.join("; ")
}

#[test]
fn exists_is_a_value() {
    check_rows(&[
        ("SELECT EXISTS(SELECT 1)", "true"),
        ("SELECT NOT EXISTS(SELECT 1)", "false"),
        ("SELECT EXISTS(SELECT 1 FROM e)", "false"),
        (
            "SELECT i, EXISTS(SELECT 1 FROM m WHERE m.id=n.i) FROM n",
            "1|true; 2|true; 2|true; 5|false; NULL|false",
        ),
        (
            "SELECT i, NOT EXISTS(SELECT 1 FROM m WHERE m.id>n.i) FROM n",
            "1|false; 2|false; 2|false; 5|true; NULL|true",
        ),
        (
            "SELECT s, CASE WHEN EXISTS (SELECT 1 FROM m WHERE m.id=n.i) THEN 1 ELSE 2 END FROM n",
            "NULL|2; a|1; b|1; c|1; d|2",
        ),
        (
            "SELECT s, count(*) FILTER (WHERE EXISTS (SELECT id FROM m WHERE m.id=n.i)) FROM n GROUP BY s",
            "NULL|0; a|1; b|1; c|1; d|0",
        ),
        (
            "SELECT i, count(*) FROM n GROUP BY i HAVING EXISTS (SELECT 1 FROM m WHERE id=i)",
            "1|1; 2|2",
        ),
        (
            "SELECT i,(SELECT count(*) FROM m WHERE m.id <= n.i AND EXISTS (SELECT 1 FROM u WHERE u.id=m.id AND u.id<n.i)) FROM n",
            "1|0; 2|1; 2|1; 5|3; NULL|0",
        ),
        (
            "SELECT i, (SELECT max(x) FROM m WHERE m.id=n.i), (SELECT min(x) FROM m WHERE m.id<n.i), EXISTS(SELECT 1 FROM u WHERE u.id=n.i) FROM n",
            "1|10|NULL|true; 2|20|10|true; 2|20|10|true; 5|NULL|10|true; NULL|NULL|NULL|false",
        ),
        (
            "SELECT * FROM (SELECT i FROM n ORDER BY i LIMIT 3) q WHERE EXISTS (SELECT 1 FROM m WHERE m.id<q.i) OR i=1",
            "1; 2; 2",
        ),
        (
            "SELECT i, EXISTS(SELECT 1 FROM m WHERE m.id=n.i LIMIT 0) FROM n",
            "1|false; 2|false; 2|false; 5|false; NULL|false",
        ),
        (
            "SELECT i, EXISTS(SELECT 1 FROM m WHERE m.id=n.i OFFSET 1) FROM n",
            "1|false; 2|true; 2|true; 5|false; NULL|false",
        ),
        (
            "SELECT i, EXISTS(SELECT count(*) FROM m WHERE m.id=n.i) FROM n",
            "1|true; 2|true; 2|true; 5|true; NULL|true",
        ),
        (
            "SELECT i, EXISTS(SELECT count(*) FROM m WHERE m.id=n.i HAVING count(*)>1) FROM n",
            "1|false; 2|true; 2|true; 5|false; NULL|false",
        ),
        (
            "SELECT max(CASE WHEN EXISTS(SELECT 1 FROM m WHERE m.id=n.i) THEN i END), s FROM n GROUP BY s",
            "1|a; 2|b; 2|c; NULL|NULL; NULL|d",
        ),
        (
            "SELECT i, lag(i) OVER (ORDER BY EXISTS(SELECT 1 FROM m WHERE m.id=n.i), s) FROM n",
            "1|5; 2|1; 2|2; 5|NULL; NULL|NULL",
        ),
        ("SELECT DISTINCT EXISTS(SELECT 1 FROM m WHERE m.id=n.i) FROM n", "false; true"),
        (
            "SELECT i FROM n ORDER BY EXISTS(SELECT 1 FROM m WHERE m.id=n.i) DESC, s LIMIT 3",
            "1; 2; 2",
        ),
        (
            "SELECT t.i, t.e FROM (SELECT i, EXISTS(SELECT 1 FROM m WHERE m.id=n.i) e FROM n) t WHERE t.e",
            "1|true; 2|true; 2|true",
        ),
        (
            "SELECT i, EXISTS(SELECT 1 FROM m WHERE m.id=n.i AND EXISTS(SELECT 1 FROM u WHERE u.id=m.id AND EXISTS(SELECT 1 FROM n k WHERE k.i=u.id))) FROM n",
            "1|true; 2|true; 2|true; 5|false; NULL|false",
        ),
    ]);
}

#[test]
fn scalar_subqueries_group_and_limit_for_each_row() {
    check_rows(&[
        (
            "SELECT i, count(*) FROM n GROUP BY i HAVING count(*) = (SELECT max(id)-1 FROM m WHERE m.id<=n.i+1)",
            "1|1; 2|2",
        ),
        (
            "SELECT i, (SELECT count(*) FROM m WHERE m.id < n.i) FROM n",
            "1|0; 2|1; 2|1; 5|4; NULL|0",
        ),
        (
            "SELECT i, (SELECT count(x)+1 FROM m WHERE m.id < n.i) FROM n",
            "1|1; 2|2; 2|2; 5|4; NULL|1",
        ),
        (
            "SELECT i, (SELECT m.x FROM m WHERE m.id <= n.i ORDER BY id DESC, x LIMIT 1) FROM n",
            "1|10; 2|20; 2|20; 5|30; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT m.x FROM m WHERE m.id <= n.i ORDER BY id DESC, x LIMIT 1 OFFSET 1) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|20; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT m.id FROM m WHERE m.id = n.i AND x IS NOT NULL UNION SELECT 1 WHERE n.i=5) FROM n",
            "1|1; 2|2; 2|2; 5|1; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT max(r) FROM (SELECT row_number() OVER (ORDER BY id) r FROM m WHERE m.id<=n.i)) FROM n",
            "1|1; 2|3; 2|3; 5|4; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT max(s) FROM (SELECT sum(x) OVER (PARTITION BY id) s FROM m WHERE m.id<=n.i)) FROM n",
            "1|10; 2|20; 2|20; 5|30; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT count(*) FROM m LEFT JOIN u ON m.id=u.id AND u.id<n.i) FROM n",
            "1|5; 2|5; 2|5; 5|5; NULL|5",
        ),
        (
            "SELECT i, (SELECT count(u.id) FROM m LEFT JOIN u ON m.id=u.id AND u.id<n.i) FROM n",
            "1|0; 2|1; 2|1; 5|3; NULL|0",
        ),
        (
            "SELECT i, (SELECT count(*) FROM (SELECT * FROM m WHERE id<=n.i) a FULL JOIN (SELECT * FROM u WHERE id>=n.i) b ON a.id=b.id) FROM n",
            "1|3; 2|4; 2|4; 5|5; NULL|0",
        ),
        (
            "SELECT i,(SELECT count(*) FROM m WHERE m.id = n.i AND m.x > (SELECT min(k.i) FROM n k WHERE k.i = m.id)) FROM n",
            "1|1; 2|1; 2|1; 5|0; NULL|0",
        ),
        (
            "SELECT i,(SELECT count(*) FROM m WHERE m.id <= n.i AND m.x > (SELECT min(k.i) FROM n k WHERE k.i <= m.id)) FROM n",
            "1|1; 2|2; 2|2; 5|3; NULL|0",
        ),
        (
            "SELECT i FROM n ORDER BY (SELECT count(*) FROM m WHERE m.id<n.i) DESC, 1",
            "1; 2; 2; 5; NULL",
        ),
        ("SELECT sum((SELECT count(*) FROM m WHERE m.id<n.i)) FROM n", "6"),
        (
            "SELECT (SELECT count(*) FROM m WHERE m.id<n.i) c, count(*) FROM n GROUP BY 1",
            "0|2; 1|2; 4|1",
        ),
        (
            "SELECT (SELECT count(*) FROM m WHERE m.id<n.i) c, count(*) FROM n GROUP BY (SELECT count(*) FROM m WHERE m.id<n.i)",
            "0|2; 1|2; 4|1",
        ),
        (
            "SELECT row_number() OVER (ORDER BY (SELECT count(*) FROM m WHERE m.id<n.i), s), s FROM n",
            "1|a; 2|d; 3|b; 4|c; 5|NULL",
        ),
        (
            "SELECT i, (SELECT max(x) FROM m WHERE m.id=n.i GROUP BY m.id HAVING count(*)>n.i) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|NULL; NULL|NULL",
        ),
        (
            "WITH c AS (SELECT i, count(*) k FROM n GROUP BY i) SELECT i, (SELECT sum(k) FROM c d WHERE d.i<=c.i) FROM c",
            "1|1; 2|3; 5|4; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT sum(x) FROM (SELECT x FROM m WHERE m.id<=n.i LIMIT 2)) IS NULL FROM n",
            "1|false; 2|false; 2|false; 5|false; NULL|true",
        ),
        (
            "SELECT q.i, (SELECT count(*) FROM m WHERE m.id<=q.i) FROM (SELECT i FROM n ORDER BY i LIMIT 3) q",
            "1|1; 2|3; 2|3",
        ),
        (
            "SELECT i, (SELECT count(*) FROM (SELECT id FROM m GROUP BY id HAVING count(*) >= n.i)) FROM n",
            "1|4; 2|1; 2|1; 5|0; NULL|0",
        ),
        (
            "SELECT i, (SELECT max(c) FROM (SELECT id, count(*) c FROM m WHERE x>n.i*10 GROUP BY id)) FROM n",
            "1|1; 2|1; 2|1; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT i, (WITH w AS (SELECT id FROM m WHERE id<=n.i) SELECT count(*) FROM w a JOIN w b ON a.id=b.id) FROM n",
            "1|1; 2|5; 2|5; 5|6; NULL|0",
        ),
        (
            "SELECT a.i, (SELECT count(*) FROM n b WHERE b.i IS NOT DISTINCT FROM a.i) FROM n a",
            "1|1; 2|2; 2|2; 5|1; NULL|1",
        ),
        (
            "SELECT i, (SELECT count(DISTINCT x) FROM m WHERE m.id>=n.i) FROM n",
            "1|3; 2|2; 2|2; 5|0; NULL|0",
        ),
        (
            "SELECT i, (SELECT i FROM n k WHERE k.s > n.s ORDER BY k.s LIMIT 1) FROM n",
            "1|2; 2|2; 2|NULL; 5|NULL; NULL|NULL",
        ),
        ("SELECT i FROM n QUALIFY row_number() OVER (ORDER BY s) = (SELECT min(id) FROM m)", "1"),
        ("SELECT i FROM n ORDER BY (SELECT x FROM m WHERE m.id=n.i AND x=10), i LIMIT 2", "1; 2"),
        (
            "SELECT i, (SELECT count(*) FROM m LEFT JOIN u ON m.id=u.id WHERE u.id IS NULL AND m.id>=n.i) FROM n",
            "1|1; 2|1; 2|1; 5|0; NULL|0",
        ),
        (
            "SELECT i, (SELECT count(*) FROM u RIGHT JOIN m ON m.id=u.id AND u.id=n.i) FROM n",
            "1|5; 2|5; 2|5; 5|5; NULL|5",
        ),
        (
            "SELECT i, (SELECT count(u.id) FROM u RIGHT JOIN m ON m.id=u.id AND u.id=n.i) FROM n",
            "1|1; 2|2; 2|2; 5|0; NULL|0",
        ),
        (
            "SELECT i, (SELECT count(*) FROM (SELECT * FROM u WHERE id>=n.i) a RIGHT JOIN (SELECT * FROM m WHERE id<=n.i) b ON a.id=b.id) FROM n",
            "1|1; 2|3; 2|3; 5|4; NULL|0",
        ),
        (
            "SELECT i, (SELECT count(*) FROM m SEMI JOIN u ON m.id=u.id AND u.id<=n.i) FROM n",
            "1|1; 2|3; 2|3; 5|3; NULL|0",
        ),
        (
            "SELECT i, (SELECT count(*) FROM m ANTI JOIN u ON m.id=u.id AND u.id<=n.i) FROM n",
            "1|4; 2|2; 2|2; 5|2; NULL|5",
        ),
        (
            "SELECT i, (SELECT count(*) FROM (SELECT id FROM m WHERE id<=n.i UNION SELECT id FROM u)) FROM n",
            "1|3; 2|3; 2|3; 5|4; NULL|3",
        ),
        (
            "SELECT i, (SELECT count(*) FROM (SELECT id FROM m UNION ALL SELECT id FROM u WHERE id>n.i)) FROM n",
            "1|7; 2|6; 2|6; 5|5; NULL|5",
        ),
        (
            "SELECT i, (SELECT x FROM (SELECT DISTINCT ON (id) id, x FROM m WHERE id<=n.i ORDER BY id, x NULLS LAST) ORDER BY id DESC LIMIT 1) FROM n",
            "1|10; 2|20; 2|20; 5|30; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT sum(r) FROM (SELECT rank() OVER (PARTITION BY id ORDER BY x) r FROM m WHERE id<=n.i)) FROM n",
            "1|1; 2|4; 2|4; 5|5; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT max(c) FROM (SELECT count(*) OVER () c FROM m WHERE id<=n.i)) FROM n",
            "1|1; 2|3; 2|3; 5|4; NULL|NULL",
        ),
        (
            "SELECT q.r, (SELECT count(*) FROM m WHERE m.id<=q.r) FROM (SELECT i, row_number() OVER (ORDER BY s) r FROM n) q",
            "1|1; 2|3; 3|4; 4|4; 5|4",
        ),
        (
            "SELECT q.c, (SELECT count(*) FROM m WHERE m.id<=q.c) FROM (SELECT i, count(*) c FROM n GROUP BY i) q",
            "1|1; 1|1; 1|1; 2|3",
        ),
        (
            "SELECT q.c, (SELECT count(*) FROM m WHERE m.id<=q.c) FROM (SELECT i, sum(i) c FROM n GROUP BY i) q",
            "1|1; 4|4; 5|4; NULL|0",
        ),
        (
            "SELECT i, (SELECT max(q.z) FROM (SELECT m.id, (SELECT count(*) FROM u WHERE u.id<=m.id) z FROM m WHERE m.id<=n.i) q) FROM n",
            "1|1; 2|2; 2|2; 5|2; NULL|NULL",
        ),
        ("SELECT (SELECT count(*) FROM m WHERE n.s IS NULL) FROM n", "0; 0; 0; 0; 5"),
        (
            "SELECT (SELECT count(*) FROM n WHERE n.i=q.id) FROM (SELECT DISTINCT id FROM m) q",
            "0; 0; 1; 2",
        ),
        ("SELECT sum(v) FROM (SELECT (SELECT count(*) FROM m WHERE m.id<=n.i) v FROM n) t", "11"),
        (
            "SELECT i, (SELECT count(*) FILTER (WHERE id<n.i) FROM m) FROM n",
            "1|0; 2|1; 2|1; 5|4; NULL|0",
        ),
        (
            "SELECT i, (SELECT x FROM m ORDER BY abs(id-n.i), x LIMIT 1) FROM n",
            "1|10; 2|20; 2|20; 5|30; NULL|10",
        ),
        (
            "SELECT i, (SELECT x FROM m WHERE id IS NOT NULL ORDER BY n.i*id DESC NULLS LAST, x LIMIT 1) FROM n",
            "1|30; 2|30; 2|30; 5|30; NULL|10",
        ),
        (
            "SELECT i, (SELECT count(*) FROM m WHERE id=n.i GROUP BY id) FROM n",
            "1|1; 2|2; 2|2; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT count(*) FROM m WHERE id=n.i GROUP BY x>15 HAVING count(*)>1) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT id FROM m WHERE id=n.i GROUP BY id) FROM n",
            "1|1; 2|2; 2|2; 5|NULL; NULL|NULL",
        ),
    ]);
}

#[test]
fn conditions_of_joins() {
    check_rows(&[
        (
            "SELECT a.i, a.s, b.s FROM n a JOIN n b ON a.i = b.i AND EXISTS (SELECT 1 FROM n c WHERE c.i = a.i)",
            "1|a|a; 2|b|b; 2|b|c; 2|c|b; 2|c|c; 5|NULL|NULL",
        ),
        (
            "SELECT a.i, a.s, b.s FROM n a JOIN n b ON EXISTS (SELECT 1 FROM n c WHERE c.i = a.i AND c.s=b.s)",
            "1|a|a; 2|b|b; 2|b|c; 2|c|b; 2|c|c",
        ),
        (
            "SELECT a.i, a.s, b.s FROM n a LEFT JOIN n b ON EXISTS (SELECT 1 FROM n c WHERE c.i = a.i AND c.s=b.s)",
            "1|a|a; 2|b|b; 2|b|c; 2|c|b; 2|c|c; 5|NULL|NULL; NULL|d|NULL",
        ),
        (
            "SELECT a.i,b.s FROM n a LEFT JOIN n b ON a.i = b.i AND EXISTS (SELECT 1 FROM n c WHERE c.i = b.i AND c.s>a.s)",
            "1|NULL; 2|NULL; 2|b; 2|c; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT a.i,b.s FROM n a LEFT JOIN n b ON a.i = b.i AND a.i IN (SELECT id FROM m)",
            "1|a; 2|b; 2|b; 2|c; 2|c; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT a.i,b.s FROM n a LEFT JOIN n b ON a.i = b.i AND b.i IN (SELECT id FROM m WHERE x>10)",
            "1|NULL; 2|b; 2|b; 2|c; 2|c; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT a.i,b.s FROM n a FULL JOIN n b ON a.i = b.i AND b.i IN (SELECT id FROM m WHERE x>10)",
            "1|NULL; 2|b; 2|b; 2|c; 2|c; 5|NULL; NULL|NULL; NULL|NULL; NULL|a; NULL|d",
        ),
        (
            "SELECT a.i,b.s FROM n a LEFT JOIN n b ON a.i = b.i AND (SELECT max(x) FROM m WHERE m.id=a.i)>10",
            "1|NULL; 2|b; 2|b; 2|c; 2|c; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT n.i FROM n JOIN m ON n.i=m.id AND m.x > (SELECT avg(k.x) FROM m k WHERE k.id<=n.i)",
            "2; 2",
        ),
        (
            "SELECT n.i, m.x FROM n LEFT JOIN m ON n.i=m.id AND m.x > (SELECT avg(k.x) FROM m k WHERE k.id<=m.id)",
            "1|NULL; 2|20; 2|20; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT n.i, m.x FROM n LEFT JOIN m ON m.x > (SELECT avg(k.x) FROM m k WHERE k.id<=n.i AND k.id<=m.id)",
            "1|20; 1|30; 2|20; 2|20; 2|30; 2|30; 5|20; 5|30; NULL|NULL",
        ),
        (
            "SELECT n.i, m.x FROM n RIGHT JOIN m ON n.i=m.id AND m.x > (SELECT avg(k.x) FROM m k WHERE k.id<=n.i)",
            "2|20; 2|20; NULL|10; NULL|30; NULL|40; NULL|NULL",
        ),
        (
            "SELECT n.i, m.x FROM n RIGHT JOIN m ON m.x > (SELECT avg(k.x) FROM m k WHERE k.id<=n.i AND k.id<=m.id)",
            "1|20; 1|30; 2|20; 2|20; 2|30; 2|30; 5|20; 5|30; NULL|10; NULL|40; NULL|NULL",
        ),
        (
            "SELECT n.i, m.x FROM n FULL JOIN m ON n.i=m.id AND n.i IN (SELECT id FROM u)",
            "1|10; 2|20; 2|20; 2|NULL; 2|NULL; 5|NULL; NULL|30; NULL|40; NULL|NULL",
        ),
    ]);
}

#[test]
fn any_and_all_have_three_truth_values() {
    check_rows(&[
        ("SELECT i >= ALL (SELECT id FROM m) FROM n", "NULL; NULL; false; false; false"),
        (
            "SELECT i >= ALL (SELECT id FROM m WHERE id IS NOT NULL) FROM n",
            "NULL; false; false; false; true",
        ),
        (
            "SELECT i <> ALL (SELECT id FROM m WHERE id IS NOT NULL) FROM n",
            "NULL; false; false; false; true",
        ),
        ("SELECT i = ALL (SELECT id FROM m WHERE id=2) FROM n", "NULL; false; false; true; true"),
        ("SELECT i = ANY (SELECT id FROM m) FROM n", "NULL; NULL; true; true; true"),
        ("SELECT i <> ANY (SELECT id FROM m) FROM n", "NULL; true; true; true; true"),
        (
            "SELECT i < ANY (SELECT id FROM m WHERE m.id<>n.i) FROM n",
            "false; false; true; true; true",
        ),
        ("SELECT i FROM n WHERE i <> ANY (SELECT id FROM m)", "1; 2; 2; 5"),
        ("SELECT i FROM n WHERE i >= ALL (SELECT id FROM m WHERE id = n.i)", "1; 2; 2; 5; NULL"),
        (
            "SELECT i, i = ANY(SELECT id FROM m WHERE x>10*n.i) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|false; NULL|false",
        ),
        (
            "SELECT i, i <= ALL(SELECT id FROM m WHERE x>10*n.i) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|true; NULL|true",
        ),
        (
            "SELECT i, i <> ALL(SELECT id FROM m WHERE x>10*n.i) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|true; NULL|true",
        ),
        (
            "SELECT i, i = ALL(SELECT id FROM m WHERE x>10*n.i) FROM n",
            "1|false; 2|false; 2|false; 5|true; NULL|true",
        ),
        (
            "SELECT i, i <> ANY(SELECT id FROM m WHERE x>10*n.i) FROM n",
            "1|true; 2|true; 2|true; 5|false; NULL|false",
        ),
        (
            "SELECT i, i > ANY(SELECT id FROM m WHERE x>10*n.i) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|false; NULL|false",
        ),
        (
            "SELECT i, 2 > ANY(SELECT id FROM m WHERE x>10*n.i) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|false; NULL|false",
        ),
        (
            "SELECT i, NULL > ANY(SELECT id FROM m WHERE x>10*n.i) FROM n",
            "1|NULL; 2|NULL; 2|NULL; 5|false; NULL|false",
        ),
        ("SELECT i FROM n WHERE NOT (i >= ALL (SELECT id FROM m WHERE id IS NOT NULL))", "1; 2; 2"),
        ("SELECT i FROM n WHERE (i > ANY (SELECT id FROM m)) IS NULL", "1; NULL"),
        (
            "SELECT (SELECT 1 FROM e), (SELECT count(*) FROM e), EXISTS(SELECT 1 FROM e), 1 IN (SELECT k FROM e), 1 > ALL(SELECT k FROM e), 1 > ANY(SELECT k FROM e)",
            "NULL|0|false|false|true|false",
        ),
    ]);
}

#[test]
fn scalar_subqueries_depend_on_any_comparison() {
    check_rows(&[
        (
            "SELECT i, (SELECT max(m.id) FROM m WHERE m.id < n.i) FROM n",
            "1|NULL; 2|1; 2|1; 5|3; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT sum(x) FROM m WHERE m.id < n.i) FROM n",
            "1|NULL; 2|10; 2|10; 5|60; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT m.x FROM m WHERE m.id = n.i AND x IS NOT NULL) FROM n",
            "1|10; 2|20; 2|20; 5|NULL; NULL|NULL",
        ),
        ("SELECT i, (SELECT n.i + 1) FROM n", "1|2; 2|3; 2|3; 5|6; NULL|NULL"),
        ("SELECT i, (SELECT n.i + 1 WHERE n.i>1) FROM n", "1|NULL; 2|3; 2|3; 5|6; NULL|NULL"),
        (
            "SELECT i, (SELECT DISTINCT m.id FROM m WHERE m.id = n.i) FROM n",
            "1|1; 2|2; 2|2; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT max(m.x+u.id) FROM m JOIN u ON m.id=u.id WHERE m.id<=n.i) FROM n",
            "1|11; 2|22; 2|22; 5|22; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT max(m.x) FROM m JOIN u ON m.id=u.id AND u.id<=n.i) FROM n",
            "1|10; 2|20; 2|20; 5|20; NULL|NULL",
        ),
        ("SELECT (SELECT i) , (SELECT s) FROM n", "1|a; 2|b; 2|c; 5|NULL; NULL|d"),
        (
            "SELECT i, (SELECT max(x) FROM m WHERE m.id = (SELECT max(u.id) FROM u WHERE u.id<=n.i)) FROM n",
            "1|10; 2|20; 2|20; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT string_agg(x::varchar, ',' ORDER BY x) FROM m WHERE m.id<=n.i) FROM n",
            "1|10; 2|10,20; 2|10,20; 5|10,20,30; NULL|NULL",
        ),
        ("SELECT i FROM n WHERE i > (SELECT avg(id) FROM m WHERE m.id<>n.i)", "5"),
        (
            "SELECT i, (SELECT id FROM m WHERE x = (SELECT max(x) FROM m WHERE id=n.i)) FROM n",
            "1|1; 2|2; 2|2; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT a.i, (SELECT string_agg(b.s,'' ORDER BY b.s) FROM n b WHERE b.i IS NOT DISTINCT FROM a.i) FROM n a",
            "1|a; 2|bc; 2|bc; 5|NULL; NULL|d",
        ),
        (
            "SELECT i, s, i = (SELECT max(i) FROM n) FROM n",
            "1|a|false; 2|b|false; 2|c|false; 5|NULL|true; NULL|d|NULL",
        ),
        (
            "SELECT i FROM n WHERE i = (SELECT m.id FROM m WHERE m.id=n.i AND x IS NOT NULL)",
            "1; 2; 2",
        ),
        ("SELECT i FROM n WHERE s > (SELECT min(k.s) FROM n k WHERE k.i < n.i)", "2; 2"),
        (
            "SELECT i FROM n WHERE i BETWEEN (SELECT min(id) FROM m WHERE id<=n.i) AND (SELECT max(id) FROM m WHERE id>=n.i)",
            "1; 2; 2",
        ),
        (
            "SELECT i, (SELECT sum(coalesce(a.id,0)*10+coalesce(b.id,0)) FROM (SELECT * FROM u WHERE id>=n.i) a FULL JOIN (SELECT * FROM m WHERE id<=n.i) b ON a.id=b.id) FROM n",
            "1|81; 2|95; 2|95; 5|58; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT array_agg(id ORDER BY id) FROM m WHERE id<=n.i)::varchar FROM n",
            "1|[1]; 2|[1, 2, 2]; 2|[1, 2, 2]; 5|[1, 2, 2, 3]; NULL|NULL",
        ),
        (
            "SELECT i, (SELECT bool_or(x>15) FROM m WHERE id<=n.i) FROM n",
            "1|false; 2|true; 2|true; 5|true; NULL|NULL",
        ),
        ("SELECT (SELECT n.s) FROM n", "NULL; a; b; c; d"),
        ("SELECT (SELECT n.s||'x' WHERE n.i IS NOT NULL) FROM n", "NULL; NULL; ax; bx; cx"),
        (
            "SELECT (SELECT max(v) FROM (VALUES (1),(2),(3)) t(v) WHERE v<=n.i) FROM n",
            "1; 2; 2; 3; NULL",
        ),
        (
            "SELECT (SELECT max(v) FROM generate_series(1,5) t(v) WHERE v<=n.i) FROM n",
            "1; 2; 2; 5; NULL",
        ),
        (
            "SELECT i, (SELECT sum(x) FILTER (WHERE id<n.i) FROM m) FROM n",
            "1|NULL; 2|10; 2|10; 5|60; NULL|NULL",
        ),
        ("SELECT i, (SELECT max(x+n.i) FROM m) FROM n", "1|41; 2|42; 2|42; 5|45; NULL|NULL"),
        ("SELECT i, (SELECT n.i + max(x) FROM m) FROM n", "1|41; 2|42; 2|42; 5|45; NULL|NULL"),
        (
            "SELECT i, (SELECT CASE WHEN n.i>1 THEN max(x) ELSE min(x) END FROM m) FROM n",
            "1|10; 2|40; 2|40; 5|40; NULL|10",
        ),
    ]);
}

#[test]
fn lateral_subqueries_see_the_tables_before_them() {
    check_rows(&[
        (
            "SELECT * FROM n, LATERAL (SELECT m.x FROM m WHERE m.id = n.i)",
            "1|a|10; 2|b|20; 2|b|NULL; 2|c|20; 2|c|NULL",
        ),
        (
            "SELECT * FROM n LEFT JOIN LATERAL (SELECT m.x FROM m WHERE m.id = n.i) l ON TRUE",
            "1|a|10; 2|b|20; 2|b|NULL; 2|c|20; 2|c|NULL; 5|NULL|NULL; NULL|d|NULL",
        ),
        (
            "SELECT * FROM n, LATERAL (SELECT m.x FROM m WHERE m.id <= n.i ORDER BY x LIMIT 1) l",
            "1|a|10; 2|b|10; 2|c|10; 5|NULL|10",
        ),
        (
            "SELECT * FROM n LEFT JOIN LATERAL (SELECT m.x FROM m WHERE m.id <= n.i ORDER BY x LIMIT 2) l ON TRUE",
            "1|a|10; 2|b|10; 2|b|20; 2|c|10; 2|c|20; 5|NULL|10; 5|NULL|20; NULL|d|NULL",
        ),
        (
            "SELECT * FROM n LEFT JOIN LATERAL (SELECT m.x FROM m WHERE m.id <= n.i ORDER BY x LIMIT 2) l ON l.x>10",
            "1|a|NULL; 2|b|20; 2|c|20; 5|NULL|20; NULL|d|NULL",
        ),
        (
            "SELECT * FROM n, LATERAL (SELECT n.i+1 AS j) l, LATERAL (SELECT count(*) c FROM m WHERE m.id<l.j) k",
            "1|a|2|1; 2|b|3|3; 2|c|3|3; 5|NULL|6|4; NULL|d|NULL|0",
        ),
        (
            "SELECT n.i, l.c, k.d FROM n, LATERAL (SELECT count(*) c FROM m WHERE m.id=n.i) l LEFT JOIN LATERAL (SELECT x d FROM m WHERE m.id=n.i AND m.x>l.c ORDER BY x DESC LIMIT 1) k ON TRUE",
            "1|1|10; 2|2|20; 2|2|20; 5|0|NULL; NULL|0|NULL",
        ),
        (
            "SELECT * FROM (SELECT 1 AS z) t, LATERAL (SELECT t.z+1 AS y) l1, LATERAL (SELECT t.z+l1.y AS w) l2",
            "1|2|3",
        ),
        (
            "SELECT * FROM n, LATERAL (SELECT i AS j UNION ALL SELECT i+1) l",
            "1|a|1; 1|a|2; 2|b|2; 2|b|3; 2|c|2; 2|c|3; 5|NULL|5; 5|NULL|6; NULL|d|NULL; NULL|d|NULL",
        ),
        (
            "SELECT n.i, l.* FROM n CROSS JOIN LATERAL (SELECT id, x FROM m WHERE m.id=n.i ORDER BY x NULLS FIRST LIMIT 1) l",
            "1|1|10; 2|2|NULL; 2|2|NULL",
        ),
        (
            "SELECT n.i, l.g FROM n LEFT JOIN LATERAL (SELECT sum(x) g FROM m WHERE m.id>n.i) l ON l.g > 30",
            "1|50; 2|NULL; 2|NULL; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT n.i, l.x FROM n JOIN LATERAL (SELECT x FROM m WHERE m.id>=n.i ORDER BY x LIMIT 2) l ON l.x > 10",
            "1|20; 2|20; 2|20; 2|30; 2|30",
        ),
    ]);
}

#[test]
fn what_goes_wrong_when_rows_of_all_keys_are_taken_together() {
    check_rows(&[
        (
            "SELECT i, s FROM n WHERE EXISTS (SELECT sum(m.x) FROM m WHERE m.id = n.i)",
            "1|a; 2|b; 2|c; 5|NULL; NULL|d",
        ),
        ("SELECT i FROM n WHERE 0 IN (SELECT count(*) FROM m WHERE m.id = n.i)", "5; NULL"),
        ("SELECT i FROM n WHERE EXISTS (SELECT 1 FROM m WHERE m.id = n.i OFFSET 1)", "2; 2"),
        (
            "SELECT i FROM n WHERE (n.i <> ALL (SELECT id + 3 FROM m WHERE id IS NOT NULL)) OR EXISTS (SELECT u.id FROM m LEFT JOIN u ON m.id = u.id AND u.id = n.i WHERE u.id IS NULL AND m.id = 1)",
            "1; 2; 2; 5; NULL",
        ),
        (
            "SELECT n.s, l.w FROM n LEFT JOIN LATERAL (SELECT DISTINCT 4 FROM m WHERE m.id <> n.i) AS l(w) ON TRUE",
            "NULL|4; a|4; b|4; c|4; d|NULL",
        ),
        (
            "SELECT n.s, l.w FROM n, LATERAL (SELECT DISTINCT m.id FROM m WHERE m.id IN (SELECT k.i FROM n k WHERE k.i <= n.i)) AS l(w)",
            "NULL|1; NULL|2; a|1; b|1; b|2; c|1; c|2",
        ),
        (
            "SELECT i, i IN (SELECT count(DISTINCT m.x) FROM m WHERE m.id <= n.i GROUP BY m.id) FROM n",
            "1|true; 2|false; 2|false; 5|false; NULL|false",
        ),
        (
            "SELECT i FROM n WHERE (i >= ANY (SELECT count(*) OVER () FROM m WHERE (n.i NOT IN (SELECT 3 FROM u WHERE u.id = n.i) OR EXISTS (SELECT 3 FROM u WHERE u.id < m.id)))) IS NULL",
            "NULL",
        ),
        (
            "SELECT i FROM n WHERE (EXISTS (SELECT max(id) FROM m GROUP BY x)) = (n.i < ANY (SELECT id FROM m WHERE EXISTS (SELECT 4 FROM u WHERE u.id <= n.i)))",
            "1; 2; 2",
        ),
        (
            "SELECT n.i, m.x FROM n LEFT JOIN m ON n.i = m.id AND NOT EXISTS (SELECT 1 FROM e) WHERE EXISTS (SELECT 1 FROM m k WHERE k.x >= m.x AND k.id = n.i)",
            "1|10; 2|20; 2|20",
        ),
        (
            "SELECT count(*) FILTER (WHERE i IN (SELECT id FROM m)), count(*) FILTER (WHERE i IN (SELECT k FROM e)) FROM n",
            "3|0",
        ),
        (
            "SELECT i, (i, i) IN (SELECT id, id FROM m) FROM n",
            "1|true; 2|true; 2|true; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT i, (i, i) IN (SELECT x, x FROM m UNION ALL SELECT id, id FROM m WHERE id IS NOT NULL) FROM n",
            "1|true; 2|true; 2|true; 5|NULL; NULL|NULL",
        ),
    ]);
}

#[test]
fn rows_are_ordered_by_subqueries() {
    check(
        &session(TABLES),
        &[
            (
                "SELECT s FROM n ORDER BY i IN (SELECT id FROM m WHERE id IS NOT NULL), s",
                "NULL; a; b; c; d",
            ),
            (
                "SELECT s FROM n ORDER BY (SELECT count(*) FROM m WHERE m.id < n.i) DESC, s DESC",
                "NULL; c; b; d; a",
            ),
            (
                "SELECT s FROM n ORDER BY EXISTS (SELECT 1 FROM m WHERE m.id = n.i) DESC, s LIMIT 3",
                "a; b; c",
            ),
        ],
    );
}

#[test]
fn other_statements_take_such_queries_too() {
    let session = session(TABLES);
    let query = "SELECT s, (SELECT count(*) FROM m WHERE m.id < n.i) AS less FROM n";
    for sql in [
        format!("CREATE TABLE made AS {query}"),
        format!("INSERT INTO made {query}"),
        format!("EXPLAIN ANALYZE {query}"),
    ] {
        execute(&session, &sql).unwrap_or_else(|error| panic!("{sql}\n{error}"));
    }
    let counts = "SELECT less, count(*) FROM made GROUP BY less ORDER BY less";
    check(&session, &[(counts, "0|4; 1|4; 4|2")]);
    let plan = answer(&session, &format!("EXPLAIN {query}"));
    assert!(plan.contains("Join") && !plan.contains("Error"), "{plan}");
}

#[test]
fn what_cannot_be_answered_says_why() {
    check_failures(
        &session(TABLES),
        &[
            (
                "SELECT i, (SELECT x FROM m WHERE m.id = n.i) FROM n",
                "more than one row returned by a subquery used as an expression",
            ),
            (
                "SELECT (SELECT sum(n.i) FROM m) FROM n",
                "an aggregate function in a subquery of nothing but outer columns",
            ),
            (
                "SELECT r, (SELECT count(*) FROM m WHERE m.id < r) FROM (SELECT random() AS r FROM n)",
                "a value which may differ when it is computed twice",
            ),
            (
                "SELECT i, (SELECT max(c) FROM (SELECT count(*) c FROM m WHERE m.id < n.i
                    GROUP BY ROLLUP (id))) FROM n",
                "GROUPING SETS in a subquery that depends on the query around it",
            ),
            ("SELECT i, (SELECT id, x FROM m WHERE m.id = n.i) FROM n", "2 columns, not one"),
            ("SELECT i IN (SELECT nothing FROM m) FROM n", "there is no column \"nothing\""),
        ],
    );
}
