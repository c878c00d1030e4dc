//! `jit audit`.

use crate::chain::Known;
use crate::show::times::When;
use clap::{Args, Subcommand};
use std::path::PathBuf;

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
                      was rewritten and nothing cut off. Where older events were archived, an event of the record says so;\n\
                      of an archive that ends before that event, and of nothing else, it is said which one to look for.\n\
                      Exit code 0 if all is whole, 1 if not.")]
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
    #[command(after_help = "Example:\n  jit audit backup /srv/jit-$(date +%F).db && jit audit verify --file /srv/jit-$(date +%F).db")]
    Backup {
        /// A file that is not there yet
        file: PathBuf,
        /// Where jitd keeps its state [default: where its settings say: /var/lib/jit]
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
    /// About this request, grant, session or denial; the beginning of its id is enough
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// And then as they come
    #[arg(long)]
    pub follow: bool,
}
