//! What the PAM module asks. The daemon believes it as far as it must: only root can reach the socket.
//!
//! Names are turned into accounts by the daemon, never by the module: a name service can hang, and the
//! module runs inside sudo and sshd.

use crate::ask::{Ask, Told};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// The most days ahead that a line may only observe. The module lets nobody in beyond it, so jit writes no such line.
pub const OBSERVE_DAYS: u64 = 90;

/// One question, on a connection of its own; but for [`Question::Ask`], where the next one may follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PamAsk {
    /// Comes back in the answer, so that an answer to somebody else's question is known for what it is.
    pub token: u64,
    /// The module lets everybody in for now, and wants it recorded what would have been.
    pub observe: bool,
    /// What is asked.
    pub question: Question,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Question {
    /// May they come in? Changes nothing.
    Check(Entry),
    /// They come in: bind a grant. The session's process is the connection's peer.
    Open {
        /// Who, and where from.
        entry: Entry,
        /// sshd's SSH_AUTH_INFO_0: the method and key of the log-in.
        auth: Option<String>,
        /// Whether the module can make a cgroup here.
        cgroups: bool,
    },
    /// The session's last line: the process was put where it can be ended, or could not be.
    Enter {
        /// The session, as [`Verdict::Opened`] named it.
        session: String,
        /// How.
        held: Held,
    },
    /// The session is over.
    Close {
        /// The session, as [`Verdict::Opened`] named it.
        session: String,
    },
    /// They may not come in, and can be asked why they should.
    Ask(Ask),
}

/// Who is at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// The caller of a setuid program: its real uid.
    Uid(u32),
    /// Who logs in: PAM_USER.
    Name(String),
}

/// Somebody at the door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// PAM_SERVICE.
    pub service: String,
    /// Who.
    pub who: Who,
    /// As whom, by name, where PAM has said so; for a log-in it is the user themselves.
    pub run_as: Option<String>,
    /// From which address, where it is known for sure.
    pub from: Option<IpAddr>,
    /// PAM_TTY.
    pub tty: Option<String>,
}

/// How the process of a session is to be held, so that it can be ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hold {
    /// By who started whom: there is nothing to do.
    Tree,
    /// In a cgroup of its own, if one can be made.
    Cgroup(Keeper),
    /// In a cgroup of its own, or nobody comes in.
    CgroupOnly(Keeper),
}

/// Whom the cgroup of a session is handed over to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keeper {
    /// jitd's uid.
    pub uid: u32,
    /// The name of its folder; see [`crate::place`].
    pub folder: String,
}

/// How the process of a session is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Held {
    /// In its cgroup.
    Cgroup,
    /// By who started whom: nothing else was asked for.
    Tree,
    /// By who started whom, because there could be no cgroup.
    TreeFor(String),
}

/// The token of an answer that was given before the question was read: only ever a denial, by a daemon that
/// has too much to do. No question has it.
pub const UNREAD: u64 = 0;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PamAnswer {
    /// The question's.
    pub token: u64,
    /// The verdict.
    pub verdict: Verdict,
}

/// What the daemon says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub enum Verdict {
    /// They may come in.
    Allowed,
    /// They came in, by this session.
    Opened {
        /// Its id.
        session: String,
        /// How its process is to be held.
        hold: Hold,
    },
    /// They may not. A busy daemon, and one that cannot record, say so here too.
    Denied {
        /// The line for the user, under 200 bytes; empty where there is nothing to say.
        message: String,
    },
    /// It was noted, and there is nothing to decide.
    Noted,
    /// What is said to somebody who asks.
    Asked(Told),
}
