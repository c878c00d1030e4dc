//! Files of the kernel's, below `/proc` and `/sys`. They say nothing of their length, so that std would read them in many small
//! pieces: a page is room for nearly all of them.

use std::fs::File;
use std::io::{Read, Result, Take};
use std::path::Path;

/// What most of them fit into, in bytes.
const PAGE: usize = 4096;

/// A file that is read without being asked how long it is, or where one is in it: a third of the calls that each takes, and jitd reads
/// some for each process above whoever comes in.
fn open(path: impl AsRef<Path>) -> Result<Take<File>> {
    Ok(File::open(path)?.take(u64::MAX))
}

/// All of it.
///
/// # Errors
/// It cannot be opened, or not be read.
pub fn read(path: impl AsRef<Path>) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(PAGE);
    open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All of it, as text.
///
/// # Errors
/// It cannot be opened, or not be read, or is no UTF-8.
pub fn read_text(path: impl AsRef<Path>) -> Result<String> {
    let mut text = String::with_capacity(PAGE);
    open(path)?.read_to_string(&mut text)?;
    Ok(text)
}
