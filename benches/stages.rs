//! Prints what each stage on encoded blocks costs; see `starfact_benches::stages`.
//!
//! Without `--bench`, which cargo passes to benches only, everything is done once on few values.
//! Text among the arguments, as in `-- between`, leaves the stages whose names contain it.

use starfact_benches::stages::{Scale, measure};

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let only = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let scale = if is_bench { Scale::full() } else { Scale::small() };
    let scale = Scale { only: only.unwrap_or_default(), ..scale };
    print!("{}", measure(&scale).table());
}
