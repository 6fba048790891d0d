//! How far apart the scores of two runs over the same tiles lie: of two devices, two libraries, two
//! packages of a model.
//!
//!     cargo run --release --example score_difference -- RUN OTHER THRESHOLD

#![allow(clippy::print_stdout, reason = "an example prints what it measures")]

use std::{collections::BTreeMap, error::Error, ops::ControlFlow, path::Path};

use hvmap::{
    ledger::{LedgerError, LedgerReader},
    tiles::TileCoord,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [one, other, threshold] = arguments.as_slice() else {
        return Err("expected the folders of two runs and a threshold".into());
    };
    let threshold: f32 = threshold.parse()?;
    let (one, other) = (scores(one.as_ref())?, scores(other.as_ref())?);
    let both: Vec<(f32, f32)> = one
        .iter()
        .filter_map(|(tile, score)| Some((*score, *other.get(tile)?)))
        .collect();
    let found = |score: f32| score >= threshold;
    let largest = both
        .iter()
        .map(|(one, other)| (one - other).abs())
        .fold(0.0, f32::max);
    println!(
        "{} tiles scored by both, {} by the first alone, {} by the second alone",
        both.len(),
        one.len() - both.len(),
        other.len() - both.len()
    );
    let squares: f64 = both
        .iter()
        .map(|(one, other)| f64::from(one - other).powi(2))
        .sum();
    println!(
        "largest difference {largest:.2e}, root mean square {:.2e}",
        (squares / both.len().max(1) as f64).sqrt()
    );
    println!(
        "at or above {threshold}: {} by both, {} by the first alone, {} by the second alone",
        both.iter()
            .filter(|pair| found(pair.0) && found(pair.1))
            .count(),
        both.iter()
            .filter(|pair| found(pair.0) && !found(pair.1))
            .count(),
        both.iter()
            .filter(|pair| !found(pair.0) && found(pair.1))
            .count()
    );
    Ok(())
}

fn scores(run: &Path) -> Result<BTreeMap<TileCoord, f32>, LedgerError> {
    let mut scores = BTreeMap::new();
    LedgerReader::open(run)?.outcomes(|outcome| {
        let tiles = outcome.iter();
        scores.extend(tiles.filter_map(|(tile, outcome)| Some((tile, outcome.score()?))));
        Ok::<_, LedgerError>(ControlFlow::Continue(()))
    })?;
    Ok(scores)
}
