//! `jit`: what people type to ask for access, to approve it, to give it back, and to see what was done.
//!
//! - `cli`: the words of the command line.
//! - `talk`: one ask to jitd, and its answers.
//! - `verbs`: what each verb does, from the ask to the words that are said.
//! - `show`: how things look, as JSON and to people.
//! - `doctor`: what a live host looks like.
//! - `paths`: where jitd has its things.
//! - `gate`: our lines in `/etc/pam.d`.
//! - `chain`: whether the record is whole.
//! - `report`: the access review, from the events of a time.
//! - `watch`: the live screen.
//! - `soon`: the name service, asked with a limit.
//! - `whole_file`: files that appear as a whole.
#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(clippy::arithmetic_side_effects, clippy::wildcard_enum_match_arm, reason = "tests say what went wrong by panicking")
)]

mod chain;
mod cli;
mod doctor;
mod failing;
#[cfg(fuzzing)]
pub mod fuzzing;
mod gate;
mod out;
mod paths;
mod report;
mod show;
mod soon;
mod talk;
mod verbs;
#[cfg(feature = "watch")]
mod watch;
mod whole_file;

use crate::cli::Cli;
use crate::failing::Exit;
use crate::out::Out;
use crate::talk::Talk;
use crate::verbs::Context;
use clap::Parser;
use std::process::ExitCode;

/// Runs jit with the arguments of this process.
#[must_use]
pub fn run() -> ExitCode {
    let exit = match Cli::try_parse() {
        Ok(cli) => {
            let context = Context { out: Out::new(cli.json), talk: Talk::new(cli.socket) };
            verbs::run(cli.verb, &context).unwrap_or_else(|failing| context.out.failed(failing))
        }
        Err(error) => not_understood(&error),
    };
    exit.into()
}

/// Help was asked for, or the arguments make no sense. A program that asked for JSON gets JSON all the same.
fn not_understood(error: &clap::Error) -> Exit {
    let wants_json = std::env::args_os().skip(1).take_while(|word| word != "--").any(|word| word == "--json");
    if !error.use_stderr() {
        let _ = error.print();
        return Exit::Done;
    }
    let exit = if wants_to_run() { Exit::NotRun } else { Exit::Usage };
    if wants_json {
        Out::new(true).failed(failing::from_usage(&error.render().to_string()));
    } else {
        let _ = error.print();
    }
    exit
}

/// Whether the verb is `run`, whose own failures have a code of their own.
fn wants_to_run() -> bool {
    let mut words = std::env::args_os().skip(1);
    while let Some(word) = words.next() {
        if word == "--socket" {
            words.next();
        } else if !word.as_encoded_bytes().starts_with(b"-") {
            return word == "run";
        }
    }
    false
}
