//! Templates: a text with words in braces, `{user}`, in whose place what others wrote is put, made harmless.

use crate::event::Event;
use crate::summary::{WORDS, word};
use jit_core::policy::suggest::nearest_or_all;
use jit_core::text::printable;

/// The longest that is put in the place of one word, in bytes.
const LONGEST: usize = 2000;

/// What the text around the words is, and so what must be escaped in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Around {
    /// Text for people.
    Text,
    /// JSON.
    Json,
}

/// What the receiver would take for more than text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escape {
    /// Nothing.
    Plain,
    /// Slack's `<!channel>`, `<http://there|here>`, `&amp;`.
    Slack,
}

/// A template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Word(&'static str),
}

impl Template {
    /// Reads a template. Only a word in braces is one, `{user}`: the braces of JSON stand for themselves.
    ///
    /// # Errors
    /// A word that stands for nothing, and what was likely meant.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        let mut before = String::new();
        while let Some((plain, tail)) = rest.split_once('{') {
            before.push_str(plain);
            let named = tail
                .split_once('}')
                .filter(|(name, _)| !name.is_empty() && name.bytes().all(|letter| letter.is_ascii_alphabetic() || letter == b'_'));
            let Some((name, after)) = named else {
                before.push('{');
                rest = tail;
                continue;
            };
            let known = WORDS.iter().find(|known| **known == name);
            let known = known.ok_or_else(|| format!("{{{name}}} stands for nothing; {}", nearest_or_all(name, WORDS)))?;
            parts.push(Part::Text(std::mem::take(&mut before)));
            parts.push(Part::Word(known));
            rest = after;
        }
        before.push_str(rest);
        parts.push(Part::Text(before));
        Ok(Self { parts })
    }

    /// The text for an event.
    pub fn fill(&self, event: &Event, host: &str, around: Around, escape: Escape) -> String {
        let put = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            // An object: it is a value of JSON already.
            Part::Word("json") => event.line.clone(),
            Part::Word(name) => harmless(&word(event, name, host), around, escape),
        };
        self.parts.iter().map(put).collect()
    }
}

fn harmless(text: &str, around: Around, escape: Escape) -> String {
    // Cut at last: a receiver may have a limit, and refuse what is longer.
    let text = match escape {
        Escape::Plain => printable(text, LONGEST),
        Escape::Slack => printable(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"), LONGEST),
    };
    match around {
        Around::Text => text,
        Around::Json => {
            let quoted = serde_json::Value::from(text).to_string();
            quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or_default().to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_proto::view::EventView;
    use serde_json::{Value, json};

    fn with_reason(reason: &str) -> Event {
        let view = EventView {
            seq: 7,
            at: "2026-11-23T12:00:00.000Z".to_owned(),
            event: "request.submitted".to_owned(),
            data: json!({ "user": "alice", "reason": reason, "by": ["carol", "dave"], "note": null }).to_string(),
            prev: "0".repeat(64),
            hash: "1".repeat(64),
        };
        Event::read(&view).unwrap()
    }

    fn filled(template: &str, reason: &str, around: Around, escape: Escape) -> String {
        Template::parse(template).unwrap().fill(&with_reason(reason), "web1", around, escape)
    }

    #[test]
    fn words_are_put_in_and_braces_of_json_stay() {
        let text = filled(
            "{\"a\": {\"text\": \"{user} on {host}: {reason} {by}{note}\"}, \"n\": {seq}, \"x\": {}}",
            "x",
            Around::Json,
            Escape::Plain,
        );
        assert_eq!(text, "{\"a\": {\"text\": \"alice on web1: x carol, dave\"}, \"n\": 7, \"x\": {}}");
        let whole: Value = serde_json::from_str(&filled("{\"event\": {json}}", "a\"b", Around::Json, Escape::Plain)).unwrap();
        assert_eq!(whole["event"]["data"]["reason"], "a\"b");
    }

    #[test]
    fn nothing_that_somebody_wrote_leaves_its_place() {
        for reason in ["\", \"admin\": \"yes", "a\\", "{user}", "\n\r\t\u{1b}[2J", "\u{202e}toor", "é".repeat(5000).as_str()] {
            let text = filled("{\"text\": \"{reason}\"}", reason, Around::Json, Escape::Plain);
            let read: Value = serde_json::from_str(&text).unwrap();
            assert_eq!(read.as_object().unwrap().len(), 1, "{text}");
            let shown = read["text"].as_str().unwrap();
            assert!(!shown.chars().any(jit_core::text::is_unsafe) && shown.len() < 2100, "{shown}");
        }
        assert_eq!(filled("{reason}", "a\r\nBcc: x", Around::Text, Escape::Plain), "a\\u{d}\\nBcc: x");
        assert_eq!(
            filled("{reason}", "<!channel> <http://x|y> &", Around::Json, Escape::Slack),
            "&lt;!channel&gt; &lt;http://x|y&gt; &amp;"
        );
    }

    #[test]
    fn a_word_that_stands_for_nothing_is_named_with_what_was_meant() {
        assert_eq!(Template::parse("{resaon}").unwrap_err(), "{resaon} stands for nothing; did you mean `reason`?");
        assert!(Template::parse("{ user } {1} {").is_ok());
    }
}
