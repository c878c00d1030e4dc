//! What people ask. Who asks is the kernel's word about the connection, never a name in a message.

use crate::frame::{self, Wrong};
use crate::time::Moment;
use crate::view::{
    CheckpointView, DaemonView, EventView, Failure, FileView, GrantView, MetricsView, MistakeView, OptoutView, RequestView, SessionView,
    Shown, StatusView, TakenView, UndeliveredView,
};
use serde::{Deserialize, Serialize};

/// What the daemon sends first, on every connection of the user socket. The ask must bring the nonce
/// back: it proves that the process which asks is alive after it was pinned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Random bytes.
    pub nonce: [u8; 16],
}

/// One ask, on a connection of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserAsk {
    /// The greeting's.
    pub nonce: [u8; 16],
    /// What is asked.
    pub act: Act,
}

/// What is wished for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// The service; `ssh` is understood.
    pub service: String,
    /// The run-as user, or `self`; none: the rule's usual one (root; for sshd oneself).
    pub run_as: Option<String>,
    /// For how many seconds.
    pub for_s: Option<u64>,
    /// For how many sessions.
    pub uses: Option<u32>,
    /// From when on; none: at once.
    pub start: Option<Moment>,
    /// Why.
    pub reason: Option<String>,
}

/// What to revoke.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Target {
    /// A grant, by its whole id.
    Grant(String),
    /// All grants of a user.
    User(String),
}

/// What to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Which {
    /// Requests that wait.
    Pending,
    /// Grants that let somebody in, and sessions that run.
    Active,
    /// All of it.
    All,
}

/// Which events.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventFilter {
    /// From this moment on.
    pub since: Option<Moment>,
    /// Up to this moment.
    pub until: Option<Moment>,
    /// About this user.
    pub user: Option<String>,
    /// Of this kind: `grant.issued`, or all of `grant`.
    pub kind: Option<String>,
    /// About this request, grant, session or denial.
    pub id: Option<String>,
    /// And then as they come.
    pub follow: bool,
}

/// Something that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Act {
    /// What I hold, wait for, may ask for, must approve. Answer: [`UserAnswer::Status`].
    Status,
    /// Ask for a grant. Answer: [`UserAnswer::Request`].
    Request(Wish),
    /// Ask in another's name, with one's own approval. Answer: [`UserAnswer::Request`].
    GrantTo {
        /// Whose.
        user: String,
        /// What.
        wish: Wish,
    },
    /// Say yes. Answer: [`UserAnswer::Request`].
    Approve {
        /// The whole id.
        id: String,
        /// For at most this long.
        for_s: Option<u64>,
        /// With which words.
        note: Option<String>,
    },
    /// Say no. Answer: [`UserAnswer::Request`].
    Deny {
        /// The whole id.
        id: String,
        /// With which words.
        note: Option<String>,
    },
    /// Take one's request back; none: the only one. Answer: [`UserAnswer::Request`].
    Cancel(Option<String>),
    /// Give one's grant back; none: the only one. Answer: [`UserAnswer::Grants`].
    Drop(Option<String>),
    /// Take somebody's grants away. Answer: [`UserAnswer::Grants`].
    Revoke {
        /// Which, or whose.
        target: Target,
        /// With which words.
        note: Option<String>,
        /// Whether its sessions are killed at once, without a word and three seconds before.
        now: bool,
    },
    /// Wait for a request of one's own (none: the newest) to be decided. Answers: [`UserAnswer::Waiting`] at
    /// once if it is pending, and again whenever an approval or an escalation changes it, then [`UserAnswer::Request`].
    Wait(Option<String>),
    /// What there is, in the order of ids. Answers: [`UserAnswer::Listing`] until one says that no more follows; what changes
    /// meanwhile may be in it as it was or as it is.
    List(Which),
    /// One thing and its events; a unique beginning of its id is enough. Answers: [`UserAnswer::Shown`], then
    /// [`UserAnswer::Events`] until one says that no more follows.
    Show(String),
    /// Events. Answers: [`UserAnswer::Events`] until one says that no more follows.
    Events(EventFilter),
    /// Read the policy again. Answer: [`UserAnswer::Reloaded`].
    Reload,
    /// The text of the policy in force. Answers: [`UserAnswer::PolicyFile`] until one says that no more follows.
    PolicyShow,
    /// Which jitd this is. Answer: [`UserAnswer::Daemon`].
    Version,
    /// Take an emergency. Answer: [`UserAnswer::Taken`].
    Emergency(Wish),
    /// Give a verdict on an emergency. Answer: [`UserAnswer::Grants`].
    Review {
        /// The whole id of its grant.
        id: String,
        /// The verdict.
        verdict: Verdict,
        /// With which words.
        note: Option<String>,
    },
    /// Ask that a grant of one's own be made longer. Answer: [`UserAnswer::Request`].
    Extend {
        /// The whole id; none: the only one.
        id: Option<String>,
        /// By how many seconds.
        for_s: u64,
        /// Why.
        reason: Option<String>,
    },
    /// Every opt-out. Answer: [`UserAnswer::Optouts`].
    Optouts,
    /// All events before a moment, to be archived. Answers: [`UserAnswer::Archive`], then perhaps
    /// [`UserAnswer::Checkpoint`], then [`UserAnswer::Events`] until one says that no more follows.
    Archive {
        /// The moment.
        before: Moment,
    },
    /// Take out what was archived. Answer: [`UserAnswer::Archive`].
    Prune {
        /// The last event of it, as `SEQ:HASH`.
        upto: String,
        /// The moment.
        before: Moment,
    },
    /// Say when something changes that one may see, for as long as one listens. Answers: [`UserAnswer::Events`]
    /// without end: first the newest events that one may see, then those that come. A part without events says that
    /// something else changed, such as the policy.
    Watch,
    /// How the daemon is. Answer: [`UserAnswer::Metrics`].
    Metrics,
    /// Events after this number, and then as they come; none, or a number that the record has not reached: from its
    /// newest event on. Answers: [`UserAnswer::Events`] until one says that no more follows.
    Follow {
        /// The number.
        after: Option<u64>,
    },
    /// Say that notices did not reach somebody. Answer: [`UserAnswer::Noted`].
    NotifyFailed(UndeliveredView),
    /// Whether one would be let in now, without asking anybody. Answer: [`UserAnswer::MayEnter`].
    MayEnter {
        /// By which service.
        service: String,
        /// As whom; none: root.
        run_as: Option<String>,
    },
}

/// What a reviewer says of an emergency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// It was one.
    Fine,
    /// It was none.
    Misuse,
}

/// An answer. One that fits no frame comes as [`UserAnswer::Part`]s of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserAnswer {
    /// What I hold, wait for, may ask for, must approve.
    Status(Box<StatusView>),
    /// A request as it is now.
    Request(Box<RequestView>),
    /// A request that is waited for.
    Waiting(Box<RequestView>),
    /// Grants as they are now.
    Grants(Vec<GrantView>),
    /// A part of a list.
    Listing {
        /// Requests.
        requests: Vec<RequestView>,
        /// Grants.
        grants: Vec<GrantView>,
        /// Sessions.
        sessions: Vec<SessionView>,
        /// Whether another part follows.
        more: bool,
    },
    /// One thing.
    Shown(Box<Shown>),
    /// A part of the events.
    Events {
        /// In order.
        events: Vec<EventView>,
        /// Whether another part follows.
        more: bool,
    },
    /// How reading the policy again went; if it is not valid, the one before stays in force.
    Reloaded {
        /// Whether it is valid.
        valid: bool,
        /// What is wrong.
        errors: Vec<MistakeView>,
        /// What is doubtful.
        warnings: Vec<MistakeView>,
    },
    /// A part of a policy file.
    PolicyFile {
        /// The part.
        part: FileView,
        /// Whether another part follows.
        more: bool,
    },
    /// Which jitd this is.
    Daemon(DaemonView),
    /// It was not done.
    Failed(Failure),
    /// An emergency was taken.
    Taken(Box<TakenView>),
    /// Every opt-out.
    Optouts(Vec<OptoutView>),
    /// Something to know about the answer that follows.
    Remark(String),
    /// Where the record begins, as older events were archived; the events follow.
    Checkpoint(CheckpointView),
    /// What is archived.
    Archive {
        /// The last event of it, as `SEQ:HASH`.
        upto: String,
    },
    /// How the daemon is.
    Metrics(Box<MetricsView>),
    /// It is on record.
    Noted,
    /// A part of an answer that fits no frame.
    Part {
        /// Its bytes, behind those of the parts before.
        bytes: Vec<u8>,
        /// Whether another part follows.
        more: bool,
    },
    /// Whether one would be let in.
    MayEnter(bool),
}

/// How much of an answer a part holds, in bytes.
const PART: usize = 60 * 1024;

impl UserAnswer {
    /// The answer as frames: one, or as many parts as it takes.
    ///
    /// # Errors
    /// It is longer than all parts together may be.
    pub fn frames(&self) -> Result<Vec<Vec<u8>>, Wrong> {
        if let Ok(frame) = frame::encode(self) {
            return Ok(vec![frame]);
        }
        let whole = frame::encode_for_parts(self)?;
        let last = whole.len().div_ceil(PART).saturating_sub(1);
        let part = |(number, bytes): (usize, &[u8])| Self::Part { bytes: bytes.to_vec(), more: number < last };
        whole.chunks(PART).enumerate().map(part).map(|part| frame::encode(&part)).collect()
    }
}

/// Parts of an answer, until it is whole.
#[derive(Debug, Default)]
pub struct Parts {
    bytes: Vec<u8>,
}

impl Parts {
    /// Takes what came next. None: it was a part, and others follow.
    ///
    /// # Errors
    /// The parts are none, or too many.
    pub fn join(&mut self, answer: UserAnswer) -> Result<Option<UserAnswer>, Wrong> {
        let UserAnswer::Part { bytes, more } = answer else {
            return if self.bytes.is_empty() { Ok(Some(answer)) } else { Err(Wrong::Content) };
        };
        if self.bytes.len().saturating_add(bytes.len()) > frame::MOST_IN_PARTS {
            return Err(Wrong::TooLong);
        }
        self.bytes.extend(bytes);
        if more { Ok(None) } else { frame::decode_parts(&std::mem::take(&mut self.bytes)).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(frames: &[Vec<u8>]) -> Vec<Result<Option<UserAnswer>, Wrong>> {
        let mut parts = Parts::default();
        frames.iter().map(|frame| parts.join(frame::decode(&frame[frame::HEADER..]).unwrap())).collect()
    }

    #[test]
    fn an_answer_that_fits_no_frame_comes_in_parts_that_do() {
        for (length, count) in [(10, 1), (frame::MOST - 12, 1), (frame::MOST - 11, 2), (1_000_000, 17)] {
            let answer = UserAnswer::Remark("x".repeat(length));
            let frames = answer.frames().unwrap();
            assert_eq!(frames.len(), count, "{length}");
            assert!(frames.iter().all(|frame| frame.len() <= frame::HEADER + frame::MOST));
            let mut joined = joined(&frames);
            assert_eq!(joined.pop(), Some(Ok(Some(answer))));
            assert!(joined.iter().all(|before| *before == Ok(None)));
        }
        assert_eq!(UserAnswer::Remark("x".repeat(frame::MOST_IN_PARTS)).frames(), Err(Wrong::TooLong));
    }

    #[test]
    fn parts_that_make_nothing_or_never_end_are_refused() {
        let part = |bytes: &[u8], more| frame::encode(&UserAnswer::Part { bytes: bytes.to_vec(), more }).unwrap();
        assert_eq!(joined(&[part(&[255; 9], false)]), [Err(Wrong::Content)]);
        let noted = frame::encode(&UserAnswer::Noted).unwrap();
        assert_eq!(joined(&[part(&[1], true), noted]), [Ok(None), Err(Wrong::Content)]);
        let mut endless = Parts { bytes: vec![0; frame::MOST_IN_PARTS] };
        assert_eq!(endless.join(UserAnswer::Part { bytes: vec![0], more: true }), Err(Wrong::TooLong));
    }
}
