//! What CREATE TABLE asks for: names, before they have numbers. `declare` turns it into a schema.

use starfact_base::DataType;

/// A table to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableDefinition {
    /// Its name, which must differ from all others in more than case.
    pub name: String,
    /// Its columns, at least one.
    pub columns: Vec<ColumnDefinition>,
    /// Its primary key, whose columns become NOT NULL.
    pub primary_key: Option<KeyDefinition>,
    /// Its other keys.
    pub unique: Vec<KeyDefinition>,
    /// Its references to keys of tables that exist, or of itself.
    pub foreign_keys: Vec<ForeignKeyDefinition>,
    /// Its CHECK constraints.
    pub checks: Vec<CheckDefinition>,
    /// The columns that bulk loads sort by, ascending with NULLs last; none for the input's order.
    pub sorted_by: Vec<String>,
}

/// A column to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Its name, which must differ from the table's others in more than case.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// The DEFAULT expression, as SQL text.
    pub default: Option<String>,
    /// The encoding to use instead of the chosen one: a name of
    /// [`starfact_encoding::EncodingName`].
    pub encoding: Option<String>,
    /// Whether blocks get bitmap indexes; `None` leaves it to the loads.
    pub bitmap: Option<bool>,
}

impl ColumnDefinition {
    /// A column that may hold NULL, without default or chosen encoding.
    pub fn new(name: impl Into<String>, data_type: DataType) -> Self {
        let (default, encoding, bitmap) = (None, None, None);
        Self { name: name.into(), data_type, nullable: true, default, encoding, bitmap }
    }

    /// The same column without NULLs.
    #[must_use]
    pub fn not_null(mut self) -> Self {
        self.nullable = false;
        self
    }
}

/// A PRIMARY KEY or UNIQUE constraint to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyDefinition {
    /// The name of the constraint, if any.
    pub name: Option<String>,
    /// The names of its columns.
    pub columns: Vec<String>,
}

/// A FOREIGN KEY constraint to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ForeignKeyDefinition {
    /// The name of the constraint, if any.
    pub name: Option<String>,
    /// The names of the referencing columns.
    pub columns: Vec<String>,
    /// The name of the referenced table, which may be the table itself.
    pub parent: String,
    /// The names of the referenced columns; none for the primary key.
    pub parent_columns: Vec<String>,
}

/// A CHECK constraint to be created.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CheckDefinition {
    /// The name of the constraint, if any.
    pub name: Option<String>,
    /// The condition, as SQL text.
    pub sql: String,
}
