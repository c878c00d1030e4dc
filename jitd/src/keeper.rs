//! Holds the processes of sessions: knows where they are, warns who sits there, and ends them with their grant.
//!
//! The engine decides, and says what is to be done ([`Effect`]); this does it, and says what became of it.

mod aside;
mod cgroup;
mod end;
mod folder;
mod held;
mod stranger;
mod tree;
mod watch;
mod words;
mod worker;

use crate::engine::Handle;
use cgroup::{Cgroup, Cgroups};
use held::Held;
use jit_core::engine::{Effect, Grace, left_to_end};
use jit_core::event::StoreFailed;
use jit_core::grant::Grant;
use jit_core::id::{GrantId, SessionId};
use jit_core::session::{Bound, Process};
use jit_core::state::State;
use jit_core::time::BootId;
use jit_proto::pam;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use stranger::Stranger;
use tokio::sync::mpsc;
use watch::Watch;
use worker::{Worker, ended};

/// How often those cgroups are looked at that the kernel does not let us watch.
const SWEEP: Duration = Duration::from_secs(5);

/// Something for the keeper to do.
enum Order {
    /// A session's process is in its cgroup; or on its way into it, if one is named.
    Entered(SessionId, GrantId, Cgroup, Option<Process>),
    /// What is in this cgroup of a session must end, whatever is known of it.
    End(SessionId, Cgroup),
    /// A change asks for this.
    Effect(Effect),
}

/// The way to the keeper.
#[derive(Clone)]
pub struct Keeper {
    orders: mpsc::UnboundedSender<Order>,
    cgroups: Option<Arc<Cgroups>>,
    held: Held,
}

/// The keeper's own end of it.
pub struct Orders(mpsc::UnboundedReceiver<Order>);

impl Keeper {
    /// A keeper for the jitd of this state directory, and what it takes its orders from. `own` is where it keeps what only this
    /// boot is to know.
    #[must_use]
    pub fn new(state: &Path, own: &Path, boot: &BootId) -> (Self, Orders) {
        let (orders, queue) = mpsc::unbounded_channel();
        let cgroups = folder::of_this_boot(own, state, boot).ok().and_then(Cgroups::find);
        (Self { orders, cgroups: cgroups.map(Arc::new), held: Held::default() }, Orders(queue))
    }

    /// One that has nothing to hold, for tests of what asks it.
    #[cfg(test)]
    pub(crate) fn idle() -> Self {
        Self { orders: mpsc::unbounded_channel().0, cgroups: None, held: Held::default() }
    }

    /// How surely sessions can be ended on this host.
    #[must_use]
    pub fn bound(&self) -> Bound {
        if self.cgroups.is_some() { Bound::Cgroup } else { Bound::Tree }
    }

    /// The same in a line for whoever starts jitd.
    #[must_use]
    pub fn about(&self) -> String {
        match &self.cgroups {
            Some(cgroups) => {
                format!("sessions are ended by cgroup, in folders {} below {}", cgroups.for_module().folder, cgroups.mount().display())
            }
            None => {
                "no cgroup v2 can be written here: sessions are ended by who started whom, and what detached itself survives".to_owned()
            }
        }
    }

    /// Where cgroups are written to.
    #[must_use]
    pub fn mount(&self) -> Option<&Path> {
        self.cgroups.as_deref().map(Cgroups::mount)
    }

    /// To whom the module is to hand over the cgroup of a session.
    #[must_use]
    pub fn for_module(&self) -> Option<pam::Keeper> {
        self.cgroups.as_deref().map(Cgroups::for_module)
    }

    /// Whether the kernel has this process in the cgroup of this session; then it is held there.
    #[must_use]
    pub fn enter(&self, session: SessionId, grant: GrantId, pid: u32) -> bool {
        let Some(cgroup) = self.cgroups.as_ref().and_then(|cgroups| cgroups.of_process(pid, session)) else { return false };
        self.order(Order::Entered(session, grant, cgroup, None));
        true
    }

    /// The sessions in whose cgroups a process is. None: it cannot be known.
    #[must_use]
    pub fn sessions_around(&self, pid: u32) -> Option<Vec<SessionId>> {
        match &self.cgroups {
            Some(cgroups) => cgroups.sessions_above(pid),
            None => Some(Vec::new()),
        }
    }

    /// The grants of which something is running in a cgroup, though the session may have closed.
    #[must_use]
    pub fn running(&self) -> Vec<GrantId> {
        self.held.grants()
    }

    /// Does what a change asks for.
    pub fn act(&self, effect: Effect) {
        self.order(Order::Effect(effect));
    }

    /// Takes over what there is, in the state that the record makes: a jitd before this one made sure of it. Says what is not as
    /// it should be.
    pub fn take_over(&self, state: &State, record: &Path) -> Vec<StoreFailed> {
        let mut wrong = Vec::new();
        let found = self.cgroups.as_ref().map(|cgroups| cgroups.all()).unwrap_or_default();
        let ids: Vec<_> = found.iter().map(|(id, _)| *id).collect();
        for (id, cgroup) in found {
            match state.grant_of(id) {
                Some(grant) => {
                    let process = state.session(id).and_then(|session| session.facts().process);
                    // The module makes it first and moves the process then: it may be about to.
                    let coming = process.filter(|_| cgroup.is_empty());
                    self.order(Order::Entered(id, grant, cgroup, coming));
                }
                None if cgroup.is_empty() => cgroup.remove(),
                None => wrong.extend(self.take_over_stranger(id, cgroup, state, record)),
            }
        }
        left_to_end(state, &ids).into_iter().for_each(|effect| self.act(effect));
        wrong
    }

    /// A session that runs, and is not at hand. Those that closed long ago are forgotten, and what they have left running goes
    /// on with their grant; but one that is in no record is nobody's, and would end by nothing.
    fn take_over_stranger(&self, id: SessionId, cgroup: Cgroup, state: &State, record: &Path) -> Option<StoreFailed> {
        let wrong = |why| Some(StoreFailed { id: Some(id), why });
        match Stranger::of(id, record) {
            Stranger::Of(grant) => {
                let ends = match state.grant(grant) {
                    Some(Grant::Live(_)) => false,
                    Some(Grant::Ended(grant)) => grant.ends_its_sessions(),
                    // It is over for long, and did not end this then.
                    None => return None,
                };
                self.order(if ends { Order::End(id, cgroup) } else { Order::Entered(id, grant, cgroup, None) });
                None
            }
            Stranger::Unknown => {
                self.order(Order::End(id, cgroup));
                wrong(format!("{id} runs, and its opening is not in the record: it is ended"))
            }
            Stranger::Unclear(why) => wrong(format!("{id} runs, and is not at hand ({why}): it is let alone")),
        }
    }

    fn order(&self, order: Order) {
        // It is gone only when jitd is about to be.
        let _ = self.orders.send(order);
    }
}

impl Keeper {
    /// Works for ever.
    pub async fn run(self, orders: Orders, engine: Handle) {
        let Orders(mut queue) = orders;
        let (tell, mut changes) = mpsc::unbounded_channel();
        let mut worker = Worker::new(engine, self.cgroups.clone(), self.held.clone(), Watch::start(tell).ok());
        // Whoever holds the way to the engine holds this one too, so it is not kept here: the queue ends with them.
        drop(self);
        let mut sweep = tokio::time::interval(SWEEP);
        loop {
            tokio::select! {
                order = queue.recv() => match order {
                    Some(Order::Entered(session, grant, cgroup, coming)) => worker.entered(session, grant, cgroup, coming),
                    Some(Order::End(session, cgroup)) => worker.end(session, Some(cgroup), None, Grace::Some, None),
                    Some(Order::Effect(effect)) => worker.act(effect),
                    None => return,
                },
                Some(descriptor) = changes.recv() => worker.look(descriptor),
                Some(done) = worker.works.join_next() => worker.say_ended(ended(done)),
                _ = sweep.tick() => worker.look_at_unwatched(),
            }
        }
    }
}
