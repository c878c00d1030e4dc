//! `jit wait`: until a request is decided.

use super::{Context, Ended, verdict, whole_id};
use crate::failing::{Exit, Failing};
use crate::out::{Form, Live};
use crate::show::lines::{self, Reader};
use crate::show::times::Clock;
use crate::show::words::safe;
use crate::talk::Conversation;
use jit_core::id::RequestId;
use jit_core::span::Span;
use jit_proto::user::{Act, UserAnswer};
use jit_proto::view::{FailureCode, RequestView};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How often a jitd that went away in the meantime is looked for: a restart must not end a wait.
const LOOKS: u32 = 20;
/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(500);

/// Waits, and says how it was decided.
pub fn wait(context: &Context, id: Option<&str>) -> Ended {
    let id = id.map(whole_id::<RequestId>).transpose()?;
    let decided = decision(context, id.as_deref(), None)?;
    say(context, &decided)
}

/// How often the time that is left is written anew, on a terminal; nothing is asked for it.
const TICK: Duration = Duration::from_secs(1);

/// Somebody who waits.
struct Waiter<'a> {
    context: &'a Context,
    /// For which request; none: the newest, until it is known which that is.
    id: Option<String>,
    /// Until when; none: without end.
    ends: Option<Instant>,
    /// What was said of it last.
    said: Option<RequestView>,
    /// Where the time that is left is shown.
    live: Option<Live>,
    /// How often jitd was looked for since it went away.
    looks: u32,
}

/// How a request is decided, once it is; none: the newest. The request outlives any wait for it.
pub fn decision(context: &Context, id: Option<&str>, limit: Option<Span>) -> Result<RequestView, Failing> {
    let ends = limit.and_then(|limit| Instant::now().checked_add(Duration::from_millis(limit.as_millis())));
    let mut waiter = Waiter { context, id: id.map(str::to_owned), ends, said: None, live: context.out.live(), looks: 0 };
    loop {
        match waiter.watch() {
            Ok(decided) => return Ok(decided),
            Err(failing) if waiter.looks_again(&failing) => sleep(PAUSE),
            Err(failing) => return Err(failing),
        }
    }
}

impl Waiter<'_> {
    /// Waits on one connection.
    fn watch(&mut self) -> Result<RequestView, Failing> {
        let conversation = self.context.talk.ask(Act::Wait(self.id.clone()))?;
        loop {
            match self.next(&conversation)? {
                UserAnswer::Request(decided) => return Ok(*decided),
                UserAnswer::Waiting(request) => self.say(*request),
                UserAnswer::Status(_)
                | UserAnswer::Grants(_)
                | UserAnswer::Listing { .. }
                | UserAnswer::Shown(_)
                | UserAnswer::Events { .. }
                | UserAnswer::Reloaded { .. }
                | UserAnswer::PolicyFile { .. }
                | UserAnswer::Daemon(_)
                | UserAnswer::Taken(_)
                | UserAnswer::Optouts(_)
                | UserAnswer::Remark(_)
                | UserAnswer::Checkpoint(_)
                | UserAnswer::Metrics(_)
                | UserAnswer::Noted
                | UserAnswer::Part { .. }
                | UserAnswer::Archive { .. }
                | UserAnswer::MayEnter(_)
                | UserAnswer::Failed(_) => return Err(conversation.unexpected()),
            }
        }
    }

    /// The next answer, however long it takes; meanwhile the time that is left is shown where it can be.
    fn next(&self, conversation: &Conversation<'_>) -> Result<UserAnswer, Failing> {
        loop {
            let left = self.ends.map(|ends| ends.saturating_duration_since(Instant::now()));
            let shown = self.show_left(left);
            let pause = if shown { Some(left.map_or(TICK, |left| left.min(TICK))) } else { left };
            match conversation.next_within(pause)? {
                Some(answer) => return Ok(answer),
                None if left.is_some_and(|left| left.is_zero()) => return Err(self.timed_out()),
                None => {}
            }
        }
    }

    /// Shows who can approve, and how long one still waits.
    fn show_left(&self, left: Option<Duration>) -> bool {
        let (Some(live), Some(request)) = (&self.live, &self.said) else { return false };
        let lapses = u64::try_from(request.lapses.0.saturating_sub(Clock::local().now().as_millis())).unwrap_or(0);
        let left = left.map_or(Duration::from_millis(lapses), |left| left.min(Duration::from_millis(lapses)));
        live.show(&lines::left(request, left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX)));
        true
    }

    /// Says whom it waits for, and then what changes.
    fn say(&mut self, request: RequestView) {
        let clock = self.context.out.clock();
        let words = match &self.said {
            None => Some(lines::being_waited_for(clock, &request)),
            Some(before) => lines::moved(clock, before, &request),
        };
        if let Some(words) = words {
            self.aside(&words);
        }
        self.id = Some(request.id.clone());
        self.said = Some(request);
        self.looks = 0;
    }

    fn aside(&self, words: &str) {
        if let Some(live) = &self.live {
            live.clear();
        }
        self.context.out.aside(words);
    }

    /// Whether a jitd that went away in the middle is to be looked for again.
    fn looks_again(&mut self, failing: &Failing) -> bool {
        let away = matches!(failing, Failing::Failed(failure) if failure.code == FailureCode::Unreachable);
        let in_time = self.ends.is_none_or(|ends| Instant::now() < ends);
        if !(away && self.said.is_some() && in_time && self.looks < LOOKS) {
            return false;
        }
        if self.looks == 0 {
            self.aside("jitd went away; looking for it again.");
        }
        self.looks = self.looks.saturating_add(1);
        true
    }

    fn timed_out(&self) -> Failing {
        let id = self.id.as_deref().map_or_else(|| "your request".to_owned(), safe);
        let later = self.id.as_deref().map_or_else(|| "jit wait".to_owned(), |id| format!("jit wait {}", safe(id)));
        Failing::timeout(format!("{id} is not decided yet; it stays pending"), format!("go on waiting: {later}"))
    }
}

/// Says how a request of one's own was decided.
pub fn say(context: &Context, decided: &RequestView) -> Ended {
    let granted = decided.state == "granted";
    let said = match context.out.form() {
        Form::Json => context.out.json(decided),
        Form::Human if granted => {
            let grant = decided.grant_id.as_deref().and_then(|id| context.talk.grant(id));
            let said = context.out.say(&lines::granted(context.out.clock(), Reader::Holder, decided, grant.as_ref()));
            said.and_then(|()| lines::who_approved(decided).map_or(Ok(()), |who| context.out.say(&who)))
        }
        Form::Human => context.out.say(&lines::not_granted(context.out.clock(), decided)),
    };
    verdict(if granted { Exit::Done } else { Exit::Refused }, said)
}
