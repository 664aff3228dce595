//! The examples of `docs/FORMAT.md` are what this code writes and reads.

use crate::{ColumnFile, ColumnWriter};
use arrow::array::{Array, ArrayRef, AsArray, StringViewArray};
use starfact_base::DataType;
use starfact_base::checksum::checksum;
use starfact_encoding::EncodeOptions;
use starfact_vfs::{Dir, MemDir};
use std::sync::Arc;

const DOCUMENT: &str = include_str!("../../../docs/FORMAT.md");

/// The fenced block that follows the line `<!-- name -->`.
fn example(name: &str) -> &'static str {
    let marker = format!("<!-- {name} -->\n```");
    let after = DOCUMENT.split(&marker).nth(1).expect("the document has the example");
    let (_, text) = after.split_once('\n').expect("a fenced block");
    text.split("```").next().expect("the end of the block")
}

/// The bytes of a dump: offset, up to 16 bytes in hexadecimal, and what they are behind a bar.
fn bytes_of_dump(dump: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in dump.lines() {
        let line = line.split('│').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let offset = words.next().expect("an offset");
        assert_eq!(usize::from_str_radix(offset, 16), Ok(bytes.len()), "{line}");
        bytes.extend(words.map(|word| u8::from_str_radix(word, 16).expect("a byte")));
    }
    bytes
}

#[test]
fn the_documented_file_is_what_is_written() {
    let dir = MemDir::new();
    let options = EncodeOptions::default();
    let rows = [Some("ASIA"), Some("ASIA"), None, Some("EUROPE"), Some("ASIA"), Some("EUROPE")];
    let array: ArrayRef = Arc::new(StringViewArray::from_iter(rows.repeat(4)));
    let mut writer = ColumnWriter::create(&dir, "a.col", DataType::Varchar, options).unwrap();
    writer.append(&array).unwrap();
    writer.finish().unwrap();
    let written = dir.read("a.col").unwrap();
    let documented = bytes_of_dump(example("column file"));
    assert!(written == documented, "written:\n{}", dump(&written));

    let mut file = dir.create("b.col").unwrap();
    file.write(&documented).unwrap();
    file.finish().unwrap();
    let block = ColumnFile::open(&dir, "b.col").unwrap().block(0).unwrap();
    let decoded = block.decode(0..24).unwrap();
    assert_eq!(decoded.as_string_view(), array.as_string_view());
    assert_eq!(decoded.null_count(), 4);
    assert!(DOCUMENT.contains(&format!("`{}`", block.tree())), "{}", block.tree());
}

#[test]
fn the_documented_header_lines_fit_what_follows_them() {
    for (name, kind) in [("CURRENT", "starfact-current"), ("manifest", "starfact-manifest")] {
        let text = example(name);
        let (line, payload) = text.split_once('\n').unwrap();
        // The last line of a fenced block ends in a newline that a manifest does not have.
        let payload = if kind == "starfact-manifest" { payload.trim_end() } else { payload };
        let sum = checksum(payload.as_bytes());
        assert_eq!(line, format!("{kind} 1 {} {sum:08x}", payload.len()));
    }
}

/// Bytes as the document shows them.
fn dump(bytes: &[u8]) -> String {
    let line = |(idx, chunk): (usize, &[u8])| {
        let words: Vec<String> = chunk.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{:04x}  {}\n", idx * 16, words.join(" "))
    };
    bytes.chunks(16).enumerate().map(line).collect()
}
