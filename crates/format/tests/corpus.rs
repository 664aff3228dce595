//! The fuzz targets over their corpus, over all fixtures, and over a bounded number of mutations of
//! them that are the same in every run.

#[path = "../../../fuzz/targets.rs"]
mod targets;

use starfact_format::{ColumnFile, FORMAT_VERSION};
use starfact_vfs::{Dir, OsDir};
use targets::TARGETS;

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// Mutations of each target.
const MUTATIONS: usize = 30_000;
/// Larger inputs are not mutated, they take their time.
const MUTATED_BYTES_MAX: usize = 4_096;

/// The folder of the repository, and the names of the files in it.
fn folder(path: &str) -> (OsDir, Vec<String>) {
    let dir = OsDir::open(format!("{REPOSITORY}/{path}")).unwrap();
    let mut names: Vec<String> =
        dir.list("").unwrap().into_iter().map(|entry| entry.name).collect();
    names.sort();
    (dir, names)
}

/// What cargo-fuzz found worth keeping, and what the column files of all versions say.
fn inputs(target: &str) -> Vec<Vec<u8>> {
    let (dir, corpus) = folder(&format!("fuzz/corpus/{target}"));
    let mut inputs: Vec<Vec<u8>> =
        corpus.iter().map(|name| dir.read(name).unwrap().to_vec()).collect();
    assert!(!inputs.is_empty(), "no corpus of {target}");
    if target == "derived" {
        inputs.extend(targets::derived_seeds());
        return inputs;
    }
    for version in 1..=FORMAT_VERSION {
        let (dir, names) = folder(&format!("datasets/format/v{version}"));
        for name in names.into_iter().filter(|name| name.ends_with(".col")) {
            let ty = ColumnFile::open(&dir, &name).unwrap().data_type();
            inputs.extend(targets::seeds(target, &dir.read(&name).unwrap(), ty));
        }
    }
    inputs
}

/// Numbers that look random and are the same in every run (Knuth's MMIX generator).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

/// Changes bytes, moves parts within an input, and joins two.
fn mutate(input: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    for _ in 0..=random.below(4) {
        if input.is_empty() {
            return;
        }
        let at = random.below(input.len());
        match random.below(7) {
            0 => input[at] ^= 1 << random.below(8),
            1 => input[at] = random.below(256) as u8,
            2 => input[at] = [0, 1, 127, 128, 254, 255][random.below(6)],
            3 => input.truncate(at),
            4 => input.insert(at, random.below(256) as u8),
            5 => {
                let end = at + random.below(input.len() - at).min(32);
                let part = input[at..end].to_vec();
                let to = random.below(input.len());
                input.splice(to..to, part);
            }
            _ => {
                input.truncate(at);
                input.extend(&other[random.below(other.len() + 1)..]);
            }
        }
    }
}

/// Runs a target over its inputs and over mutations of them. A long run is
/// `STARFACT_MUTATIONS=100000000 cargo test --release -p starfact-format --test corpus`.
fn replay(name: &str) {
    let (_, target) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let inputs = inputs(name);
    inputs.iter().for_each(|input| target(input));
    let small: Vec<&Vec<u8>> =
        inputs.iter().filter(|input| input.len() <= MUTATED_BYTES_MAX).collect();
    let asked = std::env::var("STARFACT_MUTATIONS").ok();
    let mut random = Random(name.len() as u64);
    for _ in 0..asked.map_or(MUTATIONS, |count| count.parse().unwrap()) {
        let mut input = small[random.below(small.len())].clone();
        let other = small[random.below(small.len())];
        mutate(&mut input, other, &mut random);
        target(&input);
    }
}

#[test]
fn footers_do_no_harm() {
    replay("footer");
}

#[test]
fn blocks_are_decoded_or_refused() {
    replay("block");
}

#[test]
fn taken_rows_are_those_that_are_decoded() {
    replay("take");
}

#[test]
fn filters_keep_what_the_decoded_values_say() {
    replay("filter");
}

#[test]
fn totals_are_those_of_the_decoded_values() {
    replay("totals");
}

#[test]
fn derived_blocks_do_what_stored_ones_do() {
    replay("derived");
}

#[test]
fn bitmaps_are_read_or_refused() {
    replay("bitmap");
}
