//! Fuzzes footers of column files under right checksums; see `targets`.

#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::footer(data));
