//! Which events a target wants.

use crate::event::Event;
use jit_core::policy::suggest::nearest;

/// A set of event names: `grant.issued`, `grant.*` or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kinds {
    /// All.
    Any,
    /// A family: `grant`.
    Family(String),
    /// One.
    One(&'static str),
}

impl Kinds {
    /// Reads a pattern.
    ///
    /// # Errors
    /// There are no such events; what was likely meant.
    pub fn parse(text: &str) -> Result<Self, String> {
        let names = jit_core::event::Event::NAMES;
        let family = |name: &'static str| name.split('.').next().unwrap_or(name);
        if text == "*" {
            return Ok(Self::Any);
        }
        if let Some(wanted) = text.strip_suffix(".*") {
            if names.iter().any(|name| family(name) == wanted) {
                return Ok(Self::Family(wanted.to_owned()));
            }
            let meant = nearest(wanted, names.iter().map(|name| family(name)));
            return Err(meant.map_or_else(|| "no such events".to_owned(), |meant| format!("no such events; did you mean `{meant}.*`?")));
        }
        if let Some(name) = names.iter().find(|name| **name == text) {
            return Ok(Self::One(name));
        }
        if names.iter().any(|name| family(name) == text) {
            return Err(format!("no such event; did you mean `{text}.*`?"));
        }
        let meant = nearest(text, names.iter().copied());
        Err(meant.map_or_else(|| "no such event".to_owned(), |meant| format!("no such event; did you mean `{meant}`?")))
    }

    fn holds(&self, name: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Family(family) => name.strip_prefix(family.as_str()).is_some_and(|rest| rest.starts_with('.')),
            Self::One(one) => *one == name,
        }
    }
}

/// Which events a target wants.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Filter {
    /// These.
    pub events: Vec<Kinds>,
    /// But not these.
    pub not: Vec<Kinds>,
    /// About these users; none: about whomever.
    pub users: Vec<String>,
    /// By these rules; none: by whichever.
    pub rules: Vec<String>,
}

impl Filter {
    /// Whether the target of this name wants this event.
    pub fn wants(&self, target: &str, event: &Event) -> bool {
        let among =
            |wanted: &[String], key: &str| wanted.is_empty() || event.text(key).is_some_and(|found| wanted.iter().any(|one| one == found));
        // That it cannot be told something is nothing to tell it.
        let about_itself = event.name == "notify.failed" && event.text("target") == Some(target);
        let named = |kinds: &[Kinds]| kinds.iter().any(|kinds| kinds.holds(&event.name));
        named(&self.events) && !named(&self.not) && !about_itself && among(&self.users, "user") && among(&self.rules, "rule")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_proto::view::EventView;

    fn event(name: &str, data: &str) -> Event {
        let view = EventView {
            seq: 1,
            at: "2026-11-23T12:00:00.000Z".to_owned(),
            event: name.to_owned(),
            data: data.to_owned(),
            prev: "0".repeat(64),
            hash: "1".repeat(64),
        };
        Event::read(&view).unwrap()
    }

    fn kinds(patterns: &[&str]) -> Vec<Kinds> {
        patterns.iter().map(|pattern| Kinds::parse(pattern).unwrap()).collect()
    }

    #[test]
    fn a_target_gets_the_events_the_users_and_the_rules_that_it_names() {
        let filter = Filter {
            events: kinds(&["grant.*", "optout.taken"]),
            not: kinds(&["grant.expired"]),
            users: vec!["alice".to_owned()],
            rules: Vec::new(),
        };
        let alices = r#"{"user":"alice","rule":"ops"}"#;
        for (name, data, wanted) in [
            ("grant.issued", alices, true),
            ("optout.taken", alices, true),
            ("grant.expired", alices, false),
            ("optout.overdue", alices, false),
            ("grants.issued", alices, false),
            ("grant.issued", r#"{"user":"bob"}"#, false),
            ("grant.issued", "{}", false),
        ] {
            assert_eq!(filter.wants("chat", &event(name, data)), wanted, "{name} {data}");
        }
        let filter = Filter { rules: vec!["ops".to_owned()], users: Vec::new(), ..filter };
        assert!(filter.wants("chat", &event("grant.issued", alices)));
        assert!(!filter.wants("chat", &event("grant.issued", r#"{"user":"alice","rule":"dev"}"#)));
    }

    #[test]
    fn that_a_target_failed_is_told_to_the_others() {
        let filter = Filter { events: vec![Kinds::Any], ..Filter::default() };
        let failed = event("notify.failed", r#"{"target":"chat"}"#);
        assert!(filter.wants("mail", &failed));
        assert!(!filter.wants("chat", &failed));
    }

    #[test]
    fn a_pattern_that_no_event_has_is_refused_with_what_was_meant() {
        for (typed, said) in [
            ("grants.*", "did you mean `grant.*`?"),
            ("grant", "did you mean `grant.*`?"),
            ("optout.takn", "did you mean `optout.taken`?"),
            ("weather", "no such event"),
        ] {
            assert!(Kinds::parse(typed).unwrap_err().contains(said), "{typed}");
        }
    }
}
