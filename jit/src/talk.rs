//! Talking to jitd: one connection, one ask, its answers.

use crate::failing::Failing;
use crate::paths::{self, Paths};
use crate::show::words::safe;
use jit_proto::client::{Away, Connection, Patience, Trouble, Trust};
use jit_proto::frame;
use jit_proto::user::{Act, Greeting, UserAnswer, UserAsk, Which};
use jit_proto::view::{CheckpointView, EventView, GrantView, MetricsView, RequestView, SessionView, Shown, StatusView};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long jitd may take to greet.
const GREET: Duration = Duration::from_secs(10);
/// How long it may take to answer: it may have to ask a slow name service, or a slow disk.
const ANSWER: Duration = Duration::from_secs(60);

/// Where the path of the socket comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Option,
    Environment,
    /// jitd's settings, or that there are none.
    Settings,
    /// The settings cannot be used, for this reason: a jitd that runs may still be in the usual place.
    Guessed(String),
}

/// What becomes of remarks beside an answer.
#[derive(Debug)]
enum Remarks {
    /// They are said.
    Said,
    /// They are kept, for whoever draws a screen.
    #[cfg_attr(not(feature = "watch"), allow(dead_code, reason = "a screen keeps them"))]
    Kept(Mutex<Vec<String>>),
}

/// The way to jitd.
#[derive(Debug)]
pub struct Talk {
    socket: PathBuf,
    origin: Origin,
    remarks: Remarks,
}

/// All that `jit list` can show.
#[derive(Debug, Default)]
pub struct Listing {
    /// Requests.
    pub requests: Vec<RequestView>,
    /// Grants.
    pub grants: Vec<GrantView>,
    /// Sessions.
    pub sessions: Vec<SessionView>,
}

/// A part of the record.
#[derive(Debug)]
pub enum Part {
    /// It begins there, as older events were archived.
    Begins(CheckpointView),
    /// Events, in order.
    Events(Vec<EventView>),
}

/// How answers are waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// They have to come soon.
    Prompt,
    /// They come when something happens.
    AsTheyCome,
}

/// An ask that was sent.
#[derive(Debug)]
pub struct Conversation<'a> {
    talk: &'a Talk,
    connection: Connection,
}

impl Talk {
    /// The way by this socket; else by that of `JIT_SOCKET`, else by that of jitd's settings.
    pub fn new(option: Option<PathBuf>) -> Self {
        let environment = || std::env::var_os("JIT_SOCKET").filter(|path| !path.is_empty());
        let (socket, origin) = match option {
            Some(socket) => (socket, Origin::Option),
            None => match environment() {
                Some(socket) => (socket.into(), Origin::Environment),
                None => match Paths::of_this_host() {
                    Ok(paths) => (paths.user_socket(), Origin::Settings),
                    Err(mistakes) => (Paths::default().user_socket(), Origin::Guessed(paths::in_words(&mistakes))),
                },
            },
        };
        Self { socket, origin, remarks: Remarks::Said }
    }

    /// The same way, on which remarks are kept.
    #[cfg(feature = "watch")]
    pub fn keeping_remarks(&self) -> Self {
        Self { socket: self.socket.clone(), origin: self.origin.clone(), remarks: Remarks::Kept(Mutex::default()) }
    }

    /// The remarks that were kept since this was asked last.
    #[cfg(feature = "watch")]
    pub fn remarks(&self) -> Vec<String> {
        match &self.remarks {
            Remarks::Said => Vec::new(),
            Remarks::Kept(kept) => std::mem::take(&mut *kept.lock().unwrap_or_else(PoisonError::into_inner)),
        }
    }

    /// Asks.
    pub fn ask(&self, act: Act) -> Result<Conversation<'_>, Failing> {
        let mut patience = Patience::of(GREET);
        let away = |trouble: Trouble| self.away(&trouble);
        let connection = Connection::open(&self.socket, Trust::Anyone, &mut patience).map_err(away)?;
        let greeting: Greeting = connection.receive(&mut patience).map_err(away)?;
        let ask = UserAsk { nonce: greeting.nonce, act };
        if frame::encode(&ask).is_err() {
            return Err(Failing::usage("that is more text than jitd takes", "say it in fewer words"));
        }
        connection.send(&ask, &mut patience).map_err(away)?;
        Ok(Conversation { talk: self, connection })
    }

    /// Asks for something that is answered with one request.
    pub fn request(&self, act: Act) -> Result<RequestView, Failing> {
        let conversation = self.ask(act)?;
        let UserAnswer::Request(request) = conversation.next()? else { return Err(conversation.unexpected()) };
        Ok(*request)
    }

    /// Asks for something that is answered with grants.
    pub fn grants(&self, act: Act) -> Result<Vec<GrantView>, Failing> {
        let conversation = self.ask(act)?;
        let UserAnswer::Grants(grants) = conversation.next()? else { return Err(conversation.unexpected()) };
        Ok(grants)
    }

    /// What the user holds, waits for, may ask for, must approve.
    pub fn status(&self) -> Result<StatusView, Failing> {
        let conversation = self.ask(Act::Status)?;
        let UserAnswer::Status(status) = conversation.next()? else { return Err(conversation.unexpected()) };
        Ok(*status)
    }

    /// How the daemon is.
    pub fn metrics(&self) -> Result<MetricsView, Failing> {
        let conversation = self.ask(Act::Metrics)?;
        let UserAnswer::Metrics(view) = conversation.next()? else { return Err(conversation.unexpected()) };
        Ok(*view)
    }

    /// One thing and its events.
    pub fn show(&self, id: &str) -> Result<(Shown, Vec<EventView>), Failing> {
        let conversation = self.ask(Act::Show(id.to_owned()))?;
        let UserAnswer::Shown(shown) = conversation.next()? else { return Err(conversation.unexpected()) };
        let mut all = Vec::new();
        conversation.events(Pace::Prompt, |events| {
            all.extend(events);
            Ok(())
        })?;
        Ok((*shown, all))
    }

    /// A grant, without its events; none if it cannot be seen.
    pub fn grant(&self, id: &str) -> Option<GrantView> {
        let UserAnswer::Shown(shown) = self.ask(Act::Show(id.to_owned())).ok()?.next().ok()? else { return None };
        if let Shown::Grant(grant) = *shown { Some(grant) } else { None }
    }

    /// What there is, the oldest first.
    pub fn list(&self, which: Which) -> Result<Listing, Failing> {
        let conversation = self.ask(Act::List(which))?;
        let mut listing = Listing::default();
        loop {
            let UserAnswer::Listing { requests, grants, sessions, more } = conversation.next()? else {
                return Err(conversation.unexpected());
            };
            listing.requests.extend(requests);
            listing.grants.extend(grants);
            listing.sessions.extend(sessions);
            if !more {
                // They come in the order of their ids.
                listing.requests.sort_by_key(|request| request.submitted);
                listing.grants.sort_by_key(|grant| grant.issued);
                listing.sessions.sort_by_key(|session| session.opened);
                return Ok(listing);
            }
        }
    }

    fn away(&self, trouble: &Trouble) -> Failing {
        let socket = self.socket.display();
        let named = match self.origin {
            Origin::Option => " (from --socket)",
            Origin::Environment => " (from JIT_SOCKET)",
            Origin::Settings => "",
            Origin::Guessed(_) => " (the usual place)",
        };
        let help = match (trouble, &self.origin) {
            (Trouble::Away(Away::Nonsense(_)), _) => {
                "jit and jitd may be of different versions: compare jit --version with jitd --version".to_owned()
            }
            (Trouble::Away(_) | Trouble::Ours(_), Origin::Settings) => "see whether it runs: systemctl status jitd".to_owned(),
            (Trouble::Away(_) | Trouble::Ours(_), Origin::Guessed(why)) => format!("where it listens is not known: {why}"),
            (Trouble::Away(_) | Trouble::Ours(_), Origin::Option | Origin::Environment) => {
                "see whether that is the right socket, and whether jitd runs: systemctl status jitd".to_owned()
            }
        };
        Failing::unreachable(format!("jitd cannot be reached at {socket}{named}: {trouble}"), help)
    }
}

impl Conversation<'_> {
    /// The next answer; what jitd refuses is a failure.
    pub fn next(&self) -> Result<UserAnswer, Failing> {
        self.receive(&mut Patience::of(ANSWER)).map_err(|trouble| self.talk.away(&trouble))?
    }

    /// The next answer if it comes within this time (none: however long it takes). None: it did not come. Nothing is
    /// done meanwhile.
    pub fn next_within(&self, time: Option<Duration>) -> Result<Option<UserAnswer>, Failing> {
        let speaks = self.connection.speaks_within(time).map_err(|trouble| self.talk.away(&trouble))?;
        if speaks { self.next().map(Some) } else { Ok(None) }
    }

    /// Every part of the events that are answered.
    pub fn events(&self, pace: Pace, mut take: impl FnMut(Vec<EventView>) -> Result<(), Failing>) -> Result<(), Failing> {
        self.record(pace, |part| match part {
            Part::Begins(_) => Ok(()),
            Part::Events(events) => take(events),
        })
    }

    /// Every part of the record that is answered, first of all where it begins if that is not at its first event.
    pub fn record(&self, pace: Pace, mut take: impl FnMut(Part) -> Result<(), Failing>) -> Result<(), Failing> {
        loop {
            let answer = match pace {
                Pace::Prompt => self.next()?,
                Pace::AsTheyCome => self.next_within(None)?.ok_or_else(|| self.unexpected())?,
            };
            match answer {
                UserAnswer::Checkpoint(checkpoint) => take(Part::Begins(checkpoint))?,
                UserAnswer::Events { events, more } => {
                    take(Part::Events(events))?;
                    if !more {
                        return Ok(());
                    }
                }
                UserAnswer::Status(_)
                | UserAnswer::Request(_)
                | UserAnswer::Waiting(_)
                | UserAnswer::Grants(_)
                | UserAnswer::Listing { .. }
                | UserAnswer::Shown(_)
                | UserAnswer::Reloaded { .. }
                | UserAnswer::PolicyFile { .. }
                | UserAnswer::Daemon(_)
                | UserAnswer::Failed(_)
                | UserAnswer::Taken(_)
                | UserAnswer::Optouts(_)
                | UserAnswer::Remark(_)
                | UserAnswer::Metrics(_)
                | UserAnswer::Noted
                | UserAnswer::Part { .. }
                | UserAnswer::MayEnter(_)
                | UserAnswer::Archive { .. } => return Err(self.unexpected()),
            }
        }
    }

    fn receive(&self, patience: &mut Patience) -> Result<Result<UserAnswer, Failing>, Trouble> {
        loop {
            let answer = self.connection.answer(patience)?;
            if let UserAnswer::Failed(failure) = answer {
                return Ok(Err(Failing::Failed(failure)));
            }
            let UserAnswer::Remark(words) = answer else { return Ok(Ok(answer)) };
            match &self.talk.remarks {
                Remarks::Said => eprintln!("jit: {}", safe(&words)),
                Remarks::Kept(kept) => kept.lock().unwrap_or_else(PoisonError::into_inner).push(words),
            }
        }
    }

    /// What was answered answers another question.
    pub fn unexpected(&self) -> Failing {
        self.talk.away(&Trouble::Away(Away::Nonsense("it answers another question".to_owned())))
    }
}
