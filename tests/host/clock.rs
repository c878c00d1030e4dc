//! The clock that jitd sees, by libfaketime.

use std::path::PathBuf;

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
        let before: i64 = std::fs::read_to_string(&self.file).unwrap().trim().parse().unwrap();
        let fresh = self.file.with_extension("new");
        std::fs::write(&fresh, format!("{:+}\n", before + seconds)).unwrap();
        std::fs::rename(fresh, &self.file).unwrap();
    }
}
