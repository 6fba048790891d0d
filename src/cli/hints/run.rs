//! What to do about a run that is impossible, or that ended before its plan was done.

use super::{area, imagery, ledger, osm, predict};
use crate::{
    cli::{CliError, command_line},
    pipeline::{Answerer, PipelineError},
    run::RunError,
};

/// Adds what to do about it, by the flags of the command line.
pub fn explain(error: RunError) -> CliError {
    let hint = match &error {
        RunError::NotPackaged { path, .. } => format!(
            "package it: hvmap-model package {} -o models --name NAME --classes \
             negatives,towers --positive towers --preprocess xception",
            path.display()
        ),
        RunError::SyntheticModel { .. } => "name a model trained on real imagery with --model, or \
                                            override with --allow-synthetic-model to see for \
                                            yourself"
            .to_owned(),
        RunError::NoThreshold { .. } => "choose one with --threshold; in country-wide runs strict \
                                         ones pay, such as 0.9, because almost all tiles hold no \
                                         tower"
            .to_owned(),
        RunError::KeepAboveThreshold {
            keep_threshold,
            threshold,
        } => {
            return CliError::new(format!(
                "--keep-threshold {keep_threshold} is above the threshold {threshold}"
            ))
            .hint("what counts as a detection must be kept: lower --keep-threshold");
        }
        RunError::NoSeeds { .. } => {
            "give an extract of the same area, or leave --osm out".to_owned()
        }
        RunError::NoTowersInside { .. } => {
            "give towers of the same country, in longitude and latitude".to_owned()
        }
        RunError::OtherSettings { .. } => "give this run another folder with --out, or use the \
                                           settings of the run there"
            .to_owned(),
        RunError::ServedModelChanged { .. } => {
            "serve the model of the run's start again, or give this run another folder with --out\n\
             --allow-model-change goes on and mixes the scores of both"
                .to_owned()
        }
        RunError::Miscounted { .. } | RunError::LeftOut { .. } => {
            "this is a fault of hvmap, please report it; what was committed is safe".to_owned()
        }
        RunError::ChipsOfOtherKind { run } => format!("the run's imagery is {run}"),
        _ => return plain(error),
    };
    CliError::from(error).hint(hint)
}

/// Trouble of a part of a run, which has its own words.
fn plain(error: RunError) -> CliError {
    match error {
        RunError::Area(error) => area::explain(error),
        RunError::Imagery(error) => imagery::explain(error),
        RunError::Predict(error) => predict::explain(error),
        RunError::Osm(error) => osm::explain(error),
        RunError::Ledger(error) => ledger::explain(error),
        RunError::Pipeline(error) => pipeline_trouble(error),
        error => CliError::from(error),
    }
}

fn pipeline_trouble(error: PipelineError) -> CliError {
    let command = command_line::to_paste();
    match error {
        PipelineError::Ledger(error) => ledger::explain(error),
        error @ PipelineError::OtherUnit { answerer, .. } => {
            let advice = match answerer {
                Answerer::Ledger => {
                    "the scan chooses otherwise than when the run began; what was committed is safe, \
                     and with --scan everything or another --scan-stop in it this goes on and repeats \
                     no tile"
                }
                Answerer::Executor => {
                    "this is a fault of hvmap, please report it; what was committed is safe, and this \
                     goes on"
                }
            };
            CliError::from(error).hint(format!("{advice}\n  {command}"))
        }
        error => {
            let advice = match &error {
                PipelineError::Imagery(error) => {
                    imagery::hint(error).map(|hint| format!("{hint}\n"))
                }
                _ => None,
            };
            CliError::from(error).hint(format!(
                "{}what was committed is safe; when the cause is mended, go on with\n  {command}",
                advice.unwrap_or_default(),
            ))
        }
    }
}
