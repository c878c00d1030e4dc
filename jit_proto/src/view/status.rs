//! What somebody holds, and the one thing that `jit show` shows.

use super::{DenialView, GrantView, MayView, RequestView, SessionView};
use serde::{Deserialize, Serialize};

/// What somebody holds, waits for, may ask for and must approve.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusView {
    /// Who.
    pub user: String,
    /// Who, as a number.
    pub uid: u32,
    /// Their live grants.
    pub grants: Vec<GrantView>,
    /// Their requests that wait.
    pub requests: Vec<RequestView>,
    /// What they may ask for.
    pub may_request: Vec<MayView>,
    /// What they may take in an emergency.
    pub may_emergency: Vec<MayView>,
    /// Requests that wait for them.
    pub to_approve: Vec<String>,
    /// Reviews that wait for them.
    pub to_review: Vec<String>,
    /// What is wrong with the daemon, in words: no valid policy, a store that fails.
    pub notices: Vec<String>,
}

/// One thing that `jit show` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shown {
    /// A request.
    Request(RequestView),
    /// A grant.
    Grant(GrantView),
    /// A session.
    Session(SessionView),
    /// A denial.
    Denial(DenialView),
}
