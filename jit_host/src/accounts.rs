//! Accounts and groups, as the name service knows them. Every call can block: the name service may ask
//! the network.

use crate::{groups, sources};
use jit_core::name::{GroupName, Uid, UserName};
use jit_core::subject::{Groups, Subject};
use nix::libc::gid_t;
use nix::unistd::{User, getgrouplist};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt;

/// Why an account, or a group, is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountTrouble {
    /// There is none.
    NoSuch,
    /// The name service failed, or took too long.
    Failed(String),
}

impl fmt::Display for AccountTrouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuch => f.write_str("there is no such account"),
            Self::Failed(why) => write!(f, "the name service failed: {why}"),
        }
    }
}

impl std::error::Error for AccountTrouble {}

/// The account of that number, with its groups.
///
/// # Errors
/// There is none, or the name service failed. Where groups cannot all be looked up, they are [`Groups::Partly`].
pub fn subject_by_uid(uid: Uid) -> Result<Subject, AccountTrouble> {
    found(User::from_uid(nix::unistd::Uid::from_raw(uid.0)))
}

/// The account of that name, with its groups.
///
/// # Errors
/// There is none, or the name service failed. Where groups cannot all be looked up, they are [`Groups::Partly`].
pub fn subject_by_name(name: &UserName) -> Result<Subject, AccountTrouble> {
    found(User::from_name(name.as_str()))
}

/// What the account of that number is called. No source of groups is asked.
///
/// # Errors
/// There is none, or the name service failed.
pub fn name_by_uid(uid: Uid) -> Result<UserName, AccountTrouble> {
    there(User::from_uid(nix::unistd::Uid::from_raw(uid.0))).map(|user| UserName::new(user.name))
}

fn there(user: nix::Result<Option<User>>) -> Result<User, AccountTrouble> {
    user.map_err(|errno| AccountTrouble::Failed(errno.desc().to_owned()))?.ok_or_else(not_found)
}

fn found(user: nix::Result<Option<User>>) -> Result<Subject, AccountTrouble> {
    let user = there(user)?;
    let groups = groups_of(&user).unwrap_or_else(Groups::unknown);
    Ok(Subject { uid: Uid(user.uid.as_raw()), name: UserName::new(user.name), groups })
}

/// Why nobody was found.
fn not_found() -> AccountTrouble {
    let silent = sources::silent_about_accounts();
    silent.map_or(AccountTrouble::NoSuch, |source| AccountTrouble::Failed(format!("its source {source} does not answer")))
}

/// The names of all groups of a user. A group without a name is one that no policy can mean, unless a source that may know it is
/// away and does not say so. None: they cannot be known.
fn groups_of(user: &User) -> Option<Groups> {
    if user.name.contains(char::REPLACEMENT_CHARACTER) {
        // The account's own name is not UTF-8, and of this one libc would know the primary group alone, without an error.
        return None;
    }
    let name = CString::new(user.name.as_str()).ok()?;
    let gids = getgrouplist(&name, user.gid).ok()?;
    let named: Option<Vec<_>> = gids.iter().map(|gid| groups::name_of(gid.as_raw()).ok()).collect();
    let named = named?;
    let nameless = named.iter().any(Option::is_none);
    let known: BTreeSet<_> = named.into_iter().flatten().collect();
    let are_all = !(nameless && sources::may_name_more_groups()) && sources::silent(&name, user.gid.as_raw()).is_empty();
    Some(if are_all { Groups::Known(known) } else { Groups::Partly(known) })
}

/// The sources of groups in `nsswitch.conf` that cannot be asked now: asked for somebody who is nowhere, as some make up root
/// where they can tell of nobody else.
#[must_use]
pub fn silent_group_sources() -> Vec<String> {
    const NOBODYS: gid_t = gid_t::MAX;
    sources::silent(c"jit-no-such-account", NOBODYS)
}

/// The source of accounts in `nsswitch.conf` that finds nobody now because it is down.
#[must_use]
pub fn silent_account_source() -> Option<&'static str> {
    sources::silent_about_accounts()
}

/// What a group of this name is called: the name service may find it by another spelling.
///
/// # Errors
/// There is none, or the name service failed.
pub fn group_by_name(group: &GroupName) -> Result<GroupName, AccountTrouble> {
    let found = groups::named(group).map_err(|errno| AccountTrouble::Failed(errno.desc().to_owned()))?;
    found.map(|group| group.name).ok_or_else(|| {
        // With a source silent, a group that is not found may be one of its.
        let silent = silent_group_sources();
        let why = || AccountTrouble::Failed(format!("of its sources {} does not answer", silent.join(", ")));
        if silent.is_empty() { AccountTrouble::NoSuch } else { why() }
    })
}

/// What a group of this name is called by its number, by which the groups of an account are known: of two names with one number
/// it is the first that the name service finds.
///
/// # Errors
/// There is none, or the name service failed.
pub fn group_by_number_of(group: &GroupName) -> Result<GroupName, AccountTrouble> {
    let failed = |errno: nix::errno::Errno| AccountTrouble::Failed(errno.desc().to_owned());
    let found = groups::named(group).map_err(failed)?.ok_or(AccountTrouble::NoSuch)?;
    groups::name_of(found.gid).map_err(failed)?.ok_or(AccountTrouble::NoSuch)
}

/// Who is in a group, as far as the name service lists it: its members, and local accounts whose primary group
/// it is. For showing only; nothing is decided by it.
#[must_use]
pub fn members_of(group: &GroupName) -> Vec<UserName> {
    let Ok(Some(group)) = groups::named(group) else { return Vec::new() };
    let mut names: BTreeSet<UserName> = group.members.into_iter().collect();
    if let Ok(passwd) = std::fs::read_to_string("/etc/passwd") {
        let gid = group.gid.to_string();
        let primary = passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            (fields.nth(2)? == gid).then(|| UserName::new(name))
        });
        names.extend(primary);
    }
    names.into_iter().collect()
}

/// Whether a group is there, and not in this host's own file: what a directory lists of its members may be nobody, as
/// `ignore_group_members` of sssd.conf(5) has it, though somebody is in it.
#[must_use]
pub fn is_of_a_directory(group: &GroupName) -> bool {
    let own = std::fs::read_to_string("/etc/group").unwrap_or_default();
    matches!(groups::named(group), Ok(Some(found)) if !has_entry(&own, &found.name))
}

/// Whether a text in the form of group(5) has this group.
fn has_entry(text: &str, group: &GroupName) -> bool {
    text.lines().any(|line| line.split_once(':').is_some_and(|(name, _)| name == group.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_this_host_is_none_of_a_directory_and_one_that_is_nowhere_is_none_either() {
        for name in ["root", "no-such-group-here"] {
            assert!(!is_of_a_directory(&GroupName::new(name)), "{name}");
        }
        let text = "root:x:0:\nops:x:1000:alice\n";
        assert!(has_entry(text, &GroupName::new("ops")) && !has_entry(text, &GroupName::new("op")));
    }

    #[test]
    fn root_is_found_by_number_and_by_name_and_is_in_its_group() {
        let root = subject_by_uid(Uid::ROOT).unwrap();
        assert_eq!(root.name, UserName::new("root"));
        assert_eq!(subject_by_name(&root.name), Ok(root.clone()));
        let Groups::Known(groups) = root.groups else { panic!("root's groups are unknown") };
        assert!(groups.contains(&GroupName::new("root")));
        assert!(members_of(&GroupName::new("root")).contains(&UserName::new("root")));
        assert_eq!(group_by_name(&GroupName::new("root")), Ok(GroupName::new("root")));
        assert_eq!(group_by_number_of(&GroupName::new("root")), Ok(GroupName::new("root")));
        for by in [group_by_name, group_by_number_of] {
            assert_eq!(by(&GroupName::new("no-such-group-here")), Err(AccountTrouble::NoSuch));
        }
    }

    /// On a machine with libnss-systemd and without its services too: there it makes up root, and no other.
    #[test]
    fn the_groups_of_an_account_of_a_file_are_all_known() {
        let daemon = subject_by_uid(Uid(1)).unwrap();
        assert!(daemon.groups.are_known(), "{daemon:?}");
        assert_eq!(silent_group_sources(), [""; 0]);
    }

    #[test]
    fn of_an_account_whose_name_is_not_utf8_no_group_is_known() {
        let mut root = User::from_uid(nix::unistd::Uid::from_raw(0)).unwrap().unwrap();
        root.name = String::from_utf8_lossy(b"caf\xe9").into_owned();
        assert_eq!(found(Ok(Some(root))).unwrap().groups, Groups::unknown());
    }

    #[test]
    fn an_account_that_is_not_there_is_said_not_to_be() {
        assert_eq!(subject_by_uid(Uid(4_000_000_000)), Err(AccountTrouble::NoSuch));
        assert!(subject_by_name(&UserName::new("no such account")).is_err());
    }
}
