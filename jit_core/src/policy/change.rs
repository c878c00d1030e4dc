//! What a new policy makes possible, and what ceases to be: for the record, and for an alert.
//!
//! A policy is taken apart into sentences, one for each principal, service and run-as user of a rule, with every
//! condition in it. A sentence that is new is something that became possible, and so is one of a `[[deny]]` that went. So
//! every change that could widen access is found, also one that only loosens a condition; one that only tightens a condition
//! is named on both sides. A rule that comes to decide where another one decided before it is found by the order of both.

mod order;

use super::{AtExpiry, GrantRule, Person, Policy, Principal, Require, Scope, SessionRule, Stage, Starts};
use crate::name::{RunAs, Service};
use crate::text;
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};

/// The most sentences that are recorded of each side.
const MOST: usize = 40;
/// The longest list in a sentence, in bytes, and how many names of a longer one are in it.
const LONGEST_LIST: usize = 400;
const FIRST_NAMES: usize = 5;

/// What became possible, and what ceased to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What became possible, and for whom.
    pub became: Vec<String>,
    /// What is no longer.
    pub ceased: Vec<String>,
}

impl Change {
    /// From one policy to another; from none, everything is new: what is possible and what is denied.
    #[must_use]
    pub fn between(old: Option<&Policy>, new: &Policy) -> Self {
        let nothing = Policy::default();
        let old = old.unwrap_or(&nothing);
        let (before, after) = (allowed(old), allowed(new));
        let (denied_before, denied_after) = (denied(old), denied(new));
        let freed = denied_before.difference(&denied_after).map(|what| format!("{what}, no longer denied"));
        let bound = denied_after.difference(&denied_before).map(|what| format!("{what}, now denied"));
        // Each cut by itself: many of one sort hide none of the other.
        let became = [cut(after.difference(&before).cloned().chain(order::uncovered(old, new))), cut(freed.chain(apart(old, new)))];
        let ceased = [cut(before.difference(&after).cloned()), cut(bound.chain(apart(new, old)))];
        Self { became: became.concat(), ceased: ceased.concat() }
    }
}

fn cut(sentences: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut all: Vec<_> = sentences.into_iter().collect();
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all
}

/// Everything that a policy denies: `group:x may sshd as anybody by contractors-weekend`.
fn denied(policy: &Policy) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for rule in &policy.denies {
        each(&rule.scope, rule.run_as.as_deref(), |_, _, what| {
            all.insert(format!("{what} by {}", rule.name));
        });
    }
    all
}

/// Whose accounts are one human's in the one policy and not in the other: there they may approve for one another, as far as rules
/// name them.
fn apart(one: &Policy, other: &Policy) -> impl Iterator<Item = String> {
    let place =
        |(place, person): (usize, &'_ Person)| person.accounts.iter().map(move |account| (account.clone(), place)).collect::<Vec<_>>();
    let places: HashMap<_, _> = other.persons.iter().enumerate().flat_map(place).collect();
    let are_apart = move |person: &&Person| {
        let mut there = person.accounts.iter().map(|account| places.get(account));
        let first = there.next().flatten();
        first.is_none() || there.any(|place| place != first)
    };
    one.persons.iter().filter(are_apart).map(|person| {
        let accounts: Vec<_> = person.accounts.iter().map(ToString::to_string).collect();
        format!("{} may approve for one another", in_few(&accounts))
    })
}

/// Everything that a policy makes possible, but for what it denies.
fn allowed(policy: &Policy) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut say = |sentence: String| {
        all.insert(sentence);
    };
    policy.auditors.iter().for_each(|who| say(format!("{who} sees everything")));
    for rule in &policy.grants {
        let how = format!("by {}: {}", rule.name, conditions(rule));
        each(&rule.scope, Some(&rule.run_as), |_, _, what| say(format!("{what} {how}")));
    }
    for rule in &policy.emergencies {
        let (by, alert) = (listed(&rule.review.by), listed(&rule.alert));
        let how = format!(
            "at once by {}: for {} to {}, {} in {}, reviewed by {by} within {}, telling {alert}{}",
            rule.name,
            rule.default,
            rule.max,
            rule.limit.times,
            rule.limit.per,
            rule.review.within,
            sessions(&rule.session)
        );
        each(&rule.scope, Some(&rule.run_as), |_, _, what| say(format!("{what} {how}")));
    }
    for rule in &policy.repetitive {
        let (after, ends) = (rule.after, sessions(&rule.session));
        let how = format!("again by {}: {} times in {}, for {}{ends}", rule.name, after.times, after.within, rule.default);
        each(&rule.scope, rule.run_as.as_deref(), |_, _, what| say(format!("{what} {how}")));
    }
    for rule in &policy.legacy {
        let how = format!("without asking by {}, until {}", rule.name, rule.until().day());
        each(&rule.scope, Some(&rule.run_as), |_, _, what| say(format!("{what} {how}")));
    }
    all
}

fn listed(principals: &[Principal]) -> String {
    let names: Vec<_> = principals.iter().map(Principal::to_string).collect();
    if names.is_empty() { "nobody".to_owned() } else { in_few(&names) }
}

/// Names in a sentence that there may be thousands of: the first few, and of a long list a digest too, so that one with another
/// name in it makes another sentence.
fn in_few(names: &[String]) -> String {
    let all = text::any_of(names);
    if all.len() <= LONGEST_LIST {
        return all;
    }
    format!("{} ({})", text::any_of_first(FIRST_NAMES, names.to_vec()), digest(&all))
}

fn digest(all: &str) -> String {
    crate::record::Hash(Sha256::digest(all.as_bytes()).into()).short()
}

/// `group:ops but user:eve may sudo as root from 10.0.0.0/8 at mon 08:00-09:00 (UTC)`, for each of its parts.
fn each(scope: &Scope, run_as: Option<&[RunAs]>, mut say: impl FnMut(&Service, Option<&RunAs>, String)) {
    let but = if scope.not.is_empty() { String::new() } else { format!(" but {}", listed(&scope.not)) };
    let from: Vec<_> = scope.from.iter().map(ToString::to_string).collect();
    let from = if from.is_empty() { String::new() } else { format!(" from {}", in_few(&from)) };
    let hours = scope.hours.as_ref().map(|hours| format!(" at {hours}")).unwrap_or_default();
    for (who, service) in scope.who.iter().flat_map(|who| scope.on.iter().map(move |service| (who, service))) {
        let mut part = |target: Option<&RunAs>| {
            let whom = target.map_or_else(|| "anybody".to_owned(), RunAs::to_string);
            say(service, target, format!("{who}{but} may {} as {whom}{from}{hours}", service.as_str()));
        };
        match run_as {
            Some(targets) => targets.iter().for_each(|target| part(Some(target))),
            None => part(None),
        }
    }
}

fn conditions(rule: &GrantRule) -> String {
    let stage = |stage: &Stage| format!("{} of {}", stage.count, listed(&stage.by));
    let stages: Vec<_> = rule.stages.iter().map(stage).collect();
    let approved = if stages.is_empty() { "approved by nobody".to_owned() } else { format!("approved by {}", stages.join(" then ")) };
    let starts = match rule.starts {
        Starts::Approval => "on approval".to_owned(),
        Starts::FirstUse(within) => format!("on first use within {within}"),
        Starts::Login => "at login".to_owned(),
    };
    let uses = rule.max_uses.map(|uses| format!(", {uses} uses")).unwrap_or_default();
    let escalate = rule.escalate.as_ref().map(|escalate| format!(", after {} also by {}", escalate.after, listed(&escalate.to)));
    let extend = rule.extend.map(|extend| format!(", longer {} times by {}", extend.times, extend.max)).unwrap_or_default();
    let pattern = rule.reason.pattern.as_ref().map(|pattern| format!(" like {}", pattern.as_str())).unwrap_or_default();
    let reason = if rule.reason.required { format!("a reason of {}{pattern}", rule.reason.min) } else { "no reason".to_owned() };
    format!(
        "{approved}{}, {starts}, for {} to {}{uses}{extend}, with {reason}, lapsing in {}{}",
        escalate.unwrap_or_default(),
        rule.default,
        rule.max,
        rule.lapse,
        sessions(&rule.session)
    )
}

/// What becomes of its sessions, where that is not the usual.
fn sessions(rule: &SessionRule) -> String {
    let at_expiry = match rule.at_expiry {
        AtExpiry::End => "",
        AtExpiry::Warn => ", whose sessions are told at its end and go on",
        AtExpiry::Keep => ", whose sessions go on after its end",
    };
    let require = match rule.require {
        Require::Any => "",
        Require::Cgroup => ", only where they can be ended for sure",
    };
    format!("{at_expiry}{require}")
}

#[cfg(test)]
mod tests;
