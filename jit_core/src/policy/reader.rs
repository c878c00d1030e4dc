//! Reading TOML tables key by key, so that every mistake is found, with its line and column.
//!
//! Serde stops at the first error and loses positions in some shapes; a policy is read by a person in
//! a hurry, who wants all of the mistakes at once.

use super::load::Mistake;
use super::suggest;
use super::{Pattern, Place};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The text of a file, to turn byte offsets into places.
pub struct Source<'a> {
    /// What the file is called.
    file: &'a str,
    /// What is in it.
    text: &'a str,
    /// Where each of its lines begins.
    lines: Vec<usize>,
    /// The patterns that were compiled for it: most rules of a large policy ask for the same.
    patterns: RefCell<BTreeMap<String, Pattern>>,
    hints: Hints,
}

/// What is said of an unknown key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hints {
    /// Where it belongs in a policy, or what is known where it stands.
    Policy,
    /// What is known where it stands.
    Plain,
}

impl<'a> Source<'a> {
    /// This file with this text.
    pub fn new(file: &'a str, text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(end, _)| end.saturating_add(1));
        let lines = std::iter::once(0).chain(ends).collect();
        Self { file, text, lines, patterns: RefCell::default(), hints: Hints::Policy }
    }

    /// This file with this text, which is no policy: nobody is sent to a policy's tables.
    pub fn plain(file: &'a str, text: &'a str) -> Self {
        Self { hints: Hints::Plain, ..Self::new(file, text) }
    }

    /// What to write instead of a key that nobody asked for.
    fn instead_of(&self, key: &str, known: &[&'static str]) -> String {
        match self.hints {
            Hints::Policy => suggest::instead_of(key, known),
            Hints::Plain => suggest::nearest_or_all(key, known),
        }
    }

    /// Line and column of a byte offset.
    pub fn place(&self, offset: usize) -> Place {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let count = |number: usize| u32::try_from(number.saturating_add(1)).unwrap_or(u32::MAX);
        let before = self.text.get(start..offset).unwrap_or("");
        Place { file: self.file.to_owned(), line: count(line), column: count(before.chars().count()) }
    }

    /// A pattern, compiled once.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn pattern(&self, text: &str) -> Result<Pattern, String> {
        if let Some(known) = self.patterns.borrow().get(text) {
            return Ok(known.clone());
        }
        let pattern = Pattern::new(text)?;
        self.patterns.borrow_mut().insert(text.to_owned(), pattern.clone());
        Ok(pattern)
    }

    /// The line at a byte offset.
    pub fn line(&self, offset: usize) -> &'a str {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(0);
        self.text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("")
    }

    /// The text from a span on, to the end of its line.
    pub fn rest_of_line(&self, offset: usize) -> &'a str {
        self.text.get(offset..).and_then(|rest| rest.lines().next()).unwrap_or("")
    }

    /// The text at a span, for error messages.
    pub fn excerpt(&self, span: &Range<usize>) -> String {
        crate::text::printable(self.text.get(span.clone()).unwrap_or(""), 60)
    }
}

/// A value with where it stands.
pub struct Value<'a> {
    /// The value.
    pub value: &'a DeValue<'a>,
    /// Its bytes in the file.
    pub span: Range<usize>,
}

impl Value<'_> {
    /// Whether it is `[]`.
    pub fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(|array| array.iter().next().is_none())
    }
}

/// One table, read key by key; what nobody asked for is a mistake.
pub struct Table<'a> {
    source: &'a Source<'a>,
    /// What the table is, for messages: `[[grant]]`.
    name: &'static str,
    span: Range<usize>,
    entries: BTreeMap<&'a str, (Range<usize>, Value<'a>)>,
    asked: Vec<&'static str>,
    /// What was wrong so far.
    pub mistakes: Vec<Mistake>,
    /// What is valid, and without effect.
    pub doubts: Vec<Mistake>,
}

impl<'a> Table<'a> {
    /// Begins to read a table.
    pub fn new(source: &'a Source<'a>, name: &'static str, table: &'a DeTable<'a>, span: Range<usize>) -> Self {
        let entries = table
            .iter()
            .map(|(key, value)| (key.get_ref().as_ref(), (key.span(), Value { value: value.get_ref(), span: value.span() })))
            .collect();
        Self { source, name, span, entries, asked: Vec::new(), mistakes: Vec::new(), doubts: Vec::new() }
    }

    /// The file that it stands in.
    pub fn source(&self) -> &'a Source<'a> {
        self.source
    }

    /// Where the table stands.
    pub fn place(&self) -> Place {
        self.source.place(self.span.start)
    }

    /// Takes a key out, if it is there.
    pub fn take(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        self.entries.remove(key).map(|(_, value)| value)
    }

    /// Takes a key out that must be there.
    pub fn require(&mut self, key: &'static str, example: &str) -> Option<Value<'a>> {
        let value = self.take(key);
        if value.is_none() {
            let place = self.place();
            self.mistakes.push(Mistake::new(place, format!("{} has no `{key}`", self.name), format!("add it, for example: {example}")));
        }
        value
    }

    /// Reports a value that is not as it should be.
    pub fn wrong(&mut self, span: &Range<usize>, key: &str, why: &str, help: &str) {
        let mistake = self.about(span, key, why, help);
        self.mistakes.push(mistake);
    }

    /// Reports a value that is as it should be, and hardly meant.
    pub fn doubt(&mut self, span: &Range<usize>, key: &str, why: &str, help: &str) {
        let doubt = self.about(span, key, why, help);
        self.doubts.push(doubt);
    }

    fn about(&self, span: &Range<usize>, key: &str, why: &str, help: &str) -> Mistake {
        let message = format!("{}: `{key}` is {}: {why}", self.name, self.source.excerpt(span));
        Mistake::new(self.source.place(span.start), message, help.to_owned())
    }

    /// A string.
    pub fn string(&mut self, key: &'static str, value: &Value<'a>) -> Option<&'a str> {
        let text = value.value.as_str();
        if text.is_none() {
            self.wrong(&value.span, key, "not a string", "put it in quotes");
        }
        text
    }

    /// A string that reads as something else.
    pub fn parsed<T>(&mut self, key: &'static str, value: &Value<'a>, read: impl Fn(&str) -> Result<T, String>, help: &str) -> Option<T> {
        let text = self.string(key, value)?;
        match read(text) {
            Ok(parsed) => Some(parsed),
            Err(why) => {
                self.wrong(&value.span, key, &why, help);
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn number(&mut self, key: &'static str, value: &Value<'a>, least: u32, most: u32) -> Option<u32> {
        let number = value.value.as_integer().and_then(|number| u32::from_str_radix(number.as_str(), number.radix()).ok());
        match number {
            Some(number) if (least..=most).contains(&number) => Some(number),
            _ => {
                self.wrong(&value.span, key, "not possible here", &format!("write a whole number from {least} to {most}, without quotes"));
                None
            }
        }
    }

    /// A yes or no.
    pub fn boolean(&mut self, key: &'static str, value: &Value<'a>) -> Option<bool> {
        let answer = value.value.as_bool();
        if answer.is_none() {
            self.wrong(&value.span, key, "neither true nor false", "write true or false, without quotes");
        }
        answer
    }

    /// A list of strings that each read as something else; a wrong one is reported, the others are kept.
    pub fn list<T>(&mut self, key: &'static str, value: &Value<'a>, read: impl Fn(&str) -> Result<T, String>, help: &str) -> Vec<T> {
        let Some(array) = value.value.as_array() else {
            self.wrong(&value.span, key, "not a list", "put it in brackets: [\"...\"]");
            return Vec::new();
        };
        let mut items = Vec::new();
        for item in array.iter() {
            let item = Value { value: item.get_ref(), span: item.span() };
            items.extend(self.parsed(key, &item, &read, help));
        }
        items
    }

    /// A table in a value, read by `read`; its mistakes become ours.
    pub fn table<T>(
        &mut self,
        key: &'static str,
        name: &'static str,
        value: &Value<'a>,
        read: impl FnOnce(&mut Table<'a>) -> T,
    ) -> Option<T> {
        let Some(table) = value.value.as_table() else {
            self.wrong(&value.span, key, "not a table", suggest::shape(key));
            return None;
        };
        let mut inner = Table::new(self.source, name, table, value.span.clone());
        let result = read(&mut inner);
        self.doubts.append(&mut inner.doubts);
        self.mistakes.extend(inner.finish());
        Some(result)
    }

    /// Each table of an array of tables, read by `read`.
    pub fn tables<T>(&mut self, key: &'static str, name: &'static str, read: impl FnMut(&mut Table<'a>) -> Option<T>) -> Vec<T> {
        let Some(value) = self.take(key) else { return Vec::new() };
        self.tables_in(key, name, &value, read)
    }

    /// Each table of a list of tables, read by `read`.
    pub fn tables_in<T>(
        &mut self,
        key: &'static str,
        name: &'static str,
        value: &Value<'a>,
        mut read: impl FnMut(&mut Table<'a>) -> Option<T>,
    ) -> Vec<T> {
        let Some(array) = value.value.as_array() else {
            let header = format!("write [[{key}]] before each one, in double brackets");
            let help = if self.is_rule() { suggest::shape(key) } else { header.as_str() };
            self.wrong(&value.span, key, "not a list of tables", help);
            return Vec::new();
        };
        let mut items = Vec::new();
        for item in array.iter() {
            let item = Value { value: item.get_ref(), span: item.span() };
            items.extend(self.table(key, name, &item, &mut read).flatten());
        }
        items
    }

    /// Whether this is not the whole file but a rule of it.
    fn is_rule(&self) -> bool {
        self.span.start != self.span.end
    }

    /// Ends the reading: keys that nobody asked for are mistakes.
    pub fn finish(mut self) -> Vec<Mistake> {
        for (key, (span, _)) in &self.entries {
            let help = self.source.instead_of(key, &self.asked);
            let key = crate::text::printable(key, 60);
            self.mistakes.push(Mistake::new(self.source.place(span.start), format!("{} has an unknown key `{key}`", self.name), help));
        }
        self.mistakes
    }
}

/// Reads a document; what TOML itself finds wrong comes first.
pub fn parse<'a>(text: &'a str) -> (Spanned<DeTable<'a>>, Vec<(Range<usize>, String)>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    let errors = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message().trim().to_owned())).collect();
    (table, errors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_policy_sends_nobody_to_a_policys_tables() {
        let text = "limit = 1\n\nscoket = 2\n";
        let said = |source: &Source<'_>| {
            let (document, _) = DeTable::parse_recoverable(text);
            let mut top = Table::new(source, "the settings", document.get_ref(), 0..0);
            assert!(top.take("socket").is_none());
            top.finish().iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(
            said(&Source::plain("f", text)),
            [
                "f:1:1: the settings has an unknown key `limit` (known here: socket)",
                "f:3:1: the settings has an unknown key `scoket` (did you mean `socket`?)",
            ]
        );
        assert!(said(&Source::new("f", text))[0].ends_with("(it goes with [[emergency]])"));
    }
}
