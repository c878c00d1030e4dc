//! Settings of sudoers that make sudo skip a phase, and with it the gate, run-as users, uses or ends.
//!
//! sudo's own cvtsudoers(1) reads the file, includes and aliases too. What LDAP or SSSD add to it is not seen.

use super::Check;
use crate::soon;
use serde_json::Value;
use std::io::ErrorKind;
use std::process::Command;

const NAME: &str = "sudoers";
const FILE: &str = "/etc/sudoers";
/// The services that the gate stands before.
const OURS: [&str; 2] = ["sudo", "sudo-i"];
const REMEDY: &str = "take it out of sudoers (visudo): with it sudo skips the gate, or a part of it";

/// Looks at the sudoers of this host.
pub fn check() -> Check {
    // Both may ask the name service: sudo who is in root's groups, cvtsudoers for whom a line is.
    let sudo = soon::output(Command::new("sudo").arg("--version"));
    let sudo_rs = sudo.as_ref().ok().and_then(|output| String::from_utf8_lossy(&output.stdout).strip_prefix("sudo-rs ").map(of_sudo_rs));
    let sudo_rs = match sudo_rs {
        Some(old) if !old.ok => return old,
        new_or_none => new_or_none,
    };
    let read = soon::output(Command::new("cvtsudoers").args(["-e", "-f", "json", "-s", "privileges", FILE]));
    let settings = match read {
        Ok(output) if output.status.success() => serde_json::from_slice::<Value>(&output.stdout).map_err(|error| error.to_string()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        // Where sudo is another program and this one is not there, the one that reads such settings is not either.
        Err(error) if error.kind() == ErrorKind::NotFound => match (sudo_rs, sudo) {
            (Some(check), _) => return check,
            (None, Err(none)) if none.kind() == ErrorKind::NotFound => return Check::fine(NAME, "there is no sudo"),
            (None, Ok(_) | Err(_)) => Err(format!("cvtsudoers: {error}")),
        },
        Err(error) => Err(format!("cvtsudoers: {error}")),
    };
    match settings.map(|settings| skips(&settings)) {
        Ok(skips) if skips.is_empty() => Check::fine(NAME, "no setting of sudoers switches off a phase of PAM"),
        Ok(skips) => Check::wrong(NAME, skips.join("; "), REMEDY),
        Err(why) => {
            let remedy = "look yourself for pam_session, pam_acct_mgmt, pam_ruser, pam_service and runas_allow_unknown_id";
            Check::wrong(NAME, format!("{FILE} could not be read: {why}"), remedy)
        }
    }
}

/// sudo-rs has no setting that switches off a phase of PAM (its src/defaults/mod.rs, 0.2.15). Before 0.2.14 its sudoedit asked no
/// account module (its release notes, 1612).
fn of_sudo_rs(version: &str) -> Check {
    let version = version.trim();
    let numbers: Option<Vec<u32>> = version.split('.').map(|number| number.parse().ok()).collect();
    if numbers.is_some_and(|numbers| numbers >= vec![0, 2, 14]) {
        return Check::fine(NAME, &format!("sudo-rs {version} has no setting that switches off a phase of PAM"));
    }
    let found = format!("sudoedit and sudo -l of sudo-rs {version} ask no account module");
    Check::wrong(NAME, found, "install sudo-rs 0.2.14 or newer")
}

/// What skips a phase, each as somebody would look for it in the file: `!pam_session for alice`.
fn skips(sudoers: &Value) -> Vec<String> {
    let defaults = sudoers["Defaults"].as_array().map(Vec::as_slice).unwrap_or_default();
    let found = defaults.iter().flat_map(|entry| {
        let whose = whose(&entry["Binding"]);
        let options = entry["Options"].as_array().map(Vec::as_slice).unwrap_or_default();
        let settings = options.iter().filter_map(Value::as_object).flatten();
        settings.filter_map(|(name, value)| skip(name, value)).map(move |skip| format!("{skip}{whose}")).collect::<Vec<_>>()
    });
    found.collect()
}

/// How a setting reads, if it skips something.
fn skip(name: &str, value: &Value) -> Option<String> {
    match (name, value) {
        ("pam_session" | "pam_acct_mgmt" | "pam_ruser", Value::Bool(false)) => Some(format!("!{name}")),
        ("runas_allow_unknown_id", Value::Bool(true)) => Some(name.to_owned()),
        ("pam_service" | "pam_login_service" | "pam_askpass_service", Value::String(service)) if !OURS.contains(&service.as_str()) => {
            Some(format!("{name}={service}"))
        }
        _ => None,
    }
}

/// For whom, where or for what it is set; empty where it is for everybody.
fn whose(binding: &Value) -> String {
    let named = |one: &Value| -> Option<String> {
        let (kind, value) = one.as_object()?.iter().find(|(kind, _)| *kind != "negated")?;
        let not = if one["negated"] == true { "!" } else { "" };
        let sign = match kind.as_str() {
            "usergroup" => "%",
            "userid" => "#",
            "netgroup" => "+",
            _ => "",
        };
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(format!("{not}{sign}{value}"))
    };
    let all: Vec<_> = binding.as_array().map(Vec::as_slice).unwrap_or_default().iter().filter_map(named).collect();
    if all.is_empty() { String::new() } else { format!(" for {}", all.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn of_sudo_rs_its_version_decides() {
        for (version, ok) in
            [("0.2.15\n", true), ("0.2.14", true), ("0.10.0", true), ("1.0.0", true), ("0.2.13", false), ("0.2.9", false), ("x", false)]
        {
            assert_eq!(of_sudo_rs(version).ok, ok, "{version}");
        }
    }

    #[test]
    fn each_setting_that_skips_a_phase_is_found_for_everybody_or_for_whomever_it_is_set() {
        let sudoers = json!({"Defaults": [
            {"Options": [{"pam_session": false}, {"use_pty": true}]},
            {"Binding": [{"username": "alice"}, {"usergroup": "ops", "negated": true}], "Options": [{"pam_acct_mgmt": false}]},
            {"Binding": [{"command": "/bin/ls"}], "Options": [{"pam_service": "other"}]},
            {"Binding": [{"userid": 1000}], "Options": [{"runas_allow_unknown_id": true}, {"pam_ruser": false}]},
        ]});
        let expected = [
            "!pam_session",
            "!pam_acct_mgmt for alice, !%ops",
            "pam_service=other for /bin/ls",
            "runas_allow_unknown_id for #1000",
            "!pam_ruser for #1000",
        ];
        assert_eq!(skips(&sudoers), expected);
    }

    #[test]
    fn settings_as_they_must_be_and_others_are_left_alone() {
        let sudoers = json!({"Defaults": [{"Options": [
            {"pam_session": true}, {"pam_acct_mgmt": true}, {"runas_allow_unknown_id": false}, {"pam_service": "sudo"},
            {"pam_login_service": "sudo-i"}, {"pam_setcred": false}, {"env_keep": [{"operation": "list_add"}]},
        ]}]});
        assert_eq!(skips(&sudoers), [""; 0]);
        assert_eq!(skips(&json!({})), [""; 0]);
    }
}
