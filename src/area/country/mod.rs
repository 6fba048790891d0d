//! Countries by name or ISO 3166 code, with the boundaries that are built into the program.
//!
//! The boundaries are Natural Earth's, of public domain; `data/boundaries/README.md` says how they were made
//! and whose view of disputed borders they take.

mod index;
mod names;
mod topojson;

use geo::MultiPolygon;

use self::index::{Index, PlaceEntry};
use super::{
    Area, AreaError, AreaWarning, Provenance, Shape,
    clean::{Cleaner, Trust},
    far_parts,
};

/// The area of one or more countries, each given by its name, an ISO 3166-1 alpha-2, alpha-3 or
/// numeric code, or a common alias; case, accents, spaces and punctuation do not matter.
///
/// ```
/// use hvmap::area::{AreaError, country};
///
/// let area = country::of_names(&["san marino"])?;
/// assert_eq!(area.label, "San Marino");
/// assert!(area.cover(18)?.count() > 0);
///
/// let error = country::of_names(&["Sam Marino"]).unwrap_err();
/// assert!(matches!(error, AreaError::UnknownCountry { .. }));
/// # Ok::<_, AreaError>(())
/// ```
///
/// # Errors
/// When a name is unknown (with the nearest names) or ambiguous, or a boundary is empty.
pub fn of_names<S: AsRef<str>>(given: &[S]) -> Result<Area, AreaError> {
    let index = Index::load()?;
    let mut labels: Vec<&str> = Vec::new();
    let mut polygons = Vec::new();
    let mut warnings = Vec::new();
    for name in given {
        let place = index.find(name.as_ref())?;
        if labels.contains(&place.name) {
            continue;
        }
        labels.push(place.name);
        polygons.extend(boundary(&index, place, &mut warnings)?);
    }
    Ok(Area {
        label: labels.join(", "),
        shape: Shape::Polygons(MultiPolygon(polygons)),
        provenance: Provenance {
            source: index.source.to_owned(),
            date: Some(index.date.to_owned()),
            coarseness: Some(index.coarseness.to_owned()),
        },
        buffer: None,
        warnings,
    })
}

fn boundary(
    index: &Index<'_>,
    place: &PlaceEntry<'_>,
    warnings: &mut Vec<AreaWarning>,
) -> Result<MultiPolygon<f64>, AreaError> {
    let mut parts = Vec::new();
    let mut all = Vec::new();
    for &feature in &place.features {
        let (name, topology) = index.feature(feature)?;
        let mut cleaner = Cleaner::new(Trust::Own);
        for (position, polygon) in topojson::polygons(&topology)?.iter().enumerate() {
            cleaner.push(polygon, position + 1, 0)?;
        }
        let (polygons, of_part) = cleaner.finish();
        warnings.extend(of_part);
        all.extend(polygons.0.iter().cloned());
        parts.push((name.to_owned(), polygons));
    }
    if all.is_empty() {
        return Err(AreaError::EmptyCountry {
            name: place.name.to_owned(),
        });
    }
    let polygons = MultiPolygon(all);
    if let Some(note) = place.note {
        warnings.push(AreaWarning::Boundary {
            country: place.name.to_owned(),
            note: note.to_owned(),
        });
    }
    warnings.extend(match parts.len() {
        1 => far_parts::unnamed(place.name, &polygons),
        _ => far_parts::named(place.name, &parts),
    });
    Ok(polygons)
}

#[cfg(test)]
mod tests;
