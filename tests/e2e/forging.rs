//! Texts that mean to be lines of their own.

use jit_tests::Host;

/// Whether a character has no place in a line: controls of both kinds, separators, and what turns text round.
fn is_odd(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{61c}')
}

/// Every control character but NUL, which no argument can hold, every one of 0x80 to 0x9f, and what turns text round.
fn odd_ones() -> Vec<char> {
    let controls = (1..0x20).chain(0x7f..0xa0).filter_map(char::from_u32);
    controls
        .chain("\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}\u{2066}\u{2067}\u{2068}\u{2069}\u{200e}\u{200f}\u{61c}".chars())
        .collect()
}

#[test]
fn no_reason_and_no_note_makes_more_than_its_own_line_and_an_export_gives_it_back_byte_by_byte() {
    let host = Host::with(|host| host.people()).start();
    let odd: String = odd_ones().into_iter().collect();
    let texts: Vec<String> = odd_ones()
        .chunks(12)
        .map(|some| some.iter().map(|letter| format!("a{letter}grant.issued id=G-00000000 user=root\" seq=1{letter}.")).collect())
        .chain([format!("{odd}\" x=\"y\\"), "\"".to_owned(), "\\".to_owned(), "\\\" user=root".to_owned()])
        .collect();
    for (number, text) in texts.iter().enumerate() {
        let (asker, decider) = if number % 2 == 0 { ("alice", "carol") } else { ("bob", "dave") };
        let quoted = text.replace('\'', "'\\''");
        let asked = host.user(asker).run(&format!("jit request sudo --reason '{quoted}' --json")).succeeds();
        assert!(asked.stdout.lines().count() == 1 && !asked.stdout.trim_end().contains(is_odd));
        let id = asked.json()["id"].as_str().unwrap().to_owned();
        host.user(decider).run(&format!("jit list; jit show {id}; jit deny {id} --note '{quoted}'")).succeeds();
    }
    let long = "x".repeat(100 * 1024);
    host.user("alice").run(&format!("jit request sudo --reason {long}")).fails();
    host.user("alice").run(&format!("jit request {long} --reason x")).fails();
    host.user("alice").run(&format!("jit request sudo --as {long} --reason x")).fails();
    let id = host.user("alice").run("jit request sudo --reason x --json").succeeds().json()["id"].as_str().unwrap().to_owned();
    host.user("carol").run(&format!("jit deny {id} --note {long}")).fails();
    host.user("carol").run(&format!("jit deny {id} --note {}", "é".repeat(1000))).succeeds();
    // One line an event, each with its number, none with anything odd in it.
    let _ = host.wait_for_log(&format!("request.denied id={id}"));
    let lines = host.syslog();
    for line in &lines {
        assert!(!line.contains(is_odd) && line.matches(" jitd[").count() <= 1 && line.len() < 8_000, "{line:?}");
    }
    let stored = host.root().run("jit audit log --json").succeeds().json()["events"].as_array().unwrap().clone();
    let first_of = |line: &String| line.rsplit(" seq=").next().unwrap().split(' ').next().unwrap().parse::<usize>().unwrap();
    let numbers: Vec<_> = lines.iter().map(first_of).collect();
    assert_eq!(numbers, (1..=stored.len()).collect::<Vec<_>>());
    // The whole text is in the record, and comes out as it went in.
    let of = |event: &str, key: &str| -> Vec<String> {
        let these = stored.iter().filter(|one| one["event"] == event);
        these.filter_map(|one| one["data"][key].as_str()).map(str::to_owned).collect()
    };
    for text in &texts {
        assert!(of("request.submitted", "reason").contains(text) && of("request.denied", "note").contains(text), "{text:?}");
    }
    host.user("erin").run("jit audit export > /tmp/e.jsonl && jit audit verify --file /tmp/e.jsonl").succeeds().says("whole");
    let exported = host.user("erin").run("cat /tmp/e.jsonl").stdout;
    assert_eq!(exported.lines().count(), stored.len());
    let csv = host.user("erin").run("jit audit export --format csv").succeeds().stdout;
    assert_eq!(csv.lines().count(), stored.len() + 1);
}

#[test]
fn no_name_that_the_module_passes_on_makes_more_than_its_own_line() {
    let host = Host::with(|host| host.people()).start();
    host.root().run("jit-hostile /run/jit/pam.sock forge").succeeds();
    host.user("bob").run("sudo -n true").fails();
    let _ = host.wait_for_log("user=bob");
    let lines: Vec<_> = host.syslog().into_iter().filter(|line| line.contains(" jitd[")).collect();
    assert!(lines.len() > 80, "{}", lines.len());
    for line in &lines {
        assert!(!line.contains(is_odd) && line.len() < 8_000 && line.contains(" seq="), "{line:?}");
    }
    // A rule has no such name.
    let rule = "version = 1\n[[grant]]\nname = \"odd\\u202e\\n\\u009b2J\"\nwho = [\"any\"]\non = [\"su\"]\napprove = []\n";
    let refused =
        host.root().input(rule).run("cat > /root/odd.toml; jit policy check /root/odd.toml").exits(1).says("not a name of a rule");
    assert!(!refused.text().replace('\n', "").contains(is_odd));
    host.root().run("jit audit export > /root/e.jsonl && jit audit verify --file /root/e.jsonl").succeeds().says("whole");
}
