//! jitd.toml and notify.toml: they are read, or every mistake has a place.
#![no_main]

use jit_core::policy::load::{Mistake, PolicyFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match jitd::settings::Settings::parse("jitd.toml", text) {
        Ok(settings) => {
            assert!([&settings.run, &settings.state, &settings.policy, &settings.syslog].iter().all(|path| path.is_absolute()));
        }
        Err(mistakes) => each_has_a_place(text, &mistakes),
    }
    let file = PolicyFile { file: "notify.toml".to_owned(), text: text.to_owned() };
    match jit_notify::settings::Settings::parse(&file) {
        Ok((settings, doubts)) => {
            assert!(settings.socket.is_absolute() && settings.state.is_absolute());
            for target in &settings.targets {
                // Its place in the record is a file of this name.
                assert!(!target.name.contains(['/', '\0']) && !target.name.starts_with('.') && !target.name.is_empty(), "{}", target.name);
                assert!(settings.target(&target.name).is_some());
            }
            doubts.iter().for_each(|doubt| each_has_a_place(text, std::slice::from_ref(doubt)));
        }
        Err(mistakes) => each_has_a_place(text, &mistakes),
    }
});

fn each_has_a_place(text: &str, mistakes: &[Mistake]) {
    assert!(!mistakes.is_empty());
    for mistake in mistakes {
        let line = usize::try_from(mistake.place.line).unwrap();
        assert!(line >= 1 && line <= text.split('\n').count().max(1), "{mistake:?}");
        assert!(!mistake.to_string().contains('\n'), "{mistake}");
    }
}
