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

/// What to write instead of a key that is not known where it stands: where it belongs, what it is called, or what is known there.
pub fn instead_of(key: &str, known: &[&'static str]) -> String {
    if let Some(place) = belongs(key) {
        return place.to_owned();
    }
    match called(key).filter(|name| known.contains(name)) {
        Some(name) => format!("did you mean `{name}`?"),
        None => nearest_or_all(key, known),
    }
}

/// The nearest of the known words as a question, or all of them.
pub fn nearest_or_all(typed: &str, known: &[&str]) -> String {
    let nearest = nearest(typed, known.iter().copied());
    nearest.map_or_else(|| format!("known here: {}", known.join(", ")), |name| format!("did you mean `{name}`?"))
}

/// What other tools, and people, call a key.
fn called(key: &str) -> Option<&'static str> {
    Some(match key.to_ascii_lowercase().replace('-', "_").as_str() {
        "approved_by" | "approver" | "approvers" | "approval" | "stages" => "approve",
        "duration" | "time" | "ttl" | "max_duration" | "max_time" => "for",
        "timezone" | "time_zone" | "tz" => "zone",
        "user" | "users" | "group" | "groups" | "subject" | "subjects" => "who",
        "service" | "services" => "on",
        "run_as" | "runas" | "target" | "targets" => "as",
        "expires" | "expiry" | "end" => "until",
        "except" | "exclude" | "unless" => "not",
        "source" | "address" | "addresses" => "from",
        _ => return None,
    })
}

/// What is meant by somebody whom a policy cannot name like this.
pub fn somebody(text: &str) -> Option<String> {
    let text = text.trim();
    if ["any", "all", "everyone", "everybody", "*"].contains(&text.to_ascii_lowercase().as_str()) {
        return Some("any".to_owned());
    }
    if let Some(group) = text.strip_prefix(['@', '%']) {
        return Some(format!("group:{group}"));
    }
    match text.split_once([':', '=']) {
        Some((kind, name)) => {
            let (kind, name) = (kind.trim().to_ascii_lowercase(), name.trim());
            let kind = match nearest(&kind, ["user", "group", "uid"])? {
                "uid" if name.parse::<u32>().is_err() => "user",
                kind => kind,
            };
            named(kind, name)
        }
        None => (!text.is_empty()).then(|| format!("user:{text} or group:{text}")),
    }
}

/// The same of a name behind its kind, as sudoers and access.conf write it, or of several in one text.
fn named(kind: &str, name: &str) -> Option<String> {
    if name == "*" {
        return Some("any".to_owned());
    }
    if name.contains(',') {
        let one = |name: &str| if name.contains(':') { name.to_owned() } else { format!("{kind}:{name}") };
        let several: Vec<_> = name.split(',').map(str::trim).filter(|name| !name.is_empty()).map(one).collect();
        return (!several.is_empty()).then(|| several.join(" and "));
    }
    if let Some(group) = name.strip_prefix(['@', '%']) {
        return (!group.is_empty()).then(|| format!("group:{group}"));
    }
    if let Some(number) = name.strip_prefix('#') {
        return (kind == "user" && number.parse::<u32>().is_ok()).then(|| format!("uid:{number}"));
    }
    (!name.is_empty() && !name.contains('*')).then(|| format!("{kind}:{name}"))
}

/// What a value looks like that is a table.
pub fn shape(key: &str) -> &'static str {
    match key {
        "for" => "write for = { default = \"30m\", max = \"4h\" }",
        "uses" => "write uses = { max = 20 }",
        "approve" => "write approve = [ { by = [\"group:leads\"], count = 1 } ]",
        "escalate" => "write escalate = { after = \"15m\", to = [\"group:managers\"] }",
        "reason" => "write reason = { required = true, min = 10 }",
        "extend" => "write extend = { times = 1, max = \"1h\" }",
        "session" => "write session = { at_expiry = \"end\", warn = [\"5m\", \"1m\"] }",
        "limit" => "write limit = { times = 3, per = \"7d\" }",
        "review" => "write review = { by = [\"group:security\"], within = \"24h\" }",
        "after" => "write after = { within = \"8h\", times = 4 }",
        _ => "put it in braces: { ... }",
    }
}

/// Where a key belongs that stands in the wrong place.
fn belongs(key: &str) -> Option<&'static str> {
    Some(match key {
        _ if key.to_ascii_lowercase().contains("version") => "version = 1 stands on the first line of the file, before the first [[...]]",
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
        "after" => "it goes into escalate = { after = \"15m\", to = [...] }, or with [[repetitive]]",
        "accounts" => "it goes into [[person]]",
        "approve" | "uses" | "lapse" | "escalate" | "starts" | "use_within" | "extend" => "it goes with [[grant]]",
        "for" | "session" => "it goes with [[grant]], [[emergency]] or [[repetitive]]",
        "reason" => "it goes with [[grant]] or [[legacy]]; an emergency always needs one",
        "limit" | "review" | "alert" => "it goes with [[emergency]]",
        "owner" | "until" => "it goes with [[legacy]]",
        "name" | "who" | "not" | "on" | "as" | "from" | "hours" | "zone" => "it goes with a rule: [[grant]], [[deny]], ...",
        "person" => "it stands by itself: [[person]]",
        "grant" | "emergency" | "repetitive" | "legacy" | "deny" => "a rule stands by itself: [[grant]], [[deny]], ...",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{instead_of, nearest, shape, somebody};

    #[test]
    fn a_key_of_another_place_or_by_another_name_is_led_home() {
        let known = ["who", "on", "approve", "for"];
        for (key, said) in [
            ("aprove", "did you mean `approve`?"),
            ("approved_by", "did you mean `approve`?"),
            ("Max-Duration", "did you mean `for`?"),
            ("review", "it goes with [[emergency]]"),
            ("policy_version", "version = 1 stands on the first line of the file, before the first [[...]]"),
            ("colour", "known here: who, on, approve, for"),
        ] {
            assert_eq!(instead_of(key, &known), said, "{key}");
        }
    }

    #[test]
    fn somebody_who_is_written_as_elsewhere_is_recognised() {
        for (typed, meant) in [
            ("@ops", Some("group:ops")),
            ("%ops", Some("group:ops")),
            ("Group:ops", Some("group:ops")),
            ("groups:ops", Some("group:ops")),
            ("group: ops", Some("group:ops")),
            ("uid:alice", Some("user:alice")),
            ("UID=1001", Some("uid:1001")),
            ("ALL", Some("any")),
            ("ops", Some("user:ops or group:ops")),
            ("user:%wheel", Some("group:wheel")),
            ("group:@ops", Some("group:ops")),
            ("user:*", Some("any")),
            ("user:adm-*", None),
            ("user:#1001", Some("uid:1001")),
            ("group:#1001", None),
            ("user:alice,bob", Some("user:alice and user:bob")),
            ("group:ops, user:carol", Some("group:ops and user:carol")),
            ("user:,", None),
            ("host:ops", None),
            ("group:", None),
            ("", None),
        ] {
            assert_eq!(somebody(typed).as_deref(), meant, "{typed}");
        }
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour_and_a_strange_one_finds_none() {
        let known = ["approve", "reason", "who", "on"];
        assert_eq!(nearest("aprove", known), Some("approve"));
        assert_eq!(nearest("resaon", known), Some("reason"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!((nearest("emrgenci", ["emergency"]), nearest("emrgnci", ["emergency"])), (Some("emergency"), Some("emergency")));
        assert_eq!(nearest("emrgnc", ["emergency"]), Some("emergency"));
        assert_eq!(nearest("mrgnc", ["emergency"]), None, "four letters of nine");
    }

    #[test]
    fn what_people_and_other_tools_call_a_key_is_understood_where_that_key_may_stand() {
        let known = ["approve", "for", "zone", "who", "on", "as", "until", "not", "from"];
        for (called, names) in [
            ("approve", "approver approvers approval stages Approved-By"),
            ("for", "duration time ttl max_duration max_time MAX-TIME"),
            ("zone", "timezone time_zone tz"),
            ("who", "user users group groups subject subjects"),
            ("on", "service services"),
            ("as", "run_as runas target targets Run-As"),
            ("until", "expires expiry end"),
            ("not", "except exclude unless"),
            ("from", "source address addresses"),
        ] {
            for name in names.split(' ') {
                assert_eq!(instead_of(name, &known), format!("did you mean `{called}`?"));
                assert_eq!(instead_of(name, &["xxxxxxxxxxxxxxxx"]), "known here: xxxxxxxxxxxxxxxx", "`{called}` cannot stand there");
            }
        }
    }

    #[test]
    fn a_key_that_stands_in_the_wrong_place_is_sent_where_it_belongs() {
        for (keys, place) in [
            ("auditors", "auditors stands before the first"),
            ("default", "it goes into for = { default"),
            ("max", "it goes into for = { ... }, uses = { ... } or extend"),
            ("min required pattern", "it goes into reason = {"),
            ("by", "it goes into approve = [ { by = [...], count = 1 } ] or review"),
            ("count", "it goes into approve = ["),
            ("within", "it goes into review = { by = [...], within = \"24h\" } or after"),
            ("times", "it goes into limit = { times = 3, per = \"7d\" }, after"),
            ("per", "it goes into limit = {"),
            ("to", "it goes into escalate = {"),
            ("at_expiry warn require", "it goes into session = {"),
            ("after", "it goes into escalate = { after = \"15m\", to = [...] }, or with [[repetitive]]"),
            ("accounts", "it goes into [[person]]"),
            ("approve uses lapse escalate starts use_within extend", "it goes with [[grant]]"),
            ("for session", "it goes with [[grant]], [[emergency]] or [[repetitive]]"),
            ("reason", "it goes with [[grant]] or [[legacy]]"),
            ("limit review alert", "it goes with [[emergency]]"),
            ("owner until", "it goes with [[legacy]]"),
            ("name who not on as from hours zone", "it goes with a rule: "),
            ("person", "it stands by itself: [[person]]"),
            ("grant emergency repetitive legacy deny", "a rule stands by itself: "),
        ] {
            for key in keys.split(' ') {
                let said = instead_of(key, &["xxxxxxxxxxxxxxxx"]);
                assert!(said.starts_with(place), "{key}: {said}");
            }
        }
    }

    #[test]
    fn a_table_is_shown_with_the_keys_that_it_has() {
        for key in ["for", "uses", "approve", "escalate", "reason", "extend", "session", "limit", "review", "after"] {
            let written = shape(key).strip_prefix("write ").unwrap();
            assert!(written.starts_with(&format!("{key} = ")), "{key}: {written}");
            assert!(written.parse::<toml::Table>().is_ok(), "{key}: {written} is TOML");
        }
        assert_eq!(shape("colour"), "put it in braces: { ... }");
    }
}
