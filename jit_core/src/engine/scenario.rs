//! What anybody may do in any order, under policies that are made up as well: for the property tests, and for fuzz/.

use super::fixture::{World, actor, entry};
use super::{Command, Effect, Grace, Reply, Target, Wish, left_to_end};
use crate::id::{GrantId, RequestId, SessionId};
use crate::name::{RunAs, Service, UserName};
use crate::optout::Verdict;
use crate::session::Tally;
use crate::span::Span;
use crate::time::WallTime;
use std::fmt::Write as _;

/// Who acts.
pub const PEOPLE: [&str; 6] = ["alice", "bob", "carol", "dave", "erin", "alice-adm"];

/// Where they come in, and as whom; none: as themselves.
pub const DOORS: [(&str, Option<&str>); 5] =
    [("sudo", Some("root")), ("sudo-i", Some("postgres")), ("su", Some("root")), ("sshd", None), ("sudo", None)];

/// A policy of these parts.
#[derive(Debug, Clone)]
pub struct Parts {
    pub max_min: u64,
    pub count: u32,
    pub stages: u32,
    pub uses: Option<u32>,
    pub hours: bool,
    pub extend: Option<(u32, u64)>,
    pub first_use: bool,
    pub emergency: bool,
    pub repetitive: Option<u32>,
    pub deny: bool,
    pub elsewhere: bool,
}

impl Parts {
    pub fn text(&self) -> String {
        let mut text = "version = 1\n[[person]]\naccounts = [\"alice\", \"alice-adm\"]\n".to_owned();
        let stage = format!("{{ by = [\"group:leads\", \"group:ops\"], count = {} }}", self.count);
        let stages = vec![stage; usize::try_from(self.stages).unwrap()].join(", ");
        let _ = writeln!(
            text,
            "[[grant]]\nname = \"g\"\nwho = [\"group:ops\", \"group:leads\"]\non = [\"sudo\"]\nfor = {{ default = \"10m\", max = \"{}m\" }}\napprove = [ {stages} ]",
            self.max_min
        );
        if self.elsewhere {
            text += "session = { require = \"cgroup\" }\n";
        }
        if let Some(uses) = self.uses {
            let _ = writeln!(text, "uses = {{ max = {uses} }}");
        }
        if self.hours {
            let _ = writeln!(text, "hours = [\"mon-fri 08:00-14:30\", \"22:00-03:00\"]\nzone = \"Europe/Berlin\"");
        }
        if let Some((times, minutes)) = self.extend {
            let _ = writeln!(text, "extend = {{ times = {times}, max = \"{minutes}m\" }}");
        }
        if self.first_use {
            let _ = writeln!(text, "starts = \"first-use\"\nuse_within = \"40m\"");
        }
        if self.emergency {
            text += "[[emergency]]\nname = \"e\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\nfor = { default = \"20m\", max = \"1h\" }\n\
                     limit = { times = 2, per = \"1d\" }\nreview = { by = [\"group:leads\", \"group:ops\"], within = \"1h\" }\n";
        }
        if let Some(times) = self.repetitive {
            let _ = writeln!(
                text,
                "[[repetitive]]\nname = \"r\"\nwho = [\"group:ops\"]\non = [\"sudo\", \"sshd\"]\nafter = {{ within = \"2h\", times = {times} }}"
            );
        }
        if self.deny {
            text += "[[deny]]\nname = \"d\"\nwho = [\"user:bob\"]\non = [\"sudo\"]\n";
        }
        if self.elsewhere {
            text += "[[grant]]\nname = \"l\"\nwho = [\"group:leads\"]\non = [\"sshd\"]\napprove = []\nstarts = \"login\"\nfor = { default = \"1h\" }\n\
                     [[grant]]\nname = \"s\"\nwho = [\"any\"]\non = [\"su\", \"sudo\"]\nas = [\"postgres\", \"self\"]\nfor = { default = \"10m\", max = \"20m\" }\napprove = []\n\
                     [[grant]]\nname = \"h\"\nwho = [\"group:ops\"]\non = [\"sshd\"]\nfrom = [\"10.1.0.0/16\"]\nfor = { default = \"10m\", max = \"20m\" }\n\
                     approve = [ { by = [\"group:leads\", \"group:ops\"] } ]\n\
                     [[legacy]]\nname = \"o\"\nwho = [\"user:erin\"]\non = [\"sshd\"]\nowner = \"user:carol\"\nreason = \"an appliance\"\nuntil = 2026-11-30\n";
        }
        text
    }
}

/// Something that somebody does; numbers choose among what there is.
#[derive(Debug, Clone)]
pub enum Act {
    Request {
        who: usize,
        minutes: Option<u64>,
        uses: Option<u32>,
        later_min: Option<u64>,
    },
    RequestElsewhere {
        who: usize,
        door: usize,
    },
    GrantTo {
        who: usize,
        whom: usize,
    },
    Approve {
        who: usize,
        which: usize,
    },
    /// By a process in somebody's session: `sudo -u carol jit approve`.
    ApproveWithin {
        who: usize,
        session: usize,
        which: usize,
    },
    Shorten {
        who: usize,
        which: usize,
        minutes: u64,
    },
    Cancel {
        who: usize,
        which: usize,
    },
    Deny {
        who: usize,
        which: usize,
    },
    Drop {
        who: usize,
    },
    Revoke {
        who: usize,
        which: usize,
    },
    RevokeAll {
        who: usize,
        whom: usize,
    },
    Emergency {
        who: usize,
    },
    Review {
        who: usize,
        which: usize,
    },
    Extend {
        who: usize,
        minutes: u64,
    },
    Open {
        who: usize,
    },
    OpenElsewhere {
        who: usize,
        door: usize,
    },
    Unbound {
        which: usize,
    },
    Close {
        which: usize,
    },
    Ended {
        which: usize,
    },
    Pass {
        seconds: u64,
    },
    Step {
        seconds: i64,
    },
    Reload,
    Reboot,
}

fn nth<T>(all: impl Iterator<Item = T>, which: usize) -> Option<T> {
    let mut all: Vec<_> = all.collect();
    if all.is_empty() { None } else { Some(all.swap_remove(which % all.len())) }
}

pub fn wish(minutes: Option<u64>, uses: Option<u32>, start: Option<WallTime>) -> Wish {
    let wanted = minutes.map(|minutes| Span::from_secs(minutes * 60));
    Wish { service: Service::new("sudo"), run_as: RunAs::root(), wanted, uses, start, reason: Some("INC-42".to_owned()) }
}

/// Somebody who holds a grant, most of the time; else somebody.
fn holder(world: &World, which: usize) -> (&'static str, Option<GrantId>) {
    let held = nth(world.state.live().map(|grant| (grant.terms.user.clone(), grant.terms.id)), which);
    let named = held.and_then(|(user, id)| Some((PEOPLE.into_iter().find(|name| *name == user.as_str())?, Some(id))));
    named.filter(|_| which != 0).unwrap_or((PEOPLE[which], None))
}

/// Somebody who was approved something, at that door; else somebody at one.
fn again(world: &World, which: usize) -> (&'static str, &'static str, Option<&'static str>) {
    let approved = nth(world.state.bases().map(|basis| &basis.terms), which).and_then(|terms| {
        let is_there = |(service, run_as): &&(&str, Option<&str>)| {
            let run_as = run_as.map_or(RunAs::Oneself, RunAs::as_typed);
            terms.common.service.covers(&Service::new(*service)) && terms.common.run_as == run_as
        };
        let (service, run_as) = DOORS.iter().find(is_there)?;
        Some((PEOPLE.into_iter().find(|name| *name == terms.user.as_str())?, *service, *run_as))
    });
    approved.unwrap_or((PEOPLE[which], DOORS[0].0, DOORS[0].1))
}

/// Whoever is in somebody's session may be them, whatever account they act as.
fn approve_within(world: &mut World, name: &str, session: usize, which: usize) {
    let inside = nth(world.state.open_sessions().map(|session| (session.id, session.user.clone())), session);
    let pending = nth(world.state.pending().map(|pending| (pending.ask.id, pending.ask.user.clone())), which);
    let (Some((session, user)), Some((id, asker))) = (inside, pending) else { return };
    let approved = world.approve_of(crate::actor::Actor { within: Some(vec![session]), ..actor(name) }, id);
    assert!(
        approved.is_err() || !same_human(user.as_str(), asker.as_str()),
        "{asker} approved {id} from their session {session} as {name}"
    );
}

/// Whether two accounts are one human's.
pub fn same_human(one: &str, other: &str) -> bool {
    one.trim_end_matches("-adm") == other.trim_end_matches("-adm")
}

/// Does it; whether it is refused is not asked here.
pub fn perform(world: &mut World, act: Act, parts: &mut Parts, boots: &mut u32) {
    let pending = |world: &World, which| nth(world.state.pending().map(|pending| pending.ask.id), which);
    let command = match act {
        Act::Request { who, minutes, uses, later_min } => {
            let start = later_min.map(|minutes| world.now.wall.plus(Span::from_secs(minutes * 60)));
            Some(Command::Request(actor(PEOPLE[who]), wish(minutes, uses, start)))
        }
        Act::RequestElsewhere { who, door } => {
            let (service, run_as) = DOORS[door % DOORS.len()];
            let (service, run_as) = (Service::new(service), run_as.map_or(RunAs::Oneself, RunAs::as_typed));
            Some(Command::Request(actor(PEOPLE[who]), Wish { service, run_as, ..wish(None, None, None) }))
        }
        Act::GrantTo { who, whom } => Some(Command::GrantTo(actor(PEOPLE[who]), actor(PEOPLE[whom]).subject, wish(None, None, None))),
        Act::Approve { who, which } => {
            pending(world, which).map(|id: RequestId| Command::Approve { actor: actor(PEOPLE[who]), id, shorten: None, note: None })
        }
        Act::ApproveWithin { who, session, which } => {
            approve_within(world, PEOPLE[who], session, which);
            None
        }
        Act::Shorten { who, which, minutes } => pending(world, which).map(|id| Command::Approve {
            actor: actor(PEOPLE[who]),
            id,
            shorten: Some(Span::from_secs(minutes * 60)),
            note: None,
        }),
        Act::Cancel { who, which } => Some(Command::Cancel(actor(PEOPLE[who]), pending(world, which))),
        Act::Deny { who, which } => {
            pending(world, which).map(|id| Command::Deny { actor: actor(PEOPLE[who]), id, note: Some("no".to_owned()) })
        }
        Act::Drop { who } => Some(Command::Drop(actor(PEOPLE[who]), None)),
        Act::Revoke { who, which } => nth(world.state.live().map(|grant| grant.terms.id), which).map(|id: GrantId| Command::Revoke {
            actor: actor(PEOPLE[who]),
            target: Target::Grant(id),
            note: None,
            grace: Grace::Some,
        }),
        Act::RevokeAll { who, whom } => Some(Command::Revoke {
            actor: actor(PEOPLE[who]),
            target: Target::User(UserName::new(PEOPLE[whom])),
            note: Some("away".to_owned()),
            grace: Grace::None,
        }),
        Act::Emergency { who } => Some(Command::Emergency(actor(PEOPLE[who]), wish(None, None, None))),
        Act::Review { who, which } => nth(world.state.emergencies().map(|taken| taken.grant), which).map(|id| Command::Review {
            actor: actor(PEOPLE[who]),
            id,
            verdict: Verdict::Fine,
            note: None,
        }),
        Act::Extend { who, minutes } => {
            let by = Span::from_secs(minutes * 60);
            let (holder, id) = holder(world, who);
            Some(Command::Extend { actor: actor(holder), id, by, reason: Some("longer".to_owned()) })
        }
        Act::Open { who } => {
            let (holder, _) = holder(world, who);
            let _ = world.open(entry(holder, "sudo", Some("root")), 4711);
            None
        }
        Act::OpenElsewhere { who, door } => {
            let (name, service, run_as) =
                DOORS.get(door).map_or_else(|| again(world, who), |(service, run_as)| (PEOPLE[who], *service, *run_as));
            let _ = world.open(entry(name, service, Some(run_as.unwrap_or(name))), 4712);
            None
        }
        Act::Unbound { which } => {
            nth(world.state.open_sessions().map(|session| session.id), which).map(|id| Command::Unbound(id, "no room".to_owned()))
        }
        Act::Close { which } => nth(world.state.open_sessions().map(|session| session.id), which).map(|id: SessionId| Command::Close(id)),
        // Whoever ends sessions ends those alone whose grant is over.
        Act::Ended { which } => nth(left_to_end(&world.state, &[]).into_iter(), which).and_then(|effect| match effect {
            Effect::End { sessions, .. } => Some(Command::Ended(sessions.first()?.id, Tally { processes: 2, killed: 1, left: 0 })),
            other => panic!("{other:?}"),
        }),
        Act::Pass { seconds } => {
            // jitd wakes for each deadline; here it looks once a second of those that matter.
            let mut left = Span::from_secs(seconds);
            while let Some(next) = world.state.next_deadline_in(world.now).filter(|next| *next <= left && *next > Span::from_millis(0)) {
                world.pass(next);
                left = Span::from_millis(left.as_millis() - next.as_millis());
            }
            world.pass(left);
            None
        }
        Act::Step { seconds } => {
            // Where there are windows, a clock that is wrong makes the wrong ones.
            if !parts.hours {
                world.step_wall(seconds);
            }
            None
        }
        Act::Reload => {
            parts.deny = !parts.deny;
            world.policy = World::with(&parts.text()).policy;
            None
        }
        Act::Reboot => {
            *boots += 1;
            world.start(&format!("boot-{boots}"));
            None
        }
    };
    if let Some(command) = command {
        let _: Result<Reply, _> = world.command(command);
    }
}
