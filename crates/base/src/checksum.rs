//! The one checksum of all Starfact files: CRC-32C (Castagnoli), as in iSCSI (RFC 3720).
//!
//! It is computed in hardware where the processor can, at several bytes a cycle.

/// Returns the CRC-32C of `bytes`.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// Returns the CRC-32C of bytes of which the first have the checksum `sum` and the rest are
/// `bytes`.
pub fn extend(sum: u32, bytes: &[u8]) -> u32 {
    crc32c::crc32c_append(sum, bytes)
}

#[cfg(test)]
mod tests {
    use super::{checksum, extend};

    #[test]
    fn agrees_with_the_published_check_value() {
        assert_eq!(checksum(b"123456789"), 0xE306_9283);
        assert_eq!(checksum(b""), 0);
    }

    #[test]
    fn a_checksum_is_extended_by_what_follows() {
        for at in 0..=9 {
            let (front, rest) = b"123456789".split_at(at);
            assert_eq!(extend(checksum(front), rest), 0xE306_9283, "{at}");
        }
    }
}
