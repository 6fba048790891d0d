//! What an ONNX file says about itself before any engine loads it.
//!
//! ONNX files are protocol buffers; the few fields read here are numbered as in the standard's
//! `onnx.proto` (ONNX 1.17), and the wire format is that of protobuf's "Encoding" page. Everything
//! else is skipped over.

use std::collections::HashMap;

/// Facts about a model's graph.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GraphFacts {
    pub producer: String,
    /// Version of the standard operators.
    pub opset: Option<i64>,
    /// Number of stored weights.
    pub parameters: u64,
    /// How weights are stored: `int8` where the graph computes with bytes, else the type of most
    /// weights.
    pub precision: Option<&'static str>,
    /// Some weights lie in other files.
    pub external_weights: bool,
    /// Each output's last operator that changes values, such as `Softmax`.
    pub makers: HashMap<String, String>,
}

/// Operators that pass values on as they are, or nearly so.
const PASSING_ON: [&str; 7] = [
    "Identity",
    "Cast",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "DequantizeLinear",
];

/// Reads the facts, or `None` for what is no ONNX model.
#[must_use]
pub fn read(file: &[u8]) -> Option<GraphFacts> {
    let mut facts = GraphFacts::default();
    let mut graph = None;
    for field in Fields(file) {
        match field? {
            (2, Value::Bytes(name)) => facts.producer = text(name),
            (7, Value::Bytes(bytes)) => graph = Some(bytes),
            (8, Value::Bytes(bytes)) => {
                let mut domain = String::new();
                let mut version = None;
                for field in Fields(bytes) {
                    match field? {
                        (1, Value::Bytes(name)) => domain = text(name),
                        (2, Value::Number(number)) => version = i64::try_from(number).ok(),
                        _ => {}
                    }
                }
                if domain.is_empty() || domain == "ai.onnx" {
                    facts.opset = version;
                }
            }
            _ => {}
        }
    }
    read_graph(graph?, &mut facts)?;
    Some(facts)
}

fn read_graph(graph: &[u8], facts: &mut GraphFacts) -> Option<()> {
    // For each value its operator and that operator's first input.
    let mut made_by: HashMap<&[u8], (String, &[u8])> = HashMap::new();
    let mut outputs = Vec::new();
    let mut weights: HashMap<u64, u64> = HashMap::new();
    let mut computes_with_bytes = false;
    for field in Fields(graph) {
        match field? {
            (1, Value::Bytes(node)) => {
                let (mut input, mut results, mut operator) = (None, Vec::new(), String::new());
                for field in Fields(node) {
                    match field? {
                        (1, Value::Bytes(name)) => input = input.or(Some(name)),
                        (2, Value::Bytes(name)) => results.push(name),
                        (4, Value::Bytes(name)) => operator = text(name),
                        _ => {}
                    }
                }
                computes_with_bytes |= matches!(
                    operator.as_str(),
                    "QuantizeLinear"
                        | "QLinearConv"
                        | "ConvInteger"
                        | "MatMulInteger"
                        | "QLinearMatMul"
                );
                for result in results {
                    made_by.insert(result, (operator.clone(), input.unwrap_or_default()));
                }
            }
            (5, Value::Bytes(tensor)) => {
                let stored = read_tensor(tensor)?;
                facts.parameters += stored.numbers;
                facts.external_weights |= stored.external;
                *weights.entry(stored.data_type).or_default() += stored.numbers;
            }
            (12, Value::Bytes(output)) => {
                for field in Fields(output) {
                    if let (1, Value::Bytes(name)) = field? {
                        outputs.push(name);
                    }
                }
            }
            _ => {}
        }
    }
    let most = weights
        .into_iter()
        .max_by_key(|&(data_type, numbers)| (numbers, data_type))
        .map(|(data_type, _)| data_type);
    facts.precision = match most {
        _ if computes_with_bytes => Some("int8"),
        // The numbers of TensorProto.DataType.
        Some(1) => Some("fp32"),
        Some(10) => Some("fp16"),
        Some(16) => Some("bf16"),
        Some(2 | 3) => Some("int8"),
        _ => None,
    };
    for output in outputs {
        let mut value = output;
        // A graph has no cycles, but a damaged file might.
        for _ in 0..made_by.len() {
            match made_by.get(value) {
                Some((operator, input)) if PASSING_ON.contains(&operator.as_str()) => value = input,
                Some((operator, _)) => {
                    facts.makers.insert(text(output), operator.clone());
                    break;
                }
                None => break,
            }
        }
    }
    Some(())
}

struct StoredTensor {
    numbers: u64,
    data_type: u64,
    external: bool,
}

fn read_tensor(tensor: &[u8]) -> Option<StoredTensor> {
    let mut stored = StoredTensor {
        numbers: 1,
        data_type: 0,
        external: false,
    };
    for field in Fields(tensor) {
        match field? {
            (1, Value::Number(size)) => stored.numbers = stored.numbers.saturating_mul(size),
            // Dimensions may also come packed.
            (1, Value::Bytes(mut packed)) => {
                while !packed.is_empty() {
                    let (size, rest) = varint(packed)?;
                    stored.numbers = stored.numbers.saturating_mul(size);
                    packed = rest;
                }
            }
            (2, Value::Number(number)) => stored.data_type = number,
            // DataLocation.EXTERNAL.
            (14, Value::Number(1)) => stored.external = true,
            _ => {}
        }
    }
    Some(stored)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes that nothing here reads.
    Fixed,
}

/// The fields of one message: number and value, or `None` once where the bytes are damaged.
struct Fields<'a>(&'a [u8]);

impl<'a> Iterator for Fields<'a> {
    type Item = Option<(u64, Value<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = &[];
        }
        Some(field)
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Value<'a>)> {
        let (key, rest) = varint(self.0)?;
        self.0 = rest;
        let value = match key & 7 {
            0 => {
                let (number, rest) = varint(self.0)?;
                self.0 = rest;
                Value::Number(number)
            }
            1 => {
                self.take(8)?;
                Value::Fixed
            }
            2 => {
                let (length, rest) = varint(self.0)?;
                self.0 = rest;
                Value::Bytes(self.take(usize::try_from(length).ok()?)?)
            }
            5 => {
                self.take(4)?;
                Value::Fixed
            }
            _ => return None,
        };
        Some((key >> 3, value))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

/// A number of up to ten bytes, seven bits each, low ones first; and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Some((number, &bytes[index + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fixture(name: &str) -> Vec<u8> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/models/");
        std::fs::read(format!("{folder}{name}")).unwrap()
    }

    #[test]
    fn the_last_operator_and_the_precision_are_read_from_the_file() {
        let facts = |name: &str| read(&fixture(name)).unwrap();
        let softmax = facts("nhwc_probabilities.onnx");
        assert_eq!(softmax.makers["scores"], "Softmax");
        assert_eq!(softmax.precision, Some("fp32"));
        assert_eq!(softmax.opset, Some(17));
        assert_eq!(softmax.producer, "make_models.py");
        assert!(!softmax.external_weights);
        // Two convolutions of 3 → 8 → 12 channels and a dense layer of 2, with their biases.
        let expected = (8 * 27 + 8) + (12 * 72 + 12) + (12 * 2 + 2);
        assert_eq!(softmax.parameters, expected);
        assert_eq!(facts("nchw_logits.onnx").makers["scores"], "Gemm");
        assert_eq!(facts("contract_sigmoid.onnx").makers["scores"], "Sigmoid");
        assert_eq!(facts("contract_int8.onnx").precision, Some("int8"));
    }

    #[test]
    fn a_file_cut_anywhere_is_no_model_and_no_panic() {
        let file = fixture("nchw_logits.onnx");
        for length in (0..file.len()).step_by(7) {
            // Whether the facts come out depends on where the cut falls; only a panic is wrong.
            let _ = read(&file[..length]);
        }
        assert_eq!(read(&file[..file.len() / 2]), None);
        assert_eq!(read(b""), None);
        assert_eq!(read(b"not an onnx file at all"), None);
    }
}
