//! What a policy answers somebody, and how each of its rules fared: the same tests that decide.

use super::{
    EmergencyRuling, Mismatch, Question, RequestRuling, Standing, Unknown, Wanted, denies, from_allowed, opens_at_login, repeats,
    requestable, stands, takeable,
};
use crate::name::RuleName;
use crate::policy::{Place, Policy, Scope, Starts};
use crate::subject::Remote;

/// One rule put to the test, for `jit policy explain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tested {
    /// The rule.
    pub name: RuleName,
    /// `grant`, `emergency`, `repetitive`, `legacy` or `deny`.
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
    /// By an emergency alone.
    Emergency,
    /// A rule forbids it.
    Deny,
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
            Self::Emergency => "emergency",
            Self::Deny => "deny",
            Self::None => "none",
        }
    }
}

/// Whether what such a rule gives would be good from there; nothing said of it: from somewhere.
fn good_from(scope: &Scope, remote: Option<Remote>) -> Result<(), Mismatch> {
    remote.map_or(Ok(()), |remote| from_allowed(&scope.from, remote))
}

impl Policy {
    /// What the policy answers, and how each rule fared: the same tests that decide. Without a remote nothing was said of the address,
    /// and what is asked for may be used from anywhere.
    #[must_use]
    pub fn explain(&self, question: Question<'_>, remote: Option<Remote>) -> (Answer, Option<RuleName>, Vec<Tested>) {
        let (answer, deciding) = self.answer(question, remote);
        let put_to_it = |name: &RuleName, kind, place: &Place, result: Result<Option<Unknown>, Mismatch>| {
            let matched = deciding == Some(name);
            let because = match result {
                Err(why) => why.to_string(),
                Ok(Some(unknown)) => format!("{}, which counts against the user", Mismatch::Unknown(unknown)),
                Ok(None) if matched => "matches, and is the first to".to_owned(),
                Ok(None) => "matches, after another one".to_owned(),
            };
            Tested { name: name.clone(), kind, place: place.clone(), matched, because }
        };
        let tested =
            |name: &RuleName, kind, place: &Place, result: Result<(), Mismatch>| put_to_it(name, kind, place, result.map(|()| None));
        let may_decide = match self.rule_for_request(question, Wanted::default()) {
            RequestRuling::Unknown(unknown) => Err(Mismatch::Behind(unknown)),
            RequestRuling::By(_) | RequestRuling::TooLong { .. } | RequestRuling::TooManyUses { .. } | RequestRuling::None => Ok(()),
        };
        let here = remote.unwrap_or(Remote::Unknown);
        let grants = self.grants.iter().map(|rule| {
            let result = match rule.starts {
                Starts::Login => opens_at_login(rule, question, here),
                Starts::Approval | Starts::FirstUse(_) => {
                    let may_decide = || may_decide.clone();
                    requestable(rule, question, Wanted::default()).and_then(|()| may_decide()).and_then(|()| good_from(&rule.scope, remote))
                }
            };
            tested(&rule.name, "grant", &rule.place, result)
        });
        let emergencies = self.emergencies.iter().map(|rule| {
            let result = takeable(rule, question, None).and_then(|()| good_from(&rule.scope, remote));
            tested(&rule.name, "emergency", &rule.place, result)
        });
        let repetitive = self.repetitive.iter().map(|rule| {
            let result = repeats(rule, question, here).and(Err(Mismatch::NothingToRepeat));
            tested(&rule.name, "repetitive", &rule.place, result)
        });
        let legacy = self.legacy.iter().map(|rule| tested(&rule.name, "legacy", &rule.place, stands(rule, question, here)));
        let denies = self.denies.iter().map(|rule| put_to_it(&rule.name, "deny", &rule.place, denies(rule, question, remote)));
        let tests = grants.chain(emergencies).chain(repetitive).chain(legacy).chain(denies).collect();
        (answer, deciding.cloned(), tests)
    }

    /// The answer to somebody who has asked for nothing yet, and the rule that gives it.
    fn answer(&self, question: Question<'_>, remote: Option<Remote>) -> (Answer, Option<&RuleName>) {
        if let Some(forbidden) = self.denied_by(question, remote) {
            return (Answer::Deny, Some(&forbidden.rule.name));
        }
        match self.standing(question, remote.unwrap_or(Remote::Unknown)) {
            Some(Standing::Login(rule)) => return (Answer::Grant, Some(&rule.name)),
            Some(Standing::Legacy(rule)) => return (Answer::Grant, Some(&rule.name)),
            None => {}
        }
        // What falls under a rule is no good from elsewhere, and falls under no other.
        let request = match self.rule_for_request(question, Wanted::default()) {
            RequestRuling::By(rule) => Some(rule).filter(|rule| good_from(&rule.scope, remote).is_ok()),
            RequestRuling::TooLong { .. } | RequestRuling::TooManyUses { .. } | RequestRuling::Unknown(_) | RequestRuling::None => None,
        };
        let emergency = || match self.rule_for_emergency(question, None) {
            EmergencyRuling::By(rule) => Some(rule).filter(|rule| good_from(&rule.scope, remote).is_ok()),
            EmergencyRuling::TooLong { .. } | EmergencyRuling::None => None,
        };
        let asked = request.map(|rule| (Answer::Request, Some(&rule.name)));
        asked.or_else(|| emergency().map(|rule| (Answer::Emergency, Some(&rule.name)))).unwrap_or((Answer::None, None))
    }
}
