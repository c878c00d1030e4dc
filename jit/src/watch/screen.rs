//! The terminal, and the loop: draw what changed, at most as often as it changes; the clock once a second.

use super::draw::{Look, draw};
use super::link;
use super::model::{Key, Link, Model, News, Order};
use super::rows::Glyphs;
use crate::failing::{Exit, Failing};
use crate::show::times::Clock;
use crate::talk::Talk;
use nix::sys::signal::{SigSet, Signal};
use ratatui::DefaultTerminal;
use ratatui::backend::Backend;
use ratatui::crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::crossterm::execute;
use std::io::stdout;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How often the clock is drawn, and how seldom jitd is asked at most.
const SECOND: Duration = Duration::from_secs(1);
/// After how long jitd is asked although nothing was heard: it may be that its disk fails, which is no event.
const QUIET: Duration = Duration::from_secs(15);

/// What the loop hears.
#[derive(Debug)]
pub enum Heard {
    /// A key.
    Key(Key),
    /// A text that was pasted.
    Paste(String),
    /// The terminal has another size.
    Resized,
    /// Others have written on the screen: somebody pressed Ctrl-L.
    Overwritten,
    /// Somebody wants this program to end, or the terminal is gone.
    End,
    /// News.
    News(News),
    /// What was asked is answered; perhaps with news.
    Asked(Option<News>),
}

/// The terminal as it was before is put back when this ends, however it ends; after a panic ratatui's hook has done it.
struct Restored;

impl Drop for Restored {
    fn drop(&mut self) {
        // A terminal that is gone cannot be restored.
        let _ = execute!(stdout(), DisableBracketedPaste);
        let _ = ratatui::try_restore();
    }
}

/// Shows the screen until it is left.
pub fn run(talk: &Talk, colour: bool) -> Result<Exit, Failing> {
    let (heard, all) = channel();
    // Before any other thread is there, so that all of them leave these to the one that waits for them.
    let signals: SigSet = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT].into_iter().collect();
    let _ = signals.thread_block();
    let orders = start(talk, &heard, signals);
    on_a_screen(|terminal| {
        let look = Look { colour, glyphs: glyphs() };
        let mut watching =
            Watching { model: Model::new(Clock::local()), orders, asked: None, busy: false, stale: true, is_overwritten: false };
        let mut shown = Instant::now();
        let mut has_changed = true;
        while !watching.model.is_over {
            watching.look();
            if has_changed || shown.elapsed() >= SECOND {
                watching.model.clock = Clock::local();
                if std::mem::take(&mut watching.is_overwritten) {
                    forget(terminal).map_err(Failing::Unwritten)?;
                }
                terminal.draw(|frame| draw(frame, &watching.model, look)).map_err(Failing::Unwritten)?;
                (shown, has_changed) = (Instant::now(), false);
            }
            has_changed |= watching.hear(&all, SECOND.saturating_sub(shown.elapsed()));
        }
        Ok(Exit::Done)
    })
}

/// Wipes the screen, so that all of the next picture is drawn. `Terminal::clear` would ask the terminal where its cursor is, and
/// the answer comes to whoever reads keys.
fn forget(terminal: &mut DefaultTerminal) -> std::io::Result<()> {
    terminal.backend_mut().clear()?;
    // What was drawn last is compared with no more.
    terminal.swap_buffers();
    Ok(())
}

/// Takes the terminal, and gives it back as it was.
fn on_a_screen<T>(work: impl FnOnce(&mut DefaultTerminal) -> Result<T, Failing>) -> Result<T, Failing> {
    // Before it is changed: half a change is put back too.
    let _restored = Restored;
    let mut terminal = ratatui::try_init().map_err(Failing::Unwritten)?;
    // A terminal without it pastes as if keys were pressed.
    let _ = execute!(stdout(), EnableBracketedPaste);
    work(&mut terminal)
}

/// Starts the threads: one that listens to jitd, one that asks it, one for keys, one for signals.
fn start(talk: &Talk, heard: &Sender<Heard>, signals: SigSet) -> Sender<Order> {
    let (orders, ordered) = channel();
    let (listener, asker) = (talk.keeping_remarks(), talk.keeping_remarks());
    spawn(heard, move |heard| link::listen(&listener, heard));
    spawn(heard, move |heard| link::ask(&asker, &ordered, heard));
    spawn(heard, keys);
    spawn(heard, move |heard| {
        let _ = signals.wait();
        let _ = heard.send(Heard::End);
    });
    orders
}

/// What ends the screen when a thread of it panics: by then the terminal is what it was before, and must not be drawn on.
struct Fuse(Sender<Heard>);

impl Drop for Fuse {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Heard::End);
        }
    }
}

fn spawn(heard: &Sender<Heard>, work: impl FnOnce(&Sender<Heard>) + Send + 'static) {
    let fuse = Fuse(heard.clone());
    thread::spawn(move || work(&fuse.0));
}

/// The loop's own state.
struct Watching {
    model: Model,
    orders: Sender<Order>,
    /// When jitd was asked last.
    asked: Option<Instant>,
    /// Whether an answer is still to come.
    busy: bool,
    /// Whether something happened since.
    stale: bool,
    /// Whether others may have written on the screen, so that all of it is to be drawn.
    is_overwritten: bool,
}

impl Watching {
    /// Asks jitd what there is, where that may have changed: never more often than once a second.
    fn look(&mut self) {
        let since = self.asked.map(|asked| asked.elapsed());
        let due = since.is_none_or(|since| since >= SECOND && self.stale || since >= QUIET);
        let is_away = matches!(self.model.link, Link::Away(_));
        if due && !self.busy && !is_away {
            self.asked = Some(Instant::now());
            (self.busy, self.stale) = (true, false);
            let _ = self.orders.send(Order::Look);
        }
    }

    /// Waits for something to happen, and takes all of it; answers whether anything did.
    fn hear(&mut self, all: &Receiver<Heard>, most: Duration) -> bool {
        let first = match all.recv_timeout(most) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) => return false,
            Err(RecvTimeoutError::Disconnected) => Heard::End,
        };
        // What has come meanwhile is shown together: a slow line is not made to show each step.
        for heard in std::iter::once(first).chain(all.try_iter()) {
            self.take(heard);
        }
        true
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Key(key) => {
                if let Some(order) = self.model.press(key) {
                    let _ = self.orders.send(order);
                }
            }
            Heard::Paste(text) => self.model.paste(&text),
            Heard::Resized => {}
            Heard::Overwritten => self.is_overwritten = true,
            Heard::End => self.model.is_over = true,
            Heard::News(news) => {
                self.stale |= matches!(news, News::Events(_));
                // Until now jitd did not know that this terminal shows a screen, and may have told a line there.
                self.is_overwritten |= matches!(news, News::Link(Link::Live));
                self.model.hear(news);
            }
            Heard::Asked(news) => {
                match &news {
                    Some(News::Done(_)) => self.stale = true,
                    Some(News::Picture(_)) | None => self.busy = false,
                    Some(News::Sheet(_) | News::Events(_) | News::Link(_)) => {}
                }
                if let Some(news) = news {
                    self.model.hear(news);
                }
            }
        }
    }
}

/// Reads the terminal until it is gone.
fn keys(heard: &Sender<Heard>) {
    loop {
        let next = match event::read() {
            Ok(Event::Key(key)) if key.code == KeyCode::Char('l') && key.modifiers == KeyModifiers::CONTROL => Some(Heard::Overwritten),
            Ok(Event::Key(key)) if key.kind != KeyEventKind::Release => key_of(key).map(Heard::Key),
            Ok(Event::Paste(text)) => Some(Heard::Paste(text)),
            Ok(Event::Resize(..)) => Some(Heard::Resized),
            Ok(Event::Key(_) | Event::Mouse(_) | Event::FocusGained | Event::FocusLost) => None,
            Err(_) => Some(Heard::End),
        };
        let is_end = matches!(next, Some(Heard::End));
        if next.is_some_and(|next| heard.send(next).is_err()) || is_end {
            return;
        }
    }
}

#[allow(clippy::wildcard_enum_match_arm, reason = "a terminal has many keys, and another library names them")]
fn key_of(key: KeyEvent) -> Option<Key> {
    if key.modifiers.contains(KeyModifiers::ALT) {
        // An Esc with a key right behind it; neither of the two may be guessed.
        return None;
    }
    let control = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('c') if control => Some(Key::Quit),
        KeyCode::Char('u') if control => Some(Key::Clear),
        KeyCode::Char('g') if control => Some(Key::Escape),
        KeyCode::Char(_) if control => None,
        KeyCode::Char(letter) => Some(Key::Letter(letter)),
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Esc => Some(Key::Escape),
        KeyCode::Tab => Some(Key::Tab),
        KeyCode::BackTab => Some(Key::BackTab),
        KeyCode::Up => Some(Key::Up),
        KeyCode::Down => Some(Key::Down),
        KeyCode::Left | KeyCode::Right => Some(Key::Sideways),
        KeyCode::PageUp => Some(Key::PageUp),
        KeyCode::PageDown => Some(Key::PageDown),
        KeyCode::Backspace => Some(Key::Backspace),
        _ => None,
    }
}

/// Lines and bars as the terminal's character set has them.
fn glyphs() -> Glyphs {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    let is_utf8 = set.is_some_and(|set| {
        let set = set.to_ascii_lowercase();
        set.contains("utf-8") || set.contains("utf8")
    });
    if is_utf8 { Glyphs::UTF8 } else { Glyphs::ASCII }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::pty::{Winsize, openpty};
    use nix::sys::termios::tcgetattr;
    use std::fs::File;
    use std::io::Read;
    use std::process::Command;

    /// Set for the copy of this program that panics on a terminal.
    const COPY: &str = "JIT_PANICS_ON_A_SCREEN";

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was_and_is_read_there() {
        if std::env::var_os(COPY).is_some() {
            let _: Result<(), _> = on_a_screen(|_| panic!("out of its wits"));
            return;
        }
        let size = Winsize { ws_row: 24, ws_col: 80, ws_xpixel: 0, ws_ypixel: 0 };
        let pty = openpty(Some(&size), None).unwrap();
        let before = tcgetattr(&pty.slave).unwrap();
        let name = "watch::screen::tests::a_panic_leaves_the_terminal_as_it_was_and_is_read_there";
        let end = || pty.slave.try_clone().unwrap();
        let mut copy = Command::new(std::env::current_exe().unwrap());
        copy.args(["--exact", name, "--nocapture"]).env(COPY, "1").stdin(end()).stdout(end()).stderr(end());
        assert!(!copy.status().unwrap().success());
        assert_eq!(tcgetattr(&pty.slave).unwrap(), before, "its modes");
        drop((copy, pty.slave));
        let mut shown = Vec::new();
        // It ends with an error once nobody holds the other end.
        let _ = File::from(pty.master).read_to_end(&mut shown);
        let shown = String::from_utf8_lossy(&shown);
        let place = |text: &str| shown.rfind(text).unwrap_or_else(|| panic!("{text:?} is not in {shown:?}"));
        assert!(place("\u{1b}[?1049h") < place("\u{1b}[?1049l"), "its own screen is left");
        assert!(place("\u{1b}[?2004h") < place("\u{1b}[?2004l"), "what is pasted is keys again");
        assert!(shown.find("\u{1b}[?1049l") < shown.find("out of its wits"), "where it stays to be read: {shown:?}");
    }

    #[test]
    fn a_thread_that_panics_ends_the_screen() {
        let (heard, all) = channel();
        spawn(&heard, |_| panic!("out of its wits"));
        assert!(matches!(all.recv_timeout(Duration::from_secs(10)), Ok(Heard::End)));
    }
}
