//! What runs, in which order, and what a wrong command line gives.

use crate::harness::{Folder, text};

#[test]
fn scripts_run_in_the_order_of_the_command_line() {
    let folder = Folder::new();
    let file = folder.file("f.sql", "SELECT 2 AS b;\nSELECT 3 AS c");
    let arguments =
        ["--csv", "-c", "SELECT 1 AS a", "-f", text(&file), "--command=SELECT 4 AS d; ;"];
    folder.run(&arguments).is(0, "a\n1\nb\n2\nc\n3\nd\n4\n").says("");
}

#[test]
fn sql_stands_behind_the_warehouse_or_in_its_place() {
    let folder = Folder::new();
    folder.run(&["w", "--csv", "SELECT 1 AS a", "SELECT 2 AS b"]).is(0, "a\n1\nb\n2\n").says("");
    assert!(folder.path("w").is_dir());
    folder.run(&["--csv", "SELECT 1 AS a", "SELECT 2 AS b"]).is(0, "a\n1\nb\n2\n").says("");
    folder.run(&[":memory:", "--csv", "SELECT 1 AS a"]).is(0, "a\n1\n").says("");
    assert_eq!(std::fs::read_dir(folder.path("")).unwrap().count(), 2, "only w and tmp");
}

#[test]
fn standard_input_is_a_file_too() {
    let folder = Folder::new();
    let ended = folder.pipe(&["--csv", "-c", "SELECT 1 AS a", "-f", "-"], "SELECT 2 AS b");
    ended.is(0, "a\n1\nb\n2\n").says("");
    let ended = folder.pipe(&["--csv", "-c", "SELECT 1 AS a"], "SELECT 2 AS b");
    ended.is(0, "a\n1\n").says("");
}

#[test]
fn settings_and_the_init_file_come_first() {
    let folder = Folder::new();
    let init = folder.file("init.sql", ".mode csv\nSELECT 1 AS a;\n");
    folder.run(&["--init", text(&init), "-c", "SELECT 2 AS b"]).is(0, "a\n1\nb\n2\n").says("");
    let show = ["--set", "starfact.zone_maps=off", "--csv", "-c", "SHOW starfact.zone_maps"];
    let ended = folder.run(&show);
    assert!(ended.out.ends_with("\noff\n"), "{ended:?}");
    let ended = folder.run(&["--set", "starfact.nonsense=1", "-c", "SELECT 1"]);
    ended.is(2, "").mentions("error: --set starfact.nonsense: ").mentions("\nhint: ");
    let ended = folder.run(&["w", "--set", "threads=none", "-c", "SELECT 1"]);
    ended.is(2, "").mentions("error: --set threads: ").mentions("1 to 1024");
    let ended = folder.run(&["--set", "starfact.zone_mops=on", "-c", "SELECT 1"]);
    ended.is(2, "").mentions("did you mean \"zone_maps\"?");
    assert!(!folder.path("w").exists());
}

#[test]
fn the_users_init_file_is_for_shells_only() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("home")).unwrap();
    folder.file("home/.starfactrc", ".print from the init file\n");
    folder.run(&["--csv", "-c", "SELECT 1 AS a"]).is(0, "a\n1\n").says("");
    folder.pipe(&["--csv"], "SELECT 1 AS a;").is(0, "a\n1\n").says("");
}

#[test]
fn the_first_error_ends_the_run() {
    let folder = Folder::new();
    let script = ["--csv", "-c", "SELECT 1 AS a; SELECT x; SELECT 2", "-c", "SELECT 3"];
    folder.run(&script).is(1, "a\n1\n").mentions("error: ");
    let mut script = script.to_vec();
    script.push("--no-bail");
    folder.run(&script).is(1, "a\n1\n2\n2\n3\n3\n").mentions("error: ");
}

#[test]
fn files_are_opened_before_anything_runs() {
    let folder = Folder::new();
    let ended = folder.run(&["w", "-c", "CREATE TABLE t (a INTEGER)", "-f", "none.sql"]);
    ended.is(3, "").says("error: cannot open none.sql: No such file or directory\n");
    assert!(!folder.path("w").exists());
    folder.run(&["-f", "tmp"]).is(3, "").says("error: cannot open tmp: is a directory\n");
    folder.run(&["--init", "none.sql", "-c", "SELECT 1"]).is(3, "");
}

#[test]
fn wrong_command_lines_are_usage_errors() {
    let folder = Folder::new();
    for line in [
        &["--nonsense"][..],
        &["-c"],
        &["--mode", "xml", "-c", "SELECT 1"],
        &["--threads", "0", "-c", "SELECT 1"],
        &["--memory-limit", "lots", "-c", "SELECT 1"],
        &["--wait", "-1", "-c", "SELECT 1"],
        &["--threads", "-1", "-c", "SELECT 1"],
        &["import", "w", "t", "f.csv", "--readonly"],
        &["import", "w", "t", "f.csv", "--set", "nonsense=1"],
        &["bench", "ssb", "--readonly"],
        &["selct"],
        &["1+1"],
        &["--set", "noequals", "-c", "SELECT 1"],
        &["--init", "i.sql", "--no-init"],
        &[""],
        &["check"],
        &["check", "w", "t"],
        &["backup", "w"],
        &["import", "w", "t"],
        &["bench"],
        &["bench", "tpcds"],
    ] {
        let ended = folder.run(line);
        ended.is(2, "");
        assert!(ended.err.starts_with("error: "), "{line:?}: {}", ended.err);
        assert!(ended.err.contains("\nhint: "), "{line:?}: {}", ended.err);
        assert!(!ended.err.contains("Usage"), "{line:?}: {}", ended.err);
    }
    assert!(!folder.path("w").exists());
}

#[test]
fn help_and_version() {
    let folder = Folder::new();
    let version = format!("starfact {}\n", env!("CARGO_PKG_VERSION"));
    folder.run(&["--version"]).is(0, &version).says("");
    let help = folder.run(&["--help"]);
    assert_eq!((help.code, help.err.as_str()), (0, ""));
    assert!(help.out.lines().all(|line| line.chars().count() <= 100), "{}", help.out);
    for option in ["--command", "--file", "--readonly", "--memory-limit", "--no-bail", "--json"] {
        assert!(help.out.contains(option), "{option}");
    }
    assert_eq!(folder.run(&["bench", "--help"]).code, 0);
}
