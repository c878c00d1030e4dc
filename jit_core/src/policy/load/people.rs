//! Whether the people whom a policy names can do what it asks of them.

use super::Mistake;
use crate::name::{RunAs, Uid, UserName};
use crate::policy::{AnyRule, Place, Policy, Principal, Scope};
use std::collections::{BTreeMap, BTreeSet};

/// An account has one human. With two, each would know only half of the other's accounts.
pub fn find_shared_accounts(policy: &Policy, mistakes: &mut Vec<Mistake>) {
    let mut first: BTreeMap<&UserName, &Place> = BTreeMap::new();
    for person in &policy.persons {
        for account in person.accounts.iter().collect::<BTreeSet<_>>() {
            if let Some(other) = first.insert(account, &person.place) {
                let message = format!("[[person]] names {account}, whom the one at {}:{} names too", other.file, other.line);
                mistakes.push(Mistake::new(person.place.clone(), message, "put all accounts of one human into one [[person]]".to_owned()));
            }
        }
    }
}

/// Whoever acts as an approver could approve what they asked for themselves.
pub fn find_own_approvers(policy: &Policy, mistakes: &mut Vec<Mistake>) {
    let grants = policy.grants.iter().map(|rule| {
        let escalated = rule.escalate.iter().flat_map(|escalate| &escalate.to);
        let approvers: Vec<_> = rule.stages.iter().flat_map(|stage| &stage.by).chain(escalated).collect();
        ("grant", "approve it", &rule.name, &rule.place, &rule.run_as, approvers)
    });
    let emergencies = policy
        .emergencies
        .iter()
        .map(|rule| ("emergency", "review it", &rule.name, &rule.place, &rule.run_as, rule.review.by.iter().collect()));
    for (kind, what, rule, place, run_as, approvers) in grants.chain(emergencies) {
        for target in run_as {
            if let RunAs::User(name) = target
                && approvers.contains(&&Principal::User(name.clone()))
            {
                let message = format!("[[{kind}]] `{rule}` lets people act as {name}, who may {what}");
                mistakes.push(Mistake::new(place.clone(), message, "take one of the two out".to_owned()));
            }
        }
    }
}

/// Stages and reviews that nobody but the subject could do, or fewer people than they ask for.
pub fn find_too_few(policy: &Policy, mistakes: &mut Vec<Mistake>) {
    let people = People::of(policy);
    for rule in &policy.grants {
        let stages: Vec<_> = stages_of(rule).collect();
        if people.all_fail(&rule.scope, &stages) {
            let message = format!("[[grant]] `{}` has a stage that too few people could approve", rule.name);
            mistakes.push(Mistake::new(rule.place.clone(), message, TOO_FEW.to_owned()));
        }
    }
    for rule in &policy.emergencies {
        if people.all_fail(&rule.scope, &[(rule.review.by.iter().collect(), 1)]) {
            let message = format!("[[emergency]] `{}` has a review that nobody but its subject could do", rule.name);
            mistakes.push(Mistake::new(rule.place.clone(), message, "name another reviewer; root counts as user:root alone".to_owned()));
        }
    }
}

const TOO_FEW: &str = "name more approvers, other than the subject; one person counts once, and root as user:root alone";

fn stages_of(rule: &crate::policy::GrantRule) -> impl Iterator<Item = Stage<'_>> {
    let escalated = rule.escalate.iter().flat_map(|escalate| &escalate.to);
    rule.stages.iter().map(move |stage| (stage.by.iter().chain(escalated.clone()).collect(), stage.count))
}

/// What can be meant, and hardly is.
pub fn doubt(policy: &Policy, doubts: &mut Vec<Mistake>) {
    let people = People::of(policy);
    for rule in &policy.grants {
        let stages: Vec<_> = stages_of(rule).collect();
        for subject in people.failing(&rule.scope, &stages) {
            let message = format!("[[grant]] `{}`: what {subject} asks for, too few people could approve", rule.name);
            doubts.push(Mistake::new(rule.place.clone(), message, TOO_FEW.to_owned()));
        }
        if rule.stages.is_empty() && rule.escalate.is_some() {
            let message = format!("[[grant]] `{}`: `escalate` is without effect, since nobody has to approve", rule.name);
            doubts.push(Mistake::new(rule.place.clone(), message, "leave it out, or name approvers".to_owned()));
        }
    }
    for rule in &policy.emergencies {
        for subject in people.failing(&rule.scope, &[(rule.review.by.iter().collect(), 1)]) {
            let message = format!("[[emergency]] `{}`: what {subject} takes, nobody else could review", rule.name);
            doubts.push(Mistake::new(rule.place.clone(), message, "name another reviewer".to_owned()));
        }
    }
    for AnyRule { name, place, scope, kind, .. } in policy.every_rule() {
        if scope.who.iter().all(|who| scope.not.contains(who)) || scope.not.contains(&Principal::Any) {
            let message = format!("[[{kind}]] `{name}` is about nobody: `not` takes out all of `who`");
            doubts.push(Mistake::new(place.clone(), message, "take somebody out of `not`, or the rule out of the policy".to_owned()));
        }
    }
}

/// The approvers of a stage, and how many of them it needs.
type Stage<'a> = (Vec<&'a Principal>, u32);

/// Somebody whom a policy names, whatever they are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Human<'a> {
    /// By the place of their `[[person]]`.
    Person(usize),
    /// By their only name.
    Named(&'a UserName),
    /// By their number.
    Numbered(Uid),
}

/// Which accounts are one human.
struct People<'a>(BTreeMap<&'a UserName, usize>);

impl<'a> People<'a> {
    fn of(policy: &'a Policy) -> Self {
        let accounts =
            policy.persons.iter().enumerate().flat_map(|(number, person)| person.accounts.iter().map(move |name| (name, number)));
        Self(accounts.collect())
    }

    fn named(&self, name: &'a UserName) -> Human<'a> {
        self.0.get(name).map_or(Human::Named(name), |number| Human::Person(*number))
    }

    /// Who it is, where it is one.
    fn one(&self, principal: &'a Principal) -> Option<Human<'a>> {
        match principal {
            Principal::User(name) => Some(self.named(name)),
            Principal::Uid(uid) => Some(Human::Numbered(*uid)),
            Principal::Group(_) | Principal::Any => None,
        }
    }

    /// The subjects of a rule, as it names them, where it names each one; none: it names groups.
    fn subjects(&self, scope: &'a Scope) -> Option<Vec<(&'a Principal, Human<'a>)>> {
        scope.who.iter().map(|who| Some((who, self.one(who)?))).collect()
    }

    /// Whether the stages can be done for no subject of the rule.
    fn all_fail(&self, scope: &'a Scope, stages: &[Stage<'a>]) -> bool {
        match self.subjects(scope) {
            Some(subjects) => subjects.iter().all(|(_, subject)| !self.can_do(stages, Some(*subject))),
            None => !self.can_do(stages, None),
        }
    }

    /// The subjects for whom they cannot be done, in words.
    fn failing(&self, scope: &'a Scope, stages: &[Stage<'a>]) -> Vec<String> {
        let subjects = self.subjects(scope).unwrap_or_default().into_iter();
        let failing = subjects.filter(|(_, subject)| !self.can_do(stages, Some(*subject)));
        let in_words = |named: &Principal| match named {
            Principal::User(name) => name.to_string(),
            Principal::Uid(_) | Principal::Group(_) | Principal::Any => named.to_string(),
        };
        failing.map(|(named, _)| in_words(named)).collect()
    }

    /// Whether there are enough people for all stages, each of whom counts in one. A group is taken to have enough.
    fn can_do(&self, stages: &[Stage<'a>], subject: Option<Human<'a>>) -> bool {
        let mut seats = Vec::new();
        for (by, count) in stages {
            let humans: Option<BTreeSet<_>> = by.iter().filter_map(|one| self.approver(one)).collect();
            if let Some(mut humans) = humans {
                humans.retain(|human| Some(*human) != subject);
                seats.extend(std::iter::repeat_n(humans, usize::try_from(*count).unwrap_or(0)));
            }
        }
        let mut taken = BTreeMap::new();
        (0..seats.len()).all(|seat| take(seat, &seats, &mut taken, &mut BTreeSet::new()))
    }

    /// Who it is; `Some(None)`: any number of people. Root's number approves nothing.
    fn approver(&self, principal: &'a Principal) -> Option<Option<Human<'a>>> {
        let is_root = matches!(principal, Principal::Uid(uid) if uid.is_root());
        if is_root { None } else { Some(self.one(principal)) }
    }
}

/// Finds somebody for a seat; whoever has another one moves if they can (Kuhn's matching).
fn take<'a>(seat: usize, seats: &[BTreeSet<Human<'a>>], taken: &mut BTreeMap<Human<'a>, usize>, asked: &mut BTreeSet<Human<'a>>) -> bool {
    for human in seats.get(seat).into_iter().flatten() {
        if asked.insert(*human) {
            let free = match taken.get(human).copied() {
                None => true,
                Some(other) => take(other, seats, taken, asked),
            };
            if free {
                taken.insert(*human, seat);
                return true;
            }
        }
    }
    false
}
