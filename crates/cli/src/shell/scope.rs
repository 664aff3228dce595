//! Which tables a statement names, and by which names its columns can be reached.

use super::keywords;
use crate::catalog::Table;

/// The tables that are named in a statement.
pub struct Scope<'a> {
    /// The name or alias, and the table.
    entries: Vec<(String, &'a Table)>,
}

impl<'a> Scope<'a> {
    /// Finds tables and aliases among the words of a statement.
    pub fn of(words: &[String], tables: &'a [Table]) -> Self {
        let mut entries = Vec::new();
        for (place, word) in words.iter().enumerate() {
            let table = tables.iter().find(|table| table.name.eq_ignore_ascii_case(word));
            let Some(table) = table else { continue };
            entries.push((word.clone(), table));
            let mut next = words.get(place + 1);
            if next.is_some_and(|word| word.eq_ignore_ascii_case("as")) {
                next = words.get(place + 2);
            }
            if let Some(alias) = next.filter(|word| is_alias(word)) {
                entries.push((alias.clone(), table));
            }
        }
        Self { entries }
    }

    /// Whether no table is named.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The columns of the table with this name or alias.
    pub fn columns_of(&self, name: &str) -> &'a [String] {
        let entry = self.entries.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        entry.map_or(&[], |(_, table)| table.columns.as_slice())
    }

    /// The columns of all tables that are named.
    pub fn columns(&self) -> impl Iterator<Item = &'a String> {
        self.entries.iter().flat_map(|(_, table)| &table.columns)
    }

    /// Names and aliases that can stand before a point.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.entries.iter().map(|(name, _)| name)
    }
}

fn is_alias(word: &str) -> bool {
    word.starts_with(|c: char| c.is_alphabetic() || c == '_') && !keywords::is_keyword(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_stand_for_tables() {
        let table =
            |name: &str, column: &str| Table { name: name.into(), columns: vec![column.into()] };
        let tables = [table("sales", "amount"), table("date", "year")];
        let words: Vec<String> =
            "select from sales s join DATE as d on".split(' ').map(Into::into).collect();
        let scope = Scope::of(&words, &tables);
        assert_eq!(scope.columns_of("S"), ["amount"]);
        assert_eq!(scope.columns_of("sales"), ["amount"]);
        assert_eq!(scope.columns_of("d"), ["year"]);
        assert!(scope.columns_of("on").is_empty() && scope.columns_of("x").is_empty());
    }
}
