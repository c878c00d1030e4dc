//! What asks for access, and what gives and takes it.

use crate::show::times::Start;
use clap::Args;
use jit_core::span::Span;

/// `jit request`.
#[derive(Debug, Args)]
pub struct RequestArgs {
    /// For which service: sudo, ssh, su
    #[arg(default_value = "sudo")]
    pub service: String,
    /// As whom [default: root; for ssh, login, cron and the like always yourself]
    #[arg(long = "as", value_name = "U")]
    pub run_as: Option<String>,
    /// For how long: 90s, 30m, 2h30m, 7d [default: what the policy says]
    #[arg(long = "for", value_name = "D")]
    pub time: Option<Span>,
    /// For at most this many sessions [default: any number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub uses: Option<u32>,
    /// From then on: 2026-12-01T15:00:00Z, 2026-12-01, or in how long: 2h [default: at once]
    #[arg(long, value_name = "T")]
    pub start: Option<Start>,
    /// Why: shown to the approver and kept; never a password
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Wait until it is decided, at most this long
    #[arg(long, value_name = "D", num_args = 0..=1, require_equals = true)]
    pub wait: Option<Option<Span>>,
}

/// `jit run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// For how long to ask: 90s, 30m, 2h30m [default: what the policy says]
    #[arg(long = "for", value_name = "D")]
    pub time: Option<Span>,
    /// Why: shown to the approver and kept; never a password
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// As whom [default: root]
    #[arg(short = 'u', long = "user", value_name = "U")]
    pub user: Option<String>,
    /// The command, and what stands behind it
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<std::ffi::OsString>,
}

/// `jit emergency`.
#[derive(Debug, Args)]
pub struct EmergencyArgs {
    /// For which service: sudo, ssh, su
    #[arg(default_value = "sudo")]
    pub service: String,
    /// As whom [default: root; for ssh, login, cron and the like always yourself]
    #[arg(long = "as", value_name = "U")]
    pub run_as: Option<String>,
    /// For how long [default: what the policy says]
    #[arg(long = "for", value_name = "D")]
    pub time: Option<Span>,
    /// Why: kept, and read by whoever reviews it; never a password
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// What a reviewer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum VerdictWord {
    /// It was an emergency
    Fine,
    /// It was none
    Misuse,
}

/// `jit grant`.
#[derive(Debug, Args)]
pub struct GrantArgs {
    /// To whom; never yourself
    pub user: String,
    /// For which service: sudo, ssh, su
    pub service: String,
    /// As whom [default: root; for ssh, login, cron and the like always themselves]
    #[arg(long = "as", value_name = "U")]
    pub run_as: Option<String>,
    /// For how long [default: what the policy says]
    #[arg(long = "for", value_name = "D")]
    pub time: Option<Span>,
    /// Why; it is kept
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `jit revoke`.
#[derive(Debug, Args)]
pub struct RevokeArgs {
    /// Which grant
    #[arg(value_name = "G", required_unless_present = "user", conflicts_with = "user")]
    pub id: Option<String>,
    /// All grants of this user
    #[arg(long, value_name = "U")]
    pub user: Option<String>,
    /// Why; it is kept
    #[arg(long, value_name = "TEXT")]
    pub note: Option<String>,
    /// End its sessions at once: kill them, instead of asking first and waiting three seconds
    #[arg(long)]
    pub now: bool,
}
