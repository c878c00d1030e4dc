//! What stands behind `pam_jit.so`: an argument is understood, or it is wrong and named in one printable line; nothing weakens the gate.
#![no_main]

use jit_core::text;
use jit_proto::pam::OBSERVE_DAYS;
use libfuzzer_sys::fuzz_target;
use pam_jit::arguments::Arguments;
use std::ffi::{CStr, CString};
use std::time::Duration;

/// What can be written without a value, and with one.
const WORDS: [&str; 4] = ["quiet", "debug", "enter", "ask"];
const KEYS: [&str; 4] = ["socket=", "timeout=", "wait=", "observe="];

fuzz_target!(|data: &[u8]| {
    // libpam splits a line at its blanks; what it hands over has no NUL.
    let words: Vec<_> = data.split(|byte| matches!(byte, 0 | b' ')).filter_map(|word| CString::new(word).ok()).collect();
    let line: Vec<&CStr> = words.iter().map(CString::as_c_str).collect();
    let read = Arguments::read(&line);
    let known = |word: &CString| {
        let word = word.to_string_lossy();
        WORDS.contains(&word.as_ref()) || KEYS.iter().any(|key| word.starts_with(key))
    };
    match &read.wrong {
        Some(wrong) => {
            let said = wrong.to_string();
            assert!(!said.chars().any(text::is_unsafe) && said.len() < 400, "{said:?}");
        }
        None => assert!(words.iter().all(known), "{words:?} was understood as {read:?}"),
    }
    assert!(read.socket.is_absolute());
    assert!(read.timeout >= Duration::from_secs(1) && read.timeout <= Duration::from_secs(60));
    assert!(read.wait >= Duration::from_secs(1) && read.wait <= Duration::from_secs(3600));
    let today = "2026-11-23".parse().unwrap();
    if let (Ok(true), Some(until)) = (read.observes(today), read.observe) {
        assert!(until >= today && (until - today).num_days() <= i64::try_from(OBSERVE_DAYS).unwrap());
    }
    // A word more never makes a wrong line right.
    let more: Vec<&CStr> = line.iter().copied().chain([c"quiet"]).collect();
    assert!(read.wrong.is_none() || Arguments::read(&more).wrong.is_some());
});
