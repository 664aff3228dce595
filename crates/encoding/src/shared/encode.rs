//! Writes a block of text anew, as codes of a dictionary that lies outside of it.

use super::SharedDictionary;
use crate::Block;
use crate::bytes::Writer;
use crate::integer::Rows;
use crate::integer::constant::Constant;
use crate::integer::encode as integers;
use crate::text::shared;
use starfact_base::Corruption;

/// The bytes of `block` with codes of `dictionary`; `None` if it cannot be: if the block is neither
/// a dictionary nor constant text, or if a text of it is not in the dictionary.
///
/// # Errors
/// Damage.
pub fn encode_shared(
    block: &Block,
    dictionary: &SharedDictionary,
) -> Result<Option<Vec<u8>>, Corruption> {
    let Some((distinct, mut codes)) = block.distinct_texts_and_codes()? else { return Ok(None) };
    let Some(map) = map(distinct.bytes_iter(), dictionary) else { return Ok(None) };
    for code in &mut codes {
        // Blocks of NULLs have no text, and any code will do.
        *code = map.get(*code as usize).copied().unwrap_or_default();
    }
    let mut writer = Writer::default();
    match block.validity().is_all(1) {
        true => Constant::encode(1, &mut writer),
        false => {
            let bits: Vec<u8> = block.validity().fetch(&Rows::Range(0..block.rows()))?;
            integers::encode_validity(&bits, &mut writer);
        }
    }
    writer.u8(shared::TAG);
    integers::encode_shared_codes(&codes, &mut writer);
    Ok(Some(writer.into_bytes()))
}

/// The codes of ascending texts; `None` if one of them has none.
fn map<'a>(
    texts: impl Iterator<Item = &'a [u8]>,
    dictionary: &SharedDictionary,
) -> Option<Vec<u32>> {
    let mut code = 0;
    let mut map = Vec::new();
    for text in texts {
        while code < dictionary.len() && dictionary.texts.get(code) < text {
            code += 1;
        }
        if code == dictionary.len() || dictionary.texts.get(code) != text {
            return None;
        }
        map.push(code as u32);
    }
    Some(map)
}
