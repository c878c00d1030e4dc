//! Items that are missing or odd: no host dies of them, nobody is let in by them, and nobody is kept out for one that
//! does not matter.

use crate::daemon::{answer, answers_all, daemon, read_ask, welcome};
use crate::libpam::{Item, PERM_DENIED, SUCCESS, SYSTEM_ERR, Transaction};
use crate::place::Place;
use jit_proto::pam::{Entry, Question, Who};
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, channel};

/// A daemon that lets everybody in, and tells what it was asked.
fn curious(place: &Place) -> Receiver<Question> {
    let (told, asked) = channel();
    daemon(&place.socket(), 100, move |_, mut stream| {
        let ask = read_ask(&mut stream);
        answer(&mut stream, ask.token, welcome(&ask.question));
        let _ = told.send(ask.question);
    });
    asked
}

fn checked(asked: &Receiver<Question>) -> Entry {
    let Question::Check(entry) = asked.recv().unwrap() else { panic!("it was no check") };
    entry
}

/// Fails in both of its phases; setcred lets nobody in, and does not fail.
fn nowhere_in(transaction: &Transaction, code: i32) {
    assert_eq!(transaction.account(), code);
    assert_eq!(transaction.open(), code);
    assert_eq!(transaction.setcred(), SUCCESS);
}

#[test]
fn a_transaction_without_a_user_fails_on_our_side() {
    let place = Place::new("");
    answers_all(&place.socket(), welcome);
    nowhere_in(&place.transaction_for(None), SYSTEM_ERR);
    nowhere_in(&place.transaction_for(Some("")), SYSTEM_ERR);
}

#[test]
fn a_user_who_cannot_be_one_is_denied() {
    let place = Place::new("");
    answers_all(&place.socket(), welcome);
    for name in [vec![b'x'; 5_000], vec![b'x'; 257], b"b\xffb".to_vec(), vec![0x80]] {
        let transaction = place.transaction_for(Some("root"));
        transaction.set(Item::User, &name);
        nowhere_in(&transaction, PERM_DENIED);
    }
}

#[test]
fn an_odd_name_reaches_jitd_as_it_is() {
    let place = Place::new("");
    let asked = curious(&place);
    for name in ["two\nlines", " ", "-u", "al\u{202e}ice", "$(id)", "a/../b", &"x".repeat(256)] {
        assert_eq!(place.transaction_for(Some(name)).account(), SUCCESS);
        assert_eq!(checked(&asked).who, Who::Name(name.to_owned()));
    }
}

#[test]
fn an_odd_service_reaches_jitd_as_it_is_and_one_that_cannot_be_a_service_is_denied() {
    let place = Place::new("");
    let asked = curious(&place);
    for service in ["two\nlines", "a b", "-x", "ssh\u{202e}d"] {
        assert_eq!(place.transaction_of(service, "root").account(), SUCCESS);
        assert_eq!(checked(&asked).service, service);
    }
    // libpam takes a file's name at most; what is longer than we take is none of ours.
    let long = place.transaction_of(&"s".repeat(255), "root");
    assert_eq!(long.account(), SUCCESS);
    assert_eq!(checked(&asked).service.len(), 255);
    for service in [vec![b's'; 5_000], b"ss\xffd".to_vec()] {
        let transaction = place.transaction();
        transaction.set(Item::Service, &service);
        assert_ne!(transaction.account(), SUCCESS);
        assert_ne!(transaction.open(), SUCCESS);
    }
}

#[test]
fn an_odd_terminal_or_remote_host_is_none_and_keeps_nobody_out() {
    let place = Place::new("");
    let asked = curious(&place);
    // A remote host of 5,000 bytes fails in libpam's own audit message, whatever a module says.
    for length in [300, 5_000] {
        let transaction = place.transaction();
        transaction.set(Item::RemoteHost, &[b'x'; 300]);
        transaction.set(Item::Tty, &vec![b'x'; length]);
        assert_eq!(transaction.account(), SUCCESS);
        let entry = checked(&asked);
        assert_eq!((entry.from, entry.tty), (None, None));
    }
    for value in [&b"\xff\xfe"[..], b"two\nlines", b"not.an.address"] {
        let transaction = place.transaction();
        transaction.set(Item::RemoteHost, value);
        transaction.set(Item::Tty, value);
        assert_eq!(transaction.account(), SUCCESS, "{:?}", transaction.heard.lines);
        assert_eq!(checked(&asked).from, None);
    }
}

#[test]
fn only_sshd_is_asked_for_its_variables_and_an_address_is_read_with_or_without_its_zone() {
    let place = Place::new("");
    let asked = curious(&place);
    let address = |service: &str, remote: &[u8], variable: &[u8]| {
        let transaction = place.transaction_of(service, "root");
        transaction.set(Item::RemoteHost, remote);
        transaction.put(variable);
        assert_eq!(transaction.account(), SUCCESS);
        checked(&asked).from
    };
    let is = |text: &str| Some(text.parse::<IpAddr>().unwrap());
    assert_eq!(address("door", b"10.0.0.7", b"SSH_CONNECTION=10.6.6.6 1 10.0.0.1 22"), is("10.0.0.7"));
    assert_eq!(address("sshd", b"liar.example", b"SSH_CONNECTION=10.0.0.8 1 10.0.0.1 22"), is("10.0.0.8"));
    assert_eq!(address("sshd", b"liar.example", b"SSH_CONNECTION=fe80::1%eth0 1 fe80::2%eth0 22"), is("fe80::1"));
    assert_eq!(address("sshd", b"fe80::3%2", b"SSH_CONNECTION=UNKNOWN 65535 UNKNOWN 65535"), is("fe80::3"));
    assert_eq!(address("sshd", b"liar.example", b"SSH_CONNECTION=\xff"), None);
}
