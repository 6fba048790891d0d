//! Row spans: how a set of tiles is held.

use super::super::{TileCoord, TilesError};

/// A run of neighbouring tiles of one row: columns `start` to `end`, `end` excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: u32,
    pub end: u32,
}

impl Span {
    /// Number of tiles; never 0.
    #[must_use]
    pub(super) fn len(self) -> u64 {
        u64::from(self.end - self.start)
    }
}

/// A row and where its spans begin among all spans.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub y: u32,
    pub first_span: u32,
}

/// The spans of all rows that hold a tile, in row-major order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rows {
    /// Only rows that hold a tile, northernmost first.
    pub rows: Vec<Row>,
    /// Sorted and disjoint within a row; spans of one row never touch.
    pub spans: Vec<Span>,
    /// Number of tiles before each span, and at the end the number of all tiles.
    pub tiles_before: Vec<u64>,
}

impl Rows {
    pub(super) fn new() -> Self {
        Self {
            tiles_before: vec![0],
            ..Self::default()
        }
    }

    /// Appends a row below all earlier ones: sorts the spans, joins those that overlap or touch,
    /// and leaves `spans` empty for the next row.
    ///
    /// # Errors
    /// When there are more spans than can be numbered.
    pub(super) fn push_row(&mut self, y: u32, spans: &mut Vec<Span>) -> Result<(), TilesError> {
        debug_assert!(self.rows.last().is_none_or(|row| row.y < y));
        if spans.is_empty() {
            return Ok(());
        }
        spans.sort_unstable_by_key(|span| span.start);
        self.rows.push(Row {
            y,
            first_span: u32::try_from(self.spans.len()).map_err(|_| TilesError::CoverTooLarge)?,
        });
        let mut drained = spans.drain(..);
        let Some(mut open) = drained.next() else {
            return Ok(());
        };
        for span in drained {
            if span.start <= open.end {
                open.end = open.end.max(span.end);
            } else {
                Self::push_span(&mut self.spans, &mut self.tiles_before, open);
                open = span;
            }
        }
        Self::push_span(&mut self.spans, &mut self.tiles_before, open);
        Ok(())
    }

    fn push_span(spans: &mut Vec<Span>, tiles_before: &mut Vec<u64>, span: Span) {
        let before = tiles_before.last().copied().unwrap_or(0);
        tiles_before.push(before + span.len());
        spans.push(span);
    }

    /// The spans of the row at a position among the rows.
    pub(super) fn spans_of(&self, row: usize) -> &[Span] {
        let first = self.rows[row].first_span as usize;
        let end = self
            .rows
            .get(row + 1)
            .map_or(self.spans.len(), |next| next.first_span as usize);
        &self.spans[first..end]
    }

    pub(super) fn count(&self) -> u64 {
        self.tiles_before.last().copied().unwrap_or(0)
    }
}

/// A span and its row, while the order of the rows is not known yet.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct LooseSpan {
    y: u32,
    start: u32,
    end: u32,
}

/// Collects tiles in any order, repeats allowed, holding neighbours as one span: tiles that come
/// row by row take no more memory than the finished cover.
pub struct CoverBuilder {
    zoom: u8,
    loose: Vec<LooseSpan>,
    /// Length of `loose` at which it is sorted and joined again.
    compact_at: usize,
}

impl CoverBuilder {
    /// Below this many loose spans (12 bytes each) joining is not worth the time.
    const COMPACT_MIN: usize = 1 << 20;

    /// An empty set of tiles of one zoom.
    #[must_use]
    pub fn new(zoom: u8) -> Self {
        Self {
            zoom,
            loose: Vec::new(),
            compact_at: Self::COMPACT_MIN,
        }
    }

    /// Adds a tile.
    ///
    /// # Errors
    /// When the tile does not exist or is of another zoom.
    pub fn push(&mut self, tile: TileCoord) -> Result<(), TilesError> {
        let TileCoord { z, x, y } = TileCoord::new(tile.z, tile.x, tile.y)?;
        if z != self.zoom {
            return Err(TilesError::MixedZooms {
                z,
                x,
                y,
                expected: self.zoom,
            });
        }
        if let Some(last) = self.loose.last_mut()
            && last.y == y
            && last.start <= x
            && x <= last.end
        {
            last.end = last.end.max(x + 1);
            return Ok(());
        }
        if self.loose.len() >= self.compact_at {
            self.compact();
        }
        self.loose.push(LooseSpan {
            y,
            start: x,
            end: x + 1,
        });
        Ok(())
    }

    /// Sorts and joins. The next time comes when the spans have doubled, so that joining stays a
    /// small share of the work even where nothing can be joined.
    fn compact(&mut self) {
        self.loose.sort_unstable();
        self.loose.dedup_by(|next, kept| {
            let joins = kept.y == next.y && next.start <= kept.end;
            if joins {
                kept.end = kept.end.max(next.end);
            }
            joins
        });
        self.compact_at = Self::COMPACT_MIN.max(2 * self.loose.len());
    }

    /// # Errors
    /// When there are more spans than can be numbered.
    pub(super) fn finish(mut self) -> Result<(u8, Rows), TilesError> {
        self.compact();
        let mut rows = Rows::new();
        let mut spans = Vec::new();
        for of_row in self.loose.chunk_by(|a, b| a.y == b.y) {
            spans.extend(of_row.iter().map(|span| Span {
                start: span.start,
                end: span.end,
            }));
            rows.push_row(of_row[0].y, &mut spans)?;
        }
        Ok((self.zoom, rows))
    }
}
