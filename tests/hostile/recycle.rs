//! A process number that passes on: an approver's process connects and ends, and another one gets its number before
//! jitd looks who asked. Whoever could bring that about would choose what jitd sees of them.

use super::patience;
use jit_proto::client::{Connection, Trust};
use jit_proto::user::{Act, Greeting, UserAnswer, UserAsk};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, Pid, Uid, fork, read, setuid};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::path::Path;

/// The approver's uid, on the tests' hosts.
const CAROL: u32 = 1003;

/// Runs this in a process of its own, as the approver.
fn child(run: impl FnOnce()) -> Pid {
    // SAFETY: this program has one thread; the child runs, and ends.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => child,
        ForkResult::Child => {
            setuid(Uid::from_raw(CAROL)).unwrap();
            run();
            std::process::exit(0);
        }
    }
}

fn wait_for(signal: &PipeReader) {
    assert_eq!(read(signal, &mut [0]).unwrap(), 1);
}

fn give(mut signal: &PipeWriter) {
    signal.write_all(&[1]).unwrap();
}

/// Stops all threads of a process: the signal is taken by one of them, and the others go on until it is.
fn stop(process: Pid) {
    kill(process, Signal::SIGSTOP).unwrap();
    let is_stopped = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("stat")).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('T')
    };
    while !std::fs::read_dir(format!("/proc/{process}/task")).unwrap().all(|task| is_stopped(task.unwrap())) {
        std::thread::yield_now();
    }
}

/// Tries it, as root, who alone can choose process numbers: the most that luck could give anybody else. The ask is
/// sent by the process that connected, just before it ends (`after-the-ask`), or by a child of it, afterwards.
pub fn recycle(socket: &Path, when: &str, jitd: Pid, id: &str) {
    let ((connected, tell_connected), (end, tell_end), (ask, tell_ask)) = (pipe().unwrap(), pipe().unwrap(), pipe().unwrap());
    let (mut said, say) = pipe().unwrap();
    let send = |connection: &Connection, greeting: &Greeting| {
        let act = Act::Approve { id: id.to_owned(), for_s: None, note: None };
        connection.send(&UserAsk { nonce: greeting.nonce, act }, &mut patience()).unwrap();
    };
    let first = child(|| {
        let connection = Connection::open(socket, Trust::Anyone, &mut patience()).unwrap();
        let greeting: Greeting = connection.receive(&mut patience()).unwrap();
        child(|| {
            wait_for(&ask);
            if when == "before-the-ask" {
                send(&connection, &greeting);
            }
            let answer = match connection.receive::<UserAnswer>(&mut patience()) {
                Ok(UserAnswer::Failed(failure)) => format!("refused: {}", failure.message),
                Ok(answer) => format!("answered: {answer:?}"),
                Err(trouble) => format!("refused: {trouble}"),
            };
            (&say).write_all(answer.as_bytes()).unwrap();
        });
        give(&tell_connected);
        wait_for(&end);
        if when == "after-the-ask" {
            send(&connection, &greeting);
        }
    });
    // The last copy but those of the children above: what they say ends with them.
    drop(say);
    wait_for(&connected);
    stop(jitd);
    give(&tell_end);
    waitpid(first, None).unwrap();
    let second = loop {
        std::fs::write("/proc/sys/kernel/ns_last_pid", (first.as_raw() - 1).to_string()).unwrap();
        let second = child(|| _ = read(&end, &mut [0]));
        if second == first {
            break second;
        }
        kill(second, Signal::SIGKILL).unwrap();
        waitpid(second, None).unwrap();
    };
    kill(jitd, Signal::SIGCONT).unwrap();
    give(&tell_ask);
    let mut answer = String::new();
    said.read_to_string(&mut answer).unwrap();
    println!("{answer}");
    kill(second, Signal::SIGKILL).unwrap();
    waitpid(second, None).unwrap();
}
