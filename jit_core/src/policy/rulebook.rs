//! Rules of one kind, in file order, with an index of whom they are about: a decision looks at those alone that may be about
//! its subject, however many others there are.

use super::{Principal, Scope};
use crate::name::{GroupName, Uid, UserName};
use crate::subject::{Groups, Subject};
use std::collections::HashMap;
use std::ops::Deref;

/// What is about somebody.
pub trait Scoped {
    /// Whom it is about.
    fn scope(&self) -> &Scope;
}

/// Rules in file order. Read, they are a slice.
#[derive(Debug, Clone)]
pub struct Rules<T> {
    rules: Vec<T>,
    index: Index,
}

/// Where in a list of rules somebody is named in `who`.
#[derive(Debug, Clone, Default)]
struct Index {
    any: Vec<usize>,
    users: HashMap<UserName, Vec<usize>>,
    uids: HashMap<Uid, Vec<usize>>,
    groups: HashMap<GroupName, Vec<usize>>,
    /// By any group at all.
    grouped: Vec<usize>,
}

impl Index {
    fn add(&mut self, place: usize, principal: &Principal) {
        match principal {
            Principal::Any => self.any.push(place),
            Principal::User(name) => self.users.entry(name.clone()).or_default().push(place),
            Principal::Uid(uid) => self.uids.entry(*uid).or_default().push(place),
            Principal::Group(group) => {
                self.groups.entry(group.clone()).or_default().push(place);
                self.grouped.push(place);
            }
        }
    }

    /// In order, each once.
    fn of(&self, subject: &Subject) -> Vec<usize> {
        let mut places = self.any.clone();
        places.extend(self.users.get(&subject.name).into_iter().flatten());
        places.extend(self.uids.get(&subject.uid).into_iter().flatten());
        match &subject.groups {
            Groups::Known(groups) => places.extend(groups.iter().filter_map(|group| self.groups.get(group)).flatten()),
            // Of any other group it cannot be said that the subject is not in it.
            Groups::Partly(_) => places.extend(&self.grouped),
        }
        places.sort_unstable();
        places.dedup();
        places
    }
}

impl<T: Scoped> Rules<T> {
    /// Those whose `who` may fit this subject, in file order. Each other one fails for its `who`, and for sure.
    pub fn about(&self, subject: &Subject) -> impl Iterator<Item = &T> {
        self.index.of(subject).into_iter().filter_map(|place| self.rules.get(place))
    }
}

impl<T: Scoped> Extend<T> for Rules<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, more: I) {
        for rule in more {
            rule.scope().who.iter().for_each(|principal| self.index.add(self.rules.len(), principal));
            self.rules.push(rule);
        }
    }
}

impl<T> Default for Rules<T> {
    fn default() -> Self {
        Self { rules: Vec::new(), index: Index::default() }
    }
}

/// The index follows from the rules.
impl<T: PartialEq> PartialEq for Rules<T> {
    fn eq(&self, other: &Self) -> bool {
        self.rules == other.rules
    }
}

impl<T: Eq> Eq for Rules<T> {}

impl<T> Deref for Rules<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.rules
    }
}

impl<'a, T> IntoIterator for &'a Rules<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.rules.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Rule(Scope);

    impl Scoped for Rule {
        fn scope(&self) -> &Scope {
            &self.0
        }
    }

    #[test]
    fn those_about_somebody_come_once_and_in_file_order_and_none_is_left_out_that_might_be() {
        let mut rules = Rules::default();
        for who in [&["group:a", "user:alice"][..], &["group:far"], &["any"], &["uid:1001", "group:b"], &["user:bob", "uid:7"]] {
            let who = who.iter().map(|text| Principal::parse(text).unwrap()).collect();
            rules.extend([Rule(Scope { who, not: Vec::new(), on: Vec::new(), from: Vec::new(), hours: None })]);
        }
        let named = |groups: &[&str]| groups.iter().map(|name| GroupName::new(*name)).collect();
        let found = |name: &str, uid: u32, groups: Groups| {
            let subject = Subject { uid: Uid(uid), name: UserName::new(name), groups };
            let is_about = |rule: &Rule| rules.iter().position(|other| std::ptr::eq(rule, other)).unwrap();
            rules.about(&subject).map(is_about).collect::<Vec<_>>()
        };
        assert_eq!(found("alice", 1001, Groups::Known(named(&["b", "a"]))), [0, 2, 3]);
        assert_eq!(found("carol", 7, Groups::Known(named(&["x"]))), [2, 4]);
        assert_eq!(found("carol", 1, Groups::unknown()), [0, 1, 2, 3]);
        assert_eq!(found("carol", 1, Groups::Partly(named(&["far"]))), [0, 1, 2, 3]);
    }

    #[test]
    fn lists_are_the_same_if_their_rules_are_in_the_same_order() {
        let scope =
            |who: &str| Scope { who: vec![Principal::parse(who).unwrap()], not: Vec::new(), on: Vec::new(), from: Vec::new(), hours: None };
        let rules = |who: [&str; 2]| {
            let mut rules = Rules::default();
            rules.extend(who.map(|who| Rule(scope(who))));
            rules
        };
        assert_eq!(rules(["user:a", "any"]), rules(["user:a", "any"]));
        assert_ne!(rules(["user:a", "any"]), rules(["any", "user:a"]));
        assert_eq!((&rules(["user:a", "any"])).into_iter().count(), 2);
    }
}
