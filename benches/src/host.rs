//! A test host for whole programs: real sudo and sshd in a private world, with a record on a disk.

use jit_tests::{Host, Plan};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A host, from what is planned besides: alice in ops may sudo without a password, carol in leads approves.
pub fn start(place: &Path, plan: impl FnOnce(Plan) -> Plan) -> Host {
    // The host's own `/var` is in memory; jitd, which is no root there, must reach this.
    std::fs::set_permissions(place, PermissionsExt::from_mode(0o755)).unwrap();
    let settings = format!("[paths]\nstate = \"{}\"\n", place.join("state").display());
    let people = |host: Plan| host.user("alice", &["ops"]).user("carol", &["leads"]).sudoers("alice ALL=(ALL:ALL) NOPASSWD: ALL\n");
    let host = Host::with(|host| plan(people(host).settings(&settings))).start();
    // Its files change before each run: in memory, so that no disk is busy with that.
    host.root().run("cp -a /etc/pam.d /run/pam.d && mount --bind /run/pam.d /etc/pam.d").succeeds();
    host
}

/// The stacks that one service has in turn.
pub struct Stacks<'a> {
    host: &'a Host,
    service: &'static str,
    stock: String,
    module: String,
}

impl<'a> Stacks<'a> {
    /// Of a host that has the stock stack.
    pub fn of(host: &'a Host, service: &'static str) -> Self {
        let (stock, module) = (host.read(&format!("/etc/pam.d/{service}")), host.built("libpam_jit.so").display().to_string());
        Self { host, service, stock, module }
    }

    /// As it comes.
    pub fn stock(&self) -> String {
        self.stock.clone()
    }

    /// With our account line.
    pub fn account(&self) -> String {
        format!("account required {}\n{}", self.module, self.stock)
    }

    /// With all our lines, where `jit enable` puts them.
    pub fn all(&self) -> String {
        let module = &self.module;
        format!("account required {module}\nsession required {module}\n{}session required {module} enter\n", self.stock)
    }

    /// With another's session line.
    pub fn session(&self, line: &str) -> String {
        format!("{}session required {line}\n", self.stock)
    }

    /// Puts one in place.
    pub fn put(&self, stack: &str) {
        let path = |name: &str| self.host.path(&format!("/run/pam.d/{name}"));
        std::fs::write(path(".next"), stack).unwrap();
        std::fs::rename(path(".next"), path(self.service)).unwrap();
    }
}
