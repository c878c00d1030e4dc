//! Asking inside the prompt: somebody who was denied says why they should come in, and waits for the answer.
//!
//! A waiter is one connection, which is their place, and one subscription to their request: while they wait nothing is
//! done for them. The request is on record before they are told of it, so nothing of it is lost with the connection.

mod words;

use super::{ANSWER, ARRIVE, knock};
use crate::behind::Seen;
use crate::directory::Directory;
use crate::engine::{Handle, Snapshot};
use crate::keeper::Keeper;
use crate::limits::{ACTS_A_MINUTE, Acts, Begins, Door, Slot, Slots, Standing};
use crate::user_door::{optouts, views};
use crate::wire;
use jit_core::actor::{Actor, Ancestry, Behind, Humans, LoginUid};
use jit_core::engine::{Admission, Askable, Command, Reply, Wish, askable, check};
use jit_core::id::RequestId;
use jit_core::name::{RunAs, Uid, UserName};
use jit_core::policy::Principal;
use jit_core::refusal::Refusal;
use jit_core::request::{PendingRequest, Progress, Request, StageProgress};
use jit_core::subject::{Entry, Phase};
use jit_core::time::Now;
use jit_host::process::Pinned;
use jit_proto::ask::{Ask, May, MayRequest, MayTake, Step, Told, Waits};
use jit_proto::pam::{self, PamAnswer, PamAsk, Question, Verdict, Who};
use nix::sys::socket::{getsockopt, sockopt::PeerPidfd};
use std::time::{Duration, Instant};
use tokio::net::UnixStream;

/// Who may wait: in sudo and su; and in sshd, whose `MaxStartups` begins to drop log-ins at 10.
const PROMPTS: Slots = Slots { common: 32, each: 3, kept: 0, roots: 0 };
const LOG_INS: Slots = Slots { common: 5, each: 1, kept: 0, roots: 0 };
/// How long somebody may think between two steps. Who thinks longer takes a place anew.
const THINK: Duration = Duration::from_secs(300);

/// Where one asks.
#[derive(Clone)]
pub struct Desk {
    engine: Handle,
    directory: Directory,
    keeper: Keeper,
    acts: Acts,
    prompts: Door,
    log_ins: Door,
}

/// The peer is gone, or the daemon stops: there is nobody to tell, or nothing to say.
struct Gone;

/// What comes next from a waiter.
type Next = Result<(u64, Step), Gone>;

/// Somebody who asks.
struct Waiter<'a> {
    desk: &'a Desk,
    stream: UnixStream,
    process: Option<Pinned>,
    /// As they said it: each step must be about the same.
    said: (pam::Entry, Option<String>),
    entry: Entry,
    run_as: RunAs,
}

impl Desk {
    /// A desk with all its places free.
    pub fn new(engine: Handle, directory: Directory, keeper: Keeper, acts: Acts) -> Self {
        Self { engine, directory, keeper, acts, prompts: Door::new(PROMPTS), log_ins: Door::new(LOG_INS) }
    }

    /// Serves somebody who asks, until they go.
    pub async fn receive(&self, mut stream: UnixStream, pid: u32, token: u64, first: Ask) {
        let process = match getsockopt(&stream, PeerPidfd) {
            Ok(pidfd) => Some(Pinned::new(pidfd, pid)),
            Err(_) => Pinned::by_number(pid),
        };
        let Ask { entry: said, target, step } = first;
        let Ok(entry) = knock::entry(&self.directory, said.clone(), Phase::Account).await else {
            // The check has said why.
            return deny(&mut stream, token, String::new()).await;
        };
        let run_as = self.run_as(&entry, target.as_deref()).await;
        let Some(_place) = self.place(&entry) else {
            return deny(&mut stream, token, words::no_place(&entry.service)).await;
        };
        let mut waiter = Waiter { desk: self, stream, process, said: (said, target), entry, run_as };
        let mut next = Ok((token, step));
        while let Ok((token, step)) = next {
            next = waiter.step(token, step).await;
        }
    }

    fn place(&self, entry: &Entry) -> Option<Slot> {
        let door = if entry.service.is_sshd() { &self.log_ins } else { &self.prompts };
        door.enter(entry.subject.uid, Standing::Common)
    }

    /// As whom: PAM's word where it has said so, else the wish; sudo's usual one is root.
    async fn run_as(&self, entry: &Entry, target: Option<&str>) -> RunAs {
        if let Some(run_as) = &entry.run_as {
            return run_as.clone();
        }
        let Some(target) = target else { return RunAs::root() };
        let named = match target.strip_prefix('#').map(str::parse) {
            Some(Ok(uid)) => self.directory.name_of(Uid(uid)).await.ok(),
            Some(Err(_)) | None => None,
        };
        RunAs::of(&entry.subject.name, named.unwrap_or_else(|| UserName::new(target.chars().take(64).collect::<String>())))
    }
}

async fn deny(stream: &mut UnixStream, token: u64, message: String) {
    let answer = PamAnswer { token, verdict: Verdict::Denied { message } };
    // Whoever asked may have gone.
    let _ = tokio::time::timeout(ANSWER, wire::write(stream, &answer)).await;
}

impl Waiter<'_> {
    /// Does one step, and waits for the next.
    async fn step(&mut self, token: u64, step: Step) -> Next {
        let told = match step {
            Step::Wait { id } => return self.wait(token, &id).await,
            Step::Look => self.within_time(self.look()).await,
            Step::Request { reason } => self.within_time(self.request(reason)).await,
            Step::Emergency { reason } => self.within_time(self.take(reason)).await,
        };
        if self.desk.engine.has_stopped() {
            // It was not decided. The module asks again, and the next jitd answers.
            return Err(Gone);
        }
        self.say(token, told).await?;
        self.next().await
    }

    /// What takes longer goes on without us, and is found at the next try.
    async fn within_time(&self, answered: impl Future<Output = Told>) -> Told {
        tokio::time::timeout(ANSWER, answered).await.unwrap_or_else(|_| words::refused(&Refusal::Busy))
    }

    async fn say(&mut self, token: u64, told: Told) -> Result<(), Gone> {
        let answer = PamAnswer { token, verdict: Verdict::Asked(told) };
        match tokio::time::timeout(ARRIVE, wire::write(&mut self.stream, &answer)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    async fn next(&mut self) -> Next {
        let first = tokio::time::timeout(THINK, wire::first_byte(&mut self.stream)).await;
        self.read(first.map_err(|_| Gone)?).await
    }

    async fn read(&mut self, first: Result<u8, wire::Unread>) -> Next {
        let first = first.map_err(|_| Gone)?;
        let read = tokio::time::timeout(ARRIVE, wire::read_after::<PamAsk>(first, &mut self.stream)).await;
        let Ok(Ok(PamAsk { token, question: Question::Ask(ask), .. })) = read else { return Err(Gone) };
        // A place is its taker's alone.
        if (&ask.entry, &ask.target) == (&self.said.0, &self.said.1) { Ok((token, ask.step)) } else { Err(Gone) }
    }

    /// Says how the request stands, at once and at each change, until it is decided or something else is asked.
    async fn wait(&mut self, token: u64, id: &str) -> Next {
        let Ok(id) = id.parse::<RequestId>() else { return Err(Gone) };
        loop {
            let (told, pending) = self.stand(id).await?;
            self.say(token, told).await?;
            let Some(seen) = pending else { return self.next().await };
            let engine = self.desk.engine.clone();
            tokio::select! {
                () = engine.changed(id, seen) => {}
                first = wire::first_byte(&mut self.stream) => return self.read(first).await,
            }
        }
    }

    /// How a request of theirs stands, and how far it has come if it is pending.
    async fn stand(&self, id: RequestId) -> Result<(Told, Option<Progress>), Gone> {
        let subject = self.entry.subject.clone();
        let look = move |snapshot: &Snapshot<'_>| {
            let request = snapshot.state.request(id)?;
            let mine = request.ask().uid == subject.uid && request.ask().user == subject.name;
            mine.then(|| match request {
                Request::Pending(pending) => Looked::Pending(Pending::of(pending, snapshot.now), request.progress()),
                Request::Decided(decided) => Looked::Decided(words::decided(decided)),
            })
        };
        match self.desk.engine.query(look).await {
            Ok(Some(Looked::Pending(pending, progress))) => {
                let approvers = self.named(&pending.by, pending.missing).await;
                Ok((Told::Waits(Waits { id: id.to_string(), approvers, left_s: pending.left_s }), Some(progress)))
            }
            Ok(Some(Looked::Decided(told))) => Ok((told, None)),
            Ok(None) => Ok((words::refused(&Refusal::NoSuch { what: id.to_string() }), None)),
            Err(_) => Err(Gone),
        }
    }

    /// The same, for a step that needs no news.
    async fn stands(&self, id: RequestId) -> Told {
        self.stand(id).await.map_or_else(|Gone| words::refused(&Refusal::Busy), |(told, _)| told)
    }

    /// Those who may approve, by name: all but the accounts of whoever asks.
    async fn named(&self, by: &[Principal], missing: u32) -> String {
        let user = self.entry.subject.name.to_string();
        let own = self.desk.engine.query(move |snapshot| views::accounts_of(snapshot.policy, &user)).await.unwrap_or_default();
        let by: Vec<_> = by.iter().map(Principal::to_string).collect();
        words::people(missing, views::named(&self.desk.directory, &by, &own).await)
    }

    /// What they may ask for.
    async fn look(&self) -> Told {
        let (entry, run_as) = (self.entry.clone(), self.run_as.clone());
        let found = self.desk.engine.query(move |snapshot| Found::of(snapshot, &entry, &run_as)).await;
        match found {
            Ok(Found::Pending(id)) => self.stands(id).await,
            Ok(Found::Nothing) => Told::Refused { words: String::new(), again: false },
            Ok(Found::May { request, emergency }) => {
                let request = match request {
                    None => None,
                    Some(request) => {
                        let (by, missing, request) = *request;
                        Some(MayRequest { approvers: self.named(&by, missing).await, ..request })
                    }
                };
                Told::May(May { what: views::what(&self.entry.service, &self.run_as), request, emergency })
            }
            Err(refusal) => words::refused(&refusal),
        }
    }

    /// What they ask for.
    fn wish(&self, reason: Option<String>) -> Wish {
        let (service, run_as) = (self.entry.service.family(), self.run_as.clone());
        Wish { service, run_as, wanted: None, uses: None, start: None, reason }
    }

    /// Files a request in their name.
    async fn request(&self, reason: Option<String>) -> Told {
        let filed = match self.actor(Begins::Request, reason.as_deref()).await {
            Ok(actor) => self.desk.engine.command(Command::Request(actor, self.wish(reason))).await,
            Err(refusal) => Err(refusal),
        };
        match filed.map(|done| done.reply) {
            Ok(Reply::Request(id)) | Err(Refusal::AlreadyPending { id }) => self.stands(id).await,
            Err(refusal @ Refusal::AlreadyHeld { .. }) => self.held(&refusal).await,
            Ok(Reply::Refused(refusal)) | Err(refusal) => words::refused(&refusal),
            Ok(Reply::Grants(_) | Reply::Session(..) | Reply::Denied(_) | Reply::Done) => words::refused(&Refusal::Busy),
        }
    }

    /// Takes an emergency. Whom it alerts is told of it whether or not that is done while somebody waits for the answer.
    async fn take(&self, reason: String) -> Told {
        let taken = match self.actor(Begins::Emergency, Some(&reason)).await {
            Ok(actor) => {
                let (engine, directory, wish) = (self.desk.engine.clone(), self.desk.directory.clone(), self.wish(Some(reason)));
                let taking = tokio::spawn(async move { optouts::take(&engine, &directory, actor, wish).await });
                taking.await.unwrap_or(Err(Refusal::Busy))
            }
            Err(refusal) => Err(refusal),
        };
        match taken {
            Ok((taken, _)) => words::taken(&taken),
            Err(refusal @ Refusal::AlreadyHeld { .. }) => self.held(&refusal).await,
            Err(refusal) => words::refused(&refusal),
        }
    }

    /// They hold it already: it was given to them in the meantime, or does not let them in here and now.
    async fn held(&self, refusal: &Refusal) -> Told {
        let entry = self.entry.clone();
        match self.desk.engine.query(move |snapshot| check(snapshot.state, snapshot.policy, &entry, snapshot.now)).await {
            Ok(Admission::Grant(_) | Admission::Rule(_)) => Told::Granted { words: String::new() },
            Ok(Admission::Denied(_)) | Err(_) => words::refused(refusal),
        }
    }

    /// Who acts. Of sudo and su it is known from which processes they do; a log-in comes from elsewhere, and what sshd's
    /// own processes are part of says nothing about it.
    async fn actor(&self, begins: Begins, reason: Option<&str>) -> Result<Actor, Refusal> {
        let subject = self.entry.subject.clone();
        if !self.desk.acts.allow(subject.uid, Instant::now()) {
            return Err(Refusal::TooOften { most: ACTS_A_MINUTE });
        }
        self.desk.acts.begin(subject.uid, begins, reason, Instant::now())?;
        match self.said.0.who {
            Who::Uid(_) => {
                let seen = self.process.as_ref().and_then(|process| Seen::of(process, &self.desk.keeper)).ok_or(Refusal::Unreadable)?;
                Ok(seen.actor(&self.desk.directory, subject).await)
            }
            Who::Name(_) => {
                let (ancestry, worn) = (Ancestry::Known(Vec::new()), Behind::Known(Humans::default()));
                Ok(Actor { subject, remote: self.entry.remote, login: LoginUid::Unset, ancestry, worn, within: Some(Vec::new()) })
            }
        }
    }
}

/// A look at a request.
enum Looked {
    Pending(Pending, Progress),
    Decided(Told),
}

/// A request that waits: for whom of whom, and how long.
struct Pending {
    by: Vec<Principal>,
    missing: u32,
    left_s: u64,
}

impl Pending {
    fn of(pending: &PendingRequest, now: Now) -> Self {
        let missing = pending.current().map_or(1, |(_, progress)| progress.stage.count.saturating_sub(approvals(progress)));
        Self { by: pending.approvers().to_vec(), missing, left_s: pending.lapses.left(now).as_secs() }
    }
}

fn approvals(progress: &StageProgress) -> u32 {
    u32::try_from(progress.approvals.len()).unwrap_or(u32::MAX)
}

/// What somebody may ask for, before the approvers' names are looked up.
enum Found {
    Pending(RequestId),
    May { request: Option<Box<(Vec<Principal>, u32, MayRequest)>>, emergency: Option<MayTake> },
    Nothing,
}

impl Found {
    fn of(snapshot: &Snapshot<'_>, entry: &Entry, run_as: &RunAs) -> Self {
        match askable(snapshot.state, snapshot.policy, entry, run_as, snapshot.now) {
            Askable::Pending(request) => Self::Pending(request.ask.id),
            Askable::By { request: None, emergency: None } => Self::Nothing,
            Askable::By { request, emergency } => {
                let request = request.map(|rule| {
                    let stage = rule.stages.first();
                    let by = stage.map(|stage| stage.by.clone()).unwrap_or_default();
                    Box::new((by, stage.map_or(0, |stage| stage.count), words::request(rule)))
                });
                Self::May { request, emergency: emergency.map(words::emergency) }
            }
        }
    }
}
