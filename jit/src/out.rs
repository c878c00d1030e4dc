//! Where words go: results to standard output, failures and asides to standard error.
//!
//! Everything that people read passes here, and here nothing passes that could move a cursor or turn text
//! round, whoever wrote it.

use crate::failing::{Exit, Failing};
use crate::show::json;
use crate::show::times::Clock;
use jit_core::text;
use jit_proto::view::{EventView, Failure};
use serde::Serialize;
use std::io::{BufRead, ErrorKind, IsTerminal, Read, Write};

const BOLD: &str = "\x1b[1m";
const WARNING: &str = "\x1b[1;33m";
const PLAIN: &str = "\x1b[0m";
/// The longest line that is read from a terminal, in bytes.
const LONGEST_LINE: u64 = 16 * 1024;

/// In which form results are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One JSON object.
    Json,
    /// Words.
    Human,
}

/// The way out.
#[derive(Debug)]
pub struct Out {
    form: Form,
    clock: Clock,
    /// The width of the terminal; none: the output goes elsewhere.
    width: Option<u16>,
    terminal: bool,
    #[cfg(feature = "watch")]
    dumb: bool,
    colour: bool,
}

impl Out {
    /// The way out of this process.
    pub fn new(json: bool) -> Self {
        let stdout = std::io::stdout();
        let terminal = stdout.is_terminal();
        let width = if terminal { terminal_size::terminal_size_of(&stdout).map(|(width, _)| width.0) } else { None };
        let says_no = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        let form = if json { Form::Json } else { Form::Human };
        Self {
            form,
            clock: Clock::local(),
            width,
            terminal,
            #[cfg(feature = "watch")]
            dumb,
            colour: terminal && !says_no && !dumb,
        }
    }

    /// The form that is wanted.
    pub fn form(&self) -> Form {
        self.form
    }

    /// The clock and the zone of whoever reads.
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// The width that there is; none: any.
    pub fn width(&self) -> Option<u16> {
        self.width
    }

    /// Whether somebody is there to be asked.
    pub fn can_ask(&self) -> bool {
        self.form == Form::Human && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Whether there is a screen that can be drawn on, and somebody at its keys.
    #[cfg(feature = "watch")]
    pub fn can_draw(&self) -> bool {
        self.terminal && !self.dumb && std::io::stdin().is_terminal()
    }

    /// Whether colour is wanted.
    #[cfg(feature = "watch")]
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// Says something that may have several lines.
    pub fn say(&self, words: &str) -> Result<(), Failing> {
        write_out(lines(words).as_bytes())
    }

    /// A heading.
    pub fn heading(&self, words: &str) -> Result<(), Failing> {
        self.styled(BOLD, words)
    }

    /// Something that must not be overlooked.
    pub fn warn(&self, words: &str) -> Result<(), Failing> {
        self.styled(WARNING, words)
    }

    fn styled(&self, style: &str, words: &str) -> Result<(), Failing> {
        let words = text::printable(words, usize::MAX);
        let line = if self.colour { format!("{style}{words}{PLAIN}\n") } else { format!("{words}\n") };
        write_out(line.as_bytes())
    }

    /// One JSON object on a line. What a terminal could take for a command is escaped, which changes
    /// nothing for who reads JSON.
    pub fn json<T: Serialize>(&self, object: &T) -> Result<(), Failing> {
        let written = serde_json::to_string(object).map_err(|error| Failing::Unwritten(error.into()))?;
        write_out(format!("{}\n", json::harmless(&written)).as_bytes())
    }

    /// One event as a JSON object on a line: byte by byte what is hashed, unless a terminal reads it.
    pub fn json_event(&self, event: &EventView) -> Result<(), Failing> {
        let written = json::event(event);
        self.json_text(written)
    }

    /// Events as a JSON object: `{"events":[...]}`.
    pub fn json_events(&self, events: &[EventView]) -> Result<(), Failing> {
        let written = json::events(events);
        self.json_text(written)
    }

    fn json_text(&self, written: String) -> Result<(), Failing> {
        let written = if self.terminal { json::harmless(&written) } else { written };
        write_out(format!("{written}\n").as_bytes())
    }

    /// Writes what we made ourselves: a script, not words.
    pub fn raw(&self, bytes: &[u8]) -> Result<(), Failing> {
        write_out(bytes)
    }

    /// Says something beside the result.
    pub fn aside(&self, words: &str) {
        // Standard error may be closed; then nobody wants to know.
        let _ = std::io::stderr().lock().write_all(lines(words).as_bytes());
    }

    /// A line on the terminal that is written over as time passes; none where there is no terminal that can.
    pub fn live(&self) -> Option<Live> {
        let stderr = std::io::stderr();
        let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
        if dumb || !stderr.is_terminal() {
            return None;
        }
        Some(Live { width: terminal_size::terminal_size_of(&stderr).map_or(80, |(width, _)| width.0) })
    }

    /// Asks for a line. None: there will be no answer.
    pub fn ask(&self, prompt: &str) -> Result<Option<String>, Failing> {
        let mut stderr = std::io::stderr().lock();
        let _ = stderr.write_all(text::printable(prompt, usize::MAX).as_bytes());
        let _ = stderr.flush();
        let mut answer = String::new();
        let read = std::io::stdin().lock().take(LONGEST_LINE).read_line(&mut answer);
        match read {
            Ok(0) => {
                let _ = stderr.write_all(b"\n");
                Ok(None)
            }
            Ok(_) => Ok(Some(answer.trim().to_owned())),
            Err(error) => Err(Failing::usage(format!("the answer cannot be read: {error}"), "type it in UTF-8")),
        }
    }

    /// Says why a verb stopped.
    pub fn failed(&self, failing: Failing) -> Exit {
        match failing {
            Failing::Failed(failure) => {
                self.aside(&complaint(&failure));
                if self.form == Form::Json {
                    // The exit code says it even if nobody reads.
                    let _ = self.json(&json::Failed::of(&failure));
                }
                failure.code.into()
            }
            Failing::ReaderGone => Exit::Done,
            Failing::Unwritten(error) => {
                self.aside(&format!("jit: the output cannot be written: {error}"));
                Exit::Refused
            }
        }
    }
}

/// A line on standard error that is written over. It is gone when this is.
#[derive(Debug)]
pub struct Live {
    width: u16,
}

impl Live {
    /// Shows this instead.
    pub fn show(&self, words: &str) {
        let line: String = text::printable(words, usize::MAX).chars().take(usize::from(self.width.saturating_sub(1))).collect();
        self.write(&line);
    }

    /// Shows nothing.
    pub fn clear(&self) {
        self.write("");
    }

    fn write(&self, line: &str) {
        // A terminal that is gone is told nothing.
        let _ = std::io::stderr().lock().write_all(format!("\r\x1b[K{line}").as_bytes());
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.clear();
    }
}

/// What went wrong, and below it what to do.
fn complaint(failure: &Failure) -> String {
    let message = text::printable(&failure.message, 4000);
    match failure.help.as_deref().filter(|help| !help.is_empty()) {
        Some(help) => format!("jit: {message}\n     {}", text::printable(&capital(help), 4000)),
        None => format!("jit: {message}"),
    }
}

/// A help as a sentence of its own; one that begins with a command stays as it is.
fn capital(help: &str) -> String {
    let mut letters = help.chars();
    match letters.next() {
        Some(first) if !help.starts_with("jit") => first.to_uppercase().chain(letters).collect(),
        Some(_) | None => help.to_owned(),
    }
}

/// Lines that are safe to show, each ended.
fn lines(words: &str) -> String {
    words.lines().map(|line| text::printable(line, usize::MAX) + "\n").collect()
}

fn write_out(words: &[u8]) -> Result<(), Failing> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(words).and_then(|()| stdout.flush());
    written.map_err(|error| if error.kind() == ErrorKind::BrokenPipe { Failing::ReaderGone } else { Failing::Unwritten(error) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_proto::view::FailureCode;

    #[test]
    fn a_complaint_says_what_and_below_it_what_to_do() {
        let mut failure = Failure {
            code: FailureCode::Refused,
            message: "too long\x1b[2J".to_owned(),
            help: Some("ask for at most --for 4h".to_owned()),
            rule: None,
        };
        assert_eq!(complaint(&failure), "jit: too long\\u{1b}[2J\n     Ask for at most --for 4h");
        failure.help = Some("jit status says it".to_owned());
        assert!(complaint(&failure).ends_with("\n     jit status says it"));
        failure.help = None;
        assert_eq!(complaint(&failure), "jit: too long\\u{1b}[2J");
    }

    #[test]
    fn no_line_carries_anything_that_moves_a_cursor() {
        assert_eq!(lines("a\u{9b}2J\nb\u{202e}"), "a\\u{9b}2J\nb\\u{202e}\n");
    }
}
