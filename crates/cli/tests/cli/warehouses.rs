//! Opening: what is created, refused, locked, damaged, removed.

use crate::harness::{Folder, text};

#[test]
fn a_directory_is_created_and_keeps_its_rows() {
    let folder = Folder::new();
    let ended = folder.run(&["w", "-c", "CREATE TABLE t (a INTEGER)"]);
    ended.is(0, "").says("CREATE TABLE\n");
    let ended = folder.run(&["w", "-c", "INSERT INTO t VALUES (1), (2), (NULL)"]);
    ended.is(0, "").says("INSERT 3\n");
    let select = ["w", "--readonly", "--csv", "-c", "SELECT a FROM t ORDER BY a"];
    folder.run(&select).is(0, "a\n1\n2\n\n").says("");
}

#[test]
fn readonly_creates_and_changes_nothing() {
    let folder = Folder::new();
    let ended = folder.run(&["w", "--readonly", "-c", "SELECT 1"]);
    ended.is(3, "").mentions("error: cannot open w: ");
    assert!(!folder.path("w").exists());
    folder.run(&["w", "-c", "CREATE TABLE t (a INTEGER)"]).is(0, "");
    let ended = folder.run(&["w", "--readonly", "-c", "INSERT INTO t VALUES (1)"]);
    ended.is(1, "").mentions("for reading only");
    folder.run(&["w", "--csv", "-c", "SELECT count(*) AS n FROM t"]).is(0, "n\n0\n");
}

#[test]
fn a_file_and_a_foreign_directory_are_refused() {
    let folder = Folder::new();
    let file = folder.file("file", "mine");
    folder.run(&[text(&file), "-c", "SELECT 1"]).is(3, "").mentions(text(&file));
    let foreign = folder.path("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("photo.jpg"), "mine").unwrap();
    folder.run(&[text(&foreign), "-c", "SELECT 1"]).is(3, "").mentions(text(&foreign));
    assert_eq!(std::fs::read_dir(&foreign).unwrap().count(), 1);
}

#[test]
fn temporary_warehouses_are_removed() {
    let folder = Folder::new();
    let script = "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1); SELECT a FROM t";
    folder.run(&["--csv", "-c", script]).is(0, "a\n1\n");
    folder.run(&["-c", "CREATE TABLE t (a INTEGER); SELECT x"]).is(1, "");
    folder.pipe(&[":memory:", "--csv"], script).is(0, "a\n1\n");
    assert!(folder.temporary_files().is_empty(), "{:?}", folder.temporary_files());
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    let folder = Folder::new();
    let mut first = folder.start(&["w", "--csv"]);
    first.send("CREATE TABLE t (a INTEGER);\n.print ready\n");
    assert_eq!(first.line(), "ready\n");
    let holder = first.child.id().to_string();
    let ended = folder.run(&["w", "-c", "SELECT 1"]);
    ended.is(3, "").mentions("error: cannot open w: ").mentions(&holder);
    let reader = ["w", "--readonly", "--csv", "-c", "SELECT count(*) AS n FROM t"];
    folder.run(&reader).is(0, "n\n0\n").says("");
    let mut waiting = folder.start(&["w", "--wait", "60", "--csv", "-c", "SELECT 5 AS a"]);
    first.send("INSERT INTO t VALUES (1);\n.print done\n");
    assert_eq!(first.line(), "done\n");
    assert!(waiting.child.try_wait().unwrap().is_none(), "it waits for the first writer");
    assert_eq!(first.end().code, 0);
    assert_eq!(waiting.line(), "a\n");
    assert_eq!(waiting.end().code, 0);
    folder.run(&reader).is(0, "n\n1\n");
}

#[test]
fn damage_has_a_code_of_its_own() {
    let folder = Folder::new();
    folder.run(&["w", "-c", "CREATE TABLE t (a INTEGER); INSERT INTO t VALUES (1)"]).is(0, "");
    let manifests = std::fs::read_dir(folder.path("w")).unwrap().map(|entry| entry.unwrap());
    for manifest in manifests.filter(|file| text(&file.path()).contains("manifest-")) {
        let mut bytes = std::fs::read(manifest.path()).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0xFF;
        std::fs::write(manifest.path(), bytes).unwrap();
    }
    for arguments in [&["w", "-c", "SELECT 1"][..], &["w", "--readonly", "-c", "SELECT 1"]] {
        folder.run(arguments).is(4, "").mentions("error: cannot open w: ").mentions("manifest-");
    }
}
