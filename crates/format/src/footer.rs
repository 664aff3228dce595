//! The footer: column type, block directory and zone maps, as tagged sections.
//!
//! ```text
//! footer  = section*
//! section = tag u16 · length u32 · bytes
//!   1 column : type tag u8 · precision u8 · scale u8 · rows u64 · blocks u32
//!   2 blocks : (offset u64 · length u32 · rows u32 · checksum u32) per block
//!   3 zones  : (flags u8 · nulls u32 · [min] · [max] · [sum i128]) per block
//!   4 rules  : see `derivations`; there if any block is derived
//!   5 values : optional, see [`crate::presence`]
//!   6 shared : see [`crate::dictionary`]; there if blocks have codes of a dictionary
//!   7 bitmaps: optional, see [`crate::bitmaps`]
//! trailer = footer offset u64 · footer length u32 · footer checksum u32
//!           · checksum u32 of these 16 bytes · version u32 · zeros u64 · magic
//! ```
//!
//! A section with an unknown tag is skipped: a newer Starfact may add some that older ones can do
//! without. What they cannot do without raises the version instead.

use crate::bitmaps::{self, BitmapEntry};
use crate::derivations;
use crate::dictionary::DictionaryLink;
use crate::presence;
use crate::wire::Reader;
use crate::zone::Zone;
use crate::{FORMAT_VERSION, HEADER_BYTES, HEADER_MAGIC, TRAILER_BYTES, TRAILER_MAGIC};
use starfact_base::checksum::checksum;
use starfact_base::limits::{BLOCK_ALIGNMENT, BLOCK_ROWS};
use starfact_base::{Corruption, DataType};
use starfact_encoding::Derivation;

const SECTION_COLUMN: u16 = 1;
const SECTION_BLOCKS: u16 = 2;
const SECTION_ZONES: u16 = 3;
const SECTION_DERIVATIONS: u16 = 4;
const SECTION_PRESENCE: u16 = 5;
const SECTION_DICTIONARY: u16 = 6;
const SECTION_BITMAPS: u16 = 7;
/// Bytes of one entry of the block directory.
const BLOCK_ENTRY_BYTES: usize = 20;

/// Where a block is and how to tell that it is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockEntry {
    pub(crate) offset: u64,
    pub(crate) byte_len: u32,
    pub(crate) rows: u32,
    pub(crate) checksum: u32,
}

impl BlockEntry {
    /// Where the block ends, padding included; `None` if that is no offset.
    pub(crate) fn padded_end(&self) -> Option<u64> {
        let end = self.offset.checked_add(u64::from(self.byte_len))?;
        end.checked_next_multiple_of(BLOCK_ALIGNMENT as u64)
    }
}

/// Everything that a reader knows before it touches a block.
#[derive(Debug, PartialEq)]
pub(crate) struct Footer {
    pub(crate) data_type: DataType,
    pub(crate) rows: u64,
    pub(crate) blocks: Vec<BlockEntry>,
    pub(crate) zones: Vec<Zone>,
    /// For each block how it follows from other columns, if it does; empty if none does.
    pub(crate) derivations: Vec<Option<Derivation>>,
    /// The dictionary that blocks have codes of.
    pub(crate) dictionary: Option<DictionaryLink>,
    /// For each block where its bitmaps are, if it has any; empty if none has.
    pub(crate) bitmaps: Vec<Option<BitmapEntry>>,
}

/// The fixed fields at the end of a file.
pub(crate) struct Trailer {
    pub(crate) footer_offset: u64,
    pub(crate) footer_byte_len: u32,
    pub(crate) footer_checksum: u32,
}

/// What reading the trailer can say besides the trailer.
pub(crate) enum TrailerError {
    Corrupt(Corruption),
    Version(u32),
}

impl From<Corruption> for TrailerError {
    fn from(corruption: Corruption) -> Self {
        Self::Corrupt(corruption)
    }
}

/// The 64 bytes at the front of a file.
pub(crate) fn header() -> Vec<u8> {
    let mut out = HEADER_MAGIC.to_vec();
    out.extend(FORMAT_VERSION.to_le_bytes());
    out.resize(HEADER_BYTES as usize, 0);
    out
}

impl Trailer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(TRAILER_BYTES as usize);
        out.extend(self.footer_offset.to_le_bytes());
        out.extend(self.footer_byte_len.to_le_bytes());
        out.extend(self.footer_checksum.to_le_bytes());
        let own = checksum(&out);
        out.extend(own.to_le_bytes());
        out.extend(FORMAT_VERSION.to_le_bytes());
        out.extend([0; 8]);
        out.extend(TRAILER_MAGIC);
        out
    }

    /// Reads the trailer, whose first byte is at `base` of a file that starts with `header`.
    pub(crate) fn decode(header: &[u8], bytes: &[u8], base: u64) -> Result<Self, TrailerError> {
        let mut front = Reader::new(header);
        check_magic(front.take(8, "file signature")?, &HEADER_MAGIC, 0)?;
        let version = front.u32("format version")?;
        let mut reader = Reader::new(bytes);
        let footer_offset = reader.u64("footer offset")?;
        let footer_byte_len = reader.u32("footer length")?;
        let footer_checksum = reader.u32("footer checksum")?;
        let own = reader.u32("trailer checksum")?;
        let version_again = reader.u32("format version")?;
        let reserved = reader.take(8, "reserved bytes")?;
        check_magic(reader.take(8, "file signature")?, &TRAILER_MAGIC, base + 32)?;
        if version != version_again {
            let what = "format version";
            return Err(Corruption::new(base + 20, what, version, version_again).into());
        }
        match version {
            1..=FORMAT_VERSION => {}
            0 => return Err(Corruption::new(8, "format version", "1 or more", 0).into()),
            _ => return Err(TrailerError::Version(version)),
        }
        check_zeros(front.take(front.remaining(), "reserved bytes")?, 12)?;
        check_zeros(reserved, base + 24)?;
        let expected = checksum(bytes.get(..16).unwrap_or_default());
        if own != expected {
            let hex = |sum: u32| format!("{sum:#010x}");
            let what = "trailer checksum";
            return Err(Corruption::new(base + 16, what, hex(expected), hex(own)).into());
        }
        Ok(Self { footer_offset, footer_byte_len, footer_checksum })
    }
}

fn check_magic(found: &[u8], expected: &[u8], at: u64) -> Result<(), Corruption> {
    if found == expected {
        return Ok(());
    }
    let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).escape_debug().to_string();
    Err(Corruption::new(at, "file signature", show(expected), show(found)))
}

/// Reserved bytes and padding, the first of them at `at` of the file, are zero in this version.
pub(crate) fn check_zeros(bytes: &[u8], at: u64) -> Result<(), Corruption> {
    match bytes.iter().zip(at..).find(|(byte, _)| **byte != 0) {
        None => Ok(()),
        Some((byte, at)) => Err(Corruption::new(at, "reserved byte", 0, byte)),
    }
}

impl Footer {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let (tag, precision, scale) = type_tag(self.data_type);
        let mut column = vec![tag, precision, scale];
        column.extend(self.rows.to_le_bytes());
        column.extend((self.blocks.len() as u32).to_le_bytes());
        let mut blocks = Vec::with_capacity(self.blocks.len() * BLOCK_ENTRY_BYTES);
        for entry in &self.blocks {
            blocks.extend(entry.offset.to_le_bytes());
            blocks.extend(entry.byte_len.to_le_bytes());
            blocks.extend(entry.rows.to_le_bytes());
            blocks.extend(entry.checksum.to_le_bytes());
        }
        let mut zones = Vec::new();
        for zone in &self.zones {
            zone.put(&mut zones);
        }
        let mut sections =
            vec![(SECTION_COLUMN, column), (SECTION_BLOCKS, blocks), (SECTION_ZONES, zones)];
        if !self.derivations.is_empty() {
            let mut rules = Vec::new();
            for derivation in &self.derivations {
                derivations::put(derivation.as_ref(), &mut rules);
            }
            sections.push((SECTION_DERIVATIONS, rules));
        }
        let mut out = Vec::new();
        sections.extend(presence::put(&self.zones).map(|bytes| (SECTION_PRESENCE, bytes)));
        if let Some(link) = &self.dictionary {
            let mut bytes = Vec::new();
            link.put(&mut bytes);
            sections.push((SECTION_DICTIONARY, bytes));
        }
        sections.extend(bitmaps::put(&self.bitmaps).map(|bytes| (SECTION_BITMAPS, bytes)));
        for (tag, bytes) in sections {
            out.extend(tag.to_le_bytes());
            out.extend((bytes.len() as u32).to_le_bytes());
            out.extend(bytes);
        }
        out
    }

    /// Reads a footer; `data_end` is the offset at which the blocks must have ended.
    pub(crate) fn decode(bytes: &[u8], data_end: u64) -> Result<Self, Corruption> {
        let (mut column, mut blocks, mut zones) = (None, None, None);
        let (mut rules, mut present, mut shared, mut pages) = (None, None, None, None);
        let mut reader = Reader::new(bytes);
        while reader.remaining() > 0 {
            let tag = reader.u16("section tag")?;
            let byte_len = reader.u32("section length")? as usize;
            let base = reader.position();
            let section = reader.take(byte_len, "section")?;
            match tag {
                SECTION_COLUMN => column = Some((section, base)),
                SECTION_BLOCKS => blocks = Some((section, base)),
                SECTION_ZONES => zones = Some((section, base)),
                SECTION_DERIVATIONS => rules = Some((section, base)),
                SECTION_PRESENCE => present = Some((section, base)),
                SECTION_DICTIONARY => shared = Some((section, base)),
                SECTION_BITMAPS => pages = Some((section, base)),
                _ => {}
            }
        }
        let need = |section: Option<(_, _)>, name: &str| {
            section.ok_or_else(|| Corruption::new(0, "footer", format!("a {name} section"), "none"))
        };
        let (column, base) = need(column, "column")?;
        let (data_type, rows, block_count) = read_column(column).map_err(|e| e.shifted(base))?;
        let (directory, base) = need(blocks, "blocks")?;
        let blocks = read_blocks(directory, block_count, rows, data_end)
            .map_err(|damage| damage.shifted(base))?;
        let (maps, base) = need(zones, "zones")?;
        let mut reader = Reader::new(maps);
        let mut zones = Vec::with_capacity(blocks.len());
        for entry in &blocks {
            let zone = Zone::read(&mut reader, entry.rows, data_type);
            zones.push(zone.map_err(|damage| damage.shifted(base))?);
        }
        reader.finish("zone maps").map_err(|damage| damage.shifted(base))?;
        let derivations = match rules {
            None => Vec::new(),
            Some((rules, base)) => {
                derivations::read(rules, blocks.len()).map_err(|damage| damage.shifted(base))?
            }
        };
        if let Some((section, base)) = present {
            presence::read(section, &mut zones, data_type)
                .map_err(|damage| damage.shifted(base))?;
        }
        let dictionary = match shared {
            None => None,
            Some((section, base)) => Some(
                DictionaryLink::read(section, data_type).map_err(|damage| damage.shifted(base))?,
            ),
        };
        let bitmaps = match pages {
            None => Vec::new(),
            Some((pages, base)) => {
                bitmaps::read(pages, &blocks, data_end).map_err(|damage| damage.shifted(base))?
            }
        };
        Ok(Self { data_type, rows, blocks, zones, derivations, dictionary, bitmaps })
    }
}

fn read_column(section: &[u8]) -> Result<(DataType, u64, u32), Corruption> {
    let mut reader = Reader::new(section);
    let tag = reader.u8("type tag")?;
    let (precision, scale) = (reader.u8("precision")?, reader.u8("scale")?);
    let data_type = type_of_tag(tag, precision, scale).ok_or_else(|| {
        let found = format!("tag {tag}, precision {precision}, scale {scale}");
        Corruption::new(0, "column type", "a known type", found)
    })?;
    let counts = (reader.u64("row count")?, reader.u32("block count")?);
    reader.finish("the column section")?;
    Ok((data_type, counts.0, counts.1))
}

/// Reads the directory and checks that blocks lie one behind the other within the data.
fn read_blocks(
    section: &[u8],
    block_count: u32,
    rows: u64,
    data_end: u64,
) -> Result<Vec<BlockEntry>, Corruption> {
    if section.len() != block_count as usize * BLOCK_ENTRY_BYTES {
        let expected = format!("{block_count} entries of {BLOCK_ENTRY_BYTES} bytes");
        return Err(Corruption::new(0, "block directory length", expected, section.len()));
    }
    let mut reader = Reader::new(section);
    let mut blocks = Vec::with_capacity(block_count as usize);
    let (mut free_from, mut rows_left) = (HEADER_BYTES, rows);
    for idx in 0..block_count {
        let at = reader.position();
        let entry = BlockEntry {
            offset: reader.u64("block offset")?,
            byte_len: reader.u32("block length")?,
            rows: reader.u32("block rows")?,
            checksum: reader.u32("block checksum")?,
        };
        let end = entry.padded_end();
        let in_place = entry.offset >= free_from
            && entry.offset.is_multiple_of(BLOCK_ALIGNMENT as u64)
            && end.is_some_and(|end| end <= data_end);
        if !in_place {
            let expected = format!("a multiple of 64 within {free_from}..{data_end}");
            let found = format!("{} + {}", entry.offset, entry.byte_len);
            return Err(Corruption::new(at, "block place", expected, found));
        }
        free_from = end.unwrap_or(data_end);
        // Every block but the last is full, so that a row's block is its number / 65,536.
        let expected_rows = rows_left.min(BLOCK_ROWS as u64);
        if u64::from(entry.rows) != expected_rows || expected_rows == 0 {
            let what = format!("rows of block {idx}");
            return Err(Corruption::new(at, what, expected_rows, entry.rows));
        }
        rows_left -= expected_rows;
        blocks.push(entry);
    }
    if rows_left > 0 {
        let found = format!("{rows_left} fewer");
        return Err(Corruption::new(0, "rows of all blocks", rows, found));
    }
    Ok(blocks)
}

fn type_tag(data_type: DataType) -> (u8, u8, u8) {
    let tag = match data_type {
        DataType::Boolean => 1,
        DataType::SmallInt => 2,
        DataType::Integer => 3,
        DataType::BigInt => 4,
        DataType::Real => 5,
        DataType::Double => 6,
        DataType::Decimal { precision, scale } => return (7, precision, scale),
        DataType::Varchar => 8,
        DataType::Date => 9,
        DataType::Time => 10,
        DataType::Timestamp => 11,
        DataType::TimestampTz => 12,
    };
    (tag, 0, 0)
}

fn type_of_tag(tag: u8, precision: u8, scale: u8) -> Option<DataType> {
    let data_type = match tag {
        1 => DataType::Boolean,
        2 => DataType::SmallInt,
        3 => DataType::Integer,
        4 => DataType::BigInt,
        5 => DataType::Real,
        6 => DataType::Double,
        7 => DataType::Decimal { precision, scale },
        8 => DataType::Varchar,
        9 => DataType::Date,
        10 => DataType::Time,
        11 => DataType::Timestamp,
        12 => DataType::TimestampTz,
        _ => return None,
    };
    data_type.is_valid().then_some(data_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_a_tag_of_its_own() {
        let decimal = DataType::Decimal { precision: 20, scale: 4 };
        for tag in 1..=12 {
            let data_type = type_of_tag(tag, 20, 4).unwrap();
            assert_eq!(type_tag(data_type).0, tag);
        }
        assert_eq!(type_of_tag(7, 20, 4), Some(decimal));
        assert_eq!(type_of_tag(7, 4, 5), None);
        assert_eq!(type_of_tag(13, 0, 0), None);
    }

    #[test]
    fn an_unknown_section_is_skipped() {
        let footer = Footer {
            data_type: DataType::Date,
            rows: 0,
            blocks: Vec::new(),
            zones: Vec::new(),
            derivations: Vec::new(),
            dictionary: None,
            bitmaps: Vec::new(),
        };
        let mut bytes = footer.encode();
        bytes.extend(99_u16.to_le_bytes());
        bytes.extend(3_u32.to_le_bytes());
        bytes.extend(b"new");
        assert_eq!(Footer::decode(&bytes, HEADER_BYTES), Ok(footer));
    }
}
