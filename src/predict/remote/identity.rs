//! Whether servers hold the same model, at the start and again after a failure.
//!
//! `hvmap serve` tells the digest of its model's file. Others tell a version at best; their answers
//! to tiles that are the same in every version of this program stand for the model.

use bytes::Bytes;

use super::{
    described::Described,
    endpoint::{Endpoint, Known},
    exchange::{Images, Reply},
    reference::Reference,
    settings::RemoteSettings,
};
use crate::{
    digest,
    predict::{
        AttributionMap, ModelInfo, PredictError, ServerFault, Unusable,
        onnx::{Activation, BUILT_IN_TILES, Rows, ScoreRule, rule_of_flags, told_positives},
    },
};

/// How far, in logits, two answers of the same model may lie apart: processors, devices and engines
/// differ in the last digits of a probability, other models by whole logits on one tile or another.
const ANSWER_TOLERANCE: f32 = 0.25;
/// Probabilities closer than this to 0 and 1 are as good as those, and their logits mean nothing.
const PROBABILITY_MIN: f32 = 1e-6;

/// What a server answers to the built-in tiles, its outputs row after row.
pub(super) async fn answers(
    endpoint: &Endpoint,
    described: &Described,
    trial: &[Bytes],
    classes: Option<usize>,
) -> Result<Vec<f32>, ServerFault> {
    let map = described
        .facts
        .as_ref()
        .and_then(|facts| facts.attribution.as_ref());
    let mut outputs = Vec::new();
    let mut open = vec![Images::Encoded(trial)];
    while let Some(images) = open.pop() {
        match endpoint
            .predict(described, images, classes, cells(map))
            .await
        {
            Reply::Rows(rows) => outputs.extend(rows.into_iter().flat_map(|row| row.outputs)),
            // They may be too many for it.
            Reply::BadBatch { .. } if images.len() > 1 => {
                let (left, right) = images.halves();
                open.extend([right, left]);
            }
            Reply::Busy { reason, .. }
            | Reply::Gone { reason }
            | Reply::Silent { reason }
            | Reply::Refused { reason }
            | Reply::BadBatch { reason } => return Err(reason.into()),
            Reply::Failed { reason } => return Err(reason),
        }
    }
    Ok(outputs)
}

/// Holds a server against a packaged model: asks it for the canaries and compares, as probabilities.
///
/// # Errors
/// [`PredictError::NotTheModel`] when it answers otherwise, [`PredictError::Server`] when it does not
/// answer.
pub(super) async fn check(
    reference: &Reference,
    endpoint: &Endpoint,
    described: &Described,
    rule: &ScoreRule,
) -> Result<(), PredictError> {
    let difference = match reference.names_differ(described) {
        Some(difference) => Some(difference),
        None => {
            let outputs = answers(endpoint, described, reference.images(), None)
                .await
                .map_err(|reason| endpoint.at().server(reason))?;
            reference.scores_differ(&outputs, rule)
        }
    };
    match difference {
        None => Ok(()),
        Some(difference) => Err(PredictError::NotTheModel {
            url: endpoint.url().to_owned(),
            reference: reference.name().to_owned(),
            difference,
        }),
    }
}

/// Cells of an attribution grid; 0 without one.
pub(super) fn cells(map: Option<&AttributionMap>) -> usize {
    map.map_or(0, |map| map.columns_px.len() * map.rows_px.len())
}

/// The one model that all servers hold, and how its outputs become scores.
pub(super) fn agree(
    endpoints: &[Endpoint],
    settings: &RemoteSettings,
) -> Result<(ModelInfo, ScoreRule), PredictError> {
    let Some(first) = endpoints.first() else {
        return Err(PredictError::Server {
            url: "no URL".into(),
            reason: "expected one at least".into(),
        });
    };
    // A server that says what its model is speaks for those that do not.
    let leader = endpoints
        .iter()
        .find(|endpoint| endpoint.known().described.facts.is_some())
        .unwrap_or(first);
    let led = leader.known();
    for endpoint in endpoints {
        let known = endpoint.known();
        different(&led, &known).map_or(Ok(()), |difference| {
            Err(PredictError::unusable(
                endpoint.url(),
                Unusable::OtherModel {
                    leader: leader.url().to_owned(),
                    difference,
                },
            ))
        })?;
    }
    let engines = engines(endpoints);
    let unusable = |unusable| PredictError::unusable(leader.url(), unusable);
    match &led.described.facts {
        Some(facts) => {
            let flags = &settings.adaptation;
            let mut info = facts.info(name(endpoints), engines);
            let positives = if facts.positives.is_empty() {
                let told = told_positives(&facts.classes, flags).map_err(unusable)?;
                info.positives = told
                    .iter()
                    .map(|&column| facts.classes[column].clone())
                    .collect();
                // Told positives change scores, so they belong to the model's identity.
                info.adaptation = Some(format!(
                    "{} of {}",
                    facts.combine,
                    info.positives.join(", ")
                ));
                told
            } else {
                if let Some(setting) = flags.first_given() {
                    return Err(unusable(Unusable::ServedAndTold(setting)));
                }
                facts.positives.clone()
            };
            let rule = ScoreRule {
                activation: Activation::None,
                positives,
                combine: facts.combine,
            };
            Ok((info, rule))
        }
        None => {
            let columns = led.answers.len() / BUILT_IN_TILES;
            let rows = Rows {
                columns,
                outputs: &led.answers,
            };
            let (rule, classes) =
                rule_of_flags(rows, None, &settings.adaptation).map_err(unusable)?;
            let positives: Vec<String> = rule
                .positives
                .iter()
                .map(|&column| classes[column].clone())
                .collect();
            let mut adaptation = format!(
                "activation {}, {} of {}",
                rule.activation,
                rule.combine,
                positives.join("+")
            );
            if let Some(output) = &led.described.outputs.scores {
                adaptation = format!("{adaptation} in {output}");
            }
            let info = ModelInfo {
                name: name(endpoints),
                checksum: checksum(endpoints),
                engine: engines,
                classes,
                positives,
                default_threshold: None,
                precision: None,
                adaptation: Some(adaptation),
                trained_on_synthetic: false,
                attribution: None,
                // Others cannot be written down, and are worth no comparison.
                answers: led
                    .answers
                    .iter()
                    .all(|answer| answer.is_finite())
                    .then(|| led.answers.clone()),
            };
            Ok((info, rule))
        }
    }
}

/// What tells two models apart, if anything does.
fn different(known: &Known, found: &Known) -> Option<String> {
    if let (Some(known), Some(found)) = (&known.described.facts, &found.described.facts) {
        return (known.checksum != found.checksum)
            .then(|| format!("{} there, {} here", known.checksum, found.checksum));
    }
    if known.answers.len() != found.answers.len() {
        return Some(format!(
            "{} scores for the built-in tiles there, {} here",
            known.answers.len(),
            found.answers.len()
        ));
    }
    far_apart(&known.answers, &found.answers)
        .map(|(there, here)| format!("a built-in tile scores {there:.6} there and {here:.6} here"))
}

/// Whether two rows of answers to the built-in tiles can be the same model's.
#[must_use]
pub fn same_answers(known: &[f32], found: &[f32]) -> bool {
    known.len() == found.len() && far_apart(known, found).is_none()
}

/// The two answers that lie farthest apart, if too far.
fn far_apart(known: &[f32], found: &[f32]) -> Option<(f32, f32)> {
    let probabilities = known
        .iter()
        .chain(found)
        .all(|answer| (0.0..=1.0).contains(answer));
    let logit = |answer: f32| {
        if probabilities {
            let p = answer.clamp(PROBABILITY_MIN, 1.0 - PROBABILITY_MIN);
            (p / (1.0 - p)).ln()
        } else {
            answer
        }
    };
    // Answers that are no numbers are far from everything but each other.
    let distance = |a: f32, b: f32| match (a.is_nan(), b.is_nan()) {
        (true, true) => 0.0,
        (false, false) => (logit(a) - logit(b)).abs(),
        _ => f32::INFINITY,
    };
    known
        .iter()
        .zip(found)
        .map(|(&a, &b)| (distance(a, b), a, b))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(distance, ..)| *distance > ANSWER_TOLERANCE)
        .map(|(_, a, b)| (a, b))
}

/// Asks a server again what it serves and answers what it has shown now.
///
/// # Errors
/// [`PredictError::Server`] while it does not work, [`PredictError::ModelChanged`] when it holds
/// another model and that is not allowed.
pub(super) async fn again(
    endpoint: &Endpoint,
    settings: &RemoteSettings,
    trial: &[Bytes],
    classes: usize,
) -> Result<Known, PredictError> {
    let known = endpoint.known();
    let described = endpoint.describe(settings).await?;
    let answers = answers(endpoint, &described, trial, Some(classes))
        .await
        .map_err(|reason| endpoint.at().server(reason))?;
    let found = Known { described, answers };
    let (before, now) = (&known.described, &found.described);
    let difference =
        if before.facts.is_some() != now.facts.is_some() || before.outputs != now.outputs {
            Some("it describes itself otherwise".to_owned())
        } else if before.facts.is_none() && before.version != now.version {
            let text = |version: &Option<String>| version.clone().unwrap_or_else(|| "none".into());
            Some(format!(
                "version {} before, {} now",
                text(&before.version),
                text(&now.version)
            ))
        } else {
            different(&known, &found)
        };
    let Some(difference) = difference else {
        return Ok(found);
    };
    let same_outputs = before.outputs == now.outputs
        && before
            .facts
            .as_ref()
            .map(|facts| (&facts.classes, &facts.positives))
            == now
                .facts
                .as_ref()
                .map(|facts| (&facts.classes, &facts.positives));
    if settings.allow_model_change && same_outputs {
        tracing::warn!(
            "{} serves another model now ({difference}), and the run goes on with it",
            endpoint.url()
        );
        return Ok(found);
    }
    Err(PredictError::ModelChanged {
        url: endpoint.url().to_owned(),
        difference,
        compatible: same_outputs,
    })
}

/// Names and versions, each once, in an order that does not depend on that of the flags.
fn name(endpoints: &[Endpoint]) -> String {
    let mut names: Vec<String> = endpoints
        .iter()
        .map(|endpoint| {
            let model = &endpoint.at().model;
            match &endpoint.known().described.version {
                Some(version) => format!("{model} version {version}"),
                None => model.clone(),
            }
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names.join(" and ")
}

fn engines(endpoints: &[Endpoint]) -> String {
    let mut engines: Vec<String> = endpoints
        .iter()
        .map(|endpoint| endpoint.known().described.engine.clone())
        .collect();
    engines.sort_unstable();
    engines.dedup();
    engines.join("; ")
}

/// Of a model whose file nobody knows: the digest of what it goes by.
fn checksum(endpoints: &[Endpoint]) -> String {
    digest::sha256(name(endpoints)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_differ_in_their_last_digits_are_the_same_models() {
        assert_eq!(far_apart(&[0.5, 1e-9], &[0.5001, 1e-8]), None);
        assert_eq!(far_apart(&[0.999_999_9], &[1.0]), None);
        assert_eq!(far_apart(&[4.0, -7.0], &[4.01, -7.02]), None);
        assert_eq!(far_apart(&[f32::NAN], &[f32::NAN]), None);
    }

    #[test]
    fn small_probabilities_tell_models_apart_as_well_as_large_ones() {
        assert_eq!(far_apart(&[0.5, 1e-4], &[0.5, 3e-4]), Some((1e-4, 3e-4)));
        assert_eq!(far_apart(&[4.0], &[5.0]), Some((4.0, 5.0)));
        assert!(far_apart(&[0.5], &[f32::NAN]).is_some());
    }
}
