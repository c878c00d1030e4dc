//! Each write and sync of the record fails in turn, or jitd is killed right there: what it answered is what is so
//! afterwards, for itself, after a crash, and by the record.

use jit_tests::{Host, wait_until};

/// The calls by which SQLite writes, syncs, makes and removes its files.
const CALLS: [&str; 6] = ["pwrite64", "fdatasync", "fsync", "openat", "ftruncate", "unlink"];
const FAULTS: [&str; 4] = ["error=ENOSPC", "error=EIO", "error=EROFS", "signal=SIGKILL"];

/// Has the kernel treat jitd so at one of these calls, from this one on or at this one alone.
fn inject(host: &Host, call: &str, fault: &str, when: &str) {
    let pid = host.jitd().pid();
    let files: String = ["events.db", "events.db-wal", "events.db-shm", "reserve"].map(|file| format!(" -P /var/lib/jit/{file}")).concat();
    let traced =
        format!("strace -f -qq -p {pid}{files} -e trace={call} -e inject={call}:{fault}:when={when} -o /dev/null >/dev/null 2>&1 &");
    host.root().run(&traced).succeeds();
    wait_until("the tracer", || (host.root().run(&format!("grep -q 'TracerPid:.0$' /proc/{pid}/status")).code != 0).then_some(()));
}

#[test]
fn whichever_call_of_the_record_fails_what_was_acknowledged_is_so_and_nothing_else() {
    let policy = "version = 1\n[[grant]]\nname = \"own\"\nwho = [\"any\"]\non = [\"su\"]\nas = [\"erin\"]\napprove = []\n";
    let host = Host::with(|host| host.people().policy(policy)).start();
    let held = || !host.user("alice").run("jit status --json").succeeds().json()["grants"].as_array().unwrap().is_empty();
    let moments: &[&str] = if jit_tests::is_full_run() { &["1", "2", "3", "4", "1+"] } else { &["1", "2", "1+"] };
    let mut holds = false;
    let (mut acknowledged, mut refused, mut killed) = (0, 0, 0);
    for call in CALLS {
        for fault in FAULTS {
            for when in moments {
                // With a fresh count of acts.
                host.jitd().restart();
                let case = format!("{call} {fault} at {when}");
                inject(&host, call, fault, when);
                let act = if holds { "jit drop" } else { "jit request su --as erin --reason x" };
                let told = host.user("alice").run(act);
                let survived = !host.root().run("pkill -x strace; pgrep -x jitd").stdout.trim().is_empty();
                if !survived {
                    host.jitd().start();
                }
                match (told.code, told.text().contains("not on disk yet")) {
                    // It said that a crash could undo it.
                    (0, true) => assert_eq!(held(), !holds, "{case}: {}", told.text()),
                    (0, false) => {
                        acknowledged += 1;
                        assert_eq!(held(), !holds, "{case}: {}", told.text());
                        host.jitd().kill();
                        host.jitd().start();
                        assert_eq!(held(), !holds, "{case}, after a crash: {}", told.text());
                    }
                    (1, _) => {
                        refused += 1;
                        assert!(told.text().contains("could not be recorded"), "{case}: {}", told.text());
                        assert_eq!(held(), holds, "{case}: {}", told.text());
                    }
                    // It was killed before it could say anything: both are possible.
                    (_, _) => {
                        killed += 1;
                        assert!(!survived, "{case}: {}", told.text());
                    }
                }
                wait_until("the record to be written again", || {
                    (host.user("bob").run("jit request su --as erin --reason x && jit drop").code == 0
                        || host.user("carol").run("jit request su --as erin --reason x && jit drop").code == 0)
                        .then_some(())
                });
                holds = held();
                host.root().run("jit audit verify").succeeds().says("whole");
            }
        }
    }
    assert!(acknowledged > 5 && refused > 5 && killed > 2, "{acknowledged} acknowledged, {refused} refused, {killed} killed");
}
