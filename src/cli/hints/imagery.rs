//! What to do about imagery that cannot be used.

use crate::{cli::CliError, imagery::ImageryError};

/// Imagery's trouble, with what to do about it.
pub fn explain(error: ImageryError) -> CliError {
    let hint = hint(&error);
    let error = CliError::from(error);
    match hint {
        Some(hint) => error.hint(hint),
        None => error,
    }
}

/// What a person may do about it, where that is not plain from the message.
pub fn hint(error: &ImageryError) -> Option<&'static str> {
    match error {
        ImageryError::UnknownForm { .. } => Some(
            "hvmap run --imagery synthetic:1 draws a world of its own; see --help for the \
                 other forms",
        ),
        ImageryError::NoRange { .. } => Some("give the range with --imagery-stretch MIN,MAX"),
        ImageryError::Refused { .. } => Some(
            "check the key and whether the provider's terms allow this use; what was fetched \
                 is kept, and the same command goes on from there. A server that answers so where \
                 it merely holds no tile needs --no-imagery-status",
        ),
        ImageryError::Unreachable { .. } => Some(
            "nothing is lost: run the same command again when the server is back, perhaps \
                 with a lower --rate",
        ),
        ImageryError::CacheOfOther { .. } => Some("name another --cache file for this source"),
        ImageryError::ZoomMissing { .. } => Some("choose a --zoom that the imagery has"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_refuses_or_is_gone_comes_with_what_to_do() {
        let refused = ImageryError::Refused {
            origin: "https://tiles.example".to_owned(),
            status: 401,
            count: 20,
        };
        assert!(hint(&refused).unwrap().contains("terms"));
        let gone = ImageryError::Unreachable {
            origin: "https://tiles.example".to_owned(),
            waited_s: 60,
            reason: "refused".to_owned(),
        };
        let advice = hint(&gone).unwrap();
        assert!(advice.contains("run the same command again"));
    }
}
