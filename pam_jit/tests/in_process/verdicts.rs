//! What the module answers, and what the user hears.

use crate::daemon::{answer, daemon, read_ask, welcome};
use crate::libpam::{AUTHINFO_UNAVAIL, PERM_DENIED, SUCCESS};
use crate::place::Place;
use jit_proto::pam::Verdict;

#[test]
fn a_whole_transaction_is_let_in_and_each_line_asks_once() {
    let place = Place::new("");
    let (asked, questions) = std::sync::mpsc::channel();
    daemon(&place.socket(), 4, move |_, mut stream| {
        let ask = read_ask(&mut stream);
        let kind = format!("{:?}", ask.question).split([' ', '(']).next().unwrap().to_owned();
        asked.send(kind).unwrap();
        answer(&mut stream, ask.token, welcome(&ask.question));
    });
    let transaction = place.transaction();
    assert_eq!(transaction.account(), SUCCESS);
    assert_eq!(transaction.setcred(), SUCCESS);
    assert_eq!(transaction.open(), SUCCESS);
    assert_eq!(transaction.close(), SUCCESS);
    assert_eq!(questions.try_iter().collect::<Vec<_>>(), ["Check", "Open", "Enter", "Close"]);
    assert!(transaction.heard.lines.is_empty());
}

#[test]
fn a_denial_reaches_the_conversation_and_is_perm_denied() {
    let place = Place::new("");
    daemon(&place.socket(), 1, |_, mut stream| {
        let ask = read_ask(&mut stream);
        answer(&mut stream, ask.token, Verdict::Denied { message: "jit: no grant for door. D-00000001".to_owned() });
    });
    let transaction = place.transaction();
    assert_eq!(transaction.account(), PERM_DENIED);
    assert_eq!(transaction.heard.lines, ["jit: no grant for door. D-00000001"]);
}

#[test]
fn a_daemon_that_is_busy_before_it_reads_denies_and_is_not_away() {
    let place = Place::new("");
    daemon(&place.socket(), 1, |_, mut stream| answer(&mut stream, 0, Verdict::Denied { message: "jit: busy".to_owned() }));
    assert_eq!(place.transaction().account(), PERM_DENIED);
}

#[test]
fn a_typo_denies_and_setcred_is_fine_all_the_same() {
    let place = Place::new("quite");
    let transaction = place.transaction();
    assert_eq!(transaction.account(), PERM_DENIED);
    assert_eq!(transaction.open(), PERM_DENIED);
    assert_eq!(transaction.setcred(), SUCCESS);
}

#[test]
fn root_on_the_console_and_root_calling_sudo_come_in_without_a_daemon_and_nobody_else_does() {
    let place = Place::new("");
    for service in ["login", "sudo", "sudo-i", "su", "su-l", "runuser", "runuser-l"] {
        assert_eq!(place.transaction_of(service, "root").account(), SUCCESS, "{service}");
    }
    assert_eq!(place.transaction_of("login", "daemon").account(), AUTHINFO_UNAVAIL);
    assert_eq!(place.transaction_of("sshd", "root").account(), AUTHINFO_UNAVAIL);
}

#[test]
fn what_is_not_ours_adds_nothing_to_a_stack_that_nobody_else_decides() {
    let place = Place::new("");
    for service in ["sudo", "login"] {
        assert_eq!(place.transaction_of(service, "root").account(), SUCCESS, "somebody else behind us says yes");
        assert_eq!(place.transaction_alone_of(service, "root").account(), PERM_DENIED, "nobody does");
    }
}
