//! `hvmap model` and the model flags of `hvmap run`, as a person meets them.

use serde_json::Value;

use crate::program::{Output, command, hvmap, hvmap_with_cache};

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
fn the_arithmetic_of_a_tile_is_counted_as_the_packager_counts_it() {
    // By `hvmap_model.work.gflop_per_tile`, which infers shapes where this asks ONNX Runtime.
    for (name, gflop) in [
        ("demo", 0.190_913_28),
        ("contract.onnx", 0.002_218_056),
        ("contract_batch_3.onnx", 0.002_218_056),
        ("contract_int8.onnx", 0.002_218_056),
        ("nchw_logits_224.onnx", 0.001_693_488),
    ] {
        let file = if name == "demo" {
            name.to_owned()
        } else {
            fixture(name)
        };
        let output = hvmap(["model", "inspect", &file, "--json", "--device=cpu"]);
        let told = json(&output)["gflop_per_tile"].as_f64().unwrap_or(0.0);
        assert!(
            (told - gflop).abs() < 1e-9,
            "{name}: {told}, expected {gflop}"
        );
    }
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
        "--batch=2",
        "--seconds=1",
        "--json",
    ]);
    assert_eq!(output.code, 0, "{output}");
    let told = json(&output);
    let measured = told["measured"].as_array().unwrap();
    assert!(
        measured
            .iter()
            .all(|one| one["workers"] == 1 && one["batch"] == 2)
    );
    assert!(
        measured
            .iter()
            .all(|one| one["tiles"].as_u64().unwrap() > 0)
    );
    let rate = |one: &Value| one["tiles_per_s"].as_f64().unwrap();
    let most = measured.iter().map(rate).fold(0.0, f64::max);
    assert_eq!(rate(&told["best"]), most);
    // Flags left things out, so what came out best is not the best of all.
    assert_eq!(told["kept"], Value::Null);
}

#[test]
fn the_best_setting_is_kept_for_this_model_and_runs_use_it_unless_flags_say_otherwise() {
    let cache = tempfile::tempdir().unwrap();
    let file = fixture("contract.onnx");
    let bench = [
        "model",
        "bench",
        &file,
        "--device=cpu",
        "--seconds=1",
        "--json",
    ];
    let output = hvmap_with_cache(bench, cache.path());
    assert_eq!(output.code, 0, "{output}");
    let told = json(&output);
    let kept = std::path::Path::new(told["kept"].as_str().unwrap());
    assert!(kept.starts_with(cache.path()), "{output}");

    // Another winner than the usual setting, so that it can be told apart.
    let mut winner: Value = serde_json::from_slice(&std::fs::read(kept).unwrap()).unwrap();
    assert_eq!(winner["batch"], told["best"]["batch"]);
    winner["workers"] = 3.into();
    std::fs::write(kept, winner.to_string()).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let run = |model: &str, flags: &[&str], name: &str| {
        let out = folder.path().join(name).display().to_string();
        let mut args = vec![
            "run",
            "--bbox=12.40,43.90,12.402,43.901",
            "--imagery=synthetic:1",
            "--device=cpu",
            "--json",
            "--model",
            model,
            "--threshold=0.9",
            "--out",
            &out,
        ];
        args.extend(flags);
        let output = hvmap_with_cache(args, cache.path());
        assert_eq!(output.code, 0, "{output}");
        let stages = json(&output)["stages"].clone();
        let threads = |stage: &Value| stage["threads"].clone();
        let predict = stages
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == "predict");
        (threads(predict.unwrap()), output)
    };
    let (workers, output) = run(&file, &[], "kept");
    assert_eq!(workers, 3, "{output}");
    assert!(
        output.stderr.contains("`hvmap model bench` measured here"),
        "{output}"
    );
    let (workers, output) = run(&file, &["--workers=1"], "told");
    assert_eq!(workers, 1, "{output}");
    assert!(!output.stderr.contains("measured here"), "{output}");
    // Of another model nothing was measured.
    let (_, output) = run("demo", &[], "other");
    assert!(!output.stderr.contains("measured here"), "{output}");
    std::fs::write(kept, "{").unwrap();
    let (_, output) = run(&file, &[], "broken");
    assert!(output.stderr.contains("cannot be read from"), "{output}");
}

#[test]
fn a_reader_that_has_had_enough_is_no_error() {
    let truth = [
        "synth",
        "truth",
        "--seed=1",
        "--bbox=12.40,43.90,12.41,43.91",
        "-o",
        "-",
    ];
    let tiles = ["tiles", "--bbox=12.40,43.90,12.41,43.91", "--zoom=18"];
    for args in [&["model", "inspect", "demo"][..], &truth, &tiles] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = command(args)
            .stdout(writer)
            .stderr(std::process::Stdio::piped())
            .spawn();
        let output = child.unwrap().wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {said}");
        assert!(!said.contains("panicked"), "{args:?}: {said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_an_error() {
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = command(["model", "inspect", "demo"])
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot write to standard output"), "{said}");
}

#[test]
fn a_package_without_positives_makes_the_run_ask_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let run = |flags: &[&str], name: &str| {
        let out = folder.path().join(name).display().to_string();
        let model = fixture("contract_no_positives.onnx");
        let mut args = vec![
            "run",
            "--bbox=12.40,43.90,12.402,43.901",
            "--imagery=synthetic:1",
            "--device=cpu",
            "--model",
            &model,
            "--out",
            &out,
        ];
        args.extend(flags);
        hvmap(args)
    };
    let asked = run(&[], "asked");
    assert_eq!(asked.code, 2, "{asked}");
    assert!(
        asked.stderr.contains("which of its 3 classes mean a tower"),
        "{asked}"
    );
    assert!(
        asked
            .stderr
            .contains("hint: --model-positives with some of"),
        "{asked}"
    );
    assert!(!folder.path().join("asked/run.hvmap").exists());
    let wrong = run(&["--model-positives=pylon"], "wrong");
    assert_eq!(wrong.code, 2, "{wrong}");
    assert!(
        wrong.stderr.contains("it has no class \"pylon\""),
        "{wrong}"
    );
    let told = run(&["--model-positives=tower,mast"], "told");
    assert_eq!(told.code, 0, "{told}");
    // Told positives belong to the model's identity: others are another run.
    let other = run(&["--model-positives=tower"], "told");
    assert_eq!(other.code, 2, "{other}");
    assert!(
        other.stderr.contains("holds a run with other settings"),
        "{other}"
    );
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
fn a_model_server_that_does_not_answer_is_told_with_what_to_look_at() {
    // Nobody listens at a port that was just given up.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/v1/models/hv_grid",
        listener.local_addr().unwrap()
    );
    drop(listener);
    for command in ["inspect", "bench"] {
        let output = hvmap(["model", command, &url]);
        assert_eq!(output.code, 2, "{output}");
        let said = format!("the model server {url} cannot be used");
        assert!(output.stderr.contains(&said), "{output}");
        assert!(output.stderr.contains("hint: is it running"), "{output}");
    }
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
