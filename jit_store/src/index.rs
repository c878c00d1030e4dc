//! By what events are found that are about something: `about`, which lies beside the chain and is in none.

use crate::read::{self, Stopped};
use jit_core::record::Record;
use jit_core::state::needs;
use rusqlite::Connection;
use std::collections::BTreeSet;

/// The ids of an event, each once.
fn ids_of(record: &Record) -> BTreeSet<String> {
    let data: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&record.data).unwrap_or_default();
    needs::ids_in(&data).into_iter().map(str::to_owned).collect()
}

/// Whether each event of a store is found by all that it is about, and by nothing else.
///
/// # Errors
/// The first one that is not; or it cannot be read.
pub fn check_index(connection: &Connection) -> Result<(), Stopped> {
    let mut row = connection.prepare("SELECT 1 FROM about WHERE id = ?1 AND seq = ?2")?;
    let mut found = 0_u64;
    read::each_after(connection, 0, |record| {
        let seq = i64::try_from(record.seq).unwrap_or(i64::MAX);
        for id in ids_of(record) {
            if !row.exists((&id, seq)).map_err(|error| error.to_string())? {
                return Err(format!("event {seq} is not found by {id}, which it is about"));
            }
            found = found.saturating_add(1);
        }
        Ok(true)
    })?;
    // What is found of events that are not there is nothing.
    let sql = "SELECT count(*) FROM about WHERE seq IN (SELECT seq FROM events)";
    let rows: i64 = connection.query_row(sql, [], |row| row.get(0))?;
    match u64::try_from(rows).unwrap_or(0).saturating_sub(found) {
        0 => Ok(()),
        more => Err(Stopped::Said(format!("by {more} ids an event is found that is not about them"))),
    }
}
