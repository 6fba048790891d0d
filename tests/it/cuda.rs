//! `--device cuda`, as a person asks for it.
//!
//! They want an NVIDIA GPU and the library of `make ort-gpu`, so only `make test-cuda` runs them.

use crate::{
    program::Folder,
    scores::{demo_run, difference},
};

#[test]
#[ignore = "wants an NVIDIA GPU: make test-cuda"]
fn cuda_scores_nearly_as_the_processor_whatever_the_batch_and_the_workers() {
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
