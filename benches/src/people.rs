//! What people do, from a process that is several of them in turn. Whoever sits there, the kernel says it.

use jit_proto::client::{Connection, Patience, Trust};
use jit_proto::user::{Act, Greeting, UserAnswer, UserAsk, Wish};
use jit_proto::view::RequestView;
use nix::unistd::{Uid, seteuid};
use std::path::Path;
use std::time::Duration;

/// One act of this user's. The process is root's, has one thread, and is root's again afterwards.
pub fn act(socket: &Path, uid: u32, act: Act) -> UserAnswer {
    seteuid(Uid::from_raw(uid)).unwrap();
    let mut patience = Patience::of(Duration::from_secs(20));
    let connection = Connection::open(socket, Trust::Anyone, &mut patience).unwrap();
    let Greeting { nonce } = connection.receive(&mut patience).unwrap();
    connection.send(&UserAsk { nonce, act }, &mut patience).unwrap();
    let answer = connection.receive(&mut patience).unwrap();
    seteuid(Uid::from_raw(0)).unwrap();
    answer
}

/// Requests a service as somebody, and returns the request's id.
pub fn request(socket: &Path, uid: u32, service: &str, run_as: &str) -> String {
    let reason = Some("INC-42 disk full".to_owned());
    let wish = Wish { service: service.to_owned(), run_as: Some(run_as.to_owned()), for_s: None, uses: None, start: None, reason };
    request_in(&act(socket, uid, Act::Request(wish))).id.clone()
}

/// Approves a request, and returns the grant's id.
pub fn approve(socket: &Path, uid: u32, id: &str) -> String {
    let answer = act(socket, uid, Act::Approve { id: id.to_owned(), for_s: None, note: None });
    request_in(&answer).grant_id.clone().expect("one approval is enough")
}

fn request_in(answer: &UserAnswer) -> &RequestView {
    let UserAnswer::Request(request) = answer else { panic!("it was answered {answer:?}") };
    request
}
