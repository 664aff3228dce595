//! The one checksum of all Starfact files: CRC-32C (Castagnoli), as in iSCSI (RFC 3720).
//!
//! It is computed in hardware where the processor can, at several bytes a cycle.

/// Returns the CRC-32C of `bytes`.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

#[cfg(test)]
mod tests {
    use super::checksum;

    #[test]
    fn agrees_with_the_published_check_value() {
        assert_eq!(checksum(b"123456789"), 0xE306_9283);
        assert_eq!(checksum(b""), 0);
    }
}
