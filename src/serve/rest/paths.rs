//! Which model, version and action a path under `/v1/models/` or `/v2/models/` means.

use axum::http::Method;

use crate::serve::service::VersionChoice;

/// What a path under `/v1/models/` asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Target {
    pub model: String,
    pub version: Option<VersionChoice>,
    pub action: Action,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Action {
    Status,
    Metadata,
    Predict,
    Classify,
    Regress,
}

impl Target {
    /// Reads what follows `/v1/models/`; `None` when it is malformed or the method does not fit.
    pub(super) fn parse(method: &Method, rest: &str) -> Option<Self> {
        let (path, verb) = match rest.rsplit_once(':') {
            Some((path, verb)) if !verb.contains('/') => (path, Some(verb.to_ascii_lowercase())),
            _ => (rest, None),
        };
        let mut parts = path.trim_end_matches('/').split('/');
        let model = percent_decoded(parts.next().filter(|name| !name.is_empty())?)?;
        let mut version = None;
        let mut metadata = false;
        while let Some(part) = parts.next() {
            match part.to_ascii_lowercase().as_str() {
                "versions" if version.is_none() => {
                    version = Some(VersionChoice::Number(parts.next()?.parse().ok()?));
                }
                "labels" if version.is_none() => {
                    version = Some(VersionChoice::Label(percent_decoded(parts.next()?)?));
                }
                "metadata" if !metadata => metadata = true,
                _ => return None,
            }
        }
        let action = match (method, verb.as_deref(), metadata) {
            (&Method::GET, None, false) => Action::Status,
            (&Method::GET, None, true) => Action::Metadata,
            (&Method::POST, Some("predict"), false) => Action::Predict,
            (&Method::POST, Some("classify"), false) => Action::Classify,
            (&Method::POST, Some("regress"), false) => Action::Regress,
            _ => return None,
        };
        Some(Self {
            model,
            version,
            action,
        })
    }
}

/// What a path under `/v2/models/` asks for.
#[derive(Debug, PartialEq)]
pub(super) struct InferTarget {
    pub model: String,
    pub version: Option<VersionChoice>,
    pub action: InferAction,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum InferAction {
    Metadata,
    Ready,
    Infer,
}

impl InferTarget {
    /// Reads what follows `/v2/models/`; `None` when it is malformed or the method does not fit.
    pub(super) fn parse(method: &Method, rest: &str) -> Option<Self> {
        let mut parts = rest.trim_end_matches('/').split('/');
        let model = percent_decoded(parts.next().filter(|name| !name.is_empty())?)?;
        let mut next = parts.next();
        let mut version = None;
        if next == Some("versions") {
            version = Some(VersionChoice::Number(parts.next()?.parse().ok()?));
            next = parts.next();
        }
        let action = match (method, next) {
            (&Method::GET, None) => InferAction::Metadata,
            (&Method::GET, Some("ready")) => InferAction::Ready,
            (&Method::POST, Some("infer")) => InferAction::Infer,
            _ => return None,
        };
        parts.next().is_none().then_some(Self {
            model,
            version,
            action,
        })
    }
}

fn percent_decoded(text: &str) -> Option<String> {
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
    fn paths_say_model_version_and_action() {
        let target = Target::parse(&Method::POST, "hv%20grid/Versions/2:PREDICT").unwrap();
        assert_eq!(target.model, "hv grid");
        assert_eq!(target.version, Some(VersionChoice::Number(2)));
        assert_eq!(target.action, Action::Predict);
        for (method, path) in [
            (Method::GET, "m:predict"),
            (Method::POST, "m"),
            (Method::GET, "m/versions/x"),
            (Method::GET, "m/what"),
            (Method::GET, "%zz"),
            (Method::GET, "%+1"),
        ] {
            assert_eq!(Target::parse(&method, path), None, "{method} {path}");
        }
    }

    #[test]
    fn paths_of_the_open_inference_protocol_have_no_verbs() {
        let target = InferTarget::parse(&Method::POST, "half/versions/2/infer").unwrap();
        assert_eq!(target.version, Some(VersionChoice::Number(2)));
        assert_eq!(target.action, InferAction::Infer);
        for (method, path) in [
            (Method::GET, "half/infer"),
            (Method::POST, "half"),
            (Method::GET, "half/versions"),
            (Method::GET, "half/ready/now"),
            (Method::GET, ""),
        ] {
            assert_eq!(InferTarget::parse(&method, path), None, "{method} {path}");
        }
    }
}
