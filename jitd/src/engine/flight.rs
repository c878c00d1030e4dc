//! What waits is handled together, and is on its way to the disk together: one batch at a time.
//!
//! A disk may also not answer at all. Whoever takes access away does not wait for it, nor do those whose grant needs no
//! record: what is done in any case is done, said to be not on disk yet, and stored in its turn when the disk answers.

use super::batch::{Batch, Done, Flight, Hanging, Then, Waiting};
use super::task::{GATHER, Held, MOST_IN_BATCH, Task};
use crate::clock::{Clock, KernelEntropy};
use crate::writer::{Committed, Kept, Unstored, failed, fresh};
use jit_core::engine::{self, Command, Context, News, Otherwise, Recording, Reply, effects, news};
use jit_core::event::{self, Event};
use jit_core::grant::Grant;
use jit_core::id::GrantId;
use jit_core::name::Uid;
use jit_core::span::Span;
use jit_core::state::State;
use jit_core::time::{Deadline, Now};
use jit_store::Fresh;
use std::collections::BTreeSet;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

/// How long the disk may take before what is done in any case is done without it. With the longest turn of a session that
/// is still less than the time in which the door answers.
pub(super) const PATIENCE: Span = Span::from_millis(400);
/// So many events that are done without the disk are taken back for a look, some microseconds each.
const MOST_TAKEN_BACK: usize = 200;
/// After how long that is said to administrators.
const WHILE: Span = Span::from_secs(2);
/// What is said of such a disk.
pub(super) const HANGS: &str = "the disk does not answer";

impl<C: Clock> Task<C> {
    /// Handles what waits and sends it to the disk, unless a batch is on its way.
    pub(super) fn take_off(&mut self, now: Now) {
        if let Some(otherwise) = self.flight.as_ref().map(|flight| flight.recording.otherwise) {
            match (otherwise, self.is_late(now)) {
                (Otherwise::Done, true) => self.leave_behind(now),
                (Otherwise::Refused, true) => return self.pass_by(now),
                (Otherwise::Done | Otherwise::Refused, false) => return,
            }
        }
        if self.waiting.is_empty() {
            if self.noted.boot.until(now.boot) >= GATHER {
                self.send_notes();
            }
            return;
        }
        // On their own: what cannot be stored of a batch is refused, but these are kept until they can be.
        self.send_notes();
        // What changes nothing goes nowhere: those behind it do not wait for its landing.
        while self.flight.is_none() && !self.waiting.is_empty() {
            self.take_off_together(now);
        }
    }

    /// Handles what waits and is recorded alike, and sends it to the disk if anything comes of it.
    fn take_off_together(&mut self, now: Now) {
        self.state.begin();
        let mut batch = Batch::default();
        let mut together: Option<Recording> = None;
        for _ in 0..MOST_IN_BATCH {
            let Some(waiting) = self.waiting.pop_front() else { break };
            if waiting.is_given_up() {
                continue;
            }
            // What may be refused is not stored together with what is done in any case.
            let recording = waiting.recording(&self.state, self.policy.as_deref(), now);
            if *together.get_or_insert(recording) != recording {
                self.waiting.push_front(waiting);
                break;
            }
            if let (Some(why), Waiting::Asked(..)) = (&self.no_record, &waiting) {
                waiting.refuse(&why.clone().into());
                continue;
            }
            self.handle(waiting, now, &mut batch);
        }
        let Batch { fresh, events, then, news, moved } = batch;
        if fresh.is_empty() {
            self.state.keep();
            self.say(then, &Kept::Stored);
        } else {
            let recording = together.unwrap_or(Recording::STRICT);
            let unsaid = match recording.otherwise {
                Otherwise::Done => fresh.clone(),
                Otherwise::Refused => Vec::new(),
            };
            let (stored, in_doubt) = (self.writer.commit(fresh, recording), self.state.in_doubt());
            let meanwhile = Vec::new();
            self.flight = Some(Flight { stored, events, then, news, moved, in_doubt, recording, since: now, unsaid, meanwhile });
        }
    }

    /// Handles one thing that waits, and makes true what comes of it.
    fn handle(&mut self, waiting: Waiting, now: Now, batch: &mut Batch) {
        let mut context = Context { now, policy: self.policy.as_deref(), entropy: &mut KernelEntropy };
        let events = match waiting {
            Waiting::Policy(event, policy, answer) => {
                batch.then.push(Then::Policy(policy, answer));
                vec![event]
            }
            Waiting::Own(command) => engine::handle(&self.state, command, &mut context).map_or(Vec::new(), |(_, events)| events),
            Waiting::Asked(command, answer) => match engine::handle(&self.state, command, &mut context) {
                Ok((reply, events)) => {
                    batch.then.push(Then::Answer(answer, Ok(reply)));
                    events
                }
                Err(refusal) => {
                    batch.then.push(Then::Answer(answer, Err(refusal)));
                    Vec::new()
                }
            },
        };
        for event in events {
            batch.moved.extend(moved(&self.state, &event));
            self.state.apply(now.wall, &event);
            // What takes access away does not wait for the disk.
            effects(&self.state, &event, now).into_iter().for_each(|effect| self.keeper.act(effect));
            batch.news.extend(news(&self.state, &event));
            batch.fresh.extend(fresh(now.wall, &event).ok());
            batch.events.push((now.wall, event));
        }
    }

    /// Whether the disk takes so long that what is done in any case is done without it.
    pub(super) fn is_late(&mut self, now: Now) -> bool {
        let waits = self.flight.as_ref().map(|flight| (flight.recording.otherwise, flight.since.boot.until(now.boot)));
        waits.is_some_and(|(otherwise, waits)| waits >= PATIENCE || (otherwise == Otherwise::Done && self.is_hanging()))
    }

    /// Whether the disk has not answered yet about something that was done without it.
    pub(super) fn is_hanging(&mut self) -> bool {
        let Some(Hanging { stored, late, said, .. }) = &mut self.hanging else { return false };
        let (answer, late, said) = (stored.try_recv(), *late, *said);
        match answer {
            Err(TryRecvError::Empty) => return true,
            Ok(Ok(Kept::Stored | Kept::ByReserve)) if said => {
                let back = event::StoreBack { refused: 0, late, lost: 0 };
                self.note(self.clock.now(), [back.into()]);
            }
            // It was not worth a word; or it fails now, and the one who writes says so.
            Ok(Ok(Kept::Stored | Kept::ByReserve | Kept::NotYet(_)) | Err(_)) | Err(TryRecvError::Closed) => {}
        }
        self.hanging = None;
        false
    }

    /// The disk does not answer: what is done in any case is done, and its writer goes on with it.
    fn leave_behind(&mut self, now: Now) {
        let Some(Flight { stored, then, news, unsaid, .. }) = self.flight.take() else { return };
        self.state.keep();
        self.hangs(now, stored, &unsaid);
        self.say(then, &Kept::NotYet(HANGS.to_owned()));
        self.tell(news);
        self.check_held();
    }

    /// The disk does not answer, and what is on its way may still be refused: what is done in any case is done on top of it.
    fn pass_by(&mut self, now: Now) {
        let mut batch = Batch::default();
        let mut recorded: Option<Recording> = None;
        self.waiting.retain(|waiting| !waiting.is_given_up());
        let moved = self.flight.iter_mut().flat_map(|flight| flight.moved.extract_if(.., |(_, end)| end.has_passed(now)));
        let reached: Vec<_> = moved.map(|(id, _)| id).collect();
        if !reached.is_empty() {
            self.waiting.push_front(Waiting::Own(Command::Expire(reached)));
        }
        for waiting in std::mem::take(&mut self.waiting) {
            let recording = waiting.recording(&self.state, self.policy.as_deref(), now);
            if recording.otherwise == Otherwise::Done && !self.rests_on_doubt(&waiting) {
                let both = recorded.map_or(recording, |before| Recording { reserve: before.reserve || recording.reserve, ..recording });
                recorded = Some(both);
                self.handle(waiting, now, &mut batch);
            } else {
                self.waiting.push_back(waiting);
            }
        }
        let (Some(recording), Some(flight)) = (recorded, &mut self.flight) else { return };
        flight.meanwhile.extend(batch.events);
        let stored = self.writer.commit(batch.fresh.clone(), recording);
        self.hangs(now, stored, &batch.fresh);
        self.say(batch.then, &Kept::NotYet(HANGS.to_owned()));
        // Where nobody waits to hear of it, nothing is to be shown.
        if !batch.news.is_empty() || !self.watchers.is_empty() {
            self.settled(|task| task.tell(batch.news));
        }
    }

    /// Says that the disk does not answer, if it has not for a while: on a busy one that happens.
    pub(super) fn say_hanging(&mut self, now: Now) {
        let Some(hanging) = &mut self.hanging else { return };
        if !hanging.said && hanging.since.boot.until(now.boot) >= WHILE {
            hanging.said = true;
            eprintln!("jitd: {HANGS}; what takes access away is done without it");
            self.note(now, [failed(HANGS)]);
            self.send_notes();
        }
    }

    /// What was done without the disk, and is not stored yet: syslog hears of it now.
    fn hangs(&mut self, now: Now, stored: oneshot::Receiver<Committed>, done: &[Fresh]) {
        self.writer.say_unstored(done);
        let (before, since, said) = self.hanging.take().map_or((0, now, false), |before| (before.late, before.since, before.said));
        let late = before.saturating_add(u64::try_from(done.len()).unwrap_or(u64::MAX));
        self.hanging = Some(Hanging { stored, late, since, said });
        self.store_fails = Some(HANGS.to_owned());
    }

    /// Does something in the state that is so whatever becomes of the batch on its way: nobody is shown what may still be refused.
    /// On a disk that hangs for long more is done than can be taken back at each look: who comes in must not wait for who looks.
    pub(super) fn settled<T>(&mut self, then: impl FnOnce(&mut Self) -> T) -> T {
        let can_be_refused =
            |flight: &mut Flight| flight.recording.otherwise == Otherwise::Refused && flight.meanwhile.len() < MOST_TAKEN_BACK;
        let Some(flight) = self.flight.take_if(can_be_refused) else { return then(self) };
        self.state.take_back();
        self.state.begin();
        flight.meanwhile.iter().for_each(|(at, event)| self.state.apply(*at, event));
        let done = then(self);
        self.state.take_back();
        self.state.begin();
        flight.events.iter().chain(&flight.meanwhile).for_each(|(at, event)| self.state.apply(*at, event));
        self.flight = Some(flight);
        done
    }

    /// Whether what this account may do is on its way to the disk. What is done meanwhile puts nobody in doubt: it stays.
    pub(super) fn is_in_doubt(&self, uid: Uid) -> bool {
        self.flight.as_ref().is_some_and(|flight| flight.in_doubt.contains(&uid))
    }

    /// Whether somebody would come in by what may still be taken back.
    fn rests_on_doubt(&self, waiting: &Waiting) -> bool {
        match waiting {
            Waiting::Asked(Command::Open(arrival), _) | Waiting::Own(Command::Open(arrival)) => self.is_in_doubt(arrival.entry.subject.uid),
            Waiting::Asked(..) | Waiting::Own(_) | Waiting::Policy(..) => false,
        }
    }

    /// The batch is stored, or is not.
    pub(super) fn landed(&mut self, stored: Committed) {
        let Some(flight) = self.flight.take() else { return };
        match stored {
            Ok(kept) => {
                self.state.keep();
                self.store_fails = match &kept {
                    Kept::Stored if self.is_hanging() => Some(HANGS.to_owned()),
                    Kept::Stored => None,
                    Kept::ByReserve => Some("the disk is full".to_owned()),
                    Kept::NotYet(why) => Some(why.clone()),
                };
                self.say(flight.then, &kept);
                self.tell(flight.news);
            }
            Err(unstored) => {
                self.state.take_back();
                // The record has these without the batch.
                flight.meanwhile.iter().for_each(|(at, event)| self.state.apply(*at, event));
                self.state.keep();
                self.store_fails = Some(unstored.why.clone());
                for then in flight.then {
                    refuse(then, &unstored);
                }
                self.tell_watchers();
            }
        }
        self.check_held();
    }

    /// Tells those who wait, and hands over what others are to hear.
    fn tell(&mut self, news: BTreeSet<News>) {
        for news in news {
            let is_waited_for = matches!(news, News::Decided(id) if self.is_waited_for(id));
            self.notices.hear(news, is_waited_for);
        }
        self.tell_watchers();
    }

    pub(super) fn check_held(&mut self) {
        for Held { entry, observe, answer } in std::mem::take(&mut self.held) {
            self.check(entry, observe, answer);
        }
    }

    fn say(&mut self, then: Vec<Then>, kept: &Kept) {
        for then in then {
            match then {
                Then::Answer(answer, reply) => {
                    let unheard = answer.send(reply.map(|reply| Done { reply, kept: kept.clone() }));
                    if let Err(Ok(Done { reply: Reply::Session(id, ..), .. })) = unheard {
                        // Whoever was at the door has gone.
                        self.waiting.push_back(Waiting::Own(Command::Close(id)));
                    }
                }
                Then::Policy(policy, answer) => {
                    if policy.is_some() {
                        self.policy = policy;
                        self.policy_since = self.clock.now().wall;
                    }
                    let _ = answer.send(Ok(()));
                }
            }
        }
    }
}

/// The end of a grant that this moves.
fn moved(state: &State, event: &Event) -> Option<(GrantId, Deadline)> {
    let Event::GrantExtended(extended) = event else { return None };
    match state.grant(extended.id)? {
        Grant::Live(grant) => Some((extended.id, grant.validity.ends())),
        Grant::Ended(_) => None,
    }
}

pub(super) fn refuse(then: Then, why: &Unstored) {
    let refusal = why.refusal();
    match then {
        Then::Answer(answer, _) => drop(answer.send(Err(refusal))),
        Then::Policy(_, answer) => drop(answer.send(Err(refusal))),
    }
}
