//! Requests, and what one may ask for.

use crate::time::Moment;
use serde::{Deserialize, Serialize};

/// One approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalView {
    /// Who.
    pub by: String,
    /// Who, as a number.
    pub uid: u32,
    /// When.
    pub at: Moment,
    /// With which words.
    pub note: Option<String>,
}

/// A stage of an approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageView {
    /// Who may: `group:leads`.
    pub by: Vec<String>,
    /// How many must.
    pub count: u32,
    /// Who has.
    pub approved: Vec<ApprovalView>,
}

/// Who ended or decided something, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecisionView {
    /// Who; null: time.
    pub by: Option<String>,
    /// When.
    pub at: Moment,
    /// With which words.
    pub note: Option<String>,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// `R-...`
    pub id: String,
    /// `pending`, `granted`, `denied`, `cancelled` or `lapsed`.
    pub state: String,
    /// Whose.
    pub user: String,
    /// Whose, as a number.
    pub uid: u32,
    /// For which service.
    pub service: String,
    /// As whom.
    #[serde(rename = "as")]
    pub run_as: String,
    /// Why.
    pub reason: String,
    /// Under which rule.
    pub rule: String,
    /// For how long, in seconds.
    pub for_s: u64,
    /// For how many sessions; null: any number.
    pub uses: Option<u32>,
    /// From when on; null: at once.
    pub start: Option<Moment>,
    /// From which address it was asked for; null: not known.
    pub from: Option<String>,
    /// When it was made.
    pub submitted: Moment,
    /// When it lapses, or would have.
    pub lapses: Moment,
    /// Its stages, with the approvals so far.
    pub stages: Vec<StageView>,
    /// Who may approve now: names where they are known, else `group:leads`.
    pub approvers: Vec<String>,
    /// How it was decided; null: it is pending.
    pub decided: Option<DecisionView>,
    /// The grant that it became.
    pub grant_id: Option<String>,
    /// The grant that it would extend.
    pub extends: Option<String>,
}

/// Something that one may ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MayView {
    /// Under which rule.
    pub rule: String,
    /// Which service.
    pub service: String,
    /// As whom.
    #[serde(rename = "as")]
    pub run_as: String,
    /// For how long if one does not say, in seconds.
    pub default_s: u64,
    /// For how long at most, in seconds.
    pub max_s: u64,
    /// Whether one must say why.
    pub reason_required: bool,
    /// Who approves; empty: nobody has to.
    pub approvers: Vec<String>,
}
