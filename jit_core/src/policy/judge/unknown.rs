//! What cannot be known of somebody, or of the moment. It makes a `[[deny]]` match and nothing else, and whoever reads the
//! answer, or the record, is told so.

use super::{Mismatch, Question, Wanted, from_allowed, opens_at_login, requestable, stands, takeable};
use crate::name::RuleName;
use crate::policy::{DenyRule, Policy, Starts};
use crate::subject::Remote;
use std::fmt;

/// What cannot be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// All the groups that they are in: some source of groups did not answer.
    Groups,
    /// The address that they come from.
    Address,
    /// The local time: it exists twice, as clocks go back.
    Time,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Groups => "groups",
            Self::Address => "address",
            Self::Time => "local time",
        })
    }
}

/// A `[[deny]]` that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forbidden<'a> {
    /// Which.
    pub rule: &'a DenyRule,
    /// What it holds for, as it cannot be known; none: it holds for sure.
    pub unknown: Option<Unknown>,
}

/// What a test cannot know counts as a match here, and is named.
///
/// # Errors
/// It does not match, and that is known.
pub(super) fn counting(tested: Result<(), Mismatch>) -> Result<Option<Unknown>, Mismatch> {
    match tested {
        Ok(()) => Ok(None),
        Err(Mismatch::Unknown(unknown)) => Ok(Some(unknown)),
        Err(other) => Err(other),
    }
}

/// What is not known is no match here.
///
/// # Errors
/// Something is not known.
pub(super) fn certain(unknown: Option<Unknown>) -> Result<(), Mismatch> {
    unknown.map_or(Ok(()), |unknown| Err(Mismatch::Unknown(unknown)))
}

/// The first thing that one of these tests could not know.
fn first(mut tests: impl Iterator<Item = Result<(), Mismatch>>) -> Option<Unknown> {
    tests.find_map(|tested| counting(tested).ok().flatten())
}

impl Policy {
    /// What is not known of a request that falls under no rule, where it might under one.
    #[must_use]
    pub fn unknown_of_request(&self, question: Question<'_>) -> Option<Unknown> {
        first(self.grants.about(question.subject).map(|rule| requestable(rule, question, Wanted::default())))
    }

    /// The same of an emergency.
    #[must_use]
    pub fn unknown_of_emergency(&self, question: Question<'_>) -> Option<Unknown> {
        first(self.emergencies.about(question.subject).map(|rule| takeable(rule, question, None)))
    }

    /// The same of somebody at the door, whom no rule lets in or ask there.
    #[must_use]
    pub fn unknown_at_the_door(&self, question: Question<'_>, remote: Remote) -> Option<Unknown> {
        first(self.at_the_door(question, remote).map(|(_, tested)| tested))
    }

    /// The first rule that would let them in, or ask there, but for the address that they come from.
    #[must_use]
    pub fn good_elsewhere<'a>(&'a self, question: Question<'a>, remote: Remote) -> Option<&'a RuleName> {
        self.at_the_door(question, remote).find(|(_, tested)| *tested == Err(Mismatch::From)).map(|(name, _)| name)
    }

    /// How each rule fares that could let them in, or ask there.
    fn at_the_door<'a>(&'a self, question: Question<'a>, remote: Remote) -> impl Iterator<Item = (&'a RuleName, Result<(), Mismatch>)> {
        let grants = self.grants.about(question.subject).map(move |rule| {
            let tested = match rule.starts {
                Starts::Login => opens_at_login(rule, question, remote),
                Starts::Approval | Starts::FirstUse(_) => {
                    requestable(rule, question, Wanted::default()).and_then(|()| from_allowed(&rule.scope.from, remote))
                }
            };
            (&rule.name, tested)
        });
        let emergencies = self.emergencies.about(question.subject).map(move |rule| {
            let tested = takeable(rule, question, None).and_then(|()| from_allowed(&rule.scope.from, remote));
            (&rule.name, tested)
        });
        let legacy = self.legacy.about(question.subject).map(move |rule| (&rule.name, stands(rule, question, remote)));
        grants.chain(emergencies).chain(legacy)
    }
}
