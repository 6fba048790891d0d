//! `hvmap eval`: how good a run is against known towers.

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use serde::Serialize;

use super::{
    CliError, OrHint, hints, reviewed,
    terminal::{self, grouped},
};
use crate::{
    detections::Detections,
    evaluation::{
        Evaluation, EvaluationSettings, Operation, Reported, Review, evaluate, read_truth,
    },
    export::{IfExists, write_curves},
    ledger::LedgerReader,
};

/// Measure a run against known towers, or by what people said of its hints
///
/// A scored tile that holds a known tower is positive, every other scored tile negative. Towers
/// that the truth lacks count as false alarms, so precision against OpenStreetMap is a lower
/// bound. Labels of a sample of hints tell how many of the best hints are true towers.
///
/// Examples:
///   hvmap eval runs/pakistan --truth towers.geojson.gz
///   hvmap eval runs/demo --truth truth.geojson --ignore-margin-px 64 --json
///   hvmap eval runs/demo --truth truth.geojson --picture curves.svg
///   hvmap eval runs/pakistan --reviewed labels.csv
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The run's folder, as given to `hvmap run --out`
    #[arg(value_name = "DIR")]
    run: PathBuf,

    /// GeoJSON, gzip allowed: its points with power=tower, or all where no feature has a `power`
    #[arg(long, value_name = "FILE", required_unless_present = "reviewed")]
    truth: Option<PathBuf>,

    /// Labels that people gave: CSV or GeoJSON, gzipped or not, each row with the hint's `id` (or
    /// its place) and a `label`: accepted, rejected, or where it is open unsure or nothing
    #[arg(long, value_name = "FILE")]
    reviewed: Option<PathBuf>,

    /// Score from which a tile counts as found; the run's own threshold if left out
    #[arg(long, value_name = "T", value_parser = score)]
    threshold: Option<f32>,

    /// Leave out tiles without a tower that have one within so many pixels of their edge: they
    /// show part of it, and are neither right nor wrong
    #[arg(long, value_name = "PX", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=1024))]
    ignore_margin_px: u16,

    /// Draw precision by recall, the ROC curve and the scores' reliability into an SVG file
    #[arg(long, value_name = "FILE", requires = "truth")]
    picture: Option<PathBuf>,

    /// Replace the picture if there is one
    #[arg(long, requires = "picture")]
    force: bool,

    /// Print everything, with the curves, as one JSON object
    #[arg(long)]
    json: bool,
}

fn score(text: &str) -> Result<f32, String> {
    match text.parse() {
        Ok(score) if (0.0..=1.0).contains(&score) => Ok(score),
        _ => Err("a threshold is a score between 0 and 1".to_owned()),
    }
}

pub fn run(args: Args) -> Result<ExitCode, CliError> {
    let ledger = LedgerReader::open(&args.run)?;
    let detections = Detections::of(&ledger)?;
    let threshold = args.threshold.unwrap_or(detections.manifest().threshold);
    let report = Report {
        evaluation: match &args.truth {
            Some(truth) => Some(measure(&args, &detections, truth, threshold)?),
            None => None,
        },
        reviewed: match &args.reviewed {
            Some(path) => Some(review(&detections, path, threshold)?),
            None => None,
        },
    };
    let text = if args.json {
        serde_json::to_string(&report)? + "\n"
    } else {
        let evaluation = report.evaluation.as_ref().map(table);
        let reviewed = report.reviewed.as_ref().map(review_table);
        let parts: Vec<String> = evaluation.into_iter().chain(reviewed).collect();
        parts.join("\n")
    };
    print!("{text}");
    Ok(ExitCode::SUCCESS)
}

/// What is known, in one object.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    evaluation: Option<Evaluation>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reviewed: Option<Review>,
}

fn measure(
    args: &Args,
    detections: &Detections<'_>,
    truth: &Path,
    threshold: f32,
) -> Result<Evaluation, CliError> {
    let towers = read_truth(truth).map_err(hints::evaluation::explain_truth)?;
    let settings = EvaluationSettings {
        threshold,
        ignore_margin_px: f64::from(args.ignore_margin_px),
    };
    let evaluation = evaluate(detections, &towers, settings)?;
    if evaluation.tiles.positive == 0 {
        terminal::warn("no scored tile holds a known tower: is it the truth of this area?");
    }
    if let Some(path) = &args.picture {
        let manifest = detections.manifest();
        let mark = if manifest.imagery.synthetic {
            "SYNTHETIC: "
        } else {
            ""
        };
        let title = format!("{mark}{}, {}", manifest.area.label, manifest.model.name);
        let if_exists = if args.force {
            IfExists::Replace
        } else {
            IfExists::Refuse
        };
        write_curves(&evaluation, &title, path, if_exists)
            .or_hint(|| "choose another file, or give --force to replace it".to_owned())?;
    }
    Ok(evaluation)
}

fn review(detections: &Detections<'_>, path: &Path, threshold: f32) -> Result<Review, CliError> {
    let labels = reviewed::read(path)?;
    let review =
        Review::of(detections, &labels, threshold).map_err(hints::evaluation::explain_review)?;
    reviewed::tell(path, &review.counts);
    Ok(review)
}

fn review_table(review: &Review) -> String {
    let mut text = String::new();
    row(
        &mut text,
        [
            "best",
            "reviewed",
            "accepted",
            "true towers",
            "95 % from",
            "to",
            "not covered",
        ],
    );
    for expected in &review.best {
        let whole = |towers: f64| grouped(towers.round() as u64);
        row(
            &mut text,
            [
                &grouped(expected.hints),
                &grouped(expected.accepted + expected.rejected),
                &grouped(expected.accepted),
                &whole(expected.towers),
                &whole(expected.towers_min),
                &whole(expected.towers_max),
                &grouped(expected.unknown),
            ],
        );
    }
    text
}

fn table(evaluation: &Evaluation) -> String {
    let Evaluation { truth, tiles, .. } = evaluation;
    let scored = tiles.positive + tiles.negative + tiles.ignored;
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        writeln!(text, "{name:<14}{value}").expect("a string takes any text");
    };
    line(
        "truth",
        format!(
            "{} towers: {} in scored tiles, {} in tiles without a score, {} elsewhere",
            grouped(truth.points),
            grouped(truth.in_scored_tiles),
            grouped(truth.in_tiles_without_score),
            grouped(truth.elsewhere)
        ),
    );
    line(
        "scored tiles",
        format!(
            "{}: {} hold a tower ({}), {} left out beside one",
            grouped(scored),
            grouped(tiles.positive),
            percent(evaluation.base_rate),
            grouped(tiles.ignored)
        ),
    );
    line(
        "AUC",
        evaluation.auc.map_or("-".into(), |auc| format!("{auc:.6}")),
    );
    if let Some(location) = &evaluation.location {
        line(
            "location",
            format!(
                "median {:.1} m, 90 % within {:.1} m of the nearest tower ({} of {} located; tile \
                 centres: {:.1} m, {:.1} m)",
                location.median_m,
                location.p90_m,
                location.located,
                location.detections,
                location.tile_centre_median_m,
                location.tile_centre_p90_m
            ),
        );
    }
    text.push('\n');
    row(
        &mut text,
        [
            "at",
            "threshold",
            "found",
            "false",
            "precision",
            "recall",
            "false-positive rate",
        ],
    );
    operation(&mut text, "threshold", &evaluation.at_threshold);
    for target in &evaluation.at_recall {
        operation(
            &mut text,
            &format!("recall {}", target.target),
            &target.operation,
        );
    }
    for target in &evaluation.at_false_positive_rate {
        operation(
            &mut text,
            &format!("fpr {:e}", target.target),
            &target.operation,
        );
    }
    text + &reported_table(&evaluation.reported)
}

/// What became of the known towers, after views from several tiles were merged.
fn reported_table(groups: &[Reported]) -> String {
    let mut text = String::new();
    if groups.is_empty() {
        return text;
    }
    text.push('\n');
    row(
        &mut text,
        [
            "in a tile",
            "towers",
            "once",
            "more often",
            "only once",
            "median m",
            "90 % m",
        ],
    );
    for group in groups {
        let metres =
            |metres: Option<f64>| metres.map_or("-".into(), |metres| format!("{metres:.1}"));
        row(
            &mut text,
            [
                &group
                    .in_tile
                    .map_or("all".into(), |towers| towers.to_string()),
                &grouped(group.towers),
                &grouped(group.once),
                &grouped(group.more_than_once),
                &percent(group.share_once()),
                &metres(group.median_m),
                &metres(group.p90_m),
            ],
        );
    }
    text
}

fn operation(text: &mut String, name: &str, operation: &Operation) {
    row(
        text,
        [
            name,
            &operation.threshold.to_string(),
            &grouped(operation.true_positives),
            &grouped(operation.false_positives),
            &percent(operation.precision),
            &percent(operation.recall),
            &operation
                .false_positive_rate
                .map_or("-".into(), |rate| format!("{rate:.2e}")),
        ],
    );
}

fn row(text: &mut String, cells: [&str; 7]) {
    let [at, rest @ ..] = cells;
    write!(text, "{at:<12}").expect("a string takes any text");
    for cell in rest {
        write!(text, " {cell:>11}").expect("a string takes any text");
    }
    text.push('\n');
}

fn percent(share: Option<f64>) -> String {
    share.map_or("-".into(), |share| format!("{:.3} %", share * 100.0))
}
