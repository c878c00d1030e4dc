//! The PAM socket: checks and sessions.
//!
//! Every question is answered within 800 ms, if only by "busy": silence would let the module believe
//! that the daemon is away, and some administrators let people in then.

mod ask;
mod key;
mod knock;

use crate::directory::Directory;
use crate::engine::Handle;
use crate::engine::access::Knock;
use crate::keeper::Keeper;
use crate::limits::{Acts, Door, Slot, Slots, Standing, Turns};
use crate::meter::{Answer, Meter};
use crate::settings::RecordChecks;
use crate::wire;
use ask::Desk;
use jit_core::actor::Inside;
use jit_core::engine::{Admission, Arrival, Command, Denial, Reply, Why, must_bind};
use jit_core::grant::Grant;
use jit_core::id::SessionId;
use jit_core::name::Uid;
use jit_core::policy::Require;
use jit_core::refusal::Refusal;
use jit_core::session::{Bound, Session};
use jit_core::subject::{Entry, Phase};
use jit_host::process::{ancestry, identify};
use jit_proto::pam::{Held, Hold, PamAnswer, PamAsk, Question, UNREAD, Verdict};
use knock::Unknown;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{UnixListener, UnixStream};

/// How long a question may take to arrive. A sudo that its user stopped holds a slot that long.
const ARRIVE: Duration = Duration::from_secs(5);
/// Within which time an answer is given: less than the least timeout of the module, one second.
const ANSWER: Duration = Duration::from_millis(800);
/// Connection slots: for callers, for one caller, and kept for root and sshd.
const SLOTS: Slots = Slots { common: 192, each: 8, kept: 64, roots: 64 };

/// The longest reason why there is no cgroup, in characters.
const LONGEST_WHY: usize = 200;
/// What is said when no answer can be given now.
const BUSY: &str = "jit: the access daemon is busy. Try again in a moment.";

/// So many connections are served without asking whose they are.
const QUIET: usize = 16;

/// What a connection is served with.
#[derive(Clone)]
struct Service {
    engine: Handle,
    directory: Directory,
    keeper: Keeper,
    door: Door,
    turns: Turns,
    meter: Arc<Meter>,
    desk: Desk,
    /// Where each check is an event of its own: how fast each user asks. Otherwise what they ask again is only counted.
    checks: Option<Turns>,
}

/// What the PAM socket is served with.
pub struct Doors {
    /// The way to the engine.
    pub engine: Handle,
    /// Accounts and groups.
    pub directory: Directory,
    /// What holds the processes of sessions.
    pub keeper: Keeper,
    /// Where checks are counted.
    pub meter: Arc<Meter>,
    /// How many acts each user has left.
    pub acts: Acts,
}

/// Serves the PAM socket for ever.
pub async fn serve(listener: UnixListener, doors: Doors, record: RecordChecks) {
    let checks = match record {
        RecordChecks::Grouped => None,
        RecordChecks::BeforeAnswer => Some(Turns::default()),
    };
    let Doors { engine, directory, keeper, meter, acts } = doors;
    let desk = Desk::new(engine.clone(), directory.clone(), keeper.clone(), acts);
    let service = Service { engine, directory, keeper, door: Door::new(SLOTS), turns: Turns::default(), meter, desk, checks };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, service.clone()))),
            // No descriptor left, most likely: others are about to give theirs back.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Answers in the place of a jitd that takes long to stop: silence would look as if it were away. Until then whoever comes waits
/// for the next one.
pub async fn serve_while_stopping(listener: UnixListener) {
    tokio::time::sleep(ANSWER).await;
    loop {
        match listener.accept().await {
            Ok((mut stream, _)) => {
                let turn_away = async move {
                    if trusted_peer(&stream).is_some() {
                        let _ = tokio::time::timeout(ANSWER, wire::write(&mut stream, &busy(UNREAD))).await;
                    }
                };
                drop(tokio::spawn(turn_away));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// One connection: one question, one answer; or somebody who asks, for as long as they do.
async fn connection(mut stream: UnixStream, service: Service) {
    let Some(pid) = trusted_peer(&stream) else { return };
    let Some(slot) = slot(&service.door, pid) else {
        service.meter.checked(Phase::Account, Answer::Busy, None);
        let _ = tokio::time::timeout(ANSWER, wire::write(&mut stream, &busy(UNREAD))).await;
        return;
    };
    let ask = match tokio::time::timeout(ARRIVE, wire::read::<PamAsk>(&mut stream)).await {
        Ok(Ok(ask)) => ask,
        Ok(Err(wire::Unread::Gone)) => return,
        Ok(Err(wire::Unread::Wrong(wrong))) => {
            let message = format!("jit: the module and the daemon do not understand each other: {wrong}. Tell your administrator.");
            let _ = wire::write(&mut stream, &PamAnswer { token: UNREAD, verdict: Verdict::Denied { message } }).await;
            return;
        }
        Err(_) => {
            let _ = tokio::time::timeout(ANSWER, wire::write(&mut stream, &busy(UNREAD))).await;
            return;
        }
    };
    let token = ask.token;
    if let Question::Ask(first) = ask.question {
        // Whoever asks has a place of another kind, for as long as they do.
        drop(slot);
        return service.desk.receive(stream, pid, token, first).await;
    }
    let (phase, observes, began) = (phase_of(&ask.question), ask.observe, Instant::now());
    let answered = service.answer(ask, pid);
    let verdict = match tokio::time::timeout(ANSWER, answered).await {
        Ok(verdict) => verdict,
        Err(_) => busy(token).verdict,
    };
    if matches!(verdict, Verdict::Denied { .. }) && service.engine.has_stopped() {
        // It was not decided. The module asks again, and the next jitd answers.
        return;
    }
    if let Some(phase) = phase {
        service.meter.checked(phase, answer_of(&verdict, observes), Some(began.elapsed()));
    }
    let opened = match &verdict {
        Verdict::Opened { session, .. } => session.parse().ok(),
        Verdict::Allowed | Verdict::Denied { .. } | Verdict::Noted | Verdict::Asked(_) => None,
    };
    let written = tokio::time::timeout(ARRIVE, wire::write(&mut stream, &PamAnswer { token, verdict })).await;
    if let (Some(session), true) = (opened, !matches!(written, Ok(Ok(())))) {
        // Nobody came in: whoever asked is gone.
        let _ = service.engine.command(Command::Close(session)).await;
    }
}

fn busy(token: u64) -> PamAnswer {
    PamAnswer { token, verdict: Verdict::Denied { message: BUSY.to_owned() } }
}

/// Which check a question is; none: it asks nothing.
fn phase_of(question: &Question) -> Option<Phase> {
    match question {
        Question::Check(_) => Some(Phase::Account),
        Question::Open { .. } => Some(Phase::Session),
        Question::Enter { .. } | Question::Close { .. } | Question::Ask(_) => None,
    }
}

/// What a verdict is counted as.
fn answer_of(verdict: &Verdict, observes: bool) -> Answer {
    match verdict {
        Verdict::Denied { message } if message == BUSY => Answer::Busy,
        Verdict::Allowed | Verdict::Opened { .. } | Verdict::Denied { .. } | Verdict::Noted | Verdict::Asked(_) if observes => {
            Answer::Observed
        }
        Verdict::Denied { .. } => Answer::Denied,
        Verdict::Allowed | Verdict::Opened { .. } | Verdict::Noted | Verdict::Asked(_) => Answer::Allowed,
    }
}

/// The process at the other end. Only root may ask, or whoever jitd runs as where that is not root.
fn trusted_peer(stream: &UnixStream) -> Option<u32> {
    let peer = getsockopt(stream, PeerCredentials).ok()?;
    let trusted = peer.uid() == 0 || peer.uid() == geteuid().as_raw();
    if trusted { u32::try_from(peer.pid()).ok() } else { None }
}

/// A slot: while few are taken, whose they are is not asked, which spares a look into /proc; then the real uid
/// counts, which for a setuid program is its caller's.
fn slot(door: &Door, pid: u32) -> Option<Slot> {
    if let Some(slot) = door.enter_quietly(QUIET) {
        return Some(slot);
    }
    // One whose caller cannot be read is nobody in particular.
    let caller = jit_host::process::real_uid(pid).unwrap_or(Uid(u32::MAX));
    door.enter(caller, if caller.is_root() { Standing::Root } else { Standing::Common })
}

impl Service {
    async fn answer(&self, ask: PamAsk, pid: u32) -> Verdict {
        match ask.question {
            Question::Check(entry) => match knock::entry(&self.directory, entry, Phase::Account).await {
                Ok(entry) => self.check(entry, ask.observe).await,
                Err(unknown) => self.turn_away(unknown, ask.observe).await,
            },
            Question::Open { entry, auth, cgroups } => match knock::entry(&self.directory, entry, Phase::Session).await {
                Ok(entry) if ask.observe => self.check(entry, true).await,
                Ok(entry) => {
                    // Before a use is taken: who cannot be seen now could not be held, and would be turned away by their last line.
                    let Some(process) = identify(pid) else { return self.deny(&entry, Denial::plain(Why::Unseen)).await };
                    if !in_turn(&self.turns, entry.subject.uid).await {
                        return busy(UNREAD).verdict;
                    }
                    let auth = auth.map(|auth| knock::auth_in_short(&auth));
                    let bound = if cgroups { self.keeper.bound() } else { Bound::Tree };
                    let inside = self.inside(&entry, pid);
                    self.open(Arrival { entry, process: Some(process), bound, auth, inside }).await
                }
                Err(unknown) => self.turn_away(unknown, ask.observe).await,
            },
            Question::Enter { session, held } => self.enter(&session, held, pid).await,
            Question::Close { session } => {
                if let Ok(session) = session.parse() {
                    // sudo does not wait for the disk twice: a session of which this is lost is found to be over at the next start.
                    self.engine.note(Command::Close(session)).await;
                }
                Verdict::Noted
            }
            // It has a conversation of its own.
            Question::Ask(_) => busy(UNREAD).verdict,
        }
    }

    /// Whether the record takes one more check of this user.
    async fn may_be_checked(&self, uid: Uid) -> bool {
        match &self.checks {
            Some(turns) => in_turn(turns, uid).await,
            None => true,
        }
    }

    async fn check(&self, entry: Entry, observe: bool) -> Verdict {
        if !self.may_be_checked(entry.subject.uid).await {
            return busy(UNREAD).verdict;
        }
        let asked = entry.clone();
        let Some(checked) = self.engine.check(entry, observe).await else { return busy(UNREAD).verdict };
        match checked.admission {
            Admission::Grant(_) | Admission::Rule(_) => Verdict::Allowed,
            Admission::Denied(denial) => Verdict::Denied { message: denial.line(&asked, checked.denial) },
        }
    }

    /// What somebody at the door is inside of. A session around them may be held as a tree, whatever this one will be.
    fn inside(&self, entry: &Entry, pid: u32) -> Inside {
        if entry.service.is_log_in() {
            return Inside::nothing();
        }
        Inside { ancestry: ancestry(pid), within: self.keeper.sessions_around(pid) }
    }

    /// Opens a session. Where the answer would come too late, nothing is opened, or what was opened is closed.
    async fn open(&self, arrival: Arrival) -> Verdict {
        let entry = arrival.entry.clone();
        // Whether it is on disk is for the record's keepers: a session that may be queued is one that lets in anyway.
        match self.engine.command(Command::Open(arrival)).await.map(|done| done.reply) {
            Ok(Reply::Session(id, _, require)) => Verdict::Opened { session: id.to_string(), hold: self.hold(require) },
            Ok(Reply::Denied(denial)) => self.deny(&entry, denial).await,
            Err(Refusal::Busy) => busy(UNREAD).verdict,
            Err(_) => self.deny(&entry, Denial::plain(Why::NotRecorded)).await,
            Ok(Reply::Refused(_) | Reply::Request(_) | Reply::Grants(_) | Reply::Done) => busy(UNREAD).verdict,
        }
    }

    /// How the module is to hold the process of a session.
    fn hold(&self, require: Require) -> Hold {
        match (self.keeper.for_module(), require) {
            (Some(keeper), Require::Cgroup) => Hold::CgroupOnly(keeper),
            (Some(keeper), Require::Any) => Hold::Cgroup(keeper),
            (None, Require::Any | Require::Cgroup) => Hold::Tree,
        }
    }

    /// A session's last line: it must be one that was opened here, and still runs, and be where the module says that it is.
    async fn enter(&self, session: &str, held: Held, pid: u32) -> Verdict {
        let (Ok(id), Some(process)) = (session.parse::<SessionId>(), identify(pid)) else { return unknown_session() };
        let known = self.engine.query(move |snapshot| match snapshot.state.session(id) {
            Some(Session::Open(facts)) if facts.process == Some(process) => {
                let grant = facts.grant;
                let live = matches!(snapshot.state.grant(grant), Some(Grant::Live(_)));
                Some((grant, live, must_bind(snapshot.state, grant)))
            }
            Some(Session::Open(_) | Session::Closed { .. } | Session::Ended { .. }) | None => None,
        });
        let (grant, live, must_bind) = match known.await {
            Ok(Some(known)) => known,
            Ok(None) => return unknown_session(),
            Err(_) => return busy(UNREAD).verdict,
        };
        match held {
            Held::Cgroup if !self.keeper.enter(id, grant, pid) => return unknown_session(),
            Held::Cgroup => {}
            Held::Tree | Held::TreeFor(_) if must_bind => return unknown_session(),
            Held::Tree => {}
            Held::TreeFor(why) => {
                // It is a fact, whatever becomes of the record.
                let _ = self.engine.command(Command::Unbound(id, why.chars().take(LONGEST_WHY).collect())).await;
            }
        }
        if live { Verdict::Noted } else { over_already() }
    }

    async fn deny(&self, entry: &Entry, denial: Denial) -> Verdict {
        // Nobody is turned away of whom nothing is on record where each check must be, and none is told of an id that is nowhere.
        let Some(id) = self.engine.turned_away(Knock::from(entry), denial.clone(), false).await else { return busy(UNREAD).verdict };
        Verdict::Denied { message: denial.line(entry, id) }
    }

    async fn turn_away(&self, unknown: Unknown, observe: bool) -> Verdict {
        let Unknown { knock, entry, denial } = unknown;
        if !self.may_be_checked(entry.subject.uid).await {
            return busy(UNREAD).verdict;
        }
        let Some(id) = self.engine.turned_away(knock, denial.clone(), observe).await else { return busy(UNREAD).verdict };
        Verdict::Denied { message: denial.line(&entry, id) }
    }
}

/// Its grant ended between its first line and its last.
fn over_already() -> Verdict {
    Verdict::Denied { message: "jit: the grant has just ended.".to_owned() }
}

/// Waits until it is this user's turn. False: too many of theirs wait already.
async fn in_turn(turns: &Turns, uid: Uid) -> bool {
    let Some(turn) = turns.next(uid, Instant::now()) else { return false };
    if !turn.is_zero() {
        // A sleep of no time takes a millisecond, the half of what it takes to open a session.
        tokio::time::sleep(turn).await;
    }
    true
}

fn unknown_session() -> Verdict {
    Verdict::Denied { message: "jit: this session was not opened here. Tell your administrator.".to_owned() }
}

#[cfg(test)]
mod tests;
