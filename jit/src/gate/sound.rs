//! What must hold before a door may depend on us.

use crate::doctor::{Check, host, last_door, policy_in_force};
use crate::gate::Places;
use crate::paths::{self, Paths};
use crate::talk::Talk;
use jit_core::name::{AsWhom, RunAs, Service};
use jit_core::policy::{GrantRule, Policy, Principal, Scope, load};
use jit_core::time::WallTime;
use jit_host::accounts;
use jit_proto::breakglass;
use jit_proto::client::{Connection, Patience, Trust};
use jit_proto::pam::{Entry, PamAnswer, PamAsk, Question, Who};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const BREAKGLASS: &str = breakglass::FILE;

/// Everything that is looked at before this service gets our lines.
#[must_use]
pub fn before(talk: &Talk, service: &str, now: WallTime) -> Vec<Check> {
    let mut checks = vec![
        module(),
        daemon(),
        where_lines_ask(),
        at_boot(),
        policy(service, now),
        policy_in_force(talk),
        host::processes(),
        another_way(service),
    ];
    if service == "sshd" {
        checks.push(use_pam());
        checks.extend(host::selinux_that_enforces());
    }
    checks
}

/// The folders in which a libpam looks, on the systems that are known: where libpam looks, its own modules lie.
fn module_folders(root: &Path) -> Vec<PathBuf> {
    let usual = ["usr/lib64/security", "lib64/security", "usr/lib/security", "lib/security"].map(|folder| root.join(folder));
    let entries = std::fs::read_dir(root.join("usr/lib")).into_iter().flatten().flatten();
    let mut triplets: Vec<_> = entries.map(|entry| entry.path().join("security")).collect();
    triplets.sort();
    usual.into_iter().chain(triplets).filter(|folder| folder.join("pam_unix.so").exists()).collect()
}

/// Where our module must be; none where there is no libpam. There can be the modules of another architecture beside those of ours, so
/// it is where one of libpam's own can be loaded.
fn module_in(root: &Path, can_be_loaded: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let folders = module_folders(root);
    let own = folders.iter().find(|folder| can_be_loaded(&folder.join("pam_unix.so")));
    Some(own.or(folders.first())?.join("pam_jit.so"))
}

/// Whether libpam finds the module, and can load it.
#[must_use]
pub fn module() -> Check {
    const NAME: &str = "module";
    let Some(module) = module_in(Path::new("/"), |module| loads(module).is_ok()) else {
        return Check::wrong(
            NAME,
            "the folder of PAM modules was not found: none has a pam_unix.so".to_owned(),
            "install libpam's modules",
        );
    };
    if !module.exists() {
        return Check::wrong(NAME, format!("{} is not there", module.display()), "install the package again");
    }
    match loads(&module) {
        Ok(()) => Check::fine(NAME, &format!("{} loads", module.display())),
        Err(why) => Check::wrong(NAME, format!("{} cannot be loaded: {why}", module.display()), "install the package for this system"),
    }
}

/// Whether the dynamic loader takes it, with every symbol that it wants: as libpam will ask for it.
fn loads(module: &Path) -> Result<(), String> {
    let tried = Command::new("/bin/true").env_clear().env("LD_PRELOAD", module).env("LD_BIND_NOW", "1").output();
    let tried = tried.map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&tried.stderr).trim().to_owned();
    if tried.status.success() && said.is_empty() { Ok(()) } else { Err(said) }
}

/// Whether jitd answers a question of the module's kind.
#[must_use]
pub fn daemon() -> Check {
    const NAME: &str = "daemon";
    let socket = match Paths::of_this_host() {
        Ok(paths) => paths.pam_socket(),
        Err(mistakes) => return Check::wrong(NAME, paths::in_words(&mistakes), paths::REMEDY),
    };
    match asked(&socket) {
        Ok(()) => Check::fine(NAME, "jitd answers"),
        Err(why) => {
            Check::wrong(NAME, format!("jitd does not answer: {why}"), "systemctl start jitd # journalctl -u jitd says why it was away")
        }
    }
}

/// Whether the lines that would be put in ask where jitd listens: they name no socket, so the module asks at the usual one.
fn where_lines_ask() -> Check {
    const NAME: &str = "socket";
    let usual = Paths::default().pam_socket();
    match Paths::of_this_host().map(|paths| paths.pam_socket()) {
        Ok(socket) if socket == usual => Check::fine(NAME, "it is where the module asks"),
        Ok(socket) => Check::wrong(
            NAME,
            format!("jitd listens at {}, and the lines would have the module ask at {}", socket.display(), usual.display()),
            &format!("put the lines in by hand, with socket={} in each", socket.display()),
        ),
        Err(mistakes) => Check::wrong(NAME, paths::in_words(&mistakes), paths::REMEDY),
    }
}

/// Whether systemd runs this host.
#[must_use]
pub fn has_systemd() -> bool {
    Path::new("/run/systemd/system").exists()
}

/// Whether the sockets will be there after the next boot, and what puts back a change that nobody confirmed: a jitd that was only
/// started lets nobody in then.
#[must_use]
pub fn at_boot() -> Check {
    const NAME: &str = "after a boot";
    const UNITS: [&str; 4] = ["jitd.socket", "jitd-user.socket", "jitd.service", "jit-rollback.path"];
    if !has_systemd() {
        return Check::fine(
            NAME,
            "there is no systemd here: see that whatever starts services starts jitd, and runs jit roll-back --when-due",
        );
    }
    let is_enabled = |unit: &&str| {
        let said = Command::new("systemctl").args(["is-enabled", "--quiet", unit]).status();
        said.is_ok_and(|status| status.success())
    };
    let missing: Vec<_> = UNITS.into_iter().filter(|unit| !is_enabled(unit)).collect();
    if missing.is_empty() {
        return Check::fine(NAME, "the sockets, jitd, and what puts back are started again");
    }
    let found = format!("not started again: {}; nobody would come in, or what nobody confirmed would stay", missing.join(", "));
    Check::wrong(NAME, found, "systemctl enable jitd jit-rollback.path")
}

/// A question as the module would put it: whatever the answer is, there is one.
///
/// # Errors
/// Why there is none.
pub fn asked(socket: &Path) -> Result<(), String> {
    let mut patience = Patience::of(Duration::from_secs(2));
    let entry = Entry { service: "sudo".to_owned(), who: Who::Uid(0), run_as: None, from: None, tty: None };
    let ask = PamAsk { token: 1, observe: true, question: Question::Check(entry) };
    let answered = || {
        let connection = Connection::open(socket, Trust::RootOnly, &mut patience)?;
        connection.send(&ask, &mut patience)?;
        connection.receive::<PamAnswer>(&mut patience)
    };
    let mut answered = answered;
    answered().map(|_| ()).map_err(|trouble| trouble.to_string())
}

fn policy(service: &str, now: WallTime) -> Check {
    const NAME: &str = "policy";
    let loaded = paths::policy().and_then(|files| load::load(&files, load::Around { now, zone: jit_host::zone::host_zone() }));
    let policy = match loaded {
        Ok((policy, _)) => policy,
        Err(mistakes) => return Check::wrong(NAME, format!("it is not valid ({} to mend)", mistakes.len()), "jit policy check"),
    };
    if lets_somebody_in(&policy, &Service::new(service)) {
        return Check::fine(NAME, "it is valid, and lets somebody in");
    }
    let file = Paths::of_this_host().unwrap_or_default().policy;
    if rules_for(&policy, &Service::new(service)).next().is_some() {
        let found =
            format!("no rule for {service} lets anybody in as themselves, as whom everybody comes in where a daemon of root's asks");
        return Check::wrong(NAME, found, &format!("write \"self\" into `as` of one in {}; then jit reload", file.display()));
    }
    let found = format!("no rule for {service} that somebody can ask under and somebody can approve");
    Check::wrong(NAME, found, &format!("write one in {}, or name existing users and groups in it; then jit reload", file.display()))
}

/// Whether somebody comes in under a rule for this service. Where it may be a daemon of root's, everybody comes in as themselves.
fn lets_somebody_in(policy: &Policy, service: &Service) -> bool {
    rules_for(policy, service).any(|run_as| service.as_whom() != AsWhom::Either || run_as.contains(&RunAs::Oneself))
}

/// The rules for this service with people behind every name that they need: as whom each lets in.
fn rules_for<'a>(policy: &'a Policy, service: &'a Service) -> impl Iterator<Item = &'a [RunAs]> {
    let is_for = |scope: &Scope| scope.on.iter().any(|on| on.covers(service)) && somebody(&scope.who);
    let usable = move |rule: &&GrantRule| is_for(&rule.scope) && rule.stages.iter().all(|stage| somebody(&stage.by));
    let granted = policy.grants.iter().filter(usable).map(|rule| rule.run_as.as_slice());
    granted.chain(policy.legacy.iter().filter(move |rule| is_for(&rule.scope)).map(|rule| rule.run_as.as_slice()))
}

fn somebody(principals: &[Principal]) -> bool {
    principals.iter().any(|principal| match principal {
        Principal::Any => true,
        Principal::User(name) => accounts::subject_by_name(name).is_ok(),
        Principal::Uid(uid) => accounts::subject_by_uid(*uid).is_ok(),
        Principal::Group(group) => !accounts::members_of(group).is_empty() || accounts::is_of_a_directory(group),
    })
}

/// Whether somebody who knows it can log in as root.
#[must_use]
pub fn root_has_password() -> bool {
    let shadow = std::fs::read_to_string("/etc/shadow").unwrap_or_default();
    let password = shadow.lines().find_map(|line| line.strip_prefix("root:")?.split(':').next());
    password.is_some_and(|hash| hash.starts_with('$'))
}

/// Root's console, or the break-glass file: the day on which our lines are wrong must not be the day on which nobody is root.
fn another_way(service: &str) -> Check {
    const NAME: &str = "another way to root";
    if root_has_password() {
        return Check::fine(NAME, "root has a password, for the console");
    }
    let remedy =
        format!("give root a password (passwd root), or name somebody in {BREAKGLASS}: a line \"USER {service}\", root's, mode 0600");
    // As the module will read it on that day: what it would refuse then is no way.
    let text = match breakglass::read(Path::new(BREAKGLASS)) {
        Ok(text) => text.unwrap_or_default(),
        Err(why) => return Check::wrong(NAME, format!("root has no password, and {BREAKGLASS} lets nobody in: {why}"), &remedy),
    };
    if breakglass::named(&text, service).any(|user| comes_in(user, service)) {
        return Check::fine(NAME, &format!("{BREAKGLASS} names somebody for {service}, for when jitd is away"));
    }
    Check::wrong(NAME, format!("root has no password, and {BREAKGLASS} names nobody for {service}"), &remedy)
}

/// What the file is not for, where there is no other way: whoever relies on it is told.
#[must_use]
pub fn reservation() -> Option<String> {
    (!root_has_password()).then(|| {
        format!(
            "Root has no password: {BREAKGLASS} lets in while jitd is away, and not while it is up without a valid policy or a record. Then a rescue image is the only way."
        )
    })
}

/// What is wrong with root's last door. It is no worse by another service's lines, which whoever took them out must be able to put back.
#[must_use]
pub fn door_that_shuts() -> Option<String> {
    let places = Places::default();
    let shut = last_door(&|name: &str| std::fs::read(places.pam.join(name)).ok()).filter(|check| !check.ok)?;
    let remedy = shut.remedy.map(|remedy| format!(" Do this: {remedy}")).unwrap_or_default();
    Some(format!("Warning: {}: {}.{remedy}", shut.name, shut.found))
}

/// Whether this name is an account's, and the one that the module would find for whoever comes: sudo and su are called by a
/// number, at other doors a name is given.
fn comes_in(user: &str, service: &str) -> bool {
    let named = breakglass::account(&Who::Name(user.to_owned()));
    let found = match service {
        "sudo" | "sudo-i" | "su" | "su-l" => named.and_then(|(_, uid)| breakglass::account(&Who::Uid(uid))),
        _ => named,
    };
    found.is_some_and(|(name, _)| name == user)
}

/// What keeps an sshd from asking PAM by the stack that has our lines, and what mends that.
#[derive(Debug)]
pub struct NotAsked {
    /// What was found.
    pub found: String,
    /// What to do.
    pub remedy: String,
}

/// Whether sshd asks PAM, and under the name that has our lines.
#[must_use]
pub fn use_pam() -> Check {
    const NAME: &str = "sshd";
    match asks_pam(&[]) {
        Ok(()) => Check::fine(NAME, "it asks PAM, as sshd"),
        Err(NotAsked { found, remedy }) => Check::wrong(NAME, found, &remedy),
    }
}

/// The same of an sshd that was started with these options, `-f` and `-o`.
///
/// # Errors
/// It does not, or does not say so.
pub fn asks_pam(options: &[String]) -> Result<(), NotAsked> {
    let not = |found: String, remedy: String| Err(NotAsked { found, remedy });
    let file = options.windows(2).find_map(|pair| match pair {
        [option, file] if option == "-f" => Some(file.as_str()),
        _ => None,
    });
    let file = file.unwrap_or("/etc/ssh/sshd_config");
    let said = Command::new("sshd").arg("-T").args(options).env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let setting = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    match (setting("usepam"), setting("pamservicename")) {
        (Some("yes"), None | Some("sshd")) => Ok(()),
        (Some("yes"), Some(other)) => {
            not(format!("PAMServiceName is {other}: sshd asks another stack"), format!("take PAMServiceName out of {file}"))
        }
        (Some(_), _) => not(
            "UsePAM is not yes: sshd would not ask".to_owned(),
            format!("write UsePAM yes in {file}, before any Match; then systemctl reload the unit of that sshd"),
        ),
        (None, _) => {
            let trial = ["sshd -T"].into_iter().chain(options.iter().map(String::as_str)).collect::<Vec<_>>().join(" ");
            not(format!("{trial} does not say how it is set"), format!("{trial} # as root, says why"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_must_be_where_libpams_own_modules_can_be_loaded() {
        let root = tempfile::tempdir().unwrap();
        let folder = |name: &str| root.path().join("usr/lib").join(name).join("security");
        let ours = |path: &Path| path.starts_with(folder("x86_64-linux-gnu"));
        assert_eq!(module_in(root.path(), ours), None);
        for name in ["i386-linux-gnu", "x86_64-linux-gnu"] {
            std::fs::create_dir_all(folder(name)).unwrap();
            std::fs::write(folder(name).join("pam_unix.so"), "").unwrap();
        }
        // One that lies where libpam does not look is not found by it.
        std::fs::write(folder("i386-linux-gnu").join("pam_jit.so"), "").unwrap();
        assert_eq!(module_in(root.path(), ours), Some(folder("x86_64-linux-gnu").join("pam_jit.so")));
        assert_eq!(module_in(root.path(), |_| false), Some(folder("i386-linux-gnu").join("pam_jit.so")));
    }

    #[test]
    fn by_a_service_that_may_be_a_daemons_only_a_rule_with_self_lets_somebody_in() {
        let lets_in = |service: &str, run_as: &str| {
            let rule = format!("name = \"all\"\nwho = [\"any\"]\non = [\"{service}\"]\n{run_as}\napprove = []\n");
            let file = load::PolicyFile { file: "policy.toml".to_owned(), text: format!("version = 1\n[[grant]]\n{rule}") };
            let around = load::Around { now: WallTime::parse("2026-11-23T12:00:00Z").unwrap(), zone: None };
            lets_somebody_in(&load::load(&[file], around).unwrap().0, &Service::new(service))
        };
        assert_eq!(["dovecot", "polkit-1", "ksu"].map(|service| lets_in(service, "")), [false; 3]);
        assert!(lets_in("dovecot", "as = [\"self\"]") && lets_in("dovecot", "as = [\"root\", \"self\"]"));
        assert_eq!(["sudo", "sshd", "lxdm", "greetd"].map(|service| lets_in(service, "")), [true; 4]);
    }
}
