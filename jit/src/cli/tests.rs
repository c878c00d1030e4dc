use super::*;
use clap::CommandFactory;

fn parsed(line: &str) -> Verb {
    Cli::try_parse_from(line.split_whitespace()).unwrap_or_else(|error| panic!("{line}: {error}")).verb
}

fn refused(line: &str) -> bool {
    Cli::try_parse_from(line.split_whitespace()).is_err_and(|error| error.exit_code() == 2)
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn a_request_is_for_sudo_unless_said_otherwise() {
    let Verb::Request(request) = parsed("jit request") else { panic!("not a request") };
    assert_eq!((request.service.as_str(), request.run_as, request.time, request.wait), ("sudo", None, None, None));
}

#[test]
fn wait_needs_no_time_and_takes_one_only_behind_an_equals_sign() {
    let wait = |line| {
        let Verb::Request(request) = parsed(line) else { panic!("not a request: {line}") };
        (request.service, request.wait)
    };
    assert_eq!(wait("jit request --wait su"), ("su".to_owned(), Some(None)));
    assert_eq!(wait("jit request --wait=15m"), ("sudo".to_owned(), Some(Some(Span::from_secs(900)))));
    assert!(refused("jit request --wait="), "an empty time");
    assert!(refused("jit request --wait=soon"), "no time");
}

#[test]
fn a_duration_that_could_be_misread_is_refused_here() {
    for line in ["jit request --for 30", "jit request --for 1M", "jit approve R-7F3KQ2ZD --for 0s", "jit request --uses 0"] {
        assert!(refused(line), "{line}");
    }
}

#[test]
fn global_options_stand_anywhere() {
    for line in ["jit --json --socket /x status", "jit status --json --socket /x", "jit policy check --json --socket=/x"] {
        let cli = Cli::try_parse_from(line.split_whitespace()).unwrap();
        assert!(cli.json && cli.socket == Some(PathBuf::from("/x")), "{line}");
    }
}

#[test]
fn what_a_verb_needs_must_be_there() {
    for line in [
        "jit",
        "jit deny R-7F3KQ2ZD",
        "jit grant alice sudo",
        "jit revoke",
        "jit revoke G-7F3KQ2ZD --user alice",
        "jit list --pending --all",
        "jit show",
        "jit policy",
        "jit audit verify --head 12",
        "jit request --start tomorrow",
    ] {
        assert!(refused(line), "{line}");
    }
}

#[test]
fn every_verb_of_this_issue_is_there_with_an_example() {
    let command = Cli::command();
    let verbs = ["status", "request", "wait", "drop", "cancel", "list", "show", "approve", "deny", "grant", "revoke", "reload", "version"];
    for verb in verbs {
        let verb = command.find_subcommand(verb).unwrap_or_else(|| panic!("{verb} is missing"));
        assert!(verb.get_after_help().is_some_and(|help| help.to_string().contains("jit ")), "{} has no example", verb.get_name());
    }
    for (outer, inner) in [("policy", "check"), ("policy", "explain"), ("policy", "show"), ("audit", "log"), ("audit", "verify")] {
        let verb = command.find_subcommand(outer).and_then(|verb| verb.find_subcommand(inner)).unwrap();
        assert!(verb.get_after_help().is_some_and(|help| help.to_string().contains("jit ")), "{outer} {inner} has no example");
    }
}

/// What jitd tells people to type, with each way to refuse.
const TOLD: &str = include_str!("../../../jit_core/src/refusal/said.txt");

#[test]
fn every_command_that_a_refusal_names_can_be_typed_as_it_is_told() {
    let mut commands: Vec<_> = TOLD.split([';', ',', ':', '\n']).map(str::trim).filter(|words| words.starts_with("jit ")).collect();
    commands.retain(|words| *words != "jit request");
    assert!(commands.len() > 10, "{commands:?}");
    for command in commands {
        parsed(command);
    }
}

#[test]
fn a_review_without_a_verdict_is_a_look_and_takes_no_note() {
    for look in ["jit review", "jit review G-7F3KQ2ZD", "jit review G-7F3KQ2ZD --verdict fine --note down"] {
        assert!(matches!(parsed(look), Verb::Review { .. }), "{look}");
    }
    for line in ["jit review --note down", "jit review G-7F3KQ2ZD --note down", "jit review --verdict fine"] {
        assert!(refused(line), "{line}");
    }
}
