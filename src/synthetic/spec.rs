//! The text that names a synthetic world: `synthetic:SEED` or `synthetic:SEED/STYLE`.

use std::str::FromStr;

use super::style::{STYLES, Style};

/// What a synthetic source is named by on the command line.
pub const PREFIX: &str = "synthetic:";

/// Which style a world is drawn in.
#[derive(Clone, Copy, Debug)]
pub enum StyleChoice {
    /// Each region in one of the styles that models may learn from.
    Mosaic,
    One(&'static Style),
}

/// Why a text names no synthetic world.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    #[error("expected {PREFIX}SEED or {PREFIX}SEED/STYLE")]
    OtherForm,
    #[error("the seed is not a whole number from 0 to {} (got {got:?})", u64::MAX)]
    InvalidSeed { got: String },
    #[error("unknown style {got:?} (expected one of {})", style_names())]
    UnknownStyle { got: String },
}

/// A seed and a style.
#[derive(Clone, Copy, Debug)]
pub struct Spec {
    pub seed: u64,
    pub style: StyleChoice,
}

impl StyleChoice {
    /// The style of a name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        STYLES
            .iter()
            .find(|style| style.name == name)
            .map(Self::One)
    }
}

/// The names of all styles, comma-separated, the held-out ones marked.
#[must_use]
pub fn style_names() -> String {
    let names: Vec<String> = STYLES
        .iter()
        .map(|style| {
            let mark = if style.held_out { " (held out)" } else { "" };
            format!("{}{mark}", style.name)
        })
        .collect();
    names.join(", ")
}

impl FromStr for Spec {
    type Err = SpecError;

    fn from_str(text: &str) -> Result<Self, SpecError> {
        let rest = text.strip_prefix(PREFIX).ok_or(SpecError::OtherForm)?;
        let (seed, style) = match rest.split_once('/') {
            Some((seed, style)) => (seed, Some(style)),
            None => (rest, None),
        };
        let seed = seed.parse().map_err(|_| SpecError::InvalidSeed {
            got: seed.to_owned(),
        })?;
        let style = match style {
            None => StyleChoice::Mosaic,
            Some(name) => StyleChoice::named(name).ok_or_else(|| SpecError::UnknownStyle {
                got: name.to_owned(),
            })?,
        };
        Ok(Self { seed, style })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_alone_is_a_mosaic_and_a_style_can_be_named() {
        let spec: Spec = "synthetic:1".parse().unwrap();
        assert!(spec.seed == 1 && matches!(spec.style, StyleChoice::Mosaic));
        let spec: Spec = "synthetic:42/winter".parse().unwrap();
        assert!(matches!(spec.style, StyleChoice::One(style) if style.name == "winter"));
    }

    #[test]
    fn an_unknown_style_is_refused_with_a_list_of_all() {
        let error = "synthetic:1/summer"
            .parse::<Spec>()
            .unwrap_err()
            .to_string();
        assert!(error.contains("unknown style \"summer\""), "{error}");
        for style in &STYLES {
            assert!(error.contains(style.name), "{error}");
        }
    }

    #[test]
    fn a_seed_that_is_no_number_is_refused() {
        for text in [
            "synthetic:",
            "synthetic:x",
            "synthetic:-1",
            "synthetic:1.5/arid",
        ] {
            let error = text.parse::<Spec>().unwrap_err().to_string();
            assert!(error.contains("seed is not a whole number"), "{error}");
        }
    }
}
