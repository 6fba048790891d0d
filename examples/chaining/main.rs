//! Measures how towers are strung into lines, against a grid that is known.
//!
//! ```text
//! hvmap synth truth --bbox 4,44,8,48 --seed 5 -o synthetic.geojson
//! cargo run --release --example chaining -- synthetic.geojson 12200 5
//! cargo run --release --example chaining -- pakistan.geojson.gz 50000 0
//! ```
//!
//! Arguments: a file with towers and lines that `hvmap export --osm` reads; how many false towers
//! are strewn evenly over the towers' bounds; by how many metres the towers are off, one standard
//! deviation an axis. `measure.rs` says what is measured, and the tests hold it.

#![allow(clippy::print_stdout, reason = "it is a program")]

mod measure;

use std::path::Path;

use hvmap::osm::read_power;
use measure::{Field, measure};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [file, false_towers, noise_m] = arguments.as_slice() else {
        return Err("expected FILE FALSE_TOWERS NOISE_M".into());
    };
    let features = read_power(Path::new(file))?;
    let field = Field::strewn(&features, false_towers.parse()?, noise_m.parse()?);
    let measured = measure(&features, &field);
    println!(
        "{} places ({} towers), {} chains, {} edges in {:.2} s",
        field.places.len(),
        field.towers,
        measured.chains,
        measured.edges.said,
        measured.elapsed.as_secs_f64()
    );
    println!(
        "edges: precision {:.3}, recall {:.3}",
        measured.edges.precision(),
        measured.edges.recall()
    );
    for (kind, edges) in &measured.kinds {
        println!(
            "  {kind:<10} recall {:.3} of {:>6}, precision {:.3} of {:>6}",
            edges.recall(),
            edges.known,
            edges.precision(),
            edges.said
        );
    }
    println!(
        "true towers before nine tenths of the false ones: {:.3}",
        measured.ranked
    );
    Ok(())
}
