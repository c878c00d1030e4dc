use super::super::held::Held;
use super::{Worker, ended};
use crate::clock::SystemClock;
use crate::engine::{Begun, Task};
use crate::keeper::Keeper;
use crate::settings::RecordChecks;
use crate::writer::{Newest, Writer};
use jit_core::engine::{Effect, Grace};
use jit_core::name::{RunAs, Service, Uid, UserName};
use jit_core::session::{Bound, SessionFacts};
use jit_core::state::State;
use jit_core::time::WallTime;
use jit_host::process::identify;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::stat::{Mode, fchmod};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::sync::Arc;

fn worker() -> Worker {
    let begun = Begun {
        state: State::default(),
        policy: None,
        trouble: Vec::new(),
        record: RecordChecks::Grouped,
        based: 0,
        no_record: None,
        hanging: None,
    };
    let told = Arc::new(tokio::sync::watch::channel(Newest::default()).0);
    let (engine, _) = Task::new(SystemClock, Writer::none("none is needed".to_owned(), &told), Keeper::idle(), begun);
    Worker::new(engine, None, Held::default(), None)
}

/// A session of ours: of this process, in no cgroup.
fn session(pid: u32) -> SessionFacts {
    SessionFacts {
        id: "S-0A1B2C3D".parse().unwrap(),
        grant: "G-0A1B2C3D".parse().unwrap(),
        uid: Uid(nix::unistd::geteuid().as_raw()),
        user: UserName::new("alice"),
        service: Service::new("sudo"),
        run_as: RunAs::root(),
        from: None,
        tty: None,
        opened: WallTime::from_millis(0),
        process: identify(pid),
        bound: Bound::Tree,
    }
}

#[tokio::test]
async fn whoever_takes_orders_says_nothing_and_ends_nobody_by_itself_but_has_it_done_in_turn() {
    let pty = openpty(None, None).unwrap();
    fchmod(pty.slave.as_fd(), Mode::from_bits_truncate(0o620)).unwrap();
    fcntl(&pty.master, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let terminal = Stdio::from(pty.slave.try_clone().unwrap());
    let mut process = Command::new("setsid").args(["-c", "sleep", "60"]).stdin(terminal).spawn().unwrap();
    while crate::terminal::Terminal::of_process(identify(process.id()).unwrap()).is_none() {
        std::thread::yield_now();
    }
    let said = || {
        let mut said = [0; 1024];
        let length = nix::unistd::read(&pty.master, &mut said).unwrap_or(0);
        String::from_utf8_lossy(&said[..length]).into_owned()
    };
    let (mut worker, session) = (worker(), session(process.id()));
    let (id, grant) = (session.id, session.grant);
    worker.act(Effect::Over(session.clone()));
    assert_eq!(said(), "");
    assert!(ended(worker.works.join_next().await.unwrap()).is_empty());
    assert!(said().contains("this session goes on"));
    worker.act(Effect::End { grant, sessions: vec![session], because: "revoked", grace: Grace::None });
    assert_eq!(said(), "");
    assert!(process.try_wait().unwrap().is_none());
    let came_of_it = ended(worker.works.join_next().await.unwrap());
    assert!(matches!(came_of_it.as_slice(), [(ended, tally)] if *ended == id && tally.processes == 1 && tally.left == 0), "{came_of_it:?}");
    assert!(said().contains("ends now: its grant G-0A1B2C3D is revoked"));
    process.wait().unwrap();
}

#[tokio::test]
async fn an_end_that_panics_takes_the_keeper_along() {
    let mut worker = worker();
    worker.works.spawn(async { panic!("of the test's own") });
    let lost = worker.works.join_next().await.unwrap();
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ended(lost))).is_err());
}
