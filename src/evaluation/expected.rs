//! How many hints are true towers, from a sample that people reviewed.
//!
//! Hints are cut by rank into strata that hold about as many labels each, since the best ranked are
//! true far more often than the last. Within a stratum the reviewed ones are taken for drawn like
//! the others. The estimate is that of stratified sampling (Cochran, "Sampling Techniques", 3rd ed.
//! 1977, chapter 5); each stratum's limits are Wilson's (Journal of the American Statistical
//! Association 22, 1927), corrected for a finite stratum, and joined as Zou & Donner do
//! ("Construction of confidence limits about effect measures: a general approach", Statistics in
//! Medicine 27, 2008), which keeps them lopsided where nearly all or nearly none are true.
//!
//! Hints that OpenStreetMap has mapped are known to be true, and no part of the sample. Of hints
//! that rank far behind the last reviewed one nothing is said.

use serde::Serialize;

use crate::detections::{Detection, Label, OsmStatus};

/// Labels that make a stratum.
const STRATUM_LABELS: usize = 25;
const STRATA_MAX: usize = 12;
/// Standard deviations of 95 %.
const Z: f64 = 1.959_964;
/// A sample drawn by lot leaves out so many of its mean gaps behind its last one, in 19 of 20
/// cases.
const TAIL_GAPS: f64 = 3.0;

/// How many of some hints are true towers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Expected {
    pub hints: u64,
    /// Hints that people accepted,
    pub accepted: u64,
    /// and rejected.
    pub rejected: u64,
    /// Hints without a label that OpenStreetMap has mapped.
    pub mapped: u64,
    /// Hints that rank far behind the last reviewed one: nothing is known of them, and the
    /// estimate leaves them out.
    pub unknown: u64,
    /// True towers among the others: the best estimate,
    pub towers: f64,
    /// and its limits at 95 %.
    pub towers_min: f64,
    pub towers_max: f64,
}

impl Expected {
    /// The estimate for hints by rank; `None` where none of them has a label.
    #[must_use]
    pub fn of(towers: &[Detection]) -> Option<Self> {
        let mut expected = Self {
            hints: towers.len() as u64,
            accepted: 0,
            rejected: 0,
            mapped: 0,
            unknown: 0,
            towers: 0.0,
            towers_min: 0.0,
            towers_max: 0.0,
        };
        // Of the hints that only a label can tell about: whether it is true, if there is one.
        let mut open = Vec::new();
        let mut known = 0u64;
        for tower in towers {
            let is_true = tower.review.map(|label| label == Label::Accepted);
            match is_true {
                Some(true) => expected.accepted += 1,
                Some(false) => expected.rejected += 1,
                None => {}
            }
            match (is_true, tower.osm_status) {
                (None, Some(OsmStatus::Mapped)) => expected.mapped += 1,
                (Some(is_true), Some(OsmStatus::Mapped)) => known += u64::from(is_true),
                _ => open.push(is_true),
            }
        }
        let strata = strata(&open);
        if strata.is_empty() {
            return None;
        }
        known += expected.mapped;
        let covered: usize = strata.iter().map(|stratum| stratum.hints).sum();
        expected.unknown = (open.len() - covered) as u64;
        let (mut down, mut up) = (0.0, 0.0);
        for stratum in &strata {
            let (share, least, most) = stratum.share();
            let hints = stratum.hints as f64;
            expected.towers += hints * share;
            down += (hints * (share - least)).powi(2);
            up += (hints * (most - share)).powi(2);
        }
        let sum = |count: fn(&Stratum) -> usize| strata.iter().map(count).sum::<usize>() as f64;
        let least = sum(|stratum| stratum.accepted);
        let most = sum(|stratum| stratum.hints - (stratum.labels - stratum.accepted));
        let known = known as f64;
        expected.towers_min = known + (expected.towers - down.sqrt()).max(least);
        expected.towers_max = known + (expected.towers + up.sqrt()).min(most);
        expected.towers += known;
        Some(expected)
    }
}

/// Hints that follow each other by rank.
struct Stratum {
    hints: usize,
    labels: usize,
    accepted: usize,
}

impl Stratum {
    /// The share that is true, and its limits.
    fn share(&self) -> (f64, f64, f64) {
        let (hints, labels) = (self.hints as f64, self.labels as f64);
        let share = self.accepted as f64 / labels;
        if self.labels == self.hints {
            return (share, share, share);
        }
        // As many labels of an endless stratum would say as much.
        let labels = labels * (hints - 1.0) / (hints - labels);
        let weight = Z * Z / labels;
        let centre = (share + weight / 2.0) / (1.0 + weight);
        let spread = share * (1.0 - share) / labels + weight / (4.0 * labels);
        let half = Z / (1.0 + weight) * spread.sqrt();
        (
            share,
            (centre - half).max(0.0).min(share),
            (centre + half).min(1.0).max(share),
        )
    }
}

/// Cuts hints by rank where the labels are as many on either side.
fn strata(open: &[Option<bool>]) -> Vec<Stratum> {
    let labelled: Vec<(usize, bool)> = open
        .iter()
        .enumerate()
        .filter_map(|(place, is_true)| Some((place, (*is_true)?)))
        .collect();
    let count = (labelled.len() / STRATUM_LABELS).clamp(1, STRATA_MAX);
    let mut start = 0;
    let mut strata = Vec::new();
    for i in 0..count {
        let first = i * labelled.len() / count;
        let next = (i + 1) * labelled.len() / count;
        let Some(&(last, _)) = labelled[first..next].last() else {
            continue;
        };
        let end = match labelled.get(next) {
            Some(&(beyond, _)) => usize::midpoint(last + 1, beyond),
            None => {
                let labels = (next - first) as f64;
                let gap = ((last + 1 - start) as f64 - labels) / labels;
                (last + 1 + (TAIL_GAPS * gap).ceil() as usize).min(open.len())
            }
        };
        strata.push(Stratum {
            hints: end - start,
            labels: next - first,
            accepted: labelled[first..next].iter().filter(|(_, yes)| *yes).count(),
        });
        start = end;
    }
    strata
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::SplitMix64, tiles::TileCoord};

    fn hint(rank: usize) -> Detection {
        let mut hint = Detection::at_centre(TileCoord { z: 18, x: 1, y: 1 }, 0.9);
        hint.rank = rank as u64;
        hint
    }

    fn label(hint: &mut Detection, is_true: bool) {
        hint.review = Some(if is_true {
            Label::Accepted
        } else {
            Label::Rejected
        });
    }

    #[test]
    fn without_a_label_nothing_is_expected() {
        let mut hints: Vec<_> = (1..=50).map(hint).collect();
        hints[3].osm_status = Some(OsmStatus::Mapped);
        assert_eq!(Expected::of(&hints), None);
        assert_eq!(Expected::of(&[]), None);
    }

    #[test]
    fn where_all_are_reviewed_or_mapped_there_is_no_doubt() {
        let mut hints: Vec<_> = (1..=50).map(hint).collect();
        for (i, hint) in hints.iter_mut().enumerate() {
            match i % 5 {
                0 => hint.osm_status = Some(OsmStatus::Mapped),
                i => label(hint, i == 1),
            }
        }
        let expected = Expected::of(&hints).unwrap();
        assert_eq!((expected.mapped, expected.accepted), (10, 10));
        for towers in [expected.towers, expected.towers_min, expected.towers_max] {
            assert!((towers - 20.0).abs() < 1e-9, "{expected:?}");
        }
    }

    #[test]
    fn nothing_is_said_of_ranks_that_nobody_reached() {
        let mut hints: Vec<_> = (1..=5_000).map(hint).collect();
        hints[..100].iter_mut().for_each(|hint| label(hint, true));
        let expected = Expected::of(&hints).unwrap();
        assert_eq!((expected.unknown, expected.towers), (4_900, 100.0));
    }

    #[test]
    fn a_sample_without_a_tower_does_not_rule_towers_out() {
        let mut hints: Vec<_> = (1..=1_000).map(hint).collect();
        hints
            .iter_mut()
            .step_by(20)
            .for_each(|hint| label(hint, false));
        let expected = Expected::of(&hints).unwrap();
        assert_eq!((expected.towers, expected.towers_min), (0.0, 0.0));
        assert!((30.0..150.0).contains(&expected.towers_max), "{expected:?}");
    }

    #[test]
    fn the_limits_hold_the_truth_in_about_19_of_20_samples() {
        let (mut held, mut misses_low, mut width) = (0, 0, 0.0);
        let samples = 400;
        for seed in 0..samples {
            let mut random = SplitMix64::new(seed);
            let mut hints: Vec<_> = (1..=4_000).map(hint).collect();
            let mut truth = 0.0;
            for (i, hint) in hints.iter_mut().enumerate() {
                // From nearly all to nearly none.
                let chance = 1.0 / (1.0 + ((i as f64 - 1_500.0) / 300.0).exp());
                let is_true = random.unit_f64() < chance;
                truth += f64::from(u8::from(is_true));
                if random.unit_f64() < 0.05 {
                    label(hint, is_true);
                }
            }
            let expected = Expected::of(&hints).unwrap();
            let most = expected.towers_max + expected.unknown as f64;
            held += u32::from(expected.towers_min <= truth && truth <= most);
            misses_low += u32::from(truth < expected.towers_min);
            width += (expected.towers_max - expected.towers_min) / f64::from(samples as u32);
        }
        let share = f64::from(held) / f64::from(samples as u32);
        assert!(
            (0.93..=0.995).contains(&share),
            "{share} held, {misses_low} too high"
        );
        assert!(width < 400.0, "{width}");
    }
}
