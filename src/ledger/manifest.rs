//! What a run is: everything that its outcomes depend on.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::digest;

use crate::tiles::LonLat;

/// The settings of a run that may never change, since its outcomes depend on them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The version of the manifest's format, 1 where the ledger holds none. It says how the hash is
    /// formed, and is no setting.
    #[serde(default = "first_format", skip_serializing_if = "is_first_format")]
    pub format_version: u32,
    pub area: AreaRecord,
    pub zoom: u8,
    pub imagery: ImageryRecord,
    pub model: ModelRecord,
    /// Score from which a tile counts as a detection.
    pub threshold: f32,
    /// Score from which a tile is kept as a candidate, at most `threshold`.
    pub keep_threshold: f32,
    /// Whether candidates keep their encoded image.
    pub keep_payloads: bool,
    /// The most tiles in one work unit.
    pub unit_tiles_max: usize,
}

const FORMAT_VERSION: &str = "format_version";

/// What is said about a run for people only: an area is its tiles and a model its content, under
/// whatever name. A served model's answers are compared by their own rule.
const LABELS: [&str; 7] = [
    "area.label",
    "area.outline",
    "area.source",
    "imagery.attribution",
    "imagery.terms",
    "model.answers",
    "model.name",
];

/// The version of the manifests that new runs get.
pub const MANIFEST_FORMAT_VERSION: u32 = 2;

fn first_format() -> u32 {
    1
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for a reference"
)]
fn is_first_format(version: &u32) -> bool {
    *version == first_format()
}

/// The area as it was covered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AreaRecord {
    /// What the user asked for: "Pakistan", a file's name, bounds.
    pub label: String,
    /// Where the boundary comes from, its date and its coarseness.
    pub source: String,
    /// Tiles in the cover.
    pub tiles: u64,
    /// Digest of the cover: two areas with the same digest are the same tiles.
    pub digest: String,
    /// Closed rings of longitudes and latitudes in degrees, as coarse as a picture allows; none of a
    /// list of tiles.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outline: Vec<Vec<LonLat>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageryRecord {
    /// The source as named by the user, keys redacted.
    pub name: String,
    pub attribution: String,
    pub terms: Option<String>,
    pub synthetic: bool,
    /// What decides beside the name which answers count as imagery, sorted.
    #[serde(default)]
    pub rules: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    pub name: String,
    /// SHA-256 of the model.
    pub checksum: String,
    pub classes: Vec<String>,
    pub positives: Vec<String>,
    pub precision: Option<String>,
    /// How images and outputs are fitted to a model that was not packaged for hvmap.
    pub adaptation: Option<String>,
    pub trained_on_synthetic: bool,
    /// Pixel column of each column of the attribution grid, if there is one.
    pub attribution_columns_px: Option<Vec<f32>>,
    /// Pixel row of each row of the attribution grid.
    pub attribution_rows_px: Option<Vec<f32>>,
    /// What a model whose file nobody knows answers to tiles that are the same in every version of
    /// the program. Answers of other processors differ in their last digits, so whoever goes on with
    /// the run compares them with a tolerance, and they are no part of the hash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<f32>>,
}

/// The settings that may change from one start of a run to the next; each change is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SettingsRecord {
    /// The scan strategy.
    pub scan: String,
    /// The strategy's knobs.
    pub scan_settings: Value,
    /// Engine, version, provider and processor: scores agree bit for bit only between equal ones.
    pub engine: String,
    /// Requests a second, if limited.
    pub rate: Option<f64>,
    /// Name and checksum of the model, where servers hold another one than the manifest's and the
    /// user lets the scores of both be mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// A setting that differs between a ledger and a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Path of the setting, such as `model.checksum`.
    pub setting: String,
    pub recorded: String,
    pub asked: String,
}

impl Manifest {
    /// The settings in which another manifest differs, in the order of the manifest, then those that
    /// only the other one has. A setting that one side lacks differs from any value.
    #[must_use]
    pub fn differences(&self, asked: &Self) -> Vec<Difference> {
        let mut differences = Vec::new();
        compare("", &to_value(self), &to_value(asked), &mut differences);
        differences.retain(|difference| {
            difference.setting != FORMAT_VERSION && !LABELS.contains(&difference.setting.as_str())
        });
        differences
    }

    /// SHA-256 of the manifest, in lower-case hexadecimal, by which exports name their run.
    ///
    /// In both versions it is taken of the compact JSON of the settings in the order of this struct,
    /// without those that are for people only and without `format_version`; a setting at its default
    /// that came later than version 1 is left out, so it changes no older hash.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut value = to_value(self);
        if let Some(settings) = value.as_object_mut() {
            // Keeps the order of the others.
            settings.shift_remove(FORMAT_VERSION);
        }
        for label in LABELS {
            if let Some((group, key)) = label.split_once('.')
                && let Some(group) = value.get_mut(group).and_then(Value::as_object_mut)
            {
                // As in version 1, the last member takes the place of the one that is taken out.
                group.swap_remove(key);
            }
        }
        digest::sha256(value.to_string()).to_string()
    }
}

fn to_value(manifest: &Manifest) -> Value {
    serde_json::to_value(manifest).expect("a manifest holds only strings, numbers and lists")
}

fn compare(path: &str, recorded: &Value, asked: &Value, differences: &mut Vec<Difference>) {
    if let (Value::Object(recorded), Value::Object(asked)) = (recorded, asked) {
        let only_asked = asked.keys().filter(|&key| !recorded.contains_key(key));
        for key in recorded.keys().chain(only_asked) {
            let path = if path.is_empty() {
                key.clone()
            } else {
                format!("{path}.{key}")
            };
            let of = |side: &serde_json::Map<String, Value>| {
                side.get(key).cloned().unwrap_or(Value::Null)
            };
            compare(&path, &of(recorded), &of(asked), differences);
        }
    } else if recorded != asked {
        differences.push(Difference {
            setting: path.to_owned(),
            recorded: recorded.to_string(),
            asked: asked.to_string(),
        });
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn manifest() -> Manifest {
        Manifest {
            format_version: MANIFEST_FORMAT_VERSION,
            area: AreaRecord {
                label: "San Marino".into(),
                source: "a test".into(),
                tiles: 4_000,
                digest: "00".into(),
                outline: Vec::new(),
            },
            zoom: 18,
            imagery: ImageryRecord {
                name: "synthetic:1".into(),
                attribution: "SYNTHETIC".into(),
                terms: None,
                synthetic: true,
                rules: Vec::new(),
            },
            model: ModelRecord {
                name: "demo.onnx".into(),
                checksum: "11".into(),
                classes: vec!["negative".into(), "tower".into()],
                positives: vec!["tower".into()],
                precision: None,
                adaptation: None,
                trained_on_synthetic: true,
                attribution_columns_px: None,
                attribution_rows_px: None,
                answers: None,
            },
            threshold: 0.5,
            keep_threshold: 0.25,
            keep_payloads: false,
            unit_tiles_max: 512,
        }
    }

    #[test]
    fn each_difference_is_named_with_both_values() {
        let recorded = manifest();
        let mut asked = manifest();
        asked.zoom = 17;
        asked.model.checksum = "22".into();
        asked.model.name = "elsewhere/demo.onnx".into();
        asked.area.label = "SM".into();
        asked.area.outline = vec![vec![
            LonLat {
                lon: 12.4,
                lat: 43.9
            };
            4
        ]];
        let differences: Vec<String> = recorded
            .differences(&asked)
            .into_iter()
            .map(|d| format!("{}: {} {}", d.setting, d.recorded, d.asked))
            .collect();
        assert_eq!(
            differences,
            ["zoom: 18 17", "model.checksum: \"11\" \"22\""]
        );
    }

    #[test]
    fn a_setting_that_one_side_lacks_is_a_difference() {
        let recorded = manifest();
        let mut asked = manifest();
        asked.model.answers = Some(vec![0.5]);
        let (mut some, mut other) = (Vec::new(), Vec::new());
        compare("", &to_value(&recorded), &to_value(&asked), &mut some);
        compare("", &to_value(&asked), &to_value(&recorded), &mut other);
        for (difference, expected) in [(&some, ["null", "[0.5]"]), (&other, ["[0.5]", "null"])] {
            assert_eq!(difference.len(), 1, "{difference:?}");
            assert_eq!(difference[0].setting, "model.answers");
            let values = [&difference[0].recorded, &difference[0].asked];
            assert_eq!(values, expected);
        }
    }

    #[test]
    fn the_format_is_no_setting_and_both_versions_hash_alike() {
        let new = manifest();
        let old = Manifest {
            format_version: 1,
            ..manifest()
        };
        assert!(old.differences(&new).is_empty());
        assert_eq!(old.hash(), new.hash());
        let text = serde_json::to_string(&old).unwrap();
        assert!(!text.contains(FORMAT_VERSION));
        assert_eq!(serde_json::from_str::<Manifest>(&text).unwrap(), old);
    }

    #[test]
    fn the_hash_follows_the_content_and_not_the_labels() {
        let mut other = manifest();
        other.model.name = "elsewhere/demo.onnx".into();
        other.area.outline = vec![vec![
            LonLat {
                lon: 12.4,
                lat: 43.9
            };
            4
        ]];
        assert_eq!(manifest().hash(), other.hash());
        other.threshold = 0.6;
        assert_ne!(manifest().hash(), other.hash());
    }
}
