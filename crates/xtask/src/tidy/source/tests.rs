//! Tests of the scanner on the constructs that mislead simple ones.

use super::*;

fn code(text: &str) -> String {
    Source::parse("a.rs", text).code.join("\n")
}

#[test]
fn strings_and_comments_are_blanked_in_place() {
    let source = Source::parse("a.rs", "let x = \"a // b\"; // why\nlet y = 1;");
    assert_eq!(source.code[0].trim_end(), "let x = \"      \";");
    assert_eq!(source.comments[0].trim(), "// why");
    assert_eq!(source.comments[0].find("//"), source.text[0].rfind("//"));
    assert_eq!(source.code[1], "let y = 1;");
}

#[test]
fn escapes_and_raw_strings_end_where_they_end() {
    assert_eq!(code(r#"f("\"{", 1)"#), r#"f("   ", 1)"#);
    assert_eq!(code(r##"f(r#"a"{"#, 1)"##), r##"f(r#"   "#, 1)"##);
    assert_eq!(code("f(br\"\\\", 1)"), "f(br\" \", 1)");
    assert_eq!(code("f(\"a\n}\", 1)"), "f(\" \n \", 1)");
    assert_eq!(code("let r#type = for_r\"\";"), "let r#type = for_r\"\";");
}

#[test]
fn characters_are_blanked_and_lifetimes_are_not() {
    assert_eq!(code("f('{', '\\'', '\\u{7d}', b'\"')"), "f(' ', '  ', '      ', b' ')");
    assert_eq!(code("fn f<'a>(x: &'a str) {}"), "fn f<'a>(x: &'a str) {}");
}

#[test]
fn block_comments_nest() {
    assert_eq!(code("a /* b /* c */ d\n */ e").split_whitespace().collect::<String>(), "ae");
}

#[test]
fn an_item_ends_at_its_brace_or_semicolon() {
    let text = "fn a(\n  x: [u8; 4],\n) -> u8 {\n  if x { \"}\" }\n}\nfn b();\nmod c;\nfn d() {}";
    let source = Source::parse("a.rs", text);
    let ends: Vec<usize> = [0, 5, 6, 7].iter().map(|&line| source.item_end(line)).collect();
    assert_eq!(ends, [4, 5, 6, 7]);
}

#[test]
fn test_modules_are_known_inside_and_outside_of_the_file() {
    let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() {}\n}\nfn c() {}\n\
                #[cfg(test)]\n#[path = \"x\"]\nmod check;\n#[cfg(not(test))]\nfn d() {}\n";
    let files = [
        ("crates/a/src/lib.rs", text),
        ("crates/a/src/check.rs", "fn e() {}"),
        ("crates/a/src/check/more.rs", "fn f() {}"),
        ("crates/a/src/checked.rs", "#[cfg(any(test, feature = \"x\"))]\nmod g;\nfn h() {}"),
        ("crates/a/src/checked/g.rs", "fn i() {}"),
        ("crates/a/tests/j.rs", "fn j() {}"),
    ];
    let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
    let sources = parse_all(&BTreeMap::from(files));
    let tests_of = |path: &str| {
        let source = sources.iter().find(|source| source.path == path).unwrap();
        source.is_test.clone()
    };
    let expected = [false, true, true, true, true, false, true, true, true, false, false];
    assert_eq!(tests_of("crates/a/src/lib.rs"), expected);
    assert_eq!(tests_of("crates/a/src/check.rs"), [true]);
    assert_eq!(tests_of("crates/a/src/check/more.rs"), [true]);
    assert_eq!(tests_of("crates/a/src/checked.rs"), [true, true, false]);
    assert_eq!(tests_of("crates/a/src/checked/g.rs"), [true]);
    assert_eq!(tests_of("crates/a/tests/j.rs"), [true]);
}

#[test]
fn words_have_edges() {
    assert!(contains_word("x = File::open()", "File::"));
    assert!(!contains_word("x = ColumnFile::open()", "File::"));
    assert!(contains_word("unsafe {", "unsafe"));
    assert!(!contains_word("unsafe_code", "unsafe"));
    assert!(contains_word("#[ignore]", "#[ignore"));
    assert!(!contains_word("eprint!(x)", "print!"));
}
