//! Accounts and groups, asked for off the main thread, with a deadline, and remembered for a minute, or until the
//! local files change: an account that is deleted and made anew must not live on in our memory.
//!
//! A name service can hang. A look-up that does holds a thread of the pool, and nobody else.

use jit_core::name::{GroupName, Uid, UserName};
use jit_core::subject::Subject;
use jit_host::accounts::{self, AccountTrouble};
use std::collections::HashMap;
use std::hash::Hash;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a look-up may take: less than the module waits, so that it hears from us.
const DEADLINE: Duration = Duration::from_millis(600);
/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(60);
/// The most answers that are remembered, of each kind.
const MOST: usize = 10_000;

/// The local accounts and groups. When one of these files changes, nothing of before is believed.
const LOCAL: [&str; 2] = ["/etc/passwd", "/etc/group"];

/// What a local file was like: its device, number, length, and when it was last changed, in nanoseconds.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// An answer, and what it was made from.
#[derive(Debug, Clone)]
struct Answer<V> {
    at: Instant,
    local: [Stamp; LOCAL.len()],
    value: V,
}

type Cache<K, V> = Arc<Mutex<HashMap<K, Answer<V>>>>;

fn local() -> [Stamp; LOCAL.len()] {
    LOCAL.map(|file| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()))
    })
}

/// What the host knows of accounts and groups.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    by_uid: Cache<Uid, Result<Subject, AccountTrouble>>,
    by_name: Cache<UserName, Result<Subject, AccountTrouble>>,
    members: Cache<GroupName, Vec<UserName>>,
}

impl Directory {
    /// The account of that number.
    ///
    /// # Errors
    /// There is none, or the name service did not answer in time.
    pub async fn by_uid(&self, uid: Uid) -> Result<Subject, AccountTrouble> {
        let found = remembered(&self.by_uid, uid, move || accounts::subject_by_uid(uid), |found| !failed(found)).await;
        found.unwrap_or_else(late)
    }

    /// The account of that name.
    ///
    /// # Errors
    /// There is none, or the name service did not answer in time.
    pub async fn by_name(&self, name: UserName) -> Result<Subject, AccountTrouble> {
        let wanted = name.clone();
        let found = remembered(&self.by_name, name, move || accounts::subject_by_name(&wanted), |found| !failed(found)).await;
        found.unwrap_or_else(late)
    }

    /// Who is in a group, for showing; nobody if the name service is slow.
    pub async fn members(&self, group: GroupName) -> Vec<UserName> {
        let wanted = group.clone();
        remembered(&self.members, group, move || accounts::members_of(&wanted), |_| true).await.unwrap_or_default()
    }

    /// Forgets everything: an administrator who has just changed a group reloads.
    pub fn forget(&self) {
        clear(&self.by_uid);
        clear(&self.by_name);
        clear(&self.members);
    }
}

fn failed(found: &Result<Subject, AccountTrouble>) -> bool {
    matches!(found, Err(AccountTrouble::Failed(_)))
}

fn late() -> Result<Subject, AccountTrouble> {
    Err(AccountTrouble::Failed("it did not answer in time".to_owned()))
}

fn clear<K, V>(cache: &Cache<K, V>) {
    cache.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
}

/// The remembered answer, or a fresh one if it comes in time.
async fn remembered<K, V>(cache: &Cache<K, V>, key: K, ask: impl FnOnce() -> V + Send + 'static, keep: fn(&V) -> bool) -> Option<V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    let known = cache.lock().map(|cache| cache.get(&key).cloned()).unwrap_or_default();
    // Looked at before the question is put: an answer is never taken for newer than what it was made from.
    let local = local();
    if let Some(known) = known.filter(|known| known.at.elapsed() < FRESH && known.local == local) {
        return Some(known.value);
    }
    let into = cache.clone();
    let asked = tokio::task::spawn_blocking(move || {
        let value = ask();
        if keep(&value) {
            let mut cache = into.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if cache.len() >= MOST {
                cache.clear();
            }
            cache.insert(key, Answer { at: Instant::now(), local, value: value.clone() });
        }
        value
    });
    tokio::time::timeout(DEADLINE, asked).await.ok()?.ok()
}
