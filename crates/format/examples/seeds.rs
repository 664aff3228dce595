//! Makes seeds for the fuzz targets out of column files.
//!
//! ```sh
//! cargo run -p starfact-format --example seeds -- datasets/format/v1 target/seeds
//! cargo +nightly fuzz run block fuzz/corpus/block target/seeds/block
//! ```

#[path = "../../../fuzz/targets.rs"]
mod targets;

use starfact_base::{Error, Result};
use starfact_format::ColumnFile;
use starfact_vfs::{Dir, OsDir};

fn main() -> Result<()> {
    let folders: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = folders.as_slice() else {
        return Err(Error::invalid("name the folder of column files and the folder of the seeds"));
    };
    let dir = OsDir::open(from)?;
    let names = dir.list("")?.into_iter().map(|entry| entry.name);
    let names: Vec<String> = names.filter(|name| name.ends_with(".col")).collect();
    for (target, _) in targets::TARGETS {
        let out = OsDir::create(format!("{to}/{target}"))?;
        for name in &names {
            let ty = ColumnFile::open(&dir, name)?.data_type();
            for (idx, seed) in targets::seeds(target, &dir.read(name)?, ty).iter().enumerate() {
                let mut file = out.create(&format!("{name}-{idx}"))?;
                file.write(seed)?;
                file.finish()?;
            }
        }
    }
    Ok(())
}
