//! Crates depend downwards only.
//!
//! ```text
//! 9  cli                    the `starfact` program
//! 8  bench server cluster
//! 7  starfact               the library that people embed
//! 6  sql                    from here on DataFusion is known
//! 5  cube
//! 4  exec
//! 3  store
//! 2  format
//! 1  vfs  encoding          vfs alone maps files
//! 0  base
//! ```
//!
//! An edge goes to a lower number, never to the same. Dependencies of tests and build scripts count
//! too, so each crate builds and tests without the ones above it.

use super::Finding;
use cargo_metadata::MetadataCommand;
use std::path::Path;

const LAYERS: [(&str, u8); 13] = [
    ("starfact-base", 0),
    ("starfact-vfs", 1),
    ("starfact-encoding", 1),
    ("starfact-format", 2),
    ("starfact-store", 3),
    ("starfact-exec", 4),
    ("starfact-cube", 5),
    ("starfact-sql", 6),
    ("starfact", 7),
    ("starfact-bench", 8),
    ("starfact-server", 8),
    ("starfact-cluster", 8),
    ("starfact-cli", 9),
];
/// Packages that stand beside the layers: they may use any crate, and no crate may use them.
const OUTSIDE: [&str; 2] = ["xtask", "starfact-benches"];

/// The lowest layer that may depend on DataFusion.
const DATAFUSION_LAYER: u8 = 6;
/// The one crate that may map files into memory, and the library for it.
const MAPPING: (&str, &str) = ("starfact-vfs", "memmap2");

/// A package of the workspace.
#[derive(Debug)]
pub struct Package {
    name: String,
    /// From the root of the repository.
    manifest_path: String,
    manifest: String,
    dependencies: Vec<String>,
}

/// Asks Cargo for the packages of the workspace at `root`.
pub fn packages(root: &Path) -> Result<Vec<Package>, String> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .no_deps()
        .exec()
        .map_err(|error| format!("cargo metadata: {error}"))?;
    let package = |package: cargo_metadata::Package| {
        let path = package.manifest_path.into_std_path_buf();
        let manifest = std::fs::read_to_string(&path)
            .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
        Ok(Package {
            name: package.name.to_string(),
            manifest_path: path.strip_prefix(root).unwrap_or(&path).display().to_string(),
            manifest,
            dependencies: package.dependencies.into_iter().map(|edge| edge.name).collect(),
        })
    };
    metadata.packages.into_iter().map(package).collect()
}

/// Checks every edge of every package.
pub fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        if OUTSIDE.contains(&package.name.as_str()) {
            continue;
        }
        let Some(layer) = layer(&package.name) else {
            let what = format!("{} has no layer: give it one in tidy/layers.rs", package.name);
            findings.push(Finding::new(&package.manifest_path, 1, what));
            continue;
        };
        for dependency in &package.dependencies {
            if let Some(what) = breach(&package.name, layer, dependency) {
                let line = package.line_of(dependency);
                findings.push(Finding::new(&package.manifest_path, line, what));
            }
        }
    }
    findings
}

fn layer(name: &str) -> Option<u8> {
    LAYERS.iter().find(|(known, _)| *known == name).map(|(_, layer)| *layer)
}

/// What is wrong with the edge from `name`, which is of `layer`, to `dependency`.
fn breach(name: &str, own: u8, dependency: &str) -> Option<String> {
    if OUTSIDE.contains(&dependency) {
        return Some(format!("{name} depends on {dependency}, which is no part of the product"));
    }
    if let Some(other) = layer(dependency).filter(|&other| other >= own) {
        return Some(format!(
            "{name} (layer {own}) depends on {dependency} (layer {other}): edges point down"
        ));
    }
    if dependency.starts_with("datafusion") && own < DATAFUSION_LAYER {
        return Some(format!("{name} depends on {dependency}: only sql and above know DataFusion"));
    }
    let (mapper, mapping) = MAPPING;
    (dependency == mapping && name != mapper)
        .then(|| format!("{name} depends on {dependency}: only vfs maps files"))
}

impl Package {
    /// The line of the manifest, counted from 1, that names the dependency.
    fn line_of(&self, dependency: &str) -> usize {
        let is_it = |line: &str| {
            line.strip_prefix(dependency).is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
        };
        self.manifest.lines().position(is_it).map_or(1, |index| index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(name: &str, dependencies: &[&str]) -> Vec<String> {
        let lines = dependencies.iter().map(|edge| format!("{edge}.workspace = true\n"));
        let package = Package {
            name: name.into(),
            manifest_path: "crates/x/Cargo.toml".into(),
            manifest: format!("[dependencies]\n{}", lines.collect::<String>()),
            dependencies: dependencies.iter().map(|&edge| edge.to_owned()).collect(),
        };
        check(&[package]).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn edges_point_strictly_down() {
        assert!(
            findings("starfact-format", &["starfact-vfs", "starfact-base", "serde"]).is_empty()
        );
        assert_eq!(
            findings("starfact-format", &["starfact-base", "starfact-store"]),
            ["crates/x/Cargo.toml:3: starfact-format (layer 2) depends on starfact-store \
                 (layer 3): edges point down"]
        );
        assert_eq!(findings("starfact-vfs", &["starfact-encoding"]).len(), 1);
    }

    #[test]
    fn datafusion_stays_above_and_mapping_below() {
        assert!(findings("starfact-sql", &["datafusion", "datafusion-expr"]).is_empty());
        assert_eq!(findings("starfact-exec", &["datafusion-expr"]).len(), 1);
        assert!(findings("starfact-vfs", &["memmap2"]).is_empty());
        assert_eq!(findings("starfact-format", &["memmap2"]).len(), 1);
    }

    #[test]
    fn packages_have_a_layer_or_stand_beside_them() {
        assert_eq!(
            findings("starfact-new", &[]),
            ["crates/x/Cargo.toml:1: starfact-new has no layer: give it one in tidy/layers.rs"]
        );
        assert!(findings("xtask", &["memmap2", "starfact-cli"]).is_empty());
        assert_eq!(findings("starfact-cli", &["xtask"]).len(), 1);
    }

    #[test]
    fn cargo_knows_the_packages_of_this_workspace() {
        let packages = packages(&crate::root()).unwrap();
        let own = packages.iter().find(|package| package.name == "xtask").unwrap();
        assert_eq!(own.manifest_path, "crates/xtask/Cargo.toml");
        assert_eq!(own.dependencies, ["cargo_metadata"]);
    }
}
