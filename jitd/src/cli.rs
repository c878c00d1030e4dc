//! The command line of jitd.

use crate::settings::Settings;
use crate::{daemon, reload};
use clap::Parser;
use jit_core::policy::load::Mistake;
use std::path::PathBuf;
use std::process::ExitCode;

/// The access daemon of pam-jit: decides who may use sudo and ssh, remembers it, and ends it in time.
#[derive(Debug, Parser)]
#[command(
    name = "jitd",
    version,
    after_help = "It stays in the foreground and says what is wrong on standard error.\nSIGHUP reads the policy again; SIGTERM stops it."
)]
pub struct Arguments {
    /// Read the settings from this file instead of /etc/jit/jitd.toml
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read settings and policy, print what is wrong with them, and exit 0 or 1
    #[arg(long)]
    pub check: bool,
}

/// Runs jitd with the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let settings = match Settings::read(arguments.config.as_deref()) {
        Ok(settings) => settings,
        Err(mistakes) => return failed(&mistakes),
    };
    if arguments.check {
        return check(&settings);
    }
    match daemon::run(&settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("jitd: {why}");
            ExitCode::FAILURE
        }
    }
}

fn check(settings: &Settings) -> ExitCode {
    match reload::read(&settings.policy) {
        Ok((policy, warnings)) => {
            warnings.iter().for_each(|warning| println!("warning: {warning}"));
            println!("{}: valid, {} rules", settings.policy.display(), policy.rules());
            ExitCode::SUCCESS
        }
        Err(mistakes) => failed(&mistakes),
    }
}

fn failed(mistakes: &[Mistake]) -> ExitCode {
    mistakes.iter().for_each(|mistake| eprintln!("{mistake}"));
    ExitCode::FAILURE
}
