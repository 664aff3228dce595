//! `starfact bench`.

use crate::harness::Folder;

#[test]
fn the_star_schema_benchmark_runs_and_is_verified() {
    let folder = Folder::new();
    let line = ["bench", "ssb", "--sf", "0.01", "--runs", "1", "--warehouse", "w", "--json", "j"];
    let ended = folder.run(&line);
    assert_eq!(ended.code, 0, "{ended:?}");
    let rows: Vec<&str> = ended.out.lines().filter(|line| line.starts_with("| Q")).collect();
    assert_eq!(rows.len(), 13, "{}", ended.out);
    assert!(rows.iter().all(|row| row.ends_with("| yes      |")), "{}", ended.out);
    assert!(ended.out.starts_with("+-------+"), "{}", ended.out);
    ended.mentions("loading lineorder: ").mentions("running Q4.3\n");
    let json = std::fs::read_to_string(folder.path("j")).unwrap();
    for key in ["workload", "sf", "threads", "version", "queries", "runs_ms", "load", "peak_rss"] {
        assert!(json.contains(&format!("\"{key}\"")), "{key} is missing in {json}");
    }
    folder.run(&line).mentions("lineorder is there: ");
    let count = ["w", "--readonly", "--csv", "-c", "SELECT count(*) AS n FROM date"];
    folder.run(&count).is(0, "n\n2557\n");
}

#[test]
fn data_can_be_generated_alone() {
    let folder = Folder::new();
    let line = ["bench", "ssb", "--sf", "0.001", "--generate-only", "--out", "data"];
    let ended = folder.run(&line);
    assert_eq!((ended.code, ended.out.lines().count()), (0, 5), "{ended:?}");
    let sql = "SELECT count(*) AS n FROM 'data/date.parquet'";
    folder.run(&["--csv", sql]).is(0, "n\n2557\n");
}

#[test]
fn a_file_that_cannot_be_written_is_told_before() {
    let folder = Folder::new();
    let line = ["bench", "ssb", "--sf", "0.01", "--json", "no/such/folder/j"];
    folder
        .run(&line)
        .is(3, "")
        .says("error: cannot create no/such/folder/j: No such file or directory\n");
}
