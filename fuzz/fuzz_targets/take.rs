//! Fuzzes rows taken one by one; see `targets`.

#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::take(data));
