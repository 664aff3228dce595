//! Fuzzes blocks that follow from others; see `targets`.

#![no_main]

#[path = "../targets.rs"]
mod targets;

libfuzzer_sys::fuzz_target!(|data: &[u8]| targets::derived(data));
