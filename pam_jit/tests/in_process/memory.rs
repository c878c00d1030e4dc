//! Under valgrind and AddressSanitizer: every phase, every answer, odd items, faulty daemons; no error, and no leak of ours.

use crate::alone::{alone, passes, under};
use crate::daemon::{Apart, read_ask, turn_away, welcome};
use crate::libpam::{AUTHINFO_UNAVAIL, Item, PERM_DENIED, SUCCESS, SYSTEM_ERR};
use crate::place::Place;
use jit_proto::pam::Verdict;
use std::io::Write;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn valgrind_finds_no_error_and_no_leak() {
    let options = [
        "--quiet",
        "--error-exitcode=9",
        "--leak-check=full",
        "--show-leak-kinds=definite,possible",
        "--errors-for-leak-kinds=definite",
        "--keep-debuginfo=yes",
        "--child-silent-after-fork=yes",
    ];
    let output = passes(under(Path::new("valgrind"), &options, "memory::everything"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains("pam_jit") && !said.contains("pam_sm_"), "{said}");
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[cfg(target_arch = "x86_64")]
/// A build of the module whose every access to memory is checked.
fn checked_module() -> PathBuf {
    let target = root().join("target/address-sanitizer");
    let mut build = Command::new(env!("CARGO"));
    build
        .args(["build", "--quiet", "--locked", "-p", "pam_jit", "--lib", "--target", "x86_64-unknown-linux-gnu", "--target-dir"])
        .arg(&target);
    // The sanitizers are not in stable Rust's options; this lets a stable compiler take them.
    build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", "-Zsanitizer=address");
    assert!(build.current_dir(root()).status().unwrap().success());
    target.join("x86_64-unknown-linux-gnu/debug/libpam_jit.so")
}

#[cfg(target_arch = "x86_64")]
#[test]
fn address_sanitizer_finds_no_error_and_no_leak() {
    let runtime = Command::new("cc").arg("-print-file-name=libasan.so").output().unwrap();
    let runtime = String::from_utf8(runtime.stdout).unwrap();
    let mut command = alone("memory::everything");
    command.env("JIT_TEST_MODULE", checked_module()).env("LD_PRELOAD", runtime.trim()).env("ASAN_OPTIONS", "detect_leaks=1:exitcode=9");
    // What the test program itself leaves at its end is not what is looked for.
    let suppressed = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(suppressed.path(), "leak:test::\nleak:std::thread\nleak:libc.so\n").unwrap();
    command.env("LSAN_OPTIONS", format!("suppressions={}:print_suppressions=0", suppressed.path().display()));
    passes(command);
}

#[test]
#[ignore = "runs under a memory checker"]
fn everything() {
    let (open, shut, gone, faulty) = (Place::new("debug"), Place::new(""), Place::new("timeout=1s"), Place::new("timeout=1s"));
    let long = |_: &_| Verdict::Denied { message: "x".repeat(60_000) };
    let verbose = Place::new("");
    let _daemons = [Apart::start(&open.socket(), welcome), Apart::start(&shut.socket(), turn_away), Apart::start(&verbose.socket(), long)];
    for _ in 0..20 {
        let transaction = open.transaction();
        for _ in 0..2 {
            assert_eq!(transaction.account(), SUCCESS);
            assert_eq!(transaction.open(), SUCCESS);
            assert_eq!(transaction.setcred(), SUCCESS);
            assert_eq!(transaction.close(), SUCCESS);
        }
        for place in [&shut, &verbose] {
            let transaction = place.transaction();
            assert_eq!((transaction.account(), transaction.open()), (PERM_DENIED, PERM_DENIED));
        }
        assert_eq!(gone.transaction().account(), AUTHINFO_UNAVAIL);
        assert_eq!(open.transaction_for(None).account(), SYSTEM_ERR);
        let odd = open.transaction();
        odd.set(Item::User, &[0xff; 300]);
        assert_eq!((odd.account(), odd.open()), (PERM_DENIED, PERM_DENIED));
    }
    // Each kind of nonsense once.
    let listener = UnixListener::bind(faulty.socket()).unwrap();
    let nonsense: [&[u8]; 5] = [b"HTTP/1.1 200 OK\r\n\r\n", &[1, 0, 0], &[1, 255, 255, 255, 255], &[1, 0, 0, 0, 4, 9, 9, 9, 9], &[]];
    std::thread::spawn(move || {
        loop {
            for bytes in nonsense {
                let (mut stream, _) = listener.accept().unwrap();
                let _ = read_ask(&mut stream);
                let _ = stream.write_all(bytes);
            }
        }
    });
    for _ in 0..5 {
        assert_eq!(faulty.transaction().account(), AUTHINFO_UNAVAIL);
    }
}
