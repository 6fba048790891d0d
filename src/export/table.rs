//! What every format says of a detection: the same names, order and values.

use std::borrow::Cow;

use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{
    ExportRequest,
    credits::{band, label},
};
use crate::detections::Detection;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FieldKind {
    Text,
    Whole,
    Real,
    Flag,
}

/// A field's value; serializes as itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Value<'a> {
    Text(Cow<'a, str>),
    Whole(u64),
    Real(f64),
    Flag(bool),
}

/// The field of the image that a tile was cut from.
pub(super) const IMAGERY: &str = "imagery";

/// Name and kind of each field, in order. All but `id`, `rank` and the like may be missing.
pub(super) const FIELDS: [(&str, FieldKind); 20] = [
    ("id", FieldKind::Text),
    ("rank", FieldKind::Whole),
    ("band", FieldKind::Text),
    ("score", FieldKind::Real),
    ("tile", FieldKind::Text),
    ("uncertainty_m", FieldKind::Real),
    ("located", FieldKind::Flag),
    // Number of the likely line, and position in it from 1; isolated ones have none.
    ("line", FieldKind::Whole),
    ("line_position", FieldKind::Whole),
    ("osm_status", FieldKind::Text),
    ("osm_id", FieldKind::Text),
    ("osm_distance_m", FieldKind::Real),
    ("review", FieldKind::Text),
    ("synthetic", FieldKind::Flag),
    ("desc", FieldKind::Text),
    // Name of the image that the tile was cut from, and when it was taken, ISO 8601.
    (IMAGERY, FieldKind::Text),
    ("imagery_date", FieldKind::Text),
    // Class of the detector's best box, and the longer side of that box on the ground, in metres.
    ("class", FieldKind::Text),
    ("box_m", FieldKind::Real),
    // Which model of a cascade gave the score.
    ("stage", FieldKind::Text),
];

/// One detection as a flat row: a value for each of [`FIELDS`]. Serializes as a map of those that
/// are there.
pub(super) struct Row<'a> {
    values: [Option<Value<'a>>; FIELDS.len()],
}

impl<'a> Row<'a> {
    pub(super) fn of(request: &ExportRequest<'_>, detection: &'a Detection) -> Self {
        let manifest = request.manifest();
        let text = |text: &'a str| Value::Text(Cow::Borrowed(text));
        let owned = |text: String| Value::Text(Cow::Owned(text));
        let whole = |number: u32| Value::Whole(number.into());
        Self {
            values: [
                Some(owned(detection.id())),
                Some(Value::Whole(detection.rank)),
                Some(text(band(detection.rank))),
                Some(Value::Real(shortest(detection.score))),
                Some(owned(detection.tile.to_string())),
                Some(Value::Real(tenths(detection.uncertainty_m))),
                Some(Value::Flag(detection.located)),
                detection.line.map(whole),
                detection.line_position.map(whole),
                detection.osm_status.map(|status| text(status.name())),
                detection.osm_id.as_deref().map(text),
                detection
                    .osm_distance_m
                    .map(|metres| Value::Real(tenths(metres))),
                detection.review.map(|label| text(label.name())),
                Some(Value::Flag(manifest.imagery.synthetic)),
                Some(owned(label(manifest, detection))),
                // No source tells its images yet, and no model draws boxes or answers in stages.
                None,
                None,
                None,
                None,
                None,
            ],
        }
    }

    /// Names and values, missing ones too.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, Option<&Value<'a>>)> {
        let names = FIELDS.iter().map(|&(name, _)| name);
        names.zip(self.values.iter().map(Option::as_ref))
    }
}

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in self.iter() {
            if let Some(value) = value {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    }
}

/// The shortest decimal that stands for a score, so that all formats and readers say the same.
fn shortest(score: f32) -> f64 {
    score.to_string().parse().unwrap_or(f64::from(score))
}

/// Rounds to tenths: an uncertainty of metres has no more to say.
pub(super) fn tenths(metres: f64) -> f64 {
    (metres * 10.0).round() / 10.0
}

/// Rounds a share to hundredths.
pub(super) fn hundredths(share: f32) -> f64 {
    (f64::from(share) * 100.0).round() / 100.0
}
