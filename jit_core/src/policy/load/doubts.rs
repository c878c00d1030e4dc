//! What is valid, and yet hardly meant.

use super::{Around, Mistake, behind, people};
use crate::name::{AsWhom, RunAs, Service};
use crate::policy::{AnyRule, DenyRule, Policy, suggest};
use crate::span::Span;
use ipnet::IpNet;

/// Services that one meets; a name that is nearly one of these is questioned.
const SERVICES: [&str; 8] = ["sudo", "sudo-i", "su", "su-l", "sshd", "login", "polkit-1", "cockpit"];

/// What is valid, and yet hardly meant.
pub fn doubts(policy: &Policy, around: Around) -> Vec<Mistake> {
    let now = around.now;
    let mut doubts = Vec::new();
    let month = Span::from_secs(30 * 86_400);
    for rule in &policy.legacy {
        if rule.ends <= now.plus(month) {
            let ended = if rule.ends <= now { "has ended: it lets nobody in" } else { "ends within a month" };
            let message = format!("[[legacy]] `{}` {ended}", rule.name);
            doubts.push(Mistake::new(rule.place.clone(), message, format!("renew it or retire it; {} answers for it", rule.owner)));
        }
    }
    people::doubt(policy, &mut doubts);
    for rule in &policy.denies {
        doubts.extend(doubt_of_family(rule));
    }
    behind::doubt(policy, &mut doubts);
    for rule in policy.every_rule() {
        doubts.extend(rule.scope.on.iter().filter_map(|service| doubt_of_service(rule, service)));
    }
    doubts
}

/// A deny of all addresses that are written in one way.
fn doubt_of_family(rule: &DenyRule) -> Option<Mistake> {
    let all = |is_of: fn(&IpNet) -> bool| rule.scope.from.iter().any(|network| is_of(network) && network.prefix_len() == 0);
    let (denied, other, missing) = match (all(|net| matches!(net, IpNet::V4(_))), all(|net| matches!(net, IpNet::V6(_)))) {
        (true, false) => ("IPv4", "IPv6", "::/0"),
        (false, true) => ("IPv6", "IPv4", "0.0.0.0/0"),
        (true, true) | (false, false) => return None,
    };
    let message = format!("[[deny]] `{}` is about all of {denied}, and about nobody who comes by {other}", rule.name);
    Some(Mistake::new(rule.place.clone(), message, format!("leave `from` out, or add \"{missing}\"")))
}

/// A service that is nearly another, or by which people may come in as somebody whom the rule leaves out.
fn doubt_of_service(rule: AnyRule<'_>, service: &Service) -> Option<Mistake> {
    let AnyRule { kind, name, place, run_as, .. } = rule;
    let near = if SERVICES.contains(&service.as_str()) { None } else { suggest::nearest(service.as_str(), SERVICES) };
    if let Some(near) = near {
        let message = format!("a rule for the service `{service}`, which is unusual");
        return Some(Mistake::new(place.clone(), message, format!("did you mean `{near}`?")));
    }
    let leaves_out = service.as_whom() == AsWhom::Either && !run_as.is_empty() && !run_as.contains(&RunAs::Oneself);
    leaves_out.then(|| {
        let message = format!("[[{kind}]] `{name}` is not about whoever comes in by `{service}` as themselves: its `as` has no self");
        let help = format!("where {service} is a daemon of root's, everybody does: write \"self\" into `as` there");
        Mistake::new(place.clone(), message, help)
    })
}

#[cfg(test)]
mod tests {
    use crate::policy::load::{Around, PolicyFile, load};
    use crate::time::WallTime;

    /// All that is doubtful of a policy, without the place.
    fn doubts_of(text: &str) -> Vec<String> {
        let file = PolicyFile { file: "policy.toml".to_owned(), text: format!("version = 1\n{text}") };
        let now = WallTime::parse("2026-11-23T12:00:00Z").unwrap();
        let (_, doubts) = load(&[file], Around { now, zone: None }).unwrap();
        doubts.into_iter().map(|doubt| format!("{} ({})", doubt.message, doubt.help)).collect()
    }

    /// A grant with these lines instead of its own, or beside them.
    fn grant(lines: &str) -> String {
        let usual = ["name = \"a\"", "who = [\"group:ops\"]", "on = [\"sudo\"]", "approve = [ { by = [\"group:leads\"] } ]"];
        let key = |line: &str| line.split(" = ").next().unwrap().to_owned();
        let given: Vec<_> = lines.lines().map(key).collect();
        let kept: Vec<_> = usual.into_iter().filter(|line| !given.contains(&key(line))).collect();
        format!("[[grant]]\n{}\n{lines}\n", kept.join("\n"))
    }

    #[test]
    fn a_key_that_changes_nothing_where_it_stands_is_questioned() {
        let at_login = "approve = []\nstarts = \"login\"\n";
        let repetitive = |time: &str| {
            format!(
                "[[repetitive]]\nname = \"r\"\nwho = [\"any\"]\non = [\"sudo\"]\nafter = {{ within = \"8h\", times = 4 }}\nfor = {time}\n"
            )
        };
        for (text, said) in [
            (
                grant(&format!("{at_login}for = {{ default = \"1h\", max = \"8h\" }}")),
                "`max` is \"8h\": without effect here: a grant that starts at login is not requested",
            ),
            (repetitive("{ max = \"8h\" }"), "[[repetitive]]: `max` is \"8h\": without effect here: each repetition is for the default"),
            (grant("approve = []\nlapse = \"2h\""), "[[grant]]: `lapse` is \"2h\": without effect here: nobody has to approve"),
            (grant("session = { at_expiry = \"keep\", warn = [\"5m\"] }"), "`session`: `warn` is [\"5m\"]: without effect here"),
        ] {
            let found = doubts_of(&text);
            assert!(found.len() == 1 && found[0].contains(said), "{text}{found:?}");
        }
        for fine in [
            grant(&format!("{at_login}for = {{ default = \"8h\", max = \"8h\" }}")),
            grant(&format!("{at_login}for = {{ max = \"15m\" }}")),
            repetitive("{ max = \"15m\" }"),
            grant("lapse = \"2h\""),
            grant("session = { at_expiry = \"warn\", warn = [\"5m\"] }"),
            grant("session = { at_expiry = \"keep\", warn = [] }"),
        ] {
            assert_eq!(doubts_of(&fine), [""; 0], "{fine}");
        }
    }

    #[test]
    fn a_deny_of_every_address_of_one_kind_leaves_the_other_kind_in() {
        let deny = |from: &str| format!("[[deny]]\nname = \"d\"\nwho = [\"any\"]\non = [\"sshd\"]\nfrom = [{from}]\n");
        assert_eq!(
            doubts_of(&deny("\"10.0.0.0/8\", \"0.0.0.0/0\"")),
            ["[[deny]] `d` is about all of IPv4, and about nobody who comes by IPv6 (leave `from` out, or add \"::/0\")"]
        );
        assert!(doubts_of(&deny("\"::/0\""))[0].contains("about all of IPv6, and about nobody who comes by IPv4"));
        for fine in ["\"0.0.0.0/0\", \"::/0\"", "\"10.0.0.0/8\""] {
            assert_eq!(doubts_of(&deny(fine)), [""; 0], "{fine}");
        }
    }

    #[test]
    fn a_service_that_may_be_a_daemons_is_questioned_where_a_rule_leaves_out_who_comes_as_themselves() {
        assert_eq!(
            doubts_of(&grant("on = [\"sudo\", \"dovecot\"]")),
            ["[[grant]] `a` is not about whoever comes in by `dovecot` as themselves: its `as` has no self \
              (where dovecot is a daemon of root's, everybody does: write \"self\" into `as` there)"]
        );
        for fine in
            ["on = [\"dovecot\"]\nas = [\"root\", \"self\"]", "on = [\"login\"]", "on = [\"sudo\", \"cron\"]", "on = [\"doas\", \"su\"]"]
        {
            assert_eq!(doubts_of(&grant(fine)), [""; 0], "{fine}");
        }
        assert_eq!(
            doubts_of(&grant("on = [\"sudp\"]")),
            ["a rule for the service `sudp`, which is unusual (did you mean `sudo`?)"],
            "one doubt of it is enough"
        );
    }
}
