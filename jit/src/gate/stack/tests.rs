use super::*;
use std::collections::BTreeMap;

const DEBIAN_SUDO: &str = "#%PAM-1.0\n\n# Set up user limits from /etc/security/limits.conf.\nsession    required   pam_limits.so\n\n@include common-auth\n@include common-account\n@include common-session-noninteractive\n";
const DEBIAN_SU_L: &str = "#%PAM-1.0\nauth\t\tinclude\t\tsu\naccount\t\tinclude\t\tsu\npassword\tinclude\t\tsu\nsession\t\toptional\tpam_keyinit.so force revoke\nsession\t\tinclude\t\tsu\n";
const FEDORA_SUDO: &str = "#%PAM-1.0\nauth       include      system-auth\naccount    include      system-auth\npassword   include      system-auth\nsession    optional     pam_keyinit.so revoke\nsession    required     pam_limits.so\nsession    include      system-auth\n";
const ODD: &str = "-session optional pam_systemd.so\naccount [success=1 default=ignore] pam_unix.so\naccount\tsubstack\tcommon-account\n";

fn added(text: &str) -> String {
    String::from_utf8(add("x", text.as_bytes(), Found::default(), &Behind::default()).unwrap()).unwrap()
}

#[test]
fn our_lines_come_first_of_their_kinds_and_last_of_all() {
    let made = added(DEBIAN_SUDO);
    let lines: Vec<_> = made.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
    let (first, last) = (&lines[..2], lines.last().unwrap());
    assert_eq!(first, ["account  required  pam_jit.so", "session  required  pam_jit.so"]);
    assert_eq!(*last, "session  required  pam_jit.so enter");
    assert!(made.starts_with("#%PAM-1.0\n"));
}

#[test]
fn what_is_taken_out_leaves_every_byte_that_was_there() {
    for text in
        [DEBIAN_SUDO, DEBIAN_SU_L, FEDORA_SUDO, ODD, "auth required x.so", "# only\nauth required x.so\n\n\n", "\r\nauth required x.so\r\n"]
    {
        let made = added(text);
        assert_ne!(made, text);
        assert_eq!(String::from_utf8(take_out("x", made.as_bytes()).unwrap()).unwrap(), text);
    }
}

#[test]
fn lines_that_somebody_wrote_by_hand_are_taken_out_too_and_others_stay() {
    let text = "account required /usr/lib/security/pam_jit.so quiet\nsession required pam_jit.so\n# pam_jit.so was here\naccount required pam_jitter.so\n";
    let left = String::from_utf8(take_out("x", text.as_bytes()).unwrap()).unwrap();
    assert_eq!(left, "# pam_jit.so was here\naccount required pam_jitter.so\n");
    let idle = "auth required pam_jit.so\n-password [success=ok default=die] pam_jit.so\nauth required pam_unix.so\n";
    assert_eq!(take_out("x", idle.as_bytes()).unwrap(), b"auth required pam_unix.so\n");
    assert_eq!(find("x", &files(&[("x", idle)])), Ok(Found::default()), "they gate nothing");
}

#[test]
fn the_file_that_has_a_line_of_ours_is_named_wherever_it_is() {
    let read = files(&[
        ("su", "auth include /etc/mine\n@include common\n"),
        ("/etc/mine", "auth required pam_jit.so\n"),
        ("common", "account required pam_jit.so\n"),
    ]);
    assert_eq!(files_of_ours("su", &read).unwrap(), ["/etc/mine", "common"]);
    assert_eq!(files_of_ours("x", &files(&[("x", DEBIAN_SU_L), ("su", "auth required x.so\n")])).unwrap(), [""; 0]);
}

#[test]
fn marks_that_do_not_match_and_lines_that_go_on_are_left_to_a_human() {
    for text in [
        format!("{BEGIN}\naccount required pam_jit.so\n"),
        format!("{END}\n"),
        format!("{BEGIN}\n{BEGIN}\n{END}\n"),
        "account required pam_jit.so \\\n quiet\n".to_owned(),
    ] {
        assert!(take_out("x", text.as_bytes()).is_err(), "{text}");
    }
    for text in [
        "account required pam_unix.so \\\n",
        "accounting required x.so\n",
        "auth\n",
        "auth [default=die x.so\n",
        "# nothing\n",
        "",
        "auth required \u{0}.so\n",
    ] {
        assert!(add("x", text.as_bytes(), Found::default(), &Behind::default()).is_err(), "{text}");
    }
    assert!(add("x", b"auth required \xff.so\n", Found::default(), &Behind::default()).is_err());
}

fn files(files: &[(&str, &str)]) -> impl Fn(&str) -> Option<Vec<u8>> {
    let files: BTreeMap<String, Vec<u8>> = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    move |name| files.get(name).cloned()
}

#[test]
fn includes_are_followed_each_for_its_kind() {
    let empty = "auth required pam_unix.so\n";
    let system = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_unix.so\n";
    let su = added(system);
    assert_eq!(find("su-l", &files(&[("su-l", DEBIAN_SU_L), ("su", &su)])), Ok(Found::WHOLE));
    assert_eq!(find("su-l", &files(&[("su-l", DEBIAN_SU_L), ("su", system)])), Ok(Found::default()));
    let common = ["common-auth", "common-account", "common-session-noninteractive"];
    let with = |account: &str| -> Vec<(String, String)> {
        let mut all: Vec<_> = common.iter().map(|name| ((*name).to_owned(), empty.to_owned())).collect();
        all.push(("sudo".to_owned(), DEBIAN_SUDO.to_owned()));
        all.iter_mut().filter(|(name, _)| name == "common-account").for_each(|(_, text)| account.clone_into(text));
        all
    };
    let read =
        |all: Vec<(String, String)>| move |name: &str| all.iter().find(|(file, _)| file == name).map(|(_, text)| text.as_bytes().to_vec());
    assert_eq!(find("sudo", &read(with(empty))), Ok(Found::default()));
    let twice = "account required pam_jit.so\naccount sufficient pam_jit.so\n";
    assert_eq!(find("sudo", &read(with(twice))), Ok(Found { account: 2, ..Found::default() }));
}

#[test]
fn a_missing_file_and_files_that_include_one_another_are_said() {
    assert_eq!(find("a", &files(&[("a", "@include b\n")])).unwrap_err().to_string(), "pam.d/b: it is not there");
    let round = find("a", &files(&[("a", "@include b\n"), ("b", "auth include a\n")])).unwrap_err();
    assert!(round.why.contains("without end"));
}

#[test]
fn only_what_is_missing_is_added() {
    let quiet = Behind { everywhere: " quiet".to_owned(), account: " ask".to_owned() };
    let made = add("x", DEBIAN_SUDO.as_bytes(), Found { account: 1, session: 0, enter: 1 }, &quiet).unwrap();
    let made = String::from_utf8(made).unwrap();
    assert_eq!(made.matches("pam_jit.so").count(), 1);
    assert!(made.contains("session  required  pam_jit.so quiet\n"));
}

#[test]
fn disorder_is_named_line_by_line() {
    let whole = added(DEBIAN_SU_L).replace("include", "required");
    let said = |text: &str| disorder("x", &files(&[("x", text)])).unwrap();
    assert_eq!(said(&whole), [""; 0]);
    let first = format!("account sufficient pam_permit.so\n{whole}");
    assert_eq!(said(&first), ["pam_permit.so stands before our account line"]);
    let last = format!("{whole}session optional pam_motd.so noupdate\n");
    assert_eq!(said(&last), ["pam_motd.so noupdate stands behind our last session line"]);
    let twice = format!("{whole}account required pam_jit.so\n");
    assert_eq!(said(&twice), ["the line \"account\" is there 2 times"]);
    let only = "account required pam_jit.so quiet\nsession required pam_unix.so\n";
    assert_eq!(said(only), ["the line \"session\" is missing", "the line \"session ... enter\" is missing"]);
    assert_eq!(arguments("x", &files(&[("x", only)])), Ok(vec![vec!["quiet".to_owned()]]));
    let weak = whole.replacen("required  pam_jit.so", "[success=ok authinfo_unavail=ignore default=die]  pam_jit.so", 1);
    let said = said(&weak);
    assert!(said.len() == 2 && said[0].contains("no ignore=ignore") && said[1].contains("not all of our lines"), "{said:?}");
}

#[test]
fn a_module_that_does_no_harm_may_stand_before_ours_only_if_its_control_lets_ours_be_run() {
    let said = |service: &str, before: &str| {
        let text = format!("{before}\n{}", added("auth required pam_unix.so\n"));
        disorder(service, &files(&[(service, &text), ("keys", "session sufficient pam_keyinit.so\n")])).unwrap()
    };
    for stock in [
        "session optional pam_keyinit.so force revoke",
        "session required pam_loginuid.so",
        "session [success=ok ignore=ignore module_unknown=ignore default=bad] pam_selinux.so close",
        "session required /lib64/security/pam_namespace.so",
    ] {
        assert_eq!(said("sshd", stock), [""; 0], "{stock}");
    }
    for ends in [
        "session sufficient pam_keyinit.so revoke",
        "-session [success=done default=ignore] pam_loginuid.so",
        "session [success=1 default=ignore] pam_keyinit.so",
        "session [success=ok default=1] pam_selinux.so",
        "@include keys",
        "session include keys",
        "session substack keys",
    ] {
        let said = said("sshd", ends);
        assert!(said.len() == 1 && said[0].ends_with("stands before our session line, which is then not always run"), "{ends}: {said:?}");
    }
    assert!(said("su", "account sufficient pam_namespace.so")[0].contains("before our account line, which is then"));
}

#[test]
fn what_ends_the_stack_between_our_lines_is_named_and_a_substack_ends_itself_alone() {
    let said = |session: &str| {
        let (text, ends) = (added(session), "session sufficient pam_a.so\nsession required pam_b.so\n");
        disorder("x", &files(&[("x", &text), ("ends", ends), ("deeper", "session include ends\n")])).unwrap()
    };
    for ends in [
        "session sufficient pam_a.so\n",
        "session include ends\n",
        "@include deeper\n",
        "-session [success=done default=ignore] pam_a.so\n",
    ] {
        let said = said(ends);
        assert!(
            said.len() == 1 && said[0].ends_with("pam_a.so stands before our last session line, which is then not always run"),
            "{said:?}"
        );
    }
    for fine in [
        "session substack deeper\nsession required pam_c.so\n",
        "session [success=1 default=ignore] pam_succeed_if.so quiet\nsession required pam_unix.so\n",
        "account sufficient pam_a.so\n",
    ] {
        assert_eq!(said(fine), [""; 0], "{fine}");
    }
}

/// The first failure is what a stack answers, and sudo takes that one for harmless.
#[test]
fn by_sudo_no_module_before_ours_may_answer_for_it_that_the_session_failed() {
    let said = |service: &str, control: &str| {
        let text = format!("session {control} pam_keyinit.so\n{}", added("auth required pam_unix.so\n"));
        disorder(service, &files(&[(service, &text)])).unwrap()
    };
    for service in ["sudo", "sudo-i"] {
        assert_eq!(said(service, "optional"), [""; 0]);
        for control in ["required", "requisite", "[success=ok default=die]"] {
            let said = said(service, control);
            assert!(said.len() == 1 && said[0].contains("where it fails, sudo goes on whatever ours says"), "{control}: {said:?}");
        }
    }
    assert_eq!(said("su-l", "required"), [""; 0]);
}

#[test]
fn asking_stands_in_the_account_line_alone() {
    let behind = Behind { everywhere: " observe=2026-12-01".to_owned(), account: " ask".to_owned() };
    let (top, bottom) = block(Found::default(), &behind);
    assert_eq!(top, ["account  required  pam_jit.so ask observe=2026-12-01", "session  required  pam_jit.so observe=2026-12-01"]);
    assert_eq!(bottom, ["session  required  pam_jit.so enter observe=2026-12-01"]);
}

/// Found by fuzzing: jit disable refused what jit enable had written.
#[test]
fn what_could_not_be_taken_out_is_not_put_in() {
    for text in [
        format!("{BEGIN}\nauth required x.so\n"),
        format!("auth required x.so\n{END}\n"),
        format!("{BEGIN}\naccount required x.so\n{END}\n"),
    ] {
        assert!(add("x", text.as_bytes(), Found::default(), &Behind::default()).is_err(), "{text}");
    }
}

#[test]
fn a_line_ends_where_libpam_ends_it() {
    let count = |text: &str| find("x", &|_| Some(text.as_bytes().to_vec()));
    let session = Found { session: 1, ..Found::default() };
    assert_eq!(count("session required pam_jit.so # the last one has enter\n"), Ok(session), "a comment is no argument");
    assert_eq!(count("session required pam_permit.so # pam_jit.so\n"), Ok(Found::default()));
    for text in
        ["session required pam_permit.so \\ # goes on\n", "session required\u{a0}pam_jit.so\n", "session required pam_jit.so\u{b}enter\n"]
    {
        assert!(count(text).is_err(), "{text}");
    }
}
