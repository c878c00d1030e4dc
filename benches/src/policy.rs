//! Large policies: how long a decision takes, and how long it takes to read one.

use crate::check::pin_to_one_core;
use crate::say;
use jit_core::name::{GroupName, RunAs, Service, Uid, UserName};
use jit_core::policy::Policy;
use jit_core::policy::judge::{Question, Wanted};
use jit_core::policy::load::{Around, PolicyFile, load};
use jit_core::subject::{Groups, Remote, Subject};
use jit_core::time::WallTime;
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

/// When and where its rules are read.
pub fn around() -> Around {
    Around { now: WallTime::parse("2026-11-23T12:00:00Z").unwrap(), zone: None }
}

/// That many rules, each for a group of its own; every tenth has hours, every twentieth is a deny.
pub fn rules(count: usize) -> PolicyFile {
    let mut text = "version = 1\n".to_owned();
    for number in 0..count {
        let hours = if number % 10 == 0 { "hours = [\"mon-fri 08:00-19:00\"]\nzone = \"Europe/Berlin\"\n" } else { "" };
        let scope = format!("name = \"rule-{number}\"\nwho = [\"group:group-{number}\"]\non = [\"sudo\", \"su\"]\n{hours}");
        if number % 20 == 0 {
            let _ = writeln!(text, "[[deny]]\n{scope}");
        } else {
            let _ = writeln!(text, "[[grant]]\n{scope}reason = {{ pattern = 'INC-[0-9]+' }}\napprove = [ {{ by = [\"group:leads\"] }} ]\n");
        }
    }
    PolicyFile { file: "policy.toml".to_owned(), text }
}

/// Somebody in fifty groups, of which only the last rule names one.
pub fn somebody(rules: usize) -> Subject {
    let groups = (0..49).map(|number| GroupName::new(format!("other-{number}"))).chain([GroupName::new(format!("group-{}", rules - 1))]);
    Subject { uid: Uid(1001), name: UserName::new("alice"), groups: Groups::Known(groups.collect()) }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// All that is asked of a policy when somebody comes, who holds nothing.
pub fn decide(policy: &Policy, subject: &Subject) {
    let (service, run_as) = (Service::new("sudo"), RunAs::root());
    let question = Question { subject, service: &service, run_as: Some(&run_as), at: around().now };
    black_box(policy.denied_by(question, Some(Remote::Unknown)));
    black_box(policy.standing(question, Remote::Unknown));
    let _ = black_box(policy.rule_for_request(question, Wanted::default()));
}

/// Measures both, and says whether the goals were met.
pub fn run(_: &Path) {
    pin_to_one_core();
    let file = [rules(1_000)];
    let (policy, _) = load(&file, around()).unwrap();
    let subject = somebody(1_000);
    let time = |run: &mut dyn FnMut()| {
        let began = Instant::now();
        run();
        began.elapsed()
    };
    let decision = median((0..2_000).map(|_| time(&mut || decide(&policy, &subject))).collect());
    let file = [rules(10_000)];
    let loading = median((0..15).map(|_| time(&mut || drop(black_box(load(&file, around()).unwrap())))).collect());
    say::title("A policy of 1,000 rules, somebody in 50 groups");
    let most = Duration::from_micros(20);
    say::figure("a decision, the last rule's", &format!("{:.1} us", decision.as_secs_f64() * 1e6), &say::goal("20 us", decision <= most));
    let most = Duration::from_millis(200);
    say::figure("reading 10,000 rules", &format!("{:.0} ms", loading.as_secs_f64() * 1e3), &say::goal("200 ms", loading <= most));
}
