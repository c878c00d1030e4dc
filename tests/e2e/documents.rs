//! What the documents say about the tests is true.

use std::path::Path;

#[test]
fn every_test_that_a_document_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let documents =
        ["docs/pam.md", "docs/sessions.md", "docs/threat-model.md"].map(|name| std::fs::read_to_string(root.join(name)).unwrap());
    let document = documents.concat();
    let named: Vec<_> = document.split('`').skip(1).step_by(2).filter_map(|quoted| quoted.split_once("::")).collect();
    assert!(named.len() > 80, "{}", named.len());
    for (file, test) in named.into_iter().filter(|(file, _)| *file != "file") {
        let sources = ["tests/e2e", "pam_jit/tests/in_process"].map(|folder| root.join(folder).join(file).with_extension("rs"));
        let sources: Vec<_> = sources.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
        let stands = format!("#[test]\nfn {test}() {{");
        assert!(sources.iter().any(|source| source.contains(&stands)), "{file}::{test}");
    }
}

#[test]
fn the_line_that_lets_people_in_while_jitd_is_away_is_documented_as_it_is_tested() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for document in ["docs/pam.md", "packaging/man/pam_jit.8"] {
        let text = std::fs::read_to_string(root.join(document)).unwrap();
        assert!(text.contains(crate::away::OPEN_WHILE_AWAY), "{document}");
    }
}
