//! Where a search for unmapped lines may begin.

use std::collections::{HashMap, HashSet};

use super::PowerFeatures;
use crate::tiles::LonLat;

impl PowerFeatures {
    /// Places from which lines that are not mapped may lead: ends of lines that no other line goes
    /// on from, outlines of substations, and towers on no line; with `along_lines` also every
    /// vertex of the lines. Each once, in the order of the file.
    #[must_use]
    pub fn seeds(&self, along_lines: bool) -> Vec<LonLat> {
        let mut lines_at: HashMap<Key, u32> = HashMap::new();
        let mut vertices: HashSet<Key> = HashSet::new();
        for line in self.overhead_lines() {
            for end in [line.path.first(), line.path.last()].into_iter().flatten() {
                *lines_at.entry(key(*end)).or_default() += 1;
            }
            vertices.extend(line.path.iter().map(|&place| key(place)));
        }
        let mut inside: HashSet<Key> = HashSet::new();
        for line in self.overhead_lines() {
            let inner = line.path.get(1..line.path.len() - 1).unwrap_or_default();
            inside.extend(inner.iter().map(|&place| key(place)));
        }
        let mut seeds = Vec::new();
        for line in self.overhead_lines() {
            for &end in [line.path.first(), line.path.last()].into_iter().flatten() {
                if lines_at[&key(end)] == 1 && !inside.contains(&key(end)) {
                    seeds.push(end);
                }
            }
            if along_lines {
                seeds.extend(&line.path);
            }
        }
        for substation in self.substations.iter().filter(|s| s.lifecycle.stands()) {
            seeds.extend(substation.outlines.iter().flatten());
        }
        seeds.extend(
            self.towers()
                .filter(|&place| !vertices.contains(&key(place))),
        );
        let mut seen = HashSet::new();
        seeds.retain(|&place| seen.insert(key(place)));
        seeds
    }
}

/// A place to the ten-millionth of a degree, as OpenStreetMap stores it.
type Key = (i64, i64);

fn key(place: LonLat) -> Key {
    let stored = |degrees: f64| (degrees * 1e7).round() as i64;
    (stored(place.lon), stored(place.lat))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::osm::{Lifecycle, Line, LineKind, Substation, Support, SupportKind};

    fn places<const N: usize>(places: [(f64, f64); N]) -> Vec<LonLat> {
        places.map(LonLat::from).to_vec()
    }

    fn line<const N: usize>(path: [(f64, f64); N]) -> Line {
        Line {
            kind: LineKind::Line,
            lifecycle: Lifecycle::InUse,
            path: places(path),
            voltage_v: None,
            osm_id: None,
        }
    }

    fn tower(lon: f64, lat: f64) -> Support {
        Support {
            kind: SupportKind::Tower,
            lifecycle: Lifecycle::InUse,
            at: LonLat { lon, lat },
            osm_id: None,
        }
    }

    #[test]
    fn loose_ends_substations_and_lone_towers_are_seeds() {
        let features = PowerFeatures {
            // The second line goes on from the first, the third ends on a tower of the first.
            lines: vec![
                line([(70.0, 30.0), (70.1, 30.0), (70.2, 30.0)]),
                line([(70.2, 30.0), (70.3, 30.1)]),
                line([(70.1, 30.0), (70.1, 30.2)]),
            ],
            supports: vec![tower(70.1, 30.0), tower(71.0, 31.0)],
            substations: vec![Substation {
                lifecycle: Lifecycle::InUse,
                outlines: vec![places([(70.5, 30.5)])],
                osm_id: None,
            }],
            ..PowerFeatures::default()
        };
        assert_eq!(
            features.seeds(false),
            places([
                (70.0, 30.0),
                (70.3, 30.1),
                (70.1, 30.2),
                (70.5, 30.5),
                (71.0, 31.0)
            ])
        );
        assert_eq!(features.seeds(true).len(), 7);
    }
}
