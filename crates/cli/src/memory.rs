//! How memory that was freed is kept for the next query.

/// Keeps arrays of some megabytes, as dimensions take them in each query, from being mapped anew
/// each time: the system clears each page when it is first touched, which takes longer than to use
/// it. Does nothing where the C library is another one than GNU's.
pub(crate) fn keep_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        /// Bytes of an allocation from which on it is mapped, and unmapped when it is freed: the
        /// most that the library allows.
        const MAPPED_MIN: i32 = 32 << 20;
        /// Bytes that are free at the end of a heap before they go back to the system.
        const FREE_MAX: i32 = 64 << 20;
        // SAFETY: values that are not accepted change nothing.
        unsafe {
            libc::mallopt(libc::M_MMAP_THRESHOLD, MAPPED_MIN);
            libc::mallopt(libc::M_TRIM_THRESHOLD, FREE_MAX);
        }
    }
}
