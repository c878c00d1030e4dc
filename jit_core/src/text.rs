//! Text of others, made safe to show: no control character, no bidi override, no unbounded length.

use std::fmt::Write as _;

/// Whether a character can move a cursor, hide text, reorder it, or break a line.
#[must_use]
pub fn is_unsafe(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The text with every unsafe character written as an escape (`\n`, `\u{202e}`), cut at `most` bytes.
#[must_use]
pub fn printable(text: &str, most: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(most));
    for letter in text.chars() {
        let before = shown.len();
        match letter {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            letter if is_unsafe(letter) => {
                let _ = write!(shown, "\\u{{{:x}}}", u32::from(letter));
            }
            letter => shown.push(letter),
        }
        if shown.len() > most {
            shown.truncate(before);
            shown.push('…');
            break;
        }
    }
    shown
}

/// Names as people list them: `carol`, `carol or dave`, `carol, dave or erin`.
#[must_use]
pub fn any_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

/// The same; of many, the first few: `carol, dave or 7 others`.
#[must_use]
pub fn any_of_first(most: usize, mut names: Vec<String>) -> String {
    let more = names.len().saturating_sub(most);
    if more > 1 {
        names.truncate(most);
        names.push(format!("{more} others"));
    }
    any_of(&names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_a_cursor_or_turns_text_round_is_shown() {
        assert_eq!(printable("a\x1b[2Jb\u{202e}c\u{9b}d\ne", 100), "a\\u{1b}[2Jb\\u{202e}c\\u{9b}d\\ne");
        assert_eq!(printable("größe", 100), "größe");
        assert_eq!(printable("abcdef", 3), "abc…");
    }

    #[test]
    fn names_are_listed_as_people_say_them() {
        let names = |list: &[&str]| any_of(&list.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["a"]), "a");
        assert_eq!(names(&["a", "b"]), "a or b");
        assert_eq!(names(&["a", "b", "c"]), "a, b or c");
    }

    #[test]
    fn every_letter_that_hides_or_turns_text_is_unsafe_and_its_neighbours_are_not() {
        let ranges = [
            ('\u{ad}', '\u{ad}'),
            ('\u{61c}', '\u{61c}'),
            ('\u{180e}', '\u{180e}'),
            ('\u{200b}', '\u{200f}'),
            ('\u{2028}', '\u{202e}'),
            ('\u{2060}', '\u{206f}'),
            ('\u{feff}', '\u{feff}'),
            ('\u{fff9}', '\u{fffb}'),
            ('\u{e0000}', '\u{e007f}'),
        ];
        for (first, last) in ranges {
            assert!((first..=last).all(is_unsafe), "{first:?} to {last:?}");
            let before = char::from_u32(u32::from(first) - 1).unwrap();
            let after = char::from_u32(u32::from(last) + 1).unwrap();
            assert!(!is_unsafe(before) && !is_unsafe(after), "beside {first:?} to {last:?}");
        }
        assert!(('\0'..' ').all(is_unsafe) && ('\u{7f}'..'\u{a0}').all(is_unsafe) && (' '..'\u{7f}').all(|letter| !is_unsafe(letter)));
    }

    #[test]
    fn what_is_shown_is_cut_behind_the_last_whole_letter_that_fits() {
        assert_eq!(printable("abc", 3), "abc");
        assert_eq!(printable("ab\t", 4), "ab\\t");
        assert_eq!(printable("ab\t", 3), "ab…", "no half of an escape");
        assert_eq!(printable("aé", 2), "a…");
    }

    #[test]
    fn of_many_names_the_first_are_listed_and_the_others_counted() {
        let names = |count: usize| (0..count).map(|number| format!("n{number}")).collect::<Vec<_>>();
        assert_eq!(any_of_first(2, names(0)), "");
        assert_eq!(any_of_first(2, names(2)), "n0 or n1");
        assert_eq!(any_of_first(2, names(3)), "n0, n1 or n2", "one more takes no more room than \"1 others\"");
        assert_eq!(any_of_first(2, names(9)), "n0, n1 or 7 others");
    }
}
