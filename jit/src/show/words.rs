//! The small phrases that all output is made of.

use jit_core::name::Service;
use jit_core::text;
use jit_proto::view::StageView;

/// The longest text of others that a line shows, in bytes.
const IN_A_LINE: usize = 1200;
/// The most names that a line shows.
const NAMES: usize = 6;

/// Text of others, in one line.
pub fn safe(words: &str) -> String {
    text::printable(words, IN_A_LINE)
}

/// Text of others, in quotes; nothing where they said nothing.
pub fn quoted(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("\"{}\"", safe(words)) }
}

/// What a service is called.
pub fn service(name: &str) -> String {
    if name == "sshd" { "ssh".to_owned() } else { safe(name) }
}

/// Whether it goes without saying as whom: everybody comes in by this service as themselves.
pub fn is_as_oneself(service_name: &str) -> bool {
    Service::new(service_name).is_as_oneself()
}

/// What is asked for: `sudo as root`, `ssh`.
pub fn what(service_name: &str, run_as: &str) -> String {
    if is_as_oneself(service_name) { service(service_name) } else { format!("{} as {}", service(service_name), safe(run_as)) }
}

/// What somebody may do: `sudo as root`, `log in by ssh`.
pub fn may(service_name: &str, run_as: &str) -> String {
    match service_name {
        "sshd" => "log in by ssh".to_owned(),
        "sudo" => format!("sudo as {}", safe(run_as)),
        "su" => format!("su to {}", safe(run_as)),
        other if is_as_oneself(other) => format!("use {}", safe(other)),
        other => format!("use {} as {}", safe(other), safe(run_as)),
    }
}

/// Somebody as a policy names them: `group:leads` is `group leads`, `user:carol` is `carol`.
pub fn principal(named: &str) -> String {
    match named.split_once(':') {
        Some(("user", name)) => safe(name),
        Some(("group" | "uid", _)) => safe(&named.replacen(':', " ", 1)),
        Some(_) | None if named == "any" => "anyone".to_owned(),
        Some(_) | None => safe(named),
    }
}

/// `carol or dave`; of many, the first few.
pub fn any_of(named: &[String]) -> String {
    text::any_of_first(NAMES, named.iter().map(|name| principal(name)).collect())
}

/// `carol and dave`.
pub fn all_of(named: &[String]) -> String {
    let names: Vec<_> = named.iter().map(|name| principal(name)).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}

/// Who has to say yes now: `carol or dave (group leads)`, `2 of carol, dave or erin (group leads)`.
pub fn approvers(approvers: &[String], stages: &[StageView]) -> String {
    let stage = stages.iter().find(|stage| approved(stage) < stage.count);
    let names =
        if approvers.is_empty() { stage.map_or_else(|| "an approver".to_owned(), |stage| any_of(&stage.by)) } else { any_of(approvers) };
    let Some(stage) = stage else { return names };
    let groups: Vec<_> = stage.by.iter().filter(|named| named.starts_with("group:") && !approvers.is_empty()).collect();
    let groups: Vec<_> = groups.into_iter().filter(|group| !approvers.contains(group)).map(|group| principal(group)).collect();
    let missing = stage.count.saturating_sub(approved(stage));
    let names = if missing > 1 { format!("{missing} of {names}") } else { names };
    if groups.is_empty() { names } else { format!("{names} ({})", groups.join(", ")) }
}

/// How many have approved in a stage.
pub fn approved(stage: &StageView) -> u32 {
    u32::try_from(stage.approved.len()).unwrap_or(u32::MAX)
}

/// How often: nothing where any number will do.
pub fn uses(most: Option<u32>) -> String {
    match most {
        None => String::new(),
        Some(1) => ", for one session".to_owned(),
        Some(most) => format!(", for {most} sessions"),
    }
}

/// The command that asks for something.
pub fn request_command(service_name: &str, run_as: &str, reason: bool) -> String {
    let reason = if reason { " --reason \"...\"" } else { "" };
    format!("jit request {}{}{reason}", service(service_name), target(service_name, run_as))
}

/// The command that takes an emergency.
pub fn emergency_command(service_name: &str, run_as: &str) -> String {
    format!("jit emergency {}{} --reason \"...\"", service(service_name), target(service_name, run_as))
}

/// As whom, where a command has to say so.
fn target(service_name: &str, run_as: &str) -> String {
    if is_as_oneself(service_name) || run_as == "root" { String::new() } else { format!(" --as {}", safe(run_as)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::sample;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn approvers_are_named_with_the_group_that_they_are_of() {
        let request = sample::pending();
        assert_eq!(approvers(&request.approvers, &request.stages), "carol or dave (group leads)");
        assert_eq!(approvers(&names(&["group:leads"]), &request.stages), "group leads");
        assert_eq!(approvers(&[], &request.stages), "group leads");
        let mut two = request.stages.clone();
        two[0].count = 2;
        assert_eq!(approvers(&names(&["carol", "dave", "erin"]), &two), "2 of carol, dave or erin (group leads)");
    }

    #[test]
    fn many_names_are_cut_and_each_is_safe() {
        let many: Vec<_> = (0..20).map(|number| format!("user:u{number}")).collect();
        assert_eq!(any_of(&many), "u0, u1, u2, u3, u4, u5 or 14 others");
        assert_eq!(all_of(&names(&["carol", "da\x1bve"])), "carol and da\\u{1b}ve");
        assert_eq!(any_of(&names(&["any"])), "anyone");
    }

    #[test]
    fn the_command_to_type_is_as_short_as_it_can_be() {
        assert_eq!(request_command("sudo", "root", true), "jit request sudo --reason \"...\"");
        assert_eq!(request_command("sudo", "postgres", false), "jit request sudo --as postgres");
        assert_eq!(request_command("sshd", "self", false), "jit request ssh");
        assert_eq!(request_command("login", "self", false), "jit request login");
        assert_eq!(request_command("ksu", "self", false), "jit request ksu --as self");
        assert_eq!(emergency_command("sudo", "root"), "jit emergency sudo --reason \"...\"");
        assert_eq!(emergency_command("sudo", "postgres"), "jit emergency sudo --as postgres --reason \"...\"");
    }

    #[test]
    fn what_one_may_do_reads_as_people_say_it() {
        assert_eq!(may("sudo", "root"), "sudo as root");
        assert_eq!(may("sshd", "self"), "log in by ssh");
        assert_eq!(may("su", "postgres"), "su to postgres");
        assert_eq!([may("ksu", "root"), may("cockpit", "self")], ["use ksu as root", "use cockpit"]);
        assert_eq!([what("sshd", "self"), what("cron", "self")], ["ssh", "cron"]);
    }
}
