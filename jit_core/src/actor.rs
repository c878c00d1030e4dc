//! Who really acts: not one uid, but every human who could be behind a process.
//!
//! Whoever became another user by sudo is still themselves when they approve. So an actor is a set: the
//! uid, the login uid, the uids of the processes above, the accounts of the same `[[person]]`, and the subject of every
//! open session that the process is in. Two humans differ only if their sets have nothing in common.

use crate::id::SessionId;
use crate::name::{Uid, UserName};
use crate::session::Process;
use crate::subject::{Remote, Subject};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeSet;

/// The uid that a process logged in with (`/proc/PID/loginuid`). A process that has none can set it, so
/// it only ever refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoginUid {
    /// This one, with the account's name if it has one.
    Set(Uid, Option<UserName>),
    /// None: a daemon, or a container without the audit system.
    Unset,
    /// It could not be read: it may be anybody's.
    Unreadable,
}

/// The process and its ancestors, by which the sessions that it runs in are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ancestry {
    /// From the process itself up to the first of all.
    Known(Vec<Process>),
    /// It could not be read: it may be in any session.
    Unreadable,
}

/// What somebody at the door is inside of, as the kernel describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// The process that PAM runs in, and those above it: a session around it may be held as a tree.
    pub ancestry: Ancestry,
    /// The sessions in whose cgroups it is. None: it could not be read, and may be in any.
    pub within: Option<Vec<SessionId>>,
}

impl Inside {
    /// Nothing: who logs in comes from elsewhere, and what sshd's own processes are part of says nothing of them.
    #[must_use]
    pub fn nothing() -> Self {
        Self { ancestry: Ancestry::Known(Vec::new()), within: Some(Vec::new()) }
    }
}

/// Somebody who acts through the user socket, as the kernel describes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// The account.
    pub subject: Subject,
    /// The address that they come from, where they are at a door that says so.
    pub remote: Remote,
    /// Its login uid.
    pub login: LoginUid,
    /// Its process and those above it.
    pub ancestry: Ancestry,
    /// The accounts that these processes run as, whether by their real or by another uid of theirs, root's aside: a
    /// setuid program acts for its caller.
    pub worn: Behind,
    /// The sessions in whose cgroups the process is, detached or not. None: it could not be read, and may be in any.
    pub within: Option<Vec<SessionId>>,
}

/// The humans who could be behind an actor, as accounts.
///
/// Written as a list: `["uid:1002", "user:carol"]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Humans {
    /// By number.
    pub uids: BTreeSet<Uid>,
    /// By name.
    pub names: BTreeSet<UserName>,
}

impl Humans {
    /// One account.
    #[must_use]
    pub fn account(uid: Uid, name: UserName) -> Self {
        Self { uids: BTreeSet::from([uid]), names: BTreeSet::from([name]) }
    }

    /// Nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty() && self.names.is_empty()
    }

    /// Adds an account.
    pub fn add(&mut self, uid: Uid, name: &UserName) {
        self.uids.insert(uid);
        self.names.insert(name.clone());
    }

    /// Adds everybody of another set.
    pub fn include(&mut self, others: &Self) {
        self.uids.extend(&others.uids);
        self.names.extend(others.names.iter().cloned());
    }

    /// Whether somebody is in both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        !self.uids.is_disjoint(&other.uids) || !self.names.is_disjoint(&other.names)
    }
}

impl Serialize for Humans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let uids = self.uids.iter().map(|uid| format!("uid:{uid}"));
        serializer.collect_seq(uids.chain(self.names.iter().map(|name| format!("user:{}", name.as_str()))))
    }
}

impl<'de> Deserialize<'de> for Humans {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut humans = Self::default();
        for text in Vec::<String>::deserialize(deserializer)? {
            // A name is taken as it stands, whatever it holds: it was an account's when it was written.
            match (text.strip_prefix("user:"), text.strip_prefix("uid:").map(str::parse)) {
                (Some(name), _) => _ = humans.names.insert(UserName::new(name)),
                (None, Some(Ok(uid))) => _ = humans.uids.insert(Uid(uid)),
                (None, Some(Err(_)) | None) => return Err(serde::de::Error::custom("neither uid:NUMBER nor user:NAME")),
            }
        }
        Ok(humans)
    }
}

/// What is known of the humans behind an actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Behind {
    /// These.
    Known(Humans),
    /// Something could not be read: it may be anybody.
    Anybody,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn humans_read_back_as_they_were_written_whatever_their_names() {
        let mut humans = Humans::account(Uid(7), UserName::new("odd:name, with \"all\""));
        humans.add(Uid(8), &UserName::new("carol"));
        let written = serde_json::to_string(&humans).unwrap();
        assert_eq!(written, r#"["uid:7","uid:8","user:carol","user:odd:name, with \"all\""]"#);
        assert_eq!(serde_json::from_str::<Humans>(&written).unwrap(), humans);
        assert!(serde_json::from_str::<Humans>(r#"["group:x"]"#).is_err());
    }
}
