//! What flags say about a model's outputs, held against its answers to varied tiles.

use super::{
    score::ScoreRule,
    settings::{Activation, AdaptationFlags, Combine},
};
use crate::predict::{Columns, Unusable};

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
    classes: &[String],
    flags: &AdaptationFlags,
) -> Result<Vec<usize>, Unusable> {
    let columns = Columns::Named(classes.to_vec());
    positives(classes, columns, flags.positives.as_deref())
}

/// The rule of a model that was not packaged, checked against its answers to the built-in tiles,
/// and the names of its classes.
pub(in crate::predict) fn rule_of_flags(
    answers: Rows<'_>,
    maker: Option<&str>,
    flags: &AdaptationFlags,
) -> Result<(ScoreRule, Vec<String>), Unusable> {
    let columns = answers.columns;
    let (classes, named) = match &flags.classes {
        Some(classes) if classes.len() != columns => {
            return Err(Unusable::WrongClasses {
                columns,
                named: classes.len(),
            });
        }
        Some(classes) => (classes.clone(), Columns::Named(classes.clone())),
        None => (
            (0..columns)
                .map(|column| format!("class {column}"))
                .collect(),
            Columns::Numbered(Some(columns)),
        ),
    };
    let positives = positives(&classes, named, flags.positives.as_deref())?;
    let activation = flags.activation.ok_or_else(|| Unusable::ActivationUntold {
        maker: maker.map(str::to_owned),
    })?;
    check_activation(answers, activation, maker)?;
    let combine = match (flags.combine, activation) {
        (Some(combine), _) => combine,
        (None, Activation::Softmax) => Combine::Sum,
        (None, Activation::Sigmoid) => Combine::Largest,
        (None, Activation::None) if positives.len() == 1 => Combine::Sum,
        (None, Activation::None) => return Err(Unusable::CombineUntold),
    };
    let rule = ScoreRule {
        activation,
        positives,
        combine,
    };
    Ok((rule, classes))
}

/// Columns of the classes named or numbered, rising.
fn positives(
    classes: &[String],
    columns: Columns,
    wanted: Option<&[String]>,
) -> Result<Vec<usize>, Unusable> {
    let Some(wanted) = wanted else {
        return match classes {
            [_] => Ok(vec![0]),
            _ => Err(Unusable::PositivesUntold { columns }),
        };
    };
    let mut positives = Vec::new();
    for class in wanted {
        let column = classes
            .iter()
            .position(|name| name == class)
            .or_else(|| class.parse().ok())
            .filter(|&column: &usize| column < classes.len());
        match column {
            Some(column) => positives.push(column),
            None => {
                return Err(Unusable::NoSuchClass {
                    class: class.clone(),
                    columns,
                });
            }
        }
    }
    positives.sort_unstable();
    positives.dedup();
    if positives.is_empty() {
        return Err(Unusable::NoPositives { columns });
    }
    Ok(positives)
}

/// Whether the activation can be right, going by the graph's last operator and by answers to varied
/// tiles.
fn check_activation(
    answers: Rows<'_>,
    activation: Activation,
    maker: Option<&str>,
) -> Result<(), Unusable> {
    if let (Some(maker @ ("Softmax" | "Sigmoid")), Activation::Softmax | Activation::Sigmoid) =
        (maker, activation)
    {
        return Err(Unusable::ActivationTwice {
            activation,
            maker: maker.to_owned(),
        });
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
                Some(&output) => Err(Unusable::NoProbability { output }),
                None => Ok(()),
            }
        }
        Activation::Softmax if answers.columns == 1 => Err(Unusable::SoftmaxOfOne),
        Activation::Softmax => {
            let are_probabilities = answers.outputs.chunks_exact(answers.columns).all(|row| {
                let sum: f32 = row.iter().sum();
                row.iter().all(in_range) && (sum - 1.0).abs() <= PROBABILITY_TOLERANCE
            });
            if are_probabilities {
                return Err(Unusable::SoftmaxOfProbabilities);
            }
            Ok(())
        }
        Activation::Sigmoid => Ok(()),
    }
}
