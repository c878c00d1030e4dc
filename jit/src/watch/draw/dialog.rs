//! An act that is being filled in, at the bottom of the screen.

use super::{Look, cut, keys};
use crate::watch::form::{Field, Form, Stage, Topic};
use crate::watch::rows::Weight;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};

/// Its lines: what it is about, then its fields, or what it will do.
pub fn lines(form: &Form, look: Look, width: u16) -> Vec<Line<'static>> {
    let rule = look.glyphs.heavy.to_string().repeat(usize::from(width));
    let mut lines = vec![Line::raw(rule)];
    let bold = Style::new().add_modifier(Modifier::BOLD);
    lines.push(Line::styled(cut(&form.title(), width, look), bold));
    match &form.stage {
        Stage::Typing(wrong) => {
            lines.extend(fields(form, look, width));
            if let Some(wrong) = wrong {
                lines.push(Line::styled(cut(&format!("! {wrong}"), width, look), look.bad()));
            }
            lines.push(keys(&[("Enter", "go on"), ("Tab", "next field"), ("Ctrl-U", "empty it"), ("Esc", "leave it")], look));
        }
        Stage::Sure(order) => {
            lines.extend(wrapped(&form.consequence(order), width).into_iter().map(|line| Line::styled(line, look.weight(Weight::Yours))));
            lines.push(keys(&[("y", "yes, do that"), ("any other key", "no")], look));
        }
    }
    lines
}

/// The fields, and where one types.
fn fields(form: &Form, look: Look, width: u16) -> Vec<Line<'static>> {
    let bold = Style::new().add_modifier(Modifier::BOLD);
    let line = |(place, field): (usize, &Field)| {
        let name = match field.topic {
            Topic::Time => "For",
            Topic::Verdict => "Verdict",
            Topic::Note => "Note",
        };
        let is_here = place == form.at;
        let hint = form.hint(field.topic);
        let room = usize::from(width).saturating_sub(13);
        // Of a long text the end is shown, where one types.
        let length = field.text.chars().count();
        let text: String = field.text.chars().skip(length.saturating_sub(room)).collect();
        let mut spans = vec![
            Span::styled(format!("{} {name:<8} ", if is_here { ">" } else { " " }), if is_here { bold } else { Style::new() }),
            Span::raw(text),
        ];
        if is_here {
            spans.push(Span::styled("_", bold));
        }
        let rest = room.saturating_sub(length);
        if rest > 10 && (field.text.is_empty() || field.topic == Topic::Verdict) {
            let hint = cut(&format!("  ({hint})"), u16::try_from(rest).unwrap_or(0), look);
            spans.push(Span::styled(hint, look.soft()));
        }
        Line::from(spans)
    };
    form.fields.iter().enumerate().map(line).collect()
}

/// A sentence in lines of this width, at most five, which every screen has room for. What is decided comes first in it.
fn wrapped(words: &str, width: u16) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in words.split(' ') {
        let Some(last) = lines.last_mut() else { break };
        let together = Span::raw(last.as_str()).width().saturating_add(1).saturating_add(Span::raw(word).width());
        if last.is_empty() {
            last.push_str(word);
        } else if together <= usize::from(width) {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    if lines.len() > 5 {
        lines.truncate(5);
        if let Some(last) = lines.last_mut() {
            last.push_str(" ...");
        }
    }
    lines
}
