//! Loops compiled for several instruction sets, of which the best that the processor has is run.
//!
//! A portable build knows only the instructions that every processor of its kind has, which on
//! x86-64 means vectors of 128 bits. A [`Kernel`] is compiled once for each [`InstructionSet`] and
//! dispatched when it is called, which costs about a nanosecond: so a kernel works on a thousand
//! values or so.

use std::sync::atomic::{AtomicUsize, Ordering};

/// A loop without calls that are not inlined: what `extend`, `fold` and `sum` do with a closure may
/// become a function of its own, compiled for every processor and with its state in memory.
pub trait Kernel {
    /// What it gives.
    type Output;

    /// Runs the loop. Implementations are `#[inline(always)]`, so that they are compiled for the
    /// instruction set of their caller.
    fn run(self) -> Self::Output;
}

/// Appends what `items` gives. It does what `extend` does, which is a function of its own at times,
/// and then not compiled for the instruction set of the kernel that calls it.
#[inline(always)]
pub(crate) fn append<T>(out: &mut Vec<T>, items: impl ExactSizeIterator<Item = T>) {
    let start = out.len();
    out.reserve(items.len());
    let mut count = 0;
    for (slot, item) in out.spare_capacity_mut().iter_mut().zip(items) {
        slot.write(item);
        count += 1;
    }
    // SAFETY: so many places behind the last item were written.
    unsafe { out.set_len(start + count) };
}

/// Asks for the line of the cache that an address, which may be any, lies in.
#[inline(always)]
pub(crate) fn ask_for<T>(address: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: every processor of the kind has the instruction, and it reads nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// A set of instructions that kernels are compiled for, from the least to the best.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InstructionSet {
    /// What every processor of the kind has.
    Portable,
    /// Vectors of 256 bits (x86-64-v3).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Vectors of 512 bits (x86-64-v4).
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// The place in [`InstructionSet::ALL`] of the set that kernels use; `UNKNOWN` until the processor
/// was asked.
static IN_USE: AtomicUsize = AtomicUsize::new(UNKNOWN);
const UNKNOWN: usize = usize::MAX;

impl InstructionSet {
    #[cfg(target_arch = "x86_64")]
    const ALL: &[Self] = &[Self::Portable, Self::Avx2, Self::Avx512];
    #[cfg(not(target_arch = "x86_64"))]
    const ALL: &[Self] = &[Self::Portable];

    /// The sets that this processor has.
    pub fn available() -> impl Iterator<Item = Self> {
        let best = Self::detect();
        Self::ALL.iter().copied().filter(move |set| *set <= best)
    }

    /// Makes the kernels of this process use no better set than this one: to measure and to test.
    pub fn limit(self) {
        IN_USE.store(self.min(Self::detect()).place(), Ordering::Relaxed);
    }

    /// The one that kernels use: the best that this processor has, unless it was limited.
    #[inline]
    pub(crate) fn best() -> Self {
        match Self::ALL.get(IN_USE.load(Ordering::Relaxed)) {
            Some(set) => *set,
            None => {
                let best = Self::detect();
                IN_USE.store(best.place(), Ordering::Relaxed);
                best
            }
        }
    }

    fn place(self) -> usize {
        Self::ALL.iter().take_while(|set| **set < self).count()
    }

    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        let has_256 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt")
            && is_x86_feature_detected!("popcnt");
        if !has_256 {
            return Self::Portable;
        }
        let has_512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        if has_512 { Self::Avx512 } else { Self::Avx2 }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect() -> Self {
        Self::Portable
    }
}

/// Runs a kernel with the best instruction set.
pub fn run<K: Kernel>(kernel: K) -> K::Output {
    run_at(InstructionSet::best(), kernel)
}

/// Runs a kernel with an instruction set that the processor has.
fn run_at<K: Kernel>(set: InstructionSet, kernel: K) -> K::Output {
    match set {
        InstructionSet::Portable => kernel.run(),
        // SAFETY: `detect` says so only if the processor has these instructions, and no better set
        // is passed.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx2 => unsafe { run_avx2(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        InstructionSet::Avx512 => unsafe { run_avx512(kernel) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Runs a kernel with every instruction set that this processor has, and expects the same of
    /// each.
    pub(crate) fn run_at_all_levels<K>(kernel: impl Fn() -> K) -> K::Output
    where
        K: Kernel<Output: PartialEq + std::fmt::Debug>,
    {
        let portable = run_at(InstructionSet::Portable, kernel());
        for set in InstructionSet::available() {
            assert_eq!(run_at(set, kernel()), portable, "{set:?}");
        }
        assert_eq!(run(kernel()), portable);
        portable
    }
}
