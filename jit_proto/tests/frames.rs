//! The bytes of each protocol that was ever released: an old module talks to a new daemon, and the reverse.
//!
//! A line of `frames/protocol-N.txt` is a message's name and its frame in hexadecimal, as it was recorded. Such a file
//! is never changed: a message that is to look otherwise needs a new protocol, and a file of its own.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests say what went wrong by panicking"
)]

use jit_proto::ask::{Ask, May, MayRequest, MayTake, Step, Told, Waits};
use jit_proto::frame::{self, HEADER, Wrong};
use jit_proto::pam::{Entry, Held, Hold, Keeper, PamAnswer, PamAsk, Question, Verdict, Who};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::{Debug, Write};

const PROTOCOL_1: &str = include_str!("frames/protocol-1.txt");
/// What came to protocol 1 later: messages that whoever does not know them refuses, and that change no other.
const PROTOCOL_1_ASKING: &str = include_str!("frames/protocol-1-asking.txt");

fn recorded(name: &str) -> Vec<u8> {
    let line = PROTOCOL_1.lines().chain(PROTOCOL_1_ASKING.lines()).find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let hex = line.unwrap_or_else(|| panic!("{name} was not recorded"));
    (0..hex.len()).step_by(2).map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap()).collect()
}

/// This message is written as it was recorded, and what was recorded is read as this message.
fn is_as_recorded<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, message: &T) {
    let written = frame::encode(message).unwrap();
    let hex = written.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let recorded = recorded(name);
    assert_eq!(written, recorded, "{name} {hex}");
    let (header, content) = recorded.split_at(HEADER);
    assert_eq!(frame::content_length(header.try_into().unwrap()), Ok(content.len()));
    assert_eq!(&frame::decode::<T>(content).unwrap(), message);
}

fn by_sudo() -> Entry {
    Entry { service: "sudo".to_owned(), who: Who::Uid(1001), run_as: None, from: None, tty: Some("/dev/pts/3".to_owned()) }
}

fn by_sshd(from: &str) -> Entry {
    Entry {
        service: "sshd".to_owned(),
        who: Who::Name("carol".to_owned()),
        run_as: Some("carol".to_owned()),
        from: Some(from.parse().unwrap()),
        tty: Some("ssh".to_owned()),
    }
}

#[test]
fn questions_of_protocol_1_are_written_and_read_as_they_were() {
    let ask = |token, observe, question| PamAsk { token, observe, question };
    let session = || "S-7F3KQ2ZD".to_owned();
    is_as_recorded("check-sudo", &ask(7, false, Question::Check(by_sudo())));
    is_as_recorded("check-sshd-v4", &ask(u64::MAX, true, Question::Check(by_sshd("10.1.2.3"))));
    is_as_recorded(
        "open-sudo",
        &ask(8, false, Question::Open { entry: Entry { run_as: Some("root".to_owned()), ..by_sudo() }, auth: None, cgroups: true }),
    );
    let auth = Some("publickey ssh-ed25519 AAAA".to_owned());
    is_as_recorded("open-sshd-v6", &ask(9, false, Question::Open { entry: by_sshd("2001:db8::7"), auth, cgroups: false }));
    is_as_recorded("enter", &ask(10, false, Question::Enter { session: session(), held: Held::Cgroup }));
    let held = Held::TreeFor("none".to_owned());
    is_as_recorded("enter-without", &ask(10, false, Question::Enter { session: session(), held }));
    is_as_recorded("close", &ask(11, false, Question::Close { session: session() }));
}

#[test]
fn answers_of_protocol_1_are_written_and_read_as_they_were() {
    let answer = |token, verdict| PamAnswer { token, verdict };
    is_as_recorded("allowed", &answer(7, Verdict::Allowed));
    let keeper = || Keeper { uid: 998, folder: "jit-7F3KQ2ZD".to_owned() };
    for (name, hold) in [("opened", Hold::Tree), ("opened-held", Hold::Cgroup(keeper())), ("opened-held-only", Hold::CgroupOnly(keeper()))]
    {
        is_as_recorded(name, &answer(8, Verdict::Opened { session: "S-7F3KQ2ZD".to_owned(), hold }));
    }
    is_as_recorded("denied", &answer(9, Verdict::Denied { message: "jit: no grant for sudo. D-7F3KQ2ZD".to_owned() }));
    is_as_recorded("denied-unread", &answer(0, Verdict::Denied { message: "jit: busy".to_owned() }));
    is_as_recorded("noted", &answer(10, Verdict::Noted));
}

fn asks() -> Vec<(&'static str, PamAsk)> {
    let ask = |token, entry, target: Option<&str>, step| PamAsk {
        token,
        observe: false,
        question: Question::Ask(Ask { entry, target: target.map(str::to_owned), step }),
    };
    let id = || "R-7F3KQ2ZD".to_owned();
    vec![
        ("ask-look", ask(12, by_sudo(), Some("postgres"), Step::Look)),
        ("ask-request", ask(13, by_sshd("10.1.2.3"), None, Step::Request { reason: Some("INC-42".to_owned()) })),
        ("ask-emergency", ask(14, by_sudo(), Some("#70"), Step::Emergency { reason: "down".to_owned() })),
        ("ask-wait", ask(15, by_sudo(), None, Step::Wait { id: id() })),
    ]
}

fn told() -> Vec<(&'static str, PamAnswer)> {
    let answer = |token, told| PamAnswer { token, verdict: Verdict::Asked(told) };
    let text = |text: &str| text.to_owned();
    let request =
        MayRequest { approvers: text("carol or dave"), time: text("30m"), reason_required: true, reason_rule: text("at least 10 letters") };
    let emergency = MayTake { rule: text("oncall"), time: text("15m"), alert: text("group leads"), reviewers: text("group security") };
    let may = May { what: text("sudo as root"), request: Some(request), emergency: Some(emergency) };
    vec![
        ("told-may", answer(12, Told::May(may))),
        ("told-waits", answer(13, Told::Waits(Waits { id: text("R-7F3KQ2ZD"), approvers: text("carol"), left_s: 3600 }))),
        ("told-granted", answer(14, Told::Granted { words: text("Approved by carol") })),
        ("told-over", answer(15, Told::Over { words: text("Denied by carol. R-7F3KQ2ZD is over.") })),
        ("told-refused", answer(16, Told::Refused { words: text("the reason is too short"), again: true })),
    ]
}

#[test]
fn asking_in_protocol_1_is_written_and_read_as_it_was() {
    asks().iter().for_each(|(name, ask)| is_as_recorded(name, ask));
    told().iter().for_each(|(name, answer)| is_as_recorded(name, answer));
    let names: Vec<_> = PROTOCOL_1_ASKING.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let known: Vec<_> = asks().iter().map(|(name, _)| *name).chain(told().iter().map(|(name, _)| *name)).collect();
    assert_eq!(names, known);
}

#[test]
fn every_recorded_frame_is_one_that_a_test_knows() {
    let names: Vec<_> = PROTOCOL_1.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let known = [
        "check-sudo",
        "check-sshd-v4",
        "open-sudo",
        "open-sshd-v6",
        "enter",
        "enter-without",
        "close",
        "allowed",
        "opened",
        "opened-held",
        "opened-held-only",
        "denied",
        "denied-unread",
        "noted",
    ];
    assert_eq!(names, known);
}

#[test]
fn a_protocol_that_is_not_spoken_is_named_with_those_that_are() {
    assert_eq!((frame::OLDEST, frame::VERSION), (1, 1), "a new protocol is served beside the one before: record its frames");
    for version in [0, 2, 255] {
        let wrong = frame::content_length([version, 0, 0, 0, 1]).unwrap_err();
        assert_eq!(wrong, Wrong::Version(version));
        assert_eq!(wrong.to_string(), format!("protocol {version} is not spoken here (1 is)"));
    }
}
