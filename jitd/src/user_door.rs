//! The user socket: everything people do.

mod acts;
mod again;
mod archive;
mod events;
mod kind;
mod line;
mod list;
mod looks;
mod metrics;
pub(crate) mod optouts;
mod parts;
mod peer;
mod status;
pub(crate) mod views;
mod watch;

use crate::acquainted::Acquainted;
use crate::clock::KernelEntropy;
use crate::directory::{Directory, MOST_THREADS};
use crate::engine::Handle;
use crate::keeper::Keeper;
use crate::limits::{ACTS_A_MINUTE, Acts, Door, Slot, Slots, Standing};
use crate::meter::Meter;
use crate::notices::Notices;
use crate::reload::Reloader;
use crate::vital::Pulse;
use crate::writer::Newest;
use jit_core::actor::Actor;
use jit_core::engine::could_approve_something;
use jit_core::name::Uid;
use jit_core::refusal::{Code, Refusal};
use jit_proto::frame;
use jit_proto::user::{Act, Greeting, UserAnswer, UserAsk};
use jit_proto::view::{Failure, FailureCode};
use kind::Kind;
use nix::sys::socket::{MsgFlags, send};
use peer::Peer;
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;

/// How long an ask may take to arrive.
const ARRIVE: Duration = Duration::from_secs(10);
/// Connection slots: for everybody, for one user, kept for root and approvers, and of those for root alone.
const SLOTS: Slots = Slots { common: 192, each: 16, kept: 64, roots: 16 };

/// Of those, for whoever watches: they stay.
const WATCHERS: Slots = Slots { common: 64, each: 4, kept: 32, roots: 8 };

/// Places for those who got no slot, while it is looked up whether they are approvers, or have an account at all.
const LOBBY: Slots = Slots { common: 32, each: 2, kept: 0, roots: 0 };

/// What the user socket needs to know of the daemon.
#[derive(Clone)]
pub struct About {
    /// The way to the engine.
    pub engine: Handle,
    /// Accounts and groups.
    pub directory: Directory,
    /// What holds the processes of sessions.
    pub keeper: Keeper,
    /// The store's file.
    pub store: PathBuf,
    /// The newest stored event.
    pub head: tokio::sync::watch::Receiver<Newest>,
    /// What reads the policy again.
    pub reloader: Reloader,
    /// When the daemon began, in milliseconds since 1970.
    pub since: i64,
    /// What is counted.
    pub meter: Arc<Meter>,
    /// How often each user acts, here or in a prompt.
    pub acts: Acts,
    /// Who tells people at their terminals.
    pub notices: Notices,
    /// Held by who reads the record from one end to the other, in pages, and by who takes events out of it: what is read is then of
    /// one piece.
    pub archiving: Arc<tokio::sync::RwLock<()>>,
}

/// What a connection is served with.
#[derive(Clone)]
struct Service {
    about: Arc<About>,
    door: Door,
    /// Who may go straight to the door.
    acquainted: Acquainted,
    lobby: Door,
    watchers: Door,
}

/// The user socket is served until this is dropped.
#[must_use]
pub struct Served {
    _open: oneshot::Sender<()>,
}

/// Serves the user socket on a thread of its own: whoever floods it keeps that busy, and not the one that answers sudo and sshd.
///
/// # Errors
/// The thread or the socket cannot be used.
pub fn beside(listener: std::os::unix::net::UnixListener, about: About, pulse: Pulse) -> std::io::Result<Served> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(MOST_THREADS).build()?;
    let listener = {
        let _here = runtime.enter();
        UnixListener::from_std(listener)?
    };
    let (open, closed) = oneshot::channel();
    std::thread::Builder::new().name("people".to_owned()).spawn(move || {
        let _pulse = pulse;
        runtime.block_on(async move {
            tokio::select! {
                () = serve(listener, about) => {}
                _ = closed => {}
            }
            // Who was let in before gets an answer, until the process ends.
            std::future::pending::<()>().await;
        });
    })?;
    Ok(Served { _open: open })
}

/// Serves the user socket for ever.
async fn serve(listener: UnixListener, about: About) {
    let service = Service {
        about: Arc::new(about),
        door: Door::new(SLOTS),
        acquainted: Acquainted::with("/etc/passwd".into()),
        lobby: Door::new(LOBBY),
        watchers: Door::new(WATCHERS),
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                service.receive(stream);
                // However many wait to be received, whoever was gets on.
                tokio::task::yield_now().await;
            }
            // No descriptor left, most likely: others are about to give theirs back.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

/// Says in one write, which waits for nobody, that somebody is not served: whoever is one too many takes up no room.
fn turn_away(stream: &UnixStream, why: Failure) {
    let greeting = frame::encode(&Greeting { nonce: [0; 16] });
    let (Ok(greeting), Ok(answer)) = (greeting, frame::encode(&UserAnswer::Failed(why))) else { return };
    // Nothing was written before: there is room for it.
    let _ = send(stream.as_raw_fd(), &[greeting, answer].concat(), MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT);
}

/// One connection that has its slot: a greeting, one ask, its answers.
async fn connection(stream: UnixStream, peer: Peer, slot: Slot, service: Service) {
    let mut line = Line { stream };
    let nonce = KernelEntropy::bytes();
    let Ok(greeting) = frame::encode(&Greeting { nonce }) else { return };
    if line.write(&greeting).await.is_err() {
        return;
    }
    let ask = match tokio::time::timeout(ARRIVE, peer.read_ask(&mut line.stream)).await {
        Ok(Ok(ask)) => ask,
        Ok(Err(peer::Unproved::Gone)) | Err(_) => return,
        Ok(Err(unproved)) => {
            let _ = line.fail(FailureCode::Usage, unproved.to_string(), Some("use the jit of this version".to_owned())).await;
            return;
        }
    };
    if ask.nonce != nonce {
        let _ = line.fail(FailureCode::Usage, "the ask does not answer the greeting".to_owned(), None).await;
        return;
    }
    // What is left of the conversation is between this line and the verbs.
    let _ = service.answer(&mut line, &peer, ask).await;
    drop(slot);
}

pub(crate) use line::{Gone, Line};
pub(crate) use views::mistake as mistake_view;

/// A refusal on the wire.
fn failure_of(refusal: &Refusal) -> Failure {
    let code = match refusal.code() {
        Code::Refused => FailureCode::Refused,
        Code::Usage => FailureCode::Usage,
        Code::NotFound => FailureCode::NotFound,
    };
    Failure { code, message: refusal.to_string(), help: refusal.help(), rule: refusal.rule().map(ToString::to_string) }
}

/// Says that there is nothing to be shown. Whoever waits looks again: a restart ends no wait, and least of all with the code of a
/// denial.
async fn no_record(line: &mut Line, act: &Act, why: &str) -> Result<(), Gone> {
    let code = if matches!(act, Act::Wait(_)) { FailureCode::Unreachable } else { FailureCode::Refused };
    let help = "try again in a moment; jit status says when it is there, and root's jit doctor what to do".to_owned();
    line.fail(code, format!("there is no record to look at: {why}"), Some(help)).await
}

/// Nobody is known to act, on the wire.
fn unknown(why: &peer::Unknown) -> Failure {
    Failure { code: FailureCode::Refused, message: why.to_string(), help: None, rule: None }
}

impl Service {
    /// Somebody has connected: they get a slot, or hear that there is none for them.
    fn receive(&self, stream: UnixStream) {
        let Some(peer) = Peer::pin(&stream) else {
            // A process of another namespace, perhaps: nobody can say what it is part of.
            return turn_away(&stream, failure_of(&Refusal::Unreadable));
        };
        let (uid, service) = (peer.uid(), self.clone());
        let may_enter = uid.is_root() || self.acquainted.knows(uid);
        if let Some(slot) = may_enter.then(|| self.door.enter(uid, standing(uid))).flatten() {
            drop(tokio::spawn(connection(stream, peer, slot, service)));
        } else if let Some(place) = self.lobby.enter(uid, Standing::Common) {
            tokio::spawn(async move {
                let slot = service.let_in(uid).await;
                drop(place);
                match slot {
                    Ok(slot) => connection(stream, peer, slot, service).await,
                    Err(why) => turn_away(&stream, why),
                }
            });
        } else {
            turn_away(&stream, failure_of(&Refusal::Busy));
        }
    }

    /// A slot for somebody who could not go straight in, if they have an account and there is one for them.
    async fn let_in(&self, uid: Uid) -> Result<Slot, Failure> {
        match self.about.directory.name_of(uid).await {
            Ok(_) => self.acquainted.add(uid),
            Err(trouble) => return Err(unknown(&peer::Unknown::Account(trouble))),
        }
        self.slot(&self.door, uid).await.ok_or_else(|| failure_of(&Refusal::Busy))
    }

    /// A slot at this door, if there is one for this user.
    async fn slot(&self, door: &Door, uid: Uid) -> Option<Slot> {
        match door.enter(uid, standing(uid)) {
            Some(slot) => Some(slot),
            None if self.approves(uid).await => door.enter(uid, Standing::Approver),
            None => None,
        }
    }

    /// Whether somebody is an approver of anything: they have slots of their own.
    async fn approves(&self, uid: Uid) -> bool {
        let Ok(subject) = self.about.directory.of_people(uid).await else { return false };
        let approves =
            self.about.engine.query(move |snapshot| snapshot.policy.is_some_and(|policy| could_approve_something(policy, &subject)));
        approves.await.unwrap_or(false)
    }

    async fn answer(&self, line: &mut Line, peer: &Peer, ask: UserAsk) -> Result<(), Gone> {
        let actor = match peer.actor(&self.about.directory, &self.about.keeper).await {
            Ok(actor) => actor,
            Err(why) => return line.send(&UserAnswer::Failed(unknown(&why))).await,
        };
        let kind = Kind::of(&ask.act);
        if kind.changes_something() && !self.about.acts.allow(actor.subject.uid, Instant::now()) {
            return line.refuse(&Refusal::TooOften { most: ACTS_A_MINUTE }).await;
        }
        match kind {
            Kind::Begins(begins, reason) => {
                if let Err(refusal) = self.about.acts.begin(actor.subject.uid, begins, reason, Instant::now()) {
                    return line.refuse(&refusal).await;
                }
            }
            Kind::ShowsTheRecord => {
                if let Some(why) = self.about.engine.query(|snapshot| snapshot.no_record.map(ToOwned::to_owned)).await.ok().flatten() {
                    return no_record(line, &ask.act, &why).await;
                }
            }
            Kind::Changes | Kind::Shows => {}
        }
        self.act(line, actor, ask.act).await
    }

    async fn act(&self, line: &mut Line, actor: Actor, act: Act) -> Result<(), Gone> {
        let about = &self.about;
        match act {
            Act::Status => status::status(about, line, actor).await,
            Act::Request(wish) => acts::request(about, line, actor, wish).await,
            Act::GrantTo { user, wish } => acts::grant_to(about, line, actor, user, wish).await,
            Act::Approve { id, for_s, note } => acts::approve(about, line, actor, &id, for_s, note).await,
            Act::Deny { id, note } => acts::deny(about, line, actor, &id, note).await,
            Act::Cancel(id) => acts::cancel(about, line, actor, id.as_deref()).await,
            Act::Drop(id) => acts::drop_grant(about, line, actor, id.as_deref()).await,
            Act::Revoke { target, note, now } => acts::revoke(about, line, actor, target, note, now).await,
            Act::Wait(id) => looks::wait(about, line, actor, id.as_deref()).await,
            Act::List(which) => list::list(about, line, actor, which).await,
            Act::Show(id) => looks::show(about, line, actor, &id).await,
            Act::Events(filter) => events::events(about, line, actor, filter).await,
            Act::Reload => acts::reload(about, line, actor).await,
            Act::PolicyShow => looks::policy(about, line, actor).await,
            Act::Version => looks::version(about, line).await,
            Act::Emergency(wish) => optouts::emergency(about, line, actor, wish).await,
            Act::Review { id, verdict, note } => optouts::review(about, line, actor, &id, verdict, note).await,
            Act::Extend { id, for_s, reason } => optouts::extend(about, line, actor, id.as_deref(), for_s, reason).await,
            Act::Optouts => optouts::list(about, line, actor).await,
            Act::Archive { before } => archive::archive(about, line, actor, before).await,
            Act::Follow { after } => events::follow(about, line, actor, after).await,
            Act::NotifyFailed(undelivered) => acts::notify_failed(about, line, actor, undelivered).await,
            Act::Prune { upto, before } => archive::prune(about, line, actor, upto, before).await,
            Act::Watch => match self.slot(&self.watchers, actor.subject.uid).await {
                Some(_slot) => watch::watch(about, line, actor).await,
                None => line.refuse(&Refusal::Busy).await,
            },
            Act::Metrics => metrics::metrics(about, line, actor).await,
            Act::MayEnter { service, run_as } => looks::may_enter(about, line, actor, service, run_as).await,
        }
    }
}

/// Who somebody is before it was looked up.
fn standing(uid: Uid) -> Standing {
    if uid.is_root() { Standing::Root } else { Standing::Common }
}
