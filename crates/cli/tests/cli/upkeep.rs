//! `check`, `backup` and `CHECK TABLE`.

use crate::harness::Folder;
use std::path::{Path, PathBuf};

const SCRIPT: &str = "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL); \
     INSERT INTO city VALUES (3, 'Bern'), (1, 'Zürich'), (2, ''); \
     CREATE TABLE visit (city INTEGER REFERENCES city, n BIGINT CHECK (n > 0)); \
     INSERT INTO visit VALUES (1, 10), (3, 20), (NULL, 30)";

/// A warehouse with all rows in files.
fn warehouse() -> Folder {
    let folder = logged();
    folder.run(&["w", "-c", "OPTIMIZE TABLE city, visit"]).is(0, "");
    folder
}

/// The same with all rows in the log.
fn logged() -> Folder {
    let folder = Folder::new();
    folder.run(&["w", "-c", SCRIPT]).is(0, "");
    folder
}

/// All column files below a folder.
fn column_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(column_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "col") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn damage(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[64] ^= 0x10;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_warehouse_is_ok() {
    let folder = warehouse();
    let ended = folder.run(&["check", "w", "--mode", "csv"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    let lines: Vec<&str> = ended.out.lines().collect();
    assert_eq!(lines[0], "table_name,status,rows,files,blocks,bytes");
    assert!(lines[1].starts_with("city,ok,3,4,4,"), "{ended:?}");
    assert!(lines[2].starts_with("visit,ok,3,3,3,"), "{ended:?}");
    let ended = folder.run(&["w", "--csv", "-c", "CHECK TABLE visit, CITY"]);
    assert_eq!((ended.code, ended.out.lines().count()), (0, 3), "{ended:?}");
    folder.run(&["w", "-c", "CHECK TABLE citi"]).is(1, "").mentions("did you mean \"city\"?");
    folder.run(&["w", "-c", "CHECK city"]).is(1, "").mentions("expected TABLE");
}

#[test]
fn an_empty_warehouse_is_ok_and_a_missing_one_is_not_made() {
    let folder = Folder::new();
    folder.run(&["check", "w"]).is(3, "").mentions("error: cannot open w");
    folder.run(&["backup", "w", "b"]).is(3, "").mentions("error: cannot open w");
    assert!(!folder.path("w").exists() && !folder.path("b").exists());
    folder.run(&["w", "-c", "SELECT 1"]);
    folder
        .run(&["check", "w", "--mode", "csv"])
        .is(0, "table_name,status,rows,files,blocks,bytes\n");
}

#[test]
fn damage_is_found_named_and_fails_with_its_own_code() {
    let all = column_files(&warehouse().path("w"));
    // Columns of both tables, the ordinals of the reference, and a run of the key with its ordinals.
    assert_eq!(all.len(), 2 + 3 + 2);
    for number in 0..all.len() {
        let folder = warehouse();
        let path = &column_files(&folder.path("w"))[number];
        damage(path);
        let file = path.strip_prefix(folder.path("w")).unwrap().to_str().unwrap();
        let table = if file.starts_with("tables/1/") { "city" } else { "visit" };
        let ended = folder.run(&["check", "w", "--mode", "csv"]);
        ended.mentions(&format!("error: table \"{table}\": {file} is damaged: "));
        ended.mentions("hint: restore the table from a backup");
        assert_eq!(ended.code, 4, "{ended:?}");
        assert!(ended.out.contains(&format!("{table},1 fault,3,")), "{ended:?}");
        let check = format!("CHECK TABLE {table}; SELECT 1");
        folder.run(&["w", "-c", &check]).is(4, "").mentions(file);
        folder.run(&["backup", "w", "b"]).is(4, "").mentions(file);
        assert!(!folder.path("b").exists());
    }
}

#[test]
fn a_file_that_is_sound_but_another_is_found_by_queries_too() {
    let folder = warehouse();
    let script =
        "CREATE TABLE t (a INTEGER, b INTEGER); INSERT INTO t VALUES (1, 2); OPTIMIZE TABLE t";
    folder.run(&["w", "-c", script]).is(0, "");
    let files = column_files(&folder.path("w/tables/3"));
    std::fs::copy(&files[0], &files[1]).unwrap();
    folder.run(&["w", "-c", "SELECT b FROM t"]).is(4, "").mentions("footer checksum");
    folder.run(&["check", "w"]).mentions("manifest against file");
}

#[test]
fn a_damaged_log_leaves_what_was_before_to_be_read() {
    let folder = logged();
    let query = "SELECT count(*) AS n FROM city";
    folder.run(&["backup", "w", "b"]).is(0, "").mentions(" in 1 file");
    folder.run(&["b", "--csv", "-c", query]).is(0, "n\n3\n");
    damage(&folder.path("w/wal/1.wal"));
    let ended = folder.run(&["w", "--csv", "-c", query]);
    assert_eq!((ended.code, ended.out.as_str()), (0, "n\n0\n"), "{ended:?}");
    ended.mentions("note: read-only: wal/1.wal is damaged").mentions("are lost");
    folder.run(&["w", "-c", "INSERT INTO city VALUES (9, 'x')"]).mentions("is damaged");
    let ended = folder.run(&["check", "w"]);
    assert_eq!(ended.code, 4, "{ended:?}");
    ended.mentions("error: wal/1.wal is damaged");
}

#[test]
fn a_backup_is_the_same_warehouse_and_one_of_its_own() {
    let folder = warehouse();
    let ended = folder.run(&["backup", "w", "deep/b"]);
    assert_eq!((ended.code, ended.out.as_str()), (0, ""), "{ended:?}");
    ended.mentions("backed up 2 tables, 6 rows, ").mentions(" in 7 files to deep/b\n");
    let query = "SELECT name, n FROM visit LEFT JOIN city ON city = id ORDER BY n";
    let expected = "name,n\nZürich,10\nBern,20\n,30\n";
    folder.run(&["w", "--csv", "-c", query]).is(0, expected);
    folder.run(&["deep/b", "--csv", "-c", query]).is(0, expected);
    folder.run(&["check", "deep/b", "--mode", "csv"]).says("");
    folder.run(&["deep/b", "-c", "INSERT INTO city VALUES (3, 'x')"]).is(1, "");
    folder.run(&["deep/b", "-c", "INSERT INTO city VALUES (4, 'x')"]).is(0, "");
    folder.run(&["w", "--csv", "-c", "SELECT count(*) AS n FROM city"]).is(0, "n\n3\n");
    // What is there is not touched.
    folder.run(&["backup", "w", "deep/b"]).is(3, "").mentions("deep/b is not empty");
    folder.run(&["backup", "w", "w/b"]).is(3, "").mentions("within the warehouse");
    folder.file("file", "");
    folder.run(&["backup", "w", "file"]).is(3, "").mentions("file");
    folder.run(&["deep/b", "--csv", "-c", "SELECT count(*) AS n FROM city"]).is(0, "n\n4\n");
}

#[test]
fn a_backup_of_links_stays_when_the_warehouse_goes() {
    let folder = warehouse();
    folder.run(&["backup", "--link", "w", "b"]).is(0, "").mentions(" in 7 files to b\n");
    let links = |name: &str| {
        use std::os::unix::fs::MetadataExt;
        let tables = folder.path(name).join("tables/1");
        let mut found = std::fs::read_dir(tables).unwrap().map(|entry| entry.unwrap().path());
        let segment = found.find(|path| path.to_string_lossy().contains("seg-")).unwrap();
        std::fs::metadata(segment.join("1.col")).unwrap().nlink()
    };
    assert_eq!((links("w"), links("b")), (2, 2));
    std::fs::remove_dir_all(folder.path("w")).unwrap();
    folder.run(&["check", "b", "--mode", "csv"]).says("");
    folder.run(&["b", "--csv", "-c", "SELECT count(*) AS n FROM city"]).is(0, "n\n3\n");
    folder.run(&["b", "-c", "INSERT INTO city VALUES (4, 'x')"]).is(0, "");
}

#[test]
fn both_work_beside_a_writer() {
    let folder = warehouse();
    let mut writer = folder.start(&["w"]);
    writer.send("INSERT INTO city VALUES (9, 'Chur');\n.print written\n");
    assert_eq!(writer.line(), "written\n");
    let ended = folder.run(&["check", "w", "--mode", "csv"]);
    assert!(ended.code == 0 && ended.out.contains("city,ok,4,"), "{ended:?}");
    folder.run(&["backup", "w", "b"]).is(0, "").mentions("7 rows");
    writer.stdin.take();
    assert!(writer.child.wait().unwrap().success());
}

#[test]
fn an_export_to_a_dash_is_written_to_standard_output() {
    let folder = warehouse();
    folder.run(&["export", "w", "city", "-"]).is(0, "id,name\n3,Bern\n1,Zürich\n2,\"\"\n");
    folder.run(&["export", "w", "SELECT max(n) AS n FROM visit", "-"]).is(0, "n\n30\n");
    assert!(!folder.path("-").exists());
}
