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

/// Our module's name here.
const OURS: &str = "pam_jit";

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
        Peer { name: OURS, service: "bench", line: Some(ours), user: "root" },
        own("pam_time", "time", ""),
        own("pam_listfile", "listfile", &format!("onerr=fail item=user sense=allow file={list}")),
        own("pam_access", "access", &format!("accessfile={access}")),
        own("pam_unix", "unix", ""),
        Peer { name: "pam_sss", service: "sss", line: sss, user: "daemon" },
        own("pam_exec", "exec", "quiet /bin/true"),
    ]
}

/// Those that start a program or ask another service: they leave cold caches to whoever comes next, and each runs apart.
const HEAVY: [&str; 2] = ["pam_sss", "pam_exec"];

/// One contest of those that are chosen, and how the goals were met whose peers are in it.
fn contest(title: &str, stacks: &Path, peers: &[Peer], is_chosen: impl Fn(&str) -> bool, goals: &[(&'static str, f64)]) {
    let mut contest = Contest::new(title);
    let chosen: Vec<_> = peers.iter().filter(|peer| peer.line.is_some() && is_chosen(peer.name)).collect();
    for Peer { name, service, user, .. } in &chosen {
        contest.enter(name, move || stacks::account(stacks, service, user));
    }
    let results = contest.run(ROUNDS);
    results.say(&[]);
    for (peer, most) in goals.iter().filter(|(peer, _)| chosen.iter().any(|chosen| chosen.name == *peer)) {
        results.say_goals(&[(OURS, peer, *most)]);
    }
    for absent in peers.iter().filter(|peer| peer.line.is_none() && is_chosen(peer.name)) {
        let remedy = if absent.name == "pam_sss" { "benches/sss.sh gets it" } else { "libpam has no such module" };
        say::figure(absent.name, "absent", remedy);
    }
}

/// Measures.
pub fn run(place: &Path, socket: &Path) {
    mounts::begin();
    let sssd = Sssd::start(place);
    let peers = peers(place, socket, sssd.as_ref());
    let lines = peers.iter().filter_map(|peer| Some((peer.service, format!("account required {}\n", peer.line.as_ref()?))));
    let stacks = stacks::write(place, lines);
    let what = "pam_start_confdir + pam_acct_mgmt + pam_end";
    contest(what, &stacks, &peers, |name| !HEAVY.contains(&name), &[("pam_permit", 2.2), ("pam_unix", 0.5)]);
    for heavy in HEAVY {
        contest(&format!("{what}, in turn with {heavy}"), &stacks, &peers, |name| [OURS, heavy].contains(&name), &[("pam_sss", 0.1)]);
    }
}
