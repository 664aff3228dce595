//! Loops compiled for several instruction sets, of which the best that the processor has is run.
//!
//! A portable build knows only the instructions that every processor of its kind has, which on
//! x86-64 means vectors of 128 bits. A [`Kernel`] is compiled once for each [`Level`] and
//! dispatched when it is called, which costs about a nanosecond: so a kernel works on a thousand
//! values or so.

/// A loop without calls that are not inlined.
pub(crate) trait Kernel {
    type Output;

    /// Runs the loop. Implementations are `#[inline(always)]`, so that they are compiled for the
    /// instruction set of their caller.
    fn run(self) -> Self::Output;
}

/// An instruction set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// What every processor of the kind has.
    Portable,
    /// Vectors of 256 bits (x86-64-v3).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// Vectors of 512 bits (x86-64-v4).
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Level {
    /// The best that this processor has. The processor is asked once a process.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn best() -> Self {
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
            && is_x86_feature_detected!("avx512vl");
        if has_512 { Self::Avx512 } else { Self::Avx2 }
    }

    /// The best that this processor has.
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn best() -> Self {
        Self::Portable
    }
}

/// Runs a kernel with the best instruction set.
pub(crate) fn run<K: Kernel>(kernel: K) -> K::Output {
    run_at(Level::best(), kernel)
}

/// Runs a kernel with the instruction set `level`, at most [`Level::best`].
fn run_at<K: Kernel>(level: Level, kernel: K) -> K::Output {
    match level {
        Level::Portable => kernel.run(),
        // SAFETY: `best` says so only if the processor has these instructions, and no higher level
        // is passed.
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => unsafe { run_avx2(kernel) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Level::Avx512 => unsafe { run_avx512(kernel) },
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx2,bmi1,bmi2,lzcnt,popcnt")]
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
        let portable = run_at(Level::Portable, kernel());
        #[cfg(target_arch = "x86_64")]
        for level in [Level::Avx2, Level::Avx512] {
            if level == Level::best() || Level::best() == Level::Avx512 {
                assert_eq!(run_at(level, kernel()), portable, "{level:?}");
            }
        }
        assert_eq!(run(kernel()), portable);
        portable
    }
}
