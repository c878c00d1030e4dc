//! Rules that come to decide because one before them went, moved, or shrank.
//!
//! The first rule that matches decides. Without the strict rule that came first, the loose one behind it lets people
//! do what they could not, though no word of it has changed.

use super::each;
use crate::name::RunAs;
use crate::policy::{Policy, Scope};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Where rules compete: of one kind, for one service, as one user. Where everybody comes in as themselves it is no matter as whom.
type Contest = (&'static str, String, Option<String>);

/// A rule's part in a contest.
struct Turn {
    /// What it decides about, and up to how much: where that changes, others come to decide.
    claim: String,
    /// Who may do what.
    what: String,
    /// The rule's name.
    rule: String,
}

/// What falls to another rule than before: for each rule that is no longer behind one that it was behind.
pub(super) fn uncovered(old: &Policy, new: &Policy) -> Vec<String> {
    let mut before = contests(old);
    let mut all = Vec::new();
    for (contest, turns) in contests(new) {
        if let Some(former) = before.remove(&contest) {
            compare(&former, &turns, &mut all);
        }
    }
    all
}

/// A rule that was behind another one, and is not now, in one pass over the old order and one over the new.
fn compare(former: &[Turn], turns: &[Turn], all: &mut Vec<String>) {
    let place =
        |of: &[Turn]| -> HashMap<String, usize> { of.iter().enumerate().rev().map(|(place, turn)| (turn.claim.clone(), place)).collect() };
    let (was, is) = (place(former), place(turns));
    let known: HashSet<_> = former.iter().map(|turn| (&turn.claim, &turn.rule)).collect();
    // The first one that went: whoever stood behind it stands there no more.
    let gone = former.iter().position(|turn| !is.contains_key(&turn.claim));
    // Of those that come later now, the one that came first.
    let mut later: Option<usize> = None;
    let mut said = Vec::new();
    for (place, turn) in turns.iter().enumerate().rev() {
        // One that stands behind its like decides nothing.
        let Some(own) = was.get(&turn.claim).copied().filter(|_| is.get(&turn.claim) == Some(&place)) else { continue };
        let others = [gone, later].into_iter().flatten().filter(|place| *place < own).min();
        // Or it stood behind its like, which decided in its place.
        let like = former.get(own).filter(|like| like.rule != turn.rule && known.contains(&(&turn.claim, &turn.rule))).map(|_| own);
        let first = others.or(like);
        if let Some(first) = first.and_then(|place| former.get(place)) {
            said.push(format!("{} by {}, no longer behind {}", turn.what, turn.rule, first.rule));
        }
        later = Some(later.map_or(own, |known| known.min(own)));
    }
    all.extend(said.into_iter().rev());
}

fn contests(policy: &Policy) -> BTreeMap<Contest, Vec<Turn>> {
    let mut all: BTreeMap<Contest, Vec<Turn>> = BTreeMap::new();
    let mut add = |kind, scope: &Scope, run_as: &[RunAs], rule: &str, most: &str| {
        each(scope, Some(run_as), |service, target, what| {
            let run_as = (!service.is_as_oneself()).then(|| target.map(RunAs::to_string)).flatten();
            let turn = Turn { claim: format!("{what}, {most}"), what, rule: rule.to_owned() };
            all.entry((kind, service.family().as_str().to_owned(), run_as)).or_default().push(turn);
        });
    };
    for rule in &policy.grants {
        let most = format!("{:?} {} {:?}", rule.starts, rule.max, rule.max_uses);
        add("grant", &rule.scope, &rule.run_as, rule.name.as_str(), &most);
    }
    for rule in &policy.emergencies {
        add("emergency", &rule.scope, &rule.run_as, rule.name.as_str(), &rule.max.to_string());
    }
    all
}
