//! Whom polkit takes for administrators: by pkexec, run0 or systemd-run they are root with their own password.

use super::Check;
use super::around::is_unlisted;
use jit_core::name::GroupName;
use jit_host::accounts::members_of;
use std::path::Path;

/// What starts polkit, where it is installed.
const INSTALLED: &str = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service";
/// Where its rules are, those first that go before others of the same name.
const RULES: [&str; 4] =
    ["/etc/polkit-1/rules.d", "/run/polkit-1/rules.d", "/usr/local/share/polkit-1/rules.d", "/usr/share/polkit-1/rules.d"];
/// Where versions before 0.106, which read no rules, have it written.
const BEFORE_RULES: &str = "/etc/polkit-1/localauthority.conf.d";
const ONLY_ROOT: &str = "(umask 022; echo 'polkit.addAdminRule(function(action, subject) { return [\"unix-user:0\"]; });' > /etc/polkit-1/rules.d/00-root-alone.rules)";
const ONLY_ROOT_BEFORE_RULES: &str =
    "(umask 022; printf '[Configuration]\\nAdminIdentities=unix-user:0\\n' > /etc/polkit-1/localauthority.conf.d/99-root-alone.conf)";

/// What is said of them.
pub const NAME: &str = "administrators of polkit";

/// Nobody should be one who has to ask at our gate.
pub fn check() -> Check {
    if !Path::new(INSTALLED).exists() {
        return Check::fine(NAME, "it is not installed");
    }
    let by_rules = of_rules(&texts(&RULES, "rules"));
    let (identities, remedy) = match by_rules {
        Some(identities) => (identities, ONLY_ROOT),
        None => (of_settings(&texts(&[BEFORE_RULES], "conf")), ONLY_ROOT_BEFORE_RULES),
    };
    let people: Vec<_> = identities.iter().filter_map(|identity| people(identity)).collect();
    let remedy = format!("{remedy} # or take them out of the group: they are root by pkexec, run0 or systemd-run, with their own password");
    Check::all(NAME, "root alone is one", &people, &remedy)
}

/// The files of these folders, in the order in which polkit reads them.
fn texts(folders: &[&str], ending: &str) -> Vec<String> {
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == ending)).collect();
    files.sort_by(|one, other| one.file_name().cmp(&other.file_name()));
    files.iter().filter_map(|path| std::fs::read(path).ok()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

/// Who is meant, if that is anybody but root.
fn people(identity: &str) -> Option<String> {
    match identity.split_once(':') {
        Some(("unix-user", "0" | "root")) => None,
        Some(("unix-user", user)) => Some(user.to_owned()),
        Some(("unix-group", group)) => {
            let group = GroupName::new(group);
            if is_unlisted(&group) {
                return Some(format!("whoever is in {group}, which its directory does not list"));
            }
            let members: Vec<_> = members_of(&group).iter().map(ToString::to_string).filter(|name| name != "root").collect();
            (!members.is_empty()).then(|| format!("{} in {group}", members.join(", ")))
        }
        Some(_) | None => Some(identity.to_owned()),
    }
}

/// Whom the rules name, up to the first one that answers for every action. None: there is no rule.
fn of_rules(texts: &[String]) -> Option<Vec<String>> {
    let texts: Vec<_> = texts.iter().map(|text| without_comments(text)).collect();
    let mut identities = Vec::new();
    let mut is_there = false;
    for rule in texts.iter().flat_map(|text| text.split("addAdminRule").skip(1)) {
        is_there = true;
        let rule = rule.split("polkit.addRule").next().unwrap_or_default();
        let named: Vec<_> = rule.split(['"', '\'']).filter(|word| word.starts_with("unix-")).map(str::to_owned).collect();
        let body = rule.split_once('{').map_or("", |(_, body)| body.trim_start());
        let answers_always = body.strip_prefix("return").is_some_and(|answer| answer.trim_start().starts_with('[')) && !named.is_empty();
        identities.extend(named);
        if answers_always {
            break;
        }
    }
    identities.dedup();
    is_there.then_some(identities)
}

/// The last file that says so has the word.
fn of_settings(texts: &[String]) -> Vec<String> {
    let mut settings = texts.iter().flat_map(|text| text.lines()).filter_map(|line| line.split_once('='));
    let last = settings.rfind(|(key, _)| key.trim() == "AdminIdentities");
    let named = last.map_or("", |(_, value)| value).split(';').map(str::trim);
    named.filter(|identity| !identity.is_empty()).map(str::to_owned).collect()
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut left = String::new();
    while let Some((before, comment)) = rest.split_once("/*") {
        left.push_str(before);
        rest = comment.split_once("*/").map_or("", |(_, after)| after);
    }
    left.push_str(rest);
    left.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str =
        "/* -*- mode: js -*- */\npolkit.addAdminRule(function(action, subject) {\n    return [\"unix-group:sudo\"];\n});\n";
    const STOCK: &str =
        "// in DO NOT EDIT: \"unix-group:comment\"\npolkit.addAdminRule(function(action, subject) { return ['unix-group:wheel']; });";
    const SOME: &str = "polkit.addAdminRule(function(action, subject) {\n  if (action.id == \"x\") { return [\"unix-group:desk\", \"unix-user:erin\"]; }\n});\npolkit.addRule(function() { return subject.isInGroup(\"unix-like\"); });";

    fn of(texts: &[&str]) -> Option<Vec<String>> {
        of_rules(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_rule_that_answers_for_every_action_has_the_last_word() {
        assert_eq!(of(&[DEBIAN, STOCK]).unwrap(), ["unix-group:sudo"]);
        assert_eq!(of(&[SOME, STOCK, DEBIAN]).unwrap(), ["unix-group:desk", "unix-user:erin", "unix-group:wheel"]);
        let only_root = ONLY_ROOT.split('\'').nth(1).unwrap();
        assert_eq!(of(&[only_root, SOME, DEBIAN]).unwrap(), ["unix-user:0"]);
        assert_eq!(people("unix-user:0"), None);
        assert_eq!(of(&["polkit.addRule(function() { return \"unix-group:x\"; });", "/* addAdminRule( */"]), None);
    }

    #[test]
    fn before_there_were_rules_the_last_file_that_names_administrators_counts() {
        let texts =
            ["[Configuration]\nAdminIdentities=unix-user:0\n", "[Configuration]\nAdminIdentities = unix-group:sudo;unix-group:admin\n"];
        assert_eq!(of_settings(&texts.map(str::to_owned)), ["unix-group:sudo", "unix-group:admin"]);
        assert_eq!(of_settings(&[]), [""; 0]);
    }
}
