//! A process without descriptors, alone in its own: what it cannot look at is not gone.

use jit_core::session::Process;
use jit_host::process::{identify, is_running, is_there};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

#[test]
fn who_cannot_be_looked_at_for_want_of_descriptors_is_not_taken_for_gone() {
    let own = identify(std::process::id()).unwrap();
    let gone = Process { started: own.started + 1, ..own };
    let sees = || (is_there(own), is_running(own));
    assert_eq!((sees(), is_there(gone), is_running(gone)), ((true, true), false, false));
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 0, hard).unwrap();
    let seen = (std::fs::File::open("/proc/self/stat").is_err(), sees());
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).unwrap();
    assert_eq!(seen, (true, (true, true)));
}
