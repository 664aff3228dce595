//! Output modes, to the letter, from SQL to bytes.

use crate::harness::Folder;

const VALUES: &str = "SELECT * FROM (VALUES \
    (1, 'a,b', TRUE, 1.50, DATE '2024-02-29', NULL), \
    (2, '', FALSE, -0.25, NULL, 'say \"hi\"')) AS t (i, s, b, d, day, n) ORDER BY i";

#[test]
fn csv() {
    let folder = Folder::new();
    let expected =
        "i,s,b,d,day,n\n1,\"a,b\",true,1.50,2024-02-29,\n2,\"\",false,-0.25,,\"say \"\"hi\"\"\"\n";
    folder.run(&["--csv", "-c", VALUES]).is(0, expected).says("");
    let without = expected.split_once('\n').unwrap().1;
    folder.run(&["--mode", "csv", "--no-header", "-c", VALUES]).is(0, without);
    folder.run(&["--csv", "-c", "SELECT NULL AS a"]).is(0, "a\n\n");
    folder.run(&["--csv", "-c", "SELECT '' AS a"]).is(0, "a\n\"\"\n");
    folder.run(&["--csv", "-c", "SELECT 1 AS a WHERE FALSE"]).is(0, "a\n");
    folder
        .run(&["--csv", "--null", "NIL", "-c", "SELECT NULL AS a, 'NIL' AS b"])
        .is(0, "a,b\nNIL,\"NIL\"\n");
}

#[test]
fn values_keep_every_digit() {
    let folder = Folder::new();
    let sql = "SELECT CAST(0.1 AS DOUBLE) AS a, CAST('1e300' AS DOUBLE) AS b, \
               CAST(3 AS DOUBLE) AS c, CAST(0.1 AS REAL) AS d, CAST('NaN' AS DOUBLE) AS e, \
               CAST(1 AS DECIMAL(9,4)) AS f, \
               CAST('-12345678901234567890123456789012345.678' AS DECIMAL(38,3)) AS g";
    folder.run(&["--csv", "-c", sql]).is(
        0,
        "a,b,c,d,e,f,g\n0.1,1e300,3,0.1,NaN,1.0000,-12345678901234567890123456789012345.678\n",
    );
    let sql = "SELECT TIMESTAMP '2024-01-01 10:00:00' AS a, TIMESTAMP '2024-01-01 10:00:00.25' AS b, \
               TIME '01:02:03' AS c, TIMESTAMPTZ '2024-01-01 00:00:00+02:00' AS d, \
               DATE '0001-01-01' AS e, TIMESTAMP '9999-12-31 23:59:59.999999' AS f";
    folder.run(&["--csv", "-c", sql]).is(
        0,
        "a,b,c,d,e,f\n2024-01-01 10:00:00,2024-01-01 10:00:00.25,01:02:03,\
         2023-12-31 22:00:00+00,0001-01-01,9999-12-31 23:59:59.999999\n",
    );
}

#[test]
fn tsv() {
    let folder = Folder::new();
    let sql = "SELECT 1 AS a, 'x' AS b, 'p,q' AS c";
    folder.run(&["--mode", "tsv", "-c", sql]).is(0, "a\tb\tc\n1\tx\tp,q\n");
}

#[test]
fn json() {
    let folder = Folder::new();
    folder.run(&["--json", "-c", VALUES]).is(
        0,
        "[{\"i\":1,\"s\":\"a,b\",\"b\":true,\"d\":1.50,\"day\":\"2024-02-29\",\"n\":null},\n\
         {\"i\":2,\"s\":\"\",\"b\":false,\"d\":-0.25,\"day\":null,\"n\":\"say \\\"hi\\\"\"}]\n",
    );
    folder.run(&["--json", "-c", "SELECT 1 AS a WHERE FALSE"]).is(0, "[]\n");
    folder
        .run(&["--json", "-c", "SELECT 1 AS a; SELECT 2 AS a"])
        .is(0, "[{\"a\":1}]\n[{\"a\":2}]\n");
    folder
        .run(&[
            "--jsonlines",
            "-c",
            "SELECT [1, 2] AS a, 2.50 AS b UNION ALL SELECT NULL, 1 ORDER BY b DESC",
        ])
        .is(0, "{\"a\":[1,2],\"b\":2.50}\n{\"a\":null,\"b\":1.00}\n");
}

#[test]
fn tables_for_people() {
    let folder = Folder::new();
    let sql = "SELECT 1 AS id, 'x' AS name UNION ALL SELECT 20, NULL ORDER BY id";
    let boxed = "\
┌────────┬─────────┐
│   id   │  name   │
│ bigint │ varchar │
├────────┼─────────┤
│      1 │ x       │
│     20 │ NULL    │
└────────┴─────────┘
(2 rows)
";
    folder.run(&["-c", sql]).is(0, boxed).says("");
    folder.run(&["--box", "-c", sql]).is(0, boxed);
    folder.run(&["--mode", "table", "-c", sql]).is(
        0,
        "\
+----+------+
| id | name |
+----+------+
|  1 | x    |
| 20 | NULL |
+----+------+
",
    );
    folder.run(&["--markdown", "-c", sql]).is(
        0,
        "\
| id | name |
|---:|------|
|  1 | x    |
| 20 | NULL |
",
    );
    folder.run(&["--line", "-c", sql]).is(0, "  id = 1\nname = x\n\n  id = 20\nname = NULL\n");
}

#[test]
fn without_a_terminal_no_row_is_left_out_and_nothing_is_coloured() {
    let folder = Folder::new();
    let mut command = folder.command(&["-c", "SELECT * FROM generate_series(1, 200)"]);
    let output = command.env("CLICOLOR_FORCE", "1").output().unwrap();
    let out = String::from_utf8(output.stdout).unwrap();
    assert_eq!(out.lines().count(), 4 + 200 + 1 + 1);
    assert!(out.ends_with("(200 rows)\n") && !out.contains('\x1b'));
    assert!(output.stderr.is_empty());
}

#[test]
fn a_plan_is_text_for_people_and_rows_for_programs() {
    let folder = Folder::new();
    let sql = "EXPLAIN SELECT value FROM range(5) ORDER BY value DESC";
    let ended = folder.run(&["-c", sql]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    assert!(lines.len() > 1 && lines[0].starts_with("SortExec"), "{}", ended.out);
    assert!(lines[1].starts_with("  "), "{}", ended.out);
    let ended = folder.run(&["--csv", "-c", sql]);
    assert_eq!(ended.out.lines().next(), Some("plan"));
    assert_eq!(ended.out.lines().count(), lines.len() + 1);
}
