//! Cubes as the store knows them: tables of cells, and who keeps them in step with other tables.
//!
//! A part of a cube is a table whose rows are partial sums over rows of other tables. Each commit
//! that changes one of those changes the parts with it, so that every snapshot has cells of exactly
//! the rows that it has. What the cells are, the layer above knows: see [`Maintenance`].

use crate::definition::TableDefinition;
use crate::rows::Deletions;
use crate::schema::{Column, Schema};
use crate::segment::Segment;
use crate::snapshot::{Snapshot, Table};
use arrow::record_batch::RecordBatch;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use starfact_base::{Result, TableId};
use std::fmt;
use std::sync::Arc;

/// What a table of cells is declared to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CubePart {
    /// The name of the cube.
    pub cube: String,
    /// The query that the cube was declared with.
    pub sql: String,
    /// Its place among the parts of the cube.
    pub place: u32,
    /// The query that gives the cells: keys first, then sums of all kinds.
    pub cells: String,
    /// The tables that the query reads.
    pub tables: Vec<TableId>,
    /// What each column is, in the order of their declaration. Parts from before this was noted
    /// have none, and keep several cells with the same keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<CellRole>,
}

/// What a column of cells holds: what the one of several cells with the same keys has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellRole {
    /// The value that all of them have.
    Key,
    /// Their sum.
    Sum,
    /// The least of them.
    Min,
    /// The greatest of them.
    Max,
}

/// What becomes of a part with a commit.
#[derive(Clone, Debug)]
pub struct PartChange {
    /// The table of cells.
    pub table: TableId,
    /// Ids of rows that go: of the cells with some keys all or none, since merges make one of them.
    pub deleted: Vec<u64>,
    /// Cells that come.
    pub added: Vec<RecordBatch>,
}

/// Who knows what the cells of cubes are.
pub trait Maintenance: Send + Sync {
    /// What the commit that leads from one snapshot to another has to change in `parts`, which are
    /// tables of `after` that depend on tables which it changes, or are new.
    ///
    /// # Errors
    /// Cells that cannot be computed: the commit fails.
    fn changes(
        &self,
        before: &Arc<Snapshot>,
        after: &Arc<Snapshot>,
        parts: &[Arc<Table>],
    ) -> Result<Vec<PartChange>>;
}

/// A table of cells to be created.
#[derive(Clone, Debug)]
pub struct PartDefinition {
    /// Its columns and its sort order.
    pub table: TableDefinition,
    /// What it is part of.
    pub part: CubePart,
}

impl Snapshot {
    /// The parts of cubes, by table number: in the order of their declaration.
    pub fn cube_parts(&self) -> impl Iterator<Item = (&Arc<Table>, &CubePart)> {
        self.by_id().values().filter_map(|table| Some((table, table.cube()?)))
    }
}

impl Table {
    /// The cube whose cells it has.
    pub fn cube(&self) -> Option<&CubePart> {
        self.schema.cube.as_ref()
    }

    /// What its columns are, if cells with the same keys can become one when they are written
    /// again: those are neighbours then.
    pub(crate) fn cell_roles(&self) -> Option<&[CellRole]> {
        let roles = self.cube()?.roles.as_slice();
        let columns = self.columns();
        let is_sorted = |(column, role): (&Column, &CellRole)| {
            *role != CellRole::Key || self.sorted_by().contains(&column.id)
        };
        let fits = columns.len() == roles.len() && columns.iter().zip(roles).all(is_sorted);
        fits.then_some(roles)
    }

    /// Whether rows were added or removed since `before`, or its declaration was changed.
    fn differs_from(&self, before: &Self) -> bool {
        self.schema != before.schema
            || self.deletions != before.deletions
            || self.segments.len() != before.segments.len()
    }

    /// The rows of `before` that are not here any more.
    #[must_use]
    pub fn removed_since(&self, before: &Self) -> Self {
        let removed = |segment: &Arc<Segment>| {
            let now = self.deletions.of(segment.id())?;
            let removed = match before.deletions.of(segment.id()) {
                None => now.as_ref().clone(),
                Some(then) => now.as_ref() - then.as_ref(),
            };
            (!removed.is_empty()).then_some(removed)
        };
        let mut deletions = Deletions::default();
        let mut segments = Vec::new();
        for segment in &before.segments {
            if let Some(removed) = removed(segment) {
                let mut others = RoaringBitmap::new();
                others.insert_range(0..segment.row_count() as u32);
                deletions.add(segment.id(), &(others - removed));
                segments.push(Arc::clone(segment));
            }
        }
        before.with_rows(segments, deletions)
    }

    /// The rows that were not there before.
    #[must_use]
    pub fn added_since(&self, before: &Self) -> Self {
        let is_new = |segment: &&Arc<Segment>| {
            before.segments.iter().all(|known| known.id() != segment.id())
        };
        let segments: Vec<_> = self.segments.iter().filter(is_new).cloned().collect();
        self.with_rows(segments, self.deletions.as_ref().clone())
    }

    /// The rows of `before` that are still here.
    #[must_use]
    pub fn kept_since(&self, before: &Self) -> Self {
        before.with_rows(before.segments.clone(), self.deletions.as_ref().clone())
    }

    /// The same table with these segments only, without the deleted rows of them.
    fn with_rows(&self, segments: Vec<Arc<Segment>>, mut deletions: Deletions) -> Self {
        deletions.retain(|id| segments.iter().any(|segment| segment.id() == id));
        let (deletions, deletions_file) = (Arc::new(deletions), None);
        Self { segments, deletions, deletions_file, ..self.clone() }
    }
}

/// The parts that a commit has to change: those that are new, and those that depend on tables which
/// it changes.
pub(crate) fn parts_to_change(before: &Snapshot, after: &Snapshot) -> Vec<Arc<Table>> {
    let is_changed = |id: &TableId| match (before.table_by_id(*id), after.table_by_id(*id)) {
        (Some(before), Some(after)) => !Arc::ptr_eq(before, after) && after.differs_from(before),
        _ => true,
    };
    let parts = after.cube_parts().filter(|(table, part)| {
        before.table_by_id(table.id()).is_none() || part.tables.iter().any(is_changed)
    });
    parts.map(|(table, _)| Arc::clone(table)).collect()
}

/// The part that depends on a table, if there is one.
pub(crate) fn dependent<'a>(
    mut tables: impl Iterator<Item = &'a Schema>,
    table: TableId,
) -> Option<&'a CubePart> {
    tables.find_map(|schema| schema.cube.as_ref().filter(|part| part.tables.contains(&table)))
}

impl fmt::Debug for dyn Maintenance {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Maintenance")
    }
}
