//! What jit-notify has to say: that it could not tell somebody.

use super::{Context, Handled, Reply};
use crate::actor::Actor;
use crate::event;
use crate::refusal::Refusal;
use crate::text::printable;

/// The account of the service that sends notices.
pub const NOTIFIER: &str = "jit-notify";
/// The longest name of a target, and the longest reason, in bytes.
const LONGEST_TARGET: usize = 64;
const LONGEST_WHY: usize = 400;

/// Events that did not reach a target, and will not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// The target's name in `notify.toml`.
    pub target: String,
    /// The number of the first of them.
    pub first: u64,
    /// The number of the last.
    pub last: u64,
    /// How many.
    pub count: u64,
    /// What the target answered, last.
    pub why: String,
}

/// Records it. Auditors change nothing, so this is the notifier's alone, and the policy must name it an auditor.
pub(super) fn failed(actor: &Actor, undelivered: Undelivered, context: &Context<'_>) -> Handled {
    let is_notifier = actor.subject.name.as_str() == NOTIFIER;
    if !is_notifier || !context.policy.is_some_and(|policy| policy.sees_all(&actor.subject)) {
        return Err(Refusal::NotifierOnly);
    }
    let Undelivered { target, first, last, count, why } = undelivered;
    let (target, why) = (printable(&target, LONGEST_TARGET), printable(&why, LONGEST_WHY));
    Ok((Reply::Done, vec![event::NotifyFailed { target, first, last, count, why }.into()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Command;
    use crate::engine::fixture::{World, actor};
    use crate::event::Event;
    use crate::name::UserName;

    fn by(name: &str, policy: &str) -> Result<Option<Event>, Refusal> {
        let mut world = World::with(policy);
        let mut actor = actor("bob");
        actor.subject.name = UserName::new(name);
        let undelivered = Undelivered { target: "chat\n".to_owned(), first: 7, last: 9, count: 2, why: "\u{1b}[2J".repeat(200) };
        let _ = world.command(Command::NotifyFailed(actor, undelivered))?;
        Ok(world.log.pop().map(|(_, event)| event))
    }

    #[test]
    fn the_notifier_alone_says_so_and_only_where_the_policy_names_it() {
        let noted = by("jit-notify", "version = 1\nauditors = [\"user:jit-notify\"]\n").unwrap();
        let Some(Event::NotifyFailed(failed)) = noted else { panic!("{noted:?}") };
        assert_eq!((failed.target.as_str(), failed.first, failed.last, failed.count), ("chat\\n", 7, 9, 2));
        assert!(failed.why.starts_with("\\u{1b}[2J") && failed.why.len() < 420);
        assert_eq!(by("jit-notify", "version = 1\n"), Err(Refusal::NotifierOnly));
        assert_eq!(by("erin", "version = 1\nauditors = [\"any\"]\n"), Err(Refusal::NotifierOnly));
    }
}
