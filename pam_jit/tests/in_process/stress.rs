//! Hosts that call PAM from many threads, and fork.

use crate::alone::{alone, passes};
use crate::daemon::{answer, read_ask, turn_away, welcome};
use crate::libpam::{PERM_DENIED, SUCCESS};
use crate::place::Place;
use jit_proto::pam::{Question, Verdict};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A daemon that serves many at once.
fn busy_daemon(socket: &Path, verdict: fn(&Question) -> Verdict) {
    let listener = UnixListener::bind(socket).unwrap();
    for _ in 0..4 {
        let listener = listener.try_clone().unwrap();
        std::thread::spawn(move || {
            loop {
                let (mut stream, _) = listener.accept().unwrap();
                let ask = read_ask(&mut stream);
                answer(&mut stream, ask.token, verdict(&ask.question));
            }
        });
    }
}

#[test]
fn eight_threads_each_get_their_own_answer() {
    let (open, shut) = (Place::new("timeout=10s"), Place::new("timeout=10s"));
    busy_daemon(&open.socket(), welcome);
    busy_daemon(&shut.socket(), turn_away);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (place, code) = if number % 2 == 0 { (&open, SUCCESS) } else { (&shut, PERM_DENIED) };
            scope.spawn(move || {
                for _ in 0..300 {
                    let transaction = place.transaction();
                    assert_eq!(transaction.account(), code);
                    assert_eq!(transaction.open(), code);
                }
            });
        }
    });
}

#[test]
fn a_host_that_forks_while_its_threads_call_pam_gets_an_answer_in_each_child() {
    passes(alone("stress::forks"));
}

#[test]
#[ignore = "forks"]
fn forks() {
    let place = Place::new("timeout=10s");
    busy_daemon(&place.socket(), welcome);
    let (over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        // Prepared in the parent, so that the children need nothing that another thread could hold a lock of: what is
        // then left to wait for is the module's own.
        let prepared: Vec<_> = (0..200).map(|_| place.transaction()).collect();
        for transaction in &prepared {
            assert_eq!(transaction.account(), SUCCESS);
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    assert_eq!(place.transaction().account(), SUCCESS);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for transaction in &prepared {
            // SAFETY: the child calls the module, as hosts do, and leaves by `_exit`.
            match unsafe { fork() }.unwrap() {
                ForkResult::Child => {
                    let code = transaction.account();
                    // SAFETY: it ends the child at once.
                    unsafe { nix::libc::_exit(code) };
                }
                ForkResult::Parent { child } => {
                    let began = Instant::now();
                    let status = loop {
                        let status = waitpid(child, Some(WaitPidFlag::WNOHANG)).unwrap();
                        if status != WaitStatus::StillAlive {
                            break status;
                        }
                        assert!(began.elapsed() < Duration::from_secs(20), "a child hangs");
                        std::thread::sleep(Duration::from_micros(200));
                    };
                    assert_eq!(status, WaitStatus::Exited(child, SUCCESS));
                }
            }
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(calls.load(Ordering::Relaxed) > 100, "the threads were to be busy meanwhile");
}
