//! What ends when, in order, on both clocks.

use crate::id::{GrantId, RequestId};
use crate::span::Span;
use crate::time::{BootTime, Deadline, Now, WallTime};
use std::collections::BTreeSet;

/// What ends at a deadline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    /// A request lapses.
    Request(RequestId),
    /// Others may approve a request too.
    Escalation(RequestId),
    /// A grant begins, or expires.
    Grant(GrantId),
    /// The sessions of a grant are to be warned that it ends.
    Warning(GrantId),
    /// A review is overdue, or still is a day later.
    Review(GrantId),
}

/// All deadlines of a state.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    by_wall: BTreeSet<(WallTime, Due)>,
    by_boot: BTreeSet<(BootTime, Due)>,
}

impl Deadlines {
    /// Adds one.
    pub fn insert(&mut self, deadline: Deadline, due: Due) {
        self.by_wall.insert((deadline.wall, due));
        self.by_boot.insert((deadline.boot, due));
    }

    /// Takes one away.
    pub fn remove(&mut self, deadline: Deadline, due: Due) {
        self.by_wall.remove(&(deadline.wall, due));
        self.by_boot.remove(&(deadline.boot, due));
    }

    /// What has passed on either clock.
    pub fn passed(&self, now: Now) -> BTreeSet<Due> {
        let by_wall = self.by_wall.iter().take_while(|(wall, _)| *wall <= now.wall).map(|(_, due)| *due);
        let by_boot = self.by_boot.iter().take_while(|(boot, _)| *boot <= now.boot).map(|(_, due)| *due);
        by_wall.chain(by_boot).collect()
    }

    /// How long until the next one.
    pub fn next_in(&self, now: Now) -> Option<Span> {
        let by_wall = self.by_wall.first().map(|(wall, _)| now.wall.until(*wall));
        let by_boot = self.by_boot.first().map(|(boot, _)| now.boot.until(*boot));
        [by_wall, by_boot].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fixture::World;

    #[test]
    fn the_next_one_is_as_far_as_the_nearer_clock_says_and_nothing_where_there_is_none() {
        let mut world = World::new();
        assert_eq!(world.state.next_deadline_in(world.now), None);
        world.request("alice").unwrap();
        assert_eq!(world.state.next_deadline_in(world.now), Some(Span::from_secs(3600)));
        let later = |wall: u64, boot: u64| {
            let (wall, boot) = (Span::from_secs(wall), Span::from_secs(boot));
            world.state.next_deadline_in(Now { wall: world.now.wall.plus(wall), boot: world.now.boot.plus(boot) })
        };
        assert_eq!(later(600, 60), Some(Span::from_secs(3000)), "by the wall clock");
        assert_eq!(later(0, 900), Some(Span::from_secs(2700)), "by the time since boot");
        assert_eq!(later(4000, 60), Some(Span::from_secs(0)), "passed");
    }
}
