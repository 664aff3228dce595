//! The cells of a cube beside those of a new build.

use super::cells::Cells;
use crate::error::{Error, ErrorKind, Result};
use crate::plan_cache::bind_places;
use crate::scan::StarfactTable;
use crate::warehouse::Inner;
use datafusion::datasource::provider_as_source;
use starfact_store::{Snapshot, Table};
use std::sync::Arc;

/// Compares the cells of a part with those that its rows give; how many there are.
///
/// # Errors
/// [`ErrorKind::Corrupt`] names a cell that is wrong.
pub(crate) fn check(
    inner: &Arc<Inner>,
    snapshot: &Arc<Snapshot>,
    table: &Arc<Table>,
) -> Result<u64> {
    let Some(declared) = table.cube() else { return Ok(0) };
    let part = inner.cubes.part(inner, snapshot, table, declared)?;
    let plan = bind_places(part.plan.clone(), |_, id, _| {
        let table = Arc::clone(snapshot.table_by_id(id)?);
        let provider = StarfactTable::of_epoch(table, snapshot.epoch());
        Some((provider_as_source(Arc::new(provider)), Vec::new()))
    })?;
    let mut expected = Cells::new(&part)?;
    let mut found = expected.beside();
    expected.add(&inner.cubes.rows(inner, snapshot, &plan)?, 1)?;
    expected.settle();
    found.add(&inner.cubes.stored(inner, snapshot, table)?, 1)?;
    found.settle();
    let Some(key) = expected.difference(&found) else { return Ok(found.len() as u64) };
    let message = format!(
        "cube \"{}\": cell {} does not follow from the rows, which give {}",
        declared.cube,
        found.shown(&key)?,
        expected.shown(&key)?
    );
    Err(Error::new(ErrorKind::Corrupt, message).with_hint(format!(
        "DROP CUBE {0} and create it again; SET starfact.use_cubes = off answers without it",
        declared.cube
    )))
}
