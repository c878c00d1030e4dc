//! Why something was not done.

use serde::{Deserialize, Serialize};

/// Which kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// The rules, or the daemon's state, forbid it.
    Refused,
    /// It was asked for in a way that cannot be understood.
    Usage,
    /// The daemon does not answer.
    Unreachable,
    /// The wait is over.
    Timeout,
    /// No such thing, or not the asker's to see.
    NotFound,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// Which kind.
    pub code: FailureCode,
    /// What.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
    /// The rule that refused.
    pub rule: Option<String>,
}
