//! What is known, what is chosen, and what a key does.

use super::form::{Act, Form, Next};
use crate::show::times::Clock;
use crate::show::words;
use jit_core::text::is_unsafe;
use jit_proto::user::Verdict;
use jit_proto::view::{EventView, GrantView, RequestView, SessionView};
use std::collections::{BTreeSet, VecDeque};

/// How many events are kept.
const EVENTS: usize = 300;

/// A part of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pane {
    /// Requests and reviews that wait for an answer.
    Waiting,
    /// Grants that let somebody in.
    Grants,
    /// Sessions that run.
    Sessions,
    /// What happened.
    Events,
}

/// All parts, as Tab walks through them.
pub const PANES: [Pane; 4] = [Pane::Waiting, Pane::Grants, Pane::Sessions, Pane::Events];

/// A key, whatever terminal it comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// A letter.
    Letter(char),
    /// Enter.
    Enter,
    /// Esc, or Ctrl-G.
    Escape,
    /// Tab.
    Tab,
    /// Shift and Tab.
    BackTab,
    /// Up.
    Up,
    /// Down.
    Down,
    /// Left or right.
    Sideways,
    /// A page up.
    PageUp,
    /// A page down.
    PageDown,
    /// Backspace.
    Backspace,
    /// Ctrl-U.
    Clear,
    /// Ctrl-C.
    Quit,
}

/// What jitd says there is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Picture {
    /// Who looks.
    pub user: String,
    /// Requests that wait.
    pub requests: Vec<RequestView>,
    /// Emergencies whose review waits for whoever looks.
    pub reviews: Vec<GrantView>,
    /// Grants that let somebody in.
    pub grants: Vec<GrantView>,
    /// Sessions that run.
    pub sessions: Vec<SessionView>,
    /// The requests that wait for whoever looks.
    pub to_approve: BTreeSet<String>,
    /// What is wrong with the daemon.
    pub notices: Vec<String>,
}

/// Whether jitd is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// It is being looked for.
    Looking,
    /// It is, and says what happens.
    Live,
    /// It is not, and why.
    Away(String),
}

/// What comes from jitd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// All that there is.
    Picture(Box<Picture>),
    /// Something happened.
    Events(Vec<EventView>),
    /// It is there, or is not.
    Link(Link),
    /// An act was done, or was not; in words.
    Done(Result<String, String>),
    /// One thing in full.
    Sheet(Vec<String>),
}

/// What jitd is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// All that there is.
    Look,
    /// One thing in full.
    Show(String),
    /// Say yes.
    Approve {
        /// Which request.
        id: String,
        /// For at most so long.
        for_s: Option<u64>,
        /// With which words.
        note: Option<String>,
    },
    /// Say no.
    Deny {
        /// Which request.
        id: String,
        /// With which words.
        note: String,
    },
    /// Take a grant away.
    Revoke {
        /// Which.
        id: String,
        /// With which words.
        note: Option<String>,
    },
    /// Give a verdict.
    Review {
        /// On which grant.
        id: String,
        /// Which.
        verdict: Verdict,
        /// With which words.
        note: Option<String>,
    },
}

/// What the screen is used for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// To look.
    Look,
    /// To read what the keys do.
    Help,
    /// To read one thing in full, from this line on.
    Sheet(Vec<String>, usize),
    /// To fill in an act.
    Form(Form),
}

/// What a line at the bottom says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// It was done.
    Good(String),
    /// It was not.
    Bad(String),
}

/// The model.
#[derive(Debug)]
pub struct Model {
    /// What time it is.
    pub clock: Clock,
    /// What there is; none: not known yet.
    pub picture: Option<Picture>,
    /// What happened, the newest last.
    pub events: VecDeque<EventView>,
    /// Whether jitd is there.
    pub link: Link,
    /// The part that keys act on.
    pub focus: Pane,
    /// What is chosen in each part, by id: a row that moves stays chosen.
    chosen: [Option<String>; 4],
    /// How far back the events are scrolled.
    pub back: usize,
    /// What the screen is used for.
    pub mode: Mode,
    /// The line at the bottom.
    pub message: Option<Message>,
    /// Whether it is over.
    pub is_over: bool,
}

impl Model {
    /// Nothing is known yet.
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            picture: None,
            events: VecDeque::new(),
            link: Link::Looking,
            focus: Pane::Waiting,
            chosen: [const { None }; 4],
            back: 0,
            mode: Mode::Look,
            message: None,
            is_over: false,
        }
    }

    /// Takes what jitd says.
    pub fn hear(&mut self, news: News) {
        match news {
            News::Picture(picture) => self.picture = Some(*picture),
            News::Events(events) => {
                for event in events {
                    // After a reconnection some come again.
                    if self.events.back().is_none_or(|last| last.seq < event.seq) {
                        self.events.push_back(event);
                        self.back = if self.back == 0 { 0 } else { self.back.saturating_add(1) };
                    }
                }
                let too_many = self.events.len().saturating_sub(EVENTS);
                self.events.drain(..too_many);
                self.back = self.back.min(self.events.len().saturating_sub(1));
            }
            News::Link(link) => self.link = link,
            News::Done(Ok(words)) => self.message = Some(Message::Good(words)),
            News::Done(Err(words)) => self.message = Some(Message::Bad(words)),
            News::Sheet(lines) => self.mode = Mode::Sheet(lines, 0),
        }
    }

    /// The ids of a part's rows, in order.
    pub fn ids(&self, pane: Pane) -> Vec<&str> {
        let Some(picture) = &self.picture else { return Vec::new() };
        match pane {
            Pane::Waiting => {
                picture.requests.iter().map(|it| it.id.as_str()).chain(picture.reviews.iter().map(|it| it.id.as_str())).collect()
            }
            Pane::Grants => picture.grants.iter().map(|it| it.id.as_str()).collect(),
            Pane::Sessions => picture.sessions.iter().map(|it| it.id.as_str()).collect(),
            Pane::Events => Vec::new(),
        }
    }

    /// The row that is chosen in a part; without a choice, or where what was chosen has gone, the first.
    pub fn chosen(&self, pane: Pane) -> usize {
        let ids = self.ids(pane);
        let wanted = self.chosen.get(place(pane)).and_then(Option::as_deref);
        wanted.and_then(|wanted| ids.iter().position(|id| *id == wanted)).unwrap_or(0)
    }

    fn chosen_id(&self) -> Option<String> {
        self.ids(self.focus).get(self.chosen(self.focus)).map(|id| (*id).to_owned())
    }

    fn choose(&mut self, by: isize) {
        if self.focus == Pane::Events {
            let most = self.events.len().saturating_sub(1);
            self.back = self.back.saturating_add_signed(by.saturating_neg()).min(most);
            return;
        }
        let last = self.ids(self.focus).len().saturating_sub(1);
        let next = self.chosen(self.focus).saturating_add_signed(by).min(last);
        let id = self.ids(self.focus).get(next).map(|id| (*id).to_owned());
        if let Some(chosen) = self.chosen.get_mut(place(self.focus)) {
            *chosen = id;
        }
    }

    fn walk(&mut self, by: usize) {
        let next = place(self.focus).saturating_add(by).checked_rem(PANES.len()).unwrap_or(0);
        self.focus = PANES.get(next).copied().unwrap_or(Pane::Waiting);
    }

    /// Takes a text that was pasted: it is text, whatever it holds, and presses no key.
    pub fn paste(&mut self, text: &str) {
        if let Mode::Form(form) = &mut self.mode {
            text.chars().filter(|letter| !is_unsafe(*letter)).for_each(|letter| form.letter(letter));
        }
    }

    /// Does what a key says; perhaps jitd is to be asked.
    pub fn press(&mut self, key: Key) -> Option<Order> {
        if key == Key::Quit {
            self.is_over = true;
            return None;
        }
        match std::mem::replace(&mut self.mode, Mode::Look) {
            Mode::Look => self.press_looking(key),
            Mode::Help => None,
            Mode::Sheet(lines, from) => {
                self.mode = read_on(lines, from, key);
                None
            }
            Mode::Form(form) => self.press_in_form(form, key),
        }
    }

    fn press_looking(&mut self, key: Key) -> Option<Order> {
        self.message = None;
        match key {
            Key::Letter('q') => self.is_over = true,
            Key::Letter('?' | 'h') => self.mode = Mode::Help,
            Key::Tab => self.walk(1),
            Key::BackTab => self.walk(PANES.len().saturating_sub(1)),
            Key::Up | Key::Letter('k') => self.choose(-1),
            Key::Down | Key::Letter('j') => self.choose(1),
            Key::PageUp => self.choose(-10),
            Key::PageDown => self.choose(10),
            Key::Enter => return self.chosen_id().map(Order::Show),
            Key::Letter('a') => self.begin(Model::approval),
            Key::Letter('d') => self.begin(Model::denial),
            Key::Letter('r') => self.begin(Model::revocation),
            Key::Letter('v') => self.begin(Model::review),
            Key::Letter(_) | Key::Escape | Key::Sideways | Key::Backspace | Key::Clear | Key::Quit => {}
        }
        None
    }

    fn begin(&mut self, act: impl FnOnce(&Self) -> Result<Act, String>) {
        if let Link::Away(_) = self.link {
            self.message = Some(Message::Bad("jitd is away: nothing can be decided until it is back.".to_owned()));
            return;
        }
        match act(self) {
            Ok(act) => self.mode = Mode::Form(Form::new(act)),
            Err(words) => self.message = Some(Message::Bad(words)),
        }
    }

    fn press_in_form(&mut self, mut form: Form, key: Key) -> Option<Order> {
        match form.press(key) {
            Next::Stay => {
                self.mode = Mode::Form(form);
                None
            }
            Next::Leave => {
                self.message = Some(Message::Good("Nothing was done.".to_owned()));
                None
            }
            Next::Do(order) => {
                self.message = Some(Message::Good("jitd is asked ...".to_owned()));
                Some(order)
            }
        }
    }

    fn request(&self) -> Result<&RequestView, String> {
        let none = || "No request is chosen: Tab walks to the first part, the arrows choose in it.".to_owned();
        let id = self.chosen_id().filter(|_| self.focus == Pane::Waiting).ok_or_else(none)?;
        let found = self
            .picture
            .as_ref()
            .and_then(|picture| picture.requests.iter().find(|it| it.id == id))
            .ok_or_else(|| format!("{} is a review, not a request: press v.", words::safe(&id)))?;
        let waits_for_me = self.picture.as_ref().is_some_and(|picture| picture.to_approve.contains(&id));
        if waits_for_me { Ok(found) } else { Err(format!("{} does not wait for you.", words::safe(&id))) }
    }

    fn approval(&self) -> Result<Act, String> {
        self.request().cloned().map(|request| Act::Approve(Box::new(request)))
    }

    fn denial(&self) -> Result<Act, String> {
        self.request().cloned().map(|request| Act::Deny(Box::new(request)))
    }

    /// The grant that is chosen, or that of the session that is.
    fn revocation(&self) -> Result<Act, String> {
        let picture = self.picture.as_ref().ok_or("Nothing is known yet.")?;
        let chosen = self.chosen_id().ok_or("No grant is chosen: Tab walks to the grants, the arrows choose one.")?;
        let of_session = picture.sessions.iter().find(|it| it.id == chosen).map(|it| it.grant_id.clone());
        let id = of_session.unwrap_or(chosen);
        let grant = picture.grants.iter().find(|it| it.id == id);
        let grant = grant.ok_or_else(|| format!("{} is no grant that lets anybody in.", words::safe(&id)))?;
        let open = picture.sessions.iter().filter(|it| it.grant_id == id).count();
        Ok(Act::Revoke(Box::new(grant.clone()), open))
    }

    fn review(&self) -> Result<Act, String> {
        let id = self.chosen_id().ok_or("No emergency is chosen.")?;
        let found = self.picture.as_ref().and_then(|picture| picture.reviews.iter().find(|it| it.id == id));
        let found = found.ok_or_else(|| format!("{} does not wait for your review.", words::safe(&id)))?;
        Ok(Act::Review(Box::new(found.clone())))
    }
}

fn read_on(lines: Vec<String>, from: usize, key: Key) -> Mode {
    let last = lines.len().saturating_sub(1);
    match key {
        Key::Up | Key::Letter('k') => Mode::Sheet(lines, from.saturating_sub(1)),
        Key::Down | Key::Letter('j') => Mode::Sheet(lines, from.saturating_add(1).min(last)),
        Key::PageUp => Mode::Sheet(lines, from.saturating_sub(10)),
        Key::PageDown => Mode::Sheet(lines, from.saturating_add(10).min(last)),
        Key::Letter(_) | Key::Enter | Key::Escape | Key::Tab | Key::BackTab | Key::Sideways | Key::Backspace | Key::Clear | Key::Quit => {
            Mode::Look
        }
    }
}

fn place(pane: Pane) -> usize {
    PANES.iter().position(|other| *other == pane).unwrap_or(0)
}
