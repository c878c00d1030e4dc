//! A command on a terminal, driven by the test's own code.

use crate::Output;
use crate::daemon::Reaped;
use crate::wait::{wait_until, wait_until_or};
use std::io::{ErrorKind, Read, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// A command on a terminal.
pub struct Terminal {
    command: String,
    child: Reaped,
    screen: Arc<Mutex<Vec<u8>>>,
    seen: usize,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    pub(crate) fn start(name: &str, mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let (into, mut from) = (screen.clone(), child.stdout.take().unwrap());
        let reader = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                into.lock().unwrap().extend(&buffer[..length]);
            }
        });
        Self { command: name.to_owned(), child: Reaped(child), screen, seen: 0, reader: Some(reader) }
    }

    /// Everything that it has shown.
    ///
    /// # Panics
    /// The reader has panicked.
    #[must_use]
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Waits until it shows this, after what was waited for before.
    ///
    /// # Panics
    /// It does not.
    pub fn expect(&mut self, text: &str) {
        let what = format!("\"{text}\" on the terminal of {}", self.command);
        let (screen, seen) = (&self.screen, self.seen);
        let found = wait_until_or(&|| format!("{what}; it shows {}", String::from_utf8_lossy(&screen.lock().unwrap())), || {
            let shown = screen.lock().unwrap();
            let rest = String::from_utf8_lossy(&shown[seen..]).into_owned();
            rest.find(text).map(|place| place + text.len())
        });
        self.seen += found;
    }

    /// Answers a prompt: only once it is shown, since sudo, su and ssh throw away what was typed before (`TCSAFLUSH`).
    ///
    /// # Panics
    /// It does not come, or the terminal is gone.
    pub fn answer(&mut self, prompt: &str, line: &str) {
        self.expect(prompt);
        self.type_line(line);
    }

    /// Types a line and presses Enter, whether or not somebody reads it yet.
    ///
    /// # Panics
    /// The terminal is gone.
    pub fn type_line(&mut self, line: &str) {
        let input = self.child.0.stdin.as_mut().unwrap();
        input.write_all(format!("{line}\r").as_bytes()).unwrap();
        input.flush().unwrap();
    }

    /// Presses Ctrl-C. Whoever was there may have ended in that moment.
    ///
    /// # Panics
    /// The terminal cannot be written to.
    pub fn press_ctrl_c(&mut self) {
        let input = self.child.0.stdin.as_mut().unwrap();
        match input.write_all(&[3]).and_then(|()| input.flush()) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
            pressed => pressed.unwrap(),
        }
    }

    /// Waits until the command ends.
    ///
    /// # Panics
    /// It cannot be waited for.
    #[must_use]
    pub fn finish(mut self) -> Output {
        let status = wait_until(&format!("{} to end; it shows {}", self.command, self.screen()), || self.child.0.try_wait().unwrap());
        self.reader.take().unwrap().join().unwrap();
        Output { command: self.command.clone(), code: status.code().unwrap_or(255), stdout: self.screen(), stderr: String::new() }
    }
}
