//! How much likelier a span is on a line than among unrelated places, in nats.

use std::f64::consts::{PI, TAU};

/// The sharpest turn of a line, as a cosine: 75°.
pub(super) const COS_TURN_MIN: f64 = 0.26;
/// How far a place lies from its tower, in metres, along each axis: one standard deviation.
const PLACE_NOISE_M: f64 = 7.0;
/// Transitions that weigh less are not kept, in nats.
const WEIGHT_MIN: f64 = -6.0;

/// A span by itself, where so many unrelated places stand in a square metre.
pub(super) fn alone(length_m: f32, density: f32) -> f32 {
    let length = f64::from(length_m);
    (any_span(length) / (TAU * f64::from(density) * length)).ln() as f32
}

/// A span behind another; `None` where no line turns so sharply, or hardly one.
pub(super) fn behind(before_m: f32, length_m: f32, cos: f32, density: f32) -> Option<f32> {
    let (first, second, cos) = (f64::from(before_m), f64::from(length_m), f64::from(cos));
    if cos < COS_TURN_MIN {
        return None;
    }
    let likely = next_span(second, first) * turn(cos, first, second);
    let weight = (likely / (f64::from(density) * second)).ln();
    (weight > WEIGHT_MIN).then_some(weight as f32)
}

/// Density of the log-normal distribution.
fn log_normal(value: f64, median: f64, sigma: f64) -> f64 {
    let z = (value / median).ln() / sigma;
    (-0.5 * z * z).exp() / (value * sigma * TAU.sqrt())
}

/// Density of a line's spans, a metre.
fn any_span(length: f64) -> f64 {
    0.93 * log_normal(length, 300.0, 0.42) + 0.07 * log_normal(length, 600.0, 0.6)
}

/// Density of a span behind another: much the same, twice or half as long where a tower was missed,
/// or any.
fn next_span(length: f64, before: f64) -> f64 {
    0.55 * log_normal(length, before, 0.28)
        + 0.12 * log_normal(length, 2.0 * before, 0.25)
        + 0.12 * log_normal(length, 0.5 * before, 0.25)
        + 0.16 * any_span(length)
        + 0.05 * log_normal(length, 600.0, 0.5)
}

/// Density of turns, a radian: straight but for the places' noise, a bend, or anything.
fn turn(cos: f64, first: f64, second: f64) -> f64 {
    let angle = cos.clamp(-1.0, 1.0).acos();
    let (a, b) = (PLACE_NOISE_M / first, PLACE_NOISE_M / second);
    let sigma = (0.025f64.powi(2) + a * a + b * b + a * b).sqrt();
    let z = angle / sigma;
    0.84 * (-0.5 * z * z).exp() / (sigma * TAU.sqrt())
        + 0.11 * (-angle / 0.35).exp() / 0.7
        + 0.05 / PI
}
