//! URL templates: text with tokens that a tile's numbers replace.
//!
//! The tokens are JOSM's and Leaflet's, so that entries of the Editor Layer Index work as they are.
//! Keys come from the environment (`{env:NAME}`) and never appear in what is shown of a template.

use std::fmt::Write as _;

use url::Url;

use crate::{
    imagery::{ImageryError, secrets::Secrets},
    tiles::{TILE_SIZE_PX, TileCoord, mercator},
};

/// The tokens that templates know, for messages.
const KNOWN: &str = "{z} {zoom} {x} {y} {-y} {!y} {q} {s} {switch:a,b,c} {bbox} {proj} {width} \
     {height} {env:NAME} {header(Name,Value)}";

/// The projection asked of WMS servers: the one of the tiles. Its axes are east, north in every
/// WMS version, so that `{bbox}` is west,south,east,north in 1.1.1 and 1.3.0 alike.
const PROJECTION: &str = "EPSG:3857";
/// Other names of that projection.
const SAME_PROJECTION: [&str; 5] = ["3857", "900913", "3785", "102100", "102113"];

/// A parsed template.
#[derive(Clone, Debug)]
pub(super) struct Template {
    parts: Vec<Part>,
    /// Headers that the template asks for.
    pub(super) headers: Vec<(String, String)>,
    /// The template with keys blotted out.
    pub(super) shown: String,
    /// Whether the template names double-size (`@2x`) images.
    pub(super) double: bool,
    /// Whether the server is this machine.
    pub(super) loopback: bool,
    pub(super) secrets: Secrets,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Zoom,
    Column,
    Row,
    /// The row counted from the south.
    TmsRow,
    /// The row counted from the equator northward, as Yahoo's maps did.
    YahooRow,
    Quadkey,
    /// One of several hosts, always the same for a tile.
    Switch(Vec<String>),
    Bbox,
}

impl Template {
    /// Reads a template; `environment` answers for `{env:NAME}`.
    pub(super) fn parse(
        text: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ImageryError> {
        let mut secrets = Secrets::default();
        let shown = secrets.redact_template(text);
        let refuse = |reason: String| ImageryError::InvalidSource {
            origin: shown.clone(),
            reason,
        };
        let mut parts = Vec::new();
        let mut headers = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            push_text(&mut parts, before);
            // A header's value may hold tokens of its own.
            let end = if after.starts_with("header(") {
                ")}"
            } else {
                "}"
            };
            let (token, after) = after
                .split_once(end)
                .ok_or_else(|| refuse("a { without its }".to_owned()))?;
            rest = after;
            if let Some(name) = token.strip_prefix("env:") {
                let value = environment(name)
                    .ok_or_else(|| refuse(format!("the environment variable {name} is not set")))?;
                push_text(&mut parts, &value);
                secrets.add(value);
            } else if let Some(header) = token.strip_prefix("header(") {
                let (name, value) = header.split_once(',').ok_or_else(|| {
                    refuse("a header without a value (expected {header(Name,Value)})".to_owned())
                })?;
                headers.push((name.trim().to_owned(), value.trim().to_owned()));
            } else {
                match token {
                    "proj" => push_text(&mut parts, PROJECTION),
                    "width" | "height" => push_text(&mut parts, &TILE_SIZE_PX.to_string()),
                    _ => parts.push(part_of(token).ok_or_else(|| {
                        refuse(format!("unknown token {{{token}}} (expected {KNOWN})"))
                    })?),
                }
            }
        }
        push_text(&mut parts, rest);
        let mut template = Self {
            parts,
            headers,
            double: text.contains("@2x"),
            loopback: false,
            secrets,
            shown: shown.clone(),
        };
        template.check().map_err(refuse)?;
        template.loopback = template.is_loopback();
        Ok(template)
    }

    /// The address of a tile's image.
    pub(super) fn url(&self, tile: TileCoord) -> String {
        let mut url = String::with_capacity(160);
        for part in &self.parts {
            // Writing to a string cannot fail.
            let _ = match part {
                Part::Text(text) => write!(url, "{text}"),
                Part::Zoom => write!(url, "{}", tile.z),
                Part::Column => write!(url, "{}", tile.x),
                Part::Row => write!(url, "{}", tile.y),
                Part::TmsRow => write!(url, "{}", tile.tms_y()),
                Part::YahooRow => {
                    let half = i64::from(mercator::tiles_per_side(tile.z) / 2);
                    write!(url, "{}", half - 1 - i64::from(tile.y))
                }
                Part::Quadkey => write!(url, "{}", tile.quadkey()),
                Part::Switch(choices) => {
                    let choice = (tile.x as usize + tile.y as usize) % choices.len();
                    write!(url, "{}", choices[choice])
                }
                Part::Bbox => {
                    let side_m =
                        mercator::CIRCUMFERENCE_M / f64::from(mercator::tiles_per_side(tile.z));
                    let west = f64::from(tile.x) * side_m - mercator::HALF_SIDE_M;
                    let north = mercator::HALF_SIDE_M - f64::from(tile.y) * side_m;
                    let (south, east) = (north - side_m, west + side_m);
                    write!(url, "{west:.6},{south:.6},{east:.6},{north:.6}")
                }
            };
        }
        url
    }

    fn check(&self) -> Result<(), String> {
        let has = |part: &Part| self.parts.contains(part);
        let has_row = has(&Part::Row) || has(&Part::TmsRow) || has(&Part::YahooRow);
        let tells_tiles_apart = has(&Part::Quadkey)
            || has(&Part::Bbox)
            || has(&Part::Zoom) && has(&Part::Column) && has_row;
        if !tells_tiles_apart {
            return Err(
                "its addresses would be the same for different tiles (expected {z}, {x} and {y}, \
                 or {q}, or {bbox})"
                    .to_owned(),
            );
        }
        let example = self.url(TileCoord { z: 2, x: 1, y: 1 });
        let url = Url::parse(&example).map_err(|error| format!("it is no address: {error}"))?;
        // The parser takes the first segment of a path for a host that is missing.
        if example.contains(":///") || url.host_str().is_none_or(str::is_empty) {
            return Err("it names no host".to_owned());
        }
        if !has(&Part::Bbox) {
            return Ok(());
        }
        for (name, value) in url.query_pairs() {
            let is_projection = ["srs", "crs"].contains(&name.to_ascii_lowercase().as_str());
            let code = value.rsplit(':').next().unwrap_or_default();
            if is_projection && !SAME_PROJECTION.contains(&code) {
                return Err(format!(
                    "{name}={value} is not the projection of the tiles (expected {{proj}}, which \
                     is {PROJECTION})"
                ));
            }
        }
        Ok(())
    }

    fn is_loopback(&self) -> bool {
        let Ok(url) = Url::parse(&self.url(TileCoord { z: 2, x: 1, y: 1 })) else {
            return false;
        };
        match url.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }
}

fn part_of(token: &str) -> Option<Part> {
    let choices = |list: &str| {
        let choices: Vec<_> = list.split(',').map(str::to_owned).collect();
        Part::Switch(choices)
    };
    Some(match token {
        "z" | "zoom" => Part::Zoom,
        "x" => Part::Column,
        "y" => Part::Row,
        "-y" => Part::TmsRow,
        "!y" => Part::YahooRow,
        "q" | "quadkey" => Part::Quadkey,
        "bbox" => Part::Bbox,
        "s" => choices("a,b,c"),
        _ => choices(token.strip_prefix("switch:")?),
    })
}

/// A text with each `{env:NAME}` replaced by the variable's value.
pub(super) fn with_environment(
    text: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{env:") {
        let (name, after) = after.split_once('}').ok_or("a { without its }")?;
        let value = environment(name)
            .ok_or_else(|| format!("the environment variable {name} is not set"))?;
        out.push_str(before);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(Part::Text(before)) = parts.last_mut() {
        before.push_str(text);
    } else {
        parts.push(Part::Text(text.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TILE: TileCoord = TileCoord { z: 3, x: 3, y: 5 };

    fn parse(text: &str) -> Result<Template, ImageryError> {
        Template::parse(text, &|name| (name == "KEY").then(|| "s3cr3t".to_owned()))
    }

    #[test]
    fn each_token_becomes_the_tiles_number() {
        for (template, expected) in [
            ("http://h/{z}/{x}/{y}.jpg", "http://h/3/3/5.jpg"),
            ("http://h/{zoom}/{x}/{-y}.jpg", "http://h/3/3/2.jpg"),
            ("http://h/{z}/{x}/{!y}", "http://h/3/3/-2"),
            (
                "http://h/tiles/a{q}.jpeg?g=1",
                "http://h/tiles/a213.jpeg?g=1",
            ),
            (
                "http://{switch:t0,t1,t2}.h/{z}/{y}/{x}",
                "http://t2.h/3/5/3",
            ),
            ("http://{s}.h/{z}/{y}/{x}", "http://c.h/3/5/3"),
            (
                "http://h/{z}/{x}/{y}?k={env:KEY}",
                "http://h/3/3/5?k=s3cr3t",
            ),
            ("http://h/{header(A,b)}{z}/{x}/{y}", "http://h/3/3/5"),
        ] {
            assert_eq!(parse(template).unwrap().url(TILE), expected);
        }
    }

    #[test]
    fn a_bbox_is_the_tiles_square_in_metres_whatever_the_wms_version() {
        // Independent values: mercantile.xy_bounds(1, 1, 2).
        let bbox = "-10018754.171395,0.000000,0.000000,10018754.171395";
        for version in [
            "1.1.1&SRS={proj}",
            "1.3.0&CRS={proj}",
            "1.3.0&CRS=EPSG:900913",
        ] {
            let template = format!(
                "https://h/wms?VERSION={version}&BBOX={{bbox}}&WIDTH={{width}}&HEIGHT={{height}}"
            );
            let url = parse(&template)
                .unwrap()
                .url(TileCoord { z: 2, x: 1, y: 1 });
            assert!(
                url.contains(&format!("BBOX={bbox}&WIDTH=256&HEIGHT=256")),
                "{url}"
            );
        }
    }

    #[test]
    fn what_cannot_work_is_refused_with_what_could() {
        for (template, part) in [
            (
                "http://h/{z}/{x}/{y}/{time}",
                "unknown token {time} (expected {z}",
            ),
            ("http://h/{z}/{x}", "same for different tiles"),
            ("http://h/{z}/{x}/{y", "a { without its }"),
            (
                "http://h/{z}/{x}/{y}?k={env:NONE}",
                "variable NONE is not set",
            ),
            ("http:///{z}/{x}/{y}", "names no host"),
            ("https://h/wms?CRS=EPSG:4326&BBOX={bbox}", "EPSG:3857"),
        ] {
            let message = parse(template).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn only_this_machine_is_loopback() {
        assert!(parse("http://localhost:1/{q}").unwrap().loopback);
        assert!(parse("http://127.0.0.1/{q}").unwrap().loopback);
        assert!(parse("http://[::1]/{q}").unwrap().loopback);
        assert!(!parse("http://10.0.0.1/{q}").unwrap().loopback);
    }
}
