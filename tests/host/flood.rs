//! One account's floods of the user socket, and root's checks beside them, as `jit-hostile` makes and times both.

use crate::Host;

/// The ways to flood: `tests/hostile/flood.rs` says what each is.
pub const FLOODS: [&str; 6] = ["connections", "half-open", "drip", "frames", "asks", "deaf"];

/// Some of root's checks, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Checks {
    /// What one took in the middle, in microseconds.
    pub median: u64,
    /// What the longest took.
    pub worst: u64,
    /// How many were not let in.
    pub failed: u64,
}

/// A flood, and so many checks before it and beside it.
#[derive(Debug, Clone, Copy)]
pub struct Flood {
    /// Before it.
    pub quiet: Checks,
    /// Beside it.
    pub beside: Checks,
    /// How many connections it held when it had begun, where it is one of connections.
    pub held: usize,
}

impl Host {
    /// So many checks whether alice may sudo.
    ///
    /// # Panics
    /// `jit-hostile` cannot be run.
    #[must_use]
    pub fn checks(&self, times: usize) -> Checks {
        let said = self.root().run(&format!("jit-hostile /run/jit/pam.sock checks {times}")).succeeds().stdout;
        let numbers: Vec<u64> = said.split(|letter: char| !letter.is_ascii_digit()).filter_map(|word| word.parse().ok()).collect();
        let [median, worst, failed] = numbers.try_into().unwrap();
        Checks { median, worst, failed }
    }

    /// A flood in this way from bob's account, beside which alice, who has a grant, comes in by sudo, and root is answered.
    ///
    /// # Panics
    /// One of them is not.
    #[must_use]
    pub fn flood(&self, way: &str, times: usize) -> Flood {
        let quiet = self.checks(times);
        let mut bob = self.user("bob").terminal(&format!("jit-hostile /run/jit/user.sock flood {way}"));
        bob.expect("flooding");
        let beside = self.checks(times);
        self.user("alice").run("sudo -n id -un").succeeds().says("root");
        self.root().run("jit list").succeeds();
        bob.type_line("");
        let said = bob.finish().succeeds().stdout;
        let held = said.split("flooding with ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        Flood { quiet, beside, held: held.unwrap_or_else(|| panic!("{said}")) }
    }

    /// The most memory that jitd ever had, in kB.
    ///
    /// # Panics
    /// It is not running.
    #[must_use]
    pub fn peak(&self) -> usize {
        let status = self.root().run(&format!("grep VmHWM /proc/{}/status", self.jitd().pid())).succeeds().stdout;
        status.split_whitespace().nth(1).unwrap().parse().unwrap()
    }
}
