//! The policy, and its opt-outs.

use crate::time::Moment;
use serde::{Deserialize, Serialize};

/// An opt-out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OptoutView {
    /// The rule.
    pub rule: String,
    /// `emergency`, `repetitive` or `legacy`.
    pub kind: String,
    /// Who answers for it: a legacy rule's owner, an emergency's reviewers.
    pub owner: Option<String>,
    /// When it ends, where it does.
    pub until: Option<Moment>,
    /// In how many days.
    pub days_left: Option<i64>,
    /// How often it was used, as far as that is at hand.
    pub uses: u32,
    /// When last.
    pub last_used: Option<Moment>,
    /// It ends within a month, or has ended.
    pub stale: bool,
    /// How many of its reviews are still to come.
    pub reviews_due: u32,
    /// How many of those are overdue.
    pub overdue: u32,
}

/// A rule put to the test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// `grant`, `legacy`.
    pub kind: String,
    /// Its file.
    pub file: String,
    /// Its line.
    pub line: u32,
    /// Whether it is the one that decides.
    pub matched: bool,
    /// Why, or why not.
    pub because: String,
}

/// Something wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MistakeView {
    /// In which file.
    pub file: String,
    /// In which line, from 1.
    pub line: u32,
    /// In which column, from 1.
    pub column: u32,
    /// What.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Part of a policy file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    /// Which file.
    pub file: String,
    /// The next part of its text.
    pub text: String,
}
