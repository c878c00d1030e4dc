//! From TOML to a [`Policy`], with every mistake named: file, line, column, what, and what to do.

use super::reader::{self, Source, Table, Value};
use super::{FileDigest, GrantRule, LegacyRule, Person, Place, Policy, Principal, ReasonRule, Scope, Stage, Starts};
use crate::name::{RuleName, RunAs, Service, UserName};
use crate::span::Span;
use crate::time::WallTime;
use chrono::NaiveDate;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::fmt;

/// The most days ahead that a legacy rule may stand.
pub const LEGACY_DAYS: u64 = 366;

const PRINCIPALS: &str = "write user:NAME, group:NAME, uid:NUMBER or any";
/// Services that one meets; a name that is nearly one of these is questioned.
const SERVICES: [&str; 8] = ["sudo", "sudo-i", "su", "su-l", "sshd", "login", "polkit-1", "cockpit"];
const DEFAULT_FOR: Span = Span::from_secs(1800);
const DEFAULT_MAX: Span = Span::from_secs(4 * 3600);
const DEFAULT_LAPSE: Span = Span::from_secs(3600);
const DEFAULT_USE_WITHIN: Span = Span::from_secs(3600);
/// The longest reason that is kept, in characters.
pub const LONGEST_REASON: u32 = 1000;

/// One file of a policy, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyFile {
    /// What it is called.
    pub file: String,
    /// What is in it.
    pub text: String,
}

/// One thing that is wrong with a policy or its files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where.
    pub place: Place,
    /// What.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl Mistake {
    /// A mistake at a place.
    #[must_use]
    pub fn new(place: Place, message: String, help: String) -> Self {
        Self { place, message, help }
    }
}

/// `FILE:LINE:COLUMN: what (what to do)`.
impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { file, line, column } = &self.place;
        write!(f, "{file}:{line}:{column}: {} ({})", self.message, self.help)
    }
}

/// A policy that can be used, with what is doubtful in it; or all that is wrong.
pub type Loaded = Result<(Policy, Vec<Mistake>), Vec<Mistake>>;

/// Reads a policy from its files, in their order.
///
/// # Errors
/// All mistakes, of all files: then nothing of it is used.
pub fn load(files: &[PolicyFile], now: WallTime) -> Loaded {
    let mut policy = Policy { texts: std::sync::Arc::new(files.to_vec()), ..Policy::default() };
    let mut mistakes = Vec::new();
    for file in files {
        read_file(file, now, &mut policy, &mut mistakes);
    }
    find_double_names(&policy, &mut mistakes);
    find_own_approvers(&policy, &mut mistakes);
    if mistakes.is_empty() {
        let warnings = doubts(&policy, now);
        return Ok((policy, warnings));
    }
    mistakes.sort_by(|a, b| a.place.cmp(&b.place));
    Err(mistakes)
}

fn read_file(file: &PolicyFile, now: WallTime, policy: &mut Policy, mistakes: &mut Vec<Mistake>) {
    let source = Source { file: &file.file, text: &file.text };
    let (document, broken) = reader::parse(&file.text);
    if !broken.is_empty() {
        for (span, what) in broken {
            let help = "this is not TOML; strings need quotes, lists brackets, tables a line [[grant]]".to_owned();
            mistakes.push(Mistake::new(source.place(span.start), format!("{what}, at {}", source.excerpt(&span)), help));
        }
        return;
    }
    let mut top = Table::new(&source, "the policy", document.get_ref(), 0..0);
    read_version(&mut top);
    if let Some(value) = top.take("auditors") {
        policy.auditors.extend(principals(&mut top, "auditors", &value));
    }
    policy.persons.extend(top.tables("person", "[[person]]", read_person));
    policy.grants.extend(top.tables("grant", "[[grant]]", read_grant));
    policy.legacy.extend(top.tables("legacy", "[[legacy]]", |table| read_legacy(table, now)));
    mistakes.extend(top.finish());
    policy.files.push(FileDigest { file: file.file.clone(), sha256: crate::record::hex(&Sha256::digest(file.text.as_bytes())) });
}

fn read_version(top: &mut Table<'_>) {
    let Some(value) = top.require("version", "version = 1, on the first line") else { return };
    let is_one = value.value.as_integer().is_some_and(|number| number.as_str() == "1");
    if !is_one {
        top.wrong(&value.span, "version", "not a version that this jitd knows", "write version = 1, a number without quotes");
    }
}

fn read_person(table: &mut Table<'_>) -> Option<Person> {
    let value = table.require("accounts", "accounts = [\"alice\", \"alice-adm\"]")?;
    let accounts = table.list("accounts", &value, |name| Ok(UserName::new(name)), "write account names");
    if accounts.len() < 2 {
        table.wrong(&value.span, "accounts", "fewer than two accounts", "name all accounts of this one human");
    }
    Some(Person { accounts })
}

fn read_grant(table: &mut Table<'_>) -> Option<GrantRule> {
    let place = table.place();
    let name = read_name(table);
    let scope = read_scope(table);
    let run_as = read_run_as(table, &scope.on);
    let (default, max) = read_for(table);
    let starts = read_starts(table);
    let approve = table.require("approve", "approve = [ { by = [\"group:leads\"], count = 1 } ], or [] for self-service");
    let approve_span = approve.as_ref().map(|value| value.span.clone());
    let stages = approve.map(|value| read_stages(table, &value)).unwrap_or_default();
    let lapse = read_span(table, "lapse").unwrap_or(DEFAULT_LAPSE);
    let reason = read_reason(table, starts);
    if let (Starts::Login, false, Some(span)) = (starts, stages.is_empty(), approve_span) {
        table.wrong(&span, "approve", "not possible with starts = \"login\"", "a grant that starts at login needs approve = []");
    }
    Some(GrantRule { name: name?, place, scope, run_as, default, max, stages, lapse, reason, starts })
}

fn read_legacy(table: &mut Table<'_>, now: WallTime) -> Option<LegacyRule> {
    let place = table.place();
    let name = read_name(table);
    let scope = read_scope(table);
    let run_as = read_run_as(table, &scope.on);
    let owner = table.require("owner", "owner = \"group:storage\"");
    let owner = owner.and_then(|value| table.parsed("owner", &value, principal, PRINCIPALS));
    let reason = table.require("reason", "reason = \"the appliance cannot request\"");
    let reason = reason.and_then(|value| {
        let said = |text: &str| if text.trim().is_empty() { Err("empty".to_owned()) } else { Ok(text.to_owned()) };
        table.parsed("reason", &value, said, "say why this cannot ask")
    });
    let ends = read_until(table, now);
    Some(LegacyRule { name: name?, place, scope, run_as, owner: owner?, reason: reason?, ends: ends? })
}

fn read_name(table: &mut Table<'_>) -> Option<RuleName> {
    let value = table.require("name", "name = \"ops-root\"")?;
    let plain = |text: &str| {
        let fits =
            !text.is_empty() && text.len() <= 64 && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        if fits { Ok(RuleName::new(text)) } else { Err("not a name of a rule".to_owned()) }
    };
    table.parsed("name", &value, plain, "use letters, digits, - _ and ., at most 64")
}

fn read_scope(table: &mut Table<'_>) -> Scope {
    let who = table.require("who", "who = [\"group:ops\"]");
    let who = who.map(|value| {
        let who = principals(table, "who", &value);
        if value.is_empty_list() {
            table.wrong(&value.span, "who", "empty: the rule is about nobody", PRINCIPALS);
        }
        who
    });
    let not = table.take("not").map(|value| principals(table, "not", &value)).unwrap_or_default();
    let on = table.require("on", "on = [\"sudo\"]");
    let on = on.map(|value| {
        let on = table.list("on", &value, service, "write PAM service names: sudo, sshd, su");
        if value.is_empty_list() {
            table.wrong(&value.span, "on", "empty: the rule is about no service", "for example [\"sudo\"]");
        }
        on
    });
    let on = on.unwrap_or_default();
    let from = table.take("from").map(|value| {
        let from = table.list("from", &value, network, "write addresses or networks: \"10.0.0.0/8\", \"2001:db8::/32\"");
        if !on.is_empty() && !on.iter().all(Service::is_sshd) {
            table.wrong(&value.span, "from", "not possible here: only sshd has addresses", "give sshd a rule of its own");
        }
        if from.is_empty() && value.is_empty_list() {
            table.wrong(&value.span, "from", "empty: nobody could come from there", "leave it out to allow any address");
        }
        from
    });
    Scope { who: who.unwrap_or_default(), not, on, from: from.unwrap_or_default() }
}

fn service(text: &str) -> Result<Service, String> {
    let plain = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    match text {
        "ssh" => Err("not a service: the PAM service of ssh is sshd".to_owned()),
        _ if plain => Ok(Service::new(text)),
        _ => Err("not the name of a PAM service".to_owned()),
    }
}

fn network(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address.to_canonical())));
    let net = net.map_err(|_| "neither an address nor a network".to_owned())?;
    if net.trunc() == net { Ok(net) } else { Err(format!("has bits beyond its prefix; the network is {}", net.trunc())) }
}

fn read_run_as(table: &mut Table<'_>, on: &[Service]) -> Vec<RunAs> {
    let sshd_alone = !on.is_empty() && on.iter().all(Service::is_sshd);
    let Some(value) = table.take("as") else {
        return if sshd_alone { vec![RunAs::Oneself] } else { vec![RunAs::root()] };
    };
    let named = |text: &str| if text.is_empty() { Err("empty".to_owned()) } else { Ok(RunAs::as_typed(text)) };
    let run_as = table.list("as", &value, named, "write user names, or \"self\"");
    if sshd_alone {
        table.wrong(&value.span, "as", "not possible for sshd, where it is always oneself", "leave it out");
    } else if value.is_empty_list() {
        table.wrong(&value.span, "as", "empty: as nobody", "for example [\"root\"], the default");
    }
    run_as
}

fn read_for(table: &mut Table<'_>) -> (Span, Span) {
    let Some(value) = table.take("for") else { return (DEFAULT_FOR, DEFAULT_MAX) };
    let spans = table.table("for", "`for`", &value, |inner| {
        let default = read_span(inner, "default");
        let max = read_span(inner, "max");
        (default, max)
    });
    let (default, max) = spans.unwrap_or_default();
    let max = max.unwrap_or_else(|| DEFAULT_MAX.max(default.unwrap_or(DEFAULT_MAX)));
    let default_or = default.unwrap_or(DEFAULT_FOR.min(max));
    if default_or > max {
        table.wrong(&value.span, "for", "its default is longer than its max", "raise max or lower default");
    }
    (default_or, max)
}

fn read_starts(table: &mut Table<'_>) -> Starts {
    const HELP: &str = "write \"approval\", \"first-use\" or \"login\"";
    let starts = table.take("starts");
    let use_within = table.take("use_within");
    let within = use_within.as_ref().and_then(|value| span(table, "use_within", value));
    let read = |text: &str| match text {
        "approval" => Ok(Starts::Approval),
        "first-use" => Ok(Starts::FirstUse(within.unwrap_or(DEFAULT_USE_WITHIN))),
        "login" => Ok(Starts::Login),
        _ => Err("not a way to start".to_owned()),
    };
    let starts = starts.and_then(|value| table.parsed("starts", &value, read, HELP)).unwrap_or(Starts::Approval);
    match (starts, use_within) {
        (Starts::Approval | Starts::Login, Some(value)) => {
            table.wrong(&value.span, "use_within", "without effect here", "it goes with starts = \"first-use\"");
        }
        (Starts::FirstUse(_), Some(_)) | (_, None) => {}
    }
    starts
}

fn read_stages<'a>(table: &mut Table<'a>, value: &Value<'a>) -> Vec<Stage> {
    table.tables_in("approve", "a stage of `approve`", value, |inner| {
        let by = inner.require("by", "by = [\"group:leads\"]");
        let count = inner.take("count").map_or(Some(1), |count| inner.number("count", &count, 1, 16));
        let by = by.map(|value| {
            let by = principals(inner, "by", &value);
            if value.is_empty_list() {
                inner.wrong(&value.span, "by", "empty: nobody could approve", PRINCIPALS);
            }
            by
        });
        Some(Stage { by: by?, count: count? })
    })
}

fn read_reason(table: &mut Table<'_>, starts: Starts) -> ReasonRule {
    let asked = ReasonRule { required: !matches!(starts, Starts::Login), min: 1 };
    let Some(value) = table.take("reason") else { return asked };
    if matches!(starts, Starts::Login) {
        table.wrong(&value.span, "reason", "without effect here: a grant that starts at login is not requested", "leave it out");
    }
    let read = table.table("reason", "`reason`", &value, |inner| {
        let required = inner.take("required").and_then(|value| inner.boolean("required", &value)).unwrap_or(true);
        let min = inner.take("min").and_then(|value| inner.number("min", &value, 1, LONGEST_REASON)).unwrap_or(1);
        ReasonRule { required, min }
    });
    read.unwrap_or(asked)
}

fn read_until(table: &mut Table<'_>, now: WallTime) -> Option<WallTime> {
    const HELP: &str = "write a date at most 366 days ahead, for example 2027-03-31";
    let value = table.require("until", "until = 2027-03-31")?;
    let date = match value.value {
        toml::de::DeValue::Datetime(moment) if moment.time.is_none() => moment.date.map(|date| date.to_string()),
        toml::de::DeValue::String(text) => Some(text.to_string()),
        toml::de::DeValue::Datetime(_)
        | toml::de::DeValue::Integer(_)
        | toml::de::DeValue::Float(_)
        | toml::de::DeValue::Boolean(_)
        | toml::de::DeValue::Array(_)
        | toml::de::DeValue::Table(_) => None,
    };
    let day = date.and_then(|text| NaiveDate::parse_from_str(&text, "%Y-%m-%d").ok());
    let Some(day) = day else {
        table.wrong(&value.span, "until", "not a date", HELP);
        return None;
    };
    let ends = WallTime::after_day(day);
    if ends > WallTime::after_day(now.day()).plus(Span::from_secs(LEGACY_DAYS.saturating_mul(86_400))) {
        table.wrong(&value.span, "until", "more than 366 days ahead", HELP);
        return None;
    }
    Some(ends)
}

fn read_span(table: &mut Table<'_>, key: &'static str) -> Option<Span> {
    let value = table.take(key)?;
    span(table, key, &value)
}

fn span<'a>(table: &mut Table<'a>, key: &'static str, value: &Value<'a>) -> Option<Span> {
    table.parsed(
        key,
        value,
        |text| text.parse().map_err(|why: crate::span::NotASpan| why.to_string()),
        "for example \"30m\", \"2h30m\" or \"7d\"",
    )
}

fn principal(text: &str) -> Result<Principal, String> {
    Principal::parse(text).ok_or_else(|| "nobody that a policy can name".to_owned())
}

fn principals<'a>(table: &mut Table<'a>, key: &'static str, value: &Value<'a>) -> Vec<Principal> {
    table.list(key, value, principal, PRINCIPALS)
}

fn find_double_names(policy: &Policy, mistakes: &mut Vec<Mistake>) {
    let names = policy.grants.iter().map(|rule| (&rule.name, &rule.place));
    let mut names: Vec<_> = names.chain(policy.legacy.iter().map(|rule| (&rule.name, &rule.place))).collect();
    names.sort();
    for pair in names.windows(2) {
        if let [(first, at), (second, place)] = pair
            && first == second
        {
            let message = format!("a second rule named `{second}`; the first is at {}:{}", at.file, at.line);
            mistakes.push(Mistake::new((*place).clone(), message, "names must differ: grants and the record refer to them".to_owned()));
        }
    }
}

/// What is valid, and yet hardly meant.
fn doubts(policy: &Policy, now: WallTime) -> Vec<Mistake> {
    let mut doubts = Vec::new();
    let month = Span::from_secs(30 * 86_400);
    for rule in &policy.legacy {
        if rule.ends <= now.plus(month) {
            let ended = if rule.ends <= now { "has ended: it lets nobody in" } else { "ends within a month" };
            let message = format!("[[legacy]] `{}` {ended}", rule.name);
            doubts.push(Mistake::new(rule.place.clone(), message, format!("renew it or retire it; {} answers for it", rule.owner)));
        }
    }
    let scopes = policy.grants.iter().map(|rule| (&rule.scope, &rule.place));
    for (scope, place) in scopes.chain(policy.legacy.iter().map(|rule| (&rule.scope, &rule.place))) {
        for service in &scope.on {
            let known = SERVICES.contains(&service.as_str());
            if let (false, Some(near)) = (known, super::suggest::nearest(service.as_str(), SERVICES)) {
                let message = format!("a rule for the service `{service}`, which is unusual");
                doubts.push(Mistake::new(place.clone(), message, format!("did you mean `{near}`?")));
            }
        }
    }
    doubts
}

/// Whoever acts as an approver could approve what they asked for themselves.
fn find_own_approvers(policy: &Policy, mistakes: &mut Vec<Mistake>) {
    for rule in &policy.grants {
        let approvers: Vec<_> = rule.stages.iter().flat_map(|stage| &stage.by).collect();
        for target in &rule.run_as {
            if let RunAs::User(name) = target
                && approvers.contains(&&Principal::User(name.clone()))
            {
                let message = format!("[[grant]] `{}` lets people act as {name}, who may approve it", rule.name);
                mistakes.push(Mistake::new(rule.place.clone(), message, "take one of the two out".to_owned()));
            }
        }
    }
}

#[cfg(test)]
mod tests;
