//! Towers of the synthetic world strung into lines, measured as `examples/chaining` does.

#[path = "../../examples/chaining/measure.rs"]
mod measure;

use hvmap::osm::read_power;
use measure::{Edges, Field, measure};

use crate::program::{Folder, hvmap};

/// What has to hold: the kind of edge, the least precision and the least recall. What was measured
/// is a little more, and stands in docs/MEASURED.md.
const KINDS: [(&str, f64, f64); 7] = [
    ("parallel", 0.95, 0.93),
    ("crossing", 0.65, 0.6),
    ("branch", 0.65, 0.75),
    ("river", 0.7, 0.75),
    ("line end", 0.7, 0.9),
    ("bend", 0.85, 0.9),
    ("plain", 0.97, 0.98),
];

#[test]
fn lines_of_the_synthetic_world_are_found_kind_by_kind() {
    let folder = Folder::new();
    let path = folder.path("truth.geojson");
    let to = path.to_str().unwrap();
    let drawn = hvmap([
        "synth",
        "truth",
        "--bbox",
        "4,44,8,48",
        "--seed",
        "5",
        "-o",
        to,
    ]);
    assert_eq!(drawn.code, 0, "{drawn}");
    let features = read_power(&path).unwrap();
    // A tower in ten is missed, and a tile in a thousand a false alarm.
    let field = Field::strewn(&features, 12_200, 5.0);
    assert!(field.towers > 10_000);
    let measured = measure(&features, &field);
    let hold = |what: &str, edges: &Edges, precision: f64, recall: f64| {
        let got = (edges.precision(), edges.recall());
        assert!(
            got.0 >= precision && got.1 >= recall,
            "{what}: {got:?}, {edges:?}"
        );
    };
    hold("all", &measured.edges, 0.95, 0.96);
    for (kind, precision, recall) in KINDS {
        hold(kind, &measured.kinds[kind], precision, recall);
    }
    assert!(measured.ranked >= 0.98, "{}", measured.ranked);
    assert!(measured.chains >= 200, "{}", measured.chains);
    eprintln!("chained in {:.1} s", measured.elapsed.as_secs_f64());
}
