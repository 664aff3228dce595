//! Names of the columns of a result that are all different, for objects.

use arrow::datatypes::SchemaRef;
use std::collections::HashSet;

/// The names of the columns; one that was there before gets the first of `_1`, `_2`, … that makes
/// it a name that no column has.
pub fn distinct(schema: &SchemaRef) -> Vec<String> {
    let original: HashSet<&str> =
        schema.fields().iter().map(|field| field.name().as_str()).collect();
    let mut taken = HashSet::new();
    let mut names = Vec::with_capacity(original.len());
    for field in schema.fields() {
        let mut name = field.name().clone();
        let mut number = 1;
        while taken.contains(&name) || (number > 1 && original.contains(name.as_str())) {
            name = format!("{}_{number}", field.name());
            number += 1;
        }
        taken.insert(name.clone());
        names.push(name);
    }
    names
}

#[cfg(test)]
mod tests {
    use super::distinct;
    use arrow::datatypes::{DataType, Field, Schema};
    use std::sync::Arc;

    #[test]
    fn no_name_is_lost_or_given_twice() {
        let field = |name: &&str| Field::new(*name, DataType::Int32, true);
        let names = ["a", "a", "a_1", "b", "a"];
        let schema = Arc::new(Schema::new(names.iter().map(field).collect::<Vec<_>>()));
        assert_eq!(distinct(&schema), ["a", "a_2", "a_1", "b", "a_3"]);
    }
}
