//! The JSON of answers with scores.

use std::fmt::Write as _;

use super::body::Form;
use crate::serve::batcher::Answer;

/// The answer's JSON. `columns` is the width of the attribution grid where it was asked for: then
/// there are two outputs, and their names stand with them.
pub(super) fn write(answers: &[Answer], form: Form, columns: Option<usize>) -> String {
    let mut text = String::with_capacity(answers.len() * 64);
    let grid = |text: &mut String, cells: &[f32], columns: usize| {
        let rows: Vec<&[f32]> = cells.chunks(columns).collect();
        join(text, &rows, |text, row| write_row(text, row));
    };
    match (form, columns) {
        (Form::Rows, None) => {
            text.push_str("{\"predictions\":");
            join(&mut text, answers, |text, answer| {
                write_row(text, &answer.outputs);
            });
        }
        (Form::Rows, Some(columns)) => {
            text.push_str("{\"predictions\":");
            join(&mut text, answers, |text, answer| {
                text.push_str("{\"scores\":");
                write_row(text, &answer.outputs);
                text.push_str(",\"attribution\":");
                grid(text, &answer.attribution, columns);
                text.push('}');
            });
        }
        (Form::Columns, None) => {
            text.push_str("{\"outputs\":");
            join(&mut text, answers, |text, answer| {
                write_row(text, &answer.outputs);
            });
        }
        (Form::Columns, Some(columns)) => {
            text.push_str("{\"outputs\":{\"scores\":");
            join(&mut text, answers, |text, answer| {
                write_row(text, &answer.outputs);
            });
            text.push_str(",\"attribution\":");
            join(&mut text, answers, |text, answer| {
                grid(text, &answer.attribution, columns);
            });
            text.push('}');
        }
    }
    text.push('}');
    text
}

/// What `:classify` answers: for each image its classes with their scores.
pub(super) fn write_classes(answers: &[Answer], classes: &[String]) -> String {
    let labels: Vec<String> = classes
        .iter()
        .map(|class| serde_json::Value::from(class.as_str()).to_string())
        .collect();
    let mut text = String::from("{\"results\":");
    join(&mut text, answers, |text, answer| {
        let pairs: Vec<_> = labels.iter().zip(&answer.outputs).collect();
        join(text, &pairs, |text, (label, score)| {
            text.push('[');
            text.push_str(label);
            text.push(',');
            write_number(text, **score);
            text.push(']');
        });
    });
    text.push('}');
    text
}

/// What `:regress` answers: for each image the probability of the positive classes.
pub(super) fn write_regressions(answers: &[Answer]) -> String {
    let scores: Vec<f32> = answers.iter().map(|answer| answer.score).collect();
    let mut text = String::from("{\"results\":");
    write_row(&mut text, &scores);
    text.push('}');
    text
}

fn join<T>(text: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    text.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        write(text, item);
    }
    text.push(']');
}

pub(super) fn write_row(text: &mut String, row: &[f32]) {
    join(text, row, |text, number| write_number(text, *number));
}

/// A number in the fewest digits that give back the same `f32`, with `.0` on whole ones. What is no
/// number is written as TF Serving does, though JSON has no word for it.
fn write_number(text: &mut String, number: f32) {
    // Writing to a string cannot fail.
    let _ = if number.is_infinite() {
        write!(text, "{}Infinity", if number < 0.0 { "-" } else { "" })
    } else {
        write!(text, "{number:?}")
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_round_trip_and_whole_ones_keep_their_point() {
        let mut text = String::new();
        write_row(&mut text, &[1.0, 0.1, 1e-30, f32::NAN, f32::NEG_INFINITY]);
        assert_eq!(text, "[1.0,0.1,1e-30,NaN,-Infinity]");
    }
}
