//! Which model, version and action a path under `/v1/models/` or `/v2/models/` means.

use axum::http::Method;

use crate::{
    serve::service::VersionChoice,
    wire::path::{Chosen, ModelPath, percent_decoded},
};

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
        let path = ModelPath::read(path)?;
        let metadata = match path.rest.as_slice() {
            [] => false,
            [word] if word.eq_ignore_ascii_case("metadata") => true,
            _ => return None,
        };
        let action = match (method, verb.as_deref(), metadata) {
            (&Method::GET, None, false) => Action::Status,
            (&Method::GET, None, true) => Action::Metadata,
            (&Method::POST, Some("predict"), false) => Action::Predict,
            (&Method::POST, Some("classify"), false) => Action::Classify,
            (&Method::POST, Some("regress"), false) => Action::Regress,
            _ => return None,
        };
        Some(Self {
            model: percent_decoded(path.name)?,
            version: match path.chosen {
                None => None,
                Some(chosen) => Some(version(chosen)?),
            },
            action,
        })
    }
}

/// What follows a prefix, whatever its case.
pub(super) fn after<'a>(path: &'a str, prefix: &str) -> Option<&'a str> {
    path.get(..prefix.len())
        .filter(|start| start.eq_ignore_ascii_case(prefix))
        .map(|_| &path[prefix.len()..])
}

fn version(chosen: Chosen<'_>) -> Option<VersionChoice> {
    Some(match chosen {
        Chosen::Version(number) => VersionChoice::Number(number.parse().ok()?),
        Chosen::Label(label) => VersionChoice::Label(percent_decoded(label)?),
    })
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
        let path = ModelPath::read(rest)?;
        let action = match (method, path.rest.as_slice()) {
            (&Method::GET, []) => InferAction::Metadata,
            (&Method::GET, ["ready"]) => InferAction::Ready,
            (&Method::POST, ["infer"]) => InferAction::Infer,
            _ => return None,
        };
        Some(Self {
            model: percent_decoded(path.name)?,
            version: match path.chosen {
                None => None,
                // The protocol has no labels.
                Some(Chosen::Label(_)) => return None,
                Some(chosen) => Some(version(chosen)?),
            },
            action,
        })
    }
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
        let target = Target::parse(&Method::GET, "m/labels/a%2fb/Metadata").unwrap();
        assert_eq!(target.version, Some(VersionChoice::Label("a/b".into())));
        assert_eq!(target.action, Action::Metadata);
        for (method, path) in [
            (Method::GET, "m:predict"),
            (Method::POST, "m"),
            (Method::PUT, "m:predict"),
            (Method::POST, "m/metadata"),
            (Method::GET, "m/versions"),
            (Method::GET, "m/versions/1/labels/a"),
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
            (Method::GET, "half/labels/a/ready"),
            (Method::GET, ""),
        ] {
            assert_eq!(InferTarget::parse(&method, path), None, "{method} {path}");
        }
    }
}
