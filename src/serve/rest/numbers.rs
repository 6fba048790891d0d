//! Lists of numbers in JSON, written by hand: serde_json would write each `f32` as the longer `f64`.

use std::fmt::Write as _;

/// Writes a list of items, each by `write`.
pub(super) fn join<T>(text: &mut String, items: &[T], write: impl Fn(&mut String, &T)) {
    text.push('[');
    for (position, item) in items.iter().enumerate() {
        if position > 0 {
            text.push(',');
        }
        write(text, item);
    }
    text.push(']');
}

/// Writes a list of numbers.
pub(super) fn write_row(text: &mut String, row: &[f32]) {
    join(text, row, |text, number| write_number(text, *number));
}

/// A number in the fewest digits that give back the same `f32`, with `.0` on whole ones. What is no
/// number is written as TF Serving does, though JSON has no word for it.
pub(super) fn write_number(text: &mut String, number: f32) {
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
