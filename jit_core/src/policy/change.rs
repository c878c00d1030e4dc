//! What a new policy makes possible, and what ceases to be: for the record, and for an alert.
//!
//! A policy is taken apart into sentences, one for each principal, service and run-as user of a rule, with every
//! condition in it. A sentence that is new is something that became possible. So every change that could widen access
//! is found, also one that only loosens a condition; one that only tightens it is named on both sides. A rule that comes
//! to decide where another one decided before it is found by the order of both.

mod order;

use super::{AtExpiry, GrantRule, Policy, Principal, Require, Scope, SessionRule, Stage, Starts};
use crate::name::{RunAs, Service};
use crate::text;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// The most sentences that are recorded of each side.
const MOST: usize = 40;
/// The longest list in a sentence, in bytes, and how many names of a longer one are in it.
const LONGEST_LIST: usize = 400;
const FIRST_NAMES: usize = 5;
/// The longest list of what is not possible, in bytes: who was taken out of a usual one can be seen by both sides.
const LONGEST_EXCEPTION: usize = 32 * 1024;

/// What became possible, and what ceased to be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Change {
    /// What became possible, and for whom.
    pub became: Vec<String>,
    /// What is no longer.
    pub ceased: Vec<String>,
}

impl Change {
    /// From one policy to another; from none, everything is new.
    #[must_use]
    pub fn between(old: Option<&Policy>, new: &Policy) -> Self {
        let (before, after) = (old.map(sentences).unwrap_or_default(), sentences(new));
        let uncovered = old.map(|old| order::uncovered(old, new)).unwrap_or_default();
        Self { became: cut(after.difference(&before).chain(&uncovered)), ceased: cut(before.difference(&after)) }
    }
}

fn cut<'a>(sentences: impl Iterator<Item = &'a String>) -> Vec<String> {
    let mut all: Vec<_> = sentences.cloned().collect();
    let more = all.len().saturating_sub(MOST);
    all.truncate(MOST);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    all
}

/// Everything that a policy makes possible.
fn sentences(policy: &Policy) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut say = |sentence: String| {
        all.insert(sentence);
    };
    policy.auditors.iter().for_each(|who| say(format!("{who} sees everything")));
    // Who is known to be one human cannot approve for the other: that two are not is what becomes possible.
    let persons: BTreeSet<_> =
        policy.persons.iter().map(|person| person.accounts.iter().map(ToString::to_string).collect::<Vec<_>>()).collect();
    if persons.is_empty() {
        say("any two accounts may approve for one another, as far as rules name them".to_owned());
    } else {
        let known: Vec<_> = persons.iter().map(|accounts| accounts.join("=")).collect();
        say(format!("any two accounts may approve for one another, as far as rules name them, but for {}", exceptions(&known, ", ")));
    }
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
    // What a deny takes away is possible where there is none: its absence is named by its presence on the other side.
    let denies = policy.denies.iter().map(|rule| {
        let mut whom = Vec::new();
        each(&rule.scope, rule.run_as.as_deref(), |_, _, what| whom.push(what));
        format!("{} ({})", rule.name, exceptions(&whom, "; "))
    });
    let denies: Vec<_> = denies.collect();
    say(if denies.is_empty() { "nothing is denied".to_owned() } else { format!("nothing is denied but {}", exceptions(&denies, ", ")) });
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

/// The same of what a sentence excepts, which is all of that in the whole policy.
fn exceptions(parts: &[String], between: &str) -> String {
    let all = parts.join(between);
    if all.len() <= LONGEST_EXCEPTION {
        return all;
    }
    let (first, more) = parts.split_at_checked(FIRST_NAMES).unwrap_or((parts, &[]));
    format!("{}{between}and {} more ({})", first.join(between), more.len(), digest(&all))
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
