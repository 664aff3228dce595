//! Keys and references after changes of the rows that they mean.

use super::super::{check, check_failures, failure, run, session};
use super::count;

const STAR: &[&str] = &[
    "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR, code VARCHAR UNIQUE)",
    "CREATE TABLE sale (n INTEGER PRIMARY KEY, city INTEGER REFERENCES city)",
    "INSERT INTO city VALUES (1, 'Oslo', 'O'), (2, 'Rome', 'R'), (3, 'Bern', 'B')",
    "INSERT INTO sale VALUES (10, 1), (20, 2), (30, 2), (40, NULL)",
];

const JOINED: &str = "SELECT n, name FROM sale JOIN city ON sale.city = city.id ORDER BY n";

#[test]
fn a_dimension_that_is_updated_keeps_its_facts() {
    let session = session(STAR);
    assert_eq!(count(&session, "UPDATE city SET name = upper(name)"), "UPDATE 3");
    assert_eq!(count(&session, "UPDATE city SET code = 'X' WHERE id = 2"), "UPDATE 1");
    check(&session, &[(JOINED, "10|OSLO; 20|ROME; 30|ROME")]);
    assert_eq!(count(&session, "UPDATE city SET id = 4 WHERE id = 3"), "UPDATE 1");
    run(&session, &["CHECK TABLE city, sale", "UPDATE sale SET city = 4 WHERE n = 40"]);
    check(&session, &[(JOINED, "10|OSLO; 20|ROME; 30|ROME; 40|BERN")]);
    run(&session, &["CHECK TABLE city, sale"]);
}

#[test]
fn keys_may_change_places_under_their_references() {
    let session = session(STAR);
    assert_eq!(count(&session, "UPDATE city SET id = 3 - id WHERE id < 3"), "UPDATE 2");
    // A fact has the key that it had, and that is now the other city's.
    check(&session, &[(JOINED, "10|Rome; 20|Oslo; 30|Oslo")]);
    run(&session, &["CHECK TABLE city, sale"]);
    let error = failure(&session, "UPDATE city SET id = id + 1");
    assert!(error.message.contains("(id) = (1) is referenced"), "{}", error.message);
    run(&session, &["DELETE FROM sale WHERE city = 1", "UPDATE city SET id = id + 1"]);
    check(&session, &[("SELECT id, name FROM city ORDER BY id", "2|Rome; 3|Oslo; 4|Bern")]);
    check(&session, &[(JOINED, "20|Rome; 30|Rome")]);
    run(&session, &["CHECK TABLE city, sale"]);
}

#[test]
fn a_row_that_is_deleted_and_inserted_again_keeps_its_references() {
    let session = session(STAR);
    run(
        &session,
        &[
            "BEGIN",
            "DELETE FROM city WHERE id = 2",
            "INSERT INTO city VALUES (2, 'Roma', 'R')",
            "COMMIT",
            "CHECK TABLE city, sale",
        ],
    );
    check(&session, &[(JOINED, "10|Oslo; 20|Roma; 30|Roma")]);
}

#[test]
fn keys_are_judged_by_what_all_changes_leave() {
    let session = session(STAR);
    run(
        &session,
        &[
            "BEGIN",
            "INSERT INTO city VALUES (1, 'Twin', 'T')",
            "UPDATE city SET id = 7 WHERE name = 'Twin'",
            "INSERT INTO sale VALUES (50, 8)",
            "INSERT INTO city VALUES (8, 'Late', 'L')",
            "COMMIT",
            "CHECK TABLE city, sale",
        ],
    );
    check(&session, &[("SELECT name FROM sale, city WHERE n = 50 AND city = id", "Late")]);
    for statements in [
        ["INSERT INTO city VALUES (1, 'Twin', 'T')", "key (id) = (1)"],
        ["INSERT INTO city VALUES (9, 'Twin', 'O')", "key (code) = ('O')"],
        ["UPDATE city SET code = 'O' WHERE id = 2", "key (code) = ('O')"],
        ["INSERT INTO sale VALUES (60, 99)", "(city) = (99)"],
        ["DELETE FROM city WHERE id = 1", "is referenced by table \"sale\""],
    ] {
        let [sql, message] = statements;
        check_failures(&session, &[(sql, message)]);
        run(&session, &["BEGIN", sql]);
        check_failures(&session, &[("COMMIT", message)]);
        assert!(!session.is_in_transaction());
    }
    check(&session, &[("SELECT count(*) FROM city", "5"), ("SELECT count(*) FROM sale", "5")]);
}

#[test]
fn a_refused_deletion_names_a_row_that_is_in_the_way() {
    let session = session(STAR);
    let error = failure(&session, "DELETE FROM city WHERE id = 1");
    assert_eq!(
        error.message,
        "table \"city\": the row with (id) = (1) is referenced by table \"sale\", for example by \
         the row with (city) = (1): change or delete that row first"
    );
    run(&session, &["BEGIN", "DELETE FROM city", "UPDATE sale SET city = NULL", "COMMIT"]);
    check(&session, &[("SELECT count(*), count(city) FROM sale", "4|0")]);
}

#[test]
fn a_table_may_reference_itself() {
    let session = session(&[
        "CREATE TABLE part (id INTEGER PRIMARY KEY, of INTEGER REFERENCES part)",
        "INSERT INTO part VALUES (1, NULL), (2, 1), (3, 2), (4, 4)",
    ]);
    check_failures(&session, &[("DELETE FROM part WHERE id = 2", "(id) = (2) is referenced")]);
    assert_eq!(count(&session, "DELETE FROM part WHERE id IN (2, 3)"), "DELETE 2");
    assert_eq!(count(&session, "DELETE FROM part WHERE id = 4"), "DELETE 1");
    assert_eq!(count(&session, "INSERT INTO part VALUES (6, 5), (5, 6)"), "INSERT 2");
    assert_eq!(count(&session, "UPDATE part SET id = id + 1, of = of + 1"), "UPDATE 3");
    check(&session, &[("SELECT * FROM part ORDER BY id", "2|NULL; 6|7; 7|6")]);
    run(&session, &["CHECK TABLE part"]);
}

#[test]
fn a_key_that_many_rows_have_had_finds_the_one_that_has_it() {
    let session = session(&[
        "CREATE TABLE city (id INTEGER PRIMARY KEY, name VARCHAR)",
        "CREATE TABLE sale (n INTEGER, city INTEGER REFERENCES city)",
    ]);
    // Small commits are merged in memory, with rows that are deleted in them.
    for number in 0..20 {
        run(
            &session,
            &[
                "DELETE FROM city WHERE id = 1",
                &format!("INSERT INTO city VALUES (1, 'name {number}')"),
                "UPDATE city SET id = id + 1",
                "UPDATE city SET id = id - 1",
            ],
        );
        check_failures(&session, &[("INSERT INTO city VALUES (1, 'twin')", "key (id) = (1)")]);
        let sql = "INSERT INTO city VALUES (1, 'x') ON CONFLICT DO NOTHING";
        assert_eq!(count(&session, sql), "INSERT 0");
        run(&session, &["CHECK TABLE city"]);
    }
    run(&session, &["INSERT INTO sale VALUES (1, 1)", "CHECK TABLE city, sale"]);
    check(&session, &[("SELECT name FROM sale, city WHERE city = id", "name 19")]);
}
