//! Fuzzes totals of encoded blocks; see `targets`.

#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::totals(data));
