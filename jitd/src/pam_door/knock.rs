//! From what the module says to somebody at the door: the account, its groups, as whom, from where.

use super::key;
use crate::directory::Directory;
use crate::engine::access::Knock;
use jit_core::engine::{Denial, Why};
use jit_core::name::{RunAs, Service, Uid, UserName};
use jit_core::subject::{Entry, Groups, Phase, Remote, Subject};
use jit_host::accounts::AccountTrouble;
use jit_proto::pam::{self, Who};

/// How many methods of one log-in are kept.
const MOST_METHODS: usize = 4;
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

/// What sshd says of the log-in, a line for each method: `publickey ssh-ed25519 AAAA...`. Of a key its fingerprint is kept.
pub fn auth_in_short(auth: &str) -> String {
    let lines = auth.lines().filter(|line| !line.trim_ascii().is_empty()).take(MOST_METHODS);
    lines.map(method_in_short).collect::<Vec<_>>().join(", ")
}

fn method_in_short(line: &str) -> String {
    let mut words = line.split_ascii_whitespace();
    let (method, about) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let short = cut(&[method, about].join(" "), 64).trim_ascii_end().to_owned();
    match words.next().and_then(|key| key::fingerprint(about, key)) {
        Some(fingerprint) => format!("{short} {fingerprint}"),
        None => short,
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_method_of_a_log_in_is_said_and_of_a_key_its_fingerprint() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPvJlWjpUz0/m0c68X/ha67KjN21yZJE8+JwxXF0uQs+";
        let short = "ssh-ed25519 SHA256:MzNiw2n7D9idHe3v+ZJr29EJdmWgq6O0iq35sd5yfd4";
        assert_eq!(auth_in_short(&format!("publickey {key}\n")), format!("publickey {short}"));
        assert_eq!(auth_in_short(&format!("password\npublickey {key}\n")), format!("password, publickey {short}"));
        let hostbased = format!("hostbased {key} client user \"alice\", client host \"web1\"");
        assert_eq!(auth_in_short(&hostbased), format!("hostbased {short}"));
        assert_eq!(auth_in_short("keyboard-interactive/pam\n"), "keyboard-interactive/pam");
        assert_eq!(auth_in_short("gssapi-with-mic alice@EXAMPLE.COM\n"), "gssapi-with-mic alice@EXAMPLE.COM");
        assert_eq!(auth_in_short("publickey ssh-rsa FORGED"), "publickey ssh-rsa");
        assert_eq!(auth_in_short(""), "");
    }

    #[test]
    fn what_is_kept_of_a_log_in_has_an_end() {
        assert_eq!(auth_in_short(&"x".repeat(8000)).len(), 64);
        assert_eq!(auth_in_short(&"password\n".repeat(1000)), ["password"; 4].join(", "));
    }
}
