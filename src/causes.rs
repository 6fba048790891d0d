//! An error and its causes: on one line, for logs, tables and answers, or the one that is of a certain
//! type. The command line prints whole chains in its own way.

use std::error::Error;

/// The error's message and those of all its sources, outermost first, joined by `": "`. A cause that
/// the text already quotes is left out, since some libraries put it into the message as well.
#[must_use]
pub fn on_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let words = cause.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        source = cause.source();
    }
    text
}

/// The first of the error and its sources that is a `T`.
#[must_use]
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the tile")]
    struct Outer(#[source] Middle);

    #[derive(Debug, thiserror::Error)]
    #[error("no answer: timed out")]
    struct Middle(#[source] std::io::Error);

    #[test]
    fn causes_follow_the_message_and_none_is_told_twice() {
        let told = |cause: &str| {
            let cause = std::io::Error::other(cause.to_owned());
            on_one_line(&Outer(Middle(cause)))
        };
        assert_eq!(
            told("timed out"),
            "cannot read the tile: no answer: timed out"
        );
        assert_eq!(
            told("refused"),
            "cannot read the tile: no answer: timed out: refused"
        );
    }

    #[test]
    fn a_cause_is_found_by_its_type() {
        let error = Outer(Middle(std::io::ErrorKind::TimedOut.into()));
        let found: &std::io::Error = find(&error).unwrap();
        assert_eq!(found.kind(), std::io::ErrorKind::TimedOut);
        assert!(find::<Outer>(&error).is_some());
        assert!(find::<std::fmt::Error>(&error).is_none());
    }
}
