//! A host without descriptors, under a storm of signals, with a closed standard input, or that dies of SIGPIPE.

use crate::alone::{alone, passes};
use crate::daemon::{Apart, answer, answers_all, daemon, read_ask, welcome};
use crate::libpam::{AUTHINFO_UNAVAIL, PERM_DENIED, SUCCESS, SYSTEM_ERR};
use crate::place::Place;
use jit_proto::pam::Verdict;
use nix::sys::pthread::{pthread_kill, pthread_self};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction, signal};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

#[test]
fn a_host_without_a_descriptor_left_fails_on_our_side_and_proves_nothing_about_jitd() {
    passes(alone("starved::no_descriptor_left"));
}

#[test]
#[ignore = "changes the limits of its process"]
fn no_descriptor_left() {
    let place = Place::new("");
    answers_all(&place.socket(), welcome);
    // libpam loads the module, and the daemon has all that it needs, before descriptors run out.
    let first = place.transaction();
    assert_eq!(first.account(), SUCCESS);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
    assert_eq!(first.account(), SYSTEM_ERR);
    assert_eq!(first.open(), SYSTEM_ERR);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    assert_eq!(first.account(), SUCCESS);
}

#[test]
fn a_storm_of_signals_neither_shortens_nor_lengthens_the_wait() {
    passes(alone("starved::storm"));
}

static HEARD: AtomicU32 = AtomicU32::new(0);

extern "C" fn count(_: i32) {
    HEARD.fetch_add(1, Ordering::Relaxed);
}

#[test]
#[ignore = "handles signals of its process"]
fn storm() {
    let handler = SigAction::new(SigHandler::Handler(count), SaFlags::empty(), SigSet::empty());
    // SAFETY: the handler adds to an atomic, and nothing else.
    unsafe { sigaction(Signal::SIGUSR1, &handler) }.unwrap();
    let (host, over) = (pthread_self(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                pthread_kill(host, Signal::SIGUSR1).unwrap();
                std::thread::sleep(Duration::from_micros(100));
            }
        });
        let silent = Place::new("timeout=1s");
        daemon(&silent.socket(), 1, |_, _| {});
        let transaction = silent.transaction();
        let began = Instant::now();
        assert_eq!(transaction.account(), AUTHINFO_UNAVAIL);
        let took = began.elapsed();
        let slow = Place::new("timeout=1s");
        daemon(&slow.socket(), 1, |_, mut stream| {
            let ask = read_ask(&mut stream);
            std::thread::sleep(Duration::from_millis(500));
            answer(&mut stream, ask.token, welcome(&ask.question));
        });
        let in_time = slow.transaction().account();
        over.store(true, Ordering::Relaxed);
        assert!(took >= Duration::from_millis(990) && took < Duration::from_millis(1100), "{took:?}");
        assert_eq!(in_time, SUCCESS);
    });
    let heard = HEARD.load(Ordering::Relaxed);
    // One each ten milliseconds is enough for a wait that begins anew with each to have no end.
    assert!(heard > 100, "{heard} signals are no storm");
}

#[test]
fn a_daemon_that_hangs_up_does_not_kill_a_host_that_dies_of_sigpipe() {
    passes(alone("starved::sigpipe"));
}

#[test]
#[ignore = "changes what a signal does to its process"]
fn sigpipe() {
    // SAFETY: the default disposition has no handler that could do harm.
    unsafe { signal(Signal::SIGPIPE, SigHandler::SigDfl) }.unwrap();
    let place = Place::new("timeout=1s");
    daemon(&place.socket(), 300, |_, stream| stream.shutdown(std::net::Shutdown::Both).unwrap());
    for _ in 0..100 {
        assert_eq!(place.transaction().account(), AUTHINFO_UNAVAIL);
    }
}

#[test]
fn a_host_with_closed_standard_streams_keeps_them_closed() {
    passes(alone("starved::closed_streams"));
}

#[test]
#[ignore = "closes descriptors of its process"]
fn closed_streams() {
    let place = Place::new("");
    let host = nix::unistd::getpid();
    // While the host waits for its answer, the daemon looks which of the host's standard streams are open.
    let _daemon = Apart::start(&place.socket(), |_| {
        let open = (0..=2).filter(|number| std::fs::read_link(format!("/proc/{host}/fd/{number}")).is_ok());
        Verdict::Denied { message: open.map(|number: u32| number.to_string()).collect() }
    });
    let says = |what: &str| {
        let transaction = place.transaction();
        assert_eq!(transaction.account(), PERM_DENIED);
        assert_eq!(transaction.heard.lines, [what]);
    };
    says("012");
    let kept = nix::unistd::dup(std::io::stdin()).unwrap();
    nix::unistd::close(0).unwrap();
    let closed = std::panic::catch_unwind(|| says("12"));
    nix::unistd::dup2_stdin(&kept).unwrap();
    closed.unwrap();
}
