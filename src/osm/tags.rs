//! What the power tags mean (<https://wiki.openstreetmap.org/wiki/Key:power>,
//! <https://wiki.openstreetmap.org/wiki/Lifecycle_prefix>).

/// What stands at a point and carries conductors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SupportKind {
    /// `power=tower`.
    Tower,
    /// `power=portal`: the frame at which lines enter a substation.
    Portal,
    /// `power=terminal`: where a line ends at a wall or goes underground.
    Terminal,
    /// `power=pole`: of one or few trunks, mostly of lower voltages.
    Pole,
    /// `power=catenary_mast`: along railways.
    CatenaryMast,
}

/// What runs along a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LineKind {
    /// `power=line`: overhead, high voltage.
    Line,
    /// `power=minor_line`: overhead, on poles.
    MinorLine,
    /// `power=cable`, or a line underground or under water.
    Cable,
    /// `line=bay` or `line=busbar`: within a substation.
    Busbar,
}

/// Whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lifecycle {
    InUse,
    UnderConstruction,
    /// Out of use, but standing.
    Disused,
    Planned,
    Gone,
}

impl Lifecycle {
    /// Whether imagery can be expected to show it.
    #[must_use]
    pub fn stands(self) -> bool {
        matches!(self, Self::InUse | Self::UnderConstruction | Self::Disused)
    }
}

/// What a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FeatureKind {
    Support(SupportKind),
    Line(LineKind),
    Substation,
    Other,
}

/// The lifecycle prefixes, and the values of `power` of old that mean the same.
const LIFECYCLES: [(&str, Lifecycle); 12] = [
    ("construction", Lifecycle::UnderConstruction),
    ("disused", Lifecycle::Disused),
    ("abandoned", Lifecycle::Disused),
    ("ruins", Lifecycle::Disused),
    ("proposed", Lifecycle::Planned),
    ("planned", Lifecycle::Planned),
    ("removed", Lifecycle::Gone),
    ("razed", Lifecycle::Gone),
    ("demolished", Lifecycle::Gone),
    ("dismantled", Lifecycle::Gone),
    ("destroyed", Lifecycle::Gone),
    ("was", Lifecycle::Gone),
];

/// What a feature with these tags is; none if it is nothing of the power grid.
pub(super) fn classify(tag: &dyn Fn(&str) -> Option<String>) -> Option<(FeatureKind, Lifecycle)> {
    let (power, lifecycle) = match tag("power") {
        Some(power) => {
            // power=construction + construction=line, and power=abandoned:tower.
            let old = LIFECYCLES.iter().find_map(|&(prefix, lifecycle)| {
                if power == prefix {
                    Some((tag(prefix)?, lifecycle))
                } else {
                    let kind = power.strip_prefix(prefix)?.strip_prefix(':')?;
                    Some((kind.to_owned(), lifecycle))
                }
            });
            let disused = tag("disused").is_some_and(|value| value == "yes");
            old.unwrap_or(match disused {
                true => (power, Lifecycle::Disused),
                false => (power, Lifecycle::InUse),
            })
        }
        None => LIFECYCLES
            .iter()
            .find_map(|&(prefix, lifecycle)| Some((tag(&format!("{prefix}:power"))?, lifecycle)))?,
    };
    let kind = match power.as_str() {
        "tower" => FeatureKind::Support(SupportKind::Tower),
        "portal" => FeatureKind::Support(SupportKind::Portal),
        "terminal" => FeatureKind::Support(SupportKind::Terminal),
        "pole" => FeatureKind::Support(SupportKind::Pole),
        "catenary_mast" => FeatureKind::Support(SupportKind::CatenaryMast),
        "cable" => FeatureKind::Line(LineKind::Cable),
        "minor_line" => FeatureKind::Line(LineKind::MinorLine),
        "line" => FeatureKind::Line(line_kind(tag)),
        "substation" | "sub_station" | "station" => FeatureKind::Substation,
        "no" => return None,
        _ => FeatureKind::Other,
    };
    Some((kind, lifecycle))
}

fn line_kind(tag: &dyn Fn(&str) -> Option<String>) -> LineKind {
    let is = |key: &str, values: &[&str]| tag(key).is_some_and(|v| values.contains(&v.as_str()));
    if is("location", &["underground", "underwater"]) {
        LineKind::Cable
    } else if is("line", &["bay", "busbar"]) {
        LineKind::Busbar
    } else {
        LineKind::Line
    }
}

/// The highest voltage of a list such as `220000;132000`, in volts.
pub(super) fn voltage(text: &str) -> Option<u32> {
    text.split(';')
        .filter_map(|part| part.trim().parse().ok())
        .max()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classified(tags: &[(&str, &str)]) -> Option<(FeatureKind, Lifecycle)> {
        classify(&|key| {
            let found = tags.iter().find(|(known, _)| *known == key);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn prefixes_and_old_values_tell_whether_it_stands() {
        use Lifecycle::{Disused, Gone, InUse, Planned, UnderConstruction};
        let tower = FeatureKind::Support(SupportKind::Tower);
        let line = FeatureKind::Line(LineKind::Line);
        for (tags, expected) in [
            (&[("power", "tower")][..], (tower, InUse)),
            (&[("power", "tower"), ("disused", "yes")], (tower, Disused)),
            (&[("disused:power", "tower")], (tower, Disused)),
            (&[("abandoned:power", "tower")], (tower, Disused)),
            (&[("power", "abandoned:tower")], (tower, Disused)),
            (&[("removed:power", "tower")], (tower, Gone)),
            (&[("razed:power", "line")], (line, Gone)),
            (
                &[("power", "construction"), ("construction", "line")],
                (line, UnderConstruction),
            ),
            (&[("construction:power", "line")], (line, UnderConstruction)),
            (&[("proposed:power", "line")], (line, Planned)),
        ] {
            assert_eq!(classified(tags), Some(expected), "{tags:?}");
        }
        assert_eq!(classified(&[("power", "no")]), None);
        assert_eq!(classified(&[("amenity", "bench")]), None);
    }

    #[test]
    fn lines_out_of_sight_or_within_substations_are_no_overhead_lines() {
        let kind = |tags: &[(&str, &str)]| classified(tags).unwrap().0;
        let buried = [("power", "line"), ("location", "underground")];
        assert_eq!(kind(&buried), FeatureKind::Line(LineKind::Cable));
        let bay = [("power", "line"), ("line", "bay")];
        assert_eq!(kind(&bay), FeatureKind::Line(LineKind::Busbar));
        assert_eq!(kind(&[("power", "generator")]), FeatureKind::Other);
    }

    #[test]
    fn the_highest_of_several_voltages_counts() {
        assert_eq!(voltage("132000;220000"), Some(220_000));
        assert_eq!(voltage("medium"), None);
    }
}
