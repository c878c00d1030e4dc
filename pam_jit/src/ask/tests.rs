//! The conversation, with a host and a jitd that do as they are told.

use super::*;
use crate::account::ask_account;
use crate::arguments::Arguments;
use crate::breakglass::SYSTEM;
use crate::daemon::Daemon;
use crate::host::{Forgotten, Item, Memory, Odd, Variable};
use crate::verdict::Outcome;
use chrono::NaiveDate;
use jit_proto::client::Away;
use jit_proto::pam::{Entry, Question, Verdict};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// A person: what they answer, in order, and what they are shown.
#[derive(Default)]
struct Person {
    answers: VecDeque<Option<&'static str>>,
    shown: Vec<String>,
    memory: Memory,
}

impl Person {
    fn who_says(answers: &[&'static str]) -> Self {
        Self { answers: answers.iter().map(|answer| Some(*answer)).collect(), ..Self::default() }
    }

    fn saw(&self, text: &str) -> bool {
        self.shown.iter().any(|line| line.contains(text))
    }
}

impl Host for Person {
    fn item(&self, item: Item) -> Result<Option<String>, Odd> {
        Ok(match item {
            Item::Service => Some("sudo".to_owned()),
            Item::User => Some("alice".to_owned()),
            Item::RemoteHost | Item::Terminal => None,
        })
    }
    fn variable(&self, _: Variable) -> Option<String> {
        None
    }
    fn real_uid(&self) -> u32 {
        1001
    }
    fn effective_uid(&self) -> u32 {
        0
    }
    fn memory(&self) -> Memory {
        self.memory.clone()
    }
    fn remember(&mut self, memory: Memory) -> Result<(), Forgotten> {
        self.memory = memory;
        Ok(())
    }
    fn tell(&mut self, line: &str) {
        self.shown.push(line.to_owned());
    }
    fn prompt(&mut self, question: &str) -> Option<String> {
        self.shown.push(question.to_owned());
        self.answers.pop_front().expect("nobody expected that question").map(str::to_owned)
    }
    fn log(&mut self, _: Priority, _: &str) {}
    fn today(&self) -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 23).unwrap()
    }
}

/// A jitd that says this to each step, in order, and then tells this; all of it must be asked for.
struct Script {
    manner: Manner,
    told: RefCell<VecDeque<Result<Told, Trouble>>>,
    heard: RefCell<VecDeque<Heard>>,
    steps: RefCell<Vec<Step>>,
    verdicts: RefCell<VecDeque<Result<Verdict, Trouble>>>,
    there: Cell<bool>,
    held: Cell<bool>,
}

impl Script {
    fn new(told: Vec<Told>, heard: Vec<Heard>) -> Self {
        Self {
            manner: Manner::Live,
            told: RefCell::new(told.into_iter().map(Ok).collect()),
            heard: RefCell::new(heard.into()),
            steps: RefCell::default(),
            verdicts: RefCell::default(),
            there: Cell::new(true),
            held: Cell::new(false),
        }
    }

    fn ask(&self, person: &mut Person) -> Answer {
        ask(person, &mut &*self, Duration::from_secs(1), "jit: no grant. D-1")
    }

    /// The whole account phase, with these verdicts.
    fn account(&self, person: &mut Person, verdicts: Vec<Result<Verdict, Trouble>>) -> Outcome {
        *self.verdicts.borrow_mut() = verdicts.into();
        ask_account(person, self, &Arguments { ask: true, ..Arguments::default() }, &SYSTEM)
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let left = (self.told.borrow().len(), self.heard.borrow().len(), self.verdicts.borrow().len());
        assert!(std::thread::panicking() || left == (0, 0, 0), "not everything was asked for: {left:?}");
    }
}

impl Desk for &Script {
    fn manner(&self) -> Manner {
        self.manner
    }
    fn put(&mut self, step: Step) -> Result<Told, Trouble> {
        self.steps.borrow_mut().push(step);
        self.told.borrow_mut().pop_front().expect("jitd was asked more than it should be")
    }
    fn hold(&mut self) -> Result<(), Trouble> {
        self.held.set(true);
        Ok(())
    }
    fn listen(&mut self, id: &str) -> Result<Heard, Trouble> {
        assert_eq!(id, "R-1");
        assert!(self.held.get(), "a Ctrl-C before the first poll would be lost");
        Ok(self.heard.borrow_mut().pop_front().expect("it should have stopped waiting"))
    }
    fn is_there(&self) -> bool {
        self.there.get()
    }
}

impl Daemon for Script {
    fn ask(&self, question: Question, _: bool) -> Result<Verdict, Trouble> {
        assert!(matches!(question, Question::Check(_)));
        self.verdicts.borrow_mut().pop_front().expect("the check was made more often than it should be")
    }
    fn desk(&self, _: &Entry) -> Option<Box<dyn Desk + '_>> {
        Some(Box::new(self))
    }
}

fn may() -> Told {
    let request =
        MayRequest { approvers: "carol or dave".to_owned(), time: "30m".to_owned(), reason_required: true, reason_rule: String::new() };
    Told::May(May { what: "sudo as root".to_owned(), request: Some(request), emergency: None })
}

fn pending(approvers: &str) -> Told {
    Told::Waits(Waits { id: "R-1".to_owned(), approvers: approvers.to_owned(), left_s: 3600 })
}

fn approved() -> Told {
    Told::Granted { words: "Approved by carol".to_owned() }
}

fn denied() -> Verdict {
    Verdict::Denied { message: "jit: no grant. D-1".to_owned() }
}

fn away() -> Trouble {
    Trouble::Away(Away::Refused)
}

#[test]
fn everything_is_shown_before_it_is_filed() {
    let jitd = Script::new(vec![may(), pending("carol")], vec![Heard::News(approved())]);
    let mut alice = Person::who_says(&["INC-42", ""]);
    assert_eq!(jitd.ask(&mut alice), Answer::Granted);
    let expected = [
        "Reason for sudo as root, shown to the approver and kept; never a password. Empty: give up.",
        "Reason: ",
        "Ask carol or dave for sudo as root, 30m, \"INC-42\"? [Y/n]",
        "Y/n: ",
        "R-1 waits for carol; it lapses in 60m. Ctrl-C leaves it; the same command goes on with it.",
        "Approved by carol",
    ];
    assert_eq!(alice.shown, expected);
    assert_eq!(*jitd.steps.borrow(), [Step::Look, Step::Request { reason: Some("INC-42".to_owned()) }]);
}

#[test]
fn what_was_not_confirmed_is_not_sent_and_the_denial_is_what_it_was() {
    for answers in [&[""][..], &["   "], &["INC-42", "n"], &["hunter2", "hunter2"], &["INC-42", "q"]] {
        let jitd = Script::new(vec![may()], vec![]);
        assert_eq!(jitd.ask(&mut Person::who_says(answers)), Answer::Denied("jit: no grant. D-1".to_owned()), "{answers:?}");
        assert_eq!(*jitd.steps.borrow(), [Step::Look]);
    }
    let jitd = Script::new(vec![may()], vec![]);
    let mut nobody = Person { answers: VecDeque::from([None]), ..Person::default() };
    assert_eq!(jitd.ask(&mut nobody), Answer::Denied("jit: no grant. D-1".to_owned()));
}

#[test]
fn a_reason_is_shown_back_safely_and_whole_or_not_taken() {
    let jitd = Script::new(vec![may(), Told::Granted { words: String::new() }], vec![]);
    let mut alice = Person::who_says(&["INC\x1b[2J\u{202e}42", "y"]);
    assert_eq!(jitd.ask(&mut alice), Answer::Granted);
    assert!(alice.saw("\"INC\\u{1b}[2J\\u{202e}42\"? [Y/n]"));
    let longest: &'static str = Box::leak("x".repeat(200).into_boxed_str());
    let jitd = Script::new(vec![may(), Told::Granted { words: String::new() }], vec![]);
    assert_eq!(jitd.ask(&mut Person::who_says(&[longest, "y"])), Answer::Granted);
    let long: &'static str = Box::leak("x".repeat(201).into_boxed_str());
    let jitd = Script::new(vec![may()], vec![]);
    let answer = jitd.ask(&mut Person::who_says(&[long]));
    assert_eq!(answer, Answer::Denied("jit: that is too long a reason for a prompt".to_owned()));
}

#[test]
fn a_reason_that_the_rule_does_not_take_is_asked_for_again_three_times_in_all() {
    let refused = || Told::Refused { words: "the reason must have INC-1 in it".to_owned(), again: true };
    let jitd = Script::new(vec![may(), refused(), approved()], vec![]);
    let mut alice = Person::who_says(&["because", "", "INC-1", ""]);
    assert_eq!(jitd.ask(&mut alice), Answer::Granted);
    assert!(alice.saw("the reason must have INC-1 in it.\nReason for sudo as root"));
    let jitd = Script::new(vec![may(), refused(), refused(), refused()], vec![]);
    let answer = jitd.ask(&mut Person::who_says(&["a", "", "b", "", "c", ""]));
    assert_eq!(answer, Answer::Denied("jit: the reason must have INC-1 in it".to_owned()));
}

#[test]
fn an_emergency_wants_a_yes_and_is_chosen_only_by_its_number() {
    let take = || {
        let Told::May(may) = may() else { panic!() };
        let emergency =
            MayTake { rule: "oncall".to_owned(), time: "15m".to_owned(), alert: "group leads".to_owned(), reviewers: "dave".to_owned() };
        May { emergency: Some(emergency), ..may }
    };
    let jitd = Script::new(vec![Told::May(take()), approved()], vec![]);
    let mut alice = Person::who_says(&["2", "down", "y"]);
    assert_eq!(jitd.ask(&mut alice), Answer::Granted);
    assert!(alice.saw("Take the emergency oncall for sudo as root, 15m, \"down\"? group leads will be told. [y/N]"));
    assert_eq!(alice.shown.iter().filter(|shown| shown.ends_with("/n: ") || shown.ends_with("/N: ")).collect::<Vec<_>>(), ["y/N: "]);
    assert_eq!(jitd.steps.borrow()[1], Step::Emergency { reason: "down".to_owned() });
    for answers in [&["3"][..], &["2", "down", ""], &["2", ""], &["hunter2"]] {
        let jitd = Script::new(vec![Told::May(take())], vec![]);
        assert!(matches!(jitd.ask(&mut Person::who_says(answers)), Answer::Denied(_)), "{answers:?}");
    }
    let jitd = Script::new(vec![Told::May(take()), approved()], vec![]);
    assert_eq!(jitd.ask(&mut Person::who_says(&["", "INC-1", ""])), Answer::Granted);
    assert!(matches!(jitd.steps.borrow()[1], Step::Request { .. }));
}

#[test]
fn a_wait_ends_as_it_must_and_says_the_id() {
    let nothing = Heard::Nothing(Duration::from_millis(600));
    for (heard, says) in [
        (vec![Heard::Stopped], "jit: you left. R-1 stays pending"),
        (vec![nothing.clone(), nothing], "jit: no answer yet. R-1 stays pending"),
        (vec![Heard::Gone], "the terminal that asked is gone"),
        (vec![Heard::News(Told::Over { words: "Denied by carol. R-1 is over.".to_owned() })], "jit: Denied by carol. R-1 is over."),
        (vec![Heard::News(Told::Refused { words: "jit: no more".to_owned(), again: false })], "jit: no more. R-1 is left as it is"),
    ] {
        let jitd = Script::new(vec![pending("carol")], heard);
        let Answer::Denied(words) = jitd.ask(&mut Person::default()) else { panic!("{says}") };
        assert!(words.starts_with(says) || words.contains(says), "{words}");
        assert!(words.len() < 200);
    }
}

#[test]
fn however_much_there_is_to_say_the_line_that_denies_has_less_than_200_bytes() {
    let long = "x".repeat(300);
    let refused = |words: &str| Told::Refused { words: words.to_owned(), again: false };
    for (told, heard) in [
        (refused("jit: no more prompts can wait now (3 of one user, 32 in all)."), vec![]),
        (refused(&long), vec![]),
        (pending("carol"), vec![Heard::News(Told::Over { words: long.clone() })]),
        (pending("carol"), vec![Heard::News(refused(&long))]),
    ] {
        let denial = format!("jit: no grant for sudo. {}. D-7F3KQ2ZD", "x".repeat(160));
        let (jitd, mut person) = (Script::new(vec![told.clone()], heard), Person::default());
        let Answer::Denied(words) = ask(&mut person, &mut &jitd, Duration::from_secs(1), &denial) else { panic!("{told:?}") };
        assert!(words.starts_with("jit: ") && words.len() < 200, "{words}");
        if told == refused("jit: no more prompts can wait now (3 of one user, 32 in all).") {
            assert!(person.saw("no more prompts can wait now") && words == denial, "{words}");
        }
    }
}

#[test]
fn what_changes_is_said_and_a_jitd_that_comes_back_is_too() {
    let news = |approvers| Heard::News(pending(approvers));
    let heard =
        vec![news("carol"), news("dave"), Heard::Lost, Heard::Nothing(Duration::from_millis(100)), news("dave"), Heard::News(approved())];
    let jitd = Script::new(vec![pending("carol")], heard);
    let mut alice = Person::default();
    assert_eq!(jitd.ask(&mut alice), Answer::Granted);
    let still = alice.shown.iter().filter(|line| line.starts_with("R-1 waits for dave; here for")).count();
    assert_eq!((still, alice.saw("jitd went away")), (2, true), "{:?}", alice.shown);
}

#[test]
fn in_sshd_each_look_is_a_prompt_and_a_client_that_left_answers_none() {
    let script = |told| {
        let mut script = Script::new(told, vec![]);
        script.manner = Manner::Prompted;
        script
    };
    let jitd = script(vec![pending("carol"), pending("dave"), approved()]);
    let mut bob = Person::who_says(&["", ""]);
    assert_eq!(jitd.ask(&mut bob), Answer::Granted);
    assert_eq!(
        bob.shown[..2],
        ["R-1 waits for carol. Enter: look again, c: leave it ", "R-1 waits for dave. Enter: look again, c: leave it "]
    );
    for leaves in [Some("c"), Some("C"), None] {
        let jitd = script(vec![pending("carol")]);
        let mut bob = Person { answers: VecDeque::from([leaves]), ..Person::default() };
        assert!(matches!(jitd.ask(&mut bob), Answer::Denied(words) if words.contains("R-1 stays pending")));
    }
}

#[test]
fn what_was_granted_is_checked_anew_and_only_who_is_still_there_comes_in() {
    let granted = || Script::new(vec![Told::Granted { words: String::new() }], vec![]);
    let answer = |verdict| granted().account(&mut Person::default(), vec![Ok(denied()), verdict]);
    assert_eq!(answer(Ok(Verdict::Allowed)), Outcome::Allowed);
    assert_eq!(answer(Ok(denied())), Outcome::Denied);
    assert_eq!(answer(Err(away())), Outcome::Denied, "what is denied stays denied, and opens no gate of a dead jitd");
    assert_eq!(answer(Err(Trouble::Ours("no descriptor".to_owned()))), Outcome::Denied);
    let jitd = granted();
    jitd.there.set(false);
    let mut gone = Person::default();
    assert_eq!(jitd.account(&mut gone, vec![Ok(denied()), Ok(Verdict::Allowed)]), Outcome::Denied);
    assert!(gone.saw("the terminal that asked is gone"));
}

#[test]
fn whatever_fails_while_one_asks_is_a_denial() {
    for trouble in [away(), Trouble::Ours("x".to_owned())] {
        let jitd = Script::new(vec![], vec![]);
        jitd.told.borrow_mut().push_back(Err(trouble));
        let mut alice = Person::default();
        assert_eq!(jitd.account(&mut alice, vec![Ok(denied())]), Outcome::Denied);
        assert_eq!(alice.shown, ["jit: no grant. D-1"]);
    }
}

#[test]
fn quiet_silences_the_denial_and_not_what_is_asked() {
    let shown = |quiet| {
        let jitd = Script::new(vec![may(), pending("carol")], vec![Heard::Stopped]);
        *jitd.verdicts.borrow_mut() = VecDeque::from([Ok(denied())]);
        let mut alice = Person::who_says(&["INC-42", ""]);
        let arguments = Arguments { ask: true, quiet, ..Arguments::default() };
        assert_eq!(ask_account(&mut alice, &jitd, &arguments, &SYSTEM), Outcome::Denied);
        alice.shown
    };
    let (mut loud, quiet) = (shown(false), shown(true));
    assert_eq!(loud.pop().as_deref(), Some("jit: you left. R-1 stays pending; try again later to go on with it."));
    assert_eq!((quiet.len(), quiet), (5, loud));
}

#[test]
fn nobody_is_asked_unless_the_line_says_so_or_while_it_only_observes() {
    let line = |ask, observe: Option<&str>| Arguments { ask, observe: observe.map(|day| day.parse().unwrap()), ..Arguments::default() };
    for arguments in [line(false, None), line(true, Some("2026-11-24"))] {
        let jitd = Script::new(vec![], vec![]);
        *jitd.verdicts.borrow_mut() = VecDeque::from([Ok(denied())]);
        assert_eq!(ask_account(&mut Person::default(), &jitd, &arguments, &SYSTEM), Outcome::Denied);
        assert!(jitd.steps.borrow().is_empty());
    }
}
