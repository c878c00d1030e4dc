//! pam_acct_mgmt through libpam, with our module and with those of others.

use crate::check::ROUNDS;
use crate::contest::Contest;
use crate::daemon::built;
use crate::sss::Sssd;
use crate::{mounts, say, stacks};
use std::path::{Path, PathBuf};

/// A module, or rather what stands behind `account required`, and the account that it is asked about. sssd knows no root.
struct Peer {
    name: &'static str,
    service: &'static str,
    line: Option<String>,
    user: &'static str,
}

/// Whether libpam has a module of this name.
fn has(module: &str) -> bool {
    let multiarch = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|entry| entry.path().join("security"));
    let elsewhere = ["/usr/lib/security", "/usr/lib64/security", "/lib/security", "/lib64/security"].map(PathBuf::from);
    multiarch.chain(elsewhere).any(|directory| directory.join(module).exists())
}

/// All of them, each with as little to do as somebody would have it do who uses it.
fn peers(place: &Path, socket: &Path, sssd: Option<&Sssd>) -> [Peer; 8] {
    std::fs::write(place.join("access.conf"), "+:root:ALL\n+:(wheel):LOCAL\n-:ALL:ALL\n").unwrap();
    std::fs::write(place.join("list"), "root\n").unwrap();
    if Path::new("/etc/security/time.conf").exists() {
        mounts::cover(place, "/etc/security/time.conf", "*;*;root;Al0000-2400\n");
    }
    let own = |name: &'static str, service, rest: &str| {
        let line = has(&format!("{name}.so")).then(|| format!("{name}.so {rest}"));
        Peer { name, service, line, user: "root" }
    };
    let [access, list] = ["access.conf", "list"].map(|file| place.join(file).display().to_string());
    let ours = format!("{} socket={}", built("libpam_jit.so").display(), socket.display());
    let sss = sssd.map(|sssd| sssd.module.display().to_string());
    [
        own("pam_permit", "permit", ""),
        Peer { name: "pam_jit", service: "bench", line: Some(ours), user: "root" },
        own("pam_time", "time", ""),
        own("pam_listfile", "listfile", &format!("onerr=fail item=user sense=allow file={list}")),
        own("pam_access", "access", &format!("accessfile={access}")),
        own("pam_unix", "unix", ""),
        Peer { name: "pam_sss", service: "sss", line: sss, user: "daemon" },
        own("pam_exec", "exec", "quiet /bin/true"),
    ]
}

/// Measures.
pub fn run(place: &Path, socket: &Path) {
    mounts::begin();
    let sssd = Sssd::start(place);
    let (present, absent): (Vec<_>, Vec<_>) = peers(place, socket, sssd.as_ref()).into_iter().partition(|peer| peer.line.is_some());
    let lines = present.iter().map(|peer| (peer.service, format!("account required {}\n", peer.line.as_deref().unwrap_or_default())));
    let stacks = stacks::write(place, lines);
    let mut contest = Contest::new("pam_start_confdir + pam_acct_mgmt + pam_end");
    for Peer { name, service, user, .. } in &present {
        let stacks = stacks.clone();
        contest.enter(name, move || stacks::account(&stacks, service, user));
    }
    let results = contest.run(ROUNDS);
    results.say(&[]);
    for (peer, most) in [("pam_permit", 2.2), ("pam_unix", 0.5), ("pam_sss", 0.1)] {
        if present.iter().any(|present| present.name == peer) {
            results.say_goals(&[("pam_jit", peer, most)]);
        }
    }
    for Peer { name, .. } in absent {
        let remedy = if name == "pam_sss" { "benches/sss.sh gets it" } else { "libpam has no such module" };
        say::figure(name, "absent", remedy);
    }
}
