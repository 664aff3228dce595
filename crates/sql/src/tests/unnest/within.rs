//! IN as a value, with NULLs on both sides, for rows and for subqueries that depend on the row.

use super::check_rows;

#[test]
fn in_has_three_truth_values() {
    check_rows(&[
        ("SELECT 1 IN (SELECT i FROM n)", "true"),
        ("SELECT 7 IN (SELECT i FROM n)", "NULL"),
        ("SELECT 7 IN (SELECT k FROM e)", "false"),
        ("SELECT NULL IN (SELECT k FROM e)", "false"),
        ("SELECT NULL IN (SELECT i FROM n)", "NULL"),
        ("SELECT i, i IN (SELECT id FROM m) FROM n", "1|true; 2|true; 2|true; 5|NULL; NULL|NULL"),
        (
            "SELECT i, i NOT IN (SELECT id FROM m) FROM n",
            "1|false; 2|false; 2|false; 5|NULL; NULL|NULL",
        ),
        (
            "SELECT i, i IN (SELECT id FROM m WHERE id IS NOT NULL) FROM n",
            "1|true; 2|true; 2|true; 5|false; NULL|NULL",
        ),
        (
            "SELECT i, i IN (SELECT k FROM e) FROM n",
            "1|false; 2|false; 2|false; 5|false; NULL|false",
        ),
        (
            "SELECT i, i NOT IN (SELECT k FROM e) FROM n",
            "1|true; 2|true; 2|true; 5|true; NULL|true",
        ),
        (
            "SELECT i, i NOT IN (SELECT id FROM m WHERE m.id=n.i) FROM n",
            "1|false; 2|false; 2|false; 5|true; NULL|true",
        ),
        (
            "SELECT i, i IN (SELECT id+1 FROM m WHERE m.x>n.i) FROM n",
            "1|NULL; 2|true; 2|true; 5|NULL; NULL|false",
        ),
        (
            "SELECT i, i IN (SELECT k FROM e WHERE e.v=n.i) FROM n",
            "1|false; 2|false; 2|false; 5|false; NULL|false",
        ),
        ("SELECT sum(CASE WHEN i IN (SELECT id FROM m) THEN 1 ELSE 0 END) FROM n", "3"),
        ("SELECT count(*) FILTER (WHERE i IN (SELECT id FROM m)) FROM n", "3"),
        (
            "SELECT count(*) FILTER (WHERE i IN (SELECT id FROM m)), count(*) FILTER (WHERE i IN (SELECT id FROM m WHERE id>1)) FROM n",
            "3|2",
        ),
        ("SELECT i FROM n ORDER BY i IN (SELECT id FROM m),1", "1; 2; 2; 5; NULL"),
        (
            "SELECT i, count(*) FROM n GROUP BY i HAVING count(*) IN (SELECT id FROM m)",
            "1|1; 2|2; 5|1; NULL|1",
        ),
        ("SELECT i FROM n WHERE (i,s) IN (SELECT id, 'a' FROM m)", "1"),
        (
            "SELECT i,s,(i,s) IN (SELECT id, 'a' FROM m) FROM n",
            "1|a|true; 2|b|false; 2|c|false; 5|NULL|NULL; NULL|d|false",
        ),
        (
            "SELECT i,s,(i,s) NOT IN (SELECT id, 'a' FROM m) FROM n",
            "1|a|false; 2|b|true; 2|c|true; 5|NULL|NULL; NULL|d|true",
        ),
        (
            "SELECT i, i IN (SELECT id FROM m) IS NULL FROM n",
            "1|false; 2|false; 2|false; 5|true; NULL|true",
        ),
        ("SELECT i FROM n WHERE i IN (SELECT id FROM m) IS NOT TRUE", "5; NULL"),
        ("SELECT i FROM n WHERE coalesce(i IN (SELECT id FROM m), TRUE)", "1; 2; 2; 5; NULL"),
        ("SELECT i FROM n WHERE (i IN (SELECT id FROM m)) = (s = 'a')", "1"),
        (
            "SELECT i FROM n WHERE NOT (i IN (SELECT id FROM m WHERE id IS NOT NULL) AND s <> 'zz')",
            "5",
        ),
        ("SELECT i IN (SELECT w FROM u) FROM n", "NULL; NULL; NULL; NULL; NULL"),
        ("SELECT w IN (SELECT i FROM n) FROM u", "NULL; NULL; NULL"),
        (
            "SELECT i IN (SELECT id FROM m UNION ALL SELECT 5 WHERE n.s IS NULL) FROM n",
            "NULL; true; true; true; true",
        ),
        (
            "SELECT i IN (SELECT id FROM m INTERSECT SELECT u.id FROM u WHERE u.id<=n.i) FROM n",
            "false; false; true; true; true",
        ),
        (
            "SELECT i IN (SELECT id FROM m EXCEPT SELECT u.id FROM u WHERE u.id<n.i) FROM n",
            "NULL; NULL; true; true; true",
        ),
        (
            "SELECT i, (SELECT count(*) FROM m WHERE id IN (SELECT k.i FROM n k WHERE k.i>=n.i)) FROM n",
            "1|3; 2|2; 2|2; 5|0; NULL|0",
        ),
        ("SELECT i+1 IN (SELECT id FROM m) FROM n", "NULL; NULL; true; true; true"),
        ("SELECT i::bigint IN (SELECT id FROM m) FROM n", "NULL; NULL; true; true; true"),
        (
            "SELECT (i IN (SELECT id FROM m)) AND (s IN (SELECT 'a')) FROM n",
            "NULL; false; false; false; true",
        ),
        (
            "SELECT (i IN (SELECT id FROM m)) OR (s IN (SELECT 'a')) FROM n",
            "NULL; NULL; true; true; true",
        ),
        ("SELECT NOT (i IN (SELECT id FROM m)) FROM n", "NULL; NULL; false; false; false"),
        (
            "SELECT CASE i IN (SELECT id FROM m) WHEN TRUE THEN 't' WHEN FALSE THEN 'f' ELSE 'n' END FROM n",
            "n; n; t; t; t",
        ),
        (
            "SELECT coalesce(i IN (SELECT id FROM m), FALSE) FROM n",
            "false; false; true; true; true",
        ),
        (
            "SELECT i FROM n WHERE CASE WHEN i IN (SELECT id FROM m) THEN FALSE ELSE TRUE END",
            "5; NULL",
        ),
        ("SELECT i FROM n WHERE (i IN (SELECT id FROM m)) IS NULL", "5; NULL"),
        ("SELECT i FROM n WHERE (i IN (SELECT id FROM m)) IS NOT NULL", "1; 2; 2"),
        ("SELECT i FROM n WHERE (i NOT IN (SELECT id FROM m)) IS NULL", "5; NULL"),
        ("SELECT i FROM n WHERE i IN (SELECT id FROM m) IS FALSE OR s='a'", "1"),
        ("SELECT i FROM n WHERE i IN (SELECT id FROM m WHERE m.id=n.i) = TRUE", "1; 2; 2"),
        ("SELECT count(*) FROM n GROUP BY i IN (SELECT id FROM m)", "2; 3"),
        (
            "SELECT i IN (SELECT id FROM m), count(*) FROM n GROUP BY i IN (SELECT id FROM m)",
            "NULL|2; true|3",
        ),
        ("SELECT i IN (SELECT id FROM m) b, count(*) FROM n GROUP BY b", "NULL|2; true|3"),
        (
            "SELECT sum(i) OVER (PARTITION BY i IN (SELECT id FROM m WHERE id IS NOT NULL) ORDER BY s), s FROM n",
            "1|a; 3|b; 5|NULL; 5|c; NULL|d",
        ),
        (
            "SELECT i FROM n UNION ALL SELECT id FROM m WHERE EXISTS(SELECT 1 FROM n WHERE n.i>m.id) OR id IN (SELECT i FROM n)",
            "1; 1; 2; 2; 2; 2; 3; 5; NULL",
        ),
        (
            "SELECT i, (SELECT count(*) FROM m WHERE m.id=n.i AND m.x IN (SELECT 10*u.id FROM u WHERE u.id>=n.i)) FROM n",
            "1|1; 2|1; 2|1; 5|0; NULL|0",
        ),
        (
            "SELECT i, s IN (SELECT k.s FROM n k WHERE k.i=n.i AND k.s<>n.s) FROM n",
            "1|false; 2|false; 2|false; 5|false; NULL|false",
        ),
        (
            "SELECT i, (SELECT x FROM m WHERE id=n.i AND x=20), (SELECT x FROM m WHERE id=n.i AND x=10), (SELECT count(*) FROM m WHERE id=n.i), i IN (SELECT id FROM m), i IN (SELECT id FROM u), EXISTS(SELECT 1 FROM e) FROM n",
            "1|NULL|10|1|true|true|false; 2|20|NULL|2|true|true|false; 2|20|NULL|2|true|true|false; 5|NULL|NULL|0|NULL|true|false; NULL|NULL|NULL|0|NULL|NULL|false",
        ),
        (
            "SELECT i IN (SELECT DISTINCT id FROM m WHERE x>=10*n.i) FROM n",
            "false; false; true; true; true",
        ),
        (
            "SELECT i FROM n GROUP BY i HAVING max(s) IN (SELECT min(k.s) FROM n k WHERE k.i>=n.i)",
            "1",
        ),
        (
            "SELECT i, count(*) FROM n GROUP BY i HAVING i IN (SELECT id FROM m) IS NULL",
            "5|1; NULL|1",
        ),
    ]);
}
