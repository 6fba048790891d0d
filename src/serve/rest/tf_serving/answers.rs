//! The JSON of answers with scores.

use super::predict_body::Form;
use crate::serve::{
    batcher::Answer,
    rest::numbers::{join, write_number, write_row},
};

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
