//! Daemons that do as they are told.

use jit_proto::frame::{self, HEADER};
use jit_proto::pam::{Hold, PamAnswer, PamAsk, Question, Verdict};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, fork};
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

pub fn read_ask(stream: &mut UnixStream) -> PamAsk {
    let mut header = [0; HEADER];
    stream.read_exact(&mut header).unwrap();
    let mut content = vec![0; frame::content_length(header).unwrap()];
    stream.read_exact(&mut content).unwrap();
    frame::decode(&content).unwrap()
}

/// A daemon that serves so many connections, each in its way, and then falls silent.
pub fn daemon(socket: &Path, connections: usize, serve: impl Fn(usize, UnixStream) + Send + 'static) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for number in 0..connections {
            let (stream, _) = listener.accept().unwrap();
            // What is silent keeps its connection open.
            kept.push(stream.try_clone().unwrap());
            serve(number, stream);
        }
        // Longer than any patience here.
        std::thread::sleep(Duration::from_secs(5));
    });
}

pub fn answer(stream: &mut UnixStream, token: u64, verdict: Verdict) {
    // The module may have gone.
    let _ = stream.write_all(&frame::encode(&PamAnswer { token, verdict }).unwrap());
}

/// The answer of a daemon that lets everybody in.
pub fn welcome(question: &Question) -> Verdict {
    match question {
        Question::Check(_) => Verdict::Allowed,
        Question::Open { .. } => Verdict::Opened { session: "S-00000001".to_owned(), hold: Hold::Tree },
        Question::Enter { .. } | Question::Close { .. } => Verdict::Noted,
        Question::Ask(_) => Verdict::Denied { message: String::new() },
    }
}

/// The answer of one that lets nobody in.
pub fn turn_away(_: &Question) -> Verdict {
    Verdict::Denied { message: "jit: no grant for door. D-00000001".to_owned() }
}

fn answer_for_ever(listener: &UnixListener, verdict: impl Fn(&Question) -> Verdict) -> ! {
    loop {
        let (mut stream, _) = listener.accept().unwrap();
        let ask = read_ask(&mut stream);
        answer(&mut stream, ask.token, verdict(&ask.question));
    }
}

/// A daemon that answers whoever comes, one after the other, for as long as this process lives.
pub fn answers_all(socket: &Path, verdict: fn(&Question) -> Verdict) {
    let listener = UnixListener::bind(socket).unwrap();
    std::thread::spawn(move || answer_for_ever(&listener, verdict));
}

/// A daemon in a process of its own: for tests that look at everything of theirs. It ends with this value.
pub struct Apart(Pid);

impl Apart {
    /// Call it while this process has no other threads that do anything: it forks.
    pub fn start(socket: &Path, verdict: impl Fn(&Question) -> Verdict) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        // SAFETY: the child serves, and nothing else; no other thread holds a lock now.
        match unsafe { fork() }.unwrap() {
            ForkResult::Parent { child } => Self(child),
            ForkResult::Child => answer_for_ever(&listener, verdict),
        }
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        kill(self.0, Signal::SIGKILL).unwrap();
        waitpid(self.0, None).unwrap();
    }
}
