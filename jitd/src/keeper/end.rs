//! How the processes of a session end: they are asked to, and after three seconds they are killed.

use super::aside::Aside;
use super::cgroup::Cgroup;
use super::tree::Tree;
use jit_core::engine::Grace;
use jit_core::session::{Process, Tally};
use jit_host::process::is_there;
use nix::sys::signal::Signal;
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};

/// How much time processes get to end by themselves.
const GRACE: Duration = Duration::from_secs(3);
/// How they are asked to. What was stopped must run to hear it.
const ASKED: [Signal; 3] = [Signal::SIGHUP, Signal::SIGTERM, Signal::SIGCONT];
/// How long a kill may take, and how often it is tried.
const KILL: Duration = Duration::from_secs(1);
const KILLS: usize = 5;
/// How often a tree is looked at: nothing tells when it changes.
const LOOK: Duration = Duration::from_millis(20);

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Ends all that is in a cgroup, and removes it. `changed` is told when its last process has gone.
pub async fn end_cgroup(aside: &Aside, cgroup: &Cgroup, changed: &Notify, grace: Grace) -> Tally {
    let asked = cgroup.clone();
    let mut seen = aside.run(move || ask(&asked, grace)).await;
    match grace {
        Grace::Some if !seen.is_empty() => drop(timeout(GRACE, emptied(cgroup, changed)).await),
        Grace::Some | Grace::None => {}
    }
    let left = cgroup.clone();
    let killed = aside.run(move || left.processes()).await;
    seen.extend(&killed);
    for _ in 0..KILLS {
        if cgroup.is_empty() {
            break;
        }
        let killed = cgroup.clone();
        aside.run(move || killed.kill()).await;
        let _ = timeout(KILL, emptied(cgroup, changed)).await;
    }
    let over = cgroup.clone();
    let left = aside.run(move || remove(&over)).await;
    Tally { processes: count(seen.len()), killed: count(killed.len()), left: count(left) }
}

/// Asks all that is in a cgroup to end, if they get time to; answers what that is.
fn ask(cgroup: &Cgroup, grace: Grace) -> BTreeSet<u32> {
    let seen = cgroup.processes().into_iter().collect();
    match grace {
        Grace::Some => cgroup.signal(&ASKED),
        Grace::None => {}
    }
    seen
}

/// Removes a cgroup that was ended; answers how many are left in it.
fn remove(cgroup: &Cgroup) -> usize {
    // One that cannot be counted is one.
    let left = if cgroup.is_empty() { 0 } else { cgroup.processes().len().max(1) };
    cgroup.remove();
    left
}

async fn emptied(cgroup: &Cgroup, changed: &Notify) {
    loop {
        let next = changed.notified();
        if cgroup.is_empty() {
            return;
        }
        // It is looked at without being told too: the kernel may have had no watch left for us.
        let _ = timeout(LOOK.saturating_mul(10), next).await;
    }
}

/// Ends a process and all that it started and that is still to be found.
pub async fn end_tree(aside: &Aside, root: Option<Process>, grace: Grace) -> Tally {
    let Some(root) = root else { return Tally::default() };
    let mut tree = aside.run(move || Tree::of(root)).await;
    match grace {
        Grace::Some if tree.seen() > 0 => tree = died(aside, with(aside, tree, |tree| tree.signal(&ASKED)).await, GRACE).await,
        Grace::Some | Grace::None => {}
    }
    tree = with(aside, tree, Tree::grow).await;
    let killed = tree.alive().len();
    for _ in 0..KILLS {
        if tree.alive().len() == 0 {
            break;
        }
        tree = died(aside, with(aside, tree, Tree::kill).await, KILL).await;
    }
    let left = tree.alive().len();
    Tally { processes: count(tree.seen()), killed: count(killed), left: count(left) }
}

async fn with(aside: &Aside, mut tree: Tree, work: impl FnOnce(&mut Tree) + Send + 'static) -> Tree {
    let work = move || {
        work(&mut tree);
        tree
    };
    aside.run(work).await
}

/// Waits until none of it is alive, so long at most.
async fn died(aside: &Aside, mut tree: Tree, most: Duration) -> Tree {
    let began = Instant::now();
    loop {
        tree = with(aside, tree, Tree::grow).await;
        if tree.alive().len() == 0 || began.elapsed() >= most {
            return tree;
        }
        sleep(LOOK).await;
    }
}

/// Waits until a process that is about to go has gone: three seconds at most.
pub async fn gone(process: Option<Process>) {
    let _ = timeout(GRACE, async {
        while process.is_some_and(is_there) {
            sleep(LOOK).await;
        }
    })
    .await;
}
