//! A change by `jit enable` that nobody has confirmed: it is put back, or should have been.

use super::Check;
use crate::gate::{Places, pending};
use crate::show::times::about;

/// Nothing else says that it waits to whoever did not make it.
pub fn check(places: &Places) -> Check {
    const NAME: &str = "unconfirmed change";
    let waiting = match pending::read(places) {
        Ok(Some(waiting)) => waiting,
        Ok(None) => return Check::fine(NAME, "there is none"),
        Err(error) => {
            let note = pending::note(places);
            let found = format!("{} cannot be read, so nothing is put back by it: {error}", note.display());
            return Check::wrong(
                NAME,
                found,
                &format!("rm {} # what it was about stays: jit disable SERVICE takes it out", note.display()),
            );
        }
    };
    if waiting.is_due() {
        let found = format!("the time of the one for {} is over, and it was not put back", waiting.service);
        return Check::wrong(NAME, found, "jit roll-back # systemctl status jit-rollback.path jit-rollback.service says why it was not");
    }
    Check::fine(NAME, &format!("the one for {} is put back in {}, unless jit confirm keeps it", waiting.service, about(waiting.left_s())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::pending::Pending;

    #[test]
    fn a_change_that_waits_is_said_and_one_that_should_have_been_put_back_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let places = Places { state: folder.path().join("state"), ..Places::default() };
        assert!(check(&places).ok);
        let wait = |boot_id: String, until: i64| {
            let waiting = Pending { service: "sudo".to_owned(), files: Vec::new(), boot_id, made: 0, until };
            pending::write(&places, &waiting, &[]).unwrap();
            check(&places)
        };
        let waits = wait(pending::boot_id(), pending::boot_seconds() + 100);
        assert!(waits.ok && waits.found.starts_with("the one for sudo is put back in "), "{}", waits.found);
        assert!(!wait(pending::boot_id(), pending::boot_seconds()).ok);
        assert!(!wait("another".to_owned(), i64::MAX).ok);
        std::fs::write(pending::note(&places), "nonsense").unwrap();
        assert!(check(&places).found.contains("cannot be read"));
    }
}
