//! Accounts and groups, asked for off the main thread, with a deadline, and remembered for a minute, or until the
//! local files change: an account that is deleted and made anew must not live on in our memory.
//!
//! A name service can hang. A look-up that does holds one thread of the pool, however often it is asked for, and
//! nobody else.

use jit_core::name::{GroupName, Uid, UserName};
use jit_core::subject::{Groups, Subject};
use jit_host::accounts::{self, AccountTrouble};
use std::collections::HashMap;
use std::hash::Hash;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};

/// How long a look-up may take: less than the module waits, so that it hears from us.
const DEADLINE: Duration = Duration::from_millis(600);
/// How long no group is waited for after one was not listed in time: an answer can name a hundred of them.
const REST: Duration = Duration::from_secs(10);
/// How long an answer is good for.
const FRESH: Duration = Duration::from_secs(60);
/// The most answers that are remembered, of each kind.
const MOST: usize = 10_000;

/// The most look-ups at once of who is at the door, of each kind, and of what people mention: a name service that hangs
/// holds a thread for each.
const AT_THE_DOOR: usize = 96;
const MENTIONED: usize = 16;
/// The same of uids on the user socket and around it: somebody with a user namespace has as many as they like.
const OF_PEOPLE: usize = 32;
/// The most threads that block: those of all look-ups, and as many as ever read the record or the policy at once.
pub const MOST_THREADS: usize = 2 * (AT_THE_DOOR + MENTIONED + OF_PEOPLE) + 32;

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

fn local() -> [Stamp; LOCAL.len()] {
    LOCAL.map(|file| {
        let about = std::fs::metadata(file).ok()?;
        Some((about.dev(), about.ino(), about.size(), about.ctime(), about.ctime_nsec()))
    })
}

/// One kind of question: what was answered, and what is being asked.
#[derive(Debug)]
struct Lookup<K, V> {
    answers: HashMap<K, Answer<V>>,
    asked: HashMap<K, watch::Receiver<Option<V>>>,
    /// The threads that it may hold, each until its look-up has come back: also where nobody wants to know any more.
    threads: Arc<Semaphore>,
}

impl<K, V> Lookup<K, V> {
    fn shared(most: usize) -> Shared<K, V> {
        Arc::new(Mutex::new(Self { answers: HashMap::new(), asked: HashMap::new(), threads: Arc::new(Semaphore::new(most)) }))
    }

    fn forget(&mut self) {
        self.answers.clear();
        self.asked.clear();
    }
}

type Shared<K, V> = Arc<Mutex<Lookup<K, V>>>;

/// What the host knows of accounts and groups.
#[derive(Debug, Clone)]
pub struct Directory {
    by_uid: Shared<Uid, Found>,
    of_people: Shared<Uid, Found>,
    names: Shared<Uid, Named>,
    by_name: Shared<UserName, Found>,
    about: Shared<UserName, Found>,
    members: Shared<GroupName, Vec<UserName>>,
    /// When a group was not listed in time, last.
    unlisted: Arc<Mutex<Option<Instant>>>,
}

type Found = Result<Subject, AccountTrouble>;
type Named = Result<UserName, AccountTrouble>;

impl Default for Directory {
    fn default() -> Self {
        Self {
            by_uid: Lookup::shared(AT_THE_DOOR),
            of_people: Lookup::shared(OF_PEOPLE),
            names: Lookup::shared(OF_PEOPLE),
            by_name: Lookup::shared(AT_THE_DOOR),
            about: Lookup::shared(MENTIONED),
            members: Lookup::shared(MENTIONED),
            unlisted: Arc::default(),
        }
    }
}

impl Directory {
    /// The account of that number, which is at the door.
    ///
    /// # Errors
    /// There is none, or the name service did not answer in time.
    pub async fn by_uid(&self, uid: Uid) -> Found {
        remembered(&self.by_uid, uid, move || accounts::subject_by_uid(uid), is_whole).await.unwrap_or_else(late)
    }

    /// The account of a number that is on the user socket, or part of who somebody is: they hold up nobody at the door.
    ///
    /// # Errors
    /// There is none, or the name service did not answer in time.
    pub async fn of_people(&self, uid: Uid) -> Found {
        remembered(&self.of_people, uid, move || accounts::subject_by_uid(uid), is_whole).await.unwrap_or_else(late)
    }

    /// What the account of such a number is called: that needs no source of groups, one of which may hang.
    ///
    /// # Errors
    /// There is none, or the name service did not answer in time.
    pub async fn name_of(&self, uid: Uid) -> Named {
        let is_sure = |named: &Named| matches!(named, Ok(_) | Err(AccountTrouble::NoSuch));
        remembered(&self.names, uid, move || accounts::name_by_uid(uid), is_sure).await.unwrap_or_else(late)
    }

    /// Who acts. Where groups are not there in time they are unknown, which gives nobody anything: whoever is in one may still take
    /// away what is theirs or what they approve by name, and root, who is that number, everything.
    ///
    /// # Errors
    /// There is no such account, or the name service did not say in time who it is.
    pub async fn acting(&self, uid: Uid) -> Found {
        let why = match self.of_people(uid).await {
            Err(AccountTrouble::Failed(why)) => why,
            found @ (Ok(_) | Err(AccountTrouble::NoSuch)) => return found,
        };
        let name = match self.name_of(uid).await {
            Ok(name) => name,
            Err(AccountTrouble::NoSuch | AccountTrouble::Failed(_)) if uid.is_root() => UserName::new("root"),
            Err(AccountTrouble::NoSuch | AccountTrouble::Failed(_)) => return Err(AccountTrouble::Failed(why)),
        };
        Ok(Subject { uid, name, groups: Groups::unknown() })
    }

    /// The account of that name, which has logged in.
    ///
    /// # Errors
    /// There is none, or the name service did not answer in time.
    pub async fn by_name(&self, name: UserName) -> Found {
        let wanted = name.clone();
        remembered(&self.by_name, name, move || accounts::subject_by_name(&wanted), is_whole).await.unwrap_or_else(late)
    }

    /// The account of a name that somebody only mentions: they may mention many, and hold up nobody at the door.
    ///
    /// # Errors
    /// There is none, or the name service did not answer in time.
    pub async fn about(&self, name: UserName) -> Found {
        let wanted = name.clone();
        remembered(&self.about, name, move || accounts::subject_by_name(&wanted), is_whole).await.unwrap_or_else(late)
    }

    /// Who is in a group, for showing; nobody if the name service is slow.
    pub async fn members(&self, group: GroupName) -> Vec<UserName> {
        let wanted = group.clone();
        let listed = remembered(&self.members, group, move || accounts::members_of(&wanted), |_| true);
        let rests = self.unlisted().is_some_and(|last| last.elapsed() < REST);
        // What is remembered is there at once; what is asked is remembered when it comes.
        let listed = if rests { tokio::time::timeout(Duration::ZERO, listed).await.ok().flatten() } else { listed.await };
        if listed.is_none() && !rests {
            *self.unlisted() = Some(Instant::now());
        }
        listed.unwrap_or_default()
    }

    fn unlisted(&self) -> MutexGuard<'_, Option<Instant>> {
        self.unlisted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets everything: an administrator who has just changed a group reloads.
    pub fn forget(&self) {
        held(&self.by_uid).forget();
        held(&self.of_people).forget();
        held(&self.names).forget();
        held(&self.by_name).forget();
        held(&self.about).forget();
        held(&self.members).forget();
        *self.unlisted() = None;
    }
}

/// Whether an answer may be kept: what a source could not tell now, it may tell at the next question.
fn is_whole(found: &Found) -> bool {
    match found {
        Ok(subject) => subject.groups.are_known(),
        Err(AccountTrouble::NoSuch) => true,
        Err(AccountTrouble::Failed(_)) => false,
    }
}

fn late<V>() -> Result<V, AccountTrouble> {
    Err(AccountTrouble::Failed("it did not answer in time".to_owned()))
}

fn held<K, V>(lookup: &Mutex<Lookup<K, V>>) -> MutexGuard<'_, Lookup<K, V>> {
    lookup.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The remembered answer, or a fresh one if it comes in time. The same is not asked twice at a time, nor more than so
/// many at once.
async fn remembered<K, V>(lookup: &Shared<K, V>, key: K, ask: impl FnOnce() -> V + Send + 'static, keep: fn(&V) -> bool) -> Option<V>
where
    K: Eq + Hash + Clone + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    // Looked at before the question is put: an answer is never taken for newer than what it was made from.
    let local = local();
    let mut answer = {
        let mut now = held(lookup);
        if let Some(known) = now.answers.get(&key).filter(|known| known.at.elapsed() < FRESH && known.local == local) {
            return Some(known.value.clone());
        }
        // A question that ended without an answer has panicked.
        match now.asked.get(&key).filter(|asked| asked.has_changed().is_ok()) {
            Some(asked) => asked.clone(),
            None => {
                let thread = now.threads.clone().try_acquire_owned().ok()?;
                let (tell, asked) = watch::channel(None);
                now.asked.insert(key.clone(), asked.clone());
                let (lookup, ours) = (lookup.clone(), asked.clone());
                tokio::task::spawn_blocking(move || {
                    let value = ask();
                    drop(thread);
                    let mut now = held(&lookup);
                    // Else everything was forgotten in between, and this with it.
                    if now.asked.get(&key).is_some_and(|asked| asked.same_channel(&ours)) {
                        now.asked.remove(&key);
                        if keep(&value) {
                            if now.answers.len() >= MOST {
                                now.answers.clear();
                            }
                            now.answers.insert(key, Answer { at: Instant::now(), local, value: value.clone() });
                        }
                    }
                    drop(now);
                    tell.send_replace(Some(value));
                });
                asked
            }
        }
    };
    let told = tokio::time::timeout(DEADLINE, answer.wait_for(Option::is_some)).await.ok()?.ok()?;
    told.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn however_often_everything_is_forgotten_no_more_look_ups_hang_than_may() {
        let (lookup, begun) = (Lookup::<u32, u32>::shared(2), Arc::new(AtomicUsize::new(0)));
        let (answers, service) = std::sync::mpsc::channel::<()>();
        let service = Arc::new(Mutex::new(service));
        let ask = async |key: u32| {
            let (service, begun) = (service.clone(), begun.clone());
            let ask = move || {
                begun.fetch_add(1, Ordering::SeqCst);
                // It hangs until it is gone.
                let _ = service.lock().unwrap().recv();
                key
            };
            tokio::time::timeout(Duration::ZERO, remembered(&lookup, key, ask, |_| true)).await.ok().flatten()
        };
        for _ in 0..3 {
            for key in 0..3 {
                assert_eq!(ask(key).await, None);
            }
            held(&lookup).forget();
        }
        drop(answers);
        while ask(9).await.is_none() {
            tokio::task::yield_now().await;
        }
        assert_eq!(begun.load(Ordering::SeqCst), 3, "two that hung, and the last one");
    }
}
