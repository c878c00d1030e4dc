//! The policy: who may request what, who approves, and what needs no request.
//!
//! [`load`] reads it from TOML, [`judge`] applies it. Both are pure; the files are read elsewhere.

pub mod judge;
pub mod load;
pub mod reader;
mod suggest;

use crate::name::{GroupName, RuleName, RunAs, Service, Uid, UserName};
use crate::span::Span;
use crate::subject::{Groups, Subject};
use crate::time::WallTime;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Whether a subject is one of those named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It is.
    Yes,
    /// It is not.
    No,
    /// The host could not say.
    Unknown,
}

impl Fit {
    /// One of several: a sure match beats an unknown one.
    fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::No, Self::No) => Self::No,
        }
    }
}

/// Somebody as a policy names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Principal {
    /// `user:alice`.
    User(UserName),
    /// `group:ops`.
    Group(GroupName),
    /// `uid:2001`.
    Uid(Uid),
    /// `any`: whoever has an account.
    Any,
}

impl Principal {
    /// Reads `user:NAME`, `group:NAME`, `uid:NUMBER` or `any`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let named = |name: &str| !name.is_empty() && !name.chars().any(|letter| letter.is_whitespace() || letter.is_control());
        match text.split_once(':') {
            None => (text == "any").then_some(Self::Any),
            Some(("user", name)) if named(name) => Some(Self::User(UserName::new(name))),
            Some(("group", name)) if named(name) => Some(Self::Group(GroupName::new(name))),
            Some(("uid", number)) => number.parse().ok().map(|number| Self::Uid(Uid(number))),
            Some(_) => None,
        }
    }

    fn fits(&self, subject: &Subject) -> Fit {
        let sure = |yes| if yes { Fit::Yes } else { Fit::No };
        match self {
            Self::Any => Fit::Yes,
            Self::User(name) => sure(*name == subject.name),
            Self::Uid(uid) => sure(*uid == subject.uid),
            Self::Group(group) => match &subject.groups {
                Groups::Known(groups) => sure(groups.contains(group)),
                Groups::Unknown => Fit::Unknown,
            },
        }
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user:{name}"),
            Self::Group(name) => write!(f, "group:{name}"),
            Self::Uid(uid) => write!(f, "uid:{uid}"),
            Self::Any => f.write_str("any"),
        }
    }
}

impl Serialize for Principal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Principal {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("not user:NAME, group:NAME, uid:NUMBER or any"))
    }
}

/// Whether the subject is one of these.
#[must_use]
pub fn any_fits(principals: &[Principal], subject: &Subject) -> Fit {
    principals.iter().fold(Fit::No, |fit, principal| fit.or(principal.fits(subject)))
}

/// Whether somebody may approve as one of these. Root may only where it is named outright: whoever
/// becomes root by a grant must not find the power to approve in it.
#[must_use]
pub fn may_approve(principals: &[Principal], approver: &Subject) -> Fit {
    if approver.uid.is_root() {
        let named = principals.iter().any(|principal| matches!(principal, Principal::User(name) if name.as_str() == "root"));
        return if named { Fit::Yes } else { Fit::No };
    }
    any_fits(principals, approver)
}

/// A place in a policy file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as it was named when it was read.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1, in characters.
    pub column: u32,
}

/// Whom a rule is about, by which services, from where: what every kind of rule has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `who`: one of these.
    pub who: Vec<Principal>,
    /// `not`: and none of these.
    pub not: Vec<Principal>,
    /// `on`: by one of these services.
    pub on: Vec<Service>,
    /// `from`: for sshd, from one of these addresses; empty: from anywhere.
    pub from: Vec<IpNet>,
}

/// One step of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// One of these may approve.
    pub by: Vec<Principal>,
    /// That many of them must.
    pub count: u32,
}

/// `reason`: what the subject must say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReasonRule {
    /// Whether there must be one.
    pub required: bool,
    /// Its least length, in characters.
    pub min: u32,
}

/// `starts`: when the time of a grant begins to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Starts {
    /// When it is approved.
    Approval,
    /// At its first use, which must come within this time.
    FirstUse(Span),
    /// At a log-in or sudo itself, without a request; only where nobody has to approve.
    Login,
}

/// `[[grant]]`: who may request what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrantRule {
    /// `name`.
    pub name: RuleName,
    /// Where it stands.
    pub place: Place,
    /// Whom it is about.
    pub scope: Scope,
    /// `as`: as whom; empty for sshd alone.
    pub run_as: Vec<RunAs>,
    /// `for.default`.
    pub default: Span,
    /// `for.max`.
    pub max: Span,
    /// `approve`: the stages, in order; none: self-service.
    pub stages: Vec<Stage>,
    /// `lapse`: how long a request waits for an answer.
    pub lapse: Span,
    /// `reason`.
    pub reason: ReasonRule,
    /// `starts`.
    pub starts: Starts,
}

/// `[[legacy]]`: a standing exemption for what cannot ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyRule {
    /// `name`.
    pub name: RuleName,
    /// Where it stands.
    pub place: Place,
    /// Whom it is about.
    pub scope: Scope,
    /// `as`: as whom.
    pub run_as: Vec<RunAs>,
    /// `owner`: who answers for it.
    pub owner: Principal,
    /// `reason`: why it cannot ask.
    pub reason: String,
    /// The first moment after its last day, `until`, in UTC.
    pub ends: WallTime,
}

/// `[[person]]`: several accounts, one human.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The accounts.
    pub accounts: Vec<UserName>,
}

/// The digest of one policy file, so that the record says which policy was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// The file.
    pub file: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// A whole, valid policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// `auditors`.
    pub auditors: Vec<Principal>,
    /// `[[person]]`, in order.
    pub persons: Vec<Person>,
    /// `[[grant]]`, in file order.
    pub grants: Vec<GrantRule>,
    /// `[[legacy]]`, in file order.
    pub legacy: Vec<LegacyRule>,
    /// The digests of the files that it was read from.
    pub files: Vec<FileDigest>,
    /// Their texts: what is in force may no longer be what is on disk.
    pub texts: std::sync::Arc<Vec<load::PolicyFile>>,
}

impl Policy {
    /// Whether any rule is about this service; one that none is about is denied with a warning, because
    /// our line in its PAM file says that it is ours.
    #[must_use]
    pub fn names_service(&self, service: &Service) -> bool {
        let scopes = self.grants.iter().map(|rule| &rule.scope).chain(self.legacy.iter().map(|rule| &rule.scope));
        scopes.flat_map(|scope| &scope.on).any(|named| named.covers(service))
    }

    /// Whether there is a rule that could let anybody in.
    #[must_use]
    pub fn lets_nobody_in(&self) -> bool {
        self.grants.is_empty() && self.legacy.is_empty()
    }

    /// How many rules there are.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.grants.len().saturating_add(self.legacy.len())
    }

    /// The other accounts of the humans who own one of these.
    pub fn accounts_of_same_person(&self, name: &UserName) -> impl Iterator<Item = &UserName> {
        self.persons.iter().filter(|person| person.accounts.contains(name)).flat_map(|person| &person.accounts)
    }

    /// Whether somebody may see everything: an auditor, or root.
    #[must_use]
    pub fn sees_all(&self, viewer: &Subject) -> bool {
        viewer.uid.is_root() || any_fits(&self.auditors, viewer) == Fit::Yes
    }
}
