//! What each stage on encoded blocks costs, beside what memory can deliver in the same run.
//!
//! One table: for each encoding and width the nanoseconds a value takes when the block lies in the
//! cache (`cache`) and when it comes from memory (`memory`), and the encoded bytes a second that
//! the latter means, as a share of the bandwidth that a plain sum over a large buffer reached with
//! as many threads. Stage and sum run by turns, since what memory delivers changes from second to
//! second where others use it too. Everything goes through the public functions of the crate.

pub mod bandwidth;
pub mod data;
pub mod work;

use self::bandwidth::{Bandwidth, Memory};
use self::data::Blocks;
use self::work::Work;
use starfact_encoding::InstructionSet;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Scale {
    /// Values that come from memory.
    pub values: usize,
    /// Bytes of the buffer whose sum is the bandwidth, for each thread.
    pub buffer_bytes: usize,
    /// How long a measurement is repeated; the fastest pass counts.
    pub time: Duration,
    /// Threads of the measurements with several.
    pub threads: usize,
    /// Only stages whose names contain this.
    pub only: String,
}

impl Scale {
    /// For figures: 60 million values.
    pub fn full() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            values: 60_000_000,
            buffer_bytes: 512 << 20,
            time: Duration::from_millis(100),
            threads,
            only: String::new(),
        }
    }

    /// For tests: everything once.
    pub fn small() -> Self {
        let (time, only) = (Duration::ZERO, String::new());
        Self { values: 100_000, buffer_bytes: 1 << 16, time, threads: 2, only }
    }
}

/// One line of the table.
#[derive(Clone, Debug)]
pub struct Line {
    /// What was done.
    pub stage: String,
    /// To what.
    pub tree: String,
    /// Nanoseconds a value, one thread, one block over and over.
    pub cache_ns: f64,
    /// Nanoseconds a value, one thread, all blocks.
    pub memory_ns: f64,
    /// What memory delivered meanwhile.
    pub bandwidth: Bandwidth,
    /// Encoded bytes a second of one thread, over all blocks, as a share of the bandwidth.
    pub share_of_one: f64,
    /// Encoded bytes a second of all threads, over all blocks.
    pub bytes_per_second: f64,
    /// The same as a share of the bandwidth with as many threads.
    pub share: f64,
}

/// What a stage costs with each instruction set that the processor has.
#[derive(Clone, Debug)]
pub struct SetsLine {
    /// What was done.
    pub stage: String,
    /// To what.
    pub tree: String,
    /// Nanoseconds a value, one thread, one block over and over.
    pub cache_ns: Vec<f64>,
}

/// Everything that was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// Threads of the last two columns.
    pub threads: usize,
    /// The table.
    pub lines: Vec<Line>,
    /// The names of the instruction sets.
    pub sets: Vec<String>,
    /// The table of these.
    pub sets_lines: Vec<SetsLine>,
}

/// Widths of packed offsets, one of each lane type, that instruction sets are compared on.
const SETS_WIDTHS: [u32; 4] = [6, 12, 24, 60];

/// Measures every stage.
pub fn measure(scale: &Scale) -> Report {
    let memory = Memory::new(scale);
    let mut lines = Vec::new();
    for shape in data::shapes() {
        let blocks = Blocks::of(&shape, scale.values);
        for work in Work::all(&shape, lines.is_empty()) {
            if work.name.contains(&scale.only) {
                lines.push(measure_line(&work, &blocks, scale, &memory));
            }
        }
    }
    let (sets, sets_lines) = measure_sets(scale);
    Report { threads: scale.threads, lines, sets, sets_lines }
}

/// Compares the instruction sets, from the least to the best, which is in use again afterwards.
fn measure_sets(scale: &Scale) -> (Vec<String>, Vec<SetsLine>) {
    let sets: Vec<InstructionSet> = InstructionSet::available().collect();
    let mut lines = Vec::new();
    for width in SETS_WIDTHS {
        let shape = data::bit_packed(width);
        let blocks = Blocks::of(&shape, 1);
        for work in Work::all(&shape, lines.is_empty()) {
            if !work.name.contains(&scale.only) {
                continue;
            }
            let cache_ns = sets.iter().map(|set| {
                set.limit();
                let time = fastest(scale.time, || work.run(&blocks.blocks));
                time.as_secs_f64() * 1e9 / starfact_base::limits::BLOCK_ROWS as f64
            });
            let cache_ns = cache_ns.collect();
            lines.push(SetsLine { stage: work.name.clone(), tree: blocks.tree.clone(), cache_ns });
        }
    }
    if let Some(best) = sets.last() {
        best.limit();
    }
    (sets.iter().map(|set| format!("{set:?}")).collect(), lines)
}

fn measure_line(work: &Work, blocks: &Blocks, scale: &Scale, memory: &Memory) -> Line {
    // What does not read the blocks needs no more of them than threads have to do.
    let count = if work.reads_blocks() { blocks.blocks.len() } else { 2 * scale.threads };
    let all = blocks.blocks.get(..count).unwrap_or(&blocks.blocks);
    let cached = fastest(scale.time, || work.run(all.get(..1).unwrap_or_default()));
    let parts = all.chunks(all.len().div_ceil(scale.threads));
    let several = || {
        std::thread::scope(|scope| {
            parts.clone().for_each(|part| drop(scope.spawn(|| work.run(part))));
        });
    };
    let ([one, several], bandwidth) = memory.beside(scale.time, || work.run(all), several);
    let values = |blocks: &[_]| (blocks.len() * starfact_base::limits::BLOCK_ROWS) as f64;
    let bytes = blocks.bytes / blocks.blocks.len() * all.len();
    let bytes_per_second = bytes as f64 / several.as_secs_f64();
    let share_of_one = bytes as f64 / one.as_secs_f64() / bandwidth.one;
    Line {
        stage: work.name.clone(),
        tree: blocks.tree.clone(),
        cache_ns: cached.as_secs_f64() * 1e9 / values(all.get(..1).unwrap_or_default()),
        memory_ns: one.as_secs_f64() * 1e9 / values(all),
        bandwidth,
        share_of_one,
        bytes_per_second,
        share: bytes_per_second / bandwidth.several,
    }
}

/// The fastest of the runs that fit into `time`; two at least, unless there is no time at all.
pub(crate) fn fastest(time: Duration, mut run: impl FnMut()) -> Duration {
    let (begin, mut best, mut runs) = (Instant::now(), Duration::MAX, 0);
    while runs == 0 || begin.elapsed() < time || (runs < 2 && time > Duration::ZERO) {
        let start = Instant::now();
        run();
        best = best.min(start.elapsed());
        runs += 1;
    }
    best
}

/// Runs two by turns for twice `time`, and returns the fastest run of either. So each finds the
/// caches full of what the other read.
pub(crate) fn fastest_by_turns(
    time: Duration,
    mut first: impl FnMut(),
    mut second: impl FnMut(),
) -> (Duration, Duration) {
    let (mut of_first, mut of_second) = (Duration::MAX, Duration::MAX);
    fastest(2 * time, || {
        of_first = of_first.min(fastest(Duration::ZERO, &mut first));
        of_second = of_second.min(fastest(Duration::ZERO, &mut second));
    });
    (of_first, of_second)
}

impl Report {
    /// The table as text.
    pub fn table(&self) -> String {
        let threads = self.threads;
        let mut out = String::new();
        let head = format!("{threads} threads");
        let _ = writeln!(
            out,
            "{:<34} {:<42} {:>9} {:>9} {:>6} {:>6} {:>10} {:>6} {:>6}",
            "stage", "block", "cache", "memory", "sum", "of sum", head, "sum", "of sum"
        );
        let _ = writeln!(
            out,
            "{:<34} {:<42} {:>9} {:>9} {:>6} {:>6} {:>10} {:>6} {:>6}",
            "", "", "ns/value", "ns/value", "GB/s", "%", "GB/s", "GB/s", "%"
        );
        for line in &self.lines {
            let _ = writeln!(
                out,
                "{:<34} {:<42} {:>9.3} {:>9.3} {:>6.1} {:>6.0} {:>10.2} {:>6.1} {:>6.0}",
                line.stage,
                line.tree,
                line.cache_ns,
                line.memory_ns,
                line.bandwidth.one / 1e9,
                line.share_of_one * 100.0,
                line.bytes_per_second / 1e9,
                line.bandwidth.several / 1e9,
                line.share * 100.0
            );
        }
        let _ = write!(out, "\n{:<34} {:<42}", "ns/value in the cache", "block");
        for set in &self.sets {
            let _ = write!(out, " {set:>9}");
        }
        for SetsLine { stage, tree, cache_ns } in &self.sets_lines {
            let _ = write!(out, "\n{stage:<34} {tree:<42}");
            for ns in cache_ns {
                let _ = write!(out, " {ns:>9.3}");
            }
        }
        out.push('\n');
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stage_is_measured_and_printed() {
        let report = measure(&Scale::small());
        assert!(report.lines.len() > 60);
        for line in &report.lines {
            let figures = [line.cache_ns, line.memory_ns, line.bytes_per_second, line.share];
            assert!(figures.iter().all(|figure| figure.is_finite() && *figure > 0.0), "{line:?}");
        }
        assert_eq!(report.sets.first().map(String::as_str), Some("Portable"));
        for line in &report.sets_lines {
            assert_eq!(line.cache_ns.len(), report.sets.len());
            assert!(line.cache_ns.iter().all(|ns| ns.is_finite() && *ns > 0.0), "{line:?}");
        }
        let table = report.table();
        for stage in ["decode", "between", "sum, min, max", "pack", "indices", "take"] {
            assert!(table.contains(stage), "{stage}");
        }
    }
}
