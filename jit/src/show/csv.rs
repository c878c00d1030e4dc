//! Tables for spreadsheets, as RFC 4180 writes them.

/// What makes a formula of the rest of a cell.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

/// A text that no spreadsheet takes for a formula, on one line. The column `data` has it as it is. Where lists are separated by
/// semicolons, as in Germany or France, a spreadsheet begins a cell behind each of them.
pub fn inert(text: &str) -> String {
    let text = jit_core::text::printable(text, usize::MAX);
    let first = if text.starts_with(FORMULA) { "'" } else { "" };
    first.to_owned() + &behind_semicolons(&text, ";'")
}

/// The same for JSON, which stays equal to what it was.
pub fn inert_json(text: &str) -> String {
    behind_semicolons(text, "\\u003b")
}

/// Puts this in the place of each semicolon that a formula may follow, behind a quote that opens a cell too.
fn behind_semicolons(text: &str, instead: &str) -> String {
    let mut parts = text.split(';');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |done, part| {
        let semicolon = if part.starts_with(FORMULA) || part.starts_with('"') { instead } else { ";" };
        done + semicolon + part
    })
}

/// Cells as RFC 4180 writes them.
pub fn row<'a>(cells: impl Iterator<Item = &'a str>) -> String {
    let quoted = |cell: &str| {
        if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
    };
    let cells: Vec<_> = cells.map(quoted).collect();
    format!("{}\r\n", cells.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_others_is_no_formula_and_breaks_no_row() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)"] {
            assert_eq!(inert(formula), format!("'{formula}"));
        }
        assert_eq!(inert("a\n=b\u{202e}"), "a\\n=b\\u{202e}");
        assert_eq!(inert("x;=cmd|'/C calc'!A0;y;;-1;\"=1"), "x;'=cmd|'/C calc'!A0;y;;'-1;'\"=1");
        assert_eq!(inert("=a;=b; c"), "'=a;'=b; c");
        let json = r#"{"reason":"x;=cmd;y","note":";"}"#;
        let safe = inert_json(json);
        assert_eq!(safe, r#"{"reason":"x\u003b=cmd;y","note":"\u003b"}"#);
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(read(&safe), read(json));
        assert_eq!(row(["a", "b,c", "say \"no\""].into_iter()), "a,\"b,c\",\"say \"\"no\"\"\"\r\n");
    }
}
