//! The words of the command line.

mod ask;
mod audit;
mod look;
mod policy;

pub use ask::{EmergencyArgs, GrantArgs, RequestArgs, RevokeArgs, RunArgs, VerdictWord};
pub use audit::{AuditVerb, ExportFormat, LogArgs};
pub use look::{EnableArgs, ListArgs, ReportArgs};
pub use policy::{ExplainArgs, PolicyVerb};

use clap::{Parser, Subcommand};
use clap_complete::Shell;
use jit_core::span::Span;
use std::path::PathBuf;

/// The heading of what every verb takes.
const EVERYWHERE: &str = "Options of every verb";

/// Ask for sudo or ssh access, approve it, give it back, and see what was done.
#[derive(Debug, Parser)]
#[command(
    name = "jit",
    version,
    max_term_width = 100,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = "Examples:\n  jit status\n  jit request sudo --for 1h --reason \"INC-42 disk full\"\n  jit approve\n\n\
                  Exit codes: 0 done, 1 refused, denied or lapsed, 2 usage, 3 jitd unreachable,\n\
                  4 timed out waiting, 5 no such id, or not yours to see."
)]
pub struct Cli {
    /// Print one JSON object instead of words
    #[arg(long, global = true, help_heading = EVERYWHERE)]
    pub json: bool,
    /// Where jitd listens [default: $JIT_SOCKET, else where its settings say: /run/jit/user.sock]
    #[arg(long, global = true, value_name = "PATH", help_heading = EVERYWHERE)]
    pub socket: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show what you hold, wait for, may ask for, and have to approve
    #[command(after_help = "Example:\n  jit status")]
    Status,
    /// Ask for access
    #[command(after_help = "Example:\n  jit request sudo --for 1h --reason \"INC-42 disk full\" --wait=15m")]
    Request(RequestArgs),
    /// Run a command by sudo: ask for access, wait for it, then run
    #[command(after_help = "Examples:\n  jit run --reason \"INC-42 disk full\" -- systemctl restart db\n  \
                      pg_dump shop | jit run --reason \"INC-42 restore\" -u postgres -- psql archive\n\n\
                      What you hold or have asked for already is used, and nothing is asked for where sudo would let you in. Output and exit code are the command's;\n\
                      125 if it was not run.")]
    Run(RunArgs),
    /// Wait for a request of yours to be decided
    #[command(after_help = "Example:\n  jit wait R-7F3KQ2ZD\n\nExit code 0 if it is granted, 1 if it is denied, cancelled or lapsed.")]
    Wait {
        /// Which request [default: your newest]
        #[arg(value_name = "R")]
        id: Option<String>,
    },
    /// Give a grant of yours back
    #[command(after_help = "Example:\n  jit drop")]
    Drop {
        /// Which grant [default: your only one]
        #[arg(value_name = "G")]
        id: Option<String>,
    },
    /// Take a request of yours back
    #[command(after_help = "Example:\n  jit cancel R-7F3KQ2ZD")]
    Cancel {
        /// Which request [default: your only one]
        #[arg(value_name = "R")]
        id: Option<String>,
    },
    /// List requests, grants and sessions: yours, and those that you may approve
    #[command(after_help = "Example:\n  jit list --pending\n\nWithout an option: what waits, and what is active.")]
    List(ListArgs),
    /// Show one request, grant, session or denial in full, and what happened to it
    #[command(after_help = "Example:\n  jit show G-7F3K")]
    Show {
        /// Its id, or the beginning of it
        id: String,
    },
    /// Approve a request
    #[command(
        after_help = "Examples:\n  jit approve                       shows the only one, and asks\n  jit approve R-7F3KQ2ZD --for 15m"
    )]
    Approve {
        /// Which request; on a terminal it can be left out
        #[arg(value_name = "R")]
        id: Option<String>,
        /// For at most this long: it can only be made shorter
        #[arg(long = "for", value_name = "D")]
        time: Option<Span>,
        /// A word to whoever asked; it is kept
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
    },
    /// Deny a request
    #[command(after_help = "Example:\n  jit deny R-7F3KQ2ZD --note \"not during the freeze\"")]
    Deny {
        /// Which request
        #[arg(value_name = "R")]
        id: String,
        /// Why; whoever asked will read it, and it is kept
        #[arg(long, value_name = "TEXT")]
        note: String,
    },
    /// Grant something to somebody who has not asked, with your approval
    #[command(after_help = "Example:\n  jit grant alice ssh --for 1h --reason \"INC-42, she cannot log in to ask\"\n\n\
                      It files a request in their name with your approval on it. Where the policy wants\n\
                      further approvals, it waits for them.")]
    Grant(GrantArgs),
    /// Take a grant away from somebody
    #[command(after_help = "Examples:\n  jit revoke G-7F3KQ2ZD --note \"wrong host\"\n  jit revoke --user alice --now")]
    Revoke(RevokeArgs),
    /// Check and explain the policy
    #[command(after_help = "Example:\n  jit policy explain alice sudo", arg_required_else_help = true)]
    Policy {
        /// What to do.
        #[command(subcommand)]
        verb: PolicyVerb,
    },
    /// Read and verify the record
    #[command(after_help = "Example:\n  jit audit log --since 2h --user alice", arg_required_else_help = true)]
    Audit {
        /// What to do.
        #[command(subcommand)]
        verb: AuditVerb,
    },
    /// Take access at once, where waiting for approval would do harm; somebody else reviews it afterwards
    #[command(after_help = "Example:\n  jit emergency sudo --for 30m --reason \"INC-42, database down\"\n\n\
                      Others are told at once. The next one is refused until this one was reviewed.")]
    Emergency(EmergencyArgs),
    /// Say what you think of an emergency; without a verdict, see it, and without an id, list what waits for your review
    #[command(after_help = "Examples:\n  jit review G-7F3KQ2ZD\n  jit review G-7F3KQ2ZD --verdict fine --note \"the database was down\"")]
    Review {
        /// Which
        #[arg(value_name = "G")]
        id: Option<String>,
        /// What you think of it
        #[arg(long, requires = "id")]
        verdict: Option<VerdictWord>,
        /// A word to whoever took it; it is kept
        #[arg(long, value_name = "TEXT", requires = "verdict")]
        note: Option<String>,
    },
    /// Ask that a grant of yours be made longer
    #[command(after_help = "Example:\n  jit extend --for 30m --reason \"INC-42 takes longer\"")]
    Extend {
        /// Which grant [default: your only one]
        #[arg(value_name = "G")]
        id: Option<String>,
        /// By how much
        #[arg(long = "for", value_name = "D")]
        time: Span,
        /// Why, anew; it is kept
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Show every opt-out with its owner, last day, uses and days left (auditors and root)
    #[command(after_help = "Example:\n  jit optouts\n\nExit code 1 if one ends within a month, or a review is overdue.")]
    Optouts,
    /// Write an access review: who held what when, opt-outs and their reviews, denials, what is overdue (auditors and root)
    #[command(after_help = "Examples:\n  jit report --since 90d --html review.html\n  \
                      jit report --since 2026-07-01 --html review.html --csv review.csv\n  \
                      jit report --since 90d --csv review.csv\n\n\
                      The page is one file, without script, for a browser or a printer. An older file of that name is\n\
                      replaced when the new one is whole; it is readable by you alone. What is no plain file, /dev/null for\n\
                      instance, is not replaced: the table alone is had by --csv alone.")]
    Report(ReportArgs),
    /// Say how the daemon is, as OpenMetrics text (auditors and root)
    #[command(after_help = "Examples:\n  jit metrics\n  jit metrics --textfile /var/lib/prometheus/node-exporter/jit.prom\n\n\
                      A file says jit_up 0 when jitd does not answer; the exit code is 3 then.")]
    Metrics {
        /// Into this file, as a whole, for node_exporter's textfile collector
        #[arg(long, value_name = "FILE")]
        textfile: Option<PathBuf>,
    },
    /// Watch requests, grants, sessions and events as they come; approve, deny, revoke and review by key
    #[cfg(feature = "watch")]
    #[command(after_help = "Example:\n  jit watch\n\nThe keys are in the last line; ? explains the screen, q leaves it.")]
    Watch,
    /// Put the gate before a service; everything is put back unless `jit confirm` follows (root)
    #[command(
        after_help = "Examples:\n  sudo jit enable sudo --print\n  sudo jit enable sudo --observe\n  sudo jit enable ssh --confirm-within 10m\n\n\
                      sudo brings sudo -i along, su brings su -. First it is checked that the module loads, that jitd\n\
                      answers, that the policy lets somebody in, and that there is another way to root."
    )]
    Enable(EnableArgs),
    /// Keep what `jit enable` changed; say it from a session that came in through it (root)
    #[command(after_help = "Example:\n  sudo jit confirm")]
    Confirm {
        /// Even from a session that proves nothing
        #[arg(long)]
        unproven: bool,
    },
    /// Take the gate from a service, or from all (root)
    #[command(after_help = "Example:\n  sudo jit disable sudo")]
    Disable {
        /// Which service
        #[arg(required_unless_present = "all", conflicts_with = "all")]
        service: Option<String>,
        /// All services
        #[arg(long)]
        all: bool,
    },
    /// Put back what was not confirmed
    #[command(hide = true)]
    RollBack {
        /// When its time is over, or at once after a boot
        #[arg(long)]
        when_due: bool,
    },
    /// Examine this host: is the gate whole? (root)
    #[command(after_help = "Example:\n  sudo jit doctor\n\nExit code 0 if everything is as it must be, 1 if not.")]
    Doctor,
    /// Let jitd read its policy again
    #[command(
        after_help = "Example:\n  jit policy check && jit reload\n\nA policy that is not valid changes nothing: the old one stays in force."
    )]
    Reload,
    /// Show the versions of jit and jitd
    #[command(after_help = "Example:\n  jit version --json")]
    Version,
    /// Print completions for a shell
    #[command(hide = true)]
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// Write the man pages
    #[command(hide = true)]
    Man {
        /// Into which directory
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

#[cfg(test)]
mod tests;
