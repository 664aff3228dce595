//! Benchmarks (criterion), and the data that they share.
//!
//! ```sh
//! cargo bench -p starfact-benches --bench encoding
//! ```

pub mod columns;
