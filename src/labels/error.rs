//! Why a training set could not be made.

use std::{io, path::PathBuf};

use crate::imagery::ImageryError;

/// Trouble with making a training set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabelsError {
    /// A training set goes into a folder of its own.
    #[error("{} is not empty", folder.display())]
    Occupied { folder: PathBuf },
    #[error("no label of {} says where it is", path.display())]
    Placeless { path: PathBuf },
    #[error(
        "{} holds no tower in the area that stands away from its tile's edges",
        path.display()
    )]
    NoTower { path: PathBuf },
    /// The folders of the labels could not be made.
    #[error(transparent)]
    Folder(io::Error),
    #[error(transparent)]
    Write(#[from] io::Error),
    #[error(transparent)]
    Imagery(#[from] ImageryError),
}
