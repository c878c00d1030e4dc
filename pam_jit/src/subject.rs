//! Who is at the door.
//!
//! A setuid program runs for its caller: the real uid. Only in account is that sure (in sudoedit's session it is
//! 0), so it is found there and remembered. A log-in, and a daemon's job, is for whom PAM_USER names.

use crate::host::{Caller, Host, Item, Odd, Variable};
use jit_proto::pam::{Entry, Who};
use std::net::IpAddr;
use std::ops::RangeInclusive;

/// Why the question cannot be put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// An item that must be there is not.
    Missing(Item),
    /// An item cannot be a name.
    Odd(Odd),
    /// The session of a setuid program whose account phase did not run.
    NoAccountPhase,
}

impl From<Odd> for Unknown {
    fn from(odd: Odd) -> Self {
        Self::Odd(odd)
    }
}

/// Which of PAM's questions is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Account.
    Account,
    /// The first session line.
    Session,
}

impl Phase {
    /// The word in the log.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Session => "session",
        }
    }
}

/// Programs that act for their caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Sudo,
    Su,
    /// Root's su: it serves nobody else, and has no account phase (util-linux, su-common.c).
    Runuser,
    Other,
}

fn family(service: &str) -> Family {
    match service {
        "sudo" | "sudo-i" => Family::Sudo,
        "su" | "su-l" => Family::Su,
        "runuser" | "runuser-l" => Family::Runuser,
        _ => Family::Other,
    }
}

/// The uids that a system gives out by itself, to accounts of its own (LSB, "User ID Ranges"): no human has one.
const OF_THE_SYSTEM: RangeInclusive<u32> = 1..=99;

/// Whether the caller is a daemon that acts for whom PAM_USER names though its real uid is not 0. There is one: atd keeps the uid that
/// it is built with while it asks PAM, Debian's `daemon` and SUSE's `at` (`RELINQUISH_PRIVS_ROOT` in its `privs.h`); RHEL's is root.
/// No setuid program is called so, and whoever started one would have a uid of their own.
fn is_daemon(service: &str, uid: u32) -> bool {
    service == "atd" && OF_THE_SYSTEM.contains(&uid)
}

/// Whether an sshd without root, or whatever somebody starts as one, is at work here: whom PAM_USER names logs in, as everywhere at sshd.
/// Nothing comes open by that: such a process has no rights but its own, and jitd answers root alone, and the account that it runs as itself.
/// A setuid program is none, whoever's it is: it has its owner's rights, and runs for its caller.
fn is_sshd_without_root(host: &dyn Host, service: &str, uid: u32) -> bool {
    service == "sshd" && host.effective_uid() == uid
}

fn required(host: &dyn Host, item: Item) -> Result<String, Unknown> {
    host.item(item)?.ok_or(Unknown::Missing(item))
}

/// Who calls, as far as it can be seen now.
fn seen_now(host: &dyn Host, service: &str) -> Result<Caller, Unknown> {
    match (family(service), host.real_uid()) {
        (Family::Sudo | Family::Su | Family::Runuser, 0) => Ok(Caller::NotOurs),
        (Family::Other, uid @ 1..) if is_daemon(service, uid) || is_sshd_without_root(host, service, uid) => Ok(Caller::LogsIn),
        (Family::Sudo | Family::Su | Family::Runuser | Family::Other, uid @ 1..) => Ok(Caller::Uid(uid)),
        (Family::Other, 0) if service == "login" && host.item(Item::RemoteHost)?.is_none() && is_root(&required(host, Item::User)?) => {
            Ok(Caller::NotOurs)
        }
        (Family::Other, 0) => Ok(Caller::LogsIn),
    }
}

/// Whether a name is the superuser's. The usual name needs no look-up: the console must work when the name service
/// does not.
fn is_root(name: &str) -> bool {
    name == "root" || nix::unistd::User::from_name(name).is_ok_and(|user| user.is_some_and(|user| user.uid.is_root()))
}

/// Who calls.
///
/// # Errors
/// It cannot be known.
pub fn caller(host: &dyn Host, phase: Phase) -> Result<Caller, Unknown> {
    let service = required(host, Item::Service)?;
    match (phase, host.memory().caller, family(&service)) {
        (Phase::Account, _, _) => seen_now(host, &service),
        (Phase::Session, Some(caller @ (Caller::NotOurs | Caller::Uid(_))), _) => Ok(caller),
        (Phase::Session, None | Some(Caller::LogsIn), Family::Sudo | Family::Su) => Err(Unknown::NoAccountPhase),
        // sshd runs account in another process where it asks by keyboard-interactive.
        (Phase::Session, None | Some(Caller::LogsIn), Family::Runuser | Family::Other) => seen_now(host, &service),
    }
}

/// The entry to ask about; none if the caller is not ours to judge.
///
/// # Errors
/// It cannot be known who it is.
pub fn entry(host: &dyn Host, caller: Caller, phase: Phase) -> Result<Option<Entry>, Unknown> {
    let service = required(host, Item::Service)?;
    let who = match caller {
        Caller::NotOurs => return Ok(None),
        Caller::Uid(uid) => Who::Uid(uid),
        Caller::LogsIn => Who::Name(required(host, Item::User)?),
    };
    // sudo says as whom only when the session opens; in account its PAM_USER is the caller.
    let run_as = match (family(&service), caller, phase) {
        (Family::Sudo, _, Phase::Account) | (Family::Other, Caller::Uid(_), Phase::Account) => None,
        (Family::Sudo | Family::Su | Family::Runuser | Family::Other, _, _) => Some(required(host, Item::User)?),
    };
    let from = address(host, &service);
    let tty = host.item(Item::Terminal).unwrap_or(None);
    Ok(Some(Entry { service, who, run_as, from, tty }))
}

/// The address of the other end: the item, which no file of a user's can set, and sshd takes no name for one that looks like an
/// address. Only where sshd puts a name there (`UseDNS`) its variable counts, which in a session pam_env may have set.
/// What cannot be an address is none: jitd takes it for unknown, which no rule that asks for one lets in.
fn address(host: &dyn Host, service: &str) -> Option<IpAddr> {
    let by_item = host.item(Item::RemoteHost).ok().flatten().and_then(|remote| parse_address(&remote));
    let connection = || if service == "sshd" { host.variable(Variable::SshConnection) } else { None };
    by_item.or_else(|| parse_address(connection()?.split(' ').next()?))
}

/// An address, without the zone of a link-local one.
fn parse_address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}
