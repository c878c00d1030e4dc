//! Notices: who could approve a request that waits, and whoever asked for it when it is over, are told by one line on their
//! terminals on this host.
//!
//! The engine only says what is news, once it is stored, and waits for nothing. A task of its own looks at who sits at a
//! terminal, what they may do, and writes. A notice is a courtesy: where too many come, or a name service does not answer, it
//! is left out, and `jit status` and `jit list` know all of it.

mod budget;
mod words;

use crate::directory::Directory;
use crate::engine::{Handle, Snapshot};
use crate::terminal::{self, Terminal};
use budget::Budget;
use jit_core::engine::{News, Viewer};
use jit_core::id::{GrantId, RequestId};
use jit_core::name::Uid;
use jit_core::request::{PendingRequest, Request};
use jit_core::subject::Subject;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// How much news may wait to be told; what comes on top is not told.
const QUEUE: usize = 1024;
/// How long those who sit at terminals are looked up for one notice.
const PATIENCE: Duration = Duration::from_secs(10);

/// News, and whether whoever it is for waits for just that: then they hear it where they wait.
struct Heard {
    news: News,
    is_waited_for: bool,
}

/// The way to whoever tells people.
#[derive(Clone)]
pub struct Notices {
    news: mpsc::Sender<Heard>,
    seats: Seats,
}

/// The other end of it.
pub struct Queue(mpsc::Receiver<Heard>);

/// The terminals that show what happens anyhow, and how often each was taken.
type Seats = Arc<Mutex<BTreeMap<Terminal, usize>>>;

/// Somebody watches at a terminal; they do until this is dropped.
#[must_use]
pub struct Seat {
    seats: Seats,
    terminal: Terminal,
}

fn held(seats: &Seats) -> MutexGuard<'_, BTreeMap<Terminal, usize>> {
    seats.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = held(&self.seats);
        if let Some(taken) = seats.get_mut(&self.terminal) {
            *taken = taken.saturating_sub(1);
            if *taken == 0 {
                seats.remove(&self.terminal);
            }
        }
    }
}

impl Notices {
    /// The way, and its other end.
    #[must_use]
    pub fn new() -> (Self, Queue) {
        let (news, queue) = mpsc::channel(QUEUE);
        (Self { news, seats: Seats::default() }, Queue(queue))
    }

    /// Takes news to be told, and never waits.
    pub fn hear(&self, news: News, is_waited_for: bool) {
        // Whoever tells people is slower than what happens: they see it in `jit list`.
        let _ = self.news.try_send(Heard { news, is_waited_for });
    }

    /// No line is written over what a terminal shows while it shows what happens.
    pub fn sit(&self, terminal: Terminal) -> Seat {
        let mut seats = held(&self.seats);
        let taken = seats.entry(terminal).or_default();
        *taken = taken.saturating_add(1);
        Seat { seats: self.seats.clone(), terminal }
    }

    /// Tells people for ever.
    pub async fn run(self, queue: Queue, engine: Handle, directory: Directory) {
        let Queue(mut queue) = queue;
        let seats = self.seats.clone();
        // Else the queue would never end.
        drop(self);
        let mut teller = Teller { engine, directory, seats, budget: Budget::default(), told: BTreeMap::new() };
        loop {
            let due = teller.budget.next_sum();
            let sum = async {
                match due {
                    Some(due) => tokio::time::sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                heard = queue.recv() => match heard {
                    Some(heard) => teller.take(heard).await,
                    None => return,
                },
                () = sum => teller.sum_up().await,
            }
        }
    }
}

/// Whoever tells people.
struct Teller {
    engine: Handle,
    directory: Directory,
    seats: Seats,
    budget: Budget,
    /// Who was told that a request waits: nobody hears of one twice.
    told: BTreeMap<RequestId, BTreeSet<Uid>>,
}

impl Teller {
    async fn take(&mut self, Heard { news, is_waited_for }: Heard) {
        match news {
            News::Waits(id) => self.waits(id).await,
            News::Decided(id) => {
                self.told.remove(&id);
                if !is_waited_for {
                    self.outcome(move |snapshot| decided(snapshot, id)).await;
                }
            }
            News::Revoked(id) => self.outcome(move |snapshot| revoked(snapshot, id)).await,
        }
    }

    /// A request waits: those who could approve it hear of it, each once.
    async fn waits(&mut self, id: RequestId) {
        let people = self.people().await;
        let Ok(Some(Asked { by, who, line })) = self.engine.query(move |snapshot| Asked::of(snapshot, id, &people)).await else { return };
        let told = self.told.entry(id).or_default();
        let fresh: Vec<_> = who.into_iter().filter(|uid| told.insert(*uid)).collect();
        let now = self.budget.share(id, by, &fresh, Instant::now());
        self.say(now, line).await;
    }

    /// Those who sit at a terminal that takes lines, as far as they can be looked up in time.
    async fn people(&self) -> Vec<Subject> {
        let (began, mut people) = (Instant::now(), Vec::new());
        for uid in tokio::task::spawn_blocking(terminal::owners).await.unwrap_or_default() {
            if began.elapsed() >= PATIENCE {
                break;
            }
            people.extend(self.directory.of_people(uid).await);
        }
        people
    }

    /// Tells somebody what became of something of theirs.
    async fn outcome(&self, look: impl FnOnce(&Snapshot<'_>) -> Option<(Uid, String)> + Send + 'static) {
        let Ok(Some((uid, line))) = self.engine.query(look).await else { return };
        if self.budget.may_hear_outcome(uid, Instant::now()) {
            self.say(BTreeSet::from([uid]), line).await;
        }
    }

    /// Says how many requests wait of which nothing was said.
    async fn sum_up(&mut self) {
        for (uid, ids) in self.budget.due(Instant::now()) {
            let Ok(subject) = self.directory.of_people(uid).await else { continue };
            let count = self.engine.query(move |snapshot| ids.iter().filter(|id| asks(snapshot, **id, &subject).is_some()).count());
            match count.await {
                Ok(0) | Err(_) => {}
                Ok(more) => self.say(BTreeSet::from([uid]), words::more(more)).await,
            }
        }
    }

    async fn say(&self, uids: BTreeSet<Uid>, line: String) {
        if uids.is_empty() {
            return;
        }
        let seats = self.seats.clone();
        // One after the other, so that whoever floods is slow too.
        let told = move || terminal::tell(&uids, &line, |terminal| held(&seats).contains_key(&terminal));
        let _ = tokio::task::spawn_blocking(told).await;
    }
}

/// A request that waits, and who of those at terminals could approve it.
struct Asked {
    by: Uid,
    who: Vec<Uid>,
    line: String,
}

impl Asked {
    fn of(snapshot: &Snapshot<'_>, id: RequestId, people: &[Subject]) -> Option<Self> {
        let Some(Request::Pending(pending)) = snapshot.state.request(id) else { return None };
        let who = people.iter().filter(|subject| asks(snapshot, id, subject).is_some()).map(|subject| subject.uid);
        Some(Self { by: pending.ask.uid, who: who.collect(), line: words::waits(pending) })
    }
}

/// The request, if it waits for this subject.
fn asks<'a>(snapshot: &Snapshot<'a>, id: RequestId, subject: &Subject) -> Option<&'a PendingRequest> {
    let policy = snapshot.policy?;
    match snapshot.state.request(id) {
        Some(Request::Pending(pending)) => Viewer { subject, policy }.is_asked(pending).then_some(pending),
        Some(Request::Decided(_)) | None => None,
    }
}

/// What became of a request, for whoever asked.
fn decided(snapshot: &Snapshot<'_>, id: RequestId) -> Option<(Uid, String)> {
    match snapshot.state.request(id) {
        Some(Request::Decided(decided)) => Some((decided.ask.uid, words::decided(decided, snapshot)?)),
        Some(Request::Pending(_)) | None => None,
    }
}

/// That a grant was taken away, for its holder.
fn revoked(snapshot: &Snapshot<'_>, id: GrantId) -> Option<(Uid, String)> {
    let grant = snapshot.state.grant(id)?;
    Some((grant.terms().uid, words::revoked(grant)?))
}
