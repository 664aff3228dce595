//! What a table is declared to be, as the manifest keeps it: columns, keys, references, checks and
//! sort order, all by id. A table's rows are described in [`crate::records`].

use crate::cube::CubePart;
use crate::initial::Initial;
use crate::verify::ORDINALS;
use serde::{Deserialize, Serialize};
use starfact_base::{ColumnId, DataType, TableId};
use std::fmt;

/// The number of a key of one table; never reused within the table.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct KeyId(pub u32);

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A column that users see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Its number, which stays when the column is renamed.
    pub id: ColumnId,
    /// Its name, as declared.
    pub name: String,
    /// Its type.
    #[serde(rename = "type")]
    pub data_type: DataType,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// The DEFAULT expression, as SQL text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// The encoding that the user asked for instead of the chosen one, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Whether the user asked for bitmap indexes, or for none; `None` leaves it to the loads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitmap: Option<bool>,
    /// What rows of segments without a file of it have in it; NULL if there is nothing here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Initial>,
}

/// Columns whose values no two rows share: PRIMARY KEY or UNIQUE.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// Its number within the table.
    pub id: KeyId,
    /// The name of the constraint, if it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its columns, in the declared order.
    pub columns: Vec<ColumnId>,
    /// Whether it is the primary key: then none of its columns may be NULL. In another key, rows
    /// with a NULL in any of its columns are outside of it.
    pub primary: bool,
}

/// A reference to a key of a table, which may be the same one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignKey {
    /// The name of the constraint, if it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The referencing columns, in the order of the columns of the key that they reference.
    pub columns: Vec<ColumnId>,
    /// The referenced table.
    pub parent: TableId,
    /// The referenced columns: exactly those of one key of `parent`, in its order.
    pub parent_columns: Vec<ColumnId>,
    /// The hidden BIGINT column of the ordinals of the referenced rows; NULL where any of
    /// `columns` is.
    pub ordinal_column: ColumnId,
}

/// A CHECK constraint. The store keeps it for the layer above, which evaluates it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// The name of the constraint, if it was given one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The condition, as SQL text.
    pub sql: String,
}

/// Everything that is declared of one table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Schema {
    pub(crate) id: TableId,
    pub(crate) name: String,
    pub(crate) columns: Vec<Column>,
    #[serde(default)]
    pub(crate) keys: Vec<Key>,
    #[serde(default)]
    pub(crate) foreign_keys: Vec<ForeignKey>,
    #[serde(default)]
    pub(crate) checks: Vec<Check>,
    /// Visible columns, and hidden ones of foreign keys: rows are in the order of what they
    /// reference then.
    #[serde(default)]
    pub(crate) sorted_by: Vec<ColumnId>,
    /// The number that the next column gets, visible or hidden.
    pub(crate) next_column: ColumnId,
    /// The number that the next key gets.
    pub(crate) next_key: KeyId,
    /// The cube whose cells it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cube: Option<CubePart>,
}

impl Schema {
    pub(crate) fn column(&self, id: ColumnId) -> Option<&Column> {
        self.columns.iter().find(|column| column.id == id)
    }

    pub(crate) fn column_named(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    pub(crate) fn key(&self, id: KeyId) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The key with exactly these columns in this order.
    pub(crate) fn key_on(&self, columns: &[ColumnId]) -> Option<&Key> {
        self.keys.iter().find(|key| key.columns == columns)
    }

    /// The foreign key whose hidden column this is.
    pub(crate) fn reference_in(&self, id: ColumnId) -> Option<&ForeignKey> {
        self.foreign_keys.iter().find(|key| key.ordinal_column == id)
    }

    /// The columns that the sort order was declared with: those of foreign keys for hidden ones.
    pub(crate) fn declared_order(&self) -> Vec<ColumnId> {
        let declared = |id: &ColumnId| match self.reference_in(*id) {
            Some(key) => key.columns.first().copied().unwrap_or(*id),
            None => *id,
        };
        self.sorted_by.iter().map(declared).collect()
    }

    /// The type of each column of the sort order, and whether it has NULLs.
    pub(crate) fn sort_types(&self) -> impl Iterator<Item = (DataType, bool)> {
        self.sorted_by.iter().zip(self.declared_order()).filter_map(|(id, declared)| {
            Some((self.type_of(*id)?, self.column(declared)?.nullable))
        })
    }

    /// Whether rows are in the order of others that they reference.
    pub(crate) fn is_clustered(&self) -> bool {
        self.sorted_by.iter().any(|id| self.column(*id).is_none())
    }

    /// The type that values of a column have, hidden ones included.
    pub(crate) fn type_of(&self, id: ColumnId) -> Option<DataType> {
        match self.column(id) {
            Some(column) => Some(column.data_type),
            None if id == ORDINALS => Some(DataType::BigInt),
            None => self.reference_in(id).map(|_| DataType::BigInt),
        }
    }

    /// Names of columns, comma-separated, for messages.
    pub(crate) fn column_names(&self, ids: &[ColumnId]) -> String {
        let name = |id: &ColumnId| match self.column(*id) {
            Some(column) => column.name.clone(),
            None => format!("column {id}"),
        };
        ids.iter().map(name).collect::<Vec<_>>().join(", ")
    }
}
