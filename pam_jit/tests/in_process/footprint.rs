//! What the module leaves behind in its host: nothing.

use crate::alone::{alone, passes};
use crate::daemon::{Apart, turn_away, welcome};
use crate::libpam::{AUTHINFO_UNAVAIL, PERM_DENIED, SUCCESS};
use crate::place::Place;
use std::collections::BTreeMap;
use std::fs;

#[test]
fn ten_thousand_transactions_leave_no_memory_and_no_descriptor_behind() {
    passes(alone("footprint::cycles"));
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Resident memory, in pages.
fn resident() -> usize {
    fs::read_to_string("/proc/self/statm").unwrap().split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
#[ignore = "counts the memory of its process"]
fn cycles() {
    let (open, shut, gone) = (Place::new(""), Place::new(""), Place::new(""));
    let _daemons = [Apart::start(&open.socket(), welcome), Apart::start(&shut.socket(), turn_away)];
    // Each is loaded, checked and unloaded: libpam closes its modules at the end of each transaction.
    let cycle = || {
        let transaction = open.transaction();
        assert_eq!(transaction.account(), SUCCESS);
        assert_eq!(transaction.open(), SUCCESS);
        assert_eq!(transaction.close(), SUCCESS);
        assert_eq!(shut.transaction().account(), PERM_DENIED);
        assert_eq!(gone.transaction().account(), AUTHINFO_UNAVAIL);
    };
    for _ in 0..500 {
        cycle();
    }
    let (memory, open_before) = (resident(), descriptors());
    for _ in 0..10_000 {
        cycle();
    }
    let grown = resident().saturating_sub(memory);
    assert!(grown < 32, "it grew by {grown} pages");
    assert_eq!(descriptors(), open_before);
}

#[test]
fn nothing_of_the_host_is_changed_in_any_phase() {
    passes(alone("footprint::unchanged"));
}

/// Everything of this process that a module could change.
fn process() -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    let status = fs::read_to_string("/proc/self/status").unwrap();
    for line in status.lines() {
        let kept = ["Umask", "Threads", "SigBlk", "SigIgn", "SigCgt", "Uid", "Gid", "Groups", "NoNewPrivs", "Seccomp", "CapEff"];
        if let Some((name, value)) = line.split_once(':').filter(|(name, _)| kept.contains(name)) {
            facts.insert(name.to_owned(), value.to_owned());
        }
    }
    facts.insert("environment".to_owned(), format!("{:?}", std::env::vars_os().collect::<Vec<_>>()));
    facts.insert("limits".to_owned(), fs::read_to_string("/proc/self/limits").unwrap());
    facts.insert("directory".to_owned(), fs::read_link("/proc/self/cwd").unwrap().display().to_string());
    facts.insert("locale".to_owned(), locale());
    // The link of the folder that is being read is left out: its number is its own.
    let links = fs::read_dir("/proc/self/fd").unwrap().flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
    let mut links: Vec<_> = links.map(|link| link.display().to_string()).filter(|link| !link.starts_with("/proc/")).collect();
    links.sort();
    facts.insert("descriptors".to_owned(), links.join(" "));
    facts.insert("children".to_owned(), fs::read_to_string("/proc/thread-self/children").unwrap());
    facts
}

/// Compares fact by fact, so that what differs can be read.
fn is_as_before(before: &BTreeMap<String, String>, phase: &str) {
    let now = process();
    for (name, value) in before {
        assert_eq!(now.get(name), Some(value), "{name} after {phase}");
    }
    assert_eq!(now.len(), before.len());
}

fn locale() -> String {
    unsafe extern "C" {
        fn setlocale(category: i32, locale: *const std::ffi::c_char) -> *const std::ffi::c_char;
    }
    // LC_ALL, 6 in glibc; a null locale only asks.
    // SAFETY: nothing is changed, and no other thread changes the locale.
    let name = unsafe { setlocale(6, std::ptr::null()) };
    // SAFETY: glibc answers with a string that ends in NUL.
    unsafe { std::ffi::CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

#[test]
#[ignore = "looks at everything of its process"]
fn unchanged() {
    let (open, shut, gone) = (Place::new("debug"), Place::new("debug"), Place::new("debug"));
    let _daemons = [Apart::start(&open.socket(), welcome), Apart::start(&shut.socket(), turn_away)];
    // The first transactions load libpam's own things, and open the log's socket.
    for place in [&open, &shut, &gone] {
        let _ = place.transaction().account();
    }
    let transactions = [(open.transaction(), SUCCESS), (shut.transaction(), PERM_DENIED), (gone.transaction(), AUTHINFO_UNAVAIL)];
    let before = process();
    for (transaction, code) in &transactions {
        assert_eq!(transaction.authenticate(), SUCCESS);
        is_as_before(&before, "auth");
        assert_eq!(transaction.account(), *code);
        is_as_before(&before, "account");
        assert_eq!(transaction.setcred(), SUCCESS);
        is_as_before(&before, "setcred");
        assert_eq!(transaction.open(), *code);
        is_as_before(&before, "session open");
        // What was not opened is not closed: libpam itself answers for the open that failed then.
        assert_eq!(transaction.close(), if *code == SUCCESS { SUCCESS } else { PERM_DENIED });
        is_as_before(&before, "session close");
    }
}
