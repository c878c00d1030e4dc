//! How the module is linked.

use std::path::Path;
use std::process::Command;

fn main() {
    // libpam unloads modules at pam_end; what std left behind in thread-local storage must still have its code then.
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,relro,-z,now");
    println!("cargo:rerun-if-changed=build.rs");
    take_the_unwinder_along();
}

/// std asks for libgcc_s, which unwinds a panic. sudo and sshd have not loaded that, and to load it takes longer than to load the
/// module itself. So the module takes those few functions along, where the compiler has them in an archive.
fn take_the_unwinder_along() {
    let archive = Command::new("cc").arg("-print-file-name=libgcc_eh.a").output();
    let archive = archive.ok().and_then(|found| String::from_utf8(found.stdout).ok()).unwrap_or_default();
    let (archive, Ok(place)) = (Path::new(archive.trim()), std::env::var("OUT_DIR")) else { return };
    // Whoever builds for another host or libc (packaging/build.sh rpm) names a linker, and that has an unwinder of its own; a
    // sanitizer wants to see what libgcc_s does.
    let is_for_here = std::env::var("HOST") == std::env::var("TARGET") && std::env::var_os("RUSTC_LINKER").is_none();
    let is_sanitized = std::env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("sanitizer"));
    // cc gives back the mere name of what it does not have.
    if archive.is_absolute() && is_for_here && !is_sanitized {
        let script = format!("INPUT({})\n", archive.display());
        if std::fs::write(Path::new(&place).join("libgcc_s.so"), script).is_ok() {
            println!("cargo:rustc-cdylib-link-arg=-L{place}");
        }
    }
}
