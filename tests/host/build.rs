//! The plan of a host.

use crate::daemon;
use crate::syslog::Syslog;
use crate::world::World;
use crate::{Host, boot, etc};
use std::path::PathBuf;

/// A policy for most tests: ops ask, leads approve, and get in by ssh themselves.
pub const POLICY: &str = r#"version = 1
auditors = ["user:erin"]

[[person]]
accounts = ["alice", "alice-adm"]

[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo", "su"]
as = ["root", "carol"]
for = { default = "30m", max = "4h" }
approve = [ { by = ["group:leads"] } ]

[[grant]]
name = "ops-ssh"
who = ["group:ops"]
on = ["sshd"]
approve = [ { by = ["group:leads"] } ]

[[grant]]
name = "leads-ssh"
who = ["group:leads"]
on = ["sshd"]
approve = []
starts = "login"
for = { default = "1h" }
"#;

/// The units of the packages.
const UNITS: [(&str, &str); 5] = [
    ("jitd.service", include_str!("../../packaging/jitd.service")),
    ("jitd.socket", include_str!("../../packaging/jitd.socket")),
    ("jitd-user.socket", include_str!("../../packaging/jitd-user.socket")),
    ("jit-rollback.path", include_str!("../../packaging/jit-rollback.path")),
    ("jit-rollback.service", include_str!("../../packaging/jit-rollback.service")),
];

/// Somebody with an account.
#[derive(Debug, Clone)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub groups: Vec<String>,
}

/// What a host is to be.
pub struct Plan {
    pub(crate) accounts: Vec<Account>,
    pub(crate) sudoers: String,
    pub(crate) policy: Option<String>,
    pub(crate) settings: String,
    pub(crate) arguments: String,
    pub(crate) control: String,
    pub(crate) services: Vec<String>,
    pub(crate) sshd: String,
    pub(crate) files: Vec<(String, u32, String)>,
    pub(crate) clock: Option<FakeClock>,
    pub(crate) preload: Option<String>,
    pub(crate) daemon: bool,
    pub(crate) sudo_rs: bool,
    pub(crate) systemd: bool,
    pub(crate) bare: bool,
}

/// Which clocks a test moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FakeClock {
    /// All: time passes.
    All,
    /// The wall clock alone: somebody sets it.
    Wall,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            accounts: Vec::new(),
            sudoers: "Defaults !lecture\n".to_owned(),
            policy: Some(POLICY.to_owned()),
            settings: String::new(),
            arguments: String::new(),
            control: "required".to_owned(),
            services: ["sudo", "sudo-i", "su", "su-l", "sshd"].map(str::to_owned).to_vec(),
            sshd: String::new(),
            files: Vec::new(),
            clock: None,
            preload: None,
            daemon: true,
            sudo_rs: false,
            systemd: false,
            bare: false,
        }
    }
}

impl Plan {
    /// One more account, in these groups.
    #[must_use]
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        let uid = 1001 + u32::try_from(self.accounts.len()).unwrap();
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        self.accounts.push(Account { name: name.to_owned(), uid, groups });
        self
    }

    /// alice and bob in ops, carol and dave in leads, erin an auditor, alice-adm another account of alice's in leads;
    /// alice and bob may sudo without a password, frank with one.
    #[must_use]
    pub fn people(self) -> Self {
        let people = self.user("alice", &["ops"]).user("bob", &["ops"]).user("carol", &["leads"]).user("dave", &["leads"]);
        let people = people.user("erin", &[]).user("alice-adm", &["leads"]).user("frank", &["ops"]);
        people.sudoers("alice,bob,carol ALL=(ALL:ALL) NOPASSWD: ALL\nfrank ALL=(ALL:ALL) ALL\n")
    }

    /// More lines for sudoers.
    #[must_use]
    pub fn sudoers(mut self, lines: &str) -> Self {
        self.sudoers.push_str(lines);
        self
    }

    /// Another policy.
    #[must_use]
    pub fn policy(mut self, text: &str) -> Self {
        self.policy = Some(text.to_owned());
        self
    }

    /// No policy at all.
    #[must_use]
    pub fn without_policy(mut self) -> Self {
        self.policy = None;
        self
    }

    /// Settings of jitd.
    #[must_use]
    pub fn settings(mut self, text: &str) -> Self {
        self.settings = text.to_owned();
        self
    }

    /// Arguments behind the module's name, in every line.
    #[must_use]
    pub fn arguments(mut self, text: &str) -> Self {
        self.arguments = text.to_owned();
        self
    }

    /// Another control word than `required`.
    #[must_use]
    pub fn control(mut self, text: &str) -> Self {
        self.control = text.to_owned();
        self
    }

    /// Our lines in the stacks of these services alone.
    #[must_use]
    pub fn services(mut self, names: &[&str]) -> Self {
        self.services = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// More lines for sshd's configuration.
    #[must_use]
    pub fn sshd(mut self, lines: &str) -> Self {
        self.sshd = lines.to_owned();
        self
    }

    /// One more file below `/etc`.
    #[must_use]
    pub fn file(mut self, name: &str, mode: u32, text: &str) -> Self {
        self.files.push((name.to_owned(), mode, text.to_owned()));
        self
    }

    /// A clock for jitd that the test moves.
    #[must_use]
    pub fn movable_clock(mut self) -> Self {
        self.clock = Some(FakeClock::All);
        self
    }

    /// A wall clock for jitd that the test sets; the boot clock goes on.
    #[must_use]
    pub fn movable_wall_clock(mut self) -> Self {
        self.clock = Some(FakeClock::Wall);
        self
    }

    /// A library of the host that is loaded into jitd in front of all others.
    #[must_use]
    pub fn preload(mut self, library: &str) -> Self {
        self.preload = Some(library.to_owned());
        self
    }

    /// A host whose sudo and su are sudo-rs's, built from its crate.
    #[must_use]
    pub fn sudo_rs(mut self) -> Self {
        self.sudo_rs = true;
        self
    }

    /// A Debian of its own with systemd as its first process. Its journal takes the place of [`Host::syslog`].
    #[must_use]
    pub fn systemd(mut self) -> Self {
        self.systemd = true;
        self
    }

    /// The units of the packages, as if they were installed: jitd is then systemd's to start.
    #[must_use]
    pub fn units(mut self) -> Self {
        for (name, text) in UNITS {
            self = self.file(&format!("systemd/system/{name}"), 0o644, text);
        }
        self = self.file("tmpfiles.d/jit.conf", 0o644, include_str!("../../packaging/tmpfiles.conf"));
        self.without_daemon()
    }

    /// A host that has nothing of ours: no program, no account, no file below `/etc`, stock PAM files.
    #[must_use]
    pub fn bare(mut self) -> Self {
        self.bare = true;
        self.policy = None;
        self.without_daemon().services(&[])
    }

    /// A host whose jitd is not started yet.
    #[must_use]
    pub fn without_daemon(mut self) -> Self {
        self.daemon = false;
        self
    }

    pub(crate) fn groups(&self) -> Vec<String> {
        let mut groups: Vec<_> = self.accounts.iter().flat_map(|account| &account.groups).cloned().collect();
        groups.sort();
        groups.dedup();
        groups
    }

    pub(crate) fn place_of(&self, world: &World, name: &str) -> PathBuf {
        assert!(name != "clock" || self.clock.is_some(), "the plan has no clock that can be moved");
        world.shared().join(name)
    }

    /// Makes the host, and waits until its sshd and jitd answer.
    ///
    /// # Panics
    /// It cannot be made: only root can, and the programs must have been built.
    #[must_use]
    pub fn start(self) -> Host {
        let place = World::place();
        etc::write(&self, place.path(), &if self.systemd { boot::base() } else { PathBuf::from("/") });
        std::fs::write(place.path().join("clock"), crate::clock::BEGINS).unwrap();
        let syslog = Syslog::listen(&place.path().join("log"));
        let world = if self.systemd { boot::boot(place, &built_directory(), self.bare) } else { World::make(place, &built_directory()) };
        if self.sudo_rs {
            for name in ["sudo", "su"] {
                let program = world.path(&format!("/usr/local/bin/{name}"));
                std::fs::copy(sudo_rs_directory().join(name), &program).unwrap();
                std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o4755)).unwrap();
            }
        }
        let mut host = Host { world, syslog, plan: self, jitd: std::sync::Mutex::new(daemon::Process::default()), sshd: None };
        host.sshd = Some(crate::ssh::start_server(&host));
        if host.plan.daemon {
            host.jitd().start();
        }
        host
    }
}

/// Where sudo-rs was put.
///
/// # Panics
/// It was not built.
fn sudo_rs_directory() -> PathBuf {
    let directory = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/host-programs/bin"));
    assert!(directory.join("sudo").exists(), "sudo-rs is missing; tests/prepare.sh builds it");
    directory
}

/// What a host needs of what cargo built.
const BUILT: [&str; 5] = ["libpam_jit.so", "jitd", "jit", "jit-notify", "jit-hostile"];

/// Where cargo put what it built, of the same profile as this test.
///
/// # Panics
/// It was not built.
pub(crate) fn built_directory() -> PathBuf {
    let directory = std::env::var_os("JIT_TEST_BIN_DIR").map(PathBuf::from).unwrap_or_else(|| {
        let here = std::env::current_exe().unwrap();
        let parent = here.parent().unwrap();
        if parent.ends_with("deps") { parent.parent().unwrap().to_owned() } else { parent.to_owned() }
    });
    for name in BUILT {
        assert!(directory.join(name).exists(), "{name} is missing in {}; build first: cargo build --workspace", directory.display());
    }
    directory
}
