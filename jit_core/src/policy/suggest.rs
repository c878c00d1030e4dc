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

/// Where a key belongs that stands in the wrong place.
pub fn belongs(key: &str) -> Option<&'static str> {
    Some(match key {
        "version" => "version = 1 stands on the first line of the file, before the first [[...]]",
        "auditors" => "auditors stands before the first [[...]]",
        "default" => "it goes into for = { default = \"30m\", max = \"4h\" }",
        "max" => "it goes into for = { ... }, uses = { ... } or extend = { ... }",
        "min" | "required" | "pattern" => "it goes into reason = { required = true, min = 10, pattern = '...' }",
        "by" => "it goes into approve = [ { by = [...], count = 1 } ] or review = { by = [...], within = \"24h\" }",
        "count" => "it goes into approve = [ { by = [...], count = 1 } ]",
        "within" => "it goes into review = { by = [...], within = \"24h\" } or after = { within = \"8h\", times = 4 }",
        "times" => "it goes into limit = { times = 3, per = \"7d\" }, after = { ... } or extend = { ... }",
        "per" => "it goes into limit = { times = 3, per = \"7d\" }",
        "to" => "it goes into escalate = { after = \"15m\", to = [...] }",
        "at_expiry" | "warn" | "require" => "it goes into session = { at_expiry = \"end\", warn = [\"5m\"], require = \"any\" }",
        "accounts" => "it goes into [[person]]",
        _ => return None,
    })
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
