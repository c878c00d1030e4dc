//! A small world for tests: accounts, a clock that they move, a policy, and a state that is always the fold
//! of its events.

use super::{Admission, Arrival, Command, Context, Grace, Reply, Target, Wish, check, handle};
use crate::actor::{Actor, Ancestry, Behind, Humans, Inside, LoginUid};
use crate::event::Event;
use crate::grant::Grant;
use crate::id::{Entropy, GrantId, RequestId, SessionId};
use crate::name::{GroupName, RunAs, Service, Uid, UserName};
use crate::policy::Policy;
use crate::policy::load::{Around, PolicyFile, load};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::session::{Bound, Process};
use crate::span::Span;
use crate::state::State;
use crate::subject::{Entry, Groups, Phase, Remote, Subject};
use crate::time::{BootId, BootTime, Now, WallTime};

pub struct Counter(u64);

impl Entropy for Counter {
    fn bits(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

pub struct World {
    pub state: State,
    pub policy: Option<Policy>,
    pub now: Now,
    pub log: Vec<(WallTime, Event)>,
    entropy: Counter,
}

/// alice and bob are in ops, carol and dave in leads, erin in managers; alice-adm is alice too.
const ACCOUNTS: [(&str, u32, &[&str]); 8] = [
    ("root", 0, &["root"]),
    ("alice", 1001, &["ops"]),
    ("bob", 1002, &["ops"]),
    ("carol", 1003, &["leads"]),
    ("dave", 1004, &["leads"]),
    ("erin", 1005, &["managers"]),
    ("alice-adm", 1006, &["leads"]),
    ("postgres", 1007, &[]),
];

pub const POLICY: &str = r#"
version = 1
auditors = ["user:erin"]

[[person]]
accounts = ["alice", "alice-adm"]

[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
as = ["root", "postgres"]
for = { default = "30m", max = "4h" }
approve = [ { by = ["group:leads"], count = 1 } ]
lapse = "1h"

[[grant]]
name = "ops-ssh"
who = ["group:ops"]
on = ["sshd"]
from = ["10.0.0.0/8"]
approve = [ { by = ["group:leads"] }, { by = ["group:managers"] } ]
starts = "first-use"
use_within = "2h"

[[grant]]
name = "leads-ssh"
who = ["group:leads"]
on = ["sshd"]
approve = []
starts = "login"
for = { default = "1h" }

[[grant]]
name = "leads-su"
who = ["group:leads"]
on = ["su"]
as = ["postgres"]
approve = []
reason = { required = false }

[[legacy]]
name = "db-backup"
who = ["user:postgres"]
on = ["sshd"]
from = ["10.1.2.3"]
owner = "group:managers"
reason = "the appliance cannot ask"
until = 2026-12-31
"#;

pub fn subject(name: &str) -> Subject {
    let (_, uid, groups) = ACCOUNTS.iter().find(|(known, ..)| *known == name).unwrap();
    let groups = groups.iter().map(|group| GroupName::new(*group)).collect();
    Subject { uid: Uid(*uid), name: UserName::new(name), groups: Groups::Known(groups) }
}

/// Somebody at their own terminal, logged in as themselves.
pub fn actor(name: &str) -> Actor {
    let subject = subject(name);
    let login = LoginUid::Set(subject.uid, Some(subject.name.clone()));
    Actor {
        login,
        ancestry: Ancestry::Known(vec![Process { pid: 90_000 + subject.uid.0, started: 1 }]),
        worn: Behind::Known(Humans::default()),
        within: Some(Vec::new()),
        remote: Remote::Unknown,
        subject,
    }
}

pub fn wish() -> Wish {
    Wish { service: Service::new("sudo"), run_as: RunAs::root(), wanted: None, uses: None, start: None, reason: Some("INC-42".to_owned()) }
}

pub fn entry(name: &str, service: &str, run_as: Option<&str>) -> Entry {
    let subject = subject(name);
    let run_as = run_as.map(|target| RunAs::of(&subject.name, UserName::new(target)));
    let remote = Remote::from_address("10.1.2.3".parse().ok());
    Entry { subject, service: Service::new(service), run_as, remote, tty: None, phase: Phase::Account }
}

impl World {
    pub fn new() -> Self {
        Self::with(POLICY)
    }

    pub fn with(policy: &str) -> Self {
        let now = Now { wall: WallTime::parse("2026-11-23T12:00:00Z").unwrap(), boot: BootTime::from_millis(1_000_000) };
        let policy = load(&[PolicyFile { file: "policy.toml".to_owned(), text: policy.to_owned() }], Around { now: now.wall, zone: None })
            .unwrap()
            .0;
        let mut world = Self { state: State::default(), policy: Some(policy), now, log: Vec::new(), entropy: Counter(0) };
        world.start("boot-1");
        world
    }

    pub fn start(&mut self, boot: &str) {
        let start =
            Command::Start { version: "0".to_owned(), boot: BootId(boot.to_owned()), policy: "valid".to_owned(), bound: Bound::Cgroup };
        let _ = self.command(start).unwrap();
    }

    pub fn command(&mut self, command: Command) -> Result<Reply, Refusal> {
        let mut context = Context { now: self.now, policy: self.policy.as_ref(), entropy: &mut self.entropy };
        let (reply, events) = handle(&self.state, command, &mut context)?;
        for event in events {
            self.state.apply(self.now.wall, &event);
            self.log.push((self.now.wall, event));
        }
        Ok(reply)
    }

    pub fn pass(&mut self, span: Span) {
        self.now = Now { wall: self.now.wall.plus(span), boot: self.now.boot.plus(span) };
        let _ = self.command(Command::Tick(Vec::new())).unwrap();
    }

    pub fn step_wall(&mut self, by_s: i64) {
        self.now.wall = WallTime::from_millis(self.now.wall.as_millis() + by_s * 1000);
        let _ = self.command(Command::Stepped(by_s * 1000)).unwrap();
        let _ = self.command(Command::Tick(Vec::new())).unwrap();
    }

    pub fn request(&mut self, name: &str) -> Result<RequestId, Refusal> {
        self.request_of(&actor(name), wish())
    }

    pub fn request_of(&mut self, actor: &Actor, wish: Wish) -> Result<RequestId, Refusal> {
        match self.command(Command::Request(actor.clone(), wish))? {
            Reply::Request(id) => Ok(id),
            other => panic!("{other:?}"),
        }
    }

    pub fn approve(&mut self, name: &str, id: RequestId) -> Result<(), Refusal> {
        self.approve_of(actor(name), id)
    }

    pub fn approve_of(&mut self, actor: Actor, id: RequestId) -> Result<(), Refusal> {
        self.command(Command::Approve { actor, id, shorten: None, note: None }).map(drop)
    }

    pub fn revoke(&mut self, name: &str, id: GrantId) -> Result<(), Refusal> {
        self.command(Command::Revoke { actor: actor(name), target: Target::Grant(id), note: None, grace: Grace::Some }).map(drop)
    }

    pub fn check(&self, entry: &Entry) -> Admission {
        check(&self.state, self.policy.as_ref(), entry, self.now)
    }

    pub fn lets_in(&self, name: &str, service: &str, run_as: Option<&str>) -> bool {
        !matches!(self.check(&entry(name, service, run_as)), Admission::Denied(_))
    }

    pub fn denial(&self, name: &str, service: &str, run_as: Option<&str>) -> String {
        let entry = entry(name, service, run_as);
        match self.check(&entry) {
            Admission::Denied(denial) => denial.line(&entry, "D-7F3KQ2ZD".parse().unwrap()),
            other => panic!("{other:?}"),
        }
    }

    pub fn open(&mut self, entry: Entry, pid: u32) -> Option<(SessionId, GrantId)> {
        let arrival =
            Arrival { entry, process: Some(Process { pid, started: 1 }), bound: Bound::Cgroup, auth: None, inside: Inside::nothing() };
        match self.command(Command::Open(arrival)).unwrap() {
            Reply::Session(session, grant, _) => Some((session, grant)),
            Reply::Denied(_) => None,
            other => panic!("{other:?}"),
        }
    }

    pub fn outcome(&self, id: RequestId) -> &'static str {
        self.state.request(id).map_or("none", Request::word)
    }

    pub fn grant_of(&self, id: RequestId) -> GrantId {
        let granted = self.state.live().find(|grant| grant.terms.request == Some(id));
        granted.unwrap().terms.id
    }

    pub fn grant_word(&self, id: GrantId) -> &'static str {
        match self.state.grant(id).unwrap() {
            Grant::Live(grant) => grant.word(),
            Grant::Ended(grant) => grant.word(),
        }
    }

    /// The state that the events alone make.
    pub fn replayed(&self) -> State {
        let mut state = State::default();
        for (at, event) in &self.log {
            let stored = Event::read(event.name(), &event.data().unwrap()).unwrap();
            state.apply(*at, &stored);
        }
        state
    }
}
