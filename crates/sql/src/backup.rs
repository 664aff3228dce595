//! A backup of a warehouse into a directory that this makes, or finds empty.

use crate::error::{Error, ErrorKind, Result};
use crate::statement::Context;
use starfact_store::{BackupMode, BackupReport};
use starfact_vfs::{Dir, OsDir};
use std::path::Path;
use std::sync::Arc;

/// Copies what the newest epoch consists of; after an error the directory is as it was.
pub(crate) fn backup(context: &Context, to: &Path, mode: BackupMode) -> Result<BackupReport> {
    let is_new = !to.exists();
    let copied = copy(context, to, mode);
    if copied.is_err() && is_new {
        // Removes it only if it is empty, as it is unless somebody else has put something there.
        let _ = std::fs::remove_dir(to);
    }
    context.check_cancelled()?;
    copied.map_err(|mut error| {
        let what = format!("cannot back up to {}", to.display());
        if error.kind == ErrorKind::Sql {
            error.kind = ErrorKind::CannotOpen;
        }
        error.message = format!("{what}: {}", error.message);
        error
    })
}

fn copy(context: &Context, to: &Path, mode: BackupMode) -> Result<BackupReport> {
    let directory: Arc<dyn Dir> = Arc::new(OsDir::create(to)?);
    let is_within = match (to.canonicalize(), context.inner.path.canonicalize()) {
        (Ok(to), Ok(from)) => to.starts_with(from),
        _ => false,
    };
    if is_within {
        return Err(Error::sql("the directory is within the warehouse")
            .with_hint("name one that is outside of it"));
    }
    let (progress, cancel) = (&context.progress, &context.cancel);
    let proceed = |bytes: u64| {
        progress.read_bytes(bytes);
        match cancel.is_cancelled() {
            true => Err(starfact_base::Error::invalid("cancelled")),
            false => Ok(()),
        }
    };
    let how = (mode, context.settings.threads);
    Ok(context.inner.store.backup(&directory, how, &proceed)?)
}
