//! A PAM file before `jit enable`: what is not understood is refused, and what is put in is taken out again, byte for byte.
#![no_main]

use jit::fuzzing::{Behind, Found, add, arguments, disorder, find, take_out};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let read = |name: &str| match name {
        "sudo" => Some(data.to_vec()),
        "common" => Some(b"account required pam_unix.so\nsession required pam_unix.so\n".to_vec()),
        _ => None,
    };
    let _ = (disorder("sudo", &read), arguments("sudo", &read));
    let Ok(found) = find("sudo", &read) else { return };
    let behind = Behind { everywhere: " quiet".to_owned(), account: " ask".to_owned() };
    let Ok(enabled) = add("sudo", data, found, &behind) else { return };
    // What somebody wrote by hand is taken out too, and marks without lines: without that, it is the file as it was.
    let without = take_out("sudo", data).unwrap_or_else(|why| panic!("it was enabled, and cannot be disabled: {why}"));
    let disabled = take_out("sudo", &enabled).unwrap_or_else(|why| panic!("it was enabled, and cannot be disabled: {why}"));
    assert!(disabled == without, "{:?}\n{:?}", String::from_utf8_lossy(&enabled), String::from_utf8_lossy(&disabled));
    if found == Found::default() {
        let after = |name: &str| if name == "sudo" { Some(enabled.clone()) } else { read(name) };
        assert_eq!(find("sudo", &after), Ok(Found::WHOLE));
        assert_eq!(disorder("sudo", &after), Ok(Vec::new()), "{:?}", String::from_utf8_lossy(&enabled));
    }
    let gone = |name: &str| if name == "sudo" { Some(disabled.clone()) } else { read(name) };
    if let Ok(left) = find("sudo", &gone) {
        assert_eq!(left, Found::default(), "{:?}", String::from_utf8_lossy(&disabled));
    }
});
