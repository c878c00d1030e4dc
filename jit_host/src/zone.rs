//! The host's time zone, for rules that name none.

use chrono_tz::Tz;
use std::path::Path;

/// The name that `/etc/localtime` leads to, or that `/etc/timezone` holds; none if neither is a zone that is known.
#[must_use]
pub fn host_zone() -> Option<Tz> {
    let linked = std::fs::read_link("/etc/localtime").ok().and_then(|target| named(&target));
    linked.or_else(|| std::fs::read_to_string("/etc/timezone").ok()?.trim().parse().ok())
}

fn named(target: &Path) -> Option<Tz> {
    target.to_str()?.split_once("zoneinfo/")?.1.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_into_the_zone_files_is_a_zone_by_its_name() {
        assert_eq!(named(Path::new("/usr/share/zoneinfo/Europe/Berlin")), Some(Tz::Europe__Berlin));
        assert_eq!(named(Path::new("../usr/share/zoneinfo/Etc/UTC")), Some(Tz::Etc__UTC));
        assert_eq!(named(Path::new("/somewhere/else")), None);
    }
}
