//! How the paths of HTTP's serving protocols name a model.

/// `NAME`, `NAME/versions/N` or `NAME/labels/L`, and what follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelPath<'a> {
    /// Percent-encoded.
    pub name: &'a str,
    pub chosen: Option<Chosen<'a>>,
    /// The parts that follow, such as `metadata`.
    pub rest: Vec<&'a str>,
}

/// Which of a model's versions a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chosen<'a> {
    Version(&'a str),
    /// Percent-encoded.
    Label(&'a str),
}

impl<'a> ModelPath<'a> {
    /// Reads what follows `/v1/models/` or `/v2/models/`; `None` where it names no model.
    #[must_use]
    pub fn read(path: &'a str) -> Option<Self> {
        let mut rest: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        if rest.contains(&"") {
            return None;
        }
        let name = rest.remove(0);
        let chosen = match rest.as_slice() {
            [word, chosen, ..] if word.eq_ignore_ascii_case("versions") => {
                Some(Chosen::Version(chosen))
            }
            [word, chosen, ..] if word.eq_ignore_ascii_case("labels") => {
                Some(Chosen::Label(chosen))
            }
            _ => None,
        };
        if chosen.is_some() {
            rest.drain(..2);
        }
        Some(Self { name, chosen, rest })
    }
}

/// The text that a part of a path stands for; `None` where it is not percent-encoded UTF-8.
#[must_use]
pub fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = tail.get(..2)?;
            // The parser below would take a sign.
            if !digits.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &tail[2..];
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_model_and_one_of_its_versions() {
        let read = |path| ModelPath::read(path).map(|path| (path.name, path.chosen, path.rest));
        assert_eq!(read("m"), Some(("m", None, vec![])));
        assert_eq!(
            read("a%20b/Versions/3/"),
            Some(("a%20b", Some(Chosen::Version("3")), vec![]))
        );
        assert_eq!(
            read("m/labels/new/metadata"),
            Some(("m", Some(Chosen::Label("new")), vec!["metadata"]))
        );
        assert_eq!(read("m/versions"), Some(("m", None, vec!["versions"])));
        for path in ["", "/", "/m", "m//metadata"] {
            assert_eq!(read(path), None, "{path}");
        }
    }

    #[test]
    fn what_is_not_percent_encoded_is_no_name() {
        assert_eq!(percent_decoded("a%20b%c3%a9").as_deref(), Some("a bé"));
        for text in ["%", "%2", "%zz", "%+1", "%ff"] {
            assert_eq!(percent_decoded(text), None, "{text}");
        }
    }
}
