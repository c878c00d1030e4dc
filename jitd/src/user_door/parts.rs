//! Answers that are too long for a frame.

/// How much of a frame a part of a list may fill, in bytes, as estimated.
pub const PART: usize = 40_000;

/// About how many bytes of a frame these texts fill.
pub fn size_of<'a>(texts: impl Iterator<Item = &'a str>) -> usize {
    texts.fold(1000, |sum, text| sum.saturating_add(text.len()).saturating_add(16))
}

/// A list in parts that each fit a frame.
pub fn parts<T>(items: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut parts = Vec::new();
    let mut part = Vec::new();
    let mut filled = 0_usize;
    for item in items {
        let size = size(&item);
        if filled.saturating_add(size) > PART && !part.is_empty() {
            parts.push(std::mem::take(&mut part));
            filled = 0;
        }
        filled = filled.saturating_add(size);
        part.push(item);
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}
