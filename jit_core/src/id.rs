//! Ids that people quote: a letter for the kind, then 40 random bits in Crockford's base 32.
//!
//! Crockford's alphabet leaves out I, L, O and U; reading is forgiving (any case, `O` is `0`, `I` and
//! `L` are `1`), writing is not. Source: <https://www.crockford.com/base32.html>.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const DIGITS: usize = 8;

/// Where random ids come from. The daemon asks the kernel; tests count.
pub trait Entropy {
    /// Sixty-four fresh random bits.
    fn bits(&mut self) -> u64;
}

/// Why a text is not an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAnId {
    text: String,
    wanted: char,
}

impl fmt::Display for NotAnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = crate::text::printable(&self.text, 40);
        write!(f, "\"{text}\" is not an id of this kind: {}- and 8 letters or digits, for example {}-7F3KQ2ZD", self.wanted, self.wanted)
    }
}

impl std::error::Error for NotAnId {}

fn encode(value: u64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for place in (0..DIGITS).rev() {
        let digit = (value >> (place.saturating_mul(5))) & 31;
        let letter = usize::try_from(digit).ok().and_then(|digit| ALPHABET.get(digit)).copied().unwrap_or(b'0');
        fmt::Write::write_char(f, char::from(letter))?;
    }
    Ok(())
}

fn digit(letter: char) -> Option<u64> {
    let letter = match letter.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    let place = ALPHABET.iter().position(|&known| char::from(known) == letter)?;
    u64::try_from(place).ok()
}

fn decode(digits: &str) -> Option<[u8; 5]> {
    if digits.chars().count() != DIGITS {
        return None;
    }
    digits.chars().try_fold(0_u64, |sum, letter| Some((sum << 5) | digit(letter)?)).map(last_bits)
}

/// The last forty bits: as many as an id has.
fn last_bits(bits: u64) -> [u8; 5] {
    let [last @ .., _, _, _] = bits.to_le_bytes();
    last
}

/// In two parts, which are two loads: of eight bytes, three of them zero, the compiler makes fifteen instructions.
fn number([low @ .., high]: [u8; 5]) -> u64 {
    u64::from(u32::from_le_bytes(low)) | (u64::from(high) << 32)
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name([u8; 5]);

        impl $name {
            /// The letter that ids of this kind begin with.
            pub const LETTER: char = $letter;

            /// The first of all, in their order.
            pub const FIRST: Self = Self([0; 5]);

            /// The last of all.
            pub const LAST: Self = Self([u8::MAX; 5]);

            /// A new random id.
            pub fn random(entropy: &mut dyn Entropy) -> Self {
                Self(last_bits(entropy.bits()))
            }
        }

        /// By their numbers: comparing bytes one by one takes longer, and ids are looked up all the time.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                number(self.0).cmp(&number(other.0))
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}-", $letter)?;
                encode(number(self.0), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = NotAnId;

            fn from_str(text: &str) -> Result<Self, NotAnId> {
                let wrong = || NotAnId { text: text.to_owned(), wanted: $letter };
                let (letter, digits) = text.trim().split_once('-').ok_or_else(wrong)?;
                if !letter.eq_ignore_ascii_case(Self::LETTER.encode_utf8(&mut [0; 4])) {
                    return Err(wrong());
                }
                decode(digits).map(Self).ok_or_else(wrong)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// A request, `R-`.
    RequestId, 'R'
);
id!(
    /// A grant, `G-`.
    GrantId, 'G'
);
id!(
    /// A session, `S-`.
    SessionId, 'S'
);
id!(
    /// A denial, `D-`, so that a user can quote it.
    DenialId, 'D'
);

/// What a person typed to name one thing: a kind, and the beginning of its digits, perhaps all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdPrefix {
    text: String,
}

impl IdPrefix {
    /// Whether the id begins with what was typed.
    #[must_use]
    pub fn begins(&self, id: &impl fmt::Display) -> bool {
        id.to_string().starts_with(&self.text)
    }

    /// The normalised text: upper case, Crockford's look-alikes replaced.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl FromStr for IdPrefix {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let wrong = || NotAnId { text: text.to_owned(), wanted: 'G' };
        let (letter, digits) = text.trim().split_once('-').ok_or_else(wrong)?;
        let letter = letter.to_ascii_uppercase();
        if !["R", "G", "S", "D"].contains(&letter.as_str()) || digits.is_empty() || digits.chars().count() > DIGITS {
            return Err(wrong());
        }
        let mut text = format!("{letter}-");
        for letter in digits.chars() {
            let place = digit(letter).and_then(|digit| usize::try_from(digit).ok()).ok_or_else(wrong)?;
            text.push(ALPHABET.get(place).copied().map(char::from).ok_or_else(wrong)?);
        }
        Ok(Self { text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);
    impl Entropy for Fixed {
        fn bits(&mut self) -> u64 {
            self.0
        }
    }

    #[test]
    fn an_id_reads_back_in_any_case_and_with_look_alike_letters() {
        let id = RequestId::random(&mut Fixed(u64::MAX));
        assert_eq!(id.to_string(), "R-ZZZZZZZZ");
        let id: GrantId = "g-7f3kq2zd".parse().unwrap();
        assert_eq!(id.to_string(), "G-7F3KQ2ZD");
        assert_eq!("G-OILoil00".parse::<GrantId>().unwrap().to_string(), "G-01101100");
    }

    #[test]
    fn an_id_of_another_kind_or_length_is_refused() {
        for text in ["R-7F3KQ2ZD", "G-7F3KQ2Z", "G-7F3KQ2ZDA", "G7F3KQ2ZD", "G-7F3KQ2Z!", "", "G-UUUUUUUU"] {
            assert!(text.parse::<GrantId>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_matches_the_beginning_in_any_case() {
        let prefix: IdPrefix = "g-7f3".parse().unwrap();
        assert!(prefix.begins(&"G-7F3KQ2ZD".parse::<GrantId>().unwrap()));
        assert!(!prefix.begins(&"G-8F3KQ2ZD".parse::<GrantId>().unwrap()));
        assert!("X-1".parse::<IdPrefix>().is_err());
        assert!("G-".parse::<IdPrefix>().is_err());
    }

    #[test]
    fn what_is_no_id_is_shown_safely_with_one_that_is() {
        let wrong = "G-7F3\u{1b}[2J".parse::<RequestId>().unwrap_err();
        assert_eq!(wrong.to_string(), "\"G-7F3\\u{1b}[2J\" is not an id of this kind: R- and 8 letters or digits, for example R-7F3KQ2ZD");
        assert_eq!("g-o1l".parse::<IdPrefix>().unwrap().as_str(), "G-011");
        for wrong in ["G", "G-123456789", "G-U", "GG-1", "-1"] {
            assert!(wrong.parse::<IdPrefix>().is_err(), "{wrong}");
        }
        assert!("S-12345678".parse::<IdPrefix>().is_ok());
    }

    #[test]
    fn ids_are_text_in_events_and_all_forty_bits_of_them_count() {
        let id = SessionId::random(&mut Fixed(0x0012_3456_789a_bcde_u64));
        let json = serde_json::to_string(&id).unwrap();
        assert_eq!((json.as_str(), serde_json::from_str::<SessionId>(&json).unwrap()), ("\"S-ASW9NF6Y\"", id));
        assert_eq!(format!("{id:?}"), "S-ASW9NF6Y");
        assert!(serde_json::from_str::<SessionId>("\"G-ASW9NF6Y\"").is_err());
        assert!(serde_json::from_str::<SessionId>("7").is_err());
    }
}
