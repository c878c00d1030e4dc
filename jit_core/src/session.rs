//! Sessions: running log-ins and sudos that a grant let in.

use crate::id::{GrantId, SessionId};
use crate::name::{RunAs, Service, Uid, UserName};
use crate::time::WallTime;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::net::IpAddr;

/// One process for good: its number alone can pass to another one.
///
/// Written `PID@START`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/PID/stat`).
    pub started: u64,
}

impl Serialize for Process {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}@{}", self.pid, self.started))
    }
}

impl<'de> Deserialize<'de> for Process {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parts = text.split_once('@').and_then(|(pid, started)| Some(Self { pid: pid.parse().ok()?, started: started.parse().ok()? }));
        parts.ok_or_else(|| serde::de::Error::custom("not PID@START"))
    }
}

/// What a session is, whatever became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionFacts {
    /// Its id.
    pub id: SessionId,
    /// The grant that let it in.
    pub grant: GrantId,
    /// Who came in: the account's number.
    pub uid: Uid,
    /// Who came in: the account's name.
    pub user: UserName,
    /// By which service.
    pub service: Service,
    /// As whom.
    pub run_as: RunAs,
    /// From which address.
    pub from: Option<IpAddr>,
    /// On which terminal.
    pub tty: Option<String>,
    /// When it was opened.
    pub opened: WallTime,
    /// The process that PAM ran in: sudo, or sshd's process for the connection.
    pub process: Option<Process>,
    /// How surely it can be ended.
    pub bound: Bound,
}

/// How surely a session can be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bound {
    /// It has a cgroup of its own: whatever it started is in there, detached or not.
    Cgroup,
    /// Its processes are known by who started whom: one that detached itself can survive.
    #[default]
    Tree,
}

impl Bound {
    /// The word in events.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Cgroup => "cgroup",
            Self::Tree => "tree",
        }
    }
}

/// What became of the processes of a session that was ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// How many there were.
    pub processes: u32,
    /// How many of them had to be killed; the others went when they were asked to.
    pub killed: u32,
    /// How many are there still: the kernel did not let us, or could not.
    pub left: u32,
}

/// A session, running or over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// It runs.
    Open(SessionFacts),
    /// It closed by itself.
    Closed {
        /// What it was.
        facts: SessionFacts,
        /// When it closed.
        at: WallTime,
    },
    /// It was ended, because its grant was over.
    Ended {
        /// What it was.
        facts: SessionFacts,
        /// When it was over.
        at: WallTime,
    },
}

impl Session {
    /// What it is or was.
    #[must_use]
    pub fn facts(&self) -> &SessionFacts {
        match self {
            Self::Open(facts) | Self::Closed { facts, .. } | Self::Ended { facts, .. } => facts,
        }
    }

    /// The word of its state.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Closed { .. } => "closed",
            Self::Ended { .. } => "ended",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Command;
    use crate::engine::fixture::{World, actor, entry};

    #[test]
    fn a_process_is_written_with_its_start_and_read_back_as_nothing_else() {
        let process = Process { pid: 4711, started: 90_210 };
        assert_eq!(serde_json::to_string(&process).unwrap(), "\"4711@90210\"");
        assert_eq!(serde_json::from_str::<Process>("\"4711@90210\"").unwrap(), process);
        for wrong in ["\"4711\"", "\"4711@\"", "\"@90210\"", "\"x@1\"", "\"1@x\"", "\"-1@1\"", "7"] {
            assert!(serde_json::from_str::<Process>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_session_is_open_until_it_closes_or_is_ended() {
        let mut world = World::new();
        let id = world.request("alice").unwrap();
        world.approve("carol", id).unwrap();
        let mut open = |pid| world.open(entry("alice", "sudo", Some("root")), pid).unwrap().0;
        let (first, second, third) = (open(1), open(2), open(3));
        world.command(Command::Close(first)).map(drop).unwrap();
        world.command(Command::Drop(actor("alice"), None)).map(drop).unwrap();
        world.command(Command::Ended(second, Tally { processes: 1, killed: 0, left: 0 })).map(drop).unwrap();
        let word = |id| world.state.session(id).unwrap().word();
        assert_eq!([word(first), word(second), word(third)], ["closed", "ended", "open"]);
        assert_eq!([Bound::Cgroup.word(), Bound::Tree.word()], ["cgroup", "tree"]);
    }
}
