//! From TOML to a [`Policy`], with every mistake named: file, line, column, what, and what to do.

mod behind;
mod doubts;
mod parts;
mod people;
mod rules;
mod syntax;
mod who;

pub use parts::{Around, LONGEST_REASON};

use super::reader::{self, Source, Table};
use super::{AnyRule, FileDigest, Place, Policy};
use sha2::{Digest, Sha256};
use std::fmt;

/// The most days ahead that a legacy rule may stand.
pub const LEGACY_DAYS: u64 = 366;

/// One file of a policy, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// What it is called.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// One thing that is wrong with a policy or its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Mistake {
    /// A mistake at a place.
    #[must_use]
    pub fn new(place: Place, message: String, help: String) -> Self {
        Self { place, message, help }
    }
}

/// `FILE:LINE:COLUMN: what (what to do)`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column } = &self.place;
        write!(f, "{file}:{line}:{column}: {} ({})", self.message, self.help)
    }
}

/// A policy that can be used, with what is doubtful in it; or all that is wrong.
pub type Loaded = Result<(Policy, Vec<Mistake>), Vec<Mistake>>;

/// Reads a policy from its files, in their order.
///
/// # Errors
/// All mistakes, of all files: then nothing of it is used.
pub fn load(files: &[PolicyFile], around: Around) -> Loaded {
    let mut policy = Policy { texts: std::sync::Arc::new(files.to_vec()), ..Policy::default() };
    let (mut mistakes, mut doubts) = (Vec::new(), Vec::new());
    for file in files {
        read_file(file, around, &mut policy, (&mut mistakes, &mut doubts));
    }
    find_double_names(&policy, &mut mistakes);
    find_too_many_parts(&policy, &mut mistakes);
    people::find_shared_accounts(&policy, &mut mistakes);
    people::find_own_approvers(&policy, &mut mistakes);
    // Whom a rule leaves is known when all of them could be read.
    if mistakes.is_empty() {
        people::find_too_few(&policy, &mut mistakes);
    }
    if mistakes.is_empty() {
        doubts.extend(doubts::doubts(&policy, around));
        return Ok((policy, doubts));
    }
    mistakes.sort_by(|a, b| a.place.cmp(&b.place));
    Err(mistakes)
}

fn read_file(file: &PolicyFile, around: Around, policy: &mut Policy, (mistakes, doubts): (&mut Vec<Mistake>, &mut Vec<Mistake>)) {
    let source = Source::new(&file.file, &file.text);
    let (document, broken) = reader::parse(&file.text);
    // What follows the first is mostly its echo.
    if let Some((span, what)) = broken.iter().min_by_key(|(span, _)| span.start) {
        mistakes.push(syntax::mistake(&source, span, what));
        return;
    }
    let mut top = Table::new(&source, "the policy", document.get_ref(), 0..0);
    read_version(&mut top);
    if let Some(value) = top.take("auditors") {
        policy.auditors.extend(who::principals(&mut top, "auditors", &value));
    }
    policy.persons.extend(top.tables("person", "[[person]]", rules::read_person));
    policy.grants.extend(top.tables("grant", "[[grant]]", |table| rules::read_grant(table, around)));
    policy.emergencies.extend(top.tables("emergency", "[[emergency]]", |table| rules::read_emergency(table, around)));
    policy.repetitive.extend(top.tables("repetitive", "[[repetitive]]", |table| rules::read_repetitive(table, around)));
    policy.legacy.extend(top.tables("legacy", "[[legacy]]", |table| rules::read_legacy(table, around)));
    policy.denies.extend(top.tables("deny", "[[deny]]", |table| rules::read_deny(table, around)));
    doubts.append(&mut top.doubts);
    mistakes.extend(top.finish());
    policy.files.push(FileDigest { file: file.file.clone(), sha256: crate::record::hex(&Sha256::digest(file.text.as_bytes())) });
}

fn read_version(top: &mut Table<'_>) {
    let Some(value) = top.require("version", "version = 1, on the first line") else { return };
    let is_one = value.value.as_integer().is_some_and(|number| number.as_str() == "1");
    if !is_one {
        top.wrong(&value.span, "version", "not a version that this jitd knows", "write version = 1, a number without quotes");
    }
}

fn find_double_names(policy: &Policy, mistakes: &mut Vec<Mistake>) {
    let mut names: Vec<_> = policy.every_rule().map(|rule| (rule.name, rule.place)).collect();
    names.sort();
    for pair in names.windows(2) {
        if let [(first, at), (second, place)] = pair
            && first == second
        {
            let message = format!("a second rule named `{second}`; the first is at {}:{}", at.file, at.line);
            mistakes.push(Mistake::new((*place).clone(), message, "names must differ: grants and the record refer to them".to_owned()));
        }
    }
}

/// How many principals, times services, times run-as users, all rules may name together: what a policy changes is said of each
/// of these parts, and jitd compares them while sudo waits.
const MOST_PARTS: usize = 200_000;

fn find_too_many_parts(policy: &Policy, mistakes: &mut Vec<Mistake>) {
    let all = policy.every_rule().fold(0_usize, |sum, rule| sum.saturating_add(rule.parts()));
    if let Some(rule) = policy.every_rule().max_by_key(AnyRule::parts).filter(|_| all > MOST_PARTS) {
        let message = format!(
            "the rules name {all} combinations of somebody, a service and a run-as user, `{}` alone {}, and {MOST_PARTS} is the most",
            rule.name,
            rule.parts()
        );
        mistakes.push(Mistake::new(rule.place.clone(), message, "put the people into a group, and name that: \"group:ops\"".to_owned()));
    }
}

#[cfg(test)]
mod tests;
