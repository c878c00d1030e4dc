use super::*;
use crate::show::sample;

fn written<T: Serialize>(object: &T) -> String {
    serde_json::to_string(object).unwrap()
}

#[test]
fn a_request_has_the_keys_of_the_contract_in_their_order() {
    assert_eq!(
        written(&sample::granted()),
        concat!(
            r#"{"id":"R-7F3KQ2ZD","state":"granted","user":"alice","uid":1001,"service":"sudo","as":"root","reason":"INC-42 disk full","#,
            r#""rule":"ops-root","for_s":1800,"uses":null,"start":null,"from":null,"submitted":"2026-11-23T14:04:00Z","#,
            r#""lapses":"2026-11-23T15:04:00Z","stages":[{"by":["group:leads"],"count":1,"approved":[{"by":"carol","uid":1003,"#,
            r#""at":"2026-11-23T14:30:00Z","note":"be quick"}]}],"approvers":[],"decided":{"by":"carol","at":"2026-11-23T14:30:00Z","#,
            r#""note":"be quick"},"grant_id":"G-0123ABCD","extends":null}"#
        )
    );
}

#[test]
fn a_grant_has_the_keys_of_the_contract_in_their_order() {
    assert_eq!(
        written(&Grants { grants: &[sample::grant()] }),
        concat!(
            r#"{"grants":[{"id":"G-0123ABCD","state":"active","user":"alice","uid":1001,"service":"sudo","as":"root","rule":"ops-root","#,
            r#""kind":"approved","request_id":"R-7F3KQ2ZD","by":["carol"],"reason":"INC-42 disk full","issued":"2026-11-23T14:30:00Z","#,
            r#""starts":"2026-11-23T14:30:00Z","until":"2026-11-23T15:00:00Z","left_s":1560,"uses":{"max":null,"taken":1},"#,
            r#""sessions":["S-0000000A"],"review":null,"ended":null}]}"#
        )
    );
}

#[test]
fn a_session_and_a_denial_have_the_keys_of_the_contract_in_their_order() {
    assert_eq!(
        written(&shown(&Shown::Session(sample::session()), &[])),
        concat!(
            r#"{"session":{"id":"S-0000000A","state":"open","grant_id":"G-0123ABCD","user":"alice","uid":1001,"service":"sudo","#,
            r#""as":"root","from":null,"tty":"pts/3","pid":4242,"opened":"2026-11-23T14:31:00Z","ends":"2026-11-23T15:00:00Z","#,
            r#""closed":null},"events":[]}"#
        )
    );
    assert_eq!(
        written(&shown(&Shown::Denial(sample::denial()), &[])),
        concat!(
            r#"{"denial":{"id":"D-7F3KQ2ZD","at":"2026-11-23T14:00:00Z","user":"mallory","uid":null,"service":"sshd","as":null,"#,
            r#""from":"10.1.2.3","phase":"account","why":"no account","rule":null,"ask":null},"events":[]}"#
        )
    );
}

#[test]
fn status_has_the_keys_of_the_contract_and_no_other() {
    let value = status(&sample::status());
    let keys: Vec<_> = value.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["user", "uid", "grants", "requests", "may_request", "may_emergency", "to_approve", "to_review"]);
    assert_eq!(
        value["may_request"].to_string(),
        r#"[{"rule":"ops-root","service":"sudo","as":"root","default_s":1800,"max_s":14400,"reason_required":true,"approvers":["carol","dave"]}]"#
    );
    assert_eq!(value["to_approve"].to_string(), r#"["R-00000001"]"#);
}

#[test]
fn a_list_has_its_three_keys_even_when_it_is_empty() {
    assert_eq!(written(&Listed::of(&Listing::default())), r#"{"requests":[],"grants":[],"sessions":[]}"#);
}

#[test]
fn a_failure_has_all_its_keys() {
    let failure = Failure { code: FailureCode::NotFound, message: "no \"x\"".to_owned(), help: None, rule: None };
    assert_eq!(written(&Failed::of(&failure)), r#"{"error":{"code":"not-found","message":"no \"x\"","help":null,"rule":null}}"#);
}

#[test]
fn checks_explanations_proofs_and_versions_have_the_keys_of_the_contract() {
    let mistake = MistakeView { file: "p.toml".to_owned(), line: 3, column: 1, message: "m".to_owned(), help: "h".to_owned() };
    assert_eq!(
        written(&Checked { valid: false, errors: &[mistake], warnings: &[] }),
        r#"{"valid":false,"errors":[{"file":"p.toml","line":3,"column":1,"message":"m","help":"h"}],"warnings":[]}"#
    );
    let rule =
        RuleView { name: "n".to_owned(), kind: "grant".to_owned(), file: "f".to_owned(), line: 1, matched: true, because: "b".to_owned() };
    assert_eq!(
        written(&Explained { answer: "request", rule: Some("n"), why: &[rule] }),
        r#"{"answer":"request","rule":"n","why":[{"name":"n","kind":"grant","file":"f","line":1,"matched":true,"because":"b"}]}"#
    );
    assert_eq!(
        written(&Verified { valid: true, events: 0, head: "0:0".to_owned(), broken: None, begins: None }),
        r#"{"valid":true,"events":0,"head":"0:0","broken":null,"begins":null}"#
    );
    assert_eq!(written(&Versions { jit: "0.1.0", jitd: None, protocol: None }), r#"{"jit":"0.1.0","jitd":null,"protocol":null}"#);
}

#[test]
fn an_event_is_the_very_line_that_was_hashed_with_its_hash_behind() {
    let view = sample::events(1).remove(0);
    let record = crate::chain::record(&view).unwrap();
    let canonical = record.canonical();
    assert_eq!(event(&view), format!("{},\"hash\":\"{}\"}}", canonical.strip_suffix('}').unwrap(), record.hash));
    assert_eq!(events(&[]), r#"{"events":[]}"#);
}

#[test]
fn data_that_are_no_object_on_one_line_are_put_in_quotes() {
    let mut view = sample::events(1).remove(0);
    for broken in ["{", "{}\n{}", "[1]", "{\n}"] {
        view.data = broken.to_owned();
        let value: Value = serde_json::from_str(&event(&view)).unwrap();
        assert_eq!(value["data"], Value::from(broken));
    }
}

#[test]
fn nothing_that_a_terminal_obeys_is_in_harmless_json_and_it_still_says_the_same() {
    let said = Value::from("a\u{1b}[2J\u{9b}2J\u{202e}b\u{e0041}\nö");
    let shown = harmless(&said.to_string());
    assert!(!shown.chars().any(text::is_unsafe), "{shown}");
    assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), said);
    assert!(shown.contains('ö'));
}
