//! What the process and a directory take: memory and disk.

use crate::error::{Error, Result};
use std::fs;
use std::path::Path;

/// The most memory that this process has held, in bytes, if the system tells.
pub(crate) fn peak_rss() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    parse_peak(&status)
}

fn parse_peak(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kilobytes * 1024)
}

/// The bytes of all files under `folder`.
pub(crate) fn folder_bytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder).map_err(Error::io("list", folder))? {
        let entry = entry.map_err(Error::io("list", folder))?;
        let path = entry.path();
        let metadata = entry.metadata().map_err(Error::io("read", &path))?;
        bytes += if metadata.is_dir() { folder_bytes(&path)? } else { metadata.len() };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_found_among_the_lines() {
        assert_eq!(parse_peak("Name:\tx\nVmHWM:\t   12 kB\nVmRSS:\t 3 kB\n"), Some(12 * 1024));
        assert_eq!(parse_peak("Name:\tx\n"), None);
        if cfg!(target_os = "linux") {
            assert!(peak_rss().is_some_and(|bytes| bytes > 1 << 20));
        }
    }

    #[test]
    fn folders_within_count() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("a"), [0; 10]).unwrap();
        fs::write(folder.path().join("sub/b"), [0; 5]).unwrap();
        assert_eq!(folder_bytes(folder.path()).unwrap(), 15);
        assert!(folder_bytes(&folder.path().join("missing")).is_err());
    }
}
