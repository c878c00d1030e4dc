//! An act that is being filled in, and the line that says exactly what it will do.

use super::model::{Key, Order};
use crate::show::times::about;
use crate::show::words;
use jit_core::span::Span;
use jit_core::text::is_unsafe;
use jit_proto::user::Verdict;
use jit_proto::view::{GrantView, RequestView};

/// The longest text that a field takes, in letters.
const LONGEST: usize = 400;

/// What is to be done, to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Approve a request.
    Approve(Box<RequestView>),
    /// Deny it.
    Deny(Box<RequestView>),
    /// Take a grant away, of which so many sessions run.
    Revoke(Box<GrantView>, usize),
    /// Review an emergency.
    Review(Box<GrantView>),
}

/// What a field is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// For how long.
    Time,
    /// The verdict.
    Verdict,
    /// Words.
    Note,
}

/// A field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// What it is for.
    pub topic: Topic,
    /// What was typed.
    pub text: String,
}

/// How far the form is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stage {
    /// It is being filled in; perhaps something is wrong with it.
    Typing(Option<String>),
    /// It is asked whether that is meant.
    Sure(Order),
}

/// The form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// What is to be done.
    pub act: Act,
    /// Its fields.
    pub fields: Vec<Field>,
    /// The field that is typed into.
    pub at: usize,
    /// How far it is.
    pub stage: Stage,
}

/// What becomes of the form after a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// It stays.
    Stay,
    /// It is left, and nothing is done.
    Leave,
    /// It is done.
    Do(Order),
}

impl Form {
    /// An empty one.
    pub fn new(act: Act) -> Self {
        let topics: &[Topic] = match &act {
            Act::Approve(_) => &[Topic::Time, Topic::Note],
            Act::Deny(_) | Act::Revoke(..) => &[Topic::Note],
            Act::Review(_) => &[Topic::Verdict, Topic::Note],
        };
        let field = |topic: &Topic| {
            let text = if *topic == Topic::Verdict { "fine".to_owned() } else { String::new() };
            Field { topic: *topic, text }
        };
        Self { fields: topics.iter().map(field).collect(), act, at: 0, stage: Stage::Typing(None) }
    }

    /// What it is called.
    pub fn title(&self) -> String {
        match &self.act {
            Act::Approve(it) => format!("Approve {}", subject(&it.id, &it.user, &it.service, &it.run_as, &it.reason)),
            Act::Deny(it) => format!("Deny {}", subject(&it.id, &it.user, &it.service, &it.run_as, &it.reason)),
            Act::Revoke(it, _) => format!("Revoke {}", subject(&it.id, &it.user, &it.service, &it.run_as, &it.reason)),
            Act::Review(it) => format!("Review {}", subject(&it.id, &it.user, &it.service, &it.run_as, &it.reason)),
        }
    }

    /// What a field wants.
    pub fn hint(&self, topic: Topic) -> String {
        match (topic, &self.act) {
            (Topic::Time, Act::Approve(it)) => format!("empty: {} as asked; it can only be made shorter", about(it.for_s)),
            (Topic::Time, _) => String::new(),
            (Topic::Verdict, _) => "f: it was an emergency, m: it was misuse".to_owned(),
            (Topic::Note, Act::Deny(it)) => format!("why; {} will read it", words::safe(&it.user)),
            (Topic::Note, Act::Approve(_) | Act::Revoke(..) | Act::Review(_)) => "may be empty; it is kept".to_owned(),
        }
    }

    /// A letter is typed.
    pub fn letter(&mut self, letter: char) {
        let Some(field) = self.fields.get_mut(self.at) else { return };
        match (field.topic, letter) {
            (Topic::Verdict, 'f' | 'F') => field.text = "fine".to_owned(),
            (Topic::Verdict, 'm' | 'M') => field.text = "misuse".to_owned(),
            (Topic::Verdict, ' ') => field.text = other(&field.text),
            (Topic::Verdict, _) => {}
            (Topic::Time | Topic::Note, letter) => {
                if !is_unsafe(letter) && field.text.chars().count() < LONGEST {
                    field.text.push(letter);
                }
            }
        }
        self.stage = Stage::Typing(None);
    }

    /// Does what a key says.
    pub fn press(&mut self, key: Key) -> Next {
        if let Stage::Sure(order) = &self.stage {
            if key == Key::Letter('y') {
                return Next::Do(order.clone());
            }
            // Anything but a yes is a no.
            self.stage = Stage::Typing(None);
            return Next::Stay;
        }
        let last = self.fields.len().saturating_sub(1);
        match key {
            Key::Escape | Key::Quit => return Next::Leave,
            Key::Letter(letter) => self.letter(letter),
            Key::Tab | Key::Down => self.at = if self.at >= last { 0 } else { self.at.saturating_add(1) },
            Key::BackTab | Key::Up => self.at = self.at.checked_sub(1).unwrap_or(last),
            Key::Backspace => self.change(|text| {
                let _ = text.pop();
            }),
            Key::Clear => self.change(String::clear),
            Key::Sideways => {
                if let Some(field) = self.fields.get_mut(self.at).filter(|field| field.topic == Topic::Verdict) {
                    field.text = other(&field.text);
                }
            }
            Key::Enter if self.at < last => self.at = self.at.saturating_add(1),
            Key::Enter => {
                self.stage = match self.order() {
                    Ok(order) => Stage::Sure(order),
                    Err(wrong) => Stage::Typing(Some(wrong)),
                }
            }
            Key::PageUp | Key::PageDown => {}
        }
        Next::Stay
    }

    fn change(&mut self, act: impl FnOnce(&mut String)) {
        if let Some(field) = self.fields.get_mut(self.at).filter(|field| field.topic != Topic::Verdict) {
            act(&mut field.text);
        }
        self.stage = Stage::Typing(None);
    }

    fn typed(&self, topic: Topic) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.topic == topic)?;
        Some(field.text.trim()).filter(|text| !text.is_empty())
    }

    /// What jitd is asked, if the form is filled in as it must be.
    fn order(&self) -> Result<Order, String> {
        let note = self.typed(Topic::Note).map(str::to_owned);
        match &self.act {
            Act::Approve(it) => Ok(Order::Approve { id: it.id.clone(), for_s: self.time(it.for_s)?, note }),
            Act::Deny(it) => {
                let note = note.ok_or_else(|| format!("Say why: {} will read it.", words::safe(&it.user)))?;
                Ok(Order::Deny { id: it.id.clone(), note })
            }
            Act::Revoke(it, _) => Ok(Order::Revoke { id: it.id.clone(), note }),
            Act::Review(it) => {
                let verdict = if self.typed(Topic::Verdict) == Some("misuse") { Verdict::Misuse } else { Verdict::Fine };
                Ok(Order::Review { id: it.id.clone(), verdict, note })
            }
        }
    }

    fn time(&self, asked_s: u64) -> Result<Option<u64>, String> {
        let Some(typed) = self.typed(Topic::Time) else { return Ok(None) };
        let span: Span = typed.parse().map_err(|_| "That is no time: write 90s, 30m, 2h30m or 7d.".to_owned())?;
        if span.as_secs() > asked_s {
            return Err(format!("It can only be made shorter than the {} that were asked for.", about(asked_s)));
        }
        Ok(Some(span.as_secs()))
    }

    /// Exactly what will happen.
    pub fn consequence(&self, order: &Order) -> String {
        match (&self.act, order) {
            (Act::Approve(it), Order::Approve { for_s, note, .. }) => approval(it, for_s.unwrap_or(it.for_s)) + &said(note.as_deref()),
            (Act::Deny(it), Order::Deny { note, .. }) => {
                format!(
                    "{} is denied: {} may not {}, and reads {}",
                    words::safe(&it.id),
                    words::safe(&it.user),
                    words::may(&it.service, &it.run_as),
                    words::quoted(note)
                )
            }
            (Act::Revoke(it, open), Order::Revoke { note, .. }) => {
                format!(
                    "{} ends now: {} may no longer {}.{}{}",
                    words::safe(&it.id),
                    words::safe(&it.user),
                    words::may(&it.service, &it.run_as),
                    running(*open),
                    said(note.as_deref())
                )
            }
            (Act::Review(it), Order::Review { verdict, note, .. }) => {
                let verdict = match verdict {
                    Verdict::Fine => "fine: it was an emergency",
                    Verdict::Misuse => "MISUSE: it was none",
                };
                format!(
                    "Your verdict on {} of {} is {verdict}. It is kept, and cannot be changed.{}",
                    words::safe(&it.id),
                    words::safe(&it.user),
                    said(note.as_deref())
                )
            }
            (Act::Approve(_) | Act::Deny(_) | Act::Revoke(..) | Act::Review(_), _) => String::new(),
        }
    }
}

/// The other verdict.
fn other(verdict: &str) -> String {
    if verdict == "fine" { "misuse".to_owned() } else { "fine".to_owned() }
}

fn subject(id: &str, user: &str, service: &str, run_as: &str, reason: &str) -> String {
    format!("{}: {}, {}, {}", words::safe(id), words::safe(user), words::what(service, run_as), words::quoted(reason))
}

fn said(note: Option<&str>) -> String {
    note.map(|note| format!(" Note: {}", words::quoted(note))).unwrap_or_default()
}

fn running(open: usize) -> String {
    match open {
        0 => " No session of it runs.".to_owned(),
        1 => " 1 session of it ends.".to_owned(),
        many => format!(" {many} sessions of it end."),
    }
}

/// What an approval does: it lets somebody in, or it is one of several.
fn approval(it: &RequestView, for_s: u64) -> String {
    let (id, user, time) = (words::safe(&it.id), words::safe(&it.user), about(for_s));
    let asked = if for_s < it.for_s { format!(" ({} were asked for)", about(it.for_s)) } else { String::new() };
    let what = match &it.extends {
        Some(grant) => format!("{} becomes {time}{asked} longer", words::safe(grant)),
        None => {
            let begins = if it.start.is_some() { ", from the time on that was asked for" } else { "" };
            format!("{user} may {} for {time}{asked}{begins}{}", words::may(&it.service, &it.run_as), words::uses(it.uses))
        }
    };
    let missing: u32 = it.stages.iter().fold(0, |sum, stage| sum.saturating_add(stage.count.saturating_sub(words::approved(stage))));
    match missing {
        0 | 1 => format!("{id} is granted: {what}."),
        more => format!("Your approval is put on {id}. With {} more after it, {what}.", more.saturating_sub(1)),
    }
}
