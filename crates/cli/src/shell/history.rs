//! Where the lines typed in earlier shells are kept.

use std::ffi::OsString;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;

/// The history file in the user's state folder, which is created. None if there is no such folder.
pub fn file() -> Option<PathBuf> {
    let folder = folder(std::env::var_os("XDG_STATE_HOME"), std::env::var_os("HOME"))?;
    DirBuilder::new().recursive(true).mode(0o700).create(&folder).ok()?;
    Some(folder.join("history"))
}

/// As the XDG base directory specification says: a path that is not absolute is no path.
fn folder(state_home: Option<OsString>, home: Option<OsString>) -> Option<PathBuf> {
    let absolute = |path: OsString| Some(PathBuf::from(path)).filter(|path| path.is_absolute());
    let base = state_home
        .and_then(absolute)
        .or_else(|| home.and_then(absolute).map(|home| home.join(".local/state")))?;
    Some(base.join("starfact"))
}

#[cfg(test)]
mod tests {
    use super::folder;
    use std::path::Path;

    #[test]
    fn the_state_folder_is_the_users() {
        let path = |state: Option<&str>, home: Option<&str>| {
            folder(state.map(Into::into), home.map(Into::into))
        };
        assert_eq!(path(Some("/s"), Some("/h")).as_deref(), Some(Path::new("/s/starfact")));
        let home = Some(Path::new("/h/.local/state/starfact"));
        assert_eq!(path(None, Some("/h")).as_deref(), home);
        assert_eq!(path(Some("s"), Some("/h")).as_deref(), home);
        assert_eq!(path(Some(""), None), None);
    }
}
