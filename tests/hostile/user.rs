//! The user socket: asks without a nonce, with something behind them, with odd fields.

use super::patience;
use jit_proto::client::{Connection, Trust};
use jit_proto::frame;
use jit_proto::user::{Act, EventFilter, Greeting, Target, UserAnswer, UserAsk, Wish};
use jit_proto::view::FailureCode;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Tries all of it.
pub fn all_refused(socket: &Path) {
    without_its_nonce(socket);
    a_second_time(socket);
    with_something_behind_it(socket);
    with_odd_fields(socket);
    with_numbers_that_mean_nothing(socket);
    println!("hostile: all refused");
}

pub fn ask(socket: &Path, act: Act, nonce: Option<[u8; 16]>) -> UserAnswer {
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
        let wish = Wish {
            service: text.clone(),
            run_as: Some(text.clone()),
            for_s: Some(u64::MAX),
            uses: Some(0),
            start: None,
            reason: Some(text.clone()),
        };
        let filter = EventFilter { user: Some(text.clone()), kind: Some(text.clone()), id: Some(text.clone()), ..EventFilter::default() };
        for act in [
            Act::Request(wish.clone()),
            Act::GrantTo { user: text.clone(), wish: Wish { for_s: None, uses: None, ..wish } },
            Act::Approve { id: text.clone(), for_s: Some(u64::MAX), note: Some(text.clone()) },
            Act::Deny { id: text.clone(), note: None },
            Act::Cancel(Some(text.clone())),
            Act::Drop(Some(text.clone())),
            Act::Revoke { target: Target::User(text.clone()), note: None, now: true },
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

/// The same nonce on another connection is another's.
fn a_second_time(socket: &Path) {
    let first = Connection::open(socket, Trust::Anyone, &mut patience()).unwrap();
    let greeting: Greeting = first.receive(&mut patience()).unwrap();
    assert!(is_usage(&ask(socket, Act::Status, Some(greeting.nonce))));
    let replayed = UserAsk { nonce: greeting.nonce, act: Act::Status };
    first.send(&replayed, &mut patience()).unwrap();
    first.send(&replayed, &mut patience()).unwrap();
    let answer: UserAnswer = first.receive(&mut patience()).unwrap();
    assert!(matches!(answer, UserAnswer::Status(_)), "{answer:?}");
    assert!(first.receive::<UserAnswer>(&mut patience()).is_err(), "one ask, one answer");
}

/// Every content of a length from 16 bytes on that begins with the nonce and goes on with one byte over and over.
fn with_numbers_that_mean_nothing(socket: &Path) {
    for byte in [0x7f, 0x80, 0xff] {
        for length in [4, 8, 12, 40, 4_000, 60_000] {
            let mut stream = UnixStream::connect(socket).unwrap();
            let mut greeting = [0; frame::HEADER + 16];
            stream.read_exact(&mut greeting).unwrap();
            let content = [&greeting[frame::HEADER..], &vec![byte; length]].concat();
            let frame = [&[1][..], &u32::try_from(content.len()).unwrap().to_be_bytes(), &content].concat();
            stream.write_all(&frame).unwrap();
            let mut header = [0; frame::HEADER];
            stream.read_exact(&mut header).unwrap();
            let mut answer = vec![0; frame::content_length(header).unwrap()];
            stream.read_exact(&mut answer).unwrap();
            assert!(is_usage(&frame::decode(&answer).unwrap()), "{byte:x} {length}");
        }
    }
}

/// Each field alone, the others as they should be: it is that field which is refused.
pub fn each_cap(socket: &Path) {
    let long = || "x".repeat(15_000);
    let wish =
        || Wish { service: "sudo".to_owned(), run_as: None, for_s: None, uses: None, start: None, reason: Some("INC-42".to_owned()) };
    let to = |wish| Act::GrantTo { user: "alice".to_owned(), wish };
    let request = "R-7F3KQ2ZD".to_owned();
    let fields = [
        ("service", Act::Request(Wish { service: long(), ..wish() })),
        ("run-as user", Act::Request(Wish { run_as: Some(long()), ..wish() })),
        ("time", Act::Request(Wish { for_s: Some(u64::MAX), ..wish() })),
        ("uses", Act::Request(Wish { uses: Some(0), ..wish() })),
        ("reason", Act::Request(Wish { reason: Some(long()), ..wish() })),
        ("empty reason", Act::Request(Wish { reason: Some(String::new()), ..wish() })),
        ("no reason", Act::Request(Wish { reason: None, ..wish() })),
        ("another's name", Act::GrantTo { user: long(), wish: wish() }),
        ("another's reason", to(Wish { reason: Some(long()), ..wish() })),
        ("note of an approval", Act::Approve { id: request.clone(), for_s: None, note: Some(long()) }),
        ("time of an approval", Act::Approve { id: request.clone(), for_s: Some(0), note: None }),
        ("note of a denial", Act::Deny { id: request, note: Some(long()) }),
        ("request", Act::Cancel(Some(long()))),
        ("grant", Act::Drop(Some(long()))),
        ("grant to take", Act::Revoke { target: Target::Grant(long()), note: None, now: true }),
        ("user to take from", Act::Revoke { target: Target::User(long()), note: None, now: true }),
        ("thing to show", Act::Show(long())),
        ("request to wait for", Act::Wait(Some(long()))),
    ];
    for (field, act) in fields {
        let UserAnswer::Failed(failure) = ask(socket, act, None) else { panic!("{field} was taken") };
        assert!(!failure.message.contains("a minute"), "{field}: it is refused for what it is, not for how often it comes");
        assert!(failure.message.len() < 1_000 && !failure.message.contains(char::is_control), "{field}: {}", failure.message);
    }
    println!("hostile: all refused");
}
