//! The test host itself.

use jit_tests::{Host, PASSWORD};

#[test]
fn sudo_and_sshd_of_the_host_are_real_and_nothing_is_left_behind() {
    let before = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    {
        let host = Host::with(|host| host.people()).start();
        host.root().run("sudo -n id -un").succeeds().says("root");
        host.user("alice").run("id").succeeds().says("(ops)");
        host.user("alice").run("tty").fails().says("not a tty");
        host.user("alice").run("sudo -n true").fails().says("jit: no grant for sudo");
        host.ssh("carol").run("id -un").succeeds().says("carol");
        host.ssh("bob").run("id -un").fails().says("jit: no grant for ssh");
        host.root().run("logger -p auth.info hello from here").succeeds();
        assert!(host.wait_for_log("hello from here").contains("hello"));
        let mut shell = host.user("alice").terminal("cat; tty");
        shell.type_line("typed");
        // The terminal's echo, and then cat itself: only now is there somebody whom Ctrl-C can end.
        shell.expect("typed");
        shell.expect("typed");
        shell.press_ctrl_c();
        drop(shell.finish());
        assert_eq!(PASSWORD, "pw");
    }
    assert_eq!(std::fs::read_to_string("/proc/self/mountinfo").unwrap(), before);
}
