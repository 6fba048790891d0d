//! From a model's outputs to one score a tile.

use super::settings::{Activation, Combine};

/// How a row of outputs becomes a score.
#[derive(Clone, Debug, PartialEq)]
pub struct ScoreRule {
    /// What still has to be done to the outputs; [`Activation::None`] for probabilities.
    pub activation: Activation,
    /// Columns that count as a tower; at least one.
    pub positives: Vec<usize>,
    pub combine: Combine,
}

impl ScoreRule {
    /// The score of one row, 0 to 1; NaN where an output is no number.
    #[must_use]
    pub fn score(&self, row: &[f32]) -> f32 {
        if row.iter().any(|output| !output.is_finite()) {
            return f32::NAN;
        }
        let probability = self.probability(row);
        let positives = self
            .positives
            .iter()
            .map(|&column| probability(row[column]));
        let score = match self.combine {
            Combine::Sum => positives.sum::<f32>(),
            Combine::Largest => positives.fold(0.0, f32::max),
        };
        // Probabilities that were rounded may add up to a little more than 1.
        score.clamp(0.0, 1.0)
    }

    /// The probabilities of all columns of one row.
    #[must_use]
    pub fn probabilities(&self, row: &[f32]) -> Vec<f32> {
        row.iter().copied().map(self.probability(row)).collect()
    }

    /// What makes a probability of one output of a row.
    fn probability(&self, row: &[f32]) -> impl Fn(f32) -> f32 + use<> {
        let activation = self.activation;
        let (mut largest, mut sum) = (0.0, 1.0);
        if activation == Activation::Softmax {
            // Less the largest, so that no exponential overflows.
            largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            sum = row.iter().map(|x| (x - largest).exp()).sum();
        }
        move |output| match activation {
            Activation::None => output,
            Activation::Sigmoid => 1.0 / (1.0 + (-output).exp()),
            Activation::Softmax => (output - largest).exp() / sum,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(activation: Activation, positives: &[usize], combine: Combine) -> ScoreRule {
        ScoreRule {
            activation,
            positives: positives.to_vec(),
            combine,
        }
    }

    #[test]
    fn classes_that_exclude_each_other_add_up() {
        let rule = rule(Activation::None, &[1, 2], Combine::Sum);
        assert_eq!(rule.score(&[0.5, 0.25, 0.25]), 0.5);
    }

    #[test]
    fn of_classes_that_may_occur_together_the_likeliest_counts() {
        let rule = rule(Activation::Sigmoid, &[0, 1], Combine::Largest);
        assert_eq!(rule.score(&[0.0, -3.0]), 0.5);
    }

    #[test]
    fn softmax_does_not_overflow_and_adds_up_to_one() {
        let rule = rule(Activation::Softmax, &[0], Combine::Sum);
        assert_eq!(rule.score(&[1000.0, 1000.0]), 0.5);
        assert_eq!(rule.score(&[1000.0, -1000.0]), 1.0);
        assert_eq!(rule.probabilities(&[3.0, 3.0]), [0.5, 0.5]);
    }

    #[test]
    fn an_output_that_is_no_number_gives_no_score_even_in_another_column() {
        for activation in [Activation::None, Activation::Softmax, Activation::Sigmoid] {
            let rule = rule(activation, &[0], Combine::Sum);
            assert!(rule.score(&[0.5, f32::NAN]).is_nan());
            assert!(rule.score(&[0.5, f32::INFINITY]).is_nan());
        }
    }

    #[test]
    fn a_sum_never_exceeds_one() {
        let rule = rule(Activation::None, &[0, 1], Combine::Sum);
        assert_eq!(rule.score(&[0.600_001, 0.4]), 1.0);
    }
}
