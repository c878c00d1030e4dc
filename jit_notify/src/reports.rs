//! What could not be told, until it is on record: it outlives a restart.

use crate::durable;
use jit_proto::view::UndeliveredView;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is not on record yet, one entry a target.
#[derive(Debug)]
pub struct Reports {
    file: PathBuf,
    pending: BTreeMap<String, UndeliveredView>,
}

impl Reports {
    /// Reads what is left from before.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn read(file: PathBuf) -> Result<Self, String> {
        let text = durable::read(&file).map_err(|error| format!("{}: {error}", file.display()))?.unwrap_or_default();
        let pending = text.lines().filter_map(parse).map(|entry| (entry.target.clone(), entry)).collect();
        Ok(Self { file, pending })
    }

    /// One more event that this target will not be told. It is on disk when this returns.
    ///
    /// # Errors
    /// The disk.
    pub fn add(&mut self, target: &str, seq: u64, why: &str) -> std::io::Result<()> {
        let fresh = UndeliveredView { target: target.to_owned(), first: seq, last: seq, count: 0, why: String::new() };
        let entry = self.pending.entry(target.to_owned()).or_insert(fresh);
        // It was written down before, and then a crash came before the target's place was.
        if entry.count == 0 || entry.last < seq {
            entry.last = seq;
            entry.count = entry.count.saturating_add(1);
            why.clone_into(&mut entry.why);
        }
        self.keep()
    }

    /// The next to be said.
    pub fn next(&self) -> Option<UndeliveredView> {
        self.pending.values().next().cloned()
    }

    /// This is on record.
    ///
    /// # Errors
    /// The disk: it may be said twice after a restart.
    pub fn said(&mut self, said: &UndeliveredView) -> std::io::Result<()> {
        if let Some(entry) = self.pending.get_mut(&said.target) {
            entry.count = entry.count.saturating_sub(said.count);
            entry.first = said.last.saturating_add(1);
            if entry.count == 0 {
                self.pending.remove(&said.target);
            }
        }
        self.keep()
    }

    fn keep(&self) -> std::io::Result<()> {
        let line = |entry: &UndeliveredView| {
            let UndeliveredView { target, first, last, count, why } = entry;
            format!("{}\n", json!([target, first, last, count, why]))
        };
        durable::write(&self.file, &self.pending.values().map(line).collect::<String>())
    }
}

fn parse(line: &str) -> Option<UndeliveredView> {
    let Value::Array(items) = serde_json::from_str(line).ok()? else { return None };
    let [target, first, last, count, why] = items.as_slice() else { return None };
    Some(UndeliveredView {
        target: target.as_str()?.to_owned(),
        first: first.as_u64()?,
        last: last.as_u64()?,
        count: count.as_u64()?,
        why: why.as_str()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_told_is_counted_and_survives_until_it_is_on_record() {
        let state = tempfile::tempdir().unwrap();
        let read = || Reports::read(state.path().join("undelivered")).unwrap();
        let mut reports = read();
        for seq in [7, 9, 9, 12] {
            reports.add("chat", seq, "it answers 500").unwrap();
        }
        reports.add("mail", 8, "nobody \"listens\"\n").unwrap();
        let next = read().next().unwrap();
        assert_eq!((next.target.as_str(), next.first, next.last, next.count), ("chat", 7, 12, 3));
        reports.add("chat", 13, "still").unwrap();
        reports.said(&next).unwrap();
        let rest = read().next().unwrap();
        assert_eq!((rest.first, rest.last, rest.count, rest.why.as_str()), (13, 13, 1, "still"));
        reports.said(&rest).unwrap();
        assert_eq!(read().next().unwrap().why, "nobody \"listens\"\n");
    }
}
