//! What only the name service can say. It may ask the network, and its being away is one of the troubles that are looked for: so it
//! is asked last, and with a limit for all together.

use super::{Check, around, host, polkit};
use crate::soon::{Soon, soon};

/// A check, and what it is about.
type Look = (&'static str, fn() -> Check);

/// What it is asked about, in this order.
const LOOKS: [Look; 3] = [(host::SOURCES, host::group_sources), (around::GROUPS_OF_ROOT, around::groups), (polkit::NAME, polkit::check)];

/// One check after the other, as far as it answers.
pub fn checks() -> Vec<Check> {
    let Soon { mut found, is_all } = soon(|tell| LOOKS.into_iter().for_each(|(_, look)| tell(look())));
    if !is_all {
        let left: Vec<_> = LOOKS.into_iter().skip(found.len()).map(|(name, _)| name).collect();
        found.push(Check::wrong(
            "name service",
            format!("it does not answer: nothing is known of {}; who is in a group of a directory is unknown to jitd too", left.join(", ")),
            "systemctl restart sssd # or nslcd, winbind: what /etc/nsswitch.conf names for passwd and group; else take it out there",
        ));
    }
    found
}
