//! `--device openvino`, as a person asks for it.
//!
//! `make test` puts its library beside the tests on x86-64; the tests that need it skip themselves
//! elsewhere (see `needs`).

use std::path::Path;

use crate::{
    needs,
    program::{Folder, hvmap},
    scores::{demo, demo_run, difference},
};

/// Where the program under test was built, and ONNX Runtime put beside it.
fn beside_the_program() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hvmap")).parent().unwrap()
}

fn is_at_hand() -> bool {
    needs::at_hand(
        beside_the_program().join("openvino").is_dir(),
        "`make ort-openvino` was not run, or has no library for this machine",
    )
}

fn fixture(name: &str) -> String {
    format!(
        "{}/tests/fixtures/models/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

#[test]
fn openvino_scores_as_onnx_runtime_does_whatever_the_batch() {
    if !is_at_hand() {
        return;
    }
    let folder = Folder::new();
    let run = |device, name, flags| demo_run(&folder, device, name, flags);
    let usual = run("cpu", "usual", &[]);
    let openvino = run("openvino", "openvino", &["--batch=1"]);
    // Different kernels, so not the same bits; measured over San Marino: 1e-6 (docs/MODELS.md).
    let apart = difference(&usual, &openvino);
    assert!(apart <= 1e-5, "{apart}");
    let batches = run("openvino", "batches", &["--batch=5", "--threads=2"]);
    assert!(difference(&openvino, &batches) <= 0.0);
}

#[test]
fn workers_of_one_openvino_session_get_their_own_tiles_scores() {
    if !is_at_hand() {
        return;
    }
    let folder = Folder::new();
    let run = |name, flags| demo_run(&folder, "openvino", name, flags);
    let alone = run("alone", &["--workers=1"]);
    // More than the cores, so that they are at it in every order, with batches of different sizes.
    let crowd = run("crowd", &["--workers=8", "--batch=3"]);
    assert!(difference(&alone, &crowd) <= 0.0);
}

#[test]
fn a_package_in_bytes_gives_its_canaries_scores_by_openvino() {
    if !is_at_hand() {
        return;
    }
    for name in ["contract_int8_openvino.onnx", "contract_batch_3.onnx"] {
        for device in ["openvino", "cpu"] {
            let output = hvmap(["model", "inspect", &fixture(name), "--device", device]);
            assert_eq!(output.code, 0, "{output}");
            assert!(output.stdout.contains(&format!(", {device}, ")), "{output}");
        }
    }
    // This one does not say what OpenVINO makes of it, which is something else.
    let output = hvmap([
        "model",
        "inspect",
        &fixture("contract_int8.onnx"),
        "--device=openvino",
    ]);
    assert_eq!(output.code, 2, "{output}");
    assert!(
        output.stdout.contains("the Python package openvino"),
        "{output}"
    );
}

#[test]
fn bf16_differs_visibly_or_is_refused_where_the_processor_has_none() {
    if !is_at_hand() {
        return;
    }
    let folder = Folder::new();
    let out = folder.path("bf16");
    let output = demo("openvino:bf16", &out, &[]);
    #[cfg(target_arch = "x86_64")]
    if std::is_x86_feature_detected!("avx512bf16") {
        assert_eq!(output.code, 0, "{output}");
        let usual = folder.path("usual");
        assert_eq!(demo("cpu", &usual, &[]).code, 0);
        let apart = difference(&usual, &out);
        // Were it as near as fp32 is, it would not be bf16.
        assert!(apart > 1e-4 && apart < 0.1, "{apart}");
        return;
    }
    assert_eq!(output.code, 2, "{output}");
    assert!(output.stderr.contains("AVX512_BF16"), "{output}");
    assert!(!out.join("run.hvmap").exists());
}

#[test]
fn a_library_that_does_not_know_openvino_exits_with_2_and_leaves_no_run() {
    let folder = Folder::new();
    let out = folder.path("run");
    let usual = beside_the_program().display().to_string();
    let output = demo("openvino", &out, &["--ort-library", &usual]);
    assert_eq!(output.code, 2, "{output}");
    for said in [
        "the device openvino cannot be used",
        "was built without OpenVINO",
        "hint: `make ort-openvino`",
    ] {
        assert!(output.stderr.contains(said), "{output}");
    }
    assert!(!out.join("run.hvmap").exists());
}
