//! A directory with stacks, and a socket beside them.

use crate::libpam::Transaction;
use std::path::PathBuf;

/// A directory with a stack for the service `door`, and a socket beside it.
pub struct Place {
    directory: tempfile::TempDir,
    module: PathBuf,
}

impl Place {
    /// With these arguments behind the module's name, in every line.
    pub fn new(arguments: &str) -> Self {
        let module = module();
        let directory = tempfile::Builder::new().prefix("jit-pam-").tempdir_in("/run").expect("these tests run as root");
        let place = Self { directory, module };
        let line = |kind: &str, more: &str| format!("{}{more}\n", place.line(kind, arguments));
        let stack =
            line("account", "") + &line("session", "") + &line("session", "enter") + &line("auth", "") + "auth required pam_permit.so\n";
        place.write("door", &stack);
        place
    }

    /// With another stack for `door`, made of the module's path and arguments.
    pub fn with_stack(stack: &dyn Fn(&str) -> String) -> Self {
        let place = Self::new("");
        place.write("door", &stack(&place.call("")));
        place
    }

    fn line(&self, kind: &str, arguments: &str) -> String {
        format!("{kind} required {}", self.call(arguments))
    }

    fn call(&self, arguments: &str) -> String {
        format!("{} socket={} {arguments} ", self.module.display(), self.socket().display())
    }

    fn write(&self, service: &str, stack: &str) {
        std::fs::write(self.directory.path().join(service), stack).unwrap();
    }

    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("pam.sock")
    }

    pub fn transaction(&self) -> Transaction {
        Transaction::start(self.directory.path(), "door", Some("root"))
    }

    /// Somebody else, or nobody, at the same door.
    pub fn transaction_for(&self, user: Option<&str>) -> Transaction {
        Transaction::start(self.directory.path(), "door", user)
    }

    /// Our account line alone, for another service.
    pub fn transaction_alone_of(&self, service: &str, user: &str) -> Transaction {
        self.write(service, &format!("{}\n", self.line("account", "")));
        Transaction::start(self.directory.path(), service, Some(user))
    }

    /// The same lines for another service, with a module behind them that lets everybody in.
    pub fn transaction_of(&self, service: &str, user: &str) -> Transaction {
        self.write(service, &format!("{}\naccount required pam_permit.so\n", self.line("account", "")));
        Transaction::start(self.directory.path(), service, Some(user))
    }
}

/// The module beside this test, of the same profile; or the one that was built for a memory checker.
pub fn module() -> PathBuf {
    if let Some(named) = std::env::var_os("JIT_TEST_MODULE") {
        return named.into();
    }
    let here = std::env::current_exe().unwrap();
    let module = here.parent().unwrap().parent().unwrap().join("libpam_jit.so");
    assert!(module.exists(), "build first: cargo build --workspace");
    module
}
