//! Watches what a test allocates, so that a claim of a damaged block is seen to cost nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static LARGEST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which also notes the largest allocation of each thread.
struct Watched;

#[global_allocator]
static WATCHED: Watched = Watched;

fn note(bytes: usize) {
    // A thread that is going away no longer has a note.
    let _ = LARGEST.try_with(|largest| largest.set(largest.get().max(bytes)));
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Watched {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the promises of the trait.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller keeps the promises of the trait.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the promises of the trait.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
        note(bytes);
        // SAFETY: the caller keeps the promises of the trait.
        unsafe { System.realloc(pointer, layout, bytes) }
    }
}

/// Bytes of the largest allocation that `work` makes on this thread.
pub(super) fn largest_of(work: impl FnOnce()) -> usize {
    LARGEST.with(|largest| largest.set(0));
    work();
    LARGEST.with(Cell::get)
}

#[test]
fn a_large_allocation_is_noticed() {
    let bytes = largest_of(|| drop(std::hint::black_box(vec![1u8; 3 << 20])));
    assert!((3 << 20..4 << 20).contains(&bytes), "{bytes}");
}
