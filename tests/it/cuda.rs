//! `--device cuda`, as a person asks for it.
//!
//! Where an NVIDIA GPU is at hand and `make ort-gpu` put its library beside the tests; elsewhere they
//! skip themselves, and say so.

use std::{path::Path, process::Command};

use crate::{
    program::Folder,
    scores::{demo_run, difference},
};

fn is_at_hand() -> bool {
    let beside = Path::new(env!("CARGO_BIN_EXE_hvmap")).parent().unwrap();
    let there = beside.join("libonnxruntime_providers_cuda.so").exists()
        && Command::new("nvidia-smi")
            .output()
            .is_ok_and(|answer| answer.status.success());
    if !there {
        eprintln!("skipped: no NVIDIA GPU is at hand, or `make ort-gpu` was not run");
    }
    there
}

#[test]
fn cuda_scores_nearly_as_the_processor_whatever_the_batch_and_the_workers() {
    if !is_at_hand() {
        return;
    }
    let folder = Folder::new();
    let run = |device, name, flags| demo_run(&folder, device, name, flags);
    let processor = run("cpu", "cpu", &[]);
    // Tensor cores multiply with fewer bits; measured over San Marino: docs/MODELS.md.
    for (name, flags) in [
        ("usual", &[][..]),
        // The last batch is filled up, and tells nothing of the filling.
        ("batches", &["--batch=7", "--workers=3"]),
        ("alone", &["--batch=1", "--workers=1"]),
    ] {
        let apart = difference(&processor, &run("cuda", name, flags));
        assert!(apart <= 0.02, "{name}: {apart}");
    }
}
