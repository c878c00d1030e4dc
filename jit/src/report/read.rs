//! The parts of events that the review needs. The rest is not looked at: a million of them pass by.

use jit_core::time::WallTime;
use serde::Deserialize;
use std::borrow::Cow;

/// A moment in data: RFC 3339.
pub fn moment(text: &str) -> Option<i64> {
    WallTime::parse(text).map(WallTime::as_millis)
}

/// `request.submitted`
#[derive(Deserialize)]
pub struct Submitted<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    pub service: Cow<'a, str>,
    #[serde(rename = "as")]
    pub run_as: Cow<'a, str>,
    pub reason: Cow<'a, str>,
}

/// What most events have: who, which, and who did it.
#[derive(Deserialize)]
pub struct Plain<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    pub user: Cow<'a, str>,
    pub service: Option<Cow<'a, str>>,
    #[serde(rename = "as")]
    pub run_as: Option<Cow<'a, str>>,
    pub by: Option<Cow<'a, str>>,
    pub note: Option<Cow<'a, str>>,
    pub rule: Option<Cow<'a, str>>,
    pub due: Option<Cow<'a, str>>,
    pub verdict: Option<Cow<'a, str>>,
}

/// `grant.issued`
#[derive(Deserialize)]
pub struct Issued<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    pub user: Cow<'a, str>,
    pub service: Cow<'a, str>,
    #[serde(rename = "as")]
    pub run_as: Cow<'a, str>,
    pub until: Cow<'a, str>,
    pub by: Vec<String>,
    pub reason: Cow<'a, str>,
    pub rule: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub waits_for_s: Option<u64>,
    pub starts: Option<Cow<'a, str>>,
}

/// `grant.extended`
#[derive(Deserialize)]
pub struct Extended<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    pub until: Cow<'a, str>,
}

/// `optout.taken`
#[derive(Deserialize)]
pub struct Taken<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    pub user: Cow<'a, str>,
    pub service: Cow<'a, str>,
    #[serde(rename = "as")]
    pub run_as: Cow<'a, str>,
    pub rule: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub reason: Cow<'a, str>,
    pub review_due: Option<Cow<'a, str>>,
}

/// `session.opened`
#[derive(Deserialize)]
pub struct Opened<'a> {
    #[serde(borrow)]
    pub grant: Cow<'a, str>,
    pub user: Cow<'a, str>,
}

/// `access.denied`
#[derive(Deserialize)]
pub struct AccessDenied<'a> {
    #[serde(borrow)]
    pub id: Cow<'a, str>,
    pub user: Cow<'a, str>,
    pub service: Cow<'a, str>,
    pub why: Cow<'a, str>,
    pub count: u32,
}

/// `access.breakglass`
#[derive(Deserialize)]
pub struct Breakglass<'a> {
    #[serde(borrow)]
    pub user: Cow<'a, str>,
    pub service: Cow<'a, str>,
    #[serde(rename = "as")]
    pub run_as: Option<Cow<'a, str>>,
    pub from: Option<Cow<'a, str>>,
    pub when: Cow<'a, str>,
}

/// `optout.limit-reached`
#[derive(Deserialize)]
pub struct LimitReached<'a> {
    #[serde(borrow)]
    pub user: Cow<'a, str>,
    pub rule: Cow<'a, str>,
}
