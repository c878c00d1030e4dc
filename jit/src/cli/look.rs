//! What looks, and the lines of pam.d.

use crate::show::times::When;
use clap::Args;
use jit_core::span::Span;
use std::path::PathBuf;

/// `jit list`.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct ListArgs {
    /// What waits for an answer
    #[arg(long)]
    pub pending: bool,
    /// Grants that let somebody in, and sessions that run
    #[arg(long)]
    pub active: bool,
    /// Everything, what is over too
    #[arg(long)]
    pub all: bool,
}

/// `jit report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// From this time on: 90d, 2026-07-01
    #[arg(long, value_name = "T")]
    pub since: When,
    /// Write the page to this file
    #[arg(long, value_name = "FILE", required_unless_present = "csv")]
    pub html: Option<PathBuf>,
    /// Write the same as a table to this file; without --html the table alone
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// `jit enable`.
#[derive(Debug, Args)]
pub struct EnableArgs {
    /// Which service: sudo, ssh, su, or another file of pam.d
    pub service: String,
    /// Let everybody in until this day, at most 90 days ahead, and only write down what would have been [default: 30 days]
    #[arg(long, value_name = "YYYY-MM-DD", num_args = 0..=1, require_equals = true)]
    pub observe: Option<Option<chrono::NaiveDate>>,
    /// Ask inside the prompt: whoever is denied and may ask says why, and waits for the answer
    #[arg(long)]
    pub ask: bool,
    /// Show the lines, and change nothing
    #[arg(long)]
    pub print: bool,
    /// Put everything back unless it is confirmed within this time [default: 5m]
    #[arg(long, value_name = "D")]
    pub confirm_within: Option<Span>,
}
