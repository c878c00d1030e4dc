//! The kinds of rules, as they are written in a policy.

use super::hours::Hours;
use super::{Place, Principal, Scoped};
use crate::name::{RuleName, RunAs, Service};
use crate::span::Span;
use crate::time::WallTime;
use ipnet::IpNet;
use regex::Regex;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Whom a rule is about, by which services, from where, when: what every kind of rule has.
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
    /// `hours` and `zone`: in one of these windows; none: at any time.
    pub hours: Option<Hours>,
}

macro_rules! scoped {
    ($($rule:ty),*) => {
        $(impl Scoped for $rule {
            fn scope(&self) -> &Scope {
                &self.scope
            }
        })*
    };
}

scoped!(GrantRule, EmergencyRule, RepetitiveRule, LegacyRule, DenyRule);

/// One step of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stage {
    /// One of these may approve.
    pub by: Vec<Principal>,
    /// That many of them must.
    pub count: u32,
}

/// `reason`: what the subject must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReasonRule {
    /// Whether there must be one.
    pub required: bool,
    /// Its least length, in characters.
    pub min: u32,
    /// What must be found in it.
    pub pattern: Option<Pattern>,
}

/// A pattern that a reason must match somewhere; in linear time, whatever the reason is. A clone shares what it needs to match.
#[derive(Debug, Clone)]
pub struct Pattern(Arc<Regex>);

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Compiles a pattern, if it is one and not too large.
    ///
    /// # Errors
    /// What is wrong with it, in a line.
    pub fn new(text: &str) -> Result<Self, String> {
        const LARGEST: usize = 256 * 1024;
        let built = regex::RegexBuilder::new(text).size_limit(LARGEST).dfa_size_limit(LARGEST).build();
        let too_big = |error: &regex::Error| matches!(error, regex::Error::CompiledTooBig(_));
        built.map(|regex| Self(Arc::new(regex))).map_err(|error| {
            if too_big(&error) {
                return "too large a pattern".to_owned();
            }
            error.to_string().lines().last().unwrap_or("not a pattern").trim_start_matches("error: ").to_owned()
        })
    }

    /// Whether it is found in this text.
    #[must_use]
    pub fn is_in(&self, text: &str) -> bool {
        self.0.is_match(text)
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
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

/// What becomes of a session whose grant is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AtExpiry {
    /// It is ended.
    End,
    /// It is told so, and goes on.
    Warn,
    /// It goes on.
    Keep,
}

/// How surely a session must be bound, so that it can be ended: the stricter is the greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Require {
    /// As well as the host can.
    Any,
    /// By a cgroup, or nobody comes in.
    Cgroup,
}

/// `session`: what happens to the sessions of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SessionRule {
    /// When the grant is over.
    pub at_expiry: AtExpiry,
    /// How long before that they are told.
    pub warn: Vec<Span>,
    /// How surely they must be bound.
    pub require: Require,
}

impl Default for SessionRule {
    fn default() -> Self {
        Self { at_expiry: AtExpiry::End, warn: vec![Span::from_secs(300), Span::from_secs(60)], require: Require::Any }
    }
}

/// `escalate`: who may approve too, once a request has waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Escalate {
    /// How long it has to wait.
    pub after: Span,
    /// Who then may approve.
    pub to: Vec<Principal>,
}

/// `extend`: how often and by how much a grant may be made longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Extend {
    /// How often.
    pub times: u32,
    /// By how much each time.
    #[serde(rename = "max_s")]
    pub max: Span,
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
    /// `uses.max`: the most uses that may be asked for; then uses are always counted.
    pub max_uses: Option<u32>,
    /// `approve`: the stages, in order; none: self-service.
    pub stages: Vec<Stage>,
    /// `lapse`: how long a request waits for an answer.
    pub lapse: Span,
    /// `escalate`.
    pub escalate: Option<Escalate>,
    /// `reason`.
    pub reason: ReasonRule,
    /// `starts`.
    pub starts: Starts,
    /// `extend`.
    pub extend: Option<Extend>,
    /// `session`.
    pub session: SessionRule,
}

impl GrantRule {
    /// How many people must approve, in all stages together.
    #[must_use]
    pub fn approvals(&self) -> u64 {
        approvals(&self.stages)
    }
}

/// How many people must approve, in all these stages together.
#[must_use]
pub fn approvals(stages: &[Stage]) -> u64 {
    stages.iter().map(|stage| u64::from(stage.count)).fold(0, u64::saturating_add)
}

/// `limit`: how often one person may take an opt-out, in how long a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// How often.
    pub times: u32,
    /// Within which rolling time.
    pub per: Span,
}

/// `review`: whose verdict must follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// One of these, and never whoever took it.
    pub by: Vec<Principal>,
    /// Within which time.
    pub within: Span,
}

/// `[[emergency]]`: an opt-out that is taken at once, by an explicit act with a reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmergencyRule {
    /// `name`.
    pub name: RuleName,
    /// Where it stands.
    pub place: Place,
    /// Whom it is about.
    pub scope: Scope,
    /// `as`: as whom.
    pub run_as: Vec<RunAs>,
    /// `for.default`.
    pub default: Span,
    /// `for.max`.
    pub max: Span,
    /// `limit`.
    pub limit: Limit,
    /// `review`.
    pub review: Review,
    /// `alert`: who is told at once.
    pub alert: Vec<Principal>,
    /// `session`.
    pub session: SessionRule,
}

/// `after`: how long, and how often, an approval is good for without asking again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct After {
    /// Since the approval.
    pub within: Span,
    /// How often, per approval.
    pub times: u32,
}

/// `[[repetitive]]`: an opt-out for the same again, without asking again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepetitiveRule {
    /// `name`.
    pub name: RuleName,
    /// Where it stands.
    pub place: Place,
    /// Whom it is about.
    pub scope: Scope,
    /// `as`: as whom; none: as whomever the approval was for.
    pub run_as: Option<Vec<RunAs>>,
    /// `after`.
    pub after: After,
    /// `for.default`.
    pub default: Span,
    /// `session`.
    pub session: SessionRule,
}

/// `[[legacy]]`: an opt-out that stands, for what cannot ask.
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

impl LegacyRule {
    /// The last second of its last day: what it ends with is said as `until` names it, not as the day after.
    #[must_use]
    pub fn until(&self) -> WallTime {
        self.ends.minus(Span::from_secs(1))
    }
}

/// `[[deny]]`: beats every other rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DenyRule {
    /// `name`.
    pub name: RuleName,
    /// Where it stands.
    pub place: Place,
    /// Whom it is about.
    pub scope: Scope,
    /// `as`: as whom; none: as anybody.
    pub run_as: Option<Vec<RunAs>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_its_text_and_what_is_none_or_too_large_is_refused_in_a_line() {
        let pattern = |text: &str| Pattern::new(text);
        assert_eq!((pattern("INC-\\d+"), pattern("x").unwrap().as_str()), (pattern("INC-\\d+"), "x"));
        assert_ne!(pattern("INC-\\d+"), pattern("CHG-\\d+"));
        assert!(pattern("INC-\\d+").unwrap().is_in("see INC-42") && !pattern("INC-\\d+").unwrap().is_in("see INC-"));
        assert_eq!(pattern("x{1000}{1000}"), Err("too large a pattern".to_owned()));
        assert_eq!(pattern("(x"), Err("unclosed group".to_owned()));
    }
}
