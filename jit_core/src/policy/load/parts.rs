//! The parts that rules are made of, as they are read from TOML.

use super::LEGACY_DAYS;
use super::who::{PRINCIPALS, account, deciders, principals};
use crate::name::{RuleName, RunAs, Service};
use crate::policy::hours::Hours;
use crate::policy::reader::{Table, Value};
use crate::policy::{AtExpiry, Escalate, Extend, ReasonRule, Require, Scope, SessionRule, Stage, Starts};
use crate::span::Span;
use crate::time::WallTime;
use chrono::NaiveDate;
use chrono_tz::Tz;
use ipnet::{IpNet, Ipv4Net};

const DEFAULT_FOR: Span = Span::from_secs(1800);
const DEFAULT_MAX: Span = Span::from_secs(4 * 3600);
const DEFAULT_USE_WITHIN: Span = Span::from_secs(3600);
/// The longest reason that is kept, in characters.
pub const LONGEST_REASON: u32 = 1000;

/// What is known beside the files.
#[derive(Debug, Clone, Copy)]
pub struct Around {
    /// The moment.
    pub now: WallTime,
    /// The host's time zone, if it can be told.
    pub zone: Option<Tz>,
}

pub fn read_name(table: &mut Table<'_>) -> Option<RuleName> {
    let value = table.require("name", "name = \"ops-root\"")?;
    let plain = |text: &str| {
        let fits =
            !text.is_empty() && text.len() <= 64 && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
        if fits { Ok(RuleName::new(text)) } else { Err("not a name of a rule".to_owned()) }
    };
    table.parsed("name", &value, plain, "use letters, digits, - _ and ., at most 64")
}

/// What `sudo` and `su` cover is no service of its own where something is given: it could not be asked for.
pub fn read_scope(table: &mut Table<'_>, around: Around) -> Scope {
    read_scope_on(table, around, whole_service)
}

/// The same where it is taken away.
pub fn read_scope_of_deny(table: &mut Table<'_>, around: Around) -> Scope {
    read_scope_on(table, around, service)
}

fn read_scope_on(table: &mut Table<'_>, around: Around, service: fn(&str) -> Result<Service, String>) -> Scope {
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
    let from = read_from(table, &on);
    let hours = read_hours(table, around);
    Scope { who: who.unwrap_or_default(), not, on, from, hours }
}

fn read_from(table: &mut Table<'_>, on: &[Service]) -> Vec<IpNet> {
    let Some(value) = table.take("from") else { return Vec::new() };
    let from = table.list("from", &value, network, "write addresses or networks: \"10.0.0.0/8\", \"2001:db8::/32\"");
    if !on.is_empty() && !on.iter().all(Service::is_sshd) {
        table.wrong(&value.span, "from", "not possible here: only sshd has addresses", "give sshd a rule of its own");
    }
    if value.is_empty_list() {
        table.wrong(&value.span, "from", "empty: nobody could come from there", "leave it out to allow any address");
    }
    from
}

fn read_hours(table: &mut Table<'_>, around: Around) -> Option<Hours> {
    const ZONES: &str = "write a name of the time zone database, for example \"Europe/Berlin\" or \"UTC\"";
    let hours = table.take("hours");
    let zone = table.take("zone");
    let named = zone.as_ref().map(|value| {
        let read = |text: &str| text.parse::<Tz>().map_err(|_| no_zone(text));
        table.parsed("zone", value, read, ZONES)
    });
    let (hours, zone_span) = match (hours, zone.map(|value| value.span)) {
        (Some(hours), zone) => (hours, zone),
        (None, Some(zone)) => {
            table.wrong(
                &zone,
                "zone",
                "without effect here: there is no `hours`",
                "add hours = [\"mon-fri 08:00-19:00\"], or leave it out",
            );
            return None;
        }
        (None, None) => return None,
    };
    let read = |text: &str| text.parse().map_err(|why: crate::policy::hours::NotAWindow| why.to_string());
    let windows = table.list("hours", &hours, read, "for example \"mon-fri 08:00-19:00\" or \"22:00-06:00\"");
    if hours.is_empty_list() {
        table.wrong(&hours.span, "hours", "empty: the rule would never match", "leave it out to match at any time");
    }
    let zone = match (named, around.zone) {
        (Some(named), _) => named?,
        (None, Some(host)) => host,
        (None, None) => {
            table.wrong(&zone_span.unwrap_or(hours.span), "hours", "without a zone, and this host's cannot be told", ZONES);
            return None;
        }
    };
    Some(Hours { windows, zone })
}

fn no_zone(text: &str) -> String {
    let same = |zone: &&Tz| zone.name().eq_ignore_ascii_case(text.trim());
    let near = chrono_tz::TZ_VARIANTS.iter().find(same);
    near.map_or_else(|| "not a time zone".to_owned(), |zone| format!("not a time zone; did you mean {zone}?"))
}

fn service(text: &str) -> Result<Service, String> {
    let plain = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter));
    match text {
        "ssh" => Err("not a service: the PAM service of ssh is sshd".to_owned()),
        _ if plain => Ok(Service::new(text)),
        _ => Err("not the name of a PAM service".to_owned()),
    }
}

fn whole_service(text: &str) -> Result<Service, String> {
    let service = service(text)?;
    let family = service.family();
    if family == service { Ok(service) } else { Err(format!("covered by {family}, and cannot be asked for by itself: write {family}")) }
}

fn network(text: &str) -> Result<IpNet, String> {
    let net = text.parse::<IpNet>().or_else(|_| text.parse().map(|address: std::net::IpAddr| IpNet::from(address.to_canonical())));
    let net = unmapped(net.map_err(|_| "neither an address nor a network".to_owned())?);
    if net.trunc() == net { Ok(net) } else { Err(format!("has bits beyond its prefix; the network is {}", net.trunc())) }
}

/// An IPv4 network that is written as IPv6 maps it: addresses are compared as what they are.
fn unmapped(net: IpNet) -> IpNet {
    let IpNet::V6(mapped) = net else { return net };
    let prefix = mapped.prefix_len().checked_sub(96);
    let plain = mapped.addr().to_ipv4_mapped().zip(prefix).and_then(|(address, prefix)| Ipv4Net::new(address, prefix).ok());
    plain.map_or(net, IpNet::V4)
}

fn run_as(text: &str) -> Result<RunAs, String> {
    if ["any", "all", "*"].contains(&text.to_ascii_lowercase().as_str()) {
        return Err("not an account: each one is named".to_owned());
    }
    account(text).map(|name| RunAs::as_typed(name.as_str()))
}

const RUN_AS: &str = "write account names without user:, or \"self\"";

/// A service at which everybody comes in as themselves, if all of these are such; sshd, if it is all.
fn alone_as_oneself(on: &[Service]) -> Option<&Service> {
    let first = on.first().filter(|_| on.iter().all(Service::is_as_oneself))?;
    Some(on.iter().find(|service| !service.is_sshd()).unwrap_or(first))
}

/// Where everybody comes in as themselves, a rule cannot be about another.
fn oneself_at(table: &mut Table<'_>, value: &Value<'_>, service: &Service, run_as: &[RunAs]) {
    if service.is_sshd() || !run_as.contains(&RunAs::Oneself) {
        let why = format!("not possible for {}, where it is always oneself", service.as_str());
        table.wrong(&value.span, "as", &why, "leave it out");
    }
}

pub fn read_run_as(table: &mut Table<'_>, on: &[Service]) -> Vec<RunAs> {
    let alone = alone_as_oneself(on);
    let Some(value) = table.take("as") else {
        return vec![if alone.is_some() { RunAs::Oneself } else { RunAs::root() }];
    };
    let run_as = table.list("as", &value, run_as, RUN_AS);
    if let Some(service) = alone {
        oneself_at(table, &value, service, &run_as);
    } else if value.is_empty_list() {
        table.wrong(&value.span, "as", "empty: as nobody", "for example [\"root\"], the default");
    }
    run_as
}

/// `as` of a `[[deny]]`.
pub fn read_denied_run_as(table: &mut Table<'_>, on: &[Service]) -> Option<Vec<RunAs>> {
    let value = table.take("as")?;
    let run_as = table.list("as", &value, run_as, RUN_AS);
    let void = on.iter().find(|service| service.is_as_oneself() && !run_as.contains(&RunAs::Oneself));
    if let Some(service) = void.map(Service::as_str) {
        let why = format!("not possible for {service}, where it is always oneself: nobody would be denied there");
        table.wrong(&value.span, "as", &why, &format!("give {service} a [[deny]] of its own, without `as`"));
    } else if value.is_empty_list() {
        table.wrong(&value.span, "as", "empty: as nobody", "leave it out for anybody");
    }
    Some(run_as)
}

/// `as` where there need not be one.
pub fn read_any_run_as(table: &mut Table<'_>, on: &[Service]) -> Option<Vec<RunAs>> {
    let value = table.take("as")?;
    let run_as = table.list("as", &value, run_as, RUN_AS);
    if let Some(service) = alone_as_oneself(on) {
        oneself_at(table, &value, service, &run_as);
    } else if value.is_empty_list() {
        table.wrong(&value.span, "as", "empty: as nobody", "leave it out for anybody");
    }
    Some(run_as)
}

/// `for`.
pub struct Time {
    /// `default`.
    pub default: Span,
    /// `max`.
    pub max: Span,
    /// Where `max` stands, if it does.
    max_at: Option<std::ops::Range<usize>>,
}

impl Time {
    /// Its default, where nobody can ask for more: whoever wrote a longer `max` meant something by it.
    pub fn default_alone(self, table: &mut Table<'_>, why: &str) -> Self {
        if let Some(at) = self.max_at.as_ref().filter(|_| self.max > self.default) {
            table.doubt(at, "max", why, "leave it out, or write the time that is meant as `default`");
        }
        self
    }
}

pub fn read_for(table: &mut Table<'_>) -> Time {
    let Some(value) = table.take("for") else { return Time { default: DEFAULT_FOR, max: DEFAULT_MAX, max_at: None } };
    let spans = table.table("for", "`for`", &value, |inner| {
        let default = read_span(inner, "default");
        let max = inner.take("max");
        (default, max.as_ref().and_then(|max| span(inner, "max", max)), max.map(|max| max.span))
    });
    let (default, max, max_at) = spans.unwrap_or_default();
    let max = max.unwrap_or_else(|| DEFAULT_MAX.max(default.unwrap_or(DEFAULT_MAX)));
    let default_or = default.unwrap_or(DEFAULT_FOR.min(max));
    if default_or > max {
        table.wrong(&value.span, "for", "its default is longer than its max", "raise max or lower default");
    }
    Time { default: default_or, max, max_at }
}

pub fn read_starts(table: &mut Table<'_>) -> Starts {
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

pub fn read_stages<'a>(table: &mut Table<'a>, value: &Value<'a>) -> Vec<Stage> {
    table.tables_in("approve", "a stage of `approve`", value, |inner| {
        let by = inner.require("by", "by = [\"group:leads\"]");
        let count = inner.take("count").map_or(Some(1), |count| inner.number("count", &count, 1, 16));
        let by = by.map(|value| deciders(inner, "by", &value, "empty: nobody could approve"));
        Some(Stage { by: by?, count: count? })
    })
}

pub fn read_reason(table: &mut Table<'_>, starts: Starts) -> ReasonRule {
    let asked = ReasonRule { required: !matches!(starts, Starts::Login), min: 1, pattern: None };
    let Some(value) = table.take("reason") else { return asked };
    if matches!(starts, Starts::Login) {
        table.wrong(&value.span, "reason", AT_LOGIN, "leave it out");
    }
    let read = table.table("reason", "`reason`", &value, |inner| {
        let required = inner.take("required").and_then(|value| inner.boolean("required", &value)).unwrap_or(true);
        let min = inner.take("min").and_then(|value| inner.number("min", &value, 1, LONGEST_REASON)).unwrap_or(1);
        let pattern = inner.take("pattern").and_then(|value| {
            let source = inner.source();
            inner.parsed(
                "pattern",
                &value,
                |text| source.pattern(text),
                "write a regular expression in single quotes, for example '(INC|CHG)-\\d+'",
            )
        });
        ReasonRule { required, min, pattern }
    });
    read.unwrap_or(asked)
}

/// That a key says nothing where grants are given at log-in, each for as many sessions as its time lets in.
pub const AT_LOGIN: &str = "without effect here: a grant that starts at login is not requested";

pub fn read_uses(table: &mut Table<'_>, starts: Starts) -> Option<u32> {
    let value = table.take("uses")?;
    if matches!(starts, Starts::Login) {
        table.wrong(&value.span, "uses", AT_LOGIN, "leave it out");
    }
    table.table("uses", "`uses`", &value, |inner| {
        let max = inner.require("max", "uses = { max = 20 }")?;
        inner.number("max", &max, 1, 1_000_000)
    })?
}

pub fn read_escalate(table: &mut Table<'_>, lapse: Span) -> Option<Escalate> {
    let value = table.take("escalate")?;
    let read = table.table("escalate", "`escalate`", &value, |inner| {
        let after = inner.require("after", "after = \"15m\"").and_then(|value| span(inner, "after", &value));
        let to = inner.require("to", "to = [\"group:managers\"]").map(|value| deciders(inner, "to", &value, "empty: to nobody"));
        Some(Escalate { after: after?, to: to? })
    })??;
    if read.after >= lapse {
        table.wrong(&value.span, "escalate", "without effect: the request lapses before", "make `after` shorter than `lapse`");
    }
    Some(read)
}

pub fn read_extend(table: &mut Table<'_>, starts: Starts) -> Option<Extend> {
    let value = table.take("extend")?;
    if matches!(starts, Starts::Login) {
        table.wrong(&value.span, "extend", AT_LOGIN, "leave it out");
    }
    table.table("extend", "`extend`", &value, |inner| {
        let times = inner.require("times", "times = 1").and_then(|value| inner.number("times", &value, 1, 100));
        let max = inner.require("max", "max = \"1h\"").and_then(|value| span(inner, "max", &value));
        Some(Extend { times: times?, max: max? })
    })?
}

pub fn read_session(table: &mut Table<'_>) -> SessionRule {
    let usual = SessionRule::default();
    let Some(value) = table.take("session") else { return usual };
    let read = table.table("session", "`session`", &value, |inner| {
        let at_expiry = |text: &str| match text {
            "end" => Ok(AtExpiry::End),
            "warn" => Ok(AtExpiry::Warn),
            "keep" => Ok(AtExpiry::Keep),
            _ => Err("not something that can be done".to_owned()),
        };
        let at_expiry =
            inner.take("at_expiry").and_then(|value| inner.parsed("at_expiry", &value, at_expiry, "write \"end\", \"warn\" or \"keep\""));
        let moment = |text: &str| text.parse().map_err(|why: crate::span::NotASpan| why.to_string());
        let warn = inner.take("warn").map(|value| {
            if at_expiry == Some(AtExpiry::Keep) && !value.is_empty_list() {
                inner.doubt(&value.span, "warn", "without effect here: of a session that is kept nothing is said", "leave it out");
            }
            inner.list("warn", &value, moment, "for example [\"5m\", \"1m\"]")
        });
        let require = |text: &str| match text {
            "any" => Ok(Require::Any),
            "cgroup" => Ok(Require::Cgroup),
            _ => Err("not a way to be bound".to_owned()),
        };
        let require = inner.take("require").and_then(|value| inner.parsed("require", &value, require, "write \"any\" or \"cgroup\""));
        SessionRule {
            at_expiry: at_expiry.unwrap_or(usual.at_expiry),
            warn: warn.map_or_else(|| usual.warn.clone(), from_the_longest),
            require: require.unwrap_or(usual.require),
        }
    });
    read.unwrap_or_default()
}

/// In the order in which they come.
fn from_the_longest(mut warn: Vec<Span>) -> Vec<Span> {
    warn.sort_unstable_by(|one, other| other.cmp(one));
    warn.dedup();
    warn
}

pub fn read_until(table: &mut Table<'_>, now: WallTime) -> Option<WallTime> {
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

pub fn read_span(table: &mut Table<'_>, key: &'static str) -> Option<Span> {
    let value = table.take(key)?;
    span(table, key, &value)
}

pub fn span<'a>(table: &mut Table<'a>, key: &'static str, value: &Value<'a>) -> Option<Span> {
    table.parsed(
        key,
        value,
        |text| text.parse().map_err(|why: crate::span::NotASpan| why.to_string()),
        "for example \"30m\", \"2h30m\" or \"7d\"",
    )
}
