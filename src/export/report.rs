//! A report for people: one HTML file that needs nothing else and no network.
//!
//! A map of what was looked at with the area's outline and the lines found, the states, scores, the
//! strongest and some random hints as image chips, the comparison with OpenStreetMap, settings and
//! caveats. Chips are there if the run kept its candidates' images, or they were fetched again.

use std::{
    fmt::Write as _,
    io::{self, Cursor, Write},
    ops::ControlFlow,
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use image::{ImageFormat, RgbaImage};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    ExportError, ExportRequest,
    credits::{NOTE, RULES, attribution, band, label},
    geojson::{Degrees, lines},
    osm::escaped,
};
use crate::{
    detections::{Comparison, Detection},
    ledger::LedgerError,
    tiles::{LonLat, TILE_SIZE_PX, TileCoord, TilePosition, TileState, VisitReason, mercator},
};

/// Pixels of the map along its longer side, at most.
const MAP_PX_MAX: u32 = 900;
/// Chips of the strongest detections, and of random ones.
const CHIPS: usize = 24;
/// Lines in the table.
const LINES_SHOWN: usize = 20;
/// Lines on the map, the longest first.
const LINES_DRAWN: usize = 5_000;
/// Bars of the histogram.
const BARS: usize = 40;

/// The colours of the map, told apart without colour vision by their lightness.
const SCORED: [u8; 3] = [120, 178, 215];
/// Colours of the reasons in the order of [`VisitReason::ALL`], told apart by colour-blind people too
/// (Okabe and Ito 2008, <https://jfly.uni-koeln.de/color/>).
const REASONS: [[u8; 3]; VisitReason::ALL.len()] = [
    SCORED,
    [0x56, 0xb4, 0xe9],
    [0x00, 0x9e, 0x73],
    [0xf0, 0xe4, 0x42],
    [0xe6, 0x9f, 0x00],
    [0xcc, 0x79, 0xa7],
];
const NO_IMAGERY: [u8; 3] = [200, 195, 185];
const FAILED: [u8; 3] = [150, 45, 30];
const BACKGROUND: [u8; 3] = [247, 246, 243];

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem;\
color:#222;background:#fff}h1{font-size:1.7rem;margin-bottom:.2rem}h2{font-size:1.2rem;margin-top:2.2rem;\
border-bottom:1px solid #ccc}table{border-collapse:collapse}td,th{padding:.15rem .9rem .15rem 0;\
text-align:left;vertical-align:top}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}\
.map{position:relative;border:1px solid #999;line-height:0;width:fit-content;max-width:100%}\
.map img{image-rendering:pixelated;width:100%}.map svg{position:absolute;inset:0;width:100%;height:100%}\
.key span{display:inline-block;margin-right:1em}\
.key i{display:inline-block;width:.9em;height:.9em;margin-right:.3em;vertical-align:-.1em;border:1px solid #777}\
.wide{overflow-x:auto}.wide td{white-space:nowrap}.facts td:last-child{overflow-wrap:anywhere}svg.bars{max-width:100%;height:auto}\
.chips{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));gap:.6rem}\
figure{margin:0;font-size:.8rem}figure div{position:relative;aspect-ratio:1;background:#eee;overflow:hidden}\
figure img{width:100%;height:100%;display:block}.spot{position:absolute;width:18%;height:18%;\
transform:translate(-50%,-50%);border:2px solid #ffe94d;border-radius:50%;box-shadow:0 0 0 1.5px #000,inset 0 0 0 1.5px #000}\
.mark{display:block;background:#222;color:#fff;text-align:center;font:bold .75rem sans-serif;line-height:1.6}\
.warn{background:#fff4d6;border-left:.35rem solid #d98b00;padding:.5rem .8rem}small{color:#555}";

pub(super) fn write(request: &ExportRequest<'_>, out: &mut dyn Write) -> Result<u64, ExportError> {
    let map = Map::of(request)?;
    let text = |out: &mut dyn Write, text: &str| {
        out.write_all(text.as_bytes()).map_err(ExportError::Stream)
    };
    text(out, &head(request))?;
    text(out, &map.html(request)?)?;
    text(out, &states(request)?)?;
    text(out, &histogram(request.grid().towers()))?;
    let towers = request.grid().towers();
    chips(request, "The strongest hints", &strongest(towers), out)?;
    chips(request, "Random hints", &random(towers), out)?;
    text(out, &lines_table(request))?;
    if let Some(comparison) = request.grid().comparison() {
        text(out, &compared(comparison))?;
    }
    text(out, &foot(request))?;
    Ok(towers.len() as u64)
}

fn head(request: &ExportRequest<'_>) -> String {
    let manifest = request.manifest();
    let area = escaped(&manifest.area.label);
    let mark = match manifest.imagery.synthetic {
        true => "SYNTHETIC: ",
        false => "",
    };
    let drawn = match manifest.imagery.synthetic {
        true => {
            "<p class=warn><b>SYNTHETIC.</b> The imagery was drawn by hvmap; nothing here is of the real world.</p>"
        }
        false => "",
    };
    let (towers, chains) = (request.grid().towers().len(), lines(request).count());
    let in_lines = request
        .grid()
        .towers()
        .iter()
        .filter(|tower| tower.line.is_some())
        .count();
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{mark}{area} – hvmap</title><style>{STYLE}</style>\n<h1>{mark}{area}</h1>\
         <p>{} likely towers, {} of them in {} probable lines.</p>{drawn}\
         <p class=warn>{NOTE}</p>\n",
        grouped(towers as u64),
        grouped(in_lines as u64),
        grouped(chains as u64),
    )
}

/// The visited tiles, many to a pixel.
struct Map {
    /// Its north-western tile; `x` may be beyond the antimeridian.
    west: u32,
    north: u32,
    width: u32,
    height: u32,
    /// Tiles along a pixel's side.
    tiles_per_px: u32,
    /// Of each pixel the tiles that were scored or blank, without imagery, and failed.
    counts: Vec<[u32; 3]>,
    /// Of each pixel the tiles visited for each reason, in the order of [`VisitReason::ALL`]; empty
    /// where everything was to be visited.
    reasons: Vec<[u32; VisitReason::ALL.len()]>,
    zoom: u8,
    /// Added to `x` so that an area across the antimeridian is in one piece.
    shift: u32,
}

impl Map {
    fn of(request: &ExportRequest<'_>) -> Result<Self, ExportError> {
        let zoom = request.manifest().zoom;
        let side = mercator::tiles_per_side(zoom);
        let outcomes = |visit: &mut dyn FnMut(TileCoord, TileState)| {
            request.detections().ledger().outcomes(|outcome| {
                for (tile, state) in outcome.iter() {
                    visit(tile, state.state());
                }
                Ok::<_, LedgerError>(ControlFlow::Continue(()))
            })
        };
        // Bounds as they are, and with the world turned by half.
        let mut bounds = [(u32::MAX, 0u32); 2];
        let (mut north, mut south) = (u32::MAX, 0);
        outcomes(&mut |tile, _| {
            for (bounds, shift) in bounds.iter_mut().zip([0, side / 2]) {
                let x = (tile.x + shift) % side;
                *bounds = (bounds.0.min(x), bounds.1.max(x));
            }
            (north, south) = (north.min(tile.y), south.max(tile.y));
        })?;
        for &place in request.manifest().area.outline.iter().flatten() {
            let tile = mercator::tile_at(place, zoom);
            for (bounds, shift) in bounds.iter_mut().zip([0, side / 2]) {
                let x = (tile.x + shift) % side;
                *bounds = (bounds.0.min(x), bounds.1.max(x));
            }
            (north, south) = (north.min(tile.y), south.max(tile.y));
        }
        if north == u32::MAX {
            (north, south, bounds) = (0, 0, [(0, 0); 2]);
        }
        let turned = bounds[1].1 - bounds[1].0 < bounds[0].1 - bounds[0].0;
        let (shift, (west, east)) = match turned {
            true => (side / 2, bounds[1]),
            false => (0, bounds[0]),
        };
        let (columns, rows) = (east - west + 1, south - north + 1);
        let tiles_per_px = columns.max(rows).div_ceil(MAP_PX_MAX);
        let (width, height) = (columns.div_ceil(tiles_per_px), rows.div_ceil(tiles_per_px));
        let mut map = Self {
            west,
            north,
            width,
            height,
            tiles_per_px,
            counts: vec![[0; 3]; (width * height) as usize],
            reasons: Vec::new(),
            zoom,
            shift,
        };
        let placeholders = request.detections().placeholders();
        outcomes(&mut |tile, state| {
            let x = ((tile.x + shift) % side - west) / tiles_per_px;
            let y = (tile.y - north) / tiles_per_px;
            let kind = match state {
                TileState::Scored if placeholders.contains(tile) => 1,
                TileState::Scored | TileState::Blank => 0,
                TileState::NoImagery => 1,
                _ => 2,
            };
            map.counts[(y * width + x) as usize][kind] += 1;
        })?;
        let visits = request.detections().ledger().visits()?;
        if visits
            .iter()
            .any(|&(reason, ..)| reason != VisitReason::Everything)
        {
            map.reasons = vec![[0; VisitReason::ALL.len()]; (width * height) as usize];
            for (reason, block, mask) in visits {
                for tile in mask.iter().map(|index| block.tile(index)) {
                    let x = ((tile.x + shift) % side - west) / tiles_per_px;
                    let y = (tile.y - north) / tiles_per_px;
                    map.reasons[(y * width + x) as usize][reason as usize] += 1;
                }
            }
        }
        Ok(map)
    }

    /// A place on the map, in its pixels.
    fn at(&self, place: LonLat) -> (f64, f64) {
        let side = f64::from(mercator::tiles_per_side(self.zoom));
        let TilePosition { x, y } = mercator::lon_lat_to_tile(place, self.zoom);
        let x = (x + f64::from(self.shift)).rem_euclid(side) - f64::from(self.west);
        let scale = f64::from(self.tiles_per_px);
        (x / scale, (y - f64::from(self.north)) / scale)
    }

    /// The area's outline, without points that nobody can tell apart.
    fn outline(&self, request: &ExportRequest<'_>, unit: f64) -> String {
        let mut path = String::new();
        for ring in &request.manifest().area.outline {
            let mut last: Option<(f64, f64)> = None;
            for &place in ring {
                let (x, y) = self.at(place);
                let far = |(a, b): (f64, f64)| (x - a).abs().max((y - b).abs()) >= unit;
                match last {
                    None => put(&mut path, format_args!("M{x:.1} {y:.1}")),
                    Some(before) if far(before) => put(&mut path, format_args!("L{x:.1} {y:.1}")),
                    Some(_) => continue,
                }
                last = Some((x, y));
            }
            path.push('Z');
        }
        match path.is_empty() {
            true => path,
            false => format!(
                "<path id=area stroke=#5b2a86 stroke-width={:.3} d=\"{path}\"/>",
                1.2 * unit
            ),
        }
    }

    /// The colour of the reason for which most tiles of a pixel were visited.
    fn colour_of_reason(&self, x: u32, y: u32) -> [u8; 3] {
        self.reasons
            .get((y * self.width + x) as usize)
            .and_then(|tiles| (0..tiles.len()).max_by_key(|&reason| tiles[reason]))
            .map_or(SCORED, |reason| REASONS[reason])
    }

    /// What the colours of the reasons mean, with their tiles.
    fn key_of_reasons(&self) -> String {
        let mut keys = String::new();
        for (reason, colour) in VisitReason::ALL.iter().zip(REASONS) {
            let tiles: u64 = self
                .reasons
                .iter()
                .map(|tiles| u64::from(tiles[*reason as usize]))
                .sum();
            if tiles > 0 {
                let meaning = format!("{} ({} tiles)", reason.name(), grouped(tiles));
                keys.push_str(&key(&hex(colour), &meaning));
            }
        }
        keys
    }

    fn png(&self) -> Result<Vec<u8>, ExportError> {
        let full = (self.tiles_per_px * self.tiles_per_px) as f32;
        let picture = RgbaImage::from_fn(self.width, self.height, |x, y| {
            let counts = self.counts[(y * self.width + x) as usize];
            let sum: u32 = counts.iter().sum();
            let colour = match counts {
                // A failure shows wherever there is one.
                [.., failed] if failed > 0 => FAILED,
                [scored, missing, _] if missing > scored => NO_IMAGERY,
                _ => self.colour_of_reason(x, y),
            };
            // A net of single tiles must still be seen when many tiles share a pixel.
            let share = if sum == 0 {
                0.0
            } else {
                (sum as f32 / full).max(0.35)
            };
            let blend = |i: usize| {
                let (back, fore) = (f32::from(BACKGROUND[i]), f32::from(colour[i]));
                (back + share * (fore - back)).round() as u8
            };
            image::Rgba([blend(0), blend(1), blend(2), 255])
        });
        let mut bytes = Cursor::new(Vec::new());
        picture
            .write_to(&mut bytes, ImageFormat::Png)
            .map_err(|error| ExportError::Stream(io::Error::other(error)))?;
        Ok(bytes.into_inner())
    }

    fn html(&self, request: &ExportRequest<'_>) -> Result<String, ExportError> {
        let (width, height) = (self.width, self.height);
        let shown = width.max(600).min(MAP_PX_MAX.max(width));
        let unit = f64::from(width) / f64::from(shown);
        let mut svg = self.outline(request, unit);
        let towers = request.grid().towers();
        for line in lines(request).take(LINES_DRAWN) {
            let points = line.towers.iter().map(|&tower| {
                let tower = &towers[tower as usize];
                let (x, y) = self.at(tower.at);
                format!("{x:.2},{y:.2}")
            });
            let points: Vec<_> = points.collect();
            put(
                &mut svg,
                format_args!("<polyline points=\"{}\"/>", points.join(" ")),
            );
        }
        let lonely = towers
            .iter()
            .filter(|tower| tower.line.is_none())
            .take(LINES_DRAWN);
        let mut dots = String::new();
        for tower in lonely {
            let (x, y) = self.at(tower.at);
            put(&mut dots, format_args!("M{x:.2} {y:.2}h0"));
        }
        let area = match request.manifest().area.outline.is_empty() {
            true => String::new(),
            false => key("#5b2a86", "the area"),
        };
        let looked_at = match self.reasons.is_empty() {
            true => key(&hex(SCORED), "looked at"),
            false => format!("looked at: {}", self.key_of_reasons()),
        };
        Ok(format!(
            "<h2>Where it looked, and what it found</h2>\
             <div class=map style=\"width:{shown}px\"><img alt=\"map of tile states\" src=\"data:image/png;base64,{}\">\
             <svg viewBox=\"0 0 {width} {height}\" preserveAspectRatio=none fill=none stroke=#111 \
             stroke-width={:.3} stroke-linejoin=round>{svg}\
             <g stroke-linecap=round><path stroke=#fff stroke-width={:.3} d=\"{dots}\"/>\
             <path stroke=#b3470a stroke-width={:.3} d=\"{dots}\"/></g></svg></div>\
             <p class=key>{looked_at}{}{}{}{area}{}{}</p><p>{}</p>\n",
            BASE64.encode(self.png()?),
            1.6 * unit,
            8.0 * unit,
            5.0 * unit,
            key(&hex(NO_IMAGERY), "no imagery"),
            key(&hex(FAILED), "failed"),
            key(&hex(BACKGROUND), "not looked at"),
            key("#111", "probable line"),
            key("#b3470a", "lonely hint"),
            match self.tiles_per_px {
                1 => "A pixel of the picture is a tile.".to_owned(),
                tiles => format!("A pixel of the picture is {tiles} × {tiles} tiles."),
            },
        ))
    }
}

/// A colour and what it means.
fn key(colour: &str, meaning: &str) -> String {
    format!("<span><i style=\"background:{colour}\"></i>{meaning}</span> ")
}

fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn states(request: &ExportRequest<'_>) -> Result<String, ExportError> {
    let planned = request.manifest().area.tiles;
    let mut counts = request.detections().ledger().counts(planned)?;
    request.detections().placeholders().reclassify(&mut counts);
    let rows = [
        ("scored", counts.scored),
        ("no imagery", counts.no_imagery),
        ("blank", counts.blank),
        ("undecodable", counts.undecodable),
        ("fetch failed", counts.fetch_failed),
        ("predict failed", counts.predict_failed),
        ("not visited", counts.not_visited),
        ("planned", planned),
    ];
    let mut html =
        "<h2>Tiles</h2><table><tr><th>state<th class=n>tiles<th class=n>share".to_owned();
    for (name, tiles) in rows {
        let share = 100.0 * tiles as f64 / planned.max(1) as f64;
        put(
            &mut html,
            format_args!(
                "<tr><td>{name}<td class=n>{}<td class=n>{share:.2} %",
                grouped(tiles)
            ),
        );
    }
    html.push_str("</table>\n");
    Ok(html)
}

/// How many hints score how much, in bars.
fn histogram(towers: &[Detection]) -> String {
    let lowest = towers.iter().map(|tower| tower.score).fold(1.0, f32::min);
    let width = (1.0 - lowest).max(1e-6);
    let mut bars = [[0u32; 2]; BARS];
    for tower in towers {
        let bar = ((tower.score - lowest) / width * BARS as f32) as usize;
        bars[bar.min(BARS - 1)][usize::from(tower.line.is_none())] += 1;
    }
    let tallest = bars.iter().map(|[a, b]| a + b).max().unwrap_or(0).max(1);
    let mut svg = String::new();
    for (i, &[chained, lonely]) in bars.iter().enumerate() {
        let height = |count: u32| 150.0 * f64::from(count) / f64::from(tallest);
        let (low, high) = (height(chained), height(lonely));
        put(
            &mut svg,
            format_args!(
                "<rect x={0} y={1:.1} width=13 height={low:.1} fill=#111 /><rect x={0} y={2:.1} width=13 \
                 height={high:.1} fill=#e08a3c />",
                i * 15,
                160.0 - low,
                160.0 - low - high
            ),
        );
    }
    format!(
        "<h2>Scores</h2><svg class=bars viewBox=\"0 0 600 190\" width=600 role=img aria-label=\"histogram of scores\">{svg}\
         <text x=0 y=180 font-size=13>{lowest:.3}</text><text x=600 y=180 font-size=13 text-anchor=end>1</text></svg>\
         <p class=key>{}{}</p><p>The tallest bar is {} hints. A score ranks; it is no probability.</p>\n",
        key("#111", "in a probable line"),
        key("#e08a3c", "lonely"),
        grouped(u64::from(tallest))
    )
}

fn strongest(towers: &[Detection]) -> Vec<&Detection> {
    towers.iter().take(CHIPS).collect()
}

pub(super) fn chips_missing(request: &ExportRequest<'_>) -> Result<Vec<TileCoord>, ExportError> {
    let towers = request.grid().towers();
    let mut missing = Vec::new();
    for tower in strongest(towers).into_iter().chain(random(towers)) {
        if request.detections().ledger().payload(tower.tile)?.is_none() {
            missing.push(tower.tile);
        }
    }
    missing.sort_unstable();
    missing.dedup();
    Ok(missing)
}

/// Hints drawn by lot: by the hash of their id, so that the lot is always the same.
fn random(towers: &[Detection]) -> Vec<&Detection> {
    let mut drawn: Vec<_> = towers
        .iter()
        .skip(CHIPS)
        .map(|tower| (xxh3_64(tower.id().as_bytes()), tower))
        .collect();
    drawn.sort_unstable_by_key(|&(lot, tower)| (lot, tower.rank));
    drawn
        .into_iter()
        .take(CHIPS)
        .map(|(_, tower)| tower)
        .collect()
}

fn chips(
    request: &ExportRequest<'_>,
    title: &str,
    towers: &[&Detection],
    out: &mut dyn Write,
) -> Result<(), ExportError> {
    let manifest = request.manifest();
    let mut html = format!("<h2>{title}</h2>");
    if towers.is_empty() {
        html.push_str("<p>There are none.</p>\n");
    } else if !manifest.keep_payloads && request.images.is_empty() {
        html.push_str(
            "<p><small>The run kept no images: <code>hvmap run --keep-images</code> does, and \
             <code>hvmap export --chips-from</code> fetches these few.</small></p>",
        );
    }
    html.push_str("<div class=chips>");
    for tower in towers {
        html.push_str("<figure>");
        let kept = request.detections().ledger().payload(tower.tile)?;
        if let Some(bytes) = kept.or_else(|| request.images.get(&tower.tile).cloned()) {
            let kind = match bytes.as_slice() {
                [0xff, 0xd8, ..] => "jpeg",
                [b'R', b'I', b'F', b'F', ..] => "webp",
                [b'G', b'I', b'F', ..] => "gif",
                _ => "png",
            };
            let share = |px: f64| 100.0 * px / f64::from(TILE_SIZE_PX);
            let mark = match manifest.imagery.synthetic {
                true => "<span class=mark>SYNTHETIC</span>",
                false => "",
            };
            let spot = match tower.located {
                true => format!(
                    "<span class=spot style=\"left:{:.1}%;top:{:.1}%\"></span>",
                    share(tower.pixel.x_px),
                    share(tower.pixel.y_px)
                ),
                false => String::new(),
            };
            put(
                &mut html,
                format_args!(
                    "<div><img alt=\"{}\" src=\"data:image/{kind};base64,{}\">{spot}</div>{mark}",
                    escaped(&label(manifest, tower)),
                    BASE64.encode(&bytes)
                ),
            );
        }
        let line = tower
            .line
            .map_or("lonely".to_owned(), |line| format!("line {line}"));
        put(
            &mut html,
            format_args!(
                "<figcaption>hint {}, band {}; {line}<br><small>{}, {} ({:.0} m)</small></figcaption></figure>",
                grouped(tower.rank),
                band(tower.rank),
                Degrees(tower.at.lat),
                Degrees(tower.at.lon),
                tower.uncertainty_m,
            ),
        );
        out.write_all(html.as_bytes())
            .map_err(ExportError::Stream)?;
        html.clear();
    }
    html.push_str("</div>\n");
    out.write_all(html.as_bytes()).map_err(ExportError::Stream)
}

fn lines_table(request: &ExportRequest<'_>) -> String {
    let length_m: f64 = lines(request).map(|line| line.length_m).sum();
    let count = lines(request).count();
    let mut html = format!(
        "<h2>Probable lines</h2><p>{} lines, {:.0} km together. The longest:</p><div class=wide><table><tr><th class=n>line\
         <th class=n>towers<th class=n>km<th class=n>confidence<th>from<th>to",
        grouped(count as u64),
        length_m / 1_000.0
    );
    let towers = request.grid().towers();
    for line in lines(request).take(LINES_SHOWN) {
        let end = |tower: Option<&u32>| {
            tower.map_or(String::new(), |&tower| {
                let tower = &towers[tower as usize];
                format!("{:.4}, {:.4}", tower.at.lat, tower.at.lon)
            })
        };
        put(
            &mut html,
            format_args!(
                "<tr><td class=n>{}<td class=n>{}<td class=n>{:.1}<td class=n>{:.2}<td>{}<td>{}",
                line.number,
                line.towers.len(),
                line.length_m / 1_000.0,
                line.confidence,
                end(line.towers.first()),
                end(line.towers.last())
            ),
        );
    }
    html.push_str("</table></div>\n");
    html
}

fn compared(comparison: &Comparison) -> String {
    let mut html = format!(
        "<h2>Against OpenStreetMap</h2><table><tr><td>mapped already, within {} m<td class=n>{}\
         <tr><td>on a line that lacks the tower<td class=n>{}<tr><td>near a line<td class=n>{}\
         <tr><td>new<td class=n>{}</table>",
        comparison.radius_m,
        grouped(comparison.mapped),
        grouped(comparison.line_without_tower),
        grouped(comparison.near_line),
        grouped(comparison.new)
    );
    if let Some(recall) = comparison.recall() {
        put(
            &mut html,
            format_args!(
                "<p>Recall is about {:.1} %: {} of {} mapped towers in scanned tiles were found. That takes \
                 OpenStreetMap for right and of the imagery's date.</p>",
                recall * 100.0,
                grouped(comparison.towers_found),
                grouped(comparison.towers_in_scanned_tiles)
            ),
        );
    }
    html
}

fn foot(request: &ExportRequest<'_>) -> String {
    let manifest = request.manifest();
    let rows = [
        (
            "area",
            format!("{} ({})", manifest.area.label, manifest.area.source),
        ),
        ("zoom", manifest.zoom.to_string()),
        ("imagery", manifest.imagery.name.clone()),
        ("attribution", attribution(request)),
        (
            "terms",
            manifest
                .imagery
                .terms
                .clone()
                .unwrap_or_else(|| "not stated".to_owned()),
        ),
        (
            "model",
            format!(
                "{}, SHA-256 {}",
                manifest.model.name, manifest.model.checksum
            ),
        ),
        (
            "threshold",
            format!(
                "{} (kept from {})",
                request.threshold, manifest.keep_threshold
            ),
        ),
        (
            "merged",
            format!(
                "{} views of a tower from another tile",
                request.grid().merged()
            ),
        ),
        ("run", manifest.hash()),
        (
            "made by",
            concat!("hvmap ", env!("CARGO_PKG_VERSION")).to_owned(),
        ),
    ];
    let mut html = "<h2>Settings and credits</h2><table class=facts>".to_owned();
    for (name, value) in rows {
        put(
            &mut html,
            format_args!("<tr><td>{name}<td>{}", escaped(&value)),
        );
    }
    put(
        &mut html,
        format_args!("</table><h2>Before mapping</h2><p>{RULES}</p></html>\n"),
    );
    html
}

fn put(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes any text");
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = digits.len() % 3;
    let mut text = digits[..first].to_owned();
    for (i, group) in digits.as_bytes()[first..].chunks(3).enumerate() {
        if i > 0 || first > 0 {
            text.push(',');
        }
        text.push_str(std::str::from_utf8(group).unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped_from_the_right() {
        let numbers = [0, 12, 999, 1_000, 123_456, 1_234_567];
        assert_eq!(
            numbers.map(grouped),
            ["0", "12", "999", "1,000", "123,456", "1,234,567"]
        );
    }
}
