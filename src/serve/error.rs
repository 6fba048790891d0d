//! Why a server cannot start.

use std::{net::SocketAddr, path::PathBuf};

use crate::predict::PredictError;

/// One of the two that a server listens for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interface {
    Rest,
    Grpc,
}

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
        interface: Interface,
        #[source]
        source: std::io::Error,
    },
    #[error("the setting {setting} is {got}, expected {expected}")]
    Setting {
        setting: &'static str,
        got: String,
        expected: &'static str,
    },
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}
