//! `jit policy`.

use crate::show::times::When;
use clap::{Args, Subcommand};
use std::net::IpAddr;
use std::path::PathBuf;

/// `jit policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// Check policy files; where jitd answers, also against this host and the grants that live
    #[command(after_help = "Example:\n  jit policy check new-policy.toml\n\nExit code 0 if it is valid, 1 if it is not.")]
    Check {
        /// This file alone, or policy.toml and policy.d of this directory [default: all that jitd reads, in /etc/jit]
        file: Option<PathBuf>,
    },
    /// Say what the policy answers somebody, and how each rule fared; jitd is not asked
    #[command(after_help = "Example:\n  jit policy explain alice ssh --from 10.1.2.3")]
    Explain(ExplainArgs),
    /// Try the policy on cases, in a file; jitd is not asked
    #[command(after_help = "Example:\n  jit policy test cases.toml --policy etc/jit\n\n\
                      A case: [[case]] with user, groups, service, as, from, at, expect (grant, request, emergency,\n\
                      deny, none, ignore) and rule. Exit code 1, and each difference, if one comes out otherwise.")]
    Test {
        /// The cases
        cases: PathBuf,
        /// This file alone, or policy.toml and policy.d of this directory, instead of what jitd reads
        #[arg(long, value_name = "PATH")]
        policy: Option<PathBuf>,
    },
    /// Print the policy in force (root)
    #[command(after_help = "Example:\n  jit policy show")]
    Show,
}

/// `jit policy explain`.
#[derive(Debug, Args)]
pub struct ExplainArgs {
    /// For whom
    pub user: String,
    /// By which service
    #[arg(default_value = "sudo")]
    pub service: String,
    /// As whom [default: root; for ssh, login, cron and the like always themselves]
    #[arg(long = "as", value_name = "U")]
    pub run_as: Option<String>,
    /// From which address (ssh)
    #[arg(long, value_name = "IP")]
    pub from: Option<IpAddr>,
    /// At this time: 2026-12-01T15:00:00Z, 2026-12-01 [default: now]
    #[arg(long, value_name = "T")]
    pub at: Option<When>,
    /// By this file alone, or policy.toml and policy.d of this directory, instead of what jitd reads
    #[arg(long, value_name = "PATH")]
    pub policy: Option<PathBuf>,
}
