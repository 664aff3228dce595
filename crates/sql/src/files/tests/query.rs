//! Files in FROM.

use super::Lab;

#[test]
fn files_are_tables_of_a_query() {
    let lab = Lab::with(&["CREATE TABLE city (id INTEGER, name VARCHAR)"]);
    lab.run("INSERT INTO city VALUES (1, 'Oslo'), (2, 'Turin')");
    lab.write("sales.csv", "city,amount,day\n1,2.5,2024-01-31\n2,1,2024-02-29\n1,1,\n");
    assert_eq!(
        lab.run(
            "SELECT name, sum(sales.amount) AS total, max(day) FROM '@/sales.csv'
             JOIN city ON city = id GROUP BY name ORDER BY name"
        ),
        "[Oslo|3.5|2024-01-31][Turin|1.0|2024-02-29]"
    );
    lab.run("COPY (SELECT * FROM '@/sales.csv') TO '@/sales.parquet'");
    assert_eq!(
        lab.run("SELECT s.city FROM '@/sales.parquet' AS s WHERE s.day > DATE '2024-02-01'"),
        "[2]"
    );
    assert_eq!(lab.run("SELECT count(*) FROM '@/sales.csv'"), "[3]");
    lab.run("INSERT INTO city SELECT city + 10, NULL FROM '@/sales.csv' WHERE amount > 2");
    lab.run("CREATE TABLE sales AS FROM '@/sales.parquet'");
    assert_eq!(lab.run("SELECT count(*) FROM city, sales"), "[9]");
    assert_eq!(
        lab.run(
            "WITH f AS (FROM '@/sales.csv') SELECT (SELECT max(amount) FROM f), count(*) FROM f"
        ),
        "[2.5|3]"
    );
}

#[test]
fn filters_and_projection_reach_the_file() {
    let lab = Lab::new();
    lab.run("COPY (SELECT 1 AS a, 2 AS b, 3 AS c) TO '@/t.parquet'");
    assert!(lab.error("SELECT 1 / (a - 1) FROM '@/t.parquet'").starts_with("division by zero"));
    let plan = lab.run("EXPLAIN SELECT a FROM '@/t.parquet' WHERE b > 1");
    assert!(plan.contains("projection=[a, b]") || plan.contains("projection=[a]"), "{plan}");
    assert!(plan.contains("predicate=b@1 > 1"), "{plan}");
}

#[test]
fn names_may_hold_anything() {
    let lab = Lab::new();
    for name in [
        "with space",
        "quote'd",
        "d\"q",
        "Ünïcödé 数",
        "a%20b",
        "a#b",
        "a?b",
        "a[1]b",
        "a*b",
        "a{b}",
        "-dash",
        "~tilde",
        "back\\slash",
        "comma,semi;colon",
        "a=b",
        "dot.dot",
        "dollar$1&2",
    ] {
        let quoted = name.replace('\'', "''");
        lab.run(&format!("COPY (SELECT 7 AS a) TO '@/{quoted}.parquet'"));
        lab.run(&format!("COPY (SELECT 7 AS a) TO '@/{quoted}.csv'"));
        assert_eq!(lab.run(&format!("FROM '@/{quoted}.parquet'")), "[7]", "{name}");
        assert_eq!(lab.run(&format!("FROM '@/{quoted}.csv'")), "[7]", "{name}");
        assert_eq!(lab.run(&format!("SELECT x.a FROM '@/{quoted}.parquet' AS x")), "[7]", "{name}");
    }
}

#[test]
fn a_pattern_reads_all_files() {
    let lab = Lab::new();
    lab.run("COPY (SELECT 1 AS a, 'x' AS s) TO '@/p1.parquet'");
    lab.run("COPY (SELECT 2 AS a) TO '@/p2.parquet'");
    assert_eq!(lab.run("SELECT * FROM '@/p*.parquet' ORDER BY a"), "[1|x][2|∅]");
    lab.run("COPY (SELECT 'three' AS a) TO '@/p3.parquet'");
    let error = lab.error("SELECT * FROM '@/p*.parquet'");
    assert!(error.contains("column \"a\" is VARCHAR in '@/p3.parquet', and BIGINT"), "{error}");
    lab.write("c1.csv", "a,s\n1,x\n");
    lab.write("c2.csv", "s,a\ny,2\n");
    assert_eq!(lab.run("SELECT * FROM '@/c?.csv'"), "[1|x][2|y]");
    lab.write("c3.csv", "s\nz\n");
    let error = lab.error("SELECT * FROM '@/c?.csv'");
    assert!(error.contains("@/c3.csv: the header lacks the column \"a\""), "{error}");
}

#[test]
fn functions_say_how_a_file_is_to_be_read() {
    let lab = Lab::new();
    lab.write("data", "1;NA\n2;x\n");
    for options in ["delim = ';', header = false", "sep := ';', header => false"] {
        let sql = format!("SELECT column1, column0 FROM read_csv('@/data', {options})");
        assert_eq!(lab.run(&sql), "[NA|1][x|2]", "{options}");
    }
    assert_eq!(lab.run("FROM read_csv('@/data', nullstr = 'NA', header = false)"), "[1|∅][2|x]");
    assert_eq!(
        lab.run(
            "SELECT column0 || '!' FROM read_csv('@/data', all_varchar = true, header = false)"
        ),
        "[1!][2!]"
    );
    lab.run("COPY (SELECT 7 AS a) TO '@/p' (FORMAT parquet)");
    assert_eq!(lab.run("SELECT t.a FROM read_parquet('@/p') AS t"), "[7]");
    assert_eq!(lab.run("FROM '@/p'"), "[7]", "a Parquet file is known by its first bytes");
    assert!(lab.error("FROM '@/data'").contains("read_csv('@/data')"));
    assert!(lab.error("FROM read_csv('@/data', delimm = ';')").contains("delimm"));
    assert!(lab.error("FROM read_csv('/dev/null')").contains("only once"));
    assert!(lab.error("FROM read_csv(data)").contains("takes a file name"));
}

#[test]
fn a_missing_file_has_its_place_in_the_statement() {
    let lab = Lab::new();
    lab.write("lineorder.csv", "a\n1\n");
    let sql = "SELECT *\nFROM read_csv('@/linorder.csv')";
    let sql = sql.replace('@', lab.folder.path().to_str().unwrap());
    let error = lab.session.execute(&sql).unwrap_err();
    assert!(error.message.ends_with("linorder.csv': no such file"), "{}", error.message);
    assert_eq!(error.hint.as_deref(), Some("did you mean \"lineorder.csv\"?"));
    assert_eq!(error.position.map(|at| (at.line, at.column)), Some((2, 6)));
}

#[test]
fn a_file_that_changes_between_statements_is_read_anew() {
    let lab = Lab::new();
    for value in ["1", "2", "NULL"] {
        lab.run(&format!("COPY (SELECT CAST({value} AS INTEGER) AS a) TO '@/t.parquet'"));
        let expected = if value == "NULL" { "[0|∅]".into() } else { format!("[1|{value}]") };
        assert_eq!(lab.run("SELECT count(a), max(a) FROM '@/t.parquet'"), expected);
    }
}

#[test]
fn a_value_that_does_not_fit_the_guess_says_what_to_do() {
    let lab = Lab::new();
    lab.write("t.csv", format!("a\n{}x\n", "1\n".repeat(30_000)));
    let error = lab.error("SELECT sum(a) FROM '@/t.csv'");
    assert!(
        error.starts_with("@/t.csv, line 30002, column \"a\": 'x' is not of type BIGINT"),
        "{error}"
    );
    assert!(error.contains("all_varchar = true"), "{error}");
    assert_eq!(lab.run("SELECT count(*) FROM read_csv('@/t.csv', all_varchar = true)"), "[30001]");
}

#[test]
fn files_are_described_like_tables() {
    let lab = Lab::new();
    lab.write("t.csv", "a,b\n1,x\n2,y\n");
    let columns = lab.run("DESCRIBE FROM '@/t.csv'");
    assert_eq!(lab.run("DESCRIBE '@/t.csv'"), columns);
    assert_eq!(lab.run("DESCRIBE read_csv('@/t.csv')"), columns);
    assert_eq!(lab.run("SUMMARIZE '@/t.csv'"), lab.run("SUMMARIZE FROM '@/t.csv'"));
    let error = lab.error("DESCRIBE '@/none.csv'");
    assert!(error.contains("no such file"), "{error}");
}
