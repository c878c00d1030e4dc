//! A session that runs, and that the state does not have at hand: what the record says of it.

use jit_core::event::Event;
use jit_core::id::{GrantId, SessionId};
use jit_store::{Filter, events, open_to_read, read};
use std::path::Path;

/// What it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stranger {
    /// This grant let it in.
    Of(GrantId),
    /// It was never recorded: jitd ended before the disk took it, or the record is of an earlier time.
    Unknown,
    /// That cannot be told, and why.
    Unclear(String),
}

impl Stranger {
    /// Looks into the record.
    pub fn of(session: SessionId, record: &Path) -> Self {
        Self::read(session, record).unwrap_or_else(|error| Self::Unclear(error.to_string()))
    }

    fn read(session: SessionId, record: &Path) -> Result<Self, rusqlite::Error> {
        let connection = open_to_read(record)?;
        let filter = Filter { id: Some(session.to_string()), kind: Some("session.opened".to_owned()), ..Filter::default() };
        let opened = events(&connection, &filter, 1)?.into_iter().next();
        Ok(match opened.map(|record| Event::read(&record.event, &record.data)) {
            Some(Ok(Event::SessionOpened(opened))) => Self::Of(opened.grant),
            Some(Ok(_) | Err(_)) => Self::Unclear("its opening cannot be read".to_owned()),
            None if read::checkpoint(&connection)?.is_some() => Self::Unclear("older events were archived".to_owned()),
            None => Self::Unknown,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::record::Head;
    use jit_core::time::WallTime;
    use jit_store::{Archived, Base, Fresh, Store, file_in};

    #[test]
    fn what_was_forgotten_is_in_the_record_and_what_never_was_there_is_not_unless_it_was_archived() {
        let directory = tempfile::tempdir().unwrap();
        let record = file_in(directory.path());
        let (forgotten, never): (SessionId, SessionId) = ("S-0A1B2C3D".parse().unwrap(), "S-0A1B2C3E".parse().unwrap());
        assert!(matches!(Stranger::of(never, &record), Stranger::Unclear(_)), "there is no record");
        let at = WallTime::from_millis(1000);
        let data = r#"{"id":"S-0A1B2C3D","grant":"G-0A1B2C3D","user":"alice","uid":1001,"service":"sudo","as":"root","from":null,"tty":null,"auth":null,"process":null}"#;
        let other = Fresh { at, event: "request.cancelled", data: r#"{"id":"R-0A1B2C3D","user":"bob"}"#.to_owned() };
        let opened = Fresh { at, event: "session.opened", data: data.to_owned() };
        let (mut store, ..) = Store::open(&record).unwrap();
        store.append(&[other, opened], 2).unwrap();
        assert_eq!(Stranger::of(forgotten, &record), Stranger::Of("G-0A1B2C3D".parse().unwrap()));
        assert_eq!(Stranger::of(never, &record), Stranger::Unknown);
        let upto: Head = jit_store::read::one(&open_to_read(&record).unwrap(), 1).unwrap().unwrap().head();
        store.put_base(&Base { upto, seqs: Vec::new() }).unwrap();
        let by = jit_core::name::UserName::new("root");
        store.prune(Archived { upto, before: at, by, humans: None, at }).unwrap().unwrap();
        assert!(matches!(Stranger::of(never, &record), Stranger::Unclear(_)));
    }
}
