//! The cubes of a benchmark.

use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::report::{CubesReport, rounded};
use crate::workload::Workload;
use std::time::Instant;

/// Creates the cubes that are not there yet.
pub(crate) fn create<W: Workload>(engine: &Engine<'_>) -> Result<CubesReport> {
    let start = Instant::now();
    let mut created = 0;
    for sql in W::CUBES.split_inclusive(';').filter(|sql| sql.contains("CREATE CUBE")) {
        let sql = sql.replacen("CREATE CUBE", "CREATE CUBE IF NOT EXISTS", 1);
        let before = engine.count("counting cubes", "SELECT count(*) FROM sys.cubes")?;
        engine.execute("creating a cube", &sql)?;
        created += engine.count("counting cubes", "SELECT count(*) FROM sys.cubes")? - before;
    }
    let seconds = (created > 0).then(|| rounded(start.elapsed().as_secs_f64()));
    let sum = |column: &str| {
        let sql = format!("SELECT CAST(sum({column}) AS BIGINT) FROM sys.cubes");
        engine.count("looking at the cubes", &sql)
    };
    Ok(CubesReport { created, seconds, cells: sum("cells")?, bytes: sum("bytes")? })
}

/// Refuses a benchmark without cubes.
pub(crate) fn check<W: Workload>() -> Result<()> {
    match W::CUBES.is_empty() {
        true => {
            Err(Error::InvalidInput(format!("{} has no cubes: --cubes goes with ssb", W::NAME)))
        }
        false => Ok(()),
    }
}
