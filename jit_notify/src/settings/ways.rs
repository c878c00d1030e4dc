//! What is particular to each way.

use super::Target;
use super::common::{target, template, template_in};
use crate::event::Event;
use crate::template::{Around, Escape, Template};
use crate::way::{Mail, Post, Program, Roots, Way, agent, is_address};
use jit_core::policy::reader::{Table, Value};
use jit_core::time::WallTime;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The shortest key of a signature, in bytes.
const SHORTEST_SECRET: usize = 16;

/// `[[program]]`.
pub fn program(table: &mut Table<'_>) -> Option<Target> {
    target(table, |table, timeout| {
        let value = table.require("run", "run = [\"/usr/local/bin/page-oncall\", \"--urgent\"]")?;
        let run = table.list("run", &value, |text| Ok(text.to_owned()), "the program and each argument, in quotes; there is no shell");
        if !run.first().is_some_and(|program| program.starts_with('/')) {
            table.wrong(&value.span, "run", "not a program", "begin with its absolute path: [\"/usr/local/bin/page-oncall\"]");
            return None;
        }
        Some(Way::Program(Program { run, timeout }))
    })
}

/// `[[post]]`.
pub fn post(table: &mut Table<'_>, roots: &Result<Roots, String>) -> Option<Target> {
    target(table, |table, timeout| {
        let url = url(table, roots);
        let content_type =
            table.take("content_type").and_then(|value| table.parsed("content_type", &value, header_value, "for example \"text/plain\""));
        let content_type = content_type.unwrap_or_else(|| "application/json".to_owned());
        let around = if content_type.contains("json") { Around::Json } else { Around::Text };
        let escape = escape(table);
        let headers = headers(table);
        let secret = table.take("secret").map(|value| table.parsed("secret", &value, secret, "take one from: openssl rand -hex 32"));
        let body = body(table, around, escape)?;
        let secret = match secret {
            Some(secret) => Some(secret?),
            None => None,
        };
        let agent = agent(timeout, roots.as_ref().ok());
        Some(Way::Post(Post { url: url?, body, around, escape, content_type, headers, secret, agent }))
    })
}

fn url(table: &mut Table<'_>, roots: &Result<Roots, String>) -> Option<String> {
    let value = table.require("url", "url = \"https://hooks.example.com/jit\"")?;
    let read = |text: &str| {
        let address: ureq::http::Uri = text.parse().map_err(|_| "not an address".to_owned())?;
        let host = address.host().unwrap_or_default();
        let is_here = host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|address: IpAddr| address.is_loopback());
        match (address.scheme_str(), roots) {
            _ if host.is_empty() => Err("not an address".to_owned()),
            (Some("https"), Ok(_)) => Ok(text.to_owned()),
            (Some("https"), Err(why)) => Err(why.clone()),
            (Some("http"), _) if is_here => Ok(text.to_owned()),
            (Some("http"), _) => Err("events would go over the network for everybody to read".to_owned()),
            (_, _) => Err("neither https nor http".to_owned()),
        }
    };
    table.parsed("url", &value, read, "write https://...; http is for this host alone: http://127.0.0.1:8080/")
}

/// The body, tried with a sample: a template that makes no JSON is found here, and not when something happens.
fn body(table: &mut Table<'_>, around: Around, escape: Escape) -> Option<Template> {
    let Some(value) = table.take("body") else { return Template::parse("{json}").ok() };
    let body = template_in(table, "body", &value)?;
    let sample = Event::sample(WallTime::from_millis(0))?;
    if around == Around::Json
        && let Err(error) = serde_json::from_str::<serde_json::Value>(&body.fill(&sample, "host", around, escape))
    {
        table.wrong(&value.span, "body", &format!("not JSON: {error}"), "words stand inside quotes, \"{user}\", but for {json} and {seq}");
        return None;
    }
    Some(body)
}

fn escape(table: &mut Table<'_>) -> Escape {
    let Some(value) = table.take("escape") else { return Escape::Plain };
    let read = |text: &str| match text {
        "plain" => Ok(Escape::Plain),
        "slack" => Ok(Escape::Slack),
        _ => Err("not a way to escape".to_owned()),
    };
    table.parsed("escape", &value, read, "write \"plain\" or \"slack\"").unwrap_or(Escape::Plain)
}

fn header_value(text: &str) -> Result<String, String> {
    let good = !text.is_empty() && text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
    if good { Ok(text.trim().to_owned()) } else { Err("not a header's value".to_owned()) }
}

fn headers(table: &mut Table<'_>) -> Vec<(String, String)> {
    let Some(value) = table.take("headers") else { return Vec::new() };
    let read = |text: &str| {
        let (name, value) = text.split_once(':').ok_or_else(|| "not a header".to_owned())?;
        let token = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        if token { Ok((name.to_owned(), header_value(value)?)) } else { Err("not a header".to_owned()) }
    };
    table.list("headers", &value, read, "for example [\"Authorization: Bearer abc\"]")
}

fn secret(text: &str) -> Result<String, String> {
    if text.len() >= SHORTEST_SECRET { Ok(text.to_owned()) } else { Err(format!("shorter than {SHORTEST_SECRET} letters")) }
}

/// `[[mail]]`.
pub fn mail(table: &mut Table<'_>) -> Option<Target> {
    target(table, |table, timeout| {
        let relay = table
            .take("relay")
            .map(|value| table.parsed("relay", &value, relay, "for example \"127.0.0.1:25\": the mail server of this host"));
        let relay = relay.unwrap_or(Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 25)));
        let from = table.require("from", "from = \"jit@example.com\"");
        let address = |text: &str| if is_address(text) { Ok(text.to_owned()) } else { Err("not an address".to_owned()) };
        let from = from.and_then(|value| table.parsed("from", &value, address, "the address alone: \"jit@example.com\""));
        let to = table.require("to", "to = [\"security@example.com\"]").map(|value| recipients(table, &value));
        let subject = template(table, "subject", "[jit] {host}: {event} {user}");
        let body = template(table, "body", "{summary}\n\non {host}, {at}, event {seq}\n");
        let to = to.filter(|to| !to.is_empty())?;
        Some(Way::Mail(Mail { relay: relay?, from: from?, to, subject: subject?, body: body?, timeout }))
    })
}

/// Addresses that may have words in them. Tried with a sample, so that what can never be an address is found.
fn recipients<'a>(table: &mut Table<'a>, value: &Value<'a>) -> Vec<Template> {
    let read = |text: &str| {
        let template = Template::parse(text)?;
        let sample = Event::sample(WallTime::from_millis(0)).map(|sample| template.fill(&sample, "host", Around::Text, Escape::Plain));
        if sample.is_some_and(|sample| is_address(&sample)) { Ok(template) } else { Err("not an address".to_owned()) }
    };
    let to = table.list("to", value, read, "\"security@example.com\", or \"{user}@example.com\" for whom an event is about");
    if value.is_empty_list() {
        table.wrong(&value.span, "to", "empty: nobody would be told", "name somebody: [\"security@example.com\"]");
    }
    to
}

fn relay(text: &str) -> Result<SocketAddr, String> {
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    match text.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(address),
        Ok(_) => Err("not this host: mail goes to the mail server here, which knows where to and how".to_owned()),
        Err(_) => Err("not an address and a port".to_owned()),
    }
}
