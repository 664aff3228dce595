//! Commands that begin with a dot or a backslash, in pipes.

use crate::harness::{Ended, Folder, text};

fn piped(input: &str) -> Ended {
    Folder::new().pipe(&["--csv"], input)
}

const TABLES: &str = "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR NOT NULL);\n\
                      CREATE TABLE sale (id INTEGER REFERENCES city, amount DECIMAL(9, 2));\n";

#[test]
fn print_prints_text() {
    piped(".print hello   world\n.print \"in quotes \"\n.print\n\\echo x\n")
        .is(0, "hello   world\nin quotes \n\nx\n")
        .says("");
}

#[test]
fn tables_are_listed_by_pattern() {
    let listed = |command: &str| piped(&format!("{TABLES}{command}\n")).out;
    assert_eq!(listed(".tables"), "city\nsale\n");
    assert_eq!(listed("\\dt"), "city\nsale\n");
    assert_eq!(listed("\\d"), "city\nsale\n");
    assert_eq!(listed(".tables s%"), "sale\n");
    assert_eq!(listed(".tables *T?"), "city\n");
}

#[test]
fn schemas_can_be_run_again() {
    let folder = Folder::new();
    let schema = folder.pipe(&[], format!("{TABLES}.schema\n")).out;
    assert!(schema.starts_with("CREATE TABLE city (") && schema.ends_with(";\n"), "{schema}");
    assert_eq!(folder.pipe(&[], format!("{schema}.schema\n")).is(0, &schema).code, 0);
    let one = folder.pipe(&[], format!("{TABLES}.schema SALE\n")).out;
    assert!(one.starts_with("CREATE TABLE sale (") && schema.ends_with(&one), "{one}");
    let ended = folder.pipe(&[], format!("{TABLES}.schema sales\n"));
    ended.is(1, "").mentions("table \"sales\" does not exist").mentions("did you mean \"sale\"?");
}

#[test]
fn a_table_is_described() {
    let described = piped(&format!("{TABLES}\\d city;\n"));
    assert_eq!(described.code, 0, "{described:?}");
    assert!(described.out.contains("\nid,INTEGER,"), "{}", described.out);
    assert!(described.out.contains("\nname,VARCHAR,"), "{}", described.out);
}

#[test]
fn modes_headers_and_null() {
    let select = "SELECT 1 AS a, NULL AS b;\n";
    piped(&format!(".mode json\n{select}")).is(0, "[{\"a\":1,\"b\":null}]\n");
    piped(".mode\n").is(0, "csv\n");
    piped(&format!(".headers off\n{select}")).is(0, "1,\n");
    piped(&format!(".nullvalue '-'\n{select}")).is(0, "a,b\n1,-\n");
    piped(&format!("\\x\n{select}\\x\n{select}")).is(0, "a = 1\nb = NULL\na,b\n1,\n");
    piped(".mode xml\n").is(1, "").mentions(".mode: there is no mode \"xml\"");
    piped(".mode xml\n").is(1, "").mentions("hint: write .mode [MODE]: box, table, csv");
}

#[test]
fn files_are_read_and_read_one_another() {
    let folder = Folder::new();
    folder.file("a.sql", "SELECT 1 AS a;\n.read b.sql\nSELECT 3 AS c;\n");
    folder.file("b.sql", "SELECT 2 AS b;\n");
    folder.pipe(&["--csv"], "\\i a.sql\n").is(0, "a\n1\nb\n2\nc\n3\n").says("");
    folder.file("loop.sql", ".read loop.sql\n");
    folder.pipe(&[], ".read loop.sql\n").is(1, "").mentions("must not read itself");
    folder.pipe(&[], ".read none.sql\n").is(1, "").mentions("cannot open none.sql: No such file");
    folder.file("b.sql", "SELECT 2 AS b;\nSELECT x;\n");
    let ended = folder.pipe(&["--csv"], ".read a.sql\n");
    ended.is(1, "a\n1\nb\n2\n").mentions("b.sql:2: SELECT x\n");
}

#[test]
fn results_can_go_to_files() {
    let folder = Folder::new();
    let input = ".once one.csv\nSELECT 1 AS a;\nSELECT 2 AS b;\n.output all.csv\nSELECT 3 AS c;\n\
                 .print more\n.output\nSELECT 4 AS d;\n";
    folder.pipe(&["--csv"], input).is(0, "b\n2\nd\n4\n").says("");
    assert_eq!(std::fs::read_to_string(folder.path("one.csv")).unwrap(), "a\n1\n");
    assert_eq!(std::fs::read_to_string(folder.path("all.csv")).unwrap(), "c\n3\nmore\n");
    folder.pipe(&[], ".output no/such/file\n").is(1, "").mentions("cannot create no/such/file: ");
}

#[test]
fn files_are_imported() {
    let folder = Folder::new();
    let file = folder.file("my rows.csv", "a\n1\n2\n");
    let input = format!(
        "CREATE TABLE t (a INTEGER);\n.import '{}' t\nSELECT sum(a) AS a FROM t;\n",
        text(&file)
    );
    folder.pipe(&["--csv"], input).is(0, "a\n3\n").says("CREATE TABLE\nCOPY 2\n");
}

#[test]
fn quit_ends_everything() {
    let folder = Folder::new();
    folder.pipe(&["--csv"], "SELECT 1 AS a;\n.quit\nSELECT 2;\n").is(0, "a\n1\n");
    folder.pipe(&["--csv"], ".exit 7\n").is(7, "");
    folder.run(&["--csv", "-c", "\\q", "-c", "SELECT 1"]).is(0, "");
    folder.pipe(&["--no-bail"], "SELECT x;\n.quit\n").is(1, "");
}

#[test]
fn commands_stand_at_the_start_of_a_line_only() {
    piped("SELECT\n.5 AS a;\n").is(0, "a\n0.5\n");
    piped("SELECT 1 AS a; .mode json\n;SELECT 2 AS b;").is(1, "a\n1\n");
    piped("SELECT 'x\n.quit\n' AS a;\n").is(0, "a\n\"x\n.quit\n\"\n");
}

#[test]
fn help_lists_commands() {
    let help = piped(".help\n");
    assert_eq!(help.code, 0);
    for name in [".tables", ".schema", ".mode", ".timer", ".read", ".quit", "\\d", "\\x", "\\q"] {
        assert!(help.out.contains(name), "{name}");
    }
    let one = piped(".help timer\n");
    assert!(one.out.starts_with(".timer, \\timing [on|off]") && one.out.lines().count() == 1);
    piped(".timer maybe\n").is(1, "").mentions("neither on nor off").mentions("hint: write .timer");
}

const EVERYTHING: &str = "\
CREATE TABLE parent (id INTEGER PRIMARY KEY, \"Größe\" VARCHAR NOT NULL UNIQUE);
CREATE TABLE child (b BOOLEAN, i SMALLINT, big BIGINT, d DECIMAL(38,10), f DOUBLE, r REAL,
    s VARCHAR ENCODING 'plain', day DATE BITMAP, at TIME, moment TIMESTAMP, zoned TIMESTAMPTZ NO BITMAP,
    parent INTEGER REFERENCES parent (id), CHECK (i < 100)) SORTED BY (i);
INSERT INTO parent VALUES (1, 'größer ''als''; null'), (2, '\n.quit\n\\q -- /*');
INSERT INTO child VALUES
    (TRUE, -5, -9223372036854775808, -9999999999999999999999999999.9999999999, 'NaN', '1e30',
     '', '0001-01-01', '23:59:59.999999', '9999-12-31 23:59:59.5', '2024-01-01 00:00:00+02:00', 1),
    (FALSE, 7, 9223372036854775807, 0.1, '-inf', 'inf', 'NULL', '2024-02-29', '00:00:00',
     '1969-12-31 23:59:59', '1969-12-31 23:59:59+00:00', 2),
    (NULL, NULL, NULL, NULL, '1e-300', '0.1', NULL, NULL, NULL, NULL, NULL, NULL),
    (NULL, 9, NULL, NULL, '-0.0', NULL, '😀\t\"', NULL, NULL, NULL, NULL, NULL);
";

#[test]
fn a_dump_makes_the_warehouse_anew() {
    let folder = Folder::new();
    assert_eq!(folder.pipe(&["w"], EVERYTHING).code, 0);
    let dump = folder.run(&["w", "-c", ".dump"]);
    assert_eq!((dump.code, dump.err.as_str()), (0, ""));
    for option in [" DATE BITMAP,\n", " TIMESTAMPTZ NO BITMAP,\n"] {
        assert!(dump.out.contains(option), "{}", dump.out);
    }
    folder.file("dump.sql", &dump.out);
    let ended = folder.run(&["copy", "-f", "dump.sql"]);
    assert_eq!(ended.code, 0, "{}\n{}", ended.err, dump.out);
    let look = "SELECT * FROM parent ORDER BY id; SELECT * FROM child ORDER BY i;";
    let (before, after) = (folder.run(&["w", "--csv", look]), folder.run(&["copy", "--csv", look]));
    assert!(before.out.contains("NaN") && before.out.contains("-inf"), "{before:?}");
    assert_eq!(before.out, after.out);
    assert_eq!(folder.run(&["copy", "-c", ".dump"]).out, dump.out);
    let one = folder.run(&["w", "-c", ".dump Parent"]).out;
    assert!(dump.out.starts_with(&one) && one.contains("INSERT INTO \"parent\""), "{one}");
    folder.run(&["w", "-c", ".dump parnet"]).is(1, "").mentions("did you mean \"parent\"?");
}

#[test]
fn another_warehouse_is_opened_in_place() {
    let folder = Folder::new();
    let script = "CREATE TABLE a (x INTEGER);\n.open v\nCREATE TABLE b (y INTEGER);\n.tables\n\
                  .open --readonly w\n.tables\n.open\n.tables\n.open v\n\\c v\n";
    let ended = folder.pipe(&["w", "--set", "zone_maps=off"], script);
    ended.is(1, "b\na\n").mentions("warehouse v is open already").mentions("w, read-only");
    let ended = folder.pipe(&["--readonly", "w"], ".open none/at/all\n");
    ended.is(3, "").mentions("none/at/all");
    folder.pipe(&["w"], ".open --nonsense\n").is(1, "").mentions("there is no option --nonsense");
    folder.run(&["w", "--csv", "--set", "zone_maps=off", "-c", ".open v", "-c", "SHOW zone_maps"]);
    assert!(folder.temporary_files().is_empty());
}

#[test]
fn commands_for_separators_widths_echo_and_changes() {
    let folder = Folder::new();
    let query = "SELECT 1 AS a, ';' AS b;\n";
    let script = format!(".separator ;\n{query}.mode tsv\n.separator \\t\n{query}");
    folder.pipe(&["--csv"], &script).is(0, "a;b\n1;\";\"\na\tb\n1\t;\n");
    folder.pipe(&[], ".separator ab\n").is(1, "").mentions("hint: write .separator TEXT");
    folder.pipe(&["--csv"], ".echo on\nSELECT\n1 AS a;\n").is(0, "SELECT\n1 AS a;\na\n1\n");
    let script = ".changes off\nCREATE TABLE t (a INTEGER);\n";
    folder.pipe(&[], script).is(0, "").says("");
    let wide = format!(".maxwidth 30\nSELECT '{}' AS a;\n", "x".repeat(100));
    let ended = folder.pipe(&[], wide);
    assert!(ended.out.lines().all(|line| line.chars().count() <= 30), "{}", ended.out);
    let version = format!("Starfact {}\n", env!("CARGO_PKG_VERSION"));
    folder.pipe(&[], ".version\n").is(0, &version);
    for line in [".shell ls", ".system ls", ".cd /", "\\! ls", "\\e", ".edit"] {
        folder.pipe(&[], line).is(1, "").mentions("not offered").mentions("\nhint: ");
    }
}

#[test]
fn keys_storage_and_some_schemas_are_shown() {
    let folder = Folder::new();
    assert_eq!(folder.pipe(&["w"], EVERYTHING).code, 0);
    let keys = folder.run(&["w", "--csv", "--no-header", "-c", ".indexes"]).out;
    assert_eq!(keys, folder.run(&["w", "--csv", "--no-header", "-c", "\\di"]).out);
    for kind in ["PRIMARY KEY", "UNIQUE", "FOREIGN KEY"] {
        assert!(keys.contains(kind), "{keys}");
    }
    let keys = folder.run(&["w", "--csv", "-c", "\\di Child"]).out;
    assert!(keys.contains("FOREIGN KEY") && !keys.contains("PRIMARY KEY"), "{keys}");
    assert!(folder.run(&["w", "-c", "\\d+ child"]).out.contains("moment"));
    assert!(folder.run(&["w", "-c", "\\dv"]).out.contains("blocks"));
    let schema = folder.run(&["w", "-c", ".schema chi%"]).out;
    assert!(schema.contains("child") && !schema.contains("TABLE parent"), "{schema}");
    folder.run(&["w", "-c", ".schema x%"]).is(0, "").says("");
}
