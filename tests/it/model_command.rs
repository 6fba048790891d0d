//! `hvmap model` and the model flags of `hvmap run`, as a person meets them.

use serde_json::Value;

use crate::program::{Output, hvmap};

fn fixture(name: &str) -> String {
    format!(
        "{}/tests/fixtures/models/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

fn inspect(name: &str, flags: &[&str]) -> Output {
    let file = fixture(name);
    let mut args = vec!["model", "inspect", &file, "--device", "cpu"];
    args.extend(flags);
    hvmap(args)
}

fn json(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output}"))
}

#[test]
fn a_packaged_model_is_told_whole() {
    let output = inspect("contract.onnx", &["--json"]);
    assert_eq!(output.code, 0, "{output}");
    let told = json(&output);
    assert_eq!(told["runs"], true);
    assert_eq!(
        told["packaged"]["positives"],
        serde_json::json!(["tower", "mast"])
    );
    assert_eq!(told["packaged"]["canaries"]["count"], 8);
    assert_eq!(told["inputs"][0]["type"], "uint8");
    let text = inspect("contract.onnx", &[]).stdout;
    assert!(
        text.contains("input        image uint8 [N, 256, 256, 3]"),
        "{text}"
    );
    assert!(text.contains("out of Softmax"), "{text}");
}

#[test]
fn every_flag_that_is_missing_is_named_at_once() {
    let output = inspect("nchw_logits_224.onnx", &["--json"]);
    assert_eq!(output.code, 2, "{output}");
    let told = json(&output);
    assert_eq!(told["runs"], false);
    let hints: Vec<&str> = told["hints"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hint| hint.as_str().unwrap())
        .collect();
    for flag in [
        "--model-fit",
        "--model-preprocess",
        "--model-activation",
        "--model-positives with some of 0 to 1",
    ] {
        let named = hints.iter().filter(|hint| hint.contains(flag)).count();
        assert_eq!(named, 1, "{flag} in {hints:?}");
    }
}

#[test]
fn the_flags_that_it_names_make_a_model_run() {
    let flags = [
        "--model-fit=crop",
        "--model-preprocess=torch",
        "--model-activation=softmax",
        "--model-positives=1",
    ];
    let output = inspect("nchw_logits_224.onnx", &flags);
    assert_eq!(output.code, 0, "{output}");
    let adaptation = "nchw, 224 px, crop, preprocess torch, activation softmax, sum of 1";
    assert!(output.stdout.contains(adaptation), "{output}");
}

#[test]
fn a_softmax_or_sigmoid_on_top_of_another_is_refused() {
    for activation in ["softmax", "sigmoid"] {
        let flags = [
            "--model-preprocess=unit",
            "--model-positives=1",
            &format!("--model-activation={activation}"),
        ];
        let output = inspect("nhwc_probabilities.onnx", &flags);
        assert_eq!(output.code, 2, "{output}");
        assert!(output.stdout.contains("come out of a Softmax"), "{output}");
        assert!(
            output.stdout.contains("--model-activation none"),
            "{output}"
        );
    }
}

#[test]
fn what_is_no_model_is_an_error_with_a_way_out() {
    let output = hvmap(["model", "inspect", "Cargo.toml"]);
    assert_eq!(output.code, 2, "{output}");
    assert!(output.stderr.contains("is no ONNX file"), "{output}");
    assert!(output.stderr.contains("hint: "), "{output}");
    let output = hvmap(["model", "inspect", "no-such-model.onnx"]);
    assert_eq!(output.code, 2, "{output}");
    assert!(
        output
            .stderr
            .contains("cannot read the model no-such-model.onnx"),
        "{output}"
    );
}

#[test]
fn the_built_in_model_inspects_and_knows_that_it_is_synthetic() {
    let output = hvmap(["model", "inspect", "demo", "--json"]);
    assert_eq!(output.code, 0, "{output}");
    assert_eq!(json(&output)["packaged"]["training"], "synthetic");
}

#[test]
fn the_bench_measures_a_model_fed_from_memory() {
    let file = fixture("contract.onnx");
    let output = hvmap([
        "model",
        "bench",
        &file,
        "--device=cpu",
        "--workers=1",
        "--seconds=1",
        "--json",
    ]);
    assert_eq!(output.code, 0, "{output}");
    let told = json(&output);
    assert_eq!(told["workers"], 1);
    assert!(told["tiles_per_s"].as_f64().unwrap() > 0.0, "{output}");
}

/// A device of a number that no machine has, so that this holds on machines with CUDA as well.
#[test]
fn cuda_that_is_not_there_exits_with_2_and_leaves_no_run() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let output = hvmap([
        "run".as_ref(),
        "--bbox=12.40,43.90,12.41,43.905".as_ref(),
        "--zoom=18".as_ref(),
        "--demo".as_ref(),
        "--device=cuda:99".as_ref(),
        "--out".as_ref(),
        out.as_os_str(),
    ]);
    assert_eq!(output.code, 2, "{output}");
    assert!(
        output.stderr.contains("the device cuda:99 cannot be used"),
        "{output}"
    );
    assert!(output.stderr.contains("--device cpu"), "{output}");
    assert!(!out.join("towers.geojson").exists());
}

#[test]
fn model_servers_are_refused_with_what_works() {
    let output = hvmap([
        "model",
        "inspect",
        "http://localhost:8501/v1/models/hv_grid:predict",
    ]);
    assert_eq!(output.code, 2, "{output}");
    assert!(output.stderr.contains("is a model server"), "{output}");
    assert!(output.stderr.contains("--model FILE.onnx"), "{output}");
}

#[test]
fn a_saved_model_beside_a_missing_file_is_told_with_the_command_that_packages_it() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("saved_model.pb"), "").unwrap();
    for path in [folder.path().to_owned(), folder.path().join("model.onnx")] {
        let output = hvmap(["model".as_ref(), "inspect".as_ref(), path.as_os_str()]);
        assert_eq!(output.code, 2, "{output}");
        assert!(
            output.stderr.contains("is a TensorFlow SavedModel"),
            "{output}"
        );
        assert!(output.stderr.contains("hvmap-model package"), "{output}");
    }
}
