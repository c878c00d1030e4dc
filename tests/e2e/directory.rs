//! A directory server that is away or slow: what it would say is unknown, and only of whom it was asked.

use jit_tests::{Host, POLICY, wait_until};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::{Duration, Instant};

/// A host that knows some groups from a directory; contractors may not sudo.
fn with(policy: &str) -> Host {
    let host = with_source(policy, "passwd: files\ngroup: files [NOTFOUND=continue] hesiod\n", &[]);
    host.root().run("mount --bind /run/libnss_directory.so /lib/$(uname -m)-linux-gnu/libnss_hesiod.so.2").succeeds();
    started(host)
}

/// The same of sssd, whose source finds nobody while it is down, as RHEL and Fedora build it; and who listens in its place.
fn with_sssd(policy: &str) -> (Host, UnixListener) {
    let host =
        with_source(policy, "passwd: files sss\ngroup: files [SUCCESS=merge] sss\n", &["-DSOURCE=sss", "-DDOWN=NSS_STATUS_NOTFOUND"]);
    // Debian has no such source: what the world adds is its own alone.
    let over = "over() { mkdir -p /run/over$1/up /run/over$1/work; mount -t overlay -o lowerdir=$1,upperdir=/run/over$1/up,workdir=/run/over$1/work overlay $1; }";
    host.root()
        .run(&format!(
            "{over}; set -e; mkdir /run/kept; mount --bind /var/lib/jit /run/kept; over /var/lib; mkdir -p /var/lib/jit /var/lib/sss/pipes
             mount --bind /run/kept /var/lib/jit; over /usr/lib/$(uname -m)-linux-gnu
             cp /run/libnss_directory.so /usr/lib/$(uname -m)-linux-gnu/libnss_sss.so.2"
        ))
        .succeeds();
    let sssd = listening(&host);
    (started(host), sssd)
}

fn listening(host: &Host) -> UnixListener {
    let pipe = host.path("/var/lib/sss/pipes/nss");
    let _ = std::fs::remove_file(&pipe);
    let sssd = UnixListener::bind(&pipe).unwrap();
    std::fs::set_permissions(&pipe, PermissionsExt::from_mode(0o666)).unwrap();
    sssd
}

fn with_source(policy: &str, sources: &str, flags: &[&str]) -> Host {
    let sources = format!("{sources}shadow: files\nhosts: files\n");
    let host = Host::with(|host| host.people().policy(policy).file("nsswitch.conf", 0o644, &sources).without_daemon()).start();
    let library = host.path("/run/libnss_directory.so");
    let code = concat!(env!("CARGO_MANIFEST_DIR"), "/host/directory.c");
    let built =
        Command::new("cc").args(["-shared", "-fPIC", "-Wall", "-Werror", "-O1"]).args(flags).arg("-o").arg(library).arg(code).status();
    assert!(built.unwrap().success());
    host
}

fn started(host: Host) -> Host {
    host.root().run("mkdir -m 0755 /run/directory; echo bob > /run/directory/contractors").succeeds();
    host.user("bob").run("id -nG").says("contractors");
    host.jitd().start();
    host
}

const DENY: &str = "\n[[deny]]\nname = \"no-contractors\"\nwho = [\"group:contractors\"]\non = [\"sudo\"]\n";

#[test]
fn while_the_directory_is_down_a_deny_for_one_of_its_groups_holds_for_everybody_and_it_lifts_by_itself() {
    let host = with(&format!("{POLICY}{DENY}"));
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("bob").run("sudo -n true").fails().says("no-contractors");
    host.user("bob").run("jit request sudo --reason x").fails().says("no-contractors");
    host.root().run("touch /run/directory/down; jit reload").succeeds();
    for name in ["alice", "bob"] {
        host.user(name)
            .run("sudo -n true")
            .fails()
            .says(&format!("rule no-contractors forbids sudo to some; the groups of {name} are unknown"));
    }
    let _ = host.wait_for_log("why=\"forbidden, groups unknown\" rule=no-contractors");
    host.user("alice").run("jit request sudo --reason x").fails().says("the groups of whoever asks cannot be looked up");
    host.root().run("sudo -n id -un").succeeds().says("root");
    host.root().run("rm /run/directory/down").succeeds();
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("bob").run("sudo -n true").fails().says("no-contractors");
}

#[test]
fn while_sssd_is_down_and_its_source_finds_nobody_a_deny_for_one_of_its_groups_holds_for_everybody() {
    let (host, sssd) = with_sssd(&format!("{POLICY}{DENY}"));
    host.grant("alice", "sudo", "carol");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    host.user("bob").run("sudo -n true").fails().says("jit: rule no-contractors forbids sudo to bob");
    drop(sssd);
    host.root().run("touch /run/directory/down; jit reload").succeeds();
    let unknown = |name: &str| {
        host.user(name).run("sudo -n true").fails().says(&format!("forbids sudo to some; the groups of {name} are unknown"));
    };
    unknown("alice");
    unknown("bob");
    let grant_to_zoe = || host.user("carol").run("jit grant zoe sudo --reason INC-42").fails();
    grant_to_zoe().says("the groups of zoe cannot be looked up");
    host.root().run("jit doctor").fails().says("the source sss does not answer");
    // sssd is back, but a group that a cache of its own told of has no name yet.
    let sssd = listening(&host);
    host.root().run("touch /run/directory/cached; jit reload").succeeds();
    unknown("bob");
    host.user("alice").run("sudo -n id -un").succeeds().says("root");
    grant_to_zoe().says("there is no account named zoe here");
    host.root().run("rm /run/directory/down; jit reload").succeeds();
    host.user("bob").run("sudo -n true").fails().says("jit: rule no-contractors forbids sudo to bob");
    drop(sssd);
}

#[test]
fn a_name_that_the_directory_finds_by_another_spelling_means_nobody_and_check_and_reload_say_how_to_write_it() {
    let host = with(&format!("{POLICY}{DENY}"));
    let said = |policy: &str| {
        host.write("/etc/jit/policy.toml", policy);
        let (checked, read) = (host.root().run("jit policy check").succeeds(), host.root().run("jit reload").succeeds());
        (checked.stdout, read.stdout)
    };
    let (checked, read) = said(&format!("{POLICY}{DENY}"));
    assert!(!checked.contains("contractors") && !read.contains("warning"), "{checked}{read}");
    let (checked, read) = said(&format!("{POLICY}{}", DENY.replace("group:c", "group:C")));
    for said in [checked, read] {
        assert!(
            said.contains("group:Contractors means nobody: on this host it is called group:contractors (write group:contractors)"),
            "{said}"
        );
    }
}

#[test]
fn while_the_directory_is_down_its_groups_give_nothing_and_local_groups_are_still_known() {
    let policy = POLICY.replace("who = [\"group:ops\"]\non = [\"sudo\", \"su\"]", "who = [\"group:contractors\"]\non = [\"sudo\", \"su\"]");
    let host = with(&policy);
    host.user("bob").run("jit request sudo --reason x").succeeds();
    host.root().run("touch /run/directory/down; jit reload").succeeds();
    host.user("bob").run("jit request sudo --as carol --reason x").fails().says("cannot be looked up");
    host.user("bob").run("jit request sshd --reason x").succeeds();
}

#[test]
fn a_directory_that_hangs_for_one_user_keeps_nobody_else_waiting() {
    let host = with(&format!("{POLICY}{DENY}"));
    host.grant("alice", "sudo", "carol");
    host.grant("frank", "sudo", "carol");
    host.root().run("touch /run/directory/hold-alice; jit reload").succeeds();
    // More of them at once than there are threads to ask with.
    host.user("alice").run("for n in $(seq 600); do (sudo -n true >/dev/null 2>&1 &) ; done").succeeds();
    let waiting = || host.root().run("pgrep -c -u root,alice -x sudo").stdout.trim().parse::<u32>().unwrap();
    wait_until("them to wait", || (waiting() > 3).then_some(()));
    let began = Instant::now();
    host.user("carol").run("sudo -n true").fails().says("no rule lets carol");
    let took = began.elapsed();
    assert!(took < Duration::from_millis(600), "carol's refusal took {took:?}");
    host.user("alice").run("sudo -n true").fails();
    let threads = host.root().run("grep Threads /proc/$(pgrep -x jitd)/status").stdout;
    assert!(threads.split_whitespace().nth(1).unwrap().parse::<u32>().unwrap() < 20, "{threads}");
    host.root().run("rm /run/directory/hold-alice").succeeds();
    wait_until("alice to get in", || (host.user("alice").run("sudo -n id -un").code == 0).then_some(()));
}

#[test]
fn a_directory_that_hangs_when_it_is_to_list_groups_is_waited_for_once_and_not_once_a_group() {
    let groups: String = (0..12).map(|number| format!(", \"group:remote-{number}\"")).collect();
    let host = with(&POLICY.replace("\"group:leads\"", &format!("\"group:leads\"{groups}")));
    host.root().run("touch /run/directory/hold-groups; jit reload").succeeds();
    let began = Instant::now();
    host.user("alice").run("jit request sudo --reason INC-42").succeeds().says("group remote-3");
    host.user("alice").run("jit status").succeeds();
    // Once for each group it took 50 s.
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    host.root().run("rm /run/directory/hold-groups").succeeds();
}

#[test]
fn while_the_directory_hangs_for_everybody_root_reloads_and_whoever_may_by_name_still_takes_access_away() {
    let by_name = POLICY.replace("by = [\"group:leads\"]", "by = [\"user:carol\", \"group:leads\"]");
    let host = with(&by_name.replace("as = [\"root\", \"carol\"]", "as = [\"root\"]"));
    for name in ["alice", "bob"] {
        host.grant(name, "sudo", "carol");
    }
    host.root().run("cd /run/directory; touch hold-root hold-alice hold-bob hold-carol; jit reload").succeeds();
    host.root().run("jit status").succeeds();
    host.user("carol").run("jit revoke --user bob --now --note INC-43").succeeds();
    host.root().run("jit revoke --user alice --now --note INC-43").succeeds();
    host.root().run("rm /run/directory/hold-*; jit reload").succeeds();
    for name in ["alice", "bob"] {
        host.user(name).run("sudo -n true").fails().says("no grant");
    }
}

#[test]
fn a_directory_that_does_not_answer_keeps_nobody_from_hearing_what_else_is_wrong_and_how_the_policy_is() {
    let host = with(&format!("{POLICY}{DENY}"));
    // Whoever runs a command in this world needs setpriv.
    let held = "hold-sudo hold-setpriv hold-cvtsudoers";
    let examine = format!("cd /run/directory; touch hold-jit {held}; jit doctor; code=$?; rm {held}; exit $code");
    let began = Instant::now();
    let doctor = host.root().run(&examine).exits(1).says("NOT OK  lines: no service has our lines");
    let doctor = doctor.says("whether it is for the user jitd, could not be found out: setpriv: no answer in 3 s");
    let last = doctor.stdout.lines().last().unwrap().to_owned();
    let said = "NOT OK  name service: it does not answer: nothing is known of sources of groups, groups that are root";
    assert!(last.starts_with(said), "{last}");
    let checked = host.root().run("jit policy check && jit reload").succeeds().says("is in force").says("not all names could be looked up");
    let verdict = checked.stdout.lines().next().unwrap().to_owned();
    assert!(verdict.ends_with("policy.toml: valid, 4 rules"), "{verdict}");
    assert!(began.elapsed() < Duration::from_secs(40), "{:?}", began.elapsed());
}
