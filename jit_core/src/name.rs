//! Names: of users, groups, services and rules, each a type of its own, so that none is taken for another.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A user's number, as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(pub u32);

impl Uid {
    /// The superuser.
    pub const ROOT: Self = Self(0);

    /// Whether this is the superuser.
    #[must_use]
    pub fn is_root(self) -> bool {
        self == Self::ROOT
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is read where it stands, if it can be.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// All clones are one text.
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// That name.
            pub fn new(name: impl AsRef<str>) -> Self {
                Self(Arc::from(name.as_ref()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        /// Shown safely: the name is somebody's word.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&crate::text::printable(&self.0, 256))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Text::deserialize(deserializer).map(|Text(text)| Self::new(text))
            }
        }
    };
}

name!(
    /// An account's name.
    UserName
);
name!(
    /// A group's name.
    GroupName
);
name!(
    /// The name of a rule of the policy.
    RuleName
);
name!(
    /// A PAM service: `sudo`, `sshd`, `su`.
    Service
);

impl Service {
    /// The service as a person names it: `ssh` is what people call `sshd`.
    #[must_use]
    pub fn as_typed(text: &str) -> Self {
        Self::new(if text == "ssh" { "sshd" } else { text })
    }

    /// What people call it.
    #[must_use]
    pub fn spoken(&self) -> &str {
        match self.as_str() {
            "sshd" => "ssh",
            "sudo-i" => "sudo",
            "su-l" => "su",
            other => other,
        }
    }

    /// Whether a rule or grant for this service is good for that one: `sudo` covers `sudo-i`, `su` covers `su-l`
    /// (Debian and Fedora give `sudo -i` and `su -` services of their own).
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self == other || matches!((self.as_str(), other.as_str()), ("sudo", "sudo-i") | ("su", "su-l"))
    }

    /// The service that covers this one in a policy.
    #[must_use]
    pub fn family(&self) -> Self {
        match self.as_str() {
            "sudo-i" => Self::new("sudo"),
            "su-l" => Self::new("su"),
            _ => self.clone(),
        }
    }

    /// Whether it is where people log in: at a terminal, from elsewhere, or at a screen. Whatever else acts as an account (cron, at,
    /// user units, doas) may have been set up by whoever acted as it before.
    #[must_use]
    pub fn is_log_in(&self) -> bool {
        const SCREENS: [&str; 13] = [
            "cockpit",
            "gdm-fingerprint",
            "gdm-password",
            "gdm-smartcard",
            "greetd",
            "lightdm",
            "lxdm",
            "ly",
            "plasmalogin",
            "sddm",
            "slim",
            "xdm",
            "xrdp-sesman",
        ];
        matches!(self.as_str(), "sshd" | "login" | "remote") || SCREENS.contains(&self.as_str())
    }

    /// As whom people come in by it.
    #[must_use]
    pub fn as_whom(&self) -> AsWhom {
        const DAEMONS: [&str; 9] = [
            "atd",
            "cron",
            "crond",
            "gdm-autologin",
            "gdm-launch-environment",
            "lightdm-autologin",
            "sddm-autologin",
            "systemd-user",
            "vsftpd",
        ];
        match self.as_str() {
            "sudo" | "sudo-i" | "su" | "su-l" | "runuser" | "runuser-l" | "doas" => AsWhom::Named,
            name if self.is_log_in() || DAEMONS.contains(&name) => AsWhom::Oneself,
            _ => AsWhom::Either,
        }
    }

    /// Whether everybody comes in by it as themselves.
    #[must_use]
    pub fn is_as_oneself(&self) -> bool {
        self.as_whom() == AsWhom::Oneself
    }

    /// Whether this is the log-in from elsewhere that says from which address.
    #[must_use]
    pub fn is_sshd(&self) -> bool {
        self.as_str() == "sshd"
    }
}

/// As whom people come in by a service. The module takes PAM_USER for the subject where a process of root's asks, and for whom the
/// subject acts as where it is a user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AsWhom {
    /// As whom they name: a program that users call.
    Named,
    /// As themselves: a log-in, or a daemon's job for them.
    Oneself,
    /// As themselves where a daemon of root's asks, as whom they name where they call it: by its name it is not known which.
    Either,
}

/// As whom the subject acts once let in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RunAs {
    /// Another user: `sudo -u postgres`.
    User(UserName),
    /// Oneself: a log-in, or `sudo -g`. Written `self`.
    Oneself,
}

impl RunAs {
    /// The superuser: what `sudo` means when it is not told otherwise.
    #[must_use]
    pub fn root() -> Self {
        Self::User(UserName::new("root"))
    }

    /// What a policy or a person writes: a user's name, or `self`.
    #[must_use]
    pub fn as_typed(text: &str) -> Self {
        if text == "self" { Self::Oneself } else { Self::User(UserName::new(text)) }
    }

    /// The run-as user of somebody: their own name is `self`.
    #[must_use]
    pub fn of(subject: &UserName, target: UserName) -> Self {
        if *subject == target { Self::Oneself } else { Self::User(target) }
    }

    /// The account that acts.
    #[must_use]
    pub fn account<'a>(&'a self, subject: &'a UserName) -> &'a UserName {
        match self {
            Self::User(name) => name,
            Self::Oneself => subject,
        }
    }
}

impl fmt::Display for RunAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => name.fmt(f),
            Self::Oneself => f.write_str("self"),
        }
    }
}

impl Serialize for RunAs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::User(name) => name.serialize(serializer),
            Self::Oneself => serializer.serialize_str("self"),
        }
    }
}

impl<'de> Deserialize<'de> for RunAs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(|Text(text)| Self::as_typed(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sudo_covers_its_login_form_and_nothing_else() {
        let sudo = Service::new("sudo");
        assert!(sudo.covers(&Service::new("sudo")) && sudo.covers(&Service::new("sudo-i")));
        assert!(!sudo.covers(&Service::new("su")) && !sudo.covers(&Service::new("sudo-x")));
        assert!(!Service::new("sudo-i").covers(&sudo));
    }

    #[test]
    fn ones_own_name_as_run_as_user_is_self() {
        let alice = UserName::new("alice");
        assert_eq!(RunAs::of(&alice, UserName::new("alice")), RunAs::Oneself);
        assert_eq!(RunAs::of(&alice, UserName::new("root")), RunAs::root());
    }

    #[test]
    fn people_say_ssh_and_the_login_forms_belong_to_their_families() {
        assert_eq!([Service::as_typed("ssh"), Service::as_typed("su")], [Service::new("sshd"), Service::new("su")]);
        let spoken = ["sshd", "sudo-i", "su-l", "sudo", "cron"].map(|name| Service::new(name).spoken().to_owned());
        assert_eq!(spoken, ["ssh", "sudo", "su", "sudo", "cron"]);
        let family = ["sshd", "sudo-i", "su-l", "sudo", "cron"].map(|name| Service::new(name).family().as_str().to_owned());
        assert_eq!(family, ["sshd", "sudo", "su", "sudo", "cron"]);
        let su = Service::new("su");
        assert!(su.covers(&Service::new("su-l")) && !Service::new("su-l").covers(&su) && !su.covers(&Service::new("sudo-i")));
        assert!(Service::new("sshd").is_sshd() && !su.is_sshd());
    }

    #[test]
    fn whoever_logs_in_or_has_a_job_done_is_oneself_and_a_program_that_users_call_is_told_as_whom() {
        let as_whom = |names: &[&str]| -> Vec<_> { names.iter().map(|name| Service::new(*name).as_whom()).collect() };
        assert_eq!(as_whom(&["sudo", "sudo-i", "su", "su-l", "runuser", "doas"]), [AsWhom::Named; 6]);
        assert_eq!(as_whom(&["sshd", "login", "remote", "cockpit", "gdm-password", "cron", "crond", "atd"]), [AsWhom::Oneself; 8]);
        assert_eq!(as_whom(&["lxdm", "greetd", "ly", "slim", "plasmalogin"]), [AsWhom::Oneself; 5]);
        assert_eq!(as_whom(&["dovecot", "ksu", "polkit-1"]), [AsWhom::Either; 3]);
        assert!(Service::new("login").is_as_oneself() && !Service::new("sudo").is_as_oneself() && !Service::new("ksu").is_as_oneself());
    }

    #[test]
    fn as_whom_is_a_name_or_self_and_self_acts_as_oneself() {
        let alice = UserName::new("alice");
        assert_eq!((RunAs::root().account(&alice).as_str(), RunAs::Oneself.account(&alice)), ("root", &alice));
        for (run_as, written) in [(RunAs::as_typed("db"), "\"db\""), (RunAs::as_typed("self"), "\"self\"")] {
            assert_eq!(serde_json::to_string(&run_as).unwrap(), written);
            assert_eq!(serde_json::from_str::<RunAs>(written).unwrap(), run_as);
            assert_eq!(format!("\"{run_as}\""), written);
        }
        assert_eq!(UserName::new("a\u{1b}b").to_string(), "a\\u{1b}b", "names are somebody's word");
    }
}
