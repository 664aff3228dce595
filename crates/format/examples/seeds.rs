//! Makes seeds for the fuzz targets out of column files.
//!
//! ```sh
//! cargo run -p starfact-format --example seeds -- datasets/fixtures/v1 target/seeds
//! cargo +nightly fuzz run block fuzz/corpus/block target/seeds/block
//! ```

#[path = "../../../fuzz/targets.rs"]
mod targets;

use starfact_format::ColumnFile;
use starfact_vfs::OsDir;
use std::error::Error;
use std::fs;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = folders.as_slice() else {
        return Err("name the folder of column files and the folder of the seeds".into());
    };
    let dir = OsDir::open(from)?;
    for (target, _) in targets::TARGETS {
        fs::create_dir_all(Path::new(to).join(target))?;
    }
    for entry in fs::read_dir(from)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if !name.ends_with(".col") {
            continue;
        }
        let ty = ColumnFile::open(&dir, name)?.data_type();
        for (target, _) in targets::TARGETS {
            for (idx, seed) in targets::seeds(target, &fs::read(&path)?, ty).iter().enumerate() {
                fs::write(Path::new(to).join(target).join(format!("{name}-{idx}")), seed)?;
            }
        }
    }
    Ok(())
}
