//! A no: why, in a word for the record and in a line for the user, with what to do about it.

use super::remedy::Remedy;
use crate::id::DenialId;
use crate::name::{RuleName, RunAs, Service};
use crate::policy::judge::Unknown;
use crate::subject::Entry;
use std::fmt;

/// Why somebody does not come in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    /// The daemon has no valid policy.
    NoPolicy,
    /// A rule forbids it; or it may, for want of this knowledge.
    Forbidden(RuleName, Option<Unknown>),
    /// No rule is about the service; our line in its PAM file says that it is ours.
    NoRuleForService,
    /// No rule lets this user use the service, as that user, from there.
    NoRule,
    /// A rule could, but there is no grant.
    NoGrant,
    /// What this rule gives, or gave, is good from other addresses alone.
    OtherAddress(RuleName),
    /// A rule might let them in or ask, if this were known.
    Unknown(Unknown),
    /// There is no such account.
    NoAccount,
    /// The name service did not say whose account it is.
    AccountUnknown,
    /// The daemon has more to do than it can.
    Busy,
    /// The change that the entry needs could not be recorded.
    NotRecorded,
    /// The rule wants sessions in a cgroup, and this one cannot have any.
    Unbindable,
    /// What would let them in was approved by somebody in whose session they are.
    OwnApproval,
    /// The daemon cannot see processes, so it could not hold the session's.
    Unseen,
}

impl Why {
    /// What is not known, where that is why.
    fn unknown(&self) -> Option<Unknown> {
        match self {
            Self::Forbidden(_, unknown) => *unknown,
            Self::Unknown(unknown) => Some(*unknown),
            Self::NoPolicy
            | Self::NoRuleForService
            | Self::NoRule
            | Self::NoGrant
            | Self::OtherAddress(_)
            | Self::NoAccount
            | Self::AccountUnknown
            | Self::Busy
            | Self::NotRecorded
            | Self::Unbindable
            | Self::OwnApproval
            | Self::Unseen => None,
        }
    }
}

/// What to do where something is not known.
fn advice(unknown: Unknown) -> &'static str {
    match unknown {
        Unknown::Groups => "Try again, or tell your administrator",
        Unknown::Address => "Tell your administrator",
        Unknown::Time => "Try again when it is over",
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forbidden(_, Some(unknown)) => return write!(f, "forbidden, {unknown} unknown"),
            Self::Unknown(unknown) => return write!(f, "{unknown} unknown"),
            Self::Forbidden(_, None) => "forbidden",
            Self::NoPolicy => "no valid policy",
            Self::NoRuleForService => "no rule names the service",
            Self::NoRule => "no rule matches",
            Self::NoGrant => "no grant",
            Self::OtherAddress(_) => "other address",
            Self::NoAccount => "no account",
            Self::AccountUnknown => "account unknown",
            Self::Busy => "busy",
            Self::NotRecorded => "not recorded",
            Self::Unbindable => "no cgroup",
            Self::OwnApproval => "own approval",
            Self::Unseen => "process unseen",
        })
    }
}

/// A no, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// Why.
    pub why: Why,
    /// The rule that forbids it, or under which the subject may ask, if there is one.
    pub rule: Option<RuleName>,
    /// What the subject can do about it.
    pub remedy: Option<Remedy>,
}

impl Denial {
    /// A no about which nothing can be done.
    #[must_use]
    pub fn plain(why: Why) -> Self {
        Self { why, rule: None, remedy: None }
    }

    /// What to do, if there is something: a command only where it can be typed.
    #[must_use]
    pub fn ask(&self, service: &Service) -> Option<String> {
        self.remedy.as_ref()?.words(service)
    }

    /// The one line that the user reads, under 200 bytes.
    #[must_use]
    pub fn line(&self, entry: &Entry, id: DenialId) -> String {
        const MOST: usize = 199;
        let service = crate::text::printable(entry.service.spoken(), 32);
        let user = crate::text::printable(entry.subject.name.as_str(), 32);
        let target = match &entry.run_as {
            Some(RunAs::User(name)) if name.as_str() != "root" => format!(" as {}", crate::text::printable(name.as_str(), 32)),
            Some(RunAs::User(_) | RunAs::Oneself) | None => String::new(),
        };
        let said = match &self.why {
            Why::NoPolicy => "there is no valid policy, so nobody is let in. Tell your administrator".to_owned(),
            Why::Forbidden(rule, None) => format!("rule {rule} forbids {service} to {user}"),
            Why::Forbidden(rule, Some(unknown)) => {
                let rule = crate::text::printable(rule.as_str(), 56);
                match unknown {
                    Unknown::Groups => format!("rule {rule} forbids {service} to some; the groups of {user} are unknown"),
                    Unknown::Address => format!("rule {rule} forbids {service} from some addresses; that of {user} is unknown"),
                    Unknown::Time => format!("rule {rule} forbids {service} at some hours; this one runs twice, as clocks go back"),
                }
            }
            Why::NoRuleForService => format!("no rule names the service {service}, so nobody may use it. Tell your administrator"),
            Why::NoRule => format!("no rule lets {user} use {service}{target}"),
            Why::NoGrant => format!("no grant for {service}{target}"),
            Why::OtherAddress(rule) => {
                let rule = crate::text::printable(rule.as_str(), 56);
                format!("rule {rule} lets {user} in by {service} from other addresses alone")
            }
            Why::Unknown(Unknown::Groups) => format!("the groups of {user} cannot be looked up"),
            Why::Unknown(Unknown::Address) => format!("the address that {user} comes from is unknown, and a rule asks for it"),
            Why::Unknown(Unknown::Time) => format!("{service} is let in at some hours; this one runs twice, as clocks go back"),
            Why::NoAccount => "no such account".to_owned(),
            Why::AccountUnknown => "the account cannot be looked up. Try again, or tell your administrator".to_owned(),
            Why::Busy => "the access daemon is busy. Try again in a moment".to_owned(),
            Why::Unbindable => "the rule wants a session in a cgroup, and none can be made here. Tell your administrator".to_owned(),
            Why::OwnApproval => {
                format!("the grant for {service}{target} was approved by whoever's session this is. Somebody else must approve it")
            }
            Why::Unseen => {
                "the access daemon cannot see who is at the door: is /proc mounted with hidepid? Tell your administrator".to_owned()
            }
            Why::NotRecorded => "it cannot be recorded, so nobody is let in. Tell your administrator".to_owned(),
        };
        let tail = format!(". {id}");
        let mut line = format!("jit: {said}");
        let next = self.ask(&entry.service).or_else(|| self.why.unknown().map(|unknown| advice(unknown).to_owned()));
        for part in next.iter().flat_map(|next| next.split_inclusive(". ")) {
            let part = part.strip_suffix(". ").unwrap_or(part);
            let with_part = line.len().saturating_add(part.len()).saturating_add(tail.len()).saturating_add(2);
            if with_part <= MOST {
                line.push_str(". ");
                line.push_str(part);
            }
        }
        line + &tail
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::entry;
    use super::*;

    fn line(denial: &Denial, entry: &Entry) -> String {
        denial.line(entry, "D-7F3KQ2ZD".parse().unwrap())
    }

    #[test]
    fn each_no_is_one_word_in_the_record_and_one_line_for_the_user() {
        let line = |why| line(&Denial::plain(why), &entry("alice", "sudo", None));
        for (why, word, said) in [
            (Why::NoPolicy, "no valid policy", "there is no valid policy, so nobody is let in. Tell your administrator"),
            (Why::Forbidden(RuleName::new("not-now"), None), "forbidden", "rule not-now forbids sudo to alice"),
            (
                Why::Forbidden(RuleName::new("not-now"), Some(Unknown::Groups)),
                "forbidden, groups unknown",
                "rule not-now forbids sudo to some; the groups of alice are unknown. Try again, or tell your administrator",
            ),
            (
                Why::Forbidden(RuleName::new("not-now"), Some(Unknown::Address)),
                "forbidden, address unknown",
                "rule not-now forbids sudo from some addresses; that of alice is unknown. Tell your administrator",
            ),
            (
                Why::Forbidden(RuleName::new("not-now"), Some(Unknown::Time)),
                "forbidden, local time unknown",
                "rule not-now forbids sudo at some hours; this one runs twice, as clocks go back. Try again when it is over",
            ),
            (
                Why::NoRuleForService,
                "no rule names the service",
                "no rule names the service sudo, so nobody may use it. Tell your administrator",
            ),
            (Why::NoRule, "no rule matches", "no rule lets alice use sudo"),
            (Why::NoGrant, "no grant", "no grant for sudo"),
            (
                Why::Unknown(Unknown::Groups),
                "groups unknown",
                "the groups of alice cannot be looked up. Try again, or tell your administrator",
            ),
            (
                Why::Unknown(Unknown::Address),
                "address unknown",
                "the address that alice comes from is unknown, and a rule asks for it. Tell your administrator",
            ),
            (
                Why::Unknown(Unknown::Time),
                "local time unknown",
                "sudo is let in at some hours; this one runs twice, as clocks go back. Try again when it is over",
            ),
            (Why::NoAccount, "no account", "no such account"),
            (Why::AccountUnknown, "account unknown", "the account cannot be looked up. Try again, or tell your administrator"),
            (Why::Busy, "busy", "the access daemon is busy. Try again in a moment"),
            (Why::NotRecorded, "not recorded", "it cannot be recorded, so nobody is let in. Tell your administrator"),
            (
                Why::Unseen,
                "process unseen",
                "the access daemon cannot see who is at the door: is /proc mounted with hidepid? Tell your administrator",
            ),
            (
                Why::OwnApproval,
                "own approval",
                "the grant for sudo was approved by whoever's session this is. Somebody else must approve it",
            ),
            (Why::Unbindable, "no cgroup", "the rule wants a session in a cgroup, and none can be made here. Tell your administrator"),
        ] {
            assert_eq!((why.to_string().as_str(), line(why)), (word, format!("jit: {said}. D-7F3KQ2ZD")));
        }
    }

    #[test]
    fn a_line_that_would_be_too_long_says_less_and_never_half() {
        let mut denial = Denial::plain(Why::NoGrant);
        let at = entry("alice", "sudo", None);
        let approved_by = |length: usize| {
            let (rule, run_as) = (RuleName::new("ops-root"), RunAs::root());
            Remedy::Request { rule, run_as, approvers: "x".repeat(length) }
        };
        let longest = (1..200).rev().find_map(|length| {
            denial.remedy = Some(approved_by(length));
            let said = line(&denial, &at);
            said.contains("Approves").then_some(said.len())
        });
        assert_eq!(longest, Some(199));
        let longest = Denial::plain(Why::Forbidden(RuleName::new("r".repeat(64)), Some(Unknown::Groups)));
        let mut somebody = entry("alice", "sudo", None);
        (somebody.subject.name, somebody.service) = (crate::name::UserName::new("u".repeat(64)), Service::new("s".repeat(64)));
        let said = line(&longest, &somebody);
        assert!(said.len() < 200 && said.ends_with(" are unknown. D-7F3KQ2ZD"), "{said}");
        denial.remedy = Some(approved_by(300));
        assert_eq!(line(&denial, &at), "jit: no grant for sudo. Ask: jit request sudo --reason \"...\". D-7F3KQ2ZD");
    }
}
