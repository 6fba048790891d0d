//! What a run would take, for `--dry-run`.

use super::Args;
use crate::{
    cli::{
        CliError, hints,
        terminal::{self, grouped, spoken},
    },
    run::{Estimate, GuidedRange, Plan, TILE_BYTES_ASSUMED},
};

/// Prints the estimate: a table, or JSON.
pub fn print(args: &Args, plan: &Plan) -> Result<(), CliError> {
    let estimate = Estimate::of(plan, args.process.price_per_1000).map_err(hints::run::explain)?;
    if args.process.json {
        println!("{}", serde_json::to_string_pretty(&estimate)?);
        return Ok(());
    }
    println!("tiles            {:>16}", grouped(estimate.tiles));
    println!("work units       {:>16}", grouped(estimate.units));
    if estimate.is_remote {
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
        estimate.workers
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
