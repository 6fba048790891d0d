//! The URL of a served model: which protocol, which host, which model.

use url::Url;

use crate::{
    predict::{PredictError, ServerFault, Unusable},
    wire::path::{Chosen, ModelPath, percent_decoded},
};

/// How a server is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// TF Serving's REST interface, which KServe v1 shares.
    TfServingRest,
    /// TF Serving's `PredictionService`.
    TfServingGrpc,
    /// The Open Inference Protocol over HTTP, with binary tensors.
    OpenInferenceRest,
    /// The Open Inference Protocol's `GRPCInferenceService`.
    OpenInferenceGrpc,
}

/// One model at one server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelUrl {
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
    /// A label instead of a version, percent-encoded where it goes into a path.
    pub label: Option<String>,
}

/// Whether a model's name is the URL of a server, of whatever scheme.
#[must_use]
pub fn is_server(name: &str) -> bool {
    name.split_once("://")
        .is_some_and(|(scheme, _)| !scheme.is_empty() && !scheme.contains('/'))
}

impl ModelUrl {
    /// # Errors
    /// When the URL names no model by any [`Protocol`].
    pub(super) fn parse(given: &str) -> Result<Self, PredictError> {
        let refused =
            |shown: &str, reason: String| PredictError::unusable(shown, Unusable::Url(reason));
        let mut url =
            Url::parse(given).map_err(|error| refused(given, format!("its URL: {error}")))?;
        let mut shown = given.to_owned();
        if url.password().is_some() {
            let mut hidden = url.clone();
            // Only URLs without a host refuse a password.
            let _ = hidden.set_password(Some("***"));
            shown = hidden.to_string();
        }
        let unusable = |reason: String| refused(&shown, reason);
        // Those of gRPC: the protocol, whether it goes by TLS, and the port unless one is named.
        let grpc = match url.scheme() {
            "http" | "https" => None,
            "grpc" => Some((Protocol::TfServingGrpc, "http", 8500)),
            "grpcs" => Some((Protocol::TfServingGrpc, "https", 443)),
            "grpc+v2" => Some((Protocol::OpenInferenceGrpc, "http", 8001)),
            "grpcs+v2" => Some((Protocol::OpenInferenceGrpc, "https", 443)),
            other => return Err(unusable(format!("its scheme is {other}"))),
        };
        if url.host_str().is_none_or(str::is_empty) {
            return Err(unusable("its URL names no host".into()));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(unusable("its URL has a query or a fragment".into()));
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path("");
        if let Some((protocol, scheme, port)) = grpc {
            if !url.username().is_empty() || url.password().is_some() {
                return Err(unusable(
                    "its URL has a user, which gRPC does not take".into(),
                ));
            }
            if url.port().is_none() {
                // Only special schemes refuse a port, and these are none.
                let _ = url.set_port(Some(port));
            }
            let authority = url.as_str().split_once("://").map_or("", |(_, rest)| rest);
            let base = format!("{scheme}://{}", authority.trim_end_matches('/'));
            return Self::of(&shown, protocol, base, path.trim_start_matches('/'))
                .map_err(unusable);
        }
        let forms = [
            (Protocol::TfServingRest, "/v1/models/", ":predict"),
            (Protocol::OpenInferenceRest, "/v2/models/", "/infer"),
        ];
        for (protocol, mark, verb) in forms {
            if let Some((prefix, rest)) = path.split_once(mark) {
                let base = format!("{}{prefix}", url.as_str().trim_end_matches('/'));
                let rest = rest.strip_suffix(verb).unwrap_or(rest);
                return Self::of(&shown, protocol, base, rest).map_err(unusable);
            }
        }
        Err(unusable("its URL names no model".into()))
    }

    /// An error of the server's.
    pub(super) fn server(&self, reason: impl Into<ServerFault>) -> PredictError {
        PredictError::Server {
            url: self.shown.clone(),
            reason: reason.into(),
        }
    }

    /// An error of the model's.
    pub(super) fn unusable(&self, reason: Unusable) -> PredictError {
        PredictError::unusable(&*self.shown, reason)
    }

    /// From the part of a path that names the model.
    fn of(shown: &str, protocol: Protocol, base: String, path: &str) -> Result<Self, String> {
        let path = ModelPath::read(path)
            .filter(|path| path.rest.is_empty())
            .ok_or("its URL names no model")?;
        let is_tf_serving = matches!(protocol, Protocol::TfServingRest | Protocol::TfServingGrpc);
        let (version, label) = match path.chosen {
            None => (None, None),
            Some(Chosen::Version(version)) => {
                if is_tf_serving && version.parse::<i64>().is_err() {
                    return Err(format!("its version is {version}, expected a number"));
                }
                (Some(version.to_owned()), None)
            }
            Some(Chosen::Label(label)) if protocol == Protocol::TfServingRest => {
                (None, Some(label.to_owned()))
            }
            Some(Chosen::Label(label)) if protocol == Protocol::TfServingGrpc => {
                let label =
                    percent_decoded(label).ok_or("its label is not percent-encoded UTF-8")?;
                (None, Some(label))
            }
            Some(Chosen::Label(_)) => return Err("KServe v2 has no labels".into()),
        };
        Ok(Self {
            shown: shown.to_owned(),
            protocol,
            base,
            model: percent_decoded(path.name)
                .ok_or("the model's name in its URL is not percent-encoded UTF-8")?,
            model_path: path.name.to_owned(),
            version,
            label,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, protocol: Protocol, base: &str, model: &str, version: Option<&str>) {
        let at = ModelUrl::parse(url).unwrap();
        assert_eq!(at.protocol, protocol);
        assert_eq!(at.base, base);
        assert_eq!(at.model, model);
        assert_eq!(at.version.as_deref(), version);
    }

    #[test]
    fn urls_say_protocol_host_model_and_version() {
        use Protocol::{OpenInferenceGrpc, OpenInferenceRest, TfServingGrpc, TfServingRest};
        let base = "http://h:8501";
        check(
            "http://h:8501/v1/models/a:predict",
            TfServingRest,
            base,
            "a",
            None,
        );
        check(
            "http://h:8501/v1/models/a%20b/",
            TfServingRest,
            base,
            "a b",
            None,
        );
        let versioned = "http://h:8501/v1/models/a/versions/3:predict";
        check(versioned, TfServingRest, base, "a", Some("3"));
        check(
            "https://h/x/v1/models/a+b",
            TfServingRest,
            "https://h/x",
            "a+b",
            None,
        );
        check("grpc://h/a", TfServingGrpc, "http://h:8500", "a", None);
        check(
            "grpc://[::1]:9/a",
            TfServingGrpc,
            "http://[::1]:9",
            "a",
            None,
        );
        check(
            "grpc://h:1/a/versions/2",
            TfServingGrpc,
            "http://h:1",
            "a",
            Some("2"),
        );
        check(
            "http://h:8000/v2/models/a",
            OpenInferenceRest,
            "http://h:8000",
            "a",
            None,
        );
        let infer = "http://h:8000/v2/models/a/versions/x/infer";
        check(infer, OpenInferenceRest, "http://h:8000", "a", Some("x"));
        check(
            "grpc+v2://h/a",
            OpenInferenceGrpc,
            "http://h:8001",
            "a",
            None,
        );
        check("grpcs://h/a", TfServingGrpc, "https://h:443", "a", None);
        check(
            "grpcs+v2://h:8001/a",
            OpenInferenceGrpc,
            "https://h:8001",
            "a",
            None,
        );
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
            "grpc+v3://h/a",
            "http://",
        ] {
            let error = ModelUrl::parse(url).unwrap_err();
            let PredictError::Unusable { reason, .. } = error else {
                panic!("{url}: {error}");
            };
            assert!(matches!(reason, Unusable::Url(_)), "{url}: {reason}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        let at = ModelUrl::parse("http://u:secret@h/v1/models/a").unwrap();
        assert!(!at.shown.contains("secret"));
        assert_eq!(at.base, "http://u:secret@h");
        let error = ModelUrl::parse("grpc://u:secret@h/a").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn a_label_stays_encoded_where_it_goes_into_a_path_again() {
        for (url, label) in [
            ("http://h/v1/models/a/labels/b%20c", "b%20c"),
            ("grpc://h/a/labels/b%20c", "b c"),
        ] {
            let at = ModelUrl::parse(url).unwrap();
            assert_eq!(at.label.as_deref(), Some(label));
        }
    }

    #[test]
    fn names_with_a_scheme_are_servers_and_paths_are_not() {
        assert!(is_server("grpc://h/a") && is_server("http://h/v1/models/a"));
        assert!(!is_server("models/a.onnx") && !is_server("demo"));
    }
}
