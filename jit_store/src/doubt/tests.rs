use super::*;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, symlink};

struct Place(Doubts);

impl Place {
    fn new(name: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("jit-doubt-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::set_permissions(&directory, Permissions::from_mode(0o700)).unwrap();
        Self(Doubts::within(directory, BootId("boot".to_owned())))
    }

    fn why_not(&self) -> String {
        self.0.read().unwrap_err()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0.directory);
    }
}

const DOUBT: Doubt = Doubt { so: Head { seq: 3, hash: Hash([3; 32]) }, end: Head { seq: 5, hash: Hash([5; 32]) } };

#[test]
fn what_is_written_down_is_read_until_it_is_cleared() {
    let Place(doubts) = &Place::new("again");
    assert_eq!(doubts.read(), Ok(None));
    for _ in 0..2 {
        doubts.put(&DOUBT).unwrap();
        assert_eq!(doubts.read(), Ok(Some(DOUBT)));
    }
    doubts.clear().unwrap();
    doubts.clear().unwrap();
    assert_eq!(doubts.read(), Ok(None));
}

#[test]
fn a_file_of_another_boot_or_that_others_could_have_written_is_not_heeded() {
    let place = Place::new("misuse");
    let (doubts, file) = (&place.0, place.0.file());
    doubts.put(&DOUBT).unwrap();
    let later = Doubts::within(doubts.directory.clone(), BootId("another".to_owned()));
    assert!(later.read().unwrap_err().contains("another boot"));
    for (path, mode, before) in [(&file, 0o620, 0o600), (&file, 0o644, 0o600), (&doubts.directory, 0o770, 0o700)] {
        std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        assert!(place.why_not().contains("alone"), "{mode:o}");
        std::fs::set_permissions(path, Permissions::from_mode(before)).unwrap();
    }
    assert_eq!(doubts.read(), Ok(Some(DOUBT)));
    let other = doubts.directory.join("other");
    std::fs::hard_link(&file, &other).unwrap();
    assert!(place.why_not().contains("alone"));
    std::fs::remove_file(&file).unwrap();
    symlink(&other, &file).unwrap();
    assert!(doubts.read().is_err());
    std::fs::remove_file(&file).unwrap();
    std::fs::copy(&other, &file).unwrap();
    std::fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    assert_eq!(doubts.read(), Ok(Some(DOUBT)), "a copy of our own is as good");
    if geteuid().is_root() {
        std::os::unix::fs::chown(&file, Some(1), None).unwrap();
        assert!(place.why_not().contains("alone"));
    }
}

#[test]
fn a_file_that_makes_no_sense_is_not_heeded() {
    let place = Place::new("nonsense");
    place.0.put(&DOUBT).unwrap();
    let whole = std::fs::read_to_string(place.0.file()).unwrap();
    let backwards = {
        let words: Vec<_> = whole.trim_end().split(' ').collect();
        format!("{} {} {}\n", words[0], words[2], words[1])
    };
    let long = format!("{whole}{}", " ".repeat(2000));
    for text in ["", "boot", &whole[..whole.len() - 1], &whole[..40], &whole.replace(' ', "\n"), &format!("{whole}x"), &backwards, &long] {
        std::fs::write(place.0.file(), text).unwrap();
        assert!(place.0.read().is_err(), "{text}");
    }
}
