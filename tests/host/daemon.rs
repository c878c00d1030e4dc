//! jitd in the host.

use crate::Host;
use crate::build::FakeClock;
use crate::clock;
use crate::wait::wait_until;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::os::unix::net::UnixStream;
use std::process::{Child, Stdio};

/// The process, while there is one.
#[derive(Default)]
pub(crate) struct Process {
    child: Option<Reaped>,
}

impl Process {
    /// Ends the daemon, stopped or not, and waits for it.
    pub(crate) fn end(&mut self) {
        let Some(child) = self.child.take() else { return };
        let number = child.0.id();
        let brought_in = std::fs::read_to_string(format!("/proc/{number}/task/{number}/children")).unwrap_or_default();
        for daemon in brought_in.split_whitespace() {
            let _ = kill(Pid::from_raw(daemon.parse().unwrap()), Signal::SIGKILL);
        }
        reap(child);
    }
}

/// Waits for the end of a daemon that is ending. nsenter, which brought it in and has to reap it, stops when it stops,
/// and may do so a moment later: it is woken until it is done.
fn reap(mut child: Reaped) {
    let nsenter = Pid::from_raw(i32::try_from(child.0.id()).unwrap());
    wait_until("jitd to be gone", || {
        let _ = kill(nsenter, Signal::SIGCONT);
        child.0.try_wait().unwrap()
    });
}

/// A child that is killed, if need be, and waited for: no zombies.
pub(crate) struct Reaped(pub(crate) Child);

impl Drop for Reaped {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The daemon.
pub struct Jitd<'a> {
    host: &'a Host,
}

impl<'a> Jitd<'a> {
    pub(crate) fn new(host: &'a Host) -> Self {
        Self { host }
    }

    /// Starts it, and waits until it answers.
    ///
    /// # Panics
    /// It does not; then it is said what it had to say.
    pub fn start(&self) {
        assert!(self.try_start(), "jitd ended: {}", self.stderr());
    }

    /// Starts it, and waits until it answers. False: it ended instead.
    ///
    /// # Panics
    /// It does neither.
    #[must_use]
    pub fn try_start(&self) -> bool {
        let host = self.host;
        let shared = host.world.shared();
        let mut command = host.world.enter();
        command.arg("env").args(["-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "TZ=UTC"]);
        if let Some(clock) = host.plan.clock {
            let library = shared.join("clock.so");
            if !library.exists() {
                clock::compile(&library);
            }
            command.arg(format!("LD_PRELOAD={}", library.display()));
            command.arg(format!("JIT_CLOCK={}", shared.join("clock").display()));
            command.args((clock == FakeClock::Wall).then_some("JIT_CLOCK_WALL=1"));
        }
        if let Some(library) = &host.plan.preload {
            command.arg(format!("LD_PRELOAD={library}"));
        }
        let said = std::fs::OpenOptions::new().create(true).append(true).open(shared.join("jitd.err")).unwrap();
        command.arg(host.world.built("jitd")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said);
        let mut child = command.spawn().unwrap();
        let socket = host.world.path("/run/jit/user.sock");
        let answers = wait_until("jitd to answer", || match child.try_wait().unwrap() {
            Some(_) => Some(false),
            None => UnixStream::connect(&socket).ok().map(|_| true),
        });
        host.jitd.lock().unwrap().child = Some(Reaped(child));
        answers
    }

    /// Its number in the host.
    ///
    /// # Panics
    /// It does not run.
    #[must_use]
    pub fn pid(&self) -> String {
        self.host.root().run("pgrep -x jitd").succeeds().stdout.trim().to_owned()
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        self.host.root().run(&format!("kill -{name} {}", self.pid())).succeeds();
    }

    /// Ends it in good order.
    pub fn stop(&self) {
        self.signal("TERM");
        self.wait();
    }

    /// Kills it.
    pub fn kill(&self) {
        self.signal("KILL");
        self.wait();
    }

    /// Kills it, unless it is dead already.
    pub fn kill_if_any(&self) {
        self.host.root().run("pkill -KILL -x jitd");
        self.wait();
    }

    /// Ends it in good order and starts it again.
    pub fn restart(&self) {
        self.stop();
        self.start();
    }

    /// Waits for the end of one that is ending.
    pub fn wait(&self) {
        let child = self.host.jitd.lock().unwrap().child.take();
        if let Some(child) = child {
            reap(child);
        }
    }

    /// What it said on standard error.
    #[must_use]
    pub fn stderr(&self) -> String {
        std::fs::read_to_string(self.host.world.shared().join("jitd.err")).unwrap_or_default()
    }
}
