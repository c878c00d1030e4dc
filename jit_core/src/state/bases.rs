//! The approvals that might be repeated, by whom they were for.

use crate::name::Uid;
use crate::optout::{Basis, BasisKey};
use std::collections::BTreeMap;

/// One for each account, service and run-as user: the newest.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Bases {
    /// Those of an account, in the order of their keys. An account has few: as many as there are run-as users for it.
    of: BTreeMap<Uid, Vec<Basis>>,
    count: usize,
}

impl Bases {
    /// Puts one in its place, or none there; answers what was there.
    pub(super) fn put(&mut self, key: BasisKey<'_>, new: Option<Basis>) -> Option<Basis> {
        let of_account = self.of.entry(key.0).or_default();
        let place = of_account.binary_search_by(|basis| basis.terms.key().cmp(&key));
        let old = place.ok().map(|at| of_account.remove(at));
        self.count = self.count.saturating_sub(usize::from(old.is_some())).saturating_add(usize::from(new.is_some()));
        if let Some(new) = new {
            let (Ok(at) | Err(at)) = place;
            // No room for more than there are: most accounts get no other one.
            of_account.reserve_exact(1);
            of_account.insert(at, new);
        }
        if of_account.is_empty() {
            self.of.remove(&key.0);
        }
        old
    }

    /// The one of that key.
    pub(super) fn get(&self, key: BasisKey<'_>) -> Option<&Basis> {
        self.of_account(key.0).iter().find(|basis| basis.terms.key() == key)
    }

    /// Those of an account, whatever its name.
    pub(super) fn of_account(&self, uid: Uid) -> &[Basis] {
        self.of.get(&uid).map_or(&[], Vec::as_slice)
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Basis> {
        self.of.values().flatten()
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Forgets those that are not to be kept.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&Basis) -> bool) {
        self.of.retain(|_, of_account| {
            of_account.retain(&is_kept);
            of_account.shrink_to_fit();
            !of_account.is_empty()
        });
        self.count = self.of.values().map(Vec::len).sum();
    }
}
