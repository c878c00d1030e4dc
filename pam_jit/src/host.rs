//! The host, as far as the module looks at it: sudo, sshd or another program that calls libpam.

use chrono::NaiveDate;
use jit_proto::pam::{Entry, Hold};
use std::fmt;

/// An item of PAM's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Item {
    /// PAM_SERVICE.
    Service,
    /// PAM_USER.
    User,
    /// PAM_RHOST.
    RemoteHost,
    /// PAM_TTY.
    Terminal,
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Service => "PAM_SERVICE",
            Self::User => "PAM_USER",
            Self::RemoteHost => "PAM_RHOST",
            Self::Terminal => "PAM_TTY",
        })
    }
}

/// A variable of PAM's environment that sshd sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variable {
    /// The addresses of both ends.
    SshConnection,
    /// How the user authenticated.
    SshAuthInfo,
}

/// How urgent a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Somebody must look now.
    Alert,
    /// Something is not as it should be.
    Warning,
    /// It happened.
    Notice,
    /// For whoever looks for a fault.
    Debug,
}

/// An item that holds what no account and no service can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Odd(pub Item);

/// Who calls, as it was found in account. The real uid of sudo is its caller's only there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Root calls sudo or su, or logs in on the console: not ours to decide.
    NotOurs,
    /// The user with this real uid calls a setuid program.
    Uid(u32),
    /// Whoever PAM_USER names logs in.
    LogsIn,
}

/// What became of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// jitd opened it.
    ByDaemon {
        /// Its id.
        session: String,
        /// As whom: a second line for the same is the same session.
        run_as: String,
        /// How its process is to be held.
        hold: Hold,
    },
    /// The break-glass file let it in.
    ByBreakglass {
        /// As whom, as above.
        run_as: String,
    },
    /// jitd was proved away when it was to open; an administrator may have chosen to let people in then.
    WithoutDaemon,
    /// Not ours, or observed only.
    Unguarded,
}

/// What the module remembers during one transaction, in PAM's own keeping. Plain data: a forked copy of the host
/// cleans it up too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Memory {
    /// Who calls.
    pub caller: Option<Caller>,
    /// Account was denied: the same line, met again, denies without another word.
    pub denied_account: bool,
    /// So was the session.
    pub denied_session: bool,
    /// Whom the break-glass file let in at account: it is written down once.
    pub account_by_breakglass: Option<Entry>,
    /// The session, once it is open.
    pub opened: Option<Opened>,
}

/// It could not be kept or fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forgotten;

/// What the module needs of the host.
pub trait Host {
    /// An item; none if it is not set, or empty.
    ///
    /// # Errors
    /// It holds what cannot be a name: not UTF-8, or too long.
    fn item(&self, item: Item) -> Result<Option<String>, Odd>;

    /// A variable of PAM's own environment, never of the process's.
    fn variable(&self, variable: Variable) -> Option<String>;

    /// The real uid of the process.
    fn real_uid(&self) -> u32;

    /// The effective uid of the process: of a setuid program its owner's.
    fn effective_uid(&self) -> u32;

    /// What was remembered in this transaction.
    fn memory(&self) -> Memory;

    /// Remembers.
    ///
    /// # Errors
    /// libpam could not keep it.
    fn remember(&mut self, memory: Memory) -> Result<(), Forgotten>;

    /// Tells the user. Whether it arrives is the host's business.
    fn tell(&mut self, line: &str);

    /// Asks the user for a line, which is shown as it is typed; none: there is nobody to answer, or they do not want to.
    fn prompt(&mut self, question: &str) -> Option<String>;

    /// Writes to the log, in the host's name.
    fn log(&mut self, priority: Priority, line: &str);

    /// The day, in UTC.
    fn today(&self) -> NaiveDate;
}
