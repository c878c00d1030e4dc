//! Tables for spreadsheets, as RFC 4180 writes them.

/// A text that no spreadsheet takes for a formula, on one line. The column `data` has it as it is.
pub fn inert(text: &str) -> String {
    let text = jit_core::text::printable(text, usize::MAX);
    if text.starts_with(['=', '+', '-', '@']) { format!("'{text}") } else { text }
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
        assert_eq!(row(["a", "b,c", "say \"no\""].into_iter()), "a,\"b,c\",\"say \"\"no\"\"\"\r\n");
    }
}
