//! The clock that jitd sees: `clock.c`.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the clock's file holds at first.
pub(crate) const BEGINS: [u8; 8] = [0; 8];

/// Makes what is loaded into jitd.
pub(crate) fn compile(library: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/host/clock.c");
    let compiled =
        Command::new("cc").args(["-O1", "-shared", "-fPIC", "-Wall", "-Werror", "-o"]).arg(library).arg(source).output().unwrap();
    assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
}

/// A clock that a test moves.
pub struct Clock {
    file: PathBuf,
}

impl Clock {
    pub(crate) fn new(file: PathBuf) -> Self {
        Self { file }
    }

    /// So many seconds pass, or the wall clock is set forward by them; negative: it is set back.
    ///
    /// # Panics
    /// The clock's file cannot be written.
    pub fn advance(&self, seconds: i64) {
        let file = OpenOptions::new().read(true).write(true).open(&self.file).unwrap();
        let mut before = BEGINS;
        file.read_exact_at(&mut before, 0).unwrap();
        file.write_all_at(&(i64::from_ne_bytes(before) + seconds).to_ne_bytes(), 0).unwrap();
    }
}
