//! What users read when something is wrong.

use crate::harness::{Folder, text};

#[test]
fn an_error_has_its_line_and_a_caret() {
    let folder = Folder::new();
    let ended = folder.run(&["-c", "SELEC 1"]);
    ended.is(1, "");
    assert!(ended.err.starts_with("error: syntax error"), "{}", ended.err);
    assert!(ended.err.contains("\n  SELEC 1\n  ^\n"), "{}", ended.err);
    let ended = folder.run(&["-c", "SELECT 1,\n  x\nFROM t"]);
    ended.is(1, "").mentions("\nline 3: FROM t\n             ^\n");
}

#[test]
fn files_and_lines_are_named() {
    let folder = Folder::new();
    let file = folder.file("load.sql", "-- one\nSELECT 1 AS a;\n\nSELECT 2,\n  3 FROM nowhere;\n");
    let ended = folder.run(&["--csv", "-f", text(&file)]);
    let place = format!("{}:5: ", text(&file));
    let caret = format!("\n{place}  3 FROM nowhere\n{}^\n", " ".repeat(place.len() + 9));
    ended.is(1, "a\n1\n").mentions("error: ").mentions(&caret);
    let ended = folder.pipe(&["--csv"], "SELECT 1 AS a;\n.nonsense\n");
    ended.is(1, "a\n1\n").mentions("error: unknown command \".nonsense\"\nstdin:2: .nonsense\n");
}

#[test]
fn names_that_are_misspelled_get_advice() {
    let folder = Folder::new();
    let ended = folder.run(&["-c", "CREATE TABLE t (amount INTEGER); SELECT amuont FROM t"]);
    ended.is(1, "").mentions("amuont").mentions("hint: ").mentions("amount").mentions("^");
    let ended = folder.run(&["-c", "CREATE TABLE sales (a INTEGER); SELECT * FROM slaes"]);
    ended.is(1, "").mentions("slaes").mentions("hint: did you mean \"sales\"?").mentions("^");
}

#[test]
fn an_error_without_a_place_shows_its_statement() {
    let folder = Folder::new();
    let sql = "CREATE TABLE t (a INTEGER PRIMARY KEY); INSERT INTO t VALUES (7), (7)";
    let ended = folder.run(&["-c", sql]);
    ended.is(1, "").mentions("\"t\"").mentions("7").mentions("\n  INSERT INTO t VALUES (7), (7)\n");
    folder
        .run(&["-c", "SELECT 1 / 0"])
        .is(1, "")
        .mentions("error: ")
        .mentions("\n  SELECT 1 / 0\n");
}

#[test]
fn what_is_not_closed_is_told() {
    let folder = Folder::new();
    let ended = folder.pipe(&["--csv"], "SELECT 1 AS a;\n\nSELECT 2 /* never\nclosed\n");
    ended.is(1, "a\n1\n").says(
        "error: a comment that begins with /* is never closed\n\
         stdin:3: /*\n\
         \x20        ^~\n\
         hint: close it with */\n",
    );
    folder.pipe(&["--csv"], "SELECT 'a;\n").is(1, "").mentions("error: ").mentions("stdin:1: ");
}

#[test]
fn rows_that_came_before_an_error_stay() {
    let folder = Folder::new();
    let sql = "SELECT value, 100000 / (50000 - value) AS x FROM generate_series(1, 100000)";
    let ended = folder.run(&["--csv", "-c", sql]);
    assert_eq!(ended.code, 1, "{ended:?}");
    ended.mentions("error: ");
}

#[test]
fn deep_and_long_statements_are_no_crash() {
    let folder = Folder::new();
    let deep = format!("SELECT {}1{}", "(".repeat(3000), ")".repeat(3000));
    folder.pipe(&[], deep).is(1, "").mentions("error: ");
    let long = format!("SELECT 1{} AS a", " + 1".repeat(5000));
    let ended = folder.pipe(&["--csv"], long);
    assert!(ended.code == 1 || ended.out == "a\n5001\n", "{ended:?}");
}
