//! The PAM socket, as root: what no module would ask.

use super::patience;
use jit_proto::ask::{Ask, Step, Told};
use jit_proto::client::{Connection, Trust};
use jit_proto::frame;
use jit_proto::pam::{Entry, Held, PamAnswer, PamAsk, Question, UNREAD, Verdict, Who};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Tries all of it.
pub fn all_refused(socket: &Path) {
    odd_entries(socket);
    odd_asks(socket);
    a_place_of_somebody_elses(socket);
    sessions_that_are_none(socket);
    a_question_twice(socket);
    other_versions(socket);
    nonsense(socket);
    println!("hostile: all refused");
}

/// One question; none: the connection was closed without an answer.
pub fn ask(socket: &Path, question: Question) -> Option<Verdict> {
    let connection = Connection::open(socket, Trust::Anyone, &mut patience()).unwrap();
    connection.send(&PamAsk { token: 7, observe: false, question }, &mut patience()).unwrap();
    let answer: PamAnswer = connection.receive(&mut patience()).ok()?;
    assert!(answer.token == 7 || answer.token == UNREAD);
    Some(answer.verdict)
}

fn is_denied(verdict: Option<&Verdict>) -> bool {
    matches!(verdict, Some(Verdict::Denied { message }) if message.len() < 200 && message.starts_with("jit: ") && !message.contains(char::is_control))
}

fn odd_entries(socket: &Path) {
    for text in
        ["x".repeat(10_000), "a\nb\u{1b}[2J\u{202e}\0".to_owned(), String::new(), "root\0".to_owned(), "../../etc/passwd".to_owned()]
    {
        for who in [Who::Name(text.clone()), Who::Uid(u32::MAX), Who::Uid(0), Who::Name("alice".to_owned())] {
            let entry = Entry { service: text.clone(), who: who.clone(), run_as: Some(text.clone()), from: None, tty: Some(text.clone()) };
            for question in
                [Question::Check(entry.clone()), Question::Open { entry: entry.clone(), auth: Some(text.clone()), cgroups: true }]
            {
                let answer = ask(socket, question);
                assert!(is_denied(answer.as_ref()), "{who:?} at {text:.20?}: {answer:?}");
            }
        }
    }
}

/// Names, services and terminals with each character that could make a line of their own of them, and long ones.
pub fn forge(socket: &Path) {
    let odd = (0..0x20).chain(0x7f..0xa0).chain(0x2028..0x202f).chain(0x2066..0x206a).filter_map(char::from_u32);
    let texts = odd.map(|letter| format!("a{letter}grant.issued id=G-00000000 user=root\" seq=1{letter}"));
    for text in texts.chain(["x".repeat(15_000), "\u{202e}".repeat(5_000)]) {
        let entry = Entry { service: text.clone(), who: Who::Name(text.clone()), run_as: None, from: None, tty: Some(text.clone()) };
        let answer = ask(socket, Question::Check(entry));
        assert!(is_denied(answer.as_ref()), "{text:.40?}: {answer:?}");
    }
}

fn sessions_that_are_none(socket: &Path) {
    for session in ["S-00000000", "", "S-", "G-7F3KQ2ZD", "s-\n", &"S".repeat(60_000)] {
        let answer = ask(socket, Question::Enter { session: session.to_owned(), held: Held::Cgroup });
        assert!(is_denied(answer.as_ref()), "{answer:?}");
        // A session that is not there is over.
        assert_eq!(ask(socket, Question::Close { session: session.to_owned() }), Some(Verdict::Noted));
    }
}

fn asking(target: Option<&str>, step: Step) -> Ask {
    let entry = Entry { service: "sudo".to_owned(), who: Who::Uid(1001), run_as: None, from: None, tty: None };
    Ask { entry, target: target.map(str::to_owned), step }
}

/// Nothing comes of a wish that makes no sense, nor of one about somebody else's request.
fn odd_asks(socket: &Path) {
    let long = "x".repeat(10_000);
    for text in [long.as_str(), "a\nb\u{1b}[2J\u{202e}\0", "", "#", "#4294967295", "#99999999999999999999", "-u"] {
        let steps = [
            Step::Look,
            Step::Request { reason: Some(text.to_owned()) },
            Step::Emergency { reason: text.to_owned() },
            Step::Request { reason: None },
        ];
        for step in steps {
            let answer = ask(socket, Question::Ask(asking(Some(text), step.clone())));
            let Some(Verdict::Asked(Told::Refused { words, .. })) = &answer else { panic!("{step:?} as {text:.20?}: {answer:?}") };
            assert!(words.len() < 400 && !words.contains(char::is_control), "{words}");
        }
        // What is no id ends the conversation.
        assert_eq!(ask(socket, Question::Ask(asking(None, Step::Wait { id: text.to_owned() }))), None);
    }
    let answer = ask(socket, Question::Ask(asking(None, Step::Wait { id: "R-00000000".to_owned() })));
    assert!(matches!(&answer, Some(Verdict::Asked(Told::Refused { words, again: false })) if words.contains("not there")), "{answer:?}");
}

/// A place is its taker's alone, and a connection that was taken for asking is for nothing else.
fn a_place_of_somebody_elses(socket: &Path) {
    let first = asking(None, Step::Look);
    let mut anothers = first.clone();
    anothers.entry.who = Who::Uid(1002);
    for second in [Question::Ask(anothers), Question::Ask(asking(Some("carol"), Step::Look)), Question::Check(first.entry.clone())] {
        let connection = Connection::open(socket, Trust::Anyone, &mut patience()).unwrap();
        let put = |token, question| connection.send(&PamAsk { token, observe: false, question }, &mut patience()).unwrap();
        put(7, Question::Ask(first.clone()));
        assert!(connection.receive::<PamAnswer>(&mut patience()).is_ok());
        put(8, second);
        assert!(connection.receive::<PamAnswer>(&mut patience()).is_err());
    }
}

/// A connection is for one question.
fn a_question_twice(socket: &Path) {
    let connection = Connection::open(socket, Trust::Anyone, &mut patience()).unwrap();
    let entry = Entry { service: "sudo".to_owned(), who: Who::Uid(1001), run_as: None, from: None, tty: None };
    let question = PamAsk { token: 9, observe: false, question: Question::Check(entry) };
    connection.send(&question, &mut patience()).unwrap();
    connection.send(&question, &mut patience()).unwrap();
    let answer: PamAnswer = connection.receive(&mut patience()).unwrap();
    assert_eq!(answer.token, 9);
    assert!(connection.receive::<PamAnswer>(&mut patience()).is_err());
}

/// What the daemon says to these bytes, if anything.
fn said_to(socket: &Path, bytes: &[u8]) -> Option<PamAnswer> {
    let mut stream = UnixStream::connect(socket).unwrap();
    // It may have had enough before the end, and hang up while there is still something to read.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    frame::decode(answer.get(frame::HEADER..)?).ok()
}

fn other_versions(socket: &Path) {
    for version in [0, 2, 3, 127, 255] {
        let answer = said_to(socket, &[version, 0, 0, 0, 1, 0]).unwrap();
        let Verdict::Denied { message } = &answer.verdict else { panic!("{answer:?}") };
        assert!(answer.token == UNREAD && message.contains(&format!("protocol {version} is not spoken here")), "{message}");
    }
}

fn nonsense(socket: &Path) {
    for byte in [0, 1, 0x7f, 0x80, 0xff] {
        for length in [0_u32, 1, 8, 9, 13, 64, 4_000, 65_536] {
            let content = vec![byte; usize::try_from(length).unwrap()];
            let answer = said_to(socket, &[&[1][..], &length.to_be_bytes(), &content].concat());
            assert!(answer.is_none_or(|answer| answer.token == UNREAD && is_denied(Some(&answer.verdict))), "{byte} {length}");
        }
    }
    assert!(is_denied(said_to(socket, &[1, 0, 1, 0, 1]).map(|answer| answer.verdict).as_ref()), "a frame that is too long");
}
