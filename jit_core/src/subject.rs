//! Who asks: an account with its groups, and where from.

use crate::name::{GroupName, Service, Uid, UserName};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What the host knows of somebody's groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Groups {
    /// The look-up answered: these, primary group included.
    Known(BTreeSet<GroupName>),
    /// Some source of groups failed or took too long: these, and perhaps others.
    Partly(BTreeSet<GroupName>),
}

impl Groups {
    /// Nothing is known of them.
    #[must_use]
    pub fn unknown() -> Self {
        Self::Partly(BTreeSet::new())
    }

    /// Whether these are all.
    #[must_use]
    pub fn are_known(&self) -> bool {
        match self {
            Self::Known(_) => true,
            Self::Partly(_) => false,
        }
    }
}

/// An account that asks for something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// Its number.
    pub uid: Uid,
    /// Its name. A grant names both, and both must match: a number can pass to a new user.
    pub name: UserName,
    /// Its groups.
    pub groups: Groups,
}

/// The address that a log-in comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remote {
    /// This one.
    Address(IpAddr),
    /// None that could be read: a name from reverse DNS, or nothing.
    Unknown,
}

impl Remote {
    /// The address, with an IPv4 address in IPv6's clothes undressed.
    #[must_use]
    pub fn from_address(address: Option<IpAddr>) -> Self {
        address.map_or(Self::Unknown, |address| Self::Address(address.to_canonical()))
    }

    /// The address if it is known.
    #[must_use]
    pub fn address(self) -> Option<IpAddr> {
        match self {
            Self::Address(address) => Some(address),
            Self::Unknown => None,
        }
    }
}

/// Which question of PAM's is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// May this subject come in now? Changes nothing.
    Account,
    /// It comes in: the grant is bound.
    Session,
}

impl Phase {
    /// The word in events and JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Session => "session",
        }
    }
}

/// Somebody at a door: the subject, the service, and what the service says of the way in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub subject: Subject,
    /// By which service.
    pub service: Service,
    /// As whom; sudo says so only when the session opens.
    pub run_as: Option<crate::name::RunAs>,
    /// From where.
    pub remote: Remote,
    /// On which terminal, if the service says so.
    pub tty: Option<String>,
    /// By which of PAM's questions.
    pub phase: Phase,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_what_it_is_in_whatever_clothes_and_none_is_none() {
        let remote = |text: &str| Remote::from_address(text.parse().ok());
        assert_eq!(remote("::ffff:10.1.2.3"), remote("10.1.2.3"));
        assert_eq!(remote("10.1.2.3").address(), "10.1.2.3".parse().ok());
        assert_eq!((remote("a.name.by.dns"), remote("").address()), (Remote::Unknown, None));
    }

    #[test]
    fn groups_of_which_some_source_said_nothing_are_not_known() {
        assert!(Groups::Known(BTreeSet::new()).are_known());
        assert!(!Groups::unknown().are_known());
        assert!(!Groups::Partly([GroupName::new("ops")].into()).are_known());
    }

    #[test]
    fn the_phases_are_named_as_pam_names_them() {
        assert_eq!([Phase::Account, Phase::Session].map(Phase::word), ["account", "session"]);
    }
}
