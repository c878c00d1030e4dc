//! What the documents say about the tests and the sources is true.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// What a document has between backticks.
fn quoted(document: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(document)).unwrap();
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Whether there is a test of this name in a source.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    lines.windows(2).any(|lines| match lines {
        ["#[test]", function] => *function == format!("fn {name}() {{"),
        [attribute, function] => attribute.starts_with("#[tokio::test") && *function == format!("async fn {name}() {{"),
        _ => false,
    })
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let documents = ["docs/pam.md", "docs/sessions.md", "docs/threat-model.md", "docs/operations.md", "docs/performance.md"];
    let quoted = documents.map(quoted).concat();
    let named: Vec<_> = quoted.iter().filter_map(|quoted| quoted.split_once("::")).filter(|(file, _)| *file != "file").collect();
    assert!(named.len() > 150, "{}", named.len());
    for (file, test) in named {
        // By its file in one of these folders, or by the whole path of it.
        let sources = ["tests/e2e", "tests/packages", "pam_jit/tests/in_process", ""]
            .map(|folder| root().join(folder).join(file).with_extension("rs"));
        let sources: Vec<_> = sources.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
        assert!(sources.iter().any(|source| has_test(source, test)), "{file}::{test}");
    }
}

#[test]
fn every_file_of_the_project_that_a_document_names_is_there() {
    let documents = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    let documents = documents.filter(|name| name.ends_with(".md")).chain(["CONTRIBUTING.md".to_owned()]);
    let quoted: Vec<_> = documents.flat_map(|name| quoted(&name)).collect();
    let of_ours = |path: &str| {
        let folder = path.split_once('/').map_or("", |(folder, _)| folder);
        !folder.is_empty() && folder != "target" && root().join(folder).is_dir()
    };
    let named: Vec<_> = quoted.iter().map(|quoted| quoted.split([' ', '\n', ':']).next().unwrap()).filter(|path| of_ours(path)).collect();
    assert!(named.len() > 50, "{}", named.len());
    for path in named {
        assert!(root().join(path).exists(), "{path}");
    }
}

#[test]
fn the_line_that_lets_people_in_while_jitd_is_away_is_documented_as_it_is_tested() {
    for document in ["docs/pam.md", "packaging/man/pam_jit.8"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        assert!(text.contains(crate::away::OPEN_WHILE_AWAY), "{document}");
    }
}
