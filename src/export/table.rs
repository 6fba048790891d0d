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
pub(super) enum Kind {
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

/// Name and kind of each field, in order. All but `id`, `rank` and the like may be missing.
pub(super) const FIELDS: [(&str, Kind); 15] = [
    ("id", Kind::Text),
    ("rank", Kind::Whole),
    ("band", Kind::Text),
    ("score", Kind::Real),
    ("tile", Kind::Text),
    ("uncertainty_m", Kind::Real),
    ("located", Kind::Flag),
    // Number of the probable line, and place in it; lonely ones have none.
    ("chain", Kind::Whole),
    ("place", Kind::Whole),
    ("osm_status", Kind::Text),
    ("osm_id", Kind::Text),
    ("osm_distance_m", Kind::Real),
    ("review", Kind::Text),
    ("synthetic", Kind::Flag),
    ("desc", Kind::Text),
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
