//! Taking archived events out of the store.

use crate::read::{self, Digest};
use crate::replay::{Base, bases};
use jit_core::record::chain::KeptDigest;
use jit_core::record::{Hash, Head};
use rusqlite::{Connection, Transaction, params};

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
    if read::one(transaction, upto.seq)?.is_none_or(|record| record.head() != upto) {
        return Ok(Err(format!("event {} is not the one that was archived", upto.seq)));
    }
    let pruned = remove(transaction, &base, upto)?;
    let sql = "INSERT OR REPLACE INTO checkpoint (one, upto, hash, kept, kept_digest) VALUES (1, ?1, ?2, ?3, ?4)";
    transaction.execute(sql, params![number(upto.seq), Digest(upto.hash), number(pruned.kept), pruned.kept_digest])?;
    Ok(Ok(pruned))
}

fn remove(transaction: &Connection, base: &Base, upto: Head) -> Result<Pruned, rusqlite::Error> {
    let (mut archived, mut digest) = (0_u64, KeptDigest::default());
    let mut all = transaction.prepare("SELECT seq, hash FROM events WHERE seq <= ?1 ORDER BY seq")?;
    let mut event = transaction.prepare("DELETE FROM events WHERE seq = ?1")?;
    let rows = all.query_map([number(upto.seq)], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))?;
    let rows: Vec<(i64, [u8; 32])> = rows.collect::<Result<_, _>>()?;
    for (seq, hash) in rows {
        if base.has(u64::try_from(seq).unwrap_or(0)) {
            digest.add(Hash(hash));
        } else {
            event.execute([seq])?;
            archived = archived.saturating_add(1);
        }
    }
    transaction.execute("DELETE FROM about WHERE seq <= ?1 AND seq NOT IN (SELECT seq FROM events)", [number(upto.seq)])?;
    let (kept, kept_digest) = digest.finish();
    Ok(Pruned { archived, kept, kept_digest })
}

fn number(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}
