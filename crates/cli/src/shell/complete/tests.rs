//! What is offered where.

use super::*;

fn vocabulary() -> Vocabulary {
    let table = |name: &str, columns: &[&str]| Table {
        name: name.into(),
        columns: columns.iter().map(|column| (*column).into()).collect(),
    };
    Vocabulary {
        tables: vec![
            table("lineorder", &["lo_orderkey", "lo_revenue"]),
            table("customer", &["c_custkey", "c_name"]),
            table("My Table", &["a b", "select", "Year"]),
        ],
        functions: vec!["sum".into(), "substr".into(), "count".into()],
        settings: vec!["starfact.threads".into(), "starfact.zone_maps".into()],
    }
}

/// Completes at the bar; gives back the whole line for each candidate.
fn lines(text: &str) -> Vec<String> {
    let cursor = text.find('|').unwrap();
    let line = text.replace('|', "");
    let (start, candidates) = complete(&line, cursor, &vocabulary());
    candidates.into_iter().map(|c| format!("{}{c}{}", &line[..start], &line[cursor..])).collect()
}

#[test]
fn a_statement_begins_with_a_verb_in_the_case_of_its_first_letters() {
    assert_eq!(lines("sel|"), ["select"]);
    assert_eq!(lines("SEL|"), ["SELECT"]);
    assert_eq!(
        lines("select 1; de|"),
        ["select 1; deallocate", "select 1; delete", "select 1; describe"]
    );
    assert!(lines("|").contains(&"SELECT".to_owned()));
    assert!(lines("lo_|").is_empty());
}

#[test]
fn tables_stand_behind_from_and_join() {
    assert_eq!(lines("select * from li|"), ["select * from lineorder"]);
    assert_eq!(lines("select * from a join CUST|"), ["select * from a join customer"]);
    assert_eq!(lines("from |").len(), 3);
    assert_eq!(lines("from my|"), ["from \"My Table\""]);
    assert_eq!(lines("drop table if exists cu|"), ["drop table if exists customer"]);
}

#[test]
fn columns_are_those_of_the_tables_in_the_statement() {
    assert_eq!(lines("select lo_r| from lineorder"), ["select lo_revenue from lineorder"]);
    assert!(lines("select lo_r| from customer").is_empty());
    assert_eq!(lines("select lo_r|"), ["select lo_revenue"]);
    assert_eq!(
        lines("select | from customer"),
        [
            "select c_custkey from customer",
            "select c_name from customer",
            "select customer from customer"
        ]
    );
    assert_eq!(lines("select c.c_n| from customer c"), ["select c.c_name from customer c"]);
    assert!(lines("select c.su| from customer c").is_empty());
}

#[test]
fn names_that_need_quotes_get_them() {
    let expected = ["from \"My Table\" where \"select\""];
    assert_eq!(lines("from \"My Table\" where sele|")[..1], expected);
    assert_eq!(lines("from \"My Table\" where yea|"), ["from \"My Table\" where \"Year\""]);
    assert_eq!(lines("from \"My|"), ["from \"My Table\""]);
}

#[test]
fn functions_come_with_their_parenthesis() {
    assert_eq!(
        lines("select su| from customer"),
        [
            "select summarize from customer",
            "select sum( from customer",
            "select substr( from customer"
        ]
    );
}

#[test]
fn commands_and_their_arguments() {
    assert_eq!(lines(".ta|"), [".tables"]);
    assert_eq!(lines(".mode js|"), [".mode json", ".mode jsonlines"]);
    assert_eq!(lines("\\d li|"), ["\\d lineorder"]);
    assert_eq!(lines(".timer o|"), [".timer on", ".timer off"]);
    assert!(lines("select 1 from t where\n.ta|").is_empty());
}

#[test]
fn files_in_quotes_and_behind_commands() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("data.csv"), "").unwrap();
    std::fs::write(folder.path().join(".hidden"), "").unwrap();
    std::fs::create_dir(folder.path().join("dir")).unwrap();
    let path = folder.path().display();
    assert_eq!(
        lines(&format!("copy t from '{path}/d|")),
        [format!("copy t from '{path}/data.csv"), format!("copy t from '{path}/dir/")]
    );
    assert_eq!(lines(&format!(".read {path}/.h|")), [format!(".read {path}/.hidden")]);
    assert!(lines("select 1 -- 'd|").is_empty());
}

#[test]
fn settings_stand_behind_set_reset_and_show() {
    assert_eq!(lines("set starfact.z|"), ["set starfact.zone_maps"]);
    assert_eq!(lines("select 1; SHOW starfact.|").len(), 2);
    assert_eq!(lines("reset starf|"), ["reset starfact.threads", "reset starfact.zone_maps"]);
    assert!(lines("show ta|").contains(&"show table".to_owned()));
    assert!(lines("select starfact.|").is_empty());
}
