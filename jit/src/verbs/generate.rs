//! What packages are built with: completions for shells, and man pages.

use super::{Context, Ended};
use crate::cli::Cli;
use crate::failing::{Exit, Failing};
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::Path;

/// Prints the completions for a shell.
pub fn completions(context: &Context, shell: Shell) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "jit", &mut script);
    context.out.raw(&script)?;
    Ok(Exit::Done)
}

/// Writes a man page for each verb into a directory, which is made if it is not there.
pub fn man(directory: &Path) -> Ended {
    let written = std::fs::create_dir_all(directory).and_then(|()| clap_mangen::generate_to(Cli::command(), directory));
    written.map_err(|error| {
        Failing::refused(format!("the man pages cannot be written to {}: {error}", directory.display()), "name a directory of your own")
    })?;
    Ok(Exit::Done)
}
