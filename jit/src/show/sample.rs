//! Things to show, for tests.

use jit_core::record::{Head, Record};
use jit_core::time::WallTime;
use jit_proto::time::Moment;
use jit_proto::view::{
    ApprovalView, DecisionView, DenialView, EventView, GrantView, MayView, RequestView, SessionView, StageView, StatusView, UsesView,
};

/// The time at which the samples are looked at.
pub const NOW: &str = "2026-11-23T14:34:00Z";

pub fn moment(text: &str) -> Moment {
    Moment(WallTime::parse(text).map_or(0, WallTime::as_millis))
}

pub fn pending() -> RequestView {
    RequestView {
        id: "R-7F3KQ2ZD".to_owned(),
        state: "pending".to_owned(),
        user: "alice".to_owned(),
        uid: 1001,
        service: "sudo".to_owned(),
        run_as: "root".to_owned(),
        reason: "INC-42 disk full".to_owned(),
        rule: "ops-root".to_owned(),
        for_s: 1800,
        uses: None,
        start: None,
        from: None,
        submitted: moment("2026-11-23T14:04:00Z"),
        lapses: moment("2026-11-23T15:04:00Z"),
        stages: vec![StageView { by: vec!["group:leads".to_owned()], count: 1, approved: Vec::new() }],
        approvers: vec!["carol".to_owned(), "dave".to_owned()],
        decided: None,
        grant_id: None,
        extends: None,
    }
}

fn decided(state: &str, by: Option<&str>, note: Option<&str>) -> RequestView {
    let decided = DecisionView { by: by.map(str::to_owned), at: moment("2026-11-23T14:30:00Z"), note: note.map(str::to_owned) };
    RequestView { state: state.to_owned(), approvers: Vec::new(), decided: Some(decided), ..pending() }
}

pub fn granted() -> RequestView {
    let mut request = decided("granted", Some("carol"), Some("be quick"));
    request.grant_id = Some("G-0123ABCD".to_owned());
    if let Some(stage) = request.stages.first_mut() {
        let at = moment("2026-11-23T14:30:00Z");
        stage.approved.push(ApprovalView { by: "carol".to_owned(), uid: 1003, at, note: Some("be quick".to_owned()) });
    }
    request
}

pub fn denied() -> RequestView {
    decided("denied", Some("carol"), Some("not during the freeze"))
}

pub fn lapsed() -> RequestView {
    decided("lapsed", None, None)
}

pub fn cancelled() -> RequestView {
    decided("cancelled", Some("alice"), None)
}

pub fn grant() -> GrantView {
    GrantView {
        id: "G-0123ABCD".to_owned(),
        state: "active".to_owned(),
        user: "alice".to_owned(),
        uid: 1001,
        service: "sudo".to_owned(),
        run_as: "root".to_owned(),
        rule: "ops-root".to_owned(),
        kind: "approved".to_owned(),
        request_id: Some("R-7F3KQ2ZD".to_owned()),
        by: vec!["carol".to_owned()],
        reason: "INC-42 disk full".to_owned(),
        issued: moment("2026-11-23T14:30:00Z"),
        starts: Some(moment("2026-11-23T14:30:00Z")),
        until: moment("2026-11-23T15:00:00Z"),
        left_s: 1560,
        uses: UsesView { max: None, taken: 1 },
        sessions: vec!["S-0000000A".to_owned()],
        review: None,
        ended: None,
    }
}

pub fn session() -> SessionView {
    SessionView {
        id: "S-0000000A".to_owned(),
        state: "open".to_owned(),
        grant_id: "G-0123ABCD".to_owned(),
        user: "alice".to_owned(),
        uid: 1001,
        service: "sudo".to_owned(),
        run_as: "root".to_owned(),
        from: None,
        tty: Some("pts/3".to_owned()),
        pid: Some(4242),
        opened: moment("2026-11-23T14:31:00Z"),
        ends: Some(moment("2026-11-23T15:00:00Z")),
        closed: None,
    }
}

pub fn denial() -> DenialView {
    DenialView {
        id: "D-7F3KQ2ZD".to_owned(),
        at: moment("2026-11-23T14:00:00Z"),
        user: "mallory".to_owned(),
        uid: None,
        service: "sshd".to_owned(),
        run_as: None,
        from: Some("10.1.2.3".to_owned()),
        phase: "account".to_owned(),
        why: "no account".to_owned(),
        rule: None,
        ask: None,
    }
}

pub fn may() -> MayView {
    MayView {
        rule: "ops-root".to_owned(),
        service: "sudo".to_owned(),
        run_as: "root".to_owned(),
        default_s: 1800,
        max_s: 14_400,
        reason_required: true,
        approvers: vec!["carol".to_owned(), "dave".to_owned()],
    }
}

pub fn status() -> StatusView {
    StatusView {
        user: "alice".to_owned(),
        uid: 1001,
        grants: vec![grant()],
        requests: vec![pending()],
        may_request: vec![may()],
        may_emergency: Vec::new(),
        to_approve: vec!["R-00000001".to_owned()],
        to_review: Vec::new(),
        notices: vec!["there is no valid policy".to_owned()],
    }
}

/// The first so many events of a record.
pub fn events(count: u32) -> Vec<EventView> {
    let mut head = Head::NONE;
    (0..count)
        .map(|number| {
            let at = WallTime::from_millis(1_795_442_645_123_i64.saturating_add(i64::from(number)));
            let record = Record::chained(head, at, "request.cancelled", r#"{"id":"R-7F3KQ2ZD","user":"alice"}"#.to_owned());
            head = record.head();
            EventView {
                seq: record.seq,
                at: record.at.with_millis(),
                event: record.event,
                data: record.data,
                prev: record.prev.to_string(),
                hash: record.hash.to_string(),
            }
        })
        .collect()
}
