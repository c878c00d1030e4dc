//! The packages, as `packaging/build.sh` made them: installed, used, upgraded, removed, and attacked by accident.
//!
//! They need `packaging/build.sh deb` first, so `cargo test` alone does not run them: `cargo test -p jit_tests --test packages` does. Those
//! of the .rpm run in a full run: it is a second build.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests say what went wrong by panicking"
)]

mod deb;
mod lockout;
mod rpm;

use jit_tests::{Host, PASSWORD, POLICY, Plan, wait_until};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the project.
fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The newest package of this kind.
fn package(ending: &str) -> PathBuf {
    let entries = std::fs::read_dir(project().join("target/packages")).map(|entries| entries.flatten().map(|entry| entry.path()).collect());
    let mut made: Vec<PathBuf> = entries.unwrap_or_default();
    made.retain(|path| path.to_string_lossy().ends_with(ending));
    made.sort_by_key(|path| path.metadata().unwrap().modified().unwrap());
    made.pop().unwrap_or_else(|| panic!("there is no {ending}; packaging/build.sh makes it"))
}

/// Runs a program on this machine, and returns what it said.
fn here(line: &str) -> String {
    let ran = Command::new("sh").args(["-c", line]).current_dir(project()).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "$ {line}\n{said}");
    said
}

/// The units that the project has, of whatever parts.
fn units() -> Vec<String> {
    let folders = ["packaging", "packaging/metrics"].map(|folder| project().join(folder));
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten();
    let is_unit = |name: &String| [".service", ".socket", ".path", ".timer"].iter().any(|ending| name.ends_with(ending));
    let units: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(is_unit).collect();
    assert!(units.len() >= 5, "{units:?}");
    units
}

/// The same package with another version, and with what a line of the shell does in its unpacked files.
fn another_deb(version: &str, change: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let (at, deb) = (folder.path().display(), package(".deb"));
    here(&format!(
        "dpkg-deb -R {} {at}/x && cd {at}/x && sed -i 's/^Version:.*/Version: {version}/' DEBIAN/control && {{ {change}; }} && \
         dpkg-deb -b --root-owner-group -Znone {at}/x {at}/made.deb",
        deb.display()
    ));
    folder
}

/// A stock Debian, and the package beside it in /root.
fn stock(plan: impl FnOnce(Plan) -> Plan) -> Host {
    let host = Host::with(|host| plan(host.people().systemd().bare())).start();
    std::fs::copy(package(".deb"), host.path("/root/pam-jit.deb")).unwrap();
    host.root().run(&format!("echo root:{PASSWORD} | chpasswd")).succeeds();
    host
}

/// Installed, with a policy, and with nothing enabled.
fn installed() -> Host {
    let host = stock(|host| host);
    host.root().run("dpkg -i /root/pam-jit.deb").succeeds();
    host.write("/etc/jit/policy.toml", POLICY);
    host.root().run("jit reload").succeeds();
    host
}

/// Installed, and sudo gated; what its PAM files were before.
fn gated() -> (Host, String) {
    let host = installed();
    let before = files(&host);
    host.root().run("jit enable sudo && jit confirm --unproven").succeeds();
    host.user("alice").run("sudo -n id -un").fails().says("jit: no grant for sudo");
    (host, before)
}

/// Every PAM file, with owner, mode and contents.
fn files(host: &Host) -> String {
    host.root().run("cd /etc/pam.d; stat -c '%n %a %u %g' *; sha256sum *").succeeds().stdout
}

/// alice has nothing, asks, is let in.
fn works_again(host: &Host) {
    host.user("alice").run("sudo -n true").fails().says("jit: no grant for sudo");
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
}

/// Puts another package into the host, under this name in /root.
fn bring(host: &Host, folder: &tempfile::TempDir, name: &str) {
    std::fs::copy(folder.path().join("made.deb"), host.path(&format!("/root/{name}"))).unwrap();
}

/// jitd answers people.
fn wait_for_jitd(host: &Host) {
    wait_until("jitd to answer", || (host.root().run("jit status").code == 0).then_some(()));
}
