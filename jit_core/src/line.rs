//! An event as one line of syslog: its name, then `key=value`, then where it stands in the record.
//!
//! No input can forge a line or a key: a value is quoted where it holds anything but letters, digits and
//! `_.:/@+-`, and inside the quotes everything that could end them, move a cursor or turn text round is
//! escaped.

use crate::record::Record;
use crate::text;
use serde_json::{Map, Value};

/// The longest value, in bytes; the record has the whole of it.
const LONGEST_VALUE: usize = 1500;
/// How long the values may be where all of them together are too long.
const SHORTER_VALUES: [usize; 2] = [400, 60];
/// The longest that may be said of an event, in bytes: rsyslog cuts a message off at 8 KB and many a UDP path at 4 KB, and
/// with its end the place in the record would go (`$MaxMessageSize`, <https://www.rsyslog.com/doc/global.html>).
const LONGEST_SAID: usize = 3900;

/// The line of a record.
#[must_use]
pub fn of(record: &Record) -> String {
    let (seq, hash) = (record.seq, record.hash.short());
    format!("{} seq={seq} hash={hash}", said(&record.event, &record.data))
}

/// The line of an event that could not be stored yet: it has no number, and comes again with one.
#[must_use]
pub fn of_unstored(event: &str, data: &str) -> String {
    format!("{} stored=no", said(event, data))
}

fn said(event: &str, data: &str) -> String {
    let data: Map<String, Value> = serde_json::from_str(data).unwrap_or_default();
    let mut line = with_values(event, &data, LONGEST_VALUE);
    for longest in SHORTER_VALUES {
        if line.len() > LONGEST_SAID {
            line = with_values(event, &data, longest);
        }
    }
    line
}

fn with_values(event: &str, data: &Map<String, Value>, longest: usize) -> String {
    let mut line = event.to_owned();
    for (key, value) in data {
        if let Some(value) = written(value, longest) {
            line.push(' ');
            line.push_str(key);
            line.push('=');
            line.push_str(&value);
        }
    }
    line
}

/// A value as it stands in a line, at most so long; none where there is nothing to say.
fn written(value: &Value, longest: usize) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(items) if items.is_empty() => None,
        Value::Bool(answer) => Some(answer.to_string()),
        Value::Number(number) => Some(number.to_string()),
        Value::String(text) => Some(short(text, longest)),
        Value::Array(items) => {
            let words: Option<Vec<_>> = items.iter().map(Value::as_str).collect();
            Some(short(&words.map_or_else(|| value.to_string(), |words| words.join(",")), longest))
        }
        Value::Object(_) => Some(short(&value.to_string(), longest)),
    }
}

/// A text, in quotes where it needs them.
#[must_use]
pub fn quoted(text: &str) -> String {
    short(text, LONGEST_VALUE)
}

fn short(text: &str, longest: usize) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "_.:/@+-".contains(letter);
    if !text.is_empty() && text.len() <= longest && text.chars().all(plain) {
        return text.to_owned();
    }
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{}\"", text::printable(&escaped, longest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Head;
    use crate::time::WallTime;

    fn line(data: &str) -> String {
        of(&Record::chained(Head::NONE, WallTime::from_millis(0), "grant.issued", data.to_owned()))
    }

    #[test]
    fn a_line_reads_as_the_design_shows_it() {
        let data = r#"{"id":"G-7F3KQ2ZD","user":"alice","uid":1001,"service":"sudo","as":"root","until":"2026-11-23T15:04:05Z","by":["carol"],"reason":"INC-42 disk full","request":null,"from":[]}"#;
        let line = line(data);
        assert!(
            line.starts_with(r#"grant.issued id=G-7F3KQ2ZD user=alice uid=1001 service=sudo as=root until=2026-11-23T15:04:05Z by=carol reason="INC-42 disk full" seq=1 hash="#),
            "{line}"
        );
    }

    #[test]
    fn no_value_can_forge_a_line_or_a_key() {
        for reason in
            ["x\ngrant.issued id=G-00000000", "x\" user=root \"", "\\\" user=root", "\u{1b}[2J", "\u{202e}toor", "\u{9b}x", "\u{2028}x"]
        {
            let data = serde_json::json!({ "reason": reason }).to_string();
            let line = line(&data);
            assert!(!line.chars().any(text::is_unsafe), "{line}");
            let inside = line.strip_prefix("grant.issued reason=\"").unwrap();
            let unescaped_quotes = inside.replace("\\\\", "").replace("\\\"", "").matches('"').count();
            assert_eq!(unescaped_quotes, 1, "only the closing quote stands alone: {line}");
        }
    }

    #[test]
    fn a_long_value_is_cut_and_a_nested_one_is_written_as_json() {
        let long = serde_json::json!({ "reason": "é".repeat(100_000) }).to_string();
        assert!(line(&long).len() < 2000);
        assert!(line(r#"{"process":{"pid":7,"started":9}}"#).contains(r#"process="{\"pid\":7,\"started\":9}""#));
    }

    #[test]
    fn what_is_said_of_many_long_values_leaves_room_for_the_place_in_the_record() {
        let long = |values: usize, length: usize| {
            let data: Map<_, _> = (0..values).map(|at| (format!("key{at}"), Value::from("é\n".repeat(length / 3)))).collect();
            line(&Value::from(data).to_string())
        };
        let shortest = |line: &str| line.split('"').skip(1).step_by(2).map(str::len).min();
        for values in 1..=30 {
            let line = long(values, 3000);
            assert!(line.len() <= LONGEST_SAID + 50 && line.contains(" seq=1 hash="), "{} of {values} values", line.len());
            let whole = [1500, 400, 60].into_iter().find(|longest| values * (longest + 10) < LONGEST_SAID).unwrap_or_default();
            assert!(shortest(&line) >= Some(whole / 2), "{values} values: {line}");
        }
        let with = |last: usize| {
            said("grant.issued", &serde_json::json!({ "a": "a".repeat(1500), "b": "b".repeat(1500), "c": "c".repeat(last) }).to_string())
        };
        assert_eq!((with(879).len(), with(879).contains('…'), with(880).contains('…')), (LONGEST_SAID, false, true));
    }

    #[test]
    fn each_kind_of_value_has_its_form_and_what_says_nothing_is_left_out() {
        let data = r#"{"yes":true,"count":7,"none":null,"empty":[],"words":["a","b c"],"numbers":[1,2],"text":""}"#;
        let said = r#"grant.issued yes=true count=7 words="a,b c" numbers="[1,2]" text="""#;
        assert!(line(data).starts_with(&format!("{said} seq=1 hash=")), "{}", line(data));
        assert_eq!(of_unstored("grant.issued", data), format!("{said} stored=no"));
    }

    #[test]
    fn a_value_stands_without_quotes_while_it_is_plain_and_not_too_long() {
        assert_eq!(quoted("aZ09_.:/@+-"), "aZ09_.:/@+-");
        for odd in ["a=b", "a,b", "a b", "é", ""] {
            assert_eq!(quoted(odd), format!("\"{odd}\""));
        }
        assert_eq!(quoted(&"a".repeat(LONGEST_VALUE)), "a".repeat(LONGEST_VALUE));
        assert_eq!(quoted(&"a".repeat(LONGEST_VALUE + 1)), format!("\"{}…\"", "a".repeat(LONGEST_VALUE)));
    }
}
