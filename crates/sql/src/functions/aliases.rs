//! Other names of functions of the query engine, as other systems have them.

use datafusion::execution::FunctionRegistry;
use datafusion::execution::SessionState;

/// A function, and what else it is called.
const SCALARS: &[(&str, &[&str])] = &[
    ("array_min", &["list_min"]),
    ("ascii", &["ord", "unicode"]),
    ("ends_with", &["suffix"]),
    ("levenshtein", &["editdist3"]),
    ("lower", &["lcase"]),
    ("make_array", &["list_value", "list_pack"]),
    ("octet_length", &["strlen"]),
    ("regexp_like", &["regexp_matches"]),
    ("starts_with", &["prefix"]),
    ("string_to_array", &["string_split", "str_split", "split"]),
    ("upper", &["ucase"]),
    ("uuid", &["gen_random_uuid"]),
];

const AGGREGATES: &[(&str, &[&str])] = &[
    ("approx_distinct", &["approx_count_distinct"]),
    ("approx_percentile_cont", &["approx_quantile"]),
    ("array_agg", &["list"]),
    ("string_agg", &["group_concat", "listagg"]),
    ("var_samp", &["variance"]),
];

/// Registers them.
pub(crate) fn register_aliases(state: &mut SessionState) {
    for (name, aliases) in SCALARS {
        if let Ok(function) = state.udf(name) {
            let function = function.as_ref().clone().with_aliases(aliases.iter().copied());
            // Replacing a function never fails.
            let _ = state.register_udf(function.into());
        }
    }
    for (name, aliases) in AGGREGATES {
        if let Ok(function) = state.udaf(name) {
            let function = function.as_ref().clone().with_aliases(aliases.iter().copied());
            let _ = state.register_udaf(function.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::execution::SessionStateBuilder;

    #[test]
    fn every_alias_is_of_a_function_that_is_there_and_hides_none() {
        let mut state = SessionStateBuilder::new().with_default_features().build();
        for (name, aliases) in SCALARS {
            assert!(state.udf(name).is_ok(), "{name}");
            assert!(aliases.iter().all(|alias| state.udf(alias).is_err()), "{aliases:?}");
        }
        for (name, aliases) in AGGREGATES {
            assert!(state.udaf(name).is_ok(), "{name}");
            assert!(aliases.iter().all(|alias| state.udaf(alias).is_err()), "{aliases:?}");
        }
        register_aliases(&mut state);
        assert!(state.udf("prefix").is_ok() && state.udaf("list").is_ok());
    }
}
