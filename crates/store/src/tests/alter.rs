//! What is declared of a table changes, and its rows stay what they are.

use super::support::*;
use crate::{
    CheckDefinition, KeyDefinition, OpenMode, Store, TableChange, TableDefinition, envelope,
    manifest, paths,
};
use arrow::array::{ArrayRef, Date32Array, Int16Array, Int64Array, TimestampMicrosecondArray};
use serde_json::Value;
use starfact_base::{ColumnId, DataType, Error, Result, Scalar};
use starfact_vfs::{Dir, MemDir};
use std::sync::Arc;

fn try_alter(store: &Store, table: &str, changes: &[TableChange]) -> Result<()> {
    let mut transaction = store.begin()?;
    let id = transaction.snapshot().unwrap().table(table).unwrap().id();
    changes.iter().try_for_each(|change| transaction.alter_table(id, change))?;
    transaction.commit().map(|_| ())
}

fn alter(store: &Store, table: &str, changes: &[TableChange]) {
    try_alter(store, table, changes).unwrap();
}

fn id(store: &Store, name: &str, column: &str) -> ColumnId {
    table(store, name).column_named(column).unwrap().id
}

fn add(name: &str, data_type: DataType, initial: Option<Scalar>) -> TableChange {
    TableChange::AddColumn { column: column(name, data_type), initial }
}

fn add_not_null(name: &str, data_type: DataType, initial: Option<Scalar>) -> TableChange {
    TableChange::AddColumn { column: column(name, data_type).not_null(), initial }
}

fn text(text: &str) -> Option<Scalar> {
    Some(Scalar::String(text.into()))
}

fn smalls(values: impl IntoIterator<Item = i16>) -> ArrayRef {
    Arc::new(Int16Array::from_iter_values(values))
}

/// `t (a INTEGER, b SMALLINT)`
fn plain(store: &Store) {
    let columns = vec![column("a", DataType::Integer), column("b", DataType::SmallInt)];
    create(store, &TableDefinition { name: "t".into(), columns, ..TableDefinition::default() });
}

fn refused(store: &Store, table: &str, change: TableChange) -> String {
    let before = store.snapshot().unwrap();
    let error = try_alter(store, table, &[change]).unwrap_err();
    let is_refusal =
        matches!(error, Error::InvalidInput(_) | Error::Constraint(_) | Error::Limit { .. });
    assert!(is_refusal, "{error:?}");
    assert_eq!(store.snapshot().unwrap().version(), before.version());
    error.to_string()
}

#[test]
fn rows_have_what_they_had_and_what_was_added() {
    let dir = MemDir::new();
    let mut store = open(&dir);
    plain(&store);
    insert(&store, "t", vec![batch(vec![ints([1, 2]), smalls([3, 4])])]).unwrap();
    let files_before = files(&dir, "tables");
    let b = id(&store, "t", "b");
    let decimal = DataType::Decimal { precision: 8, scale: 2 };
    let changes = [
        add_not_null("c", DataType::Varchar, text("new")),
        add("d", DataType::Integer, None),
        TableChange::SetType { column: b, data_type: DataType::BigInt },
        TableChange::RenameColumn { column: b, name: "e".into() },
        add("f", DataType::SmallInt, Some(Scalar::Integer(-7))),
    ];
    alter(&store, "t", &changes);
    assert_eq!(files(&dir, "tables"), files_before, "nothing is rewritten");
    let f = id(&store, "t", "f");
    alter(&store, "t", &[TableChange::SetType { column: f, data_type: decimal }]);
    let long = |values: [i64; 1]| -> ArrayRef { Arc::new(Int64Array::from(values.to_vec())) };
    for _ in 0..2 {
        drop(store);
        store = open(&dir);
        assert_eq!(read(&store, "t", "a")[..2], ["1", "2"]);
        assert_eq!(read(&store, "t", "e")[..2], ["3", "4"]);
        assert_eq!(read(&store, "t", "c")[..2], ["new", "new"]);
        assert_eq!(read(&store, "t", "d")[..2], ["NULL", "NULL"]);
        assert_eq!(read(&store, "t", "f")[..2], ["-7.00", "-7.00"]);
        assert_sound(&store);
        let cents = arrow::array::Decimal128Array::from(vec![125]);
        let cents: ArrayRef = Arc::new(cents.with_precision_and_scale(8, 2).unwrap());
        let rows = vec![ints([9]), long([1 << 40]), texts(["x"]), ints([5]), cents];
        insert(&store, "t", vec![batch(rows)]).unwrap();
    }
    assert_eq!(read(&store, "t", "e")[2..], ["1099511627776", "1099511627776"]);
    assert_eq!(read(&store, "t", "f")[2..], ["1.25", "1.25"]);
}

#[test]
fn a_column_of_the_name_of_a_dropped_one_is_another() {
    let dir = MemDir::new();
    let store = open(&dir);
    plain(&store);
    insert(&store, "t", vec![batch(vec![ints([1]), smalls([3])])]).unwrap();
    let before = id(&store, "t", "b");
    let changes = [TableChange::DropColumn(before), add("b", DataType::SmallInt, None)];
    alter(&store, "t", &changes);
    assert_ne!(id(&store, "t", "b"), before);
    assert_eq!(read(&store, "t", "b"), ["NULL"]);
    assert_eq!(unnamed_files(&store, &dir), [] as [String; 0]);
    drop(store);
    let store = open(&dir);
    assert_eq!(read(&store, "t", "b"), ["NULL"]);
    assert_sound(&store);
}

#[test]
fn segments_that_are_rewritten_have_the_columns_of_today() {
    let dir = MemDir::new();
    let store = open(&dir);
    plain(&store);
    for number in 0..40 {
        let rows = batch(vec![ints([number]), smalls([number as i16])]);
        insert(&store, "t", vec![rows]).unwrap();
    }
    let (a, b) = (id(&store, "t", "a"), id(&store, "t", "b"));
    let changes = [
        TableChange::DropColumn(a),
        add("c", DataType::Varchar, text("old")),
        TableChange::SetType { column: b, data_type: DataType::BigInt },
        add("late", DataType::Integer, Some(Scalar::Integer(6))),
    ];
    alter(&store, "t", &changes);
    let version = |store: &Store| header_version(&dir, store);
    assert_eq!(version(&store), 3);
    for number in 40..63_i64 {
        let columns: Vec<ArrayRef> =
            vec![Arc::new(Int64Array::from(vec![number])), texts(["new"]), ints([7])];
        insert(&store, "t", vec![batch(columns)]).unwrap();
    }
    assert_eq!(table(&store, "t").segments().len(), 63);
    let last = id(&store, "t", "late");
    alter(&store, "t", &[TableChange::DropColumn(last), add("z", DataType::Real, None)]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![63])),
        texts(["new"]),
        Arc::new(arrow::array::Float32Array::from(vec![0.5])),
    ];
    insert(&store, "t", vec![batch(columns)]).unwrap();
    let after = table(&store, "t");
    assert_eq!(after.segments().len(), 1);
    let files: Vec<(ColumnId, DataType)> = after.segments()[0]
        .record()
        .files
        .iter()
        .map(|file| (file.column, file.data_type))
        .collect();
    let (c, z) = (id(&store, "t", "c"), id(&store, "t", "z"));
    assert_eq!(files, [(b, DataType::BigInt), (c, DataType::Varchar), (z, DataType::Real)]);
    let expected: Vec<String> = (0..64).map(|number| number.to_string()).collect();
    assert_eq!(read(&store, "t", "b"), expected);
    assert_eq!(read(&store, "t", "c"), [vec!["old"; 40], vec!["new"; 24]].concat());
    assert_eq!(read(&store, "t", "z"), [vec!["NULL"; 63], vec!["0.5"]].concat());
    assert_sound(&store);
    // Nothing is left that an older build would misread.
    assert_eq!(version(&store), 1);
}

/// The version that the newest manifest says it has.
fn header_version(dir: &MemDir, store: &Store) -> u32 {
    let path = paths::manifest(store.snapshot().unwrap().version());
    let bytes = dir.read(&path).unwrap();
    let line = String::from_utf8_lossy(&bytes).lines().next().unwrap().to_owned();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn manifests_say_a_version_that_keeps_older_builds_from_misreading() {
    let change = |changes: &[TableChange], is_filled: bool| {
        let dir = MemDir::new();
        let store = open(&dir);
        plain(&store);
        if is_filled {
            insert(&store, "t", vec![batch(vec![ints([1]), smalls([3])])]).unwrap();
        }
        alter(&store, "t", changes);
        header_version(&dir, &store)
    };
    let number = Some(Scalar::Integer(1));
    let wider = TableChange::SetType { column: ColumnId(2), data_type: DataType::BigInt };
    assert_eq!(change(&[add("c", DataType::Integer, None)], true), 1);
    assert_eq!(change(&[add("c", DataType::Integer, number.clone())], true), 3);
    assert_eq!(change(&[add("c", DataType::Integer, number)], false), 1);
    assert_eq!(change(std::slice::from_ref(&wider), true), 3);
    assert_eq!(change(&[wider, TableChange::DropColumn(ColumnId(2))], true), 1);
    assert_eq!(change(&[TableChange::RenameTable("other".into())], true), 1);
}

#[test]
fn a_change_that_cannot_be_says_why_and_changes_nothing() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    let mut definition = fact("fact");
    definition.columns.push(column("n", DataType::Integer));
    definition.unique =
        vec![KeyDefinition { name: Some("pair".into()), columns: strings(&["n", "id"]) }];
    definition.checks = vec![CheckDefinition { name: Some("c1".into()), sql: "n > 0".into() }];
    create(&store, &definition);
    insert(&store, "dim", vec![dimension_rows([1])]).unwrap();
    let rows =
        batch(vec![ints([1, 2]), nullable_ints([Some(1), None]), ints([5, 5]), ints([7, 8])]);
    insert(&store, "fact", vec![rows]).unwrap();
    let column_id = |name: &str| id(&store, "fact", name);
    let drop = |name: &str| TableChange::DropColumn(column_id(name));
    let rename = |name: &str, to: &str| TableChange::RenameColumn {
        column: column_id(name),
        name: to.into(),
    };
    let retype =
        |name: &str, data_type| TableChange::SetType { column: column_id(name), data_type };
    let nullable =
        |name: &str, nullable| TableChange::SetNullable { column: column_id(name), nullable };
    let check = |name: Option<&str>| {
        TableChange::AddCheck(CheckDefinition { name: name.map(Into::into), sql: "true".into() })
    };
    let cents = DataType::Decimal { precision: 18, scale: 2 };
    for (change, expected) in [
        (drop("id"), "cannot drop column \"id\" of table \"fact\": it is in PRIMARY KEY (id)"),
        (drop("n"), "it is in UNIQUE \"pair\" (n, id)"),
        (drop("dim"), "it is in FOREIGN KEY (dim)"),
        (drop("day"), "the table is SORTED BY (day)"),
        (rename("n", "DAY"), "table \"fact\" has a column \"day\" already"),
        (rename("n", ""), "the name of a column must not be empty"),
        (rename("n", &"x".repeat(256)), "256 bytes"),
        (add("Day", DataType::Integer, None), "table \"fact\" has a column \"day\" already"),
        (add("x", DataType::Decimal { precision: 3, scale: 4 }, None), "a scale of at most"),
        (add("x", DataType::SmallInt, Some(Scalar::Integer(70_000))), "is no SMALLINT"),
        (add("x", DataType::Integer, text("1")), "is no INTEGER"),
        (
            add_not_null("x", DataType::Integer, None),
            "column \"x\" would be NULL in the rows that table \"fact\" has",
        ),
        (TableChange::RenameTable("DIM".into()), "table \"dim\" exists already"),
        (TableChange::RenameTable(String::new()), "must not be empty"),
        (retype("dim", cents), "compares it with column \"id\" of table \"dim\", which is INTEGER"),
        (
            retype("day", DataType::SmallInt),
            "cannot make column \"day\" of table \"fact\" SMALLINT: it is INTEGER, which has",
        ),
        (retype("day", DataType::Varchar), "it is INTEGER, which has values that VARCHAR"),
        (nullable("id", true), "is in PRIMARY KEY (id), which allows no NULL"),
        (nullable("dim", false), "column \"dim\" is NULL in row 2"),
        (check(Some("C1")), "constraint \"C1\" occurs twice"),
        (check(Some("pair")), "constraint \"pair\" occurs twice"),
    ] {
        let message = refused(&store, "fact", change);
        assert!(message.contains(expected), "{message}\n  expected {expected}");
    }
    let message = {
        plain(&store);
        let a = id(&store, "t", "a");
        alter(&store, "t", &[TableChange::DropColumn(a)]);
        refused(&store, "t", TableChange::DropColumn(id(&store, "t", "b")))
    };
    assert!(message.contains("it is the only one"), "{message}");
    let key = id(&store, "dim", "id");
    let message = refused(&store, "dim", TableChange::SetType { column: key, data_type: cents });
    let expected = "compares it with column \"dim\" of table \"fact\", which is INTEGER: the two";
    assert!(message.contains(expected), "{message}");
}

#[test]
fn a_change_that_fails_leaves_the_transaction_as_it_was() {
    let store = open(&MemDir::new());
    plain(&store);
    let mut transaction = store.begin().unwrap();
    let table = transaction.snapshot().unwrap().table("t").unwrap().id();
    transaction.alter_table(table, &add("c", DataType::Date, None)).unwrap();
    let taken = add("C", DataType::Date, None);
    assert!(transaction.alter_table(table, &taken).is_err());
    assert_eq!(transaction.snapshot().unwrap().table("t").unwrap().columns().len(), 3);
    assert_eq!(store.snapshot().unwrap().table("t").unwrap().columns().len(), 2);
    transaction.commit().unwrap();
    assert_eq!(store.snapshot().unwrap().table("t").unwrap().columns().len(), 3);
}

#[test]
fn the_first_null_is_found_where_a_column_came_later_too() {
    let store = open(&MemDir::new());
    plain(&store);
    insert(&store, "t", vec![batch(vec![ints([1, 2]), smalls([3, 4])])]).unwrap();
    alter(&store, "t", &[add("c", DataType::Integer, None)]);
    alter(&store, "t", &[add("d", DataType::Integer, Some(Scalar::Integer(4)))]);
    let not_null =
        |name| TableChange::SetNullable { column: id(&store, "t", name), nullable: false };
    assert!(refused(&store, "t", not_null("c")).contains("\"c\" is NULL in row 1,"));
    alter(&store, "t", &[not_null("d")]);
    let rows = vec![ints([5]), smalls([6]), ints([7]), nullable_ints([None])];
    assert!(insert(&store, "t", vec![batch(rows)]).is_err());
    let rows = |a| batch(vec![nullable_ints(a), smalls([6, 6]), ints([7, 7]), ints([8, 8])]);
    insert(&store, "t", vec![rows([Some(1), None])]).unwrap();
    assert!(refused(&store, "t", not_null("a")).contains("\"a\" is NULL in row 4,"));
    alter(&store, "t", &[not_null("b")]);
    assert_sound(&store);
}

#[test]
fn loads_go_on_sorted_after_the_sort_column_has_become_wider() {
    let dir = MemDir::new();
    let store = open(&dir);
    let definition = TableDefinition {
        name: "log".into(),
        columns: vec![column("day", DataType::Date)],
        sorted_by: strings(&["day"]),
        ..TableDefinition::default()
    };
    create(&store, &definition);
    let days: ArrayRef = Arc::new(Date32Array::from(vec![3, 1]));
    insert(&store, "log", vec![batch(vec![days])]).unwrap();
    let day = id(&store, "log", "day");
    alter(&store, "log", &[TableChange::SetType { column: day, data_type: DataType::Timestamp }]);
    assert!(table(&store, "log").is_sorted());
    let moment = |micros: i64| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(vec![Some(micros), None]))
    };
    let fourth = 3 * 86_400_000_000;
    insert(&store, "log", vec![batch(vec![moment(fourth)])]).unwrap();
    assert!(table(&store, "log").is_sorted());
    assert_eq!(read(&store, "log", "day"), ["86400000000", "259200000000", "259200000000", "NULL"]);
    assert_sound(&store);
    insert(&store, "log", vec![batch(vec![moment(fourth - 1)])]).unwrap();
    assert!(!table(&store, "log").is_sorted());
    assert_sound(&store);
}

#[test]
fn dates_without_timestamp_stay_dates() {
    let store = open(&MemDir::new());
    let definition = TableDefinition {
        name: "far".into(),
        columns: vec![column("day", DataType::Date)],
        ..TableDefinition::default()
    };
    create(&store, &definition);
    let days: ArrayRef = Arc::new(Date32Array::from(vec![0, 200_000_000]));
    insert(&store, "far", vec![batch(vec![days])]).unwrap();
    let change = TableChange::SetType { column: ColumnId(1), data_type: DataType::Timestamp };
    assert!(refused(&store, "far", change).contains("dates that are too far away"));
}

#[test]
fn a_reader_keeps_what_it_has_and_then_sees_the_change() {
    let dir = MemDir::new();
    let store = open(&dir);
    plain(&store);
    insert(&store, "t", vec![batch(vec![ints([1]), smalls([3])])]).unwrap();
    let reader = Store::open(Arc::new(dir.clone()), OpenMode::ReadOnly).unwrap();
    let before = reader.snapshot().unwrap();
    let change = add("c", DataType::Varchar, text("x"));
    alter(&store, "t", &[change, TableChange::RenameTable("u".into())]);
    assert!(before.table("u").is_none());
    assert_eq!(named(&before, "t", "b"), ["3"]);
    assert_eq!(before.table("t").unwrap().columns().len(), 2);
    let after = reader.snapshot().unwrap();
    assert!(after.table("t").is_none());
    assert_eq!(named(&after, "u", "c"), ["x"]);
}

#[test]
fn keys_and_references_work_in_a_table_that_changed() {
    let store = open(&MemDir::new());
    create(&store, &dimension("dim"));
    create(&store, &fact("fact"));
    insert(&store, "dim", vec![dimension_rows([1, 2])]).unwrap();
    insert(&store, "fact", vec![batch(vec![ints([1]), ints([2]), ints([5])])]).unwrap();
    let (name, dim) = (id(&store, "dim", "name"), id(&store, "fact", "dim"));
    alter(
        &store,
        "dim",
        &[
            TableChange::DropColumn(name),
            TableChange::RenameColumn { column: id(&store, "dim", "id"), name: "key".into() },
            TableChange::RenameTable("other".into()),
        ],
    );
    let changes = [
        add("more", DataType::Integer, None),
        TableChange::SetNullable { column: dim, nullable: false },
    ];
    alter(&store, "fact", &changes);
    let row = |id, dim| batch(vec![ints([id]), ints([dim]), ints([6]), ints([0])]);
    let error = insert(&store, "fact", vec![row(2, 3)]).unwrap_err().to_string();
    assert!(error.contains("references no row of table \"other\" (key)"), "{error}");
    insert(&store, "other", vec![batch(vec![ints([3])])]).unwrap();
    insert(&store, "fact", vec![row(2, 3)]).unwrap();
    assert!(insert(&store, "fact", vec![row(2, 3)]).is_err());
    let fact = table(&store, "fact");
    assert_eq!(values(&fact, fact.foreign_keys()[0].ordinal_column), ["1", "2"]);
    assert_sound(&store);
}

/// Rewrites the newest manifest as JSON, and opens the warehouse.
fn open_forged(change: impl Fn(&mut Value)) -> Result<()> {
    let dir = MemDir::new();
    let store = open(&dir);
    plain(&store);
    insert(&store, "t", vec![batch(vec![ints([1]), smalls([3])])]).unwrap();
    let wider = TableChange::SetType { column: ColumnId(2), data_type: DataType::BigInt };
    alter(&store, "t", &[add_not_null("c", DataType::Double, Some(Scalar::Float(0.5))), wider]);
    drop(store);
    let version = manifest::read_current(&dir).unwrap().unwrap();
    let path = paths::manifest(version);
    let bytes = dir.read(&path).unwrap();
    let payload = envelope::unseal("starfact-manifest", &path, &bytes).unwrap();
    let mut json: Value = serde_json::from_slice(payload).unwrap();
    change(&mut json);
    let payload = serde_json::to_vec(&json).unwrap();
    dir.remove_file(&path).unwrap();
    let mut file = dir.create(&path).unwrap();
    file.write(&envelope::seal("starfact-manifest", 3, &payload)).unwrap();
    file.finish().unwrap();
    try_open(&dir).map(|_| ())
}

#[test]
fn a_manifest_that_contradicts_itself_is_damaged() {
    open_forged(|_| ()).unwrap();
    let schema = "/tables/0/schema";
    for (pointer, value, what) in [
        ("columns/2/initial", r#"{"integer":1}"#, "initial value of a column"),
        ("columns/2/initial", r#"{"float":"1"}"#, "document"),
        ("columns/2/initial", "null", "file of a column without NULL"),
        ("columns/1/type", "\"real\"", "file's type"),
        ("columns/1/type", r#"{"decimal":{"precision":4,"scale":0}}"#, "file's type"),
    ] {
        let error = open_forged(|json| {
            let pointer = format!("{schema}/{pointer}");
            *json.pointer_mut(&pointer).unwrap() = serde_json::from_str(value).unwrap();
            json["tables"][0]["schema"]["next_key"] = 2.into();
        });
        let error = error.unwrap_err();
        assert!(error.is_corrupt() && error.to_string().contains(what), "{value}: {error}");
    }
}
