//! Which rule decides, and why each other one does not.
//!
//! Every rule is put to the same test, and the test says why it fails: what decides and what explains
//! cannot disagree.

use super::{Fit, GrantRule, LegacyRule, Place, Policy, Scope, any_fits};
use crate::name::{RuleName, RunAs, Service};
use crate::span::Span;
use crate::subject::{Remote, Subject};
use crate::time::WallTime;
use std::fmt;

/// Why a rule does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Not one of `who`.
    Who,
    /// One of `not`.
    Not,
    /// The host did not say which groups the subject is in, and the rule asks for one.
    GroupsUnknown,
    /// Another service.
    Service,
    /// Another run-as user.
    RunAs(Vec<RunAs>),
    /// From another address.
    From,
    /// Where from is not known, and the rule asks.
    FromUnknown,
    /// It only lets people in without a request, and a request was made; or the other way round.
    StartsAtLogin,
    /// A request is needed first.
    NeedsRequest,
    /// Longer than the rule allows.
    TooLong(Span),
    /// The rule has ended.
    Ended,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Who => f.write_str("who: the user is not named"),
            Self::Not => f.write_str("not: the user is excepted"),
            Self::GroupsUnknown => f.write_str("who: the user's groups cannot be looked up"),
            Self::Service => f.write_str("on: another service"),
            Self::RunAs(allowed) => {
                let allowed: Vec<_> = allowed.iter().map(RunAs::to_string).collect();
                write!(f, "as: only {}", crate::text::any_of(&allowed))
            }
            Self::From => f.write_str("from: another address"),
            Self::FromUnknown => f.write_str("from: the address is not known"),
            Self::StartsAtLogin => f.write_str("starts: at login, without a request"),
            Self::NeedsRequest => f.write_str("matches, once it was requested and granted"),
            Self::TooLong(max) => write!(f, "for: at most {max}"),
            Self::Ended => f.write_str("until: the rule has ended"),
        }
    }
}

/// What is asked of the policy: may this subject, by this service, as that user, from there.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Who.
    pub subject: &'a Subject,
    /// By which service.
    pub service: &'a Service,
    /// As whom; unknown while sudo has only asked for the account.
    pub run_as: Option<&'a RunAs>,
}

fn in_scope(scope: &Scope, question: Question<'_>) -> Result<(), Mismatch> {
    if !scope.on.iter().any(|service| service.covers(question.service)) {
        return Err(Mismatch::Service);
    }
    match any_fits(&scope.not, question.subject) {
        Fit::Yes => return Err(Mismatch::Not),
        Fit::Unknown => return Err(Mismatch::GroupsUnknown),
        Fit::No => {}
    }
    match any_fits(&scope.who, question.subject) {
        Fit::Yes => Ok(()),
        Fit::Unknown => Err(Mismatch::GroupsUnknown),
        Fit::No => Err(Mismatch::Who),
    }
}

fn as_allowed(allowed: &[RunAs], question: Question<'_>) -> Result<(), Mismatch> {
    let oneself = question.service.is_sshd();
    match question.run_as {
        None => Ok(()),
        Some(RunAs::Oneself) if oneself => Ok(()),
        Some(run_as) if allowed.contains(run_as) => Ok(()),
        Some(_) => Err(Mismatch::RunAs(allowed.to_vec())),
    }
}

/// Whether an address lies in one of these networks; no networks: any address does.
///
/// # Errors
/// That it does not, or that it is not known.
pub fn from_allowed(from: &[ipnet::IpNet], remote: Remote) -> Result<(), Mismatch> {
    match (from, remote) {
        ([], _) => Ok(()),
        (_, Remote::Unknown) => Err(Mismatch::FromUnknown),
        (networks, Remote::Address(address)) if networks.iter().any(|network| network.contains(&address)) => Ok(()),
        (_, Remote::Address(_)) => Err(Mismatch::From),
    }
}

/// Whether one may request by this rule, for that long.
fn requestable(rule: &GrantRule, question: Question<'_>, wanted: Option<Span>) -> Result<(), Mismatch> {
    in_scope(&rule.scope, question)?;
    as_allowed(&rule.run_as, question)?;
    if matches!(rule.starts, super::Starts::Login) {
        return Err(Mismatch::StartsAtLogin);
    }
    match wanted {
        Some(wanted) if wanted > rule.max => Err(Mismatch::TooLong(rule.max)),
        Some(_) | None => Ok(()),
    }
}

/// Whether this rule lets one in without a request.
fn opens_at_login(rule: &GrantRule, question: Question<'_>, remote: Remote) -> Result<(), Mismatch> {
    in_scope(&rule.scope, question)?;
    as_allowed(&rule.run_as, question)?;
    from_allowed(&rule.scope.from, remote)?;
    if matches!(rule.starts, super::Starts::Login) { Ok(()) } else { Err(Mismatch::NeedsRequest) }
}

fn stands(rule: &LegacyRule, question: Question<'_>, remote: Remote, now: WallTime) -> Result<(), Mismatch> {
    in_scope(&rule.scope, question)?;
    as_allowed(&rule.run_as, question)?;
    from_allowed(&rule.scope.from, remote)?;
    if now >= rule.ends { Err(Mismatch::Ended) } else { Ok(()) }
}

/// What the policy says to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum RequestRuling<'a> {
    /// This rule decides.
    By(&'a GrantRule),
    /// Only its maximum stands against it: the longest possible.
    TooLong {
        /// The rule that allows the most.
        rule: &'a GrantRule,
    },
    /// No rule.
    None,
}

/// What lets somebody in without a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// A rule whose grant starts at login.
    Login(&'a GrantRule),
    /// A legacy rule.
    Legacy(&'a LegacyRule),
}

/// One rule put to the test, for `jit policy explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The rule.
    pub name: RuleName,
    /// `grant` or `legacy`.
    pub kind: &'static str,
    /// Where it stands.
    pub place: Place,
    /// Whether it is the one that decides.
    pub matched: bool,
    /// Why, or why not.
    pub because: String,
}

/// The answer to "may they come in".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// At once, without a request.
    Grant,
    /// After a request.
    Request,
    /// No.
    None,
}

impl Answer {
    /// The word in JSON.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Request => "request",
            Self::None => "none",
        }
    }
}

impl Policy {
    /// Which rule a request falls under: the first that matches and whose maximum covers what is wanted.
    pub fn rule_for_request(&self, question: Question<'_>, wanted: Option<Span>) -> RequestRuling<'_> {
        let mut longest: Option<&GrantRule> = None;
        for rule in &self.grants {
            match requestable(rule, question, wanted) {
                Ok(()) => return RequestRuling::By(rule),
                Err(Mismatch::TooLong(max)) if longest.is_none_or(|known| known.max < max) => longest = Some(rule),
                Err(_) => {}
            }
        }
        longest.map_or(RequestRuling::None, |rule| RequestRuling::TooLong { rule })
    }

    /// All rules under which the subject may request something.
    pub fn requestable_by<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = (&'a GrantRule, &'a Service)> {
        self.grants.iter().flat_map(move |rule| {
            rule.scope.on.iter().filter_map(move |service| {
                let question = Question { subject, service, run_as: None };
                requestable(rule, question, None).is_ok().then_some((rule, service))
            })
        })
    }

    /// What lets somebody in without a request.
    #[must_use]
    pub fn standing(&self, question: Question<'_>, remote: Remote, now: WallTime) -> Option<Standing<'_>> {
        let login = self.grants.iter().find(|rule| opens_at_login(rule, question, remote).is_ok());
        let legacy = || self.legacy.iter().find(|rule| stands(rule, question, remote, now).is_ok());
        login.map(Standing::Login).or_else(|| legacy().map(Standing::Legacy))
    }

    /// What the policy answers, and how each rule fared: the same tests that decide.
    #[must_use]
    pub fn explain(&self, question: Question<'_>, remote: Remote, now: WallTime) -> (Answer, Option<RuleName>, Vec<Tested>) {
        let (answer, deciding) = match (self.standing(question, remote, now), self.rule_for_request(question, None)) {
            (Some(Standing::Login(rule)), _) => (Answer::Grant, Some(&rule.name)),
            (Some(Standing::Legacy(rule)), _) => (Answer::Grant, Some(&rule.name)),
            (None, RequestRuling::By(rule)) => (Answer::Request, Some(&rule.name)),
            (None, RequestRuling::TooLong { .. } | RequestRuling::None) => (Answer::None, None),
        };
        let tested = |name: &RuleName, kind, place: &Place, result: Result<(), Mismatch>| {
            let matched = deciding == Some(name);
            let because = match result {
                Err(why) => why.to_string(),
                Ok(()) if matched => "matches, and is the first to".to_owned(),
                Ok(()) => "matches, after another one".to_owned(),
            };
            Tested { name: name.clone(), kind, place: place.clone(), matched, because }
        };
        let grants = self.grants.iter().map(|rule| {
            let result = match rule.starts {
                super::Starts::Login => opens_at_login(rule, question, remote),
                super::Starts::Approval | super::Starts::FirstUse(_) => requestable(rule, question, None),
            };
            tested(&rule.name, "grant", &rule.place, result)
        });
        let legacy = self.legacy.iter().map(|rule| tested(&rule.name, "legacy", &rule.place, stands(rule, question, remote, now)));
        let tests = grants.chain(legacy).collect();
        (answer, deciding.cloned(), tests)
    }
}

#[cfg(test)]
mod tests;
