//! A jitd that says what it was told to say, and jit run against it.
#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(missing_docs, reason = "the names say it")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test says what went wrong by panicking")]

#[path = "../../src/show/sample.rs"]
pub mod sample;

use jit_proto::frame::{self, HEADER};
use jit_proto::user::{Act, Greeting, UserAnswer, UserAsk};
use jit_proto::view::{Failure, FailureCode, RequestView, Shown, StatusView};
use nix::pty::openpty;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

const NONCE: [u8; 16] = *b"0123456789abcdef";

/// What the fake daemon does on one connection, once it was asked.
pub enum Step {
    Say(UserAnswer),
    /// Bytes that are no frame.
    Raw(Vec<u8>),
    /// Says nothing until jit hangs up.
    Hang,
}

/// A fake daemon: one script for each connection that will come, in order.
pub struct Fake {
    pub socket: PathBuf,
    acts: Arc<Mutex<Vec<Act>>>,
    thread: Option<JoinHandle<()>>,
}

/// A fresh directory below another.
fn fresh(below: &Path) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let directory = below.join(format!("jit-test-{}-{number}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory
}

/// A directory for files; cargo's own, which is cleaned with the rest of the build.
pub fn directory() -> PathBuf {
    fresh(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

impl Drop for Fake {
    fn drop(&mut self) {
        if let Some(directory) = self.socket.parent() {
            let _ = std::fs::remove_dir_all(directory);
        }
    }
}

impl Fake {
    pub fn new(scripts: Vec<Vec<Step>>) -> Self {
        // The path of a socket must be short.
        let socket = fresh(&std::env::temp_dir()).join("user.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let acts = Arc::new(Mutex::new(Vec::new()));
        let heard = acts.clone();
        let thread = std::thread::spawn(move || {
            for script in scripts {
                let (stream, _) = listener.accept().unwrap();
                serve(stream, script, &heard);
            }
        });
        Self { socket, acts, thread: Some(thread) }
    }

    /// One answer to the only ask.
    pub fn saying(answer: UserAnswer) -> Self {
        Self::new(vec![vec![Step::Say(answer)]])
    }

    /// What it was asked, once every script was played.
    pub fn acts(mut self) -> Vec<Act> {
        self.thread.take().unwrap().join().unwrap();
        std::mem::take(&mut *self.acts.lock().unwrap())
    }

    pub fn jit(&self, arguments: &[&str]) -> Ran {
        jit(&self.socket, arguments)
    }
}

fn serve(mut stream: UnixStream, script: Vec<Step>, heard: &Mutex<Vec<Act>>) {
    stream.write_all(&frame::encode(&Greeting { nonce: NONCE }).unwrap()).unwrap();
    let mut header = [0; HEADER];
    if stream.read_exact(&mut header).is_err() {
        return;
    }
    let mut content = vec![0; frame::content_length(header).unwrap()];
    stream.read_exact(&mut content).unwrap();
    let ask: UserAsk = frame::decode(&content).unwrap();
    assert_eq!(ask.nonce, NONCE, "the ask answers the greeting");
    heard.lock().unwrap().push(ask.act);
    for step in script {
        match step {
            Step::Say(answer) => {
                if stream.write_all(&frame::encode(&answer).unwrap()).is_err() {
                    return;
                }
            }
            Step::Raw(bytes) => stream.write_all(&bytes).unwrap(),
            Step::Hang => drop(stream.read(&mut [0])),
        }
    }
}

/// How jit ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

pub fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jit"));
    command.args(arguments).env("TZ", "UTC").env("TERM", "xterm").env_remove("JIT_SOCKET").env_remove("NO_COLOR").stdin(Stdio::null());
    command
}

pub fn jit(socket: &Path, arguments: &[&str]) -> Ran {
    command(arguments).env("JIT_SOCKET", socket).output().unwrap().into()
}

/// Runs jit on a terminal of its own, types, and returns its exit code and everything that the terminal got.
pub fn on_terminal(command: &mut Command, typed: &str) -> (i32, String) {
    let pty = openpty(None, None).unwrap();
    let mut child = {
        let end = || Stdio::from(pty.slave.try_clone().unwrap());
        command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap()
    };
    // The command holds the terminal's other end too, and must let go of it before the end can be seen.
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    drop(pty.slave);
    let mut master = File::from(pty.master);
    master.write_all(typed.as_bytes()).unwrap();
    let mut shown = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = master.read(&mut part) {
        shown.extend_from_slice(&part[..read]);
    }
    (child.wait().unwrap().code().unwrap(), String::from_utf8(shown).unwrap())
}

pub fn failed(code: FailureCode, message: &str) -> UserAnswer {
    UserAnswer::Failed(Failure { code, message: message.to_owned(), help: Some("do better".to_owned()), rule: Some("ops-root".to_owned()) })
}

/// Whether the text could make a terminal do anything but show it.
pub fn is_harmless(text: &str) -> bool {
    !text.chars().any(|letter| letter != '\n' && jit_core::text::is_unsafe(letter))
}

pub fn request(request: RequestView) -> UserAnswer {
    UserAnswer::Request(Box::new(request))
}

pub fn status(status: StatusView) -> UserAnswer {
    UserAnswer::Status(Box::new(status))
}

pub fn say(answer: UserAnswer) -> Vec<Step> {
    vec![Step::Say(answer)]
}

pub fn shown(shown: Shown) -> Vec<Step> {
    vec![Step::Say(UserAnswer::Shown(Box::new(shown))), Step::Say(UserAnswer::Events { events: sample::events(1), more: false })]
}
