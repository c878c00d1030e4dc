//! What a line does with the answers of our module: pam.d(5)'s one word, or its `[answer=action ...]`.

/// The word of a line, written as what it is short for (pam.d(5)).
fn actions(control: &str) -> Option<String> {
    let inner = control.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let actions = match (inner, control.to_ascii_lowercase().as_str()) {
        (Some(inner), _) => inner,
        (None, "required") => "success=ok new_authtok_reqd=ok ignore=ignore default=bad",
        (None, "requisite") => "success=ok new_authtok_reqd=ok ignore=ignore default=die",
        (None, "sufficient") => "success=done new_authtok_reqd=done default=ignore",
        (None, "optional") => "success=ok new_authtok_reqd=ok default=ignore",
        (None, _) => return None,
    };
    Some(actions.replace('=', " = "))
}

/// What becomes of an answer: the last word about it, else about all, else libpam's own.
fn action(actions: &str, answer: &str) -> String {
    let words: Vec<_> = actions.split_ascii_whitespace().collect();
    let about = |name: &str| {
        words.windows(3).rev().find_map(|three| match three {
            [answer, "=", action] if *answer == name => Some((*action).to_owned()),
            _ => None,
        })
    };
    about(answer).or_else(|| about("default")).unwrap_or_else(|| "bad".to_owned())
}

/// What is wrong with the controls of our lines in a service, each once.
pub fn wrong(controls: &[&str]) -> Vec<String> {
    let mut controls = controls.to_vec();
    controls.sort_unstable();
    controls.dedup();
    let mut wrong = Vec::new();
    let mut away = Vec::new();
    for control in controls {
        let Some(actions) = actions(control) else {
            wrong.push(format!("\"{control}\" is no control of pam.d(5)"));
            continue;
        };
        let of = |answer| action(&actions, answer);
        if of("ignore") != "ignore" {
            wrong.push(format!("{control} has no ignore=ignore: root's own calls are denied, and with observe= everybody"));
        }
        if ["perm_denied", "system_err"].iter().any(|no| !matches!(of(no).as_str(), "bad" | "die")) {
            wrong.push(format!("{control} makes nothing of a denial: whoever is denied comes in all the same"));
        }
        away.push(of("authinfo_unavail"));
    }
    let ignores = |action: &String| !matches!(action.as_str(), "bad" | "die");
    if away.iter().any(ignores) && !away.iter().all(ignores) {
        wrong.push("not all of our lines have the same authinfo_unavail=: without jitd one lets in, and another does not".to_owned());
    }
    wrong
}

/// Whether a line with this control lets nobody in where the module is gone, or cannot be loaded (PAM-FACTS 25).
pub fn needs_the_module(control: &str) -> bool {
    actions(control).is_none_or(|actions| matches!(action(&actions, "module_unknown").as_str(), "bad" | "die"))
}

/// What becomes of an answer where the lines behind this one are run all the same.
const RUNS_ON: [&str; 5] = ["ok", "ignore", "bad", "die", "reset"];

/// Whether the lines behind one with this control are run, or nobody comes in: `done` ends the stack, and a number jumps over lines,
/// whatever answer it is for. A module can be made to fail, and `done` takes a failure too where something before it was in favour.
pub fn runs_on(control: &str) -> bool {
    let Some(actions) = actions(control) else { return false };
    let words: Vec<_> = actions.split_ascii_whitespace().collect();
    words.chunks(3).all(|three| matches!(three, [_, "=", action] if RUNS_ON.contains(action)))
}

/// Whether a line with this control ends the stack, or the substack that it stands in, with an answer that lets in.
pub fn ends(control: &str) -> bool {
    actions(control).is_some_and(|actions| actions.split_ascii_whitespace().any(|word| word == "done"))
}

/// Whether a failed session (PAM_SESSION_ERR) of a line with this control is what the whole stack answers, whatever is said behind it.
pub fn answers_with_a_failed_session(control: &str) -> bool {
    actions(control).is_none_or(|actions| matches!(action(&actions, "session_err").as_str(), "bad" | "die"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::OPEN_WITHOUT_THE_MODULE;

    #[test]
    fn a_line_that_opens_without_the_module_ignores_that_it_is_unknown_and_nothing_else() {
        for shut in ["required", "requisite", "[success=ok ignore=ignore default=die]", "[success=ok ignore=ignore]", "odd"] {
            assert!(needs_the_module(shut), "{shut}");
        }
        for open in [OPEN_WITHOUT_THE_MODULE, "optional", "sufficient"] {
            assert!(!needs_the_module(open), "{open}");
        }
        assert_eq!(wrong(&[OPEN_WITHOUT_THE_MODULE]), [""; 0]);
    }

    #[test]
    fn what_ends_the_stack_or_jumps_for_any_answer_keeps_what_is_behind_it_from_being_run() {
        for fine in ["required", "requisite", "Optional", "[success=ok ignore = ignore default=bad]", "[default=die]", "[success=reset]"] {
            assert!(runs_on(fine), "{fine}");
        }
        for not in [
            "sufficient",
            "SUFFICIENT",
            "[success=done default=ignore]",
            "[success=1 default=ignore]",
            "[success=ok default=1]",
            "[success=ok session_err = done default=ignore]",
            "[success=ok ignore=12]",
            "[success=okdefault=done]",
            "binding",
        ] {
            assert!(!runs_on(not), "{not}");
        }
        assert!(["sufficient", "[success=ok session_err = done]"].into_iter().all(ends));
        assert!(!["required", "[success=1 default=ignore]", "binding"].into_iter().any(ends));
        for heard in ["required", "requisite", "[success=ok]", "[success=ok default=die]"] {
            assert!(answers_with_a_failed_session(heard), "{heard}");
        }
        for quiet in ["optional", "[default=ignore]", "[success=ok session_err=ignore default=bad]"] {
            assert!(!answers_with_a_failed_session(quiet), "{quiet}");
        }
    }

    #[test]
    fn what_denies_what_is_not_ours_or_lets_a_denial_pass_is_wrong() {
        let open = "[success=ok ignore=ignore authinfo_unavail=ignore default=die]";
        for fine in [
            "required",
            "requisite",
            "Required",
            open,
            "[default=bad success=done ignore = ignore]",
            "[success=1 default=die ignore=ignore]",
        ] {
            assert_eq!(wrong(&[fine, fine, fine]), [""; 0], "{fine}");
        }
        for (control, why) in [
            ("[success=ok authinfo_unavail=ignore default=die]", "no ignore=ignore"),
            ("[success=ok]", "no ignore=ignore"),
            ("[ignore=ignore success=ok default=die ignore=die]", "no ignore=ignore"),
            ("optional", "comes in all the same"),
            ("sufficient", "comes in all the same"),
            ("[success=ok default=ignore]", "comes in all the same"),
            ("[success=ok ignore=ignore system_err=ignore default=die]", "comes in all the same"),
            ("binding", "no control"),
        ] {
            let said = wrong(&[control]);
            assert!(said.len() == 1 && said[0].contains(why), "{control}: {said:?}");
        }
        assert!(wrong(&[open, "required", "required"])[0].contains("not all of our lines"));
    }
}
