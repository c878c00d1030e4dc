//! Who could be behind a process, as far as `/proc` says.

use crate::directory::Directory;
use crate::keeper::Keeper;
use jit_core::actor::{Actor, Ancestry, Behind, Humans, LoginUid};
use jit_core::id::SessionId;
use jit_core::name::Uid;
use jit_core::subject::{Remote, Subject};
use jit_host::accounts::AccountTrouble;
use jit_host::process::{self, Pinned};
use std::collections::BTreeSet;

/// What `/proc` says of a process.
pub struct Seen {
    ancestry: Ancestry,
    uids: BTreeSet<Uid>,
    login: process::LoginUid,
    within: Option<Vec<SessionId>>,
}

impl Seen {
    /// Looks. What `/proc` says counts only if the process was alive after it was read; none: it is gone.
    pub fn of(process: &Pinned, keeper: &Keeper) -> Option<Self> {
        let (ancestry, uids) = process::lineage(process.pid());
        let login = process::login_uid(process.pid());
        let within = keeper.sessions_around(process.pid());
        process.is_alive().then_some(Self { ancestry, uids, login, within })
    }

    /// The actor that this account is in this process.
    pub async fn actor(self, directory: &Directory, subject: Subject) -> Actor {
        let login = match self.login {
            process::LoginUid::Unset => LoginUid::Unset,
            process::LoginUid::Unreadable => LoginUid::Unreadable,
            process::LoginUid::Set(uid) => match directory.name_of(uid).await {
                Ok(name) => LoginUid::Set(uid, Some(name)),
                Err(AccountTrouble::NoSuch) => LoginUid::Set(uid, None),
                Err(AccountTrouble::Failed(_)) => LoginUid::Unreadable,
            },
        };
        let worn = accounts(directory, self.uids).await;
        Actor { subject, remote: Remote::Unknown, login, ancestry: self.ancestry, worn, within: self.within }
    }
}

/// The accounts of these uids; one that has none is a number alone.
async fn accounts(directory: &Directory, uids: BTreeSet<Uid>) -> Behind {
    let mut humans = Humans::default();
    for uid in uids {
        match directory.name_of(uid).await {
            Ok(name) => humans.add(uid, &name),
            Err(AccountTrouble::NoSuch) => _ = humans.uids.insert(uid),
            Err(AccountTrouble::Failed(_)) => return Behind::Anybody,
        }
    }
    Behind::Known(humans)
}
