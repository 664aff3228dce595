//! Runs what has to pass before a change goes in, and says how long each step took.
//!
//! A failed step does not stop the others, so that one run tells everything. The tests come last,
//! so their closing lines end the log.

use crate::tidy;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// A step that runs Cargo: its name, its arguments and what it needs in the environment.
struct Step {
    name: &'static str,
    arguments: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const FORMAT: Step =
    Step { name: "fmt", arguments: &["fmt", "--all", "--check"], environment: &[] };
const CLIPPY: Step = Step {
    name: "clippy",
    arguments: &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
    environment: &[],
};
const DOCUMENTATION: Step = Step {
    name: "doc",
    arguments: &["doc", "--workspace", "--no-deps", "--quiet"],
    environment: &[("RUSTDOCFLAGS", "-D warnings")],
};
/// The command that the README gives.
const TEST: Step = Step { name: "test", arguments: &["test", "--workspace"], environment: &[] };

/// Runs all steps in `root`; the error names those that failed.
pub fn run(root: &Path) -> Result<(), String> {
    let start = Instant::now();
    let mut failed = Vec::new();
    let mut step = |name: &'static str, action: &dyn Fn() -> Result<(), String>| {
        let start = Instant::now();
        let result = action();
        let seconds = start.elapsed().as_secs_f64();
        match result {
            Ok(()) => println!("ci: {name} passed in {seconds:.1} s"),
            Err(message) => {
                println!("ci: {name} FAILED in {seconds:.1} s: {message}");
                failed.push(name);
            }
        }
    };
    step(FORMAT.name, &|| cargo(root, &FORMAT));
    step("tidy", &|| tidy::run(root));
    step(CLIPPY.name, &|| cargo(root, &CLIPPY));
    step(DOCUMENTATION.name, &|| cargo(root, &DOCUMENTATION));
    step(TEST.name, &|| cargo(root, &TEST));
    let seconds = start.elapsed().as_secs_f64();
    if failed.is_empty() {
        println!("ci: all passed in {seconds:.1} s");
        Ok(())
    } else {
        Err(format!("ci: {} failed, after {seconds:.1} s", failed.join(", ")))
    }
}

fn cargo(root: &Path, step: &Step) -> Result<(), String> {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(program)
        .args(step.arguments)
        .envs(step.environment.iter().copied())
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("cargo {}: {status}", step.arguments[0])) }
}
