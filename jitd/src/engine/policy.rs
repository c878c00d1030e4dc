//! A policy that was read: on whose word, and what is recorded about it.

use super::Read;
use jit_core::actor::Actor;
use jit_core::event::{self, Event};
use jit_core::policy::Policy;
use jit_core::policy::change::Change;
use jit_core::state::State;

/// On whose word a policy is read again.
#[derive(Debug, Clone)]
pub enum By {
    /// Somebody's.
    Actor(Box<Actor>),
    /// Nobody's that is known: a signal's, say.
    Word(&'static str),
}

impl By {
    /// As it stands in the record.
    fn word(&self) -> String {
        match self {
            Self::Actor(actor) => actor.subject.name.to_string(),
            Self::Word(word) => (*word).to_owned(),
        }
    }
}

/// What is recorded about a policy that was read, and the policy itself if it is valid.
pub(crate) fn policy_event(read: &Read, by: &By, before: Option<&Policy>, state: &State) -> (Event, Option<Policy>) {
    let humans = match by {
        By::Actor(actor) => state.seen_behind(actor),
        By::Word(_) => None,
    };
    let by = by.word();
    match read {
        Ok((policy, _)) => {
            let rules = u32::try_from(policy.rules()).unwrap_or(u32::MAX);
            // At the start the policy before is not known, but whether it is the same is.
            let same = before.is_none() && state.policy_files() == policy.files;
            let Change { became, ceased } = if same { Change::default() } else { Change::between(before, policy) };
            (event::PolicyLoaded { by, rules, files: policy.files.clone(), became, ceased, humans }.into(), Some(policy.clone()))
        }
        Err(mistakes) => {
            let first = mistakes.first().map(ToString::to_string).unwrap_or_default();
            let mistakes = u32::try_from(mistakes.len()).unwrap_or(u32::MAX);
            (event::PolicyRejected { by, mistakes, first, humans }.into(), None)
        }
    }
}
