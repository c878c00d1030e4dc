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
