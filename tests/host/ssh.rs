//! sshd in the host, and clients of it.

use crate::daemon::Reaped;
use crate::terminal::Terminal;
use crate::wait::wait_until;
use crate::{Host, Output, PASSWORD};
use std::process::Stdio;

/// Starts sshd and waits until it listens.
pub(crate) fn start_server(host: &Host) -> Reaped {
    let mut command = host.world.enter();
    command.args(["/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/test_sshd_config"]);
    let said = std::fs::File::create(host.world.shared().join("sshd.err")).unwrap();
    let mut sshd = Reaped(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap());
    wait_until("sshd to listen", || {
        let said = std::fs::read_to_string(host.world.shared().join("sshd.err")).unwrap_or_default();
        assert!(sshd.0.try_wait().unwrap().is_none(), "sshd ended: {said}");
        said.contains("Server listening").then_some(())
    });
    sshd
}

/// How a client proves who it is.
enum Proof {
    Key,
    Password,
    KeyboardInteractive,
    Several(&'static str),
}

/// A client, for one user.
pub struct Ssh<'a> {
    host: &'a Host,
    user: &'a str,
    proof: Proof,
    options: String,
    password: &'static str,
}

impl<'a> Ssh<'a> {
    pub(crate) fn new(host: &'a Host, user: &'a str) -> Self {
        Self { host, user, proof: Proof::Key, options: String::new(), password: PASSWORD }
    }

    /// With the password, not the key.
    #[must_use]
    pub fn by_password(mut self) -> Self {
        self.proof = Proof::Password;
        self
    }

    /// With the password, by keyboard-interactive.
    #[must_use]
    pub fn by_keyboard_interactive(mut self) -> Self {
        self.proof = Proof::KeyboardInteractive;
        self
    }

    /// With the key and the password, by these methods, one after the other.
    #[must_use]
    pub fn by(mut self, methods: &'static str) -> Self {
        self.proof = Proof::Several(methods);
        self
    }

    /// With a password that is not theirs.
    #[must_use]
    pub fn wrong_password(mut self) -> Self {
        self.password = "wrong";
        self
    }

    /// With more options.
    #[must_use]
    pub fn options(mut self, options: &str) -> Self {
        self.options = options.to_owned();
        self
    }

    /// Options that every client of OpenSSH takes.
    fn common(&self) -> String {
        let asks_once = |methods: &str| format!("-o PreferredAuthentications={methods} -o NumberOfPasswordPrompts=1");
        let proof = match self.proof {
            Proof::Key => "-o PreferredAuthentications=publickey -o BatchMode=yes".to_owned(),
            Proof::Password => asks_once("password -o PubkeyAuthentication=no"),
            Proof::KeyboardInteractive => asks_once("keyboard-interactive -o PubkeyAuthentication=no"),
            Proof::Several(methods) => asks_once(methods),
        };
        format!(
            "-F none -i /etc/ssh/test_host_key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=INFO {proof} {}",
            self.options
        )
    }

    fn with_password(&self, line: &str) -> String {
        let file = format!("/tmp/askpass-{}", self.password);
        let askpass = format!("printf '#!/bin/sh\\necho {}\\n' > {file}; chmod 755 {file}", self.password);
        format!("{askpass}; SSH_ASKPASS={file} SSH_ASKPASS_REQUIRE=force {line}")
    }

    /// The command line that runs a command there.
    #[must_use]
    pub fn line(&self, command: &str) -> String {
        let quoted = command.replace('\'', "'\\''");
        format!("ssh {} -p 2222 {}@127.0.0.1 '{quoted}'", self.common(), self.user)
    }

    /// Runs a command there.
    #[allow(clippy::must_use_candidate, reason = "often run for what it does")]
    pub fn run(&self, command: &str) -> Output {
        self.host.root().run(&self.with_password(&self.line(command)))
    }

    /// Runs a client's own command line: `{}` stands for the options, `{user}` for the user.
    #[allow(clippy::must_use_candidate, reason = "often run for what it does")]
    pub fn client(&self, line: &str) -> Output {
        self.host.root().run(&self.with_password(&line.replace("{}", &self.common()).replace("{user}", self.user)))
    }

    /// A shell there, on a terminal.
    #[must_use]
    pub fn terminal(&self) -> Terminal {
        self.host.root().terminal(&format!("ssh -tt {} -p 2222 {}@127.0.0.1", self.common(), self.user))
    }
}
