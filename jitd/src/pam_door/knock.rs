//! From what the module says to somebody at the door: the account, its groups, as whom, from where.

use crate::directory::Directory;
use crate::engine::access::Knock;
use jit_core::engine::{Denial, Why};
use jit_core::name::{RunAs, Service, Uid, UserName};
use jit_core::subject::{Entry, Groups, Phase, Remote, Subject};
use jit_host::accounts::AccountTrouble;
use jit_proto::pam::{self, Who};

/// The longest name that is looked up or recorded, in bytes.
const LONGEST_NAME: usize = 256;

/// Somebody whose account is not known.
pub struct Unknown {
    /// What is recorded of them.
    pub knock: Knock,
    /// What the denial's line is made from.
    pub entry: Entry,
    /// The denial.
    pub denial: Denial,
}

/// Somebody at the door, as the engine thinks of them.
pub async fn entry(directory: &Directory, told: pam::Entry, phase: Phase) -> Result<Entry, Unknown> {
    let found = match &told.who {
        Who::Uid(uid) => directory.by_uid(Uid(*uid)).await,
        Who::Name(name) if name.is_empty() || name.len() > LONGEST_NAME => Err(AccountTrouble::NoSuch),
        Who::Name(name) => directory.by_name(UserName::new(name.as_str())).await,
    };
    let whose = |subject: Subject| {
        let service = Service::new(cut(&told.service, 64));
        let run_as = match (&told.who, &told.run_as) {
            // Whoever logs in comes in as themselves, however the name service spells them.
            (Who::Name(_), Some(_)) => Some(RunAs::Oneself),
            (Who::Uid(_), Some(target)) => Some(RunAs::of(&subject.name, UserName::new(cut(target, LONGEST_NAME)))),
            (Who::Name(_) | Who::Uid(_), None) => None,
        };
        let tty = told.tty.as_ref().map(|tty| cut(tty, 64));
        Entry { subject, service, run_as, remote: Remote::from_address(told.from), tty, phase }
    };
    found.map(whose).map_err(|trouble| {
        let (name, uid) = match &told.who {
            Who::Uid(uid) => (format!("uid {uid}"), Uid(*uid)),
            Who::Name(name) => (cut(name, LONGEST_NAME), Uid(u32::MAX)),
        };
        let why = match trouble {
            AccountTrouble::NoSuch => Why::NoAccount,
            AccountTrouble::Failed(_) => Why::AccountUnknown,
        };
        let entry = whose(Subject { uid, name: UserName::new(name), groups: Groups::unknown() });
        let knock = Knock { uid: None, ..Knock::from(&entry) };
        Unknown { knock, entry, denial: Denial::plain(why) }
    })
}

/// The first line of what sshd says of the log-in: `publickey ssh-ed25519 AAAA...`. The key itself is not kept.
pub fn auth_in_short(auth: &str) -> String {
    let line = auth.lines().next().unwrap_or_default();
    let words: Vec<_> = line.split_ascii_whitespace().take(2).collect();
    cut(&words.join(" "), 64)
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}
