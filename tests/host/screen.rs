//! A program on a screen that is looked at: tmux.

use crate::Person;
use crate::wait::wait_until;
use std::sync::atomic::{AtomicU32, Ordering};

/// A program on a screen of its own.
pub struct Screen<'a> {
    person: Person<'a>,
    tmux: String,
}

impl<'a> Screen<'a> {
    /// Runs a command line on a screen of this size; what it leaves on it stays there.
    pub(crate) fn start(person: Person<'a>, width: u16, height: u16, line: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let tmux = format!("tmux -u -f /dev/null -L screen-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let quoted = format!("{line}; echo ended with $?; sleep 600").replace('\'', "'\\''");
        let screen = Self { person, tmux };
        // An Esc by itself is one at once, and not the beginning of a longer key.
        screen.tell(&format!("new-session -d -x {width} -y {height} '{quoted}' \\; set -s escape-time 0 \\; set status off"));
        screen
    }

    fn tell(&self, command: &str) -> String {
        self.person.run(&format!("{} {command}", self.tmux)).succeeds().stdout
    }

    /// What it shows now.
    #[must_use]
    pub fn now(&self) -> String {
        self.tell("capture-pane -p")
    }

    /// Waits until it does not show this any more.
    ///
    /// # Panics
    /// It still does.
    pub fn shows_no(&self, text: &str) {
        wait_until(&format!("\"{text}\" to be gone"), || (!self.now().contains(text)).then_some(()));
    }

    /// The file of its terminal.
    #[must_use]
    pub fn terminal(&self) -> String {
        self.tell("display-message -p '#{pane_tty}'").trim().to_owned()
    }

    /// The numbers of all attributes that what it shows now is drawn with, as terminals number them: 1 bold, 30 to 37 colours.
    #[must_use]
    pub fn attributes(&self) -> Vec<u32> {
        let shown = self.tell("capture-pane -e -p");
        let codes = shown.split("\u{1b}[").skip(1).filter_map(|code| code.split_once('m'));
        codes.flat_map(|(code, _)| code.split(';').filter_map(|number| number.parse().ok()).collect::<Vec<_>>()).collect()
    }

    /// Waits until it shows this, and answers all that it shows.
    ///
    /// # Panics
    /// It does not.
    #[allow(clippy::must_use_candidate, reason = "the check is what it is called for")]
    pub fn shows(&self, text: &str) -> String {
        let mut last = String::new();
        let began = std::time::Instant::now();
        wait_until("a screen", || {
            last = self.now();
            let found = last.contains(text).then(|| last.clone());
            assert!(
                found.is_some() || began.elapsed() < std::time::Duration::from_secs(14),
                "\"{text}\" does not come on the screen:\n{last}"
            );
            found
        })
    }

    /// Presses keys, as tmux names them: `a`, `Enter`, `Escape`, `C-c`.
    pub fn press(&self, keys: &[&str]) {
        self.tell(&format!("send-keys {}", keys.join(" ")));
    }

    /// Types a text.
    pub fn type_text(&self, text: &str) {
        self.tell(&format!("send-keys -l '{}'", text.replace('\'', "'\\''")));
    }

    /// Gives it another size.
    pub fn resize(&self, width: u16, height: u16) {
        self.tell(&format!("resize-window -x {width} -y {height}"));
    }
}
