//! The symbol table: what each code of one byte stands for.
//!
//! ```text
//!   ┌───────┬─────────────────────┬──────────────────────────────┐
//!   │ count │ lengths, 1..=8      │ symbols, one behind the other │
//!   │ u8    │ `count` bytes       │ as many bytes as the lengths  │
//!   └───────┴─────────────────────┴──────────────────────────────┘
//!    0..=255                         say together
//! ```
//!
//! Code `i` is symbol `i`. Code 255 is the escape: the byte after it stands for itself. Nothing is
//! assumed of a stream of codes; a code without a symbol and an escape at the end are damage. There
//! is no unsafe code: eight bytes are written for every symbol, into a buffer that is eight bytes
//! longer than the text, and the next symbol overwrites those that were too many.

use crate::bytes::{Reader, Writer};
use starfact_base::Corruption;
use starfact_base::limits::STRING_BYTES_MAX;
use std::cmp::Ordering;

/// Bytes of the longest symbol.
pub(super) const SYMBOL_BYTES_MAX: usize = 8;
/// The code whose next byte stands for itself.
const ESCAPE: u8 = 255;

/// A symbol, its bytes first.
type Symbol = [u8; SYMBOL_BYTES_MAX];

/// Symbols by code.
#[derive(Clone, Debug)]
pub(super) struct Symbols {
    count: usize,
    /// For every code a symbol and how many of its bytes count: 0 where there is none.
    table: Box<[(Symbol, u8); 256]>,
}

impl Symbols {
    /// A table of these symbols, at most 255 of 1 to 8 bytes each.
    pub(super) fn new<'a>(symbols: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut table = Box::new([([0; SYMBOL_BYTES_MAX], 0); 256]);
        let mut count = 0;
        for (symbol, entry) in symbols.zip(table.iter_mut().take(usize::from(ESCAPE))) {
            for (to, from) in entry.0.iter_mut().zip(symbol) {
                *to = *from;
            }
            entry.1 = symbol.len().min(SYMBOL_BYTES_MAX) as u8;
            count += 1;
        }
        Self { count, table }
    }

    fn symbols(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.table.iter().take(self.count);
        entries.map(|(symbol, len)| symbol.get(..usize::from(*len)).unwrap_or_default())
    }

    /// Bytes of what [`Symbols::encode`] writes.
    pub(super) fn encoded_bytes(&self) -> usize {
        1 + self.symbols().map(|symbol| 1 + symbol.len()).sum::<usize>()
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.u8(self.count as u8);
        self.symbols().for_each(|symbol| writer.u8(symbol.len() as u8));
        self.symbols().for_each(|symbol| writer.extend(symbol));
    }

    pub(super) fn parse(reader: &mut Reader) -> Result<Self, Corruption> {
        let count = usize::from(reader.u8("symbols")?);
        let position = reader.position();
        let lengths = reader.take(count, "lengths of symbols")?;
        let lengths = lengths.as_slice();
        let allowed = |len: &u8| (1..=SYMBOL_BYTES_MAX).contains(&usize::from(*len));
        if let Some(place) = lengths.iter().position(|len| !allowed(len)) {
            let found = lengths.get(place).copied().unwrap_or_default();
            let at = (position + place) as u64;
            return Err(Corruption::new(at, "length of a symbol", "1 to 8", found));
        }
        let total = lengths.iter().map(|&len| usize::from(len)).sum();
        let bytes = reader.take(total, "symbols")?;
        let mut rest = bytes.as_slice();
        let symbols = lengths.iter().map(|&len| {
            let (symbol, after) = rest.split_at_checked(usize::from(len)).unwrap_or_default();
            rest = after;
            symbol
        });
        Ok(Self::new(symbols))
    }

    #[inline(always)]
    fn get(&self, code: u8) -> (&Symbol, usize) {
        // Every byte is a place of the table, so the compiler knows that this is never empty.
        match self.table.get(usize::from(code)) {
            Some((symbol, len)) => (symbol, usize::from(*len)),
            None => (&[0; SYMBOL_BYTES_MAX], 0),
        }
    }

    /// Writes the text of `codes` to `out` from `at` on and returns where it ends: at least eight
    /// bytes before the end of `out`. `position` is where the codes lie, for messages.
    #[inline]
    pub(super) fn decode(
        &self,
        codes: &[u8],
        out: &mut [u8],
        at: usize,
        position: usize,
    ) -> Result<usize, Corruption> {
        let mut end = at;
        let mut codes = codes.iter();
        while let Some(&code) = codes.next() {
            let (symbol, len) = self.get(code);
            let place = out.get_mut(end..).and_then(<[u8]>::first_chunk_mut);
            let Some(place) = place else { return Err(too_long(position)) };
            if len > 0 {
                *place = *symbol;
                end += len;
            } else {
                let [first, ..] = place;
                *first = escaped(code, codes.next(), position)?;
                end += 1;
            }
        }
        if end - at > STRING_BYTES_MAX || end + SYMBOL_BYTES_MAX > out.len() {
            return Err(too_long(position));
        }
        Ok(end)
    }

    /// The order of the text of `codes` to `text`. Only as many codes are looked at as it takes.
    pub(super) fn compare(
        &self,
        codes: &[u8],
        text: &[u8],
        position: usize,
    ) -> Result<Ordering, Corruption> {
        let mut rest = text;
        for piece in self.pieces(codes, position) {
            let (symbol, len) = piece?;
            let symbol = symbol.get(..len).unwrap_or_default();
            let (wanted, after) = rest.split_at(len.min(rest.len()));
            match symbol.cmp(wanted) {
                Ordering::Equal => rest = after,
                order => return Ok(order),
            }
        }
        Ok(if rest.is_empty() { Ordering::Equal } else { Ordering::Less })
    }

    /// Whether the text of `codes` begins with `prefix`.
    pub(super) fn starts_with(
        &self,
        codes: &[u8],
        prefix: &[u8],
        position: usize,
    ) -> Result<bool, Corruption> {
        let mut rest = prefix;
        for piece in self.pieces(codes, position) {
            let (symbol, len) = piece?;
            let (wanted, after) = rest.split_at(len.min(rest.len()));
            if !symbol.starts_with(wanted) {
                return Ok(false);
            }
            if after.is_empty() {
                return Ok(true);
            }
            rest = after;
        }
        Ok(rest.is_empty())
    }

    /// What the codes stand for, one after the other: a symbol and how many of its bytes count.
    #[inline]
    fn pieces(
        &self,
        codes: &[u8],
        position: usize,
    ) -> impl Iterator<Item = Result<(Symbol, usize), Corruption>> {
        let mut codes = codes.iter();
        std::iter::from_fn(move || {
            let code = *codes.next()?;
            let (symbol, len) = self.get(code);
            if len > 0 {
                return Some(Ok((*symbol, len)));
            }
            let byte = escaped(code, codes.next(), position);
            Some(byte.map(|byte| ([byte, 0, 0, 0, 0, 0, 0, 0], 1)))
        })
    }
}

/// The byte behind an escape.
#[cold]
fn escaped(code: u8, next: Option<&u8>, position: usize) -> Result<u8, Corruption> {
    let damage = |expected: &str, found: String| {
        Err(Corruption::new(position as u64, "codes of text", expected, found))
    };
    match next {
        _ if code != ESCAPE => damage("codes of symbols that there are", format!("code {code}")),
        None => damage("a byte after an escape", "the end of a row".into()),
        Some(&byte) => Ok(byte),
    }
}

#[cold]
fn too_long(position: usize) -> Corruption {
    let what = "codes of text";
    Corruption::new(position as u64, what, "no more text than was announced", "more")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Symbols {
        Symbols::new([b"ab".as_slice(), b"abcdefgh", b"c", b"\0"].into_iter())
    }

    fn decoded(codes: &[u8]) -> Result<Vec<u8>, Corruption> {
        let mut out = vec![7; 64];
        let end = table().decode(codes, &mut out, 3, 40)?;
        assert_eq!(out[..3], [7; 3]);
        Ok(out[3..end].to_vec())
    }

    #[test]
    fn codes_stand_for_symbols_and_escapes_for_bytes() {
        assert_eq!(decoded(&[0, 2, 255, b'x', 1, 3]).unwrap(), b"abcxabcdefgh\0");
        assert_eq!(decoded(&[255, 255, 255, 1]).unwrap(), [255, 1]);
        assert_eq!(decoded(&[]).unwrap(), b"");
    }

    #[test]
    fn codes_that_mean_nothing_are_damage() {
        for codes in [&[4][..], &[0, 254], &[255], &[0, 255], &[1; 7], &[255, 0, 9]] {
            let damage = decoded(codes).unwrap_err();
            assert_eq!((damage.offset, damage.what.as_str()), (40, "codes of text"), "{codes:?}");
        }
        assert_eq!(decoded(&[1; 6]).unwrap().len(), 48);
    }

    #[test]
    fn text_compares_as_when_it_is_decoded() {
        let streams: [&[u8]; 6] = [&[], &[0], &[0, 2], &[1], &[255, b'b'], &[0, 255, 0]];
        let texts: [&[u8]; 8] =
            [b"", b"a", b"ab", b"abc", b"abcdefgh", b"abcdefghi", b"b", b"ab\0"];
        for codes in streams {
            for text in texts {
                let expected = decoded(codes).unwrap().as_slice().cmp(text);
                let label = format!("{codes:?} {text:?}");
                assert_eq!(table().compare(codes, text, 0).unwrap(), expected, "{label}");
                let expected = decoded(codes).unwrap().starts_with(text);
                assert_eq!(table().starts_with(codes, text, 0).unwrap(), expected, "{label}");
            }
        }
        assert!(table().compare(&[0, 9], b"abc", 0).is_err());
        assert_eq!(table().compare(&[0, 9], b"aa", 0), Ok(Ordering::Greater));
    }

    #[test]
    fn tables_come_back_and_wrong_lengths_are_refused() {
        let mut writer = Writer::default();
        table().encode(&mut writer);
        assert_eq!(writer.position(), table().encoded_bytes());
        let bytes = writer.into_bytes();
        let mut reader = Reader::new(bytes.clone().into());
        let back = Symbols::parse(&mut reader).unwrap();
        assert!(back.symbols().eq(table().symbols()) && reader.finish().is_ok());
        for len in [0, 9, 255] {
            let mut wrong = bytes.clone();
            wrong[2] = len;
            let damage = Symbols::parse(&mut Reader::new(wrong.into())).unwrap_err();
            assert_eq!((damage.offset, damage.found.as_str()), (2, len.to_string().as_str()));
        }
    }
}
