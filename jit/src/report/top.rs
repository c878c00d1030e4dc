//! The few greatest of many.

/// The greatest so many, greatest first.
#[derive(Debug)]
pub struct Top<T> {
    most: usize,
    ranked: Vec<(i64, T)>,
}

impl<T> Top<T> {
    /// None yet, and never more than these.
    pub fn new(most: usize) -> Self {
        Self { most, ranked: Vec::new() }
    }

    /// Takes one of this size, if it belongs to them. Of equals the first stays.
    pub fn offer(&mut self, size: i64, make: impl FnOnce() -> T) {
        let is_full = self.ranked.len() >= self.most;
        if size <= 0 || is_full && self.ranked.last().is_some_and(|(least, _)| size <= *least) {
            return;
        }
        let place = self.ranked.partition_point(|(other, _)| *other >= size);
        self.ranked.insert(place, (size, make()));
        self.ranked.truncate(self.most);
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.ranked.iter().map(|(_, one)| one)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_stay_in_order_and_nothing_is_nobodys_rank() {
        let mut top = Top::new(3);
        for (place, size) in [5, 0, 9, 1, 7, 9, 2].into_iter().enumerate() {
            top.offer(size, || (size, place));
        }
        assert_eq!(top.iter().copied().collect::<Vec<_>>(), [(9, 2), (9, 5), (7, 4)]);
    }
}
