//! Taking archived events out of the store.

use crate::read::{self, Digest};
use crate::replay::{Base, bases};
use jit_core::actor::Humans;
use jit_core::name::UserName;
use jit_core::record::chain::KeptDigest;
use jit_core::record::{Hash, Head};
use jit_core::state::needs;
use jit_core::time::WallTime;
use rusqlite::{Connection, Transaction, params};

/// What was archived, and is to be taken out.
#[derive(Debug, Clone)]
pub struct Archived {
    /// The last event of it.
    pub upto: Head,
    /// The moment up to which.
    pub before: WallTime,
    /// Who did it.
    pub by: UserName,
    /// Who is seen behind them, if that can be known.
    pub humans: Option<Humans>,
    /// When.
    pub at: WallTime,
}

/// What is left of the part that was archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pruned {
    /// How many events were taken out.
    pub archived: u64,
    /// How many were kept, as the state rests on them.
    pub kept: u64,
    /// What the hashes of those come to.
    pub kept_digest: String,
}

/// Takes out all events up to this one but for those of the base, and notes where the record begins from now on.
pub(crate) fn take_out(transaction: &Transaction<'_>, upto: Head) -> Result<Result<Pruned, String>, rusqlite::Error> {
    let Some(base) = bases(transaction)?.filter(|base| base.upto.seq >= upto.seq) else {
        return Ok(Err("it is not known which of these events the state rests on; try again in a minute".to_owned()));
    };
    // Somebody else was faster. One that was kept is still there, and the record would begin behind it again, without what followed.
    if read::checkpoint(transaction)?.is_some_and(|checkpoint| checkpoint.upto.seq >= upto.seq) {
        return Ok(Err(format!("the events up to {} are archived already", upto.seq)));
    }
    if read::one(transaction, upto.seq)?.is_none_or(|record| record.head() != upto) {
        return Ok(Err(format!("event {} is not the one that was archived", upto.seq)));
    }
    let pruned = remove(transaction, &base, upto)?;
    let sql = "INSERT OR REPLACE INTO checkpoint (one, upto, hash, kept, kept_digest) VALUES (1, ?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![number(upto.seq), Digest(upto.hash), number(pruned.kept), pruned.kept_digest])?;
    Ok(Ok(pruned))
}

/// How many events are taken out at a time: others who write wait for that long, some hundredths of a second.
const SLICE: u64 = 5_000;

/// Up to where to take out events, one after the other, until all up to this one are. Each is an archiving of its own.
///
/// # Errors
/// The disk.
pub fn slices(connection: &Connection, upto: Head) -> Result<Vec<Head>, rusqlite::Error> {
    let is_that = read::one(connection, upto.seq)?.is_some_and(|record| record.head() == upto);
    let is_known = bases(connection)?.is_some_and(|base| base.upto.seq >= upto.seq);
    let mut heads = Vec::new();
    // Of one that cannot be taken out as a whole no part is.
    if is_that && is_known {
        let mut seq = read::checkpoint(connection)?.map_or(0, |checkpoint| checkpoint.upto.seq).saturating_add(SLICE);
        while seq < upto.seq {
            heads.extend(read::one(connection, seq)?.map(|record| record.head()));
            seq = seq.saturating_add(SLICE);
        }
    }
    heads.push(upto);
    Ok(heads)
}

fn remove(transaction: &Connection, base: &Base, upto: Head) -> Result<Pruned, rusqlite::Error> {
    let (mut archived, mut digest) = (0_u64, KeptDigest::default());
    let mut all = transaction.prepare("SELECT seq, hash FROM events WHERE seq <= ?1 ORDER BY seq")?;
    let mut event = transaction.prepare("DELETE FROM events WHERE seq = ?1 RETURNING data")?;
    let mut about = transaction.prepare("DELETE FROM about WHERE id = ?1 AND seq = ?2")?;
    let rows = all.query_map([number(upto.seq)], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, [u8; 32])> = rows.collect::<Result<_, _>>()?;
    for (seq, hash) in rows {
        if base.has(u64::try_from(seq).unwrap_or(0)) {
            digest.add(Hash(hash));
        } else {
            // Found by what it is about: to look through all of them takes a second or two of a large record.
            let data: String = event.query_row([seq], |row| row.get(0))?;
            let data: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&data).unwrap_or_default();
            for id in needs::ids_in(&data) {
                about.execute(params![id, seq])?;
            }
            archived = archived.saturating_add(1);
        }
    }
    let (kept, kept_digest) = digest.finish();
    Ok(Pruned { archived, kept, kept_digest })
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
