//! The command line of jit-notify.

use crate::event::Event;
use crate::service;
use crate::settings::{DEFAULT_FILE, Settings};
use clap::{CommandFactory, Parser, Subcommand};
use jit_core::policy::load::Mistake;
use jit_core::time::WallTime;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Tells programs, web hooks and people what jitd records.
#[derive(Debug, Parser)]
#[command(
    name = "jit-notify",
    version,
    after_help = "It stays in the foreground and says what is wrong on standard error.\n\
                  Its user must be one of the policy's auditors: auditors = [\"user:jit-notify\"].\n\
                  After a change of the settings: jit-notify --check, then systemctl restart jit-notify. Nothing is lost by it."
)]
pub struct Arguments {
    /// Read the settings from this file instead of /etc/jit/notify.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read the settings, print what is wrong with them, and exit 0 or 1
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with = "test")]
    pub check: Option<Option<PathBuf>>,
    /// Tell this target of an event that never happened, and exit 0 if it was told
    #[arg(long, value_name = "TARGET")]
    pub test: Option<String>,
    #[command(subcommand)]
    command: Option<Verb>,
}

/// What packages are built with.
#[derive(Debug, Subcommand)]
enum Verb {
    /// Write the man page into a directory
    #[command(hide = true)]
    Man {
        /// The directory; it is made if it is not there
        directory: PathBuf,
    },
}

/// Runs jit-notify with the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    let Arguments { config, check, test, command } = Arguments::parse();
    if let Some(Verb::Man { directory }) = command {
        return ended(man(&directory).map_err(|error| format!("the man page cannot be written to {}: {error}", directory.display())));
    }
    let named = check.clone().flatten().or(config);
    let file = named.unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let (settings, warnings) = match Settings::read(&file) {
        Ok(loaded) => loaded,
        Err(mistakes) => return failed(&mistakes),
    };
    if check.is_some() {
        warnings.iter().for_each(|warning| println!("warning: {warning}"));
        println!("{}: valid, {} targets", file.display(), settings.targets.len());
        return ExitCode::SUCCESS;
    }
    warnings.iter().for_each(|warning| eprintln!("jit-notify: warning: {warning}"));
    match test {
        Some(name) => ended(try_out(&settings, &name)),
        None => ended(service::run(settings)),
    }
}

fn try_out(settings: &Settings, name: &str) -> Result<(), String> {
    let Some(target) = settings.target(name) else {
        let names: Vec<_> = settings.targets.iter().map(|target| target.name.as_str()).collect();
        return Err(format!("no target is named `{name}`; {}", jit_core::policy::suggest::nearest_or_all(name, &names)));
    };
    let now = WallTime::from_millis(chrono::Utc::now().timestamp_millis());
    let Some(sample) = Event::sample(now) else { return Err("there is no sample".to_owned()) };
    target.way.tell(&sample, &service::host()).map_err(|failed| format!("{name}: {failed}"))?;
    println!("{name} was told of an event that never happened");
    Ok(())
}

fn man(directory: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(directory)?;
    clap_mangen::generate_to(Arguments::command(), directory)
}

fn ended(result: Result<(), String>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            service::say(&why);
            ExitCode::FAILURE
        }
    }
}

fn failed(mistakes: &[Mistake]) -> ExitCode {
    mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
    ExitCode::FAILURE
}
