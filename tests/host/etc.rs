//! The world's `/etc`, written before the world is made.

use crate::build::{Account, Plan};
use std::fmt::Write as _;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// The hash of [`crate::PASSWORD`].
const HASH: &str = "$6$jitworld$hgGnA2ci2hOn9df7odpwjlJJ5wHbVyj6wvwmmANpfGL7c1XY.ZNE/6Z0piFcfl1n.rnPJd5IUSJq8QOeL4l5y/";
const JITD_UID: u32 = 900;

struct Etc<'a> {
    place: &'a Path,
    /// The root of what the world is made from.
    base: &'a Path,
}

impl Etc<'_> {
    fn write(&self, name: &str, mode: u32, text: &str) {
        let path = self.place.join(if self.base == Path::new("/") { "etc" } else { "layer/etc" }).join(name);
        std::fs::DirBuilder::new().recursive(true).mode(0o755).create(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }
}

/// Writes everything that the plan says, and what of this base it builds on.
pub fn write(plan: &Plan, place: &Path, base: &Path) {
    let etc = Etc { place, base };
    accounts(&etc, plan);
    pam(&etc, plan);
    sshd(&etc, plan, place);
    etc.write("hosts", 0o644, "127.0.0.1 localhost testhost\n::1 localhost\n");
    etc.write("nsswitch.conf", 0o644, "passwd: files\ngroup: files\nshadow: files\nhosts: files\n");
    etc.write("sudoers.d/test", 0o440, &plan.sudoers);
    if let Some(policy) = &plan.policy {
        etc.write("jit/policy.toml", 0o644, policy);
    }
    if !plan.bare {
        etc.write("jit/jitd.toml", 0o644, &plan.settings);
    }
    for (name, mode, text) in &plan.files {
        etc.write(name, *mode, text);
    }
}

fn accounts(etc: &Etc<'_>, plan: &Plan) {
    let host = |name: &str| std::fs::read_to_string(etc.base.join("etc").join(name)).unwrap();
    let (mut passwd, mut shadow, mut group) = (host("passwd"), host("shadow"), host("group"));
    let mut homes = String::new();
    if !plan.bare {
        let _ = writeln!(passwd, "jitd:x:{JITD_UID}:{JITD_UID}::/nonexistent:/usr/sbin/nologin");
        let _ = writeln!(shadow, "jitd:!:19000::::::");
        let _ = writeln!(group, "jitd:x:{JITD_UID}:");
    }
    for Account { name, uid, .. } in &plan.accounts {
        let _ = writeln!(passwd, "{name}:x:{uid}:{uid}::/home/{name}:/bin/sh");
        let _ = writeln!(shadow, "{name}:{HASH}:19000::::::");
        let _ = writeln!(group, "{name}:x:{uid}:");
        let _ = writeln!(homes, "mkdir -m 0755 /home/{name}; chown {uid}:{uid} /home/{name}");
    }
    for (number, name) in plan.groups().iter().enumerate() {
        let members: Vec<_> =
            plan.accounts.iter().filter(|account| account.groups.contains(name)).map(|account| account.name.as_str()).collect();
        let _ = writeln!(group, "{name}:x:{}:{}", 3001 + number, members.join(","));
    }
    etc.write("passwd", 0o644, &passwd);
    etc.write("shadow", 0o640, &shadow);
    etc.write("group", 0o644, &group);
    std::fs::write(etc.place.join("homes"), homes).unwrap();
}

/// Our lines: the first of account, the first of session, and the last of session.
fn pam(etc: &Etc<'_>, plan: &Plan) {
    let module = etc.place.join("built/libpam_jit.so");
    let (module, arguments) = (module.display(), &plan.arguments);
    for service in ["sudo", "sudo-i", "su", "su-l", "sshd"] {
        let stock = std::fs::read_to_string(etc.base.join("etc/pam.d").join(service)).unwrap();
        let text = if plan.services.iter().any(|named| named == service) {
            let control = &plan.control;
            format!(
                "account {control} {module} {arguments}\nsession {control} {module} {arguments}\n{stock}\nsession {control} {module} enter {arguments}\n"
            )
        } else {
            stock
        };
        etc.write(&format!("pam.d/{service}"), 0o644, &text);
    }
}

fn sshd(etc: &Etc<'_>, plan: &Plan, place: &Path) {
    let keys = place.join("keys");
    std::fs::create_dir(&keys).unwrap();
    let key = keys.join("key");
    let made = std::process::Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(made.success());
    etc.write("ssh/test_host_key", 0o600, &std::fs::read_to_string(&key).unwrap());
    etc.write("ssh/authorized_key", 0o644, &std::fs::read_to_string(key.with_extension("pub")).unwrap());
    let subsystem = if plan.sshd.contains("Subsystem") { "" } else { "Subsystem sftp internal-sftp" };
    let text = format!(
        "Port 2222\nListenAddress 127.0.0.1\nHostKey /etc/ssh/test_host_key\nAuthorizedKeysFile /etc/ssh/authorized_key\nUsePAM yes\nPermitRootLogin yes\n\
         PasswordAuthentication yes\nKbdInteractiveAuthentication yes\nStrictModes no\nPidFile none\nPrintMotd no\n{}\n{subsystem}\n{}\n",
        if plan.sshd.contains("UseDNS") { "" } else { "UseDNS no" },
        plan.sshd
    );
    etc.write("ssh/test_sshd_config", 0o600, &text);
}
