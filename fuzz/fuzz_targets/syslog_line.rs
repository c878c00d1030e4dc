//! The syslog escaper: whatever stands in an event, it is one line of bounded length in which no value forges a key.
#![no_main]

use jit_core::line;
use jit_core::record::{Head, Record};
use jit_core::text;
use jit_core::time::WallTime;
use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

/// The longest line that log hosts take whole; of more values than any event has, each is this short, with what stands around it.
const LONGEST: usize = 4096;
const SHORTEST: usize = 80;

fuzz_target!(|input: (BTreeMap<u8, String>, Vec<String>)| {
    let (texts, list) = input;
    let mut data: serde_json::Map<_, _> = texts.iter().map(|(key, value)| (format!("k{key}"), value.as_str().into())).collect();
    data.insert("list".to_owned(), list.clone().into());
    let values = data.len();
    let data = serde_json::Value::Object(data).to_string();
    let record = Record::chained(Head::NONE, WallTime::from_millis(0), "grant.issued", data.clone());
    let said = line::of(&record);
    for line in [&said, &line::of_unstored("grant.issued", &data)] {
        assert!(!line.chars().any(text::is_unsafe), "{line:?}");
        assert!(line.len() <= LONGEST.max(100 + values * SHORTEST));
    }
    let keys = keys(&said);
    let mut expected: Vec<_> = texts.keys().map(|key| format!("k{key}")).collect();
    expected.extend((!list.is_empty()).then(|| "list".to_owned()));
    expected.extend(["seq".to_owned(), "hash".to_owned()]);
    assert_eq!(keys, expected, "{said}");
    for text in texts.values() {
        for most in [0, 1, 7, 100] {
            let shown = text::printable(text, most);
            assert!(shown.len() <= most + '…'.len_utf8() && !shown.chars().any(text::is_unsafe));
        }
    }
});

/// The keys that a log host reads in the line, by the rules that docs/operations.md gives it.
fn keys(line: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut rest = line.split_once(' ').map_or("", |(_, rest)| rest);
    while let Some((key, value)) = rest.split_once('=') {
        keys.push(key.to_owned());
        let end = match value.strip_prefix('"') {
            Some(quoted) => 2 + closing(quoted).unwrap_or_else(|| panic!("a quote does not end: {line}")),
            None => value.find(' ').unwrap_or(value.len()),
        };
        rest = value[end..].strip_prefix(' ').unwrap_or("");
    }
    assert_eq!(rest, "", "{line}");
    keys
}

/// Where the quote ends.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(place, letter)| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(place)
    })
}
