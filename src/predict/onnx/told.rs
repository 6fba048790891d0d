//! What flags say about a model's outputs, held against its answers to varied tiles.

use super::{
    score::ScoreRule,
    settings::{Activation, AdaptationFlags, Combine},
};
use crate::predict::PredictError;

/// How far a probability may lie outside 0 to 1, and a sum of probabilities from 1.
const PROBABILITY_TOLERANCE: f32 = 1e-3;

/// A model's own outputs.
#[derive(Clone, Copy, Debug)]
pub(in crate::predict) struct Rows<'a> {
    pub columns: usize,
    /// Tiles × columns.
    pub outputs: &'a [f32],
}

/// The positives of a model that names its classes and no positive one, from the flags.
pub(in crate::predict) fn told_positives(
    name: &str,
    classes: &[String],
    flags: &AdaptationFlags,
) -> Result<Vec<usize>, PredictError> {
    let flags = AdaptationFlags {
        classes: Some(classes.to_vec()),
        ..flags.clone()
    };
    positives(classes.len(), classes, &flags).map_err(|(reason, hint)| PredictError::Unusable {
        model: name.to_owned(),
        reason,
        hint: Some(hint),
    })
}

/// The rule of a model that was not packaged, checked against its answers to the built-in tiles,
/// and the names of its classes.
pub(in crate::predict) fn rule_of_flags(
    name: &str,
    answers: Rows<'_>,
    maker: Option<&str>,
    flags: &AdaptationFlags,
) -> Result<(ScoreRule, Vec<String>), PredictError> {
    let unless = |reason: String, hint: &str| PredictError::Unusable {
        model: name.to_owned(),
        reason,
        hint: Some(hint.to_owned()),
    };
    let columns = answers.columns;
    let classes = match &flags.classes {
        Some(classes) if classes.len() != columns => {
            return Err(unless(
                format!(
                    "it answers {columns} scores, but --model-classes names {}",
                    classes.len()
                ),
                &format!("--model-classes with {columns} names"),
            ));
        }
        Some(classes) => classes.clone(),
        None => (0..columns)
            .map(|column| format!("class {column}"))
            .collect(),
    };
    let positives =
        positives(columns, &classes, flags).map_err(|(reason, hint)| unless(reason, &hint))?;
    let activation = flags.activation.ok_or_else(|| {
        unless(
            "nothing says whether its outputs are probabilities".into(),
            activation_flag(maker),
        )
    })?;
    check_activation(answers, activation, maker).map_err(|(reason, hint)| unless(reason, hint))?;
    let combine = match (flags.combine, activation) {
        (Some(combine), _) => combine,
        (None, Activation::Softmax) => Combine::Sum,
        (None, Activation::Sigmoid) => Combine::Largest,
        (None, Activation::None) if positives.len() == 1 => Combine::Sum,
        (None, Activation::None) => {
            return Err(unless(
                "nothing says how its positive classes become one score".into(),
                "--model-combine sum if classes exclude each other (softmax), largest if they may \
                 occur together (sigmoid)",
            ));
        }
    };
    let rule = ScoreRule {
        activation,
        positives,
        combine,
    };
    Ok((rule, classes))
}

/// Columns of the classes named or numbered; on failure the reason and the flags that help.
fn positives(
    columns: usize,
    classes: &[String],
    flags: &AdaptationFlags,
) -> Result<Vec<usize>, (String, String)> {
    let hint = match &flags.classes {
        Some(classes) => format!("--model-positives with some of {}", classes.join(", ")),
        None => format!(
            "--model-positives with some of 0 to {}, the columns that mean a tower",
            columns.saturating_sub(1)
        ),
    };
    let Some(wanted) = &flags.positives else {
        return if columns == 1 {
            Ok(vec![0])
        } else {
            Err((
                format!("nothing says which of its {columns} classes mean a tower"),
                hint,
            ))
        };
    };
    let mut positives = Vec::new();
    for class in wanted {
        let column = classes
            .iter()
            .position(|name| name == class)
            .or_else(|| class.parse().ok())
            .filter(|&column: &usize| column < columns);
        match column {
            Some(column) => positives.push(column),
            None => return Err((format!("it has no class {class:?}"), hint)),
        }
    }
    positives.sort_unstable();
    positives.dedup();
    if positives.is_empty() {
        return Err(("--model-positives names no class".into(), hint));
    }
    Ok(positives)
}

/// The flag that fits what the graph ends in, for a person to confirm.
pub(super) fn activation_flag(maker: Option<&str>) -> &'static str {
    match maker {
        Some("Softmax") => "--model-activation none, since its outputs come out of a Softmax",
        Some("Sigmoid") => "--model-activation none, since its outputs come out of a Sigmoid",
        _ => {
            "--model-activation none if its outputs are probabilities, softmax or sigmoid if they \
             are logits"
        }
    }
}

/// Whether the flag can be right, going by the graph's last operator and by answers to varied
/// tiles.
fn check_activation(
    answers: Rows<'_>,
    activation: Activation,
    maker: Option<&str>,
) -> Result<(), (String, &'static str)> {
    if let (Some(maker @ ("Softmax" | "Sigmoid")), Activation::Softmax | Activation::Sigmoid) =
        (maker, activation)
    {
        return Err((
            format!("--model-activation is {activation}, but its outputs come out of a {maker}"),
            "--model-activation none",
        ));
    }
    let in_range =
        |output: &f32| (-PROBABILITY_TOLERANCE..=1.0 + PROBABILITY_TOLERANCE).contains(output);
    match activation {
        Activation::None => {
            // Outputs that are no numbers say nothing about the activation; they end as tiles
            // without a score.
            match answers
                .outputs
                .iter()
                .find(|output| output.is_finite() && !in_range(output))
            {
                Some(output) => Err((
                    format!("--model-activation is none, but it answers {output}, expected 0 to 1"),
                    "--model-activation softmax or --model-activation sigmoid",
                )),
                None => Ok(()),
            }
        }
        Activation::Softmax if answers.columns == 1 => Err((
            "--model-activation is softmax, but it answers a single score, which would be 1 always"
                .into(),
            "--model-activation sigmoid for a logit, none for a probability",
        )),
        Activation::Softmax => {
            let are_probabilities = answers.outputs.chunks_exact(answers.columns).all(|row| {
                let sum: f32 = row.iter().sum();
                row.iter().all(in_range) && (sum - 1.0).abs() <= PROBABILITY_TOLERANCE
            });
            if are_probabilities {
                return Err((
                    "--model-activation is softmax, but its answers are probabilities already: each \
                     row adds up to 1"
                        .into(),
                    "--model-activation none",
                ));
            }
            Ok(())
        }
        Activation::Sigmoid => Ok(()),
    }
}
