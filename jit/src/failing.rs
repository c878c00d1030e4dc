//! Why a verb did not do what it was asked, and the exit code that says so.

use jit_proto::view::{Failure, FailureCode};
use std::process::ExitCode;

/// How jit ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done.
    Done,
    /// Refused, denied, lapsed, or found to be wrong.
    Refused,
    /// Not understood.
    Usage,
    /// jitd does not answer.
    Unreachable,
    /// The wait is over.
    TimedOut,
    /// No such id, or not the user's to see.
    NotFound,
    /// `jit run` did not come to run the command, whose own codes may be any other.
    NotRun,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Unreachable => 3,
            Exit::TimedOut => 4,
            Exit::NotFound => 5,
            Exit::NotRun => 125,
        })
    }
}

impl From<FailureCode> for Exit {
    fn from(code: FailureCode) -> Self {
        match code {
            FailureCode::Refused => Self::Refused,
            FailureCode::Usage => Self::Usage,
            FailureCode::Unreachable => Self::Unreachable,
            FailureCode::Timeout => Self::TimedOut,
            FailureCode::NotFound => Self::NotFound,
        }
    }
}

/// Why a verb stopped.
#[derive(Debug)]
pub enum Failing {
    /// It was not done, and why.
    Failed(Failure),
    /// Whoever read our output has gone: `jit list | head`.
    ReaderGone,
    /// The output could not be written: a full disk, perhaps.
    Unwritten(std::io::Error),
}

impl std::fmt::Display for Failing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Failed(failure) => f.write_str(&failure.message),
            Self::ReaderGone => f.write_str("whoever read has gone"),
            Self::Unwritten(error) => write!(f, "the output cannot be written: {error}"),
        }
    }
}

impl Failing {
    fn new(code: FailureCode, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Failed(Failure { code, message: message.into(), help: Some(help.into()), rule: None })
    }

    /// It was asked for in a way that cannot be understood.
    pub fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(FailureCode::Usage, message, help)
    }

    /// It is not possible.
    pub fn refused(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(FailureCode::Refused, message, help)
    }

    /// jitd does not answer.
    pub fn unreachable(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(FailureCode::Unreachable, message, help)
    }

    /// The wait is over.
    pub fn timeout(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(FailureCode::Timeout, message, help)
    }

    /// There is no such thing.
    pub fn not_found(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(FailureCode::NotFound, message, help)
    }
}

/// clap's own words as a failure: its first paragraph is what is wrong, the rest is how to do it.
pub fn from_usage(rendered: &str) -> Failing {
    let (what, rest) = rendered.split_once("\n\n").unwrap_or((rendered, ""));
    let what = what.strip_prefix("error: ").unwrap_or(what).split_whitespace().collect::<Vec<_>>().join(" ");
    let tip = rest.lines().map(str::trim).find_map(|line| line.strip_prefix("tip: "));
    Failing::usage(what, tip.unwrap_or("see jit --help, or jit VERB --help"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claps_words_become_one_line_and_its_tip() {
        let rendered = "error: unexpected argument '--fro' found\n\n  tip: a similar argument exists: '--for'\n\nUsage: jit request\n\nFor more information, try '--help'.\n";
        let Failing::Failed(failure) = from_usage(rendered) else { panic!("not a failure") };
        assert_eq!(failure.message, "unexpected argument '--fro' found");
        assert_eq!(failure.help.as_deref(), Some("a similar argument exists: '--for'"));
        assert_eq!(failure.code, FailureCode::Usage);
    }

    #[test]
    fn several_lines_are_joined() {
        let rendered = "error: the following required arguments were not provided:\n  --note <TEXT>\n\nUsage: jit deny\n";
        let Failing::Failed(failure) = from_usage(rendered) else { panic!("not a failure") };
        assert_eq!(failure.message, "the following required arguments were not provided: --note <TEXT>");
    }
}
