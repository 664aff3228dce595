//! Prints what each stage on encoded blocks costs; see `starfact_benches::stages`.
//!
//! Without `--bench`, which cargo passes to benches only, everything is done once on few values.

use starfact_benches::stages::{Scale, measure};

fn main() {
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let scale = if is_bench { Scale::full() } else { Scale::small() };
    print!("{}", measure(&scale).table());
}
