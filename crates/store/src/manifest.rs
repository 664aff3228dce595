//! Reads and writes CURRENT and manifests.
//!
//! A manifest is one JSON document, the [`Catalog`], written once. CURRENT names the manifest that
//! counts; replacing CURRENT is the moment of a commit. Unknown JSON fields are ignored, so that a
//! newer Starfact may add some that older ones can do without; what they cannot do without raises
//! the version in the header line.

use crate::envelope::{
    CLUSTERED_VERSION, DICTIONARIES_VERSION, FIRST_VERSION, KEY_LISTS_VERSION, MANIFEST_VERSION,
    ROWS_VERSION,
};
use crate::records::{Catalog, FileRecord, OrdinalsRecord, SegmentRecord, TableRecord};
use crate::{envelope, paths, verify};
use starfact_base::{Corruption, DataType, Error, Result, Version};
use starfact_vfs::Dir;

const CURRENT_KIND: &str = "starfact-current";
const MANIFEST_KIND: &str = "starfact-manifest";

/// The version that CURRENT names; `None` if there is no CURRENT.
pub(crate) fn read_current(dir: &dyn Dir) -> Result<Option<Version>> {
    let bytes = match dir.read(paths::CURRENT) {
        Err(error) if is_missing(&error) => return Ok(None),
        bytes => bytes?,
    };
    let payload = envelope::unseal(CURRENT_KIND, paths::CURRENT, &bytes)?;
    let name = String::from_utf8_lossy(payload);
    match name.strip_suffix('\n').and_then(paths::manifest_version) {
        Some(version) => Ok(Some(version)),
        None => {
            let found = name.escape_debug();
            let damage = Corruption::new(0, "name", "the name of a manifest", found);
            Err(damage.in_file(paths::CURRENT))
        }
    }
}

/// Makes `version` the one that counts.
pub(crate) fn write_current(dir: &dyn Dir, version: Version) -> Result<()> {
    let payload = format!("{}\n", paths::manifest(version));
    dir.write_atomic(
        paths::CURRENT,
        &envelope::seal(CURRENT_KIND, FIRST_VERSION, payload.as_bytes()),
    )
}

/// Reads the manifest of `version` and verifies all that it says.
pub(crate) fn read(dir: &dyn Dir, version: Version) -> Result<Catalog> {
    let path = paths::manifest(version);
    let bytes = dir.read(&path).map_err(|error| match is_missing(&error) {
        true => Corruption::new(0, "file", "the manifest that CURRENT names", "no such file")
            .in_file(path.as_str()),
        false => error,
    })?;
    let payload = envelope::unseal(MANIFEST_KIND, &path, &bytes)?;
    let catalog: Catalog = serde_json::from_slice(payload).map_err(|error| {
        Corruption::new(0, "document", "a catalog in JSON", error).in_file(path.as_str())
    })?;
    let verified = if catalog.version == version {
        verify::catalog(&catalog)
    } else {
        Err(Corruption::new(0, "version", version, catalog.version))
    };
    verified.map_err(|damage| damage.in_file(path))?;
    Ok(catalog)
}

/// Writes the manifest of `catalog`, durably. It counts for nothing before CURRENT names it.
pub(crate) fn write(dir: &dyn Dir, catalog: &Catalog) -> Result<()> {
    let payload =
        serde_json::to_vec(catalog).map_err(|error| Error::internal(error.to_string()))?;
    // An older writer would not read the log.
    let least = if catalog.log.is_some() { ROWS_VERSION } else { FIRST_VERSION };
    let version = catalog.tables.iter().map(version_of).fold(least, u32::max);
    let mut file = dir.create(&paths::manifest(catalog.version))?;
    file.write(&envelope::seal(MANIFEST_KIND, version, &payload))?;
    file.finish()?;
    dir.sync_folder("")
}

/// The least version that has all that a table needs. An older reader would take initial values for
/// NULL and wider types for damage, an older writer would forget the rest, so neither must open it.
fn version_of(table: &TableRecord) -> u32 {
    let is_renumbered = |segment: &SegmentRecord| {
        segment.first_row.is_some() || segment.ordinals == OrdinalsRecord::Stored
    };
    if table.schema.cube.is_some() {
        return MANIFEST_VERSION;
    }
    if table.schema.is_clustered() {
        return CLUSTERED_VERSION;
    }
    if table.segments.iter().any(has_shared_keys) {
        return KEY_LISTS_VERSION;
    }
    if table.deletions.is_some()
        || table.next_row.is_some()
        || table.segments.iter().any(is_renumbered)
        || table.is_evolved()
    {
        return ROWS_VERSION;
    }
    if table.dictionaries.is_empty() { FIRST_VERSION } else { DICTIONARIES_VERSION }
}

/// Whether keys of references are in a list, for which an older reader has no name.
fn has_shared_keys(segment: &SegmentRecord) -> bool {
    let is_list =
        |file: &FileRecord| file.dictionary.is_some() && file.data_type != DataType::Varchar;
    segment.files.iter().any(is_list)
}

/// Whether the cause is that there is no such file.
pub(crate) fn is_missing(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}
