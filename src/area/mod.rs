//! Areas: a country's name, a file, or bounds become polygons.
