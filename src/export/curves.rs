//! How good a run is, as a picture (SVG): precision against recall, the ROC curve, and the
//! reliability of its scores.

use std::{fmt::Write as _, io::Write as _, path::Path};

use super::{ExportError, IfExists, osm::escaped, staged::StagedFile};
use crate::evaluation::Evaluation;

/// Pixels of one panel's plot, and around it.
const SIDE: f64 = 260.0;
const MARGIN: f64 = 70.0;
/// The lowest false-positive rate of the ROC curve's axis, as a power of ten.
const DECADES: f64 = 6.0;

/// Writes the picture.
///
/// # Errors
/// When the file exists and must not be replaced, or cannot be written.
pub fn write_curves(
    evaluation: &Evaluation,
    title: &str,
    path: &Path,
    if_exists: IfExists,
) -> Result<(), ExportError> {
    if if_exists == IfExists::Refuse && path.exists() {
        return Err(ExportError::Exists {
            path: path.to_owned(),
        });
    }
    let staged = StagedFile::create(path)?;
    staged
        .file()
        .write_all(draw(evaluation, title).as_bytes())
        .map_err(|source| staged.error(source))?;
    staged.publish()
}

fn draw(evaluation: &Evaluation, title: &str) -> String {
    let (curve, at) = (&evaluation.curve, &evaluation.at_threshold);
    let decades = |rate: f64| 1.0 + rate.max(1e-30).log10().max(-DECADES) / DECADES;
    let by = |f: &dyn Fn(&crate::evaluation::Operation) -> Option<(f64, f64)>| {
        (curve.iter().filter_map(f).collect::<Vec<_>>(), f(at))
    };
    let precision = by(&|o| Some((o.recall?, o.precision?)));
    let roc = by(&|o| Some((decades(o.false_positive_rate?), o.recall?)));
    let reliability: Vec<_> = evaluation
        .reliability
        .iter()
        .map(|bin| {
            (
                f64::midpoint(bin.score_min.into(), bin.score_max.into()),
                bin.share,
            )
        })
        .collect();
    let base = evaluation.base_rate.map_or(String::new(), |rate| {
        format!(", {:.3} % of tiles hold a tower", rate * 100.0)
    });
    let width = 3.0 * (SIDE + MARGIN) + MARGIN / 2.0;
    let height = SIDE + 2.0 * MARGIN;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
         font-family=\"sans-serif\" font-size=\"12\"><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\
         <text x=\"{MARGIN}\" y=\"26\" font-size=\"15\">{}{base}</text>",
        escaped(title)
    );
    let shares = ["0", "0.5", "1"];
    let panels = [
        (
            "precision by recall",
            "recall",
            "precision",
            shares,
            precision,
            false,
        ),
        (
            "ROC",
            "false-positive rate",
            "recall",
            ["1e-6", "1e-3", "1"],
            roc,
            false,
        ),
        (
            "reliability",
            "score",
            "share of tiles that hold a tower",
            shares,
            (reliability, None),
            true,
        ),
    ];
    for (i, (name, x_name, y_name, ticks, (points, mark), dots)) in panels.into_iter().enumerate() {
        let left = MARGIN + i as f64 * (SIDE + MARGIN);
        let place = |(x, y): (f64, f64)| (left + x * SIDE, MARGIN + (1.0 - y) * SIDE);
        let mut put = |arguments: std::fmt::Arguments<'_>| {
            svg.write_fmt(arguments).expect("a string takes any text");
        };
        put(format_args!(
            "<rect x=\"{left}\" y=\"{MARGIN}\" width=\"{SIDE}\" height=\"{SIDE}\" fill=\"none\" stroke=\"#999\"/>\
             <text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{name}</text>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{x_name}</text>\
             <text transform=\"translate({} {}) rotate(-90)\" text-anchor=\"middle\">{y_name}</text>",
            MARGIN - 8.0,
            left + SIDE / 2.0,
            MARGIN + SIDE + 34.0,
            left - 34.0,
            MARGIN + SIDE / 2.0,
        ));
        for (tick, (x_text, y_text)) in ticks.into_iter().zip(shares).enumerate() {
            let share = tick as f64 / 2.0;
            put(format_args!(
                "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\" fill=\"#555\">{x_text}</text>\
                 <text x=\"{}\" y=\"{}\" text-anchor=\"end\" fill=\"#555\">{y_text}</text>",
                left + share * SIDE,
                MARGIN + SIDE + 16.0,
                left - 6.0,
                MARGIN + (1.0 - share) * SIDE + 4.0,
            ));
        }
        if dots {
            let (from, to) = (place((0.0, 0.0)), place((1.0, 1.0)));
            put(format_args!(
                "<path d=\"M{} {}L{} {}\" stroke=\"#bbb\" stroke-dasharray=\"4 4\"/>",
                from.0, from.1, to.0, to.1
            ));
        }
        let line: Vec<String> = points
            .iter()
            .map(|&point| {
                let (x, y) = place(point);
                format!("{x:.1},{y:.1}")
            })
            .collect();
        put(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"#0072b2\" stroke-width=\"2\"/>",
            line.join(" ")
        ));
        for point in points.into_iter().filter(|_| dots).chain(mark) {
            let (x, y) = place(point);
            put(format_args!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\" fill=\"#d55e00\"/>"
            ));
        }
    }
    svg.push_str("</svg>\n");
    svg
}
