//! The embedded classifier on the tiny models of `tests/fixtures/make_models.py`.
//!
//! They need ONNX Runtime's library, which `make test` puts beside the tests.

use std::{collections::HashMap, path::PathBuf};

use hvmap::{
    cli::hints::predict::hint,
    image::RGB_BYTES,
    predict::{
        Batch, Classifier, Model, PredictError, Predictions,
        onnx::{
            Activation, AdaptationFlags, DeviceChoice, Fit, NamedPreprocess, OnnxModel, Preprocess,
            Settings,
        },
    },
};

fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/models")
        .join(name)
}

fn settings(adaptation: AdaptationFlags) -> Settings {
    Settings {
        device: DeviceChoice::Cpu,
        adaptation,
        ..Settings::default()
    }
}

fn packaged(name: &str) -> OnnxModel {
    OnnxModel::from_file(&fixture(name), &settings(AdaptationFlags::default())).unwrap()
}

/// The tiles that the canaries show: those that `expected.json` was computed for.
fn tiles() -> Vec<u8> {
    let model = packaged("contract.onnx");
    model.contract().unwrap().canaries.clone().unwrap().images
}

fn classified(classifier: &mut dyn Classifier, tiles: &[u8]) -> Predictions {
    let mut predictions = Predictions::default();
    classifier
        .classify(Batch::Rgb8(tiles), &mut predictions)
        .unwrap();
    predictions
}

fn bits(scores: &[f32]) -> Vec<u32> {
    scores.iter().map(|score| score.to_bits()).collect()
}

/// Compares the model's scores with those that Python got.
#[track_caller]
fn agrees_with_python(key: &str, model: &OnnxModel, tolerance: f32) {
    let text = std::fs::read_to_string(fixture("expected.json")).unwrap();
    let expected: HashMap<String, Vec<f32>> = serde_json::from_str(&text).unwrap();
    let got = classified(&mut *model.classifier().unwrap(), &tiles()).scores;
    for (tile, (got, expected)) in got.iter().zip(&expected[key]).enumerate() {
        assert!(
            (got - expected).abs() <= tolerance,
            "{key}, tile {tile}: got {got}, expected {expected}"
        );
    }
}

fn logits(preprocess: NamedPreprocess) -> AdaptationFlags {
    AdaptationFlags {
        preprocess: Some(Preprocess::Named(preprocess)),
        activation: Some(Activation::Softmax),
        positives: Some(vec!["1".into()]),
        ..AdaptationFlags::default()
    }
}

fn adapted(name: &str, adaptation: AdaptationFlags) -> Result<OnnxModel, PredictError> {
    OnnxModel::from_file(&fixture(name), &settings(adaptation))
}

#[test]
fn packaged_models_score_as_python_does() {
    agrees_with_python("contract", &packaged("contract.onnx"), 1e-6);
    agrees_with_python("contract", &packaged("contract_batch_3.onnx"), 1e-6);
    agrees_with_python("contract_sigmoid", &packaged("contract_sigmoid.onnx"), 1e-6);
    // Quantisation to bytes costs this much, and no more.
    agrees_with_python("contract", &packaged("contract_int8.onnx"), 0.05);
}

#[test]
fn adapted_models_score_as_python_does_with_numpy_and_pillow() {
    let model = adapted(
        "nhwc_probabilities.onnx",
        AdaptationFlags {
            activation: Some(Activation::None),
            ..logits(NamedPreprocess::Xception)
        },
    );
    agrees_with_python(
        "nhwc_probabilities --model-preprocess xception",
        &model.unwrap(),
        1e-6,
    );
    for (name, preprocess) in [
        ("torch", NamedPreprocess::Torch),
        ("unit", NamedPreprocess::Unit),
    ] {
        let model = adapted("nchw_logits.onnx", logits(preprocess)).unwrap();
        let key = format!("nchw_logits --model-preprocess {name}");
        agrees_with_python(&key, &model, 1e-5);
    }
    for size in [224, 299] {
        let flags = AdaptationFlags {
            fit: Some(Fit::Resize),
            ..logits(NamedPreprocess::Unit)
        };
        let model = adapted(&format!("nchw_logits_{size}.onnx"), flags).unwrap();
        // Pillow rounds to bytes after each pass.
        let key = format!("nchw_logits_{size} --model-fit resize");
        agrees_with_python(&key, &model, 3e-3);
    }
}

#[test]
fn scores_are_the_same_bits_alone_in_batches_padded_and_reversed() {
    let models = [
        packaged("contract.onnx"),
        packaged("contract_sigmoid.onnx"),
        packaged("contract_int8.onnx"),
        packaged("contract_batch_3.onnx"),
        adapted("nchw_logits.onnx", logits(NamedPreprocess::Unit)).unwrap(),
        adapted("nhwc_logits_batch_1.onnx", logits(NamedPreprocess::Unit)).unwrap(),
    ];
    let tiles = tiles();
    for model in &models {
        let name = &model.info().name;
        let mut classifier = model.classifier().unwrap();
        let alone: Vec<u32> = tiles
            .chunks(RGB_BYTES)
            .flat_map(|tile| bits(&classified(&mut *classifier, tile).scores))
            .collect();
        for size in 2..=8 {
            let batches: Vec<u32> = tiles
                .chunks(size * RGB_BYTES)
                .flat_map(|batch| bits(&classified(&mut *classifier, batch).scores))
                .collect();
            assert_eq!(batches, alone, "{name} in batches of {size}");
        }
        let reversed: Vec<u8> = tiles.chunks(RGB_BYTES).rev().flatten().copied().collect();
        let mut backwards = bits(&classified(&mut *classifier, &reversed).scores);
        backwards.reverse();
        assert_eq!(backwards, alone, "{name} reversed");
        let mut second = model.classifier().unwrap();
        let again = bits(&classified(&mut *second, &tiles).scores);
        assert_eq!(again, alone, "{name} in a second session");
    }
}

#[test]
fn a_packaged_model_tells_what_it_is() {
    let model = packaged("contract.onnx");
    let info = model.info();
    assert_eq!(info.classes, ["none", "tower", "mast"]);
    assert_eq!(info.positives, ["tower", "mast"]);
    assert_eq!(info.default_threshold, Some(0.5));
    assert_eq!(info.precision.as_deref(), Some("fp32"));
    assert!(info.trained_on_synthetic);
    assert_eq!(info.adaptation, None);
    assert!(info.engine.starts_with("onnxruntime 1."), "{}", info.engine);
    assert!(info.engine.contains(", cpu, "), "{}", info.engine);
    assert_eq!(info.checksum.len(), 64);
}

#[test]
fn attribution_comes_with_the_scores_and_without_that_of_the_filling() {
    let model = packaged("contract.onnx");
    let map = model.info().attribution.clone().unwrap();
    assert_eq!((map.columns_px.len(), map.rows_px.len()), (16, 16));
    let mut classifier = model.classifier().unwrap();
    let all = classified(&mut *classifier, &tiles());
    assert_eq!(all.located.grids().len(), 8 * 16 * 16);
    // A batch that the file fixes at three is filled up, and the filling's cells are dropped.
    let mut filled = packaged("contract_batch_3.onnx").classifier().unwrap();
    let padded = classified(&mut *filled, &tiles());
    assert_eq!(padded.located.grids(), all.located.grids());
}

#[test]
fn wrong_canaries_stop_the_load_with_got_and_expected() {
    let error = OnnxModel::from_file(
        &fixture("bad_canaries.onnx"),
        &settings(AdaptationFlags::default()),
    )
    .unwrap_err();
    let text = error.to_string();
    assert!(
        matches!(error, PredictError::Canary { tile: 5, .. }),
        "{text}"
    );
    assert!(text.contains("expected"), "{text}");
    assert!(hint(&error).unwrap().contains("processor"));
}

#[test]
fn a_model_that_misdescribes_itself_is_refused() {
    let error = adapted("bad_shape.onnx", AdaptationFlags::default()).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("input float32 [N, 256, 256, 3]"), "{text}");
    assert!(text.contains("expected image uint8"), "{text}");
}

#[test]
fn a_packaged_model_takes_no_adapting_flags() {
    let error = adapted("contract.onnx", logits(NamedPreprocess::Unit)).unwrap_err();
    assert_eq!(hint(&error).unwrap(), "leave --model-preprocess out");
}

#[test]
fn what_a_file_does_not_say_has_to_be_said_by_flags() {
    type Change = fn(&mut AdaptationFlags);
    let missing: [(&str, Change, &str); 3] = [
        (
            "nchw_logits.onnx",
            |f| f.preprocess = None,
            "--model-preprocess",
        ),
        (
            "nchw_logits.onnx",
            |f| f.activation = None,
            "--model-activation",
        ),
        (
            "nchw_logits.onnx",
            |f| f.positives = None,
            "--model-positives",
        ),
    ];
    for (name, change, flag) in missing {
        let mut flags = logits(NamedPreprocess::Unit);
        change(&mut flags);
        let error = adapted(name, flags).unwrap_err();
        assert!(hint(&error).unwrap().contains(flag), "{error}");
    }
}

#[test]
fn an_activation_that_cannot_be_right_is_refused() {
    let twice = adapted("nhwc_probabilities.onnx", logits(NamedPreprocess::Unit)).unwrap_err();
    assert!(
        twice.to_string().contains("come out of a Softmax"),
        "{twice}"
    );
    let none = AdaptationFlags {
        activation: Some(Activation::None),
        ..logits(NamedPreprocess::Unit)
    };
    let raw = adapted("nchw_logits.onnx", none).unwrap_err();
    assert!(raw.to_string().contains("expected 0 to 1"), "{raw}");
}

#[test]
fn several_positives_without_a_rule_are_refused() {
    let flags = AdaptationFlags {
        activation: Some(Activation::None),
        positives: Some(vec!["0".into(), "1".into()]),
        ..logits(NamedPreprocess::Unit)
    };
    let error = adapted("nhwc_probabilities.onnx", flags).unwrap_err();
    assert!(hint(&error).unwrap().contains("--model-combine"), "{error}");
}

#[test]
fn cuda_that_is_not_there_is_an_error_and_auto_says_what_it_took() {
    // Skipped where CUDA works: there is nothing to refuse.
    let on = |device| {
        let settings = Settings {
            device,
            ..Settings::default()
        };
        OnnxModel::from_file(&fixture("contract.onnx"), &settings)
    };
    match on(DeviceChoice::Cuda(0)) {
        Ok(model) => assert!(model.info().engine.contains("cuda:0")),
        Err(error) => {
            assert!(
                matches!(error, PredictError::DeviceUnavailable { .. }),
                "{error}"
            );
            let auto = on(DeviceChoice::Auto).unwrap();
            assert!(auto.info().engine.contains(", cpu, "));
        }
    }
}
