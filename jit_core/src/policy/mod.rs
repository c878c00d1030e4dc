//! The policy: who may request what, who approves, and what needs no request.
//!
//! [`load`] reads it from TOML, [`judge`] applies it. Both are pure; the files are read elsewhere.

pub mod change;
pub mod hours;
pub mod judge;
pub mod load;
pub mod reader;
mod rulebook;
mod rules;
pub mod suggest;

pub use rulebook::{Rules, Scoped};
pub use rules::{
    After, AtExpiry, DenyRule, EmergencyRule, Escalate, Extend, GrantRule, LegacyRule, Limit, Pattern, ReasonRule, RepetitiveRule, Require,
    Review, Scope, SessionRule, Stage, Starts, approvals,
};

use crate::name::{GroupName, RuleName, RunAs, Service, Uid, UserName};
use crate::subject::{Groups, Subject};
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
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

/// Whether an account or a group can be called so. Directories have names with a blank (`domain admins`), and none with a blank and a
/// comma: that is two names in one text.
fn is_name(text: &str) -> bool {
    let odd = |letter: char| letter == ':' || letter.is_control() || (letter.is_whitespace() && letter != ' ');
    let two = text.contains(' ') && text.contains(',');
    !(text.is_empty() || text != text.trim() || two || text.contains(odd))
}

impl Principal {
    /// Reads `user:NAME`, `group:NAME`, `uid:NUMBER` or `any`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => (text == "any").then_some(Self::Any),
            Some(("user", name)) if is_name(name) => Some(Self::User(UserName::new(name))),
            Some(("group", name)) if is_name(name) => Some(Self::Group(GroupName::new(name))),
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
                Groups::Partly(groups) if groups.contains(group) => Fit::Yes,
                Groups::Partly(_) => Fit::Unknown,
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

/// `[[person]]`: several accounts, one human.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Where it stands.
    pub place: Place,
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

/// What all rules have, whatever kind they are.
#[derive(Debug, Clone, Copy)]
pub struct AnyRule<'a> {
    /// Its kind, as it is written.
    pub kind: &'static str,
    /// `name`.
    pub name: &'a RuleName,
    /// Where it stands.
    pub place: &'a Place,
    /// Whom it is about.
    pub scope: &'a Scope,
    /// `as`: the run-as users that it names; none: whichever.
    pub run_as: &'a [RunAs],
}

impl AnyRule<'_> {
    /// Of how many parts it is made up: its principals, times its services, times its run-as users.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.scope.who.len().saturating_mul(self.scope.on.len()).saturating_mul(self.run_as.len().max(1))
    }
}

/// A whole, valid policy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// `auditors`.
    pub auditors: Vec<Principal>,
    /// `[[person]]`, in order.
    pub persons: Vec<Person>,
    /// `[[grant]]`, in file order.
    pub grants: Rules<GrantRule>,
    /// `[[emergency]]`, in file order.
    pub emergencies: Rules<EmergencyRule>,
    /// `[[repetitive]]`, in file order.
    pub repetitive: Rules<RepetitiveRule>,
    /// `[[legacy]]`, in file order.
    pub legacy: Rules<LegacyRule>,
    /// `[[deny]]`, in file order.
    pub denies: Rules<DenyRule>,
    /// The digests of the files that it was read from.
    pub files: Vec<FileDigest>,
    /// Their texts: what is in force may no longer be what is on disk.
    pub texts: std::sync::Arc<Vec<load::PolicyFile>>,
}

impl Policy {
    /// Every rule, whatever it is.
    pub fn every_rule(&self) -> impl Iterator<Item = AnyRule<'_>> {
        let any = |kind, name, place, scope, run_as| AnyRule { kind, name, place, scope, run_as };
        let grants = self.grants.iter().map(move |rule| any("grant", &rule.name, &rule.place, &rule.scope, &rule.run_as[..]));
        let emergencies = self.emergencies.iter().map(move |rule| any("emergency", &rule.name, &rule.place, &rule.scope, &rule.run_as));
        let repetitive = self.repetitive.iter();
        let repetitive =
            repetitive.map(move |rule| any("repetitive", &rule.name, &rule.place, &rule.scope, rule.run_as.as_deref().unwrap_or_default()));
        let legacy = self.legacy.iter().map(move |rule| any("legacy", &rule.name, &rule.place, &rule.scope, &rule.run_as));
        let denies = self
            .denies
            .iter()
            .map(move |rule| any("deny", &rule.name, &rule.place, &rule.scope, rule.run_as.as_deref().unwrap_or_default()));
        grants.chain(emergencies).chain(repetitive).chain(legacy).chain(denies)
    }

    /// Whether any rule is about this service; one that none is about is denied with a warning, because
    /// our line in its PAM file says that it is ours.
    #[must_use]
    pub fn names_service(&self, service: &Service) -> bool {
        self.every_rule().flat_map(|rule| &rule.scope.on).any(|named| named.covers(service))
    }

    /// Whether there is no rule that could let anybody in.
    #[must_use]
    pub fn lets_nobody_in(&self) -> bool {
        self.grants.is_empty() && self.emergencies.is_empty() && self.legacy.is_empty()
    }

    /// How many rules there are.
    #[must_use]
    pub fn rules(&self) -> usize {
        self.every_rule().count()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn principals(list: &[&str]) -> Vec<Principal> {
        list.iter().map(|text| Principal::parse(text).unwrap()).collect()
    }

    fn subject(name: &str, uid: u32, groups: Groups) -> Subject {
        Subject { uid: Uid(uid), name: UserName::new(name), groups }
    }

    fn known(groups: &[&str]) -> Groups {
        Groups::Known(groups.iter().map(|name| GroupName::new(*name)).collect())
    }

    #[test]
    fn somebody_is_written_as_they_are_read_and_nothing_else_is_somebody() {
        for text in ["user:alice", "group:ops", "group:domain admins", "uid:2001", "any"] {
            let principal = Principal::parse(text).unwrap();
            assert_eq!(principal.to_string(), text);
            let json = format!("\"{text}\"");
            assert_eq!(serde_json::to_string(&principal).unwrap(), json);
            assert_eq!(serde_json::from_str::<Principal>(&json).unwrap(), principal);
        }
        for wrong in ["", "alice", "user:", "user:a\u{1b}", "group:", "uid:", "uid:-1", "uid:x", "any:", "host:x"] {
            assert_eq!(Principal::parse(wrong), None, "{wrong}");
        }
        for wrong in [" ", " ops", "ops ", "a\tb", "a\u{a0}b", "a\nb", "a:b", "ops, leads", "ops, group:leads"] {
            for kind in ["user", "group"] {
                assert_eq!(Principal::parse(&format!("{kind}:{wrong}")), None, "{wrong:?}");
            }
        }
        assert!(serde_json::from_str::<Principal>("\"alice\"").unwrap_err().to_string().starts_with("not user:NAME"));
        assert!(serde_json::from_str::<Principal>("7").is_err());
    }

    #[test]
    fn one_sure_match_of_several_is_enough_and_what_is_not_known_is_no_no() {
        let by = principals(&["group:ops", "user:alice", "uid:7"]);
        assert_eq!(any_fits(&by, &subject("alice", 1, known(&[]))), Fit::Yes);
        assert_eq!(any_fits(&by, &subject("bob", 7, known(&[]))), Fit::Yes);
        assert_eq!(any_fits(&by, &subject("bob", 1, known(&["ops"]))), Fit::Yes);
        assert_eq!(any_fits(&by, &subject("bob", 1, known(&["dev"]))), Fit::No);
        assert_eq!(any_fits(&by, &subject("bob", 1, Groups::unknown())), Fit::Unknown);
        assert_eq!(any_fits(&by, &subject("alice", 1, Groups::unknown())), Fit::Yes);
        assert_eq!(any_fits(&by, &subject("bob", 1, Groups::Partly([GroupName::new("ops")].into()))), Fit::Yes);
        assert_eq!(any_fits(&[], &subject("root", 0, known(&[]))), Fit::No);
    }

    #[test]
    fn root_approves_where_it_is_named_outright_and_nowhere_else() {
        let root = subject("root", 0, known(&["root", "leads"]));
        assert_eq!(may_approve(&principals(&["any", "group:leads", "uid:0", "user:alice"]), &root), Fit::No);
        assert_eq!(may_approve(&principals(&["user:alice", "user:root"]), &root), Fit::Yes);
        assert_eq!(may_approve(&principals(&["user:root"]), &subject("root", 7, known(&[]))), Fit::Yes);
        let toor = subject("toor", 0, known(&["leads"]));
        assert_eq!(may_approve(&principals(&["group:leads", "user:toor"]), &toor), Fit::No, "root by another name");
    }

    #[test]
    fn a_policy_that_lets_nobody_in_is_one_without_a_rule_that_could() {
        let now = crate::time::WallTime::from_millis(0);
        let lets_nobody_in = |text: &str| {
            let file = load::PolicyFile { file: "p".to_owned(), text: format!("version = 1\n{text}") };
            load::load(&[file], load::Around { now, zone: None }).unwrap().0.lets_nobody_in()
        };
        let rule = |kind: &str, more: &str| format!("[[{kind}]]\nname = \"x\"\nwho = [\"any\"]\non = [\"sudo\"]\n{more}");
        assert!(lets_nobody_in("auditors = [\"any\"]\n"));
        assert!(lets_nobody_in(&rule("deny", "")));
        assert!(lets_nobody_in(&rule("repetitive", "after = { within = \"8h\", times = 4 }")), "there is nothing to repeat");
        assert!(!lets_nobody_in(&rule("grant", "approve = []")));
        assert!(!lets_nobody_in(&rule("legacy", "owner = \"any\"\nreason = \"x\"\nuntil = 1970-03-01")));
        let review = "limit = { times = 1, per = \"1d\" }\nreview = { by = [\"group:x\"], within = \"1h\" }";
        assert!(!lets_nobody_in(&rule("emergency", review)));
    }
}
