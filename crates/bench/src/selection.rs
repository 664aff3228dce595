//! Which queries of a benchmark a run asks.
//!
//! They run in the order in which they are named, each once.

use crate::error::{Error, Result};
use crate::workload::{Query, Workload};

/// The word for all queries of our own.
const OWN: &str = "own";

/// The queries that `names` choose: those of the benchmark if it is empty; a name is that of a
/// query, of the benchmark or of our own, or `own`.
///
/// # Errors
/// `InvalidInput` for a name that no query has.
pub(crate) fn selected<W: Workload>(names: &[String]) -> Result<Vec<&'static Query>> {
    if names.is_empty() {
        return Ok(W::queries().iter().collect());
    }
    let mut selected: Vec<&'static Query> = Vec::new();
    for name in names {
        for query in named::<W>(name)? {
            if !selected.iter().any(|other| other.name == query.name) {
                selected.push(query);
            }
        }
    }
    Ok(selected)
}

fn named<W: Workload>(name: &str) -> Result<&'static [Query]> {
    let own = W::own_queries();
    if name.eq_ignore_ascii_case(OWN) && !own.is_empty() {
        return Ok(own);
    }
    let is_named = |query: &Query| query.name.eq_ignore_ascii_case(name);
    let found = |queries: &'static [Query]| queries.iter().find(|query| is_named(query));
    let query = found(W::queries()).or_else(|| found(own));
    query.map(std::slice::from_ref).ok_or_else(|| {
        let names = [W::queries(), own].into_iter().filter_map(range).collect::<Vec<_>>();
        let own = if own.is_empty() { "" } else { "; \"own\" is all of the latter" };
        Error::InvalidInput(format!(
            "{} has no query \"{name}\". There are {}{own}",
            W::NAME,
            names.join(" and "),
        ))
    })
}

/// `Q1 to Q22`
fn range(queries: &[Query]) -> Option<String> {
    Some(format!("{} to {}", queries.first()?.name, queries.last()?.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ssb, tpch};

    fn names<W: Workload>(named: &[&str]) -> Result<Vec<&'static str>> {
        let named: Vec<String> = named.iter().map(ToString::to_string).collect();
        Ok(selected::<W>(&named)?.iter().map(|query| query.name).collect())
    }

    #[test]
    fn queries_of_our_own_run_only_if_they_are_asked_for() {
        let all = names::<tpch::Generator>(&[]).unwrap();
        assert_eq!((all.len(), all[0], all[21]), (22, "Q1", "Q22"));
        let own = names::<tpch::Generator>(&["own"]).unwrap();
        assert_eq!(own.len(), tpch::Generator::own_queries().len());
        assert!(own.iter().all(|name| name.starts_with('O')), "{own:?}");
    }

    #[test]
    fn names_choose_queries_in_their_order_each_once() {
        let chosen = names::<tpch::Generator>(&["O2", "q22", "O1", "O2"]).unwrap();
        assert_eq!(chosen, ["O2", "Q22", "O1"]);
        let chosen = names::<tpch::Generator>(&["O2", "own"]).unwrap();
        assert_eq!(chosen.len(), tpch::Generator::own_queries().len());
        assert_eq!(chosen[..3], ["O2", "O1", "O3"]);
        assert_eq!(names::<ssb::Generator>(&["Q4.1"]).unwrap(), ["Q4.1"]);
    }

    #[test]
    fn a_name_that_no_query_has_is_an_error_with_those_that_there_are() {
        let message = names::<tpch::Generator>(&["Q1", "Q23"]).unwrap_err().to_string();
        let (first, last) =
            (tpch::Generator::own_queries().first(), tpch::Generator::own_queries().last());
        let range = format!("Q1 to Q22 and {} to {};", first.unwrap().name, last.unwrap().name);
        assert!(message.contains("\"Q23\"") && message.contains(&range), "{message}");
        for name in ["own", "O1", ""] {
            let message = names::<ssb::Generator>(&[name]).unwrap_err().to_string();
            assert!(message.ends_with("There are Q1.1 to Q4.3"), "{message}");
        }
    }
}
