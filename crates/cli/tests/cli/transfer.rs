//! `import` and `export`.

use crate::harness::{Folder, text};

#[test]
fn what_is_exported_can_be_imported() {
    let folder = Folder::new();
    let create = "(i INTEGER, s VARCHAR, d DECIMAL(9, 2))";
    let values = "(1, '', 1.50), (NULL, NULL, NULL), (3, 'a\"b,c', -0.25)";
    let script =
        format!("CREATE TABLE t {create}; INSERT INTO t VALUES {values}; CREATE TABLE u {create}");
    folder.run(&["w", "-c", &script]).is(0, "");
    for name in ["t.csv", "t.parquet"] {
        folder.run(&["export", "w", "t", name]).is(0, "").says("COPY 3\n");
        folder.run(&["import", "w", "u", name]).is(0, "").says("COPY 3\n");
    }
    let all = folder.run(&["w", "--csv", "-c", "SELECT * FROM t"]).out;
    assert_eq!(std::fs::read_to_string(folder.path("t.csv")).unwrap(), all);
    let rows = all.split_once('\n').unwrap().1;
    folder.run(&["w", "--csv", "-c", "SELECT * FROM u"]).is(0, &format!("{all}{rows}"));
    folder
        .run(&["export", "w", "SELECT i FROM t WHERE i > 1;", "q.csv"])
        .is(0, "")
        .says("COPY 1\n");
    assert_eq!(std::fs::read_to_string(folder.path("q.csv")).unwrap(), "i\n3\n");
}

#[test]
fn several_files_are_imported_until_one_fails() {
    let folder = Folder::new();
    let (good, bad) = (folder.file("a.csv", "a\n1\n"), folder.file("b.csv", "a\n1\nx\n"));
    folder.run(&["w", "-c", "CREATE TABLE t (a INTEGER)"]).is(0, "");
    let (good, bad) = (text(&good), text(&bad));
    let ended = folder.run(&["import", "w", "t", good, bad, good]);
    ended
        .is(1, "")
        .mentions("COPY 1\nerror: ")
        .mentions("b.csv")
        .mentions("line 3")
        .mentions("\"a\"");
    folder.run(&["w", "--csv", "-c", "SELECT count(*) AS n FROM t"]).is(0, "n\n1\n");
}

#[test]
fn what_is_not_there_is_named() {
    let folder = Folder::new();
    folder.run(&["export", "w", "t", "t.csv"]).is(3, "").mentions("error: cannot open w: ");
    folder.run(&["w", "-c", "CREATE TABLE t (a INTEGER)"]).is(0, "");
    folder.run(&["import", "w", "t", "none.csv"]).is(1, "").mentions("none.csv");
    folder.run(&["import", "w", "u", "none.csv"]).is(1, "").mentions("error: ");
    folder.run(&["export", "w", "u", "u.csv"]).is(1, "").mentions("\"u\"");
    assert!(!folder.path("u.csv").exists());
}

#[test]
fn standard_output_is_written_and_not_replaced() {
    let folder = Folder::new();
    let copy = "COPY (SELECT 1 AS a) TO '/dev/stdout'";
    let arguments = ["--csv", "-c", "SELECT 0 AS z", "-c", copy, "-c", copy, "-c", "SELECT 2 AS b"];
    folder.run(&arguments).is(0, "z\n0\na\n1\na\n1\nb\n2\n");
    let path = folder.path("out.csv");
    let file = std::fs::File::create(&path).unwrap();
    // The file has lost its name when it is written: its new holder must not be written either.
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "mine").unwrap();
    let mut command = folder.command(&arguments);
    let status = command.stdout(file).stderr(std::process::Stdio::null()).status().unwrap();
    assert!(status.success());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "mine");
    assert!(std::fs::symlink_metadata("/dev/stdout").unwrap().is_symlink());
}
