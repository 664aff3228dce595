//! Which files to write with codes: those that make the table smaller, or at least not larger.
//! Nothing but exact sizes counts.

/// Bytes of a key in a list, by experience.
const LIST_KEY_BYTES: u64 = 3;

/// Bytes of a file as it is, and with codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sizes {
    pub(crate) old: u64,
    pub(crate) new: u64,
}

/// Whether a dictionary of its own can pay for this many blocks. One block alone would only move
/// its texts to another file.
pub(crate) fn may_pay_for_dictionary(blocks: usize) -> bool {
    blocks > 1
}

/// Whether a list of so many keys can pay for files of so many bytes. What is written for nothing
/// is written at the cost of the load, so it has to look like saving half of them: a key in a list
/// takes some bytes.
pub(crate) fn may_pay_for_list(keys: usize, bytes: u64) -> bool {
    (keys as u64).saturating_mul(LIST_KEY_BYTES) <= bytes / 2
}

/// Which files to take with codes, given the bytes of the dictionary if it is written for them: all
/// if the sum does not grow, else those that do not grow, if they pay for the dictionary.
pub(crate) fn choose(files: &[Sizes], dictionary_bytes: u64) -> Vec<bool> {
    let sum = |size: fn(&Sizes) -> u64| files.iter().map(size).sum::<u64>();
    if sum(|file| file.new) + dictionary_bytes <= sum(|file| file.old) {
        return vec![true; files.len()];
    }
    let saved: u64 = files.iter().map(|file| file.old.saturating_sub(file.new)).sum();
    let pays = saved >= dictionary_bytes;
    files.iter().map(|file| pays && file.new <= file.old).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(files: &[(u64, u64)], dictionary_bytes: u64) -> Vec<bool> {
        let sizes = |&(old, new): &(u64, u64)| Sizes { old, new };
        choose(&files.iter().map(sizes).collect::<Vec<_>>(), dictionary_bytes)
    }

    #[test]
    fn all_files_are_taken_if_the_sum_does_not_grow() {
        assert_eq!(chosen(&[(900, 500), (100, 120)], 380), [true, true]);
        assert_eq!(chosen(&[(900, 900)], 0), [true]);
    }

    #[test]
    fn else_those_that_do_not_grow_if_they_pay_for_the_dictionary() {
        assert_eq!(chosen(&[(900, 500), (100, 121)], 380), [true, false]);
        assert_eq!(chosen(&[(900, 500), (100, 120)], 401), [false, false]);
        assert_eq!(chosen(&[(900, 901)], 0), [false]);
        assert_eq!(chosen(&[(900, 901), (7, 7)], 0), [false, true]);
        assert!(chosen(&[], 0).is_empty());
    }

    #[test]
    fn one_block_does_not_pay_for_a_dictionary() {
        assert!(!may_pay_for_dictionary(1) && may_pay_for_dictionary(2));
    }
}
