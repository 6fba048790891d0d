//! What a classifier answers to a batch.

use crate::tiles::{CascadeStage, TileBox};

/// The answers to one batch; reused from batch to batch. All lists are in the order of the batch.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    /// One score an image: the probability of the positive classes, 0 to 1. NaN where the
    /// classifier had no usable answer for that image.
    pub scores: Vec<f32>,
    /// Which model of a cascade gave each score; empty where there is one model.
    pub stages: Vec<CascadeStage>,
    /// Where in the images the scores come from.
    pub located: Located,
    /// `n × classes`: the model's own outputs, from which the scores were made; empty where the
    /// classifier does not tell them.
    pub outputs: Vec<f32>,
}

impl Predictions {
    /// Empties all lists, and keeps their memory.
    pub fn clear(&mut self) {
        self.scores.clear();
        self.stages.clear();
        self.located.clear();
        self.outputs.clear();
    }
}

/// Where in the images of a batch the scores come from.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Located {
    /// The model does not say.
    #[default]
    Nothing,
    /// Attribution grids: `n × height × width` cells, rows top-down. No cells at all say nothing.
    Grids(Vec<f32>),
    /// Boxes of an object detector.
    Boxes {
        /// Those of the first image, then those of the second, and so on.
        boxes: Vec<TileBox>,
        /// For each image the number of boxes up to its last one: image `i` has
        /// `boxes[ends[i - 1]..ends[i]]`, and the first one begins at 0.
        ends: Vec<usize>,
    },
}

impl Located {
    /// The cells of all grids; none where there are no grids.
    #[must_use]
    pub fn grids(&self) -> &[f32] {
        match self {
            Self::Grids(cells) => cells,
            Self::Nothing | Self::Boxes { .. } => &[],
        }
    }

    /// The cells of all grids, to be filled; whatever else there was is dropped.
    pub fn grids_mut(&mut self) -> &mut Vec<f32> {
        if !matches!(self, Self::Grids(_)) {
            *self = Self::Grids(Vec::new());
        }
        match self {
            Self::Grids(cells) => cells,
            Self::Nothing | Self::Boxes { .. } => unreachable!("it was made one of grids"),
        }
    }

    /// The boxes of the image at a position of the batch.
    #[must_use]
    pub fn boxes(&self, position: usize) -> &[TileBox] {
        match self {
            Self::Boxes { boxes, ends } => {
                let begin = position.checked_sub(1).map_or(0, |before| ends[before]);
                &boxes[begin..ends[position]]
            }
            Self::Nothing | Self::Grids(_) => &[],
        }
    }

    /// What is wrong with the boxes of a batch of `count` images, if anything is.
    #[must_use]
    pub fn unsound(&self, count: usize) -> Option<String> {
        let Self::Boxes { boxes, ends } = self else {
            return None;
        };
        if ends.len() != count {
            return Some(format!("boxes for {} images, expected {count}", ends.len()));
        }
        let is_rising = ends.is_sorted() && ends.last().copied().unwrap_or(0) == boxes.len();
        if !is_rising {
            return Some(format!(
                "ends of {} boxes that do not rise to their number",
                boxes.len()
            ));
        }
        let wrong = boxes.iter().find(|found| !found.is_sound());
        wrong.map(|found| format!("the box {found:?}, whose edges are not in order"))
    }

    /// Empties it, and keeps its memory.
    pub fn clear(&mut self) {
        match self {
            Self::Nothing => {}
            Self::Grids(cells) => cells.clear(),
            Self::Boxes { boxes, ends } => {
                boxes.clear();
                ends.clear();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(x0: f32) -> TileBox {
        TileBox {
            class: 0,
            score: 0.5,
            x0,
            y0: 1.0,
            x1: 9.0,
            y1: 9.0,
        }
    }

    #[test]
    fn each_image_has_its_own_boxes() {
        let located = Located::Boxes {
            boxes: vec![found(1.0), found(2.0), found(3.0)],
            ends: vec![1, 1, 3],
        };
        assert_eq!(located.unsound(3), None);
        assert_eq!(located.boxes(0), [found(1.0)]);
        assert_eq!(located.boxes(1), []);
        assert_eq!(located.boxes(2), [found(2.0), found(3.0)]);
        assert!(located.unsound(2).is_some());
    }

    #[test]
    fn boxes_that_are_none_are_told() {
        for (left, ends) in [
            (10.0, vec![1]),
            (f32::NAN, vec![1]),
            (1.0, vec![2]),
            (1.0, vec![0]),
        ] {
            let boxes = vec![found(left)];
            let located = Located::Boxes { boxes, ends };
            assert!(located.unsound(1).is_some(), "{located:?}");
        }
    }
}
