//! What somebody in a loop makes of the record: measured for some minutes, and what that comes to in a day.

use jit_tests::{Host, wait_until};

/// The most that the figures of docs/operations.md may be, in MB a day.
const DENIED: f64 = 2.0;
const DENIED_BY_SSH: f64 = 15.0;
const ASKED: f64 = 2.5;
const SESSIONS: f64 = 180.0;
/// So many requests with a short reason may one person have at once.
const SHORT_REQUESTS: u32 = 481;

const MINUTES: u32 = 2;

fn host() -> Host {
    let own =
        "\n[[grant]]\nname = \"own\"\nwho = [\"any\"]\non = [\"su\"]\nas = [\"erin\"]\napprove = []\n\n[[emergency]]\nname = \"oncall\"
who = [\"user:bob\"]\non = [\"sudo\"]\nlimit = { times = 3, per = \"7d\" }\nreview = { by = [\"user:carol\"], within = \"24h\" }\n";
    Host::with(|host| host.people().policy(&format!("{}{own}", jit_tests::POLICY)).movable_clock()).start()
}

/// How large the record is, in bytes, with all of it in its file.
fn size(host: &Host) -> f64 {
    host.jitd().restart();
    host.jitd().stop();
    let size = host.root().run("stat -c %s /var/lib/jit/events.db").succeeds().stdout.trim().parse().unwrap();
    host.jitd().start();
    size
}

/// What so many bytes in so many minutes come to in a day, in MB.
fn a_day(bytes: f64, minutes: u32) -> f64 {
    bytes / f64::from(minutes) * 1440.0 / 1e6
}

/// The events of so many denials.
fn denied(host: &Host, knocks: u32) -> Vec<serde_json::Value> {
    // What is counted is recorded when the minute is over.
    host.clock().advance(61);
    wait_until("all of them to be counted", || {
        let events = host.root().run("jit audit log --kind access.denied --json").succeeds().json()["events"].as_array().unwrap().clone();
        let counted: u64 = events.iter().map(|event| event["data"]["count"].as_u64().unwrap()).sum();
        (counted == u64::from(knocks)).then_some(events)
    })
}

#[test]
fn a_loop_of_denied_log_ins_from_ever_new_addresses_is_seventeen_events_a_minute() {
    let host = host();
    let before = size(&host);
    let (addresses, times) = (18, 2);
    for minute in 1..=MINUTES {
        let knock = format!("ssh -b 127.0.{minute}.$n -p 2222 {{}} {{user}}@127.0.0.1 true");
        let line = format!("sh -c 'for n in $(seq {addresses}) $(seq {addresses}); do {knock}; done'");
        host.ssh("bob").client(&line).fails().says("jit: no grant for ssh");
        host.clock().advance(61);
    }
    // Sixteen addresses, each for itself, and all others together, whose first denial is said at once too.
    let events = denied(&host, MINUTES * addresses * times);
    assert!(events.len() as u32 <= MINUTES * 17 + 2, "{} events", events.len());
    let day = a_day(size(&host) - before, MINUTES);
    eprintln!("denied by ssh: {} events, {day:.1} MB a day", events.len());
    assert!(day < DENIED_BY_SSH, "{day} MB");
}

#[test]
fn a_loop_of_denied_sudos_is_one_event_a_minute() {
    let host = host();
    let before = size(&host);
    for _ in 0..MINUTES * 4 {
        host.user("bob").run("for n in $(seq 20); do sudo -n true; done").fails();
        host.clock().advance(61);
        host.user("bob").run("sudo -n true").fails();
    }
    let events = denied(&host, MINUTES * 4 * 21);
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event["data"]["id"].as_str().unwrap()).collect();
    assert!(events.len() as u32 <= MINUTES * 4 + 2, "{} events", events.len());
    assert_eq!(ids.len(), 1, "the whole loop has one number to quote");
    let day = a_day(size(&host) - before, MINUTES * 4);
    eprintln!("denied: {day:.1} MB a day");
    assert!(day < DENIED, "{day} MB");
}

/// Somebody in a loop of request and drop, with this reason, for so many minutes or until that is too much for a day. How often
/// they got through, and what each time comes to, in bytes.
fn asking(host: &Host, reason: &str, minutes: u32) -> (u32, f64) {
    let before = size(host);
    let (ask, give_back) = (format!("jit request su --as erin --reason '{reason}' >/dev/null"), "jit drop >/dev/null");
    let mut times = 0;
    for _ in 0..minutes {
        let turns = host.user("bob").run(&format!("n=0; while [ $n -lt 15 ] && {ask} && {give_back}; do n=$((n+1)); done; echo $n"));
        let through: u32 = turns.stdout.trim().parse().unwrap();
        times += through;
        if through < 15 {
            assert!(turns.text().contains("as much today") && turns.text().contains("ask again in"), "{}", turns.text());
            // Whoever answers, looks, or takes away is not held up by it.
            host.user("bob").run("jit emergency sudo --reason x && jit drop").succeeds();
            host.user("alice").run(&ask).succeeds();
            break;
        }
        host.user("bob").run(&ask).exits(1).says("more than 30 acts in a minute");
        host.clock().advance(61);
    }
    (times, (size(host) - before) / f64::from(times))
}

/// What that comes to in a day, in MB: all at once, and as much again while the day goes on.
fn asked_in_a_day(times: u32, each: f64) -> f64 {
    f64::from(times) * 2.0 * each / 1e6
}

/// How many that are takes half an hour: a short run takes the number of a full one, and measures what each comes to.
#[test]
fn a_loop_of_requests_is_held_to_thirty_acts_a_minute_and_to_some_hundred_requests_a_day() {
    let host = host();
    let (times, each) = asking(&host, "INC-42 the disk is full", if jit_tests::is_full_run() { 60 } else { MINUTES });
    let times = if jit_tests::is_full_run() { times } else { SHORT_REQUESTS };
    let day = asked_in_a_day(times, each);
    eprintln!("requests: {times} at once, {each:.0} bytes each, {day:.1} MB a day");
    assert!(times.abs_diff(SHORT_REQUESTS) < 20 && day < ASKED, "{times} times, {day} MB");
}

#[test]
fn reasons_of_the_longest_sort_make_fewer_requests_a_day_and_emergencies_and_others_are_not_held_up() {
    let host = host();
    // Each of these letters is six bytes of JSON.
    let (times, each) = asking(&host, &"\u{1}".repeat(1000), 10);
    let day = asked_in_a_day(times, each);
    eprintln!("requests with the longest reasons: {times} at once, {each:.0} bytes each, {day:.1} MB a day");
    assert!((49..55).contains(&times) && day < ASKED, "{times} times, {day} MB");
}

#[test]
fn a_loop_of_sessions_is_on_record_one_by_one_and_nobody_is_refused() {
    let host = host();
    host.grant("alice", "sudo", "carol");
    let before = size(&host);
    let sessions = 60;
    let looped = host.user("alice").run(&format!("for n in $(seq {sessions}); do sudo -n true && echo in; done"));
    let came_in = looped.stdout.lines().count();
    assert_eq!(came_in, sessions, "{}", looped.text());
    let opened = host.root().run("jit audit log --kind session.opened --json").succeeds().json()["events"].as_array().unwrap().len();
    assert!(opened >= came_in, "{opened} on record, {came_in} came in");
    let each = (size(&host) - before) / f64::from(u32::try_from(opened).unwrap());
    // After 2,000 at once: `jitd/src/limits.rs` and the test below show the pace.
    let day = each / 0.3 * 86_400.0 / 1e6;
    eprintln!("sessions: {each:.0} bytes each, {day:.1} MB a day");
    assert!(day < SESSIONS, "{day} MB");
    // Somebody else is not slowed.
    host.grant("bob", "sudo", "carol");
    host.user("bob").run("for n in $(seq 20); do sudo -n true || exit 1; done").succeeds();
}

#[test]
fn who_floods_is_told_that_jitd_is_busy_and_nobody_else_is() {
    let host = host();
    host.grant("alice", "sudo", "carol");
    host.grant("bob", "sudo", "carol");
    // Her pace allows 2,000 at once: in a full run it goes on until that is used up.
    let (loops, times, rounds) = if jit_tests::is_full_run() { (24, 20, 30) } else { (20, 3, 1) };
    let flood = format!("for loop in $(seq {loops}); do (for n in $(seq {times}); do sudo -n true && echo in; done) & done; wait");
    let (mut came_in, mut busy) = (0, 0);
    for round in 1..=rounds {
        let alice = std::thread::scope(|scope| {
            let alice = scope.spawn(|| host.user("alice").run(&flood));
            host.user("bob").run("for n in $(seq 10); do sudo -n true || exit 1; done").succeeds();
            alice.join().unwrap()
        });
        // Not by lines: of many sudos, those of one can come between the words and the end of another's.
        let text = alice.text();
        came_in += alice.stdout.lines().count();
        busy += text.matches("the access daemon is busy").count();
        assert_eq!(came_in + busy, loops * times * round, "{text}");
        if busy > 0 {
            break;
        }
    }
    assert!(came_in >= times && (busy > 0 || !jit_tests::is_full_run()), "{came_in} came in, {busy} were told that it is busy");
}
