//! Somebody who runs commands in the host.

use crate::daemon::Reaped;
use crate::screen::Screen;
use crate::terminal::Terminal;
use crate::wait::wait_for_exit;
use crate::{Host, Output};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::process::Command;
use std::time::Duration;

/// Somebody at their own prompt, without a terminal unless they ask for one.
pub struct Person<'a> {
    host: &'a Host,
    name: &'a str,
    input: String,
    variables: Vec<String>,
    patience: Duration,
}

impl<'a> Person<'a> {
    pub(crate) fn new(host: &'a Host, name: &'a str) -> Self {
        Self { host, name, input: String::new(), variables: Vec::new(), patience: Duration::from_secs(60) }
    }

    /// What the command reads from standard input.
    #[must_use]
    pub fn input(mut self, text: &str) -> Self {
        self.input = text.to_owned();
        self
    }

    /// How long a command may run, in seconds, instead of a minute.
    #[must_use]
    pub fn patience(mut self, seconds: u64) -> Self {
        self.patience = Duration::from_secs(seconds);
        self
    }

    /// One more variable of the environment, `NAME=VALUE`.
    #[must_use]
    pub fn variable(mut self, variable: &str) -> Self {
        self.variables.push(variable.to_owned());
        self
    }

    /// Runs a command line of the shell's, and waits for it.
    ///
    /// # Panics
    /// It cannot be run at all.
    #[allow(clippy::must_use_candidate, reason = "often run for what it does")]
    pub fn run(&self, line: &str) -> Output {
        let mut command = self.command(&["setsid", "-w"], line);
        // Nameless files rather than pipes: whatever the command leaves running, and keeps its output, delays nobody.
        let nameless = || File::from(memfd_create(c"said", MFdFlags::MFD_CLOEXEC).unwrap());
        // Each write goes to the end: Linux takes no lock on the place in such a file, and of two at once one would be lost.
        let growing = || {
            let file = nameless();
            fcntl(&file, FcntlArg::F_SETFL(OFlag::O_APPEND)).unwrap();
            file
        };
        let (mut input, stdout, stderr) = (nameless(), growing(), growing());
        input.write_all(self.input.as_bytes()).unwrap();
        input.rewind().unwrap();
        let mut child =
            Reaped(command.stdin(input).stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap()).spawn().unwrap());
        let what = format!("{}$ {line}", self.name);
        let status = wait_for_exit(&what, &mut child.0, self.patience);
        let said = |mut file: File| {
            let mut bytes = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut bytes).unwrap();
            bytes
        };
        output(&what, &std::process::Output { status, stdout: said(stdout), stderr: said(stderr) })
    }

    /// Runs a command line on a terminal of its own.
    ///
    /// # Panics
    /// It cannot be run at all.
    #[must_use]
    pub fn terminal(&self, line: &str) -> Terminal {
        // script(1) makes a terminal in the host's own devpts, and gives it to the command.
        let quoted = line.replace('\'', "'\\''");
        Terminal::start(&format!("{}$ {line}", self.name), self.command(&[], &format!("exec script -qefc '{quoted}' /dev/null")))
    }

    /// Runs a command line on a screen of this size, which can be looked at.
    #[must_use]
    pub fn screen(self, width: u16, height: u16, line: &str) -> Screen<'a> {
        Screen::start(self, width, height, line)
    }

    /// What runs a command line, for whoever talks with it meanwhile. It takes the place of the shell if it begins with `exec`.
    #[must_use]
    pub fn talk(&self, line: &str) -> Command {
        self.command(&[], line)
    }

    fn command(&self, before: &[&str], line: &str) -> Command {
        let mut command = self.host.world.enter();
        command.args(before);
        command.args(["setpriv", "--reuid", self.name, "--regid", self.name, "--init-groups", "env", "-i"]);
        let home = if self.name == "root" { "/root".to_owned() } else { format!("/home/{}", self.name) };
        command.args([format!("HOME={home}"), format!("USER={}", self.name), format!("LOGNAME={}", self.name)]);
        command.args(["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "SHELL=/bin/sh", "TERM=dumb", "TZ=UTC", "LANG=C.UTF-8"]);
        command.args(&self.variables);
        command.args(["sh", "-c", &format!("cd {home}; {line}")]);
        command
    }
}

/// What became of a process.
pub(crate) fn output(command: &str, output: &std::process::Output) -> Output {
    use std::os::unix::process::ExitStatusExt;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or(0));
    Output { command: command.to_owned(), code, stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
