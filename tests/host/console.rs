//! Root at the console, when nothing else works any more.

use crate::{Host, PASSWORD, Terminal};

/// Root's shell there.
pub struct Console {
    terminal: Terminal,
    typed: u32,
}

impl Console {
    pub(crate) fn log_in(host: &Host) -> Self {
        let mut terminal = host.root().terminal("login");
        terminal.expect("login:");
        terminal.type_line("root");
        terminal.expect("assword:");
        terminal.type_line(PASSWORD);
        // What is typed before the shell asks is thrown away.
        terminal.expect("# ");
        let mut console = Self { terminal, typed: 0 };
        let _ = console.types("id -u").succeeds("0");
        console
    }

    /// Types a command line, and waits until it is done.
    ///
    /// # Panics
    /// It does not end.
    pub fn types(&mut self, line: &str) -> Typed {
        self.typed += 1;
        // The echo of what is typed does not hold what is waited for.
        let before = self.terminal.screen().len();
        self.terminal.type_line(&format!("{line}; echo \"done-{}:$?\"", self.typed));
        self.terminal.expect(&format!("done-{}:", self.typed));
        let digits =
            |screen: &str| screen.rsplit_once(&format!("done-{}:", self.typed)).and_then(|(_, code)| code.split_once('\r')?.0.parse().ok());
        let code = crate::wait_until("the exit code", || digits(&self.terminal.screen()));
        Typed { line: line.to_owned(), screen: self.terminal.screen()[before..].to_owned(), code }
    }
}

/// What was typed, and what came of it.
#[derive(Debug)]
pub struct Typed {
    line: String,
    screen: String,
    code: i32,
}

impl Typed {
    /// It exits with 0, and says this.
    ///
    /// # Panics
    /// It does not.
    #[allow(clippy::must_use_candidate, reason = "the check is what it is called for")]
    pub fn succeeds(self, says: &str) -> Self {
        assert!(self.code == 0 && self.screen.contains(says), "# {}\n{}\n[exit {}]", self.line, self.screen, self.code);
        self
    }

    /// It exits with something else, and says this.
    ///
    /// # Panics
    /// It does not.
    #[allow(clippy::must_use_candidate, reason = "the check is what it is called for")]
    pub fn fails(self, says: &str) -> Self {
        assert!(self.code != 0 && self.screen.contains(says), "# {}\n{}\n[exit {}]", self.line, self.screen, self.code);
        self
    }
}
