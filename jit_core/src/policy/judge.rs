//! Which rule decides, and why each other one does not.
//!
//! Every rule is put to the same test, and the test says why it fails: what decides and what explains ([`Policy::explain`])
//! cannot disagree. What decides leaves out the rules whose `who` cannot be the subject.

mod explain;
mod unknown;

pub use explain::{Answer, Tested};
pub use unknown::{Forbidden, Unknown};

use super::hours::{Hours, Open};
use super::{DenyRule, EmergencyRule, Fit, GrantRule, LegacyRule, Policy, RepetitiveRule, Scope, Starts, any_fits};
use crate::name::{RunAs, Service};
use crate::span::Span;
use crate::subject::{Remote, Subject};
use crate::time::WallTime;
use ipnet::IpNet;
use std::fmt;
use unknown::{certain, counting};

/// Why a rule does not match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Not one of `who`.
    Who,
    /// One of `not`.
    Not,
    /// The rule asks for something that cannot be known.
    Unknown(Unknown),
    /// Another service.
    Service,
    /// Another run-as user.
    RunAs(Vec<RunAs>),
    /// From another address.
    From,
    /// It is about these addresses alone, and none was said.
    FromUnsaid(Vec<IpNet>),
    /// It only lets people in without a request, and a request was made; or the other way round.
    StartsAtLogin,
    /// A request is needed first.
    NeedsRequest,
    /// Outside its windows.
    Hours(Hours),
    /// Longer than the rule allows.
    TooLong(Span),
    /// More uses than the rule allows.
    TooManyUses(u32),
    /// It gives again what was approved before, and nothing was.
    NothingToRepeat,
    /// The rule has ended.
    Ended,
    /// A rule before it asks for more approvals, and of that this is not known.
    Behind(Unknown),
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Who => f.write_str("who: the user is not named"),
            Self::Not => f.write_str("not: the user is excepted"),
            Self::Unknown(Unknown::Groups) => f.write_str("who: the user's groups cannot be looked up"),
            Self::Unknown(Unknown::Address) => f.write_str("from: the address is not known"),
            Self::Unknown(Unknown::Time) => f.write_str("hours: this local time exists twice"),
            Self::Service => f.write_str("on: another service"),
            Self::RunAs(allowed) => {
                let allowed: Vec<_> = allowed.iter().map(RunAs::to_string).collect();
                write!(f, "as: only {}", crate::text::any_of(&allowed))
            }
            Self::From => f.write_str("from: another address"),
            Self::FromUnsaid(networks) => {
                let networks = networks.iter().map(IpNet::to_string).collect();
                write!(f, "from: only from {}, and no address was said", crate::text::any_of_first(6, networks))
            }
            Self::StartsAtLogin => f.write_str("starts: at login, without a request"),
            Self::NeedsRequest => f.write_str("matches, once it was requested and granted"),
            Self::Hours(hours) => write!(f, "hours: only {hours}"),
            Self::TooLong(max) => write!(f, "for: at most {max}"),
            Self::TooManyUses(max) => write!(f, "uses: at most {max}"),
            Self::NothingToRepeat => f.write_str("matches, once the same was approved by another person"),
            Self::Ended => f.write_str("until: the rule has ended"),
            Self::Behind(unknown) => {
                write!(f, "matches, but a rule before it asks for more approvals, and it is not known whether that does: {unknown}")
            }
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
    /// When.
    pub at: WallTime,
}

/// How much is asked for; nothing said: the rule's default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted {
    /// For how long.
    pub time: Option<Span>,
    /// For how many sessions.
    pub uses: Option<u32>,
}

/// Whether the subject is one of `who` and none of `not`, if that is known.
fn is_about(scope: &Scope, question: Question<'_>) -> Result<Option<Unknown>, Mismatch> {
    match (any_fits(&scope.who, question.subject), any_fits(&scope.not, question.subject)) {
        (_, Fit::Yes) => Err(Mismatch::Not),
        (Fit::No, _) => Err(Mismatch::Who),
        (Fit::Yes, Fit::No) => Ok(None),
        (Fit::Unknown, Fit::No | Fit::Unknown) | (Fit::Yes, Fit::Unknown) => Ok(Some(Unknown::Groups)),
    }
}

fn in_scope(scope: &Scope, question: Question<'_>) -> Result<(), Mismatch> {
    if !scope.on.iter().any(|service| service.covers(question.service)) {
        return Err(Mismatch::Service);
    }
    let groups = is_about(scope, question)?;
    let time = counting(within_hours(scope.hours.as_ref(), question.at))?;
    certain(groups.or(time))
}

/// Whether a moment lies in one of the windows; no windows: any does.
///
/// # Errors
/// That it does not, or that it cannot be known.
pub fn within_hours(hours: Option<&Hours>, at: WallTime) -> Result<(), Mismatch> {
    let Some(hours) = hours else { return Ok(()) };
    match hours.at(at) {
        Open::Until(_) => Ok(()),
        Open::No => Err(Mismatch::Hours(hours.clone())),
        Open::Unknown => Err(Mismatch::Unknown(Unknown::Time)),
    }
}

/// Whether a `[[deny]]` holds, and for want of what knowledge. What cannot be known counts against the subject here, and nowhere
/// else. Without a remote it is asked for a request, where it is not known yet from where it will be used.
fn denies(rule: &DenyRule, question: Question<'_>, remote: Option<Remote>) -> Result<Option<Unknown>, Mismatch> {
    let DenyRule { scope, run_as, .. } = rule;
    if !scope.on.iter().any(|service| service.covers(question.service)) {
        return Err(Mismatch::Service);
    }
    let groups = is_about(scope, question)?;
    match (run_as, question.run_as) {
        (Some(named), Some(target)) if !named.contains(target) => return Err(Mismatch::RunAs(named.clone())),
        // As whom is not known while sudo asks for the account; the session asks again.
        (Some(named), None) => return Err(Mismatch::RunAs(named.clone())),
        (Some(_), Some(_)) | (None, _) => {}
    }
    let address = match (scope.from.as_slice(), remote) {
        ([], _) => None,
        (from, None) => return Err(Mismatch::FromUnsaid(from.to_vec())),
        (from, Some(remote)) => counting(from_allowed(from, remote))?,
    };
    let time = counting(within_hours(scope.hours.as_ref(), question.at))?;
    Ok(groups.or(address).or(time))
}

/// For which services a rule gives something, and as whom at each.
fn parts<'a>(scope: &'a Scope, run_as: &'a [RunAs]) -> impl Iterator<Item = (&'a Service, &'a RunAs)> {
    let oneself = || std::slice::from_ref(&RunAs::Oneself);
    let targets = move |service: &Service| if service.is_as_oneself() { oneself() } else { run_as };
    scope.on.iter().flat_map(move |service| targets(service).iter().map(move |target| (service, target)))
}

fn as_allowed(allowed: &[RunAs], question: Question<'_>) -> Result<(), Mismatch> {
    let oneself = question.service.is_as_oneself();
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
pub fn from_allowed(from: &[IpNet], remote: Remote) -> Result<(), Mismatch> {
    match (from, remote) {
        ([], _) => Ok(()),
        (_, Remote::Unknown) => Err(Mismatch::Unknown(Unknown::Address)),
        (networks, Remote::Address(address)) if networks.iter().any(|network| network.contains(&address)) => Ok(()),
        (_, Remote::Address(_)) => Err(Mismatch::From),
    }
}

/// Whether one may request by this rule, that much.
fn requestable(rule: &GrantRule, question: Question<'_>, wanted: Wanted) -> Result<(), Mismatch> {
    certain(may_request(rule, question)?)?;
    gives_as_much(rule, wanted)
}

/// Whether one may request something by this rule, if that is known.
fn may_request(rule: &GrantRule, question: Question<'_>) -> Result<Option<Unknown>, Mismatch> {
    let unknown = counting(in_scope(&rule.scope, question))?;
    as_allowed(&rule.run_as, question)?;
    if matches!(rule.starts, Starts::Login) { Err(Mismatch::StartsAtLogin) } else { Ok(unknown) }
}

fn gives_as_much(rule: &GrantRule, wanted: Wanted) -> Result<(), Mismatch> {
    covers(rule.max, wanted.time)?;
    match (rule.max_uses, wanted.uses) {
        (Some(max), Some(wanted)) if wanted > max => Err(Mismatch::TooManyUses(max)),
        (Some(_) | None, _) => Ok(()),
    }
}

fn covers(max: Span, wanted: Option<Span>) -> Result<(), Mismatch> {
    match wanted {
        Some(wanted) if wanted > max => Err(Mismatch::TooLong(max)),
        Some(_) | None => Ok(()),
    }
}

/// Whether one may take an emergency by this rule, for that long.
fn takeable(rule: &EmergencyRule, question: Question<'_>, wanted: Option<Span>) -> Result<(), Mismatch> {
    in_scope(&rule.scope, question)?;
    as_allowed(&rule.run_as, question)?;
    covers(rule.max, wanted)
}

/// Whether this rule gives again what was approved before.
fn repeats(rule: &RepetitiveRule, question: Question<'_>, remote: Remote) -> Result<(), Mismatch> {
    in_scope(&rule.scope, question)?;
    if let Some(run_as) = &rule.run_as {
        as_allowed(run_as, question)?;
    }
    from_allowed(&rule.scope.from, remote)
}

/// Whether this rule lets one in without a request.
fn opens_at_login(rule: &GrantRule, question: Question<'_>, remote: Remote) -> Result<(), Mismatch> {
    in_scope(&rule.scope, question)?;
    as_allowed(&rule.run_as, question)?;
    from_allowed(&rule.scope.from, remote)?;
    if matches!(rule.starts, Starts::Login) { Ok(()) } else { Err(Mismatch::NeedsRequest) }
}

fn stands(rule: &LegacyRule, question: Question<'_>, remote: Remote) -> Result<(), Mismatch> {
    in_scope(&rule.scope, question)?;
    as_allowed(&rule.run_as, question)?;
    if question.at >= rule.ends {
        return Err(Mismatch::Ended);
    }
    from_allowed(&rule.scope.from, remote)
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
    /// Only the number of uses does: the most that are possible.
    TooManyUses {
        /// The rule that allows the most.
        rule: &'a GrantRule,
        /// That number.
        most: u32,
    },
    /// A rule before the one that would decide asks for more approvals, and whether it matches cannot be known.
    Unknown(Unknown),
    /// No rule.
    None,
}

/// What the policy says to an emergency.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum EmergencyRuling<'a> {
    /// This rule decides.
    By(&'a EmergencyRule),
    /// Only its maximum stands against it.
    TooLong {
        /// The rule that allows the most.
        rule: &'a EmergencyRule,
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

impl Policy {
    /// The rule that forbids it, if one does: it beats every other. Of several it is the first that does so for sure. Without a
    /// remote it is asked for a request.
    #[must_use]
    pub fn denied_by(&self, question: Question<'_>, remote: Option<Remote>) -> Option<Forbidden<'_>> {
        let mut doubtful = None;
        for rule in self.denies.about(question.subject) {
            match denies(rule, question, remote) {
                Ok(None) => return Some(Forbidden { rule, unknown: None }),
                Ok(unknown @ Some(_)) => doubtful = doubtful.or(Some(Forbidden { rule, unknown })),
                Err(_) => {}
            }
        }
        doubtful
    }

    /// Which rule a request falls under: the first that matches and whose maximum covers what is wanted; unless one before it, of
    /// which that cannot be known, asks for more approvals.
    pub fn rule_for_request(&self, question: Question<'_>, wanted: Wanted) -> RequestRuling<'_> {
        let mut longest: Option<&GrantRule> = None;
        let mut most: Option<(&GrantRule, u32)> = None;
        let mut strictest: Option<(u64, Unknown)> = None;
        for rule in self.grants.about(question.subject) {
            match (may_request(rule, question), gives_as_much(rule, wanted)) {
                (Ok(None), Ok(())) => {
                    let stricter = strictest.filter(|(approvals, _)| *approvals > rule.approvals());
                    return stricter.map_or(RequestRuling::By(rule), |(_, unknown)| RequestRuling::Unknown(unknown));
                }
                (Ok(Some(unknown)), Ok(())) if strictest.is_none_or(|(known, _)| known < rule.approvals()) => {
                    strictest = Some((rule.approvals(), unknown));
                }
                (Ok(None), Err(Mismatch::TooLong(max))) if longest.is_none_or(|known| known.max < max) => longest = Some(rule),
                (Ok(None), Err(Mismatch::TooManyUses(max))) if most.is_none_or(|(_, known)| known < max) => most = Some((rule, max)),
                (Ok(_) | Err(_), Ok(()) | Err(_)) => {}
            }
        }
        match (longest, most) {
            (_, Some((rule, most))) => RequestRuling::TooManyUses { rule, most },
            (Some(rule), None) => RequestRuling::TooLong { rule },
            (None, None) => RequestRuling::None,
        }
    }

    /// A rule by which the subject would be given now what so many approved, if they asked for it: for some time, with no more
    /// approvals, for any number of sessions, and good from there. What a rule before it takes, or might take that is not known
    /// and wants more, never comes to it.
    #[must_use]
    pub fn gives_again(&self, question: Question<'_>, remote: Remote, approvals: u64) -> Option<&GrantRule> {
        let mut taken: Option<Span> = None;
        self.grants.about(question.subject).find(|rule| {
            let Ok(unknown) = may_request(rule, question) else { return false };
            let is_reached = taken.is_none_or(|taken| taken < rule.max);
            let wants_more = rule.max_uses.is_some() || rule.approvals() > approvals;
            if unknown.is_none() || wants_more {
                taken = taken.max(Some(rule.max));
            }
            is_reached && unknown.is_none() && !wants_more && from_allowed(&rule.scope.from, remote).is_ok()
        })
    }

    /// Which rule an emergency falls under: the first that matches and whose maximum covers what is wanted.
    pub fn rule_for_emergency(&self, question: Question<'_>, wanted: Option<Span>) -> EmergencyRuling<'_> {
        let mut longest: Option<&EmergencyRule> = None;
        for rule in self.emergencies.about(question.subject) {
            match takeable(rule, question, wanted) {
                Ok(()) => return EmergencyRuling::By(rule),
                Err(Mismatch::TooLong(max)) if longest.is_none_or(|known| known.max < max) => longest = Some(rule),
                Err(_) => {}
            }
        }
        longest.map_or(EmergencyRuling::None, |rule| EmergencyRuling::TooLong { rule })
    }

    /// The rules that would give again what was approved before, in order.
    pub fn repeated_by<'a>(&'a self, question: Question<'a>, remote: Remote) -> impl Iterator<Item = &'a RepetitiveRule> {
        self.repetitive.about(question.subject).filter(move |rule| repeats(rule, question, remote).is_ok())
    }

    /// The rules that would give it again at some hour and from some address, in order.
    pub fn repeated_some_time_by<'a>(&'a self, question: Question<'a>) -> impl Iterator<Item = &'a RepetitiveRule> {
        self.repetitive.about(question.subject).filter(move |rule| {
            let is_on = rule.scope.on.iter().any(|service| service.covers(question.service));
            let is_as = rule.run_as.as_deref().is_none_or(|run_as| as_allowed(run_as, question).is_ok());
            is_on && is_as && is_about(&rule.scope, question) == Ok(None)
        })
    }

    /// What the subject may request now: by which rule, for which service, as whom.
    pub fn requestable_by<'a>(
        &'a self,
        subject: &'a Subject,
        at: WallTime,
    ) -> impl Iterator<Item = (&'a GrantRule, &'a Service, &'a RunAs)> {
        self.grants.about(subject).flat_map(move |rule| {
            parts(&rule.scope, &rule.run_as).filter_map(move |(service, run_as)| {
                let question = Question { subject, service, run_as: Some(run_as), at };
                let free = self.denied_by(question, None).is_none();
                (free && requestable(rule, question, Wanted::default()).is_ok()).then_some((rule, service, run_as))
            })
        })
    }

    /// The emergencies that the subject may take now: by which rule, for which service, as whom.
    pub fn takeable_by<'a>(
        &'a self,
        subject: &'a Subject,
        at: WallTime,
    ) -> impl Iterator<Item = (&'a EmergencyRule, &'a Service, &'a RunAs)> {
        self.emergencies.about(subject).flat_map(move |rule| {
            parts(&rule.scope, &rule.run_as).filter_map(move |(service, run_as)| {
                let question = Question { subject, service, run_as: Some(run_as), at };
                let free = self.denied_by(question, None).is_none();
                (free && takeable(rule, question, None).is_ok()).then_some((rule, service, run_as))
            })
        })
    }

    /// What lets somebody in without a request. A deny has been asked for before.
    #[must_use]
    pub fn standing(&self, question: Question<'_>, remote: Remote) -> Option<Standing<'_>> {
        self.standing_unless(question, remote, |_| false)
    }

    /// The same of somebody on a host, whose record may know of a legacy rule that it is over.
    #[must_use]
    pub fn standing_unless(&self, question: Question<'_>, remote: Remote, is_over: impl Fn(&LegacyRule) -> bool) -> Option<Standing<'_>> {
        let mut at_login = self.grants.about(question.subject).filter(|rule| matches!(rule.starts, Starts::Login));
        let login = at_login.find(|rule| opens_at_login(rule, question, remote).is_ok());
        let legacy = || self.legacy.about(question.subject).find(|rule| stands(rule, question, remote).is_ok() && !is_over(rule));
        login.map(Standing::Login).or_else(|| legacy().map(Standing::Legacy))
    }
}

#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
