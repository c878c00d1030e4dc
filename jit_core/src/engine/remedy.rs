//! What somebody who was not let in can do about it.

use super::see::approvers_in_words;
use crate::name::{RuleName, RunAs, Service};
use crate::policy::judge::{EmergencyRuling, Question, RequestRuling, Wanted, from_allowed};
use crate::policy::{Policy, Scope};
use crate::subject::Remote;
use std::iter::once;

/// What somebody who was not let in can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Ask for it.
    Request {
        /// The rule under which they may.
        rule: RuleName,
        /// As whom.
        run_as: RunAs,
        /// Who approves it, in words; empty: nobody has to.
        approvers: String,
    },
    /// Nothing can be asked for, but an emergency can be taken.
    Emergency {
        /// As whom.
        run_as: RunAs,
    },
}

impl Remedy {
    /// For a question to which the answer was no. As whom somebody comes is not known while sudo asks for the account. It means
    /// root when it is told nothing else, so that is looked for first, and then whomever the rules name.
    pub(super) fn of(policy: &Policy, question: Question<'_>, remote: Remote) -> Option<Self> {
        let root = RunAs::root();
        let named = question.run_as.or_else(|| question.service.is_as_oneself().then_some(&RunAs::Oneself));
        let requested = |run_as: &RunAs| request(policy, Question { run_as: Some(run_as), ..question }, remote);
        let taken = |run_as: &RunAs| emergency(policy, Question { run_as: Some(run_as), ..question }, remote);
        if let Some(run_as) = named {
            return requested(run_as).or_else(|| taken(run_as));
        }
        let requestable = policy.requestable_by(question.subject, question.at).filter(|(_, service, _)| service.covers(question.service));
        let takeable = policy.takeable_by(question.subject, question.at).filter(|(_, service, _)| service.covers(question.service));
        let request = once(&root).chain(requestable.map(|(_, _, run_as)| run_as)).find_map(requested);
        request.or_else(|| once(&root).chain(takeable.map(|(_, _, run_as)| run_as)).find_map(taken))
    }

    /// The rule under which they may ask; an emergency is nobody's to approve.
    pub(super) fn rule(&self) -> Option<&RuleName> {
        match self {
            Self::Request { rule, .. } => Some(rule),
            Self::Emergency { .. } => None,
        }
    }

    /// In words: a command only where it can be typed.
    pub(super) fn words(&self, service: &Service) -> Option<String> {
        let family = service.family();
        let target = |run_as: &RunAs| if *run_as == RunAs::root() { String::new() } else { format!(" --as {run_as}") };
        match self {
            Self::Emergency { .. } if service.is_as_oneself() => None,
            Self::Emergency { run_as } => {
                Some(format!("In an emergency: jit emergency {}{} --reason \"...\"", family.as_str(), target(run_as)))
            }
            Self::Request { approvers, .. } if service.is_as_oneself() => Some(if approvers.is_empty() {
                format!("Request it from a log-in on this host: jit request {}", service.as_str())
            } else {
                format!("Ask an approver ({approvers}) to grant it")
            }),
            Self::Request { run_as, approvers, .. } => {
                let approves = if approvers.is_empty() { String::new() } else { format!(". Approves: {approvers}") };
                Some(format!("Ask: jit request {}{} --reason \"...\"{approves}", family.as_str(), target(run_as)))
            }
        }
    }
}

/// Whether what such a rule gives could be used from there: nothing forbids it, and it is good from that address.
fn is_open(policy: &Policy, question: Question<'_>, scope: &Scope, remote: Remote) -> bool {
    policy.denied_by(question, Some(remote)).is_none() && from_allowed(&scope.from, remote).is_ok()
}

/// By a request as that user.
fn request(policy: &Policy, question: Question<'_>, remote: Remote) -> Option<Remedy> {
    match policy.rule_for_request(question, Wanted::default()) {
        RequestRuling::By(rule) if is_open(policy, question, &rule.scope, remote) => {
            let approvers = rule.stages.first().map(|stage| approvers_in_words(&stage.by)).unwrap_or_default();
            Some(Remedy::Request { rule: rule.name.clone(), run_as: question.run_as?.clone(), approvers })
        }
        RequestRuling::By(_)
        | RequestRuling::TooLong { .. }
        | RequestRuling::TooManyUses { .. }
        | RequestRuling::Unknown(_)
        | RequestRuling::None => None,
    }
}

/// By an emergency as that user.
fn emergency(policy: &Policy, question: Question<'_>, remote: Remote) -> Option<Remedy> {
    match policy.rule_for_emergency(question, None) {
        EmergencyRuling::By(rule) if is_open(policy, question, &rule.scope, remote) => {
            Some(Remedy::Emergency { run_as: question.run_as?.clone() })
        }
        EmergencyRuling::By(_) | EmergencyRuling::TooLong { .. } | EmergencyRuling::None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{POLICY, World, actor, wish};
    use super::*;
    use crate::engine::{Command, Wish};

    const DBA: &str = "[[grant]]\nname = \"dba\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nas = [\"postgres\", \"mail\"]\n\
        approve = [ { by = [\"group:managers\"] } ]\n";
    const ONCALL: &str = "[[emergency]]\nname = \"oncall\"\nwho = [\"user:erin\"]\non = [\"sudo\"]\nas = [\"postgres\"]\n\
        limit = { times = 3, per = \"7d\" }\nreview = { by = [\"group:leads\"], within = \"24h\" }\n";

    fn as_postgres() -> Wish {
        Wish { run_as: RunAs::as_typed("postgres"), ..wish() }
    }

    #[test]
    fn where_no_rule_gives_root_the_command_says_as_whom_and_can_be_typed() {
        let mut world = World::with(&format!("version = 1\n{DBA}{ONCALL}"));
        assert_eq!(
            world.denial("alice", "sudo", None),
            "jit: no grant for sudo. Ask: jit request sudo --as postgres --reason \"...\". Approves: group managers. D-7F3KQ2ZD"
        );
        assert_eq!(
            world.denial("alice", "sudo", Some("mail")),
            "jit: no grant for sudo as mail. Ask: jit request sudo --as mail --reason \"...\". Approves: group managers. D-7F3KQ2ZD"
        );
        world.request_of(&actor("alice"), as_postgres()).map(drop).unwrap();
        for run_as in [None, Some("postgres")] {
            let said = world.denial("erin", "sudo", run_as);
            assert!(said.contains("In an emergency: jit emergency sudo --as postgres --reason \"...\""), "{said}");
        }
        world.command(Command::Emergency(actor("erin"), as_postgres())).map(drop).unwrap();
    }

    #[test]
    fn whoever_types_sudo_alone_is_told_who_approves_root_whichever_rule_stands_first() {
        let first = POLICY.replacen("[[grant]]", &format!("{DBA}[[grant]]"), 1);
        let said = World::with(&first).denial("alice", "sudo", None);
        assert_eq!(said, "jit: no grant for sudo. Ask: jit request sudo --reason \"...\". Approves: group leads. D-7F3KQ2ZD");
    }

    #[test]
    fn as_whom_a_rule_forbids_it_nobody_is_told_to_ask() {
        let deny = "[[deny]]\nname = \"no\"\nwho = [\"any\"]\non = [\"sudo\"]\nas = [\"root\", \"postgres\"]\n";
        let world = World::with(&format!("{POLICY}{DBA}{ONCALL}{deny}"));
        let said = world.denial("alice", "sudo", None);
        assert_eq!(said, "jit: no grant for sudo. Ask: jit request sudo --as mail --reason \"...\". Approves: group managers. D-7F3KQ2ZD");
        assert_eq!(world.denial("erin", "sudo", None), "jit: no rule lets erin use sudo. D-7F3KQ2ZD");
    }
}
