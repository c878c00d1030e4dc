//! A test host: a private world on this machine, with its own users, `/etc/pam.d`, sudoers, `/dev/log`, real sudo,
//! real sshd on a loopback port, and jitd. It starts in a moment, several stand side by side, and nothing of it is
//! left on the real host.
//!
//! ```no_run
//! use jit_tests::Host;
//!
//! let host = Host::with(|host| host.user("alice", &["ops"]).user("carol", &["leads"])).start();
//! host.user("alice").run("sudo -n true").fails().says("jit: no grant for sudo");
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test host that cannot be made says so by panicking"
)]

mod boot;
mod build;
pub mod cgroup;
mod clock;
mod console;
mod daemon;
mod etc;
mod flood;
mod output;
mod person;
mod screen;
mod ssh;
mod syslog;
mod terminal;
mod wait;
mod world;

pub use build::{POLICY, Plan};
pub use clock::Clock;
pub use console::Console;
pub use daemon::Jitd;
pub use flood::{Checks, FLOODS, Flood};
pub use output::Output;
pub use person::Person;
pub use screen::Screen;
pub use ssh::Ssh;
pub use terminal::Terminal;
pub use wait::wait_until;

use std::path::PathBuf;
use syslog::Syslog;
use world::World;

/// A password that every user has.
pub const PASSWORD: &str = "pw";

/// Whether this is a `--full` run, which takes its time: `JIT_TEST_FULL=1`.
#[must_use]
pub fn is_full_run() -> bool {
    std::env::var_os("JIT_TEST_FULL").is_some_and(|value| value == "1")
}

/// A running test host.
pub struct Host {
    // First, so that it ends first: nsenter reaps what it brought in, and only then are the nsenters done. The other
    // way round jitd and sshd fall to the machine's own init, and the world's end waits for that.
    world: World,
    jitd: std::sync::Mutex<daemon::Process>,
    sshd: Option<daemon::Reaped>,
    syslog: Syslog,
    plan: Plan,
}

impl Drop for Host {
    fn drop(&mut self) {
        let said = self.jitd().stderr();
        self.jitd.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner).end();
        self.world.end();
        cgroup::remove_folders(&said);
    }
}

impl Host {
    /// Plans a host.
    pub fn with(plan: impl FnOnce(Plan) -> Plan) -> Plan {
        plan(Plan::default())
    }

    /// Somebody at their own prompt.
    #[must_use]
    pub fn user<'a>(&'a self, name: &'a str) -> Person<'a> {
        Person::new(self, name)
    }

    /// Root at the console.
    #[must_use]
    pub fn root(&self) -> Person<'_> {
        Person::new(self, "root")
    }

    /// Somebody's ssh client, elsewhere: it comes from 127.0.0.1, with their key.
    #[must_use]
    pub fn ssh<'a>(&'a self, name: &'a str) -> Ssh<'a> {
        Ssh::new(self, name)
    }

    /// The daemon.
    #[must_use]
    pub fn jitd(&self) -> Jitd<'_> {
        Jitd::new(self)
    }

    /// The clock that the daemon sees; the plan must have asked for one.
    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock::new(self.plan.place_of(&self.world, "clock"))
    }

    /// All lines that came to `/dev/log` so far.
    #[must_use]
    pub fn syslog(&self) -> Vec<String> {
        self.syslog.lines()
    }

    /// Waits for a line in syslog that holds this text, and returns it.
    #[must_use]
    pub fn wait_for_log(&self, text: &str) -> String {
        self.syslog.wait_for(text)
    }

    /// Writes a file of this host, root's, mode 0644.
    pub fn write(&self, path: &str, text: &str) {
        self.root().input(text).run(&format!("cat > {path} && chmod 0644 {path}")).succeeds();
    }

    /// Reads a file of this host.
    #[must_use]
    pub fn read(&self, path: &str) -> String {
        self.root().run(&format!("cat {path}")).succeeds().stdout
    }

    /// Asks for a grant and approves it: what most tests begin with. Returns the request's id.
    pub fn grant(&self, user: &str, request: &str, approver: &str) -> String {
        let made = self.user(user).run(&format!("jit request {request} --reason INC-42 --json")).succeeds().json();
        let id = made["id"].as_str().unwrap().to_owned();
        self.user(approver).run(&format!("jit approve {id}")).succeeds();
        id
    }

    /// Root's log-in at the console: by password, asked by the real login, at a terminal.
    ///
    /// # Panics
    /// Root is not let in.
    #[must_use]
    pub fn console(&self) -> Console {
        Console::log_in(self)
    }

    /// Somebody pulls the plug, and it is booted again: what was written to disk is there, and nothing else. For a host with
    /// systemd.
    pub fn power_cut(&mut self) {
        self.sshd = None;
        self.world.power_cut(&build::built_directory(), self.plan.bare);
        self.sshd = Some(ssh::start_server(self));
    }

    /// A server of the test's own, on this host's loopback.
    ///
    /// # Panics
    /// The port is taken.
    #[must_use]
    pub fn listen(&self, port: u16) -> std::net::TcpListener {
        let network = std::fs::File::open(self.world.network()).unwrap();
        // A thread can change its network alone, and what it opens there stays there.
        let bind = move || {
            nix::sched::setns(network, nix::sched::CloneFlags::CLONE_NEWNET).unwrap();
            std::net::TcpListener::bind(("127.0.0.1", port)).unwrap()
        };
        std::thread::spawn(bind).join().unwrap()
    }

    /// A program or library that was built, where this host has it.
    #[must_use]
    pub fn built(&self, name: &str) -> PathBuf {
        self.world.built(name)
    }

    /// Where a path of this host is for this process.
    #[must_use]
    pub fn path(&self, path: &str) -> PathBuf {
        self.world.path(path)
    }
}
