//! The words of the command line.

use crate::chain::Known;
use crate::show::times::When;
use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use jit_core::span::Span;
use std::net::IpAddr;
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
    /// Where jitd listens [default: $JIT_SOCKET, else /run/jit/user.sock]
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
                      pg_dump shop | jit run --reason INC-42 -u postgres -- psql archive\n\n\
                      What you hold or have asked for already is used. Output and exit code are the command's;\n\
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
    /// Say what you think of an emergency; without an id, list what waits for your review
    #[command(after_help = "Example:\n  jit review G-7F3KQ2ZD --verdict fine --note \"the database was down\"")]
    Review {
        /// Which
        #[arg(value_name = "G", requires = "verdict")]
        id: Option<String>,
        /// What you think of it
        #[arg(long, requires = "id")]
        verdict: Option<VerdictWord>,
        /// A word to whoever took it; it is kept
        #[arg(long, value_name = "TEXT", requires = "id")]
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
    /// Show every opt-out with its owner, age, uses and days left (auditors and root)
    #[command(after_help = "Example:\n  jit optouts\n\nExit code 1 if one ends within a month, or a review is overdue.")]
    Optouts,
    /// Write an access review: who held what when, opt-outs and their reviews, denials, what is overdue (auditors and root)
    #[command(after_help = "Examples:\n  jit report --since 90d --html review.html\n  \
                      jit report --since 2026-07-01 --html review.html --csv review.csv\n\n\
                      The page is one file, without script, for a browser or a printer. An older file of that name is\n\
                      replaced when the new one is whole; it is readable by you alone.")]
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

/// `jit request`.
#[derive(Debug, Args)]
pub struct RequestArgs {
    /// For which service: sudo, ssh, su
    #[arg(default_value = "sudo")]
    pub service: String,
    /// As whom [default: root; for ssh always yourself]
    #[arg(long = "as", value_name = "U")]
    pub run_as: Option<String>,
    /// For how long: 90s, 30m, 2h30m, 7d [default: what the policy says]
    #[arg(long = "for", value_name = "D")]
    pub time: Option<Span>,
    /// For at most this many sessions [default: any number]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub uses: Option<u32>,
    /// From then on: 2026-12-01T15:00:00Z, 2026-12-01 [default: at once]
    #[arg(long, value_name = "T")]
    pub start: Option<When>,
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
    /// As whom [default: root; for ssh always yourself]
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

/// `jit report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// From this time on: 90d, 2026-07-01
    #[arg(long, value_name = "T")]
    pub since: When,
    /// Write the page to this file
    #[arg(long, value_name = "FILE")]
    pub html: PathBuf,
    /// Write the same as a table to this file
    #[arg(long, value_name = "FILE")]
    pub csv: Option<PathBuf>,
}

/// `jit grant`.
#[derive(Debug, Args)]
pub struct GrantArgs {
    /// To whom; never yourself
    pub user: String,
    /// For which service: sudo, ssh, su
    pub service: String,
    /// As whom [default: root; for ssh always themselves]
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

/// `jit policy`.
#[derive(Debug, Subcommand)]
pub enum PolicyVerb {
    /// Check policy files; where jitd answers, also against this host and the grants that live
    #[command(after_help = "Example:\n  jit policy check new-policy.toml\n\nExit code 0 if it is valid, 1 if it is not.")]
    Check {
        /// This file alone [default: /etc/jit/policy.toml and /etc/jit/policy.d/*.toml]
        file: Option<PathBuf>,
    },
    /// Say what the policy answers somebody, and how each rule fared; jitd is not asked
    #[command(after_help = "Example:\n  jit policy explain alice ssh --from 10.1.2.3")]
    Explain(ExplainArgs),
    /// Try the policy on cases, in a file; jitd is not asked
    #[command(after_help = "Example:\n  jit policy test cases.toml --policy policy.toml\n\n\
                      A case: [[case]] with user, groups, service, as, from, at, expect (grant, request, emergency,\n\
                      deny, none, ignore) and rule. Exit code 1, and each difference, if one comes out otherwise.")]
    Test {
        /// The cases
        cases: PathBuf,
        /// This policy alone, instead of the files of /etc/jit
        #[arg(long, value_name = "FILE")]
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
    /// As whom [default: root; for ssh always themselves]
    #[arg(long = "as", value_name = "U")]
    pub run_as: Option<String>,
    /// From which address (ssh)
    #[arg(long, value_name = "IP")]
    pub from: Option<IpAddr>,
    /// At this time: 2026-12-01T15:00:00Z, 2026-12-01 [default: now]
    #[arg(long, value_name = "T")]
    pub at: Option<When>,
    /// By this file alone, instead of the files of /etc/jit
    #[arg(long, value_name = "FILE")]
    pub policy: Option<PathBuf>,
}

/// `jit audit`.
#[derive(Debug, Subcommand)]
pub enum AuditVerb {
    /// Print events (auditors and root)
    #[command(after_help = "Examples:\n  jit audit log --since 2h --user alice\n  jit audit log --kind access.denied --follow\n\n\
                      T is a time (2026-12-01T15:00:00Z), a day (2026-12-01), or how long ago (2h).")]
    Log(LogArgs),
    /// Prove that no event was altered, removed or inserted (auditors and root)
    #[command(after_help = "Example:\n  jit audit verify --head 4711:9f2c41d07be1a355\n\n\
                      A head from elsewhere, such as the syslog of another host, proves that nothing before it\n\
                      was rewritten and nothing cut off. Exit code 0 if all is whole, 1 if not.")]
    Verify {
        /// An export in JSON lines, an archive or a store (events.db), instead of what jitd has
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
        /// This event must be there, with this hash (64 digits, or the first 16)
        #[arg(long, value_name = "SEQ:HASH")]
        head: Option<Known>,
    },
    /// Print the whole record, for other programs (auditors and root)
    #[command(after_help = "Examples:\n  jit audit export > record.jsonl && jit audit verify --file record.jsonl\n  \
                      jit audit export --format csv > record.csv\n\n\
                      A line of JSON is what is hashed, and its hash. In CSV the column data has it.")]
    Export {
        /// In which form
        #[arg(long, value_enum, default_value = "jsonl")]
        format: ExportFormat,
    },
    /// Archive older events: write them to a file, then take them out of the record (root)
    #[command(after_help = "Example:\n  jit audit prune --before 2026-01-01 --to /srv/jit-2025.jsonl\n\n\
                      What requests, grants, sessions and reviews still rest on stays in the record. The record is\n\
                      whole after it, and says what was archived; the file is whole by itself.")]
    Prune {
        /// Events from before this time
        #[arg(long, value_name = "T")]
        before: When,
        /// A file that is not there yet
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Copy the record to a file while jitd runs (root)
    #[command(after_help = "Example:\n  jit audit backup /srv/jit-backup.db && jit audit verify --file /srv/jit-backup.db")]
    Backup {
        /// A file that is not there yet
        file: PathBuf,
        /// Where jitd keeps its state [default: /var/lib/jit]
        #[arg(long, value_name = "DIR")]
        state: Option<PathBuf>,
    },
}

/// A form for other programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// An object on each line
    Jsonl,
    /// A row for each event, as RFC 4180 has it
    Csv,
}

/// `jit audit log`.
#[derive(Debug, Args)]
pub struct LogArgs {
    /// From this time on
    #[arg(long, value_name = "T")]
    pub since: Option<When>,
    /// Up to this time; a day counts to its end
    #[arg(long, value_name = "T")]
    pub until: Option<When>,
    /// About this user
    #[arg(long, value_name = "U")]
    pub user: Option<String>,
    /// Of this kind: grant.issued, or all of grant
    #[arg(long, value_name = "K")]
    pub kind: Option<String>,
    /// About this request, grant, session or denial
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// And then as they come
    #[arg(long)]
    pub follow: bool,
}

#[cfg(test)]
mod tests;
