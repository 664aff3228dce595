//! From the command line to an exit code: opens the warehouse and runs what is asked for.

use crate::args::{self, ExportArgs, ImportArgs, Init, Invocation, Resources, RunOptions, Script};
use crate::bench;
use crate::exit::Exit;
use crate::identifier::literal;
use crate::input::{FileLines, TextLines};
use crate::output::{Failure, Mode};
use crate::report::{self, Source};
use crate::runner::{Opened, Opener, Runner, Stop};
use crate::shell;
use crate::signals::Signals;
use crate::terminal;
use crate::transfer;
use crate::upkeep;
use crate::view::View;
use starfact::{Error, ErrorKind, OpenOptions, Warehouse};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Does what the arguments say.
pub fn run(arguments: Vec<OsString>) -> Exit {
    let invocation = match args::parse(arguments) {
        Ok(invocation) => invocation,
        Err(error) if error.use_stderr() => {
            report::write(&args::describe(&error));
            return Exit::USAGE;
        }
        Err(help) => return print_help(&help.render().to_string()),
    };
    let signals = match Signals::install() {
        Ok(signals) => signals,
        Err(error) => {
            return refuse(&Error::internal(format!("cannot listen to signals: {error}")));
        }
    };
    let settings = match &invocation {
        Invocation::Run(options) => &options.resources.set,
        Invocation::Import(arguments) => &arguments.resources.set,
        Invocation::Export(arguments) => &arguments.resources.set,
        Invocation::Bench(arguments) => &arguments.resources.set,
        Invocation::Check(arguments) => &arguments.resources.set,
        Invocation::Backup(arguments) => &arguments.resources.set,
    };
    if let Some(exit) = check_settings(settings) {
        return exit;
    }
    match invocation {
        Invocation::Run(options) => run_scripts(*options, signals),
        Invocation::Import(arguments) => import(&arguments, signals),
        Invocation::Export(arguments) => export(&arguments, signals),
        Invocation::Bench(arguments) => bench::run(&arguments, &signals),
        Invocation::Check(arguments) => {
            let warehouse = Target { path: &arguments.warehouse, read_only: true };
            on(&warehouse, arguments.mode, &arguments.resources, signals, |runner| {
                upkeep::check(runner, &arguments)
            })
        }
        Invocation::Backup(arguments) => {
            let warehouse = Target { path: &arguments.warehouse, read_only: true };
            on(&warehouse, None, &arguments.resources, signals, |runner| {
                upkeep::backup(runner, &arguments)
            })
        }
    }
}

fn print_help(text: &str) -> Exit {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            refuse(&Error::sql(format!("cannot write to standard output: {error}")))
        }
        _ => Exit::SUCCESS,
    }
}

/// What is run, with every file opened before anything runs.
struct Job {
    init: Option<(PathBuf, FileLines)>,
    inputs: Vec<Input>,
}

enum Input {
    Text(String),
    File(PathBuf, FileLines),
    Stdin,
    Shell,
}

/// Refuses settings that there are not, before anything is opened or created.
fn check_settings(settings: &[(String, String)]) -> Option<Exit> {
    settings.iter().find_map(|(name, value)| {
        let mut error = starfact::check_setting(name, value).err()?;
        error.message = format!("--set {name}: {}", error.message);
        report::error(&error, None);
        Some(Exit::USAGE)
    })
}

fn run_scripts(options: RunOptions, signals: Signals) -> Exit {
    let job = match plan(&options) {
        Ok(job) => job,
        Err(error) => return refuse(&error),
    };
    let is_shell = matches!(job.inputs.as_slice(), [Input::Shell]);
    let opener = opener(&options.resources, options.read_only, &signals);
    let opened = match opener(options.warehouse.clone(), options.read_only) {
        Ok(opened) => opened,
        Err(error) => return refuse(&error),
    };
    let view = View::new(options.mode, options.header, options.null.clone(), is_shell);
    let mut runner = Runner::new(opened, opener, view, options.bail, signals.clone(), is_shell);
    let result = run_job(&mut runner, job, &signals);
    runner.exit(result)
}

/// Opens the files that the command line names.
fn plan(options: &RunOptions) -> Result<Job, Error> {
    let mut inputs = Vec::new();
    for script in &options.scripts {
        inputs.push(match script {
            Script::Text(text) => Input::Text(text.clone()),
            Script::File(path) if path.as_os_str() == "-" => Input::Stdin,
            Script::File(path) => Input::File(path.clone(), open_file(path)?),
        });
    }
    if inputs.is_empty() {
        inputs.push(if terminal::is_interactive() { Input::Shell } else { Input::Stdin });
    }
    let is_shell = matches!(inputs.as_slice(), [Input::Shell]);
    let init = match &options.init {
        Init::File(path) => Some((path.clone(), open_file(path)?)),
        Init::Default if is_shell => shell::init_file().and_then(|path| {
            let lines = FileLines::open(&path).ok()?;
            Some((path, lines))
        }),
        Init::Default | Init::Nothing => None,
    };
    Ok(Job { init, inputs })
}

fn open_file(path: &Path) -> Result<FileLines, Error> {
    FileLines::open(path).map_err(|error| {
        let message = format!("cannot open {}: {}", path.display(), report::cause(&error));
        Error::new(ErrorKind::CannotOpen, message)
    })
}

fn run_job(runner: &mut Runner, job: Job, signals: &Signals) -> Result<(), Stop> {
    if let Some((path, mut lines)) = job.init {
        runner.run(&Source::File(path), &mut lines)?;
    }
    let mut inputs = job.inputs.into_iter();
    while let Some(input) = inputs.next() {
        let result = match input {
            Input::Text(text) => runner.run(&Source::Direct, &mut TextLines::new(&text)),
            Input::File(path, mut lines) => runner.run(&Source::File(path), &mut lines),
            Input::Stdin => runner.run_stdin(),
            Input::Shell => shell::run(runner, signals),
        };
        match result {
            Err(Stop::OutputClosed { has_more }) => {
                let has_more = has_more || inputs.next().is_some();
                return Err(Stop::OutputClosed { has_more });
            }
            other => other?,
        }
    }
    Ok(())
}

/// Opens warehouses with these resources; signals then cancel what runs on the last one. Who wants
/// one `read_only` on the command line gets no other afterwards that is not.
fn opener(resources: &Resources, read_only: bool, signals: &Signals) -> Opener {
    let (resources, signals) = (resources.clone(), signals.clone());
    Box::new(move |path, this_read_only| {
        let read_only = read_only || this_read_only;
        let warehouse = Warehouse::open(OpenOptions {
            path: path.clone(),
            read_only,
            wait: resources.wait,
            threads: resources.threads,
            memory_limit: resources.memory_limit,
        })?;
        if let Some(notice) = warehouse.notice() {
            report::note(&format!("note: {notice}"));
        }
        let session = warehouse.session();
        let cancel = session.cancel_handle();
        signals.cancel_with(Box::new(move || cancel.cancel()));
        for (name, value) in &resources.set {
            session.execute(&format!("SET {name} = {}", literal(value)))?;
        }
        let name = describe(path.as_deref(), warehouse.is_read_only());
        Ok(Opened { session, name, path })
    })
}

/// The name of a warehouse in messages.
fn describe(path: Option<&Path>, is_read_only: bool) -> String {
    let name = match path {
        Some(path) => format!("warehouse {}", path.display()),
        None => "temporary warehouse, removed when you leave".to_owned(),
    };
    if is_read_only { format!("{name}, read-only") } else { name }
}

fn import(arguments: &ImportArgs, signals: Signals) -> Exit {
    if !arguments.warehouse.exists() {
        let message = format!("there is no warehouse {}", arguments.warehouse.display());
        let hint = "create it with the table: starfact WAREHOUSE 'CREATE TABLE …'";
        return refuse(&Error::new(ErrorKind::CannotOpen, message).with_hint(hint));
    }
    let statements = arguments.files.iter().map(|file| transfer::copy_from(&arguments.table, file));
    match statements.collect::<Result<Vec<String>, Error>>() {
        Ok(statements) => {
            let warehouse = Target { path: &arguments.warehouse, read_only: false };
            on(&warehouse, None, &arguments.resources, signals, |runner| copy(runner, &statements))
        }
        Err(error) => refuse(&error),
    }
}

fn export(arguments: &ExportArgs, signals: Signals) -> Exit {
    if arguments.file.as_os_str() == "-" {
        let statement = transfer::rows_of(&arguments.source);
        let warehouse = Target { path: &arguments.warehouse, read_only: true };
        let mode = Some(Mode::Csv);
        return on(&warehouse, mode, &arguments.resources, signals, |runner| {
            copy(runner, &[statement])
        });
    }
    match transfer::copy_to(&arguments.source, &arguments.file) {
        Ok(statement) => {
            let warehouse = Target { path: &arguments.warehouse, read_only: true };
            on(&warehouse, None, &arguments.resources, signals, |runner| copy(runner, &[statement]))
        }
        Err(error) => refuse(&error),
    }
}

/// A warehouse that a subcommand works on.
struct Target<'a> {
    path: &'a Path,
    read_only: bool,
}

/// Opens a warehouse and does `work` on it.
fn on(
    target: &Target<'_>,
    mode: Option<Mode>,
    resources: &Resources,
    signals: Signals,
    work: impl FnOnce(&mut Runner) -> Result<(), Stop>,
) -> Exit {
    let opener = opener(resources, target.read_only, &signals);
    let opened = match opener(Some(target.path.to_owned()), target.read_only) {
        Ok(opened) => opened,
        Err(error) => return refuse(&error),
    };
    let view = View::new(mode, true, None, false);
    let mut runner = Runner::new(opened, opener, view, None, signals, false);
    let result = work(&mut runner);
    runner.exit(result)
}

/// Runs statements that the user did not write.
fn copy(runner: &mut Runner, statements: &[String]) -> Result<(), Stop> {
    for statement in statements {
        match runner.execute(statement) {
            Ok(()) => {}
            Err(Failure::Query(error)) => runner.fail(&error, None)?,
            Err(Failure::Write(error)) => runner.write_failed(&error)?,
        }
    }
    Ok(())
}

/// Reports an error that leaves nothing to do.
fn refuse(error: &Error) -> Exit {
    report::error(error, None);
    error.kind.into()
}
