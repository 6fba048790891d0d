//! What to do about models that cannot be served.

use super::predict;
use crate::{
    cli::CliError,
    serve::{Interface, ServeError},
};

/// A server's trouble, with what to do about it.
pub fn explain(error: ServeError) -> CliError {
    let hint = hint(&error);
    match (error, hint) {
        (ServeError::Model(error), _) => predict::explain(error),
        (error, Some(hint)) => CliError::from(error).hint(hint),
        (error, None) => error.into(),
    }
}

fn hint(error: &ServeError) -> Option<String> {
    let hint = match error {
        ServeError::Folder { .. } | ServeError::NoVersion { .. } => {
            "lay models out as FOLDER/1/model.onnx and name FOLDER with --model_base_path"
        }
        ServeError::SavedModel { path } => {
            return Some(format!(
                "package it with the program in python/, and serve what that leaves:\n\
                 hvmap-model package {} -o models --name NAME --version 1",
                path.display()
            ));
        }
        ServeError::Unfit { .. } => {
            "the packager in python/ (hvmap-model) makes a model of it that can be served; see \
             docs/MODELS.md"
        }
        ServeError::ModelFile { .. } => {
            "a version's folder holds its model alone, such as model.onnx"
        }
        ServeError::NamedTwice { .. } => "give each --model a name of its own",
        ServeError::Listen {
            interface: Interface::Rest,
            ..
        } => "is another server using this port? name another one with --rest_api_port",
        ServeError::Listen {
            interface: Interface::Grpc,
            ..
        } => "is another server using this port? name another one with --port",
        ServeError::VersionMissing { .. } | ServeError::Label { .. } => {
            "model_version_policy says which versions are served: latest { num_versions: N }, \
             all {}, or specific { versions: N }"
        }
        ServeError::WrongFile { .. } => {
            "docs/SERVING.md says what of TF Serving's files is followed"
        }
        _ => return None,
    };
    Some(hint.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_model_is_answered_with_the_command_that_packages_it() {
        let path = "models/m".into();
        let hint = explain(ServeError::SavedModel { path }).hint.unwrap();
        assert!(hint.contains("hvmap-model package models/m"), "{hint}");
    }

    #[test]
    fn a_port_that_is_taken_is_answered_with_its_flag() {
        for (interface, flag) in [
            (Interface::Rest, "--rest_api_port"),
            (Interface::Grpc, "--port"),
        ] {
            let hint = explain(ServeError::Listen {
                address: ([127, 0, 0, 1], 1).into(),
                interface,
                source: std::io::ErrorKind::AddrInUse.into(),
            })
            .hint
            .unwrap();
            assert!(hint.ends_with(flag), "{hint}");
        }
    }
}
