//! The model on a screen of any size. What colour says, words say too.

mod dialog;

use super::model::{Link, Message, Mode, Model, PANES, Pane};
use super::rows::{self, Glyphs, Row, Weight};
use crate::show::words::{safe, what};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};

/// From this width on the events stand beside the rest.
const WIDE: u16 = 140;
/// The least size on which anything can be shown.
const LEAST: (u16, u16) = (40, 10);

/// How the terminal can show things.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Whether colour may be used.
    pub colour: bool,
    /// What lines and bars are made of.
    pub glyphs: Glyphs,
}

impl Look {
    fn colour(self, style: Style, colour: Color) -> Style {
        if self.colour { style.fg(colour) } else { style }
    }

    fn good(self) -> Style {
        self.colour(Style::new(), Color::Green)
    }

    fn bad(self) -> Style {
        self.colour(Style::new().add_modifier(Modifier::BOLD), Color::Red)
    }

    fn key(self) -> Style {
        self.colour(Style::new().add_modifier(Modifier::BOLD), Color::Cyan)
    }

    fn soft(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    fn weight(self, weight: Weight) -> Style {
        match weight {
            Weight::Plain => Style::new(),
            Weight::Yours => self.colour(Style::new().add_modifier(Modifier::BOLD), Color::Yellow),
            Weight::Urgent => self.bad(),
        }
    }
}

/// Draws all of it.
pub fn draw(frame: &mut Frame<'_>, model: &Model, look: Look) {
    let area = frame.area();
    if area.width < LEAST.0 || area.height < LEAST.1 {
        let words = format!("{} by {} is too small: {} by {} at least.", area.width, area.height, LEAST.0, LEAST.1);
        frame.render_widget(Paragraph::new(words).wrap(Wrap { trim: true }), area);
        return;
    }
    let foot = foot(model, look, area.width);
    let head = head(model, look, area.width);
    let (head_height, foot_height) = (height_of(&head), height_of(&foot).min(area.height.saturating_sub(1)));
    let body =
        Rect { y: area.y.saturating_add(head_height), height: area.height.saturating_sub(head_height).saturating_sub(foot_height), ..area };
    frame.render_widget(Paragraph::new(head), Rect { height: head_height, ..area });
    match &model.mode {
        Mode::Help => frame.render_widget(Paragraph::new(help(look)), body),
        Mode::Sheet(lines, from) => sheet(frame, lines, *from, look, body),
        Mode::Look | Mode::Form(_) => panes(frame, model, look, body),
    }
    let below = Rect { y: body.y.saturating_add(body.height), height: foot_height, ..area };
    frame.render_widget(Clear, below);
    frame.render_widget(Paragraph::new(foot), below);
}

fn height_of(lines: &[Line<'_>]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

fn head(model: &Model, look: Look, width: u16) -> Vec<Line<'static>> {
    let user = model.picture.as_ref().map(|picture| safe(&picture.user)).unwrap_or_default();
    let time = model.clock.time_of_day();
    let (state, style) = match &model.link {
        Link::Looking => ("looking for jitd ...".to_owned(), look.soft()),
        Link::Live => (format!("live {time}"), look.good()),
        Link::Away(_) => (format!("jitd is AWAY; looking again {time}"), look.bad()),
    };
    let left = format!("jit watch  {user}");
    let gap = usize::from(width).saturating_sub(left.chars().count()).saturating_sub(state.chars().count());
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let mut lines = vec![Line::from(vec![Span::styled(left, bold), Span::raw(" ".repeat(gap)), Span::styled(state, style)])];
    if let Link::Away(why) = &model.link {
        lines.push(Line::styled(cut(&format!("! {} What is shown may be old.", safe(why)), width, look), look.bad()));
    }
    let notices = model.picture.iter().flat_map(|picture| &picture.notices);
    lines.extend(notices.take(2).map(|notice| Line::styled(cut(&format!("! {}", safe(notice)), width, look), look.bad())));
    lines
}

/// A text as far as there is room for it.
fn cut(text: &str, width: u16, look: Look) -> String {
    let width = usize::from(width);
    if Span::raw(text).width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    let mut used = 0_usize;
    for letter in text.chars() {
        let letter_width = Span::raw(letter.to_string()).width();
        if used.saturating_add(letter_width) >= width {
            break;
        }
        used = used.saturating_add(letter_width);
        shown.push(letter);
    }
    shown.push(look.glyphs.cut);
    shown
}

/// A text of exactly this width.
fn padded(text: &str, width: usize, look: Look) -> String {
    let mut shown = cut(text, u16::try_from(width).unwrap_or(u16::MAX), look);
    let missing = width.saturating_sub(Span::raw(shown.as_str()).width());
    shown.push_str(&" ".repeat(missing));
    shown
}

fn line_of(row: &Row, is_chosen: bool, look: Look, width: u16) -> Line<'static> {
    let mut text = if is_chosen { "> ".to_owned() } else { "  ".to_owned() };
    for (cell, cell_width) in &row.cells {
        text.push_str(&padded(cell, *cell_width, look));
        text.push(' ');
    }
    text.push_str(&row.rest);
    let style = look.weight(row.weight);
    let style = if is_chosen { style.add_modifier(Modifier::REVERSED) } else { style };
    let text = cut(&text, width, look);
    Line::styled(if is_chosen { padded(&text, usize::from(width), look) } else { text }, style)
}

/// What a part shows.
struct Shown {
    title: String,
    rows: Vec<Row>,
    /// What stands there while there are no rows.
    empty: &'static str,
}

fn shown(model: &Model, pane: Pane, look: Look, width: u16) -> Shown {
    let clock = model.clock;
    let Some(picture) = &model.picture else {
        return Shown { title: name_of(pane).to_owned(), rows: Vec::new(), empty: "..." };
    };
    let titled = |count: usize| if count == 0 { name_of(pane).to_owned() } else { format!("{} ({count})", name_of(pane)) };
    match pane {
        Pane::Waiting => {
            let requests = picture.requests.iter().map(|it| rows::request(clock, picture, it));
            let rows: Vec<_> = requests.chain(picture.reviews.iter().map(|it| rows::review(clock, it))).collect();
            let empty = "Nothing waits. A request comes here when somebody types: jit request sudo";
            Shown { title: titled(rows.len()), rows, empty }
        }
        Pane::Grants => {
            let rows: Vec<_> = picture.grants.iter().map(|it| rows::grant(clock, look.glyphs, it, width)).collect();
            Shown { title: titled(rows.len()), rows, empty: "Nobody holds access. A grant comes here with a bar of the time left." }
        }
        Pane::Sessions => {
            let rows: Vec<_> = picture.sessions.iter().map(|it| rows::session(clock, it)).collect();
            Shown { title: titled(rows.len()), rows, empty: "No session runs. A sudo or ssh log-in comes here when a grant lets it in." }
        }
        Pane::Events => {
            let until = model.events.len().saturating_sub(model.back);
            let rows: Vec<_> = model.events.iter().take(until).map(|it| rows::event(clock, it)).collect();
            let title = if model.back > 0 { format!("{}, {} newer below", name_of(pane), model.back) } else { name_of(pane).to_owned() };
            Shown { title, rows, empty: "Nothing has happened yet that you may see. Each step comes here as it happens." }
        }
    }
}

fn name_of(pane: Pane) -> &'static str {
    match pane {
        Pane::Waiting => "Waiting for an answer",
        Pane::Grants => "Grants",
        Pane::Sessions => "Sessions",
        Pane::Events => "What happens",
    }
}

fn panes(frame: &mut Frame<'_>, model: &Model, look: Look, area: Rect) {
    if area.width >= WIDE {
        let left = Rect { width: area.width.saturating_mul(3) / 5, ..area };
        let right = Rect {
            x: left.x.saturating_add(left.width).saturating_add(1),
            width: area.width.saturating_sub(left.width).saturating_sub(1),
            ..area
        };
        column(frame, model, look, left, &[Pane::Waiting, Pane::Grants, Pane::Sessions]);
        column(frame, model, look, right, &[Pane::Events]);
    } else {
        column(frame, model, look, area, &PANES);
    }
}

fn column(frame: &mut Frame<'_>, model: &Model, look: Look, area: Rect, which: &[Pane]) {
    let all: Vec<_> = which.iter().map(|pane| (*pane, shown(model, *pane, look, area.width))).collect();
    let wanted: Vec<u16> = all.iter().map(|(_, shown)| u16::try_from(shown.rows.len()).unwrap_or(u16::MAX).max(1)).collect();
    let heights = share(area.height, &wanted, which.iter().position(|pane| *pane == model.focus).unwrap_or(0));
    let mut y = area.y;
    for ((pane, shown), height) in all.iter().zip(heights) {
        let place = Rect { y, height: height.saturating_add(1).min(area.y.saturating_add(area.height).saturating_sub(y)), ..area };
        part(frame, model, look, place, *pane, shown);
        y = y.saturating_add(place.height);
    }
}

/// How many rows each part gets, headings aside: each one, the focused one more, then turn by turn what each wants; what is
/// left is the last one's.
pub fn share(height: u16, wanted: &[u16], focused: usize) -> Vec<u16> {
    let headings = u16::try_from(wanted.len()).unwrap_or(u16::MAX);
    let mut left = height.saturating_sub(headings);
    let mut given = vec![0_u16; wanted.len()];
    let order = std::iter::once(focused).chain(0..wanted.len());
    let order: Vec<usize> = order.collect();
    loop {
        let before = left;
        for place in &order {
            if let (Some(mine), Some(want)) = (given.get_mut(*place), wanted.get(*place))
                && left > 0
                && *mine < *want
            {
                *mine = mine.saturating_add(1);
                left = left.saturating_sub(1);
            }
        }
        if left == before {
            break;
        }
    }
    if let Some(last) = given.last_mut() {
        *last = last.saturating_add(left);
    }
    given
}

fn part(frame: &mut Frame<'_>, model: &Model, look: Look, area: Rect, pane: Pane, shown: &Shown) {
    let is_focused = model.focus == pane && matches!(model.mode, Mode::Look | Mode::Form(_));
    let glyph = if is_focused { look.glyphs.heavy } else { look.glyphs.line };
    let title = format!("{0}{0} {1} ", glyph, shown.title);
    let rest = usize::from(area.width).saturating_sub(title.chars().count());
    let style = if is_focused { Style::new().add_modifier(Modifier::BOLD) } else { look.soft() };
    let mut lines = vec![Line::styled(format!("{title}{}", glyph.to_string().repeat(rest)), style)];
    let room = usize::from(area.height.saturating_sub(1));
    if shown.rows.is_empty() {
        lines.push(Line::styled(cut(&format!("  {}", shown.empty), area.width, look), look.soft()));
    }
    let chosen = model.chosen(pane);
    // The events end with the newest; of the others the chosen row is in sight.
    let first = match pane {
        Pane::Events => shown.rows.len().saturating_sub(room),
        Pane::Waiting | Pane::Grants | Pane::Sessions => chosen.saturating_add(1).saturating_sub(room),
    };
    for (place, row) in shown.rows.iter().enumerate().skip(first).take(room) {
        let is_chosen = is_focused && place == chosen && pane != Pane::Events;
        lines.push(line_of(row, is_chosen, look, area.width));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

fn sheet(frame: &mut Frame<'_>, lines: &[String], from: usize, look: Look, area: Rect) {
    let lines: Vec<_> = lines
        .iter()
        .skip(from)
        .enumerate()
        .map(|(place, line)| {
            let style = if place == 0 && from == 0 { Style::new().add_modifier(Modifier::BOLD) } else { Style::new() };
            Line::styled(line.clone(), style)
        })
        .collect();
    let rule = look.glyphs.line.to_string().repeat(usize::from(area.width));
    frame.render_widget(Paragraph::new(Line::styled(rule, look.soft())), Rect { height: 1, ..area });
    let below = Rect { y: area.y.saturating_add(1), height: area.height.saturating_sub(1), ..area };
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), below);
}

/// The keys, as the last line names them.
fn keys(pairs: &[(&'static str, &'static str)], look: Look) -> Line<'static> {
    let mut spans = Vec::new();
    for (key, does) in pairs {
        spans.push(Span::styled(*key, look.key()));
        spans.push(Span::raw(format!(" {does}  ")));
    }
    Line::from(spans)
}

fn foot(model: &Model, look: Look, width: u16) -> Vec<Line<'static>> {
    match &model.mode {
        Mode::Help => vec![keys(&[("any key", "back")], look)],
        Mode::Sheet(..) => vec![keys(&[("up down", "read on"), ("any other key", "back")], look)],
        Mode::Form(form) => dialog::lines(form, look, width),
        Mode::Look => {
            let message = match &model.message {
                None => Line::raw(""),
                Some(Message::Good(words)) => Line::styled(cut(words, width, look), look.good()),
                Some(Message::Bad(words)) => Line::styled(cut(&format!("! {words}"), width, look), look.bad()),
            };
            let all = [
                ("a", "approve"),
                ("d", "deny"),
                ("r", "revoke"),
                ("v", "review"),
                ("Enter", "details"),
                ("Tab", "next"),
                ("?", "help"),
                ("q", "quit"),
            ];
            vec![message, keys(&all, look)]
        }
    }
}

fn help(look: Look) -> Vec<Line<'static>> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let sudo = what("sudo", "root");
    let about = format!("somebody asked for access: {sudo}, for example.");
    let said = [
        ("", "What you see", true),
        ("Waiting", about.as_str(), false),
        ("", "Marked \"for you\": you may answer it. \"yours\": you asked.", false),
        ("", "REVIEW: an emergency was taken without asking; you are to judge it.", false),
        ("Grants", "who may come in now, by whose word, and the time that is left.", false),
        ("Sessions", "who is in.", false),
        ("Events", "each step as it happens: what you may see of the record.", false),
        ("", "", false),
        ("", "What you can do", true),
        ("a", "approve, for as long as was asked or shorter, with a note", false),
        ("d", "deny, with a note that the other reads", false),
        ("r", "revoke the chosen grant, or the grant of the chosen session", false),
        ("v", "review the chosen emergency: fine, or misuse", false),
        ("", "Each says in full what it will do, and asks y before it does it.", false),
        ("Enter", "one thing in full, and what happened to it", false),
        ("Tab", "the next part; arrows or j and k choose in it; Ctrl-C leaves at once", false),
        ("Ctrl-L", "draw the screen anew, when others have written on it", false),
    ];
    let line = |(key, words, is_title): &(&str, &str, bool)| {
        if *is_title {
            return Line::styled(format!("  {words}"), bold);
        }
        Line::from(vec![Span::styled(format!("  {key:<10}"), look.key()), Span::raw((*words).to_owned())])
    };
    said.iter().map(line).collect()
}
