//! Why a server cannot start.

use std::{net::SocketAddr, path::PathBuf};

use crate::predict::PredictError;

/// Trouble before the first request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    #[error("cannot read the model folder {}", path.display())]
    Folder {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} holds no version of the model {name}: expected a folder such as 1 in it", path.display())]
    NoVersion { name: String, path: PathBuf },
    #[error("{} holds no version {version}, which the model {name} is to serve", path.display())]
    VersionMissing {
        name: String,
        version: u64,
        path: PathBuf,
    },
    #[error(
        "the label {label:?} of the model {name} names version {version}, expected one that is \
         served: {served:?}"
    )]
    Label {
        name: String,
        label: String,
        version: u64,
        served: Vec<u64>,
    },
    #[error("{} holds a saved_model.pb, which is not served as it is", path.display())]
    SavedModel { path: PathBuf },
    #[error("{} holds {found} .onnx files, expected one", path.display())]
    ModelFile { path: PathBuf, found: usize },
    #[error("the model {} cannot be served as it is: {reason}", path.display())]
    Unfit { path: PathBuf, reason: String },
    #[error("cannot read {}", path.display())]
    ReadFile {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} cannot be followed: {reason}", path.display())]
    WrongFile { path: PathBuf, reason: String },
    #[error("the model {name} is named twice")]
    NamedTwice { name: String },
    #[error(transparent)]
    Model(#[from] PredictError),
    #[error("cannot listen at {address}")]
    Listen {
        address: SocketAddr,
        /// Which flag names another port.
        flag: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

impl ServeError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Folder { .. } | Self::NoVersion { .. } => Some(
                "lay models out as FOLDER/1/model.onnx and name FOLDER with --model_base_path"
                    .into(),
            ),
            Self::SavedModel { path } => Some(format!(
                "package it with the program in python/, and serve what that leaves:\n\
                 hvmap-model package {} -o models --name NAME --version 1",
                path.display()
            )),
            Self::Unfit { .. } => Some(
                "the packager in python/ (hvmap-model) makes a model of it that can be served; \
                 see docs/MODELS.md"
                    .into(),
            ),
            Self::ModelFile { .. } => {
                Some("a version's folder holds its model alone, such as model.onnx".into())
            }
            Self::NamedTwice { .. } => Some("give each --model a name of its own".into()),
            Self::Listen { flag, .. } => Some(format!(
                "is another server using this port? name another one with {flag}"
            )),
            Self::VersionMissing { .. } | Self::Label { .. } => Some(
                "model_version_policy says which versions are served: latest { num_versions: N }, \
                 all {}, or specific { versions: N }"
                    .into(),
            ),
            Self::WrongFile { .. } => {
                Some("docs/SERVING.md says what of TF Serving's files is followed".into())
            }
            Self::Model(_) | Self::ReadFile { .. } | Self::Thread(_) => None,
        }
    }
}
