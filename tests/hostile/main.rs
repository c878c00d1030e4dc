//! A client that means no good, for the tests: sends what no jit would, and expects to be refused each time.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a check that fails says so by panicking"
)]

mod recycle;

use jit_proto::client::{Connection, Patience, Trust};
use jit_proto::frame;
use jit_proto::pam::{PamAnswer, PamAsk, Verdict};
use jit_proto::user::{Act, EventFilter, Greeting, Target, UserAnswer, UserAsk, Wish};
use jit_proto::view::FailureCode;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let socket = Path::new(&arguments[1]);
    let words: Vec<_> = arguments[2..].iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {}
        ["hold"] => return hold(socket),
        ["serve"] => return serve(socket),
        ["recycle", when, jitd, id] => return recycle::recycle(socket, when, nix::unistd::Pid::from_raw(jitd.parse().unwrap()), id),
        _ => panic!("{words:?}"),
    }
    without_its_nonce(socket);
    with_something_behind_it(socket);
    with_odd_fields(socket);
    println!("hostile: all refused");
}

fn patience() -> Patience {
    Patience::of(Duration::from_secs(5))
}

fn ask(socket: &Path, act: Act, nonce: Option<[u8; 16]>) -> UserAnswer {
    let connection = Connection::open(socket, Trust::Anyone, &mut patience()).unwrap();
    let greeting: Greeting = connection.receive(&mut patience()).unwrap();
    connection.send(&UserAsk { nonce: nonce.unwrap_or(greeting.nonce), act }, &mut patience()).unwrap();
    connection.receive(&mut patience()).unwrap()
}

fn is_usage(answer: &UserAnswer) -> bool {
    matches!(answer, UserAnswer::Failed(failure) if failure.code == FailureCode::Usage)
}

fn without_its_nonce(socket: &Path) {
    assert!(is_usage(&ask(socket, Act::Status, Some([0; 16]))));
}

fn with_something_behind_it(socket: &Path) {
    let mut stream = UnixStream::connect(socket).unwrap();
    let mut greeting = [0; frame::HEADER + 16];
    stream.read_exact(&mut greeting).unwrap();
    let mut content = frame::encode(&UserAsk { nonce: greeting[frame::HEADER..].try_into().unwrap(), act: Act::Status }).unwrap();
    content.push(0);
    content[4] += 1;
    stream.write_all(&content).unwrap();
    let mut header = [0; frame::HEADER];
    stream.read_exact(&mut header).unwrap();
    let mut answer = vec![0; frame::content_length(header).unwrap()];
    stream.read_exact(&mut answer).unwrap();
    assert!(is_usage(&frame::decode(&answer).unwrap()));
}

fn with_odd_fields(socket: &Path) {
    for text in ["x".repeat(15_000), "\u{0}\n\u{1b}[2J\u{202e}".to_owned(), String::new()] {
        let wish =
            Wish { service: text.clone(), run_as: Some(text.clone()), for_s: Some(u64::MAX), uses: Some(0), reason: Some(text.clone()) };
        let filter = EventFilter { user: Some(text.clone()), kind: Some(text.clone()), id: Some(text.clone()), ..EventFilter::default() };
        for act in [
            Act::Request(wish.clone()),
            Act::GrantTo { user: text.clone(), wish: Wish { for_s: None, uses: None, ..wish } },
            Act::Approve { id: text.clone(), for_s: Some(u64::MAX), note: Some(text.clone()) },
            Act::Deny { id: text.clone(), note: None },
            Act::Cancel(Some(text.clone())),
            Act::Drop(Some(text.clone())),
            Act::Revoke { target: Target::User(text.clone()), note: None },
            Act::Show(text.clone()),
            Act::Wait(Some(text.clone())),
            Act::Events(filter),
            Act::Reload,
            Act::PolicyShow,
        ] {
            let answer = ask(socket, act.clone(), None);
            assert!(matches!(answer, UserAnswer::Failed(_)), "{act:?} was answered {answer:?}");
        }
    }
}

/// A daemon of somebody's own, which lets everybody in.
fn serve(socket: &Path) {
    let listener = std::os::unix::net::UnixListener::bind(socket).unwrap();
    println!("listening");
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let mut header = [0; frame::HEADER];
        if stream.read_exact(&mut header).is_err() {
            continue;
        }
        let mut content = vec![0; frame::content_length(header).unwrap()];
        stream.read_exact(&mut content).unwrap();
        let ask: PamAsk = frame::decode(&content).unwrap();
        stream.write_all(&frame::encode(&PamAnswer { token: ask.token, verdict: Verdict::Allowed }).unwrap()).unwrap();
    }
}

/// Holds as many connections as it gets, silent, until it reads a line.
fn hold(socket: &Path) {
    let held: Vec<_> = (0..300).filter_map(|_| UnixStream::connect(socket).ok()).collect();
    println!("held {}", held.len());
    let _ = std::io::stdin().read_line(&mut String::new());
}
