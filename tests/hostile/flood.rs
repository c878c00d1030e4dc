//! An unprivileged user who keeps jitd busy in every way that a socket offers, and root's checks meanwhile.

use super::pam;
use super::patience;
use jit_proto::client::{Connection, Trust};
use jit_proto::frame::{HEADER, MOST, VERSION};
use jit_proto::pam::{Entry, Question, Verdict, Who};
use jit_proto::user::{Act, Greeting, UserAnswer, UserAsk, Which};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How many connections are opened one after the other before they are let go.
const CROWD: usize = 10_000;
/// How many threads there are of what needs some: twice the connections that one user may have.
const THREADS: usize = 32;
/// How long a check is waited between, so that the flood is met at all its moments.
const BETWEEN: Duration = Duration::from_millis(2);

/// What a thread does over and over; it returns so that it can be told to end.
type Turn = fn(&Path) -> std::io::Result<()>;

/// The most connections that one thread of a crowd ever held.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// Floods in this way until it reads a line.
pub fn flood(socket: &Path, way: &str) {
    let (turn, threads): (Turn, usize) = match way {
        "connections" => (crowd, 2),
        "half-open" => (half_open, THREADS),
        "drip" => (drip, THREADS),
        "frames" => (long_frames, THREADS),
        "asks" => (asks, THREADS),
        "deaf" => (deaf, THREADS),
        _ => panic!("{way}"),
    };
    // As many descriptors as anybody may have who asks for them.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    if way == "connections" {
        // A first crowd, so that there was one however short the flood is.
        crowd(socket).expect("ten thousand connections: ulimit -Hn must allow as many");
    }
    let (ended, turns) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    for _ in 0..threads {
        let (socket, ended, turns) = (PathBuf::from(socket), ended.clone(), turns.clone());
        thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                // jitd hangs up on who is too many, or too slow; that is what is wanted.
                if turn(&socket).is_err() {
                    thread::sleep(Duration::from_millis(1));
                }
                turns.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    println!("flooding with {} connections held", HELD.load(Ordering::Relaxed));
    let _ = std::io::stdin().read_line(&mut String::new());
    ended.store(true, Ordering::Relaxed);
    println!("{} turns", turns.load(Ordering::Relaxed));
}

/// Opens ten thousand connections as fast as it can, and holds them until it has them all.
fn crowd(socket: &Path) -> std::io::Result<()> {
    let mut held = Vec::with_capacity(CROWD);
    while held.len() < CROWD {
        held.push(UnixStream::connect(socket)?);
        HELD.fetch_max(held.len(), Ordering::Relaxed);
    }
    Ok(())
}

/// Connects, begins a header, and waits until it is shown out.
fn half_open(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&[VERSION, 0, 1])?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// Promises a frame of 64 KiB, and sends it one byte a second.
fn drip(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&header(MOST))?;
    loop {
        stream.write_all(&[0])?;
        thread::sleep(Duration::from_secs(1));
    }
}

/// The longest frame that there may be, with nothing in it that makes sense.
fn long_frames(socket: &Path) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&header(MOST))?;
    stream.write_all(&vec![0xff; MOST])?;
    stream.read_to_end(&mut Vec::new()).map(drop)
}

/// Asks for all that it may see, as any jit would.
fn asks(socket: &Path) -> std::io::Result<()> {
    for act in [Act::Status, Act::List(Which::All)] {
        let connection = ask(socket, act)?;
        while connection.receive::<UserAnswer>(&mut patience()).is_ok() {}
    }
    Ok(())
}

/// Asks for all that it may see, and reads nothing of it.
fn deaf(socket: &Path) -> std::io::Result<()> {
    let _connection = ask(socket, Act::List(Which::All))?;
    thread::sleep(Duration::from_secs(1));
    Ok(())
}

fn ask(socket: &Path, act: Act) -> std::io::Result<Connection> {
    let other = |_| std::io::Error::other("it hung up");
    let connection = Connection::open(socket, Trust::Anyone, &mut patience()).map_err(other)?;
    let greeting: Greeting = connection.receive(&mut patience()).map_err(other)?;
    connection.send(&UserAsk { nonce: greeting.nonce, act }, &mut patience()).map_err(other)?;
    Ok(connection)
}

fn header(length: usize) -> [u8; HEADER] {
    let [a, b, c, d] = u32::try_from(length).unwrap().to_be_bytes();
    [VERSION, a, b, c, d]
}

/// Root's checks, so many: how long each took, and how many were not answered as they should be.
pub fn checks(socket: &Path, times: usize) {
    let entry = || Entry { service: "sudo".to_owned(), who: Who::Name("alice".to_owned()), run_as: None, from: None, tty: None };
    let (mut took, mut failed) = (Vec::with_capacity(times), 0);
    for _ in 0..times {
        let began = Instant::now();
        let answer = pam::ask(socket, Question::Check(entry()));
        took.push(began.elapsed().as_micros());
        if answer != Some(Verdict::Allowed) {
            failed += 1;
        }
        thread::sleep(BETWEEN);
    }
    took.sort_unstable();
    println!("{} us, {} us at worst, {failed} failed", took[took.len() / 2], took[took.len() - 1]);
}
