//! Whom a policy names, as it is read from TOML.

use crate::name::UserName;
use crate::policy::reader::{Table, Value};
use crate::policy::{Principal, is_name, suggest};

/// What to write for somebody.
pub const PRINCIPALS: &str = "write user:NAME, group:NAME, uid:NUMBER or any";

/// Whether a name stands for several, or for somebody as other tools write them: nobody is called so, and a rule about that is about
/// nobody.
fn is_pattern(name: &str) -> bool {
    name.starts_with(['@', '%', '#']) || name.contains([',', '*'])
}

/// The name of an account, as it stands in passwd.
pub fn account(text: &str) -> Result<UserName, String> {
    if is_name(text) && !is_pattern(text) { Ok(UserName::new(text)) } else { Err("not the name of an account".to_owned()) }
}

pub fn principal(text: &str) -> Result<Principal, String> {
    let is_one = |named: &Principal| match named {
        Principal::User(name) => !is_pattern(name.as_str()),
        Principal::Group(name) => !is_pattern(name.as_str()),
        Principal::Uid(_) | Principal::Any => true,
    };
    Principal::parse(text).filter(is_one).ok_or_else(|| {
        let meant = suggest::somebody(text).map(|meant| format!("; did you mean {meant}?"));
        format!("nobody that a policy can name{}", crate::text::printable(&meant.unwrap_or_default(), 90))
    })
}

pub fn principals<'a>(table: &mut Table<'a>, key: &'static str, value: &Value<'a>) -> Vec<Principal> {
    table.list(key, value, principal, PRINCIPALS)
}

/// How many may be named where somebody decides: all of them are shown to whoever waits for one.
const MOST_DECIDERS: usize = 100;

/// Those who decide something: at least one, and not too many to be shown. `empty` says what none would mean.
pub fn deciders<'a>(table: &mut Table<'a>, key: &'static str, value: &Value<'a>, empty: &str) -> Vec<Principal> {
    let named = principals(table, key, value);
    if value.is_empty_list() {
        table.wrong(&value.span, key, empty, PRINCIPALS);
    } else if named.len() > MOST_DECIDERS {
        let why = format!("too long: it names {}, and {MOST_DECIDERS} is the most", named.len());
        table.wrong(&value.span, key, &why, "put them into a group, and name that: \"group:leads\"");
    }
    named
}
