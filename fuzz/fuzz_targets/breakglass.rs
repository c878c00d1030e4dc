//! The break-glass file opens a dead gate for those alone whom it names; what the module wrote down meanwhile becomes events.
#![no_main]

use jit_core::engine::{Command, Context, handle};
use jit_core::event::Event;
use jit_core::id::Entropy;
use jit_core::record::{Head, Record};
use jit_core::state::State;
use jit_core::time::{BootTime, Now, WallTime};
use jit_core::{line, text};
use jit_proto::breakglass::Written;
use libfuzzer_sys::fuzz_target;
use pam_jit::breakglass::lets_in;

fuzz_target!(|data: &str| {
    for (user, service) in [("alice", "sudo"), ("alice", "sudo-i"), ("bob", "sshd"), ("a", "su-l"), ("a b", "sudo")] {
        assert_eq!(lets_in(data, user, service), says(data, user, service), "{user} {service}");
    }
    assert!(!lets_in(data, "", "sudo") && !lets_in(data, "alice", "") && !lets_in(data, "alice sudo", "") && !lets_in(data, "#", "sudo"));
    let (user, rest) = data.split_once('\n').unwrap_or((data, ""));
    let (service, target) = rest.split_once('\n').unwrap_or((rest, ""));
    let written = written(user, service, target);
    let (line, read) = (written.line(7), Written::read(&written.line(7)));
    assert!(line.len() < 4096 && !line.contains('\n'), "{line:?}");
    if user.len() <= 256 && service.len() <= 64 && target.len() <= 256 {
        assert_eq!(read, written, "{line:?}");
    }
    let lines: Vec<_> = data.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let mut state = State::default();
    let mut events = events_of(&state, &lines);
    let different: std::collections::BTreeSet<_> = lines.iter().collect();
    assert_eq!(events.len(), different.len());
    for event in events.drain(..) {
        let data = event.data().unwrap();
        assert_eq!(Event::read(event.name(), &data).unwrap(), event);
        let said = line::of(&Record::chained(Head::NONE, WallTime::from_millis(0), event.name(), data));
        assert!(!said.chars().any(text::is_unsafe), "{said:?}");
        state.apply(WallTime::from_millis(0), &event);
    }
    assert!(events_of(&state, &lines).is_empty(), "a line is recorded once");
});

/// An entry of whoever is called so.
fn written(user: &str, service: &str, target: &str) -> Written {
    let run_as = Some(target.to_owned()).filter(|target| !target.is_empty());
    let (when, phase, from) = ("2026-11-23T15:04:05Z".to_owned(), "session".to_owned(), "2001:db8::7".parse().ok());
    Written { when, user: user.to_owned(), uid: Some(1001), service: service.to_owned(), run_as, from, phase }
}

fn events_of(state: &State, lines: &[String]) -> Vec<Event> {
    let command = Command::BrokeGlass(lines.iter().map(|line| jitd::fuzzing::breakglass_entry(line)).collect());
    let now = Now { wall: WallTime::from_millis(0), boot: BootTime::from_millis(0) };
    handle(state, command, &mut Context { now, policy: None, entropy: &mut Never }).unwrap().1
}

/// No id is needed.
struct Never;

impl Entropy for Never {
    fn bits(&mut self) -> u64 {
        unreachable!("an entry has no id");
    }
}

/// The same, byte for byte: a name and a word before a `#`, with blanks around them; in the name there may be some.
fn says(data: &str, user: &str, service: &str) -> bool {
    data.split('\n').any(|line| {
        let line = line.bytes().take_while(|byte| *byte != b'#').collect::<Vec<_>>();
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | 0x0c);
        let words: Vec<_> = line.split(blank).filter(|word| !word.is_empty()).collect();
        let [.., door] = words.as_slice() else { return false };
        let before = &line[..line.len() - line.iter().rev().take_while(|byte| blank(byte)).count() - door.len()];
        let is_blank = |byte: &&u8| blank(byte);
        let (first, last) = (before.iter().take_while(is_blank).count(), before.iter().rev().take_while(is_blank).count());
        let Some(named) = before.get(first..before.len().saturating_sub(last)) else { return false };
        let doors = [service.as_bytes(), service.strip_suffix("-i").or(service.strip_suffix("-l")).unwrap_or(service).as_bytes()];
        named == user.as_bytes() && doors.contains(door)
    })
}
