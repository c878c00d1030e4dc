//! `jit policy check`, `jit policy explain`, `jit policy show`, and `jit reload`.

use super::{Context, Ended, verdict};
use crate::cli::ExplainArgs;
use crate::failing::{Exit, Failing};
use crate::out::Form;
use crate::paths::{self, Paths};
use crate::show::{json, table, words};
use jit_core::name::{AsWhom, RunAs, Service, UserName};
use jit_core::policy::Policy;
use jit_core::policy::judge::{Answer, Question, Tested};
use jit_core::policy::load::{self, Around, Loaded, Mistake, PolicyFile};
use jit_core::subject::{Remote, Subject};
use jit_core::text::printable;
use jit_core::time::WallTime;
use jit_host::accounts::subject_by_name;
use jit_host::policy_files;
use jit_host::settings::DEFAULT_FILE;
use jit_proto::user::{Act, UserAnswer};
use jit_proto::view::{FileView, MistakeView, RuleView};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Which policy.
pub enum Which {
    /// This file alone.
    File(PathBuf),
    /// All files of the one that jitd reads, or of a directory that is like its; this is the main one.
    Whole(PathBuf),
}

impl Which {
    /// That of the file or the directory that was named; else that of this host.
    ///
    /// # Errors
    /// All that is wrong with the settings: where jitd's policy is, is not known then.
    fn of(file: Option<&Path>) -> Result<Self, Vec<Mistake>> {
        match file {
            Some(directory) if directory.is_dir() => Ok(Self::Whole(directory.join("policy.toml"))),
            Some(file) => Ok(Self::File(file.to_owned())),
            None => Paths::of_this_host().map(|paths| Self::Whole(paths.policy)),
        }
    }

    /// The same, as a verb that needs one.
    pub fn needed(file: Option<&Path>) -> Result<Self, Failing> {
        Self::of(file).map_err(|mistakes| paths::not_known(&mistakes))
    }

    fn file(&self) -> &Path {
        match self {
            Self::File(file) | Self::Whole(file) => file,
        }
    }

    /// That rules lie beside the file which were not read.
    pub fn left_out(&self) -> Option<String> {
        let Self::File(file) = self else { return None };
        let parts = file.with_file_name("policy.d");
        let is_main = file.file_name().is_some_and(|name| name == "policy.toml") && parts.is_dir();
        is_main.then(|| format!("policy.d beside {} was not read: name the directory for both", words::safe(&file.to_string_lossy())))
    }

    fn read(&self) -> Result<Vec<PolicyFile>, Vec<Mistake>> {
        match self {
            Self::File(file) => policy_files::read_one(file).map(|file| vec![file]).map_err(|mistake| vec![mistake]),
            Self::Whole(main) => policy_files::read(main),
        }
    }

    /// The policy.
    pub fn loaded(&self, around: Around) -> Loaded {
        load::load(&self.read()?, around)
    }
}

/// What there is around a policy of this host.
pub fn here(now: WallTime) -> Around {
    Around { now, zone: jit_host::zone::host_zone() }
}

fn view(mistake: &Mistake) -> MistakeView {
    let Mistake { place, message, help } = mistake;
    MistakeView { file: place.file.clone(), line: place.line, column: place.column, message: message.clone(), help: help.clone() }
}

fn views(mistakes: &[Mistake]) -> Vec<MistakeView> {
    mistakes.iter().map(view).collect()
}

/// `file:line:column: message (help)`.
fn line(mistake: &MistakeView) -> String {
    let MistakeView { file, line, column, message, help } = mistake;
    let (file, message) = (words::safe(file), words::safe(message));
    let help = if help.is_empty() { String::new() } else { format!(" ({})", words::safe(help)) };
    format!("{file}:{line}:{column}: {message}{help}")
}

fn say_mistakes(context: &Context, errors: &[MistakeView], warnings: &[MistakeView]) -> Result<(), Failing> {
    errors.iter().try_for_each(|error| context.out.say(&line(error)))?;
    warnings.iter().try_for_each(|warning| context.out.say(&format!("warning: {}", line(warning))))
}

/// Checks policy files, without jitd.
pub fn check(context: &Context, file: Option<&Path>) -> Ended {
    let which = Which::of(file);
    // Which file jitd reads stands in its settings: where those are wrong, they are what is to be mended.
    let name = which.as_ref().map_or(Path::new(DEFAULT_FILE), Which::file).to_string_lossy().into_owned();
    let loaded = which.and_then(|which| Ok((which.loaded(here(context.out.clock().now()))?, which)));
    let verdict = |words: String| format!("{}: {words}", words::safe(&name));
    let ((policy, warnings), which) = match loaded {
        Ok(loaded) => loaded,
        Err(errors) => {
            let words = verdict(format!("not valid: {}", counted(errors.len(), "mistake")));
            return say_checked(context, &views(&errors), &[], &words);
        }
    };
    let words = verdict(match policy.rules() {
        0 => "valid, but it has no rule and lets nobody in".to_owned(),
        rules => format!("valid, {}", counted(rules, "rule")),
    });
    let mut warnings = views(&warnings);
    warnings.extend(which.left_out().map(|message| MistakeView {
        file: which.file().to_string_lossy().into_owned(),
        line: 1,
        column: 1,
        message,
        help: "jit policy check DIRECTORY".to_owned(),
    }));
    match context.out.form() {
        Form::Json => {
            warnings.extend(super::policy_check::here(context, policy, which.file()));
            say_checked(context, &[], &warnings, &words)
        }
        // The names come behind the verdict, which does not hang on them: who is to be asked may not answer.
        Form::Human => {
            let exit = say_checked(context, &[], &warnings, &words)?;
            let said = say_mistakes(context, &[], &super::policy_check::here(context, policy, which.file()));
            super::verdict(exit, said)
        }
    }
}

/// Says whether a policy is valid, and what is wrong with it.
fn say_checked(context: &Context, errors: &[MistakeView], warnings: &[MistakeView], words: &str) -> Ended {
    let valid = errors.is_empty();
    let said = match context.out.form() {
        Form::Json => context.out.json(&json::Checked { valid, errors, warnings }),
        Form::Human => say_mistakes(context, errors, warnings).and_then(|()| context.out.say(words)),
    };
    verdict(if valid { Exit::Done } else { Exit::Refused }, said)
}

fn counted(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}

/// Lets jitd read its policy again.
pub fn reload(context: &Context) -> Ended {
    let conversation = context.talk.ask(Act::Reload)?;
    let UserAnswer::Reloaded { valid, errors, mut warnings } = conversation.next()? else { return Err(conversation.unexpected()) };
    if valid {
        // A name of nobody in a [[deny]] or a [[person]] keeps nobody out, and is noticed nowhere else.
        let loaded = Which::of(None).and_then(|which| which.loaded(here(context.out.clock().now())));
        warnings.extend(loaded.map(|(policy, _)| super::policy_check::names_soon(policy)).unwrap_or_default());
    }
    let words =
        if valid { "The policy was read again, and is in force." } else { "The policy is not valid; the old policy stays in force." };
    let said = match context.out.form() {
        Form::Json => context.out.json(&json::Checked { valid, errors: &errors, warnings: &warnings }),
        Form::Human => say_mistakes(context, &errors, &warnings).and_then(|()| context.out.say(words)),
    };
    verdict(if valid { Exit::Done } else { Exit::Refused }, said)
}

/// Prints the policy in force.
pub fn show(context: &Context) -> Ended {
    let conversation = context.talk.ask(Act::PolicyShow)?;
    let mut files: Vec<FileView> = Vec::new();
    loop {
        let UserAnswer::PolicyFile { part, more } = conversation.next()? else { return Err(conversation.unexpected()) };
        match files.last_mut() {
            Some(last) if last.file == part.file => last.text.push_str(&part.text),
            Some(_) | None if part.file.is_empty() && part.text.is_empty() => {}
            Some(_) | None => files.push(part),
        }
        if !more {
            break;
        }
    }
    match context.out.form() {
        Form::Json => context.out.json(&json::Files { files: &files })?,
        Form::Human => {
            for file in &files {
                context.out.heading(&format!("# {}", words::safe(&file.file)))?;
                let lines: Vec<_> = file.text.lines().map(|line| printable(&line.replace('\t', "    "), usize::MAX)).collect();
                context.out.say(&lines.join("\n"))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// Says what the policy answers somebody, and why, without jitd.
pub fn explain(context: &Context, args: ExplainArgs) -> Ended {
    let clock = context.out.clock();
    let which = Which::needed(args.policy.as_deref())?;
    let policy = match which.loaded(here(clock.now())) {
        Ok((policy, _)) => policy,
        Err(mistakes) => return Err(not_valid(&mistakes)),
    };
    let name = UserName::new(args.user);
    let subject = subject_by_name(&name).map_err(|trouble| {
        Failing::refused(
            format!("nothing can be said of {name}: {trouble}"),
            "check the spelling: the policy is about accounts of this host",
        )
    })?;
    let service = Service::as_typed(&args.service);
    let run_as = if service.is_as_oneself() { RunAs::Oneself } else { wanted_run_as(args.run_as.as_deref(), &subject) };
    let at = args.at.map_or_else(|| clock.now(), |when| WallTime::from_millis(when.begins(clock).0));
    let question = Question { subject: &subject, service: &service, run_as: Some(&run_as), at };
    let explanation = explained(&policy, question, said(args.from));
    match context.out.form() {
        Form::Json => {
            let (answer, rule) = (explanation.answer, explanation.rule.as_deref());
            context.out.json(&json::Explained { answer, rule, why: &explanation.why })?;
        }
        Form::Human => {
            context.out.say(&explanation.sentence(question))?;
            if service.as_whom() == AsWhom::Either && run_as != RunAs::Oneself {
                let service = words::safe(service.as_str());
                context
                    .out
                    .say(&format!("Where {service} is a daemon of root's, everybody comes in as themselves: ask with --as self."))?;
            }
            which.left_out().map_or(Ok(()), |left_out| context.out.say(&format!("{left_out}.")))?;
            if !explanation.why.is_empty() {
                context.out.heading("How each rule fared")?;
                context.out.say(&table::rows(None, explanation.why.iter().map(row).collect(), &[4], context.out.width()))?;
            }
        }
    }
    Ok(Exit::Done)
}

/// The address, if one was said: who asks for something asks for it from anywhere.
pub fn said(from: Option<IpAddr>) -> Option<Remote> {
    from.map(|address| Remote::from_address(Some(address)))
}

fn wanted_run_as(typed: Option<&str>, subject: &Subject) -> RunAs {
    match typed.map(RunAs::as_typed) {
        None => RunAs::root(),
        Some(RunAs::User(target)) => RunAs::of(&subject.name, target),
        Some(RunAs::Oneself) => RunAs::Oneself,
    }
}

pub fn not_valid(mistakes: &[Mistake]) -> Failing {
    let first = mistakes.first().map(|mistake| line(&view(mistake))).unwrap_or_default();
    Failing::refused(format!("the policy is not valid: {first}"), "see all that is wrong: jit policy check")
}

/// What the policy answers.
pub struct Explanation {
    /// The word for it.
    pub answer: &'static str,
    /// The rule that decides.
    pub rule: Option<String>,
    /// How each rule fared.
    pub why: Vec<RuleView>,
}

/// Whether the module asks at all: not where root calls sudo, su or runuser, nor where it logs in at the console, which is at no
/// address.
fn is_asked(question: Question<'_>, remote: Option<Remote>) -> bool {
    let is_let_be = match question.service.as_str() {
        "sudo" | "sudo-i" | "su" | "su-l" | "runuser" | "runuser-l" => true,
        "login" => remote.is_none(),
        _ => false,
    };
    !(question.subject.uid.is_root() && is_let_be)
}

/// What the policy answers, as far as it is asked: see DESIGN.md 4.
pub fn explained(policy: &Policy, question: Question<'_>, remote: Option<Remote>) -> Explanation {
    let (answer, rule, tests) = policy.explain(question, remote);
    let ours = is_asked(question, remote);
    let tested = |tested: Tested| RuleView {
        name: tested.name.to_string(),
        kind: tested.kind.to_owned(),
        file: tested.place.file,
        line: tested.place.line,
        matched: tested.matched && ours,
        because: tested.because,
    };
    let why = tests.into_iter().map(tested).collect();
    if ours {
        Explanation { answer: Answer::word(answer), rule: rule.map(|rule| rule.to_string()), why }
    } else {
        Explanation { answer: "ignore", rule: None, why }
    }
}

impl Explanation {
    fn sentence(&self, question: Question<'_>) -> String {
        let user = question.subject.name.to_string();
        let run_as = question.run_as.map_or_else(|| "root".to_owned(), RunAs::to_string);
        let may = words::may(question.service.as_str(), &run_as);
        let rule = self.rule.as_deref().map(words::safe).unwrap_or_default();
        match self.answer {
            "grant" => format!("{user} may {may} at once, without a request: rule {rule}."),
            "request" => {
                let command = words::request_command(question.service.as_str(), &run_as, true);
                format!("{user} may {may} after a request: rule {rule}.\nThey type: {command}")
            }
            "emergency" => {
                let command = words::emergency_command(question.service.as_str(), &run_as);
                format!("{user} may {may} in an emergency alone: rule {rule}.\nThey type: {command}")
            }
            "deny" => format!("{user} may not {may}: rule {rule} forbids it."),
            "ignore" => format!("{user} may {may} as far as pam-jit is concerned: it leaves root alone there."),
            _ => format!("{user} may not {may}: no rule lets them."),
        }
    }
}

fn row(rule: &RuleView) -> Vec<String> {
    let place = format!("{}:{}", words::safe(&rule.file), rule.line);
    let mark = if rule.matched { "decides" } else { "" };
    vec![words::safe(&rule.name), words::safe(&rule.kind), place, mark.to_owned(), words::safe(&rule.because)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use jit_core::name::{GroupName, Uid};
    use jit_core::subject::Groups;

    const POLICY: &str = r#"version = 1
[[grant]]
name = "ops-root"
who = ["group:ops"]
on = ["sudo"]
approve = [ { by = ["group:leads"], count = 1 } ]

[[grant]]
name = "dba"
who = ["group:ops"]
on = ["sudo"]
as = ["postgres"]
approve = []

[[emergency]]
name = "oncall"
who = ["group:oncall"]
on = ["sudo"]
as = ["postgres"]
limit = { times = 3, per = "7d" }
review = { by = ["group:leads"], within = "24h" }
"#;

    fn policy() -> Policy {
        let file = PolicyFile { file: "p.toml".to_owned(), text: POLICY.to_owned() };
        load::load(&[file], Around { now: WallTime::from_millis(0), zone: None }).unwrap().0
    }

    fn explanation(uid: u32, group: &str, run_as: &RunAs) -> (Explanation, String) {
        let groups = Groups::Known([GroupName::new(group)].into());
        let subject = Subject { uid: Uid(uid), name: UserName::new("alice"), groups };
        let service = Service::new("sudo");
        let question = Question { subject: &subject, service: &service, run_as: Some(run_as), at: WallTime::from_millis(0) };
        let explanation = explained(&policy(), question, None);
        let sentence = explanation.sentence(question);
        (explanation, sentence)
    }

    #[test]
    fn an_explanation_names_the_rule_that_decides_and_why_each_other_does_not() {
        let (explanation, sentence) = explanation(1001, "ops", &RunAs::root());
        assert_eq!((explanation.answer, explanation.rule.as_deref()), ("request", Some("ops-root")));
        assert_eq!(sentence, "alice may sudo as root after a request: rule ops-root.\nThey type: jit request sudo --reason \"...\"");
        assert_eq!(row(&explanation.why[1]), ["dba", "grant", "p.toml:8", "", "as: only postgres"]);
        assert!(explanation.why[0].matched);
    }

    #[test]
    fn the_command_that_is_told_is_about_the_user_who_was_asked_about() {
        let typed = |group: &str| explanation(1001, group, &RunAs::as_typed("postgres")).1.lines().last().unwrap().to_owned();
        assert_eq!(typed("ops"), "They type: jit request sudo --as postgres --reason \"...\"");
        assert_eq!(typed("oncall"), "They type: jit emergency sudo --as postgres --reason \"...\"");
    }

    #[test]
    fn who_is_not_named_may_not_and_root_is_left_alone() {
        let (explanation, sentence) = self::explanation(1001, "interns", &RunAs::root());
        assert_eq!((explanation.answer, explanation.rule), ("none", None));
        assert_eq!(sentence, "alice may not sudo as root: no rule lets them.");
        let (explanation, _) = self::explanation(0, "ops", &RunAs::root());
        assert_eq!(explanation.answer, "ignore");
        assert!(explanation.why.iter().all(|rule| !rule.matched));
    }

    #[test]
    fn root_is_left_alone_by_what_it_calls_itself_and_at_the_console_and_asked_about_elsewhere() {
        let root = Subject { uid: Uid::ROOT, name: UserName::new("root"), groups: Groups::unknown() };
        let answer = |service: &str, from: Option<&str>| {
            let service = Service::new(service);
            let question = Question { subject: &root, service: &service, run_as: None, at: WallTime::from_millis(0) };
            explained(&policy(), question, said(from.map(|from| from.parse().unwrap()))).answer
        };
        for left_alone in ["sudo", "sudo-i", "su", "su-l", "runuser", "runuser-l", "login"] {
            assert_eq!(answer(left_alone, None), "ignore", "{left_alone}");
        }
        assert_eq!([answer("login", Some("192.0.2.1")), answer("sshd", None), answer("cron", None)], ["none"; 3]);
    }

    #[test]
    fn a_mistake_is_one_safe_line() {
        let mistake =
            MistakeView { file: "p\n.toml".to_owned(), line: 3, column: 7, message: "bad\x1b[2J".to_owned(), help: "mend it".to_owned() };
        assert_eq!(line(&mistake), "p\\n.toml:3:7: bad\\u{1b}[2J (mend it)");
    }
}
