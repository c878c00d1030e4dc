//! From the record on disk to an engine that goes on with it; and what is done while there is none.
//!
//! A record that is damaged is kept aside, and nothing is granted until somebody puts a whole one in its place. A disk that
//! fails is tried again each second, and one that reads long is read beside everything else. In all these cases jitd stays up
//! and says so: the gate is shut, and not just gone.

mod set_aside;
mod unrecorded;

use crate::clock::{Clock, KernelEntropy};
use crate::engine::{self, Begun, By, Handle, Hanging};
use crate::meter::Meter;
use crate::reload;
use crate::settings::{Settings, own_directory};
use crate::syslog::{Syslog, Urgency};
use crate::vital::Vital;
use crate::writer::{Newest, Writer, back, failed, fresh};
use jit_core::engine::{Command, Context, Recording, handle};
use jit_core::event::Event;
use jit_core::line;
use jit_core::session::Bound;
use jit_core::state::State;
use jit_core::time::Now;
use jit_store::{Base, Doubts, Fit, Fresh, Opened, Reserve, Store, StoreTrouble, compare, file_in, forget_base};
use nix::sys::statvfs::statvfs;
use set_aside::{damaged_one, looks, set_aside, set_rest_aside};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinHandle};
use unrecorded::Unrecorded;

/// How soon a record that cannot be used is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// How soon a record that cannot be read is compared again.
const COMPARE_AGAIN: Duration = Duration::from_secs(30);

/// How long a beginning waits for the record to be read before everybody is told that it is. Whoever is at the door by then has
/// waited for one second of their two, and perhaps for the jitd before this one to end.
const READ: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 1 });
/// What they are told.
const READING: &str = "the record is being read";

/// How long a beginning waits for its first events to be on disk.
const PATIENCE: Duration = Duration::from_millis(400);

/// What is needed to begin, now and later.
#[derive(Clone)]
pub struct Beginner<C> {
    /// The settings.
    pub settings: Settings,
    /// The clock.
    pub clock: C,
    /// Where it is told which event is the newest.
    pub told: Arc<watch::Sender<Newest>>,
    /// How surely sessions can be ended.
    pub bound: Bound,
    /// Where stored events are counted.
    pub meter: Arc<Meter>,
    /// Told if the writer is lost.
    pub vital: Vital,
    /// What was said while there was no record, for the next one.
    pub unrecorded: Unrecorded,
}

/// Why it cannot go on.
pub enum Unready {
    /// The record cannot be used.
    Record(StoreTrouble),
    /// There is none, since one was set aside.
    SetAside(String),
    /// Something else is wrong.
    Otherwise(String),
}

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record(trouble) => trouble.fmt(f),
            Self::SetAside(why) | Self::Otherwise(why) => f.write_str(why),
        }
    }
}

/// What is ready to go on, once its first events are on their way to the disk.
pub struct Prepared {
    beginning: Beginning,
    first: Vec<Fresh>,
    at: Now,
}

/// A record that is being read.
type Reading = JoinHandle<Result<Prepared, Unready>>;

/// What there is to begin with.
pub struct Beginning {
    /// The state, the policy, and what is wrong.
    pub begun: Begun,
    /// The way to the disk.
    pub writer: Writer,
    /// What is done once there is an engine.
    pub then: Then,
}

/// What is left to be done, beside everything else.
pub enum Then {
    /// Nothing.
    Nothing,
    /// The base from which the state was read is compared with the events.
    Prove(Base),
    /// The record is taken up once it is read.
    TakeUp(Reading),
    /// It is tried again until there is a record that can be used; this was said of the one that cannot.
    TryAgain(String),
}

impl<C: Clock + Clone + Send + Sync + 'static> Beginner<C> {
    /// Reads the record, and writes into it that the daemon begins, and by which policy.
    ///
    /// # Errors
    /// Another program's record, or a newer jitd's: it is not for us to stay up beside it.
    pub async fn begin(&self) -> Result<Beginning, String> {
        let mut reading = self.prepare();
        let Ok(read) = tokio::time::timeout(READ, &mut reading).await else {
            eprintln!("jitd: {READING}, and nobody is let in until it is");
            let (begun, writer) = self.without(READING.to_owned());
            return Ok(Beginning { begun, writer, then: Then::TakeUp(reading) });
        };
        match outcome(read) {
            Ok(prepared) => Ok(self.go_on(prepared).await),
            Err(Unready::Record(foreign @ StoreTrouble::Foreign { .. })) => Err(foreign.to_string()),
            Err(Unready::Otherwise(why)) => Err(why),
            Err(unready @ (Unready::SetAside(_) | Unready::Record(StoreTrouble::Disk { .. } | StoreTrouble::Damaged { .. }))) => {
                let why = unready.to_string();
                self.alarm(&format!("nobody is let in: {why}"));
                let (begun, writer) = self.without(why.clone());
                Ok(Beginning { begun, writer, then: Then::TryAgain(why) })
            }
        }
    }

    /// Does what a beginning left to be done, beside everything else.
    pub fn go_on_with(self, then: Then, engine: Handle) {
        match then {
            Then::Nothing => {}
            Then::Prove(base) => self.prove(base, engine),
            Then::TakeUp(reading) => self.take_up(engine, Some(reading), String::new()),
            Then::TryAgain(said) => self.take_up(engine, None, said),
        }
    }

    /// What there is without a record: nobody is let in.
    fn without(&self, why: String) -> (Begun, Writer) {
        let writer = Writer::none(why.clone(), &self.told);
        let begun = Begun {
            state: State::default(),
            policy: None,
            trouble: Vec::new(),
            record: self.settings.record,
            based: 0,
            no_record: Some(why),
            hanging: None,
        };
        (begun, writer)
    }

    /// Says what is wrong where there is no record to say it in. The next one has it.
    fn alarm(&self, why: &str) {
        eprintln!("jitd: {why}");
        let Ok(failed) = fresh(self.clock.now().wall, &failed(why)) else { return };
        // What syslog does not take now is on standard error.
        let _ = Syslog::new(self.settings.syslog.clone()).send(Urgency::Alert, &line::of_unstored(failed.event, &failed.data));
        self.unrecorded.keep(failed);
    }

    /// Opens the record. One that is damaged is set aside.
    fn open(&self) -> Result<Opened, Unready> {
        let path = file_in(&self.settings.state);
        if !path.exists()
            && let Some(aside) = damaged_one(&self.settings.state)
        {
            set_rest_aside(&path, &aside);
            return Err(Unready::SetAside(format!(
                "{} is damaged: it was set aside as {}, and there is no other",
                path.display(),
                aside.display()
            )));
        }
        let empty = path.metadata().map_or(true, |about| about.len() == 0);
        if empty && Reserve::was_beside(&path) {
            let why = "it is gone, though there was one. Restore a backup; to begin anew, remove the file reserve beside it".to_owned();
            return Err(Unready::Record(StoreTrouble::Damaged { path, why }));
        }
        let open = || {
            let doubts = Doubts::within(own_directory(&self.settings.run), self.clock.boot());
            Store::open_without_refused(&path, doubts, self.clock.now().wall)
        };
        let opened = match open() {
            // A full disk, perhaps: what is kept for one is enough to begin with.
            Err(StoreTrouble::Disk { .. }) if Reserve::free(&path) => open(),
            opened @ (Ok(_) | Err(_)) => opened,
        };
        opened.map_err(|trouble| match trouble {
            StoreTrouble::Damaged { path, why } => {
                let why = match set_aside(&path, self.clock.now()) {
                    Ok(aside) => format!("{why}; it was set aside as {}", aside.display()),
                    Err(error) => format!("{why}; it could not be set aside: {error}"),
                };
                Unready::Record(StoreTrouble::Damaged { path, why })
            }
            other @ (StoreTrouble::Disk { .. } | StoreTrouble::Foreign { .. }) => Unready::Record(other),
        })
    }

    /// Opens the record, and makes ready to go on with it: on a thread that may wait for the disk, as this one has checks to
    /// answer.
    fn prepare(&self) -> Reading {
        let beginner = self.clone();
        tokio::task::spawn_blocking(move || {
            let opened = beginner.open()?;
            beginner.make_ready(opened).map_err(Unready::Otherwise)
        })
    }

    fn make_ready(&self, opened: Opened) -> Result<Prepared, String> {
        let Opened { store, mut state, base, undone, unheeded } = opened;
        if let Some(why) = unheeded {
            self.alarm(&format!("what was written down about events that were refused is not heeded: {why}"));
        }
        let policy = reload::read(&self.settings.policy);
        let now = self.clock.now();
        let first = first_events(&state, &policy, now, self.clock.boot(), self.bound)?;
        let mut batch = Vec::new();
        for event in &first {
            state.apply(now.wall, event);
            batch.push(fresh(now.wall, event)?);
        }
        say_mistakes(&policy);
        let file = file_in(&self.settings.state);
        let disk = statvfs(&self.settings.state).map_or(0, |about| about.blocks().saturating_mul(about.fragment_size()));
        let reserve = Reserve::beside(&file, disk);
        let syslog = Syslog::new(self.settings.syslog.clone());
        let started = Writer::start(store, file, reserve, syslog, &self.told, self.meter.clone(), self.vital.pulse("the record"));
        let (writer, _) = started.map_err(|error| format!("the writer cannot be started: {error}"))?;
        batch.extend(self.unrecorded.take(now)?);
        if let Some(undone) = undone {
            eprintln!("jitd: events that were refused when the disk failed were on it all the same, and were taken out: {}", undone.data);
            writer.publish(vec![undone]);
        }
        let (policy, trouble) = match policy {
            Ok((policy, _)) => (Some(policy), Vec::new()),
            Err(mistakes) => (None, mistakes),
        };
        let based = base.as_ref().map_or(0, |base| base.upto.seq);
        let begun = Begun { state, policy, trouble, record: self.settings.record, based, no_record: None, hanging: None };
        let then = base.map_or(Then::Nothing, Then::Prove);
        Ok(Prepared { beginning: Beginning { begun, writer, then }, first: batch, at: now })
    }

    /// Stores the first events. On a disk that is full or does not answer they wait to be stored: those who hold a grant must
    /// still come in.
    async fn go_on(&self, prepared: Prepared) -> Beginning {
        let Prepared { mut beginning, first, at } = prepared;
        let mut stored = beginning.writer.commit(first.clone(), Recording::A_FACT);
        if tokio::time::timeout(PATIENCE, &mut stored).await.is_err() {
            beginning.writer.say_unstored(&first);
            let late = u64::try_from(first.len()).unwrap_or(u64::MAX);
            beginning.begun.hanging = Some(Hanging { stored, late, since: at, said: false });
        }
        beginning
    }

    /// Compares the base of a beginning with the events, beside everything else. Nobody is let in if they are not whole any more;
    /// if it is only the base that does not fit them, they count, and are read.
    pub fn prove(&self, base: Base, engine: Handle) {
        let (beginner, runtime) = (self.clone(), tokio::runtime::Handle::current());
        let pulse = self.vital.pulse("the comparing of the record with what it was read from");
        std::thread::spawn(move || {
            let _pulse = pulse;
            let path = file_in(&beginner.settings.state);
            let mut said = false;
            loop {
                match compare(&path, &base) {
                    Ok(Fit::Same) => {
                        if let Some((writer, _)) = runtime.block_on(engine.writer()) {
                            writer.proved();
                        }
                        if said {
                            runtime.block_on(engine.record(back()));
                        }
                        return;
                    }
                    Ok(Fit::Other) => return beginner.give_up_base(&runtime, engine, &path),
                    Err(StoreTrouble::Damaged { path, why }) => return beginner.give_up_record(&runtime, engine, &path, &why),
                    // It may be the disk. What is believed until then is not proved.
                    Err(trouble @ (StoreTrouble::Disk { .. } | StoreTrouble::Foreign { .. })) => {
                        if !std::mem::replace(&mut said, true) {
                            let why =
                                format!("the record cannot be compared with what it was read from, and that is tried again: {trouble}");
                            eprintln!("jitd: {why}");
                            runtime.block_on(engine.record(failed(why)));
                        }
                        std::thread::sleep(COMPARE_AGAIN);
                    }
                }
            }
        });
    }

    /// The record is whole, and was read from a list that does not fit it: it is read anew, and nobody is let in until then.
    fn give_up_base(&self, runtime: &tokio::runtime::Handle, engine: Handle, path: &Path) {
        let why = "the list of the events that the state rests on does not fit the events; all of them are read anew".to_owned();
        self.alarm(&format!("nobody is let in: {why}"));
        let (begun, writer) = self.without(why.clone());
        runtime.block_on(engine.adopt(begun, writer));
        while forget_base(path).is_err() {
            std::thread::sleep(COMPARE_AGAIN);
        }
        let _here = runtime.enter();
        self.clone().take_up(engine, None, why);
    }

    /// The record is not what it was: nobody is let in any more.
    fn give_up_record(&self, runtime: &tokio::runtime::Handle, engine: Handle, path: &Path, why: &str) {
        let aside = set_aside(path, self.clock.now()).map_or_else(|error| error.to_string(), |aside| aside.display().to_string());
        let why = format!("{} is damaged: {why}; it was set aside as {aside}", path.display());
        self.alarm(&format!("nobody is let in: {why}"));
        let (begun, writer) = self.without(why.clone());
        runtime.block_on(engine.adopt(begun, writer));
        let _here = runtime.enter();
        self.clone().take_up(engine, None, why);
    }

    /// Takes up the record that is being read, or the next one that can be used. Without this a host stays shut whose disk is
    /// well again, so nothing of it is lost in silence.
    fn take_up(self, engine: Handle, reading: Option<Reading>, said: String) {
        let vital = self.vital.clone();
        drop(vital.spawn("who takes up a record that can be used", self.until_taken_up(engine, reading, said)));
    }

    async fn until_taken_up(self, engine: Handle, mut reading: Option<Reading>, mut said: String) {
        let path = file_in(&self.settings.state);
        let mut before = looks(&path);
        loop {
            let reading = match reading.take() {
                Some(reading) => reading,
                None => {
                    tokio::time::sleep(AGAIN).await;
                    let now = looks(&path);
                    let grows = std::mem::replace(&mut before, now) != now;
                    if grows || now.is_some_and(|(length, _)| length == 0) {
                        continue;
                    }
                    self.prepare()
                }
            };
            match outcome(reading.await) {
                Ok(prepared) => {
                    let Beginning { begun, writer, then } = self.go_on(prepared).await;
                    eprintln!("jitd: the record can be used");
                    engine.adopt(begun, writer).await;
                    return self.go_on_with(then, engine);
                }
                Err(unready) => {
                    let why = unready.to_string();
                    // Of the same file it was said when it was tried first.
                    let is_news = why != said && (said.is_empty() || !matches!(unready, Unready::SetAside(_)));
                    if is_news {
                        self.alarm(&format!("nobody is let in: {why}"));
                        let (begun, writer) = self.without(why.clone());
                        engine.adopt(begun, writer).await;
                        said = why;
                    }
                }
            }
        }
    }
}

fn outcome(read: Result<Result<Prepared, Unready>, JoinError>) -> Result<Prepared, Unready> {
    read.unwrap_or_else(|error| Err(Unready::Otherwise(format!("the record cannot be opened: {error}"))))
}

fn first_events(state: &State, policy: &engine::Read, now: Now, boot: jit_core::time::BootId, bound: Bound) -> Result<Vec<Event>, String> {
    let valid = if policy.is_ok() { "valid" } else { "not valid" };
    let start = Command::Start { version: env!("CARGO_PKG_VERSION").to_owned(), boot, policy: valid.to_owned(), bound };
    let mut context = Context { now, policy: None, entropy: &mut KernelEntropy };
    let (_, mut events) = handle(state, start, &mut context).map_err(|refusal| refusal.to_string())?;
    events.push(engine::policy_event(policy, &By::Word("start"), None, state).0);
    Ok(events)
}

fn say_mistakes(policy: &engine::Read) {
    match policy {
        Ok((_, warnings)) => warnings.iter().for_each(|warning| eprintln!("jitd: warning: {warning}")),
        Err(mistakes) => {
            mistakes.iter().for_each(|mistake| eprintln!("jitd: {mistake}"));
            eprintln!("jitd: there is no valid policy: nobody is let in until it is mended and reloaded (jit reload)");
        }
    }
}

#[cfg(test)]
mod tests;
