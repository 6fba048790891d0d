//! The URL of a served model: which protocol, which host, which model.

use url::Url;

use crate::predict::PredictError;

/// What a URL may look like, for people.
pub(super) const FORMS: &str = "expected one of\n\
     http://HOST:8501/v1/models/NAME   (TF Serving, KServe v1)\n\
     grpc://HOST:8500/NAME             (TF Serving)\n\
     http://HOST:8000/v2/models/NAME   (KServe v2)\n\
     grpc+v2://HOST:8001/NAME          (KServe v2)";

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// TF Serving's REST interface, which KServe v1 shares.
    Rest,
    /// TF Serving's `PredictionService`.
    Grpc,
    /// KServe v2 over HTTP, with binary tensors.
    V2,
    /// KServe v2's `GRPCInferenceService`.
    V2Grpc,
}

/// One model at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// For people: as given, without a password.
    pub shown: String,
    pub protocol: Protocol,
    /// What stands before the model's path: `http://host:8501`, with whatever path a proxy puts in
    /// front.
    pub base: String,
    /// Percent-encoded, as it goes into a path.
    pub model_path: String,
    pub model: String,
    /// As in the URL; otherwise the server chooses.
    pub version: Option<String>,
    /// A label instead of a version, percent-encoded.
    pub label: Option<String>,
}

/// Whether a model's name is the URL of a server, of whatever scheme.
#[must_use]
pub fn is_server(name: &str) -> bool {
    name.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains('/'))
}

impl Place {
    /// # Errors
    /// When the URL is none of [`FORMS`].
    pub(super) fn parse(given: &str) -> Result<Self, PredictError> {
        let unusable = |reason: String| PredictError::Unusable {
            model: given.to_owned(),
            reason,
            hint: Some(FORMS.into()),
        };
        let mut url = Url::parse(given).map_err(|error| unusable(format!("its URL: {error}")))?;
        let grpc = match url.scheme() {
            "http" | "https" => None,
            "grpc" => Some((Protocol::Grpc, 8500)),
            "grpc+v2" => Some((Protocol::V2Grpc, 8001)),
            other => return Err(unusable(format!("its scheme is {other}"))),
        };
        if url.host_str().is_none_or(str::is_empty) {
            return Err(unusable("its URL names no host".into()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(unusable("its URL has a query or a fragment".into()));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        let (protocol, prefix, rest) = match grpc {
            Some((protocol, _)) => (protocol, "", path.trim_start_matches('/')),
            None => {
                let split = |mark: &str| {
                    path.find(mark)
                        .map(|at| (path[..at].to_owned(), path[at + mark.len()..].to_owned()))
                };
                if let Some((prefix, rest)) = split("/v1/models/") {
                    let rest = rest.strip_suffix(":predict").unwrap_or(&rest).to_owned();
                    return Self::of(url, given, Protocol::Rest, &prefix, &rest).map_err(unusable);
                }
                let Some((prefix, rest)) = split("/v2/models/") else {
                    return Err(unusable("its URL names no model".into()));
                };
                let rest = rest.strip_suffix("/infer").unwrap_or(&rest).to_owned();
                return Self::of(url, given, Protocol::V2, &prefix, &rest).map_err(unusable);
            }
        };
        if let Some((_, port)) = grpc
            && url.port().is_none()
        {
            // Only special schemes refuse a port, and these are none.
            let _ = url.set_port(Some(port));
        }
        let rest = rest.to_owned();
        Self::of(url, given, protocol, prefix, &rest).map_err(unusable)
    }

    /// From what follows the prefix: `NAME`, `NAME/versions/N` or `NAME/labels/L`.
    fn of(
        url: Url,
        given: &str,
        protocol: Protocol,
        prefix: &str,
        rest: &str,
    ) -> Result<Self, String> {
        let parts: Vec<&str> = rest.split('/').collect();
        let (model_path, version, label) = match parts.as_slice() {
            [model] if !model.is_empty() => (*model, None, None),
            [model, "versions", version] if !model.is_empty() && !version.is_empty() => {
                (*model, Some((*version).to_owned()), None)
            }
            [model, "labels", label]
                if !model.is_empty()
                    && !label.is_empty()
                    && matches!(protocol, Protocol::Rest | Protocol::Grpc) =>
            {
                (*model, None, Some((*label).to_owned()))
            }
            _ => return Err("its URL names no model".into()),
        };
        if matches!(protocol, Protocol::Rest | Protocol::Grpc)
            && let Some(version) = &version
            && version.parse::<i64>().is_err()
        {
            return Err(format!("its version is {version}, expected a number"));
        }
        let mut shown = url.clone();
        let mut base = url;
        if shown.password().is_some() {
            let _ = shown.set_password(Some("***"));
        }
        base.set_path("");
        let base = match protocol {
            Protocol::Grpc | Protocol::V2Grpc => {
                if !base.username().is_empty() || base.password().is_some() {
                    return Err("its URL has a user, which gRPC does not take".into());
                }
                let authority = base.as_str().split_once("://").map_or("", |(_, rest)| rest);
                format!("http://{}", authority.trim_end_matches('/'))
            }
            Protocol::Rest | Protocol::V2 => {
                format!("{}{prefix}", base.as_str().trim_end_matches('/'))
            }
        };
        let shown = if shown.password().is_some() {
            shown.to_string()
        } else {
            given.to_owned()
        };
        Ok(Self {
            shown,
            protocol,
            base,
            model: percent_decoded(model_path)
                .ok_or("the model's name in its URL is not percent-encoded UTF-8")?,
            model_path: model_path.to_owned(),
            version,
            label,
        })
    }
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        if first == b'%' {
            let digits = std::str::from_utf8(tail.get(..2)?).ok()?;
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

    #[track_caller]
    fn check(url: &str, protocol: Protocol, base: &str, model: &str, version: Option<&str>) {
        let place = Place::parse(url).unwrap();
        assert_eq!(place.protocol, protocol);
        assert_eq!(place.base, base);
        assert_eq!(place.model, model);
        assert_eq!(place.version.as_deref(), version);
    }

    #[test]
    fn urls_say_protocol_host_model_and_version() {
        use Protocol::{Grpc, Rest, V2, V2Grpc};
        let base = "http://h:8501";
        check("http://h:8501/v1/models/a:predict", Rest, base, "a", None);
        check("http://h:8501/v1/models/a%20b/", Rest, base, "a b", None);
        let versioned = "http://h:8501/v1/models/a/versions/3:predict";
        check(versioned, Rest, base, "a", Some("3"));
        check(
            "https://h/x/v1/models/a+b",
            Rest,
            "https://h/x",
            "a+b",
            None,
        );
        check("grpc://h/a", Grpc, "http://h:8500", "a", None);
        check("grpc://[::1]:9/a", Grpc, "http://[::1]:9", "a", None);
        check(
            "grpc://h:1/a/versions/2",
            Grpc,
            "http://h:1",
            "a",
            Some("2"),
        );
        check("http://h:8000/v2/models/a", V2, "http://h:8000", "a", None);
        let infer = "http://h:8000/v2/models/a/versions/x/infer";
        check(infer, V2, "http://h:8000", "a", Some("x"));
        check("grpc+v2://h/a", V2Grpc, "http://h:8001", "a", None);
    }

    #[test]
    fn other_urls_are_refused_with_the_forms_there_are() {
        for url in [
            "http://h:8501/",
            "http://h:8501/v1/models/",
            "http://h:8501/v1/models/a/versions/x",
            "http://h:8501/v1/models/a?b=c",
            "grpc://h:8500",
            "grpc://h:8500/a/b",
            "grpc://user:word@h/a",
            "grpc+v2://h/a/labels/b",
            "grpcs://h/a",
            "http://",
        ] {
            let error = Place::parse(url).unwrap_err();
            assert!(error.hint().unwrap().contains("grpc+v2://"), "{url}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let place = Place::parse("http://u:secret@h/v1/models/a").unwrap();
        assert!(!place.shown.contains("secret"));
        assert_eq!(place.base, "http://u:secret@h");
    }

    #[test]
    fn names_with_a_scheme_are_servers_and_paths_are_not() {
        assert!(is_server("grpc://h/a") && is_server("http://h/v1/models/a"));
        assert!(!is_server("models/a.onnx") && !is_server("demo"));
    }
}
