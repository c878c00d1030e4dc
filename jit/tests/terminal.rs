//! What jit asks and shows on a terminal.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

mod common;

use common::{Fake, command, on_terminal, request, sample, say, shown, status};
use jit_proto::user::{Act, UserAnswer, Wish};
use jit_proto::view::Shown;

#[test]
fn on_a_terminal_headings_are_bold_unless_no_color_says_otherwise() {
    let run = |no_color: Option<&str>, term: &str| {
        let mut page = sample::status();
        page.to_approve.clear();
        let fake = Fake::saying(status(page));
        let mut command = command(&["status"]);
        command.env("JIT_SOCKET", &fake.socket).env("TERM", term);
        if let Some(value) = no_color {
            command.env("NO_COLOR", value);
        }
        on_terminal(&mut command, "").1
    };
    assert!(run(None, "xterm").contains("\x1b[1mWhat you hold\x1b[0m"));
    assert!(run(Some(""), "xterm").contains('\x1b'), "an empty NO_COLOR says nothing");
    assert!(!run(Some("1"), "xterm").contains('\x1b'));
    assert!(!run(None, "dumb").contains('\x1b'));
}

#[test]
fn on_a_terminal_a_request_asks_for_its_reason() {
    let fake = Fake::saying(request(sample::pending()));
    let (code, shown) = on_terminal(command(&["request", "ssh"]).env("JIT_SOCKET", &fake.socket), "INC-42 disk full\n");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("Reason for ssh, shown to the approver and kept; never a password: "), "{shown}");
    let wish =
        Wish { service: "ssh".to_owned(), run_as: None, for_s: None, uses: None, start: None, reason: Some("INC-42 disk full".to_owned()) };
    assert_eq!(fake.acts(), [Act::Request(wish)]);
    let (code, shown) = on_terminal(command(&["request", "--as", "postgres"]).env("JIT_SOCKET", "/nonexistent"), "\x04");
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("Reason for sudo as postgres, shown"), "{shown}");
}

#[test]
fn on_a_terminal_approve_shows_the_only_one_and_wants_a_yes() {
    let mut page = sample::status();
    page.to_approve = vec!["R-7F3KQ2ZD".to_owned()];
    let start = || vec![say(status(page.clone())), shown(Shown::Request(sample::pending()))];
    let mut scripts = start();
    scripts.extend([say(request(sample::granted())), shown(Shown::Grant(sample::grant()))]);
    let fake = Fake::new(scripts);
    let (code, shown) = on_terminal(command(&["approve"]).env("JIT_SOCKET", &fake.socket), "y\n");
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("reason     \"INC-42 disk full\"") && shown.contains("Approve? [y/N] "), "{shown}");
    assert!(shown.contains("Granted: alice may sudo as root until "), "{shown}");
    assert_eq!(fake.acts()[2], Act::Approve { id: "R-7F3KQ2ZD".to_owned(), for_s: None, note: None });

    for no in ["\n", "n\n", "yeah\n", "\x04"] {
        let fake = Fake::new(start());
        let (code, shown) = on_terminal(command(&["approve", "--for", "15m"]).env("JIT_SOCKET", &fake.socket), no);
        assert_eq!(code, 1, "{shown}");
        assert!(shown.contains("Approve for 15m? [y/N] ") && shown.contains("Not approved"), "{shown}");
        assert_eq!(fake.acts().len(), 2, "nothing was approved");
    }
}

#[test]
fn on_a_terminal_approve_lists_several_and_says_when_there_is_none() {
    let mut page = sample::status();
    page.to_approve = vec!["R-7F3KQ2ZD".to_owned(), "R-00000002".to_owned()];
    let listing = UserAnswer::Listing { requests: vec![sample::pending()], grants: vec![], sessions: vec![], more: false };
    let fake = Fake::new(vec![say(status(page.clone())), say(listing)]);
    let (code, shown) = on_terminal(command(&["approve"]).env("JIT_SOCKET", &fake.socket), "");
    assert_eq!(code, 2, "{shown}");
    assert!(shown.contains("R-7F3KQ2ZD") && shown.contains("2 requests wait for you"), "{shown}");
    page.to_approve.clear();
    let fake = Fake::saying(status(page));
    let (code, shown) = on_terminal(command(&["approve"]).env("JIT_SOCKET", &fake.socket), "");
    assert_eq!(code, 5, "{shown}");
    assert!(shown.contains("nothing waits for your approval"), "{shown}");
}
