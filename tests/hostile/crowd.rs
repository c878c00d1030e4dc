//! Many of them.

use super::{pam, user};
use jit_proto::pam::{Entry, Question, Verdict, Who};
use jit_proto::user::{Act, UserAnswer, Wish};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Holds as many connections as it gets, silent, until it reads a line.
pub fn hold(socket: &Path) {
    let held: Vec<_> = (0..300).filter_map(|_| UnixStream::connect(socket).ok()).collect();
    println!("held {}", held.len());
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Requests so often, each time something else.
pub fn ask(socket: &Path, times: usize) {
    let mut refused = 0;
    for number in 0..times {
        let wish = Wish {
            service: if number % 2 == 0 { "sudo".to_owned() } else { "su".to_owned() },
            run_as: None,
            for_s: None,
            uses: None,
            start: None,
            reason: Some(format!("{number} {}", "x".repeat(300))),
        };
        if matches!(user::ask(socket, Act::Request(wish), None), UserAnswer::Failed(_)) {
            refused += 1;
        }
    }
    println!("refused {refused} of {times}");
}

/// Knocks so often, each time as somebody else at another service, beginning with that number: the same ones again are counted,
/// and no event each.
pub fn knock(socket: &Path, times: usize, first: usize) {
    for number in first..first + times {
        let entry = Entry {
            service: format!("door-{number}"),
            who: Who::Name(format!("nobody-{number}")),
            run_as: None,
            from: None,
            tty: Some("x".repeat(1000)),
        };
        let answer = pam::ask(socket, Question::Check(entry));
        assert!(matches!(answer, Some(Verdict::Denied { .. })), "{answer:?}");
    }
    println!("denied {times}");
}
