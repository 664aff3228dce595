//! What is wrong with a definition is said; what is right becomes numbers.

use super::*;
use crate::definition::{CheckDefinition, ColumnDefinition};
use starfact_base::DataType;

fn table(name: &str, columns: &[(&str, DataType)]) -> TableDefinition {
    let column = |(name, ty): &(&str, DataType)| ColumnDefinition::new(*name, *ty);
    TableDefinition {
        name: name.into(),
        columns: columns.iter().map(column).collect(),
        ..TableDefinition::default()
    }
}

fn key(columns: &[&str]) -> KeyDefinition {
    KeyDefinition { name: None, columns: columns.iter().map(ToString::to_string).collect() }
}

/// `parent (a INTEGER, b SMALLINT, c VARCHAR UNIQUE, PRIMARY KEY (a, b))`
fn parent() -> Schema {
    let columns = [("a", DataType::Integer), ("b", DataType::SmallInt), ("c", DataType::Varchar)];
    let definition = TableDefinition {
        primary_key: Some(key(&["a", "b"])),
        unique: vec![key(&["c"])],
        ..table("parent", &columns)
    };
    declare(&definition, TableId(1), [].into_iter()).unwrap()
}

/// `child (x BIGINT, y BIGINT, z VARCHAR)`
fn child() -> TableDefinition {
    let columns = [("x", DataType::BigInt), ("y", DataType::BigInt), ("z", DataType::Varchar)];
    table("child", &columns)
}

fn foreign_key(columns: &[&str], parent_columns: &[&str]) -> ForeignKeyDefinition {
    ForeignKeyDefinition {
        name: None,
        columns: columns.iter().map(ToString::to_string).collect(),
        parent: "parent".into(),
        parent_columns: parent_columns.iter().map(ToString::to_string).collect(),
    }
}

fn declare_child(definition: &TableDefinition) -> Result<Schema> {
    let parent = parent();
    declare(definition, TableId(2), [&parent].into_iter())
}

fn message(definition: &TableDefinition) -> String {
    declare_child(definition).unwrap_err().to_string()
}

#[test]
fn columns_and_keys_get_numbers_and_primary_keys_exclude_null() {
    let schema = parent();
    let ids: Vec<u32> = schema.columns.iter().map(|column| column.id.0).collect();
    assert_eq!(ids, [1, 2, 3]);
    let nullable: Vec<bool> = schema.columns.iter().map(|column| column.nullable).collect();
    assert_eq!(nullable, [false, false, true]);
    assert_eq!(schema.keys.iter().map(|key| key.id.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(schema.next_column, ColumnId(4));
}

#[test]
fn a_reference_is_put_in_the_order_of_the_key() {
    let definition = TableDefinition {
        foreign_keys: vec![foreign_key(&["y", "x"], &["b", "a"]), foreign_key(&["z"], &["c"])],
        sorted_by: vec!["z".into(), "x".into()],
        ..child()
    };
    let schema = declare_child(&definition).unwrap();
    let [first, second] = schema.foreign_keys.as_slice() else { panic!("two references") };
    assert_eq!(first.columns, [ColumnId(1), ColumnId(2)]);
    assert_eq!(first.parent_columns, [ColumnId(1), ColumnId(2)]);
    assert_eq!((first.ordinal_column, second.ordinal_column), (ColumnId(4), ColumnId(5)));
    assert_eq!(schema.declared_order(), [ColumnId(3), ColumnId(1)]);
    // Rows are in the order of those that column 3 alone references.
    assert_eq!(schema.sorted_by, [ColumnId(5), ColumnId(1)]);
    let primary = TableDefinition { foreign_keys: vec![foreign_key(&["x", "y"], &[])], ..child() };
    assert_eq!(declare_child(&primary).unwrap().foreign_keys[0].columns, first.columns);
}

#[test]
fn wrong_columns_are_named() {
    let definition = table("t", &[]);
    assert_eq!(message(&definition), "table \"t\" needs at least one column");
    let definition = table("t", &[("a", DataType::Date), ("A", DataType::Date)]);
    assert_eq!(message(&definition), "column \"A\" occurs twice in table \"t\"");
    let definition = table("t", &[("a", DataType::Decimal { precision: 4, scale: 5 })]);
    assert!(message(&definition).contains("cannot be DECIMAL(4,5)"));
    let definition = table("t", &[("", DataType::Date)]);
    assert_eq!(message(&definition), "the name of a column must not be empty");
    let definition = table(&"t".repeat(256), &[("a", DataType::Date)]);
    assert!(message(&definition).contains("over the limit of 255 bytes"));
    assert_eq!(message(&table("Parent", &[])), "table \"parent\" exists already");
    let mut definition = child();
    definition.columns[0].encoding = Some("magic".into());
    assert_eq!(
        message(&definition),
        "column \"x\" of table \"child\" cannot be encoded as magic: the encodings are constant, \
         plain, bit-packed, run-length, dictionary, fsst, zstd, patched, delta, scaled, sparse, alp, sliced"
    );
}

#[test]
fn wrong_keys_and_orders_are_named() {
    let definition = TableDefinition { primary_key: Some(key(&["q"])), ..child() };
    assert_eq!(message(&definition), "PRIMARY KEY of table \"child\": there is no column \"q\"");
    let definition = TableDefinition { unique: vec![key(&["x", "x"])], ..child() };
    assert_eq!(message(&definition), "UNIQUE of table \"child\": column \"x\" occurs twice");
    let definition = TableDefinition { unique: vec![key(&["x"]), key(&["x"])], ..child() };
    assert_eq!(message(&definition), "table \"child\" has two keys on (x)");
    let definition = TableDefinition { sorted_by: vec!["q".into()], ..child() };
    assert_eq!(message(&definition), "SORTED BY of table \"child\": there is no column \"q\"");
    let check = CheckDefinition { name: Some("c".into()), sql: "x > 0".into() };
    let definition = TableDefinition { checks: vec![check.clone(), check], ..child() };
    assert_eq!(message(&definition), "constraint \"c\" occurs twice in table \"child\"");
}

#[test]
fn wrong_references_are_named() {
    let with = |foreign_key| TableDefinition { foreign_keys: vec![foreign_key], ..child() };
    let mut missing = foreign_key(&["x"], &[]);
    missing.parent = "nobody".into();
    assert!(message(&with(missing)).contains("\"nobody\", which does not exist: create it first"));
    assert!(message(&with(foreign_key(&["x"], &["a"]))).contains("no PRIMARY KEY or UNIQUE key"));
    let text = message(&with(foreign_key(&["x"], &[])));
    assert!(text.contains("(x) of table \"child\" has 1 columns"), "{text}");
    let text = message(&with(foreign_key(&["x", "z"], &[])));
    assert!(text.contains("column \"z\" is VARCHAR, and column \"b\" of table"), "{text}");
    assert!(message(&with(foreign_key(&[], &[]))).contains("needs at least one column"));
}
