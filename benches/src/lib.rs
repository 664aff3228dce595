//! Benchmarks (criterion), and the data that they share.
//!
//! ```sh
//! cargo bench -p starfact-benches --bench encoding
//! cargo bench -p starfact-benches --bench stages      # one table: ns a value, GB/s
//! ```

pub mod columns;
pub mod stages;
