//! The host's time zone, for rules that name none.

use chrono_tz::{TZ_VARIANTS, Tz};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// The longest file of a zone that is looked at. The longest of all has some 4 KB.
const LONGEST: u64 = 64 * 1024;

/// The zone of `/etc/localtime`, as localtime(5) has it: that which it leads to; UTC where it is not there. Where it is a file of
/// its own, the zone whose file is the same, or else the name in `/etc/timezone`. None if that is no zone that is known.
#[must_use]
pub fn host_zone() -> Option<Tz> {
    let places =
        Places { localtime: Path::new("/etc/localtime"), timezone: Path::new("/etc/timezone"), zones: Path::new("/usr/share/zoneinfo") };
    places.zone()
}

/// Where a host says what its zone is.
struct Places<'a> {
    localtime: &'a Path,
    timezone: &'a Path,
    zones: &'a Path,
}

impl Places<'_> {
    fn zone(&self) -> Option<Tz> {
        match fs::read_link(self.localtime) {
            Ok(target) => named(&target).or_else(|| self.alike()),
            Err(error) if error.kind() == ErrorKind::NotFound => Some(Tz::UTC),
            // It is no link.
            Err(_) => self.alike(),
        }
    }

    /// The zone whose file is the same as ours. Several have the same times: the one that the host names comes first, then those
    /// that are the zone of a country.
    fn alike(&self) -> Option<Tz> {
        let said = fs::read_to_string(self.timezone).ok().and_then(|name| name.trim().parse().ok());
        let countries = fs::read_to_string(self.zones.join("zone1970.tab")).unwrap_or_default();
        let of_countries = countries.lines().filter_map(|line| line.split('\t').nth(2)?.parse().ok());
        let all = said.into_iter().chain([Tz::UTC]).chain(of_countries).chain(TZ_VARIANTS);
        let ours = content(self.localtime, None);
        let same = ours.as_ref().and_then(|ours| {
            let is_same = |zone: &Tz| content(&self.zones.join(zone.name()), Some(ours.len())).is_some_and(|theirs| theirs == *ours);
            all.into_iter().find(is_same)
        });
        // A copy from before an update of the zones is like none of them, and may be of another zone than what is said beside it.
        let fits = |zone: &Tz| match (&ours, content(&self.zones.join(zone.name()), None)) {
            (Some(ours), Some(theirs)) => rule(ours) == rule(&theirs),
            (Some(_) | None, None) | (None, Some(_)) => true,
        };
        same.or_else(|| said.filter(fits))
    }
}

/// The last line of a zone's file: the rule by which its clocks go from now on (RFC 9636, "TZif Footer").
fn rule(file: &[u8]) -> Option<&[u8]> {
    file.strip_suffix(b"\n")?.rsplit(|byte| *byte == b'\n').next()
}

/// What is in the file of a zone; none if it is not of that length.
fn content(file: &Path, length: Option<usize>) -> Option<Vec<u8>> {
    let about = fs::metadata(file).ok()?;
    let fits = length.is_none_or(|length| usize::try_from(about.len()) == Ok(length));
    if about.is_file() && about.len() <= LONGEST && fits { fs::read(file).ok() } else { None }
}

/// The zone that a link leads to; the same zone is there with leap seconds, too.
fn named(target: &Path) -> Option<Tz> {
    let name = target.to_str()?.split_once("zoneinfo/")?.1;
    let plain = ["posix/", "right/"].into_iter().find_map(|tree| name.strip_prefix(tree));
    plain.unwrap_or(name).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    /// A host of its own, gone when this is.
    struct Host(PathBuf);

    impl Host {
        fn with(name: &str, files: &[(&str, &str)]) -> Self {
            let host = Self(std::env::temp_dir().join(format!("jit-zone-{name}-{}", std::process::id())));
            for (file, text) in files {
                let path = host.0.join(file);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            host
        }

        fn zone(&self) -> Option<Tz> {
            let [localtime, timezone, zones] = ["localtime", "timezone", "zones"].map(|name| self.0.join(name));
            Places { localtime: &localtime, timezone: &timezone, zones: &zones }.zone()
        }
    }

    impl Drop for Host {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const ZONES: [(&str, &str); 5] = [
        ("zones/Arctic/Longyearbyen", "middle"),
        ("zones/Europe/Berlin", "middle"),
        ("zones/Asia/Tokyo", "eastern"),
        ("zones/America/New_York", "western"),
        ("zones/zone1970.tab", "# zones\nDE,NO\t+5230+01322\tEurope/Berlin\tmost of Germany\n"),
    ];

    #[test]
    fn a_link_into_the_zone_files_is_a_zone_by_its_name_in_whichever_of_their_trees() {
        assert_eq!(named(Path::new("/usr/share/zoneinfo/Europe/Berlin")), Some(Tz::Europe__Berlin));
        assert_eq!(named(Path::new("../usr/share/zoneinfo/Etc/UTC")), Some(Tz::Etc__UTC));
        assert_eq!(named(Path::new("/usr/share/zoneinfo/posix/Europe/Berlin")), Some(Tz::Europe__Berlin));
        assert_eq!(named(Path::new("../usr/share/zoneinfo/right/Asia/Tokyo")), Some(Tz::Asia__Tokyo));
        assert_eq!(named(Path::new("/somewhere/else")), None);
    }

    #[test]
    fn a_host_that_says_nothing_of_its_zone_has_utc() {
        assert_eq!(Host::with("none", &ZONES).zone(), Some(Tz::UTC));
    }

    #[test]
    fn a_file_that_was_copied_is_the_zone_that_it_was_copied_from() {
        let host = |name: &str, more: &[(&str, &str)]| Host::with(name, &[&ZONES, more].concat());
        assert_eq!(host("copied", &[("localtime", "eastern")]).zone(), Some(Tz::Asia__Tokyo));
        assert_eq!(host("country", &[("localtime", "middle")]).zone(), Some(Tz::Europe__Berlin));
        let said = [("localtime", "middle"), ("timezone", "Arctic/Longyearbyen\n")];
        assert_eq!(host("said", &said).zone(), Some(Tz::Arctic__Longyearbyen));
        assert_eq!(host("left", &[("localtime", "western"), ("timezone", "Europe/Berlin\n")]).zone(), Some(Tz::America__New_York));
    }

    #[test]
    fn a_file_that_is_no_zones_is_what_the_host_says_beside_it_or_nothing() {
        let host = |name: &str, more: &[(&str, &str)]| Host::with(name, &[&ZONES, more].concat());
        let now = [("zones/Europe/Berlin", "new times\nCET-1CEST\n")];
        let old = |name: &str, ours: &str| host(name, &[&now[..], &[("localtime", ours), ("timezone", "Europe/Berlin\n")]].concat()).zone();
        assert_eq!(old("old", "old times\nCET-1CEST\n"), Some(Tz::Europe__Berlin));
        assert_eq!(old("other", "old times\nUTC0\n"), None, "it is not what the host says beside it");
        assert_eq!(
            host("bare", &[("localtime", "of before"), ("timezone", "Asia/Kabul\n")]).zone(),
            Some(Tz::Asia__Kabul),
            "there is no file"
        );
        assert_eq!(host("odd", &[("localtime", "of before")]).zone(), None);
        let elsewhere = host("elsewhere", &[("own", "eastern")]);
        std::os::unix::fs::symlink("own", elsewhere.0.join("localtime")).unwrap();
        assert_eq!(elsewhere.zone(), Some(Tz::Asia__Tokyo), "a link to a file of one's own");
    }
}
