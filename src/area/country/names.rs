//! How names are compared, and which are near to one another.

use unicode_normalization::UnicodeNormalization;

/// The most suggestions worth reading.
const SUGGESTIONS_MAX: usize = 3;
/// Likeness (0 to 1) below which a name is no suggestion.
const LIKENESS_MIN: f64 = 0.6;
/// A name that is less like the given one than the nearest, by more than this, is no suggestion.
const LIKENESS_BEHIND_MAX: f64 = 0.1;

/// A name without case, accents, spaces, punctuation and a leading "the"; a number as the three
/// digits of a code.
pub(super) fn folded(name: &str) -> String {
    let name = name.trim();
    if !name.is_empty() && name.len() <= 3 && name.bytes().all(|byte| byte.is_ascii_digit()) {
        return format!("{name:0>3}");
    }
    let mut plain = String::with_capacity(name.len());
    for letter in name.nfd().flat_map(char::to_lowercase) {
        match letter {
            // Letters that are more than a letter and an accent.
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'ı' => plain.push('i'),
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'þ' => plain.push_str("th"),
            '&' => plain.push_str("and"),
            '\u{300}'..='\u{36f}' => {}
            letter if letter.is_alphanumeric() => plain.push(letter),
            _ => {}
        }
    }
    match plain.strip_prefix("the") {
        Some(rest)
            if name
                .get(..4)
                .is_some_and(|start| start.eq_ignore_ascii_case("the ")) =>
        {
            rest.to_owned()
        }
        _ => plain,
    }
}

/// The names of the places that look most like a folded name, the nearest first. Of each place comes
/// its name, and every name and code by which it is found.
pub(super) fn nearest<'a, K>(
    wanted: &str,
    places: impl Iterator<Item = (&'a str, K)>,
) -> Vec<String>
where
    K: Iterator<Item = &'a str>,
{
    let likeness = |keys: K| {
        keys.map(folded)
            // A code of two or three letters is like too many words.
            .filter(|key| key.len() > 3)
            .map(|key| strsim::normalized_damerau_levenshtein(&key, wanted))
            .fold(0.0, f64::max)
    };
    let mut ranked: Vec<(f64, &str)> = places
        .map(|(name, keys)| (likeness(keys), name))
        .filter(|&(likeness, _)| likeness >= LIKENESS_MIN)
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let best = ranked.first().map_or(0.0, |&(likeness, _)| likeness);
    ranked
        .into_iter()
        .take_while(|&(likeness, _)| likeness >= best - LIKENESS_BEHIND_MAX)
        .take(SUGGESTIONS_MAX)
        .map(|(_, name)| name.to_owned())
        .collect()
}
