//! What the module decides, with a host and a daemon that do as they are told.

use crate::account::{ask_account, conclude};
use crate::arguments::Arguments;
use crate::ask::Desk;
use crate::breakglass::Keyhole;
use crate::cgroup::{Cgroups, Unbound};
use crate::daemon::Daemon;
use crate::host::{Caller, Forgotten, Host, Item, Memory, Odd, Opened, Priority, Variable};
use crate::session::{ask_open, close, open};
use crate::subject::Phase;
use crate::verdict::Outcome;
use chrono::NaiveDate;
use jit_proto::client::{Away, Trouble};
use jit_proto::pam::{Entry, Held, Hold, Keeper, Question, Verdict, Who};
use std::cell::RefCell;
use std::collections::VecDeque;

/// A host that says what it was told to say, and keeps what it hears.
struct Script {
    service: Option<&'static str>,
    user: Result<Option<&'static str>, Odd>,
    remote: Option<&'static str>,
    connection: Option<&'static str>,
    uid: u32,
    effective: u32,
    memory: Memory,
    forgets: bool,
    told: Vec<String>,
    logged: Vec<String>,
}

fn sudo(uid: u32) -> Script {
    Script {
        service: Some("sudo"),
        user: Ok(Some("alice")),
        remote: None,
        connection: None,
        uid,
        effective: 0,
        memory: Memory::default(),
        forgets: false,
        told: Vec::new(),
        logged: Vec::new(),
    }
}

fn sshd(user: &'static str) -> Script {
    Script { service: Some("sshd"), user: Ok(Some(user)), connection: Some("10.1.2.3 5 10.0.0.1 22"), uid: 0, ..sudo(0) }
}

impl Host for Script {
    fn item(&self, item: Item) -> Result<Option<String>, Odd> {
        match item {
            Item::Service => Ok(self.service.map(str::to_owned)),
            Item::User => self.user.map(|user| user.map(str::to_owned)),
            Item::RemoteHost => Ok(self.remote.map(str::to_owned)),
            Item::Terminal => Ok(None),
        }
    }

    fn variable(&self, variable: Variable) -> Option<String> {
        match variable {
            Variable::SshConnection => self.connection.map(str::to_owned),
            Variable::SshAuthInfo => Some(format!("password\npublickey ssh-ed25519 {}\n", "A".repeat(20_000))),
        }
    }

    fn real_uid(&self) -> u32 {
        self.uid
    }

    fn effective_uid(&self) -> u32 {
        self.effective
    }

    fn memory(&self) -> Memory {
        self.memory.clone()
    }

    fn remember(&mut self, memory: Memory) -> Result<(), Forgotten> {
        if self.forgets {
            return Err(Forgotten);
        }
        self.memory = memory;
        Ok(())
    }

    fn tell(&mut self, line: &str) {
        self.told.push(line.to_owned());
    }

    fn prompt(&mut self, _: &str) -> Option<String> {
        None
    }

    fn log(&mut self, _: Priority, line: &str) {
        self.logged.push(line.to_owned());
    }

    fn today(&self) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()
    }
}

/// A daemon that gives these answers, in order, and must be asked for all of them.
#[derive(Default)]
struct Answers {
    answers: RefCell<VecDeque<Result<Verdict, Trouble>>>,
    asked: RefCell<Vec<Question>>,
}

impl Answers {
    fn of(answers: impl IntoIterator<Item = Result<Verdict, Trouble>>) -> Self {
        Self { answers: RefCell::new(answers.into_iter().collect()), asked: RefCell::default() }
    }
}

impl Daemon for Answers {
    fn ask(&self, question: Question, _: bool) -> Result<Verdict, Trouble> {
        self.asked.borrow_mut().push(question);
        self.answers.borrow_mut().pop_front().expect("the daemon was asked more often than it should be")
    }

    fn desk(&self, _: &Entry) -> Option<Box<dyn Desk + '_>> {
        None
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || self.answers.borrow().is_empty(), "the daemon was not asked everything");
    }
}

/// Break-glass files that name these users. The name service finds them in whatever case.
struct Names(&'static str, RefCell<Vec<String>>);

impl Keyhole for Names {
    fn exceptions(&self) -> Result<Option<String>, String> {
        Ok(Some(self.0.to_owned()))
    }

    fn account(&self, who: &Who) -> Option<(String, u32)> {
        match who {
            Who::Uid(1001) => Some(("alice".to_owned(), 1001)),
            Who::Uid(1003) => Some(("domain admin".to_owned(), 1003)),
            Who::Uid(_) => None,
            Who::Name(name) => Some((name.to_lowercase(), 1001)),
        }
    }

    fn write_down(&self, line: &str) -> Result<(), crate::breakglass::Unwritten> {
        self.1.borrow_mut().push(line.to_owned());
        Ok(())
    }
}

/// Cgroups that can be made, or cannot.
struct Makes(bool);

impl Cgroups for Makes {
    fn available(&self) -> bool {
        self.0
    }

    fn enter(&self, _: &str, keeper: &Keeper) -> Result<(), Unbound> {
        assert_eq!(keeper.uid, 998);
        if self.0 { Ok(()) } else { Err(Unbound::because("none here")) }
    }
}

fn nobody() -> Names {
    Names("", RefCell::default())
}

fn no() -> Result<Verdict, Trouble> {
    Ok(Verdict::Denied { message: "jit: no grant for sudo. D-1\u{1b}[2J".to_owned() })
}

fn away() -> Result<Verdict, Trouble> {
    Err(Trouble::Away(Away::Refused))
}

fn opened() -> Result<Verdict, Trouble> {
    Ok(Verdict::Opened { session: "S-1".to_owned(), hold: Hold::Tree })
}

fn account(host: &mut Script, answers: &Answers) -> Outcome {
    ask_account(host, answers, &Arguments::default(), &nobody())
}

fn session(host: &mut Script, answers: &Answers) -> Outcome {
    ask_open(host, answers, &Makes(true), &Arguments::default(), &nobody())
}

fn enter(host: &mut Script, answers: &Answers) -> Outcome {
    enter_where(host, answers, &Makes(true))
}

fn enter_where(host: &mut Script, answers: &Answers, cgroups: &Makes) -> Outcome {
    open(host, answers, cgroups, &Arguments { enter: true, ..Arguments::default() })
}

#[test]
fn the_daemons_verdict_is_the_answer_and_a_denial_is_told_safely() {
    assert_eq!(account(&mut sudo(1001), &Answers::of([Ok(Verdict::Allowed)])), Outcome::Allowed);
    let mut host = sudo(1001);
    assert_eq!(account(&mut host, &Answers::of([no()])), Outcome::Denied);
    assert_eq!(host.told, ["jit: no grant for sudo. D-1\\u{1b}[2J"]);
}

#[test]
fn what_is_denied_stays_denied_when_the_line_runs_twice_and_is_said_once() {
    let mut host = sudo(1001);
    let answers = Answers::of([no()]);
    assert_eq!(account(&mut host, &answers), Outcome::Denied);
    assert_eq!(account(&mut host, &answers), Outcome::Denied);
    assert_eq!(host.told.len(), 1);
}

#[test]
fn root_calling_sudo_and_root_on_the_console_are_not_ours_whatever_stands_in_the_line() {
    let wrong = Arguments::read(&[c"quite"]);
    for mut host in
        [sudo(0), Script { service: Some("su-l"), ..sudo(0) }, Script { service: Some("login"), user: Ok(Some("root")), ..sudo(0) }]
    {
        assert_eq!(ask_account(&mut host, &Answers::default(), &wrong, &nobody()), Outcome::NotOurs);
        assert_eq!(ask_open(&mut host, &Answers::default(), &Makes(true), &wrong, &nobody()), Outcome::NotOurs);
        assert_eq!(enter(&mut host, &Answers::default()), Outcome::NotOurs);
    }
    let mut remote = Script { service: Some("login"), user: Ok(Some("root")), remote: Some("10.0.0.9"), ..sudo(0) };
    assert_eq!(account(&mut remote, &Answers::of([no()])), Outcome::Denied, "root from elsewhere is a subject like any other");
    assert_eq!(account(&mut sshd("root"), &Answers::of([no()])), Outcome::Denied);
}

#[test]
fn a_last_line_alone_closes_neither_the_console_nor_roots_runuser_and_denies_everybody_else() {
    let console = |user: &'static str| Script { service: Some("login"), user: Ok(Some(user)), ..sudo(0) };
    assert_eq!(enter(&mut console("root"), &Answers::default()), Outcome::NotOurs);
    assert_eq!(enter(&mut Script { service: Some("runuser"), ..sudo(0) }, &Answers::default()), Outcome::NotOurs);
    let checked = Memory { caller: Some(Caller::NotOurs), ..Memory::default() };
    assert_eq!(enter(&mut Script { memory: checked, ..sudo(0) }, &Answers::default()), Outcome::NotOurs);
    let remote = Script { remote: Some("10.0.0.9"), ..console("root") };
    for mut other in [console("alice"), remote, sshd("root"), sudo(1001), sudo(0)] {
        assert_eq!(enter(&mut other, &Answers::default()), Outcome::Denied);
    }
}

#[test]
fn each_method_of_a_log_in_is_told_and_so_much_of_a_key_as_one_has() {
    let answers = Answers::of([opened()]);
    assert_eq!(session(&mut sshd("bob"), &answers), Outcome::Allowed);
    let Question::Open { auth: Some(auth), .. } = answers.asked.borrow()[0].clone() else { panic!() };
    assert!(auth.starts_with("password\npublickey ssh-ed25519 AAAA") && auth.len() == 8192, "{}", auth.len());
}

#[test]
fn the_session_of_sudo_is_its_callers_though_the_real_uid_is_0_by_then() {
    let mut host = sudo(1001);
    assert_eq!(account(&mut host, &Answers::of([Ok(Verdict::Allowed)])), Outcome::Allowed);
    host.uid = 0;
    host.user = Ok(Some("carol"));
    let answers = Answers::of([opened()]);
    assert_eq!(session(&mut host, &answers), Outcome::Allowed);
    let Question::Open { entry, auth, .. } = answers.asked.borrow()[0].clone() else { panic!() };
    assert_eq!((entry.who, entry.run_as.as_deref(), auth), (Who::Uid(1001), Some("carol"), None));
}

#[test]
fn a_session_of_sudo_without_its_account_phase_is_denied() {
    let mut host = sudo(0);
    assert_eq!(session(&mut host, &Answers::default()), Outcome::Denied);
    assert!(host.logged.iter().any(|line| line.contains("pam_acct_mgmt")), "{:?}", host.logged);
    assert_eq!(session(&mut sudo(1001), &Answers::default()), Outcome::Denied);
}

#[test]
fn sudo_says_as_whom_only_in_session_and_su_and_sshd_in_both() {
    let run_as = |mut host: Script| {
        let answers = Answers::of([Ok(Verdict::Allowed)]);
        assert_eq!(account(&mut host, &answers), Outcome::Allowed);
        let Question::Check(entry) = answers.asked.borrow()[0].clone() else { panic!() };
        entry.run_as
    };
    assert_eq!(run_as(sudo(1001)), None);
    assert_eq!(run_as(Script { service: Some("su"), user: Ok(Some("carol")), ..sudo(1001) }).as_deref(), Some("carol"));
    assert_eq!(run_as(sshd("bob")).as_deref(), Some("bob"));
}

#[test]
fn the_address_is_the_one_in_pam_rhost_and_else_sshds_own_word() {
    let from = |mut host: Script| {
        let answers = Answers::of([Ok(Verdict::Allowed)]);
        assert_eq!(account(&mut host, &answers), Outcome::Allowed);
        let Question::Check(entry) = answers.asked.borrow()[0].clone() else { panic!() };
        entry.from.map(|from| from.to_string())
    };
    assert_eq!(from(Script { remote: Some("10.9.9.9"), ..sshd("bob") }).as_deref(), Some("10.9.9.9"), "no file of a user's can set it");
    assert_eq!(from(Script { remote: Some("lies.example"), ..sshd("bob") }).as_deref(), Some("10.1.2.3"), "UseDNS yes");
    assert_eq!(from(sshd("bob")).as_deref(), Some("10.1.2.3"));
    assert_eq!(from(Script { connection: Some("nonsense"), remote: Some("10.9.9.9"), ..sshd("bob") }).as_deref(), Some("10.9.9.9"));
    assert_eq!(from(Script { connection: None, remote: Some("lies.example"), ..sshd("bob") }), None);
    assert_eq!(from(Script { connection: Some("fe80::1%eth0 5 x 22"), ..sshd("bob") }).as_deref(), Some("fe80::1"));
    assert_eq!(from(Script { connection: Some("6.6.6.6 1 x 1"), ..sudo(1001) }), None, "nobody but sshd is believed");
}

#[test]
fn a_missing_item_fails_on_our_side_and_an_odd_one_is_denied() {
    assert_eq!(account(&mut Script { service: None, ..sudo(1001) }, &Answers::default()), Outcome::Failed);
    assert_eq!(account(&mut Script { user: Ok(None), ..sshd("bob") }, &Answers::default()), Outcome::Failed);
    assert_eq!(account(&mut Script { user: Err(Odd(Item::User)), ..sshd("bob") }, &Answers::default()), Outcome::Denied);
    assert_eq!(account(&mut Script { forgets: true, ..sudo(1001) }, &Answers::default()), Outcome::Failed);
}

#[test]
fn only_a_daemon_that_is_proved_away_is_away() {
    let mut host = sudo(1001);
    assert_eq!(account(&mut host, &Answers::of([away()])), Outcome::Away);
    assert!(host.told[0].contains("does not answer"));
    let ours = Err(Trouble::Ours("no descriptor".to_owned()));
    assert_eq!(account(&mut sudo(1001), &Answers::of([ours])), Outcome::Failed, "an unprivileged user can provoke that");
}

#[test]
fn a_wrong_argument_denies_without_a_question() {
    let wrong = Arguments::read(&[c"timeout=2"]);
    let mut host = sudo(1001);
    assert_eq!(ask_account(&mut host, &Answers::default(), &wrong, &nobody()), Outcome::Denied);
    let far = Arguments::read(&[c"observe=2027-03-01"]);
    assert_eq!(ask_account(&mut sudo(1001), &Answers::default(), &far, &nobody()), Outcome::Denied, "observing must not become the rule");
}

#[test]
fn a_wrong_argument_of_the_last_line_is_named_in_the_log_denies_and_gives_the_session_back_and_leaves_root_alone() {
    let names = || Names("bob sshd\n", RefCell::default());
    for (line, argument) in [
        (Arguments::read(&[c"enter", c"qiet"]), "argument \"qiet\": it is not known"),
        (Arguments::read(&[c"enter", c"observe=2099-01-01"]), "argument \"observe=2099-01-01\": it is more than 90 days ahead"),
    ] {
        let denies = |host: &mut Script, answers: &Answers| {
            assert_eq!(open(host, answers, &Makes(true), &line), Outcome::Denied, "{argument} {:?}", host.memory);
            assert!(host.logged.iter().any(|logged| logged.contains(argument)), "{:?}", host.logged);
        };
        let (mut host, answers) = (sshd("bob"), Answers::of([opened(), Ok(Verdict::Noted)]));
        assert_eq!(session(&mut host, &answers), Outcome::Allowed);
        denies(&mut host, &answers);
        assert_eq!(answers.asked.borrow()[1], Question::Close { session: "S-1".to_owned() });
        denies(&mut host, &answers);
        assert_eq!(host.told.len(), 1, "a line that runs twice says it once, and gives nothing back twice: {:?}", host.told);

        for (keyhole, outcome) in [(names(), Outcome::Allowed), (nobody(), Outcome::Away)] {
            let (mut host, answers) = (sshd("bob"), Answers::of([away()]));
            assert_eq!(ask_open(&mut host, &answers, &Makes(true), &Arguments::default(), &keyhole), outcome);
            denies(&mut host, &answers);
        }
        let observing = Arguments::read(&[c"observe=2026-11-23"]);
        let (mut host, answers) = (sshd("bob"), Answers::of([Ok(Verdict::Allowed)]));
        assert_eq!(open(&mut host, &answers, &Makes(true), &observing), Outcome::Observed);
        denies(&mut host, &answers);
        denies(&mut sshd("bob"), &Answers::default());

        for mut root in [sudo(0), Script { service: Some("login"), user: Ok(Some("root")), ..sudo(0) }] {
            assert_eq!(account(&mut root, &Answers::default()), Outcome::NotOurs);
            assert_eq!(open(&mut root, &Answers::default(), &Makes(true), &line), Outcome::NotOurs, "no first line");
            assert_eq!(session(&mut root, &Answers::default()), Outcome::NotOurs);
            assert_eq!(open(&mut root, &Answers::default(), &Makes(true), &line), Outcome::NotOurs);
        }
    }
}

#[test]
fn observing_is_no_obstacle_and_says_nothing_to_the_user() {
    let observing = Arguments::read(&[c"observe=2026-11-23"]);
    for answer in [no(), away(), Ok(Verdict::Allowed), Err(Trouble::Ours("x".to_owned()))] {
        let mut host = sudo(1001);
        let outcome = ask_account(&mut host, &Answers::of([answer]), &observing, &nobody());
        assert_eq!(conclude(&mut host, &observing, Phase::Account, outcome), Outcome::Observed);
        assert!(host.told.is_empty());
    }
    let over = Arguments::read(&[c"observe=2026-11-22"]);
    assert_eq!(ask_account(&mut sudo(1001), &Answers::of([no()]), &over, &nobody()), Outcome::Denied);
}

#[test]
fn the_breakglass_file_opens_a_dead_gate_alone_and_writes_it_down() {
    let names = Names("alice sudo\n", RefCell::default());
    let mut host = sudo(1001);
    assert_eq!(ask_account(&mut host, &Answers::of([away()]), &Arguments::default(), &names), Outcome::Allowed);
    assert!(names.1.borrow()[0].contains("user=alice uid=1001 service=sudo phase=account nonce="));
    assert!(host.logged[0].starts_with("access.breakglass user=alice uid=1001 service=sudo phase=account why=\"jitd is away: "));
    assert_eq!(ask_open(&mut host, &Answers::of([away()]), &Makes(true), &Arguments::default(), &names), Outcome::Allowed);
    assert_eq!(enter(&mut host, &Answers::default()), Outcome::Allowed);

    for (answer, outcome) in [(no(), Outcome::Denied), (Err(Trouble::Ours("x".to_owned())), Outcome::Failed)] {
        assert_eq!(ask_account(&mut sudo(1001), &Answers::of([answer]), &Arguments::default(), &names), outcome);
    }
    assert_eq!(ask_account(&mut sudo(1002), &Answers::of([away()]), &Arguments::default(), &names), Outcome::Away);
    assert_eq!(ask_account(&mut sshd("alice"), &Answers::of([away()]), &Arguments::default(), &names), Outcome::Away, "for sudo alone");
    assert_eq!(names.1.borrow().len(), 2);
}

#[test]
fn a_line_that_runs_twice_writes_one_entry_and_says_it_once_and_jitds_own_word_counts_again_when_it_is_back() {
    let names = Names("alice sudo\n", RefCell::default());
    let mut host = sudo(1001);
    let answers = Answers::of([away(), away(), away()]);
    for _ in 0..2 {
        assert_eq!(ask_account(&mut host, &answers, &Arguments::default(), &names), Outcome::Allowed);
    }
    for _ in 0..2 {
        assert_eq!(ask_open(&mut host, &answers, &Makes(true), &Arguments::default(), &names), Outcome::Allowed);
    }
    let phases: Vec<_> = names.1.borrow().iter().map(|line| line.contains("phase=session")).collect();
    assert_eq!((phases, host.told.len()), (vec![false, true], 2), "{:?}", names.1.borrow());
    assert_eq!(host.logged.iter().filter(|line| line.starts_with("access.breakglass")).count(), 2, "{:?}", host.logged);

    host.user = Ok(Some("carol"));
    assert_eq!(ask_open(&mut host, &Answers::of([away()]), &Makes(true), &Arguments::default(), &names), Outcome::Allowed);
    assert_eq!(names.1.borrow().len(), 3, "as somebody else it is another entry");
    let ours = Err(Trouble::Ours("no descriptor".to_owned()));
    assert_eq!(ask_account(&mut host, &Answers::of([ours]), &Arguments::default(), &names), Outcome::Failed);
    assert_eq!(ask_account(&mut host, &Answers::of([no()]), &Arguments::default(), &names), Outcome::Denied);
}

#[test]
fn an_entry_says_as_whom_and_its_line_in_syslog_calls_an_account_by_its_name() {
    let names = Names("domain admin sudo\n", RefCell::default());
    let mut host = Script { user: Ok(Some("root")), memory: Memory { caller: Some(Caller::Uid(1003)), ..Memory::default() }, ..sudo(0) };
    assert_eq!(ask_open(&mut host, &Answers::of([away()]), &Makes(true), &Arguments::default(), &names), Outcome::Allowed);
    assert!(names.1.borrow()[0].contains(r"user=domain\x{20}admin uid=1003 service=sudo as=root phase=session nonce="));
    let said = r#"access.breakglass user="domain admin" uid=1003 service=sudo as=root phase=session why="jitd is away: "#;
    assert!(host.logged[0].starts_with(said), "{}", host.logged[0]);
}

#[test]
fn the_breakglass_file_names_an_account_however_its_name_was_typed_at_the_door() {
    let opens = |line: &'static str, typed: &'static str| {
        let names = Names(line, RefCell::default());
        let outcome = ask_account(&mut sshd(typed), &Answers::of([away()]), &Arguments::default(), &names);
        (outcome, names.1.borrow().iter().any(|line| line.contains("user=alice uid=1001 service=sshd as=alice from=10.1.2.3 phase=")))
    };
    assert_eq!(opens("alice sshd\n", "Alice"), (Outcome::Allowed, true));
    assert_eq!(opens("alice sshd\n", "bob"), (Outcome::Away, false));
    assert_eq!(opens("Alice sshd\n", "Alice"), (Outcome::Away, false), "the file is read letter by letter");
}

#[test]
fn a_job_of_at_is_its_owners_whatever_system_account_atd_is_and_nobody_who_calls_themselves_atd_is_somebody_else() {
    let who = |service: &'static str, uid: u32| {
        let mut host = Script { service: Some(service), user: Ok(Some("alice")), ..sudo(uid) };
        let answers = Answers::of([Ok(Verdict::Allowed), opened()]);
        assert_eq!(account(&mut host, &answers), Outcome::Allowed);
        assert_eq!(session(&mut host, &answers), Outcome::Allowed);
        let asked = answers.asked.borrow().clone();
        let [Question::Check(before), Question::Open { entry: after, .. }] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(before.who, after.who, "{service} {uid}");
        (before.who.clone(), before.run_as.clone())
    };
    let alices = (Who::Name("alice".to_owned()), Some("alice".to_owned()));
    // Debian's, SUSE's and RHEL's; and cron's, which is root's everywhere.
    for (service, uid) in [("atd", 1), ("atd", 25), ("atd", 0), ("cron", 0), ("crond", 0)] {
        assert_eq!(who(service, uid), alices, "{service} {uid}");
    }
    // cronie's crontab, which its user starts, and whatever a user might start as atd.
    for (service, uid) in [("crond", 1001), ("atd", 1001), ("atd", 100), ("cron", 1), ("doas", 1)] {
        assert_eq!(who(service, uid), (Who::Uid(uid), None), "{service} {uid}");
    }
}

#[test]
fn at_sshd_whom_pam_user_names_is_judged_also_where_the_host_has_no_root_and_a_setuid_program_runs_for_its_caller() {
    let who = |service: &'static str, uid: u32, effective: u32| {
        let mut host = Script { service: Some(service), uid, effective, ..sshd("bob") };
        let answers = Answers::of([Ok(Verdict::Allowed), opened()]);
        assert_eq!(account(&mut host, &answers), Outcome::Allowed);
        assert_eq!(session(&mut host, &answers), Outcome::Allowed);
        let asked = answers.asked.borrow().clone();
        let [Question::Check(before), Question::Open { entry: after, .. }] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!(before.who, after.who, "{service} {uid} {effective}");
        (before.who.clone(), before.run_as.clone())
    };
    let bobs = (Who::Name("bob".to_owned()), Some("bob".to_owned()));
    assert_eq!(who("sshd", 0, 0), bobs);
    assert_eq!(who("sshd", 1001, 1001), bobs, "an sshd of alice's own");
    for (service, uid, effective) in [("sshd", 1001, 0), ("sshd", 1001, 1002), ("sshd", 1, 0), ("door", 1001, 1001), ("doas", 1001, 0)] {
        assert_eq!(who(service, uid, effective), (Who::Uid(uid), None), "{service} {uid} {effective}");
    }
    for service in ["sudo", "su"] {
        let (mut host, answers) = (Script { service: Some(service), effective: 1001, ..sudo(1001) }, Answers::of([Ok(Verdict::Allowed)]));
        assert_eq!(account(&mut host, &answers), Outcome::Allowed);
        let Question::Check(entry) = answers.asked.borrow()[0].clone() else { panic!() };
        assert_eq!(entry.who, Who::Uid(1001), "{service}");
    }
}

#[test]
fn a_session_line_that_runs_twice_opens_once_and_a_handle_can_open_again_after_close() {
    let mut host = sshd("bob");
    let answers = Answers::of([opened(), Ok(Verdict::Noted), Ok(Verdict::Noted), opened()]);
    assert_eq!(session(&mut host, &answers), Outcome::Allowed);
    assert_eq!(session(&mut host, &answers), Outcome::Allowed);
    assert_eq!(enter(&mut host, &answers), Outcome::Allowed);
    close(&mut host, &answers, &Arguments::default());
    close(&mut host, &answers, &Arguments::default());
    assert_eq!(session(&mut host, &answers), Outcome::Allowed);
}

#[test]
fn the_last_line_without_a_session_is_denied() {
    let mut host = sudo(1001);
    host.memory.caller = Some(Caller::Uid(1001));
    assert_eq!(enter(&mut host, &Answers::default()), Outcome::Denied);
    host.memory.opened = Some(Opened::WithoutDaemon);
    host.memory.denied_session = false;
    assert_eq!(enter(&mut host, &Answers::default()), Outcome::Away, "an administrator's choice for a dead daemon holds for both lines");
}

#[test]
fn a_session_that_cannot_be_remembered_is_closed_and_nobody_comes_in() {
    struct ForgetsSessions(Script);
    impl Host for ForgetsSessions {
        fn item(&self, item: Item) -> Result<Option<String>, Odd> {
            self.0.item(item)
        }
        fn variable(&self, variable: Variable) -> Option<String> {
            self.0.variable(variable)
        }
        fn real_uid(&self) -> u32 {
            self.0.real_uid()
        }
        fn effective_uid(&self) -> u32 {
            self.0.effective_uid()
        }
        fn memory(&self) -> Memory {
            self.0.memory()
        }
        fn remember(&mut self, memory: Memory) -> Result<(), Forgotten> {
            if memory.opened.is_some() { Err(Forgotten) } else { self.0.remember(memory) }
        }
        fn tell(&mut self, line: &str) {
            self.0.tell(line);
        }
        fn prompt(&mut self, question: &str) -> Option<String> {
            self.0.prompt(question)
        }
        fn log(&mut self, priority: Priority, line: &str) {
            self.0.log(priority, line);
        }
        fn today(&self) -> NaiveDate {
            self.0.today()
        }
    }
    let answers = Answers::of([opened(), Ok(Verdict::Noted)]);
    let mut host = ForgetsSessions(sshd("bob"));
    assert_eq!(ask_open(&mut host, &answers, &Makes(true), &Arguments::default(), &nobody()), Outcome::Failed);
    assert!(matches!(answers.asked.borrow()[1], Question::Close { .. }));
}

#[test]
fn quiet_says_nothing() {
    let quiet = Arguments::read(&[c"quiet"]);
    for answer in [no(), away()] {
        let mut host = sudo(1001);
        let outcome = ask_account(&mut host, &Answers::of([answer]), &quiet, &nobody());
        assert_ne!(outcome, Outcome::Allowed);
        assert!(host.told.is_empty());
    }
    let let_in = |arguments: &Arguments| {
        let (mut host, names) = (sudo(1001), Names("alice sudo\n", RefCell::default()));
        assert_eq!(ask_account(&mut host, &Answers::of([away()]), arguments, &names), Outcome::Allowed);
        host.told.len()
    };
    assert_eq!((let_in(&quiet), let_in(&Arguments::default())), (0, 1), "nor of an entry by the break-glass file");
}

#[test]
fn the_process_goes_where_it_can_be_ended_or_nowhere_if_it_must() {
    let keeper = || Keeper { uid: 998, folder: "jit-X".to_owned() };
    for (hold, makes, held) in [
        (Hold::Tree, true, Some(Held::Tree)),
        (Hold::Cgroup(keeper()), true, Some(Held::Cgroup)),
        (Hold::Cgroup(keeper()), false, Some(Held::TreeFor("none here".to_owned()))),
        (Hold::CgroupOnly(keeper()), true, Some(Held::Cgroup)),
        (Hold::CgroupOnly(keeper()), false, None),
    ] {
        let opened = Ok(Verdict::Opened { session: "S-1".to_owned(), hold: hold.clone() });
        let answers = Answers::of([Ok(Verdict::Allowed), opened, Ok(Verdict::Noted)]);
        let mut host = sudo(1001);
        assert_eq!(account(&mut host, &answers), Outcome::Allowed);
        assert_eq!(session(&mut host, &answers), Outcome::Allowed);
        let outcome = enter_where(&mut host, &answers, &Makes(makes));
        let last = answers.asked.borrow().last().cloned();
        match held {
            Some(held) => {
                assert_eq!((outcome, last), (Outcome::Allowed, Some(Question::Enter { session: "S-1".to_owned(), held })), "{hold:?}");
            }
            None => {
                assert_eq!((outcome, last), (Outcome::Denied, Some(Question::Close { session: "S-1".to_owned() })), "{hold:?}");
                assert!(host.told[0].contains("cgroup"), "{:?}", host.told);
            }
        }
        assert_eq!(host.logged.iter().any(|line| line.contains("none here")), !makes, "{:?}", host.logged);
    }
}

#[test]
fn who_is_in_no_cgroup_that_the_daemon_knows_of_is_not_in_unless_the_daemon_begins_anew_and_looks() {
    for (trouble, expected) in [
        (Trouble::Away(Away::NoSocket), Outcome::Allowed),
        (Trouble::Away(Away::Refused), Outcome::Allowed),
        (Trouble::Away(Away::Closed), Outcome::Allowed),
        (Trouble::Away(Away::Silence), Outcome::Failed),
        (Trouble::Away(Away::Impostor("x".to_owned())), Outcome::Failed),
        (Trouble::Away(Away::Nonsense("x".to_owned())), Outcome::Failed),
        (Trouble::Ours("no descriptor".to_owned()), Outcome::Failed),
    ] {
        let answers = Answers::of([Ok(Verdict::Allowed), opened(), Err(trouble.clone())]);
        let mut host = sudo(1001);
        assert_eq!((account(&mut host, &answers), session(&mut host, &answers)), (Outcome::Allowed, Outcome::Allowed));
        assert_eq!(enter(&mut host, &answers), expected, "{trouble}");
        assert!(host.logged.iter().any(|line| line.contains("could not be entered")), "{:?}", host.logged);
    }
}
