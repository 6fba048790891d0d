//! What two runs say of the same tiles.

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use hvmap::{
    ledger::{LedgerError, LedgerReader},
    tiles::TileCoord,
};

use crate::program::{Folder, Output, hvmap};

/// The demo model over about a hundred tiles around San Marino's towers.
pub fn demo(device: &str, out: &Path, flags: &[&str]) -> Output {
    let out = out.display().to_string();
    let mut args = vec![
        "run",
        "--bbox=12.44,43.93,12.452,43.938",
        "--zoom=18",
        "--demo",
        "--device",
        device,
        "--out",
        &out,
    ];
    args.extend(flags);
    hvmap(args)
}

/// The same to its end: the run's folder, of this name.
#[track_caller]
pub fn demo_run(folder: &Folder, device: &str, name: &str, flags: &[&str]) -> PathBuf {
    let out = folder.path(name);
    let output = demo(device, &out, flags);
    assert_eq!(output.code, 0, "{output}");
    out
}

fn scores(run: &Path) -> BTreeMap<TileCoord, f32> {
    let mut scores = BTreeMap::new();
    LedgerReader::open(run)
        .unwrap()
        .outcomes(|outcome| {
            let scored = outcome.iter();
            scores.extend(scored.filter_map(|(tile, outcome)| Some((tile, outcome.score()?))));
            Ok::<_, LedgerError>(ControlFlow::Continue(()))
        })
        .unwrap();
    scores
}

/// The largest difference between two runs' scores of the same tiles.
#[track_caller]
pub fn difference(one: &Path, other: &Path) -> f32 {
    let (one, other) = (scores(one), scores(other));
    assert!(one.len() > 50, "{} tiles", one.len());
    assert!(one.keys().eq(other.keys()));
    one.values()
        .zip(other.values())
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f32::max)
}
