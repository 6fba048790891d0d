//! What a model takes and gives, as every protocol describes it.

use super::failure::Failure;
use crate::{
    predict::ModelInfo,
    tiles::TILE_SIZE_PX,
    wire::{
        element::Element,
        names::{
            ATTRIBUTION, DEFAULT_SIGNATURE, ENCODED_IMAGES, LOCALIZE_SIGNATURE, PIXELS, SCORES,
        },
    },
};

/// Which outputs are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signature {
    /// The scores alone.
    Default,
    /// The scores and where in the tile they come from.
    Localize,
}

/// A tensor as metadata describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TensorFacts {
    pub name: &'static str,
    pub element: Element,
    /// -1 where it varies: the number of images.
    pub sizes: Vec<i64>,
}

impl Signature {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Default => DEFAULT_SIGNATURE,
            Self::Localize => LOCALIZE_SIGNATURE,
        }
    }

    /// The signatures that a model has.
    pub(super) fn of(info: &ModelInfo) -> &'static [Self] {
        if info.attribution.is_some() {
            &[Self::Default, Self::Localize]
        } else {
            &[Self::Default]
        }
    }

    /// The model's signature of that name, empty for the default; `refuse` makes the failure of
    /// what was asked for, each protocol in its own words.
    pub(super) fn named(
        name: &str,
        info: &ModelInfo,
        refuse: impl FnOnce(&str) -> Failure,
    ) -> Result<Self, Failure> {
        if name.is_empty() {
            return Ok(Self::Default);
        }
        let known = Self::of(info);
        known
            .iter()
            .copied()
            .find(|signature| signature.name() == name)
            .ok_or_else(|| {
                let mut failure = refuse(name);
                let names: Vec<_> = known.iter().map(|signature| signature.name()).collect();
                failure.text = format!("{}; expected {}", failure.text, names.join(" or "));
                failure
            })
    }

    /// What it gives, in the order of the names that TF Serving's maps have.
    pub(super) fn outputs(self, info: &ModelInfo) -> Vec<TensorFacts> {
        let mut outputs = Vec::with_capacity(2);
        if self == Self::Localize
            && let Some(map) = &info.attribution
        {
            outputs.push(TensorFacts {
                name: ATTRIBUTION,
                element: Element::Float,
                sizes: vec![-1, map.rows_px.len() as i64, map.columns_px.len() as i64],
            });
        }
        outputs.push(TensorFacts {
            name: SCORES,
            element: Element::Float,
            sizes: vec![-1, info.classes.len() as i64],
        });
        outputs
    }
}

/// The input of encoded images: the one of every signature.
pub(super) fn encoded_input() -> TensorFacts {
    TensorFacts {
        name: ENCODED_IMAGES,
        element: Element::Bytes,
        sizes: vec![-1],
    }
}

/// The input of pixels, `[N, 256, 256, 3]`, RGB, rows top-down, where a protocol carries numbers
/// without spelling them.
pub(super) fn pixel_input() -> TensorFacts {
    let side = i64::from(TILE_SIZE_PX);
    TensorFacts {
        name: PIXELS,
        element: Element::Uint8,
        sizes: vec![-1, side, side, 3],
    }
}
