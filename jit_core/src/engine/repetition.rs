//! The same again, without asking again: what was approved, by which rule it is repeated, and from where. It is given anew, so the
//! policy must still give the same, if no more people approve it.

use crate::grant::Common;
use crate::optout::Basis;
use crate::policy::judge::Question;
use crate::policy::{GrantRule, Policy, RepetitiveRule, Require, approvals};
use crate::state::State;
use crate::subject::Entry;
use crate::time::Now;
use ipnet::IpNet;

/// An approval that a rule lets be repeated.
pub(super) struct Repetition<'a> {
    /// By this rule.
    pub rule: &'a RepetitiveRule,
    /// Of this approval.
    pub basis: &'a Basis,
    /// The rule by which it could be requested now. It is good for longer than this moment.
    pub given: &'a GrantRule,
}

impl<'a> Repetition<'a> {
    /// One by which this entry comes in.
    pub fn of(state: &'a State, policy: &'a Policy, entry: &'a Entry, now: Now) -> Option<Self> {
        state.bases_of(&entry.subject).find_map(|basis| {
            let Common { service, run_as, .. } = &*basis.terms.common;
            let same = service.covers(&entry.service) && entry.run_as.as_ref().is_none_or(|target| target == run_as);
            let question = Question { subject: &entry.subject, service: &entry.service, run_as: Some(run_as), at: now.wall };
            let mut rules = policy.repeated_by(question, entry.remote).filter(|rule| basis.is_good(rule.after, entry.remote, now));
            let rule = rules.next().filter(|_| same)?;
            let given = policy.gives_again(question, entry.remote, approvals(&basis.terms.common.stages))?;
            Some(Self { rule, basis, given })
        })
    }

    /// How surely its sessions must be bound: as surely as those of what it repeats, and of what could be requested, at least.
    pub fn require(&self) -> Require {
        let Self { rule, basis, given } = self;
        rule.session.require.max(basis.terms.common.session.require).max(given.session.require)
    }

    /// From where its grant lets in: from where all three do. That is somewhere, as somebody comes from there.
    pub fn from(&self) -> Option<Vec<IpNet>> {
        let Self { rule, basis, given } = self;
        let from = in_both(&rule.scope.from, &basis.terms.common.from)?;
        in_both(&from, &given.scope.from)
    }
}

/// The addresses that lie in one of these networks and in one of those, where no networks are any address; none: there are none.
fn in_both(ones: &[IpNet], others: &[IpNet]) -> Option<Vec<IpNet>> {
    match (ones, others) {
        ([], either) | (either, []) => Some(either.to_vec()),
        // Mostly it is the list of the same rule, and each with each of thousands would take the engine a second.
        (ones, others) if ones == others => Some(ones.to_vec()),
        (ones, others) => {
            let inner = |one: &IpNet, other: &IpNet| match (one.contains(other), other.contains(one)) {
                (true, _) => Some(*other),
                (false, true) => Some(*one),
                (false, false) => None,
            };
            let inner: Vec<_> = ones.iter().flat_map(|one| others.iter().filter_map(move |other| inner(one, other))).collect();
            (!inner.is_empty()).then_some(inner)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::in_both;
    use ipnet::IpNet;
    use proptest::prelude::*;

    #[test]
    fn the_same_networks_are_that_list_with_nothing_said_twice() {
        let networks: Vec<IpNet> = ["10.0.0.0/8", "10.1.0.0/16", "192.0.2.0/24"].map(|network| network.parse().unwrap()).to_vec();
        assert_eq!(in_both(&networks, &networks), Some(networks));
    }

    fn network() -> impl Strategy<Value = IpNet> {
        (any::<[u8; 2]>(), 0..=12_u8).prop_map(|([high, low], length)| format!("{}.{}.0.0/{length}", high & 3, low).parse().unwrap())
    }

    proptest! {
        #[test]
        fn an_address_lies_in_both_if_it_lies_in_each(
            ones in proptest::collection::vec(network(), 0..4),
            others in proptest::collection::vec(network(), 0..4),
            address in (0..4_u8, any::<u8>()).prop_map(|(high, low)| std::net::IpAddr::from([high, low, 1, 1])),
        ) {
            let lies_in = |networks: &[IpNet]| networks.is_empty() || networks.iter().any(|network| network.contains(&address));
            prop_assert_eq!(in_both(&ones, &others).is_some_and(|both| lies_in(&both)), lies_in(&ones) && lies_in(&others));
        }
    }
}
