//! What a run would take, for `--dry-run`.

use std::time::Duration;

use serde::Serialize;

use super::{Args, guided::GuidedRange, plan::Plan};
use crate::{
    cli::{
        CliError,
        scan_args::ScanName,
        terminal::{self, grouped, spoken},
    },
    image::RGB_BYTES,
    predict::bench,
    tiles::UNIT_TILES_MAX,
};

/// A JPEG tile of aerial imagery is taken to weigh so much, since nothing is fetched to find out.
const TILE_BYTES_ASSUMED: u64 = 15_000;
/// How long the model is tried out.
const TRIAL: Duration = Duration::from_secs(2);

/// The object of `run --dry-run --json`.
#[derive(Debug, Serialize)]
struct Estimate {
    tiles: u64,
    units: u64,
    /// Requests over the network; 0 for imagery on this machine.
    requests: u64,
    /// Bytes over the network at 15 kB a tile; 0 for imagery on this machine.
    bytes: u64,
    /// Requests a second that the source is limited to.
    rate: Option<f64>,
    fetch_s: Option<f64>,
    /// Tiles a second of the model alone, measured just now on this machine.
    model_tiles_per_s: f64,
    classify_s: f64,
    /// At `--price-per-1000`.
    price: Option<f64>,
    /// Of a guided scan, which looks at a part of these tiles; all else is for every tile.
    guided: Option<GuidedRange>,
}

/// Prints the estimate: a table, or JSON.
pub fn print(args: &Args, plan: &Plan) -> Result<(), CliError> {
    let tiles = plan.cover.count();
    let units = plan
        .cover
        .blocks()
        .map(|(_, mask)| mask.count().div_ceil(UNIT_TILES_MAX) as u64)
        .sum();
    let cost = plan.source.cost();
    let requests = cost.map_or(0, |cost| tiles.div_ceil(u64::from(cost.tiles_per_request)));
    let rate = cost.and_then(|cost| cost.requests_per_s);
    let model_tiles_per_s = bench::bare_session(plan.model.as_ref(), &noise(), TRIAL)?.tiles_per_s;
    let estimate = Estimate {
        tiles,
        units,
        requests,
        bytes: if cost.is_some() {
            tiles * TILE_BYTES_ASSUMED
        } else {
            0
        },
        rate,
        fetch_s: rate.map(|rate| requests as f64 / rate),
        model_tiles_per_s,
        classify_s: tiles as f64 / model_tiles_per_s,
        price: args
            .process
            .price_per_1000
            .map(|price| price * tiles as f64 / 1000.0),
        guided: (args.scan.scan == ScanName::Follow)
            .then(|| GuidedRange::of(tiles, args.scan.budget)),
    };
    if args.process.json {
        println!("{}", serde_json::to_string_pretty(&estimate)?);
        return Ok(());
    }
    println!("tiles            {:>16}", grouped(estimate.tiles));
    println!("work units       {:>16}", grouped(estimate.units));
    if cost.is_some() {
        println!("requests         {:>16}", grouped(estimate.requests));
        println!(
            "imagery          {:>13} GB   at {} kB a tile, which is an assumption",
            grouped(estimate.bytes.div_ceil(1_000_000_000)),
            TILE_BYTES_ASSUMED / 1000
        );
    }
    if let (Some(rate), Some(fetch_s)) = (estimate.rate, estimate.fetch_s) {
        println!(
            "fetching         {:>16}   at {rate} requests/s (--rate)",
            spoken(fetch_s)
        );
    }
    println!(
        "classifying      {:>16}   at {:.0} tiles/s, measured now with {} workers, decoding not \
         counted",
        spoken(estimate.classify_s),
        estimate.model_tiles_per_s,
        plan.model.workers()
    );
    if let Some(price) = estimate.price {
        println!("price of imagery {price:>16.2}");
    }
    if let Some(guided) = &estimate.guided {
        print_guided(&estimate, guided);
    }
    terminal::note("dry run: nothing was fetched, and no run was begun");
    Ok(())
}

/// What of it a guided scan takes: everything in proportion.
fn print_guided(estimate: &Estimate, guided: &GuidedRange) {
    let share = |tiles: u64| tiles as f64 / estimate.tiles.max(1) as f64;
    let (least, most) = (share(guided.tiles_least), share(guided.tiles_most));
    println!("of these a guided scan takes");
    println!(
        "tiles            {:>16}   {:.1} to {:.1} % of the tiles",
        format!(
            "{} to {}",
            grouped(guided.tiles_least),
            grouped(guided.tiles_most)
        ),
        100.0 * least,
        100.0 * most
    );
    let times = [
        ("fetching", estimate.fetch_s),
        ("classifying", Some(estimate.classify_s)),
    ];
    for (stage, seconds) in times {
        if let Some(seconds) = seconds {
            let range = format!("{} to {}", spoken(least * seconds), spoken(most * seconds));
            println!("{stage:<16}{range:>17}");
        }
    }
    if let Some(price) = estimate.price {
        let range = format!("{:.2} to {:.2}", least * price, most * price);
        println!("price of imagery {range:>16}");
    }
    terminal::note(format_args!(
        "simulated scans of areas of this size with the default --scan-stop ended in this range, and \
         found {:.0} to {:.0} % of what every tile would have shown a detector of recall 0.9 and false-positive rate 0.001 \
         (docs/GUIDED-SCAN.md); more false positives cost more tiles",
        100.0 * guided.found_least,
        100.0 * guided.found_most
    ));
}

/// One tile of noise. A network takes the same time for every image, so any will do.
fn noise() -> Vec<u8> {
    let mut state = 1u32;
    (0..RGB_BYTES)
        .map(|_| {
            // Numerical Recipes' linear congruential generator.
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .collect()
}
