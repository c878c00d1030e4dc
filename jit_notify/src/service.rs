//! The service: a courier for each target, one who puts failures on record, and a main thread that waits for the end.

use crate::courier::Courier;
use crate::cursor::Cursor;
use crate::jitd::{Jitd, Lost};
use crate::reports::Reports;
use crate::settings::Settings;
use jit_core::text::printable;
use nix::fcntl::{Flock, FlockArg};
use sd_notify::NotifyState;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How far apart two failures are put on record: jitd takes thirty acts a minute.
const REPORT: Duration = Duration::from_secs(10);
/// How long a stop waits for what is being told just now.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// Says something on standard error.
pub fn say(words: &str) {
    eprintln!("jit-notify: {}", printable(words, 4000));
}

/// What the threads share.
pub struct Service {
    /// The way to jitd.
    pub jitd: Jitd,
    /// What this host is called.
    pub host: String,
    reports: Mutex<Reports>,
    course: Mutex<Course>,
    changed: Condvar,
    /// Why jitd told nothing, where it does not.
    lost: Mutex<Option<String>>,
}

/// Where the service is.
#[derive(Debug, Default)]
struct Course {
    stops: bool,
    busy: u32,
}

/// Somebody is being told; a stop waits for it.
#[must_use]
pub struct Busy<'a> {
    service: &'a Service,
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        let mut course = locked(&self.service.course);
        course.busy = course.busy.saturating_sub(1);
        self.service.changed.notify_all();
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Service {
    /// Begins to tell somebody; none: the service stops.
    pub fn begin(&self) -> Option<Busy<'_>> {
        let mut course = locked(&self.course);
        if course.stops {
            return None;
        }
        course.busy = course.busy.saturating_add(1);
        Some(Busy { service: self })
    }

    /// Waits. False: the service stops.
    pub fn rest(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(locked(&self.course), time, |course| !course.stops);
        !waited.unwrap_or_else(PoisonError::into_inner).0.stops
    }

    /// Says once that jitd tells nothing.
    pub fn lost(&self, lost: &Lost) {
        let why = lost.to_string();
        let mut before = locked(&self.lost);
        if before.as_ref() != Some(&why) {
            say(&why);
            *before = Some(why);
        }
    }

    /// It tells again.
    pub fn found(&self) {
        if locked(&self.lost).take().is_some() {
            say("jitd tells again");
        }
    }

    /// Remembers that a target will not be told an event.
    ///
    /// # Errors
    /// The disk.
    pub fn give_up(&self, target: &str, seq: u64, why: &str) -> io::Result<()> {
        locked(&self.reports).add(target, seq, why)
    }

    /// Puts failures on record, one at a time.
    fn report(&self) {
        while self.rest(REPORT) {
            let next = locked(&self.reports).next();
            let Some(next) = next else { continue };
            match self.jitd.say_failed(next.clone()) {
                Ok(()) => {
                    if let Err(error) = locked(&self.reports).said(&next) {
                        say(&format!("what is on record now cannot be forgotten: {error}"));
                    }
                }
                Err(lost) => say(&format!("that notices failed is not on record yet: {lost}")),
            }
        }
    }

    /// Stops, once nobody is being told anything.
    fn stop(&self) {
        let began = Instant::now();
        let mut course = locked(&self.course);
        course.stops = true;
        self.changed.notify_all();
        while course.busy > 0 && began.elapsed() < LAST_WORDS {
            course = self.changed.wait_timeout(course, Duration::from_secs(1)).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Why the service ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// It was told to.
    Told,
    /// What this thread did is done by nobody any more.
    Lost(String),
}

/// Kept by a thread for as long as it works: if it panics, the service ends. One that went on without it would tell a target
/// nothing any more, and look well.
struct Pulse {
    name: String,
    ends: Sender<End>,
}

impl Drop for Pulse {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // Nobody listens to it in a service that is ending already.
            let _ = self.ends.send(End::Lost(std::mem::take(&mut self.name)));
        }
    }
}

/// Runs until it is told to stop.
///
/// # Errors
/// Why it cannot run, in words for an administrator.
pub fn run(settings: Settings) -> Result<(), String> {
    let Settings { socket, state, targets } = settings;
    let _state_is_ours = hold(&state)?;
    let reports = Reports::read(state.join("undelivered"))?;
    let (ends, end) = channel();
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(|error| format!("signals cannot be waited for: {error}"))?;
    let service = Arc::new(Service {
        jitd: Jitd { socket },
        host: host(),
        reports: Mutex::new(reports),
        course: Mutex::default(),
        changed: Condvar::new(),
        lost: Mutex::default(),
    });
    for target in targets {
        let cursor = Cursor::read(&state, &target.name)?;
        let name = target.name.clone();
        let courier = Courier::new(service.clone(), target, cursor);
        spawn(&name, &ends, move || courier.run())?;
    }
    let reporter = service.clone();
    spawn("reports", &ends, move || reporter.report())?;
    let told = ends.clone();
    let wait = move || {
        if signals.forever().next().is_some() {
            let _ = told.send(End::Told);
        }
    };
    spawn("signals", &ends, wait)?;
    // Where there is no systemd there is nobody to tell.
    let _ = sd_notify::notify(&[NotifyState::Ready]);
    let why = end.recv();
    let _ = sd_notify::notify(&[NotifyState::Stopping]);
    service.stop();
    match why {
        Ok(End::Lost(name)) => Err(format!(
            "{name} has failed, by a mistake of jit-notify's own: it ends, to be started anew. Please report what is said above"
        )),
        Ok(End::Told) | Err(_) => Ok(()),
    }
}

/// Begins a thread that the service cannot be without.
fn spawn(name: &str, ends: &Sender<End>, work: impl FnOnce() + Send + 'static) -> Result<(), String> {
    let pulse = Pulse { name: name.to_owned(), ends: ends.clone() };
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let _pulse = pulse;
        work();
    });
    spawned.map(drop).map_err(|error| format!("a thread cannot be started: {error}"))
}

/// What this host is called.
pub fn host() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Takes the state for itself: two of us would tell everything twice.
fn hold(state: &Path) -> Result<Flock<File>, String> {
    match DirBuilder::new().mode(0o700).create(state) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(format!("{} cannot be made: {error}", state.display())),
        Ok(()) | Err(_) => {}
    }
    let lock = state.join("lock");
    let file = File::create(&lock).map_err(|error| format!("{}: {error}", lock.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|_| format!("another jit-notify uses {}", state.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_panics_ends_the_service_and_one_that_ends_does_not() {
        let (ends, end) = channel();
        spawn("ends", &ends, || {}).unwrap();
        spawn("hook", &ends, || panic!("of the test's own")).unwrap();
        assert_eq!(end.recv_timeout(Duration::from_secs(10)), Ok(End::Lost("hook".to_owned())));
        drop(ends);
        assert!(end.recv().is_err(), "nothing else");
    }
}
