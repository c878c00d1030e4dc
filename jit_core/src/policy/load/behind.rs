//! Rules that never decide: another one stands before them for all that they are about.
//!
//! The first rule that matches decides, so a strict rule behind a lax one is a slip, and `policy.d` comes after `policy.toml`.

use super::Mistake;
use crate::name::{RuleName, RunAs, Service};
use crate::policy::{Place, Policy, Principal, Scope, Starts};
use crate::span::Span;
use std::collections::HashMap;

/// With how many that stand before it a rule is compared: this is a warning, and a policy is read while somebody waits.
const MOST: usize = 16;

/// What rules compete for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Contest {
    /// A request, up to so much.
    Request(Most),
    /// Coming in at log-in.
    Login,
    /// An emergency, up to so much.
    Emergency(Most),
}

/// The most that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Most {
    time: Span,
    uses: Option<u32>,
}

impl Most {
    fn covers(self, other: Self) -> bool {
        let uses = match (self.uses, other.uses) {
            (None, _) => true,
            (Some(most), Some(wanted)) => wanted <= most,
            (Some(_), None) => false,
        };
        uses && other.time <= self.time
    }
}

/// A rule that competes with others.
#[derive(Debug, Clone, Copy)]
struct Turn<'a> {
    contest: Contest,
    name: &'a RuleName,
    place: &'a Place,
    scope: &'a Scope,
    run_as: &'a [RunAs],
}

impl Turn<'_> {
    /// Whether it decides whatever another, which comes later, could decide.
    fn covers(&self, later: &Self) -> bool {
        let (own, other) = (self.scope, later.scope);
        let wins = match (self.contest, later.contest) {
            (Contest::Request(most), Contest::Request(wanted)) | (Contest::Emergency(most), Contest::Emergency(wanted)) => {
                most.covers(wanted)
            }
            // Of what is asked for, the address is compared when it is used.
            (Contest::Login, Contest::Login) => own.from.is_empty() || own.from == other.from,
            (Contest::Request(_) | Contest::Login | Contest::Emergency(_), _) => false,
        };
        wins && own.hours.is_none()
            && (own.who.contains(&Principal::Any) || other.who.iter().all(|who| own.who.contains(who)))
            && own.not.iter().all(|except| other.not.contains(except))
            && other.on.iter().all(|service| own.on.contains(service))
            && (other.on.iter().all(Service::is_as_oneself) || later.run_as.iter().all(|run_as| self.run_as.contains(run_as)))
    }
}

/// Says of each such rule which one decides in its place.
pub fn doubt(policy: &Policy, doubts: &mut Vec<Mistake>) {
    let grants = policy.grants.iter().map(|rule| {
        let contest = match rule.starts {
            Starts::Login => Contest::Login,
            Starts::Approval | Starts::FirstUse(_) => Contest::Request(Most { time: rule.max, uses: rule.max_uses }),
        };
        Turn { contest, name: &rule.name, place: &rule.place, scope: &rule.scope, run_as: &rule.run_as }
    });
    let emergencies = policy.emergencies.iter().map(|rule| {
        let contest = Contest::Emergency(Most { time: rule.max, uses: None });
        Turn { contest, name: &rule.name, place: &rule.place, scope: &rule.scope, run_as: &rule.run_as }
    });
    let mut before: HashMap<(&Principal, &Service), Vec<Turn<'_>>> = HashMap::new();
    for turn in grants.chain(emergencies) {
        let (Some(who), Some(service)) = (turn.scope.who.first(), turn.scope.on.first()) else { continue };
        let candidates = [who, &Principal::Any].into_iter().filter_map(|who| before.get(&(who, service))).flatten();
        if let Some(first) = candidates.take(MOST).find(|first| first.covers(&turn)) {
            let message = format!(
                "`{}` never decides: `{}` at {}:{} comes before it, for the same people, and gives as much",
                turn.name, first.name, first.place.file, first.place.line
            );
            doubts.push(Mistake::new(turn.place.clone(), message, format!("put it before `{}`, or take it out", first.name)));
        }
        for who in turn.scope.who.iter().filter(|_| turn.scope.hours.is_none()) {
            for service in &turn.scope.on {
                let known = before.entry((who, service)).or_default();
                if known.len() < MOST {
                    known.push(turn);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::policy::load::{Around, PolicyFile, load};
    use crate::time::WallTime;

    const LAX: &str = "[[grant]]\nname = \"lax\"\nwho = [\"group:ops\", \"group:dev\"]\non = [\"sudo\", \"su\"]\napprove = []\n";
    const STRICT: &str = "[[grant]]\nname = \"strict\"\nwho = [\"group:ops\"]\non = [\"sudo\"]\napprove = [ { by = [\"group:leads\"] } ]\n";
    const REVIEW: &str = "limit = { times = 3, per = \"7d\" }\nreview = { by = [\"group:leads\"], within = \"24h\" }\n";

    /// The rules that never decide, each with what decides in its place.
    fn behind(rules: &[&str]) -> String {
        let file = PolicyFile { file: "policy.toml".to_owned(), text: format!("version = 1\n{}", rules.concat()) };
        let (_, doubts) = load(&[file], Around { now: WallTime::from_millis(0), zone: None }).unwrap();
        let said = doubts.iter().filter_map(|doubt| doubt.message.split_once(" never decides: "));
        let pair = |(name, first): (&str, &str)| format!("{name} {}", first.split(' ').next().unwrap()).replace('`', "");
        said.map(pair).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_rule_that_another_stands_before_for_all_that_it_is_about_is_named() {
        assert_eq!(behind(&[LAX, STRICT]), "strict lax");
        assert_eq!(behind(&[&LAX.replace("\"group:dev\"", "\"any\""), STRICT]), "strict lax");
        assert_eq!(behind(&[LAX, &format!("{STRICT}not = [\"user:eve\"]\nhours = [\"08:00-10:00\"]\nzone = \"UTC\"\n")]), "strict lax");
        let ssh = |rule: &str, from: &str| rule.replace("\"sudo\"", "\"sshd\"").replace(", \"su\"", "") + &format!("from = [\"{from}\"]\n");
        assert_eq!(behind(&[&ssh(LAX, "10.0.0.0/8"), &ssh(STRICT, "192.0.2.0/24")]), "strict lax", "a request falls under the first");
        let emergency = |name: &str, max: &str| {
            format!("[[emergency]]\nname = \"{name}\"\nwho = [\"any\"]\non = [\"sudo\"]\nfor = {{ max = \"{max}\" }}\n{REVIEW}")
        };
        assert_eq!(behind(&[&emergency("long", "2h"), &emergency("short", "1h")]), "short long");
        assert_eq!(behind(&[&emergency("short", "1h"), &emergency("long", "2h")]), "");
    }

    #[test]
    fn a_rule_that_still_decides_about_something_is_not() {
        assert_eq!(behind(&[STRICT, LAX]), "", "the strict one first");
        let lax = |was: &str, is: &str| LAX.replace(was, is);
        for lax in [
            lax("\"group:ops\", ", ""),
            lax("[\"sudo\", ", "["),
            lax("approve", "as = [\"mail\"]\napprove"),
            lax("approve", "not = [\"user:eve\"]\napprove"),
            lax("approve", "hours = [\"08:00-10:00\"]\nzone = \"UTC\"\napprove"),
            lax("approve", "for = { max = \"1h\" }\napprove"),
            lax("approve", "uses = { max = 3 }\napprove"),
            lax("approve", "starts = \"login\"\napprove"),
        ] {
            assert_eq!(behind(&[&lax, STRICT]), "", "{lax}");
        }
        let at_login = |name: &str, from: &str| {
            format!(
                "[[grant]]\nname = \"{name}\"\nwho = [\"any\"]\non = [\"sshd\"]\nfrom = [\"{from}\"]\napprove = []\nstarts = \"login\"\n"
            )
        };
        assert_eq!(behind(&[&at_login("a", "10.0.0.0/8"), &at_login("b", "192.0.2.0/24")]), "");
        assert_eq!(behind(&[&at_login("a", "10.0.0.0/8"), &at_login("b", "10.0.0.0/8")]), "b a");
    }
}
