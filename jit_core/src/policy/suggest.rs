//! "Did you mean": the known word nearest to a misspelt one.

/// The nearest of the known words, if it is near enough to be what was meant.
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|word| (strsim::damerau_levenshtein(typed, word), word))
        .filter(|(distance, word)| *distance <= (word.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_key_finds_its_neighbour_and_a_strange_one_finds_none() {
        let known = ["approve", "reason", "who", "on"];
        assert_eq!(nearest("aprove", known), Some("approve"));
        assert_eq!(nearest("resaon", known), Some("reason"));
        assert_eq!(nearest("colour", known), None);
    }
}
