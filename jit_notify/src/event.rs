//! An event as it is told.

use jit_core::time::WallTime;
use jit_proto::view::EventView;
use serde_json::{Map, Value, json};

/// An event of the record.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its number.
    pub seq: u64,
    /// When it happened.
    pub at: WallTime,
    /// Its name: `grant.issued`.
    pub name: String,
    /// Its data.
    pub data: Map<String, Value>,
    /// Its hash, in hex.
    pub hash: String,
    /// The line that `jit audit export` writes for it.
    pub line: String,
}

impl Event {
    /// The event that jitd told. None: it is not written as jitd writes events.
    pub fn read(view: &EventView) -> Option<Self> {
        let EventView { seq, at, event, data, prev, hash } = view;
        let parsed = serde_json::from_str::<Map<String, Value>>(data).ok().filter(|_| !data.contains(['\n', '\r']))?;
        let line =
            format!("{{\"seq\":{seq},\"at\":\"{at}\",\"event\":\"{event}\",\"data\":{data},\"prev\":\"{prev}\",\"hash\":\"{hash}\"}}");
        Some(Self { seq: *seq, at: WallTime::parse(at)?, name: event.clone(), data: parsed, hash: hash.clone(), line })
    }

    /// What a target is tried with: an event that never happened, and says so.
    pub fn sample(at: WallTime) -> Option<Self> {
        let data = json!({
            "id": "R-00000000", "user": "sample", "uid": 65534, "service": "sudo", "as": "root", "for_s": 1800, "rule": "sample",
            "reason": "this is a test of jit-notify; nobody asked for anything",
            "stages": [{ "by": ["group:sample"], "count": 1 }],
        });
        Self::read(&EventView {
            seq: 0,
            at: at.with_millis(),
            event: "request.submitted".to_owned(),
            data: data.to_string(),
            prev: "0".repeat(64),
            hash: "0".repeat(64),
        })
    }

    /// A text of its data.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.data.get(key).and_then(Value::as_str)
    }

    /// What tells its deliveries from those of all others: the same each time that it is delivered again.
    pub fn delivery(&self) -> String {
        format!("{}-{}", self.seq, self.hash.get(..16).unwrap_or(&self.hash))
    }
}
