//! What a ledger keeps of the model that a run used.

use std::path::Path;

use crate::{ledger::ModelRecord, predict::ModelInfo};

/// The manifest's record of a model.
#[must_use]
pub fn model_record(info: &ModelInfo) -> ModelRecord {
    let map = info.attribution.as_ref();
    ModelRecord {
        name: label(&info.name),
        checksum: info.checksum.clone(),
        classes: info.classes.clone(),
        positives: info.positives.clone(),
        precision: info.precision.clone(),
        adaptation: info.adaptation.clone(),
        trained_on_synthetic: info.trained_on_synthetic,
        attribution_columns_px: map.map(|map| map.columns_px.clone()),
        attribution_rows_px: map.map(|map| map.rows_px.clone()),
        answers: info.answers.clone(),
    }
}

/// What people read of a model: a version of a repository, `NAME/VERSION/model.onnx`, goes by the
/// words that a server has for it, so that a run says the same whoever computes it. Of other files
/// the name alone is left: where they lie on somebody's disk is no business of an export's readers.
fn label(name: &str) -> String {
    let path = Path::new(name);
    let (Some(file), Some("onnx")) = (
        path.file_name().and_then(|file| file.to_str()),
        path.extension().and_then(|extension| extension.to_str()),
    ) else {
        return name.to_owned();
    };
    let mut above = path.iter().rev().skip(1).filter_map(|part| part.to_str());
    match (file, above.next().map(str::parse::<u64>), above.next()) {
        ("model.onnx", Some(Ok(version)), Some(model)) => format!("{model} version {version}"),
        _ => file.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn a_version_of_a_repository_is_named_as_a_server_names_it() {
        assert_eq!(label("models/hv_grid/007/model.onnx"), "hv_grid version 7");
        assert_eq!(label("/home/me/hv_grid/new/model.onnx"), "model.onnx");
        assert_eq!(label("1/model.onnx"), "model.onnx");
        assert_eq!(label("/home/me/tower.onnx"), "tower.onnx");
        assert_eq!(label("hv_grid version 7"), "hv_grid version 7");
        assert_eq!(label("demo (built in)"), "demo (built in)");
    }
}
